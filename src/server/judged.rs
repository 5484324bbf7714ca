//! What became of a datagram, for who captures them (spec chapter 11). A datagram costs a few words that are overwritten;
//! what they mean is looked at only when somebody asks.

use super::Server;
use super::refusals::Verdict;
use crate::capture::{Note, Verdict as Said};
use crate::ident::ServerId;
use crate::transport::{Connection, is_between_hmss};
use crate::wire::{ContentRef, Kind, Unverified, flag};

/// What was done with the last datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judged {
    pub(super) dropped: Option<&'static str>,
    pub(super) refused: Option<Verdict>,
}

impl Server {
    /// The next datagram comes.
    pub(super) const fn judge_anew(&mut self) {
        self.judged = Judged { dropped: None, refused: None };
        self.answers.said = None;
    }

    /// What became of `bytes`, which [`Self::handle_datagram`] took last (R-CAP-11).
    pub fn verdict(&self, bytes: &[u8]) -> Note<'_> {
        if is_between_hmss(bytes) {
            return self.link_verdict(bytes);
        }
        let kind = Unverified::parse(bytes).map(|datagram| datagram.header().kind);
        let verdict = match (self.judged.dropped, kind) {
            (Some(reason), _) => Said::Dropped(reason),
            (None, Ok(kind)) => self.taken(kind),
            // What cannot be read was dropped.
            (None, Err(error)) => Said::Dropped(error.reason()),
        };
        self.of_host(verdict, bytes)
    }

    fn taken(&self, kind: Kind) -> Said<'static> {
        match (self.judged.refused, self.answers.said) {
            (Some(why), _) => Said::Refused(kind.name(), why.name()),
            _ if kind == Kind::Announce => Said::Ignored(kind.name(), "unasked"),
            (None, Some(said)) if says_something_else(said) && kind != Kind::Init => {
                Said::Answered(kind.name(), said.name())
            }
            _ => Said::Accepted(kind.name()),
        }
    }

    /// Why `bytes` are sent, which [`Self::poll_output`] gave out last (R-CAP-12).
    pub fn cause(&self, bytes: &[u8]) -> Note<'_> {
        if is_between_hmss(bytes) {
            return self.link_cause(bytes);
        }
        let header = Unverified::parse(bytes).map(|datagram| *datagram.header());
        let (kind, flags) = header.map_or((Kind::Unknown(0), 0), |header| (header.kind, header.flags));
        let verdict = match (kind, self.answers.asked()) {
            (Kind::Page, _) if flags & flag::PUSH != 0 => Said::Sent(kind.name(), "push"),
            (Kind::Announce, _) => Said::Sent(kind.name(), "unasked"),
            (Kind::Offer, _) => Said::Sent(kind.name(), ANSWERS_DISCOVER),
            (_, Some(asked)) => Said::Sent(kind.name(), answers(asked)),
            (_, None) => Said::Sent(kind.name(), "unasked"),
        };
        self.of_host(verdict, bytes)
    }

    /// With the names of the header's user and realm, as far as they are known.
    fn of_host<'a>(&'a self, verdict: Said<'a>, bytes: &[u8]) -> Note<'a> {
        let Ok(datagram) = Unverified::parse(bytes) else { return verdict.into() };
        let header = datagram.header();
        let row = self.registry.by_user(header.realm, header.user).and_then(|id| self.registry.row(id));
        Note {
            user: row.map(|row| ContentRef::trusted(row.content()).user_name()),
            realm: self.keyring.realm(header.realm).map(|realm| realm.name.as_str()),
            ..verdict.into()
        }
    }

    fn link_verdict(&self, bytes: &[u8]) -> Note<'_> {
        let kind = link_kind(bytes);
        let verdict = match self.judged.dropped {
            Some(reason) => Said::Dropped(reason),
            None if kind == "data" => Said::Opened(kind),
            None => Said::Accepted(kind),
        };
        // Of what was dropped nothing is proven but the session that it names.
        let told = matches!(verdict, Said::Accepted(_)).then(|| sender(bytes)).flatten();
        let server = told.or_else(|| self.peers.of_session(bytes));
        Note { hms: server.and_then(|server| self.hms_name(server)), ..verdict.into() }
    }

    fn link_cause(&self, bytes: &[u8]) -> Note<'_> {
        let kind = link_kind(bytes);
        let why = match kind {
            "hello" => "dials",
            "cookie" | "welcome" => "answers hello",
            "reset" => "answers data",
            _ => self.peers.sent_last().map_or("link", Connection::sent_as),
        };
        let server = if kind == "reset" || kind == "cookie" { None } else { self.peers.sent_last() };
        let server = server.and_then(Connection::peer).map(|peer| peer.server);
        Note { hms: server.and_then(|server| self.hms_name(server)), ..Said::Sent(kind, why).into() }
    }

    fn hms_name(&self, server: ServerId) -> Option<&str> {
        self.facts().member(server).map(|member| member.name)
    }
}

/// Answers that are not what the request asked for.
const fn says_something_else(said: Kind) -> bool {
    matches!(
        said,
        Kind::Challenge | Kind::Superseded | Kind::Reregister | Kind::Retry | Kind::Redirect | Kind::Reject
    )
}

const ANSWERS_DISCOVER: &str = "answers discover";

const fn answers(asked: Kind) -> &'static str {
    match asked {
        Kind::Init => "answers init",
        Kind::Register => "answers register",
        Kind::Heartbeat => "answers heartbeat",
        Kind::Leave => "answers leave",
        Kind::Pull => "answers pull",
        Kind::Find => "answers find",
        Kind::Discover => ANSWERS_DISCOVER,
        _ => "answers",
    }
}

fn link_kind(bytes: &[u8]) -> &'static str {
    match bytes {
        [_, 0x20, ..] => "hello",
        [_, 0x21, ..] => "cookie",
        [_, 0x22, ..] => "welcome",
        [_, 0x23, ..] => "data",
        _ => "reset",
    }
}

/// Who sent a handshake datagram whose tag holds (chapter 9.1).
fn sender(bytes: &[u8]) -> Option<ServerId> {
    let at = match link_kind(bytes) {
        "hello" | "cookie" | "welcome" => 40,
        "reset" => 16,
        _ => return None,
    };
    bytes.get(at..)?.first_chunk().copied().map(u64::from_be_bytes).map(ServerId)
}
