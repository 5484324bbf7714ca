//! What an endpoint says to those that it has no link with.

use super::{CloseReason, Connection, DropReason, Endpoint, KeyId, Reply, Reset, Route};
use crate::time::Instant;
use crate::transport::datagram::Head;
use crate::transport::hello::{CookieMessage, Hello, Welcome};
use crate::transport::keys::{LinkSecret, Side};
use crate::transport::limits::{
    COOKIE_LEN, HALF_OPEN_MAX, HALF_OPEN_PEER, INVITATION_LINKS, LINKS_MAX, REPLIES_MAX, RESET_LEN,
    RESETS_WAITING,
};

impl Endpoint {
    /// HELLO: a cookie, or with a cookie that holds a half-open link (R-TRN-20, R-TRN-21).
    pub(super) fn hello(
        &mut self,
        now: Instant,
        from: Route,
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
        if self.cookie_key.holds(now, from.remote, signed, &hello.cookie) {
            let secret = secret.clone();
            return self.accept(now, from, secret, &hello);
        }
        let message = CookieMessage {
            incarnation: self.config.incarnation,
            server: self.config.server,
            cookie: self.cookie_key.make(now, from.remote, signed),
        };
        let head = Head { session: hello.party.session, ..*head };
        self.scratch.clear();
        message.emit(&head, secret, &mut self.scratch);
        self.reply(from)
    }

    fn accept(
        &mut self,
        now: Instant,
        from: Route,
        secret: LinkSecret,
        hello: &Hello,
    ) -> Result<(), DropReason> {
        if let Some(link) = self.links.values_mut().find(|link| link.answers(from, hello)) {
            if !link.is_half_open() {
                return Err(DropReason::Replay);
            }
            link.welcome_again();
            return Ok(());
        }
        self.make_room(hello)?;
        let invited = |link: &&Connection| link.key() == hello.key && link.side() == Side::Responder;
        let many =
            hello.key != KeyId::CLUSTER && self.links.values().filter(invited).count() >= INVITATION_LINKS;
        if many || self.links.len() >= LINKS_MAX {
            return Err(DropReason::Full);
        }
        let begin = self.begin(now, from);
        let local = begin.local;
        let welcome = Welcome { party: self.party(local) };
        self.links.insert(local, Connection::answer(begin, secret, hello, welcome));
        self.take_logged(local);
        Ok(())
    }

    /// Lets a half-open link go where there are too many; fails if the new one is the first to go (R-TRN-21).
    fn make_room(&mut self, hello: &Hello) -> Result<(), DropReason> {
        let half = || self.links.iter().filter(|(_, link)| link.is_half_open());
        // One for each invitation: whose holder may claim to be anybody.
        let cluster = hello.key == KeyId::CLUSTER;
        let most = if cluster { HALF_OPEN_PEER } else { 1 };
        let rival =
            |link: &Connection| link.key() == hello.key && (!cluster || link.has_peer(hello.party.server));
        let rivals = || half().filter(|(_, link)| rival(link));
        let goes = if rivals().count() >= most {
            // Of one process those that its own end would keep stay, in whatever order they came (R-TRN-24).
            let older = |link: &Connection| match link.is_of(&hello.party) {
                false => (false, link.met().micros()),
                true => (true, link.attempt()),
            };
            let goes = rivals().min_by_key(|(_, link)| older(link));
            if goes.is_some_and(|(_, link)| older(link) > (true, hello.attempt)) {
                return Err(DropReason::Full);
            }
            goes
        } else if half().count() >= HALF_OPEN_MAX {
            half().min_by_key(|(_, link)| (link.met(), link.attempt()))
        } else {
            None
        };
        if let Some(id) = goes.map(|(id, _)| *id) {
            self.links.remove(&id);
        }
        Ok(())
    }

    /// Sends what stands in the scratch buffer.
    fn reply(&mut self, to: Route) -> Result<(), DropReason> {
        if self.replies.len() >= REPLIES_MAX {
            return Err(DropReason::Full);
        }
        let mut bytes = [0; COOKIE_LEN];
        self.scratch.iter().zip(&mut bytes).for_each(|(from, to)| *to = *from);
        self.replies.push_back(Reply { to, bytes, len: self.scratch.len().min(COOKIE_LEN) });
        Ok(())
    }

    /// Says that a session is unknown here (R-TRN-25).
    pub(super) fn reset(&mut self, now: Instant, to: Route, session: u64, number: u64) {
        let Some(secret) = self.secrets.get(&KeyId::CLUSTER) else { return };
        let waiting = self.replies.iter().filter(|reply| reply.len == RESET_LEN).count();
        if waiting >= RESETS_WAITING || !self.resets.allow(now, to.remote) {
            return;
        }
        let (incarnation, server) = (self.config.incarnation, self.config.server);
        self.scratch.clear();
        Reset { incarnation, session, server, number }.emit(secret, &mut self.scratch);
        // No room is no harm: the next DATA asks again.
        let _ = self.reply(to);
    }

    /// A peer does not know a session: it was restarted, or the link is gone there (R-TRN-25). It knew every session
    /// before it named it, and knows none again: so the answer holds, however late it comes.
    pub(super) fn take_reset(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        let secret = self.secrets.get(&KeyId::CLUSTER).ok_or(DropReason::Key)?;
        let signed = secret.open(bytes).ok_or(DropReason::Tag)?;
        let reset = Reset::parse(signed).ok_or(DropReason::Malformed)?;
        let mut open = self.links.values_mut().filter(|link| link.is_open());
        let named = |link: &&mut Connection| link.distant() == reset.session && link.has_peer(reset.server);
        let link = open.find(named).ok_or(DropReason::Reset)?;
        let same = link.peer().is_some_and(|peer| peer.incarnation == reset.incarnation);
        link.drain(if same { CloseReason::Forgotten } else { CloseReason::Restarted });
        Ok(())
    }
}
