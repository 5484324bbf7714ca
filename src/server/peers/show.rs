//! What `hms peers` and `hms status` show of the cluster.

use super::super::view::rfc3339;
use super::super::{PeerRow, Server, Standing};
use std::collections::BTreeMap;

use crate::cluster::{PeerState, PeerView, no_key};
use crate::ident::ServerId;
use crate::registry::ScrubCounts;
use crate::time::{Duration, Instant, UnixMillis};
use crate::transport::KeyId;
use crate::wire::peer::Phase;

impl Server {
    /// `hms peers`: all other members, and who was refused, by name.
    pub fn peers(&self, now: Instant) -> Vec<PeerRow> {
        let all = self.peers.cluster.peers(now);
        let mut rows: Vec<_> = all.iter().map(|peer| self.row_of(now, peer)).collect();
        rows.sort_by(|a, b| (&a.name, &a.address).cmp(&(&b.name, &b.address)));
        rows
    }

    /// Another member, or one that was refused.
    pub fn peer(&self, now: Instant, server: ServerId) -> Option<PeerRow> {
        let all = self.peers.cluster.peers(now);
        all.iter().find(|peer| peer.server == server).map(|peer| self.row_of(now, peer))
    }

    fn row_of(&self, now: Instant, peer: &PeerView) -> PeerRow {
        let registered = || self.facts().addresses_of(peer.server).next();
        let address = peer.remote.or_else(registered);
        let name = if peer.name.is_empty() { peer.server.to_string() } else { peer.name.clone() };
        let figures = self.peers.shown.by_server.get(&peer.server);
        let age = now.since(self.peers.shown.at);
        PeerRow {
            name,
            address: address.map(|address| address.to_string()),
            role: self.role_of(peer),
            status: match peer.state {
                PeerState::Up => "up",
                PeerState::Suspect => "suspect",
                PeerState::Down | PeerState::NeverHeard => "down",
                PeerState::Refused(_) => "refused",
            },
            rtt_ms: self.rtt_ms(peer.server),
            last_exchange_s: figures.and_then(|figures| figures.exchanged).map(|span| (span + age).as_secs()),
            hosts: figures.map(|figures| figures.rows as usize),
            equal: figures.and_then(|figures| figures.equal),
            digest: figures.map(|figures| format!("{:016x}", figures.root)),
            message: self.without_key(now, peer.server).or_else(|| message_of(peer)),
        }
    }

    fn without_key(&self, now: Instant, server: ServerId) -> Option<String> {
        let addresses = self.peers.cluster.without_key(now);
        let is_there = self.facts().addresses_of(server).any(|address| addresses.contains(&address));
        is_there.then(|| "does not have the keys of this cluster".into())
    }

    fn role_of(&self, peer: &PeerView) -> Option<&'static str> {
        let leads = self.peers.cluster.primary().is_some_and(|seat| seat.server == peer.server);
        let reached = peer.way.is_some();
        Some(match peer.phase.filter(|_| reached)? {
            Phase::Starting => "starting",
            Phase::Refused => "refused",
            Phase::Stopping => "stopping",
            _ if leads => "primary",
            _ => "secondary",
        })
    }

    /// The smoothed round trip of the open link with an HMS.
    fn rtt_ms(&self, server: ServerId) -> Option<f64> {
        let mut links = self.peers.endpoint.links().map(|(_, link)| link).filter(|link| link.is_open());
        let link = links
            .find(|link| link.peer().is_some_and(|peer| peer.server == server && peer.key == KeyId::CLUSTER));
        link.map(|link| link.rtt().smoothed().as_micros() as f64 / 1000.0)
    }

    /// What changes with the others: who looks at it each turn misses nothing.
    pub fn standing(&self) -> Standing {
        Standing { role: self.role(), primary: self.peers.cluster.primary().map(|seat| seat.server) }
    }

    /// Own settings that the primary's override, with what holds in their place.
    pub fn overridden(&self) -> BTreeMap<String, String> {
        self.peers.overridden(&self.settings)
    }

    /// The role that `hms status` shows: a stop ends every other.
    pub(in crate::server) fn role(&self) -> &'static str {
        match self.peers.cluster.phase() {
            _ if self.stopping => "stopping",
            Phase::Stopping => "stopping",
            Phase::Refused => "refused",
            // It starts anew, and is refused as long as it did not get in.
            Phase::Starting if self.peers.refused.is_some() => "refused",
            Phase::Starting => "starting",
            _ if self.peers.cluster.is_standalone() => "standalone",
            _ if self.leads() => "primary",
            _ => "secondary",
        }
    }

    /// How long ago the founder of the line started; this HMS as long as it has none.
    pub(in crate::server) fn cluster_age(&self, now: Instant) -> Duration {
        let line = self.peers.cluster.status(now).line.map(|(_, age)| age);
        line.unwrap_or_else(|| now.since(self.start))
    }

    /// When that was, by the founder's wall clock: so all show the same.
    pub(in crate::server) fn cluster_start(&self, now: Instant) -> String {
        let status = self.peers.cluster.status(now);
        if status.line.is_some() {
            return rfc3339(UnixMillis(status.founded.saturating_mul(1000)));
        }
        let age_ms = u64::try_from(self.cluster_age(now).as_millis()).unwrap_or(u64::MAX);
        rfc3339(UnixMillis(self.wall.read(now).0.saturating_sub(age_ms)))
    }

    /// What an admin should know of the cluster.
    pub(in crate::server) fn peers_message(&self, now: Instant, lines: &mut Vec<String>) {
        let status = self.peers.cluster.status(now);
        lines.extend(self.peers.refused.clone());
        if status.removed {
            lines.push("this HMS was removed from the cluster and runs all the same: stop it".into());
        }
        lines.extend(scrub_message(self.registry.scrub_counts()));
        lines.extend(self.peers.cluster.without_key(now).into_iter().map(no_key));
        if status.phase == Phase::Waking {
            lines.push("stood still for more than 10 s: asks the other HMSs before it answers hosts".into());
        }
    }
}

impl Server {
    /// That it is refused is known until it has a seat, though it starts anew every few seconds (R-PEE-22).
    pub(super) fn follow_refusal(&mut self, now: Instant) {
        let status = self.peers.cluster.status(now);
        match (status.phase, status.refusal) {
            (Phase::Starting, _) => {}
            (Phase::Refused, Some(refusal)) => {
                let (by, code) = (self.member_name(refusal.by), refusal.code.name());
                let (remote, reason) = (refusal.remote, refusal.reason);
                self.peers.refused =
                    Some(format!("HMS {by} at {remote} does not take this one ({code}): {reason}"));
            }
            _ => self.peers.refused = None,
        }
    }
}

/// What memory lost, if it did (R-PEE-81).
fn scrub_message(counts: ScrubCounts) -> Option<String> {
    let ScrubCounts { damaged, mended, accepted, remade } = counts;
    let rows = (damaged > 0).then(|| {
        let lost = if accepted > 0 {
            format!(", {accepted} could not be and stay as they are")
        } else {
            String::new()
        };
        format!("{damaged} rows were damaged in memory: {mended} mended by what other HMSs have{lost}")
    });
    let sums = (remade > 0).then(|| format!("{remade} sums were damaged in memory and made anew"));
    let all: Vec<_> = rows.into_iter().chain(sums).collect();
    (!all.is_empty()).then(|| format!("{}; check this machine's memory", all.join("; ")))
}

fn message_of(peer: &PeerView) -> Option<String> {
    match peer.state {
        PeerState::NeverHeard => Some("never heard".into()),
        PeerState::Refused(code) => Some(format!("refused here: {}", code.name())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_memory_lost_is_said() {
        crate::shows!("R-PEE-81");
        assert_eq!(scrub_message(ScrubCounts::default()), None);
        let counts = ScrubCounts { damaged: 3, mended: 2, accepted: 1, remade: 1 };
        let text = "3 rows were damaged in memory: 2 mended by what other HMSs have, 1 could not be and stay as they \
                    are; 1 sums were damaged in memory and made anew; check this machine's memory";
        assert_eq!(scrub_message(counts).as_deref(), Some(text));
    }
}
