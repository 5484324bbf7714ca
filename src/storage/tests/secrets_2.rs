//! What the secrets keep of the cluster, and how those of format 1 become such.

use zeroize::Zeroizing;

use super::{address, counter, name, replaced};
use crate::ident::{Epoch, Generation, Incarnation, InvitationId, RealmId, ServerId, Stamp, UserId};
use crate::storage::{
    AddressRecord, InvitationRecord, MemberRecord, RealmMark, Redeemed, Secrets, SecretsError,
};
use crate::wire::peer::{FactState, Mark};

/// As a version wrote it that knew of no other HMSs.
const FIRST_FORMAT: &str = include_str!("secrets_1.json");

const fn mark(stamp: u64, state: FactState) -> Mark {
    Mark { stamp: Stamp(stamp), state, by: ServerId(9) }
}

/// One of everything.
fn secrets() -> Secrets {
    let (there, removed) = (mark(0x11, FactState::There), mark(0x12, FactState::Removed));
    let mut secrets = Secrets::create(counter(), name("7q2m"));
    let member = |server, called, mark| MemberRecord { server: ServerId(server), name: name(called), mark };
    secrets.members = vec![member(1, "oslo", there), member(2, "atlas", removed)];
    let registered = |at, server, mark| AddressRecord { address: address(at), server, mark };
    secrets.addresses = vec![
        registered("10.1.0.1:6710", Some(ServerId(1)), there),
        registered("[2001:db8::2]:6710", None, removed),
    ];
    secrets.removed_realms =
        vec![RealmMark { name: name("old"), id: RealmId(0x77), epoch: Epoch(3), mark: removed }];
    let redeemed = Some(Redeemed { by: ServerId(5), at: Stamp(0x13) });
    let invitation = |id, redeemed| InvitationRecord {
        id: InvitationId(id),
        secret: Zeroizing::new([0xab; 32]),
        expires: Stamp(0x14),
        redeemed,
    };
    secrets.invitations = vec![invitation(7, redeemed), invitation(8, None)];
    secrets
}

#[test]
fn members_addresses_marks_and_invitations_go_there_and_back() {
    let secrets = secrets();
    let read = Secrets::from_bytes(&secrets.to_bytes()).expect("secrets");
    assert_eq!(*read.to_bytes(), *secrets.to_bytes());
    assert_eq!((&read.members, &read.addresses), (&secrets.members, &secrets.addresses));
    assert_eq!((&read.removed_realms, &read.invitations), (&secrets.removed_realms, &secrets.invitations));
    assert_eq!(*read.cluster_secret, *secrets.cluster_secret);
    let marks = |secrets: &Secrets| secrets.realms.iter().map(|realm| realm.mark).collect::<Vec<_>>();
    assert_eq!(marks(&read), marks(&secrets));
}

#[test]
fn the_first_format_is_read_and_becomes_the_second() {
    let read = Secrets::from_bytes(FIRST_FORMAT.as_bytes()).expect("secrets");
    assert_eq!((read.server, read.last_incarnation), (ServerId(0x2122_2324_2526_2728), Incarnation(9)));
    assert_eq!((read.clock, *read.cluster_seed), (327_680, [1; 32]));
    let undecided = Mark { stamp: Stamp(0), state: FactState::There, by: read.server };
    let realms: Vec<_> = read.realms.iter().map(|one| (one.name.as_str(), one.default, one.mark)).collect();
    assert_eq!(realms, [("7q2m", true, undecided), ("lab", false, undecided)]);
    let lab = read.realm(Some("lab")).expect("a realm");
    assert_eq!((lab.id, lab.epoch, lab.secret.as_bytes()), (RealmId(0x4d4e_4f50), Epoch(1), &[3; 32]));
    let anna = UserId([0xc5, 0x61, 0x6b, 0x43, 0x37, 0xe0, 0xc8, 0x96]);
    assert_eq!(read.generation(lab.id, anna), Generation(0x50000));
    assert!(read.members.is_empty() && read.addresses.is_empty() && read.invitations.is_empty());

    let written = read.to_bytes();
    assert!(String::from_utf8_lossy(&written).contains("\"hms_secrets\": 2"));
    assert_eq!(*Secrets::from_bytes(&written).expect("secrets").to_bytes(), *written);
}

#[test]
fn the_first_format_gives_one_cluster_secret_which_shows_nothing_of_the_seed() {
    let read = || Secrets::from_bytes(FIRST_FORMAT.as_bytes()).expect("secrets").cluster_secret;
    assert_eq!(*read(), *read(), "where it cannot be written again too");
    assert_ne!(*read(), [1; 32]);
    let other = Secrets::newcomer(counter());
    assert_ne!(*other.cluster_secret, *read());
    assert_ne!(*other.cluster_secret, *other.cluster_seed);
}

#[test]
fn errors_in_the_first_format_are_told_as_before() {
    let old = FIRST_FORMAT.as_bytes();
    let cases = [
        ("\"clock\": 327680", "\"clock\": 327681", "damaged or was edited (checksum)"),
        ("\"default\": false", "\"default\": true", "two realms are the default (realms[1].default)"),
        ("\"4d4e4f50\"", "\"292a2b2c\"", "two realms have this id and epoch (realms[1].id)"),
        ("\"clock\": 327680", "\"members\": []", "unknown field `members`"),
    ];
    for (from, to, expected) in cases {
        let text = Secrets::from_bytes(&replaced(old, from, to)).expect_err("an error").to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    let bytes = secrets().to_bytes();
    let server = "\"server\": \"0000000000000002\"";
    let cases = [
        (server, "\"server\": \"0000000000000001\"", "two members have it (members[1].server)"),
        (
            server,
            "\"server\": \"0000000000000000\"",
            "the id is 0, or two members have it (members[1].server)",
        ),
        ("[2001:db8::2]:6710", "10.1.0.1:6710", "stands there twice (addresses[1].address)"),
        ("10.1.0.1:6710", "10.1.0.1", "not an address with a port"),
        ("10.1.0.1:6710", "[::ffff:10.1.0.1]:6710", "not an address with a port"),
        (
            "\"id\": \"0000000000000008\"",
            "\"id\": \"0000000000000007\"",
            "two invitations have it (invitations[1].id)",
        ),
        ("\"id\": \"00000077\"", "\"id\": \"00000000\"", "no realm has the id 0 (removed_realms[0].id)"),
        (
            "\"name\": \"old\"",
            "\"name\": \"oldoldoldoldoldoldoldoldoldoldold\"",
            "32 bytes (removed_realms[0].name)",
        ),
        ("\"expires\": \"0000000000000014\"", "\"expires\": 20", "expected 16 hexadecimal digits"),
        ("\"at\": \"0000000000000013\"", "\"at\": \"0000000000000014\"", "damaged or was edited (checksum)"),
    ];
    for (from, to, expected) in cases {
        let text = Secrets::from_bytes(&replaced(&bytes, from, to)).expect_err("an error").to_string();
        assert!(text.contains(expected), "{text}");
    }
    let error =
        |secrets: &Secrets| Secrets::from_bytes(&secrets.to_bytes()).expect_err("an error").to_string();
    let mut wrong = secrets();
    wrong.realms[0].mark.state = FactState::Removed;
    assert!(error(&wrong).contains("stands in removed_realms (realms[0].mark.removed)"));
    let mut wrong = secrets();
    wrong.removed_realms[0].mark.state = FactState::There;
    assert!(error(&wrong).contains("stands in realms (removed_realms[0].mark.removed)"));
    let mut wrong = secrets();
    (wrong.removed_realms[0].id, wrong.removed_realms[0].epoch) = (wrong.realms[0].id, Epoch(1));
    assert!(error(&wrong).contains("this id and epoch (removed_realms[0].id)"));
}

#[test]
fn no_cut_and_no_flip_is_taken_for_another_value() {
    let bytes = secrets().to_bytes();
    for end in 0..bytes.trim_ascii_end().len() {
        assert!(Secrets::from_bytes(bytes.split_at(end).0).is_err());
    }
    for at in 0..bytes.len() {
        let mut wrong = bytes.to_vec();
        wrong[at] ^= 0x01;
        if let Ok(read) = Secrets::from_bytes(&wrong) {
            assert_eq!(*read.to_bytes(), *bytes, "byte {at}");
        }
    }
}

#[test]
fn a_realm_that_goes_leaves_a_mark_and_its_id_is_not_drawn_again() {
    shows!("R-PEE-25");
    let mut secrets = Secrets::create(counter(), name("a"));
    secrets.clock = 50;
    secrets.new_realm(counter(), "b").expect("a realm");
    let (first, second) = (secrets.realms[0].id, secrets.realms[1].id);
    assert_eq!(secrets.realms[1].mark, secrets.mark_now());
    secrets.remove_realm("b").expect("it was there");
    let [gone] = secrets.removed_realms.as_slice() else { panic!("one mark") };
    let expected = Mark { stamp: Stamp(51), state: FactState::Removed, by: secrets.server };
    assert_eq!((gone.id, gone.name.as_str(), gone.mark), (second, "b", expected));

    let mut keyring = secrets.keyring();
    keyring.remove_realm(first);
    secrets.take(&keyring, 700);
    let marks: Vec<_> = secrets.removed_realms.iter().map(|one| (one.id, one.mark.stamp.0)).collect();
    assert_eq!(marks, [(second, 51), (first, 700)]);

    let mut draws = [second.0, 7].into_iter();
    let random = |bytes: &mut [u8]| {
        bytes.fill(0);
        if bytes.len() == 8 {
            bytes[4..].copy_from_slice(&draws.next().expect("no more is drawn").to_be_bytes());
        }
    };
    assert_eq!(secrets.new_realm(random, "c").map(|realm| realm.id), Ok(RealmId(7)));
}

#[test]
fn of_several_secrets_of_a_realm_the_last_counts() {
    let mut secrets = Secrets::create(counter(), name("7q2m"));
    let mut next = secrets.realms[0].clone();
    (next.epoch, next.default, next.name) = (Epoch(2), false, name("new"));
    secrets.realms.insert(0, next);
    let only = secrets.realm(None).expect("one realm");
    assert_eq!((only.epoch, only.name.as_str()), (Epoch(2), "new"));
    assert_eq!(secrets.default_realm().map(|realm| realm.epoch), Some(Epoch(2)));
    assert!(secrets.realm(Some("7q2m")).is_err());
    let keyring = secrets.keyring();
    assert_eq!(keyring.realms().map(|realm| realm.epoch).collect::<Vec<_>>(), [Epoch(2)]);
    assert!(Secrets::from_bytes(&secrets.to_bytes()).is_ok());
}

#[test]
fn of_two_realms_with_one_name_the_later_is_named_with_its_id() {
    shows!("R-PEE-29");
    let mut secrets = Secrets::create(counter(), name("lab"));
    let mut other = secrets.realms[0].clone();
    (other.id, other.default, other.mark.stamp) = (RealmId(0x0b), false, Stamp(1));
    secrets.realms.insert(0, other);
    assert_eq!(secrets.realm(Some("lab")).map(|realm| realm.id), Ok(secrets.realms[1].id));
    assert_eq!(secrets.realm(Some("lab-0000000b")).map(|realm| realm.id), Ok(RealmId(0x0b)));
    assert!(Secrets::from_bytes(&secrets.to_bytes()).is_ok());
}

#[test]
fn only_who_belongs_to_no_cluster_joins_one() {
    shows!("R-PEE-34");
    let mut newcomer = Secrets::newcomer(counter());
    assert_ne!(newcomer.server, ServerId(0));
    assert_eq!(newcomer.join(&[1; 32], &[2; 32]), Ok(true));
    assert_eq!((*newcomer.cluster_secret, *newcomer.cluster_seed), ([1; 32], [2; 32]));
    let before = newcomer.to_bytes();
    assert_eq!(newcomer.join(&[1; 32], &[2; 32]), Ok(false));
    assert_eq!(*newcomer.to_bytes(), *before);

    let mut with_realm = Secrets::create(counter(), name("lab"));
    assert_eq!(with_realm.join(&[1; 32], &[2; 32]), Err(SecretsError::OtherCluster));
    let mut with_member = Secrets::newcomer(counter());
    with_member.members = secrets().members;
    assert_eq!(with_member.join(&[1; 32], &[2; 32]), Err(SecretsError::OtherCluster));
    assert_ne!(*with_member.cluster_seed, [2; 32]);
    assert_eq!(
        with_realm.join(&with_realm.cluster_secret.clone(), &with_realm.cluster_seed.clone()),
        Ok(false)
    );
}
