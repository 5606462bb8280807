//! A cluster and its model, which do the same and are compared after each step.

use std::collections::BTreeSet;

use super::Step;
use super::model::{self, Filter, Model, Sub, Two};
use crate::allocator::demand::Pledge;
use crate::allocator::tests::{Cluster, GIB};
use crate::allocator::{Claimant, Event, Operation, RoleSpec, Rules, Subscription};
use crate::quantity::PAGE_BYTES;
use crate::{AgentId, AgentState, Attributes, Constraint, FrameworkId, OfferId, Owner, Released, Request, RoleId};

pub(crate) struct World {
    cluster: Cluster,
    model: Model,
    roles: Vec<RoleId>,
    owner: u64,
}

fn nth<T: Copy>(of: &[T], by: u64) -> Option<T> {
    of.get(usize::try_from(by).unwrap().checked_rem(of.len())?).copied()
}

impl World {
    pub(crate) fn new() -> Self {
        let rules = Rules { offer_timeout_ms: Some(20_000), ..Rules::default() };
        let mut world =
            Self { cluster: Cluster::with_rules(rules), model: Model::default(), roles: Vec::new(), owner: 1 };
        for parent in [None, None, Some(0), Some(0), Some(2)] {
            world.add_role(parent);
        }
        world
    }

    fn add_role(&mut self, parent: Option<usize>) {
        let parent = parent.map(|at| self.roles[at]);
        let role = self.cluster.allocator.add_role(RoleSpec { parent, ..RoleSpec::default() }).unwrap();
        self.roles.push(role);
        self.model.roles.insert(role, model::Role { parent, weight_milli: 1000 });
    }

    pub(crate) fn step(&mut self, (what, one, other): Step) {
        let sub = nth(&self.model.subs.keys().copied().collect::<Vec<_>>(), one);
        let agent = nth(&self.model.agents.keys().copied().collect::<Vec<_>>(), one);
        let offer = nth(&self.model.offers.keys().copied().collect::<Vec<_>>(), one);
        match (what, sub, agent, offer) {
            (0..3, ..) if self.model.agents.len() < 8 => self.add_agent(one),
            (3, _, Some(agent), _) => self.remove_agent(agent),
            (4 | 5, _, Some(agent), _) => self.set_state(agent, other % 4 == 0),
            (6, _, Some(agent), _) => self.set_attributes(agent),
            (7..10, ..) => self.subscribe(one, other),
            (10, Some(sub), ..) => self.unsubscribe(sub),
            (11, Some(sub), ..) => self.set_active(sub.0, other % 2 == 0),
            (12, Some(sub), ..) => self.suppress(sub),
            (13 | 14, Some(sub), ..) => self.revive(sub),
            (15, ..) => self.set_weight(one, other),
            (16..20, .., Some(offer)) => self.decline(offer, other),
            (20..24, .., Some(offer)) => self.accept(offer, other),
            (24, _, Some(agent), _) => self.claim(agent, one, other),
            (25 | 26, ..) => self.release(one),
            (27, ..) => self.cluster.now_ms += 2_000,
            (28, ..) => {
                let deadline_ms = self.cluster.allocator.next_deadline_ms();
                self.cluster.now_ms = deadline_ms.unwrap_or(0).max(self.cluster.now_ms);
            }
            _ => self.cluster.now_ms += other % 700,
        }
        self.model.see_growth();
        // Several changes are to be seen at once.
        if one % 3 != 0 {
            self.cycle();
        }
    }

    fn add_agent(&mut self, by: u64) {
        let (cores, gib) = (by % 7 + 1, by / 7 % 9 + 1);
        let agent = self.cluster.agent(usize::try_from(cores).unwrap(), gib);
        let total = Two(u128::from(cores) * 1000, u128::from(gib * GIB / PAGE_BYTES));
        self.model.agents.insert(agent, model::Agent { total, open: true });
    }

    fn remove_agent(&mut self, agent: AgentId) {
        self.cluster.allocator.remove_agent(agent).unwrap();
        let model = &mut self.model;
        model.end_offers(|offer| offer.agent == agent);
        model.claims.retain(|_, claim| claim.agent != agent);
        model.filters.retain(|filter| filter.agent != agent);
        let gone = model.agents.remove(&agent).unwrap();
        if gone.total.0 % 2000 == 0 {
            // It is back at once, as it was.
            let (cores, gib) = (gone.total.0 / 1000, gone.total.1 * u128::from(PAGE_BYTES) / u128::from(GIB));
            let shape = Cluster::shape(usize::try_from(cores).unwrap(), u64::try_from(gib).unwrap());
            self.cluster.allocator.return_agent(agent, shape, Attributes::default()).unwrap();
            self.model.agents.insert(agent, model::Agent { total: gone.total, open: true });
        }
    }

    fn set_state(&mut self, agent: AgentId, away: bool) {
        let state = if away { AgentState::Inactive } else { AgentState::Active };
        self.cluster.allocator.set_agent_state(agent, state).unwrap();
        if away {
            self.model.end_offers(|offer| offer.agent == agent);
        }
        self.model.agents.get_mut(&agent).unwrap().open = !away;
    }

    fn set_attributes(&mut self, agent: AgentId) {
        self.cluster.allocator.set_attributes(agent, Attributes::default()).unwrap();
        self.model.filters.retain(|filter| filter.agent != agent);
    }

    fn subscribe(&mut self, one: u64, other: u64) {
        let (framework, role) = (FrameworkId::new(u32::try_from(one % 5).unwrap()), self.roles[(other % 5) as usize]);
        if self.model.subs.contains_key(&(framework, role)) {
            return;
        }
        // Some want every other agent only.
        let only: BTreeSet<AgentId> = (0..16).filter(|at| at % 2 == 0).map(AgentId::new).collect();
        let only = (other / 5 % 4 == 0).then_some(only);
        let constraint = only.iter().map(|only| Constraint::AgentIn(only.iter().copied().collect()));
        let agents = only.is_some().then(|| self.cluster.allocator.table().select(constraint).unwrap());
        self.cluster.subscribe(framework.get(), role, Subscription { agents, ..Subscription::default() });
        self.model.active.entry(framework).or_insert(true);
        self.model.subs.insert((framework, role), model::Subscriber { only, ..model::Subscriber::default() });
    }

    fn unsubscribe(&mut self, sub: Sub) {
        self.cluster.allocator.unsubscribe(sub.0, sub.1).unwrap();
        let model = &mut self.model;
        model.end_offers(|offer| offer.sub == sub);
        model.pledges.retain(|_, to| *to != sub);
        model.filters.retain(|filter| filter.sub != sub);
        let of_it = |claim: &&mut model::Claim| (claim.framework, claim.role) == (Some(sub.0), sub.1);
        model.claims.values_mut().filter(of_it).for_each(|claim| claim.framework = None);
        model.subs.remove(&sub);
    }

    fn set_active(&mut self, framework: FrameworkId, active: bool) {
        let allocator = &mut self.cluster.allocator;
        if active {
            allocator.activate(framework).unwrap()
        } else {
            allocator.deactivate(framework).unwrap()
        }
        self.model.active.insert(framework, active);
        if !active {
            self.model.end_offers(|offer| offer.sub.0 == framework);
            self.model.filters.retain(|filter| filter.sub.0 != framework);
        }
    }

    fn suppress(&mut self, sub: Sub) {
        self.cluster.allocator.suppress(sub.0, sub.1).unwrap();
        self.model.subs.get_mut(&sub).unwrap().suppressed = true;
    }

    fn revive(&mut self, sub: Sub) {
        self.cluster.allocator.revive(sub.0, sub.1).unwrap();
        self.model.subs.get_mut(&sub).unwrap().suppressed = false;
        self.model.filters.retain(|filter| filter.sub != sub);
        self.model.forgive(sub);
    }

    fn set_weight(&mut self, one: u64, other: u64) {
        let (role, milli) = (self.roles[(one % 5) as usize], u32::try_from(other % 5_000).unwrap() + 1);
        self.cluster.allocator.set_weight(role, milli).unwrap();
        self.model.roles.get_mut(&role).unwrap().weight_milli = milli.into();
    }

    /// What is refused of an agent, for so long.
    fn filter(&mut self, sub: Sub, agent: AgentId, refused: Two, refuse_ms: u64) {
        if refuse_ms > 0 {
            let end_ms = self.cluster.now_ms + refuse_ms;
            let until_ms = (end_ms, end_ms + 100 + refuse_ms / 32);
            self.model.filters.push(Filter { sub, agent, refused, until_ms, sure: true });
        }
    }

    fn decline(&mut self, id: OfferId, by: u64) {
        let refuse_ms = [0, 1, 300, 5_000, 60_000][(by % 5) as usize];
        let (framework, now_ms) = (self.model.offers[&id].sub.0, self.cluster.now_ms);
        assert_eq!(self.cluster.allocator.decline(framework, &[id], Some(refuse_ms), now_ms), 0);
        let offer = self.model.remove_offer(id);
        self.filter(offer.sub, offer.agent, offer.has, refuse_ms);
        self.model.forgive(offer.sub);
    }

    /// Accepts an offer, alone or with all others of its agent, and launches none, one or two things.
    fn accept(&mut self, id: OfferId, by: u64) {
        let first = self.model.offers[&id].clone();
        let is_beside = |(of, offer): &(&OfferId, &model::Offer)| {
            **of != id && (offer.sub, offer.agent) == (first.sub, first.agent)
        };
        let others = self.model.offers.iter().filter(is_beside).map(|(of, _)| *of);
        let ids: Vec<OfferId> = core::iter::once(id).chain(others.filter(|_| by % 2 == 0)).collect();
        let refuse_ms = [0, 2_000, 5_000][(by / 2 % 3) as usize];
        let sizes: Vec<(u64, u64)> = (0..by / 6 % 3).map(|at| ((by / 18 + at) % 4 + 1, (by / 72 + at) % 4)).collect();
        let asked = sizes.iter().map(|(pus, gib)| Two(u128::from(pus * 1000), u128::from(gib * GIB / PAGE_BYTES)));
        let launches: Vec<Operation> = sizes.iter().map(|(pus, gib)| self.launch(*pus, *gib)).collect();
        let (framework, role) = first.sub;
        let now_ms = self.cluster.now_ms;
        let accepted = self.cluster.allocator.accept(framework, &ids, &launches, Some(refuse_ms), now_ms).unwrap();
        let mut left = Two::default();
        for id in ids {
            left = left.plus(self.model.remove_offer(id).has);
        }
        for ((Operation::Launch { owner, .. }, asked), outcome) in launches.iter().zip(asked).zip(accepted.outcomes) {
            assert_eq!(outcome.granted().is_some(), left.covers(asked), "what fits is launched, and nothing else");
            let Some(grant) = outcome.granted() else { continue };
            let has = Two::of(grant.charged);
            left = left.minus(has);
            let claim = model::Claim { framework: Some(framework), role, agent: first.agent, has };
            self.model.claims.insert(grant.claim, claim);
            self.cluster.launched.push((grant.claim, *owner));
        }
        self.filter(first.sub, first.agent, left, refuse_ms);
        self.model.forgive(first.sub);
    }

    fn launch(&mut self, pus: u64, gib: u64) -> Operation {
        self.owner += 1;
        let request = Request::exclusive(u32::try_from(pus).unwrap(), gib * GIB);
        Operation::Launch { owner: Owner::new(self.owner), request }
    }

    fn claim(&mut self, agent: AgentId, one: u64, other: u64) {
        let role = self.roles[(one / 8 % 5) as usize];
        self.owner += 1;
        let owner = Owner::new(self.owner);
        let request = Request::exclusive(u32::try_from(other % 3).unwrap() + 1, other / 3 % 3 * GIB);
        let claimant = Claimant { owner, role, framework: None };
        if let Some(grant) = self.cluster.allocator.claim(agent, claimant, &request).unwrap().granted() {
            let claim = model::Claim { framework: None, role, agent, has: Two::of(grant.charged) };
            self.model.claims.insert(grant.claim, claim);
            self.cluster.launched.push((grant.claim, owner));
        }
    }

    fn release(&mut self, by: u64) {
        let Some((claim, owner)) = nth(&self.cluster.launched, by) else { return };
        self.cluster.launched.retain(|(of, _)| *of != claim);
        let released = self.cluster.allocator.release(claim, owner);
        let known = self.model.claims.remove(&claim).is_some();
        assert_eq!(matches!(released, Released::Released { .. }), known, "{released:?}");
    }

    fn cycle(&mut self) {
        let now_ms = self.cluster.now_ms;
        self.cluster.allocator.tick(now_ms);
        self.model.end_graces(now_ms, self.cluster.allocator.rules().min_hold_ms);
        self.hear(now_ms);
        self.see_pledges();
        // What graces gave back is there before anything is offered.
        self.model.see_growth();
        let model = &mut self.model;
        self.cluster.allocator.offer(now_ms, |offer| {
            let (sub, agent, has) = ((offer.framework, offer.role), offer.agent.id(), Two::of(offer.quantities));
            check_offer(model, sub, agent, has, now_ms);
            let made = model::Offer { sub, agent, has, since_ms: now_ms, over_ms: None };
            assert!(model.offers.insert(offer.id, made).is_none(), "an id of its own");
        });
        self.hear(now_ms);
        self.model.see_growth();
        self.cluster.allocator.validate().unwrap();
        self.check_all(now_ms);
    }

    fn hear(&mut self, now_ms: u64) {
        for event in self.cluster.events() {
            match event {
                Event::Rescinded { offer, .. } => {
                    let over_ms = now_ms + self.cluster.allocator.rules().rescind_grace_ms;
                    self.model.offers.get_mut(&offer).expect("it was out").over_ms = Some(over_ms);
                }
                Event::Withdrawn { offer, .. } => assert!(!self.model.offers.contains_key(&offer)),
                event => panic!("nobody asked for {event:?}"),
            }
        }
    }

    /// Who is promised what: the model decides nothing of that, and counts it.
    fn see_pledges(&mut self) {
        self.model.pledges.clear();
        let allocator = &self.cluster.allocator;
        for (offer, pledge) in allocator.demand.pledged() {
            let Pledge::Subscription(to, _) = pledge else { continue };
            let to = allocator.subscriptions.get(*to).expect("who was promised something");
            self.model.pledges.insert(*offer, (to.framework, to.role));
        }
    }

    fn check_all(&self, now_ms: u64) {
        let (allocator, model) = (&self.cluster.allocator, &self.model);
        assert_eq!(allocator.offers_out(), model.offers.len());
        assert_eq!(allocator.claims_counted(), model.claims.len());
        for (id, offer) in &model.offers {
            let view = allocator.offer_view(*id).expect("the model has it");
            assert_eq!(Two::of(view.quantities), offer.has, "an offer does not change");
        }
        for (agent, of) in model.agents.iter().filter(|(_, of)| of.open) {
            let (free, at) = (model.free(*agent), agent.get());
            assert!(of.total.covers(free));
            if free.0 < 10 || allocator.agents.entry(at).is_gathering {
                continue;
            }
            for &sub in model.subs.keys().filter(|sub| model.is_open(**sub, now_ms)) {
                let withheld = model.selects(sub, *agent) && !model.may_filter(sub, *agent, free, now_ms);
                assert!(!withheld, "{free:?} of {agent} is there, {sub:?} wants it");
            }
        }
        self.check_deadline(now_ms);
    }

    fn check_deadline(&self, now_ms: u64) {
        let (allocator, model) = (&self.cluster.allocator, &self.model);
        let deadline_ms = allocator.next_deadline_ms().unwrap_or(u64::MAX);
        assert!(deadline_ms > now_ms, "{deadline_ms} is over at {now_ms}");
        let timeout_ms = allocator.rules().offer_timeout_ms.unwrap();
        let by = |due: &mut dyn Iterator<Item = u64>, what: &str| {
            let due_ms = due.min().unwrap_or(u64::MAX);
            assert!(deadline_ms <= due_ms, "at {now_ms} {what} ends at {due_ms}, and {deadline_ms} is told");
        };
        by(&mut model.offers.values().map(|offer| offer.over_ms.unwrap_or(offer.since_ms + timeout_ms)), "an offer");
        let closed = model.subs.values().map(|sub| sub.closed_until_ms);
        by(&mut closed.filter(|until_ms| *until_ms > now_ms), "a wait");
        let filters = model.filters.iter().filter(|filter| filter.sure && now_ms < filter.until_ms.0);
        by(&mut filters.map(|filter| filter.until_ms.1), "a filter");
        let windows = model.agents.keys().map(|agent| allocator.agents.entry(agent.get()));
        by(&mut windows.filter(|entry| entry.is_gathering).map(|entry| entry.window_until_ms), "a window");
    }

    pub(crate) fn leave_all(&mut self) {
        for sub in self.model.subs.keys().copied().collect::<Vec<_>>() {
            self.unsubscribe(sub);
        }
        while !self.cluster.launched.is_empty() {
            self.release(0);
        }
        self.cluster.now_ms += 1_000;
        self.cycle();
        assert!(self.model.agents.iter().all(|(agent, of)| self.model.free(*agent) == of.total));
        assert_eq!(self.cluster.allocator.table().claims().count(), 0);
    }
}

/// An offer is of what is free, not of what is filtered, and to the neediest of those who may have it.
fn check_offer(model: &Model, sub: Sub, agent: AgentId, has: Two, now_ms: u64) {
    assert!(model.is_open(sub, now_ms) && model.selects(sub, agent) && model.agents[&agent].open);
    assert_eq!(model.free(agent), has, "all that is free is offered");
    assert!(!model.must_filter(sub, agent, has, now_ms), "{sub:?} refused {has:?} of {agent}");
    let wants = |other: Sub| {
        model.is_open(other, now_ms) && model.selects(other, agent) && !model.may_filter_any(other, agent, now_ms)
    };
    for &other in model.subs.keys().filter(|other| **other != sub && wants(**other)) {
        assert!(!model.is_surely_needier(other, sub), "{other:?} is needier than {sub:?}");
    }
}
