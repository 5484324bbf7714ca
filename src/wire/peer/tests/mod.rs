//! Every message both ways, and every way in which bytes can be wrong.

mod bent;
mod faults;
mod layouts;
mod limits;
mod normal;
mod rows;
pub(crate) mod samples;
mod shown;
mod writers;

use super::*;
use crate::ident::LineId;
use crate::wire::{Problem, WireError};
use samples::*;

#[test]
fn there_is_a_sample_of_every_type() {
    for kind in PeerKind::ALL {
        let bytes = sample(*kind);
        assert_eq!(read(&bytes).map(|message| message.kind()), Ok(*kind));
    }
}

#[test]
fn what_has_no_lists_is_read_as_it_was_written() {
    for message in plain() {
        let bytes = emitted(&message);
        assert_eq!(PeerMessage::parse(Stream::Control, &bytes).or_else(|_| read(&bytes)), Ok(message));
    }
}

#[test]
fn an_intro_is_read_as_it_was_written() {
    let bytes = sample(PeerKind::Intro);
    let Ok(PeerMessage::Intro(intro)) = read(&bytes) else { panic!("no INTRO") };
    assert_eq!((intro.head, intro.name), (intro_head(), "atlas"));
    let own_addresses =
        [own("10.1.0.1:6710", AddressUse::Hosts), own("[2001:db8::1]:6710", AddressUse::Peers)];
    assert!(intro.addresses().eq(own_addresses));
    assert!(intro.left_lines().eq([LineId(7), LineId(8)]));
}

#[test]
fn a_ping_is_read_as_it_was_written() {
    let bytes = sample(PeerKind::Ping);
    let Ok(PeerMessage::Ping(ping)) = read(&bytes) else { panic!("no PING") };
    assert_eq!(ping.head, ping_head());
    let neighbours: Vec<_> = ping.neighbours().collect();
    assert_eq!(neighbours[0], neighbour(1));
    assert_eq!((neighbours.len(), neighbours[1].phase, neighbours[1].line), (2, Phase::Starting, None));
}

#[test]
fn facts_are_read_as_they_were_written() {
    let bytes = sample(PeerKind::Facts);
    let Ok(PeerMessage::Facts(message)) = read(&bytes) else { panic!("no FACTS") };
    assert_eq!((message.last, message.number), (true, 12));
    assert!(message.facts().eq(facts()));
}

#[test]
fn a_delta_is_read_as_it_was_written() {
    let bytes = sample(PeerKind::Delta);
    let Ok(PeerMessage::Delta(delta)) = read(&bytes) else { panic!("no DELTA") };
    assert_eq!((delta.confirm, delta.all, delta.revision), (true, false, 77));
    let items: Vec<_> = delta.items().collect();
    let rows = rows();
    for (at, (place, row)) in [(0, (1, 0)), (1, (1, 1)), (3, (2, 2))] {
        let Item::Row(under, read) = items[at] else { panic!("no row") };
        assert_eq!((under, read.as_bytes()), (home(place), &rows[row][..]));
    }
    assert_eq!(items[2], Item::Gone(home(1), gone(Ending::Leave)));
    assert_eq!(items[4..], [Item::Gone(home(2), gone(Ending::Expiry)), Item::Root(root())]);
}

#[test]
fn a_page_is_read_as_it_was_written() {
    let bytes = sample(PeerKind::Page);
    let Ok(PeerMessage::Page(page)) = read(&bytes) else { panic!("no PAGE") };
    assert_eq!((page.number, page.after, page.up_to, page.is_last()), (5, cursor(1, 2), Cursor::END, true));
    let rows = rows();
    let items: Vec<_> = page.items().collect();
    let Item::Row(under, row) = items[0] else { panic!("no row") };
    assert_eq!((under, row.as_bytes()), (home(1), &rows[0][..]));
    assert_eq!(items[1..], [Item::Gone(home(1), gone(Ending::Leave))]);
}

#[test]
fn buckets_are_read_as_they_were_written() {
    let bytes = sample(PeerKind::Buckets);
    let Ok(PeerMessage::Buckets(buckets)) = read(&bytes) else { panic!("no BUCKETS") };
    assert_eq!(buckets.home, process(1));
    assert!(buckets.digests().eq(1..=4096));
}

#[test]
fn buckets_count_from_the_highest_bit() {
    shows!("R-PEE-76");
    let map = wanted();
    assert_eq!((map.0[0], map.0[1], map.0[511]), (0x80, 0x40, 0x01));
    assert!((0..4096).filter(|bucket| map.contains(*bucket)).eq([0, 9, 4095]));
    assert!(!BucketMap::ALL.contains(4096) && (0..4096).all(|bucket| BucketMap::ALL.contains(bucket)));
    let mut same = map;
    same.insert(4096);
    assert_eq!(same, map);
}

#[test]
fn an_unknown_type_is_told_from_what_is_malformed() {
    shows!("R-PEE-07");
    for code in 0..=255 {
        if PeerKind::ALL.iter().any(|kind| kind.code() == code) {
            continue;
        }
        for stream in [Stream::Control, Stream::Deltas, Stream::Bulk] {
            for bytes in [&[code][..], &[code, 0, 0xff], &[code; 100]] {
                let error = PeerMessage::parse(stream, bytes).expect_err("no such type");
                assert_eq!(error, WireError { problem: Problem::Type(code), at: 0, content: None });
            }
        }
    }
    let nothing = read(&[]).expect_err("no type at all");
    assert_eq!(nothing.problem, Problem::Truncated("type"));
}

#[test]
fn a_known_type_on_another_stream_is_malformed() {
    shows!("R-PEE-07");
    let streams = [Stream::Control, Stream::Deltas, Stream::Bulk];
    for bytes in all() {
        let taken = streams.map(|stream| PeerMessage::parse(stream, &bytes).map(|_| ()));
        let (fine, wrong): (Vec<_>, Vec<_>) = taken.into_iter().partition(Result::is_ok);
        assert_eq!((fine.len(), wrong.len()), (1, 2));
        wrong.into_iter().for_each(|error| {
            assert_eq!(error.map_err(|e| e.problem), Err(Problem::Stream(bytes[0])));
        });
    }
    let stream = |kind: PeerKind| kind.stream();
    assert_eq!(stream(PeerKind::Done), Some(Stream::Control));
    assert_eq!([PeerKind::Begin, PeerKind::Delta].map(stream), [Some(Stream::Deltas); 2]);
    assert_eq!([PeerKind::Buckets, PeerKind::Page].map(stream), [Some(Stream::Bulk); 2]);
}

#[test]
fn secrets_are_not_printed() {
    for (kind, secrets) in [(PeerKind::Admit, ["17, 17", "102, 102"]), (PeerKind::Facts, ["51, 51", "0x33"])]
    {
        let bytes = sample(kind);
        let text = format!("{:?}", read(&bytes));
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
    let text = format!("{:?}", facts());
    assert!(text.contains("acme") && !text.contains("51, 51"), "{text}");
}
