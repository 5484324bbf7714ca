//! REGISTERED: registration taken (spec 2.6).

use std::net::SocketAddr;

use bytes::BufMut;
use nom::number::complete::{be_u32, be_u64};

use super::address::{address, emit_address, octets};
use super::code::codes;
use super::error::{Problem, WireError};
use super::offer::HmsInfo;
use super::tlv::{Tlv, Tlvs, all, fixed, put_bytes, put_tlv, tlv_code};
use crate::ident::{Incarnation, Name, Revision, ServerId, Stamp};
use crate::limits::{HEADER_LEN, HMS_LIST_MAX, REALM_NAME_MAX};

codes! {
    /// When an HMS sends directory changes (¶51-¶55).
    pub enum UpdateMode(u8) {
        /// With the answer to the heartbeat that shows a difference.
        OnChange = 1, "on-change";
        /// The whole view with every answer.
        Always = 2, "always";
        /// Only when the host asks.
        OnRequest = 3, "on-request";
    }
}

codes! {
    /// Why a view was granted as it was.
    pub enum GrantReason(u8) {
        /// As asked.
        AsAsked = 0, "as asked";
        /// The realm has too many rows.
        TooManyRows = 1, "too many rows";
        /// A kind of view that the HMS does not know.
        UnknownKind = 2, "unknown kind";
    }
}

/// The view that the HMS grants: kind as in VIEW, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Kind of the view, as in [`super::View::code`].
    pub kind: u8,
    /// Why.
    pub reason: GrantReason,
}

/// What an HMS tells a host besides the directory; absent means unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The source that the HMS saw.
    pub observed: Option<SocketAddr>,
    /// All HMSs, the sender first; empty means unchanged.
    pub hms: Vec<HmsInfo>,
    /// Ed25519 public key of the cluster.
    pub cluster_key: Option<[u8; 32]>,
    /// What the realm is called.
    pub realm_name: Option<Name>,
    /// Check time in milliseconds.
    pub check_time_ms: Option<u32>,
    /// The view granted.
    pub granted: Option<Granted>,
    /// When changes are sent.
    pub mode: Option<UpdateMode>,
    /// With `ack = "replicated"`: whether another HMS has it.
    pub replicated: Option<bool>,
}

impl Settings {
    /// Appends the TLVs.
    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        if let Some(observed) = self.observed {
            put_tlv(buf, tlv_code::OBSERVED, |buf| emit_address(buf, observed));
        }
        self.hms.iter().take(HMS_LIST_MAX).for_each(|hms| hms.emit(buf));
        if let Some(key) = &self.cluster_key {
            put_bytes(buf, tlv_code::CLUSTER_KEY, key);
        }
        if let Some(name) = &self.realm_name {
            put_bytes(buf, tlv_code::REALM_NAME, name.as_str().as_bytes());
        }
        if let Some(ms) = self.check_time_ms {
            put_bytes(buf, tlv_code::CHECK_TIME, &ms.to_be_bytes());
        }
        if let Some(granted) = self.granted {
            put_bytes(buf, tlv_code::GRANTED, &[granted.kind, granted.reason.code()]);
        }
        if let Some(mode) = self.mode {
            put_bytes(buf, tlv_code::MODE, &[mode.code()]);
        }
        if let Some(replicated) = self.replicated {
            put_bytes(buf, tlv_code::REPLICATED, &[u8::from(replicated)]);
        }
    }

    /// Takes one TLV; `false` if it is none of these.
    pub(super) fn take(&mut self, tlv: &Tlv<'_>) -> Result<bool, WireError> {
        let wrong = |what| tlv.error(Problem::Value(what));
        match (tlv.code, tlv.value) {
            (tlv_code::OBSERVED, value) => self.observed = Some(all(value, tlv.at, "OBSERVED", address)?),
            (tlv_code::HMS, _) => {
                if self.hms.len() >= HMS_LIST_MAX {
                    return Err(tlv.error(Problem::TooMany("HMS")));
                }
                self.hms.push(HmsInfo::parse(tlv)?);
            }
            (tlv_code::CLUSTER_KEY, value) if value.len() == 32 => self.cluster_key = Some(octets(value)),
            (tlv_code::CLUSTER_KEY, _) => return Err(wrong("CLUSTER-KEY")),
            (tlv_code::REALM_NAME, _) => {
                let name = Name::with_limit(tlv.text(REALM_NAME_MAX)?, REALM_NAME_MAX);
                self.realm_name = Some(name.map_err(|e| tlv.error(Problem::Name(e)))?);
            }
            (tlv_code::CHECK_TIME, value) => {
                self.check_time_ms = Some(all(value, tlv.at, "CHECK-TIME", be_u32)?);
            }
            (tlv_code::GRANTED, &[kind, reason]) => {
                self.granted = Some(Granted { kind, reason: GrantReason::from_code(reason) });
            }
            (tlv_code::GRANTED, _) => return Err(wrong("GRANTED")),
            (tlv_code::MODE, &[mode]) => self.mode = Some(UpdateMode::from_code(mode)),
            (tlv_code::MODE, _) => return Err(wrong("MODE")),
            (tlv_code::REPLICATED, &[value @ (0 | 1)]) => self.replicated = Some(value == 1),
            (tlv_code::REPLICATED, _) => return Err(wrong("REPLICATED")),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Body of REGISTERED: 44 bytes, then settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The HMS process that answers.
    pub incarnation: Incarnation,
    /// Its rising number.
    pub number: u64,
    /// The registration's stamp.
    pub stamp: Stamp,
    /// The HMS.
    pub server: ServerId,
    /// The view's revision now.
    pub revision: Revision,
    /// The content version that the HMS holds.
    pub content_version: u32,
    /// Check time in milliseconds.
    pub check_time_ms: u32,
    /// When the first heartbeat is due, in milliseconds from now.
    pub first_delay_ms: u32,
    /// Observed address, HMSs, cluster key, realm name, view, mode.
    pub settings: Settings,
}

impl Registered {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let parser = (be_u32, be_u64, be_u64, be_u64, be_u32, be_u32, be_u32, be_u32);
        let (tlvs, head) = fixed(body, HEADER_LEN, "REGISTERED", parser)?;
        let mut settings = Settings::default();
        for tlv in Tlvs::new(tlvs, HEADER_LEN + body.len() - tlvs.len()) {
            let tlv = tlv?;
            if !settings.take(&tlv)? {
                tlv.unknown()?;
            }
        }
        Ok(Self {
            incarnation: Incarnation(head.0),
            number: head.1,
            stamp: Stamp(head.2),
            server: ServerId(head.3),
            revision: Revision(head.4),
            content_version: head.5,
            check_time_ms: head.6,
            first_delay_ms: head.7,
            settings,
        })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.incarnation.0);
        buf.put_u64(self.number);
        buf.put_u64(self.stamp.0);
        buf.put_u64(self.server.0);
        buf.put_u32(self.revision.0);
        buf.put_u32(self.content_version);
        buf.put_u32(self.check_time_ms);
        buf.put_u32(self.first_delay_ms);
        self.settings.emit(buf);
    }
}
