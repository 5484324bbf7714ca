//! A server with two realms, and the time and the wires around it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::auth::ClusterKey;
use crate::capture::Verdict;
use crate::cluster::{Decision, Facts};
use crate::ident::{Epoch, Incarnation, Name, RealmId, ServerId, Stamp};
use crate::net::{Arrival, Destination};
use crate::server::{Event, Server, ServerSettings, Setup, WatchEvent};
use crate::storage::SnapshotRow;
use crate::time::{Duration, Instant, UnixMillis};
use crate::transport::LinkSecret;

/// Both realms and their secrets.
pub(in crate::server) const REALMS: [(&str, RealmId, u8); 2] =
    [("acme", RealmId(7), 1), ("beta", RealmId(8), 2)];
/// The wall clock at the start.
pub(in crate::server) const WALL: UnixMillis = UnixMillis(1_767_225_600_000);

/// A datagram from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// `None`: to the groups.
    pub(super) to: Option<SocketAddr>,
    pub(super) bytes: Vec<u8>,
}

/// The server and its surroundings.
pub(super) struct World {
    pub(super) server: Server,
    pub(super) now: Instant,
    /// Bytes to the server and back, by the host's address.
    pub(super) traffic: BTreeMap<SocketAddr, (usize, usize)>,
    /// Datagrams that the server sent unasked, while time went on.
    pub(super) unasked: Vec<Sent>,
    pub(super) arrival: Arrival,
}

/// The realms as an admin decided them, the first before the others.
pub(in crate::server) fn facts() -> Facts {
    let mut facts = Facts::default();
    let decision = Decision { clock: Stamp(1), by: ServerId(0xa71a5) };
    for (name, id, secret) in REALMS {
        let name = Name::new(name).expect("a name");
        facts.enter_realm(decision, (id, Epoch(1)), &[secret; 32], &name).expect("room");
    }
    facts
}

pub(super) fn settings() -> ServerSettings {
    let listen = vec!["10.0.0.1:6710".parse().expect("an address")];
    ServerSettings { listen, ..ServerSettings::default() }
}

pub(super) fn setup(incarnation: u32, facts: Facts, settings: ServerSettings) -> Setup {
    Setup {
        name: Name::new("atlas").expect("a name"),
        server: ServerId(0xa71a5),
        incarnation: Incarnation(incarnation),
        seed: [incarnation as u8; 32],
        settings,
        facts,
        link_secret: LinkSecret::cluster(&[8; 32]),
        default_realm: Some(RealmId(7)),
        cluster: ClusterKey::from_seed(&[9; 32]),
        stamp_base: 0,
        wall: WALL,
        rows: Vec::new(),
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: ServerSettings) -> Self {
        Self::of(Instant::from_secs(1000), setup(1, facts(), settings))
    }

    pub(super) fn of(now: Instant, setup: Setup) -> Self {
        let mut server = Server::new(now, setup);
        // That it has entered itself as a member is to be stored.
        while server.poll_event().is_some() {}
        Self {
            server,
            now,
            traffic: BTreeMap::new(),
            unasked: Vec::new(),
            arrival: Arrival { local: "10.0.0.1".parse().ok(), interface: Some(2), multicast: false },
        }
    }

    /// Another process of the same HMS, with these rows of a snapshot.
    pub(super) fn restarted(&self, incarnation: u32, rows: Vec<SnapshotRow>) -> Self {
        let mut setup = setup(incarnation, self.server.facts().clone(), settings());
        setup.stamp_base = self.server.stamp_clock(self.now);
        setup.rows = rows;
        Self::of(self.now, setup)
    }

    /// All rows as a snapshot has them.
    pub(super) fn snapshot(&self) -> Vec<SnapshotRow> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let (rows, next) = self.server.snapshot_rows(cursor, 3);
            all.extend(rows);
            match next {
                Some(_) => cursor = next,
                None => return all,
            }
        }
    }

    /// One datagram in, all that comes back.
    pub(super) fn send(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Sent> {
        self.traffic.entry(from).or_default().0 += bytes.len();
        let before = self.all_drops();
        self.server.handle_datagram(self.now, from, self.arrival, bytes);
        self.check_verdict(&before, bytes);
        self.drain()
    }

    fn all_drops(&self) -> BTreeMap<&'static str, u64> {
        let mut drops = self.server.drops.by_reason();
        self.server.peers.drops_into(&mut drops);
        drops
    }

    /// Whatever a test sends: a capture says that it was dropped exactly if it was counted, and under the same reason.
    fn check_verdict(&self, before: &BTreeMap<&'static str, u64>, bytes: &[u8]) {
        let after = self.all_drops();
        let counted: Vec<_> =
            after.iter().filter(|(reason, count)| before.get(*reason) != Some(*count)).collect();
        match (self.server.verdict(bytes).verdict, counted.as_slice()) {
            (Verdict::Dropped(said), [(reason, _)]) => assert_eq!(said, **reason),
            (Verdict::Dropped(said), counted) => panic!("said {said}, counted {counted:?}"),
            (verdict, counted) => assert!(counted.is_empty(), "said {verdict}, counted {counted:?}"),
        }
    }

    fn drain(&mut self) -> Vec<Sent> {
        let (mut all, mut buf) = (Vec::new(), Vec::new());
        while let Some(transmit) = self.server.poll_output(self.now, &mut buf) {
            let cause = self.server.cause(&buf).verdict;
            assert!(matches!(cause, Verdict::Sent(_, why) if why != "answers"), "{cause}");
            let to = match transmit.to {
                Destination::Unicast(to) => Some(to),
                Destination::Groups => None,
            };
            if let Some(to) = to {
                self.traffic.entry(to).or_default().1 += buf.len();
            }
            assert!(buf.len() <= 1200, "{} bytes", buf.len());
            all.push(Sent { to, bytes: buf.clone() });
        }
        all
    }

    /// Lets time go on, with every timer at its time.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        let mut same = 0;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= end) {
            same = if due <= self.now { same + 1 } else { 0 };
            assert!(same < 10_000, "a timer that never gets done");
            self.now = self.now.max(due);
            self.server.handle_timeout(self.now);
            let sent = self.drain();
            self.unasked.extend(sent);
        }
        self.now = end;
        self.server.handle_timeout(end);
        let sent = self.drain();
        self.unasked.extend(sent);
    }

    pub(super) fn secs(&mut self, secs: u64) {
        self.pass(Duration::from_secs(secs));
    }

    /// Events for `hms watch` since the last call: `event user`.
    pub(super) fn watched(&mut self) -> Vec<String> {
        self.watch_events()
            .iter()
            .map(|e| format!("{} {}", e.event, e.row.as_ref().map_or("-", |row| &row.user)))
            .collect()
    }

    pub(super) fn watch_events(&mut self) -> Vec<WatchEvent> {
        let events = std::iter::from_fn(|| self.server.poll_event());
        events.filter_map(|event| if let Event::Watch(event) = event { Some(event) } else { None }).collect()
    }

    /// Events other than for `hms watch`.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let events = std::iter::from_fn(|| self.server.poll_event());
        events.filter(|event| !matches!(event, Event::Watch(_) | Event::Log { .. })).collect()
    }

    pub(super) fn drops(&self, reason: &str) -> u64 {
        self.server.status(self.now).drops.get(reason).copied().unwrap_or_default()
    }

    /// `user status address` of every row, by user.
    pub(super) fn hosts(&self) -> Vec<String> {
        let rows = self.server.hosts(self.now, None).expect("all realms");
        rows.iter()
            .map(|r| format!("{} {} {}", r.user, r.status, r.address.as_deref().unwrap_or("-")))
            .collect()
    }
}
