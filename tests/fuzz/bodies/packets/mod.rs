//! What a peer that has the secret can write: HELLO, COOKIE, WELCOME and RESET of any content behind right tags, DATA
//! with any frames under any number. The endpoint neither panics nor takes more memory than it may, answers what
//! cannot be read with CLOSE, and says only what can be read.

mod frames;
mod peer;

use hms::ident::{Incarnation, ServerId};
use hms::time::{Duration, Instant};
use hms::transport::limits::{LINKS_MAX, MEMORY_MAX, MESSAGE_MAX};
use hms::transport::{CloseCode, Config, Endpoint, Event, KeyId, LinkSecret, Priority};

use self::frames::{frame, well_formed};
use self::peer::{Peer, SECRET, THEIRS, kind, sign};
use super::input::Input;

const OPERATIONS: usize = 120;

struct Rig {
    now: Instant,
    endpoint: Endpoint,
    peer: Peer,
    /// What the peer was sent that was not for its link: an attempt of the endpoint's own.
    asked: Vec<u8>,
    attempts: u64,
}

fn from() -> std::net::SocketAddr {
    ([10, 0, 0, 9], 6710).into()
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut endpoint = Endpoint::new(Config::new(ServerId(THEIRS), Incarnation(1)), &[1; 32]);
    endpoint.add_secret(LinkSecret::cluster(&SECRET));
    let (now, peer) = (Instant::from_secs(100), Peer::new(9, 1, 1));
    let mut rig = Rig { now, endpoint, peer, asked: Vec::new(), attempts: 1 };
    // Most inputs begin with a link.
    if !input.one_in(4) {
        rig.meet();
    }
    for _ in 0..OPERATIONS {
        if input.is_empty() {
            break;
        }
        rig.operation(&mut input);
        rig.settle();
    }
    // Whatever it was told, it comes to rest.
    rig.pass(Duration::from_secs(30));
    assert_eq!(rig.endpoint.links().count(), 0);
}

impl Rig {
    fn operation(&mut self, input: &mut Input<'_>) {
        match input.below(12) {
            0..=2 => {
                let mut body = Vec::new();
                (0..=input.below(6)).for_each(|_| frame(input, self.peer.number, &mut body));
                self.data(input, &body);
            }
            3 => {
                let frames = input.chunk();
                self.data(input, frames);
            }
            4 => self.signed(input),
            5 => {
                self.attempts += 1;
                let (server, incarnation) = (input.number() % 4 + 8, input.number32() % 3);
                self.peer = Peer::new(server, incarnation, self.attempts);
                self.meet();
            }
            6 => {
                let _ = self.endpoint.connect(self.now, from(), None, KeyId::CLUSTER);
            }
            7 => self.pass(input.span().min(Duration::from_secs(15))),
            8 => self.send(input),
            9 => {
                let (stream, reading) = (input.pick(&Priority::ALL), input.one_in(2));
                let links: Vec<_> = self.endpoint.links().map(|(id, _)| id).collect();
                for link in links {
                    self.endpoint.link_mut(link).expect("a link").set_reading(stream, reading);
                }
            }
            10 => {
                let link = self.endpoint.links().next().map(|(id, _)| id);
                let text = input.text();
                link.into_iter()
                    .for_each(|link| self.endpoint.close(self.now, link, CloseCode(0x200), &text));
            }
            _ => self.deliver(input.chunk().to_vec()),
        }
    }

    fn deliver(&mut self, mut bytes: Vec<u8>) {
        let before = self.endpoint.drops().total();
        let drop = self.endpoint.handle_datagram(self.now, from(), &mut bytes);
        assert_eq!(self.endpoint.drops().total() - before, u64::from(drop.is_some()));
    }

    /// The handshake, the peer being the initiator, and a PING.
    fn meet(&mut self) {
        for _ in 0..2 {
            self.deliver(self.peer.hello());
            self.settle();
        }
        self.number(&[1], self.peer.number);
    }

    fn number(&mut self, frames: &[u8], number: u64) {
        if let Some(datagram) = self.peer.data(number, frames) {
            self.peer.number = self.peer.number.max(number + 1);
            self.deliver(datagram);
        }
    }

    fn data(&mut self, input: &mut Input<'_>, frames: &[u8]) {
        let number = match input.below(8) {
            0 => self.peer.number.saturating_sub(input.number() % 100),
            1 => self.peer.number + input.number() % 100,
            2 => input.number() % (1 << 48),
            _ => self.peer.number,
        };
        // Later numbers must fit into the header.
        self.number(frames, number.min((1 << 47) - 1));
    }

    /// A datagram of the handshake behind a right tag: with the fields of what was asked, or any.
    fn signed(&mut self, input: &mut Input<'_>) {
        let kind = input.pick(&[kind::HELLO, kind::COOKIE, kind::WELCOME, kind::RESET]);
        let mut bytes = vec![1, kind];
        let asked = |place: std::ops::Range<usize>| self.asked.get(place).unwrap_or(&[0; 8][..]);
        if kind == kind::RESET {
            bytes.extend_from_slice(&[0, 0, 0, 0, 0, input.byte()]);
            bytes.extend_from_slice(&self.peer.own.session.to_be_bytes());
        } else {
            bytes.resize(16, 0);
            bytes.extend_from_slice(if kind == kind::HELLO { &[0; 8] } else { asked(48..56) });
            bytes.extend_from_slice(asked(24..32));
        }
        bytes.extend_from_slice(input.chunk());
        if input.one_in(8) {
            let at = input.below(32) % bytes.len();
            bytes[at] ^= 1 << input.below(8);
        }
        let len = match kind {
            kind::RESET => 32,
            kind::COOKIE => 64,
            _ => 1184,
        };
        bytes.resize(len, 0);
        sign(&mut bytes);
        self.deliver(bytes);
    }

    fn send(&mut self, input: &mut Input<'_>) {
        let (stream, len) = (input.pick(&Priority::ALL), usize::from(input.u16()) % 4000);
        let links: Vec<_> = self.endpoint.links().map(|(id, _)| id).collect();
        for link in links {
            let _ = self.endpoint.send(link, stream, &vec![5; len]);
        }
    }

    /// Takes all that there is.
    fn settle(&mut self) {
        self.told();
        let mut buf = Vec::new();
        while let Some(transmit) = self.endpoint.poll_output(self.now, &mut buf) {
            assert_eq!((transmit.to, transmit.len), (from(), buf.len()));
            if buf[1] == kind::HELLO {
                self.asked.clone_from(&buf);
            }
            if let Some(plain) = self.peer.take(&buf) {
                assert!(well_formed(&plain), "{plain:02x?}");
            }
        }
        self.told();
        assert!(self.endpoint.links().count() <= LINKS_MAX);
        for (_, link) in self.endpoint.links() {
            let (sending, receiving) = link.memory();
            assert!(sending <= MEMORY_MAX && receiving <= MEMORY_MAX, "{sending} and {receiving} bytes");
        }
    }

    fn told(&mut self) {
        while let Some((link, event)) = self.endpoint.poll_event() {
            match event {
                Event::Message(_, message) => assert!(message.len() <= MESSAGE_MAX),
                Event::Connected(peer) => assert!(peer.server != ServerId(0)),
                Event::Closed(reason) => {
                    // Its text may have come from the peer: it is for people to read, on one line.
                    let text = reason.to_string();
                    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
                    assert!(self.endpoint.link(link).is_none_or(|link| !link.is_open()));
                }
                Event::Writable(_) => {}
            }
        }
    }

    fn pass(&mut self, span: Duration) {
        let (end, mut still) = (self.now + span, 0);
        while self.now < end {
            self.settle();
            let next = self.endpoint.poll_timeout().unwrap_or(end).min(end);
            still = if next > self.now { 0 } else { still + 1 };
            assert!(still < 20, "a deadline that never gets done, {next} at {}", self.now);
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
        }
        self.settle();
    }
}
