//! Requests of the session that wait for their answer: only those may be answered (R-AUT-22).

use std::collections::VecDeque;

use super::routes::Target;
use crate::time::{Duration, Instant};

/// Open requests at most; the oldest is given up first.
const MAX: usize = 64;
/// After this an answer is too old to be taken.
const KEPT: Duration = Duration::from_secs(60);

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// HEARTBEAT, with the version of the content that went with it, if any.
    Beat(Option<u32>),
    /// PULL.
    Pull,
    /// FIND.
    Find,
    /// LEAVE.
    Leave,
}

/// One open request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) sequence: u64,
    pub(super) asked: Asked,
    pub(super) target: Target,
    pub(super) sent: Instant,
}

impl Request {
    fn is_old(&self, now: Instant) -> bool {
        now.since(self.sent) > KEPT
    }
}

/// The open requests in the order of their sequences.
#[derive(Debug, Default)]
pub(super) struct Requests(VecDeque<Request>);

impl Requests {
    /// Adds one that is sent now.
    pub(super) fn open(&mut self, request: Request) {
        while self.0.len() >= MAX || self.0.front().is_some_and(|r| r.is_old(request.sent)) {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }

    /// The request with this sequence, if an answer that comes now is not too late.
    pub(super) fn get(&self, now: Instant, sequence: u64) -> Option<Request> {
        self.0.iter().find(|r| r.sequence == sequence && !r.is_old(now)).copied()
    }

    /// Closes one: it is answered.
    pub(super) fn close(&mut self, sequence: u64) {
        self.0.retain(|r| r.sequence != sequence);
    }

    /// Closes the heartbeats up to this sequence: a later one was answered.
    pub(super) fn close_beats(&mut self, up_to: u64) {
        self.0.retain(|r| !matches!(r.asked, Asked::Beat(_)) || r.sequence > up_to);
    }

    /// Closes all that ask for this.
    pub(super) fn close_all(&mut self, asked: Asked) {
        self.0.retain(|r| r.asked != asked);
    }

    /// Whether an open heartbeat carries this version of the content.
    pub(super) fn carries(&self, version: u32) -> bool {
        self.0.iter().any(|r| r.asked == Asked::Beat(Some(version)))
    }

    /// Closes all: the session ended.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
