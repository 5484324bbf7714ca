//! What is printed.

mod columns;
pub(crate) mod follow;
pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod verbose;

use jiff::Timestamp;

/// RFC 3339 in UTC with nanoseconds.
pub(crate) fn rfc3339(nanos: i128) -> Option<String> {
    Timestamp::from_nanosecond(nanos).ok().map(|time| format!("{time:.9}"))
}

/// Time of day in UTC with microseconds.
pub(crate) fn clock(nanos: Option<i128>) -> String {
    let mut text = String::new();
    columns::clock(&mut text, nanos);
    text
}
