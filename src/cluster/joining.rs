//! A newcomer that redeems an invitation before it is an HMS like any other (R-PEE-33, R-PEE-34).
//!
//! [`may_join`] says whether there is reason to; [`Joining`] does it, over an endpoint of its own that knows the
//! invitation's key only; [`Admitted::store`] keeps what it got.

mod error;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::Facts;
use super::facts::Merged;
use super::hear::MALFORMED;
use crate::ident::{Name, ServerId, Stamp};
use crate::limits::{JOIN_DIALS_MAX, JOIN_REDIAL, JOIN_SILENT, JOIN_STORED, JOIN_TIME};
use crate::storage::{Secrets, SecretsError};
use crate::time::Instant;
use crate::token::Invitation;
use crate::transport::{CloseCode, CloseReason, KeyId, LinkId, LinkSecret, Peer, Priority};
use crate::wire::peer::{
    self, IntroHead, OwnAddress, PeerMessage, Phase, RefuseCode, Stored, Stream, Timing,
};

pub use error::JoinError;

/// Whether there is anything to redeem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayJoin {
    /// Yes: this HMS belongs to no cluster.
    Yes,
    /// The inviter is a member of the cluster that this HMS belongs to: it starts as any other.
    AlreadyThere,
}

/// Whether the HMS with these secrets may redeem the invitation (R-PEE-34).
///
/// # Errors
/// It belongs to another cluster.
pub fn may_join(secrets: &Secrets, invitation: &Invitation) -> Result<MayJoin, JoinError> {
    if secrets.realms.is_empty() && secrets.members.is_empty() {
        return Ok(MayJoin::Yes);
    }
    let known = invitation.inviter != secrets.server
        && secrets.members.iter().any(|member| member.server == invitation.inviter);
    if known { Ok(MayJoin::AlreadyThere) } else { Err(JoinError::OtherCluster) }
}

/// Who joins, and how.
#[derive(Clone, Debug)]
pub struct JoinSetup {
    /// This HMS, whose id is on disk already: so it may repeat what it did not finish.
    pub server: ServerId,
    /// Its name.
    pub name: Name,
    /// Its addresses, which are registered for it, beside that from which it comes; at most 16.
    pub addresses: Vec<OwnAddress>,
    /// Its settings, only shown.
    pub timing: Timing,
    /// The invitation.
    pub invitation: Invitation,
}

/// What a newcomer was given.
#[derive(Clone)]
pub struct Admitted {
    cluster_secret: Zeroizing<[u8; 32]>,
    key_seed: Zeroizing<[u8; 32]>,
    facts: Facts,
}

impl Admitted {
    /// Has the secrets keep it all.
    ///
    /// # Errors
    /// They are of another cluster (R-PEE-34).
    pub fn store(&self, secrets: &mut Secrets) -> Result<(), SecretsError> {
        secrets.join(&self.cluster_secret, &self.key_seed)?;
        self.facts.store(secrets);
        Ok(())
    }
}

/// What the caller is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinAction {
    /// Begin a link under the invitation's key, and say what became of it with [`Joining::dialled`].
    Dial {
        /// Where to.
        address: SocketAddr,
        /// Who is expected there: the inviter.
        target: ServerId,
        /// Under which key.
        key: KeyId,
    },
    /// Send a message, on the control stream.
    Send {
        /// Over which link.
        link: LinkId,
        /// The message.
        message: Vec<u8>,
    },
    /// End a link.
    Close {
        /// Which.
        link: LinkId,
        /// Why.
        code: CloseCode,
    },
    /// What [`Joining::admitted`] gives is to be stored, and [`Joining::stored`] called.
    Store,
    /// The end; nothing follows.
    Done(Result<(), JoinError>),
}

/// How far it is.
enum State {
    /// Nobody has answered yet.
    Dialling,
    /// There is a link, INTRO is said.
    Met(LinkId),
    /// ADMIT has come, and FACTS come.
    Admitted(LinkId, Box<Admitted>),
    /// All has come; the number is that of the last FACTS.
    Storing(LinkId, u64, Box<Admitted>),
    /// That it is stored was said; the inviter closes the link, or that is not waited for any longer.
    Parting(LinkId, Instant),
    Done,
}

/// Redeems an invitation. Sans-I/O, as a [`Cluster`](super::Cluster) is.
pub struct Joining {
    setup: JoinSetup,
    state: State,
    /// Attempts by address: the link, or when the next one begins.
    dials: BTreeMap<SocketAddr, Result<LinkId, Instant>>,
    until: Instant,
    /// When the inviter last said something.
    heard: Instant,
    /// Why the last link ended that had opened.
    ended: Option<CloseReason>,
    actions: VecDeque<JoinAction>,
}

impl Joining {
    /// Begins: all addresses in the invitation are dialled at once.
    pub fn new(now: Instant, setup: JoinSetup) -> Self {
        let addresses = setup.invitation.addresses.iter().take(JOIN_DIALS_MAX);
        let dials = addresses.map(|address| (*address, Err(now))).collect();
        let (until, actions) = (now + JOIN_TIME, VecDeque::new());
        let mut this = Self { setup, state: State::Dialling, dials, until, heard: now, ended: None, actions };
        this.handle_timeout(now);
        this
    }

    /// The secret that the endpoint needs, and the only one that it gets.
    pub fn link_secret(&self) -> LinkSecret {
        LinkSecret::invitation(self.key(), &self.setup.invitation.secret)
    }

    fn key(&self) -> KeyId {
        KeyId(self.setup.invitation.id.0)
    }

    /// What became of a [`JoinAction::Dial`]: the link that was begun, if one was.
    pub fn dialled(&mut self, now: Instant, address: SocketAddr, link: Option<LinkId>) {
        if let Some(dial) = self.dials.get_mut(&address) {
            *dial = link.ok_or(now + JOIN_REDIAL);
        }
    }

    /// A link has opened; if there was one before, this takes its place. The other attempts go on: the inviter may have let
    /// go of this link for one of them, before it opened there (R-TRN-21).
    pub fn connected(&mut self, now: Instant, link: LinkId, peer: Peer) {
        if peer.server != self.setup.invitation.inviter || peer.key != self.key() {
            return self.close(link, CloseCode::REFUSED);
        }
        if !matches!(self.state, State::Dialling | State::Met(_) | State::Admitted(..)) {
            return self.close(link, CloseCode::REPLACED);
        }
        self.heard = now;
        self.state = State::Met(link);
        let message = self.intro();
        self.actions.push_back(JoinAction::Send { link, message });
    }

    fn intro(&self) -> Vec<u8> {
        let head = IntroHead {
            min_version: 1,
            max_version: 1,
            phase: Phase::Starting,
            line: None,
            age_ms: 0,
            joined_at_ms: 0,
            founded: 0,
            clock: Stamp(0),
            facts: Facts::default().digest(),
            timing: self.setup.timing,
        };
        let mut message = Vec::new();
        head.emit(&self.setup.name, &self.setup.addresses, &[], &mut message);
        message
    }

    /// A message has come whole; it is wiped, as it may hold the secrets.
    pub fn message(&mut self, now: Instant, link: LinkId, priority: Priority, bytes: Vec<u8>) {
        let bytes = Zeroizing::new(bytes);
        if self.link() != Some(link) {
            return;
        }
        self.heard = now;
        match PeerMessage::parse(Stream::from(priority), &bytes) {
            Ok(PeerMessage::Refuse(refuse)) => self.refused(link, refuse.code, refuse.reason),
            Ok(PeerMessage::Admit(admit)) => self.take_admit(link, &admit),
            Ok(PeerMessage::Facts(facts)) => self.take_facts(link, &facts),
            Ok(PeerMessage::Intro(_) | PeerMessage::Stored(_)) => {}
            Ok(_) | Err(_) => {
                self.close(link, MALFORMED);
                self.done(Err(JoinError::Malformed));
            }
        }
    }

    /// The link in use.
    const fn link(&self) -> Option<LinkId> {
        match self.state {
            State::Met(link)
            | State::Admitted(link, _)
            | State::Storing(link, ..)
            | State::Parting(link, _) => Some(link),
            State::Dialling | State::Done => None,
        }
    }

    /// The inviter has answered over this link, so no other is needed.
    fn close_others(&mut self, link: LinkId) {
        let others = self.dials.values().filter_map(|dial| dial.ok()).filter(|other| *other != link);
        let others: Vec<_> = others.collect();
        others.into_iter().for_each(|other| self.close(other, CloseCode::REPLACED));
    }

    fn refused(&mut self, link: LinkId, code: RefuseCode, reason: Option<&str>) {
        let reason = reason.unwrap_or_default().escape_debug().to_string();
        self.close_others(link);
        self.close(link, CloseCode::DONE);
        self.done(Err(JoinError::Refused { code, reason }));
    }

    fn take_admit(&mut self, link: LinkId, admit: &peer::Admit<'_>) {
        if !matches!(self.state, State::Met(_)) {
            return;
        }
        self.close_others(link);
        let admitted = Admitted {
            cluster_secret: Zeroizing::new(*admit.cluster_secret),
            key_seed: Zeroizing::new(*admit.key_seed),
            facts: Facts::default(),
        };
        self.state = State::Admitted(link, Box::new(admitted));
    }

    /// Facts count behind ADMIT only. All but the last are not on disk when they are answered: they are stored together.
    fn take_facts(&mut self, link: LinkId, told: &peer::Facts<'_>) {
        let State::Admitted(_, admitted) = &mut self.state else { return };
        let room = told.facts().all(|fact| admitted.facts.merge(&fact) != Merged::NoRoom);
        if !room {
            self.close(link, CloseCode::REFUSED);
            return self.done(Err(JoinError::Malformed));
        }
        if !told.last {
            return self.say_stored(link, told.number, false);
        }
        if let State::Admitted(_, admitted) = std::mem::replace(&mut self.state, State::Done) {
            self.state = State::Storing(link, told.number, admitted);
            self.actions.push_back(JoinAction::Store);
        }
    }

    /// What is to be stored.
    pub fn admitted(&self) -> Option<&Admitted> {
        match &self.state {
            State::Storing(_, _, admitted) => Some(admitted),
            _ => None,
        }
    }

    /// What became of it.
    pub fn stored(&mut self, now: Instant, result: Result<(), JoinError>) {
        let State::Storing(link, number, _) = &self.state else { return };
        let (link, number) = (*link, *number);
        if let Err(error) = result {
            self.close(link, CloseCode::REFUSED);
            return self.done(Err(error));
        }
        self.state = State::Parting(link, now + JOIN_STORED);
        self.say_stored(link, number, true);
    }

    fn say_stored(&mut self, link: LinkId, number: u64, on_disk: bool) {
        let mut message = Vec::new();
        PeerMessage::Stored(Stored { on_disk, number }).emit(&mut message);
        self.actions.push_back(JoinAction::Send { link, message });
    }

    /// A link, or an attempt to make one, has ended.
    pub fn closed(&mut self, now: Instant, link: LinkId, reason: &CloseReason) {
        for dial in self.dials.values_mut().filter(|dial| **dial == Ok(link)) {
            *dial = Err(now + JOIN_REDIAL);
        }
        if self.link() != Some(link) {
            return;
        }
        match self.state {
            State::Parting(..) => self.done(Ok(())),
            // It is all here: that the inviter does not hear of it changes nothing.
            State::Storing(..) => {}
            _ => {
                self.ended = Some(reason.clone());
                self.state = State::Dialling;
            }
        }
    }

    /// Time has passed; too early or too often does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Parting(link, until) if now >= until => {
                self.close(link, CloseCode::DONE);
                self.done(Ok(()));
            }
            State::Met(link) | State::Admitted(link, _) if now >= self.heard + JOIN_SILENT => {
                self.close(link, CloseCode::SILENT);
                self.done(Err(JoinError::Stuck));
            }
            State::Dialling if now >= self.until => self.give_up(),
            State::Dialling => self.dial(now),
            _ => {}
        }
    }

    /// When [`Self::handle_timeout`] is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Dialling => {
                let next = self.dials.values().filter_map(|dial| dial.err()).min();
                Some(next.map_or(self.until, |next| next.min(self.until)))
            }
            State::Met(_) | State::Admitted(..) => Some(self.heard + JOIN_SILENT),
            State::Parting(_, until) => Some(until),
            State::Storing(..) | State::Done => None,
        }
    }

    fn dial(&mut self, now: Instant) {
        let (key, target) = (self.key(), self.setup.invitation.inviter);
        for (address, dial) in &mut self.dials {
            if dial.is_err_and(|at| at <= now) {
                // Until it is said what became of it.
                *dial = Err(self.until);
                self.actions.push_back(JoinAction::Dial { address: *address, target, key });
            }
        }
    }

    /// Nobody is there any more to be asked.
    fn give_up(&mut self) {
        let links: Vec<_> = self.dials.values().filter_map(|dial| dial.ok()).collect();
        links.into_iter().for_each(|link| self.close(link, CloseCode::DONE));
        let tried = self.dials.keys().copied().collect();
        let error = match &self.ended {
            Some(reason) => JoinError::Ended { tried, reason: reason.to_string() },
            None => JoinError::NoAnswer { tried },
        };
        self.done(Err(error));
    }

    fn close(&mut self, link: LinkId, code: CloseCode) {
        self.actions.push_back(JoinAction::Close { link, code });
    }

    fn done(&mut self, result: Result<(), JoinError>) {
        self.state = State::Done;
        self.actions.push_back(JoinAction::Done(result));
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<JoinAction> {
        self.actions.pop_front()
    }
}
