//! Copies that do not age: as long as their home vouches for them (R-PEE-63) they are in a list of that home, and not in
//! the deadline wheel, so that a table at rest costs nothing however many of them there are. When the home is lost they
//! go into the wheel, some at a time.

use super::Registry;
use super::home::Homes;
use super::rows::{NIL, Row};
use super::wheel::{NO_SLOT, PARKED};
use crate::time::Instant;

impl Row {
    pub(super) const fn is_parked(&self) -> bool {
        self.timer_slot == PARKED
    }
}

impl Homes {
    /// A home was lost: its rows begin to age.
    pub(super) fn begin_aging(&mut self, number: u16) {
        let waits = self.parked_mut(number).is_some_and(|list| !list.is_empty());
        if waits && !self.aging.contains(&number) {
            self.aging.push(number);
        }
    }

    /// The home whose rows go into the wheel next.
    fn aging(&mut self) -> Option<u16> {
        loop {
            let number = *self.aging.last()?;
            let done =
                self.is_reachable(number) || self.parked_mut(number).is_none_or(|list| list.is_empty());
            if !done {
                return Some(number);
            }
            self.aging.pop();
        }
    }

    /// Since when there is something to be done for such a home.
    pub(super) fn aging_since(&self) -> Option<Instant> {
        self.aging.last().map(|number| self.contact(*number))
    }
}

impl Registry {
    /// Puts a vouched copy that is in no slot into the list of its home.
    pub(super) fn park(&mut self, id: u32) {
        let home = self.rows.get(id).map(|row| row.home);
        if let Some(list) = home.and_then(|home| self.homes.parked_mut(home)) {
            self.wheel.park(&mut self.rows, id, list);
        }
    }

    /// Takes a row out of the list of its home, if it is there: to be called before it has another one.
    pub(super) fn unpark(&mut self, id: u32) -> bool {
        let Some(home) = self.rows.get(id).filter(|row| row.is_parked()).map(|row| row.home) else {
            return false;
        };
        if let Some(list) = self.homes.parked_mut(home) {
            self.wheel.unpark(&mut self.rows, id, list);
        }
        true
    }

    /// Puts a row that was taken out of such a list back, if it still does not age. Else it is to be scheduled.
    pub(super) fn repark(&mut self, id: u32) {
        let stays = |row: &&Row| row.timer_slot == NO_SLOT && self.is_vouched_copy(row);
        if self.rows.get(id).filter(stays).is_some() {
            self.park(id);
        }
    }

    /// Takes a row out of the wheel, or out of the list of its home.
    pub(super) fn unschedule(&mut self, id: u32) {
        if !self.unpark(id) {
            self.wheel.remove(&mut self.rows, id);
        }
    }

    /// Puts the next row of a home that was lost into the wheel; says whether there was one.
    pub(super) fn age_one(&mut self, now: Instant) -> bool {
        let Some(list) = self.homes.aging().and_then(|number| self.homes.parked_mut(number)) else {
            return false;
        };
        let id = list.head;
        if id == NIL || !self.unpark(id) {
            return false;
        }
        self.schedule(now, id);
        true
    }
}
