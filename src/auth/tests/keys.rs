//! The key tree and the cluster's signature.

use std::net::SocketAddr;

use super::{hex, hex32};
use crate::auth::{
    ClusterKey, DatagramKey as _, ReadyKey, RealmSecret, SessionKey, StoredKey, UserKey, fixed_holds, user_id,
};
use crate::ident::{Generation, RealmId, SessionId, UserId};

const REALM: RealmId = RealmId(0x7a0b_0c0d);
const USER: UserId = UserId([0xf2, 0x45, 0x0a, 0xf3, 0xe3, 0x18, 0x04, 0x4b]);
const SESSION: SessionId = SessionId(0x0ae1_98d1_fe28_94e6);

fn secret() -> RealmSecret {
    RealmSecret::new(std::array::from_fn(|i| i as u8))
}

#[test]
fn the_key_tree_is_that_of_the_specification() {
    shows!("R-AUT-02");
    assert_eq!(user_id(REALM, "Zoë 2"), USER);
    let key = secret().user_key(USER, Generation(0));
    let expected = "3320fe75dd5bfc4932bd6019420938a335728ba39d4df17ef77ec6fa9054e9f5";
    assert_eq!(*key.as_bytes(), hex32(expected));
    let next = "a70232feb59ec57660b9ad099afb0a641c3a3e9a41795c823d55d195a06d221e";
    assert_eq!(*secret().user_key(USER, Generation(5)).as_bytes(), hex32(next));
    let session = key.session_id(0x0102_0304_0506_0708, 0x1112_1314_1516_1718);
    assert_eq!(session, SESSION);
    let session_key = "4df6bcaf1bf265b2312f550fe5f8663cc7213c9c21b6e5705789362dec576779";
    assert_eq!(*key.session_key(session).as_bytes(), hex32(session_key));
}

#[test]
fn what_is_stored_of_a_key_is_what_it_was_made_of() {
    let bytes: [u8; 32] = std::array::from_fn(|i| 3 * i as u8);
    assert_eq!(RealmSecret::new(bytes).as_bytes(), &bytes);
    assert_eq!(UserKey::from_bytes(bytes).as_bytes(), &bytes);
    assert_eq!(SessionKey::from_bytes(bytes).as_bytes(), &bytes);
}

#[test]
fn every_input_changes_the_key() {
    let key = secret().user_key(USER, Generation(1));
    let others = [
        secret().user_key(USER, Generation(2)),
        secret().user_key(UserId([0; 8]), Generation(1)),
        RealmSecret::new([0; 32]).user_key(USER, Generation(1)),
    ];
    assert!(others.iter().all(|other| *other != key));
    assert_ne!(user_id(REALM, "anna"), user_id(RealmId(1), "anna"));
    assert_ne!(user_id(REALM, "anna"), user_id(REALM, "Anna"));
    assert_ne!(key.session_id(1, 2), key.session_id(2, 1));
    assert_ne!(key.session_key(SessionId(1)), key.session_key(SessionId(2)));
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        secret(),
        UserKey::from_bytes([0xab; 32]),
        SessionKey::from_bytes([0xab; 32]),
        ClusterKey::from_seed(&[0xab; 32]),
    );
    assert_eq!(shown, "RealmSecret(secret) UserKey(secret) SessionKey(secret) ClusterKey(secret)");
}

#[test]
fn a_stored_key_is_the_same_key() {
    let key = SessionKey::from_bytes([3; 32]);
    assert_eq!(StoredKey(&[3; 32]).tag(b"it"), key.tag(b"it"));
    let ready = ReadyKey::new(&[3; 32]);
    assert_eq!([ready.tag(b"it"), ready.tag(b"again")], [key.tag(b"it"), key.tag(b"again")]);
}

#[test]
fn the_cluster_signs_fixed_entries() {
    shows!("R-AUT-40");
    let key = ClusterKey::from_seed(&std::array::from_fn(|i| i as u8));
    let public = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
    assert_eq!(key.public(), hex32(public));
    let address: SocketAddr = "10.1.0.5:6710".parse().expect("an address");
    let signature = key.sign_fixed(REALM, USER, 1_700_000_000, address, b"content");
    assert_eq!(signature.as_slice(), hex(SIGNATURE));

    let holds = |realm, user, issued, address: &str, content: &[u8], signature: &[u8; 64]| {
        let address = address.parse().expect("an address");
        fixed_holds(&key.public(), realm, user, issued, address, content, signature)
    };
    let at = "10.1.0.5:6710";
    assert!(holds(REALM, USER, 1_700_000_000, at, b"content", &signature));
    assert!(holds(REALM, USER, 1_700_000_000, "[::ffff:10.1.0.5]:6710", b"content", &signature));
    assert!(!holds(RealmId(1), USER, 1_700_000_000, at, b"content", &signature));
    assert!(!holds(REALM, UserId([0; 8]), 1_700_000_000, at, b"content", &signature));
    assert!(!holds(REALM, USER, 1_700_000_001, at, b"content", &signature));
    assert!(!holds(REALM, USER, 1_700_000_000, "10.1.0.5:6711", b"content", &signature));
    assert!(!holds(REALM, USER, 1_700_000_000, at, b"contents", &signature));
    for bit in 0..512 {
        let mut wrong = signature;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!holds(REALM, USER, 1_700_000_000, at, b"content", &wrong), "bit {bit}");
    }
    let other = ClusterKey::from_seed(&[1; 32]).public();
    assert!(!fixed_holds(&other, REALM, USER, 1_700_000_000, address, b"content", &signature));
}

const SIGNATURE: &str = "9bf0f05bc09bc9d8a8c997189aa98b42ccd162509c10a965457587707c4509b6\
     a632d449947982fe38120598100029d051dea436255760a034314675c37cd805";
