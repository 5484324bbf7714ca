//! What `hms peers` shows of the exchange.

use super::peer::Peer;
use super::table::Table;
use crate::time::{Duration, Instant};

/// How the table here compares with that of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// How long ago the last DELTA or PAGE came or went.
    pub exchanged: Option<Duration>,
    /// Rows here that are homed there.
    pub rows: u32,
    /// Their root digest (R-PEE-76).
    pub root: u64,
    /// Whether they were those that are there, when that was last compared.
    pub equal: Option<bool>,
}

impl Figures {
    pub(super) fn of(now: Instant, peer: &Peer, table: &mut Table<'_>) -> Self {
        let sums = table.registry.sums(peer.process);
        Self {
            exchanged: peer.exchanged.map(|at| now.since(at)),
            rows: sums.map_or(0, |sums| sums.rows),
            root: sums.map_or(0, |sums| sums.root),
            equal: peer.equal,
        }
    }
}
