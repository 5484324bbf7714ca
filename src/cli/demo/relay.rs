//! The bad networks between one host of the demo and each HMS, in a process of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread;

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
    let options = |to, seed| Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        to,
        from: Some(args.from).filter(|from| *from != IpAddr::from(Ipv4Addr::LOCALHOST)),
        seed,
        setup: Setup { up: faults, down: faults, ..Setup::default() },
        stop_after: Some(LONGEST),
        report_every: None,
    };
    let mut relays = Vec::new();
    for (to, seed) in args.to.iter().zip(args.seed.wrapping_mul(2)..) {
        let (options, (ready, is_ready)) = (options(*to, seed), channel());
        let relay = thread::Builder::new().spawn(move || {
            let mut tell = |notice| {
                if let Notice::Ready(address) = notice {
                    // Who does not wait for it has given up.
                    let _ = ready.send(address);
                }
            };
            run_relay(&options, &mut tell)
        });
        relays.push(relay.map_err(|e| Failure::no(format!("relay: {e}")))?);
        // One after the other, so that the addresses stand in the order of the HMSs; what fails says so when it is joined.
        if let Ok(address) = is_ready.recv() {
            out::line(address);
        }
    }
    let mut sums = [0; 3];
    for relay in relays {
        let ended = relay.join().map_err(|_| Failure::no("relay: it failed"))?;
        let tally = ended.map_err(|e| Failure::no(format!("relay: {e}")))?;
        for link in [&tally.up, &tally.down] {
            for (sum, count) in sums.iter_mut().zip([link.taken, link.lost, link.repeated]) {
                *sum += count;
            }
        }
    }
    let [taken, lost, repeated] = sums;
    out::line(format_args!("{taken} {lost} {repeated}"));
    Ok(OK)
}
