//! The snapshot of an HMS: raw bytes, and rows behind right checksums. What is read is written the same, and an HMS
//! can begin with it.

use hms::ident::{Incarnation, ServerId};
use hms::server::{Server, ServerSettings, Setup};
use hms::storage::{Snapshot, SnapshotHeader, SnapshotRow, SnapshotWriter};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;
use ring::digest;

use super::keys::{EPOCH, REALM, cluster, facts, name};

const HEADER: SnapshotHeader = SnapshotHeader {
    server: ServerId(9),
    incarnation: Incarnation(1),
    stamp_clock: 1 << 40,
    wall: UnixMillis(1_700_000_000_000),
};

pub(super) fn run(data: &[u8]) {
    if let Ok(snapshot) = read(data) {
        begin_with(snapshot);
    }
    let Some((count, rows)) = data.split_first() else { return };
    if let Ok(snapshot) = read(&paged(rows, u64::from(*count))) {
        assert_eq!(snapshot.rows.len(), usize::from(*count));
        begin_with(snapshot);
    }
}

fn read(bytes: &[u8]) -> Result<Snapshot, ()> {
    let snapshot = Snapshot::from_bytes(bytes).map_err(|error| assert!(!error.to_string().is_empty()))?;
    let again = written(&snapshot.header, &snapshot.rows);
    assert_eq!(Snapshot::from_bytes(&again).as_ref(), Ok(&snapshot), "written and read");
    Ok(snapshot)
}

pub(super) fn written(header: &SnapshotHeader, rows: &[SnapshotRow]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = SnapshotWriter::begin(header, &mut bytes);
    rows.iter().for_each(|row| writer.row(row, &mut bytes));
    writer.end(&mut bytes);
    bytes
}

/// A snapshot with this page of rows, all checksums right.
fn paged(rows: &[u8], count: u64) -> Vec<u8> {
    let mut bytes = written(&HEADER, &[]);
    // The end is a page of 8 bytes: kind, length, number, checksum.
    bytes.truncate(bytes.len() - 21);
    let mut sum: [u8; 8] = bytes[bytes.len() - 8..].try_into().expect("the header's checksum");
    for (kind, payload) in [(2, rows), (3, count.to_be_bytes().as_slice())] {
        let head = [&[kind], (payload.len() as u32).to_be_bytes().as_slice()].concat();
        let covered = [b"hms1 snap".as_slice(), &sum, &head, payload].concat();
        sum = digest::digest(&digest::SHA256, &covered).as_ref()[..8].try_into().expect("eight bytes");
        bytes.extend([head.as_slice(), payload, &sum].concat());
    }
    bytes
}

/// An HMS that serves the realm of these rows takes what it can, and can tell it again.
fn begin_with(mut snapshot: Snapshot) {
    for (at, row) in snapshot.rows.iter_mut().enumerate() {
        // Half of them in the realm that is served, whatever the bytes say: else none ever is.
        if at % 2 == 0 {
            (row.realm, row.epoch) = (REALM, EPOCH);
        }
    }
    let usual = snapshot.rows.iter().all(|row| row.check_time_ms <= 30_000);
    let mut now = Instant::from_secs(1000);
    let mut server = Server::new(
        now,
        Setup {
            name: name("atlas"),
            server: snapshot.header.server,
            incarnation: Incarnation(2),
            seed: [1; 32],
            settings: ServerSettings::default(),
            facts: facts(),
            link_secret: LinkSecret::cluster(&[8; 32]),
            default_realm: Some(REALM),
            cluster: cluster(),
            stamp_base: snapshot.header.stamp_clock,
            wall: snapshot.header.wall,
            rows: snapshot.rows,
        },
    );
    let shown = server.hosts(now, None).expect("all realms");
    assert!(shown.iter().all(|row| row.status == "unconfirmed"), "nobody was heard yet");
    let (rows, next) = server.snapshot_rows(None, 1000);
    assert!(rows.len() == shown.len() && next.is_none());
    let bytes = written(&server.snapshot_header(now), &rows);
    let again = Snapshot::from_bytes(&bytes).expect("an HMS reads its own snapshot");
    assert_eq!(again.rows, rows);
    for _ in 0..100 {
        now += Duration::from_secs(1);
        server.handle_timeout(now);
    }
    assert!(!usual || server.status(now).hosts.known == 0, "nobody came back within an expiry");
}
