//! What happens in a world: drawn from the seed before it begins.

use hms::relay::{Faults, Way};
use hms::server::UpdateMode;
use hms::time::{Duration, Instant};

use crate::attack::Attack;
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
    /// Whoever's key was stolen.
    RevokeInsider,
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
        keep: Keep,
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
    /// The machine of the HMS, or of a host, sleeps.
    SleepHms {
        length: Duration,
    },
    SleepHost {
        device: usize,
        length: Duration,
    },
    Disk {
        works: bool,
    },
    OnPath {
        on: bool,
    },
    Overload {
        length: Duration,
    },
    Attack(Attack),
    Reload,
    Vanish {
        share: usize,
    },
    Snapshot,
}

impl Action {
    /// Whether the HMS itself has to do it: one that stands still does it later.
    pub fn asks_the_hms(&self) -> bool {
        use Action::{Reload, Revoke, RevokeInsider, StepHms, StopHms};
        matches!(self, Revoke { .. } | RevokeInsider | Reload | StepHms { .. } | StopHms)
    }
}

/// What a crash leaves of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Whole,
    Torn,
    Nothing,
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
pub const JOINED: u64 = 20;
/// When somebody says again what was said in the beginning.
pub const HOURS: u64 = 2 * 3600;
/// The last second of faults.
pub const WAR: u64 = 520;

/// A realm of which 30 % are more than the brake lets go at once.
const LARGE: usize = 200;

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let harmless = seed % 13 == 5;
        let faults = draw_faults(&mut dice, seed, harmless);
        let hours = faults.contains(&Fault::Hours);
        // A long world is not to be a slow one.
        let check_times: &[u64] = if hours { &[30] } else { &[5, 10, 15, 30] };
        let check_time = Duration::from_secs(*dice.pick(check_times));
        let mode = *dice.pick(&[
            UpdateMode::OnChange,
            UpdateMode::OnChange,
            UpdateMode::OnChange,
            UpdateMode::Always,
            UpdateMode::OnRequest,
        ]);
        let push = !dice.one_in(4);
        // The brake against mass expiry needs more than fifty that vanish.
        let crowd = faults[0] == Fault::Vanishing && !harmless;
        let few = 15 + dice.below(4);
        let users = [if crowd { *dice.pick(&[64, 64, 120, LARGE]) } else { few }, 5 + dice.below(3)];
        let mut plan = Self {
            faults,
            harmless,
            check_time,
            mode,
            push,
            cables: Faults::default(),
            ports: (20 + dice.below(12) + users[0].saturating_sub(20)) as u16,
            users,
            actions: Vec::new(),
            peace: Instant::from_secs(if hours { HOURS + 60 } else { WAR }),
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

    /// How many of a hundred vanish at once.
    pub fn vanishing(&self) -> usize {
        if self.crowd() && self.users[0] < LARGE { 95 } else { 30 }
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

    pub fn at(&mut self, at: Duration, action: Action) {
        self.actions.push((Instant::ZERO + at, action));
    }

    /// A time within the faults.
    pub fn when(dice: &mut Dice) -> Duration {
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
            // At once again: on its way one may overtake the other.
            if dice.one_in(2) {
                self.at(at + dice.span(ms(1), ms(300)), Action::Set { device });
            }
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
}

/// At least three kinds. Every kind comes round: one by the seed's number, the others by chance.
fn draw_faults(dice: &mut Dice, seed: u64, harmless: bool) -> Vec<Fault> {
    let count = 3 + dice.below(4);
    if harmless {
        return dice.some(&Fault::HARMLESS, count);
    }
    let mut faults = vec![Fault::ALL[(seed % Fault::ALL.len() as u64) as usize]];
    for fault in dice.some(&Fault::ALL, Fault::ALL.len()) {
        if faults.len() < count && !faults.contains(&fault) && !fault.is_long() {
            faults.push(fault);
        }
    }
    faults
}

/// A step of the wall clock: an hour or ten years, either way.
pub fn step(dice: &mut Dice) -> i64 {
    let by = if dice.one_in(2) { 3_600_000 } else { 10 * 365 * 86_400_000 };
    if dice.one_in(2) { by } else { -by }
}

pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
