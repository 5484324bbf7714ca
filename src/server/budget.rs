//! What each realm may use, so that none takes from another (R-REG-15, R-DIR-13).

use std::collections::BTreeMap;

use super::limiter::TokenBucket;
use super::settings::RealmLimits;
use crate::auth::Keyring;
use crate::ident::RealmId;
use crate::time::{Duration, Instant};

/// Directory bytes a second for one realm, and at once.
const DIRECTORY_BYTES: (u32, u32) = (32 << 20, 4 << 20);
/// Share of `all_rows` below which the realm view is granted again, in percent: a realm at the bound does not flap.
const GRANT_AGAIN: usize = 95;

/// One realm's share.
struct Budget {
    max_hosts: Option<usize>,
    registrations: Option<TokenBucket>,
    directory: TokenBucket,
    /// The realm has more rows than its view is granted for (R-DIR-10).
    too_many: bool,
}

/// Why a registration has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The realm has as many hosts as it may.
    Full,
    /// Too many registrations; the next one is taken after this time.
    Rate(Duration),
}

/// Shares by realm.
#[derive(Default)]
pub(super) struct Budgets {
    realms: BTreeMap<RealmId, Budget>,
}

impl Budgets {
    /// Forgets realms that are gone.
    pub(super) fn retain(&mut self, keyring: &Keyring) {
        self.realms.retain(|realm, _| keyring.serves(*realm));
    }

    /// How many hosts a realm may have; none if there is no limit.
    pub(super) fn max_hosts(&self, realm: RealmId) -> Option<usize> {
        self.realms.get(&realm)?.max_hosts
    }

    /// Sets a realm's limits; what it has used stays used.
    pub(super) fn limit(&mut self, realm: RealmId, limits: Option<&RealmLimits>) {
        let budget = self.realms.entry(realm).or_insert_with(|| Budget {
            max_hosts: None,
            registrations: None,
            directory: TokenBucket::new(DIRECTORY_BYTES.0, DIRECTORY_BYTES.1),
            too_many: false,
        });
        budget.max_hosts = limits.and_then(|limits| limits.max_hosts);
        let rate = limits.and_then(|limits| limits.max_rate);
        let same = budget.registrations.as_ref().map(TokenBucket::rate) == rate;
        if !same {
            budget.registrations = rate.map(|rate| TokenBucket::new(rate, rate));
        }
    }

    /// Takes one registration out of the realm's share.
    pub(super) fn register(
        &mut self,
        now: Instant,
        realm: RealmId,
        known: usize,
        adds_a_row: bool,
    ) -> Result<(), Over> {
        let Some(budget) = self.realms.get_mut(&realm) else { return Ok(()) };
        if adds_a_row && budget.max_hosts.is_some_and(|max| known >= max) {
            return Err(Over::Full);
        }
        let Some(bucket) = &mut budget.registrations else { return Ok(()) };
        if bucket.take(now, 1) { Ok(()) } else { Err(Over::Rate(bucket.ready(1).since(now))) }
    }

    /// Whether directory bytes may be sent in this realm now.
    pub(super) fn may_send(&mut self, now: Instant, realm: RealmId) -> bool {
        self.realms.get_mut(&realm).is_some_and(|budget| budget.directory.has(now, 1))
    }

    /// Charges directory bytes that were sent.
    pub(super) fn sent(&mut self, now: Instant, realm: RealmId, bytes: usize) {
        if let Some(budget) = self.realms.get_mut(&realm) {
            budget.directory.charge(now, u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Whether the realm view is granted to a realm with this many rows.
    pub(super) fn grants(&mut self, realm: RealmId, rows: usize, all_rows: usize) -> bool {
        let Some(budget) = self.realms.get_mut(&realm) else { return false };
        let bound = if budget.too_many { all_rows / 100 * GRANT_AGAIN + all_rows % 100 } else { all_rows };
        budget.too_many = rows > bound.min(all_rows);
        !budget.too_many
    }
}
