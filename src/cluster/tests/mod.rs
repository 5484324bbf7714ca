mod facts;
mod guests;
mod heard;
mod invitations;
mod joining;
mod lines;
mod reach;
mod refusals;
mod roles;
mod starts;
mod stopping;
mod twins;
mod ways;
mod world;

use super::*;
use crate::ident::{Incarnation, LineId, Process, ServerId};
use crate::time::Duration;
use crate::wire::peer::Phase;

const fn process(server: u64, incarnation: u32) -> Process {
    Process { server: ServerId(server), incarnation: Incarnation(incarnation) }
}

/// An operating HMS of a line.
const fn standing(server: u64, line: u64, joined_at_ms: u64) -> Standing {
    Standing { process: process(server, 1), phase: Phase::Operating, line: Some(LineId(line)), joined_at_ms }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
