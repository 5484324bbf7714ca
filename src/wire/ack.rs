//! ACK: heartbeat taken (spec 2.6, R-REG-30, R-DIR-06).

use bytes::BufMut;
use nom::number::complete::{be_u32, be_u64};

use super::error::WireError;
use super::header::flag;
use super::page::{Changes, PageCollector};
use super::registered::Settings;
use super::tlv::{Tlvs, fixed};
use crate::ident::{Incarnation, Revision};
use crate::limits::HEADER_LEN;

/// Body of ACK: 20 bytes, then settings that changed and a first page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Flag *want content*: send the content.
    pub want_content: bool,
    /// Flag *resync*: the directories differ in a way that no delta mends.
    pub resync: bool,
    /// Flag *equal*: the directories are equal, adopt the revision.
    pub equal: bool,
    /// The HMS process that answers.
    pub incarnation: Incarnation,
    /// Its rising number.
    pub number: u64,
    /// The view's revision now.
    pub revision: Revision,
    /// The content version that the HMS holds.
    pub content_version: u32,
    /// What changed of the settings.
    pub settings: Settings,
    /// A first page of changes.
    pub changes: Option<Changes<'a>>,
}

impl<'a> Ack<'a> {
    pub(super) fn parse(flags: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (be_u32, be_u64, be_u32, be_u32);
        let (tlvs, (incarnation, number, revision, content_version)) =
            fixed(body, HEADER_LEN, "ACK", parser)?;
        let (mut settings, mut page) = (Settings::default(), PageCollector::default());
        for tlv in Tlvs::new(tlvs, HEADER_LEN + 20) {
            let tlv = tlv?;
            if !settings.take(&tlv)? && !page.take(&tlv)? {
                tlv.unknown()?;
            }
        }
        Ok(Self {
            want_content: flags & flag::WANT_CONTENT != 0,
            resync: flags & flag::RESYNC != 0,
            equal: flags & flag::EQUAL != 0,
            incarnation: Incarnation(incarnation),
            number,
            revision: Revision(revision),
            content_version,
            settings,
            changes: page.finish(HEADER_LEN + 20)?,
        })
    }

    /// The flags that the header must have.
    pub const fn flags(&self) -> u8 {
        let want = if self.want_content { flag::WANT_CONTENT } else { 0 };
        let resync = if self.resync { flag::RESYNC } else { 0 };
        let equal = if self.equal { flag::EQUAL } else { 0 };
        want | resync | equal
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        self.emit_head(buf);
        if let Some(changes) = &self.changes {
            changes.emit(buf);
        }
    }

    /// Appends all but the changes, for callers that write PAGE-INFO and rows themselves.
    pub fn emit_head(&self, buf: &mut Vec<u8>) {
        let mut head = [0; 20];
        let mut rest = head.as_mut_slice();
        rest.put_u32(self.incarnation.0);
        rest.put_u64(self.number);
        rest.put_u32(self.revision.0);
        rest.put_u32(self.content_version);
        buf.put_slice(&head);
        self.settings.emit(buf);
    }
}
