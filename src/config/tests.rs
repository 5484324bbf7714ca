#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::*;

fn problems(text: &str) -> Vec<String> {
    check(text, "hms.toml").problems.iter().map(ToString::to_string).collect()
}

/// Each mistake alone: the text, the line, and what the message must contain.
const MISTAKES: [(&str, usize, &[&str]); 32] = [
    ("[hms]\nlisten = [\"::1\"]\n", 2, &["\"::1\" has no port", "write \"[::1]:6710\""]),
    ("[hosts]\nchek_time = \"5s\"\n", 2, &["hosts.chek_time: unknown key", "did you mean check_time?"]),
    ("[hosts]\ncolour = 1\n", 2, &["hosts.colour: unknown key", "check_time, expiry_factor"]),
    ("[hots]\ncheck_time = \"5s\"\n", 1, &["hots: unknown section", "did you mean [hosts]?"]),
    ("check_time = \"5s\"\n", 1, &["check_time: stands outside of its section", "move it below [hosts]"]),
    ("[hms]\ncheck_time = \"5s\"\n", 2, &["hms.check_time: unknown key", "it belongs below [hosts]"]),
    ("[hosts]\n\ncheck_time = 5\n", 3, &["a whole number stands where a duration belongs", "\"5s\""]),
    ("[hosts]\ncheck_time = \"5\"\n", 2, &["\"5\" is not a duration", "\"5s\" for seconds"]),
    ("[hosts]\ncheck_time = \"soon\"\n", 2, &["\"soon\" is not a duration", "\"30s\""]),
    ("[hosts]\ncheck_time = \"10ms\"\n", 2, &["\"10ms\" is out of range", "from \"1s\" to \"24h\""]),
    ("[hosts]\nexpiry_factor = 1\n", 2, &["hosts.expiry_factor: 1 is out of range", "from 1.5 to 10"]),
    ("[hosts]\nexpiry_factor = \"2.5\"\n", 2, &["a text stands where a number", "leave the quotes out: 2.5"]),
    ("[hosts]\nupdate = \"on-chnage\"\n", 2, &["\"on-chnage\"", "did you mean \"on-change\"?"]),
    (
        "[hosts]\npush = \"true\"\n",
        2,
        &["a text stands where true or false belongs", "leave the quotes out: true"],
    ),
    ("[hosts]\nall_rows = -1\n", 2, &["-1 is out of range", "from 0 to 100000"]),
    ("[hms]\nlisten = \"[::]:6710\"\n", 2, &["hms.listen", "put it in brackets: [\"[::]:6710\"]"]),
    (
        "[hms]\nlisten = [\n  \"[::]:6710\",\n  \"hms.example:6710\"]\n",
        4,
        &["is not an address", "names are not looked up"],
    ),
    ("[hms]\nlisten = [\"10.0.0.1:99999\"]\n", 2, &["\"99999\" is not a port"]),
    ("[hms]\nlisten = []\n", 2, &["hms.listen: the list is empty"]),
    ("[hms]\nlisten = [\"10.0.0.1:6710\", \"10.0.0.1:6710\"]\n", 2, &["10.0.0.1:6710 stands twice"]),
    ("[hms]\ninterfaces = [\"a very long interface\"]\n", 2, &["is not an interface name", "ip link"]),
    ("[hms]\nname = \" atlas\"\n", 2, &["hms.name: a name cannot begin or end with white space"]),
    ("[peers]\naddress = [\"atlas\"]\n", 2, &["\"atlas\" is not an address of another HMS", "not looked up"]),
    ("[peers]\naddress = [\"10.0.0.2\", \"10.0.0.2:6710\"]\n", 2, &["10.0.0.2:6710 stands twice"]),
    ("[peers]\naddress = [\"0.0.0.0\"]\n", 2, &["belongs to a single machine"]),
    ("[peers]\nstart_tries = 0\n", 2, &["peers.start_tries: 0 is out of range", "from 1 to 100"]),
    ("[realm]\nname = \"acme\"\n", 1, &["realm", "[[realm]] with two brackets"]),
    ("[[realm]]\nmax_hosts = 5\n", 1, &["realm.name: is missing"]),
    ("[[realm]]\nname = \"a\"\n[[realm]]\nname = \"a\"\n", 4, &["two [[realm]] named \"a\""]),
    ("[[hosts]]\npush = true\n", 1, &["[hosts] with single brackets"]),
    ("[hms]\nname = atlas\n", 2, &["not TOML", "in quotes"]),
    ("[hms]\nname = \"a\"\nname = \"b\"\n", 3, &["not TOML: duplicate key", "keep one of the two lines"]),
];

#[test]
fn each_mistake_is_named_with_line_and_remedy() {
    for (text, line, words) in MISTAKES {
        let found = check(text, "hms.toml");
        assert!(!found.usable(), "{text}");
        assert_eq!(found.problems.len(), 1, "{text}: {:?}", problems(text));
        let shown = found.problems[0].to_string();
        assert_eq!(found.problems[0].line, line, "{shown}");
        assert!(!found.problems[0].remedy.is_empty());
        words.iter().for_each(|word| assert!(shown.contains(word), "{shown:?} lacks {word:?}"));
    }
}

#[test]
fn all_mistakes_of_a_file_come_at_once_in_the_order_of_lines() {
    let text = "[hosts]\ncheck_time = 5\nupdat = \"always\"\n[hms]\nlisten = [\"x\", 5]\n";
    let lines: Vec<usize> = check(text, "f").problems.iter().map(|p| p.line).collect();
    assert_eq!(lines, [2, 3, 5, 5]);
}

#[test]
fn the_default_file_runs_unedited_and_says_the_defaults() {
    let checked = check(DEFAULT_FILE, "default");
    assert_eq!(checked.problems, []);
    assert_eq!(checked.config, Config::default());
    assert_eq!(check("", "empty").config, Config::default());
}

#[test]
fn commented_examples_of_the_default_file_are_right_too() {
    let text: String = DEFAULT_FILE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with("[[") || rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(problems(&text), [""; 0]);
    assert_eq!(check(&text, "f").config.realms.len(), 1);
}

#[test]
fn values_are_taken() {
    let text = r#"
[hms]
name = "atlas"
listen = ["0.0.0.0:6710", "[::1]:7000"]
interfaces = ["eno1", "wlan0"]
standalone = true
[hosts]
check_time = "1h 30m"
expiry_factor = 3
update = "on-request"
push = false
all_rows = 0
hints = false
[peers]
address = ["10.1.0.6", "[fd00::6]:7000", "[fd00::7]"]
exchange_time = "2s"
immediate = false
start_tries = 5
start_wait = "500ms"
[[realm]]
name = "acme"
max_hosts = 5
max_rate = 7
[[prefer]]
prefix = "10.4.0.0/16"
hms = "osaka"
"#;
    let checked = check(text, "f");
    assert_eq!(checked.problems, []);
    let config = checked.config;
    assert_eq!(config.name.as_ref().map(Name::as_str), Some("atlas"));
    assert_eq!(config.listen, ["0.0.0.0:6710".parse().unwrap(), "[::1]:7000".parse().unwrap()]);
    assert_eq!(config.interfaces, ["eno1", "wlan0"]);
    assert!(config.standalone && !config.push && !config.hints);
    assert_eq!(config.check_time, Duration::from_secs(5400));
    assert!((config.expiry_factor - 3.0).abs() < f64::EPSILON);
    assert_eq!((config.update, config.all_rows), (Update::OnRequest, 0));
    let peers = &config.peers;
    let told = ["10.1.0.6:6710", "[fd00::6]:7000", "[fd00::7]:6710"].map(|text| text.parse().unwrap());
    assert_eq!(peers.address, told, "6710 where no port is named");
    assert_eq!((peers.exchange_time, peers.immediate, peers.start_tries), (Duration::from_secs(2), false, 5));
    assert_eq!(peers.start_wait, Duration::from_millis(500));
    assert_eq!(config.realm("acme").map(|r| (r.max_hosts, r.max_rate)), Some((Some(5), Some(7))));
    let prefer =
        PreferConfig { network: "10.4.0.0".parse().unwrap(), bits: 16, hms: Name::new("osaka").unwrap() };
    assert_eq!(config.prefer, [prefer]);
}

#[test]
fn a_host_is_answered_when_the_others_have_it_if_that_is_wanted() {
    let ack = |word: &str| check(&format!("[peers]\nack = \"{word}\"\n"), "f");
    assert_eq!(ack("replicated").problems, []);
    assert_eq!(
        (ack("replicated").config.peers.ack, ack("local").config.peers.ack),
        (Ack::Replicated, Ack::Local)
    );
    assert_eq!(Config::default().peers.ack, Ack::Local);
    assert!(!ack("maybe").usable());
}

#[test]
fn links_between_hmss_may_have_an_address_for_themselves() {
    let bind = |text: &str| check(&format!("[peers]\nbind = \"{text}\"\n"), "hms.toml");
    for text in ["10.99.0.1", "fd00::1", "127.0.0.2"] {
        let checked = bind(text);
        assert_eq!(checked.problems, []);
        assert_eq!(checked.config.peers.bind, Some(text.parse().unwrap()));
    }
    let wrong = [
        ("eth1", "\"eth1\" is not an IP address"),
        ("10.99.0.1:6710", "has a port, and that of listen is taken"),
        ("0.0.0.0", "stands for every address"),
        ("::", "stands for every address"),
        ("255.255.255.255", "is a broadcast address"),
        ("239.1.1.1", "is a multicast group"),
        ("fe80::1", "is link-local"),
    ];
    for (text, problem) in wrong {
        let checked = bind(text);
        assert!(!checked.usable(), "{text}");
        let told = checked.problems[0].to_string();
        assert!(told.starts_with("hms.toml:2: ") && told.contains(problem), "{told}");
        assert_eq!(checked.config.peers.bind, None);
    }
}

#[test]
fn a_preferred_hms_is_named_once_for_each_network() {
    let block = |prefix: &str| format!("[[prefer]]\nprefix = \"{prefix}\"\nhms = \"osaka\"\n");
    let usable = |text: &str| check(text, "f").usable();
    assert!(usable(
        &(block("10.4.0.0/16") + &block("10.4.0.0/24") + &block("2001:db8::/32") + &block("0.0.0.0/0"))
    ));
    for wrong in ["10.4.0.1/16", "10.4.0.0", "10.4.0.0/33", "2001:db8::/129", "2001:db8::1/64", "osaka/8"] {
        assert!(!usable(&block(wrong)), "{wrong}");
    }
    let twice = check(&(block("10.4.0.0/16") + &block("10.4.0.0/16")), "f");
    assert_eq!(twice.problems.len(), 1);
    assert!(
        twice.problems[0].to_string().contains("two [[prefer]] for 10.4.0.0/16"),
        "{}",
        twice.problems[0]
    );
    assert!(!usable("[[prefer]]\nprefix = \"10.4.0.0/16\"\n"), "no HMS");
}

#[test]
fn set_keeps_comments_and_neighbours() {
    let text = "# mine\n[hosts]\n# often\ncheck_time = \"30s\"   # half a minute\npush = true\n";
    let edited = set(text, "f", "hosts.check_time", "5s").unwrap();
    assert_eq!(edited, text.replace("\"30s\"", "\"5s\""));
    let edited = set(&edited, "f", "push", "false").unwrap();
    assert!(edited.contains("push = false\n"));
    let edited = set(&edited, "f", "listen", "127.0.0.1:0, [::1]:0").unwrap();
    assert!(edited.contains("listen = [\"127.0.0.1:0\", \"[::1]:0\"]"), "{edited}");
    let edited = set(&edited, "f", "realm.acme.max_hosts", "12").unwrap();
    assert!(edited.contains("[[realm]]\nname = \"acme\"\nmax_hosts = 12\n"), "{edited}");
    let edited = set(&edited, "f", "realm.acme.max_hosts", "13").unwrap();
    assert_eq!(check(&edited, "f").config.realm("acme").unwrap().max_hosts, Some(13));
    assert!(edited.starts_with("# mine\n[hosts]\n# often\n"));
}

#[test]
fn set_in_the_default_file_and_get_it_back() {
    let edited = set(DEFAULT_FILE, "f", "hms.name", "atlas 2").unwrap();
    assert_eq!(check(&edited, "f").problems, []);
    let name = get(&edited, "f", "hms.name").unwrap();
    assert_eq!((name.value.as_str(), name.set), ("atlas 2", true));
    assert!(!get(DEFAULT_FILE, "f", "name").unwrap().set);
    assert_eq!(get("", "f", "check_time").unwrap().value, "30s");
    assert_eq!(settings(&edited, "f").unwrap().len(), 17);
}

#[test]
fn the_last_address_of_a_peer_can_be_taken_away_again() {
    let edited = set(DEFAULT_FILE, "f", "peers.address", "10.1.0.6, [fd00::6]:7000").unwrap();
    assert!(edited.contains("address = [\"10.1.0.6\", \"[fd00::6]:7000\"]"), "{edited}");
    let edited = set(&edited, "f", "peers.address", "[]").unwrap();
    assert_eq!(check(&edited, "f").problems, []);
    assert_eq!(check(&edited, "f").config, Config::default());
}

#[test]
fn set_refuses_what_does_not_fit() {
    let refused = |key: &str, value: &str| set("", "f", key, value).unwrap_err().to_string();
    assert!(refused("hosts.check_time", "5").contains("give the unit"));
    assert!(refused("hosts.push", "yes").contains("write true or false"));
    assert!(refused("hosts.chek_time", "5s").contains("did you mean hosts.check_time?"));
    assert!(refused("realm.max_hosts", "5").contains("realm.NAME.max_hosts"));
    assert!(refused("nonsense", "5").contains("`hms config get` lists them"));
    assert!(set("[hms\n", "f", "push", "true").is_err());
}

#[test]
fn defaults_of_the_schema_are_those_of_the_file() {
    for setting in settings("", "f").unwrap() {
        let filed = get(DEFAULT_FILE, "f", &setting.key).unwrap();
        if filed.set {
            assert_eq!(filed.value, setting.value, "{}", setting.key);
        }
    }
}

#[test]
fn places_of_the_file() {
    let state = std::path::Path::new("/s");
    let found = candidates(None, None, state);
    assert_eq!(
        found.iter().map(|c| c.path.to_str().unwrap()).collect::<Vec<_>>(),
        ["/s/hms.toml", SYSTEM_FILE]
    );
    let named = candidates(Some(std::path::Path::new("/x")), Some(std::path::Path::new("/y")), state);
    assert_eq!(named, [Candidate { path: "/x".into(), named: true }]);
}
