//! What a host does, and what an HMS answers: heartbeat, registration, leave.

use super::row::{Order, Place, Row, Status};
use super::state::{Copy, Host, Mode, Rules, State};

/// Steps of the stamp clock; a host that comes back takes single ones.
const CLOCK: u8 = 8;

/// What the host is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Accepted,
    Registered(Order),
    /// Superseded by a later session, or the user is taken.
    End,
    /// RETRY, while synchronising.
    Later,
}

impl State {
    /// The HMS that the host turns to: its own if it answers, else the next of the list.
    fn target(&self, rules: &Rules, m: usize) -> Option<usize> {
        let machine = &self.machines[m];
        let count = rules.count as usize;
        let serves = |n: &usize| {
            machine.hears & 1 << n != 0 && matches!(self.hms[*n].mode, Mode::Runs | Mode::Synchronising)
        };
        (0..count).map(|step| (machine.hms as usize + step) % count).find(serves)
    }

    /// One heartbeat (or registration) with all its round trips; `heard`: whether the host gets the answer.
    pub fn beat(&mut self, rules: &Rules, m: usize, heard: bool) {
        self.machines[m].beaten = true;
        let Some(n) = self.target(rules, m) else { return };
        let answer = match self.machines[m].session {
            Some(session) => self.heartbeat(rules, m, n, session),
            None => self.register(rules, m, n),
        };
        if !heard {
            return;
        }
        let machine = &mut self.machines[m];
        machine.hms = n as u8;
        match answer {
            Answer::Accepted | Answer::Later => {}
            Answer::Registered(order) => {
                machine.session = Some(order);
                machine.last_stamp = order.stamp;
                (machine.sequence, machine.accepted_by) = (0, n as u8);
                machine.host = Host::Live;
            }
            Answer::End => {
                machine.host = Host::Ended;
                machine.session = None;
            }
        }
    }

    fn heartbeat(&mut self, rules: &Rules, m: usize, n: usize, session: Order) -> Answer {
        let user = rules.user(m);
        let Some(Copy { row, .. }) = self.hms[n].table[user] else { return self.again(rules, m, n) };
        if row.order == session && row.shown() {
            self.confirm(m, n, user);
            return Answer::Accepted;
        }
        let known = row.order != session && (self.live(rules, n, user, &row) || row.left);
        if known && row.order.stamp > self.machines[m].last_stamp {
            return Answer::End;
        }
        if known { self.register(rules, m, n) } else { self.again(rules, m, n) }
    }

    /// REREGISTER, or RETRY while the copy is not complete.
    fn again(&mut self, rules: &Rules, m: usize, n: usize) -> Answer {
        if self.hms[n].mode == Mode::Synchronising { Answer::Later } else { self.register(rules, m, n) }
    }

    /// The heartbeat is believed, after a challenge where this is not the home: then the home moves here.
    fn confirm(&mut self, m: usize, n: usize, user: usize) {
        let incarnation = self.hms[n].incarnation;
        let machine = &mut self.machines[m];
        let copy = self.hms[n].table[user].as_mut().expect("only a known row is confirmed");
        let place = &mut copy.row.place;
        if machine.accepted_by as usize != n {
            (machine.accepted_by, machine.sequence) = (n as u8, machine.sequence + 1);
        }
        copy.top = machine.sequence;
        if (place.home, place.incarnation) != (n as u8, incarnation) {
            *place = Place { sequence: machine.sequence, status: Status::Up, home: n as u8, incarnation };
        }
        copy.row.content = copy.row.content.max(machine.content);
        copy.age = 0;
    }

    fn register(&mut self, rules: &Rules, m: usize, n: usize) -> Answer {
        let user = rules.user(m);
        let machine = self.machines[m];
        let takeover = machine.host == Host::Joining;
        let known = self.hms[n].table[user].map(|copy| copy.row);
        let other = known.is_some_and(|row| row.shown() && row.machine as usize != m);
        let stamp = known.map_or(0, |row| row.order.stamp);
        if other && !takeover && machine.last_stamp < stamp {
            return Answer::End;
        }
        // The clock goes in big steps: whoever only comes back counts on from what it had, and stays below a takeover.
        let least = if takeover || machine.last_stamp == 0 { (self.clock / CLOCK + 1) * CLOCK } else { 0 };
        let stamp = least.max(stamp + 1).max(machine.last_stamp + 1);
        self.clock = self.clock.max(stamp);
        self.sessions += 1;
        // Session ids come in no order.
        let order = Order { generation: 0, stamp, server: n as u8, session: self.sessions ^ 1 };
        let incarnation = self.hms[n].incarnation;
        let place = Place { sequence: 0, status: Status::Up, home: n as u8, incarnation };
        let row = Row { order, machine: m as u8, content: machine.content, place, left: false };
        self.hms[n].table[user] = Some(Copy { row, age: 0, top: 0 });
        Answer::Registered(order)
    }

    pub fn leave(&mut self, rules: &Rules, m: usize) {
        let user = rules.user(m);
        self.machines[m].host = Host::Left;
        let (Some(n), Some(session)) = (self.target(rules, m), self.machines[m].session) else { return };
        self.machines[m].told |= 1 << n;
        match &mut self.hms[n].table[user] {
            Some(copy) if copy.row.order == session => {
                copy.row.left = true;
                copy.age = 0;
            }
            _ if rules.forget_unknown_leave => {}
            _ => self.hms[n].left_unknown[user] = Some(session),
        }
    }
}
