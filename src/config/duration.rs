//! Durations as people write them: `"30s"`, `"1h 30m"`.

use crate::time::Duration;

/// Reads `"500ms"`, `"30s"`, `"1h 30m"`; the error says what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| {
        let digits = text.trim();
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            format!("give the unit: \"{digits}s\" for seconds, \"{digits}ms\" for milliseconds")
        } else {
            "write a number and a unit, such as \"500ms\", \"30s\", \"5m\", \"1h 30m\"".to_owned()
        }
    })
}

/// Writes a duration the same way, with hours as the largest unit.
pub fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let parts = [(ms / 3_600_000, "h"), (ms / 60_000 % 60, "m"), (ms / 1000 % 60, "s"), (ms % 1000, "ms")];
    let shown: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_they_are_read() {
        for text in ["0s", "1ms", "500ms", "30s", "1m 30s", "24h", "49h 1ms"] {
            assert_eq!(parse_duration(text).map(show_duration).as_deref(), Ok(text));
        }
    }
}
