//! Bits in words: sets of positions, as long as they need to be.

/// How many words so many positions take.
pub(super) fn words(positions: usize) -> usize {
    positions.div_ceil(u64::BITS as usize)
}

/// The word that a position is in.
pub(super) fn word(at: u32) -> usize {
    (at / u64::BITS) as usize
}

fn bit(at: u32) -> u64 {
    1 << (at % u64::BITS)
}

/// Whether a position is in the set.
pub(super) fn has(words: &[u64], at: u32) -> bool {
    words.get(word(at)).is_some_and(|word| word & bit(at) != 0)
}

/// Puts a position, for which there is room, into the set; whether it was not there.
pub(super) fn add(words: &mut [u64], at: u32) -> bool {
    let (word, bit) = (&mut words[word(at)], bit(at));
    let is_new = *word & bit == 0;
    *word |= bit;
    is_new
}

/// Takes a position out of the set; whether it was there.
pub(super) fn remove(words: &mut [u64], at: u32) -> bool {
    let Some(word) = words.get_mut(word(at)) else { return false };
    let bit = bit(at);
    let was_there = *word & bit != 0;
    *word &= !bit;
    was_there
}

/// The positions of a word's bits, when it is the word number `at`.
#[expect(clippy::cast_possible_truncation, reason = "a position has 32 bits")]
pub(super) fn of_word(at: usize, mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(at as u32 * u64::BITS + bit)
    })
}

/// The positions in the set, lowest first.
pub(super) fn all(words: &[u64]) -> impl Iterator<Item = u32> + '_ {
    words.iter().enumerate().flat_map(|(at, word)| of_word(at, *word))
}
