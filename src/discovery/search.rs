//! The host's side: rounds of DISCOVER and the collection of OFFERs (R-DSC-01, R-DSC-04).

use std::net::SocketAddr;

use rand_core::Rng;

use crate::chance::Backoff;
use crate::ident::{Name, ServerId};
use crate::limits::OFFER_COLLECTION;
use crate::time::{Duration, Instant};
use crate::wire::{HmsInfo, Offer};

/// When a round sends, counted from its begin.
const TIMES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(250), Duration::from_secs(1)];
/// The wait between two rounds is drawn between these.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchStep {
    /// Send DISCOVER with this nonce to the groups.
    Send(u64),
    /// The collection ended: try these, in this order.
    Try(Vec<Candidate>),
}

/// An HMS that offered itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The HMS as it, or another, says.
    pub hms: HmsInfo,
    /// Where the OFFER came in: link-local addresses are used there (R-DSC-03).
    pub interface: Option<u32>,
}

/// OFFERs of one round, in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Found {
    candidates: Vec<Candidate>,
}

impl Found {
    /// Adds what an OFFER says: the sender as its own witness, the others it names after all senders.
    pub fn add(&mut self, offer: &Offer, interface: Option<u32>) {
        for info in &offer.hms {
            let own = info.server == offer.server;
            let hms =
                HmsInfo { sender: own, primary: info.primary || (own && offer.primary), ..info.clone() };
            match self.candidates.iter_mut().find(|c| c.hms.server == info.server) {
                Some(known) if own && !known.hms.sender => *known = Candidate { hms, interface },
                Some(known) => merge(&mut known.hms.addresses, &info.addresses),
                None => self.candidates.push(Candidate { hms, interface }),
            }
        }
    }

    /// The order in which they are tried: the near one, the primary, the others; ties by arrival (R-DSC-04).
    pub fn in_order(mut self, near: &[Name]) -> Vec<Candidate> {
        self.candidates.retain(|c| !c.hms.addresses.is_empty());
        self.candidates.sort_by_key(|c| {
            let near = near.iter().position(|name| *name == c.hms.name).unwrap_or(usize::MAX);
            (near, !c.hms.primary, !c.hms.sender)
        });
        self.candidates
    }

    /// Whether nobody offered yet.
    pub const fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }
}

fn merge(known: &mut Vec<SocketAddr>, more: &[SocketAddr]) {
    more.iter().for_each(|address| {
        if !known.contains(address) {
            known.push(*address);
        }
    });
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Idle,
    /// A round that began at `begin` and sends number `next` at its time.
    Sending {
        begin: Instant,
        next: usize,
    },
    /// Between two rounds.
    Resting {
        until: Instant,
    },
}

/// The host's search: rounds until it is stopped.
#[derive(Debug)]
pub struct Search {
    phase: Phase,
    nonce: Option<u64>,
    found: Found,
    collect_until: Option<Instant>,
    backoff: Backoff,
}

impl Default for Search {
    fn default() -> Self {
        Self::new()
    }
}

impl Search {
    /// A search that does not run.
    pub const fn new() -> Self {
        Self {
            phase: Phase::Idle,
            nonce: None,
            found: Found { candidates: Vec::new() },
            collect_until: None,
            backoff: Backoff::NEW,
        }
    }

    /// Begins a round at once, with a nonce of its own: at the start, and when the network changed.
    pub fn start(&mut self, now: Instant, rng: &mut impl Rng) {
        self.backoff.reset();
        self.begin(now, rng);
    }

    fn begin(&mut self, now: Instant, rng: &mut impl Rng) {
        self.phase = Phase::Sending { begin: now, next: 0 };
        self.nonce = Some(rng.next_u64());
        self.found = Found::default();
        self.collect_until = None;
    }

    /// Ends the search.
    pub fn stop(&mut self) {
        *self = Self { backoff: self.backoff, ..Self::new() };
    }

    /// The nonce for a DISCOVER to one HMS: the round's if rounds go on, else a fresh one.
    pub fn probe(&mut self, rng: &mut impl Rng) -> u64 {
        match (self.phase, self.nonce) {
            (Phase::Sending { .. } | Phase::Resting { .. }, Some(nonce)) => nonce,
            _ => {
                let nonce = rng.next_u64();
                self.found = Found::default();
                self.nonce = Some(nonce);
                nonce
            }
        }
    }

    /// Whether rounds go on.
    pub const fn runs(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    /// The nonce of the round, which an OFFER, a REJECT or a HINT must echo.
    pub const fn nonce(&self) -> Option<u64> {
        self.nonce
    }

    /// Takes an authenticated OFFER that echoes the round's nonce.
    pub fn offer(&mut self, now: Instant, offer: &Offer, interface: Option<u32>) {
        self.found.add(offer, interface);
        if self.collect_until.is_none() && !self.found.is_empty() {
            self.collect_until = Some(now + OFFER_COLLECTION);
        }
    }

    /// When [`Self::step`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Idle => None,
            Phase::Sending { begin, next } => TIMES.get(next).map(|after| begin + *after),
            Phase::Resting { until } => Some(until),
        };
        [phase, self.collect_until].into_iter().flatten().min()
    }

    /// What is due now; call until `None`.
    pub fn step(&mut self, now: Instant, rng: &mut impl Rng, near: &[Name]) -> Option<SearchStep> {
        if self.collect_until.is_some_and(|until| until <= now) {
            self.collect_until = None;
            return Some(SearchStep::Try(std::mem::take(&mut self.found).in_order(near)));
        }
        if let Phase::Resting { until } = self.phase
            && until <= now
        {
            self.begin(now, rng);
        }
        let Phase::Sending { begin, next } = self.phase else { return None };
        let after = TIMES.get(next)?;
        if begin + *after > now {
            return None;
        }
        let next = next + 1;
        self.phase = if next < TIMES.len() {
            Phase::Sending { begin, next }
        } else {
            Phase::Resting { until: now + self.backoff.draw(rng, REST.0, REST.1) }
        };
        self.nonce.map(SearchStep::Send)
    }

    /// The server ids that offered in this round.
    pub fn offered(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.found.candidates.iter().map(|c| c.hms.server)
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
