//! For tools that show datagrams to people: messages of which nothing is proven.
//!
//! An HMS and a host must not use it: they read a body only of what `auth` has verified (R-AUT-01).

use super::announce::Announce;
use super::code::Kind;
use super::error::WireError;
use super::header::Unverified;
use super::hint::Hint;
use super::message::{Answer, Request};
use super::tlv::tlv_code;

/// A message whose tag nobody looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// What a host sends.
    Request(Request<'a>),
    /// What an HMS sends under a key.
    Answer(Answer<'a>),
    /// An explanation.
    Hint(Hint),
    /// An HMS says that it is there.
    Announce(Announce),
}

/// Reads a whole datagram between host and HMS without asking for a key.
pub fn message(bytes: &[u8]) -> Result<Message<'_>, WireError> {
    let datagram = Unverified::parse(bytes)?;
    let header = *datagram.header();
    match header.kind {
        Kind::Hint => Hint::parse(&datagram).map(Message::Hint),
        Kind::Announce => Announce::parse(&datagram).map(Message::Announce),
        kind if kind.is_response() => Answer::parse(&header, datagram.body()).map(Message::Answer),
        _ => Request::parse(&header, datagram.body()).map(Message::Request),
    }
}

/// The TLVs of the specification (2.3) with their codes.
pub const TLVS: &[(u8, &str)] = &[
    (tlv_code::USER_NAME, "USER-NAME"),
    (tlv_code::HOST_NAME, "HOST-NAME"),
    (tlv_code::REPORTED, "REPORTED"),
    (tlv_code::PORTS, "PORTS"),
    (tlv_code::SERVICE, "SERVICE"),
    (tlv_code::STATE, "STATE"),
    (tlv_code::CONFERENCE, "CONFERENCE"),
    (tlv_code::FIXED, "FIXED"),
    (tlv_code::VIEW, "VIEW"),
    (tlv_code::OBSERVED, "OBSERVED"),
    (tlv_code::HMS, "HMS"),
    (tlv_code::CLUSTER_KEY, "CLUSTER-KEY"),
    (tlv_code::REALM_NAME, "REALM-NAME"),
    (tlv_code::CHECK_TIME, "CHECK-TIME"),
    (tlv_code::GRANTED, "GRANTED"),
    (tlv_code::MODE, "MODE"),
    (tlv_code::REPLICATED, "REPLICATED"),
    (tlv_code::PAGE_INFO, "PAGE-INFO"),
    (tlv_code::ENTRY, "ENTRY"),
    (tlv_code::GONE, "GONE"),
    (tlv_code::DIGESTS, "DIGESTS"),
    (tlv_code::BUCKETS, "BUCKETS"),
    (tlv_code::PATTERN, "PATTERN"),
    (tlv_code::ADDRESS, "ADDRESS"),
    (tlv_code::SIGNATURE, "SIGNATURE"),
    (tlv_code::PAD, "PAD"),
];
