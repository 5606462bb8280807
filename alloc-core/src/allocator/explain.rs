//! Explain: why a framework, or a role, has no offer. Reads, changes nothing; looks at every agent once.

use core::fmt;
use std::collections::BTreeMap;

use crate::allocator::Allocator;
use crate::allocator::agents::{AgentAt, NO_OFFER};
use crate::allocator::frameworks::{SubAt, Subscriber};
use crate::amounts::{Amounts, CPU_MILLI, PAGES};
use crate::ids::{AgentId, FrameworkId, RoleId};

/// What stands between a subscription and one agent, the last to be put aside first: the further down, the nearer it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hindrance {
    /// The agent is not connected, or is to be emptied.
    Closed,
    /// The subscription's agents do not include it.
    NotSelected,
    /// Nothing of it is free.
    NothingFree,
    /// What is free is less than the least that is offered.
    BelowMinimum,
    /// What is free is guaranteed to others.
    Guaranteed,
    /// The role, or one above it, is at its limit.
    Limited,
    /// The framework refused as much as this a while ago.
    Filtered,
    /// All that is free is offered to somebody.
    Offered,
    /// Something came back a moment ago, and more may.
    Gathering,
    /// Nothing: it is the subscription's in the next cycle, unless somebody is needier.
    Needier,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::NotSelected => "left out by its constraints",
            Self::NothingFree => "with nothing free",
            Self::BelowMinimum => "below the minimum",
            Self::Guaranteed => "kept for guarantees",
            Self::Limited => "beyond the role's limit",
            Self::Filtered => "filtered",
            Self::Offered => "offered to others",
            Self::Gathering => "gathering what comes back",
            Self::Needier => "due in the next cycle, unless somebody is needier",
        })
    }
}

/// Why a subscription is not served at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotServed {
    /// The framework is not connected.
    Inactive,
    /// It wants no offers in this role.
    Suppressed,
    /// It let offers lapse, and waits until then.
    Lapsed {
        /// In milliseconds.
        until_ms: u64,
    },
}

impl fmt::Display for NotServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive => f.write_str("not connected"),
            Self::Suppressed => f.write_str("suppressed: revive it"),
            Self::Lapsed { until_ms } => write!(f, "let offers lapse, and waits until {until_ms} ms"),
        }
    }
}

/// The agent that was nearest to being offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearestOffer {
    /// Which.
    pub agent: AgentId,
    /// What stands between.
    pub hindrance: Hindrance,
    /// How much of the minimum it has, in thousandths.
    pub has_milli: u64,
    /// When that ends by itself, in milliseconds, if it does.
    pub until_ms: Option<u64>,
}

/// Why a framework has no offer in a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoOffer {
    /// Whose.
    pub framework: FrameworkId,
    /// In which role.
    pub role: RoleId,
    /// Offers that it has to answer.
    pub offers_out: u32,
    /// Why it is not served at all, if it is not.
    pub not_served: Option<NotServed>,
    /// Agents by what stands between.
    pub agents: BTreeMap<Hindrance, u32>,
    /// The nearest miss.
    pub nearest: Option<NearestOffer>,
}

impl fmt::Display for NoOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: ", self.framework, self.role)?;
        if let Some(not_served) = self.not_served {
            write!(f, "{not_served}; ")?;
        }
        if self.offers_out > 0 {
            write!(f, "{} offers to answer; ", self.offers_out)?;
        }
        let all: u32 = self.agents.values().sum();
        write!(f, "of {all} agents")?;
        for (at, (hindrance, count)) in self.agents.iter().rev().enumerate() {
            write!(f, "{} {count} {hindrance}", if at == 0 { "" } else { "," })?;
        }
        let Some(nearest) = self.nearest else { return Ok(()) };
        write!(f, "; nearest: {}, {}", nearest.agent, nearest.hindrance)?;
        if nearest.hindrance == Hindrance::BelowMinimum {
            write!(f, " with {} of 1000 parts of it", nearest.has_milli)?;
        }
        if let Some(until_ms) = nearest.until_ms {
            write!(f, " until {until_ms} ms")?;
        }
        Ok(())
    }
}

impl Allocator {
    /// Why a framework has no offer in a role, or no more than it has. `None` when it is not in it.
    #[must_use]
    pub fn explain_offers(&self, framework: FrameworkId, role: RoleId) -> Option<NoOffer> {
        self.explain_subscription(self.find(framework, role)?)
    }

    /// The same of all frameworks in a role and in those below it.
    #[must_use]
    pub fn explain_role(&self, role: RoleId) -> Vec<NoOffer> {
        let below = self.subscriptions.iter().filter(|(_, sub)| self.path(sub.role).any(|above| above == role));
        below.filter_map(|(at, _)| self.explain_subscription(at)).collect()
    }

    fn explain_subscription(&self, at: SubAt) -> Option<NoOffer> {
        let sub = self.subscriptions.get(at)?;
        let mut no = NoOffer {
            framework: sub.framework,
            role: sub.role,
            offers_out: sub.out,
            not_served: self.not_served(sub),
            agents: BTreeMap::new(),
            nearest: None,
        };
        for agent in self.agents.known() {
            let hindrance = self.hindrance(at, sub, agent);
            *no.agents.entry(hindrance).or_default() += 1;
            let has_milli = self.part_of_minimum(sub, agent);
            let is_nearer = |than: NearestOffer| (hindrance, has_milli) > (than.hindrance, than.has_milli);
            if no.nearest.is_none_or(is_nearer) {
                no.nearest = Some(NearestOffer { agent: AgentId::new(agent), hindrance, has_milli, until_ms: None });
            }
        }
        if let Some(nearest) = &mut no.nearest {
            nearest.until_ms = self.hindered_until(at, nearest);
        }
        Some(no)
    }

    /// How many filters there are, and the bytes they take.
    #[must_use]
    pub fn filters(&self) -> (usize, usize) {
        (self.filters.len(), self.filters.bytes())
    }

    const fn not_served(&self, sub: &Subscriber) -> Option<NotServed> {
        if !sub.is_active {
            Some(NotServed::Inactive)
        } else if sub.suppressed {
            Some(NotServed::Suppressed)
        } else if sub.closed_until_ms > self.now_ms {
            Some(NotServed::Lapsed { until_ms: sub.closed_until_ms })
        } else {
            None
        }
    }

    /// The first thing that stands between a subscription and an agent.
    fn hindrance(&self, at: SubAt, sub: &Subscriber, agent: AgentAt) -> Hindrance {
        let entry = self.agents.entry(agent);
        let room = self.limits_of(at).amounts;
        let amounts = entry.content.amounts;
        let left_by_limits = amounts.min(&room);
        let left = if self.is_guaranteed { left_by_limits.min(&self.unguarded(sub.role)) } else { left_by_limits };
        if !entry.is_open {
            Hindrance::Closed
        } else if sub.mask.as_ref().is_some_and(|mask| !mask.has(agent)) {
            Hindrance::NotSelected
        } else if amounts.0[CPU_MILLI] == 0 && amounts.0[PAGES] == 0 {
            Hindrance::NothingFree
        } else if !self.suits(sub, agent) {
            Hindrance::BelowMinimum
        } else if self.filters.has(at, agent) {
            Hindrance::Filtered
        } else if entry.whole != NO_OFFER {
            Hindrance::Offered
        } else if !self.is_minimum(sub, &left_by_limits) {
            Hindrance::Limited
        } else if !self.is_minimum(sub, &left) {
            Hindrance::Guaranteed
        } else if entry.is_gathering {
            Hindrance::Gathering
        } else {
            Hindrance::Needier
        }
    }

    /// How much of the nearest of its minima an agent shows, in thousandths.
    fn part_of_minimum(&self, sub: &Subscriber, agent: AgentAt) -> u64 {
        let shown = self.agents.entry(agent).content.amounts;
        let part = |minimum: &Amounts| {
            let places = [CPU_MILLI, PAGES].into_iter().filter(|place| minimum.0[*place] > 0);
            places.map(|place| shown.0[place].saturating_mul(1000) / minimum.0[place]).min().unwrap_or(1000).min(1000)
        };
        self.minima_of(sub).map(|minimum| part(&minimum)).max().unwrap_or(1000)
    }

    fn hindered_until(&self, at: SubAt, nearest: &NearestOffer) -> Option<u64> {
        let agent = nearest.agent.get();
        match nearest.hindrance {
            Hindrance::Filtered => self.filters.until(at, agent),
            Hindrance::Gathering => Some(self.agents.entry(agent).window_until_ms),
            _ => None,
        }
    }
}
