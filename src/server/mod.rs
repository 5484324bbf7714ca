//! The HMS as one machine: datagrams, time and commands in; datagrams and events out.
//!
//! A heartbeat's way: [`Server::handle_datagram`] reads the header, `session.rs` finds the row, verifies the tag and
//! asks the window, `heartbeat.rs` touches the row and writes the ACK into a buffer that [`Server::poll_output`] swaps
//! out. Nothing is allocated on it.

mod ahead;
mod answer;
mod budget;
mod clock;
mod comeback;
mod commands;
mod discover;
mod drops;
mod event;
mod heartbeat;
mod held;
mod hms_list;
mod judged;
mod limiter;
mod listing;
mod output;
mod pages;
mod peers;
mod rates;
mod reach;
mod receive;
mod refusals;
mod register;
mod service;
mod session;
mod settings;
mod setup;
mod show;
mod timing;
mod unborn;
mod view;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use rand_chacha::ChaCha20Rng;

use crate::auth::{ClusterKey, CookieKey, Keyring};
use crate::directory::Directory;
use crate::discovery::OfferQueue;
use crate::ident::{Name, RealmId, ServerId, SessionId};
use crate::net::Interface;
use crate::registry::Registry;
use crate::time::{Duration, Instant};
use answer::Answers;
use budget::Budgets;
use clock::Wall;
use comeback::ComeBack;
use drops::Drops;
use held::Held;
use hms_list::HmsList;
use judged::Judged;
use limiter::{HintLimit, Unverified};
use peers::Peers;
use rates::UserRates;
use refusals::Refusals;
use timing::Rate;
use unborn::Unborn;

pub use event::{Event, Level};
pub use hms_list::Prefer;
pub use listing::HostCursor;
pub use peers::{AckWhen, Newcomer, NewcomerSetup, PeerSettings, Storing};
pub use refusals::Verdict;
pub use service::Service;
pub use settings::{RealmLimits, ServerSettings, UpdateMode};
pub use setup::Setup;
pub use view::{
    CommandError, HandedOver, HostCounts, HostRow, InterfaceView, PeerRow, PortsView, RealmRow, RevokeView,
    Standing, StatusView, WatchEvent, WhyRow, rfc3339,
};

/// One HMS. All it knows of the world comes in through its methods.
pub struct Server {
    name: Name,
    server: ServerId,
    settings: ServerSettings,
    interfaces: Vec<Interface>,
    keyring: Keyring,
    cluster: ClusterKey,
    cookies: CookieKey,
    default_realm: Option<RealmId>,

    registry: Registry,
    directory: Directory,
    offers: OfferQueue,
    unborn: Unborn,
    held: Held,
    answers: Answers,
    events: VecDeque<Event>,

    peers: Peers,
    hms_list: HmsList,

    start: Instant,
    wall: Wall,
    come_back: ComeBack,
    /// Hosts that may come back after a restart (R-REG-37).
    last_known: usize,
    rng: ChaCha20Rng,

    budgets: Budgets,
    unverified: Unverified,
    users: UserRates,
    hints: HintLimit,
    refusals: Refusals,
    drops: Drops,
    judged: Judged,
    heartbeats: Rate,

    /// The last entry into the machine, and the last full second.
    turned: Instant,
    ticked: Instant,
    /// Until then ACKs carry check time and mode: by then every reachable host has heard of them.
    tell_until: Instant,
    /// The longest check time that a row may have until then.
    longest: Duration,
    /// Until then ACKs carry the list of the HMSs, which changed.
    list_until: Instant,
    push_after: Instant,
    announce_due: Option<Instant>,
    announced: Option<Instant>,

    service: Service,
    watched: bool,
    watch_seq: u64,
    stopping: bool,
    /// Hosts that were sent to the successor.
    sent_on: BTreeSet<SessionId>,
    /// Why the secrets could not be stored.
    unstored: Option<String>,
}
