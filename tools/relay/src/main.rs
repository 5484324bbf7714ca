//! `hms-relay`: a bad network between hosts and an HMS, by the seed.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hms::relay::run::{Notice, Options, run};
use hms::relay::{Chance, Cut, Faults, LinkTally, Rate, Setup, Tally};
use hms::shell::clock;

const EXAMPLES: &str = "\
Examples:
  hms-relay --listen 127.0.0.1:7000 --to 127.0.0.1:6710 --loss 5% --delay 20ms --jitter 5ms
  hms-relay --listen 10.0.0.1:6710 --to 10.1.0.5:6710 --rebind-every 30s        a NAT that forgets
  hms-relay --listen [::1]:7000 --to [::1]:6710 --partition 10s+5s/60s          5 s of silence a minute

Each client gets a port of its own on the relay's address, as behind a NAT. SIGUSR1 gives all clients new ports,
SIGUSR2 cuts both ways or opens them again, SIGINT and SIGTERM stop. Counters go to stdout, all else to stderr.";

/// Loses, repeats, reorders, delays, corrupts, rebinds and cuts UDP datagrams between clients and a server, by a seed.
#[derive(Debug, Parser)]
#[command(name = "hms-relay", version, after_help = EXAMPLES)]
struct Args {
    /// Where clients send
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The server
    #[arg(long, value_name = "IP:PORT")]
    to: SocketAddr,
    /// Local address towards the server
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Share of datagrams lost: 5% or 0.05
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    loss: Chance,
    /// Share of datagrams that come twice
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    dup: Chance,
    /// Share of datagrams held back so that later ones overtake
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    reorder: Chance,
    /// Longest time that one is held back
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "50ms")]
    reorder_by: Duration,
    /// Share of datagrams with one bit flipped
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    corrupt: Chance,
    /// Delay each way
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "0ms")]
    delay: Duration,
    /// Up to so much more delay, without overtaking
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "0ms")]
    jitter: Duration,
    /// Bottleneck each way in bytes a second
    #[arg(long, value_name = "BYTES")]
    rate: Option<u64>,
    /// Bytes that wait at the bottleneck
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    queue: u64,
    /// Nothing passes: [up:|down:]START+LENGTH[/PERIOD]; may be given several times
    #[arg(long, value_name = "CUT")]
    partition: Vec<Cut>,
    /// All clients get new ports each so often
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    rebind_every: Option<Duration>,
    /// A silent client loses its port after this
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "5m")]
    idle: Duration,
    /// Clients at most
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(1..))]
    clients: u16,
    /// Equal seeds and equal traffic give equal faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Stops by itself
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    stop_after: Option<Duration>,
    /// Prints the counters each so often
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    every: Option<Duration>,
    /// Counters as one JSON object a line
    #[arg(long)]
    json: bool,
}

fn share(text: &str) -> Result<Chance, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let number: f64 = number.trim().parse().map_err(|_| "not a number".to_owned())?;
    Chance::new(number / scale).ok_or_else(|| "not between 0% and 100%".to_owned())
}

impl Args {
    fn options(&self) -> Options {
        let rate = self.rate.map(|rate| Rate { bytes_per_second: rate, queue: self.queue });
        let faults = Faults {
            loss: self.loss,
            duplicate: self.dup,
            reorder: self.reorder,
            corrupt: self.corrupt,
            delay: self.delay,
            jitter: self.jitter,
            reorder_by: self.reorder_by,
            rate,
        };
        Options {
            listen: self.listen,
            to: self.to,
            from: self.from,
            seed: self.seed,
            setup: Setup {
                up: faults,
                down: faults,
                cuts: self.partition.clone(),
                rebind_every: self.rebind_every,
                idle: self.idle,
                clients: self.clients,
            },
            stop_after: self.stop_after,
            report_every: self.every,
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let start = clock::now();
    let ended = run(&args.options(), &mut |notice| match notice {
        Notice::Ready(at) => eprintln!("relay ready: {at} to {}, seed {}", args.to, args.seed),
        Notice::Report(elapsed, tally) => print(&args, elapsed, &tally),
        Notice::Rebound => eprintln!("all clients get new ports"),
        Notice::Closed(true) => eprintln!("cut: nothing passes"),
        Notice::Closed(false) => eprintln!("open again"),
    });
    match ended {
        Ok(tally) => {
            print(&args, clock::now().since(start), &tally);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hms-relay: {error} (--listen {}, --to {})", args.listen, args.to);
            ExitCode::from(2)
        }
    }
}

fn print(args: &Args, elapsed: Duration, tally: &Tally) {
    if args.json {
        println!("{}", json(elapsed, tally));
    } else {
        println!("after {:.1} s, seed {}\n{tally}", elapsed.as_secs_f64(), args.seed);
    }
}

fn json(elapsed: Duration, tally: &Tally) -> String {
    let link = |t: &LinkTally| {
        format!(
            r#"{{"taken":{},"delivered":{},"lost":{},"repeated":{},"held_back":{},"corrupted":{},"cut":{},"queue_full":{}}}"#,
            t.taken, t.delivered, t.lost, t.repeated, t.held_back, t.corrupted, t.cut, t.queue_full
        )
    };
    format!(
        r#"{{"elapsed_ms":{},"up":{},"down":{},"clients":{},"ports":{},"rebound":{},"refused":{},"stale":{},"overflow":{}}}"#,
        elapsed.as_millis(),
        link(&tally.up),
        link(&tally.down),
        tally.clients,
        tally.ports,
        tally.rebound,
        tally.refused,
        tally.stale,
        tally.overflow
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_numbers_or_percent() {
        assert_eq!(share("5%"), share("0.05"));
        assert_eq!(share("100%"), Ok(Chance::ALWAYS));
        for wrong in ["", "x", "-1%", "1.5", "101%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
