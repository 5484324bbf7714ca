//! For tools that show datagrams between HMSs to people: what can be said of one without a link.

use super::datagram::Datagram;
use super::drops::DropReason;
use super::hello::{CookieMessage, Hello, Reset, Welcome};
use super::keys::LinkSecret;
use super::limits::TAG_LEN;

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
