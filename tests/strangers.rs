//! What proves nothing to the links between HMSs: nothing is allocated for it, by a counting allocator, and nothing
//! changes but counters.

mod counting;

use std::net::SocketAddr;

use hms::ident::{Incarnation, ServerId};
use hms::time::Instant;
use hms::transport::{Config, Endpoint, KeyId, LinkSecret, Priority};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const NOW: Instant = Instant::from_secs(100);
const ROUNDS: u64 = 100_000;

fn endpoint(server: u64) -> Endpoint {
    let config = Config::new(ServerId(server), Incarnation(1));
    let mut endpoint = Endpoint::new(config, &[server as u8; 32]);
    endpoint.add_secret(LinkSecret::cluster(&[7; 32]));
    endpoint
}

fn at(server: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, server], 6710))
}

/// All that waits to be sent.
fn take(endpoint: &mut Endpoint) -> Vec<Vec<u8>> {
    let mut buf = Vec::new();
    std::iter::from_fn(|| endpoint.poll_output(NOW, &mut buf).map(|_| buf.clone())).collect()
}

fn give(endpoint: &mut Endpoint, from: SocketAddr, datagrams: &[Vec<u8>]) {
    for bytes in datagrams {
        assert_eq!(endpoint.handle_datagram(NOW, from, &mut bytes.clone()), None);
    }
}

/// An initiator with three attempts: of the first the COOKIE, of the second the WELCOME is still to come, the third
/// is open; the responder; and all datagrams that were for the one and for the other.
fn pair() -> [(Endpoint, Vec<Vec<u8>>); 2] {
    let (mut a, mut b) = (endpoint(1), endpoint(2));
    let (mut for_a, mut for_b) = (Vec::new(), Vec::new());
    for legs in [1, 3, 6] {
        let link = a.connect(NOW, at(2), None, KeyId::CLUSTER).expect("a link");
        for leg in 0..6 {
            let (from, to, all) =
                if leg % 2 == 0 { (&mut a, &mut b, &mut for_b) } else { (&mut b, &mut a, &mut for_a) };
            let sent = take(from);
            if leg < legs {
                give(to, at(1 + (leg % 2) as u8), &sent);
            }
            all.extend(sent);
        }
        if legs == 6 {
            let (other, _) = b.links().find(|(_, link)| link.is_open()).expect("the other end");
            a.send(link, Priority::Deltas, &[9; 5000]).expect("room");
            b.send(other, Priority::Deltas, &[9; 5000]).expect("room");
        }
    }
    for_b.extend(take(&mut a));
    for_a.extend(take(&mut b));
    // RESET, of somebody who knows no session.
    let mut stranger = endpoint(2);
    stranger.handle_datagram(NOW, at(1), &mut for_b.last().expect("DATA").clone());
    for_a.extend(take(&mut stranger));
    [(a, for_a), (b, for_b)]
}

/// Random bytes, one of the datagrams cut off, or one with a few bits flipped; none is as it was.
fn bend(rng: &mut ChaCha8Rng, seeds: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let mut below = |end: usize| usize::try_from(rng.next_u64() % end as u64).expect("small");
    let seed = &seeds[below(seeds.len())];
    bytes.clear();
    match below(4) {
        0 => {
            let kind = [1, 0x20 + below(6) as u8];
            bytes.resize(below(1300), 0);
            rng.fill_bytes(bytes);
            bytes.iter_mut().zip(kind).for_each(|(to, from)| *to = from);
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

type State = (usize, Option<Instant>, Vec<String>);

fn state(endpoint: &Endpoint) -> State {
    let links = endpoint.links().map(|(id, link)| format!("{id} {:?} {:?}", link.stats(), link.memory()));
    (endpoint.links().count(), endpoint.poll_timeout(), links.collect())
}

#[test]
fn strangers_cost_no_allocation_and_change_nothing() {
    hms::shows!("R-TRN-03");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut bytes, mut answer) = (Vec::with_capacity(1400), Vec::with_capacity(1400));
    for (mut endpoint, seeds) in pair() {
        let kinds: std::collections::BTreeSet<u8> = seeds.iter().map(|seed| seed[1]).collect();
        let (before, drops) = (state(&endpoint), endpoint.drops().total());
        let mut answers = 0;
        let allocations = counting::allocations();
        for round in 0..ROUNDS {
            bend(&mut rng, &seeds, &mut bytes);
            let from = if round % 3 == 0 { at(99) } else { at(if kinds.contains(&0x20) { 1 } else { 2 }) };
            assert!(endpoint.handle_datagram(NOW, from, &mut bytes).is_some(), "{bytes:02x?}");
            while let Some(transmit) = endpoint.poll_output(NOW, &mut answer) {
                assert!(transmit.len <= bytes.len());
                answers += 1;
            }
        }
        assert_eq!(counting::allocations(), allocations, "for {kinds:x?}");
        assert_eq!(state(&endpoint), before);
        assert_eq!(endpoint.drops().total() - drops, ROUNDS);
        // One second's RESETs to a source.
        assert!(answers > 0 && answers <= 20, "{answers}");
    }
}
