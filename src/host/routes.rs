//! The HMSs that the host knows, and the order in which it turns to them (R-REG-34, ¶41).

use std::net::{IpAddr, SocketAddr};

use crate::discovery::Candidate;
use crate::ident::{Incarnation, Name, ServerId};
use crate::wire::{HmsInfo, normal_address};

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// For link-local addresses: the interface on which they were learnt (R-DSC-03).
    pub(super) interface: Option<u32>,
}

impl Target {
    pub(super) fn new(address: SocketAddr, interface: Option<u32>) -> Self {
        let address = normal_address(address);
        Self { address, interface: interface.filter(|_| is_link_local(address.ip())) }
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// One HMS.
#[derive(Clone, Debug)]
pub(super) struct Hms {
    /// What an authenticated answer said of it.
    pub(super) info: HmsInfo,
    /// Its addresses, the one that answered last first.
    pub(super) targets: Vec<Target>,
    /// The process that answered last (R-REG-35).
    pub(super) incarnation: Option<Incarnation>,
}

/// All HMSs: the list of an authenticated answer, and the token's addresses.
#[derive(Debug, Default)]
pub(super) struct Routes {
    list: Vec<Hms>,
    token: Vec<Target>,
    /// Whether the host has an IPv4 address, and an IPv6 address that means something beyond its link.
    own_v4: bool,
    own_v6: bool,
}

impl Routes {
    /// Begins with the token's addresses and the list of the last answer, from the storage.
    pub(super) fn new(token: &[SocketAddr], stored: Vec<HmsInfo>) -> Self {
        let token = token.iter().map(|a| Target::new(*a, None)).collect();
        let mut this = Self { token, ..Self::default() };
        this.set_list(stored, None);
        this
    }

    /// The host's own addresses: they say which of an HMS's addresses it can hope to reach.
    pub(super) fn set_own<'a>(&mut self, own: impl Iterator<Item = &'a IpAddr> + Clone) {
        let mut far = own.filter(|ip| !is_link_local(**ip) && !ip.is_loopback());
        self.own_v4 = far.clone().any(|ip| ip.is_ipv4());
        self.own_v6 = far.any(|ip| ip.is_ipv6());
    }

    /// An HMS's addresses in the order in which they are tried, and how many of them are the choice: those that are
    /// not link-local, of a family in which the host has such an address itself; else all. Whoever registers from a
    /// link-local address is published under it, and nobody can call that by its IP alone.
    fn in_order(&self, hms: &Hms) -> (Vec<Target>, usize) {
        let far = |target: &Target| {
            let ip = target.address.ip();
            !is_link_local(ip) && if ip.is_ipv4() { self.own_v4 } else { self.own_v6 }
        };
        if !hms.targets.iter().any(far) {
            return (hms.targets.clone(), hms.targets.len());
        }
        let (mut all, last): (Vec<Target>, Vec<Target>) = hms.targets.iter().partition(|target| far(target));
        let choice = all.len();
        all.extend(last);
        (all, choice)
    }

    /// Takes the list of an authenticated answer that came in on `interface`; what is known of processes stays.
    pub(super) fn set_list(&mut self, list: Vec<HmsInfo>, interface: Option<u32>) {
        let old = std::mem::take(&mut self.list);
        self.list = list
            .into_iter()
            .map(|info| {
                let known = old.iter().find(|hms| hms.info.server == info.server);
                let listed: Vec<_> = info.addresses.iter().map(|a| Target::new(*a, interface)).collect();
                // The address that answered last stays first while it is listed.
                let first = known.and_then(|k| k.targets.first()).filter(|t| listed.contains(t)).copied();
                let mut targets: Vec<_> = first.into_iter().collect();
                targets.extend(listed.into_iter().filter(|t| Some(*t) != first));
                Hms { info, targets, incarnation: known.and_then(|k| k.incarnation) }
            })
            .collect();
    }

    /// Takes HMSs that offered themselves, best first; others that are known stay behind them.
    pub(super) fn offered(&mut self, candidates: &[Candidate]) {
        for candidate in candidates.iter().rev() {
            let info = &candidate.hms;
            let at = self.list.iter().position(|hms| hms.info.server == info.server);
            let old = at.map(|at| self.list.remove(at));
            let mut targets: Vec<_> =
                info.addresses.iter().map(|a| Target::new(*a, candidate.interface)).collect();
            let incarnation = old.as_ref().and_then(|old| old.incarnation);
            for target in old.into_iter().flat_map(|old| old.targets) {
                if !targets.contains(&target) {
                    targets.push(target);
                }
            }
            self.list.insert(0, Hms { info: info.clone(), targets, incarnation });
        }
    }

    /// An authenticated answer of this HMS came in answer to what was sent to `target`.
    pub(super) fn answered(&mut self, target: Target, server: Option<ServerId>, incarnation: Incarnation) {
        let by_server = |hms: &Hms| server == Some(hms.info.server);
        let by_target = |hms: &Hms| server.is_none() && hms.targets.contains(&target);
        if let Some(hms) = self.list.iter_mut().find(|hms| by_server(hms) || by_target(hms)) {
            hms.incarnation = Some(incarnation);
            hms.targets.retain(|t| *t != target);
            // Behind a NAT the address that answers may be one that the HMS does not know.
            hms.targets.insert(0, target);
        }
    }

    /// The process behind a target, if one is known.
    pub(super) fn incarnation(&self, target: Target) -> Option<Incarnation> {
        self.by_target(target).and_then(|hms| hms.incarnation)
    }

    /// The HMS with this address.
    pub(super) fn by_target(&self, target: Target) -> Option<&Hms> {
        self.list.iter().find(|hms| hms.targets.contains(&target))
    }

    /// The HMS with this id.
    pub(super) fn by_server(&self, server: ServerId) -> Option<&Hms> {
        self.list.iter().find(|hms| hms.info.server == server)
    }

    /// The HMSs as the last answer listed them.
    pub(super) fn list(&self) -> &[Hms] {
        &self.list
    }

    /// Whether nothing is known to turn to.
    pub(super) fn is_empty(&self) -> bool {
        self.token.is_empty() && self.list.iter().all(|hms| hms.targets.is_empty())
    }

    /// All addresses for a first contact, in turn: near HMSs, the primary, the others, then their further
    /// addresses, then what only the token names.
    pub(super) fn contacts(&self, near: &[Name]) -> Vec<Target> {
        let mut list: Vec<_> = self.list.iter().collect();
        list.sort_by_key(|hms| {
            let near = near.iter().position(|n| *n == hms.info.name).unwrap_or(usize::MAX);
            (near, !hms.info.primary)
        });
        let list: Vec<Vec<Target>> = list.into_iter().map(|hms| self.in_order(hms).0).collect();
        let longest = list.iter().map(Vec::len).max().unwrap_or(0);
        let mut all: Vec<Target> = Vec::new();
        let nth = (0..longest).flat_map(|n| list.iter().filter_map(move |targets| targets.get(n)));
        for target in nth.chain(&self.token) {
            if !all.contains(target) {
                all.push(*target);
            }
        }
        all
    }

    /// For a heartbeat: the HMS that answered last, then each other HMS once. A lone HMS gets a second chance at
    /// its second address.
    pub(super) fn pass(&self, current: Target) -> Vec<Target> {
        let mut pass = vec![current];
        if is_link_local(current.address.ip()) {
            // Since then the host may have got an address that others can call.
            let better = self.by_target(current).and_then(|hms| self.in_order(hms).0.first().copied());
            pass.splice(0..0, better.filter(|t| !is_link_local(t.address.ip())));
        }
        let others = self.list.iter().filter(|hms| !hms.targets.contains(&current));
        pass.extend(others.filter_map(|hms| self.in_order(hms).0.first().copied()));
        if pass.len() == 1 {
            let own = self.by_target(current).into_iter().flat_map(|hms| {
                let (all, choice) = self.in_order(hms);
                all.into_iter().take(choice)
            });
            pass.extend(own.filter(|t| *t != current).take(1));
        }
        pass
    }

    /// While searching: one address of each HMS, another one each time, and one that only the token names.
    pub(super) fn round(&self, number: usize, current: Target) -> Vec<Target> {
        let pick = |hms: &Hms| {
            let (all, choice) = self.in_order(hms);
            let choice = if is_link_local(current.address.ip()) { all.len() } else { choice };
            all.get(number.checked_rem(choice)?).copied()
        };
        let mut round: Vec<_> = self.list.iter().filter_map(pick).collect();
        let only_token: Vec<_> = self.token.iter().filter(|t| self.by_target(**t).is_none()).collect();
        round.extend(number.checked_rem(only_token.len()).and_then(|n| only_token.get(n).copied()));
        if round.is_empty() {
            round.push(current);
        }
        round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_the_last_resort() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let target = |text: &str| Target::new(address(text), Some(2));
        let own = |list: &[&str]| list.iter().map(|t| t.parse().expect("an IP")).collect::<Vec<IpAddr>>();
        let (near, far) = ("[fe80::1]:6710", "10.0.0.1:6710");
        let hms = HmsInfo {
            server: ServerId(1),
            primary: true,
            sender: true,
            name: Name::new("atlas").expect("a name"),
            addresses: vec![address(near), address(far)],
        };
        let mut routes = Routes::default();
        routes.offered(&[Candidate { hms, interface: Some(2) }]);
        // Nothing is known of the host, or it has link-local addresses only: the HMS's order.
        for ips in [own(&[]), own(&["fe80::7", "127.0.0.1"])] {
            routes.set_own(ips.iter());
            assert_eq!(routes.contacts(&[]), [target(near), target(far)]);
        }
        routes.set_own(own(&["fe80::7", "10.0.0.7"]).iter());
        assert_eq!(routes.contacts(&[]), [target(far), target(near)]);
        // Whoever is registered at the one never leaves it for the other.
        assert_eq!(routes.pass(target(far)), [target(far)]);
        assert_eq!(routes.pass(target(near)), [target(far), target(near)]);
        for number in 0..3 {
            assert_eq!(routes.round(number, target(far)), [target(far)]);
        }
        assert_ne!(routes.round(0, target(near)), routes.round(1, target(near)));
    }
}
