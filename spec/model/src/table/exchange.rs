//! What HMSs tell each other, what they take, and what they drop by themselves.

use super::row::{Row, Status};
use super::state::{Copy, EXPIRY, Flight, Host, KEPT, MACHINES, Mode, Rules, State, USERS, Wrong};

impl State {
    /// Whether `to` takes what `from` tells it.
    fn takes(&self, rules: &Rules, from: usize, to: usize, copy: &Copy) -> bool {
        let row = &copy.row;
        if !row.shown() {
            return true;
        }
        if self.is_home(to, row) {
            return false;
        }
        if self.is_home(from, row) {
            return true;
        }
        let home = row.place.home as usize;
        let vouches = self.is_home(home, row) && self.linked(to, home);
        !vouches && (rules.over_age || copy.age < EXPIRY)
    }

    /// `to` hears `copy`.
    pub fn hear(&mut self, rules: &Rules, from: usize, to: usize, user: usize, copy: Copy) {
        if !self.takes(rules, from, to, &copy) {
            return;
        }
        let mut row = copy.row;
        row.left |= self.hms[to].left_unknown[user] == Some(row.order);
        let before = self.hms[to].table[user];
        let before = before.map(|old| self.stamped_again(rules, to, old, &row));
        let merged = before.map_or(row, |old| old.row.merge(row, rules.merge));
        let age = match before {
            Some(old) if old.row == merged && old.row != row => old.age,
            Some(old) if old.row == merged => old.age.min(copy.age),
            _ if rules.over_age && copy.age >= EXPIRY => 0,
            _ if merged.shown() => copy.age,
            // Something is gone: known from now on here.
            _ => copy.age.min(KEPT - 1),
        };
        let top = before.filter(|old| old.row == merged).map_or(0, |old| old.top);
        self.hms[to].table[user] = Some(Copy { row: merged, age, top });
        if rules.forget_leave && merged.left {
            self.hms[to].table[user] = None;
        }
        self.note_removed(rules, to, user, before);
        self.note_left(rules, to, user);
    }

    /// A home that has heard the host since it was at the place of `new` says so, by a place with that later sequence.
    fn stamped_again(&self, rules: &Rules, n: usize, mut old: Copy, new: &Row) -> Copy {
        let conflict = old.row.order == new.order && old.row.place < new.place && old.row.shown();
        if !rules.yields && conflict && self.is_home(n, &old.row) && old.top > new.place.sequence {
            old.row.place.sequence = old.top;
        }
        old
    }

    /// A home that hears the host must not be talked out of it.
    fn note_removed(&mut self, rules: &Rules, n: usize, user: usize, before: Option<Copy>) {
        let Some(old) = before.filter(|old| self.is_home(n, &old.row) && old.row.shown() && old.age < EXPIRY)
        else {
            return;
        };
        let mut machines = (0..MACHINES).filter(|m| rules.user(*m) == user).map(|m| self.machines[m]);
        let lives = machines.any(|m| m.host == Host::Live && m.session == Some(old.row.order));
        let gone =
            self.hms[n].table[user].is_none_or(|new| new.row.order == old.row.order && !new.row.shown());
        if lives && gone {
            self.wrong = Some(Wrong::Removed);
        }
    }

    fn note_left(&mut self, rules: &Rules, n: usize, user: usize) {
        let Some(Copy { row, .. }) = self.hms[n].table[user] else { return };
        for m in (0..MACHINES).filter(|m| rules.user(*m) == user) {
            if row.left && self.machines[m].session == Some(row.order) {
                self.machines[m].told |= 1 << n;
            }
        }
    }

    /// A delta of `from` about `user`, if it changes anything at `to`.
    pub fn exchange(&self, rules: &Rules, from: usize, to: usize, user: usize) -> Option<Self> {
        let copy = self.offers(rules, from, to, user)?;
        let mut next = *self;
        next.hear(rules, from, to, user, copy);
        let same = (0..USERS).all(|u| {
            let row = |state: &Self| state.hms[to].table[u].map(|copy| copy.row);
            row(&next) == row(self)
        });
        (!same).then_some(next)
    }

    pub fn offers(&self, rules: &Rules, from: usize, to: usize, user: usize) -> Option<Copy> {
        let talk = self.linked(from, to) && matches!(self.hms[from].mode, Mode::Runs | Mode::Synchronising);
        let copy = self.hms[from].table[user].filter(|_| talk && self.hms[to].mode != Mode::Done)?;
        self.takes(rules, from, to, &copy).then_some(copy)
    }

    /// The row of `user` at `n` is over: the home says so, another only drops it.
    pub fn expire(&mut self, n: usize, user: usize) {
        let Some(mut copy) = self.hms[n].table[user] else { return };
        if !copy.row.shown() {
            self.hms[n].table[user] = None;
            return;
        }
        let home = self.is_home(n, &copy.row);
        copy.row.place.status = Status::Expired;
        copy.age = 0;
        self.hms[n].table[user] = home.then_some(copy);
    }

    pub fn over(&self, rules: &Rules, n: usize, user: usize) -> bool {
        self.hms[n].table[user].is_some_and(|copy| {
            let forgets = rules.forget_leave && copy.row.left;
            copy.age >= if copy.row.shown() { EXPIRY } else { KEPT } || forgets
        })
    }

    /// All that a stopping HMS has goes to `to`, which confirms it.
    pub fn hand_over(&mut self, rules: &Rules, from: usize, to: usize) {
        for user in 0..USERS {
            let Some(copy) = self.hms[from].table[user] else { continue };
            if !rules.stop_at_once {
                self.hear(rules, from, to, user, copy);
            }
            let known =
                self.hms[to].table[user].map(|there| there.row.merge(copy.row, rules.merge) == there.row);
            let over_age = copy.age >= EXPIRY || (copy.row.shown() && !self.is_home(from, &copy.row));
            if known != Some(true) && !over_age && !rules.forget_leave {
                self.wrong = Some(Wrong::Handover);
            }
        }
        self.hms[from].mode = Mode::Done;
        for machine in self.machines.iter_mut().filter(|machine| machine.hms as usize == from) {
            machine.hms = to as u8;
        }
    }

    /// A check time goes by.
    pub fn tick(&mut self, rules: &Rules) {
        let before = *self;
        for n in rules.all() {
            for (user, copy) in self.hms[n].table.iter_mut().enumerate() {
                let Some(copy) = copy else { continue };
                let shown = copy.row.shown() && !before.is_home(n, &copy.row);
                let vouched = shown && before.vouched(rules, n, user, &copy.row);
                let most = if copy.row.shown() { EXPIRY } else { KEPT };
                copy.age = if vouched { 0 } else { (copy.age + 1).min(most) };
            }
        }
        for machine in &mut self.machines {
            machine.beaten = false;
            if matches!(machine.host, Host::Dead | Host::Left) {
                machine.quiet = (machine.quiet + 1).min(super::state::BOUND);
            }
        }
    }

    pub fn arrive(&mut self, rules: &Rules) {
        if let Some(Flight { from, to, user, copy }) = self.flight.take()
            && self.linked(from as usize, to as usize)
        {
            self.hear(rules, from as usize, to as usize, user as usize, copy);
        }
    }
}
