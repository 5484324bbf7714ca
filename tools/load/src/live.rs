//! The hosts of a run, and the loop in which they live.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use hms::shell::clock;
use hms::shell::files::load_secrets;
use hms::shell::state_dir::StateDir;
use hms::time::{Duration, Instant};
use mio::{Events, Poll};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::fleet::Fleet;
use crate::udp::{Batch, HOSTS_MAX, Wire};

/// How often a run says how things are.
const SAY: Duration = Duration::from_secs(1);
/// Hosts that one turn starts, or calls because their time has come; and batches of datagrams that it takes.
const STARTS: u32 = 64;
const CALLS: u32 = 512;
const BATCHES: u32 = 16;

/// Which hosts.
#[derive(Debug, Args)]
pub(crate) struct Hosts {
    /// The HMS's state directory, for its secrets: it must have one realm
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Where the HMS is
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6710")]
    to: SocketAddr,
    /// How many hosts
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOSTS_MAX)))]
    pub(crate) hosts: u32,
    /// So many of them start in a second
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// So many hosts follow each other's rows; 0: nobody follows any
    #[arg(long, value_name = "N", default_value_t = 20)]
    conference: u32,
    /// Equal seeds make equal hosts
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// A run.
pub(crate) struct Live<'a> {
    plan: &'a Hosts,
    pub(crate) fleet: Fleet,
    pub(crate) begun: Instant,
    wire: Wire,
    batch: Batch,
    poll: Poll,
    events: Events,
    stop: Arc<AtomicBool>,
    say: Instant,
}

impl<'a> Live<'a> {
    pub(crate) fn begin(plan: &'a Hosts) -> Result<Self, String> {
        let dir = StateDir::create(&plan.state).map_err(|error| error.to_string())?;
        let secrets = load_secrets(&dir).map_err(|error| error.to_string())?;
        let secrets = secrets.ok_or_else(|| format!("{}: no HMS was here", plan.state.display()))?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|e| system(&e))?;
        }
        let poll = Poll::new().map_err(|e| system(&e))?;
        let wire = Wire::open(poll.registry()).map_err(|e| system(&e))?;
        let begun = clock::now();
        Ok(Self {
            plan,
            fleet: Fleet::new(secrets, plan.to, plan.conference, plan.seed),
            begun,
            wire,
            batch: Batch::new(),
            poll,
            events: Events::with_capacity(16),
            stop,
            say: begun + SAY,
        })
    }

    /// Does what there is to do, and waits for more until `end`; `false` when that has come, or a signal.
    pub(crate) fn step(&mut self, end: Instant) -> Result<bool, String> {
        let now = clock::now();
        if now >= end || self.stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let busy = self.turn(now)?;
        let next = [self.fleet.next_due(), self.next_start(), Some(self.say), Some(end)];
        let next = next.into_iter().flatten().fold(Instant::FAR, Instant::min);
        let wait = if busy { Duration::ZERO } else { next.since(clock::now()) };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => Err(error.to_string()),
            _ => Ok(true),
        }
    }

    /// Whether it is time to say how things are: once a second.
    pub(crate) fn is_time_to_say(&mut self) -> bool {
        let due = clock::now() >= self.say;
        if due {
            self.say += SAY;
        }
        due
    }

    /// When the next host starts.
    fn next_start(&self) -> Option<Instant> {
        let started = self.fleet.len();
        let after = Duration::from_secs(1) * started / self.plan.rate;
        (started < self.plan.hosts).then(|| self.begun + after)
    }

    /// A bounded share of all that there is to do; whether there is more.
    fn turn(&mut self, now: Instant) -> Result<bool, String> {
        let Self { fleet, wire, batch, .. } = self;
        let mut more = true;
        for _ in 0..BATCHES {
            let now = clock::now();
            let taken = wire.receive(batch, |host, from, bytes| fleet.take(now, host, from, bytes, wire));
            more = taken.map_err(|e| system(&e))?;
            if !more {
                break;
            }
        }
        for _ in 0..CALLS {
            if !fleet.call_due(now, wire).map_err(|e| system(&e))? {
                break;
            }
        }
        for _ in 0..STARTS {
            if self.next_start().is_none_or(|at| at > now) {
                break;
            }
            self.fleet.start(clock::now(), &self.wire)?;
        }
        Ok(more)
    }
}

fn system(error: &std::io::Error) -> String {
    format!("the system refuses: {error}")
}
