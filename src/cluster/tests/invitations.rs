//! An invitation admits one HMS, once (R-PEE-32).

use super::*;
use crate::ident::{InvitationId, Stamp};
use crate::limits::INVITATIONS_MAX;

const ID: InvitationId = InvitationId(7);
const ONE: ServerId = ServerId(1);
const TWO: ServerId = ServerId(2);
const DAY: u64 = 24 * 3600;

/// This many seconds after the stamp clock's zero, and this many steps.
const fn at(secs: u64, steps: u64) -> Stamp {
    Stamp(((secs * 1000) << 16) + steps)
}

fn invited() -> Invitations {
    let mut invitations = Invitations::default();
    assert!(invitations.invite(at(100, 0), ID, [5; 32]));
    invitations
}

#[test]
fn one_hms_redeems_it_and_may_repeat_for_ten_minutes() {
    shows!("R-PEE-32");
    let mut invitations = invited();
    assert!(!invitations.redeem(at(200, 0), InvitationId(8), ONE), "no such invitation");
    assert!(invitations.allows(at(200, 0), ID, ONE) && invitations.allows(at(200, 0), ID, TWO));
    assert!(invitations.redeem(at(200, 0), ID, ONE));
    assert!(!invitations.allows(at(200, 0), ID, TWO) && !invitations.redeem(at(200, 0), ID, TWO));
    assert!(invitations.redeem(at(500, 0), ID, ONE), "repeated, which does not prolong it");
    assert!(invitations.redeem(at(799, 0), ID, ONE));
    assert_eq!(invitations.forget(Stamp(at(800, 0).0 - 1)), []);
    assert!(!invitations.redeem(at(800, 0), ID, ONE));
    assert_eq!(invitations.forget(at(800, 0)), [ID]);
    assert_eq!(invitations.iter().count(), 0);
}

#[test]
fn it_is_in_force_for_a_day_of_the_stamp_clock() {
    shows!("R-PEE-32");
    let mut invitations = invited();
    let last = Stamp(at(100 + DAY, 0).0 - 1);
    assert_eq!(invitations.forget(last), []);
    assert!(invitations.allows(last, ID, ONE));
    assert!(!invitations.allows(at(100 + DAY, 0), ID, ONE));
    assert!(invitations.redeem(last, ID, ONE));
    assert!(invitations.allows(at(100 + DAY + 500, 0), ID, ONE), "ten minutes from then on");
    assert_eq!(invited().forget(at(100 + DAY, 0)), [ID]);
}

#[test]
fn at_most_sixteen_are_in_force() {
    shows!("R-PEE-32");
    let mut invitations = invited();
    assert!(!invitations.invite(at(0, 0), ID, [6; 32]), "taken");
    assert!(!invitations.invite(at(0, 0), InvitationId(0), [6; 32]));
    for id in 1..INVITATIONS_MAX as u64 {
        assert!(invitations.invite(at(100, 0), InvitationId(100 + id), [6; 32]));
    }
    assert!(!invitations.invite(at(100, 0), InvitationId(99), [6; 32]));
    let first = invitations.iter().next().unwrap();
    assert_eq!((first.id, *first.secret), (ID, [5; 32]));
}

#[test]
fn they_outlive_the_process() {
    shows!("R-PEE-32");
    let mut invitations = invited();
    assert!(invitations.redeem(at(200, 0), ID, ONE));
    let records: Vec<_> = invitations.iter().cloned().collect();
    let restored = Invitations::restore(&records);
    assert_eq!(restored.iter().cloned().collect::<Vec<_>>(), records);
    assert!(restored.allows(at(300, 0), ID, ONE) && !restored.allows(at(300, 0), ID, TWO));
}
