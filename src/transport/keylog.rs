//! What opens a link that somebody has captured (R-TRN-15): for the key log, which an admin has to ask for.

use std::fmt;

use data_encoding::HEXLOWER;
use ring::aead::Aad;
use zeroize::Zeroizing;

use super::datagram::Datagram;
use super::keys::{Generation, Party, Side, data_keys, generation, nonce};
use super::limits::DATA_HEADER;
use crate::auth::hash::LEN;
use crate::ident::{Incarnation, ServerId};

/// Generations that a key is taken further: 2^32 packets.
const GENERATIONS_MAX: u64 = 1 << 10;
const WORD: &str = "LINK";

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedEnd {
    /// Which HMS.
    pub server: ServerId,
    /// Which process of it.
    pub incarnation: Incarnation,
    /// What the DATA names that goes there.
    pub session: u64,
}

impl From<&Party> for LoggedEnd {
    fn from(party: &Party) -> Self {
        Self { server: party.server, incarnation: party.incarnation, session: party.session }
    }
}

/// The secret of a link, with what tells in a capture which link it is.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggedLink {
    /// As in HELLO, COOKIE and WELCOME.
    pub attempt: u64,
    /// Who began it.
    pub initiator: LoggedEnd,
    /// Who answered.
    pub responder: LoggedEnd,
    secret: Zeroizing<[u8; LEN]>,
}

impl fmt::Debug for LoggedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.initiator.session, self.responder.session);
        write!(f, "LoggedLink({from:016x} to {to:016x}, secret)")
    }
}

impl LoggedLink {
    pub(super) fn new(
        attempt: u64,
        (initiator, responder): (&Party, &Party),
        secret: Zeroizing<[u8; LEN]>,
    ) -> Self {
        Self { attempt, initiator: initiator.into(), responder: responder.into(), secret }
    }

    /// The line of the log, without its end.
    pub fn to_line(&self) -> Zeroizing<String> {
        let Self { attempt, initiator: i, responder: r, secret } = self;
        let mut line = Zeroizing::new(String::with_capacity(LINE_LEN));
        for (value, digits) in [
            (*attempt, 16),
            (i.server.0, 16),
            (i.incarnation.0.into(), 8),
            (i.session, 16),
            (r.server.0, 16),
            (r.incarnation.0.into(), 8),
            (r.session, 16),
        ] {
            let space = if line.is_empty() { WORD } else { "" };
            // Writing to a text cannot fail.
            let _ = fmt::Write::write_fmt(&mut *line, format_args!("{space} {value:0digits$x}"));
        }
        line.push(' ');
        HEXLOWER.encode_append(secret.as_slice(), &mut line);
        line
    }

    /// Reads a line of the log; none of a comment, or of what a later version writes.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some(WORD) {
            return None;
        }
        let mut number = |digits: usize| {
            let word = words.next().filter(|word| word.len() == digits)?;
            u64::from_str_radix(word, 16).ok()
        };
        let attempt = number(16)?;
        let mut end = || {
            let (server, incarnation) = (ServerId(number(16)?), number(8)?);
            let incarnation = Incarnation(u32::try_from(incarnation).ok()?);
            Some(LoggedEnd { server, incarnation, session: number(16)? })
        };
        let (initiator, responder) = (end()?, end()?);
        let bytes = Zeroizing::new(HEXLOWER.decode(words.next()?.as_bytes()).ok()?);
        let secret = Zeroizing::new(bytes.as_slice().try_into().ok()?);
        Some(Self { attempt, initiator, responder, secret })
    }

    /// Who sent a DATA of this link, and its frames; none if it is of another link or was changed.
    pub fn open(&self, datagram: &[u8]) -> Option<(Side, Vec<u8>)> {
        let Datagram::Data(head) = Datagram::parse(datagram).ok()? else { return None };
        let (i, r) = data_keys(&self.secret);
        let (side, key) = match head.session {
            to if to == self.responder.session => (Side::Initiator, i),
            to if to == self.initiator.session => (Side::Responder, r),
            _ => return None,
        };
        let steps = generation(head.number);
        if steps > GENERATIONS_MAX {
            return None;
        }
        let key = (0..steps).fold(Generation::new(0, key), |key, _| key.next());
        let (header, body) = datagram.split_at_checked(DATA_HEADER)?;
        let mut body = body.to_vec();
        let length = key.aead().open_in_place(nonce(head.number), Aad::from(header), &mut body).ok()?.len();
        body.truncate(length);
        Some((side, body))
    }
}

/// So long is every line.
const LINE_LEN: usize = 4 + 5 * 17 + 2 * 9 + 65;
