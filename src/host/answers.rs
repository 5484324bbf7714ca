//! What comes in: from the first byte to the part of the machine that asked for it (R-AUT-01, R-AUT-22).

use std::net::SocketAddr;

use super::requests::{Asked, Request};
use super::{Host, State};
use crate::auth::open;
use crate::net::Arrival;
use crate::time::{Duration, Instant};
use crate::wire::{Answer, Header, Kind, PageMessage, RejectCode, Short, Unverified, flag, normal_address};

/// Why a datagram was dropped.
type Dropped = Result<(), &'static str>;

/// Bounds of the delays in RETRY and REREGISTER (R-REG-36, R-REG-52): an HMS that says 0 again and again does not make
/// the host spin, and none can send it away for good.
const DELAY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));

fn delay(short: &Short) -> Duration {
    Duration::from_millis(short.argument).clamp(DELAY.0, DELAY.1)
}

impl Host {
    /// Takes a datagram, or says under which name it is counted as dropped.
    pub(super) fn take(&mut self, now: Instant, from: SocketAddr, arrival: Arrival, bytes: &[u8]) -> Dropped {
        if self.state.ended() {
            return Err("ended");
        }
        let from = normal_address(from);
        let datagram = Unverified::parse(bytes).map_err(|e| e.reason())?;
        let header = *datagram.header();
        match header.kind {
            // R-FMT-03: hosts take answers only.
            kind if kind.code() & 0x80 == 0 => Err("direction"),
            Kind::Hint => self.hinted(now, from, &datagram),
            Kind::Announce => self.announced(now, from, arrival, &datagram),
            _ if !self.is_mine(&header) => Err("foreign"),
            Kind::Registered => self.take_registered(now, arrival, datagram),
            _ if header.session.0 == 0 => self.take_before_session(now, arrival, datagram),
            _ => self.take_in_session(now, arrival, datagram),
        }
    }

    /// Whether a header names this host.
    pub(super) fn is_mine(&self, header: &Header) -> bool {
        (header.realm, header.user, header.epoch) == (self.me.realm, self.me.user, self.me.epoch)
    }

    /// Under the key of the session that the outstanding REGISTER would begin.
    fn take_registered(&mut self, now: Instant, arrival: Arrival, datagram: Unverified<'_>) -> Dropped {
        let header = *datagram.header();
        let offered = self.contact.offered.as_ref().filter(|(id, _)| *id == header.session);
        let Some((_, key)) = offered.filter(|_| self.contact.awaits(header.sequence)) else {
            return Err("unasked");
        };
        let verified = open(key, datagram).ok_or("tag")?;
        if let Answer::Registered(registered) = verified.answer().map_err(|e| e.reason())? {
            self.proven(now);
            self.registered_by(now, arrival, &registered);
        }
        Ok(())
    }

    /// Under the user's key: answers to INIT, REGISTER and DISCOVER.
    fn take_before_session(&mut self, now: Instant, arrival: Arrival, datagram: Unverified<'_>) -> Dropped {
        let header = *datagram.header();
        let contacted = self.contact.awaits(header.sequence);
        let searched = self.search.nonce() == Some(header.sequence);
        let asked = match header.kind {
            Kind::Offer => searched,
            Kind::Reject => searched || contacted,
            _ => contacted,
        };
        if !asked {
            return Err("unasked");
        }
        let verified = open(&self.me.key, datagram).ok_or("tag")?;
        let answer = verified.answer().map_err(|e| e.reason())?;
        if let Answer::Challenge(short) = &answer
            && !self.takes_challenge(short)
        {
            return Err("unasked");
        }
        // Of a search an HMS can refuse only the key (R-DSC-04).
        if let Answer::Reject(short) = &answer
            && !contacted
            && !matches!(short.reject().0, RejectCode::Revoked | RejectCode::EpochRetired)
        {
            return Err("unasked");
        }
        self.proven(now);
        match answer {
            Answer::Offer(offer) => self.offered(now, arrival, &offer),
            Answer::Challenge(short) => self.contact_challenged(now, &short),
            Answer::Retry(short) => {
                let target = self.contact.target;
                self.contact_after(now, delay(&short), target);
            }
            Answer::Redirect(short) => self.contact_redirected(now, short.server()),
            Answer::Reject(short) => {
                let target = self.contact.target.filter(|_| contacted);
                self.rejected(now, short.reject(), target);
            }
            _ => return Err("unasked"),
        }
        Ok(())
    }

    /// Under the session's key.
    fn take_in_session(&mut self, now: Instant, arrival: Arrival, datagram: Unverified<'_>) -> Dropped {
        let header = *datagram.header();
        let Some(session) = self.session.as_ref().filter(|s| s.id == header.session) else {
            return Err("unasked");
        };
        let push = header.kind == Kind::Page && header.flags & flag::PUSH != 0;
        let request = self.requests.get(now, header.sequence);
        if push != (header.sequence == 0) || (request.is_none() && !push) {
            return Err("unasked");
        }
        let verified = open(&session.key, datagram).ok_or("tag")?;
        let answer = verified.answer().map_err(|e| e.reason())?;
        match (answer, request) {
            (Answer::Page(page), None) => self.pushed(now, &page),
            (answer, Some(request)) if fits(&answer, request.asked) => {
                self.answered(now, arrival, request, answer);
                Ok(())
            }
            _ => Err("unasked"),
        }
    }

    /// PAGE *push*: from the process that answered last, above all its numbers (R-AUT-22).
    fn pushed(&mut self, now: Instant, page: &PageMessage<'_>) -> Dropped {
        let Some(session) = &mut self.session else { return Err("unasked") };
        if session.heard.0 != page.incarnation || page.number <= session.heard.1 {
            return Err("unasked");
        }
        session.hear((page.incarnation, page.number));
        self.proven(now);
        if self.state == State::Registered && self.follows() {
            self.follow_push(now, page);
        }
        Ok(())
    }

    fn answered(&mut self, now: Instant, arrival: Arrival, request: Request, answer: Answer<'_>) {
        self.proven(now);
        if let Some(session) = &mut self.session {
            session.hear(answer.origin());
        }
        if self.state == State::Leaving {
            return self.answered_leaving(now, request, &answer);
        }
        match answer {
            Answer::Ack(ack) => self.acked(now, request, arrival, &ack),
            Answer::Page(page) if request.asked == Asked::Pull => {
                self.requests.close_all(Asked::Pull);
                self.pulled_page(now, &page.changes);
            }
            Answer::Page(page) => self.found_page(now, &page.changes),
            Answer::Digests(digests) => {
                self.requests.close_all(Asked::Pull);
                self.pulled_digests(now, &digests);
            }
            Answer::Challenge(short) => self.challenged(now, request, short.incarnation, short.argument),
            Answer::Superseded(short) => self.superseded_by(now, short.stamp(), request.target),
            Answer::Reregister(short) => self.register_anew(now, delay(&short), request.target),
            Answer::Retry(short) => self.retry(now, request, delay(&short)),
            Answer::Redirect(short) => self.redirected(now, request, short.server()),
            Answer::Reject(short) => self.rejected_in_session(now, request, short.reject()),
            Answer::Left(_) | Answer::Registered(_) | Answer::Offer(_) => {}
        }
    }

    fn answered_leaving(&mut self, now: Instant, request: Request, answer: &Answer<'_>) {
        match answer {
            Answer::Left(_) => self.left(true),
            Answer::Retry(short) if request.asked == Asked::Leave => self.retry(now, request, delay(short)),
            // Whatever else is said of a heartbeat that was on its way is of no interest any more.
            _ => self.requests.close(request.sequence),
        }
    }

    /// An answer whose tag holds and that was asked for.
    fn proven(&mut self, now: Instant) {
        self.heard = Some(now);
        self.store.last_answer = Some(self.wall_at(now));
        self.hints_void();
    }
}

/// Which answers a request can have (spec 2.2).
const fn fits(answer: &Answer<'_>, asked: Asked) -> bool {
    match answer {
        Answer::Ack(_) => matches!(asked, Asked::Beat(_)),
        Answer::Left(_) => matches!(asked, Asked::Leave),
        Answer::Page(_) => matches!(asked, Asked::Pull | Asked::Find),
        Answer::Digests(_) => matches!(asked, Asked::Pull),
        Answer::Registered(_) | Answer::Offer(_) => false,
        _ => true,
    }
}
