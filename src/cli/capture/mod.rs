//! `hms capture`: every datagram of the HMS with what it made of it, as pcapng.

mod files;
mod size;
mod stop;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IsTerminal as _, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::args::{Capture, Global};
use super::fail::{Failure, NOT_RUNNING, OK, Outcome};
use super::{ask, human, out};
use crate::capture::{Block, BlockKind, Blocks};
use crate::limits::PORT;
use crate::shell::control::{EXIT_TIMEOUT, RawStream};
use crate::shell::paths::{Role, Socket};
use files::{Files, Plan, Written};
pub(super) use size::parse_size;
use stop::Stop;

/// What is read in one go, at most.
const READ: usize = 64 << 10;
/// A signal or the end of the time is noticed after so long at the latest.
const LOOK: Duration = Duration::from_secs(1);

pub(super) fn run(args: &Capture, global: &Global) -> Outcome {
    if args.print_filter {
        return print_filter(global);
    }
    let Some(file) = args.write.as_deref() else {
        return Err(Failure::usage("-w names the file, `-` is stdout"));
    };
    let to_stdout = file == Path::new("-");
    if to_stdout && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "stdout is a terminal: name a file, or pipe it: `hms capture -w - | wireshark -k -i -`",
        ));
    }
    let plan = Plan { file, force: args.force, max_size: args.max_size, files: args.files };
    if !to_stdout {
        plan.check()?;
    }
    let stop = Stop::new(args.time)?;
    let client = ask::open(Role::Server, Socket::Control, global)?;
    let request = json!({"cmd": "capture", "host": args.host, "count": args.count});
    let (answer, stream) =
        client.raw(&request).map_err(|error| ask::explained(Role::Server, global, error))?;
    // Only now: without an HMS there is no empty file either, and what was there before is still there.
    let sink = if to_stdout { Files::stdout() } else { Files::create(plan)? };
    let name = answer.get("name").and_then(serde_json::Value::as_str).unwrap_or("the HMS").to_owned();
    out::note(format_args!("capturing what {name} sends and receives; Ctrl-C ends"));
    let mut copy = Copy { stream, stop, sink, held: Vec::new(), packets: 0, lost: 0, complete: false };
    let end = copy.run();
    out::note(copy.summary(if to_stdout { None } else { Some(file) }));
    match end? {
        End::Wanted => Ok(OK),
        End::Gone if args.count.is_some_and(|count| copy.packets >= count) => Ok(OK),
        End::Gone => Err(Failure::new(NOT_RUNNING, "the HMS has stopped")),
    }
}

/// Why there is no more.
enum End {
    /// The user ended it, or who reads stdout did.
    Wanted,
    /// The HMS did.
    Gone,
}

struct Copy {
    stream: RawStream,
    stop: Stop,
    sink: Files,
    /// The begin of a block.
    held: Vec<u8>,
    packets: u64,
    lost: u64,
    /// The HMS has said its last.
    complete: bool,
}

impl Copy {
    fn run(&mut self) -> Result<End, Failure> {
        let mut buffer = vec![0; READ];
        loop {
            if self.stop.is_due() {
                self.stream.stop();
            }
            if self.stop.is_given_up() {
                return Err(Failure::new(
                    EXIT_TIMEOUT,
                    "the HMS does not answer; what came until now is written",
                ));
            }
            self.stream.set_timeout(self.stop.left().min(LOOK));
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(if self.stop.is_due() { End::Wanted } else { End::Gone }),
                Ok(count) => {
                    let piece = buffer.get(..count).unwrap_or_default();
                    if self.take(piece)? == Written::NobodyReads {
                        return Ok(End::Wanted);
                    }
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(Failure::no(format!("the HMS's control socket: {error}"))),
            }
        }
    }

    /// Writes the blocks that are whole.
    fn take(&mut self, piece: &[u8]) -> Result<Written, Failure> {
        self.held.extend_from_slice(piece);
        let held = std::mem::take(&mut self.held);
        let mut blocks = Blocks::new(&held);
        for block in blocks.by_ref() {
            let block = block.map_err(|error| {
                Failure::no(format!("the HMS sent something else: {error}; is it of another version?"))
            })?;
            if self.write(&block)? == Written::NobodyReads {
                return Ok(Written::NobodyReads);
            }
        }
        self.held = blocks.rest().to_vec();
        self.sink.flush()
    }

    fn write(&mut self, block: &Block<'_>) -> Result<Written, Failure> {
        let written = self.sink.write(block)?;
        match block.kind {
            BlockKind::Packet => {
                self.packets += 1;
                self.lost += block.lost();
            }
            BlockKind::Statistics => {
                self.lost = block.lost();
                self.complete = true;
            }
            _ => {}
        }
        Ok(written)
    }

    fn summary(&self, file: Option<&Path>) -> String {
        let count = |n: u64| human::count(usize::try_from(n).unwrap_or(usize::MAX), "datagram");
        let place = match (file, self.sink.older()) {
            (None, _) => "written to stdout".to_owned(),
            (Some(file), 0) => format!("in {}", file.display()),
            (Some(file), older) => {
                let gone = self.sink.removed();
                let gone = if gone == 0 {
                    String::new()
                } else {
                    format!(" ({} removed again)", human::count(gone, "file"))
                };
                format!("in {} and {}{gone}", file.display(), human::count(older, "older file"))
            }
        };
        let lost = match (self.lost, self.complete) {
            (0, true) => String::new(),
            (0, false) => "; the HMS did not say whether some are missing".to_owned(),
            (lost, _) => format!("; {} came faster than they were taken, and are missing", count(lost)),
        };
        format!("{} {place}{lost}", count(self.packets))
    }
}

/// What to tell tcpdump: this HMS's own ports, and that of the groups.
fn print_filter(global: &Global) -> Outcome {
    let status = ask::server(global, &json!({"cmd": "status"}))?;
    let listen = status.get("listen").and_then(serde_json::Value::as_array).into_iter().flatten();
    let addresses = listen.filter_map(|text| text.as_str()?.parse::<SocketAddr>().ok());
    let ports: BTreeSet<u16> = addresses.map(|address| address.port()).chain([PORT]).collect();
    out::line(filter(&ports));
    Ok(OK)
}

/// A fragment that is not the first has no ports, so all fragments of UDP are let through.
fn filter(ports: &BTreeSet<u16>) -> String {
    let ports: Vec<String> = ports.iter().map(|port| format!("udp port {port}")).collect();
    format!("{} or (ip[6:2] & 0x1fff != 0 and ip proto 17)", ports.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_names_each_port_once() {
        assert_eq!(
            filter(&BTreeSet::from([6710, 40_001])),
            "udp port 6710 or udp port 40001 or (ip[6:2] & 0x1fff != 0 and ip proto 17)"
        );
    }
}
