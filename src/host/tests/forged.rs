//! What others than the HMS send: it changes nothing (R-AUT-22, R-AUT-31, R-FMT-03).

use super::*;
use crate::auth::seal_checksum;
use crate::wire::{Hint, HintCode, flag};

fn hint(to: &Sent, code: HintCode) -> Vec<u8> {
    let header = Header { flags: flag::UNAUTHENTICATED, ..to.header.answer(Kind::Hint) };
    let mut buf = Vec::new();
    header.emit(&mut buf);
    Hint::new(code).emit(&mut buf);
    seal_checksum(&mut buf);
    buf
}

fn hints(rig: &mut Rig) -> Vec<HintCode> {
    rig.sent();
    let code = |e: &Event| match e {
        Event::Hint { code, .. } => Some(*code),
        _ => None,
    };
    rig.events.iter().filter_map(code).collect()
}

#[test]
fn a_forged_answer_of_any_kind_changes_nothing() {
    crate::shows!("R-AUT-01", "R-AUT-22");
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    let wrong = SessionKey::from_bytes([66; 32]);
    for kind in [Kind::Challenge, Kind::Reject, Kind::Retry, Kind::Redirect] {
        let body = Short { incarnation: Incarnation(1), number: 1, argument: 1 << 48 };
        let forged = Rig::make(init.header.answer(kind), &wrong, |buf| body.emit(buf));
        rig.deliver(&forged);
    }
    assert_eq!((rig.dropped("tag"), rig.host.state), (4, State::Contacting));
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    let good = rig.ack_bytes(&beat, |_| {});
    for byte in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[byte] ^= 1 << bit;
            rig.deliver(&bad);
        }
    }
    assert!(rig.sent().is_empty() && rig.host.registered());
    // The true one is still taken.
    let before = rig.host.drops().clone();
    rig.deliver(&good);
    assert_eq!(*rig.host.drops(), before);
}

#[test]
fn a_replayed_answer_is_not_taken_twice() {
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    let ack = rig.ack_bytes(&beat, |ack| ack.settings.check_time_ms = Some(60_000));
    rig.deliver(&ack);
    let later = rig.until(Kind::Heartbeat);
    rig.ack(&later, |ack| ack.settings.check_time_ms = Some(30_000));
    rig.deliver(&ack);
    assert_eq!((rig.dropped("unasked"), rig.host.me(rig.now).check_time_s), (1, Some(30)));
}

#[test]
fn answers_of_another_session_realm_user_or_epoch_are_not_taken() {
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    let key = *rig.session().1.as_bytes();
    let body = Short { incarnation: Incarnation(1), number: 1, argument: 9999 };
    type Change = fn(&mut Header);
    let changes: [(Change, &str); 5] = [
        (|h| h.session = SessionId(1), "unasked"),
        (|h| h.sequence += 1, "unasked"),
        (|h| h.realm = RealmId(8), "foreign"),
        (|h| h.user = UserId([1; 8]), "foreign"),
        (|h| h.epoch = Epoch(2), "foreign"),
    ];
    for (change, reason) in changes {
        let before = rig.dropped(reason);
        let mut header = beat.header.answer(Kind::Superseded);
        change(&mut header);
        let bytes = Rig::make(header, &StoredKey(&key), |buf| body.emit(buf));
        rig.deliver(&bytes);
        assert_eq!(rig.dropped(reason), before + 1);
    }
    assert!(rig.host.registered());
}

#[test]
fn a_push_has_its_flag_and_no_sequence() {
    crate::shows!("R-AUT-22");
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    rig.host.refresh(rig.now);
    let key = *rig.session().1.as_bytes();
    for (flags, sequence) in [(flag::PUSH, beat.header.sequence), (0, 0)] {
        let before = rig.dropped("unasked");
        let header = Header { flags, sequence, ..beat.header.answer(Kind::Page) };
        let bytes = Rig::make(header, &StoredKey(&key), |buf| buf.extend([0; 12]));
        rig.deliver(&bytes);
        assert_eq!(rig.dropped("unasked"), before + 1);
    }
}

/// What was said a minute ago and is said again does not make a host believe that its HMS is there.
#[test]
fn an_answer_that_comes_too_late_is_dropped() {
    crate::shows!("R-AUT-22");
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    let beats = [rig.until(Kind::Heartbeat), rig.until(Kind::Heartbeat)];
    let late = beats.each_ref().map(|beat| rig.ack_bytes(beat, |_| ()));
    // A minute and a microsecond after the first of them, and a second after it.
    rig.run(Duration::from_micros(59_000_001));
    rig.deliver(&late[0]);
    assert_eq!(rig.dropped("unasked"), 1);
    assert!(!rig.event(|event| matches!(event, Event::Back { .. })), "nobody is back");
    rig.run(Duration::from_micros(999_999));
    rig.deliver(&late[1]);
    assert_eq!(rig.dropped("unasked"), 1);
    assert!(rig.event(|event| matches!(event, Event::Back { .. })));
}

#[test]
fn a_hosts_own_datagrams_and_answers_of_the_wrong_kind_are_dropped() {
    crate::shows!("R-FMT-03");
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.deliver(&init.bytes);
    assert_eq!(rig.dropped("direction"), 1);
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    // LEFT answers LEAVE only.
    rig.short(&beat, Kind::Left, 0);
    assert!(rig.host.registered() && rig.dropped("unasked") == 1);
}

#[test]
fn a_hint_is_shown_after_a_second_and_never_acted_on() {
    crate::shows!("R-AUT-31", "R-AUT-30");
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.deliver(&hint(&init, HintCode::WrongKey));
    rig.run(Duration::from_millis(999));
    assert!(hints(&mut rig).is_empty());
    rig.run(Duration::from_millis(1));
    assert_eq!(hints(&mut rig), [HintCode::WrongKey]);
    assert!(rig.host.me(rig.now).message.is_some_and(|m| m.contains("without proof")));
    // It goes on trying, shows the same hint once a minute at most, and forgets it when someone proves himself.
    let again = rig.until(Kind::Init);
    rig.deliver(&hint(&again, HintCode::WrongKey));
    rig.run(Duration::from_secs(2));
    assert_eq!(hints(&mut rig).len(), 1);
    rig.register();
    assert_eq!(rig.host.me(rig.now).message, None);
}

#[test]
fn an_authenticated_answer_voids_hints_before_and_after_it() {
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.deliver(&hint(&init, HintCode::WrongKey));
    rig.run(Duration::from_millis(400));
    rig.short(&init, Kind::Challenge, 3);
    rig.deliver(&hint(&init, HintCode::Version));
    rig.run(Duration::from_secs(2));
    assert!(hints(&mut rig).is_empty());
}

#[test]
fn hints_that_echo_nothing_or_are_damaged_are_dropped() {
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    let mut other = init.clone();
    other.header.sequence ^= 1;
    rig.deliver(&hint(&other, HintCode::WrongKey));
    let mut damaged = hint(&init, HintCode::WrongKey);
    damaged[33] ^= 1;
    rig.deliver(&damaged);
    assert_eq!((rig.dropped("unasked"), rig.dropped("checksum")), (1, 1));
    rig.run(Duration::from_secs(3));
    assert!(hints(&mut rig).is_empty());
}

#[test]
fn malformed_answers_with_a_good_tag_are_counted() {
    crate::shows!("R-FMT-09");
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    let beat = rig.until(Kind::Heartbeat);
    let key = *rig.session().1.as_bytes();
    let header = beat.header.answer(Kind::Ack);
    let short = Rig::make(header, &StoredKey(&key), |buf| buf.extend([0; 10]));
    rig.deliver(&short);
    let critical = Rig::make(header, &StoredKey(&key), |buf| {
        buf.extend([0; 20]);
        buf.extend([0xfe, 0, 0]);
    });
    rig.deliver(&critical);
    assert_eq!((rig.dropped("malformed"), rig.dropped("critical-tlv")), (1, 1));
}
