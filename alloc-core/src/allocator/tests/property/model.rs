//! A slow and exact mind beside the allocator: who holds what, who filters what, who is neediest.
//!
//! What it cannot know for sure it leaves open: a filter is *sure* as long as its agent never had more free than was refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::quantity::PAGE_BYTES;
use crate::{AgentId, ClaimId, FrameworkId, OfferId, Quantities, RoleId};

pub(crate) type Sub = (FrameworkId, RoleId);

/// CPU and memory, in whole numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Two(pub(crate) u128, pub(crate) u128);

impl Two {
    pub(crate) fn of(quantities: Quantities) -> Self {
        Self(quantities.cpu_milli.into(), (quantities.mem_bytes / PAGE_BYTES).into())
    }

    pub(crate) fn plus(self, more: Self) -> Self {
        Self(self.0 + more.0, self.1 + more.1)
    }

    pub(crate) fn minus(self, less: Self) -> Self {
        Self(self.0.checked_sub(less.0).expect("no less than nothing"), self.1.checked_sub(less.1).expect("nor here"))
    }

    pub(crate) fn covers(self, other: Self) -> bool {
        self.0 >= other.0 && self.1 >= other.1
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) parent: Option<RoleId>,
    pub(crate) weight_milli: u128,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriber {
    pub(crate) suppressed: bool,
    pub(crate) only: Option<BTreeSet<AgentId>>,
    pub(crate) lapses: u32,
    pub(crate) closed_until_ms: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) total: Two,
    pub(crate) open: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The framework, unless it is the role's own.
    pub(crate) framework: Option<FrameworkId>,
    pub(crate) role: RoleId,
    pub(crate) agent: AgentId,
    pub(crate) has: Two,
}

#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) sub: Sub,
    pub(crate) agent: AgentId,
    pub(crate) has: Two,
    pub(crate) since_ms: u64,
    pub(crate) over_ms: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) sub: Sub,
    pub(crate) agent: AgentId,
    pub(crate) refused: Two,
    /// Not before the first, and not after the second.
    pub(crate) until_ms: (u64, u64),
    pub(crate) sure: bool,
}

/// A node on the way from the root to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Role(RoleId),
    /// What a role has beside its child roles.
    Own(RoleId),
    Leaf(Sub),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) roles: BTreeMap<RoleId, Role>,
    pub(crate) active: BTreeMap<FrameworkId, bool>,
    pub(crate) subs: BTreeMap<Sub, Subscriber>,
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    pub(crate) claims: BTreeMap<ClaimId, Claim>,
    pub(crate) offers: BTreeMap<OfferId, Offer>,
    pub(crate) filters: Vec<Filter>,
    /// Offers that count for somebody else than their holder.
    pub(crate) pledges: BTreeMap<OfferId, Sub>,
}

impl Model {
    pub(crate) fn free(&self, agent: AgentId) -> Two {
        let claims = self.claims.values().filter(|claim| claim.agent == agent).map(|claim| claim.has);
        let offers = self.offers.values().filter(|offer| offer.agent == agent).map(|offer| offer.has);
        let taken = claims.chain(offers).fold(Two::default(), Two::plus);
        self.agents[&agent].total.minus(taken)
    }

    pub(crate) fn is_open(&self, sub: Sub, now_ms: u64) -> bool {
        let of = &self.subs[&sub];
        self.active[&sub.0] && !of.suppressed && of.closed_until_ms <= now_ms
    }

    pub(crate) fn selects(&self, sub: Sub, agent: AgentId) -> bool {
        self.subs[&sub].only.as_ref().is_none_or(|only| only.contains(&agent))
    }

    fn filters_of(&self, sub: Sub, agent: AgentId) -> impl Iterator<Item = &Filter> {
        self.filters.iter().filter(move |filter| (filter.sub, filter.agent) == (sub, agent))
    }

    /// Whether a filter that is there for sure covers so much.
    pub(crate) fn must_filter(&self, sub: Sub, agent: AgentId, has: Two, now_ms: u64) -> bool {
        self.filters_of(sub, agent)
            .any(|filter| filter.sure && now_ms < filter.until_ms.0 && filter.refused.covers(has))
    }

    /// Whether there may be a filter that covers so much.
    pub(crate) fn may_filter(&self, sub: Sub, agent: AgentId, has: Two, now_ms: u64) -> bool {
        self.filters_of(sub, agent).any(|filter| now_ms < filter.until_ms.1 && filter.refused.covers(has))
    }

    /// Whether there may be any filter, and so nothing is offered until the agent has more.
    pub(crate) fn may_filter_any(&self, sub: Sub, agent: AgentId, now_ms: u64) -> bool {
        self.filters_of(sub, agent).any(|filter| now_ms < filter.until_ms.1)
    }

    /// After each step: filters that do not cover what their agent has are not sure any more.
    pub(crate) fn see_growth(&mut self) {
        let free: BTreeMap<AgentId, Two> = self.agents.keys().map(|agent| (*agent, self.free(*agent))).collect();
        self.filters.iter_mut().for_each(|filter| {
            filter.sure &= filter.refused.covers(free[&filter.agent]);
        });
    }

    fn used(&self, node: Node) -> Two {
        let is_below = |role: RoleId, framework: Option<FrameworkId>| match node {
            Node::Role(above) => self.is_below(role, above),
            Node::Own(of) => role == of,
            Node::Leaf(sub) => (framework, role) == (Some(sub.0), sub.1),
        };
        let claims = self.claims.values().filter(|claim| is_below(claim.role, claim.framework)).map(|claim| claim.has);
        let counts = |(id, offer): (&OfferId, &Offer)| {
            let sub = self.pledges.get(id).copied().unwrap_or(offer.sub);
            is_below(sub.1, Some(sub.0)).then_some(offer.has)
        };
        claims.chain(self.offers.iter().filter_map(counts)).fold(Two::default(), Two::plus)
    }

    fn is_below(&self, role: RoleId, above: RoleId) -> bool {
        let mut at = Some(role);
        while let Some(role) = at {
            if role == above {
                return true;
            }
            at = self.roles[&role].parent;
        }
        false
    }

    fn way(&self, sub: Sub) -> Vec<Node> {
        let mut way = vec![Node::Leaf(sub), Node::Own(sub.1)];
        let mut at = Some(sub.1);
        while let Some(role) = at {
            way.push(Node::Role(role));
            at = self.roles[&role].parent;
        }
        way.reverse();
        way
    }

    /// The dominant share by weight, as a fraction.
    fn share(&self, node: Node) -> (u128, u128) {
        let total = self.agents.values().map(|agent| agent.total).fold(Two::default(), Two::plus);
        let (used, weight) =
            (self.used(node), if let Node::Role(role) = node { self.roles[&role].weight_milli } else { 1000 });
        if total.0 == 0 || total.1 == 0 {
            return (0, 1);
        }
        let dominant = if used.0 * total.1 >= used.1 * total.0 { (used.0, total.0) } else { (used.1, total.1) };
        (dominant.0 * 1000, dominant.1 * weight)
    }

    /// Whether one is surely needier than the other: where their ways part, by more than the order's bound, four parts of 2^46.
    pub(crate) fn is_surely_needier(&self, one: Sub, other: Sub) -> bool {
        let [one, other] = [one, other].map(|sub| self.way(sub));
        let Some((one, other)) = one.into_iter().zip(other).find(|(one, other)| one != other) else { return false };
        let [(num, den), (than, by)] = [one, other].map(|node| self.share(node));
        // num / den + 4 / 2^46 < than / by
        num * by + (den * by >> 44) < than * den
    }

    /// Who is over without an answer waits, twice as long each time.
    pub(crate) fn end_graces(&mut self, now_ms: u64, min_hold_ms: u64) {
        let due = |offer: &Offer| offer.over_ms.filter(|over_ms| *over_ms <= now_ms);
        let mut over: Vec<_> = self.offers.iter().filter_map(|(id, offer)| Some((due(offer)?, *id))).collect();
        over.sort_unstable();
        for (_, id) in over {
            let sub = self.remove_offer(id).sub;
            let of = self.subs.get_mut(&sub).unwrap();
            if of.closed_until_ms <= now_ms {
                of.closed_until_ms = now_ms + (min_hold_ms << of.lapses.min(10));
                of.lapses += 1;
            }
        }
    }

    pub(crate) fn forgive(&mut self, sub: Sub) {
        let of = self.subs.get_mut(&sub).unwrap();
        (of.lapses, of.closed_until_ms) = (0, if of.lapses > 0 { 0 } else { of.closed_until_ms });
    }

    pub(crate) fn remove_offer(&mut self, id: OfferId) -> Offer {
        self.pledges.remove(&id);
        self.offers.remove(&id).expect("it is out")
    }

    pub(crate) fn end_offers(&mut self, is_over: impl Fn(&Offer) -> bool) {
        self.offers.retain(|_, offer| !is_over(offer));
        self.pledges.retain(|id, _| self.offers.contains_key(id));
    }
}
