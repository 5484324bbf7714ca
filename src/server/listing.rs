//! `hms hosts` in pages, so that a table of any size holds up nobody's heartbeat.

use super::Server;
use super::view::{CommandError, HostRow};
use crate::ident::{RealmId, UserId};
use crate::time::Instant;

/// How far a listing has come: behind a user of a realm. It goes by realm and user id, which never change, so whoever
/// is in the table from its begin to its end is listed once, whatever comes and goes meanwhile; each row is shown as it
/// is when its page is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostCursor {
    /// The realm that is being listed; none at the end.
    realm: Option<RealmId>,
    after: Option<UserId>,
    /// No other realm follows.
    only: bool,
}

impl HostCursor {
    /// Whether all was listed.
    pub const fn is_done(&self) -> bool {
        self.realm.is_none()
    }
}

impl Server {
    /// Begins a listing of one realm, or of all.
    pub fn list_hosts(&self, realm: Option<&str>) -> Result<HostCursor, CommandError> {
        let only = realm.map(|name| self.realm_named(name)).transpose()?;
        let first = only.or_else(|| self.registry.realm_after(None));
        Ok(HostCursor { realm: first, after: None, only: only.is_some() })
    }

    /// The next rows of a listing: at most `limit`, and no more work than for so many.
    pub fn next_hosts(&self, now: Instant, cursor: &mut HostCursor, limit: usize) -> Vec<HostRow> {
        let mut rows = Vec::new();
        // An empty realm counts like a row: there may be many of them.
        for _ in 0..limit {
            let Some(realm) = cursor.realm else { break };
            match self.registry.realm_row_after(realm, cursor.after) {
                Some(id) => {
                    cursor.after = self.registry.row(id).map(|row| row.user());
                    rows.extend(self.host_row(now, id));
                }
                None => {
                    cursor.after = None;
                    cursor.realm = self.registry.realm_after(Some(realm)).filter(|_| !cursor.only);
                }
            }
        }
        rows
    }

    /// All rows at once, by realm and user name: for small tables.
    pub fn hosts(&self, now: Instant, realm: Option<&str>) -> Result<Vec<HostRow>, CommandError> {
        let mut cursor = self.list_hosts(realm)?;
        let mut rows = Vec::new();
        while !cursor.is_done() {
            rows.extend(self.next_hosts(now, &mut cursor, usize::MAX));
        }
        rows.sort_by(|a, b| (&a.realm, &a.user).cmp(&(&b.realm, &b.user)));
        Ok(rows)
    }
}
