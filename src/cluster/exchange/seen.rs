//! What becomes of rows by what others tell, for who watches the table.

use super::table::Table;
use crate::ident::{RealmId, UserId};
use crate::registry::ShownRow;

/// A row came, changed or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `join`, `update`, `late`, `leave`, `expire` or `replace`.
    pub event: &'static str,
    /// The row as it is now, or as it was before it went.
    pub row: ShownRow<'static>,
}

impl Table<'_> {
    /// Does something to what is known of a user, and notes what became of it. `gone`: what it is called if the row
    /// goes.
    pub(super) fn watched<T>(
        &mut self,
        (realm, user): (RealmId, UserId),
        gone: &'static str,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.seen.is_none() {
            return act(self);
        }
        let before = self.shown(realm, user).map(ShownRow::into_owned);
        let done = act(self);
        let after = self.shown(realm, user);
        if let Some(event) = ShownRow::change(before.as_ref(), after.as_ref()) {
            let row = after.map(ShownRow::into_owned).or(before);
            let event = if event == "leave" { gone } else { event };
            self.seen.iter_mut().zip(row).for_each(|(seen, row)| seen.push(Seen { event, row }));
        }
        done
    }

    fn shown(&self, realm: RealmId, user: UserId) -> Option<ShownRow<'_>> {
        let id = self.registry.by_user(realm, user)?;
        self.registry.row(id).map(|row| ShownRow::of(&row))
    }
}
