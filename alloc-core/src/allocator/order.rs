//! Order: who is neediest, by weighted hierarchical dominant shares.
//!
//! Roles are a tree; its leaves are subscriptions (a framework in a role). A role with child roles holds everything else of its own in one
//! more child of weight 1, as old as itself (Mesos has a virtual leaf for that). It is made when a role first has both; until then the
//! subscriptions are the role's children, which comes to the same.
//!
//! Of the children that take part the one with the least key goes first, from the root down to a subscription. The key is the dominant
//! share by weight of all that is used below ([`share`]), then how many allocations there were, then the number of its creation. So
//! those who share alike take turns. A child takes part while a subscription below it is open.
//!
//! Every parent has a tournament of its children's keys ([`tournament`]); a charge plays its matches again on the way to the root
//! ([`charging`]). When the cluster's totals change, all keys do: they are made anew once, before the next pick ([`picking`]). How the
//! tree grows and shrinks is in [`growing`].

mod charging;
mod growing;
mod node;
mod picking;
mod share;
#[cfg(test)]
mod tests;
mod tournament;

pub(crate) use node::NodeId;
pub(crate) use share::{Share, Weight};

use core::cmp::Ordering;

use crate::allocator::amounts::Amounts;
use node::{Aside, Far, Kind, NEAR, NONE, Node, ROOT};
use share::{Gauge, Inverse};
use tournament::{CLOSED, Tournaments};

/// The share order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    nodes: Vec<Node>,
    /// What nodes use of resources that have no place in them.
    far: Vec<Far>,
    asides: Vec<Aside>,
    /// Numbers of nodes that were removed.
    free: Vec<u32>,
    tournaments: Tournaments,
    gauge: Gauge,
    /// Whether keys are of what the cluster had before.
    stale: bool,
    /// How many nodes were ever created.
    created: u64,
    /// Who takes no part until the cycle ends.
    skipped: Vec<u32>,
}

impl Order {
    /// The root alone, and a cluster that has nothing.
    pub(crate) fn new() -> Self {
        let mut order = Self {
            nodes: Vec::new(),
            far: Vec::new(),
            asides: Vec::new(),
            free: Vec::new(),
            tournaments: Tournaments::default(),
            gauge: Gauge::new(),
            stale: false,
            created: 0,
            skipped: Vec::new(),
        };
        order.create(Kind::Role, ROOT, Weight::ONE);
        order
    }

    /// The role above all.
    pub(crate) fn root(&self) -> NodeId {
        self.id(ROOT)
    }

    /// What the cluster has of a resource. Nothing: it does not count in shares.
    pub(crate) fn set_total(&mut self, place: usize, total: u64) {
        self.stale |= self.gauge.set_total(place, total);
    }

    /// Whether a resource is left out of shares.
    pub(crate) fn exclude(&mut self, place: usize, excluded: bool) {
        self.stale |= self.gauge.exclude(place, excluded);
    }

    pub(crate) fn set_weight(&mut self, node: NodeId, weight: Weight) {
        let at = self.index(node);
        let before = core::mem::replace(&mut self.aside(at).weight, weight);
        self.node(at).inverse = weight.inverse();
        if at == ROOT {
            return;
        }
        if self.nodes[at as usize].active {
            let parent = self.nodes[at as usize].parent;
            let milli = &mut self.aside(parent).active_milli;
            *milli = *milli - u64::from(before.milli()) + u64::from(weight.milli());
        }
        self.rekey(at);
    }

    /// What is used by it and below it.
    pub(crate) fn used(&self, node: NodeId) -> Amounts {
        self.used_at(self.index(node))
    }

    /// Its dominant share of the cluster.
    pub(crate) fn share(&self, node: NodeId) -> Share {
        let at = self.index(node) as usize;
        self.gauge.share(&self.nodes[at].near, &self.far[at], Inverse::ONE)
    }

    /// The dominant share of the cluster that so much is.
    pub(crate) fn share_of(&self, used: &Amounts) -> Share {
        let near = core::array::from_fn(|at| used.0[at]);
        let far = core::array::from_fn(|at| used.0[NEAR + at]);
        self.gauge.share(&near, &far, Inverse::ONE)
    }

    /// Its dominant share by its weight: what it is ordered by among its siblings.
    pub(crate) fn share_by_weight(&self, node: NodeId) -> Share {
        self.share_at(self.index(node))
    }

    /// Its fair share of the cluster: by weights among those active on each level, who are those that want or use something, and
    /// itself.
    pub(crate) fn entitlement(&self, node: NodeId) -> Share {
        let (mut at, mut entitled) = (self.index(node), Share::ALL);
        while at != ROOT {
            let node = &self.nodes[at as usize];
            let milli = u64::from(self.asides[at as usize].weight.milli());
            let others = self.asides[node.parent as usize].active_milli - if node.active { milli } else { 0 };
            entitled = entitled.portion(milli, others + milli);
            at = node.parent;
        }
        entitled
    }

    fn id(&self, at: u32) -> NodeId {
        NodeId::new(at, self.asides[at as usize].generation)
    }

    /// A node's number.
    fn index(&self, node: NodeId) -> u32 {
        let at = node.index();
        debug_assert!(self.id(at) == node && self.nodes[at as usize].kind != Kind::Free, "{node:?} was removed");
        at
    }

    fn node(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }

    fn aside(&mut self, at: u32) -> &mut Aside {
        &mut self.asides[at as usize]
    }

    fn share_at(&self, at: u32) -> Share {
        let node = &self.nodes[at as usize];
        self.gauge.share(&node.near, &self.far[at as usize], node.inverse)
    }

    fn used_at(&self, at: u32) -> Amounts {
        let mut used = Amounts::ZERO;
        let (near, far) = used.0.split_at_mut(NEAR);
        near.copy_from_slice(&self.nodes[at as usize].near);
        far.copy_from_slice(&self.far[at as usize]);
        used
    }

    /// Its key in its parent's tournament.
    fn key(&self, at: u32) -> u64 {
        let node = &self.nodes[at as usize];
        self.tournaments.key(self.nodes[node.parent as usize].block, node.seat)
    }

    /// Enters a new key of a node; the least one among it and its siblings.
    #[inline]
    fn enter(&mut self, at: u32, key: u64) -> u64 {
        let Node { parent, seat, .. } = self.nodes[at as usize];
        let (least, neediest) = self.tournaments.play(self.nodes[parent as usize].block, seat, key);
        self.node(parent).neediest = if least == CLOSED { NONE } else { neediest };
        least
    }

    /// Enters the key of a node that takes part, unless all are to be made anew. Who has no sibling is first whatever his key is: it is
    /// entered when one comes.
    #[inline]
    fn rekey(&mut self, at: u32) {
        let parent = self.nodes[at as usize].parent;
        if self.asides[parent as usize].children > 1 {
            self.rekey_beside(at);
        }
    }

    #[inline]
    fn rekey_beside(&mut self, at: u32) {
        if !self.stale && self.key(at) != CLOSED {
            self.enter(at, self.share_at(at).parts());
        }
    }

    /// All keys anew, when the cluster's totals have changed.
    fn settle(&mut self) {
        if !core::mem::take(&mut self.stale) {
            return;
        }
        let numbers = 0..u32::try_from(self.nodes.len()).unwrap_or(NONE);
        for at in numbers.clone().skip(1) {
            let Node { parent, seat, kind, .. } = self.nodes[at as usize];
            let block = self.nodes[parent as usize].block;
            if kind != Kind::Free && self.tournaments.key(block, seat) != CLOSED {
                self.tournaments.set_key(block, seat, self.share_at(at).parts());
            }
        }
        for at in numbers {
            if self.nodes[at as usize].neediest != NONE {
                self.play_all(at);
            }
        }
    }

    /// Plays all matches among somebody's children.
    fn play_all(&mut self, at: u32) {
        let (least, neediest) = self.tournaments.play_all(self.nodes[at as usize].block);
        self.node(at).neediest = if least == CLOSED { NONE } else { neediest };
    }
}

/// Who of two siblings of one share goes first: who had fewer allocations, or else the older. The age is seldom looked at, and lies apart.
fn tie(nodes: &[Node], asides: &[Aside], one: u32, other: u32) -> Ordering {
    let [one, other] = [one, other].map(|at| at as usize);
    nodes[one].count.cmp(&nodes[other].count).then_with(|| asides[one].age.cmp(&asides[other].age))
}
