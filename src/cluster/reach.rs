//! Who is reached, over whom, and who of them leads (R-PEE-02, PEE-40 to PEE-42).

use super::seat::{Seat, Standing};
use crate::ident::{Process, ServerId};
use crate::limits::{PEER_DOWN, PEER_SUSPECT};
use crate::planted::{Bug, planted};
use crate::time::Duration;
use crate::wire::peer::Phase;

/// How well a member is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Both ways.
    Up,
    /// Not for a while, one way or the other: it is dialled anew beside.
    Suspect,
    /// No neighbour any more.
    Down,
}

/// How well a member is heard whose last packet was accepted `here` ago, and which accepted ours `there` ago, as far as
/// its last PING says (R-PEE-40).
pub fn health(here: Duration, there: Duration) -> Health {
    match here.max(there) {
        silent if silent >= PEER_DOWN => Health::Down,
        silent if silent >= PEER_SUSPECT => Health::Suspect,
        _ => Health::Up,
    }
}

/// How an HMS is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is this one.
    Own,
    /// It is a neighbour.
    Neighbour,
    /// It is a neighbour of this neighbour, which relays.
    Over(ServerId),
}

/// One that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// What it is, as it said to whom it is next.
    pub standing: Standing,
    /// Over whom.
    pub way: Way,
}

/// All that this HMS reaches, itself included (PEE-42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach(Vec<Reached>);

impl Reach {
    /// From itself, its neighbours, and whom each of these listed in its last PING. What a neighbour says of itself counts
    /// for more than what others say of it; of two that tell of one further off the first in the list is believed.
    pub fn new<'a>(
        own: Standing,
        neighbours: impl IntoIterator<Item = (Standing, &'a [Standing])> + Clone,
    ) -> Self {
        let mut all = vec![Reached { standing: own, way: Way::Own }];
        let mut add = |standing: Standing, way| {
            let server = standing.process.server;
            if all.iter().all(|known: &Reached| known.standing.process.server != server) {
                all.push(Reached { standing, way });
            }
        };
        for (neighbour, _) in neighbours.clone() {
            add(neighbour, Way::Neighbour);
        }
        for (neighbour, listed) in neighbours.into_iter().filter(|_| !planted(Bug::NobodyRelays)) {
            let way = Way::Over(neighbour.process.server);
            listed.iter().for_each(|standing| add(*standing, way));
        }
        Self(all)
    }

    /// All of them: itself, then neighbours, then those further off.
    pub fn iter(&self) -> impl Iterator<Item = &Reached> {
        self.0.iter()
    }

    /// How this very process is reached; an earlier or later one of the same HMS is not (R-PEE-40).
    pub fn way(&self, process: Process) -> Option<Way> {
        self.0.iter().find(|reached| reached.standing.process == process).map(|reached| reached.way)
    }

    /// The most senior one with a seat in the line of this HMS; none while it has no seat itself (R-PEE-02).
    pub fn primary(&self) -> Option<Seat> {
        let own = self.0.first()?.standing.seat()?;
        let seats = self.0.iter().filter_map(|reached| reached.standing.seat());
        seats.filter(|seat| seat.line == own.line).min()
    }

    /// The latest joined-at in the line of this HMS: who is given a seat comes after it (PEE-14).
    pub fn last_joined_ms(&self) -> Option<u64> {
        let own = self.0.first()?.standing.seat()?;
        let seats = self.0.iter().filter_map(|reached| reached.standing.seat());
        seats.filter(|seat| seat.line == own.line).map(|seat| seat.joined_at_ms).max()
    }

    /// To whom this HMS hands over when it stops: the most senior neighbour of its line that operates, else that
    /// synchronises, but nobody of `asked` (R-PEE-85).
    pub fn successor(&self, asked: &[ServerId]) -> Option<Process> {
        let line = self.0.first()?.standing.line;
        let near =
            self.0.iter().filter(|reached| reached.way == Way::Neighbour).map(|reached| reached.standing);
        let of_line = near.filter(|one| one.line == line && !asked.contains(&one.process.server));
        let rank = |one: &Standing| match one.phase {
            Phase::Operating => Some(0),
            Phase::Synchronising => Some(1),
            _ => None,
        };
        let ranked = of_line.filter_map(|one| Some((rank(&one)?, one.joined_at_ms, one.process)));
        ranked.min().map(|(.., process)| process)
    }
}
