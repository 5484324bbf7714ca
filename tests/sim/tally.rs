//! What happened in how many worlds: a fault or a message that never occurred was not tested.

use std::collections::BTreeMap;
use std::fmt;

use hms::relay::LinkTally;
use hms::time::Duration;
use hms::wire::Kind;

use crate::attack::Attack;
use crate::fault::Fault;

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub seeds: u64,
    pub simulated: Duration,
    pub datagrams: u64,
    pub kinds: BTreeMap<Kind, u64>,
    pub faults: BTreeMap<Fault, u64>,
    pub attacks: BTreeMap<Attack, u64>,
    /// Forged with another's source, by type.
    pub spoofed: BTreeMap<Kind, u64>,
    pub links: LinkTally,
    /// The most bytes to an unproven address for a thousand from it.
    pub gain: u64,
    /// The most heap that an HMS held.
    pub heap: usize,
    /// Other things that must have happened.
    pub events: BTreeMap<&'static str, u64>,
}

/// What one HMS never sends: REDIRECT needs a second one (R-REG-36).
const NEVER: [Kind; 1] = [Kind::Redirect];

/// Must have happened at least once in a full run.
pub const EVENTS: [&str; 31] = [
    "cut",
    "rebound",
    "displaced",
    "hms started",
    "hms killed",
    "hms stopped",
    "hms paused",
    "host killed",
    "host paused",
    "host superseded",
    "host refused",
    "host left",
    "host lost the hms",
    "snapshot restored",
    "revoked",
    "row expired",
    "reloaded",
    "wall clock stepped",
    "challenge after a move",
    "found",
    "kept by the brake",
    "held back",
    "realm full",
    "hms asleep",
    "host asleep",
    "snapshot torn",
    "revocation not stored",
    "revocation lost with the disk",
    "offer relayed",
    "flood dropped",
    "change too many",
];

impl Tally {
    pub fn count(&mut self, event: &'static str) {
        assert!(EVENTS.contains(&event), "{event} is not in the list");
        *self.events.entry(event).or_default() += 1;
    }

    pub fn attack(&mut self, attack: Attack) {
        *self.attacks.entry(attack).or_default() += 1;
    }

    pub fn spoofed(&mut self, kind: Kind) {
        *self.spoofed.entry(kind).or_default() += 1;
    }

    /// So many bytes came from an address that nobody proved, so many went there.
    pub fn gain(&mut self, came: usize, went: usize) {
        self.gain = self.gain.max((went * 1000 / came.max(1)) as u64);
    }

    pub fn kind(&mut self, kind: Kind) {
        *self.kinds.entry(kind).or_default() += 1;
        self.datagrams += 1;
    }

    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.simulated += other.simulated;
        self.datagrams += other.datagrams;
        self.links += other.links;
        self.gain = self.gain.max(other.gain);
        self.heap = self.heap.max(other.heap);
        for (kind, n) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += n;
        }
        for (fault, n) in &other.faults {
            *self.faults.entry(*fault).or_default() += n;
        }
        for (attack, n) in &other.attacks {
            *self.attacks.entry(*attack).or_default() += n;
        }
        for (kind, n) in &other.spoofed {
            *self.spoofed.entry(*kind).or_default() += n;
        }
        for (event, n) in &other.events {
            *self.events.entry(event).or_default() += n;
        }
    }

    /// What should have occurred and did not.
    pub fn missing(&self) -> Vec<String> {
        let kinds = Kind::ALL.iter().filter(|kind| !NEVER.contains(kind) && !self.kinds.contains_key(kind));
        let faults = Fault::ALL.iter().filter(|fault| !self.faults.contains_key(fault));
        let attacks = Attack::all().filter(|attack| !self.attacks.contains_key(attack));
        let spoofed = Kind::ALL.iter().filter(|kind| !self.spoofed.contains_key(kind));
        let events = EVENTS.iter().filter(|event| !self.events.contains_key(*event));
        kinds
            .map(ToString::to_string)
            .chain(faults.map(|fault| format!("{fault:?}")))
            .chain(attacks.map(|attack| format!("{attack:?}")))
            .chain(spoofed.map(|kind| format!("spoofed {kind}")))
            .chain(events.map(ToString::to_string))
            .collect()
    }
}

fn line<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    all: impl Iterator<Item = (K, u64)>,
) -> fmt::Result {
    let all: Vec<_> = all.map(|(key, n)| format!("{key} {n}")).collect();
    writeln!(f, "{head:10}{}", all.join(", "))
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "messages", self.kinds.iter().map(|(k, n)| (k, *n)))?;
        line(f, "faults", self.faults.iter().map(|(k, n)| (format!("{k:?}"), *n)))?;
        line(f, "attacks", self.attacks.iter().map(|(k, n)| (format!("{k:?}"), *n)))?;
        line(f, "spoofed", self.spoofed.iter().map(|(k, n)| (k, *n)))?;
        line(f, "events", self.events.iter().map(|(k, n)| (k, *n)))?;
        writeln!(f, "cables    {}", self.links)?;
        writeln!(f, "heap      {} bytes held by an HMS, at most", self.heap)?;
        write!(
            f,
            "gain      {:.3} bytes out for a byte in, at most, where no address was proven",
            self.gain as f64 / 1000.0
        )
    }
}
