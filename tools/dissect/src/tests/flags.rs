//! Which way a packet went: kept where a capture says it, never made up.

use std::net::SocketAddr;

use hms::capture::{self, Direction, Flags, Headers};

use super::{dissect, made};
use crate::opened;
use crate::verify::Keys;

/// A capture in which packet after packet says these flags.
fn captured(flags: &[Option<Flags>]) -> Vec<u8> {
    let mut file = Vec::new();
    capture::section(&mut file, "hms", "");
    capture::interface(&mut file, "", "");
    let ends = [made::HOST, made::HMS].map(|(ip, port)| SocketAddr::new(ip.into(), port));
    for (index, flags) in flags.iter().enumerate() {
        let bytes = [1, 4, 0, 1].repeat(12 + index);
        let headers = Headers::new(ends[0], ends[1], &bytes).expect("headers");
        let parts = [headers.as_bytes(), &bytes];
        let packet = capture::Packet { interface: 0, time: 1, flags: *flags, parts, comment: "", lost: 0 };
        capture::packet(&mut file, &packet);
    }
    file
}

fn flags(file: &[u8]) -> Vec<Option<Flags>> {
    let (datagrams, _, error) = dissect(file, Keys::default());
    assert_eq!(error, None);
    datagrams.iter().map(|datagram| datagram.captured.flags).collect()
}

/// The flags of a copy of this capture.
fn copied(file: &[u8]) -> Vec<Option<Flags>> {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("copy.pcapng");
    let mut copy = opened::Copy::create(&path, false).expect("a file");
    let (datagrams, ..) = dissect(file, Keys::default());
    datagrams.iter().for_each(|datagram| copy.datagram(datagram).expect("written"));
    copy.end().expect("written");
    flags(&std::fs::read(&path).expect("there"))
}

#[test]
fn a_copy_says_which_way_a_packet_went_as_its_capture_did() {
    shows!("R-CAP-20");
    let said = [
        Some(Flags::new(Direction::Inbound, false)),
        Some(Flags::new(Direction::Outbound, false)),
        None,
        Some(Flags::new(Direction::Inbound, true)),
        Some(Flags::new(Direction::Outbound, true)),
        Flags::read(0b0_1101),
    ];
    assert_eq!(copied(&captured(&said)), said);
}

#[test]
fn a_copy_of_a_capture_without_it_says_nothing() {
    let frame = made::frame(true, &[1, 4, 0, 1].repeat(12));
    let frames = [frame.clone(), frame];
    for file in [made::pcap(made::ETHERNET, &frames), made::pcapng(1, &frames)] {
        assert_eq!(flags(&file), [None, None]);
        assert_eq!(copied(&file), [None, None]);
    }
}

#[test]
fn flags_are_read_in_either_byte_order_and_without_what_is_of_a_frame() {
    let frame = made::frame(true, &[1, 4, 0, 1].repeat(12));
    // Of frames with a checksum of four bytes, which no copy has: to this machine by a group, and nothing.
    let group = (0x89, Some(Flags::new(Direction::Inbound, true)));
    for (big, (said, wanted)) in [(false, group), (true, group), (false, (0x80, None))] {
        let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
        let half = |half: u16| if big { half.to_be_bytes() } else { half.to_le_bytes() };
        let block = |kind: u32, body: &[u8]| {
            let length = word(body.len() as u32 + 12);
            [word(kind).as_slice(), &length, body, &length].concat()
        };
        let section = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
        let interface = [&half(1)[..], &half(0), &word(0)].concat();
        let length = word(frame.len() as u32);
        let mut packet = [&word(0)[..], &word(0), &word(0), &length, &length, &frame].concat();
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet.extend([&half(2)[..], &half(4), &word(said), &half(0), &half(0)].concat());
        let file = [block(0x0a0d_0d0a, &section), block(1, &interface), block(6, &packet)].concat();
        assert_eq!(flags(&file), [wanted], "big {big}");
    }
}
