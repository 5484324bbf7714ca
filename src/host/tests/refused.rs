//! REJECT by its code, SUPERSEDED, and what outlives them (R-REG-21, spec 2.6).

use super::*;

fn contacted() -> (Rig, Sent) {
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    (rig, init)
}

fn refused(rig: &mut Rig) -> Vec<(RejectCode, String, Option<Duration>)> {
    rig.sent();
    rig.events
        .iter()
        .filter_map(|e| match e {
            Event::Refused { code, message, retry } => Some((*code, message.clone(), *retry)),
            _ => None,
        })
        .collect()
}

#[test]
fn final_refusals_end_the_host_and_say_what_to_do() {
    let cases = [
        (RejectCode::Revoked, "hms token ann"),
        (RejectCode::Name, "user name ann"),
        (RejectCode::Content, "host's conference (TLV 0x07)"),
        (RejectCode::EpochRetired, "renewed"),
        (RejectCode::Unknown(99), "code 99"),
    ];
    for (code, says) in cases {
        let (mut rig, init) = contacted();
        rig.reject(&init, code, 7);
        let all = refused(&mut rig);
        assert!(all.len() == 1 && all[0].0 == code && all[0].2.is_none(), "{code}");
        assert!(all[0].1.contains(says), "{}", all[0].1);
        assert!(rig.host.ended() && rig.host.poll_timeout().is_none());
        assert!(rig.run(Duration::from_secs(1000)).is_empty());
        assert_eq!(rig.host.me(rig.now).phase, "refused");
        assert_eq!(rig.host.store().superseded, None);
    }
}

#[test]
fn a_full_realm_is_tried_again_after_the_delay() {
    for code in [RejectCode::Full, RejectCode::Rate] {
        let (mut rig, init) = contacted();
        rig.short(&init, Kind::Challenge, 1);
        let register = rig.one(Kind::Register);
        rig.reject(&register, code, 20_000);
        let begin = rig.now;
        let all = refused(&mut rig);
        assert_eq!((all[0].0, all[0].2), (code, Some(Duration::from_secs(20))));
        assert!(!rig.host.ended());
        assert_eq!(rig.until(Kind::Init).at.since(begin), Duration::from_secs(20));
    }
}

#[test]
fn taken_is_remembered_until_hms_join() {
    crate::shows!("R-REG-21", "R-REG-14");
    let (mut rig, init) = contacted();
    rig.short(&init, Kind::Challenge, 1);
    let register = rig.one(Kind::Register);
    rig.reject(&register, RejectCode::Taken, 0);
    assert!(rig.event(|e| *e == Event::Superseded) && rig.host.ended());
    assert!(rig.events.contains(&Event::Persist));
    let store = rig.host.store().clone();
    assert!(store.superseded.is_some());

    let mut again = Rig::new(HostSetup { store: store.clone(), ..setup(token(vec![addr(1)])) });
    assert!(again.run(Duration::from_secs(1000)).is_empty());
    assert!(again.event(|e| *e == Event::Superseded) && again.host.ended());

    again.host.rejoin(again.now);
    let init = again.one(Kind::Init);
    again.short(&init, Kind::Challenge, 2);
    let register = again.one(Kind::Register);
    let Ok(Request::Register(body)) = again.open(&register).request() else { panic!() };
    assert!(body.takeover);
    assert_eq!(again.host.store().superseded, None);

    let setup = HostSetup { store, takeover: true, ..setup(token(vec![addr(1)])) };
    assert!(Rig::new(setup).one(Kind::Init).is(Kind::Init));
}

#[test]
fn takeover_holds_for_one_registration_only() {
    crate::shows!("R-REG-18");
    let mut rig = Rig::new(HostSetup { takeover: true, ..setup(token(vec![addr(1)])) });
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    rig.short(&beat, Kind::Reregister, 0);
    let init = rig.until(Kind::Init);
    rig.short(&init, Kind::Challenge, 2);
    let register = rig.one(Kind::Register);
    let Ok(Request::Register(body)) = rig.open(&register).request() else { panic!() };
    assert!(!body.takeover);
}

#[test]
fn a_higher_stamp_supersedes_an_equal_or_lower_one_does_not() {
    crate::shows!("R-REG-21", "R-REG-20", "R-REG-52");
    for (stamp, ends) in [(501, true), (u64::MAX, true), (500, false), (499, false), (0, false)] {
        let mut rig = Rig::plain();
        rig.register();
        rig.settle();
        let beat = rig.until(Kind::Heartbeat);
        rig.short(&beat, Kind::Superseded, stamp);
        assert_eq!(rig.host.ended(), ends, "{stamp}");
        if ends {
            assert!(rig.event(|e| *e == Event::Superseded));
            assert!(rig.host.store().superseded.is_some());
            assert!(rig.run(Duration::from_secs(1000)).is_empty());
        } else {
            let init = rig.until(Kind::Init);
            rig.short(&init, Kind::Challenge, 2);
            rig.one(Kind::Register);
        }
    }
}

#[test]
fn a_revoked_user_is_told_with_a_heartbeat_too() {
    crate::shows!("R-AUT-05");
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    rig.reject(&beat, RejectCode::Revoked, 0);
    assert!(refused(&mut rig).iter().any(|r| r.0 == RejectCode::Revoked) && rig.host.ended());
}

#[test]
fn hms_join_begins_anew_after_a_refusal() {
    let (mut rig, init) = contacted();
    rig.reject(&init, RejectCode::Revoked, 0);
    rig.host.rejoin(rig.now);
    let again = rig.one(Kind::Init);
    assert_ne!(again.header.sequence, init.header.sequence);
}

fn set(rig: &mut Rig, key: &str, value: &str) -> Sent {
    let change = Change::parse(key, value).expect("a change");
    assert_eq!(rig.host.set(rig.now, vec![change]), Ok(true));
    rig.one(Kind::Heartbeat)
}

fn said(rig: &Rig, sent: &Sent) -> (u32, Option<Content>) {
    let Ok(Request::Heartbeat(beat)) = rig.open(sent).request() else { panic!("a HEARTBEAT") };
    (beat.content_version, beat.content.and_then(|(content, ..)| content.to_content()))
}

#[test]
fn refused_content_gives_way_to_what_was_taken_before() {
    crate::shows!("R-FMT-09", "R-REG-31");
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    let taken = set(&mut rig, "conference", "board");
    rig.ack(&taken, |_| {});
    let bad = set(&mut rig, "conference", "attic");
    rig.reject(&bad, RejectCode::Content, 7);
    let back = rig.one(Kind::Heartbeat);
    let (version, content) = said(&rig, &back);
    assert!(version > said(&rig, &bad).0);
    assert_eq!(content.and_then(|c| c.conference), Some(name("board")));
    rig.ack(&back, |_| {});
    let shows = |rig: &Rig| rig.host.me(rig.now).message.is_some_and(|m| m.contains("conference"));
    assert!(rig.host.registered() && shows(&rig));
    assert!(
        rig.event(|e| matches!(e, Event::Log { level: log::Level::Warn, text } if text.contains("0x07")))
    );
    assert_eq!(rig.host.store().content.conference, Some(name("board")));
    // It is shown until something else is said.
    let steady = rig.until(Kind::Heartbeat);
    assert_eq!(said(&rig, &steady).1, None);
    rig.ack(&steady, |_| {});
    assert!(shows(&rig));
    let other = set(&mut rig, "conference", "cellar");
    rig.ack(&other, |_| {});
    assert!(!shows(&rig));
    // What was changed since is judged by itself.
    let bad = set(&mut rig, "name", "one");
    set(&mut rig, "name", "two");
    rig.reject(&bad, RejectCode::Unknown(77), 0);
    let newer = rig.until(Kind::Heartbeat);
    assert_eq!(said(&rig, &newer).1.map(|c| c.host_name), Some(name("two")));
    assert!(rig.host.registered());
}

#[test]
fn content_without_anything_to_go_back_to_ends_the_host() {
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    // The very content of the registration is refused.
    let steady = rig.until(Kind::Heartbeat);
    rig.ack(&steady, |ack| (ack.want_content, ack.content_version) = (true, 0));
    let wanted = rig.one(Kind::Heartbeat);
    rig.reject(&wanted, RejectCode::Content, 2);
    let all = refused(&mut rig);
    assert!(rig.host.ended() && all[0].1.contains("host name") && all[0].2.is_none());
    // A view that was given up is forgotten with the content.
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    rig.host.set_view(rig.now, View::Group(name("board")), true).expect("it fits");
    let bad = rig.one(Kind::Heartbeat);
    rig.reject(&bad, RejectCode::Content, 0);
    let back = rig.one(Kind::Heartbeat);
    let Ok(Request::Heartbeat(beat)) = rig.open(&back).request() else { panic!("a HEARTBEAT") };
    assert_eq!((beat.content.map(|(_, view, _)| view), beat.digest), (Some(View::Realm), 0));
}

#[test]
fn the_highest_stamp_wedges_nobody() {
    crate::shows!("R-REG-02", "R-REG-21");
    // Told by an HMS: the host ends, and `hms join` with a token that was made anew begins anew.
    let mut rig = Rig::plain();
    rig.register_with(|r| r.stamp = Stamp(u64::MAX));
    rig.settle();
    assert_eq!(rig.host.store().last_stamp, Stamp(u64::MAX));
    let beat = rig.until(Kind::Heartbeat);
    rig.short(&beat, Kind::Superseded, u64::MAX);
    // Nothing is above it, so the host asks; the HMS says whether another machine is registered.
    let init = rig.until(Kind::Init);
    rig.short(&init, Kind::Challenge, 2);
    let register = rig.one(Kind::Register);
    rig.reject(&register, RejectCode::Taken, 0);
    assert!(rig.host.ended());
    let store = rig.host.store().clone();
    assert!(store.superseded.is_some());
    let renewed =
        Token { generation: Generation(9), user_key: UserKey::from_bytes([8; 32]), ..token(vec![addr(1)]) };
    let setup = HostSetup { store: store.clone(), takeover: true, ..setup(renewed.clone()) };
    let mut again = Rig::new(setup);
    again.register();
    assert_eq!(again.host.store().last_stamp, Stamp(500));
    let mut kept = store;
    kept.adopt_token(renewed);
    assert_eq!(kept.last_stamp, Stamp(0));
    // The same key goes on as well: a stamp that the HMS gives holds, whatever was stored.
    let mut store = HostStore::new(token(vec![addr(1)]), InstanceId(5), kept.content);
    store.last_stamp = Stamp(u64::MAX);
    let mut same = Rig::new(HostSetup { store, ..super::setup(token(vec![addr(1)])) });
    same.register();
    assert_eq!(same.host.store().last_stamp, Stamp(500));
}
