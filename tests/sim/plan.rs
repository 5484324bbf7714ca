//! What happens in a world: drawn from the seed before it begins.

use hms::relay::{Faults, Way};
use hms::server::UpdateMode;
use hms::time::{Duration, Instant};

use crate::dice::Dice;
use crate::fault::Fault;

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
    /// To the machine's other address, or back.
    Flap {
        device: usize,
    },
    /// The attacker holds back some of what proves an address, and lets it go later.
    Hold {
        on: bool,
    },
    Look {
        device: usize,
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
    /// None of the faults may cost anybody anything.
    pub harmless: bool,
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
        let harmless = seed % 13 == 5;
        let faults = draw_faults(&mut dice, seed, harmless);
        let check_time = Duration::from_secs(*dice.pick(&[5, 10, 15, 30]));
        let mode = *dice.pick(&[
            UpdateMode::OnChange,
            UpdateMode::OnChange,
            UpdateMode::OnChange,
            UpdateMode::Always,
            UpdateMode::OnRequest,
        ]);
        let push = !dice.one_in(4);
        // The brake against mass expiry needs more than fifty.
        let crowd = faults[0] == Fault::Vanishing && !harmless;
        let users = [if crowd { 64 } else { 15 + dice.below(4) }, 5 + dice.below(3)];
        let mut plan = Self {
            faults,
            harmless,
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

    /// So many that the brake may hold.
    pub fn crowd(&self) -> bool {
        self.users[0] > 50
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
            let (device, at) = (dice.below(devices), Self::when(dice));
            self.at(at, Action::Look { device });
        }
        for at in (30..WAR).step_by(30) {
            self.at(Duration::from_secs(at), Action::Snapshot);
        }
    }

    fn draw(&mut self, dice: &mut Dice, fault: Fault) {
        match fault {
            Fault::HostCut | Fault::OneWayCut | Fault::HmsCut => self.draw_cuts(dice, fault),
            Fault::Rebinding | Fault::Renumbering | Fault::AddressSwap | Fault::Flapping => {
                self.draw_moves(dice, fault);
            }
            Fault::HmsCrash
            | Fault::HmsCrashWithSnapshot
            | Fault::HmsStop
            | Fault::HmsPause
            | Fault::HmsClock
            | Fault::Reload => self.draw_hms(dice, fault),
            // In force from the start.
            Fault::Crowding => {}
            Fault::Replay | Fault::Forgery | Fault::Holding => self.draw_attacks(dice, fault),
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
                Fault::Flapping => {
                    for back in 0..4 {
                        self.at(at + Duration::from_secs(back) * 2, Action::Flap { device });
                    }
                }
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
                    if keep_snapshot {
                        self.draw_last_moments(dice, at);
                    }
                    self.at(at, Action::KillHms { keep_snapshot });
                    self.at(at + away, Action::StartHms);
                }
            }
        }
    }

    /// Sessions that began and ended after the snapshot.
    fn draw_last_moments(&mut self, dice: &mut Dice, crash: Duration) {
        for _ in 0..4 {
            let (device, before) = (dice.below(self.devices()), dice.span(ms(100), ms(8000)));
            let at = crash.saturating_sub(before);
            if dice.one_in(3) {
                self.at(at, Action::Leave { device });
            } else {
                self.at(at, Action::Kill { device });
                self.at(at + ms(20), Action::Start { device });
            }
        }
    }

    fn draw_attacks(&mut self, dice: &mut Dice, fault: Fault) {
        if fault == Fault::Holding {
            for _ in 0..3 {
                let (at, length) = (Self::when(dice), dice.secs(20, 90));
                self.at(at, Action::Hold { on: true });
                self.at(at + length, Action::Hold { on: false });
            }
            return;
        }
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
                    self.at(at, Action::Vanish { share: if self.crowd() { 95 } else { 30 } });
                    break;
                }
            }
        }
    }
}

/// At least three kinds. Every kind comes round: one by the seed's number, the others by chance.
fn draw_faults(dice: &mut Dice, seed: u64, harmless: bool) -> Vec<Fault> {
    let count = 3 + dice.below(4);
    if harmless {
        return dice.some(&Fault::HARMLESS, count);
    }
    let mut faults = vec![Fault::ALL[(seed % Fault::ALL.len() as u64) as usize]];
    for fault in dice.some(&Fault::ALL, Fault::ALL.len()) {
        if faults.len() < count && !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults
}

/// A step of the wall clock: an hour or ten years, either way.
fn step(dice: &mut Dice) -> i64 {
    let by = if dice.one_in(2) { 3_600_000 } else { 10 * 365 * 86_400_000 };
    if dice.one_in(2) { by } else { -by }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
