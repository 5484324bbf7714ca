//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use hms::auth::user_id;
use hms::limits::PORT;

use crate::datagram::Datagram;
use crate::fields::names;
use crate::verify::Verdict;

const EXAMPLES: &str = "\
Examples:
  tcpdump -w hms.pcap udp port 6710           capture (root), on the host or the HMS
  hms dissect hms.pcap                        one line a datagram
  hms dissect hms.pcap --follow anna          the life of one host
  hms dissect hms.pcap --stats                loss, round-trip times, heartbeats
  hms dissect hms.pcap --keys /var/lib/hms/server --verdict wrong-tag -v
  hms dissect hms.pcap --keylog keys.log -v   what HMSs say to each other
  hms dissect hms.pcap --keylog keys.log --open opened.pcapng >/dev/null
  tcpdump -U -w - udp port 6710 | hms dissect -

Data goes to stdout, errors to stderr. Exit codes: 0 all was read, 1 the capture or a key file could not be read to its
end, 2 the command line is wrong.";

/// Reads packet captures and tells what HMSs and hosts said, and whether it could be believed.
#[derive(Debug, Parser)]
#[command(name = "hms-dissect", version, after_help = EXAMPLES)]
pub struct Args {
    /// A pcap or pcapng file, as it is or packed with gzip or zstd; - is stdin
    #[arg(required_unless_present = "fields", value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Show each datagram's fields with the bytes that they stand in
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// One JSON object a datagram (with --fields and --stats: one object)
    #[arg(long)]
    pub(crate) json: bool,
    /// Counts, loss, round-trip times, heartbeats, verdicts of the whole capture
    #[arg(long, conflicts_with_all = ["verbose", "follow"])]
    pub(crate) stats: bool,
    /// The ladder of one host's life, or of a link between HMSs: a user's name or id, or a session id
    #[arg(long, value_name = "USER|SESSION", conflicts_with_all = ["verbose", "json"])]
    pub(crate) follow: Option<String>,
    /// Secrets of an HMS (its state directory, or secrets.json in it), or a file of join tokens; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// The key log of an HMS (`hms serve --keylog FILE`): opens what HMSs say to each other; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) keylog: Vec<PathBuf>,
    /// Write a copy in which what HMSs said to each other can be read, for Wireshark; nobody else should get it
    #[arg(long, value_name = "OUT.pcapng")]
    pub(crate) open: Option<PathBuf>,
    /// Let --open overwrite a file
    #[arg(long, requires = "open")]
    pub(crate) force: bool,
    /// UDP ports of the HMSs
    #[arg(long = "port", value_name = "PORT", default_values_t = [PORT])]
    pub(crate) ports: Vec<u16>,
    /// Only these types, by name or code
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = type_code)]
    pub(crate) types: Vec<u8>,
    /// Only of this user, by name or id
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only from or to this address
    #[arg(long, value_name = "IP[:PORT]", value_parser = end)]
    pub(crate) address: Option<End>,
    /// Only these verdicts (needs --keys or --keylog): valid, unauthenticated, wrong-tag, wrong-checksum, unknown-key, revoked,
    /// replayed, out-of-window, unchecked
    #[arg(long = "verdict", value_name = "VERDICT", value_delimiter = ',', value_parser = verdict)]
    pub(crate) verdicts: Vec<Verdict>,
    /// Print the table of fields and end
    #[arg(long)]
    pub(crate) fields: bool,
}

/// An address, with a port or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Ip(IpAddr),
    Socket(SocketAddr),
}

impl End {
    fn is(&self, address: SocketAddr) -> bool {
        match self {
            Self::Ip(ip) => *ip == address.ip(),
            Self::Socket(socket) => *socket == address,
        }
    }
}

fn end(text: &str) -> Result<End, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().map(End::Ip);
    ip.or_else(|_| text.parse().map(End::Socket))
        .map_err(|_| "give 10.0.4.7, 10.0.4.7:6710 or [fe80::1]:6710".into())
}

fn type_code(text: &str) -> Result<u8, String> {
    let known = names::TYPE.values.map(|values| values()).unwrap_or_default();
    if let Some((code, _)) = known.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
        return Ok(*code as u8);
    }
    let code = text.strip_prefix("0x").and_then(|hex| u8::from_str_radix(hex, 16).ok());
    code.ok_or_else(|| {
        let all: Vec<_> = known.iter().map(|(_, name)| name.to_lowercase()).collect();
        format!("one of {}, or a code such as 0x03", all.join(", "))
    })
}

fn verdict(text: &str) -> Result<Verdict, String> {
    let text = text.to_lowercase().replace(['-', '_'], " ");
    Verdict::ALL.into_iter().find(|verdict| verdict.name() == text).ok_or_else(|| {
        let all: Vec<_> = Verdict::ALL.iter().map(|verdict| verdict.name().replace(' ', "-")).collect();
        format!("one of {}", all.join(", "))
    })
}

/// Who is meant by a word: a user's name, a user id or a session id.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    word: String,
    id: Option<u64>,
}

impl Who {
    pub(crate) fn new(word: &str) -> Self {
        let id = (word.len() == 16).then(|| u64::from_str_radix(word, 16).ok()).flatten();
        Self { word: word.to_owned(), id }
    }

    pub(crate) fn is_user(&self, datagram: &Datagram) -> bool {
        let Some((header, user)) = datagram.header().zip(datagram.user()) else { return false };
        let same = Some(u64::from_be_bytes(user.0)) == self.id;
        // The id follows from realm and name, so the name need not stand in the capture.
        same || user_id(header.realm, &self.word) == user
    }

    pub(crate) fn is_user_or_session(&self, datagram: &Datagram) -> bool {
        let ends = datagram.opened.iter().flat_map(|opened| opened.ends);
        self.is_user(datagram)
            // Both directions of an opened link, by either session.
            || ends.map(|end| end.session).any(|session| Some(session) == self.id)
            || datagram.link_sessions().any(|session| Some(session) == self.id)
            || (self.id.is_some() && datagram.session().map(|session| session.0) == self.id)
    }
}

/// Which datagrams are shown.
pub(crate) struct Filter {
    types: Vec<u8>,
    user: Option<Who>,
    address: Option<End>,
    verdicts: Vec<Verdict>,
}

impl Filter {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            types: args.types.clone(),
            user: args.user.as_deref().map(Who::new),
            address: args.address,
            verdicts: args.verdicts.clone(),
        }
    }

    pub(crate) fn passes(&self, datagram: &Datagram) -> bool {
        let captured = &datagram.captured;
        let ends = [captured.source, captured.destination];
        let verdict = datagram.finding.as_ref().map(|finding| finding.verdict);
        (self.types.is_empty() || datagram.code().is_some_and(|code| self.types.contains(&code)))
            && self.user.as_ref().is_none_or(|who| who.is_user(datagram))
            && self.address.is_none_or(|end| ends.iter().any(|address| end.is(*address)))
            && (self.verdicts.is_empty() || verdict.is_some_and(|verdict| self.verdicts.contains(&verdict)))
    }
}
