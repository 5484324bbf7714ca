//! Who is primary: start, seniority, lines that meet, crash, stop, pause, partition, partial connectivity, refusal.
//!
//! Time is left out: what takes time in the protocol may here happen at any moment and in any order, except that a line
//! founded earlier is ten seconds old no later than one founded after it.

mod rules;
mod state;
mod step;
mod text;

use std::collections::{HashMap, VecDeque};

use stateright::{Model, Property};

use crate::check::Told;
pub use rules::Rules;
pub use state::{Budget, CHAIN, FULL};
use state::{Hms, LINES, Line, N, Phase, State};
use step::Action;

type Step = (State, Option<Action>);

pub struct Roles {
    pub rules: Rules,
    pub budget: Budget,
    /// With which links it may begin.
    pub links: &'static [u8],
}

impl Roles {
    fn calm(&self, state: &State) -> Vec<(Action, State)> {
        let mut actions = Vec::new();
        state.calm(&self.rules, &mut actions);
        actions.into_iter().filter_map(|action| Some((action, self.next_state(state, action)?))).collect()
    }

    /// Nothing more happens by itself: then all is well.
    fn rests_well(&self, state: &State) -> bool {
        let serves = |hms: &Hms| !hms.answers() || hms.phase == Phase::Refused || hms.open;
        !self.calm(state).is_empty() || (state.agreed(&self.rules) && state.hms.iter().all(serves))
    }

    /// Whatever happens at rest, as long as it leaves the primary where all reach it nobody names another on the way:
    /// otherwise that way.
    fn breach(&self, state: &State) -> Option<Vec<Step>> {
        if !self.calm(state).is_empty() {
            return None;
        }
        let mut world = Vec::new();
        state.world(&self.rules, &mut world);
        world.into_iter().find_map(|action| {
            let next = self.next_state(state, action)?;
            if !self.named_as_in(state, &next) || !next.agreed_so_far(&self.rules) {
                return None;
            }
            let mut way = self.way_to_another(next)?;
            way.insert(0, (*state, Some(action)));
            Some(way)
        })
    }

    /// The shortest way from `from` to a state in which somebody names another primary than at first.
    fn way_to_another(&self, from: State) -> Option<Vec<Step>> {
        let mut before = HashMap::from([(from, None)]);
        let mut open = VecDeque::from([from]);
        while let Some(at) = open.pop_front() {
            if !self.named_as_in(&from, &at) {
                let mut way = vec![(at, None)];
                let mut last = at;
                while let Some((state, action)) = before[&last] {
                    way.insert(0, (state, Some(action)));
                    last = state;
                }
                return Some(way);
            }
            for (action, next) in self.prompt(&at) {
                before.entry(next).or_insert_with(|| {
                    open.push_back(next);
                    Some((at, action))
                });
            }
        }
        None
    }

    /// What comes next if pings, which are sent every 2 s, get through before somebody is down after 10 s.
    fn prompt(&self, state: &State) -> Vec<(Action, State)> {
        let (pings, rest): (Vec<_>, Vec<_>) =
            self.calm(state).into_iter().partition(|(action, _)| matches!(action, Action::Ping { .. }));
        if pings.is_empty() { rest } else { pings }
    }

    /// Whoever named a primary names it still, but for those that stand still or are gone.
    fn named_as_in(&self, before: &State, after: &State) -> bool {
        let same = |n: usize| {
            let (old, new) = (before.primary(&self.rules, n), after.primary(&self.rules, n));
            old.is_none() || !after.hms[n].answers() || after.hms[n].seat().is_none() || old == new
        };
        (0..N).all(same)
    }

    fn one_serves(state: &State) -> bool {
        let none = state.hms.iter().all(|hms| !hms.open || !hms.answers());
        let refused = state.hms.iter().filter(|hms| hms.phase == Phase::Refused).count();
        !(none && refused > 1)
    }
}

impl Model for Roles {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let state = |links: &u8| State {
            hms: [Hms::DOWN; N],
            links: *links,
            lines: [Line::default(); LINES],
            count: 0,
            left: self.budget,
            registered: !self.rules.unregistered,
            misled: false,
        };
        self.links.iter().map(state).collect()
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
            Property::always(
                "at rest each part has one line, one primary, and all serve",
                |model: &Self, state| model.rests_well(state),
            ),
            Property::always(
                "nobody changes its verdict while its primary is within reach",
                |model: &Self, state| model.breach(state).is_none(),
            ),
            Property::always("who starts, wakes, stops or is refused answers no host", |_, state: &State| {
                state.hms.iter().all(|hms| matches!(hms.phase, Phase::Operating(_)) || !hms.open)
            }),
            Property::always(
                "nobody leaves a line older than ten seconds for a younger one",
                |_, state: &State| !state.misled,
            ),
            Property::always("refusals leave somebody who serves", |_, state| Self::one_serves(state)),
            Property::sometimes("three in one line", |model: &Self, state: &State| {
                state.hms.iter().all(|hms| hms.open) && state.agreed(&model.rules)
            }),
        ]
    }
}

impl Told for Roles {
    fn is_calm(action: &Action) -> bool {
        action.is_calm()
    }

    fn tell(&self, before: &State, action: &Action, after: &State) -> String {
        text::tell(&self.rules, before, *action, after)
    }

    fn goes_on(&self, last: &State) -> Vec<Step> {
        self.breach(last).unwrap_or_default()
    }
}
