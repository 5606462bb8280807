//! Share: how much of the cluster somebody has, in fixed point, by multiplying with reciprocals that are made beforehand.
//!
//! The dominant share is the greatest of `used / total` over the counted resources; by weight it is divided by a weight. Exact value
//! and [`Share`] are less than two parts of 2^46 apart, for up to 16 clusters' worth, and whoever uses more never has less. What is
//! a whole number of parts comes out as it is (reciprocals are rounded up, results down), and equal shares of different resources
//! or by different weights come out equal, but for about one in a thousand of them.

use crate::allocator::amounts::{Amounts, MAX_RESOURCES};

/// A share of the cluster, by weight or not, in parts of 2^46. More than the cluster can be in use: its total falls when agents go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Share(u64);

impl Share {
    const BITS: u32 = 46;
    /// The whole cluster.
    pub(crate) const ALL: Self = Self(1 << Self::BITS);
    /// The greatest that can be told.
    pub(crate) const MOST: Self = Self(u64::MAX - 1);

    /// In parts of 2^46.
    pub(crate) const fn parts(self) -> u64 {
        self.0
    }

    /// So much of this share as `part` is of `whole`; nothing of none.
    pub(crate) fn portion(self, part: u64, whole: u64) -> Self {
        let of = u128::from(self.0) * u128::from(part);
        Self::saturated(of.checked_div(u128::from(whole)).unwrap_or(0))
    }

    fn saturated(parts: u128) -> Self {
        Self(u64::try_from(parts).unwrap_or(u64::MAX).min(Self::MOST.0))
    }
}

/// How much more than others a node may have for the same place in the order: in thousandths, from 0.001 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Weight(u32);

impl Weight {
    pub(crate) const ONE: Self = Self(1000);
    const MOST_MILLI: u32 = 1_000_000_000;

    /// `None` when it is out of bounds.
    pub(crate) const fn from_milli(milli: u32) -> Option<Self> {
        if milli >= 1 && milli <= Self::MOST_MILLI { Some(Self(milli)) } else { None }
    }

    pub(crate) fn milli(self) -> u32 {
        self.0
    }

    /// To multiply with instead of dividing.
    pub(crate) fn inverse(self) -> Inverse {
        Inverse((1000_u64 << Inverse::BITS).div_ceil(u64::from(self.0)))
    }
}

/// A weight's reciprocal in parts of 2^54, rounded up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inverse(u64);

impl Inverse {
    const BITS: u32 = 54;
    pub(crate) const ONE: Self = Self(1 << Self::BITS);
}

/// A counted resource, and its total's reciprocal: rounded up, in parts of 2^(62 + the total's bits), so between 2^62 and 2^63.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    reciprocal: u64,
    place: u32,
    total_bits: u32,
}

impl Counted {
    fn new(place: usize, total: u64) -> Self {
        let total_bits = u64::BITS - total.leading_zeros();
        let reciprocal = (1_u128 << (Self::BITS + total_bits)).div_ceil(u128::from(total));
        let (reciprocal, place) = (u64::try_from(reciprocal).unwrap_or(u64::MAX), u32::try_from(place).unwrap_or(0));
        Self { reciprocal, place, total_bits }
    }

    const BITS: u32 = 62;

    /// The share of it in parts of 2^62.
    fn share(&self, used: &Amounts) -> u128 {
        (u128::from(used.0[self.place as usize % MAX_RESOURCES]) * u128::from(self.reciprocal)) >> self.total_bits
    }
}

/// What the cluster has, and what of it counts in a share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge {
    /// The first `len` of them.
    counted: [Counted; MAX_RESOURCES],
    len: usize,
    totals: Amounts,
    excluded: [bool; MAX_RESOURCES],
}

impl Gauge {
    /// Tells whether that changes shares.
    pub(crate) fn set_total(&mut self, place: usize, total: u64) -> bool {
        let changes = core::mem::replace(&mut self.totals.0[place], total) != total && !self.excluded[place];
        self.recount();
        changes
    }

    /// Tells whether that changes shares.
    pub(crate) fn exclude(&mut self, place: usize, excluded: bool) -> bool {
        let changes = core::mem::replace(&mut self.excluded[place], excluded) != excluded && self.totals.0[place] != 0;
        self.recount();
        changes
    }

    fn recount(&mut self) {
        self.len = 0;
        for (place, total) in self.totals.0.into_iter().enumerate() {
            if total != 0 && !self.excluded[place] {
                self.counted[self.len] = Counted::new(place, total);
                self.len += 1;
            }
        }
    }

    /// The dominant share of who uses so much, by weight.
    #[inline]
    pub(crate) fn share(&self, used: &Amounts, by: Inverse) -> Share {
        let mut dominant = 0;
        for counted in &self.counted[..self.len] {
            dominant = counted.share(used).max(dominant);
        }
        let shift = Counted::BITS + Inverse::BITS - Share::BITS;
        match u64::try_from(dominant) {
            Ok(dominant) => Share(dominant.carrying_mul(by.0, 0).1 >> (shift - u64::BITS)),
            // Four clusters' worth and more.
            Err(_) => {
                Share::saturated((dominant >> Inverse::BITS).saturating_mul(by.0.into()) >> (shift - Inverse::BITS))
            }
        }
    }
}
