//! Wishes: what a request asks for besides PUs and memory. Most ask for nothing, so it is kept aside: [`Extras`] is one word,
//! empty by default.

use crate::extras::picks;
use crate::extras::spec::{HugePages, HugeSize, Span, check_lists, first_unsorted, numbers};
use crate::ids::NameId;
use crate::reason::{Invalid, Wanted};
use crate::request::Request;

/// The wishes of a request, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extras(Option<Box<Wishes>>);

/// What is asked besides PUs and memory. Each list is sorted by kind or name and names nothing twice.
///
/// ```
/// use meros_alloc_core::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Two NUMA nodes of two cores; the second has a GPU, the agent ports 31000 to 31999.
/// const GPU: u32 = 1;
/// const PORTS: NameId = NameId::new(0);
/// let core = |numa_node| CoreSpec { pus: 2, l3: None, numa_node: Some(numa_node), package: Some(0), kind: 0 };
/// let [near, far] = [NumaNodeId::new(1), NumaNodeId::new(0)];
/// let shape = Shape::new(&ShapeSpec {
///     cores: vec![core(far), core(far), core(near), core(near)],
///     numa_nodes: vec![NumaNodeSpec::ordinary(8 << 30); 2],
///     devices: vec![DeviceSpec { kind: GPU, numa_node: Some(near) }],
///     ranges: vec![RangesSpec { name: PORTS, spans: vec![Span { first: 31_000, last: 31_999 }] }],
///     ..ShapeSpec::default()
/// })?;
/// # let table = Table::new(Capacity::for_agents(1, &shape))?;
/// # let role = table.add_role(Limit::default())?;
/// let agent = table.add_agent(shape)?;
///
/// // Two PUs beside 300 thousandths of a GPU, and two ports.
/// let request = Request::exclusive(2, 1 << 30)
///     .with_devices(GPU, DeviceAmount::Milli(300), DeviceLocality::Required)
///     .with_range(PORTS, Pick::Any(2));
/// let outcome = table.claim(agent, Holder { owner: Owner::new(1), role }, &request);
/// let placement = outcome.granted().and_then(|grant| table.placement(grant.claim)).ok_or("refused")?;
/// assert_eq!(placement.pus, [PuId::new(4), PuId::new(5)]);
/// assert_eq!(placement.extras.devices, [DeviceShare { device: DeviceId::new(0), milli: 300 }]);
/// assert_eq!(placement.extras.ranges[0].spans, [Span { first: 31_000, last: 31_001 }]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wishes {
    /// Huge pages, beside the memory.
    pub huge_pages: HugePages,
    /// Memory of special NUMA nodes.
    pub special_memory: Vec<SpecialMemoryWish>,
    /// Devices.
    pub devices: Vec<DeviceWish>,
    /// Disk, in bytes; rounded up to blocks of 4096.
    pub disk_bytes: u64,
    /// Named scalars.
    pub scalars: Vec<ScalarWish>,
    /// Numbers of named ranges.
    pub ranges: Vec<PickWish>,
    /// Items of named sets.
    pub sets: Vec<PickWish>,
}

/// Memory of a kind, taken from the NUMA nodes of this kind that are nearest to the PUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpecialMemoryWish {
    /// The kind, as in [`NumaNodeSpec`](crate::NumaNodeSpec); not 0.
    pub kind: u32,
    /// In bytes, at least 1; rounded up to pages.
    pub mem_bytes: u64,
}

/// Devices of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceWish {
    /// The kind, as in [`DeviceSpec`](crate::DeviceSpec).
    pub kind: u32,
    /// How much.
    pub amount: DeviceAmount,
    /// Where they are to be.
    pub locality: DeviceLocality,
}

/// How much of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceAmount {
    /// So many whole devices, at least 1.
    Whole(u32),
    /// Thousandths of one device, 1 to 1000. Shared devices are filled up before another is begun.
    Milli(u16),
}

/// Where devices are to be, relative to the PUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceLocality {
    /// Anywhere on the agent.
    Any,
    /// On NUMA nodes of the claim's cores or shares if possible, else as near as can be.
    #[default]
    Preferred,
    /// On NUMA nodes of the claim's cores or shares, or not at all.
    Required,
}

/// An amount of a named scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScalarWish {
    /// The scalar.
    pub name: NameId,
    /// In thousandths, at least 1.
    pub milli: u64,
}

/// Numbers of a named range, or items of a named set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PickWish {
    /// The range or set.
    pub name: NameId,
    /// Which.
    pub pick: Pick,
}

/// Which numbers of a range, or items of a set (by position).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// These, sorted, none twice.
    Exact(Vec<Span>),
    /// Any so many, at least 1.
    Any(u32),
}

impl Pick {
    /// How many.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Exact(spans) => numbers(spans),
            Self::Any(count) => u64::from(*count),
        }
    }
}

impl From<Wishes> for Extras {
    fn from(wishes: Wishes) -> Self {
        Self((wishes != Wishes::default()).then(|| Box::new(wishes)))
    }
}

impl Extras {
    /// No wishes.
    pub const NONE: Self = Self(None);

    /// The wishes, if there are any.
    #[must_use]
    pub fn wishes(&self) -> Option<&Wishes> {
        self.0.as_deref()
    }

    /// Huge pages wanted.
    pub(crate) fn huge_pages(&self) -> HugePages {
        self.wishes().map(|wishes| wishes.huge_pages).unwrap_or_default()
    }

    /// Whether some devices are wanted beside the PUs, this urgently or more.
    pub(crate) fn wants_beside(&self, least: DeviceLocality) -> bool {
        self.wishes().is_some_and(|wishes| wishes.devices.iter().any(|wish| wish.locality >= least))
    }

    /// The first kind of devices that is required beside the PUs.
    pub(crate) fn first_required(&self) -> Option<Wanted> {
        let required = |wish: &&DeviceWish| wish.locality == DeviceLocality::Required;
        self.wishes()?.devices.iter().find(required).map(DeviceWish::what)
    }

    /// Whether the wishes can be meant at all.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        match self.wishes() {
            Some(wishes) => wishes.check(),
            None => Ok(()),
        }
    }
}

impl Wishes {
    /// The picks: ranges, then sets, told apart by the flag.
    pub(crate) fn picks(&self) -> impl Iterator<Item = (&PickWish, bool)> {
        self.ranges.iter().map(|wish| (wish, false)).chain(self.sets.iter().map(|wish| (wish, true)))
    }

    /// Where devices of this kind are to be.
    pub(crate) fn locality_of(&self, what: Wanted) -> DeviceLocality {
        let wish = self.devices.iter().find(|wish| wish.what() == what);
        wish.map_or(DeviceLocality::Any, |wish| wish.locality)
    }

    /// Every quantity that is asked for.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = Wanted> {
        let huge = HugeSize::ALL.into_iter().filter(|size| self.huge_pages.get(*size) > 0).map(Wanted::HugePages);
        let special = self.special_memory.iter().map(SpecialMemoryWish::what);
        let devices = self.devices.iter().map(DeviceWish::what);
        let disk = (self.disk_bytes > 0).then_some(Wanted::DiskBytes);
        let scalars = self.scalars.iter().map(|wish| Wanted::Scalar(wish.name));
        let picks = self.picks().map(|(wish, is_set)| picks::what(wish, is_set));
        huge.chain(special).chain(devices).chain(disk).chain(scalars).chain(picks)
    }

    fn check(&self) -> Result<(), Invalid> {
        let by_name = |list: &[PickWish]| list.is_sorted_by(|a, b| a.name < b.name);
        check_lists([
            ("extras.special_memory", self.special_memory.is_sorted_by(|a, b| a.kind < b.kind)),
            ("extras.devices", self.devices.is_sorted_by(|a, b| a.kind < b.kind)),
            ("extras.scalars", self.scalars.is_sorted_by(|a, b| a.name < b.name)),
            ("extras.ranges", by_name(&self.ranges)),
            ("extras.ranges.spans", spans_are_sorted(&self.ranges)),
            ("extras.sets", by_name(&self.sets)),
            ("extras.sets.spans", spans_are_sorted(&self.sets)),
        ])?;
        if self.special_memory.iter().any(|wish| wish.kind == 0) {
            return Err(Invalid::OrdinaryKind);
        }
        match self.first_amount_out_of_range() {
            Some(what) => Err(Invalid::Amount(what)),
            None => Ok(()),
        }
    }

    /// The first wish for nothing, or for more thousandths than a device has.
    fn first_amount_out_of_range(&self) -> Option<Wanted> {
        let bad_device = |wish: &&DeviceWish| match wish.amount {
            DeviceAmount::Whole(devices) => devices == 0,
            DeviceAmount::Milli(milli) => milli == 0 || milli > crate::extras::millis::WHOLE,
        };
        let special = self.special_memory.iter().find(|wish| wish.mem_bytes == 0).map(|wish| wish.what());
        let device = || self.devices.iter().find(bad_device).map(|wish| wish.what());
        let scalar = || self.scalars.iter().find(|wish| wish.milli == 0).map(|wish| Wanted::Scalar(wish.name));
        let empty = |picks: &[PickWish]| picks.iter().find(|wish| wish.pick.count() == 0).map(|wish| wish.name);
        let range = || empty(&self.ranges).map(Wanted::Numbers);
        let set = || empty(&self.sets).map(Wanted::Items);
        special.or_else(device).or_else(scalar).or_else(range).or_else(set)
    }
}

fn spans_are_sorted(picks: &[PickWish]) -> bool {
    picks.iter().all(|wish| match &wish.pick {
        Pick::Exact(spans) => first_unsorted(spans).is_none(),
        Pick::Any(_) => true,
    })
}

/// Adds a wish at its place in a sorted list. A second one of the same key stays beside the first, to be refused.
fn insert<T, K: Ord>(wishes: &mut Vec<T>, wish: T, key: impl Fn(&T) -> K) {
    let at = wishes.partition_point(|other| key(other) <= key(&wish));
    wishes.insert(at, wish);
}

impl SpecialMemoryWish {
    pub(crate) const fn what(&self) -> Wanted {
        Wanted::SpecialMemory(self.kind)
    }
}

impl DeviceWish {
    pub(crate) const fn what(&self) -> Wanted {
        match self.amount {
            DeviceAmount::Whole(_) => Wanted::Devices(self.kind),
            DeviceAmount::Milli(_) => Wanted::DeviceMilli(self.kind),
        }
    }
}

/// Wishes besides PUs and memory.
impl Request {
    /// The same with these wishes instead of those it had.
    #[must_use]
    pub fn with_extras(mut self, wishes: Wishes) -> Self {
        self.extras = wishes.into();
        self
    }

    /// The same with its wishes changed.
    fn and(mut self, change: impl FnOnce(&mut Wishes)) -> Self {
        change(self.extras.0.get_or_insert_default());
        self
    }

    /// The same with huge pages.
    #[must_use]
    pub fn with_huge_pages(self, pages: HugePages) -> Self {
        self.and(|wishes| wishes.huge_pages = pages)
    }

    /// The same with memory of a special kind.
    #[must_use]
    pub fn with_special_memory(self, kind: u32, mem_bytes: u64) -> Self {
        self.and(|wishes| insert(&mut wishes.special_memory, SpecialMemoryWish { kind, mem_bytes }, |wish| wish.kind))
    }

    /// The same with devices of a kind.
    #[must_use]
    pub fn with_devices(self, kind: u32, amount: DeviceAmount, locality: DeviceLocality) -> Self {
        self.and(|wishes| insert(&mut wishes.devices, DeviceWish { kind, amount, locality }, |wish| wish.kind))
    }

    /// The same with disk.
    #[must_use]
    pub fn with_disk(self, disk_bytes: u64) -> Self {
        self.and(|wishes| wishes.disk_bytes = disk_bytes)
    }

    /// The same with an amount of a scalar.
    #[must_use]
    pub fn with_scalar(self, name: NameId, milli: u64) -> Self {
        self.and(|wishes| insert(&mut wishes.scalars, ScalarWish { name, milli }, |wish| wish.name))
    }

    /// The same with numbers of a range.
    #[must_use]
    pub fn with_range(self, name: NameId, pick: Pick) -> Self {
        self.and(|wishes| insert(&mut wishes.ranges, PickWish { name, pick }, |wish| wish.name))
    }

    /// The same with items of a set.
    #[must_use]
    pub fn with_set(self, name: NameId, pick: Pick) -> Self {
        self.and(|wishes| insert(&mut wishes.sets, PickWish { name, pick }, |wish| wish.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: NameId = NameId::new(3);

    #[test]
    fn no_wishes_are_one_empty_word() {
        assert_eq!(size_of::<Extras>(), size_of::<usize>());
        assert_eq!(Extras::from(Wishes::default()), Extras::NONE);
        assert_eq!(Request::exclusive(1, 0).extras.wishes(), None);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let request = || Request::exclusive(1, 0);
        let unsorted = |field| Invalid::Unsorted { field };
        let device = |amount| request().with_devices(7, amount, DeviceLocality::Any);
        for (request, expected) in [
            (request().with_special_memory(0, 1), Invalid::OrdinaryKind),
            (request().with_special_memory(1, 0), Invalid::Amount(Wanted::SpecialMemory(1))),
            (request().with_special_memory(2, 1).with_special_memory(2, 1), unsorted("extras.special_memory")),
            (device(DeviceAmount::Whole(0)), Invalid::Amount(Wanted::Devices(7))),
            (device(DeviceAmount::Milli(1001)), Invalid::Amount(Wanted::DeviceMilli(7))),
            (request().with_scalar(NAME, 0), Invalid::Amount(Wanted::Scalar(NAME))),
            (request().with_range(NAME, Pick::Any(0)), Invalid::Amount(Wanted::Numbers(NAME))),
            (request().with_set(NAME, Pick::Exact(vec![])), Invalid::Amount(Wanted::Items(NAME))),
            (request().with_set(NAME, Pick::Exact(vec![Span { first: 2, last: 1 }])), unsorted("extras.sets.spans")),
        ] {
            assert_eq!(request.extras.check(), Err(expected), "{request:?}");
        }
        assert_eq!(device(DeviceAmount::Milli(1000)).extras.check(), Ok(()));
    }
}
