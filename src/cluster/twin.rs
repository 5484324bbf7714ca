//! Two live processes with one server id (R-PEE-23).

use super::lines::{Claim, Side, younger};
use super::seat::Standing;
use crate::time::Duration;

/// Which of two twins has to go; their ages are those of their lines. None if they are one process.
pub fn has_to_go(own: &Standing, own_age: Duration, other: &Standing, other_age: Duration) -> Option<Side> {
    if own.process.incarnation == other.process.incarnation {
        return None;
    }
    let later = if own.process.incarnation > other.process.incarnation { Side::Own } else { Side::Other };
    let (own_seat, other_seat) = match (own.seat(), other.seat()) {
        (None, Some(_)) => return Some(Side::Own),
        (Some(_), None) => return Some(Side::Other),
        (None, None) => return Some(later),
        (Some(own), Some(other)) => (own, other),
    };
    if own_seat.line != other_seat.line {
        // The lines that they left say nothing here: whoever judges may be a third.
        let claim = |line, age| Claim { line, age, left: &[] };
        return Some(younger(&claim(own_seat.line, own_age), &claim(other_seat.line, other_age)));
    }
    Some(match own_seat.joined_at_ms.cmp(&other_seat.joined_at_ms) {
        std::cmp::Ordering::Less => Side::Other,
        std::cmp::Ordering::Greater => Side::Own,
        std::cmp::Ordering::Equal => later,
    })
}
