//! Time: expiry, stalls, the next deadline.

use super::Server;
use super::event::{Event, Level};
use super::view::{HostRow, WatchEvent};
use crate::net::Transmit;
use crate::planted::{Bug, planted};
use crate::registry::{Fate, Reason, RowId};
use crate::time::{Duration, Instant, UnixMillis};

/// While there are rows the machine wants to be called this often, so that it notices when it is not.
const TICK: Duration = Duration::from_secs(1);
/// A gap beyond the tick that counts as a stall (R-REG-44).
const STALL: Duration = Duration::from_millis(250);
/// Rows that one call expires; the next call goes on.
const EXPIRIES_IN_TURN: usize = 512;
/// Events that wait for the shell.
const EVENTS_MAX: usize = 8192;

/// Accepted heartbeats of the last ten seconds.
#[derive(Default)]
pub(super) struct Rate {
    current: u32,
    past: [u32; 10],
    at: usize,
    filled: usize,
}

impl Rate {
    pub(super) const fn count(&mut self) {
        self.current = self.current.saturating_add(1);
    }

    /// A second is over.
    fn tick(&mut self) {
        if let Some(place) = self.past.get_mut(self.at) {
            *place = std::mem::take(&mut self.current);
        }
        self.at = (self.at + 1) % self.past.len();
        self.filled = (self.filled + 1).min(self.past.len());
    }

    /// Mean of the seconds that are over.
    pub(super) fn per_second(&self) -> f64 {
        let sum: u32 = self.past.iter().sum();
        if self.filled == 0 { 0.0 } else { f64::from(sum) / self.filled as f64 }
    }
}

impl Server {
    /// Does what is due. Spurious calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.turn(now);
        self.peers_timeout(now);
        self.answer_held(now);
        for _ in 0..EXPIRIES_IN_TURN {
            match self.registry.expire(now) {
                Some((row, Fate::Expired)) => self.remove_row(now, row, Reason::Expiry, "expire"),
                Some((row, Fate::Late)) => self.watch(now, "late", row),
                None => break,
            }
        }
        self.announce_if_due(now);
    }

    /// When [`Self::handle_timeout`] or [`Self::poll_output`] has something to do next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let rows = !self.registry.is_empty();
        let push = self.pushes().then_some(self.push_after);
        [
            self.registry.next_deadline(),
            rows.then_some(self.ticked + TICK),
            self.offers.next_due(),
            self.announce_due,
            push,
            self.peers.due(),
            self.held.due(),
            self.has_news().then_some(self.turned),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next datagram to be sent, written into `buf`; `None` when there is none for now.
    pub fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        if !self.answers.is_empty() {
            return self.answers.pop(buf);
        }
        self.peers_output(now, buf).or_else(|| self.offer(now, buf)).or_else(|| self.push(now, buf))
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Every entry into the machine: notices a stall before anything can expire by it (R-REG-44).
    pub(super) fn turn(&mut self, now: Instant) {
        // Datagrams of one batch come at the same time.
        if now <= self.turned {
            return;
        }
        let gap = now.since(self.turned);
        let waited = self.peers_waited(now, self.turned);
        self.turned = now;
        self.peers_stalled(now, waited);
        if !self.registry.is_empty() && gap > TICK + STALL {
            self.defer(now, gap.saturating_sub(TICK));
            self.log(Level::Warn, &format!("stalled for {} ms; expiries are put off", gap.as_millis()));
        }
        if now.since(self.ticked) >= TICK {
            self.ticked = now;
            self.heartbeats.tick();
            self.look_at_cluster(now);
            if !self.may_push() {
                self.registry.forget_pushes();
            }
        }
    }

    /// The shell lost input, or noticed a stall, for this long: expiries are put off by it (R-REG-44).
    pub fn stalled(&mut self, now: Instant, by: Duration) {
        self.peers_stalled(now, by);
        self.defer(now, by);
    }

    /// Who was not heard meanwhile was not told anything either (R-REG-46).
    fn defer(&mut self, now: Instant, by: Duration) {
        self.registry.defer(now, by);
        self.tell_until += by;
        self.list_until += by;
    }

    /// Wall-clock time, for display only.
    pub fn set_wall(&mut self, now: Instant, wall: UnixMillis) {
        if planted(Bug::WallClockInExpiry) {
            self.handle_timeout(now + Duration::from_millis(wall.0.saturating_sub(self.wall.read(now).0)));
        }
        self.wall = super::clock::Wall::new(now, wall);
    }

    /// Removes a row and tells those who watch.
    pub(super) fn remove_row(&mut self, now: Instant, id: RowId, reason: Reason, event: &'static str) {
        self.watch(now, event, id);
        self.registry.remove(now, id, reason);
    }

    /// Queues a line for `hms watch`. When nobody takes them they become one *resync*.
    pub(super) fn watch(&mut self, now: Instant, event: &'static str, id: RowId) {
        if self.watched
            && let Some(row) = self.host_row(now, id)
        {
            self.watch_row(event, row);
        }
    }

    /// The same for a row that may be gone.
    pub(super) fn watch_row(&mut self, event: &'static str, row: HostRow) {
        if self.events.len() >= EVENTS_MAX {
            self.events.retain(|event| !matches!(event, Event::Watch(_)));
            return self.watch_event("resync", None);
        }
        self.watch_event(event, Some(row));
    }

    fn watch_event(&mut self, event: &'static str, row: Option<HostRow>) {
        self.watch_seq += 1;
        self.events.push_back(Event::Watch(WatchEvent {
            seq: self.watch_seq,
            event,
            row: row.map(Box::new),
        }));
    }

    /// Whether somebody watches: without, no [`Event::Watch`] is made.
    pub const fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    pub(super) fn log(&mut self, level: Level, text: &str) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(Event::Log { level, text: text.to_owned() });
        }
    }
}
