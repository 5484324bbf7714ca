//! Columns of a line, written one behind the other: a capture has millions of lines.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;

pub(super) use crate::tree::add_number as number;

/// In nanoseconds.
const DAY: i64 = 86_400 * 1_000_000_000;
/// As many as a fraction of a second has digits.
const ZEROS: &str = "000000000";
/// Nothing needs more to be filled up.
const SPACES: &str = "                                ";

/// A number of so many digits, zeros before it.
fn digits(text: &mut String, value: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value);
    text.push_str(ZEROS.get(digits.len()..width).unwrap_or_default());
    text.push_str(digits);
}

/// `10.0.4.7:6710`, `[fe80::1]:6710`.
pub(super) fn address(text: &mut String, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            let mut short = Short::<21>::default();
            for (octet, behind) in ip.octets().into_iter().zip(*b"...:") {
                short.number(octet.into());
                short.push(behind);
            }
            short.number(address.port());
            short.add_to(text);
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
    let (seconds, micros) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
    let mut short = Short::<15>::default();
    for (value, behind) in [(seconds / 3600, b':'), (seconds / 60 % 60, b':'), (seconds % 60, b'.')] {
        short.two(value);
        short.push(behind);
    }
    [micros / 10_000, micros / 100 % 100, micros % 100].into_iter().for_each(|two| short.two(two));
    short.add_to(text);
}

/// A column of ASCII, put together before it goes into the text: that is one copy and not a dozen.
struct Short<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> Short<N> {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn digit(&mut self, value: u32) {
        self.push(b'0' + (value % 10) as u8);
    }

    fn two(&mut self, value: u32) {
        self.digit(value / 10);
        self.digit(value);
    }

    fn number(&mut self, value: u16) {
        let value = u32::from(value);
        [10_000, 1000, 100, 10]
            .into_iter()
            .filter(|unit| value >= *unit)
            .for_each(|unit| self.digit(value / unit));
        self.digit(value);
    }

    fn add_to(&self, text: &mut String) {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        text.push_str(str::from_utf8(bytes).unwrap_or_default());
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
