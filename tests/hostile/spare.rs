//! What an admin's key could undo as well is no subject here: who holds the cluster's secret decides as an admin does
//! (10.5), and tells of any user what it likes (10.7). In half of the worlds users are spared, so that it shows whether
//! the *others* of a table are served.

use hms::transport::Priority;
use hms::wire::peer::{Fact, Item, PeerMessage, Stream};

use crate::peer::Hostile;

impl Hostile {
    /// A decision about those who are to stay.
    pub fn spares_fact(&self, fact: &Fact<'_>) -> bool {
        match fact {
            Fact::Member(fact) => self.honest.contains(&fact.server),
            Fact::Address(fact) => {
                let owned = fact.server.is_some_and(|server| self.honest.contains(&server));
                owned || fact.address.ip().to_string().starts_with("10.0.0.")
            }
            Fact::Realm(fact) => fact.realm == self.realm,
            Fact::Generation(fact) => fact.realm == self.realm && self.spared.contains(&fact.user),
        }
    }

    pub fn may_say(&self, priority: Priority, bytes: &[u8]) -> bool {
        let stream = match priority {
            Priority::Control => Stream::Control,
            Priority::Deltas => Stream::Deltas,
            Priority::Bulk => Stream::Bulk,
        };
        let spared = |item: Item<'_>| match item {
            Item::Row(_, row) => row.head.realm == self.realm && self.spared.contains(&row.head.user),
            Item::Gone(_, gone) => gone.realm == self.realm && self.spared.contains(&gone.user),
            Item::Root(_) => false,
        };
        match PeerMessage::parse(stream, bytes) {
            // That somebody has a twin any member can claim, and is believed (R-PEE-99).
            Ok(PeerMessage::Refuse(refuse)) => refuse.twin.is_none(),
            Ok(PeerMessage::Facts(facts)) => !facts.facts().any(|fact| self.spares_fact(&fact)),
            Ok(PeerMessage::Delta(delta)) if self.spares => !delta.items().any(spared),
            Ok(PeerMessage::Page(page)) if self.spares => !page.items().any(spared),
            _ => true,
        }
    }
}
