//! The host as one machine (spec 4.7): finds an HMS, registers, keeps saying that it is there, follows the
//! directory, leaves. Sans-I/O: time, datagrams and randomness come from the caller.
//!
//! The owner calls `handle_*` and the commands, then drains [`Host::poll_output`] and [`Host::poll_event`], then
//! sleeps until [`Host::poll_timeout`]. Calls that come for nothing do nothing; bad datagrams are counted.

mod allowance;
mod answers;
mod change;
mod contact;
mod end;
mod event;
mod find;
mod follow;
mod heartbeat;
mod hints;
mod leave;
mod list;
mod outbox;
mod own;
mod pull;
mod redirects;
mod registering;
mod requests;
mod routes;
mod searching;
mod session;
mod store;
mod timer;
mod views;
mod who;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

pub use change::{Change, ChangeError, service as parse_service};
pub use event::Event;
pub use list::WhoCursor;
pub use views::{HostRow, PortsView, SelfView, WhoView};

use crate::auth::UserKey;
use crate::discovery::{Probes, Search};
use crate::ident::{Epoch, InstanceId, Name, RealmId, UserId};
use crate::net::{Arrival, Interface, Transmit};
use crate::storage::HostStore;
use crate::time::{Instant, UnixMillis};
use crate::token::Token;
use crate::wire::{Content, View};

use contact::Contact;
use find::Finds;
use follow::Follow;
use heartbeat::Beat;
use hints::Hints;
use leave::Leaving;
use outbox::Outbox;
use own::Own;
use redirects::Redirects;
use requests::Requests;
use routes::Routes;
use session::{Session, Told};
use timer::{Timer, Timers};

/// What a host is made of.
#[derive(Clone, Debug)]
pub struct HostSetup {
    /// Who it is.
    pub token: Token,
    /// What it kept; content, view and push of the store give way to the ones below.
    pub store: HostStore,
    /// What it says of itself.
    pub content: Content,
    /// What it follows.
    pub view: View,
    /// Whether changes are to be pushed.
    pub push: bool,
    /// Whether a live row of another machine may be replaced: only by `hms join`.
    pub takeover: bool,
    /// Names of the HMSs to prefer, best first.
    pub near: Vec<Name>,
    /// Seed of all randomness.
    pub seed: [u8; 32],
    /// The wall clock now, only shown.
    pub wall: UnixMillis,
}

/// Who the host is: what every header says.
#[derive(Debug)]
struct Identity {
    realm: RealmId,
    epoch: Epoch,
    user: UserId,
    key: UserKey,
    user_name: Name,
    instance: InstanceId,
    /// The token names addresses: no multicast.
    addressed: bool,
}

/// Spec 4.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Seeking,
    Contacting,
    Registering,
    Registered,
    Searching,
    Leaving,
    Refused,
    Superseded,
    Left,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Seeking => "seeking",
            Self::Contacting => "contacting",
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::Searching => "searching",
            Self::Leaving => "leaving",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::Left => "left",
        }
    }

    const fn ended(self) -> bool {
        matches!(self, Self::Refused | Self::Superseded | Self::Left)
    }
}

/// A host.
#[derive(Debug)]
pub struct Host {
    me: Identity,
    state: State,
    rng: ChaCha20Rng,
    wall: (Instant, UnixMillis),
    timers: Timers,
    out: Outbox,
    events: VecDeque<Event>,
    drops: BTreeMap<&'static str, u64>,
    routes: Routes,
    contact: Contact,
    session: Option<Session>,
    requests: Requests,
    beat: Beat,
    redirects: Redirects,
    own: Own,
    follow: Follow,
    finds: Finds,
    leaving: Option<Leaving>,
    told: Told,
    search: Search,
    probes: Probes,
    hints: Hints,
    store: HostStore,
    /// When the last authenticated answer came.
    heard: Option<Instant>,
    near: Vec<Name>,
    takeover: bool,
    /// Unknown before the first list.
    interfaces: Option<Vec<Interface>>,
}

impl Host {
    /// A host that begins to look for an HMS at once, unless the store says that it was superseded.
    pub fn new(now: Instant, setup: HostSetup) -> Self {
        let HostSetup { token, store, mut content, mut view, push, takeover, near, seed, wall } = setup;
        let shortened = own::shorten(&mut content, &mut view);
        let store = store::prepared(store, &token, &content, &view, push);
        let mut this = Self {
            state: State::Seeking,
            rng: ChaCha20Rng::from_seed(seed),
            wall: (now, wall),
            timers: Timers::default(),
            out: Outbox::default(),
            events: VecDeque::new(),
            drops: BTreeMap::new(),
            routes: Routes::new(&token.addresses, store.hms.clone()),
            contact: Contact::new(now),
            session: None,
            requests: Requests::default(),
            beat: Beat::new(),
            redirects: Redirects::default(),
            own: Own::new(content, view, push),
            follow: Follow::new(),
            finds: Finds::default(),
            leaving: None,
            told: Told::from_store(&token, &store),
            search: Search::new(),
            probes: Probes::new(),
            hints: Hints::default(),
            heard: None,
            near,
            takeover,
            interfaces: None,
            me: Identity {
                realm: token.realm,
                epoch: token.epoch,
                user: token.user_id(),
                key: token.user_key.clone(),
                user_name: token.user_name.clone(),
                instance: store.instance,
                addressed: !token.addresses.is_empty(),
            },
            store,
        };
        this.restore();
        if shortened {
            let text =
                "content and view are too long for one datagram; reported addresses or the view are left out";
            this.log(log::Level::Warn, text.into());
        }
        this.begin(now);
        this
    }

    fn begin(&mut self, now: Instant) {
        if self.takeover && self.store.superseded.take().is_some() {
            self.persist_now();
        }
        if self.store.superseded.is_some() {
            self.state = State::Superseded;
            self.events.push_back(Event::Superseded);
        } else {
            self.seek(now);
        }
    }

    /// `hms join` again: begins anew, and may take the user back from another machine.
    pub fn rejoin(&mut self, now: Instant) {
        self.takeover = true;
        if self.state.ended() {
            self.begin(now);
        }
    }

    /// The wall clock, for times that are shown.
    pub fn set_wall(&mut self, now: Instant, wall: UnixMillis) {
        self.wall = (now, wall);
    }

    /// The usable interfaces; when they change the host says at once where it is, or looks again.
    pub fn set_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        let first = self.interfaces.is_none();
        let changed = self.interfaces.as_ref().is_some_and(|known| *known != interfaces);
        self.routes.set_own(interfaces.iter().flat_map(|interface| &interface.addresses));
        self.interfaces = Some(interfaces);
        if changed {
            self.network_changed(now);
        } else if first {
            self.order_contacts(now);
        }
    }

    /// A datagram came in.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, arrival: Arrival, bytes: &[u8]) {
        if let Err(reason) = self.take(now, from, arrival, bytes) {
            *self.drops.entry(reason).or_default() += 1;
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Contact => self.contact_due(now),
                Timer::Beat => self.beat_due(now),
                Timer::Pull => self.pull_due(now),
                Timer::Find => self.find_due(now),
                Timer::Leave => self.leave_due(now),
                Timer::Hint => self.hint_due(now),
                Timer::Persist => self.persist_now(),
            }
        }
        self.search_due(now);
    }

    /// The next datagram to send; `buf` is cleared and holds its bytes.
    pub fn poll_output(&mut self, _now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.out.pop(buf)
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let search = if self.state.ended() { None } else { self.search.next_due() };
        [self.timers.next(), search, self.probes.next_due()].into_iter().flatten().min()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Datagrams dropped, by reason.
    pub const fn drops(&self) -> &BTreeMap<&'static str, u64> {
        &self.drops
    }

    /// Whether the host ended: refused, superseded or left.
    pub const fn ended(&self) -> bool {
        self.state.ended()
    }

    /// Whether an HMS has the registration and answers.
    pub fn registered(&self) -> bool {
        self.state == State::Registered
    }

    fn log(&mut self, level: log::Level, text: String) {
        self.events.push_back(Event::Log { level, text });
    }

    /// The wall clock at `at`.
    fn wall_at(&self, at: Instant) -> UnixMillis {
        let (then, wall) = self.wall;
        let passed = at.since(then).as_millis() as i128 - then.since(at).as_millis() as i128;
        UnixMillis(u64::try_from(i128::from(wall.0) + passed).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
