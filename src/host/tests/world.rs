//! A world in memory: a real server, real hosts, a network that loses, doubles and reorders.

use std::collections::BTreeMap;

use super::*;
use crate::auth::{ClusterKey, RealmSecret};
use crate::cluster::{Decision, Facts};
use crate::server::{Server, ServerSettings, Setup};
use crate::transport::LinkSecret;
use rand_core::Rng as _;

pub(super) const REALM: RealmId = RealmId(7);
pub(super) const SERVER: u8 = 1;

/// From, to, by multicast, bytes.
type Flying = (SocketAddr, SocketAddr, bool, Vec<u8>);

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) server: Server,
    pub(super) hosts: BTreeMap<u8, Host>,
    wire: BTreeMap<(Instant, u64), Flying>,
    count: u64,
    rng: ChaCha20Rng,
    /// Percent of datagrams lost, and of those doubled.
    pub(super) loss: u64,
    pub(super) doubled: u64,
    settings: ServerSettings,
    incarnation: u32,
}

fn secret() -> RealmSecret {
    RealmSecret::new([4; 32])
}

fn cluster() -> ClusterKey {
    ClusterKey::from_seed(&[3; 32])
}

fn server(now: Instant, incarnation: u32, settings: &ServerSettings) -> Server {
    let mut facts = Facts::default();
    let decision = Decision { clock: Stamp(1), by: ServerId(1) };
    facts.enter_realm(decision, (REALM, Epoch(1)), secret().as_bytes(), &name("home")).expect("room");
    let mut server = Server::new(
        now,
        Setup {
            name: name("atlas"),
            server: ServerId(1),
            incarnation: Incarnation(incarnation),
            seed: [incarnation as u8; 32],
            settings: settings.clone(),
            facts,
            link_secret: LinkSecret::cluster(&[8; 32]),
            default_realm: Some(REALM),
            cluster: cluster(),
            stamp_base: u64::from(incarnation) << 40,
            wall: UnixMillis(1_700_000_000_000),
            rows: Vec::new(),
        },
    );
    let addresses = vec![addr(SERVER).ip()];
    server.set_interfaces(now, vec![Interface { index: 1, name: "e0".into(), addresses }]);
    server
}

fn user_token(user: &str, addresses: Vec<SocketAddr>) -> Token {
    let id = crate::auth::user_id(REALM, user);
    Token {
        realm: REALM,
        user_key: secret().user_key(id, Generation(0)),
        cluster_key: cluster().public(),
        user_name: name(user),
        ..token(addresses)
    }
}

pub(super) fn host_setup(n: u8, addresses: Vec<SocketAddr>) -> HostSetup {
    let mut setup = setup(user_token(&format!("user{n}"), addresses));
    setup.store.instance = InstanceId(n.into());
    HostSetup { seed: [n; 32], ..setup }
}

impl World {
    pub(super) fn new(loss: u64, change: impl FnOnce(&mut ServerSettings)) -> Self {
        let now = Instant::from_secs(100);
        let mut settings = ServerSettings {
            listen: vec!["[::]:6710".parse().expect("an address")],
            ..ServerSettings::default()
        };
        change(&mut settings);
        Self {
            now,
            server: server(now, 1, &settings),
            hosts: BTreeMap::new(),
            wire: BTreeMap::new(),
            count: 0,
            rng: ChaCha20Rng::from_seed([7; 32]),
            loss,
            doubled: loss / 4,
            settings,
            incarnation: 1,
        }
    }

    pub(super) fn join(&mut self, hosts: std::ops::RangeInclusive<u8>) {
        for n in hosts {
            self.hosts.insert(n, Host::new(self.now, host_setup(n, vec![addr(SERVER)])));
        }
        self.flush();
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, multicast: bool, bytes: &[u8]) {
        for _ in 0..1 + u64::from(self.rng.next_u64() % 100 < self.doubled) {
            if self.rng.next_u64() % 100 < self.loss {
                continue;
            }
            let slow = if self.rng.next_u64() % 100 < self.loss { 300 } else { 3 };
            let delay = Duration::from_micros(200 + self.rng.next_u64() % (slow * 1000));
            self.count += 1;
            self.wire.insert((self.now + delay, self.count), (from, to, multicast, bytes.to_vec()));
        }
    }

    pub(super) fn flush(&mut self) {
        let mut buf = Vec::new();
        let numbers: Vec<u8> = self.hosts.keys().copied().collect();
        for n in numbers {
            while let Some(transmit) = self.hosts.get_mut(&n).and_then(|h| h.poll_output(self.now, &mut buf))
            {
                match transmit.to {
                    Destination::Unicast(to) => self.send(addr(n), to, false, &buf.clone()),
                    Destination::Groups => self.send(addr(n), addr(SERVER), true, &buf.clone()),
                }
            }
        }
        while let Some(transmit) = self.server.poll_output(self.now, &mut buf) {
            match transmit.to {
                Destination::Unicast(to) => self.send(addr(SERVER), to, false, &buf.clone()),
                Destination::Groups => {
                    for n in self.hosts.keys().copied().collect::<Vec<_>>() {
                        self.send(addr(SERVER), addr(n), true, &buf.clone());
                    }
                }
            }
        }
        while self.server.poll_event().is_some() {}
    }

    fn step(&mut self, end: Instant) -> bool {
        let hosts = self.hosts.values().filter_map(Host::poll_timeout);
        let timers = hosts.chain(self.server.poll_timeout());
        let due = timers.chain(self.wire.keys().next().map(|k| k.0)).min();
        let Some(due) = due.filter(|due| *due <= end) else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(due);
        while let Some(entry) = self.wire.first_entry().filter(|e| e.key().0 <= self.now) {
            let (from, to, multicast, bytes) = entry.remove();
            let arrival = Arrival { local: Some(to.ip()), interface: Some(1), multicast };
            let SocketAddr::V4(v4) = to else { continue };
            match v4.ip().octets()[3] {
                SERVER => self.server.handle_datagram(self.now, from, arrival, &bytes),
                n => {
                    if let Some(host) = self.hosts.get_mut(&n) {
                        host.handle_datagram(self.now, from, arrival, &bytes);
                    }
                }
            }
        }
        for host in self.hosts.values_mut() {
            host.handle_timeout(self.now);
        }
        self.server.handle_timeout(self.now);
        self.flush();
        true
    }

    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
    }

    /// Runs until `done` holds and returns how long that took; panics behind `limit`.
    #[track_caller]
    pub(super) fn until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Duration {
        let begin = self.now;
        while !done(self) {
            let goes_on = self.step(begin + limit);
            assert!(goes_on || done(self), "not within {limit:?}: {}", self.report());
        }
        self.now.since(begin)
    }

    /// What each host lists, against the hosts that there are.
    pub(super) fn lists_are_right(&self) -> bool {
        let mut truth: Vec<_> = self.hosts.values().map(|h| h.me.user).collect();
        truth.sort();
        self.hosts.values().all(|host| {
            let rows: Vec<_> = host.follow.copy.rows().map(|e| e.head.user).collect();
            host.registered() && rows == truth
        })
    }

    pub(super) fn report(&self) -> String {
        let hosts = self.hosts.iter().map(|(n, h)| {
            let (pull, copy) = (h.follow.pull.map(|p| p.what), &h.follow.copy);
            format!("{n}: {:?} {} rows at {} {pull:?} {:?}\n", h.state, copy.len(), copy.revision(), h.drops)
        });
        let status = self.server.status(self.now);
        format!("{:?} {:?}\n{}", status.hosts, status.drops, hosts.collect::<String>())
    }

    pub(super) fn restart_server(&mut self) {
        self.incarnation += 1;
        self.server = server(self.now, self.incarnation, &self.settings);
    }
}
