//! One world: HMSs of one cluster, their hosts, the LAN, and time that jumps to the next event.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use hms::ident::{Name, SessionId};
use hms::net::Destination;
use hms::relay::Chance;
use hms::server::{AckWhen, PeerSettings, ServerSettings};
use hms::time::{Duration, Instant};
use hms::token::Token;
use hms::wire::{Content, Header, Kind, Unverified};

use crate::device::{self, Acked, Device};
use crate::dice::Dice;
use crate::disks::disks;
use crate::hms::{Machine, Sent};
use crate::net::{Flight, Net, Node, hms_address};
use crate::plan::{Action, Plan};
use crate::rule::{Broken, Checked, Rule};
use crate::tally::Tally;

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
    pub name: Name,
    pub devices: Vec<usize>,
    /// Since when none of them should be listed: all left, or the user was revoked.
    pub gone: Option<Instant>,
    /// When it left, an HMS said so; else all of them may have been starting.
    pub leave_heard: bool,
    /// The HMSs that list the user, and those that took the user out when the host left.
    pub listed: BTreeSet<usize>,
    pub taken_out: BTreeSet<usize>,
    /// Since when none of them runs.
    pub silent: Option<Instant>,
}

impl User {
    fn new(name: Name) -> Self {
        let (listed, taken_out) = (BTreeSet::new(), BTreeSet::new());
        Self {
            name,
            devices: Vec::new(),
            gone: None,
            leave_heard: true,
            listed,
            taken_out,
            silent: Some(Instant::ZERO),
        }
    }
}

/// Something that was said, for who says it again.
#[derive(Clone)]
pub struct Heard {
    pub from: SocketAddr,
    pub to: usize,
    pub bytes: Vec<u8>,
}

pub struct World {
    pub now: Instant,
    pub dice: Dice,
    pub net: Net,
    pub hmss: Vec<Machine>,
    pub devices: Vec<Device>,
    pub users: Vec<User>,
    pub tally: Tally,
    pub gentle: bool,
    /// So few datagrams of hosts are lost that none of them is thought to be gone.
    pub few_losses: bool,
    /// The last time that something happened to an HMS, or to a path.
    pub troubled: Instant,
    /// The last time that something happened by which rows may last longer: all but a start without a snapshot.
    pub prolonged: Instant,
    /// The longest check time that any host was told.
    pub longest: Duration,
    pub heard: Vec<Heard>,
    pub heard_of_peers: Vec<Heard>,
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
        if self.last.len() > 80 {
            self.last.pop_front();
        }
    }
}

impl World {
    pub fn new(plan: Plan, print: bool) -> Self {
        let mut dice = plan.dice;
        let ack = if plan.replicated { AckWhen::Replicated } else { AckWhen::Local };
        let peers = PeerSettings { ack, ..PeerSettings::default() };
        let settings = ServerSettings {
            check_time: plan.check_time,
            push: plan.push,
            peers,
            ..ServerSettings::default()
        };
        let disks = disks(&mut dice, plan.hmss);
        let machine = |(number, disk)| Machine::new(&mut dice, number, disk, settings.clone());
        let hmss: Vec<_> = disks.iter().enumerate().map(machine).collect();
        let mut world = Self {
            now: Instant::ZERO,
            net: Net::new(&mut dice, plan.hmss, plan.multicast),
            hmss,
            devices: Vec::new(),
            users: Vec::new(),
            tally: Tally::default(),
            gentle: plan.gentle,
            few_losses: plan.cables.loss <= Chance::per_mille(50) && plan.cables.corrupt == Chance::NEVER,
            troubled: Instant::ZERO,
            prolonged: Instant::ZERO,
            longest: plan.check_time,
            heard: Vec::new(),
            heard_of_peers: Vec::new(),
            plan_actions: plan.actions.into(),
            trace: Trace { hash: 0xcbf2_9ce4_8422_2325, last: VecDeque::new(), print },
            dice,
        };
        world.net.set_faults(plan.cables, plan.trunks);
        for number in 0..plan.users {
            let name = Name::new(&format!("user-{number}")).expect("a name");
            world.users.push(User::new(name));
            world.add_device(number);
        }
        plan.faults.iter().for_each(|fault| *world.tally.faults.entry(*fault).or_default() += 1);
        world
    }

    /// One more machine for a user.
    pub fn add_device(&mut self, user: usize) -> usize {
        let machine = self.net.add_host();
        let token = self.token(user);
        let host_name = Name::new(&format!("machine {machine}")).expect("a name");
        let mut content = Content::new(self.users[user].name.clone(), host_name);
        content.ports.audio = 5000 + machine as u16;
        if self.dice.one_in(3) {
            content.conference = Name::new("board").ok();
        }
        self.devices.push(Device::new(&mut self.dice, user, token, content));
        self.users[user].devices.push(machine);
        machine
    }

    /// The token that `hms token` prints at one of the HMSs: with the addresses of some, or none.
    pub fn token(&mut self, user: usize) -> Token {
        let some = 1 + self.dice.below(self.hmss.len());
        let addresses = (0..some).map(hms_address).collect();
        let name = &self.users[user].name;
        let newest = self.hmss.iter().map(Machine::secrets).max_by_key(|secrets| {
            let of_user = secrets.revocations().iter().find(|known| known.user_name.as_ref() == Some(name));
            of_user.map(|revocation| revocation.current)
        });
        let secrets = newest.expect("an HMS");
        secrets.token(self.users[user].name.as_str(), None, addresses).expect("a token")
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        self.trace.note(self.now, line);
    }

    pub fn violation(&self, broken: Broken) -> Violation {
        Violation { at: self.now, broken, before: self.trace.last.iter().cloned().collect() }
    }

    fn next_event(&self) -> Instant {
        let hosts = self.devices.iter().filter_map(Device::due).min();
        let hmss = self.hmss.iter().filter_map(Machine::due).min();
        let action = self.plan_actions.front().map(|(at, _)| *at);
        let second = Instant::from_secs(self.now.millis() / 1000 + 1);
        let all = [self.net.next_arrival(), hosts, hmss, action];
        all.into_iter().flatten().fold(second, Instant::min).max(self.now)
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

    fn step(&mut self) -> Checked {
        while self.plan_actions.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, action)) = self.plan_actions.pop_front() else { break };
            self.act(action)?;
        }
        while let Some(flight) = self.net.arrival(self.now) {
            self.arrive(flight)?;
        }
        for hms in 0..self.hmss.len() {
            if self.hmss[hms].due().is_some_and(|due| due <= self.now) {
                self.wake(hms)?;
            }
        }
        for device in 0..self.devices.len() {
            if self.devices[device].due().is_some_and(|due| due <= self.now) {
                let turn = self.devices[device].with(self.now, |host, local| host.handle_timeout(local));
                self.host_turn(device, turn.map(|(_, turn)| turn))?;
            }
        }
        if self.now.micros().is_multiple_of(1_000_000) {
            self.check_second()?;
        }
        Ok(())
    }

    fn arrive(&mut self, flight: Flight) -> Checked {
        match flight.to {
            Node::Hms(hms) => self.at_hms(hms, flight),
            Node::Host(device) => {
                let Flight { from, at, multicast, ref bytes, .. } = flight;
                self.note_answer(device, &flight);
                let turn = self.devices[device].take(self.now, from, at, multicast, bytes);
                self.host_turn(device, Some(turn))
            }
        }
    }

    /// Who answered which heartbeat. What comes late, or is said again, says nothing.
    fn note_answer(&mut self, device: usize, flight: &Flight) {
        let Ok(datagram) = Unverified::parse(&flight.bytes) else { return };
        let (Header { kind: Kind::Ack, sequence, .. }, Some(Node::Hms(hms))) =
            (*datagram.header(), self.net.node_at(flight.from))
        else {
            return;
        };
        let device = &mut self.devices[device];
        let new = device.acked.is_none_or(|before| before.sequence < sequence);
        if new && device.said.get(&hms) == Some(&sequence) && device.registered() {
            device.acked = Some(Acked { hms, sequence, at: self.now });
        }
    }

    fn at_hms(&mut self, hms: usize, flight: Flight) -> Checked {
        let machine = &mut self.hmss[hms];
        if machine.paused_until.is_some() {
            if machine.inbox.len() < 4096 && !machine.asleep {
                machine.inbox.push_back(flight);
            }
            return Ok(());
        }
        if machine.server.is_none() {
            return Ok(());
        }
        let kept = self.is_kept(hms, &flight);
        let before = flight.replay.then(|| self.table(hms)).transpose()?;
        let sent = self.hmss[hms].take(self.now, &flight);
        if kept {
            self.remember(hms, &flight, !sent.is_empty());
        }
        self.hms_turn(hms, sent)?;
        before.map_or(Ok(()), |before| self.check_unchanged(hms, &before, &flight))
    }

    /// Some of what arrives is kept, for who says it again.
    fn is_kept(&mut self, hms: usize, flight: &Flight) -> bool {
        !flight.replay && !flight.multicast && self.dice.one_in(20) && self.serves(hms)
    }

    /// What a host said and got no answer to was not heard: who says it later has delayed it.
    fn remember(&mut self, hms: usize, flight: &Flight, answered: bool) {
        let between = matches!(self.net.node_at(flight.from), Some(Node::Hms(_)));
        if !between && !answered {
            return;
        }
        let heard = Heard { from: flight.from, to: hms, bytes: flight.bytes.clone() };
        let store = if between { &mut self.heard_of_peers } else { &mut self.heard };
        if store.len() >= 200 {
            store.remove(0);
        }
        store.push(heard);
    }

    fn wake(&mut self, hms: usize) -> Checked {
        let machine = &mut self.hmss[hms];
        let inbox = match machine.paused_until.take() {
            None => VecDeque::new(),
            Some(_) => {
                (self.troubled, self.prolonged) = (self.now, self.now);
                machine.since = self.now;
                std::mem::take(&mut machine.inbox)
            }
        };
        let turn = machine.with(self.now, |server, local| server.handle_timeout(local));
        self.hms_turn(hms, turn.map(|(_, sent)| sent).unwrap_or_default())?;
        inbox.into_iter().try_for_each(|flight| self.at_hms(hms, flight))
    }

    /// Carries out what an HMS did.
    pub fn hms_turn(&mut self, hms: usize, sent: Vec<Sent>) -> Checked {
        for Sent { transmit, bytes } in sent {
            let kind = Unverified::parse(&bytes).ok().map(|datagram| datagram.header().kind);
            self.tally.datagrams += 1;
            self.check_closed(hms, transmit.to, kind)?;
            self.trace.note(self.now, || {
                let name = kind.map_or_else(|| format!("{} bytes", bytes.len()), |kind| kind.to_string());
                format!("hms{hms} {name} to {:?}", transmit.to)
            });
            match transmit.to {
                Destination::Groups => self.net.send_groups(self.now, Node::Hms(hms), &bytes),
                Destination::Unicast(to) => self.net.send(self.now, Node::Hms(hms), to, &bytes),
            }
        }
        if self.hmss[hms].has_stopped() {
            self.end_stopped(hms)?;
        }
        Ok(())
    }

    /// Checks and carries out what a host did.
    pub fn host_turn(&mut self, device: usize, turn: Option<device::Turn>) -> Checked {
        let Some(turn) = turn else { return Ok(()) };
        for Sent { transmit, bytes } in turn.sent {
            let header = Unverified::parse(&bytes).ok().map(|datagram| *datagram.header());
            let kind = header.map(|header| header.kind);
            self.tally.datagrams += 1;
            if let Some(kind) = kind {
                *self.tally.kinds.entry(kind).or_default() += 1;
            }
            // What belongs to no session has a number of its own.
            if let (Some(header), Destination::Unicast(to)) = (header, transmit.to)
                && header.session != SessionId(0)
                && let Some(Node::Hms(hms)) = self.net.node_at(to)
            {
                let last = self.devices[device].said.entry(hms).or_default();
                *last = header.sequence.max(*last);
            }
            self.trace.note(self.now, || format!("device {device} {kind:?} to {:?}", transmit.to));
            match transmit.to {
                Destination::Groups => self.net.send_groups(self.now, Node::Host(device), &bytes),
                Destination::Unicast(to) => self.net.send(self.now, Node::Host(device), to, &bytes),
            }
        }
        for event in &turn.events {
            self.host_event(device, event)?;
        }
        Ok(())
    }

    /// What HMSs and hosts sent, by type, the peering aside.
    pub fn count_kind(&mut self, kind: Kind) {
        *self.tally.kinds.entry(kind).or_default() += 1;
    }

    /// Whether an HMS serves hosts.
    pub fn serves(&self, hms: usize) -> bool {
        let role = self.hmss[hms].status(self.now).map(|status| status.role);
        self.hmss[hms].is_awake() && matches!(role, Some("primary" | "secondary" | "standalone"))
    }

    /// Users by name.
    pub fn by_name(&self) -> BTreeMap<&str, usize> {
        self.users.iter().enumerate().map(|(number, user)| (user.name.as_str(), number)).collect()
    }
}
