//! What the exchange costs (QUALITY section 1): with equal tables one datagram each way in a digest period, however many
//! hosts there are; after k changes 1.3 times the rows' own bytes, and 300.

use std::collections::BTreeSet;

use hms::host::Change;
use hms::limits::CHECK_TIME;
use hms::time::Duration;
use serde_json::json;

use crate::meter::{Flow, PIECE};
use crate::world::World;

hms::shows!("R-PEE-78");

/// As in R-PEE-77.
const DIGEST_PERIOD: Duration = Duration::from_secs(60);
const PERIODS: u32 = 10;
const TOLD: Duration = Duration::from_secs(10);
/// The most that a change may cost, of the bytes of the rows, and whatever their number.
const FACTOR: f64 = 1.3;
const FIXED: f64 = 300.0;

pub fn play(hosts: usize) -> Vec<String> {
    let mut broken = Vec::new();
    let mut quiet = BTreeSet::new();
    let mut figures = Vec::new();
    for hosts in [100, hosts] {
        let mut world = World::new(hosts, 2);
        world.run_for(CHECK_TIME * 5);
        quiet.insert(equal_tables(&mut world, hosts, &mut broken));
        let counts = (0..).map(|power| 10_usize.pow(power)).take_while(|count| *count <= hosts);
        for count in counts {
            figures.push(changes(&mut world, hosts, count, &mut broken));
        }
    }
    if quiet.len() != 1 {
        broken.push(format!("what equal tables cost depends on the number of hosts: {quiet:?}"));
    }
    write(
        &json!({ "digest_periods": PERIODS, "datagrams_each_way_and_acknowledgements": quiet, "changes": figures }),
    );
    broken
}

/// What is said each way in ten digest periods beside the PINGs: each a DELTA with a ROOT, of which the second one
/// acknowledges the first, and is itself acknowledged.
fn equal_tables(world: &mut World, hosts: usize, broken: &mut Vec<String>) -> ([i64; 2], i64) {
    world.run_to_next_piece();
    let begin = world.now();
    world.run_for(DIGEST_PERIOD * PERIODS);
    let usual = world.meter().usual(begin, world.now());
    let beside = world.meter().beside(begin, world.now(), usual);
    println!(
        "{hosts} hosts, equal tables: {:?} datagrams and {:?} acknowledgements in {PERIODS} digest periods; beside them \
         {:?} bytes in {PIECE:?}",
        beside.messages, beside.acks, usual.bytes
    );
    let acks = beside.acks.iter().sum();
    let periods = i64::from(PERIODS);
    if beside.messages != [periods; 2] || acks > periods {
        broken.push(format!("{hosts} hosts, equal tables: {beside:?}"));
    }
    (beside.messages, acks)
}

/// Until the period's DELTAs have gone, so that they are not counted as the changes' cost; what goes in any piece.
fn run_past_a_digest(world: &mut World) -> Flow {
    world.run_to_next_piece();
    let before = world.now();
    world.run_for(DIGEST_PERIOD);
    let usual = world.meter().usual(before, world.now());
    for _ in 0..=DIGEST_PERIOD.as_secs() / PIECE.as_secs() {
        let piece = world.now();
        world.run_for(PIECE);
        if world.meter().beside(piece, world.now(), usual).messages.iter().all(|sent| *sent > 0) {
            break;
        }
    }
    usual
}

/// So many hosts change what they say of themselves, all at once.
fn changes(world: &mut World, hosts: usize, count: usize, broken: &mut Vec<String>) -> serde_json::Value {
    let usual = run_past_a_digest(world);
    let begin = world.now();
    let port = (1024 + count % 60_000).to_string();
    let own: usize =
        (0..count).map(|host| world.set(host, Change::parse("audio", &port).expect("a change"))).sum();
    world.run_for(TOLD);
    let flow = world.meter().beside(begin, world.now(), usual);
    let bytes = flow.bytes.iter().sum::<i64>();
    let factor = (bytes as f64 - FIXED).max(0.0) / own as f64;
    println!(
        "{hosts} hosts, {count} changes of {own} bytes: {bytes} bytes in {:?} datagrams and {:?} acknowledgements: {factor:.2} \
         times, and {FIXED} bytes",
        flow.messages, flow.acks
    );
    if factor > FACTOR {
        broken.push(format!("{hosts} hosts, {count} changes: {factor:.2} times the rows' own bytes"));
    }
    world.run_for(DIGEST_PERIOD);
    if !world.equal() {
        broken.push(format!("{hosts} hosts, {count} changes: the tables differ"));
    }
    json!({ "hosts": hosts, "changes": count, "rows_bytes": own, "bytes": bytes,
            "datagrams": flow.messages, "acknowledgements": flow.acks })
}

fn write(figures: &serde_json::Value) {
    if let Ok(path) = std::env::var("HMS_PAIR_FIGURES") {
        std::fs::write(path, figures.to_string()).expect("the figures can be written");
    }
}
