//! What a peer that has the secret must not do.

use super::hostile::Hostile;
use super::world::{endpoint, message};
use crate::time::{Duration, Instant};
use crate::transport::ack::ack_of;
use crate::transport::drops::DropReason;
use crate::transport::event::Priority;
use crate::transport::frame::{Frame, Frames};
use crate::transport::limits::{MEMORY_MAX, NUMBER_END, STREAM_RANGES, WINDOWS};
use crate::transport::{CloseCode, CloseReason, Endpoint, Event, LinkId, SendError};

const NOW: Instant = Instant::from_secs(100);

fn met() -> (Endpoint, Hostile, LinkId) {
    let (mut endpoint, mut peer) = (endpoint(0, 1, 1), Hostile::new(9, 1, 77));
    let link = peer.meet(&mut endpoint, NOW);
    (endpoint, peer, link)
}

/// The link ends with this code, and says so.
fn ends(endpoint: &mut Endpoint, peer: &mut Hostile, answers: Vec<Vec<u8>>, code: CloseCode) {
    let last = answers.last().expect("a CLOSE").clone();
    let (_, frames) = peer.open(&last);
    let closes = |frame: Frame<'_>| {
        let said = |reason: &str| reason.is_empty() || reason.ends_with("cannot be read");
        matches!(frame, Frame::Close { code: c, reason } if c == code.0 && said(reason))
    };
    assert!(Frames::new(&frames).flatten().any(closes), "{frames:?}");
    let ends = std::iter::from_fn(|| endpoint.poll_event()).last();
    assert!(matches!(ends, Some((_, Event::Closed(CloseReason::Here(c)))) if c == code), "{ends:?}");
}

fn violates(frames: &[u8], code: CloseCode) {
    let (mut endpoint, mut peer, _) = met();
    let answers = peer.send_bytes(&mut endpoint, NOW, frames).expect("taken");
    ends(&mut endpoint, &mut peer, answers, code);
}

#[test]
fn what_cannot_be_read_ends_the_link() {
    shows!("R-TRN-33", "R-TRN-72");
    for frames in [
        &[0x06][..],
        &[0x7f, 0, 0],
        &[0x03, 3, 0, 0, 0, 0, 0, 0, 0, 1, 5],
        &[0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x03, 0, 0x40, 0, 0, 0, 0, 0, 0, 1, 5],
        &[0x04, 0, 0x40, 0, 0, 0, 0, 0],
        &[0x80, 0, 200, 1],
        &[0x02, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        &[0x05, 0, 0, 1, 0xff],
    ] {
        violates(frames, CloseCode::MALFORMED);
    }
}

#[test]
fn nothing_of_a_packet_with_a_fault_is_used() {
    shows!("R-TRN-33");
    let (mut endpoint, mut peer, link) = met();
    let mut frames = Vec::new();
    let bytes = [&[0, 0, 0, 2][..], b"hi"].concat();
    Frame::Message { stream: Priority::Control, offset: 0, bytes: &bytes }.emit(&mut frames);
    frames.push(0x7f);
    peer.send_bytes(&mut endpoint, NOW, &frames).expect("taken");
    let told: Vec<_> = std::iter::from_fn(|| endpoint.poll_event()).collect();
    assert_eq!(told, [(link, Event::Closed(CloseReason::Here(CloseCode::MALFORMED)))]);
}

#[test]
fn an_extension_is_skipped_and_acknowledged() {
    shows!("R-TRN-33");
    let (mut endpoint, mut peer, link) = met();
    let answers = peer.send_bytes(&mut endpoint, NOW, &[0x90, 0, 3, 1, 2, 3]).expect("taken");
    let (_, frames) = peer.open(answers.last().expect("an ACK"));
    assert!(matches!(Frames::new(&frames).next(), Some(Ok(Frame::Ack(ack))) if ack.largest == 1));
    assert!(endpoint.link(link).is_some_and(|link| link.is_open()));
}

#[test]
fn bytes_beyond_the_credit_end_the_link() {
    shows!("R-TRN-60");
    for stream in Priority::ALL {
        let limit = WINDOWS[stream as usize];
        let mut frames = Vec::new();
        Frame::Message { stream, offset: limit - 2, bytes: &[1, 2, 3] }.emit(&mut frames);
        violates(&frames, CloseCode::CREDIT);
        let (mut endpoint, mut peer, link) = met();
        let fits = Frame::Message { stream, offset: limit - 3, bytes: &[1, 2, 3] };
        peer.send(&mut endpoint, NOW, &[fits]).expect("taken");
        assert!(endpoint.link(link).is_some_and(|link| link.is_open()));
    }
}

#[test]
fn a_message_that_is_too_long_ends_the_link() {
    shows!("R-TRN-35");
    let mut frames = Vec::new();
    Frame::Message { stream: Priority::Bulk, offset: 0, bytes: &[0, 1, 0, 1] }.emit(&mut frames);
    violates(&frames, CloseCode::MESSAGE);
    // Behind another message it shows when that is taken.
    let (mut endpoint, mut peer, _) = met();
    let bytes = [0, 0, 0, 1, 42, 0xff, 0, 0, 0];
    peer.send(&mut endpoint, NOW, &[Frame::Message { stream: Priority::Bulk, offset: 0, bytes: &bytes }])
        .expect("taken");
    assert!(matches!(endpoint.poll_event(), Some((_, Event::Message(Priority::Bulk, m))) if m == [42]));
    let answers = peer.collect(&mut endpoint, NOW);
    ends(&mut endpoint, &mut peer, answers, CloseCode::MESSAGE);
}

#[test]
fn an_ack_of_what_was_not_sent_ends_the_link() {
    shows!("R-TRN-31");
    let mut space = [0; 31 * 8];
    let ack = ack_of([(0, 1_000_000)].into_iter(), Duration::ZERO, &mut space).expect("an ACK");
    let mut frames = Vec::new();
    Frame::Ack(ack).emit(&mut frames);
    violates(&frames, CloseCode::ACK);
}

#[test]
fn an_ack_of_a_number_that_was_left_out_ends_the_link() {
    shows!("R-TRN-31");
    let (mut endpoint, mut peer, link) = met();
    let mut seen = Vec::new();
    let mut now = NOW;
    let mut space = [0; 31 * 8];
    while seen.len() < 400 {
        now += Duration::from_millis(30);
        let _ = endpoint.send(link, Priority::Deltas, &message(0, 1000));
        endpoint.handle_timeout(now);
        for datagram in peer.collect(&mut endpoint, now) {
            seen.push(peer.open(&datagram).0);
        }
        // Honest ACKs: ranges of what was seen.
        let mut ranges = crate::transport::ranges::Ranges::new();
        seen.iter().for_each(|n| ranges.insert(*n, n + 1));
        if let Some(ack) = ack_of(ranges.downwards(), Duration::ZERO, &mut space) {
            let more = peer.send(&mut endpoint, now, &[Frame::Ack(ack)]).expect("taken");
            more.iter().for_each(|datagram| seen.push(peer.open(datagram).0));
        }
    }
    let left_out: Vec<u64> = (0..*seen.last().expect("some")).filter(|n| !seen.contains(n)).collect();
    println!("left out of {}: {left_out:?}", seen.len());
    assert!((1..=6).contains(&left_out.len()));
    assert!(left_out.windows(2).all(|pair| (64..=320).contains(&(pair[1] - pair[0]))));
    assert!(endpoint.link(link).is_some_and(|link| link.is_open()));
    let lie = left_out[0];
    let ack = ack_of([(lie, lie + 1)].into_iter(), Duration::ZERO, &mut space).expect("an ACK");
    let answers = peer.send(&mut endpoint, now, &[Frame::Ack(ack)]).expect("taken");
    ends(&mut endpoint, &mut peer, answers, CloseCode::ACK);
}

#[test]
fn crumbs_with_gaps_are_bounded() {
    shows!("R-TRN-62");
    let (mut endpoint, mut peer, link) = met();
    let mut refused = 0;
    for n in 0..40_000u64 {
        let frame = Frame::Message { stream: Priority::Bulk, offset: 1 + n * 50, bytes: &[1] };
        refused += u64::from(peer.send(&mut endpoint, NOW, &[frame]) == Err(DropReason::Room));
    }
    let (_, receiving) = endpoint.link(link).expect("a link").memory();
    println!("{receiving} bytes are held after 40000 crumbs, {refused} were refused");
    assert_eq!(refused, 40_000 - STREAM_RANGES as u64);
    assert!(receiving <= MEMORY_MAX);
    // What closes a gap is still taken.
    let head = Frame::Message { stream: Priority::Bulk, offset: 0, bytes: &[0; 50] };
    peer.send(&mut endpoint, NOW, &[head]).expect("taken");
}

#[test]
fn used_up_numbers_end_the_link() {
    shows!("R-TRN-12");
    let (mut endpoint, mut peer, link) = met();
    let mut forged = peer.packet(0, &[1]);
    forged[20] ^= 1;
    assert_eq!(peer.ask(&mut endpoint, NOW, forged.clone()), Err(DropReason::Tag));
    endpoint.link_mut(link).expect("a link").use_up_tags();
    assert_eq!(peer.ask(&mut endpoint, NOW, forged), Err(DropReason::Tag));
    let answers = peer.collect(&mut endpoint, NOW);
    ends(&mut endpoint, &mut peer, answers, CloseCode::USED_UP);

    let (mut endpoint, peer, link) = met();
    endpoint.link_mut(link).expect("a link").use_up_numbers();
    endpoint.send(link, Priority::Control, b"x").expect("room");
    assert_eq!(peer.collect(&mut endpoint, NOW).len(), 1);
    let told = std::iter::from_fn(|| endpoint.poll_event()).last();
    assert!(matches!(told, Some((_, Event::Closed(CloseReason::Here(CloseCode::USED_UP))))), "{told:?}");
}

#[test]
fn a_stream_whose_offsets_are_used_up_ends_the_link() {
    shows!("R-TRN-12");
    for (len, fits) in [(96, true), (97, false)] {
        let (mut endpoint, mut peer, link) = met();
        endpoint.link_mut(link).expect("a link").use_up_offsets(Priority::Deltas, 100);
        let result = endpoint.send(link, Priority::Deltas, &vec![7; len]);
        assert_eq!(result.is_ok(), fits, "{result:?}");
        if fits {
            let (_, frames) = peer.open(&peer.collect(&mut endpoint, NOW)[0]);
            let last = |frame| matches!(frame, Frame::Message { offset, bytes, .. } if offset + bytes.len() as u64 == NUMBER_END - 1);
            assert!(Frames::new(&frames).flatten().any(last));
            assert_eq!(endpoint.send(link, Priority::Deltas, b""), Err(SendError::Closed));
        }
        let answers = peer.collect(&mut endpoint, NOW);
        ends(&mut endpoint, &mut peer, answers, CloseCode::USED_UP);
    }
}
