//! Facts between processes: how the secrets of an HMS keep them.

use super::Facts;
use crate::auth::{RealmSecret, Revocation};
use crate::ident::Name;
use crate::storage::{AddressRecord, MemberRecord, RealmMark, RealmRecord, Secrets};
use crate::wire::peer::{AddressFact, Fact, FactState, GenerationFact, MemberFact, RealmFact};

impl Facts {
    /// What an HMS knew when its secrets were stored.
    pub fn restore(secrets: &Secrets) -> Self {
        let mut facts = Self::default();
        for one in &secrets.members {
            let name = one.name.as_str();
            facts.merge(&Fact::Member(MemberFact { server: one.server, mark: one.mark, name }));
        }
        for one in &secrets.addresses {
            let (server, address) = (one.server, one.address);
            facts.merge(&Fact::Address(AddressFact { mark: one.mark, server, address }));
        }
        for one in &secrets.realms {
            let (name, secret) = (one.name.as_str(), one.secret.as_bytes());
            let (realm, epoch, mark) = (one.id, one.epoch, one.mark);
            facts.merge(&Fact::Realm(RealmFact { realm, epoch, mark, secret, name }));
        }
        for one in &secrets.removed_realms {
            let (realm, epoch, mark) = (one.id, one.epoch, one.mark);
            let (name, secret) = (one.name.as_str(), &[0; 32]);
            facts.merge(&Fact::Realm(RealmFact { realm, epoch, mark, secret, name }));
        }
        for one in secrets.revocations() {
            let (realm, user, name) = (one.realm, one.user, one.user_name.as_ref().map(Name::as_str));
            let (generation, previous) = (one.current, one.previous);
            facts.merge(&Fact::Generation(GenerationFact { realm, user, generation, previous, name }));
        }
        facts
    }

    /// Has the secrets keep all facts, and nothing that is none.
    pub fn store(&self, secrets: &mut Secrets) {
        secrets.members.clear();
        secrets.addresses.clear();
        let (mut realms, mut removed, mut revocations) = (Vec::new(), Vec::new(), Vec::new());
        for fact in self.iter() {
            // What is kept here has names that are some.
            match fact {
                Fact::Member(fact) => secrets.members.extend(member(&fact)),
                Fact::Address(AddressFact { mark, server, address }) => {
                    secrets.addresses.push(AddressRecord { address, server, mark });
                }
                Fact::Realm(fact) if fact.mark.state == FactState::There => realms.extend(realm(&fact)),
                Fact::Realm(fact) => removed.extend(removed_realm(&fact)),
                Fact::Generation(fact) => revocations.extend(revocation(&fact)),
            }
        }
        secrets.set_realms(realms, removed);
        secrets.set_revocations(revocations);
    }
}

fn member(fact: &MemberFact<'_>) -> Option<MemberRecord> {
    Some(MemberRecord { server: fact.server, name: Name::new(fact.name).ok()?, mark: fact.mark })
}

fn realm(fact: &RealmFact<'_>) -> Option<RealmRecord> {
    let name = Name::new(fact.name).ok()?;
    let secret = RealmSecret::new(*fact.secret);
    let (id, epoch, mark) = (fact.realm, fact.epoch, fact.mark);
    Some(RealmRecord { name, id, epoch, secret, default: false, mark })
}

fn removed_realm(fact: &RealmFact<'_>) -> Option<RealmMark> {
    Some(RealmMark { name: Name::new(fact.name).ok()?, id: fact.realm, epoch: fact.epoch, mark: fact.mark })
}

fn revocation(fact: &GenerationFact<'_>) -> Option<Revocation> {
    let user_name = fact.name.map(Name::new).transpose().ok()?;
    let (current, previous) = (fact.generation, fact.previous);
    Some(Revocation { realm: fact.realm, user: fact.user, user_name, current, previous })
}
