//! Bits: a set of small numbers, word by word.

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// Makes room for the numbers below `len`.
    pub(crate) fn grow(&mut self, len: usize) {
        let words = len.div_ceil(64);
        if self.0.len() < words {
            self.0.resize(words, 0);
        }
    }

    pub(crate) fn has(&self, at: u32) -> bool {
        self.word(at as usize / 64) >> (at % 64) & 1 == 1
    }

    /// Puts a number in, for which there is room, or takes it out.
    pub(crate) fn put(&mut self, at: u32, is_in: bool) {
        if let Some(word) = self.0.get_mut(at as usize / 64) {
            let bit = 1 << (at % 64);
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    /// 64 numbers; those beyond its room are out.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }
}

/// The set bits of a word, lowest first.
pub(crate) fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_in_and_out() {
        let mut bits = Bits::default();
        bits.put(3, true);
        assert!(!bits.has(3), "there is no room yet");
        bits.grow(130);
        [0, 63, 64, 129].into_iter().for_each(|at| bits.put(at, true));
        bits.put(63, false);
        assert_eq!(bits.words(), [1, 1, 2]);
        assert_eq!((bits.has(64), bits.has(63), bits.has(9999), bits.word(2)), (true, false, false, 2));
    }
}
