//! The secrets of an HMS.

use super::{address, counter, name, replaced};
use crate::auth::user_id;
use crate::ident::{Epoch, Generation, Incarnation, RealmId};
use crate::storage::{Place, Secrets, SecretsError, StorageError};
use crate::token::Token;

fn secrets() -> Secrets {
    let mut random = counter();
    let mut secrets = Secrets::create(&mut random, name("7q2m"));
    secrets.new_realm(&mut random, "lab").expect("a second realm");
    secrets.clock = 5 << 16;
    secrets.revoke("anna", Some("lab")).expect("a revocation");
    secrets
}

fn error(bytes: &[u8]) -> StorageError {
    Secrets::from_bytes(bytes).expect_err("an error")
}

#[test]
fn secrets_go_there_and_back() {
    let secrets = secrets();
    let bytes = secrets.to_bytes();
    let read = Secrets::from_bytes(&bytes).expect("secrets");
    assert_eq!(*read.to_bytes(), *bytes);
    assert_eq!(read.server, secrets.server);
    assert_eq!(*read.cluster_seed, *secrets.cluster_seed);
    assert_eq!(read.revocations(), secrets.revocations());
    let keys = |secrets: &Secrets| {
        let realm = secrets.realms.first().expect("a realm").id;
        secrets.keyring().user_key(realm, Epoch(1), user_id(realm, "anna"))
    };
    assert_eq!(keys(&read), keys(&secrets));
}

#[test]
fn the_same_user_gets_the_same_token_until_revoked() {
    shows!("R-AUT-02", "R-AUT-04");
    let mut secrets = secrets();
    let addresses = vec![address("10.1.0.5:6710")];
    let token = secrets.token("anna", Some("7q2m"), addresses.clone()).expect("a token");
    assert_eq!(secrets.token("anna", Some("7q2m"), addresses.clone()), Ok(token.clone()));
    assert_eq!(Token::parse(&token.encode()), Ok(token.clone()));
    assert_eq!(token.addresses, addresses);
    assert_eq!(token.cluster_key, secrets.cluster_key().public());
    let keyring = secrets.keyring();
    assert_eq!(keyring.user_key(token.realm, token.epoch, token.user_id()), Ok(token.user_key.clone()));

    let revocation = secrets.revoke("anna", Some("7q2m")).expect("a revocation");
    assert_eq!((revocation.current, revocation.previous), (Generation(5 << 16), Generation(0)));
    assert_eq!(revocation.user_name, Some(name("anna")));
    let next = secrets.token("anna", Some("7q2m"), Vec::new()).expect("a token");
    assert_eq!(next.generation, Generation(5 << 16));
    assert_ne!(next.user_key, token.user_key);
    let keyring = secrets.keyring();
    assert_eq!(keyring.user_key(token.realm, token.epoch, token.user_id()), Ok(next.user_key));
    assert_eq!(keyring.previous_user_key(token.realm, token.epoch, token.user_id()), Some(token.user_key));
}

#[test]
fn the_realm_that_is_meant_is_found_or_asked_for() {
    let mut secrets = secrets();
    let known = vec![name("7q2m"), name("lab")];
    assert_eq!(secrets.realm(None).err(), Some(SecretsError::SeveralRealms { known: known.clone() }));
    assert_eq!(
        secrets.token("anna", Some("x"), Vec::new()),
        Err(SecretsError::UnknownRealm { name: "x".into(), known })
    );
    assert!(matches!(secrets.new_realm(counter(), "lab"), Err(SecretsError::RealmTaken { .. })));
    assert!(matches!(secrets.new_realm(counter(), " lab"), Err(SecretsError::RealmName(_))));
    assert!(matches!(secrets.new_realm(counter(), &"x".repeat(33)), Err(SecretsError::RealmName(_))));
    assert!(matches!(secrets.token("", None, Vec::new()), Err(SecretsError::UserName(_))));

    let first = secrets.default_realm().map(|realm| realm.name.clone());
    assert_eq!(first, Some(name("7q2m")));
    secrets.remove_realm("7q2m").expect("it was there");
    assert_eq!(secrets.realm(None).map(|realm| (realm.name.clone(), realm.default)), Ok((name("lab"), true)));
    secrets.remove_realm("lab").expect("it was there");
    assert!(secrets.revocations().is_empty());
    assert_eq!(secrets.realm(None).err(), Some(SecretsError::NoRealm));
    assert!(Secrets::from_bytes(&secrets.to_bytes()).is_ok());
}

#[test]
fn realm_ids_differ_and_are_never_zero() {
    let mut secrets = Secrets::create(counter(), name("a"));
    let first = secrets.realms.first().map(|realm| realm.id).expect("a realm");
    // A source that gives 0 first, then an id that is taken.
    let mut draws = [0, first.0, 7].into_iter();
    let random = |bytes: &mut [u8]| {
        bytes.fill(0);
        if bytes.len() == 8 {
            bytes[4..].copy_from_slice(&draws.next().expect("no more is drawn").to_be_bytes());
        }
    };
    assert_eq!(secrets.new_realm(random, "b").map(|realm| realm.id), Ok(RealmId(7)));
}

#[test]
fn every_process_has_another_incarnation() {
    let mut secrets = secrets();
    let mut draws = [0, 9, 9, 9, 4].into_iter();
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(0);
        *bytes.last_mut().expect("a byte") = draws.next().expect("no more is drawn");
    };
    assert_eq!(secrets.next_incarnation(&mut random), Incarnation(9), "0 means unknown");
    assert_eq!(secrets.next_incarnation(&mut random), Incarnation(4), "the last one was 9");
    assert_eq!(secrets.last_incarnation, Incarnation(4));
}

#[test]
fn what_a_running_hms_changed_is_taken_over() {
    let mut secrets = secrets();
    let mut keyring = secrets.keyring();
    let lab = keyring.realm_by_name("lab").expect("a realm").id;
    let (anna, _) = keyring.revoke_name(lab, &name("anna"), 9 << 16);
    let kept = keyring.realm_by_name("7q2m").expect("a realm").id;
    let secret = crate::auth::RealmSecret::new([9; 32]);
    keyring.new_realm(RealmId(77), name("new"), Epoch(1), secret);
    keyring.remove_realm(kept);

    secrets.take(&keyring, 9 << 16);
    assert_eq!(secrets.realms.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["lab", "new"]);
    assert_eq!(secrets.default_realm().map(|r| r.id), Some(lab));
    assert_eq!(secrets.generation(lab, anna), Generation(9 << 16));
    assert_eq!(secrets.clock, 9 << 16);
    secrets.take(&keyring, 3);
    assert_eq!(secrets.clock, 9 << 16, "never back");
    let read = Secrets::from_bytes(&secrets.to_bytes()).expect("secrets");
    assert_eq!(read.keyring().revocations().collect::<Vec<_>>(), keyring.revocations().collect::<Vec<_>>());
}

#[test]
fn an_invented_realm_name_is_four_plain_characters() {
    for seed in 0..=255 {
        let name = Secrets::invent_realm_name(|bytes| bytes.fill(seed));
        assert_eq!(name.as_str().len(), 4);
        assert!(name.as_str().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    }
}

#[test]
fn no_cut_is_taken() {
    let bytes = secrets().to_bytes();
    let whole = bytes.trim_ascii_end().len();
    for end in 0..whole {
        let error = error(bytes.split_at(end).0);
        assert!(matches!(error.place, Place::Text { .. }), "{error}");
    }
}

#[test]
fn no_flipped_byte_changes_a_value() {
    let bytes = secrets().to_bytes();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut wrong = bytes.to_vec();
            wrong[at] ^= flip;
            // White space or the case of a digit may change without harm.
            if let Ok(read) = Secrets::from_bytes(&wrong) {
                assert_eq!(*read.to_bytes(), *bytes, "byte {at}");
            }
        }
    }
}

#[test]
fn another_format_is_named() {
    let bytes = secrets().to_bytes();
    let error = error(&replaced(&bytes, "\"hms_secrets\": 2", "\"hms_secrets\": 3, \"later\": []"));
    assert!(error.other_format);
    let text = error.to_string();
    assert!(text.contains("format 3") && text.contains("format 2"), "{text}");
    assert!(text.contains("use the version of HMS that wrote it"), "{text}");
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let bytes = secrets().to_bytes();
    let cases = [
        ("\"hms_secrets\": 2,", "", "missing field `hms_secrets`"),
        ("\"server\": \"", "\"server\": \"x", "not 16 hexadecimal digits"),
        ("\"cluster_seed\": \"", "\"cluster_seed\": \"00", "not 32 bytes in hexadecimal digits"),
        ("\"default\": true", "\"default\": 1", "expected a boolean"),
        ("\"default\": true", "\"defualt\": true", "unknown field `defualt`"),
        ("\"name\": \"lab\"", "\"name\": \"\"", "not a name"),
        ("\"default\": false", "\"default\": true", "two realms are the default (realms[1].default)"),
        ("\"clock\": 327680", "\"clock\": -1", "invalid value"),
        ("\"clock\": 327680", "\"clock\": 327681", "damaged or was edited (checksum)"),
    ];
    for (from, to, expected) in cases {
        let text = error(&replaced(&bytes, from, to)).to_string();
        assert!(text.contains(expected), "{text}");
        assert!(text.starts_with("the secrets of this HMS cannot be read: "), "{text}");
        assert!(text.contains("put back a copy of the file"), "{text}");
    }
    let text = error(b"not JSON").to_string();
    assert!(text.contains("(line 1, column 2)"), "{text}");
    assert!(Secrets::from_bytes(&[0xff, 0xfe]).is_err());
}

#[test]
fn two_realms_with_one_id_are_refused() {
    let secrets = secrets();
    let ids: Vec<_> = secrets.realms.iter().map(|realm| realm.id.to_string()).collect();
    let [first, second] = ids.as_slice() else { panic!("two realms") };
    let twice = String::from_utf8(secrets.to_bytes().to_vec()).expect("text").replace(second, first);
    assert!(error(twice.as_bytes()).to_string().contains("two realms have this id and epoch (realms[1].id)"));
}

#[test]
fn errors_do_not_show_secrets() {
    let secrets = secrets();
    let seed = data_encoding::HEXLOWER.encode(&*secrets.cluster_seed);
    let text = error(&replaced(&secrets.to_bytes(), &seed, &format!("{seed}0"))).to_string();
    assert!(!text.contains(&seed[..16]), "{text}");
    assert!(!format!("{:?}", secrets.realms).contains("secret: ["), "the realm's secret hides itself");
}
