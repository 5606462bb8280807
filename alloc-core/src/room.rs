//! Room: how much of an agent's free devices the pods that come could use. For the fragmentation-aware policy, beside
//! [`worth`](crate::worth).
//!
//! **Kinds** of pods with devices are learnt from the placements: so many whole devices of a kind, or so many eighths of one; each
//! with how many came, and the mean CPU and memory of those seen lately. Of the most frequent so many are kept, by the rule of
//! [`worth`](crate::worth).
//!
//! **Room** of an agent for a kind: the thousandths of its free devices that pods of the kind could use: those of devices with enough
//! left, but no more than the agent's free CPU and memory can feed; none when not even one fits. Over all kinds, each times how many
//! came, that is FGD's notion (Weng et al., USENIX ATC 2023), with CPU and memory as amounts and not as a yes or no: so devices lose
//! value before they are stranded. The best place is where a pod destroys the least room.
//!
//! Whole numbers; counts and means are hints, so threads that learn at once may lose some.

use crate::agents::Figures;
use crate::extras::millis::WHOLE;
use crate::extras::{DeviceAmount, DeviceWish, Millis};
use crate::machine::Machine;
use crate::sync::{Ordering, Padded, Word64};
use crate::toll::Toll;
use crate::worth::PAGES_PER_MIB;

/// Kinds that are kept.
const KINDS: usize = 16;
/// Devices of an agent that are looked at; those beyond are of no worth.
const MAX_DEVICES: usize = 32;
/// Devices that are compared at once.
const LANES: usize = 8;
/// A mean is of so many pods at the most: older ones fade.
const FADING: u64 = 16;
const EIGHTH: u16 = WHOLE / 8;
const MAX_PODS: u64 = (1 << 16) - 1;
/// So many devices, or more.
const MAX_WHOLE: u16 = 0xFFF;
const CPU_MILLI_BITS: u32 = 24;
const MIB_BITS: u32 = 30;

/// What tells kinds apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key {
    /// Of device.
    kind: u32,
    /// Whole devices; 0 for a part of one.
    whole: u16,
    /// Of a device, in eighths, rounded up.
    eighths: u16,
}

impl Key {
    fn of(wish: &DeviceWish) -> Self {
        match wish.amount {
            DeviceAmount::Whole(devices) => {
                let whole = u16::try_from(devices).unwrap_or(MAX_WHOLE).min(MAX_WHOLE);
                Self { kind: wish.kind, whole, eighths: 0 }
            }
            DeviceAmount::Milli(milli) => Self { kind: wish.kind, whole: 0, eighths: milli.div_ceil(EIGHTH) },
        }
    }
}

/// A kind, as two words: `kind:32 | whole:12 | eighths:4 | pods:16`, and `milli:10 | cpu_milli:24 | mib:30`, both 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    key: Key,
    pods: u64,
    /// Means: thousandths of each device, CPU, memory.
    milli: u64,
    cpu_milli: u64,
    mib: u64,
}

impl Kind {
    const fn pack(self) -> [u64; 2] {
        let which = (self.key.kind as u64) << 32 | (self.key.whole as u64) << 20 | (self.key.eighths as u64) << 16;
        [which | self.pods, self.milli << (CPU_MILLI_BITS + MIB_BITS) | self.cpu_milli << MIB_BITS | self.mib]
    }

    #[expect(clippy::cast_possible_truncation, reason = "fields of 32, 12 and 4 bits")]
    const fn unpack([which, means]: [u64; 2]) -> Self {
        Self {
            key: Key {
                kind: (which >> 32) as u32,
                whole: (which >> 20) as u16 & MAX_WHOLE,
                eighths: (which >> 16) as u16 & 0xF,
            },
            pods: which & MAX_PODS,
            milli: means >> (CPU_MILLI_BITS + MIB_BITS),
            cpu_milli: means >> MIB_BITS & ((1 << CPU_MILLI_BITS) - 1),
            mib: means & ((1 << MIB_BITS) - 1),
        }
    }

    /// The same after pods with so much each.
    fn after(self, pods: u64, milli: u64, toll: &Toll) -> Self {
        let all = self.pods.min(FADING - 1) + 1;
        let mean = |mean: u64, new: u64| if self.pods == 0 { new } else { (mean * (all - 1) + new) / all };
        Self {
            key: self.key,
            pods: self.pods.saturating_add(pods).min(MAX_PODS),
            milli: mean(self.milli, milli),
            cpu_milli: mean(self.cpu_milli, toll.cpu_milli.min((1 << CPU_MILLI_BITS) - 1)),
            mib: mean(self.mib, mib(toll.pages).min((1 << MIB_BITS) - 1)),
        }
    }
}

const fn mib(pages: u64) -> u64 {
    pages.div_ceil(PAGES_PER_MIB)
}

/// The pods with devices that a table saw.
#[derive(Debug)]
pub(crate) struct DeviceMix(Padded<[[Word64; 2]; KINDS]>);

impl DeviceMix {
    pub(crate) fn new() -> Self {
        Self(Padded(core::array::from_fn(|_| [const { 0 }; 2].map(Word64::new))))
    }

    /// Counts pods, and tells what room is from now on.
    pub(crate) fn saw(&self, toll: &Toll, pods: usize) -> Room {
        // Relaxed, all: hints that no other word depends on; of two words that do not belong together a mean goes wrong, and fades.
        let read = |words: &[Word64; 2]| Kind::unpack([0, 1].map(|at: usize| words[at].load(Ordering::Relaxed)));
        let mut kinds = self.0.0.each_ref().map(read);
        if let Some(wish) = toll.device.as_ref().filter(|_| pods > 0) {
            let key = Key::of(wish);
            let same = kinds.iter().position(|kind| kind.pods > 0 && kind.key == key);
            let at = same.or_else(|| (0..KINDS).min_by_key(|at| kinds[*at].pods)).unwrap_or(0);
            let before = if same.is_some() { kinds[at] } else { Kind { key, ..Kind::default() } };
            let milli = if let DeviceAmount::Milli(milli) = wish.amount { milli } else { WHOLE };
            let inherited = kinds[at].pods - before.pods;
            kinds[at] = before.after(u64::try_from(pods).unwrap_or(MAX_PODS), milli.into(), toll);
            kinds[at].pods = (kinds[at].pods + inherited).min(MAX_PODS);
            self.keep(&mut kinds, at);
        }
        Room::new(&kinds)
    }

    fn keep(&self, kinds: &mut [Kind; KINDS], at: usize) {
        let full = kinds[at].pods == MAX_PODS;
        if full {
            kinds.iter_mut().for_each(|kind| kind.pods /= 2);
        }
        for (_, (words, kind)) in self.0.0.iter().zip(kinds).enumerate().filter(|(other, _)| full || *other == at) {
            for (word, value) in words.iter().zip(kind.pack()) {
                // Relaxed, both: as above.
                let _always = word.update(Ordering::Relaxed, Ordering::Relaxed, |_| Some(value));
            }
        }
    }
}

/// A kind, ready to be counted by.
#[derive(Clone, Copy, Debug, Default)]
struct Priced {
    key: Key,
    pods: u64,
    milli: u16,
    cpu_milli: u64,
    mib: u64,
    /// Thousandths of devices that go with a thousandth of a PU, and with a MiB, in 2⁻¹⁶.
    per_cpu_milli: u64,
    per_mib: u64,
}

impl Priced {
    fn new(kind: &Kind) -> Self {
        let Kind { key, pods, milli, cpu_milli, mib } = *kind;
        let all = milli * u64::from(key.whole.max(1));
        let per = |amount: u64| (all << 16) / amount.max(1);
        let milli = u16::try_from(milli).unwrap_or(WHOLE);
        Self { key, pods, milli, cpu_milli, mib, per_cpu_milli: per(cpu_milli), per_mib: per(mib) }
    }

    fn room(&self, has: &Has) -> u64 {
        if has.cpu_milli < self.cpu_milli || has.mib < self.mib {
            return 0;
        }
        let (count, milli) = has.suiting(self.key.kind, self.milli.into());
        if count < u32::from(self.key.whole.max(1)) {
            return 0;
        }
        let fed = |amount: u64, per: u64| amount.saturating_mul(per) >> 16;
        u64::from(milli).min(fed(has.cpu_milli, self.per_cpu_milli)).min(fed(has.mib, self.per_mib))
    }
}

/// What an agent has free.
#[derive(Clone, Copy, Debug)]
struct Has {
    cpu_milli: u64,
    mib: u64,
    /// Of each device: its kind, and thousandths.
    kinds: [u32; MAX_DEVICES],
    milli: [u32; MAX_DEVICES],
    len: usize,
}

impl Has {
    fn of(machine: &Machine<'_>, figures: &Figures) -> Self {
        let mut has = Self {
            cpu_milli: figures.cpu_milli,
            mib: figures.pages / PAGES_PER_MIB,
            kinds: [0; MAX_DEVICES],
            milli: [0; MAX_DEVICES],
            len: 0,
        };
        for group in &machine.shape.extras.groups {
            group.words.clone().for_each(|word| has.add(group.kind, machine.devices(word)));
        }
        has
    }

    /// Devices that are taken whole, or that the machine does not have, are left out.
    fn add(&mut self, kind: u32, millis: Millis) {
        for (_, milli) in millis.iter().filter(|(_, milli)| *milli > 0) {
            if self.len < MAX_DEVICES {
                (self.kinds[self.len], self.milli[self.len]) = (kind, milli.into());
                self.len += 1;
            }
        }
    }

    /// How many devices of a kind have so much left, and what they have together.
    #[inline]
    fn suiting(&self, kind: u32, least: u32) -> (u32, u32) {
        let (mut count, mut sum) = (0, 0);
        let lanes = self.kinds.chunks_exact(LANES).zip(self.milli.chunks_exact(LANES));
        for (kinds, milli) in lanes.take(self.len.div_ceil(LANES)) {
            // All of them, so that it is done side by side: those beyond the last have nothing.
            for at in 0..LANES {
                let suits = u32::from(kinds[at] == kind && milli[at] >= least && milli[at] != 0);
                count += suits;
                sum += suits * milli[at];
            }
        }
        (count, sum)
    }

    /// What is left when a toll is taken, devices as the planner takes them.
    fn less(mut self, toll: &Toll) -> Self {
        self.cpu_milli = self.cpu_milli.saturating_sub(toll.cpu_milli);
        self.mib = self.mib.saturating_sub(mib(toll.pages));
        let Some(wish) = &toll.device else { return self };
        let of_kind = |has: &Self, at: &usize| has.kinds[*at] == wish.kind;
        match wish.amount {
            DeviceAmount::Whole(devices) => {
                let untouched = (0..self.len).filter(|at| of_kind(&self, at) && self.milli[*at] == u32::from(WHOLE));
                let taken: u32 = untouched.take(devices as usize).fold(0, |taken, at| taken | 1 << at);
                (0..self.len).filter(|at| taken >> at & 1 == 1).for_each(|at| self.milli[at] = 0);
            }
            DeviceAmount::Milli(milli) => {
                let milli = u32::from(milli);
                let enough = (0..self.len).filter(|at| of_kind(&self, at) && self.milli[*at] >= milli);
                if let Some(at) = enough.min_by_key(|at| self.milli[*at]) {
                    self.milli[at] -= milli;
                }
            }
        }
        self
    }
}

/// What room is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    kinds: [Priced; KINDS],
    len: usize,
}

impl Room {
    fn new(kinds: &[Kind; KINDS]) -> Self {
        let mut room = Self::default();
        for kind in kinds.iter().filter(|kind| kind.pods > 0) {
            room.kinds[room.len] = Priced::new(kind);
            room.len += 1;
        }
        room
    }

    /// The least part of a device that pods want, in thousandths.
    pub(crate) fn least_part(&self) -> u16 {
        self.kinds[..self.len].iter().map(|kind| kind.milli).min().unwrap_or(WHOLE)
    }

    /// Whether any pod with devices came.
    pub(crate) const fn is_known(&self) -> bool {
        self.len > 0
    }

    /// What an agent loses when a toll is taken, in thousandths of devices times pods.
    pub(crate) fn lost(&self, machine: &Machine<'_>, figures: &Figures, toll: &Toll) -> u64 {
        let has = Has::of(machine, figures);
        if has.len == 0 {
            return 0;
        }
        let left = has.less(toll);
        let lost = |kind: &Priced| match kind.room(&has) {
            0 => 0,
            room => kind.pods * room.saturating_sub(kind.room(&left)),
        };
        self.kinds[..self.len].iter().map(lost).sum()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::testing::{Loose, Machine as Spec};
    use crate::{DeviceLocality, DeviceSpec, NumaNodeId, Request, Shape};

    const GPU: u32 = 7;

    /// So many PUs, GiB and devices.
    fn machine(cores: usize, gib: u64, devices: usize) -> Loose {
        let mut spec = Spec { cores, mem_bytes: gib << 30, ..Spec::default() }.spec();
        spec.devices = vec![DeviceSpec { kind: GPU, numa_node: Some(NumaNodeId::new(0)) }; devices];
        Loose::new(Shape::new(&spec).unwrap())
    }

    fn pod(pus: u32, gib: u64, amount: DeviceAmount) -> Toll {
        Toll::least(&Request::shared(pus * 1000, gib << 30).with_devices(GPU, amount, DeviceLocality::Any))
    }

    fn has(machine: &Loose) -> Has {
        let machine = machine.machine();
        Has::of(&machine, &Figures::of(&machine))
    }

    fn after(tolls: &[Toll]) -> Room {
        let mix = DeviceMix::new();
        tolls.iter().fold(Room::default(), |_, toll| mix.saw(toll, 1))
    }

    const ONE: DeviceAmount = DeviceAmount::Whole(1);

    #[test]
    fn room_is_what_cpu_and_memory_can_feed() {
        let eight = machine(64, 640, 8);
        let room = |toll| after(&[toll]).kinds[0].room(&has(&eight));
        assert_eq!(room(pod(8, 80, ONE)), 8000);
        assert_eq!(room(pod(16, 80, ONE)), 4000, "CPU for four");
        assert_eq!(room(pod(8, 160, ONE)), 4000, "memory for four");
        assert_eq!(room(pod(65, 80, ONE)), 0, "not one fits");
        assert!(eight.machine().take_extra(crate::extras::ExtraWord::Devices(0), 500));
        assert_eq!(room(pod(8, 80, ONE)), 7000, "half a device is of no use to it");
        assert_eq!(room(pod(8, 80, DeviceAmount::Whole(8))), 0, "seven whole ones");
        assert_eq!(room(pod(4, 40, DeviceAmount::Milli(500))), 7500);
    }

    #[test]
    fn kinds_are_eighths_with_their_means() {
        let room = after(&[260, 370, 380].map(|milli| pod(u32::from(milli) / 100, 10, DeviceAmount::Milli(milli))));
        let kinds: Vec<_> = room.kinds[..room.len].iter().map(|kind| (kind.pods, kind.milli, kind.cpu_milli)).collect();
        assert_eq!((kinds, room.least_part()), (vec![(2, 315, 2500), (1, 380, 3000)], 315));
    }

    #[test]
    fn the_rarest_kind_gives_its_place_and_its_count_up() {
        let mix = DeviceMix::new();
        let kinds = u32::try_from(KINDS).unwrap();
        for whole in 1..=kinds {
            let _room = mix.saw(&pod(1, 1, DeviceAmount::Whole(whole)), 10 * whole as usize);
        }
        let room = mix.saw(&pod(1, 1, DeviceAmount::Whole(kinds + 1)), 1);
        let pods = |whole: u32| room.kinds.iter().find(|kind| u32::from(kind.key.whole) == whole).map(|kind| kind.pods);
        assert_eq!([1, 2, kinds + 1].map(pods), [None, Some(20), Some(11)]);
        let room = mix.saw(&pod(1, 1, DeviceAmount::Whole(2)), usize::MAX);
        assert_eq!(room.kinds.iter().map(|kind| kind.pods).max(), Some(MAX_PODS / 2), "counts age when one is full");
    }

    #[test]
    fn a_part_takes_the_split_device_and_cpu_without_devices_costs_room_too() {
        let two = machine(16, 160, 2);
        assert!(two.machine().take_extra(crate::extras::ExtraWord::Devices(0), 700));
        let room = after(&[pod(8, 80, ONE), pod(2, 20, DeviceAmount::Milli(300))]);
        let lost = |toll: &Toll| room.lost(&two.machine(), &Figures::of(&two.machine()), toll);
        // The whole device keeps its room for both; the split one loses its 300 for parts.
        assert_eq!(lost(&pod(2, 20, DeviceAmount::Milli(300))), 300);
        assert_eq!(lost(&pod(8, 80, ONE)), 1000 + 1000);
        let nothing = Toll { device: None, ..pod(16, 0, ONE) };
        assert_eq!(lost(&nothing), 1000 + 1300, "no CPU is left to feed them");
        assert_eq!(lost(&Toll { cpu_milli: 1000, ..nothing }), 0, "enough is");
    }

    #[test]
    fn words_keep_their_fields() {
        let key = Key { kind: u32::MAX, whole: MAX_WHOLE, eighths: 8 };
        let kind =
            Kind { key, pods: MAX_PODS, milli: 1000, cpu_milli: (1 << CPU_MILLI_BITS) - 1, mib: (1 << MIB_BITS) - 1 };
        assert_eq!(Kind::unpack(kind.pack()), kind);
    }
}
