//! The laws of the merge, for all rows that are met and for all rows of small domains.

use std::collections::BTreeSet;

use stateright::Model;

use super::Table;
use super::row::{Mistakes, Order, Place, Row, Status};

/// Every row of the first machine that some HMS holds in a state of `model`. (The other's are of other runs, where it
/// came first and has the same session ids.)
fn met(model: &Table) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let mut seen = std::collections::HashSet::new();
    let mut open = model.init_states();
    let mut actions = Vec::new();
    while let Some(state) = open.pop() {
        let held = state.hms.iter().filter_map(|hms| hms.table[0]).map(|copy| copy.row);
        rows.extend(held.filter(|row| row.machine == 0));
        model.actions(&state, &mut actions);
        let next = actions.drain(..).filter_map(|action| model.next_state(&state, action));
        open.extend(next.filter(|next| seen.insert(crate::cycles::fingerprint(next))));
    }
    rows
}

/// Every row of two generations, stamps, stampers, contents, sequences, homes, processes and all statuses.
fn small() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for bits in 0..1_u16 << 8 {
        let bit = |place: u16| (bits >> place & 1) as u8;
        for status in [Status::Up, Status::Late, Status::Expired] {
            let order = match bits & 3 {
                0 => Order::default(),
                1 => Order { session: 1, ..Order::default() },
                2 => Order { server: 1, ..Order::default() },
                _ => Order { stamp: 1, ..Order::default() },
            };
            // A higher generation decides as a higher stamp does: one order of it is enough.
            let order = if bit(7) == 1 { Order { generation: 1, ..Order::default() } } else { order };
            let place = Place { sequence: bit(2), status, home: bit(3), incarnation: bit(4) };
            rows.insert(Row { order, machine: order.session, content: bit(5), place, left: bit(6) == 1 });
        }
    }
    rows
}

/// Checks all pairs and triples; the law that is broken.
fn check(rows: &BTreeSet<Row>, wrong: Mistakes) -> Result<(), (&'static str, Vec<Row>)> {
    for a in rows {
        if a.merge(*a, wrong) != *a {
            return Err(("idempotent", vec![*a]));
        }
        for b in rows {
            let ab = a.merge(*b, wrong);
            if ab != b.merge(*a, wrong) {
                return Err(("commutative", vec![*a, *b]));
            }
            for c in rows {
                if ab.merge(*c, wrong) != a.merge(b.merge(*c, wrong), wrong) {
                    return Err(("associative", vec![*a, *b, *c]));
                }
            }
        }
    }
    Ok(())
}

/// Prints what was checked; the law that is broken.
pub fn laws(model: &Table) -> Option<String> {
    for (name, rows) in [("met", met(model)), ("of small domains", small())] {
        let count = rows.len();
        println!("laws of the merge: {count} rows {name}, {} triples", count.pow(3));
        if let Err((law, rows)) = check(&rows, model.rules.merge) {
            println!("  broken: the merge is not {law}:");
            for row in rows {
                println!("    {row:?}");
            }
            return Some(format!("the merge is not {law}"));
        }
    }
    None
}
