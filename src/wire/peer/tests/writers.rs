//! Writers say when a message is full, and leave it whole.

use super::samples::*;
use crate::limits::BATCH_MAX;
use crate::wire::peer::*;

/// Fills a message until `put` says that it is full; how often it was not.
fn fill(mut put: impl FnMut() -> bool) -> usize {
    (0..10_000).find(|_| !put()).expect("it is full at some time")
}

#[test]
fn a_delta_takes_what_fits_into_16_kib() {
    let rows = rows();
    let row = Row::parse(&rows[0], 0).expect("a row");
    // What stands in the buffer before does not count.
    let before = vec![0xaa; 1000];
    let mut bytes = before.clone();
    let mut writer = DeltaWriter::begin(&mut bytes);
    assert!(writer.is_empty());
    let taken = fill(|| writer.row(home(1), &row));
    assert!(!writer.is_empty());
    writer.end(false, true, 9);
    let message = &bytes[1000..];
    assert_eq!(bytes[..1000], before);
    let each = rows[0].len() + 3;
    assert_eq!(message.len(), 16 + 19 + taken * each);
    assert!(message.len() <= BATCH_MAX && message.len() + each > BATCH_MAX);
    let Ok(PeerMessage::Delta(delta)) = read(message) else { panic!("no DELTA") };
    assert_eq!((delta.all, delta.revision, delta.items().count()), (true, 9, taken));
}

#[test]
fn home_is_said_where_it_changes() {
    let rows = rows();
    let row = Row::parse(&rows[1], 0).expect("a row");
    let homes = [home(1), home(1), home(2), home(1), Home { age_ms: 1, ..home(1) }];
    let mut bytes = Vec::new();
    let mut writer = DeltaWriter::begin(&mut bytes);
    assert!(homes.iter().all(|home| writer.row(*home, &row) && writer.root(&root())));
    writer.end(false, false, 9);
    assert_eq!(bytes.len(), 16 + 5 * (rows[1].len() + 3) + 5 * 27 + 4 * 19);
    let Ok(PeerMessage::Delta(delta)) = read(&bytes) else { panic!("no DELTA") };
    let said = delta.items().filter_map(|item| match item {
        Item::Row(home, _) => Some(home),
        _ => None,
    });
    assert!(said.eq(homes));
}

/// A row of this length, whatever its host says.
fn long_row(length: usize) -> Vec<u8> {
    let mut bytes = rows()[1].clone();
    bytes.resize(length, 0);
    bytes
}

/// A HOME that did not fit with its row was not said.
#[test]
fn what_did_not_fit_leaves_no_trace() {
    let (long, rows) = (long_row(BATCH_MAX - 16 - 19 - 3 - 50), rows());
    let [long, row] = [&long, &rows[0]].map(|bytes| Row::parse(bytes, 0).expect("a row"));
    let mut bytes = Vec::new();
    let mut writer = DeltaWriter::begin(&mut bytes);
    assert!(writer.row(home(1), &long));
    assert!(!writer.row(home(2), &row) && !writer.gone(home(2), &gone(Ending::Leave)));
    assert!(writer.root(&root()), "it is shorter");
    writer.end(false, false, 9);
    let Ok(PeerMessage::Delta(delta)) = read(&bytes) else { panic!("no DELTA") };
    assert_eq!((bytes.len(), delta.items().count()), (BATCH_MAX - 50 + 27, 2));
}

#[test]
fn a_message_of_16_kib_is_full() {
    let writes = |length: usize| {
        let row = long_row(length - 16 - 19 - 3);
        let mut bytes = Vec::new();
        let mut writer = DeltaWriter::begin(&mut bytes);
        let fits = writer.row(home(1), &Row::parse(&row, 0).expect("a row"));
        writer.end(false, false, 9);
        (fits, bytes.len(), read(&bytes).is_ok())
    };
    assert_eq!(writes(BATCH_MAX), (true, BATCH_MAX, true));
    assert_eq!(writes(BATCH_MAX + 1), (false, 16, true));
}

#[test]
fn what_never_fits_leaves_a_page_empty() {
    let long = long_row(20_000);
    let mut bytes = Vec::new();
    let mut writer = PageWriter::begin(&mut bytes);
    assert!(!writer.row(home(2), &Row::parse(&long, 0).expect("a row")));
    assert!(writer.is_empty());
    assert!(writer.gone(home(2), &gone(Ending::Leave)), "behind its HOME");
    assert!(!writer.is_empty());
    writer.end(1, cursor(0, 0), cursor(0, 1));
    let Ok(PeerMessage::Page(page)) = read(&bytes) else { panic!("no PAGE") };
    assert!(page.items().eq([Item::Gone(home(2), gone(Ending::Leave))]));
    assert!(!page.is_last());
}

#[test]
fn facts_take_what_fits_into_16_kib() {
    let fact = facts()[3];
    let mut bytes = Vec::new();
    let mut writer = FactsWriter::begin(&mut bytes);
    assert!(writer.is_empty());
    let taken = fill(|| writer.fact(&fact));
    assert!(!writer.is_empty());
    writer.end(false, 3);
    assert!(bytes.len() <= BATCH_MAX && bytes.len() + 0x3a + 3 > BATCH_MAX);
    let Ok(PeerMessage::Facts(message)) = read(&bytes) else { panic!("no FACTS") };
    assert_eq!((message.last, message.number, message.facts().count()), (false, 3, taken));
}
