//! Which faults are combined: each suite is checked wholly.

use crate::check::check;
use crate::roles::{self, CHAIN, FULL, Roles};
use crate::table::{self, Table};

const NO_FAULT: roles::Budget = roles::Budget { crashes: 0, stops: 0, pauses: 0, links: 0, unlucky: 0 };

pub fn role(rules: roles::Rules, budget: roles::Budget) -> Roles {
    Roles { rules, budget, links: &[FULL, CHAIN] }
}

/// One lost start and one change of the links: what most suites of roles add to their own rule.
pub const START_AND_LINKS: roles::Budget = roles::Budget { links: 1, unlucky: 1, ..NO_FAULT };
pub const CRASH_AND_PAUSE: roles::Budget = roles::Budget { crashes: 1, pauses: 1, ..NO_FAULT };

pub fn roles() -> bool {
    let plain = roles::Rules::default();
    let suites = [
        ("roles: partition and heal, or partial", plain, roles::Budget { links: 2, ..NO_FAULT }),
        ("roles: crash, links change", plain, roles::Budget { crashes: 1, links: 1, ..NO_FAULT }),
        ("roles: crash and graceful stop", plain, roles::Budget { crashes: 1, stops: 1, ..NO_FAULT }),
        ("roles: crash and pause", plain, CRASH_AND_PAUSE),
        ("roles: all HELLOs lost, links change", plain, START_AND_LINKS),
        (
            "roles: a stall gives up the seat",
            roles::Rules { stall_gives_up_seat: true, ..plain },
            CRASH_AND_PAUSE,
        ),
        ("roles: one server id twice", roles::Rules { twin: true, ..plain }, START_AND_LINKS),
        ("roles: C is not registered", roles::Rules { unregistered: true, ..plain }, START_AND_LINKS),
        (
            "roles: clocks cannot tell the ages",
            roles::Rules { near_ages_by_clock: true, ..plain },
            START_AND_LINKS,
        ),
    ];
    suites
        .into_iter()
        .fold(true, |good, (name, rules, budget)| check(name, || role(rules, budget), true).is_none() && good)
}

type TableSuite = (&'static str, table::Rules, table::Budget);

pub fn rules(count: u8, one_user: bool) -> table::Rules {
    table::Rules { count, one_user, ..table::Rules::default() }
}

fn run(suites: &[TableSuite]) -> bool {
    suites.iter().fold(true, |good, (name, rules, budget)| {
        check(name, || Table { rules: *rules, budget: *budget }, false).is_none() && good
    })
}

const ONE: table::Budget = table::Budget {
    joins: 1,
    leaves: 0,
    deaths: 0,
    reboots: 0,
    moves: 0,
    contents: 0,
    unheard: 0,
    delays: 0,
    crashes: 0,
    stops: 0,
    links: 0,
};

/// One host that moves, misses an answer; a crash; partition and heal.
pub const MOVE_AND_MISS: table::Budget = table::Budget { moves: 1, unheard: 1, crashes: 1, links: 2, ..ONE };
/// One host that moves and leaves; partition and heal.
pub const MOVE_AND_LEAVE: table::Budget = table::Budget { leaves: 1, moves: 1, links: 2, ..ONE };
pub const MOVE_LEAVE_CRASH: table::Budget = table::Budget { crashes: 1, ..MOVE_AND_LEAVE };
pub const DELAYED: table::Budget = table::Budget { delays: 1, ..MOVE_LEAVE_CRASH };
pub const STOPPED: table::Budget = table::Budget { leaves: 1, moves: 1, stops: 1, links: 2, ..ONE };
pub const STOP_ALONE: table::Budget = table::Budget { stops: 1, ..ONE };
pub const SILENT: table::Budget = table::Budget { deaths: 1, crashes: 1, ..ONE };
pub const REBOOTED: table::Budget = table::Budget { reboots: 1, unheard: 1, crashes: 1, links: 2, ..ONE };
pub const REBOOTED_AND_MOVED: table::Budget = table::Budget { moves: 1, ..REBOOTED };
pub const TAKEN_OVER: table::Budget = table::Budget { joins: 2, moves: 1, crashes: 1, links: 2, ..ONE };

pub fn table() -> bool {
    let taken_dies = table::Budget { joins: 2, deaths: 1, reboots: 1, crashes: 1, links: 1, ..ONE };
    let content = table::Budget { contents: 1, moves: 1, links: 2, ..ONE };
    let two_users = table::Budget { joins: 2, moves: 1, crashes: 1, ..ONE };
    let leave_crash = table::Budget { leaves: 1, moves: 1, crashes: 1, ..ONE };
    run(&[
        ("table: 2 HMSs, move, missed answer, crash, partition and heal", rules(2, true), MOVE_AND_MISS),
        ("table: 2 HMSs, move, leave, crash, partition and heal", rules(2, true), MOVE_LEAVE_CRASH),
        ("table: 2 HMSs, the same with a delta that comes late", rules(2, true), DELAYED),
        ("table: 2 HMSs, takeover, move, crash, partition and heal", rules(2, true), TAKEN_OVER),
        ("table: 2 HMSs, takeover, silence, agent restart, crash, partition", rules(2, true), taken_dies),
        ("table: 2 HMSs, new content, move, partition and heal", rules(2, true), content),
        ("table: 2 HMSs, graceful stop, leave, move, partition and heal", rules(2, true), STOPPED),
        ("table: 2 HMSs, two users, move, crash", rules(2, false), two_users),
        ("table: 3 HMSs, silence, crash", rules(3, true), SILENT),
        ("table: 3 HMSs, leave, move, crash", rules(3, true), leave_crash),
        ("table: 3 HMSs, graceful stop", rules(3, true), STOP_ALONE),
        ("table: 3 HMSs, move, leave, partition and heal", rules(3, true), MOVE_AND_LEAVE),
    ])
}

/// The largest suites: minutes each.
pub fn deep() -> bool {
    run(&[
        (
            "deep: 2 HMSs, agent restart, move, missed answer, crash, partition and heal",
            rules(2, true),
            REBOOTED_AND_MOVED,
        ),
        ("deep: 3 HMSs, agent restart, missed answer, crash, partition and heal", rules(3, true), REBOOTED),
        ("deep: 3 HMSs, graceful stop, leave, move, partition and heal", rules(3, true), STOPPED),
        ("deep: 3 HMSs, move, missed answer, crash, partition and heal", rules(3, true), MOVE_AND_MISS),
    ])
}

pub fn laws() -> bool {
    table::laws(&Table { rules: rules(2, true), budget: DELAYED }).is_none()
}
