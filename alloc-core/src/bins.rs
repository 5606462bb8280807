//! Bins: how few domains hold what is wanted. Covering a demand with bins is hard in general; with a single figure per bin
//! the fullest first are the fewest, and all that is left to choose is which of equally few.

use core::cmp::Reverse;

/// How many sets of bins are looked at, for one size of set.
pub(crate) const MAX_SETS: usize = 1024;

/// A domain and what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bin {
    /// In the unit of what is wanted.
    pub(crate) has: u32,
    /// Which domain.
    pub(crate) domain: u16,
    /// Where its leaves are, in a list of leaves: from here,
    pub(crate) start: u16,
    /// to here.
    pub(crate) end: u16,
}

/// Sorts the fullest first; of equal ones the lowest last.
pub(crate) fn sort(bins: &mut [Bin]) {
    bins.sort_unstable_by_key(|bin| (Reverse(bin.has), Reverse(bin.domain)));
}

/// How many bins hold `wanted` at the least: sorted, the fullest first. `None`: all together do not.
pub(crate) fn fewest(sorted: &[Bin], wanted: u64) -> Option<usize> {
    let mut sum = 0;
    let full = sorted.iter().position(|bin| {
        sum += u64::from(bin.has);
        sum >= wanted
    });
    full.map(|at| at + 1)
}

/// Brings `count` bins that hold `wanted` to the front, of which the sum is small: the smallest that the largest others still
/// make up for, one after the other. Keeps the largest whole for others.
pub(crate) fn tighten(sorted: &mut [Bin], count: usize, wanted: u64) {
    let mut lacking = wanted;
    for at in 0..count {
        let others = count - at - 1;
        let rest = &sorted[at..];
        let sum = |bins: &[Bin]| bins.iter().map(|bin| u64::from(bin.has)).sum::<u64>();
        let (largest, largest_and_next) = (sum(&rest[..others]), sum(&rest[..=others]));
        let enough = |&(position, bin): &(usize, &Bin)| {
            let has = u64::from(bin.has);
            // The bin and the largest others; if it is one of those, the next in line takes its place.
            let together = if position < others { largest_and_next } else { largest + has };
            together >= lacking
        };
        let Some((chosen, bin)) = rest.iter().enumerate().rev().find(enough) else { return };
        lacking = lacking.saturating_sub(u64::from(bin.has));
        sorted[at..=at + chosen].rotate_right(1);
    }
}

/// The sets of `count` of the first `of` bins, a bit per bin: at most [`MAX_SETS`], those of the first bins first. With more
/// than 64 bins only the very first set.
pub(crate) fn sets(of: usize, count: usize) -> impl Iterator<Item = u64> {
    let first = if count >= 64 { u64::MAX } else { (1 << count) - 1 };
    let sets = core::iter::successors(Some(first), move |&set| {
        // Gosper's hack: the next larger number with as many ones.
        let lowest = set & set.wrapping_neg();
        let ripple = set.checked_add(lowest).filter(|_| set != 0)?;
        let next = (((set ^ ripple) >> 2) / lowest) | ripple;
        (of < 64 && next >> of == 0 || of == 64).then_some(next)
    });
    sets.take(MAX_SETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(has: &[u32]) -> Vec<Bin> {
        let mut bins: Vec<Bin> = (0..).zip(has).map(|(domain, &has)| Bin { has, domain, ..Bin::default() }).collect();
        sort(&mut bins);
        bins
    }

    fn tight(has: &[u32], wanted: u64) -> Vec<u32> {
        let mut bins = bins(has);
        let count = fewest(&bins, wanted).unwrap();
        tighten(&mut bins, count, wanted);
        bins[..count].iter().map(|bin| bin.has).collect()
    }

    #[test]
    fn the_fewest_and_of_those_the_smallest() {
        assert_eq!(tight(&[8, 8, 6, 4], 10), [4, 6]);
        assert_eq!(tight(&[8, 8, 6, 4], 15), [8, 8]);
        assert_eq!(tight(&[8, 8, 6, 4], 5), [6]);
        assert_eq!(tight(&[5, 5, 5], 15), [5, 5, 5]);
        assert_eq!(fewest(&bins(&[3, 3]), 7), None);
    }

    #[test]
    fn tightening_keeps_the_count_and_the_sum_enough() {
        for seed in 0..4096_u32 {
            let has: Vec<u32> = (0..6).map(|at| 1 + seed.wrapping_mul(2_654_435_761).rotate_left(at * 5) % 9).collect();
            for wanted in 1..=has.iter().sum() {
                let chosen = tight(&has, wanted.into());
                assert_eq!(Some(chosen.len()), fewest(&bins(&has), wanted.into()));
                assert!(chosen.iter().sum::<u32>() >= wanted, "{has:?} {wanted} {chosen:?}");
            }
        }
    }

    #[test]
    fn every_set_once() {
        assert_eq!(sets(4, 2).collect::<Vec<_>>(), [0b0011, 0b0101, 0b0110, 0b1001, 0b1010, 0b1100]);
        assert_eq!((sets(12, 6).count(), sets(64, 2).count(), sets(64, 64).count()), (924, MAX_SETS, 1));
        assert_eq!((sets(5, 5).collect::<Vec<_>>(), sets(100, 3).count()), (vec![0b1_1111], 1));
    }
}
