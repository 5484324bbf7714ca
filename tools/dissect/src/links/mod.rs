//! Links between HMSs that are opened: by the key log, or by the cluster secret and the handshake in the capture.
//!
//! HELLO and WELCOME carry the nonces in the clear, so whoever has the cluster secret and both can make the link's keys
//! (9.2). Links under an invitation stay closed: the cluster secret goes over them (11.2).

mod streams;
mod way;

use std::collections::BTreeMap;
use std::rc::Rc;

use hms::transport::inspect::{self, Frame};
use hms::transport::{LinkSecret, LoggedEnd, LoggedLink, Side};

use crate::bounded::Bounded;
use crate::datagram::Captured;
use crate::expert::{self, Expert};
use crate::show::line::milliseconds;
use crate::tree::plural;
use crate::verify::{Finding, Verdict};
pub(crate) use streams::{Whole, stream};
pub(crate) use way::Way;

const HELLOS_MAX: usize = 4096;
const LINKS_MAX: usize = 4096;
/// Before the frames of a packet.
pub(crate) const HEADER: usize = 16;

/// An opened packet.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// The datagram with its frames in place of what was encrypted.
    pub(crate) bytes: Vec<u8>,
    /// Messages that are whole with it.
    pub(crate) messages: Vec<Whole>,
    /// The HMS that sent it, and the one that it went to.
    pub(crate) ends: [LoggedEnd; 2],
    /// The HMS that began the link sent it.
    pub(crate) from_initiator: bool,
    /// What the packet says, in words.
    pub(crate) words: String,
}

/// A link of which the keys are known.
pub(crate) struct Link {
    pub(crate) logged: Rc<LoggedLink>,
    pub(crate) ways: [Way; 2],
    /// How it was closed.
    pub(crate) closed: Option<String>,
}

impl Link {
    fn new(logged: Rc<LoggedLink>) -> Self {
        Self { logged, ways: Default::default(), closed: None }
    }
}

/// By the session of the initiator and that of the responder.
type Id = (u64, u64);

pub(crate) struct Links {
    /// From key logs, by either session.
    logged: BTreeMap<u64, Rc<LoggedLink>>,
    /// From handshakes, by either session.
    made: Bounded<u64, Rc<LoggedLink>>,
    hellos: Bounded<(u64, u64), Vec<u8>>,
    /// Sessions of links under an invitation.
    invited: Bounded<u64, ()>,
    pub(crate) open: Bounded<Id, Link>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            logged: BTreeMap::new(),
            made: Bounded::new(2 * LINKS_MAX),
            hellos: Bounded::new(HELLOS_MAX),
            invited: Bounded::new(2 * LINKS_MAX),
            open: Bounded::new(LINKS_MAX),
        }
    }
}

impl Links {
    /// Takes what a key log says; how many links that were.
    pub(crate) fn log(&mut self, text: &str) -> usize {
        let mut count = 0;
        for link in text.lines().filter_map(LoggedLink::parse) {
            let link = Rc::new(link);
            self.logged.insert(link.initiator.session, Rc::clone(&link));
            self.logged.insert(link.responder.session, link);
            count += 1;
        }
        count
    }

    pub(crate) fn any(&self) -> bool {
        !self.logged.is_empty()
    }

    /// Keeps of a HELLO or WELCOME whose tag holds what makes the link's keys.
    pub(crate) fn handshake(&mut self, secret: &LinkSecret, bytes: &[u8]) {
        let number = |at: usize| Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let (Some(attempt), Some(session)) = (number(24), number(48)) else { return };
        match bytes.get(1) {
            Some(0x20) => self.hellos.insert((attempt, session), bytes.to_vec()),
            Some(0x22) => {
                let Some(initiator) = number(16) else { return };
                if secret.id().0 != 0 {
                    self.invited.insert(session, ());
                    self.invited.insert(initiator, ());
                    return;
                }
                let Some(hello) = self.hellos.get(&(attempt, initiator)) else { return };
                if let Some(link) = inspect::link(secret, hello, bytes) {
                    let link = Rc::new(link);
                    self.made.insert(session, Rc::clone(&link));
                    self.made.insert(initiator, link);
                }
            }
            _ => {}
        }
    }

    /// Opens a whole DATA.
    pub(crate) fn data(
        &mut self,
        captured: &Captured,
        cluster: bool,
    ) -> (Finding, Option<(Opened, Vec<Expert>)>) {
        let bytes = &captured.bytes;
        let number = |at: usize| {
            let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
            u64::from_be_bytes(bytes.unwrap_or_default())
        };
        let (number, session) = (number(0) & 0xffff_ffff_ffff, number(8));
        if inspect::check(bytes).is_err() {
            return (Finding::because(Verdict::Unchecked, "no packet of a link"), None);
        }
        let Some(logged) = self.logged.get(&session).or_else(|| self.made.get(&session)).cloned() else {
            return (self.closed(session, cluster), None);
        };
        let Some((side, frames)) = logged.open(bytes) else {
            let why = format!(
                "dropped: the tag of packet {number} does not hold under the key of this link: it was changed on its \
                 way, or somebody without the key made it"
            );
            return (Finding::because(Verdict::WrongTag, why), None);
        };
        let id = (logged.initiator.session, logged.responder.session);
        let link = self.open.entry(id, || Link::new(logged));
        let from = usize::from(side == Side::Responder);
        let mut experts = Vec::new();
        let (finding, fresh) = match link.ways[from].before(number, captured.frame) {
            None => (Finding::new(Verdict::Valid), true),
            Some(first) => {
                let why = format!(
                    "dropped: packet {number} of this link was in frame {first}: replayed, or captured twice"
                );
                (Finding::because(Verdict::Replayed, why), false)
            }
        };
        let mut opened = bytes.clone();
        if let Some(place) = opened.get_mut(HEADER..HEADER + frames.len()) {
            place.copy_from_slice(&frames);
        }
        let (said, wrong) = inspect::frames(&frames);
        if let Some((code, at)) = wrong {
            let text = format!(
                "frame 0x{code:02x} at byte {} cannot be read: the receiver closes the link (code 2)",
                HEADER + at
            );
            experts.push(Expert::new(expert::MALFORMED, text));
        }
        let mut messages = Vec::new();
        // Nothing of a packet is used of which a frame cannot be read (R-TRN-33).
        if fresh && wrong.is_none() {
            messages = link.take(from, number, captured, &said, &mut experts);
        }
        let (i, r) = (link.logged.initiator, link.logged.responder);
        let ends = if from == 0 { [i, r] } else { [r, i] };
        let words = words(number, &said, &messages);
        (finding, Some((Opened { bytes: opened, messages, ends, from_initiator: from == 0, words }, experts)))
    }

    /// Why a link is not opened.
    fn closed(&self, session: u64, cluster: bool) -> Finding {
        if self.invited.get(&session).is_some() {
            let why = "a link under an invitation, which stays closed: the cluster secret goes over it";
            return Finding::because(Verdict::Unchecked, why);
        }
        let missing = "its HELLO and WELCOME are not in the capture before it";
        let why = match (cluster, self.any()) {
            (true, true) => format!("{missing}, and it is not in the key log"),
            (false, true) => "it is not in the key log: that was begun later, or by another HMS".to_owned(),
            (true, false) => format!("{missing}; give the key log of `hms serve --keylog` with --keylog"),
            (false, false) => {
                "give the key log of `hms serve --keylog` with --keylog, or the cluster secret with --keys"
                    .to_owned()
            }
        };
        // Who gave no key log did not ask for links.
        let verdict = if self.any() { Verdict::UnknownKey } else { Verdict::Unchecked };
        Finding::because(verdict, format!("no key of the link to session {session:016x}: {why}"))
    }
}

impl Link {
    fn take(
        &mut self,
        from: usize,
        number: u64,
        captured: &Captured,
        frames: &[Frame<'_>],
        experts: &mut Vec<Expert>,
    ) -> Vec<Whole> {
        let [initiator, responder] = &mut self.ways;
        let (way, other) = if from == 0 { (initiator, responder) } else { (responder, initiator) };
        way.sent(number, captured.time, captured.length, frames);
        let mut messages = Vec::new();
        for frame in frames {
            match frame {
                Frame::Ack { ranges, .. } => {
                    let acked = other.acked(ranges, captured.time);
                    if let Some(after) = acked.after {
                        let text = format!(
                            "acknowledges {}, the newest after {}; {} bytes are on their way",
                            plural(acked.new as usize, "packet"),
                            milliseconds(after),
                            other.in_flight()
                        );
                        experts.push(Expert::new(expert::ACKNOWLEDGED, text));
                    }
                    if !acked.lost.is_empty() {
                        let all: Vec<_> = acked.lost.iter().map(u64::to_string).collect();
                        let text = format!("not acknowledged, and lost by now: packet {}", all.join(", "));
                        experts.push(Expert::new(expert::LOST, text));
                    }
                }
                Frame::Message { stream, offset, bytes } => {
                    let mut brought = way.message(*stream, *offset, bytes);
                    let name = stream_name(stream.code());
                    if brought.again {
                        let text =
                            format!("{name}: {} from {offset} on, sent again", plural(bytes.len(), "byte"));
                        experts.push(Expert::new(expert::SENT_AGAIN, text));
                    }
                    if brought.gap {
                        let text = format!("{name}: bytes before {offset} are not in the capture");
                        experts.push(Expert::new(expert::STREAM_GAP, text));
                    }
                    messages.append(&mut brought.messages);
                }
                Frame::Close { code, reason } => self.closed = Some(close(*code, reason)),
                _ => {}
            }
        }
        messages
    }
}

pub(crate) const fn stream_name(code: u8) -> &'static str {
    match code {
        0 => "control",
        1 => "deltas",
        _ => "bulk",
    }
}

fn close(code: u16, reason: &str) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(" ({})", reason.escape_debug()) };
    match crate::fields::names::close_name(code) {
        Some(name) => format!("CLOSE {code}: {name}{reason}"),
        None => format!("CLOSE {code}{reason}"),
    }
}

fn words(number: u64, frames: &[Frame<'_>], messages: &[Whole]) -> String {
    let mut parts: Vec<String> = messages.iter().map(message_words).collect();
    let mut rest: Vec<String> = Vec::new();
    for frame in frames {
        rest.push(match frame {
            Frame::Ack { ranges, .. } => {
                let all: Vec<_> = ranges
                    .iter()
                    .map(|(low, high)| if low == high { high.to_string() } else { format!("{low}-{high}") })
                    .collect();
                format!("ACK {}", all.join(" "))
            }
            Frame::Message { stream, offset, bytes } => {
                let end = offset + bytes.len() as u64 - 1;
                format!("MESSAGE {} {offset}-{end}", stream_name(stream.code()))
            }
            Frame::Credit { stream, limit } => format!("CREDIT {} {limit}", stream_name(stream.code())),
            Frame::Close { code, reason } => close(*code, reason),
            Frame::Ping => "PING".into(),
            Frame::Padding => continue,
            Frame::Extension(code) => format!("extension 0x{code:02x}"),
        });
    }
    let rest = if rest.is_empty() { "padding".into() } else { rest.join(", ") };
    if parts.is_empty() {
        return format!("packet {number}: {rest}");
    }
    parts.push(format!("(packet {number}: {rest})"));
    parts.join("; ").replace("; (", "  (")
}

/// `INTRO, 112 bytes`, or why it is none.
fn message_words(message: &Whole) -> String {
    use hms::wire::Problem;
    use hms::wire::peer::PeerMessage;
    let length = plural(message.bytes.len(), "byte");
    match PeerMessage::parse(stream(message.stream), &message.bytes) {
        Ok(said) => format!("{}, {length}", said.kind()),
        Err(error) => match error.problem {
            Problem::Type(code) => format!("message of unknown type 0x{code:02x}, {length}"),
            _ => format!("malformed message: {error}"),
        },
    }
}
