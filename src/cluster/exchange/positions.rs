//! Where a neighbour is in the list of changes (R-PEE-70, R-PEE-72, R-PEE-75, R-PEE-82).

use super::machine::Exchange;
use super::peer::{Out, Peer};
use super::table::Table;
use crate::ident::ServerId;
use crate::limits::IMMEDIATE;
use crate::registry::Registry;
use crate::time::{Duration, Instant};
use crate::wire::peer::{Begin, Confirm, Phase, Resume};

impl Out {
    /// Forgets both places.
    pub(super) fn close(&mut self, registry: &mut Registry) {
        for reader in [self.sent.take(), self.confirmed.take()].into_iter().flatten() {
            registry.close_reader(reader);
        }
    }

    /// Begins anew behind all that there is.
    fn open(&mut self, registry: &mut Registry) {
        self.close(registry);
        (self.sent, self.confirmed) = (registry.open_reader(), registry.open_reader());
        let position = registry.position();
        (self.confirmed_at, self.sent_at, self.base) = (position, position, position);
    }

    /// Whether something waits to be told.
    fn waits(&self, now: Instant, registry: &Registry) -> bool {
        self.sent.is_some_and(|sent| registry.next_change(now, sent).is_some())
    }

    /// Whether it has confirmed all that DELTAs told, up to this revision.
    pub(super) fn has(&self, revision: u64) -> bool {
        self.begun && revision > self.base && self.confirmed_at >= revision
    }
}

impl Peer {
    /// Begins to tell it changes, behind what it confirmed if that is still possible.
    pub(super) fn take_resume(&mut self, now: Instant, resume: Resume, registry: &mut Registry) {
        let out = &mut self.out;
        let known = (out.confirmed_at..=registry.position()).contains(&resume.revision);
        let resumed = match (out.sent, out.confirmed) {
            (Some(sent), Some(confirmed)) if known && registry.can_resume(now, out.confirmed_at) => {
                registry.move_reader(sent, confirmed);
                out.sent_at = out.confirmed_at;
                true
            }
            _ => {
                out.open(registry);
                false
            }
        };
        out.begin = Some(Begin { resumed, revision: out.confirmed_at });
        (out.begun, out.all_due) = (true, true);
    }

    pub(super) fn take_confirm(&mut self, now: Instant, confirm: Confirm, registry: &mut Registry) {
        let out = &mut self.out;
        let Some(place) = out.confirmed.filter(|_| out.begun && confirm.revision <= out.sent_at) else {
            return;
        };
        out.confirmed_at = out.confirmed_at.max(confirm.revision);
        while registry.next_change(now, place).is_some_and(|next| next.revision <= confirm.revision) {
            registry.pass_change(place);
        }
    }
}

impl Exchange {
    /// Whether changes are told at all.
    pub(super) const fn tells(&self) -> bool {
        matches!(self.phase, Phase::Synchronising | Phase::Operating | Phase::Stopping)
    }

    /// Whether the whole table is offered: ROOTs are told, and questions answered.
    pub(super) const fn offers(&self) -> bool {
        matches!(self.phase, Phase::Operating | Phase::Stopping)
    }

    /// Says when what waits for a neighbour is to go (R-PEE-73).
    pub(super) fn plan(&mut self, now: Instant, server: ServerId, table: &Table<'_>) {
        let (next, stopping) = (self.next_exchange(now), self.phase == Phase::Stopping);
        let tells = self.tells();
        let Some(peer) = self.peers.get_mut(&server).filter(|peer| peer.up && peer.out.begun && tells) else {
            return;
        };
        let out = &mut peer.out;
        // What waits for its exchange time when the HMS stops does not wait any longer.
        let at_once = out.urgent.is_some() || stopping;
        let planned = out.flush_at.is_some_and(|at| !at_once || at <= now);
        if !planned && out.waits(now, table.registry) {
            out.flush_at = Some(if at_once { now } else { next });
        }
        out.flushing |= out.flush_at.is_some_and(|at| at <= now);
    }

    fn next_exchange(&self, now: Instant) -> Instant {
        if self.immediate {
            return now + IMMEDIATE;
        }
        let every = u64::try_from(self.every.as_micros()).unwrap_or(u64::MAX).max(1);
        let past = u64::try_from(now.since(self.began).as_micros()).unwrap_or(0);
        self.began + Duration::from_micros((past / every + 1).saturating_mul(every))
    }

    /// All that changed up to this revision goes to every neighbour now, and is to be confirmed at once (R-PEE-75).
    pub fn hurry(&mut self, now: Instant, revision: u64) {
        for peer in self.peers.values_mut().filter(|peer| peer.up) {
            peer.out.urgent = peer.out.urgent.max(Some(revision));
            peer.out.flush_at = Some(now);
        }
    }

    /// Whether every neighbour has what changed at this revision here, of those that are neither suspect, starting nor
    /// stopping; `Some(false)` if there is none, `None` as long as one has not confirmed it (R-PEE-75).
    pub fn is_replicated(&self, revision: u64) -> Option<bool> {
        let serves = |peer: &&Peer| {
            peer.up && !peer.suspect && !matches!(peer.phase, Phase::Starting | Phase::Stopping)
        };
        let mut others = self.peers.values().filter(serves).peekable();
        if others.peek().is_none() {
            return Some(false);
        }
        others.all(|peer| peer.out.has(revision)).then_some(true)
    }

    /// Whether a neighbour has confirmed all that there is to be told (R-PEE-86).
    pub fn has_everything(&self, now: Instant, server: ServerId, table: &Table<'_>) -> bool {
        self.peers.get(&server).is_some_and(|peer| {
            let out = &peer.out;
            let told = out.begun && out.begin.is_none() && !out.all_due && !out.waits(now, table.registry);
            told && out.confirmed_at >= out.sent_at && peer.serves.fetch.is_none()
        })
    }
}
