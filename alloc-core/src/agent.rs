//! One agent in the table: its shape, the words of its leaves, pools and NUMA nodes, its claim records.
//!
//! The words belong to one incarnation. The records outlive it, so that a claim id never comes back with another meaning.

use crate::bits::Bits;
use crate::counter::Counter;
use crate::device_word::Devices;
use crate::extras::HugeSize;
use crate::extras::words::Words;
use crate::ids::{AgentId, NumaNodeId};
use crate::leaf::{Leaf, PuState};
use crate::memory::MemoryNode;
use crate::pool::Pool;
use crate::record::Records;
use crate::shape::Shape;
use crate::sync::{Ordering, Word64};

/// One registered machine, with its shape and words as of one incarnation.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) shape: Shape,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) memory: Vec<MemoryNode>,
    extras: Words,
    /// Counts claims that were undone, so that a refusal can tell whether something it saw taken was given back.
    undone: Word64,
}

impl Machine {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            leaves: shape.layout.leaves.iter().map(|leaf| Leaf::new(leaf.bits.all())).collect(),
            pools: shape.layout.pools.iter().map(|_| Pool::new()).collect(),
            memory: shape.pages().iter().map(|&pages| MemoryNode::new(pages)).collect(),
            extras: Words::new(&shape),
            undone: Word64::new(0),
            shape,
        }
    }

    pub(crate) fn leaf(&self, leaf: u16) -> &Leaf {
        &self.leaves[usize::from(leaf)]
    }

    pub(crate) fn pool(&self, pool: u16) -> &Pool {
        &self.pools[usize::from(pool)]
    }

    /// Huge pages of one size on a NUMA node.
    pub(crate) fn huge(&self, numa_node: NumaNodeId, size: HugeSize) -> &Counter {
        self.extras.huge(numa_node, size)
    }

    pub(crate) fn devices(&self, word: u16) -> &Devices {
        self.extras.devices(word)
    }

    pub(crate) fn counter(&self, counter: u16) -> &Counter {
        self.extras.counter(counter)
    }

    pub(crate) fn bits(&self, word: u16) -> &Bits {
        self.extras.bits(word)
    }

    /// The PUs of a leaf in a state, at this moment.
    pub(crate) fn pus_in(&self, leaf: u16, state: PuState) -> u32 {
        self.leaf(leaf).read().mask(state) & self.shape.layout.leaves[usize::from(leaf)].bits.all()
    }

    /// How many PUs of the agent are in a state, at this moment.
    pub(crate) fn count_in(&self, state: PuState) -> u32 {
        (0..).zip(&self.leaves).map(|(leaf, _)| self.pus_in(leaf, state).count_ones()).sum()
    }

    /// How many claims were undone so far.
    pub(crate) fn undone(&self) -> u64 {
        // Acquire: pairs with the Release half of `count_undone`; see there.
        self.undone.load(Ordering::Acquire)
    }

    /// Counts an undo, after everything was given back and before the record is free.
    pub(crate) fn count_undone(&self) {
        // AcqRel: Release pairs with the Acquire of `undone`. Who sees the record free afterwards also sees this count.
        // Relaxed on failure: it cannot fail.
        let _always = self.undone.update(Ordering::AcqRel, Ordering::Relaxed, |undone| Some(undone.wrapping_add(1)));
    }
}

/// An agent's place in the table.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    /// `None` between two incarnations.
    pub(crate) machine: Option<Machine>,
    pub(crate) records: Records,
    /// Counts the machines that were here.
    pub(crate) incarnation: u32,
    /// Whether it takes new claims.
    pub(crate) active: bool,
}

impl Agent {
    pub(crate) fn new(id: AgentId, records: u16) -> Self {
        Self { id, machine: None, records: Records::new(records), incarnation: 0, active: false }
    }
}

/// Watches whether calls were in flight while words were read: only a quiet refusal is a no.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(u64);

impl Watch {
    pub(crate) fn start(machine: &Machine) -> Self {
        Self(machine.undone())
    }

    /// True when nothing that was seen taken since `start` has been or may yet be given back by an undo.
    ///
    /// A claim that took a word did so with its record Busy. If it was undone, either its record is Busy still, or the
    /// count moved before the record was freed. The order matters: records first, then the count.
    pub(crate) fn was_quiet(self, machine: &Machine, records: &Records) -> bool {
        !records.any_busy() && machine.undone() == self.0
    }
}
