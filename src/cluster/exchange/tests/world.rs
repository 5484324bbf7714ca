//! Tables of HMSs over real endpoints, joined by a net that cuts, delays and loses, in virtual time; all from one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::super::{Exchange, Table};
use crate::auth::{Keyring, RealmSecret, user_id};
use crate::cluster::{Action, Cluster, Decision, Ends, Facts, Heard, Setup};
use crate::ident::{Epoch, Incarnation, Name, Process, RealmId, ServerId, Stamp, UserId};
use crate::limits::EXCHANGED_ITEMS;
use crate::registry::{Fate, Reason, Registry, RowId};
use crate::time::{Duration, Instant, UnixMillis};
use crate::transport::{Config, Endpoint, Event, KeyId, LinkSecret};
use crate::wire::Content;
use crate::wire::peer::{AddressUse, OwnAddress, PeerKind, Phase, Timing};

pub(super) const REALM: RealmId = RealmId(7);
pub(super) const CHECK: Duration = Duration::from_secs(30);
const SECRET: [u8; 32] = [7; 32];

pub(super) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) const fn id(node: usize) -> ServerId {
    ServerId(node as u64 + 1)
}

pub(super) fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8 + 1], 6710))
}

pub(super) fn user(host: u32) -> UserId {
    user_id(REALM, &format!("user{host}"))
}

pub(super) fn host_address(host: u32, port: u16) -> SocketAddr {
    let [_, a, b, c] = host.to_be_bytes();
    SocketAddr::from(([11, a, b, c], port))
}

pub(super) fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    keyring.new_realm(REALM, Name::new("realm").unwrap(), Epoch(1), RealmSecret::new([9; 32]));
    keyring
}

pub(super) fn content(host: u32, version: u32) -> Vec<u8> {
    let host_name = Name::new(&format!("host{host} v{version}")).unwrap();
    Content::new(Name::new(&format!("user{host}")).unwrap(), host_name).to_bytes()
}

pub(super) struct Running {
    pub(super) endpoint: Endpoint,
    pub(super) cluster: Cluster,
    pub(super) exchange: Exchange,
    pub(super) registry: Registry,
    pub(super) keyring: Keyring,
    pub(super) max_hosts: Option<usize>,
    /// Rows when the last turn began, and those that hosts made since.
    pub(super) rows: usize,
    /// It is given no time.
    stands_still: bool,
}

impl Running {
    fn with<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Exchange, &mut Table<'_>, &mut Endpoint, &Cluster) -> T,
    ) -> T {
        let most = self.max_hosts;
        let max_hosts = |_| most;
        let mut table = Table {
            registry: &mut self.registry,
            keyring: &mut self.keyring,
            highest_stamp: Stamp(self.cluster.clock(now).0 + (1 << 54)),
            max_hosts: &max_hosts,
            seen: None,
        };
        act(&mut self.exchange, &mut table, &mut self.endpoint, &self.cluster)
    }

    pub(super) fn turn(&mut self, now: Instant) -> bool {
        self.with(now, |exchange, table, endpoint, _| exchange.turn(now, table, endpoint))
    }

    pub(super) fn table<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Exchange, &mut Table<'_>) -> T,
    ) -> T {
        self.with(now, |exchange, table, _, _| act(exchange, table))
    }
}

/// One direction of a path.
#[derive(Clone, Copy)]
pub(super) struct Path {
    pub(super) loss: u64,
    pub(super) cut: bool,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Option<Running>>,
    incarnations: Vec<u32>,
    pub(super) paths: BTreeMap<(usize, usize), Path>,
    flying: BTreeMap<(Instant, u64), (usize, usize, Vec<u8>)>,
    count: u64,
    dice: u64,
    seed: u64,
    pub(super) immediate: bool,
    /// Its exchange is given no time.
    pub(super) mute: Option<usize>,
    /// Hosts that send no heartbeats.
    pub(super) silent: BTreeSet<u32>,
    beat: Instant,
    pub(super) sessions: u64,
    /// Messages about the table that came, by receiver and kind: how many, and of how many bytes.
    pub(super) heard: BTreeMap<(usize, PeerKind), (u64, u64)>,
}

impl World {
    pub(super) fn new(seed: u64, nodes: usize) -> Self {
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        Self {
            now: Instant::from_secs(1000),
            nodes: (0..nodes).map(|_| None).collect(),
            incarnations: vec![0; nodes],
            paths: pairs.map(|pair| (pair, Path { loss: 0, cut: false })).collect(),
            flying: BTreeMap::new(),
            count: 0,
            dice: seed,
            seed,
            immediate: true,
            mute: None,
            silent: BTreeSet::new(),
            beat: Instant::ZERO,
            sessions: 0,
            heard: BTreeMap::new(),
        }
    }

    /// All of them started at once, and settled.
    pub(super) fn settled(seed: u64, nodes: usize) -> Self {
        let mut world = Self::new(seed, nodes);
        (0..nodes).for_each(|node| world.start(node));
        world.run(secs(10));
        world.assert_operating();
        world
    }

    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        let decision = Decision { clock: Stamp(1), by: id(0) };
        for node in 0..self.nodes.len() {
            facts.enter_member(decision, id(node), &Name::new(&format!("hms{node}")).unwrap()).unwrap();
            facts.register_address(decision, address(node), Some(id(node))).unwrap();
        }
        facts
    }

    /// Starts a new process with an empty table.
    pub(super) fn start(&mut self, node: usize) {
        self.incarnations[node] += 1;
        let drawn = (self.incarnations[node].wrapping_mul(0x9e37_79b1) ^ self.seed as u32) | 1;
        let process = Process { server: id(node), incarnation: Incarnation(drawn) };
        let mut seed = [node as u8; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        seed[8..12].copy_from_slice(&drawn.to_be_bytes());
        let mut endpoint = Endpoint::new(Config::new(process.server, process.incarnation), &seed);
        endpoint.add_secret(LinkSecret::cluster(&SECRET));
        let timing = Timing { check_ms: 30_000, exchange_ms: 5000, expiry_thousandths: 2500 };
        let setup = Setup {
            process,
            alone: false,
            name: Name::new(&format!("hms{node}")).unwrap(),
            start_tries: 3,
            start_wait: secs(1),
            timing,
            addresses: vec![OwnAddress { used_by: AddressUse::Peers, address: address(node) }],
            peers: Vec::new(),
            facts: self.facts(),
            clock: Stamp(1 << 40),
            wall: UnixMillis(1_700_000_000_000),
            seed,
        };
        let mut registry = Registry::new(self.seed, |_, _, _, _| 0, self.now);
        registry.set_process(process);
        registry.add_realm(REALM);
        registry.set_timing(CHECK, 2.5);
        self.nodes[node] = Some(Running {
            endpoint,
            cluster: Cluster::new(self.now, setup),
            exchange: Exchange::new(self.now, self.immediate),
            registry,
            keyring: keyring(),
            max_hosts: None,
            rows: 0,
            stands_still: false,
        });
    }

    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node] = None;
    }

    /// It does nothing for so long, while time passes for all others.
    pub(super) fn stand_still(&mut self, node: usize, span: Duration) {
        self.running(node).stands_still = true;
        self.run(span);
        let now = self.now;
        let running = self.running(node);
        running.stands_still = false;
        running.cluster.stalled(now);
    }

    pub(super) fn cut(&mut self, one: usize, other: usize, cut: bool) {
        for pair in [(one, other), (other, one)] {
            self.paths.get_mut(&pair).unwrap().cut = cut;
        }
    }

    pub(super) fn running(&mut self, node: usize) -> &mut Running {
        self.nodes[node].as_mut().expect("it runs")
    }

    pub(super) fn registry(&mut self, node: usize) -> &mut Registry {
        &mut self.running(node).registry
    }

    pub(super) fn row(&mut self, node: usize, host: u32) -> Option<RowId> {
        self.registry(node).by_user(REALM, user(host))
    }

    pub(super) fn process(&mut self, node: usize) -> Process {
        self.running(node).exchange.own
    }

    pub(super) fn phase(&mut self, node: usize) -> Phase {
        let now = self.now;
        self.running(node).cluster.status(now).phase
    }

    pub(super) fn assert_operating(&mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_some() {
                assert_eq!(self.phase(node), Phase::Operating, "hms{node} at {}", self.now);
            }
        }
    }

    pub(super) fn run(&mut self, span: Duration) {
        self.run_until(span, |_| false);
    }

    pub(super) fn run_until(&mut self, span: Duration, done: impl Fn(&mut Self) -> bool) -> bool {
        let until = self.now + span;
        let mut still = 0;
        while self.now < until && !done(self) {
            let before = self.now;
            self.step(until);
            still = if self.now == before { still + 1 } else { 0 };
            assert!(still < 5000, "time stands still at {}", self.now);
        }
        done(self)
    }

    fn step(&mut self, until: Instant) {
        self.flush();
        let awake = self.nodes.iter().flatten().filter(|running| !running.stands_still);
        let timers = awake.filter_map(|running| {
            let timers = [
                running.endpoint.poll_timeout(),
                running.cluster.poll_timeout(),
                Some(running.exchange.poll_timeout()).filter(|_| self.mute.is_none()).flatten(),
                running.registry.next_deadline(),
            ];
            timers.into_iter().flatten().min()
        });
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let next = timers.chain(arrival).chain([self.beat]).min().unwrap_or(until).min(until);
        self.now = self.now.max(next);
        self.beat();
        for node in 0..self.nodes.len() {
            self.give_time(node);
        }
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (from, to, mut bytes) = entry.remove();
            if let Some(running) = self.nodes[to].as_mut().filter(|running| !running.stands_still) {
                running.endpoint.handle_datagram(self.now, address(from), &mut bytes);
            }
        }
        self.flush();
    }

    /// Each host that is not silent says that it is there, at its home.
    fn beat(&mut self) {
        if self.now < self.beat {
            return;
        }
        self.beat = self.now + secs(10);
        let (now, silent) = (self.now, self.silent.iter().map(|host| user(*host)).collect::<BTreeSet<_>>());
        for running in self.nodes.iter_mut().flatten() {
            let registry = &mut running.registry;
            let mut next = registry.next_row(None);
            while let Some(id) = next {
                if registry.row(id).is_some_and(|row| row.is_here() && !silent.contains(&row.user())) {
                    registry.heard(now, id);
                }
                next = registry.next_row(Some(id));
            }
        }
    }

    fn give_time(&mut self, node: usize) {
        let now = self.now;
        let Some(running) = self.nodes[node].as_mut().filter(|running| !running.stands_still) else {
            return;
        };
        running.endpoint.handle_timeout(now);
        let endpoint = &running.endpoint;
        running.cluster.handle_timeout(now, |link| endpoint.link(link).map(|link| link.heard()));
        while let Some((row, fate)) = running.registry.expire(now) {
            if fate == Fate::Expired {
                running.registry.remove(now, row, Reason::Expiry);
            }
        }
        self.work(node);
    }

    fn flush(&mut self) {
        let mut buf = Vec::new();
        for from in 0..self.nodes.len() {
            self.work(from);
            let Some(running) = self.nodes[from].as_mut().filter(|running| !running.stands_still) else {
                continue;
            };
            let mut sent = Vec::new();
            while let Some(transmit) = running.endpoint.poll_output(self.now, &mut buf) {
                sent.push((transmit.to, buf.clone()));
            }
            for (to, bytes) in sent {
                self.put(from, to, bytes);
            }
        }
    }

    fn put(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        let Some(to) = (0..self.nodes.len()).find(|node| address(*node) == to) else { return };
        let path = self.paths[&(from, to)];
        if path.cut || self.roll(100) < path.loss {
            return;
        }
        let delay = Duration::from_micros(5000 + self.roll(1000));
        self.count += 1;
        self.flying.insert((self.now + delay, self.count), (from, to, bytes));
    }

    /// What the server does.
    fn work(&mut self, node: usize) {
        let now = self.now;
        let Some(running) = self.nodes[node].as_mut().filter(|running| !running.stands_still) else {
            return;
        };
        loop {
            let mut more = false;
            while let Some((link, event)) = running.endpoint.poll_event() {
                let remote = running.endpoint.link(link).map(|link| link.remote());
                match event {
                    Event::Connected(peer) => {
                        let ends = Ends { local: Some(address(node).ip()), remote: remote.unwrap() };
                        running.cluster.connected(now, link, peer, ends);
                    }
                    Event::Message(priority, bytes) => {
                        let heard = running.cluster.message(now, link, priority, &bytes);
                        if let Heard::Table(server) = heard {
                            let kind = PeerKind::from_code(bytes[0]);
                            let tally = self.heard.entry((node, kind)).or_default();
                            (tally.0, tally.1) = (tally.0 + 1, tally.1 + bytes.len() as u64);
                            running.with(now, |exchange, table, endpoint, cluster| {
                                exchange.follow(now, cluster, table);
                                exchange.message(now, server, &bytes, table, endpoint);
                            });
                        }
                    }
                    Event::Closed(reason) => running.cluster.closed(now, link, &reason),
                    Event::Writable(_) => {}
                }
                running.with(now, |exchange, table, _, cluster| exchange.follow(now, cluster, table));
            }
            while let Some(action) = running.cluster.poll_action() {
                more = true;
                match action {
                    Action::Dial { address, target, .. } => {
                        let link = running.endpoint.connect(now, address, target, KeyId::CLUSTER);
                        running.cluster.dialled(now, address, link.ok());
                    }
                    Action::Send { link, priority, message } => {
                        let _ = running.endpoint.send(link, priority, &message);
                    }
                    Action::Close { link, code, reason } => running.endpoint.close(now, link, code, &reason),
                    Action::Persist => running.cluster.stored(now, true),
                    Action::OpenHosts
                    | Action::CloseHosts
                    | Action::Settings(_)
                    | Action::Learned(_)
                    | Action::AddKey(_)
                    | Action::RemoveKey(_)
                    | Action::Admit(_)
                    | Action::HandOver { .. }
                    | Action::Stopped
                    | Action::Log(_) => {}
                }
            }
            assert!(running.registry.len() <= running.rows + EXCHANGED_ITEMS, "more than a turn may take");
            running.rows = running.registry.len();
            more |= running.with(now, |exchange, table, endpoint, cluster| {
                exchange.follow(now, cluster, table);
                self.mute != Some(node) && exchange.turn(now, table, endpoint)
            });
            if running.exchange.is_complete(now) {
                let before = running.cluster.status(now).phase;
                running.cluster.copies_complete(now);
                more |= running.cluster.status(now).phase != before;
            }
            if !more {
                return;
            }
        }
    }

    pub(super) fn tell(&mut self, node: usize, from: usize, bytes: &[u8]) {
        let now = self.now;
        self.running(node).with(now, |exchange, table, endpoint, _| {
            exchange.message(now, id(from), bytes, table, endpoint);
        });
    }
}
