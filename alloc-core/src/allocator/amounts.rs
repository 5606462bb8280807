//! Amounts: how much of each counted resource, in the order in which the table numbers resources. Plain data.
//!
//! Place 0 is CPU in thousandths of a PU, place 1 memory in pages; the others are numbered as machines bring them.

/// The most resources that are counted.
pub(crate) const MAX_RESOURCES: usize = 16;
/// The place of CPU, in thousandths of a PU.
pub(crate) const CPU_MILLI: usize = 0;
/// The place of memory, in pages.
pub(crate) const PAGES: usize = 1;

/// Most clusters count no more than the first few: CPU, memory, disk, ports.
const FIRST: usize = 4;

/// How much of each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Amounts(pub(crate) [u64; MAX_RESOURCES]);

impl Amounts {
    pub(crate) const ZERO: Self = Self([0; MAX_RESOURCES]);

    /// So much CPU and memory.
    pub(crate) const fn new(cpu_milli: u64, pages: u64) -> Self {
        let mut of = [0; MAX_RESOURCES];
        (of[CPU_MILLI], of[PAGES]) = (cpu_milli, pages);
        Self(of)
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0 == [0; MAX_RESOURCES]
    }

    /// The places in which there may be anything.
    #[inline]
    fn places(&self) -> usize {
        let far = self.0[FIRST..].iter().fold(0, |any, amount| any | amount);
        if far == 0 { FIRST } else { MAX_RESOURCES }
    }

    /// Adds; a sum that would not fit stays at the largest number.
    #[inline]
    pub(crate) fn add(&mut self, more: &Self) {
        let places = more.places();
        for (sum, more) in self.0.iter_mut().zip(&more.0[..places]) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// Takes away, down to nothing.
    #[inline]
    pub(crate) fn sub(&mut self, less: &Self) {
        let places = less.places();
        for (left, less) in self.0.iter_mut().zip(&less.0[..places]) {
            *left = left.saturating_sub(*less);
        }
    }

    /// Whether there is at least as much of everything as in `other`.
    #[inline]
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0[..other.places()]).all(|(own, other)| own >= other)
    }

    /// The greater of each.
    pub(crate) fn max(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|at| self.0[at].max(other.0[at])))
    }

    /// How often `one` fits; for nothing, for ever.
    pub(crate) fn times(&self, one: &Self) -> u64 {
        let fits = self.0.iter().zip(one.0).filter(|(_, one)| *one > 0).map(|(own, one)| own / one);
        fits.min().unwrap_or(u64::MAX)
    }

    /// The lesser of each.
    pub(crate) fn min(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|at| self.0[at].min(other.0[at])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_add_up_and_never_fall_below_nothing() {
        let mut sum = Amounts::new(1, 2);
        sum.add(&Amounts::new(3, 4));
        assert_eq!(sum, Amounts::new(4, 6));
        assert!(sum.covers(&Amounts::new(4, 6)) && !sum.covers(&Amounts::new(5, 0)));
        assert_eq!(sum.min(&Amounts::new(9, 1)), Amounts::new(4, 1));
        assert_eq!(sum.max(&Amounts::new(9, 1)), Amounts::new(9, 6));
        assert_eq!((sum.times(&Amounts::new(2, 5)), sum.times(&Amounts::ZERO)), (1, u64::MAX));
        sum.sub(&Amounts::new(9, 1));
        assert_eq!(sum, Amounts::new(0, 5));
        sum.sub(&Amounts::new(0, 5));
        assert!(sum.is_zero());
        assert_eq!(sum, Amounts::ZERO);
    }
}
