//! Cookies (spec 3.2): proof that a source address answers, without a byte of state.

use std::net::SocketAddr;

use ring::hmac;
use subtle::{Choice, ConstantTimeEq as _};

use super::hash;
use crate::ident::{Incarnation, RealmId, SessionId, Stamp, UserId};
use crate::limits::{REGISTER_COOKIE_SLOT, SESSION_COOKIE_SLOT};
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};
use crate::wire::emit_address;

/// The key of a process's cookies: random, and never shared with another (spec 3.2).
#[derive(Clone, Debug)]
pub struct CookieKey(hmac::Key);

/// Who asks to register, and from where: what a registration cookie is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registrant {
    /// The datagram's source.
    pub source: SocketAddr,
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
    /// The client's nonce.
    pub nonce: u64,
    /// The stamp of the user's row, or of its row removed within the last 30 s, or 0 (R-AUT-11).
    pub stamp: Stamp,
}

impl CookieKey {
    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(hash::mac_key(&bytes))
    }

    /// The registration cookie for `who`, good for 7.5 to 15 seconds.
    pub fn register(&self, now: Instant, who: &Registrant) -> u64 {
        self.registration(slot(now, REGISTER_COOKIE_SLOT), who)
    }

    /// Whether `cookie` was given to `who` in this slot or the one before (R-AUT-10).
    pub fn register_holds(&self, now: Instant, who: &Registrant, cookie: u64) -> bool {
        holds(slot(now, REGISTER_COOKIE_SLOT), cookie, |slot| self.registration(slot, who))
    }

    /// The session cookie for a source, good for 15 to 30 seconds.
    pub fn session(
        &self,
        now: Instant,
        source: SocketAddr,
        session: SessionId,
        incarnation: Incarnation,
    ) -> u64 {
        self.of_session(slot(now, SESSION_COOKIE_SLOT), source, session, incarnation)
    }

    /// Whether `cookie` was given to this source and session in this slot or the one before (R-AUT-10).
    pub fn session_holds(
        &self,
        now: Instant,
        source: SocketAddr,
        session: SessionId,
        incarnation: Incarnation,
        cookie: u64,
    ) -> bool {
        let expected = |slot| self.of_session(slot, source, session, incarnation);
        holds(slot(now, SESSION_COOKIE_SLOT), cookie, expected)
    }

    fn registration(&self, slot: u64, who: &Registrant) -> u64 {
        let source = Source::new(who.source);
        let parts: [&[u8]; 7] = [
            b"hms1 rc",
            &slot.to_be_bytes(),
            source.bytes(),
            &who.realm.0.to_be_bytes(),
            &who.user.0,
            &who.nonce.to_be_bytes(),
            &(if planted(Bug::StampNotBound) { 0 } else { who.stamp.0 }).to_be_bytes(),
        ];
        hash::first_u64(&hash::mac(&self.0, &parts))
    }

    fn of_session(&self, slot: u64, source: SocketAddr, session: SessionId, by: Incarnation) -> u64 {
        let source = Source::new(source);
        let parts: [&[u8]; 5] =
            [b"hms1 sc", &slot.to_be_bytes(), source.bytes(), &session.0.to_be_bytes(), &by.0.to_be_bytes()];
        hash::first_u64(&hash::mac(&self.0, &parts))
    }
}

/// The number of the slot in which `now` lies.
fn slot(now: Instant, length: Duration) -> u64 {
    now.micros() / u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// Compares with the cookies of this slot and of the one before, without telling by time which fits.
fn holds(slot: u64, cookie: u64, expected: impl Fn(u64) -> u64) -> bool {
    let current = expected(slot).ct_eq(&cookie);
    let previous = slot.checked_sub(1).map_or_else(|| Choice::from(0), |slot| expected(slot).ct_eq(&cookie));
    (current | previous).into()
}

/// An address in the form of spec 2.4, on the stack.
pub(crate) struct Source {
    buf: [u8; Self::MAX],
    len: usize,
}

impl Source {
    /// Family, IPv6 address, port.
    const MAX: usize = 1 + 16 + 2;

    pub(crate) fn new(address: SocketAddr) -> Self {
        if planted(Bug::CookieForAnySource) {
            return Self { buf: [0; Self::MAX], len: Self::MAX };
        }
        let mut buf = [0; Self::MAX];
        let mut rest = buf.as_mut_slice();
        emit_address(&mut rest, address);
        let len = Self::MAX - rest.len();
        Self { buf, len }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.buf.split_at(self.len).0
    }
}
