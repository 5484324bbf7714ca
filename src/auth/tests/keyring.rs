//! Realms and revocations.

use crate::auth::{KeyError, Keyring, RealmSecret, Revocation, user_id};
use crate::ident::{Epoch, Generation, Name, RealmId, UserId};

const REALM: RealmId = RealmId(5);
const OTHER: RealmId = RealmId(3);
const USER: UserId = UserId([1; 8]);

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    keyring.new_realm(REALM, name("7q2m"), Epoch(1), RealmSecret::new([1; 32]));
    keyring.new_realm(OTHER, name("lab"), Epoch(1), RealmSecret::new([2; 32]));
    keyring
}

#[test]
fn realms_are_found_and_kept_apart() {
    let keyring = keyring();
    assert_eq!(keyring.realms().map(|r| r.id).collect::<Vec<_>>(), [OTHER, REALM]);
    assert_eq!(keyring.realm_by_name("lab").map(|r| r.id), Some(OTHER));
    assert!(keyring.realm_by_name("Lab").is_none());
    assert!(keyring.serves(REALM) && !keyring.serves(RealmId(4)));
    assert_eq!(keyring.user_key(RealmId(4), Epoch(1), USER), Err(KeyError::UnknownRealm));
    assert_eq!(keyring.user_key(REALM, Epoch(2), USER), Err(KeyError::UnknownEpoch));
    assert_ne!(keyring.user_key(REALM, Epoch(1), USER), keyring.user_key(OTHER, Epoch(1), USER));
}

#[test]
fn a_revoked_key_is_another_one_from_then_on() {
    shows!("R-AUT-04", "R-AUT-05");
    let mut keyring = keyring();
    let first = keyring.user_key(REALM, Epoch(1), USER).expect("a key");
    assert_eq!(keyring.generation(REALM, USER), Generation(0));
    assert_eq!(keyring.previous_user_key(REALM, Epoch(1), USER), None);

    assert_eq!(keyring.revoke(REALM, USER, 0), Generation(1), "known + 1");
    let second = keyring.user_key(REALM, Epoch(1), USER).expect("a key");
    assert_ne!(first, second);
    assert_eq!(keyring.previous_user_key(REALM, Epoch(1), USER), Some(first));

    assert_eq!(keyring.revoke(REALM, USER, 77 << 16), Generation(77 << 16), "the stamp clock");
    assert_eq!(keyring.previous_user_key(REALM, Epoch(1), USER), Some(second));
    assert_eq!(keyring.revoke(REALM, USER, 5), Generation((77 << 16) + 1), "never back");

    assert_eq!(keyring.generation(OTHER, USER), Generation(0), "the other realm's user is another");
    assert_eq!(keyring.generation(REALM, UserId([2; 8])), Generation(0));
}

#[test]
fn generations_saturate() {
    shows!("R-AUT-07");
    let mut keyring = keyring();
    assert_eq!(keyring.revoke(REALM, USER, u64::MAX), Generation(u64::MAX));
    assert_eq!(keyring.revoke(REALM, USER, 0), Generation(u64::MAX));
}

#[test]
fn revocations_are_stored_and_restored() {
    let mut before = keyring();
    let (user, generation) = before.revoke_name(REALM, &name("anna"), 9);
    assert_eq!(before.revoked_name(REALM, user), Some(&name("anna")));
    assert_eq!((before.revoked_name(OTHER, user), before.revoked_name(REALM, USER)), (None, None));
    assert_eq!((user, generation), (user_id(REALM, "anna"), Generation(9)));
    before.revoke(OTHER, USER, 4);
    let stored: Vec<_> = before.revocations().collect();
    assert_eq!(stored.iter().map(|r| r.user_name.clone()).collect::<Vec<_>>(), [None, Some(name("anna"))]);

    let mut after = keyring();
    stored.iter().cloned().for_each(|one| after.restore(one));
    assert_eq!(after.revocations().collect::<Vec<_>>(), stored);
    assert_eq!(after.user_key(REALM, Epoch(1), user), before.user_key(REALM, Epoch(1), user));

    let old =
        Revocation { realm: REALM, user, user_name: None, current: Generation(8), previous: Generation(0) };
    after.restore(old.clone());
    assert_eq!(after.generation(REALM, user), Generation(9), "never back");
    after.restore(Revocation { current: Generation(9), previous: Generation(5), ..old });
    assert_eq!(after.revocations().collect::<Vec<_>>(), stored, "what is known already changes nothing");
}

#[test]
fn people_are_told_why_there_is_no_key() {
    assert_eq!(KeyError::UnknownRealm.to_string(), "the realm is not served here");
    assert_eq!(KeyError::UnknownEpoch.to_string(), "the realm has no secret for this key epoch");
}

#[test]
fn a_removed_realm_is_gone() {
    let mut keyring = keyring();
    keyring.revoke(REALM, USER, 4);
    keyring.revoke(OTHER, USER, 6);
    assert!(keyring.remove_realm(REALM));
    assert!(!keyring.remove_realm(REALM));
    assert!(!keyring.serves(REALM));
    assert_eq!(
        keyring.revocations().map(|r| (r.realm, r.current)).collect::<Vec<_>>(),
        [(OTHER, Generation(6))]
    );
    assert!(keyring.serves(OTHER));
}

#[test]
fn a_realm_may_have_secrets_of_several_epochs() {
    let mut keyring = keyring();
    let old = keyring.user_key(REALM, Epoch(1), USER);
    keyring.new_realm(REALM, name("7q2m"), Epoch(2), RealmSecret::new([3; 32]));
    assert_eq!(keyring.realm(REALM).map(|r| r.epoch), Some(Epoch(2)));
    assert_eq!(keyring.user_key(REALM, Epoch(1), USER), old);
    assert_ne!(keyring.user_key(REALM, Epoch(2), USER), old);
}
