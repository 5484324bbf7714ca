//! When a capture is to end: a signal, or its time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::super::fail::{Failure, NO};
use crate::shell::clock;
use crate::time::{Duration, Instant};

/// The HMS says its last within this time.
const LAST_WORDS: Duration = Duration::from_secs(10);

pub(super) struct Stop {
    signalled: Arc<AtomicBool>,
    until: Option<Instant>,
    due_since: Option<Instant>,
}

impl Stop {
    /// Listens to signals from now on; the second one ends the process at once.
    pub(super) fn new(time: Option<Duration>) -> Result<Self, Failure> {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            let at_once = flag::register_conditional_shutdown(signal, NO.into(), Arc::clone(&signalled));
            let both = at_once.and_then(|_| flag::register(signal, Arc::clone(&signalled)));
            both.map_err(|error: io::Error| Failure::no(format!("signals: {error}")))?;
        }
        Ok(Self { signalled, until: time.map(|time| clock::now() + time), due_since: None })
    }

    /// The end has come.
    pub(super) fn is_due(&mut self) -> bool {
        let now = clock::now();
        let due = self.signalled.load(Ordering::Relaxed) || self.until.is_some_and(|until| until <= now);
        if due {
            self.due_since.get_or_insert(now);
        }
        due
    }

    /// It came long ago, and the HMS says nothing.
    pub(super) fn is_given_up(&self) -> bool {
        self.due_since.is_some_and(|since| clock::now().since(since) > LAST_WORDS)
    }

    /// How long until the time is over, if it is not.
    pub(super) fn left(&self) -> Duration {
        let left = self.until.map(|until| until.since(clock::now()));
        left.filter(|left| !left.is_zero()).unwrap_or(LAST_WORDS)
    }
}
