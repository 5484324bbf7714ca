//! What a host keeps.

use super::{address, content, name, replaced};
use crate::auth::{ClusterKey, UserKey};
use crate::ident::{Epoch, Generation, InstanceId, RealmId, Revision, ServerId, Stamp, UserId};
use crate::storage::{HostStore, StoredEntry};
use crate::time::UnixMillis;
use crate::token::Token;
use crate::wire::{ContentRef, Entry, EntryHead, HmsInfo, Signature, View};

const REALM: RealmId = RealmId(5);

fn cluster() -> ClusterKey {
    ClusterKey::from_seed(&[4; 32])
}

fn token() -> Token {
    Token {
        realm: REALM,
        epoch: Epoch(1),
        generation: Generation(0),
        user_key: UserKey::from_bytes([7; 32]),
        cluster_key: cluster().public(),
        user_name: name("anna"),
        realm_name: name("7q2m"),
        addresses: vec![address("10.1.0.5:6710")],
    }
}

/// An entry, signed as if it were that of `signed_for`.
fn entry(user: UserId, signed_for: UserId) -> StoredEntry {
    let (bytes, at) = (content().to_bytes(), address("10.1.0.9:40001"));
    let signature = cluster().sign_fixed(REALM, signed_for, 1_700_000_000, at, &bytes);
    StoredEntry::new(&Entry {
        head: EntryHead {
            user,
            revision: Revision(3),
            late: true,
            unconfirmed: false,
            since: 1_600_000_000,
            check_time_s: 30,
            home: ServerId(8),
        },
        content: ContentRef::parse(&bytes, 0).expect("content"),
        address: Some(at),
        signature: Some(Signature { issued: 1_700_000_000, bytes: signature }),
    })
}

fn store() -> HostStore {
    let mut store = HostStore::new(token(), InstanceId(6), content());
    store.last_stamp = Stamp(7 << 16);
    store.superseded = Some(UnixMillis(1_700_000_000_123));
    store.view = View::Group(name("board"));
    store.check_time_ms = Some(30_000);
    store.hms = vec![HmsInfo {
        server: ServerId(8),
        primary: true,
        sender: true,
        name: name("atlas"),
        addresses: vec![address("10.1.0.5:6710"), address("[2001:db8::5]:6710")],
    }];
    store.last_hms = Some(ServerId(8));
    store.list = vec![entry(UserId([1; 8]), UserId([1; 8]))];
    store.fixed = vec![entry(UserId([2; 8]), UserId([2; 8]))];
    store
}

#[test]
fn a_store_goes_there_and_back() {
    for store in [store(), HostStore::new(token(), InstanceId(1), content())] {
        assert_eq!(HostStore::from_bytes(&store.to_bytes()), Ok(store));
    }
}

#[test]
fn every_view_goes_there_and_back() {
    let views = [
        View::None,
        View::Realm,
        View::Group(name("a:b, c")),
        View::Named(vec![UserId([1; 8]), UserId::MAX]),
    ];
    for view in views {
        let mut store = store();
        store.view = view;
        assert_eq!(HostStore::from_bytes(&store.to_bytes()), Ok(store));
    }
}

#[test]
fn an_entry_comes_back_as_it_was_told() {
    let stored = entry(UserId([1; 8]), UserId([1; 8]));
    assert_eq!(StoredEntry::new(&stored.entry()), stored);
    assert_eq!(stored.content().user_name(), "anna");
}

#[test]
fn only_entries_that_the_cluster_signed_are_kept_for_later() {
    shows!("R-AUT-40");
    let mut store = store();
    let good = entry(UserId([2; 8]), UserId([2; 8]));
    let unsigned = {
        let entry = Entry { signature: None, ..good.entry() };
        StoredEntry::new(&entry)
    };
    let homeless = StoredEntry::new(&Entry { address: None, ..good.entry() });
    let stolen = entry(UserId([3; 8]), UserId([2; 8]));
    assert!(good.signature_holds(&store.cluster_key, REALM));
    assert!(!good.signature_holds(&store.cluster_key, RealmId(6)));
    store.fixed = vec![unsigned, good.clone(), homeless, stolen];
    let read = HostStore::from_bytes(&store.to_bytes()).expect("a store");
    assert_eq!(read.fixed, [good]);
}

#[test]
fn another_cluster_key_drops_what_the_old_one_signed() {
    shows!("R-AUT-40");
    let mut store = store();
    store.adopt_cluster_key(cluster().public());
    assert_eq!(store.fixed.len(), 1);
    store.adopt_cluster_key([9; 32]);
    assert_eq!((store.cluster_key, store.fixed.len()), ([9; 32], 0));
}

#[test]
fn no_cut_and_no_flipped_byte_makes_it_panic() {
    let bytes = store().to_bytes();
    let whole = bytes.trim_ascii_end().len();
    for end in 0..whole {
        assert!(HostStore::from_bytes(bytes.split_at(end).0).is_err(), "{end} bytes");
    }
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut wrong = bytes.to_vec();
            wrong[at] ^= flip;
            let _ = HostStore::from_bytes(&wrong);
        }
    }
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let bytes = store().to_bytes();
    let cases = [
        ("\"token\": \"hms1_a", "\"token\": \"hms1_b", "not a join token"),
        ("\"hms_host\": 1", "\"hms_host\": 3", "format 3, and this version reads format 1"),
        ("\"view\": \"group:board\"", "\"view\": \"all\"", "not a view"),
        ("\"content\": \"", "\"content\": \"!", "not a host's content"),
        ("10.1.0.9:40001", "10.1.0.9", "socket address"),
    ];
    for (from, to, expected) in cases {
        let text = HostStore::from_bytes(&replaced(&bytes, from, to)).expect_err("an error").to_string();
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("join again with `hms join`"), "{text}");
    }
}

#[test]
fn content_in_the_list_is_checked() {
    let bytes = store().to_bytes();
    let stored = data_encoding::BASE64.encode(&content().to_bytes());
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    // The first is the host's own; the second stands in the list.
    let second = text.match_indices(&stored).nth(1).expect("the list's entry").0;
    let (head, tail) = text.split_at(second);
    let broken = format!("{head}{}", tail.replacen(&stored, "AQAB", 1));
    let error = HostStore::from_bytes(broken.as_bytes()).expect_err("an error").to_string();
    assert!(error.contains("content: ends inside TLV"), "{error}");
}
