//! Account: what a desk has of a role: credit to spend, and a tally.

use crate::sync::{Ordering, Word64};

/// A desk with more credit than this gives the rest back.
const CREDIT_MAX: u64 = 1 << 31;

/// A desk's credit of one role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Credit(pub(super) [u64; 2]);

impl Credit {
    #[inline]
    pub(super) const fn pack(self) -> u64 {
        self.0[0] << 32 | self.0[1]
    }

    #[inline]
    pub(super) const fn unpack(word: u64) -> Self {
        Self([word >> 32, word & u32::MAX as u64])
    }

    #[inline]
    pub(super) const fn spend(self, owed: [u64; 2]) -> Option<Self> {
        match (self.0[0].checked_sub(owed[0]), self.0[1].checked_sub(owed[1])) {
            (Some(cpu_milli), Some(pages)) => Some(Self([cpu_milli, pages])),
            _ => None,
        }
    }

    #[inline]
    pub(super) const fn add(self, more: [u64; 2]) -> Option<Self> {
        let [cpu_milli, pages] = [self.0[0].saturating_add(more[0]), self.0[1].saturating_add(more[1])];
        if cpu_milli <= CREDIT_MAX && pages <= CREDIT_MAX { Some(Self([cpu_milli, pages])) } else { None }
    }
}

/// What a desk has of a role.
#[derive(Debug)]
#[repr(align(32))]
pub(super) struct Account {
    pub(super) credit: Word64,
    /// CPU, then pages; wrapping: below zero is a large number.
    pub(super) tally: [Word64; 2],
}

impl Account {
    pub(super) fn new() -> Self {
        Self { credit: Word64::new(0), tally: core::array::from_fn(|_| Word64::new(0)) }
    }

    /// Adds to the tally, or with wrapped amounts takes away. By the desk's thread alone.
    #[inline]
    pub(super) fn count(&self, amounts: [u64; 2]) {
        for (word, amount) in self.tally.iter().zip(amounts) {
            // Relaxed, both: nobody else writes it, and who reads it wants a figure.
            word.store(word.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
        }
    }
}
