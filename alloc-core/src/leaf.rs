//! Leaf word: whole cores with equal labels, at most 32 PUs, in one word: `free:32 | pool:32`, a bit of each per PU.
//!
//! The two bits of a PU say in which of four states it is:
//!
//! | free | pool | state | who may change it |
//! |---|---|---|---|
//! | 1 | 0 | [`Free`](PuState::Free) | anybody |
//! | 0 | 0 | [`Held`](PuState::Held) | the claim that holds it, or the one call that is moving it |
//! | 0 | 1 | [`Pool`](PuState::Pool) | whoever makes the pool smaller |
//! | 1 | 1 | [`Leaving`](PuState::Leaving) | the confirmation, or whoever makes the pool larger |
//!
//! Rule 1: every change is [`LeafWord::shift`]: all the named PUs move from one state to another, or none does.
//! Rule 2: the PUs of one core move together, so a mask of PUs in one state is always made of whole cores.
//! Rule 3: who moved a PU to Held owns it until it moves it on; nobody else shifts a Held PU.
//!
//! The moves: Free → Held (claim), Held → Free (release); Free or Leaving → Pool (the pool grows), Held → Pool (a claim's
//! core joins the pool); Pool → Held → Leaving (the pool shrinks), Leaving → Held → Free (the agent confirmed). Why the
//! last two go through Held is told in [`pooling`](crate::pooling).

use crate::sync::{Ordering, Word64};

/// In which state a PU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PuState {
    /// Nobody's.
    Free,
    /// A claim's, or in the hands of a call in progress.
    Held,
    /// Sublet by the shared pool.
    Pool,
    /// Out of the pool's capacity, but the agent may still run the pool's tasks on it.
    Leaving,
}

/// The value of a leaf's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafWord(u64);

impl LeafWord {
    const fn new(free: u32, pool: u32) -> Self {
        Self((pool as u64) << 32 | free as u64)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
    const fn free_bits(self) -> u32 {
        self.0 as u32
    }

    const fn pool_bits(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The PUs in `state`; for `Held`, bits beyond the leaf's PUs are set too.
    pub(crate) const fn mask(self, state: PuState) -> u32 {
        let (free, pool) = (self.free_bits(), self.pool_bits());
        match state {
            PuState::Free => free & !pool,
            PuState::Held => !free & !pool,
            PuState::Pool => !free & pool,
            PuState::Leaving => free & pool,
        }
    }

    /// Moves all of `pus` from one state to another; `None` unless all of them are in `from`.
    pub(crate) const fn shift(self, pus: u32, from: PuState, to: PuState) -> Option<Self> {
        if self.mask(from) & pus != pus {
            return None;
        }
        let (free, pool) = (self.free_bits() & !pus, self.pool_bits() & !pus);
        Some(match to {
            PuState::Free => Self::new(free | pus, pool),
            PuState::Held => Self::new(free, pool),
            PuState::Pool => Self::new(free, pool | pus),
            PuState::Leaving => Self::new(free | pus, pool | pus),
        })
    }
}

/// The word of a leaf whose `pus` PUs are all free.
pub(crate) const fn fresh(pus: u32) -> u64 {
    LeafWord::new(first_pus(pus), 0).0
}

/// The word at this moment.
#[inline(always)]
pub(crate) fn read(word: &Word64) -> LeafWord {
    // Acquire: pairs with the Release half of `shift`, so whoever sees PUs in a state sees what was done before
    // they came there (the pool's epoch before Leaving, an undo before Free).
    LeafWord(word.load(Ordering::Acquire))
}

/// [`LeafWord::shift`] as one step; the word before and after, or `None` when some PU was not in `from`.
#[inline(always)]
#[must_use]
pub(crate) fn shift(word: &Word64, pus: u32, from: PuState, to: PuState) -> Option<(LeafWord, LeafWord)> {
    let mut after = LeafWord(0);
    // AcqRel: Acquire pairs with the Release half of the shift that put the PUs into `from` (the last holder's
    // work comes before ours); Release publishes ours to the next. Relaxed on failure: nothing is read through it.
    let before = word.update(Ordering::AcqRel, Ordering::Relaxed, |word| {
        after = LeafWord(word).shift(pus, from, to)?;
        Some(after.0)
    });
    before.ok().map(|before| (LeafWord(before), after))
}

/// The lowest `cores` cores of `mask`, whose cores are `pus_per_core` wide.
#[inline(always)]
pub(crate) const fn lowest_cores(mask: u32, cores: u32, pus_per_core: u32) -> u32 {
    let mut left = mask;
    let mut pus = cores * pus_per_core;
    if mask.count_ones() <= pus {
        return mask;
    }
    while pus > 0 && left != 0 {
        left &= left - 1;
        pus -= 1;
    }
    mask & !left
}

/// The mask of one leaf's first `pus` PUs.
#[inline(always)]
pub(crate) const fn first_pus(pus: u32) -> u32 {
    if pus >= 32 { u32::MAX } else { (1 << pus) - 1 }
}

#[cfg(test)]
mod tests {
    use super::PuState::*;
    use super::*;

    #[test]
    fn a_shift_moves_all_or_none() {
        let word = LeafWord::new(0b1111, 0);
        let held = word.shift(0b0011, Free, Held).unwrap();
        assert_eq!(held.mask(Free), 0b1100);
        assert_eq!(held.shift(0b0110, Free, Held), None);
        assert_eq!(held.shift(0b0011, Held, Free), Some(word));
    }

    #[test]
    fn every_state_is_reached_and_left_again() {
        let word = LeafWord::new(0b11, 0);
        for to in [Free, Held, Pool, Leaving] {
            let there = word.shift(0b10, Free, to).unwrap();
            assert_eq!(there.mask(to) & 0b10, 0b10);
            assert_eq!(there.mask(Free) & 0b01, 0b01);
            assert_eq!(there.shift(0b10, to, Free), Some(word));
        }
    }

    #[test]
    fn lowest_cores_are_whole_and_low() {
        assert_eq!(lowest_cores(0b1111_0011, 2, 2), 0b0011_0011);
        assert_eq!(lowest_cores(0b1111_0011, 9, 2), 0b1111_0011);
        assert_eq!(lowest_cores(u32::MAX, 32, 1), u32::MAX);
        assert_eq!((first_pus(0), first_pus(3), first_pus(32)), (0, 0b111, u32::MAX));
    }
}
