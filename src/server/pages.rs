//! Directory answers: what an ACK carries, PULL, FIND, and pushes (spec 4.6).

use super::Server;
use super::answer::Ask;
use crate::auth::{StoredKey, seal, user_id};
use crate::directory::{Directory, FindRows};
use crate::ident::{RealmId, Revision, UserId};
use crate::limits::{DATAGRAM_MAX, HEADER_LEN, TAG_LEN};
use crate::net::{Destination, Transmit};
use crate::registry::{NOT_GRANTED, PushTarget, Registry, RowId, ViewHandle, ViewSpec};
use crate::time::{Duration, Instant};
use crate::wire::{
    Buckets, Digests, Find, GrantReason, Granted, Header, Heartbeat, Kind, PageInfo, PageKind, PageMessage,
    Pattern, Pull, PullKind, UpdateMode, View, flag,
};

/// What a PAGE has room for, PAGE-INFO included.
const PAGE_SPACE: usize = DATAGRAM_MAX - HEADER_LEN - 12 - TAG_LEN;
/// Pushes that a realm without budget may pass over in one turn.
const PASSED_OVER: usize = 64;
/// How long pushes then wait.
const PUSH_PAUSE: Duration = Duration::from_millis(5);

/// How the host's directory differs from its view here (R-DIR-06, R-DIR-08).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// Nothing is to be said: no view, or not asked for.
    None,
    /// Equal, revision and digest.
    Equal(Revision),
    /// Equal, and the host does not know the revision: *equal*.
    Adopt(Revision),
    /// No delta mends it: *resync*.
    Resync,
    /// A first *delta* page.
    Delta(ViewHandle, Revision),
    /// A first *copy* page, *whole* for named users.
    Copy(ViewHandle),
}

impl Difference {
    /// Writes the page behind the head of an ACK; none if there is none, or if no row fits: then it is pulled.
    pub(super) fn write(
        self,
        registry: &Registry,
        directory: &mut Directory,
        space: usize,
        buf: &mut Vec<u8>,
    ) -> Option<PageInfo> {
        match self {
            Self::Delta(view, from) => directory
                .write_delta(registry, view, from, space, buf)
                .or_else(|| pull_it(PageKind::Delta, from, registry.view_len(view), space, buf)),
            Self::Copy(view) => {
                directory.write_copy(registry, view, UserId::default(), &Buckets::ALL, space, buf).or_else(
                    || pull_it(PageKind::Copy, Revision::default(), registry.view_len(view), space, buf),
                )
            }
            Self::None | Self::Equal(_) | Self::Adopt(_) | Self::Resync => None,
        }
    }
}

/// A page without rows that says that there are some: a long row beside settings leaves no room in an ACK.
fn pull_it(kind: PageKind, from: Revision, rows: usize, space: usize, buf: &mut Vec<u8>) -> Option<PageInfo> {
    let total = u32::try_from(rows).unwrap_or(u32::MAX);
    let (after, up_to) = (UserId::default(), UserId::default());
    let info = PageInfo { kind, more: true, from, to: from, after, up_to, total };
    (space >= PageInfo::LEN).then(|| {
        info.emit(buf);
        info
    })
}

impl Server {
    /// Lets the row's session follow `view`.
    pub(super) fn follow(&mut self, id: RowId, view: &View, push: bool) {
        let spec = match view {
            View::None | View::Unknown(_) => ViewSpec::None,
            View::Realm => ViewSpec::Realm,
            View::Group(name) => ViewSpec::Group(name.as_str()),
            View::Named(users) => ViewSpec::Named(users),
        };
        self.registry.subscribe(id, spec, push);
    }

    /// The view of the row's session, if it is granted (R-DIR-10).
    pub(super) fn granted_view(&mut self, id: RowId) -> Option<ViewHandle> {
        let row = self.registry.row(id)?;
        let (view, realm) = (row.view()?, row.realm());
        if self.registry.realm_view(realm) != Some(view) {
            return Some(view);
        }
        let rows = self.registry.counts(realm).known;
        self.budgets.grants(realm, rows, self.settings.all_rows).then_some(view)
    }

    /// What GRANTED says of the row's view.
    pub(super) fn granted(&mut self, id: RowId, asked: Option<&View>) -> Granted {
        if let Some(View::Unknown(_)) = asked {
            return Granted { kind: View::None.code(), reason: GrantReason::UnknownKind };
        }
        let view = self.registry.row(id).and_then(|row| row.view());
        let granted = self.granted_view(id);
        let realm = self.registry.row(id).and_then(|row| self.registry.realm_view(row.realm()));
        let kind = match view {
            None => 0,
            Some(_) if granted.is_none() => 0,
            Some(ViewHandle::Named(_)) => 3,
            Some(list) if Some(list) == realm => 1,
            Some(_) => 2,
        };
        let too_many = view.is_some() && granted.is_none();
        if too_many {
            self.registry.refuse_view(id);
        } else {
            self.granted_since(id);
        }
        Granted { kind, reason: if too_many { GrantReason::TooManyRows } else { GrantReason::AsAsked } }
    }

    /// A session that was told that its view is not granted may have dropped its list: from which revision on what
    /// it names counts again (R-DIR-10). `None` as long as it is refused, or if it never was.
    pub(super) fn granted_since(&mut self, id: RowId) -> Option<Revision> {
        let since = self.registry.row(id)?.granted_since()?;
        let view = self.granted_view(id)?;
        if since != NOT_GRANTED {
            return Some(since);
        }
        let now = self.registry.revision(view);
        self.registry.set_granted_since(id, now);
        Some(now)
    }

    /// The revision that the host names, 0 if it is another process's or from before the view was granted (R-DIR-06).
    pub(super) fn named_revision(
        &mut self,
        id: RowId,
        view: Option<ViewHandle>,
        heartbeat: &Heartbeat<'_>,
    ) -> Revision {
        let own = heartbeat.incarnation == self.answers.incarnation();
        let since = view.and_then(|_| self.granted_since(id));
        let holds = own && since.is_none_or(|since| heartbeat.revision >= since);
        if holds { heartbeat.revision } else { Revision::default() }
    }

    /// What the ACK to `heartbeat` has to say of the directory.
    pub(super) fn difference(
        &mut self,
        ask: &Ask,
        view: Option<ViewHandle>,
        heartbeat: &Heartbeat<'_>,
        revision: Revision,
    ) -> Difference {
        let Some(view) = view else { return Difference::None };
        let asked = self.settings.update != UpdateMode::OnRequest || heartbeat.want;
        let difference = match self.compare(view, revision, heartbeat.digest) {
            _ if self.settings.update == UpdateMode::Always => Difference::Copy(view),
            found @ (Difference::Equal(_) | Difference::Adopt(_)) => return found,
            found if asked => found,
            _ => return Difference::None,
        };
        // What finds no budget is said again at the next heartbeat.
        let may_send = difference == Difference::Resync || self.budgets.may_send(ask.now, ask.header.realm);
        if may_send { difference } else { Difference::None }
    }

    /// R-DIR-06: the revision decides, without one the digests.
    fn compare(&mut self, view: ViewHandle, revision: Revision, digest: u64) -> Difference {
        let (current, equal) = (self.registry.revision(view), self.registry.root(view) == digest);
        let known = Directory::reaches(&self.registry, view, revision);
        let named = matches!(view, ViewHandle::Named(_));
        match (known, equal) {
            (true, true) if revision == current => Difference::Equal(current),
            (true, _) if revision < current && !named => Difference::Delta(view, revision),
            (_, true) => Difference::Adopt(current),
            (_, false) if named => Difference::Copy(view),
            (_, false) => Difference::Resync,
        }
    }

    fn realm_of(&self, id: RowId) -> RealmId {
        self.registry.row(id).map(|row| row.realm()).unwrap_or_default()
    }

    /// Remembers what the session knows after an ACK or PAGE, for the pushes to go on from.
    pub(super) fn note_told(&mut self, id: RowId, difference: &Difference, page: Option<&PageInfo>) {
        let told = match (difference, page) {
            (Difference::Equal(revision) | Difference::Adopt(revision), _) => *revision,
            // The rest is pulled: pushed as well it would come twice, and whoever begins anew again and again would be
            // sent all of it each time.
            (Difference::Delta(..) | Difference::Copy(_), Some(page)) if !page.more => page.to,
            (Difference::None, _) => return,
            _ => Revision::default(),
        };
        if self.registry.row(id).is_some_and(|row| row.told() != told) {
            self.registry.set_told(id, told);
        }
    }

    /// An accepted PULL.
    pub(super) fn pull(&mut self, ask: &Ask, id: RowId, pull: &Pull) {
        let realm = ask.header.realm;
        if !self.budgets.may_send(ask.now, realm) {
            return self.dropped("directory-budget");
        }
        let view = self.granted_view(id);
        match (view, pull.kind) {
            (_, PullKind::Unknown(_)) => self.dropped("malformed"),
            (None, _) => self.empty_page(ask, id, pull),
            (Some(view @ ViewHandle::Named(_)), PullKind::Delta | PullKind::Copy) => {
                let buckets = Buckets::ALL;
                self.copy_page(ask, id, view, pull.cursor, &buckets);
            }
            (Some(view), PullKind::Digests) => self.digests(ask, id, view),
            (Some(view), PullKind::Copy) => {
                let buckets = pull.buckets.unwrap_or(Buckets::ALL);
                self.copy_page(ask, id, view, pull.cursor, &buckets);
            }
            (Some(view), PullKind::Delta)
                if self.granted_since(id).is_none_or(|since| pull.revision >= since)
                    && Directory::reaches(&self.registry, view, pull.revision) =>
            {
                self.delta_page(ask, id, view, pull.revision);
            }
            // Below the list's floor no delta is possible: the digests say where to begin.
            (Some(view), PullKind::Delta) => self.digests(ask, id, view),
        }
    }

    fn delta_page(&mut self, ask: &Ask, id: RowId, view: ViewHandle, from: Revision) {
        let (registry, directory) = (&self.registry, &mut self.directory);
        let Some(row) = registry.row(id) else { return };
        let key = StoredKey(row.key());
        let page =
            self.answers.page(ask, &key, |buf| directory.write_delta(registry, view, from, PAGE_SPACE, buf));
        self.page_sent(ask, id, &Difference::Delta(view, from), page.as_ref());
    }

    fn copy_page(&mut self, ask: &Ask, id: RowId, view: ViewHandle, after: UserId, buckets: &Buckets) {
        let (registry, directory) = (&self.registry, &self.directory);
        let Some(row) = registry.row(id) else { return };
        let key = StoredKey(row.key());
        let page = self
            .answers
            .page(ask, &key, |buf| directory.write_copy(registry, view, after, buckets, PAGE_SPACE, buf));
        self.page_sent(ask, id, &Difference::Copy(view), page.as_ref());
    }

    /// The session follows nothing: an empty copy says so.
    fn empty_page(&mut self, ask: &Ask, id: RowId, pull: &Pull) {
        let Some(row) = self.registry.row(id) else { return };
        let info = PageInfo {
            kind: PageKind::Copy,
            more: false,
            from: Revision::default(),
            to: Revision::default(),
            after: pull.cursor,
            up_to: UserId::MAX,
            total: 0,
        };
        self.answers.page(ask, &StoredKey(row.key()), |buf| {
            info.emit(buf);
            Some(info)
        });
    }

    fn page_sent(&mut self, ask: &Ask, id: RowId, what: &Difference, page: Option<&PageInfo>) {
        if page.is_none() {
            return self.dropped("page");
        }
        self.budgets.sent(ask.now, ask.header.realm, DATAGRAM_MAX);
        self.note_told(id, what, page);
    }

    fn digests(&mut self, ask: &Ask, id: RowId, view: ViewHandle) {
        let body = Digests {
            incarnation: self.answers.incarnation(),
            number: self.answers.number(),
            revision: self.registry.revision(view),
            root: self.registry.root(view),
            buckets: self.registry.buckets(view),
        };
        let Some(row) = self.registry.row(id) else { return };
        let header = ask.header.answer(Kind::Digests);
        self.answers.send(ask.back(), &header, &StoredKey(row.key()), |buf| body.emit(buf));
        self.budgets.sent(ask.now, ask.header.realm, DATAGRAM_MAX);
    }

    /// An accepted FIND: names of the whole realm, whatever view is followed (R-DIR-05).
    pub(super) fn find(&mut self, ask: &Ask, id: RowId, find: &Find<'_>) {
        let realm = ask.header.realm;
        if !self.budgets.may_send(ask.now, realm) {
            return self.dropped("directory-budget");
        }
        let exact = match find.pattern {
            Pattern::User(name) => Some(user_id(realm, name)),
            Pattern::Prefix(_) => None,
        };
        let rows = FindRows { pattern: find.pattern, exact, after: find.cursor };
        let (registry, directory) = (&self.registry, &self.directory);
        let Some(row) = registry.row(id) else { return };
        let key = StoredKey(row.key());
        let page =
            self.answers.page(ask, &key, |buf| directory.write_find(registry, realm, &rows, PAGE_SPACE, buf));
        self.page_sent(ask, id, &Difference::None, page.as_ref());
    }

    /// Whether a push may be waiting to be sent.
    pub(super) fn pushes(&self) -> bool {
        self.may_push() && self.service.tells_directory() && self.registry.has_pushes()
    }

    /// Whether anything is pushed (R-DIR-09).
    pub(super) fn may_push(&self) -> bool {
        self.settings.push && self.settings.update != UpdateMode::OnRequest
    }

    /// Writes the next push into `buf`: one page of what a session lacks, not repeated (R-DIR-09).
    pub(super) fn push(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        if !self.pushes() || self.push_after > now {
            return None;
        }
        for _ in 0..PASSED_OVER {
            let target = self.registry.next_push()?;
            let realm = self.realm_of(target.row);
            if self.granted_view(target.row) != Some(target.view) || self.is_silent(now, target.row) {
                self.registry.set_told(target.row, Revision::default());
            } else if self.budgets.may_send(now, realm)
                && let Some(transmit) = self.write_push(target, buf)
            {
                self.budgets.sent(now, realm, buf.len());
                return Some(transmit);
            }
        }
        self.push_after = now + PUSH_PAUSE;
        None
    }

    /// Not heard for one and a half check times: what is sent to an address that nobody has any more only waits in the
    /// kernel, before what is sent to others (R-DIR-09).
    fn is_silent(&self, now: Instant, id: RowId) -> bool {
        self.registry.row(id).is_none_or(|row| now.since(row.last_heard()) > row.check_time() * 3 / 2)
    }

    fn write_push(&mut self, target: PushTarget, buf: &mut Vec<u8>) -> Option<Transmit> {
        let PushTarget { row: id, view, told } = target;
        let (incarnation, number) = (self.answers.incarnation(), self.answers.number());
        let row = self.registry.row(id)?;
        let header = Header {
            kind: Kind::Page,
            flags: flag::PUSH,
            epoch: self.keyring.realm(row.realm())?.epoch,
            realm: row.realm(),
            user: row.user(),
            session: row.session(),
            sequence: 0,
        };
        let to = Destination::Unicast(row.address()?);
        buf.clear();
        header.emit(buf);
        PageMessage::emit_head(incarnation, number, buf);
        let page = self.directory.write_delta(&self.registry, view, told, PAGE_SPACE, buf);
        // What no delta says the next heartbeat finds out.
        self.registry.set_told(id, page.map(|page| page.to).unwrap_or_default());
        page?;
        seal(&StoredKey(self.registry.row(id)?.key()), buf);
        Some(Transmit { to, source: None, interface: None, spare: false })
    }
}
