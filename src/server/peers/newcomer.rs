//! An HMS before it is one: it redeems an invitation (R-PEE-33).

use std::net::SocketAddr;

use super::super::ServerSettings;
use super::routes::Routes;
use super::settings::{own_addresses, timing_of};
use crate::cluster::{Admitted, JoinAction, JoinError, JoinSetup, Joining};
use crate::ident::{Name, Process};
use crate::net::{Arrival, Interface, Transmit};
use crate::time::Instant;
use crate::token::Invitation;
use crate::transport::limits::DATAGRAM_MAX;
use crate::transport::{Config, Endpoint, Event, LinkId, Priority};

/// Who joins, and how.
#[derive(Debug)]
pub struct NewcomerSetup<'a> {
    /// This process; its server id is on disk already, so that it may repeat what it did not finish.
    pub process: Process,
    /// Its name.
    pub name: Name,
    /// Its settings: where it listens is told, and its times are shown.
    pub settings: &'a ServerSettings,
    /// Where it is, told as well.
    pub interfaces: &'a [Interface],
    /// The invitation.
    pub invitation: Invitation,
    /// 32 random bytes, used for nothing else.
    pub seed: [u8; 32],
}

/// A machine as [`Server`](super::super::Server) is, until it has redeemed its invitation.
pub struct Newcomer {
    endpoint: Endpoint,
    joining: Joining,
    routes: Routes,
    scratch: Vec<u8>,
    to_store: bool,
    result: Option<Result<(), JoinError>>,
}

impl Newcomer {
    /// Begins: the inviter is dialled at all addresses in the invitation.
    pub fn new(now: Instant, setup: NewcomerSetup<'_>) -> Self {
        let process = setup.process;
        let join = JoinSetup {
            server: process.server,
            name: setup.name,
            addresses: own_addresses(setup.settings, setup.interfaces),
            timing: timing_of(setup.settings),
            invitation: setup.invitation,
        };
        let mut this = Self {
            endpoint: Endpoint::new(Config::new(process.server, process.incarnation), &setup.seed),
            joining: Joining::new(now, join),
            routes: Routes::new(setup.settings.peers.bind),
            scratch: Vec::with_capacity(DATAGRAM_MAX),
            to_store: false,
            result: None,
        };
        this.endpoint.add_secret(this.joining.link_secret());
        this.attend(now);
        this
    }

    /// Takes a datagram; whatever is not of the inviter is dropped.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, arrival: Arrival, bytes: &[u8]) {
        if arrival.multicast || bytes.len() > DATAGRAM_MAX {
            return;
        }
        let route = self.routes.of(from, arrival);
        self.scratch.clear();
        self.scratch.extend_from_slice(bytes);
        let _ = self.endpoint.handle_datagram(now, route, &mut self.scratch);
        self.attend(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.joining.handle_timeout(now);
        self.attend(now);
    }

    /// The next datagram.
    pub fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.endpoint.poll_output(now, buf).map(|out| self.routes.transmit(out))
    }

    /// When [`Self::handle_timeout`] is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout().into_iter().chain(self.joining.poll_timeout()).min()
    }

    /// What is to be stored now; then [`Self::stored`] is called.
    pub fn to_store(&self) -> Option<&Admitted> {
        self.joining.admitted().filter(|_| self.to_store)
    }

    /// What became of it.
    pub fn stored(&mut self, now: Instant, result: Result<(), JoinError>) {
        self.to_store = false;
        self.joining.stored(now, result);
        self.attend(now);
    }

    /// How it ended, if it has.
    pub const fn result(&self) -> Option<&Result<(), JoinError>> {
        self.result.as_ref()
    }

    fn attend(&mut self, now: Instant) {
        loop {
            let mut idle = true;
            while let Some((link, event)) = self.endpoint.poll_event() {
                idle = false;
                self.tell(now, link, event);
            }
            while let Some(action) = self.joining.poll_action() {
                idle = false;
                self.act(now, action);
            }
            if idle {
                return;
            }
        }
    }

    fn tell(&mut self, now: Instant, link: LinkId, event: Event) {
        match event {
            Event::Connected(peer) => self.joining.connected(now, link, peer),
            Event::Message(priority, bytes) => self.joining.message(now, link, priority, bytes),
            Event::Closed(reason) => self.joining.closed(now, link, &reason),
            Event::Writable(_) => {}
        }
    }

    fn act(&mut self, now: Instant, action: JoinAction) {
        match action {
            JoinAction::Dial { address, target, key } => {
                let link = self.endpoint.connect(now, address, Some(target), key);
                self.joining.dialled(now, address, link.ok());
            }
            JoinAction::Send { link, message } => {
                // A link that has ended says so by an event.
                let _ = self.endpoint.send(link, Priority::Control, &message);
            }
            JoinAction::Close { link, code } => self.endpoint.close(now, link, code, ""),
            JoinAction::Store => self.to_store = true,
            JoinAction::Done(result) => self.result = Some(result),
        }
    }
}
