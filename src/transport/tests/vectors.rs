//! The golden datagrams of `spec/vectors/transport.json`, made again byte for byte; no flipped bit goes unseen.

use serde_json::{Value, json};

use crate::ident::{Incarnation, ServerId};
use crate::time::{Duration, Instant};
use crate::transport::ack::{AckFrame, ack_of};
use crate::transport::cookie::CookieKey;
use crate::transport::datagram::{DataHead, Datagram, Head};
use crate::transport::event::Priority;
use crate::transport::frame::{Frame, Frames};
use crate::transport::hello::{CookieMessage, Hello, Reset, Welcome};
use crate::transport::keys::{KeyId, LinkKeys, LinkSecret, Party, Side};
use crate::transport::limits::GENERATION_BITS;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/vectors/transport.json");
const CLUSTER: [u8; 32] = [0x11; 32];
const INVITATION: [u8; 32] = [0x22; 32];
const INVITATION_ID: KeyId = KeyId(0x0102_0304_0506_0708);
const COOKIE_KEY: [u8; 32] = [0x55; 32];
const NOW: Instant = Instant::from_secs(100);
const ATTEMPT: u64 = 0xa1a2_a3a4_a5a6_a7a8;

fn source() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([192, 0, 2, 7], 40_000))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn initiator() -> Party {
    let (server, incarnation) = (ServerId(0x1111_2222_3333_4444), Incarnation(0x0a0b_0c0d));
    Party { server, incarnation, session: 0x5151_5151_5151_5151, nonce: [0xc1; 32] }
}

fn responder() -> Party {
    let (server, incarnation) = (ServerId(0x5555_6666_7777_8888), Incarnation(0x1a1b_1c1d));
    Party { server, incarnation, session: 0x6262_6262_6262_6262, nonce: [0xc2; 32] }
}

fn party(party: &Party) -> Value {
    json!({
        "server_id": party.server.to_string(), "incarnation": party.incarnation.0,
        "session_id": format!("{:016x}", party.session), "nonce": hex(&party.nonce),
    })
}

fn link(secret: &LinkSecret, side: Side) -> LinkKeys {
    secret.link(ATTEMPT, &initiator(), &responder(), side)
}

fn keys(secret: &LinkSecret) -> Value {
    let mut keys = link(secret, Side::Initiator);
    let first = (hex(&keys.send.key()), hex(&keys.receive.key()));
    let mut body = [0; 16];
    keys.send.seal(1 << GENERATION_BITS, &[], &mut body).expect("a tag");
    json!({
        "key_id": format!("{:016x}", secret.id().0),
        "hello_tag_of_nothing": hex(&secret.tag(&[])),
        "initiator_data_key_0": first.0, "responder_data_key_0": first.1,
        "initiator_data_key_1": hex(&keys.send.key()),
    })
}

fn hello(secret: &LinkSecret) -> Hello {
    let mut hello = Hello {
        key: secret.id(),
        attempt: ATTEMPT,
        versions: (1, 1),
        party: initiator(),
        target: responder().server,
        cookie: [0; 16],
    };
    let mut bytes = Vec::new();
    hello.emit(secret, &mut bytes);
    hello.cookie = CookieKey::new(&COOKIE_KEY).make(NOW, source(), &bytes[..1184]);
    hello
}

fn datagrams(secret: &LinkSecret) -> Vec<(&'static str, Value, Vec<u8>)> {
    let head = Head { key: secret.id(), session: initiator().session, attempt: ATTEMPT };
    let asked = hello(secret);
    let (mut first, mut second, mut cookie, mut welcome, mut reset) = <(Vec<u8>, _, _, _, _)>::default();
    Hello { cookie: [0; 16], ..asked }.emit(secret, &mut first);
    asked.emit(secret, &mut second);
    let of = responder();
    CookieMessage { incarnation: of.incarnation, server: of.server, cookie: asked.cookie }.emit(
        &head,
        secret,
        &mut cookie,
    );
    Welcome { party: of }.emit(&head, secret, &mut welcome);
    Reset { incarnation: of.incarnation, session: of.session, server: of.server, number: 77 }
        .emit(secret, &mut reset);
    let (cookie_hex, target) = (hex(&asked.cookie), of.server.to_string());
    vec![
        ("HELLO without a cookie", json!({"cookie": hex(&[0; 16]), "target": target}), first),
        ("HELLO with the cookie", json!({"cookie": cookie_hex, "target": target}), second),
        ("COOKIE", json!({"cookie": cookie_hex}), cookie),
        ("WELCOME", json!({}), welcome),
        ("RESET", json!({"session_id": format!("{:016x}", of.session), "number": 77}), reset),
    ]
}

fn frame(frame: &Frame<'_>) -> Value {
    match *frame {
        Frame::Padding => json!("PADDING"),
        Frame::Ping => json!("PING"),
        Frame::Ack(ack) => json!({"ACK": ranges(&ack), "delay_us": ack.delay.as_micros() as u64}),
        Frame::Message { stream, offset, bytes } => {
            json!({"MESSAGE": hex(bytes), "stream": stream.code(), "offset": offset})
        }
        Frame::Credit { stream, limit } => json!({"CREDIT": limit, "stream": stream.code()}),
        Frame::Close { code, reason } => json!({"CLOSE": code, "reason": reason}),
        Frame::Extension(code) => json!({"extension": code}),
    }
}

fn ranges(ack: &AckFrame<'_>) -> Value {
    ack.ranges().map(|(low, high)| json!([low, high])).collect()
}

/// Frames as one packet each, with a generation that is not the first.
fn packets() -> Vec<(u64, Vec<u8>)> {
    let mut space = [0; 248];
    let ack =
        ack_of([(90, 100), (50, 60), (7, 8), (0, 5)].into_iter(), Duration::from_micros(1234), &mut space);
    let message = [&5u32.to_be_bytes()[..], b"hello"].concat();
    let frames = [
        vec![Frame::Ping],
        vec![Frame::Ack(ack.expect("an ACK"))],
        vec![
            Frame::Message { stream: Priority::Control, offset: 0, bytes: &message },
            Frame::Message { stream: Priority::Bulk, offset: 65_536, bytes: b"part of a page" },
        ],
        vec![Frame::Credit { stream: Priority::Deltas, limit: 2_000_000 }, Frame::Extension(0x80)],
        vec![Frame::Close { code: 7, reason: "not a member" }],
    ];
    let numbers = [0, 1, 2, (1 << GENERATION_BITS) - 1, 1 << GENERATION_BITS];
    let bytes = |frames: &Vec<Frame<'_>>| {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.emit(&mut bytes));
        bytes.resize(bytes.len().max(16), 0);
        bytes
    };
    numbers.into_iter().zip(frames.iter().map(bytes)).collect()
}

fn sealed(keys: &mut LinkKeys, number: u64, frames: &[u8]) -> Vec<u8> {
    let header = DataHead { number, session: responder().session }.emit();
    let mut body = frames.to_vec();
    let tag = keys.send.seal(number, &header, &mut body).expect("a tag");
    [&header[..], &body, &tag].concat()
}

fn made() -> Value {
    let (cluster, invitation) =
        (LinkSecret::cluster(&CLUSTER), LinkSecret::invitation(INVITATION_ID, &INVITATION));
    let handshake: Vec<Value> = datagrams(&cluster)
        .into_iter()
        .map(|(name, fields, bytes)| json!({"name": name, "fields": fields, "bytes": hex(&bytes)}))
        .collect();
    let mut keys_i = link(&cluster, Side::Initiator);
    let data: Vec<Value> = packets()
        .into_iter()
        .map(|(number, frames)| {
            let listed: Vec<_> =
                Frames::new(&frames).flatten().filter(|f| *f != Frame::Padding).map(|f| frame(&f)).collect();
            json!({
                "number": number, "frames": listed, "plain": hex(&frames),
                "bytes": hex(&sealed(&mut keys_i, number, &frames)),
            })
        })
        .collect();
    json!({
        "cluster_secret": hex(&CLUSTER), "invitation_secret": hex(&INVITATION),
        "invitation_id": format!("{:016x}", INVITATION_ID.0), "attempt": format!("{ATTEMPT:016x}"),
        "initiator": party(&initiator()), "responder": party(&responder()),
        "cookie_key": hex(&COOKIE_KEY), "now_us": NOW.micros(), "source": source().to_string(),
        "keys": [keys(&cluster), keys(&invitation)],
        "handshake": handshake, "data_of_the_initiator": data,
    })
}

#[test]
fn the_vectors_are_made_again_byte_for_byte() {
    shows!("R-TRN-02", "R-TRN-10", "R-TRN-11", "R-TRN-30", "R-TRN-33", "R-TRN-34");
    let text = serde_json::to_string_pretty(&made()).expect("JSON") + "\n";
    if std::env::var_os("HMS_WRITE").is_some() {
        std::fs::write(FILE, &text).expect("the vectors can be written");
    }
    assert_eq!(std::fs::read_to_string(FILE).unwrap_or_default(), text, "run with HMS_WRITE=1");
}

#[test]
fn what_is_in_the_vectors_is_read_as_it_was_written() {
    let secret = LinkSecret::cluster(&CLUSTER);
    for (name, _, bytes) in datagrams(&secret) {
        let signed = secret.open(&bytes).expect(name);
        match Datagram::parse(&bytes).expect(name) {
            Datagram::Hello(head) => {
                assert_eq!(Hello::parse(&head, signed).map(|h| h.party), Some(initiator()));
            }
            Datagram::Cookie(_) => {
                assert_eq!(CookieMessage::parse(signed).map(|c| c.server), Some(responder().server));
            }
            Datagram::Welcome(_) => assert_eq!(Welcome::parse(signed).map(|w| w.party), Some(responder())),
            Datagram::Reset => assert_eq!(Reset::parse(signed).map(|r| r.number), Some(77)),
            Datagram::Data(_) => panic!("{name}"),
        }
    }
    let (mut i, mut r) = (link(&secret, Side::Initiator), link(&secret, Side::Responder));
    for (number, frames) in packets() {
        let mut bytes = sealed(&mut i, number, &frames);
        let Ok(Datagram::Data(head)) = Datagram::parse(&bytes) else { panic!("no DATA") };
        assert_eq!((head.number, head.session), (number, responder().session));
        let (header, body) = bytes.split_at_mut(16);
        assert_eq!(r.receive.open(number, header, body), Some(&frames[..]));
    }
}

#[test]
fn every_flipped_bit_and_every_prefix_is_refused() {
    shows!("R-TRN-03", "R-TRN-14", "R-TRN-30");
    let secret = LinkSecret::cluster(&CLUSTER);
    let holds = |bytes: &[u8]| Datagram::parse(bytes).is_ok() && secret.open(bytes).is_some();
    for (name, _, bytes) in datagrams(&secret) {
        assert!(holds(&bytes), "{name}");
        assert!((0..bytes.len()).all(|end| !holds(&bytes[..end])), "{name}");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&flipped), "bit {bit} of {name}");
        }
    }
    let (mut i, mut r) = (link(&secret, Side::Initiator), link(&secret, Side::Responder));
    let mut opens = |bytes: &[u8]| {
        let Ok(Datagram::Data(head)) = Datagram::parse(bytes) else { return false };
        let mut bytes = bytes.to_vec();
        let (header, body) = bytes.split_at_mut(16);
        head.session == responder().session && r.receive.open(head.number, header, body).is_some()
    };
    for (number, frames) in packets() {
        let bytes = sealed(&mut i, number, &frames);
        assert!((0..bytes.len()).all(|end| !opens(&bytes[..end])));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&flipped), "bit {bit} of number {number}");
        }
        assert!(opens(&bytes));
    }
}
