use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream as Std;

use mio::{Events, Poll};

use super::*;

struct World {
    poll: Poll,
    server: ControlServer,
    counters: Counters,
    now: Instant,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let poll = Poll::new().expect("a poll");
        let dirs = [PathBuf::from("/proc/nowhere"), dir.path().join("run/id")];
        fs::create_dir(dir.path().join("run")).expect("a directory");
        let server = ControlServer::open(poll.registry(), &dirs).expect("sockets");
        Self { poll, server, counters: Counters::default(), now: Instant::ZERO, dir }
    }

    fn connect(&self, socket: Socket) -> Std {
        let path = self.dir.path().join("run/id").join(socket.file_name());
        let stream = Std::connect(path).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        stream
    }

    /// Runs the loop until a request comes or nothing is left to do.
    fn request(&mut self) -> Option<Request> {
        let mut events = Events::with_capacity(8);
        loop {
            let wait = if self.server.has_ready() { Duration::ZERO } else { Duration::from_millis(20) };
            self.poll.poll(&mut events, Some(wait)).expect("polled");
            let idle = events.is_empty() && !self.server.has_ready();
            for event in &events {
                assert!(self.server.handle_event(event));
            }
            if let Some(request) =
                self.server.next_request(self.now, self.poll.registry(), &mut self.counters)
            {
                return Some(request);
            }
            if idle {
                return None;
            }
        }
    }
}

fn line(reader: &mut impl BufRead) -> Value {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).unwrap_or(Value::Null)
}

#[test]
fn requests_are_answered_in_order_even_when_they_come_in_pieces() {
    let mut world = World::new();
    let mut client = world.connect(Socket::Observe);
    client.write_all(b"{\"cmd\":\"status\"}\n\n{\"cmd\":\"ho").expect("written");
    let first = world.request().expect("a request");
    assert_eq!((first.command(), first.control), ("status", false));
    assert!(first.need_control().is_err());
    world.server.answer(first.from, Ok(json!({"name": "atlas"})));
    assert!(world.request().is_none());
    client.write_all(b"sts\",\"realm\":\"r\"}\nnonsense\n").expect("written");
    let second = world.request().expect("a request");
    assert_eq!((second.command(), second.text("realm")), ("hosts", Some("r")));
    assert!(second.required("name").is_err());
    world.server.answer(second.from, Err(ControlError::new(1, "no")));
    assert!(world.request().is_none());

    let mut reader = BufReader::new(client);
    assert_eq!(line(&mut reader), json!({"ok": {"name": "atlas"}}));
    assert_eq!(line(&mut reader), json!({"error": {"exit": 1, "message": "no"}}));
    assert_eq!(line(&mut reader)["error"]["exit"], 2);
}

#[test]
fn the_control_socket_is_closed_to_others() {
    let mut world = World::new();
    for (kind, mode) in LISTENERS {
        let path = world.server.directory().join(kind.file_name());
        assert_eq!(fs::metadata(path).expect("there").mode() & 0o777, mode);
    }
    let mut client = world.connect(Socket::Control);
    client.write_all(b"{\"cmd\":\"stop\"}\n").expect("written");
    assert!(world.request().expect("a request").control);
}

#[test]
fn a_slow_reader_of_events_misses_some_and_is_told() {
    let mut world = World::new();
    let mut client = world.connect(Socket::Observe);
    client.write_all(b"{\"cmd\":\"watch\"}\n").expect("written");
    let request = world.request().expect("a request");
    world.server.subscribe(request.from, Some("r".to_owned()));
    assert!(world.server.has_subscribers());
    world.server.publish(&json!({"seq": 0, "row": {"realm": "other"}}));
    let long = "x".repeat(10_000);
    for seq in 1..1000 {
        world.server.publish(&json!({"seq": seq, "event": "join", "row": {"realm": "r", "host": long}}));
    }
    let waiting: usize = world.server.connections.iter().map(|(_, one)| usize::from(!one.is_flushed())).sum();
    assert_eq!(waiting, 1);

    let mut reader = BufReader::new(client);
    let mut last = 0;
    while world.server.connections.iter().any(|(_, one)| !one.is_flushed()) {
        let event = line(&mut reader);
        last = event["event"]["seq"].as_u64().expect("a number");
        assert!(world.request().is_none());
    }
    world.server.publish(&json!({"seq": 2000, "event": "leave", "row": {"realm": "r"}}));
    let resync = loop {
        let event = line(&mut reader);
        if event["event"]["event"] != "join" {
            break event;
        }
        last = event["event"]["seq"].as_u64().expect("a number");
    };
    assert!(last < 999);
    assert_eq!(resync["event"]["event"], "resync");
    assert_eq!(line(&mut reader)["event"]["event"], "leave");
}

#[test]
fn a_request_without_end_and_too_many_connections_are_bounded() {
    let mut world = World::new();
    let mut endless = world.connect(Socket::Observe);
    endless.set_nonblocking(true).expect("set");
    let mut refused = false;
    for _ in 0..100 {
        refused |= endless.write_all(&[b'x'; 16 << 10]).is_err();
        assert!(world.request().is_none());
        if refused {
            break;
        }
    }
    assert!(refused, "the daemon read on and on");

    let clients: Vec<Std> = (0..CONNECTIONS_MAX + 5)
        .map(|_| {
            let client = world.connect(Socket::Observe);
            world.request();
            client
        })
        .collect();
    assert_eq!(world.server.connections.len(), CONNECTIONS_MAX);
    drop(clients);
    assert!(world.request().is_none());
    assert_eq!(world.server.connections.len(), 0);
}

#[test]
fn nothing_is_left_behind() {
    let world = World::new();
    let directory = world.server.directory().to_path_buf();
    assert!(directory.exists());
    let other = ControlServer::open(world.poll.registry(), std::slice::from_ref(&directory));
    assert!(other.is_err(), "the sockets of a daemon that lives were taken away");
    drop(world.server);
    assert!(!directory.exists());
}
