//! Servers as processes with disks, addresses and a net between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::super::super::tests::world::{REALMS, WALL};
use crate::auth::{ClusterKey, RealmSecret, user_id};
use crate::cluster::{Decision, Facts};
use crate::host::{Host, HostSetup};
use crate::ident::{Epoch, Generation, Incarnation, InstanceId, Name, ServerId, Stamp};
use crate::net::{Arrival, Destination, Interface};
use crate::server::{Event, PeerRow, Server, ServerSettings, Setup, StatusView};
use crate::storage::{HostStore, Secrets};
use crate::time::{Duration, Instant};
use crate::token::Token;
use crate::transport::LinkSecret;
use crate::wire::{Content, Kind, View};

const DELAY: Duration = Duration::from_millis(5);

/// What stays of an HMS when its process ends.
pub(super) struct Node {
    pub(super) server: Option<Server>,
    pub(super) settings: ServerSettings,
    pub(super) secrets: Secrets,
    pub(super) disk_works: bool,
    pub(super) stands_still: bool,
    incarnation: u32,
    pub(super) log: Vec<(Instant, String)>,
    /// What `hms watch` would print there.
    pub(super) watched: Vec<String>,
    /// To the groups.
    pub(super) announced: Vec<Vec<u8>>,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    cut: BTreeMap<(usize, usize), bool>,
    apart: BTreeSet<(u8, usize)>,
    flying: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    count: u64,
    /// In percent.
    pub(super) loss: u64,
    dice: u64,
    /// Hosts by the last number of their address.
    pub(super) hosts: BTreeMap<u8, Host>,
    /// To who is neither an HMS nor a host.
    pub(super) to_hosts: Vec<(SocketAddr, Vec<u8>)>,
}

pub(super) fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8 + 1], 6710))
}

/// Where a host is.
pub(super) fn host_address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, number], 5000))
}

fn host_number(address: SocketAddr) -> Option<u8> {
    let SocketAddr::V4(v4) = address else { return None };
    let [_, _, net, number] = v4.ip().octets();
    (net == 1).then_some(number)
}

pub(super) fn user(number: u8) -> String {
    format!("user{number}")
}

fn host_setup(number: u8, nodes: usize) -> HostSetup {
    let (realm_name, realm, secret) = REALMS[0];
    let id = user_id(realm, &user(number));
    let token = Token {
        realm,
        epoch: Epoch(1),
        generation: Generation(0),
        user_key: RealmSecret::new([secret; 32]).user_key(id, Generation(0)),
        cluster_key: ClusterKey::from_seed(&[9; 32]).public(),
        user_name: Name::new(&user(number)).expect("a name"),
        realm_name: Name::new(realm_name).expect("a name"),
        addresses: (0..nodes).map(address).collect(),
    };
    let content = Content::new(token.user_name.clone(), Name::new("desk").expect("a name"));
    HostSetup {
        store: HostStore::new(token.clone(), InstanceId(number.into()), content.clone()),
        token,
        content,
        view: View::Realm,
        push: true,
        takeover: false,
        near: Vec::new(),
        seed: [number; 32],
        wall: WALL,
    }
}

pub(super) const fn id(node: usize) -> ServerId {
    ServerId(node as u64 + 1)
}

pub(super) fn name(node: usize) -> String {
    format!("hms{node}")
}

/// Facts of so many members; the realms are known only to the first.
fn facts(node: usize, members: usize) -> Facts {
    let mut facts = Facts::default();
    let decision = Decision { clock: Stamp(1), by: id(0) };
    for member in 0..members {
        let name = Name::new(&name(member)).expect("a name");
        facts.enter_member(decision, id(member), &name).expect("room");
        facts.register_address(decision, address(member), Some(id(member))).expect("room");
    }
    for (name, realm, secret) in REALMS.into_iter().filter(|_| node == 0) {
        let name = Name::new(name).expect("a name");
        facts.enter_realm(decision, (realm, Epoch(1)), &[secret; 32], &name).expect("room");
    }
    facts
}

impl World {
    /// HMSs of which the first `members` know each other; none runs.
    pub(super) fn new(nodes: usize, members: usize) -> Self {
        let node = |node: usize| {
            let known = if node < members { facts(node, members) } else { Facts::default() };
            let mut secrets = Secrets::newcomer(|bytes| bytes.fill(9));
            secrets.server = id(node);
            known.store(&mut secrets);
            let settings = ServerSettings {
                listen: vec![SocketAddr::from(([0, 0, 0, 0], 6710))],
                check_time: Duration::from_secs(10 + node as u64),
                ..ServerSettings::default()
            };
            Node {
                server: None,
                settings,
                secrets,
                disk_works: true,
                stands_still: false,
                incarnation: 0,
                log: Vec::new(),
                watched: Vec::new(),
                announced: Vec::new(),
            }
        };
        Self {
            now: Instant::from_secs(1000),
            nodes: (0..nodes).map(node).collect(),
            cut: BTreeMap::new(),
            apart: BTreeSet::new(),
            flying: BTreeMap::new(),
            count: 0,
            loss: 0,
            dice: 7,
            hosts: BTreeMap::new(),
            to_hosts: Vec::new(),
        }
    }

    /// Members that have met.
    pub(super) fn settled(nodes: usize) -> Self {
        let mut this = Self::new(nodes, nodes);
        (0..nodes).for_each(|node| this.start(node));
        this.secs(8);
        this
    }

    /// Starts a new process with what is on disk.
    pub(super) fn start(&mut self, node: usize) {
        let (now, stored) = (self.now, &mut self.nodes[node]);
        stored.incarnation += 1;
        let mut seed = [node as u8; 32];
        seed[0] = stored.incarnation as u8;
        let setup = Setup {
            name: Name::new(&name(node)).expect("a name"),
            server: id(node),
            incarnation: Incarnation(stored.incarnation.wrapping_mul(0x9e37_79b1) | 1),
            seed,
            settings: stored.settings.clone(),
            facts: Facts::restore(&stored.secrets),
            link_secret: LinkSecret::cluster(&stored.secrets.cluster_secret),
            default_realm: None,
            cluster: ClusterKey::from_seed(&stored.secrets.cluster_seed),
            stamp_base: stored.secrets.clock,
            wall: WALL,
            rows: Vec::new(),
        };
        let mut server = Server::new(now, setup);
        let addresses = vec![address(node).ip()];
        server.set_interfaces(now, vec![Interface { index: 2, name: "lan0".into(), addresses }]);
        stored.server = Some(server);
        stored.stands_still = false;
    }

    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node].server = None;
    }

    /// Nothing passes between a host and an HMS.
    pub(super) fn cut_host(&mut self, number: u8, node: usize) {
        self.apart.insert((number, node));
    }

    pub(super) fn cut(&mut self, one: usize, other: usize, cut: bool) {
        self.cut.insert((one, other), cut);
        self.cut.insert((other, one), cut);
    }

    pub(super) fn server(&mut self, node: usize) -> &mut Server {
        self.nodes[node].server.as_mut().expect("it runs")
    }

    pub(super) fn status(&self, node: usize) -> StatusView {
        self.nodes[node].server.as_ref().expect("it runs").status(self.now)
    }

    pub(super) fn role(&self, node: usize) -> &'static str {
        self.status(node).role
    }

    pub(super) fn peer(&self, node: usize, other: usize) -> PeerRow {
        let rows = self.nodes[node].server.as_ref().expect("it runs").peers(self.now);
        let row = rows.into_iter().find(|row| row.name == name(other));
        row.unwrap_or_else(|| panic!("hms{node} does not know hms{other}\n{}", self.tell()))
    }

    pub(super) fn secs(&mut self, secs: u64) {
        self.pass(Duration::from_secs(secs));
    }

    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        let mut still = 0;
        while self.now < until {
            let before = self.now;
            self.step(until);
            still = if self.now == before { still + 1 } else { 0 };
            assert!(still < 2000, "time stands still\n{}", self.tell());
        }
    }

    fn step(&mut self, until: Instant) {
        self.flush();
        let awake = self.nodes.iter().filter(|node| !node.stands_still);
        let timers = awake.filter_map(|node| node.server.as_ref()?.poll_timeout());
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let hosts = self.hosts.values().filter_map(Host::poll_timeout);
        self.now = self.now.max(timers.chain(arrival).chain(hosts).min().unwrap_or(until).min(until));
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (from, to, bytes) = entry.remove();
            self.deliver(from, to, &bytes);
        }
        let now = self.now;
        for node in self.nodes.iter_mut().filter(|node| !node.stands_still) {
            if let Some(server) = &mut node.server {
                server.handle_timeout(now);
            }
        }
        self.hosts.values_mut().for_each(|host| host.handle_timeout(now));
        self.flush();
    }

    /// A host of the first realm, whose token names all HMSs, begins.
    pub(super) fn join(&mut self, number: u8) {
        self.hosts.insert(number, Host::new(self.now, host_setup(number, self.nodes.len())));
    }

    /// The REGISTER of a host that is on its way.
    pub(super) fn take_last_register(&self, number: u8) -> Option<Vec<u8>> {
        let on_the_way = self.flying.values().rev().filter(|(from, ..)| *from == host_address(number));
        let mut registers = on_the_way.filter(|(.., bytes)| bytes.get(1) == Some(&Kind::Register.code()));
        registers.next().map(|(.., bytes)| bytes.clone())
    }

    /// A datagram arrives at an HMS, or at a host.
    pub(super) fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let here = Arrival { local: Some(to.ip()), interface: Some(2), multicast: false };
        if let Some(host) = host_number(to).and_then(|number| self.hosts.get_mut(&number)) {
            return host.handle_datagram(self.now, from, here, bytes);
        }
        let (now, node) = (self.now, self.node_at(to.ip()));
        let Some(node) = node.map(|node| &mut self.nodes[node]).filter(|node| !node.stands_still) else {
            return;
        };
        if let Some(server) = &mut node.server {
            server.handle_datagram(now, from, here, bytes);
        }
    }

    /// What is on its way to an HMS.
    pub(super) fn flying_to(&self, node: usize) -> Vec<&[u8]> {
        let there = self.flying.values().filter(|(_, to, _)| *to == address(node));
        there.map(|(.., bytes)| bytes.as_slice()).collect()
    }

    fn node_at(&self, ip: IpAddr) -> Option<usize> {
        (0..self.nodes.len()).find(|node| address(*node).ip() == ip)
    }

    /// What the shell does: datagrams to the net, facts to the disk.
    pub(super) fn flush(&mut self) {
        let mut buf = Vec::new();
        for from in 0..self.nodes.len() {
            let now = self.now;
            let mut sent = Vec::new();
            let node = &mut self.nodes[from];
            let Some(server) = node.server.as_mut().filter(|_| !node.stands_still) else { continue };
            while let Some(event) = server.poll_event() {
                match event {
                    Event::PersistSecrets if node.disk_works => {
                        server.store(now, &mut node.secrets);
                        server.persisted(now, Ok(()));
                    }
                    Event::PersistSecrets => server.persisted(now, Err("disk full".into())),
                    Event::Log { text, .. } => node.log.push((now, text)),
                    Event::Watch(event) => {
                        let row = event.row.map(|row| format!(" {} via {}", row.user, row.via));
                        node.watched.push(event.event.to_owned() + &row.unwrap_or_default());
                    }
                    Event::Stopped => {}
                }
            }
            while let Some(transmit) = server.poll_output(now, &mut buf) {
                match transmit.to {
                    Destination::Unicast(to) => {
                        let source = transmit.source.unwrap_or_else(|| address(from).ip());
                        assert_eq!(source, address(from).ip(), "answers come from where was asked");
                        sent.push((to, buf.clone()));
                    }
                    Destination::Groups => node.announced.push(buf.clone()),
                }
            }
            for (to, bytes) in sent {
                self.put(from, to, bytes);
            }
        }
        self.flush_hosts();
    }

    fn flush_hosts(&mut self) {
        let (mut buf, mut sent) = (Vec::new(), Vec::new());
        for (number, host) in &mut self.hosts {
            while let Some(transmit) = host.poll_output(self.now, &mut buf) {
                if let Destination::Unicast(to) = transmit.to {
                    sent.push((host_address(*number), to, buf.clone()));
                }
            }
            while host.poll_event().is_some() {}
        }
        for (from, to, bytes) in sent {
            self.fly(from, to, bytes);
        }
    }

    fn put(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        if host_number(to).is_some_and(|number| self.hosts.contains_key(&number)) {
            return self.fly(address(from), to, bytes);
        }
        let Some(other) = self.node_at(to.ip()) else { return self.to_hosts.push((to, bytes)) };
        if self.cut.get(&(from, other)).copied().unwrap_or_default() {
            return;
        }
        self.fly(address(from), to, bytes);
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let number = host_number(from).or_else(|| host_number(to));
        let node = self.node_at(from.ip()).or_else(|| self.node_at(to.ip()));
        if number.zip(node).is_some_and(|pair| self.apart.contains(&pair)) {
            return;
        }
        self.dice = self.dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        if (self.dice >> 33) % 100 < self.loss {
            return;
        }
        self.count += 1;
        self.flying.insert((self.now + DELAY, self.count), (from, to, bytes));
    }

    /// `user status via since` of every row at an HMS.
    pub(super) fn rows(&self, node: usize) -> Vec<String> {
        let server = self.nodes[node].server.as_ref().expect("it runs");
        let rows = server.hosts(self.now, None).expect("all realms");
        rows.iter().map(|row| format!("{} {} {}", row.user, row.status, row.since)).collect()
    }

    /// Users that a host lists.
    pub(super) fn list(&self, number: u8) -> Vec<String> {
        let mut users: Vec<_> =
            self.hosts[&number].who(self.now).hosts.into_iter().map(|row| row.user).collect();
        users.sort();
        users
    }

    /// Roles of all, `-` for who does not run.
    pub(super) fn roles(&self) -> Vec<&'static str> {
        let running = |node: usize| self.nodes[node].server.is_some();
        (0..self.nodes.len()).map(|node| if running(node) { self.role(node) } else { "-" }).collect()
    }

    /// What happened, for whom a test fails.
    pub(super) fn tell(&self) -> String {
        let mut lines: Vec<_> = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            lines.extend(node.log.iter().map(|(at, text)| (*at, format!("{at} hms{number}: {text}"))));
        }
        lines.sort();
        let running = (0..self.nodes.len()).filter(|node| self.nodes[*node].server.is_some());
        let told = running.map(|node| format!("hms{node}: {:?}", self.status(node)));
        lines.into_iter().map(|(_, line)| line).chain(told).collect::<Vec<_>>().join("\n")
    }
}
