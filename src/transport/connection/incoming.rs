//! What a link does with a datagram.

use super::{Connection, Phase};
use crate::time::Instant;
use crate::transport::ack::AckFrame;
use crate::transport::datagram::{DataHead, Datagram, Head};
use crate::transport::drops::DropReason;
use crate::transport::event::{CloseCode, CloseReason, Peer};
use crate::transport::frame::{Frame, Frames};
use crate::transport::keys::Side;
use crate::transport::limits::{BAD_TAGS_MAX, DATA_HEADER, NUMBER_END};
use crate::transport::receiving::Refused;
use crate::transport::recovery::Outcome;
use crate::transport::route::Route;

impl Connection {
    /// Takes a datagram that names this link's session. What is decrypted stands in `bytes` afterwards.
    pub(in crate::transport) fn handle_datagram(
        &mut self,
        now: Instant,
        from: Route,
        bytes: &mut [u8],
    ) -> Result<(), DropReason> {
        let datagram = Datagram::parse(bytes)?;
        if !self.route.takes(from) {
            return Err(DropReason::Address);
        }
        match datagram {
            Datagram::Cookie(head) => match &mut self.phase {
                Phase::Dialing(dial) => dial.cookie(now, &head, bytes),
                _ => Err(DropReason::Unasked),
            },
            Datagram::Welcome(head) => self.welcome(now, &head, bytes),
            Datagram::Data(head) => self.data(now, &head, bytes),
            Datagram::Hello(_) | Datagram::Reset => Err(DropReason::Unasked),
        }
    }

    /// Whether it is an attempt over that way to which nobody has answered with a tag that holds.
    pub(in crate::transport) fn is_unanswered(&self, from: Route) -> bool {
        matches!(&self.phase, Phase::Dialing(dial) if dial.is_unanswered()) && self.route.takes(from)
    }

    fn welcome(&mut self, now: Instant, head: &Head, bytes: &[u8]) -> Result<(), DropReason> {
        let Phase::Dialing(dial) = &self.phase else { return Err(DropReason::Unasked) };
        let answer = dial.welcome(now, head, bytes)?;
        let (target, party, took) = (dial.target(), answer.party, answer.took);
        if target.0 != 0 && target != party.server {
            self.drain(CloseReason::AnotherServer(party.server));
            return Ok(());
        }
        self.keys = Some(dial.secret.link(head.attempt, &dial.hello.party, &party, Side::Initiator));
        if self.key_log {
            let (secret, own) = (dial.secret.clone(), dial.hello.party);
            self.log_keys(&secret, head.attempt, &own, &party);
        }
        (self.distant, self.met) = (party.session, answer.met);
        let (server, incarnation) = (party.server, party.incarnation);
        self.peer = Some(Peer { server, incarnation, key: self.key, side: Side::Initiator });
        if let Some(took) = took {
            self.recovery.handshake_sample(now, took);
        }
        self.open(now);
        self.ping = true;
        Ok(())
    }

    /// The peer has proven itself.
    fn open(&mut self, now: Instant) {
        self.phase = Phase::Open;
        (self.heard, self.opened, self.connected) = (now, Some(now), true);
        self.recovery.opened(now);
    }

    fn data(&mut self, now: Instant, head: &DataHead, bytes: &mut [u8]) -> Result<(), DropReason> {
        if head.number >= NUMBER_END {
            return Err(DropReason::Tag);
        }
        let (header, body) = bytes.split_at_mut_checked(DATA_HEADER).ok_or(DropReason::Length)?;
        let keys = self.keys.as_mut().filter(|_| !matches!(self.phase, Phase::Drained));
        let Some(plain) = keys.ok_or(DropReason::Session)?.receive.open(head.number, header, body) else {
            self.bad_tags += 1;
            if self.bad_tags >= BAD_TAGS_MAX {
                self.close(now, CloseCode::USED_UP, "");
            }
            return Err(DropReason::Tag);
        };
        if !self.received.is_new(head.number) {
            return Err(DropReason::Replay);
        }
        match &mut self.phase {
            Phase::HalfOpen(_) => self.open(now),
            Phase::Closing(closing) => {
                closing.packets += 1;
                closing.due |= closing.packets.is_power_of_two();
                return Ok(());
            }
            _ => {}
        }
        self.stats.received += 1;
        self.frames(now, head.number, plain)?;
        // Not if it was refused: its number is free then, and a replay would keep the link from being silent.
        self.heard = now;
        Ok(())
    }

    fn frames(&mut self, now: Instant, number: u64, plain: &[u8]) -> Result<(), DropReason> {
        let mut eliciting = false;
        // To the end before anything of it is used (R-TRN-33).
        for frame in Frames::new(plain) {
            match frame {
                Ok(frame) => eliciting |= frame.eliciting(),
                Err(malformed) => {
                    self.close(now, CloseCode::MALFORMED, &malformed.to_string());
                    return Ok(());
                }
            }
        }
        for frame in Frames::new(plain).flatten() {
            if !matches!(self.phase, Phase::Open) {
                return Ok(());
            }
            self.frame(now, frame)?;
        }
        self.received.take(now, number, eliciting);
        Ok(())
    }

    fn frame(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), DropReason> {
        match frame {
            Frame::Padding | Frame::Ping | Frame::Extension(_) => {}
            Frame::Ack(ack) => self.ack(now, &ack),
            Frame::Credit { stream, limit } => {
                if let Some(stream) = self.outward.get_mut(stream.index()) {
                    stream.credit(limit);
                }
            }
            Frame::Close { code, reason } => {
                self.drain(CloseReason::There(CloseCode(code), reason.to_owned()));
            }
            Frame::Message { stream, offset, bytes } => {
                let Some(stream) = self.inward.get_mut(stream.index()) else { return Ok(()) };
                match stream.check(offset, bytes.len()) {
                    Ok(()) => stream.take(offset, bytes),
                    Err(Refused::Room) => return Err(DropReason::Room),
                    Err(Refused::Credit) => {
                        self.close(now, CloseCode::CREDIT, "");
                        return Ok(());
                    }
                }
                if !stream.sound() {
                    self.close(now, CloseCode::MESSAGE, "");
                }
            }
        }
        Ok(())
    }

    fn ack(&mut self, now: Instant, ack: &AckFrame<'_>) {
        if !ack.ranges().all(|(low, high)| self.numbers.were_sent(low, high)) {
            self.close(now, CloseCode::ACK, "");
            return;
        }
        let Self { recovery, outward, credit_again, .. } = self;
        let mut told = 0;
        recovery.acknowledge(now, ack, |outcome| {
            if let Outcome::Acknowledged(packet) = outcome {
                told = told.max(packet.told);
            }
            settle(outward, credit_again, outcome);
        });
        self.received.known_below(told);
    }
}

/// Passes on what became of a packet to the streams whose bytes were in it.
pub(super) fn settle(
    outward: &mut [crate::transport::sending::Sending; 3],
    credit_again: &mut [bool; 3],
    outcome: Outcome<'_>,
) {
    let (packet, arrived) = match outcome {
        Outcome::Acknowledged(packet) => (packet, true),
        Outcome::Lost(packet) => (packet, false),
    };
    for piece in packet.pieces() {
        let Some(stream) = outward.get_mut(piece.stream.index()) else { continue };
        let end = piece.offset + u64::from(piece.len);
        if arrived { stream.acknowledge(piece.offset, end) } else { stream.lose(piece.offset, end) }
    }
    if !arrived {
        for (stream, again) in credit_again.iter_mut().enumerate() {
            *again |= packet.credits & (1 << stream) != 0;
        }
    }
}
