//! What may happen, and what it does.

use super::rules::Rules;
use super::state::{FULL, Heard, Hms, LINES, Line, N, Phase, Run, Seat, State, third};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    // The world.
    Start(usize),
    Crash(usize),
    Stop(usize),
    Pause(usize),
    Resume {
        n: usize,
        long: bool,
    },
    Links(u8),
    Register,
    /// Founds although others were there to answer.
    Unlucky {
        n: usize,
        id: u8,
        near: bool,
    },
    // The protocol.
    /// HELLO or pings in both directions; `swap`: the clocks tell the ages the other way round.
    Ping {
        a: usize,
        b: usize,
        swap: bool,
    },
    Lose(usize, usize),
    /// No answer to three HELLOs. `id`: place of the new line's id; `near`: as old as the newest line, by the clocks.
    Found {
        n: usize,
        id: u8,
        near: bool,
    },
    Refuse(usize, usize),
    Retry(usize),
    Wake(usize),
    Age,
    Exit(usize),
}

impl Action {
    /// Done by the protocol itself, so it happens in the end.
    pub fn is_calm(self) -> bool {
        use Action::{Age, Exit, Found, Lose, Ping, Refuse, Retry, Wake};
        matches!(
            self,
            Ping { .. } | Lose(..) | Found { .. } | Refuse(..) | Retry(_) | Wake(_) | Age | Exit(_)
        )
    }
}

impl State {
    /// Whether `m` refuses `n`, now.
    fn refuses(&self, rules: &Rules, m: usize, n: usize) -> bool {
        let other_heard = || self.hms[1].heard[2 - n].is_some() && self.peers(rules, 1, 2 - n);
        let twin = rules.twin && n != 1 && m == 1 && other_heard();
        let same = rules.same_id(m, n) && self.hms[m].phase == Phase::Starting && m < n;
        let unlisted = n == 2 && !self.listed(rules, m, n);
        let operates = self.operating(m) && (unlisted || rules.same_id(m, n));
        self.physical(m, n) && (operates || same || twin)
    }

    fn may_found(&self, rules: &Rules, n: usize) -> bool {
        let answers = |m: usize| match self.hms[m].phase {
            Phase::Operating(_) | Phase::Waking(_) => n == 2 || self.listed(rules, n, m),
            Phase::Starting => self.listed(rules, n, m) && m < n,
            _ => false,
        };
        !(0..N).any(|m| m != n && self.physical(n, m) && answers(m))
    }

    fn may_wake(&self, rules: &Rules, n: usize) -> bool {
        let heard = |m: usize| !self.peers(rules, n, m) || self.hms[n].heard[m].is_some();
        (0..N).all(|m| m == n || heard(m))
    }

    /// Of two with one server id, the one that has to go.
    fn twin_to_refuse(&self, rules: &Rules, a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        match (self.hms[low].seat(), self.hms[high].seat()) {
            (None, Some(_)) => low,
            (Some(x), Some(y)) if x.line != y.line && self.gives_way(rules, x.line, y.line) == Some(true) => {
                low
            }
            (Some(x), Some(y)) if x.line == y.line && x.joined > y.joined => low,
            _ => high,
        }
    }

    fn refuse(&mut self, rules: &Rules, n: usize) {
        self.hms[n] =
            Hms { phase: Phase::Refused, open: rules.refused_serves && self.hms[n].open, ..Hms::DOWN };
    }

    fn ping(&mut self, rules: &Rules, a: usize, b: usize, swap: bool) {
        if rules.same_id(a, b) {
            let out = self.twin_to_refuse(rules, a, b);
            return self.refuse(rules, out);
        }
        if rules.twin && !self.twin_heard(rules, a, b) {
            return;
        }
        match (self.hms[a].phase, self.hms[b].phase) {
            (Phase::Starting, _) if self.operating(b) => self.join(rules, a, b),
            (_, Phase::Starting) if self.operating(a) => self.join(rules, b, a),
            _ => {}
        }
        self.meet(rules, a, b, swap);
        self.hms[a].heard[b] = Some(self.tells(b, a));
        self.hms[b].heard[a] = Some(self.tells(a, b));
    }

    /// Two that are perhaps of two lines: one goes over to the other's.
    fn meet(&mut self, rules: &Rules, a: usize, b: usize, swap: bool) {
        let (Some(x), Some(y)) = (self.hms[a].seat(), self.hms[b].seat()) else { return };
        if x.line == y.line {
            return;
        }
        let by_age = self.gives_way(rules, x.line, y.line).map(|gives_way| gives_way ^ swap);
        let left = |by: usize, line: u8| self.hms[by].left & 1 << line != 0;
        let a_gives_way = match (left(a, y.line), left(b, x.line)) {
            (false, false) => by_age,
            // Each left the other's: then their ids decide for good.
            (true, true) => Some(self.lines[x.line as usize].id > self.lines[y.line as usize].id),
            (_, other_left_mine) => Some(other_left_mine),
        };
        let Some(a_gives_way) = a_gives_way else { return };
        let (from, to, loser, winner) = if a_gives_way { (x, y, a, b) } else { (y, x, b, a) };
        if !rules.forgets_left_lines {
            self.hms[loser].left |= 1 << from.line;
            self.hms[loser].left &= !(1 << to.line);
        }
        let (from, to) = (self.lines[from.line as usize], self.lines[to.line as usize]);
        self.misled |= from.old && from.age < to.age && by_age == Some(a_gives_way);
        self.join(rules, loser, winner);
    }

    /// B hears of both twins: false if the ping was one that B refuses.
    fn twin_heard(&mut self, rules: &Rules, a: usize, b: usize) -> bool {
        let (middle, from) = if a == 1 { (a, b) } else { (b, a) };
        let other = third(middle, from);
        if self.hms[middle].heard[other].is_none() {
            return true;
        }
        let probed = !rules.twin_is_restart && self.peers(rules, middle, other);
        if !probed {
            self.hms[middle].heard[other] = None;
            return true;
        }
        let out = self.twin_to_refuse(rules, from, other);
        self.refuse(rules, out);
        self.hms[middle].heard[out] = None;
        out != from
    }

    fn join(&mut self, rules: &Rules, n: usize, via: usize) {
        let seat = self.seat_at(rules, via).expect("whoever is joined has a seat");
        self.hms[n].phase = Phase::Operating(seat);
        self.hms[n].open = true;
    }

    fn found(&mut self, n: usize, id: u8, near: bool) {
        let count = self.count as usize;
        assert!(count < LINES, "a bound of the model: more lines at one time than it has room for");
        self.lines[..count].iter_mut().filter(|line| line.id >= id).for_each(|line| line.id += 1);
        let newest = self.lines[..count].last().map_or(0, |line| line.age + u8::from(!near));
        self.lines[count] = Line { id, age: newest, old: false };
        self.count += 1;
        self.hms[n].phase = Phase::Operating(Seat { line: count as u8, joined: 0 });
        self.hms[n].open = true;
    }

    fn lose(&mut self, n: usize, m: usize) {
        self.hms[n].heard[m] = None;
        if let Run::Paused { .. } = self.hms[m].run {
            self.hms[m].run = Run::Paused { missed: true };
        }
    }

    fn resume(&mut self, rules: &Rules, n: usize, long: bool) {
        let hms = &mut self.hms[n];
        hms.run = Run::Runs;
        let Phase::Operating(seat) = hms.phase else { return };
        if long {
            hms.phase = if rules.stall_gives_up_seat { Phase::Starting } else { Phase::Waking(seat) };
            hms.open = false;
            hms.heard = [None; N];
        }
    }

    pub fn world(&self, rules: &Rules, actions: &mut Vec<Action>) {
        let left = &self.left;
        for n in 0..N {
            let hms = &self.hms[n];
            match (hms.phase, hms.run) {
                (Phase::Down, _) => actions.push(Action::Start(n)),
                (_, Run::Paused { missed }) => {
                    actions.push(Action::Resume { n, long: true });
                    actions.extend((!missed).then_some(Action::Resume { n, long: false }));
                }
                (phase, Run::Runs) => {
                    actions.extend((left.crashes > 0).then_some(Action::Crash(n)));
                    let operates = matches!(phase, Phase::Operating(_));
                    actions.extend((left.stops > 0 && operates).then_some(Action::Stop(n)));
                    actions.extend((left.pauses > 0 && operates).then_some(Action::Pause(n)));
                    if left.unlucky > 0 && phase == Phase::Starting && !self.may_found(rules, n) {
                        self.founds(|id, near| actions.push(Action::Unlucky { n, id, near }));
                    }
                }
            }
        }
        if left.links > 0 {
            actions.extend((0..=FULL).filter(|links| *links != self.links).map(Action::Links));
        }
        actions.extend((rules.unregistered && !self.registered).then_some(Action::Register));
    }

    fn founds(&self, mut each: impl FnMut(u8, bool)) {
        let near = self.lines[..self.count as usize].last().is_some_and(|line| !line.old);
        for id in 0..=self.count {
            each(id, false);
            if near {
                each(id, true);
            }
        }
    }

    pub fn calm(&self, rules: &Rules, actions: &mut Vec<Action>) {
        for n in 0..N {
            let hms = &self.hms[n];
            if !hms.answers() {
                continue;
            }
            match hms.phase {
                Phase::Starting if self.may_found(rules, n) => {
                    self.founds(|id, near| actions.push(Action::Found { n, id, near }));
                }
                Phase::Refused if !(0..N).any(|m| m != n && self.refuses(rules, m, n)) => {
                    actions.push(Action::Retry(n));
                }
                Phase::Waking(_) if self.may_wake(rules, n) => actions.push(Action::Wake(n)),
                Phase::Stopping => actions.push(Action::Exit(n)),
                _ => {}
            }
            for m in (0..N).filter(|m| *m != n) {
                if hms.heard[m].is_some() && !self.peers(rules, n, m) {
                    actions.push(Action::Lose(n, m));
                }
                let unlisted = self.physical(n, m) && !self.listed(rules, n, m) && self.operating(n);
                let newcomer = m == 2 && self.hms[m].phase == Phase::Starting;
                let hit = newcomer || (rules.mutual_refusal && self.operating(m));
                actions.extend((unlisted && hit).then_some(Action::Refuse(n, m)));
                if n < m && self.peers(rules, n, m) {
                    actions.push(Action::Ping { a: n, b: m, swap: false });
                    actions.extend(self.near(rules, n, m).then_some(Action::Ping { a: n, b: m, swap: true }));
                }
            }
        }
        let young = self.lines[..self.count as usize].iter().any(|line| !line.old);
        actions.extend(young.then_some(Action::Age));
    }

    /// Whether the handshake of these two may tell the ages of their lines either way.
    fn near(&self, rules: &Rules, a: usize, b: usize) -> bool {
        let (Some(x), Some(y)) = (self.hms[a].seat(), self.hms[b].seat()) else { return false };
        let (x, y) = (self.lines[x.line as usize], self.lines[y.line as usize]);
        rules.near_ages_by_clock && x.id != y.id && x.age == y.age && x.old
    }

    pub fn apply(&mut self, rules: &Rules, action: Action) {
        match action {
            Action::Start(n) => self.hms[n] = Hms { phase: Phase::Starting, ..Hms::DOWN },
            Action::Crash(n) => {
                self.left.crashes -= 1;
                self.hms[n] = Hms::DOWN;
            }
            Action::Stop(n) => {
                self.left.stops -= 1;
                self.hms[n].phase = Phase::Stopping;
                self.hms[n].open = false;
            }
            Action::Pause(n) => {
                self.left.pauses -= 1;
                self.hms[n].run = Run::Paused { missed: false };
            }
            Action::Resume { n, long } => self.resume(rules, n, long),
            Action::Links(links) => {
                self.left.links -= 1;
                self.links = links;
            }
            Action::Register => self.registered = true,
            Action::Unlucky { n, id, near } => {
                self.left.unlucky -= 1;
                self.found(n, id, near);
            }
            Action::Ping { a, b, swap } => self.ping(rules, a, b, swap),
            Action::Lose(n, m) => self.lose(n, m),
            Action::Found { n, id, near } => self.found(n, id, near),
            Action::Refuse(_, m) => {
                let both = rules.mutual_refusal && self.operating(m);
                self.refuse(rules, m);
                if let (true, Action::Refuse(n, _)) = (both, action) {
                    self.refuse(rules, n);
                }
            }
            Action::Retry(n) => self.hms[n].phase = Phase::Starting,
            Action::Wake(n) => {
                if let Phase::Waking(seat) = self.hms[n].phase {
                    self.hms[n].phase = Phase::Operating(seat);
                    self.hms[n].open = true;
                }
            }
            Action::Age => self.age(),
            Action::Exit(n) => self.hms[n] = Hms::DOWN,
        }
        self.tidy();
    }

    /// The oldest line that is not ten seconds old becomes so, with those that the clocks cannot tell from it.
    fn age(&mut self) {
        let count = self.count as usize;
        let Some(age) = self.lines[..count].iter().find(|line| !line.old).map(|line| line.age) else {
            return;
        };
        self.lines[..count].iter_mut().filter(|line| line.age == age).for_each(|line| line.old = true);
    }

    fn seats(&mut self, mut each: impl FnMut(&mut Seat)) {
        for hms in &mut self.hms {
            if let Phase::Operating(seat) | Phase::Waking(seat) = &mut hms.phase {
                each(seat);
            }
            for Heard { seat, third } in hms.heard.iter_mut().flatten() {
                seat.iter_mut().chain(third).for_each(&mut each);
            }
        }
    }

    /// Numbers anew what counts by its order only, and forgets the lines that nobody knows.
    fn tidy(&mut self) {
        let mut used = [[false; 16]; LINES];
        self.seats(|seat| used[seat.line as usize][seat.joined as usize] = true);
        let mut lines = [Line::default(); LINES];
        let mut count = 0;
        let mut place = [0; LINES];
        for l in 0..LINES {
            if used[l].contains(&true) {
                place[l] = count as u8;
                lines[count] = self.lines[l];
                count += 1;
            }
        }
        let rank = |all: &[Line], key: fn(&Line) -> u8, own: u8| {
            let lower: std::collections::BTreeSet<u8> = all.iter().map(key).filter(|k| *k < own).collect();
            lower.len() as u8
        };
        let old = lines;
        for line in &mut lines[..count] {
            line.id = rank(&old[..count], |l| l.id, line.id);
            line.age = rank(&old[..count], |l| l.age, line.age);
        }
        self.seats(|seat| {
            let before = &used[seat.line as usize][..seat.joined as usize];
            seat.joined = before.iter().filter(|u| **u).count() as u8;
            seat.line = place[seat.line as usize];
        });
        for hms in &mut self.hms {
            let moved = (0..LINES).filter(|l| hms.left & 1 << l != 0 && used[*l].contains(&true));
            hms.left = moved.map(|l| 1 << place[l]).sum();
        }
        (self.lines, self.count) = (lines, count as u8);
    }
}
