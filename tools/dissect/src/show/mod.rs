//! What is printed.

pub(crate) mod follow;
pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod verbose;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// RFC 3339 in UTC with nanoseconds.
pub(crate) fn rfc3339(nanos: i128) -> Option<String> {
    Timestamp::from_nanosecond(nanos).ok().map(|time| format!("{time:.9}"))
}

/// Time of day in UTC with microseconds.
pub(crate) fn clock(nanos: Option<i128>) -> String {
    let time = nanos.and_then(|nanos| Timestamp::from_nanosecond(nanos).ok());
    match time {
        Some(time) => time.to_zoned(TimeZone::UTC).strftime("%H:%M:%S.%6f").to_string(),
        None => "--:--:--.------".to_owned(),
    }
}
