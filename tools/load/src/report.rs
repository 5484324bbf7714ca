//! What a run showed.

use hms::time::Duration;
use serde_json::{Value, json};

use crate::garbage::MAKES;
use crate::watch::Counters;

/// A JSON object as text: one line for each figure.
pub(crate) fn lines(all: &Value) -> String {
    let mut lines = Vec::new();
    let line = |value: &Value, name: &str| format!("{:>14} {}", value.to_string(), name.replace('_', " "));
    for (name, value) in all.as_object().into_iter().flatten().filter(|(name, _)| *name != "done") {
        match value.as_object() {
            None => lines.push(line(value, name)),
            Some(parts) => {
                lines.extend(parts.iter().map(|(part, value)| line(value, &format!("{name} {part}"))));
            }
        }
    }
    lines.join("\n")
}

/// Figures of a flood.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) sent: u64,
    pub(crate) made: [u64; MAKES.len()],
    pub(crate) took: Duration,
    pub(crate) counted: Counters,
    /// Hints that came back, and anything else.
    pub(crate) hints: u64,
    pub(crate) others: u64,
}

impl Report {
    pub(crate) fn rate(&self) -> f64 {
        self.sent as f64 / self.took.as_secs_f64().max(0.001)
    }

    pub(crate) fn json(&self) -> Value {
        let made: serde_json::Map<_, _> =
            MAKES.iter().zip(self.made).map(|(make, count)| (make.name().to_owned(), json!(count))).collect();
        json!({
            "sent": self.sent,
            "made": made,
            "seconds": (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "per_second": self.rate().round(),
            "counted": self.counted.sum(),
            "drops": self.counted.drops,
            "hints_sent": self.counted.hints,
            "hints_received": self.hints,
            "other_answers": self.others,
        })
    }

    pub(crate) fn table(&self) -> String {
        let mut lines = vec![format!("{:>12} sent, {:.0} a second", self.sent, self.rate())];
        for (make, count) in MAKES.iter().zip(self.made) {
            lines.push(format!("{count:>12}   {}", make.name()));
        }
        lines.push(format!("{:>12} counted by the HMS", self.counted.sum()));
        for (reason, count) in &self.counted.drops {
            lines.push(format!("{count:>12}   {reason}"));
        }
        lines.push(format!("{:>12} hints sent, {} received", self.counted.hints, self.hints));
        lines.push(format!("{:>12} other answers", self.others));
        lines.join("\n")
    }
}
