//! One HMS and its hosts, two lossy ways between them, and time that jumps to the next event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hms::cluster::Facts;
use hms::host::{self, Host, HostSetup};
use hms::ident::{Incarnation, InstanceId, Name};
use hms::limits::CHECK_TIME;
use hms::net::{Arrival, Destination, Interface};
use hms::relay::{Chance, Faults, Link};
use hms::server::{self, Server, ServerSettings, Setup, WatchEvent};
use hms::storage::{HostStore, Secrets};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;
use hms::wire::{Content, Kind, Unverified, View};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::tally::Tally;

const HMS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1)), hms::limits::PORT);
/// The first host's address; each other has the next one.
const FIRST_HOST: u32 = 0x0a00_0001;
const HOST_PORT: u16 = 40_000;
/// All datagrams take equally long: they arrive in the order in which they were sent.
const DELAY: Duration = Duration::from_millis(10);
/// Hosts that follow each other's rows.
const CONFERENCE: usize = 20;
const WALL: UnixMillis = UnixMillis(1_700_000_000_000);

/// What is to be played.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub hosts: usize,
    pub hours: f64,
    /// In thousandths, in each direction.
    pub loss: u32,
    pub seed: u64,
}

struct Machine {
    host: Host,
    /// Where the queue of deadlines has it; entries with another time are of the past.
    due: Instant,
    /// When the HMS last took a heartbeat, or the registration.
    heard: Instant,
    sessions: u64,
}

/// A datagram that arrives.
struct Flight {
    at: Instant,
    host: usize,
    bytes: Vec<u8>,
}

pub struct World {
    plan: Plan,
    now: Instant,
    server: Server,
    secrets: Secrets,
    rng: ChaCha8Rng,
    machines: Vec<Machine>,
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    up: Link,
    down: Link,
    to_server: VecDeque<Flight>,
    to_hosts: VecDeque<Flight>,
    /// Buffers go round.
    spare: Vec<Vec<u8>>,
    out: Vec<u8>,
    tally: Tally,
}

fn address(host: usize) -> SocketAddr {
    let ip = Ipv4Addr::from(FIRST_HOST + u32::try_from(host).expect("fewer hosts than addresses"));
    SocketAddr::new(ip.into(), HOST_PORT)
}

fn host_at(address: SocketAddr) -> usize {
    let IpAddr::V4(ip) = address.ip() else { panic!("all addresses are IPv4") };
    (u32::from(ip) - FIRST_HOST) as usize
}

fn bytes(rng: &mut ChaCha8Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn server(rng: &mut ChaCha8Rng, secrets: &Secrets) -> Server {
    let settings = ServerSettings { listen: vec![HMS], ..ServerSettings::default() };
    let setup = Setup {
        name: Name::new("atlas").expect("a name"),
        server: secrets.server,
        incarnation: Incarnation(1),
        seed: bytes(rng),
        settings,
        facts: Facts::restore(secrets),
        link_secret: LinkSecret::cluster(&secrets.cluster_secret),
        default_realm: None,
        cluster: secrets.cluster_key(),
        stamp_base: 0,
        wall: WALL,
        rows: Vec::new(),
    };
    let mut server = Server::new(Instant::ZERO, setup);
    let lan = Interface { index: 1, name: "lan0".into(), addresses: vec![HMS.ip()] };
    server.set_interfaces(Instant::ZERO, vec![lan]);
    server
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let secrets = Secrets::create(|into| rng.fill_bytes(into), Name::new("house").expect("a name"));
        let server = server(&mut rng, &secrets);
        let faults = Faults { loss: Chance::per_mille(plan.loss), delay: DELAY, ..Faults::default() };
        Self {
            plan,
            now: Instant::ZERO,
            server,
            secrets,
            machines: Vec::with_capacity(plan.hosts),
            deadlines: BinaryHeap::new(),
            up: Link::new(rng.next_u64(), faults),
            down: Link::new(rng.next_u64(), faults),
            rng,
            to_server: VecDeque::new(),
            to_hosts: VecDeque::new(),
            spare: Vec::new(),
            out: Vec::new(),
            tally: Tally::default(),
        }
    }

    pub fn tally(&self) -> Tally {
        let silences = self.machines.iter().map(|machine| self.now.since(machine.heard));
        Tally {
            up_link: *self.up.tally(),
            down_link: *self.down.tally(),
            silence: silences.fold(self.tally.silence, Duration::max),
            up: self.server.status(self.now).hosts.up,
            ..self.tally.clone()
        }
    }

    pub fn run_until(&mut self, end: Duration) {
        let end = Instant::ZERO + end;
        loop {
            let next = self.next_event();
            if next > end {
                break;
            }
            self.now = next;
            self.step();
        }
        self.now = end;
    }

    /// When the next host starts: all do within the first check time.
    fn next_start(&self) -> Option<Instant> {
        let number = u32::try_from(self.machines.len()).expect("fewer hosts than addresses");
        let hosts = u32::try_from(self.plan.hosts).expect("fewer hosts than addresses");
        (number < hosts).then(|| Instant::ZERO + CHECK_TIME * number / hosts)
    }

    fn next_event(&self) -> Instant {
        let flights = [&self.to_server, &self.to_hosts].map(|flights| flights.front().map(|f| f.at));
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let all = [flights[0], flights[1], deadline, self.server.poll_timeout(), self.next_start()];
        all.into_iter().flatten().fold(Instant::FAR, Instant::min).max(self.now)
    }

    fn step(&mut self) {
        while self.next_start().is_some_and(|at| at <= self.now) {
            self.start_host();
        }
        while let Some(flight) = arrived(&mut self.to_server, self.now) {
            let from = address(flight.host);
            self.server.handle_datagram(self.now, from, Arrival::default(), &flight.bytes);
            self.spare.push(flight.bytes);
            self.drain_server();
        }
        while let Some(flight) = arrived(&mut self.to_hosts, self.now) {
            let machine = &mut self.machines[flight.host];
            self.tally.answered += u64::from(kind(&flight.bytes) == Kind::Ack);
            machine.host.handle_datagram(self.now, HMS, Arrival::default(), &flight.bytes);
            self.spare.push(flight.bytes);
            self.drain_host(flight.host);
        }
        if self.server.poll_timeout().is_some_and(|at| at <= self.now) {
            self.server.handle_timeout(self.now);
            self.drain_server();
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

    fn start_host(&mut self) {
        let number = self.machines.len();
        let name = |kind: &str, number: usize| Name::new(&format!("{kind}-{number}")).expect("a name");
        let user = name("user", number);
        let token = self.secrets.token(user.as_str(), None, vec![HMS]).expect("a token");
        let conference = name("conference", number / CONFERENCE);
        let mut content = Content::new(user, name("machine", number));
        content.conference = Some(conference.clone());
        let store = HostStore::new(token.clone(), InstanceId(self.rng.next_u64()), content.clone());
        let setup = HostSetup {
            token,
            store,
            content,
            view: View::Group(conference),
            push: true,
            takeover: false,
            near: Vec::new(),
            seed: bytes(&mut self.rng),
            wall: WALL,
        };
        let mut host = Host::new(self.now, setup);
        let lan = Interface { index: 1, name: "lan0".into(), addresses: vec![address(number).ip()] };
        host.set_interfaces(self.now, vec![lan]);
        self.machines.push(Machine { host, due: Instant::FAR, heard: self.now, sessions: 0 });
        self.drain_host(number);
    }

    /// Takes what a host says, sees what happened to it, and notes when it wants to be called.
    fn drain_host(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        while let Some(transmit) = machine.host.poll_output(self.now, &mut self.out) {
            assert_eq!(transmit.to, Destination::Unicast(HMS), "hosts talk to the HMS");
            self.tally.heartbeats += u64::from(kind(&self.out) == Kind::Heartbeat);
            fly(&mut self.up, self.now, number, &self.out, &mut self.spare, &mut self.to_server);
        }
        while let Some(event) = machine.host.poll_event() {
            match event {
                host::Event::Registered { .. } => {
                    machine.sessions += 1;
                    self.tally.reregistrations += u64::from(machine.sessions > 1);
                }
                host::Event::Lost => self.tally.searches += 1,
                _ => {}
            }
        }
        self.tally.ended += u64::from(machine.host.ended());
        let due = machine.host.poll_timeout().unwrap_or(Instant::FAR);
        if due != machine.due {
            machine.due = due;
            self.deadlines.push(Reverse((due, number)));
        }
    }

    fn drain_server(&mut self) {
        while let Some(transmit) = self.server.poll_output(self.now, &mut self.out) {
            // Nobody here listens to announcements.
            let Destination::Unicast(to) = transmit.to else { continue };
            let number = host_at(to);
            if kind(&self.out) == Kind::Ack {
                let machine = &mut self.machines[number];
                self.tally.accepted += 1;
                self.tally.silence = self.tally.silence.max(self.now.since(machine.heard));
                machine.heard = self.now;
            }
            fly(&mut self.down, self.now, number, &self.out, &mut self.spare, &mut self.to_hosts);
        }
        while let Some(event) = self.server.poll_event() {
            if let server::Event::Watch(event) = event {
                self.changed(&event);
            }
        }
    }

    /// A row changed.
    fn changed(&mut self, event: &WatchEvent) {
        let row = event.row.as_ref().expect("no event was lost");
        let number: usize = row.user.trim_start_matches("user-").parse().expect("a host's number");
        match event.event {
            // A new session; the same REGISTERED once more is not one.
            "join" | "replace" => self.machines[number].heard = self.now,
            "expire" => {
                let silence = self.now.since(self.machines[number].heard);
                let in_time = (CHECK_TIME * 25 / 10..=CHECK_TIME * 26 / 10).contains(&silence);
                self.tally.expired += 1;
                self.tally.mistimed += u64::from(!in_time);
            }
            "late" => self.tally.late += 1,
            "leave" => self.tally.left += 1,
            _ => {}
        }
    }
}

/// The next one that has arrived.
fn arrived(flights: &mut VecDeque<Flight>, now: Instant) -> Option<Flight> {
    if flights.front()?.at <= now { flights.pop_front() } else { None }
}

/// A datagram goes on its way, if it is not lost.
fn fly(
    link: &mut Link,
    now: Instant,
    host: usize,
    bytes: &[u8],
    spare: &mut Vec<Vec<u8>>,
    flights: &mut VecDeque<Flight>,
) {
    for delivery in link.pass(now, bytes.len()).into_iter().flatten() {
        let mut copy = spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        flights.push_back(Flight { at: delivery.at, host, bytes: copy });
    }
}

fn kind(datagram: &[u8]) -> Kind {
    Unverified::parse(datagram).expect("a datagram of ours").header().kind
}
