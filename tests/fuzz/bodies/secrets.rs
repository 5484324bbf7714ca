//! The text that HMS and host keep: as it is, and the secrets with a checksum that fits. What is read is written and
//! read the same, and a machine can begin with it.

use hms::host::{Host, HostSetup};
use hms::storage::{HostStore, Secrets};
use hms::time::{Duration, Instant, UnixMillis};
use ring::digest;

/// What stands at the end of bare secrets in place of the checksum.
const BARE: &[u8] = br#""checksum":"0000000000000000"}"#;

pub(super) fn run(data: &[u8]) {
    server(data);
    if let Some(body) = data.strip_suffix(BARE) {
        let sum = digest::digest(&digest::SHA256, data);
        let sum = data_encoding::HEXLOWER.encode(&sum.as_ref()[..8]);
        server(&[body, br#""checksum":""#, sum.as_bytes(), br#""}"#].concat());
    }
    host(data);
}

fn server(data: &[u8]) {
    let mut secrets = match Secrets::from_bytes(data) {
        Ok(secrets) => secrets,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let bytes = secrets.to_bytes();
    let again = Secrets::from_bytes(&bytes).expect("secrets that were just written");
    assert_eq!(again.to_bytes(), bytes);
    let keyring = secrets.keyring();
    let ids: std::collections::BTreeSet<_> = secrets.realms.iter().map(|realm| realm.id).collect();
    assert_eq!(keyring.realms().count(), ids.len());
    if let Some(realm) = secrets.default_realm().map(|realm| realm.name.to_string()) {
        let token =
            secrets.token("anna", Some(&realm), Vec::new()).expect("a token of a realm that is there");
        assert_eq!(hms::token::Token::parse(&token.encode()), Ok(token));
        secrets.revoke("anna", Some(&realm)).expect("a user of a realm that is there");
    }
    let before = secrets.clock;
    secrets.take(&keyring, 5);
    assert!(secrets.clock >= before.max(5), "the clock never goes back");
    assert!(Secrets::from_bytes(&secrets.to_bytes()).is_ok());
}

fn host(data: &[u8]) {
    let store = match HostStore::from_bytes(data) {
        Ok(store) => store,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let again = HostStore::from_bytes(&store.to_bytes());
    assert_eq!(again.as_ref(), Ok(&store), "written and read");
    let mut now = Instant::from_secs(1000);
    let mut host = Host::new(
        now,
        HostSetup {
            token: store.token.clone(),
            content: store.content.clone(),
            view: store.view.clone(),
            push: store.push,
            takeover: false,
            near: Vec::new(),
            seed: [1; 32],
            wall: UnixMillis(1_700_000_000_000),
            store,
        },
    );
    let mut buf = Vec::new();
    for _ in 0..20 {
        while host.poll_output(now, &mut buf).is_some() {
            assert!(buf.len() <= hms::limits::DATAGRAM_MAX, "{} bytes", buf.len());
        }
        while host.poll_event().is_some() {}
        let _ = (host.who(now), host.me(now));
        now = host.poll_timeout().unwrap_or(now + Duration::from_secs(1));
        host.handle_timeout(now);
    }
    let kept = host.store().clone();
    assert_eq!(HostStore::from_bytes(&kept.to_bytes()), Ok(kept));
}
