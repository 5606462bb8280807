//! The allocator by example: a small cluster, told as an operator would tell it.

mod agents;
mod answers;
mod deadline;
mod determinism;
mod filters;
mod hoarding;
mod minimum;
mod offering;
mod outside;
mod play;
mod property;
mod property_starving;
mod selecting;
mod sharing;
mod suppressing;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::allocator::{Accepted, Allocator, Event, InvalidOffers, Operation, RoleSpec, Rules, Subscription};
use crate::attributes::Attributes;
use crate::testing::Machine;
use crate::tests::machines::with_extras;
use crate::{AgentId, Capacity, FrameworkId, OfferId, Outcome, Owner, Request, RoleId, Shape, Table};

pub(crate) const GIB: u64 = 1 << 30;

/// A cluster whose frameworks answer when a test says so.
pub(crate) struct Cluster {
    pub(crate) allocator: Allocator,
    pub(crate) now_ms: u64,
    /// Offers that are out, as their frameworks know them.
    pub(crate) out: BTreeMap<OfferId, (FrameworkId, RoleId, AgentId)>,
    next_owner: u64,
    /// What was launched, and whose it is.
    pub(crate) launched: Vec<(crate::ClaimId, Owner)>,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::with_rules(Rules::default())
    }

    pub(crate) fn with_rules(rules: Rules) -> Self {
        Self::with_room(rules, 256)
    }

    /// A cluster with room for so many agents.
    pub(crate) fn with_room(rules: Rules, agents: u32) -> Self {
        let shape = Machine { cores: 64, ..Machine::default() }.shape();
        let table = Table::new(Capacity { roles: 256, shapes: 16, ..Capacity::for_agents(agents, &shape) }).unwrap();
        let allocator = Allocator::new(Arc::new(table), rules).unwrap();
        Self { allocator, now_ms: 1_000, out: BTreeMap::new(), next_owner: 1, launched: Vec::new() }
    }

    /// An agent with so many cores of one PU, and memory.
    pub(crate) fn agent(&mut self, cores: usize, mem_gib: u64) -> AgentId {
        self.agent_with(cores, mem_gib, Attributes::default())
    }

    pub(crate) fn agent_with(&mut self, cores: usize, mem_gib: u64, attributes: Attributes) -> AgentId {
        self.allocator.add_agent(Self::shape(cores, mem_gib), attributes).unwrap()
    }

    /// The shape of such an agent.
    pub(crate) fn shape(cores: usize, mem_gib: u64) -> Shape {
        Machine { cores, mem_bytes: mem_gib * GIB, ..Machine::default() }.shape()
    }

    /// An agent with ports, devices, two NUMA nodes and more.
    pub(crate) fn agent_with_extras(&mut self) -> AgentId {
        self.allocator.add_agent(Shape::new(&with_extras()).unwrap(), Attributes::default()).unwrap()
    }

    /// So many such agents.
    pub(crate) fn agents(&mut self, count: usize, cores: usize, mem_gib: u64) -> Vec<AgentId> {
        (0..count).map(|_| self.agent(cores, mem_gib)).collect()
    }

    pub(crate) fn role(&mut self) -> RoleId {
        self.allocator.add_role(RoleSpec::default()).unwrap()
    }

    pub(crate) fn role_below(&mut self, parent: RoleId) -> RoleId {
        self.allocator.add_role(RoleSpec { parent: Some(parent), ..RoleSpec::default() }).unwrap()
    }

    pub(crate) fn framework(&mut self, id: u32, role: RoleId) -> FrameworkId {
        self.subscribe(id, role, Subscription::default())
    }

    pub(crate) fn subscribe(&mut self, id: u32, role: RoleId, subscription: Subscription) -> FrameworkId {
        let framework = FrameworkId::new(id);
        self.allocator.subscribe(framework, role, subscription).unwrap();
        framework
    }

    /// A cycle. The offers it made, in their order: to whom, and of which agent.
    pub(crate) fn cycle(&mut self) -> Vec<(FrameworkId, AgentId)> {
        let mut made = Vec::new();
        let out = &mut self.out;
        let count = self.allocator.offer(self.now_ms, |offer| {
            made.push((offer.framework, offer.agent.id()));
            out.insert(offer.id, (offer.framework, offer.role, offer.agent.id()));
        });
        assert_eq!(count, made.len());
        self.forget_ended();
        self.check();
        made
    }

    /// Lets time pass, in one step, and then a cycle.
    pub(crate) fn after(&mut self, ms: u64) -> Vec<(FrameworkId, AgentId)> {
        self.now_ms += ms;
        self.cycle()
    }

    fn forget_ended(&mut self) {
        let allocator = &self.allocator;
        self.out.retain(|offer, _| allocator.offer_view(*offer).is_some());
        assert_eq!(self.out.len(), allocator.offers_out());
    }

    /// What there is to be told.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.allocator.take_events()
    }

    /// The offers that are out to a framework, oldest first.
    pub(crate) fn offers_to(&self, framework: FrameworkId) -> Vec<OfferId> {
        self.out.iter().filter(|(_, (of, ..))| *of == framework).map(|(offer, _)| *offer).collect()
    }

    pub(crate) fn agents_of(&self, framework: FrameworkId) -> Vec<AgentId> {
        let mut agents: Vec<AgentId> =
            self.out.values().filter(|(of, ..)| *of == framework).map(|(.., agent)| *agent).collect();
        agents.sort_unstable();
        agents
    }

    pub(crate) fn decline(&mut self, offer: OfferId, refuse_ms: u64) {
        let (framework, ..) = self.out.remove(&offer).expect("it is out");
        assert_eq!(self.allocator.decline(framework, &[offer], Some(refuse_ms), self.now_ms), 0);
    }

    pub(crate) fn decline_all(&mut self, refuse_ms: u64) {
        for offer in self.out.keys().copied().collect::<Vec<_>>() {
            self.decline(offer, refuse_ms);
        }
    }

    /// Accepts an offer with these launches, and filters the rest.
    pub(crate) fn accept(&mut self, offer: OfferId, requests: &[Request], refuse_ms: u64) -> Vec<Outcome> {
        self.accept_all(&[offer], requests, refuse_ms).expect("the offer is valid").outcomes
    }

    pub(crate) fn accept_all(
        &mut self,
        offers: &[OfferId],
        requests: &[Request],
        refuse_ms: u64,
    ) -> Result<Accepted, InvalidOffers> {
        let framework =
            offers.first().and_then(|offer| self.out.get(offer)).map_or(FrameworkId::new(0), |(of, ..)| *of);
        let launches: Vec<Operation> = requests
            .iter()
            .map(|request| {
                self.next_owner += 1;
                Operation::Launch { owner: Owner::new(self.next_owner), request: request.clone() }
            })
            .collect();
        let accepted = self.allocator.accept(framework, offers, &launches, Some(refuse_ms), self.now_ms)?;
        for (Operation::Launch { owner, .. }, outcome) in launches.iter().zip(&accepted.outcomes) {
            if let Outcome::Granted(grant) = outcome {
                self.launched.push((grant.claim, *owner));
            }
        }
        self.forget_ended();
        self.check();
        Ok(accepted)
    }

    /// Ends what was launched last.
    pub(crate) fn end_last(&mut self) {
        self.end(self.launched.len() - 1);
    }

    /// Ends what was launched as the `at`th of what is not ended.
    pub(crate) fn end(&mut self, at: usize) {
        let (claim, owner) = self.launched.remove(at);
        assert!(matches!(self.allocator.release(claim, owner), crate::Released::Released { .. }));
    }

    /// Everything adds up: the table's words and records, and what the order says of everybody.
    pub(crate) fn check(&self) {
        self.allocator.validate().unwrap();
    }
}
