//! Two HMSs, two addresses, none that answers (R-REG-34, spec 4.7 searching).

use super::*;
use crate::wire::Heartbeat;

fn two() -> Rig {
    let mut rig = Rig::new(setup(token(vec![addr(1), addr(30)])));
    rig.register_with(|r| {
        r.settings.hms = vec![hms(1, "atlas", &[addr(1), addr(11)]), hms(2, "borealis", &[addr(2)])];
    });
    rig.settle();
    rig
}

fn beat<'a>(rig: &Rig, sent: &'a Sent) -> Heartbeat<'a> {
    match rig.open(sent).request() {
        Ok(Request::Heartbeat(beat)) => beat,
        other => panic!("not a HEARTBEAT: {other:?}"),
    }
}

#[test]
fn the_next_hms_is_tried_after_four_seconds_with_the_same_session() {
    crate::shows!("R-REG-34", "R-REG-35");
    let mut rig = two();
    rig.host.follow.copy.adopt(Revision(5));
    let first = rig.until(Kind::Heartbeat);
    let all = rig.run(Duration::from_millis(6500));
    assert_eq!(offsets(&all), [0, 1000, 3000, 4000, 5000]);
    let (to_atlas, to_borealis) = all.split_at(2);
    assert!(to_atlas.iter().all(|s| s.to(addr(1))) && to_borealis.iter().all(|s| s.to(addr(2))));
    let other = &to_borealis[0];
    assert_eq!(other.header.session, first.header.session);
    // Of another process neither incarnation nor revision are known.
    assert_eq!((beat(&rig, other).incarnation, beat(&rig, other).revision), (Incarnation(0), Revision(0)));
    rig.incarnation = Incarnation(88);
    rig.short(other, Kind::Challenge, 6);
    let echo = rig.one(Kind::Heartbeat);
    assert!(echo.to(addr(2)));
    assert_eq!((beat(&rig, &echo).cookie, beat(&rig, &echo).incarnation), (Some(6), Incarnation(88)));
    rig.ack(&echo, |ack| (ack.equal, ack.revision) = (true, Revision(31)));
    assert!(rig.host.registered() && !rig.event(|e| *e == Event::Lost));
    let next = rig.until(Kind::Heartbeat);
    assert!(next.to(addr(2)) && beat(&rig, &next).revision == Revision(31));
    assert_eq!(rig.host.me(rig.now).hms.as_deref(), Some("borealis"));
}

#[test]
fn who_sets_something_meanwhile_does_not_put_the_next_hms_off() {
    crate::shows!("R-REG-34");
    let mut rig = two();
    let begun = rig.until(Kind::Heartbeat).at;
    let mut all = Vec::new();
    for number in 0..6 {
        all.extend(rig.run(Duration::from_millis(900)));
        let name = Name::new(&format!("named {number}")).expect("a name");
        let changes = vec![Change::HostName(name)];
        assert_eq!(rig.host.set(rig.now, changes), Ok(true));
    }
    let first = all.iter().find(|sent| sent.to(addr(2))).expect("the next HMS");
    assert_eq!(first.at.since(begun), Duration::from_secs(4));
}

#[test]
fn when_no_hms_answers_the_list_is_a_cache_and_all_are_asked_with_back_off() {
    let mut rig = two();
    rig.until(Kind::Heartbeat);
    rig.run(Duration::from_secs(8));
    assert_eq!((rig.host.state, rig.host.who(rig.now).source), (State::Searching, "cache"));
    assert!(rig.event(|e| *e == Event::Lost));
    let all = rig.run(Duration::from_secs(300));
    assert!(all.iter().all(|s| s.is(Kind::Heartbeat)), "the token names an address: no multicast");
    let sequences: std::collections::BTreeSet<_> = all.iter().map(|s| s.header.sequence).collect();
    assert_eq!(sequences.len(), all.len());
    for address in [addr(1), addr(11), addr(2), addr(30)] {
        assert!(all.iter().filter(|s| s.to(address)).count() >= 3, "{address}");
    }
    // Every attempt asks both; between two attempts is a wait of at most the check time.
    let begins: Vec<_> = all.iter().map(|s| s.at).collect();
    assert!(begins.windows(2).all(|w| w[1].since(w[0]) <= Duration::from_secs(32)));
    assert!(all.len() < 200, "{}", all.len());
}

#[test]
fn an_answer_ends_the_search_with_the_same_registration() {
    let mut rig = two();
    let first = rig.until(Kind::Heartbeat);
    rig.run(Duration::from_secs(60));
    let asked = rig.until(Kind::Heartbeat);
    assert_eq!(asked.header.session, first.header.session);
    rig.ack(&asked, |_| {});
    assert!(rig.host.registered() && rig.event(|e| matches!(e, Event::Back { .. })));
    assert_eq!(rig.host.who(rig.now).source, "hms");
}

#[test]
fn a_lone_hms_is_asked_at_its_second_address_before_it_counts_as_lost() {
    let mut rig = Rig::plain();
    rig.register_with(|r| r.settings.hms = vec![hms(1, "atlas", &[addr(1), addr(11)])]);
    rig.settle();
    rig.until(Kind::Heartbeat);
    let all = rig.run(Duration::from_millis(4500));
    let second = all.last().expect("a heartbeat").clone();
    assert!(second.to(addr(11)) && rig.host.registered());
    // The same process, at another address.
    assert_eq!(beat(&rig, &second).incarnation, Incarnation(77));
    rig.ack(&second, |_| {});
    assert!(rig.until(Kind::Heartbeat).to(addr(11)));
}

#[test]
fn a_redirected_heartbeat_goes_to_the_other_hms_at_once() {
    let mut rig = two();
    let first = rig.until(Kind::Heartbeat);
    rig.short(&first, Kind::Redirect, 2);
    let next = rig.one(Kind::Heartbeat);
    assert!(next.to(addr(2)) && next.at == first.at);
    // Two that redirect to each other do not make the host spin.
    let (begin, mut sent, mut last) = (rig.now, 0, next);
    while rig.now.since(begin) < Duration::from_secs(60) {
        let other = if last.to(addr(2)) { 1 } else { 2 };
        rig.short(&last, Kind::Redirect, other);
        last = rig.until(Kind::Heartbeat);
        sent += 1;
    }
    assert!(sent < 20, "{sent}");
}

#[test]
fn a_redirect_to_who_does_not_answer_is_followed_once_in_a_check_time() {
    crate::shows!("R-REG-36");
    let mut rig = two();
    let first = rig.until(Kind::Heartbeat);
    rig.short(&first, Kind::Redirect, 2);
    let all = rig.run(Duration::from_secs(4));
    let (in_vain, back) = all.split_at(3);
    assert!(in_vain.iter().all(|s| s.to(addr(2))) && back.len() == 1 && back[0].to(addr(1)));

    rig.short(&back[0], Kind::Redirect, 2);
    assert!(rig.sent().is_empty() && rig.host.registered());
    let next = rig.until(Kind::Heartbeat);
    let interval = next.at.since(back[0].at).as_secs();
    assert!(next.to(addr(1)) && (27..=33).contains(&interval), "{interval}");
    assert!(!rig.event(|e| *e == Event::Lost));
    // The check time is over.
    let later = rig.until(Kind::Heartbeat);
    rig.short(&later, Kind::Redirect, 2);
    assert!(rig.one(Kind::Heartbeat).to(addr(2)));
}

#[test]
fn a_lookup_that_is_redirected_in_vain_puts_no_heartbeat_off() {
    let mut rig = two();
    let first = rig.until(Kind::Heartbeat);
    rig.short(&first, Kind::Redirect, 2);
    let there = rig.one(Kind::Heartbeat);
    rig.short(&there, Kind::Redirect, 1);
    let here = rig.one(Kind::Heartbeat);
    rig.ack(&here, |_| {});
    rig.run(Duration::from_secs(26));
    rig.host.find(rig.now, "bob", true);
    let find = rig.one(Kind::Find);
    rig.short(&find, Kind::Redirect, 2);
    let next = rig.until(Kind::Heartbeat);
    assert!(next.at.since(here.at) <= Duration::from_secs(33));
}

#[test]
fn two_that_redirect_a_first_contact_to_each_other_are_asked_no_more_than_any_that_is_silent() {
    crate::shows!("R-REG-36");
    let mut setup = setup(token(vec![addr(9)]));
    setup.store.hms = vec![hms(1, "atlas", &[addr(1)]), hms(2, "borealis", &[addr(2)])];
    let mut rig = Rig::new(setup);
    let (begin, mut sent) = (rig.now, 0);
    while rig.now.since(begin) < Duration::from_secs(120) {
        let init = rig.until(Kind::Init);
        if !init.to(addr(9)) {
            rig.short(&init, Kind::Redirect, if init.to(addr(2)) { 1 } else { 2 });
        }
        sent += 1;
    }
    assert!((10..80).contains(&sent), "{sent}");
}

#[test]
fn an_ack_with_revision_0_says_nothing_of_the_directory() {
    crate::shows!("R-DIR-06");
    let mut rig = two();
    let first = rig.until(Kind::Heartbeat);
    rig.ack(&first, |ack| (ack.equal, ack.revision) = (true, Revision(5)));
    let second = rig.until(Kind::Heartbeat);
    rig.short(&second, Kind::Redirect, 2);
    let there = rig.one(Kind::Heartbeat);
    rig.incarnation = Incarnation(88);
    // Even if it said that the lists differ.
    rig.ack(&there, |ack| (ack.resync, ack.revision) = (true, Revision(0)));
    assert!(rig.sent().is_empty(), "no PULL");
    let later = rig.until(Kind::Heartbeat);
    assert_eq!((beat(&rig, &later).incarnation, beat(&rig, &later).revision), (Incarnation(88), Revision(0)));
    rig.short(&later, Kind::Redirect, 1);
    let home = rig.one(Kind::Heartbeat);
    assert_eq!((beat(&rig, &home).incarnation, beat(&rig, &home).revision), (Incarnation(77), Revision(5)));
}

#[test]
fn who_has_to_register_again_asks_the_hms_that_said_so_first() {
    crate::shows!("R-REG-36");
    let mut rig = two();
    let first = rig.until(Kind::Heartbeat);
    rig.short(&first, Kind::Redirect, 2);
    let redirected = rig.one(Kind::Heartbeat);
    rig.short(&redirected, Kind::Reregister, 5000);
    assert!(rig.until(Kind::Init).to(addr(2)));
}

#[test]
fn the_primary_and_near_hmss_are_contacted_first() {
    let mut setup = setup(token(vec![addr(9)]));
    setup.store.hms =
        vec![hms(2, "borealis", &[addr(2)]), hms(1, "atlas", &[addr(1)]), hms(3, "near", &[addr(3)])];
    setup.near = vec![name("near")];
    let mut rig = Rig::new(setup);
    let all = rig.run(Duration::from_secs(12));
    let order: Vec<_> = all.chunks(3).map(|c| c[0].to).collect();
    assert_eq!(order, [3, 1, 2, 9].map(|n| Destination::Unicast(addr(n))));
}

#[test]
fn a_new_network_is_used_at_once() {
    let mut rig = two();
    let interface = |last: u8| Interface { index: 2, name: "e0".into(), addresses: vec![addr(last).ip()] };
    rig.host.set_interfaces(rig.now, vec![interface(70)]);
    assert!(rig.sent().is_empty(), "the first list is no change");
    rig.host.set_interfaces(rig.now, vec![interface(71)]);
    rig.one(Kind::Heartbeat);
}
