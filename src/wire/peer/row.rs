//! ROW: a row of the table (spec 10.7).

use std::net::SocketAddr;

use bytes::BufMut;
use nom::Parser as _;
use nom::combinator::map;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::tlvs::array;
use crate::ident::{Epoch, Generation, InstanceId, Order, RealmId, ServerId, SessionId, Stamp, UserId};
use crate::wire::address::{address, emit_address};
use crate::wire::content::{ContentRef, split_content};
use crate::wire::error::{Problem, WireError};
use crate::wire::tlv::{first_tlv, fixed, tlv_code};
use crate::wire::view::View;

/// Where a session is; who says so is its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The highest sequence that the home had accepted when the place changed.
    pub sequence: u64,
    /// Kept by the brake, or without an address.
    pub late: bool,
    /// The host's check time in milliseconds.
    pub check_ms: u32,
    /// The published address.
    pub address: Option<SocketAddr>,
}

/// What stands in a ROW before the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHead {
    /// The realm.
    pub realm: RealmId,
    /// Whose row.
    pub user: UserId,
    /// The session, and what comes before and after it.
    pub order: Order,
    /// The host's installation.
    pub instance: InstanceId,
    /// When the registration was made, Unix seconds; only shown.
    pub since: u64,
    /// Which of the realm's secrets the session's key comes from.
    pub epoch: Epoch,
    /// The version of the content.
    pub content_version: u32,
    /// Where the session is.
    pub place: Place,
}

impl RowHead {
    fn parse(value: &[u8], at: usize) -> Result<(&[u8], Self), WireError> {
        let (tail, (realm, user, order)) = fixed(value, at, "ROW", (be_u32, array, order))?;
        let session = (be_u64, be_u64, be_u8, be_u32, be_u64, be_u8, be_u32);
        let here = at + value.len() - tail.len();
        let (tail, (instance, since, epoch, content_version, sequence, status, check_ms)) =
            fixed(tail, here, "ROW", session)?;
        if !matches!(status, 1 | 2) {
            return Err(WireError::new(Problem::Value("status"), at));
        }
        let here = at + value.len() - tail.len();
        let (tail, address) = fixed(tail, here, "address", published)?;
        let place = Place { sequence, late: status == 2, check_ms, address };
        let head = Self {
            realm: RealmId(realm),
            user: UserId(*user),
            order,
            instance: InstanceId(instance),
            since,
            epoch: Epoch(epoch),
            content_version,
            place,
        };
        Ok((tail, head))
    }

    /// Appends a whole ROW as a value, to be read as a [`Row`]. `content` is what [`ContentRef`] accepts.
    pub fn emit(&self, content: &[u8], view: &View, push: bool, buf: &mut Vec<u8>) {
        buf.put_u32(self.realm.0);
        buf.put_slice(&self.user.0);
        emit_order(&self.order, buf);
        buf.put_u64(self.instance.0);
        buf.put_u64(self.since);
        buf.put_u8(self.epoch.0);
        buf.put_u32(self.content_version);
        buf.put_u64(self.place.sequence);
        buf.put_u8(if self.place.late { 2 } else { 1 });
        buf.put_u32(self.place.check_ms);
        match self.place.address {
            Some(address) => emit_address(buf, address),
            None => buf.put_u8(0),
        }
        buf.put_slice(content);
        if *view != View::None {
            view.emit(push, buf);
        }
    }
}

/// Generation, stamp, server id that stamped, session id.
pub(super) fn order(input: &[u8]) -> nom::IResult<&[u8], Order> {
    map((be_u64, be_u64, be_u64, be_u64), |(generation, stamp, server, session)| Order {
        generation: Generation(generation),
        stamp: Stamp(stamp),
        server: ServerId(server),
        session: SessionId(session),
    })
    .parse(input)
}

pub(super) fn emit_order(order: &Order, buf: &mut Vec<u8>) {
    buf.put_u64(order.generation.0);
    buf.put_u64(order.stamp.0);
    buf.put_u64(order.server.0);
    buf.put_u64(order.session.0);
}

/// An address, or one byte 0 for none.
fn published(input: &[u8]) -> nom::IResult<&[u8], Option<SocketAddr>> {
    match input.split_first() {
        Some((0, rest)) => Ok((rest, None)),
        _ => map(address, Some).parse(input),
    }
}

/// A row as it travels. What stands before the content was checked; see [`Self::said`] for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// What stands before the content.
    pub head: RowHead,
    bytes: &'a [u8],
    said: usize,
    at: usize,
}

/// What the host of a row says of itself, and what it wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// Content.
    pub content: ContentRef<'a>,
    /// The view that it follows.
    pub view: View,
    /// Whether changes are to be pushed.
    pub push: bool,
}

impl<'a> Row<'a> {
    /// Reads the value of a ROW, which begins at offset `at` of the message.
    pub fn parse(bytes: &'a [u8], at: usize) -> Result<Self, WireError> {
        let (tail, head) = RowHead::parse(bytes, at)?;
        Ok(Self { head, bytes, said: bytes.len() - tail.len(), at })
    }

    /// The value as it stands.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads what stands behind the address. An error makes this row one that is not used, and says nothing of the
    /// message in which it stands (R-PEE-57).
    pub fn said(&self) -> Result<Said<'a>, WireError> {
        let at = self.at + self.said;
        let (content, rest) = split_content(self.bytes.split_at(self.said).1, at)?;
        let (view, push) = view(rest, at + content.len())?;
        Ok(Said { content: ContentRef::parse(content, at)?, view, push })
    }
}

/// The VIEW at the end of a ROW, in the one form in which all HMSs write it: else their digests would differ.
fn view(rest: &[u8], at: usize) -> Result<(View, bool), WireError> {
    if rest.is_empty() {
        return Ok((View::None, false));
    }
    let (behind, tlv) = first_tlv(rest, at)?;
    let (view, push) = View::parse(&tlv)?;
    let plain = match &view {
        View::None => false,
        View::Unknown(_) => tlv.value.len() == 2,
        View::Realm | View::Group(_) => true,
        View::Named(users) => users.is_sorted_by(|a, b| a < b),
    };
    let bare_flags = tlv.value.get(1).is_some_and(|flags| *flags <= 1);
    if tlv.code == tlv_code::VIEW && !tlv.critical && plain && bare_flags && behind.is_empty() {
        Ok((view, push))
    } else {
        Err(tlv.error(Problem::Value("VIEW")))
    }
}
