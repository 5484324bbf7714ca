//! The registration that the host has, and what the HMS told it.

use std::net::SocketAddr;

use super::Host;
use super::requests::{Asked, Request};
use super::routes::Target;
use crate::auth::{SessionKey, seal};
use crate::ident::{Incarnation, Name, ServerId, SessionId, Stamp};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::storage::HostStore;
use crate::time::{Duration, Instant, UnixMillis};
use crate::token::Token;
use crate::wire::{Granted, Header, Kind, Settings, UpdateMode};

/// Lives in memory only: a restarted host registers anew.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) key: SessionKey,
    pub(super) stamp: Stamp,
    /// Sequences start at 1 (R-AUT-20).
    next_sequence: u64,
    /// The HMS address that answered last.
    pub(super) target: Target,
    /// The process that answered last and the highest number taken from it (R-AUT-22).
    pub(super) heard: (Incarnation, u64),
    pub(super) since: UnixMillis,
}

impl Session {
    pub(super) const fn new(
        id: SessionId,
        key: SessionKey,
        stamp: Stamp,
        target: Target,
        since: UnixMillis,
    ) -> Self {
        Self { id, key, stamp, next_sequence: 1, target, heard: (Incarnation(0), 0), since }
    }

    /// What the next request will have.
    pub(super) const fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// An answer of this origin was taken.
    pub(super) fn hear(&mut self, (incarnation, number): (Incarnation, u64)) {
        let before = if self.heard.0 == incarnation { self.heard.1 } else { 0 };
        self.heard = (incarnation, number.max(before));
    }
}

/// What the HMS said about the host and itself; survives the session.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) check_time: Duration,
    /// Whether an HMS said so, or it is the default.
    pub(super) check_time_told: bool,
    pub(super) mode: Option<UpdateMode>,
    pub(super) granted: Option<Granted>,
    /// Whether another HMS has the registration too, if the HMS says.
    pub(super) replicated: Option<bool>,
    pub(super) observed: Option<SocketAddr>,
    pub(super) realm_name: Name,
    /// The HMS that answered last.
    pub(super) server: Option<ServerId>,
}

impl Told {
    pub(super) fn from_store(token: &Token, store: &HostStore) -> Self {
        let mut this = Self {
            check_time: limits::CHECK_TIME,
            check_time_told: false,
            mode: None,
            granted: None,
            replicated: None,
            observed: None,
            realm_name: token.realm_name.clone(),
            server: store.last_hms,
        };
        if let Some(ms) = store.check_time_ms {
            this.set_check_time(ms);
        }
        this
    }

    pub(super) fn set_check_time(&mut self, ms: u32) {
        let told = Duration::from_millis(ms.into());
        self.check_time = told.clamp(limits::CHECK_TIME_MIN, limits::CHECK_TIME_MAX);
        self.check_time_told = true;
    }
}

impl Host {
    /// Takes what an authenticated answer says besides the directory; absent means unchanged.
    pub(super) fn take_settings(&mut self, now: Instant, settings: &Settings, interface: Option<u32>) {
        if let Some(observed) = settings.observed {
            self.told.observed = Some(observed);
        }
        if !settings.hms.is_empty() {
            self.routes.set_list(settings.hms.clone(), interface);
            self.persist_soon(now);
        }
        if let Some(key) = settings.cluster_key {
            self.take_cluster_key(now, key);
        }
        if let Some(name) = &settings.realm_name {
            self.told.realm_name = name.clone();
        }
        if let Some(ms) = settings.check_time_ms {
            self.told.set_check_time(ms);
        }
        if let Some(granted) = settings.granted {
            self.told.granted = Some(granted);
            if granted.kind == 0 {
                self.stop_following(now);
            }
        }
        if settings.replicated.is_some() {
            self.told.replicated = settings.replicated;
        }
        if let Some(mode) = settings.mode {
            self.told.mode = Some(mode);
        }
    }

    /// The header of a datagram without session.
    pub(super) fn header(&self, kind: Kind, flags: u8, nonce: u64) -> Header {
        let session = SessionId(0);
        let (realm, epoch, user) = (self.me.realm, self.me.epoch, self.me.user);
        Header { kind, flags, epoch, realm, user, session, sequence: nonce }
    }

    /// Makes, signs, opens and sends a request of the session; `body` appends what follows the header.
    /// Every one has a sequence of its own (R-AUT-20).
    pub(super) fn ask(
        &mut self,
        now: Instant,
        (kind, flags): (Kind, u8),
        (asked, target): (Asked, Target),
        body: impl FnOnce(&Self, &mut Vec<u8>),
    ) -> Option<u64> {
        let mut buf = self.out.buffer();
        let (id, key, sequence) = {
            let session = self.session.as_mut()?;
            let sequence = session.next_sequence;
            session.next_sequence =
                sequence.saturating_add(u64::from(!(planted(Bug::SequenceTwice) && kind == Kind::Find)));
            (session.id, session.key.clone(), sequence)
        };
        Header { session: id, ..self.header(kind, flags, sequence) }.emit(&mut buf);
        body(self, &mut buf);
        seal(&key, &mut buf);
        self.out.push(target, buf);
        self.requests.open(Request { sequence, asked, target, sent: now });
        Some(sequence)
    }

    /// The name of the HMS that answered last.
    pub(super) fn hms_name(&self) -> Option<Name> {
        self.told.server.and_then(|id| self.routes.by_server(id)).map(|hms| hms.info.name.clone())
    }
}
