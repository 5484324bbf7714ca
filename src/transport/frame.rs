//! The frames of a DATA packet (spec 9.4).

use std::fmt;

use bytes::BufMut;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::combinator::{fail, map_opt};
use nom::number::complete::{be_u8, be_u16, be_u32};

use super::ack::AckFrame;
use super::event::Priority;
use super::limits::NUMBER_END;

pub(super) mod code {
    pub(crate) const PADDING: u8 = 0x00;
    pub(crate) const PING: u8 = 0x01;
    pub(crate) const ACK: u8 = 0x02;
    pub(crate) const MESSAGE: u8 = 0x03;
    pub(crate) const CREDIT: u8 = 0x04;
    pub(crate) const CLOSE: u8 = 0x05;
    pub(crate) const EXTENSION: u8 = 0x80;
}

/// Bytes of a MESSAGE frame before its content.
pub(super) const MESSAGE_OVERHEAD: usize = 10;
/// Bytes of a CREDIT frame.
pub(super) const CREDIT_LEN: usize = 8;

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Padding,
    Ping,
    Ack(AckFrame<'a>),
    Message { stream: Priority, offset: u64, bytes: &'a [u8] },
    Credit { stream: Priority, limit: u64 },
    Close { code: u16, reason: &'a str },
    Extension(u8),
}

pub(super) type Parsed<'a, T> = nom::IResult<&'a [u8], T>;

/// Six bytes as a number.
pub(super) fn be_u48(input: &[u8]) -> Parsed<'_, u64> {
    let (rest, (high, low)) = (be_u16, be_u32).parse(input)?;
    Ok((rest, u64::from(high) << 32 | u64::from(low)))
}

/// An offset or limit.
fn offset(input: &[u8]) -> Parsed<'_, u64> {
    map_opt(be_u48, |at| (at < NUMBER_END).then_some(at)).parse(input)
}

fn stream(input: &[u8]) -> Parsed<'_, Priority> {
    map_opt(be_u8, Priority::from_code).parse(input)
}

fn message(input: &[u8]) -> Parsed<'_, Frame<'_>> {
    let (rest, (stream, offset, len)) = (stream, offset, be_u16).parse(input)?;
    let (rest, bytes) = take(len)(rest)?;
    if bytes.is_empty() {
        return fail().parse(rest);
    }
    Ok((rest, Frame::Message { stream, offset, bytes }))
}

fn close(input: &[u8]) -> Parsed<'_, Frame<'_>> {
    let (rest, (code, len)) = (be_u16, be_u8).parse(input)?;
    let (rest, reason) = map_opt(take(len), |bytes| std::str::from_utf8(bytes).ok()).parse(rest)?;
    Ok((rest, Frame::Close { code, reason }))
}

fn extension(code: u8, input: &[u8]) -> Parsed<'_, Frame<'_>> {
    let (rest, len) = be_u16(input)?;
    let (rest, _) = take(len)(rest)?;
    Ok((rest, Frame::Extension(code)))
}

fn one(input: &[u8]) -> Parsed<'_, Frame<'_>> {
    let (rest, code) = be_u8(input)?;
    match code {
        code::PADDING => Ok((rest, Frame::Padding)),
        code::PING => Ok((rest, Frame::Ping)),
        code::ACK => AckFrame::parse(rest).map(|(rest, ack)| (rest, Frame::Ack(ack))),
        code::MESSAGE => message(rest),
        code::CREDIT => {
            let (rest, (stream, limit)) = (stream, offset).parse(rest)?;
            Ok((rest, Frame::Credit { stream, limit }))
        }
        code::CLOSE => close(rest),
        code::EXTENSION.. => extension(code, rest),
        _ => fail().parse(rest),
    }
}

/// Walks the frames of a packet; ends after the first that is none.
pub(super) struct Frames<'a> {
    rest: &'a [u8],
    len: usize,
}

/// Not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// What it begins with.
    pub(super) code: u8,
    /// Where it begins, in bytes from the first frame on.
    pub(super) at: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {:#04x} at byte {} cannot be read", self.code, self.at)
    }
}

impl<'a> Frames<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let code = *self.rest.first()?;
        let Ok((rest, frame)) = one(self.rest) else {
            let at = self.len - self.rest.len();
            self.rest = &[];
            return Some(Err(Malformed { code, at }));
        };
        self.rest = rest;
        Some(Ok(frame))
    }
}

impl Frame<'_> {
    /// Whether the packet is to be acknowledged because of it.
    pub(super) const fn eliciting(&self) -> bool {
        !matches!(self, Self::Padding | Self::Ack(_) | Self::Close { .. })
    }

    /// Appends the frame.
    pub(super) fn emit(&self, buf: &mut impl BufMut) {
        match *self {
            Self::Padding => buf.put_u8(code::PADDING),
            Self::Ping => buf.put_u8(code::PING),
            Self::Ack(ack) => ack.emit(buf),
            Self::Message { stream, offset, bytes } => {
                message_head(buf, stream, offset, bytes.len());
                buf.put_slice(bytes);
            }
            Self::Credit { stream, limit } => {
                buf.put_slice(&[code::CREDIT, stream.code()]);
                buf.put_uint(limit, 6);
            }
            Self::Close { code, reason } => {
                buf.put_u8(code::CLOSE);
                buf.put_u16(code);
                buf.put_u8(u8::try_from(reason.len()).unwrap_or(0));
                buf.put_slice(if reason.len() < 256 { reason.as_bytes() } else { &[] });
            }
            Self::Extension(code) => {
                buf.put_u8(code);
                buf.put_u16(0);
            }
        }
    }
}

/// Appends a MESSAGE frame without its content.
pub(super) fn message_head(buf: &mut impl BufMut, stream: Priority, offset: u64, len: usize) {
    buf.put_slice(&[code::MESSAGE, stream.code()]);
    buf.put_uint(offset, 6);
    buf.put_u16(u16::try_from(len).unwrap_or(u16::MAX));
}
