//! A set of NUMA nodes of one agent, a bit each.

use crate::ids::NumaNodeId;

/// The most NUMA nodes a shape can have: one bit each.
pub(crate) const MAX_NUMA_NODES: usize = 64;

/// A set of NUMA nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeSet(u64);

impl NodeSet {
    pub(crate) const fn of(numa_node: NumaNodeId) -> Self {
        Self(1 << numa_node.get())
    }

    pub(crate) const fn with(self, numa_node: NumaNodeId) -> Self {
        Self(self.0 | Self::of(numa_node).0)
    }

    pub(crate) const fn without(self, numa_node: NumaNodeId) -> Self {
        Self(self.0 & !Self::of(numa_node).0)
    }

    pub(crate) const fn has(self, numa_node: NumaNodeId) -> bool {
        self.0 & Self::of(numa_node).0 != 0
    }

    pub(crate) const fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn first(self) -> Option<NumaNodeId> {
        self.iter().next()
    }

    /// The members, lowest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = NumaNodeId> {
        (0..64).filter(move |bit| self.0 >> bit & 1 == 1).map(NumaNodeId::new)
    }
}

impl FromIterator<NumaNodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NumaNodeId>>(members: I) -> Self {
        members.into_iter().fold(Self::default(), Self::with)
    }
}
