//! Hosts that send no heartbeats for a while.

use hms::wire::AnnounceEvent::Up;
use hms::wire::Settings;

use super::told::{ATLAS, REALM, Story};

const GAP: &str = "hms.expert.heartbeat_gap";

fn one(frame: u64, text: &str) -> Vec<(u64, String)> {
    vec![(frame, text.to_owned())]
}

#[test]
fn heartbeats_that_are_missing_are_told_in_check_times() {
    let mut story = Story::default();
    story.registered(0, 2000).heartbeat(1000, 1).heartbeat(3000, 2).heartbeat(9500, 3).heartbeat(11_500, 4);
    assert_eq!(story.remarks(GAP), one(4, "no heartbeat for 3 check times (6.500000000 s)"));
}

#[test]
fn two_check_times_are_the_first_that_are_told() {
    let mut story = Story::default();
    story.registered(0, 2000).heartbeat(1000, 1).heartbeat(4999, 2).heartbeat(8999, 3);
    assert_eq!(story.remarks(GAP), one(4, "no heartbeat for 2 check times (4.000000000 s)"));
}

#[test]
fn without_a_check_time_no_gap_is_known() {
    let mut story = Story::default();
    story.heartbeat(0, 1).heartbeat(100_000, 2);
    assert_eq!(story.remarks(GAP), []);
    let (text, json) = story.stats();
    assert_eq!(json["sessions"][0]["longest_gap_s"], "100.000000000");
    assert!(text.contains("heard 0.0 s before the end"), "{text}");
}

#[test]
fn a_check_time_that_changes_counts_from_then_on() {
    let mut story = Story::default();
    let longer = Settings { check_time_ms: Some(5000), ..Settings::default() };
    story.registered(0, 2000).heartbeat(1000, 1).ack(1001, 1, longer).heartbeat(6000, 2).heartbeat(16_000, 3);
    assert_eq!(story.remarks(GAP), one(5, "no heartbeat for 2 check times (10.000000000 s)"));
}

#[test]
fn a_heartbeat_that_is_said_again_fills_no_gap() {
    let mut story = Story::default();
    story.registered(0, 2000).heartbeat(1000, 7).heartbeat(4000, 7).heartbeat(7000, 8);
    assert_eq!(story.remarks(GAP), one(4, "no heartbeat for 3 check times (6.000000000 s)"));
}

#[test]
fn who_is_silent_at_the_end_is_told_apart_from_who_left() {
    // Others go on: the capture lasts longer than the host.
    let silent = |last: u32| {
        let mut story = Story::default();
        story.registered(0, 2000).heartbeat(1000, 1).heartbeat(3000, 2);
        story.announces(last, REALM, ATLAS, Up);
        story.stats()
    };
    let (text, json) = silent(9000);
    let session = &json["sessions"][0];
    assert_eq!(session["now"], "no heartbeat for 3 check times (6.0 s)");
    assert_eq!((&session["heartbeats"], &session["ended"]), (&2.into(), &false.into()));
    assert!(text.contains("no heartbeat for 3 check times (6.0 s)"), "{text}");
    let (text, _) = silent(8999);
    assert!(text.contains("heard 5.9 s before the end"), "{text}");

    let mut story = Story::default();
    story.registered(0, 2000).heartbeat(1000, 1).left(3500, 2).announces(90_000, REALM, ATLAS, Up);
    let (text, json) = story.stats();
    assert_eq!(json["sessions"][0]["now"], "ended");
    assert!(!text.contains("no heartbeat for"), "{text}");
}
