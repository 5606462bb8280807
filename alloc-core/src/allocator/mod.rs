//! Allocator: who gets what the table has. Roles, shares, quota, offers and reclaim; one owner, plain data, no clock.
//!
//! An [`Allocator`] works on a [`Table`] that others may use at the same time. Calls take the time; [`Allocator::next_deadline_ms`]
//! tells when it wants to be called again. The same calls give the same answers, in the same order.
//!
//! **The order** ([`order`]) is weighted hierarchical dominant resource fairness: the neediest subscription is served first. A
//! *subscription* is a framework in a role. What it holds counts: claims, and offers until they are answered.
//!
//! **An offer** of all that is free on an agent closes the agent ([`AgentState::Offered`](crate::AgentState::Offered)): its words
//! stay as they are, and nobody but the offer's holder takes any of them. Where something comes back meanwhile, or a quota leaves
//! room for a part only, an offer is a claim that holds just what it shows.
//!
//! **A cycle** ([`Allocator::offer`]) goes on until nobody wants what is left: the neediest subscription gets the next agent that it
//! does not filter. It looks at what changed, and at available agents by bitmaps, never at all agents.

mod agents;
mod amounts;
mod answer;
mod bits;
mod claims;
mod cycle;
mod demand;
mod error;
mod filters;
mod frameworks;
mod offers;
mod order;
mod roles;
mod rules;
mod shown;
#[cfg(test)]
mod tests;
mod time;
mod topology;
mod validate;
mod waits;
mod ways;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::ids::{AgentId, FrameworkId, OfferId, RoleId};
use crate::local::{Caller, DesksFull, Local};
use crate::outcome::Grant;
use crate::shard::Door;
use crate::table::Table;

use agents::{AgentAt, Agents};
use amounts::Amounts;
use claims::Claims;
use demand::Demand;
use filters::Filters;
use frameworks::{Framework, Subscriptions};
use offers::{OfferAt, Offers};
use order::Order;
use roles::Role;
use waits::Waits;

pub use answer::{Accepted, InvalidOffers, Operation};
pub use error::AllocatorError;
pub use frameworks::Subscription;
pub use offers::OfferView;
pub use roles::{CpuKind, RoleSpec};
pub use rules::Rules;
pub use waits::WaitId;
pub use ways::Claimant;

/// Something that a call or the time brought about, to be told to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An offer is to be answered within the grace; after it the offer is over.
    Rescinded {
        /// Whose.
        framework: FrameworkId,
        /// Which.
        offer: OfferId,
    },
    /// An offer is over without an answer, because its agent is gone or closed: nothing can be accepted any more.
    Withdrawn {
        /// Whose.
        framework: FrameworkId,
        /// Which.
        offer: OfferId,
    },
    /// A request that waited is placed.
    Placed {
        /// Which.
        wait: WaitId,
        /// Its claim.
        grant: Grant,
    },
    /// Pools of an agent gained or lost cores by what the allocator did on its own, as when an offer ended: read
    /// [`Table::pool_orders`](crate::Table::pool_orders). Of calls that answer with a grant, the grant says it.
    PoolsChanged {
        /// Which.
        agent: AgentId,
    },
}

/// Who gets what a table has.
#[derive(Debug)]
pub struct Allocator {
    local: Local<Arc<Table>>,
    rules: Rules,
    roles: Vec<Option<Role>>,
    order: Order,
    frameworks: BTreeMap<FrameworkId, Framework>,
    subscriptions: Subscriptions,
    agents: Agents,
    filters: Filters,
    offers: Offers,
    claims: Claims,
    demand: Demand,
    waits: Waits,
    /// What all agents have when they are empty.
    totals: Amounts,
    /// Agents whose window ends, oldest first.
    gathering: VecDeque<(u64, AgentAt)>,
    /// Offers by the time they were made, answered ones among them.
    aging: VecDeque<(u64, OfferId)>,
    /// Rescinded offers by the end of their grace.
    rescinded: VecDeque<(u64, OfferId)>,
    /// Subscriptions that let offers lapse, by when they are open again.
    waiting: std::collections::BTreeSet<(u64, u32)>,
    events: Vec<Event>,
    /// Offers of a cycle that are being made; none in between.
    batch: Vec<OfferAt>,
    now_ms: u64,
}

impl Allocator {
    /// An allocator for what is free on a table's agents that are made known to it.
    ///
    /// # Errors
    /// [`DesksFull`]: it takes one of the table's threads.
    pub fn new(table: Arc<Table>, rules: Rules) -> Result<Self, DesksFull> {
        Ok(Self {
            local: Local::new(table, 0)?,
            rules,
            roles: Vec::new(),
            order: Order::new(),
            frameworks: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
            agents: Agents::default(),
            filters: Filters::default(),
            offers: Offers::default(),
            claims: Claims::default(),
            demand: Demand::default(),
            waits: Waits::default(),
            totals: Amounts::ZERO,
            gathering: VecDeque::new(),
            aging: VecDeque::new(),
            rescinded: VecDeque::new(),
            waiting: std::collections::BTreeSet::new(),
            events: Vec::new(),
            batch: Vec::new(),
            now_ms: 0,
        })
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        self.local.table()
    }

    /// The times and thresholds.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What there is to be told, in the order in which it came about; each is told once.
    pub fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// The hands for claims in what is offered.
    fn offer_door(&self) -> Caller<'_> {
        Caller { door: Door::Offer, ..self.local.caller() }
    }

    fn role(&self, role: RoleId) -> Option<&Role> {
        self.roles.get(role.index())?.as_ref()
    }
}
