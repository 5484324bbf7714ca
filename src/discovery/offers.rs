//! The HMS's side: OFFERs that wait for their random delay (R-DSC-02).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rand_core::Rng;

use crate::chance;
use crate::ident::{RealmId, UserId};
use crate::limits::{OFFER_JITTER, OFFERS_PENDING};
use crate::net::Arrival;
use crate::time::Instant;
use crate::wire::Header;

/// A verified DISCOVER that waits to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingOffer {
    /// Its header: realm, user, epoch and the nonce to echo.
    pub discover: Header,
    /// Where it came from and the OFFER goes to.
    pub to: SocketAddr,
    /// Where it came in: the OFFER leaves there, with the addresses of that interface first (R-DSC-03).
    pub arrival: Arrival,
    /// Its length: the OFFER is not longer.
    pub room: usize,
}

/// OFFERs by the time at which they go out: at most one for each user, at most 1024 in all.
#[derive(Debug, Default)]
pub struct OfferQueue {
    waiting: BTreeMap<(Instant, u64), PendingOffer>,
    users: BTreeSet<(RealmId, UserId)>,
    taken: u64,
}

impl OfferQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { waiting: BTreeMap::new(), users: BTreeSet::new(), taken: 0 }
    }

    /// Takes an OFFER after 20-120 ms; `false` if one is pending for this user or the queue is full.
    ///
    /// The first stays: whoever replays a DISCOVER must not be able to push the true one's answer away.
    pub fn push(&mut self, now: Instant, rng: &mut impl Rng, offer: PendingOffer) -> bool {
        let user = (offer.discover.realm, offer.discover.user);
        if self.waiting.len() >= OFFERS_PENDING || !self.users.insert(user) {
            return false;
        }
        let due = now + chance::between(rng, OFFER_JITTER.0, OFFER_JITTER.1);
        self.waiting.insert((due, self.taken), offer);
        self.taken += 1;
        true
    }

    /// When the next one goes out.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// One that is due; call until `None`.
    pub fn pop(&mut self, now: Instant) -> Option<PendingOffer> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let offer = first.remove();
        self.users.remove(&(offer.discover.realm, offer.discover.user));
        Some(offer)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ident::{Epoch, SessionId};
    use crate::wire::Kind;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    fn offer(user: u64, nonce: u64) -> PendingOffer {
        let discover = Header {
            kind: Kind::Discover,
            flags: 0,
            epoch: Epoch(1),
            realm: RealmId(7),
            user: UserId(user.to_be_bytes()),
            session: SessionId(0),
            sequence: nonce,
        };
        let to = SocketAddr::from(([10, 0, 0, 1], 5000));
        PendingOffer { discover, to, arrival: Arrival::default(), room: 512 }
    }

    #[test]
    fn offers_wait_20_to_120_ms() {
        crate::shows!("R-DSC-02");
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let mut queue = OfferQueue::new();
        let now = Instant::from_secs(5);
        for user in 0..500 {
            assert!(queue.push(now, &mut rng, offer(user, 1)));
        }
        assert_eq!(queue.pop(now + OFFER_JITTER.0.checked_div(2).unwrap_or_default()), None);
        let (mut last, mut count) = (now + OFFER_JITTER.0, 0);
        while let Some(due) = queue.next_due() {
            assert!(due >= last && due <= now + OFFER_JITTER.1);
            last = due;
            assert!(queue.pop(due).is_some());
            count += 1;
        }
        assert_eq!((count, queue.is_empty()), (500, true));
    }

    #[test]
    fn one_for_each_user_and_1024_in_all() {
        crate::shows!("R-DSC-02");
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        let mut queue = OfferQueue::new();
        assert!(queue.push(Instant::ZERO, &mut rng, offer(1, 10)));
        assert!(!queue.push(Instant::ZERO, &mut rng, offer(1, 11)));
        for user in 2..=1024 {
            assert!(queue.push(Instant::ZERO, &mut rng, offer(user, 1)));
        }
        assert!(!queue.push(Instant::ZERO, &mut rng, offer(2000, 1)));
        let later = Instant::from_secs(1);
        while queue.pop(later).is_some() {}
        assert!(queue.push(later, &mut rng, offer(1, 12)));
        assert_eq!(queue.len(), 1);
    }
}
