//! What other HMSs tell, made one with the table (spec 10.7, 10.8). The judgement is [`super::merge`]'s; here is what
//! becomes of the rows.

use super::gone::{Ended, Ending, LeftSession};
use super::home::NOBODY;
use super::merge::{Known, Place, Said, Session, Standing};
use super::register::Origin;
use super::remove::left_known;
use super::rows::{Row, bit};
use super::view::Reason;
use super::{NewContent, NewRow, Registry, RowId, RowView, Teller, ViewSpec};
use crate::ident::{Process, RealmId, SessionId, UserId};
use crate::limits::ROWS_MAX;
use crate::time::{Duration, Instant};

/// Sessions that ended and are looked at for a snapshot at once.
const SLICE: u32 = 1024;

/// A row as another HMS tells it (ROW).
#[derive(Clone, Copy, Debug)]
pub struct ToldRow<'a> {
    /// The session, its content, the published address and the check time.
    pub row: NewRow<'a>,
    /// The view that the host wants to follow.
    pub view: ViewSpec<'a>,
    /// Whether changes are to be pushed.
    pub push: bool,
    /// The sequence of its place.
    pub sequence: u64,
    /// Whether its home calls it late.
    pub late: bool,
    /// Where it is at home.
    pub home: Process,
    /// How old the word of the home is: 0 if it can be reached from who tells it (R-PEE-62).
    pub age: Duration,
}

impl<'a> ToldRow<'a> {
    fn session(&self) -> Session<'a> {
        let standing = if self.late { Standing::Late } else { Standing::Up };
        let (home, address) = (self.home, self.row.address);
        let push = self.push && self.view != ViewSpec::None;
        Session {
            order: self.row.order(),
            said: Said {
                version: self.row.content_version,
                content: self.row.content,
                view: self.view,
                push,
            },
            place: Place { sequence: self.sequence, standing, home, address },
            left: false,
        }
    }
}

/// Why a row is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The realm is not served.
    Realm,
    /// It is said to be at home here (R-PEE-61).
    Own,
    /// The user has a later session, here or in what is known to have ended (R-PEE-50).
    Older,
    /// Its session ended (R-PEE-53).
    Ended,
    /// The table is full, or too many homes have rows (R-PEE-97).
    Room,
}

/// What became of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// All of it was known.
    Nothing,
    /// Nothing became of it.
    Refused(Refused),
    /// A row of a session that had none; the session that the user had before, if any.
    Entered(RowId, Option<SessionId>),
    /// A row of the same session is another now.
    Changed {
        /// Which.
        row: RowId,
        /// Its content, or what its host follows.
        said: bool,
        /// Its place.
        place: bool,
        /// It was at home here, and is no more (R-PEE-55).
        yielded: bool,
    },
    /// It is at home here, and stays so: its new place is to be told (R-PEE-55).
    Kept(RowId),
    /// Its session ended; the row, if there was one, is removed.
    Ended,
}

impl Registry {
    /// Takes what another HMS tells of a row (R-PEE-50 to R-PEE-56). Whether it may tell that (R-PEE-61), and whether its
    /// content is sound (R-PEE-57), is for the caller to know; a row that was replaced can be read before.
    pub fn merge_row(&mut self, now: Instant, told: &ToldRow<'_>) -> Merged {
        let NewRow { realm, user, .. } = told.row;
        if !self.realm_slots.contains_key(&realm) {
            return Merged::Refused(Refused::Realm);
        }
        if let Some(mended) = self.mend(now, told) {
            return mended;
        }
        if told.home == self.homes.process(super::home::OWN) {
            return Merged::Refused(Refused::Own);
        }
        let session = told.session();
        let known = self.known(now, realm, user);
        let (before, after) = (known.session, known.hear(session).session);
        if before.is_some_and(|before| session.is_before(&before)) {
            self.tell_end_again(now, realm, user);
            return Merged::Refused(Refused::Older);
        }
        if !after.is_some_and(|after| after.is_there()) {
            let stray = known.stray == Some(session.order.session);
            return self.refuse_ended(now, told, stray);
        }
        let same = before.filter(|before| before.order == session.order && before.is_there());
        let Some(mine) = same else { return self.enter_told(now, told) };
        let Some(id) = self.by_user(realm, user) else { return Merged::Nothing };
        let accepted = self.accepted_here(id);
        if let Some(kept) = accepted.and_then(|accepted| mine.kept_by_home(accepted, &session)) {
            let said = session.said > mine.said;
            return self.keep(id, kept, said.then_some(told));
        }
        let (said, place) = session.exceeds(&mine);
        let current = session.place.home == mine.place.home;
        if place && self.homes.number(told.home).is_none() {
            return Merged::Refused(Refused::Room);
        }
        self.change_told(now, id, told, (said, place));
        let mut check = false;
        if current {
            self.heard_of(now, id, told.age);
            // Nobody but the home can make it shorter.
            let told_time = told.row.check_time;
            let counts = told.age.is_zero() || self.row(id).is_some_and(|row| told_time > row.check_time());
            check = counts && self.set_check_time(now, id, told_time);
        }
        if !said && !place && !check {
            return Merged::Nothing;
        }
        Merged::Changed { row: id, said, place, yielded: place && accepted.is_some() }
    }

    /// Takes what another HMS tells of a session that ended, and is to be kept for so long (R-PEE-53, R-PEE-66,
    /// R-PEE-67). What the row was can be read before.
    pub fn merge_gone(
        &mut self,
        now: Instant,
        realm: RealmId,
        user: UserId,
        ended: Ended,
        kept: Duration,
    ) -> Merged {
        if !self.realm_slots.contains_key(&realm) {
            return Merged::Refused(Refused::Realm);
        }
        let known = self.known(now, realm, user);
        let after = if ended.is_stray() {
            known.hear_stray(ended.order.session)
        } else {
            known.hear(ended.session())
        };
        let still_stray = ended.is_stray() && after.stray == Some(ended.order.session);
        let left = |session: Option<Session<'_>>| session.filter(|one| one.left).map(|one| one.order);
        let known_already =
            !still_stray && left(after.session).is_some_and(|_| left(after.session) == left(known.session));
        if after == known || known_already {
            return Merged::Nothing;
        }
        let id = self.by_user(realm, user);
        if let (Some(mine), Some(id)) = (known.session, id)
            && let Some(accepted) = self.accepted_here(id)
            && let Some(place) = mine.kept_by_home(accepted, &ended.session())
        {
            return self.keep(id, place, None);
        }
        // A stray may be that of the row, of which more is known.
        let ended = match left(after.session).filter(|_| !still_stray) {
            Some(order) => Ended { order, ending: Ending::Leave },
            None => ended,
        };
        let kept = kept.min(self.timing.gone_kept(self.longest_kept(id)));
        match id.filter(|_| after.session.is_some_and(|session| !session.is_there())) {
            Some(id) => {
                let leave = ended.ending == Ending::Leave;
                let reason = if leave { Reason::Leave } else { Reason::Expiry };
                self.take_out(now, id, reason, Some((ended, kept)));
            }
            None => self.note_ended(now, (realm, user), ended, kept),
        }
        Merged::Ended
    }

    /// The last session of a user that is known to have ended, and how long that is told (R-PEE-67).
    pub fn ended(&self, now: Instant, realm: RealmId, user: UserId) -> Option<(Ended, Duration)> {
        self.gone.last(now, realm, user).map(|(ended, until)| (ended, until.since(now)))
    }

    fn note_ended(&mut self, now: Instant, key: (RealmId, UserId), ended: Ended, life: Duration) {
        let left = left_known(self.timing.check_time);
        self.gone.note(now, key, ended, (life, left), &mut self.sharing);
    }

    /// Whether a session ended, or came before one that did.
    pub(super) fn is_over(&self, now: Instant, row: &NewRow<'_>) -> bool {
        let last = self.gone.last(now, row.realm, row.user);
        last.is_some_and(|(ended, _)| ended.order >= row.order())
            || self.gone.stray(now, row.realm, row.user) == Some(row.session)
    }

    /// Of some sessions from `from` on (at first 0) those that their hosts left, and where to go on; `None` at the end. For
    /// the snapshot (R-PEE-67).
    pub fn left_sessions(&self, now: Instant, from: u32) -> (Vec<LeftSession>, Option<u32>) {
        self.gone.left_slice(now, from, SLICE)
    }

    /// All that is known of a user: the row, and what ended.
    fn known(&self, now: Instant, realm: RealmId, user: UserId) -> Known<'_> {
        let row = self.by_user(realm, user).and_then(|id| self.row(id)).map(|row| self.session_of(&row));
        let ended = self.gone.last(now, realm, user).map(|(ended, _)| ended.session());
        let session = match (row, ended) {
            (Some(row), Some(ended)) => Some(row.merge(ended)),
            (row, ended) => row.or(ended),
        };
        Known { session, stray: self.gone.stray(now, realm, user) }
    }

    fn session_of<'a>(&'a self, row: &RowView<'a>) -> Session<'a> {
        let (version, content) = (row.content_version(), row.content());
        let said = Said { version, content, view: self.view_spec(row.id()), push: row.wants_push() };
        Session { order: row.order(), said, place: row.place(), left: false }
    }

    /// The highest sequence that this process accepted, if the row is at home here.
    fn accepted_here(&self, id: RowId) -> Option<u64> {
        self.rows.get(id.0).filter(|row| row.has(bit::CONFIRMED)).map(|row| row.window.0)
    }

    /// Nobody can tell of a row that it lasts longer than the longest check time that is known.
    fn longest_kept(&self, id: Option<RowId>) -> Duration {
        let check = id.and_then(|id| self.row(id)).map(|row| row.check_time());
        check.unwrap_or_default().max(self.timing.check_time)
    }

    /// The row that is told of ended already; where only a session was known to have been left it is this one.
    fn refuse_ended(&mut self, now: Instant, told: &ToldRow<'_>, stray: bool) -> Merged {
        let NewRow { realm, user, check_time, .. } = told.row;
        let ended = Ended { order: told.row.order(), ending: Ending::Leave };
        let noted = self.gone.last(now, realm, user).is_some_and(|(known, _)| known == ended);
        if stray && !noted {
            // No longer than it was to be kept as a stray.
            let left = self.gone.left_of(now, (realm, user, true));
            let life = self.timing.gone_kept(check_time).min(left);
            // It was the user's later session: what is here is of one that it replaced.
            match self.by_user(realm, user) {
                Some(id) => self.take_out(now, id, Reason::Leave, Some((ended, life))),
                None => self.note_ended(now, (realm, user), ended, life),
            }
        }
        self.tell_end_again(now, realm, user);
        Merged::Refused(Refused::Ended)
    }

    /// Who tells of a session that ended has not heard of that, and no comparison shows it (R-PEE-58).
    fn tell_end_again(&mut self, now: Instant, realm: RealmId, user: UserId) {
        if self.by_user(realm, user).is_some() {
            return;
        }
        self.telling(Teller::HERE, |registry| {
            registry.gone.tell_again(now, (realm, user, false), &mut registry.sharing);
        });
    }

    /// Makes a row, or gives it to the session.
    pub(super) fn enter_told(&mut self, now: Instant, told: &ToldRow<'_>) -> Merged {
        let full = Merged::Refused(Refused::Room);
        let found = self.by_user(told.row.realm, told.row.user);
        let (Some(&realm), Some(home)) =
            (self.realm_slots.get(&told.row.realm), self.homes.number(told.home))
        else {
            return full;
        };
        let Some(id) = found else {
            if self.rows.len() >= ROWS_MAX {
                self.homes.drop_unused(home);
                return full;
            }
            let from = Origin { home, sequence: told.sequence, late: Some(told.late) };
            let id = RowId(self.create(now, realm, &told.row, &from));
            self.subscribe(id, told.view, told.push);
            self.set_age(now, id, told.age);
            return Merged::Entered(id, None);
        };
        let replaced = self.begin_session(id.0, &told.row);
        self.set_signature(id, None);
        self.change_told(now, id, told, (true, true));
        Merged::Entered(id, replaced)
    }

    /// Takes over content, place, or both.
    fn change_told(&mut self, now: Instant, id: RowId, told: &ToldRow<'_>, (said, place): (bool, bool)) {
        if said {
            self.take_said(id, told);
        }
        if place && let Some(home) = self.homes.number(told.home) {
            self.take_place(now, id, told, home);
        }
    }

    fn take_place(&mut self, now: Instant, id: RowId, told: &ToldRow<'_>, home: u16) {
        let Some(row) = self.row(id) else { return };
        let ip = row.address().map(|address| address.ip());
        let visible = ip != told.row.address.map(|address| address.ip()) || row.is_late() != told.late;
        let moved = row.address() != told.row.address;
        self.clear_suspect(id.0);
        self.unindex_address(id.0);
        if moved {
            self.set_signature(id, None);
        }
        let put = |registry: &mut Self| registry.put_place(id.0, told, home);
        let put = |registry: &mut Self| registry.recount(id.0, put);
        if visible {
            self.change(id.0, put);
        } else {
            put(self);
        }
        self.set_age(now, id, told.age);
        self.touch(id.0);
    }

    fn put_place(&mut self, id: u32, told: &ToldRow<'_>, home: u16) {
        self.drop_address(id);
        let (family, ip, port) = self.keep_address(told.row.address);
        let Some(row) = self.rows.get_mut(id) else { return };
        (row.family, row.ip, row.port) = (family, ip, port);
        (row.home, row.sequence) = (home, told.sequence);
        row.check_ms = u32::try_from(told.row.check_time.as_millis()).unwrap_or(u32::MAX);
        row.set(bit::PUBLISHED, told.row.address.is_some());
        row.set(bit::LATE, told.late);
        row.set(bit::CONFIRMED | bit::UNVOUCHED, false);
    }

    /// A copy is as old as it is told.
    fn set_age(&mut self, now: Instant, id: RowId, age: Duration) {
        if let Some(row) = self.rows.get_mut(id.0) {
            row.set_heard(before(now, age));
        }
        self.reschedule(now, id.0);
    }

    /// Somebody says of a copy again that its home has it.
    fn heard_of(&mut self, now: Instant, id: RowId, age: Duration) {
        let is_copy = |row: &&mut Row| !row.has(bit::CONFIRMED) && row.home > NOBODY;
        let Some(row) = self.rows.get_mut(id.0).filter(is_copy) else { return };
        let at = before(now, age);
        if at > row.heard() {
            row.set_heard(at);
        }
        if age.is_zero() {
            self.vouch(now, id);
        }
    }

    /// The home goes on with its row, in a place that is greater than what it was told.
    fn keep(&mut self, id: RowId, place: Place, said: Option<&ToldRow<'_>>) -> Merged {
        if let Some(row) = self.rows.get_mut(id.0) {
            row.sequence = place.sequence;
        }
        if let Some(told) = said {
            self.take_said(id, told);
        }
        // Whoever told the other place is to hear of this one as well.
        self.telling(Teller::HERE, |registry| registry.touch(id.0));
        Merged::Kept(id)
    }

    pub(super) fn take_said(&mut self, id: RowId, told: &ToldRow<'_>) {
        let NewRow { content, content_version, group, .. } = told.row;
        self.set_content(id, &NewContent { bytes: content, version: content_version, group });
        self.subscribe(id, told.view, told.push);
    }
}

fn before(now: Instant, age: Duration) -> Instant {
    let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
    Instant::from_micros(now.micros().saturating_sub(age))
}
