//! An index that answers a policy's smallest key without a scan: keys as they were when last looked at, the winner looked at again.
//!
//! For each shape there is a tournament tree over the agents by the key last computed. To place: take the winner, compute its key
//! as of now; when it is still that, place, else put it right and take the next winner. This is the lazy greedy of Minoux
//! ("Accelerated greedy algorithms", 1978). It is exact where keys only grow; here an agent's key may also fall, when
//! another pod made it the tighter place, and that is noticed only when it is looked at. Nothing else is given up: a pod is refused
//! only when no agent can hold it, since in this protocol nothing departs and what did not fit never will. When the policy makes
//! its keys anew, the trees are built anew, each at its shape's next arrival.

use std::collections::HashMap;

use super::machine::{Agent, Gpus, Pod};
use super::replay::{Placed, Placer};
use super::scan::Policy;

/// The key of an agent that the shape does not fit.
const NEVER: i64 = i64::MAX;

/// The smallest of a row of keys, kept under changes of one; the first of equals.
#[derive(Clone, Debug)]
struct Tournament {
    /// Leaves in a power of two, padded with [`NEVER`]: `best[1]` is the winner's key, below `best[i]` are `2i` and `2i + 1`.
    best: Vec<i64>,
    leaves: usize,
}

impl Tournament {
    fn new(keys: impl ExactSizeIterator<Item = i64>) -> Self {
        let leaves = keys.len().next_power_of_two();
        let mut best = vec![NEVER; 2 * leaves];
        for (leaf, key) in best[leaves..].iter_mut().zip(keys) {
            *leaf = key;
        }
        for inner in (1..leaves).rev() {
            best[inner] = best[2 * inner].min(best[2 * inner + 1]);
        }
        Self { best, leaves }
    }

    /// The winner and its key. `None`: nobody fits.
    fn winner(&self) -> Option<(usize, i64)> {
        let key = self.best[1];
        let mut at = 1;
        while at < self.leaves {
            at = 2 * at + usize::from(self.best[2 * at] != key);
        }
        (key != NEVER).then_some((at - self.leaves, key))
    }

    fn set(&mut self, leaf: usize, key: i64) {
        let mut at = self.leaves + leaf;
        self.best[at] = key;
        while at > 1 {
            at /= 2;
            let best = self.best[2 * at].min(self.best[2 * at + 1]);
            if self.best[at] == best {
                break;
            }
            self.best[at] = best;
        }
    }
}

/// A placer that looks at winners only.
pub struct Lazy<P> {
    policy: P,
    agents: Vec<Agent>,
    shapes: HashMap<Pod, Tournament>,
    looks: u64,
}

impl<P: Policy> Lazy<P> {
    /// A placer over free agents.
    #[must_use]
    pub fn new(policy: P, agents: &[Agent]) -> Self {
        Self { policy, agents: agents.to_vec(), shapes: HashMap::new(), looks: 0 }
    }

    /// How many keys were computed, without the first of each shape.
    #[must_use]
    pub const fn looks(&self) -> u64 {
        self.looks
    }

    fn best(&mut self, pod: &Pod) -> Option<Placed> {
        let Self { policy, agents, shapes, looks } = self;
        let mut look = |agent: &Agent| if agent.fits(pod) { policy.key(agent, pod) } else { (NEVER, Gpus::default()) };
        let keys = shapes.entry(*pod).or_insert_with(|| Tournament::new(agents.iter().map(|agent| look(agent).0)));
        loop {
            let (agent, then) = keys.winner()?;
            let (now, gpus) = look(&agents[agent]);
            *looks += 1;
            if now == then {
                return Some(Placed { agent, gpus });
            }
            keys.set(agent, now);
        }
    }
}

impl<P: Policy> Placer for Lazy<P> {
    fn place(&mut self, pod: &Pod) -> Option<Placed> {
        if self.policy.arrives(pod, &self.agents) {
            self.shapes.clear();
        }
        let placed = self.best(pod)?;
        self.agents[placed.agent] = self.agents[placed.agent].without(pod, placed.gpus)?;
        Some(placed)
    }
}

impl<P: std::fmt::Debug> std::fmt::Debug for Lazy<P> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Lazy").field("policy", &self.policy).field("looks", &self.looks).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openb::published::{BestFit, FirstFit};
    use crate::openb::replay::{arrivals, replay};
    use crate::openb::scan::Scan;
    use crate::openb::testing::{agent, pod};

    #[test]
    fn the_first_of_the_smallest_wins() {
        let mut keys = Tournament::new([5, 3, 3].into_iter());
        assert_eq!(keys.winner(), Some((1, 3)));
        keys.set(1, 9);
        assert_eq!(keys.winner(), Some((2, 3)));
        keys.set(2, NEVER);
        assert_eq!(keys.winner(), Some((0, 5)));
        keys.set(0, NEVER);
        keys.set(1, NEVER);
        assert_eq!(keys.winner(), None);
        assert_eq!(Tournament::new([7].into_iter()).winner(), Some((0, 7)));
        assert_eq!(Tournament::new(std::iter::empty()).winner(), None);
    }

    #[test]
    fn with_keys_that_never_fall_it_decides_as_the_scan() {
        let agents = [agent(8, 80, 2), agent(4, 80, 1), agent(16, 80, 4)];
        let pods = [pod(1, 1, 1, 400), pod(2, 1, 1, 1000), pod(1, 1, 0, 0)];
        let pods = arrivals(&pods, 7000, 42);
        let scanned = replay(&agents, &pods, &mut Scan::new(FirstFit, &agents)).expect("possible");
        assert_eq!(replay(&agents, &pods, &mut Lazy::new(FirstFit, &agents)), Ok(scanned));
    }

    #[test]
    fn nothing_that_fits_is_refused() {
        let agents = [agent(8, 80, 2), agent(4, 80, 1), agent(16, 80, 4)];
        let pods = arrivals(&[pod(1, 1, 1, 400), pod(2, 1, 2, 1000), pod(3, 1, 0, 0)], 7000, 43);
        let mut lazy = Lazy::new(BestFit, &agents);
        let outcome = replay(&agents, &pods, &mut lazy).expect("possible");
        assert!(outcome.dropped > 0 && outcome.dropped_that_fit == 0, "{outcome:?}");
        assert!(lazy.looks() >= (outcome.arrived - outcome.dropped) as u64);
    }
}
