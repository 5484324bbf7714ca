//! HEARTBEAT: says that the host is there (spec 2.5, 4.4).

use bytes::{Buf as _, BufMut};
use nom::bytes::complete::take;
use nom::combinator::{cond, map_opt};
use nom::number::complete::be_u64;

use super::content::ContentRef;
use super::error::WireError;
use super::header::flag;
use super::register::content_and_view;
use super::tlv::{fixed, skip_all};
use super::view::View;
use crate::ident::{Incarnation, Revision};
use crate::limits::HEADER_LEN;

/// Body of HEARTBEAT: 20 bytes, 28 with a cookie, then content and view if they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// Version of the host's content.
    pub content_version: u32,
    /// The HMS process addressed, 0 if unknown (R-REG-35).
    pub incarnation: Incarnation,
    /// The host's directory revision under that process, 0 if none.
    pub revision: Revision,
    /// Root digest of the host's directory.
    pub digest: u64,
    /// An echoed CHALLENGE.
    pub cookie: Option<u64>,
    /// Flag *want*: changes are asked for.
    pub want: bool,
    /// The whole content, its view, and whether changes are to be pushed.
    pub content: Option<(ContentRef<'a>, View, bool)>,
}

impl<'a> Heartbeat<'a> {
    pub(super) fn parse(flags: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let head = map_opt(take(20usize), <[u8]>::first_chunk::<20>);
        let parser = (head, cond(flags & flag::COOKIE != 0, be_u64));
        let (tlvs, (head, cookie)) = fixed(body, HEADER_LEN, "HEARTBEAT", parser)?;
        let mut head = head.as_slice();
        let (content_version, incarnation) = (head.get_u32(), Incarnation(head.get_u32()));
        let (revision, digest) = (Revision(head.get_u32()), head.get_u64());
        let at = HEADER_LEN + body.len() - tlvs.len();
        let content = if flags & flag::CONTENT != 0 {
            Some(content_and_view(tlvs, at)?)
        } else {
            skip_all(tlvs, at)?;
            None
        };
        Ok(Self {
            content_version,
            incarnation,
            revision,
            digest,
            cookie,
            want: flags & flag::WANT != 0,
            content,
        })
    }

    /// The fixed part of a heartbeat whose content cannot be taken: who sent it can be told so (R-FMT-09).
    pub(super) fn parse_head(flags: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let length = if flags & flag::COOKIE != 0 { 28 } else { 20 };
        Self::parse(flags & !flag::CONTENT, body.split_at(length.min(body.len())).0)
    }

    /// The flags that the header must have.
    pub const fn flags(&self) -> u8 {
        let cookie = if self.cookie.is_some() { flag::COOKIE } else { 0 };
        let want = if self.want { flag::WANT } else { 0 };
        let content = if self.content.is_some() { flag::CONTENT } else { 0 };
        cookie | want | content
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.content_version);
        buf.put_u32(self.incarnation.0);
        buf.put_u32(self.revision.0);
        buf.put_u64(self.digest);
        if let Some(cookie) = self.cookie {
            buf.put_u64(cookie);
        }
        if let Some((content, view, push)) = &self.content {
            buf.put_slice(content.as_bytes());
            view.emit(*push, buf);
        }
    }
}
