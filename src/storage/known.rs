//! What an HMS keeps of the cluster: members, addresses, removal marks, invitations (10.5).

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{fields, text};
use crate::ident::{Epoch, InvitationId, Name, RealmId, ServerId, Stamp};
use crate::wire::peer::Mark;

/// An HMS that is a member, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRecord {
    /// Which HMS.
    #[serde(with = "text")]
    pub server: ServerId,
    /// What it is called.
    #[serde(with = "text")]
    pub name: Name,
    /// What was decided.
    #[serde(with = "fields::mark")]
    pub mark: Mark,
}

/// An address of an HMS that is registered, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRecord {
    /// The address, in its normal form.
    #[serde(with = "text")]
    pub address: SocketAddr,
    /// Whose it is, if that is known.
    #[serde(with = "text::optional")]
    pub server: Option<ServerId>,
    /// What was decided.
    #[serde(with = "fields::mark")]
    pub mark: Mark,
}

/// A realm that was removed, in one of its epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealmMark {
    /// What it was called.
    #[serde(with = "text")]
    pub name: Name,
    /// Which realm.
    #[serde(with = "text")]
    pub id: RealmId,
    /// Which of its secrets.
    #[serde(with = "fields::epoch")]
    pub epoch: Epoch,
    /// Its removal.
    #[serde(with = "fields::mark")]
    pub mark: Mark,
}

/// An invitation for an HMS, at the HMS that made it (R-PEE-32).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvitationRecord {
    /// Which; not 0.
    #[serde(with = "text")]
    pub id: InvitationId,
    /// The secret of the link under which it is redeemed.
    #[serde(with = "text")]
    pub secret: Zeroizing<[u8; 32]>,
    /// On the stamp clock: up to when it may be redeemed.
    #[serde(with = "text")]
    pub expires: Stamp,
    /// Who redeemed it.
    pub redeemed: Option<Redeemed>,
}

/// That an invitation was redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redeemed {
    /// By whom.
    #[serde(with = "text")]
    pub by: ServerId,
    /// When, on the stamp clock.
    #[serde(with = "text")]
    pub at: Stamp,
}

impl fmt::Debug for InvitationRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationRecord({}, until {}, {:?}, a secret)", self.id, self.expires, self.redeemed)
    }
}
