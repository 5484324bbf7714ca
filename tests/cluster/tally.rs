//! What happened in how many worlds: a fault or a message that never occurred was not tested.

use std::collections::BTreeMap;
use std::fmt;

use hms::relay::LinkTally;
use hms::time::Duration;
use hms::wire::Kind;

use crate::fault::Fault;

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub seeds: u64,
    pub simulated: Duration,
    pub datagrams: u64,
    pub kinds: BTreeMap<Kind, u64>,
    pub faults: BTreeMap<Fault, u64>,
    pub links: LinkTally,
    /// The most bytes a second from one HMS to another in quiet times.
    pub quiet: u64,
    /// Other things that must have happened.
    pub events: BTreeMap<&'static str, u64>,
}

/// What these hosts have no reason to say, or to be told.
const NEVER: [Kind; 5] = [Kind::Find, Kind::Page, Kind::Pull, Kind::Digests, Kind::Hint];

/// Must have happened at least once in a full run.
const EVENTS: [&str; 16] = [
    "cut",
    "partition",
    "hms started",
    "hms killed",
    "hms stopped",
    "hms paused",
    "hms asleep",
    "old disk",
    "host killed",
    "host superseded",
    "host refused",
    "host left",
    "host lost the hms",
    "revoked",
    "replayed",
    "peer replayed",
];

impl Tally {
    pub fn count(&mut self, event: &'static str) {
        *self.events.entry(event).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.simulated += other.simulated;
        self.datagrams += other.datagrams;
        self.links += other.links;
        self.quiet = self.quiet.max(other.quiet);
        other.kinds.iter().for_each(|(kind, n)| *self.kinds.entry(*kind).or_default() += n);
        other.faults.iter().for_each(|(fault, n)| *self.faults.entry(*fault).or_default() += n);
        other.events.iter().for_each(|(event, n)| *self.events.entry(event).or_default() += n);
    }

    /// What should have occurred and did not.
    pub fn missing(&self) -> Vec<String> {
        let kinds = Kind::ALL.iter().filter(|kind| !NEVER.contains(kind) && !self.kinds.contains_key(kind));
        let faults = Fault::ALL.iter().filter(|fault| !self.faults.contains_key(fault));
        let events = EVENTS.iter().filter(|event| !self.events.contains_key(*event));
        kinds
            .map(ToString::to_string)
            .chain(faults.map(|fault| format!("{fault:?}")))
            .chain(events.map(ToString::to_string))
            .collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |all: Vec<String>| all.join(", ");
        writeln!(f, "messages  {}", line(self.kinds.iter().map(|(k, n)| format!("{k} {n}")).collect()))?;
        writeln!(f, "faults    {}", line(self.faults.iter().map(|(k, n)| format!("{k:?} {n}")).collect()))?;
        writeln!(f, "events    {}", line(self.events.iter().map(|(k, n)| format!("{k} {n}")).collect()))?;
        writeln!(f, "paths     {}", self.links)?;
        write!(f, "quiet     {} bytes a second from one HMS to another, at most", self.quiet)
    }
}
