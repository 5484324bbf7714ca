//! What is written is read back by another implementation, and by our own.

use std::net::SocketAddr;

use pcap_parser::data::{PacketData, get_packetdata};
use pcap_parser::traits::PcapNGPacketBlock as _;
use pcap_parser::{Block as Read, Linktype, OptionCode, PcapNGCapture, parse_pcapng};

use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn file() -> Vec<u8> {
    let mut file = Vec::new();
    section(&mut file, "hms 0.1.0", "HMS atlas");
    interface(&mut file, "", "not known");
    interface(&mut file, "eno1", "");
    for (lost, length) in [(0, 5), (17, 0), (0, 1201)] {
        let payload = vec![7; length];
        let headers =
            Headers::new(address("10.1.0.7:4000"), address("10.1.0.5:6710"), &payload).expect("headers");
        let about = Packet {
            interface: 1,
            time: 1_763_917_522_123_456_789,
            flags: Some(Flags::new(Direction::Inbound, length == 0)),
            parts: [headers.as_bytes(), &payload],
            comment: "verdict: dropped: tag",
            lost,
        };
        packet(&mut file, &about);
    }
    statistics(&mut file, &Statistics { started: 1_000_000_000, ended: 3_000_000_001, seen: 20, lost: 17 });
    file
}

fn option<'a>(options: &'a [pcap_parser::PcapNGOption<'_>], code: u16) -> Option<&'a [u8]> {
    options
        .iter()
        .find(|option| option.code == OptionCode(code))
        .map(|option| option.as_bytes().expect("as long as it says"))
}

#[test]
fn another_implementation_reads_what_is_written() {
    crate::shows!("R-CAP-01");
    let file = file();
    let (rest, PcapNGCapture { sections, .. }) = parse_pcapng(&file).expect("a pcapng file");
    assert!(rest.is_empty() && sections.len() == 1);
    let blocks = &sections[0].blocks;
    assert_eq!(blocks.len(), 7);
    let Read::SectionHeader(head) = &blocks[0] else { panic!("{:?}", blocks[0]) };
    assert_eq!(option(&head.options, 4), Some(b"hms 0.1.0".as_slice()));
    assert_eq!(option(&head.options, 1), Some(b"HMS atlas".as_slice()));
    let Read::InterfaceDescription(unknown) = &blocks[1] else { panic!("{:?}", blocks[1]) };
    let Read::InterfaceDescription(named) = &blocks[2] else { panic!("{:?}", blocks[2]) };
    assert_eq!((named.linktype, named.if_tsresol, named.snaplen), (Linktype::RAW, 9, 0));
    assert_eq!((option(&named.options, 2), option(&unknown.options, 2)), (Some(b"eno1".as_slice()), None));
    for (block, (lost, length)) in blocks[3..6].iter().zip([(0u64, 5), (17, 0), (0, 1201)]) {
        let Read::EnhancedPacket(read) = block else { panic!("{block:?}") };
        assert_eq!((read.if_id, read.origlen, read.caplen), (1, 28 + length, 28 + length));
        let time = u64::from(read.ts_high) << 32 | u64::from(read.ts_low);
        assert_eq!(time, 1_763_917_522_123_456_789);
        assert_eq!(option(&read.options, 1), Some(b"verdict: dropped: tag".as_slice()));
        let flags = if length == 0 { 0b1001u32 } else { 0b0101 };
        assert_eq!(option(&read.options, 2), Some(flags.to_le_bytes().as_slice()));
        assert_eq!(
            option(&read.options, 4),
            (lost > 0).then_some(lost.to_le_bytes()).as_ref().map(|l| &l[..])
        );
        let caplen = usize::try_from(read.caplen).expect("small");
        let Some(PacketData::L3(0x0800, ip)) = get_packetdata(read.packet_data(), Linktype::RAW, caplen)
        else {
            panic!("no IPv4 packet")
        };
        assert_eq!(ip.get(28..).map(<[u8]>::len), usize::try_from(length).ok());
    }
    let Read::InterfaceStatistics(end) = &blocks[6] else { panic!("{:?}", blocks[6]) };
    assert_eq!(option(&end.options, 4), Some(20u64.to_le_bytes().as_slice()));
    assert_eq!(option(&end.options, 5), Some(17u64.to_le_bytes().as_slice()));
}

#[test]
fn blocks_are_told_apart_wherever_the_pieces_end() {
    let file = file();
    let mut kinds = Vec::new();
    let (mut held, mut lost) = (Vec::new(), Vec::new());
    for piece in file.chunks(7) {
        held.extend_from_slice(piece);
        let mut blocks = Blocks::new(&held);
        for block in blocks.by_ref() {
            let block = block.expect("a block");
            lost.push(block.lost());
            kinds.push(block.kind);
        }
        held = blocks.rest().to_vec();
    }
    use BlockKind::{Interface as I, Packet as P, Section, Statistics as S};
    assert_eq!((kinds, lost), (vec![Section, I, I, P, P, P, S], vec![0, 0, 0, 0, 17, 0, 17]));
    assert!(held.is_empty());
    let comments = Blocks::new(&file).filter_map(|block| block.expect("a block").comment());
    let tag = "verdict: dropped: tag";
    assert_eq!(comments.collect::<Vec<_>>(), ["HMS atlas", tag, tag, tag]);
    for broken in [[0u8; 12], [0xff; 12]] {
        assert_eq!(Blocks::new(&broken).next(), Some(Err(BlockError)));
    }
}

#[test]
fn no_bytes_make_the_splitter_panic() {
    let file = file();
    for at in 0..file.len() {
        for value in [0, 0x7f, 0xff] {
            let mut bent = file.clone();
            bent[at] = value;
            for block in Blocks::new(&bent).map_while(Result::ok) {
                let _ = (block.lost(), block.comment());
            }
        }
    }
}

/// The sum over a packet with its checksum in place is 0xffff.
fn sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("folded")
}

#[test]
fn the_checksums_hold_in_both_families() {
    crate::shows!("R-CAP-02");
    for payload in [&b""[..], b"a", b"abc", &[0xff; 1200]] {
        let v4 = Headers::new(address("10.1.0.7:4000"), address("239.255.67.10:6710"), payload).expect("v4");
        let (ip, udp) = v4.as_bytes().split_at(20);
        let length = [0, 17, udp[4], udp[5]];
        assert_eq!(sum(&[ip]), 0xffff);
        assert_eq!(sum(&[&ip[12..20], &length, udp, payload]), 0xffff);
        let v6 = Headers::new(address("[fe80::1]:4000"), address("[ff12::6710]:6710"), payload).expect("v6");
        let (ip, udp) = v6.as_bytes().split_at(40);
        assert_eq!(sum(&[&ip[8..40], &length, udp, payload]), 0xffff);
        assert_eq!((ip[0], ip[6], &ip[4..6]), (0x60, 17, &udp[4..6]));
    }
    assert_eq!(Headers::new(address("10.1.0.7:1"), address("[::1]:2"), b""), None);
    assert_eq!(Headers::new(address("10.1.0.7:1"), address("10.1.0.7:2"), &[0; 65_508]), None);
    assert!(Headers::new(address("10.1.0.7:1"), address("10.1.0.7:2"), &[0; 65_507]).is_some());
}

#[test]
fn a_checksum_that_comes_out_as_zero_is_written_as_ones() {
    let (from, to) = (address("10.1.0.7:4000"), address("10.1.0.5:6710"));
    let zero = (0..=u16::MAX).find(|word| {
        let headers = Headers::new(from, to, &word.to_be_bytes()).expect("headers");
        let udp = &headers.as_bytes()[20..];
        assert_ne!(udp[6..8], [0, 0]);
        udp[6..8] == [0xff, 0xff]
    });
    assert!(zero.is_some());
}

#[test]
fn comments_are_read_as_they_are_written() {
    crate::shows!("R-CAP-10");
    let all = [
        (Verdict::Accepted("heartbeat"), "accepted heartbeat"),
        (Verdict::Answered("register", "challenge"), "answered register: challenge"),
        (Verdict::Refused("register", "unknown epoch"), "refused register: unknown epoch"),
        (Verdict::Opened("data"), "opened data"),
        (Verdict::Ignored("init", "bind"), "ignored init: bind"),
        (Verdict::Dropped("critical-tlv"), "dropped: critical-tlv"),
        (Verdict::Sent("ack", "answers heartbeat"), "sent ack: answers heartbeat"),
        (Verdict::Unsent("page", "send-no-room"), "unsent page: send-no-room"),
    ];
    for (verdict, text) in all {
        assert_eq!(verdict.to_string(), text);
        assert_eq!(Verdict::parse(text), Some(verdict));
        let note = Note {
            user: Some("al: ice"),
            realm: Some("acme"),
            interface: Some("eno1"),
            ..Note::from(verdict)
        };
        let comment = note.to_string();
        assert_eq!(comment, format!("verdict: {text}\nuser: al: ice\nrealm: acme\ninterface: eno1"));
        assert_eq!(Note::parse(&comment), Ok(note));
        assert_eq!(Note::parse(&format!("{comment}\nlater: a key")), Ok(note));
    }
    assert_eq!(Verdict::Accepted("HEARTBEAT").to_string(), "accepted heartbeat");
    for none in ["", "verdict:", "verdict: nothing", "verdict: dropped", "verdict: sent ack", "user: alice"] {
        assert_eq!(Note::parse(none), Err(NoteError), "{none}");
    }
}
