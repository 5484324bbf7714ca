//! Deadlines in O(1): a hierarchical wheel of lists. A slot is opened at or before the deadlines in it and each row is
//! then looked at; what is not due yet goes into a finer slot. A heartbeat moves its row to a later slot, so that no
//! row that lives is ever looked at. The lists' links are kept apart from the rows, eight to a cache line.

use std::hint::black_box;

use super::list::{Link, Links, List};
use super::rows::{NIL, Rows};
use crate::time::Instant;

/// A tick is 2^14 µs, about 16 ms.
const TICK_BITS: u32 = 14;
const LEVELS: usize = 8;
const SLOTS: usize = 256;
const WORDS: usize = SLOTS / 64;
/// Each level is eight times as coarse as the one before: a slot is at most 1/31 of the time until it is opened.
const SHIFT: u32 = 3;
/// Not in the wheel.
pub(super) const NO_SLOT: u16 = u16::MAX;

/// In a list beside the wheel: nothing comes of the row's silence.
pub(super) const PARKED: u16 = u16::MAX - 1;

/// Links in one piece: growing never moves those that are there.
const CHUNK: usize = 1 << 12;
/// Rows that are moved together.
const MOVES: usize = 32;
/// Lists of a slot: going along one is to wait for memory at each step, along several it is so only at each fourth.
const LANES: usize = 4;

/// The links of all rows, by id.
#[derive(Default)]
struct TimerLinks {
    chunks: Vec<Box<[Link]>>,
}

impl TimerLinks {
    fn get(&self, id: u32) -> Option<&Link> {
        self.chunks.get(id as usize / CHUNK)?.get(id as usize % CHUNK)
    }

    /// Makes room for a row.
    fn reach(&mut self, id: u32) {
        while self.chunks.len() <= id as usize / CHUNK {
            self.chunks.push(vec![Link::NONE; CHUNK].into_boxed_slice());
        }
    }
}

impl Links for TimerLinks {
    fn link(&mut self, id: u32) -> Option<&mut Link> {
        self.chunks.get_mut(id as usize / CHUNK)?.get_mut(id as usize % CHUNK)
    }
}

/// A row that was heard, and the tick of its new deadline.
#[derive(Clone, Copy)]
struct Move {
    id: u32,
    tick: u64,
}

/// The wheel.
pub(super) struct Wheel {
    links: TimerLinks,
    /// What is to be moved before anything else is done with the wheel: what many moves need in memory is asked for at
    /// once, and waited for about once.
    moves: Vec<Move>,
    /// All slots that begin before this tick are empty.
    at: u64,
    slots: Box<[[List; LANES]]>,
    /// The list that comes next in the slot that is open.
    lane: usize,
    /// One bit for each slot that holds rows.
    used: [[u64; WORDS]; LEVELS],
    /// The slot that is to be opened first and its tick, as long as that is known: it is asked for at every turn.
    first: Option<(u64, usize)>,
}

impl Wheel {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            links: TimerLinks::default(),
            moves: Vec::with_capacity(MOVES),
            at: now.micros() >> TICK_BITS,
            slots: vec![[List::EMPTY; LANES]; LEVELS * SLOTS].into_boxed_slice(),
            lane: 0,
            used: [[0; WORDS]; LEVELS],
            first: None,
        }
    }

    /// Puts a row in, to be looked at no later than one tick after `deadline`.
    pub(super) fn insert(&mut self, rows: &mut Rows, id: u32, deadline: Instant) {
        self.settle(rows);
        let slot = self.slot_for(tick_of(deadline));
        let Some(row) = rows.get_mut(id) else { return };
        row.timer_slot = slot as u16;
        self.links.reach(id);
        self.link(slot, id);
    }

    /// Gives a row that is in the wheel another deadline.
    pub(super) fn move_to(&mut self, rows: &mut Rows, id: u32, deadline: Instant) {
        if self.moves.len() == MOVES {
            self.settle(rows);
        }
        self.moves.push(Move { id, tick: tick_of(deadline) });
    }

    /// Moves what is to be moved.
    pub(super) fn settle(&mut self, rows: &mut Rows) {
        if self.moves.is_empty() {
            return;
        }
        let mut moves = std::mem::take(&mut self.moves);
        self.expect(&moves);
        for Move { id, tick } in moves.drain(..) {
            let slot = self.slot_for(tick);
            let Some(row) = rows.get_mut(id) else { continue };
            let old = usize::from(std::mem::replace(&mut row.timer_slot, slot as u16));
            if old != slot {
                self.unlink(old, id);
                self.link(slot, id);
            }
        }
        self.moves = moves;
    }

    /// Brings close what these moves need: within a step nothing waits for anything else.
    fn expect(&self, moves: &[Move]) {
        let around = moves.iter().flat_map(|moved| self.neighbours(moved.id));
        black_box(around.fold(0, |sum, id| sum ^ self.neighbours(id)[0]));
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, rows: &mut Rows, id: u32) {
        self.settle(rows);
        self.take_out(rows, id);
    }

    /// Puts a row that is in no slot into a list beside the wheel.
    pub(super) fn park(&mut self, rows: &mut Rows, id: u32, list: &mut List) {
        self.settle(rows);
        let Some(row) = rows.get_mut(id) else { return };
        row.timer_slot = PARKED;
        self.links.reach(id);
        list.push_back(&mut self.links, id);
    }

    /// Takes it out of that list again.
    pub(super) fn unpark(&mut self, rows: &mut Rows, id: u32, list: &mut List) {
        let Some(row) = rows.get_mut(id) else { return };
        row.timer_slot = NO_SLOT;
        list.remove(&mut self.links, id);
    }

    /// How many rows are in such a list.
    #[cfg(test)]
    pub(super) fn parked(&self, list: &List) -> usize {
        std::iter::successors(self.links.get(list.head), |link| self.links.get(link.next)).count()
    }

    fn take_out(&mut self, rows: &mut Rows, id: u32) {
        let Some(row) = rows.get_mut(id) else { return };
        self.unlink(usize::from(std::mem::replace(&mut row.timer_slot, NO_SLOT)), id);
    }

    fn link(&mut self, slot: usize, id: u32) {
        let lane = id as usize % LANES;
        let Some(list) = self.slots.get_mut(slot).and_then(|lists| lists.get_mut(lane)) else { return };
        let first = list.is_empty();
        list.push_back(&mut self.links, id);
        if first {
            self.mark(slot, true);
        }
    }

    fn unlink(&mut self, slot: usize, id: u32) {
        let Some(lists) = self.slots.get_mut(slot) else { return };
        let Some(list) = lists.get_mut(id as usize % LANES) else { return };
        list.remove(&mut self.links, id);
        if list.is_empty() && lists.iter().all(List::is_empty) {
            self.mark(slot, false);
        }
    }

    /// The rows before and behind a row in its slot: what moving it touches beside it.
    fn neighbours(&self, id: u32) -> [u32; 2] {
        self.links.get(id).map_or([NIL; 2], |link| [link.previous, link.next])
    }

    /// Takes out a row whose slot is to be opened by `now`.
    pub(super) fn pop(&mut self, rows: &mut Rows, now: Instant) -> Option<u32> {
        self.settle(rows);
        let now = now.micros() >> TICK_BITS;
        self.first = self.earliest();
        let Some((tick, slot)) = self.first.filter(|(tick, _)| *tick <= now) else {
            self.at = self.at.max(now);
            return None;
        };
        self.at = self.at.max(tick);
        let lists = self.slots.get(slot)?;
        let heads = (0..LANES).filter_map(|step| lists.get((self.lane + step) % LANES));
        let id = heads.map(|list| list.head).find(|head| *head != NIL)?;
        self.lane = (id as usize + 1) % LANES;
        self.take_out(rows, id);
        Some(id)
    }

    /// The rows that [`Self::pop`] gives next, as far as they are in the slot that is open; says how many.
    pub(super) fn due(&self, now: Instant, ids: &mut [u32]) -> usize {
        let now = now.micros() >> TICK_BITS;
        let Some((_, slot)) = self.earliest().filter(|(tick, _)| *tick <= now) else { return 0 };
        let mut heads = self.slots.get(slot).map_or([NIL; LANES], |lists| lists.map(|list| list.head));
        let mut count = 0;
        // One of each list in turn: what a step waits for, the next three do not.
        while heads.iter().any(|head| *head != NIL) {
            for head in &mut heads {
                let Some(link) = self.links.get(*head) else { continue };
                let Some(place) = ids.get_mut(count) else { return count };
                (*place, *head) = (*head, link.next);
                count += 1;
            }
        }
        count
    }

    /// When the next slot is to be opened.
    pub(super) fn next(&self) -> Option<Instant> {
        let moved = self.moves.iter().map(|moved| moved.tick);
        let tick = self.earliest().map(|(tick, _)| tick).into_iter().chain(moved).min()?;
        Some(Instant::from_micros(tick << TICK_BITS))
    }

    fn slot_for(&self, tick: u64) -> usize {
        let tick = tick.max(self.at + 1);
        for level in 0..LEVELS {
            let shift = SHIFT * level as u32;
            // One less than all slots: the slot that is being emptied is never filled.
            if tick - self.at < (SLOTS as u64 - 1) << shift {
                return level * SLOTS + (tick >> shift) as usize % SLOTS;
            }
        }
        // Farther than the wheel reaches: looked at in between.
        let shift = SHIFT * (LEVELS as u32 - 1);
        (LEVELS - 1) * SLOTS + ((self.at >> shift) as usize + SLOTS - 2) % SLOTS
    }

    fn mark(&mut self, slot: usize, used: bool) {
        self.first = None;
        if let Some(word) = self.used.get_mut(slot / SLOTS).and_then(|level| level.get_mut(slot % SLOTS / 64))
        {
            let bit = 1 << (slot % 64);
            *word = if used { *word | bit } else { *word & !bit };
        }
    }

    /// The slot that is to be opened first, and its first tick.
    fn earliest(&self) -> Option<(u64, usize)> {
        if self.first.is_some() {
            return self.first;
        }
        let of_level = |(level, words): (usize, &[u64; WORDS])| {
            let shift = SHIFT * level as u32;
            let here = self.at >> shift;
            let offset = first_used(words, here as usize % SLOTS)?;
            let place = here + offset as u64;
            Some((place << shift, level * SLOTS + place as usize % SLOTS))
        };
        self.used.iter().enumerate().filter_map(of_level).min()
    }
}

/// Puts a deadline off, by less than `slack` microseconds, to where a slot begins: a row that lies there is due when
/// its slot is opened, and is not looked at twice.
pub(super) const fn put_off(deadline: Instant, slack: u64) -> Instant {
    let bits = match (slack >> TICK_BITS).checked_ilog2() {
        Some(log) => TICK_BITS + log / SHIFT * SHIFT,
        None => return deadline,
    };
    let rest = (1 << bits) - 1;
    Instant::from_micros(deadline.micros().saturating_add(rest) & !rest)
}

/// The first tick at which a deadline is over.
const fn tick_of(deadline: Instant) -> u64 {
    deadline.micros().div_ceil(1 << TICK_BITS)
}

/// Distance from slot `start` to the first used slot, around the circle.
fn first_used(words: &[u64; WORDS], start: usize) -> Option<usize> {
    let turned = |step: usize| {
        let number = (start / 64 + step) % WORDS;
        let word = words.get(number).copied().unwrap_or(0);
        // The word in which the circle begins is seen twice: its upper part first; when it comes up again, that is empty.
        let word = if step == 0 { word & (u64::MAX << (start % 64)) } else { word };
        (word != 0).then(|| number * 64 + word.trailing_zeros() as usize)
    };
    let slot = (0..=WORDS).find_map(turned)?;
    Some((slot + SLOTS - start) % SLOTS)
}
