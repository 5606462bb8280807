//! The fewest domains a request can have, found without the allocator: every set of domains is tried where there are few of
//! them, and a table of the most that can be had is made where there are many.
//!
//! A claim is to touch the fewest NUMA nodes, then the fewest L3 domains; the other way round on machines where an L3 domain
//! spans NUMA nodes. What comes first is called outer here. Cores without a label are in one domain more.

use std::collections::{BTreeMap, BTreeSet};

use meros_alloc_core::{CoreSpec, Level, ShapeSpec, Smt};

/// A domain: its label, or none.
pub type Label = Option<u64>;

/// How many outer, then inner domains.
pub type Counts = (usize, usize);

/// What cores have free, by outer and inner domain.
pub type Cells = BTreeMap<(Label, Label), u32>;

/// The most sets of outer times sets of inner domains that are all tried.
const MAX_TRIED: usize = 1 << 10;

/// The label of a core at a level.
#[must_use]
pub fn label(core: &CoreSpec, at: usize, level: Level) -> Label {
    match level {
        Level::Core => Some(at as u64),
        Level::L3 => core.l3.map(u64::from),
        Level::NumaNode => core.numa_node.map(|numa_node| u64::from(numa_node.get())),
        Level::Package => core.package.map(u64::from),
    }
}

/// Whether some L3 domain spans NUMA nodes.
#[must_use]
pub fn l3_is_outer(spec: &ShapeSpec) -> bool {
    let mut numa_nodes: BTreeMap<u32, BTreeSet<Label>> = BTreeMap::new();
    for core in &spec.cores {
        if let Some(l3) = core.l3 {
            numa_nodes.entry(l3).or_default().insert(label(core, 0, Level::NumaNode));
        }
    }
    numa_nodes.values().any(|numa_nodes| numa_nodes.len() > 1)
}

/// The outer and inner label of a core.
#[must_use]
pub fn cell(core: &CoreSpec, l3_is_outer: bool) -> (Label, Label) {
    let (numa_node, l3) = (label(core, 0, Level::NumaNode), label(core, 0, Level::L3));
    if l3_is_outer { (l3, numa_node) } else { (numa_node, l3) }
}

/// How much of what is asked for a core with `free` PUs has.
#[must_use]
pub fn units(core: &CoreSpec, free: u32, smt: Smt) -> u32 {
    match smt {
        Smt::Whole if free == u32::from(core.pus) => free,
        Smt::Whole => 0,
        Smt::Kept => free,
        Smt::Split => free.min(1),
    }
}

/// The fewest domains that have `wanted`; `None` when all together do not.
#[must_use]
pub fn fewest(cells: &Cells, wanted: u32) -> Option<Counts> {
    if cells.values().sum::<u32>() < wanted {
        return None;
    }
    let outers: BTreeSet<Label> = cells.keys().map(|(outer, _)| *outer).collect();
    let inners: BTreeSet<Label> = cells.keys().map(|(_, inner)| *inner).collect();
    if 1_usize.checked_shl(u32::try_from(outers.len() + inners.len()).ok()?).is_some_and(|sets| sets <= MAX_TRIED) {
        return all_sets(cells, &outers, &inners, wanted);
    }
    if nests(cells) { by_table(cells, wanted) } else { outer_sets(cells, &outers, wanted) }
}

fn subset(labels: &BTreeSet<Label>, set: usize) -> BTreeSet<Label> {
    labels.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, label)| *label).collect()
}

/// Every set of outer with every set of inner domains.
fn all_sets(cells: &Cells, outers: &BTreeSet<Label>, inners: &BTreeSet<Label>, wanted: u32) -> Option<Counts> {
    let inner_sets: Vec<BTreeSet<Label>> = (1..1 << inners.len()).map(|set| subset(inners, set)).collect();
    let outer_sets = (1..1 << outers.len()).map(|set| subset(outers, set));
    let counts = outer_sets.flat_map(|outers| {
        let has = |inners: &BTreeSet<Label>| {
            let inside = cells.iter().filter(|((outer, inner), _)| outers.contains(outer) && inners.contains(inner));
            inside.map(|(_, has)| has).sum::<u32>()
        };
        let enough: Vec<Counts> = inner_sets
            .iter()
            .filter(|inners| has(inners) >= wanted)
            .map(|inners| (outers.len(), inners.len()))
            .collect();
        enough
    });
    counts.min()
}

/// Every set of outer domains; within it the fullest inner ones are the fewest, since each cell is in one only.
fn outer_sets(cells: &Cells, outers: &BTreeSet<Label>, wanted: u32) -> Option<Counts> {
    assert!(outers.len() <= 12, "labels that do not nest, on a machine too large to try all sets");
    let outer_sets = (1..1 << outers.len()).map(|set| subset(outers, set));
    let counts = outer_sets.filter_map(|outers| {
        let mut inners: BTreeMap<Label, u32> = BTreeMap::new();
        for ((_, inner), has) in cells.iter().filter(|((outer, _), _)| outers.contains(outer)) {
            *inners.entry(*inner).or_default() += has;
        }
        let count = fullest(inners.into_values().collect(), wanted)?;
        Some((outers.len(), count))
    });
    counts.min()
}

/// How many of these it takes, the fullest first.
fn fullest(mut has: Vec<u32>, wanted: u32) -> Option<usize> {
    has.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let at = has.iter().position(|has| {
        sum += has;
        sum >= wanted
    })?;
    Some(at + 1)
}

fn nests(cells: &Cells) -> bool {
    let mut outers: BTreeMap<Label, BTreeSet<Label>> = BTreeMap::new();
    for (outer, inner) in cells.keys() {
        outers.entry(*inner).or_default().insert(*outer);
    }
    outers.values().all(|outers| outers.len() == 1)
}

/// Where each inner domain is in one outer: the most that so many outer and inner domains can have, outer by outer.
fn by_table(cells: &Cells, wanted: u32) -> Option<Counts> {
    let mut outers: BTreeMap<Label, Vec<u32>> = BTreeMap::new();
    for ((outer, _), has) in cells {
        outers.entry(*outer).or_default().push(*has);
    }
    let mut most: BTreeMap<Counts, u32> = BTreeMap::from([((0, 0), 0)]);
    for has in outers.values_mut() {
        has.sort_unstable_by(|a, b| b.cmp(a));
        let mut next = most.clone();
        for ((outers, inners), sum) in most {
            let mut sum = sum;
            for (more, has) in (1..).zip(&*has) {
                sum += has;
                let entry = next.entry((outers + 1, inners + more)).or_default();
                *entry = sum.max(*entry);
            }
        }
        most = next;
    }
    most.into_iter().find(|(_, sum)| *sum >= wanted).map(|(counts, _)| counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(has: &[&[u32]]) -> Cells {
        let mut inner = 0;
        let mut cells = Cells::new();
        for (outer, has) in (0..).zip(has) {
            for has in *has {
                cells.insert((Some(outer), Some(inner)), *has);
                inner += 1;
            }
        }
        cells
    }

    #[test]
    fn fewer_outer_domains_come_before_fewer_inner_ones() {
        let cells = cells(&[&[4, 4], &[7]]);
        assert_eq!(
            [7, 8, 11, 16].map(|wanted| fewest(&cells, wanted)),
            [Some((1, 1)), Some((1, 2)), Some((2, 2)), None]
        );
        assert_eq!(fewest(&cells, 15), Some((2, 3)));
    }

    #[test]
    fn all_three_ways_agree() {
        for seed in 0..200_u32 {
            let has = |at: u32| seed.wrapping_mul(2_654_435_761).rotate_left(at * 3) % 6;
            let cells = cells(&[&[has(0), has(1)], &[has(2), has(3)], &[has(4), has(5)]]);
            let outers = cells.keys().map(|(outer, _)| *outer).collect();
            let inners = cells.keys().map(|(_, inner)| *inner).collect();
            for wanted in 1..=cells.values().sum() {
                let brute = all_sets(&cells, &outers, &inners, wanted);
                assert_eq!((by_table(&cells, wanted), outer_sets(&cells, &outers, wanted)), (brute, brute));
            }
        }
    }
}
