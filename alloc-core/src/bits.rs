//! Bit word: which of 48 numbers of a range, or items of a set, are free: a bit each, 1 = free.
//!
//! Rule 1: a change takes or gives all the named bits, or none.
//! Rule 2: who took a bit owns its number until it gives it back; nobody else changes it.
//!
//! 48 and not 64: the same bits are the payload of a claim's part, which has 50.

use crate::sync::{Ordering, Word64};

/// Numbers in a word.
pub(crate) const BITS: u32 = 48;

/// The value of a bit word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BitsWord(u64);

impl BitsWord {
    const fn take(self, bits: u64) -> Option<Self> {
        if self.0 & bits == bits { Some(Self(self.0 & !bits)) } else { None }
    }

    const fn give(self, bits: u64) -> Option<Self> {
        if self.0 & bits == 0 { Some(Self(self.0 | bits)) } else { None }
    }
}

/// A bit word as the threads share it.
#[derive(Debug)]
pub(crate) struct Bits(Word64);

impl Bits {
    pub(crate) fn new(free: u64) -> Self {
        Self(Word64::new(free))
    }

    /// The bits that are free at this moment.
    pub(crate) fn free(&self) -> u64 {
        // Acquire: pairs with the Release half of `change`, so a refusal sees the undo that preceded it.
        self.0.load(Ordering::Acquire)
    }

    fn change(&self, rule: impl Fn(BitsWord) -> Option<BitsWord>) -> bool {
        // AcqRel: Acquire pairs with the Release half of the change before, so who takes a number sees its last holder's
        // work done; Release publishes ours to the next. Relaxed on failure: nothing is read through it.
        let changed =
            self.0.update(Ordering::AcqRel, Ordering::Relaxed, |word| rule(BitsWord(word)).map(|next| next.0));
        changed.is_ok()
    }

    /// Takes all of `bits`; false when some bit is not free.
    #[must_use]
    pub(crate) fn take(&self, bits: u64) -> bool {
        self.change(|free| free.take(bits))
    }

    /// Gives back what was taken.
    pub(crate) fn give(&self, bits: u64) {
        let given = self.change(|free| free.give(bits));
        assert!(given, "rule 2: bits {bits:#x} were taken, and somebody else gave them back");
    }
}

/// The lowest `bits` bits of a word.
pub(crate) const fn first_bits(bits: u32) -> u64 {
    if bits >= BITS { (1 << BITS) - 1 } else { (1 << bits) - 1 }
}

/// The lowest `most` of the set bits.
pub(crate) const fn lowest_bits(bits: u64, most: u32) -> u64 {
    let (mut left, mut count) = (bits, 0);
    while count < most && left != 0 {
        left &= left - 1;
        count += 1;
    }
    bits & !left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_all_or_none() {
        let word = BitsWord(0b1011);
        assert_eq!(word.take(0b0110), None);
        assert_eq!(word.take(0b0011), Some(BitsWord(0b1000)));
        assert_eq!(word.give(0b0001), None);
        assert_eq!(word.take(0b1000).and_then(|word| word.give(0b1000)), Some(word));
    }

    #[test]
    fn lowest_bits_are_low() {
        assert_eq!(lowest_bits(0b1101_0010, 2), 0b1_0010);
        assert_eq!(lowest_bits(0b101, 9), 0b101);
        assert_eq!((first_bits(0), first_bits(3), first_bits(64)), (0, 0b111, (1 << 48) - 1));
    }
}
