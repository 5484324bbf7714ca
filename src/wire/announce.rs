//! ANNOUNCE: an HMS says that it is there; a hint, no proof (spec 2.7, R-DSC-05).

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u16, be_u64};

use super::code::codes;
use super::error::WireError;
use super::header::Unverified;
use super::offer::reserved;
use super::tlv::all;
use crate::ident::ServerId;
use crate::limits::HEADER_LEN;

codes! {
    /// What happened at the HMS.
    pub enum AnnounceEvent(u8) {
        /// Its host ports are open.
        Up = 1, "up";
        /// It became primary.
        Primary = 2, "primary";
        /// It stops.
        Stopping = 3, "stopping";
    }
}

/// Body of ANNOUNCE: 12 bytes, then a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announce {
    /// Which HMS.
    pub server: ServerId,
    /// What happened.
    pub event: AnnounceEvent,
    /// Its UDP port.
    pub port: u16,
}

impl Announce {
    /// Reads the body of an ANNOUNCE whose checksum holds; nothing of it is proven.
    pub fn parse(datagram: &Unverified<'_>) -> Result<Self, WireError> {
        let parser = (be_u64, be_u8, reserved::<1>, be_u16);
        let (server, event, (), port) = all(datagram.body(), HEADER_LEN, "ANNOUNCE", parser)?;
        Ok(Self { server: ServerId(server), event: AnnounceEvent::from_code(event), port })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u64(self.server.0);
        buf.put_slice(&[self.event.code(), 0]);
        buf.put_u16(self.port);
    }
}
