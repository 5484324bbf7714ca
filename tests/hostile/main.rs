//! A hostile HMS that holds the cluster's secret and is a member: two real HMSs with real hosts, in virtual time, against
//! a peer that makes real links and then says whatever it likes (R-PEE-99). All from one seed.
//!
//! `HMS_HOSTILE_SEED=n` plays one world, `HMS_HOSTILE_SEEDS=n` so many.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

#[path = "../cluster/device.rs"]
#[expect(dead_code, reason = "it is made for more")]
mod device;
#[path = "../sim/dice.rs"]
#[expect(dead_code, reason = "it is made for more")]
mod dice;
#[path = "../cluster/disks.rs"]
mod disks;
#[path = "../sim/heap.rs"]
mod heap;
#[path = "../cluster/hms.rs"]
#[expect(dead_code, reason = "it is made for more")]
mod hms;
mod net;
mod peer;
mod say;
mod spare;
mod world;

use std::ops::Range;

use world::{Tally, World};

/// Worlds in an ordinary run.
const SEEDS: u64 = 8;

fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("HMS_HOSTILE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HMS_HOSTILE_SEEDS").unwrap_or(SEEDS),
    }
}

#[test]
fn a_hostile_peer_ends_nobodys_link_but_its_own_and_costs_no_more_than_the_bounds() {
    ::hms::shows!("R-PEE-99", "R-PEE-96", "R-PEE-05");
    let range = seeds();
    let alone = range.end - range.start == 1;
    let mut sum = Tally::default();
    for seed in range {
        let tally = World::new(seed).play();
        println!("seed {seed}: {tally:?}");
        sum += tally;
    }
    println!("{sum:?}");
    // What was never said was never tried.
    let tried = [sum.links > 50, sum.said > 5000, sum.absurd_clocks > 0, sum.absurd_rows > 0];
    assert!(alone || tried.iter().all(|tried| *tried), "{tried:?} {sum:?}");
}
