//! What an admin decides about realms and users: new facts (R-PEE-25).

use super::make::{Decision, NotMade};
use super::{FactKey, Facts, new_stamp};
use crate::ident::{Epoch, Generation, Name, RealmId, Stamp, UserId};
use crate::wire::peer::{Fact, FactState, GenerationFact, RealmFact};

impl Facts {
    /// Whether something is known of this realm, if only that it was removed: the id is taken for ever.
    pub fn knows_realm(&self, realm: RealmId) -> bool {
        self.realms.range((realm, Epoch(0))..=(realm, Epoch(u8::MAX))).next().is_some()
    }

    /// The secrets of a realm, by epoch; none of one that is not there.
    pub fn secrets_of(&self, realm: RealmId) -> impl Iterator<Item = RealmFact<'_>> {
        let all = self.realms.range((realm, Epoch(0))..=(realm, Epoch(u8::MAX)));
        let all = all.map(|((realm, epoch), known)| known.fact(*realm, *epoch));
        all.filter(|one| one.mark.state == FactState::There)
    }

    /// Who was revoked in this realm, by user.
    pub fn generations_of(&self, realm: RealmId) -> impl Iterator<Item = GenerationFact<'_>> {
        let all = self.generations.range((realm, UserId::default())..=(realm, UserId::MAX));
        all.map(|((realm, user), known)| known.fact(*realm, *user))
    }

    /// Makes a realm, or gives one another secret. Gives what is new.
    pub fn enter_realm(
        &mut self,
        decision: Decision,
        (realm, epoch): (RealmId, Epoch),
        secret: &[u8; 32],
        name: &Name,
    ) -> Result<Vec<FactKey>, NotMade> {
        let known = self.realms.get(&(realm, epoch)).map(|known| known.fact(realm, epoch).mark);
        let mark = decision.mark(known, FactState::There);
        self.make(&Fact::Realm(RealmFact { realm, epoch, mark, secret, name: name.as_str() }))
    }

    /// Marks a realm as removed, with all its secrets. Gives what is new: nothing if it is not there.
    pub fn remove_realm(&mut self, decision: Decision, realm: RealmId) -> Result<Vec<FactKey>, NotMade> {
        let there: Vec<_> =
            self.secrets_of(realm).map(|one| (one.epoch, one.mark, one.name.to_owned())).collect();
        let mut new = Vec::new();
        for (epoch, known, name) in there {
            let mark = decision.mark(Some(known), FactState::Removed);
            let gone = RealmFact { realm, epoch, mark, secret: &[0; 32], name: &name };
            new.extend(self.make(&Fact::Realm(gone))?);
        }
        Ok(new)
    }

    /// Makes all keys of a user worthless, whatever the clock says (R-AUT-04). Gives what is new.
    pub fn revoke(
        &mut self,
        decision: Decision,
        realm: RealmId,
        user: UserId,
        name: &Name,
    ) -> Result<Vec<FactKey>, NotMade> {
        let known = self.generations.get(&(realm, user)).map(|known| known.fact(realm, user).generation);
        let previous = known.unwrap_or_default();
        let Stamp(above) = new_stamp(decision.clock, Some(Stamp(previous.0)));
        let (generation, name) = (Generation(above), Some(name.as_str()));
        self.make(&Fact::Generation(GenerationFact { realm, user, generation, previous, name }))
    }
}
