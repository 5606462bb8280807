//! Shared: which pools serve a shared request. A pool counts with the cores that could still join it.

use crate::MILLI_PER_PU;
use crate::field::{Field, Region};
use crate::nodeset::{MAX_NUMA_NODES, NodeSet};
use crate::pack::Manner;
use crate::part::Part;
use crate::plan::{Lack, Scope, Sink};
use crate::request::{Level, Locality};
use crate::stock::Stock;
use crate::wants::Wants;

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

/// The closest reach that has `cpu_milli`: one pool, those of one package, all; as far as the wish allows. A package only where
/// it takes no more pools than the whole machine would.
pub(crate) fn choose(cpu_milli: u64, locality: Locality, scope: Scope, stock: &impl Stock) -> Option<Reach> {
    let one = |in_package| one_pool(cpu_milli, in_package, scope, stock).map(Reach::One);
    let package = || one_package(cpu_milli, scope, stock);
    match locality {
        Locality::Required(Level::Package) => one(true).or_else(|| package().map(|(_, reach)| reach)),
        Locality::Required(_) => one(false),
        Locality::Any | Locality::Preferred(_) => one(false).or_else(|| {
            let least = count_pools(cpu_milli, Reach::Whole, scope, stock)?;
            let package = package().filter(|(count, _)| *count <= least);
            Some(package.map_or(Reach::Whole, |(_, reach)| reach))
        }),
    }
}

/// The pool that needs the fewest further cores, and of those the tightest.
fn one_pool(cpu_milli: u64, in_package: bool, scope: Scope, stock: &impl Stock) -> Option<u16> {
    let pools = (0..).zip(&stock.shape().layout.pools);
    pools
        .filter(|(_, pool)| !in_package || pool.package.is_some())
        .map(|(at, _)| at)
        .filter(|&pool| cpu_milli <= reach_milli(Reach::One(pool), scope, stock))
        .min_by_key(|&pool| (cpu_milli.saturating_sub(stock.room_milli(pool).into()), stock.reach_milli(pool)))
}

/// The package with the fewest pools that have it, and of those the tightest; and how many.
fn one_package(cpu_milli: u64, scope: Scope, stock: &impl Stock) -> Option<(u32, Reach)> {
    let packages = stock.shape().layout.pools.iter().filter_map(|pool| pool.package);
    let fitting = packages.filter_map(|package| {
        let reach = Reach::Package(package);
        Some((count_pools(cpu_milli, reach, scope, stock)?, reach_milli(reach, scope, stock), package))
    });
    fitting.min().map(|(count, _, package)| (count, Reach::Package(package)))
}

/// How many pools of a reach `cpu_milli` take at the least, if they have it.
fn count_pools(cpu_milli: u64, reach: Reach, scope: Scope, stock: &impl Stock) -> Option<u32> {
    spread(cpu_milli, reach, scope, stock).map(|given| given.iter().map(|&milli| u32::from(milli > 0)).sum())
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

/// What each pool gives.
type Given = [u32; MAX_NUMA_NODES];

/// Takes from as few pools as possible: the tightest that has all that is lacking, else the one with the most.
fn spread(cpu_milli: u64, reach: Reach, scope: Scope, stock: &impl Stock) -> Option<Given> {
    let mut given = [0; MAX_NUMA_NODES];
    let mut lacking = cpu_milli;
    while lacking > 0 {
        let left = pools(reach, scope, stock).filter(|pool| given[usize::from(*pool)] == 0);
        let has = left.map(|pool| (stock.reach_milli(pool), pool)).filter(|(has, _)| *has > 0);
        let rank = |(has, _): &(u32, u16)| if u64::from(*has) >= lacking { (0, *has) } else { (1, u32::MAX - *has) };
        let (has, pool) = has.min_by_key(rank)?;
        given[usize::from(pool)] = has.min(u32::try_from(lacking).unwrap_or(u32::MAX));
        lacking = lacking.saturating_sub(has.into());
    }
    Some(given)
}

/// Puts the shared members into the plan; tells the NUMA nodes they are in.
pub(crate) fn fill(
    reach: Reach,
    wants: &Wants,
    scope: Scope,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    let given = spread(wants.share_milli(), reach, scope, stock).ok_or(Lack::Moved)?;
    deal(wants, given, stock, sink)
}

/// Deals what pools give out to the shared members, in order.
fn deal(wants: &Wants, mut given: Given, stock: &impl Stock, sink: &mut impl Sink) -> Result<NodeSet, Lack> {
    let layout = &stock.shape().layout;
    let mut near = NodeSet::default();
    for share in wants.shares() {
        let mut lacking = share.cpu_milli;
        for (pool, shape) in (0_u16..).zip(&layout.pools) {
            let taken = given[usize::from(pool)].min(lacking);
            if taken > 0 {
                sink.put(Part::Share { pool, member: share.member, cpu_milli: taken })?;
                given[usize::from(pool)] -= taken;
                lacking -= taken;
                near = shape.numa_node.map_or(near, |numa_node| near.with(numa_node));
            }
        }
        if lacking > 0 {
            return Err(Lack::Moved);
        }
    }
    Ok(near)
}

/// Puts shared members beside exclusive ones into the plan, on pools that have leaves in the region; takes the whole cores that
/// these pools will need off the field.
pub(crate) fn beside<const N: usize>(
    wants: &Wants,
    region: &Region,
    field: &mut Field<'_, N>,
    manner: Manner,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    let mut given = [0; MAX_NUMA_NODES];
    let mut lacking = wants.share_milli();
    let whole_milli = |field: &Field<'_, N>, pool| whole_pus(field, pool) * MILLI_PER_PU;
    let room_milli = |pool| stock.room_milli(pool) + stock.leaving(pool) * MILLI_PER_PU;
    let reach = |pool: &u16| u64::from(room_milli(*pool)) + u64::from(whole_milli(field, *pool));
    let needs = |pool: &u16| (lacking.saturating_sub(room_milli(*pool).into()), reach(pool));
    let alone = of_region(wants, region, field).filter(|pool| !manner.spread && reach(pool) >= lacking);
    if let Some(pool) = alone.min_by_key(needs) {
        given[usize::from(pool)] = u32::try_from(lacking).unwrap_or(u32::MAX);
        reserve(u32::try_from(needs(&pool).0).unwrap_or(u32::MAX), pool, field);
        return deal(wants, given, stock, sink);
    }
    // First all the room there is, then cores.
    for pool in of_region(wants, region, field) {
        let taken = room_milli(pool).min(u32::try_from(lacking).unwrap_or(u32::MAX));
        given[usize::from(pool)] += taken;
        lacking -= u64::from(taken);
    }
    for pool in (0..).take(field.layout.pools.len()) {
        if !is_in(wants, region, pool, field) {
            continue;
        }
        let taken = whole_milli(field, pool).min(u32::try_from(lacking).unwrap_or(u32::MAX));
        given[usize::from(pool)] += taken;
        lacking -= u64::from(taken);
        reserve(taken, pool, field);
    }
    if lacking > 0 { Err(Lack::Cpus) } else { deal(wants, given, stock, sink) }
}

/// Whether the shares of a claim in this region may come from a pool.
fn is_in<const N: usize>(wants: &Wants, region: &Region, pool: u16, field: &Field<'_, N>) -> bool {
    let shape = &field.layout.pools[usize::from(pool)];
    (shape.package.is_some() || !wants.in_package) && shape.leaves.iter().any(|leaf| region.leaves.has(*leaf))
}

fn of_region<const N: usize>(wants: &Wants, region: &Region, field: &Field<'_, N>) -> impl Iterator<Item = u16> {
    (0..).take(field.layout.pools.len()).filter(move |pool| is_in(wants, region, *pool, field))
}

/// The PUs of a pool's leaves whose cores are wholly on the field.
fn whole_pus<const N: usize>(field: &Field<'_, N>, pool: u16) -> u32 {
    let whole = |leaf: usize| field.layout.leaves[leaf].bits.whole(field.pus[leaf]).count_ones();
    field.layout.pools[usize::from(pool)].leaves.iter().map(|leaf| whole(usize::from(*leaf))).sum()
}

/// Takes whole cores of at least `cpu_milli` off the field: those a pool will grow by. Which ones it will be is decided then;
/// that as many are left is what counts.
fn reserve<const N: usize>(cpu_milli: u32, pool: u16, field: &mut Field<'_, N>) {
    let mut lacking = cpu_milli.div_ceil(MILLI_PER_PU);
    for leaf in field.layout.pools[usize::from(pool)].leaves.iter().map(|leaf| usize::from(*leaf)) {
        let cores = field.layout.leaves[leaf].bits;
        let kept = cores.lowest(field.pus[leaf], lacking.div_ceil(cores.width));
        field.pus[leaf] &= !kept;
        lacking = lacking.saturating_sub(kept.count_ones());
    }
}
