//! Columns of a line, written one behind the other: a capture has millions of lines.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;

pub(super) use crate::tree::add_number as number;
use crate::tree::digit;

/// In nanoseconds.
const DAY: i64 = 86_400 * 1_000_000_000;
/// Nothing needs more to be filled up.
const SPACES: &str = "                                ";

/// The last digits of a number.
fn digits(text: &mut String, value: u64, width: u32) {
    if width > 1 {
        digits(text, value / 10, width - 1);
    }
    text.push(digit(value));
}

/// `10.0.4.7:6710`, `[fe80::1]:6710`.
pub(super) fn address(text: &mut String, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            for (octet, behind) in [(a, '.'), (b, '.'), (c, '.'), (d, ':')] {
                number(text, octet.into());
                text.push(behind);
            }
            number(text, address.port().into());
        }
        IpAddr::V6(_) => text.push_str(&address.to_string()),
    }
}

/// Time of day in UTC with microseconds.
pub(super) fn clock(text: &mut String, nanos: Option<i128>) {
    let years = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
    let Some(nanos) = nanos.filter(|nanos| years.contains(nanos)) else {
        return text.push_str("--:--:--.------");
    };
    // All times of this age fit 64 bits, whose division takes a fraction of the other.
    let in_day = i64::try_from(nanos)
        .map_or_else(|_| nanos.rem_euclid(DAY.into()) as i64, |nanos| nanos.rem_euclid(DAY));
    let micros = in_day as u64 / 1000;
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    for (value, width, behind) in
        [(seconds / 3600, 2, ":"), (seconds / 60 % 60, 2, ":"), (seconds % 60, 2, "."), (micros, 6, "")]
    {
        digits(text, value, width);
        text.push_str(behind);
    }
}

/// `0.290 ms`.
pub(super) fn milliseconds(text: &mut String, nanos: i128) {
    if nanos < 0 {
        text.push('-');
    }
    let nanos = nanos.unsigned_abs();
    let micros = u64::try_from(nanos).map_or_else(|_| (nanos / 1000) as u64, |nanos| nanos / 1000);
    number(text, micros / 1000);
    text.push('.');
    digits(text, micros % 1000, 3);
    text.push_str(" ms");
}

/// A column that ends at its right, then a space.
pub(super) fn right(text: &mut String, width: usize, write: impl FnOnce(&mut String)) {
    let begin = text.len();
    write(text);
    text.insert_str(begin, missing(text, begin, width));
    text.push(' ');
}

/// A column that begins at its left, then a space.
pub(super) fn left(text: &mut String, width: usize, write: impl FnOnce(&mut String)) {
    let begin = text.len();
    write(text);
    text.push_str(missing(text, begin, width));
    text.push(' ');
}

/// What fills a column up.
fn missing(text: &str, begin: usize, width: usize) -> &'static str {
    let column = text.get(begin..).unwrap_or_default();
    // Names of people alone may be of other letters.
    let has = if column.is_ascii() { column.len() } else { column.chars().count() };
    SPACES.get(..width.saturating_sub(has)).unwrap_or(SPACES)
}
