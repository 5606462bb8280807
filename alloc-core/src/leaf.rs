//! Leaf word: cores with equal labels, at most 32 PUs, in one word: `free:32 | pool:32`, a bit of each per PU.
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
//! Rule 2: a core is in the pool (or leaving it) whole or not at all. Between Free and Held the PUs of a core may part: a
//! claim may hold any PUs, so who wants whole cores of a mask asks [`Cores::whole`] for them.
//! Rule 3: who moved a PU to Held owns it until it moves it on; nobody else shifts a Held PU.
//!
//! The moves: Free → Held (claim), Held → Free (release); Free or Leaving → Pool (the pool grows), Held → Pool (a claim's
//! core joins the pool); Pool → Held → Leaving (the pool shrinks), Leaving → Held → Free (the agent confirmed). Why the
//! last two go through Held is told in [`pooling`](crate::pooling). Between two incarnations of an agent, whose block nobody else
//! changes then, Pool → Free and Leaving → Free at once ([`Machine::reset`](crate::machine::Machine::reset)).

use crate::sync::{Ordering, Word64};

/// PUs of a leaf at most.
pub(crate) const LEAF_PUS: u32 = 32;

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

    /// The value of a word that was copied.
    pub(crate) const fn unpack(word: u64) -> Self {
        Self(word)
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

    /// The PUs that are free or leaving their pool, and nobody's.
    pub(crate) const fn unused(self) -> u32 {
        self.free_bits()
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

/// The word of a leaf whose `pus` are all free.
pub(crate) const fn fresh(pus: u32) -> u64 {
    LeafWord::new(pus, 0).0
}

/// The word at this moment.
#[inline]
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
    // SeqCst: what is given back here is in the one order of such operations (`agents`, rule 1). Acquire pairs with the Release
    // half of the shift that put the PUs into `from` (the last holder's work comes before ours); Release publishes ours to the
    // next. Relaxed on failure: nothing is read through it.
    let before = word.update(Ordering::SeqCst, Ordering::Relaxed, |word| {
        after = LeafWord(word).shift(pus, from, to)?;
        Some(after.0)
    });
    before.ok().map(|before| (LeafWord(before), after))
}

/// For who finds rule 3 broken.
#[cold]
pub(crate) fn not_held(pus: u32) -> ! {
    panic!("leaf, rule 3: PUs {pus:#x} were held, and somebody else moved them")
}

/// How the bits of a leaf are cores: core `i` owns `width` bits from `i * width` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    /// PUs of each core, 1 to 32.
    pub(crate) width: u32,
    /// The first bit of each core.
    firsts: u32,
}

impl Cores {
    /// `cores` cores of `width` PUs, at most 32 PUs together.
    pub(crate) fn new(cores: u32, width: u32) -> Self {
        Self { width, firsts: (0..cores).fold(0, |firsts, core| firsts | 1 << (core * width)) }
    }

    /// The bits of all cores.
    pub(crate) const fn all(self) -> u32 {
        self.spread(self.firsts)
    }

    /// All bits of the cores whose first bits are given.
    const fn spread(self, firsts: u32) -> u32 {
        // Cores do not overlap, so nothing is carried; the topmost core's upper bits may fall off and are none.
        firsts.wrapping_mul(first_pus(self.width))
    }

    /// The PUs of `mask` whose siblings are all in it.
    pub(crate) const fn whole(self, mask: u32) -> u32 {
        self.spread(self.whole_firsts(mask))
    }

    const fn whole_firsts(self, mask: u32) -> u32 {
        let (mut firsts, mut at) = (self.firsts & mask, 1);
        while at < self.width {
            firsts &= mask >> at;
            at += 1;
        }
        firsts
    }

    /// How many cores have all their PUs in `mask`.
    pub(crate) const fn count_whole(self, mask: u32) -> u32 {
        self.whole_firsts(mask).count_ones()
    }

    /// How many cores have a PU in `mask`.
    pub(crate) const fn count_touched(self, mask: u32) -> u32 {
        let (mut any, mut at) = (mask, 1);
        while at < self.width {
            any |= mask >> at;
            at += 1;
        }
        (any & self.firsts).count_ones()
    }

    /// The PUs of each core that has any in `mask`, lowest core first.
    pub(crate) fn each(self, mask: u32) -> impl Iterator<Item = u32> {
        let mut left = mask;
        core::iter::from_fn(move || {
            let at = (left != 0).then(|| left.trailing_zeros() / self.width)?;
            let core = left & first_pus(self.width) << (at * self.width);
            left &= !core;
            Some(core)
        })
    }

    /// The lowest `cores` cores of those that are whole in `mask`.
    #[inline]
    pub(crate) const fn lowest(self, mask: u32, cores: u32) -> u32 {
        let whole = self.whole_firsts(mask);
        // A tight fit is the commonest.
        self.spread(if whole.count_ones() <= cores { whole } else { lowest_bits(whole, cores) })
    }
}

/// The lowest `count` bits of `mask`, or all of them.
pub(crate) const fn lowest_bits(mask: u32, count: u32) -> u32 {
    let (mut left, mut lacking) = (mask, count);
    while lacking > 0 && left != 0 {
        left &= left - 1;
        lacking -= 1;
    }
    mask & !left
}

/// The mask of one leaf's first `pus` PUs.
#[inline]
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
    fn only_whole_cores_are_whole() {
        let pairs = Cores::new(4, 2);
        assert_eq!((pairs.all(), pairs.whole(0b1101_0111)), (0xFF, 0b1100_0011));
        assert_eq!((pairs.count_whole(0b1101_0111), pairs.count_touched(0b1101_0100)), (2, 3));
        assert_eq!(pairs.each(0b1001_0010).collect::<Vec<_>>(), [0b10, 0b1_0000, 0b1000_0000]);
        let widest = Cores::new(1, 32);
        assert_eq!((widest.all(), widest.whole(u32::MAX), widest.whole(u32::MAX - 1)), (u32::MAX, u32::MAX, 0));
        assert_eq!(Cores::new(32, 1).whole(0x8000_0001), 0x8000_0001);
    }

    #[test]
    fn lowest_cores_are_whole_and_low() {
        let pairs = Cores::new(4, 2);
        assert_eq!(pairs.lowest(0b1111_0111, 2), 0b0011_0011);
        assert_eq!(pairs.lowest(0b1111_0011, 9), 0b1111_0011);
        assert_eq!(Cores::new(32, 1).lowest(u32::MAX, 32), u32::MAX);
        assert_eq!((first_pus(0), first_pus(3), first_pus(32)), (0, 0b111, u32::MAX));
    }
}
