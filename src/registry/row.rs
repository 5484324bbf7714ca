//! A row as others see it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::merge::{Place, Standing};
use super::rows::{Family, NIL, Row, bit};
use super::view::ViewHandle;
use super::{Registry, RowId, ViewSpec};
use crate::ident::{
    Epoch, InstanceId, Order, Process, RealmId, Revision, ServerId, SessionId, Stamp, UserId,
};
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant, UnixMillis};

/// What a row's host is (spec 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Confirmed by this process, or by another that vouches for it.
    Up,
    /// Kept by the brake, or without an address.
    Late,
    /// From a snapshot, or as if it were (R-PEE-06), or a copy whose home cannot be reached: nobody vouches for it now.
    Unconfirmed,
}

/// The cluster's signature of a fixed address (R-AUT-40), opaque here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedSignature {
    /// When it was made, Unix seconds.
    pub issued: u64,
    /// The signature.
    pub bytes: [u8; 64],
}

/// A row in its registry.
#[derive(Clone, Copy)]
pub struct RowView<'a> {
    registry: &'a Registry,
    row: &'a Row,
    id: RowId,
}

impl<'a> RowView<'a> {
    pub(super) const fn new(registry: &'a Registry, row: &'a Row, id: RowId) -> Self {
        Self { registry, row, id }
    }

    /// Its id.
    pub const fn id(&self) -> RowId {
        self.id
    }

    /// The realm.
    pub fn realm(&self) -> RealmId {
        self.registry.realms.get(usize::from(self.row.realm)).map(|r| r.id).unwrap_or_default()
    }

    /// From which of the realm's secrets the session's key comes.
    pub fn epoch(&self) -> Epoch {
        self.registry.realms.get(usize::from(self.row.realm)).map(|r| r.epoch).unwrap_or_default()
    }

    /// The user.
    pub const fn user(&self) -> UserId {
        self.row.user
    }

    /// The session.
    pub const fn session(&self) -> SessionId {
        self.row.session
    }

    /// The session's key.
    pub const fn key(&self) -> &'a [u8; 32] {
        &self.row.key
    }

    /// The stamp.
    pub const fn stamp(&self) -> Stamp {
        self.row.stamp
    }

    /// The HMS that stamped.
    pub fn server(&self) -> ServerId {
        self.registry.servers.get(usize::from(self.row.server)).copied().unwrap_or_default()
    }

    /// The host's installation.
    pub const fn instance(&self) -> InstanceId {
        self.row.instance
    }

    /// What the host says of itself.
    pub fn content(&self) -> &'a [u8] {
        self.registry.blobs.get(self.row.content, usize::from(self.row.content_len))
    }

    /// The version of the content.
    pub const fn content_version(&self) -> u32 {
        self.row.content_version
    }

    /// The published address.
    pub fn address(&self) -> Option<SocketAddr> {
        if self.row.has(bit::PUBLISHED) { self.observed() } else { None }
    }

    /// The address that the host proved last, published or not.
    pub fn observed(&self) -> Option<SocketAddr> {
        let ip = match self.row.family {
            Family::None => return None,
            Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(self.row.ip)),
            Family::V6 => {
                let octets = self.registry.blobs.get(self.row.ip, 16);
                IpAddr::V6(Ipv6Addr::from(*octets.first_chunk::<16>()?))
            }
        };
        Some(SocketAddr::new(ip, self.row.port))
    }

    /// When the registration was made, to the second; only shown.
    pub const fn since(&self) -> UnixMillis {
        UnixMillis(self.row.since_s as u64 * 1000)
    }

    /// The last accepted heartbeat or registration; of a row from a snapshot when it was loaded, of a copy when the home
    /// last said something of it, or was heard at all.
    pub fn last_heard(&self) -> Instant {
        self.registry.silent_since(self.row)
    }

    /// Whether `now` comes sooner than half a check time after that.
    pub fn heard_lately(&self, now: Instant) -> bool {
        let silent = now.micros().saturating_sub(self.row.heard().micros());
        silent < u64::from(self.row.check_ms) * 500
    }

    /// The window of sequences, opaque.
    pub const fn window(&self) -> (u64, u64) {
        self.row.window
    }

    /// The status; unconfirmed comes before late.
    pub fn status(&self) -> Status {
        if self.is_unconfirmed() {
            Status::Unconfirmed
        } else if self.is_late() {
            Status::Late
        } else {
            Status::Up
        }
    }

    /// Shown as late.
    pub const fn is_late(&self) -> bool {
        self.row.has(bit::LATE)
    }

    /// Vouched for by nobody who can be reached.
    pub fn is_unconfirmed(&self) -> bool {
        !self.is_live()
    }

    /// Confirmed by this process, or a copy that its home vouches for (R-REG-40).
    pub fn is_live(&self) -> bool {
        self.is_here() || self.registry.is_vouched_copy(self.row)
    }

    /// Confirmed by this process, which is its home.
    pub fn is_here(&self) -> bool {
        self.row.has(bit::CONFIRMED) || planted(Bug::UnconfirmedIsLive)
    }

    /// Whether other HMSs are told of it: its host was confirmed here, or its home vouches for it as far as is known
    /// (R-PEE-65).
    pub fn is_offered(&self) -> bool {
        !self.row.is_nobodys() && !self.registry.is_row_damaged(self.id().0)
    }

    /// Where it is at home; nobody if it is from a snapshot, or as if it were.
    pub fn home(&self) -> Process {
        self.registry.homes.process(self.row.home)
    }

    /// Where its session stands among those of the user (R-REG-01).
    pub fn order(&self) -> Order {
        let revoked = self.row.has(bit::REVOKED).then(|| self.registry.generations.get(&self.id.0));
        Order {
            generation: revoked.flatten().copied().unwrap_or_default(),
            stamp: self.row.stamp,
            server: self.server(),
            session: self.row.session,
        }
    }

    /// Its place (R-PEE-51).
    pub fn place(&self) -> Place {
        let standing = if self.is_late() { Standing::Late } else { Standing::Up };
        Place { sequence: self.row.sequence, standing, home: self.home(), address: self.address() }
    }

    /// Whether a heartbeat of the session was accepted already (R-REG-12).
    pub const fn had_heartbeat(&self) -> bool {
        self.row.has(bit::HEARTBEAT)
    }

    /// The last change.
    pub const fn revision(&self) -> Revision {
        self.row.revision
    }

    /// The check time that the host was told.
    pub const fn check_time(&self) -> Duration {
        Duration::from_millis(self.row.check_ms as u64)
    }

    /// Bad tags since the last good one.
    pub const fn bad_tags(&self) -> u8 {
        self.row.bad_tags
    }

    /// The signature of the fixed address.
    pub fn signature(&self) -> Option<&'a FixedSignature> {
        if self.row.has(bit::SIGNED) { self.registry.signatures.get(&self.id.0) } else { None }
    }

    /// The view that the session follows; none if it follows nothing.
    pub fn view(&self) -> Option<ViewHandle> {
        self.registry.view_of(self.row)
    }

    /// The same, as it was given to [`Registry::subscribe`].
    pub fn view_spec(&self) -> ViewSpec<'a> {
        self.registry.view_spec(self.id)
    }

    /// Whether changes are to be pushed.
    pub fn wants_push(&self) -> bool {
        self.registry.sub_of(self.row).is_some_and(|sub| sub.push)
    }

    /// The revision that the session acknowledged, or that was sent to it last; 0 means none.
    pub fn told(&self) -> Revision {
        self.registry.sub_of(self.row).map(|sub| sub.told).unwrap_or_default()
    }

    /// From which revision on what the session names counts, if its view was refused once; [`super::NOT_GRANTED`]
    /// while it is.
    pub fn granted_since(&self) -> Option<Revision> {
        let since = self.registry.sub_of(self.row)?.since?;
        Some(Revision(since.get()))
    }

    /// Whether the host is in a group (has a conference).
    pub const fn in_group(&self) -> bool {
        self.row.member != NIL
    }
}
