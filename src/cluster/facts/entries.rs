//! Facts as they are kept: without their keys, in their own memory.

use std::fmt;
use std::net::SocketAddr;

use zeroize::Zeroizing;

use crate::ident::{Epoch, Generation, Name, RealmId, ServerId, UserId};
use crate::limits::REALM_NAME_MAX;
use crate::wire::peer::{AddressFact, GenerationFact, Mark, MemberFact, RealmFact};

#[derive(Clone, Debug)]
pub(super) struct Member {
    mark: Mark,
    name: Name,
}

impl Member {
    /// Nothing if the name is none, as in no fact that was read.
    pub(super) fn new(fact: &MemberFact<'_>) -> Option<Self> {
        Some(Self { mark: fact.mark, name: Name::new(fact.name).ok()? })
    }

    pub(super) fn fact(&self, server: ServerId) -> MemberFact<'_> {
        MemberFact { server, mark: self.mark, name: self.name.as_str() }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    mark: Mark,
    server: Option<ServerId>,
}

impl Address {
    pub(super) const fn new(fact: &AddressFact) -> Self {
        Self { mark: fact.mark, server: fact.server }
    }

    pub(super) const fn fact(&self, address: SocketAddr) -> AddressFact {
        AddressFact { mark: self.mark, server: self.server, address }
    }
}

#[derive(Clone)]
pub(super) struct Realm {
    mark: Mark,
    secret: Zeroizing<[u8; 32]>,
    name: Name,
}

impl Realm {
    pub(super) fn new(fact: &RealmFact<'_>) -> Option<Self> {
        let name = Name::with_limit(fact.name, REALM_NAME_MAX).ok()?;
        Some(Self { mark: fact.mark, secret: Zeroizing::new(*fact.secret), name })
    }

    pub(super) fn fact(&self, realm: RealmId, epoch: Epoch) -> RealmFact<'_> {
        RealmFact { realm, epoch, mark: self.mark, secret: &self.secret, name: self.name.as_str() }
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Realm({:?}, {}, a secret)", self.mark, self.name)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Generations {
    current: Generation,
    previous: Generation,
    user_name: Option<Name>,
}

impl Generations {
    pub(super) fn new(fact: &GenerationFact<'_>) -> Option<Self> {
        let user_name = fact.name.map(Name::new).transpose().ok()?;
        Some(Self { current: fact.generation, previous: fact.previous, user_name })
    }

    pub(super) fn fact(&self, realm: RealmId, user: UserId) -> GenerationFact<'_> {
        let name = self.user_name.as_ref().map(Name::as_str);
        GenerationFact { realm, user, generation: self.current, previous: self.previous, name }
    }
}
