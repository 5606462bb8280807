//! Pool word: what the shared pool of one NUMA node has and has promised: `capacity_milli:22 | committed_milli:22 | epoch:20`.
//!
//! Rule 1: `committed_milli` never exceeds `capacity_milli`.
//! Rule 2: the epoch moves with every change of the pool's cores, *after* a core joined and *after* a core was taken out, so
//! whoever reads the epoch first and the cores second has at least the cores of that epoch.
//! Rule 3: shared claims that find room touch this word and no other.
//!
//! Epoch 0 belongs to a pool that never had a core; the count goes from 2²⁰ − 1 back to 1. A confirmation names an epoch
//! and is compared for equality, so a wrap would matter only if an agent answered a million orders late.

use crate::sync::{Ordering, Word64};

/// The most millis of one pool fit so many bits.
pub(crate) const MILLI_BITS: u32 = 22;
const EPOCH_BITS: u32 = 20;
const MILLI_MASK: u64 = (1 << MILLI_BITS) - 1;
const EPOCH_MASK: u32 = (1 << EPOCH_BITS) - 1;
const _: () = assert!(2 * MILLI_BITS + EPOCH_BITS == 64);

/// The most PUs one pool can have: their millis must fit the word.
pub(crate) const MAX_POOL_PUS: u32 = (1 << MILLI_BITS) / crate::MILLI_PER_PU;

/// The value of a pool's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolWord(u64);

impl PoolWord {
    const fn new(capacity: u32, committed: u32, epoch: u32) -> Self {
        assert!(committed <= capacity && capacity as u64 <= MILLI_MASK && epoch <= EPOCH_MASK);
        Self((capacity as u64) << (MILLI_BITS + EPOCH_BITS) | (committed as u64) << EPOCH_BITS | epoch as u64)
    }

    /// The value of a word that was copied.
    pub(crate) const fn unpack(word: u64) -> Self {
        Self(word)
    }

    pub(crate) const fn capacity_milli(self) -> u32 {
        (self.0 >> (MILLI_BITS + EPOCH_BITS)) as u32
    }

    pub(crate) const fn committed_milli(self) -> u32 {
        (self.0 >> EPOCH_BITS & MILLI_MASK) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to 20 bits")]
    pub(crate) const fn epoch(self) -> u32 {
        self.0 as u32 & EPOCH_MASK
    }

    /// Capacity that nobody was promised.
    pub(crate) const fn room_milli(self) -> u32 {
        self.capacity_milli() - self.committed_milli()
    }

    const fn next_epoch(self) -> u32 {
        if self.epoch() == EPOCH_MASK { 1 } else { self.epoch() + 1 }
    }

    pub(crate) const fn commit(self, cpu_milli: u32) -> Option<Self> {
        if cpu_milli > self.room_milli() {
            return None;
        }
        Some(Self::new(self.capacity_milli(), self.committed_milli() + cpu_milli, self.epoch()))
    }

    pub(crate) const fn uncommit(self, cpu_milli: u32) -> Option<Self> {
        match self.committed_milli().checked_sub(cpu_milli) {
            Some(committed) => Some(Self::new(self.capacity_milli(), committed, self.epoch())),
            None => None,
        }
    }

    /// A core joined, and `committed` of its millis are promised already.
    pub(crate) const fn grow(self, cpu_milli: u32, committed: u32) -> Self {
        Self::new(self.capacity_milli() + cpu_milli, self.committed_milli() + committed, self.next_epoch())
    }

    /// A core goes; refused while its millis are promised.
    pub(crate) const fn shrink(self, cpu_milli: u32) -> Option<Self> {
        if cpu_milli > self.room_milli() {
            return None;
        }
        Some(Self::new(self.capacity_milli() - cpu_milli, self.committed_milli(), self.next_epoch()))
    }
}

/// The word of a pool without cores.
pub(crate) const FRESH: u64 = PoolWord::new(0, 0, 0).0;

/// The word of a pool that has this room, and has promised nothing.
pub(crate) const fn with_room(cpu_milli: u32) -> u64 {
    PoolWord::new(cpu_milli, 0, 0).0
}

/// The word at this moment.
#[inline]
pub(crate) fn read(word: &Word64) -> PoolWord {
    // Acquire: pairs with the Release half of `change`, so the cores moved before this epoch are seen moved.
    PoolWord(word.load(Ordering::Acquire))
}

/// Changes the word by a rule, in one step; false when the rule forbids it.
#[inline]
pub(crate) fn change(word: &Word64, rule: impl Fn(PoolWord) -> Option<PoolWord>) -> Option<(PoolWord, PoolWord)> {
    let mut after = PoolWord(0);
    // SeqCst: for `agents`, rule 1. Release publishes the cores moved before it to `read`; Acquire pairs with the Release half of the
    // change before ours, so one chain of changes orders them all. Relaxed on failure: nothing is read through it.
    let before = word.update(Ordering::SeqCst, Ordering::Relaxed, |word| {
        after = rule(PoolWord(word))?;
        Some(after.0)
    });
    before.ok().map(|before| (PoolWord(before), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_only_what_there_is() {
        let word = PoolWord::new(2000, 500, 7);
        assert_eq!(word.commit(1501), None);
        assert_eq!(word.commit(1500), Some(PoolWord::new(2000, 2000, 7)));
        assert_eq!(word.uncommit(501), None);
        assert_eq!(word.uncommit(500), Some(PoolWord::new(2000, 0, 7)));
    }

    #[test]
    fn the_epoch_moves_with_the_cores_and_skips_zero() {
        let word = PoolWord::new(2000, 500, EPOCH_MASK);
        assert_eq!(word.grow(2000, 100), PoolWord::new(4000, 600, 1));
        assert_eq!(word.shrink(1000), Some(PoolWord::new(1000, 500, 1)));
        assert_eq!(word.shrink(2000), None);
    }
}
