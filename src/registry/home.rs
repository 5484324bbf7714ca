//! Where rows are at home (spec 10.8): the processes that rows name by number, which of them can be reached, and how
//! many rows of a realm each has.

use slab::Slab;

use super::list::List;
use super::realm::Realm;
use super::rows::{Row, bit};
use super::sums::Sums;
use super::{Registry, RowId};
use crate::ident::Process;
use crate::limits::HOMES_MAX;
use crate::planted::{Bug, planted};
use crate::time::Instant;

/// This process.
pub(super) const OWN: u16 = 0;
/// No process: the row is from a snapshot, or its home stood still for too long (R-PEE-06).
pub(super) const NOBODY: u16 = 1;

/// A process that has rows here.
struct Home {
    process: Process,
    rows: usize,
    reachable: bool,
    /// When it was last heard, if it is not.
    contact: Instant,
    /// Of its offered rows, where the table is shared.
    sums: Option<Sums>,
    /// Its rows that do not age.
    parked: List,
}

impl Home {
    const fn new(process: Process) -> Self {
        Self { process, rows: 0, reachable: false, contact: Instant::ZERO, sums: None, parked: List::EMPTY }
    }
}

/// All of them, by number.
pub(super) struct Homes {
    slots: Slab<Home>,
    /// Those that were lost with rows that do not age yet.
    pub(super) aging: Vec<u16>,
}

impl Homes {
    pub(super) fn new() -> Self {
        let nobody = || Home::new(Process::NOBODY);
        // The numbers are those of the constants above.
        let slots = [(usize::from(OWN), nobody()), (usize::from(NOBODY), nobody())].into_iter().collect();
        Self { slots, aging: Vec::new() }
    }

    pub(super) fn process(&self, number: u16) -> Process {
        self.slots.get(usize::from(number)).map_or(Process::NOBODY, |home| home.process)
    }

    pub(super) fn is_reachable(&self, number: u16) -> bool {
        self.slots.get(usize::from(number)).is_some_and(|home| home.reachable)
    }

    pub(super) fn contact(&self, number: u16) -> Instant {
        self.slots.get(usize::from(number)).map_or(Instant::ZERO, |home| home.contact)
    }

    fn find(&self, process: Process) -> Option<u16> {
        let others = self.slots.iter().filter(|(number, _)| *number > usize::from(NOBODY));
        let number = others.filter(|(_, home)| home.process == process).map(|(number, _)| number).next()?;
        u16::try_from(number).ok()
    }

    /// The number of a process, this one included.
    pub(super) fn find_any(&self, process: Process) -> Option<u16> {
        if self.process(OWN) == process { Some(OWN) } else { self.find(process) }
    }

    pub(super) fn parked_mut(&mut self, number: u16) -> Option<&mut List> {
        self.slots.get_mut(usize::from(number)).map(|home| &mut home.parked)
    }

    #[cfg(test)]
    pub(super) fn parked(&self) -> impl Iterator<Item = (u16, &List)> {
        self.slots.iter().map(|(number, home)| (number as u16, &home.parked))
    }

    pub(super) fn sums(&self, number: u16) -> Option<&Sums> {
        self.slots.get(usize::from(number))?.sums.as_ref()
    }

    pub(super) fn sums_mut(&mut self, number: u16) -> Option<&mut Option<Sums>> {
        self.slots.get_mut(usize::from(number)).map(|home| &mut home.sums)
    }

    #[cfg(test)]
    pub(super) fn all_sums_mut(&mut self) -> impl Iterator<Item = &mut Sums> {
        self.slots.iter_mut().filter_map(|(_, home)| home.sums.as_mut())
    }

    /// Every process, and the sums of its rows if it has some.
    pub(super) fn all(&self) -> impl Iterator<Item = (u16, Process, Option<&Sums>)> {
        let number = |number| u16::try_from(number).unwrap_or(u16::MAX);
        self.slots.iter().map(move |(slot, home)| (number(slot), home.process, home.sums.as_ref()))
    }

    /// The number of another process; `None` if there are too many: each costs 32 KiB of sums.
    pub(super) fn number(&mut self, process: Process) -> Option<u16> {
        let known = self.find(process);
        if known.is_some() || self.slots.len() > usize::from(NOBODY) + HOMES_MAX {
            return known;
        }
        self.enter(process)
    }

    /// The same, however many there are.
    fn enter(&mut self, process: Process) -> Option<u16> {
        if let Some(number) = self.find(process) {
            return Some(number);
        }
        let number = u16::try_from(self.slots.vacant_key()).ok()?;
        self.slots.insert(Home::new(process));
        Some(number)
    }

    /// Forgets a process that is neither there nor has rows.
    pub(super) fn drop_unused(&mut self, number: u16) {
        let unused =
            self.slots.get(usize::from(number)).is_some_and(|home| home.rows == 0 && !home.reachable);
        if unused && number > NOBODY {
            self.slots.try_remove(usize::from(number));
        }
    }
}

/// Copies of one home in a realm, those aside that it does not vouch for.
pub(super) struct Tally {
    home: u16,
    rows: usize,
    late: usize,
}

impl Row {
    /// Neither confirmed here nor vouched for by anybody.
    pub(super) const fn is_nobodys(&self) -> bool {
        !self.has(bit::CONFIRMED) && (self.home == NOBODY || self.has(bit::UNVOUCHED))
    }
}

impl Realm {
    /// Rows whose home is another process, and vouches for them.
    pub(super) fn copies(&self) -> usize {
        self.tallies.iter().map(|tally| tally.rows).sum()
    }

    fn tally(&mut self, home: u16) -> Option<&mut Tally> {
        let known = self.tallies.iter().position(|tally| tally.home == home);
        let place = known.unwrap_or(self.tallies.len());
        if known.is_none() {
            self.tallies.push(Tally { home, rows: 0, late: 0 });
        }
        self.tallies.get_mut(place)
    }
}

impl Registry {
    /// Says which process this is: the home of the rows that it confirms.
    pub fn set_process(&mut self, process: Process) {
        if let Some(own) = self.homes.slots.get_mut(usize::from(OWN)) {
            own.process = process;
        }
    }

    /// Another process can be reached: what it vouches for is live and does not age (R-PEE-63, R-PEE-68).
    pub fn home_reached(&mut self, process: Process) {
        let number = self.homes.enter(process);
        if let Some(home) = number.and_then(|number| self.homes.slots.get_mut(usize::from(number))) {
            home.reachable = true;
        }
    }

    /// It can be reached no more, and was last heard at `contact`: its rows age from then on (R-PEE-64).
    pub fn home_lost(&mut self, process: Process, contact: Instant) {
        let Some(number) = self.homes.find(process).filter(|_| !planted(Bug::CopiesStay)) else { return };
        if let Some(home) = self.homes.slots.get_mut(usize::from(number)) {
            (home.reachable, home.contact) = (false, home.contact.max(contact));
        }
        self.homes.begin_aging(number);
        self.homes.drop_unused(number);
    }

    /// A copy that its home does not have, it seems: it ages from now on (R-PEE-63).
    pub fn unvouch(&mut self, now: Instant, id: RowId) {
        self.set_vouched(now, id, false);
    }

    /// The home has it after all.
    pub fn vouch(&mut self, now: Instant, id: RowId) {
        self.set_vouched(now, id, true);
    }

    fn set_vouched(&mut self, now: Instant, id: RowId, vouched: bool) {
        let is_copy = |row: &&Row| !row.has(bit::CONFIRMED) && row.home > NOBODY;
        let Some(row) = self.rows.get(id.0).filter(is_copy) else { return };
        if row.has(bit::UNVOUCHED) != vouched {
            return;
        }
        self.recount(id.0, |registry| {
            if let Some(row) = registry.rows.get_mut(id.0) {
                row.set(bit::UNVOUCHED, !vouched);
                row.set_heard(now);
            }
        });
        self.reschedule(now, id.0);
        if vouched {
            // Others may have been told nothing of it meanwhile.
            self.touch(id.0);
        }
    }

    /// A copy of which nobody may say that it is gone but its home.
    pub(super) fn is_vouched_copy(&self, row: &Row) -> bool {
        !row.has(bit::CONFIRMED) && !row.has(bit::UNVOUCHED) && self.homes.is_reachable(row.home)
    }

    /// Since when nothing was heard of a row.
    pub(super) fn silent_since(&self, row: &Row) -> Instant {
        if row.has(bit::CONFIRMED) || row.has(bit::UNVOUCHED) {
            return row.heard();
        }
        row.heard().max(self.homes.contact(row.home))
    }

    /// Changes what a row is counted as. A copy that its home vouches for no more is to be scheduled then.
    pub(super) fn recount(&mut self, id: u32, edit: impl FnOnce(&mut Self)) {
        let before = self.rows.get(id).map_or(OWN, |row| row.home);
        self.count(id, false);
        self.unsum(id);
        let parked = self.unpark(id);
        edit(self);
        self.count(id, true);
        if parked {
            self.repark(id);
        }
        self.homes.drop_unused(before);
    }

    /// Counts a row in its realm and at its home, or takes it out of the count.
    pub(super) fn count(&mut self, id: u32, there: bool) {
        let Some(row) = self.rows.get(id) else { return };
        let (home, late) = (row.home, usize::from(row.has(bit::LATE)));
        let adjust = |number: &mut usize, by: usize| {
            *number = if there { *number + by } else { number.saturating_sub(by) };
        };
        if let Some(realm) = self.realms.get_mut(usize::from(row.realm)) {
            if row.has(bit::CONFIRMED) {
                adjust(&mut realm.late, late);
            } else if row.is_nobodys() {
                adjust(&mut realm.unconfirmed, 1);
            } else if let Some(tally) = realm.tally(home) {
                adjust(&mut tally.rows, 1);
                adjust(&mut tally.late, late);
                realm.tallies.retain(|tally| tally.rows > 0);
            }
        }
        if let Some(home) = self.homes.slots.get_mut(usize::from(home)) {
            adjust(&mut home.rows, 1);
        }
    }

    /// Copies of a realm by status: late, and known to nobody who can be reached.
    pub(super) fn counted_copies(&self, realm: &Realm) -> (usize, usize) {
        realm.tallies.iter().fold((0, 0), |(late, unconfirmed), tally| {
            if self.homes.is_reachable(tally.home) {
                (late + tally.late, unconfirmed)
            } else {
                (late, unconfirmed + tally.rows)
            }
        })
    }
}
