//! Worth: what free capacity is good for, told by the pods that came before. For the fragmentation-aware policy.
//!
//! **Mix**: the most frequent kinds of pods seen, a kind being PUs and memory together; each with how many came. Kept by the
//! space-saving rule (Metwally, Agrawal and El Abbadi, 2005): a kind that has no place takes that of the rarest, and its count.
//!
//! **Worth** of a NUMA node: over all kinds, how many PUs of it pods of that kind could use, times how many of them came. A leaf
//! serves whole pods only, and PUs that no memory is left for are of no use, nor memory without PUs. That is the notion of FGD (Weng
//! et al., USENIX ATC 2023) for PUs and memory. The best place is where a pod destroys the least worth.
//!
//! **Devices** come first: see [`room`](crate::room).
//!
//! Whole numbers; counts are hints, so threads that learn at once may lose one.

use crate::agents::Figures;
use crate::ids::NumaNodeId;
use crate::leaf::{LEAF_PUS, PuState};
use crate::machine::Machine;
use crate::quantity::pages_up;
use crate::request::Request;
use crate::room::{DeviceMix, Room};
use crate::sync::{Ordering, Padded, Word64};
use crate::toll::Toll;
use crate::wants::Wants;
use crate::{MILLI_PER_PU, PAGE_BYTES};

/// Kinds that are kept.
const KINDS: usize = 4;
/// Memory of a kind is counted in so many pages.
pub(crate) const PAGES_PER_MIB: u64 = (1 << 20) / PAGE_BYTES;
const MIB_BITS: u32 = 24;
const PUS_BITS: u32 = 16;
const MAX_PODS: u64 = (1 << (64 - MIB_BITS - PUS_BITS)) - 1;

/// `pods:24 | pus:16 | mib:24`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    pods: u64,
    pus: u32,
    mib: u64,
}

impl Kind {
    /// Where no core is narrower than `width` PUs.
    fn of(request: &Request, width: u32) -> Self {
        let wants = Wants::new(request, false);
        let shared = wants.share_milli().div_ceil(u64::from(MILLI_PER_PU));
        let pus = wants.least_pus_on(width).saturating_add(u32::try_from(shared).unwrap_or(u32::MAX));
        let mib = pages_up(request.mem_bytes).div_ceil(PAGES_PER_MIB).min((1 << MIB_BITS) - 1);
        Self { pods: 0, pus: pus.clamp(1, (1 << PUS_BITS) - 1), mib }
    }

    const fn pack(self) -> u64 {
        self.pods << (PUS_BITS + MIB_BITS) | (self.pus as u64) << MIB_BITS | self.mib
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to 16 bits")]
    const fn unpack(word: u64) -> Self {
        Self {
            pods: word >> (PUS_BITS + MIB_BITS),
            pus: (word >> MIB_BITS) as u32 & ((1 << PUS_BITS) - 1),
            mib: word & ((1 << MIB_BITS) - 1),
        }
    }
}

/// The pods that a table saw.
#[derive(Debug)]
pub(crate) struct Mix {
    /// Without devices.
    kinds: Padded<[Word64; KINDS]>,
    devices: DeviceMix,
}

impl Mix {
    pub(crate) fn new() -> Self {
        Self { kinds: Padded(core::array::from_fn(|_| Word64::new(0))), devices: DeviceMix::new() }
    }

    /// Counts pods of a kind, if any, and tells what free capacity is worth from now on.
    pub(crate) fn saw(&self, request: &Request, width: u32, pods: usize) -> Worth {
        let toll = Toll::of(request, width);
        let room = self.devices.saw(&toll, pods);
        // Relaxed, all: hints that no other word depends on.
        let mut kinds = self.kinds.0.each_ref().map(|word| Kind::unpack(word.load(Ordering::Relaxed)));
        if toll.device.is_none() && pods > 0 {
            self.count(&mut kinds, Kind::of(request, width), pods);
        }
        Worth { kinds: kinds.map(Priced::new), room, toll }
    }

    fn count(&self, kinds: &mut [Kind; KINDS], kind: Kind, pods: usize) {
        let words = &self.kinds.0;
        let same = kinds.iter().position(|known| (known.pus, known.mib) == (kind.pus, kind.mib));
        let at = same.or_else(|| (0..KINDS).min_by_key(|at| kinds[*at].pods)).unwrap_or(0);
        let pods = kinds[at].pods.saturating_add(u64::try_from(pods).unwrap_or(MAX_PODS)).min(MAX_PODS);
        kinds[at] = Kind { pods, ..kind };
        if pods == MAX_PODS {
            kinds.iter_mut().for_each(|kind| kind.pods /= 2);
            for (word, kind) in words.iter().zip(&*kinds) {
                // Relaxed, both: as above.
                let _always = word.update(Ordering::Relaxed, Ordering::Relaxed, |_| Some(kind.pack()));
            }
        } else {
            // Relaxed, both: as above.
            let _always = words[at].update(Ordering::Relaxed, Ordering::Relaxed, |_| Some(kinds[at].pack()));
        }
    }
}

/// A kind, ready to be counted by.
#[derive(Clone, Copy, Debug, Default)]
struct Priced {
    /// PUs of a pod, times the pods that came.
    weight: u64,
    /// 2¹⁶ over its PUs, rounded up; exact for the PUs of a leaf.
    per_pus: u64,
    /// 2⁶⁰ over its memory in MiB, rounded up; exact for what a NUMA node has.
    per_mib: u64,
}

impl Priced {
    fn new(kind: Kind) -> Self {
        // Whom no leaf serves takes what PUs there are.
        let (pus, weight) =
            if kind.pus > LEAF_PUS { (1, kind.pods) } else { (kind.pus, kind.pods * u64::from(kind.pus)) };
        let per_mib = if kind.mib == 0 { ANY } else { (1_u64 << MIB_SHIFT).div_ceil(kind.mib) };
        Self { weight, per_pus: (1_u64 << 16).div_ceil(u64::from(pus.max(1))), per_mib }
    }
}

/// Quotients by it are exact while dividend times divisor is below 2⁶⁰: less than 2³² MiB by less than 2²⁴.
const MIB_SHIFT: u32 = 60;
/// Of a kind that needs no memory.
const ANY: u64 = u64::MAX;

const RANK_BITS: u32 = 24;
/// The highest rank of a place where no device loses anything: there is none better.
pub(crate) const LOSES_NO_DEVICE: i64 = (1 << RANK_BITS) - 1;

/// What free capacity is worth.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Worth {
    kinds: [Priced; KINDS],
    room: Room,
    /// Of the request.
    toll: Toll,
}

impl Worth {
    /// Of leaves with so many PUs each beside so many pages.
    fn of(&self, leaves: impl Iterator<Item = u32> + Clone, pages: u64) -> i64 {
        let mib = pages / PAGES_PER_MIB;
        let of_kind = |kind: &Priced| {
            let served: u64 = leaves.clone().map(|pus| (u64::from(pus) * kind.per_pus) >> 16).sum();
            let fed = match kind.per_mib {
                ANY => ANY,
                per_mib => u64::try_from((u128::from(mib) * u128::from(per_mib)) >> MIB_SHIFT).unwrap_or(ANY),
            };
            kind.weight * served.min(fed)
        };
        self.kinds.iter().map(of_kind).sum::<u64>().cast_signed()
    }

    /// How bad a leaf is for the request: what its agent's devices lose, then what its NUMA node does.
    pub(crate) fn rank_leaf(&self, machine: &Machine<'_>, leaf: u16, pus: u32, pages: u64) -> i64 {
        let lost = self.lost(machine, leaf, pus, pages);
        if self.room.is_known() { self.after_devices(machine, &Figures::of(machine), lost) } else { lost }
    }

    /// How bad an agent is for the request: what its devices lose, then how many PUs it has; where no device is asked for, what
    /// its PUs are worth.
    pub(crate) fn rank_agent(&self, machine: &Machine<'_>, figures: &Figures) -> i64 {
        if self.room.is_known() {
            self.after_devices(machine, figures, figures.free.into())
        } else {
            self.of_each_pu(machine)
        }
    }

    fn after_devices(&self, machine: &Machine<'_>, figures: &Figures, rank: i64) -> i64 {
        // Less than 2³⁶: kinds times pods times thousandths.
        (self.room.lost(machine, figures, &self.toll).cast_signed() << RANK_BITS) + rank.clamp(0, LOSES_NO_DEVICE)
    }

    /// Whether pods with devices came.
    pub(crate) const fn knows_devices(&self) -> bool {
        self.room.is_known()
    }

    /// The least part of a device that is of use, in thousandths.
    pub(crate) fn least_part(&self) -> u16 {
        self.room.least_part()
    }

    /// Whether pods with devices came, and this is none.
    pub(crate) const fn spares_devices(&self) -> bool {
        self.room.is_known() && self.toll.device.is_none()
    }

    /// What a leaf's NUMA node loses when PUs of the leaf and pages are taken.
    fn lost(&self, machine: &Machine<'_>, leaf: u16, pus: u32, pages: u64) -> i64 {
        let layout = &machine.shape.layout;
        let shape = &layout.leaves[usize::from(leaf)];
        let free = |leaf: u16| machine.pus_in(leaf, PuState::Free).count_ones();
        let leaves = layout.pools[usize::from(shape.pool)].leaves.iter();
        let has = shape.numa_node.map_or(0, |numa_node: NumaNodeId| machine.memory(numa_node).pages());
        let left = |at: &u16| if *at == leaf { free(*at).saturating_sub(pus) } else { free(*at) };
        let before = self.of(leaves.clone().map(|at| free(*at)), has);
        before - self.of(leaves.map(left), has.saturating_sub(pages))
    }

    /// What an agent's free PUs are worth, in thousandths of each: the least useful are given away first.
    fn of_each_pu(&self, machine: &Machine<'_>) -> i64 {
        let layout = &machine.shape.layout;
        let (mut sum, mut pus) = (0, 0);
        for pool in &layout.pools {
            let free = pool.leaves.iter().map(|leaf| machine.pus_in(*leaf, PuState::Free).count_ones());
            let pages = pool.numa_node.map_or(0, |numa_node| machine.memory(numa_node).pages());
            pus += free.clone().map(i64::from).sum::<i64>();
            sum += self.of(free, pages);
        }
        sum.saturating_mul(1000) / pus.max(1)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn worth(pods: &[(u32, u64, usize)]) -> Worth {
        let mix = Mix::new();
        let mut worth = Worth::default();
        for &(pus, gib, count) in pods {
            worth = mix.saw(&Request::exclusive(pus, gib << 30), 1, count);
        }
        worth
    }

    fn pages(gib: u64) -> u64 {
        (gib << 30) / PAGE_BYTES
    }

    #[test]
    fn a_leaf_serves_whole_pods_that_memory_can_feed() {
        let worth = worth(&[(8, 8, 1)]);
        let of = |leaves: &[u32], gib| worth.of(leaves.iter().copied(), pages(gib));
        assert_eq!((of(&[16, 16], 64), of(&[15, 7], 64), of(&[16, 16], 17)), (32, 8, 16));
    }

    #[test]
    fn memory_that_fits_exactly_feeds_the_last_pod() {
        for gib in [3, 5, 6, 7, 24, 1000] {
            let worth = worth(&[(8, gib, 1)]);
            for pods in 0..=8 {
                assert_eq!(
                    worth.of([32, 32].into_iter(), pages(pods * gib)),
                    8 * pods.cast_signed(),
                    "{pods} of {gib}"
                );
            }
        }
    }

    #[test]
    fn the_rarest_kind_gives_its_place_up() {
        let kinds: Vec<_> = (1..=5).map(|pus| (pus, 1, 10 * pus as usize)).collect();
        let worth = worth(&kinds);
        // One PU came ten times, and its place and count went to five PUs.
        assert_eq!(worth.kinds.iter().map(|kind| kind.weight).max(), Some(5 * 60));
        assert!(worth.kinds.iter().all(|kind| kind.weight != 10));
    }

    #[test]
    fn counts_age_when_one_is_full() {
        let worth = worth(&[(1, 0, 1000), (2, 0, usize::MAX)]);
        assert_eq!(worth.kinds[..2].iter().map(|kind| kind.weight).collect::<Vec<_>>(), [500, 2 * (MAX_PODS / 2)]);
        assert!(worth.of([32].into_iter(), 0) > 0, "kinds without memory need none");
    }
}
