//! What happens in a world: drawn from the seed before it begins.

use hms::relay::{Chance, Faults};
use hms::time::{Duration, Instant};

use crate::dice::Dice;
use crate::fault::Fault;
use crate::net::{Node, clean};

/// What a crash leaves of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Whole,
    Nothing,
    /// Secrets and snapshot as they were at the last [`Action::Backup`].
    Old,
}

/// Something that is done at a time.
#[derive(Clone, Debug)]
pub enum Action {
    StartHost {
        device: usize,
        takeover: bool,
    },
    Takeover {
        user: usize,
    },
    KillHost {
        device: usize,
    },
    Leave {
        device: usize,
    },
    Set {
        device: usize,
    },
    Renumber {
        device: usize,
    },
    /// At whichever HMS serves.
    Revoke {
        user: usize,
    },
    /// A new token, and `hms join` with it.
    Renew {
        user: usize,
    },
    StartHms {
        hms: usize,
    },
    KillHms {
        hms: usize,
        keep: Keep,
    },
    StopHms {
        hms: usize,
    },
    PauseHms {
        hms: usize,
        length: Duration,
        asleep: bool,
    },
    StepHms {
        hms: usize,
        by: i64,
    },
    Disk {
        hms: usize,
        works: bool,
    },
    Backup {
        hms: usize,
    },
    Snapshot,
    Reload {
        hms: usize,
    },
    Cut {
        from: Node,
        to: Node,
        cut: bool,
    },
    Partition {
        parts: Vec<bool>,
        cut: bool,
    },
    Replay,
    PeerReplay,
    Vanish {
        share: usize,
    },
}

/// A world before it begins.
pub struct Plan {
    pub faults: Vec<Fault>,
    /// None of the faults may cost a host its session.
    pub gentle: bool,
    pub hmss: usize,
    pub check_time: Duration,
    pub push: bool,
    /// Hosts are answered when the other HMSs have them.
    pub replicated: bool,
    pub multicast: bool,
    pub cables: Faults,
    pub trunks: Faults,
    pub users: usize,
    pub actions: Vec<(Instant, Action)>,
    pub dice: Dice,
    /// When the next fault of an HMS may begin, in a gentle world.
    free: Duration,
}

/// The first seconds, in which everybody joins.
pub const JOINED: u64 = 30;
/// The last second of faults.
pub const WAR: u64 = 400;

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let gentle = seed % 5 == 3;
        let hmss = match seed % 12 {
            0 | 4 | 8 => 3,
            7 => 5,
            _ => 2,
        };
        let faults = draw_faults(&mut dice, seed, gentle);
        let mut plan = Self {
            gentle,
            hmss,
            check_time: Duration::from_secs(*dice.pick(&[5, 10, 15, 30])),
            push: !dice.one_in(4),
            replicated: seed % 3 == 1,
            multicast: !dice.one_in(3),
            cables: clean(),
            trunks: clean(),
            users: 20 + dice.below(5),
            actions: Vec::new(),
            dice: dice.fork(),
            free: Duration::from_secs(JOINED + 15),
            faults,
        };
        plan.cables = plan.draw_paths(
            &mut dice,
            [Fault::Loss, Fault::Duplication, Fault::Reordering, Fault::Corruption, Fault::Delay],
        );
        plan.trunks = plan.draw_paths(
            &mut dice,
            [
                Fault::LinkLoss,
                Fault::LinkDuplication,
                Fault::LinkReordering,
                Fault::LinkCorruption,
                Fault::LinkDelay,
            ],
        );
        let restarts =
            |fault: &Fault| matches!(fault, Fault::HmsCrash | Fault::HmsCrashWithSnapshot | Fault::HmsStop);
        if gentle && plan.faults.iter().any(restarts) {
            // Who starts and reaches nobody in three seconds begins alone, and knows nobody.
            (plan.trunks.loss, plan.trunks.corrupt) = (Chance::NEVER, Chance::NEVER);
        }
        plan.everyday(&mut dice);
        for fault in plan.faults.clone() {
            plan.draw(&mut dice, fault);
        }
        if seed % 7 == 6 && !gentle {
            plan.wander(&mut Dice::new(!seed));
        }
        plan.actions.sort_by_key(|(at, _)| *at);
        plan
    }

    /// While two HMSs do not hear each other, hosts reach now the one of them and now the other: both have them.
    fn wander(&mut self, dice: &mut Dice) {
        let (at, away) = (dice.secs(JOINED, 200), dice.secs(40, 60));
        let cut = |from, to, cut| Action::Cut { from, to, cut };
        let (one, other) = (Node::Hms(0), Node::Hms(1));
        for (from, to) in [(one, other), (other, one)] {
            self.at(at, cut(from, to, true));
            self.at(at + away * 3, cut(from, to, false));
        }
        for host in (0..self.users).filter(|_| dice.one_in(2)).map(Node::Host) {
            for (turn, hms) in (0..3).zip([one, other, one]) {
                for (from, to) in [(host, hms), (hms, host)] {
                    self.at(at + away * turn, cut(from, to, true));
                    self.at(at + away * (turn + 1), cut(from, to, false));
                }
            }
        }
    }

    /// In the order loss, duplication, reordering, corruption, delay.
    fn draw_paths(&self, dice: &mut Dice, kinds: [Fault; 5]) -> Faults {
        let [loss, duplicate, reorder, corrupt, delay] = kinds.map(|kind| self.faults.contains(&kind));
        let drawn = [dice.chance(10, 200), dice.chance(10, 100), dice.chance(20, 200), dice.chance(5, 50)];
        let (wait, jitter) = (dice.span(ms(5), ms(100)), dice.span(ms(0), ms(50)));
        let mut faults = clean();
        if loss {
            faults.loss = drawn[0];
        }
        if duplicate {
            (faults.duplicate, faults.reorder_by) = (drawn[1], ms(300));
        }
        if reorder {
            (faults.reorder, faults.reorder_by) = (drawn[2], ms(300));
        }
        if corrupt {
            faults.corrupt = drawn[3];
        }
        if delay {
            (faults.delay, faults.jitter) = (wait, jitter);
        }
        faults
    }

    fn at(&mut self, at: Duration, action: Action) {
        self.actions.push((Instant::ZERO + at, action));
    }

    fn when(dice: &mut Dice) -> Duration {
        dice.secs(JOINED, WAR - 10)
    }

    /// What happens in every world: HMSs start, people join and talk, snapshots are written.
    fn everyday(&mut self, dice: &mut Dice) {
        // All at one instant, or one after the other.
        let at_once = dice.one_in(2);
        for hms in 0..self.hmss {
            let at = if at_once { ms(0) } else { dice.span(ms(0), ms(8000)) };
            self.at(at, Action::StartHms { hms });
        }
        for device in 0..self.users {
            let at = dice.span(ms(0), Duration::from_secs(JOINED));
            self.at(at, Action::StartHost { device, takeover: false });
        }
        for _ in 0..20 {
            let (device, at) = (dice.below(self.users), Self::when(dice));
            self.at(at, Action::Set { device });
        }
        for at in (45..WAR).step_by(30) {
            self.at(Duration::from_secs(at), Action::Snapshot);
        }
    }

    fn draw(&mut self, dice: &mut Dice, fault: Fault) {
        if fault.of_cables() || fault.of_links() {
            return;
        }
        match fault {
            Fault::Partition | Fault::OneWay | Fault::Partial | Fault::HostCut => self.draw_cuts(dice, fault),
            Fault::HostCrash
            | Fault::Renumbering
            | Fault::Takeover
            | Fault::Leaving
            | Fault::Revocation
            | Fault::Vanishing => self.draw_people(dice, fault),
            Fault::Replay | Fault::PeerReplay => {
                let action = if fault == Fault::Replay { Action::Replay } else { Action::PeerReplay };
                for _ in 0..40 {
                    self.at(Self::when(dice), action.clone());
                }
            }
            _ => self.draw_hmss(dice, fault),
        }
    }

    fn draw_cuts(&mut self, dice: &mut Dice, fault: Fault) {
        for _ in 0..1 + dice.below(2) {
            let (at, length) = (Self::when(dice), dice.secs(3, 90));
            let [one, other] = dice.some(&[0, 1, 2, 3, 4][..self.hmss], 2)[..] else { return };
            if fault == Fault::Partition {
                let parts: Vec<_> = (0..self.hmss + self.users).map(|_| dice.one_in(2)).collect();
                self.at(at, Action::Partition { parts: parts.clone(), cut: true });
                self.at(at + length, Action::Partition { parts, cut: false });
                continue;
            }
            let host = Node::Host(dice.below(self.users));
            let pairs = match fault {
                Fault::OneWay => vec![(Node::Hms(one), Node::Hms(other))],
                Fault::Partial => {
                    vec![(Node::Hms(one), Node::Hms(other)), (Node::Hms(other), Node::Hms(one))]
                }
                _ => vec![(host, Node::Hms(one)), (Node::Hms(one), host)],
            };
            for (from, to) in pairs {
                self.at(at, Action::Cut { from, to, cut: true });
                self.at(at + length, Action::Cut { from, to, cut: false });
            }
        }
    }

    fn draw_hmss(&mut self, dice: &mut Dice, fault: Fault) {
        if matches!(fault, Fault::AllStop | Fault::AllStart) {
            let (at, away) = (Self::when(dice), dice.secs(5, 20));
            for hms in 0..self.hmss {
                let keep = *dice.pick(&[Keep::Whole, Keep::Nothing]);
                let stop = Action::StopHms { hms };
                let end = if fault == Fault::AllStop { stop } else { Action::KillHms { hms, keep } };
                self.at(at, end);
                self.at(at + away, Action::StartHms { hms });
            }
            return;
        }
        if self.gentle {
            // One after the other: between them all is as it should be.
            let (at, hms, away) = (self.free, dice.below(self.hmss), dice.secs(0, 40));
            self.free += Duration::from_secs(110);
            return self.draw_hms(dice, fault, at, hms, away);
        }
        let first = Self::when(dice);
        for turn in 0..1 + dice.below(2) as u64 {
            let at = first + Duration::from_secs(turn * 120);
            let (hms, away) = (dice.below(self.hmss), dice.secs(0, 60));
            self.draw_hms(dice, fault, at, hms, away);
        }
    }

    fn draw_hms(&mut self, dice: &mut Dice, fault: Fault, at: Duration, hms: usize, away: Duration) {
        match fault {
            Fault::HmsStop => {
                self.at(at, Action::StopHms { hms });
                self.at(at + Duration::from_secs(6) + away, Action::StartHms { hms });
            }
            Fault::HmsPause | Fault::HmsLongPause | Fault::HmsSleep => {
                let length = match fault {
                    Fault::HmsPause => dice.span(ms(300), ms(9000)),
                    // Until those who left meanwhile are forgotten.
                    _ if dice.one_in(3) => dice.secs(130, 300),
                    _ => dice.secs(11, 45),
                };
                self.at(at, Action::PauseHms { hms, length, asleep: fault == Fault::HmsSleep });
            }
            Fault::HmsClock => {
                let by = if dice.one_in(2) { 3_600_000 } else { 315_360_000_000 };
                self.at(at, Action::StepHms { hms, by: if dice.one_in(2) { by } else { -by } });
            }
            Fault::DiskFull => {
                self.at(at, Action::Disk { hms, works: false });
                self.at(at + away, Action::Disk { hms, works: true });
            }
            Fault::Reload => self.at(at, Action::Reload { hms }),
            fault => {
                let keep = match fault {
                    Fault::HmsCrash => Keep::Nothing,
                    Fault::HmsOldDisk => Keep::Old,
                    _ => Keep::Whole,
                };
                if keep == Keep::Old {
                    self.at(at.saturating_sub(Duration::from_secs(60)), Action::Backup { hms });
                }
                self.at(at, Action::KillHms { hms, keep });
                self.at(at + away, Action::StartHms { hms });
            }
        }
    }

    fn draw_people(&mut self, dice: &mut Dice, fault: Fault) {
        if fault == Fault::Vanishing {
            return self.at(Self::when(dice), Action::Vanish { share: 30 });
        }
        for _ in 0..3 + dice.below(5) {
            let (at, device, away) = (Self::when(dice), dice.below(self.users), dice.secs(0, 60));
            let back = Action::StartHost { device, takeover: false };
            match fault {
                Fault::HostCrash => {
                    self.at(at, Action::KillHost { device });
                    self.at(at + away, back);
                }
                Fault::Renumbering => self.at(at, Action::Renumber { device }),
                Fault::Takeover => self.at(at, Action::Takeover { user: device }),
                Fault::Leaving => {
                    self.at(at, Action::Leave { device });
                    if dice.one_in(2) {
                        self.at(at + away, back);
                    }
                }
                _ => {
                    self.at(at, Action::Revoke { user: device });
                    if dice.one_in(2) {
                        self.at(at + away, Action::Renew { user: device });
                    }
                }
            }
        }
    }
}

/// At least three kinds. Every kind comes round: one by the seed's number, the others by chance.
fn draw_faults(dice: &mut Dice, seed: u64, gentle: bool) -> Vec<Fault> {
    let count = 3 + dice.below(3);
    if gentle {
        return dice.some(&Fault::GENTLE, count);
    }
    let mut faults = vec![Fault::ALL[(seed % Fault::ALL.len() as u64) as usize]];
    for fault in dice.some(&Fault::ALL, Fault::ALL.len()) {
        if faults.len() < count && !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults
}

pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
