//! Ids from a seed, so that a whole cluster can be run again exactly.

use meros_wire::message::Uuid;

/// `SplitMix64` (Steele, Lea, Flood 2014): every seed gives a full-period sequence of distinct values. Ids need to be
/// distinct, not secret; a daemon seeds it from the kernel's random source.
#[derive(Clone, Debug)]
pub(crate) struct IdSource(u64);

impl IdSource {
    /// Starts the sequence of `seed`.
    #[must_use]
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A fresh id.
    pub(crate) const fn next_uuid(&mut self) -> Uuid {
        let (high, low) = (self.next_u64(), self.next_u64());
        Uuid::from_random((((high as u128) << 64) | low as u128).to_be_bytes())
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
}
