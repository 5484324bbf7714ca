//! What a standstill of the process does to the rows that are at home here (R-PEE-06).

use super::Registry;
use super::home::NOBODY;
use super::rows::{Row, bit};
use crate::time::{Duration, Instant};

impl Registry {
    /// The process stood still while other HMSs went on. A host that it has not heard for as long as a row may last may
    /// have left elsewhere since, and those who knew it may have forgotten it (R-PEE-67): its row is what one from a
    /// snapshot is (R-REG-41). Says how many rows are so now.
    ///
    /// All of them in one turn: until the last is done nothing may be told or answered, so pieces would be no use. A
    /// million take about half a second, once after a standstill of minutes.
    pub fn doubt_silent(&mut self, now: Instant) -> usize {
        let mut doubted = 0;
        let mut next = self.next_row(None);
        while let Some(id) = next {
            if self.rows.get(id.0).is_some_and(|row| self.is_doubtful(now, row)) {
                self.doubt(now, id.0);
                doubted += 1;
            }
            next = self.next_row(Some(id));
        }
        doubted
    }

    /// The time that stood still counts here: for the others it went on. By which of both check times the others judge
    /// is not known.
    fn is_doubtful(&self, now: Instant, row: &Row) -> bool {
        let check = Duration::from_millis(row.check_ms.into()).min(self.timing.check_time);
        row.has(bit::CONFIRMED) && now.since(row.heard()) >= self.timing.lasts(check)
    }

    fn doubt(&mut self, now: Instant, id: u32) {
        self.clear_suspect(id);
        self.unindex_address(id);
        self.recount(id, |registry| {
            if let Some(row) = registry.rows.get_mut(id) {
                row.set(bit::CONFIRMED, false);
                row.home = NOBODY;
                row.set_heard(now);
            }
        });
        self.reschedule(now, id);
    }
}
