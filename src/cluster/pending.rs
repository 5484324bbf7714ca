//! What an admin decided here, until every member has it on disk (R-PEE-26).

use std::collections::{BTreeMap, VecDeque};

use super::facts::{Decision, FactKey, Facts, NotMade};
use super::machine::Cluster;
use crate::ident::ServerId;
use crate::limits::{DECISIONS_MAX, STORED_WAIT};
use crate::time::Instant;
use crate::wire::peer::{RefuseCode, Stored};

/// One decision of an admin at this HMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecisionId(u64);

/// How far a decision has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Members that have not said that they stored it.
    pub missing: Vec<ServerId>,
    /// Who decided is told then what is missing.
    pub until: Instant,
}

#[derive(Debug)]
struct Pending {
    id: DecisionId,
    keys: Vec<FactKey>,
    until: Instant,
    /// Who has not stored it, with the number of the FACTS in which it went there.
    missing: BTreeMap<ServerId, Option<u64>>,
}

/// The last decisions.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    made: u64,
    pending: VecDeque<Pending>,
}

impl Decisions {
    /// FACTS with this number has gone to a member; `unsent` is what of its news did not fit.
    pub(super) fn sent(&mut self, server: ServerId, number: u64, unsent: impl Fn(&FactKey) -> bool) {
        for one in &mut self.pending {
            if let Some(at @ None) = one.missing.get_mut(&server)
                && !one.keys.iter().any(&unsent)
            {
                *at = Some(number);
            }
        }
    }

    /// What a member has not been told over the link that it had: to be told over the new one.
    pub(super) fn again(&mut self, server: ServerId) -> Vec<FactKey> {
        let mut keys = Vec::new();
        for one in &mut self.pending {
            if let Some(at) = one.missing.get_mut(&server) {
                *at = None;
                keys.extend(&one.keys);
            }
        }
        keys
    }

    /// A member has everything on disk up to these FACTS.
    pub(super) fn stored(&mut self, server: ServerId, stored: Stored) {
        if !stored.on_disk {
            return;
        }
        for one in &mut self.pending {
            if one.missing.get(&server).copied().flatten().is_some_and(|number| number <= stored.number) {
                one.missing.remove(&server);
            }
        }
    }
}

impl Cluster {
    /// What an admin decides: it is in force, told, and stored; [`waiting`](Self::waiting) says where.
    ///
    /// # Errors
    /// It is not possible, and nothing is decided.
    pub fn command(
        &mut self,
        now: Instant,
        decision: impl FnOnce(&mut Facts, Decision) -> Result<Vec<FactKey>, NotMade>,
    ) -> Result<DecisionId, NotMade> {
        let mut keys = Vec::new();
        self.decide(now, |facts, how| {
            keys = decision(facts, how)?;
            Ok(keys.clone())
        })?;
        self.decisions.made += 1;
        let id = DecisionId(self.decisions.made);
        let own = self.own.process.server;
        let others = self.facts.members().map(|member| member.server).filter(|server| *server != own);
        let missing = others.filter(|_| !keys.is_empty()).map(|server| (server, None)).collect();
        if self.decisions.pending.len() >= DECISIONS_MAX {
            self.decisions.pending.pop_front();
        }
        self.decisions.pending.push_back(Pending { id, keys, until: now + STORED_WAIT, missing });
        self.settle(now);
        Ok(id)
    }

    /// Who has not stored a decision yet; nothing of one that is long past.
    pub fn waiting(&self, id: DecisionId) -> Option<Waiting> {
        let one = self.decisions.pending.iter().find(|one| one.id == id)?;
        let missing = one.missing.keys().copied().filter(|server| self.facts.member(*server).is_some());
        Some(Waiting { missing: missing.collect(), until: one.until })
    }

    /// Says to each neighbour that was removed that it was, and parts (R-PEE-30).
    pub(super) fn refuse_removed(&mut self, now: Instant) {
        let removed = self.links.values().filter(|one| one.met && one.leaves_at.is_none());
        let removed = removed.map(|one| one.process.server).filter(|server| self.facts.is_removed(*server));
        for server in removed.collect::<Vec<_>>() {
            self.refuse(now, server, RefuseCode::Removed);
        }
    }
}
