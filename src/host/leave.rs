//! LEAVE: at 0, 250 ms and 1 s; LEFT, or 2 s, ends it (R-REG-42).

use super::requests::Asked;
use super::timer::Timer;
use super::{Event, Host, State};
use crate::time::{Duration, Instant};
use crate::wire::{Kind, Leave as Body};

/// When LEAVE is sent, counted from the first, and when the host gives up.
const TIMES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(2)];

/// LEAVEs sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    begun: Instant,
    sent: usize,
}

impl Host {
    /// Unregisters; ends with [`Event::Left`].
    pub fn leave(&mut self, now: Instant) {
        match self.state {
            State::Leaving | State::Left | State::Refused | State::Superseded => return,
            State::Registered | State::Searching => {}
            // A REGISTER may be on its way: the session that it would begin is left as well.
            State::Registering => self.session_of_contact(now),
            State::Seeking | State::Contacting => return self.left(false),
        }
        self.end_contact();
        self.end_pull();
        self.stop_beats();
        self.search.stop();
        self.probes.cancel();
        self.state = State::Leaving;
        self.leaving = Some(Leaving { begun: now, sent: 0 });
        self.send_leave(now);
    }

    fn session_of_contact(&mut self, now: Instant) {
        if let (Some((id, key)), Some(target)) = (self.contact.offered.take(), self.contact.target) {
            let (stamp, since) = (self.store.last_stamp, self.wall_at(now));
            self.session = Some(super::session::Session::new(id, key, stamp, target, since));
        }
    }

    fn send_leave(&mut self, now: Instant) {
        let Some(leaving) = &mut self.leaving else { return };
        leaving.sent += 1;
        let next = leaving.begun + TIMES.get(leaving.sent).copied().unwrap_or_default();
        self.timers.set(Timer::Leave, next);
        let Some(current) = self.session.as_ref().map(|s| s.target) else { return self.left(false) };
        // One HMS that answers is enough; to which the host belongs they sort out among themselves.
        for target in self.routes.pass(current) {
            self.ask(now, (Kind::Leave, 0), (Asked::Leave, target), |_, buf| Body.emit(buf));
        }
    }

    pub(super) fn leave_due(&mut self, now: Instant) {
        match &self.leaving {
            Some(leaving) if leaving.sent + 1 < TIMES.len() => self.send_leave(now),
            Some(_) => self.left(false),
            None => {}
        }
    }

    /// The host is gone; `confirmed` if the HMS said so.
    pub(super) fn left(&mut self, confirmed: bool) {
        self.leaving = None;
        self.finish(State::Left);
        self.persist_now();
        self.events.push_back(Event::Left { confirmed });
    }
}
