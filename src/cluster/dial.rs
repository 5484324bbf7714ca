//! Whom this HMS dials, and when (spec 10.12).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;

use super::action::Action;
use super::machine::Cluster;
use super::reach::Health;
use crate::chance::around;
use crate::ident::ServerId;
use crate::limits::{DIAL_LONGEST, DIAL_SENIOR, DIALS_MAX};
use crate::time::{Duration, Instant};
use crate::transport::LinkId;
use crate::wire::normal_address;
use crate::wire::peer::Phase;

/// How long a proven answer is waited for after a HINT (R-AUT-31).
const HINT_WAIT: Duration = Duration::from_secs(1);

/// Attempts to make a link to one address.
#[derive(Clone, Copy, Debug)]
struct Dial {
    /// One is going on.
    busy: bool,
    link: Option<LinkId>,
    began: Instant,
    /// The next may begin then.
    next: Instant,
    tries: u32,
    hint: Hint,
}

/// Whether HINT says that who is dialled does not have the cluster's key (R-PEE-24).
#[derive(Clone, Copy, Debug, Default)]
struct Hint {
    /// Since when, over attempts of which each was answered so.
    since: Option<Instant>,
    /// The attempt that goes on was.
    is_new: bool,
    told: bool,
}

/// What is said of an HMS that does not have the key.
pub fn no_key(address: SocketAddr) -> String {
    format!(
        "the HMS at {address} does not have the keys of this cluster: bring it in with `hms token --hms` and an empty \
         state directory there, or take its address out (`hms peers remove`, [peers] address)"
    )
}

/// Attempts by address. No more of them are kept than addresses are registered.
#[derive(Debug, Default)]
pub(super) struct Dials {
    by_address: BTreeMap<SocketAddr, Dial>,
    /// A starting HMS tries again and again.
    eager: bool,
}

impl Dials {
    /// What became of an attempt that was asked for.
    pub(super) fn began(&mut self, now: Instant, address: SocketAddr, link: Option<LinkId>) {
        let Some(dial) = self.by_address.get_mut(&address) else { return };
        (dial.busy, dial.link, dial.began) = (link.is_some(), link, now);
        dial.hint.is_new = false;
        if link.is_none() {
            dial.next = now + DIAL_LONGEST;
        }
    }

    /// An attempt has become a link.
    pub(super) fn opened(&mut self, now: Instant, link: LinkId) {
        if let Some(dial) = self.of(link) {
            (dial.busy, dial.link, dial.tries, dial.next) = (false, None, 0, now);
            dial.hint = Hint::default();
        }
    }

    /// Nothing that is proven has answered an attempt, but a HINT.
    pub(super) fn hinted(&mut self, now: Instant, link: LinkId) {
        if let Some(dial) = self.of(link) {
            dial.hint.is_new = true;
            dial.hint.since.get_or_insert(now);
        }
    }

    /// One has ended: 1, 2, 4, 8, 10 s lie between the beginnings of two, but those of an HMS that starts (R-PEE-94). The
    /// address, if a HINT was all that answered, for the first time.
    pub(super) fn ended(&mut self, now: Instant, link: LinkId, rng: &mut ChaCha20Rng) -> Option<SocketAddr> {
        let eager = self.eager;
        let (address, dial) = self.by_address.iter_mut().find(|(_, dial)| dial.link == Some(link))?;
        let pause = DIAL_LONGEST.min(Duration::from_secs(1 << dial.tries.min(4)));
        let pause = if eager { Duration::from_secs(1) } else { around(rng, pause, 10) };
        let from = if eager { now } else { dial.began };
        dial.next = dial.next.max(from + pause).max(now);
        (dial.busy, dial.link, dial.tries) = (false, None, dial.tries.saturating_add(1));
        if !dial.hint.is_new {
            dial.hint = Hint::default();
        }
        let tells = dial.hint.is_new && !std::mem::replace(&mut dial.hint.told, dial.hint.is_new);
        tells.then_some(*address)
    }

    fn of(&mut self, link: LinkId) -> Option<&mut Dial> {
        self.by_address.values_mut().find(|dial| dial.link == Some(link))
    }

    /// Nothing of what was tried counts any more.
    pub(super) fn anew(&mut self, now: Instant) {
        for dial in self.by_address.values_mut() {
            (dial.next, dial.tries) = (now, 0);
        }
    }

    /// Whoever is there is not dialled before that.
    pub(super) fn hold(&mut self, until: Instant, remote: SocketAddr) {
        let ip = remote.ip().to_canonical();
        for (_, dial) in self.by_address.iter_mut().filter(|(address, _)| address.ip() == ip) {
            dial.next = until;
        }
    }
}

impl Cluster {
    /// Begins what is due.
    pub(super) fn dial(&mut self, now: Instant) {
        self.dials.eager = self.own.phase == Phase::Starting;
        let wanted = self.wanted();
        let targets: BTreeMap<_, _> = self.targets().collect();
        self.dials.by_address.retain(|address, dial| dial.busy || targets.contains_key(address));
        for (address, target) in wanted {
            let delay = self.delay(target).max(self.way_wait(target, address));
            let bound = self.is_first_way(target, address);
            let busy = self.dials.by_address.values().filter(|dial| dial.busy).count();
            let fresh = Dial {
                busy: false,
                link: None,
                began: now,
                next: now + delay,
                tries: 0,
                hint: Hint::default(),
            };
            let dial = self.dials.by_address.entry(address).or_insert(fresh);
            if !dial.busy && dial.next <= now && busy < DIALS_MAX {
                (dial.busy, dial.began) = (true, now);
                self.actions.push_back(Action::Dial { address, target, bound });
            }
        }
    }

    /// Where nobody has the cluster's key, by HINTs that nothing proven has answered for a second (R-AUT-31).
    pub fn without_key(&self, now: Instant) -> Vec<SocketAddr> {
        let said = |address: &SocketAddr| {
            let since = self.dials.by_address.get(address).and_then(|dial| dial.hint.since);
            since.is_some_and(|since| now.since(since) >= HINT_WAIT)
        };
        self.wanted().into_iter().map(|(address, _)| address).filter(said).collect()
    }

    /// When the next attempt is due.
    pub(super) fn next_dial(&self) -> Option<Instant> {
        let busy = self.dials.by_address.values().filter(|dial| dial.busy).count();
        let wanted = self.wanted();
        let due = wanted.iter().filter_map(|(address, _)| self.dials.by_address.get(address));
        due.filter(|dial| !dial.busy && busy < DIALS_MAX).map(|dial| dial.next).min()
    }

    /// Every address of another, with its owner if that is known.
    fn targets(&self) -> impl Iterator<Item = (SocketAddr, Option<ServerId>)> {
        let own = self.own.process.server;
        let settings = self.peers.iter().map(|address| (normal_address(*address), None));
        let registered = self.facts.addresses().map(|fact| (fact.address, fact.server));
        let is_own = |address| self.own.addresses.iter().any(|own| normal_address(own.address) == address);
        settings
            .chain(registered)
            .filter(move |(address, server)| *server != Some(own) && address.port() != 0 && !is_own(*address))
    }

    /// The addresses at which somebody is missing, and the first way to whom there is but another (R-PEE-95).
    fn wanted(&self) -> Vec<(SocketAddr, Option<ServerId>)> {
        if self.alone || matches!(self.own.phase, Phase::Refused | Phase::Stopping) {
            return Vec::new();
        }
        let targets: BTreeMap<_, _> = self.targets().collect();
        let missing = |(address, server): &(SocketAddr, Option<ServerId>)| {
            let twin = self.kin_remotes().any(|remote| normal_address(remote) == *address);
            let first = self.is_first_way(*server, *address);
            !twin
                && !self.links.values().any(|one| {
                    let there = normal_address(one.remote) == *address || *server == Some(one.process.server);
                    let heard = !matches!(one.health, Some(Health::Suspect | Health::Down));
                    there && heard && (!first || self.goes_first_way(one))
                })
        };
        targets.into_iter().filter(missing).collect()
    }

    /// The senior one waits for the other, unless it looks for all (R-PEE-94).
    fn delay(&self, target: Option<ServerId>) -> Duration {
        let patient = matches!(self.own.phase, Phase::Operating | Phase::Synchronising);
        let Some(target) = target.filter(|_| patient) else { return Duration::ZERO };
        let own = self.own.standing();
        let other = self.known.get(&target).and_then(|known| known.standing.seat());
        let senior = match (own.seat(), other) {
            (Some(own), Some(other)) if own.line == other.line => own.is_senior_to(&other),
            _ => own.process.server < target,
        };
        if senior { DIAL_SENIOR } else { Duration::ZERO }
    }

    /// A neighbour is silent or gone: it is dialled anew.
    pub(super) fn redial(&mut self, now: Instant, server: ServerId) {
        let delay = self.delay(Some(server));
        let remote = self.known.get(&server).map(|known| normal_address(known.remote));
        let at = self.targets().filter(|(at, owner)| *owner == Some(server) || remote == Some(*at));
        let at: Vec<_> = at.collect();
        for (address, owner) in at {
            let next = now + delay.max(self.way_wait(owner, address));
            if let Some(dial) = self.dials.by_address.get_mut(&address).filter(|dial| !dial.busy) {
                (dial.next, dial.tries) = (next.max(dial.next), 0);
            }
        }
    }
}
