//! The clocks: the only place where time is read.

use std::time::{SystemTime, UNIX_EPOCH};

use super::sys;
use crate::time::{Instant, UnixMillis};

/// Now, in microseconds since the machine started (suspend counted).
pub fn now() -> Instant {
    Instant::from_micros(u64::try_from(sys::since_boot().as_micros()).unwrap_or(u64::MAX))
}

/// The wall clock: only shown, never decided upon.
#[allow(clippy::disallowed_methods)] // This is where clocks are read.
pub fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
