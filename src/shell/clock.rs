//! The clocks: the only place where time is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::sys;
use crate::time::{Instant, UnixMillis};

/// Now, in microseconds since the machine started (suspend counted).
pub fn now() -> Instant {
    Instant::from_micros(u64::try_from(sys::since_boot().as_micros()).unwrap_or(u64::MAX))
}

/// The wall clock: only shown, never decided upon.
pub fn wall() -> UnixMillis {
    UnixMillis(u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX))
}

/// The same in nanoseconds, for what is shown beside what others have captured.
pub(super) fn wall_nanos() -> u64 {
    u64::try_from(since_1970().as_nanos()).unwrap_or(u64::MAX)
}

#[allow(clippy::disallowed_methods)] // This is where clocks are read.
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
