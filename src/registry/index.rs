//! Hash indexes of row ids. The keys stay in the rows; the table is split so that no single growth is long.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

const SHARDS: usize = 256;

/// Row ids by some key of the row.
pub(super) struct Index {
    shards: Box<[HashTable<u32>]>,
    state: FixedState,
}

impl Index {
    pub(super) fn new(seed: u64) -> Self {
        let shards = (0..SHARDS).map(|_| HashTable::new()).collect();
        Self { shards, state: FixedState::with_seed(seed) }
    }

    pub(super) fn hash(&self, key: impl Hash) -> u64 {
        self.state.hash_one(key)
    }

    /// The table uses the lowest bits and the highest seven itself.
    const fn shard(hash: u64) -> usize {
        (hash >> 40) as usize % SHARDS
    }

    pub(super) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        self.shards.get(Self::shard(hash))?.find(hash, |id| same(*id)).copied()
    }

    /// `rehash` gives the hash of an id that is in the index.
    pub(super) fn insert(&mut self, hash: u64, id: u32, rehash: impl Fn(&FixedState, u32) -> u64) {
        let state = &self.state;
        if let Some(shard) = self.shards.get_mut(Self::shard(hash)) {
            shard.insert_unique(hash, id, |id| rehash(state, *id));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }

    pub(super) fn remove(&mut self, hash: u64, id: u32) {
        if let Some(shard) = self.shards.get_mut(Self::shard(hash))
            && let Ok(entry) = shard.find_entry(hash, |other| *other == id)
        {
            entry.remove();
        }
    }
}
