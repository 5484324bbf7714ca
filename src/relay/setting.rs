//! What is wrong with a path in words: `loss 5% delay 20ms`, for options and scripts alike.

use std::fmt;
use std::str::{FromStr, SplitWhitespace};

use super::link::{Chance, Faults};
use crate::time::Duration;

const SHARE: &str = "a share from 0% to 100%, for example 5% or 0.05";
const TIME: &str = "a time, for example 20ms or 1m30s";
const SOME_TIME: &str = "a time from 1ms on, for example 30s, or none";
const BYTES: &str = "a number of bytes";
const BYTES_OR_NONE: &str = "a number of bytes, or none";
const RATE: &str = "a number of bytes a second from 1 on, or none";

/// One fault of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `loss SHARE`
    Loss(Chance),
    /// `dup SHARE`
    Duplicate(Chance),
    /// `reorder SHARE`
    Reorder(Chance),
    /// `reorder-by TIME`
    ReorderBy(Duration),
    /// `corrupt SHARE`
    Corrupt(Chance),
    /// `delay TIME`
    Delay(Duration),
    /// `jitter TIME`
    Jitter(Duration),
    /// `rate BYTES`, a second; or `rate none`
    Rate(Option<u64>),
    /// `queue BYTES`
    Queue(u64),
    /// `max-size BYTES`, or `max-size none`
    MaxSize(Option<usize>),
}

impl Setting {
    pub(super) const NAMES: &str =
        "loss, dup, reorder, reorder-by, corrupt, delay, jitter, rate, queue or max-size";

    /// The setting of this name, with its value from `words`; none if there is no such name.
    pub(super) fn read(name: &str, words: &mut Words<'_>) -> Result<Option<Self>, SettingError> {
        Ok(Some(match name {
            "loss" => Self::Loss(words.value(name, SHARE, share)?),
            "dup" => Self::Duplicate(words.value(name, SHARE, share)?),
            "reorder" => Self::Reorder(words.value(name, SHARE, share)?),
            "reorder-by" => Self::ReorderBy(words.time(name)?),
            "corrupt" => Self::Corrupt(words.value(name, SHARE, share)?),
            "delay" => Self::Delay(words.time(name)?),
            "jitter" => Self::Jitter(words.time(name)?),
            "rate" => Self::Rate(words.value(name, RATE, |text| or_none(text, rate))?),
            "queue" => Self::Queue(words.value(name, BYTES, |text| text.parse().ok())?),
            "max-size" => Self::MaxSize(
                words.value(name, BYTES_OR_NONE, |text| or_none(text, |text| text.parse().ok()))?,
            ),
            _ => return Ok(None),
        }))
    }

    /// Puts it in place of what `faults` say about it.
    pub const fn apply(self, faults: &mut Faults) {
        match self {
            Self::Loss(chance) => faults.loss = chance,
            Self::Duplicate(chance) => faults.duplicate = chance,
            Self::Reorder(chance) => faults.reorder = chance,
            Self::ReorderBy(longest) => faults.reorder_by = longest,
            Self::Corrupt(chance) => faults.corrupt = chance,
            Self::Delay(delay) => faults.delay = delay,
            Self::Jitter(jitter) => faults.jitter = jitter,
            Self::Rate(rate) => faults.rate = rate,
            Self::Queue(queue) => faults.queue = queue,
            Self::MaxSize(size) => faults.max_size = size,
        }
    }
}

/// Several, for example `loss 5% delay 20ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// Puts all of them in place, in their order.
    pub fn apply(&self, faults: &mut Faults) {
        self.0.iter().for_each(|setting| setting.apply(faults));
    }
}

impl FromStr for Settings {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let mut words = Words::new(text);
        let mut settings = Vec::new();
        while let Some(name) = words.next() {
            let setting = Setting::read(name, &mut words)?;
            settings.push(setting.ok_or_else(|| SettingError::unknown(name, Setting::NAMES))?);
        }
        if settings.is_empty() {
            return Err(SettingError::new(
                "nothing is set: expected WHAT VALUE, for example loss 5% delay 20ms",
            ));
        }
        Ok(Self(settings))
    }
}

/// What is wrong with a text, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError(String);

impl SettingError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn unknown(word: &str, known: &str) -> Self {
        Self(format!("\"{word}\" is not known: expected {known}"))
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SettingError {}

impl FromStr for Chance {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        share(text).ok_or_else(|| SettingError(format!("\"{text}\" is not {SHARE}")))
    }
}

/// A time as people write it: `20ms`, `1m30s`.
pub fn span(text: &str) -> Result<Duration, SettingError> {
    time(text).ok_or_else(|| SettingError(format!("\"{text}\" is not {TIME}")))
}

/// The words of a line.
#[derive(Debug)]
pub(super) struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.split_whitespace())
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    /// A time, or `none`.
    pub(super) fn some_time(&mut self, name: &str) -> Result<Option<Duration>, SettingError> {
        let at_least = |text: &str| time(text).filter(|span| *span >= Duration::from_millis(1));
        self.value(name, SOME_TIME, |text| or_none(text, at_least))
    }

    pub(super) fn time(&mut self, name: &str) -> Result<Duration, SettingError> {
        self.value(name, TIME, time)
    }

    /// The value behind `name`, which is to be `expected`.
    fn value<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SettingError> {
        let Some(text) = self.next() else {
            return Err(SettingError(format!("nothing stands behind {name}: expected {expected}")));
        };
        read(text)
            .ok_or_else(|| SettingError(format!("\"{text}\" is no value of {name}: expected {expected}")))
    }
}

fn or_none<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text == "none" { Some(None) } else { read(text).map(Some) }
}

fn share(text: &str) -> Option<Chance> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    number.trim().parse::<f64>().ok().and_then(|number| Chance::new(number / scale))
}

fn rate(text: &str) -> Option<u64> {
    text.parse().ok().filter(|rate| *rate > 0)
}

fn time(text: &str) -> Option<Duration> {
    // humantime panics at sums beyond 2^64 s, which a text this short cannot write.
    if text.len() > 24 { None } else { humantime::parse_duration(text).ok() }
}
