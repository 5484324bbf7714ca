//! Captures made by hand.

use std::net::Ipv4Addr;

pub(super) const HOST: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 1, 0, 9), 40_000);
pub(super) const HMS: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 1, 0, 1), 6710);
pub(super) const ETHERNET: u32 = 1;

/// The begin of 2026, in seconds.
const BEGIN: u32 = 1_767_225_600;

/// A pcap file of these frames, 10 ms apart.
pub(super) fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let cut: Vec<_> = frames.iter().map(|frame| (frame.clone(), frame.len())).collect();
    pcap_cut(link, &cut)
}

/// The same, with the length of each on the wire.
pub(super) fn pcap_cut(link: u32, frames: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let mut file = pcap_head(link);
    for (index, (frame, original)) in frames.iter().enumerate() {
        packet(&mut file, index as u32 * 10, frame, *original);
    }
    file
}

/// Ethernet frames, each at so many milliseconds after the begin.
pub(super) fn pcap_at(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = pcap_head(ETHERNET);
    frames.iter().for_each(|(millis, frame)| packet(&mut file, *millis, frame, frame.len()));
    file
}

fn pcap_head(link: u32) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend_from_slice(&link.to_le_bytes());
    file
}

fn packet(file: &mut Vec<u8>, millis: u32, frame: &[u8], original: usize) {
    let micros = millis % 1000 * 1000;
    for word in [BEGIN + millis / 1000, micros, frame.len() as u32, original as u32] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(frame);
}

/// A pcapng file of the same frames, with times in nanoseconds.
pub(super) fn pcapng(link: u16, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend_from_slice(&[1, 0, 0, 0]);
    section.extend_from_slice(&[0xff; 8]);
    block(&mut file, 0x0a0d_0d0a, &section);
    let mut interface = link.to_le_bytes().to_vec();
    interface.extend_from_slice(&[0, 0, 0, 0, 4, 0]);
    // if_tsresol: 10^-9, then the end of the options.
    interface.extend_from_slice(&[9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(&mut file, 1, &interface);
    for (index, frame) in frames.iter().enumerate() {
        let nanos = u64::from(BEGIN) * 1_000_000_000 + index as u64 * 10_000_000;
        let mut packet = Vec::new();
        for word in [0, (nanos >> 32) as u32, nanos as u32, frame.len() as u32, frame.len() as u32] {
            packet.extend_from_slice(&word.to_le_bytes());
        }
        packet.extend_from_slice(frame);
        packet.resize(packet.len().next_multiple_of(4), 0);
        block(&mut file, 6, &packet);
    }
    file
}

fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = (body.len() as u32 + 12).to_le_bytes();
    file.extend_from_slice(&kind.to_le_bytes());
    file.extend_from_slice(&length);
    file.extend_from_slice(body);
    file.extend_from_slice(&length);
}

pub(super) fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [from, to, payload.len() as u16 + 8, 0] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// `flags`: fragment flags and offset.
pub(super) fn ipv4(from: Ipv4Addr, to: Ipv4Addr, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend_from_slice(&(payload.len() as u16 + 20).to_be_bytes());
    bytes.extend_from_slice(&[0x12, 0x34]);
    bytes.extend_from_slice(&flags.to_be_bytes());
    bytes.extend_from_slice(&[64, 17, 0, 0]);
    bytes.extend_from_slice(&from.octets());
    bytes.extend_from_slice(&to.octets());
    bytes.extend_from_slice(payload);
    bytes
}

/// `next` is the type of the first header in `payload`.
pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[next, 64]);
    for last in [9, 1] {
        bytes.extend_from_slice(&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// `types`: of VLANs and at last of what is carried, with the VLAN ids between.
pub(super) fn ethernet(types: &[u16], carried: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    types.iter().for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
    bytes.extend_from_slice(carried);
    bytes
}

/// A datagram from the host to the HMS, or back, in an Ethernet frame.
pub(super) fn frame(to_hms: bool, payload: &[u8]) -> Vec<u8> {
    let (from, to) = if to_hms { (HOST, HMS) } else { (HMS, HOST) };
    ethernet(&[0x0800], &ipv4(from.0, to.0, 0, &udp(from.1, to.1, payload)))
}
