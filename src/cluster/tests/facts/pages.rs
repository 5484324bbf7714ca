//! Facts go whole, in as many messages as it takes.

use std::collections::BTreeSet;

use super::*;
use crate::limits::BATCH_MAX;
use crate::wire::peer::{PeerMessage, Stream};

fn many() -> Facts {
    let mut facts = merged([
        member(1, there(1), "oslo"),
        member(2, removed(1), "atlas"),
        registered(there(1), 2, "10.1.0.2:6710"),
        registered(removed(1), 2, "[2001:db8::2]:6710"),
        registered(there(1), 1, "10.1.0.1:6710"),
        realm(1, 1, there(1), "7q2m"),
        realm(1, 2, there(1), "7q2m"),
    ]);
    for number in 0..=255 {
        for server in 0..3 {
            facts.merge(&generation(number, server, 0, Some(&"n".repeat(64))));
        }
        facts.merge(&member(100 + u64::from(number), there(1), &"m".repeat(64)));
        let address = SocketAddr::new([10, 2, 0, number].into(), 6710);
        facts.register_address(at(1), address, None).ok();
        facts.merge(&realm(100 + u32::from(number), 1, there(1), &"r".repeat(32)));
    }
    facts
}

/// Merges one FACTS and gives its flag and number.
fn receive(into: &mut Facts, message: &[u8]) -> (bool, u64) {
    assert!(message.len() <= BATCH_MAX);
    let Ok(PeerMessage::Facts(facts)) = PeerMessage::parse(Stream::Control, message) else {
        panic!("no FACTS");
    };
    facts.facts().for_each(|fact| assert_eq!(into.merge(&fact), Merged::New));
    (facts.last, facts.number)
}

#[test]
fn all_facts_come_over_and_the_last_message_says_so() {
    let (facts, mut copy) = (many(), Facts::default());
    let (mut after, mut messages) = (None, 0);
    loop {
        let mut message = Vec::new();
        after = facts.write_all(after, messages, &mut message);
        assert_eq!(receive(&mut copy, &message), (after.is_none(), messages));
        messages += 1;
        if after.is_none() {
            break;
        }
    }
    assert!(messages >= 3, "{messages}");
    assert_eq!((bytes(&copy), copy.digest()), (bytes(&facts), facts.digest()));
}

#[test]
fn every_key_has_those_behind_it() {
    let facts = many();
    let keys: Vec<_> = facts.iter().map(|fact| FactKey::of(&fact)).collect();
    assert!(keys.is_sorted_by(|one, other| one < other));
    for (at, key) in keys.iter().enumerate() {
        let (mut message, mut rest) = (Vec::new(), Facts::default());
        facts.write_all(Some(*key), 0, &mut message);
        receive(&mut rest, &message);
        let first = rest.iter().next().map(|fact| FactKey::of(&fact));
        assert_eq!(first.as_ref(), keys.get(at + 1));
    }
}

#[test]
fn no_facts_are_told_by_one_message() {
    let mut message = Vec::new();
    assert_eq!(Facts::default().write_all(None, 4, &mut message), None);
    assert_eq!(receive(&mut Facts::default(), &message), (true, 4));
}

#[test]
fn some_facts_are_told_as_far_as_they_fit() {
    let (facts, mut copy) = (many(), Facts::default());
    let mut wanted: BTreeSet<_> = facts.iter().map(|fact| FactKey::of(&fact)).collect();
    wanted.insert(FactKey::Member(ServerId(99)));
    let mut messages = 0;
    while !wanted.is_empty() {
        let mut message = Vec::new();
        facts.write_some(&mut wanted, 7, &mut message);
        assert_eq!(receive(&mut copy, &message), (false, 7));
        messages += 1;
    }
    assert!(messages >= 3, "{messages}");
    assert_eq!(copy.digest(), facts.digest());

    let mut message = vec![1];
    facts.write_some(&mut BTreeSet::from([FactKey::Member(ServerId(99))]), 7, &mut message);
    assert_eq!(message, [1], "nothing is said of what is not known");
}

#[test]
fn who_is_refused_is_told_what_is_known_of_it() {
    shows!("R-PEE-20");
    let facts = many();
    let about = facts.about(ServerId(2));
    let address = |text| FactKey::Address(address(text));
    let expected = [FactKey::Member(ServerId(2)), address("10.1.0.2:6710"), address("[2001:db8::2]:6710")];
    assert_eq!(about, BTreeSet::from(expected));
    assert!(facts.about(ServerId(99)).is_empty());
}
