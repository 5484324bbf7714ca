//! An HMS, two users' machines, and whoever listens on the wire.

use std::net::SocketAddr;

use hms::auth::seal;
use hms::cluster::Facts;
use hms::ident::{Incarnation, ServerId, SessionId};
use hms::limits;
use hms::net::{Arrival, Destination, Interface};
use hms::server::{Event, Server, ServerSettings, Setup};
use hms::storage::{Snapshot, SnapshotRow};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;
use hms::wire::{Header, Kind};

use super::super::input::Input;
use super::super::keys::{EPOCH, REALM, address, cluster, facts, name};
use super::super::snapshot::written;
use super::client::Client;
use super::judge::{Judge, Seen, Sent};

pub(super) const ATTACKER: SocketAddr = source(9, 666);
/// The homes of both, where each may move to, and sources to which nobody answers.
pub(super) const SOURCES: [SocketAddr; 8] = [
    source(1, 5001),
    source(2, 5002),
    source(3, 5003),
    source(1, 5004),
    ATTACKER,
    source(3, 0),
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(224, 0, 0, 5)), 5),
    SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9)), 5009),
];
/// Captured datagrams that are kept.
const CAPTURED: usize = 64;

const fn source(last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, last)), port)
}

pub(super) struct World {
    server: Server,
    now: Instant,
    pub(super) clients: [Client; 2],
    judge: Judge,
    captured: Vec<(SocketAddr, Vec<u8>)>,
    incarnation: u32,
    /// The snapshot on the disk.
    saved: Vec<u8>,
    /// Expiries were put off by so much.
    deferred: Duration,
    /// The longest check time and the largest expiry factor so far.
    longest: (Duration, f64),
    /// DISCOVERs that came: each may have an OFFER that waits.
    searches: usize,
    /// What was seen after the last datagram, if nothing happened since.
    last: Option<Seen>,
}

pub(super) fn settings() -> ServerSettings {
    ServerSettings { listen: vec![address("10.0.0.1:6710")], ..ServerSettings::default() }
}

fn begin(now: Instant, incarnation: u32, facts: Facts, stamp_base: u64, rows: Vec<SnapshotRow>) -> Server {
    let setup = Setup {
        name: name("atlas"),
        server: ServerId(0xa71a5),
        incarnation: Incarnation(incarnation),
        seed: [incarnation as u8; 32],
        settings: settings(),
        facts,
        link_secret: LinkSecret::cluster(&[8; 32]),
        default_realm: Some(REALM),
        cluster: cluster(),
        stamp_base,
        wall: UnixMillis(1_700_000_000_000),
        rows,
    };
    let mut server = Server::new(now, setup);
    let addresses = vec![address("10.0.0.1:0").ip()];
    server.set_interfaces(now, vec![Interface { index: 2, name: "lan0".into(), addresses }]);
    server
}

impl World {
    pub(super) fn new() -> Self {
        let now = Instant::from_secs(1000);
        let facts = facts();
        Self {
            server: begin(now, 1, facts, 0, Vec::new()),
            now,
            clients: [Client::new("alice", SOURCES[0]), Client::new("bob", SOURCES[1])],
            judge: Judge::default(),
            captured: Vec::new(),
            incarnation: 1,
            saved: Vec::new(),
            deferred: Duration::ZERO,
            longest: (limits::CHECK_TIME, limits::EXPIRY_FACTOR),
            searches: 0,
            last: None,
        }
    }

    /// INIT, CHALLENGE, REGISTER.
    pub(super) fn join(&mut self, who: usize) {
        for register in [false, true] {
            let client = &mut self.clients[who];
            let (from, bytes) = (client.from, if register { client.register(false) } else { client.init() });
            self.deliver(from, false, &bytes);
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            hosts: self.server.hosts(self.now, None).expect("all realms"),
            drops: self.server.status(self.now).drops.values().sum(),
        }
    }

    /// A datagram comes in, and all that is sent because of it goes out.
    pub(super) fn deliver(&mut self, from: SocketAddr, multicast: bool, bytes: &[u8]) {
        // What waited before is not an answer to this.
        self.flush();
        let before = self.last.take().unwrap_or_else(|| self.seen());
        self.judge.comes(self.server.keyring(), from, bytes);
        self.searches += usize::from(bytes.get(1) == Some(&Kind::Discover.code()));
        let arrival = Arrival { local: address("10.0.0.1:0").ip().into(), interface: Some(2), multicast };
        self.server.handle_datagram(self.now, from, arrival, bytes);
        let sent = self.collect();
        let after = self.seen();
        self.judge.came(self.server.keyring(), (from, bytes), (&before, &after), &sent);
        self.last = Some(after);
        self.hand_out(&sent);
        self.captured.push((from, bytes.to_vec()));
        if self.captured.len() > CAPTURED {
            self.captured.remove(0);
        }
    }

    /// On its way, and kept back by whoever listens.
    pub(super) fn keep(&mut self, bytes: Vec<u8>) {
        let from = self.clients.iter().find(|c| bytes[8..16] == c.user.0).map_or(ATTACKER, |c| c.from);
        self.captured.push((from, bytes));
    }

    pub(super) fn captured(&self, back: usize) -> Option<(SocketAddr, Vec<u8>)> {
        self.captured.iter().rev().nth(back).or_else(|| self.captured.first()).cloned()
    }

    fn collect(&mut self) -> Vec<Sent> {
        let (mut all, mut buf) = (Vec::new(), Vec::new());
        while let Some(transmit) = self.server.poll_output(self.now, &mut buf) {
            let to = match transmit.to {
                Destination::Unicast(to) => Some(to),
                Destination::Groups => None,
            };
            all.push(Sent { to, bytes: buf.clone() });
            assert!(all.len() <= 64 + self.searches, "the HMS does not come to an end");
        }
        while let Some(event) = self.server.poll_event() {
            if event == Event::PersistSecrets {
                self.server.persisted(self.now, Ok(()));
            }
        }
        all
    }

    /// Something else than a datagram happened.
    fn drain(&mut self) {
        self.last = None;
        self.flush();
    }

    /// Takes out what is sent by itself.
    fn flush(&mut self) {
        let sent = self.collect();
        self.judge.went(self.server.keyring(), &sent);
        self.hand_out(&sent);
    }

    fn hand_out(&mut self, sent: &[Sent]) {
        for Sent { to, bytes } in sent {
            self.clients
                .iter_mut()
                .filter(|client| to.is_none_or(|to| to == client.from))
                .for_each(|c| c.take(bytes));
        }
    }

    /// Time goes on, every deadline at its time.
    pub(super) fn pass(&mut self, span: Duration) {
        // More than two minutes are two minutes: by then all that can happen has happened.
        let end = self.now + span.min(Duration::from_secs(120));
        let mut same = 0;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= end) {
            same = if due <= self.now { same + 1 } else { 0 };
            assert!(same < 64, "a deadline that never gets done");
            self.now = self.now.max(due);
            self.server.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
        self.server.handle_timeout(end);
        self.drain();
        self.nobody_stays();
    }

    /// Who says nothing goes, within the bound (R-REG-41, R-REG-43).
    fn nobody_stays(&self) {
        let rows = self.server.hosts(self.now, None).expect("all realms");
        self.judge.holds(&rows);
        let (check_time, factor) = self.longest;
        for row in rows.iter().filter(|row| row.status == "up") {
            let bound = check_time.mul_f64(factor + 0.1) + self.deferred + Duration::from_secs(1);
            assert!(
                Duration::from_millis(row.age_ms) <= bound,
                "{row:?} is silent for longer than {bound:?}"
            );
        }
    }

    /// The process does not run for a while.
    pub(super) fn stall(&mut self, span: Duration) {
        self.now += span;
        self.deferred += span;
        self.server.stalled(self.now, span);
        self.server.handle_timeout(self.now);
        self.deferred += span;
        self.drain();
    }

    /// A body of any type behind the right tag of this user.
    pub(super) fn craft(&mut self, who: usize, (kind, flags): (Kind, u8), how: u8, body: &[u8]) -> Vec<u8> {
        let client = &self.clients[who];
        let user_level = matches!(kind, Kind::Init | Kind::Register | Kind::Discover) != (how & 0x40 != 0);
        let session = if user_level { SessionId(0) } else { client.session };
        let sequence = u64::from(how & 0x3f) + 1;
        let head = Header { kind, flags, epoch: EPOCH, realm: REALM, user: client.user, session, sequence };
        let mut bytes = Vec::new();
        head.emit(&mut bytes);
        bytes.extend_from_slice(body);
        match session {
            SessionId(0) => seal(&client.key, &mut bytes),
            session => seal(&client.key.session_key(session), &mut bytes),
        }
        bytes
    }

    /// An admin revokes a user, who may get a new token.
    pub(super) fn revoke(&mut self, who: usize, anew: bool) {
        let (user, user_name) = (self.clients[who].user, self.clients[who].user_name);
        if self.server.revoke(self.now, Some("home"), user_name).is_ok() {
            self.judge.revoked(user);
            let gone = self.seen().hosts.iter().all(|row| row.user != user_name);
            assert!(gone && !self.judge.is_proven(user), "revoked, and still there");
        }
        self.drain();
        if anew {
            let generation = self.server.keyring().generation(REALM, user);
            self.clients[who].take_token(generation);
        }
    }

    pub(super) fn reload(&mut self, settings: ServerSettings) {
        // A longer check time or a larger factor counts for rows that were heard before.
        self.longest.0 = self.longest.0.max(settings.check_time);
        self.longest.1 = self.longest.1.max(settings.expiry_factor);
        self.server.reload(self.now, settings);
        self.drain();
    }

    fn rows(&self) -> Vec<SnapshotRow> {
        let (mut all, mut at) = (Vec::new(), None);
        loop {
            let (rows, next) = self.server.snapshot_rows(at, 1);
            all.extend(rows);
            at = next;
            if at.is_none() {
                return all;
            }
        }
    }

    pub(super) fn save(&mut self) {
        let rows = self.rows();
        self.saved = written(&self.server.snapshot_header(self.now), &rows);
        let again = Snapshot::from_bytes(&self.saved).expect("an HMS reads its own snapshot");
        assert_eq!(again.rows, rows);
        assert_eq!(rows.len(), self.server.status(self.now).hosts.known);
    }

    /// Another process: with a snapshot of now, with the last one, with none.
    pub(super) fn restart(&mut self, how: usize) {
        if how == 0 {
            self.save();
        }
        let saved = Snapshot::from_bytes(&self.saved).ok().filter(|_| how < 2);
        let base = self.server.stamp_clock(self.now);
        let facts = self.server.facts().clone();
        self.incarnation += 1;
        self.server =
            begin(self.now, self.incarnation, facts, base, saved.map(|s| s.rows).unwrap_or_default());
        self.judge.restarted();
        self.drain();
        let hosts = self.seen().hosts;
        assert!(hosts.iter().all(|row| row.status == "unconfirmed"), "nobody was heard by this process");
    }

    /// The other commands of an admin.
    pub(super) fn admin(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        match input.below(8) {
            0 => drop(self.server.realm_new(now, input.pick(&["second", "home", ""]))),
            1 => drop(self.server.realm_remove(now, "second")),
            2 => drop(self.server.why(Some(&input.text()), None)),
            3 => self.server.set_wall(now, UnixMillis(input.number())),
            4 => {
                let addresses = vec![SOURCES[input.below(8)].ip()];
                self.server.set_interfaces(now, vec![Interface { index: 2, name: "lan0".into(), addresses }]);
            }
            5 => self.server.set_watched(input.one_in(2)),
            6 => self.server.persisted(now, Err("disk full".into())),
            _ => self.server.stop(now),
        }
        let _ = (self.server.realm_list(), self.server.status(now), self.server.why(None, None));
        self.drain();
    }

    /// What holds at the end: the rows outlive the process.
    pub(super) fn end(mut self) {
        self.drain();
        self.save();
        self.judge.holds(&self.seen().hosts);
    }
}
