//! Which way an HMS with an address for links dials (R-PEE-95): HMS 2 of two members, and what it wants dialled.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use super::world::{address, id, members, timing};
use super::*;
use crate::ident::{Name, Stamp};
use crate::time::{Instant, UnixMillis};
use crate::transport::{
    CloseCode, CloseReason, Config, Endpoint, KeyId, LinkId, LinkSecret, Peer, Priority, Side as LinkSide,
};
use crate::wire::peer::{AddressUse, IntroHead, OwnAddress, PingHead};

const START: Instant = Instant::from_secs(50);
const STEP: Duration = Duration::from_millis(100);

/// Where an HMS is on the line between the two.
fn on_line(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 9, 0, node as u8 + 1], 6710))
}

/// A link between the two ends of that line.
const LINE: Ends = Ends {
    local: Some(IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2))),
    remote: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 1), 6710)),
};

/// What an HMS tells of its addresses.
fn told(node: usize, bound: bool) -> Vec<OwnAddress> {
    let own = |used_by, address| OwnAddress { used_by, address };
    let line = bound.then(|| own(AddressUse::Peers, on_line(node)));
    [own(AddressUse::Hosts, address(node))].into_iter().chain(line).collect()
}

struct One {
    now: Instant,
    cluster: Cluster,
    endpoint: Endpoint,
    /// What is being dialled: nobody answers, so it ends after 10 s.
    attempts: Vec<(Instant, LinkId)>,
    /// What was dialled, in tenths of a second since that was looked at last.
    dialled: Vec<(u64, SocketAddr, bool)>,
    since: Instant,
    link: Option<LinkId>,
}

impl One {
    /// It has founded a line; the other HMS has not been heard.
    fn founded(bound: bool) -> Self {
        let setup = Setup {
            process: Process { server: id(1), incarnation: Incarnation(1) },
            alone: false,
            name: Name::new("hms1").unwrap(),
            start_tries: 3,
            start_wait: secs(1),
            timing: timing(1),
            addresses: told(1, bound),
            peers: Vec::new(),
            facts: members(2),
            clock: Stamp(1000),
            wall: UnixMillis(0),
            seed: [3; 32],
        };
        let mut endpoint = Endpoint::new(Config::new(id(1), Incarnation(1)), &[1; 32]);
        endpoint.add_secret(LinkSecret::cluster(&[1; 32]));
        let mut this = Self {
            now: START,
            cluster: Cluster::new(START, setup),
            endpoint,
            attempts: Vec::new(),
            dialled: Vec::new(),
            since: START,
            link: None,
        };
        this.run(secs(4));
        assert_eq!(this.cluster.phase(), Phase::Operating);
        this
    }

    fn run(&mut self, span: Duration) {
        let until = self.now + span;
        self.act();
        while self.now < until {
            self.now += STEP;
            let over = self.attempts.extract_if(.., |(began, _)| self.now >= *began + secs(10));
            for (_, link) in over {
                self.cluster.closed(self.now, link, &CloseReason::Here(CloseCode::DONE));
            }
            self.cluster.handle_timeout(self.now, |_| None);
            self.act();
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.cluster.poll_action() {
            let Action::Dial { address, bound, .. } = action else { continue };
            let link = self.endpoint.connect(self.now, address, None, KeyId::CLUSTER).unwrap();
            self.cluster.dialled(self.now, address, Some(link));
            self.attempts.push((self.now, link));
            self.dialled.push((self.now.since(self.since).as_millis() as u64 / 100, address, bound));
        }
    }

    /// A link opens, and the other HMS tells where it is.
    fn open(&mut self, ends: impl Into<Ends>, bound: bool) {
        let ends = ends.into();
        let link = self.endpoint.connect(self.now, ends.remote, None, KeyId::CLUSTER).unwrap();
        let (server, incarnation) = (id(0), Incarnation(9));
        let peer = Peer { server, incarnation, key: KeyId::CLUSTER, side: LinkSide::Responder };
        self.cluster.connected(self.now, link, peer, ends);
        self.link = Some(link);
        let head = IntroHead {
            min_version: 1,
            max_version: 1,
            phase: Phase::Starting,
            line: None,
            age_ms: 0,
            joined_at_ms: 0,
            founded: 0,
            clock: Stamp(0),
            facts: members(2).digest(),
            timing: timing(0),
        };
        let mut bytes = Vec::new();
        head.emit(&Name::new("hms0").unwrap(), &told(0, bound), &[], &mut bytes);
        self.say(&bytes);
        self.ping();
        self.look_anew();
    }

    fn ping(&mut self) {
        let head =
            PingHead { phase: Phase::Starting, heard_ms: 0, clock: Stamp(0), facts: members(2).digest() };
        let mut bytes = Vec::new();
        head.emit([], &mut bytes);
        self.say(&bytes);
    }

    fn say(&mut self, message: &[u8]) {
        let link = self.link.unwrap();
        self.cluster.message(self.now, link, Priority::Control, message);
    }

    /// The other HMS is heard for so long.
    fn run_heard(&mut self, span: Duration) {
        let until = self.now + span;
        while self.now < until {
            self.run(secs(1));
            self.ping();
        }
    }

    fn close(&mut self) {
        let link = self.link.take().unwrap();
        self.cluster.closed(self.now, link, &CloseReason::Here(CloseCode::DONE));
        self.look_anew();
    }

    /// What is dialled from now on counts; nothing is under way.
    fn look_anew(&mut self) {
        for (_, link) in std::mem::take(&mut self.attempts) {
            self.cluster.closed(self.now, link, &CloseReason::Here(CloseCode::DONE));
        }
        (self.dialled, self.since) = (Vec::new(), self.now);
    }

    /// When an address was dialled, in tenths of a second; it always was as `bound` says.
    fn times(&self, address: SocketAddr, bound: bool) -> Vec<u64> {
        let of_it = self.dialled.iter().filter(|(_, to, _)| *to == address);
        of_it.inspect(|(.., how)| assert_eq!(*how, bound, "{address}")).map(|(at, ..)| *at).collect()
    }
}

#[test]
fn over_a_fall_back_the_first_way_is_dialled_until_a_link_goes_there() {
    crate::shows!("R-PEE-95");
    let mut one = One::founded(true);
    assert_eq!(one.times(address(0), false)[0], 0, "as long as nothing was told every address is dialled");
    one.open(address(0), true);
    one.run_heard(secs(60));
    let tries = one.times(on_line(0), true);
    assert!(tries[0] <= 1, "{tries:?}");
    assert!(tries.windows(2).all(|two| two[1] - two[0] <= 110) && tries.len() >= 5, "{tries:?}");
    assert_eq!(one.times(address(0), false), [0; 0], "the fall-back is there");
    // With one end on the line the other way may be the hosts'.
    for (local, remote) in [(None, on_line(0)), (Some(on_line(1).ip()), address(0))] {
        one.open(Ends { local, remote }, true);
        one.run_heard(secs(11));
        assert!(!one.times(on_line(0), true).is_empty(), "{local:?} {remote}");
    }
    one.open(LINE, true);
    one.run_heard(secs(60));
    assert_eq!(one.dialled, []);
}

#[test]
fn other_ways_follow_after_three_seconds_or_while_the_link_is_suspect() {
    crate::shows!("R-PEE-95");
    let mut one = One::founded(true);
    // From where nobody was told of it it would be refused.
    one.open(address(0), true);
    one.open(LINE, true);
    one.run_heard(secs(20));
    one.close();
    one.run(secs(20));
    assert!(one.times(on_line(0), true)[0] <= 11, "{:?}", one.dialled);
    let others = one.times(address(0), false);
    assert!((30..=41).contains(&others[0]), "{others:?}");
    one.open(LINE, true);
    one.run_heard(secs(20));
    one.look_anew();
    one.run(secs(7));
    assert_eq!((one.times(on_line(0), true), one.times(address(0), false)), (vec![60], vec![60]));
}

#[test]
fn without_such_an_address_here_or_there_no_way_comes_first() {
    crate::shows!("R-PEE-95");
    for (here, there) in [(false, true), (true, false)] {
        let mut one = One::founded(here);
        one.open(address(0), there);
        one.run_heard(secs(20));
        assert_eq!(one.dialled, [], "{here} {there}");
        one.close();
        one.run(secs(5));
        assert!(one.times(address(0), false)[0] <= 11, "{here} {there}: {:?}", one.dialled);
        assert!(one.dialled.iter().all(|(_, _, bound)| !bound));
    }
}
