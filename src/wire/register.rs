//! REGISTER: registers with an accepted cookie (spec 2.5, 4.2).

use bytes::BufMut;
use nom::number::complete::{be_u32, be_u64};

use super::content::{ContentRef, split_content};
use super::error::WireError;
use super::header::flag;
use super::tlv::{Tlvs, fixed, tlv_code};
use super::view::View;
use crate::ident::{Incarnation, InstanceId, Revision, Stamp};
use crate::limits::HEADER_LEN;

/// Body of REGISTER: 44 bytes, then content and view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register<'a> {
    /// Flag *takeover*: a live row of another instance may be replaced.
    pub takeover: bool,
    /// From CHALLENGE.
    pub cookie: u64,
    /// Which installation this is.
    pub instance: InstanceId,
    /// Stamp of the host's last registration, 0 if none.
    pub last_stamp: Stamp,
    /// Version of the content that follows.
    pub content_version: u32,
    /// The HMS process that the host's directory comes from.
    pub incarnation: Incarnation,
    /// The host's directory revision under that process.
    pub revision: Revision,
    /// Root digest of the host's directory.
    pub digest: u64,
    /// What the host says of itself.
    pub content: ContentRef<'a>,
    /// What it wants to follow.
    pub view: View,
    /// Whether changes are to be pushed.
    pub push: bool,
}

/// Content and view at the end of REGISTER and HEARTBEAT.
pub(super) fn content_and_view(bytes: &[u8], at: usize) -> Result<(ContentRef<'_>, View, bool), WireError> {
    let (content, rest) = split_content(bytes, at)?;
    let content = ContentRef::parse(content, at)?;
    let (mut view, mut push) = (View::None, false);
    for tlv in Tlvs::new(rest, at + bytes.len() - rest.len()) {
        let tlv = tlv.map_err(WireError::in_content_if_named)?;
        match tlv.code {
            tlv_code::VIEW => (view, push) = View::parse(&tlv)?,
            _ => tlv.unknown_or_pad()?,
        }
    }
    Ok((content, view, push))
}

impl<'a> Register<'a> {
    pub(super) fn parse(flags: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (be_u64, be_u64, be_u64, be_u32, be_u32, be_u32, be_u64);
        let (tlvs, (cookie, instance, stamp, content_version, incarnation, revision, digest)) =
            fixed(body, HEADER_LEN, "REGISTER", parser)?;
        let at = HEADER_LEN + body.len() - tlvs.len();
        let (content, view, push) = content_and_view(tlvs, at)?;
        Ok(Self {
            takeover: flags & flag::TAKEOVER != 0,
            cookie,
            instance: InstanceId(instance),
            last_stamp: Stamp(stamp),
            content_version,
            incarnation: Incarnation(incarnation),
            revision: Revision(revision),
            digest,
            content,
            view,
            push,
        })
    }

    /// The flags that the header must have.
    pub const fn flags(&self) -> u8 {
        if self.takeover { flag::TAKEOVER } else { 0 }
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u64(self.cookie);
        buf.put_u64(self.instance.0);
        buf.put_u64(self.last_stamp.0);
        buf.put_u32(self.content_version);
        buf.put_u32(self.incarnation.0);
        buf.put_u32(self.revision.0);
        buf.put_u64(self.digest);
        buf.put_slice(self.content.as_bytes());
        self.view.emit(self.push, buf);
    }
}
