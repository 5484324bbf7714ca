//! Pairs of nodes whose datagrams all pass one path, and time that jumps to the next event.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hms::relay::{Faults, Link, LinkTally};
use hms::time::{Duration, Instant};

/// One end of a flow, without I/O.
pub trait Node {
    /// A datagram came.
    fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]);

    /// Lets time pass and does what its user does.
    fn turn(&mut self, now: Instant);

    /// Writes the next datagram into `buf`, instead of what stands there; says where to.
    fn give(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<SocketAddr>;

    /// When it wants its turn next.
    fn due(&mut self) -> Option<Instant>;

    /// Bytes that its user got so far.
    fn received(&self) -> u64;
}

impl<N: Node + ?Sized> Node for Box<N> {
    fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        (**self).take(now, from, bytes);
    }

    fn turn(&mut self, now: Instant) {
        (**self).turn(now);
    }

    fn give(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<SocketAddr> {
        (**self).give(now, buf)
    }

    fn due(&mut self) -> Option<Instant> {
        (**self).due()
    }

    fn received(&self) -> u64 {
        (**self).received()
    }
}

/// Where the node of this number is: the even ones on one side of the path, each with the next odd one on the other.
pub fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8 + 1], 6710))
}

/// The nodes and the path between them, which is one link in each direction.
pub struct World<N> {
    pub now: Instant,
    pub nodes: Vec<N>,
    links: [Link; 2],
    under_way: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    entered: u64,
}

impl<N: Node> World<N> {
    /// Nobody is there yet.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let links = [Link::new(seed << 1, faults), Link::new(seed << 1 | 1, faults)];
        Self { now: Instant::ZERO, nodes: Vec::new(), links, under_way: BTreeMap::new(), entered: 0 }
    }

    /// What happened on the way from the even side, and on the way back.
    pub fn tallies(&self) -> [LinkTally; 2] {
        [*self.links[0].tally(), *self.links[1].tally()]
    }

    /// Lives for so long.
    pub fn run(&mut self, span: Duration) {
        let until = self.now + span;
        for node in 0..self.nodes.len() {
            self.act(node);
        }
        while let Some((at, node)) = self.next().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            match node {
                Some(node) => self.act(node),
                None => self.deliver(),
            }
        }
        self.now = until;
    }

    /// What happens next: a node's turn, or an arrival.
    fn next(&mut self) -> Option<(Instant, Option<usize>)> {
        let turns = self.nodes.iter_mut().enumerate().filter_map(|(at, node)| Some((node.due()?, Some(at))));
        let arrival = self.under_way.first_key_value().map(|((at, _), _)| (*at, None));
        turns.chain(arrival).min_by_key(|(at, _)| *at)
    }

    fn deliver(&mut self) {
        let Some((_, (to, bytes))) = self.under_way.pop_first() else { return };
        self.nodes[to].take(self.now, address(to ^ 1), &bytes);
        self.act(to);
    }

    fn act(&mut self, node: usize) {
        self.nodes[node].turn(self.now);
        let mut buf = Vec::with_capacity(1500);
        while let Some(to) = self.nodes[node].give(self.now, &mut buf) {
            assert_eq!(to, address(node ^ 1), "nobody else is known");
            for delivery in self.links[node & 1].pass(self.now, buf.len()).into_iter().flatten() {
                self.entered += 1;
                self.under_way.insert((delivery.at, self.entered), (node ^ 1, buf.clone()));
            }
        }
    }
}
