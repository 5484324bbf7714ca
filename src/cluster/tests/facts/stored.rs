//! Facts outlive a process.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::storage::Secrets;

fn secrets() -> Secrets {
    let mut next = 0u8;
    let random = |bytes: &mut [u8]| {
        bytes.fill_with(|| {
            next = next.wrapping_add(1);
            next
        });
    };
    Secrets::create(random, name("lab"))
}

#[test]
fn all_facts_are_kept_and_nothing_else() {
    let mut secrets = secrets();
    for seed in 0..300 {
        let facts = merged(laws::random_facts(&mut ChaCha20Rng::seed_from_u64(seed)));
        facts.store(&mut secrets);
        let read = Secrets::from_bytes(&secrets.to_bytes()).unwrap();
        let again = Facts::restore(&read);
        assert_eq!((bytes(&again), again.digest()), (bytes(&facts), facts.digest()), "seed {seed}");
        assert_eq!(read.realms.iter().filter(|realm| realm.default).count(), read.realms.len().min(1));
    }
}

#[test]
fn what_was_made_before_there_were_facts_becomes_one() {
    let secrets = secrets();
    let facts = Facts::restore(&secrets);
    let realms: Vec<_> = facts.realms().map(|realm| (realm.realm, realm.name)).collect();
    assert_eq!(realms, [(secrets.realms[0].id, "lab")]);
}

#[test]
fn the_default_realm_and_the_order_of_realms_stay() {
    let mut secrets = secrets();
    // Behind it by its id, before it as it was made.
    secrets.new_realm(|bytes| bytes.fill(0xee), "yard").unwrap();
    secrets.realms.swap(0, 1);
    let mut facts = Facts::restore(&secrets);
    facts.merge(&realm(1, 1, there(1), "first by its id"));
    facts.store(&mut secrets);
    let realms: Vec<_> = secrets.realms.iter().map(|realm| (realm.name.as_str(), realm.default)).collect();
    assert_eq!(realms, [("yard", false), ("lab", true), ("first by its id", false)]);

    let lab = secrets.realms[1].clone();
    facts.merge(&Fact::Realm(RealmFact {
        realm: lab.id,
        epoch: lab.epoch,
        mark: removed(9),
        secret: &[0; 32],
        name: "lab",
    }));
    facts.store(&mut secrets);
    let realms: Vec<_> = secrets.realms.iter().map(|realm| (realm.name.as_str(), realm.default)).collect();
    assert_eq!(realms, [("yard", true), ("first by its id", false)]);
    assert_eq!(secrets.removed_realms.len(), 1);
}
