//! The bytes as the specification draws them, written by hand.

use data_encoding::HEXLOWER;

use super::samples::*;
use crate::wire::View;
use crate::wire::peer::{Ending, PeerKind, PeerMessage};

/// Hexadecimal digits with spaces between the fields.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    HEXLOWER.decode(digits.as_bytes()).expect("hexadecimal digits")
}

fn drawn(kind: PeerKind, text: &str) {
    let bytes = sample(kind);
    let expected = hex(text);
    assert_eq!(HEXLOWER.encode(&bytes[..expected.len()]), HEXLOWER.encode(&expected), "{kind}");
}

#[test]
fn messages_about_hmss_are_laid_out_as_drawn() {
    shows!("R-PEE-07");
    drawn(
        PeerKind::Intro,
        "01 01 02 04 00000000 1111222233334444 000000000036ee80 0000000000000fa0 000000006553f100 0000000186a00000
         0102030405060708 00007530 00001388 000009c4
         01 0005 61746c6173  03 0008 01 040a010001 1a36  03 0014 02 0620010db8000000000000000000000001 1a36
         04 0008 0000000000000007  04 0008 0000000000000008",
    );
    drawn(
        PeerKind::Ping,
        "02 03 0000 000007cf 0000000000100000 0000000000000009
         05 001d 0000000000005e01 00001c01 04 1111222233334444 0000000000000001
         05 001d 0000000000005e02 00001c02 01 0000000000000000 0000000000000000",
    );
    drawn(
        PeerKind::Refuse,
        "03 04 04 00 0a0b0c0d 1111222233334444 0000000000000005 0000000000000006 02 0006 61207477696e",
    );
    drawn(PeerKind::Join, "04 00000000000000 1111222233334444");
    drawn(
        PeerKind::Seat,
        "05 00000000000000 1111222233334444 0000000000000001 0000000000000002 0000000000000003",
    );
    drawn(PeerKind::Admit, &format!("06 00000000000000 {} {}", "11".repeat(32), "66".repeat(32)));
    drawn(PeerKind::Stop, "0d 00000000000000");
    drawn(PeerKind::StopAck, "0e 00000000000000");
    drawn(PeerKind::Done, "0f 00000000000000 000000000000000f");
    let plain_refusal = plain().remove(1);
    assert_eq!(emitted(&plain_refusal), hex(&format!("03 02 {}", "00".repeat(30))));
}

#[test]
fn facts_are_laid_out_as_drawn() {
    shows!("R-PEE-07");
    let (there, gone) = ("0000000012340000 0000000000005e01 01", "0000000012340000 0000000000005e01 02");
    let revoked = "1a2b3c4d a5a5a5a5a5a5a5a5 0000000023450000 0000000000000000";
    let expected = format!(
        "07 01 000000000000 000000000000000c
         10 001e 0000000000005e02 {there} 6f73616b61
         11 0020 {there} 0000000000005e02 040a010002 1a36
         11 002c {gone} 0000000000000000 0620010db8000000000000000000000009 0000
         12 003a 1a2b3c4d 01 {there} {} 61636d65
         12 003a 1a2b3c4d 02 {gone} {} 61636d65
         13 0020 {revoked} 616e6e61
         13 001c 1a2b3c4d a6a6a6a6a6a6a6a6 0000000023450000 0000000000000000",
        "33".repeat(32),
        "00".repeat(32),
    );
    drawn(PeerKind::Facts, &expected);
    drawn(PeerKind::Stored, "08 01 000000000000 000000000000000c");
}

#[test]
fn messages_about_rows_are_laid_out_as_drawn() {
    shows!("R-PEE-07", "R-PEE-79");
    drawn(PeerKind::Resume, "09 00000000000000 000000000000000d");
    drawn(PeerKind::Confirm, "0a 00000000000000 000000000000000e");
    drawn(PeerKind::Begin, "20 01 000000000000 0000000000000010");
    drawn(PeerKind::Compare, "0b 000000 00001c01 0000000000005e01");
    let wanted = format!("8040 {} 01", "00".repeat(509));
    drawn(
        PeerKind::Fetch,
        &format!("0c 000000 00001c01 0000000000005e01 00000005 00000001 0202020202020202 {wanted}"),
    );
    drawn(PeerKind::Buckets, "30 000000 00001c01 0000000000005e01 0000000000000001 0000000000000002");
    assert_eq!(sample(PeerKind::Buckets).len(), 32_784);
    drawn(
        PeerKind::Page,
        "31 01 0000 00000005 00000001 0202020202020202 ffffffff ffffffffffffffff
         20 0010 0000000000005e01 00001c01 000003e8  21",
    );
}

const SESSION: &str =
    "1a2b3c4d a1a2a3a4a5a6a7a8 0000000000000001 0000000000000002 0000000000000003 0000000000000004";

#[test]
fn rows_are_laid_out_as_drawn() {
    shows!("R-PEE-07");
    let said = HEXLOWER.encode(&content());
    let row = format!("{SESSION} 0000000000000005 0000000000000006 07 00000008 0000000000000009");
    let [plain, lost, six] = rows();
    assert_eq!(plain, hex(&format!("{row} 01 00007530 040a010009 9c40 {said} 10 0002 01 01")));
    assert_eq!(lost, hex(&format!("{row} 02 00007530 00 {said}")));
    let users = "0101010101010101 0202020202020202";
    let address = "0620010db8000000000000000000000005 9c41";
    assert_eq!(six, hex(&format!("{row} 01 00007530 {address} {said} 10 0012 03 00 {users}")));
    assert_eq!(row_bytes(&row_head(), &View::None, true), plain[..plain.len() - 5], "no view, no push");
}

#[test]
fn a_delta_is_laid_out_as_drawn() {
    shows!("R-PEE-07");
    let tlv = |value: &[u8]| format!("21 {:04x} {}", value.len(), HEXLOWER.encode(value));
    let [plain, lost, six] = rows().map(|row| tlv(&row));
    let gone = |ending: Ending| format!("22 0039 {SESSION} {:02x} 000000000000000a 00045948", ending.code());
    let expected = format!(
        "21 01 000000000000 000000000000004d
         20 0010 0000000000005e01 00001c01 000003e8 {plain} {lost} {}
         20 0010 0000000000005e02 00001c02 000007d0 {six} {}
         23 0018 0000000000005e01 00001c01 00000002 fedcba9876543210",
        gone(Ending::Leave),
        gone(Ending::Expiry),
    );
    let bytes = sample(PeerKind::Delta);
    assert_eq!(HEXLOWER.encode(&bytes), HEXLOWER.encode(&hex(&expected)));
}

#[test]
fn flags_are_single_bits() {
    shows!("R-PEE-07");
    let flags = |kind: PeerKind, value: u8| {
        let mut bytes = sample(kind);
        bytes[1] = value;
        read(&bytes).map(|message| match message {
            PeerMessage::Delta(m) => (m.confirm, m.all),
            PeerMessage::Facts(m) => (m.last, false),
            PeerMessage::Begin(m) => (m.resumed, false),
            other => panic!("{other:?}"),
        })
    };
    for (value, expected) in [(0, (false, false)), (1, (true, false)), (2, (false, true)), (3, (true, true))]
    {
        assert_eq!(flags(PeerKind::Delta, value), Ok(expected));
        assert_eq!(flags(PeerKind::Delta, value | 0xfc), Ok(expected), "unknown flags say nothing");
        for kind in [PeerKind::Facts, PeerKind::Begin] {
            assert_eq!(flags(kind, value | 0xfc), Ok((expected.0, false)));
        }
    }
}
