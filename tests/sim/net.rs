//! The network: a LAN with the HMS on it, translators with machines behind them, a cable for each machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hms::relay::{Faults, Link, LinkTally, Nat, Way};
use hms::time::{Duration, Instant};

use crate::dice::Dice;

pub const HMS_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub const HMS_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
pub const HMS_PORT: u16 = hms::limits::PORT;
/// Interface of the LAN, everywhere.
pub const LAN: u32 = 1;
/// Translators in the world.
pub const NATS: usize = 3;
/// No machine ever has this address.
pub const ATTACKER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 66)), 666);
/// Nor this one, on the LAN.
pub const LAN_ROGUE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 250, 66)), 666);

/// Where a machine is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plug {
    /// On the LAN of the HMS: multicast works.
    Lan,
    /// The same, with IPv6 only.
    Lan6,
    /// Behind a translator.
    Nat(usize),
}

struct Machine {
    plug: Plug,
    /// Its address and the port that the process has open.
    socket: SocketAddr,
    /// Where it was, or may go.
    other: Option<SocketAddr>,
    up: Link,
    down: Link,
    cut: [bool; 2],
}

/// To whom a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To the HMS, at its address.
    Hms { local: IpAddr, multicast: bool },
    /// To whoever has this address, seen from the HMS, when it arrives.
    Outside(SocketAddr),
    /// To this machine, by multicast.
    Machine(usize),
    /// To an address of the attacker.
    Rogue(SocketAddr),
}

/// A datagram as its receiver sees it.
pub struct Mail {
    pub from: SocketAddr,
    pub bytes: Vec<u8>,
    /// An attacker says it, who has no right to it.
    pub attack: bool,
}

/// A datagram under way.
pub struct Flight {
    pub to: To,
    pub mail: Mail,
}

pub struct Net {
    machines: Vec<Machine>,
    nats: Vec<Nat>,
    /// Cut between the HMS and everybody, by way.
    hms_cut: [bool; 2],
    flights: BTreeMap<(Instant, u64), Flight>,
    serial: u64,
    next_host: u16,
    /// Dropped by a cut.
    pub cut: u64,
    /// To an address that nobody has.
    pub nowhere: u64,
}

fn way(way: Way) -> usize {
    match way {
        Way::Up => 0,
        Way::Down => 1,
    }
}

fn outside(nat: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1 + nat as u8))
}

impl Net {
    /// `ports` is how many ports each translator has: with few of them a port soon goes to somebody else.
    pub fn new(ports: u16) -> Self {
        let nat = || Nat::new(20_000, 20_000 + ports, Duration::from_secs(150));
        Self {
            machines: Vec::new(),
            nats: (0..NATS).map(|_| nat()).collect(),
            hms_cut: [false; 2],
            flights: BTreeMap::new(),
            serial: 0,
            next_host: 10,
            cut: 0,
            nowhere: 0,
        }
    }

    pub fn add_machine(&mut self, dice: &mut Dice, plug: Plug) -> usize {
        let link = |dice: &mut Dice| Link::new(dice.number(), Faults::default());
        let (up, down) = (link(dice), link(dice));
        let socket = self.new_address(plug, 40_000);
        self.machines.push(Machine { plug, socket, other: None, up, down, cut: [false; 2] });
        self.machines.len() - 1
    }

    fn new_address(&mut self, plug: Plug, port: u16) -> SocketAddr {
        self.next_host += 1;
        let [high, low] = self.next_host.to_be_bytes();
        let ip = match plug {
            Plug::Lan => Ipv4Addr::new(10, 0, high, low).into(),
            Plug::Lan6 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, self.next_host).into(),
            Plug::Nat(nat) => Ipv4Addr::new(192, 168 + nat as u8, high, low).into(),
        };
        SocketAddr::new(ip, port)
    }

    /// The machine gets another address, as after a new DHCP lease.
    pub fn renumber(&mut self, machine: usize) {
        let Machine { plug, socket, .. } = self.machines[machine];
        self.machines[machine].socket = self.new_address(plug, socket.port());
    }

    /// The machine goes to its other address, or back.
    pub fn flap(&mut self, machine: usize) {
        let Machine { plug, socket, other, .. } = self.machines[machine];
        let other = other.unwrap_or_else(|| self.new_address(plug, socket.port()));
        self.machines[machine].other = Some(socket);
        self.machines[machine].socket = SocketAddr::new(other.ip(), socket.port());
    }

    /// Two machines swap their addresses: each now has the one that the other had proven.
    pub fn swap(&mut self, a: usize, b: usize) {
        let (at_a, at_b) = (self.machines[a].socket, self.machines[b].socket);
        self.machines[a].socket = at_b;
        self.machines[b].socket = at_a;
    }

    /// A process that starts opens another port.
    pub fn reopen(&mut self, machine: usize) {
        let socket = &mut self.machines[machine].socket;
        socket.set_port(if socket.port() >= 60_000 { 40_000 } else { socket.port() + 1 });
    }

    pub fn plug(&self, machine: usize) -> Plug {
        self.machines[machine].plug
    }

    /// The machine's own view of its address.
    pub fn inside(&self, machine: usize) -> SocketAddr {
        self.machines[machine].socket
    }

    /// Where the HMS sees the machine now; none if its translator has no port for it.
    pub fn outside(&self, machine: usize) -> Option<SocketAddr> {
        let Machine { plug, socket, .. } = &self.machines[machine];
        match plug {
            Plug::Lan | Plug::Lan6 => Some(*socket),
            Plug::Nat(nat) => self.nats[*nat].port_of(*socket).map(|p| SocketAddr::new(outside(*nat), p.0)),
        }
    }

    pub fn set_faults(&mut self, machine: usize, faults: Faults) {
        self.machines[machine].up.set_faults(faults);
        self.machines[machine].down.set_faults(faults);
    }

    pub fn set_cut(&mut self, machine: usize, only: Option<Way>, cut: bool) {
        for one in [Way::Up, Way::Down] {
            if only.is_none_or(|only| only == one) {
                self.machines[machine].cut[way(one)] = cut;
            }
        }
    }

    pub fn is_cut(&self, machine: usize) -> bool {
        self.machines[machine].cut.contains(&true)
    }

    pub fn any_hms_cut(&self) -> bool {
        self.hms_cut.contains(&true)
    }

    pub fn set_hms_cut(&mut self, only: Option<Way>, cut: bool) {
        for one in [Way::Up, Way::Down] {
            if only.is_none_or(|only| only == one) {
                self.hms_cut[way(one)] = cut;
            }
        }
    }

    /// The translator forgets the machine's port; `false` if there is none.
    pub fn rebind(&mut self, machine: usize) -> bool {
        let Machine { plug: Plug::Nat(nat), socket, .. } = self.machines[machine] else { return false };
        self.nats[nat].rebind(socket)
    }

    pub fn rebind_all(&mut self, nat: usize) {
        self.nats[nat].rebind_all();
    }

    /// Every cable as good as new, every cut mended.
    pub fn heal(&mut self) {
        self.hms_cut = [false; 2];
        for machine in 0..self.machines.len() {
            self.set_faults(machine, Faults { delay: Duration::from_millis(1), ..Faults::default() });
            self.machines[machine].cut = [false; 2];
        }
    }

    /// A machine sends to an address; the source that the HMS would see.
    pub fn send_up(&mut self, now: Instant, machine: usize, to: SocketAddr, bytes: &[u8]) {
        let is_hms = to.port() == HMS_PORT && [HMS_V4, HMS_V6].contains(&to.ip());
        let family = to.is_ipv4() == self.machines[machine].socket.is_ipv4();
        if !is_hms || !family {
            self.nowhere += 1;
            return;
        }
        self.enter_up(now, machine, To::Hms { local: to.ip(), multicast: false }, bytes);
    }

    /// A machine sends to the groups: the HMS hears it if it is on the LAN.
    pub fn send_up_groups(&mut self, now: Instant, machine: usize, bytes: &[u8]) {
        let local = match self.machines[machine].plug {
            Plug::Lan => HMS_V4,
            Plug::Lan6 => HMS_V6,
            Plug::Nat(_) => return,
        };
        self.enter_up(now, machine, To::Hms { local, multicast: true }, bytes);
    }

    fn enter_up(&mut self, now: Instant, machine: usize, to: To, bytes: &[u8]) {
        let socket = self.machines[machine].socket;
        let from = match self.machines[machine].plug {
            Plug::Lan | Plug::Lan6 => socket,
            Plug::Nat(nat) => match self.nats[nat].outward(now, socket) {
                Some(port) => SocketAddr::new(outside(nat), port.0),
                None => return,
            },
        };
        let sender = &mut self.machines[machine];
        if sender.cut[way(Way::Up)] || self.hms_cut[way(Way::Up)] {
            self.cut += 1;
            return;
        }
        let copies = sender.up.pass(now, bytes.len());
        self.enter(copies, from, to, bytes);
    }

    /// The HMS sends from `source` to an address.
    pub fn send_down(&mut self, now: Instant, source: IpAddr, to: SocketAddr, bytes: &[u8]) {
        if self.hms_cut[way(Way::Down)] {
            self.cut += 1;
            return;
        }
        if [ATTACKER, LAN_ROGUE].contains(&to) {
            let from = SocketAddr::new(source, HMS_PORT);
            return self.pass_on(now + Duration::from_millis(1), from, To::Rogue(to), bytes.to_vec());
        }
        let Some(machine) = self.machine_at(to) else {
            self.nowhere += 1;
            return;
        };
        self.enter_down(now, machine, source, To::Outside(to), bytes);
    }

    /// The HMS sends to the groups: every machine on the LAN hears it.
    pub fn send_down_groups(&mut self, now: Instant, bytes: &[u8]) {
        for machine in 0..self.machines.len() {
            let source = match self.machines[machine].plug {
                Plug::Lan => HMS_V4,
                Plug::Lan6 => HMS_V6,
                Plug::Nat(_) => continue,
            };
            if self.hms_cut[way(Way::Down)] {
                self.cut += 1;
                continue;
            }
            self.enter_down(now, machine, source, To::Machine(machine), bytes);
        }
    }

    fn enter_down(&mut self, now: Instant, machine: usize, source: IpAddr, to: To, bytes: &[u8]) {
        if self.machines[machine].cut[way(Way::Down)] {
            self.cut += 1;
            return;
        }
        let copies = self.machines[machine].down.pass(now, bytes.len());
        self.enter(copies, SocketAddr::new(source, HMS_PORT), to, bytes);
    }

    fn enter(&mut self, copies: hms::relay::Copies, from: SocketAddr, to: To, bytes: &[u8]) {
        for copy in copies.into_iter().flatten() {
            let mut bytes = bytes.to_vec();
            if let Some(bit) = copy.flip {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            self.put(copy.at, Flight { to, mail: Mail { from, bytes, attack: false } });
        }
    }

    /// The attacker sends, with any source.
    pub fn forge(&mut self, at: Instant, from: SocketAddr, to: To, bytes: Vec<u8>) {
        self.put(at, Flight { to, mail: Mail { from, bytes, attack: true } });
    }

    /// The attacker lets go what it held back, or forwards what it got.
    pub fn pass_on(&mut self, at: Instant, from: SocketAddr, to: To, bytes: Vec<u8>) {
        self.put(at, Flight { to, mail: Mail { from, bytes, attack: false } });
    }

    fn put(&mut self, at: Instant, flight: Flight) {
        self.serial += 1;
        self.flights.insert((at, self.serial), flight);
    }

    /// The machine that has this address, seen from the HMS.
    pub fn machine_at(&mut self, at: SocketAddr) -> Option<usize> {
        let nat = (0..NATS).find(|nat| outside(*nat) == at.ip());
        let inside = match nat {
            Some(nat) => self.nats[nat].inward(hms::relay::Port(at.port()))?,
            None => at,
        };
        let behind = |plug: Plug| matches!(plug, Plug::Nat(_)) == nat.is_some();
        self.machines.iter().position(|m| m.socket == inside && behind(m.plug))
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.flights.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn arrival(&mut self, now: Instant) -> Option<Flight> {
        let first = self.flights.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    /// What all cables together did.
    pub fn tally(&self) -> LinkTally {
        let mut sum = LinkTally::default();
        for machine in &self.machines {
            sum += *machine.up.tally();
            sum += *machine.down.tally();
        }
        sum
    }

    /// Ports that the translators changed under their clients.
    pub fn rebound(&self) -> u64 {
        self.nats.iter().map(|nat| nat.tally().rebound).sum()
    }
}
