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

mod branch;
mod charging;
mod growing;
mod picking;
mod share;
#[cfg(test)]
mod tests;
mod tournament;

pub(crate) use branch::BranchId;
pub(crate) use share::{Share, Weight};

use core::cmp::Ordering;

use crate::amounts::Amounts;
use branch::{Aside, Branch, Far, Kind, NEAR, NONE, ROOT};
use share::{Gauge, Inverse};
use tournament::{CLOSED, Tournaments};

/// The share order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    branches: Vec<Branch>,
    /// What branches use of resources that have no place in them.
    far: Vec<Far>,
    asides: Vec<Aside>,
    /// Numbers of branches that were removed.
    free: Vec<u32>,
    tournaments: Tournaments,
    gauge: Gauge,
    /// Whether keys are of what the cluster had before.
    stale: bool,
    /// How many branches were ever created.
    created: u64,
    /// Who takes no part until the cycle ends.
    skipped: Vec<u32>,
}

impl Order {
    /// The root alone, and a cluster that has nothing.
    pub(crate) fn new() -> Self {
        let mut order = Self {
            branches: Vec::new(),
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
    pub(crate) fn root(&self) -> BranchId {
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

    pub(crate) fn set_weight(&mut self, branch: BranchId, weight: Weight) {
        let at = self.index(branch);
        let before = core::mem::replace(&mut self.aside(at).weight, weight);
        self.branch(at).inverse = weight.inverse();
        if at == ROOT {
            return;
        }
        if self.branches[at as usize].active {
            let parent = self.branches[at as usize].parent;
            let milli = &mut self.aside(parent).active_milli;
            *milli = *milli - u64::from(before.milli()) + u64::from(weight.milli());
        }
        self.rekey(at);
    }

    /// What is used by it and below it.
    pub(crate) fn used(&self, branch: BranchId) -> Amounts {
        self.used_at(self.index(branch))
    }

    /// Its dominant share of the cluster.
    pub(crate) fn share(&self, branch: BranchId) -> Share {
        let at = self.index(branch) as usize;
        self.gauge.share(&self.branches[at].near, &self.far[at], Inverse::ONE)
    }

    /// The dominant share of the cluster that so much is.
    pub(crate) fn share_of(&self, used: &Amounts) -> Share {
        let near = core::array::from_fn(|at| used.0[at]);
        let far = core::array::from_fn(|at| used.0[NEAR + at]);
        self.gauge.share(&near, &far, Inverse::ONE)
    }

    /// Its dominant share by its weight: what it is ordered by among its siblings.
    pub(crate) fn share_by_weight(&self, branch: BranchId) -> Share {
        self.share_at(self.index(branch))
    }

    /// Its fair share of the cluster: by weights among those active on each level, who are those that want or use something, and
    /// itself.
    pub(crate) fn entitlement(&self, branch: BranchId) -> Share {
        let (mut at, mut entitled) = (self.index(branch), Share::ALL);
        while at != ROOT {
            let branch = &self.branches[at as usize];
            let milli = u64::from(self.asides[at as usize].weight.milli());
            let others = self.asides[branch.parent as usize].active_milli - if branch.active { milli } else { 0 };
            entitled = entitled.portion(milli, others + milli);
            at = branch.parent;
        }
        entitled
    }

    fn id(&self, at: u32) -> BranchId {
        BranchId::new(at, self.asides[at as usize].generation)
    }

    /// A branch's number.
    fn index(&self, branch: BranchId) -> u32 {
        let at = branch.index();
        debug_assert!(self.id(at) == branch && self.branches[at as usize].kind != Kind::Free, "{branch:?} was removed");
        at
    }

    fn branch(&mut self, at: u32) -> &mut Branch {
        &mut self.branches[at as usize]
    }

    fn aside(&mut self, at: u32) -> &mut Aside {
        &mut self.asides[at as usize]
    }

    fn share_at(&self, at: u32) -> Share {
        let branch = &self.branches[at as usize];
        self.gauge.share(&branch.near, &self.far[at as usize], branch.inverse)
    }

    fn used_at(&self, at: u32) -> Amounts {
        let mut used = Amounts::ZERO;
        let (near, far) = used.0.split_at_mut(NEAR);
        near.copy_from_slice(&self.branches[at as usize].near);
        far.copy_from_slice(&self.far[at as usize]);
        used
    }

    /// Its key in its parent's tournament.
    fn key(&self, at: u32) -> u64 {
        let branch = &self.branches[at as usize];
        self.tournaments.key(self.branches[branch.parent as usize].block, branch.seat)
    }

    /// Enters a new key of a branch; the least one among it and its siblings.
    #[inline]
    fn enter(&mut self, at: u32, key: u64) -> u64 {
        let Branch { parent, seat, .. } = self.branches[at as usize];
        let before = |one, other| tie(&self.branches, &self.asides, one, other).is_lt();
        let (least, neediest) = self.tournaments.play(self.branches[parent as usize].block, seat, key, before);
        self.branch(parent).neediest = if least == CLOSED { NONE } else { neediest };
        least
    }

    /// Enters the key of a branch that takes part, unless all are to be made anew.
    #[inline]
    fn rekey(&mut self, at: u32) {
        if !self.stale && self.key(at) != CLOSED {
            self.enter(at, self.share_at(at).parts());
        }
    }

    /// All keys anew, when the cluster's totals have changed.
    fn settle(&mut self) {
        if !core::mem::take(&mut self.stale) {
            return;
        }
        let numbers = 0..u32::try_from(self.branches.len()).unwrap_or(NONE);
        for at in numbers.clone().skip(1) {
            let Branch { parent, seat, kind, .. } = self.branches[at as usize];
            let block = self.branches[parent as usize].block;
            if kind != Kind::Free && self.tournaments.key(block, seat) != CLOSED {
                self.tournaments.set_key(block, seat, self.share_at(at).parts());
            }
        }
        for at in numbers {
            if self.branches[at as usize].neediest != NONE {
                self.play_all(at);
            }
        }
    }

    /// Plays all matches among somebody's children.
    fn play_all(&mut self, at: u32) {
        let before = |one, other| tie(&self.branches, &self.asides, one, other).is_lt();
        let (least, neediest) = self.tournaments.play_all(self.branches[at as usize].block, before);
        self.branch(at).neediest = if least == CLOSED { NONE } else { neediest };
    }
}

/// Who of two siblings of one share goes first: who had fewer allocations, or else the older. The age is seldom looked at, and lies apart.
fn tie(branches: &[Branch], asides: &[Aside], one: u32, other: u32) -> Ordering {
    let [one, other] = [one, other].map(|at| at as usize);
    branches[one].count.cmp(&branches[other].count).then_with(|| asides[one].age.cmp(&asides[other].age))
}
