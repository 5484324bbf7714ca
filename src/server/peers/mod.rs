//! The HMS among others: its links and its cluster are part of the server machine, so that several servers act as one.
//!
//! A datagram between HMSs goes to the endpoint, what the endpoint tells goes to the cluster, and what the cluster wants
//! done is done here (`attend.rs`). A server without other HMSs pays for it with a branch and nothing else.

mod attend;
mod commands;
mod facts;
mod invite;
mod links;
mod newcomer;
mod routes;
mod settings;
mod show;
mod stop;
mod table;

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::Server;
use super::service::Service;
use super::setup::Setup;
use crate::cluster::exchange::Exchange;
use crate::cluster::{self, Cluster, DecisionId};
use crate::ident::{Process, Stamp};
use crate::time::Instant;
use crate::transport::limits::DATAGRAM_MAX;
use crate::transport::{Config, Endpoint, LinkSecret};
use crate::wire::peer::Phase;
use routes::Routes;

pub use commands::Storing;
pub(super) use facts::keyring_of;
use invite::Admission;
pub use newcomer::{Newcomer, NewcomerSetup};
pub use settings::{AckWhen, PeerSettings};
use settings::{Configured, own_addresses, timing_of};
use stop::HandOver;
use table::Shown;

/// The stream of the seed's randomness that is for peers: what hosts get does not depend on it.
const STREAM: u64 = 1;

/// Links, cluster, and what the server remembers of them.
pub(super) struct Peers {
    pub(super) cluster: Cluster,
    exchange: Exchange,
    /// There is another HMS, or there was.
    exchanging: bool,
    /// The exchange has more to do at once.
    turn_due: bool,
    /// How far the table had changed when it had its turn last.
    turned_at: u64,
    shown: Shown,
    endpoint: Endpoint,
    secret: LinkSecret,
    routes: Routes,
    /// Where a datagram is decrypted.
    scratch: Vec<u8>,
    /// When the endpoint or the cluster wants time.
    due: Option<Instant>,
    /// The endpoint may have something to send.
    sends: bool,
    /// What followed from the phase for hosts, and whether this HMS led, when that was looked at last.
    service: Service,
    led: bool,
    configured: Configured,
    decision: Option<DecisionId>,
    /// Who does not take this HMS, and why, for people.
    refused: Option<String>,
    /// What who redeems an invitation is given.
    admission: Admission,
    /// This HMS stops, and another takes over.
    hand_over: Option<HandOver>,
}

impl Peers {
    /// Begins with what stands in the setup; `clock` is where the stamp clock stands.
    pub(super) fn new(now: Instant, setup: &mut Setup, clock: Stamp) -> Self {
        let mut rng = ChaCha20Rng::from_seed(setup.seed);
        rng.set_stream(STREAM);
        let (mut links, mut seed) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut links);
        rng.fill_bytes(&mut seed);
        let settings = &setup.settings;
        let cluster = cluster::Setup {
            process: Process { server: setup.server, incarnation: setup.incarnation },
            alone: settings.standalone,
            name: setup.name.clone(),
            start_tries: settings.peers.start_tries,
            start_wait: settings.peers.start_wait,
            timing: timing_of(settings),
            addresses: own_addresses(settings, &[]),
            peers: settings.peers.addresses.clone(),
            facts: std::mem::take(&mut setup.facts),
            clock,
            wall: setup.wall,
            seed,
        };
        let mut this = Self {
            cluster: Cluster::new(now, cluster),
            exchange: Exchange::new(now, setup.settings.peers.immediate),
            exchanging: false,
            turn_due: false,
            turned_at: 0,
            shown: Shown::default(),
            endpoint: Endpoint::new(Config::new(setup.server, setup.incarnation), &links),
            secret: setup.link_secret.clone(),
            routes: Routes::new(setup.settings.peers.bind),
            scratch: Vec::with_capacity(DATAGRAM_MAX),
            due: None,
            sends: false,
            service: Service::Whole,
            led: false,
            configured: Configured::new(settings),
            decision: None,
            refused: None,
            admission: None,
            hand_over: None,
        };
        this.set_alone(now, settings.standalone);
        this.led = this.cluster.leads();
        this
    }

    /// What hosts get in the phase that it is in now (R-PEE-89).
    fn service_now(&self) -> Service {
        match self.cluster.phase() {
            _ if !self.cluster.hosts_open() => Service::Closed,
            Phase::Synchronising => Service::Incomplete,
            Phase::Stopping => self.hand_over.map_or(Service::Whole, |to| Service::HandOver {
                successor: to.successor.server,
                complete: to.complete,
            }),
            _ => Service::Whole,
        }
    }

    /// What was dropped of what came from HMSs, by reason.
    pub(super) fn drops_into(&self, drops: &mut BTreeMap<&'static str, u64>) {
        let links = self.endpoint.drops();
        let links = crate::transport::DropReason::ALL.iter().map(|reason| (reason.name(), links.of(*reason)));
        let rows = self.exchange.drops().by_name();
        for (name, dropped) in links.chain(rows).filter(|(_, dropped)| *dropped > 0) {
            let count = drops.entry(name).or_default();
            *count = count.saturating_add(dropped);
        }
    }
}

impl Server {
    /// Whether this HMS leads: whom hosts try first.
    pub(super) fn leads(&self) -> bool {
        self.peers.cluster.leads()
    }
}

#[cfg(test)]
mod tests;
