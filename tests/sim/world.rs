//! One world: an HMS, its hosts, the network between them, an attacker, and time that jumps to the next event.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use hms::ident::Name;
use hms::net::{Arrival, Destination};
use hms::server::{RealmLimits, ServerSettings};
use hms::storage::Secrets;
use hms::time::{Duration, Instant};
use hms::wire::{Answer, Content, Header, Kind, RejectCode, View, flag};

use crate::attack::Capture;
use crate::device::{self, Device, End};
use crate::dice::Dice;
use crate::fault::Fault;
use crate::hms::HmsMachine;
use crate::keys::{Keys, Opened};
use crate::net::{Flight, HMS_PORT, HMS_V4, HMS_V6, LAN, Net, Plug, To};
use crate::plan::{Action, Plan};
use crate::reference::{Reference, Rules, Who};
use crate::tally::Tally;

/// A rule that did not hold.
#[derive(Debug)]
pub struct Violation {
    pub at: Instant,
    pub what: String,
    /// The last things that happened.
    pub before: Vec<String>,
}

pub type Checked = Result<(), String>;

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
    pub reference: Option<Reference>,
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
    /// So many hosts that the brake may hold.
    pub crowd: bool,
    /// Nothing that happens may cost anybody anything.
    pub harmless: bool,
    /// The attacker holds back what proves an address.
    pub holding: bool,
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

pub const REALMS: [&str; 2] = ["blue", "green"];

fn secrets(dice: &mut Dice) -> Secrets {
    let mut random = |bytes: &mut [u8]| bytes.copy_from_slice(&dice.bytes()[..bytes.len()]);
    let mut secrets = Secrets::create(&mut random, Name::new(REALMS[0]).expect("a name"));
    secrets.new_realm(&mut random, REALMS[1]).expect("a second realm");
    secrets
}

impl World {
    pub fn new(plan: Plan, print: bool) -> Self {
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
            reference: None,
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
            few_losses: plan.cables.loss <= hms::relay::Chance::per_mille(50)
                && plan.cables.corrupt == hms::relay::Chance::NEVER,
            quiet: false,
            plan_actions: plan.actions.into(),
            trace: Trace { hash: 0xcbf2_9ce4_8422_2325, last: VecDeque::new(), print },
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
        [self.net.next_arrival(), hosts, self.hms.due(), action]
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
            let checked = if spins > 2000 { Err("time stands still".into()) } else { self.step() };
            checked.map_err(|what| self.violation(what))?;
        }
        Ok(())
    }

    pub fn violation(&self, what: String) -> Violation {
        Violation { at: self.now, what, before: self.trace.last.iter().cloned().collect() }
    }

    fn step(&mut self) -> Checked {
        while self.plan_actions.front().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, action)) = self.plan_actions.pop_front() {
                self.act(action)?;
            }
        }
        while let Some(flight) = self.net.arrival(self.now) {
            self.arrive(flight)?;
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
        let Flight { from, to, bytes } = flight;
        match to {
            To::Hms { local, multicast } => {
                let arrival = Arrival { local: Some(local), interface: Some(LAN), multicast };
                self.at_hms(from, arrival, bytes)
            }
            To::Outside(at) => match self.net.machine_at(at) {
                Some(machine) => self.at_host(machine, from, Some(at), bytes),
                None => Ok(()),
            },
            To::Machine(machine) => self.at_host(machine, from, None, bytes),
        }
    }

    fn at_hms(&mut self, from: SocketAddr, arrival: Arrival, bytes: Vec<u8>) -> Checked {
        if self.hms.server.is_none() {
            return Ok(());
        }
        if self.hms.paused_until.is_some() {
            if self.hms.inbox.len() < 4096 {
                self.hms.inbox.push_back((from, arrival, bytes));
            }
            return Ok(());
        }
        self.hms_takes(from, arrival, &bytes)
    }

    fn at_host(
        &mut self,
        machine: usize,
        from: SocketAddr,
        outside: Option<SocketAddr>,
        bytes: Vec<u8>,
    ) -> Checked {
        let inside = self.net.inside(machine);
        let arrival =
            Arrival { local: Some(inside.ip()), interface: Some(LAN), multicast: outside.is_none() };
        let device = &mut self.devices[machine];
        if !device.running() {
            return Ok(());
        }
        if let Opened::Signed(verified, _) = self.keys.open(&bytes) {
            let who = (verified.header().realm, verified.header().user);
            if who == device.who {
                if let (Kind::Challenge, Some(outside)) = (verified.header().kind, outside) {
                    self.proofs.insert((who, outside));
                }
                if let Ok(answer) = verified.answer() {
                    device.heard(self.now, verified.header(), &answer);
                    if let Answer::Challenge(_) = answer
                        && verified.header().session.0 != 0
                    {
                        self.tally.count("challenge after a move");
                    }
                }
            }
        }
        if device.paused_until.is_some() {
            if device.inbox.len() < 512 {
                device.inbox.push_back((from, arrival, bytes));
            }
            return Ok(());
        }
        let turn = device.with(self.now, |host, local| host.handle_datagram(local, from, arrival, &bytes));
        self.host_turn(machine, turn.map(|(_, turn)| turn))
    }

    fn wake_host(&mut self, device: usize) -> Checked {
        let inbox = match self.devices[device].paused_until.take() {
            None => VecDeque::new(),
            Some(_) => {
                self.devices[device].troubled = self.now;
                std::mem::take(&mut self.devices[device].inbox)
            }
        };
        let turn = self.devices[device].with(self.now, |host, local| host.handle_timeout(local));
        self.host_turn(device, turn.map(|(_, turn)| turn))?;
        for (from, arrival, bytes) in inbox {
            let turn = self.devices[device]
                .with(self.now, |host, local| host.handle_datagram(local, from, arrival, &bytes));
            self.host_turn(device, turn.map(|(_, turn)| turn))?;
        }
        Ok(())
    }

    /// Checks and carries out what a host did.
    pub fn host_turn(&mut self, device: usize, turn: Option<device::Turn>) -> Checked {
        let Some(turn) = turn else { return Ok(()) };
        for sent in &turn.sent {
            let header = self.devices[device]
                .check_sent(&mut self.keys, self.now, sent)
                .map_err(|wrong| format!("device {device}: {wrong}"))?;
            self.tally.kind(header.kind);
            self.trace.note(self.now, || {
                format!("device {device} {} {} to {:?}", header.kind, header.sequence, sent.transmit.to)
            });
            let always = self.hms.settings.update == hms::wire::UpdateMode::Always;
            if self.quiet && !always && (header.kind != Kind::Heartbeat || sent.bytes.len() != 68) {
                return Err(format!("device {device} sends {} in quiet times", header.kind));
            }
            self.host_sends(device, &header, sent);
        }
        turn.events.iter().try_for_each(|event| self.host_event(device, event))
    }

    fn host_sends(&mut self, device: usize, header: &Header, sent: &device::Sent) {
        let proof = header.kind == Kind::Heartbeat && header.flags & flag::COOKIE != 0;
        if self.holding && proof && self.dice.one_in(2) && self.hold(device, sent) {
            return;
        }
        match sent.transmit.to {
            Destination::Groups => self.net.send_up_groups(self.now, device, &sent.bytes),
            Destination::Unicast(to) => {
                self.net.send_up(self.now, device, to, &sent.bytes);
                if let Some(from) = self.net.outside(device) {
                    let to = To::Hms { local: to.ip(), multicast: false };
                    self.capture.see(&mut self.dice, from, to, &sent.bytes);
                }
            }
        }
    }

    fn host_event(&mut self, device: usize, event: &hms::host::Event) -> Checked {
        use hms::host::Event;
        match event {
            Event::Lost => self.tally.count("host lost the hms"),
            Event::Found { .. } => self.tally.count("found"),
            Event::Refused { code: RejectCode::Full, .. } => self.tally.count("realm full"),
            Event::Persist | Event::Changed => return Ok(()),
            _ => {}
        }
        match self.devices[device].ended {
            Some(End::Left) => self.tally.count("host left"),
            Some(End::Superseded) => self.tally.count("host superseded"),
            Some(End::Refused(_)) => self.tally.count("host refused"),
            _ => {}
        }
        self.trace.note(self.now, || match event {
            Event::Found { rows, complete, .. } => {
                format!("device {device} found {} ({complete})", rows.len())
            }
            event => format!("device {device} {event:?}"),
        });
        self.check_end(device, event)
    }

    /// Only what is true stops a host, whoever says what on the network.
    fn check_end(&self, device: usize, event: &hms::host::Event) -> Checked {
        let Device { ended, who, token, .. } = &self.devices[device];
        let alone = self.users[self.user_of(*who)].devices.len() == 1;
        let right = match ended {
            Some(End::Superseded) => !alone,
            Some(End::Refused(RejectCode::Revoked)) => token.generation != self.keys.generation(who.0, who.1),
            Some(End::Refused(RejectCode::Taken)) => !alone,
            Some(End::Refused(_)) => false,
            Some(End::Left | End::Killed) | None => true,
        };
        if !right {
            return Err(format!("device {device} ended for no reason: {event:?}"));
        }
        if self.harmless && *event == hms::host::Event::Lost {
            return Err(format!("device {device} lost the HMS in a harmless world"));
        }
        Ok(())
    }
}
