//! How long answers took: counts in steps that grow with the time, so that any percentile is known to 3 %.

use hms::time::Duration;

/// Steps of each doubling.
const STEPS: u64 = 32;
/// Doublings of a microsecond that are told apart: over an hour.
const DOUBLINGS: u64 = 32;

/// Counts by time.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    all: u64,
    longest: Duration,
}

/// Times below `STEPS` microseconds have a place each; above, each doubling has `STEPS`.
fn place(micros: u64) -> usize {
    let doubling = u64::from((micros / STEPS).checked_ilog2().map_or(0, |log| log + 1));
    let step = if doubling == 0 { micros } else { (micros >> (doubling - 1)) - STEPS };
    usize::try_from(doubling * STEPS + step).unwrap_or(usize::MAX)
}

/// The shortest time that belongs to the place after this one.
fn end_of(place: u64) -> u64 {
    let (doubling, step) = (place / STEPS, place % STEPS);
    if doubling == 0 { step + 1 } else { (STEPS + step + 1) << (doubling - 1) }
}

impl Default for Histogram {
    fn default() -> Self {
        let places = usize::try_from(STEPS * DOUBLINGS).unwrap_or(0);
        Self { counts: vec![0; places], all: 0, longest: Duration::ZERO }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, time: Duration) {
        let place = place(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).min(self.counts.len() - 1);
        self.counts[place] += 1;
        self.all += 1;
        self.longest = self.longest.max(time);
    }

    /// The time that `percent` of them did not exceed, in milliseconds; `None` if there are none.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        let wanted = (self.all as f64 * percent / 100.0).ceil().max(1.0);
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen as f64 >= wanted
        })?;
        let end = end_of(u64::try_from(place).unwrap_or(0)) as f64 / 1000.0;
        Some(end.min(self.longest.as_secs_f64() * 1000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other() {
        for micros in (0..100_000).chain([1 << 20, (1 << 33) - 1]) {
            let place = u64::try_from(place(micros)).expect("a place");
            let start = place.checked_sub(1).map_or(0, end_of);
            assert!((start..end_of(place)).contains(&micros), "{micros} in place {place}");
        }
    }

    #[test]
    fn percentiles_are_known_to_three_percent() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50.0), None);
        (1..=1000).for_each(|ms| histogram.add(Duration::from_millis(ms)));
        for (percent, ms) in [(50.0, 500.0), (99.0, 990.0), (99.9, 999.0), (100.0, 1000.0)] {
            let found = histogram.percentile(percent).expect("one");
            assert!((ms..ms * 1.033).contains(&found), "{percent} %: {found}");
        }
        histogram.add(Duration::from_secs(1 << 30));
        assert!(histogram.percentile(100.0).is_some());
    }
}
