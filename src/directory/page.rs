//! Pages out of the registry. Each writes PAGE-INFO and as many rows as fit, and says what it wrote.

use std::net::SocketAddr;

use crate::ident::{Process, RealmId, Revision, ServerId, UserId};
use crate::registry::{Change, Reason, Registry, RowId, RowView, ViewHandle};
use crate::time::Duration;
use crate::wire::{
    Buckets, ContentRef, Entry, EntryHead, Gone, GoneReason, PageInfo, PageKind, Pattern, Signature,
};

/// Rows that one FIND page looks at; the page then ends there, with *more*.
const LOOKED_AT: usize = 1024;
/// Places remembered in the lists of changes.
const HINTS: usize = 256;

/// The server's side of the directory. It holds nothing but hints: where the last pages ended.
pub struct Directory {
    own: ServerId,
    hints: Box<[Option<RowId>]>,
    /// Changes gone over to find where deltas begin.
    walked: u64,
}

/// Rows behind a PAGE-INFO that is filled in at the end.
struct Writer<'a> {
    buf: &'a mut Vec<u8>,
    start: usize,
    limit: usize,
}

impl<'a> Writer<'a> {
    /// `None` if not even PAGE-INFO fits into `space` bytes.
    fn new(buf: &'a mut Vec<u8>, space: usize) -> Option<Self> {
        let start = buf.len();
        (space >= PageInfo::LEN).then_some(())?;
        buf.resize(start + PageInfo::LEN, 0);
        Some(Self { buf, start, limit: start + space })
    }

    /// Writes one line if it fits.
    fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.buf.len();
        write(self.buf);
        let fits = self.buf.len() <= self.limit;
        if !fits {
            self.buf.truncate(before);
        }
        fits
    }

    fn is_empty(&self) -> bool {
        self.buf.len() == self.start + PageInfo::LEN
    }

    fn finish(self, info: PageInfo) -> PageInfo {
        let mut head = Vec::with_capacity(PageInfo::LEN);
        info.emit(&mut head);
        if let Some(place) = self.buf.get_mut(self.start..self.start + PageInfo::LEN) {
            place.copy_from_slice(&head);
        }
        info
    }

    fn undo(self) {
        self.buf.truncate(self.start);
    }
}

impl Directory {
    /// `own` is this HMS: what is at home nowhere else is shown as its.
    pub fn new(own: ServerId) -> Self {
        Self { own, hints: vec![None; HINTS].into_boxed_slice(), walked: 0 }
    }

    /// How many changes were gone over since the last call: what a delta from far behind costs (R-SEC-05).
    pub fn take_walked(&mut self) -> u64 {
        std::mem::take(&mut self.walked)
    }

    /// Whether a delta from `from` is possible (R-DIR-06).
    pub fn reaches(registry: &Registry, view: ViewHandle, from: Revision) -> bool {
        from.0 != 0 && from >= registry.floor(view) && from <= registry.revision(view)
    }

    /// Writes a *delta* page: the changes after `from` that fit into `space` bytes (R-DIR-03). `None`, and nothing
    /// written, if `from` is not in the list any more or not even one change fits.
    pub fn write_delta(
        &mut self,
        registry: &Registry,
        view: ViewHandle,
        from: Revision,
        space: usize,
        buf: &mut Vec<u8>,
    ) -> Option<PageInfo> {
        if !Self::reaches(registry, view, from) {
            return None;
        }
        let mut page = Writer::new(buf, space)?;
        let hint = self.hints.get(slot(view, from)).copied().flatten();
        let (mut to, mut more, mut last) = (from, false, None);
        let changes = registry.changes_after(view, from, hint);
        self.walked = self.walked.saturating_add(changes.walked());
        for (revision, change) in changes {
            let written = page.line(|buf| match change {
                Change::Row(id) => emit_row(registry, id, self.own, buf),
                Change::Gone(gone) => {
                    Gone { user: gone.user, revision: gone.revision, reason: reason(gone.reason) }.emit(buf);
                }
            });
            if !written {
                more = true;
                break;
            }
            to = revision;
            if let Change::Row(id) = change {
                last = Some(id);
            }
        }
        if more && page.is_empty() {
            page.undo();
            return None;
        }
        if more && let Some(place) = self.hints.get_mut(slot(view, to)) {
            *place = last.or(hint);
        }
        let to = if more { to } else { registry.revision(view) };
        Some(page.finish(PageInfo {
            kind: PageKind::Delta,
            more,
            from,
            to,
            after: UserId::default(),
            up_to: UserId::default(),
            total: count(registry.view_len(view)),
        }))
    }

    /// Writes a *copy* page: the rows above `after` in the wanted buckets (R-DIR-04); a *whole* page, in all buckets,
    /// for a view of named users. `None`, and nothing written, if there are rows and not even one fits.
    pub fn write_copy(
        &self,
        registry: &Registry,
        view: ViewHandle,
        after: UserId,
        buckets: &Buckets,
        space: usize,
        buf: &mut Vec<u8>,
    ) -> Option<PageInfo> {
        let mut page = Writer::new(buf, space)?;
        let (mut up_to, mut more) = (after, false);
        let mut cursor = (after != UserId::default()).then_some(after);
        // Named users are told whole: the page replaces the host's list (R-DIR-05).
        let whole = matches!(view, ViewHandle::Named(_));
        while let Some(id) = registry.row_above(view, cursor, |bucket| whole || buckets.contains(bucket)) {
            if !page.line(|buf| emit_row(registry, id, self.own, buf)) {
                more = true;
                break;
            }
            up_to = registry.row(id).map_or(UserId::MAX, |row| row.user());
            cursor = Some(up_to);
        }
        if more && page.is_empty() {
            page.undo();
            return None;
        }
        let kind = if whole { PageKind::Whole } else { PageKind::Copy };
        let revision = registry.revision(view);
        Some(page.finish(PageInfo {
            kind,
            more,
            from: Revision::default(),
            to: revision,
            after,
            up_to: if more { up_to } else { UserId::MAX },
            total: count(registry.view_len(view)),
        }))
    }

    /// Writes a *find* page: matches above `after` (R-DIR-05).
    pub fn write_find(
        &self,
        registry: &Registry,
        realm: RealmId,
        find: &FindRows<'_>,
        space: usize,
        buf: &mut Vec<u8>,
    ) -> Option<PageInfo> {
        let mut page = Writer::new(buf, space)?;
        let (mut up_to, mut more) = (find.after, false);
        let Some(view) = registry.realm_view(realm) else {
            page.undo();
            return None;
        };
        let mut cursor = (find.after != UserId::default()).then_some(find.after);
        let mut looked_at = 0;
        while let Some(id) = find.next(registry, realm, view, cursor) {
            let Some(row) = registry.row(id) else { break };
            let fits = !find.matches(&row) || page.line(|buf| emit_row(registry, id, self.own, buf));
            if !fits || looked_at == LOOKED_AT {
                more = true;
                break;
            }
            looked_at += 1;
            up_to = row.user();
            cursor = Some(up_to);
        }
        if more && up_to == find.after {
            page.undo();
            return None;
        }
        Some(page.finish(PageInfo {
            kind: PageKind::Find,
            more,
            from: Revision::default(),
            to: Revision::default(),
            after: find.after,
            up_to: if more { up_to } else { UserId::MAX },
            total: 0,
        }))
    }
}

/// What a FIND asks for.
#[derive(Clone, Copy, Debug)]
pub struct FindRows<'a> {
    /// What is looked for.
    pub pattern: Pattern<'a>,
    /// With an exact name: the user id that it gives.
    pub exact: Option<UserId>,
    /// Rows above this user id; 0: from the lowest on.
    pub after: UserId,
}

impl FindRows<'_> {
    fn next(
        &self,
        registry: &Registry,
        realm: RealmId,
        view: ViewHandle,
        after: Option<UserId>,
    ) -> Option<RowId> {
        match self.exact {
            Some(user) => registry.by_user(realm, user).filter(|_| after.is_none_or(|after| user > after)),
            None => registry.row_above(view, after, |_| true),
        }
    }

    fn matches(&self, row: &RowView<'_>) -> bool {
        let content = ContentRef::trusted(row.content());
        match self.pattern {
            Pattern::User(name) => content.user_name() == name,
            Pattern::Prefix(text) => begins(content.user_name(), text) || begins(content.host_name(), text),
        }
    }
}

fn begins(name: &str, text: &str) -> bool {
    name.as_bytes().get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text.as_bytes()))
}

/// Where the hint for a page from `from` lies.
fn slot(view: ViewHandle, from: Revision) -> usize {
    let number = match view {
        ViewHandle::List(number) | ViewHandle::Named(number) => number,
    };
    (number.wrapping_mul(0x9e37_79b1) ^ from.0.wrapping_mul(0x85eb_ca6b)) as usize % HINTS
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

const fn reason(reason: Reason) -> GoneReason {
    match reason {
        Reason::Leave => GoneReason::Leave,
        Reason::Expiry => GoneReason::Expiry,
        Reason::Replaced => GoneReason::Replaced,
        Reason::Revoked => GoneReason::Revoked,
        Reason::LeftView => GoneReason::LeftView,
    }
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

fn emit_row(registry: &Registry, id: RowId, own: ServerId, buf: &mut Vec<u8>) {
    let Some(row) = registry.row(id) else { return };
    let address: Option<SocketAddr> = row.address();
    let entry = Entry {
        head: EntryHead {
            user: row.user(),
            revision: row.revision(),
            late: row.is_late(),
            unconfirmed: row.is_unconfirmed(),
            since: row.since().secs(),
            check_time_s: seconds(row.check_time()),
            home: if row.home() == Process::NOBODY { own } else { row.home().server },
        },
        content: ContentRef::trusted(row.content()),
        address,
        signature: row.signature().map(|s| Signature { issued: s.issued, bytes: s.bytes }),
    };
    entry.emit(buf);
}
