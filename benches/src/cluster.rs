//! The cluster that the core's benches run on: agents of 2 packages × 4 NUMA nodes × 2 L3 domains × 8 cores × 2 PUs, 32 GiB a NUMA
//! node, filled to some degree with pods of which a fifth are of odd sizes.

use meros_alloc_core::{
    AgentId, Capacity, ClaimId, CoreSpec, Holder, Level, Limit, Local, Locality, NumaNodeId, NumaNodeSpec, Outcome,
    Owner, Request, RoleId, Shape, ShapeError, ShapeSpec, Table, TableError,
};

use crate::random::Random;

/// Leaves of an agent.
pub const LEAVES: usize = 16;
const CORES_PER_LEAF: usize = 8;
const PUS_PER_AGENT: u64 = (LEAVES * CORES_PER_LEAF * 2) as u64;

/// One agent.
///
/// # Errors
/// Never in fact.
pub fn shape() -> Result<Shape, ShapeError> {
    let core = |at: usize| {
        let leaf = u32::try_from(at / CORES_PER_LEAF).unwrap_or(0);
        let numa_node = u16::try_from(leaf / 2).unwrap_or(0);
        CoreSpec {
            pus: 2,
            l3: Some(leaf),
            numa_node: Some(NumaNodeId::new(numa_node)),
            package: Some(leaf / 8),
            kind: 0,
        }
    };
    Shape::new(&ShapeSpec {
        cores: (0..LEAVES * CORES_PER_LEAF).map(core).collect(),
        numa_nodes: vec![NumaNodeSpec::ordinary(32 << 30); LEAVES / 2],
        ..ShapeSpec::default()
    })
}

/// A pod of so many cores in one L3 domain, with 2 GiB for each.
#[must_use]
pub fn pod(cores: u32) -> Request {
    Request::exclusive(cores * 2, u64::from(cores) << 31).with_locality(Locality::Required(Level::L3))
}

/// A filled table, and all its claims, in random order.
#[derive(Debug)]
pub struct Cluster {
    /// The table.
    pub table: Table,
    /// What is charged.
    pub role: RoleId,
    /// The claims on it.
    pub claims: Vec<(ClaimId, Owner)>,
}

/// How a cluster is made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Agents.
    pub agents: u32,
    /// PUs in use, of a hundred.
    pub fill: u64,
    /// Shards.
    pub shards: u8,
    /// All of the fill in the first shard's agents, as far as they take it.
    pub uneven: bool,
}

impl Cluster {
    /// Makes and fills one.
    ///
    /// # Errors
    /// What the table refuses.
    pub fn new(plan: Plan) -> Result<Self, TableError> {
        let shape = shape().unwrap_or_else(|error| unreachable!("the shape is right: {error}"));
        let capacity =
            Capacity { shards: plan.shards, claims: plan.agents * 96, ..Capacity::for_agents(plan.agents, &shape) };
        let table = Table::new(capacity)?;
        let role = table.add_role(Limit::default())?;
        let agents: Result<Vec<AgentId>, TableError> =
            (0..plan.agents).map(|_| table.add_agent(shape.clone())).collect();
        let mut agents = agents?;
        agents.sort_unstable();
        let mut cluster = Self { table, role, claims: Vec::new() };
        cluster.fill(&agents, plan);
        Ok(cluster)
    }

    /// The agent with the most free PUs.
    #[must_use]
    pub fn emptiest(&self) -> AgentId {
        let free = |agent: &AgentId| self.table.usage(*agent).map_or(0, |usage| usage.pus_free);
        self.table.agents().max_by_key(free).unwrap_or(AgentId::new(0))
    }

    fn fill(&mut self, agents: &[AgentId], plan: Plan) {
        let mut rng = Random::new(7);
        let mut left = agents.len() as u64 * PUS_PER_AGENT * plan.fill / 100;
        let Ok(local) = Local::new(&self.table, 0) else { return };
        let full = if plan.uneven { agents.len() / usize::from(plan.shards) } else { 0 };
        let mut at = 0;
        while left > 0 {
            let cores = if rng.below(5) == 0 { [1, 2, 3, 5, 8][rng.below(5)] } else { 4 };
            // Uneven: the first shard's agents are filled one after the other before any other.
            let agent = if at < full { agents[at] } else { agents[rng.below(agents.len())] };
            let owner = Owner::new(self.claims.len() as u64);
            match local.claim(agent, Holder { owner, role: self.role }, &pod(cores)) {
                Outcome::Granted(grant) => {
                    self.claims.push((grant.claim, owner));
                    left = left.saturating_sub(u64::from(cores) * 2);
                }
                _ => at += usize::from(cores == 4),
            }
        }
        rng.shuffle(&mut self.claims);
    }
}
