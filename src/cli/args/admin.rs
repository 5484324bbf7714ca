//! Arguments of the commands of an admin.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::capture::parse_size;
use crate::config::parse_duration;
use crate::time::Duration;

/// Check a settings file: every problem with its line and remedy
///
/// Exit 0 if the file can be used (warnings do not matter), 78 if not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms check                  the file that `hms serve` would use
  hms check ./hms.toml
  hms check --json")]
pub(in crate::cli) struct Check {
    /// The file [default: the one that `hms serve` would use]
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,
    /// The same as FILE [env: HMS_CONFIG]
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Print a JSON array of {file, line, key, problem, remedy, severity}
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Read and change the settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms config get                             all keys with their values
  hms config get hosts.check_time
  hms config set hosts.check_time 10s        comments stay; a running HMS takes it over at once
  hms config set hms.listen 10.1.0.5:6710,[fd00::5]:6710
  hms config set realm.acme.max_hosts 500
  hms config default > hms.toml")]
pub(in crate::cli) struct ConfigArgs {
    /// The settings file [env: HMS_CONFIG] [default: the one that `hms serve` would use]
    #[arg(long, value_name = "FILE", global = true)]
    pub(in crate::cli) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(in crate::cli) action: ConfigAction,
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigAction {
    /// Print one value, or all keys with their values
    Get {
        /// Such as hosts.check_time, or check_time
        #[arg(value_name = "KEY")]
        key: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change one value in the file; comments and other lines stay
    Set {
        /// Such as hosts.check_time, or check_time
        #[arg(value_name = "KEY")]
        key: String,
        /// Such as 10s; lists with commas
        #[arg(value_name = "VALUE", allow_hyphen_values = true)]
        value: String,
        /// Print {key, value, file, running, changed, restart, warnings}
        #[arg(long)]
        json: bool,
    },
    /// Print a commented file with the defaults; it runs unedited
    Default,
    /// Print which file is used
    Path {
        /// Print {file, new}: null if there is none, and which one `config set` would make
        #[arg(long)]
        json: bool,
    },
}

/// Role, hosts, traffic and drops of the HMS
#[derive(Debug, Args)]
#[command(after_help = "Exit 4 while the HMS is refused by its peers, 8 if it does not run.")]
pub(in crate::cli) struct Status {
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// The other HMSs of the cluster: role, state, round trip
///
/// An HMS that is refused by the others is told so here and by `hms status` (exit 4), with what to do.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  hms peers
  hms peers add 10.1.0.6         an HMS of this cluster may come from there
  hms peers remove borealis      it is refused from then on; stop it where it runs

What is decided at one HMS counts at all of them. It waits 2 s until every one has stored it; exit 1 names those that
have not yet."
)]
pub(in crate::cli) struct PeersArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: Option<PeersAction>,
    /// Print a JSON array of {name, address, role, status, rtt_ms, last_exchange_s, hosts, equal, digest, message}
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What to do with the other HMSs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PeersAction {
    /// Register an address from which an HMS of this cluster may come
    Add {
        /// Its address; port 6710 if none is named
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Print {address, missing}
        #[arg(long)]
        json: bool,
    },
    /// Remove an HMS from the cluster
    Remove {
        /// Its name, as `hms peers` shows it
        #[arg(value_name = "NAME")]
        name: String,
        /// Print JSON: the HMS as `hms peers` showed it, and {missing}
        #[arg(long)]
        json: bool,
    },
}

/// The registered hosts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms hosts
  hms hosts --realm acme --json | jq -r '.[] | select(.status == \"late\") | .user'")]
pub(in crate::cli) struct Hosts {
    /// Only this realm
    #[arg(long, value_name = "REALM")]
    pub(in crate::cli) realm: Option<String>,
    /// Print a JSON array, by realm and user
    #[arg(long, conflicts_with = "jsonl")]
    pub(in crate::cli) json: bool,
    /// Print one JSON object a line, as they come: in no order, but for any number of hosts
    #[arg(long)]
    pub(in crate::cli) jsonl: bool,
}

/// Changes as they happen: join, update, late, leave, expire, replace
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms watch
  hms watch --jsonl | jq -c '[.event, .row.user, .row.address]'")]
pub(in crate::cli) struct Watch {
    /// Only this realm
    #[arg(long, value_name = "REALM")]
    pub(in crate::cli) realm: Option<String>,
    /// Print one JSON object {seq, event, row} a line
    #[arg(long)]
    pub(in crate::cli) jsonl: bool,
    /// End after so many changes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) count: Option<u64>,
}

/// What was refused lately, and what to do about it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms why                    host by host, the newest first
  hms why alice              those of one user or host

The HMS keeps the last 1024. Exit 1 if NAME is given and nothing is known.")]
pub(in crate::cli) struct Why {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// Only this realm
    #[arg(long, value_name = "REALM")]
    pub(in crate::cli) realm: Option<String>,
    /// Print a JSON array of {time, address, user, realm, type, verdict, count, remedy}, the newest first
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Every datagram that the HMS sends and receives, with what it made of it, as pcapng
///
/// The packet comments say what no capture of the network knows: `verdict: accepted heartbeat`, `verdict: dropped: replay`,
/// `verdict: sent ack: answers heartbeat`, each drop by the name under which `hms status --json` counts it. Needs no root:
/// the HMS itself writes it, for whoever may command it. What HMSs say to each other stays encrypted. A reader that is
/// too slow misses datagrams, and is told how many; the HMS waits for nobody.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms capture -w - | wireshark -k -i -
  hms capture -w - --host alice | tshark -i - -T fields -e frame.time -e ip.src -e frame.comment
  hms capture -w it.pcapng --for 30s
  tshark -r it.pcapng -Y 'frame.comment contains \"dropped\"'
  hms capture -w it.pcapng --max-size 10MB --files 5     keeps the last 50 MB; it.1.pcapng is the one before
  tcpdump -i any \"$(hms capture --print-filter)\"        the same on the wire, without verdicts

Ctrl-C ends it, with the number of datagrams. Exit 8 if the HMS stopped meanwhile; the file is whole all the same.")]
pub(in crate::cli) struct Capture {
    /// Where to; `-` is stdout. A new file is readable by its owner only
    #[arg(short, long, value_name = "FILE", required_unless_present = "print_filter")]
    pub(in crate::cli) write: Option<PathBuf>,
    /// Only what is to and from this address, or names this user in its header
    #[arg(long, value_name = "USER|IP[:PORT]")]
    pub(in crate::cli) host: Option<String>,
    /// End after so many datagrams
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) count: Option<u64>,
    /// End after this time, such as 30s or 5m
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(in crate::cli) time: Option<Duration>,
    /// Begin a new file when this one would be larger, such as 10MB; the older ones get a number
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) max_size: Option<u64>,
    /// Keep so many of them, 2 to 1000, and remove the oldest
    #[arg(long, value_name = "N", default_value_t = 5, requires = "max_size",
          value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(in crate::cli) files: u16,
    /// Overwrite files that are there
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Print the filter with which tcpdump sees the same datagrams, and capture nothing
    #[arg(long, conflicts_with_all = ["write", "host", "count", "time", "max_size", "files", "force"])]
    pub(in crate::cli) print_filter: bool,
}

/// Print the one line that lets a user's machine join
///
/// Works without a running HMS. Printing it again gives the same key until `hms revoke USER`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms token alice                          hms join hms1_...
  hms token alice --bare | ssh pc1 hms join -
  hms token alice --multicast              carries no address: for hosts in this HMS's own network
  hms token alice --address 203.0.113.7    carries this address only
  hms token --hms                          hms serve --join hmsp1_...
  hms token --hms --bare | ssh hms2 hms serve --join -")]
#[command(override_usage = "hms token [OPTIONS] <USER>")]
pub(in crate::cli) struct TokenArgs {
    /// Whose token
    #[arg(value_name = "USER", required_unless_present = "hms")]
    pub(in crate::cli) user: Option<String>,
    /// An invitation instead, by which another HMS becomes a member: once, within 24 h; needs the running HMS
    #[arg(long, conflicts_with_all = ["user", "realm", "multicast"])]
    pub(in crate::cli) hms: bool,
    /// In which realm; needed if there are several
    #[arg(long, value_name = "REALM")]
    pub(in crate::cli) realm: Option<String>,
    /// Carry no address: the host looks for the HMS by multicast
    #[arg(long, conflicts_with = "address")]
    pub(in crate::cli) multicast: bool,
    /// Carry this address of the HMS instead of its own ones; may be repeated
    #[arg(long, value_name = "IP[:PORT]")]
    pub(in crate::cli) address: Vec<String>,
    /// Print the token alone
    #[arg(long, conflicts_with = "json")]
    pub(in crate::cli) bare: bool,
    /// Print {user, realm, token, command, addresses}; with --hms {token, command, addresses}
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// The settings file that tells where the HMS listens [env: HMS_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}

/// Make a user's key invalid
///
/// The user's host is removed at once, and told why at its next heartbeat. `hms token USER` then prints a new key. Works without a running HMS.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms revoke alice
  hms revoke alice --realm acme")]
pub(in crate::cli) struct Revoke {
    /// Whose key
    #[arg(value_name = "USER")]
    pub(in crate::cli) user: String,
    /// In which realm; needed if there are several
    #[arg(long, value_name = "REALM")]
    pub(in crate::cli) realm: Option<String>,
    /// Print {user, realm, removed, missing}
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// List, make and remove realms
///
/// A realm is a company's own world of users, keys and hosts; realms on one HMS see nothing of each other.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms realm list
  hms realm new acme
  hms realm remove acme --yes     its hosts are removed, its tokens are worthless from then on")]
pub(in crate::cli) struct RealmArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: RealmAction,
}

/// What to do with realms.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RealmAction {
    /// The realms of this HMS
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Make a realm, with new keys
    New {
        /// Its name, at most 32 bytes
        #[arg(value_name = "NAME")]
        name: String,
        /// Print JSON: the realm as `realm list` shows it, and {missing}
        #[arg(long)]
        json: bool,
    },
    /// Remove a realm with its hosts and keys, for good
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Do not ask; needed where there is no terminal to ask at
        #[arg(long)]
        yes: bool,
        /// Print JSON: the realm as `realm list` showed it, and {missing}
        #[arg(long)]
        json: bool,
    },
}

/// Hand over to another HMS and stop
///
/// Another HMS gets all that this one knows, hosts are sent there, then `hms serve` ends; this waits for it, some 1 to 5 s.
/// Exit 1, and the HMS goes on, if no other HMS can take over; exit 1 as well if it stopped and the other one has not
/// confirmed everything.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms drain            before an update of this machine; `hms serve` comes back as a secondary
  hms drain --alone    stop although nobody takes over: hosts wait until it runs again")]
pub(in crate::cli) struct Drain {
    /// Stop as well if no other HMS can take over
    #[arg(long)]
    pub(in crate::cli) alone: bool,
    /// Print {name, successor, complete, hosts, sent, elapsed_ms}
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Bring the edited settings file into force
///
/// A broken file changes nothing, and every problem is shown (exit 78). No host is lost.
#[derive(Debug, Args)]
pub(in crate::cli) struct Reload {
    /// Print {changed, restart, warnings, file}
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
