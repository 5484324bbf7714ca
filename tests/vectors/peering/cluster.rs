//! Merges of facts, and an invitation.

use hms::cluster::{Facts, Merged};
use hms::ident::{Epoch, Generation, InvitationId, ServerId, Stamp};
use hms::token::Invitation;
use hms::wire::peer::{AddressFact, Fact, FactState, GenerationFact, Mark, MemberFact, RealmFact};
use serde_json::{Value, json};

use super::fields;
use crate::{REALM, hex, user};

const ATLAS: ServerId = ServerId(0x5e5e_0000_0000_0001);
const OSAKA: ServerId = ServerId(0x5e5e_0000_0000_0002);

const fn mark(stamp: u64, state: FactState, by: ServerId) -> Mark {
    Mark { stamp: Stamp(stamp << 16), state, by }
}

const fn member(mark: Mark, name: &str) -> Fact<'_> {
    Fact::Member(MemberFact { server: OSAKA, mark, name })
}

fn address(mark: Mark, server: Option<ServerId>, address: &str) -> Fact<'static> {
    Fact::Address(AddressFact { mark, server, address: address.parse().expect("an address") })
}

fn generation(generation: u64, previous: u64, name: Option<&str>) -> Fact<'_> {
    let (generation, previous) = (Generation(generation << 16), Generation(previous << 16));
    Fact::Generation(GenerationFact { realm: REALM, user: user(), generation, previous, name })
}

/// What is told one after the other: one list for each thing that decides.
fn told() -> Vec<(&'static str, Vec<Fact<'static>>)> {
    use FactState::{Removed, There};
    let (early, late) = (mark(100, There, ATLAS), mark(200, There, ATLAS));
    let realm = |epoch, mark, secret, name| {
        Fact::Realm(RealmFact { realm: REALM, epoch: Epoch(epoch), mark, secret, name })
    };
    vec![
        ("the later stamp", vec![member(late, "osaka"), member(early, "tokyo"), member(late, "osaka")]),
        (
            "a removal wins a tie",
            vec![member(mark(100, Removed, ATLAS), "osaka"), member(mark(100, There, OSAKA), "osaka")],
        ),
        (
            "it is undone by a later stamp",
            vec![member(mark(100, Removed, ATLAS), "osaka"), member(late, "osaka")],
        ),
        ("the greater by", vec![member(early, "tokyo"), member(mark(100, There, OSAKA), "osaka")]),
        (
            "the greater bytes: a name",
            vec![member(early, "osaka"), member(early, "osaka2"), member(early, "kyoto")],
        ),
        (
            "the greater bytes: an owner",
            vec![
                address(early, Some(OSAKA), "10.1.0.2:6710"),
                address(early, None, "10.1.0.2:6710"),
                address(early, None, "10.1.0.2:6711"),
            ],
        ),
        (
            "each epoch by itself, then the greater secret",
            vec![
                realm(1, late, &[4; 32], "7q2m"),
                realm(2, early, &[4; 32], "7q2m"),
                realm(2, early, &[5; 32], "7q2m"),
            ],
        ),
        (
            "the greater generation, then the greater bytes",
            vec![
                generation(200, 0, None),
                generation(100, 50, Some("anna")),
                generation(200, 100, None),
                generation(200, 100, Some("anna")),
            ],
        ),
    ]
}

pub(super) fn merges() -> Value {
    let one = |(name, told): (&str, Vec<Fact<'static>>)| {
        let mut facts = Facts::default();
        let new: Vec<_> = told.iter().map(|fact| facts.merge(fact) == Merged::New).collect();
        json!({
            "name": name, "told": told.iter().map(fields::fact).collect::<Vec<_>>(), "new": new,
            "known": facts.iter().map(|fact| fields::fact(&fact)).collect::<Vec<_>>(),
            "facts_digest": facts.digest().to_string(),
        })
    };
    told().into_iter().map(one).collect()
}

pub(super) fn invitation() -> Value {
    let invitation = Invitation {
        id: InvitationId(0x1a2b_3c4d_5e6f_7081),
        secret: [0x77; 32].into(),
        inviter: ATLAS,
        addresses: ["10.1.0.1:6710", "[2001:db8::1]:6710"]
            .map(|text| text.parse().expect("an address"))
            .to_vec(),
    };
    let word = invitation.encode();
    assert_eq!(Invitation::parse(&word).as_ref(), Ok(&invitation));
    let coded = word.trim_start_matches("hmsp1_").to_ascii_uppercase();
    json!({
        "id": invitation.id.to_string(), "secret": hex(*invitation.secret), "inviter": invitation.inviter.to_string(),
        "addresses": invitation.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "bytes": hex(data_encoding::BASE32_NOPAD.decode(coded.as_bytes()).expect("base32")), "word": word,
    })
}
