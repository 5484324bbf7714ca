//! Two HMSs, their hosts, a path that loses nothing, and time that jumps to the next event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;

use hms::host::{self, Change};
use hms::limits::CHECK_TIME;
use hms::net::{Arrival, Destination};
use hms::server::{Event, Server};
use hms::storage::Secrets;
use hms::time::{Duration, Instant};
use hms::wire::{Kind, Unverified};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::hosts::{self, Machine, host_at};
use crate::meter::{Meter, PIECE};
use crate::servers;

/// All datagrams take equally long: they arrive in the order in which they were sent.
const DELAY: Duration = Duration::from_millis(10);
/// The HMSs agree who leads before the first host comes.
const AGREED: Duration = Duration::from_secs(10);

struct Flight {
    at: Instant,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Sums over all hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub registered: usize,
    pub registrations: usize,
    /// Pages of the directory that came.
    pub pages: usize,
    /// What hosts sent.
    pub sent: usize,
}

/// Who was served by the other HMS since the kill.
pub struct Served {
    pub hosts: usize,
    /// From the kill to the last of them.
    pub last: Duration,
    /// Longest time from a host's first heartbeat without an answer to the answer of the other.
    pub gap: Duration,
}

pub struct World {
    now: Instant,
    hosts: usize,
    servers: [Option<Server>; 2],
    disks: [Secrets; 2],
    machines: Vec<Machine>,
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    flights: VecDeque<Flight>,
    rng: ChaCha8Rng,
    out: Vec<u8>,
    tally: Tally,
    /// What the HMSs say to each other.
    meter: Meter,
    killed: Option<Instant>,
}

pub fn bytes(rng: &mut ChaCha8Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

impl World {
    pub fn new(hosts: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut world = Self {
            now: Instant::ZERO,
            hosts,
            servers: [None, None],
            disks: servers::disks(&mut rng),
            machines: Vec::with_capacity(hosts),
            deadlines: BinaryHeap::new(),
            flights: VecDeque::new(),
            rng,
            out: Vec::new(),
            tally: Tally::default(),
            meter: Meter::default(),
            killed: None,
        };
        (0..2).for_each(|number| world.start_again(number));
        world
    }

    pub fn tally(&self) -> Tally {
        let registered = self.machines.iter().filter(|machine| machine.host.registered()).count();
        Tally { registered, ..self.tally }
    }

    pub fn role(&self, number: usize) -> Option<&'static str> {
        self.servers[number].as_ref().map(|server| server.status(self.now).role)
    }

    pub fn primary(&self) -> usize {
        let roles = [self.role(0), self.role(1)];
        let primary = roles.iter().position(|role| *role == Some("primary"));
        primary.filter(|_| roles.contains(&Some("secondary"))).unwrap_or_else(|| panic!("{roles:?}"))
    }

    /// The rows at each HMS that are up.
    pub fn hosts_up(&self) -> [Option<usize>; 2] {
        let up = |server: &Option<Server>| server.as_ref().map(|server| server.status(self.now).hosts.up);
        [up(&self.servers[0]), up(&self.servers[1])]
    }

    /// How many hosts each HMS answered last.
    pub fn answered_by(&self) -> [usize; 2] {
        let by = |number| {
            let address = servers::address(number);
            self.machines.iter().filter(|machine| machine.hms == Some(address)).count()
        };
        [by(0), by(1)]
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// A host changes what it says of itself; how long its row is on the wire.
    pub fn set(&mut self, host: usize, change: Change) -> usize {
        let machine = &mut self.machines[host];
        assert!(machine.host.set(self.now, vec![change]).expect("a change that fits"), "host {host} changes");
        let length = hosts::row_length(host, machine);
        self.drain_host(host);
        length
    }

    /// Whether each HMS knows that it has what the other has.
    pub fn equal(&self) -> bool {
        self.servers.iter().flatten().all(|server| {
            let peers = server.peers(self.now);
            !peers.is_empty() && peers.iter().all(|peer| peer.equal == Some(true))
        })
    }

    pub fn kill(&mut self, number: usize) {
        self.servers[number] = None;
        self.killed = Some(self.now);
        self.machines.iter_mut().for_each(|machine| (machine.unanswered, machine.served) = (None, None));
    }

    pub fn served_since_the_kill(&self) -> Served {
        let killed = self.killed.unwrap_or(self.now);
        let served: Vec<_> = self.machines.iter().filter_map(|machine| machine.served).collect();
        Served {
            hosts: served.len(),
            last: served.iter().map(|(at, _)| at.since(killed)).max().unwrap_or_default(),
            gap: served.iter().map(|(_, gap)| *gap).max().unwrap_or_default(),
        }
    }

    /// A process starts with its secrets, and no table.
    pub fn start_again(&mut self, number: usize) {
        let disk = &mut self.disks[number];
        let place = u8::try_from(number).expect("one of two");
        self.servers[number] = Some(servers::start(self.now, &mut self.rng, place, disk));
        self.drain_server(number);
    }

    pub fn run_for(&mut self, length: Duration) {
        let end = self.now + length;
        while let Some(next) = Some(self.next_event()).filter(|next| *next <= end) {
            self.now = next;
            self.step();
        }
        self.now = end;
    }

    /// To where the meter begins a new piece.
    pub fn run_to_next_piece(&mut self) {
        let into = self.now.since(Instant::ZERO).as_micros() % PIECE.as_micros();
        self.run_for(PIECE - Duration::from_micros(u64::try_from(into).expect("less than a piece")));
    }

    /// When the next host starts: all do within a check time.
    fn next_start(&self) -> Option<Instant> {
        let [number, hosts] = [self.machines.len(), self.hosts].map(|n| u32::try_from(n).expect("few hosts"));
        (number < hosts).then(|| Instant::ZERO + AGREED + CHECK_TIME * number / hosts)
    }

    fn next_event(&self) -> Instant {
        let servers = self.servers.iter().flatten().filter_map(Server::poll_timeout).min();
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let all = [self.flights.front().map(|flight| flight.at), deadline, servers, self.next_start()];
        all.into_iter().flatten().fold(Instant::FAR, Instant::min).max(self.now)
    }

    fn step(&mut self) {
        while self.next_start().is_some_and(|at| at <= self.now) {
            let number = self.machines.len();
            let hms = servers::address(u8::try_from(self.primary()).expect("one of two"));
            self.machines.push(hosts::start(self.now, &mut self.rng, number, &self.disks[0], hms));
            self.drain_host(number);
        }
        while self.flights.front().is_some_and(|flight| flight.at <= self.now) {
            let Some(flight) = self.flights.pop_front() else { break };
            self.arrive(&flight);
        }
        for number in 0..2 {
            let due = self.servers[number].as_ref().and_then(Server::poll_timeout);
            if let Some(server) =
                self.servers[number].as_mut().filter(|_| due.is_some_and(|at| at <= self.now))
            {
                server.handle_timeout(self.now);
                self.drain_server(number);
            }
        }
        while let Some(&Reverse((at, host))) =
            self.deadlines.peek().filter(|Reverse((at, _))| *at <= self.now)
        {
            self.deadlines.pop();
            if self.machines[host].due == at {
                self.machines[host].host.handle_timeout(self.now);
                self.drain_host(host);
            }
        }
    }

    fn arrive(&mut self, flight: &Flight) {
        let Flight { from, to, bytes, .. } = flight;
        let arrival = Arrival { local: Some(to.ip()), interface: Some(1), multicast: false };
        if let Some(number) = (0..2).find(|number| servers::address(*number) == *to).map(usize::from) {
            if let Some(server) = self.servers[number].as_mut() {
                server.handle_datagram(self.now, *from, arrival, bytes);
                self.drain_server(number);
            }
            return;
        }
        let Some(number) = host_at(*to) else { return };
        let machine = &mut self.machines[number];
        match kind(bytes) {
            Some(Kind::Ack) => {
                let since = machine.unanswered.take();
                machine.hms = Some(*from);
                if self.killed.is_some_and(|killed| self.now.since(killed) > DELAY)
                    && machine.served.is_none()
                {
                    machine.served = Some((self.now, since.map_or(Duration::ZERO, |at| self.now.since(at))));
                }
            }
            Some(Kind::Page) => self.tally.pages += 1,
            _ => {}
        }
        machine.host.handle_datagram(self.now, *from, arrival, bytes);
        self.drain_host(number);
    }

    fn drain_host(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        while let Some(transmit) = machine.host.poll_output(self.now, &mut self.out) {
            // Nobody here hears a group.
            let Destination::Unicast(to) = transmit.to else { continue };
            if kind(&self.out) == Some(Kind::Heartbeat) {
                machine.unanswered.get_or_insert(self.now);
            }
            self.tally.sent += 1;
            let flight =
                Flight { at: self.now + DELAY, from: hosts::address(number), to, bytes: self.out.clone() };
            self.flights.push_back(flight);
        }
        while let Some(event) = machine.host.poll_event() {
            self.tally.registrations += usize::from(matches!(event, host::Event::Registered { .. }));
        }
        let due = machine.host.poll_timeout().unwrap_or(Instant::FAR);
        if due != machine.due {
            machine.due = due;
            self.deadlines.push(Reverse((due, number)));
        }
    }

    fn drain_server(&mut self, number: usize) {
        let from = servers::address(u8::try_from(number).expect("one of two"));
        loop {
            let Some(server) = self.servers[number].as_mut() else { return };
            while let Some(transmit) = server.poll_output(self.now, &mut self.out) {
                let Destination::Unicast(to) = transmit.to else { continue };
                if host_at(to).is_none() {
                    self.meter.count(self.now, number, self.out.len());
                }
                self.flights.push_back(Flight { at: self.now + DELAY, from, to, bytes: self.out.clone() });
            }
            let mut store = false;
            while let Some(event) = server.poll_event() {
                store |= event == Event::PersistSecrets;
            }
            if !store {
                return;
            }
            // What is stored may bring more to say.
            server.store(self.now, &mut self.disks[number]);
            server.persisted(self.now, Ok(()));
        }
    }
}

fn kind(datagram: &[u8]) -> Option<Kind> {
    Unverified::parse(datagram).ok().map(|datagram| datagram.header().kind)
}
