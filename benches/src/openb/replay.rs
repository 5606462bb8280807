//! The published protocol: which pods arrive in which order, and what is allocated at the end.
//!
//! 1. The variant's pods, by name, are shuffled by the seed.
//! 2. While they want less than 130 % of the cluster's GPUs, a clone of a uniformly random one is appended; where they want
//!    more, the list ends as soon as it reaches that.
//! 3. Pods are placed one by one. None departs; one that does not fit is dropped, and its request still counts as arrived.
//! 4. Reported is the share of the cluster's GPUs that placed pods hold, when 100 and 130 % of them have arrived.
//!
//! Source: Weng et al., "Beware of Fragmentation", USENIX ATC 2023, and its simulator (hkust-adsl/kubernetes-scheduler-simulator,
//! `pkg/simulator`). Its generator is Go's; ours differs, so that runs match it in distribution and not pod by pod.

use super::machine::{Agent, Gpus, Pod};
use crate::random::Random;

/// The published seeds.
pub const SEEDS: std::ops::RangeInclusive<u64> = 42..=51;
/// Where the share is read, in hundredths of the cluster's GPUs that arrived.
pub const POINTS: [u64; 2] = [100, 130];

/// Where a pod went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The agent, by its place in the list.
    pub agent: usize,
    /// Its GPUs.
    pub gpus: Gpus,
}

/// Something that places pods on the agents it was made with.
pub trait Placer {
    /// Places the pod, and keeps it. `None`: it fits nowhere.
    fn place(&mut self, pod: &Pod) -> Option<Placed>;
}

/// What one replay came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Thousandths of a GPU held at each of [`POINTS`].
    pub held_gpu_milli: [u64; 2],
    /// Pods that arrived.
    pub arrived: usize,
    /// Pods that were dropped.
    pub dropped: usize,
    /// Pods that were dropped although an agent could have held them.
    pub dropped_that_fit: usize,
}

/// A placement that cannot be: the pod does not fit where the placer says it put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pod {arrival} ({pod:?}) does not fit on agent {} with GPUs {:#b}", placed.agent, placed.gpus.0)]
pub struct Impossible {
    /// How many arrived before it.
    pub arrival: usize,
    /// What it wants.
    pub pod: Pod,
    /// Where it was put.
    pub placed: Placed,
}

/// The pods of a variant as they arrive at a cluster of so many GPUs.
#[must_use]
pub fn arrivals(pods: &[Pod], cluster_gpu_milli: u64, seed: u64) -> Vec<Pod> {
    let mut random = Random::new(seed);
    let mut list = pods.to_vec();
    random.shuffle(&mut list);
    let wanted = threshold(cluster_gpu_milli, POINTS[1]);
    let mut sum = 0;
    let reaches = list.iter().position(|pod| {
        sum += pod.all_gpu_milli();
        sum >= wanted
    });
    list.truncate(reaches.map_or(list.len(), |last| last + 1));
    // Pods that all want no GPU would be cloned for ever.
    while sum < wanted && sum > 0 {
        let clone = pods[random.below(pods.len())];
        sum += clone.all_gpu_milli();
        list.push(clone);
    }
    list
}

const fn threshold(cluster_gpu_milli: u64, percent: u64) -> u64 {
    (cluster_gpu_milli * percent).div_ceil(100)
}

/// Places the arrivals one by one, and checks every placement against a copy of the cluster of its own.
///
/// # Errors
/// [`Impossible`] at the first placement that does not fit.
pub fn replay(agents: &[Agent], arrivals: &[Pod], placer: &mut (impl Placer + ?Sized)) -> Result<Outcome, Impossible> {
    let mut truth = agents.to_vec();
    let cluster = agents.iter().map(Agent::free_gpu_milli).sum();
    let mut outcome = Outcome { arrived: arrivals.len(), ..Outcome::default() };
    let (mut wanted, mut held) = (0, 0);
    for (arrival, pod) in arrivals.iter().enumerate() {
        wanted += pod.all_gpu_milli();
        if let Some(placed) = placer.place(pod) {
            let left = truth.get(placed.agent).and_then(|agent| agent.without(pod, placed.gpus));
            truth[placed.agent] = left.ok_or(Impossible { arrival, pod: *pod, placed })?;
            held += pod.all_gpu_milli();
        } else {
            outcome.dropped += 1;
            outcome.dropped_that_fit += usize::from(truth.iter().any(|agent| agent.fits(pod)));
        }
        for (point, percent) in POINTS.into_iter().enumerate() {
            if wanted - pod.all_gpu_milli() < threshold(cluster, percent) {
                outcome.held_gpu_milli[point] = held;
            }
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openb::testing::{agent, pod};

    #[test]
    fn arrivals_reach_130_percent_and_stop() {
        let few = [pod(1, 1, 1, 500), pod(1, 1, 0, 0)];
        let list = arrivals(&few, 10_000, 42);
        let sum: u64 = list.iter().map(Pod::all_gpu_milli).sum();
        assert_eq!(sum, 13_000);
        assert_eq!(list, arrivals(&few, 10_000, 42));
        assert_ne!(list, arrivals(&few, 10_000, 43));
        let many = vec![pod(1, 1, 1, 1000); 50];
        assert_eq!(arrivals(&many, 10_000, 42).len(), 13);
        assert_eq!(arrivals(&[pod(1, 1, 0, 0)], 10_000, 42).len(), 1, "no GPU is ever wanted");
    }

    /// Puts every pod on GPU 0 of agent 0.
    struct Stubborn;
    impl Placer for Stubborn {
        fn place(&mut self, _: &Pod) -> Option<Placed> {
            Some(Placed { agent: 0, gpus: Gpus::one(0) })
        }
    }

    /// Drops every pod.
    struct Idle;
    impl Placer for Idle {
        fn place(&mut self, _: &Pod) -> Option<Placed> {
            None
        }
    }

    #[test]
    fn an_impossible_placement_is_found() {
        let pods = [pod(1, 1, 1, 600); 2];
        let error = replay(&[agent(4, 4, 1)], &pods, &mut Stubborn).expect_err("the GPU holds one");
        assert_eq!((error.arrival, error.placed.agent), (1, 0));
    }

    #[test]
    fn drops_are_counted() {
        let pods = [pod(1, 1, 1, 1000), pod(9, 9, 1, 1000)];
        let outcome = replay(&[agent(4, 4, 1)], &pods, &mut Idle).expect("nothing is placed");
        assert_eq!((outcome.arrived, outcome.dropped, outcome.dropped_that_fit), (2, 2, 1));
    }

    #[test]
    fn the_share_is_read_at_both_points() {
        struct First(usize);
        impl Placer for First {
            fn place(&mut self, _: &Pod) -> Option<Placed> {
                self.0 += 1;
                Some(Placed { agent: self.0 - 1, gpus: Gpus::one(0) })
            }
        }
        let agents = [agent(1, 1, 1); 10];
        // 100 % of 10 GPUs are reached by the tenth pod of one GPU.
        let pods = [pod(1, 1, 1, 1000); 10];
        let outcome = replay(&agents, &pods, &mut First(0)).expect("one each");
        assert_eq!(outcome.held_gpu_milli, [10_000, 10_000]);
    }
}
