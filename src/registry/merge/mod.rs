//! How what several HMSs know of one user becomes one (spec 10.7): plain values and the rules between them, without a
//! thought to how rows are kept.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::net::{IpAddr, SocketAddr};

use super::ViewSpec;
use crate::ident::{Order, Process, SessionId};
use crate::planted::{Bug, planted};

/// What the home of a session says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Heard in time.
    Up,
    /// Kept by the brake, or without an address.
    Late,
    /// No heartbeat came in time: GONE (expiry).
    Expired,
}

/// Where a session is. The greater place counts (R-PEE-51).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The highest sequence that the home had accepted when the place changed (R-PEE-52).
    pub sequence: u64,
    /// What the home says of the session.
    pub standing: Standing,
    /// Who says so.
    pub home: Process,
    /// The published address, in its normal form.
    pub address: Option<SocketAddr>,
}

impl Place {
    /// Below every place that an HMS can tell.
    pub const LEAST: Self = Self {
        sequence: 0,
        standing: Standing::Up,
        home: Process::NOBODY,
        address: Some(SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0)),
    };

    /// Addresses are ordered as their bytes are (2.4): family, IP address, port.
    fn rank(&self) -> impl Ord {
        let address = self.address.map(|address| (address.ip(), address.port()));
        let home = if planted(Bug::HomesTie) { Process::NOBODY } else { self.home };
        (self.sequence, self.standing, home, address.is_none(), address)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a host says of itself, and what it follows. The greater one counts (R-PEE-51).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// The version of the content.
    pub version: u32,
    /// Content TLVs.
    pub content: &'a [u8],
    /// The view that the host wants to follow.
    pub view: ViewSpec<'a>,
    /// Whether changes are to be pushed; without a view they are not.
    pub push: bool,
}

impl Said<'_> {
    /// Below everything that a host can say.
    pub const NOTHING: Self = Self { version: 0, content: &[], view: ViewSpec::None, push: false };

    /// Views are ordered as their bytes are (VIEW): kind, push, what follows.
    fn rank(&self) -> impl Ord {
        let (kind, group, users): (u8, &str, &[_]) = match self.view {
            ViewSpec::None => (0, "", &[]),
            ViewSpec::Realm => (1, "", &[]),
            ViewSpec::Group(name) => (2, name, &[]),
            ViewSpec::Named(users) => (3, "", users),
        };
        (self.version, self.content, kind, self.push, group, users)
    }
}

impl Ord for Said<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Said<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A session, as far as it is known: from a ROW, or from a GONE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session<'a> {
    /// Which of the user's sessions it is.
    pub order: Order,
    /// What the host said.
    pub said: Said<'a>,
    /// Where it is.
    pub place: Place,
    /// The host left: for good (R-PEE-53).
    pub left: bool,
}

impl<'a> Session<'a> {
    /// One of which only its end is known: GONE (leave).
    pub const fn ended(order: Order) -> Self {
        Self { order, said: Said::NOTHING, place: Place::LEAST, left: true }
    }

    /// One of which only the place is known: GONE (expiry).
    pub const fn expired(order: Order, sequence: u64, home: Process) -> Self {
        let place = Place { sequence, standing: Standing::Expired, home, address: None };
        Self { order, said: Said::NOTHING, place, left: false }
    }

    /// Whether there is a row.
    pub fn is_there(&self) -> bool {
        !self.left && self.place.standing != Standing::Expired
    }

    /// What is known when both are: the later session, or of one session the greater of each part (R-PEE-50,
    /// R-PEE-51, R-PEE-53).
    pub fn merge(self, other: Self) -> Self {
        match self.order.cmp(&other.order) {
            Ordering::Less => other,
            Ordering::Greater => self,
            Ordering::Equal => Self {
                order: self.order,
                said: self.said.max(other.said),
                place: self.place.max(other.place),
                left: self.left || other.left,
            },
        }
    }

    /// Whether the user's other session came later (R-PEE-50).
    pub fn is_before(&self, other: &Self) -> bool {
        self.order < other.order && !planted(Bug::MergedByArrival)
    }

    /// Whether what the host says, and its place, are greater than those that are known of the session (R-PEE-51).
    pub fn exceeds(&self, known: &Self) -> (bool, bool) {
        if planted(Bug::MergedByArrival) {
            return (self.said != known.said, self.place != known.place);
        }
        let stale = planted(Bug::StaleHomeBelieved) && self.place.home != known.place.home;
        (self.said > known.said, self.place > known.place || stale)
    }

    /// The place with which a home that accepted sequences of this session keeps it, although it hears of a greater
    /// one; `None` if it gives it up (R-PEE-55).
    pub fn kept_by_home(&self, accepted: u64, other: &Self) -> Option<Place> {
        let disputed = self.is_there()
            && !planted(Bug::HomeYields)
            && !other.left
            && self.order == other.order
            && other.place > self.place
            && accepted > other.place.sequence;
        disputed.then_some(Place { sequence: accepted, ..self.place })
    }
}

/// What one HMS knows of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known<'a> {
    /// The latest session.
    pub session: Option<Session<'a>>,
    /// A session that its host left where nobody knew it: of that only the id is known, and only the last is kept.
    pub stray: Option<SessionId>,
}

impl<'a> Known<'a> {
    /// What is known when a ROW or GONE is heard.
    pub fn hear(self, told: Session<'a>) -> Self {
        let session = self.session.map_or(told, |known| known.merge(told));
        Self { session: Some(session), stray: self.stray }.settle()
    }

    /// The same for a GONE (leave) that says nothing but the session.
    pub fn hear_stray(mut self, left: SessionId) -> Self {
        match self.session.as_mut().filter(|known| known.order.session == left) {
            Some(known) => known.left = true,
            None => self.stray = Some(left),
        }
        self
    }

    /// A session that is known after all is marked itself.
    fn settle(mut self) -> Self {
        if let Some(session) = self.session.as_mut().filter(|known| Some(known.order.session) == self.stray) {
            session.left = true;
            self.stray = None;
        }
        self
    }
}
