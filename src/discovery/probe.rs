//! The host's side: unicast DISCOVERs that announcements cause (R-DSC-05).

use std::collections::VecDeque;
use std::net::SocketAddr;

use rand_core::Rng;

use crate::chance;
use crate::limits::PROBES_PER_MINUTE;
use crate::time::{Duration, Instant};

/// Bounds of the random delay before a probe.
const DELAY: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(2));

/// At most one probe waits, and at most 4 are sent in a minute, whatever the group says.
#[derive(Debug, Default)]
pub struct Probes {
    sent: VecDeque<Instant>,
    waiting: Option<(Instant, SocketAddr, Option<u32>)>,
}

impl Probes {
    /// None sent yet.
    pub const fn new() -> Self {
        Self { sent: VecDeque::new(), waiting: None }
    }

    /// Plans a probe to `to` over `interface`; `false` if one waits already or the minute's four are spent.
    pub fn plan(&mut self, now: Instant, rng: &mut impl Rng, to: SocketAddr, interface: Option<u32>) -> bool {
        while self.sent.front().is_some_and(|first| now.since(*first) >= Duration::from_secs(60)) {
            self.sent.pop_front();
        }
        if self.waiting.is_some() || self.sent.len() >= PROBES_PER_MINUTE {
            return false;
        }
        let due = now + chance::between(rng, DELAY.0, DELAY.1);
        self.sent.push_back(due);
        self.waiting = Some((due, to, interface));
        true
    }

    /// When the waiting one goes out.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.map(|(due, ..)| due)
    }

    /// The probe if it is due.
    pub fn pop(&mut self, now: Instant) -> Option<(SocketAddr, Option<u32>)> {
        let (_, to, interface) = self.waiting.filter(|(due, ..)| *due <= now)?;
        self.waiting = None;
        Some((to, interface))
    }

    /// Forgets the waiting one: the host is registered.
    pub const fn cancel(&mut self) {
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    #[test]
    fn at_most_four_probes_a_minute() {
        crate::shows!("R-DSC-05");
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        let to = SocketAddr::from(([10, 0, 0, 9], 6710));
        let mut probes = Probes::new();
        let mut sent = Vec::new();
        for ms in (0..240_000).step_by(50) {
            let now = Instant::from_millis(ms);
            probes.plan(now, &mut rng, to, None);
            if probes.pop(now).is_some() {
                sent.push(now);
            }
        }
        assert!((15..=16).contains(&sent.len()), "{}", sent.len());
        for (first, fifth) in sent.iter().zip(sent.iter().skip(4)) {
            // Planned times keep the minute exactly; they are sent at the next look.
            assert!(fifth.since(*first) >= Duration::from_millis(59_950));
        }
    }
}
