//! `hms-load flood`: hostile datagrams in a closed loop; each must be counted.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use clap::Args;
use data_encoding::HEXLOWER_PERMISSIVE;
use hms::shell::clock;
use hms::time::{Duration, Instant};

use crate::garbage::{Garbage, MAKES};
use crate::report::Report;
use crate::sources::Sources;
use crate::watch::{Counters, Watch};

/// Nothing more was counted for so long: something is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often answers are looked for: fewer come in that time than a socket's buffer holds.
const PROGRESS_EVERY: u64 = 10_000;
/// A pace is kept in steps of so much.
const STEP: Duration = Duration::from_millis(1);

/// Random, truncated and bit-flipped datagrams, never more under way than the HMS's receive buffer holds
#[derive(Debug, Args)]
pub(crate) struct Flood {
    /// The HMS's state directory, whose counters are watched
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where to send
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6710")]
    to: SocketAddr,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    count: u64,
    /// A file with valid datagrams, one a line in hexadecimal
    #[arg(long, value_name = "FILE")]
    seeds: PathBuf,
    /// Sockets to send from
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    sources: u16,
    /// Each socket is in a network of its own of 127.0.0.0/8: for an HMS on this machine, at IPv4
    #[arg(long)]
    networks: bool,
    /// Every tenth says that it comes from here (needs root, IPv4)
    #[arg(long, value_name = "IP:PORT")]
    spoof: Option<SocketAddrV4>,
    /// So many a second, whether they are counted or not; 0: as fast as they are counted
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate: u64,
    /// Also the valid ones as they are, said again (with --rate: not all of them are dropped)
    #[arg(long, requires = "rate")]
    repeat: bool,
    /// Sent but not counted, at most
    #[arg(long, value_name = "N", default_value_t = 2000)]
    window: u64,
    /// Equal seeds make equal datagrams
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

impl Flood {
    pub(crate) fn run(&self) -> Result<Report, String> {
        let seeds = self.read_seeds()?;
        let mut garbage = Garbage::new(seeds, self.seed, self.repeat).ok_or("no datagram in the seeds")?;
        let mut sources = Sources::open(self.to, self.sources, self.networks, self.spoof)
            .map_err(|error| format!("sockets: {error}"))?;
        let mut watch = Watch::open(&self.state)?;
        let before = watch.read()?;
        let start = clock::now();
        let mut progress = Progress { start, last: start };
        let (mut bytes, mut made) = (Vec::new(), [0; MAKES.len()]);
        let mut counted = 0;
        for sent in 1..=self.count {
            let make = garbage.next(&mut bytes);
            sources.send(&bytes).map_err(|error| format!("sending {} bytes: {error}", bytes.len()))?;
            for (count, one) in made.iter_mut().zip(MAKES) {
                *count += u64::from(one == make);
            }
            if self.rate > 0 {
                keep_pace(start, sent, self.rate);
            } else if sent - counted >= self.window {
                // Half of what may be under way: the HMS has work while the next ones are made.
                counted = until(&mut watch, &before, sent - self.window / 2)?.sum();
            }
            if sent % PROGRESS_EVERY == 0 {
                progress.show(sent, self.count);
                sources.collect().map_err(|error| format!("receiving: {error}"))?;
            }
        }
        let sent = clock::now().since(start);
        let wanted = if self.rate > 0 { 0 } else { self.count };
        let all = until(&mut watch, &before, wanted)?;
        let took = if self.rate > 0 { sent } else { clock::now().since(start) };
        sources.collect().map_err(|error| format!("receiving: {error}"))?;
        Ok(Report {
            sent: self.count,
            made,
            took,
            counted: all,
            hints: sources.hints,
            others: sources.others,
        })
    }

    fn read_seeds(&self) -> Result<Vec<Vec<u8>>, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", self.seeds.display());
        let text = std::fs::read_to_string(&self.seeds).map_err(|error| named(&error))?;
        let decode = |line: &str| HEXLOWER_PERMISSIVE.decode(line.as_bytes()).map_err(|error| named(&error));
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(decode).collect()
    }
}

/// Waits until the HMS has counted `wanted` datagrams since `before`.
fn until(watch: &mut Watch, before: &Counters, wanted: u64) -> Result<Counters, String> {
    let mut last = (clock::now(), 0);
    loop {
        let counted = watch.read()?.since(before);
        let sum = counted.sum();
        if sum >= wanted {
            return Ok(counted);
        }
        let now = clock::now();
        if sum > last.1 {
            last = (now, sum);
        } else if now.since(last.0) > PATIENCE {
            return Err(format!("{sum} of {wanted} datagrams were counted, and no more: {counted:?}"));
        }
    }
}

/// Waits while more were sent than the rate allows.
#[expect(clippy::disallowed_methods, reason = "a pace is kept by waiting")]
fn keep_pace(start: Instant, sent: u64, rate: u64) {
    let due = start + Duration::from_micros(sent.saturating_mul(1_000_000) / rate);
    let now = clock::now();
    if due > now + STEP {
        std::thread::sleep(due.since(now));
    }
}

/// A line each second.
struct Progress {
    start: Instant,
    last: Instant,
}

impl Progress {
    fn show(&mut self, sent: u64, of: u64) {
        let now = clock::now();
        if now.since(self.last) >= Duration::from_secs(1) {
            self.last = now;
            let seconds = now.since(self.start).as_secs_f64();
            eprintln!("{seconds:6.0} s  {sent} of {of}, {:.0} a second", sent as f64 / seconds);
        }
    }
}
