//! The last refusals, for `hms why`: who was refused, what for, how often, and what to do about it.

use std::hash::BuildHasher as _;
use std::net::SocketAddr;

use foldhash::fast::FixedState;

use crate::ident::{RealmId, UserId};
use crate::limits::REFUSALS_KEPT;
use crate::time::UnixMillis;
use crate::wire::Kind;

/// Why a datagram was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// No key of this user fits the tag.
    WrongKey,
    /// The epoch has no secret here.
    UnknownEpoch,
    /// The key is of an earlier generation.
    Revoked,
    /// The user name does not give the user id.
    Name,
    /// Another machine is registered as this user.
    Taken,
    /// The realm has as many hosts as it may.
    Full,
    /// Too many registrations in the realm.
    Rate,
    /// The content cannot be taken.
    Content,
    /// Another protocol version.
    Version,
    /// The realm is not served here.
    Realm,
}

impl Verdict {
    /// One or two words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongKey => "wrong key",
            Self::UnknownEpoch => "unknown epoch",
            Self::Revoked => "revoked",
            Self::Name => "name",
            Self::Taken => "taken",
            Self::Full => "full",
            Self::Rate => "rate",
            Self::Content => "content",
            Self::Version => "version",
            Self::Realm => "unknown realm",
        }
    }

    /// What the admin or the person at the host can do.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::WrongKey => {
                "the host's token is not from this HMS's realm: make one with `hms token USER`, then `hms join` there"
            }
            Self::UnknownEpoch => {
                "the token is from a secret that this HMS does not have: make a new one with `hms token USER`"
            }
            Self::Revoked => {
                "the user was revoked: make a new token with `hms token USER`, then `hms join` there"
            }
            Self::Name => {
                "the token was changed: the user name does not belong to its key; make a new one with `hms token USER`"
            }
            Self::Taken => {
                "another machine is registered as this user: `hms join` there takes it over, or make a token for another user"
            }
            Self::Full => {
                "the realm has as many hosts as max_hosts allows: raise it in hms.toml and `hms reload`"
            }
            Self::Rate => {
                "more registrations a second than max_rate allows: the host tries again by itself; raise it in hms.toml if it lasts"
            }
            Self::Content => {
                "what the host says of itself does not fit into one datagram: fewer services or shorter names"
            }
            Self::Version => "the host speaks another protocol version: update it or this HMS",
            Self::Realm => {
                "the token is for a realm that is not served here: make one with `hms token USER`, or point the host at its own HMS"
            }
        }
    }
}

/// One refusal, as often as it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) time: UnixMillis,
    pub(super) source: SocketAddr,
    pub(super) realm: RealmId,
    pub(super) user: UserId,
    pub(super) kind: Kind,
    pub(super) verdict: Verdict,
    pub(super) count: u64,
}

/// Ring of the last [`REFUSALS_KEPT`] refusals that differ; equal ones are counted.
pub(super) struct Refusals {
    kept: Vec<Refusal>,
    /// Hash of each, so that a flood costs a scan of 8 KiB and no more.
    hashes: Vec<u64>,
    next: usize,
    hash: FixedState,
}

impl Refusals {
    pub(super) fn new(seed: u64) -> Self {
        Self { kept: Vec::new(), hashes: Vec::new(), next: 0, hash: FixedState::with_seed(seed) }
    }

    /// Remembers one.
    pub(super) fn add(&mut self, refusal: Refusal) {
        let Refusal { source, realm, user, kind, verdict, .. } = refusal;
        let hash = self.hash.hash_one((source, realm, user, kind, verdict));
        if let Some(at) = self.hashes.iter().position(|h| *h == hash) {
            if let Some(known) = self.kept.get_mut(at) {
                known.count = known.count.saturating_add(refusal.count);
                known.time = refusal.time;
            }
            return;
        }
        if self.kept.len() < REFUSALS_KEPT {
            self.kept.push(refusal);
            self.hashes.push(hash);
        } else if let (Some(old), Some(old_hash)) =
            (self.kept.get_mut(self.next), self.hashes.get_mut(self.next))
        {
            *old = refusal;
            *old_hash = hash;
            self.next = (self.next + 1) % REFUSALS_KEPT;
        }
    }

    /// All of them, the last first.
    pub(super) fn latest(&self) -> Vec<Refusal> {
        let mut all = self.kept.clone();
        all.sort_by_key(|r| std::cmp::Reverse((r.time, r.user)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(time: u64, port: u16) -> Refusal {
        Refusal {
            time: UnixMillis(time),
            source: SocketAddr::from(([10, 0, 0, 1], port)),
            realm: RealmId(1),
            user: UserId([2; 8]),
            kind: Kind::Init,
            verdict: Verdict::WrongKey,
            count: 1,
        }
    }

    #[test]
    fn equal_refusals_are_counted() {
        let mut refusals = Refusals::new(1);
        refusals.add(refusal(1, 5));
        refusals.add(refusal(2, 6));
        refusals.add(refusal(3, 5));
        let latest = refusals.latest();
        assert_eq!(latest.iter().map(|r| (r.time.0, r.count)).collect::<Vec<_>>(), [(3, 2), (2, 1)]);
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut refusals = Refusals::new(1);
        (0..REFUSALS_KEPT as u16 + 10).for_each(|i| refusals.add(refusal(u64::from(i), i)));
        let latest = refusals.latest();
        assert_eq!(latest.len(), REFUSALS_KEPT);
        assert_eq!(latest.last().map(|r| r.time.0), Some(10));
        assert_eq!(latest.first().map(|r| r.time.0), Some(REFUSALS_KEPT as u64 + 9));
    }
}
