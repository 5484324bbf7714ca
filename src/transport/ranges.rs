//! Sets of numbers as ranges: offsets of a stream, packet numbers.

use std::collections::BTreeMap;

/// Disjoint half-open ranges that do not touch each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// Start → end.
    map: BTreeMap<u64, u64>,
}

impl Ranges {
    pub(super) const fn new() -> Self {
        Self { map: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Adds `start..end`.
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        if let Some((&s, &e)) = self.map.range(..=start).next_back()
            && e >= start
        {
            (start, end) = (s, end.max(e));
        }
        while let Some((&s, &e)) = self.map.range(start..=end).next() {
            end = end.max(e);
            self.map.remove(&s);
        }
        self.map.insert(start, end);
    }

    /// Takes `start..end` away.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        if let Some((&s, &e)) = self.map.range(..start).next_back()
            && e > start
        {
            self.map.insert(s, start);
            if e > end {
                self.map.insert(end, e);
            }
        }
        while let Some((&s, &e)) = self.map.range(start..end).next() {
            self.map.remove(&s);
            if e > end {
                self.map.insert(end, e);
            }
        }
    }

    pub(super) fn contains(&self, value: u64) -> bool {
        self.map.range(..=value).next_back().is_some_and(|(_, &end)| end > value)
    }

    /// Whether inserting `start..end` would make one more range.
    pub(super) fn adds_one(&self, start: u64, end: u64) -> bool {
        let before = self.map.range(..=end).next_back();
        start < end && before.is_none_or(|(_, &e)| e < start)
    }

    /// The lowest range that has something of `start..end`.
    pub(super) fn over(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let before = self.map.range(..=start).next_back().filter(|&(_, &e)| e > start);
        let next = before.or_else(|| self.map.range(start..).next());
        next.map(|(&s, &e)| (s, e)).filter(|&(s, _)| s < end)
    }

    /// The end of the highest range that begins below.
    pub(super) fn before(&self, start: u64) -> Option<u64> {
        self.map.range(..start).next_back().map(|(_, &e)| e)
    }

    /// The lowest range.
    pub(super) fn first(&self) -> Option<(u64, u64)> {
        self.map.first_key_value().map(|(&s, &e)| (s, e))
    }

    /// Takes the lowest range out.
    pub(super) fn pop_first(&mut self) -> Option<(u64, u64)> {
        self.map.pop_first()
    }

    /// From the highest to the lowest.
    pub(super) fn downwards(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.map.iter().rev().map(|(&s, &e)| (s, e))
    }

    /// From the lowest to the highest.
    #[cfg(test)]
    pub(super) fn upwards(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.map.iter().map(|(&s, &e)| (s, e))
    }
}
