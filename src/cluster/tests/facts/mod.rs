//! Facts: their merge, what is made, who is taken, how they travel.

mod bounds;
mod laws;
mod made;
mod pages;
mod stored;
mod taken;

use std::net::SocketAddr;

use super::*;
use crate::ident::{Epoch, Generation, Name, RealmId, Stamp, UserId};
use crate::wire::peer::{AddressFact, Fact, FactState, GenerationFact, Mark, MemberFact, RealmFact};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Something decided at HMS 1.
const fn mark(stamp: u64, state: FactState) -> Mark {
    Mark { stamp: Stamp(stamp), state, by: ServerId(1) }
}

const fn there(stamp: u64) -> Mark {
    mark(stamp, FactState::There)
}

const fn removed(stamp: u64) -> Mark {
    mark(stamp, FactState::Removed)
}

/// A decision at HMS 1.
const fn at(clock: u64) -> Decision {
    Decision { clock: Stamp(clock), by: ServerId(1) }
}

const fn member(server: u64, mark: Mark, name: &str) -> Fact<'_> {
    Fact::Member(MemberFact { server: ServerId(server), mark, name })
}

fn registered(mark: Mark, whose: u64, at: &str) -> Fact<'static> {
    let server = (whose != 0).then_some(ServerId(whose));
    Fact::Address(AddressFact { mark, server, address: address(at) })
}

const fn realm<'a>(id: u32, epoch: u8, mark: Mark, name: &'a str) -> Fact<'a> {
    let secret = match mark.state {
        FactState::There => &[7; 32],
        FactState::Removed => &[0; 32],
    };
    Fact::Realm(RealmFact { realm: RealmId(id), epoch: Epoch(epoch), mark, secret, name })
}

const fn generation(user: u8, generation: u64, previous: u64, name: Option<&str>) -> Fact<'_> {
    Fact::Generation(GenerationFact {
        realm: RealmId(1),
        user: UserId([user; 8]),
        generation: Generation(generation),
        previous: Generation(previous),
        name,
    })
}

fn merged<'a>(facts: impl IntoIterator<Item = Fact<'a>>) -> Facts {
    let mut all = Facts::default();
    facts.into_iter().for_each(|fact| {
        all.merge(&fact);
    });
    all
}

/// All of them as they stand in messages: the whole state but the digest.
fn bytes(facts: &Facts) -> Vec<u8> {
    let mut bytes = Vec::new();
    facts.iter().for_each(|fact| fact.emit(&mut bytes));
    bytes
}
