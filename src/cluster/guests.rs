//! Newcomers that redeem an invitation, at the HMS that made it (R-PEE-09, R-PEE-32, R-PEE-33).
//!
//! Whoever holds an invitation is not believed more than that: it says who it is, and gets an answer. It tells no facts,
//! and no clock.

use std::fmt;
use std::net::SocketAddr;

use rand_core::Rng as _;
use zeroize::Zeroizing;

use super::action::Action;
use super::facts::FactKey;
use super::hear::{MALFORMED, is_link_local};
use super::invitations::Invitations;
use super::machine::Cluster;
use super::neighbour::Said;
use super::refusal::{is_spoken, remedy};
use crate::ident::{InvitationId, Name, ServerId};
use crate::limits::{INVITATIONS_MAX, REFUSE_TIME};
use crate::time::Instant;
use crate::token::Invitation;
use crate::transport::{CloseCode, KeyId, LinkId, LinkSecret, Peer, Priority};
use crate::wire::peer::{Admit, Intro, PeerMessage, Refuse, RefuseCode, Stored, Stream};

/// A link under an invitation's key.
#[derive(Debug)]
pub(super) struct Guest {
    id: InvitationId,
    server: ServerId,
    remote: SocketAddr,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has not said who it is.
    Met,
    /// It was entered as a member, which is to be stored.
    Entered,
    /// That is being stored.
    Storing,
    /// It has the secrets, and gets the facts behind this one; the number is of the FACTS that it has not stored.
    Admitted(Option<FactKey>, u64),
    /// It has got all.
    Complete(u64),
    /// It was refused: when the link is closed.
    Refused(Instant),
}

/// No more invitations can be in force at one HMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyInvitations;

impl fmt::Display for TooManyInvitations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{INVITATIONS_MAX} invitations of this HMS are in force, and more are not possible: use one, or wait; \
             each ends after 24 h"
        )
    }
}

impl std::error::Error for TooManyInvitations {}

/// ADMIT, to be sent where [`Action::Admit`] says: the cluster secret and the seed of the Ed25519 key.
pub fn admission(cluster_secret: &[u8; 32], key_seed: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    // Nothing of it stays where the buffer was before it grew.
    let mut message = Zeroizing::new(Vec::with_capacity(128));
    PeerMessage::Admit(Admit { cluster_secret, key_seed }).emit(&mut message);
    message
}

impl Cluster {
    /// Takes over the invitations that are on disk; to be called once, at the beginning.
    pub fn restore_invitations(&mut self, now: Instant, invitations: Invitations) {
        self.invitations = invitations;
        let keys = self.invitations.iter().map(|one| Action::AddKey(KeyId(one.id.0)));
        self.actions.extend(keys);
        self.settle(now);
    }

    /// Those that are in force, to be stored with the facts.
    pub const fn invitations(&self) -> &Invitations {
        &self.invitations
    }

    /// Makes an invitation, with the addresses at which this HMS is dialled by who redeems it (R-PEE-32). To be shown when
    /// it is stored.
    pub fn invite(
        &mut self,
        now: Instant,
        addresses: Vec<SocketAddr>,
    ) -> Result<Invitation, TooManyInvitations> {
        self.settle(now);
        let clock = self.own.clock.read(now);
        if self.invitations.iter().count() >= INVITATIONS_MAX {
            return Err(TooManyInvitations);
        }
        let mut secret = Zeroizing::new([0; 32]);
        self.rng.fill_bytes(&mut *secret);
        let mut id = InvitationId(self.rng.next_u64());
        while !self.invitations.invite(clock, id, *secret) {
            id = InvitationId(self.rng.next_u64());
        }
        self.actions.extend([Action::AddKey(KeyId(id.0)), Action::Persist]);
        Ok(Invitation { id, secret, inviter: self.own.process.server, addresses })
    }

    /// The secret of an invitation that is in force, for [`Action::AddKey`].
    pub fn link_secret(&self, key: KeyId) -> Option<LinkSecret> {
        let invitation = self.invitations.iter().find(|one| one.id.0 == key.0)?;
        Some(LinkSecret::invitation(key, &invitation.secret))
    }

    /// A link has opened under an invitation's key.
    pub(super) fn guest_connected(&mut self, now: Instant, link: LinkId, peer: Peer, remote: SocketAddr) {
        let id = InvitationId(peer.key.0);
        if peer.server == self.own.process.server || self.invitations.iter().all(|one| one.id != id) {
            return self.close(link, CloseCode::REFUSED, "not for this");
        }
        self.guests.insert(link, Guest { id, server: peer.server, remote, state: State::Met });
        let Said { head, left, .. } = self.intro(now);
        let mut message = Vec::new();
        head.emit(&self.own.name, &[], &left, &mut message);
        self.send(link, message);
    }

    /// A guest said something. What only an inviter says is skipped.
    pub(super) fn guest_message(&mut self, now: Instant, link: LinkId, priority: Priority, bytes: &[u8]) {
        let message = PeerMessage::parse(Stream::from(priority), bytes);
        let Some(guest) = self.guests.get(&link) else { return };
        match (guest.state, message) {
            (State::Refused(_), _) => {}
            (State::Met, Ok(PeerMessage::Intro(intro))) => self.redeem(now, link, &intro),
            (_, Ok(PeerMessage::Stored(stored))) => self.guest_stored(link, stored),
            (
                _,
                Ok(
                    PeerMessage::Intro(_)
                    | PeerMessage::Refuse(_)
                    | PeerMessage::Admit(_)
                    | PeerMessage::Facts(_),
                ),
            ) => {}
            (_, Ok(_)) => self.dismiss(link, MALFORMED, "not under an invitation"),
            (_, Err(error)) => self.dismiss(link, MALFORMED, &error.to_string()),
        }
    }

    fn dismiss(&mut self, link: LinkId, code: CloseCode, reason: &str) {
        self.guests.remove(&link);
        self.close(link, code, reason);
    }

    /// It has said who it is: it is entered, or refused.
    fn redeem(&mut self, now: Instant, link: LinkId, intro: &Intro<'_>) {
        let Some(guest) = self.guests.get(&link) else { return };
        let (id, server, remote) = (guest.id, guest.server, guest.remote);
        if !self.own.has_seat() {
            return self.dismiss(link, CloseCode::REFUSED, "starts itself: try again");
        }
        if let Err(code) = self.enter_guest(now, id, server, intro) {
            return self.refuse_guest(now, link, code);
        }
        let own = intro.addresses().map(|own| own.address).chain([remote]);
        let addresses: Vec<_> = own.filter(|address| !is_link_local(*address)).collect();
        self.register_addresses(now, server, addresses);
        self.log(format!("HMS {server}, called {}, at {remote} redeems an invitation", intro.name));
        if let Some(guest) = self.guests.get_mut(&link) {
            guest.state = State::Entered;
        }
        // What it is told of comes before it on disk: else whoever loses it would be asked by a stranger.
        self.persist(now);
    }

    /// Enters the member; then only the invitation is redeemed (R-PEE-32).
    fn enter_guest(
        &mut self,
        now: Instant,
        id: InvitationId,
        server: ServerId,
        intro: &Intro<'_>,
    ) -> Result<(), RefuseCode> {
        let clock = self.own.clock.read(now);
        if !is_spoken(&intro.head) {
            return Err(RefuseCode::Version);
        }
        if !self.invitations.allows(clock, id, server) {
            return Err(RefuseCode::Invitation);
        }
        self.facts.admits(server, intro.name)?;
        let name = Name::new(intro.name).map_err(|_| RefuseCode::Name)?;
        let entered = self.decide(now, |facts, how| facts.enter_member(how, server, &name));
        entered.map_err(|problem| {
            self.log(format!("HMS {server} is not entered: {problem}"));
            RefuseCode::Full
        })?;
        // It was allowed a moment ago.
        self.invitations.redeem(clock, id, server).then_some(()).ok_or(RefuseCode::Invitation)
    }

    fn refuse_guest(&mut self, now: Instant, link: LinkId, code: RefuseCode) {
        let Some(guest) = self.guests.get_mut(&link) else { return };
        guest.state = State::Refused(now + REFUSE_TIME);
        let (server, remote) = (guest.server, guest.remote);
        self.log(format!("HMS {server} at {remote} is not admitted: {code:?}"));
        let reason = remedy(code, remote);
        let mut message = Vec::new();
        PeerMessage::Refuse(Refuse { code, twin: None, reason: Some(&reason) }).emit(&mut message);
        self.send(link, message);
    }

    /// Facts and invitations were taken to be stored: so were the newcomers that are entered.
    pub(super) fn guests_storing(&mut self) {
        for guest in self.guests.values_mut().filter(|guest| guest.state == State::Entered) {
            guest.state = State::Storing;
        }
    }

    /// They are on disk: the newcomers may have the secrets, and all facts.
    pub(super) fn admit_guests(&mut self) {
        let stored = self.guests.iter().filter(|(_, guest)| guest.state == State::Storing);
        let stored: Vec<_> = stored.map(|(link, _)| *link).collect();
        for link in stored {
            self.actions.push_back(Action::Admit(link));
            self.tell_guest(link, None);
        }
    }

    /// Sends the next FACTS, the first of all if there is none before.
    fn tell_guest(&mut self, link: LinkId, after: Option<FactKey>) {
        self.number += 1;
        let mut message = Vec::new();
        let next = self.facts.write_all(after, self.number, &mut message);
        if let Some(guest) = self.guests.get_mut(&link) {
            let number = self.number;
            guest.state = next.map_or(State::Complete(number), |after| State::Admitted(Some(after), number));
        }
        self.send(link, message);
    }

    fn guest_stored(&mut self, link: LinkId, stored: Stored) {
        let Some(guest) = self.guests.get(&link) else { return };
        match guest.state {
            State::Admitted(after, number) if number == stored.number => self.tell_guest(link, after),
            State::Complete(number) if number == stored.number && stored.on_disk => {
                self.log(format!("HMS {} is admitted", guest.server));
                self.dismiss(link, CloseCode::DONE, "admitted");
            }
            _ => {}
        }
    }

    /// Invitations end, and so do the links of guests that were refused.
    pub(super) fn end_invitations(&mut self, now: Instant) {
        let over = self.invitations.forget(self.own.clock.read(now));
        if !over.is_empty() {
            self.actions.extend(over.iter().map(|id| Action::RemoveKey(KeyId(id.0))));
            self.persist(now);
        }
        let goes = |guest: &Guest| match guest.state {
            State::Refused(at) => at <= now,
            _ => over.contains(&guest.id),
        };
        let goes: Vec<_> =
            self.guests.iter().filter(|(_, guest)| goes(guest)).map(|(link, _)| *link).collect();
        for link in goes {
            self.dismiss(link, CloseCode::REFUSED, "not admitted");
        }
    }

    /// When [`Self::end_invitations`] has something to do.
    pub(super) fn next_invitation(&self) -> Option<Instant> {
        let refused = self.guests.values().filter_map(|guest| match guest.state {
            State::Refused(at) => Some(at),
            _ => None,
        });
        let ends = self.invitations.next_end().map(|end| self.own.clock.reads(end));
        refused.chain(ends).min()
    }
}
