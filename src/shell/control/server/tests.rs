use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream as Std;

use mio::{Events, Poll};

use super::super::listings::{Listings, PAGE_ROWS, Page};
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
    world.server.publish(0, Some("other"), &json!({"seq": 0}));
    let long = "x".repeat(10_000);
    for seq in 1..1000 {
        world.server.publish(seq, Some("r"), &json!({"seq": seq, "event": "join", "row": {"host": long}}));
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
    world.server.publish(1000, Some("r"), &json!({"seq": 1000, "event": "leave"}));
    assert!(world.request().is_none());
    let resync = loop {
        let event = line(&mut reader);
        if event["event"]["event"] != "join" {
            break event;
        }
        last = event["event"]["seq"].as_u64().expect("a number");
    };
    assert!(last < 999);
    assert_eq!(resync, json!({"event": {"seq": 1000, "event": "resync", "row": null, "missed": 999 - last}}));
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

/// A turn of a daemon that lists the numbers below `total`, each in a row of 400 bytes: one page at most, and a request.
fn list_turn(world: &mut World, listings: &mut Listings<u64>, total: u64) -> Option<Request> {
    let mut made = 0;
    listings.turn(&mut world.server, |next| {
        let end = total.min(*next + PAGE_ROWS as u64);
        let rows: Vec<Value> = (*next..end).map(|row| json!({"row": row, "host": "x".repeat(400)})).collect();
        made = rows.len();
        *next = end;
        Page { rows, end: (end == total).then(|| json!({"source": "hms"})) }
    });
    assert!(made <= PAGE_ROWS);
    let mut events = Events::with_capacity(8);
    let wait = if listings.ready(&world.server) { Duration::ZERO } else { Duration::from_millis(20) };
    world.poll.poll(&mut events, Some(wait)).expect("polled");
    for event in &events {
        assert!(world.server.handle_event(event));
    }
    world.server.next_request(world.now, world.poll.registry(), &mut world.counters)
}

#[test]
fn lists_go_out_a_page_a_turn_and_wait_for_slow_readers() {
    const ROWS: u64 = 100_000;
    let mut world = World::new();
    let mut listings = Listings::new();
    let mut clients: Vec<Std> = (0..CONNECTIONS_MAX)
        .map(|_| {
            let mut client = world.connect(Socket::Observe);
            client.write_all(b"{\"cmd\":\"hosts\"}\n{\"cmd\":\"status\"}\n").expect("written");
            let request = world.request().expect("a request");
            listings.begin(&mut world.server, request.from, 0);
            client
        })
        .collect();
    // Nobody reads: every connection gets what its socket takes and one page more, and nothing is left to do.
    let mut turns = 0;
    while listings.ready(&world.server) {
        assert!(list_turn(&mut world, &mut listings, ROWS).is_none());
        turns += 1;
        assert!(turns < 100 * CONNECTIONS_MAX, "pages pile up");
    }
    let page = PAGE_ROWS * 500;
    assert!(
        world.server.connections.iter().all(|(_, one)| one.room() == Room::Full && one.waiting() <= page)
    );
    // One reads, and gets all of it, in order, and then the answer to the next request.
    let reader = clients.swap_remove(CONNECTIONS_MAX / 2);
    clients.truncate(3);
    reader.set_nonblocking(true).expect("set");
    let (mut reader, mut text, mut seen, mut answers) =
        (BufReader::new(reader), String::new(), 0, Vec::new());
    while answers.len() < 2 {
        while reader.read_line(&mut text).is_ok() {
            let got: Value = serde_json::from_str(&text).expect("JSON");
            text.clear();
            match got["part"].as_array() {
                Some(part) => part.iter().for_each(|row| {
                    assert_eq!(row["row"], seen);
                    seen += 1;
                }),
                None => answers.push(got),
            }
        }
        if let Some(request) = list_turn(&mut world, &mut listings, ROWS) {
            assert_eq!(request.command(), "status");
            world.server.answer(request.from, Ok(json!("there")));
        }
    }
    assert_eq!((seen, answers), (ROWS, vec![json!({"ok": {"source": "hms"}}), json!({"ok": "there"})]));
    // Whoever went is forgotten.
    drop((clients, reader));
    while !world.server.connections.is_empty() {
        list_turn(&mut world, &mut listings, ROWS);
    }
    list_turn(&mut world, &mut listings, ROWS);
    assert!(!listings.ready(&world.server));
}
