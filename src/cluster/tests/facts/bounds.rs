//! What a peer says costs no more than a bound (R-PEE-96).

use super::*;
use crate::limits::{FACTS_MAX, GENERATIONS_MAX};

#[test]
fn members_addresses_and_realms_have_one_bound() {
    shows!("R-PEE-96");
    let mut facts = Facts::default();
    assert_eq!(facts.merge(&registered(there(1), 0, "10.0.0.1:1")), Merged::New);
    assert_eq!(facts.merge(&realm(1, 1, there(1), "7q2m")), Merged::New);
    for server in 0..FACTS_MAX as u64 - 2 {
        assert_eq!(facts.merge(&member(server, there(1), "x")), Merged::New);
    }
    let digest = facts.digest();
    for one_more in [
        member(u64::MAX, there(9), "x"),
        registered(there(9), 0, "10.0.0.2:1"),
        realm(1, 2, there(9), "7q2m"),
    ] {
        assert_eq!(facts.merge(&one_more), Merged::NoRoom);
    }
    assert_eq!(facts.digest(), digest);
    assert_eq!(facts.merge(&member(3, removed(2), "x")), Merged::New, "what is known may still change");
    assert_eq!(facts.merge(&generation(1, 1, 0, None)), Merged::New, "generations are counted apart");
    assert_eq!(facts.register_address(at(1), address("10.0.0.2:1"), None), Err(NotMade::Facts));
}

#[test]
fn generations_have_another() {
    shows!("R-PEE-96");
    let mut facts = Facts::default();
    let user = |number: u64| {
        Fact::Generation(GenerationFact {
            realm: RealmId(1),
            user: UserId(number.to_be_bytes()),
            generation: Generation(1),
            previous: Generation(0),
            name: None,
        })
    };
    for number in 0..GENERATIONS_MAX as u64 {
        assert_eq!(facts.merge(&user(number)), Merged::New);
    }
    assert_eq!(facts.merge(&user(u64::MAX)), Merged::NoRoom);
    assert_eq!(facts.merge(&member(1, there(1), "x")), Merged::New);
}
