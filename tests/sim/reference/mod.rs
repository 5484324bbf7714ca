//! The HMS once more, as naive as it can be: maps and sets, no indexes, no wheel, no lists. It is told every datagram that
//! reaches the HMS, says which answers the specification allows, and learns from the answer that came. What it cannot
//! know (where a time slot begins) it leaves open; everything else must agree to the letter.

mod directory;
mod judge;
mod rates;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hms::ident::{Generation, Incarnation, InstanceId, RealmId, ServerId, SessionId, Stamp, UserId};
use hms::limits;
use hms::time::{Duration, Instant};
use hms::wire::{UpdateMode, View};

pub use judge::{Asked, Judgement};
pub use settle::{Reply, Retried, learn_generations};

/// A realm's user.
pub type Who = (RealmId, UserId);

/// Perhaps: the answer hangs on something that only the HMS knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maybe {
    Yes,
    No,
    Perhaps,
}

/// The last 64 sequences, kept as a set.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    highest: u64,
    /// A row confirmed or moved at this sequence: nothing sent before counts (row 9 of the table).
    floor: u64,
    all: BTreeSet<u64>,
}

impl Seen {
    pub fn would_accept(&self, sequence: u64) -> bool {
        let within = || self.highest - sequence < limits::WINDOW && sequence > self.floor;
        sequence > self.highest || (within() && !self.all.contains(&sequence))
    }

    pub fn start_at(sequence: u64) -> Self {
        Self { highest: sequence, floor: sequence, all: BTreeSet::new() }
    }

    pub fn accept(&mut self, sequence: u64) {
        self.all.insert(sequence);
        self.highest = self.highest.max(sequence);
    }
}

#[derive(Clone, Debug)]
pub struct Row {
    pub session: SessionId,
    pub generation: Generation,
    pub stamp: Stamp,
    pub instance: InstanceId,
    /// What is published.
    pub address: Option<SocketAddr>,
    pub confirmed: bool,
    pub late: bool,
    /// The brake keeps it (R-REG-43).
    pub braked: bool,
    /// Some heartbeat of this session was taken; after a restart nobody knows.
    pub heard: Maybe,
    pub seen: Seen,
    pub last: Instant,
    /// The check time that this host was told last.
    pub told: Duration,
    /// The check time that counts for its expiry: a shorter one only when the host must have heard of it.
    pub counts: Duration,
    /// The shortest that may count already: nobody outside knows exactly how long the process stood still.
    pub least: Duration,
    pub content_version: u32,
    pub content: Vec<u8>,
    pub view: View,
    pub push: bool,
}

/// A cookie, and all that it is bound to but time and stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    from: SocketAddr,
    who: Who,
    /// Nonce of an INIT or REGISTER, else the session.
    field: u64,
    cookie: u64,
}

/// A cookie that the HMS gave.
#[derive(Clone, Debug)]
struct Given {
    shown: Shown,
    at: Instant,
    /// The known stamp that a registration cookie is bound to.
    known: Known,
}

/// The stamp known of a user (R-AUT-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    stamp: Stamp,
    /// It is about to be forgotten, or was just.
    blurred: bool,
}

/// What the HMS was set to.
#[derive(Clone, Debug)]
pub struct Rules {
    pub check_time: Duration,
    pub expiry_factor: f64,
    pub mode: UpdateMode,
    pub push: bool,
    /// Most rows of the second realm; it also takes only one registration a second then.
    pub full: Option<usize>,
}

impl Rules {
    pub fn expiry(&self, check_time: Duration) -> Duration {
        check_time.mul_f64(self.expiry_factor)
    }
}

/// One process of the HMS, as it should be.
pub struct Reference {
    pub server: ServerId,
    pub incarnation: Incarnation,
    pub rules: Rules,
    /// Realms whose rows and cookies there are.
    pub rows: BTreeMap<Who, Row>,
    /// And whether the host left.
    removed: BTreeMap<Who, (Stamp, Instant, bool)>,
    /// Sessions that were left while there was no row of theirs.
    unborn: BTreeMap<SessionId, Instant>,
    given: Vec<Given>,
    /// From then on every host has heard of the check time that holds.
    settled: Instant,
    /// At the latest.
    settled_late: Instant,
    /// The longest check time that a row may have until then.
    longest: Duration,
    /// The process stood still, in all.
    stalls: Vec<(Instant, Duration)>,
    /// When the brake last held in a realm.
    held: BTreeMap<RealmId, Instant>,
    number: u64,
    changes: rates::Changes,
    /// The stamp clock of the process.
    pub clock: u64,
    /// Rows that lost their address to another (R-REG-25).
    pub displaced: u64,
}

impl Reference {
    /// A new process, with the rows of its snapshot.
    pub fn new(
        server: ServerId,
        incarnation: Incarnation,
        now: Instant,
        rules: Rules,
        snapshot: BTreeMap<Who, Row>,
    ) -> Self {
        let restore = |mut row: Row| {
            row.confirmed = false;
            row.late = row.address.is_none();
            row.braked = false;
            row.heard = Maybe::Perhaps;
            row.seen = Seen::default();
            row.last = now;
            row
        };
        let rows: BTreeMap<_, _> = snapshot.into_iter().map(|(who, row)| (who, restore(row))).collect();
        let longest = rows.values().map(|row| row.counts).fold(rules.check_time, Duration::max);
        Self {
            longest,
            settled: now + rules.expiry(longest),
            settled_late: now + rules.expiry(longest),
            server,
            incarnation,
            rules,
            rows,
            removed: BTreeMap::new(),
            unborn: BTreeMap::new(),
            given: Vec::new(),
            stalls: Vec::new(),
            held: BTreeMap::new(),
            number: 0,
            changes: rates::Changes::default(),
            clock: 0,
            displaced: 0,
        }
    }

    /// Removes a row; its stamp stays known for 30 s.
    fn remove(&mut self, now: Instant, who: Who, left: bool) -> Option<Row> {
        let row = self.rows.remove(&who)?;
        self.removed.insert(who, (row.stamp, now, left));
        Some(row)
    }

    /// The stamp of a row that left while there is no other (R-REG-22), and whether it is surely known still.
    fn left(&self, now: Instant, who: Who) -> Option<(Stamp, bool)> {
        let (stamp, at, left) = self.removed.get(&who).filter(|_| !self.rows.contains_key(&who))?;
        let age = now.since(*at);
        let kept = limits::REMOVED_STAMP_KEPT;
        (*left && age < kept * 4).then_some((*stamp, age < kept))
    }

    fn known(&self, now: Instant, who: Who) -> Known {
        if let Some(row) = self.rows.get(&who) {
            return Known { stamp: row.stamp, blurred: false };
        }
        match self.removed.get(&who) {
            None => Known { stamp: Stamp(0), blurred: false },
            Some((stamp, at, _)) => {
                let age = now.since(*at);
                // Forgotten at the latest a second after its time; until then nobody can tell.
                let kept = limits::REMOVED_STAMP_KEPT;
                let blurred = age >= kept && age < kept * 4;
                let stamp = if age < kept { *stamp } else { Stamp(0) };
                Known { stamp, blurred }
            }
        }
    }

    /// New settings are in force.
    pub fn reload(&mut self, now: Instant, rules: Rules) {
        let before = if now < self.settled_late { self.longest } else { Duration::ZERO };
        self.longest = before.max(self.rules.check_time).max(rules.check_time);
        let longest = rules.expiry(self.longest);
        if rules.check_time != self.rules.check_time || rules.mode != self.rules.mode {
            self.settled = self.settled.max(now + longest);
            self.settled_late = self.settled_late.max(now + longest);
        }
        self.rules = rules;
    }

    /// The user was revoked.
    pub fn revoke(&mut self, now: Instant, who: Who) -> bool {
        self.remove(now, who, false).is_some()
    }

    /// The process did nothing, or lost what came, for so long until now.
    pub fn stood_still(&mut self, now: Instant, length: Duration) {
        self.stalls.push((now, length));
        self.settled += noticed(length);
        self.settled_late += length;
    }

    /// How long the process stood still since `from`.
    fn stalled_since(&self, from: Instant) -> Duration {
        self.stalls.iter().filter(|(end, _)| *end >= from).map(|(_, length)| *length).sum()
    }

    /// The HMS says that a row expired: was it time?
    pub fn expire(&mut self, now: Instant, who: Who) -> Result<(), String> {
        let Some(row) = self.rows.get(&who) else { return Err("expired a row that it did not have".into()) };
        let age = now.since(row.last);
        let earliest = self.rules.expiry(row.least) + self.deferred_since(row.last);
        // The HMS keeps times in whole milliseconds.
        if age + Duration::from_millis(1) < earliest {
            return Err(format!("a row expired {age:?} after its last heartbeat, before {earliest:?}"));
        }
        self.check_age(now, who.0, row)?;
        let limit = self.rules.expiry(row.least) * limits::BRAKE_LIMIT - row.counts / 10;
        let braked = row.confirmed && age + Duration::from_millis(1) < limit;
        // Who could still be there after one check time, by the tenth of R-REG-41, need not be counted yet.
        if braked && self.silent(now, who.0, row.counts / 10) > self.brake(who.0) {
            return Err("a row expired although the brake should hold".into());
        }
        self.remove(now, who, false);
        Ok(())
    }

    /// Rows of a realm that would expire within one check time, but for the last `but` of it.
    fn silent(&self, now: Instant, realm: RealmId, but: Duration) -> usize {
        let check = |row: &Row| if but.is_zero() { row.least } else { row.counts };
        // What the HMS slept through it puts off; at the least nothing of it.
        let slept = |row: &Row| if but.is_zero() { but } else { self.stalled_since(row.last) };
        let near =
            |row: &Row| now.since(row.last) + check(row) >= self.rules.expiry(check(row)) + but + slept(row);
        self.rows.iter().filter(|(who, row)| who.0 == realm && row.confirmed && near(row)).count()
    }

    /// So many may expire within one check time.
    fn brake(&self, realm: RealmId) -> usize {
        let rows = self.rows.keys().filter(|who| who.0 == realm).count();
        limits::BRAKE_ROWS.max(rows * limits::BRAKE_PERCENT / 100)
    }

    /// The HMS says that a row is late: it was displaced, or the brake holds.
    pub fn late(&mut self, now: Instant, who: Who) -> Result<bool, String> {
        let (silent, brake) = (self.silent(now, who.0, Duration::ZERO), self.brake(who.0));
        let Some(row) = self.rows.get_mut(&who) else { return Err("a row is late that is not there".into()) };
        if row.late {
            return Ok(false);
        }
        let (age, early) = (now.since(row.last), row.least);
        if silent <= brake || age + Duration::from_millis(1) < early {
            return Err(format!("a row is late after {age:?}, and only {silent} are silent"));
        }
        (row.late, row.braked) = (true, true);
        self.held.insert(who.0, now);
        Ok(true)
    }

    /// By how much the process must put off what it was about to do: what it can notice of its stalls (R-REG-44).
    fn deferred_since(&self, from: Instant) -> Duration {
        let stalls = self.stalls.iter().filter(|(end, length)| *end - *length >= from);
        stalls.map(|(_, length)| noticed(*length)).sum()
    }

    /// Whether the brake has the row. Of one that was late already, because its address was taken, nobody says so.
    fn may_be_kept(&self, now: Instant, realm: RealmId, row: &Row) -> bool {
        let held = self.held.get(&realm).is_some_and(|at| now.since(*at) < row.counts * 5 / 2);
        row.braked || row.late && (held || self.silent(now, realm, Duration::ZERO) > self.brake(realm))
    }

    /// A row that is still there must not be older than its expiry and a tenth of a check time.
    fn check_age(&self, now: Instant, realm: RealmId, row: &Row) -> Result<(), String> {
        let (expiry, kept) = (self.rules.expiry(row.counts), self.may_be_kept(now, realm, row));
        let latest = if kept { expiry * limits::BRAKE_LIMIT } else { expiry + row.counts / 10 };
        let latest = latest + self.stalled_since(row.last);
        let age = now.since(row.last);
        if age > latest + Duration::from_millis(5) {
            return Err(format!("a row is there {age:?} after its last heartbeat, past {latest:?}"));
        }
        Ok(())
    }

    /// Once a second.
    pub fn check_ages(&mut self, now: Instant) -> Result<(), String> {
        let realms: BTreeSet<_> = self.rows.keys().map(|who| who.0).collect();
        let held =
            realms.into_iter().filter(|realm| self.silent(now, *realm, Duration::ZERO) > self.brake(*realm));
        for realm in held.collect::<Vec<_>>() {
            self.held.insert(realm, now);
        }
        self.rows.iter().try_for_each(|(who, row)| {
            self.check_age(now, who.0, row).map_err(|wrong| format!("user {}: {wrong}", who.1))
        })
    }

    /// A session without a row is left: a cookie from before must not begin it (R-REG-42).
    fn left_before(&mut self, now: Instant, session: SessionId) {
        self.unborn.retain(|_, at| now.since(*at) < limits::REGISTER_COOKIE_SLOT * 2);
        self.unborn.entry(session).or_insert(now);
    }

    /// Forgets what cannot matter any more.
    pub fn tidy(&mut self, now: Instant) {
        self.given.retain(|given| now.since(given.at) < Duration::from_secs(60));
        self.stalls.retain(|(end, _)| now.since(*end) < Duration::from_secs(600));
    }

    fn registration_cookie(&self, now: Instant, shown: &Shown) -> Maybe {
        let known = self.known(now, shown.who);
        self.cookie(now, shown, limits::REGISTER_COOKIE_SLOT, |given| match given.known {
            then if then.blurred || known.blurred => Maybe::Perhaps,
            then if then.stamp == known.stamp => Maybe::Yes,
            _ => Maybe::No,
        })
    }

    fn session_cookie(&self, now: Instant, shown: &Shown) -> Maybe {
        self.cookie(now, shown, limits::SESSION_COOKIE_SLOT, |_| Maybe::Yes)
    }

    /// Whether this process gave the cookie to this source for this purpose, one or two slots ago.
    fn cookie(&self, now: Instant, shown: &Shown, slot: Duration, bound: impl Fn(&Given) -> Maybe) -> Maybe {
        let mut best = Maybe::No;
        for given in self.given.iter().filter(|given| given.shown == *shown) {
            let age = now.since(given.at);
            let by_age = match age {
                age if age < slot => Maybe::Yes,
                age if age < slot * 2 => Maybe::Perhaps,
                _ => Maybe::No,
            };
            match (by_age, bound(given)) {
                (Maybe::Yes, Maybe::Yes) => return Maybe::Yes,
                (Maybe::No, _) | (_, Maybe::No) => {}
                _ => best = Maybe::Perhaps,
            }
        }
        best
    }
}

/// What a process must at least notice of having stood still for so long.
fn noticed(length: Duration) -> Duration {
    let short = length <= Duration::from_millis(1250);
    if short { Duration::ZERO } else { length.saturating_sub(Duration::from_millis(1001)) }
}
