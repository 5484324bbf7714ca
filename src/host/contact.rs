//! First contact: INIT and REGISTER, one HMS after the other (R-REG-10, spec 4.7 seeking to registering).

use std::collections::VecDeque;

use super::heartbeat::{BACKOFF_MAX, BACKOFF_MIN};
use super::routes::Target;
use super::timer::Timer;
use super::{Host, State};
use crate::auth::{SessionKey, seal};
use crate::chance::{self, Backoff};
use crate::ident::{Incarnation, ServerId, SessionId};
use crate::time::{Duration, Instant};
use crate::wire::{Init, Kind, Register, Short};
use rand_core::Rng as _;

/// When INIT and REGISTER are sent, counted from the first.
const TIMES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1500)];
/// When the next HMS is tried.
const GIVE_UP: Duration = Duration::from_secs(3);
/// Cookies that one contact takes; an HMS that gives more is given up.
const COOKIES: usize = 4;

/// The contact with one HMS, and those that come after it.
#[derive(Debug)]
pub(super) struct Contact {
    queue: VecDeque<Target>,
    pub(super) target: Option<Target>,
    nonce: u64,
    /// What is resent byte for byte (R-AUT-20).
    datagram: Vec<u8>,
    begun: Instant,
    sent: usize,
    /// Origins of the challenges that were taken: neither they nor older ones are taken again.
    challenges: Vec<(Incarnation, u64)>,
    /// The session that REGISTERED would begin.
    pub(super) offered: Option<(SessionId, SessionKey)>,
    /// An HMS said when to come again: nothing else begins a contact before.
    held: bool,
    /// That HMS, to be asked first.
    first: Option<Target>,
    backoff: Backoff,
}

impl Contact {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            queue: VecDeque::new(),
            target: None,
            nonce: 0,
            datagram: Vec::new(),
            begun: now,
            sent: 0,
            challenges: Vec::new(),
            offered: None,
            held: false,
            first: None,
            backoff: Backoff::NEW,
        }
    }

    /// Whether an INIT or REGISTER with this nonce waits for its answer.
    pub(super) const fn awaits(&self, nonce: u64) -> bool {
        self.target.is_some() && self.nonce == nonce
    }
}

impl Host {
    /// Begins to look for an HMS: at the known addresses, and by multicast if the token names none.
    pub(super) fn seek(&mut self, now: Instant) {
        self.state = State::Seeking;
        self.contact.held = false;
        if !self.me.addressed {
            self.search.start(now, &mut self.rng);
        }
        self.contact_all(now, None);
        self.search_due(now);
    }

    /// Tries every known address in turn, `first` before all.
    pub(super) fn contact_all(&mut self, now: Instant, first: Option<Target>) {
        let known = self.routes.contacts(&self.near);
        self.contact.queue =
            first.into_iter().chain(known.into_iter().filter(|t| Some(*t) != first)).collect();
        self.contact.held = false;
        self.contact_next(now);
    }

    fn contact_next(&mut self, now: Instant) {
        self.register_unheard(now);
        self.contact.target = self.contact.queue.pop_front();
        if self.contact.target.is_some() {
            self.state = State::Contacting;
            return self.send_init(now);
        }
        if self.routes.is_empty() {
            // Nothing to turn to: the groups are asked.
            self.state = State::Seeking;
            return self.timers.stop(Timer::Contact);
        }
        self.state = State::Contacting;
        let longest = self.told.check_time.min(BACKOFF_MAX);
        let wait = self.contact.backoff.draw(&mut self.rng, BACKOFF_MIN, longest);
        self.timers.set(Timer::Contact, now + wait);
    }

    fn send_init(&mut self, now: Instant) {
        let nonce = self.rng.next_u64();
        let mut datagram = Vec::with_capacity(crate::limits::SHORT_LEN);
        self.header(Kind::Init, 0, nonce).emit(&mut datagram);
        Init::default().emit(&mut datagram);
        seal(&self.me.key, &mut datagram);
        (self.contact.nonce, self.contact.datagram) = (nonce, datagram);
        (self.contact.begun, self.contact.sent) = (now, 0);
        self.contact.challenges.clear();
        self.send_contact(now);
    }

    fn send_contact(&mut self, _now: Instant) {
        let Some(target) = self.contact.target else { return };
        self.contact.sent += 1;
        let next = TIMES.get(self.contact.sent).copied().unwrap_or(GIVE_UP);
        self.timers.set(Timer::Contact, self.contact.begun + next);
        let mut bytes = self.out.buffer();
        bytes.extend_from_slice(&self.contact.datagram);
        self.out.push(target, bytes);
    }

    pub(super) fn contact_due(&mut self, now: Instant) {
        match self.state {
            State::Seeking | State::Contacting | State::Registering if self.contact.target.is_none() => {
                let first = self.contact.first.take();
                self.contact_all(now, first);
            }
            State::Contacting | State::Registering if now.since(self.contact.begun) >= GIVE_UP => {
                self.contact_next(now);
            }
            State::Contacting | State::Registering => self.send_contact(now),
            _ => {}
        }
    }

    /// Whether a CHALLENGE is news (R-REG-50). Only the latest cookie counts, so that no forgotten REGISTER can replace
    /// the one that succeeds.
    pub(super) fn takes_challenge(&self, short: &Short) -> bool {
        let newer = |(incarnation, number): &(Incarnation, u64)| {
            *incarnation != short.incarnation || short.number > *number
        };
        let session = self.me.key.session_id(self.contact.nonce, short.argument);
        self.contact.challenges.iter().all(newer)
            && self.contact.challenges.len() < COOKIES
            && self.contact.offered.as_ref().is_none_or(|(id, _)| *id != session)
    }

    /// CHALLENGE: registers with its cookie (R-REG-11).
    pub(super) fn contact_challenged(&mut self, now: Instant, short: &Short) {
        let session = self.me.key.session_id(self.contact.nonce, short.argument);
        self.contact.challenges.push((short.incarnation, short.number));
        self.register_unheard(now);
        self.contact.offered = Some((session, self.me.key.session_key(session)));
        self.contact.datagram = self.register(short.argument);
        (self.contact.begun, self.contact.sent) = (now, 0);
        self.state = State::Registering;
        self.send_contact(now);
    }

    /// A REGISTER is given up: an HMS may have taken it, and its session of which this host never hears is not to outlive
    /// the next one, wherever that begins (R-REG-54).
    fn register_unheard(&mut self, now: Instant) {
        let stamp = &mut self.store.last_stamp.0;
        if self.contact.offered.take().is_some() && *stamp != 0 {
            *stamp = stamp.saturating_add(1);
            self.persist_soon(now);
        }
    }

    fn register(&mut self, cookie: u64) -> Vec<u8> {
        let register = Register {
            takeover: self.takeover,
            cookie,
            instance: self.me.instance,
            last_stamp: self.store.last_stamp,
            content_version: self.own.version,
            incarnation: self.follow.origin,
            revision: self.follow.copy.revision(),
            digest: self.follow.copy.root(),
            content: self.own.bytes(),
            view: self.own.view.clone(),
            push: self.own.push,
        };
        let mut datagram = Vec::with_capacity(256);
        self.header(Kind::Register, register.flags(), self.contact.nonce).emit(&mut datagram);
        register.emit(&mut datagram);
        seal(&self.me.key, &mut datagram);
        datagram
    }

    /// Comes again after a delay that an HMS set: RETRY, REREGISTER, a full realm.
    pub(super) fn contact_after(&mut self, now: Instant, delay: Duration, first: Option<Target>) {
        self.state = State::Contacting;
        self.contact.queue.clear();
        (self.contact.target, self.contact.offered) = (None, None);
        (self.contact.held, self.contact.first) = (true, first);
        self.timers.set(Timer::Contact, now + delay);
    }

    /// REDIRECT: that HMS first, if the list has it (R-REG-36).
    pub(super) fn contact_redirected(&mut self, now: Instant, server: ServerId) {
        let target = self.routes.by_server(server).and_then(|hms| hms.targets.first()).copied();
        match target.filter(|t| Some(*t) != self.contact.target) {
            Some(target) if self.redirects.follow(now, server, self.told.check_time) => {
                self.contact_all(now, Some(target));
            }
            _ => self.contact_next(now),
        }
    }

    /// The host is registered no more: registers anew after about `delay`, at the HMS that said so first (R-REG-36).
    pub(super) fn register_anew(&mut self, now: Instant, delay: Duration, said_so: Target) {
        self.end_session();
        let delay = chance::around(&mut self.rng, delay, 10);
        if !self.me.addressed && !self.search.runs() {
            self.search.start(now + delay, &mut self.rng);
        }
        self.contact_after(now, delay, Some(said_so));
    }

    /// The session is over; what is known of the directory stays.
    pub(super) fn end_session(&mut self) {
        self.session = None;
        self.requests.clear();
        self.stop_beats();
        self.end_pull();
        self.abandon_find();
        self.own.held = 0;
    }

    /// Stops contacting: registered, or ended.
    pub(super) fn end_contact(&mut self) {
        self.contact.queue.clear();
        (self.contact.target, self.contact.offered, self.contact.held) = (None, None, false);
        self.contact.backoff.reset();
        self.timers.stop(Timer::Contact);
    }

    /// Only now it is known which addresses this host can reach: another one may come first.
    pub(super) fn order_contacts(&mut self, now: Instant) {
        let better = self.routes.contacts(&self.near).first().copied();
        if self.state == State::Contacting && self.contact.target.is_some() && self.contact.target != better {
            self.contact_all(now, None);
        }
    }

    /// Something better to try turned up: HMSs that offered themselves, or another network.
    pub(super) fn contact_again(&mut self, now: Instant) {
        if matches!(self.state, State::Seeking | State::Contacting) && !self.contact.held {
            self.contact.backoff.reset();
            self.contact_all(now, None);
        }
    }
}
