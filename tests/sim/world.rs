//! One world: an HMS, its hosts, the network between them, an attacker, and time that jumps to the next event.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use hms::ident::{Generation, Name};
use hms::net::Arrival;
use hms::server::{RealmLimits, ServerSettings};
use hms::storage::Secrets;
use hms::time::{Duration, Instant};
use hms::wire::{Content, View};

use crate::capture::Capture;
use crate::device::Device;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::hms::HmsMachine;
use crate::insider::Insider;
use crate::keys::Keys;
use crate::net::{Flight, HMS_PORT, HMS_V4, HMS_V6, LAN, Mail, Net, Plug, To};
use crate::overload::Overload;
use crate::plan::{Action, Plan};
use crate::reference::{Reference, Rules, Who};
use crate::rule::{Broken, Checked, Rule};
use crate::tally::Tally;
use crate::witness::Witness;

/// A rule that did not hold, and when.
#[derive(Debug)]
pub struct Violation {
    pub at: Instant,
    pub broken: Broken,
    /// The last things that happened.
    pub before: Vec<String>,
}

/// A person, who may have several machines.
pub struct User {
    pub who: Who,
    pub name: Name,
    pub realm: &'static str,
    pub devices: Vec<usize>,
}

pub struct World {
    pub now: Instant,
    pub dice: Dice,
    pub keys: Keys,
    pub net: Net,
    pub hms: HmsMachine,
    pub witness: Witness,
    /// None while the HMS is down, and in worlds that do without it.
    pub reference: Option<Reference>,
    pub with_reference: bool,
    pub devices: Vec<Device>,
    pub users: Vec<User>,
    pub tally: Tally,
    pub capture: Capture,
    /// Where each user's own host got a challenge: only these addresses may be published.
    pub proofs: BTreeSet<(Who, SocketAddr)>,
    /// Bytes from and to addresses that nobody proved.
    pub traffic: BTreeMap<SocketAddr, (usize, usize)>,
    /// DISCOVERs that may still be answered.
    pub discovers: VecDeque<(Instant, Who, SocketAddr)>,
    /// The longest check time that any host was told.
    pub longest: Duration,
    pub few_losses: bool,
    pub no_losses: bool,
    /// So many hosts that the brake may hold.
    pub crowd: bool,
    /// Nothing that happens may cost anybody anything.
    pub harmless: bool,
    /// The attacker holds back what proves an address.
    pub holding: bool,
    /// Somebody on the path meddles with some of what hosts say.
    pub on_path: bool,
    pub insider: Option<Insider>,
    /// Users whose revocation was lost with the process that knew it.
    pub once_revoked: BTreeSet<usize>,
    /// The host to which a rogue passes on the OFFER that comes.
    pub relaying: Option<usize>,
    pub overload: Option<Overload>,
    /// The revocations that the disk has.
    pub stored_generations: BTreeMap<Who, Vec<Generation>>,
    /// Nothing changes any more: datagrams that say something new are wrong.
    pub quiet: bool,
    pub plan_actions: VecDeque<(Instant, Action)>,
    pub trace: Trace,
}

/// A hash over all that happens, and the last lines of it.
pub struct Trace {
    pub hash: u64,
    pub last: VecDeque<String>,
    pub print: bool,
}

impl Trace {
    pub fn note(&mut self, now: Instant, line: impl FnOnce() -> String) {
        let line = format!("{now} {}", line());
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.print {
            eprintln!("{line}");
        }
        self.last.push_back(line);
        if self.last.len() > 60 {
            self.last.pop_front();
        }
    }
}

/// How a world is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Every line goes to the standard error.
    pub print: bool,
    /// Whether the reference says what is right; without, the invariants alone do.
    pub reference: bool,
}

pub const REALMS: [&str; 2] = ["blue", "green"];

fn secrets(dice: &mut Dice) -> Secrets {
    let mut random = |bytes: &mut [u8]| bytes.copy_from_slice(&dice.bytes()[..bytes.len()]);
    let mut secrets = Secrets::create(&mut random, Name::new(REALMS[0]).expect("a name"));
    secrets.new_realm(&mut random, REALMS[1]).expect("a second realm");
    secrets
}

impl World {
    pub fn new(plan: Plan, look: Look) -> Self {
        let crowd = plan.crowd();
        let mut dice = plan.dice;
        let secrets = secrets(&mut dice);
        let crowding = plan.faults.contains(&Fault::Crowding);
        let limits =
            RealmLimits { name: REALMS[1].into(), max_hosts: Some(plan.users[1] - 2), max_rate: Some(1) };
        let settings = ServerSettings {
            realms: if crowding { vec![limits] } else { Vec::new() },
            check_time: plan.check_time,
            update: plan.mode,
            push: plan.push,
            ..ServerSettings::default()
        };
        let mut keys = Keys::new();
        secrets.realms.iter().for_each(|realm| keys.add_realm(realm.id, realm.secret.clone()));
        let hms = HmsMachine::new(&mut dice, &secrets, settings);
        let mut world = Self {
            now: Instant::ZERO,
            keys,
            net: Net::new(plan.ports),
            hms,
            witness: Witness::default(),
            reference: None,
            with_reference: look.reference,
            devices: Vec::new(),
            users: Vec::new(),
            tally: Tally::default(),
            capture: Capture::default(),
            proofs: BTreeSet::new(),
            traffic: BTreeMap::new(),
            discovers: VecDeque::new(),
            longest: plan.check_time,
            crowd,
            harmless: plan.harmless,
            holding: false,
            on_path: false,
            insider: None,
            once_revoked: BTreeSet::new(),
            relaying: None,
            overload: None,
            stored_generations: BTreeMap::new(),
            no_losses: plan.cables.loss == hms::relay::Chance::NEVER
                && plan.cables.corrupt == hms::relay::Chance::NEVER,
            few_losses: plan.cables.loss <= hms::relay::Chance::per_mille(50)
                && plan.cables.corrupt == hms::relay::Chance::NEVER,
            quiet: false,
            plan_actions: plan.actions.into(),
            trace: Trace { hash: 0xcbf2_9ce4_8422_2325, last: VecDeque::new(), print: look.print },
            dice,
        };
        for (realm, count) in REALMS.into_iter().zip(plan.users) {
            for number in 0..count {
                world.add_user(realm, number, &plan.cables);
            }
        }
        plan.faults.iter().for_each(|fault| *world.tally.faults.entry(*fault).or_default() += 1);
        world
    }

    fn add_user(&mut self, realm: &'static str, number: usize, cables: &hms::relay::Faults) {
        let name = Name::new(&format!("{realm}-{number}")).expect("a name");
        let record = self.hms.secrets();
        let realm_id = record.realm(Some(realm)).expect("a realm").id;
        let who = (realm_id, hms::auth::user_id(realm_id, name.as_str()));
        self.users.push(User { who, name, realm, devices: Vec::new() });
        let device = self.add_device(self.users.len() - 1);
        self.net.set_faults(device, *cables);
    }

    /// One more machine for a user.
    pub fn add_device(&mut self, user: usize) -> usize {
        let plug =
            *self.dice.pick(&[Plug::Lan, Plug::Lan, Plug::Lan6, Plug::Nat(0), Plug::Nat(1), Plug::Nat(2)]);
        let machine = self.net.add_machine(&mut self.dice, plug);
        let token = self.token(user, plug);
        let (who, name) = (self.users[user].who, self.users[user].name.clone());
        let mut content = Content::new(name, Name::new(&format!("machine {machine}")).expect("a name"));
        content.ports.audio = 5000 + machine as u16;
        let view = self.some_view();
        if self.dice.one_in(3) {
            content.conference = Name::new("board").ok();
        }
        self.devices.push(Device::new(&mut self.dice, who, token, content, view));
        self.users[user].devices.push(machine);
        machine
    }

    pub fn some_view(&mut self) -> View {
        match self.dice.below(8) {
            0 => View::Group(Name::new("board").expect("a name")),
            1 => View::None,
            2 => View::Named(self.users.iter().take(3).map(|user| user.who.1).collect()),
            _ => View::Realm,
        }
    }

    /// The token that `hms token` prints now; on the LAN half of them name no address.
    pub fn token(&mut self, user: usize, plug: Plug) -> hms::token::Token {
        let address = match plug {
            Plug::Lan6 => HMS_V6,
            _ => HMS_V4,
        };
        let by_multicast = !matches!(plug, Plug::Nat(_)) && self.dice.one_in(2);
        let addresses = if by_multicast { vec![] } else { vec![SocketAddr::new(address, HMS_PORT)] };
        let User { name, realm, .. } = &self.users[user];
        self.hms.secrets().token(name.as_str(), Some(realm), addresses).expect("a token")
    }

    pub fn user_of(&self, who: Who) -> usize {
        self.users.iter().position(|user| user.who == who).expect("a user")
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        self.trace.note(self.now, line);
    }

    pub fn rules(&self) -> Rules {
        let settings = &self.hms.settings;
        Rules {
            check_time: settings.check_time,
            expiry_factor: settings.expiry_factor,
            mode: settings.update,
            push: settings.push,
            full: settings.realms.first().and_then(|limits| limits.max_hosts),
        }
    }

    fn next_event(&self) -> Instant {
        let hosts = self.devices.iter().filter_map(Device::due).min();
        let action = self.plan_actions.front().map(|(at, _)| *at);
        let second = Instant::from_secs(self.now.millis() / 1000 + 1);
        let crowd = self.overload.as_ref().map(Overload::due);
        [self.net.next_arrival(), hosts, self.hms.due(), action, crowd]
            .into_iter()
            .flatten()
            .fold(second, Instant::min)
            .max(self.now)
    }

    /// Lets time pass.
    pub fn run_until(&mut self, end: Instant) -> Result<(), Violation> {
        let mut spins = 0;
        while self.now < end {
            let next = self.next_event().min(end);
            spins = if next == self.now { spins + 1 } else { 0 };
            self.now = next;
            let stands = Rule::Pace.broken("time stands still");
            let checked = if spins > 2000 { Err(stands) } else { self.step() };
            checked.map_err(|broken| self.violation(broken))?;
        }
        Ok(())
    }

    pub fn violation(&self, broken: Broken) -> Violation {
        Violation { at: self.now, broken, before: self.trace.last.iter().cloned().collect() }
    }

    fn later(&mut self, at: Instant, action: Action) {
        let place = self.plan_actions.partition_point(|(then, _)| *then <= at);
        self.plan_actions.insert(place, (at, action));
    }

    fn step(&mut self) -> Checked {
        while self.plan_actions.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, action)) = self.plan_actions.pop_front() else { break };
            match self.hms.paused_until.filter(|_| action.asks_the_hms()) {
                Some(until) => self.later(until + Duration::from_millis(1), action),
                None => self.act(action)?,
            }
        }
        while let Some(flight) = self.net.arrival(self.now) {
            self.arrive(flight)?;
        }
        if self.overload.as_ref().is_some_and(|overload| overload.due() <= self.now) {
            self.overload_turn()?;
        }
        if self.hms.due().is_some_and(|due| due <= self.now) {
            self.wake_hms()?;
        }
        for device in 0..self.devices.len() {
            if self.devices[device].due().is_some_and(|due| due <= self.now) {
                self.wake_host(device)?;
            }
        }
        if self.now.micros().is_multiple_of(1_000_000) {
            self.check_second()?;
        }
        Ok(())
    }

    fn arrive(&mut self, flight: Flight) -> Checked {
        let Flight { to, mail } = flight;
        match to {
            To::Hms { local, multicast } => {
                let arrival = Arrival { local: Some(local), interface: Some(LAN), multicast };
                self.at_hms(mail, arrival)
            }
            To::Outside(at) => match self.net.machine_at(at) {
                Some(machine) => self.at_host(machine, mail.from, Some(at), mail.bytes),
                None => Ok(()),
            },
            To::Machine(machine) => self.at_host(machine, mail.from, None, mail.bytes),
            To::Rogue(at) => self.rogue_hears(at, &mail.bytes),
        }
    }

    fn at_hms(&mut self, mail: Mail, arrival: Arrival) -> Checked {
        if self.hms.server.is_none() {
            return Ok(());
        }
        if self.hms.paused_until.is_some() {
            if self.hms.inbox.len() < 4096 && !self.hms.asleep {
                self.hms.inbox.push_back((mail, arrival));
            }
            return Ok(());
        }
        if self.overload.is_some() {
            self.crowds_in(mail, arrival);
            return Ok(());
        }
        self.hms_takes(&mail, arrival)
    }
}

pub fn of_device(device: usize, mut wrong: Broken) -> Broken {
    wrong.how = format!("device {device}: {}", wrong.how);
    wrong
}
