//! Captures that run: every datagram of the daemon's own sockets, with what became of it, as pcapng to whoever asked.
//!
//! Nobody is waited for. What a reader does not take in time is dropped, counted, and told with the next packet and at the
//! end. Without a capture a datagram costs a branch.

mod filter;
mod ways;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::json;

use super::clock;
use super::control::{ConnectionId, ControlError, ControlServer, EXIT_NO, RawState};
use super::net::Went;
use crate::capture::{self, Direction, Flags, Headers, Note, Packet, Statistics, Verdict};
use crate::net::Arrival;
use crate::time::Instant;
pub(super) use filter::Filter;
use ways::Ways;

/// Captures at once.
const CAPTURES_MAX: usize = 4;
/// Bytes that wait for a reader, twice: what is gathered, and what goes out.
const WAITING_MAX: usize = 2 << 20;
const APPLICATION: &str = concat!("hms ", env!("CARGO_PKG_VERSION"));

/// What somebody wants to see.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    /// So many datagrams, then the end.
    pub(super) count: Option<u64>,
}

/// All captures of a daemon.
#[derive(Debug, Default)]
pub(super) struct Captures {
    all: Vec<Capture>,
    ways: Ways,
    /// Where comments are written.
    comment: String,
}

#[derive(Debug)]
struct Capture {
    to: ConnectionId,
    wanted: Wanted,
    started: u64,
    seen: u64,
    lost: u64,
    /// Those that were lost since the last one that was not.
    lost_before: u64,
    buffer: Vec<u8>,
    ended: bool,
}

/// A datagram on its way in or out.
struct Seen<'a> {
    from: SocketAddr,
    to: SocketAddr,
    interface: Option<u32>,
    direction: Direction,
    bytes: &'a [u8],
}

impl Captures {
    /// Somebody captures.
    pub(super) const fn is_on(&self) -> bool {
        !self.all.is_empty()
    }

    /// Begins a capture for `to`, of the HMS called `name`.
    pub(super) fn begin(
        &mut self,
        control: &mut ControlServer,
        to: ConnectionId,
        name: &str,
        wanted: Wanted,
    ) -> Result<(), ControlError> {
        if self.all.len() >= CAPTURES_MAX {
            let message = format!(
                "{CAPTURES_MAX} captures run already, and there are no more at once: end one of them"
            );
            return Err(ControlError::new(EXIT_NO, message));
        }
        let mut buffer = Vec::new();
        let comment =
            format!("captured by the HMS {name} itself: it rebuilt IP and UDP headers from the addresses");
        capture::section(&mut buffer, APPLICATION, &comment);
        capture::interface(&mut buffer, "hms", &format!("all UDP sockets of the HMS {name}"));
        control.begin_raw(to, json!({"name": name}));
        self.all.push(Capture {
            to,
            wanted,
            started: clock::wall_nanos(),
            seen: 0,
            lost: 0,
            lost_before: 0,
            buffer,
            ended: false,
        });
        Ok(())
    }

    /// A datagram came to the socket that is bound at `local`.
    pub(super) fn received(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        arrival: Arrival,
        bytes: &[u8],
        note: &Note<'_>,
    ) {
        let to = of_family(from.is_ipv4(), arrival.local.unwrap_or_else(|| local.ip()));
        let to = SocketAddr::new(to, local.port());
        let seen = Seen { from, to, interface: arrival.interface, direction: Direction::Inbound, bytes };
        self.take(now, &seen, note);
    }

    /// A datagram went out, or was to go out.
    pub(super) fn sent(&mut self, now: Instant, went: &Went, bytes: &[u8], mut note: Note<'_>) {
        if let (Some(why), Verdict::Sent(kind, _)) = (went.failed, note.verdict) {
            note.verdict = Verdict::Unsent(kind, why);
        }
        let Went { from, to, interface, .. } = *went;
        let source = self.ways.source(now, from.ip(), to);
        let interface = interface.or_else(|| self.ways.interface(now, source));
        let from = SocketAddr::new(of_family(to.is_ipv4(), source), from.port());
        let seen = Seen { from, to, interface, direction: Direction::Outbound, bytes };
        self.take(now, &seen, &note);
    }

    fn take(&mut self, now: Instant, seen: &Seen<'_>, note: &Note<'_>) {
        let Self { all, comment, ways } = self;
        let Some(headers) = Headers::new(seen.from, seen.to, seen.bytes) else { return };
        comment.clear();
        // Writing to a text cannot fail.
        let interface = seen.interface.and_then(|index| ways.name(now, index));
        let _ = write!(comment, "{}", Note { interface, ..*note });
        let other = match seen.direction {
            Direction::Inbound => seen.from,
            Direction::Outbound => seen.to,
        };
        let time = clock::wall_nanos();
        let wants =
            |capture: &&mut Capture| !capture.is_done() && capture.wanted.filter.fits(other, seen.bytes);
        for capture in all.iter_mut().filter(wants) {
            capture.take(time, seen, &headers, comment);
        }
    }

    /// Bytes that wait to be given out.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.all.iter().map(|capture| capture.buffer.len()).sum()
    }

    /// How many run.
    #[cfg(test)]
    pub(super) const fn count(&self) -> usize {
        self.all.len()
    }

    /// Gives what was gathered to those who have read what they got before, and ends what is to end.
    pub(super) fn turn(&mut self, control: &mut ControlServer) {
        self.all.retain_mut(|capture| capture.turn(control));
    }

    /// The daemon ends, and so do all captures.
    pub(super) fn finish(&mut self, control: &mut ControlServer) {
        for capture in &mut self.all {
            capture.end();
        }
        self.turn(control);
    }
}

impl Capture {
    /// It has all that was wanted.
    fn is_done(&self) -> bool {
        self.ended || self.wanted.count.is_some_and(|count| self.seen - self.lost >= count)
    }

    fn take(&mut self, time: u64, seen: &Seen<'_>, headers: &Headers, comment: &str) {
        self.seen += 1;
        if self.buffer.len() + seen.bytes.len() > WAITING_MAX {
            self.lost += 1;
            self.lost_before += 1;
            return;
        }
        let packet = Packet {
            interface: 0,
            time,
            flags: Some(Flags::new(seen.direction, seen.to.ip().is_multicast())),
            parts: [headers.as_bytes(), seen.bytes],
            comment,
            lost: std::mem::take(&mut self.lost_before),
        };
        capture::packet(&mut self.buffer, &packet);
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            let Self { started, seen, lost, .. } = *self;
            let ended = clock::wall_nanos();
            capture::statistics(&mut self.buffer, &Statistics { started, ended, seen, lost });
        }
    }

    /// Says whether it goes on.
    fn turn(&mut self, control: &mut ControlServer) -> bool {
        let RawState::There { free, ends } = control.raw_state(self.to) else { return false };
        if ends || self.is_done() {
            self.end();
        }
        if free && !self.buffer.is_empty() {
            control.send_raw(self.to, &mut self.buffer);
        }
        let over = self.ended && self.buffer.is_empty();
        if over {
            control.end_raw(self.to);
        }
        !over
    }
}

/// The address, or none of the wanted family.
fn of_family(v4: bool, ip: IpAddr) -> IpAddr {
    match (v4, ip.to_canonical()) {
        (true, IpAddr::V6(_)) => Ipv4Addr::UNSPECIFIED.into(),
        (false, IpAddr::V4(_)) => Ipv6Addr::UNSPECIFIED.into(),
        (_, ip) => ip,
    }
}
