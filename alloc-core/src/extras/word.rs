//! Extra word: what is free of one thing besides cores, pool shares and ordinary memory, in one `u64`.
//!
//! | word | of what | its value, and that of a claim's part |
//! |---|---|---|
//! | `Huge` | huge pages of one size on a NUMA node | how many |
//! | `Devices` | up to five devices of one kind and NUMA node | five times [`Millis`] |
//! | `Counter` | disk in blocks, or a scalar in thousandths | how much |
//! | `Bits` | 48 numbers of a range, or items of a set | a bit each, 1 = free |
//!
//! Rule 1: a change takes or gives all of an amount in one step, or none: what is not there is refused beforehand, never taken
//! first and given back afterwards.
//! Rule 2: a claim gives back exactly what it took; nobody else changes what it holds. So a word never exceeds what the machine has.
//!
//! 48 bits and not 64: an amount is the payload of a claim's part, which has 50.

use crate::extras::millis::Millis;
use crate::extras::spec::HugeSize;
use crate::ids::NumaNodeId;
use crate::sync::{Ordering, Word64};

/// Numbers in a word of bits.
pub(crate) const BITS: u32 = 48;

/// Which word. In the canonical order in which claims take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExtraWord {
    /// Huge pages of a NUMA node.
    Huge(NumaNodeId, HugeSize),
    /// Thousandths of devices.
    Devices(u16),
    /// Disk, or a scalar.
    Counter(u16),
    /// Numbers of a range, or items of a set.
    Bits(u16),
}

impl ExtraWord {
    /// What is left when `taken` is taken off; `None` when it is not all there.
    pub(crate) const fn take(self, free: u64, taken: u64) -> Option<u64> {
        match self {
            Self::Huge(..) | Self::Counter(_) => free.checked_sub(taken),
            Self::Devices(_) => match Millis::from_bits(free).take(Millis::from_bits(taken)) {
                Some(left) => Some(left.bits()),
                None => None,
            },
            Self::Bits(_) if free & taken == taken => Some(free & !taken),
            Self::Bits(_) => None,
        }
    }

    /// What there is once `given` is added; `None` when that is more than can be.
    pub(crate) const fn give(self, free: u64, given: u64) -> Option<u64> {
        match self {
            Self::Huge(..) | Self::Counter(_) => free.checked_add(given),
            Self::Devices(_) => match Millis::from_bits(free).give(Millis::from_bits(given)) {
                Some(sum) => Some(sum.bits()),
                None => None,
            },
            Self::Bits(_) if free & given == 0 => Some(free | given),
            Self::Bits(_) => None,
        }
    }
}

/// What is free at this moment.
pub(crate) fn read(word: &Word64) -> u64 {
    // Acquire: pairs with the Release half of `change`: who sees something given back sees the undo that came with it.
    word.load(Ordering::Acquire)
}

/// Changes a word by a rule, in one step; false when the rule forbids it.
pub(crate) fn change(word: &Word64, rule: impl Fn(u64) -> Option<u64>) -> bool {
    // SeqCst: for `agents`, rule 1. Acquire pairs with the Release half of the change before, so who takes a device or a number
    // sees its last holder's work done; Release publishes ours to the next. Relaxed on failure: nothing is read through it.
    word.update(Ordering::SeqCst, Ordering::Relaxed, rule).is_ok()
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

    const DISK: ExtraWord = ExtraWord::Counter(0);
    const PORTS: ExtraWord = ExtraWord::Bits(0);
    const GPUS: ExtraWord = ExtraWord::Devices(0);

    #[test]
    fn a_counter_gives_what_is_there_and_no_more() {
        assert_eq!((DISK.take(5, 6), DISK.take(5, 5)), (None, Some(0)));
        assert_eq!((DISK.give(3, 2), DISK.give(5, u64::MAX)), (Some(5), None));
        let huge = ExtraWord::Huge(NumaNodeId::new(1), HugeSize::Gib1);
        assert_eq!((huge.take(2, 1), huge.take(2, 3)), (Some(1), None));
    }

    #[test]
    fn numbers_are_taken_all_or_none() {
        assert_eq!((PORTS.take(0b1011, 0b0110), PORTS.take(0b1011, 0b0011)), (None, Some(0b1000)));
        assert_eq!((PORTS.give(0b1000, 0b0011), PORTS.give(0b1011, 0b0001)), (Some(0b1011), None));
    }

    #[test]
    fn devices_are_taken_all_or_none() {
        let (free, taken) = (Millis::whole(2), Millis::default().with(0, 300).with(1, 1000));
        let left = GPUS.take(free.bits(), taken.bits()).unwrap();
        assert_eq!(Millis::from_bits(left), Millis::default().with(0, 700));
        assert_eq!(GPUS.take(left, Millis::default().with(1, 1).bits()), None);
        assert_eq!((GPUS.give(left, taken.bits()), GPUS.give(left, free.bits())), (Some(free.bits()), None));
    }

    #[test]
    fn lowest_bits_are_low() {
        assert_eq!(lowest_bits(0b1101_0010, 2), 0b1_0010);
        assert_eq!(lowest_bits(0b101, 9), 0b101);
        assert_eq!((first_bits(0), first_bits(3), first_bits(64)), (0, 0b111, (1 << 48) - 1));
    }
}
