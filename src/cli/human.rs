//! Times, counts and lists as people read them.

use std::collections::BTreeMap;

/// "800 ms", "12 s", "3 min 5 s", "2 h 10 min", "4 d 3 h".
pub(super) fn span(ms: u64) -> String {
    let s = ms / 1000;
    let (min, h, d) = (s / 60, s / 3600, s / 86_400);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{s} s"),
        60_000..3_600_000 => two(min, "min", s % 60, "s"),
        3_600_000..86_400_000 => two(h, "h", min % 60, "min"),
        _ => two(d, "d", h % 24, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

/// "1 host", "2 hosts".
pub(super) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// `9.5 MiB`.
pub(super) fn bytes(n: u64) -> String {
    const MIB: f64 = 1024.0 * 1024.0;
    let mib = n as f64 / MIB;
    if mib < 1024.0 { format!("{mib:.1} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

/// "a", "a and b", "a, b and c".
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// How long something has run.
pub(super) fn uptime(seconds: u64) -> String {
    if seconds == 0 { "less than a second".to_owned() } else { span(seconds.saturating_mul(1000)) }
}

/// How old the cluster is, and the primary's times, which hold in all of it.
pub(super) fn cluster(start: &str, elapsed_s: u64, check_time_s: u32, exchange_time_s: u32) -> String {
    let [check, exchange] = [check_time_s, exchange_time_s].map(|s| span(u64::from(s) * 1000));
    let age = uptime(elapsed_s);
    format!("since {} ({age}), check time {check}, exchange time {exchange}", date_time(start))
}

/// Own settings that another HMS's override: "of the primary hold: hosts.check_time = 10s".
pub(super) fn overridden(settings: &BTreeMap<String, String>) -> String {
    let all: Vec<String> = settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("of the primary hold: {}", list(&all))
}

/// The time of day of an RFC 3339 time, `10:13:05`; the whole text if it is none.
pub(super) fn time_of_day(rfc3339: &str) -> &str {
    let time = rfc3339.split_once('T').map(|(_, time)| time);
    time.and_then(|time| time.get(..8)).unwrap_or(rfc3339)
}

/// The time to the second, `2026-01-01 10:13:05 UTC`; the whole text if it is none.
pub(super) fn date_time(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((date, _)) => format!("{date} {} UTC", time_of_day(rfc3339)),
        None => rfc3339.to_owned(),
    }
}

/// For a POSIX shell: nothing in it is expanded.
pub(super) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', "'\\''")) }
}

/// A name in a command that is shown to be typed; letters of all languages need no quotes.
pub(super) fn word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-._:/".contains(c);
    if !name.starts_with('-') && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_at_most_two_units() {
        let shown: Vec<String> =
            [0, 999, 1_000, 59_999, 60_000, 185_000, 3_600_000, 7_800_000, 86_400_000, 356_400_000]
                .into_iter()
                .map(span)
                .collect();
        let wanted =
            ["0 ms", "999 ms", "1 s", "59 s", "1 min", "3 min 5 s", "1 h", "2 h 10 min", "1 d", "4 d 3 h"];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn counts_lists_and_times() {
        assert_eq!((count(1, "host"), count(0, "host")), ("1 host".to_owned(), "0 hosts".to_owned()));
        let words: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!((list(&words[..1]).as_str(), list(&words[..2]).as_str()), ("a", "a and b"));
        assert_eq!((list(&words).as_str(), list(&[]).as_str()), ("a, b and c", ""));
        assert_eq!(time_of_day("2026-01-01T10:13:05.25Z"), "10:13:05");
        assert_eq!(time_of_day("soon"), "soon");
        assert_eq!(date_time("2026-01-01T10:13:05Z"), "2026-01-01 10:13:05 UTC");
    }
}
