//! Tags and checksums.

use super::hex;
use crate::auth::{SessionKey, StoredKey, checksum_holds, open, seal, seal_checksum};
use crate::ident::{Epoch, RealmId, ServerId, SessionId, UserId};
use crate::limits::{SHORT_LEN, TAG_LEN};
use crate::wire::{Announce, AnnounceEvent, Header, Kind, Leave, Request, Unverified, flag};

const KEY: StoredKey<'_> = StoredKey(&[0x42; 32]);

fn header(kind: Kind, flags: u8) -> Header {
    Header {
        kind,
        flags,
        epoch: Epoch(1),
        realm: RealmId(7),
        user: UserId([8; 8]),
        session: SessionId(9),
        sequence: 10,
    }
}

fn leave() -> Vec<u8> {
    let mut buf = Vec::new();
    header(Kind::Leave, 0).emit(&mut buf);
    Leave.emit(&mut buf);
    seal(&KEY, &mut buf);
    buf
}

fn opens(key: StoredKey<'_>, bytes: &[u8]) -> bool {
    Unverified::parse(bytes).is_ok_and(|datagram| open(&key, datagram).is_some())
}

#[test]
fn the_tag_is_the_head_of_the_hmac() {
    let key = super::hex32("4df6bcaf1bf265b2312f550fe5f8663cc7213c9c21b6e5705789362dec576779");
    let mut buf = b"hms".to_vec();
    seal(&SessionKey::from_bytes(key), &mut buf);
    assert_eq!(buf, [b"hms".as_slice(), &hex("ea34efb4f8b4f853a86d3293e6a2e38b")].concat());
}

#[test]
fn what_was_sealed_opens() {
    let bytes = leave();
    assert_eq!(bytes.len(), SHORT_LEN);
    let datagram = Unverified::parse(&bytes).expect("a datagram");
    let verified = open(&KEY, datagram).expect("the tag holds");
    assert_eq!(*verified.header(), header(Kind::Leave, 0));
    assert_eq!(verified.request(), Ok(Request::Leave(Leave)));
}

#[test]
fn no_flipped_bit_opens() {
    shows!("R-AUT-01");
    let bytes = leave();
    for bit in 0..bytes.len() * 8 {
        let mut wrong = bytes.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(KEY, &wrong), "bit {bit}");
    }
}

#[test]
fn no_cut_and_no_other_key_opens() {
    shows!("R-AUT-01");
    let bytes = leave();
    assert!(opens(KEY, &bytes));
    for end in 0..bytes.len() {
        assert!(!opens(KEY, bytes.split_at(end).0), "{end} bytes");
    }
    assert!(!opens(KEY, &[bytes.as_slice(), &[0]].concat()));
    for bit in 0..256 {
        let mut other = [0x42; 32];
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(StoredKey(&other), &bytes), "key bit {bit}");
    }
}

#[test]
fn a_checksum_shows_damage() {
    let mut bytes = Vec::new();
    header(Kind::Announce, flag::UNAUTHENTICATED).emit(&mut bytes);
    Announce { server: ServerId(1), event: AnnounceEvent::Up, port: 6710 }.emit(&mut bytes);
    seal_checksum(&mut bytes);
    let holds = |bytes: &[u8]| Unverified::parse(bytes).is_ok_and(|datagram| checksum_holds(&datagram));
    assert!(holds(&bytes));
    for bit in 0..bytes.len() * 8 {
        let mut wrong = bytes.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!holds(&wrong), "bit {bit}");
    }
    let mut plain = b"hms".to_vec();
    seal_checksum(&mut plain);
    assert_eq!(plain.split_off(3), hex("8e324781d50e9ee608c7fd5bea8d7afc"));
    assert_eq!(TAG_LEN, 16);
}
