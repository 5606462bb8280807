//! Agents of `cpus:24;mem:4096;disk:4096;ports:[31000-32000]`, of each `cpus:16;mem:2014;disk:1024` and 16 ranges of ports in use.

use std::sync::Arc;

use meros_alloc_core::{
    AgentId, Allocator, AllocatorError, Attributes, Capacity, ClaimId, Claimant, CoreSpec, FrameworkId, NameId,
    NumaNodeId, NumaNodeSpec, Outcome, Owner, Pick, RangesSpec, Request, RoleId, RoleSpec, Rules, Shape, ShapeSpec,
    Span, Subscription, Table,
};

/// The name of the ports.
pub const PORTS: NameId = NameId::new(0);
/// Whose every claim is.
const OWNER: Owner = Owner::new(1);
const MIB: u64 = 1 << 20;

/// An agent with so many cores, without SMT.
///
/// # Panics
/// Never in fact.
#[must_use]
pub fn shape(cores: usize) -> Shape {
    let core = CoreSpec { pus: 1, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    let spec = ShapeSpec {
        cores: vec![core; cores],
        numa_nodes: vec![NumaNodeSpec::ordinary(4096 * MIB)],
        disk_bytes: 4096 * MIB,
        ranges: vec![RangesSpec { name: PORTS, spans: vec![Span { first: 31_000, last: 32_000 }] }],
        ..ShapeSpec::default()
    };
    Shape::new(&spec).unwrap_or_else(|error| unreachable!("the shape is right: {error}"))
}

/// How a cluster is made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Agents.
    pub agents: u32,
    /// Frameworks. One is in role `i % roles`, and agent `i` has a claim of framework `i % frameworks`.
    pub frameworks: u32,
    /// Roles, all below the root.
    pub roles: u32,
}

/// An allocator of a filled cluster.
#[derive(Debug)]
pub struct Sharing {
    /// The allocator.
    pub allocator: Allocator,
    /// Its roles.
    pub roles: Vec<RoleId>,
    /// How it was made.
    pub plan: Plan,
}

impl Sharing {
    /// Offers last until they are answered; all else as the rules are by default.
    ///
    /// # Errors
    /// What the allocator says, for people.
    pub fn new(plan: Plan) -> Result<Self, String> {
        let mut sharing = Self::empty(plan, &shape(24))?;
        (0..plan.agents).try_for_each(|agent| sharing.claim(agent, &in_use()).map(|_| ()))?;
        Ok(sharing)
    }

    /// The same with nothing in use, of agents of this shape.
    ///
    /// # Errors
    /// What the allocator says, for people.
    pub fn empty(plan: Plan, shape: &Shape) -> Result<Self, String> {
        let roles = u16::try_from(plan.roles + 1).map_err(|error| error.to_string())?;
        let capacity = Capacity { roles, ..Capacity::for_agents(plan.agents, shape) };
        let table = Table::new(capacity).map_err(|error| error.to_string())?;
        let rules = Rules { offer_timeout_ms: None, ..Rules::default() };
        let mut allocator = Allocator::new(Arc::new(table), rules).map_err(|error| error.to_string())?;
        let added = (0..plan.roles).map(|_| allocator.add_role(RoleSpec::default()));
        let roles = added.collect::<Result<Vec<RoleId>, AllocatorError>>().map_err(|error| error.to_string())?;
        let mut sharing = Self { allocator, roles, plan };
        sharing.populate(shape).map_err(|error| error.to_string())?;
        Ok(sharing)
    }

    fn populate(&mut self, shape: &Shape) -> Result<(), AllocatorError> {
        for _ in 0..self.plan.agents {
            self.allocator.add_agent(shape.clone(), Attributes::default())?;
        }
        for at in 0..self.plan.frameworks {
            let role = self.role_of(at);
            self.allocator.subscribe(FrameworkId::new(at), role, Subscription::default())?;
        }
        Ok(())
    }

    /// The role of a framework.
    #[must_use]
    pub fn role_of(&self, framework: u32) -> RoleId {
        self.roles[(framework % self.plan.roles) as usize]
    }

    /// Claims something for the framework that has claims on this agent.
    ///
    /// # Errors
    /// What was refused, for people.
    pub fn claim(&mut self, agent: u32, request: &Request) -> Result<ClaimId, String> {
        let framework = agent % self.plan.frameworks;
        let claimant =
            Claimant { owner: OWNER, role: self.role_of(framework), framework: Some(FrameworkId::new(framework)) };
        match self.allocator.claim(AgentId::new(agent), claimant, request) {
            Ok(Outcome::Granted(grant)) => Ok(grant.claim),
            other => Err(format!("agent {agent}: {other:?}")),
        }
    }

    /// Ends a claim.
    ///
    /// # Errors
    /// What was refused, for people.
    pub fn release(&mut self, claim: ClaimId) -> Result<(), String> {
        match self.allocator.release(claim, OWNER) {
            meros_alloc_core::Released::Released { .. } => Ok(()),
            other => Err(format!("{claim}: {other:?}")),
        }
    }
}

/// What is in use of every agent.
fn in_use() -> Request {
    let ports = (0..16).map(|at| Span { first: 31_000 + at * 50, last: 31_020 + at * 50 }).collect();
    Request::exclusive(16, 2014 * MIB).with_disk(1024 * MIB).with_range(PORTS, Pick::Exact(ports))
}
