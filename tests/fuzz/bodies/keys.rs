//! One realm, its users' keys, and datagrams made with them.

use std::net::SocketAddr;
use std::sync::OnceLock;

use hms::auth::{self, ClusterKey, DatagramKey, RealmSecret, UserKey};
use hms::cluster::{Decision, Facts};
use hms::ident::{Epoch, Generation, Name, RealmId, ServerId, SessionId, Stamp, UserId};
use hms::limits::{DATAGRAM_MAX, TAG_LEN};
use hms::wire::{Header, Kind, Unverified, Verified};

pub(super) const REALM: RealmId = RealmId(7);
pub(super) const EPOCH: Epoch = Epoch(1);

pub(super) fn secret() -> RealmSecret {
    RealmSecret::new([4; 32])
}

/// What an HMS knows that serves the realm.
pub(super) fn facts() -> Facts {
    let mut facts = Facts::default();
    let decision = Decision { clock: Stamp(1), by: ServerId(1) };
    facts.enter_realm(decision, (REALM, EPOCH), secret().as_bytes(), &name("home")).expect("room");
    facts
}

pub(super) fn cluster() -> ClusterKey {
    ClusterKey::from_seed(&[3; 32])
}

/// The public half, made once: it takes longer than most inputs.
pub(super) fn cluster_public() -> [u8; 32] {
    static PUBLIC: OnceLock<[u8; 32]> = OnceLock::new();
    *PUBLIC.get_or_init(|| cluster().public())
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(super) fn user(text: &str) -> UserId {
    auth::user_id(REALM, text)
}

pub(super) fn user_key(user: UserId) -> UserKey {
    secret().user_key(user, Generation(0))
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(super) const fn header(kind: Kind, flags: u8, user: UserId, session: SessionId, sequence: u64) -> Header {
    Header { kind, flags, epoch: EPOCH, realm: REALM, user, session, sequence }
}

/// A whole datagram; what does not fit is cut off its body, as no sender could send more.
pub(super) fn sealed(key: &impl DatagramKey, header: &Header, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DATAGRAM_MAX);
    header.emit(&mut bytes);
    write(&mut bytes);
    bytes.truncate(DATAGRAM_MAX - TAG_LEN);
    auth::seal(key, &mut bytes);
    bytes
}

/// Opens a datagram under the user's key, or under that of the session that it names.
pub(super) fn open<'a>(key: &UserKey, bytes: &'a [u8]) -> Option<Verified<'a>> {
    let datagram = Unverified::parse(bytes).ok()?;
    match datagram.header().session {
        SessionId(0) => auth::open(key, datagram),
        session => auth::open(&key.session_key(session), datagram),
    }
}

/// Hits a datagram somewhere.
pub(super) fn hit(bytes: &mut Vec<u8>, at: usize, how: u8) {
    let at = at % bytes.len().max(1);
    match (how, bytes.get_mut(at)) {
        (0..=199, Some(byte)) => *byte ^= 1 << (how % 8),
        (200..=229, _) => bytes.truncate(at),
        (_, Some(byte)) => *byte = how,
        _ => {}
    }
}
