//! Field: the PUs a plan may draw on, read once, so that all its steps see the same; and regions of it.

use crate::layout::{Layout, LeafShape};
use crate::part::MAX_INDEX;
use crate::plan::Scope;
use crate::stock::Stock;
use crate::wants::{Grain, Take};

/// The PUs of each leaf at one moment. `N` is the most leaves it can hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a, const N: usize> {
    pub(crate) layout: &'a Layout,
    pub(crate) pus: [u32; N],
}

impl<'a, const N: usize> Field<'a, N> {
    pub(crate) fn read(stock: &'a impl Stock) -> Self {
        let layout = &stock.shape().layout;
        let mut pus = [0; N];
        for (leaf, pus) in (0..).zip(&mut pus).take(layout.leaves.len()) {
            *pus = stock.pus(leaf);
        }
        Self { layout, pus }
    }

    /// What a leaf has for a member.
    pub(crate) fn in_leaf(&self, take: Take, leaf: u16) -> u32 {
        units(take, &self.layout.leaves[usize::from(leaf)], self.pus[usize::from(leaf)])
    }

    /// The PUs of a leaf that a region has.
    pub(crate) fn pus_in(&self, region: &Region, leaf: u16) -> u32 {
        if region.leaves.has(leaf) { self.pus[usize::from(leaf)] & region.mask } else { 0 }
    }

    /// What a leaf has for a member within a region.
    pub(crate) fn in_region(&self, take: Take, region: &Region, leaf: u16) -> u32 {
        units(take, &self.layout.leaves[usize::from(leaf)], self.pus_in(region, leaf))
    }

    /// The kinds of core of which a region alone has enough for a member: each with what it has.
    pub(crate) fn kinds(&self, take: Take, region: &Region) -> impl Iterator<Item = (u32, u32)> {
        let has = move |kind: u32| {
            let take = Take { kind: Some(kind), ..take };
            region.leaves.iter().map(|leaf| self.in_region(take, region, leaf)).sum::<u32>()
        };
        let kinds = self.layout.kinds.iter().filter(move |kind| take.kind.is_none_or(|wanted| wanted == **kind));
        kinds.map(move |&kind| (has(kind), kind)).filter(move |(has, _)| *has >= take.amount)
    }
}

/// How much of what a member takes `pus` of a leaf come to, in the unit of its grain.
pub(crate) fn units(take: Take, leaf: &LeafShape, pus: u32) -> u32 {
    if take.kind.is_some_and(|kind| kind != leaf.kind) {
        return 0;
    }
    match take.grain {
        Grain::Cores => leaf.bits.count_whole(pus),
        Grain::CoresByPu => leaf.bits.count_whole(pus) * leaf.bits.width,
        Grain::Split => leaf.bits.count_touched(pus),
        Grain::Kept => pus.count_ones(),
    }
}

/// A set of leaves of one agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeafSet([u64; MAX_INDEX / 64]);

impl LeafSet {
    pub(crate) fn add(&mut self, leaf: u16) {
        self.0[usize::from(leaf / 64)] |= 1 << (leaf % 64);
    }

    pub(crate) fn has(&self, leaf: u16) -> bool {
        self.0[usize::from(leaf / 64)] >> (leaf % 64) & 1 == 1
    }

    /// The members, lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        (0_u16..).step_by(64).zip(self.0).flat_map(|(first, word)| {
            let mut left = word;
            core::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                #[expect(clippy::cast_possible_truncation, reason = "below 64")]
                Some(first + bit as u16)
            })
        })
    }

    /// Whether the lowest leaf in which two sets differ is in this one.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let differ = self.0.iter().zip(&other.0).find(|(mine, theirs)| mine != theirs);
        differ.is_some_and(|(mine, theirs)| mine >> (mine ^ theirs).trailing_zeros() & 1 == 1)
    }
}

impl FromIterator<u16> for LeafSet {
    fn from_iter<I: IntoIterator<Item = u16>>(leaves: I) -> Self {
        let mut set = Self::default();
        leaves.into_iter().for_each(|leaf| set.add(leaf));
        set
    }
}

/// From where exclusive members take: all of some leaves, or one core of one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) leaves: LeafSet,
    /// Which bits of the leaves.
    pub(crate) mask: u32,
}

impl Region {
    pub(crate) fn of_leaves(leaves: LeafSet) -> Self {
        Self { leaves, mask: u32::MAX }
    }

    pub(crate) fn of_core(leaf: u16, mask: u32) -> Self {
        Self { leaves: core::iter::once(leaf).collect(), mask }
    }

    /// All that a scope has of some leaves.
    pub(crate) fn of(leaves: &[u16], scope: Scope, layout: &Layout) -> Self {
        let has = |leaf: &u16| scope.has(layout.leaves[usize::from(*leaf)].numa_node);
        Self::of_leaves(leaves.iter().copied().filter(has).collect())
    }

    /// The part of it that is in these leaves.
    pub(crate) fn within(&self, leaves: &[u16]) -> Self {
        Self { leaves: leaves.iter().copied().filter(|leaf| self.leaves.has(*leaf)).collect(), mask: self.mask }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(leaves: &[u16]) -> LeafSet {
        leaves.iter().copied().collect()
    }

    #[test]
    fn a_set_lists_its_leaves_in_order() {
        let leaves = [0, 1, 63, 64, 200, 1023];
        assert_eq!(set(&leaves).iter().collect::<Vec<_>>(), leaves);
        assert!(set(&leaves).has(64) && !set(&leaves).has(65));
    }

    #[test]
    fn the_set_with_the_lowest_leaf_of_its_own_is_before() {
        assert!(set(&[0, 9]).is_before(&set(&[1, 2])));
        assert!(!set(&[1, 2]).is_before(&set(&[0, 9])));
        assert!(set(&[3, 70]).is_before(&set(&[3, 71])) && !set(&[3]).is_before(&set(&[3])));
    }
}
