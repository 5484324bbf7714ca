//! What the cluster knows: who is a neighbour, over which link, whom it lists, and who can be reached.

use std::collections::BTreeMap;

use super::codec::row_digest;
use super::machine::Exchange;
use super::peer::Peer;
use super::table::Table;
use crate::cluster::machine::Cluster;
use crate::cluster::neighbour::Neighbour;
use crate::cluster::reach::{Health, Way};
use crate::ident::{Process, ServerId};
use crate::limits::{PEER_DOWN, POSITIONS_KEPT};
use crate::registry::Teller;
use crate::time::{Duration, Instant};
use crate::wire::peer::Phase;

impl Exchange {
    /// Takes over what changed in the cluster: to be called after every call to it. Doing it twice does nothing.
    pub fn follow(&mut self, now: Instant, cluster: &Cluster, table: &mut Table<'_>) {
        self.own = cluster.own.process;
        self.every = Duration::from_millis(u64::from(cluster.judged.timing.exchange_ms));
        self.enter(now, cluster.own.phase, table);
        let realms: Vec<_> = table.keyring.realms().map(|realm| (realm.id, realm.epoch)).collect();
        for (realm, epoch) in realms {
            table.registry.set_epoch(realm, epoch);
        }
        let before = self.listed();
        self.follow_links(now, cluster, table);
        self.follow_homes(cluster, table);
        self.tell_lost(&before);
    }

    fn enter(&mut self, now: Instant, phase: Phase, table: &Table<'_>) {
        if std::mem::replace(&mut self.phase, phase) == phase {
            return;
        }
        match phase {
            Phase::Waking => self.woke_at = Some(table.registry.position()),
            Phase::Synchronising => {
                self.progress = now;
                for peer in self.peers.values_mut() {
                    (peer.into.resumed, peer.into.all_heard) = (false, false);
                }
            }
            _ => self.woke_at = None,
        }
    }

    fn follow_links(&mut self, now: Instant, cluster: &Cluster, table: &mut Table<'_>) {
        let awake = cluster.own.phase != Phase::Waking;
        for (server, neighbour) in &cluster.links {
            if neighbour.is_linked() {
                self.follow_link(now, *server, neighbour, awake, table);
            }
        }
        for (server, peer) in &mut self.peers {
            let neighbour = cluster.links.get(server);
            let linked = neighbour.is_some_and(Neighbour::is_linked);
            peer.relinks = neighbour.is_some() && !linked;
            if !linked && peer.lost_at.is_none() {
                (peer.link, peer.up, peer.lost_at) = (None, false, Some(now));
                peer.stop_link(now);
                peer.lists.clear();
            }
        }
        let over = |peer: &Peer| peer.lost_at.is_some_and(|at| now >= at + POSITIONS_KEPT);
        let over: Vec<_> =
            self.peers.iter().filter(|(_, peer)| over(peer)).map(|(server, _)| *server).collect();
        for mut peer in over.iter().filter_map(|server| self.peers.remove(server)) {
            peer.out.close(table.registry);
        }
    }

    fn follow_link(
        &mut self,
        now: Instant,
        server: ServerId,
        neighbour: &Neighbour,
        awake: bool,
        table: &mut Table<'_>,
    ) {
        table.registry.share(row_digest);
        // Another process of it knows nothing of what this one's predecessor was told.
        if let Some(peer) = self.peers.get_mut(&server).filter(|peer| peer.process != neighbour.process) {
            peer.out.close(table.registry);
            self.peers.remove(&server);
        }
        let teller = self.teller(server);
        let peer = self.peers.entry(server).or_insert_with(|| Peer::new(now, neighbour.process, teller));
        if peer.link != Some(neighbour.link) {
            peer.begin_link(now, neighbour.link);
        }
        peer.up = awake && neighbour.is_up();
        peer.suspect = neighbour.health == Some(Health::Suspect);
        peer.down = neighbour.health == Some(Health::Down);
        peer.phase = neighbour.standing().phase;
        let listed = neighbour.pinged.iter().flat_map(|pinged| &pinged.neighbours);
        peer.lists = listed.map(|standing| standing.process).collect();
    }

    /// The number of who tells; beyond what can be told apart everybody hears everything.
    fn teller(&mut self, server: ServerId) -> Teller {
        let known = self.tellers.iter().position(|known| *known == server);
        let number = known.unwrap_or(self.tellers.len());
        if known.is_none() {
            self.tellers.push(server);
        }
        u8::try_from(number + 1).map_or(Teller::HERE, Teller)
    }

    /// What does not age, and what does from when its home was last heard (R-PEE-63, R-PEE-64). Who lists a home may have
    /// heard it last just before it would be down: no contact is taken for later than it may have been.
    fn follow_homes(&mut self, cluster: &Cluster, table: &mut Table<'_>) {
        let heard = |server| cluster.links.get(&server).map_or(Instant::ZERO, |one| one.heard);
        let reach = cluster.reach();
        let others = reach.iter().filter_map(|one| match one.way {
            Way::Own => None,
            Way::Neighbour => Some((one.standing.process, heard(one.standing.process.server))),
            Way::Over(relay) => Some((one.standing.process, heard(relay) - PEER_DOWN)),
        });
        let mut reached: BTreeMap<_, _> = others.collect();
        for (process, contact) in &mut reached {
            *contact = self.reached.get(process).map_or(*contact, |before| (*contact).max(*before));
        }
        for (process, contact) in &self.reached {
            if !reached.contains_key(process) {
                table.registry.home_lost(*process, *contact);
            }
        }
        for process in reached.keys().filter(|process| !self.reached.contains_key(process)) {
            table.registry.home_reached(*process);
        }
        self.reached = reached;
    }

    /// Whom each neighbour lists, and who is one.
    fn listed(&self) -> Vec<Process> {
        let up = self.peers.values().filter(|peer| peer.up);
        let mut listed: Vec<_> =
            up.flat_map(|peer| peer.lists.iter().copied().chain([peer.process])).collect();
        listed.sort_unstable();
        listed
    }

    /// A home that somebody lost is compared by those who cannot ask it themselves (R-PEE-77).
    fn tell_lost(&mut self, before: &[Process]) {
        let now = self.listed();
        let count = |all: &[Process], home: &Process| {
            all.partition_point(|one| one <= home) - all.partition_point(|one| one < home)
        };
        let mut lost: Vec<_> =
            before.iter().filter(|home| count(&now, home) < count(before, home)).copied().collect();
        lost.dedup();
        lost.retain(|home| *home != self.own);
        for peer in self.peers.values_mut().filter(|peer| peer.up && peer.out.begun) {
            let blind = |home: &&Process| **home != peer.process && !peer.lists.contains(home);
            peer.out.roots.extend(lost.iter().filter(blind));
        }
    }
}
