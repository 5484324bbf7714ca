//! Ratios, and what is printed and written of them.

use std::hint::black_box;

use ring::hmac;
use serde_json::{Value, json};

use crate::cpu::timed;

/// What QUALITY asks for: goal and floor, as a bound from above.
pub(crate) type Bounds = Option<(f64, f64)>;

/// Everything measured so far.
pub(crate) struct Report {
    pub(crate) rounds: usize,
    group: &'static str,
    figures: Vec<Value>,
    missed: usize,
}

/// One line: what is measured, at how many rows of the table, in which unit, against what.
#[derive(Clone, Copy)]
pub(crate) struct What<'a> {
    pub(crate) what: &'a str,
    pub(crate) rows: usize,
    pub(crate) yardstick: &'static str,
    pub(crate) bounds: Bounds,
}

impl Report {
    pub(crate) const fn new(rounds: usize) -> Self {
        Self { rounds, group: "", figures: Vec::new(), missed: 0 }
    }

    /// Begins a group.
    pub(crate) fn group(&mut self, group: &'static str, about: &str) {
        self.group = group;
        println!("\n{group}: {about}");
        println!("{:>9}  {:44} {:>11} {:>11} {:>8}", "rows", "", "ns", "yardstick", "ratio");
    }

    /// Measures subject and yardstick in turn; the ratio is the median of the rounds' ratios.
    pub(crate) fn compare(
        &mut self,
        what: What<'_>,
        mut yard: impl FnMut() -> f64,
        mut subject: impl FnMut() -> f64,
    ) -> f64 {
        let (mut yards, mut subjects, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        // The first round finds cold code and is not counted.
        for round in 0..=self.rounds {
            let (y, s) = (yard(), subject());
            if round > 0 {
                yards.push(y);
                subjects.push(s);
                ratios.push(s / y);
            }
        }
        self.ratio(what, median(&mut subjects), median(&mut yards), median(&mut ratios))
    }

    /// Notes a ratio that was measured elsewhere.
    pub(crate) fn ratio(&mut self, what: What<'_>, ns: f64, yardstick_ns: f64, ratio: f64) -> f64 {
        let verdict = self.judge(ratio, what.bounds);
        println!(
            "{:>9}  {:44} {ns:>11.1} {yardstick_ns:>11.1} {ratio:>6.2} x  {}",
            count(what.rows),
            what.what,
            shown(what.bounds, verdict)
        );
        self.figures.push(json!({
            "group": self.group, "what": what.what, "rows": what.rows, "ns": round(ns),
            "yardstick": what.yardstick, "yardstick_ns": round(yardstick_ns), "ratio": round(ratio),
            "goal": what.bounds.map(|b| b.0), "floor": what.bounds.map(|b| b.1), "verdict": verdict,
        }));
        ratio
    }

    /// Notes a figure with a unit of its own.
    pub(crate) fn value(&mut self, what: &str, rows: usize, value: f64, unit: &str, bounds: Bounds) {
        let verdict = self.judge(value, bounds);
        println!("{:>9}  {what:44} {value:>11.1} {unit}  {}", count(rows), shown(bounds, verdict));
        self.figures.push(json!({
            "group": self.group, "what": what, "rows": rows, "value": round(value), "unit": unit,
            "goal": bounds.map(|b| b.0), "floor": bounds.map(|b| b.1), "verdict": verdict,
        }));
    }

    fn judge(&mut self, figure: f64, bounds: Bounds) -> Option<&'static str> {
        let (goal, floor) = bounds?;
        if figure <= goal {
            return Some("goal");
        }
        self.missed += usize::from(figure > floor);
        Some(if figure <= floor { "floor" } else { "missed" })
    }

    /// Everything as JSON, and how many floors were missed.
    pub(crate) fn finish(self) -> (Value, usize) {
        (json!({ "rounds": self.rounds, "figures": self.figures }), self.missed)
    }
}

fn count(rows: usize) -> String {
    if rows == 0 { String::new() } else { rows.to_string() }
}

fn shown(bounds: Bounds, verdict: Option<&str>) -> String {
    let (Some((goal, floor)), Some(verdict)) = (bounds, verdict) else { return String::new() };
    format!("goal {goal}, floor {floor}: {verdict}")
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The median.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Nanoseconds for HMAC-SHA-256 over each of `lengths`, under a key that is set up for each: what a server that keeps
/// 32 bytes a host must at least do for one tag.
pub(crate) fn hmacs(lengths: &[usize], count: usize) -> f64 {
    let data = vec![1u8; lengths.iter().copied().max().unwrap_or(0)];
    let mut key = [7u8; 32];
    timed(count, || {
        for i in 0..count {
            for length in lengths {
                key[0] = i as u8;
                let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
                black_box(hmac::sign(&key, black_box(data.split_at(*length).0)));
            }
        }
    })
}
