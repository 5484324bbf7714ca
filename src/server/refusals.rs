//! The last refusals, for `hms why`: who was refused, what for, how often, and what to do about it.

use std::hash::BuildHasher as _;
use std::net::SocketAddr;

use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

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
    /// The user changes what others see too often.
    Changes,
    /// The content is too long for a page.
    Content,
    /// The content TLV of this code cannot be taken; 0: no single one.
    Malformed(u8),
    /// Another protocol version.
    Version,
    /// The realm is not served here.
    Realm,
}

impl Verdict {
    /// Whether the sender held a key, so that nobody without one can push it out of the memory.
    const fn proven(self) -> bool {
        !matches!(self, Self::WrongKey | Self::UnknownEpoch | Self::Version | Self::Realm)
    }

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
            Self::Changes => "changes",
            Self::Content | Self::Malformed(_) => "content",
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
            Self::Changes => {
                "the host registers, moves or changes more than once a second: the last change is taken in time; find the program there that does it, or `hms revoke` the user"
            }
            Self::Content => {
                "what the host says of itself does not fit into one datagram: fewer services or shorter names"
            }
            Self::Malformed(tlv) => malformed(tlv),
            Self::Version => "the host speaks another protocol version: update it or this HMS",
            Self::Realm => {
                "the token is for a realm that is not served here: make one with `hms token USER`, or point the host at its own HMS"
            }
        }
    }
}

/// What to do about content of which the TLV of this code cannot be taken.
const fn malformed(tlv: u8) -> &'static str {
    match tlv {
        0x01 => {
            "the host sends no proper user name: make a new token with `hms token USER`, then `hms join` there"
        }
        0x02 => {
            "the host's name is not 1 to 64 bytes of text without control or hidden characters and outer white space: `hms set name=NAME` there"
        }
        0x03 => "the host reports addresses that are none, or more than 8: update the program there",
        0x04 => {
            "the host's ports cannot be read: `hms set data=PORT video=PORT audio=PORT` there, or update it"
        }
        0x05 => {
            "the host has a service that is none, or more than 16: `hms set service-=KIND` there, or update it"
        }
        0x06 => "the host's state cannot be read: `hms set state=standby` there, or update it",
        0x07 => {
            "the host's conference is not 1 to 64 bytes of text without control or hidden characters and outer white space: `hms set conference=NAME` there"
        }
        0x08 => "the host's fixed address cannot be read: `hms set fixed=false` there, or update it",
        _ => {
            "the host says things of itself that this HMS cannot read: update the program there, or this HMS"
        }
    }
}

/// One refusal, as often as it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) time: UnixMillis,
    pub(super) source: SocketAddr,
    pub(super) realm: RealmId,
    pub(super) user: UserId,
    /// The user's name, where the datagram carried it under its tag.
    pub(super) name: Option<CompactString>,
    pub(super) kind: Kind,
    pub(super) verdict: Verdict,
    pub(super) count: u64,
}

/// Half of what is remembered is for senders with a key, half for all others.
const KEPT: usize = REFUSALS_KEPT / 2;

/// The last refusals that differ, [`REFUSALS_KEPT`] in all; equal ones are counted (R-SEC-04).
pub(super) struct Refusals {
    proven: Ring,
    unproven: Ring,
    hash: FixedState,
}

struct Ring {
    kept: Vec<(u64, Refusal)>,
    /// Places in `kept` by hash: a flood of refusals that all differ costs no more than one that does not.
    places: HashTable<u16>,
    next: usize,
}

impl Refusals {
    pub(super) fn new(seed: u64) -> Self {
        Self { proven: Ring::new(), unproven: Ring::new(), hash: FixedState::with_seed(seed) }
    }

    /// Remembers one.
    pub(super) fn add(&mut self, refusal: Refusal) {
        let Refusal { source, realm, user, kind, verdict, .. } = refusal;
        let hash = self.hash.hash_one((source, realm, user, kind, verdict));
        let ring = if verdict.proven() { &mut self.proven } else { &mut self.unproven };
        ring.add(hash, refusal);
    }

    /// All of them, the last first.
    pub(super) fn latest(&self) -> Vec<Refusal> {
        let kept = self.proven.kept.iter().chain(&self.unproven.kept);
        let mut all: Vec<_> = kept.map(|(_, refusal)| refusal.clone()).collect();
        all.sort_by_key(|r| std::cmp::Reverse((r.time, r.user)));
        all
    }
}

impl Ring {
    fn new() -> Self {
        // Room for one more than are kept: it never grows.
        Self { kept: Vec::new(), places: HashTable::with_capacity(KEPT + 1), next: 0 }
    }

    fn add(&mut self, hash: u64, refusal: Refusal) {
        let kept = &mut self.kept;
        let known = self.places.find(hash, |at| kept.get(usize::from(*at)).is_some_and(|(h, _)| *h == hash));
        if let Some((_, known)) = known.and_then(|at| kept.get_mut(usize::from(*at))) {
            known.count = known.count.saturating_add(refusal.count);
            known.time = refusal.time;
            return;
        }
        let at = self.next;
        self.next = (at + 1) % KEPT;
        match kept.get_mut(at) {
            Some(oldest) => {
                let (old_hash, _) = std::mem::replace(oldest, (hash, refusal));
                if let Ok(entry) = self.places.find_entry(old_hash, |other| usize::from(*other) == at) {
                    entry.remove();
                }
            }
            None => kept.push((hash, refusal)),
        }
        let rehash = |at: &u16| kept.get(usize::from(*at)).map_or(0, |(hash, _)| *hash);
        self.places.insert_unique(hash, at as u16, rehash);
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
            name: None,
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
    fn the_oldest_makes_room_and_no_flood_without_a_key_hides_the_others() {
        crate::shows!("R-SEC-04");
        let mut refusals = Refusals::new(1);
        refusals.add(Refusal { verdict: Verdict::Taken, ..refusal(0, 1) });
        (0..2000).for_each(|i| refusals.add(refusal(u64::from(i) + 1, i)));
        let latest = refusals.latest();
        assert_eq!(latest.len(), KEPT + 1);
        assert_eq!(latest.last().map(|r| r.verdict), Some(Verdict::Taken));
        assert_eq!(latest.first().map(|r| r.time.0), Some(2000));
        // Those that are kept are still found, and no others.
        refusals.add(refusal(3000, 1999));
        refusals.add(refusal(3001, 100));
        let latest = refusals.latest();
        assert_eq!(
            latest.iter().take(2).map(|r| (r.time.0, r.count)).collect::<Vec<_>>(),
            [(3001, 1), (3000, 2)]
        );
        assert_eq!(latest.len(), KEPT + 1);
    }
}
