//! Keys change by the number alone.

use crate::ident::{Incarnation, ServerId};
use crate::transport::keys::{KeyId, LinkKeys, LinkSecret, Party, Side};
use crate::transport::limits::{GENERATION_BITS, NUMBER_END};

fn party(n: u8) -> Party {
    let (server, incarnation) = (ServerId(n.into()), Incarnation(n.into()));
    Party { server, incarnation, session: n.into(), nonce: [n; 32] }
}

fn pair() -> (LinkKeys, LinkKeys) {
    let secret = LinkSecret::cluster(&[7; 32]);
    let side = |side| secret.link(5, &party(1), &party(2), side);
    (side(Side::Initiator), side(Side::Responder))
}

const HEADER: [u8; 16] = [9; 16];

fn passes(from: &mut LinkKeys, to: &mut LinkKeys, number: u64) -> bool {
    let mut body = *b"sixteen or more bytes";
    let tag = from.send.seal(number, &HEADER, &mut body).expect("a tag");
    let mut sealed = [&body[..], &tag].concat();
    to.receive.open(number, &HEADER, &mut sealed).is_some_and(|plain| plain == b"sixteen or more bytes")
}

#[test]
fn both_directions_have_keys_of_their_own() {
    shows!("R-TRN-10", "R-TRN-30");
    let (mut i, mut r) = pair();
    assert_eq!((i.send.key(), i.receive.key()), (r.receive.key(), r.send.key()));
    assert_ne!(i.send.key(), i.receive.key());
    assert!(passes(&mut i, &mut r, 0) && passes(&mut r, &mut i, 0));
    let mut body = *b"sixteen or more bytes";
    let tag = i.send.seal(1, &HEADER, &mut body).expect("a tag");
    let mut sealed = [&body[..], &tag].concat();
    assert!(i.receive.open(1, &HEADER, &mut sealed.clone()).is_none(), "reflected");
    assert!(r.receive.open(2, &HEADER, &mut sealed.clone()).is_none(), "another number");
    assert!(r.receive.open(1, &[8; 16], &mut sealed.clone()).is_none(), "another header");
    assert!(r.receive.open(1, &HEADER, &mut sealed).is_some());
}

#[test]
fn every_input_makes_other_keys() {
    shows!("R-TRN-10", "R-TRN-13");
    let key = |secret: &LinkSecret, attempt, i: Party, r: Party| {
        secret.link(attempt, &i, &r, Side::Initiator).send.key()
    };
    let cluster = LinkSecret::cluster(&[7; 32]);
    let mut seen = vec![key(&cluster, 5, party(1), party(2))];
    let mut other = |key: [u8; 32]| {
        assert!(!seen.contains(&key));
        seen.push(key);
    };
    other(key(&cluster, 6, party(1), party(2)));
    other(key(&LinkSecret::cluster(&[8; 32]), 5, party(1), party(2)));
    other(key(&LinkSecret::invitation(KeyId(1), &[7; 32]), 5, party(1), party(2)));
    other(key(&LinkSecret::invitation(KeyId(2), &[7; 32]), 5, party(1), party(2)));
    other(key(&cluster, 5, party(2), party(1)));
    for change in [
        |p: &mut Party| p.server.0 += 9,
        |p: &mut Party| p.incarnation.0 += 9,
        |p: &mut Party| p.session += 9,
        |p: &mut Party| p.nonce[31] += 9,
    ] {
        let (mut i, mut r) = (party(1), party(2));
        change(&mut i);
        other(key(&cluster, 5, i, party(2)));
        change(&mut r);
        other(key(&cluster, 5, party(1), r));
    }
}

#[test]
fn keys_change_with_the_generation_of_the_number() {
    shows!("R-TRN-11");
    let step = 1u64 << GENERATION_BITS;
    let (mut i, mut r) = pair();
    let first = i.send.key();
    assert!(passes(&mut i, &mut r, step - 1));
    assert_eq!(i.send.key(), first);
    // Late packets of the generation before are still read.
    let mut body = *b"sixteen or more bytes";
    let tag = i.send.seal(step - 2, &HEADER, &mut body).expect("a tag");
    let mut late = [&body[..], &tag].concat();
    assert!(passes(&mut i, &mut r, step));
    assert_ne!(i.send.key(), first);
    assert!(r.receive.open(step - 2, &HEADER, &mut late.clone()).is_some());
    assert!(passes(&mut i, &mut r, 2 * step));
    assert!(r.receive.open(step - 2, &HEADER, &mut late).is_none(), "two generations back");
    assert!(i.send.seal(step, &HEADER, &mut body).is_none(), "the sender never goes back");
    // Two generations ahead nothing is derived.
    let (mut i, mut r) = pair();
    assert!(!passes(&mut i, &mut r, 2 * step));
    let mut junk = [0; 64];
    assert!(r.receive.open(NUMBER_END - 1, &HEADER, &mut junk).is_none());
    let (mut i, mut r2) = pair();
    assert!(passes(&mut i, &mut r2, 1));
}
