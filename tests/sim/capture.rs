//! What the attacker has seen pass.

use std::collections::VecDeque;
use std::net::SocketAddr;

use hms::time::{Duration, Instant};
use hms::wire::{Header, Kind, Unverified};

use crate::dice::Dice;
use crate::net::To;

/// A datagram that passed, whether it arrived or not.
#[derive(Clone)]
pub struct Seen {
    /// Source as its receiver sees it.
    pub from: SocketAddr,
    pub to: To,
    pub bytes: Vec<u8>,
    pub at: Instant,
    /// How many processes the HMS had had by then.
    pub process: u32,
}

impl Seen {
    pub fn header(&self) -> Option<Header> {
        Unverified::parse(&self.bytes).ok().map(|datagram| *datagram.header())
    }

    pub fn of_host(&self) -> bool {
        matches!(self.to, To::Hms { .. })
    }
}

/// Some of what passed: the first ones, the last ones, and a share of all between.
#[derive(Default)]
pub struct Capture {
    seen: u64,
    first: Vec<Seen>,
    kept: Vec<Seen>,
    recent: VecDeque<Seen>,
}

const FIRST: usize = 100;
const KEPT: usize = 400;
const RECENT: usize = 60;

impl Capture {
    pub fn see(&mut self, dice: &mut Dice, seen: Seen) {
        self.seen += 1;
        self.recent.push_back(seen.clone());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        if self.first.len() < FIRST {
            self.first.push(seen.clone());
        }
        if self.kept.len() < KEPT {
            self.kept.push(seen);
        } else if dice.below(self.seen as usize) < KEPT {
            let place = dice.below(KEPT);
            self.kept[place] = seen;
        }
    }

    /// Any of them, half of the time one of the last.
    pub fn any(&self, dice: &mut Dice) -> Option<&Seen> {
        let (place, recent) = (dice.number() as usize, dice.one_in(2));
        if recent && !self.recent.is_empty() {
            return self.recent.get(place % self.recent.len());
        }
        self.kept.get(place % self.kept.len().max(1))
    }

    /// One of those that fit.
    pub fn pick(&self, dice: &mut Dice, fits: impl Fn(&Seen) -> bool) -> Option<&Seen> {
        let all = self.first.iter().chain(&self.kept).chain(&self.recent);
        let fitting: Vec<_> = all.filter(|seen| fits(seen)).collect();
        fitting.get(dice.below(fitting.len())).copied()
    }

    /// One of the last that a host sent.
    pub fn just_now(&self, dice: &mut Dice) -> Option<&Seen> {
        let fitting: Vec<_> = self.recent.iter().filter(|seen| seen.of_host()).collect();
        fitting.get(dice.below(fitting.len())).copied()
    }

    /// One that is hours old.
    pub fn old(&self, dice: &mut Dice, now: Instant) -> Option<&Seen> {
        self.pick(dice, |seen| seen.of_host() && now.since(seen.at) >= Duration::from_secs(3600))
    }

    pub fn of_kind(&self, dice: &mut Dice, kind: Kind) -> Option<&Seen> {
        self.pick(dice, |seen| seen.header().is_some_and(|header| header.kind == kind))
    }
}
