//! Snapshots: whole or not at all.

use super::{address, content, name};
use crate::ident::{
    Epoch, Generation, Incarnation, InstanceId, Order, RealmId, ServerId, SessionId, Stamp, UserId,
};
use crate::storage::{
    Place, Snapshot, SnapshotEnded, SnapshotHeader, SnapshotRow, SnapshotWriter, StorageError,
};
use crate::time::UnixMillis;
use crate::wire::View;

const HEADER: SnapshotHeader = SnapshotHeader {
    server: ServerId(0x0102_0304_0506_0708),
    incarnation: Incarnation(9),
    stamp_clock: 10 << 16,
    wall: UnixMillis(1_700_000_000_123),
};

fn row(number: u64) -> SnapshotRow {
    SnapshotRow {
        realm: RealmId(5),
        epoch: Epoch(1),
        user: UserId(number.to_be_bytes()),
        generation: Generation(2),
        session: SessionId(3 + number),
        stamp: Stamp(4 << 16),
        server: ServerId(5),
        instance: InstanceId(6),
        content_version: 7,
        content: content().to_bytes().into(),
        view: match number % 4 {
            0 => View::None,
            1 => View::Realm,
            2 => View::Group(name("board:1")),
            _ => View::Named(vec![UserId([1; 8]); 64]),
        },
        push: number.is_multiple_of(2),
        address: [None, Some(address("10.1.0.5:40001")), Some(address("[2001:db8::5]:1"))]
            [number as usize % 3],
        since: 1_700_000_000,
        check_time_ms: 30_000,
        sequence: 9 + number,
    }
}

fn ended(number: u64) -> SnapshotEnded {
    SnapshotEnded {
        realm: RealmId(5),
        user: UserId(number.to_be_bytes()),
        order: Order {
            generation: Generation(1),
            stamp: Stamp(number),
            server: ServerId(3),
            session: SessionId(number + 1),
        },
        left_ms: 285_000,
    }
}

fn written(rows: &[SnapshotRow]) -> Vec<u8> {
    with_ended(rows, &[])
}

fn with_ended(rows: &[SnapshotRow], ended: &[SnapshotEnded]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = SnapshotWriter::begin(&HEADER, &mut out);
    rows.iter().for_each(|row| writer.row(row, &mut out));
    ended.iter().for_each(|one| writer.ended(one, &mut out));
    writer.end(&mut out);
    out
}

fn error(bytes: &[u8]) -> StorageError {
    let error = Snapshot::from_bytes(bytes).expect_err("an error");
    assert!(matches!(error.place, Place::Offset(at) if at <= bytes.len()), "{error}");
    error
}

#[test]
fn snapshots_go_there_and_back() {
    for count in [0, 1, 12, 500] {
        for left in [0, 1, 1000] {
            let (rows, ended): (Vec<_>, Vec<_>) =
                ((0..count).map(row).collect(), (0..left).map(ended).collect());
            let bytes = with_ended(&rows, &ended);
            assert_eq!(Snapshot::from_bytes(&bytes), Ok(Snapshot { header: HEADER, rows, ended }));
        }
    }
}

/// As version 1 wrote it: its rows had no sequence, and nothing was known of sessions that ended.
#[test]
fn the_format_before_is_read() {
    let hex = include_str!("snapshot_1.hex");
    let bytes: Vec<u8> = hex
        .trim()
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let text = std::str::from_utf8(pair).expect("text");
            u8::from_str_radix(text, 16).expect("hexadecimal")
        })
        .collect();
    let rows = [0, 1, 2, 3].map(|number| SnapshotRow { sequence: 0, ..row(number) }).to_vec();
    assert_eq!(Snapshot::from_bytes(&bytes), Ok(Snapshot { header: HEADER, rows, ended: Vec::new() }));
    let mut taken = bytes;
    taken[7] = 2;
    assert!(error(&taken).to_string().contains("damaged"));
}

#[test]
fn the_buffer_may_be_emptied_at_any_time() {
    let rows: Vec<_> = (0..500).map(row).collect();
    let (mut file, mut out) = (Vec::new(), Vec::new());
    let mut writer = SnapshotWriter::begin(&HEADER, &mut out);
    for row in &rows {
        writer.row(row, &mut out);
        assert!(out.len() < 32 * 1024, "a page at a time");
        file.append(&mut out);
    }
    writer.end(&mut file);
    assert_eq!(file, written(&rows));
}

#[test]
fn no_cut_is_taken() {
    let bytes = with_ended(&[row(0), row(1), row(2)], &[ended(0), ended(1)]);
    for end in 0..bytes.len() {
        let text = error(bytes.split_at(end).0).to_string();
        let expected = if end < 7 { "does not begin like a snapshot" } else { "it is torn" };
        assert!(text.contains(expected), "{end} bytes: {text}");
        assert!(text.contains("the table starts empty, and hosts come back by themselves"), "{text}");
    }
}

#[test]
fn no_flipped_byte_is_taken() {
    let bytes = with_ended(&[row(0), row(1), row(2)], &[ended(0), ended(1)]);
    for at in 0..bytes.len() {
        for flip in 1..=255 {
            let mut wrong = bytes.clone();
            wrong[at] ^= flip;
            assert_eq!(error(&wrong).other_format, at == 7 && wrong[at] != 1, "byte {at}");
        }
    }
}

#[test]
fn nothing_may_stand_behind_the_end() {
    let mut bytes = written(&[row(0)]);
    bytes.push(0);
    assert!(error(&bytes).to_string().contains("bytes behind the end"));
}

/// The offsets at which pages begin, with their kinds.
fn pages(bytes: &[u8]) -> Vec<(usize, u8)> {
    let mut at = 8;
    let mut pages = Vec::new();
    while let Some((&[kind, a, b, c, d], _)) = bytes.split_at(at).1.split_first_chunk::<5>() {
        pages.push((at, kind));
        at += 5 + u32::from_be_bytes([a, b, c, d]) as usize + 8;
    }
    assert_eq!(at, bytes.len());
    pages
}

#[test]
fn pages_cannot_be_left_out_doubled_or_mixed() {
    let rows: Vec<_> = (0..300).map(row).collect();
    let bytes = with_ended(&rows, &(0..1000).map(ended).collect::<Vec<_>>());
    let pages = pages(&bytes);
    assert!(pages.len() >= 8, "{pages:?}");
    for pair in pages.windows(2) {
        let &[(from, _), (to, _)] = pair else { panic!("a pair") };
        let (head, page, tail) = (&bytes[..from], &bytes[from..to], &bytes[to..]);
        error(&[head, tail].concat());
        error(&[head, page, page, tail].concat());
    }
    let other: Vec<_> = (1..301).map(row).collect();
    let other = written(&other);
    let at = pages[3].0;
    let mixed = [&bytes[..at], &other[at..]].concat();
    error(&mixed);
}

#[test]
fn another_format_is_named() {
    let mut bytes = written(&[]);
    bytes[7] = 3;
    let text = error(&bytes).to_string();
    assert!(text.contains("format 3") && text.contains("(byte 7)"), "{text}");
}

#[test]
fn no_length_makes_it_allocate() {
    let mut bytes = b"hmssnap\x02\x01".to_vec();
    bytes.extend_from_slice(&u32::MAX.to_be_bytes());
    assert!(error(&bytes).to_string().contains("torn"));
}
