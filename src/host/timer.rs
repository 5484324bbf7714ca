//! What the host waits for.

use crate::time::Instant;

/// One deadline of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Next INIT or REGISTER, giving up on an HMS, or the end of a wait before registering.
    Contact,
    /// Next heartbeat, or giving up on this one.
    Beat,
    /// Next PULL.
    Pull,
    /// Next FIND.
    Find,
    /// Next LEAVE, or giving up.
    Leave,
    /// A hint may be shown: nobody authenticated answered meanwhile (R-AUT-31).
    Hint,
    /// The store is to be written.
    Persist,
}

impl Timer {
    const ALL: [Self; 7] =
        [Self::Contact, Self::Beat, Self::Pull, Self::Find, Self::Leave, Self::Hint, Self::Persist];
}

/// The deadlines that are set.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    fn slot(&mut self, timer: Timer) -> Option<&mut Option<Instant>> {
        self.0.get_mut(timer as usize)
    }

    /// Sets, or moves, a deadline.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.slot(timer) {
            *slot = Some(at);
        }
    }

    /// Sets a deadline unless an earlier one is set.
    pub(super) fn set_earlier(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.slot(timer) {
            *slot = Some(slot.map_or(at, |was| was.min(at)));
        }
    }

    /// Drops a deadline.
    pub(super) fn stop(&mut self, timer: Timer) {
        if let Some(slot) = self.slot(timer) {
            *slot = None;
        }
    }

    /// Whether a deadline of this kind is set.
    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0.get(timer as usize).copied().flatten().is_some()
    }

    /// Drops them all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().copied().flatten().min()
    }

    /// Takes one that is due, in the order of the table.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Timer> {
        Timer::ALL.into_iter().zip(self.0.iter_mut()).find_map(|(timer, slot)| {
            let due = slot.is_some_and(|at| at <= now);
            due.then(|| {
                *slot = None;
                timer
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_come_once() {
        let mut timers = Timers::default();
        assert_eq!((timers.next(), timers.pop(Instant::FAR)), (None, None));
        timers.set(Timer::Pull, Instant::from_secs(2));
        timers.set(Timer::Beat, Instant::from_secs(3));
        timers.set_earlier(Timer::Beat, Instant::from_secs(5));
        assert_eq!(timers.next(), Some(Instant::from_secs(2)));
        assert_eq!(timers.pop(Instant::from_secs(1)), None);
        assert_eq!(timers.pop(Instant::from_secs(2)), Some(Timer::Pull));
        assert_eq!(timers.pop(Instant::from_secs(2)), None);
        assert_eq!(timers.pop(Instant::from_secs(9)), Some(Timer::Beat));
        assert_eq!(timers.next(), None);
    }
}
