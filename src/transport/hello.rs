//! HELLO, COOKIE, WELCOME and RESET: the datagrams under the hello key (spec 9.1).

use bytes::BufMut as _;
use nom::Parser as _;
use nom::bytes::complete::{tag, take};
use nom::number::complete::{be_u8, be_u32, be_u64};
use nom::sequence::preceded;

use super::datagram::{Head, VERSION, body, kind};
use super::frame::be_u48;
use super::keys::{KeyId, LinkSecret, Party};
use super::limits::{DATAGRAM_MAX, TAG_LEN};
use crate::ident::{Incarnation, ServerId};

pub(super) type Cookie = [u8; 16];

type Parsed<'a, T> = nom::IResult<&'a [u8], T>;

fn array<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    let (rest, bytes) = take(N)(input)?;
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    Ok((rest, array))
}

fn party(input: &[u8]) -> Parsed<'_, Party> {
    let (rest, (incarnation, server, session, nonce)) = (be_u32, be_u64, be_u64, array).parse(input)?;
    let (server, incarnation) = (ServerId(server), Incarnation(incarnation));
    Ok((rest, Party { server, incarnation, session, nonce }))
}

fn hello(input: &[u8]) -> Parsed<'_, ((u8, u8), Party, ServerId, Cookie)> {
    let (rest, (low, high, _)) = (be_u8, be_u8, tag([0, 0].as_slice())).parse(input)?;
    let (rest, (party, target, cookie)) = (party, be_u64, array).parse(rest)?;
    Ok((rest, ((low, high), party, ServerId(target), cookie)))
}

fn cookie(input: &[u8]) -> Parsed<'_, CookieMessage> {
    let (rest, (incarnation, _, server, cookie)) =
        (be_u32, tag([0; 4].as_slice()), be_u64, array).parse(input)?;
    Ok((rest, CookieMessage { incarnation: Incarnation(incarnation), server: ServerId(server), cookie }))
}

fn welcome(input: &[u8]) -> Parsed<'_, Party> {
    preceded(tag([VERSION, 0, 0, 0].as_slice()), party).parse(input)
}

fn reset(input: &[u8]) -> Parsed<'_, Reset> {
    let (rest, (_, incarnation, session, server)) =
        (preceded(take(2usize), tag([0, 0].as_slice())), be_u32, be_u64, be_u64).parse(input)?;
    let (rest, number) = preceded(tag([0, 0].as_slice()), be_u48).parse(rest)?;
    Ok((rest, Reset { incarnation: Incarnation(incarnation), session, server: ServerId(server), number }))
}

/// Pads to the full size and appends the tag.
fn finish(secret: &LinkSecret, buf: &mut Vec<u8>) {
    buf.resize(DATAGRAM_MAX - TAG_LEN, 0);
    buf.put_slice(&secret.tag(buf));
}

/// Asks for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) key: KeyId,
    pub(super) attempt: u64,
    pub(super) versions: (u8, u8),
    /// Who asks.
    pub(super) party: Party,
    /// Who is meant; 0 is anybody.
    pub(super) target: ServerId,
    /// Zeros until there is one.
    pub(super) cookie: Cookie,
}

impl Hello {
    /// Writes the whole datagram into an empty buffer.
    pub(super) fn emit(&self, secret: &LinkSecret, buf: &mut Vec<u8>) {
        Head { key: self.key, session: 0, attempt: self.attempt }.emit(kind::HELLO, buf);
        buf.put_slice(&[self.versions.0, self.versions.1, 0, 0]);
        buf.put_u32(self.party.incarnation.0);
        buf.put_u64(self.party.server.0);
        buf.put_u64(self.party.session);
        buf.put_slice(&self.party.nonce);
        buf.put_u64(self.target.0);
        buf.put_slice(&self.cookie);
        finish(secret, buf);
    }

    /// Reads what the tag covers.
    pub(super) fn parse(head: &Head, signed: &[u8]) -> Option<Self> {
        let (_, (versions, party, target, cookie)) = hello(body(signed)).ok()?;
        let sound = versions.0 <= versions.1 && party.session != 0 && party.server.0 != 0;
        sound.then_some(Self { key: head.key, attempt: head.attempt, versions, party, target, cookie })
    }
}

/// The bytes of a HELLO that its cookie is bound to.
pub(super) fn bound(signed: &[u8]) -> &[u8] {
    signed.get(4..96).unwrap_or_default()
}

/// Sends a cookie that is to be echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CookieMessage {
    pub(super) incarnation: Incarnation,
    pub(super) server: ServerId,
    pub(super) cookie: Cookie,
}

impl CookieMessage {
    pub(super) fn emit(&self, head: &Head, secret: &LinkSecret, buf: &mut Vec<u8>) {
        head.emit(kind::COOKIE, buf);
        buf.put_u32(self.incarnation.0);
        buf.put_u32(0);
        buf.put_u64(self.server.0);
        buf.put_slice(&self.cookie);
        buf.put_slice(&secret.tag(buf));
    }

    pub(super) fn parse(signed: &[u8]) -> Option<Self> {
        cookie(body(signed)).ok().map(|(_, message)| message)
    }
}

/// Makes the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Welcome {
    /// Who answers.
    pub(super) party: Party,
}

impl Welcome {
    pub(super) fn emit(&self, head: &Head, secret: &LinkSecret, buf: &mut Vec<u8>) {
        head.emit(kind::WELCOME, buf);
        buf.put_slice(&[VERSION, 0, 0, 0]);
        buf.put_u32(self.party.incarnation.0);
        buf.put_u64(self.party.server.0);
        buf.put_u64(self.party.session);
        buf.put_slice(&self.party.nonce);
        finish(secret, buf);
    }

    pub(super) fn parse(signed: &[u8]) -> Option<Self> {
        let (_, party) = welcome(body(signed)).ok()?;
        (party.session != 0 && party.server.0 != 0).then_some(Self { party })
    }
}

/// Says that a session is unknown to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reset {
    pub(super) incarnation: Incarnation,
    /// As in the DATA that nobody knows.
    pub(super) session: u64,
    pub(super) server: ServerId,
    /// Of that DATA.
    pub(super) number: u64,
}

impl Reset {
    pub(super) fn emit(&self, secret: &LinkSecret, buf: &mut Vec<u8>) {
        buf.put_slice(&[VERSION, kind::RESET, 0, 0]);
        buf.put_u32(self.incarnation.0);
        buf.put_u64(self.session);
        buf.put_u64(self.server.0);
        buf.put_u64(self.number);
        buf.put_slice(&secret.tag(buf));
    }

    pub(super) fn parse(signed: &[u8]) -> Option<Self> {
        reset(signed).ok().map(|(_, reset)| reset)
    }
}
