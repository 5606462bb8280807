//! Shared: which pools serve a shared request. A pool counts with the cores that could still join it.

use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Scope, Sink};
use crate::request::{Level, Locality};
use crate::stock::Stock;

/// The pools to take from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This one.
    One(u16),
    /// Those whose cores are all in this package.
    Package(u32),
    /// All.
    Whole,
}

/// The closest reach that has `cpu_milli`: one pool, those of one package, all; as far as the wish allows.
pub(crate) fn choose(cpu_milli: u32, locality: Locality, scope: Scope, stock: &impl Stock) -> Option<Reach> {
    let one = |in_package| one_pool(cpu_milli, in_package, scope, stock).map(Reach::One);
    let package = || one_package(cpu_milli, scope, stock).map(Reach::Package);
    let whole = || (u64::from(cpu_milli) <= reach_milli(Reach::Whole, scope, stock)).then_some(Reach::Whole);
    match locality {
        Locality::Required(Level::Package) => one(true).or_else(package),
        Locality::Required(_) => one(false),
        Locality::Preferred(_) => one(false).or_else(package).or_else(whole),
        Locality::Any => one(false).or_else(whole),
    }
}

/// The pool that needs the fewest further cores, and of those the tightest.
fn one_pool(cpu_milli: u32, in_package: bool, scope: Scope, stock: &impl Stock) -> Option<u16> {
    let pools = (0..).zip(&stock.shape().layout.pools);
    pools
        .filter(|(_, pool)| !in_package || pool.package.is_some())
        .map(|(at, _)| at)
        .filter(|&pool| u64::from(cpu_milli) <= reach_milli(Reach::One(pool), scope, stock))
        .min_by_key(|&pool| (cpu_milli.saturating_sub(stock.room_milli(pool)), stock.reach_milli(pool)))
}

fn one_package(cpu_milli: u32, scope: Scope, stock: &impl Stock) -> Option<u32> {
    let packages = stock.shape().layout.pools.iter().filter_map(|pool| pool.package);
    packages
        .map(|package| (reach_milli(Reach::Package(package), scope, stock), package))
        .filter(|(reach, _)| u64::from(cpu_milli) <= *reach)
        .min()
        .map(|(_, package)| package)
}

/// The pools of a reach that a scope has.
fn pools(reach: Reach, scope: Scope, stock: &impl Stock) -> impl Iterator<Item = u16> {
    (0..)
        .zip(&stock.shape().layout.pools)
        .filter(move |(at, pool)| {
            scope.has(pool.numa_node)
                && match reach {
                    Reach::One(one) => one == *at,
                    Reach::Package(package) => pool.package == Some(package),
                    Reach::Whole => true,
                }
        })
        .map(|(at, _)| at)
}

/// Millis a reach has.
pub(crate) fn reach_milli(reach: Reach, scope: Scope, stock: &impl Stock) -> u64 {
    pools(reach, scope, stock).map(|pool| u64::from(stock.reach_milli(pool))).sum()
}

/// Puts shares of `cpu_milli` into the plan; tells the NUMA nodes they are in.
pub(crate) fn fill(
    reach: Reach,
    cpu_milli: u32,
    scope: Scope,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    let mut near = NodeSet::default();
    let mut lacking = cpu_milli;
    let mut last: Option<(u32, u16)> = None;
    while lacking > 0 {
        let left = pools(reach, scope, stock).map(|pool| (stock.reach_milli(pool), pool)).filter(|&(has, pool)| {
            has > 0 && last.is_none_or(|(last_has, last_pool)| has < last_has || (has == last_has && pool > last_pool))
        });
        let (has, pool) = left.max_by_key(|&(has, pool)| (has, u16::MAX - pool)).ok_or(Lack::Moved)?;
        let taken = has.min(lacking);
        sink.put(Part::Share { pool, cpu_milli: taken })?;
        lacking -= taken;
        last = Some((has, pool));
        let numa_node = stock.shape().layout.pools[usize::from(pool)].numa_node;
        near = numa_node.map_or(near, |numa_node| near.with(numa_node));
    }
    Ok(near)
}
