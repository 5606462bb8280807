//! The core itself as a placer: servers in a [`Table`], rules as its groups.
//!
//! The rack is an attribute. An affinity group is a group by rack that is kept [near](CoreRule::Near); an anti-affinity group, one by
//! agent of at most one member; a fault domain, one by rack that is kept [apart](CoreRule::Apart) from the other domains of its group. A
//! request over two NUMA nodes gets the fewest that serve it, as everything in the core does, not half of each.

use std::collections::{BTreeMap, BTreeSet};

use meros_alloc_core::{
    AttributeValue, Attributes, Capacity, ClaimId, CoreSpec, GroupId, GroupKey, GroupSpec, Holder, Level, Limit, Local,
    Locality, MemoryLocality, NameId, NumaNodeId, NumaNodeSpec, Owner, Placed as CorePlaced, Policy,
    Request as CoreRequest, RoleId, Rule as CoreRule, Selection, Shape, ShapeSpec, Table,
};

use super::place::{Placed, Placer};
use super::trace::{Amounts, NUMA_NODES, Request, Rule, Server};

const RACK: NameId = NameId::new(0);
const OWNER: Owner = Owner::new(1);

/// Why the servers and rules are not to be had in the core.
pub type Failure = Box<dyn std::error::Error>;

/// The servers in a table.
#[derive(Debug)]
pub struct Cluster {
    table: Table,
    role: RoleId,
    /// The first PU of each server's second NUMA node.
    second: Vec<u16>,
}

fn shape(free: &Amounts) -> Result<Shape, Failure> {
    let core = |numa_node| CoreSpec { pus: 1, l3: None, numa_node: Some(numa_node), package: None, kind: 0 };
    let mut spec = ShapeSpec::default();
    for (at, amount) in (0..).zip(free) {
        spec.cores.extend(std::iter::repeat_n(core(NumaNodeId::new(at)), usize::try_from(amount.pus)?));
        spec.numa_nodes.push(NumaNodeSpec::ordinary(u64::from(amount.mem_gib) << 30));
    }
    Ok(Shape::new(&spec)?)
}

impl Cluster {
    /// Empty servers, in their order.
    ///
    /// # Errors
    /// A server that is no machine.
    pub fn new(servers: &[Server]) -> Result<Self, Failure> {
        let shapes = servers.iter().map(|server| shape(&server.free)).collect::<Result<Vec<_>, _>>()?;
        let lines = shapes.iter().map(Shape::lines).sum();
        let agents = u32::try_from(servers.len())?;
        let capacity = Capacity { shards: 1, agents, lines, claims: 1 << 16, roles: 1, threads: 2, shapes: 1024 };
        let table = Table::new(capacity)?;
        for (shape, server) in shapes.into_iter().zip(servers) {
            let rack = AttributeValue::text(&server.rack.to_string());
            table.add_agent_with(shape, Attributes::new([(RACK, rack)])?)?;
        }
        let role = table.add_role(Limit::default())?;
        let second = servers.iter().map(|server| u16::try_from(server.free[0].pus)).collect::<Result<_, _>>()?;
        Ok(Self { table, role, second })
    }

    /// A placer by a policy, for requests of these rules.
    ///
    /// # Errors
    /// More groups than the table has room for.
    pub fn placer(&self, policy: Policy, requests: &[Request]) -> Result<Core<'_>, Failure> {
        let rules: BTreeSet<Rule> = requests.iter().map(|request| request.rule).collect();
        let mut groups = BTreeMap::new();
        for rule in &rules {
            let key = match rule {
                Rule::Free => continue,
                Rule::AntiAffinity(_) => GroupKey::Agent,
                Rule::Affinity(_) | Rule::FaultDomain { .. } => GroupKey::Attribute(RACK),
            };
            groups.insert(*rule, self.table.add_group(GroupSpec { key })?);
        }
        let selections = groups.keys().map(|rule| Ok((*rule, self.selection(*rule, &groups)?)));
        let holder = Holder { owner: OWNER, role: self.role };
        Ok(Core {
            cluster: self,
            local: Local::new(&self.table, 0)?,
            holder,
            policy,
            selections: selections.collect::<Result<_, Failure>>()?,
        })
    }

    fn selection(&self, rule: Rule, groups: &BTreeMap<Rule, GroupId>) -> Result<Selection, Failure> {
        let own = groups[&rule];
        let selection = self.table.select([])?.joining(own);
        Ok(match rule {
            Rule::Free => selection,
            Rule::Affinity(_) => selection.with_rule(CoreRule::Near { group: own, or_first: true }),
            Rule::AntiAffinity(_) => selection.with_rule(CoreRule::AtMost { group: own, members: 1 }),
            Rule::FaultDomain { group, domain } => {
                let other = |rule: &Rule| match *rule {
                    Rule::FaultDomain { group: of, domain: other } => of == group && other != domain,
                    Rule::Free | Rule::Affinity(_) | Rule::AntiAffinity(_) => false,
                };
                let others = groups.iter().filter(|(rule, _)| other(rule)).map(|(_, group)| *group);
                others.fold(selection, |selection, group| selection.with_rule(CoreRule::Apart { group }))
            }
        })
    }

    fn placed(&self, claim: ClaimId) -> Option<Placed> {
        let placement = self.table.placement(claim)?;
        let server = usize::try_from(claim.agent().get()).ok()?;
        let mut takes = Amounts::default();
        for pu in &placement.pus {
            takes[usize::from(pu.get() >= self.second[server])].pus += 1;
        }
        for memory in &placement.memory {
            takes[usize::from(memory.numa_node.get())].mem_gib += u32::try_from(memory.mem_bytes >> 30).ok()?;
        }
        Some(Placed { server, takes })
    }
}

/// A placer on a [`Cluster`].
pub struct Core<'a> {
    cluster: &'a Cluster,
    local: Local<&'a Table>,
    holder: Holder,
    policy: Policy,
    selections: BTreeMap<Rule, Selection>,
}

impl std::fmt::Debug for Core<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What a request asks of the core.
fn asked(request: &Request) -> CoreRequest {
    let asked = CoreRequest::exclusive(request.wants.pus, u64::from(request.wants.mem_gib) << 30);
    let asked = asked.with_memory(MemoryLocality::Required);
    if request.numa_nodes == NUMA_NODES { asked } else { asked.with_locality(Locality::Required(Level::NumaNode)) }
}

impl Core<'_> {
    /// Places a request; `None` when that is refused for good.
    pub fn grant(&mut self, request: &Request) -> Option<ClaimId> {
        let asked = asked(request);
        let placed = match self.selections.get_mut(&request.rule) {
            Some(selection) => self.local.place_where(self.holder, &asked, self.policy, selection),
            None => self.local.place(self.holder, &asked, self.policy),
        };
        match placed {
            CorePlaced::Granted(grant) => Some(grant.claim),
            CorePlaced::Refused(_) | CorePlaced::Contended { .. } => None,
        }
    }
}

impl Placer for Core<'_> {
    fn place(&mut self, request: &Request) -> Option<Placed> {
        let claim = self.grant(request)?;
        self.cluster.placed(claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numa_trace::check::{Halves, check};
    use crate::numa_trace::place::run;
    use crate::numa_trace::trace::{Amount, in_racks};

    fn request(pus: u32, numa_nodes: usize, rule: Rule) -> Request {
        Request { wants: Amount { pus, mem_gib: pus }, numa_nodes, rule }
    }

    /// Servers of two NUMA nodes of four PUs, two to a rack; where each request went.
    fn went(policy: Policy, requests: &[Request]) -> Vec<Option<usize>> {
        let servers = in_racks(&[[Amount { pus: 4, mem_gib: 8 }; 2]; 6], 2);
        let cluster = Cluster::new(&servers).unwrap();
        let placed = run(requests, &mut cluster.placer(policy, requests).unwrap());
        check(&servers, requests, &placed, Halves::NotAsked).unwrap();
        placed.iter().map(|placed| placed.map(|placed| placed.server)).collect()
    }

    #[test]
    fn rules_are_kept_and_what_they_forbid_is_refused() {
        for policy in [Policy::Pack, Policy::Spread, Policy::FragmentationAware] {
            let together = went(policy, &[request(4, 1, Rule::Affinity(1)); 5]);
            assert_eq!(together.iter().flatten().count(), 4, "a rack has four NUMA nodes");
            let apart = went(policy, &[request(1, 1, Rule::AntiAffinity(1)); 7]);
            assert_eq!(apart.iter().flatten().collect::<BTreeSet<_>>().len(), 6, "a server each");
            let domains = [0, 1, 2, 3].map(|domain| request(1, 1, Rule::FaultDomain { group: 1, domain }));
            assert_eq!(went(policy, &domains).iter().flatten().count(), 3, "a rack each");
            assert_eq!(went(policy, &[request(5, 1, Rule::Free), request(6, 2, Rule::Free)])[0], None);
        }
    }
}
