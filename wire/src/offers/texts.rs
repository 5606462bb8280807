//! The texts of a message, by number.

use std::collections::HashMap;

use super::parts::count;

/// Texts one after the other, numbered from 0 as they were taken in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    bytes: String,
    /// Where each ends.
    ends: Vec<usize>,
    /// Those that may be asked for again.
    numbers: HashMap<Box<str>, u32>,
    /// So many stay when the others go.
    kept: usize,
}

impl Texts {
    /// The number of a text; a new one is taken in.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.append(text);
        self.numbers.insert(text.into(), number);
        number
    }

    /// Takes a text in without a look whether it is known.
    pub(super) fn append(&mut self, text: &str) -> u32 {
        let number = self.len();
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
        number
    }

    pub(super) fn len(&self) -> u32 {
        count(self.ends.len())
    }

    /// By number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = core::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.bytes[begin..*end])
    }

    /// What they take in a frame at most: each with its offset, length, final zero and alignment.
    pub(super) const fn size_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * 12
    }

    pub(super) const fn keep(&mut self) {
        self.kept = self.ends.len();
    }

    pub(super) fn clear(&mut self) {
        self.ends.truncate(self.kept);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        let kept = count(self.kept);
        if self.numbers.len() > self.kept {
            self.numbers.retain(|_, number| *number < kept);
        }
    }
}
