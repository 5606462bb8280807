//! The oracle: the same machine kept the slow and obvious way, PU by PU and claim by claim, from the description alone.
//!
//! It does not choose; it checks. A grant must be of things that are free, keep every wish that is required, and be charged
//! for what it is; a refusal must be of something that does not fit; cores move between the pools and the free ones only as
//! the rules say.

use std::collections::{BTreeMap, BTreeSet};

use super::fitting::{FreeCore, fit};
use super::oracle_extras::{Stuff, huge};
use meros_alloc_core::{
    CoreKind, CoreSpec, Cpus, Level, Locality, MILLI_PER_PU, MemoryHold, MemoryLocality, NumaNodeId, NumaNodeMemory,
    PAGE_BYTES, Placement, PoolOrder, PoolShare, PuId, Request, RoleId, ShapeSpec, Smt,
};

type Pu = u16;
pub(super) type Pool = Option<NumaNodeId>;

/// One claim as the oracle knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) owner: u64,
    pub(super) role: RoleId,
    pub(super) placement: Placement,
}

/// One agent, the slow way.
#[derive(Clone, Debug)]
pub(super) struct Oracle {
    pub(super) spec: ShapeSpec,
    /// The core of each PU.
    core_of: Vec<usize>,
    pub(super) claims: BTreeMap<u64, Known>,
    pub(super) pooled: BTreeSet<Pu>,
    pub(super) leaving: BTreeSet<Pu>,
}

/// Whether a request fits, as far as the oracle can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    Unsure,
}

/// What a request may draw on.
pub(super) struct Have {
    pus: BTreeSet<Pu>,
    /// What could join pools besides `pus`.
    leaving: BTreeSet<Pu>,
    room: BTreeMap<Pool, u64>,
    bytes: Vec<u64>,
    pub(super) stuff: Stuff,
}

/// Whether promised memory of a request may be of these NUMA nodes.
pub(super) fn may_be_in(request: &Request, nodeset: &BTreeSet<usize>) -> bool {
    nodeset.len() == 1 || request.locality != Locality::Required(Level::NumaNode)
}

impl Oracle {
    pub(super) fn new(spec: ShapeSpec) -> Self {
        let core_of = spec.cores.iter().enumerate().flat_map(|(at, core)| vec![at; usize::from(core.pus)]).collect();
        Self { spec, core_of, claims: BTreeMap::new(), pooled: BTreeSet::new(), leaving: BTreeSet::new() }
    }

    fn pus(&self) -> BTreeSet<Pu> {
        (0..self.core_of.len()).map(|pu| Pu::try_from(pu).unwrap()).collect()
    }

    pub(super) fn numa_node(&self, pu: Pu) -> Pool {
        self.spec.cores[self.core_of[usize::from(pu)]].numa_node
    }

    pub(super) fn free(&self) -> BTreeSet<Pu> {
        let held = self.claims.values().flat_map(|known| known.placement.all_pus().into_iter().map(PuId::get));
        let taken: BTreeSet<Pu> = held.chain(self.pooled.iter().copied()).chain(self.leaving.iter().copied()).collect();
        &self.pus() - &taken
    }

    /// The PUs of a set whose siblings are all in it.
    pub(super) fn whole(&self, pus: &BTreeSet<Pu>) -> BTreeSet<Pu> {
        let core = |pu: &Pu| self.core_of[usize::from(*pu)];
        let have = |at: usize| pus.iter().filter(|pu| core(pu) == at).count();
        pus.iter().copied().filter(|pu| have(core(pu)) == usize::from(self.spec.cores[core(pu)].pus)).collect()
    }

    /// Whether what the planner finds is all there is: with several members it is only where all cores are alike.
    pub(super) fn is_exact(&self, request: &Request) -> bool {
        let alike = |core: &CoreSpec| (core.kind, core.pus) == (self.spec.cores[0].kind, self.spec.cores[0].pus);
        request.members.as_slice().len() == 1 || self.spec.cores.iter().all(alike)
    }

    fn pools(&self) -> BTreeSet<Pool> {
        self.spec.cores.iter().map(|core| core.numa_node).collect()
    }

    pub(super) fn capacity(&self, pool: Pool) -> u64 {
        self.pooled.iter().filter(|pu| self.numa_node(**pu) == pool).count() as u64 * u64::from(MILLI_PER_PU)
    }

    pub(super) fn committed(&self, pool: Pool) -> u64 {
        let shares = self.claims.values().flat_map(|known| known.placement.members()).flat_map(|(_, pools)| pools);
        shares.filter(|share| share.numa_node == pool).map(|share| u64::from(share.cpu_milli)).sum()
    }

    pub(super) fn bytes_free(&self, numa_node: usize) -> u64 {
        let memory = |placement: &Placement| {
            placement.memory.iter().chain(&placement.extras.special_memory).copied().collect::<Vec<_>>()
        };
        let held = self.claims.values().flat_map(|known| memory(&known.placement));
        let held: u64 =
            held.filter(|memory| memory.numa_node.index() == numa_node).map(|memory| memory.mem_bytes).sum();
        self.spec.numa_nodes[numa_node].mem_bytes / PAGE_BYTES * PAGE_BYTES - held
    }

    fn have(&self, leaving_is_free: bool) -> Have {
        let mut pus = self.free();
        let mut leaving = self.leaving.clone();
        if leaving_is_free {
            pus.append(&mut leaving);
        }
        Have {
            pus,
            leaving,
            room: self.pools().into_iter().map(|pool| (pool, self.capacity(pool) - self.committed(pool))).collect(),
            bytes: (0..self.spec.numa_nodes.len()).map(|at| self.bytes_free(at)).collect(),
            stuff: self.stuff(),
        }
    }

    /// Whether a request fits now.
    pub(super) fn fits(&self, request: &Request) -> Fit {
        self.fits_in(request, &self.have(false))
    }

    /// Whether it would once leaving cores have left.
    pub(super) fn fits_once_left(&self, request: &Request) -> Fit {
        self.fits_in(request, &self.have(true))
    }

    /// Whether it would fit the empty machine.
    pub(super) fn fits_empty(&self, request: &Request) -> Fit {
        Self::new(self.spec.clone()).fits(request)
    }

    /// Whether it fits into a claim.
    pub(super) fn fits_claim(&self, request: &Request, placement: &Placement) -> Fit {
        let mut bytes = vec![0; self.spec.numa_nodes.len()];
        for memory in &placement.memory {
            bytes[memory.numa_node.index()] = memory.mem_bytes;
        }
        let mut room: BTreeMap<Pool, u64> = self.pools().into_iter().map(|pool| (pool, 0)).collect();
        for share in placement.members().flat_map(|(_, pools)| pools) {
            *room.entry(share.numa_node).or_default() += u64::from(share.cpu_milli);
        }
        let pus = placement.all_pus().into_iter().map(PuId::get).collect();
        let stuff = Stuff::of_claim(&self.spec, placement);
        self.fits_in(request, &Have { pus, leaving: BTreeSet::new(), room, bytes, stuff })
    }

    /// Sets of NUMA nodes of which a claim may be promised memory: single ones, and those of packages, of L3 domains, all.
    pub(super) fn nodesets(&self) -> Vec<BTreeSet<usize>> {
        let mut sets: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
        let mut by_label: BTreeMap<(u8, Option<u32>), BTreeSet<usize>> = BTreeMap::new();
        for core in &self.spec.cores {
            let Some(at) = core.numa_node.map(NumaNodeId::index) else { continue };
            sets.insert(BTreeSet::from([at]));
            by_label.entry((2, None)).or_default().insert(at);
            for (kind, label) in [(0, core.package), (1, core.l3)] {
                if label.is_some() {
                    by_label.entry((kind, label)).or_default().insert(at);
                }
            }
        }
        sets.extend(by_label.into_values());
        sets.into_iter().collect()
    }

    fn ordinary(&self) -> BTreeSet<usize> {
        let with_cores: BTreeSet<usize> =
            self.spec.cores.iter().filter_map(|core| core.numa_node.map(NumaNodeId::index)).collect();
        if with_cores.is_empty() {
            (0..self.spec.numa_nodes.len()).filter(|at| self.spec.numa_nodes[*at].kind == 0).collect()
        } else {
            with_cores
        }
    }

    fn fits_in(&self, request: &Request, have: &Have) -> Fit {
        if let Some(wishes) = request.extras.wishes() {
            return self.with_wishes_fits(request, wishes, have);
        }
        let fits = if request.mem_bytes == 0 || request.memory != MemoryLocality::Required {
            let everywhere = |_: Pool| true;
            self.cpus_fit(request, have, &everywhere) && self.spill_fits(request, have)
        } else {
            self.nodesets().iter().filter(|set| may_be_in(request, set)).any(|set| {
                let within = |pool: Pool| pool.is_some_and(|numa_node| set.contains(&numa_node.index()));
                self.strict_fits(request, set, have) && self.cpus_fit(request, have, &within)
            })
        };
        if fits { Fit::Yes } else { Fit::No }
    }

    /// The claims that use a NUMA node: the NUMA nodes of each, and whether they were promised.
    fn users(&self, numa_node: usize) -> impl Iterator<Item = (BTreeSet<usize>, bool)> {
        self.claims.values().map(|known| &known.placement).filter_map(move |placement| {
            let nodeset: BTreeSet<usize> = placement.memory.iter().map(|memory| memory.numa_node.index()).collect();
            let strict = match placement.memory_hold {
                MemoryHold::Held => return None,
                MemoryHold::Loose => false,
                MemoryHold::Strict => true,
            };
            nodeset.contains(&numa_node).then_some((nodeset, strict))
        })
    }

    /// Whoever was promised memory meets only claims of exactly the same NUMA nodes, and of several only such as were promised
    /// them too.
    pub(super) fn admits(&self, numa_node: usize, comer: &BTreeSet<usize>, strict: bool) -> bool {
        self.users(numa_node).all(|(nodeset, promised)| {
            !(strict || promised) || (nodeset == *comer && (nodeset.len() == 1 || (strict && promised)))
        })
    }

    /// Whether exactly this is free.
    pub(super) fn has(&self, placement: &Placement) -> bool {
        let (free, own) = (self.free(), placement.all_pus().iter().map(|pu| pu.get()).collect());
        let set: BTreeSet<usize> = placement.memory.iter().map(|memory| memory.numa_node.index()).collect();
        let strict = placement.memory_hold == MemoryHold::Strict;
        let seated = |at: usize| placement.memory_hold == MemoryHold::Held || self.admits(at, &set, strict);
        let memory = |memory: &NumaNodeMemory| {
            let at = memory.numa_node.index();
            memory.mem_bytes <= self.bytes_free(at) && seated(at)
        };
        let spare: BTreeSet<Pu> = &self.whole(&(&free - &own)) | &self.leaving;
        let share = |pool: Pool| {
            let of_pool = |share: &&PoolShare| share.numa_node == pool;
            let asked = placement.members().flat_map(|(_, pools)| pools.iter().filter(of_pool));
            let asked: u64 = asked.map(|share| u64::from(share.cpu_milli)).sum();
            let join = spare.iter().filter(|pu| self.numa_node(**pu) == pool).count() as u64 * u64::from(MILLI_PER_PU);
            asked <= self.capacity(pool) - self.committed(pool) + join
        };
        let extras = self.stuff().try_take(placement).is_some();
        extras && own.is_subset(&free) && placement.memory.iter().all(memory) && self.pools().into_iter().all(share)
    }

    pub(super) fn strict_fits(&self, request: &Request, set: &BTreeSet<usize>, have: &Have) -> bool {
        let admitted = set.iter().all(|numa_node| self.admits(*numa_node, set, true));
        admitted && have_memory(request, &mut set.iter().copied(), have)
    }

    pub(super) fn spill_fits(&self, request: &Request, have: &Have) -> bool {
        let alone = |at: &usize| {
            self.admits(*at, &BTreeSet::from([*at]), false) && have_memory(request, &mut [*at].into_iter(), have)
        };
        // Of several: no promise may be on any of them, so none is the same set unless it is loose.
        let mut open = self.ordinary().into_iter().filter(|at| self.users(*at).all(|(_, promised)| !promised));
        self.demand_is_empty(request) || self.ordinary().iter().any(alone) || have_memory(request, &mut open, have)
    }

    pub(super) fn cpus_fit(&self, request: &Request, have: &Have, within: &dyn Fn(Pool) -> bool) -> bool {
        let members = request.members.as_slice();
        let milli = |cpus: &Cpus| if let Cpus::Shared { cpu_milli } = *cpus { u64::from(cpu_milli) } else { 0 };
        let share_milli: u64 = members.iter().map(milli).sum();
        if members.iter().all(|cpus| matches!(cpus, Cpus::Shared { .. })) {
            return self.shared_fits(share_milli, request.locality, have, within);
        }
        let domains: BTreeSet<Option<u64>> = match request.locality {
            Locality::Required(level) => {
                self.pus().iter().map(|pu| self.label(*pu, level)).filter(Option::is_some).collect()
            }
            Locality::Any | Locality::Preferred(_) => BTreeSet::from([None]),
        };
        domains
            .into_iter()
            .any(|domain| self.members_fit(members, share_milli, (request.locality, domain), have, within))
    }

    /// Whether exclusive members, perhaps beside shared ones, fit one domain, or the machine.
    fn members_fit(
        &self,
        members: &[Cpus],
        share_milli: u64,
        (locality, domain): (Locality, Option<u64>),
        have: &Have,
        within: &dyn Fn(Pool) -> bool,
    ) -> bool {
        let inside = |pu: Pu| match locality {
            Locality::Required(level) => self.label(pu, level) == domain,
            Locality::Any | Locality::Preferred(_) => true,
        };
        // A pool serves a domain if all its cores are in it.
        let serves =
            |pool: Pool| within(pool) && self.pus().iter().all(|pu| self.numa_node(*pu) != pool || inside(*pu));
        let leaving = |pool: Pool| have.leaving.iter().filter(|pu| self.numa_node(**pu) == pool).count() as u64;
        let room: u64 = have
            .room
            .iter()
            .filter(|(pool, _)| serves(**pool))
            .map(|(pool, room)| room + leaving(*pool) * u64::from(MILLI_PER_PU))
            .sum();
        let mut cores: BTreeMap<usize, FreeCore> = BTreeMap::new();
        for &pu in have.pus.iter().filter(|pu| inside(**pu) && within(self.numa_node(**pu))) {
            let at = self.core_of[usize::from(pu)];
            let spec = self.spec.cores[at];
            let joins = serves(spec.numa_node);
            let core = FreeCore { kind: spec.kind, width: u32::from(spec.pus), free: 0, joins };
            cores.entry(at).or_insert(core).free += 1;
        }
        let cores: Vec<FreeCore> = cores.into_values().collect();
        fit(&cores, members, share_milli.saturating_sub(room))
    }

    /// The label of a PU at a level; `None` when it has none.
    fn label(&self, pu: Pu, level: Level) -> Option<u64> {
        let core = self.core_of[usize::from(pu)];
        let spec = self.spec.cores[core];
        match level {
            Level::Core => Some(core as u64),
            Level::L3 => spec.l3.map(u64::from),
            Level::NumaNode => spec.numa_node.map(|numa_node| u64::from(numa_node.get())),
            Level::Package => spec.package.map(u64::from),
        }
    }

    /// What the cores of a NUMA node could give a member, in its unit; and how much of it comes in one piece.
    pub(super) fn gives(&self, cpus: Cpus, numa_node: usize, have: &Have) -> (u64, u64) {
        let wanted = match cpus {
            Cpus::Exclusive { kind: CoreKind::Required(kind), .. }
            | Cpus::Cores { kind: CoreKind::Required(kind), .. } => Some(kind),
            _ => None,
        };
        let core = |pu: &Pu| self.core_of[usize::from(*pu)];
        let is_here = |pu: &&Pu| {
            let spec = self.spec.cores[core(pu)];
            spec.numa_node.is_some_and(|at| at.index() == numa_node) && wanted.is_none_or(|kind| kind == spec.kind)
        };
        let whole = self.whole(&have.pus);
        let cores = |pus: &BTreeSet<Pu>| pus.iter().filter(is_here).map(core).collect::<BTreeSet<_>>();
        match cpus {
            Cpus::Exclusive { smt: Smt::Whole, .. } => {
                let widest = cores(&whole).into_iter().map(|at| u64::from(self.spec.cores[at].pus)).max();
                (whole.iter().filter(is_here).count() as u64, widest.unwrap_or(1))
            }
            Cpus::Exclusive { smt: Smt::Kept, .. } => (have.pus.iter().filter(is_here).count() as u64, 1),
            Cpus::Exclusive { smt: Smt::Split, .. } => (cores(&have.pus).len() as u64, 1),
            Cpus::Cores { .. } => (cores(&whole).len() as u64, 1),
            Cpus::Shared { .. } => {
                let joinable = whole.union(&have.leaving).filter(is_here).count() as u64;
                let room = have.room.iter().find(|(pool, _)| pool.is_some_and(|at| at.index() == numa_node));
                (room.map_or(0, |(_, room)| *room) + joinable * u64::from(MILLI_PER_PU), 1)
            }
        }
    }

    fn shared_fits(&self, cpu_milli: u64, locality: Locality, have: &Have, within: &dyn Fn(Pool) -> bool) -> bool {
        let mut reach: BTreeMap<Option<u64>, u64> = BTreeMap::new();
        for (pool, room) in have.room.iter().filter(|(pool, _)| within(**pool)) {
            let cores = self.spec.cores.iter().filter(|core| core.numa_node == *pool);
            let packages: BTreeSet<Option<u32>> = cores.map(|core| core.package).collect();
            let place = match locality {
                Locality::Required(Level::Package) => match packages.first() {
                    Some(Some(package)) if packages.len() == 1 => Some(u64::from(*package)),
                    _ => continue,
                },
                Locality::Required(_) => Some(pool.map_or(u64::MAX, |numa_node| u64::from(numa_node.get()))),
                Locality::Any | Locality::Preferred(_) => None,
            };
            let joinable =
                self.whole(&have.pus).union(&have.leaving).filter(|pu| self.numa_node(**pu) == *pool).count() as u64;
            *reach.entry(place).or_default() += room + joinable * u64::from(MILLI_PER_PU);
        }
        reach.values().any(|reach| *reach >= cpu_milli)
    }

    /// Checks that a placement is what the request asks for, and that its memory may be where it is.
    pub(super) fn check_grant(&self, request: &Request, placement: &Placement) {
        let bytes = request.mem_bytes.div_ceil(PAGE_BYTES) * PAGE_BYTES;
        assert_eq!(placement.memory.iter().map(|memory| memory.mem_bytes).sum::<u64>(), bytes);
        let members = request.members.as_slice();
        assert_eq!(placement.members().count(), members.len());
        for (cpus, (pus, pools)) in members.iter().zip(placement.members()) {
            self.check_member(*cpus, pus);
            let milli: u32 = pools.iter().map(|share| share.cpu_milli).sum();
            assert_eq!(milli, if let Cpus::Shared { cpu_milli } = *cpus { cpu_milli } else { 0 });
        }
        if let Locality::Required(level) = request.locality {
            let mut labels: BTreeSet<_> = placement.all_pus().iter().map(|pu| self.label(pu.get(), level)).collect();
            if level == Level::NumaNode {
                let pools = placement.members().flat_map(|(_, pools)| pools);
                labels.extend(pools.map(|share| share.numa_node.map(|numa_node| u64::from(numa_node.get()))));
            }
            assert!(labels.len() <= 1, "{level} is required");
            assert!(placement.all_pus().is_empty() || !labels.contains(&None), "{level} is required");
        }
        let nodeset: BTreeSet<usize> = placement.memory.iter().map(|memory| memory.numa_node.index()).collect();
        if self.demand_is_empty(request) {
            return;
        }
        let strict = placement.memory_hold == MemoryHold::Strict;
        assert_eq!(strict, request.memory == MemoryLocality::Required);
        assert!(nodeset.iter().all(|numa_node| self.admits(*numa_node, &nodeset, strict)), "{placement:?}");
        if strict {
            assert!(self.nodesets().contains(&nodeset) && may_be_in(request, &nodeset), "{nodeset:?}");
            let on_nodeset = |pool: Pool| pool.is_some_and(|numa_node| nodeset.contains(&numa_node.index()));
            assert!(placement.all_pus().iter().all(|pu| on_nodeset(self.numa_node(pu.get()))));
            assert!(placement.members().flat_map(|(_, pools)| pools).all(|share| on_nodeset(share.numa_node)));
        }
    }

    /// Whether a claim's memory may be where somebody says it is.
    pub(super) fn admits_placement(&self, placement: &Placement) -> bool {
        let nodeset: BTreeSet<usize> = placement.memory.iter().map(|memory| memory.numa_node.index()).collect();
        let strict = placement.memory_hold == MemoryHold::Strict;
        placement.memory_hold == MemoryHold::Held
            || nodeset.iter().all(|numa_node| self.admits(*numa_node, &nodeset, strict))
    }

    /// Checks that a member got as many PUs as it asked for, in the pieces it asked for.
    fn check_member(&self, cpus: Cpus, pus: &[PuId]) {
        let set: BTreeSet<Pu> = pus.iter().map(|pu| pu.get()).collect();
        let cores: BTreeSet<usize> = set.iter().map(|pu| self.core_of[usize::from(*pu)]).collect();
        let (got, whole) = (u32::try_from(pus.len()).unwrap(), self.whole(&set) == set);
        let kind = match cpus {
            Cpus::Exclusive { pus, smt: Smt::Whole, kind } => {
                let widest = self.spec.cores.iter().map(|core| u32::from(core.pus)).max().unwrap();
                assert!(whole && got >= pus && got < pus + widest, "asked {pus}, got {got}");
                kind
            }
            Cpus::Exclusive { pus, smt: Smt::Kept, kind } => {
                assert_eq!(got, pus);
                kind
            }
            Cpus::Exclusive { pus, smt: Smt::Split, kind } => {
                assert_eq!((got as usize, cores.len()), (pus as usize, pus as usize));
                kind
            }
            Cpus::Cores { cores: wanted, kind } => {
                assert!(whole && cores.len() == wanted as usize);
                kind
            }
            Cpus::Shared { .. } => {
                assert!(pus.is_empty());
                CoreKind::Any
            }
        };
        if let CoreKind::Required(kind) = kind {
            assert!(cores.iter().all(|core| self.spec.cores[*core].kind == kind));
        }
    }

    /// Follows the pools to what the agent's orders now say; `given` are PUs of a claim that may have joined.
    pub(super) fn follow_pools(&mut self, orders: &[PoolOrder], given: &BTreeSet<Pu>) {
        let now: BTreeSet<Pu> = orders.iter().flat_map(|order| order.pus.iter().map(|pu| pu.get())).collect();
        let free = self.free();
        for pu in now.difference(&self.pooled) {
            assert!(free.contains(pu) || self.leaving.contains(pu) || given.contains(pu), "u{pu} cannot have joined");
        }
        let left: BTreeSet<Pu> = self.pooled.difference(&now).copied().collect();
        self.leaving = &(&self.leaving | &left) - &now;
        self.pooled = now;
        for pool in self.pools() {
            let (capacity, committed) = (self.capacity(pool), self.committed(pool));
            assert!(committed <= capacity, "{committed} of {capacity}");
        }
    }

    /// After a release, a pool keeps less than its narrowest core too much.
    pub(super) fn check_trimmed(&self, touched: impl Fn(Pool) -> bool) {
        for pool in self.pools().into_iter().filter(|pool| touched(*pool)) {
            let cores = self.pooled.iter().filter(|pu| self.numa_node(**pu) == pool);
            let narrowest = cores.map(|pu| self.spec.cores[self.core_of[usize::from(*pu)]].pus).min();
            let Some(narrowest) = narrowest else { continue };
            let surplus = self.capacity(pool) - self.committed(pool);
            assert!(surplus < u64::from(narrowest) * u64::from(MILLI_PER_PU), "{surplus} too much");
        }
    }

    /// The agent confirmed a pool's newest order.
    pub(super) fn confirm(&mut self, pool: Pool) -> usize {
        let left: BTreeSet<Pu> = self.leaving.iter().copied().filter(|pu| self.numa_node(*pu) == pool).collect();
        self.leaving = &self.leaving - &left;
        left.len()
    }
}

/// Whether some NUMA nodes together have the memory and the huge pages.
fn have_memory(request: &Request, numa_nodes: &mut dyn Iterator<Item = usize>, have: &Have) -> bool {
    let numa_nodes: Vec<usize> = numa_nodes.collect();
    let bytes = request.mem_bytes.div_ceil(PAGE_BYTES).saturating_mul(PAGE_BYTES);
    let pages = |size| numa_nodes.iter().map(|at| have.stuff.huge[&(*at, size)]).sum::<u64>();
    numa_nodes.iter().map(|at| have.bytes[*at]).sum::<u64>() >= bytes
        && huge(&request.extras).iter().all(|(size, wanted)| pages(*size) >= *wanted)
}
