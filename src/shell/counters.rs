//! Errors of the system: counted, shown, never fatal.

use std::collections::BTreeMap;
use std::io;

use crate::time::{Duration, Instant};

/// The same error is logged at most this often.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// What went wrong how often.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counts: BTreeMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    count: u64,
    logged: Option<Instant>,
    message: String,
}

impl Counters {
    /// Counts an error of an operation such as `send`; logs it now and then.
    pub(super) fn count(&mut self, now: Instant, operation: &str, error: &io::Error, about: &str) {
        let name = format!("{operation}-{}", error_name(error));
        let entry = self.counts.entry(name).or_default();
        entry.count += 1;
        entry.message = if about.is_empty() { error.to_string() } else { format!("{about}: {error}") };
        if entry.logged.is_none_or(|logged| now.since(logged) >= LOG_AGAIN) {
            entry.logged = Some(now);
            // A network that is not there (yet) is everyday life, and shown by whoever needs it.
            let level = if is_no_network(error) { log::Level::Info } else { log::Level::Warn };
            log::log!(level, "{operation}: {} ({} so far)", entry.message, entry.count);
        }
    }

    /// Counts something that is not an error of the system.
    pub(super) fn add(&mut self, name: &str, count: u64) {
        if count > 0 {
            self.counts.entry(name.to_owned()).or_default().count += count;
        }
    }

    /// All counts by name, such as `send-enobufs`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, entry)| (name.as_str(), entry.count))
    }
}

fn is_no_network(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EADDRNOTAVAIL)
    )
}

/// A short name for an error that fits into a counter's name.
fn error_name(error: &io::Error) -> String {
    let name = match error.raw_os_error() {
        Some(libc::ENOBUFS) => "enobufs",
        Some(libc::EMFILE) => "emfile",
        Some(libc::ENFILE) => "enfile",
        Some(libc::ENOMEM) => "enomem",
        Some(libc::ENETUNREACH) => "enetunreach",
        Some(libc::EHOSTUNREACH) => "ehostunreach",
        Some(libc::ENETDOWN) => "enetdown",
        Some(libc::ENODEV) => "enodev",
        Some(libc::ENXIO) => "enxio",
        Some(libc::EPERM) => "eperm",
        Some(libc::EACCES) => "eacces",
        Some(libc::EINVAL) => "einval",
        Some(libc::EMSGSIZE) => "emsgsize",
        Some(libc::EADDRNOTAVAIL) => "eaddrnotavail",
        Some(libc::EADDRINUSE) => "eaddrinuse",
        Some(libc::EAFNOSUPPORT) => "eafnosupport",
        Some(libc::ECONNREFUSED) => "econnrefused",
        Some(libc::ENOSPC) => "enospc",
        Some(libc::EROFS) => "erofs",
        Some(libc::EDQUOT) => "edquot",
        Some(libc::EAGAIN) => "eagain",
        Some(other) => return format!("os{other}"),
        None => "error",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_name() {
        let mut counters = Counters::default();
        let error = io::Error::from_raw_os_error(libc::ENOBUFS);
        counters.count(Instant::ZERO, "send", &error, "");
        counters.count(Instant::ZERO, "send", &error, "10.0.0.1");
        counters.add("short", 0);
        assert_eq!(counters.iter().collect::<Vec<_>>(), [("send-enobufs", 2)]);
    }
}
