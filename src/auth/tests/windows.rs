//! The replay window against a model that remembers everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::auth::Window;

/// R-AUT-21 word by word.
#[derive(Clone)]
struct Model {
    highest: u64,
    seen: BTreeSet<u64>,
}

impl Model {
    fn new() -> Self {
        Self { highest: 0, seen: BTreeSet::from([0]) }
    }

    fn accept(&mut self, sequence: u64) -> bool {
        let within = sequence <= self.highest && self.highest - sequence < 64;
        let fresh = sequence > self.highest || (within && !self.seen.contains(&sequence));
        if fresh {
            self.highest = self.highest.max(sequence);
            self.seen.insert(sequence);
        }
        fresh
    }
}

fn both(window: &mut Window, model: &mut Model, sequence: u64) {
    let fresh = model.accept(sequence);
    assert_eq!(window.would_accept(sequence), fresh, "{sequence} in {window:?}");
    assert_eq!(window.accept(sequence), fresh, "{sequence} in {window:?}");
    assert!(!window.accept(sequence), "{sequence} twice");
    assert_eq!(window.highest(), model.highest);
}

/// Every course of four sequences out of those where something can go wrong.
#[test]
fn no_course_of_sequences_differs_from_the_model() {
    shows!("R-AUT-07", "R-AUT-21");
    const EDGES: [u64; 15] = [0, 1, 2, 3, 62, 63, 64, 65, 66, 127, 128, 129, 1 << 63, u64::MAX - 1, u64::MAX];
    fn walk(depth: u32, window: Window, model: &Model) {
        if depth == 0 {
            return;
        }
        for sequence in EDGES {
            let (mut window, mut model) = (window, model.clone());
            both(&mut window, &mut model, sequence);
            walk(depth - 1, window, &model);
        }
    }
    walk(4, Window::new(), &Model::new());
}

/// From every pair (highest, one that was seen) the whole window is probed.
#[test]
fn the_whole_window_is_probed() {
    shows!("R-AUT-21");
    for highest in 1..=200u64 {
        for other in 1..highest {
            let (mut window, mut model) = (Window::new(), Model::new());
            for sequence in [other, highest] {
                both(&mut window, &mut model, sequence);
            }
            for sequence in 0..=highest + 1 {
                assert_eq!(
                    window.would_accept(sequence),
                    model.clone().accept(sequence),
                    "{sequence} after {other} and {highest}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn long_courses_do_not_differ(steps in proptest::collection::vec((-70i64..=140, any::<bool>()), 1..300)) {
        let (mut window, mut model) = (Window::new(), Model::new());
        for (step, near) in steps {
            let step = if near { step % 4 } else { step };
            let sequence = model.highest.saturating_add_signed(step);
            both(&mut window, &mut model, sequence);
        }
    }
}

/// Case 9 of table 4.4: what came before the adopted sequence is unknown, so none of it is taken.
#[test]
fn a_window_that_starts_takes_only_what_follows() {
    for start in [0, 1, 63, 64, 1000, u64::MAX] {
        let window = Window::start_at(start);
        assert_eq!(window.highest(), start);
        for age in 0..=130 {
            assert!(!window.would_accept(start.saturating_sub(age)), "{age} before {start}");
        }
        if let Some(next) = start.checked_add(1) {
            let mut window = window;
            assert!(window.accept(next));
            assert!(!window.accept(start));
        }
    }
    let mut window = Window::start_at(100);
    assert!(window.accept(102));
    assert!(window.accept(101), "reordered behind the start");
    assert!(!window.accept(100));
}

#[test]
fn a_window_is_two_words() {
    assert_eq!(size_of::<Window>(), 16);
    let mut window = Window::start_at(5);
    window.accept(7);
    assert_eq!(Window::from_parts(window.into_parts()), window);
    assert_eq!(Window::default(), Window::new());
}
