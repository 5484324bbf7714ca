//! What an HMS is and knows, and what follows from it: reach, verdict, which of two lines keeps.

use super::rules::Rules;

/// Number of HMSs.
pub const N: usize = 3;
/// Lines of which somebody may still know at one time; more is a mistake of the model.
pub const LINES: usize = 6;

/// Seniority: fixed while the HMS stays in the line. Equal `joined` is decided by the server id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat {
    /// Index into the lines of the state, which are sorted by age, the oldest first.
    pub line: u8,
    /// Joined-at on the line's own time: only its order counts, so it is kept as a rank.
    pub joined: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Down,
    Starting,
    Refused,
    Operating(Seat),
    /// Stood still for more than ten seconds: has its seat, acts on nothing until it has heard the others.
    Waking(Seat),
    Stopping,
}

/// What an HMS last heard from another; only a neighbour that hears it too counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heard {
    /// None while that one starts or stops.
    pub seat: Option<Seat>,
    /// The seat of the third HMS, if that one hears it.
    pub third: Option<Seat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Run {
    Runs,
    /// Stands still; whether somebody counted it as down meanwhile (so it took more than ten seconds).
    Paused {
        missed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hms {
    pub phase: Phase,
    pub run: Run,
    /// Answers hosts.
    pub open: bool,
    pub heard: [Option<Heard>; N],
    /// Lines that it left for others, one bit each; told in every handshake.
    pub left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Line {
    /// Place in the order of the lines' ids.
    pub id: u8,
    /// Lines of one age class were founded nearer together than clocks tell.
    pub age: u8,
    /// Ten seconds or older.
    pub old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    pub crashes: u8,
    pub stops: u8,
    pub pauses: u8,
    /// Changes of the links.
    pub links: u8,
    /// Times that all three HELLOs, or their answers, are lost.
    pub unlucky: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub hms: [Hms; N],
    /// Bit 0: A-B, bit 1: B-C, bit 2: A-C.
    pub links: u8,
    pub lines: [Line; LINES],
    pub count: u8,
    pub left: Budget,
    /// Whether C is registered at the others.
    pub registered: bool,
    /// A member of a line older than ten seconds went over to a younger one.
    pub misled: bool,
}

pub const FULL: u8 = 0b111;
pub const CHAIN: u8 = 0b011;

pub fn third(a: usize, b: usize) -> usize {
    N - a - b
}

impl Hms {
    pub const DOWN: Self =
        Self { phase: Phase::Down, run: Run::Runs, open: false, heard: [None; N], left: 0 };

    /// The seat by which the others count it.
    pub fn seat(&self) -> Option<Seat> {
        match self.phase {
            Phase::Operating(seat) | Phase::Waking(seat) => Some(seat),
            _ => None,
        }
    }

    pub fn answers(&self) -> bool {
        self.phase != Phase::Down && self.run == Run::Runs
    }
}

impl State {
    /// Both can hear each other at this moment.
    pub fn linked(&self, a: usize, b: usize) -> bool {
        let bit = [0, 2, 1][a + b - 1];
        self.links & 1 << bit != 0 && self.hms[a].answers() && self.hms[b].answers()
    }

    /// What `of` tells `to` in a ping.
    pub fn tells(&self, of: usize, to: usize) -> Heard {
        let third = self.hms[of].heard[third(of, to)].and_then(|heard| heard.seat);
        Heard { seat: self.hms[of].seat(), third }
    }

    /// Whom `of` reaches in its own line, directly or over one other: (joined, server id, index), the most senior first.
    pub fn reaches(&self, rules: &Rules, of: usize) -> Vec<(Seat, usize, usize)> {
        let hms = &self.hms[of];
        let Some(own) = hms.seat() else { return Vec::new() };
        let mut all = vec![(own, rules.id(of), of)];
        for m in (0..N).filter(|m| *m != of) {
            let direct = hms.heard[m];
            let over = hms.heard[third(of, m)].and_then(|heard| heard.third).filter(|_| !rules.no_relay);
            let seat = direct.map_or(over, |heard| heard.seat);
            all.extend(seat.map(|seat| (seat, rules.id(m), m)));
        }
        all.retain(|(seat, ..)| seat.line == own.line);
        all.sort_unstable();
        all
    }

    /// Whom `of` takes for the primary.
    pub fn primary(&self, rules: &Rules, of: usize) -> Option<usize> {
        self.reaches(rules, of).first().map(|(.., index)| *index)
    }

    /// Whether line `one` gives way to line `other`; None where nothing decides.
    pub fn gives_way(&self, rules: &Rules, one: u8, other: u8) -> Option<bool> {
        let (a, b) = (self.lines[one as usize], self.lines[other as usize]);
        let by_id = a.id > b.id;
        if !a.old && !b.old {
            return Some(by_id);
        }
        if a.age == b.age {
            return (!rules.tie_by_nothing).then_some(by_id);
        }
        Some((a.age > b.age) != rules.younger_keeps)
    }

    /// The seat of one that joins the line of `via`: after all of whom `via` knows.
    pub fn seat_at(&self, rules: &Rules, via: usize) -> Option<Seat> {
        let last = self.reaches(rules, via).last()?.0;
        Some(Seat { line: last.line, joined: last.joined + 1 })
    }

    /// Whether somebody who reaches `of` operates.
    pub fn operating(&self, of: usize) -> bool {
        self.hms[of].seat().is_some()
    }

    pub fn physical(&self, a: usize, b: usize) -> bool {
        a != b && self.linked(a, b)
    }

    pub fn listed(&self, rules: &Rules, a: usize, b: usize) -> bool {
        !rules.unregistered || self.registered || (a != 2 && b != 2)
    }

    /// Both hear each other, have each other in their lists, and none was refused.
    pub fn peers(&self, rules: &Rules, a: usize, b: usize) -> bool {
        let apart = |n: usize| self.hms[n].phase == Phase::Refused;
        self.physical(a, b) && self.listed(rules, a, b) && !apart(a) && !apart(b)
    }

    fn member(&self, n: usize) -> bool {
        self.hms[n].answers() && !matches!(self.hms[n].phase, Phase::Refused | Phase::Stopping)
    }

    /// Members of the cluster that hear each other, over others as well.
    pub fn part(&self, rules: &Rules, of: usize) -> [bool; N] {
        let direct =
            |a: usize, b: usize| a == b || (self.peers(rules, a, b) && self.member(a) && self.member(b));
        std::array::from_fn(|b| direct(of, b) || (direct(of, third_or(of, b)) && direct(third_or(of, b), b)))
    }

    /// The same among those that have a seat, whoever could bring them together.
    pub fn agreed_so_far(&self, rules: &Rules) -> bool {
        let joined = |a: usize, b: usize| a == b || self.physical(a, b);
        let near =
            |a: usize, b: usize| joined(a, b) || (joined(a, third_or(a, b)) && joined(third_or(a, b), b));
        let seated = |n: usize| self.member(n) && self.operating(n);
        let reached = |n: usize| self.primary(rules, n).is_some_and(|p| self.part(rules, n)[p]);
        (0..N).filter(|n| seated(*n)).all(|n| reached(n) && self.alike(rules, n, |m| seated(m) && near(n, m)))
    }

    /// In each part of the network one line and one primary, which all name.
    pub fn agreed(&self, rules: &Rules) -> bool {
        (0..N).filter(|n| self.member(*n)).all(|n| self.alike(rules, n, |m| self.part(rules, n)[m]))
    }

    /// All of a part that contains `n` are in its line and name the same of their number.
    fn alike(&self, rules: &Rules, n: usize, part: impl Fn(usize) -> bool) -> bool {
        let line = |m: usize| self.hms[m].seat().map(|seat| seat.line);
        let named = self.primary(rules, n);
        let same = |m: usize| self.primary(rules, m) == named && line(m) == line(n);
        named.is_some_and(&part) && (0..N).filter(|m| part(*m)).all(same)
    }
}

fn third_or(a: usize, b: usize) -> usize {
    if a == b { a } else { third(a, b) }
}
