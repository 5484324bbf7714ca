//! Heartbeats: when they are sent, to whom, and what their answers do (R-REG-30 to R-REG-36).

use super::allowance::Allowance;
use super::requests::{Asked, Request};
use super::routes::Target;
use super::timer::Timer;
use super::{Event, Host, State};
use crate::chance::{self, Backoff};
use crate::ident::{Incarnation, ServerId};
use crate::limits::CHALLENGE_ECHOES;
use crate::net::Arrival;
use crate::time::{Duration, Instant};
use crate::wire::{Ack, Heartbeat, Kind};

/// Longest back-off while no HMS answers (R-REG-34).
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(120);
/// A deadline missed by this much means that the process did not run.
const SLEPT: Duration = Duration::from_secs(2);
/// Shortest.
pub(super) const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// The heartbeat cycle.
#[derive(Debug)]
pub(super) struct Beat {
    attempt: Option<Attempt>,
    /// HMSs that did not answer since one did.
    tried: usize,
    /// Attempts since the search began.
    round: usize,
    /// A challenge to be echoed, to whom.
    cookie: Option<(u64, Target)>,
    /// The directory is asked for (mode on-request).
    want: bool,
    /// The first heartbeat that asked for it.
    want_since: Option<u64>,
    backoff: Backoff,
    echoes: Allowance<{ CHALLENGE_ECHOES as usize }>,
    /// Heartbeats that answers made the host send at once, other than echoes.
    extras: Allowance<4>,
}

/// Heartbeats to the same HMSs until one answers.
#[derive(Debug)]
struct Attempt {
    begun: Instant,
    sent: usize,
    targets: Vec<Target>,
}

impl Beat {
    pub(super) const fn new() -> Self {
        Self {
            attempt: None,
            tried: 0,
            round: 0,
            cookie: None,
            want: false,
            want_since: None,
            backoff: Backoff::NEW,
            echoes: Allowance::new(),
            extras: Allowance::new(),
        }
    }
}

/// Offset of heartbeat number `sent` of an attempt, and of giving up, with check time `t` (R-REG-34).
fn times(t: Duration, sent: usize) -> Duration {
    let fifths = |s: u64, fifths: u32| Duration::from_secs(s).min(t.saturating_mul(fifths) / 5);
    match sent {
        0 => Duration::ZERO,
        1 => fifths(1, 1),
        2 => fifths(2, 2),
        _ => fifths(4, 4),
    }
}

impl Host {
    /// The process behind a target: 0 if unknown (R-REG-35).
    pub(super) fn addressed(&self, target: Target) -> Incarnation {
        let last = self.session.as_ref().filter(|s| s.target == target).map(|s| s.heard.0);
        self.routes.incarnation(target).or(last).unwrap_or_default()
    }

    /// The next heartbeat is due at `at`.
    pub(super) fn beat_at(&mut self, at: Instant) {
        self.beat.attempt = None;
        self.timers.set(Timer::Beat, at);
    }

    fn beat_in_interval(&mut self, now: Instant) {
        let interval = chance::around(&mut self.rng, self.told.check_time, 10);
        self.beat_at(now + interval);
    }

    /// Begins an attempt at once: with the HMS that answered last, while searching with all.
    pub(super) fn beat_now(&mut self, now: Instant) {
        let Some(current) = self.session.as_ref().map(|s| s.target) else { return };
        let targets = if self.state == State::Searching {
            self.beat.round = self.beat.round.wrapping_add(1);
            self.routes.round(self.beat.round.wrapping_sub(1), current)
        } else {
            let pass = self.routes.pass(current);
            vec![pass.get(self.beat.tried).copied().unwrap_or(current)]
        };
        self.beat_to(now, targets);
    }

    /// There is something new to say. An attempt under way goes on as it is, with one heartbeat more, or whoever sets
    /// something again and again would never turn to the next HMS.
    pub(super) fn beat_also(&mut self, now: Instant) {
        let Some(attempt) = &self.beat.attempt else { return self.beat_now(now) };
        for target in attempt.targets.clone() {
            self.send_beat(now, target);
        }
    }

    /// Begins an attempt with these HMSs.
    pub(super) fn beat_to(&mut self, now: Instant, targets: Vec<Target>) {
        if matches!(self.state, State::Registered | State::Searching) {
            self.beat.attempt = Some(Attempt { begun: now, sent: 0, targets });
            self.send_beats(now);
        }
    }

    pub(super) fn beat_due(&mut self, now: Instant) {
        let t = self.told.check_time;
        match &self.beat.attempt {
            None => self.beat_now(now),
            // The machine slept: what was sent before is no test of the HMS.
            Some(attempt) if now.since(attempt.begun) >= times(t, usize::MAX) + SLEPT => self.beat_now(now),
            Some(attempt) if now.since(attempt.begun) >= times(t, usize::MAX) => self.unanswered(now),
            Some(_) => self.send_beats(now),
        }
    }

    fn send_beats(&mut self, now: Instant) {
        let Some(attempt) = &mut self.beat.attempt else { return };
        attempt.sent += 1;
        let next = attempt.begun + times(self.told.check_time, attempt.sent);
        let targets = attempt.targets.clone();
        self.timers.set(Timer::Beat, next);
        for target in targets {
            self.send_beat(now, target);
        }
    }

    fn send_beat(&mut self, now: Instant, target: Target) {
        let flags = self.heartbeat(target).flags();
        let asked = Asked::Beat(self.own.is_due().then_some(self.own.version));
        let sequence = self.ask(now, (Kind::Heartbeat, flags), (asked, target), |host, buf| {
            host.heartbeat(target).emit(buf);
        });
        if self.beat.want {
            self.beat.want_since = self.beat.want_since.or(sequence);
        }
    }

    fn heartbeat(&self, target: Target) -> Heartbeat<'_> {
        let incarnation = self.addressed(target);
        let own = &self.own;
        Heartbeat {
            content_version: own.version,
            incarnation,
            revision: self.follow.revision_for(incarnation),
            digest: self.follow.copy.root(),
            cookie: self.beat.cookie.filter(|(_, to)| *to == target).map(|(cookie, _)| cookie),
            want: self.beat.want,
            content: own.is_due().then(|| (own.bytes(), own.view.clone(), own.push)),
        }
    }

    /// The next HMS of the list; after the last one the search begins (R-REG-34).
    fn unanswered(&mut self, now: Instant) {
        self.beat.attempt = None;
        self.beat.cookie = None;
        self.beat.tried += 1;
        let pass = self.session.as_ref().map_or(0, |s| self.routes.pass(s.target).len());
        if self.state == State::Registered && self.beat.tried < pass {
            return self.beat_now(now);
        }
        if self.state == State::Registered {
            self.state = State::Searching;
            self.beat.round = 0;
            self.end_pull();
            self.events.push_back(Event::Lost);
            self.persist_soon(now);
            if !self.me.addressed {
                self.search.start(now, &mut self.rng);
            }
        }
        let check_time = self.told.check_time;
        // With the attempt itself less than 1.4 T: an HMS that stood still hears of the host before its row goes.
        let in_time = (check_time * 13 / 10).saturating_sub(times(check_time, usize::MAX));
        let (lowest, longest) = (BACKOFF_MIN.min(check_time / 10), check_time.min(in_time).min(BACKOFF_MAX));
        let wait = self.beat.backoff.draw(&mut self.rng, lowest, longest);
        self.timers.set(Timer::Beat, now + wait);
    }

    /// An HMS took the heartbeat.
    pub(super) fn acked(&mut self, now: Instant, request: Request, arrival: Arrival, ack: &Ack<'_>) {
        self.requests.close_beats(request.sequence);
        self.beat.cookie = None;
        let wanted = self.beat.want_since.is_some_and(|since| since <= request.sequence);
        if wanted {
            (self.beat.want, self.beat.want_since) = (false, None);
        }
        let server = self.routes.by_target(request.target).map(|hms| hms.info.server);
        let sender = ack.settings.hms.iter().find(|hms| hms.sender).map(|hms| hms.server);
        self.answered_by(now, request.target, sender.or(server));
        self.take_settings(now, &ack.settings, arrival.interface);
        self.routes.answered(request.target, sender.or(server), ack.incarnation);
        self.own.acknowledged(ack.content_version, ack.want_content);
        if self.own.is_viewed_by(ack.content_version) {
            if request.sequence >= self.follow.since {
                self.follow_ack(now, ack, wanted);
            }
            if self.follow.pull.is_some() && !self.timers.is_set(Timer::Pull) {
                self.resume_pull(now);
            }
        }
        if !self.own.is_due() {
            self.beat_in_interval(now);
        } else if !(self.requests.carries(self.own.version) && self.beat.attempt.is_some()) {
            self.beat_again(now);
        }
    }

    /// An authenticated answer of a session request: this HMS is there.
    fn answered_by(&mut self, now: Instant, target: Target, server: Option<ServerId>) {
        if let Some(session) = &mut self.session {
            session.target = target;
        }
        self.beat.tried = 0;
        self.beat.backoff.reset();
        if server.is_some() {
            self.told.server = server;
        }
        if self.state == State::Searching {
            self.state = State::Registered;
            self.search.stop();
            self.probes.cancel();
            let hms = self.hms_name();
            self.events.push_back(Event::Back { hms });
            self.persist_soon(now);
        }
    }

    /// A heartbeat at once because of an answer, if there were not too many of these; else in the next cycle.
    pub(super) fn beat_again(&mut self, now: Instant) {
        if self.beat.extras.take(now, self.told.check_time) {
            self.beat_now(now);
        } else {
            self.beat_in_interval(now);
        }
    }

    /// R-REG-33: echoed at once, at most 3 times in a check time.
    pub(super) fn challenged(
        &mut self,
        now: Instant,
        request: Request,
        incarnation: Incarnation,
        cookie: u64,
    ) {
        let server = self.routes.by_target(request.target).map(|hms| hms.info.server);
        self.routes.answered(request.target, server, incarnation);
        self.requests.close(request.sequence);
        self.answered_by(now, request.target, server);
        // The shortest interval: the next cycle may echo again.
        let cycle = self.told.check_time.saturating_mul(9) / 10;
        if self.beat.echoes.take(now, cycle) {
            self.beat.cookie = Some((cookie, request.target));
            self.timers.stop(Timer::Pull);
            self.beat_to(now, vec![request.target]);
        } else if matches!(request.asked, Asked::Beat(_)) {
            // Only a heartbeat: a lookup that is challenged must not put the next one off.
            self.beat.cookie = None;
            self.beat_in_interval(now);
        }
    }

    /// RETRY(d): what was asked is asked again after d.
    pub(super) fn retry(&mut self, now: Instant, request: Request, delay: Duration) {
        self.requests.close(request.sequence);
        match request.asked {
            Asked::Beat(_) => {
                self.beat.tried = 0;
                self.beat_at(now + delay);
            }
            Asked::Pull => self.defer_pull(now + delay),
            Asked::Find => self.defer_find(now + delay),
            Asked::Leave => self.timers.set_earlier(Timer::Leave, now + delay),
        }
    }

    /// REDIRECT: turns to the HMS of that id, if the list has it (R-REG-36).
    pub(super) fn redirected(&mut self, now: Instant, request: Request, server: ServerId) {
        self.requests.close(request.sequence);
        let target = self.routes.by_server(server).and_then(|hms| hms.targets.first()).copied();
        let Some(target) = target.filter(|t| *t != request.target) else { return };
        if !self.redirects.follow(now, server, self.told.check_time) {
            return self.redirected_in_vain(now, request);
        }
        if let Some(session) = &mut self.session {
            session.target = target;
        }
        self.beat.tried = 0;
        self.beat_again(now);
    }

    /// Whom the HMS names was tried a moment ago: it has heard the heartbeat, and will hear the next.
    fn redirected_in_vain(&mut self, now: Instant, request: Request) {
        if !matches!(request.asked, Asked::Beat(_)) {
            return;
        }
        self.requests.close_beats(request.sequence);
        self.beat.cookie = None;
        let server = self.routes.by_target(request.target).map(|hms| hms.info.server);
        self.answered_by(now, request.target, server);
        self.beat_in_interval(now);
    }

    /// Asks for the directory now: the changes too if the HMS sends them only on request.
    pub fn refresh(&mut self, now: Instant) {
        self.beat.want = true;
        match self.state {
            State::Registered | State::Searching => self.beat_also(now),
            _ => {}
        }
    }

    /// Whether what [`Self::refresh`] asked for is still on its way.
    pub const fn refreshing(&self) -> bool {
        self.beat.want || self.follow.pull.is_some()
    }

    /// The cycle ends with the session.
    pub(super) fn stop_beats(&mut self) {
        self.beat.attempt = None;
        self.beat.cookie = None;
        self.beat.tried = 0;
        self.beat.want_since = None;
        self.timers.stop(Timer::Beat);
    }
}
