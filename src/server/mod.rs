//! The HMS as one machine: datagrams, time and commands in; datagrams and events out.

mod clock;
mod comeback;
mod event;
mod limiter;
mod output;
mod refusals;
mod settings;
mod view;

pub use event::{Event, Level};
pub use refusals::Verdict;
pub use settings::{RealmLimits, ServerSettings, UpdateMode};
pub use view::{
    CommandError, HostCounts, HostRow, PeerRow, PortsView, RealmRow, RevokeView, StatusView, WatchEvent,
    WhyRow, rfc3339,
};
