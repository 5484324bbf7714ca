//! The line that says how far a long run is.

#![expect(clippy::disallowed_methods, reason = "any time will do")]

use std::time::{Duration, Instant};

use crate::capture::Source;
use crate::progress::{Aside, Progress};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn it_comes_after_a_while_and_a_few_times_a_second() {
    let begin = Instant::now();
    let mut progress = Progress::new(Source::at(70, Some(200)), begin);
    assert_eq!(progress.at(begin + ms(499), 10), None);
    assert_eq!(progress.at(begin + ms(500), 4096).as_deref(), Some(" 35 %, 4096 packets"));
    assert_eq!(progress.at(begin + ms(700), 8192), None);
    let shown = (500..2500).filter(|at| progress.at(begin + ms(*at), 9000).is_some());
    assert_eq!(shown.count(), 7);
}

#[test]
fn of_a_pipe_only_the_packets_are_known() {
    let begin = Instant::now();
    let mut progress = Progress::new(Source::at(70, None), begin);
    assert_eq!(progress.at(begin + ms(500), 4096).as_deref(), Some("4096 packets"));
    // A file may grow while it is read.
    let mut progress = Progress::new(Source::at(300, Some(200)), begin);
    assert_eq!(progress.at(begin + ms(500), 4096).as_deref(), Some("100 %, 4096 packets"));
}

#[test]
fn it_is_erased_before_anything_else_is_said() {
    let long_ago = Instant::now() - ms(600);
    let mut out = Vec::new();
    let mut aside = Aside::new(&mut out, "x.pcap", Some(Progress::new(Source::at(1, Some(2)), long_ago)));
    aside.packet(4095);
    aside.packet(4096);
    aside.note("first");
    aside.note("second");
    aside.end();
    let expected =
        "\r\x1b[K 50 %, 4096 packets\r\x1b[Khms-dissect: x.pcap: first\nhms-dissect: x.pcap: second\n";
    assert_eq!(String::from_utf8(out).expect("text"), expected);
}

#[test]
fn without_a_terminal_there_are_only_notes_and_not_all_of_them() {
    let mut out = Vec::new();
    let mut aside = Aside::new(&mut out, "x.pcap", None);
    (0..100_000).for_each(|number| aside.packet(number));
    (0..25).for_each(|_| aside.note("wrong"));
    aside.end();
    let text = String::from_utf8(out).expect("text");
    assert_eq!(text.lines().count(), 21);
    assert!(
        text.ends_with("hms-dissect: x.pcap: 5 more packets like these\n") && !text.contains('\r'),
        "{text}"
    );
}
