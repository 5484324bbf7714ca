//! Code tables of chapter 10; unknown codes are kept.

use crate::wire::code::codes;

/// The stream of a link to which a message belongs (R-TRN-35).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Stream 0: what is small and urgent.
    Control,
    /// Stream 1: changes of the table as they are made.
    Deltas,
    /// Stream 2: what is made when there is room.
    Bulk,
}

codes! {
    /// The first byte of a message (spec 10.2).
    pub enum PeerKind(u8) {
        /// What its sender is.
        Intro = 0x01, "INTRO";
        /// That its sender is there, and whom it hears.
        Ping = 0x02, "PING";
        /// That the receiver does not belong here.
        Refuse = 0x03, "REFUSE";
        /// Asks for a seat.
        Join = 0x04, "JOIN";
        /// Gives one.
        Seat = 0x05, "SEAT";
        /// What a newcomer gets for its invitation.
        Admit = 0x06, "ADMIT";
        /// What admins decided.
        Facts = 0x07, "FACTS";
        /// That facts are on disk.
        Stored = 0x08, "STORED";
        /// From where deltas are wanted.
        Resume = 0x09, "RESUME";
        /// Up to where they are applied.
        Confirm = 0x0a, "CONFIRM";
        /// Asks for the digests of a home's rows.
        Compare = 0x0b, "COMPARE";
        /// Asks for rows.
        Fetch = 0x0c, "FETCH";
        /// Hands over.
        Stop = 0x0d, "STOP";
        /// Takes over.
        StopAck = 0x0e, "STOP-ACK";
        /// Has handed over.
        Done = 0x0f, "DONE";
        /// Where deltas begin.
        Begin = 0x20, "BEGIN";
        /// Changes of the table.
        Delta = 0x21, "DELTA";
        /// The digests of a home's rows.
        Buckets = 0x30, "BUCKETS";
        /// Rows that were asked for.
        Page = 0x31, "PAGE";
    }
}

impl PeerKind {
    /// The stream of such messages; none if the code is unknown.
    pub const fn stream(self) -> Option<Stream> {
        match self {
            Self::Unknown(_) => None,
            Self::Begin | Self::Delta => Some(Stream::Deltas),
            Self::Buckets | Self::Page => Some(Stream::Bulk),
            _ => Some(Stream::Control),
        }
    }

    /// Made of as many TLVs as fit, and bounded for that (R-PEE-07).
    pub(super) const fn is_batch(self) -> bool {
        matches!(self, Self::Facts | Self::Delta | Self::Page)
    }
}

codes! {
    /// What an HMS is doing (spec 10.1). An unknown phase has no seat.
    pub enum Phase(u8) {
        /// Looks for the others.
        Starting = 1, "starting";
        /// Was told that it does not belong here.
        Refused = 2, "refused";
        /// Copies the table, and serves hosts with what it has.
        Synchronising = 3, "synchronising";
        /// Serves.
        Operating = 4, "operating";
        /// Stood still, and asks before it serves on.
        Waking = 5, "waking";
        /// Hands over.
        Stopping = 6, "stopping";
    }
}

codes! {
    /// Why an HMS does not belong here (spec 10.4).
    pub enum RefuseCode(u8) {
        /// Neither its server id is a member nor its address registered.
        NotRegistered = 1, "not registered";
        /// It was removed.
        Removed = 2, "removed";
        /// A member that comes from an address that is not registered.
        Address = 3, "address";
        /// Another live process has this server id.
        Twin = 4, "twin";
        /// Another member is called so.
        Name = 5, "name";
        /// No version in common.
        Version = 6, "version";
        /// The invitation is used, expired or unknown.
        Invitation = 7, "invitation";
        /// The cluster has as many members as it can have.
        Full = 8, "full";
    }
}

codes! {
    /// Who is to use an address of an HMS.
    pub enum AddressUse(u8) {
        /// Hosts.
        Hosts = 1, "hosts";
        /// Other HMSs.
        Peers = 2, "other HMSs";
    }
}
