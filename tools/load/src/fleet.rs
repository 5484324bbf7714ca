//! Many real host cores in one process, each with its own key and address, and their deadlines in one queue.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use hms::host::{Event, Host, HostSetup};
use hms::ident::{InstanceId, Name};
use hms::net::{Arrival, Destination, Interface};
use hms::shell::clock;
use hms::storage::{HostStore, Secrets};
use hms::time::{Duration, Instant};
use hms::wire::{Content, Kind, Unverified, View};

use crate::counts::Counts;
use crate::dice::Dice;
use crate::histogram::Histogram;
use crate::udp::{Wire, address};

/// The port that hosts tell each other.
const DATA_PORT: u16 = 5000;
const LOOPBACK: u32 = 1;

struct Member {
    host: Host,
    /// Where the queue of deadlines has it; entries with another time are of the past.
    due: Instant,
    /// The last heartbeat, while it is not answered.
    beat: Option<(u64, Instant)>,
    /// The first heartbeat since its last answer.
    unanswered: Option<Instant>,
    /// Who answered it last.
    served: Option<SocketAddr>,
    sessions: u32,
    registered: bool,
}

/// The hosts.
pub(crate) struct Fleet {
    secrets: Secrets,
    hms: SocketAddr,
    /// Hosts that follow each other's rows; with 0 nobody follows any.
    conference: u32,
    dice: Dice,
    members: Vec<Member>,
    deadlines: BinaryHeap<Reverse<(Instant, u32)>>,
    out: Vec<u8>,
    pub(crate) counts: Counts,
}

impl Fleet {
    /// Nobody yet. The tokens come from the HMS's own secrets.
    pub(crate) fn new(secrets: Secrets, hms: SocketAddr, conference: u32, seed: u64) -> Self {
        Self {
            secrets,
            hms,
            conference,
            dice: Dice::new(seed),
            members: Vec::new(),
            deadlines: BinaryHeap::new(),
            out: Vec::new(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// From now on it counts who is answered by another HMS; how many hosts have the first one now.
    pub(crate) fn await_moves(&mut self) -> u64 {
        (self.counts.moved, self.counts.last_moved, self.counts.gap) = (0, None, Histogram::default());
        self.members.iter().filter(|member| member.served == Some(self.hms)).count() as u64
    }

    /// Whether every host knows another HMS than the one that it has.
    pub(crate) fn know_others(&self, now: Instant) -> bool {
        self.members.iter().all(|member| member.host.me(now).role.is_some_and(|role| role != "standalone"))
    }

    /// One more host, which begins to register.
    pub(crate) fn start(&mut self, now: Instant, wire: &Wire) -> Result<(), String> {
        let number = self.len();
        let setup = self.setup(number)?;
        let mut host = Host::new(now, setup);
        let own = IpAddr::from(address(number));
        host.set_interfaces(
            now,
            vec![Interface { index: LOOPBACK, name: "lo".into(), addresses: vec![own] }],
        );
        self.members.push(Member {
            host,
            due: Instant::FAR,
            beat: None,
            unanswered: None,
            served: None,
            sessions: 0,
            registered: false,
        });
        self.counts.started += 1;
        self.drain(now, number, wire).map_err(|error| format!("sending: {error}"))
    }

    fn setup(&mut self, number: u32) -> Result<HostSetup, String> {
        let name = |kind: &str, number: u32| {
            Name::new(&format!("{kind}-{number:06}")).map_err(|error| error.to_string())
        };
        let user = name("user", number)?;
        let token = self.secrets.token(user.as_str(), None, vec![self.hms]).map_err(|e| e.to_string())?;
        let mut content = Content::new(user, name("host", number)?);
        content.ports.data = DATA_PORT;
        content.reported = vec![SocketAddr::from((address(number), DATA_PORT))];
        let mut view = View::None;
        if let Some(conference) = number.checked_div(self.conference) {
            let conference = name("conference", conference)?;
            content.conference = Some(conference.clone());
            view = View::Group(conference);
        }
        let mut seed = [0; 32];
        self.dice.fill(&mut seed);
        Ok(HostSetup {
            store: HostStore::new(token.clone(), InstanceId(self.dice.next()), content.clone()),
            push: view != View::None,
            token,
            content,
            view,
            takeover: false,
            near: Vec::new(),
            seed,
            wall: clock::wall(),
        })
    }

    /// When the next host wants to be called.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Calls the next host whose time has come; `false` if there is none.
    pub(crate) fn call_due(&mut self, now: Instant, wire: &Wire) -> io::Result<bool> {
        if self.next_due().is_none_or(|at| at > now) {
            return Ok(false);
        }
        if let Some(Reverse((at, number))) = self.deadlines.pop()
            && let Some(member) = self.members.get_mut(number as usize)
            && member.due == at
        {
            member.host.handle_timeout(now);
            self.drain(now, number, wire)?;
        }
        Ok(true)
    }

    /// A datagram came to a host.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        number: u32,
        from: SocketAddr,
        bytes: &[u8],
        wire: &Wire,
    ) -> io::Result<()> {
        let Some(member) = self.members.get_mut(number as usize) else { return Ok(()) };
        self.counts.received += 1;
        if let Ok(datagram) = Unverified::parse(bytes) {
            let header = datagram.header();
            self.counts.answer(header);
            if matches!(header.kind, Kind::Ack | Kind::Registered) {
                let since = member.unanswered.take();
                if member.served.replace(from).is_some_and(|before| before != from) {
                    self.counts.moved += 1;
                    self.counts.last_moved = Some(now);
                    self.counts.gap.add(since.map_or(Duration::ZERO, |at| now.since(at)));
                }
            }
            if let Some((_, at)) = member.beat.take_if(|(sequence, _)| *sequence == header.sequence) {
                self.counts.latency.add(now.since(at));
            }
        }
        let local = Some(address(number).into());
        let arrival = Arrival { local, interface: Some(LOOPBACK), multicast: false };
        member.host.handle_datagram(now, from, arrival, bytes);
        self.drain(now, number, wire)
    }

    /// Sends what a host says, counts what happened to it, and notes when it wants to be called.
    fn drain(&mut self, now: Instant, number: u32, wire: &Wire) -> io::Result<()> {
        let Some(member) = self.members.get_mut(number as usize) else { return Ok(()) };
        let counts = &mut self.counts;
        while let Some(transmit) = member.host.poll_output(now, &mut self.out) {
            if let Ok(datagram) = Unverified::parse(&self.out)
                && datagram.header().kind == Kind::Heartbeat
            {
                counts.heartbeats += 1;
                member.unanswered = member.unanswered.or(Some(now));
                counts.unanswered += u64::from(member.beat.is_some());
                member.beat = Some((datagram.header().sequence, now));
            }
            // A host whose token names addresses sends to nobody else.
            let Destination::Unicast(to) = transmit.to else { continue };
            counts.sent += 1;
            counts.unsent += u64::from(!wire.send(number, to, &self.out)?);
        }
        while let Some(event) = member.host.poll_event() {
            member.sessions += u32::from(matches!(event, Event::Registered { .. }));
            count(counts, &event, member.sessions);
        }
        let registered = member.host.registered();
        counts.registered = counts.registered + u64::from(registered) - u64::from(member.registered);
        member.registered = registered;
        let due = member.host.poll_timeout().unwrap_or(Instant::FAR);
        if due != member.due {
            member.due = due;
            self.deadlines.push(Reverse((due, number)));
        }
        Ok(())
    }
}

/// `sessions`: those of the host, with this one.
fn count(counts: &mut Counts, event: &Event, sessions: u32) {
    match event {
        Event::Registered { .. } => {
            counts.sessions += 1;
            counts.sessions_again += u64::from(sessions > 1);
            counts.hosts_again += u64::from(sessions == 2);
        }
        Event::Lost => counts.searches += 1,
        Event::Superseded => counts.superseded += 1,
        Event::Refused { retry: None, .. } => counts.refused += 1,
        _ => {}
    }
}
