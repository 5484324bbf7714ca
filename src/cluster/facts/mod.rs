//! What admins decided and every member knows: sets that only grow (R-PEE-25).
//!
//! Facts come in and go out as [`Fact`]s, the form that they have on the wire. They may be merged in any order, any
//! number of times, and all HMSs end with the same; [`Facts::digest`] says whether two have.

mod entries;
mod make;
mod merge;
mod names;
mod pages;
mod realms;
mod stored;
mod taken;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound::{Excluded, Unbounded};

use crate::ident::{Epoch, RealmId, ServerId, UserId};
use crate::wire::normal_address;
use crate::wire::peer::{AddressFact, Fact, FactState, GenerationFact, MemberFact, RealmFact};

use entries::{Address, Generations, Member, Realm};
pub use make::{Decision, NotMade, new_stamp};
pub use merge::Merged;
pub use taken::Taken;

/// All facts that an HMS knows, removal marks included.
///
/// At most 4096 of members, addresses and realms together, and 2^20 generations (R-PEE-96).
#[derive(Clone, Debug, Default)]
pub struct Facts {
    members: BTreeMap<ServerId, Member>,
    addresses: BTreeMap<SocketAddr, Address>,
    realms: BTreeMap<(RealmId, Epoch), Realm>,
    generations: BTreeMap<(RealmId, UserId), Generations>,
    digest: u64,
}

/// What a fact is about: of two with one key only one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactKey {
    /// An HMS.
    Member(ServerId),
    /// An address, in its normal form.
    Address(SocketAddr),
    /// One secret of a realm.
    Realm(RealmId, Epoch),
    /// A user.
    Generation(RealmId, UserId),
}

impl FactKey {
    /// What this fact is about.
    pub fn of(fact: &Fact<'_>) -> Self {
        match fact {
            Fact::Member(fact) => Self::Member(fact.server),
            Fact::Address(fact) => Self::Address(normal_address(fact.address)),
            Fact::Realm(fact) => Self::Realm(fact.realm, fact.epoch),
            Fact::Generation(fact) => Self::Generation(fact.realm, fact.user),
        }
    }
}

impl Facts {
    /// What is known about this.
    pub fn get(&self, key: FactKey) -> Option<Fact<'_>> {
        Some(match key {
            FactKey::Member(server) => Fact::Member(self.members.get(&server)?.fact(server)),
            FactKey::Address(address) => Fact::Address(self.addresses.get(&address)?.fact(address)),
            FactKey::Realm(realm, epoch) => Fact::Realm(self.realms.get(&(realm, epoch))?.fact(realm, epoch)),
            FactKey::Generation(realm, user) => {
                Fact::Generation(self.generations.get(&(realm, user))?.fact(realm, user))
            }
        })
    }

    /// All facts, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = Fact<'_>> {
        self.behind(None)
    }

    /// The facts behind this key, found without walking those before it.
    fn behind(&self, after: Option<FactKey>) -> impl Iterator<Item = Fact<'_>> {
        let members = match after {
            None => Some(Unbounded),
            Some(FactKey::Member(server)) => Some(Excluded(server)),
            Some(_) => None,
        };
        let addresses = match after {
            None | Some(FactKey::Member(_)) => Some(Unbounded),
            Some(FactKey::Address(address)) => Some(Excluded(address)),
            Some(_) => None,
        };
        let realms = match after {
            Some(FactKey::Generation(..)) => None,
            Some(FactKey::Realm(realm, epoch)) => Some(Excluded((realm, epoch))),
            _ => Some(Unbounded),
        };
        let generations = match after {
            Some(FactKey::Generation(realm, user)) => Excluded((realm, user)),
            _ => Unbounded,
        };
        let members = members.into_iter().flat_map(|from| self.members.range((from, Unbounded)));
        let addresses = addresses.into_iter().flat_map(|from| self.addresses.range((from, Unbounded)));
        let realms = realms.into_iter().flat_map(|from| self.realms.range((from, Unbounded)));
        let generations = self.generations.range((generations, Unbounded));
        members
            .map(|(server, known)| Fact::Member(known.fact(*server)))
            .chain(addresses.map(|(address, known)| Fact::Address(known.fact(*address))))
            .chain(realms.map(|((realm, epoch), known)| Fact::Realm(known.fact(*realm, *epoch))))
            .chain(generations.map(|((realm, user), known)| Fact::Generation(known.fact(*realm, *user))))
    }

    /// Of the fact behind which there is none.
    pub(super) fn last_key(&self) -> Option<FactKey> {
        let members = || self.members.last_key_value().map(|(server, _)| FactKey::Member(*server));
        let addresses = || self.addresses.last_key_value().map(|(address, _)| FactKey::Address(*address));
        let realms =
            || self.realms.last_key_value().map(|((realm, epoch), _)| FactKey::Realm(*realm, *epoch));
        let generations = self.generations.last_key_value();
        let last = generations.map(|((realm, user), _)| FactKey::Generation(*realm, *user));
        last.or_else(realms).or_else(addresses).or_else(members)
    }

    /// The sum by which HMSs see whether they know the same (R-PEE-27).
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The members of the cluster, in the order of their ids; not those that were removed.
    pub fn members(&self) -> impl Iterator<Item = MemberFact<'_>> {
        let all = self.members.iter().map(|(server, known)| known.fact(*server));
        all.filter(|member| member.mark.state == FactState::There)
    }

    /// The member with this id.
    pub fn member(&self, server: ServerId) -> Option<MemberFact<'_>> {
        let known = self.members.get(&server)?.fact(server);
        (known.mark.state == FactState::There).then_some(known)
    }

    /// This id was a member, and is none any more.
    pub fn is_removed(&self, server: ServerId) -> bool {
        self.members.get(&server).is_some_and(|known| known.fact(server).mark.state == FactState::Removed)
    }

    /// The addresses at which members are dialled and from which they are taken.
    pub fn addresses(&self) -> impl Iterator<Item = AddressFact> {
        let all = self.addresses.iter().map(|(address, known)| known.fact(*address));
        all.filter(|address| address.mark.state == FactState::There)
    }

    /// Those of one HMS.
    pub fn addresses_of(&self, server: ServerId) -> impl Iterator<Item = SocketAddr> {
        self.addresses().filter(move |one| one.server == Some(server)).map(|one| one.address)
    }

    /// The realms that there are, with each of their secrets, in the order of id and epoch.
    pub fn realms(&self) -> impl Iterator<Item = RealmFact<'_>> {
        let all = self.realms.iter().map(|((realm, epoch), known)| known.fact(*realm, *epoch));
        all.filter(|realm| realm.mark.state == FactState::There)
    }

    /// Who was revoked, by realm and user; of realms that were removed too.
    pub fn generations(&self) -> impl Iterator<Item = GenerationFact<'_>> {
        self.generations.iter().map(|((realm, user), known)| known.fact(*realm, *user))
    }
}
