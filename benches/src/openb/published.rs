//! The reference policies: first-fit, and best-fit and FGD as the paper's simulator has them.
//!
//! The simulator truncates its scores to integers of 0 to 100, the largest wins; here a key is minus that score.

use std::collections::{BTreeMap, HashMap};

use super::machine::{Agent, Gpus, MAX_GPUS, Pod};
use super::scan::{Key, Policy};

/// The first agent by name that fits.
#[derive(Clone, Copy, Debug)]
pub struct FirstFit;

impl Policy for FirstFit {
    fn key(&mut self, agent: &Agent, pod: &Pod) -> Key {
        (0, agent.tightest(pod))
    }
}

/// Best-fit as published: the least left over, CPU as a share of 128 PUs and GPU as a share of 8, both of the same weight.
#[derive(Clone, Copy, Debug)]
pub struct BestFit;

impl Policy for BestFit {
    fn key(&mut self, agent: &Agent, pod: &Pod) -> Key {
        let cpu = i64::from(agent.cpu_milli) - i64::from(pod.cpu_milli);
        let gpu = agent.free_gpu_milli().cast_signed() - pod.all_gpu_milli().cast_signed();
        // 100 * (1 - cpu / 128,000 / 2 - gpu / 8,000 / 2), rounded down.
        let score = (25_600_000 - 100 * cpu - 1600 * gpu).div_euclid(256_000);
        (-score, agent.tightest(pod))
    }
}

/// Fragmentation Gradient Descent as published: the least growth of the GPU share that typical pods cannot use.
///
/// It knows the mix beforehand: the most frequent shapes of the variant, until they are 95 % of its pods.
#[derive(Clone, Debug)]
pub struct Fgd {
    typical: Vec<(Pod, u64)>,
    all: u64,
    /// Sum over typical pods of count times thousandths of a GPU that it cannot use.
    unusable: HashMap<Agent, i64>,
}

impl Fgd {
    /// With the mix of a variant.
    #[must_use]
    pub fn new(pods: &[Pod]) -> Self {
        let mut counts: BTreeMap<Pod, u64> = BTreeMap::new();
        for pod in pods {
            // The simulator's typical pods have no memory.
            *counts.entry(Pod { mem_mib: 0, ..*pod }).or_default() += 1;
        }
        let mut typical: Vec<(Pod, u64)> = counts.into_iter().collect();
        typical.sort_by_key(|&(pod, count)| std::cmp::Reverse((count, pod)));
        let mut all = 0;
        let enough = typical.iter().position(|&(_, count)| {
            all += count;
            all * 100 >= pods.len() as u64 * 95
        });
        typical.truncate(enough.map_or(0, |last| last + 1));
        Self { typical, all, unusable: HashMap::new() }
    }

    fn unusable(&mut self, agent: &Agent) -> i64 {
        let Self { typical, unusable, .. } = self;
        *unusable
            .entry(*agent)
            .or_insert_with(|| typical.iter().map(|(pod, count)| (unusable_by(agent, pod) * count).cast_signed()).sum())
    }

    fn score(&mut self, before: i64, after: &Agent) -> i64 {
        let change = before - self.unusable(after);
        score(change, self.all)
    }
}

/// Thousandths of a GPU on the agent that the pod cannot use: all when it does not fit or wants none, else those of GPUs with
/// less free than it wants of one.
fn unusable_by(agent: &Agent, pod: &Pod) -> u64 {
    if pod.gpus == 0 || agent.cpu_milli < pod.cpu_milli || !agent.gpus_fit(pod) {
        return agent.free_gpu_milli();
    }
    agent.gpu_milli.iter().filter(|&&free| free < pod.gpu_milli).map(|&free| u64::from(free)).sum()
}

/// The logistic function of the change in GPUs, in hundredths, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the published score is made of floats"
)]
fn score(change: i64, all: u64) -> i64 {
    let gpus = change as f64 / all as f64 / 1000.0;
    (100.0 / (1.0 + (-gpus).exp())) as i64
}

impl Policy for Fgd {
    fn key(&mut self, agent: &Agent, pod: &Pod) -> Key {
        let before = self.unusable(agent);
        if !pod.shares_gpu() {
            let gpus = agent.tightest(pod);
            let score = agent.without(pod, gpus).map_or(0, |after| self.score(before, &after));
            return (-score, gpus);
        }
        let mut best = (i64::MAX, Gpus::default());
        for gpu in (0..MAX_GPUS).filter(|&gpu| agent.gpu_milli[gpu] >= pod.gpu_milli) {
            let gpus = Gpus::one(gpu);
            let score = agent.without(pod, gpus).map_or(0, |after| self.score(before, &after));
            if -score < best.0 {
                best = (-score, gpus);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openb::replay::Placer;
    use crate::openb::scan::Scan;
    use crate::openb::testing::{agent, pod};

    fn chosen<P: Policy>(policy: P, agents: &[Agent], pod: &Pod) -> Option<usize> {
        Scan::new(policy, agents).place(pod).map(|placed| placed.agent)
    }

    #[test]
    fn first_fit_takes_the_first() {
        let agents = [agent(1, 1, 1), agent(9, 9, 8), agent(4, 4, 1)];
        assert_eq!(chosen(FirstFit, &agents, &pod(2, 2, 1, 1000)), Some(1));
        assert_eq!(chosen(FirstFit, &agents, &pod(10, 2, 1, 1000)), None);
    }

    #[test]
    fn best_fit_leaves_the_least() {
        let agents = [agent(64, 99, 8), agent(16, 99, 2), agent(8, 99, 2)];
        assert_eq!(chosen(BestFit, &agents, &pod(8, 1, 1, 1000)), Some(2));
        assert_eq!(chosen(BestFit, &agents, &pod(12, 1, 1, 1000)), Some(1));
        // 100 * (1 - 8/128/2 - 1/8/2) = 90.6, down to 90.
        assert_eq!(BestFit.key(&agents[1], &pod(8, 1, 1, 1000)).0, -90);
    }

    #[test]
    fn fgd_fills_what_others_cannot_use() {
        let mix = [pod(8, 1, 1, 1000), pod(8, 1, 1, 1000), pod(1, 1, 1, 400)];
        let mut split = agent(64, 99, 2);
        split.gpu_milli[1] = 400;
        // The part of a GPU that is left only suits the small one.
        assert_eq!(chosen(Fgd::new(&mix), &[agent(64, 99, 2), split], &mix[2]), Some(1));
        // A GPU without enough CPU for whole-GPU pods is the better place too.
        assert_eq!(chosen(Fgd::new(&mix), &[agent(64, 99, 1), agent(4, 99, 1)], &mix[2]), Some(1));
    }

    #[test]
    fn what_is_unusable() {
        let mut agent = agent(4, 99, 2);
        agent.gpu_milli[0] = 300;
        assert_eq!(unusable_by(&agent, &pod(1, 1, 1, 1000)), 300);
        assert_eq!(unusable_by(&agent, &pod(1, 1, 1, 200)), 0);
        assert_eq!(unusable_by(&agent, &pod(5, 1, 1, 200)), 1300, "CPU");
        assert_eq!(unusable_by(&agent, &pod(1, 1, 2, 1000)), 1300, "GPUs");
        assert_eq!(unusable_by(&agent, &pod(1, 1, 0, 0)), 1300, "no use for a GPU");
    }

    #[test]
    fn typical_pods_are_the_most_frequent() {
        let mut pods = vec![pod(1, 1, 1, 1000); 96];
        pods.extend(vec![pod(2, 1, 1, 1000); 4]);
        let fgd = Fgd::new(&pods);
        assert_eq!((fgd.typical.len(), fgd.all), (1, 96));
        assert_eq!(score(0, fgd.all), 50);
        assert_eq!(score(1000 * 96, fgd.all), 73);
        assert_eq!(score(-1, fgd.all), 49);
    }
}
