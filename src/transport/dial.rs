//! The initiator's half of the handshake (R-TRN-22).

use super::datagram::Head;
use super::drops::DropReason;
use super::hello::{CookieMessage, Hello, Welcome};
use super::keys::{LinkSecret, Party};
use super::limits::{COOKIES_TAKEN, HANDSHAKE_TIME, HELLO_AT};
use crate::ident::{Incarnation, ServerId};
use crate::time::{Duration, Instant};

/// An attempt to make a link.
pub(super) struct Dial {
    pub(super) secret: LinkSecret,
    pub(super) hello: Hello,
    began: Instant,
    /// How many of the planned HELLOs went or are due.
    planned: usize,
    due: bool,
    /// Whose cookies were taken, and when.
    cookies: Vec<(Incarnation, Instant)>,
    /// When the HELLO with the cookie went, while it went only once.
    asked: Option<Instant>,
    asked_again: bool,
}

/// What a WELCOME says.
pub(super) struct Answer {
    pub(super) party: Party,
    /// When that process was alive for certain: its cookie had come, and its WELCOME answers it.
    pub(super) met: Instant,
    /// How long it took, if that is known.
    pub(super) took: Option<Duration>,
}

impl Dial {
    pub(super) const fn new(now: Instant, secret: LinkSecret, hello: Hello) -> Self {
        Self {
            secret,
            hello,
            began: now,
            planned: 1,
            due: true,
            cookies: Vec::new(),
            asked: None,
            asked_again: false,
        }
    }

    /// Who is meant; 0 is anybody.
    pub(super) const fn target(&self) -> ServerId {
        self.hello.target
    }

    /// Whether no COOKIE has come.
    pub(super) const fn is_unanswered(&self) -> bool {
        self.cookies.is_empty()
    }

    /// When something is to be done next.
    pub(super) fn deadline(&self) -> Instant {
        self.began + HELLO_AT.get(self.planned).copied().unwrap_or(HANDSHAKE_TIME)
    }

    /// Whether the attempt is to be given up.
    pub(super) fn timeout(&mut self, now: Instant) -> bool {
        while self.planned < HELLO_AT.len() && now >= self.deadline() {
            self.planned += 1;
            self.due = true;
        }
        now >= self.began + HANDSHAKE_TIME
    }

    /// Writes a HELLO if one is due.
    pub(super) fn transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        if !std::mem::take(&mut self.due) {
            return false;
        }
        if !self.cookies.is_empty() {
            self.asked_again = self.asked.is_some();
            self.asked = Some(now);
        }
        self.hello.emit(&self.secret, buf);
        true
    }

    /// Takes a COOKIE.
    pub(super) fn cookie(&mut self, now: Instant, head: &Head, datagram: &[u8]) -> Result<(), DropReason> {
        let signed = self.open(head, datagram)?;
        let message = CookieMessage::parse(signed).ok_or(DropReason::Malformed)?;
        if self.cookies.len() >= COOKIES_TAKEN || message.cookie == self.hello.cookie {
            return Err(DropReason::Unasked);
        }
        self.cookies.push((message.incarnation, now));
        self.hello.cookie = message.cookie;
        (self.due, self.asked) = (true, None);
        Ok(())
    }

    /// Takes a WELCOME.
    pub(super) fn welcome(&self, now: Instant, head: &Head, datagram: &[u8]) -> Result<Answer, DropReason> {
        let signed = self.open(head, datagram)?;
        let welcome = Welcome::parse(signed).ok_or(DropReason::Malformed)?;
        let asked = self.asked.ok_or(DropReason::Unasked)?;
        // After a second cookie it may answer the HELLO before.
        let took = (!self.asked_again && self.cookies.len() == 1).then(|| now.since(asked));
        let first = self.cookies.iter().find(|(incarnation, _)| *incarnation == welcome.party.incarnation);
        let met = first.map_or(self.began, |(_, at)| *at);
        Ok(Answer { party: welcome.party, met, took })
    }

    fn open<'a>(&self, head: &Head, datagram: &'a [u8]) -> Result<&'a [u8], DropReason> {
        if head.attempt != self.hello.attempt || head.key != self.hello.key {
            return Err(DropReason::Unasked);
        }
        self.secret.open(datagram).ok_or(DropReason::Tag)
    }
}
