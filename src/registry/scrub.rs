//! Rows whose bytes changed in memory though nobody changed them: found by hashing all anew, and mended by what other
//! HMSs have (R-PEE-81).

use std::collections::BTreeMap;

use super::home::{Homes, OWN};
use super::log::{COUNTED, DAMAGED};
use super::merging::{Merged, ToldRow};
use super::{Registry, RowId};
use crate::ident::{Process, RealmId, UserId};
use crate::time::Instant;

/// What hashing a bucket anew showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// The homes of rows that are not what they were counted with. Those rows are *damaged*: nobody is told of them
    /// until [`Registry::merge_row`] has mended them, or [`Registry::accept_damage`] was called.
    pub damaged: Vec<Process>,
    /// A sum was not that of its rows, and was made anew.
    pub remade: bool,
}

/// What was found since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubCounts {
    /// Rows that were damaged.
    pub damaged: u64,
    /// Those that are again what they were.
    pub mended: u64,
    /// Those that nobody could mend: they count as they are.
    pub accepted: u64,
    /// Sums that were made anew.
    pub remade: u64,
}

/// The rows of one home in a bucket.
#[derive(Default)]
struct Found {
    /// What they were counted with, and what they give.
    counted: u64,
    fresh: u64,
    /// Those of which that differs.
    differ: Vec<(u32, u64)>,
}

impl Homes {
    fn bucket(&self, number: u16, bucket: usize) -> u64 {
        self.sums(number).and_then(|sums| sums.buckets.get(bucket)).copied().unwrap_or(0)
    }

    fn set_bucket(&mut self, number: u16, bucket: usize, sum: u64) {
        let sums = self.sums_mut(number).and_then(Option::as_mut);
        if let Some(kept) = sums.and_then(|sums| sums.buckets.get_mut(bucket)) {
            *kept = sum;
        }
    }
}

impl Registry {
    /// Hashes the rows of a bucket anew.
    pub fn scrub(&mut self, bucket: usize) -> Scrubbed {
        self.settle_sums();
        let mut scrubbed = Scrubbed::default();
        if !self.is_entered() {
            return scrubbed;
        }
        for (number, found) in self.rehash(bucket) {
            let kept = self.homes.bucket(number, bucket);
            let differs = !found.differ.is_empty();
            if differs && found.fresh == kept {
                // The rows are as they were; what is noted of them is not.
                self.count_as(&found.differ);
                scrubbed.remade = true;
                continue;
            }
            if found.counted != kept {
                self.homes.set_bucket(number, bucket, found.counted);
                scrubbed.remade = true;
            }
            if differs {
                self.mark_damaged(&found.differ);
                scrubbed.damaged.push(self.homes.process(number));
            }
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.scrubs.remade += u64::from(scrubbed.remade);
        }
        scrubbed
    }

    fn rehash(&self, bucket: usize) -> BTreeMap<u16, Found> {
        let summed = self.homes.all().filter(|(_, _, sums)| sums.is_some());
        let mut homes: BTreeMap<_, _> = summed.map(|(number, ..)| (number, Found::default())).collect();
        for id in self.bucket_rows(bucket) {
            let (Some(row), Some(digest)) = (self.rows.get(id), self.row_digest(id)) else { continue };
            let Some(counted) = self.counted_as(id) else { continue };
            let found = homes.entry(row.home).or_default();
            found.counted = found.counted.wrapping_add(counted);
            found.fresh = found.fresh.wrapping_add(digest);
            if counted != digest {
                found.differ.push((id, digest));
            }
        }
        homes
    }

    /// What a row is in the sums with.
    fn counted_as(&self, id: u32) -> Option<u64> {
        let mark = self.sharing.as_ref()?.log.row(id)?;
        mark.has(COUNTED).then_some(mark.digest)
    }

    fn count_as(&mut self, rows: &[(u32, u64)]) {
        let Some(sharing) = &mut self.sharing else { return };
        for (id, digest) in rows {
            if let Some(mark) = sharing.log.row_mut(*id) {
                mark.digest = *digest;
            }
        }
    }

    fn mark_damaged(&mut self, rows: &[(u32, u64)]) {
        let Some(sharing) = &mut self.sharing else { return };
        for (id, _) in rows {
            if let Some(mark) = sharing.log.row_mut(*id).filter(|mark| !mark.has(DAMAGED)) {
                mark.set(DAMAGED, true);
                sharing.scrubs.damaged += 1;
            }
        }
    }

    /// Damaged rows of a home in a bucket count as they are from now on.
    pub fn accept_damage(&mut self, home: Process, bucket: usize) {
        for id in self.bucket_rows(bucket) {
            let of_home = self.rows.get(id).is_some_and(|row| self.homes.process(row.home) == home);
            if of_home && self.is_row_damaged(id) {
                self.touch(id);
                if let Some(sharing) = &mut self.sharing {
                    sharing.scrubs.accepted += 1;
                }
            }
        }
    }

    /// Whether the row of a user is damaged: then what others say of it counts at its own home, too.
    pub fn is_damaged(&self, realm: RealmId, user: UserId) -> bool {
        self.by_user(realm, user).is_some_and(|id| self.is_row_damaged(id.0))
    }

    pub(super) fn is_row_damaged(&self, id: u32) -> bool {
        let mark = self.sharing.as_ref().and_then(|sharing| sharing.log.row(id));
        mark.is_some_and(|mark| mark.has(DAMAGED))
    }

    /// So many rows are there.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// A bit of what a row's host said is another one, and nobody knows.
    #[cfg(test)]
    pub fn corrupt_content(&mut self, id: RowId) {
        let Some(mut bytes) = self.row(id).map(|row| row.content().to_vec()) else { return };
        bytes.last_mut().into_iter().for_each(|byte| *byte ^= 0x10);
        self.put_content(id.0, &bytes);
    }

    /// A bit of the stamp of a row is another one.
    #[cfg(test)]
    pub fn corrupt_stamp(&mut self, id: RowId) {
        self.rows.get_mut(id.0).into_iter().for_each(|row| row.stamp.0 ^= 0x0400_0000);
    }

    /// What has been found, and what became of it.
    pub fn scrub_counts(&self) -> ScrubCounts {
        self.sharing.as_ref().map_or_else(ScrubCounts::default, |sharing| sharing.scrubs)
    }

    /// Takes a damaged row as it is told: a copy from its home, one that is at home here if nothing but the damage can
    /// be the difference; `None` if it is for the merge to judge.
    pub(super) fn mend(&mut self, now: Instant, told: &ToldRow<'_>) -> Option<Merged> {
        let id = self.by_user(told.row.realm, told.row.user).filter(|id| self.is_row_damaged(id.0))?;
        let row = self.row(id)?;
        let here = self.rows.get(id.0)?.home == OWN;
        let same = row.session() == told.row.session
            && row.order().generation == told.row.generation
            && row.content_version() == told.row.content_version
            && row.place().sequence == told.sequence;
        let may = row.home() == told.home && if here { same } else { told.age.is_zero() };
        let whole = self.counted_as(id.0).filter(|_| may)?;
        if here {
            self.put_told(id, told);
        } else {
            self.enter_told(now, told);
        }
        // Whoever has the damaged one hears of this one as well.
        self.touch(id.0);
        self.settle_sums();
        let mended = self.counted_as(id.0) == Some(whole);
        if let Some(sharing) = &mut self.sharing {
            sharing.scrubs.mended += u64::from(mended);
            sharing.scrubs.accepted += u64::from(!mended);
        }
        Some(Merged::Changed { row: id, said: true, place: true, yielded: false })
    }

    /// What is at home here stays so, confirmed and with its window.
    fn put_told(&mut self, id: RowId, told: &ToldRow<'_>) {
        self.take_said(id, told);
        if let Some(address) = told.row.address {
            self.set_address(id, address);
        }
        let server = self.server_number(told.row.server);
        if let Some(row) = self.rows.get_mut(id.0) {
            (row.stamp, row.server, row.instance) = (told.row.stamp, server, told.row.instance);
            row.since_s = u32::try_from(told.row.since.secs()).unwrap_or(u32::MAX);
        }
    }
}
