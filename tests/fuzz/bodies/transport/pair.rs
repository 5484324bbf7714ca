//! Two endpoints, what is on its way between them, and what must hold of them all the time.

use std::collections::VecDeque;
use std::net::SocketAddr;

use hms::ident::{Incarnation, ServerId};
use hms::time::{Duration, Instant};
use hms::transport::limits::{DATAGRAM_MAX, DATAGRAM_MIN, HALF_OPEN_MAX, LINKS_MAX, MEMORY_MAX};
use hms::transport::{
    CloseCode, CloseReason, Config, Endpoint, Event, KeyId, LinkId, LinkSecret, Priority, SendError,
};

use super::rows::{End, Rows};

/// The id of the invitation that both know.
pub(super) const INVITED: KeyId = KeyId(42);
/// What the users of these endpoints close links with.
pub(super) const ENOUGH: CloseCode = CloseCode(0x100);
/// Datagrams that are on their way at most; more are lost.
const UNDER_WAY: usize = 300;
/// Datagrams that are remembered.
const KEPT: usize = 200;

/// A datagram on its way to an endpoint.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) to: usize,
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) endpoints: [Endpoint; 2],
    incarnations: [u32; 2],
    /// Whether the user of an endpoint asks for messages.
    deaf: [bool; 2],
    /// Whether nothing comes from an endpoint.
    pub(super) cut: [bool; 2],
    pub(super) under_way: VecDeque<Parcel>,
    past: VecDeque<Parcel>,
    rows: Rows,
}

const fn address(at: usize) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1 + at as u8)), 6710)
}

fn endpoint(at: usize, incarnation: u32) -> Endpoint {
    let config = Config::new(ServerId(1 + at as u64), Incarnation(incarnation));
    let mut seed = [at as u8; 32];
    seed[..4].copy_from_slice(&incarnation.to_be_bytes());
    let mut endpoint = Endpoint::new(config, &seed);
    endpoint.add_secret(LinkSecret::cluster(&[7; 32]));
    endpoint.add_secret(LinkSecret::invitation(INVITED, &[8; 32]));
    endpoint
}

impl Pair {
    pub(super) fn new() -> Self {
        Self {
            now: Instant::from_secs(100),
            endpoints: [0, 1].map(|at| endpoint(at, 1)),
            incarnations: [1; 2],
            deaf: [false; 2],
            cut: [false; 2],
            under_way: VecDeque::new(),
            past: VecDeque::new(),
            rows: Rows::default(),
        }
    }

    fn end(&self, at: usize, link: LinkId) -> End {
        (at, self.incarnations[at], link)
    }

    /// A link of an endpoint, if it has one.
    pub(super) fn pick(&self, at: usize, which: usize) -> Option<LinkId> {
        let count = self.endpoints[at].links().count();
        self.endpoints[at].links().nth(which % count.max(1)).map(|(id, _)| id)
    }

    pub(super) fn dial(&mut self, at: usize, key: KeyId) -> Option<LinkId> {
        let link = self.endpoints[at].connect(self.now, address(1 - at), None, key);
        assert!(link.is_ok() || self.endpoints[at].links().count() >= LINKS_MAX);
        link.ok()
    }

    /// Gives a stream a message; what is refused leaves nothing behind.
    pub(super) fn send(&mut self, at: usize, link: LinkId, stream: Priority, len: usize) {
        let end = self.end(at, link);
        let message = self.rows.next(end, stream, len);
        let room = self.endpoints[at].link(link).map_or(0, |link| link.room(stream));
        match self.endpoints[at].send(link, stream, &message) {
            Ok(()) => self.rows.took(end, stream),
            Err(SendError::Full) => assert!(room < message.len()),
            Err(SendError::Closed) => {}
            Err(SendError::TooLong) => panic!("{} bytes are too long", message.len()),
        }
    }

    pub(super) fn set_deaf(&mut self, at: usize, deaf: bool) {
        self.deaf[at] = deaf;
        let links: Vec<LinkId> = self.endpoints[at].links().map(|(id, _)| id).collect();
        for link in links {
            let link = self.endpoints[at].link_mut(link).expect("a link");
            Priority::ALL.into_iter().for_each(|stream| link.set_reading(stream, !deaf));
        }
    }

    pub(super) fn restart(&mut self, at: usize) {
        self.incarnations[at] += 1;
        self.endpoints[at] = endpoint(at, self.incarnations[at]);
    }

    /// Hands a datagram over.
    pub(super) fn deliver(&mut self, parcel: Parcel) {
        let mut bytes = parcel.bytes;
        self.endpoints[parcel.to].handle_datagram(self.now, parcel.from, &mut bytes);
        self.settle(parcel.to);
    }

    /// The first of those on their way arrives.
    pub(super) fn arrive(&mut self) {
        if let Some(parcel) = self.under_way.pop_front() {
            self.deliver(parcel);
        }
    }

    /// A datagram that was on its way once, the latest first.
    pub(super) fn past(&self, back: usize) -> Option<Parcel> {
        self.past.iter().rev().nth(back).cloned()
    }

    /// Takes what an endpoint has to tell and to send; what is due is done then.
    pub(super) fn settle(&mut self, at: usize) {
        self.told(at);
        let mut buf = Vec::new();
        while let Some(transmit) = self.endpoints[at].poll_output(self.now, &mut buf) {
            assert_eq!(transmit.len, buf.len());
            assert!((DATAGRAM_MIN..=DATAGRAM_MAX).contains(&buf.len()), "{} bytes", buf.len());
            let to = usize::from(transmit.to == address(1));
            let parcel = Parcel { to, from: address(at), bytes: buf.clone() };
            self.past.push_back(parcel.clone());
            if self.past.len() > KEPT {
                self.past.pop_front();
            }
            if transmit.to == address(to) && !self.cut[at] && self.under_way.len() < UNDER_WAY {
                self.under_way.push_back(parcel);
            }
        }
        self.told(at);
        self.bounded(at);
    }

    fn told(&mut self, at: usize) {
        if self.deaf[at] {
            self.set_deaf(at, true);
        }
        while let Some((link, event)) = self.endpoints[at].poll_event() {
            let end = self.end(at, link);
            match event {
                Event::Message(stream, message) => self.rows.arrive(end, stream, &message),
                Event::Closed(CloseReason::Here(code) | CloseReason::There(code, _)) => {
                    // Whatever the network does, no end takes the other for a liar.
                    let honest = [CloseCode::REPLACED, CloseCode::SILENT, ENOUGH];
                    assert!(honest.contains(&code), "{code}");
                }
                Event::Closed(_) | Event::Connected(_) | Event::Writable(_) => {}
            }
        }
    }

    fn bounded(&self, at: usize) {
        let endpoint = &self.endpoints[at];
        assert!(endpoint.links().count() <= LINKS_MAX);
        let waiting = endpoint.links().filter(|(_, link)| link.opened().is_none() && link.peer().is_some());
        assert!(waiting.count() <= HALF_OPEN_MAX, "half open");
        for (_, link) in endpoint.links() {
            let (sending, receiving) = link.memory();
            assert!(sending <= MEMORY_MAX && receiving <= MEMORY_MAX, "{sending} and {receiving} bytes");
        }
    }

    /// Time passes; `flows`: what is on its way arrives meanwhile.
    pub(super) fn pass(&mut self, span: Duration, flows: bool) {
        let (end, mut still) = (self.now + span, 0);
        loop {
            (0..2).for_each(|at| self.settle(at));
            while flows && !self.under_way.is_empty() {
                // Both ways take a millisecond.
                self.now += Duration::from_micros(500);
                (0..self.under_way.len()).for_each(|_| self.arrive());
            }
            let next = self.endpoints.iter().filter_map(Endpoint::poll_timeout).min();
            let next = next.unwrap_or(end).min(end);
            still = if next > self.now { 0 } else { still + 1 };
            assert!(still < 20 || self.now >= end, "a deadline that never gets done, {next} at {}", self.now);
            self.now = self.now.max(next);
            for at in 0..2 {
                self.endpoints[at].handle_timeout(self.now);
                self.settle(at);
            }
            if self.now >= end {
                return;
            }
        }
    }

    /// The network is well, and everybody listens: all that was given to links that live arrives, and a new link comes
    /// at once.
    pub(super) fn heal(mut self) {
        self.cut = [false; 2];
        (0..2).for_each(|at| self.set_deaf(at, false));
        self.pass(Duration::from_secs(25), true);
        for at in 0..2 {
            for (link, _) in self.endpoints[at].links().filter(|(_, link)| link.is_open()) {
                self.rows.complete(self.end(at, link));
            }
        }
        if let Some(link) = self.dial(0, KeyId::CLUSTER) {
            self.send(0, link, Priority::Control, 10);
            self.pass(Duration::from_secs(1), true);
            assert!(self.endpoints[0].link(link).is_some_and(hms::transport::Connection::is_open));
            self.rows.complete(self.end(0, link));
        }
    }
}
