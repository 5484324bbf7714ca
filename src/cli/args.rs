//! The command line as clap sees it: every command, option, help text and example.

mod admin;
mod generate;
mod host;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(super) use admin::*;
pub(super) use generate::*;
pub(super) use host::*;

/// What `hms --help` shows of the commands, by who needs them.
const OVERVIEW: &str = "\
Run an HMS
  demo      See it work: two HMSs and their hosts on this machine, in half a minute
  serve     Run a host management server
  check     Check a settings file: every problem with its line and remedy
  config    Read and change the settings

Look after it
  status    Role, hosts, traffic and drops of the HMS
  hosts     The registered hosts
  peers     The other HMSs of the cluster
  watch     Changes as they happen
  why       What was refused, and what to do about it
  capture   Every datagram with what the HMS made of it, for Wireshark
  token     Print the one line that lets a host join
  revoke    Make a user's key invalid
  realm     List, make and remove realms (a company's own users and keys)
  reload    Bring the edited settings file into force
  drain     Hand over to another HMS and stop
  gen       Write out the dissector for Wireshark

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
    Peers(PeersArgs),
    Watch(Watch),
    Why(Why),
    Capture(Capture),
    Token(TokenArgs),
    Revoke(Revoke),
    Realm(RealmArgs),
    Reload(Reload),
    Drain(Drain),
    Gen(Gen),
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
  hms serve --config ./hms.toml
  hms serve --join hmsp1_...     the second HMS of a pair; later starts need no --join")]
pub(super) struct Serve {
    /// The settings file [env: HMS_CONFIG] [default: DIR/hms.toml, else /etc/hms/hms.toml, else the defaults]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where hosts reach it, instead of `listen` in the settings; may be repeated
    #[arg(long, value_name = "IP:PORT")]
    pub(super) listen: Vec<String>,
    /// Become a member of the cluster of another HMS first, by what `hms token --hms` printed there; `-` reads it from
    /// stdin. On an HMS that is a member already it changes nothing
    #[arg(long, value_name = "INVITATION")]
    pub(super) join: Option<String>,
    /// Append what opens captured links with other HMSs to this file, readable by its owner only. With a capture it gives
    /// away all that HMSs tell each other, the keys of all users included
    #[arg(long, value_name = "FILE")]
    pub(super) keylog: Option<PathBuf>,
}

/// See it work: a pair of HMSs, hosts and a lossy network between them on this machine
///
/// Starts two real HMSs and real hosts as processes of their own on loopback, shows the directory live, lets hosts change,
/// move, leave and die, kills the primary, and compares every list with the hosts that it started. Ends by itself; exit 1
/// on any difference, or if a host had to register anew.
/// Touches nothing but a temporary directory, needs no root.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms demo
  hms demo --hosts 12 --loss 15")]
pub(super) struct Demo {
    /// How many hosts, 5 to 50
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u8).range(5..=50))]
    pub(super) hosts: u8,
    /// Percent of the datagrams that the relays lose, 0 to 30
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=30))]
    pub(super) loss: u8,
    /// Seed of the relay's faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// The networks between one host of the demo and each HMS.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct DemoRelay {
    #[arg(long)]
    pub(super) to: Vec<SocketAddr>,
    #[arg(long)]
    pub(super) from: IpAddr,
    #[arg(long)]
    pub(super) loss: u8,
    #[arg(long)]
    pub(super) seed: u64,
}
