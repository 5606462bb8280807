//! Ids and jitter from a seed, so that a whole conversation can be run again exactly.

use meros_wire::message::Uuid;

/// `SplitMix64` (Steele, Lea, Flood 2014). Ids need to be distinct, not secret; a driver seeds it from the kernel.
#[derive(Clone, Debug)]
pub struct IdSource(u64);

impl IdSource {
    /// Starts the sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A fresh id.
    pub const fn next_uuid(&mut self) -> Uuid {
        let (high, low) = (self.next_u64(), self.next_u64());
        Uuid::from_random((((high as u128) << 64) | low as u128).to_be_bytes())
    }

    /// Evenly from `0..=limit`.
    pub const fn up_to(&mut self, limit: u64) -> u64 {
        match limit.checked_add(1) {
            Some(span) => self.next_u64() % span,
            None => self.next_u64(),
        }
    }
}
