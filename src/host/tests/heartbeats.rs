use super::*;
use crate::wire::Heartbeat;

fn beat<'a>(rig: &Rig, sent: &'a Sent) -> Heartbeat<'a> {
    match rig.open(sent).request() {
        Ok(Request::Heartbeat(beat)) => beat,
        other => panic!("not a HEARTBEAT: {other:?}"),
    }
}

fn rig() -> Rig {
    let mut rig = Rig::plain();
    rig.register();
    rig.settle();
    rig
}

#[test]
fn a_steady_heartbeat_is_68_bytes_and_comes_each_interval() {
    crate::shows!("R-FMT-12", "R-REG-34", "R-REG-35");
    let mut rig = rig();
    let mut last = rig.until(Kind::Heartbeat);
    let mut seen = Vec::new();
    for sequence in 2..50 {
        rig.ack(&last, |_| {});
        assert!(rig.sent().is_empty());
        let next = rig.until(Kind::Heartbeat);
        assert_eq!((next.bytes.len(), next.header.sequence), (68, last.header.sequence + 1), "{sequence}");
        assert_eq!(beat(&rig, &next).incarnation, Incarnation(77));
        seen.push(next.at.since(last.at).as_millis() as u64);
        last = next;
    }
    let (low, high) = (seen.iter().min().copied().unwrap_or(0), seen.iter().max().copied().unwrap_or(0));
    assert!(low >= 27_000 && high <= 33_000 && low < 28_500 && high > 31_500, "{low} {high}");
}

#[test]
fn an_unanswered_heartbeat_is_repeated_with_new_sequences() {
    let mut rig = rig();
    let first = rig.until(Kind::Heartbeat);
    let mut all = vec![first];
    all.extend(rig.run(Duration::from_millis(3900)));
    assert_eq!(offsets(&all), [0, 1000, 2000]);
    let sequences: Vec<_> = all.iter().map(|s| s.header.sequence).collect();
    assert!(sequences.windows(2).all(|w| w[1] == w[0] + 1));
    assert!(rig.host.registered());
    // An answer to any of them ends the attempt; the answers to the others are then not taken.
    rig.ack(&all[1], |_| {});
    assert!(rig.run(Duration::from_secs(20)).is_empty());
    rig.ack(&all[0], |_| {});
    assert_eq!(rig.dropped("unasked"), 1);
}

#[test]
fn short_check_times_shorten_the_repeats() {
    let mut rig = Rig::plain();
    rig.register_with(|r| (r.check_time_ms, r.first_delay_ms) = (2000, 500));
    rig.settle();
    let first = rig.until(Kind::Heartbeat);
    let mut all = vec![first];
    all.extend(rig.run(Duration::from_millis(1500)));
    assert_eq!(offsets(&all), [0, 400, 800]);
    rig.run(Duration::from_millis(100));
    assert_eq!(rig.host.state, State::Searching);
}

#[test]
fn enough_heartbeats_come_within_an_expiry_however_short_the_check_time() {
    crate::shows!("R-REG-34");
    for (check_time_ms, least) in [(1000, 5), (2000, 5), (5000, 5), (10_000, 5), (30_000, 12), (120_000, 12)]
    {
        for seed in 1..=20 {
            let mut setup = setup(token(vec![addr(1)]));
            setup.seed = [seed; 32];
            let mut rig = Rig::new(setup);
            rig.register_with(|r| (r.check_time_ms, r.first_delay_ms) = (check_time_ms, 500));
            rig.settle();
            let last = rig.until(Kind::Heartbeat);
            rig.ack(&last, |_| {});
            let expiry = Duration::from_millis(u64::from(check_time_ms)).mul_f64(2.5);
            let beats = rig.run(expiry).iter().filter(|s| s.is(Kind::Heartbeat)).count();
            assert!(beats >= least, "{beats} heartbeats at {check_time_ms} ms");
        }
    }
}

#[test]
fn an_hms_that_stood_still_hears_of_a_host_before_its_row_goes() {
    crate::shows!("R-REG-34");
    for check_time_ms in [1000, 2000, 5000, 10_000, 30_000] {
        for seed in 1..=20 {
            let mut setup = setup(token(vec![addr(1)]));
            setup.seed = [seed; 32];
            let mut rig = Rig::new(setup);
            rig.register_with(|r| (r.check_time_ms, r.first_delay_ms) = (check_time_ms, 500));
            rig.settle();
            let check_time = Duration::from_millis(u64::from(check_time_ms));
            let beats: Vec<_> = rig.run(check_time * 40).iter().map(|s| s.at).collect();
            let longest = beats.windows(2).map(|w| w[1].since(w[0])).max();
            assert!(longest < Some(check_time.mul_f64(1.4)), "{longest:?} at {check_time_ms} ms");
        }
    }
}

#[test]
fn a_challenge_is_echoed_at_once_at_most_three_times_in_a_check_time() {
    crate::shows!("R-REG-33");
    let mut rig = rig();
    let mut last = rig.until(Kind::Heartbeat);
    let begin = rig.now;
    let mut echoes = 0;
    while rig.now.since(begin) < Duration::from_secs(120) {
        rig.short(&last, Kind::Challenge, 4711);
        match rig.sent().into_iter().next() {
            Some(sent) => {
                assert_eq!((beat(&rig, &sent).cookie, sent.bytes.len()), (Some(4711), 76));
                assert!(sent.header.sequence > last.header.sequence);
                echoes += 1;
                last = sent;
            }
            None => last = rig.until(Kind::Heartbeat),
        }
    }
    // Four or five cycles fit into 120 s.
    assert!((12..=15).contains(&echoes), "{echoes}");
}

#[test]
fn a_challenged_lookup_puts_no_heartbeat_off() {
    crate::shows!("R-REG-33");
    let mut rig = rig();
    let mut last = rig.until(Kind::Heartbeat);
    for _ in 0..3 {
        rig.short(&last, Kind::Challenge, 1);
        last = rig.one(Kind::Heartbeat);
    }
    // A fourth: now it waits for its next cycle. Meanwhile the user looks a name up.
    rig.short(&last, Kind::Challenge, 1);
    let begin = rig.now;
    assert!(rig.run(Duration::from_secs(20)).is_empty());
    rig.host.find(rig.now, "b", false);
    let find = rig.one(Kind::Find);
    rig.short(&find, Kind::Challenge, 1);
    let beat = rig.until(Kind::Heartbeat);
    assert!((27..=33).contains(&beat.at.since(begin).as_secs()), "{:?}", beat.at.since(begin));
}

#[test]
fn an_echo_that_got_lost_is_repeated_with_its_cookie() {
    crate::shows!("R-REG-51");
    let mut rig = rig();
    let first = rig.until(Kind::Heartbeat);
    rig.short(&first, Kind::Challenge, 5);
    let all = rig.run(Duration::from_millis(2500));
    assert_eq!(offsets(&all), [0, 1000, 2000]);
    assert!(all.iter().all(|s| beat(&rig, s).cookie == Some(5)));
    rig.ack(&all[2], |_| {});
    let next = rig.until(Kind::Heartbeat);
    assert_eq!(beat(&rig, &next).cookie, None);
}

#[test]
fn a_challenged_pull_makes_a_heartbeat_and_is_asked_again() {
    crate::shows!("R-REG-51");
    let mut rig = Rig::plain();
    rig.register();
    let pull = rig.one(Kind::Pull);
    rig.short(&pull, Kind::Challenge, 5);
    let echo = rig.one(Kind::Heartbeat);
    assert_eq!(beat(&rig, &echo).cookie, Some(5));
    assert!(rig.run(Duration::from_millis(800)).is_empty());
    rig.ack(&echo, |_| {});
    rig.one(Kind::Pull);
}

#[test]
fn changed_content_goes_at_once_and_until_it_is_held() {
    crate::shows!("R-REG-31", "R-REG-32");
    let mut rig = rig();
    let steady = rig.until(Kind::Heartbeat);
    rig.ack(&steady, |_| {});
    let change = Change::parse("state", "participating").expect("a change");
    assert_eq!(rig.host.set(rig.now, vec![change.clone()]), Ok(true));
    let sent = rig.one(Kind::Heartbeat);
    let (content, view, push) = beat(&rig, &sent).content.expect("content");
    assert_eq!((content.state(), view, push), (crate::wire::HostState::Participating, View::Realm, true));
    assert_eq!(beat(&rig, &sent).content_version, 2);
    // An ACK to something older does not end it, nor does it send once more what is on its way.
    rig.ack(&sent, |ack| ack.content_version = 1);
    let again = rig.one(Kind::Heartbeat);
    assert!(beat(&rig, &again).content.is_some());
    rig.ack(&again, |_| {});
    let next = rig.until(Kind::Heartbeat);
    assert!(beat(&rig, &next).content.is_none() && next.bytes.len() == 68);
    // The same value again is no change.
    assert_eq!(rig.host.set(rig.now, vec![change]), Ok(false));
    // An HMS that has none of it asks.
    rig.ack(&next, |ack| (ack.want_content, ack.content_version) = (true, 0));
    let wanted = rig.one(Kind::Heartbeat);
    assert!(beat(&rig, &wanted).content.is_some());
    assert!(rig.event(|e| *e == Event::Persist));
}

#[test]
fn an_hms_that_never_takes_the_content_is_not_flooded() {
    crate::shows!("R-REG-52");
    let mut rig = rig();
    let mut last = rig.until(Kind::Heartbeat);
    let begin = rig.now;
    let mut sent = 0;
    while rig.now.since(begin) < Duration::from_secs(300) {
        rig.ack(&last, |ack| (ack.want_content, ack.content_version) = (true, 0));
        last = rig.until(Kind::Heartbeat);
        sent += 1;
    }
    assert!(sent <= 60, "{sent}");
}

#[test]
fn settings_of_an_ack_hold_at_once() {
    let mut rig = rig();
    let first = rig.until(Kind::Heartbeat);
    rig.ack(&first, |ack| {
        ack.settings.check_time_ms = Some(5000);
        ack.settings.observed = Some(SocketAddr::from(([10, 0, 0, 50], 1)));
    });
    let next = rig.until(Kind::Heartbeat);
    assert!((4500..=5500).contains(&next.at.since(first.at).as_millis()));
    let me = rig.host.me(rig.now);
    assert_eq!((me.observed.as_deref(), me.check_time_s), (Some("10.0.0.50:1"), Some(5)));
}

#[test]
fn reregister_registers_anew_after_the_delay() {
    crate::shows!("R-REG-36");
    let mut rig = rig();
    let first = rig.until(Kind::Heartbeat);
    rig.short(&first, Kind::Reregister, 10_000);
    let begin = rig.now;
    let init = rig.until(Kind::Init);
    assert!((9_000..=11_000).contains(&init.at.since(begin).as_millis()) && init.to(addr(1)));
    rig.short(&init, Kind::Challenge, 1);
    let register = rig.one(Kind::Register);
    let Ok(Request::Register(body)) = rig.open(&register).request() else { panic!() };
    assert_eq!((body.last_stamp, body.incarnation), (Stamp(500), Incarnation(77)));
    rig.registered(&register, |_| {});
    assert!(rig.host.registered());
}

#[test]
fn no_delay_makes_a_host_spin_or_sends_it_away_for_good() {
    crate::shows!("R-REG-52", "R-REG-36");
    let mut rig = Rig::plain();
    let mut init = rig.until(Kind::Init);
    for (told, least, most) in
        [(0, 100, 100), (99, 100, 100), (5000, 5000, 5000), (u64::MAX, 3_600_000, 3_600_000)]
    {
        rig.short(&init, Kind::Retry, told);
        assert!(rig.sent().is_empty());
        let again = rig.until(Kind::Init);
        assert!((least..=most).contains(&again.at.since(init.at).as_millis()), "{told}");
        assert_ne!(again.header.sequence, init.header.sequence);
        init = again;
    }
    rig.short(&init, Kind::Challenge, 1);
    let register = rig.one(Kind::Register);
    rig.registered(&register, |_| {});
    rig.settle();
    for (told, least, most) in [(0, 90, 110), (u64::MAX, 3_240_000, 3_960_000)] {
        let beat = rig.until(Kind::Heartbeat);
        rig.short(&beat, Kind::Reregister, told);
        let init = rig.until(Kind::Init);
        assert!((least..=most).contains(&init.at.since(beat.at).as_millis()), "{told}");
        rig.short(&init, Kind::Challenge, 1);
        let register = rig.one(Kind::Register);
        rig.registered(&register, |_| {});
        rig.settle();
    }
}

#[test]
fn retry_sends_the_heartbeat_after_the_delay() {
    let mut rig = rig();
    let first = rig.until(Kind::Heartbeat);
    rig.short(&first, Kind::Retry, 4000);
    let next = rig.until(Kind::Heartbeat);
    assert_eq!(next.at.since(first.at), Duration::from_secs(4));
    assert!(rig.host.registered() && next.header.session == first.header.session);
}

#[test]
fn on_request_asks_only_when_refreshed() {
    crate::shows!("R-DIR-08");
    let mut rig = Rig::plain();
    rig.register_with(|r| r.settings.mode = Some(UpdateMode::OnRequest));
    rig.settle();
    rig.host.follow.copy.adopt(Revision(4));
    let first = rig.until(Kind::Heartbeat);
    assert!(!beat(&rig, &first).want);
    rig.ack(&first, |ack| ack.revision = Revision(9));
    assert!(rig.sent().is_empty() && rig.host.who(rig.now).stale);
    rig.host.refresh(rig.now);
    let asked = rig.one(Kind::Heartbeat);
    assert!(beat(&rig, &asked).want && beat(&rig, &asked).revision == Revision(4));
    rig.ack(&asked, |ack| ack.revision = Revision(9));
    // What did not fit into the ACK is pulled.
    rig.one(Kind::Pull);
    let next = rig.until(Kind::Heartbeat);
    assert!(!beat(&rig, &next).want);
}

#[test]
fn leave_goes_at_0_250_ms_and_1_s_and_gives_up_at_2_s() {
    crate::shows!("R-REG-42");
    let mut rig = rig();
    let begin = rig.now;
    rig.host.leave(rig.now);
    let all = rig.run(Duration::from_millis(1900));
    assert_eq!(offsets(&all), [0, 250, 1000]);
    assert!(all.iter().all(|s| s.is(Kind::Leave) && s.bytes.len() == 68));
    assert_eq!(rig.host.state, State::Leaving);
    assert!(rig.host.who(rig.now).source == "cache");
    rig.run(Duration::from_millis(100));
    assert!(rig.host.ended() && rig.now.since(begin) == Duration::from_secs(2));
    assert!(rig.event(|e| *e == Event::Left { confirmed: false }));
    assert_eq!(rig.host.poll_timeout(), None);
}

#[test]
fn left_ends_the_leaving() {
    let mut rig = rig();
    rig.host.leave(rig.now);
    let leave = rig.one(Kind::Leave);
    rig.short(&leave, Kind::Left, 0);
    assert!(rig.event(|e| *e == Event::Left { confirmed: true }));
    assert_eq!((rig.host.ended(), rig.host.poll_timeout()), (true, None));
    assert!(rig.run(Duration::from_secs(100)).is_empty());
}

#[test]
fn a_machine_that_slept_asks_again_before_it_gives_up() {
    crate::shows!("R-REG-53");
    let mut rig = rig();
    rig.until(Kind::Heartbeat);
    rig.now += Duration::from_secs(3600);
    rig.host.handle_timeout(rig.now);
    rig.one(Kind::Heartbeat);
    assert!(rig.host.registered());
    rig.run(Duration::from_secs(4));
    assert_eq!(rig.host.state, State::Searching);
}
