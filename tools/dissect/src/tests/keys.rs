//! With keys: what an HMS would have believed.

use hms::auth::{RealmSecret, UserKey, seal, user_id};
use hms::ident::{Epoch, Generation, Name, RealmId, SessionId};
use hms::storage::Secrets;
use hms::wire::{Header, Kind};

use super::{dissect, made};
use crate::datagram::Datagram;
use crate::verify::Keys;

fn secrets() -> Secrets {
    let mut byte = 0;
    let random = |buf: &mut [u8]| {
        buf.iter_mut().for_each(|to| {
            byte += 1;
            *to = byte;
        });
    };
    Secrets::create(random, Name::new("7q2m").expect("a name"))
}

fn keys(secrets: &Secrets) -> Keys {
    let mut keys = Keys::default();
    keys.take(secrets);
    keys
}

fn user_key(secret: &RealmSecret, realm: RealmId) -> UserKey {
    secret.user_key(user_id(realm, "anna"), Generation(0))
}

/// A LEAVE of anna: the shortest request of a session.
fn leave(secrets: &Secrets, epoch: u8, sequence: u64) -> Vec<u8> {
    let realm = &secrets.realms[0];
    let header = Header {
        kind: Kind::Leave,
        flags: 0,
        epoch: Epoch(epoch),
        realm: realm.id,
        user: user_id(realm.id, "anna"),
        session: SessionId(77),
        sequence,
    };
    let mut bytes = Vec::new();
    header.emit(&mut bytes);
    bytes.extend_from_slice(&[0; 20]);
    seal(&user_key(&realm.secret, realm.id).session_key(SessionId(77)), &mut bytes);
    bytes
}

fn read(keys: Keys, payloads: &[Vec<u8>]) -> Vec<Datagram> {
    let frames: Vec<_> = payloads.iter().map(|payload| made::frame(true, payload)).collect();
    dissect(&made::pcap(made::ETHERNET, &frames), keys).0
}

fn verdicts(datagrams: &[Datagram]) -> Vec<&'static str> {
    datagrams.iter().map(|d| d.finding.as_ref().map_or("none", |finding| finding.verdict.name())).collect()
}

#[test]
fn tags_sequences_and_epochs_are_judged() {
    let secrets = secrets();
    let mut wrong = leave(&secrets, 1, 9);
    wrong[40] ^= 1;
    let payloads = [
        leave(&secrets, 1, 100),
        wrong,
        leave(&secrets, 3, 101),
        leave(&secrets, 1, 100),
        leave(&secrets, 1, 99),
        leave(&secrets, 1, 200),
        leave(&secrets, 1, 136),
        leave(&secrets, 1, 137),
    ];
    let datagrams = read(keys(&secrets), &payloads);
    let expected =
        ["valid", "wrong tag", "unknown key", "replayed", "valid", "valid", "out of window", "valid"];
    assert_eq!(verdicts(&datagrams), expected);
    let why = datagrams[2].finding.as_ref().and_then(|finding| finding.why.as_deref());
    assert_eq!(why, Some("refused: key epoch 3 unknown; the HMS knows 1 of realm 7q2m"));
    assert!(datagrams[3].experts.iter().any(|expert| expert.remark.name == "hms.expert.replayed"));
    let tree = crate::dissector::tree(&datagrams[1]);
    assert_eq!(tree.texts("hms.verdict"), ["wrong tag"]);
}

#[test]
fn without_keys_nothing_is_judged() {
    let secrets = secrets();
    let datagrams = read(Keys::default(), &[leave(&secrets, 1, 1), leave(&secrets, 1, 1)]);
    assert_eq!(verdicts(&datagrams), ["none", "none"]);
    assert_eq!(datagrams[1].related.retransmission_of, Some(1));
}

#[test]
fn a_key_that_was_revoked_is_called_so() {
    let mut secrets = secrets();
    let bytes = leave(&secrets, 1, 1);
    let mut ring = secrets.keyring();
    let realm = secrets.realms[0].id;
    ring.revoke(realm, user_id(realm, "anna"), 5);
    secrets.take(&ring, 5);
    assert_eq!(verdicts(&read(keys(&secrets), &[bytes])), ["revoked"]);
}

/// It is sealed with the key that was revoked: the verdict says no more than the message.
#[test]
fn a_reject_that_says_that_the_key_was_revoked_is_remarked_on_once() {
    let remarks = |datagrams: &[Datagram]| -> Vec<Vec<&str>> {
        let of = |one: &Datagram| one.experts.iter().map(|expert| expert.remark.name).collect();
        datagrams.iter().map(of).collect()
    };
    let file = include_bytes!("../../../../tests/captures/revoked.pcapng");
    let mut keys = Keys::default();
    let secrets = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/captures/revoked.secrets.json");
    keys.read(secrets.as_ref()).expect("read");
    let (datagrams, ..) = dissect(file, keys);
    assert_eq!(verdicts(&datagrams), ["revoked", "revoked"]);
    assert_eq!(remarks(&datagrams), [["hms.expert.revoked"], ["hms.expert.refused"]]);
    let (datagrams, ..) = dissect(file, Keys::default());
    assert_eq!(remarks(&datagrams), [vec![], vec!["hms.expert.refused"]]);
}

#[test]
fn keys_come_from_a_state_directory_or_from_tokens() {
    let secrets = secrets();
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("secrets.json"), &*secrets.to_bytes()).expect("written");
    let mut of_directory = Keys::default();
    of_directory.read(dir.path()).expect("read");
    assert_eq!(verdicts(&read(of_directory, &[leave(&secrets, 1, 1)])), ["valid"]);

    let realm = &secrets.realms[0];
    let token = hms::token::Token {
        realm: realm.id,
        epoch: realm.epoch,
        generation: Generation(0),
        user_key: user_key(&realm.secret, realm.id),
        cluster_key: [0; 32],
        user_name: Name::new("anna").expect("a name"),
        realm_name: realm.name.clone(),
        addresses: Vec::new(),
    };
    let file = dir.path().join("tokens");
    std::fs::write(&file, token.encode()).expect("written");
    let mut of_token = Keys::default();
    of_token.read(&file).expect("read");
    assert_eq!(verdicts(&read(of_token, &[leave(&secrets, 1, 1)])), ["valid"]);

    std::fs::write(&file, "nothing of the kind").expect("written");
    let error = Keys::default().read(&file).expect_err("no keys");
    assert!(error.contains("tokens: neither the secrets of an HMS nor join tokens"), "{error}");
}
