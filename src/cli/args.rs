//! The command line as clap sees it: every command, option, help text and example.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What `hms --help` shows of the commands, by who needs them.
const OVERVIEW: &str = "\
Run an HMS
  demo      See it work: an HMS and its hosts on this machine, in a few seconds
  serve     Run a host management server
  check     Check a settings file: every problem with its line and remedy
  config    Read and change the settings

Look after it
  status    Role, hosts, traffic and drops of the HMS
  hosts     The registered hosts
  watch     Changes as they happen
  why       What was refused, and what to do about it
  token     Print the one line that lets a host join
  revoke    Make a user's key invalid
  realm     List, make and remove realms (a company's own users and keys)
  reload    Bring the edited settings file into force

At a host
  join      Register this machine and keep it registered
  agent     Run again from the stored token
  who       The hosts that can be reached
  self      This host as the HMS knows it
  ip        The address of a user's or host's machine
  uri       The URI to call it
  env       All about it as shell assignments
  set       Change what this host says of itself
  leave     Unregister and stop the agent

  help      This text, or that of a command
";

const EXAMPLES: &str = "\
Examples:
  hms demo                            see it work
  hms serve                           run an HMS; it prints what to do next
  hms token alice                     on the HMS: print the line for alice's machine
  hms join hms1_...                   on alice's machine: register and stay registered
  hms who                             who is there

Exit codes: 0 ok, 1 negative answer, 2 usage, 3 timeout, 4 refused, 8 daemon not running, 78 error in the settings.
Environment: HMS_STATE (as --state), HMS_CONFIG (the settings file), HMS_TOKEN (for join), HMS_LOG (as -v: error, warn, info, debug, trace).";

const TEMPLATE: &str = "{about}\n\n{usage-heading} {usage}\n\n{before-help}Options:\n{options}{after-help}";

/// Host management server: the directory of a conference system, and the host side of it.
#[derive(Debug, Parser)]
#[command(
    name = "hms",
    version,
    help_template = TEMPLATE,
    before_help = OVERVIEW,
    after_help = EXAMPLES,
    disable_help_subcommand = false,
    arg_required_else_help = true,
    subcommand_value_name = "COMMAND",
    max_term_width = 110
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Global {
    /// The daemon's state directory, if it is not the default [env: HMS_STATE]
    #[arg(long, global = true, value_name = "DIR", display_order = 900)]
    pub(super) state: Option<PathBuf>,
    /// Tell more on stderr; -vv still more [env: HMS_LOG]
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 901)]
    pub(super) verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Serve(Serve),
    Demo(Demo),
    DemoRelay(DemoRelay),
    Check(Check),
    Config(ConfigArgs),
    Status(Status),
    Hosts(Hosts),
    Watch(Watch),
    Why(Why),
    Token(TokenArgs),
    Revoke(Revoke),
    Realm(RealmArgs),
    Reload(Reload),
    Join(Join),
    Agent(AgentArgs),
    Who(Who),
    #[command(name = "self")]
    Me(Me),
    Ip(Ip),
    Uri(Uri),
    Env(Env),
    Set(Set),
    Leave(Leave),
    /// `hms NAME` runs `hms-NAME`, if it is installed.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Run a host management server
///
/// Needs no settings file and no root. The first start makes the state directory, the keys and a realm.
/// SIGHUP reloads the settings, SIGTERM and SIGINT stop it, a second one stops it at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms serve
  hms serve --listen 10.1.0.5:6710 --state /srv/hms
  hms serve --config ./hms.toml")]
pub(super) struct Serve {
    /// The settings file [env: HMS_CONFIG] [default: DIR/hms.toml, else /etc/hms/hms.toml, else the defaults]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where hosts reach it, instead of `listen` in the settings; may be repeated
    #[arg(long, value_name = "IP:PORT")]
    pub(super) listen: Vec<String>,
    /// An invitation by another HMS; not in this version
    #[arg(long, value_name = "INVITATION", hide = true)]
    pub(super) join: Option<String>,
}

/// See it work: an HMS, hosts and a lossy network between them on this machine
///
/// Starts a real HMS and real hosts as processes of their own on loopback, shows the directory live, lets hosts change,
/// move, leave and die, and compares every list with the hosts that it started. Ends by itself; exit 1 on any difference.
/// Touches nothing but a temporary directory, needs no root.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms demo
  hms demo --hosts 12 --loss 20")]
pub(super) struct Demo {
    /// How many hosts, 5 to 50
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(5..=50))]
    pub(super) hosts: u8,
    /// Percent of the datagrams that the relay loses, 0 to 30
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=30))]
    pub(super) loss: u8,
    /// Seed of the relay's faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// The network in front of one host of the demo.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct DemoRelay {
    #[arg(long)]
    pub(super) to: SocketAddr,
    #[arg(long)]
    pub(super) from: IpAddr,
    #[arg(long)]
    pub(super) loss: u8,
    #[arg(long)]
    pub(super) seed: u64,
}

/// Check a settings file: every problem with its line and remedy
///
/// Exit 0 if the file can be used (warnings do not matter), 78 if not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms check                  the file that `hms serve` would use
  hms check ./hms.toml
  hms check --json")]
pub(super) struct Check {
    /// The file [default: the one that `hms serve` would use]
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The same as FILE [env: HMS_CONFIG]
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub(super) config: Option<PathBuf>,
    /// Print a JSON array of {file, line, key, problem, remedy, severity}
    #[arg(long)]
    pub(super) json: bool,
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
pub(super) struct ConfigArgs {
    /// The settings file [env: HMS_CONFIG] [default: the one that `hms serve` would use]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) action: ConfigAction,
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigAction {
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
    },
    /// Print a commented file with the defaults; it runs unedited
    Default,
    /// Print which file is used
    Path,
}

/// Role, hosts, traffic and drops of the HMS
#[derive(Debug, Args)]
#[command(after_help = "Exit 4 while the HMS is refused by its peers, 8 if it does not run.")]
pub(super) struct Status {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// The registered hosts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms hosts
  hms hosts --realm acme --json | jq -r '.[] | select(.status == \"late\") | .user'")]
pub(super) struct Hosts {
    /// Only this realm
    #[arg(long, value_name = "REALM")]
    pub(super) realm: Option<String>,
    /// Print a JSON array
    #[arg(long, conflicts_with = "jsonl")]
    pub(super) json: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) jsonl: bool,
}

/// Changes as they happen: join, update, late, leave, expire, replace
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms watch
  hms watch --jsonl | jq -c '[.event, .row.user, .row.address]'")]
pub(super) struct Watch {
    /// Only this realm
    #[arg(long, value_name = "REALM")]
    pub(super) realm: Option<String>,
    /// Print one JSON object {seq, event, row} a line
    #[arg(long)]
    pub(super) jsonl: bool,
    /// End after so many changes
    #[arg(long, value_name = "N")]
    pub(super) count: Option<u64>,
}

/// What was refused lately, and what to do about it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms why                    the last refusals, the newest at the end
  hms why alice              those of one user or host

The HMS keeps the last 1024. Exit 1 if NAME is given and nothing is known.")]
pub(super) struct Why {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Only this realm
    #[arg(long, value_name = "REALM")]
    pub(super) realm: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    pub(super) json: bool,
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
  hms token alice --address 203.0.113.7    carries this address only")]
pub(super) struct TokenArgs {
    /// Whose token
    #[arg(value_name = "USER")]
    pub(super) user: String,
    /// In which realm; needed if there are several
    #[arg(long, value_name = "REALM")]
    pub(super) realm: Option<String>,
    /// Carry no address: the host looks for the HMS by multicast
    #[arg(long, conflicts_with = "address")]
    pub(super) multicast: bool,
    /// Carry this address of the HMS instead of its own ones; may be repeated
    #[arg(long, value_name = "IP[:PORT]")]
    pub(super) address: Vec<String>,
    /// Print the token alone
    #[arg(long, conflicts_with = "json")]
    pub(super) bare: bool,
    /// Print {user, realm, token, command, addresses}
    #[arg(long)]
    pub(super) json: bool,
    /// The settings file that tells where the HMS listens [env: HMS_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Make a user's key invalid
///
/// The user's host is removed at once and told why. `hms token USER` then prints a new key. Works without a running HMS.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms revoke alice
  hms revoke alice --realm acme")]
pub(super) struct Revoke {
    /// Whose key
    #[arg(value_name = "USER")]
    pub(super) user: String,
    /// In which realm; needed if there are several
    #[arg(long, value_name = "REALM")]
    pub(super) realm: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
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
pub(super) struct RealmArgs {
    #[command(subcommand)]
    pub(super) action: RealmAction,
}

/// What to do with realms.
#[derive(Debug, Subcommand)]
pub(super) enum RealmAction {
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
    },
    /// Remove a realm with its hosts and keys, for good
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Bring the edited settings file into force
///
/// A broken file changes nothing, and every problem is shown (exit 78). No host is lost.
#[derive(Debug, Args)]
pub(super) struct Reload {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What a host says of itself.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct HostOptions {
    /// What this host is called [default: the machine's host name]
    #[arg(long, value_name = "HOST")]
    pub(super) name: Option<String>,
    /// Port of the data conference
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) data: Option<u16>,
    /// Video port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) video: Option<u16>,
    /// Audio port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) audio: Option<u16>,
    /// A named service such as sip:5060 or sip:5060/tcp; may be repeated
    #[arg(long, value_name = "KIND:PORT[/udp|tcp]")]
    pub(super) service: Vec<String>,
    /// An address to report instead of this machine's own ones; may be repeated
    #[arg(long, value_name = "IP[:PORT]")]
    pub(super) address: Vec<String>,
    /// The address is fixed: others may use it while no HMS answers
    #[arg(long)]
    pub(super) fixed: bool,
    /// Send and receive at this address of the machine only
    #[arg(long, value_name = "IP")]
    pub(super) bind: Option<IpAddr>,
}

/// Register this machine and keep it registered
///
/// Keeps the token in the state directory and stays in the foreground as the agent. Where the user is registered on
/// another machine, this one takes over.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms join hms1_...
  hms join - < token.txt                        the token from stdin; or in $HMS_TOKEN
  hms join hms1_... --service sip:5060 --video 5004 --audio 5006
  hms join hms1_... --detach                    returns when registered

Exit 3 if no HMS answers in time, 4 if the HMS refuses.")]
pub(super) struct Join {
    /// The token, or - to read it from stdin; without any the stored one
    #[arg(value_name = "TOKEN", env = "HMS_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    #[command(flatten)]
    pub(super) host: HostOptions,
    /// How long to try to register
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(super) timeout: String,
    /// Return when registered; the agent goes on in the background
    #[arg(long)]
    pub(super) detach: bool,
}

/// Run again from the stored token
///
/// For service units: never gives up, unless another machine took the user over or the HMS refuses (exit 4: do not restart).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms agent
  ExecStart=/usr/bin/hms agent        in a service unit, with RestartPreventExitStatus=4")]
pub(super) struct AgentArgs {
    /// Send and receive at this address of the machine only
    #[arg(long, value_name = "IP")]
    pub(super) bind: Option<IpAddr>,
}

/// The hosts that can be reached
///
/// Answered by the agent on this machine, from its storage if no HMS answers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms who
  hms who --refresh                 asks the HMS first, for update = \"on-request\"
  hms who --json | jq -r '.hosts[] | select(.conference == \"board\") | .user'")]
pub(super) struct Who {
    /// Only users and hosts whose name begins so
    #[arg(value_name = "PREFIX")]
    pub(super) prefix: Option<String>,
    /// Ask the HMS for changes first, and wait for its answer for at most 2 s
    #[arg(long)]
    pub(super) refresh: bool,
    /// Print one JSON object {source, hms, age_ms, hosts}
    #[arg(long)]
    pub(super) json: bool,
}

/// This host as the HMS knows it
#[derive(Debug, Args)]
#[command(after_help = "Exit 1 if this host is not registered.")]
pub(super) struct Me {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// The address of a user's or host's machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ping \"$(hms ip alice)\"

NAME is a user's name, else a host's if only one has it. Exit 1 if there is none.")]
pub(super) struct Ip {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// The URI to call a user
///
/// The user's SIP or H.323 service if there is one, else hms://USER@IP with the ports.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  linphonec -c \"call $(hms uri alice)\"
  hms uri alice --service h323")]
pub(super) struct Uri {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Only this kind of service
    #[arg(long, value_name = "KIND")]
    pub(super) service: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// All about a user's machine as shell assignments
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(hms env alice)\" && echo \"$HMS_ADDRESS $HMS_VIDEO_PORT\"")]
pub(super) struct Env {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Change what this host says of itself
///
/// Kept over restarts. Keys: state (standby, participating, organizing), conference, name, fixed (true, false),
/// data, video, audio (a port), service+=KIND:PORT[/udp|tcp], service-=KIND[:PORT]. An empty value clears.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms set state=participating conference=board
  hms set conference= state=standby
  hms set service+=sip:5061/tcp video=5004")]
pub(super) struct Set {
    /// KEY=VALUE
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub(super) changes: Vec<String>,
}

/// Unregister and stop the agent
#[derive(Debug, Args)]
pub(super) struct Leave {
    /// Delete the stored token as well
    #[arg(long)]
    pub(super) forget: bool,
}
