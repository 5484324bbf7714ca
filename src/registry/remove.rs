//! Removing rows (spec 4.5).

use super::gone::{Ended, Ending, Removal};
use super::view::Reason;
use super::{Registry, RowId};
use crate::time::{Duration, Instant};

impl Registry {
    /// Removes a row at once; what it was can be read before. `false` if it was not there. Other HMSs are told of hosts
    /// that left, and of those that fell silent here (PEE-66).
    pub fn remove(&mut self, now: Instant, id: RowId, reason: Reason) -> bool {
        let Some(row) = self.row(id) else { return false };
        let ending = match reason {
            Reason::Leave => Some(Ending::Leave),
            Reason::Expiry if row.is_here() => {
                Some(Ending::Expiry { sequence: row.window().0, home: row.home() })
            }
            Reason::Expiry | Reason::Replaced | Reason::Revoked | Reason::LeftView => None,
        };
        let life = self.timing.gone_kept(row.check_time());
        let ended = ending.map(|ending| (Ended { order: row.order(), ending }, life));
        self.take_out(now, id, reason, ended);
        true
    }

    /// Removes a row; `ended` is what other HMSs are told of that, and for how long.
    pub(super) fn take_out(
        &mut self,
        now: Instant,
        id: RowId,
        reason: Reason,
        ended: Option<(Ended, Duration)>,
    ) {
        let Some(row) = self.rows.get(id.0) else { return };
        let (session, user, realm, stamp) = (row.session, row.user, row.realm, row.stamp);
        let (check, home) = (Duration::from_millis(row.check_ms.into()), row.home);
        let left = (reason == Reason::Leave).then_some(left_known(check));
        self.untouch(id.0);
        self.unsubscribe(id.0);
        self.depart(id.0, reason);
        self.clear_suspect(id.0);
        self.sessions.remove(self.sessions.hash(session), id.0);
        self.unindex_address(id.0);
        self.drop_address(id.0);
        self.put_content(id.0, &[]);
        self.unschedule(id.0);
        self.signatures.remove(&id.0);
        self.generations.remove(&id.0);
        self.count(id.0, false);
        self.homes.drop_unused(home);
        if let Some(realm) = self.realms.get_mut(usize::from(realm)) {
            realm.users.remove(&mut self.rows, user, id.0);
            realm.rows -= 1;
            self.gone.removed(now, (realm.id, user), Removal { stamp, left }, ended, &mut self.sharing);
        }
        self.rows.remove(id.0);
    }
}

/// So long that each machine which whoever left had taken the user over from says something meanwhile (R-REG-22).
pub(super) fn left_known(check_time: Duration) -> Duration {
    check_time * 5 / 4
}
