//! Share: how much of the cluster somebody has, in fixed point, by multiplying with reciprocals that are made beforehand.
//!
//! The dominant share is the greatest of `used / total` over the counted resources; by weight it is divided by a weight. Exact value
//! and [`Share`] are less than two parts of 2^46 apart, for up to 16 clusters' worth, and whoever uses more never has less. What is
//! a whole number of parts comes out as it is (reciprocals are rounded up, results down), and equal shares of different resources
//! or by different weights come out equal, but for about one in a thousand of them.

use core::array;

use crate::allocator::order::branch::{Far, NEAR};
use crate::amounts::{Amounts, MAX_RESOURCES};

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

/// How much more than others a branch may have for the same place in the order: in thousandths, from 0.001 to 1,000,000.
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
    pub(super) fn inverse(self) -> Inverse {
        Inverse((1000_u64 << Inverse::BITS).div_ceil(u64::from(self.0)))
    }
}

/// A weight's reciprocal in parts of 2^54, rounded up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inverse(u64);

impl Inverse {
    const BITS: u32 = 54;
    pub(super) const ONE: Self = Self(1 << Self::BITS);
}

/// A counted resource. What is used of it is multiplied with the total's reciprocal: rounded up, in parts of 2^(62 + the total's bits),
/// so between 2^62 and 2^63.
#[derive(Clone, Copy, Debug)]
struct Counted {
    reciprocal: u64,
    /// The most that the total's bits can tell.
    most: u64,
    /// 64 without the total's bits.
    shift: u32,
    /// Among the far ones.
    place: u32,
}

impl Counted {
    const BITS: u32 = 62;
    /// Whose share is always nothing.
    const NOT: Self = Self { reciprocal: 0, most: u64::MAX, shift: 0, place: 0 };

    fn new(place: usize, total: u64) -> Self {
        let shift = total.leading_zeros();
        let reciprocal = (1_u128 << (Self::BITS + u64::BITS - shift)).div_ceil(u128::from(total));
        let (reciprocal, place) = (u64::try_from(reciprocal).unwrap_or(u64::MAX), u32::try_from(place).unwrap_or(0));
        Self { reciprocal, most: u64::MAX >> shift, shift, place }
    }

    /// So much of it as a share, in parts of 2^62, if it is not more than `most`.
    fn share(&self, used: u64) -> u64 {
        (used << self.shift).carrying_mul(self.reciprocal, 0).1
    }

    /// The same of any amount.
    fn share_over(&self, used: u64) -> u128 {
        (u128::from(used) * u128::from(self.reciprocal)) >> (u64::BITS - self.shift)
    }
}

/// What the cluster has, and what of it counts in a share.
#[derive(Clone, Debug)]
pub(super) struct Gauge {
    /// In a branch itself, all: what does not count has a reciprocal of 0. No loop over them ends here or there.
    near: [Counted; NEAR],
    /// Those that count of the others.
    far: Vec<Counted>,
    totals: Amounts,
    excluded: [bool; MAX_RESOURCES],
}

impl Gauge {
    /// Of a cluster that has nothing.
    pub(super) fn new() -> Self {
        Self { near: [Counted::NOT; NEAR], far: Vec::new(), totals: Amounts::ZERO, excluded: [false; MAX_RESOURCES] }
    }

    /// Tells whether that changes shares.
    pub(super) fn set_total(&mut self, place: usize, total: u64) -> bool {
        let changes = core::mem::replace(&mut self.totals.0[place], total) != total && !self.excluded[place];
        self.recount();
        changes
    }

    /// Tells whether that changes shares.
    pub(super) fn exclude(&mut self, place: usize, excluded: bool) -> bool {
        let changes = core::mem::replace(&mut self.excluded[place], excluded) != excluded && self.totals.0[place] != 0;
        self.recount();
        changes
    }

    fn recount(&mut self) {
        let counts = |place: usize| self.totals.0[place] != 0 && !self.excluded[place];
        let counted = |place: usize| Counted::new(place.saturating_sub(NEAR), self.totals.0[place]);
        self.near = array::from_fn(|place| if counts(place) { counted(place) } else { Counted::NOT });
        self.far = (NEAR..MAX_RESOURCES).filter(|place| counts(*place)).map(counted).collect();
    }

    /// The dominant share of who uses so much, by weight.
    #[inline]
    pub(super) fn share(&self, near: &[u64; NEAR], far: &Far, by: Inverse) -> Share {
        let (mut dominant, mut over) = (0, false);
        for (counted, used) in self.near.iter().zip(near) {
            over |= *used > counted.most;
            dominant = counted.share(*used).max(dominant);
        }
        for counted in &self.far {
            let used = far[counted.place as usize % far.len()];
            over |= used > counted.most;
            dominant = counted.share(used).max(dominant);
        }
        if over { self.share_over(near, far, by) } else { Share(dominant.carrying_mul(by.0, 0).1 >> SHIFT) }
    }

    /// The same where more may be in use than there is.
    #[cold]
    fn share_over(&self, near: &[u64; NEAR], far: &Far, by: Inverse) -> Share {
        let near = self.near.iter().zip(near).map(|(counted, used)| counted.share_over(*used));
        let far = self.far.iter().map(|counted| counted.share_over(far[counted.place as usize % far.len()]));
        let dominant = near.chain(far).max().unwrap_or(0);
        let (high, low) = (dominant >> u64::BITS, dominant & u128::from(u64::MAX));
        let product = high * u128::from(by.0) + ((low * u128::from(by.0)) >> u64::BITS);
        Share::saturated(product >> SHIFT)
    }
}

/// From a product's upper half to a share.
const SHIFT: u32 = Counted::BITS + Inverse::BITS - Share::BITS - u64::BITS;
