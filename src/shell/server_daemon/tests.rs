use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use serde_json::{Value, json};

use super::*;
use crate::auth::user_id;
use crate::capture::{Block, BlockKind, Blocks, Verdict};
use crate::ident::{Epoch, Generation, Incarnation, InstanceId, SessionId, Stamp};
use crate::shell::control::PAGE_ROWS;
use crate::shell::net::Went;
use crate::shell::paths::Socket;
use crate::storage::SnapshotRow;
use crate::wire::{Content, View};

/// Where a test's HMS keeps its things, and what it told.
struct Place {
    dir: tempfile::TempDir,
    notices: Vec<ServerNotice>,
    /// The file; a test may change it while the HMS runs.
    settings: Rc<RefCell<String>>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self {
            dir,
            notices: Vec::new(),
            settings: Rc::new(RefCell::new("[hms]\nname = \"atlas\"\ninterfaces = [\"lo\"]\n".to_owned())),
        }
    }

    /// Runs an HMS until `test` is through with it, then stops it by request.
    fn run(&mut self, test: impl FnOnce(&mut Daemon<'_>)) {
        let Self { dir, notices, settings } = self;
        let mut read = || {
            let checked = crate::config::check(&settings.borrow(), "hms.toml");
            if checked.usable() { Ok(checked) } else { Err("hms.toml:1: broken".to_owned()) }
        };
        let options = ServeOptions {
            state: dir.path().join("state"),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            settings: &mut read,
            join: None,
            keylog: None,
            notify: &mut |notice| notices.push(notice),
        };
        let mut daemon = Daemon::start(options).expect("started");
        daemon.ready();
        test(&mut daemon);
        ask(&mut daemon, Socket::Control, &json!({"cmd": "stop"})).expect("stopping");
        while daemon.step() {}
    }
}

/// One request, with the daemon stepping until it has answered.
fn ask(daemon: &mut Daemon<'_>, socket: Socket, request: &Value) -> Result<Value, Value> {
    let mut stream =
        UnixStream::connect(daemon.engine.sockets().join(socket.file_name())).expect("connected");
    writeln!(stream, "{request}").expect("written");
    stream.set_nonblocking(true).expect("set");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_err() {
        daemon.step();
    }
    let mut answer: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(answer["part"], Value::Null, "a list");
    match answer.get_mut("error") {
        Some(error) => Err(error.take()),
        None => Ok(answer["ok"].take()),
    }
}

#[test]
fn an_hms_starts_without_a_file_and_keeps_what_it_made() {
    let mut place = Place::new();
    let mut realm = Value::Null;
    place.run(|daemon| {
        let status = ask(daemon, Socket::Observe, &json!({"cmd": "status"})).expect("a status");
        assert_eq!((&status["name"], &status["role"]), (&json!("atlas"), &json!("standalone")));
        realm = status["realms"][0].clone();
        assert_eq!(ask(daemon, Socket::Observe, &json!({"cmd": "hosts"})), Ok(json!({})));
        assert_eq!(ask(daemon, Socket::Observe, &json!({"cmd": "peers"})), Ok(json!([])));
        let made = ask(daemon, Socket::Control, &json!({"cmd": "realm_new", "name": "acme"})).expect("made");
        assert_eq!(made["name"], "acme");
        let again = ask(daemon, Socket::Control, &json!({"cmd": "realm_new", "name": "acme"}));
        assert_eq!(again.expect_err("taken")["exit"], 1);
        let revoke = json!({"cmd": "revoke", "user": "ann", "realm": "acme"});
        assert_eq!(ask(daemon, Socket::Observe, &revoke).expect_err("not here")["exit"], 2);
        assert!(ask(daemon, Socket::Control, &revoke).is_ok());
        let watch = json!({"cmd": "watch", "realm": "nowhere"});
        assert_eq!(ask(daemon, Socket::Observe, &watch).expect_err("unknown")["exit"], 2);
    });
    let Some(ServerNotice::Ready(ready)) = place.notices.first() else { panic!("{:?}", place.notices) };
    assert!(ready.new);
    assert_eq!(ready.interfaces.len(), 1);
    assert_eq!(place.notices.last(), Some(&ServerNotice::Stopping));

    place.notices.clear();
    place.run(|daemon| {
        let status = ask(daemon, Socket::Observe, &json!({"cmd": "status"})).expect("a status");
        assert_eq!(status["realms"].as_array().map(Vec::len), Some(2));
        assert!(status["realms"].as_array().is_some_and(|realms| realms.contains(&realm)));
        assert_eq!(daemon.secrets.revocations().len(), 1);
    });
    let ready = match place.notices.as_slice() {
        [ServerNotice::Ready(ready), ServerNotice::Stopping] => ready,
        other => panic!("{other:?}"),
    };
    assert!(!ready.new);
}

#[test]
fn a_second_daemon_on_the_directory_is_refused_with_the_pid() {
    let mut place = Place::new();
    let state = place.dir.path().join("state");
    place.run(|_| {
        let mut read = || Ok(Checked::default());
        let options = ServeOptions {
            state,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            settings: &mut read,
            join: None,
            keylog: None,
            notify: &mut |_| {},
        };
        let Err(error) = Daemon::start(options) else { panic!("two daemons on one directory") };
        assert_eq!(error.exit, 2);
        assert!(error.message.contains(&std::process::id().to_string()), "{error}");
    });
}

#[test]
fn what_cannot_be_stored_is_in_force_and_shown_and_a_torn_snapshot_is_left() {
    let mut place = Place::new();
    place.run(|_| {});
    let state = StateDir::new(place.dir.path().join("state"));
    let snapshot = state.read(files::SNAPSHOT).expect("read").expect("a snapshot at the end");
    state.write(files::SNAPSHOT, &snapshot[..snapshot.len() / 2]).expect("torn");

    place.notices.clear();
    let hidden = place.dir.path().join("hidden");
    place.run(|daemon| {
        // Not even root can write into a directory that is not there.
        std::fs::rename(daemon.dir.path(), &hidden).expect("renamed");
        let path = hidden.parent().map(|dir| dir.join("state")).expect("a path");
        let error =
            ask(daemon, Socket::Control, &json!({"cmd": "revoke", "user": "ann"})).expect_err("not stored");
        assert_eq!(error["exit"], 1);
        assert!(error["message"].as_str().is_some_and(|text| text.contains("atlas")), "{error}");
        let status = ask(daemon, Socket::Observe, &json!({"cmd": "status"})).expect("a status");
        assert!(status["message"].as_str().is_some_and(|text| text.contains("not stored")), "{status}");
        std::fs::rename(&hidden, path).expect("renamed");
        daemon.store_at = daemon.engine.now();
        let status = ask(daemon, Socket::Observe, &json!({"cmd": "status"})).expect("a status");
        assert_eq!(status["message"], Value::Null);
    });
    assert!(matches!(place.notices.first(), Some(ServerNotice::Warning(text)) if text.contains("snapshot")));
}

#[test]
fn a_broken_file_changes_nothing_and_says_why() {
    let mut place = Place::new();
    let file = Rc::clone(&place.settings);
    file.replace("[hosts]\ncheck_time = \"7s\"\n[hms]\ninterfaces = [\"lo\"]\n".to_owned());
    place.run(|daemon| {
        let reloaded = ask(daemon, Socket::Control, &json!({"cmd": "reload"})).expect("reloaded");
        assert_eq!(reloaded, json!({"changed": [], "restart": [], "warnings": [], "file": null}));
        assert_eq!(
            ask(daemon, Socket::Observe, &json!({"cmd": "reload"})).expect_err("control only")["exit"],
            2
        );
        file.replace("[hosts".to_owned());
        let refused = ask(daemon, Socket::Control, &json!({"cmd": "reload"})).expect_err("broken");
        assert_eq!((&refused["exit"], &refused["message"]), (&json!(78), &json!("hms.toml:1: broken")));
        assert_eq!(daemon.config.check_time.as_secs(), 7, "what was in force stays");
        file.replace("[hosts]\ncheck_time = \"9s\"\n[hms]\ninterfaces = [\"lo\"]\n".to_owned());
        ask(daemon, Socket::Control, &json!({"cmd": "reload"})).expect("mended");
        assert_eq!(daemon.config.check_time.as_secs(), 9);
    });
    let broken = Place::new();
    let mut read = || Err("hms.toml:1: broken".to_owned());
    let options = ServeOptions {
        state: broken.dir.path().join("state"),
        listen: Vec::new(),
        settings: &mut read,
        join: None,
        keylog: None,
        notify: &mut |_| {},
    };
    let Err(error) = Daemon::start(options) else { panic!("started with a broken file") };
    assert_eq!((error.exit, error.message.as_str()), (78, "hms.toml:1: broken"));
}

#[test]
fn limits_of_a_realm_that_is_not_there_are_no_secret() {
    let mut place = Place::new();
    place.settings.replace("[[realm]]\nname = \"acem\"\nmax_hosts = 5\n".to_owned());
    place.run(|daemon| {
        let reloaded = ask(daemon, Socket::Control, &json!({"cmd": "reload"})).expect("reloaded");
        assert!(
            reloaded["warnings"][0].as_str().is_some_and(|text| text.contains("no realm acem")),
            "{reloaded}"
        );
        ask(daemon, Socket::Control, &json!({"cmd": "realm_new", "name": "acem"})).expect("made");
        let reloaded = ask(daemon, Socket::Control, &json!({"cmd": "reload"})).expect("reloaded");
        assert_eq!(reloaded["warnings"], json!([]));
    });
    assert!(matches!(place.notices.first(), Some(ServerNotice::Warning(text)) if text.contains("acem")));
}

/// A table of this many rows, as after a restart.
fn fill(daemon: &mut Daemon<'_>, rows: u32) {
    let realm = daemon.secrets.default_realm().expect("a realm").id;
    let row = |number: u32| {
        let name = Name::new(&format!("user{number}")).expect("a name");
        SnapshotRow {
            realm,
            epoch: Epoch(1),
            user: user_id(realm, name.as_str()),
            generation: Generation(0),
            session: SessionId(u64::from(number) + 1),
            stamp: Stamp(u64::from(number) + 1),
            server: daemon.secrets.server,
            instance: InstanceId(1),
            content_version: 1,
            content: Content::new(name.clone(), name).to_bytes().into(),
            view: View::None,
            push: false,
            address: Some(SocketAddr::from(([10, 0, 0, 1], 5000))),
            since: 0,
            check_time_ms: 3_600_000,
            sequence: 0,
        }
    };
    daemon.server = Server::new(
        daemon.engine.now(),
        Setup {
            name: daemon.name.clone(),
            server: daemon.secrets.server,
            incarnation: Incarnation(1),
            seed: [1; 32],
            settings: server_settings(&daemon.config, &daemon.engine.net),
            facts: Facts::restore(&daemon.secrets),
            link_secret: LinkSecret::cluster(&daemon.secrets.cluster_secret),
            default_realm: Some(realm),
            cluster: daemon.secrets.cluster_key(),
            stamp_base: u64::from(rows) + 1,
            wall: clock::wall(),
            rows: (0..rows).map(row).collect(),
        },
    );
}

#[test]
fn who_was_revoked_since_the_snapshot_is_not_announced_as_known() {
    let mut place = Place::new();
    place.run(|daemon| fill(daemon, 3));
    let dir = StateDir::create(place.dir.path().join("state")).expect("there");
    let mut secrets = files::load_secrets(&dir).expect("read").expect("there");
    secrets.revoke("user1", None).expect("revoked");
    files::save_secrets(&dir, &secrets).expect("stored");
    place.run(|daemon| assert_eq!(daemon.server.status(daemon.engine.now()).hosts.known, 2));
    let known = place.notices.iter().filter_map(|notice| match notice {
        ServerNotice::Ready(ready) => Some(ready.unconfirmed),
        _ => None,
    });
    assert_eq!(known.collect::<Vec<_>>(), [0, 2]);
}

/// Reads the lines that are there; the rows of lists, and how many lines ended one.
fn drain(reader: &mut BufReader<UnixStream>, line: &mut String) -> (Vec<String>, usize) {
    let (mut users, mut ends) = (Vec::new(), 0);
    while reader.read_line(line).is_ok_and(|bytes| bytes > 0) {
        let got: Value = serde_json::from_str(line).expect("JSON");
        line.clear();
        match got["part"].as_array() {
            Some(part) => users.extend(part.iter().filter_map(|row| row["user"].as_str()).map(str::to_owned)),
            None => ends += 1,
        }
    }
    (users, ends)
}

#[test]
fn a_long_list_never_holds_up_a_turn() {
    const ROWS: u32 = 100_000;
    let mut place = Place::new();
    place.run(|daemon| {
        fill(daemon, ROWS);
        let connect = |daemon: &Daemon<'_>| {
            let path = daemon.engine.sockets().join(Socket::Observe.file_name());
            let mut stream = UnixStream::connect(path).expect("connected");
            stream.write_all(b"{\"cmd\":\"hosts\"}\n").expect("written");
            stream.set_nonblocking(true).expect("set");
            BufReader::new(stream)
        };
        // Some read, one never does, one asks for something else again and again.
        let _idle = connect(daemon);
        let mut readers = [connect(daemon), connect(daemon), connect(daemon)];
        let mut lines = [String::new(), String::new(), String::new()];
        let path = daemon.engine.sockets().join(Socket::Observe.file_name());
        let asker = UnixStream::connect(path).expect("connected");
        asker.set_nonblocking(true).expect("set");
        let (mut asker, mut answer) = (BufReader::new(asker), String::new());
        let (mut seen, mut ended, mut asked_at, mut answers) = (vec![Vec::new(); 3], 0, None, 0);
        for turn in 0.. {
            if asked_at.is_none() {
                asker.get_mut().write_all(b"{\"cmd\":\"status\"}\n").expect("written");
                asked_at = Some(turn);
            }
            daemon.step();
            let mut rows = 0;
            for ((reader, line), seen) in readers.iter_mut().zip(&mut lines).zip(&mut seen) {
                let (users, ends) = drain(reader, line);
                rows += users.len();
                ended += ends;
                seen.extend(users);
            }
            assert!(rows <= PAGE_ROWS, "{rows} rows in one turn");
            if asker.read_line(&mut answer).is_ok() {
                answers += 1;
                asked_at = None;
                answer.clear();
            }
            assert!(asked_at.is_none_or(|asked| turn < asked + 4), "a status waits for lists");
            if ended == readers.len() {
                break;
            }
        }
        assert!(answers > 100, "{answers}");
        for mut users in seen {
            users.sort_unstable();
            users.dedup();
            assert_eq!(users.len(), ROWS as usize);
        }
    });
}

/// A capture that has begun, by the control socket.
fn captures(daemon: &mut Daemon<'_>) -> UnixStream {
    let path = daemon.engine.sockets().join(Socket::Control.file_name());
    let mut stream = UnixStream::connect(path).expect("connected");
    writeln!(stream, "{}", json!({"cmd": "capture"})).expect("written");
    stream.set_nonblocking(true).expect("set");
    let mut byte = [0; 1];
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        match stream.read_exact(&mut byte) {
            Ok(()) => line.extend_from_slice(&byte),
            Err(_) => assert!(daemon.step()),
        }
    }
    assert_eq!(line, b"{\"ok\":{\"name\":\"atlas\"}}\n");
    stream
}

/// The comments of all packets in a stream that is over, and how many are missing as its end says.
fn comments(bytes: &[u8]) -> (Vec<String>, Option<u64>) {
    let blocks: Vec<_> = Blocks::new(bytes).map(|block| block.expect("a block")).collect();
    let packets = blocks.iter().filter(|block| block.kind == BlockKind::Packet);
    let last = blocks.last().filter(|block| block.kind == BlockKind::Statistics);
    (packets.filter_map(|packet| packet.comment()).map(str::to_owned).collect(), last.map(Block::lost))
}

/// What is left in a stream of which the daemon has gone.
fn rest(mut stream: UnixStream) -> Vec<u8> {
    stream.set_nonblocking(false).expect("set");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    bytes
}

#[test]
fn a_capture_holds_the_last_words_to_the_groups_and_ends_with_the_hms() {
    crate::shows!("R-CAP-12");
    let mut place = Place::new();
    let mut stream = None;
    place.run(|daemon| {
        let refused = ask(daemon, Socket::Observe, &json!({"cmd": "capture"})).expect_err("not there");
        assert!(refused["message"].as_str().is_some_and(|text| text.contains("control socket")), "{refused}");
        let wrong = ask(daemon, Socket::Control, &json!({"cmd": "capture", "count": 0}));
        assert_eq!(wrong.expect_err("no count")["exit"], 2);
        stream = Some(captures(daemon));
    });
    let (comments, lost) = comments(&rest(stream.expect("a capture")));
    assert_eq!(lost, Some(0));
    let groups = comments.iter().filter(|text| text.starts_with("verdict: sent announce: unasked"));
    assert!(
        groups.clone().count() >= 1 && groups.clone().all(|text| text.ends_with("interface: lo")),
        "{comments:?}"
    );
}

#[test]
fn what_the_system_does_not_take_is_said_to_be_unsent_and_what_is_left_alone_to_be_ignored() {
    crate::shows!("R-CAP-10");
    let mut place = Place::new();
    let mut stream = None;
    place.run(|daemon| {
        stream = Some(captures(daemon));
        let now = daemon.engine.now();
        let to = SocketAddr::from(([10, 0, 0, 1], 5000));
        let from = SocketAddr::from(([127, 0, 0, 1], 6710));
        let captures = &mut daemon.engine.captures;
        let note = Note::from(Verdict::Sent("ack", "answers heartbeat"));
        captures.sent(now, &Went { from, to, interface: None, failed: Some("send") }, b"an answer", note);
        let to_v6 = "[fe80::1%1]:5000".parse().expect("an address");
        captures.sent(now, &Went { from, to: to_v6, interface: None, failed: None }, b"an answer", note);
        let ignored = Note::from(Verdict::Ignored("datagram", "bind"));
        captures.received(now, from, to, Arrival::default(), b"a heartbeat", &ignored);
    });
    let (comments, _) = comments(&rest(stream.expect("a capture")));
    let verdicts: Vec<_> = comments.iter().take(3).filter_map(|text| text.lines().next()).collect();
    assert_eq!(
        verdicts,
        [
            "verdict: unsent ack: send",
            "verdict: sent ack: answers heartbeat",
            "verdict: ignored datagram: bind"
        ]
    );
}

#[test]
fn a_reader_that_stands_still_costs_a_bounded_memory_and_what_it_misses_is_counted() {
    crate::shows!("R-CAP-03");
    const SENT: usize = 20_000;
    let mut place = Place::new();
    let mut bytes = Vec::new();
    place.run(|daemon| {
        let mut stream = captures(daemon);
        let address = SocketAddr::from(([127, 0, 0, 1], 6710));
        let note = Note::from(Verdict::Dropped("version"));
        let mut waiting = 0;
        for _ in 0..SENT {
            let now = daemon.engine.now();
            daemon.engine.captures.received(now, address, address, Arrival::default(), &[9; 1200], &note);
            daemon.engine.hand_out_captures();
            waiting = waiting.max(daemon.engine.captures.waiting());
        }
        assert!(waiting > 1 << 20 && waiting < 3 << 20, "{waiting} bytes of {SENT} datagrams wait");
        // Who goes away takes nothing along.
        drop(captures(daemon));
        while daemon.engine.captures.count() > 1 {
            assert!(daemon.step());
        }
        stream.shutdown(std::net::Shutdown::Write).expect("ended");
        let mut buffer = vec![0; 64 << 10];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(_) => assert!(daemon.step()),
            }
        }
        assert_eq!(daemon.engine.captures.count(), 0);
    });
    let (comments, lost) = comments(&bytes);
    assert!(comments.len() > 1000, "{} of {SENT}", comments.len());
    assert_eq!(lost, u64::try_from(SENT - comments.len()).ok());
}
