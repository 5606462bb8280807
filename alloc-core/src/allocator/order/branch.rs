//! Branch: what the share order knows of a role, of what a role has beside its child roles, or of a subscription.

use crate::allocator::order::share::{Inverse, Weight};
use crate::allocator::order::tournament::Block;
use crate::amounts::MAX_RESOURCES;

/// A branch of the order. Its number is used again after it was removed, in another generation: the first 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BranchId(u32);

impl BranchId {
    const INDEX_BITS: u32 = 24;
    /// How many branches there can be.
    pub(super) const MOST: u32 = 1 << Self::INDEX_BITS;

    pub(super) fn new(index: u32, generation: u8) -> Self {
        Self(u32::from(generation) << Self::INDEX_BITS | index)
    }

    pub(crate) fn index(self) -> u32 {
        self.0 % Self::MOST
    }
}

/// The root's number.
pub(super) const ROOT: u32 = 0;
/// No branch.
pub(super) const NONE: u32 = u32::MAX;

/// What a branch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: its number is free.
    Free,
    Role,
    /// What a role with child roles has beside them: its subscriptions, and what it uses itself.
    Own,
    Subscription,
}

/// How many resources' amounts are in a branch itself: CPU, memory, and one more.
pub(super) const NEAR: usize = 3;
/// The amounts of the other resources.
pub(super) type Far = [u64; MAX_RESOURCES - NEAR];

/// What a charge touches: one line of a cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Branch {
    /// The first amounts of what is used below it and by itself.
    pub(super) near: [u64; NEAR],
    pub(super) inverse: Inverse,
    /// How many allocations.
    pub(super) count: u64,
    pub(super) parent: u32,
    /// Where it sits in its parent's block.
    pub(super) seat: u32,
    /// For its children.
    pub(super) block: Block,
    /// Who of its children is neediest: `NONE` when none takes part.
    pub(super) neediest: u32,
    pub(super) kind: Kind,
    /// Whether something below it is open.
    pub(super) wants: bool,
    /// Whether it wants or uses something.
    pub(super) active: bool,
    /// Whether it takes no part until the cycle ends.
    pub(super) skipped: bool,
}

/// What is needed when something other than amounts changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aside {
    /// The number of its creation.
    pub(super) age: u64,
    /// How many allocations a role's own subscriptions had while there was no branch for them.
    pub(super) own_count: u64,
    /// The weights of its active children, in thousandths.
    pub(super) active_milli: u64,
    pub(super) children: u32,
    /// How many of its children want something.
    pub(super) wanting: u32,
    /// The branch for what a role has beside its child roles; `NONE` as long as it has one of both only.
    pub(super) own: u32,
    /// How many child roles.
    pub(super) roles: u32,
    /// How many branches above it.
    pub(super) depth: u32,
    pub(super) weight: Weight,
    pub(super) generation: u8,
}

impl Branch {
    pub(super) fn new(kind: Kind, parent: u32, weight: Weight, block: Block) -> Self {
        Self {
            near: [0; NEAR],
            inverse: weight.inverse(),
            count: 0,
            parent,
            seat: 0,
            block,
            neediest: NONE,
            kind,
            wants: false,
            active: false,
            skipped: false,
        }
    }
}

impl Aside {
    pub(super) fn new(age: u64, depth: u32, weight: Weight, generation: u8) -> Self {
        let (own_count, active_milli, children, wanting, own, roles) = (0, 0, 0, 0, NONE, 0);
        Self { age, own_count, active_milli, children, wanting, own, roles, depth, weight, generation }
    }
}

const _: () = assert!(size_of::<Branch>() == 64);
