//! Text of people: settings files and changes of them, durations, addresses, `hms set`. Three pieces, with a zero byte
//! between them: a settings file, a key, a value.

use hms::config::{
    Checked, check, get, nearest, parse_address, parse_destination, parse_duration, parse_listen, set,
    settings, show_duration,
};
use hms::host::{Change, parse_service};
use hms::ident::Incarnation;
use hms::limits::{PORT, SERVICES_MAX};
use hms::server::{PeerSettings, RealmLimits, Server, ServerSettings, Setup, UpdateMode};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;
use hms::wire::{Content, ContentRef};

use super::keys::{REALM, cluster, facts, name};

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut pieces = text.splitn(3, '\0');
    let mut piece = || pieces.next().unwrap_or_default();
    let (file, key, value) = (piece(), piece(), piece());
    read(file);
    edit(file, key, value);
    words(value);
    change(key, value);
}

fn read(file: &str) -> Checked {
    let checked = check(file, "hms.toml");
    for problem in &checked.problems {
        let lines = file.lines().count().max(1) + 1;
        assert!((1..=lines).contains(&problem.line), "{problem:?} of {lines} lines");
        assert!(!problem.to_string().is_empty() && !problem.remedy.is_empty());
    }
    if checked.usable() {
        begin_with(&checked);
        let shown = settings(file, "hms.toml").expect("a file without problems has settings");
        assert!(shown.len() >= 10);
    }
    checked
}

/// An HMS runs under settings without problems, and lives through the end of its rows' time.
fn begin_with(checked: &Checked) {
    let config = &checked.config;
    let limits = config.realms.iter().map(|realm| RealmLimits {
        name: realm.name.to_string(),
        max_hosts: realm.max_hosts,
        max_rate: realm.max_rate,
    });
    let settings = ServerSettings {
        check_time: config.check_time,
        expiry_factor: config.expiry_factor,
        update: UpdateMode::OnChange,
        push: config.push,
        all_rows: config.all_rows,
        standalone: config.standalone,
        prefer: Vec::new(),
        peers: PeerSettings::default(),
        hints: config.hints,
        realms: limits.collect(),
        listen: config.listen.clone(),
    };
    let now = Instant::from_secs(1000);
    let setup = Setup {
        name: config.name.clone().unwrap_or_else(|| name("atlas")),
        server: hms::ident::ServerId(1),
        incarnation: Incarnation(1),
        seed: [1; 32],
        settings: ServerSettings::default(),
        facts: facts(),
        link_secret: LinkSecret::cluster(&[8; 32]),
        default_realm: Some(REALM),
        cluster: cluster(),
        stamp_base: 0,
        wall: UnixMillis(0),
        rows: Vec::new(),
    };
    let mut server = Server::new(now, setup);
    server.reload(now, settings);
    server.handle_timeout(now + config.check_time.saturating_mul(100));
    assert!(server.status(now).listen.len() == config.listen.len());
}

fn edit(file: &str, key: &str, value: &str) {
    let known = get(file, "hms.toml", key);
    let Ok(edited) = set(file, "hms.toml", key, value) else { return };
    assert!(known.is_ok(), "what can be set can be read");
    let problems = |text: &str| check(text, "hms.toml").problems.len();
    let fresh = problems(&edited);
    // One section may be new, and with it a key that the section needs; no fault of the old text is doubled.
    assert!(fresh <= problems(file) + 1, "{fresh} problems");
    let setting = get(&edited, "hms.toml", key).expect("a key that was just set");
    assert!(setting.set, "{key} is set");
    let again = set(&edited, "hms.toml", key, value).expect("what was taken is taken again");
    let value_again = get(&again, "hms.toml", key).expect("a key that was set twice");
    assert_eq!(value_again.value, setting.value);
}

fn words(value: &str) {
    if let Ok(duration) = parse_duration(value) {
        let whole = Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        if whole == duration {
            assert_eq!(parse_duration(&show_duration(duration)), Ok(duration), "shown as it is read");
        }
    }
    let address = parse_address(value, PORT);
    if let Ok(address) = address {
        assert_eq!(parse_address(&address.to_string(), 1), Ok(address));
    }
    for narrow in [parse_listen(value, PORT), parse_destination(value, PORT)] {
        assert!(narrow.is_err() || narrow == address);
    }
    let _ = nearest(value, ["check_time", "listen", "name"]);
}

/// `hms set KEY=VALUE`: what is taken is still content.
fn change(key: &str, value: &str) {
    let mut content = Content::new(name("anna"), name("desk"));
    for key in [key, "service+", "service-", "conference", "name"] {
        for value in value.split('\n') {
            if let Ok(change) = Change::parse(key, value) {
                let _ = change.apply(&mut content);
            }
            if let Ok(service) = parse_service(value) {
                assert_eq!(parse_service(&service.to_string()), Ok(service));
            }
        }
    }
    assert!(content.services.len() <= SERVICES_MAX);
    let bytes = content.to_bytes();
    let read = ContentRef::parse(&bytes, 0).expect("what a user may set can be sent");
    assert_eq!(read.to_content(), Some(content));
}
