//! Arguments of the commands at a host.

use std::net::IpAddr;

use clap::Args;

/// What a host says of itself.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct HostOptions {
    /// What this host is called [default: the machine's host name]
    #[arg(long, value_name = "HOST")]
    pub(in crate::cli) name: Option<String>,
    /// Port of the data conference
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) data: Option<u16>,
    /// Video port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) video: Option<u16>,
    /// Audio port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) audio: Option<u16>,
    /// A named service such as sip:5060 or sip:5060/tcp; may be repeated
    #[arg(long, value_name = "KIND:PORT[/udp|tcp]")]
    pub(in crate::cli) service: Vec<String>,
    /// An address to report instead of this machine's own ones; may be repeated
    #[arg(long, value_name = "IP[:PORT]")]
    pub(in crate::cli) address: Vec<String>,
    /// The address is fixed: others may use it while no HMS answers
    #[arg(long)]
    pub(in crate::cli) fixed: bool,
    /// Send and receive at this address of the machine only
    #[arg(long, value_name = "IP")]
    pub(in crate::cli) bind: Option<IpAddr>,
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
pub(in crate::cli) struct Join {
    /// The token, or - to read it from stdin; without any the stored one
    #[arg(value_name = "TOKEN", env = "HMS_TOKEN", hide_env_values = true)]
    pub(in crate::cli) token: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) host: HostOptions,
    /// How long to try to register
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(in crate::cli) timeout: String,
    /// Return when registered; the agent goes on in the background
    #[arg(long)]
    pub(in crate::cli) detach: bool,
    /// Print {registered, user, hms, address, pid}; registered, hms and address are null if an agent runs already
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Run again from the stored token
///
/// For service units: never gives up, unless another machine took the user over or the HMS refuses (exit 4: do not restart).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms agent
  ExecStart=/usr/bin/hms agent        in a service unit, with RestartPreventExitStatus=4")]
pub(in crate::cli) struct AgentArgs {
    /// Send and receive at this address of the machine only
    #[arg(long, value_name = "IP")]
    pub(in crate::cli) bind: Option<IpAddr>,
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
pub(in crate::cli) struct Who {
    /// Only users and hosts whose name begins so
    #[arg(value_name = "PREFIX")]
    pub(in crate::cli) prefix: Option<String>,
    /// Ask the HMS for changes first, and wait for its answer for at most 2 s
    #[arg(long)]
    pub(in crate::cli) refresh: bool,
    /// Print one JSON object {source, hms, age_ms, hosts}
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// This host as the HMS knows it
#[derive(Debug, Args)]
#[command(after_help = "Exit 1 if this host is not registered.")]
pub(in crate::cli) struct Me {
    /// Print one JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// The address of a user's or host's machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ping \"$(hms ip alice)\"

NAME is a user's name, else a host's if only one has it. Exit 1 if there is none.")]
pub(in crate::cli) struct Ip {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// The URI to call a user
///
/// The user's SIP or H.323 service if there is one, else hms://USER@IP with the ports.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  linphonec -c \"call $(hms uri alice)\"
  hms uri alice --service h323")]
pub(in crate::cli) struct Uri {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// Only this kind of service
    #[arg(long, value_name = "KIND")]
    pub(in crate::cli) service: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// All about a user's machine as shell assignments
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(hms env alice)\" && echo \"$HMS_ADDRESS $HMS_VIDEO_PORT\"")]
pub(in crate::cli) struct Env {
    /// A user's name, or a host's
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Change what this host says of itself
///
/// Kept over restarts. An empty value clears.
#[derive(Debug, Args)]
#[command(after_help = "\
Keys: state (standby, participating, organizing), conference, name, fixed (true, false), data, video, audio (a port),
  service+=KIND:PORT[/udp|tcp], service-=KIND[:PORT]

Examples:
  hms set state=participating conference=board
  hms set conference= state=standby
  hms set service+=sip:5061/tcp video=5004")]
pub(in crate::cli) struct Set {
    /// KEY=VALUE
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub(in crate::cli) changes: Vec<String>,
    /// Print what `hms self --json` prints then
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Unregister and stop the agent
#[derive(Debug, Args)]
pub(in crate::cli) struct Leave {
    /// Delete the stored token as well
    #[arg(long)]
    pub(in crate::cli) forget: bool,
    /// Print {left, forgotten}
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
