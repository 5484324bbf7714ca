//! `--stats`: counts, answers, what was sent again, what has no answer.

use hms::wire::Settings;

use super::told::{ATLAS, Story};

/// Ten heartbeats a second apart, answered after 1 to 10 ms; the fourth is sent twice, the eighth has no answer, and
/// that with sequence 6 never came by.
fn story() -> Story {
    let mut story = Story::default();
    story.registered(0, 2000);
    let sequences = [1, 2, 3, 4, 5, 7, 8, 9, 10, 11];
    for (turn, sequence) in (1..=10_u32).zip(sequences) {
        story.heartbeat(turn * 1000, sequence);
        let mut asked = turn * 1000;
        if turn == 4 {
            asked += 300;
            story.heartbeat(asked, sequence);
        }
        if turn != 8 {
            story.ack(asked + turn, sequence, Settings::default());
        }
    }
    story
}

#[test]
fn requests_and_their_answers_are_counted_and_timed() {
    let (text, json) = story().stats();
    let beats = &json["types"]["HEARTBEAT"];
    assert_eq!(beats["count"], 11);
    assert_eq!(beats["bytes"], 11 * 68);
    assert_eq!(beats["retransmissions"], 1);
    assert_eq!(beats["answered"], 9);
    assert_eq!(beats["unanswered"], 1);
    // From the last time that it was sent.
    assert_eq!(beats["answer_ns"]["least"], 1_000_000);
    assert_eq!(beats["answer_ns"]["most"], 10_000_000);
    let p50 = beats["answer_ns"]["p50"].as_u64().expect("a time");
    assert!((5_000_000..5_160_000).contains(&p50), "the fifth of nine is 5 ms, to 3 %: {p50}");
    assert_eq!(beats["answer_ns"]["p95"], 10_000_000, "not above the most");
    assert_eq!(json["types"]["ACK"]["count"], 9);
    assert_eq!(json["datagrams"], 21);
    assert_eq!(json["seconds"], "10.010000000");
    assert_eq!(json["experts"]["hms.expert.retransmission"], 1);
    let row = text.lines().find(|line| line.starts_with("HEARTBEAT")).expect("a row");
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(words[..5], ["HEARTBEAT", "11", "748", "1", "1"], "{text}");
    assert_eq!(words[words.len() - 2..], ["10.000", "ms"], "{text}");
    assert!(text.contains("verdicts    none: give --keys"), "{text}");
}

#[test]
fn a_session_has_what_was_not_seen_of_it() {
    let (text, json) = story().stats();
    let [session] = json["sessions"].as_array().expect("a list").as_slice() else { panic!("{text}") };
    assert_eq!(session["heartbeats"], 10, "one that came twice counts once");
    assert_eq!(session["sequences_not_seen"], 1);
    assert_eq!(session["longest_gap_s"], "1.000000000");
    assert_eq!(session["check_time_s"], "2.000000000");
    assert_eq!(session["host"], "10.1.0.9:40000");
    assert_eq!(session["session"], "000000000000004d");
    let row = text.lines().find(|line| line.contains("000000000000004d")).expect("a row");
    let words: Vec<_> = row.split_whitespace().skip(2).collect();
    assert_eq!(
        words,
        ["10.1.0.9:40000", "10", "1.0", "s", "1", "heard", "0.0", "s", "before", "the", "end"],
        "{text}"
    );
}

#[test]
fn a_request_at_the_end_may_still_be_answered() {
    let mut story = Story::default();
    story.heartbeat(0, 1).heartbeat(1000, 2).heartbeat(1500, 3);
    // The first is 1.5 s old, the others a second at most.
    assert_eq!(story.stats().1["types"]["HEARTBEAT"]["unanswered"], 1);
    story.says(2100, 3, ATLAS, true);
    assert_eq!(story.stats().1["types"]["HEARTBEAT"]["unanswered"], 2);
}

#[test]
fn nothing_gives_figures_of_nothing() {
    let (text, json) = Story::default().stats();
    assert_eq!((&json["datagrams"], &json["seconds"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!(json["sessions"], serde_json::json!([]));
    assert!(text.starts_with("capture     0 packets over 0.000000000 s from an unknown time\n"), "{text}");
}
