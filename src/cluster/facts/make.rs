//! What an admin decides here, and what follows from links: new facts (R-PEE-25, R-PEE-30, R-PEE-96).

use std::fmt;
use std::net::SocketAddr;

use super::{FactKey, Facts, Merged};
use crate::ident::{Name, ServerId, Stamp};
use crate::limits::{ADDRESSES_MAX, MEMBERS_MAX};
use crate::wire::normal_address;
use crate::wire::peer::{AddressFact, Fact, FactState, Mark, MemberFact};

/// When and where something is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The stamp clock.
    pub clock: Stamp,
    /// This HMS.
    pub by: ServerId,
}

impl Decision {
    pub(super) fn mark(self, known: Option<Mark>, state: FactState) -> Mark {
        Mark { stamp: new_stamp(self.clock, known.map(|mark| mark.stamp)), state, by: self.by }
    }
}

/// The stamp of a new fact about something of which a fact with the stamp `known` is there.
pub fn new_stamp(clock: Stamp, known: Option<Stamp>) -> Stamp {
    known.map_or(clock, |known| clock.max(Stamp(known.0.saturating_add(1))))
}

/// Why a fact was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMade {
    /// There are 16 members.
    Members,
    /// There are 64 addresses.
    Addresses,
    /// There is no room for facts of any kind.
    Facts,
    /// What is known has the highest stamp that there is.
    Stamp,
}

impl Facts {
    /// Enters a member, or its new name. Gives what is new: nothing if it is there under this name.
    pub fn enter_member(
        &mut self,
        decision: Decision,
        server: ServerId,
        name: &Name,
    ) -> Result<Vec<FactKey>, NotMade> {
        let known = self.members.get(&server).map(|known| known.fact(server));
        match self.member(server) {
            Some(member) if member.name == name.as_str() => return Ok(Vec::new()),
            None if self.members().count() >= MEMBERS_MAX => return Err(NotMade::Members),
            _ => {}
        }
        let mark = decision.mark(known.map(|member| member.mark), FactState::There);
        self.make(&Fact::Member(MemberFact { server, mark, name: name.as_str() }))
    }

    /// Registers an address, of this HMS if that is known. Gives what is new: nothing if it is registered so, or for
    /// somebody and now for nobody in particular.
    ///
    /// Its stamp is above that of each member's removal: who comes from there is taken again (R-PEE-20).
    pub fn register_address(
        &mut self,
        decision: Decision,
        address: SocketAddr,
        server: Option<ServerId>,
    ) -> Result<Vec<FactKey>, NotMade> {
        let address = normal_address(address);
        let known = self.addresses.get(&address).map(|known| known.fact(address));
        match known.filter(|known| known.mark.state == FactState::There) {
            Some(there) if server.is_none() || there.server == server => return Ok(Vec::new()),
            None if self.addresses().count() >= ADDRESSES_MAX => return Err(NotMade::Addresses),
            _ => {}
        }
        let mut mark = decision.mark(known.map(|known| known.mark), FactState::There);
        mark.stamp = new_stamp(mark.stamp, self.last_removal());
        self.make(&Fact::Address(AddressFact { mark, server, address }))
    }

    /// Marks a member and its addresses as removed. Gives what is new: nothing if there is no such member.
    pub fn remove_member(&mut self, decision: Decision, server: ServerId) -> Result<Vec<FactKey>, NotMade> {
        let Some(member) = self.member(server) else {
            return Ok(Vec::new());
        };
        let name = member.name.to_owned();
        let mark = decision.mark(Some(member.mark), FactState::Removed);
        let mut new = self.make(&Fact::Member(MemberFact { server, mark, name: &name }))?;
        let own: Vec<_> = self.addresses().filter(|one| one.server == Some(server)).collect();
        for address in own {
            let mark = decision.mark(Some(address.mark), FactState::Removed);
            new.extend(self.make(&Fact::Address(AddressFact { mark, ..address }))?);
        }
        Ok(new)
    }

    fn last_removal(&self) -> Option<Stamp> {
        let marks = self.members.iter().map(|(server, known)| known.fact(*server).mark);
        marks.filter(|mark| mark.state == FactState::Removed).map(|mark| mark.stamp).max()
    }

    pub(super) fn make(&mut self, fact: &Fact<'_>) -> Result<Vec<FactKey>, NotMade> {
        match self.merge(fact) {
            Merged::New => Ok(vec![FactKey::of(fact)]),
            Merged::Known => Err(NotMade::Stamp),
            Merged::NoRoom => Err(NotMade::Facts),
        }
    }
}

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Members => {
                write!(
                    f,
                    "the cluster has {MEMBERS_MAX} HMSs, and more are not possible; remove one with `hms peers remove NAME`"
                )
            }
            Self::Addresses => {
                write!(
                    f,
                    "{ADDRESSES_MAX} addresses of HMSs are registered, and more are not possible; remove an HMS that is gone with `hms peers remove NAME`"
                )
            }
            Self::Facts => {
                f.write_str("the cluster remembers as many members, addresses and realms as it can")
            }
            Self::Stamp => {
                f.write_str("another HMS has decided otherwise, with a stamp above which there is none")
            }
        }
    }
}

impl std::error::Error for NotMade {}
