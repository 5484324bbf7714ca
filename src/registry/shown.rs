//! A row as people are shown it, which outlives the row.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::row::{RowView, Status};
use crate::ident::{Process, RealmId, Revision, SessionId};
use crate::time::{Duration, Instant, UnixMillis};

/// What is shown of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRow<'a> {
    /// Its realm.
    pub realm: RealmId,
    /// Its session.
    pub session: SessionId,
    /// What its host is.
    pub status: Status,
    /// Content TLVs.
    pub content: Cow<'a, [u8]>,
    /// The published address.
    pub address: Option<SocketAddr>,
    /// The address that the host proved last.
    pub observed: Option<SocketAddr>,
    /// When the session began.
    pub since: UnixMillis,
    /// When something was last heard of it.
    pub last_heard: Instant,
    /// Its check time.
    pub check_time: Duration,
    /// Where it is at home.
    pub home: Process,
    /// The revision of its last change.
    pub revision: Revision,
}

impl<'a> ShownRow<'a> {
    /// A row as it is.
    pub fn of(row: &RowView<'a>) -> Self {
        Self {
            realm: row.realm(),
            session: row.session(),
            status: row.status(),
            content: Cow::Borrowed(row.content()),
            address: row.address(),
            observed: row.observed(),
            since: row.since(),
            last_heard: row.last_heard(),
            check_time: row.check_time(),
            home: row.home(),
            revision: row.revision(),
        }
    }

    /// The same, for when the row may be gone.
    pub fn into_owned(self) -> ShownRow<'static> {
        ShownRow { content: Cow::Owned(self.content.into_owned()), ..self }
    }

    /// What people call that which made the one row the other, or nothing a row; `None` if nothing did that they see.
    pub fn change(before: Option<&Self>, after: Option<&ShownRow<'_>>) -> Option<&'static str> {
        let (before, after) = match (before, after) {
            (None, None) => return None,
            (None, Some(_)) => return Some("join"),
            (Some(_), None) => return Some("leave"),
            (Some(before), Some(after)) => (before, after),
        };
        let told = |row: &ShownRow<'_>| (row.status, row.address, row.home);
        if before.session != after.session {
            Some("replace")
        } else if after.status == Status::Late && before.status != Status::Late {
            Some("late")
        } else {
            (told(before) != told(after) || before.content != after.content).then_some("update")
        }
    }
}
