//! The sums of each home's rows, by which HMSs find what differs (R-PEE-76).

use std::collections::BTreeMap;

use super::Registry;
use super::home::Homes;
use crate::ident::{Process, UserId};
use crate::limits::SUM_BUCKETS;

/// All offered rows of one home in 4097 numbers. Everything is modulo 2^64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// How many rows.
    pub rows: u32,
    /// The sum of their digests.
    pub root: u64,
    /// The sums of the digests by bucket.
    pub buckets: Box<[u64; SUM_BUCKETS]>,
}

impl Default for Sums {
    fn default() -> Self {
        Self { rows: 0, root: 0, buckets: Box::new([0; SUM_BUCKETS]) }
    }
}

impl Sums {
    fn add(&mut self, bucket: usize, difference: u64) {
        self.root = self.root.wrapping_add(difference);
        if let Some(sum) = self.buckets.get_mut(bucket) {
            *sum = sum.wrapping_add(difference);
        }
    }
}

impl Homes {
    /// A row of a home came or went.
    pub(super) fn adjust(&mut self, number: u16, bucket: usize, digest: u64, there: bool) {
        let Some(sums) = self.sums_mut(number) else { return };
        if there {
            let sums = sums.get_or_insert_default();
            sums.rows += 1;
            sums.add(bucket, digest);
            return;
        }
        let Some(kept) = sums else { return };
        kept.rows = kept.rows.saturating_sub(1);
        kept.add(bucket, digest.wrapping_neg());
        // Processes come and go: nothing is kept of one without rows.
        if kept.rows == 0 {
            *sums = None;
        }
    }

    fn clear_bucket(&mut self, bucket: usize) {
        for sums in self.all_sums_mut() {
            let rest = sums.buckets.get(bucket).copied().unwrap_or(0);
            sums.add(bucket, rest.wrapping_neg());
        }
    }
}

impl Registry {
    /// The sums of a home; `None` if it has no offered row, or as long as [`Registry::share_step`] has more to do.
    pub fn sums(&mut self, home: Process) -> Option<&Sums> {
        self.settle_sums();
        if !self.is_entered() {
            return None;
        }
        self.homes.sums(self.homes.find_any(home)?)
    }

    /// The processes of which there are offered rows; this one among them if it has some.
    pub fn summed_homes(&mut self) -> Vec<Process> {
        self.settle_sums();
        if !self.is_entered() {
            return Vec::new();
        }
        self.homes.all().filter(|(_, _, sums)| sums.is_some()).map(|(_, process, _)| process).collect()
    }

    /// Hashes all rows of a bucket anew; the answer names the homes whose sum is not what their rows give (PEE-81).
    pub fn check_bucket(&mut self, bucket: usize) -> Vec<Process> {
        self.settle_sums();
        if !self.is_entered() {
            return Vec::new();
        }
        let mut fresh: BTreeMap<u16, u64> = BTreeMap::new();
        for id in self.bucket_rows(bucket) {
            let (Some(row), Some(digest)) = (self.rows.get(id), self.row_digest(id)) else { continue };
            if self.is_offered(id) {
                let sum = fresh.entry(row.home).or_default();
                *sum = sum.wrapping_add(digest);
            }
        }
        let differs = |number: u16, sums: Option<&Sums>| {
            let kept = sums.and_then(|sums| sums.buckets.get(bucket));
            kept.copied().unwrap_or(0) != fresh.get(&number).copied().unwrap_or(0)
        };
        let all = self.homes.all();
        all.filter(|(number, _, sums)| differs(*number, *sums)).map(|(_, process, _)| process).collect()
    }

    /// Makes the sums of a bucket anew from the rows that there are.
    pub fn remake_bucket(&mut self, bucket: usize) {
        let rows = self.bucket_rows(bucket);
        rows.iter().for_each(|id| self.unsum(*id));
        self.homes.clear_bucket(bucket);
        rows.iter().for_each(|id| self.wait(*id));
        self.settle_sums();
    }

    /// The rows of all realms in one bucket.
    fn bucket_rows(&self, bucket: usize) -> Vec<u32> {
        let mut rows = Vec::new();
        for realm in self.realms.iter().map(|(_, realm)| realm) {
            let mut after = UserId::before_sum_bucket(bucket);
            while let Some(id) = realm.users.next(&self.rows, after, |_| true) {
                after = self.rows.get(id).map(|row| row.user);
                if after.is_none_or(|user| user.sum_bucket() != bucket) {
                    break;
                }
                rows.push(id);
            }
        }
        rows
    }
}
