//! Each kind of capture and each layer; what is cut or missing is named.

use super::made::{self, ETHERNET, HMS, HOST};
use super::{Keys, dissect};
use crate::link::Layer;

/// A steady heartbeat: 68 bytes, its tag is none.
fn heartbeat(sequence: u64) -> Vec<u8> {
    let mut bytes = vec![1, 3, 0, 1, 0, 0, 0, 7];
    bytes.extend_from_slice(&[0xaa; 8]);
    bytes.extend_from_slice(&[0xbb; 8]);
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.resize(68, 0);
    bytes
}

fn packet() -> Vec<u8> {
    made::ipv4(HOST.0, HMS.0, 0, &made::udp(HOST.1, HMS.1, &heartbeat(5)))
}

fn with_head(head: &[u8], rest: &[u8]) -> Vec<u8> {
    [head, rest].concat()
}

#[test]
fn every_link_type_gives_the_datagram() {
    let mut cooked = vec![0; 14];
    cooked.extend_from_slice(&[8, 0]);
    let mut cooked2 = vec![8, 0];
    cooked2.resize(20, 0);
    let v6 = made::ipv6(17, &made::udp(HOST.1, HMS.1, &heartbeat(5)));
    let frames = [
        (1, made::ethernet(&[0x0800], &packet()), vec![Layer::Ethernet]),
        (1, made::ethernet(&[0x8100, 40, 0x0800], &packet()), vec![Layer::Ethernet, Layer::Vlan(40)]),
        (
            1,
            made::ethernet(&[0x88a8, 7, 0x8100, 0xe028, 0x0800], &packet()),
            vec![Layer::Ethernet, Layer::Vlan(7), Layer::Vlan(40)],
        ),
        (0, with_head(&[2, 0, 0, 0], &packet()), vec![Layer::Null]),
        (108, with_head(&[0, 0, 0, 2], &packet()), vec![Layer::Null]),
        (101, packet(), vec![Layer::RawIp]),
        (228, packet(), vec![Layer::RawIp]),
        (229, v6.clone(), vec![Layer::RawIp]),
        (113, with_head(&cooked, &packet()), vec![Layer::Cooked(1)]),
        (276, with_head(&cooked2, &packet()), vec![Layer::Cooked(2)]),
        (1, made::ethernet(&[0x86dd], &v6), vec![Layer::Ethernet]),
    ];
    for (link, frame, layers) in frames {
        for file in [made::pcap(link, std::slice::from_ref(&frame)), made::pcapng(link as u16, &[frame])] {
            let (datagrams, _, error) = dissect(&file, Keys::default());
            assert_eq!(error, None);
            let [datagram] = datagrams.as_slice() else {
                panic!("link type {link}: {} datagrams", datagrams.len())
            };
            assert_eq!(datagram.captured.layers.split_at(layers.len()).0, layers, "link type {link}");
            assert_eq!(
                (datagram.captured.bytes.as_slice(), &*datagram.type_text()),
                (&*heartbeat(5), "HEARTBEAT")
            );
            let begin = 1_767_225_600_i128 * 1_000_000_000;
            assert_eq!(datagram.captured.time, Some(begin));
        }
    }
}

#[test]
fn extension_headers_of_ipv6_are_stepped_over() {
    let mut payload = vec![60, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0];
    payload.extend_from_slice(&made::udp(HOST.1, HMS.1, &heartbeat(9)));
    let frame = made::ethernet(&[0x86dd], &made::ipv6(0, &payload));
    let (datagrams, ..) = dissect(&made::pcap(ETHERNET, &[frame]), Keys::default());
    assert_eq!(datagrams.first().and_then(|d| d.header()).map(|h| h.sequence), Some(9));
}

#[test]
fn fragments_are_put_together_in_any_order() {
    let whole = made::udp(HOST.1, HMS.1, &heartbeat(3));
    let (head, tail) = whole.split_at(40);
    let v4 = |flags, part: &[u8]| made::ethernet(&[0x0800], &made::ipv4(HOST.0, HMS.0, flags, part));
    let v6 = |offset: u16, more: u16, part: &[u8]| {
        let mut header = vec![17, 0];
        header.extend_from_slice(&(offset | more).to_be_bytes());
        header.extend_from_slice(&[0, 0, 0, 9]);
        made::ethernet(&[0x86dd], &made::ipv6(44, &[header.as_slice(), part].concat()))
    };
    for frames in [
        [v4(0x2000, head), v4(5, tail)],
        [v4(5, tail), v4(0x2000, head)],
        [v6(0, 1, head), v6(40, 0, tail)],
        [v6(40, 0, tail), v6(0, 1, head)],
    ] {
        let (datagrams, mut dissector, _) = dissect(&made::pcap(ETHERNET, &frames), Keys::default());
        let [datagram] = datagrams.as_slice() else { panic!("{} datagrams", datagrams.len()) };
        assert_eq!(datagram.captured.bytes, heartbeat(3));
        assert!(datagram.captured.layers.contains(&Layer::Fragments(vec![1, 2])));
        assert!(dissector.incomplete(true).is_empty());
    }
    let (datagrams, mut dissector, _) = dissect(&made::pcap(ETHERNET, &[v4(0x2000, head)]), Keys::default());
    assert!(datagrams.is_empty());
    let named = dissector.incomplete(true);
    assert!(named.len() == 1 && named.iter().all(|text| text.contains("10.1.0.9 → 10.1.0.1")), "{named:?}");
}

#[test]
fn many_unfinished_fragments_are_bounded() {
    let part = [0; 64];
    let frames: Vec<_> = (0..1000_u16)
        .map(|id| {
            let mut packet = made::ipv4(HOST.0, HMS.0, 0x2000, &part);
            packet.splice(4..6, id.to_be_bytes());
            made::ethernet(&[0x0800], &packet)
        })
        .collect();
    let (_, mut dissector, _) = dissect(&made::pcap(ETHERNET, &frames), Keys::default());
    assert_eq!(dissector.incomplete(false).len(), 1000 - 64);
    assert_eq!(dissector.incomplete(true).len(), 64);
}

#[test]
fn what_the_capture_cut_off_is_named_and_not_called_malformed() {
    let frame = made::frame(true, &heartbeat(4));
    let cut = frame.get(..14 + 20 + 8 + 40).expect("longer").to_vec();
    let (datagrams, ..) = dissect(&made::pcap_cut(ETHERNET, &[(cut, frame.len())]), Keys::default());
    let [datagram] = datagrams.as_slice() else { panic!("{} datagrams", datagrams.len()) };
    assert_eq!((datagram.captured.is_whole(), &datagram.malformed), (false, &None));
    assert_eq!(datagram.words, "cut: the capture has 40 of 68 bytes; capture with `tcpdump -s 0`");
    let tree = crate::dissector::tree(datagram);
    assert_eq!(tree.texts("hms.seq"), ["4"]);
    assert!(tree.texts("hms.tag").is_empty());
}

#[test]
fn what_is_foreign_or_malformed_says_what_and_where() {
    let mut wrong = heartbeat(4);
    wrong.splice(2..3, [0x80]);
    let frames = [
        made::frame(true, b"GET / HTTP/1.0\r\n\r\n"),
        made::frame(true, &wrong),
        made::frame(true, &[1, 3, 0]),
    ];
    let (datagrams, ..) = dissect(&made::pcap(ETHERNET, &frames), Keys::default());
    let words: Vec<_> = datagrams.iter().map(|datagram| datagram.words.as_str()).collect();
    assert_eq!(
        words,
        [
            "not HMS: 18 bytes, begins 474554202f204854; another program uses this port",
            "malformed: unknown flags 0x80 at byte 2; a receiver drops it",
            "malformed: length outside 48 to 1200 bytes at byte 3; a receiver drops it",
        ]
    );
}

#[test]
fn on_other_ports_only_what_looks_like_ours_is_taken() {
    let on = |port, payload: &[u8]| {
        made::ethernet(&[0x0800], &made::ipv4(HOST.0, HMS.0, 0, &made::udp(40_001, port, payload)))
    };
    let frames = [on(7000, &heartbeat(1)), on(53, &[1; 60]), on(6710, &heartbeat(2))];
    let (datagrams, dissector, _) = dissect(&made::pcap(ETHERNET, &frames), Keys::default());
    assert_eq!(datagrams.iter().map(|datagram| datagram.captured.frame).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(dissector.frames.other, 1);
}
