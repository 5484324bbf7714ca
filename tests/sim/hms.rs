//! The HMS's machine: disk, process, and what the shell would do for it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use hms::cluster::Facts;
use hms::ident::Name;
use hms::net::{Arrival, Interface};
use hms::server::{Event, Server, ServerSettings, Setup};
use hms::storage::{Secrets, Snapshot, SnapshotWriter};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;

use crate::device::Sent;
use crate::dice::Dice;
use crate::heap::weigh;
use crate::net::{HMS_PORT, HMS_V4, HMS_V6, LAN, Mail};
use crate::reference::{Row, Who};

/// What a turn of the process brought.
#[derive(Default)]
pub struct Turn {
    pub sent: Vec<Sent>,
    pub events: Vec<Event>,
}

/// A snapshot on disk, and the rows that the reference had when it was made.
pub struct Saved {
    bytes: Vec<u8>,
    pub rows: BTreeMap<Who, Row>,
}

pub struct HmsMachine {
    secrets: Vec<u8>,
    pub snapshot: Option<Saved>,
    pub server: Option<Server>,
    pub paused_until: Option<Instant>,
    pub inbox: VecDeque<(Mail, Arrival)>,
    pub settings: ServerSettings,
    clock: Duration,
    wall: u64,
    dice: Dice,
    /// The last time that a host could not reach it, other than by a pause.
    pub troubled: Instant,
    /// When it began to stand still, or last did.
    pub paused: Instant,
    /// What comes while it is paused is lost.
    pub asleep: bool,
    /// Processes so far.
    pub process: u32,
    pub disk_works: bool,
    /// Some of what it should have stored is not.
    pub unstored: bool,
}

fn addresses() -> Vec<SocketAddr> {
    [HMS_V4, HMS_V6].map(|ip| SocketAddr::new(ip, HMS_PORT)).to_vec()
}

impl HmsMachine {
    pub fn new(dice: &mut Dice, secrets: &Secrets, settings: ServerSettings) -> Self {
        let mut dice = dice.fork();
        Self {
            secrets: secrets.to_bytes().to_vec(),
            snapshot: None,
            server: None,
            paused_until: None,
            inbox: VecDeque::new(),
            settings: ServerSettings { listen: addresses(), ..settings },
            clock: dice.secs(0, 100_000),
            wall: 1_700_000_000_000 + dice.number() % 1_000_000_000,
            dice,
            troubled: Instant::ZERO,
            paused: Instant::ZERO,
            asleep: false,
            process: 0,
            disk_works: true,
            unstored: false,
        }
    }

    fn local(&self, now: Instant) -> Instant {
        now + self.clock
    }

    pub fn secrets(&self) -> Secrets {
        Secrets::from_bytes(&self.secrets).expect("secrets that the simulator stored itself")
    }

    /// Starts a process with what is on the disk.
    pub fn start(&mut self, now: Instant) -> Turn {
        let mut secrets = self.secrets();
        let incarnation =
            secrets.next_incarnation(|bytes| bytes.copy_from_slice(&self.dice.bytes()[..bytes.len()]));
        if self.disk_works {
            self.secrets = secrets.to_bytes().to_vec();
        }
        self.unstored = false;
        self.process += 1;
        let snapshot = self.snapshot.as_ref().and_then(|saved| Snapshot::from_bytes(&saved.bytes).ok());
        let base = secrets.clock.max(snapshot.as_ref().map_or(0, |s| s.header.stamp_clock));
        let setup = Setup {
            name: Name::new("atlas").expect("a name"),
            server: secrets.server,
            incarnation,
            seed: self.dice.bytes(),
            settings: self.settings.clone(),
            facts: Facts::restore(&secrets),
            link_secret: LinkSecret::cluster(&secrets.cluster_secret),
            default_realm: secrets.default_realm().map(|realm| realm.id),
            cluster: secrets.cluster_key(),
            stamp_base: base,
            wall: UnixMillis(self.wall + now.millis()),
            rows: snapshot.map(|s| s.rows).unwrap_or_default(),
        };
        let mut server = Server::new(self.local(now), setup);
        let lan = Interface { index: LAN, name: "lan0".into(), addresses: vec![HMS_V4, HMS_V6] };
        server.set_interfaces(self.local(now), vec![lan]);
        self.server = Some(server);
        self.inbox.clear();
        self.paused_until = None;
        self.troubled = now;
        self.collect(now)
    }

    /// Stores the secrets, if the disk takes them.
    pub fn store(&mut self, now: Instant) {
        let local = self.local(now);
        let Some(server) = self.server.as_mut() else { return };
        if self.disk_works {
            let mut secrets = Secrets::from_bytes(&self.secrets).expect("secrets stored before");
            server.store(local, &mut secrets);
            self.secrets = secrets.to_bytes().to_vec();
            server.persisted(local, Ok(()));
        } else {
            server.persisted(local, Err("no space left on device".into()));
        }
        self.unstored = !self.disk_works;
    }

    /// Something is wrong with the snapshot: it ends early, or has a wrong bit.
    pub fn tear(&mut self) {
        let Some(Saved { bytes, .. }) = &mut self.snapshot else { return };
        let place = self.dice.below(bytes.len());
        if self.dice.one_in(2) {
            bytes.truncate(place);
        } else {
            bytes[place] ^= 1 << self.dice.below(8);
        }
    }

    pub fn is_torn(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|saved| Snapshot::from_bytes(&saved.bytes).is_err())
    }

    /// Ends the process; how many bytes of heap it held.
    pub fn kill(&mut self, now: Instant) -> usize {
        let held = self.server.take().map_or(0, weigh);
        self.paused_until = None;
        self.inbox.clear();
        self.troubled = now;
        held
    }

    /// Writes the snapshot, in pages as the shell does.
    pub fn save(&mut self, now: Instant, rows: BTreeMap<Who, Row>) {
        let local = self.local(now);
        let Some(server) = self.server.as_ref().filter(|_| self.disk_works) else { return };
        let mut bytes = Vec::new();
        let mut writer = SnapshotWriter::begin(&server.snapshot_header(local), &mut bytes);
        let mut at = None;
        loop {
            let (page, next) = server.snapshot_rows(at, 7);
            page.iter().for_each(|row| writer.row(row, &mut bytes));
            at = next;
            if at.is_none() {
                break;
            }
        }
        writer.end(&mut bytes);
        self.snapshot = Some(Saved { bytes, rows });
    }

    pub fn with<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Server, Instant) -> T,
    ) -> Option<(T, Turn)> {
        let local = self.local(now);
        let result = act(self.server.as_mut()?, local);
        Some((result, self.collect(now)))
    }

    pub fn look<T>(&self, now: Instant, look: impl FnOnce(&Server, Instant) -> T) -> Option<T> {
        self.server.as_ref().map(|server| look(server, self.local(now)))
    }

    pub fn due(&self) -> Option<Instant> {
        if let Some(until) = self.paused_until {
            return Some(until);
        }
        self.server.as_ref()?.poll_timeout().map(|at| at - self.clock)
    }

    pub fn step_wall(&mut self, now: Instant, by: i64) {
        self.wall = self.wall.saturating_add_signed(by);
        let wall = UnixMillis(self.wall + now.millis());
        let _ = self.with(now, |server, local| server.set_wall(local, wall));
    }

    fn collect(&mut self, now: Instant) -> Turn {
        let local = self.local(now);
        let mut turn = Turn::default();
        let Some(server) = self.server.as_mut() else { return turn };
        let mut store = false;
        let mut buf = Vec::new();
        while let Some(transmit) = server.poll_output(local, &mut buf) {
            turn.sent.push(Sent { transmit, bytes: buf.clone() });
        }
        while let Some(event) = server.poll_event() {
            store |= event == Event::PersistSecrets;
            turn.events.push(event);
        }
        if store {
            self.store(now);
        }
        turn
    }
}
