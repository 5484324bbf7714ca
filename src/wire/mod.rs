//! The wire format: bytes to values and back (spec chapter 2). Knows neither keys nor state.
//!
//! Reading has two steps. [`Unverified::parse`] looks at the header only; once `auth` has found that the tag holds it
//! turns the datagram into a [`Verified`], whose body can then be read as a [`Request`] or an [`Answer`].
//! Writing goes into the caller's buffer: [`Header::emit`], the message's `emit`, then `auth` appends the tag.
//! What HMSs say to each other over a link is in [`peer`].

mod ack;
mod address;
mod announce;
mod code;
mod content;
mod digests;
mod discover;
mod error;
mod find;
mod header;
mod heartbeat;
mod hint;
mod init;
pub mod inspect;
mod leave;
mod message;
mod offer;
mod page;
pub mod peer;
mod pull;
mod register;
mod registered;
mod short;
mod tlv;
mod view;

pub use ack::Ack;
pub use address::{emit_address, normal_address, parse_address};
pub use announce::{Announce, AnnounceEvent};
pub use code::Kind;
pub use content::{Content, ContentRef, HostState, Ports, Service, Transport, content_field};
pub use digests::Digests;
pub use discover::Discover;
pub use error::{Problem, WireError};
pub use find::{Find, Pattern};
pub use header::{Header, Unverified, Verified, flag};
pub use heartbeat::Heartbeat;
pub use hint::{Hint, HintCode};
pub use init::Init;
pub use leave::Leave;
pub use message::{Answer, Request};
pub use offer::{HmsInfo, Offer};
pub use page::{
    Changes, Entry, EntryHead, Gone, GoneReason, Item, PageInfo, PageKind, PageMessage, Signature,
};
pub use pull::{Buckets, Pull, PullKind};
pub use register::Register;
pub use registered::{GrantReason, Granted, Registered, Settings, UpdateMode};
pub use short::{RejectCode, Short};
pub use view::View;

#[cfg(test)]
mod tests;
