//! Pack: which PUs of a region each member gets.
//!
//! Members are served one after the other, in the order of [`wants`](crate::wants). Each takes from as few leaves as it can: the
//! tightest that has all that is lacking, else the one that has most. Kept PUs fill whole cores; the last few come from the
//! core that has just enough. Split PUs come from the cores that are broken already.
//!
//! For one member this finds whatever there is. Several may compete, and then it matters who takes what: [`Manner`]s are
//! tried one after the other. Where all cores are of one kind and width, the last of them finds whatever there is: whole
//! cores are all alike; taking split PUs from the cores that have most leaves the most different cores to the next
//! (as Havel and Hakimi build graphs of given degrees); kept PUs need nothing but their number. On other machines it is
//! a search, and may miss what only an odd mixture would give.

use crate::field::{Field, Region};
use crate::leaf::lowest_bits;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Sink};
use crate::shared;
use crate::stock::Stock;
use crate::wants::{Grain, Take, Wants};

/// How members choose where there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Split PUs come from the cores that have most, instead of those that have least.
    level: bool,
    /// Shares come from the room of all pools before a core is taken for them, instead of from one pool.
    pub(crate) spread: bool,
    /// A digit of base 3 per exclusive member, which kind of core it takes: 0 the scarcest of which there is enough, 1 the
    /// most plentiful, 2 any mixture.
    kinds: u32,
}

/// The most mixtures of kinds that are tried.
const KIND_MANNERS: u32 = 81;

impl Manner {
    /// The one for a single member.
    pub(crate) const TIDY: Self = Self { level: false, spread: false, kinds: 0 };

    /// Those worth trying for these members on this machine.
    pub(crate) fn all(wants: &Wants, kinds: usize) -> impl Iterator<Item = Self> {
        let free = wants.takes().iter().filter(|take| take.kind.is_none()).count();
        let choices = if kinds > 1 && free > 0 { KIND_MANNERS } else { 1 };
        let spreads = if wants.shares().is_empty() { 1 } else { 2 };
        let manner = move |at| Self { level: at & 1 == 1, spread: at / 2 % spreads == 1, kinds: at / 2 / spreads };
        (0..2 * spreads * choices).map(manner)
    }

    fn kind_choice(self, at: usize) -> u32 {
        u32::try_from(at).ok().and_then(|at| 3_u32.checked_pow(at)).map_or(0, |digit| self.kinds / digit % 3)
    }
}

/// What one member takes, leaf by leaf.
struct Taken<const N: usize>([u32; N]);

/// Serves all members from a region; tells the NUMA nodes they are in.
pub(crate) fn pack<const N: usize>(
    wants: &Wants,
    region: &Region,
    mut field: Field<'_, N>,
    manner: Manner,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    let mut near = NodeSet::default();
    let whole = wants.takes().partition_point(|take| matches!(take.grain, Grain::Cores | Grain::CoresByPu));
    let (first, rest) = wants.takes().split_at(whole);
    for (at, take) in (0..).zip(first) {
        near = near.union(serve(*take, at, region, &mut field, manner, sink)?);
    }
    if !wants.shares().is_empty() {
        near = near.union(shared::beside(wants, region, &mut field, manner, stock, sink)?);
    }
    for (at, take) in (whole..).zip(rest) {
        near = near.union(serve(*take, at, region, &mut field, manner, sink)?);
    }
    Ok(near)
}

fn serve<const N: usize>(
    take: Take,
    at: usize,
    region: &Region,
    field: &mut Field<'_, N>,
    manner: Manner,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    let take = Take { kind: choose_kind(take, region, field, manner.kind_choice(at)), ..take };
    let mut taken = Taken([0; N]);
    let full = match take.grain {
        Grain::Kept => fill_kept(take, region, field, &mut taken),
        Grain::CoresByPu if take.kind.is_none() => fill_mixed(take, region, field, &mut taken),
        Grain::Split if manner.level => fill_level(take, region, field, &mut taken),
        Grain::Cores | Grain::CoresByPu | Grain::Split => fill(take, region, field, &mut taken),
    };
    if !full {
        return Err(Lack::Cpus);
    }
    let mut near = NodeSet::default();
    for leaf in region.leaves.iter() {
        let pus = taken.0[usize::from(leaf)];
        if pus != 0 {
            sink.put(Part::Cores { leaf, member: take.member, pus })?;
            near = field.layout.leaves[usize::from(leaf)].numa_node.map_or(near, |numa_node| near.with(numa_node));
        }
    }
    Ok(near)
}

/// The kind a member's cores are to be of; `None` for a mixture.
fn choose_kind<const N: usize>(take: Take, region: &Region, field: &Field<'_, N>, choice: u32) -> Option<u32> {
    match (take.kind, &*field.layout.kinds) {
        (Some(kind), _) | (None, &[kind]) => Some(kind),
        _ => match choice {
            0 => field
                .kinds(take, region)
                .min_by_key(|&(has, kind)| (rounding(take, kind, field), has))
                .map(|(_, kind)| kind),
            1 => field.kinds(take, region).max().map(|(_, kind)| kind),
            _ => None,
        },
    }
}

/// PUs that a member gets beyond what it asked for, on cores of a kind.
fn rounding<const N: usize>(take: Take, kind: u32, field: &Field<'_, N>) -> u32 {
    let width = field.layout.leaves.iter().find(|leaf| leaf.kind == kind).map_or(1, |leaf| leaf.bits.width);
    if take.grain == Grain::CoresByPu { take.amount.next_multiple_of(width) - take.amount } else { 0 }
}

impl<const N: usize> Taken<N> {
    fn take(&mut self, field: &mut Field<'_, N>, leaf: u16, pus: u32) {
        field.pus[usize::from(leaf)] &= !pus;
        self.0[usize::from(leaf)] |= pus;
    }

    fn has(&self, leaf: u16) -> bool {
        self.0[usize::from(leaf)] != 0
    }
}

/// Takes leaf by leaf, from each all that is lacking or all it has; false when that is not enough.
fn fill<const N: usize>(take: Take, region: &Region, field: &mut Field<'_, N>, taken: &mut Taken<N>) -> bool {
    let mut lacking = take.amount;
    while lacking > 0 {
        let Some(leaf) = next_leaf(take, region, field, lacking, taken) else { return false };
        let cores = field.layout.leaves[usize::from(leaf)].bits;
        let pus = field.pus_in(region, leaf);
        let (got, units) = match take.grain {
            Grain::CoresByPu => {
                let got = cores.lowest(pus, lacking.div_ceil(cores.width));
                (got, got.count_ones())
            }
            Grain::Split => {
                let got = one_of_each(cores, pus, lacking);
                (got, got.count_ones())
            }
            Grain::Cores | Grain::Kept => {
                let got = cores.lowest(pus, lacking);
                (got, cores.count_whole(got))
            }
        };
        taken.take(field, leaf, got);
        lacking = lacking.saturating_sub(units);
    }
    true
}

/// The tightest leaf that has all that is lacking, else the one with the most; none that was taken from.
fn next_leaf<const N: usize>(
    take: Take,
    region: &Region,
    field: &Field<'_, N>,
    lacking: u32,
    taken: &Taken<N>,
) -> Option<u16> {
    let rank = |(units, _): &(u32, u16)| if *units >= lacking { (0, *units) } else { (1, u32::MAX - *units) };
    let leaves = region.leaves.iter().filter(|leaf| !taken.has(*leaf));
    let has = leaves.map(|leaf| (field.in_region(take, region, leaf), leaf)).filter(|(units, _)| *units > 0);
    has.min_by_key(rank).map(|(_, leaf)| leaf)
}

/// One PU each of at most `count` cores, those with the fewest PUs first.
pub(crate) fn one_of_each(cores: crate::leaf::Cores, pus: u32, count: u32) -> u32 {
    let mut got = 0_u32;
    for size in 1..=cores.width {
        for core in cores.each(pus).filter(|core| core.count_ones() == size) {
            if got.count_ones() == count {
                return got;
            }
            got |= lowest_bits(core, 1);
        }
    }
    got
}

/// Split PUs, a PU each of the cores that have most, wherever they are.
fn fill_level<const N: usize>(take: Take, region: &Region, field: &mut Field<'_, N>, taken: &mut Taken<N>) -> bool {
    let before = *field;
    let mut lacking = take.amount;
    for size in (1..=32).rev() {
        for leaf in region.leaves.iter().filter(|leaf| before.in_region(take, region, *leaf) > 0) {
            let cores = field.layout.leaves[usize::from(leaf)].bits;
            for core in cores.each(before.pus_in(region, leaf)).filter(|core| core.count_ones() == size) {
                if lacking == 0 {
                    return true;
                }
                taken.take(field, leaf, lowest_bits(core, 1));
                lacking -= 1;
            }
        }
    }
    lacking == 0
}

/// Whole cores of several widths: the widest that is not more than what is lacking, at last the narrowest.
fn fill_mixed<const N: usize>(take: Take, region: &Region, field: &mut Field<'_, N>, taken: &mut Taken<N>) -> bool {
    let mut lacking = take.amount;
    while lacking > 0 {
        let width = |leaf: u16| field.layout.leaves[usize::from(leaf)].bits.width;
        let rank = |leaf: &u16| {
            let (width, units) = (width(*leaf), field.in_region(take, region, *leaf));
            if width <= lacking { (0, u32::MAX - width, units) } else { (1, width, units) }
        };
        let leaves = region.leaves.iter().filter(|leaf| field.in_region(take, region, *leaf) > 0);
        let Some(leaf) = leaves.min_by_key(rank) else { return false };
        let cores = field.layout.leaves[usize::from(leaf)].bits;
        let got = cores.lowest(field.pus_in(region, leaf), (lacking / cores.width).max(1));
        taken.take(field, leaf, got);
        lacking = lacking.saturating_sub(got.count_ones());
    }
    true
}

/// Kept PUs: whole cores while they fit, then the core that has just enough, or the most.
fn fill_kept<const N: usize>(take: Take, region: &Region, field: &mut Field<'_, N>, taken: &mut Taken<N>) -> bool {
    let mut lacking = fill_kept_cores(take, region, field, taken);
    while lacking > 0 {
        let Some((leaf, core)) = best_core(take, region, field, lacking, taken) else { return false };
        let got = lowest_bits(core, lacking);
        taken.take(field, leaf, got);
        lacking -= got.count_ones();
    }
    true
}

/// The whole cores of kept PUs; returns what is lacking still.
fn fill_kept_cores<const N: usize>(take: Take, region: &Region, field: &mut Field<'_, N>, taken: &mut Taken<N>) -> u32 {
    let whole = Take { grain: Grain::CoresByPu, ..take };
    let mut lacking = take.amount;
    loop {
        let fits = |leaf: &u16| field.layout.leaves[usize::from(*leaf)].bits.width <= lacking && !taken.has(*leaf);
        let rank = |&(units, leaf): &(u32, u16)| {
            let wanted = lacking - lacking % field.layout.leaves[usize::from(leaf)].bits.width;
            if units >= wanted { (0, units) } else { (1, u32::MAX - units) }
        };
        let leaves = region.leaves.iter().filter(fits).map(|leaf| (field.in_region(whole, region, leaf), leaf));
        let Some((_, leaf)) = leaves.filter(|(units, _)| *units > 0).min_by_key(rank) else { return lacking };
        let cores = field.layout.leaves[usize::from(leaf)].bits;
        let got = cores.lowest(field.pus_in(region, leaf), lacking / cores.width);
        taken.take(field, leaf, got);
        lacking -= got.count_ones();
    }
}

/// The core with the fewest PUs that are enough, else with the most; of equal ones, of a leaf that was taken from.
fn best_core<const N: usize>(
    take: Take,
    region: &Region,
    field: &Field<'_, N>,
    lacking: u32,
    taken: &Taken<N>,
) -> Option<(u16, u32)> {
    let size = |core: u32| core.count_ones();
    let rank = |&(leaf, core): &(u16, u32)| {
        let enough = if size(core) >= lacking { (0, size(core)) } else { (1, u32::MAX - size(core)) };
        (enough, !taken.has(leaf))
    };
    let leaves = region.leaves.iter().filter(|leaf| field.in_region(take, region, *leaf) > 0);
    let cores = leaves.flat_map(|leaf| {
        let bits = field.layout.leaves[usize::from(leaf)].bits;
        bits.each(field.pus_in(region, leaf)).map(move |core| (leaf, core))
    });
    cores.min_by_key(rank)
}

/// How many cores kept PUs of a region touch at the least.
pub(crate) fn fewest_cores<const N: usize>(take: Take, region: &Region, field: &Field<'_, N>) -> u32 {
    let mut sizes = [0_u32; 33];
    for leaf in region.leaves.iter().filter(|leaf| field.in_region(take, region, *leaf) > 0) {
        for core in field.layout.leaves[usize::from(leaf)].bits.each(field.pus_in(region, leaf)) {
            sizes[core.count_ones() as usize] += 1;
        }
    }
    let (mut lacking, mut cores) = (take.amount, 0);
    for size in (1..=32).rev() {
        let count = sizes[size as usize];
        let used = lacking.div_ceil(size).min(count);
        lacking = lacking.saturating_sub(used * size);
        cores += used;
    }
    cores
}
