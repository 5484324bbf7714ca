//! The sums of each home's rows, by which HMSs find what differs (R-PEE-76).

use super::Registry;
use super::home::Homes;
use crate::ident::{Process, UserId};
use crate::limits::SUM_BUCKETS;

/// All offered rows of one home in 4097 numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// How many rows.
    pub rows: u32,
    /// The sums of their digests by bucket, modulo 2^64.
    pub buckets: Box<[u64; SUM_BUCKETS]>,
}

impl Default for Sums {
    fn default() -> Self {
        Self { rows: 0, buckets: Box::new([0; SUM_BUCKETS]) }
    }
}

impl Sums {
    /// The root digest: the sum of all buckets. It is added up each time, so that it cannot differ from them.
    pub fn root(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(*bucket))
    }

    fn add(&mut self, bucket: usize, difference: u64) {
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

    /// The homes whose sum is not what the rows of a bucket give.
    #[cfg(test)]
    pub fn check_bucket(&mut self, bucket: usize) -> Vec<Process> {
        self.settle_sums();
        let mut fresh = std::collections::BTreeMap::<u16, u64>::new();
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

    /// The rows of all realms in one bucket.
    pub(super) fn bucket_rows(&self, bucket: usize) -> Vec<u32> {
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
