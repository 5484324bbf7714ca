use super::ms;
use crate::relay::{Chance, Cut, Faults, Settings, Way, span};
use crate::time::{Duration, Instant};

#[test]
fn cuts_are_read_and_hold_when_they_say() {
    let cut: Cut = "up:10s+5s/20s".parse().unwrap();
    let holds = |s: u64| cut.holds(Way::Up, Instant::from_secs(100), Instant::from_secs(100 + s));
    let expected = [(9, false), (10, true), (14, true), (15, false), (29, false), (30, true), (35, false)];
    for (at, is) in expected {
        assert_eq!(holds(at), is, "at {at} s");
    }
    assert!(!cut.holds(Way::Down, Instant::ZERO, Instant::from_secs(12)));
    let once: Cut = "10s+5s".parse().unwrap();
    assert!(once.holds(Way::Down, Instant::ZERO, Instant::from_secs(12)));
    assert!(!once.holds(Way::Down, Instant::ZERO, Instant::from_secs(32)));
    for wrong in ["", "10s", "side:1s+1s", "1s+x", "1s+5s/5s"] {
        assert!(wrong.parse::<Cut>().is_err(), "{wrong}");
    }
}

#[test]
fn shares_are_read_as_numbers_or_percent() {
    assert_eq!("5%".parse::<Chance>(), "0.05".parse());
    assert_eq!("100%".parse(), Ok(Chance::ALWAYS));
    assert_eq!("0".parse(), Ok(Chance::NEVER));
    for wrong in ["", "%", "x", "-1%", "1.5", "101%", "nan", "inf", "5 % %"] {
        let error = wrong.parse::<Chance>().unwrap_err().to_string();
        assert!(error.contains(&format!("\"{wrong}\"")) && error.contains("for example 5%"), "{error}");
    }
}

#[test]
fn times_are_read_and_none_is_too_long() {
    assert_eq!(span("1m30s"), Ok(Duration::from_secs(90)));
    assert_eq!(span("18446744073709551615s"), Ok(Duration::from_secs(u64::MAX)));
    for wrong in ["", "5", "-5s", "s", "99999999999999999999s", "18446744073709551615s1000ms"] {
        assert!(span(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_fault_can_be_set_in_words() {
    let text =
        "loss 1% dup 2% reorder 3% reorder-by 4ms corrupt 5% delay 6ms jitter 7ms rate 8 queue 9 max-size 10";
    let mut faults = Faults::default();
    text.parse::<Settings>().unwrap().apply(&mut faults);
    let expected = Faults {
        loss: Chance::per_mille(10),
        duplicate: Chance::per_mille(20),
        reorder: Chance::per_mille(30),
        reorder_by: ms(4),
        corrupt: Chance::per_mille(50),
        delay: ms(6),
        jitter: ms(7),
        rate: Some(8),
        queue: 9,
        max_size: Some(10),
    };
    let near = |a: Chance, b: Chance| (a.probability() - b.probability()).abs() < 1e-9;
    assert!(near(faults.loss, expected.loss) && near(faults.duplicate, expected.duplicate), "{faults:?}");
    assert!(near(faults.reorder, expected.reorder) && near(faults.corrupt, expected.corrupt), "{faults:?}");
    let Faults { loss, duplicate, reorder, corrupt, .. } = faults;
    assert_eq!(faults, Faults { loss, duplicate, reorder, corrupt, ..expected });
    "rate none max-size none".parse::<Settings>().unwrap().apply(&mut faults);
    assert_eq!((faults.rate, faults.max_size, faults.queue), (None, None, 9));
}

#[test]
fn wrong_settings_say_what_would_be_right() {
    for (wrong, says) in [
        ("", "expected WHAT VALUE"),
        ("lose 5%", "\"lose\" is not known: expected loss, dup,"),
        ("loss 5% delay", "nothing stands behind delay: expected a time"),
        ("loss 5", "\"5\" is no value of loss: expected a share"),
        ("rate 0", "\"0\" is no value of rate: expected a number of bytes a second from 1 on, or none"),
        ("queue none", "expected a number of bytes"),
        ("max-size -1", "expected a number of bytes, or none"),
        ("cut", "\"cut\" is not known"),
    ] {
        let error = wrong.parse::<Settings>().unwrap_err().to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}
