//! What the HMS itself counts, over its control socket.

use std::collections::BTreeMap;
use std::path::Path;

use hms::shell::control::Client;
use hms::shell::paths::{Role, Socket};
use serde_json::json;

/// Reasons for which a datagram that came in is dropped (spec 2), and what the kernel had no room for. What else is
/// counted as lost, answers among it, says nothing of how many came in.
const CAME_IN: [&str; 14] = [
    "length",
    "source",
    "version",
    "type",
    "flags",
    "realm",
    "epoch",
    "tag",
    "budget",
    "malformed",
    "critical-tlv",
    "replay",
    "unasked",
    "receive-buffer",
];

/// The counters of `hms status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) drops: BTreeMap<String, u64>,
    pub(crate) hints: u64,
}

impl Counters {
    /// All datagrams that were dropped.
    pub(crate) fn sum(&self) -> u64 {
        CAME_IN.iter().filter_map(|reason| self.drops.get(*reason)).sum()
    }

    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = |(name, count): (&String, &u64)| {
            let more = count.saturating_sub(before.drops.get(name).copied().unwrap_or(0));
            (more > 0).then(|| (name.clone(), more))
        };
        Self {
            drops: self.drops.iter().filter_map(more).collect(),
            hints: self.hints.saturating_sub(before.hints),
        }
    }
}

/// A connection that stays open.
pub(crate) struct Watch(Client);

impl Watch {
    pub(crate) fn open(state: &Path) -> Result<Self, String> {
        Client::open(Role::Server, Some(state), Socket::Observe).map(Self).map_err(|error| error.message)
    }

    pub(crate) fn read(&mut self) -> Result<Counters, String> {
        let status = self.0.request(&json!({"cmd": "status"})).map_err(|error| error.message)?;
        let drops =
            status.get("drops").and_then(serde_json::Value::as_object).ok_or("a status without drops")?;
        let drops = drops.iter().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect();
        let hints =
            status.get("hints_sent").and_then(serde_json::Value::as_u64).ok_or("a status without hints")?;
        Ok(Counters { drops, hints })
    }
}
