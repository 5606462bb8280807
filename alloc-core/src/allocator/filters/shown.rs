//! What an offer shows, or a refusal names: amounts, and the bits of what is told apart one by one (ports, names of sets).

use crate::amounts::Amounts;

/// Amounts and bits of somebody else's, both without the zeros at their end, so that what is equal has one form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(super) amounts: &'a [u64],
    pub(super) bits: &'a [u64],
}

impl<'a> Shown<'a> {
    /// Which bit stands for what is the agent's and does not change while it is there; mostly there are none.
    pub(crate) fn new(amounts: &'a Amounts, bits: &'a [u64]) -> Self {
        Self { amounts: without_end(&amounts.0), bits: without_end(bits) }
    }

    /// Whether there is all of `other` in it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        // The last word of either is not zero: what is longer has something that the shorter has not.
        other.amounts.len() <= self.amounts.len()
            && other.bits.len() <= self.bits.len()
            && self.amounts.iter().zip(other.amounts).all(|(own, other)| own >= other)
            && self.bits.iter().zip(other.bits).all(|(own, other)| other & !own == 0)
    }
}

impl PartialEq for Shown<'_> {
    // Word by word: mostly there are two, and what was written a moment ago is not yet there to be read as one piece.
    fn eq(&self, other: &Self) -> bool {
        let is_same = |one: &[u64], other: &[u64]| {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other)
        };
        is_same(self.amounts, other.amounts) && is_same(self.bits, other.bits)
    }
}

fn without_end(words: &[u64]) -> &[u64] {
    let end = words.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
    &words[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_covers_less_in_every_amount_and_every_bit() {
        let (little, much) = (Amounts::new(2, 2), Amounts::new(4, 2));
        let [small, big] = [&little, &much].map(|amounts| Shown::new(amounts, &[]));
        assert!(big.covers(&small) && big.covers(&big) && !small.covers(&big));
        let [odd, both, even] = [&[0b01_u64, 0][..], &[0b11], &[0b10, 1]].map(|bits| Shown::new(&little, bits));
        assert!(both.covers(&odd) && !odd.covers(&both) && !both.covers(&even) && !small.covers(&odd));
        assert!(odd.covers(&small) && odd == Shown::new(&little, &[1]) && odd != both);
        assert!(small.covers(&Shown::new(&Amounts::ZERO, &[0])));
    }
}
