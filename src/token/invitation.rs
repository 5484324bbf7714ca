//! The invitation: one word by which another HMS becomes a member (R-PEE-31).

use std::fmt;
use std::net::SocketAddr;

use nom::Parser as _;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u64};
use zeroize::Zeroizing;

use super::{FORMAT, INVITATION_PREFIX, PREFIX, addresses, coded, decoded, put_addresses};
use crate::ident::{InvitationId, ServerId};

/// What an HMS needs to be admitted, once, by the HMS that made it.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which; not 0.
    pub id: InvitationId,
    /// The secret of the link under which it is redeemed (9.2).
    pub secret: Zeroizing<[u8; 32]>,
    /// Who made it; not 0.
    pub inviter: ServerId,
    /// Where that one is.
    pub addresses: Vec<SocketAddr>,
}

impl Invitation {
    /// The invitation as one word. Of more than 255 addresses the rest is left out.
    pub fn encode(&self) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(128));
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.id.0.to_be_bytes());
        bytes.extend_from_slice(&*self.secret);
        bytes.extend_from_slice(&self.inviter.0.to_be_bytes());
        put_addresses(&mut bytes, &self.addresses);
        coded(INVITATION_PREFIX, bytes)
    }

    /// Reads an invitation; white space around it is ignored, upper case accepted.
    ///
    /// # Errors
    /// It is none, or not whole; the error's Display says what to do.
    pub fn parse(text: &str) -> Result<Self, InvitationError> {
        let word = Zeroizing::new(text.trim().to_ascii_lowercase());
        let Some(coded) = word.strip_prefix(INVITATION_PREFIX) else {
            return Err(not_an_invitation(&word));
        };
        let payload = decoded(coded).ok_or(InvitationError::Mistyped)?;
        match payload.split_first() {
            Some((&FORMAT, fields)) => Self::read(fields).ok_or(InvitationError::Malformed),
            Some((&other, _)) => Err(InvitationError::Format(other)),
            None => Err(InvitationError::Malformed),
        }
    }

    fn read(fields: &[u8]) -> Option<Self> {
        let mut parser = (be_u64::<_, ()>, take(32usize), be_u64, be_u8);
        let (rest, (id, secret, inviter, count)) = parser.parse(fields).ok()?;
        let invitation = Self {
            id: InvitationId(id),
            secret: Zeroizing::new(secret.try_into().ok()?),
            inviter: ServerId(inviter),
            addresses: addresses(rest, count)?,
        };
        (id != 0 && inviter != 0).then_some(invitation)
    }
}

/// Not the secret.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation({}, by {} at {:?}, a secret)", self.id, self.inviter, self.addresses)
    }
}

fn not_an_invitation(word: &str) -> InvitationError {
    let later = |rest: &str| rest.split_once('_').is_some_and(|(n, _)| n.parse::<u32>().is_ok());
    if word.is_empty() {
        InvitationError::Empty
    } else if word.starts_with(PREFIX) {
        InvitationError::Token
    } else if word.strip_prefix("hmsp").is_some_and(later) {
        InvitationError::Newer
    } else if word.contains(INVITATION_PREFIX) {
        InvitationError::Surrounded
    } else {
        InvitationError::NotAnInvitation
    }
}

/// Why a text is not an invitation; its Display says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationError {
    /// Nothing there.
    Empty,
    /// It does not begin like an invitation.
    NotAnInvitation,
    /// An invitation with other words around it.
    Surrounded,
    /// The checksum does not fit, or a character cannot be in an invitation.
    Mistyped,
    /// The join token of a host.
    Token,
    /// An invitation of a later generation of the protocol.
    Newer,
    /// The checksum fits, and the format is not known here.
    Format(u8),
    /// The checksum fits, and the fields do not.
    Malformed,
}

impl fmt::Display for InvitationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "the invitation is empty; print one on an HMS of the cluster with `hms token --hms`",
            ),
            Self::NotAnInvitation => f.write_str(
                "this is not an invitation, which begins with hmsp1_; \
                 print one on an HMS of the cluster with `hms token --hms`",
            ),
            Self::Surrounded => {
                f.write_str("there is more than the invitation; give only the word that begins with hmsp1_")
            }
            Self::Mistyped => f.write_str(
                "the invitation is mistyped or cut short; copy the whole word that begins with hmsp1_ again",
            ),
            Self::Token => f.write_str(
                "this is the join token of a host: use `hms join` there; \
                 for an HMS print an invitation on an HMS of the cluster with `hms token --hms`",
            ),
            Self::Newer => f.write_str(
                "the invitation is for a later version of HMS; update this program, \
                 or print an invitation with the same version",
            ),
            Self::Format(format) => {
                let known = "and this version reads";
                write!(f, "the invitation has format {format}, {known} {FORMAT}; update this program")
            }
            Self::Malformed => f.write_str(
                "the invitation was made wrongly, though not mistyped; \
                 print a new one on an HMS of the cluster with `hms token --hms`",
            ),
        }
    }
}

impl std::error::Error for InvitationError {}

#[cfg(test)]
mod tests {
    use super::super::{BASE32_NOPAD, CHECKSUM_LEN, checksum};
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            id: InvitationId(0x0102_0304_0506_0708),
            secret: Zeroizing::new([7; 32]),
            inviter: ServerId(0x1112_1314_1516_1718),
            addresses: vec![
                "10.1.0.5:6710".parse().expect("an address"),
                "[2001:db8::5]:6710".parse().expect("an address"),
            ],
        }
    }

    /// An invitation with these bytes and a checksum that fits.
    fn with_payload(payload: &[u8]) -> String {
        let bytes = [payload, &checksum(payload)].concat();
        format!("{INVITATION_PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }

    fn payload(invitation: &Invitation) -> Vec<u8> {
        let word =
            invitation.encode().strip_prefix(INVITATION_PREFIX).expect("the prefix").to_ascii_uppercase();
        let mut bytes = BASE32_NOPAD.decode(word.as_bytes()).expect("base32");
        bytes.truncate(bytes.len() - CHECKSUM_LEN);
        bytes
    }

    #[test]
    fn goes_there_and_back() {
        shows!("R-PEE-31");
        let word = invitation().encode();
        assert_eq!(Invitation::parse(&format!(" {word}\r\n")), Ok(invitation()));
        assert_eq!(Invitation::parse(&word.to_ascii_uppercase()), Ok(invitation()));
        let bare = Invitation { addresses: Vec::new(), ..invitation() };
        assert_eq!(Invitation::parse(&bare.encode()), Ok(bare));
        let many = Invitation { addresses: vec![invitation().addresses[0]; 256], ..invitation() };
        assert_eq!(Invitation::parse(&many.encode()).map(|read| read.addresses.len()), Ok(255));
    }

    #[test]
    fn is_laid_out_as_the_specification_says() {
        shows!("R-PEE-31");
        let expected = [
            [1, 1, 2, 3, 4, 5, 6, 7, 8].as_slice(),
            &[7; 32],
            &[0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 2],
            &[4, 10, 1, 0, 5, 0x1a, 0x36],
            &[6, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0x1a, 0x36],
        ]
        .concat();
        assert_eq!(payload(&invitation()), expected);
    }

    #[test]
    fn one_wrong_character_is_called_mistyped() {
        shows!("R-PEE-31");
        let word = invitation().encode();
        for at in INVITATION_PREFIX.len()..word.len() {
            for other in ["a", "7", "1", "_", "é"] {
                let mut wrong = word.clone();
                wrong.replace_range(at..=at, other);
                if wrong != word {
                    assert_eq!(Invitation::parse(&wrong), Err(InvitationError::Mistyped), "{wrong}");
                }
            }
            assert_eq!(Invitation::parse(word.split_at(at).0), Err(InvitationError::Mistyped));
        }
    }

    #[test]
    fn what_fits_the_checksum_and_nothing_else_is_malformed() {
        let whole = payload(&invitation());
        for end in 0..whole.len() {
            let cut = with_payload(whole.split_at(end).0);
            assert_eq!(Invitation::parse(&cut), Err(InvitationError::Malformed), "{end} bytes");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(Invitation::parse(&with_payload(&longer)), Err(InvitationError::Malformed));
        for nobody in [1..9, 41..49] {
            let mut wrong = whole.clone();
            wrong[nobody].fill(0);
            assert_eq!(Invitation::parse(&with_payload(&wrong)), Err(InvitationError::Malformed));
        }
        let mut newer = whole;
        newer[0] = 2;
        assert_eq!(Invitation::parse(&with_payload(&newer)), Err(InvitationError::Format(2)));
    }

    #[test]
    fn what_is_no_invitation_is_told_apart() {
        let cases = [
            (" \n", InvitationError::Empty),
            ("hello", InvitationError::NotAnInvitation),
            ("hms1_abc", InvitationError::Token),
            ("hmsp2_abc", InvitationError::Newer),
            ("hms serve --join hmsp1_abc", InvitationError::Surrounded),
            ("hmsp1_", InvitationError::Mistyped),
        ];
        for (text, error) in cases {
            assert_eq!(Invitation::parse(text), Err(error), "{text:?}");
        }
        assert!(InvitationError::Token.to_string().contains("hms join"));
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert!(!format!("{:?}", invitation()).contains("7, 7, 7"));
    }
}
