//! One other HMS with which the table is exchanged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::asks::Want;
use super::pace::Pace;
use super::serves::Serving;
use crate::ident::{Process, ServerId};
use crate::limits::{COMPARE_EVERY, FETCH_EVERY};
use crate::registry::{Reader, Teller};
use crate::time::Instant;
use crate::transport::LinkId;
use crate::wire::peer::{Begin, Cursor, Phase, Root};

pub(super) struct Peer {
    pub(super) process: Process,
    /// What changes that it tells are noted as.
    pub(super) teller: Teller,
    /// The link over which its INTRO was taken, and ours was sent.
    pub(super) link: Option<LinkId>,
    /// Since when there is none.
    pub(super) lost_at: Option<Instant>,
    /// Another link to it took the place of the one before, and they have not met over it yet.
    pub(super) relinks: bool,
    /// It is a neighbour.
    pub(super) up: bool,
    pub(super) suspect: bool,
    /// It was one, and is down though there is a link.
    pub(super) down: bool,
    pub(super) phase: Phase,
    /// Whom its last PING listed.
    pub(super) lists: Vec<Process>,
    pub(super) out: Out,
    pub(super) into: Into,
    pub(super) asks: Asks,
    pub(super) serves: Serves,
    /// Messages on stream control that are to be sent.
    pub(super) control: Vec<Vec<u8>>,
    /// When the last DELTA or PAGE came or went.
    pub(super) exchanged: Option<Instant>,
    /// Its last ROOT of the rows homed at itself.
    pub(super) told: Option<Root>,
    /// Whether its rows here were those there when that was last compared; none after a copy, until it is.
    pub(super) equal: Option<bool>,
}

/// What goes to it of changes: two places in the list of changes.
#[derive(Default)]
pub(super) struct Out {
    /// Up to where it was told.
    pub(super) sent: Option<Reader>,
    /// Up to where it has confirmed, and the revision that it named.
    pub(super) confirmed: Option<Reader>,
    pub(super) confirmed_at: u64,
    /// Up to here it was not told by DELTAs: that is found by comparison.
    pub(super) base: u64,
    /// The revision of the last DELTA.
    pub(super) sent_at: u64,
    /// It has sent RESUME over this link.
    pub(super) begun: bool,
    /// That goes before all else.
    pub(super) begin: Option<Begin>,
    /// A DELTA *all* is due.
    pub(super) all_due: bool,
    /// Homes of which ROOT is due.
    pub(super) roots: BTreeSet<Process>,
    /// When those are due that are told again and again.
    pub(super) root_at: Option<Instant>,
    /// When what waits is to go.
    pub(super) flush_at: Option<Instant>,
    pub(super) flushing: bool,
    /// Up to this revision CONFIRM is to come at once.
    pub(super) urgent: Option<u64>,
}

/// What comes of changes.
#[derive(Default)]
pub(super) struct Into {
    /// RESUME was sent over this link.
    pub(super) resumed: bool,
    /// BEGIN has come over it.
    pub(super) begun: bool,
    /// Its revision up to which all is applied; it outlives the link.
    pub(super) applied: u64,
    /// What was confirmed of that.
    pub(super) confirmed: u64,
    pub(super) confirm_at: Option<Instant>,
    /// A DELTA *all* was compared since this HMS began to synchronise.
    pub(super) all_heard: bool,
    /// What is not read yet, by stream: deltas, bulk.
    pub(super) inbox: [VecDeque<Waiting>; 2],
    /// The link was told to give no more of it.
    pub(super) paused: [bool; 2],
}

/// A message that is not read to its end.
pub(super) struct Waiting {
    pub(super) bytes: Vec<u8>,
    /// So many of its items are.
    pub(super) done: usize,
    /// What a PAGE does not list is being looked for, behind this.
    pub(super) swept: Option<Cursor>,
}

/// What this HMS asks it for: of each home one thing.
pub(super) struct Asks {
    pub(super) wants: BTreeMap<Process, Want>,
    /// The number of the last FETCH.
    pub(super) number: u32,
    pub(super) compare_at: Instant,
    pub(super) fetch_at: Instant,
    /// When something of it was last sent, or came.
    pub(super) moved: Instant,
}

/// What it asks for: one of each.
pub(super) struct Serves {
    pub(super) buckets: Option<Process>,
    pub(super) fetch: Option<Box<Serving>>,
    pub(super) compares: Pace,
    pub(super) fetches: Pace,
}

impl Serves {
    fn new(now: Instant) -> Self {
        Self {
            buckets: None,
            fetch: None,
            compares: Pace::new(now, COMPARE_EVERY),
            fetches: Pace::new(now, FETCH_EVERY),
        }
    }
}

impl Peer {
    pub(super) fn new(now: Instant, process: Process, teller: Teller) -> Self {
        Self {
            process,
            teller,
            link: None,
            lost_at: None,
            relinks: false,
            up: false,
            suspect: false,
            down: false,
            phase: Phase::Starting,
            lists: Vec::new(),
            out: Out::default(),
            into: Into::default(),
            asks: Asks { wants: BTreeMap::new(), number: 0, compare_at: now, fetch_at: now, moved: now },
            serves: Serves::new(now),
            control: Vec::new(),
            exchanged: None,
            told: None,
            equal: None,
        }
    }

    /// Goes on over another link: what was under way on the one before is gone.
    pub(super) fn begin_link(&mut self, now: Instant, link: LinkId) {
        self.link = Some(link);
        self.lost_at = None;
        self.stop_link(now);
    }

    /// Nothing goes over its link any more.
    pub(super) fn stop_link(&mut self, now: Instant) {
        let out = &mut self.out;
        (out.begun, out.begin, out.all_due, out.flushing) = (false, None, false, false);
        (out.flush_at, out.root_at, out.urgent) = (None, None, None);
        out.roots.clear();
        let applied = self.into.applied;
        self.into = Into { applied, all_heard: self.into.all_heard, ..Into::default() };
        self.serves = Serves::new(now);
        self.control.clear();
        self.asks.ask_again();
    }

    pub(super) fn lists(&self, process: Process) -> bool {
        self.lists.contains(&process)
    }

    pub(super) fn lists_server(&self, server: ServerId) -> bool {
        self.lists.iter().any(|listed| listed.server == server)
    }
}
