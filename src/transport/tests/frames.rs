//! Frames both ways.

use proptest::prelude::*;

use crate::time::Duration;
use crate::transport::ack::ack_of;
use crate::transport::event::Priority;
use crate::transport::frame::{Frame, Frames, Malformed};
use crate::transport::ranges::Ranges;

fn all(space: &mut [u8; 248]) -> Vec<Frame<'_>> {
    let ranges = [(90, 100), (50, 60), (7, 8), (0, 5)];
    let ack = ack_of(ranges.into_iter(), Duration::from_micros(1234), space).expect("an ACK");
    vec![
        Frame::Ping,
        Frame::Ack(ack),
        Frame::Message { stream: Priority::Deltas, offset: 0x1234_5678_9abc, bytes: b"some bytes" },
        Frame::Credit { stream: Priority::Bulk, limit: 1 << 45 },
        Frame::Close { code: 7, reason: "Größe" },
        Frame::Extension(0x81),
        Frame::Padding,
    ]
}

#[test]
fn frames_both_ways_and_every_prefix() {
    shows!("R-TRN-33", "R-TRN-34");
    let mut space = [0; 248];
    for frame in all(&mut space) {
        let mut bytes = Vec::new();
        frame.emit(&mut bytes);
        assert_eq!(Frames::new(&bytes).collect::<Vec<_>>(), [Ok(frame)]);
        for end in 1..bytes.len() {
            let malformed = Malformed { code: bytes[0], at: 0 };
            assert_eq!(Frames::new(&bytes[..end]).last(), Some(Err(malformed)), "{end} bytes of {frame:?}");
        }
    }
}

#[test]
fn what_is_no_frame_is_named_with_its_place() {
    shows!("R-TRN-72");
    let bytes = [1, 0, 4, 2, 0, 0, 0, 0, 0, 1, 0x7f, 1];
    let malformed = Frames::new(&bytes).last().expect("something").expect_err("no frame");
    assert_eq!(malformed.to_string(), "frame 0x7f at byte 10 cannot be read");
}

#[test]
fn only_padding_ack_and_close_ask_for_no_ack() {
    shows!("R-TRN-40");
    let mut space = [0; 248];
    let eliciting: Vec<bool> = all(&mut space).iter().map(Frame::eliciting).collect();
    assert_eq!(eliciting, [true, false, true, true, false, true, false]);
}

#[test]
fn ack_ranges_are_told_from_the_highest_down() {
    shows!("R-TRN-34");
    let mut space = [0; 248];
    let ranges = [(90, 100), (50, 60), (7, 8), (0, 5)];
    let ack = ack_of(ranges.into_iter(), Duration::ZERO, &mut space).expect("an ACK");
    assert_eq!(ack.ranges().collect::<Vec<_>>(), [(90, 99), (50, 59), (7, 7), (0, 4)]);
    let many = (0..50u64).rev().map(|n| (n * 10, n * 10 + 3));
    let mut space = [0; 248];
    assert_eq!(ack_of(many, Duration::ZERO, &mut space).expect("an ACK").ranges().count(), 32);
}

proptest! {
    #[test]
    fn random_frames_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), code in 0u8..7) {
        let bytes = [&[code][..], &bytes].concat();
        prop_assert!(Frames::new(&bytes).count() <= bytes.len());
    }

    #[test]
    fn ranges_are_a_set(ops in proptest::collection::vec((any::<bool>(), 0u64..60, 0u64..20), 0..60)) {
        let (mut ranges, mut set) = (Ranges::new(), std::collections::BTreeSet::new());
        for (insert, start, len) in ops {
            if insert {
                let more = ranges.adds_one(start, start + len);
                let before = ranges.len();
                ranges.insert(start, start + len);
                prop_assert!(!more || ranges.len() == before + 1);
                prop_assert!(more || ranges.len() <= before);
                set.extend(start..start + len);
            } else {
                ranges.remove(start, start + len);
                set.retain(|n| !(start..start + len).contains(n));
            }
            let flat: Vec<u64> = ranges.upwards().flat_map(|(s, e)| s..e).collect();
            prop_assert_eq!(&flat, &set.iter().copied().collect::<Vec<_>>());
            prop_assert!((0..90).all(|n| ranges.contains(n) == set.contains(&n)));
            let touching = ranges.upwards().zip(ranges.upwards().skip(1)).any(|(a, b)| a.1 >= b.0);
            prop_assert!(!touching);
            let mut space = [0; 248];
            if let Some(ack) = ack_of(ranges.downwards(), Duration::ZERO, &mut space) {
                let told: Vec<_> = ack.ranges().map(|(low, high)| (low, high + 1)).collect();
                prop_assert_eq!(told, ranges.downwards().take(32).collect::<Vec<_>>());
            }
        }
    }
}
