//! Who is taken (R-PEE-20).

use super::*;
use crate::wire::peer::RefuseCode;

const SERVER: ServerId = ServerId(2);

/// What becomes of server 2 from 10.1.0.2.
fn taken(facts: &Facts, process_known: bool, own_peers: &[SocketAddr]) -> Taken {
    facts.takes(SERVER, process_known, address("10.1.0.2:40000").ip(), own_peers)
}

#[test]
fn a_member_comes_from_a_registered_address_or_was_there_before() {
    shows!("R-PEE-20");
    let address_refused = Taken::No(RefuseCode::Address);
    let mut facts = merged([member(2, there(1), "atlas"), registered(there(1), 2, "10.1.0.3:6710")]);
    assert_eq!(taken(&facts, false, &[]), address_refused);
    assert_eq!(taken(&facts, true, &[]), Taken::Yes);
    assert_eq!(taken(&facts, false, &[address("10.1.0.2:6710")]), Taken::Yes);
    assert_eq!(taken(&facts, false, &[address("[::ffff:10.1.0.2]:1")]), Taken::Yes);
    assert_eq!(taken(&facts, false, &[address("10.1.0.4:6710")]), address_refused);
    facts.merge(&registered(there(1), 0, "10.1.0.2:6710"));
    assert_eq!(taken(&facts, false, &[]), Taken::Yes, "whosever it is, and whatever the port");
    facts.merge(&registered(removed(2), 0, "10.1.0.2:6710"));
    assert_eq!(taken(&facts, false, &[]), address_refused);
}

#[test]
fn who_is_no_member_enters_from_a_registered_address() {
    shows!("R-PEE-20");
    let mut facts = merged([member(1, there(1), "oslo")]);
    assert_eq!(taken(&facts, false, &[]), Taken::No(RefuseCode::NotRegistered));
    assert_eq!(taken(&facts, true, &[]), Taken::No(RefuseCode::NotRegistered));
    assert_eq!(taken(&facts, false, &[address("10.1.0.2:6710")]), Taken::Enters);
    facts.merge(&registered(there(1), 0, "10.1.0.2:6710"));
    assert_eq!(taken(&facts, false, &[]), Taken::Enters);
    let mapped = "::ffff:10.1.0.2".parse().unwrap();
    assert_eq!(facts.takes(SERVER, false, mapped, &[]), Taken::Enters);
}

#[test]
fn who_was_removed_enters_from_an_address_registered_later() {
    shows!("R-PEE-20");
    let refused = Taken::No(RefuseCode::Removed);
    let mut facts = merged([member(2, removed(5), "atlas")]);
    assert_eq!(taken(&facts, true, &[address("10.1.0.2:6710")]), refused, "settings have no stamp");
    facts.merge(&registered(there(5), 0, "10.1.0.2:6710"));
    assert_eq!(taken(&facts, false, &[]), refused);
    facts.merge(&registered(there(9), 0, "10.1.0.3:6710"));
    assert_eq!(taken(&facts, false, &[]), refused);
    facts.merge(&registered(there(6), 0, "10.1.0.2:6711"));
    assert_eq!(taken(&facts, false, &[]), Taken::Enters);
    facts.merge(&registered(removed(7), 0, "10.1.0.2:6711"));
    assert_eq!(taken(&facts, false, &[]), refused);
}

#[test]
fn an_invitation_admits_who_was_not_removed_and_takes_nobodys_name() {
    shows!("R-PEE-32");
    let facts = merged([member(1, there(1), "oslo"), member(2, removed(1), "atlas")]);
    assert_eq!(facts.admits(ServerId(3), "rome"), Ok(()));
    assert_eq!(facts.admits(ServerId(3), "atlas"), Ok(()), "the name of one that is gone");
    assert_eq!(facts.admits(ServerId(3), "oslo"), Err(RefuseCode::Name));
    assert_eq!(facts.admits(ServerId(1), "oslo"), Ok(()), "who repeats has the name already");
    assert_eq!(facts.admits(SERVER, "rome"), Err(RefuseCode::Removed));
}
