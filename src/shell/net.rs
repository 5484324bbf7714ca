//! All UDP sockets of a daemon: those it is asked at, and one for each group on each usable interface.

mod bind;
mod groups;
mod listen;

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::{Interest, Registry, Token};

use super::counters::Counters;
use super::interfaces::{self, Report, Skipped};
use super::sys;
use super::udp::{Batch, Membership, Sink, UdpSocket, on_interface};
use crate::net::{Arrival, Destination, Interface, Transmit};
use crate::time::{Duration, Instant};
use crate::transport::is_between_hmss;
use bind::Bind;
use groups::Groups;
pub use listen::ListenError;
use listen::open_main;

/// Link-local addresses whose interface is remembered.
const NEIGHBOURS_MAX: usize = 4096;
/// How often interfaces are looked at: a change is noticed within 2 s (R-DSC-06).
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// And this soon again when something went.
const LOOK_AGAIN: Duration = Duration::from_millis(150);
/// Batches from one socket before the next one has its turn.
const BATCHES_IN_TURN: usize = 4;
/// Sockets that are read in one turn.
const SOCKETS_IN_TURN: usize = 8;
/// How long a datagram waits for a full send buffer.
const SEND_WAIT: Duration = Duration::from_millis(200);

/// What became of a datagram to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It went out, or failed for good and was counted.
    Done,
    /// The send buffer is full: nothing more until [`Net::writable`] says so.
    Wait,
}

/// A datagram that was sent, for who looks on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Went {
    /// From where; the address is unspecified where the system chose it.
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) interface: Option<u32>,
    /// The system did not take it, which is counted under this name.
    pub(super) failed: Option<&'static str>,
}

/// Looks on while datagrams are sent.
pub(super) type Tap<'a> = &'a mut dyn FnMut(&Went);

/// The sockets.
#[derive(Debug)]
pub(super) struct Net {
    main: Vec<UdpSocket>,
    bind: Option<Bind>,
    groups: Groups,
    /// Tokens of sockets that were not read until they had nothing more: edge-triggered.
    ready: VecDeque<usize>,
    batch: Batch,
    report: Report,
    wanted: Vec<String>,
    next_token: usize,
    next_look: Instant,
    /// Something went at the last look.
    unsure: bool,
    waiting_since: Option<Instant>,
    dropped: u64,
    /// The interface over which a link-local address was last answered: what is pushed there goes the same way.
    neighbours: HashMap<Ipv6Addr, u32>,
    /// What went wrong.
    pub(super) counters: Counters,
}

impl Net {
    /// Opens sockets at `listen`; `[::]:P` means both families, as far as the machine has them.
    pub(super) fn open(registry: &Registry, listen: &[SocketAddr], fixed: bool) -> Result<Self, ListenError> {
        let mut net = Self {
            main: Vec::new(),
            bind: None,
            groups: Groups::default(),
            ready: VecDeque::new(),
            batch: Batch::new(),
            report: Report::default(),
            wanted: Vec::new(),
            next_token: 0,
            next_look: Instant::ZERO,
            unsure: false,
            waiting_since: None,
            dropped: 0,
            neighbours: HashMap::new(),
            counters: Counters::default(),
        };
        for address in listen {
            net.listen(registry, *address, fixed)?;
        }
        Ok(net)
    }

    fn listen(&mut self, registry: &Registry, address: SocketAddr, fixed: bool) -> Result<(), ListenError> {
        let both = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let first = open_main(address, fixed);
        let mut result = match first {
            // No IPv6 here: IPv4 alone will do.
            Err(error) if both && error.is_no_family() => {
                log::info!("{error}: IPv4 only");
                Ok(())
            }
            Err(error) => Err(error),
            Ok(socket) => self.add_main(registry, socket),
        };
        if both && result.is_ok() {
            // An ephemeral port is the same in both families, if that is free.
            let port = self.main.last().map_or(address, UdpSocket::local).port();
            let v4 = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
            let mut opened = open_main(v4(port), fixed);
            if opened.is_err() && address.port() == 0 {
                opened = open_main(v4(0), fixed);
            }
            result = match opened {
                Err(error) if error.is_no_family() && !self.main.is_empty() => Ok(()),
                Err(error) => Err(error),
                Ok(socket) => self.add_main(registry, socket),
            };
        }
        result
    }

    fn add_main(&mut self, registry: &Registry, mut socket: UdpSocket) -> Result<(), ListenError> {
        let token = self.take_token();
        registry
            .register(&mut socket, Token(token), Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| ListenError { address: socket.local(), error: Some(error), pid: None })?;
        self.main.push(socket);
        Ok(())
    }

    /// Has links between HMSs go from this address, at the port of the first host socket; says where that is. That the
    /// machine does not have it is told, and looked at again and again.
    pub(super) fn set_bind(&mut self, ip: Option<IpAddr>) -> Option<SocketAddr> {
        let ip = ip?.to_canonical();
        let port = self.main.first()?.local().port();
        let address = SocketAddr::new(ip, port);
        let covers = |local: SocketAddr| {
            let all = local.ip().is_unspecified() && local.is_ipv4() == ip.is_ipv4();
            local.port() == port && (all || local.ip().to_canonical() == ip)
        };
        let covered = self.main.iter().any(|socket| covers(socket.local()));
        let token = self.take_token();
        self.bind = Some(Bind::new(address, covered, token));
        self.next_look = Instant::ZERO;
        Some(address)
    }

    /// Where links between HMSs go from, if they have an address for themselves.
    pub(super) fn bind(&self) -> Option<SocketAddr> {
        self.bind.as_ref().map(Bind::address)
    }

    fn bind_socket(&self) -> Option<&UdpSocket> {
        self.bind.as_ref().and_then(Bind::socket)
    }

    fn take_token(&mut self) -> usize {
        self.next_token += 1;
        self.next_token
    }

    /// Where the daemon can be asked; `[::]:P` means both families.
    pub(super) fn listening(&self) -> Vec<SocketAddr> {
        let all: Vec<SocketAddr> = self.main.iter().map(UdpSocket::local).collect();
        let covered = |address: &SocketAddr| {
            let both = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), address.port());
            address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) && all.contains(&both)
        };
        all.iter().filter(|address| !covered(address)).copied().collect()
    }

    /// Whether whoever sends to this address reaches this very daemon.
    pub(super) fn is_own(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let bound = self.bind().is_some_and(|bind| bind == SocketAddr::new(ip, address.port()));
        bound
            || self.main.iter().map(UdpSocket::local).filter(|local| local.port() == address.port()).any(
                |local| {
                    let all = local.ip().is_unspecified() && local.is_ipv4() == ip.is_ipv4();
                    local.ip().to_canonical() == ip || all && interfaces::is_here(ip)
                },
            )
    }

    /// The interfaces that are left out, and why.
    pub(super) fn skipped(&self) -> &[Skipped] {
        &self.report.skipped
    }

    /// The interfaces in use.
    pub(super) fn usable(&self) -> &[Interface] {
        &self.report.usable
    }

    /// Restricts multicast to these interfaces. None means the usual choice, or, if the daemon listens at certain
    /// addresses only, the interfaces that have them: elsewhere nobody could reach it.
    pub(super) fn set_wanted(&mut self, wanted: Vec<String>) {
        let listening: Vec<IpAddr> = self.main.iter().map(|socket| socket.local().ip()).collect();
        let anywhere = listening.iter().any(IpAddr::is_unspecified);
        self.wanted = if wanted.is_empty() && !anywhere { interfaces::owners(&listening) } else { wanted };
        self.next_look = Instant::ZERO;
        self.unsure = true;
    }

    /// When [`Self::look`] is due.
    pub(super) const fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Looks at the interfaces if it is time, joins the groups anew where something changed (R-DSC-06), and tells
    /// the usable ones if they changed.
    pub(super) fn look(&mut self, now: Instant, registry: &Registry) -> Option<Vec<Interface>> {
        if now < self.next_look {
            return None;
        }
        self.next_look = now + LOOK_EVERY;
        if let Some(bind) = &mut self.bind {
            bind.look(now, registry, &mut self.counters);
        }
        let report = match interfaces::look(&self.wanted) {
            Ok(report) => report,
            Err(error) => {
                self.counters.count(now, "interfaces", &error, "");
                return None;
            }
        };
        // An address is often replaced by taking the old one away first: that moment is not worth telling.
        if !self.unsure && self.report.usable.iter().any(|old| lost(old, &report.usable)) {
            self.unsure = true;
            self.next_look = now + LOOK_AGAIN;
            return None;
        }
        self.unsure = false;
        let changed = report.usable != self.report.usable;
        let old = std::mem::replace(&mut self.report, report);
        if changed {
            self.groups.leave_changed(registry, &old.usable, &self.report.usable);
        }
        for (membership, interface) in self.groups.missing(&self.report.usable) {
            self.next_token += 1;
            if let Err(error) = self.groups.join(registry, self.next_token, membership) {
                // It is tried again with every look.
                let about = format!("{} on {interface}", membership.group.ip());
                self.counters.count(now, "join", &error, &about);
            }
        }
        changed.then(|| self.report.usable.clone())
    }

    /// A readiness event of one of these sockets.
    pub(super) fn handle_event(&mut self, event: &mio::event::Event) {
        let token = event.token().0;
        let sends = token <= self.main.len() || self.bind.as_ref().is_some_and(|bind| bind.token() == token);
        if event.is_writable() && sends {
            self.waiting_since = None;
        }
        if (event.is_readable() || event.is_error()) && !self.ready.contains(&token) {
            self.ready.push_back(token);
        }
    }

    /// There is something left to read.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Reads a turn's share from the sockets that are ready.
    pub(super) fn receive(&mut self, now: Instant, sink: &mut dyn Sink) {
        for _ in 0..self.ready.len().min(SOCKETS_IN_TURN) {
            let Some(token) = self.ready.pop_front() else { return };
            if self.read_one(now, token, sink) {
                self.ready.push_back(token);
            }
        }
    }

    /// Reads a socket's share; says whether there may be more.
    fn read_one(&mut self, now: Instant, token: usize, sink: &mut dyn Sink) -> bool {
        let main = token.checked_sub(1).and_then(|index| self.main.get(index));
        let bound = self.bind.as_ref().filter(|bind| bind.token() == token).and_then(Bind::socket);
        let (socket, only) = match (main, self.groups.get(token)) {
            (Some(socket), _) => (socket, None),
            (None, Some((socket, interface))) => (socket, Some(interface)),
            (None, None) => match bound {
                Some(socket) => (socket, None),
                None => return false,
            },
        };
        let own = |from: SocketAddr| {
            let ours = |interface: &Interface| interface.addresses.contains(&from.ip());
            self.main.iter().any(|socket| socket.local().port() == from.port())
                && self.report.usable.iter().any(ours)
        };
        sink.at(socket.local());
        let mut failures = 0;
        for _ in 0..BATCHES_IN_TURN {
            let received = match only {
                // Hosts are not asked to come here.
                None if bound.is_some() => {
                    socket.receive(&mut self.batch, &mut |from, arrival, bytes: &[u8]| {
                        if is_between_hmss(bytes) {
                            sink.take(from, arrival, bytes);
                        } else {
                            sink.skip(from, arrival, bytes, "bind");
                        }
                    })
                }
                None => socket.receive(&mut self.batch, sink),
                // What this daemon said to the groups comes back to it, and is no news.
                // Linux gives a site group's datagrams to every member, whatever interface they came in by.
                Some(_) => socket.receive(&mut self.batch, &mut |from, arrival: Arrival, bytes: &[u8]| {
                    if only == arrival.interface && !own(from) {
                        sink.take(from, arrival, bytes);
                    }
                }),
            };
            match received {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => {
                    // Mostly an ICMP message about something sent before; the datagrams behind it are still there.
                    self.counters.count(now, "receive", &error, "");
                    failures += 1;
                }
            }
        }
        failures < BATCHES_IN_TURN
    }

    /// How many datagrams the kernel dropped since the last call, because they were not read in time.
    pub(super) fn newly_dropped(&mut self) -> u64 {
        let all = self
            .main
            .iter()
            .chain(self.bind_socket())
            .map(|socket| u64::from(sys::dropped_by_kernel(socket)))
            .sum();
        let new = self.dropped.abs_diff(all);
        self.dropped = all;
        self.counters.add("receive-buffer", new);
        new
    }

    /// Whether datagrams can be sent; a full send buffer is waited for, but not for long.
    pub(super) fn writable(&mut self, now: Instant) -> bool {
        match self.waiting_since {
            Some(since) if now.since(since) < SEND_WAIT => false,
            Some(_) => {
                self.counters.add("send-waited", 1);
                self.waiting_since = None;
                true
            }
            None => true,
        }
    }

    /// Until when a full send buffer is waited for.
    pub(super) fn wait_deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + SEND_WAIT)
    }

    /// Sends what a machine wants sent; `tap` is told what became of it.
    pub(super) fn send(
        &mut self,
        now: Instant,
        transmit: &Transmit,
        bytes: &[u8],
        tap: Option<Tap<'_>>,
    ) -> Sent {
        match transmit.to {
            Destination::Unicast(to) => self.send_one(now, transmit, to, bytes, tap),
            Destination::Groups => {
                self.send_to_groups(now, bytes, tap);
                Sent::Done
            }
        }
    }

    fn send_one(
        &mut self,
        now: Instant,
        transmit: &Transmit,
        to: SocketAddr,
        bytes: &[u8],
        tap: Option<Tap<'_>>,
    ) -> Sent {
        let to = self.on_link(to, transmit.interface);
        let Some(socket) = self.socket_for(to, transmit.source) else {
            let error = io::Error::from_raw_os_error(libc::EAFNOSUPPORT);
            self.counters.count(now, "send", &error, &to.to_string());
            return Sent::Done;
        };
        let bound = socket.local();
        let from = SocketAddr::new(transmit.source.unwrap_or_else(|| bound.ip()), bound.port());
        let went = |failed| Went { from, to, interface: transmit.interface, failed };
        let failed = if transmit.spare && !socket.has_room() {
            self.counters.add("send-no-room", 1);
            Some("send-no-room")
        } else {
            match socket.send(to, transmit.source, bytes) {
                Ok(()) => None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.waiting_since = Some(now);
                    return Sent::Wait;
                }
                Err(error) => {
                    self.counters.count(now, "send", &error, &to.to_string());
                    Some("send")
                }
            }
        };
        if let Some(tap) = tap {
            tap(&went(failed));
        }
        Sent::Done
    }

    /// A link-local address needs an interface: the given one, or that over which it was answered before.
    fn on_link(&mut self, to: SocketAddr, interface: Option<u32>) -> SocketAddr {
        let IpAddr::V6(ip) = to.ip() else { return to };
        if !ip.is_unicast_link_local() {
            return interface.map_or(to, |interface| on_interface(to, interface));
        }
        let Some(interface) = interface.or_else(|| self.neighbours.get(&ip).copied()) else { return to };
        if self.neighbours.len() >= NEIGHBOURS_MAX {
            // Whoever is pushed aside is told by its next heartbeat's answer.
            self.neighbours.clear();
        }
        self.neighbours.insert(ip, interface);
        on_interface(to, interface)
    }

    /// The socket of the right family; of several, the one that is bound to the source.
    fn socket_for(&self, to: SocketAddr, source: Option<IpAddr>) -> Option<&UdpSocket> {
        let of_family = || self.main.iter().filter(|socket| socket.local().is_ipv4() == to.is_ipv4());
        let bound = source.and_then(|ip| {
            let mut sockets = of_family().chain(self.bind_socket());
            sockets.find(|socket| socket.local().ip() == ip)
        });
        bound
            .or_else(|| of_family().find(|socket| socket.local().ip().is_unspecified()))
            .or_else(|| of_family().next())
    }

    fn send_to_groups(&mut self, now: Instant, bytes: &[u8], mut tap: Option<Tap<'_>>) {
        for interface in &self.report.usable {
            let own_v4 = interface.addresses.iter().find_map(|ip| match ip {
                IpAddr::V4(v4) => Some(*v4),
                IpAddr::V6(_) => None,
            });
            for group in groups::usable_on(interface) {
                let Some(socket) = self.socket_for(group, None) else { continue };
                let membership = Membership { group, interface: interface.index };
                let sent = socket.send_to_group(membership, own_v4, bytes);
                if let Some(tap) = &mut tap {
                    let bound = socket.local();
                    let own = groups::source_on(interface, group.ip()).unwrap_or_else(|| bound.ip());
                    let from = SocketAddr::new(own, bound.port());
                    let failed = sent.is_err().then_some("multicast");
                    tap(&Went { from, to: group, interface: Some(interface.index), failed });
                }
                if let Err(error) = sent {
                    let about = format!("{} on {}", group.ip(), interface.name);
                    self.counters.count(now, "multicast", &error, &about);
                }
            }
        }
    }
}

/// Whether an interface, or one of its addresses, is not there any more.
fn lost(old: &Interface, new: &[Interface]) -> bool {
    let kept = |ip: &IpAddr| new.iter().any(|now| now.index == old.index && now.addresses.contains(ip));
    !old.addresses.iter().all(kept)
}

#[cfg(test)]
mod tests;
