//! Silence: who is removed when, and the brake against mass expiry (R-REG-41, R-REG-43, R-REG-44).

use super::home::NOBODY;
use super::rows::{Row, bit};
use super::timing::Timing;
use super::wheel::put_off;
use super::{Registry, RowId};
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};

/// Rows looked at before the caller gets its turn back.
const LOOKS: usize = 1024;

/// What has become of a silent row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// To be removed by the caller, with reason expiry. Until then it comes up again.
    Expired,
    /// The brake keeps it; it is late now.
    Late,
}

/// Half of what R-REG-41 allows, in microseconds.
pub(super) fn slack(check_ms: u32) -> u64 {
    u64::from(check_ms) * 1000 / 20
}

impl Registry {
    /// Sets check time and expiry (factor of the check time) for all realms. The check time of a row changes when its
    /// host is told, by [`Self::set_check_time`].
    pub fn set_timing(&mut self, check_time: Duration, expiry_factor: f64) {
        self.timing = Timing::new(check_time, expiry_factor);
    }

    /// Silence after which a row of this check time is removed.
    pub fn expiry_of(&self, check_time: Duration) -> Duration {
        self.timing.expiry(u32::try_from(check_time.as_millis()).unwrap_or(u32::MAX))
    }

    /// Notes that the host was heard (R-REG-30): the row is up again if it has an address. Says whether the
    /// directory changed.
    pub fn heard(&mut self, now: Instant, id: RowId) -> bool {
        let Some(row) = self.rows.get_mut(id.0) else { return false };
        row.set_heard(now);
        let wait = if row.has(bit::CONFIRMED) {
            self.timing.suspicion_micros(row.check_ms)
        } else {
            self.timing.expiry_micros(row.check_ms)
        };
        let deadline = Instant::from_micros(row.heard().micros().saturating_add(wait));
        let deadline = put_off(deadline, slack(row.check_ms));
        let (late, suspect) = (row.has(bit::LATE), row.has(bit::SUSPECT));
        let back = late && row.has(bit::PUBLISHED);
        if !row.is_parked() {
            self.wheel.move_to(&mut self.rows, id.0, deadline);
        }
        if !late && !suspect {
            return false;
        }
        self.clear_suspect(id.0);
        if back {
            self.change(id.0, |registry| registry.set_late(id.0, false));
        }
        back
    }

    /// The same for a heartbeat of the row's session, which is noted as well (R-REG-12).
    pub fn heartbeat(&mut self, now: Instant, id: RowId) -> bool {
        if let Some(row) = self.rows.get_mut(id.0) {
            row.set(bit::HEARTBEAT, true);
        }
        self.heard(now, id)
    }

    /// Sets the check time that the host was told; other HMSs hear of it (R-PEE-51). Says whether it is another one.
    pub fn set_check_time(&mut self, now: Instant, id: RowId, check_time: Duration) -> bool {
        let check_ms = u32::try_from(check_time.as_millis()).unwrap_or(u32::MAX);
        let Some(row) = self.rows.get_mut(id.0) else { return false };
        let changed = std::mem::replace(&mut row.check_ms, check_ms) != check_ms;
        if changed {
            self.reschedule(now, id.0);
            self.touch(id.0);
        }
        changed
    }

    /// Puts all expiries off by the length of a stall or of dropped input that ended now (R-REG-44). To be called
    /// before [`Self::expire`].
    pub fn defer(&mut self, now: Instant, by: Duration) {
        if planted(Bug::StallCounted) {
            return;
        }
        // A row that is heard from now on keeps that rounded down: the stall was before it.
        let end = Instant::from_millis(now.millis());
        // A part of the slack of R-REG-41: rows heard between two that are joined last longer by the first.
        self.deferrals.add(end, by, self.timing.check_time / 40);
    }

    /// When [`Self::expire`] has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.homes.aging_since().into_iter().chain(self.wheel.next()).min()
    }

    /// The next row whose silence has come to something. To be called until `None`; if there is more to be looked at
    /// than one turn should take, [`Self::next_deadline`] is then still in the past.
    pub fn expire(&mut self, now: Instant) -> Option<(RowId, Fate)> {
        self.wheel.settle(&mut self.rows);
        for _ in 0..LOOKS {
            if self.age_one(now) {
                continue;
            }
            if self.looked_ahead == 0 {
                self.looked_ahead = self.expect_expiry(now);
            }
            let id = self.wheel.pop(&mut self.rows, now)?;
            self.looked_ahead = self.looked_ahead.saturating_sub(1);
            let fate = self.look(now, id);
            self.schedule(now, id);
            if let Some(fate) = fate {
                return Some((RowId(id), fate));
            }
        }
        None
    }

    /// How long a row is silent, without what the HMS slept through. Of a copy others say how old it is: while this HMS
    /// stood still they did not, so what they heard meanwhile is as old as they say (R-PEE-64).
    pub(super) fn silence(&self, now: Instant, row: &Row) -> Duration {
        let since = self.silent_since(row);
        let is_copy = !row.has(bit::CONFIRMED) && row.home > NOBODY;
        let slept = if is_copy { self.deferrals.begun_since(since) } else { self.deferrals.since(since) };
        now.since(since).saturating_sub(slept)
    }

    fn look(&mut self, now: Instant, id: u32) -> Option<Fate> {
        let row = self.rows.get(id)?;
        let (check, realm, late) = (row.check_ms, row.realm, row.has(bit::LATE));
        let (silence, expiry) = (self.silence(now, row), self.timing.expiry(check));
        if self.is_vouched_copy(row) {
            return None;
        }
        if !row.has(bit::CONFIRMED) {
            return (silence >= expiry).then_some(Fate::Expired);
        }
        if silence < self.timing.suspicion(check) {
            return None;
        }
        self.suspect(id);
        if silence < expiry {
            return None;
        }
        let realm = self.realm_mut(realm)?;
        let braking = realm.braking();
        if braking {
            realm.braked = Some(now);
        }
        // When the brake lets go the others that it kept get the time to come back as well.
        let grace = Duration::from_millis(u64::from(check)) * 5 / 4;
        let kept = late && realm.braked.is_some_and(|last| now.since(last) < grace);
        if silence >= self.timing.limit(check) || !(braking || kept) {
            return Some(Fate::Expired);
        }
        if late {
            return None;
        }
        self.change(id, |registry| registry.set_late(id, true));
        Some(Fate::Late)
    }

    /// Puts a row that is in no slot into the wheel, if it ages.
    pub(super) fn schedule(&mut self, now: Instant, id: u32) {
        let Some(row) = self.rows.get(id) else { return };
        let (check, silence) = (row.check_ms, self.silence(now, row));
        let (suspicion, expiry) = (self.timing.suspicion(check), self.timing.expiry(check));
        if self.is_vouched_copy(row) {
            return self.park(id);
        }
        let wait = if silence < suspicion && row.has(bit::CONFIRMED) {
            suspicion.saturating_sub(silence)
        } else {
            expiry.saturating_sub(silence)
        };
        let deadline = if silence < expiry {
            put_off(now + wait, slack(check))
        } else {
            // Kept by the brake, which may let go of it any time, or not removed by the caller yet.
            let step = Duration::from_millis(u64::from(check)) / 16;
            now + self.timing.limit(check).saturating_sub(silence).clamp(step / 16, step)
        };
        self.wheel.insert(&mut self.rows, id, deadline);
    }

    pub(super) fn reschedule(&mut self, now: Instant, id: u32) {
        self.unschedule(id);
        self.schedule(now, id);
    }

    fn suspect(&mut self, id: u32) {
        let Some(row) = self.rows.get_mut(id).filter(|row| !row.has(bit::SUSPECT)) else { return };
        row.set(bit::SUSPECT, true);
        let realm = row.realm;
        if let Some(realm) = self.realm_mut(realm) {
            realm.suspects += 1;
        }
    }

    pub(super) fn clear_suspect(&mut self, id: u32) {
        let Some(row) = self.rows.get_mut(id).filter(|row| row.has(bit::SUSPECT)) else { return };
        row.set(bit::SUSPECT, false);
        let realm = row.realm;
        if let Some(realm) = self.realm_mut(realm) {
            realm.suspects -= 1;
        }
    }
}
