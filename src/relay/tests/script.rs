use super::{at, client, ms};
use crate::relay::{Event, Out, Port, Relay, Script, Setup};
use crate::time::{Duration, Instant};

fn relay(script: &str) -> Relay {
    Relay::new(Instant::ZERO, 1, Setup { script: script.parse().unwrap(), ..Setup::default() })
}

/// What the script says that it did: the numbers of its lines.
fn lines(relay: &mut Relay) -> Vec<usize> {
    let mut lines = Vec::new();
    while let Some(event) = relay.poll_event() {
        if let Event::Changed(step) = event {
            lines.push(step.line);
        }
    }
    lines
}

/// Sends one datagram each way; whether each arrives at once.
fn passes(relay: &mut Relay, now: Instant, len: usize) -> [bool; 2] {
    let (bytes, mut buf) = (vec![0; len], Vec::new());
    relay.from_client(now, client(1), &bytes);
    relay.from_server(now, Port(1), &bytes);
    let mut came = [false; 2];
    while let Some(out) = relay.poll_output(now, &mut buf) {
        came[usize::from(matches!(out, Out::Client(_)))] = true;
    }
    came
}

#[test]
fn faults_change_when_the_script_says_each_way_by_itself() {
    let mut relay = relay(
        "# faults by the clock
         10s up loss 100%      # nothing goes up
         20s both loss 0% max-size 100

         30s down cut
         40s open
         40s down max-size none
        ",
    );
    for (second, len, expected) in [
        (0, 200, [true, true]),
        (10, 200, [false, true]),
        (20, 200, [false, false]),
        (22, 100, [true, true]),
        (30, 100, [true, false]),
        (40, 100, [true, true]),
        (42, 101, [false, true]),
    ] {
        assert_eq!(passes(&mut relay, at(second), len), expected, "at {second} s");
    }
    assert_eq!(lines(&mut relay), [2, 3, 5, 6, 7]);
    let tally = relay.tally();
    assert_eq!((tally.up.lost, tally.up.too_large, tally.down.too_large, tally.down.cut), (1, 2, 1, 1));
}

#[test]
fn a_step_counts_from_its_time_and_not_a_microsecond_earlier() {
    let mut relay = relay("1s cut\n2s open");
    let taken = |relay: &mut Relay, micros| {
        let before = relay.tally().up.cut;
        relay.from_client(Instant::from_micros(micros), client(1), b"x");
        relay.tally().up.cut > before
    };
    let cut = [999_999, 1_000_000, 1_999_999, 2_000_000].map(|micros| taken(&mut relay, micros));
    assert_eq!(cut, [false, true, true, false]);
}

#[test]
fn whatever_the_relay_is_asked_first_its_script_was_there_before() {
    let mut relay = relay("1s down cut\n2s rebind");
    let (now, mut buf) = (Instant::from_millis(1500), Vec::new());
    relay.from_client(Instant::ZERO, client(1), b"x");
    relay.from_server(now, Port(1), b"x");
    assert_eq!(relay.tally().down.cut, 1);
    assert_eq!((relay.poll_output(at(2), &mut buf), relay.tally().up.stale), (None, 1));
}

#[test]
fn the_relay_wakes_for_its_script_and_not_after_it() {
    let mut relay = relay("0s delay 5ms\n3s report\n7s loss 5%");
    assert_eq!(lines(&mut relay), [1], "what counts from the start is in force at once");
    assert_eq!(relay.poll_timeout(), Some(at(3)));
    relay.handle_timeout(at(3));
    assert_eq!(relay.poll_timeout(), Some(at(7)));
    relay.handle_timeout(at(7));
    assert!(relay.poll_timeout().is_some_and(|due| due > at(7)));
}

#[test]
fn steps_told_late_happen_in_their_order_at_their_times() {
    let mut relay = relay("1s rebind-every 10s\n25s rebind-every none\n26s dup 1%\n27s report end");
    assert_eq!(passes(&mut relay, Instant::ZERO, 1), [true, true]);
    relay.handle_timeout(at(5));
    assert_eq!((lines(&mut relay), relay.tally().rebound), (vec![1], 0));
    assert_eq!(relay.poll_timeout(), Some(at(10)), "the idle check; the rebinding is due at 11 s");
    relay.from_client(at(11), client(1), b"x");
    assert_eq!((relay.tally().rebound, relay.tally().ports), (1, 2));
    // At 21 s, once.
    relay.handle_timeout(at(100));
    assert_eq!(relay.tally().rebound, 2);
    let events: Vec<_> = std::iter::from_fn(|| relay.poll_event()).collect();
    let [Event::Changed(every), Event::Changed(dup), Event::Changed(last), report, end] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!([every.line, dup.line, last.line], [2, 3, 4]);
    assert_eq!(last.to_string(), "27s report end");
    assert_eq!(report, &Event::Report(Duration::from_secs(27), Box::new(relay.tally())));
    assert_eq!(end, &Event::End);
}

#[test]
fn a_script_rebinds_and_forgets_the_silent() {
    let mut relay = relay("1s rebind\n2s idle 100ms");
    assert_eq!(passes(&mut relay, Instant::ZERO, 1), [true, true]);
    relay.handle_timeout(at(1));
    assert_eq!((relay.tally().rebound, relay.tally().idle), (1, 0));
    assert!(passes(&mut relay, at(1), 1)[0]);
    relay.handle_timeout(at(2));
    assert_eq!((relay.tally().clients, relay.poll_timeout()), (1, Some(at(2) + ms(10))));
    relay.handle_timeout(at(2) + ms(10));
    assert_eq!((relay.tally().clients, relay.tally().idle), (0, 1));
}

#[test]
fn by_hand_and_by_script_the_same_gate_is_closed() {
    let mut relay = relay("1s up cut\n2s down cut\n3s up open");
    let closed: Vec<_> = (0..4)
        .map(|second| {
            relay.handle_timeout(at(second));
            relay.is_closed()
        })
        .collect();
    assert_eq!(closed, [false, false, true, false]);
    relay.set_closed(false);
    assert_eq!(passes(&mut relay, at(4), 1), [true, true]);
}

#[test]
fn everything_in_a_line_is_done() {
    let text = "1s loss 1% dup 1% reorder 1% reorder-by 1ms corrupt 1% delay 1ms jitter 1ms rate 1 queue 1 max-size 1 \
                cut open rebind rebind-every 1s idle 1s report end";
    let mut relay = relay(text);
    relay.handle_timeout(at(1));
    let events: Vec<_> = std::iter::from_fn(|| relay.poll_event()).collect();
    assert!(matches!(&events[..], [Event::Changed(_), Event::Report(..), Event::End]), "{events:?}");
}

#[test]
fn a_wrong_script_says_where_and_what_would_be_right() {
    let way = "has no direction: expected it without up or down";
    for (wrong, line, says) in [
        ("loss 5%", 1, "\"loss\" is not a time, for example 20ms or 1m30s; a line is AT [up|down|both] WHAT"),
        ("# first\n\n10 loss 5%", 3, "\"10\" is not a time"),
        ("10s", 1, "nothing happens here: expected AT [up|down|both] WHAT"),
        ("10s both  # loss 5%", 1, "nothing happens here"),
        ("10s side loss 5%", 1, "\"side\" is not known: expected cut, open,"),
        ("1s up down loss 5%", 1, "\"down\" is not known"),
        ("10s loss", 1, "nothing stands behind loss: expected a share"),
        ("10s loss 5% delay soon", 1, "\"soon\" is no value of delay: expected a time"),
        ("10s up rebind", 1, &format!("rebind {way}")),
        ("10s down end", 1, &format!("end {way}")),
        ("10s up report", 1, &format!("report {way}")),
        ("10s up idle 5s", 1, &format!("idle {way}")),
        ("10s up rebind-every 5s", 1, &format!("rebind-every {way}")),
        ("10s rebind-every 0s", 1, "expected a time from 1ms on"),
        ("10s cut\n5s open", 2, "it is earlier than line 1: expected a time from 10s on"),
        ("1s end\n2s open", 2, "the script ends in line 1: expected nothing behind it"),
    ] {
        let error = wrong.parse::<Script>().unwrap_err();
        assert_eq!(error.line, line, "{wrong}: {error}");
        assert!(error.to_string().contains(says), "{wrong}: {error}");
    }
    for right in ["", "\n# nothing\n", "1s cut\n1s open", "1s both rebind\r\n2s end\r\n"] {
        assert!(right.parse::<Script>().is_ok(), "{right}");
    }
}
