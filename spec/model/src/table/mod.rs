//! The table: rows, home, merge, expiry, leave, fail-over, partition, termination.
//!
//! A tick is a check time. What takes less (a heartbeat with its round trips, an exchange, noticing that a peer is down)
//! happens in any order before the next tick; faults happen at any moment.

mod exchange;
mod hosts;
mod laws;
mod row;
mod state;
mod step;
mod text;

use stateright::{Model, Property};

use crate::check::Told;
pub use laws::laws;
use state::{BOUND, Hms, Host, KEPT, MACHINES, Machine, Mode, N, State, USERS, Wrong};
pub use state::{Budget, Rules};
use step::Action;

pub struct Table {
    pub rules: Rules,
    pub budget: Budget,
}

/// After so many quiet check times everything has to be well.
const SETTLED: u8 = KEPT + 2;
/// More steps than any way to rest takes.
const STEPS: usize = 400;

impl Table {
    fn is_at_tick(&self, state: &State) -> bool {
        let mut calm = Vec::new();
        state.calm(&self.rules, &mut calm);
        calm == [Action::Tick]
    }

    /// Goes on without faults; None if that does not come to rest.
    fn settle(&self, from: &State) -> Option<State> {
        let mut state = *from;
        let mut ticks = 0;
        let mut calm = Vec::new();
        for _ in 0..STEPS {
            calm.clear();
            state.calm(&self.rules, &mut calm);
            let action = *calm.first()?;
            if action == Action::Tick {
                ticks += 1;
                if ticks > SETTLED {
                    return Some(state);
                }
            }
            state.apply(&self.rules, action);
        }
        None
    }

    fn shown(state: &State, n: usize, user: usize) -> Option<row::Row> {
        state.hms[n].table[user].map(|copy| copy.row).filter(row::Row::shown)
    }

    fn equal_tables(&self, state: &State) -> bool {
        let pairs = self.rules.all().flat_map(|a| self.rules.all().map(move |b| (a, b)));
        let reached = pairs.filter(|(a, b)| a < b && state.reaches(*a, *b));
        reached
            .into_iter()
            .all(|(a, b)| (0..USERS).all(|u| Self::shown(state, a, u) == Self::shown(state, b, u)))
    }

    /// Whoever believes to be registered is shown where it beats, with what it last said.
    fn hosts_are_shown(&self, state: &State) -> bool {
        (0..MACHINES).all(|m| {
            let machine = &state.machines[m];
            let n = machine.hms as usize;
            let beats = machine.host == Host::Live && machine.hears & 1 << n != 0 && state.up(n);
            let row = Self::shown(state, n, self.rules.user(m));
            !beats
                || row.is_some_and(|row| Some(row.order) == machine.session && row.content == machine.content)
        })
    }

    /// What is shown is what a living host has.
    fn only_living(&self, state: &State) -> bool {
        self.rules.all().filter(|n| state.up(*n)).all(|n| {
            (0..USERS).all(|u| {
                let Some(row) = Self::shown(state, n, u) else { return true };
                let machine = &state.machines[row.machine as usize];
                machine.host == Host::Live && machine.session == Some(row.order)
            })
        })
    }

    fn settles(&self, state: &State, well: impl Fn(&State) -> bool) -> bool {
        !self.is_at_tick(state) || self.settle(state).is_some_and(|end| well(&end))
    }

    fn nothing_returns(&self, state: &State) -> bool {
        (0..MACHINES).all(|m| {
            let machine = &state.machines[m];
            let back = |n: &usize| {
                Self::shown(state, *n, self.rules.user(m))
                    .is_some_and(|row| Some(row.order) == machine.session)
            };
            machine.host != Host::Left
                || !self.rules.all().filter(|n| machine.told & 1 << n != 0).any(|n| back(&n))
        })
    }

    /// At a tick, so when what takes milliseconds is done. A later session of another machine takes its place.
    fn vouched_are_shown(&self, state: &State) -> bool {
        if !self.is_at_tick(state) {
            return true;
        }
        (0..MACHINES).all(|m| {
            let Some(home) = state.home_of(&self.rules, m) else { return true };
            let session = state.machines[m].session;
            let there = |n: usize| {
                let row = Self::shown(state, n, self.rules.user(m));
                row.is_some_and(|row| {
                    Some(row.order) == session || (row.machine as usize != m && Some(row.order) > session)
                })
            };
            self.rules.all().all(|n| !state.reaches(n, home) || there(n))
        })
    }

    fn silent_are_gone(&self, state: &State) -> bool {
        (0..MACHINES).all(|m| {
            let machine = &state.machines[m];
            let there = |n: usize| {
                Self::shown(state, n, self.rules.user(m))
                    .is_some_and(|row| Some(row.order) == machine.session)
            };
            machine.quiet < BOUND || !self.rules.all().any(there)
        })
    }

    /// Where nothing failed but that HMSs stopped as they should, no host has to register again.
    fn sessions_survive(&self, state: &State) -> bool {
        let left = |b: &Budget| (b.crashes, b.links, b.moves, b.unheard, b.joins, b.reboots);
        if !self.is_at_tick(state)
            || left(&state.left)
                != (
                    self.budget.crashes,
                    self.budget.links,
                    self.budget.moves,
                    self.budget.unheard,
                    0,
                    self.budget.reboots,
                )
        {
            return true;
        }
        let one_up = self.rules.all().any(|n| state.hms[n].mode == Mode::Runs);
        let Some(end) = self.settle(state) else { return false };
        !one_up
            || (0..MACHINES).all(|m| {
                let (before, after) = (&state.machines[m], &end.machines[m]);
                before.session.is_none()
                    || before.host != Host::Live
                    || after.host == Host::Ended
                    || after.session == before.session
            })
    }
}

impl Model for Table {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut hms = [Hms::FIRST; N];
        hms.iter_mut().skip(self.rules.count as usize).for_each(|hms| hms.mode = Mode::Down);
        let links = if self.rules.count == 2 { 0b001 } else { 0b111 };
        let machines = [Machine::OFF; MACHINES];
        vec![State {
            hms,
            machines,
            links,
            flight: None,
            clock: 0,
            sessions: 0,
            left: self.budget,
            wrong: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.world(&self.rules, actions);
        state.calm(&self.rules, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = *last;
        state.apply(&self.rules, action);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a stop loses nothing", |_, state: &State| state.wrong != Some(Wrong::Handover)),
            Property::always("no home is talked out of a host that it hears", |_, state: &State| {
                state.wrong != Some(Wrong::Removed)
            }),
            Property::always(
                "a host that its home hears is shown wherever that home is reached",
                |model: &Self, state| model.vouched_are_shown(state),
            ),
            Property::always("nobody who left is shown again where that is known", |model: &Self, state| {
                model.nothing_returns(state)
            }),
            Property::always("a silent host is gone everywhere within the bound", |model: &Self, state| {
                model.silent_are_gone(state)
            }),
            Property::always("when faults stop all tables become equal", |model: &Self, state| {
                model.settles(state, |end| model.equal_tables(end))
            }),
            Property::always(
                "when faults stop every host that beats is shown as it is, and only such",
                |model: &Self, state| {
                    model.settles(state, |end| model.hosts_are_shown(end) && model.only_living(end))
                },
            ),
            Property::always("a stop alone makes no host register again", |model: &Self, state| {
                model.sessions_survive(state)
            }),
        ]
    }
}

impl Told for Table {
    fn is_calm(action: &Action) -> bool {
        action.is_calm()
    }

    fn tell(&self, before: &State, action: &Action, after: &State) -> String {
        text::tell(&self.rules, before, *action, after)
    }

    fn goes_on(&self, last: &State) -> Vec<(State, Option<Action>)> {
        if !self.is_at_tick(last) {
            return Vec::new();
        }
        let mut way = Vec::new();
        let mut state = *last;
        let mut ticks = 0;
        while ticks <= SETTLED && way.len() < STEPS {
            let mut calm = Vec::new();
            state.calm(&self.rules, &mut calm);
            let Some(action) = calm.first().copied() else { break };
            ticks += u8::from(action == Action::Tick);
            way.push((state, Some(action)));
            state.apply(&self.rules, action);
        }
        way.push((state, None));
        way
    }
}
