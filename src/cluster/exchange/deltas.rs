//! DELTAs: what changed, as it is when it is told (R-PEE-70, R-PEE-71).

use super::codec::{emit_row, gone_of, home_of};
use super::machine::{Exchange, message};
use super::peer::Peer;
use super::table::Table;
use crate::ident::{Process, ServerId};
use crate::limits::{BATCH_MAX, BUCKETS_LEN};
use crate::registry::{Held, Registry, Teller, Told};
use crate::time::{Duration, Instant};
use crate::transport::{Endpoint, Priority};
use crate::wire::peer::{DeltaWriter, PeerMessage, Phase, Row};

/// Changes that one DELTA looks at: most of them may be of no interest to this neighbour.
const LOOKS: usize = 4096;
/// Bytes that stand for one of them in what a turn may make.
const LOOK_COST: usize = 4;

/// What came of a change.
#[derive(PartialEq, Eq)]
enum Put {
    Done,
    Full,
}

impl Exchange {
    /// Sends what is due as long as there is room; says whether more could go at once.
    pub(super) fn send(
        &mut self,
        now: Instant,
        server: ServerId,
        table: &mut Table<'_>,
        endpoint: &mut Endpoint,
    ) -> bool {
        let Some(link) = self.peers.get(&server).and_then(|peer| peer.link) else { return false };
        let room = |endpoint: &Endpoint, priority| endpoint.link(link).map_or(0, |link| link.room(priority));
        while room(endpoint, Priority::Deltas) >= BATCH_MAX {
            if self.bytes == 0 {
                return true;
            }
            let Some(delta) = self.next_delta(now, server, table) else { break };
            if endpoint.send(link, Priority::Deltas, &delta).is_err() {
                return false;
            }
        }
        while room(endpoint, Priority::Bulk) >= BUCKETS_LEN {
            if self.bytes == 0 {
                return true;
            }
            let Some(page) = self.next_bulk(now, server, table) else { break };
            self.bytes = self.bytes.saturating_sub(page.len());
            if endpoint.send(link, Priority::Bulk, &page).is_err() {
                return false;
            }
        }
        false
    }

    /// BEGIN, or the next DELTA, if one is due.
    fn next_delta(&mut self, now: Instant, server: ServerId, table: &mut Table<'_>) -> Option<Vec<u8>> {
        let (own, woke_at, offers) = (self.own, self.woke_at, self.offers());
        let tells = self.tells();
        let stopping = self.phase == Phase::Stopping;
        let peer = self.peers.get_mut(&server).filter(|peer| peer.up && peer.out.begun && tells)?;
        if let Some(begin) = peer.out.begin.take() {
            return Some(message(&PeerMessage::Begin(begin)));
        }
        let roots = offers && peer.out.roots_due(now);
        if !peer.out.flushing && !roots {
            return None;
        }
        let teller_lists = |teller: Teller| self.tellers.get(usize::from(teller.0).wrapping_sub(1)).copied();
        let reader = peer.out.sent?;
        let mut bytes = Vec::with_capacity(BATCH_MAX);
        let mut writer = DeltaWriter::begin(&mut bytes);
        let mut looks = 0;
        let at_end = loop {
            let Some(told) = table.registry.next_change(now, reader) else { break true };
            let asleep = woke_at.is_some_and(|woke| told.revision <= woke);
            let wanted = peer.is_told(&told, teller_lists(told.teller));
            if looks == LOOKS
                || (wanted
                    && put(now, own, peer.process, asleep, &told, table.registry, &mut writer) == Put::Full)
            {
                break false;
            }
            looks += 1;
            table.registry.pass_change(reader);
        };
        let all = at_end && roots && peer.put_roots(now, own, table.registry, &mut writer);
        peer.out.end(now, at_end, roots);
        let urgent = peer.out.is_urgent(at_end);
        if writer.is_empty() && !all && !urgent && at_end {
            return None;
        }
        let revision = table.registry.reader_position(reader);
        writer.end(stopping || urgent, all, revision);
        (peer.out.sent_at, peer.exchanged) = (revision, Some(now));
        // What was only looked at is work as well.
        self.bytes = self.bytes.saturating_sub(bytes.len().max(looks * LOOK_COST));
        Some(bytes)
    }
}

/// Appends a row or the end of a session.
fn put(
    now: Instant,
    own: Process,
    receiver: Process,
    asleep: bool,
    told: &Told,
    registry: &Registry,
    writer: &mut DeltaWriter<'_>,
) -> Put {
    let fits = match told.what {
        Held::Row(id) => match registry.row(id) {
            Some(row) if row.is_offered() && row.home() != receiver && !(asleep && row.home() == own) => {
                let mut bytes = Vec::new();
                emit_row(&row, &mut bytes);
                Row::parse(&bytes, 0).map_or(true, |told| writer.row(home_of(now, &row), &told))
            }
            _ => true,
        },
        Held::Ended { left: Duration::ZERO, .. } => true,
        Held::Ended { realm, user, ended, left } => {
            let (home, gone) = gone_of(own, realm, user, &ended, left);
            writer.gone(home, &gone)
        }
    };
    if fits { Put::Done } else { Put::Full }
}

impl Peer {
    /// What this HMS was told goes neither to who told it, nor to whom that one tells it (R-PEE-71).
    fn is_told(&self, told: &Told, by: Option<ServerId>) -> bool {
        told.teller == Teller::HERE || by.is_none_or(|by| by != self.process.server && !self.lists_server(by))
    }
}
