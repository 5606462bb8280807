//! A set of NUMA nodes of one agent, a bit each.

use crate::ids::NumaNodeId;

/// The most NUMA nodes a shape can have: one bit each.
pub(crate) const MAX_NUMA_NODES: usize = 64;

/// A set of NUMA nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeSet(u64);

impl NodeSet {
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) const fn of(numa_node: NumaNodeId) -> Self {
        Self(1 << numa_node.get())
    }

    pub(crate) const fn with(self, numa_node: NumaNodeId) -> Self {
        Self(self.0 | Self::of(numa_node).0)
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
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
        let mut left = self.0;
        core::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            #[expect(clippy::cast_possible_truncation, reason = "below 64")]
            Some(NumaNodeId::new(bit as u16))
        })
    }
}

impl FromIterator<NumaNodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NumaNodeId>>(members: I) -> Self {
        members.into_iter().fold(Self::default(), Self::with)
    }
}
