//! The bad network in front of one host of the demo, in a process of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::cli::args::DemoRelay;
use crate::cli::fail::{Failure, OK, Outcome};
use crate::cli::out;
use crate::relay::run::{Notice, Options, run as run_relay};
use crate::relay::{Chance, Faults, Setup};
use crate::time::Duration;

/// It ends by itself, should the demo be killed.
const LONGEST: Duration = Duration::from_secs(180);

pub(in crate::cli) fn run(args: &DemoRelay) -> Outcome {
    let chance = |percent: u8| Chance::new(f64::from(percent) / 100.0).unwrap_or_default();
    let faults = Faults {
        loss: chance(args.loss),
        duplicate: chance(args.loss / 4),
        reorder: chance(args.loss / 2),
        reorder_by: Duration::from_millis(20),
        delay: Duration::from_millis(1),
        jitter: Duration::from_millis(2),
        ..Faults::default()
    };
    let options = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        to: args.to,
        from: Some(args.from).filter(|from| *from != IpAddr::from(Ipv4Addr::LOCALHOST)),
        seed: args.seed,
        setup: Setup { up: faults, down: faults, ..Setup::default() },
        stop_after: Some(LONGEST),
        report_every: None,
    };
    let mut tell = |notice| {
        if let Notice::Ready(address) = notice {
            out::line(address);
        }
    };
    let tally = run_relay(&options, &mut tell).map_err(|e| Failure::no(format!("relay: {e}")))?;
    let sum = |count: fn(&crate::relay::LinkTally) -> u64| count(&tally.up) + count(&tally.down);
    out::line(format_args!("{} {} {}", sum(|l| l.taken), sum(|l| l.lost), sum(|l| l.repeated)));
    Ok(OK)
}
