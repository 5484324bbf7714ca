//! What a host says of itself (R-FMT-11). It is kept and passed on as the bytes that came in; the digest is over them.

use std::fmt;
use std::net::SocketAddr;

use bytes::BufMut;
use nom::Parser as _;
use nom::number::complete::{be_u8, be_u16};

use super::address::{address, emit_address};
use super::code::codes;
use super::error::{Problem, WireError};
use super::tlv::{Tlv, Tlvs, all, put_bytes, put_tlv, tlv_code};
use crate::ident::Name;
use crate::limits::{REPORTED_MAX, SERVICE_KIND_MAX, SERVICES_MAX};

codes! {
    /// What a host is doing in conferences (¶53).
    pub enum HostState(u8) {
        /// In none.
        Standby = 1, "standby";
        /// In one.
        Participating = 2, "participating";
        /// Chairs one.
        Organizing = 3, "organizing";
    }
}

codes! {
    /// Transport protocol of a service.
    pub enum Transport(u8) {
        /// UDP.
        Udp = 1, "udp";
        /// TCP.
        Tcp = 2, "tcp";
    }
}

/// Ports of the conference application; 0 means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ports {
    /// Data conference.
    pub data: u16,
    /// Video.
    pub video: u16,
    /// Audio.
    pub audio: u16,
}

/// A named service of a host, such as `sip:5060/udp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it is, at most 16 bytes.
    pub kind: Name,
    /// Its port.
    pub port: u16,
    /// Over what.
    pub transport: Transport,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.kind, self.port, self.transport)
    }
}

/// Content as values, for whoever makes or shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Whose host it is.
    pub user_name: Name,
    /// What the host is called; only shown.
    pub host_name: Name,
    /// Where the host says that it can be reached; never proven.
    pub reported: Vec<SocketAddr>,
    /// Ports of the conference application.
    pub ports: Ports,
    /// Named services.
    pub services: Vec<Service>,
    /// What the host is doing.
    pub state: HostState,
    /// In which conference.
    pub conference: Option<Name>,
    /// Whether the address is fixed (¶57).
    pub fixed: bool,
}

impl Content {
    /// A host in standby with names only.
    pub const fn new(user_name: Name, host_name: Name) -> Self {
        Self {
            user_name,
            host_name,
            reported: Vec::new(),
            ports: Ports { data: 0, video: 0, audio: 0 },
            services: Vec::new(),
            state: HostState::Standby,
            conference: None,
            fixed: false,
        }
    }

    /// Appends the TLVs in canonical order.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        put_bytes(buf, tlv_code::USER_NAME, self.user_name.as_str().as_bytes());
        put_bytes(buf, tlv_code::HOST_NAME, self.host_name.as_str().as_bytes());
        if !self.reported.is_empty() {
            put_tlv(buf, tlv_code::REPORTED, |buf| {
                self.reported.iter().take(REPORTED_MAX).for_each(|a| emit_address(buf, *a));
            });
        }
        if self.ports != Ports::default() {
            put_tlv(buf, tlv_code::PORTS, |buf| {
                [self.ports.data, self.ports.video, self.ports.audio]
                    .into_iter()
                    .for_each(|p| buf.put_u16(p));
            });
        }
        for service in self.services.iter().take(SERVICES_MAX) {
            put_tlv(buf, tlv_code::SERVICE, |buf| {
                buf.put_u8(service.transport.code());
                buf.put_u16(service.port);
                buf.put_slice(service.kind.as_str().as_bytes());
            });
        }
        if self.state != HostState::Standby {
            put_bytes(buf, tlv_code::STATE, &[self.state.code()]);
        }
        if let Some(conference) = &self.conference {
            put_bytes(buf, tlv_code::CONFERENCE, conference.as_str().as_bytes());
        }
        if self.fixed {
            put_bytes(buf, tlv_code::FIXED, &[]);
        }
    }

    /// The TLVs in a buffer of their own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut buf = Vec::with_capacity(96);
        self.emit(&mut buf);
        buf
    }
}

/// What the TLV of this code says of a host, for messages to people.
pub const fn content_field(code: u8) -> &'static str {
    match code {
        tlv_code::USER_NAME => "user name",
        tlv_code::HOST_NAME => "host name",
        tlv_code::REPORTED => "reported addresses",
        tlv_code::PORTS => "ports",
        tlv_code::SERVICE => "services",
        tlv_code::STATE => "state",
        tlv_code::CONFERENCE => "conference",
        tlv_code::FIXED => "fixed address",
        _ => "content",
    }
}

/// Content bytes that were checked: every accessor answers without failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRef<'a> {
    bytes: &'a [u8],
}

impl<'a> ContentRef<'a> {
    /// Checks `bytes`; `at` is their offset in the datagram, for the error, which names the TLV at fault.
    pub fn parse(bytes: &'a [u8], at: usize) -> Result<Self, WireError> {
        let (mut user, mut host, mut services) = (false, false, 0usize);
        for tlv in Tlvs::new(bytes, at) {
            let tlv = tlv.map_err(|e| e.in_content(0))?;
            check(&tlv).map_err(|e| e.in_content(tlv.code))?;
            match tlv.code {
                tlv_code::USER_NAME => user = true,
                tlv_code::HOST_NAME => host = true,
                tlv_code::SERVICE => services += 1,
                _ => {}
            }
        }
        let wrong = |problem, code| Err(WireError::new(problem, at).in_content(code));
        if !user {
            return wrong(Problem::Missing("USER-NAME"), tlv_code::USER_NAME);
        }
        if !host {
            return wrong(Problem::Missing("HOST-NAME"), tlv_code::HOST_NAME);
        }
        if services > SERVICES_MAX {
            return wrong(Problem::TooMany("SERVICE"), tlv_code::SERVICE);
        }
        Ok(Self { bytes })
    }

    /// Bytes that [`Self::parse`] accepted before, as the registry stores them.
    pub const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The TLVs as they came in.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn find(&self, code: u8) -> Option<&'a [u8]> {
        Tlvs::new(self.bytes, 0).filter_map(Result::ok).find(|tlv| tlv.code == code).map(|tlv| tlv.value)
    }

    fn text(&self, code: u8) -> Option<&'a str> {
        self.find(code).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whose host it is.
    pub fn user_name(&self) -> &'a str {
        self.text(tlv_code::USER_NAME).unwrap_or_default()
    }

    /// What the host is called.
    pub fn host_name(&self) -> &'a str {
        self.text(tlv_code::HOST_NAME).unwrap_or_default()
    }

    /// Where the host says that it can be reached.
    pub fn reported(&self) -> impl Iterator<Item = SocketAddr> + use<'a> {
        let mut rest = self.find(tlv_code::REPORTED).unwrap_or_default();
        std::iter::from_fn(move || {
            let (after, one) = address(rest).ok()?;
            rest = after;
            Some(one)
        })
    }

    /// Ports of the conference application.
    pub fn ports(&self) -> Ports {
        self.find(tlv_code::PORTS).and_then(ports).unwrap_or_default()
    }

    /// Named services.
    pub fn services(&self) -> impl Iterator<Item = Service> + use<'a> {
        Tlvs::new(self.bytes, 0)
            .filter_map(Result::ok)
            .filter(|tlv| tlv.code == tlv_code::SERVICE)
            .filter_map(|tlv| service(&tlv).ok())
    }

    /// What the host is doing; standby if it does not say.
    pub fn state(&self) -> HostState {
        match self.find(tlv_code::STATE) {
            Some([code]) => HostState::from_code(*code),
            _ => HostState::Standby,
        }
    }

    /// In which conference.
    pub fn conference(&self) -> Option<&'a str> {
        self.text(tlv_code::CONFERENCE)
    }

    /// Whether the address is fixed.
    pub fn fixed(&self) -> bool {
        self.find(tlv_code::FIXED).is_some()
    }

    /// The same as values.
    pub fn to_content(&self) -> Option<Content> {
        Some(Content {
            user_name: Name::new(self.user_name()).ok()?,
            host_name: Name::new(self.host_name()).ok()?,
            reported: self.reported().collect(),
            ports: self.ports(),
            services: self.services().collect(),
            state: self.state(),
            conference: self.conference().and_then(|c| Name::new(c).ok()),
            fixed: self.fixed(),
        })
    }
}

fn ports(value: &[u8]) -> Option<Ports> {
    let (rest, (data, video, audio)) = (be_u16::<_, ()>, be_u16, be_u16).parse(value).ok()?;
    rest.is_empty().then_some(Ports { data, video, audio })
}

fn service(tlv: &Tlv<'_>) -> Result<Service, WireError> {
    let short = || tlv.error(Problem::Truncated("SERVICE"));
    let (kind, (transport, port)) = (be_u8::<_, ()>, be_u16).parse(tlv.value).map_err(|_| short())?;
    let kind = std::str::from_utf8(kind).map_err(|_| tlv.error(Problem::Utf8))?;
    let kind = Name::with_limit(kind, SERVICE_KIND_MAX).map_err(|e| tlv.error(Problem::Name(e)))?;
    Ok(Service { kind, port, transport: Transport::from_code(transport) })
}

fn check(tlv: &Tlv<'_>) -> Result<(), WireError> {
    match tlv.code {
        tlv_code::USER_NAME | tlv_code::HOST_NAME | tlv_code::CONFERENCE => tlv.text(Name::MAX).map(|_| ()),
        tlv_code::REPORTED => {
            let addresses = all(tlv.value, tlv.at, "REPORTED", nom::multi::many1_count(address))?;
            if addresses > REPORTED_MAX { Err(tlv.error(Problem::TooMany("REPORTED"))) } else { Ok(()) }
        }
        tlv_code::PORTS => ports(tlv.value).map(|_| ()).ok_or_else(|| tlv.error(Problem::Value("PORTS"))),
        tlv_code::SERVICE => service(tlv).map(|_| ()),
        tlv_code::STATE if tlv.value.len() != 1 => Err(tlv.error(Problem::Value("STATE"))),
        tlv_code::FIXED if !tlv.value.is_empty() => Err(tlv.error(Problem::Value("FIXED"))),
        tlv_code::STATE | tlv_code::FIXED => Ok(()),
        code if code <= tlv_code::CONTENT_LAST => tlv.unknown(),
        code => Err(tlv.error(Problem::TlvOrder(code))),
    }
}

/// Splits TLVs into the content at their head and what follows.
pub(super) fn split_content(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), WireError> {
    let mut tlvs = Tlvs::new(bytes, at);
    loop {
        let before = tlvs.rest();
        match tlvs.next() {
            Some(Ok(tlv)) if tlv.code <= tlv_code::CONTENT_LAST => {}
            Some(Err(error)) => {
                let code = before.first().map_or(0, |code| code & !tlv_code::CRITICAL);
                return Err(if code <= tlv_code::CONTENT_LAST { error.in_content(code) } else { error });
            }
            _ => return Ok(bytes.split_at(bytes.len() - before.len())),
        }
    }
}
