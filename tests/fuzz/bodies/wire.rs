//! Every parser of `wire`, each way: as a datagram, as the body of a type (first two bytes: type and flags), as
//! content, as an address. What parses is written again and reads as the same.

use hms::auth::{checksum_holds, seal_checksum};
use hms::ident::{SessionId, UserId};
use hms::limits::{DATAGRAM_MAX, HEADER_LEN, SHORT_LEN, TAG_LEN};
use hms::wire::{
    Announce, Answer, Content, ContentRef, Header, Hint, Kind, Problem, Request, Unverified, Verified,
    WireError, emit_address, flag, parse_address,
};

use super::keys::{header, open, sealed, user_key};

const USER: UserId = UserId([0x55; 8]);
const SESSION: SessionId = SessionId(0x1122_3344_5566_7788);

pub(super) fn run(data: &[u8]) {
    datagram(data);
    if let [code, flags, body @ ..] = data {
        typed(Kind::from_code(*code), *flags, body);
    }
    content(data);
    if let Some((rest, address)) = parse_address(data) {
        let mut again = Vec::new();
        emit_address(&mut again, address);
        assert_eq!(again, data[..data.len() - rest.len()], "an address reads as what it is written as");
    }
}

/// Nothing is known of these bytes, and no key fits.
fn datagram(data: &[u8]) {
    match Unverified::parse(data) {
        Err(error) => well_said(&error),
        Ok(datagram) => {
            let mut head = Vec::new();
            datagram.header().emit(&mut head);
            assert_eq!(head, data[..HEADER_LEN]);
            assert_eq!(datagram.signed().len() + TAG_LEN, datagram.len());
            let _ = checksum_holds(&datagram);
            bare(&datagram);
        }
    }
    let _ = Unverified::parse_any_version(data);
}

fn well_said(error: &WireError) {
    let known = ["length", "version", "type", "flags", "malformed", "critical-tlv"];
    assert!(known.contains(&error.reason()) && !error.to_string().is_empty(), "{error:?}");
    assert!(error.at <= 2 * DATAGRAM_MAX || error.problem == Problem::Length, "{error:?}");
}

/// HINT and ANNOUNCE, of which nothing is proven.
fn bare(datagram: &Unverified<'_>) {
    let mut again = Vec::new();
    datagram.header().emit(&mut again);
    match datagram.header().kind {
        Kind::Hint => match Hint::parse(datagram) {
            Ok(hint) => hint.emit(&mut again),
            Err(error) => return well_said(&error),
        },
        Kind::Announce => match Announce::parse(datagram) {
            Ok(announce) => {
                announce.emit(&mut again);
                let second = Announce::parse(&Unverified::parse(&end(&mut again)).expect("a header"));
                return assert_eq!(second, Ok(announce));
            }
            Err(error) => return well_said(&error),
        },
        _ => return,
    }
    assert_eq!(again, datagram.signed());
}

fn end(bytes: &mut Vec<u8>) -> Vec<u8> {
    seal_checksum(bytes);
    bytes.clone()
}

/// A body behind a right tag.
fn typed(kind: Kind, flags: u8, body: &[u8]) {
    let key = user_key(USER);
    if matches!(kind, Kind::Hint | Kind::Announce) {
        let mut bytes = Vec::new();
        header(kind, flag::UNAUTHENTICATED, USER, SESSION, 7).emit(&mut bytes);
        bytes.extend_from_slice(&body[..body.len().min(SHORT_LEN)]);
        let bytes = end(&mut bytes);
        let datagram = Unverified::parse(&bytes).expect("a header");
        assert!(checksum_holds(&datagram));
        return bare(&datagram);
    }
    let head = header(kind, flags, USER, SESSION, 7);
    let bytes = sealed(&key.session_key(SESSION), &head, |buf| buf.extend_from_slice(body));
    let Some(verified) = open(&key, &bytes) else {
        return assert!(Unverified::parse(&bytes).is_err(), "a right tag holds");
    };
    assert_eq!(*verified.header(), head);
    if kind.is_response() { answer(&head, &verified) } else { request(&head, &verified) }
}

/// The same message once more, if the writer's bytes fit: it may add the VIEW that was left out.
fn again(head: &Header, flags: u8, write: impl FnOnce(&mut Vec<u8>), read: impl FnOnce(Verified<'_>)) {
    let mut body = Vec::new();
    write(&mut body);
    if HEADER_LEN + body.len() + TAG_LEN > DATAGRAM_MAX {
        return assert!(matches!(head.kind, Kind::Register | Kind::Heartbeat), "{head:?} grows");
    }
    assert_eq!(flags, head.flags, "{head:?}");
    let key = user_key(USER);
    let bytes = sealed(&key.session_key(SESSION), head, |buf| buf.extend_from_slice(&body));
    read(open(&key, &bytes).expect("the header was good before"));
}

fn request(head: &Header, verified: &Verified<'_>) {
    let message = match verified.request() {
        Ok(message) => message,
        Err(error) => {
            well_said(&error);
            // Only content that cannot be taken may be answered to (R-FMT-09).
            if let Ok(Request::Heartbeat(heartbeat)) = verified.heartbeat_head() {
                assert!(heartbeat.content.is_none());
            }
            return;
        }
    };
    let (flags, body) = written(&message);
    again(
        head,
        flags,
        |buf| buf.extend_from_slice(&body),
        |second| {
            let second = second.request().expect("what is written can be read");
            assert_eq!(second, message);
            assert_eq!(written(&second).1, body);
        },
    );
}

fn written(message: &Request<'_>) -> (u8, Vec<u8>) {
    let mut body = Vec::new();
    let flags = match message {
        Request::Init(m) => (m.emit(&mut body), 0).1,
        Request::Register(m) => (m.emit(&mut body), m.flags()).1,
        Request::Heartbeat(m) => (m.emit(&mut body), m.flags()).1,
        Request::Leave(m) => (m.emit(&mut body), 0).1,
        Request::Pull(m) => (m.emit(&mut body), 0).1,
        Request::Find(m) => (m.emit(&mut body), 0).1,
        Request::Discover(m) => (m.emit(&mut body), 0).1,
    };
    (flags, body)
}

fn answer(head: &Header, verified: &Verified<'_>) {
    let message = match verified.answer() {
        Ok(message) => message,
        Err(error) => return well_said(&error),
    };
    let _ = message.origin();
    let (flags, body) = said(&message);
    again(
        head,
        flags,
        |buf| buf.extend_from_slice(&body),
        |second| {
            let second = second.answer().expect("what is written can be read");
            assert_eq!(second, message);
            assert_eq!(said(&second).1, body);
        },
    );
}

fn said(message: &Answer<'_>) -> (u8, Vec<u8>) {
    let mut body = Vec::new();
    let flags = match message {
        Answer::Registered(m) => (m.emit(&mut body), 0).1,
        Answer::Ack(m) => (m.emit(&mut body), m.flags()).1,
        Answer::Page(m) => (m.emit(&mut body), m.flags()).1,
        Answer::Digests(m) => (m.emit(&mut body), 0).1,
        Answer::Offer(m) => (m.emit(&mut body), m.flags()).1,
        Answer::Left(m)
        | Answer::Challenge(m)
        | Answer::Superseded(m)
        | Answer::Reregister(m)
        | Answer::Retry(m)
        | Answer::Redirect(m)
        | Answer::Reject(m) => (m.emit(&mut body), 0).1,
    };
    (flags, body)
}

/// Content as a registry keeps it: its bytes are passed on as they are, its values can be shown.
fn content(data: &[u8]) {
    let content = match ContentRef::parse(data, 0) {
        Ok(content) => content,
        Err(error) => return assert!(error.content.is_some(), "{error:?} names no content"),
    };
    assert_eq!(content.as_bytes(), data);
    let values: Content = content.to_content().expect("checked content has values");
    let bytes = values.to_bytes();
    assert!(bytes.len() <= data.len(), "the canonical form is the shortest");
    let again = ContentRef::parse(&bytes, 0).expect("canonical content is content");
    assert_eq!(again.to_content().as_ref(), Some(&values));
}
