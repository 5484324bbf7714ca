//! The stamp clock (R-REG-02) and the wall clock, which is only shown.

use super::Server;
use crate::ident::Stamp;
use crate::limits::CLOCK_AHEAD;
use crate::time::{Instant, UnixMillis};

/// How far a host's last stamp may be above the stamp clock: more than eight years.
const AHEAD: u64 = 1 << 54;

/// How far a takeover goes above the stamp that is known: no machine counts so many registrations that were not answered
/// (R-REG-54), each of which raises what it says, that it comes back by itself from under another.
const LEAP: u64 = 1 << 16;

/// Where the clock goes on from the last value that an earlier process stored: above all that it can have given out
/// since, else who joins now would be taken for older than who joined just before the crash.
pub(super) fn clock_after(stored: u64) -> Stamp {
    let ahead = u64::try_from(CLOCK_AHEAD.as_millis() << 16).unwrap_or(u64::MAX);
    Stamp(stored.saturating_add(ahead))
}

/// The stamp clock at a moment: that of the cluster, of which there is only one (R-PEE-05).
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamps(Stamp);

impl Server {
    /// The stamp clock now.
    pub(super) fn stamps(&self, now: Instant) -> Stamps {
        Stamps(self.peers.cluster.clock(now))
    }
}

impl Stamps {
    /// The number itself.
    pub(super) const fn clock(self) -> u64 {
        self.0.0
    }

    /// What a host says was its last stamp, 0 if it is years above the clock: no HMS gave it. Else one host could use
    /// up all stamps of its user: with the highest one no registration is newer than another, and the cookies of a
    /// registration outlive it (R-REG-02, R-AUT-11).
    pub(super) const fn plausible(self, last: Stamp) -> Stamp {
        if last.0 > self.highest() { Stamp(0) } else { last }
    }

    /// The highest stamp that is taken from elsewhere.
    pub(super) const fn highest(self) -> u64 {
        self.clock().saturating_add(AHEAD)
    }

    /// The stamp of a new session: above every one that is known, whatever the clock says. Who only comes back gets no
    /// more than that: another machine may have taken the user over, which this process does not know. `last` is
    /// plausible.
    pub(super) fn stamp(self, known: Stamp, last: Stamp, takeover: bool) -> Stamp {
        let claim = takeover || last == Stamp(0);
        let floor = if claim { self.clock() } else { 0 };
        let step = if takeover { LEAP } else { 1 };
        Stamp(floor.max(known.0.saturating_add(step)).max(last.0.saturating_add(1)))
    }
}

/// Wall-clock time as the shell last told it, carried on by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    told: UnixMillis,
    at: Instant,
}

impl Wall {
    pub(super) const fn new(at: Instant, told: UnixMillis) -> Self {
        Self { told, at }
    }

    pub(super) fn read(&self, now: Instant) -> UnixMillis {
        let elapsed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        UnixMillis(self.told.0.saturating_add(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_rise_and_saturate() {
        let clock = Stamps(Stamp(5 + (2 << 16)));
        assert_eq!(clock.stamp(Stamp(0), Stamp(0), false), Stamp(5 + (2 << 16)));
        assert_eq!(clock.stamp(Stamp(1 << 40), Stamp(7), true), Stamp((1 << 40) + LEAP));
        assert_eq!(clock.stamp(Stamp(1 << 40), Stamp(7), false), Stamp((1 << 40) + 1));
        assert_eq!(clock.stamp(Stamp(u64::MAX), Stamp(0), false), Stamp(u64::MAX));
        assert_eq!(clock.stamp(Stamp(0), Stamp(7), true), Stamp(5 + (2 << 16)));
        assert_eq!(clock.stamp(Stamp(0), Stamp(7), false), Stamp(8), "no more than coming back");
        assert_eq!(clock.plausible(Stamp(clock.highest())), Stamp(clock.highest()));
        assert_eq!(clock.plausible(Stamp(clock.highest() + 1)), Stamp(0));
        assert_eq!(clock.plausible(Stamp(u64::MAX)), Stamp(0));
    }

    #[test]
    fn the_wall_clock_goes_on_between_tellings() {
        let wall = Wall::new(Instant::from_secs(1), UnixMillis(1_000_000));
        assert_eq!(wall.read(Instant::from_millis(3_500)), UnixMillis(1_002_500));
        assert_eq!(wall.read(Instant::ZERO), UnixMillis(1_000_000));
    }
}
