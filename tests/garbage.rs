//! What carries no key leaves nothing behind, and nothing is allocated for it: live heap before and after a million
//! datagrams, and allocations meanwhile, by a counting allocator.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};

use data_encoding::HEXLOWER;
use hms::auth::ClusterKey;
use hms::cluster::{Decision, Facts};
use hms::ident::{Epoch, Incarnation, Name, RealmId, ServerId, Stamp};
use hms::net::Arrival;
use hms::server::{Server, ServerSettings, Setup};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;
use hms::wire::{Kind, Unverified};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::Value;

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is done by the system's allocator; only sums are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size().cast_signed(), Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as demanded of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: as demanded of the caller.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const DATAGRAMS: u64 = 1_000_000;
/// Fills what has a fixed size: refusals, hints' places, buffers.
const FIRST: u64 = 200_000;

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().expect("text").as_bytes()).expect("hexadecimal")
}

/// The golden datagrams, and a server with the keys that sealed them.
fn golden() -> (Vec<Vec<u8>>, Server) {
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let keys = read(include_str!("../spec/vectors/keys.json"));
    let datagrams = read(include_str!("../spec/vectors/datagrams.json"));
    let seeds = datagrams["datagrams"].as_array().expect("a list").iter();
    // An ANNOUNCE is ignored, whoever wrote it, and not counted; a HINT is one bit away from it.
    let ignored = |one: &&Value| one["header"]["type"] == "ANNOUNCE" || one["header"]["type"] == "HINT";
    let seeds = seeds.filter(|one| !ignored(one)).map(|one| hex(&one["bytes"])).collect();
    let mut facts = Facts::default();
    let realm = RealmId(u32::try_from(keys["realm_id"].as_u64().expect("a number")).expect("32 bits"));
    let secret = hex(&keys["realm_secret"]).try_into().expect("32 bytes");
    let (decision, name) =
        (Decision { clock: Stamp(1), by: ServerId(1) }, Name::new("acme").expect("a name"));
    facts.enter_realm(decision, (realm, Epoch(1)), &secret, &name).expect("room");
    let server = Server::new(
        Instant::from_secs(100),
        Setup {
            name: Name::new("atlas").expect("a name"),
            server: ServerId(1),
            incarnation: Incarnation(1),
            seed: [3; 32],
            settings: ServerSettings::default(),
            facts,
            link_secret: LinkSecret::cluster(&[8; 32]),
            default_realm: Some(realm),
            cluster: ClusterKey::from_seed(&[2; 32]),
            stamp_base: 0,
            wall: UnixMillis(0),
            rows: Vec::new(),
        },
    );
    (seeds, server)
}

/// Random bytes, a seed cut off, or one with one to three different bits flipped.
fn write(rng: &mut ChaCha8Rng, seeds: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let mut below = |end: usize| usize::try_from(rng.next_u64() % end as u64).expect("small");
    let seed = &seeds[below(seeds.len())];
    bytes.clear();
    match below(3) {
        0 => {
            bytes.resize(below(1400), 0);
            rng.fill_bytes(bytes);
        }
        1 => bytes.extend_from_slice(&seed[..below(seed.len())]),
        _ => {
            bytes.extend_from_slice(seed);
            let first = below(seed.len() * 8);
            for step in 0..=below(3) {
                let bit = (first + step * 97) % (seed.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

/// Hands in so many, from many networks; all are counted and no answer is more than a hint. Returns the hints.
fn flood(server: &mut Server, rng: &mut ChaCha8Rng, seeds: &[Vec<u8>], now: &mut Instant, count: u64) -> u64 {
    let (mut bytes, mut answer) = (Vec::with_capacity(1400), Vec::with_capacity(1400));
    let mut hints = 0;
    for _ in 0..count {
        write(rng, seeds, &mut bytes);
        let [.., a, b, c, d] = rng.next_u32().to_be_bytes();
        let from = SocketAddr::from(([10, a, b, c], 1024 + u16::from(d)));
        server.handle_datagram(*now, from, Arrival::default(), &bytes);
        while server.poll_output(*now, &mut answer).is_some() {
            assert_eq!(Unverified::parse(&answer).expect("it").header().kind, Kind::Hint);
            assert!(answer.len() <= bytes.len());
            hints += 1;
        }
        *now += Duration::from_micros(20);
    }
    hints
}

#[test]
fn a_million_hostile_datagrams_leave_no_byte_behind() {
    let (seeds, mut server) = golden();
    server.set_watched(false);
    let (mut rng, mut now) = (ChaCha8Rng::from_seed([5; 32]), Instant::from_secs(100));
    let mut hints = flood(&mut server, &mut rng, &seeds, &mut now, FIRST);
    let (before, made) = (LIVE.load(Ordering::Relaxed), ALLOCATIONS.load(Ordering::Relaxed));
    hints += flood(&mut server, &mut rng, &seeds, &mut now, DATAGRAMS);
    let (after, made) = (LIVE.load(Ordering::Relaxed), ALLOCATIONS.load(Ordering::Relaxed) - made);
    let status = server.status(now);
    println!(
        "{before} bytes of live heap before, {after} after; {made} allocations; {hints} hints; {:?}",
        status.drops
    );
    assert_eq!(after, before, "bytes of live heap");
    assert!(made < 10, "{made} allocations, for {DATAGRAMS} datagrams");
    assert_eq!(status.drops.values().sum::<u64>(), FIRST + DATAGRAMS);
    assert_eq!(status.hints_sent, hints);
    assert!(hints > 100, "{hints} hints");
    assert_eq!(status.hosts.known, 0);
}
