//! `hms-relay` as a person or a script uses it: the real binary, on loopback.

mod harness;

use std::net::UdpSocket;
use std::process::Command;

use harness::{Relay, receive, socket};
use serde_json::Value;

fn to(server: &UdpSocket) -> String {
    server.local_addr().expect("an address").to_string()
}

/// A counter of one way, in a line of JSON.
fn count(line: &Value, way: &str, name: &str) -> u64 {
    line[way][name].as_u64().unwrap_or_else(|| panic!("no {way}.{name} in {line}"))
}

/// What came in is somewhere, in every line.
fn balanced(lines: &[Value]) {
    let drops = ["lost", "cut", "queue_full", "too_large", "overflow", "refused", "stale", "failed"];
    for line in lines {
        for way in ["up", "down"] {
            let sum: u64 =
                drops.iter().chain(&["delivered", "under_way"]).map(|name| count(line, way, name)).sum();
            assert_eq!(count(line, way, "taken") + count(line, way, "repeated"), sum, "{way}: {line}");
        }
    }
}

#[test]
fn a_script_from_stdin_changes_faults_reports_and_ends() {
    let (server, client) = (socket(), socket());
    let script = "# narrow at first\n0s up max-size 5\n0s down dup 100% reorder-by 0ms\n1500ms report end\n";
    let relay = Relay::start(&["--to", &to(&server), "--script", "-", "--json", "--seed", "9"], script);
    let at = relay.ready();
    assert_eq!(relay.note(), "script line 2: 0s up max-size 5");
    assert_eq!(relay.note(), "script line 3: 0s down dup 100% reorder-by 0ms");
    for text in ["much too large", "fits"] {
        client.send_to(text.as_bytes(), at).expect("sent");
    }
    let (bytes, port) = receive(&server);
    assert_eq!(bytes, b"fits");
    server.send_to(b"twice", port).expect("sent");
    assert_eq!([receive(&client).0, receive(&client).0], [b"twice", b"twice"]);
    let done = relay.end();
    assert_eq!(done.code, Some(0));
    assert_eq!(done.err, ["script line 4: 1500ms report end"]);
    let lines = done.json();
    balanced(&lines);
    let [report, last] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((report["elapsed_ms"].as_u64(), report["seed"].as_u64()), (Some(1500), Some(9)));
    for line in [report, last] {
        let up = ["taken", "taken_bytes", "too_large", "delivered", "delivered_bytes"];
        assert_eq!(up.map(|name| count(line, "up", name)), [2, 18, 1, 1, 4]);
        let down = ["taken", "taken_bytes", "repeated", "delivered", "delivered_bytes"];
        assert_eq!(down.map(|name| count(line, "down", name)), [1, 5, 1, 2, 10]);
        for (name, expected) in [("clients", 1), ("ports", 1), ("rebound", 0), ("idle", 0), ("errors", 0)] {
            assert_eq!(line[name].as_u64(), Some(expected), "{name} in {line}");
        }
    }
}

#[test]
fn a_wrong_script_is_told_by_file_and_line_before_anything_opens() {
    let relay = Relay::start(&["--to", "127.0.0.1:9", "--script", "-"], "10s cut\n\n5s open\n");
    let done = relay.end();
    let expected = "hms-relay: -:3: it is earlier than line 1: expected a time from 10s on";
    assert_eq!(done.code, Some(2));
    assert_eq!(done.err, [expected]);
    let done = Relay::start(&["--to", "127.0.0.1:9", "--script", "/nowhere/bad.txt"], "").end();
    assert_eq!(done.code, Some(2));
    assert!(done.err[0].starts_with("hms-relay: cannot read /nowhere/bad.txt: "), "{:?}", done.err);
}

#[test]
fn signals_rebind_cut_open_and_stop() {
    let (server, client) = (socket(), socket());
    let relay = Relay::start(&["--to", &to(&server), "--json"], "");
    let at = relay.ready();
    client.send_to(b"one", at).expect("sent");
    let (_, old) = receive(&server);
    relay.signal("USR1");
    assert_eq!(relay.note(), "all clients get new ports");
    relay.signal("USR2");
    assert_eq!(relay.note(), "cut: nothing passes");
    client.send_to(b"cut", at).expect("sent");
    relay.signal("USR2");
    assert_eq!(relay.note(), "open again");
    client.send_to(b"two", at).expect("sent");
    let (mut bytes, mut new) = receive(&server);
    if bytes == b"cut" {
        // It was read after the gate opened again.
        (bytes, new) = receive(&server);
    }
    assert_eq!(bytes, b"two");
    assert_ne!(old, new);
    relay.signal("TERM");
    let done = relay.end();
    balanced(&done.json());
    assert_eq!((done.code, done.json()[0]["rebound"].as_u64()), (Some(0), Some(1)));
}

#[test]
fn counters_come_each_so_often_and_without_a_reader_it_ends() {
    let server = socket();
    let relay = Relay::start(&["--to", &to(&server), "--every", "10ms", "--for", "60ms"], "");
    relay.ready();
    assert!(relay.line().starts_with("after 0.0 s, seed 1"));
    assert_eq!(relay.line(), "up    0 in (0 bytes), 0 out (0 bytes)");
    assert_eq!(relay.end().code, Some(0));

    let mut command = Command::new("sh");
    let script = "exec \"$0\" --to 127.0.0.1:9 --every 10ms | head -n 1";
    command.args(["-c", script, env!("CARGO_BIN_EXE_hms-relay")]);
    let done = Relay::spawn(command, "").end();
    assert_eq!((done.code, done.out.len(), done.err.len()), (Some(0), 1, 1), "{done:?}");
}

#[test]
fn without_descriptors_the_clients_that_have_a_port_go_on() {
    let server = socket();
    let mut command = Command::new("sh");
    let script = "ulimit -n 16; exec \"$0\" --to \"$1\" --json";
    command.args(["-c", script, env!("CARGO_BIN_EXE_hms-relay"), &to(&server)]);
    let relay = Relay::spawn(command, "");
    let at = relay.ready();
    let clients: Vec<_> = (0..20).map(|_| socket()).collect();
    clients.iter().for_each(|client| {
        client.send_to(b"first", at).expect("sent");
    });
    receive(&server);
    clients[0].send_to(b"second", at).expect("sent");
    while receive(&server).0 != b"second" {}
    relay.signal("INT");
    let lines = relay.end().json();
    balanced(&lines);
    let (failed, delivered) = (count(&lines[0], "up", "failed"), count(&lines[0], "up", "delivered"));
    assert!(failed > 0 && delivered > 1 && failed + delivered == 21, "{lines:?}");
}
