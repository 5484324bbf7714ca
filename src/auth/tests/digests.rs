//! Digests of rows and facts. The expected numbers were computed by another program.

use super::hex;
use crate::auth::{fact_digest, row_digest};
use crate::ident::{Generation, RealmId, ServerId, Stamp, UserId};
use crate::wire::peer::{AddressFact, Fact, FactState, GenerationFact, Mark, Row};

/// Realm to content version; sequence, status, check time; address; user name, host name.
const ROW: [&str; 4] = [
    "1a2b3c4da1a2a3a4a5a6a7a80000000000000001000000000000000200000000000000030000000000000004000000000000000500000000000000060700000008",
    "00000000000000090100007530",
    "040a0100099c40",
    "010004616e6e61020006726f6f6d2034",
];

#[test]
fn a_row_has_its_digest() {
    shows!("R-PEE-76");
    let mut bytes = hex(&ROW.concat());
    let digest = |bytes: &[u8]| row_digest(&Row::parse(bytes, 0).expect("a row"));
    let expected = digest(&bytes);
    assert_eq!(expected, 0x1ba8_4780_a8a5_eed2);
    for at in 0..bytes.len() {
        bytes[at] ^= 1;
        // The lowest bit of status and family makes it no row.
        if Row::parse(&bytes, 0).is_ok() {
            assert_ne!(digest(&bytes), expected, "byte {at}");
        }
        bytes[at] ^= 1;
    }
}

#[test]
fn a_fact_has_its_digest() {
    shows!("R-PEE-27");
    let mark = Mark { stamp: Stamp(0x1234_0000), state: FactState::There, by: ServerId(0x5e01) };
    let address = AddressFact { mark, server: None, address: ([10, 1, 0, 2], 6710).into() };
    assert_eq!(fact_digest(&Fact::Address(address)), 0xeeaf_ca0d_0786_379b);
    let revoked = GenerationFact {
        realm: RealmId(0x1a2b_3c4d),
        user: UserId([0xa5; 8]),
        generation: Generation(0x2345_0000),
        previous: Generation(0),
        name: Some("anna"),
    };
    assert_eq!(fact_digest(&Fact::Generation(revoked)), 0xe6b7_9014_5fd8_e7c9);
}
