//! Whether the steps that the protocol takes by itself can go round in a circle: if not, then every order of them ends,
//! and what holds at rest is reached whatever the order.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use crate::check::{Told, tell};

/// Every state reached, by fingerprint, with the state before it and its calm steps.
struct Graph {
    prints: Vec<u64>,
    before: Vec<u32>,
    first_edge: Vec<u32>,
    edges: Vec<u32>,
}

pub fn fingerprint(state: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(state)
}

/// Prints a circle, if there is one.
pub fn find<M: Told>(model: &M) -> Option<String>
where
    M::State: Hash + Clone,
    M::Action: Clone,
{
    let graph = explore(model);
    let on = left_over(&graph);
    let start = on.iter().position(|left| *left)?;
    println!("  broken: the protocol goes round in a circle");
    print_round(model, &graph, &on, start);
    Some("the protocol goes round in a circle".to_owned())
}

fn explore<M: Told>(model: &M) -> Graph
where
    M::State: Hash + Clone,
    M::Action: Clone,
{
    let mut graph =
        Graph { prints: Vec::new(), before: Vec::new(), first_edge: Vec::new(), edges: Vec::new() };
    let mut index = HashMap::new();
    let mut queue = std::collections::VecDeque::new();
    let mut enter =
        |graph: &mut Graph, state: M::State, before: u32, queue: &mut std::collections::VecDeque<_>| {
            let print = fingerprint(&state);
            *index.entry(print).or_insert_with(|| {
                graph.prints.push(print);
                graph.before.push(before);
                queue.push_back(state);
                graph.prints.len() as u32 - 1
            })
        };
    for state in model.init_states() {
        enter(&mut graph, state, u32::MAX, &mut queue);
    }
    let mut actions = Vec::new();
    let mut own = 0;
    while let Some(state) = queue.pop_front() {
        graph.first_edge.push(graph.edges.len() as u32);
        model.actions(&state, &mut actions);
        for action in actions.drain(..) {
            let calm = M::is_calm(&action);
            if let Some(next) = model.next_state(&state, action) {
                let to = enter(&mut graph, next, own, &mut queue);
                graph.edges.extend(calm.then_some(to));
            }
        }
        own += 1;
    }
    graph.first_edge.push(graph.edges.len() as u32);
    graph
}

impl Graph {
    fn calm(&self, of: usize) -> &[u32] {
        &self.edges[self.first_edge[of] as usize..self.first_edge[of + 1] as usize]
    }
}

/// States from which calm steps may go on for ever.
fn left_over(graph: &Graph) -> Vec<bool> {
    let count = graph.prints.len();
    let mut into: Vec<(u32, u32)> =
        (0..count).flat_map(|from| graph.calm(from).iter().map(move |to| (*to, from as u32))).collect();
    into.sort_unstable();
    let mut out: Vec<u32> = (0..count).map(|of| graph.calm(of).len() as u32).collect();
    let mut ended: Vec<u32> = (0..count as u32).filter(|of| out[*of as usize] == 0).collect();
    let mut on = vec![true; count];
    while let Some(of) = ended.pop() {
        on[of as usize] = false;
        let at = into.partition_point(|(to, _)| *to < of);
        for (_, from) in into[at..].iter().take_while(|(to, _)| *to == of) {
            out[*from as usize] -= 1;
            if out[*from as usize] == 0 {
                ended.push(*from);
            }
        }
    }
    on
}

fn print_round<M: Told>(model: &M, graph: &Graph, on: &[bool], start: usize)
where
    M::State: Hash + Clone,
    M::Action: Clone,
{
    let mut way = vec![start as u32];
    while let Some(before) = way.last().map(|last| graph.before[*last as usize]).filter(|b| *b != u32::MAX) {
        way.push(before);
    }
    way.reverse();
    let lead = way.len();
    let mut met = HashMap::new();
    let mut at = start;
    while met.insert(at, way.len()).is_none() {
        let next =
            graph.calm(at).iter().find(|to| on[**to as usize]).expect("a state left over goes on to another");
        at = *next as usize;
        way.push(*next);
    }
    tell(model, &replay(model, graph, &way));
    println!("       … which is the state after step {}", met[&at].max(lead) - 1);
}

/// The states along `way`, made again.
fn replay<M: Told>(model: &M, graph: &Graph, way: &[u32]) -> Vec<(M::State, Option<M::Action>)>
where
    M::State: Hash + Clone,
    M::Action: Clone,
{
    let print = |place: u32| graph.prints[place as usize];
    let mut inits = model.init_states().into_iter();
    let mut state = inits.find(|s| fingerprint(s) == print(way[0])).expect("a way begins at a start");
    let mut path = Vec::new();
    for place in &way[1..] {
        let mut actions = Vec::new();
        model.actions(&state, &mut actions);
        let steps = actions.into_iter().filter_map(|a| Some((a.clone(), model.next_state(&state, a)?)));
        let step = steps.into_iter().find(|(_, next)| fingerprint(next) == print(*place));
        let (action, next) = step.expect("a way goes along steps");
        path.push((std::mem::replace(&mut state, next), Some(action)));
    }
    path.push((state, None));
    path
}
