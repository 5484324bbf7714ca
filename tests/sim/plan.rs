//! What happens in a world: drawn from the seed before it begins.

use hms::relay::{Faults, Way};
use hms::server::UpdateMode;
use hms::time::{Duration, Instant};

use crate::dice::Dice;

/// Kinds of fault; a world has at least three of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Loss,
    Duplication,
    Reordering,
    Corruption,
    Delay,
    HostCut,
    OneWayCut,
    HmsCut,
    Rebinding,
    Renumbering,
    AddressSwap,
    HostCrash,
    HmsCrash,
    HmsCrashWithSnapshot,
    HmsStop,
    HmsPause,
    HostPause,
    HmsClock,
    HostClock,
    Takeover,
    Leaving,
    Revocation,
    Replay,
    Forgery,
    Reload,
    Vanishing,
}

impl Fault {
    pub const ALL: [Self; 26] = [
        Self::Loss,
        Self::Duplication,
        Self::Reordering,
        Self::Corruption,
        Self::Delay,
        Self::HostCut,
        Self::OneWayCut,
        Self::HmsCut,
        Self::Rebinding,
        Self::Renumbering,
        Self::AddressSwap,
        Self::HostCrash,
        Self::HmsCrash,
        Self::HmsCrashWithSnapshot,
        Self::HmsStop,
        Self::HmsPause,
        Self::HostPause,
        Self::HmsClock,
        Self::HostClock,
        Self::Takeover,
        Self::Leaving,
        Self::Revocation,
        Self::Replay,
        Self::Forgery,
        Self::Reload,
        Self::Vanishing,
    ];

    /// Faults of the cables, there all the time.
    const fn of_cables(self) -> bool {
        matches!(self, Self::Loss | Self::Duplication | Self::Reordering | Self::Corruption | Self::Delay)
    }
}

/// Something that is done at a time.
#[derive(Clone, Debug)]
pub enum Action {
    /// The device is switched on, or `hms agent` is called again.
    Start {
        device: usize,
    },
    /// `hms join` on it, which takes the user back.
    Join {
        device: usize,
    },
    /// A second machine joins as this user.
    Takeover {
        user: usize,
    },
    Kill {
        device: usize,
    },
    PauseHost {
        device: usize,
        length: Duration,
    },
    Leave {
        device: usize,
    },
    Set {
        device: usize,
    },
    Find {
        device: usize,
    },
    Refresh {
        device: usize,
    },
    Revoke {
        user: usize,
    },
    /// A new token for a user, and `hms join` with it.
    Renew {
        user: usize,
    },
    Cut {
        device: usize,
        only: Option<Way>,
        cut: bool,
    },
    CutHms {
        only: Option<Way>,
        cut: bool,
    },
    Rebind {
        device: usize,
    },
    RebindAll {
        nat: usize,
    },
    Renumber {
        device: usize,
    },
    Swap {
        a: usize,
        b: usize,
    },
    KillHms {
        keep_snapshot: bool,
    },
    StopHms,
    StartHms,
    PauseHms {
        length: Duration,
    },
    StepHms {
        by: i64,
    },
    StepHost {
        device: usize,
        by: i64,
    },
    Replay,
    Forge,
    Reload,
    Vanish {
        share: usize,
    },
    Snapshot,
}

/// A world before it begins.
pub struct Plan {
    pub faults: Vec<Fault>,
    pub check_time: Duration,
    pub mode: UpdateMode,
    pub push: bool,
    pub cables: Faults,
    /// Ports of each translator.
    pub ports: u16,
    /// Users in each of the two realms.
    pub users: [usize; 2],
    pub actions: Vec<(Instant, Action)>,
    /// When faults end.
    pub peace: Instant,
    pub dice: Dice,
}

/// The first seconds, in which everybody joins.
const JOINED: u64 = 20;
/// The last second of faults.
const WAR: u64 = 420;

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let count = 3 + dice.below(4);
        // Every kind comes round: one by the seed's number, the others by chance.
        let first = Fault::ALL[(seed % Fault::ALL.len() as u64) as usize];
        let mut faults = vec![first];
        for fault in dice.some(&Fault::ALL, Fault::ALL.len()) {
            if faults.len() < count && !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        let check_time = Duration::from_secs(*dice.pick(&[5, 10, 15, 30]));
        let mode = *dice.pick(&[
            UpdateMode::OnChange,
            UpdateMode::OnChange,
            UpdateMode::OnChange,
            UpdateMode::Always,
            UpdateMode::OnRequest,
        ]);
        let push = !dice.one_in(4);
        let users = [15 + dice.below(4), 5 + dice.below(3)];
        let mut plan = Self {
            faults,
            check_time,
            mode,
            push,
            cables: Faults::default(),
            ports: 20 + dice.below(12) as u16,
            users,
            actions: Vec::new(),
            peace: Instant::from_secs(WAR),
            dice: dice.fork(),
        };
        plan.cables = plan.draw_cables(&mut dice);
        plan.everyday(&mut dice);
        for fault in plan.faults.clone() {
            if !fault.of_cables() {
                plan.draw(&mut dice, fault);
            }
        }
        plan.actions.sort_by_key(|(at, _)| *at);
        plan
    }

    pub fn devices(&self) -> usize {
        self.users.iter().sum()
    }

    fn draw_cables(&self, dice: &mut Dice) -> Faults {
        let has = |fault| self.faults.contains(&fault);
        let mut cables = Faults { delay: Duration::from_millis(1), ..Faults::default() };
        let drawn = [dice.chance(10, 200), dice.chance(10, 100), dice.chance(20, 200), dice.chance(5, 50)];
        let (delay, jitter) = (dice.span(ms(5), ms(150)), dice.span(ms(0), ms(100)));
        if has(Fault::Loss) {
            cables.loss = drawn[0];
        }
        if has(Fault::Duplication) {
            (cables.duplicate, cables.reorder_by) = (drawn[1], ms(300));
        }
        if has(Fault::Reordering) {
            (cables.reorder, cables.reorder_by) = (drawn[2], ms(300));
        }
        if has(Fault::Corruption) {
            cables.corrupt = drawn[3];
        }
        if has(Fault::Delay) {
            (cables.delay, cables.jitter) = (delay, jitter);
        }
        cables
    }

    fn at(&mut self, at: Duration, action: Action) {
        self.actions.push((Instant::ZERO + at, action));
    }

    /// A time within the faults.
    fn when(dice: &mut Dice) -> Duration {
        dice.secs(JOINED, WAR - 10)
    }

    /// What happens in every world: people join, talk, look, and the HMS saves.
    fn everyday(&mut self, dice: &mut Dice) {
        let devices = self.devices();
        for device in 0..devices {
            let at = dice.span(ms(0), Duration::from_secs(JOINED));
            self.at(at, Action::Start { device });
        }
        for _ in 0..10 + dice.below(30) {
            let (device, at) = (dice.below(devices), Self::when(dice));
            self.at(at, Action::Set { device });
        }
        for _ in 0..5 {
            let (device, at) = (dice.below(devices), Self::when(dice));
            self.at(at, Action::Find { device });
            let (device, at) = (dice.below(devices), Self::when(dice));
            self.at(at, Action::Refresh { device });
        }
        for at in (30..WAR).step_by(30) {
            self.at(Duration::from_secs(at), Action::Snapshot);
        }
    }

    fn draw(&mut self, dice: &mut Dice, fault: Fault) {
        match fault {
            Fault::HostCut | Fault::OneWayCut | Fault::HmsCut => self.draw_cuts(dice, fault),
            Fault::Rebinding | Fault::Renumbering | Fault::AddressSwap => self.draw_moves(dice, fault),
            Fault::HmsCrash
            | Fault::HmsCrashWithSnapshot
            | Fault::HmsStop
            | Fault::HmsPause
            | Fault::HmsClock
            | Fault::Reload => self.draw_hms(dice, fault),
            Fault::Replay | Fault::Forgery => self.draw_attacks(dice, fault),
            _ => self.draw_people(dice, fault),
        }
    }

    fn draw_cuts(&mut self, dice: &mut Dice, fault: Fault) {
        let devices = self.devices();
        for _ in 0..2 + dice.below(6) {
            let (at, length, device) = (Self::when(dice), dice.secs(2, 100), dice.below(devices));
            let one = if dice.one_in(2) { Way::Up } else { Way::Down };
            let only = (fault == Fault::OneWayCut).then_some(one);
            if fault == Fault::HmsCut {
                let only = dice.one_in(3).then_some(one);
                self.at(at, Action::CutHms { only, cut: true });
                self.at(at + length, Action::CutHms { only, cut: false });
            } else {
                self.at(at, Action::Cut { device, only, cut: true });
                self.at(at + length, Action::Cut { device, only, cut: false });
            }
        }
    }

    fn draw_moves(&mut self, dice: &mut Dice, fault: Fault) {
        let devices = self.devices();
        for _ in 0..5 + dice.below(20) {
            let (at, device, other) = (Self::when(dice), dice.below(devices), dice.below(devices));
            match fault {
                Fault::Rebinding if dice.one_in(4) => {
                    self.at(at, Action::RebindAll { nat: dice.below(crate::net::NATS) });
                }
                Fault::Rebinding => self.at(at, Action::Rebind { device }),
                Fault::Renumbering => self.at(at, Action::Renumber { device }),
                _ => self.at(at, Action::Swap { a: device, b: other }),
            }
        }
    }

    fn draw_hms(&mut self, dice: &mut Dice, fault: Fault) {
        for _ in 0..1 + dice.below(3) {
            let (at, away) = (Self::when(dice), dice.secs(0, 60));
            match fault {
                Fault::HmsPause => {
                    let length = dice.span(ms(300), Duration::from_secs(40));
                    self.at(at, Action::PauseHms { length });
                }
                Fault::HmsClock => self.at(at, Action::StepHms { by: step(dice) }),
                Fault::Reload => self.at(at, Action::Reload),
                Fault::HmsStop => {
                    self.at(at, Action::StopHms);
                    self.at(at + away, Action::StartHms);
                }
                _ => {
                    let keep_snapshot = fault == Fault::HmsCrashWithSnapshot;
                    self.at(at, Action::KillHms { keep_snapshot });
                    self.at(at + away, Action::StartHms);
                }
            }
        }
    }

    fn draw_attacks(&mut self, dice: &mut Dice, fault: Fault) {
        for _ in 0..40 + dice.below(100) {
            let at = Self::when(dice);
            self.at(at, if fault == Fault::Replay { Action::Replay } else { Action::Forge });
        }
    }

    fn draw_people(&mut self, dice: &mut Dice, fault: Fault) {
        let devices = self.devices();
        for _ in 0..2 + dice.below(6) {
            let (at, device, away) = (Self::when(dice), dice.below(devices), dice.secs(0, 60));
            match fault {
                Fault::HostCrash => {
                    self.at(at, Action::Kill { device });
                    if !dice.one_in(4) {
                        self.at(at + away, Action::Start { device });
                    }
                }
                Fault::HostPause => self.at(at, Action::PauseHost { device, length: dice.secs(1, 60) }),
                Fault::HostClock => self.at(at, Action::StepHost { device, by: step(dice) }),
                Fault::Takeover => {
                    self.at(at, Action::Takeover { user: device });
                    match dice.below(3) {
                        0 => self.at(at + away, Action::Join { device }),
                        1 => self.at(at + away, Action::Start { device }),
                        _ => {}
                    }
                }
                Fault::Leaving => {
                    self.at(at, Action::Leave { device });
                    if dice.one_in(2) {
                        self.at(at + away, Action::Join { device });
                    }
                }
                Fault::Revocation => {
                    self.at(at, Action::Revoke { user: device });
                    if !dice.one_in(3) {
                        self.at(at + away, Action::Renew { user: device });
                    }
                }
                _ => {
                    self.at(at, Action::Vanish { share: 30 });
                    break;
                }
            }
        }
    }
}

/// A step of the wall clock: an hour or ten years, either way.
fn step(dice: &mut Dice) -> i64 {
    let by = if dice.one_in(2) { 3_600_000 } else { 10 * 365 * 86_400_000 };
    if dice.one_in(2) { by } else { -by }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
