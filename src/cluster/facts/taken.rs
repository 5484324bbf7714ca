//! Whether an HMS takes a peer (R-PEE-20).

use std::net::{IpAddr, SocketAddr};

use super::Facts;
use crate::ident::ServerId;
use crate::wire::peer::{FactState, RefuseCode};

/// What becomes of somebody who has made a link under the cluster secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A member, from where it may come.
    Yes,
    /// It is to be entered as a member, and is taken then.
    Enters,
    /// An HMS with a seat answers REFUSE, any other only closes the link.
    No(RefuseCode),
}

impl Facts {
    /// Whether the HMS `server`, whose packets come from `remote`, is taken; `process_known`: this very process was
    /// taken before, and may have moved since; `own_peers`: what `[peers] address` says here. Ports are not looked at.
    pub fn takes(
        &self,
        server: ServerId,
        process_known: bool,
        remote: IpAddr,
        own_peers: &[SocketAddr],
    ) -> Taken {
        let remote = remote.to_canonical();
        let in_settings = own_peers.iter().any(|address| address.ip().to_canonical() == remote);
        let mut from_there = self.addresses().filter(|one| one.address.ip() == remote);
        let Some(member) = self.members.get(&server).map(|known| known.fact(server)) else {
            let registered = in_settings || from_there.next().is_some();
            return if registered { Taken::Enters } else { Taken::No(RefuseCode::NotRegistered) };
        };
        if member.mark.state == FactState::There {
            let registered = in_settings || process_known || from_there.next().is_some();
            return if registered { Taken::Yes } else { Taken::No(RefuseCode::Address) };
        }
        // Settings have no stamp: they may be older than the removal.
        let again = from_there.any(|one| one.mark.stamp > member.mark.stamp);
        if again { Taken::Enters } else { Taken::No(RefuseCode::Removed) }
    }

    /// Whether whoever redeems an invitation is admitted: who was not removed, and has a name that no other member has.
    ///
    /// # Errors
    /// The code of the REFUSE that it gets; the invitation stays open (R-PEE-32).
    pub fn admits(&self, server: ServerId, name: &str) -> Result<(), RefuseCode> {
        if self.is_removed(server) {
            Err(RefuseCode::Removed)
        } else if self.owner_of(name).is_some_and(|owner| owner != server) {
            Err(RefuseCode::Name)
        } else {
            Ok(())
        }
    }
}
