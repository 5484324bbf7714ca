//! Two HMSs that know different things come to know the same (R-PEE-25).

use std::cmp::Ordering;

use super::entries::{Address, Generations, Member, Realm};
use super::{FactKey, Facts};
use crate::auth::fact_digest;
use crate::limits::{FACTS_MAX, GENERATIONS_MAX};
use crate::wire::normal_address;
use crate::wire::peer::Fact;

/// What became of a fact that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It was known, or something that counts for more.
    Known,
    /// It is in force now, to be told to others and stored.
    New,
    /// It is not taken: there is no room (R-PEE-96), or a name in it is none, which is so in no fact that was read.
    NoRoom,
}

impl Facts {
    /// Takes over a fact, if it counts for more than what is known.
    pub fn merge(&mut self, fact: &Fact<'_>) -> Merged {
        let key = FactKey::of(fact);
        let before = match self.get(key) {
            Some(known) if order(fact, &known) != Ordering::Greater => return Merged::Known,
            Some(known) => fact_digest(&known),
            None if self.is_full(key) => return Merged::NoRoom,
            None => 0,
        };
        if self.put(fact).is_none() {
            return Merged::NoRoom;
        }
        self.digest = self.digest.wrapping_sub(before).wrapping_add(fact_digest(fact));
        Merged::New
    }

    /// There is no room for one more of this kind.
    fn is_full(&self, key: FactKey) -> bool {
        match key {
            FactKey::Generation(..) => self.generations.len() >= GENERATIONS_MAX,
            _ => self.members.len() + self.addresses.len() + self.realms.len() >= FACTS_MAX,
        }
    }

    fn put(&mut self, fact: &Fact<'_>) -> Option<()> {
        match fact {
            Fact::Member(fact) => {
                self.members.insert(fact.server, Member::new(fact)?);
            }
            Fact::Address(fact) => {
                self.addresses.insert(normal_address(fact.address), Address::new(fact));
            }
            Fact::Realm(fact) => {
                self.realms.insert((fact.realm, fact.epoch), Realm::new(fact)?);
            }
            Fact::Generation(fact) => {
                self.generations.insert((fact.realm, fact.user), Generations::new(fact)?);
            }
        }
        Some(())
    }
}

/// Which of two facts about one thing counts: the greater one. What stands in the middle of two values of one key, and
/// is not compared, is that key.
fn order(one: &Fact<'_>, other: &Fact<'_>) -> Ordering {
    match (one, other) {
        (Fact::Member(one), Fact::Member(other)) => (one.mark, one.name).cmp(&(other.mark, other.name)),
        (Fact::Address(one), Fact::Address(other)) => {
            (one.mark, one.server.unwrap_or_default()).cmp(&(other.mark, other.server.unwrap_or_default()))
        }
        (Fact::Realm(one), Fact::Realm(other)) => {
            (one.mark, one.secret, one.name).cmp(&(other.mark, other.secret, other.name))
        }
        (Fact::Generation(one), Fact::Generation(other)) => {
            let (name, other_name) = (one.name.unwrap_or_default(), other.name.unwrap_or_default());
            (one.generation, one.previous, name).cmp(&(other.generation, other.previous, other_name))
        }
        _ => Ordering::Equal,
    }
}
