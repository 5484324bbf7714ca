//! Multicast at the host: rounds of DISCOVER, probes, and what a change of the network does (spec chapter 5).

use std::net::SocketAddr;

use super::routes::Target;
use super::timer::Timer;
use super::{Host, State};
use crate::auth::{checksum_holds, seal};
use crate::discovery::{Candidate, SearchStep};
use crate::net::Arrival;
use crate::time::Instant;
use crate::wire::{Announce, AnnounceEvent, Discover, Kind, Offer, Unverified};

impl Host {
    /// What the search and the probes have to do now.
    pub(super) fn search_due(&mut self, now: Instant) {
        if self.state.ended() || self.state == State::Leaving {
            return;
        }
        while let Some(step) = self.search.step(now, &mut self.rng, &self.near) {
            match step {
                SearchStep::Send(nonce) => {
                    let bytes = self.discover(nonce);
                    self.out.push_groups(bytes);
                }
                SearchStep::Try(candidates) => self.try_candidates(now, &candidates),
            }
        }
        if let Some((to, interface)) = self.probes.pop(now) {
            let nonce = self.search.probe(&mut self.rng);
            let bytes = self.discover(nonce);
            self.out.push(Target::new(to, interface), bytes);
        }
    }

    fn discover(&mut self, nonce: u64) -> Vec<u8> {
        let mut bytes = self.out.buffer();
        self.header(Kind::Discover, 0, nonce).emit(&mut bytes);
        Discover::default().emit(&mut bytes);
        seal(&self.me.key, &mut bytes);
        bytes
    }

    /// An authenticated OFFER of the present round.
    pub(super) fn offered(&mut self, now: Instant, arrival: Arrival, offer: &Offer) {
        self.search.offer(now, offer, arrival.interface);
    }

    fn try_candidates(&mut self, now: Instant, candidates: &[Candidate]) {
        if candidates.is_empty() {
            return;
        }
        self.routes.offered(candidates);
        match self.state {
            State::Seeking => self.contact_again(now),
            // A contact that may be about to succeed with one of them is left alone.
            State::Contacting if !self.contacts_one_of(candidates) => self.contact_again(now),
            State::Searching => self.beat_now(now),
            _ => {}
        }
    }

    fn contacts_one_of(&self, candidates: &[Candidate]) -> bool {
        self.contact
            .target
            .is_some_and(|target| candidates.iter().any(|c| c.hms.addresses.contains(&target.address)))
    }

    /// ANNOUNCE: a hint only; at most a probe follows, and nothing if the host is registered (R-DSC-05).
    pub(super) fn announced(
        &mut self,
        now: Instant,
        from: SocketAddr,
        arrival: Arrival,
        datagram: &Unverified<'_>,
    ) -> Result<(), &'static str> {
        if !checksum_holds(datagram) {
            return Err("checksum");
        }
        let announce = Announce::parse(datagram).map_err(|e| e.reason())?;
        let looking =
            matches!(self.state, State::Seeking | State::Contacting | State::Registering | State::Searching);
        if !looking || announce.event == AnnounceEvent::Stopping || announce.port == 0 {
            return Ok(());
        }
        let to = SocketAddr::new(from.ip(), announce.port);
        self.probes.plan(now, &mut self.rng, to, arrival.interface);
        Ok(())
    }

    /// Interfaces or addresses changed: whoever looks for an HMS looks again at once, whoever is registered says
    /// where it is now.
    pub(super) fn network_changed(&mut self, now: Instant) {
        if self.search.runs() && !self.state.ended() {
            self.search.start(now, &mut self.rng);
            self.search_due(now);
        }
        match self.state {
            State::Registered | State::Searching => self.beat_now(now),
            // Only a wait is cut short: a contact under way goes on.
            State::Contacting if self.contact.target.is_none() && self.timers.is_set(Timer::Contact) => {
                self.contact_again(now);
            }
            _ => {}
        }
    }
}
