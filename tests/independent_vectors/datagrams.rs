//! Every type of datagram (chapter 2): the same fields, the same bytes, the same refusals.

use std::collections::BTreeSet;

use hms::auth;
use hms::shows;
use hms::wire::*;
use serde_json::Value;

use crate::{User, bytes, emit, fields, hex, rows, text, user, vectors};

/// The datagram if its tag, or checksum, holds.
fn open<'a>(user: &User, key: &str, datagram: Unverified<'a>) -> Option<Verified<'a>> {
    match key {
        "user" => auth::open(&user.key, datagram),
        _ => auth::open(&user.key.session_key(user.session), datagram),
    }
}

/// All decoded fields, or why there are none.
fn body(user: &User, key: &str, data: &[u8]) -> Result<Value, WireError> {
    let datagram = Unverified::parse(data)?;
    if key == "none" {
        assert!(auth::checksum_holds(&datagram));
        return fields::bare(&datagram);
    }
    fields::message(&open(user, key, datagram).expect("the tag holds"))
}

/// Fails with everything that is wrong, not only with the first.
fn none_of(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_datagram_says_the_same() {
    shows!("R-FMT-19");
    shows!(
        "R-FMT-03", "R-FMT-04", "R-FMT-05", "R-FMT-07", "R-FMT-10", "R-FMT-11", "R-FMT-14", "R-FMT-17",
        "R-REV-01"
    );
    let vectors = vectors();
    let (mut types, mut wrong) = (BTreeSet::new(), Vec::new());
    for row in rows(&vectors, "datagrams") {
        let (name, data) = (text(row, "name"), bytes(row, "bytes"));
        let datagram = Unverified::parse(&data).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        assert_eq!(fields::header(datagram.header()), row["header"], "{name}");
        assert_eq!(hex(datagram.tag()), text(row, "tag"), "{name}");
        types.insert(datagram.header().kind.code());
        let is = body(&user(&vectors, row), text(row, "key"), &data);
        if is.as_ref() != Ok(&row["body"]) {
            wrong.push(format!("{name}: {is:?}"));
        }
    }
    none_of(&wrong);
    let known: BTreeSet<u8> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(types, known, "the types of 2.2");
}

#[test]
fn what_has_one_form_is_written_in_it() {
    shows!("R-FMT-11", "R-FMT-12", "R-FMT-13", "R-FMT-15", "R-FMT-18");
    let vectors = vectors();
    let mut wrong = Vec::new();
    for row in rows(&vectors, "datagrams") {
        let (user, name, key, data) =
            (user(&vectors, row), text(row, "name"), text(row, "key"), bytes(row, "bytes"));
        let datagram = Unverified::parse(&data).expect("a header");
        let again = match key {
            "none" => emit::bare(&datagram),
            _ => emit::message(&user, &open(&user, key, datagram).expect("the tag holds")),
        };
        let Ok(again) = again else { continue };
        if row["exact"] == true && again != data {
            wrong.push(format!("{name}: {}", hex(&again)));
        }
        assert_eq!(
            body(&user, key, &again).as_ref(),
            Ok(&row["body"]),
            "{name}: what was written says something else"
        );
    }
    none_of(&wrong);
}

/// The name under which a datagram is dropped, and the code of the content TLV for which it is rejected.
fn fate(user: &User, key: &str, data: &[u8]) -> Option<(&'static str, Option<u8>)> {
    let datagram = match Unverified::parse(data) {
        Ok(datagram) => datagram,
        Err(why) => return Some((why.reason(), None)),
    };
    let holds = match key {
        "none" => auth::checksum_holds(&datagram),
        _ => open(user, key, datagram).is_some(),
    };
    if !holds {
        return Some(("tag", None));
    }
    let why = body(user, key, data).err()?;
    let requested = Unverified::parse(data).is_ok_and(|datagram| !datagram.header().kind.is_response());
    Some((why.reason(), why.content.filter(|_| requested)))
}

#[test]
fn what_the_specification_forbids_is_refused() {
    shows!("R-FMT-01", "R-FMT-02", "R-FMT-05", "R-FMT-06", "R-FMT-07", "R-FMT-08", "R-FMT-09", "R-FMT-10");
    shows!("R-FMT-13", "R-FMT-14", "R-FMT-18", "R-AUT-01");
    let vectors = vectors();
    let mut wrong = Vec::new();
    for row in rows(&vectors, "refused") {
        if row["by"] == "hms" {
            continue; // well formed as such; the scenario `forbidden` of tests/independent shows that the HMS drops it
        }
        let reject = row["reject"].as_u64().and_then(|code| u8::try_from(code).ok());
        let is = fate(&user(&vectors, row), text(row, "key"), &bytes(row, "bytes"));
        if is != Some((text(row, "reason"), reject)) {
            wrong.push(format!(
                "{}: {is:?} instead of {:?}, {reject:?}",
                text(row, "name"),
                text(row, "reason")
            ));
        }
    }
    none_of(&wrong);
}
