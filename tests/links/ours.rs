//! An end of a link of ours.

use std::net::SocketAddr;

use hms::ident::{Incarnation, ServerId};
use hms::time::{Duration, Instant};
use hms::transport::{
    CloseReason, Config, Connection, Endpoint, Event, KeyId, LinkId, LinkSecret, Priority, SendError,
};

use crate::net::{Node, address};

/// Bytes of a message of deltas or bulk, as of a page of the table.
pub const PAGE: usize = 8000;
/// Bytes of a control message.
const WORD: usize = 32;
/// How often an end that talks says something.
pub const TALK: Duration = Duration::from_millis(200);

/// An endpoint and its user.
pub struct Ours {
    pub endpoint: Endpoint,
    me: usize,
    /// Whether it makes the link, and makes it again if nobody answered.
    dials: bool,
    link: Option<LinkId>,
    /// Messages that are to go by each stream, and that went.
    pub offers: [u64; 3],
    pub sent: [u64; 3],
    /// Messages that came by each stream, and their bytes.
    pub came: [u64; 3],
    pub bytes: [u64; 3],
    /// When it says the next thing on the control stream.
    pub talks_at: Option<Instant>,
    /// How long control messages took.
    pub delays: Vec<Duration>,
    /// Whether it looks at events.
    pub listens: bool,
    pub connected: Option<Instant>,
    /// How links ended that had opened.
    pub ended: Vec<CloseReason>,
    /// The most that the link held for sending, and for receiving.
    pub held: (usize, usize),
}

impl Ours {
    /// Node `me`.
    pub fn new(seed: u64, me: usize, dials: bool, offers: [u64; 3]) -> Self {
        let id = me as u64 + 1;
        let mut key = [id as u8; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        let mut endpoint = Endpoint::new(Config::new(ServerId(id), Incarnation(1)), &key);
        endpoint.add_secret(LinkSecret::cluster(&[7; 32]));
        Self {
            endpoint,
            me,
            dials,
            link: None,
            offers,
            sent: [0; 3],
            came: [0; 3],
            bytes: [0; 3],
            talks_at: None,
            delays: Vec::new(),
            listens: true,
            connected: None,
            ended: Vec::new(),
            held: (0, 0),
        }
    }

    /// Whether it reads bulk.
    pub fn read_bulk(&mut self, reads: bool) {
        let link = self.link.and_then(|link| self.endpoint.link_mut(link));
        link.expect("a link").set_reading(Priority::Bulk, reads);
    }

    pub fn link(&self) -> Option<&Connection> {
        self.endpoint.link(self.link?)
    }

    fn dial(&mut self, now: Instant) {
        if self.dials && self.link.is_none() {
            let to = address(self.me ^ 1);
            self.link = Some(self.endpoint.connect(now, to, None, KeyId::CLUSTER).expect("room for one"));
        }
    }

    fn listen(&mut self, now: Instant) {
        while self.listens
            && let Some((link, event)) = self.endpoint.poll_event()
        {
            match event {
                Event::Connected(_) => (self.link, self.connected) = (Some(link), Some(now)),
                Event::Message(priority, message) => self.hear(now, priority, &message),
                Event::Writable(_) => {}
                Event::Closed(reason) => {
                    self.link = None;
                    self.ended.extend((reason != CloseReason::NoAnswer).then_some(reason));
                }
            }
        }
    }

    fn hear(&mut self, now: Instant, priority: Priority, message: &[u8]) {
        let word = |at: usize| u64::from_be_bytes(message[at..at + 8].try_into().expect("8 bytes"));
        let stream = priority as usize;
        assert_eq!(word(0), self.came[stream], "{priority:?} comes once, in order");
        self.came[stream] += 1;
        self.bytes[stream] += message.len() as u64;
        if priority == Priority::Control {
            self.delays.push(now.since(Instant::from_micros(word(8))));
        }
    }

    fn speak(&mut self, now: Instant) {
        if let Some(at) = self.talks_at.filter(|at| *at <= now) {
            self.offers[0] = self.offers[0].max(self.sent[0] + 1);
            self.talks_at = Some(at + TALK);
        }
        for priority in Priority::ALL {
            while self.sent[priority as usize] < self.offers[priority as usize] && self.say(now, priority) {}
        }
        if let Some((sending, receiving)) = self.link().map(Connection::memory) {
            self.held = (self.held.0.max(sending), self.held.1.max(receiving));
        }
    }

    /// Sends the next message of a stream, if there is room.
    fn say(&mut self, now: Instant, priority: Priority) -> bool {
        let stream = priority as usize;
        let mut message = vec![0; if priority == Priority::Control { WORD } else { PAGE }];
        message[..8].copy_from_slice(&self.sent[stream].to_be_bytes());
        message[8..16].copy_from_slice(&now.micros().to_be_bytes());
        let Some(link) = self.link.filter(|_| self.connected.is_some()) else { return false };
        match self.endpoint.send(link, priority, &message) {
            Ok(()) => self.sent[stream] += 1,
            Err(SendError::Full | SendError::Closed) => return false,
            Err(error) => panic!("{error}"),
        }
        true
    }
}

impl Node for Ours {
    fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        self.endpoint.handle_datagram(now, from, &mut bytes.to_vec());
    }

    fn turn(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.listen(now);
        self.dial(now);
        self.speak(now);
    }

    fn give(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<SocketAddr> {
        Some(self.endpoint.poll_output(now, buf)?.to)
    }

    fn due(&mut self) -> Option<Instant> {
        self.endpoint.poll_timeout().into_iter().chain(self.talks_at).min()
    }

    fn received(&self) -> u64 {
        self.bytes.iter().sum()
    }
}
