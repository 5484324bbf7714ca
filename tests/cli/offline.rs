//! What works without a daemon: help, settings, tokens, realms, revocations.

use std::fs;

use super::harness::World;

#[test]
fn help_and_wrong_use() {
    let world = World::new();
    assert!(world.expect(0, "s", &["--version"]).out.starts_with("hms "));
    let help = world.expect(0, "s", &["--help"]).out;
    assert!(help.contains("Examples:") && help.contains("hms join"), "{help}");
    assert!(world.expect(0, "s", &["help", "join"]).out.contains("--timeout"));
    let nothing = world.expect(2, "s", &[]);
    assert!(nothing.out.is_empty() && nothing.err.contains("Usage"), "{nothing:?}");
    assert!(world.expect(2, "s", &["statsu"]).err.contains("did you mean `hms status`?"));
    let wrong = world.expect(2, "s", &["hosts", "--colour"]).err;
    assert!(
        wrong.starts_with("hms: unexpected argument '--colour'") && wrong.contains("Usage: hms hosts"),
        "{wrong}"
    );
    assert!(world.expect(2, "s", &["serve", "--join", "hmsp1_x"]).err.contains("mistyped"));
    assert!(world.expect(2, "s", &["serve", "--join", "hms1_x"]).err.contains("`hms join`"));
    world.expect(8, "s", &["peers"]);
    assert!(world.expect(2, "s", &["serve", "--listen", "239.1.1.1:7000"]).err.contains("multicast"));
    assert!(world.expect(2, "s", &["serve", "--listen", "here"]).err.contains("--listen here"));
    assert!(world.expect(2, "s", &["watch", "--count", "0"]).err.contains("--count"));
    assert!(world.expect(2, "s", &["token"]).err.contains("Usage: hms token [OPTIONS] <USER>"));
    world.write("file", "");
    assert!(world.expect(2, "file", &["serve"]).err.contains("must be a directory"));
}

#[test]
fn another_program_is_a_command() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let program = world.write("bin/hms-greet", "#!/bin/sh\necho hello $1\nexit 7\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(world.path("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(dirs).expect("a path");
    let done = world.hms_with_env("s", &["greet", "you"], &[("PATH", path.as_ref())]);
    assert_eq!((done.code, done.out.as_str()), (7, "hello you\n"));
}

#[test]
fn every_problem_of_a_settings_file_is_shown() {
    let world = World::new();
    let broken = world.write("broken.toml", "[hosts]\nchek_time = 5\npush = \"true\"\n");
    let broken = broken.to_str().expect("text");
    let done = world.expect(78, "s", &["check", broken]);
    assert!(
        done.out.contains(&format!("{broken}:2: hosts.chek_time: unknown key; did you mean check_time?"))
    );
    assert_eq!(done.out.lines().count(), 2);
    let json = world.expect(78, "s", &["check", broken, "--json"]).json();
    assert_eq!((&json[1]["line"], &json[1]["key"]), (&3.into(), &"hosts.push".into()));
    for key in ["file", "line", "key", "problem", "remedy"] {
        assert!(json[0].get(key).is_some(), "{json}");
    }
    assert!(world.expect(78, "s", &["serve", "--config", broken]).err.contains("hosts.push"));
    assert!(world.expect(78, "s", &["check", "/nowhere/hms.toml"]).err.contains("no such file"));
    let default = world.expect(0, "s", &["config", "default"]).out;
    let default = world.write("default.toml", &default);
    assert_eq!(world.json("s", &["check", default.to_str().expect("text")]), serde_json::json!([]));
    assert!(world.expect(0, "s", &["check"]).err.contains("the defaults hold"));
}

#[test]
fn settings_are_changed_one_by_one() {
    let world = World::new();
    let done = world.expect(0, "s", &["config", "set", "check_time", "5s"]);
    assert!(done.err.contains("in force at its next start"), "{done:?}");
    let file = world.path("s/hms.toml");
    let text = fs::read_to_string(&file).expect("written");
    assert!(text.contains("check_time = \"5s\"\n") && text.contains("# How often a host says"));
    assert_eq!(world.expect(0, "s", &["config", "get", "hosts.check_time"]).out, "5s\n");
    assert_eq!(world.json("s", &["config", "get", "hosts.push"])["default"], false);
    assert!(world.expect(0, "s", &["config", "get"]).out.contains("hosts.all_rows"));
    assert_eq!(world.expect(0, "s", &["config", "path"]).out.trim(), file.to_str().expect("text"));
    for (key, value, says) in [
        ("hosts.check_time", "5", "give the unit"),
        ("hosts.chek_time", "5s", "did you mean hosts.check_time?"),
        ("hosts.expiry_factor", "-1", "from 1.5 to 10"),
    ] {
        let done = world.expect(78, "s", &["config", "set", key, value]);
        assert!(done.err.contains(says), "{done:?}");
    }
    assert_eq!(fs::read_to_string(&file).expect("there"), text);
}

#[test]
fn without_a_daemon_the_message_names_the_place() {
    let world = World::new();
    let state = world.path("s");
    let state = state.to_str().expect("text");
    let server: [&[&str]; 5] = [&["status"], &["hosts"], &["watch"], &["why"], &["reload"]];
    let agent: [&[&str]; 7] = [
        &["who"],
        &["self"],
        &["ip", "x"],
        &["uri", "x"],
        &["env", "x"],
        &["set", "state=standby"],
        &["leave"],
    ];
    for command in server.iter().chain(&agent) {
        let done = world.expect(8, "s", command);
        assert!(done.err.contains(state) && done.out.is_empty(), "{done:?}");
    }
    assert!(world.expect(8, "s", &["who"]).err.contains("`hms join TOKEN`"));
    assert!(world.expect(8, "s", &["status"]).err.contains("`hms serve`"));
    assert!(!world.path("s").exists(), "looking made a directory");
}

#[test]
fn tokens_realms_and_revocations_need_no_daemon() {
    let world = World::new();
    assert!(world.expect(1, "s", &["token", "alice"]).err.contains("`hms serve`"));
    world.expect(0, "s", &["realm", "new", "acme"]);
    let line = world.expect(0, "s", &["token", "alice", "--multicast"]).out;
    assert!(line.starts_with("hms join hms1_") && line.lines().count() == 1, "{line}");
    assert_eq!(world.expect(0, "s", &["token", "alice", "--multicast"]).out, line);
    world.expect(0, "s", &["revoke", "alice"]);
    assert_ne!(world.expect(0, "s", &["token", "alice", "--multicast"]).out, line);

    let token = world.json("s", &["token", "bob", "--address", "10.0.0.1", "--address", "[fd00::1]:7000"]);
    assert_eq!(token["addresses"], serde_json::json!(["10.0.0.1:6710", "[fd00::1]:7000"]));
    assert_eq!((&token["user"], &token["realm"]), (&"bob".into(), &"acme".into()));
    assert!(
        world.expect(2, "s", &["token", "bob", "--address", "hms.example"]).err.contains("names are not")
    );
    for wrong in ["0.0.0.0", "[::]:6710", "239.1.1.1", "255.255.255.255", "10.0.0.1:0"] {
        let done = world.expect(2, "s", &["token", "bob", "--address", wrong]);
        assert!(done.err.contains(wrong) && done.out.is_empty(), "{done:?}");
    }
    world.expect(8, "s", &["token", "--hms"]);
    world.expect(2, "s", &["token", "bob", "--hms"]);
    assert!(world.expect(2, "s", &["token", " bob"]).err.contains("white space"));
    assert!(world.expect(2, "s", &["realm", "new", ""]).err.contains("cannot be empty"));

    world.expect(0, "s", &["realm", "new", "beta"]);
    assert!(world.expect(1, "s", &["realm", "new", "beta"]).err.contains("already"));
    for command in [["token", "bob"], ["revoke", "bob"]] {
        let done = world.expect(2, "s", &command);
        assert!(done.err.contains("--realm") && done.err.contains("acme") && done.err.contains("beta"));
    }
    world.expect(0, "s", &["token", "bob", "--realm", "beta"]);
    world.expect(2, "s", &["token", "bob", "--realm", "gamma"]);
    let revoked = world.expect(0, "s", &["revoke", "bob", "--realm", "beta"]);
    assert!(revoked.err.contains("`hms token bob --realm beta`"), "{revoked:?}");
    let realms = world.json("s", &["realm", "list"]);
    assert_eq!(
        (&realms[0]["name"], &realms[0]["default"], &realms[1]["name"]),
        (&"acme".into(), &true.into(), &"beta".into())
    );
    world.expect(0, "s", &["realm", "remove", "beta", "--yes"]);
    assert!(!world.expect(0, "s", &["realm", "list"]).out.contains("beta"));
}

#[test]
fn a_wrong_token_is_named() {
    let world = World::new();
    world.expect(0, "s", &["realm", "new", "acme"]);
    let token = world.token("s", "alice");
    let last = if token.ends_with('a') { 'b' } else { 'a' };
    let mistyped = format!("{}{last}", &token[..token.len() - 1]);
    assert!(world.expect(2, "h", &["join", &mistyped]).err.contains("mistyped"));
    assert!(world.expect(2, "h", &["join", "hmsp1_abc"]).err.contains("invitation"));
    assert!(world.expect(2, "h", &["join"]).err.contains("hms join TOKEN"));
    assert!(world.expect(2, "h", &["agent"]).err.contains("hms join TOKEN"));
    assert!(world.expect(2, "h", &["join", &token, "--service", "sip"]).err.contains("KIND:PORT"));
    assert!(
        world.expect(2, "h", &["join", &token, "--address", "0.0.0.0"]).err.contains("--address 0.0.0.0")
    );
    assert!(world.expect(2, "h", &["join", &token, "--timeout", "5"]).err.contains("give the unit"));
    assert_eq!(world.hms_with_input("h", &["join", "-"], "nonsense\n").code, 2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::new();
    let hms = env!("CARGO_BIN_EXE_hms");
    let script = format!("{{ {hms} config default; echo $? >&2; }} | :");
    let done = std::process::Command::new("sh")
        .args(["-c", &script])
        .env("HMS_STATE", world.path("s"))
        .output()
        .expect("sh");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "0\n");
}
