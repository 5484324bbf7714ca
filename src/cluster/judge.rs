//! Who is reached and leads, and which settings hold (R-PEE-02, R-PEE-03, R-PEE-40).

use super::action::Action;
use super::machine::Cluster;
use super::neighbour::Neighbour;
use super::reach::{Health, Reach, Way};
use super::seat::{Seat, Standing};
use crate::time::Instant;
use crate::wire::peer::{Phase, Timing};

/// What was judged last.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) primary: Option<Seat>,
    /// The settings in force.
    pub(super) timing: Timing,
}

impl Judged {
    pub(super) const fn new(timing: Timing) -> Self {
        Self { primary: None, timing }
    }
}

impl Cluster {
    /// How well each neighbour is heard now.
    pub(super) fn judge_health(&mut self, now: Instant) {
        let mut notes = Vec::new();
        for (server, neighbour) in &mut self.links {
            let health = neighbour.judge(now);
            if health == neighbour.health {
                continue;
            }
            (neighbour.health, neighbour.since) = (health, now);
            if let Some(health) = health {
                notes.push((*server, health));
            }
        }
        for (server, health) in notes {
            self.log(format!("HMS {server}: {health:?}"));
            self.note_health(now, server, health);
            if health != Health::Up {
                self.redial(now, server);
            }
        }
    }

    /// Neighbours: nobody while it wakes (R-PEE-06).
    pub(super) fn neighbours(&self) -> impl Iterator<Item = &Neighbour> + Clone {
        let blind = self.own.phase == Phase::Waking;
        self.links.values().filter(move |one| !blind && one.is_up())
    }

    pub(super) fn reach(&self) -> Reach {
        let told = |one: &'_ Neighbour| one.standing();
        let listed = self.neighbours().map(|one| {
            let list: &[Standing] = one.pinged.as_ref().map_or(&[], |pinged| &pinged.neighbours);
            (told(one), list)
        });
        Reach::new(self.own.standing(), listed)
    }

    /// Judges anew who is the primary, and what follows from that.
    pub(super) fn judge(&mut self, now: Instant) {
        let reach = self.reach();
        let primary = reach.primary();
        if primary != self.judged.primary {
            self.judged.primary = primary;
            let age = self.own.age_ms(now);
            self.log(match primary {
                Some(seat) => format!("primary: HMS {} of the line {}, {age} ms old", seat.server, seat.line),
                None => "no primary".into(),
            });
        }
        let timing = self.timing_of(&reach, primary).unwrap_or(self.judged.timing);
        if timing != self.judged.timing {
            self.judged.timing = timing;
            self.actions.push_back(Action::Settings(timing));
        }
    }

    /// The settings of the primary: as it says, or who lists it (R-PEE-03). None if it is not known any more.
    fn timing_of(&self, reach: &Reach, primary: Option<Seat>) -> Option<Timing> {
        let Some(primary) = primary else { return Some(self.own.timing) };
        let leader = reach.iter().find(|one| one.standing.process.server == primary.server)?;
        match leader.way {
            Way::Own => Some(self.own.timing),
            Way::Neighbour => self.links.get(&primary.server)?.timing(),
            Way::Over(relay) => self.links.get(&relay)?.timing(),
        }
    }
}
