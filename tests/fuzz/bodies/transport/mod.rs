//! Two endpoints of links and a network between them that does what the bytes say: it loses, repeats, turns around,
//! holds back, cuts off, changes, says again what it once carried, also to another process, and invents. Messages come
//! whole, once and in order, nothing else does, memory is bounded, and when the network is well all arrives.

mod pair;
mod rows;

use hms::time::Duration;
use hms::transport::{KeyId, Priority};

use self::pair::{ENOUGH, INVITED, Pair, Parcel};
use super::input::Input;
use super::keys::hit;

/// Operations in a run.
const OPERATIONS: usize = 150;
/// What is sent in a run, in bytes.
const GOODS: usize = 400_000;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (mut pair, mut goods) = (Pair::new(), GOODS);
    for _ in 0..OPERATIONS {
        if input.is_empty() {
            break;
        }
        operation(&mut pair, &mut input, &mut goods);
        (0..2).for_each(|at| pair.settle(at));
    }
    pair.heal();
}

fn operation(pair: &mut Pair, input: &mut Input<'_>, goods: &mut usize) {
    let choice = input.byte();
    let at = usize::from(choice & 1);
    match (choice >> 1) % 18 {
        0 => {
            let key = if input.one_in(5) { INVITED } else { KeyId::CLUSTER };
            for _ in 0..=input.below(8) {
                pair.dial(at, key);
            }
        }
        1 => send(pair, at, input, goods),
        2 => (0..=input.below(64)).for_each(|_| pair.arrive()),
        3 => pair.pass(span(input), true),
        4 => pair.pass(span(input), false),
        5 => {
            let place = input.below(256);
            pair.under_way.remove(place);
        }
        6 => {
            let place = input.below(256);
            let copy = pair.under_way.get(place).cloned();
            pair.under_way.extend(copy);
        }
        7 => {
            let place = input.below(256);
            let later = pair.under_way.remove(place);
            pair.under_way.extend(later);
        }
        8 => change(pair, input),
        9 => again(pair, input),
        10 => invent(pair, at, input),
        11 => pair.cut[at] = input.one_in(2),
        12 => pair.set_deaf(at, input.one_in(2)),
        13 => pair.restart(at),
        14 => {
            if let Some(link) = pair.pick(at, input.below(64)) {
                pair.endpoints[at].close(pair.now, link, ENOUGH, "enough");
            }
        }
        // A call that is not needed.
        15 => pair.endpoints[at].handle_timeout(pair.now),
        16 => pair.under_way.clear(),
        _ => pair.under_way.make_contiguous().reverse(),
    }
}

fn send(pair: &mut Pair, at: usize, input: &mut Input<'_>, goods: &mut usize) {
    let (which, stream) = (input.below(8), input.pick(&Priority::ALL));
    let (count, len) = (1 + input.below(40), [0, 1, 20, 300, 1100, 1200, 9000, 60_000][input.below(8)]);
    let Some(link) = pair.pick(at, which) else { return };
    for _ in 0..count {
        if *goods < len {
            return;
        }
        *goods -= len;
        pair.send(at, link, stream, len);
    }
}

/// A datagram on its way is hit: a bit, a byte, its end.
fn change(pair: &mut Pair, input: &mut Input<'_>) {
    let (place, from, how) = (input.below(256), usize::from(input.u16()), input.byte());
    if let Some(parcel) = pair.under_way.get_mut(place) {
        hit(&mut parcel.bytes, from, how);
    }
}

/// What was once said comes again, to whom it was for or to the other, perhaps from another address.
fn again(pair: &mut Pair, input: &mut Input<'_>) {
    let (back, count, how) = (input.below(200), 1 + input.below(16), input.byte());
    for step in 0..count {
        let Some(mut parcel) = pair.past((back + count).saturating_sub(step)) else { continue };
        if how & 3 == 3 {
            parcel.to = 1 - parcel.to;
        }
        if how & 12 == 12 {
            parcel.from.set_port(40_000);
        }
        pair.deliver(parcel);
    }
}

/// Bytes from nowhere: raw, or behind the head of something that was once said.
fn invent(pair: &mut Pair, at: usize, input: &mut Input<'_>) {
    let like = input.one_in(2).then(|| pair.past(input.below(200))).flatten();
    let (kept, bytes) = (input.below(64), input.chunk());
    let mut all =
        like.as_ref().map_or(Vec::new(), |parcel| parcel.bytes.iter().take(kept).copied().collect());
    all.extend_from_slice(bytes);
    let from = like.map_or_else(|| ([10, 0, 0, 9], 6710).into(), |parcel| parcel.from);
    let padded = input.one_in(2);
    if padded {
        all.resize(1200, 0);
    }
    pair.deliver(Parcel { to: at, from, bytes: all });
}

/// From nothing to a quarter of a minute.
fn span(input: &mut Input<'_>) -> Duration {
    Duration::from_millis(input.pick(&[0, 1, 5, 25, 100, 300, 1000, 2000, 3000, 5000, 8000, 10_000, 15_000]))
}
