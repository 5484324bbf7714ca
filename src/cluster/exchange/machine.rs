//! The machine: what it is told, what it does in its turn, and when it wants to be called.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::figures::Figures;
use super::peer::{Peer, Waiting};
use super::scrub::Scrubber;
use super::table::{Drops, Table};
use crate::ident::{Process, ServerId};
use crate::limits::{ASK_GIVEN_UP, EXCHANGED_BYTES, EXCHANGED_ITEMS};
use crate::time::{Duration, Instant};
use crate::transport::{Endpoint, Priority};
use crate::wire::peer::{Confirm, PeerKind, PeerMessage, Phase, Resume, Stream};

/// The exchange of the table with all neighbours. Sans-I/O: messages go into the owner's endpoint.
pub struct Exchange {
    pub(super) own: Process,
    pub(super) phase: Phase,
    /// A change goes out at most 50 ms after it.
    pub(super) immediate: bool,
    /// Else with the next multiple of this since the beginning.
    pub(super) every: Duration,
    pub(super) began: Instant,
    pub(super) peers: BTreeMap<ServerId, Peer>,
    /// Who can be reached, and when there was contact last.
    pub(super) reached: BTreeMap<Process, Instant>,
    /// Numbers of those who tell.
    pub(super) tellers: Vec<ServerId>,
    /// It stood still: rows homed here up to this revision are not offered until it operates (R-PEE-65).
    pub(super) woke_at: Option<u64>,
    /// When something of a copy last came (R-PEE-15).
    pub(super) progress: Instant,
    /// Rows and ended sessions that may still be applied in this turn.
    pub(super) items: usize,
    /// Bytes that may still be made.
    pub(super) bytes: usize,
    pub(super) scrubber: Scrubber,
    /// The neighbour that was the first in the last turn.
    first: ServerId,
    pub(super) drops: Drops,
}

impl Exchange {
    /// Changes go out at once from now on, or no more.
    pub const fn set_immediate(&mut self, immediate: bool) {
        self.immediate = immediate;
    }

    /// With `immediate` changes go out at once, else at the exchange time of the cluster.
    pub fn new(now: Instant, immediate: bool) -> Self {
        Self {
            own: Process::NOBODY,
            phase: Phase::Starting,
            immediate,
            every: Duration::from_secs(5),
            began: now,
            peers: BTreeMap::new(),
            reached: BTreeMap::new(),
            tellers: Vec::new(),
            woke_at: None,
            progress: now,
            items: EXCHANGED_ITEMS,
            bytes: EXCHANGED_BYTES,
            scrubber: Scrubber::new(now),
            first: ServerId(0),
            drops: Drops::default(),
        }
    }

    /// Takes a message that [`Cluster::message`](crate::cluster::Cluster::message) says is for the table; what is too
    /// much for this turn waits, and holds its stream back.
    pub fn message(
        &mut self,
        now: Instant,
        server: ServerId,
        bytes: &[u8],
        table: &mut Table<'_>,
        endpoint: &mut Endpoint,
    ) {
        let Some(peer) = self.peers.get_mut(&server).filter(|peer| peer.link.is_some()) else { return };
        let kind = bytes.first().map(|code| PeerKind::from_code(*code));
        match kind.and_then(PeerKind::stream) {
            Some(Stream::Control) => self.control(now, server, bytes, table),
            Some(stream) => {
                let inbox = usize::from(stream == Stream::Bulk);
                if let Some(inbox) = peer.into.inbox.get_mut(inbox) {
                    inbox.push_back(Waiting { bytes: bytes.to_vec(), done: 0, swept: None });
                }
                self.read(now, server, table);
                self.hold_back(server, endpoint);
            }
            None => {}
        }
    }

    fn control(&mut self, now: Instant, server: ServerId, bytes: &[u8], table: &mut Table<'_>) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        match PeerMessage::parse(Stream::Control, bytes) {
            Ok(PeerMessage::Resume(resume)) => peer.take_resume(now, resume, table.registry),
            Ok(PeerMessage::Confirm(confirm)) => peer.take_confirm(now, confirm, table.registry),
            Ok(PeerMessage::Compare(compare)) => peer.serves.take_compare(now, compare),
            Ok(PeerMessage::Fetch(fetch)) => peer.serves.take_fetch(now, &fetch),
            _ => {}
        }
    }

    /// Reads what waits, and sends what is due, within the bounds of a turn (R-PEE-98). To be called when all else is
    /// done; says whether there is more to do at once.
    pub fn turn(&mut self, now: Instant, table: &mut Table<'_>, endpoint: &mut Endpoint) -> bool {
        (self.items, self.bytes) = (EXCHANGED_ITEMS, EXCHANGED_BYTES);
        let counting = table.registry.share_step();
        let mut more = counting;
        if counting {
            // There are no sums yet that could be compared.
            self.items = 0;
        }
        self.scrub(now, table);
        let servers = self.in_turn();
        self.first = servers.first().copied().unwrap_or_default();
        for server in servers {
            self.read(now, server, table);
            more |= self.hold_back(server, endpoint);
            self.plan(now, server, table);
            self.ask(now, server, table);
            self.confirm(now, server);
            self.send_control(server, endpoint);
            if !counting {
                more |= self.send(now, server, table, endpoint);
            }
        }
        more
    }

    /// All, another one first in each turn.
    fn in_turn(&self) -> Vec<ServerId> {
        let behind = self.peers.range((Bound::Excluded(self.first), Bound::Unbounded));
        behind.chain(self.peers.range(..=self.first)).map(|(server, _)| *server).collect()
    }

    /// Lets the streams of a neighbour wait while what came of them does; says whether one goes on.
    fn hold_back(&mut self, server: ServerId, endpoint: &mut Endpoint) -> bool {
        let Some(peer) = self.peers.get_mut(&server) else { return false };
        let Some(link) = peer.link.and_then(|link| endpoint.link_mut(link)) else { return false };
        let mut goes_on = false;
        let streams = [Priority::Deltas, Priority::Bulk].into_iter();
        for ((inbox, paused), priority) in peer.into.inbox.iter().zip(&mut peer.into.paused).zip(streams) {
            if *paused == inbox.is_empty() {
                *paused = !inbox.is_empty();
                link.set_reading(priority, !*paused);
                goes_on |= !*paused;
            }
        }
        goes_on || peer.into.inbox.iter().any(|inbox| !inbox.is_empty())
    }

    /// Says RESUME where it is due, and CONFIRM (R-PEE-72, R-PEE-74).
    fn confirm(&mut self, now: Instant, server: ServerId) {
        let has_seat = matches!(self.phase, Phase::Synchronising | Phase::Operating);
        let Some(peer) = self.peers.get_mut(&server).filter(|peer| peer.up) else { return };
        let into = &mut peer.into;
        if has_seat && !into.resumed {
            into.resumed = true;
            let resume = Resume { revision: into.applied };
            peer.control.push(message(&PeerMessage::Resume(resume)));
        }
        if into.confirm_at.is_some_and(|at| at <= now) {
            (into.confirm_at, into.confirmed) = (None, into.applied);
            let confirm = Confirm { revision: into.applied };
            peer.control.push(message(&PeerMessage::Confirm(confirm)));
        }
    }

    fn send_control(&mut self, server: ServerId, endpoint: &mut Endpoint) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        let Some(link) = peer.link else { return };
        let fits = |message: &&Vec<u8>| endpoint.send(link, Priority::Control, message).is_ok();
        let sent = peer.control.iter().take_while(fits).count();
        peer.control.drain(..sent);
    }

    /// When [`turn`](Self::turn) is wanted next, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of_peer = |peer: &Peer| {
            let out = &peer.out;
            let tells = peer.up && out.begun && self.tells();
            let flush = out.flush_at.filter(|_| tells && !out.flushing);
            let roots = out.root_at.filter(|_| tells && self.offers());
            let confirm = peer.into.confirm_at.filter(|_| peer.up);
            let asks = peer.asks.wakes_at().filter(|_| peer.up);
            flush.into_iter().chain(roots).chain(confirm).chain(asks).min()
        };
        let copy = (self.phase == Phase::Synchronising).then(|| self.progress + ASK_GIVEN_UP);
        self.peers.values().filter_map(of_peer).chain(copy).chain(self.scrubs_at()).min()
    }

    /// Nothing is left to be copied, or nothing came for 30 s: a synchronising HMS may operate (R-PEE-15), and
    /// [`Cluster::copies_complete`](crate::cluster::Cluster::copies_complete) is to be called.
    pub fn is_complete(&self, now: Instant) -> bool {
        let mut there =
            self.peers.values().filter(|peer| (peer.link.is_some() || peer.relinks) && !peer.down);
        let done = |peer: &Peer| {
            (peer.into.all_heard || peer.phase != Phase::Operating) && peer.asks.wants.is_empty()
        };
        self.phase == Phase::Synchronising && (now >= self.progress + ASK_GIVEN_UP || there.all(done))
    }

    /// What was told and not used.
    pub const fn drops(&self) -> &Drops {
        &self.drops
    }

    /// What is known of the exchange with a member, if it was linked within the last hour (`hms peers`).
    pub fn figures(&self, now: Instant, server: ServerId, table: &mut Table<'_>) -> Option<Figures> {
        Some(Figures::of(now, self.peers.get(&server)?, table))
    }
    /// So many HMSs are known, linked or not.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.peers.len()
    }
}

pub(super) fn message(message: &PeerMessage<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.emit(&mut bytes);
    bytes
}
