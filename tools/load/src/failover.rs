//! `hms-load fail-over`: hosts that register, and what becomes of them when their HMS dies.

use std::path::PathBuf;

use clap::Args;
use hms::shell::clock;
use hms::time::{Duration, Instant};
use serde_json::{Value, json};

use crate::counts::Counts;
use crate::live::{Hosts, Live};
use crate::process::{Process, Usage};
use crate::report::lines;

/// Real hosts as with `steady`; when all are quiet and know of another HMS, theirs is killed (SIGKILL)
///
/// The other HMSs of the cluster must be there. Ends when each host was answered by another HMS, and with failure if
/// one was not, registered again, or got a page of the directory.
#[derive(Debug, Args)]
pub(crate) struct FailOver {
    #[command(flatten)]
    hosts: Hosts,
    /// The state directory of the HMS to kill, which holds the hosts [default: that of --state]
    #[arg(long, value_name = "DIR")]
    kill: Option<PathBuf>,
    /// The longest time for the hosts to register and become quiet
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    settle: u32,
    /// The longest time for the fail-over, from the kill on: 1.1 check times and 5 s by default settings
    #[arg(long, value_name = "SECONDS", default_value_t = 38.0)]
    within: f64,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Nothing but heartbeats is said for so long before the kill.
const QUIET: Duration = Duration::from_secs(3);

impl FailOver {
    pub(crate) fn run(&self) -> Result<(), String> {
        let mut live = Live::begin(&self.hosts)?;
        self.settle(&mut live)?;
        let victim = self.victim()?;
        let before = live.fleet.counts.clone();
        let moving = live.fleet.await_moves();
        let killed = clock::now();
        victim.kill()?;
        let within = Duration::from_nanos((self.within * 1e9) as u64);
        while live.fleet.counts.moved < moving && live.step(killed + within)? {
            if live.is_time_to_say() {
                let moved = live.fleet.counts.moved;
                eprintln!("{:6.0} s  {moved} at another HMS", clock::now().since(killed).as_secs_f64());
            }
        }
        self.report(&live.fleet.counts, &before, moving, killed)
    }

    /// Until all are registered and nobody was told anything but an answer to a heartbeat for a while.
    fn settle(&self, live: &mut Live<'_>) -> Result<(), String> {
        let end = live.begun + Duration::from_secs(self.settle.into());
        let (mut told, mut since) = (0, live.begun);
        while live.step(end)? {
            let counts = &live.fleet.counts;
            let now = clock::now();
            if counts.pages + counts.sessions != told {
                (told, since) = (counts.pages + counts.sessions, now);
            }
            let quiet = counts.registered == u64::from(self.hosts.hosts) && now.since(since) >= QUIET;
            if !live.is_time_to_say() {
                continue;
            }
            // With its next heartbeat a host hears of the HMSs that have come meanwhile.
            if quiet && live.fleet.know_others(now) {
                return Ok(());
            }
            let registered = live.fleet.counts.registered;
            eprintln!("{:6.0} s  {registered} registered", now.since(live.begun).as_secs_f64());
        }
        let counts = &live.fleet.counts;
        Err(format!(
            "{} of {} hosts are registered after {} s, or are not quiet, or know no other HMS",
            counts.registered, self.hosts.hosts, self.settle
        ))
    }

    fn victim(&self) -> Result<Usage, String> {
        let state = self.kill.as_ref().unwrap_or(&self.hosts.state);
        Process::of(state).usage().ok_or_else(|| format!("{}: no HMS runs there", state.display()))
    }

    fn report(&self, counts: &Counts, before: &Counts, moving: u64, killed: Instant) -> Result<(), String> {
        let seconds = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
        let gap =
            |percent| counts.gap.percentile(percent).map_or(Value::Null, |ms| json!(ms.round() / 1000.0));
        let (again, pages) = (counts.sessions_again - before.sessions_again, counts.pages - before.pages);
        let all = json!({
            "hosts": self.hosts.hosts,
            "hosts_that_had_the_hms": moving,
            "at_another_hms": counts.moved,
            "registered_again": again,
            "directory_pages": pages,
            "bound_seconds": self.within,
            "last_after_seconds": counts.last_moved.map(|at| seconds(at.since(killed))),
            "unanswered_seconds": { "p50": gap(50.0), "p99": gap(99.0), "longest": gap(100.0) },
            "heartbeats": counts.heartbeats - before.heartbeats,
            "datagrams_sent": counts.sent - before.sent,
            "datagrams_received": counts.received - before.received,
        });
        println!("{}", if self.json { all.to_string() } else { lines(&all) });
        match (counts.moved >= moving && moving > 0, again, pages) {
            (true, 0, 0) => Ok(()),
            (false, ..) => Err(format!("{} of {} hosts were answered by another HMS", counts.moved, moving)),
            (true, 0, pages) => Err(format!("{pages} pages of the directory were sent again")),
            (true, again, _) => Err(format!("{again} registrations")),
        }
    }
}
