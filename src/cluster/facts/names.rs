//! Who owns a name that two have taken at two places at once (R-PEE-29).

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

    /// What a realm is called where people see it; none if it is not there. Two realms never have one name: the one that
    /// was made later has its id behind it.
    pub fn realm_name(&self, realm: RealmId) -> Option<String> {
        let name = self.named(realm)?.name;
        let keeper = self.realm_ids().filter_map(|id| self.named(id)).filter(|other| other.name == name);
        let keeper = keeper.min_by_key(|other| (other.mark.stamp, other.mark.by, other.realm))?.realm;
        Some(if keeper == realm { name.into() } else { format!("{name}-{realm}") })
    }

    /// The ids of the realms that are there.
    pub fn realm_ids(&self) -> impl Iterator<Item = RealmId> {
        let mut last = None;
        self.realms().map(|one| one.realm).filter(move |realm| last.replace(*realm) != Some(*realm))
    }

    /// The fact that names a realm: that of its last secret.
    fn named(&self, realm: RealmId) -> Option<RealmFact<'_>> {
        self.realms().filter(|one| one.realm == realm).last()
    }
}
