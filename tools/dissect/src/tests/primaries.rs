//! HMSs that claim to be primary at the same time.

use hms::ident::RealmId;
use hms::wire::AnnounceEvent::{Primary, Up};

use super::told::{ATLAS, BOREALIS, REALM, Story};

const CONFLICT: &str = "hms.expert.primary_conflict";

#[test]
fn two_that_claim_it_in_turn_are_told_with_the_time() {
    let mut story = Story::default();
    for turn in 0..3_u32 {
        let sequence = u64::from(turn) * 2 + 1;
        story.heartbeat(turn * 4000, sequence).says(turn * 4000 + 1, sequence, ATLAS, true);
        story.says(turn * 4000 + 2000, sequence + 1, BOREALIS, true);
    }
    let remarks = story.remarks(CONFLICT);
    assert_eq!(
        remarks.first(),
        Some(&(5, "atlas and borealis both claim to be primary, within 4.000000000 s".into()))
    );
    assert_eq!(remarks.iter().map(|(frame, _)| *frame).collect::<Vec<_>>(), [5, 6, 8, 9]);
    let (text, json) = story.stats();
    let line =
        "two HMSs claimed to be primary between 00:00:00.001000 and 00:00:10.000000: atlas and borealis";
    assert_eq!(text.matches("two HMSs claimed").count(), 1, "{text}");
    assert!(text.contains(line), "{text}");
    assert_eq!(json["experts"]["hms.expert.primary_conflict"], 4);
}

#[test]
fn a_hand_over_is_no_conflict() {
    let mut story = Story::default();
    story.says(0, 1, ATLAS, true).says(1000, 2, ATLAS, true).says(1500, 3, BOREALIS, false);
    story.says(2000, 4, BOREALIS, true).says(2500, 5, ATLAS, false).says(3000, 6, BOREALIS, true);
    assert_eq!(story.remarks(CONFLICT), []);
    assert!(!story.stats().0.contains("claimed to be primary"));
}

#[test]
fn a_hand_over_and_back_later_is_no_conflict() {
    let mut story = Story::default();
    story.says(0, 1, ATLAS, true).says(5000, 2, BOREALIS, true).says(10_001, 3, ATLAS, true);
    assert_eq!(story.remarks(CONFLICT), []);
    // A moment sooner it would have been.
    let mut story = Story::default();
    story.says(0, 1, ATLAS, true).says(5000, 2, BOREALIS, true).says(10_000, 3, ATLAS, true);
    assert_eq!(story.remarks(CONFLICT).len(), 1);
}

#[test]
fn announcements_claim_it_too_in_each_realm_by_itself() {
    let mut story = Story::default();
    story.announces(0, REALM, ATLAS, Primary).announces(1000, REALM, BOREALIS, Primary);
    story.announces(2000, RealmId(8), ATLAS, Primary).announces(3000, REALM, ATLAS, Up);
    assert_eq!(story.remarks(CONFLICT), []);
    story.announces(4000, REALM, ATLAS, Primary);
    assert_eq!(story.remarks(CONFLICT).iter().map(|(frame, _)| *frame).collect::<Vec<_>>(), [5]);
}

#[test]
fn two_conflicts_far_apart_are_two() {
    let mut story = Story::default();
    for begin in [0, 60_000] {
        let sequence = u64::from(begin) + 1;
        story.says(begin, sequence, ATLAS, true).says(begin + 1000, sequence + 1, BOREALIS, true);
        story.says(begin + 2000, sequence + 2, ATLAS, true);
    }
    let (text, _) = story.stats();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("two HMSs claimed")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[1].contains("between 00:01:00.000000 and 00:01:02.000000"), "{text}");
}
