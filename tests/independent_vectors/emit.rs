//! Messages written again from the values that were read.

use hms::auth;
use hms::wire::*;

use crate::User;

/// The whole datagram, under the key that it came with.
pub(crate) fn message(user: &User, datagram: &Verified<'_>) -> Result<Vec<u8>, WireError> {
    let mut body = Vec::new();
    let flags = if datagram.header().kind.is_response() {
        answer(&datagram.answer()?, &mut body)
    } else {
        request(&datagram.request()?, &mut body)
    };
    let mut bytes = Vec::new();
    Header { flags, ..*datagram.header() }.emit(&mut bytes);
    bytes.append(&mut body);
    if datagram.header().session.0 == 0 {
        auth::seal(&user.key, &mut bytes);
    } else {
        auth::seal(&user.key.session_key(user.session), &mut bytes);
    }
    Ok(bytes)
}

/// HINT or ANNOUNCE.
pub(crate) fn bare(datagram: &Unverified<'_>) -> Result<Vec<u8>, WireError> {
    let mut bytes = Vec::new();
    datagram.header().emit(&mut bytes);
    if datagram.header().kind == Kind::Hint {
        Hint::parse(datagram)?.emit(&mut bytes);
    } else {
        Announce::parse(datagram)?.emit(&mut bytes);
    }
    auth::seal_checksum(&mut bytes);
    Ok(bytes)
}

fn request(request: &Request<'_>, body: &mut Vec<u8>) -> u8 {
    match request {
        Request::Init(m) => m.emit(body),
        Request::Register(m) => {
            m.emit(body);
            return m.flags();
        }
        Request::Heartbeat(m) => {
            m.emit(body);
            return m.flags();
        }
        Request::Leave(m) => m.emit(body),
        Request::Pull(m) => m.emit(body),
        Request::Find(m) => m.emit(body),
        Request::Discover(m) => m.emit(body),
    }
    0
}

fn answer(answer: &Answer<'_>, body: &mut Vec<u8>) -> u8 {
    match answer {
        Answer::Registered(m) => m.emit(body),
        Answer::Ack(m) => {
            m.emit(body);
            return m.flags();
        }
        Answer::Page(m) => {
            m.emit(body);
            return m.flags();
        }
        Answer::Digests(m) => m.emit(body),
        Answer::Offer(m) => {
            m.emit(body);
            return m.flags();
        }
        Answer::Left(m)
        | Answer::Challenge(m)
        | Answer::Superseded(m)
        | Answer::Reregister(m)
        | Answer::Retry(m)
        | Answer::Redirect(m)
        | Answer::Reject(m) => m.emit(body),
    }
    0
}
