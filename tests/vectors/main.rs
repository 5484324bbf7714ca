//! Golden datagrams: `spec/vectors/*.json` holds all inputs, the bytes, and all decoded fields.
//! `HMS_WRITE=1 cargo test --test vectors` writes them anew; without it they must come out byte for byte.

mod fields;
mod peering;
mod samples;

use std::fs;
use std::path::PathBuf;

use hms::auth::{self, ClusterKey, CookieKey, RealmSecret, Registrant, UserKey};
use hms::ident::{Epoch, Generation, Incarnation, Name, RealmId, SessionId, Stamp, UserId};
use hms::shows;
use hms::time::Instant;
use hms::token::Token;
use hms::wire::{Unverified, Verified};
use serde_json::{Value, json};

const REALM: RealmId = RealmId(0x1a2b_3c4d);
const EPOCH: Epoch = Epoch(1);
const GENERATION: Generation = Generation(0);
const NONCE: u64 = 0x0011_2233_4455_6677;
const COOKIE: u64 = 0x8899_aabb_ccdd_eeff;

fn hex(bytes: impl AsRef<[u8]>) -> String {
    data_encoding::HEXLOWER.encode(bytes.as_ref())
}

/// An id of 64 bits.
fn id(id: u64) -> String {
    hex(id.to_be_bytes())
}

fn secret() -> RealmSecret {
    RealmSecret::new(std::array::from_fn(|i| u8::try_from(i).expect("32 bytes")))
}

fn user() -> UserId {
    auth::user_id(REALM, "anna")
}

fn user_key() -> UserKey {
    secret().user_key(user(), GENERATION)
}

fn session() -> SessionId {
    user_key().session_id(NONCE, COOKIE)
}

/// Compares with the file, or writes it.
fn settle(file: &str, value: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec/vectors").join(file);
    let text = serde_json::to_string_pretty(value).expect("JSON") + "\n";
    if std::env::var_os("HMS_WRITE").is_some() {
        fs::write(&path, &text).expect("the vectors can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{file} differs from what the code makes: HMS_WRITE=1 cargo test --test vectors");
}

#[test]
fn keys() {
    shows!("R-DIR-02", "R-AUT-02", "R-AUT-03", "R-AUT-10", "R-AUT-11", "R-AUT-40", "R-AUT-50");
    let cookies = CookieKey::new([0x55; 32]);
    let now = Instant::from_secs(100);
    let source = "192.0.2.7:40000".parse().expect("an address");
    let incarnation = Incarnation(0x0a0b_0c0d);
    let known = Stamp(0x1234_0000);
    let registrant = Registrant { source, realm: REALM, user: user(), nonce: NONCE, stamp: known };
    let cluster = ClusterKey::from_seed(&[0x66; 32]);
    let content = samples::content().to_bytes();
    let signature = cluster.sign_fixed(REALM, user(), 1_700_000_000, source, &content);
    let token = Token {
        realm: REALM,
        epoch: EPOCH,
        generation: GENERATION,
        user_key: user_key(),
        cluster_key: cluster.public(),
        user_name: Name::new("anna").expect("a name"),
        realm_name: Name::new("7q2m").expect("a name"),
        addresses: vec![source, "[2001:db8::1]:6710".parse().expect("an address")],
    };
    let value = json!({
        "realm_secret": hex(secret().as_bytes()),
        "realm_id": REALM.0, "epoch": EPOCH.0, "generation": GENERATION.0,
        "user_name": "anna", "user_id": hex(user().0),
        "user_key": hex(user_key().as_bytes()),
        "nonce": NONCE.to_string(), "cookie": COOKIE.to_string(),
        "session_id": hex(session().0.to_be_bytes()),
        "session_key": hex(user_key().session_key(session()).as_bytes()),
        "cookies": {
            "cookie_key": hex([0x55; 32]), "now_us": now.micros(), "source": source.to_string(),
            "known_stamp": known.0, "incarnation": incarnation.0,
            "registration_cookie": cookies.register(now, &registrant).to_string(),
            "session_cookie": cookies.session(now, source, session(), incarnation).to_string(),
        },
        "fixed": {
            "cluster_seed": hex([0x66; 32]), "cluster_key": hex(cluster.public()), "issued": 1_700_000_000u64,
            "address": source.to_string(), "content": hex(&content), "signature": hex(signature),
        },
        "digests": digests(),
        "token": token.encode(), "token_addresses": token.addresses, "realm_name": "7q2m",
    });
    settle("keys.json", &value);
}

/// Entry digests of the same content with and without address, late and not (R-DIR-02).
fn digests() -> Value {
    let content = samples::content().to_bytes();
    let cases =
        [(false, Some("10.1.0.5")), (false, Some("2001:db8::5")), (true, Some("10.1.0.5")), (true, None)];
    let one = |(late, address): (bool, Option<&str>)| {
        let ip = address.map(|a| a.parse().expect("an address"));
        let digest = hms::directory::entry_digest(user(), late, ip, &content);
        json!({ "late": late, "address": address, "digest": digest.to_string() })
    };
    let entries: Vec<Value> = cases.into_iter().map(one).collect();
    json!({ "user_id": hex(user().0), "bucket": user().bucket(), "content": hex(&content), "entries": entries })
}

fn open<'a>(key: &str, bytes: &'a [u8]) -> Option<Verified<'a>> {
    let datagram = Unverified::parse(bytes).expect("a header");
    match key {
        "user" => auth::open(&user_key(), datagram),
        _ => auth::open(&user_key().session_key(session()), datagram),
    }
}

/// One golden datagram as JSON, decoded from its bytes.
fn vector(name: &str, key: &str, bytes: &[u8]) -> Value {
    let datagram = Unverified::parse(bytes).expect("a header");
    let body = match key {
        "none" => {
            assert!(auth::checksum_holds(&datagram), "{name}: checksum");
            fields::bare(&datagram)
        }
        _ => fields::message(&open(key, bytes).expect("the tag holds")),
    };
    json!({
        "name": name, "key": key, "header": fields::header(datagram.header()), "body": body,
        "tag": hex(datagram.tag()), "bytes": hex(bytes),
    })
}

#[test]
fn datagrams() {
    shows!("R-FMT-03", "R-FMT-04", "R-FMT-11", "R-FMT-12", "R-FMT-13");
    let vectors: Vec<Value> =
        samples::all().into_iter().map(|(name, key, bytes)| vector(name, key, &bytes)).collect();
    let value = json!({ "keys": "keys.json", "datagrams": vectors });
    settle("datagrams.json", &value);
}

#[test]
fn no_bit_of_a_vector_can_be_flipped() {
    shows!("R-AUT-01");
    for (name, key, bytes) in samples::all() {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(datagram) = Unverified::parse(&flipped) else { continue };
            let holds =
                if key == "none" { auth::checksum_holds(&datagram) } else { open(key, &flipped).is_some() };
            assert!(!holds, "{name}: bit {bit}");
        }
    }
}
