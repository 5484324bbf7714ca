//! What outlives a process, as bytes: the secrets and the snapshot of an HMS, the store of a host.
//!
//! Bytes to values and back, no files: the shell reads and writes those. Whatever is read is checked whole; bytes
//! that are torn, damaged or of another format give a [`StorageError`] that says what is wrong, where, and what to do.

mod check;
mod error;
mod fields;
mod host_store;
mod known;
mod realms;
mod secrets;
mod secrets_1;
mod snapshot;
mod snapshot_row;
mod stored_entry;
mod text;

pub use error::{Document, Place, StorageError};
pub use host_store::HostStore;
pub use known::{AddressRecord, InvitationRecord, MemberRecord, RealmMark, Redeemed};
pub use realms::SecretsError;
pub use secrets::{RealmRecord, Secrets};
pub use snapshot::{Snapshot, SnapshotHeader, SnapshotWriter};
pub use snapshot_row::{SnapshotEnded, SnapshotRow};
pub use stored_entry::StoredEntry;

#[cfg(test)]
mod tests;
