//! From captured frames to datagrams of which everything is known.

use hms::wire::inspect;

use crate::bounded::Bounded;
use crate::capture::Frame;
use crate::datagram::{Captured, Datagram, Family, family};
use crate::expert::{self, Expert};
use crate::fields::{self, names};
use crate::ip::{self, Fragments, Incomplete, Read, Udp};
use crate::link::{self, Carried, Layer};
use crate::links::Links;
use crate::recognise::{self, Protocol};
use crate::table::Table;
use crate::tree::{Tree, Value, plural};
use crate::verify::Keys;
use crate::words;

/// Link types that are not read and were named.
const NAMED_MAX: usize = 16;

/// Of nearly all frames: no VLAN, no fragments.
const LAYERS: usize = 3;

/// Frames by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frames {
    pub(crate) all: u64,
    /// Neither HMS nor on a port of HMS.
    pub(crate) other: u64,
    pub(crate) fragments: u64,
    /// Not as a packet should be.
    pub(crate) wrong: u64,
}

/// What a frame gave.
pub(crate) enum Outcome {
    Datagram(Box<Datagram>),
    /// Something to be told that is no datagram.
    Note(String),
    Nothing,
}

/// Turns frames into datagrams and remembers what it saw.
pub(crate) struct Dissector {
    keys: Keys,
    ports: Vec<u16>,
    fragments: Fragments,
    unread_links: Bounded<i32, ()>,
    pub(crate) table: Table,
    pub(crate) frames: Frames,
}

impl Dissector {
    pub(crate) fn new(keys: Keys, ports: Vec<u16>) -> Self {
        Self {
            keys,
            ports,
            fragments: Fragments::default(),
            unread_links: Bounded::new(NAMED_MAX),
            table: Table::default(),
            frames: Frames::default(),
        }
    }

    /// Whether keys were given.
    pub(crate) fn verifies(&self) -> bool {
        self.keys.any()
    }

    /// Links that were opened.
    pub(crate) const fn links(&self) -> &Links {
        &self.keys.links
    }

    pub(crate) fn frame(&mut self, frame: &Frame<'_>) -> Outcome {
        self.frames.all += 1;
        let mut layers = Vec::with_capacity(LAYERS);
        let bytes = match link::strip(frame.link, frame.bytes, &mut layers) {
            Carried::Ip(bytes) => bytes,
            Carried::Other => return self.other(),
            Carried::Short => return self.wrong(frame, "a frame that ends before it says what it carries"),
            Carried::UnknownLink(link) => return self.unknown_link(link, frame),
        };
        match ip::read(bytes, frame.number, &mut self.fragments, &mut layers) {
            Read::Udp(udp) => self.datagram(frame, layers, udp),
            Read::Fragment => {
                self.frames.fragments += 1;
                Outcome::Nothing
            }
            Read::Other => self.other(),
            Read::Wrong(what) => self.wrong(frame, what),
        }
    }

    fn datagram(&mut self, frame: &Frame<'_>, layers: Vec<Layer>, udp: Udp<'_>) -> Outcome {
        let Udp { source, destination, payload, length } = udp;
        let on_port = [source, destination].iter().any(|end| self.ports.contains(&end.port()));
        let foreign = match recognise::protocol(&payload, length, on_port) {
            Protocol::Hms => false,
            Protocol::Foreign => true,
            Protocol::Other => return self.other(),
        };
        let bytes = payload.to_vec();
        let Frame { number, time, flags, .. } = *frame;
        let captured = Captured { frame: number, time, layers, source, destination, bytes, length, flags };
        let family = if foreign { Family::Nothing } else { family(&payload) };
        // Read once: a message refers to its bytes, so to those of the frame and not to their copy in the datagram.
        let read = captured.is_whole() && !foreign && family != Family::Link;
        let message = read.then(|| inspect::message(&payload));
        let mut datagram = Box::new(Datagram::new(captured, family, foreign, message.as_ref()));
        let message = match &message {
            Some(Ok(message)) if family != Family::Nothing => Some(message),
            _ => None,
        };
        if foreign {
            datagram.experts.push(Expert::new(expert::FOREIGN, expert::FOREIGN.about));
        }
        if let Some(malformed) = &datagram.malformed {
            let text = format!("{} at byte {}", malformed.what, malformed.at);
            datagram.experts.push(Expert::new(expert::MALFORMED, text));
        }
        if datagram.captured.is_whole() {
            self.verify(&mut datagram);
            self.table.take(&mut datagram, message);
        } else {
            let text = format!(
                "{} of {} captured",
                datagram.captured.bytes.len(),
                plural(datagram.captured.length, "byte")
            );
            datagram.experts.push(Expert::new(expert::CUT, text));
        }
        words::describe(&mut datagram, message, &self.table);
        Outcome::Datagram(datagram)
    }

    fn verify(&mut self, datagram: &mut Datagram) {
        let bytes = &datagram.captured.bytes;
        datagram.finding = match datagram.family {
            // DATA and RESET of another version share nothing else with this one: nobody can judge them.
            Family::Host(_) if matches!(bytes.as_slice(), [_, 0x23 | 0x24, ..]) => None,
            Family::Host(_) => self.keys.datagram(bytes, datagram.captured.destination),
            Family::Link => {
                let (finding, opened) = self.keys.between_hmss(&datagram.captured);
                if let Some((opened, experts)) = opened {
                    datagram.opened = Some(Box::new(opened));
                    datagram.experts.extend(experts);
                }
                finding
            }
            Family::Nothing => None,
        };
        datagram.experts.extend(datagram.finding.as_ref().and_then(|finding| finding.expert()));
    }

    fn other(&mut self) -> Outcome {
        self.frames.other += 1;
        Outcome::Nothing
    }

    fn wrong(&mut self, frame: &Frame<'_>, what: &str) -> Outcome {
        self.frames.wrong += 1;
        let cut = if frame.bytes.len() < frame.original {
            format!(
                "; the capture has {} of {} bytes, capture with `tcpdump -s 0`",
                frame.bytes.len(),
                frame.original
            )
        } else {
            String::new()
        };
        Outcome::Note(format!("packet {}: {what}{cut}", frame.number))
    }

    /// Named once for each.
    fn unknown_link(&mut self, link: i32, frame: &Frame<'_>) -> Outcome {
        self.frames.wrong += 1;
        if self.unread_links.get(&link).is_some() || self.unread_links.len() >= NAMED_MAX {
            return Outcome::Nothing;
        }
        self.unread_links.insert(link, ());
        Outcome::Note(format!("packet {}: {}", frame.number, link::unknown_link(link, frame.bytes)))
    }

    /// Packets of which fragments did not come.
    pub(crate) fn incomplete(&mut self, end: bool) -> Vec<String> {
        let incomplete = if end { self.fragments.end() } else { self.fragments.incomplete() };
        incomplete.iter().map(named).collect()
    }
}

fn named(incomplete: &Incomplete) -> String {
    let Incomplete { source, destination, id, frames } = incomplete;
    let frames: Vec<_> = frames.iter().map(u64::to_string).collect();
    format!(
        "fragments of a UDP datagram {source} → {destination} (id 0x{id:04x}) in packets {}: the others are missing, so it \
         cannot be read",
        frames.join(", ")
    )
}

/// The fields of a datagram, and what was found out.
pub(crate) fn tree(datagram: &Datagram) -> Tree {
    if datagram.foreign {
        return Tree::default();
    }
    let mut tree = match &datagram.opened {
        Some(opened) => fields::walk_opened(opened),
        None => fields::walk(&datagram.captured.bytes, datagram.captured.is_whole()),
    };
    if let Some(finding) = &datagram.finding {
        tree.found(names::VERDICT, Value::Text(finding.verdict.name().to_owned()));
    }
    if let Some((frame, took)) = datagram.related.response_to {
        tree.found(names::RESPONSE_TO, Value::Uint(frame));
        if let Some(took) = took {
            tree.found(names::TIME, Value::Nanos(took));
        }
    }
    if let Some(first) = datagram.related.retransmission_of {
        tree.found(names::RETRANSMISSION_OF, Value::Uint(first));
    }
    tree
}
