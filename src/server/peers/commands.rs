//! What an admin decides: a fact, in force here when the command returns, and told to every member (R-PEE-26).

use std::net::SocketAddr;

use super::super::{CommandError, PeerRow, Server};
use crate::cluster::{Decision, DecisionId, FactKey, Facts, NotMade};
use crate::ident::ServerId;
use crate::time::Instant;

/// How far the last decision has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storing {
    /// Names of the members that do not have it on disk yet, as far as is known.
    pub missing: Vec<String>,
    /// Whoever decided is not kept waiting longer than that.
    pub until: Instant,
}

impl Server {
    /// Decides something, and does what follows.
    pub(in crate::server) fn decide(
        &mut self,
        now: Instant,
        decision: impl FnOnce(&mut Facts, Decision) -> Result<Vec<FactKey>, NotMade>,
    ) -> Result<(), CommandError> {
        let made = self.peers.cluster.command(now, decision);
        self.attend(now);
        let id = made.map_err(|problem| CommandError::new(1, problem.to_string()))?;
        self.peers.decision = Some(id);
        Ok(())
    }

    /// The last decision of an admin here: what the command that was just given came to. None before the first.
    pub const fn decision(&self) -> Option<DecisionId> {
        self.peers.decision
    }

    /// At which members a decision is not stored yet; `None` if it is everywhere, or long past.
    pub fn storing(&self, decision: DecisionId) -> Option<Storing> {
        let waiting = self.peers.cluster.waiting(decision).filter(|waiting| !waiting.missing.is_empty())?;
        let missing = waiting.missing.into_iter().map(|server| self.member_name(server)).collect();
        Some(Storing { missing, until: waiting.until })
    }

    pub(super) fn member_name(&self, server: ServerId) -> String {
        let member = self.facts().member(server);
        member.map_or_else(|| server.to_string(), |member| member.name.to_owned())
    }

    /// Registers an address of another HMS, whoever it is (R-PEE-30): it is dialled, and taken from there.
    pub fn peers_add(&mut self, now: Instant, address: SocketAddr) -> Result<(), CommandError> {
        self.decide(now, |facts, how| facts.register_address(how, address, None))
    }

    /// Removes a member, by its name or its id, and gives what it was; it is refused from then on. It still knows the
    /// secrets of the cluster, so it has to be stopped where it runs (R-PEE-30).
    pub fn peers_remove(&mut self, now: Instant, name: &str) -> Result<PeerRow, CommandError> {
        let server = self.named_member(name)?;
        if server == self.server {
            return Err(CommandError::new(2, format!("{name} is this HMS; remove it at another one")));
        }
        let row = self.peer(now, server);
        self.decide(now, |facts, how| facts.remove_member(how, server))?;
        row.ok_or_else(|| CommandError::new(1, format!("no HMS {name} here")))
    }

    fn named_member(&self, name: &str) -> Result<ServerId, CommandError> {
        let facts = self.facts();
        let by_id = || facts.members().map(|member| member.server).find(|id| id.to_string() == name);
        facts.owner_of(name).or_else(by_id).ok_or_else(|| {
            let known: Vec<_> = facts.members().map(|member| member.name).collect();
            CommandError::new(2, format!("no HMS {name} is registered; there is {}", known.join(", ")))
        })
    }
}
