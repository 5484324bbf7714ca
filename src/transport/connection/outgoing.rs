//! What a link has to send.

use super::incoming::settle;
use super::{Closing, Connection, Phase};
use crate::time::Instant;
use crate::transport::datagram::DataHead;
use crate::transport::event::{CloseCode, Priority};
use crate::transport::frame::{CREDIT_LEN, Frame, MESSAGE_OVERHEAD, message_head};
use crate::transport::limits::{
    ACK_RANGES, DATA_HEADER, DATAGRAM_MAX, DATAGRAM_MIN, PIECE_LEAST, PIECES_MAX, TAG_LEN,
};
use crate::transport::recovery::Outcome;
use crate::transport::route::Transmit;
use crate::transport::sending::Sending;
use crate::transport::sent::{Fate, Piece, Sent};

/// Where the frames of a packet must end.
const FRAMES_END: usize = DATAGRAM_MAX - TAG_LEN;

impl Connection {
    /// Writes the next datagram into `buf`, instead of what stands there.
    pub(in crate::transport) fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        buf.clear();
        if let Some(code) = self.fault.take() {
            self.close(now, code, "");
        }
        let written = match &mut self.phase {
            Phase::Dialing(dial) => dial.transmit(now, buf),
            Phase::HalfOpen(half) => {
                let due = std::mem::take(&mut half.due);
                if due {
                    half.welcome.emit(&half.head, &half.secret, buf);
                }
                due
            }
            Phase::Open => self.packet(now, buf) || self.farewell(buf),
            Phase::Closing(_) => self.farewell(buf),
            Phase::Drained => false,
        };
        if !written {
            return None;
        }
        self.stats.sent += 1;
        self.stats.bytes_sent += buf.len() as u64;
        Some(Transmit { to: self.route.remote, socket: self.route.socket, len: buf.len() })
    }

    /// Whether something eliciting waits.
    fn has_work(&self) -> bool {
        self.ping
            || self.credit_again.contains(&true)
            || self.outward.iter().any(Sending::has_work)
            || self.inward.iter().any(|stream| stream.credit().1)
    }

    /// Whether window and pacing allow a packet.
    fn may_send(&mut self, now: Instant) -> bool {
        if !self.recovery.window_open() {
            // At the bound of the log it is not the window that holds the sender back.
            self.recovery.limited &= !self.recovery.window_full();
            return false;
        }
        let rate = self.recovery.controller().rate(self.recovery.rtt.smoothed());
        self.pace_at = self.pacer.wait(now, rate);
        if self.pace_at.is_some() {
            self.recovery.limited = false;
        }
        self.pace_at.is_none()
    }

    /// Writes a DATA packet if there is reason to.
    fn packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        self.pace_at = None;
        let probe = self.recovery.probes > 0;
        let work = self.has_work();
        if !work && !probe {
            self.recovery.limited = true;
        }
        let eliciting = probe || (work && self.may_send(now));
        let answer = self.received.due().is_some_and(|at| at <= now);
        if !eliciting && !answer {
            return false;
        }
        if self.numbers.used_up() {
            self.close(now, CloseCode::USED_UP, "");
            return false;
        }
        let number = self.numbers.take();
        buf.extend_from_slice(&DataHead { number, session: self.distant }.emit());
        let mut space = [0; (ACK_RANGES - 1) * 8];
        let mut told = 0;
        if let Some(ack) = self.received.frame(now, eliciting, &mut space) {
            told = ack.largest + 1;
            Frame::Ack(ack).emit(buf);
            self.received.answered();
        }
        self.sent_as = match (probe, eliciting) {
            (true, _) => "probe",
            (_, true) => "content",
            _ => "ack",
        };
        let sent = eliciting.then(|| self.content(now, number, probe, buf));
        if !self.seal(number, buf) {
            return false;
        }
        if let Some(mut sent) = sent {
            sent.told = told;
            sent.size = u16::try_from(buf.len()).unwrap_or(u16::MAX);
            self.pacer.spend(sent.size.into());
            self.recovery.sent(now, sent);
        }
        true
    }

    /// Writes the eliciting frames; a probe for which no bytes wait takes those of the oldest packet (R-TRN-43).
    fn content(&mut self, now: Instant, number: u64, probe: bool, buf: &mut Vec<u8>) -> Sent {
        let again = probe && !self.outward.iter().any(Sending::has_work);
        if again && let Some(oldest) = self.recovery.oldest() {
            settle(&mut self.outward, &mut self.credit_again, Outcome::Lost(&oldest));
        }
        let credits = self.credits(buf);
        let pieces = self.pieces(buf);
        if std::mem::take(&mut self.ping) || (credits == 0 && pieces == [None; PIECES_MAX]) {
            Frame::Ping.emit(buf);
        }
        Sent { number, at: now, size: 0, fate: Fate::Flying, credits, told: 0, pieces }
    }

    fn credits(&mut self, buf: &mut Vec<u8>) -> u8 {
        let mut told = 0;
        for (stream, (inward, again)) in
            Priority::ALL.into_iter().zip(self.inward.iter_mut().zip(&mut self.credit_again))
        {
            let (limit, due) = inward.credit();
            if (due || *again) && buf.len() + CREDIT_LEN < FRAMES_END {
                Frame::Credit { stream, limit }.emit(buf);
                inward.granted(limit);
                *again = false;
                told |= 1 << stream.code();
            }
        }
        told
    }

    /// Fills the packet, the most urgent stream first (R-TRN-36).
    fn pieces(&mut self, buf: &mut Vec<u8>) -> [Option<Piece>; PIECES_MAX] {
        let mut pieces = [None; PIECES_MAX];
        for slot in &mut pieces {
            // One byte is left for a PING.
            let room = FRAMES_END.saturating_sub(buf.len() + MESSAGE_OVERHEAD + 1);
            if room < PIECE_LEAST {
                break;
            }
            let mut streams = Priority::ALL.into_iter().zip(self.outward.iter_mut());
            let Some((stream, outward)) = streams.find(|(_, outward)| outward.has_work()) else { break };
            let Some((offset, len)) = outward.next(room) else { break };
            message_head(buf, stream, offset, len.into());
            let start = buf.len();
            buf.resize(start + usize::from(len), 0);
            if let Some(to) = buf.get_mut(start..) {
                outward.read(offset, to);
            }
            *slot = Some(Piece { offset, len, stream });
        }
        pieces
    }

    /// Pads and encrypts what stands in `buf`.
    fn seal(&mut self, number: u64, buf: &mut Vec<u8>) -> bool {
        if buf.len() < DATAGRAM_MIN - TAG_LEN {
            buf.resize(DATAGRAM_MIN - TAG_LEN, 0);
        }
        let Some((header, body)) = buf.split_at_mut_checked(DATA_HEADER) else { return false };
        let Some(tag) = self.keys.as_mut().and_then(|keys| keys.send.seal(number, header, body)) else {
            return false;
        };
        buf.extend_from_slice(&tag);
        true
    }

    /// Writes CLOSE if it is due.
    fn farewell(&mut self, buf: &mut Vec<u8>) -> bool {
        let Phase::Closing(closing) = &mut self.phase else { return false };
        if !std::mem::take(&mut closing.due) {
            return false;
        }
        self.sent_as = "close";
        let number = self.numbers.take();
        let Phase::Closing(Closing { code, reason, .. }) = &self.phase else { return false };
        buf.extend_from_slice(&DataHead { number, session: self.distant }.emit());
        Frame::Close { code: code.0, reason }.emit(buf);
        self.seal(number, buf)
    }
}
