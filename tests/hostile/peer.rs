//! The hostile HMS: links that are in order, a seat, and then anything.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hms::ident::{Incarnation, Name, Process, ServerId, UserId};
use hms::time::{Duration, Instant};
use hms::transport::{Config, Endpoint, Event, KeyId, LinkId, LinkSecret, Priority};
use hms::wire::peer::{IntroHead, Join, PeerMessage, Phase, PingHead, Seat, Stream, Timing};

use crate::dice::Dice;
use crate::net::hms_address;

/// How many messages that it heard it keeps, to say them again.
const HEARD: usize = 200;
const PING: Duration = Duration::from_secs(2);
const DIAL: Duration = Duration::from_millis(700);

/// What it knows of one that it talks to.
struct There {
    intro: Option<IntroHead>,
}

pub struct Hostile {
    pub process: Process,
    pub endpoint: Endpoint,
    pub dice: Dice,
    secret: [u8; 32],
    there: BTreeMap<LinkId, There>,
    pub heard: Vec<(Priority, Vec<u8>)>,
    pub seat: Option<Seat>,
    /// The honest ones, the realm that they serve, and users whom it does not name in a world that spares them.
    pub honest: Vec<ServerId>,
    pub realm: hms::ident::RealmId,
    pub spared: Vec<UserId>,
    pub spares: bool,
    /// How much it says in a tick.
    pub rate: usize,
    /// The kinds of things that it says in this world; of all if there are none.
    pub only: Vec<usize>,
    pub clock: u64,
    next_ping: Instant,
    next_dial: Instant,
    pub next_tick: Instant,
    pub links: u64,
    pub said: u64,
    pub items: usize,
}

impl Hostile {
    pub fn new(dice: &mut Dice, server: ServerId, secret: [u8; 32], now: Instant) -> Self {
        let mut dice = dice.fork();
        let incarnation = Incarnation(dice.number() as u32 | 1);
        let process = Process { server, incarnation };
        let spares = dice.one_in(2);
        let some = dice.one_in(2);
        let only = if some {
            (0..1 + dice.below(3)).map(|_| dice.below(crate::say::KINDS)).collect()
        } else {
            Vec::new()
        };
        Self {
            process,
            endpoint: endpoint(&mut dice, process, &secret),
            secret,
            there: BTreeMap::new(),
            heard: Vec::new(),
            seat: None,
            honest: Vec::new(),
            realm: hms::ident::RealmId(0),
            spared: Vec::new(),
            spares,
            rate: *dice.pick(&[1, 4, 20]),
            only,
            clock: 0,
            next_ping: now,
            next_dial: now,
            next_tick: now,
            links: 0,
            said: 0,
            items: 0,
            dice,
        }
    }

    pub fn due(&self) -> Instant {
        let timers = self.endpoint.poll_timeout().unwrap_or(self.next_tick);
        timers.min(self.next_tick).min(self.next_ping).min(self.next_dial)
    }

    pub fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        self.endpoint.handle_datagram(now, from, &mut bytes);
        self.hear(now);
    }

    /// A message that comes: what a member would do, and what it keeps.
    fn hear(&mut self, now: Instant) {
        while let Some((link, event)) = self.endpoint.poll_event() {
            match event {
                Event::Connected(_) => {
                    self.links += 1;
                    // On some streams it reads nothing.
                    let deaf = self.dice.one_in(6).then(|| *self.dice.pick(&Priority::ALL));
                    self.there.insert(link, There { intro: None });
                    if let (Some(deaf), Some(link)) = (deaf, self.endpoint.link_mut(link)) {
                        link.set_reading(deaf, false);
                    }
                    self.introduce(link);
                }
                Event::Message(priority, bytes) => self.message(now, link, priority, bytes),
                Event::Closed(_) => {
                    self.there.remove(&link);
                    self.next_dial = self.next_dial.max(now + DIAL);
                    // As after a restart, now and then.
                    if self.there.is_empty() && self.dice.one_in(4) {
                        self.restart();
                    }
                }
                Event::Writable(_) => {}
            }
        }
    }

    fn restart(&mut self) {
        self.process.incarnation = Incarnation(self.dice.number() as u32 | 1);
        self.endpoint = endpoint(&mut self.dice, self.process, &self.secret);
        self.seat = None;
    }

    fn message(&mut self, now: Instant, link: LinkId, priority: Priority, bytes: Vec<u8>) {
        if priority == Priority::Control {
            match PeerMessage::parse(Stream::Control, &bytes) {
                Ok(PeerMessage::Intro(intro)) => {
                    let head = intro.head;
                    self.clock = self.clock.max(head.clock.0);
                    if let Some(there) = self.there.get_mut(&link) {
                        there.intro = Some(head);
                    }
                    if let (None, Some(line)) = (self.seat, head.line) {
                        self.tell(link, Priority::Control, &PeerMessage::Join(Join { line }));
                    }
                }
                Ok(PeerMessage::Seat(seat)) => {
                    self.seat = Some(seat);
                    self.introduce(link);
                    self.next_ping = now;
                }
                _ => {}
            }
        }
        if self.heard.len() >= HEARD {
            let old = self.dice.below(self.heard.len());
            self.heard.swap_remove(old);
        }
        self.heard.push((priority, bytes));
    }

    /// INTRO as it ought to be.
    fn introduce(&mut self, link: LinkId) {
        let mut bytes = Vec::new();
        self.intro().emit(&Name::new("mallory").expect("a name"), &[], &[], &mut bytes);
        self.send(link, Priority::Control, &bytes);
    }

    pub fn intro(&self) -> IntroHead {
        IntroHead {
            min_version: 1,
            max_version: 1,
            phase: self.phase(),
            line: self.seat.map(|seat| seat.line),
            age_ms: self.seat.map_or(0, |seat| seat.age_ms.saturating_add(1000)),
            joined_at_ms: self.seat.map_or(0, |seat| seat.joined_at_ms),
            founded: 0,
            clock: hms::ident::Stamp(self.clock),
            facts: 0,
            timing: Timing { check_ms: 30_000, exchange_ms: 5000, expiry_thousandths: 2500 },
        }
    }

    fn phase(&self) -> Phase {
        if self.seat.is_some() { Phase::Operating } else { Phase::Starting }
    }

    pub fn tell(&mut self, link: LinkId, priority: Priority, message: &PeerMessage<'_>) {
        let mut bytes = Vec::new();
        message.emit(&mut bytes);
        self.send(link, priority, &bytes);
    }

    pub fn send(&mut self, link: LinkId, priority: Priority, bytes: &[u8]) {
        if self.endpoint.send(link, priority, bytes).is_ok() {
            self.said += 1;
        }
    }

    /// Lets time pass, and says what it likes.
    pub fn act(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.hear(now);
        if now >= self.next_dial {
            self.next_dial = now + Duration::from_secs(1);
            for hms in 0..self.honest.len() {
                let linked = self.endpoint.links().any(|(_, link)| link.remote() == hms_address(hms));
                // Sometimes a second link.
                if !linked || self.dice.one_in(20) {
                    let to = hms_address(hms);
                    let _ = self.endpoint.connect(now, to, Some(self.honest[hms]), KeyId::CLUSTER);
                }
            }
        }
        let links: Vec<_> = self.there.keys().copied().collect();
        if now >= self.next_ping {
            self.next_ping = now + PING;
            let head = PingHead {
                phase: self.phase(),
                heard_ms: 10,
                clock: hms::ident::Stamp(self.clock),
                facts: self.dice.number(),
            };
            for link in &links {
                let mut bytes = Vec::new();
                head.emit([], &mut bytes);
                self.send(*link, Priority::Control, &bytes);
            }
        }
        if now >= self.next_tick {
            self.next_tick = now + Duration::from_millis(50);
            for link in links {
                let met = self.there.get(&link).is_some_and(|there| there.intro.is_some());
                for _ in 0..if met { self.rate } else { 0 } {
                    self.say(link);
                }
            }
        }
        self.hear(now);
    }

    pub fn output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<SocketAddr> {
        self.endpoint.poll_output(now, buf).map(|out| out.to)
    }
}

fn endpoint(dice: &mut Dice, process: Process, secret: &[u8; 32]) -> Endpoint {
    let mut endpoint = Endpoint::new(Config::new(process.server, process.incarnation), &dice.bytes());
    endpoint.add_secret(LinkSecret::cluster(secret));
    endpoint
}
