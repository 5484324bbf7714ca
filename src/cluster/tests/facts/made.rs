//! What is decided here (R-PEE-25, R-PEE-29, R-PEE-30, R-PEE-96).

use super::*;

const ONE: ServerId = ServerId(1);
const TWO: ServerId = ServerId(2);

fn stamp(facts: &Facts, key: FactKey) -> u64 {
    match facts.get(key) {
        Some(Fact::Member(fact)) => fact.mark.stamp.0,
        Some(Fact::Address(fact)) => fact.mark.stamp.0,
        _ => panic!("no mark"),
    }
}

#[test]
fn the_stamp_is_that_of_the_clock_or_above_the_known_one() {
    shows!("R-PEE-25");
    assert_eq!(new_stamp(Stamp(5), None), Stamp(5));
    assert_eq!(new_stamp(Stamp(5), Some(Stamp(4))), Stamp(5));
    assert_eq!(new_stamp(Stamp(5), Some(Stamp(5))), Stamp(6));
    assert_eq!(new_stamp(Stamp(5), Some(Stamp(u64::MAX))), Stamp(u64::MAX));
}

#[test]
fn a_member_is_entered_once_and_renamed() {
    shows!("R-PEE-25");
    let mut facts = Facts::default();
    let key = FactKey::Member(TWO);
    assert_eq!(facts.enter_member(at(7), TWO, &name("atlas")), Ok(vec![key]));
    assert_eq!(facts.enter_member(at(9), TWO, &name("atlas")), Ok(Vec::new()));
    assert_eq!(stamp(&facts, key), 7);
    assert_eq!(facts.enter_member(at(3), TWO, &name("oslo")), Ok(vec![key]), "the clock may lag behind");
    assert_eq!((stamp(&facts, key), facts.member(TWO).unwrap().name), (8, "oslo"));
    assert_eq!(facts.member(TWO).unwrap().mark.by, ONE);
}

#[test]
fn a_removed_member_takes_its_addresses_with_it_and_may_come_back() {
    shows!("R-PEE-30");
    let mut facts = Facts::default();
    facts.enter_member(at(1), ONE, &name("oslo")).unwrap();
    facts.enter_member(at(1), TWO, &name("atlas")).unwrap();
    let (first, second, other) = (address("10.1.0.2:1"), address("10.1.0.2:2"), address("10.1.0.1:1"));
    for (at_address, whose) in [(first, TWO), (second, TWO), (other, ONE)] {
        facts.register_address(at(20), at_address, Some(whose)).unwrap();
    }
    let new = facts.remove_member(at(9), TWO).unwrap();
    assert_eq!(new, [FactKey::Member(TWO), FactKey::Address(first), FactKey::Address(second)]);
    assert!(facts.is_removed(TWO) && !facts.is_removed(ONE) && !facts.is_removed(ServerId(3)));
    assert_eq!(facts.members().map(|member| member.server).collect::<Vec<_>>(), [ONE]);
    assert_eq!(facts.member(TWO), None);
    assert_eq!(facts.addresses().map(|one| one.address).collect::<Vec<_>>(), [other]);
    assert_eq!(facts.addresses_of(TWO).count(), 0);
    assert_eq!(facts.remove_member(at(30), TWO), Ok(Vec::new()), "nothing is left to remove");

    facts.enter_member(at(30), TWO, &name("atlas")).unwrap();
    assert_eq!(facts.member(TWO).map(|member| member.mark.stamp), Some(Stamp(30)));
}

#[test]
fn an_address_is_registered_once_and_gets_its_owner() {
    shows!("R-PEE-30");
    let mut facts = Facts::default();
    let plain = address("10.1.0.2:6710");
    let key = FactKey::Address(plain);
    assert_eq!(facts.register_address(at(1), address("[::ffff:10.1.0.2]:6710"), None), Ok(vec![key]));
    assert_eq!(facts.register_address(at(2), plain, None), Ok(Vec::new()));
    assert_eq!(facts.register_address(at(2), plain, Some(TWO)), Ok(vec![key]));
    assert_eq!(facts.register_address(at(3), plain, None), Ok(Vec::new()), "its owner stays known");
    assert_eq!(facts.register_address(at(3), plain, Some(TWO)), Ok(Vec::new()));
    assert_eq!(facts.addresses_of(TWO).collect::<Vec<_>>(), [plain]);
    assert_eq!(stamp(&facts, key), 2);
}

#[test]
fn an_address_registered_after_a_removal_has_a_higher_stamp() {
    shows!("R-PEE-25");
    let mut facts = merged([member(2, removed(50), "atlas")]);
    let back = address("10.1.0.2:6710");
    facts.register_address(at(9), back, None).unwrap();
    assert_eq!(stamp(&facts, FactKey::Address(back)), 51);
}

#[test]
fn a_cluster_has_at_most_16_members_and_64_addresses() {
    shows!("R-PEE-96");
    let mut facts = Facts::default();
    for server in 1..=16 {
        facts.enter_member(at(1), ServerId(server), &name("x")).unwrap();
    }
    assert_eq!(facts.enter_member(at(1), ServerId(17), &name("x")), Err(NotMade::Members));
    assert!(facts.enter_member(at(1), ServerId(16), &name("y")).is_ok(), "a new name is no new member");
    facts.remove_member(at(1), TWO).unwrap();
    assert!(facts.enter_member(at(1), ServerId(17), &name("x")).is_ok());
    for port in 1..=64 {
        facts.register_address(at(1), SocketAddr::new([10, 1, 0, 1].into(), port), None).unwrap();
    }
    let one_more = SocketAddr::new([10, 1, 0, 1].into(), 65);
    assert_eq!(facts.register_address(at(1), one_more, None), Err(NotMade::Addresses));
    let last = SocketAddr::new([10, 1, 0, 1].into(), 64);
    assert!(facts.register_address(at(1), last, Some(ONE)).is_ok());
}

#[test]
fn the_highest_stamp_cannot_be_outdone() {
    let mut facts = merged([member(2, removed(u64::MAX), "atlas")]);
    let digest = facts.digest();
    assert_eq!(facts.enter_member(at(1), TWO, &name("atlas")), Err(NotMade::Stamp));
    assert_eq!(facts.digest(), digest);
    assert!(NotMade::Members.to_string().contains("16 HMSs"));
}

#[test]
fn a_name_belongs_to_who_had_it_first() {
    shows!("R-PEE-29");
    let by = |server: u64, stamp: u64| Mark { by: ServerId(server), ..there(stamp) };
    let facts = merged([
        member(7, by(2, 5), "atlas"),
        member(8, by(1, 5), "atlas"),
        member(9, by(1, 6), "atlas"),
        member(1, removed(1), "atlas"),
        member(2, by(1, 1), "oslo"),
    ]);
    assert_eq!(facts.owner_of("atlas"), Some(ServerId(8)));
    assert_eq!(facts.owner_of("oslo"), Some(TWO));
    assert_eq!(facts.owner_of("rome"), None);
}

#[test]
fn the_later_of_two_realms_with_one_name_shows_its_id() {
    shows!("R-PEE-29");
    let facts = merged([
        realm(0x0c, 1, there(5), "lab"),
        realm(0x0b, 1, there(6), "lab"),
        realm(0x0a, 1, removed(1), "lab"),
        realm(0x0d, 1, there(1), "lab"),
        realm(0x0d, 2, there(9), "yard"),
    ]);
    let shown = |id| facts.realm_name(RealmId(id));
    assert_eq!(shown(0x0c).as_deref(), Some("lab"));
    assert_eq!(shown(0x0b).as_deref(), Some("lab-0000000b"));
    assert_eq!(shown(0x0a), None);
    assert_eq!(shown(0x0d).as_deref(), Some("yard"), "its last secret names it");
    let ids: Vec<_> = facts.realm_ids().collect();
    assert_eq!(ids, [RealmId(0x0b), RealmId(0x0c), RealmId(0x0d)]);
}

#[test]
fn names_of_as_many_realms_as_there_may_be_are_found_in_one_walk() {
    shows!("R-PEE-29", "R-PEE-99");
    // All with one name, told by whoever holds the cluster's secret. To find each one's name by walking over all the
    // others, and each of those by another walk, would not end while anybody waits for it.
    let all = 4096_u32;
    let facts = merged((1..=all).map(|id| realm(id, 1, there(u64::from(id)), "lab")));
    let names = facts.realm_names();
    assert_eq!(names.len(), all as usize);
    assert_eq!(names[&RealmId(1)], "lab");
    assert_eq!(names[&RealmId(all)], "lab-00001000");
}
