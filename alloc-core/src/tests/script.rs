//! A script: arbitrary bytes, read as numbers, so that a fuzzer, a property test and a random thread all say the same things.
//!
//! Every read takes a byte or two and ends with `None` at the script's end. Most numbers are small and can be meant; about one in
//! forty is not (zero, or as large as its type).

/// The rest of the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script<'a>(pub(super) &'a [u8]);

impl Script<'_> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Below a bound of at most 256.
    pub(super) fn below(&mut self, bound: usize) -> Option<usize> {
        Some(usize::from(self.byte()?) % bound)
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        Some(choices[self.below(choices.len())?])
    }

    /// Two bytes: a number that names one of a list of any length, by its remainder.
    pub(super) fn position(&mut self) -> Option<usize> {
        Some(usize::from(self.byte()?))
    }

    /// From 1 to `most`; or zero, more, or all bits.
    pub(super) fn amount(&mut self, most: u32) -> Option<u32> {
        Some(match self.byte()? {
            250..=252 => 0,
            253 => most.saturating_mul(8),
            254 => 1 << 31,
            255 => u32::MAX,
            byte => 1 + u32::from(byte) % most,
        })
    }

    /// From 1 to `most` in two bytes, without oddities.
    pub(super) fn wide(&mut self, most: u32) -> Option<u32> {
        let (high, low) = (u32::from(self.byte()?), u32::from(self.byte()?));
        Some(1 + (high << 8 | low) % most)
    }

    /// Bytes of memory: none, some, some pages; or as many as there are numbers.
    pub(super) fn mem_bytes(&mut self) -> Option<u64> {
        Some(match self.byte()? {
            0..=89 => 0,
            255 => u64::MAX,
            254 => u64::MAX / 4096 * 4096,
            byte @ 90..=129 => u64::from(byte) * 251,
            byte => u64::from(byte - 129) % 40 * 4096,
        })
    }
}
