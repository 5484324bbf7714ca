//! However facts come, the same comes of them (R-PEE-25).

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::*;
use crate::auth::fact_digest;

/// Few of everything, so that most facts meet others about the same, and many of these in all but one field.
fn random_fact(rng: &mut ChaCha20Rng) -> Fact<'static> {
    let mut draw = |below: u32| rng.next_u32() % below;
    const NAMES: [&str; 3] = ["atlas", "atlas2", "oslo"];
    let state = if draw(3) == 0 { FactState::Removed } else { FactState::There };
    let mark = Mark { stamp: Stamp(draw(3).into()), state, by: ServerId(draw(3).into()) };
    let name = NAMES[draw(3) as usize];
    match draw(4) {
        0 => member(1 + u64::from(draw(3)), mark, name),
        1 => {
            let at = ["10.1.0.5:6710", "10.1.0.5:6711", "[2001:db8::5]:6710", "[::ffff:10.1.0.5]:6710"];
            registered(mark, draw(3).into(), at[draw(4) as usize])
        }
        2 => {
            let secret = [&[7; 32], &[8; 32]][draw(2) as usize];
            let secret = if state == FactState::There { secret } else { &[0; 32] };
            let (realm, epoch) = (RealmId(1 + draw(2)), Epoch(draw(2) as u8));
            Fact::Realm(RealmFact { realm, epoch, mark, secret, name })
        }
        _ => {
            let user_name = [None, Some("anna"), Some("anna2")][draw(3) as usize];
            generation(draw(3) as u8, draw(3).into(), draw(2).into(), user_name)
        }
    }
}

pub(super) fn random_facts(rng: &mut ChaCha20Rng) -> Vec<Fact<'static>> {
    let count = rng.next_u32() % 40;
    (0..count).map(|_| random_fact(rng)).collect()
}

fn shuffle(facts: &mut [Fact<'_>], rng: &mut ChaCha20Rng) {
    for at in (1..facts.len()).rev() {
        facts.swap(at, rng.next_u32() as usize % (at + 1));
    }
}

/// The same result from bytes alone: of one key the greatest mark, then the greatest value.
fn reference(facts: &[Fact<'_>]) -> Vec<u8> {
    let rank = |fact: &Fact<'_>| {
        let mut value = Vec::new();
        fact.emit(&mut value);
        let value = value.split_off(3);
        let key = match fact {
            Fact::Generation(fact) => return (Some(fact.generation.0), None, value),
            Fact::Member(fact) => fact.mark,
            Fact::Address(fact) => fact.mark,
            Fact::Realm(fact) => fact.mark,
        };
        (None, Some((key.stamp.0, key.state.code(), key.by.0)), value)
    };
    let mut best = std::collections::BTreeMap::new();
    for fact in facts {
        let known = best.entry(FactKey::of(fact)).or_insert(fact);
        if rank(fact) > rank(known) {
            *known = fact;
        }
    }
    let mut bytes = Vec::new();
    best.values().for_each(|fact| fact.emit(&mut bytes));
    bytes
}

#[test]
fn any_order_any_number_of_times_and_any_way_round() {
    shows!("R-PEE-25");
    for seed in 0..2000 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut facts = random_facts(&mut rng);
        let one = merged(facts.iter().copied());
        assert_eq!(bytes(&one), reference(&facts), "seed {seed}");

        shuffle(&mut facts, &mut rng);
        let (first, second) = facts.split_at(facts.len() / 2);
        let (first, second) = (merged(first.iter().copied()), merged(second.iter().copied()));
        let other = merged(second.iter().chain(first.iter()).chain(facts.iter().copied()));
        assert_eq!(bytes(&other), bytes(&one), "seed {seed}");
        assert_eq!(other.digest(), one.digest(), "seed {seed}");
    }
}

#[test]
fn the_digest_is_the_sum_over_what_is_known() {
    shows!("R-PEE-27");
    for seed in 0..300 {
        let mut facts = Facts::default();
        for fact in random_facts(&mut ChaCha20Rng::seed_from_u64(seed)) {
            let before = (bytes(&facts), facts.digest());
            let result = facts.merge(&fact);
            let sum = facts.iter().fold(0u64, |sum, fact| sum.wrapping_add(fact_digest(&fact)));
            assert_eq!(facts.digest(), sum, "seed {seed}");
            assert_eq!(result == Merged::New, (bytes(&facts), facts.digest()) != before, "seed {seed}");
        }
    }
}

#[test]
fn of_two_facts_the_one_with_the_greater_mark_counts() {
    shows!("R-PEE-25");
    let by = |server: u64, mark: Mark| Mark { by: ServerId(server), ..mark };
    // Each counts for more than the one before it.
    let rising = [
        member(5, by(9, there(1)), "z"),
        member(5, by(1, removed(1)), "a"),
        member(5, by(2, removed(1)), "a"),
        member(5, by(2, removed(1)), "ab"),
        member(5, by(2, removed(1)), "b"),
        member(5, by(0, there(2)), "a"),
    ];
    let mut facts = Facts::default();
    for fact in rising {
        assert_eq!(facts.merge(&fact), Merged::New);
        assert_eq!(facts.merge(&fact), Merged::Known);
        assert_eq!(facts.get(FactKey::of(&fact)), Some(fact));
    }
    let rising = [generation(5, 1, 9, Some("z")), generation(5, 2, 0, None), generation(5, 2, 1, None)];
    for fact in rising {
        assert_eq!((facts.merge(&fact), facts.merge(&fact)), (Merged::New, Merged::Known));
    }
    for fact in rising.iter().take(2) {
        assert_eq!(facts.merge(fact), Merged::Known, "a lower one changes nothing");
    }
}
