//! What came on the streams of deltas and bulk, read as far as a turn allows (R-PEE-74, R-PEE-98).

use super::apply::Source;
use super::machine::Exchange;
use super::peer::{Peer, Waiting};
use super::table::Table;
use crate::ident::ServerId;
use crate::limits::CONFIRM_TIME;
use crate::time::Instant;
use crate::wire::peer::{Begin, Delta, Ending, Item, Items, PeerMessage, Stream};

impl Exchange {
    /// Reads what waits of a neighbour, deltas before bulk.
    pub(super) fn read(&mut self, now: Instant, server: ServerId, table: &mut Table<'_>) {
        for (number, stream) in [Stream::Deltas, Stream::Bulk].into_iter().enumerate() {
            while let Some(mut waiting) = self.next_waiting(server, number) {
                let done = self.read_one(now, server, stream, &mut waiting, table);
                if !done {
                    if let Some(inbox) = self.inbox(server, number) {
                        inbox.push_front(waiting);
                    }
                    return;
                }
            }
        }
    }

    fn inbox(&mut self, server: ServerId, number: usize) -> Option<&mut std::collections::VecDeque<Waiting>> {
        self.peers.get_mut(&server)?.into.inbox.get_mut(number)
    }

    fn next_waiting(&mut self, server: ServerId, number: usize) -> Option<Waiting> {
        let may = self.items > 0;
        self.inbox(server, number).filter(|_| may)?.pop_front()
    }

    /// Reads one message, or goes on with it; says whether it is read to its end.
    fn read_one(
        &mut self,
        now: Instant,
        server: ServerId,
        stream: Stream,
        waiting: &mut Waiting,
        table: &mut Table<'_>,
    ) -> bool {
        let bytes = std::mem::take(&mut waiting.bytes);
        let done = match PeerMessage::parse(stream, &bytes) {
            Ok(PeerMessage::Begin(begin)) => self.begin(now, server, begin),
            Ok(PeerMessage::Delta(delta)) => self.delta(now, server, &delta, waiting, table),
            Ok(PeerMessage::Buckets(buckets)) => {
                if let Some(peer) = self.peers.get_mut(&server) {
                    peer.take_buckets(now, &buckets, table);
                }
                self.progress = now;
                true
            }
            Ok(PeerMessage::Page(page)) => self.page(now, server, &page, waiting, table),
            _ => true,
        };
        waiting.bytes = bytes;
        done
    }

    fn begin(&mut self, now: Instant, server: ServerId, begin: Begin) -> bool {
        let Some(into) = self.peers.get_mut(&server).map(|peer| &mut peer.into) else { return true };
        into.begun = true;
        if !begin.resumed {
            into.applied = begin.revision;
        }
        into.confirmed = begin.revision;
        self.progress = now;
        true
    }

    fn delta(
        &mut self,
        now: Instant,
        server: ServerId,
        delta: &Delta<'_>,
        waiting: &mut Waiting,
        table: &mut Table<'_>,
    ) -> bool {
        if !self.peers.get(&server).is_some_and(|peer| peer.into.begun) {
            return true;
        }
        if !self.items(now, server, delta.items(), waiting, table) {
            return false;
        }
        if let Some(peer) = self.peers.get_mut(&server) {
            peer.applied(now, delta);
        }
        self.progress = now;
        true
    }

    /// Takes the items that were not taken yet, as many as the turn allows; says whether that was all.
    pub(super) fn items(
        &mut self,
        now: Instant,
        server: ServerId,
        items: Items<'_>,
        waiting: &mut Waiting,
        table: &mut Table<'_>,
    ) -> bool {
        let neighbours = self.neighbours();
        let Some(peer) = self.peers.get(&server) else { return true };
        let (process, teller, own) = (peer.process, peer.teller, self.own);
        let source = Source { process, teller, own, neighbours: &neighbours };
        for item in items.skip(waiting.done) {
            if self.items == 0 {
                return false;
            }
            self.items -= 1;
            waiting.done += 1;
            let taken = match item {
                Item::Row(home, row) => table.watched((row.head.realm, row.head.user), "leave", |table| {
                    source.take_row(now, home, &row, table).map(|_| ())
                }),
                Item::Gone(home, gone) => {
                    let event = if gone.ending == Ending::Leave { "leave" } else { "expire" };
                    table.watched((gone.realm, gone.user), event, |table| {
                        source.take_gone(now, home, &gone, table).map(|_| ())
                    })
                }
                Item::Root(root) => {
                    self.take_root(now, server, root, table);
                    Ok(())
                }
            };
            if let Err(reject) = taken {
                self.drops.count(reject);
            }
        }
        true
    }
}

impl Peer {
    /// A DELTA is applied: that is confirmed within a second, or at once.
    fn applied(&mut self, now: Instant, delta: &Delta<'_>) {
        let into = &mut self.into;
        into.applied = into.applied.max(delta.revision);
        into.all_heard |= delta.all;
        self.exchanged = Some(now);
        if into.applied == into.confirmed && !delta.confirm {
            return;
        }
        let at = if delta.confirm { now } else { now + CONFIRM_TIME };
        into.confirm_at = Some(into.confirm_at.map_or(at, |before| before.min(at)));
    }
}
