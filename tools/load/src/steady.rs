//! `hms-load steady`: hosts that register, one after the other, and then live.

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
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::fleet::Fleet;
use crate::process::Process;
use crate::udp::{Batch, HOSTS_MAX, Wire};

/// How often it says how things are.
const SAY: Duration = Duration::from_secs(1);
/// Hosts that one turn starts, or calls because their time has come; and batches of datagrams that it takes.
const STARTS: u32 = 64;
const CALLS: u32 = 512;
const BATCHES: u32 = 16;

/// Many real hosts, each with its own key and an address of its own inside 127.0.0.0/8, that register and then live
#[derive(Debug, Args)]
pub(crate) struct Steady {
    /// The HMS's state directory, for its secrets: it must have one realm
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where the HMS is
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6710")]
    to: SocketAddr,
    /// How many hosts
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOSTS_MAX)))]
    hosts: u32,
    /// So many of them start in a second
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// For how long, from the first host's start; SIGINT or SIGTERM ends it sooner
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    seconds: u32,
    /// So many hosts follow each other's rows; 0: nobody follows any
    #[arg(long, value_name = "N", default_value_t = 20)]
    conference: u32,
    /// Equal seeds make equal hosts
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// JSON instead of text: an object each second, the last one with "done": true
    #[arg(long)]
    json: bool,
}

/// A run.
struct Run<'a> {
    plan: &'a Steady,
    fleet: Fleet,
    wire: Wire,
    batch: Batch,
    poll: Poll,
    process: Process,
    begun: Instant,
}

impl Steady {
    pub(crate) fn run(&self) -> Result<(), String> {
        let system = |error: std::io::Error| format!("the system refuses: {error}");
        let dir = StateDir::create(&self.state).map_err(|error| error.to_string())?;
        let secrets = load_secrets(&dir).map_err(|error| error.to_string())?;
        let secrets = secrets.ok_or_else(|| format!("{}: no HMS was here", self.state.display()))?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(system)?;
        }
        let poll = Poll::new().map_err(system)?;
        let wire = Wire::open(poll.registry()).map_err(system)?;
        let mut run = Run {
            plan: self,
            fleet: Fleet::new(secrets, self.to, self.conference, self.seed),
            wire,
            batch: Batch::new(),
            poll,
            process: Process::of(&self.state),
            begun: clock::now(),
        };
        run.live(&stop)?;
        run.say(true);
        Ok(())
    }
}

impl Run<'_> {
    fn live(&mut self, stop: &AtomicBool) -> Result<(), String> {
        let end = self.begun + Duration::from_secs(self.plan.seconds.into());
        let mut say = self.begun + SAY;
        let mut events = Events::with_capacity(16);
        loop {
            let now = clock::now();
            if now >= end || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if now >= say {
                self.say(false);
                say += SAY;
            }
            let busy = self.turn(now)?;
            let next = [self.fleet.next_due(), self.next_start(), Some(say), Some(end)];
            let next = next.into_iter().flatten().fold(Instant::FAR, Instant::min);
            let wait = if busy { Duration::ZERO } else { next.since(clock::now()) };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                    return Err(error.to_string());
                }
                _ => {}
            }
        }
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
        let system = |error: std::io::Error| format!("the system refuses: {error}");
        let mut more = true;
        for _ in 0..BATCHES {
            let now = clock::now();
            let taken = wire.receive(batch, |host, from, bytes| fleet.take(now, host, from, bytes, wire));
            more = taken.map_err(system)?;
            if !more {
                break;
            }
        }
        for _ in 0..CALLS {
            if !fleet.call_due(now, wire).map_err(system)? {
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

    fn say(&self, done: bool) {
        let seconds = clock::now().since(self.begun).as_secs_f64();
        let (counts, usage) = (&self.fleet.counts, self.process.usage());
        let mut all = counts.json();
        if let Some(all) = all.as_object_mut() {
            all.insert("seconds".into(), json!((seconds * 1000.0).round() / 1000.0));
            all.insert("hms".into(), usage.map_or(Value::Null, |usage| usage.json()));
            all.insert("done".into(), json!(done));
        }
        if self.plan.json {
            println!("{all}");
        } else if done {
            println!("{}", table(&all));
        } else {
            eprintln!(
                "{seconds:6.0} s  {} of {} registered, {} heartbeats, {} unanswered, {} registered again",
                counts.registered, counts.started, counts.heartbeats, counts.unanswered, counts.hosts_again
            );
        }
    }
}

/// One line for each figure.
fn table(all: &Value) -> String {
    let mut lines = Vec::new();
    let line = |value: &Value, name: &str| format!("{:>14} {}", value.to_string(), name.replace('_', " "));
    for (name, value) in all.as_object().into_iter().flatten().filter(|(name, _)| *name != "done") {
        match value.as_object() {
            None => lines.push(line(value, name)),
            Some(parts) => {
                lines.extend(parts.iter().map(|(part, value)| line(value, &format!("{name} {part}"))));
            }
        }
    }
    lines.join("\n")
}
