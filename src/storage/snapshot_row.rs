//! One row in a snapshot, and one session that ended.

use std::net::SocketAddr;

use bytes::BufMut;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::combinator::cond;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u64};

use super::text::Text as _;
use crate::ident::{Epoch, Generation, InstanceId, Order, RealmId, ServerId, SessionId, Stamp, UserId};
use crate::wire::{ContentRef, View, emit_address, parse_address};

/// A row as it outlives its HMS: no key, since realm, epoch, user, generation and session give it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRow {
    /// The realm.
    pub realm: RealmId,
    /// Under which of the realm's secrets the host registered.
    pub epoch: Epoch,
    /// The user.
    pub user: UserId,
    /// The user's generation then; a row below the stored one is dropped on loading.
    pub generation: Generation,
    /// The session.
    pub session: SessionId,
    /// The registration's stamp.
    pub stamp: Stamp,
    /// The HMS that stamped.
    pub server: ServerId,
    /// The host's installation.
    pub instance: InstanceId,
    /// Version of the content.
    pub content_version: u32,
    /// The content's TLVs, checked on reading.
    pub content: Box<[u8]>,
    /// The session's view.
    pub view: View,
    /// Whether changes are pushed to it.
    pub push: bool,
    /// The published address.
    pub address: Option<SocketAddr>,
    /// When the registration was made, Unix seconds; only shown.
    pub since: u64,
    /// The check time that the host was told, in milliseconds.
    pub check_time_ms: u32,
    /// The sequence of its place (R-PEE-52).
    pub sequence: u64,
}

/// A session that its host left (GONE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEnded {
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
    /// Which; all but the session id are 0 if nobody knew more of it.
    pub order: Order,
    /// How long it was to be kept yet when the snapshot was written, in milliseconds.
    pub left_ms: u32,
}

const PUSH: u8 = 0x01;
const ADDRESS: u8 = 0x02;

/// Appends a row.
pub(super) fn emit(row: &SnapshotRow, buf: &mut Vec<u8>) {
    buf.put_u32(row.realm.0);
    buf.put_u8(row.epoch.0);
    buf.put_slice(&row.user.0);
    buf.put_u64(row.generation.0);
    buf.put_u64(row.session.0);
    buf.put_u64(row.stamp.0);
    buf.put_u64(row.server.0);
    buf.put_u64(row.instance.0);
    buf.put_u32(row.content_version);
    buf.put_u64(row.since);
    buf.put_u32(row.check_time_ms);
    buf.put_u64(row.sequence);
    buf.put_u8((if row.push { PUSH } else { 0 }) | (if row.address.is_some() { ADDRESS } else { 0 }));
    if let Some(address) = row.address {
        emit_address(buf, address);
    }
    put_counted(buf, &row.content);
    put_counted(buf, row.view.write().as_bytes());
}

/// Content and view come from a datagram and are shorter than one, named users in text not twice as long.
fn put_counted(buf: &mut Vec<u8>, bytes: &[u8]) {
    buf.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
    buf.put_slice(bytes);
}

/// Appends an ended session.
pub(super) fn emit_ended(ended: &SnapshotEnded, buf: &mut Vec<u8>) {
    buf.put_u32(ended.realm.0);
    buf.put_slice(&ended.user.0);
    buf.put_u64(ended.order.generation.0);
    buf.put_u64(ended.order.stamp.0);
    buf.put_u64(ended.order.server.0);
    buf.put_u64(ended.order.session.0);
    buf.put_u32(ended.left_ms);
}

/// Reads one ended session and returns what follows it.
pub(super) fn parse_ended(input: &[u8]) -> Option<(&[u8], SnapshotEnded)> {
    let mut fields = (be_u32::<_, ()>, take(8usize), be_u64, be_u64, be_u64, be_u64, be_u32);
    let (rest, (realm, user, generation, stamp, server, session, left_ms)) = fields.parse(input).ok()?;
    let order = Order {
        generation: Generation(generation),
        stamp: Stamp(stamp),
        server: ServerId(server),
        session: SessionId(session),
    };
    Some((rest, SnapshotEnded { realm: RealmId(realm), user: UserId(user.try_into().ok()?), order, left_ms }))
}

/// Reads one row and returns what follows it; `sequences`: they are in it (format 2).
pub(super) fn parse(input: &[u8], sequences: bool) -> Option<(&[u8], SnapshotRow)> {
    let names = (be_u32::<_, ()>, be_u8, take(8usize), be_u64, be_u64, be_u64, be_u64, be_u64);
    let numbers = (be_u32, be_u64, be_u32, cond(sequences, be_u64), be_u8);
    let (rest, (names, numbers)) = (names, numbers).parse(input).ok()?;
    let (realm, epoch, user, generation, session, stamp, server, instance) = names;
    let (content_version, since, check_time_ms, sequence, flags) = numbers;
    if flags & !(PUSH | ADDRESS) != 0 {
        return None;
    }
    let (rest, address) = if flags & ADDRESS == 0 {
        (rest, None)
    } else {
        parse_address(rest).map(|(rest, address)| (rest, Some(address)))?
    };
    let (rest, (content, view)) = (length_data(be_u16::<_, ()>), length_data(be_u16)).parse(rest).ok()?;
    let row = SnapshotRow {
        realm: RealmId(realm),
        epoch: Epoch(epoch),
        user: UserId(user.try_into().ok()?),
        generation: Generation(generation),
        session: SessionId(session),
        stamp: Stamp(stamp),
        server: ServerId(server),
        instance: InstanceId(instance),
        content_version,
        content: ContentRef::parse(content, 0).ok()?.as_bytes().into(),
        view: View::read(std::str::from_utf8(view).ok()?)?,
        push: flags & PUSH != 0,
        address,
        since,
        check_time_ms,
        sequence: sequence.unwrap_or(0),
    };
    Some((rest, row))
}
