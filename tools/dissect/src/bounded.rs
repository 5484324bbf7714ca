//! A map that forgets the oldest when it is full: whatever a capture holds, memory stays bounded.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use foldhash::fast::RandomState;

pub(crate) struct Bounded<K, V> {
    /// A capture cannot adapt to the seed: a fast hash is good enough.
    map: HashMap<K, V, RandomState>,
    order: VecDeque<K>,
    most: usize,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { map: HashMap::default(), order: VecDeque::new(), most }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.map.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        self.forget();
    }

    /// The value of a key, made if it is not there.
    pub(crate) fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        self.forget();
        match self.map.entry(key) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => {
                self.order.push_back(place.key().clone());
                place.insert(new())
            }
        }
    }

    /// Forgets the oldest if it is no longer of use.
    pub(crate) fn forget_oldest_if(&mut self, useless: impl FnOnce(&V) -> bool) -> Option<V> {
        let oldest = self.order.front()?;
        if !self.map.get(oldest).is_some_and(useless) {
            return None;
        }
        let value = self.map.remove(oldest);
        self.order.pop_front();
        value
    }

    /// The oldest that are too many.
    fn forget(&mut self) {
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.map.remove(&oldest);
        }
    }

    /// All, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.iter().filter_map(|key| self.map.get_key_value(key))
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
}
