//! Invitations: another HMS becomes a member by one word (R-PEE-32).

use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::super::{CommandError, Server};
use super::Peers;
use crate::cluster::{Invitations, admission};
use crate::storage::Secrets;
use crate::time::Instant;
use crate::token::Invitation;
use crate::transport::{KeyId, LinkId, Priority};

impl Server {
    /// Takes over the invitations that are on disk, and what those who redeem one are given. To be called once, at the
    /// beginning; an HMS that was not told this cannot invite.
    pub fn restore_invitations(&mut self, now: Instant, secrets: &Secrets) {
        self.peers.admission = Some(admission(&secrets.cluster_secret, &secrets.cluster_seed));
        self.peers.cluster.restore_invitations(now, Invitations::restore(&secrets.invitations));
        self.attend(now);
    }

    /// Makes an invitation with the addresses at which this HMS is reached. To be shown when it is stored.
    pub fn invite(&mut self, now: Instant, addresses: Vec<SocketAddr>) -> Result<Invitation, CommandError> {
        if self.settings.standalone {
            let remedy =
                "hms.standalone is true, so it takes no other HMS; `hms config set hms.standalone false`";
            return Err(CommandError::new(2, remedy));
        }
        self.register_own(now, &addresses)?;
        let invited = self.peers.cluster.invite(now, addresses);
        self.attend(now);
        invited.map_err(|problem| CommandError::new(1, problem.to_string()))
    }

    /// Who was alone told nobody its addresses: the newcomer shall find it when it starts.
    fn register_own(&mut self, now: Instant, addresses: &[SocketAddr]) -> Result<(), CommandError> {
        let own = self.server;
        for address in addresses {
            self.decide(now, |facts, how| facts.register_address(how, *address, Some(own)))?;
        }
        Ok(())
    }

    /// Links may be made under an invitation, unless this HMS is to work alone.
    pub(super) fn add_key(&mut self, key: KeyId) {
        if !self.settings.standalone {
            self.peers.add_key(key);
        }
    }
}

impl Peers {
    fn add_key(&mut self, key: KeyId) {
        if let Some(secret) = self.cluster.link_secret(key) {
            self.endpoint.add_secret(secret);
        }
    }

    /// Whether links are made under invitations.
    pub(super) fn open_to_newcomers(&mut self, open: bool) {
        let keys: Vec<_> = self.cluster.invitations().iter().map(|one| KeyId(one.id.0)).collect();
        for key in keys {
            if open {
                self.add_key(key);
            } else {
                self.endpoint.remove_secret(key);
            }
        }
    }

    /// Gives the secrets of the cluster to who redeemed an invitation, over its link and nowhere else.
    pub(super) fn admit(&mut self, link: LinkId) {
        if let Some(message) = &self.admission {
            // A link that has ended says so by an event.
            let _ = self.endpoint.send(link, Priority::Control, message);
        }
    }
}

/// ADMIT, ready to be sent.
pub(super) type Admission = Option<Zeroizing<Vec<u8>>>;
