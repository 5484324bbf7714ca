//! Partitions by the clock: which way is cut, when, for how long, how often.

use std::fmt;
use std::str::FromStr;

use super::setting;
use crate::time::{Duration, Instant};

/// A direction through the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the clients to the server.
    Up,
    /// From the server to the clients.
    Down,
}

/// A time in which nothing passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Only this way; none: both.
    pub way: Option<Way>,
    /// From here, counted from the relay's start.
    pub start: Duration,
    /// For so long.
    pub length: Duration,
    /// And again each so much later.
    pub period: Option<Duration>,
}

impl Cut {
    /// Whether nothing passes `way` at `now`, with the relay started at `origin`.
    pub fn holds(&self, way: Way, origin: Instant, now: Instant) -> bool {
        if self.way.is_some_and(|only| only != way) {
            return false;
        }
        let Some(into) = now.since(origin).checked_sub(self.start) else { return false };
        let into = match self.period {
            Some(period) if !period.is_zero() => Duration::from_micros(
                u64::try_from(into.as_micros() % period.as_micros().max(1)).unwrap_or(u64::MAX),
            ),
            _ => into,
        };
        into < self.length
    }
}

/// Why a text is not a [`Cut`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutError(String);

impl fmt::Display for CutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected [up:|down:]START+LENGTH[/PERIOD], for example 10s+5s or up:1m+2s/30s", self.0)
    }
}

impl std::error::Error for CutError {}

impl FromStr for Cut {
    type Err = CutError;

    fn from_str(text: &str) -> Result<Self, CutError> {
        let span = |part: &str| {
            setting::span(part.trim())
                .map_err(|_| CutError(format!("\"{part}\" is not a duration in \"{text}\"")))
        };
        let (way, rest) = match text.split_once(':') {
            None => (None, text),
            Some(("up", rest)) => (Some(Way::Up), rest),
            Some(("down", rest)) => (Some(Way::Down), rest),
            Some((other, _)) => return Err(CutError(format!("\"{other}\" is neither up nor down"))),
        };
        let Some((start, rest)) = rest.split_once('+') else {
            return Err(CutError(format!("no \"+\" in \"{text}\"")));
        };
        let (length, period) = match rest.split_once('/') {
            None => (rest, None),
            Some((length, period)) => (length, Some(span(period)?)),
        };
        let (start, length) = (span(start)?, span(length)?);
        if period.is_some_and(|period| period <= length) {
            return Err(CutError(format!("the period in \"{text}\" is not longer than the cut")));
        }
        Ok(Self { way, start, length, period })
    }
}
