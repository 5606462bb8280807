//! Verbs: the calls that change claims as a whole, on the table and on a thread's handle.

use core::borrow::Borrow;

use crate::claim::Holder;
use crate::gang::{self, Ganged, Lot};
use crate::ids::{AgentId, ClaimId, Owner};
use crate::local::{Caller, Local};
use crate::merge;
use crate::outcome::{Contended, Grant, Merged, Outcome};
use crate::request::{Policy, Request};
use crate::resize;
use crate::table::Table;

impl Table {
    /// Makes one claim of two of the same agent, owner and role: `into` has all of it, `from` is gone. Nobody can take anything of
    /// it meanwhile. Two offers are accepted together so, and a member joins a pod that runs: claimed for, then merged.
    ///
    /// Members of `from` come after those of `into`. Memory that is only held comes to be on the terms of the memory in use, if
    /// those who are on its NUMA node admit that. Two holds, of one member each and without memory in use, become one hold.
    ///
    /// ```
    /// # use meros_alloc_core::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    /// # let spec = ShapeSpec { cores: vec![core; 8], numa_nodes: vec![NumaNodeSpec::ordinary(8 << 30)], ..ShapeSpec::default() };
    /// # let shape = Shape::new(&spec)?;
    /// # let table = Table::new(Capacity::for_agents(1, &shape))?;
    /// # let role = table.add_role(Limit::default())?;
    /// # let agent = table.add_agent(shape)?;
    /// let owner = Owner::new(1);
    /// let hold = |exclusive_pus| {
    ///     let limit = HoldLimit { exclusive_pus, pool_milli: 0, mem_bytes: 1 << 30, extras: false };
    ///     table.hold(agent, Holder { owner, role }, limit).granted().expect("it is free")
    /// };
    /// // Two offers of one agent, accepted together.
    /// let (first, second) = (hold(4), hold(8));
    /// let merged = table.merge(first.claim, second.claim, owner);
    /// assert_eq!(merged, Merged::Merged { charged: Quantities { cpu_milli: 12_000, mem_bytes: 2 << 30 } });
    /// assert!(matches!(table.split(first.claim, owner, &Request::exclusive(10, 2 << 30)), Outcome::Granted(_)));
    /// assert_eq!(table.merge(first.claim, second.claim, owner), Merged::Gone { claim: second.claim });
    /// # Ok(())
    /// # }
    /// ```
    pub fn merge(&self, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
        self.with_guest(|guest| guest.merge(into, from, owner)).unwrap_or(Merged::Contended)
    }

    /// Makes a claim hold what the request says, keeping what it can. The grant names the same claim, and what its role is charged
    /// for it now. A refused resize leaves the claim exactly as it was.
    ///
    /// It grows beside what it has: in the same L3 domains, then the same NUMA nodes, then elsewhere; nothing is moved. It shrinks by
    /// what was added last: the *baseline*, what the claim was granted or restored with, is kept as long as the new size allows.
    /// Memory stays on its NUMA nodes. The request names each of the claim's members.
    ///
    /// ```
    /// # use meros_alloc_core::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    /// # let spec = ShapeSpec { cores: vec![core; 8], numa_nodes: vec![NumaNodeSpec::ordinary(8 << 30)], ..ShapeSpec::default() };
    /// # let shape = Shape::new(&spec)?;
    /// # let table = Table::new(Capacity::for_agents(1, &shape))?;
    /// # let role = table.add_role(Limit::default())?;
    /// # let agent = table.add_agent(shape)?;
    /// let (owner, size) = (Owner::new(1), |pus| Request::exclusive(pus, 1 << 30));
    /// let pod = table.claim(agent, Holder { owner, role }, &size(4)).granted().ok_or("no room")?;
    /// let baseline = table.placement(pod.claim);
    /// let Outcome::Granted(larger) = table.resize(pod.claim, owner, &size(10)) else { panic!("it is free") };
    /// assert_eq!((larger.claim, larger.charged.cpu_milli), (pod.claim, 10_000));
    /// assert!(matches!(table.resize(pod.claim, owner, &size(4)), Outcome::Granted(_)));
    /// assert_eq!(table.placement(pod.claim), baseline);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resize(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        let resized = self.with_guest(|guest| guest.resize(claim, owner, request));
        resized.unwrap_or(Outcome::Contended(Contended { pools_changed: false }))
    }

    /// Claims on several agents, all or nothing. `grants` is emptied first and then has what each got, in agent order, of one agent
    /// in the order asked; after a no it names the claims that were made on the way and are gone again.
    ///
    /// Agents are visited lowest first, whatever the order of `wanted`, so that two gangs do not hold what the other one needs.
    /// Nothing is allocated if `grants` has room.
    ///
    /// ```
    /// # use meros_alloc_core::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    /// # let spec = ShapeSpec { cores: vec![core; 8], numa_nodes: vec![NumaNodeSpec::ordinary(8 << 30)], ..ShapeSpec::default() };
    /// # let shape = Shape::new(&spec)?;
    /// # let table = Table::new(Capacity::for_agents(2, &shape))?;
    /// # let role = table.add_role(Limit::default())?;
    /// let [one, other] = [table.add_agent(shape.clone())?, table.add_agent(shape)?];
    /// let holder = Holder { owner: Owner::new(1), role };
    /// let mut grants = Vec::with_capacity(2);
    /// let half = |agent| (agent, Request::exclusive(8, 1 << 30));
    /// assert!(matches!(table.claim_gang(holder, &[half(one), half(other)], &mut grants), Ganged::Granted { .. }));
    /// // The first agent would have room, the second has not: neither is claimed.
    /// let wanted = [half(one), (other, Request::exclusive(10, 0))];
    /// let Ganged::Refused { why: NoGang::Agent(no), .. } = table.claim_gang(holder, &wanted, &mut grants) else {
    ///     panic!("it does not fit")
    /// };
    /// assert_eq!(no.to_string(), "wants 10 exclusive PUs; agent a1 has 8 free");
    /// assert_eq!(table.role_used(role).map(|used| used.cpu_milli), Some(16_000));
    /// # Ok(())
    /// # }
    /// ```
    pub fn claim_gang(&self, holder: Holder, wanted: &[(AgentId, Request)], grants: &mut Vec<Grant>) -> Ganged {
        let ganged = self.with_guest(|guest| gang::claim_gang(guest, holder, wanted, grants));
        ganged.unwrap_or(CONTENDED)
    }

    /// Finds agents for `count` claims of one kind, at most so many on each, and claims there, all or nothing. `grants` as for
    /// [`Table::claim_gang`].
    ///
    /// Agents are visited in order. [`Policy::Pack`] puts as many on each as it may and can; [`Policy::Spread`] as many on each as
    /// on the others, as far as that goes.
    ///
    /// ```
    /// # use meros_alloc_core::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    /// # let spec = ShapeSpec { cores: vec![core; 8], numa_nodes: vec![NumaNodeSpec::ordinary(8 << 30)], ..ShapeSpec::default() };
    /// # let shape = Shape::new(&spec)?;
    /// # let table = Table::new(Capacity::for_agents(3, &shape))?;
    /// # let role = table.add_role(Limit::default())?;
    /// # for _ in 0..3 { table.add_agent(shape.clone())?; }
    /// let holder = Holder { owner: Owner::new(1), role };
    /// let (request, mut grants) = (Request::exclusive(4, 1 << 30), Vec::new());
    /// let ganged = table.place_gang(holder, &request, 6, Policy::Spread, 4, &mut grants);
    /// assert!(matches!(ganged, Ganged::Granted { .. }));
    /// let on = |agent| grants.iter().filter(|grant| grant.claim.agent() == agent).count();
    /// assert!(table.agents().all(|agent| on(agent) == 2));
    /// # Ok(())
    /// # }
    /// ```
    pub fn place_gang(
        &self,
        holder: Holder,
        request: &Request,
        count: u32,
        policy: Policy,
        most_per_agent: u32,
        grants: &mut Vec<Grant>,
    ) -> Ganged {
        let lot = Lot { count, policy, most_per_agent };
        let ganged = self.with_guest(|guest| gang::place_gang(guest, holder, request, lot, grants));
        ganged.unwrap_or(CONTENDED)
    }
}

/// What is answered when all desks are taken.
const CONTENDED: Ganged = Ganged::Contended { pools_changed: false };

impl<T: Borrow<Table>> Local<T> {
    /// As [`Table::merge`].
    pub fn merge(&self, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
        self.caller().merge(into, from, owner)
    }

    /// As [`Table::resize`].
    pub fn resize(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        self.caller().resize(claim, owner, request)
    }

    /// As [`Table::claim_gang`].
    pub fn claim_gang(&self, holder: Holder, wanted: &[(AgentId, Request)], grants: &mut Vec<Grant>) -> Ganged {
        gang::claim_gang(&self.caller(), holder, wanted, grants)
    }

    /// As [`Table::place_gang`].
    pub fn place_gang(
        &self,
        holder: Holder,
        request: &Request,
        count: u32,
        policy: Policy,
        most_per_agent: u32,
        grants: &mut Vec<Grant>,
    ) -> Ganged {
        gang::place_gang(&self.caller(), holder, request, Lot { count, policy, most_per_agent }, grants)
    }
}

impl Caller<'_> {
    fn merge(&self, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
        let merged = self.at(into.agent(), |hands, _| merge::merge(hands, into, from, owner));
        merged.unwrap_or(Merged::Gone { claim: into })
    }

    pub(crate) fn resize(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        let resized = self.at(claim.agent(), |hands, at| resize::resize(hands, at, claim, owner, request));
        resized.unwrap_or_else(|| Outcome::gone(claim.agent()))
    }
}
