//! Ids and jitter from a seed, so that a whole cluster can be run again exactly.
//!
//! Every reactor has one; it is here because ids travel, and every reactor sees this crate.

use crate::message::Uuid;

/// `SplitMix64` (Steele, Lea, Flood 2014). Ids need to be distinct, not secret; daemons seed it from the kernel.
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

    /// Evenly from `0..=limit`; meant for small limits, where the remainder's bias is nothing.
    pub const fn up_to(&mut self, limit: u64) -> u64 {
        match limit.checked_add(1) {
            Some(span) => self.next_u64() % span,
            None => self.next_u64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_of_distinct_ids() {
        let (mut left, mut right) = (IdSource::new(7), IdSource::new(7));
        let ids: Vec<Uuid> = (0..1000).map(|_| left.next_uuid()).collect();
        assert!(ids.iter().all(|id| *id == right.next_uuid()));
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn jitter_stays_within_its_limit() {
        let mut ids = IdSource::new(1);
        assert!((0..1000).all(|_| ids.up_to(50) <= 50));
        assert_eq!(ids.up_to(0), 0);
    }
}
