//! Datagrams that were dropped, counted by reason (R-SEC-04).

use std::collections::BTreeMap;

/// Counts by reason. There are about two dozen reasons, and a flood has one: what was counted last is found first.
#[derive(Default)]
pub(super) struct Drops {
    counts: Vec<(&'static str, u64)>,
}

impl Drops {
    /// Counts one.
    pub(super) fn count(&mut self, reason: &'static str) {
        let at = self.counts.iter().position(|(known, _)| std::ptr::eq(*known, reason) || *known == reason);
        let at = at.unwrap_or_else(|| {
            self.counts.push((reason, 0));
            self.counts.len() - 1
        });
        self.counts.swap(0, at);
        if let Some((_, count)) = self.counts.first_mut() {
            *count = count.saturating_add(1);
        }
    }

    /// All counts.
    pub(super) fn by_reason(&self) -> BTreeMap<&'static str, u64> {
        self.counts.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_count() {
        let mut drops = Drops::default();
        for number in 0..100 {
            drops.count(["tag", "budget", "replay"][number % 7 % 3]);
        }
        let copy: &'static str = String::from("tag").leak();
        drops.count(copy);
        let counts = drops.by_reason();
        assert_eq!(counts, BTreeMap::from([("budget", 29), ("replay", 28), ("tag", 44)]));
    }
}
