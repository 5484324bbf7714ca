//! An HMS and its hosts, through their commands alone.

use serde_json::{Value, json};

use super::harness::{Running, World};

const SETTINGS: &str = "[hms]\nname = \"atlas\"\n[hosts]\ncheck_time = \"1s\"\n";

/// Waits on the stream of changes until one fits.
fn event(watch: &Running, kind: &str, user: &str) -> Value {
    loop {
        let line = watch.line("\"event\"");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        if event["event"] == kind && event["row"]["user"] == user {
            return event;
        }
    }
}

/// A stream of changes that has begun: the HMS answers requests of one socket in their order.
fn watch(world: &World) -> Running {
    let watch = world.start("hms", &["watch", "--jsonl", "-v"]);
    watch.line("watching");
    watch
}

/// Asks until the answer fits. Each question is answered by a process, which paces the loop.
pub(crate) fn until(world: &World, state: &str, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..2000 {
        let all: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let done = world.hms(state, &all);
        if let Some(value) = serde_json::from_str(&done.out).ok().filter(|value| fits(value)) {
            return value;
        }
    }
    panic!("never: hms {} at {state}", arguments.join(" "));
}

#[test]
fn warnings_are_on_the_screen() {
    let world = World::new();
    world.write("hms/hms.toml", "[[realm]]\nname = \"nope\"\nmax_hosts = 5\n");
    let hms = world.start("hms", &["serve", "--listen", "127.0.0.1:0"]);
    hms.line("there is no realm nope");
}

#[test]
fn hosts_join_see_each_other_change_and_leave() {
    let world = World::new();
    let hms = world.serve("hms", SETTINGS);
    assert!(world.expect(0, "hms", &["hosts"]).err.contains("`hms token USER`"));
    let watch = watch(&world);
    let alice = world.join("hms", "alice", &["--name", "pc1", "--service", "sip:5060", "--video", "5004"]);
    let _bob = world.join("hms", "bob", &["--name", "o'neil", "--address", "192.0.2.7"]);
    let joined = event(&watch, "join", "alice");
    assert!(joined["seq"].is_u64() && joined["row"]["since"].is_string());
    let reported = event(&watch, "join", "bob")["row"]["reported"][0].clone();
    assert!(
        reported.as_str().is_some_and(|a| a.starts_with("192.0.2.7:") && !a.ends_with(":0")),
        "{reported}"
    );

    let who =
        until(&world, "bob", &["who"], |who| who["hosts"].as_array().is_some_and(|hosts| hosts.len() == 2));
    assert_eq!((&who["source"], &who["hms"]), (&"hms".into(), &"atlas".into()));
    assert!(
        who["hosts"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|row| row["self"] == true && row["user"] == "bob")
    );
    assert_eq!(world.expect(0, "bob", &["ip", "alice"]).out, "127.0.0.1\n");
    assert_eq!(world.expect(0, "bob", &["ip", "pc1"]).out, "127.0.0.1\n");
    assert_eq!(world.expect(0, "bob", &["uri", "alice"]).out, "sip:alice@127.0.0.1:5060\n");
    assert_eq!(world.expect(0, "alice", &["uri", "bob"]).out, "hms://bob@127.0.0.1\n");
    assert!(world.expect(0, "alice", &["env", "bob"]).out.contains("HMS_HOST='o'\\''neil'\n"));
    assert!(world.expect(0, "bob", &["env", "alice"]).out.contains("HMS_VIDEO_PORT=5004\n"));
    let nobody = world.expect(1, "bob", &["ip", "alcie"]);
    assert!(nobody.out.is_empty() && nobody.err.contains("did you mean alice?"));
    assert!(world.expect(1, "bob", &["uri", "alice", "--service", "h323"]).err.contains("sip:5060/udp"));

    world.expect(0, "alice", &["set", "state=organizing", "conference=board", "service+=web:80/tcp"]);
    let update = event(&watch, "update", "alice");
    assert_eq!(
        (&update["row"]["state"], &update["row"]["conference"]),
        (&"organizing".into(), &"board".into())
    );
    assert_eq!(update["row"]["services"], json!(["sip:5060/udp", "web:80/tcp"]));
    for wrong in ["state=asleep", "stat=standby", "state", "video=70000"] {
        world.expect(2, "alice", &["set", wrong]);
    }
    let me = world.json("alice", &["self"]);
    assert_eq!(
        (&me["registered"], &me["hms"], &me["state"]),
        (&true.into(), &"atlas".into(), &"organizing".into())
    );
    assert!(world.expect(0, "alice", &["self"]).out.starts_with("registered at HMS atlas"));
    let hosts = world.json("hms", &["hosts"]);
    assert_eq!(hosts.as_array().map(Vec::len), Some(2));
    let table = world.expect(0, "hms", &["hosts"]);
    assert!(table.out.contains("organizing") && table.err.contains("2 hosts: 2 up"), "{table:?}");

    world.expect(0, "alice", &["leave"]);
    event(&watch, "leave", "alice");
    assert_eq!(alice.end().code, 0);
    world.expect(8, "alice", &["self"]);
    // The token is still there, and so is what the host said of itself.
    let again = world.start("alice", &["agent"]);
    again.line("registered at atlas as alice");
    assert_eq!(event(&watch, "join", "alice")["row"]["conference"], "board");
    world.expect(0, "alice", &["leave", "--forget"]);
    assert_eq!(again.end().code, 0);
    world.expect(2, "alice", &["agent"]);
    hms.signal("TERM");
    assert_eq!(hms.end().code, 0);
    assert_eq!(watch.end().code, 8);
}

#[test]
fn the_json_of_status_is_complete() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let _alice = world.join("hms", "alice", &[]);
    let status = world.json("hms", &["status"]);
    for key in [
        "name",
        "version",
        "role",
        "since",
        "elapsed_s",
        "cluster_start",
        "cluster_elapsed_s",
        "check_time_s",
        "exchange_time_s",
        "realms",
        "hosts",
        "heartbeats_per_s",
        "drops",
        "rows_not_taken",
        "hints_sent",
        "peers",
        "listen",
        "interfaces",
        "memory",
        "overridden",
        "message",
    ] {
        assert!(status.get(key).is_some(), "{key} is missing: {status}");
    }
    assert_eq!((&status["role"], &status["hosts"]["up"]), (&"standalone".into(), &1.into()));
    let row = &world.json("hms", &["hosts"])[0];
    for key in [
        "realm",
        "user",
        "host",
        "state",
        "status",
        "address",
        "reported",
        "observed",
        "ports",
        "services",
        "conference",
        "fixed",
        "since",
        "age_ms",
        "check_time_s",
        "via",
        "revision",
    ] {
        assert!(row.get(key).is_some(), "{key} is missing: {row}");
    }
    let text = world.expect(0, "hms", &["status"]).out;
    assert!(text.starts_with("atlas, standalone, up for") && text.contains("1 host: 1 up"), "{text}");
    let lines = world.expect(0, "hms", &["hosts", "--jsonl"]).out;
    assert_eq!(serde_json::from_str::<Value>(lines.trim()).expect("JSON")["user"], "alice");
}

#[test]
fn one_daemon_in_a_directory_and_on_a_port() {
    let world = World::new();
    let hms = world.serve("hms", SETTINGS);
    let second = world.expect(2, "hms", &["serve"]);
    assert!(second.err.contains(&hms.id().to_string()), "{second:?}");
    let listen = world.json("hms", &["status"])["listen"][0].as_str().expect("text").to_owned();
    let taken = world.expect(2, "other", &["serve", "--listen", &listen]);
    let port = listen.rsplit(':').next().expect("a port");
    assert!(taken.err.contains(port), "{taken:?}");

    let alice = world.join("hms", "alice", &[]);
    let token = world.token("hms", "alice");
    let again = world.expect(0, "alice", &["join", &token]);
    assert!(again.out.contains("already running for alice") && again.out.contains(&alice.id().to_string()));
    let other = world.token("hms", "bob");
    assert!(world.expect(2, "alice", &["join", &other]).err.contains("alice"));
}

#[test]
fn a_question_to_the_wrong_daemon_or_about_another_file_is_named() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    for command in [["who"].as_slice(), &["ip", "x"], &["leave"]] {
        let done = world.expect(2, "hms", command);
        assert!(done.err.contains("the agent of a host") && done.err.contains("--state"), "{done:?}");
    }
    let other = world.write("other.toml", "");
    let other = other.to_str().expect("text");
    let set = world.expect(0, "hms", &["config", "set", "--config", other, "hosts.push", "false"]);
    assert!(set.err.contains("uses another file") && set.err.contains("hms/hms.toml"), "{set:?}");
}

#[test]
fn in_a_realm_too_large_for_lists_hosts_are_looked_up() {
    let world = World::new();
    let _hms = world.serve("hms", &format!("{SETTINGS}all_rows = 1\n"));
    let _hosts = ["zoe", "bob", "alice"].map(|user| world.join("hms", user, &["--name", "pc"]));
    let who = until(&world, "bob", &["who"], |who| who["message"].is_string());
    assert!(who["message"].as_str().expect("text").contains("hms who NAME"), "{who}");
    let found = world.json("bob", &["who", "al"]);
    assert_eq!((&found["hosts"][0]["user"], &found["message"]), (&"alice".into(), &Value::Null));
    world.expect(1, "bob", &["who", "nobody"]);
    let all = world.json("bob", &["who", "p"]);
    let users: Vec<_> = all["hosts"].as_array().expect("a list").iter().map(|row| &row["user"]).collect();
    assert_eq!(users, ["alice", "bob", "zoe"]);
    assert_eq!(world.expect(0, "bob", &["ip", "zoe"]).out, "127.0.0.1\n");
}

#[test]
fn forgetting_forgets_the_addresses_to_report_too() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let first = world.join("hms", "alice", &["--address", "192.0.2.7"]);
    let reported = |world: &World| world.json("hms", &["hosts"])[0]["reported"].to_string();
    assert!(reported(&world).contains("192.0.2.7"));
    world.expect(0, "alice", &["leave", "--forget"]);
    assert_eq!(first.end().code, 0);
    let _second = world.join("hms", "alice", &[]);
    assert!(!reported(&world).contains("192.0.2.7"));
}

#[test]
fn a_detached_join_returns_when_it_is_registered() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let line = world.expect(0, "hms", &["token", "alice"]).out;
    // The whole line that `hms token` prints is understood as well.
    let done = world.hms_with_input("alice", &["join", "-", "--detach", "--audio", "5006"], &line);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.starts_with("registered at atlas as alice (127.0.0.1:"), "{done:?}");
    assert_eq!(world.json("alice", &["self"])["ports"]["audio"], 5006);
    let again = world.hms_with_input("alice", &["join", "-", "--detach"], &line);
    assert_eq!(again.code, 0);
    assert!(again.out.contains("already running") && again.out.contains("`hms set`"), "{again:?}");
    world.expect(0, "alice", &["leave"]);
    world.expect(0, "hms", &["revoke", "alice"]);
    let refused = world.hms_with_input("alice", &["join", "-", "--detach"], &line);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("revoked"), "{refused:?}");
    let who = world.expect(8, "alice", &["who"]);
    assert!(who.err.contains("agent.log ends with: the key of user alice was revoked"), "{who:?}");
}

#[test]
fn a_revoked_user_is_out_and_both_sides_say_why() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let alice = world.join("hms", "alice", &[]);
    let told = world.expect(0, "hms", &["revoke", "alice"]);
    assert!(told.err.contains("host was removed") && told.err.contains("`hms token alice`"), "{told:?}");
    let end = alice.end();
    assert_eq!(end.code, 4);
    assert!(end.out.contains("revoked"), "{end:?}");
    let why =
        until(&world, "hms", &["why", "alice"], |why| why.as_array().is_some_and(|rows| !rows.is_empty()));
    for key in ["time", "address", "user", "realm", "type", "verdict", "count", "remedy"] {
        assert!(why[0].get(key).is_some(), "{key} is missing: {why}");
    }
    let why = world.expect(0, "hms", &["why"]).out;
    assert!(
        why.starts_with("user alice of realm")
            && why.lines().next().is_some_and(|line| line.ends_with(": revoked"))
    );
    assert!(world.expect(1, "hms", &["why", "zoe"]).err.contains("nothing of zoe"));
    // A new token of the same user works.
    world.join("hms", "alice", &[]);
}

#[test]
fn where_nobody_answers_join_gives_up_with_3() {
    let world = World::new();
    world.expect(0, "hms", &["realm", "new", "acme"]);
    let token = world.expect(0, "hms", &["token", "alice", "--bare", "--address", "127.0.0.1:9"]).out;
    let done = world.expect(3, "alice", &["join", token.trim(), "--timeout", "1s"]);
    assert!(done.err.contains("no HMS answered within 1s"), "{done:?}");
}

#[test]
fn settings_change_while_it_runs() {
    let world = World::new();
    let hms = world.serve("hms", SETTINGS);
    let _alice = world.join("hms", "alice", &[]);
    let since = world.json("hms", &["hosts"])[0]["since"].clone();
    let done = world.expect(0, "hms", &["config", "set", "hosts.check_time", "2s"]);
    assert!(done.err.contains("in force now: hosts.check_time"), "{done:?}");
    let rows = until(&world, "hms", &["hosts"], |rows| rows[0]["check_time_s"] == 2);
    assert_eq!(rows[0]["since"], since);
    assert!(world.expect(0, "hms", &["config", "set", "hms.name", "atlas2"]).err.contains("next start"));

    world.write("hms/hms.toml", "[hosts]\nchek_time = \"1s\"\n");
    let broken = world.expect(78, "hms", &["reload"]);
    assert!(broken.err.contains("hms.toml:2: hosts.chek_time"), "{broken:?}");
    hms.signal("HUP");
    hms.line("hosts.chek_time");
    assert_eq!(world.json("hms", &["hosts"])[0]["check_time_s"], 2);
    world.write("hms/hms.toml", SETTINGS);
    hms.signal("HUP");
    hms.line("settings in force: hosts.check_time");
}

#[test]
fn the_list_survives_the_hms_and_the_hms_its_restart() {
    let world = World::new();
    let hms = world.serve("hms", SETTINGS);
    let listen = world.json("hms", &["status"])["listen"][0].as_str().expect("text").to_owned();
    let _alice = world.join("hms", "alice", &["--name", "pc1"]);
    let bob = world.join("hms", "bob", &["--fixed"]);
    until(&world, "alice", &["who"], |who| who["hosts"].as_array().is_some_and(|hosts| hosts.len() == 2));
    hms.signal("INT");
    assert_eq!(hms.end().code, 0);
    drop(bob);
    until(&world, "alice", &["who"], |who| who["source"] == "cache");
    let ip = world.expect(0, "alice", &["ip", "bob"]);
    assert!(ip.out == "127.0.0.1\n" && ip.err.contains("from storage"), "{ip:?}");
    assert!(world.expect(1, "alice", &["self"]).out.starts_with("not registered"));

    let hms = world.start("hms", &["serve", "--listen", &listen]);
    hms.line("HMS ready");
    assert!(hms.line("unconfirmed").contains("2 hosts known from before"));
    until(&world, "hms", &["hosts"], |rows| {
        rows.as_array()
            .is_some_and(|rows| rows.iter().any(|row| row["user"] == "alice" && row["status"] == "up"))
    });
    until(&world, "alice", &["who"], |who| who["source"] == "hms");
}

#[test]
fn scripts_read_every_answer() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let token = world.token("hms", "alice");
    let joined =
        world.hms_with_input("alice", &["join", "-", "--detach", "--json", "--name", "pc1"], &token).json();
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    assert_eq!(keys(&joined), ["registered", "user", "hms", "address", "pid"]);
    assert_eq!((&joined["registered"], &joined["hms"]), (&true.into(), &"atlas".into()));
    let again = world.hms_with_input("alice", &["join", "-", "--detach", "--json"], &token).json();
    assert_eq!((&again["registered"], &again["pid"]), (&Value::Null, &joined["pid"]));
    let set = world.json("alice", &["set", "state=participating", "conference=board"]);
    assert_eq!((&set["conference"], &set["user"]), (&"board".into(), &"alice".into()));
    assert_eq!(keys(&set), keys(&world.json("alice", &["self"])));
    // The keys stand in the order of the documentation.
    assert_eq!(keys(&world.json("hms", &["status"]))[..3], ["name", "version", "role"]);
    assert_eq!(keys(&world.json("hms", &["hosts"])[0])[..3], ["realm", "user", "host"]);
    assert_eq!(keys(&world.json("hms", &["realm", "new", "beta"]))[..3], ["name", "id", "default"]);
    let changed = world.json("hms", &["config", "set", "check_time", "2s"]);
    assert_eq!((&changed["running"], &changed["changed"]), (&true.into(), &json!(["hosts.check_time"])));
    assert_eq!(world.json("hms", &["config", "path"])["file"], changed["file"]);
    assert_eq!(keys(&world.json("hms", &["reload"]))[..3], ["changed", "restart", "warnings"]);
    let realm = world.json("hms", &["status"])["realms"][0].clone();
    let revoked = world.json("hms", &["revoke", "zoe", "--realm", realm.as_str().expect("text")]);
    assert_eq!(revoked, json!({"user": "zoe", "realm": realm, "removed": false, "missing": []}));
    assert_eq!(world.json("alice", &["leave"]), json!({"left": true, "forgotten": false}));
    assert_eq!(world.json("alice", &["leave", "--forget"]), json!({"left": false, "forgotten": true}));
}

#[test]
fn nothing_hides_in_a_name() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let alice = world.join("hms", "alice", &[]);
    for arguments in [
        ["token", "al\u{202e}ice"].as_slice(),
        &["realm", "new", "\u{200b}acme"],
        &["revoke", "alice\u{2069}"],
        &["config", "set", "hms.name", "at\u{feff}las"],
    ] {
        let done = world.hms("hms", arguments);
        assert!([2, 78].contains(&done.code) && done.err.contains("does not see"), "{done:?}");
        assert!(!done.err.contains(['\u{202e}', '\u{200b}', '\u{2069}', '\u{feff}']), "{done:?}");
    }
    let done = world.expect(2, "alice", &["set", "conference=bo\u{202e}ard"]);
    assert!(done.err.contains("U+202E"), "{done:?}");
    world.expect(2, "alice2", &["join", "hms1_x", "--name", "pc\u{202e}"]);
    drop(alice);
}

#[test]
fn realms_are_apart() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    world.expect(0, "hms", &["realm", "new", "beta"]);
    let first = world.json("hms", &["realm", "list"])[0]["name"].as_str().expect("a name").to_owned();
    let other =
        if first == "beta" { world.json("hms", &["realm", "list"])[1]["name"].clone() } else { json!(first) };
    let other = other.as_str().expect("a name");
    assert!(world.expect(2, "hms", &["token", "alice"]).err.contains("beta"));
    assert!(world.expect(2, "hms", &["hosts", "--realm", "gamma"]).err.contains("beta"));
    for (realm, state) in [("beta", "a1"), (other, "a2")] {
        let token = world.expect(0, "hms", &["token", "alice", "--bare", "--realm", realm]).out;
        assert_eq!(world.hms_with_input(state, &["join", "-", "--detach"], &token).code, 0);
    }
    assert_eq!(world.json("hms", &["hosts"]).as_array().map(Vec::len), Some(2));
    assert_eq!(world.json("hms", &["hosts", "--realm", "beta"]).as_array().map(Vec::len), Some(1));
    assert_eq!(world.json("a1", &["self"])["realm"], "beta");
    let asked = world.expect(2, "hms", &["realm", "remove", "beta"]);
    assert!(asked.err.contains("no terminal") && asked.err.contains("--yes"), "{asked:?}");
    let unknown = world.expect(2, "hms", &["realm", "remove", "gamma"]);
    assert!(
        unknown.err.contains("no realm gamma here; there is") && unknown.err.contains("beta"),
        "{unknown:?}"
    );
    let removed = world.json("hms", &["realm", "remove", "beta", "--yes"]);
    assert_eq!((&removed["name"], &removed["hosts"]), (&"beta".into(), &1.into()));
    assert_eq!(world.json("hms", &["hosts"]).as_array().map(Vec::len), Some(1));
    for state in ["a1", "a2"] {
        world.expect(0, state, &["leave"]);
    }
}

#[test]
fn the_demo_is_right() {
    let world = World::new();
    let demo = world.start("unused", &["demo", "--hosts", "5"]);
    demo.line("HMS ready: atlas");
    demo.line("HMS ready: borealis, secondary of atlas");
    demo.line("borealis is the primary after");
    demo.line("HMS ready: atlas, secondary of borealis");
    demo.line("Verdict");
    demo.line("0 lost, 0 registered anew");
    demo.line("OK: all lists are right");
    assert_eq!(demo.end().code, 0);
    assert!(!world.path("unused").exists());
}
