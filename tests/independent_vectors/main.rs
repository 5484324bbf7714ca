//! Keys, tokens and datagrams that the second implementation made from the specification alone
//! (`tests/independent/vectors.json`): this one reads the same fields, writes the same bytes and refuses the same ones.

mod datagrams;
mod emit;
mod fields;
mod keys;
mod tokens;

use std::fs;
use std::path::PathBuf;

use hms::auth::{RealmSecret, UserKey};
use hms::ident::{Epoch, Generation, RealmId, SessionId, UserId};
use serde_json::Value;

/// The vectors' file.
fn vectors() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/independent/vectors.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the vectors")).expect("JSON")
}

/// The rows of a section.
fn rows<'a>(vectors: &'a Value, section: &str) -> &'a Vec<Value> {
    vectors[section].as_array().expect("a list")
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field} of {row}"))
}

/// A number of 64 bits, which stands as text.
fn number(row: &Value, field: &str) -> u64 {
    text(row, field).parse().expect("a number")
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text(row, field).as_bytes()).expect("hexadecimal")
}

fn array<const N: usize>(row: &Value, field: &str) -> [u8; N] {
    bytes(row, field).try_into().expect("as many bytes")
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    data_encoding::HEXLOWER.encode(bytes.as_ref())
}

/// A user of the vectors and what follows from the realm's secret.
struct User {
    realm: RealmId,
    epoch: Epoch,
    generation: Generation,
    id: UserId,
    key: UserKey,
    nonce: u64,
    session: SessionId,
}

/// The user that a row names, derived from the realm's secret alone.
fn user(vectors: &Value, row: &Value) -> User {
    let of = text(row, "of");
    let row = rows(vectors, "users").iter().find(|u| text(u, "of") == of).expect("a user");
    let realm = RealmId(row["realm_id"].as_u64().and_then(|id| id.try_into().ok()).expect("a realm"));
    let generation = Generation(number(row, "generation"));
    let id = hms::auth::user_id(realm, text(row, "user_name"));
    let key = RealmSecret::new(array(row, "realm_secret")).user_key(id, generation);
    let nonce = number(row, "nonce");
    let session = key.session_id(nonce, number(row, "cookie"));
    let epoch = Epoch(row["epoch"].as_u64().and_then(|e| e.try_into().ok()).expect("an epoch"));
    User { realm, epoch, generation, id, key, nonce, session }
}
