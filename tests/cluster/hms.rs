//! An HMS's machine: disk, process, and what the shell would do for it.

use std::collections::VecDeque;

use hms::auth::user_id;
use hms::cluster::Facts;
use hms::ident::{Generation, Name};
use hms::net::{Arrival, Interface, Transmit};
use hms::server::{Event, Server, ServerSettings, Setup, StatusView};
use hms::storage::{Secrets, Snapshot, SnapshotWriter};
use hms::time::{Duration, Instant, UnixMillis};
use hms::token::Token;
use hms::transport::LinkSecret;

use crate::dice::Dice;
use crate::net::{Flight, hms_address};

pub struct Sent {
    pub transmit: Transmit,
    pub bytes: Vec<u8>,
}

pub struct Machine {
    pub number: usize,
    secrets: Vec<u8>,
    snapshot: Option<Vec<u8>>,
    /// Secrets and snapshot of earlier.
    backup: Option<(Vec<u8>, Option<Vec<u8>>)>,
    pub server: Option<Server>,
    /// When this process began, or woke.
    pub since: Instant,
    /// The age of its line in seconds, as it last said it.
    pub age: Option<(Instant, u64)>,
    pub paused_until: Option<Instant>,
    /// What comes while it is paused is lost.
    pub asleep: bool,
    pub inbox: VecDeque<Flight>,
    pub settings: ServerSettings,
    clock: Duration,
    wall: u64,
    dice: Dice,
    pub disk_works: bool,
    pub stopping: Option<Instant>,
    stopped: bool,
    /// What it told for people, if somebody wants to know.
    pub log: Option<Vec<String>>,
}

impl Machine {
    pub fn new(dice: &mut Dice, number: usize, secrets: &Secrets, settings: ServerSettings) -> Self {
        let mut dice = dice.fork();
        Self {
            number,
            secrets: secrets.to_bytes().to_vec(),
            snapshot: None,
            backup: None,
            server: None,
            since: Instant::ZERO,
            age: None,
            paused_until: None,
            asleep: false,
            inbox: VecDeque::new(),
            settings: ServerSettings { listen: vec![hms_address(number)], ..settings },
            clock: dice.secs(0, 100_000),
            wall: 1_700_000_000_000 + dice.number() % 1_000_000_000,
            dice,
            disk_works: true,
            stopping: None,
            stopped: false,
            log: None,
        }
    }

    fn local(&self, now: Instant) -> Instant {
        now + self.clock
    }

    pub fn secrets(&self) -> Secrets {
        Secrets::from_bytes(&self.secrets).expect("secrets that the simulator stored itself")
    }

    /// Starts a process with what is on the disk.
    pub fn start(&mut self, now: Instant) -> Vec<Sent> {
        let mut secrets = self.secrets();
        let incarnation =
            secrets.next_incarnation(|bytes| bytes.copy_from_slice(&self.dice.bytes()[..bytes.len()]));
        if self.disk_works {
            self.secrets = secrets.to_bytes().to_vec();
        }
        let snapshot = self.snapshot.as_ref().and_then(|bytes| Snapshot::from_bytes(bytes).ok());
        let setup = Setup {
            name: Name::new(&format!("hms{}", self.number)).expect("a name"),
            server: secrets.server,
            incarnation,
            seed: self.dice.bytes(),
            settings: self.settings.clone(),
            facts: Facts::restore(&secrets),
            link_secret: LinkSecret::cluster(&secrets.cluster_secret),
            default_realm: secrets.default_realm().map(|realm| realm.id),
            cluster: secrets.cluster_key(),
            stamp_base: secrets.clock.max(snapshot.as_ref().map_or(0, |s| s.header.stamp_clock)),
            wall: UnixMillis(self.wall + now.millis()),
            rows: snapshot.map(|s| s.rows).unwrap_or_default(),
        };
        let mut server = Server::new(self.local(now), setup);
        let ip = hms_address(self.number).ip();
        let lan = Interface { index: 1, name: "lan0".into(), addresses: vec![ip] };
        server.set_interfaces(self.local(now), vec![lan]);
        self.server = Some(server);
        self.inbox.clear();
        (self.since, self.age) = (now, None);
        (self.paused_until, self.stopping, self.stopped) = (None, None, false);
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
    }

    pub fn backup(&mut self) {
        self.backup = Some((self.secrets.clone(), self.snapshot.clone()));
    }

    /// Ends the process.
    pub fn kill(&mut self) {
        self.server = None;
        self.paused_until = None;
        self.inbox.clear();
    }

    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    pub fn lose_snapshot(&mut self) {
        self.snapshot = None;
    }

    /// The disk is as it was at the last backup.
    pub fn go_back(&mut self) {
        if let Some((secrets, snapshot)) = self.backup.take() {
            (self.secrets, self.snapshot) = (secrets, snapshot);
        }
    }

    /// The generation of a token's user, as it knows it or will when it starts.
    pub fn generation(&self, token: &Token) -> Generation {
        let user = user_id(token.realm, token.user_name.as_str());
        let in_force = self.server.as_ref().map(|server| server.keyring().generation(token.realm, user));
        in_force.unwrap_or_else(|| self.secrets().generation(token.realm, user))
    }

    /// Writes the snapshot, in pages as the shell does.
    pub fn save(&mut self, now: Instant) {
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
        self.snapshot = Some(bytes);
    }

    pub fn stop(&mut self, now: Instant) -> Vec<Sent> {
        self.stopping = Some(now);
        self.with(now, Server::stop).map(|(_, sent)| sent).unwrap_or_default()
    }

    /// The process that was told to stop has ended by itself.
    pub fn has_stopped(&self) -> bool {
        self.stopped && self.server.is_some()
    }

    pub fn with<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Server, Instant) -> T,
    ) -> Option<(T, Vec<Sent>)> {
        let local = self.local(now);
        let result = act(self.server.as_mut()?, local);
        Some((result, self.collect(now)))
    }

    pub fn take(&mut self, now: Instant, flight: &Flight) -> Vec<Sent> {
        let arrival =
            Arrival { local: Some(flight.at.ip()), interface: Some(1), multicast: flight.multicast };
        let turn = self
            .with(now, |server, local| server.handle_datagram(local, flight.from, arrival, &flight.bytes));
        turn.map(|(_, sent)| sent).unwrap_or_default()
    }

    pub fn look<T>(&self, now: Instant, look: impl FnOnce(&Server, Instant) -> T) -> Option<T> {
        self.server.as_ref().map(|server| look(server, self.local(now)))
    }

    pub fn status(&self, now: Instant) -> Option<StatusView> {
        self.look(now, Server::status)
    }

    /// It runs, and is not standing still.
    pub fn is_awake(&self) -> bool {
        self.server.is_some() && self.paused_until.is_none()
    }

    pub fn due(&self) -> Option<Instant> {
        if let Some(until) = self.paused_until {
            return Some(until);
        }
        self.server.as_ref()?.poll_timeout().map(|at| at - self.clock)
    }

    pub fn step_wall(&mut self, now: Instant, by: i64) -> Vec<Sent> {
        self.wall = self.wall.saturating_add_signed(by);
        let wall = UnixMillis(self.wall + now.millis());
        self.with(now, |server, local| server.set_wall(local, wall)).map(|(_, sent)| sent).unwrap_or_default()
    }

    fn collect(&mut self, now: Instant) -> Vec<Sent> {
        let local = self.local(now);
        let mut all = Vec::new();
        let mut buf = Vec::new();
        // What is stored may bring more to say.
        loop {
            let Some(server) = self.server.as_mut() else { return all };
            while let Some(transmit) = server.poll_output(local, &mut buf) {
                all.push(Sent { transmit, bytes: buf.clone() });
            }
            let mut store = false;
            while let Some(event) = server.poll_event() {
                store |= event == Event::PersistSecrets;
                self.stopped |= event == Event::Stopped;
                if let (Some(log), Event::Log { text, .. }) = (&mut self.log, event) {
                    log.push(text);
                }
            }
            if !store {
                return all;
            }
            self.store(now);
        }
    }
}
