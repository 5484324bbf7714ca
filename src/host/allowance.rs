//! A number of actions in a span of time, for what an answer may make the host do at once.

use crate::time::{Duration, Instant};

/// At most `N` in any span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance<const N: usize> {
    taken: [Option<Instant>; N],
    next: usize,
}

impl<const N: usize> Allowance<N> {
    pub(super) const fn new() -> Self {
        Self { taken: [None; N], next: 0 }
    }

    /// Takes one if fewer than `N` were taken within the last `span`.
    pub(super) fn take(&mut self, now: Instant, span: Duration) -> bool {
        let Some(oldest) = self.taken.get_mut(self.next) else { return false };
        if oldest.is_some_and(|at| now.since(at) < span) {
            return false;
        }
        *oldest = Some(now);
        self.next = (self.next + 1) % N.max(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_any_span() {
        let mut three = Allowance::<3>::new();
        let span = Duration::from_secs(10);
        let taken: Vec<_> = (0..30).filter(|s| three.take(Instant::from_secs(*s), span)).collect();
        assert_eq!(taken, [0, 1, 2, 10, 11, 12, 20, 21, 22]);
    }
}
