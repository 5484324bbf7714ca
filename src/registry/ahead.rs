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
        let rows = ids.iter().filter_map(|id| self.rows.get(*id));
        ask(rows.map(Row::touch));
    }

    /// The same for rows that are to be looked at for their silence: most of them are about to be removed. Says how
    /// many.
    pub(super) fn expect_expiry(&self, now: Instant) -> usize {
        let mut ids = [NIL; AHEAD];
        let count = self.wheel.due(now, &mut ids);
        let rows = || ids.iter().take(count).filter_map(|id| Some((*id, self.rows.get(*id)?)));
        ask(rows().map(|(_, row)| row.touch() ^ row.instance.0));
        let silent = |row: &Row| self.silence(now, row) >= self.timing.expiry(row.check_ms);
        let mut gone = [NIL; AHEAD];
        for (place, (id, _)) in gone.iter_mut().zip(rows().filter(|(_, row)| silent(row))) {
            *place = id;
        }
        // Many short loops: a processor looks only some hundreds of instructions ahead.
        let gone =
            || gone.iter().take_while(|id| **id != NIL).filter_map(|id| Some((*id, self.rows.get(*id)?)));
        let session =
            |(id, row): (u32, &Row)| self.sessions.find(self.sessions.hash(row.session), |other| other == id);
        ask(gone().filter_map(session).map(u64::from));
        ask(gone().filter_map(|(id, _)| self.find_own_address(id)).map(u64::from));
        ask(gone().map(|(_, row)| u64::from(self.first_of_slot(row))));
        ask(gone().filter_map(|(_, row)| self.subs.get(row.sub as usize)).map(|sub| u64::from(sub.realm)));
        let ends = |(_, row): (u32, &Row)| {
            let content = self.blobs.get(row.content, usize::from(row.content_len));
            content.first().zip(content.last()).map(|(first, last)| u64::from(first ^ last))
        };
        ask(gone().filter_map(ends));
        let around = |(_, row): (u32, &Row)| [row.change.previous, row.change.next, self.first_of_slot(row)];
        let around = gone().flat_map(around).filter_map(|id| self.rows.get(id));
        ask(around.map(|row| u64::from(row.revision.0)));
        count
    }

    /// The first row that is filed with this one by user id.
    fn first_of_slot(&self, row: &Row) -> u32 {
        self.realms.get(usize::from(row.realm)).map_or(NIL, |realm| realm.users.first_of_slot(row.user))
    }
}

/// Reads memory: nothing depends on what is there, so nothing waits for it but the end of the loop.
fn ask(values: impl Iterator<Item = u64>) {
    black_box(values.fold(0, u64::wrapping_add));
}
