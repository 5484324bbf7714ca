//! The cookie of the handshake (spec 9.2): proof that a source answers, without a byte of state.

use std::net::SocketAddr;

use ring::hmac;
use subtle::ConstantTimeEq as _;

use super::hello::{Cookie, bound};
use super::limits::COOKIE_SLOT;
use super::route::normal;
use crate::auth::{Source, hash};
use crate::time::Instant;

/// The key of a process's cookies: random, and never shared with another.
pub(super) struct CookieKey(hmac::Key);

impl CookieKey {
    pub(super) fn new(bytes: &[u8; 32]) -> Self {
        Self(hash::mac_key(bytes))
    }

    /// The cookie for this HELLO from there.
    pub(super) fn make(&self, now: Instant, source: SocketAddr, signed: &[u8]) -> Cookie {
        self.of(slot(now), source, signed)
    }

    /// Whether `cookie` was given for it in this slot or the one before.
    pub(super) fn holds(&self, now: Instant, source: SocketAddr, signed: &[u8], cookie: &Cookie) -> bool {
        let slot = slot(now);
        let current = self.of(slot, source, signed).ct_eq(cookie);
        let before = slot.checked_sub(1).map(|slot| self.of(slot, source, signed).ct_eq(cookie));
        (current | before.unwrap_or_else(|| 0.into())).into()
    }

    fn of(&self, slot: u64, source: SocketAddr, signed: &[u8]) -> Cookie {
        let source = Source::new(normal(source));
        let parts: [&[u8]; 4] = [b"hms1 hc", &slot.to_be_bytes(), source.bytes(), bound(signed)];
        hash::first(&hash::mac(&self.0, &parts))
    }
}

fn slot(now: Instant) -> u64 {
    now.micros() / u64::try_from(COOKIE_SLOT.as_micros()).unwrap_or(u64::MAX)
}
