//! Counter word: what is free of something that is only counted, in one `u64`: huge pages of a NUMA node, disk, a scalar.
//!
//! Rule 1: a take is refused beforehand when less is free; it is never taken first and given back afterwards.
//! Rule 2: a claim gives back exactly what it took, so the word never exceeds what the agent has.
//!
//! The unit is the caller's: pages, blocks of disk, thousandths.

use crate::sync::{Ordering, Word64};

/// The value of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CounterWord(u64);

impl CounterWord {
    const fn take(self, amount: u64) -> Option<Self> {
        match self.0.checked_sub(amount) {
            Some(free) => Some(Self(free)),
            None => None,
        }
    }

    const fn give(self, amount: u64) -> Option<Self> {
        match self.0.checked_add(amount) {
            Some(free) => Some(Self(free)),
            None => None,
        }
    }
}

/// A counter as the threads share it.
#[derive(Debug)]
pub(crate) struct Counter(Word64);

impl Counter {
    /// A counter with all of `amount` free.
    pub(crate) fn new(amount: u64) -> Self {
        Self(Word64::new(amount))
    }

    /// What is free at this moment.
    pub(crate) fn free(&self) -> u64 {
        // Acquire: pairs with the Release half of `change`, so a refusal sees the undo that preceded it.
        self.0.load(Ordering::Acquire)
    }

    fn change(&self, rule: impl Fn(CounterWord) -> Option<CounterWord>) -> bool {
        // AcqRel: Acquire pairs with the Release half of the change before, so who takes sees what the last holder did;
        // Release publishes ours to the next. Relaxed on failure: nothing is read through it.
        let changed =
            self.0.update(Ordering::AcqRel, Ordering::Relaxed, |word| rule(CounterWord(word)).map(|next| next.0));
        changed.is_ok()
    }

    /// Takes `amount`; false when less is free.
    #[must_use]
    pub(crate) fn take(&self, amount: u64) -> bool {
        self.change(|word| word.take(amount))
    }

    /// Gives back what was taken.
    pub(crate) fn give(&self, amount: u64) {
        let given = self.change(|word| word.give(amount));
        assert!(given, "rule 2: {amount} given back is more than was ever there");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_there_and_no_more() {
        let word = CounterWord(5);
        assert_eq!(word.take(6), None);
        assert_eq!(word.take(5), Some(CounterWord(0)));
        assert_eq!(word.take(2).and_then(|word| word.give(2)), Some(word));
        assert_eq!(word.give(u64::MAX), None);
    }
}
