//! The table of each HMS, the hosts, and what the world may still do to them.

use super::row::{Mistakes, Order, Row};

pub const N: usize = 3;
pub const MACHINES: usize = 2;
pub const USERS: usize = 2;

/// An expiry, in check times: 2.5 rounded to whole ticks, so that one silent tick is allowed.
pub const EXPIRY: u8 = 2;
/// How long GONE is kept, in check times: longer than the oldest copy that can come back (see the README).
pub const KEPT: u8 = 4;
/// After so many check times of silence no row of the host may be left: two expiries, and the ticks that were begun.
pub const BOUND: u8 = 2 * EXPIRY + 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Copy {
    pub row: Row,
    /// Check times since the host (at home) or the home (elsewhere) was heard; of a GONE, since it is known.
    pub age: u8,
    /// At the home: the highest sequence accepted.
    pub top: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Down,
    /// Runs, but says REREGISTER to nobody before it has copied.
    Synchronising,
    Runs,
    Stopping,
    /// Has handed over; ends.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hms {
    pub mode: Mode,
    pub incarnation: u8,
    pub table: [Option<Copy>; USERS],
    /// A session that left here before its row was known here, one for each user.
    pub left_unknown: [Option<Order>; USERS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    Off,
    /// A person made it join: takeover.
    Joining,
    Live,
    /// Superseded, until a person makes it join.
    Ended,
    Left,
    /// Silent for ever.
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    pub host: Host,
    pub session: Option<Order>,
    /// Rises with every heartbeat, but only its order between HMSs counts: so it rises when another accepts than before.
    pub sequence: u8,
    /// The HMS that last accepted something of this session, whether the host knows or not.
    pub accepted_by: u8,
    pub content: u8,
    pub last_stamp: u8,
    pub hms: u8,
    /// Has sent its heartbeat in this check time.
    pub beaten: bool,
    /// HMSs that it can reach, one bit each.
    pub hears: u8,
    /// Check times since it fell silent.
    pub quiet: u8,
    /// HMSs that know, or were told, that its session left.
    pub told: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub joins: u8,
    pub leaves: u8,
    pub deaths: u8,
    /// Agents that start again.
    pub reboots: u8,
    /// Changes of whom a host can reach.
    pub moves: u8,
    pub contents: u8,
    /// Answers to hosts that are lost.
    pub unheard: u8,
    /// Deltas that arrive after later ones.
    pub delays: u8,
    pub crashes: u8,
    pub stops: u8,
    pub links: u8,
}

/// A delta on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flight {
    pub from: u8,
    pub to: u8,
    pub user: u8,
    pub copy: Copy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    Removed,
    Handover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub hms: [Hms; N],
    pub machines: [Machine; MACHINES],
    /// Bit 0: A-B, bit 1: B-C, bit 2: A-C.
    pub links: u8,
    pub flight: Option<Flight>,
    /// Highest stamp given.
    pub clock: u8,
    /// Registrations so far.
    pub sessions: u8,
    pub left: Budget,
    pub wrong: Option<Wrong>,
}

#[derive(Clone, Copy, Default)]
pub struct Rules {
    pub merge: Mistakes,
    /// A copy is taken however long its home was not heard, and counts as new.
    pub over_age: bool,
    /// GONE(leave) is forgotten as soon as the row is gone.
    pub forget_leave: bool,
    /// A home counts as reachable though another process has its id now.
    pub old_process: bool,
    /// A home vouches for all that others say is homed at it, also for what it does not have.
    pub vouched_unseen: bool,
    /// A home that learns of another place of its session does not ask whether it has heard the host since.
    pub yields: bool,
    /// LEAVE of a session that is not known here is answered and forgotten.
    pub forget_unknown_leave: bool,
    /// The stopping HMS ends without waiting for the confirmation of its last delta.
    pub stop_at_once: bool,
    /// Both machines are hosts of one user.
    pub one_user: bool,
    /// How many HMSs there are.
    pub count: u8,
}

impl Rules {
    pub fn user(&self, machine: usize) -> usize {
        if self.one_user { 0 } else { machine }
    }

    pub fn all(&self) -> std::ops::Range<usize> {
        0..self.count as usize
    }
}

impl State {
    pub fn up(&self, n: usize) -> bool {
        self.hms[n].mode != Mode::Down
    }

    pub fn linked(&self, a: usize, b: usize) -> bool {
        a != b && self.links & 1 << [0, 2, 1][a + b - 1] != 0 && self.up(a) && self.up(b)
    }

    /// Directly or over one HMS, which relays.
    pub fn reaches(&self, a: usize, b: usize) -> bool {
        (a == b && self.up(a))
            || self.linked(a, b)
            || (0..N).any(|x| x != a && x != b && a != b && self.linked(a, x) && self.linked(x, b))
    }

    /// Whether `n` is the home of `row`: it is the process that confirmed it.
    pub fn is_home(&self, n: usize, row: &Row) -> bool {
        row.place.home as usize == n && self.up(n) && self.hms[n].incarnation == row.place.incarnation
    }

    /// Whether the home of `row` vouches for it at `n`.
    pub fn vouched(&self, rules: &Rules, n: usize, user: usize, row: &Row) -> bool {
        let home = row.place.home as usize;
        let same_process = rules.old_process || self.is_home(home, row);
        let has_it =
            |copy: Copy| copy.row.order == row.order && copy.row.shown() && self.is_home(home, &copy.row);
        let by_digest = rules.vouched_unseen || self.hms[home].table[user].is_some_and(has_it);
        same_process && (by_digest || rules.old_process) && self.reaches(n, home)
    }

    /// Whether `n` may say that `row` lives.
    pub fn live(&self, rules: &Rules, n: usize, user: usize, row: &Row) -> bool {
        row.shown() && self.vouched(rules, n, user, row)
    }

    /// The home of the session of `m`, if it heard the host in this check time or the last.
    pub fn home_of(&self, rules: &Rules, m: usize) -> Option<usize> {
        let machine = &self.machines[m];
        let homes = |n: &usize| {
            self.hms[*n].table[rules.user(m)].is_some_and(|copy| {
                let own = Some(copy.row.order) == machine.session && copy.row.shown();
                own && self.is_home(*n, &copy.row) && copy.age < EXPIRY
            })
        };
        rules.all().find(homes).filter(|_| machine.host == Host::Live)
    }
}
