//! Policies that give every agent a key and take the smallest, by a full scan.
//!
//! A key depends on nothing but the agent's free state, the pod's shape and what the policy knows, so it is kept for every
//! (shape, agent) and computed again only for agents that changed. That does not change a decision; it is what an index over
//! such keys would do, with the scan for the smallest in its place.

use std::collections::HashMap;

use super::machine::{Agent, Gpus, Pod};
use super::replay::{Placed, Placer};

/// A key and the GPUs it is for. The smallest key wins; of equal ones the first agent.
pub type Key = (i64, Gpus);

/// A policy.
pub trait Policy {
    /// The key of an agent that [fits](Agent::fits) the pod.
    fn key(&mut self, agent: &Agent, pod: &Pod) -> Key;
}

/// Keys of one shape.
struct Keys {
    /// The key of each agent; `None` where the shape does not fit.
    of: Vec<Option<Key>>,
    /// How many changes they have seen.
    seen: usize,
}

/// A placer that scans.
pub struct Scan<P> {
    policy: P,
    agents: Vec<Agent>,
    /// Agents in the order in which they changed.
    changes: Vec<usize>,
    shapes: HashMap<Pod, Keys>,
}

impl<P: Policy> Scan<P> {
    /// A placer over free agents.
    #[must_use]
    pub fn new(policy: P, agents: &[Agent]) -> Self {
        Self { policy, agents: agents.to_vec(), changes: Vec::new(), shapes: HashMap::new() }
    }

    /// The agent with the smallest key.
    fn best(&mut self, pod: &Pod) -> Option<Placed> {
        let Self { policy, agents, changes, shapes } = self;
        let mut key = |agent: &Agent| agent.fits(pod).then(|| policy.key(agent, pod));
        let keys = shapes
            .entry(*pod)
            .or_insert_with(|| Keys { of: agents.iter().map(&mut key).collect(), seen: changes.len() });
        for &agent in &changes[keys.seen..] {
            keys.of[agent] = key(&agents[agent]);
        }
        keys.seen = changes.len();
        let fitting = keys.of.iter().enumerate().filter_map(|(agent, key)| key.map(|(key, gpus)| (key, agent, gpus)));
        let (_, agent, gpus) = fitting.min_by_key(|&(key, agent, _)| (key, agent))?;
        Some(Placed { agent, gpus })
    }
}

impl<P: Policy> Placer for Scan<P> {
    fn place(&mut self, pod: &Pod) -> Option<Placed> {
        let placed = self.best(pod)?;
        self.agents[placed.agent] = self.agents[placed.agent].without(pod, placed.gpus)?;
        self.changes.push(placed.agent);
        Some(placed)
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for Scan<P> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Scan")
            .field("policy", &self.policy)
            .field("agents", &self.agents.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openb::testing::{agent, pod};

    /// Prefers the agent with the least CPU left.
    #[derive(Debug)]
    struct LeastCpu;
    impl Policy for LeastCpu {
        fn key(&mut self, agent: &Agent, pod: &Pod) -> Key {
            (i64::from(agent.cpu_milli), agent.tightest(pod))
        }
    }

    #[test]
    fn keys_follow_changes_and_ties_go_to_the_first() {
        let mut scan = Scan::new(LeastCpu, &[agent(4, 9, 1), agent(3, 9, 1), agent(3, 9, 1)]);
        let (one, two) = (pod(1, 1, 0, 0), pod(2, 1, 0, 0));
        let mut place = |pod: &Pod| scan.place(pod).map(|placed| placed.agent);
        assert_eq!(place(&one), Some(1), "3, 3: the first");
        assert_eq!(place(&two), Some(1), "2 of them left there");
        assert_eq!(place(&one), Some(2));
        assert_eq!(place(&two), Some(2));
        assert_eq!(place(&two), Some(0));
        assert_eq!(place(&two), Some(0));
        assert_eq!(place(&one), None);
    }
}
