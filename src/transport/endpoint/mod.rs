//! All links of one process, over all its sockets: tells datagrams apart by session id, answers HELLO.

mod accept;
mod resets;
mod settle;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use self::resets::Resets;
use super::congestion::Controller;
use super::connection::{Begin, Connection};
use super::cookie::CookieKey;
use super::cubic::Cubic;
use super::datagram::{Datagram, kind};
use super::draws::Draws;
use super::drops::{DropReason, Drops};
use super::event::{CloseCode, CloseReason, Event, Priority, SendError};
use super::hello::{Hello, Reset};
use super::keylog::LoggedLink;
use super::keys::{KeyId, LinkSecret, Party, Side};
use super::limits::{COOKIE_LEN, LINKS_MAX, REPLIES_MAX, SILENCE_MAX, SILENCE_MIN};
use super::route::{Route, Transmit};
use crate::ident::{Incarnation, ServerId};
use crate::time::{Duration, Instant};

/// A link of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What an endpoint is told when it begins.
#[derive(Clone, Debug)]
pub struct Config {
    /// This HMS.
    pub server: ServerId,
    /// This process.
    pub incarnation: Incarnation,
    /// Silence of a peer that ends a link; at least [`SILENCE_MIN`], which less is taken for.
    pub silence: Duration,
    /// Makes the congestion controller of a new link.
    pub controller: fn() -> Box<dyn Controller>,
}

impl Config {
    /// The defaults of the specification.
    pub fn new(server: ServerId, incarnation: Incarnation) -> Self {
        Self { server, incarnation, silence: SILENCE_MAX, controller: || Box::new(Cubic::default()) }
    }
}

/// Why no link could be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialError {
    /// There are as many links as there may be.
    Full,
    /// The secret is unknown.
    Key,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many links",
            Self::Key => "unknown key id",
        })
    }
}

impl std::error::Error for DialError {}

/// An answer without state.
#[derive(Clone, Copy)]
struct Reply {
    to: Route,
    bytes: [u8; COOKIE_LEN],
    len: usize,
}

/// The links of one process. Sans-I/O: datagrams and time come in through the calls, randomness through the seed.
pub struct Endpoint {
    config: Config,
    secrets: BTreeMap<KeyId, LinkSecret>,
    cookie_key: CookieKey,
    draws: Draws,
    links: BTreeMap<u64, Connection>,
    /// Attempts so far.
    attempts: u32,
    /// The link that sent last: the next one has its turn.
    turn: u64,
    replies: VecDeque<Reply>,
    /// Where answers are made: nothing is allocated for whoever proves nothing.
    scratch: Vec<u8>,
    resets: Resets,
    drops: Drops,
    /// Links tell what opens them, which waits here to be asked for.
    key_log: bool,
    logged: VecDeque<LoggedLink>,
}

impl Endpoint {
    /// An endpoint without links; `seed` are 32 random bytes, used for nothing else.
    pub fn new(mut config: Config, seed: &[u8; 32]) -> Self {
        config.silence = config.silence.max(SILENCE_MIN);
        let mut draws = Draws::new(seed);
        let resets = Resets::new(draws.number());
        Self {
            config,
            secrets: BTreeMap::new(),
            cookie_key: CookieKey::new(&draws.bytes()),
            draws,
            links: BTreeMap::new(),
            attempts: 0,
            turn: 0,
            replies: VecDeque::with_capacity(REPLIES_MAX),
            scratch: Vec::with_capacity(COOKIE_LEN),
            resets,
            drops: Drops::default(),
            key_log: false,
            logged: VecDeque::new(),
        }
    }

    /// Takes a secret: links may be made with it from now on.
    pub fn add_secret(&mut self, secret: LinkSecret) {
        self.secrets.insert(secret.id(), secret);
    }

    /// No new links with this secret, those that are on their way included; open ones stay (R-TRN-13).
    pub fn remove_secret(&mut self, id: KeyId) {
        self.secrets.remove(&id);
        let of_key = |link: &&mut Connection| link.key() == id;
        self.links.values_mut().filter(of_key).for_each(Connection::abandon);
        self.sweep();
    }

    /// Has each link under the cluster secret tell what opens it from now on (R-TRN-15):
    /// [`poll_key_log`](Self::poll_key_log) is to be called then.
    pub fn set_key_log(&mut self, on: bool) {
        self.key_log = on;
        self.links.values_mut().for_each(|link| link.set_key_log(on));
    }

    /// What opens a link that was made.
    pub fn poll_key_log(&mut self) -> Option<LoggedLink> {
        self.logged.pop_front()
    }

    fn take_logged(&mut self, local: u64) {
        let logged = self.links.get_mut(&local).and_then(Connection::take_logged);
        self.logged.extend(logged);
    }

    /// Begins a link to `to`, where `server` is expected, if it is known.
    pub fn connect(
        &mut self,
        now: Instant,
        to: impl Into<Route>,
        server: Option<ServerId>,
        key: KeyId,
    ) -> Result<LinkId, DialError> {
        let secret = self.secrets.get(&key).cloned().ok_or(DialError::Key)?;
        if self.links.len() >= LINKS_MAX {
            return Err(DialError::Full);
        }
        let begin = self.begin(now, to.into());
        let local = begin.local;
        // A process's attempts rise, so both ends know which of two is newer (R-TRN-24).
        self.attempts = self.attempts.wrapping_add(1);
        let attempt = u64::from(self.attempts) << 32 | self.draws.number() >> 32;
        let hello = Hello {
            key,
            attempt,
            versions: (1, 1),
            party: self.party(local),
            target: server.unwrap_or_default(),
            cookie: [0; 16],
        };
        self.links.insert(local, Connection::dial(begin, secret, hello));
        Ok(LinkId(local))
    }

    fn begin(&mut self, now: Instant, route: Route) -> Begin {
        let local = loop {
            let drawn = self.draws.number();
            if !self.links.contains_key(&drawn) {
                break drawn;
            }
        };
        let (seed, silence) = (self.draws.bytes(), self.config.silence);
        Begin {
            now,
            route,
            local,
            seed,
            silence,
            controller: (self.config.controller)(),
            key_log: self.key_log,
        }
    }

    fn party(&mut self, session: u64) -> Party {
        let Config { server, incarnation, .. } = self.config;
        Party { server, incarnation, session, nonce: self.draws.bytes() }
    }

    /// Takes a datagram of types 0x20 to 0x24; it is decrypted where it stands. Says why it was dropped, if it was:
    /// that is counted already.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: impl Into<Route>,
        bytes: &mut [u8],
    ) -> Option<DropReason> {
        let from = from.into();
        let result = Datagram::parse(bytes).and_then(|datagram| match datagram {
            Datagram::Hello(head) => self.hello(now, from, &head, bytes),
            Datagram::Cookie(head) | Datagram::Welcome(head) => self.pass(now, from, head.session, bytes),
            Datagram::Data(head) => {
                if self.links.contains_key(&head.session) {
                    self.pass(now, from, head.session, bytes)
                } else {
                    self.reset(now, from, head.session, head.number);
                    Err(DropReason::Session)
                }
            }
            Datagram::Reset => self.take_reset(bytes),
        });
        let drop = result.err()?;
        self.drops.count(drop);
        Some(drop)
    }

    fn pass(&mut self, now: Instant, from: Route, local: u64, bytes: &mut [u8]) -> Result<(), DropReason> {
        let link = self.links.get_mut(&local).ok_or(DropReason::Unasked)?;
        let was_open = link.is_open();
        let taken = link.handle_datagram(now, from, bytes);
        if self.key_log {
            self.take_logged(local);
        }
        taken?;
        let Some(link) = self.links.get(&local) else { return Ok(()) };
        // Not if the first DATA has ended it as well (R-TRN-24).
        if !was_open && link.is_open() {
            self.settle(now, local);
        }
        Ok(())
    }

    /// Time has passed; a call too early or too often does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.links.values_mut().for_each(|link| link.handle_timeout(now));
        self.sweep();
    }

    /// The attempt with that number (bytes 24 to 31 of its HELLO) over that way, if nothing that is proven has answered
    /// it.
    pub fn attempt(&self, from: Route, number: u64) -> Option<LinkId> {
        let of = |link: &&Connection| link.attempt() == number && link.is_unanswered(from);
        self.links.iter().find(|(_, link)| of(link)).map(|(id, _)| LinkId(*id))
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_output`](Self::poll_output) are wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links.values().filter_map(Connection::poll_timeout).min()
    }

    /// Writes the next datagram into `buf`, instead of what stands there; the links take turns.
    pub fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        if let Some(reply) = self.replies.pop_front() {
            buf.clear();
            buf.extend(reply.bytes.iter().take(reply.len));
            return Some(Transmit { to: reply.to.remote, socket: reply.to.socket, len: reply.len });
        }
        let turn = self.turn;
        let (first, last) = (turn.saturating_add(1).., ..=turn);
        for (id, link) in self.links.range_mut(first) {
            if let Some(transmit) = link.poll_output(now, buf) {
                self.turn = *id;
                return Some(transmit);
            }
        }
        for (id, link) in self.links.range_mut(last) {
            if let Some(transmit) = link.poll_output(now, buf) {
                self.turn = *id;
                return Some(transmit);
            }
        }
        None
    }

    /// What happened next, on any link.
    pub fn poll_event(&mut self) -> Option<(LinkId, Event)> {
        let next = self.links.iter_mut().find_map(|(id, link)| Some((LinkId(*id), link.poll_event()?)));
        if matches!(next, Some((_, Event::Closed(_)))) {
            self.sweep();
        }
        next
    }

    /// Forgets links that are over.
    fn sweep(&mut self) {
        self.links.retain(|_, link| !link.is_over());
    }

    /// Takes a message whole, or nothing of it.
    pub fn send(&mut self, link: LinkId, priority: Priority, message: &[u8]) -> Result<(), SendError> {
        self.links.get_mut(&link.0).ok_or(SendError::Closed)?.send(priority, message)
    }

    /// Ends a link at once.
    pub fn close(&mut self, now: Instant, link: LinkId, code: CloseCode, reason: &str) {
        if let Some(link) = self.links.get_mut(&link.0) {
            link.close(now, code, reason);
        }
    }

    /// A link, as long as it is not over.
    pub fn link(&self, link: LinkId) -> Option<&Connection> {
        self.links.get(&link.0)
    }

    /// The same, to be changed.
    pub fn link_mut(&mut self, link: LinkId) -> Option<&mut Connection> {
        self.links.get_mut(&link.0)
    }

    /// The link that a DATA names which came in.
    pub fn link_of_session(&self, session: u64) -> Option<&Connection> {
        self.links.get(&session)
    }

    /// The link that sent last, if it is not over.
    pub fn sent_last(&self) -> Option<&Connection> {
        self.links.get(&self.turn)
    }

    /// All links, half-open ones included.
    pub fn links(&self) -> impl Iterator<Item = (LinkId, &Connection)> {
        self.links.iter().map(|(id, link)| (LinkId(*id), link))
    }

    /// What was dropped, by reason.
    pub const fn drops(&self) -> &Drops {
        &self.drops
    }
}

/// Whether a datagram says that it is one of those between HMSs, in this version: hosts send no such types.
pub fn is_between_hmss(bytes: &[u8]) -> bool {
    matches!(bytes, [1, kind::HELLO..=kind::RESET, ..])
}

/// Whether a datagram says that it is a HELLO: one that is dropped because of its tag may be answered by HINT.
pub fn is_hello(bytes: &[u8]) -> bool {
    bytes.get(1) == Some(&kind::HELLO)
}
