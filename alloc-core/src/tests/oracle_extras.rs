//! The oracle's other half: devices, huge pages, special memory, disk, scalars, ports and sets, number by number.

use std::collections::{BTreeMap, BTreeSet};

use super::oracle::{Fit, Have, Oracle, may_be_in};
use meros_alloc_core::{
    Cpus, DeviceAmount, DeviceLocality, DeviceWish, Extras, ExtrasUsage, HugeSize, Locality, MemoryLocality, NameId,
    NumaNodeId, NumaNodeSpec, PAGE_BYTES, Pick, PickWish, Picked, Placement, Request, ShapeSpec, Span, Wishes,
};

/// What there is besides PUs, pools and ordinary memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stuff {
    /// By NUMA node.
    pub(super) huge: BTreeMap<(usize, HugeSize), u64>,
    /// Bytes, by NUMA node.
    pub(super) special: BTreeMap<usize, u64>,
    /// Thousandths of each device.
    pub(super) devices: Vec<u16>,
    pub(super) disk_bytes: u64,
    pub(super) scalars: BTreeMap<NameId, u64>,
    pub(super) numbers: BTreeMap<NameId, BTreeSet<u64>>,
    pub(super) items: BTreeMap<NameId, BTreeSet<u64>>,
}

fn each(spans: &[Span]) -> impl Iterator<Item = u64> {
    spans.iter().flat_map(|span| span.first..=span.last)
}

impl Stuff {
    /// All that a machine has.
    pub(super) fn all(spec: &ShapeSpec) -> Self {
        let numa_nodes = || spec.numa_nodes.iter().enumerate();
        let huge = |(at, numa_node): (usize, &NumaNodeSpec)| {
            HugeSize::ALL.map(|size| ((at, size), numa_node.huge_pages.get(size)))
        };
        Self {
            huge: numa_nodes().flat_map(huge).collect(),
            special: numa_nodes()
                .filter(|(_, numa_node)| numa_node.kind != 0)
                .map(|(at, numa_node)| (at, numa_node.mem_bytes / PAGE_BYTES * PAGE_BYTES))
                .collect(),
            devices: vec![1000; spec.devices.len()],
            disk_bytes: spec.disk_bytes / PAGE_BYTES * PAGE_BYTES,
            scalars: spec.scalars.iter().map(|scalar| (scalar.name, scalar.milli)).collect(),
            numbers: spec.ranges.iter().map(|ranges| (ranges.name, each(&ranges.spans).collect())).collect(),
            items: spec.sets.iter().map(|set| (set.name, (0..u64::from(set.items)).collect())).collect(),
        }
    }

    /// Nothing of all that a machine has.
    pub(super) fn none(spec: &ShapeSpec) -> Self {
        let all = Self::all(spec);
        all.clone().minus(&all)
    }

    /// What a claim holds, told as a machine of its own.
    pub(super) fn of_claim(spec: &ShapeSpec, placement: &Placement) -> Self {
        let all = Self::all(spec);
        let mut rest = all.clone();
        rest.take(placement);
        all.minus(&rest)
    }

    fn minus(mut self, other: &Self) -> Self {
        self.huge.iter_mut().for_each(|(key, has)| *has -= other.huge[key]);
        self.special.iter_mut().for_each(|(key, has)| *has -= other.special[key]);
        self.devices.iter_mut().zip(&other.devices).for_each(|(has, gone)| *has -= gone);
        self.disk_bytes -= other.disk_bytes;
        self.scalars.iter_mut().for_each(|(name, has)| *has -= other.scalars[name]);
        for (mine, theirs) in [(&mut self.numbers, &other.numbers), (&mut self.items, &other.items)] {
            mine.iter_mut().for_each(|(name, has)| has.retain(|number| !theirs[name].contains(number)));
        }
        self
    }

    /// Takes what a claim holds; it must all be there.
    #[track_caller]
    pub(super) fn take(&mut self, placement: &Placement) {
        self.try_take(placement).expect("it is there");
    }

    /// Takes what a claim holds, or some of it when it is not all there: `None`.
    pub(super) fn try_take(&mut self, placement: &Placement) -> Option<()> {
        let placed = &placement.extras;
        let take = |has: &mut u64, taken: u64| has.checked_sub(taken).map(|rest| *has = rest);
        for huge in &placed.huge_pages {
            for size in HugeSize::ALL {
                take(self.huge.get_mut(&(huge.numa_node.index(), size))?, huge.pages.get(size))?;
            }
        }
        for memory in &placed.special_memory {
            take(self.special.get_mut(&memory.numa_node.index())?, memory.mem_bytes)?;
        }
        for share in &placed.devices {
            let has = self.devices.get_mut(share.device.index())?;
            *has = has.checked_sub(share.milli)?;
        }
        take(&mut self.disk_bytes, placed.disk_bytes)?;
        for scalar in &placed.scalars {
            take(self.scalars.get_mut(&scalar.name)?, scalar.milli)?;
        }
        take_numbers(&mut self.numbers, &placed.ranges)?;
        take_numbers(&mut self.items, &placed.sets)
    }

    fn picks_fit(&self, wishes: &Wishes) -> bool {
        let fits = |has: &BTreeMap<NameId, BTreeSet<u64>>, wish: &PickWish| {
            has.get(&wish.name).is_some_and(|has| match &wish.pick {
                Pick::Any(count) => has.len() >= *count as usize,
                Pick::Exact(spans) => each(spans).all(|number| has.contains(&number)),
            })
        };
        wishes.ranges.iter().all(|wish| fits(&self.numbers, wish))
            && wishes.sets.iter().all(|wish| fits(&self.items, wish))
    }

    fn devices_fit(&self, spec: &ShapeSpec, wish: &DeviceWish, here: &dyn Fn(Option<NumaNodeId>) -> bool) -> bool {
        let there = self.devices.iter().zip(&spec.devices);
        let of_kind = there.filter(|(_, device)| device.kind == wish.kind && here(device.numa_node));
        match wish.amount {
            DeviceAmount::Whole(count) => of_kind.filter(|(milli, _)| **milli == 1000).count() >= count as usize,
            DeviceAmount::Milli(milli) => of_kind.clone().any(|(has, _)| *has >= milli),
        }
    }

    /// Whether all is there that needs no NUMA node of its own.
    fn anywhere_fits(&self, spec: &ShapeSpec, wishes: &Wishes) -> bool {
        let special = |kind| {
            let of_kind = self.special.iter().filter(move |(at, _)| spec.numa_nodes[**at].kind == kind);
            of_kind.map(|(_, bytes)| bytes).sum::<u64>()
        };
        let scalar = |name| self.scalars.get(name).copied().unwrap_or(0);
        wishes.special_memory.iter().all(|wish| special(wish.kind) >= wish.mem_bytes)
            && wishes.devices.iter().all(|wish| self.devices_fit(spec, wish, &|_| true))
            && self.disk_bytes >= wishes.disk_bytes
            && wishes.scalars.iter().all(|wish| scalar(&wish.name) >= wish.milli)
            && self.picks_fit(wishes)
    }

    /// Checks that the table shows the same.
    pub(super) fn check_usage(&self, usage: &ExtrasUsage) {
        let devices: Vec<u16> = usage.devices.iter().map(|device| device.free_milli).collect();
        assert_eq!((&devices, usage.disk_free_bytes), (&self.devices, self.disk_bytes));
        for huge in &usage.huge_pages {
            for size in HugeSize::ALL {
                assert_eq!(huge.free.get(size), self.huge[&(huge.numa_node.index(), size)]);
            }
        }
        let scalars: BTreeMap<NameId, u64> = usage.scalars.iter().map(|scalar| (scalar.name, scalar.free)).collect();
        assert_eq!(scalars, self.scalars);
        for (shown, numbers) in [(&usage.ranges, &self.numbers), (&usage.sets, &self.items)] {
            let shown: BTreeMap<NameId, u64> = shown.iter().map(|usage| (usage.name, usage.free)).collect();
            assert_eq!(shown, numbers.iter().map(|(name, has)| (*name, has.len() as u64)).collect());
        }
    }
}

fn take_numbers(from: &mut BTreeMap<NameId, BTreeSet<u64>>, taken: &[Picked]) -> Option<()> {
    for picked in taken {
        let has = from.get_mut(&picked.name)?;
        each(&picked.spans).all(|number| has.remove(&number)).then_some(())?;
    }
    Some(())
}

impl Oracle {
    /// What nobody holds.
    pub(super) fn stuff(&self) -> Stuff {
        let mut stuff = Stuff::all(&self.spec);
        self.claims.values().for_each(|known| stuff.take(&known.placement));
        stuff
    }

    /// Whether a request with wishes fits. Where devices are required beside PUs of several NUMA nodes, it is not sure.
    pub(super) fn with_wishes_fits(&self, request: &Request, wishes: &Wishes, have: &Have) -> Fit {
        let without_places = |set: Option<usize>| {
            let within = |pool: Option<NumaNodeId>| set.is_none_or(|set| pool.is_some_and(|at| at.index() == set));
            let cpus_and_memory = if request.memory == MemoryLocality::Required && !self.demand_is_empty(request) {
                let sets = self
                    .nodesets()
                    .into_iter()
                    .filter(|nodeset| may_be_in(request, nodeset))
                    .filter(|nodeset| set.is_none_or(|set| *nodeset == BTreeSet::from([set])));
                sets.into_iter().any(|nodeset| {
                    let within = |pool: Option<NumaNodeId>| pool.is_some_and(|at| nodeset.contains(&at.index()));
                    self.strict_fits(request, &nodeset, have) && self.cpus_fit(request, have, &within)
                })
            } else {
                self.cpus_fit(request, have, &within) && self.spill_fits(request, have)
            };
            cpus_and_memory && have.stuff.anywhere_fits(&self.spec, wishes)
        };
        let required = || wishes.devices.iter().filter(|wish| wish.locality == DeviceLocality::Required);
        let beside = |at: usize| {
            let here = |numa_node: Option<NumaNodeId>| numa_node.is_some_and(|numa_node| numa_node.index() == at);
            required().all(|wish| have.stuff.devices_fit(&self.spec, wish, &here))
        };
        let kinds: BTreeSet<u32> = required().map(|wish| wish.kind).collect();
        let fit = |nodeset: &BTreeSet<usize>| {
            let here = |numa_node: Option<NumaNodeId>| numa_node.is_some_and(|at| nodeset.contains(&at.index()));
            required().all(|wish| have.stuff.devices_fit(&self.spec, wish, &here))
        };
        let free = request.memory != MemoryLocality::Required || self.demand_is_empty(request);
        let free = free && !matches!(request.locality, Locality::Required(_));
        if !without_places(None) {
            Fit::No
        } else if kinds.is_empty()
            || (0..self.spec.numa_nodes.len()).any(|at| beside(at) && without_places(Some(at)))
            // Of several kinds the fewest NUMA nodes are not always found.
            || (kinds.len() == 1 && free && self.can_cover(request, have, &fit))
        {
            Fit::Yes
        } else {
            Fit::Unsure
        }
    }

    /// Whether some PUs can be on each of some NUMA nodes that have the devices, by trying them all.
    fn can_cover(&self, request: &Request, have: &Have, fit: &dyn Fn(&BTreeSet<usize>) -> bool) -> bool {
        // Several members are not dealt out.
        let [cpus] = *request.members.as_slice() else { return false };
        let gives: Vec<(u64, u64)> = (0..self.spec.numa_nodes.len()).map(|at| self.gives(cpus, at, have)).collect();
        let all: u64 = gives.iter().map(|(most, _)| most).sum();
        let (Cpus::Exclusive { pus: wanted, .. }
        | Cpus::Cores { cores: wanted, .. }
        | Cpus::Shared { cpu_milli: wanted }) = cpus;
        let wanted = u64::from(wanted);
        let widest = gives.iter().map(|(_, piece)| *piece).max().unwrap_or(1);
        (1..1_u32 << gives.len()).any(|mask| {
            let nodeset: BTreeSet<usize> = (0..gives.len()).filter(|at| mask >> at & 1 == 1).collect();
            let pieces = wanted.div_ceil(widest);
            nodeset.iter().all(|at| gives[*at].0 > 0)
                && all >= wanted
                && pieces >= nodeset.len() as u64
                && fit(&nodeset)
        })
    }

    /// Checks that a placement has what is wished, no more, and where it is required.
    pub(super) fn check_wishes(&self, request: &Request, placement: &Placement, have: &Stuff) {
        let none = Wishes::default();
        let wishes = request.extras.wishes().unwrap_or(&none);
        let placed = &placement.extras;
        let pages = |size| placed.huge_pages.iter().map(|huge| huge.pages.get(size)).sum::<u64>();
        assert!(HugeSize::ALL.into_iter().all(|size| pages(size) == wishes.huge_pages.get(size)));
        let sits = |at| placement.memory.iter().any(|memory| memory.numa_node == at);
        assert!(placed.huge_pages.iter().all(|huge| sits(huge.numa_node)), "huge pages without a seat");
        for wish in &wishes.special_memory {
            let of_kind = placed.special_memory.iter().filter(|memory| self.kind(memory.numa_node) == wish.kind);
            let bytes: u64 = of_kind.map(|memory| memory.mem_bytes).sum();
            assert_eq!(bytes, wish.mem_bytes.div_ceil(PAGE_BYTES) * PAGE_BYTES);
        }
        let kinds = |kind| wishes.special_memory.iter().any(|wish| wish.kind == kind);
        assert!(placed.special_memory.iter().all(|memory| kinds(self.kind(memory.numa_node))));
        wishes.devices.iter().for_each(|wish| self.check_devices(wish, placement, have));
        let wanted = |kind| wishes.devices.iter().any(|wish| wish.kind == kind);
        assert!(placed.devices.iter().all(|share| wanted(self.spec.devices[share.device.index()].kind)));
        assert_eq!(placed.disk_bytes, wishes.disk_bytes.div_ceil(PAGE_BYTES) * PAGE_BYTES);
        let scalars: Vec<_> = placed.scalars.iter().map(|scalar| (scalar.name, scalar.milli)).collect();
        assert_eq!(scalars, wishes.scalars.iter().map(|wish| (wish.name, wish.milli)).collect::<Vec<_>>());
        check_picks(&wishes.ranges, &placed.ranges);
        check_picks(&wishes.sets, &placed.sets);
    }

    fn kind(&self, numa_node: NumaNodeId) -> u32 {
        self.spec.numa_nodes[numa_node.index()].kind
    }

    fn check_devices(&self, wish: &DeviceWish, placement: &Placement, have: &Stuff) {
        let is_kind = |at: usize| self.spec.devices[at].kind == wish.kind;
        let got: Vec<_> = placement.extras.devices.iter().filter(|share| is_kind(share.device.index())).collect();
        match wish.amount {
            DeviceAmount::Whole(count) => {
                assert!(got.len() == count as usize && got.iter().all(|share| share.milli == 1000), "{got:?}");
            }
            DeviceAmount::Milli(milli) => {
                assert!(got.len() == 1 && got[0].milli == milli, "{got:?}");
                let split = |(at, has): (usize, &u16)| is_kind(at) && *has < 1000 && *has >= milli;
                let begun = have.devices[got[0].device.index()] == 1000;
                let packs = wish.locality == DeviceLocality::Any;
                assert!(!(packs && begun && have.devices.iter().enumerate().any(split)), "a split device had room");
            }
        }
        if wish.locality == DeviceLocality::Required {
            let on_pus = placement.all_pus().into_iter().map(|pu| self.numa_node(pu.get()));
            let pools = placement.members().flat_map(|(_, pools)| pools).map(|share| share.numa_node);
            let near: BTreeSet<_> = on_pus.chain(pools).collect();
            let place = |at: usize| self.spec.devices[at].numa_node;
            let beside = |at: usize| place(at).is_some() && near.contains(&place(at));
            assert!(got.iter().all(|share| beside(share.device.index())), "{got:?} beside {near:?}");
        }
    }

    /// Whether a request wants nothing of ordinary NUMA nodes.
    pub(super) fn demand_is_empty(&self, request: &Request) -> bool {
        request.mem_bytes == 0 && huge(&request.extras).iter().all(|(_, pages)| *pages == 0)
    }
}

/// The huge pages asked for.
pub(super) fn huge(extras: &Extras) -> [(HugeSize, u64); 2] {
    HugeSize::ALL.map(|size| (size, extras.wishes().map_or(0, |wishes| wishes.huge_pages.get(size))))
}

fn check_picks(wishes: &[PickWish], placed: &[Picked]) {
    assert_eq!(wishes.len(), placed.len());
    for (wish, picked) in wishes.iter().zip(placed) {
        assert_eq!(wish.name, picked.name);
        match &wish.pick {
            Pick::Any(count) => assert_eq!(each(&picked.spans).count(), *count as usize),
            Pick::Exact(spans) => assert!(each(spans).eq(each(&picked.spans))),
        }
    }
}
