//! For tools that show datagrams between HMSs to people: what can be said of one without a link.

use super::datagram::Datagram;
use super::drops::DropReason;
use super::event::Priority;
use super::frame::{self, Frames};
use super::hello::{CookieMessage, Hello, Reset, Welcome};
use super::keylog::LoggedLink;
use super::keys::LinkSecret;
use super::limits::TAG_LEN;
use crate::time::Duration;

/// A frame of an opened packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Which packets of the receiver arrived.
    Ack {
        /// From the highest down, both ends included.
        ranges: Vec<(u64, u64)>,
        /// From the arrival of the highest to the sending.
        delay: Duration,
    },
    /// Bytes of a stream.
    Message {
        /// Which stream.
        stream: Priority,
        /// Of the first byte.
        offset: u64,
        /// Never none.
        bytes: &'a [u8],
    },
    /// Up to where the receiver may send.
    Credit {
        /// Which stream.
        stream: Priority,
        /// The first byte that it may not send.
        limit: u64,
    },
    /// The end of the link.
    Close {
        /// Why (9.8).
        code: u16,
        /// Why, for people.
        reason: &'a str,
    },
    /// Asks for an ACK.
    Ping,
    /// Fills up.
    Padding,
    /// Of a later version.
    Extension(u8),
}

impl Frame<'_> {
    /// Whether the packet is to be acknowledged because of it.
    pub const fn eliciting(&self) -> bool {
        !matches!(self, Self::Padding | Self::Ack { .. } | Self::Close { .. })
    }
}

/// The frames of an opened packet, and of the first that is none its code and where it begins.
pub fn frames(opened: &[u8]) -> (Vec<Frame<'_>>, Option<(u8, usize)>) {
    let mut all = Vec::new();
    for frame in Frames::new(opened) {
        all.push(match frame {
            Err(wrong) => return (all, Some((wrong.code, wrong.at))),
            Ok(frame::Frame::Ack(ack)) => Frame::Ack { ranges: ack.ranges().collect(), delay: ack.delay },
            Ok(frame::Frame::Message { stream, offset, bytes }) => Frame::Message { stream, offset, bytes },
            Ok(frame::Frame::Credit { stream, limit }) => Frame::Credit { stream, limit },
            Ok(frame::Frame::Close { code, reason }) => Frame::Close { code, reason },
            Ok(frame::Frame::Ping) => Frame::Ping,
            Ok(frame::Frame::Padding) => Frame::Padding,
            Ok(frame::Frame::Extension(code)) => Frame::Extension(code),
        });
    }
    (all, None)
}

/// The link that a HELLO and the WELCOME that answers it make under this secret (R-TRN-10); none if a tag does not
/// hold or they do not belong together.
pub fn link(secret: &LinkSecret, hello: &[u8], welcome: &[u8]) -> Option<LoggedLink> {
    let (Ok(Datagram::Hello(asked)), Ok(Datagram::Welcome(answered))) =
        (Datagram::parse(hello), Datagram::parse(welcome))
    else {
        return None;
    };
    let initiator = Hello::parse(&asked, secret.open(hello)?)?.party;
    let responder = Welcome::parse(secret.open(welcome)?)?.party;
    let together = asked.key == secret.id()
        && asked.key == answered.key
        && asked.attempt == answered.attempt
        && answered.session == initiator.session;
    let link = secret.link_secret(asked.attempt, &initiator, &responder);
    together.then(|| LoggedLink::new(asked.attempt, (&initiator, &responder), link))
}

/// Whether the datagram is well formed; of DATA this is its header only.
pub fn check(bytes: &[u8]) -> Result<(), DropReason> {
    let datagram = Datagram::parse(bytes)?;
    let signed = bytes.split_at(bytes.len().saturating_sub(TAG_LEN)).0;
    let sound = match datagram {
        Datagram::Hello(head) => Hello::parse(&head, signed).is_some(),
        Datagram::Cookie(_) => CookieMessage::parse(signed).is_some(),
        Datagram::Welcome(_) => Welcome::parse(signed).is_some(),
        Datagram::Reset => Reset::parse(signed).is_some(),
        Datagram::Data(_) => true,
    };
    if sound { Ok(()) } else { Err(DropReason::Malformed) }
}

/// Whether the tag of a HELLO, COOKIE, WELCOME or RESET holds under this secret.
pub fn tag_holds(secret: &LinkSecret, bytes: &[u8]) -> bool {
    secret.open(bytes).is_some()
}
