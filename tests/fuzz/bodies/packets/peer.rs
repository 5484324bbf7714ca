//! A peer of an endpoint, made from chapter 9 alone: it has the cluster secret, and writes what it likes.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

/// The cluster secret.
pub(super) const SECRET: [u8; 32] = [7; 32];
/// Server id of the endpoint.
pub(super) const THEIRS: u64 = 1;

pub(super) mod kind {
    pub(crate) const HELLO: u8 = 0x20;
    pub(crate) const COOKIE: u8 = 0x21;
    pub(crate) const WELCOME: u8 = 0x22;
    pub(crate) const DATA: u8 = 0x23;
    pub(crate) const RESET: u8 = 0x24;
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().try_into().expect("32 bytes")
}

/// HKDF-Expand to 32 bytes.
fn expand(key: &[u8], info: &[&[u8]]) -> [u8; 32] {
    mac(key, &[&info.concat(), &[1]])
}

fn prk() -> [u8; 32] {
    mac(b"hms1 cluster", &[&SECRET])
}

/// Appends the tag of HELLO, COOKIE, WELCOME, RESET.
pub(super) fn sign(bytes: &mut Vec<u8>) {
    let key = expand(&prk(), &[b"hms1 hello", &[0; 8]]);
    bytes.extend_from_slice(&mac(&key, &[bytes])[..16]);
}

/// Who takes part in a link: server id, incarnation, session id, nonce, as the keys have them.
#[derive(Clone, Copy)]
pub(super) struct Party {
    pub(super) server: u64,
    pub(super) incarnation: u32,
    pub(super) session: u64,
    pub(super) nonce: [u8; 32],
}

impl Party {
    fn bytes(&self) -> Vec<u8> {
        let head = [self.server.to_be_bytes().as_slice(), &self.incarnation.to_be_bytes()].concat();
        [&head[..], &self.session.to_be_bytes(), &self.nonce].concat()
    }

    /// As HELLO and WELCOME have it.
    fn on_the_wire(&self) -> Vec<u8> {
        let head = [self.incarnation.to_be_bytes().as_slice(), &self.server.to_be_bytes()].concat();
        [&head[..], &self.session.to_be_bytes(), &self.nonce].concat()
    }

    /// From a WELCOME.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (incarnation, rest) = bytes.split_first_chunk()?;
        let (server, rest) = rest.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let nonce = *rest.first_chunk()?;
        let incarnation = u32::from_be_bytes(*incarnation);
        Some(Self {
            server: u64::from_be_bytes(*server),
            incarnation,
            session: u64::from_be_bytes(*session),
            nonce,
        })
    }
}

/// The peer as an initiator.
pub(super) struct Peer {
    pub(super) own: Party,
    pub(super) attempt: u64,
    pub(super) cookie: [u8; 16],
    /// The other party and the data keys of both directions, once there are some.
    link: Option<(Party, [u8; 32], [u8; 32])>,
    pub(super) number: u64,
}

fn head(kind: u8, session: u64, attempt: u64) -> Vec<u8> {
    let mut bytes = vec![1, kind];
    bytes.resize(16, 0);
    bytes.extend_from_slice(&session.to_be_bytes());
    bytes.extend_from_slice(&attempt.to_be_bytes());
    bytes
}

impl Peer {
    pub(super) fn new(server: u64, incarnation: u32, attempt: u64) -> Self {
        let own = Party { server, incarnation, session: attempt | 1 << 63, nonce: [attempt as u8; 32] };
        Self { own, attempt, cookie: [0; 16], link: None, number: 0 }
    }

    pub(super) fn hello(&self) -> Vec<u8> {
        let mut bytes = head(kind::HELLO, 0, self.attempt);
        bytes.extend_from_slice(&[1, 1, 0, 0]);
        bytes.extend_from_slice(&self.own.on_the_wire());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.cookie);
        bytes.resize(1184, 0);
        sign(&mut bytes);
        bytes
    }

    /// Takes what an endpoint says; what it says under the keys of the link is decrypted.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match bytes.get(1) {
            Some(&kind::COOKIE) if bytes[16..24] == self.own.session.to_be_bytes() => {
                self.cookie = bytes[48..64].try_into().expect("16 bytes");
            }
            Some(&kind::WELCOME) if bytes[16..24] == self.own.session.to_be_bytes() => {
                let theirs = Party::read(&bytes[36..]).expect("a party");
                assert_eq!(theirs.server, THEIRS);
                let attempt = self.attempt.to_be_bytes();
                let info: [&[u8]; 5] = [b"hms1 link", &[0; 8], &attempt, &self.own.bytes(), &theirs.bytes()];
                let secret = expand(&prk(), &info);
                let keys = [b"hms1 data i", b"hms1 data r"].map(|name| expand(&secret, &[name]));
                (self.link, self.number) = (Some((theirs, keys[0], keys[1])), 0);
            }
            Some(&kind::DATA) if bytes[8..16] == self.own.session.to_be_bytes() => {
                let (_, _, key) = self.link.as_ref()?;
                let mut body = bytes[16..].to_vec();
                let plain =
                    cipher(key).open_in_place(nonce(&bytes[2..8]), Aad::from(&bytes[..16]), &mut body);
                return plain.ok().map(|plain| plain.to_vec());
            }
            _ => {}
        }
        None
    }

    /// DATA with these bytes as frames, under this number.
    pub(super) fn data(&self, number: u64, frames: &[u8]) -> Option<Vec<u8>> {
        let (theirs, key, _) = self.link.as_ref()?;
        let mut bytes =
            [&[1, kind::DATA], &number.to_be_bytes()[2..], &theirs.session.to_be_bytes()].concat();
        let mut body = frames[..frames.len().min(1168)].to_vec();
        body.resize(body.len().max(16), 0);
        let tag = cipher(key).seal_in_place_separate_tag(nonce(&bytes[2..8]), Aad::from(&bytes), &mut body);
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(tag.expect("short enough").as_ref());
        Some(bytes)
    }
}

fn cipher(key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes"))
}

/// The number, 6 bytes, as a nonce.
fn nonce(number: &[u8]) -> Nonce {
    let mut bytes = [0; 12];
    bytes[6..].copy_from_slice(number);
    Nonce::assume_unique_for_key(bytes)
}
