//! Who owns a name that two have taken at two places at once (R-PEE-29).

use std::collections::BTreeMap;

use super::Facts;
use crate::ident::{RealmId, ServerId};
use crate::wire::peer::RealmFact;

impl Facts {
    /// The member to which an HMS name belongs: of several the one that was entered first.
    pub fn owner_of(&self, name: &str) -> Option<ServerId> {
        let named = self.members().filter(|member| member.name == name);
        named
            .min_by_key(|member| (member.mark.stamp, member.mark.by, member.server))
            .map(|member| member.server)
    }

    /// What realms are called where people see them, by id. Two realms never have one name: the one that was made later
    /// has its id behind it.
    pub fn realm_names(&self) -> BTreeMap<RealmId, String> {
        // All in one walk: whoever holds the cluster's secret may have told of thousands.
        let mut named = BTreeMap::new();
        for fact in self.realms() {
            named.insert(fact.realm, fact);
        }
        let mut keepers: BTreeMap<&str, _> = BTreeMap::new();
        for fact in named.values() {
            let order = (fact.mark.stamp, fact.mark.by, fact.realm);
            let keeper = keepers.entry(fact.name).or_insert(order);
            *keeper = order.min(*keeper);
        }
        let kept =
            |fact: &RealmFact<'_>| keepers.get(fact.name).is_some_and(|(_, _, realm)| *realm == fact.realm);
        let name = |fact: &RealmFact<'_>| {
            if kept(fact) { fact.name.into() } else { format!("{}-{}", fact.name, fact.realm) }
        };
        named.iter().map(|(realm, fact)| (*realm, name(fact))).collect()
    }

    /// What one realm is called; none if it is not there.
    pub fn realm_name(&self, realm: RealmId) -> Option<String> {
        self.realm_names().remove(&realm)
    }

    /// The ids of the realms that are there.
    pub fn realm_ids(&self) -> impl Iterator<Item = RealmId> {
        let mut last = None;
        self.realms().map(|one| one.realm).filter(move |realm| last.replace(*realm) != Some(*realm))
    }
}
