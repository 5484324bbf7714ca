//! HMSs over real endpoints, joined by a net that cuts, delays and loses, in virtual time; all from one seed.

mod work;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::*;
use crate::ident::{Name, Stamp};
use crate::time::{Instant, UnixMillis};
use crate::transport::{Config, Endpoint, LinkSecret};
use crate::wire::peer::{AddressUse, OwnAddress, Timing};

pub(super) const SECRET: [u8; 32] = [7; 32];
pub(super) const SEED: [u8; 32] = [8; 32];
const STALL: Duration = secs(10);

/// One direction of a path.
#[derive(Clone, Copy)]
pub(super) struct Path {
    pub(super) delay: Duration,
    /// In percent.
    pub(super) loss: u64,
    pub(super) cut: bool,
}

/// A process.
pub(super) struct Running {
    endpoint: Endpoint,
    pub(super) cluster: Cluster,
    pub(super) hosts_open: bool,
    /// The line that it was in, and the seat there: it never changes within the line.
    seat: Option<Seat>,
    /// It hands over: to whom, and whether that one has everything.
    pub(super) hands_over: Option<(ServerId, bool)>,
    stopped: bool,
    /// When it was last given time.
    ran: Instant,
}

/// What stays of an HMS when its process ends.
pub(super) struct Node {
    pub(super) running: Option<Running>,
    pub(super) disk: Facts,
    pub(super) invitations: Invitations,
    pub(super) peers: Vec<SocketAddr>,
    /// It runs with this server id: a copy of another's state.
    pub(super) server: ServerId,
    pub(super) stands_still: bool,
    /// When it stops everything is confirmed by the successor at once.
    pub(super) confirms: bool,
    /// Nothing can be stored.
    pub(super) disk_full: bool,
    incarnation: u32,
    pub(super) log: Vec<(Instant, String)>,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    paths: BTreeMap<(usize, usize), Path>,
    /// From where, to which node, what.
    flying: BTreeMap<(Instant, u64), (SocketAddr, usize, Vec<u8>)>,
    count: u64,
    seed: u64,
    dice: u64,
    /// What came for an HMS that does not run.
    pub(super) strays: Vec<(SocketAddr, Vec<u8>)>,
    /// Processes run only at multiples of this: what came until then comes at once.
    pub(super) grain: Duration,
}

pub(super) fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8 + 1], 6710))
}

/// Its other address; what goes to that of another comes from there.
pub(super) fn second(node: usize) -> SocketAddr {
    SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, node as u16 + 1], 6710))
}

pub(super) const fn id(node: usize) -> ServerId {
    ServerId(node as u64 + 1)
}

pub(super) fn timing(node: usize) -> Timing {
    Timing { check_ms: 1000 * (node as u32 + 1), exchange_ms: 5000, expiry_thousandths: 2500 }
}

/// Facts of so many HMSs that are members of one cluster.
pub(super) fn members(count: usize) -> Facts {
    let mut facts = Facts::default();
    let decision = Decision { clock: Stamp(1), by: id(0) };
    for node in 0..count {
        let name = Name::new(&format!("hms{node}")).unwrap();
        facts.enter_member(decision, id(node), &name).unwrap();
        facts.register_address(decision, address(node), Some(id(node))).unwrap();
    }
    facts
}

impl World {
    /// Members that know each other; none of them runs.
    pub(super) fn new(seed: u64, nodes: usize) -> Self {
        let node = |number| Node {
            server: id(number),
            running: None,
            disk: members(nodes),
            invitations: Invitations::default(),
            peers: Vec::new(),
            stands_still: false,
            confirms: true,
            disk_full: false,
            incarnation: 0,
            log: Vec::new(),
        };
        let path = Path { delay: Duration::from_millis(5), loss: 0, cut: false };
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        Self {
            now: Instant::from_secs(1000),
            nodes: (0..nodes).map(node).collect(),
            paths: pairs.map(|pair| (pair, path)).collect(),
            flying: BTreeMap::new(),
            count: 0,
            seed,
            dice: seed,
            strays: Vec::new(),
            grain: Duration::from_micros(1),
        }
    }

    /// All of them started at once, and settled.
    pub(super) fn settled(seed: u64, nodes: usize) -> Self {
        let mut this = Self::new(seed, nodes);
        (0..nodes).for_each(|node| this.start(node));
        this.run(secs(8));
        this.assert_agree();
        this
    }

    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    /// Starts a new process of an HMS, with what is on disk.
    pub(super) fn start(&mut self, node: usize) {
        let (now, stored) = (self.now, &mut self.nodes[node]);
        stored.incarnation += 1;
        // Incarnations are drawn: a later one may be smaller.
        let drawn =
            (stored.incarnation.wrapping_mul(0x9e37_79b1) ^ self.seed as u32 ^ (node as u32) << 1) | 1;
        let process = Process { server: stored.server, incarnation: Incarnation(drawn) };
        let mut seed = [node as u8; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        seed[8..12].copy_from_slice(&drawn.to_be_bytes());
        let mut endpoint = Endpoint::new(Config::new(process.server, process.incarnation), &seed);
        endpoint.add_secret(LinkSecret::cluster(&SECRET));
        seed[31] ^= 0xff;
        let setup = Setup {
            process,
            alone: false,
            name: Name::new(&format!("hms{node}")).unwrap(),
            start_tries: 3,
            start_wait: secs(1),
            timing: timing(node),
            addresses: vec![OwnAddress { used_by: AddressUse::Peers, address: address(node) }],
            peers: stored.peers.clone(),
            facts: stored.disk.clone(),
            clock: Stamp(1 << 20),
            wall: UnixMillis(1_700_000_000_000),
            seed,
        };
        let mut cluster = Cluster::new(now, setup);
        cluster.restore_invitations(now, stored.invitations.clone());
        stored.running = Some(Running {
            endpoint,
            cluster,
            hosts_open: false,
            seat: None,
            hands_over: None,
            stopped: false,
            ran: now,
        });
        stored.stands_still = false;
    }

    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node].running = None;
    }

    pub(super) fn cut(&mut self, from: usize, to: usize, cut: bool) {
        self.paths.get_mut(&(from, to)).unwrap().cut = cut;
    }

    pub(super) fn cut_both(&mut self, one: usize, other: usize, cut: bool) {
        self.cut(one, other, cut);
        self.cut(other, one, cut);
    }

    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut Path> {
        self.paths.values_mut()
    }

    pub(super) fn cluster(&mut self, node: usize) -> &mut Cluster {
        &mut self.nodes[node].running.as_mut().expect("it runs").cluster
    }

    pub(super) fn status(&self, node: usize) -> Status {
        self.nodes[node].running.as_ref().expect("it runs").cluster.status(self.now)
    }

    pub(super) fn phase(&self, node: usize) -> Phase {
        self.status(node).phase
    }

    pub(super) fn primary(&self, node: usize) -> Option<ServerId> {
        self.status(node).primary.map(|seat| seat.server)
    }

    pub(super) fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].running.is_some()).collect()
    }

    pub(super) fn run(&mut self, span: Duration) {
        self.run_until(span, |_| false);
    }

    /// Runs until this is so, at most as long.
    pub(super) fn run_until(&mut self, span: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + span;
        let mut still = 0;
        while self.now < until && !done(self) {
            let before = self.now;
            self.step(until);
            still = if self.now == before { still + 1 } else { 0 };
            assert!(still < 2000, "time stands still: {}", self.tell());
        }
        done(self)
    }

    fn step(&mut self, until: Instant) {
        self.flush();
        let awake = self.nodes.iter().filter(|node| !node.stands_still);
        let timers = awake.filter_map(|node| node.running.as_ref()?.wakes_at());
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let next = timers.chain(arrival).min().unwrap_or(until).min(until);
        let grain = self.grain.as_micros() as u64;
        self.now = self.now.max(Instant::from_micros(next.micros().div_ceil(grain) * grain));
        for node in self.nodes.iter_mut().filter(|node| !node.stands_still) {
            node.give_time(self.now);
        }
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (from, to, mut bytes) = entry.remove();
            let node = &mut self.nodes[to];
            match node.running.as_mut() {
                Some(_) if node.stands_still => {}
                Some(running) => {
                    running.endpoint.handle_datagram(self.now, from, &mut bytes);
                }
                None => self.strays.push((from, bytes)),
            }
        }
        self.flush();
        self.check();
    }

    fn flush(&mut self) {
        let mut buf = Vec::new();
        for from in 0..self.nodes.len() {
            let mut sent = Vec::new();
            let node = &mut self.nodes[from];
            if node.stands_still || node.running.is_none() {
                continue;
            }
            node.work(self.now);
            while let Some(transmit) = node.running.as_mut().unwrap().endpoint.poll_output(self.now, &mut buf)
            {
                sent.push((transmit.to, buf.clone()));
            }
            node.work(self.now);
            // All that it had to say is said.
            if node.running.as_ref().is_some_and(|running| running.stopped) {
                node.running = None;
            }
            for (to, bytes) in sent {
                self.put(from, to, bytes);
            }
        }
    }

    pub(super) fn put(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        let source = if to.is_ipv6() { second(from) } else { address(from) };
        let at = |node: &usize| [address(*node), second(*node)].contains(&to);
        let Some(to) = (0..self.nodes.len()).find(at) else { return };
        let path = self.paths[&(from, to)];
        if path.cut || self.roll(100) < path.loss {
            return;
        }
        let jitter = Duration::from_micros(self.roll(1000));
        self.count += 1;
        self.flying.insert((self.now + path.delay + jitter, self.count), (source, to, bytes));
    }

    /// What holds at every moment.
    fn check(&mut self) {
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let Some(running) = &mut node.running else { continue };
            let status = running.cluster.status(self.now);
            let may_serve = matches!(status.phase, Phase::Synchronising | Phase::Operating);
            let is_open = may_serve || status.phase == Phase::Stopping;
            assert!(is_open || !running.hosts_open, "hms{number} answers hosts while {:?}", status.phase);
            assert_eq!(running.hosts_open, status.hosts_open, "hms{number}");
            let standing = running.cluster.own.standing();
            let seat = standing.seat();
            assert_eq!(seat.is_some(), matches!(status.phase, Phase::Waking) || may_serve, "hms{number}");
            assert_eq!(seat.is_some(), status.primary.is_some(), "hms{number}: who has a seat has a primary");
            let (Some(before), Some(now)) = (running.seat, seat) else {
                running.seat = seat;
                continue;
            };
            assert!(before.line != now.line || before == now, "hms{number}: the seat changed in its line");
            running.seat = seat;
            running.check_links(number);
            assert!(running.cluster.links.len() < 16 && running.cluster.known.len() < 16);
        }
    }

    /// All that run serve, in one line, and name one primary, which is one of them.
    pub(super) fn agree(&self) -> bool {
        let running = self.running();
        let told: Vec<_> = running.iter().map(|node| self.status(*node)).collect();
        let serve = told.iter().all(|one| one.phase == Phase::Operating && one.hosts_open);
        let line = |one: &Status| one.line.map(|(line, _)| line);
        let same = told
            .windows(2)
            .all(|pair| line(&pair[0]) == line(&pair[1]) && pair[0].primary == pair[1].primary);
        let primary = told.first().and_then(|one| one.primary);
        let leads = running.iter().filter(|node| Some(id(**node)) == primary.map(|seat| seat.server)).count();
        serve && same && leads == 1
    }

    pub(super) fn assert_agree(&self) {
        assert!(self.agree(), "{}", self.tell());
    }

    /// What happened, for whom a test fails.
    pub(super) fn tell(&self) -> String {
        let mut lines: Vec<_> = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            lines.extend(node.log.iter().map(|(at, text)| (*at, format!("{at} hms{number}: {text}"))));
        }
        lines.sort();
        let told = self.running().into_iter().map(|node| format!("hms{node}: {:?}", self.status(node)));
        let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).chain(told).collect();
        format!("seed {} at {}\n{}", self.seed, self.now, lines.join("\n"))
    }
}
