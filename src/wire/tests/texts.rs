//! What people get to read.

use super::samples::*;
use crate::ident::NameError;
use crate::wire::*;

#[test]
fn every_problem_has_its_words() {
    let text = |problem| WireError { problem, at: 7, content: None }.to_string();
    for (problem, words, reason) in [
        (Problem::Length, "length outside 48 to 1200 bytes", "length"),
        (Problem::Version(3), "version 3 instead of 1", "version"),
        (Problem::Type(0xab), "unknown type 0xab", "type"),
        (Problem::Stream(0x21), "type 0x21 on another stream", "malformed"),
        (Problem::Flags(0x40), "unknown flags 0x40", "flags"),
        (Problem::Truncated("ACK"), "ends inside ACK", "malformed"),
        (Problem::Value("PORTS"), "impossible value of PORTS", "malformed"),
        (Problem::Missing("PATTERN"), "PATTERN is missing", "malformed"),
        (Problem::Name(NameError::Empty), "a name cannot be empty", "malformed"),
        (Problem::Utf8, "text that is not UTF-8", "malformed"),
        (Problem::TlvOrder(7), "TLV 0x07 out of order or repeated", "malformed"),
        (Problem::TooMany("HMS"), "too many HMS", "malformed"),
        (Problem::CriticalTlv(0x40), "unknown critical TLV 0x40", "critical-tlv"),
        (Problem::Leftover, "bytes left over", "malformed"),
    ] {
        assert_eq!(text(problem), format!("{words} (offset 7)"));
        assert_eq!(WireError { problem, at: 7, content: None }.reason(), reason);
    }
}

#[test]
fn services_are_written_as_people_write_them() {
    let service = Service { kind: name("sip"), port: 5060, transport: Transport::Udp };
    assert_eq!(service.to_string(), "sip:5060/udp");
    assert_eq!(Transport::Unknown(9).to_string(), "unknown (9)");
}

#[test]
fn content_tlvs_are_called_by_their_names() {
    let names: Vec<_> = (0..=9).map(content_field).collect();
    let expected = [
        "content",
        "user name",
        "host name",
        "reported addresses",
        "ports",
        "services",
        "state",
        "conference",
        "fixed address",
        "content",
    ];
    assert_eq!(names, expected);
}
