//! The key tree (spec 3.1): realm secret, user key, session key, and the ids that hang on them.

use std::fmt;

use ring::hmac;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::hash::{self, LEN};
use crate::ident::{Generation, RealmId, SessionId, UserId};
use crate::limits::TAG_LEN;

/// A key under which datagrams are signed.
pub trait DatagramKey {
    /// The tag of these bytes.
    fn tag(&self, signed: &[u8]) -> [u8; TAG_LEN];
}

/// A key made ready for more than one tag: with SHA-256 that is half of the work for a short datagram. The answer to a
/// datagram is signed under the key that verified it.
pub struct ReadyKey(hmac::Key);

impl ReadyKey {
    /// From the 32 bytes.
    pub fn new(bytes: &[u8; LEN]) -> Self {
        Self(hash::mac_key(bytes))
    }
}

impl DatagramKey for ReadyKey {
    fn tag(&self, signed: &[u8]) -> [u8; TAG_LEN] {
        hash::first(&hash::mac(&self.0, &[signed]))
    }
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Wiped when dropped, compared in constant time, never shown.
        #[derive(Clone)]
        pub struct $name(Zeroizing<[u8; LEN]>);

        impl $name {
            /// Takes the key from where it was stored.
            pub fn from_bytes(bytes: [u8; LEN]) -> Self {
                Self(Zeroizing::new(bytes))
            }

            /// The 32 bytes, to be stored.
            pub fn as_bytes(&self) -> &[u8; LEN] {
                &self.0
            }
        }

        impl DatagramKey for $name {
            fn tag(&self, signed: &[u8]) -> [u8; TAG_LEN] {
                ReadyKey::new(&self.0).tag(signed)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&*other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }
    };
}

key! {
    /// What a user holds, in a join token (R-AUT-02); signs everything before there is a session.
    UserKey
}
key! {
    /// Signs the datagrams of one session, in both directions.
    SessionKey
}

/// A session key where it is stored, without copying it.
#[derive(Clone, Copy)]
pub struct StoredKey<'a>(pub &'a [u8; LEN]);

impl DatagramKey for StoredKey<'_> {
    fn tag(&self, signed: &[u8]) -> [u8; TAG_LEN] {
        ReadyKey::new(self.0).tag(signed)
    }
}

/// The secret of a realm for one epoch: all its users' keys come from it.
///
/// The bytes are wiped when dropped, the prepared key is not: ring keeps that to itself.
#[derive(Clone)]
pub struct RealmSecret {
    bytes: Zeroizing<[u8; LEN]>,
    /// HKDF's PRK, since every datagram without a known session needs it.
    prk: hmac::Key,
}

impl RealmSecret {
    /// A secret from 32 random bytes.
    pub fn new(bytes: [u8; LEN]) -> Self {
        Self { prk: hash::extract(b"hms1", &bytes), bytes: Zeroizing::new(bytes) }
    }

    /// The 32 bytes, to be stored.
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.bytes
    }

    /// The key of a user in one generation.
    pub fn user_key(&self, user: UserId, generation: Generation) -> UserKey {
        UserKey::from_bytes(hash::expand(&self.prk, &[b"hms1 user", &user.0, &generation.0.to_be_bytes()]))
    }
}

impl fmt::Debug for RealmSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RealmSecret(secret)")
    }
}

impl UserKey {
    /// The id of the session that a client's nonce and an HMS's cookie make.
    pub fn session_id(&self, nonce: u64, cookie: u64) -> SessionId {
        let key = hash::mac_key(self.as_bytes());
        let parts: [&[u8]; 3] = [b"hms1 sid", &nonce.to_be_bytes(), &cookie.to_be_bytes()];
        SessionId(hash::first_u64(&hash::mac(&key, &parts)))
    }

    /// The key of a session.
    pub fn session_key(&self, session: SessionId) -> SessionKey {
        let prk = hash::mac_key(self.as_bytes());
        SessionKey::from_bytes(hash::expand(&prk, &[b"hms1 session", &session.0.to_be_bytes()]))
    }
}

/// The id of the user with this name in a realm.
pub fn user_id(realm: RealmId, name: &str) -> UserId {
    UserId(hash::first(&hash::sha256(&[b"hms1 uid", &realm.0.to_be_bytes(), name.as_bytes()])))
}
