//! The way in: header, source, and which of the two kinds of request it is.

use std::net::{IpAddr, SocketAddr};

use super::Server;
use super::answer::Ask;
use super::refusals::{Refusal, Verdict};
use super::service::Service;
use crate::limits::{DISCOVER_LEN, SHORT_LEN};
use crate::net::Arrival;
use crate::planted::{Bug, planted};
use crate::time::Instant;
use crate::transport::is_between_hmss;
use crate::wire::{HintCode, Kind, Problem, Unverified, WireError, normal_address};

impl Server {
    /// Takes one datagram; answers wait for [`Self::poll_output`].
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, arrival: Arrival, bytes: &[u8]) {
        self.turn(now);
        self.judge_anew();
        let from = normal_address(from);
        if !can_be_answered(from) {
            return self.dropped("source");
        }
        if is_between_hmss(bytes) {
            return self.link_datagram(now, from, arrival, bytes);
        }
        let parsed = Unverified::parse(bytes);
        if let Ok(datagram) = &parsed
            && datagram.header().kind == Kind::Hint
            && !arrival.multicast
        {
            return self.peer_hint(now, from, arrival, datagram);
        }
        if self.service == Service::Closed {
            return self.dropped("phase");
        }
        match parsed {
            Ok(datagram) => {
                let ask = Ask { now, from, arrival, header: *datagram.header(), len: bytes.len() };
                self.request(&ask, datagram);
            }
            Err(error) => self.unreadable(now, from, arrival, bytes, error),
        }
    }

    fn request(&mut self, ask: &Ask, datagram: Unverified<'_>) {
        match ask.header.kind {
            Kind::Heartbeat | Kind::Leave | Kind::Pull | Kind::Find => self.session_request(ask, datagram),
            Kind::Init | Kind::Register | Kind::Discover => self.user_request(ask, datagram),
            // From another HMS, or its own come back: it concerns hosts.
            Kind::Announce => {}
            _ if planted(Bug::ResponseAnswered) => self.answers.hint(ask, HintCode::WrongKey),
            // Answers are never answered (R-FMT-03).
            _ => self.dropped("type"),
        }
    }

    /// A datagram that cannot be read; another version is told so (R-FMT-20).
    fn unreadable(
        &mut self,
        now: Instant,
        from: SocketAddr,
        arrival: Arrival,
        bytes: &[u8],
        error: WireError,
    ) {
        self.dropped(error.reason());
        if let (Problem::Version(_), Ok((_, datagram))) =
            (error.problem, Unverified::parse_any_version(bytes))
        {
            let ask = Ask { now, from, arrival, header: *datagram.header(), len: bytes.len() };
            if self.keyring.serves(ask.header.realm) {
                self.refused(&ask, Verdict::Version);
                self.hint(&ask, HintCode::Version);
            }
        }
    }

    /// Sends a hint if all that R-AUT-30 asks for holds.
    pub(super) fn hint(&mut self, ask: &Ask, code: HintCode) {
        let well_formed = match ask.header.kind {
            Kind::Init => ask.len >= SHORT_LEN,
            Kind::Discover => ask.len >= DISCOVER_LEN,
            _ => false,
        };
        if self.settings.hints && well_formed && self.hints.allow(ask.now, ask.from) {
            self.answers.hint(ask, code);
        }
    }

    /// Counts a datagram that was dropped.
    pub(super) fn dropped(&mut self, reason: &'static str) {
        self.judged.dropped = Some(reason);
        self.drops.count(reason);
    }

    /// Remembers a refusal for `hms why`.
    pub(super) fn refused(&mut self, ask: &Ask, verdict: Verdict) {
        self.refused_by_name(ask, verdict, None);
    }

    /// The same where the datagram told the user's name, which the id alone does not.
    pub(super) fn refused_by_name(&mut self, ask: &Ask, verdict: Verdict, name: Option<&str>) {
        self.judged.refused = Some(verdict);
        self.refusals.add(Refusal {
            time: self.wall.read(ask.now),
            source: ask.from,
            realm: ask.header.realm,
            user: ask.header.user,
            name: name.map(Into::into),
            kind: ask.header.kind,
            verdict,
            count: 1,
        });
    }
}

/// Sources to which no answer may go (R-DSC-08).
fn can_be_answered(from: SocketAddr) -> bool {
    let ip = from.ip();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    from.port() != 0 && !ip.is_multicast() && !ip.is_unspecified() && !broadcast
}
