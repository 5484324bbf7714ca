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

/// Writes a duration the same way.
pub fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}
