//! What outlives the process: the list with its age, signed entries, stamp and instance (R-DIR-12, R-AUT-40).

use super::*;
use crate::auth::ClusterKey;
use crate::storage::StoredEntry;
use crate::wire::{
    Changes, ContentRef, Entry, EntryHead, Gone, GoneReason, Item, PageInfo, PageKind, PageMessage, Signature,
};

fn cluster(seed: u8) -> ClusterKey {
    ClusterKey::from_seed(&[seed; 32])
}

fn user(n: u8) -> UserId {
    UserId([n, 0, 0, 0, 0, 0, 0, 1])
}

fn content(text: &str, fixed: bool) -> Vec<u8> {
    Content { fixed, ..Content::new(name(text), name(text)) }.to_bytes()
}

fn entry<'a>(n: u8, content: &'a [u8], signed_by: Option<&ClusterKey>) -> Entry<'a> {
    let sign = |key: &ClusterKey| Signature {
        issued: 1_699_999_000,
        bytes: key.sign_fixed(RealmId(7), user(n), 1_699_999_000, addr(n), content),
    };
    Entry {
        head: EntryHead {
            user: user(n),
            revision: Revision(n.into()),
            late: false,
            unconfirmed: false,
            since: 1_699_000_000,
            check_time_s: 30,
            home: ServerId(1),
        },
        content: ContentRef::trusted(content),
        address: Some(addr(n)),
        signature: signed_by.map(sign),
    }
}

/// Answers the first PULL with these rows.
fn fill(rig: &mut Rig, items: Vec<Item<'_>>) {
    let pull = rig.one(Kind::Pull);
    let (incarnation, number) = rig.next();
    let info = PageInfo {
        kind: PageKind::Copy,
        more: false,
        from: Revision(0),
        to: Revision(9),
        after: UserId::default(),
        up_to: UserId::MAX,
        total: 0,
    };
    let page = PageMessage { push: false, incarnation, number, changes: Changes { info, items } };
    let key = rig.key_of(&pull);
    let bytes = Rig::make(pull.header.answer(Kind::Page), &StoredKey(&key), |buf| page.emit(buf));
    rig.deliver(&bytes);
}

/// The store of a host that listed one host without and one with a fixed address, as bytes and back.
fn stored() -> HostStore {
    let mut rig = Rig::plain();
    rig.register_with(|r| r.settings.cluster_key = Some(cluster(3).public()));
    let (plain, fixed) = (content("plain", false), content("fixed", true));
    let signed = entry(2, &fixed, Some(&cluster(3)));
    fill(&mut rig, vec![Item::Entry(entry(1, &plain, None)), Item::Entry(signed)]);
    rig.events.clear();
    rig.run(Duration::from_millis(600));
    assert!(rig.event(|e| *e == Event::Persist));
    HostStore::from_bytes(&rig.host.store().to_bytes()).expect("it reads what it wrote")
}

fn again(store: HostStore, wall: u64) -> Rig {
    let setup = setup(token(vec![addr(1)]));
    Rig::new(HostSetup { store, wall: UnixMillis(wall), ..setup })
}

#[test]
fn a_restarted_host_shows_the_last_list_with_its_age() {
    crate::shows!("R-DIR-12");
    let rig = again(stored(), 1_700_000_060_000);
    let who = rig.host.who(rig.now);
    assert_eq!((who.source, who.age_ms, who.hms.as_deref()), ("cache", Some(60_000), Some("atlas")));
    let users: Vec<_> = who.hosts.iter().map(|r| (r.user.as_str(), r.fixed, r.age_ms)).collect();
    assert_eq!(users, [("fixed", true, Some(60_000)), ("plain", false, Some(60_000))]);
    let me = rig.host.me(rig.now);
    assert_eq!((me.registered, me.check_time_s, me.phase), (false, Some(30), "contacting"));
}

#[test]
fn the_same_list_again_is_not_copied_again() {
    crate::shows!("R-DIR-14", "R-FMT-16");
    let mut rig = again(stored(), 1_700_000_060_000);
    let init = rig.one(Kind::Init);
    rig.short(&init, Kind::Challenge, 1);
    let register = rig.one(Kind::Register);
    let Ok(Request::Register(body)) = rig.open(&register).request() else { panic!() };
    assert_eq!((body.last_stamp, body.instance, body.revision), (Stamp(500), InstanceId(5), Revision(0)));
    assert!(body.digest != 0);
    rig.registered(&register, |_| {});
    let pull = rig.one(Kind::Pull);
    let Ok(Request::Pull(pull)) = rig.open(&pull).request() else { panic!() };
    assert_eq!(pull.kind, crate::wire::PullKind::Digests);
}

#[test]
fn signed_entries_outlive_the_list_and_unsigned_ones_do_not() {
    crate::shows!("R-AUT-40");
    let mut rig = again(stored(), 1_700_000_060_000);
    rig.register();
    // The HMS now lists nobody, and then nobody answers any more.
    let digests = rig.one(Kind::Pull);
    let (incarnation, number) = rig.next();
    let body = crate::wire::Digests {
        incarnation,
        number,
        revision: Revision(3),
        root: 1,
        buckets: [1; crate::limits::BUCKETS],
    };
    let key = rig.key_of(&digests);
    let bytes = Rig::make(digests.header.answer(Kind::Digests), &StoredKey(&key), |buf| body.emit(buf));
    rig.deliver(&bytes);
    fill(&mut rig, vec![]);
    assert!(rig.host.who(rig.now).hosts.is_empty());
    rig.until(Kind::Heartbeat);
    rig.run(Duration::from_secs(4));
    let who = rig.host.who(rig.now);
    let users: Vec<_> = who.hosts.iter().map(|r| r.user.as_str()).collect();
    assert_eq!((who.source, users), ("cache", vec!["fixed"]));
    // Its age counts from the signature.
    assert!(who.hosts[0].age_ms.is_some_and(|age| age > 1_000_000));
}

#[test]
fn entries_whose_signature_does_not_hold_are_not_kept() {
    crate::shows!("R-AUT-40");
    let mut rig = Rig::plain();
    rig.register();
    let fixed = content("fixed", true);
    fill(&mut rig, vec![Item::Entry(entry(2, &fixed, Some(&cluster(4))))]);
    assert!(rig.host.store().fixed.is_empty() && rig.host.who(rig.now).hosts.len() == 1);
    // Signed, but not said to be fixed.
    let mut rig = Rig::plain();
    rig.register();
    let mobile = content("mobile", false);
    fill(&mut rig, vec![Item::Entry(entry(2, &mobile, Some(&cluster(3))))]);
    assert!(rig.host.store().fixed.is_empty());

    // One that was changed on the disk.
    let mut store = stored();
    assert_eq!(store.fixed.len(), 1);
    for kept in &mut store.fixed {
        kept.address = Some(addr(66));
    }
    store.list.clear();
    assert!(again(store, 1_700_000_060_000).host.who(Instant::from_secs(1000)).hosts.is_empty());
}

#[test]
fn another_cluster_key_drops_what_the_old_one_signed() {
    let mut rig = again(stored(), 1_700_000_060_000);
    assert_eq!(rig.host.store().fixed.len(), 1);
    rig.register_with(|r| r.settings.cluster_key = Some(cluster(8).public()));
    let store = rig.host.store();
    assert_eq!((store.fixed.len(), store.cluster_key), (0, cluster(8).public()));
    // The newer key stays over a restart with the old token.
    let store = rig.host.store().clone();
    let mut next = again(store, 1_700_000_070_000);
    assert_eq!(next.host.store().cluster_key, cluster(8).public());
}

#[test]
fn a_token_of_another_user_begins_with_an_empty_memory() {
    let store = stored();
    let other = Token { user_name: name("bob"), ..token(vec![addr(1)]) };
    let mut rig = Rig::new(HostSetup { store, ..setup(other) });
    let store = rig.host.store();
    assert_eq!((store.last_stamp, store.list.len(), store.fixed.len()), (Stamp(0), 0, 0));
    assert_eq!((store.instance, store.token.user_name.as_str()), (InstanceId(5), "bob"));
}

#[test]
fn a_renewed_token_keeps_the_list() {
    let store = stored();
    let renewed =
        Token { generation: Generation(9), user_key: UserKey::from_bytes([8; 32]), ..token(vec![addr(1)]) };
    let mut rig = Rig::new(HostSetup { store, ..setup(renewed) });
    let store = rig.host.store();
    assert_eq!((store.last_stamp, store.list.len(), store.fixed.len()), (Stamp(0), 2, 1));
}

#[test]
fn what_was_set_is_kept() {
    let mut rig = Rig::plain();
    let change = Change::parse("conference", "board").expect("a change");
    rig.host.set(rig.now, vec![change]).expect("it is set");
    rig.run(Duration::from_millis(500));
    assert!(rig.event(|e| *e == Event::Persist));
    assert_eq!(rig.host.store().content.conference, Some(name("board")));
}

#[test]
fn too_much_content_for_a_datagram_is_refused() {
    crate::shows!("R-FMT-15");
    let setup = setup(token(vec![addr(1)]));
    let mut rig = Rig::new(setup);
    rig.host.set_view(rig.now, View::Named((0..64).map(user).collect()), false).expect("it fits");
    let long = "x".repeat(64);
    let mut changes = vec![Change::HostName(name(&long)), Change::Conference(Some(name(&long)))];
    changes.extend(
        (1..=16).map(|n| Change::parse("service+", &format!("kind-of-service:{n}")).expect("a change")),
    );
    // Reported addresses give way, what a person set does not.
    let reported: Vec<SocketAddr> = (1..=8).map(|n| SocketAddr::new([n; 8].into(), 9)).collect();
    rig.host.set_reported(rig.now, reported);
    let before = rig.host.me(rig.now);
    assert!(rig.host.set(rig.now, changes).is_err());
    assert_eq!(rig.host.me(rig.now), before);
}

#[test]
fn stored_entries_are_what_came_in() {
    let fixed = content("fixed", true);
    let signed = entry(2, &fixed, Some(&cluster(3)));
    let kept = StoredEntry::new(&signed);
    assert_eq!(kept.entry(), signed);
}

#[test]
fn a_revoked_host_is_not_kept_one_that_left_is() {
    crate::shows!("R-DIR-15");
    for (reason, kept) in [(GoneReason::Leave, 1), (GoneReason::Expiry, 1), (GoneReason::Revoked, 0)] {
        let mut rig = Rig::plain();
        rig.register();
        let fixed = content("fixed", true);
        fill(&mut rig, vec![Item::Entry(entry(2, &fixed, Some(&cluster(3))))]);
        assert_eq!(rig.host.store().fixed.len(), 1);
        let gone = Gone { user: user(2), revision: Revision(10), reason };
        let info = PageInfo {
            kind: PageKind::Delta,
            more: false,
            from: Revision(9),
            to: Revision(10),
            after: UserId::default(),
            up_to: UserId::default(),
            total: 0,
        };
        rig.host.follow_changes(rig.now, &Changes { info, items: vec![Item::Gone(gone)] });
        assert_eq!((rig.host.store().list.len(), rig.host.store().fixed.len()), (0, kept), "{reason}");
    }
}
