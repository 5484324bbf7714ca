//! What an endpoint says to those that it has no link with.

use std::net::SocketAddr;

use super::{CloseReason, Connection, DropReason, Endpoint, KeyId, Reply, Reset};
use crate::time::Instant;
use crate::transport::datagram::Head;
use crate::transport::hello::{CookieMessage, Hello, Welcome};
use crate::transport::keys::{LinkSecret, Side};
use crate::transport::limits::{
    COOKIE_LEN, HALF_OPEN_MAX, HALF_OPEN_PEER, LINKS_MAX, REPLIES_MAX, RESETS_PER_SECOND,
};

impl Endpoint {
    /// HELLO: a cookie, or with a cookie that holds a half-open link (R-TRN-20, R-TRN-21).
    pub(super) fn hello(
        &mut self,
        now: Instant,
        from: SocketAddr,
        head: &Head,
        bytes: &[u8],
    ) -> Result<(), DropReason> {
        let secret = self.secrets.get(&head.key).ok_or(DropReason::Key)?;
        let signed = secret.open(bytes).ok_or(DropReason::Tag)?;
        let hello = Hello::parse(head, signed).ok_or(DropReason::Malformed)?;
        if !(hello.versions.0..=hello.versions.1).contains(&1) {
            return Err(DropReason::Version);
        }
        if (hello.party.server, hello.party.incarnation) == (self.config.server, self.config.incarnation) {
            return Err(DropReason::Own);
        }
        if hello.target.0 != 0 && hello.target != self.config.server {
            return Err(DropReason::Target);
        }
        if self.cookie_key.holds(now, from, signed, &hello.cookie) {
            let secret = secret.clone();
            return self.accept(now, from, secret, &hello);
        }
        let message = CookieMessage {
            incarnation: self.config.incarnation,
            server: self.config.server,
            cookie: self.cookie_key.make(now, from, signed),
        };
        let head = Head { session: hello.party.session, ..*head };
        self.scratch.clear();
        message.emit(&head, secret, &mut self.scratch);
        self.reply(from)
    }

    fn accept(
        &mut self,
        now: Instant,
        from: SocketAddr,
        secret: LinkSecret,
        hello: &Hello,
    ) -> Result<(), DropReason> {
        let same = |link: &Connection| {
            link.side() == Side::Responder
                && (link.distant(), link.attempt(), link.key())
                    == (hello.party.session, hello.attempt, hello.key)
        };
        if let Some(link) = self.links.values_mut().find(|link| same(link)) {
            if !link.is_half_open() {
                return Err(DropReason::Replay);
            }
            link.welcome_again();
            return Ok(());
        }
        self.make_room(hello);
        if self.links.len() >= LINKS_MAX {
            return Err(DropReason::Full);
        }
        let begin = self.begin(now, from);
        let local = begin.local;
        let welcome = Welcome { party: self.party(local) };
        self.links.insert(local, Connection::answer(begin, secret, hello, welcome));
        Ok(())
    }

    /// Lets the oldest half-open link go where there are too many (R-TRN-21).
    fn make_room(&mut self, hello: &Hello) {
        let half = || self.links.iter().filter(|(_, link)| link.is_half_open());
        let of_peer = || half().filter(|(_, link)| link.has_peer(hello.party.server));
        let oldest = if of_peer().count() >= HALF_OPEN_PEER {
            of_peer().min_by_key(|(_, link)| link.heard())
        } else if half().count() >= HALF_OPEN_MAX {
            half().min_by_key(|(_, link)| link.heard())
        } else {
            None
        };
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.links.remove(&id);
        }
    }

    /// Sends what stands in the scratch buffer.
    fn reply(&mut self, to: SocketAddr) -> Result<(), DropReason> {
        if self.replies.len() >= REPLIES_MAX {
            return Err(DropReason::Full);
        }
        let mut bytes = [0; COOKIE_LEN];
        self.scratch.iter().zip(&mut bytes).for_each(|(from, to)| *to = *from);
        self.replies.push_back(Reply { to, bytes, len: self.scratch.len().min(COOKIE_LEN) });
        Ok(())
    }

    /// Says that a session is unknown here (R-TRN-25).
    pub(super) fn reset(&mut self, now: Instant, to: SocketAddr, session: u64, number: u64) {
        let Some(secret) = self.secrets.get(&KeyId::CLUSTER) else { return };
        let second = now.micros() / 1_000_000;
        if self.resets.0 != second {
            self.resets = (second, 0);
        }
        if self.resets.1 >= RESETS_PER_SECOND {
            return;
        }
        self.resets.1 += 1;
        let (incarnation, server) = (self.config.incarnation, self.config.server);
        self.scratch.clear();
        Reset { incarnation, session, server, number }.emit(secret, &mut self.scratch);
        // No room is no harm: the next DATA asks again.
        let _ = self.reply(to);
    }

    /// A peer does not know a session: it was restarted, or the RESET is of no use.
    pub(super) fn take_reset(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        let secret = self.secrets.get(&KeyId::CLUSTER).ok_or(DropReason::Key)?;
        let signed = secret.open(bytes).ok_or(DropReason::Tag)?;
        let reset = Reset::parse(signed).ok_or(DropReason::Malformed)?;
        let link = self.links.values_mut().filter(|link| link.is_open()).find(|link| {
            let peer = link.peer();
            let other =
                |p: &crate::transport::Peer| p.server == reset.server && p.incarnation != reset.incarnation;
            link.distant() == reset.session && peer.as_ref().is_some_and(other)
        });
        link.ok_or(DropReason::Reset)?.drain(CloseReason::Restarted);
        Ok(())
    }
}
