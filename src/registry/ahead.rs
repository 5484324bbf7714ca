//! Looking ahead: with a million rows a heartbeat finds nothing that it needs in a cache, and waits for memory several
//! times in a row. Who knows a few requests beforehand asks for all of them at once, and waits about once.

use std::hint::black_box;

use super::Registry;
use super::rows::{NIL, Row};
use crate::ident::SessionId;
use crate::time::Instant;

/// Sessions that are looked ahead for at once: as many as a processor asks memory for without what came first being
/// pushed out again.
pub const AHEAD: usize = 32;

/// Where the rows of expected sessions are noted until their requests come. Whatever stands there, a row is taken only
/// if it has the session.
pub(super) const FOUND: usize = 256;

/// The place of a session there.
pub(super) const fn place_of(session: SessionId) -> usize {
    session.0 as usize % FOUND
}

impl Registry {
    /// Brings close what requests of these sessions need. Only a hint: sessions that are not known, or more than
    /// [`AHEAD`], do no harm.
    pub fn expect(&mut self, sessions: impl Iterator<Item = SessionId>) {
        let mut ids = [NIL; AHEAD];
        let mut count = 0;
        for (place, session) in ids.iter_mut().zip(sessions) {
            // The first of the same few bits of hash is nearly always the one; its row is not looked at.
            *place = self.sessions.find(self.sessions.hash(session), |_| true).unwrap_or(NIL);
            if let Some(found) = self.found.get_mut(place_of(session)) {
                *found = *place;
            }
            count += 1;
        }
        let ids = ids.split_at(count).0;
        // Each of these steps needs what the one before asked for; within a step nothing waits for anything else.
        let rows = ids.iter().filter_map(|id| self.rows.get(*id));
        black_box(rows.map(|row| row.touch()).fold(0, u64::wrapping_add));
        let around = ids.iter().flat_map(|id| self.wheel.neighbours(*id));
        let beyond = around.map(|id| self.wheel.neighbours(id)[0]);
        black_box(beyond.fold(0, u32::wrapping_add));
    }

    /// The same for rows that are to be looked at for their silence: most of them are about to be removed. Says how
    /// many.
    pub(super) fn expect_expiry(&self, now: Instant) -> usize {
        let mut ids = [NIL; AHEAD];
        let count = self.wheel.due(now, &mut ids);
        let rows = || ids.iter().take(count).filter_map(|id| Some((*id, self.rows.get(*id)?)));
        black_box(rows().map(|(_, row)| row.touch() ^ row.instance.0).fold(0, u64::wrapping_add));
        let silent = |row: &Row| self.silence(now, row.heard()) >= self.timing.expiry(row.check_ms);
        let gone = || rows().filter(|(_, row)| silent(row));
        let (mut sum, mut users) = (0u64, 0u32);
        for (id, row) in gone() {
            let found = self.sessions.find(self.sessions.hash(row.session), |other| other == id);
            sum = sum.wrapping_add(found.map_or(0, u64::from));
            sum = sum.wrapping_add(self.find_own_address(id).map_or(0, u64::from));
            users = users.wrapping_add(self.first_of_slot(row));
        }
        for (_, row) in gone() {
            let content = self.blobs.get(row.content, usize::from(row.content_len));
            let ends = content.first().copied().unwrap_or(0) ^ content.last().copied().unwrap_or(0);
            let links = [row.change.previous, row.change.next, self.first_of_slot(row)];
            let around = links.iter().filter_map(|id| self.rows.get(*id)).map(|row| row.revision.0);
            users = users.wrapping_add(u32::from(ends)).wrapping_add(around.fold(0, u32::wrapping_add));
        }
        black_box((sum, users));
        count
    }

    /// The first row that is filed with this one by user id.
    fn first_of_slot(&self, row: &Row) -> u32 {
        self.realms.get(usize::from(row.realm)).map_or(NIL, |realm| realm.users.first_of_slot(row.user))
    }
}
