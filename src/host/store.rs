//! What outlives the process (R-DIR-12, R-AUT-40): kept up to date, handed out as a whole.

use super::timer::Timer;
use super::{Event, Host};
use crate::directory::HostDirectory;
use crate::ident::{Revision, UserId};
use crate::storage::{HostStore, StoredEntry};
use crate::time::{Duration, Instant};
use crate::token::Token;
use crate::wire::{Buckets, Changes, Content, GoneReason, Item, PageInfo, PageKind, View};

/// Changes of the directory are gathered this long before they are written.
const GATHER: Duration = Duration::from_millis(500);

/// The longest wait.
const GATHER_MAX: Duration = Duration::from_secs(10);

/// The store that this process goes on with: the setup's token and content, and what still holds under them.
pub(super) fn prepared(
    mut store: HostStore,
    token: &Token,
    content: &Content,
    view: &View,
    push: bool,
) -> HostStore {
    if store.token.realm != token.realm || store.token.user_name != token.user_name {
        // Another user's memory: only the installation stays.
        store = HostStore::new(token.clone(), store.instance, content.clone());
    } else {
        store.adopt_token(token.clone());
    }
    if store.view != *view {
        store.list.clear();
    }
    store.content = content.clone();
    store.view = view.clone();
    store.push = push;
    store
}

impl Host {
    /// Takes the list from the storage: an HMS then sends only what is different.
    pub(super) fn restore(&mut self) {
        let (key, realm) = (self.store.cluster_key, self.me.realm);
        self.store.fixed.retain(|entry| entry.signature_holds(&key, realm));
        self.store.list.sort_by_key(|entry| entry.user);
        let info = PageInfo {
            kind: PageKind::Copy,
            more: false,
            from: Revision(0),
            to: Revision(0),
            after: UserId::default(),
            up_to: UserId::MAX,
            total: 0,
        };
        let items = self.store.list.iter().map(|entry| Item::Entry(entry.entry())).collect();
        self.follow.copy.apply(&Changes { info, items }, &Buckets::ALL);
    }

    /// What is to be kept, up to date.
    pub fn store(&mut self) -> &HostStore {
        self.store.list = entries(&self.follow.copy);
        self.store.content = self.own.content().clone();
        self.store.view = self.own.view.clone();
        self.store.push = self.own.push;
        self.store.hms = self.routes.list().iter().map(|hms| hms.info.clone()).collect();
        self.store.last_hms = self.told.server;
        self.store.check_time_ms = self
            .told
            .check_time_told
            .then(|| u32::try_from(self.told.check_time.as_millis()).unwrap_or(u32::MAX));
        &self.store
    }

    /// The store is to be written at once.
    pub(super) fn persist_now(&mut self) {
        self.timers.stop(Timer::Persist);
        if self.events.back() != Some(&Event::Persist) {
            self.events.push_back(Event::Persist);
        }
    }

    /// The store is to be written when more may have gathered.
    pub(super) fn persist_soon(&mut self, now: Instant) {
        // A long list is long to write: the wait grows with it, a millisecond a row.
        let rows = u32::try_from(self.follow.copy.len()).unwrap_or(u32::MAX);
        let wait = GATHER + Duration::from_millis(1).saturating_mul(rows);
        self.timers.set_earlier(Timer::Persist, now + wait.min(GATHER_MAX));
    }

    /// Another key than the known one ends what the old one signed (R-AUT-40).
    pub(super) fn take_cluster_key(&mut self, now: Instant, key: [u8; 32]) {
        if self.store.cluster_key != key {
            self.store.adopt_cluster_key(key);
            self.log(
                log::Level::Warn,
                "the cluster has a new key; fixed entries under the old one are dropped".into(),
            );
            self.persist_soon(now);
        }
    }

    /// Keeps the signed entries of hosts with a fixed address; one that came unsigned is not kept any longer.
    pub(super) fn keep_fixed(&mut self, changes: &Changes<'_>) {
        for item in &changes.items {
            let user = match item {
                Item::Entry(entry) => {
                    let kept = self.store.fixed.iter().find(|old| old.user == entry.head.user);
                    if kept.is_some_and(|old| old.entry().signature == entry.signature) {
                        continue;
                    }
                    entry.head.user
                }
                // A host that is gone may come back where it was: that is what its fixed address is for ([57]).
                Item::Gone(gone) if gone.reason != GoneReason::Revoked => continue,
                Item::Gone(gone) => gone.user,
            };
            self.store.fixed.retain(|old| old.user != user);
            if let Item::Entry(entry) = item
                && entry.signature.is_some()
                && entry.content.fixed()
            {
                let entry = StoredEntry::new(entry);
                if entry.signature_holds(&self.store.cluster_key, self.me.realm) {
                    self.store.fixed.push(entry);
                }
            }
        }
    }
}

fn entries(copy: &HostDirectory) -> Vec<StoredEntry> {
    copy.rows().map(|entry| StoredEntry::new(&entry)).collect()
}
