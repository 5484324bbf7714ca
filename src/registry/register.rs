//! Making and changing rows (spec 4.2 to 4.5).

use std::hash::BuildHasher;
use std::net::SocketAddr;

use foldhash::fast::FixedState;

use super::address::AddressChange;
use super::home::{NOBODY, OWN};
use super::list::Link;
use super::rows::{NIL, Row, Rows, bit};
use super::wheel::NO_SLOT;
use super::{FixedSignature, Registry, RowId};
use crate::ident::{Generation, InstanceId, Order, RealmId, Revision, ServerId, SessionId, Stamp, UserId};
use crate::time::{Duration, Instant, UnixMillis};

/// A registration that was accepted, or a row from a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct NewRow<'a> {
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// Its key.
    pub key: &'a [u8; 32],
    /// That of its key.
    pub generation: Generation,
    /// The stamp.
    pub stamp: Stamp,
    /// The HMS that stamped.
    pub server: ServerId,
    /// The host's installation.
    pub instance: InstanceId,
    /// What the host says of itself.
    pub content: &'a [u8],
    /// The version of the content.
    pub content_version: u32,
    /// The group in which the content puts the host.
    pub group: Option<&'a str>,
    /// The proven address; a row from a snapshot may have none.
    pub address: Option<SocketAddr>,
    /// When the registration was made.
    pub since: UnixMillis,
    /// The check time that the host is told.
    pub check_time: Duration,
}

/// Where a new row comes from.
pub(super) struct Origin {
    pub(super) home: u16,
    pub(super) sequence: u64,
    /// Else it is if it has no address.
    pub(super) late: Option<bool>,
}

impl Origin {
    const HERE: Self = Self { home: OWN, sequence: 0, late: None };
}

/// New content of a row (R-REG-31).
#[derive(Clone, Copy, Debug)]
pub struct NewContent<'a> {
    /// What the host says of itself.
    pub bytes: &'a [u8],
    /// Its version.
    pub version: u32,
    /// The group in which it puts the host.
    pub group: Option<&'a str>,
}

/// What a registration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The row.
    pub row: RowId,
    /// The session that it had before.
    pub replaced: Option<SessionId>,
    /// The older row that lost the address (R-REG-25).
    pub displaced: Option<RowId>,
    /// Whether the directory changed (R-REG-17).
    pub visible: bool,
}

impl NewRow<'_> {
    /// Where the session stands among those of the user.
    pub(super) const fn order(&self) -> Order {
        let Self { generation, stamp, server, session, .. } = *self;
        Order { generation, stamp, server, session }
    }
}

impl Registry {
    /// Makes or replaces the row of a user, confirmed and up, with an empty window; `None` if the realm is not there.
    /// Whether the order of sessions allows it (R-REG-01) is for the caller to know.
    pub fn register(&mut self, now: Instant, new: &NewRow<'_>) -> Option<Registered> {
        let realm = *self.realm_slots.get(&new.realm)?;
        let found = self.by_user(new.realm, new.user).map(|id| id.0);
        let displaced = new.address.and_then(|address| self.displace(realm, address, found));
        let registered = match found {
            Some(id) => self.replace(now, id, new),
            None => Registered {
                row: RowId(self.create(now, realm, new, &Origin::HERE)),
                replaced: None,
                displaced,
                visible: true,
            },
        };
        Some(Registered { displaced, ..registered })
    }

    /// Takes a row from a snapshot: unconfirmed, removed one expiry from `now` (R-REG-41). A row of the same user that
    /// is there stays, and a session that is known to have ended is none; the answer is then `None`. `sequence` is that
    /// of its place (R-PEE-52).
    pub fn load(&mut self, now: Instant, sequence: u64, old: &NewRow<'_>) -> Option<RowId> {
        let realm = *self.realm_slots.get(&old.realm)?;
        if self.by_user(old.realm, old.user).is_some() || self.is_over(now, old) {
            return None;
        }
        let from = Origin { home: NOBODY, sequence, late: None };
        Some(RowId(self.create(now, realm, old, &from)))
    }

    pub(super) fn create(&mut self, now: Instant, realm: u16, new: &NewRow<'_>, from: &Origin) -> u32 {
        let mut row = self.make_row(realm, new);
        (row.home, row.sequence) = (from.home, from.sequence);
        row.set(bit::CONFIRMED, from.home == OWN);
        row.set(bit::PUBLISHED, new.address.is_some());
        row.set(bit::LATE, from.late.unwrap_or_else(|| new.address.is_none()));
        row.set_heard(now);
        let id = self.rows.insert(row);
        self.index_session(id, new.session);
        self.set_generation(id, new.generation);
        if from.home == OWN {
            self.index_address(id);
        }
        if let Some(realm) = self.realms.get_mut(usize::from(realm)) {
            realm.users.insert(&mut self.rows, new.user, id);
            realm.rows += 1;
        }
        self.count(id, true);
        self.enter(id, new.group);
        self.schedule(now, id);
        self.touch(id);
        id
    }

    fn make_row(&mut self, realm: u16, new: &NewRow<'_>) -> Row {
        let (family, ip, port) = self.keep_address(new.address);
        Row {
            session: new.session,
            key: *new.key,
            window: (0, 0),
            user: new.user,
            stamp: new.stamp,
            instance: new.instance,
            ip,
            content: self.blobs.insert(new.content),
            since_s: u32::try_from(new.since.secs()).unwrap_or(u32::MAX),
            heard_low: 0,
            content_version: new.content_version,
            revision: Revision::default(),
            check_ms: millis(new.check_time),
            change: Link::NONE,
            next_user: NIL,
            member: NIL,
            sub: NIL,
            port,
            realm,
            server: self.server_number(new.server),
            content_len: u16::try_from(new.content.len()).unwrap_or(u16::MAX),
            heard_high: 0,
            timer_slot: NO_SLOT,
            bad_tags: 0,
            bits: 0,
            family,
            home: NOBODY,
            sequence: 0,
        }
    }

    fn replace(&mut self, now: Instant, id: u32, new: &NewRow<'_>) -> Registered {
        let replaced = self.begin_session(id, new);
        let content = NewContent { bytes: new.content, version: new.content_version, group: new.group };
        let mut visible = self.set_content(RowId(id), &content);
        if let Some(address) = new.address {
            visible |= self.confirm(now, RowId(id), address).visible;
        }
        if let Some(row) = self.rows.get_mut(id) {
            row.move_here();
        }
        self.reschedule(now, id);
        self.touch(id);
        Registered { row: RowId(id), replaced, displaced: None, visible }
    }

    /// Gives a row to another session; the answer is the one that had it.
    pub(super) fn begin_session(&mut self, id: u32, new: &NewRow<'_>) -> Option<SessionId> {
        let server = self.server_number(new.server);
        let session = self.rows.get(id).map(|row| row.session);
        if let Some(session) = session {
            self.sessions.remove(self.sessions.hash(session), id);
        }
        if let Some(row) = self.rows.get_mut(id) {
            row.session = new.session;
            row.key = *new.key;
            row.window = (0, 0);
            row.stamp = new.stamp;
            row.server = server;
            row.instance = new.instance;
            row.since_s = u32::try_from(new.since.secs()).unwrap_or(u32::MAX);
            row.check_ms = millis(new.check_time);
            row.bad_tags = 0;
            row.set(bit::HEARTBEAT, false);
        }
        self.set_generation(id, new.generation);
        self.index_session(id, new.session);
        self.set_told(RowId(id), Revision::default());
        session
    }

    /// Few users were ever revoked: of the others nothing is kept.
    fn set_generation(&mut self, id: u32, generation: Generation) {
        let revoked = generation != Generation::default();
        if let Some(row) = self.rows.get_mut(id) {
            row.set(bit::REVOKED, revoked);
        }
        if revoked {
            self.generations.insert(id, generation);
        } else {
            self.generations.remove(&id);
        }
    }

    /// The host proved itself from `address`: the row is confirmed, at home here, heard, up, and published there
    /// (R-REG-13, 4.4 #9). The window is for the caller to set, before: its highest sequence goes into the place.
    pub fn confirm(&mut self, now: Instant, id: RowId, address: SocketAddr) -> AddressChange {
        let Some(row) = self.row(id) else { return AddressChange::default() };
        let (was, old) = (self.rows.get(id.0).is_some_and(|row| row.has(bit::CONFIRMED)), row.address());
        if !was {
            self.recount(id.0, |registry| registry.take_home(id.0));
        }
        let moved = !was || old != Some(address);
        if let Some(row) = self.rows.get_mut(id.0).filter(|_| moved) {
            row.move_here();
        }
        let mut change = self.set_address(id, address);
        if !was {
            // An unconfirmed row is not in the index even at an equal address.
            self.unindex_address(id.0);
            self.index_address(id.0);
        }
        change.visible |= self.heard(now, id);
        if !was {
            self.reschedule(now, id.0);
        }
        if moved {
            self.touch(id.0);
        }
        change
    }

    fn take_home(&mut self, id: u32) {
        if let Some(row) = self.rows.get_mut(id) {
            row.set(bit::CONFIRMED, true);
            row.set(bit::UNVOUCHED, false);
            row.home = OWN;
        }
    }

    /// Replaces the content; says whether the directory changed.
    pub fn set_content(&mut self, id: RowId, new: &NewContent<'_>) -> bool {
        let Some(row) = self.row(id) else { return false };
        let visible = row.content() != new.bytes;
        let changed = visible || row.content_version() != new.version;
        if let Some(row) = self.rows.get_mut(id.0) {
            row.content_version = new.version;
        }
        if visible {
            self.change_group(id.0, new.group, |registry| registry.put_content(id.0, new.bytes));
        }
        if changed {
            self.touch(id.0);
        }
        visible
    }

    pub(super) fn put_content(&mut self, id: u32, bytes: &[u8]) {
        let Some(row) = self.rows.get_mut(id) else { return };
        self.blobs.remove(row.content, usize::from(row.content_len));
        row.content = self.blobs.insert(bytes);
        row.content_len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    }

    /// Stores the window of sequences.
    pub fn set_window(&mut self, id: RowId, window: (u64, u64)) {
        if let Some(row) = self.rows.get_mut(id.0) {
            row.window = window;
        }
    }

    /// Counts a bad tag against the row; the answer is how many there are since the last good one.
    pub fn bad_tag(&mut self, id: RowId) -> u8 {
        let Some(row) = self.rows.get_mut(id.0) else { return 0 };
        row.bad_tags = row.bad_tags.saturating_add(1);
        row.bad_tags
    }

    /// Forgets the bad tags.
    pub fn good_tag(&mut self, id: RowId) {
        if let Some(row) = self.rows.get_mut(id.0) {
            row.bad_tags = 0;
        }
    }

    /// Keeps the signature of a fixed address, or drops it.
    pub fn set_signature(&mut self, id: RowId, signature: Option<FixedSignature>) {
        let Some(row) = self.rows.get_mut(id.0) else { return };
        row.set(bit::SIGNED, signature.is_some());
        match signature {
            Some(signature) => self.signatures.insert(id.0, signature),
            None => self.signatures.remove(&id.0),
        };
    }

    fn index_session(&mut self, id: u32, session: SessionId) {
        let (hash, rows) = (self.sessions.hash(session), &self.rows);
        self.sessions.insert(hash, id, |state, id| session_hash(rows, state, id));
    }

    pub(super) fn server_number(&mut self, server: ServerId) -> u16 {
        let known = self.servers.iter().position(|known| *known == server);
        let number = known.unwrap_or_else(|| {
            self.servers.push(server);
            self.servers.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }
}

fn session_hash(rows: &Rows, state: &FixedState, id: u32) -> u64 {
    rows.get(id).map_or(0, |row| state.hash_one(row.session))
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
