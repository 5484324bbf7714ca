//! The HMS's side: OFFERs that wait for their random delay (R-DSC-02).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rand_core::Rng;

use crate::chance;
use crate::ident::{RealmId, UserId};
use crate::limits::{OFFER_JITTER, OFFERS_PENDING};
use crate::net::Arrival;
use crate::time::{Duration, Instant};
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

/// OFFERs by the time at which they go out: at most one for each user, nonce and source, at most 1024 in all.
#[derive(Debug, Default)]
pub struct OfferQueue {
    waiting: BTreeMap<(Instant, u64), PendingOffer>,
    asked: BTreeSet<Asked>,
    taken: u64,
}

/// Which DISCOVER, and from where: all that a host sends in one round are the same.
type Asked = (RealmId, UserId, u64, SocketAddr);

const fn asked(offer: &PendingOffer) -> Asked {
    let Header { realm, user, sequence, .. } = offer.discover;
    (realm, user, sequence, offer.to)
}

impl OfferQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { waiting: BTreeMap::new(), asked: BTreeSet::new(), taken: 0 }
    }

    /// Takes an OFFER after 20-120 ms; `false` if one is pending for this user and nonce at this source.
    ///
    /// The first stays: whoever replays a DISCOVER must not be able to push the true one's answer away. From another
    /// source, with an older nonce, or with those of many users, nobody can keep it out either: a full queue makes
    /// room at random.
    pub fn push(&mut self, now: Instant, rng: &mut impl Rng, offer: PendingOffer) -> bool {
        if !self.asked.insert(asked(&offer)) {
            return false;
        }
        if self.waiting.len() >= OFFERS_PENDING {
            self.make_room(now, rng);
        }
        let due = now + chance::between(rng, OFFER_JITTER.0, OFFER_JITTER.1);
        self.waiting.insert((due, self.taken), offer);
        self.taken += 1;
        true
    }

    /// Drops the one that goes out next after a random time.
    fn make_room(&mut self, now: Instant, rng: &mut impl Rng) {
        let from = (now + chance::between(rng, Duration::ZERO, OFFER_JITTER.1), 0);
        let found = self.waiting.range(from..).next().or_else(|| self.waiting.first_key_value());
        if let Some(dropped) = found.map(|(key, _)| *key).and_then(|key| self.waiting.remove(&key)) {
            self.asked.remove(&asked(&dropped));
        }
    }

    /// When the next one goes out.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// One that is due; call until `None`.
    pub fn pop(&mut self, now: Instant) -> Option<PendingOffer> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let offer = first.remove();
        self.asked.remove(&asked(&offer));
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
    fn one_for_each_user_and_nonce_and_1024_in_all() {
        crate::shows!("R-DSC-02");
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        let mut queue = OfferQueue::new();
        assert!(queue.push(Instant::ZERO, &mut rng, offer(1, 10)));
        assert!(!queue.push(Instant::ZERO, &mut rng, offer(1, 10)));
        for user in 2..=2000 {
            assert!(queue.push(Instant::ZERO, &mut rng, offer(user, 1)));
        }
        assert_eq!((queue.len(), queue.asked.len()), (OFFERS_PENDING, OFFERS_PENDING));
        let later = Instant::from_secs(1);
        while queue.pop(later).is_some() {}
        assert!(queue.is_empty() && queue.asked.is_empty());
        assert!(queue.push(later, &mut rng, offer(1, 10)));
    }

    #[test]
    fn a_discover_that_another_source_says_again_does_not_keep_the_hosts_own_out() {
        crate::shows!("R-DSC-02");
        let mut rng = ChaCha20Rng::from_seed([6; 32]);
        let mut queue = OfferQueue::new();
        let thief = PendingOffer { to: SocketAddr::from(([10, 0, 0, 66], 1)), ..offer(1, 10) };
        assert!(queue.push(Instant::ZERO, &mut rng, thief));
        assert!(queue.push(Instant::ZERO, &mut rng, offer(1, 10)));
        assert!(!queue.push(Instant::ZERO, &mut rng, thief));
        let answered: Vec<_> =
            std::iter::from_fn(|| queue.pop(Instant::from_secs(1))).map(|o| o.to).collect();
        assert!(answered.len() == 2 && answered.contains(&offer(1, 10).to));
    }

    #[test]
    fn replayed_discovers_do_not_keep_the_next_one_out() {
        crate::shows!("R-DSC-02");
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        let mut queue = OfferQueue::new();
        let mut answered = 0;
        // A captor of 3000 DISCOVERs says one of them every 50 us; the true one is said once a second.
        for step in 0..400_000u64 {
            let now = Instant::from_micros(step * 50);
            queue.push(now, &mut rng, offer(1, 1_000_000 + step % 3000));
            if step % 20_000 == 0 {
                queue.push(now, &mut rng, offer(1, step));
            }
            while let Some(due) = queue.pop(now) {
                answered += usize::from(due.discover.sequence < 1_000_000);
            }
            assert!(queue.len() <= OFFERS_PENDING);
        }
        assert!((5..=20).contains(&answered), "{answered} of 20");
    }
}
