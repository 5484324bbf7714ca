//! Which HMSs hosts are told of, in which order, and which of them is a host's right one (R-PEE-92, R-PEE-93).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::Server;
use super::answer::Ask;
use super::reach;
use super::service::Service;
use crate::cluster::{PeerState, PeerView, Seat, Way};
use crate::ident::{Name, Process, ServerId, SessionId};
use crate::limits::{HMS_LIST_MAX, PEER_MISSED, RETURN_EVERY, RETURN_STEADY};
use crate::registry::RowId;
use crate::time::Instant;
use crate::wire::peer::Phase;
use crate::wire::{ContentRef, HmsInfo, HostState};

/// Addresses of another HMS that hosts are told.
const ADDRESSES_MAX: usize = 4;
/// Room for the list in an answer, in bytes: the rest of it, and some rows, have room beside it.
const ROOM: usize = 640;
/// A TLV of an HMS without its name and addresses, and an address of either family.
const OVERHEAD: usize = 3 + 8 + 1 + 1;
const ADDRESS_LEN: (usize, usize) = (7, 19);

/// `[[prefer]]`: hosts with such an address belong to that HMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefer {
    /// The network; bits behind the prefix do not count.
    pub network: IpAddr,
    /// Length of the prefix in bits.
    pub bits: u8,
    /// The HMS's name.
    pub hms: Name,
}

impl Prefer {
    fn covers(&self, ip: IpAddr) -> bool {
        let outside = |width: u32| width.saturating_sub(self.bits.into());
        match (self.network, ip.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                (network.to_bits() ^ ip.to_bits()).checked_shr(outside(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                (network.to_bits() ^ ip.to_bits()).checked_shr(outside(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The HMS that is preferred at an address: that of the longest prefix.
fn preferred(all: &[Prefer], ip: IpAddr) -> Option<&Name> {
    let fitting = all.iter().rev().filter(|prefer| prefer.covers(ip));
    fitting.max_by_key(|prefer| prefer.bits).map(|prefer| &prefer.hms)
}

/// What stands in the cluster, looked at whenever the others said something, and once a second.
#[derive(Debug, Default)]
pub(super) struct HmsList {
    /// All HMSs but this one, best first.
    others: Vec<HmsInfo>,
    leads: bool,
    /// Neighbours that operate, and since when.
    operating: BTreeMap<Process, Instant>,
    /// Who leads, and since when.
    primary: Option<(ServerId, Instant)>,
}

#[cfg(test)]
impl HmsList {
    pub(super) fn operates(&self, server: ServerId) -> bool {
        self.operating.keys().any(|process| process.server == server)
    }
}

/// How much a host can expect of an HMS; the smaller the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Primary,
    There,
    Down,
    NeverHeard,
}

impl Server {
    /// Looks at the cluster; what changed of the list is told again for one expiry (R-PEE-92).
    pub(super) fn look_at_cluster(&mut self, now: Instant) {
        let known = self.hms_list.others.is_empty() && self.hms_list.leads == self.leads();
        if known && self.peers.cluster.is_standalone() {
            return;
        }
        let peers = self.peers.cluster.peers(now);
        let (others, leads) = (self.others(&peers), self.leads());
        if (&self.hms_list.others, self.hms_list.leads) != (&others, leads) {
            self.list_until = now + self.settings.expiry();
        }
        let list = &mut self.hms_list;
        (list.others, list.leads) = (others, leads);
        let near = peers.iter().filter(|peer| peer.way == Some(Way::Neighbour));
        let near = near.filter_map(|peer| peer.standing).filter(|one| one.phase == Phase::Operating);
        let since = |process: Process| list.operating.get(&process).copied().unwrap_or(now);
        list.operating = near.map(|one| (one.process, since(one.process))).collect();
        let primary = self.peers.cluster.primary().map(|seat| seat.server);
        list.primary = primary.map(|leads| match list.primary {
            Some((before, since)) if before == leads => (leads, since),
            _ => (leads, now),
        });
    }

    /// The other members in the order of the list, with the addresses that they told for hosts, else those that are
    /// registered.
    fn others(&self, peers: &[PeerView]) -> Vec<HmsInfo> {
        let primary = self.peers.cluster.primary();
        let mut all: Vec<_> = peers
            .iter()
            .filter(|peer| self.facts().member(peer.server).is_some())
            .map(|peer| (class(peer, primary), peer))
            .collect();
        let seat = |peer: &PeerView| peer.standing.and_then(|one| one.seat());
        let own_line = |seat: Option<Seat>| seat.is_some_and(|s| primary.is_some_and(|p| p.line == s.line));
        all.sort_by_key(|(class, peer)| (*class, !own_line(seat(peer)), seat(peer), peer.server));
        all.into_iter().filter_map(|(class, peer)| self.info_of(peer, class)).collect()
    }

    fn info_of(&self, peer: &PeerView, class: Class) -> Option<HmsInfo> {
        let told = peer.host_addresses.iter().copied();
        let registered = self.facts().addresses_of(peer.server).filter(|_| peer.host_addresses.is_empty());
        // On the host's link it may mean another machine.
        let all = told.chain(registered).filter(|address| !reach::is_link_local(address.ip()));
        Some(HmsInfo {
            server: peer.server,
            primary: class == Class::Primary,
            sender: false,
            name: Name::new(&peer.name).ok()?,
            addresses: all.take(ADDRESSES_MAX).collect(),
        })
    }

    /// The list for a host whose published address is `address`, or will be.
    pub(super) fn list_for(&self, ask: &Ask, address: SocketAddr) -> Vec<HmsInfo> {
        let mut list = vec![self.hms_info(ask.arrival, ask.from)];
        let preferred = preferred(&self.settings.prefer, address.ip());
        let (first, rest): (Vec<_>, Vec<_>) =
            self.hms_list.others.iter().partition(|hms| Some(&hms.name) == preferred);
        list.extend(first.into_iter().chain(rest).cloned());
        fit(&mut list);
        list
    }

    /// The HMS to which a host belongs, if that is another one and the host is to turn there now, with its next
    /// heartbeat in this HMS's stead (R-PEE-93). `heard` is when it was heard before.
    pub(super) fn right_hms(&self, now: Instant, id: RowId, heard: Instant) -> Option<ServerId> {
        let row = self.registry.row(id).filter(|_| self.service == Service::Whole)?;
        let (right, since) = self.right_of(row.address()?.ip())?;
        let operating = self.hms_list.operating.iter().find(|(process, _)| process.server == right);
        let steady = |since: Instant| now.since(since) >= RETURN_STEADY;
        if !steady(since) || !operating.is_some_and(|(_, since)| steady(*since)) {
            return None;
        }
        let standby = ContentRef::trusted(row.content()).state() == HostState::Standby;
        (standby && self.is_its_turn(row.session(), heard, now)).then_some(right)
    }

    /// The right HMS at an address, and since when it is: no other one than this.
    fn right_of(&self, ip: IpAddr) -> Option<(ServerId, Instant)> {
        let list = &self.hms_list;
        if let Some(name) = preferred(&self.settings.prefer, ip) {
            if *name == self.name {
                return None;
            }
            let named = list.others.iter().find(|hms| hms.name == *name).map(|hms| hms.server);
            let reached = list.operating.iter().find(|(process, _)| Some(process.server) == named);
            if let Some((process, since)) = reached {
                return Some((process.server, *since));
            }
        }
        list.primary.filter(|(leads, _)| *leads != self.server)
    }

    /// Whether the session's moment, of which there is one in [`RETURN_EVERY`], came since it was heard last: so nothing
    /// is remembered of who was redirected, and not all go at once.
    fn is_its_turn(&self, session: SessionId, heard: Instant, now: Instant) -> bool {
        let every = RETURN_EVERY.as_micros().max(1) as u64;
        let moment = u64::from(self.come_back.first_delay_ms(session, RETURN_EVERY)) * 1000;
        let turns = |at: Instant| (at.micros() + every).saturating_sub(moment) / every;
        turns(heard) < turns(now)
    }
}

fn class(peer: &PeerView, primary: Option<Seat>) -> Class {
    let missed = peer.since.is_some_and(|since| since >= PEER_MISSED);
    match peer.state {
        _ if primary.is_some_and(|seat| seat.server == peer.server) => Class::Primary,
        PeerState::Refused(_) => Class::Down,
        _ if peer.way.is_some() => Class::There,
        PeerState::NeverHeard => Class::NeverHeard,
        _ if missed => Class::Down,
        _ => Class::There,
    }
}

/// Cuts a list to what has room: further addresses first, the sender's last, then the last HMSs.
fn fit(list: &mut Vec<HmsInfo>) {
    list.truncate(HMS_LIST_MAX);
    while list.iter().map(length).sum::<usize>() > ROOM {
        let longest = list.iter_mut().rev().max_by_key(|hms| (hms.addresses.len(), !hms.sender));
        match longest.filter(|hms| hms.addresses.len() > 1) {
            Some(hms) => drop(hms.addresses.pop()),
            None => drop(list.pop()),
        }
    }
}

fn length(hms: &HmsInfo) -> usize {
    let of = |address: &SocketAddr| if address.is_ipv6() { ADDRESS_LEN.1 } else { ADDRESS_LEN.0 };
    OVERHEAD + hms.name.as_str().len() + hms.addresses.iter().map(of).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefer(network: &str, bits: u8, hms: &str) -> Prefer {
        Prefer { network: network.parse().expect("an IP"), bits, hms: Name::new(hms).expect("a name") }
    }

    #[test]
    fn the_longest_prefix_says_whose_a_host_is() {
        crate::shows!("R-PEE-92");
        let all = [
            prefer("10.4.0.0", 16, "osaka"),
            prefer("10.4.7.0", 24, "kyoto"),
            prefer("10.4.7.9", 32, "desk"),
            prefer("2001:db8::", 32, "tokyo"),
            prefer("2001:db8::", 32, "later"),
        ];
        let of = |ip: &str| preferred(&all, ip.parse().expect("an IP")).map(Name::as_str);
        assert_eq!(
            [of("10.4.1.2"), of("10.4.7.8"), of("10.4.7.9")],
            [Some("osaka"), Some("kyoto"), Some("desk")]
        );
        assert_eq!([of("::ffff:10.4.1.2"), of("10.5.1.2"), of("fe80::1")], [Some("osaka"), None, None]);
        assert_eq!(of("2001:db8:ffff::1"), Some("tokyo"), "the first of equal ones");
        let any = [prefer("0.0.0.0", 0, "all")];
        assert!(preferred(&any, "255.0.0.1".parse().expect("an IP")).is_some());
        assert!(preferred(&any, "::1".parse().expect("an IP")).is_none());
    }

    #[test]
    fn a_list_is_cut_to_what_has_room() {
        crate::shows!("R-PEE-92", "R-FMT-15");
        let hms = |number: u64, letters: usize| HmsInfo {
            server: ServerId(number),
            primary: false,
            sender: number == 0,
            name: Name::new(&"n".repeat(letters)).expect("a name"),
            addresses: vec!["[2001:db8::1]:6710".parse().expect("an address"); ADDRESSES_MAX],
        };
        let mut short: Vec<_> = (0..3).map(|number| hms(number, 5)).collect();
        let whole = short.clone();
        fit(&mut short);
        assert_eq!(short, whole);
        let mut many: Vec<_> = (0..20).map(|number| hms(number, 8)).collect();
        fit(&mut many);
        assert!(many.iter().map(length).sum::<usize>() <= ROOM);
        assert!(many.iter().all(|hms| hms.addresses.len() == 1), "further addresses go first");
        assert_eq!(many.len(), HMS_LIST_MAX);
        let mut long: Vec<_> = (0..16).map(|number| hms(number, 64)).collect();
        fit(&mut long);
        assert_eq!(long.iter().map(|hms| hms.server.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    }
}
