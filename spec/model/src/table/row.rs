//! A row, and how two rows of one user are merged.

/// Order between sessions of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Order {
    pub generation: u8,
    pub stamp: u8,
    /// The HMS that stamped.
    pub server: u8,
    /// The session id: whoever stamps, starts again and has forgotten may give the same stamp twice.
    pub session: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    Up,
    Late,
    /// GONE(expiry), which only the home says.
    Expired,
}

/// Where a session is: the later sequence counts, and of one sequence the later status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The host's sequence when the place changed; only its order counts, so it counts the changes.
    pub sequence: u8,
    pub status: Status,
    pub home: u8,
    pub incarnation: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    pub order: Order,
    pub machine: u8,
    pub content: u8,
    pub place: Place,
    /// GONE(leave): ends the session, whatever else is known of it.
    pub left: bool,
}

/// Mistakes that may be planted into the merge.
#[derive(Clone, Copy, Default)]
pub struct Mistakes {
    pub arrival: bool,
    pub tie_by_nothing: bool,
    pub stale_home: bool,
    /// Two sessions of one stamp and server: the order as it was first written does not tell them apart.
    pub order_without_session: bool,
}

impl Row {
    /// Whether a host is shown.
    pub fn shown(&self) -> bool {
        !self.left && self.place.status != Status::Expired
    }

    /// What is known when `self` was, and `new` is heard.
    pub fn merge(self, new: Self, wrong: Mistakes) -> Self {
        if wrong.arrival {
            return new;
        }
        let (mine, other) = (self.order, new.order);
        let same_stamp = (mine.generation, mine.stamp) == (other.generation, other.stamp);
        let same_server = same_stamp && mine.server == other.server;
        if mine != other && (wrong.tie_by_nothing && same_stamp || wrong.order_without_session && same_server)
        {
            return self;
        }
        if mine != other {
            return if mine > other { self } else { new };
        }
        let stale = wrong.stale_home && new.place.status == Status::Expired;
        Self {
            content: self.content.max(new.content),
            place: if stale { new.place } else { self.place.max(new.place) },
            left: self.left || new.left,
            ..self
        }
    }
}
