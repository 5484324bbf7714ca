//! PULL: one at a time, repeated at 250 ms, 500 ms and 1 s (R-DIR-07).

use super::Host;
use super::requests::Asked;
use super::timer::Timer;
use crate::ident::{Incarnation, Revision, UserId};
use crate::time::{Duration, Instant};
use crate::wire::{Buckets, Kind, Pull as PullBody, PullKind};

/// When it is sent, counted from its begin.
pub(super) const TIMES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];
/// After this the host waits for its next heartbeat.
pub(super) const GIVE_UP: Duration = Duration::from_secs(2);

/// What is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The changes behind the copy's revision.
    Delta,
    Digests,
    Copy {
        cursor: UserId,
        buckets: Buckets,
        /// Of the first page.
        revision: Option<Revision>,
    },
}

impl What {
    /// The whole view from its begin.
    pub(super) fn all() -> Self {
        Self::Copy { cursor: UserId::default(), buckets: Buckets::ALL, revision: None }
    }
}

/// A PULL under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull {
    pub(super) what: What,
    begun: Instant,
    sent: usize,
}

impl Host {
    /// Pulls this instead of what was being pulled, except that a copy under way is finished before its delta.
    pub(super) fn start_pull(&mut self, now: Instant, what: What) {
        match what {
            // While the rows are a mixture, no delta fits them.
            What::Copy { .. } => self.follow.copy.adopt(Revision(0)),
            // It brings whatever was missed until now.
            What::Delta => self.follow.missed = false,
            What::Digests => {}
        }
        self.requests.close_all(Asked::Pull);
        self.follow.pull = Some(Pull { what, begun: now, sent: 0 });
        self.send_pull(now);
    }

    /// Nothing more is to be pulled.
    pub(super) fn end_pull(&mut self) {
        self.follow.pull = None;
        self.follow.missed = false;
        self.requests.close_all(Asked::Pull);
        self.timers.stop(Timer::Pull);
    }

    /// Sends it again after a wait that the HMS asked for.
    pub(super) fn defer_pull(&mut self, until: Instant) {
        if let Some(pull) = &mut self.follow.pull {
            (pull.begun, pull.sent) = (until, 0);
            self.timers.set(Timer::Pull, until);
        }
    }

    /// Sends what is being pulled again at once: the HMS now knows the host.
    pub(super) fn resume_pull(&mut self, now: Instant) {
        if let Some(what) = self.follow.pull.as_ref().map(|pull| pull.what) {
            self.start_pull(now, what);
        }
    }

    pub(super) fn pull_due(&mut self, now: Instant) {
        match &self.follow.pull {
            Some(pull) if now.since(pull.begun) >= GIVE_UP => self.end_pull(),
            Some(_) => self.send_pull(now),
            None => {}
        }
    }

    fn send_pull(&mut self, now: Instant) {
        let Some(target) = self.session.as_ref().map(|s| s.target) else { return };
        let Some(pull) = &mut self.follow.pull else { return };
        pull.sent += 1;
        let (what, begun, sent) = (pull.what, pull.begun, pull.sent);
        self.timers.set(Timer::Pull, begun + TIMES.get(sent).copied().unwrap_or(GIVE_UP));
        let incarnation = self.addressed(target);
        self.ask(now, (Kind::Pull, 0), (Asked::Pull, target), |host, buf| {
            body(what, incarnation, host.follow.revision_for(incarnation)).emit(buf);
        });
    }
}

fn body(what: What, incarnation: Incarnation, revision: Revision) -> PullBody {
    let (kind, cursor, buckets) = match what {
        What::Delta => (PullKind::Delta, UserId::default(), None),
        What::Digests => (PullKind::Digests, UserId::default(), None),
        What::Copy { cursor, buckets, .. } => {
            (PullKind::Copy, cursor, Some(buckets).filter(|b| *b != Buckets::ALL))
        }
    };
    PullBody { incarnation, revision, cursor, kind, buckets }
}
