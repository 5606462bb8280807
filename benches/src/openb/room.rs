//! The fragmentation-aware policy: place where the least of what is still to come loses its room.
//!
//! *Kinds* of pods are learnt from the arrivals: so many GPUs, so many eighths of each, of these models; with the mean CPU and
//! memory of those seen. An agent's **room** for a kind is how many thousandths of its free GPUs pods of that kind could use:
//! those of GPUs with enough free, but no more than its CPU and its memory can feed; nothing when not even one fits. That is
//! FGD's notion (Weng et al., USENIX ATC 2023) with CPU and memory as amounts instead of a yes or no, so that GPUs which run out
//! of CPU lose value before they are stranded.
//!
//! A kind's **price** is the square of (its share of the arrivals / its share of the cluster's free GPUs), the second share
//! being its room. What many ask for and few agents offer is dear: a rare model is kept for those who need it without a rule
//! about models. Room over all kinds, each times its price, is an agent's value; a pod's key is the value it destroys.
//!
//! Nothing here is a constant of one cluster: eighths, the square and the number of kinds are all there is to choose, everything
//! else is learnt in arrival order. Integers only.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::machine::{Agent, GPU_MILLI, Gpus, MAX_GPUS, Models, Pod};
use super::scan::{Key, Policy};

/// Kinds that have a price: the most frequent.
const KINDS: usize = 32;
/// Parts of a GPU that kinds tell apart.
const EIGHTH: u16 = GPU_MILLI / 8;
/// Prices are made anew when the arrivals have grown by one part of so many: a constant cost over any number of arrivals.
const GROWTH: u64 = 4;
/// Binary digits of a ratio of shares after the point.
const RATIO_BITS: u32 = 16;
/// The largest ratio: room for a kind that is this much scarcer is as dear as it gets.
const RATIO_MAX: u64 = 1 << (RATIO_BITS + 12);
// A value is a price (a ratio squared, with RATIO_BITS less) times thousandths of GPUs, over the kinds: it must fit an i64.
const _: () =
    assert!(2 * (RATIO_BITS + 12) - RATIO_BITS + (MAX_GPUS * 1024).ilog2() + KINDS.ilog2() < 63 && GPU_MILLI <= 1024);

const NO_GPUS: Gpus = Gpus(0);

/// What tells kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    gpus: u8,
    eighths: u16,
    models: Models,
}

/// Sums over the pods of a kind.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    pods: u64,
    cpu_milli: u64,
    mem_mib: u64,
    gpu_milli: u64,
}

/// A kind with its price.
#[derive(Clone, Debug)]
struct Priced {
    /// The mean pod.
    pod: Pod,
    /// Thousandths of a GPU that go with a thousandth of a PU, in 2⁻¹⁶.
    gpu_per_cpu: u64,
    /// The same for a MiB.
    gpu_per_mib: u64,
    price: u64,
}

/// The policy, and what it learnt.
#[derive(Clone, Debug, Default)]
pub struct Room {
    kinds: BTreeMap<Kind, Sums>,
    arrived: u64,
    /// How many arrivals make the prices due.
    due: u64,
    priced: Vec<Priced>,
}

impl Kind {
    const fn of(pod: &Pod) -> Self {
        Self { gpus: pod.gpus, eighths: pod.gpu_milli.div_ceil(EIGHTH), models: pod.models }
    }
}

impl Sums {
    fn add(&mut self, pod: &Pod) {
        self.pods += 1;
        self.cpu_milli += u64::from(pod.cpu_milli);
        self.mem_mib += u64::from(pod.mem_mib);
        self.gpu_milli += u64::from(pod.gpu_milli);
    }

    /// The mean pod of the kind. A mean is never above the largest, so it fits where that did.
    fn mean(&self, kind: &Kind) -> Pod {
        let mean32 = |sum: u64| u32::try_from(sum / self.pods).unwrap_or(u32::MAX);
        let gpu_milli = u16::try_from(self.gpu_milli / self.pods).unwrap_or(GPU_MILLI);
        let (cpu_milli, mem_mib) = (mean32(self.cpu_milli), mean32(self.mem_mib));
        Pod { cpu_milli, mem_mib, gpus: kind.gpus, gpu_milli, models: kind.models }
    }
}

impl Priced {
    fn new(pod: Pod) -> Self {
        let per = |amount: u32| (pod.all_gpu_milli() << RATIO_BITS) / u64::from(amount.max(1));
        Self { pod, gpu_per_cpu: per(pod.cpu_milli), gpu_per_mib: per(pod.mem_mib), price: 0 }
    }

    /// Thousandths of the agent's free GPUs that pods of the kind could use.
    fn room(&self, agent: &Agent) -> u64 {
        let pod = &self.pod;
        if agent.cpu_milli < pod.cpu_milli || agent.mem_mib < pod.mem_mib || !pod.models.meets(agent.model) {
            return 0;
        }
        let suit =
            agent.gpu_milli.iter().map(|&free| if free >= pod.gpu_milli { (1, u64::from(free)) } else { (0, 0) });
        let (gpus, milli) = suit.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        if gpus < pod.gpus {
            return 0;
        }
        let fed_by_cpu = (u64::from(agent.cpu_milli) * self.gpu_per_cpu) >> RATIO_BITS;
        let fed_by_memory = (u64::from(agent.mem_mib) * self.gpu_per_mib) >> RATIO_BITS;
        milli.min(fed_by_cpu).min(fed_by_memory)
    }
}

/// The square of (`part` of `whole` / `room` of `free`), in 2⁻¹⁶; 0 without room, since there is nothing to lose.
fn price(part: u64, whole: u64, room: u64, free: u64) -> u64 {
    let above = (u128::from(part) * u128::from(free)) << RATIO_BITS;
    let Some(ratio) = above.checked_div(u128::from(whole) * u128::from(room)) else { return 0 };
    let ratio = u64::try_from(ratio).unwrap_or(u64::MAX).min(RATIO_MAX);
    (ratio * ratio) >> RATIO_BITS
}

impl Room {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the most frequent kinds, and their prices from the cluster as it is.
    fn price_kinds(&mut self, agents: &[Agent]) {
        let mut frequent: Vec<(&Kind, &Sums)> = self.kinds.iter().collect();
        frequent.sort_by_key(|&(kind, sums)| (Reverse(sums.pods), *kind));
        frequent.truncate(KINDS);
        let free = agents.iter().map(Agent::free_gpu_milli).sum();
        let whole = frequent.iter().map(|(_, sums)| sums.pods).sum();
        let priced = frequent.into_iter().map(|(kind, sums)| {
            let mut priced = Priced::new(sums.mean(kind));
            let room = agents.iter().map(|agent| priced.room(agent)).sum();
            priced.price = price(sums.pods, whole, room, free);
            priced
        });
        self.priced = priced.collect();
    }

    /// Room on the agent over all kinds, each times its price.
    fn value(&self, agent: &Agent) -> i64 {
        self.priced.iter().map(|kind| kind.price * kind.room(agent)).sum::<u64>().cast_signed()
    }
}

impl Policy for Room {
    fn arrives(&mut self, pod: &Pod, agents: &[Agent]) -> bool {
        if pod.gpus > 0 {
            self.kinds.entry(Kind::of(pod)).or_default().add(pod);
        }
        self.arrived += 1;
        let due = self.arrived >= self.due;
        if due {
            self.price_kinds(agents);
            self.due = self.arrived + (self.arrived / GROWTH).max(1);
        }
        due
    }

    fn key(&mut self, agent: &Agent, pod: &Pod) -> Key {
        let before = self.value(agent);
        let key = |gpus| {
            let after = agent.without(pod, gpus).map_or(0, |left| self.value(&left));
            (before - after, gpus)
        };
        if !pod.shares_gpu() {
            return key(agent.tightest(pod));
        }
        // GPUs with the same free are the same choice.
        let first = |&gpu: &usize| !agent.gpu_milli[..gpu].contains(&agent.gpu_milli[gpu]);
        let enough = |&gpu: &usize| agent.gpu_milli[gpu] >= pod.gpu_milli;
        let choices = (0..MAX_GPUS).filter(enough).filter(first).map(|gpu| key(Gpus::one(gpu)));
        choices.min_by_key(|&(key, _)| key).unwrap_or((i64::MAX, NO_GPUS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openb::replay::Placer;
    use crate::openb::scan::Scan;
    use crate::openb::testing::{agent, pod};

    /// The policy after these arrivals at these agents.
    fn taught(arrivals: &[Pod], agents: &[Agent]) -> Room {
        let mut room = Room::new();
        for pod in arrivals {
            room.arrives(pod, agents);
        }
        room.price_kinds(agents);
        room
    }

    fn chosen(room: Room, agents: &[Agent], pod: &Pod) -> Option<usize> {
        Scan::new(room, agents).place(pod).map(|placed| placed.agent)
    }

    #[test]
    fn room_is_what_cpu_and_memory_can_feed() {
        let room = |agent: &Agent, pod: Pod| Priced::new(pod).room(agent);
        let mut eight = agent(64, 640, 8);
        assert_eq!(room(&eight, pod(8, 80, 1, 1000)), 8000);
        assert_eq!(room(&eight, pod(16, 80, 1, 1000)), 4000, "CPU for four");
        assert_eq!(room(&eight, pod(8, 160, 1, 1000)), 4000, "memory for four");
        assert_eq!(room(&eight, pod(65, 80, 1, 1000)), 0, "not one fits");
        eight.gpu_milli[0] = 500;
        assert_eq!(room(&eight, pod(8, 80, 1, 1000)), 7000, "half a GPU is of no use to it");
        assert_eq!(room(&eight, pod(8, 80, 8, 1000)), 0, "seven whole ones");
        assert_eq!(room(&eight, Pod { models: Models(2), ..pod(8, 80, 1, 1000) }), 0, "another model");
    }

    #[test]
    fn a_price_is_a_squared_ratio_of_shares() {
        let one = 1 << RATIO_BITS;
        assert_eq!(price(1, 2, 500, 1000), one);
        assert_eq!(price(1, 2, 250, 1000), 4 * one, "half the room, four times the price");
        assert_eq!(price(1, 2, 0, 1000), 0);
        assert_eq!(price(1, 0, 1, 1000), 0);
        assert_eq!(price(u64::MAX, 1, 1, u64::MAX), (RATIO_MAX * RATIO_MAX) >> RATIO_BITS);
    }

    #[test]
    fn kinds_are_eighths_with_their_means() {
        let room = taught(&[pod(2, 10, 1, 260), pod(4, 30, 1, 370), pod(4, 30, 1, 380)], &[agent(8, 80, 1)]);
        assert_eq!(room.priced.len(), 2);
        assert_eq!(room.priced[0].pod, Pod { gpu_milli: 315, ..pod(3, 20, 1, 315) });
    }

    #[test]
    fn a_wanted_model_is_kept_for_those_who_need_it() {
        let (rare, common) = (Agent { model: Models(2), ..agent(8, 80, 1) }, agent(8, 80, 1));
        let (picky, any) = (Pod { models: Models(2), ..pod(1, 1, 1, 1000) }, pod(1, 1, 1, 1000));
        let agents = [rare, common, common];
        assert_eq!(chosen(taught(&[picky, any, any], &agents), &agents, &any), Some(1));
        assert_eq!(chosen(taught(&[any, any], &agents), &agents, &any), Some(0), "nobody asked for it");
    }

    #[test]
    fn a_pod_without_gpus_goes_where_no_gpu_is_stranded() {
        let agents = [agent(10, 100, 1), agent(20, 100, 1)];
        let room = taught(&[pod(8, 10, 1, 1000), pod(6, 10, 0, 0)], &agents);
        assert_eq!(chosen(room, &agents, &pod(6, 10, 0, 0)), Some(1));
    }

    #[test]
    fn a_part_of_a_gpu_takes_the_split_one() {
        let mut split = agent(8, 80, 2);
        split.gpu_milli[1] = 300;
        let agents = [agent(8, 80, 2), split];
        let mut scan = Scan::new(taught(&[pod(1, 1, 1, 1000), pod(1, 1, 1, 300)], &agents), &agents);
        let placed = scan.place(&pod(1, 1, 1, 300)).expect("it fits");
        assert_eq!((placed.agent, placed.gpus), (1, Gpus::one(1)));
    }
}
