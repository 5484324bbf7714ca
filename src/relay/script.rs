//! Faults by the clock: a file whose lines say what changes when.

use std::fmt;
use std::str::FromStr;

use super::cut::Way;
use super::setting::{Setting, SettingError, Words, span};
use crate::time::Duration;

const LINE: &str = "AT [up|down|both] WHAT …, for example 10s up loss 20% delay 80ms";

/// What changes when, in ascending order.
///
/// A line is `AT [up|down|both] WHAT …`; AT counts from the start. WHAT is a [`Setting`] with its value, `cut` or
/// `open`, each way by itself; or `rebind`, `rebind-every TIME`, `idle TIME`, `report`, `end`, which have no direction.
/// Several may stand in a line. What follows `#` is a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub(super) steps: Vec<Step>,
}

/// A line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// From the relay's start on.
    pub at: Duration,
    /// Counted from 1.
    pub line: usize,
    /// Only this way; none: both.
    pub(super) way: Option<Way>,
    pub(super) acts: Vec<Act>,
    text: String,
}

/// What one word of a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Set(Setting),
    /// Nothing passes, or it does again.
    Close(bool),
    Rebind,
    RebindEvery(Option<Duration>),
    Idle(Duration),
    Report,
    End,
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut steps: Vec<Step> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if !text.is_empty() {
                let step = Step::read(line, text).and_then(|step| step.after(steps.last()));
                steps.push(step.map_err(|error| ScriptError { line, error })?);
            }
        }
        Ok(Self { steps })
    }
}

impl Step {
    fn read(line: usize, text: &str) -> Result<Self, SettingError> {
        let mut words = Words::new(text);
        let at = words.next().unwrap_or_default();
        let at = span(at).map_err(|error| SettingError::new(format!("{error}; a line is {LINE}")))?;
        let (way, mut word) = match words.next() {
            Some("up") => (Some(Way::Up), words.next()),
            Some("down") => (Some(Way::Down), words.next()),
            Some("both") => (None, words.next()),
            word => (None, word),
        };
        let mut acts = Vec::new();
        while let Some(name) = word {
            acts.push(Act::read(name, way, &mut words)?);
            word = words.next();
        }
        if acts.is_empty() {
            return Err(SettingError::new(format!("nothing happens here: expected {LINE}")));
        }
        Ok(Self { at, line, way, acts, text: text.to_owned() })
    }

    /// Itself, if it may follow the one before.
    fn after(self, before: Option<&Self>) -> Result<Self, SettingError> {
        let Some(before) = before else { return Ok(self) };
        let line = before.line;
        if before.acts.contains(&Act::End) {
            return Err(SettingError::new(format!(
                "the script ends in line {line}: expected nothing behind it"
            )));
        }
        if self.at < before.at {
            let text = format!("it is earlier than line {line}: expected a time from {:?} on", before.at);
            return Err(SettingError::new(text));
        }
        Ok(self)
    }

    pub(super) fn ways(&self) -> impl Iterator<Item = Way> + use<> {
        let only = self.way;
        [Way::Up, Way::Down].into_iter().filter(move |way| only.is_none_or(|only| only == *way))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Act {
    fn read(name: &str, way: Option<Way>, words: &mut Words<'_>) -> Result<Self, SettingError> {
        let act = match name {
            "cut" => return Ok(Self::Close(true)),
            "open" => return Ok(Self::Close(false)),
            "rebind" => Self::Rebind,
            "rebind-every" => Self::RebindEvery(words.some_time(name)?),
            "idle" => Self::Idle(words.time(name)?),
            "report" => Self::Report,
            "end" => Self::End,
            _ => {
                let known = format!("cut, open, rebind, rebind-every, idle, report, end, {}", Setting::NAMES);
                let setting = Setting::read(name, words)?;
                return setting.map(Self::Set).ok_or_else(|| SettingError::unknown(name, &known));
            }
        };
        if way.is_some() {
            return Err(SettingError::new(format!(
                "{name} has no direction: expected it without up or down"
            )));
        }
        Ok(act)
    }
}

/// Why a text is not a [`Script`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub error: SettingError,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.error)
    }
}

impl std::error::Error for ScriptError {}
