//! What the server tells the shell beside datagrams.

use super::view::WatchEvent;

/// Something that the shell does or shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The directory changed: for `hms watch`.
    Watch(WatchEvent),
    /// Facts changed (members, addresses, realms, generations): [`super::Server::store`] says what goes to disk, then
    /// [`super::Server::persisted`] is called.
    PersistSecrets,
    /// For the log.
    Log {
        /// How important it is.
        level: Level,
        /// For a person.
        text: String,
    },
    /// After [`super::Server::stop`]: all is said, the process may end when the output is sent.
    Stopped,
}

/// Importance of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something may not work.
    Warn,
    /// Something happened.
    Info,
    /// For whoever looks closely.
    Debug,
}
