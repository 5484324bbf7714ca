//! Where an error says that it is, and what is shown of a message in a log.

use super::samples::*;
use crate::wire::peer::*;
use crate::wire::tlv::put_bytes;
use crate::wire::{Problem, View, WireError};

#[test]
fn an_error_says_where_the_bytes_end() {
    let row = row_bytes(&row_head(), &View::None, false);
    for (len, what) in [(40, "ROW"), (60, "ROW"), (80, "address")] {
        let error = Row::parse(&row[..len], 1000).err();
        assert_eq!(error, Some(WireError::new(Problem::Truncated(what), 1000 + len)));
    }

    let mut nameless = Vec::new();
    intro_head().emit(&crate::ident::Name::new("x").expect("a name"), &[], &[], &mut nameless);
    nameless.truncate(68);
    assert_eq!(read(&nameless).err(), Some(WireError::new(Problem::Missing("NAME"), 68)));
}

#[test]
fn an_error_behind_the_address_says_where_the_value_is_in_the_message() {
    let mut said = content();
    put_bytes(&mut said, 0x11, &[1, 0]);
    let mut bytes = Vec::new();
    row_head().emit(&said, &View::None, false, &mut bytes);
    let error = Row::parse(&bytes, 1000).expect("its head is whole").said().err();
    assert_eq!(error.map(|error| error.at), Some(1000 + bytes.len() - 2));
}

#[test]
fn what_is_logged_shows_no_secret() {
    let bytes = sample(PeerKind::Admit);
    let Ok(PeerMessage::Admit(admit)) = read(&bytes) else { panic!("no ADMIT") };
    assert_eq!(format!("{admit:?}"), "Admit(secrets)");

    let bytes = sample(PeerKind::Facts);
    let Ok(PeerMessage::Facts(facts)) = read(&bytes) else { panic!("no FACTS") };
    let shown = format!("{facts:?}");
    assert!(shown.contains(&format!("{} bytes of TLVs", bytes.len() - 16)), "{shown}");

    let bytes = sample(PeerKind::Buckets);
    let Ok(PeerMessage::Buckets(buckets)) = read(&bytes) else { panic!("no BUCKETS") };
    let root = buckets.digests().fold(0, u64::wrapping_add);
    assert!(format!("{buckets:?}").ends_with(&format!("root {root:016x})")));
}
