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
        (RejectCode::Content, "TLV 0x07"),
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
