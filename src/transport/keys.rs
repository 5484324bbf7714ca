//! The keys of a link (spec 9.2).

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::limits::{GENERATION_BITS, TAG_LEN};
use crate::auth::hash::{self, LEN, expand, mac, mac_key};
use crate::ident::{Incarnation, ServerId};

/// Which secret a link is made with: 0 is the cluster's, others are invitations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u64);

impl KeyId {
    /// The cluster secret.
    pub const CLUSTER: Self = Self(0);
}

/// A secret from which links are made.
#[derive(Clone)]
pub struct LinkSecret {
    id: KeyId,
    prk: hmac::Key,
    hello: hmac::Key,
}

impl LinkSecret {
    /// The cluster secret: 32 random bytes that no host holds.
    pub fn cluster(secret: &[u8; LEN]) -> Self {
        Self::new(KeyId::CLUSTER, b"hms1 cluster", secret)
    }

    /// The secret of an invitation, whose id is not 0 (R-TRN-13).
    pub fn invitation(id: KeyId, secret: &[u8; LEN]) -> Self {
        Self::new(id, b"hms1 invitation", secret)
    }

    fn new(id: KeyId, salt: &[u8], secret: &[u8]) -> Self {
        let prk = hash::extract(salt, secret);
        let hello = mac_key(&expand(&prk, &[b"hms1 hello", &id.0.to_be_bytes()]));
        Self { id, prk, hello }
    }

    /// Which secret it is.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The tag of a handshake datagram.
    pub(super) fn tag(&self, signed: &[u8]) -> [u8; TAG_LEN] {
        hash::first(&mac(&self.hello, &[signed]))
    }

    /// What the tag covers, if it holds; compared in constant time.
    pub(super) fn open<'a>(&self, datagram: &'a [u8]) -> Option<&'a [u8]> {
        let (signed, given) = datagram.split_last_chunk::<TAG_LEN>()?;
        let holds = u128::from_be_bytes(self.tag(signed)).ct_eq(&u128::from_be_bytes(*given));
        bool::from(holds).then_some(signed)
    }

    /// The secret of the link between these two: what opens it (R-TRN-15).
    pub(super) fn link_secret(
        &self,
        attempt: u64,
        initiator: &Party,
        responder: &Party,
    ) -> Zeroizing<[u8; LEN]> {
        let info: [&[u8]; 5] = [
            b"hms1 link",
            &self.id.0.to_be_bytes(),
            &attempt.to_be_bytes(),
            &initiator.bytes(),
            &responder.bytes(),
        ];
        Zeroizing::new(expand(&self.prk, &info))
    }

    /// The keys of the link between these two, as one of them sees it.
    pub(super) fn link(&self, attempt: u64, initiator: &Party, responder: &Party, side: Side) -> LinkKeys {
        let (i, r) = data_keys(&self.link_secret(attempt, initiator, responder));
        let (send, receive) = match side {
            Side::Initiator => (i, r),
            Side::Responder => (r, i),
        };
        LinkKeys { send: Sealer { key: Generation::new(0, send) }, receive: Opener::new(receive) }
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkSecret({:016x}, secret)", self.id.0)
    }
}

/// The first data keys of a link: of what its initiator sends, and of what its responder sends.
pub(super) fn data_keys(link_secret: &[u8; LEN]) -> (Zeroizing<[u8; LEN]>, Zeroizing<[u8; LEN]>) {
    let link = mac_key(link_secret);
    let key = |label: &[u8]| Zeroizing::new(expand(&link, &[label]));
    (key(b"hms1 data i"), key(b"hms1 data r"))
}

/// Who began the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who sent the HELLO.
    Initiator,
    /// Who answered it.
    Responder,
}

/// What each side puts into the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) server: ServerId,
    pub(super) incarnation: Incarnation,
    pub(super) session: u64,
    pub(super) nonce: [u8; LEN],
}

impl Party {
    fn bytes(&self) -> [u8; 52] {
        let mut bytes = [0; 52];
        let parts: [&[u8]; 4] = [
            &self.server.0.to_be_bytes(),
            &self.incarnation.0.to_be_bytes(),
            &self.session.to_be_bytes(),
            &self.nonce,
        ];
        parts.into_iter().flatten().zip(&mut bytes).for_each(|(from, to)| *to = *from);
        bytes
    }
}

/// The data key of one generation, and what the next is made from.
pub(super) struct Generation {
    index: u64,
    bytes: Zeroizing<[u8; LEN]>,
    aead: LessSafeKey,
}

impl Generation {
    pub(super) fn new(index: u64, bytes: Zeroizing<[u8; LEN]>) -> Self {
        // ring refuses keys of another length only, which the type excludes.
        let aead = UnboundKey::new(&AES_256_GCM, bytes.as_slice()).expect("32 bytes are an AES-256 key");
        Self { index, aead: LessSafeKey::new(aead), bytes }
    }

    pub(super) const fn aead(&self) -> &LessSafeKey {
        &self.aead
    }

    pub(super) fn next(&self) -> Self {
        let bytes = expand(&mac_key(self.bytes.as_slice()), &[b"hms1 next"]);
        Self::new(self.index + 1, Zeroizing::new(bytes))
    }
}

/// The generation of the key under a number (R-TRN-11).
pub(super) const fn generation(number: u64) -> u64 {
    number >> GENERATION_BITS
}

/// The number as a nonce (R-TRN-30).
pub(super) fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    number.to_be_bytes().iter().zip(bytes.iter_mut().skip(4)).for_each(|(from, to)| *to = *from);
    Nonce::assume_unique_for_key(bytes)
}

/// Both directions of a link.
pub(super) struct LinkKeys {
    pub(super) send: Sealer,
    pub(super) receive: Opener,
}

/// Encrypts what one side sends; numbers only rise.
pub(super) struct Sealer {
    key: Generation,
}

impl Sealer {
    /// Encrypts `body` where it stands and gives its tag; none if the number's key is gone.
    pub(super) fn seal(&mut self, number: u64, header: &[u8], body: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        while self.key.index < generation(number) {
            self.key = self.key.next();
        }
        if self.key.index != generation(number) {
            return None;
        }
        let tag = self.key.aead.seal_in_place_separate_tag(nonce(number), Aad::from(header), body).ok()?;
        tag.as_ref().first_chunk().copied()
    }

    #[cfg(test)]
    pub(super) fn key(&self) -> [u8; LEN] {
        *self.key.bytes
    }
}

/// Decrypts what the other side sends: this generation, the one before, the one after.
pub(super) struct Opener {
    before: Option<Generation>,
    current: Generation,
    after: Generation,
}

impl Opener {
    fn new(bytes: Zeroizing<[u8; LEN]>) -> Self {
        let current = Generation::new(0, bytes);
        Self { before: None, after: current.next(), current }
    }

    /// Decrypts in place; nothing is to be used of `body` if the tag does not hold.
    pub(super) fn open<'a>(&mut self, number: u64, header: &[u8], body: &'a mut [u8]) -> Option<&'a [u8]> {
        let wanted = generation(number);
        let keys = [Some(&self.current), self.before.as_ref(), Some(&self.after)];
        let key = keys.into_iter().flatten().find(|key| key.index == wanted)?;
        let plain = key.aead.open_in_place(nonce(number), Aad::from(header), body).ok()?;
        if wanted == self.after.index {
            let next = self.after.next();
            let current = std::mem::replace(&mut self.after, next);
            self.before = Some(std::mem::replace(&mut self.current, current));
        }
        Some(plain)
    }

    #[cfg(test)]
    pub(super) fn key(&self) -> [u8; LEN] {
        *self.current.bytes
    }
}
