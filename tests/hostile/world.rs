//! One world: two HMSs, their hosts, the hostile one, and time that jumps to the next event.

use std::net::SocketAddr;
use std::ops::AddAssign;

use hms::auth::user_id;
use hms::ident::Name;
use hms::net::Destination;
use hms::server::{RealmLimits, ServerSettings};
use hms::time::{Duration, Instant};
use hms::wire::Content;

use crate::device::{self, Device};
use crate::dice::Dice;
use crate::disks::disks;
use crate::heap::weigh;
use crate::hms::{Machine, Sent};
use crate::net::{Flight, Net, hms_address, host_address};
use crate::peer::Hostile;

const HMSS: usize = 2;
const HOSTS: usize = 6;
const MAX_HOSTS: usize = 200;
const SETTLED: Duration = Duration::from_secs(15);
const ATTACK: Duration = Duration::from_secs(20);
/// What an HMS holds whatever is said: sums of a few homes, windows of links, a table of `MAX_HOSTS`.
const HEAP: usize = 24 << 20;
/// And for each row, end of a session and fact that was said.
const ITEM: usize = 2048;
/// Datagrams that an HMS says in a second though nothing comes.
const STEADY: u64 = 400;
/// FETCHes of a neighbour in a second (R-PEE-96): each may ask for all that was told of a home.
const FETCHES: u64 = 4;
/// Rows and ends of sessions in a datagram of a PAGE, at the least.
const IN_A_DATAGRAM: u64 = 10;

/// What happened in a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub links: u64,
    pub said: u64,
    pub items: usize,
    pub absurd_clocks: usize,
    pub absurd_rows: u64,
    pub no_room: usize,
    /// The most that one of them held when the world ended.
    pub heap: usize,
    /// The most datagrams in a second, beyond those that came.
    pub most_out: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.links += other.links;
        self.said += other.said;
        self.items += other.items;
        self.absurd_clocks += other.absurd_clocks;
        self.absurd_rows += other.absurd_rows;
        self.no_room += other.no_room;
        self.heap = self.heap.max(other.heap);
        self.most_out = self.most_out.max(other.most_out);
    }
}

pub struct World {
    seed: u64,
    now: Instant,
    net: Net,
    hmss: Vec<Machine>,
    names: Vec<String>,
    devices: Vec<Device>,
    hostile: Hostile,
    /// Datagrams in and out of each HMS, in this second.
    turns: [(u64, u64); HMSS],
    most_out: u64,
    attacks: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let disks = disks(&mut dice, HMSS + 1);
        let limits = RealmLimits { name: "blue".into(), max_hosts: Some(MAX_HOSTS), max_rate: None };
        let settings = ServerSettings {
            check_time: Duration::from_secs(5),
            realms: vec![limits],
            ..ServerSettings::default()
        };
        let mut hmss: Vec<_> = (0..HMSS)
            .map(|number| Machine::new(&mut dice, number, &disks[number], settings.clone()))
            .collect();
        hmss.iter_mut().for_each(|hms| hms.log = Some(Vec::new()));
        let mut hostile =
            Hostile::new(&mut dice, disks[HMSS].server, *disks[0].cluster_secret, Instant::ZERO);
        let realm = disks[0].realms[0].id;
        hostile.honest = disks[..HMSS].iter().map(|disk| disk.server).collect();
        hostile.realm = realm;
        let users: Vec<_> = (0..HOSTS).map(|number| format!("user-{number}")).collect();
        hostile.spared = users.iter().map(|user| user_id(realm, user)).collect();
        let device = |(number, user): (usize, &String)| {
            let addresses = (0..HMSS).map(hms_address).collect();
            let token = disks[0].token(user, None, addresses).expect("a token");
            let content =
                Content::new(Name::new(user).expect("a name"), Name::new("machine").expect("a name"));
            Device::new(&mut dice, number, token, content)
        };
        let devices = users.iter().enumerate().map(device).collect();
        Self {
            seed,
            now: Instant::ZERO,
            net: Net::default(),
            hmss,
            names: users,
            devices,
            hostile,
            turns: [(0, 0); HMSS],
            most_out: 0,
            attacks: false,
        }
    }

    /// The HMSs and their hosts settle; then the other one comes.
    pub fn play(mut self) -> Tally {
        for hms in 0..HMSS {
            let sent = self.hmss[hms].start(self.now);
            self.hms_said(hms, sent);
        }
        for device in 0..HOSTS {
            let turn = self.devices[device].start(self.now, true, host_address(device));
            self.host_said(device, turn);
        }
        self.run(SETTLED);
        self.check();
        self.attacks = true;
        self.run(ATTACK);
        self.end()
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        let mut spins = 0;
        while self.now < end {
            let next = self.next_event().min(end);
            spins = if next == self.now { spins + 1 } else { 0 };
            assert!(spins < 20_000, "seed {}: time stands still at {}", self.seed, self.now);
            self.now = next;
            self.step();
        }
    }

    fn next_event(&self) -> Instant {
        let hmss = self.hmss.iter().filter_map(Machine::due);
        let hosts = self.devices.iter().filter_map(Device::due);
        let hostile = self.attacks.then(|| self.hostile.due());
        let second = Instant::from_secs(self.now.millis() / 1000 + 1);
        let all = hmss.chain(hosts).chain(hostile).chain(self.net.next_arrival());
        all.fold(second, Instant::min).max(self.now)
    }

    fn step(&mut self) {
        while let Some(flight) = self.net.arrival(self.now) {
            self.arrive(&flight);
        }
        for hms in 0..HMSS {
            if self.hmss[hms].due().is_some_and(|due| due <= self.now) {
                let turn = self.hmss[hms].with(self.now, |server, local| server.handle_timeout(local));
                self.hms_said(hms, turn.map(|(_, sent)| sent).unwrap_or_default());
            }
        }
        for device in 0..HOSTS {
            if self.devices[device].due().is_some_and(|due| due <= self.now) {
                let turn = self.devices[device].with(self.now, |host, local| host.handle_timeout(local));
                self.host_said(device, turn.map(|(_, turn)| turn).unwrap_or_default());
            }
        }
        if self.attacks {
            self.hostile.act(self.now);
            self.hostile_said();
        }
        if self.now.micros().is_multiple_of(1_000_000) {
            self.check_second();
        }
    }

    fn arrive(&mut self, flight: &Flight) {
        if let Some(hms) = (0..HMSS).find(|hms| hms_address(*hms) == flight.at) {
            self.turns[hms].0 += 1;
            let Flight { from, at, multicast, bytes } = flight;
            let arrival =
                hms::net::Arrival { local: Some(at.ip()), interface: Some(1), multicast: *multicast };
            let turn = self.hmss[hms]
                .with(self.now, |server, local| server.handle_datagram(local, *from, arrival, bytes));
            self.hms_said(hms, turn.map(|(_, sent)| sent).unwrap_or_default());
        } else if flight.at == hms_address(HMSS) {
            if self.attacks && !flight.multicast {
                self.hostile.take(self.now, flight.from, &flight.bytes);
                self.hostile_said();
            }
        } else if let Some(device) = (0..HOSTS).find(|host| host_address(*host) == flight.at) {
            let turn =
                self.devices[device].take(self.now, flight.from, flight.at, flight.multicast, &flight.bytes);
            self.host_said(device, turn);
        }
    }

    fn hms_said(&mut self, hms: usize, sent: Vec<Sent>) {
        self.turns[hms].1 += sent.len() as u64;
        self.put(hms_address(hms), sent);
    }

    fn host_said(&mut self, device: usize, turn: device::Turn) {
        self.put(host_address(device), turn.sent);
    }

    fn put(&mut self, from: SocketAddr, sent: Vec<Sent>) {
        let hmss = (0..HMSS).map(hms_address);
        let all: Vec<_> = hmss.chain((0..HOSTS).map(host_address)).filter(|to| *to != from).collect();
        for Sent { transmit, bytes } in sent {
            match transmit.to {
                Destination::Unicast(to) => self.net.send(self.now, from, to, false, &bytes),
                Destination::Groups => {
                    all.iter().for_each(|to| self.net.send(self.now, from, *to, true, &bytes));
                }
            }
        }
    }

    fn hostile_said(&mut self) {
        let mut buf = Vec::new();
        while let Some(to) = self.hostile.output(self.now, &mut buf) {
            self.net.send(self.now, hms_address(HMSS), to, false, &buf);
        }
    }

    fn check_second(&mut self) {
        for (hms, (heard, said)) in std::mem::take(&mut self.turns).into_iter().enumerate() {
            // A datagram brings one, and pages that were asked for, which have their own bound; no more.
            let beyond = said.saturating_sub(heard);
            self.most_out = self.most_out.max(beyond);
            let copies = FETCHES * self.hostile.items as u64 / IN_A_DATAGRAM;
            assert!(
                beyond < STEADY + copies,
                "{}: hms{hms} says {said} datagrams in a second, {heard} came",
                self.tell()
            );
        }
        if self.attacks {
            self.check();
        }
    }

    /// What holds at every moment once all have settled.
    fn check(&self) {
        for hms in 0..HMSS {
            let status = self.hmss[hms].status(self.now).expect("it runs");
            let serves = matches!(status.role, "primary" | "secondary");
            assert!(serves, "{}: hms{hms} is {}: {:?}", self.tell(), status.role, status.message);
            let other = format!("hms{}", 1 - hms);
            let peer = status.peers.iter().find(|peer| peer.name == other);
            let up = peer.is_some_and(|peer| peer.status == "up");
            assert!(up, "{}: hms{hms} has {other} as {peer:?}", self.tell());
            let rows = self.hmss[hms].look(self.now, |server, local| server.hosts(local, Some("blue")));
            let rows = rows.expect("it runs").expect("a list");
            assert!(rows.len() <= 2 * MAX_HOSTS, "{}: {} rows at hms{hms}", self.tell(), rows.len());
            for user in self.names.iter().filter(|_| self.hostile.spares) {
                assert!(
                    rows.iter().any(|row| row.user == *user),
                    "{}: {user} is not at hms{hms}",
                    self.tell()
                );
            }
        }
        for (device, name) in self.devices.iter().zip(&self.names).filter(|_| self.hostile.spares) {
            let stays = device.registered() && device.registrations == 1;
            assert!(
                stays,
                "{}: {name} registered {} times, {:?}",
                self.tell(),
                device.registrations,
                device.ended
            );
        }
    }

    fn tell(&self) -> String {
        let Hostile { spares, only, rate, .. } = &self.hostile;
        let log: Vec<_> = self.hmss.iter().filter_map(|hms| hms.log.as_ref()).collect();
        let last: Vec<_> = log.iter().map(|log| log.iter().rev().take(6).collect::<Vec<_>>()).collect();
        format!("seed {} at {} (only {only:?}, rate {rate}, spares {spares}; {last:#?})", self.seed, self.now)
    }

    /// What they hold is freed, and counted.
    fn end(mut self) -> Tally {
        let mut tally = Tally {
            links: self.hostile.links,
            said: self.hostile.said,
            items: self.hostile.items,
            most_out: self.most_out,
            ..Tally::default()
        };
        let told = self.tell();
        for hms in &mut self.hmss {
            let status = hms.status(self.now).expect("it runs");
            tally.absurd_rows += status.rows_not_taken.get("stamp").copied().unwrap_or_default();
            let log = hms.log.take().unwrap_or_default();
            let count = |what: &str| log.iter().filter(|line| line.contains(what)).count();
            tally.absurd_clocks += count("is absurd");
            tally.no_room += count("no room for");
            let heap = weigh(hms.server.take());
            let bound = HEAP + tally.items * ITEM;
            assert!(heap < bound, "{told}: {heap} bytes are held, {bound} may be");
            tally.heap = tally.heap.max(heap);
        }
        tally
    }
}
