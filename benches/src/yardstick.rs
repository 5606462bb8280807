//! The raw limits that placing is compared with: compare-and-swap on bare words laid out as the table's are.

use std::hint::black_box;

use meros_alloc_core::sync::{Ordering, Word64};

use crate::cluster::LEAVES;
use crate::random::Random;

#[inline]
fn there_and_back(word: &Word64) {
    // AcqRel pairs with itself: what a leaf's own changes pay. Relaxed on failure: there is none.
    let there = word.update(Ordering::AcqRel, Ordering::Relaxed, |old| Some(old ^ 0xFF));
    // AcqRel, Relaxed: likewise.
    let back = word.update(Ordering::AcqRel, Ordering::Relaxed, |old| Some(old ^ 0xFF));
    let _same = black_box((there, back));
}

/// A compare-and-swap there and back on a random one of as many words as there are leaves.
#[derive(Debug)]
pub struct BarePair(Vec<Word64>);

impl BarePair {
    /// For so many agents.
    #[must_use]
    pub fn new(agents: u32) -> Self {
        Self((0..agents as usize * LEAVES).map(|_| Word64::new(0xFFFF)).collect())
    }

    /// So many pairs.
    pub fn run(&self, rng: &mut Random, pairs: usize) {
        for _ in 0..pairs {
            there_and_back(&self.0[rng.below(self.0.len())]);
        }
    }
}

/// As [`BarePair`], where which word it is has to be read first, in a random one of as many records as there are claims.
#[derive(Debug)]
pub struct BareRecord {
    words: Vec<Word64>,
    records: Vec<[u64; 8]>,
}

impl BareRecord {
    /// For so many agents and claims. The words lie as in blocks, among others.
    #[must_use]
    pub fn new(agents: u32, claims: usize) -> Self {
        let leaves = agents as usize * LEAVES;
        let words = (0..leaves * 2).map(|_| Word64::new(0xFFFF)).collect();
        let mut rng = Random::new(3);
        let records = (0..claims).map(|_| [rng.below(leaves) as u64 * 2 + 1; 8]).collect();
        Self { words, records }
    }

    /// So many pairs.
    pub fn run(&self, rng: &mut Random, pairs: usize) {
        for _ in 0..pairs {
            let record = &self.records[rng.below(self.records.len())];
            there_and_back(&self.words[usize::try_from(record[4]).unwrap_or(0)]);
        }
    }
}
