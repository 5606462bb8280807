//! Mask: a bit per position of a shard's index: which leaves a search may look at. Plain data, of one thread.
//!
//! A bit per row above it says which rows have any, so that a search passes over the others at once.

use crate::index::{ROW, Span};

/// Which positions of one shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask {
    rows: Box<[u64]>,
    /// A bit per row: it has bits.
    above: Box<[u64]>,
}

impl Mask {
    /// For so many rows, all clear.
    pub(crate) fn new(rows: u32) -> Self {
        let words = |bits: u32| vec![0; bits as usize].into_boxed_slice();
        Self { rows: words(rows), above: words(rows.div_ceil(64)) }
    }

    /// Sets or clears the bits of a span.
    pub(crate) fn put(&mut self, span: Span, allowed: bool) {
        for (row, bits) in span.rows() {
            let at = row as usize;
            let Some(word) = self.rows.get_mut(at) else { continue };
            *word = if allowed { *word | bits } else { *word & !bits };
            let any = u64::from(*word != 0) << (at % 64);
            self.above[at / 64] = self.above[at / 64] & !(1 << (at % 64)) | any;
        }
    }

    /// The bits of a row.
    #[inline]
    pub(crate) fn row(&self, row: u32) -> u64 {
        self.rows.get(row as usize).copied().unwrap_or(0)
    }

    /// Whether a position is in it.
    #[inline]
    pub(crate) fn has(&self, position: u32) -> bool {
        self.row(position / ROW) >> (position % ROW) & 1 == 1
    }

    /// The first row, from `row` on, that has bits.
    #[inline]
    pub(crate) fn next_row(&self, row: u32) -> Option<u32> {
        let first = (row / 64) as usize;
        let mut bits = self.above.get(first)? & u64::MAX << (row % 64);
        let mut at = first;
        while bits == 0 {
            at += 1;
            bits = *self.above.get(at)?;
        }
        u32::try_from(at * 64).ok().map(|start| start + bits.trailing_zeros())
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn rows_without_bits_are_passed_over() {
        let mut mask = Mask::new(300);
        let span = Span { first: 200 * ROW - 2, len: 5 };
        mask.put(span, true);
        mask.put(Span::one(7), true);
        assert_eq!([0, 1, 200, 201].map(|row| mask.next_row(row)), [Some(0), Some(199), Some(200), None]);
        assert_eq!((mask.row(199), mask.row(200), mask.row(9999)), (0b11 << 62, 0b111, 0));
        mask.put(span, false);
        assert_eq!((mask.next_row(1), mask.has(7), mask.has(8)), (None, true, false));
    }
}
