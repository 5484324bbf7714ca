use super::*;

#[test]
fn init_goes_to_each_address_in_turn_then_backs_off() {
    let mut rig = Rig::new(setup(token(vec![addr(1), addr(2)])));
    let all = rig.run(Duration::from_secs(8));
    let first: Vec<_> = all.iter().take(6).cloned().collect();
    assert_eq!(offsets(&first), [0, 500, 1500, 3000, 3500, 4500]);
    assert!(first.iter().take(3).all(|s| s.is(Kind::Init) && s.to(addr(1))));
    assert!(first.iter().skip(3).all(|s| s.is(Kind::Init) && s.to(addr(2))));
    crate::shows!("R-AUT-20", "R-FMT-13", "R-FMT-04");
    let bytes: Vec<_> = first.iter().map(|s| &s.bytes).collect();
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2] && bytes[0] != bytes[3]);
    assert_eq!((bytes[0].len(), first[0].header.session), (68, SessionId(0)));
    // After the last one a wait with full jitter, then the first again.
    let again = all.get(6).expect("a new pass");
    let wait = again.at.since(first[3].at + Duration::from_secs(3));
    assert!(again.to(addr(1)) && (1000..=2000).contains(&wait.as_millis()), "{wait:?}");
}

#[test]
fn waits_grow_up_to_the_check_time() {
    let mut rig = Rig::plain();
    let all = rig.run(Duration::from_secs(1000));
    let begins: Vec<_> = all.chunks(3).map(|c| c[0].at).collect();
    let waits: Vec<_> = begins.windows(2).map(|w| w[1].since(w[0]).as_millis() as u64 - 3000).collect();
    assert!(waits.iter().all(|w| (1000..=30_000).contains(w)), "{waits:?}");
    assert!(waits.iter().any(|w| *w > 8000), "{waits:?}");
}

#[test]
fn challenge_register_registered() {
    crate::shows!("R-REG-16", "R-AUT-03", "R-FMT-11");
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.short(&init, Kind::Challenge, 42);
    let register = rig.one(Kind::Register);
    assert_eq!((register.header.sequence, register.header.session), (init.header.sequence, SessionId(0)));
    let Ok(Request::Register(body)) = rig.open(&register).request() else { panic!() };
    assert_eq!((body.cookie, body.content_version, body.instance), (42, 1, InstanceId(5)));
    assert_eq!((body.last_stamp, body.takeover, body.push), (Stamp(0), false, true));
    assert_eq!((body.content.user_name(), body.view), ("ann", View::Realm));
    rig.registered(&register, |_| {});
    assert!(rig.host.registered());
    // An empty list is pulled at once; the first heartbeat comes after the first delay.
    let sent = rig.sent();
    assert!(sent.len() == 1 && sent[0].is(Kind::Pull) && sent[0].header.sequence == 1);
    let begin = rig.now;
    assert_eq!(rig.until(Kind::Heartbeat).at.since(begin), Duration::from_secs(10));
    let address = Some(SocketAddr::from(([10, 0, 0, 99], 4000)));
    let registered = Event::Registered { hms: name("atlas"), user: name("ann"), address };
    assert!(rig.events.contains(&registered) && rig.events.contains(&Event::Persist));
    assert_eq!(rig.host.store().last_stamp, Stamp(500));
}

#[test]
fn register_is_resent_byte_for_byte_then_contacting_begins_again() {
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.short(&init, Kind::Challenge, 42);
    let all = rig.run(Duration::from_millis(2900));
    assert_eq!(offsets(&all), [0, 500, 1500]);
    assert!(all.iter().all(|s| s.is(Kind::Register) && s.bytes == all[0].bytes));
    assert_eq!(rig.host.state, State::Registering);
    let next = rig.until(Kind::Init);
    assert_ne!(next.header.sequence, init.header.sequence);
    assert_eq!(rig.host.state, State::Contacting);
    // The old contact is over: its answer is not taken.
    let late = rig.registered_bytes(&all[0], |_| {});
    rig.deliver(&late);
    assert_eq!((rig.host.registered(), rig.dropped("unasked")), (false, 1));
}

#[test]
fn only_the_latest_cookie_counts() {
    crate::shows!("R-REG-11", "R-REG-50");
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.short(&init, Kind::Challenge, 1);
    let first = rig.one(Kind::Register);
    let old = rig.short_bytes(&init, Kind::Challenge, 2);
    rig.short(&first, Kind::Challenge, 3);
    let second = rig.one(Kind::Register);
    // An older challenge that was overtaken, and the same one twice, change nothing.
    rig.deliver(&old);
    rig.short(&first, Kind::Challenge, 3);
    assert!(rig.sent().is_empty());
    // Nor do they pass for a sign of life: whoever says them again would keep hints from being shown.
    assert_eq!(rig.dropped("unasked"), 2);
    let stale = rig.registered_bytes(&first, |_| {});
    rig.deliver(&stale);
    assert!(!rig.host.registered());
    rig.registered(&second, |_| {});
    assert!(rig.host.registered());
}

/// HMSs that cannot reach each other give one host several sessions; the last must be the newest when they meet.
#[test]
fn registrations_that_nobody_heard_of_are_counted() {
    crate::shows!("R-REG-54", "R-REG-02");
    let mut setup = setup(token(vec![addr(1), addr(2)]));
    setup.store.last_stamp = Stamp(500);
    let mut rig = Rig::new(setup);
    let mut said = Vec::new();
    let mut sent = rig.one(Kind::Init);
    // Two cookies at the first HMS, one at the other, and the first again: no REGISTERED comes through.
    for (cookie, kind) in [(1, Kind::Register), (2, Kind::Init), (3, Kind::Init), (4, Kind::Init)] {
        rig.short(&sent, Kind::Challenge, cookie);
        let register = rig.one(Kind::Register);
        said.push(last_stamp(&mut rig, &register));
        sent = if kind == Kind::Init { rig.until(Kind::Init) } else { register };
    }
    assert_eq!(said, [500, 501, 502, 503].map(Stamp));
    assert!(rig.events.contains(&Event::Persist) && rig.host.store().last_stamp == Stamp(504));
    // One that was refused made no session.
    rig.short(&sent, Kind::Challenge, 5);
    let register = rig.one(Kind::Register);
    rig.reject(&register, RejectCode::Full, 7000);
    assert_eq!(rig.host.store().last_stamp, Stamp(504));
    let sent = rig.until(Kind::Init);
    rig.short(&sent, Kind::Challenge, 6);
    let register = rig.one(Kind::Register);
    rig.registered(&register, |registered| registered.stamp = Stamp(505));
    assert_eq!(rig.host.store().last_stamp, Stamp(505));
}

/// Zero says that there was none, which a takeover and the first registration need.
#[test]
fn without_a_last_stamp_nothing_is_counted() {
    crate::shows!("R-REG-54");
    let mut rig = Rig::plain();
    for cookie in 1..4 {
        let sent = rig.until(Kind::Init);
        rig.short(&sent, Kind::Challenge, cookie);
        let register = rig.one(Kind::Register);
        assert_eq!(last_stamp(&mut rig, &register), Stamp(0));
    }
}

fn last_stamp(rig: &mut Rig, register: &Sent) -> Stamp {
    let verified = rig.open(register);
    let Ok(Request::Register(body)) = verified.request() else { panic!("a REGISTER") };
    body.last_stamp
}

/// The HMS started anew between the two: what its earlier process gave is not taken again.
#[test]
fn a_challenge_counts_once_in_a_contact() {
    crate::shows!("R-REG-50");
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    let first = rig.short_bytes(&init, Kind::Challenge, 1);
    rig.deliver(&first);
    let register = rig.one(Kind::Register);
    (rig.incarnation, rig.number) = (Incarnation(78), 0);
    rig.short(&register, Kind::Challenge, 2);
    let second = rig.one(Kind::Register);
    rig.deliver(&first);
    assert!(rig.sent().is_empty() && rig.dropped("unasked") == 1);
    rig.registered(&second, |_| {});
    assert!(rig.host.registered());
}

#[test]
fn an_hms_cannot_make_the_host_register_without_end() {
    crate::shows!("R-REG-50");
    let mut rig = Rig::plain();
    let mut last = rig.one(Kind::Init);
    let mut registers = 0;
    for cookie in 1..20 {
        rig.short(&last, Kind::Challenge, cookie);
        if let Some(sent) = rig.sent().into_iter().next() {
            registers += 1;
            last = sent;
        }
    }
    assert_eq!(registers, 4);
    rig.until(Kind::Init);
}

#[test]
fn retry_comes_again_after_the_delay() {
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.short(&init, Kind::Retry, 7000);
    let begin = rig.now;
    assert_eq!(rig.until(Kind::Init).at.since(begin), Duration::from_secs(7));
}

#[test]
fn redirect_turns_to_an_hms_of_the_list() {
    let mut setup = setup(token(vec![addr(1)]));
    setup.store.hms = vec![hms(1, "atlas", &[addr(1)]), hms(2, "borealis", &[addr(2)])];
    let mut rig = Rig::new(setup);
    let init = rig.one(Kind::Init);
    assert!(init.to(addr(1)));
    rig.short(&init, Kind::Redirect, 2);
    assert!(rig.one(Kind::Init).to(addr(2)));
}

#[test]
fn a_redirect_to_an_unknown_hms_counts_as_no_answer() {
    let mut rig = Rig::new(setup(token(vec![addr(1), addr(2)])));
    let init = rig.one(Kind::Init);
    rig.short(&init, Kind::Redirect, 9);
    assert!(rig.one(Kind::Init).to(addr(2)));
}

#[test]
fn leaving_while_registering_leaves_the_session_that_may_begin() {
    let mut rig = Rig::plain();
    let init = rig.one(Kind::Init);
    rig.short(&init, Kind::Challenge, 8);
    rig.one(Kind::Register);
    rig.host.leave(rig.now);
    let leave = rig.one(Kind::Leave);
    assert_eq!(leave.header.session, rig.user_key.session_id(init.header.sequence, 8));
    rig.short(&leave, Kind::Left, 0);
    assert!(rig.event(|e| *e == Event::Left { confirmed: true }) && rig.host.ended());
}

#[test]
fn calls_that_come_for_nothing_do_nothing() {
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    for _ in 0..3 {
        rig.host.handle_timeout(rig.now);
        rig.host.rejoin(rig.now);
        rig.host.set_interfaces(rig.now, Vec::new());
    }
    assert!(rig.sent().is_empty());
    rig.host.handle_datagram(rig.now, addr(1), Arrival::default(), &[]);
    rig.host.handle_datagram(rig.now, addr(1), Arrival::default(), &[0; 1300]);
    assert_eq!(rig.dropped("length"), 2);
}
