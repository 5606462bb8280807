//! A size that was refused of an agent, and who refused it.

use super::bits;
use super::shown::Shown;

/// A size and who refused it, in one piece of memory: amounts, bits, column.
#[derive(Debug)]
pub(super) struct Size {
    words: Box<[u64]>,
    /// Where the column begins.
    column: u32,
    filters: u32,
    id: u16,
    /// Where the bits begin.
    bits: u8,
}

impl Size {
    #[expect(clippy::cast_possible_truncation, reason = "there are 16 amounts, and fewer bits than 2^32 words")]
    pub(super) fn new(id: u16, refused: &Shown<'_>, column_words: usize) -> Self {
        let (amounts, bits) = (refused.amounts.len(), refused.bits.len());
        let mut words = Vec::with_capacity(amounts + bits + column_words);
        words.extend_from_slice(refused.amounts);
        words.extend_from_slice(refused.bits);
        words.resize(amounts + bits + column_words, 0);
        Self { words: words.into(), column: (amounts + bits) as u32, filters: 0, id, bits: amounts as u8 }
    }

    /// What was refused.
    pub(super) fn shown(&self) -> Shown<'_> {
        let (amounts, rest) = self.words.split_at(usize::from(self.bits));
        Shown { amounts, bits: &rest[..self.column as usize - amounts.len()] }
    }

    /// Who refused it, a bit per subscription.
    pub(super) fn column(&self) -> &[u64] {
        &self.words[self.column as usize..]
    }

    /// How many filters there are of it.
    pub(super) fn filters(&self) -> u32 {
        self.filters
    }

    pub(super) fn add(&mut self, sub: u32, column_words: usize) {
        let words = self.column as usize + column_words;
        if words > self.words.len() {
            let mut longer = Vec::with_capacity(words);
            longer.extend_from_slice(&self.words);
            longer.resize(words, 0);
            self.words = longer.into();
        }
        self.filters += u32::from(bits::add(&mut self.words[self.column as usize..], sub));
    }

    pub(super) fn remove(&mut self, sub: u32) -> bool {
        let was_there = bits::remove(&mut self.words[self.column as usize..], sub);
        self.filters -= u32::from(was_there);
        was_there
    }

    pub(super) fn id(&self) -> u16 {
        self.id
    }

    pub(super) fn has(&self, sub: u32) -> bool {
        bits::has(self.column(), sub)
    }

    /// The bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }
}
