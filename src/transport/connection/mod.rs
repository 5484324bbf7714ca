//! One link, from the first HELLO or WELCOME to its end.

mod incoming;
mod outgoing;
mod timers;
mod view;

use super::congestion::Controller;
use super::datagram::Head;
use super::dial::Dial;
use super::event::{CloseCode, CloseReason, Event, Peer, Priority, SendError};
use super::hello::{Hello, Welcome};
use super::keylog::LoggedLink;
use super::keys::{KeyId, LinkKeys, LinkSecret, Party, Side};
use super::limits::{CLOSING_MAX, CLOSING_PTOS, HANDSHAKE_TIME, REASON_MAX};
use super::numbers::Numbers;
use super::pacer::Pacer;
use super::received::Received;
use super::receiving::Receiving;
use super::recovery::Recovery;
use super::route::Route;
use super::sending::Sending;
use crate::time::{Duration, Instant};

/// What a link counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams sent.
    pub sent: u64,
    /// Bytes of them.
    pub bytes_sent: u64,
    /// DATA taken.
    pub received: u64,
    /// Eliciting packets that were lost.
    pub lost: u64,
    /// Probe timeouts.
    pub probes: u64,
}

/// How far a link is (spec 9.3, state tables).
enum Phase {
    Dialing(Box<Dial>),
    HalfOpen(Box<HalfOpen>),
    Open,
    Closing(Closing),
    Drained,
}

/// A link that has sent WELCOME and heard nothing under its keys.
struct HalfOpen {
    secret: LinkSecret,
    head: Head,
    welcome: Welcome,
    until: Instant,
    due: bool,
}

/// A link that says CLOSE.
struct Closing {
    code: CloseCode,
    reason: String,
    until: Instant,
    due: bool,
    packets: u64,
}

/// One link: sans-I/O, driven by its [`Endpoint`](super::Endpoint).
///
/// Its user sends, pulls and reads here; datagrams, time and events go through the endpoint.
pub struct Connection {
    side: Side,
    phase: Phase,
    route: Route,
    key: KeyId,
    attempt: u64,
    /// Of the HELLO that was answered.
    nonce: [u8; 32],
    /// Session id in what goes out.
    distant: u64,
    peer: Option<Peer>,
    keys: Option<LinkKeys>,
    numbers: Numbers,
    received: Received,
    recovery: Recovery,
    pacer: Pacer,
    pace_at: Option<Instant>,
    outward: [Sending; 3],
    inward: [Receiving; 3],
    reading: [bool; 3],
    credit_again: [bool; 3],
    ping: bool,
    heard: Instant,
    met: Instant,
    opened: Option<Instant>,
    bad_tags: u64,
    silence: Duration,
    /// Told by the next calls.
    connected: bool,
    /// Why the next call ends the link.
    fault: Option<CloseCode>,
    end: Option<CloseReason>,
    stats: Stats,
    /// What the last DATA was for.
    sent_as: &'static str,
    /// Its secret is told to who asks.
    key_log: bool,
    logged: Option<Box<LoggedLink>>,
}

/// What both kinds of links begin with.
pub(super) struct Begin {
    pub(super) now: Instant,
    pub(super) route: Route,
    pub(super) local: u64,
    pub(super) seed: [u8; 32],
    pub(super) silence: Duration,
    pub(super) controller: Box<dyn Controller>,
    pub(super) key_log: bool,
}

impl Connection {
    fn new(begin: Begin, side: Side, phase: Phase, key: KeyId, attempt: u64) -> Self {
        Self {
            side,
            phase,
            route: begin.route,
            key,
            attempt,
            nonce: [0; 32],
            distant: 0,
            peer: None,
            keys: None,
            numbers: Numbers::new(&begin.seed),
            received: Received::new(),
            recovery: Recovery::new(begin.now, begin.controller),
            pacer: Pacer::new(begin.now),
            pace_at: None,
            outward: Priority::ALL.map(Sending::new),
            inward: Priority::ALL.map(Receiving::new),
            reading: [true; 3],
            credit_again: [false; 3],
            ping: false,
            heard: begin.now,
            met: begin.now,
            opened: None,
            bad_tags: 0,
            silence: begin.silence,
            connected: false,
            fault: None,
            end: None,
            stats: Stats::default(),
            sent_as: "handshake",
            key_log: begin.key_log,
            logged: None,
        }
    }

    /// A link that begins with this HELLO.
    pub(super) fn dial(begin: Begin, secret: LinkSecret, hello: Hello) -> Self {
        let dial = Dial::new(begin.now, secret, hello);
        Self::new(begin, Side::Initiator, Phase::Dialing(Box::new(dial)), hello.key, hello.attempt)
    }

    /// A half-open link that answers this HELLO, whose cookie was accepted.
    pub(super) fn answer(begin: Begin, secret: LinkSecret, hello: &Hello, welcome: Welcome) -> Self {
        let until = begin.now + HANDSHAKE_TIME;
        let keys = secret.link(hello.attempt, &hello.party, &welcome.party, Side::Responder);
        let head = Head { key: hello.key, session: hello.party.session, attempt: hello.attempt };
        let half = HalfOpen { secret: secret.clone(), head, welcome, until, due: true };
        let mut this =
            Self::new(begin, Side::Responder, Phase::HalfOpen(Box::new(half)), hello.key, hello.attempt);
        (this.distant, this.nonce) = (hello.party.session, hello.party.nonce);
        let (server, incarnation) = (hello.party.server, hello.party.incarnation);
        this.peer = Some(Peer { server, incarnation, key: hello.key, side: Side::Responder });
        this.keys = Some(keys);
        this.log_keys(&secret, hello.attempt, &hello.party, &welcome.party);
        this
    }

    fn log_keys(&mut self, secret: &LinkSecret, attempt: u64, initiator: &Party, responder: &Party) {
        // Over a link under an invitation goes the cluster secret itself.
        let may = self.key_log && secret.id() == KeyId::CLUSTER;
        self.logged = may.then(|| {
            let ends = (initiator, responder);
            let link = secret.link_secret(attempt, initiator, responder);
            Box::new(LoggedLink::new(attempt, ends, link))
        });
    }

    /// Has its secret told, once there is one, unless it is under an invitation.
    pub(super) const fn set_key_log(&mut self, on: bool) {
        self.key_log = on;
    }

    /// What opens it, once; only if that is wanted.
    pub(super) fn take_logged(&mut self) -> Option<LoggedLink> {
        self.logged.take().map(|logged| *logged)
    }

    /// Takes a message whole, or nothing of it (R-TRN-63). Before the link is open it waits.
    pub fn send(&mut self, priority: Priority, message: &[u8]) -> Result<(), SendError> {
        if !matches!(self.phase, Phase::Open | Phase::Dialing(_)) {
            return Err(SendError::Closed);
        }
        let result = self.outward.get_mut(priority.index()).ok_or(SendError::Closed)?.push(message);
        if result == Err(SendError::Closed) {
            self.fault = Some(CloseCode::USED_UP);
        }
        result
    }

    /// The longest message that [`send`](Self::send) would take now.
    pub fn room(&self, priority: Priority) -> usize {
        self.outward.get(priority.index()).map_or(0, Sending::room_for)
    }

    /// Asks `source` for bulk messages while there is room for a page of `largest` bytes (R-TRN-37), at most
    /// [`MESSAGE_MAX`](super::limits::MESSAGE_MAX); it gets the room, and gives none when it has no more. What it
    /// gives must fit.
    pub fn pull_bulk(
        &mut self,
        largest: usize,
        mut source: impl FnMut(usize) -> Option<Vec<u8>>,
    ) -> Result<(), SendError> {
        while self.room(Priority::Bulk) >= largest {
            let Some(page) = source(self.room(Priority::Bulk)) else { break };
            self.send(Priority::Bulk, &page)?;
        }
        Ok(())
    }

    /// Stops or goes on giving messages of a stream; while stopped the peer soon has no credit.
    pub fn set_reading(&mut self, priority: Priority, reading: bool) {
        if let Some(flag) = self.reading.get_mut(priority.index()) {
            *flag = reading;
        }
    }

    /// What happened next: messages by priority, the end last.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.connected) {
            return self.peer.map(Event::Connected);
        }
        if matches!(self.phase, Phase::HalfOpen(_)) {
            return None;
        }
        let ended = self.end.is_some();
        for (priority, (stream, reading)) in
            Priority::ALL.into_iter().zip(self.inward.iter_mut().zip(self.reading))
        {
            // The end follows: what is whole comes before it, asked for or not.
            if (reading || ended)
                && let Some(message) = stream.message()
            {
                if !stream.sound() {
                    self.fault = Some(CloseCode::MESSAGE);
                }
                return Some(Event::Message(priority, message));
            }
        }
        if matches!(self.phase, Phase::Open) {
            let mut streams = Priority::ALL.into_iter().zip(self.outward.iter_mut());
            let writable = streams.find_map(|(priority, stream)| stream.writable().then_some(priority));
            if let Some(priority) = writable {
                return Some(Event::Writable(priority));
            }
        }
        let end = self.end.take()?;
        self.inward = Priority::ALL.map(Receiving::new);
        Some(Event::Closed(end))
    }

    /// Ends the link at once (R-TRN-71). The reason is cut to 200 bytes.
    pub(super) fn close(&mut self, now: Instant, code: CloseCode, reason: &str) {
        self.end_with(now, code, reason, CloseReason::Here(code));
    }

    /// Says CLOSE, and tells the user `end`.
    fn end_with(&mut self, now: Instant, code: CloseCode, reason: &str, end: CloseReason) {
        match self.phase {
            Phase::Open => {
                let until = now + (self.recovery.rtt.pto() * CLOSING_PTOS).min(CLOSING_MAX);
                let within = |(start, c): &(usize, char)| start + c.len_utf8() <= REASON_MAX;
                let reason = reason.char_indices().take_while(within).map(|(_, c)| c).collect();
                self.phase = Phase::Closing(Closing { code, reason, until, due: true, packets: 0 });
                self.forget();
                self.tell_end(end);
            }
            Phase::Dialing(_) => self.drain(end),
            Phase::HalfOpen(_) => self.phase = Phase::Drained,
            Phase::Closing(_) | Phase::Drained => {}
        }
    }

    /// Ends the link without a word.
    pub(super) fn drain(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Dialing(_) | Phase::Open) {
            self.tell_end(reason);
        }
        self.phase = Phase::Drained;
        self.forget();
    }

    /// Of a link that ends before its user was told that it opened, the user is told nothing but, of an attempt from
    /// here, the end (R-TRN-24): it could be told of a later link before, and would take this one for the newer.
    fn tell_end(&mut self, end: CloseReason) {
        let untold = std::mem::take(&mut self.connected);
        if untold {
            self.inward = Priority::ALL.map(Receiving::new);
        }
        self.end = Some(end).filter(|_| !untold || self.side == Side::Initiator);
    }

    /// Ends the link if it is not open yet: its key was taken away.
    pub(super) fn abandon(&mut self) {
        if matches!(self.phase, Phase::Dialing(_) | Phase::HalfOpen(_)) {
            self.drain(CloseReason::Here(CloseCode::REFUSED));
        }
    }

    /// Lets go of what will not be sent any more.
    fn forget(&mut self) {
        self.outward = Priority::ALL.map(Sending::new);
        self.pace_at = None;
    }
}

#[cfg(test)]
impl Connection {
    /// As if all numbers were used.
    pub(super) fn use_up_numbers(&mut self) {
        self.numbers.use_up();
    }

    /// As if all bad tags but one had come.
    pub(super) fn use_up_tags(&mut self) {
        self.bad_tags = super::limits::BAD_TAGS_MAX - 1;
    }

    /// As if the stream had carried all bytes but these.
    pub(super) fn use_up_offsets(&mut self, stream: Priority, left: u64) {
        self.outward[stream.index()].use_up(left);
    }
}
