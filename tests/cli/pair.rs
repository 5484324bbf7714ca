//! Two HMSs that become one, by what an admin types.

use hms::shows;
use serde_json::json;

use super::harness::{Running, World};
use super::running::until;

pub(crate) const ATLAS: &str = "[hms]\nname = \"atlas\"\n[hosts]\ncheck_time = \"1s\"\n";
pub(crate) const BOREALIS: &str = "[hms]\nname = \"borealis\"\n[hosts]\ncheck_time = \"2s\"\n";

/// An invitation of the HMS on `state`, as one pastes it.
fn invitation(world: &World, state: &str) -> String {
    let line = world.expect(0, state, &["token", "--hms"]).out;
    line.strip_prefix("hms serve --join ").expect("a command").trim().to_owned()
}

pub(crate) fn starts(world: &World, state: &str, settings: &str, invitation: &str) -> Running {
    world.write(&format!("{state}/hms.toml"), settings);
    world.start(state, &["serve", "--listen", "127.0.0.1:0", "--join", invitation])
}

pub(crate) fn pair(world: &World) -> (Running, Running) {
    let atlas = world.serve("a", ATLAS);
    let borealis = starts(world, "b", BOREALIS, &invitation(world, "a"));
    borealis.line("HMS ready: borealis, secondary of atlas");
    atlas.line("this HMS is the primary now");
    (atlas, borealis)
}

#[test]
fn an_invitation_makes_a_pair_in_which_the_settings_of_the_primary_hold() {
    shows!("R-PEE-16", "R-PEE-33");
    let world = World::new();
    let (_atlas, borealis) = pair(&world);
    borealis.line("settings of the primary hold: hosts.check_time = 1s");
    let status = world.json("b", &["status"]);
    assert_eq!((&status["role"], &status["peers"][0]["name"]), (&json!("secondary"), &json!("atlas")));
    assert_eq!(status["overridden"], json!({"hosts.check_time": "1s"}));
    assert_eq!(status["realms"], world.json("a", &["status"])["realms"]);
    assert_eq!(status["interfaces"], world.json("a", &["status"])["interfaces"], "multicast works at both");
    let row = &until(&world, "a", &["peers"], |rows| rows[0]["role"] == "secondary")[0];
    let shown = world.expect(0, "a", &["status"]).out;
    assert!(shown.contains("\n  peers       borealis secondary (up, 127.0.0.1:"), "{shown}");
    for key in [
        "name",
        "address",
        "role",
        "status",
        "rtt_ms",
        "last_exchange_s",
        "hosts",
        "equal",
        "digest",
        "message",
    ] {
        assert!(row.get(key).is_some(), "{key} is missing: {row}");
    }
    assert_eq!(row["status"], "up");
}

#[test]
fn what_is_decided_at_one_counts_at_the_other_or_it_is_said_who_lacks_it() {
    shows!("R-PEE-26", "R-PEE-30");
    let world = World::new();
    let (_atlas, borealis) = pair(&world);
    assert_eq!(world.json("a", &["realm", "new", "acme"])["missing"], json!([]));
    let token = |state| world.expect(0, state, &["token", "ann", "--realm", "acme", "--multicast"]).out;
    assert_eq!(token("a"), token("b"));
    world.expect(0, "b", &["revoke", "ann", "--realm", "acme"]);
    assert_eq!(token("a"), token("b"));
    world.expect(2, "a", &["peers", "remove", "atlas"]);
    world.expect(2, "a", &["peers", "remove", "nobody"]);

    borealis.signal("STOP");
    let late = world.expect(1, "a", &["realm", "new", "beta"]);
    assert!(late.err.contains("HMS borealis has not stored it yet"), "{late:?}");
    borealis.signal("CONT");

    let removed = world.expect(0, "a", &["peers", "remove", "borealis"]);
    assert!(
        removed.err.contains("still knows the secrets") && removed.err.contains("stop it"),
        "{removed:?}"
    );
    assert!(world.expect(0, "a", &["peers"]).out.lines().all(|line| !line.contains(" up ")));
}

#[test]
fn an_invitation_is_redeemed_once_and_by_nobody_who_has_a_cluster() {
    shows!("R-PEE-34");
    let world = World::new();
    let atlas = world.serve("a", ATLAS);
    let word = invitation(&world, "a");
    let other = world.serve("o", "[hms]\nname = \"osaka\"\n");
    other.signal("TERM");
    other.end();
    let refused = starts(&world, "o", "[hms]\nname = \"osaka\"\n", &word).end();
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.out.contains("empty state directory"), "{refused:?}");

    let borealis = starts(&world, "b", BOREALIS, &word);
    borealis.line("HMS ready: borealis, secondary");
    let late = starts(&world, "c", "[hms]\nname = \"kyoto\"\n", &word).end();
    assert_eq!(late.code, 4, "{late:?}");
    assert!(!late.out.contains(&word) && late.out.contains("not joined"), "{late:?}");
    // What did not become a member is an HMS like any other.
    let alone = world.start("c", &["serve", "--listen", "127.0.0.1:0"]);
    assert!(alone.line("HMS ready: kyoto, standalone").contains("(new)"));

    borealis.signal("TERM");
    borealis.end();
    let again = starts(&world, "b", BOREALIS, &word);
    again.line("member of that cluster already");
    again.line("HMS ready: borealis, secondary");
    drop(atlas);
}

#[test]
fn who_is_not_taken_says_so_and_gets_in_when_it_is_registered() {
    shows!("R-PEE-22");
    let world = World::new();
    let (_atlas, borealis) = pair(&world);
    world.expect(0, "a", &["peers", "remove", "borealis"]);
    borealis.signal("TERM");
    borealis.end();
    let borealis = world.start("b", &["serve", "--listen", "127.0.0.1:0"]);
    let said = borealis.line("refused, serves no host");
    assert!(said.contains("hms peers add 127.0.0.1"), "{said}");
    assert_eq!(world.expect(4, "b", &["status", "--json"]).json()["role"], "refused");
    assert!(world.expect(4, "b", &["peers"]).err.contains("hms peers add"));
    world.expect(0, "a", &["peers", "add", "127.0.0.1"]);
    borealis.line("HMS ready: borealis, secondary of atlas");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a process is timed from outside")]
fn a_host_waits_for_the_other_hms_but_not_for_a_dead_one() {
    shows!("R-PEE-75");
    let world = World::new();
    let ack = "[peers]\nack = \"replicated\"\n";
    let atlas = world.serve("a", &format!("{ATLAS}{ack}"));
    let borealis = starts(&world, "b", &format!("{BOREALIS}{ack}"), &invitation(&world, "a"));
    borealis.line("HMS ready: borealis, secondary of atlas");
    atlas.line("this HMS is the primary now");
    until(&world, "a", &["peers"], |rows| rows[0]["role"] == "secondary" && rows[0]["status"] == "up");
    let _alice = world.join("a", "alice", &[]);
    assert_eq!(world.json("alice", &["self"])["replicated"], true);
    // Taken from the token before, so that only the host's own start and the answer are measured.
    let token = world.token("a", "bob");
    borealis.signal("KILL");
    borealis.end();
    let since = std::time::Instant::now();
    let bob = world.start("bob", &["join", &token]);
    bob.line("registered");
    let took = since.elapsed();
    assert_eq!(world.json("bob", &["self"])["replicated"], false);
    assert!(took < std::time::Duration::from_secs(1), "answered after {took:?}");
}

#[test]
fn drain_hands_over_and_says_to_whom() {
    shows!("R-PEE-86", "R-PEE-87");
    let world = World::new();
    let (atlas, borealis) = pair(&world);
    until(&world, "a", &["peers"], |rows| rows[0]["equal"] == true);
    let users = ["ann", "bob"];
    let hosts = users.map(|user| world.join("a", user, &[]));
    let before = world.json("a", &["hosts"]);
    let drained = world.json("a", &["drain"]);
    assert_eq!(
        (&drained["name"], &drained["successor"], &drained["complete"], &drained["hosts"]),
        (&json!("atlas"), &json!("borealis"), &json!(true), &json!(2)),
        "{drained}"
    );
    assert!(drained["elapsed_ms"].as_u64().is_some_and(|ms| (1000..=5000).contains(&ms)), "{drained}");
    // With a check time of 1 s each of them was heard while it handed over.
    assert_eq!(drained["sent"], 2, "{drained}");
    assert_eq!(atlas.end().code, 0);
    borealis.line("this HMS is the primary now");
    let after = until(&world, "b", &["hosts"], |rows| {
        let rows = rows.as_array().expect("rows");
        rows.len() == 2 && rows.iter().all(|row| row["via"] == "borealis")
    });
    for row in [0, 1] {
        assert_eq!(before[row]["since"], after[row]["since"], "it did not register anew");
        assert_eq!(after[row]["status"], "up");
    }

    let alone = world.expect(1, "b", &["drain"]);
    assert!(alone.err.contains("nobody can take over from borealis: atlas is down"), "{alone:?}");
    assert!(alone.err.contains("hms drain --alone"), "{alone:?}");
    assert_eq!(world.json("b", &["status"])["role"], "primary", "it goes on");

    let atlas = world.start("a", &["serve", "--listen", "127.0.0.1:0"]);
    atlas.line("HMS ready: atlas, secondary of borealis");
    until(&world, "b", &["peers"], |rows| rows[0]["status"] == "up" && rows[0]["equal"] == true);
    let said = world.expect(0, "a", &["drain"]).err;
    assert!(
        said.contains("atlas has stopped after") && said.contains("borealis has taken over 2 hosts"),
        "{said}"
    );
    atlas.end();
    drop(hosts);
    let said = world.expect(0, "b", &["drain", "--alone"]).err;
    assert!(said.contains("nobody has taken over: 2 hosts keep their lists"), "{said}");
    assert_eq!(borealis.end().code, 0);
    world.expect(8, "b", &["drain"]);
}

#[test]
fn its_own_address_among_its_peers_is_none() {
    let world = World::new();
    let port =
        std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let address = port.to_string();
    world.write("a/hms.toml", &format!("{ATLAS}[peers]\naddress = [\"{address}\"]\n"));
    let atlas = world.start("a", &["serve", "--listen", &address]);
    atlas.line("HMS ready: atlas, standalone");
    assert!(world.expect(2, "a", &["peers", "add", &address]).err.contains("this HMS itself"));
    assert!(world.expect(2, "a", &["peers", "add", "atlas"]).err.contains("not looked up"));
}
