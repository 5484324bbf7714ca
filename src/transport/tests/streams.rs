//! Streams by themselves.

use crate::transport::event::{Priority, SendError};
use crate::transport::limits::{BULK_WAITING, MESSAGE_MAX, WINDOWS};
use crate::transport::receiving::{Receiving, Refused};
use crate::transport::sending::Sending;

#[test]
fn a_full_stream_takes_nothing_and_tells_of_room_once() {
    shows!("R-TRN-63", "R-TRN-62");
    for (stream, most) in
        [(Priority::Control, WINDOWS[0]), (Priority::Deltas, WINDOWS[1]), (Priority::Bulk, BULK_WAITING)]
    {
        let mut out = Sending::new(stream);
        let mut taken = 0;
        while out.push(&[1; 996]).is_ok() {
            taken += 1000;
        }
        assert!(taken <= most && taken + 1000 > most);
        assert_eq!(out.unacknowledged(), taken);
        assert_eq!(out.push(&[1; 60_000]), Err(SendError::Full));
        assert!(!out.writable());
        let mut at = 0;
        while at < taken / 2 + 2000 {
            let (start, len) = out.next(1100).expect("bytes");
            at = start + u64::from(len);
        }
        out.acknowledge(0, at);
        assert!(out.writable() && !out.writable());
        // Whoever is told of room can send the longest message: else it would be refused and told for ever.
        assert_eq!(out.push(&[1; MESSAGE_MAX]), Ok(()));
    }
}

#[test]
fn what_is_lost_goes_before_what_is_new_and_what_arrived_never_again() {
    shows!("R-TRN-36", "R-TRN-42", "R-TRN-44");
    let mut out = Sending::new(Priority::Deltas);
    out.push(&[1; 5000]).expect("room");
    let pieces: Vec<_> = (0..4).map(|_| out.next(1000).expect("bytes")).collect();
    assert_eq!(pieces, [(0, 1000), (1000, 1000), (2000, 1000), (3000, 1000)]);
    out.acknowledge(2000, 3000);
    out.lose(1000, 4000);
    assert_eq!(out.next(600), Some((1000, 600)));
    assert_eq!(out.next(600), Some((1600, 400)));
    assert_eq!(out.next(2000), Some((3000, 1000)));
    // A late ACK of what was to be sent again.
    out.lose(0, 1000);
    out.acknowledge(0, 1000);
    assert_eq!(out.next(2000), Some((4000, 1004)));
    assert!(!out.has_work());
}

#[test]
fn nothing_is_sent_beyond_the_credit() {
    shows!("R-TRN-60");
    let mut out = Sending::new(Priority::Bulk);
    let window = WINDOWS[2];
    let mut at = 0;
    while at < window {
        while out.push(&[1; 8000]).is_ok() {}
        let Some((start, len)) = out.next(60_000) else { break };
        at = start + u64::from(len);
        assert!(at <= window);
        out.acknowledge(start, at);
    }
    assert_eq!(at, window);
    while out.push(&[1; 8000]).is_ok() {}
    assert!(!out.has_work());
    out.credit(window - 5);
    assert!(!out.has_work(), "a lower limit is ignored");
    out.credit(window + 7);
    assert_eq!(out.next(100), Some((window, 7)));
}

#[test]
fn credit_is_due_at_a_quarter_of_the_window() {
    shows!("R-TRN-61");
    let window = WINDOWS[0];
    let mut inward = Receiving::new(Priority::Control);
    let message = [&1020u32.to_be_bytes()[..], &[0; 1020]].concat();
    for n in 0..window / 1024 {
        assert_eq!(inward.check(n * 1024, 1024), Ok(()));
        inward.take(n * 1024, &message);
    }
    assert_eq!(inward.check(window, 1), Err(Refused::Credit));
    for _ in 0..window / 4096 - 1 {
        assert_eq!(inward.message().map(|m| m.len()), Some(1020));
    }
    assert!(!inward.credit().1);
    inward.message().expect("a message");
    assert_eq!(inward.credit(), (window + window / 4, true));
    inward.granted(window + window / 4);
    assert!(!inward.credit().1);
    assert_eq!(inward.check(window, 1024), Ok(()));
}

#[test]
fn bytes_in_any_order_and_twice_make_the_same_messages() {
    shows!("R-TRN-35");
    let bytes: Vec<u8> = [&[0, 0, 0, 5][..], b"hello", &[0, 0, 0, 0], &[0, 0, 0, 3], b"you"].concat();
    for cut in 1..bytes.len() - 1 {
        let mut inward = Receiving::new(Priority::Bulk);
        let (first, second) = bytes.split_at(cut);
        inward.take(cut as u64, second);
        inward.take(cut as u64, second);
        assert_eq!(inward.message(), None);
        inward.take(0, first);
        inward.take(0, &bytes);
        assert_eq!(inward.message().as_deref(), Some(&b"hello"[..]));
        assert_eq!(inward.message().as_deref(), Some(&b""[..]));
        assert_eq!(inward.message().as_deref(), Some(&b"you"[..]));
        assert_eq!(inward.message(), None);
    }
}
