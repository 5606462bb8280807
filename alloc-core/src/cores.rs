//! Cores: which domain serves an exclusive request, and which leaves of it.

use crate::leaf::lowest_cores;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Scope, Sink};
use crate::request::{Level, Locality};
use crate::stock::Stock;

/// The leaves to take cores from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Domain<'a> {
    /// One core of this leaf.
    OneCore(u16),
    /// These.
    Leaves(&'a [u16]),
}

/// The levels a wish allows, closest first; after them the whole machine unless the level is required.
fn levels(locality: Locality) -> (&'static [Level], bool) {
    const ALL: [Level; 4] = [Level::Core, Level::L3, Level::NumaNode, Level::Package];
    let from = |level| ALL.iter().position(|other| *other == level).unwrap_or(0);
    match locality {
        Locality::Any => (&[], true),
        Locality::Preferred(level) => (&ALL[from(level)..], true),
        Locality::Required(level) => (&ALL[from(level)..=from(level)], false),
    }
}

/// The tightest domain of the closest level at which `pus` fit.
pub(crate) fn choose(pus: u32, locality: Locality, scope: Scope, stock: &impl Stock) -> Option<Domain<'_>> {
    let (levels, whole) = levels(locality);
    let layout = &stock.shape().layout;
    let at_level = |level: &Level| match level {
        Level::Core => one_core(pus, scope, stock).map(Domain::OneCore),
        level => tightest(layout.domains(*level), pus, scope, stock),
    };
    levels.iter().find_map(at_level).or_else(|| if whole { tightest(layout.whole(), pus, scope, stock) } else { None })
}

fn tightest<'a>(domains: &'a [Vec<u16>], pus: u32, scope: Scope, stock: &impl Stock) -> Option<Domain<'a>> {
    let free = |leaves: &&'a Vec<u16>| leaves.iter().map(|&leaf| pus_in(leaf, scope, stock)).sum::<u32>();
    let fitting = domains.iter().map(|leaves| (free(&leaves), leaves)).filter(|(free, _)| *free >= pus);
    fitting.min_by_key(|(free, _)| *free).map(|(_, leaves)| Domain::Leaves(leaves))
}

/// The leaf with the narrowest cores that have enough PUs each, and of those the fullest.
fn one_core(pus: u32, scope: Scope, stock: &impl Stock) -> Option<u16> {
    let leaves = (0..).zip(&stock.shape().layout.leaves);
    let fitting = leaves.filter(|(at, leaf)| leaf.pus_per_core >= pus && pus_in(*at, scope, stock) > 0);
    fitting.min_by_key(|(at, leaf)| (leaf.pus_per_core, pus_in(*at, scope, stock))).map(|(at, _)| at)
}

/// How many PUs of a leaf there are, if the scope has it.
pub(crate) fn pus_in(leaf: u16, scope: Scope, stock: &impl Stock) -> u32 {
    let numa_node = stock.shape().layout.leaves[usize::from(leaf)].numa_node;
    if scope.has(numa_node) { stock.pus(leaf).count_ones() } else { 0 }
}

/// Puts cores of at least `pus` PUs into the plan; tells the NUMA nodes they are in.
pub(crate) fn fill(
    domain: Domain<'_>,
    pus: u32,
    scope: Scope,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    let leaves = match &domain {
        Domain::OneCore(leaf) => core::slice::from_ref(leaf),
        Domain::Leaves(leaves) => leaves,
    };
    let mut near = NodeSet::default();
    let mut lacking = pus;
    let mut last = None;
    while lacking > 0 {
        let leaf = next_leaf(leaves, lacking, last, scope, stock).ok_or(Lack::Moved)?;
        let shape = &stock.shape().layout.leaves[usize::from(leaf)];
        let free = stock.pus(leaf);
        let taken = lowest_cores(free, lacking.div_ceil(shape.pus_per_core).min(32), shape.pus_per_core);
        if taken == 0 {
            return Err(Lack::Moved);
        }
        sink.put(Part::Cores { leaf, pus: taken })?;
        lacking = lacking.saturating_sub(taken.count_ones());
        last = Some((free.count_ones(), leaf));
        near = shape.numa_node.map_or(near, |numa_node| near.with(numa_node));
    }
    Ok(near)
}

/// The tightest leaf that has all that is lacking, else the one with the most. Leaves come in order of what they have, most
/// first, so those up to `last` were taken already.
fn next_leaf(leaves: &[u16], lacking: u32, last: Option<(u32, u16)>, scope: Scope, stock: &impl Stock) -> Option<u16> {
    let mut fit: Option<(u32, u16)> = None;
    let mut most: Option<(u32, u16)> = None;
    for &leaf in leaves {
        let pus = pus_in(leaf, scope, stock);
        let taken = last.is_some_and(|(last_pus, last_leaf)| pus > last_pus || (pus == last_pus && leaf <= last_leaf));
        if pus == 0 || taken {
            continue;
        }
        if pus >= lacking && fit.is_none_or(|(least, _)| pus < least) {
            fit = Some((pus, leaf));
        }
        if most.is_none_or(|(largest, _)| pus > largest) {
            most = Some((pus, leaf));
        }
    }
    fit.or(most).map(|(_, leaf)| leaf)
}
