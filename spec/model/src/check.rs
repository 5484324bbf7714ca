//! Runs a model: its properties, and whether the protocol by itself can go round in a circle.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

use crate::cycles;

/// A model whose steps can be told in words.
pub trait Told: Model {
    /// Done by the protocol itself, not by the world.
    fn is_calm(action: &Self::Action) -> bool;
    fn tell(&self, before: &Self::State, action: &Self::Action, after: &Self::State) -> String;
    /// Where a property looks ahead: the way on from the last state, to what is wrong.
    fn goes_on(&self, _last: &Self::State) -> Vec<(Self::State, Option<Self::Action>)> {
        Vec::new()
    }
}

/// Longest run of one check.
const LIMIT: Duration = Duration::from_secs(230);

pub const UNFINISHED: &str = "not finished within the time limit";

/// Checks a model wholly and prints what was found: the property that broke, or `None`.
pub fn check<M>(name: &str, make: impl Fn() -> M, circles: bool) -> Option<String>
where
    M: Told + Send + Sync + 'static,
    M::State: Hash + Debug + Send + Sync + Clone + PartialEq,
    M::Action: Debug + Send + Sync + Clone + PartialEq,
{
    let start = Instant::now();
    let checker = make()
        .checker()
        .threads(1)
        .timeout(LIMIT)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let mut found = failure(&checker);
    let whole = checker.is_done() && start.elapsed() < LIMIT;
    let states = checker.unique_state_count();
    println!(
        "{name}: {states} states, depth {}, {:.1} s",
        checker.max_depth(),
        start.elapsed().as_secs_f64()
    );
    if let Some((property, path)) = &found {
        println!("  broken: {property}");
        tell(checker.model(), path);
        if let Some((last, _)) = path.last() {
            tell(checker.model(), &checker.model().goes_on(last));
        }
    }
    if !whole && found.is_none() {
        println!("  {UNFINISHED}");
        return Some(UNFINISHED.to_owned());
    }
    let found = found.take().map(|(property, _)| property.to_owned());
    drop(checker);
    if found.is_some() || !circles {
        return found;
    }
    let round = cycles::find(&make());
    println!(
        "  circles without a fault: {}; {:.1} s in all",
        u8::from(round.is_some()),
        start.elapsed().as_secs_f64()
    );
    round
}

type Broken<M> = (&'static str, Vec<(<M as Model>::State, Option<<M as Model>::Action>)>);

/// The first property that does not hold: broken, or an example that was never met.
fn failure<M>(checker: &impl Checker<M>) -> Option<Broken<M>>
where
    M: Told,
    M::State: Hash + Debug + Clone + PartialEq,
    M::Action: Debug + Clone + PartialEq,
{
    let mut seen = checker.discoveries();
    let mut missing = None;
    for property in checker.model().properties() {
        match (&property.expectation, seen.remove(property.name).map(Path::into_vec)) {
            (Expectation::Sometimes, None) => missing = Some((property.name, Vec::new())),
            (Expectation::Sometimes, _) | (_, None) => {}
            (_, Some(mut path)) => {
                // The search may end on a state behind the first that is wrong.
                let holds = |state: &M::State| (property.condition)(checker.model(), state);
                let first = path.iter().position(|(state, _)| !holds(state)).unwrap_or(path.len() - 1);
                path.truncate(first + 1);
                return Some((property.name, path));
            }
        }
    }
    missing
}

pub fn tell<M: Told>(model: &M, path: &[(M::State, Option<M::Action>)]) {
    for (step, pair) in path.windows(2).enumerate() {
        if let Some(action) = &pair[0].1 {
            println!("  {:3}. {}", step + 1, model.tell(&pair[0].0, action, &pair[1].0));
        }
    }
}
