//! What the relay is told.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use hms::relay::run::Options;
use hms::relay::{Chance, Cut, Faults, Script, Settings, Setup, span};

const EXAMPLES: &str = "\
Examples:
  hms-relay --listen 127.0.0.1:7000 --to 127.0.0.1:6710 --loss 5% --delay 20ms --jitter 5ms
  hms-relay --to 10.1.0.5:6710 --rebind-every 30s               a NAT that forgets
  hms-relay --to [::1]:6710 --partition 10s+5s/60s              5 s of silence a minute
  hms-relay --to 127.0.0.1:6710 --delay 20ms --up 'loss 5%' --down 'rate 1250000 queue 20000'
  hms-relay --to 127.0.0.1:6710 --script bad.txt --json         faults by the clock

A script has lines AT [up|down|both] WHAT..., in the order of time; AT counts from the start.
WHAT is loss, dup, reorder, reorder-by, corrupt, delay, jitter, rate, queue or max-size with its
value as above, or cut or open; or, for both ways at once, rebind, rebind-every TIME, idle TIME,
report (print the counters) or end. # begins a comment. For example:
  10s both loss 20% delay 80ms    # several at once
  40s up cut                      # from the clients to the server only
  45s open
  60s rebind report
  90s max-size 1000
  2m down rate 1250000 queue 20000
  3m rate none
  4m end

Each client gets a port of its own on the relay's address, as behind a NAT; there only the server's
address is heard. What has entered a path keeps its fate when faults change. Sizes and rates count
UDP payload; times are kept to about 1 ms. Counters go to stdout, all else to stderr:
taken + repeated = delivered + under way + all that was dropped.

SIGUSR1 gives all clients new ports, SIGUSR2 cuts both ways or opens them again, SIGINT and SIGTERM
stop.";

/// Loses, repeats, reorders, delays, corrupts, slows, rebinds and cuts UDP datagrams between clients and a server, by a
/// seed.
#[derive(Debug, Parser)]
#[command(name = "hms-relay", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where clients send
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The server
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) to: SocketAddr,
    /// Local address towards the server
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Share of datagrams lost: 5% or 0.05
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    loss: Chance,
    /// Share of datagrams that come twice
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    dup: Chance,
    /// Share of datagrams held back so that later ones overtake
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    reorder: Chance,
    /// Longest time that one is held back
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "50ms")]
    reorder_by: Duration,
    /// Share of datagrams with one bit flipped
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    corrupt: Chance,
    /// Delay each way
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "0ms")]
    delay: Duration,
    /// Up to so much more delay, without overtaking
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "0ms")]
    jitter: Duration,
    /// Bottleneck each way in bytes a second
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Bytes that wait at the bottleneck
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    queue: u64,
    /// Larger datagrams vanish, as where a path is narrow and ICMP is filtered
    #[arg(long, value_name = "BYTES")]
    max_size: Option<usize>,
    /// Faults from the clients to the server, in place of those above: 'loss 5% delay 20ms'
    #[arg(long, value_name = "FAULTS")]
    up: Option<Settings>,
    /// Faults from the server to the clients
    #[arg(long, value_name = "FAULTS")]
    down: Option<Settings>,
    /// Nothing passes: [up:|down:]START+LENGTH[/PERIOD]; may be given several times
    #[arg(long, value_name = "CUT")]
    partition: Vec<Cut>,
    /// All clients get new ports each so often
    #[arg(long, value_name = "TIME", value_parser = span)]
    rebind_every: Option<Duration>,
    /// A silent client loses its port after this
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "5m")]
    idle: Duration,
    /// Clients at most
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(1..))]
    clients: u16,
    /// Changes faults by the clock, see below; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// Equal seeds and equal traffic give equal faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Stops by itself
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    stop_after: Option<Duration>,
    /// Prints the counters each so often
    #[arg(long, value_name = "TIME", value_parser = span)]
    every: Option<Duration>,
    /// Counters as one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    pub(crate) fn options(&self, script: Script) -> Options {
        Options {
            listen: self.listen,
            to: self.to,
            from: self.from,
            seed: self.seed,
            setup: Setup {
                up: self.faults(self.up.as_ref()),
                down: self.faults(self.down.as_ref()),
                cuts: self.partition.clone(),
                rebind_every: self.rebind_every,
                idle: self.idle,
                clients: self.clients,
                script,
            },
            stop_after: self.stop_after,
            report_every: self.every,
        }
    }

    /// Those of both ways, changed by those of one.
    fn faults(&self, way: Option<&Settings>) -> Faults {
        let mut faults = Faults {
            loss: self.loss,
            duplicate: self.dup,
            reorder: self.reorder,
            corrupt: self.corrupt,
            delay: self.delay,
            jitter: self.jitter,
            reorder_by: self.reorder_by,
            rate: self.rate,
            queue: self.queue,
            max_size: self.max_size,
        };
        if let Some(way) = way {
            way.apply(&mut faults);
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let all = ["hms-relay", "--to", "127.0.0.1:1"].iter().chain(arguments);
        Args::try_parse_from(all).map(|args| args.options(Script::default()))
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn each_way_has_the_faults_of_both_and_its_own() {
        let options =
            parse(&["--loss", "5%", "--delay", "20ms", "--down", "loss 1% max-size 900"]).expect("read");
        let both = Faults {
            loss: "5%".parse().expect("a share"),
            delay: Duration::from_millis(20),
            reorder_by: Duration::from_millis(50),
            ..Faults::default()
        };
        assert_eq!(options.setup.up, both);
        let down = Faults { loss: "1%".parse().expect("a share"), max_size: Some(900), ..both };
        assert_eq!(options.setup.down, down);
    }

    #[test]
    fn nothing_is_as_good_as_no_option() {
        let options = parse(&[]).expect("read");
        let none = Faults { reorder_by: Duration::from_millis(50), ..Faults::default() };
        assert_eq!((options.setup.up, options.setup.down), (none, none));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong =
            [["--rate", "0"], ["--loss", "101%"], ["--delay", "5"], ["--up", "lose 5%"], ["--clients", "0"]];
        for arguments in wrong {
            assert!(parse(&arguments).is_err(), "{arguments:?}");
        }
    }
}
