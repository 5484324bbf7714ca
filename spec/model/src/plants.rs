//! Mistakes planted one at a time: each must be found. The last ones are rules as they were first written (FINDINGS.md).

use crate::check::{UNFINISHED, check};
use crate::roles;
use crate::suites::{
    DELAYED, MOVE_AND_LEAVE, MOVE_AND_MISS, MOVE_LEAVE_CRASH, REBOOTED, REBOOTED_AND_MOVED, SILENT,
    START_AND_LINKS, STOP_ALONE, role, rules,
};
use crate::table::{Budget, Rules, Table};

enum Plant {
    Roles(fn(&mut roles::Rules)),
    Table { count: u8, budget: Budget, plant: fn(&mut Rules) },
}

use Plant::{Roles as InRoles, Table as InTable};

fn plants() -> Vec<(&'static str, Plant)> {
    let table = |count, budget, plant| InTable { count, budget, plant };
    vec![
        ("arrival-order", table(2, DELAYED, |r| r.merge.arrival = true)),
        ("tie-by-nothing", table(2, REBOOTED, |r| r.merge.tie_by_nothing = true)),
        ("over-age", table(2, SILENT, |r| r.over_age = true)),
        ("forget-leave", table(2, DELAYED, |r| r.forget_leave = true)),
        ("stale-home", table(2, DELAYED, |r| r.merge.stale_home = true)),
        ("lines-wrong-way", InRoles(|r| r.younger_keeps = true)),
        ("stale-process", table(2, MOVE_LEAVE_CRASH, |r| r.old_process = true)),
        ("stop-at-once", table(2, STOP_ALONE, |r| r.stop_at_once = true)),
        ("no-relay", InRoles(|r| r.no_relay = true)),
        ("refused-serves", InRoles(|r| (r.twin, r.refused_serves) = (true, true))),
        ("lines-tie-by-nothing", InRoles(|r| r.tie_by_nothing = true)),
        ("lines-by-clock", InRoles(|r| (r.near_ages_by_clock, r.forgets_left_lines) = (true, true))),
        ("twin-is-restart", InRoles(|r| (r.twin, r.twin_is_restart) = (true, true))),
        ("mutual-refusal", InRoles(|r| (r.unregistered, r.mutual_refusal) = (true, true))),
        ("home-yields", table(2, MOVE_AND_MISS, |r| r.yields = true)),
        ("vouched-unseen", table(3, MOVE_AND_MISS, |r| r.vouched_unseen = true)),
        ("unknown-leave", table(2, MOVE_AND_LEAVE, |r| r.forget_unknown_leave = true)),
        ("order-without-session", table(2, REBOOTED_AND_MOVED, |r| r.merge.order_without_session = true)),
    ]
}

pub fn names() -> Vec<&'static str> {
    plants().into_iter().map(|(name, _)| name).collect()
}

fn found(name: &str, plant: &Plant) -> bool {
    let broken = match plant {
        InRoles(plant) => {
            let mut wrong = roles::Rules::default();
            plant(&mut wrong);
            check(name, || role(wrong, START_AND_LINKS), true)
        }
        InTable { count, budget, plant } => {
            let mut wrong = rules(*count, true);
            plant(&mut wrong);
            check(name, || Table { rules: wrong, budget: *budget }, false)
        }
    };
    match &broken {
        Some(property) => println!("  found: {name} by \"{property}\""),
        None => println!("  NOT FOUND: {name}"),
    }
    broken.is_some_and(|property| property != UNFINISHED)
}

pub fn all() -> bool {
    plants().iter().fold(true, |good, (name, plant)| found(name, plant) && good)
}

pub fn one(name: &str) -> bool {
    let all = plants();
    let Some((name, plant)) = all.iter().find(|(known, _)| *known == name) else {
        eprintln!("no such plant; there are: {}", names().join(", "));
        return false;
    };
    found(name, plant)
}
