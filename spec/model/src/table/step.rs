//! What may happen, and what it does.

use super::state::{Copy, Flight, Hms, Host, MACHINES, Machine, Mode, N, Rules, State, USERS};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    // The world.
    /// `hms join` at a machine: takeover.
    Join(usize),
    Leave(usize),
    Die(usize),
    /// The agent starts again and registers without takeover.
    Reboot(usize),
    /// Which HMSs a host can reach.
    Hears(usize, u8),
    Content(usize),
    /// A heartbeat or registration whose answer is lost.
    Unheard(usize),
    /// A delta goes out and takes its time.
    Delay {
        from: usize,
        to: usize,
        user: usize,
    },
    Crash(usize),
    Restart(usize),
    Stop(usize),
    Links(u8),
    // The protocol.
    Beat(usize),
    Exchange {
        from: usize,
        to: usize,
        user: usize,
    },
    Arrive,
    /// A row is over, or a GONE is forgotten.
    Expire(usize, usize),
    Synced(usize),
    HandOver(usize, usize),
    Exit(usize),
    /// A check time goes by; only when all that takes less has happened.
    Tick,
}

impl Action {
    pub fn is_calm(self) -> bool {
        use Action::{Arrive, Beat, Exchange, Exit, Expire, HandOver, Synced, Tick};
        matches!(
            self,
            Beat(_) | Exchange { .. } | Arrive | Expire(..) | Synced(_) | HandOver(..) | Exit(_) | Tick
        )
    }
}

impl Hms {
    pub const FIRST: Self =
        Self { mode: Mode::Runs, incarnation: 0, table: [None; USERS], left_unknown: [None; USERS] };
}

impl Machine {
    pub const OFF: Self = Self {
        host: Host::Off,
        session: None,
        sequence: 0,
        accepted_by: 0,
        content: 0,
        last_stamp: 0,
        hms: 0,
        beaten: false,
        hears: 0b111,
        quiet: 0,
        told: 0,
    };
}

impl State {
    pub fn world(&self, rules: &Rules, actions: &mut Vec<Action>) {
        for m in 0..MACHINES {
            self.host_world(rules, m, actions);
        }
        let left = &self.left;
        for n in rules.all() {
            match self.hms[n].mode {
                Mode::Down => actions.push(Action::Restart(n)),
                Mode::Runs if left.stops > 0 => actions.push(Action::Stop(n)),
                _ => {}
            }
            if self.up(n) && left.crashes > 0 {
                actions.push(Action::Crash(n));
            }
            for (to, user) in rules.all().flat_map(|to| (0..USERS).map(move |user| (to, user))) {
                let free = left.delays > 0 && self.flight.is_none();
                if free && self.exchange(rules, n, to, user).is_some() {
                    actions.push(Action::Delay { from: n, to, user });
                }
            }
        }
        let all = if rules.count == 2 { 0b001 } else { 0b111 };
        if left.links > 0 {
            actions.extend((0..=all).filter(|links| *links != self.links).map(Action::Links));
        }
    }

    fn host_world(&self, rules: &Rules, m: usize, actions: &mut Vec<Action>) {
        let (left, machine) = (&self.left, &self.machines[m]);
        let live = machine.host == Host::Live;
        let active = live || machine.host == Host::Joining;
        let mut may = |allowed: bool, action| actions.extend(allowed.then_some(action));
        may(left.joins > 0 && !active && machine.host != Host::Dead, Action::Join(m));
        may(left.leaves > 0 && live && machine.session.is_some(), Action::Leave(m));
        may(left.deaths > 0 && live, Action::Die(m));
        may(left.reboots > 0 && live, Action::Reboot(m));
        may(left.contents > 0 && live, Action::Content(m));
        may(left.unheard > 0 && active && !machine.beaten, Action::Unheard(m));
        if left.moves > 0 && active {
            let masks = 0..1 << rules.count;
            masks.filter(|mask| *mask != machine.hears).for_each(|mask| may(true, Action::Hears(m, mask)));
        }
    }

    pub fn calm(&self, rules: &Rules, actions: &mut Vec<Action>) {
        let first = actions.len();
        for m in 0..MACHINES {
            let machine = &self.machines[m];
            let active = matches!(machine.host, Host::Live | Host::Joining);
            actions.extend((active && !machine.beaten).then_some(Action::Beat(m)));
        }
        actions.extend(self.flight.map(|_| Action::Arrive));
        for n in rules.all() {
            for user in 0..USERS {
                let news = |from: usize| self.exchange(rules, from, n, user).is_some();
                let quiet =
                    || self.flight.is_none_or(|flight| flight.to as usize != n) && !rules.all().any(news);
                actions.extend((self.over(rules, n, user) && quiet()).then_some(Action::Expire(n, user)));
                let heard = |to: &usize| self.exchange(rules, n, *to, user).is_some();
                actions.extend(rules.all().filter(heard).map(|to| Action::Exchange { from: n, to, user }));
            }
            match self.hms[n].mode {
                Mode::Synchronising if self.has_copied(rules, n) => actions.push(Action::Synced(n)),
                Mode::Stopping => {
                    let runs = |to: &usize| self.linked(n, *to) && self.hms[*to].mode == Mode::Runs;
                    let to = rules.all().find(runs);
                    actions.push(to.map_or(Action::Exit(n), |to| Action::HandOver(n, to)));
                }
                Mode::Done => actions.push(Action::Exit(n)),
                _ => {}
            }
        }
        if actions.len() == first {
            actions.push(Action::Tick);
        }
    }

    fn has_copied(&self, rules: &Rules, n: usize) -> bool {
        !rules.all().any(|from| (0..USERS).any(|user| self.exchange(rules, from, n, user).is_some()))
    }

    pub fn apply(&mut self, rules: &Rules, action: Action) {
        match action {
            Action::Join(m) => {
                self.left.joins -= 1;
                let Machine { last_stamp, hms, hears, .. } = self.machines[m];
                self.machines[m] = Machine { host: Host::Joining, last_stamp, hms, hears, ..Machine::OFF };
            }
            Action::Leave(m) => {
                self.left.leaves -= 1;
                self.leave(rules, m);
            }
            Action::Die(m) => {
                self.left.deaths -= 1;
                self.machines[m].host = Host::Dead;
            }
            Action::Reboot(m) => {
                self.left.reboots -= 1;
                let machine = &mut self.machines[m];
                (machine.session, machine.sequence, machine.beaten) = (None, 0, false);
            }
            Action::Hears(m, mask) => {
                self.left.moves -= 1;
                self.machines[m].hears = mask;
            }
            Action::Content(m) => {
                self.left.contents -= 1;
                self.machines[m].content += 1;
            }
            Action::Unheard(m) => {
                self.left.unheard -= 1;
                self.beat(rules, m, false);
                self.machines[m].beaten = false;
                self.machines[m].hms = (self.machines[m].hms + 1) % rules.count;
            }
            Action::Delay { from, to, user } => {
                self.left.delays -= 1;
                let flight = |copy: Copy| Flight { from: from as u8, to: to as u8, user: user as u8, copy };
                self.flight = self.offers(rules, from, to, user).map(flight);
            }
            Action::Crash(n) => {
                self.left.crashes -= 1;
                self.go_down(n);
            }
            Action::Restart(n) => {
                let incarnation = self.hms[n].incarnation + 1;
                self.hms[n] = Hms { incarnation, mode: Mode::Synchronising, ..Hms::FIRST };
            }
            Action::Stop(n) => {
                self.left.stops -= 1;
                self.hms[n].mode = Mode::Stopping;
            }
            Action::Links(links) => {
                self.left.links -= 1;
                self.links = links;
            }
            Action::Beat(m) => self.beat(rules, m, true),
            Action::Exchange { from, to, user } => {
                *self = self.exchange(rules, from, to, user).expect("only what changes something is told");
            }
            Action::Arrive => self.arrive(rules),
            Action::Expire(n, user) => self.expire(n, user),
            Action::Synced(n) => self.hms[n].mode = Mode::Runs,
            Action::HandOver(from, to) => self.hand_over(rules, from, to),
            Action::Exit(n) => self.go_down(n),
            Action::Tick => self.tick(rules),
        }
        self.tidy();
    }

    fn go_down(&mut self, n: usize) {
        self.hms[n] = Hms { incarnation: self.hms[n].incarnation, mode: Mode::Down, ..Hms::FIRST };
        self.machines.iter_mut().for_each(|machine| machine.told &= !(1 << n));
        if self.flight.is_some_and(|flight| flight.from as usize == n || flight.to as usize == n) {
            self.flight = None;
        }
    }

    /// What a host that is not there would have said or heard is no part of the state.
    fn tidy(&mut self) {
        for machine in &mut self.machines {
            if !matches!(machine.host, Host::Live | Host::Joining) {
                machine.beaten = false;
                (machine.sequence, machine.accepted_by) = (0, 0);
                machine.content = 0;
            }
        }
        debug_assert!(self.hms.len() == N, "one entry for each HMS");
    }
}
