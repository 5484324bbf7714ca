//! An accepted HEARTBEAT: time, content, and the ACK with what changed (R-REG-30, R-REG-31, R-DIR-06).

use super::Server;
use super::answer::Ask;
use super::pages::Difference;
use super::refusals::Verdict;
use super::register::unfit;
use super::session::Proof;
use crate::auth::{ReadyKey, Window};
use crate::limits::{DATAGRAM_MAX, TAG_LEN, TOLD_AGAIN};
use crate::planted::{Bug, planted};
use crate::registry::{FixedSignature, NewContent, RowId};
use crate::time::{Duration, Instant};
use crate::wire::{Ack, ContentRef, Header, Heartbeat, Kind, RejectCode, Settings};

impl Server {
    /// Row 9 of the table: the source is proven, the row is at home here (spec 4.4, R-PEE-91).
    pub(super) fn prove(&mut self, ask: &Ask, id: RowId) {
        let elsewhere = self.registry.row(id).is_some_and(|row| !row.is_here());
        self.registry.set_window(id, Window::start_at(ask.header.sequence).into_parts());
        let change = self.registry.confirm(ask.now, id, ask.from);
        self.sign(ask.now, id);
        self.displaced(ask.now, change.displaced);
        if change.visible || elsewhere {
            self.watch(ask.now, "update", id);
        }
    }

    /// Tells that an older row lost its address to a proven newcomer (R-REG-25).
    pub(super) fn displaced(&mut self, now: Instant, row: Option<RowId>) {
        if let Some(row) = row {
            self.registry.set_signature(row, None);
            self.watch(now, "late", row);
        }
    }

    /// Signs a host with a fixed address, so that others may keep it for use without an HMS (R-AUT-40).
    pub(super) fn sign(&mut self, now: Instant, id: RowId) {
        let Some(row) = self.registry.row(id) else { return };
        let fixed = ContentRef::trusted(row.content()).fixed();
        let signature = row.address().filter(|_| fixed).map(|address| {
            let issued = self.wall.read(now).secs();
            let bytes = self.cluster.sign_fixed(row.realm(), row.user(), issued, address, row.content());
            FixedSignature { issued, bytes }
        });
        self.registry.set_signature(id, signature);
    }

    /// An accepted HEARTBEAT.
    pub(super) fn heartbeat(
        &mut self,
        ask: &Ask,
        id: RowId,
        key: &ReadyKey,
        heartbeat: &Heartbeat<'_>,
        proof: Proof,
    ) {
        let Some(row) = self.registry.row(id) else { return };
        let (held, check_time) = (row.content_version(), row.check_time());
        if let Some((content, ..)) = heartbeat.content.as_ref().filter(|_| heartbeat.content_version > held)
            && let Some(reason) = unfit(row.realm(), row.user(), *content)
        {
            return self.reject_content(ask, key, reason);
        }
        self.heartbeats.count();
        let heard = row.last_heard();
        let back = self.registry.heartbeat(ask.now, id);
        let newer = heartbeat.content.is_some() && heartbeat.content_version > held;
        if newer && let Err(wait) = self.users.change(ask.now, ask.header.realm, ask.header.user) {
            if back {
                self.watch(ask.now, "update", id);
            }
            return self.retry(ask, key, wait);
        }
        let news = self.take_content(ask.now, id, heartbeat, held);
        if back || news {
            self.watch(ask.now, "update", id);
        }
        // A shorter check time counts when the host must have heard of it: not before it was told long enough.
        let wanted = self.settings.check_time;
        let changes = check_time != wanted && (wanted > check_time || ask.now >= self.tell_until);
        if changes {
            self.registry.set_check_time(ask.now, id, wanted);
        }
        let steady = proof == Proof::Steady && heartbeat.cookie.is_none();
        let returns = if steady { self.right_hms(ask.now, id, heard) } else { None };
        if let Some(right) = returns {
            return self.answers.short(ask, Kind::Redirect, right.0, key);
        }
        self.acknowledge(ask, id, key, heartbeat, self.settings_to_tell(ask, proof, changes));
    }

    /// Tells a host that what it says of itself cannot be taken; its row stays as it is.
    pub(super) fn reject_content(
        &mut self,
        ask: &Ask,
        key: &ReadyKey,
        (verdict, code, value): (Verdict, RejectCode, u32),
    ) {
        self.answers.reject(ask, code, value, key);
        self.refused(ask, verdict);
    }

    /// A change too many: the host comes again with it (R-SEC-05).
    pub(super) fn retry(&mut self, ask: &Ask, key: &ReadyKey, wait: Duration) {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.answers.short(ask, Kind::Retry, wait_ms, key);
        self.refused(ask, Verdict::Changes);
    }

    /// R-REG-31; says whether the directory changed.
    fn take_content(&mut self, now: Instant, id: RowId, heartbeat: &Heartbeat<'_>, held: u32) -> bool {
        let Some((content, view, push)) = &heartbeat.content else { return false };
        if heartbeat.content_version <= held && !planted(Bug::ContentVersionIgnored) {
            return false;
        }
        let new = NewContent {
            bytes: content.as_bytes(),
            version: heartbeat.content_version,
            group: content.conference(),
        };
        let visible = self.registry.set_content(id, &new);
        self.follow(id, view, *push);
        if visible {
            self.sign(now, id);
        }
        visible
    }

    fn acknowledge(
        &mut self,
        ask: &Ask,
        id: RowId,
        key: &ReadyKey,
        heartbeat: &Heartbeat<'_>,
        mut settings: Settings,
    ) {
        let follows =
            self.service.tells_directory() && self.registry.row(id).is_some_and(|row| row.view().is_some());
        let view = if follows { self.granted_view(id) } else { None };
        let revision = self.named_revision(id, view, heartbeat);
        let difference = self.difference(ask, view, heartbeat, revision);
        let refused = follows && view.is_none();
        let anew = follows && self.granted_since(id).is_some_and(|since| revision < since);
        if refused || anew || heartbeat.content.is_some() || difference == Difference::Resync {
            let asked = heartbeat.content.as_ref().map(|(_, view, _)| view);
            settings.granted = Some(self.granted(id, asked));
        }
        settings.replicated = self.late_replicated(ask.header.session);
        let Some(row) = self.registry.row(id) else { return };
        let ack = Ack {
            want_content: heartbeat.content.is_none() && heartbeat.content_version > row.content_version(),
            resync: difference == Difference::Resync,
            equal: matches!(difference, Difference::Adopt(_)),
            incarnation: self.answers.incarnation(),
            number: self.answers.number(),
            revision: view.map(|view| self.registry.revision(view)).unwrap_or_default(),
            content_version: row.content_version(),
            settings,
            changes: None,
        };
        let header = Header { flags: ack.flags(), ..ask.header.answer(Kind::Ack) };
        let (registry, directory) = (&self.registry, &mut self.directory);
        let (mut page, mut length) = (None, 0);
        self.answers.send(ask.back(), &header, key, |buf| {
            ack.emit_head(buf);
            let space = DATAGRAM_MAX.saturating_sub(buf.len() + TAG_LEN);
            page = difference.write(registry, directory, space, buf);
            length = buf.len();
        });
        if page.is_some() {
            self.budgets.sent(ask.now, ask.header.realm, length);
        }
        self.note_told(id, &difference, page.as_ref());
    }

    /// What the host may not know yet; `changed` says that another check time counts for it from now on. Most steady
    /// ACKs carry nothing of it.
    fn settings_to_tell(&self, ask: &Ask, proof: Proof, changed: bool) -> Settings {
        let mut settings = Settings::default();
        let fresh = proof == Proof::Fresh;
        let again = ask.header.sequence.is_multiple_of(TOLD_AGAIN);
        if fresh || again || changed || ask.now < self.tell_until {
            settings.check_time_ms = Some(self.settings.check_time_ms());
            settings.mode = Some(self.settings.update);
        }
        if fresh {
            settings.observed = Some(ask.from);
        }
        if fresh || ask.now < self.list_until {
            settings.hms = self.list_for(ask, ask.from);
            settings.cluster_key = Some(self.cluster.public());
        }
        settings
    }
}
