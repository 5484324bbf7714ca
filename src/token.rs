//! The join token: one word that gives a host everything it needs to register (spec 3.6).

mod invitation;

use std::fmt;
use std::net::SocketAddr;

use data_encoding::BASE32_NOPAD;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u32, be_u64};
use ring::digest;
use zeroize::Zeroizing;

use crate::auth::{UserKey, user_id};
use crate::ident::{Epoch, Generation, Name, RealmId, UserId};
use crate::limits::REALM_NAME_MAX;
use crate::wire::{emit_address, parse_address};

pub use invitation::{Invitation, InvitationError};

/// What every join token begins with.
pub const PREFIX: &str = "hms1_";
/// What an invitation for an HMS begins with.
const INVITATION_PREFIX: &str = "hmsp1_";
/// The first byte behind the prefix.
const FORMAT: u8 = 1;
/// Bytes of SHA-256 at the end, against mistyping.
const CHECKSUM_LEN: usize = 4;

/// What a user is given once (R-AUT-02): names, key, and where the HMSs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The realm.
    pub realm: RealmId,
    /// From which of the realm's secrets the key comes.
    pub epoch: Epoch,
    /// Of which generation the key is.
    pub generation: Generation,
    /// The user's key.
    pub user_key: UserKey,
    /// Ed25519 public key of the cluster.
    pub cluster_key: [u8; 32],
    /// The user.
    pub user_name: Name,
    /// What the realm is called; only shown.
    pub realm_name: Name,
    /// Where the HMSs are; empty means by multicast.
    pub addresses: Vec<SocketAddr>,
}

impl Token {
    /// Most addresses in one token; more are left out.
    pub const ADDRESSES_MAX: usize = 255;

    /// The token as one word.
    pub fn encode(&self) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.realm.0.to_be_bytes());
        bytes.push(self.epoch.0);
        bytes.extend_from_slice(&self.generation.0.to_be_bytes());
        bytes.extend_from_slice(self.user_key.as_bytes());
        bytes.extend_from_slice(&self.cluster_key);
        put_counted(&mut bytes, self.user_name.as_str().as_bytes());
        put_counted(&mut bytes, self.realm_name.as_str().as_bytes());
        put_addresses(&mut bytes, &self.addresses);
        coded(PREFIX, bytes)
    }

    /// Reads a token; white space around it is ignored, upper case accepted.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let word = Zeroizing::new(text.trim().to_ascii_lowercase());
        let Some(coded) = word.strip_prefix(PREFIX) else {
            return Err(not_a_token(&word));
        };
        // The checksum speaks first (R-AUT-50): only what was not mistyped is worth a closer word.
        let payload = decoded(coded).ok_or(TokenError::Mistyped)?;
        match payload.split_first() {
            Some((&FORMAT, fields)) => Self::read(fields).ok_or(TokenError::Malformed),
            Some((&other, _)) => Err(TokenError::Format(other)),
            None => Err(TokenError::Malformed),
        }
    }

    /// The user's id, which the name gives.
    pub fn user_id(&self) -> UserId {
        user_id(self.realm, self.user_name.as_str())
    }

    fn read(fields: &[u8]) -> Option<Self> {
        let head = (be_u32::<_, ()>, be_u8, be_u64, take(32usize), take(32usize));
        let names = (length_data(be_u8), length_data(be_u8), be_u8);
        let (rest, ((realm, epoch, generation, user_key, cluster_key), (user, host, count))) =
            (head, names).parse(fields).ok()?;
        Some(Self {
            realm: RealmId(realm),
            epoch: Epoch(epoch),
            generation: Generation(generation),
            user_key: UserKey::from_bytes(user_key.try_into().ok()?),
            cluster_key: cluster_key.try_into().ok()?,
            user_name: name(user, Name::MAX)?,
            realm_name: name(host, REALM_NAME_MAX)?,
            addresses: addresses(rest, count)?,
        })
    }
}

fn put_counted(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.push(u8::try_from(text.len()).unwrap_or(0));
    bytes.extend_from_slice(text);
}

fn name(bytes: &[u8], limit: usize) -> Option<Name> {
    Name::with_limit(std::str::from_utf8(bytes).ok()?, limit).ok()
}

/// Exactly `count` addresses, and nothing behind them.
fn addresses(mut rest: &[u8], count: u8) -> Option<Vec<SocketAddr>> {
    let mut all = Vec::with_capacity(count.into());
    for _ in 0..count {
        let (after, address) = parse_address(rest)?;
        rest = after;
        all.push(address);
    }
    rest.is_empty().then_some(all)
}

/// How many there are, at most 255, and these.
fn put_addresses(bytes: &mut Vec<u8>, addresses: &[SocketAddr]) {
    let count = addresses.len().min(Token::ADDRESSES_MAX);
    bytes.push(u8::try_from(count).unwrap_or(u8::MAX));
    addresses.iter().take(count).for_each(|address| emit_address(bytes, *address));
}

/// The bytes with their checksum as one word.
fn coded(prefix: &str, mut bytes: Zeroizing<Vec<u8>>) -> String {
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    let mut word = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
    word.insert_str(0, prefix);
    word
}

/// What stands behind the prefix, without the checksum, which fits.
fn decoded(coded: &str) -> Option<Zeroizing<Vec<u8>>> {
    let coded = Zeroizing::new(coded.to_ascii_uppercase());
    let mut bytes = Zeroizing::new(BASE32_NOPAD.decode(coded.as_bytes()).ok()?);
    let (payload, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
    let length = (checksum(payload) == *sum).then_some(payload.len())?;
    bytes.truncate(length);
    Some(bytes)
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash = digest::digest(&digest::SHA256, payload);
    let mut sum = [0; CHECKSUM_LEN];
    sum.copy_from_slice(hash.as_ref().split_at(CHECKSUM_LEN).0);
    sum
}

fn not_a_token(word: &str) -> TokenError {
    let later = |rest: &str| rest.split_once('_').is_some_and(|(n, _)| n.parse::<u32>().is_ok());
    if word.is_empty() {
        TokenError::Empty
    } else if word.starts_with(INVITATION_PREFIX) {
        TokenError::Invitation
    } else if word.strip_prefix("hms").is_some_and(later) {
        TokenError::Newer
    } else if word.contains(PREFIX) {
        TokenError::Surrounded
    } else {
        TokenError::NotAToken
    }
}

/// Why a text is not a join token; its Display says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Nothing there.
    Empty,
    /// It does not begin like a token.
    NotAToken,
    /// A token with other words around it.
    Surrounded,
    /// The checksum does not fit, or a character cannot be in a token (R-AUT-50).
    Mistyped,
    /// An invitation for an HMS.
    Invitation,
    /// A token of a later generation of the protocol.
    Newer,
    /// The checksum fits, and the format is not known here.
    Format(u8),
    /// The checksum fits, and the fields do not.
    Malformed,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the token is empty; print one on the HMS with `hms token NAME`"),
            Self::NotAToken => f.write_str(
                "this is not a join token, which begins with hms1_; print one on the HMS with `hms token NAME`",
            ),
            Self::Surrounded => {
                f.write_str("there is more than the token; give only the word that begins with hms1_")
            }
            Self::Mistyped => f.write_str(
                "the token is mistyped or cut short; copy the whole word that begins with hms1_ again",
            ),
            Self::Invitation => f.write_str(
                "this is an invitation for an HMS: use `hms serve --join`; \
                 for a host print a token on the HMS with `hms token NAME`",
            ),
            Self::Newer => f.write_str(
                "the token is for a later version of HMS; update this program, \
                 or print a token with the same version",
            ),
            Self::Format(format) => {
                write!(f, "the token has format {format}, and this version reads {FORMAT}; update this program")
            }
            Self::Malformed => f.write_str(
                "the token was made wrongly, though not mistyped; print a new one on the HMS with `hms token NAME`",
            ),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests;
