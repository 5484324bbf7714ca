//! What was lost, when to probe, and what that means for the window (R-TRN-42 to R-TRN-44, R-TRN-52).

use super::ack::AckFrame;
use super::congestion::Controller;
use super::limits::{LATE, MSS, PACKET_THRESHOLD, PERSISTENT, PROBE_WAIT_MAX, PROBES, SENT_MAX};
use super::rtt::Rtt;
use super::sent::{Fate, Log, Sent};
use crate::time::{Duration, Instant};

/// What became of packets, for whoever knows what was in them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'a> {
    Acknowledged(&'a Sent),
    Lost(&'a Sent),
}

/// The sender's knowledge of its packets.
pub(super) struct Recovery {
    log: Log,
    pub(super) rtt: Rtt,
    controller: Box<dyn Controller>,
    in_flight: u64,
    flying: usize,
    largest_acked: Option<u64>,
    /// The earliest packet that time alone will make lost.
    loss_at: Option<Instant>,
    backoff: u32,
    last_eliciting: Instant,
    /// When something in flight was last acknowledged, or flew alone.
    answered: Instant,
    first_sample: Option<Instant>,
    /// Probes that may go now.
    pub(super) probes: u8,
    /// The sender had less to send than it might.
    pub(super) limited: bool,
    pub(super) lost_packets: u64,
}

impl Recovery {
    pub(super) fn new(now: Instant, controller: Box<dyn Controller>) -> Self {
        Self {
            log: Log::default(),
            rtt: Rtt::new(),
            controller,
            in_flight: 0,
            flying: 0,
            largest_acked: None,
            loss_at: None,
            backoff: 0,
            last_eliciting: now,
            answered: now,
            first_sample: None,
            probes: 0,
            limited: false,
            lost_packets: 0,
        }
    }

    /// A sample from the handshake.
    pub(super) fn handshake_sample(&mut self, now: Instant, took: Duration) {
        self.rtt.sample(took, Duration::ZERO);
        self.first_sample.get_or_insert(now);
    }

    /// The link is open: PING and probes count from here.
    pub(super) const fn opened(&mut self, now: Instant) {
        self.last_eliciting = now;
    }

    pub(super) fn controller(&self) -> &dyn Controller {
        &*self.controller
    }

    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether a full packet more may be in flight.
    pub(super) fn window_open(&self) -> bool {
        !self.window_full() && self.log.len() < SENT_MAX
    }

    /// Whether it is the window that allows no full packet more.
    pub(super) fn window_full(&self) -> bool {
        self.in_flight + MSS > self.controller.window()
    }

    pub(super) fn memory(&self) -> usize {
        self.log.memory()
    }

    /// When this side last sent something eliciting.
    pub(super) const fn last_eliciting(&self) -> Instant {
        self.last_eliciting
    }

    /// An eliciting packet goes out.
    pub(super) fn sent(&mut self, now: Instant, packet: Sent) {
        if self.flying == 0 {
            self.answered = now;
        }
        self.in_flight += u64::from(packet.size);
        self.flying += 1;
        self.last_eliciting = now;
        self.probes = self.probes.saturating_sub(1);
        self.controller.sent(now, packet.size.into(), self.in_flight);
        self.log.push(packet);
    }

    /// Takes an ACK whose numbers were all sent.
    pub(super) fn acknowledge(
        &mut self,
        now: Instant,
        ack: &AckFrame<'_>,
        mut tell: impl FnMut(Outcome<'_>),
    ) {
        let mut newest: Option<Sent> = None;
        let (limited, smoothed) = (self.limited, self.rtt.smoothed());
        let mut anything = false;
        for (low, high) in ack.ranges() {
            for packet in self.log.between(low, high) {
                let before = std::mem::replace(&mut packet.fate, Fate::Acknowledged);
                match before {
                    Fate::Acknowledged => continue,
                    Fate::Lost => {}
                    Fate::Flying => {
                        self.in_flight -= u64::from(packet.size);
                        self.flying -= 1;
                        self.controller.acknowledged(now, packet.at, packet.size.into(), limited, smoothed);
                        anything = true;
                        if newest.is_none_or(|newest| newest.number < packet.number) {
                            newest = Some(*packet);
                        }
                    }
                }
                tell(Outcome::Acknowledged(packet));
            }
        }
        self.largest_acked = self.largest_acked.max(Some(ack.largest));
        if let Some(newest) = newest.filter(|newest| newest.number == ack.largest) {
            self.rtt.sample(now.since(newest.at), ack.delay);
            self.first_sample.get_or_insert(now);
        }
        if anything {
            (self.backoff, self.probes, self.answered) = (0, 0, now);
            self.find_lost(now, tell);
        }
    }

    /// Declares lost what is (R-TRN-42).
    fn find_lost(&mut self, now: Instant, mut tell: impl FnMut(Outcome<'_>)) {
        let Some(largest) = self.largest_acked else { return };
        let loss_time = self.rtt.loss_time();
        let mut span = Span::new(self.first_sample, self.rtt.pto() * PERSISTENT);
        let (mut bytes, mut latest) = (0, None);
        self.loss_at = None;
        for packet in self.log.iter_mut().take_while(|packet| packet.number < largest) {
            if packet.fate != Fate::Flying {
                span.interrupted(packet.fate);
                continue;
            }
            let lost_at = packet.at + loss_time;
            if largest - packet.number < PACKET_THRESHOLD && lost_at > now {
                self.loss_at = Some(self.loss_at.map_or(lost_at, |at| at.min(lost_at)));
                continue;
            }
            packet.fate = Fate::Lost;
            self.in_flight -= u64::from(packet.size);
            self.flying -= 1;
            self.lost_packets += 1;
            bytes += u64::from(packet.size);
            latest = latest.max(Some(packet.at));
            span.lost(packet.at);
            tell(Outcome::Lost(packet));
        }
        if let Some(latest) = latest {
            self.controller.lost(now, latest, bytes);
        }
        if span.persistent {
            self.controller.persistent();
        }
        self.log.trim(largest.saturating_sub(LATE));
    }

    /// When to look again, if nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.loss_at.or_else(|| (self.flying > 0).then(|| self.last_eliciting + self.probe_wait()))
    }

    /// The wait for the next probe (R-TRN-43).
    pub(super) fn probe_wait(&self) -> Duration {
        let pto = self.rtt.pto();
        pto.saturating_mul(1 << self.backoff.min(16)).min(PROBE_WAIT_MAX.max(pto))
    }

    /// Since when nothing in flight was acknowledged, if something is.
    pub(super) fn unanswered(&self) -> Option<Instant> {
        (self.flying > 0).then_some(self.answered)
    }

    /// Time has passed: what is lost by it is told, or probes are allowed. Says whether it was time for probes.
    pub(super) fn timeout(&mut self, now: Instant, tell: impl FnMut(Outcome<'_>)) -> bool {
        if self.deadline().is_none_or(|at| at > now) {
            return false;
        }
        if self.loss_at.is_some() {
            self.find_lost(now, tell);
            return false;
        }
        if self.probes > 0 {
            // They wait to be sent: another call at this time is no second timeout.
            return false;
        }
        self.backoff = self.backoff.saturating_add(1);
        self.probes = PROBES;
        true
    }

    /// The oldest packet in flight, for a probe.
    pub(super) fn oldest(&self) -> Option<Sent> {
        self.log.oldest().copied()
    }

    #[cfg(test)]
    pub(super) const fn backoff(&self) -> u32 {
        self.backoff
    }
}

/// Looks for a time in which nothing came through (R-TRN-52).
struct Span {
    after: Option<Instant>,
    length: Duration,
    began: Option<Instant>,
    persistent: bool,
}

impl Span {
    const fn new(after: Option<Instant>, length: Duration) -> Self {
        Self { after, length, began: None, persistent: false }
    }

    const fn interrupted(&mut self, fate: Fate) {
        if matches!(fate, Fate::Acknowledged) {
            self.began = None;
        }
    }

    fn lost(&mut self, at: Instant) {
        if self.after.is_none_or(|after| at <= after) {
            return;
        }
        let began = *self.began.get_or_insert(at);
        self.persistent |= at.since(began) >= self.length;
    }
}
