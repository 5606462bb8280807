//! Wishes read from a [`Script`]: requests, holds, limits, placements, as they may be meant and as they cannot.

use super::script::Script;
use super::wish_extras;
use meros_alloc_core::{
    AgentState, CoreKind, Cpus, Extras, HoldLimit, Level, Limit, Locality, Members, MemoryHold, MemoryLocality,
    NumaNodeId, NumaNodeMemory, PAGE_BYTES, PlacedExtras, Placement, Policy, PoolShare, PuId, Request, Smt,
};

const HOLDS: [MemoryHold; 3] = [MemoryHold::Held, MemoryHold::Loose, MemoryHold::Strict];
const LEVELS: [Level; 4] = [Level::Core, Level::L3, Level::NumaNode, Level::Package];
const KINDS: [CoreKind; 8] = [
    CoreKind::Any,
    CoreKind::Any,
    CoreKind::Any,
    CoreKind::Any,
    CoreKind::Preferred(0),
    CoreKind::Preferred(1),
    CoreKind::Required(0),
    CoreKind::Required(1),
];

/// What somebody may want.
pub(super) fn request(script: &mut Script<'_>) -> Option<Request> {
    let (members, mem_bytes, locality) = (members(script)?, script.mem_bytes()?, locality(script)?);
    let (memory, extras) = memory(script)?;
    Some(Request { members, mem_bytes, locality, memory, extras, standing: None })
}

/// Where the memory is to be, and in a quarter of all requests: what is wanted beside it.
fn memory(script: &mut Script<'_>) -> Option<(MemoryLocality, Extras)> {
    let byte = script.byte()?;
    let memory = [MemoryLocality::Any, MemoryLocality::Preferred, MemoryLocality::Required][usize::from(byte % 3)];
    Some((memory, if byte < 192 { Extras::NONE } else { wish_extras::wishes(script)?.into() }))
}

fn locality(script: &mut Script<'_>) -> Option<Locality> {
    let (wish, level) = (script.byte()?, LEVELS);
    Some(match wish % 4 {
        0 | 1 => Locality::Any,
        2 => Locality::Preferred(level[usize::from(wish / 4 % 4)]),
        _ => Locality::Required(level[usize::from(wish / 4 % 4)]),
    })
}

/// One larger member mostly, two or three smaller ones sometimes, none or too many seldom.
fn members(script: &mut Script<'_>) -> Option<Members> {
    let (count, most) = match script.byte()? {
        0..=219 => (1, 8),
        220..=239 => (2, 4),
        240..=251 => (3, 4),
        252 => (0, 4),
        253 => (8, 2),
        _ => (9, 1),
    };
    (0..count).map(|_| cpus(script, most)).collect()
}

fn cpus(script: &mut Script<'_>, most: u32) -> Option<Cpus> {
    let wish = script.byte()?;
    let kind = KINDS[usize::from(wish >> 5)];
    Some(match wish & 31 {
        0..=8 => Cpus::Exclusive { pus: script.amount(most)?, smt: Smt::Whole, kind },
        9..=13 => Cpus::Exclusive { pus: script.amount(most)?, smt: Smt::Kept, kind },
        14..=18 => Cpus::Exclusive { pus: script.amount(most)?, smt: Smt::Split, kind },
        19..=22 => Cpus::Cores { cores: script.amount(most.div_ceil(2))?, kind },
        23 => Cpus::shared(script.amount(1000)?),
        _ => Cpus::shared(script.wide(most * 450)?),
    })
}

/// The oracle's opinion of what cannot be meant, whatever the machine.
pub(super) fn can_be_meant(request: &Request) -> bool {
    let members = request.members.as_slice();
    let none = |cpus: &Cpus| {
        matches!(cpus, Cpus::Exclusive { pus: 0, .. } | Cpus::Cores { cores: 0, .. } | Cpus::Shared { cpu_milli: 0 })
    };
    let shared = members.iter().any(|cpus| matches!(cpus, Cpus::Shared { .. }));
    let several = members.iter().any(|cpus| matches!(cpus, Cpus::Exclusive { pus: 2.., smt: Smt::Split, .. }));
    let contradiction = match request.locality {
        Locality::Required(Level::Core) => shared || several,
        Locality::Required(Level::L3) => shared,
        _ => false,
    };
    (1..=8).contains(&request.members.added()) && !members.iter().any(none) && !contradiction
}

pub(super) fn policy(script: &mut Script<'_>) -> Option<Policy> {
    script.pick(&[Policy::Pack, Policy::Spread, Policy::FragmentationAware])
}

pub(super) fn state(script: &mut Script<'_>) -> Option<AgentState> {
    script.pick(&[AgentState::Active, AgentState::Active, AgentState::Inactive, AgentState::Draining])
}

pub(super) fn hold(script: &mut Script<'_>) -> Option<HoldLimit> {
    let (exclusive_pus, extras) = match script.byte()? {
        0..=127 => return Some(HoldLimit::ALL),
        byte => (u32::from(byte) % 6, byte >= 192),
    };
    Some(HoldLimit { exclusive_pus, pool_milli: script.wide(2000)? - 1, mem_bytes: script.mem_bytes()?, extras })
}

pub(super) fn limit(script: &mut Script<'_>) -> Option<Limit> {
    let (which, cpu_milli, pages) = (script.byte()?, script.byte()?, script.byte()?);
    Some(Limit {
        cpu_milli: (which % 3 == 1).then(|| u64::from(cpu_milli) * 100),
        mem_bytes: (which % 3 == 2).then(|| u64::from(pages) * PAGE_BYTES),
    })
}

/// A claim that somebody says there is: sorted mostly, of this machine perhaps.
pub(super) fn placement(script: &mut Script<'_>) -> Option<Placement> {
    let [pus, pools, memory] = [script.below(6)?, script.below(3)?, script.below(4)?];
    let unsorted = script.byte()? > 250;
    let mut placement = Placement {
        pus: (0..pus).map(|_| Some(PuId::new(script.byte()?.into()))).collect::<Option<_>>()?,
        pools: (0..pools).map(|_| share(script)).collect::<Option<_>>()?,
        memory: (0..memory).map(|_| pages(script)).collect::<Option<_>>()?,
        further: Vec::new(),
        ..terms(script)?
    };
    if !unsorted {
        placement.pus.iter_mut().for_each(|pu| *pu = PuId::new(pu.get() % 18));
        placement.pus.sort_unstable();
        placement.pus.dedup();
        placement.pools.sort_unstable_by_key(|share| share.numa_node);
        placement.pools.dedup_by_key(|share| share.numa_node);
        placement.memory.sort_unstable_by_key(|memory| memory.numa_node);
        placement.memory.dedup_by_key(|memory| memory.numa_node);
    }
    Some(placement)
}

/// The terms of its memory, and in a quarter of all placements: what it holds beside it.
fn terms(script: &mut Script<'_>) -> Option<Placement> {
    let byte = script.byte()?;
    let extras = if byte < 192 { PlacedExtras::default() } else { wish_extras::placed(script)? };
    Some(Placement { memory_hold: HOLDS[usize::from(byte % 3)], extras, ..Placement::default() })
}

/// An exact claim, said so that it means something on every machine.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Which of the free PUs, by a bit for each.
    pub(super) pus: u64,
    /// Of which pool, and how much.
    pub(super) share: Option<(usize, u32)>,
    /// Pages of each NUMA node; `None` for one that is not used.
    pub(super) pages: Vec<Option<u64>>,
    pub(super) hold: MemoryHold,
}

pub(super) fn chosen(script: &mut Script<'_>) -> Option<Chosen> {
    let (these, those, how) = (script.wide(1 << 16)?, script.wide(1 << 16)?, script.byte()?);
    let share = if how < 80 { Some((script.position()?, script.wide(5000)? - 1)) } else { None };
    let pages = |script: &mut Script<'_>| {
        Some(Some(script.byte()?).filter(|byte| *byte < 64).map(|pages| u64::from(pages) % 12))
    };
    let pages = (0..how % 5).map(|_| pages(script)).collect::<Option<_>>()?;
    let pus = u64::from(these & those) * 0x0001_0001_0001_0001;
    Some(Chosen { pus, share, pages, hold: script.pick(&HOLDS)? })
}

fn numa_node(script: &mut Script<'_>) -> Option<NumaNodeId> {
    Some(NumaNodeId::new(u16::from(script.byte()?) % 5))
}

fn share(script: &mut Script<'_>) -> Option<PoolShare> {
    let numa_node = numa_node(script)?;
    Some(PoolShare { numa_node: (numa_node.get() < 4).then_some(numa_node), cpu_milli: script.amount(900)? })
}

fn pages(script: &mut Script<'_>) -> Option<NumaNodeMemory> {
    let numa_node = numa_node(script)?;
    let mem_bytes = match script.byte()? {
        0..=3 => 0,
        4..=5 => 17,
        6 => u64::MAX,
        7 => u64::MAX / PAGE_BYTES * PAGE_BYTES,
        byte => u64::from(byte) % 20 * PAGE_BYTES,
    };
    Some(NumaNodeMemory { numa_node, mem_bytes })
}
