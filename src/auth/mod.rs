//! Who may say what (spec chapter 3): the key tree, tags, cookies, replay windows, the cluster's signature.
//!
//! A datagram comes in as [`Unverified`](crate::wire::Unverified); only [`open`] makes a
//! [`Verified`](crate::wire::Verified) of it, and only that can be read. Going out, [`seal`] appends the tag.
//! Nothing here keeps time or makes randomness: both come from the caller.

mod cluster;
mod cookie;
mod digest;
pub(crate) mod hash;
mod keyring;
mod keys;
mod tag;
mod window;

pub use cluster::{ClusterKey, fixed_holds};
pub(crate) use cookie::Source;
pub use cookie::{CookieKey, Registrant};
pub use digest::{fact_digest, row_digest};
pub use keyring::{KeyError, Keyring, RealmInfo, Revocation};
pub use keys::{DatagramKey, ReadyKey, RealmSecret, SessionKey, StoredKey, UserKey, user_id};
pub use tag::{checksum_holds, open, seal, seal_checksum};
pub use window::Window;

#[cfg(test)]
mod tests;
