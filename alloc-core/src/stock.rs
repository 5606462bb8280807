//! Stock: what a plan may draw on. One set of rules plans a claim on an agent, a split of a claim, and the what-if
//! questions behind a refusal; only the stock differs.

use crate::MILLI_PER_PU;
use crate::extras::{ExtraWord, Millis};
use crate::ids::NumaNodeId;
use crate::leaf::PuState;
use crate::machine::Machine;
use crate::memory::Seat;
use crate::part::Part;
use crate::record::OpenRecord;
use crate::shape::Shape;

/// What a plan may draw on, at this moment.
pub(crate) trait Stock {
    fn shape(&self) -> &Shape;
    /// PUs of a leaf, perhaps without their siblings.
    fn pus(&self, leaf: u16) -> u32;
    /// Pages of a NUMA node.
    fn pages(&self, numa_node: NumaNodeId) -> u64;
    /// Whether those who are on a NUMA node admit a comer.
    fn admits(&self, numa_node: NumaNodeId, seat: Seat) -> bool;
    /// Millis a pool can give without another core.
    fn room_milli(&self, pool: u16) -> u32;
    /// PUs that may join a pool again because they have not quite left it.
    fn leaving(&self, pool: u16) -> u32;
    /// What an extra word counts, as it counts it.
    fn extra(&self, word: ExtraWord) -> u64;

    /// Thousandths of the devices of a word.
    fn devices(&self, word: u16) -> Millis {
        Millis::from_bits(self.extra(ExtraWord::Devices(word)))
    }

    /// PUs that could join a pool.
    fn joinable(&self, pool: u16) -> u32 {
        let layout = &self.shape().layout;
        let whole = |leaf: u16| layout.leaves[usize::from(leaf)].bits.whole(self.pus(leaf)).count_ones();
        self.leaving(pool) + layout.pools[usize::from(pool)].leaves.iter().map(|&leaf| whole(leaf)).sum::<u32>()
    }

    /// Millis a pool can give if all cores that could join it did.
    fn reach_milli(&self, pool: u16) -> u32 {
        self.room_milli(pool) + self.joinable(pool) * MILLI_PER_PU
    }
}

/// An agent, as it is or as it might be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) machine: Machine<'a>,
    pub(crate) what_if: WhatIf,
}

/// How a view differs from the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhatIf {
    /// Not at all.
    AsIs,
    /// Cores that are leaving pools are free.
    CoresLeft,
    /// Anybody may use any NUMA node's memory with anybody.
    AllAdmitted,
    /// Nobody is there.
    Empty,
}

impl View<'_> {
    fn is(&self, what_if: WhatIf) -> bool {
        self.what_if == what_if
    }
}

impl Stock for View<'_> {
    fn shape(&self) -> &Shape {
        self.machine.shape
    }

    fn pus(&self, leaf: u16) -> u32 {
        match self.what_if {
            WhatIf::Empty => self.machine.shape.layout.leaves[usize::from(leaf)].bits.all(),
            WhatIf::CoresLeft => self.machine.pus_in(leaf, PuState::Free) | self.machine.pus_in(leaf, PuState::Leaving),
            WhatIf::AsIs | WhatIf::AllAdmitted => self.machine.pus_in(leaf, PuState::Free),
        }
    }

    fn pages(&self, numa_node: NumaNodeId) -> u64 {
        if self.is(WhatIf::Empty) {
            return self.machine.shape.pages()[numa_node.index()];
        }
        self.machine.memory(numa_node).pages()
    }

    fn admits(&self, numa_node: NumaNodeId, seat: Seat) -> bool {
        self.is(WhatIf::Empty) || self.is(WhatIf::AllAdmitted) || self.machine.memory(numa_node).admits(seat)
    }

    fn room_milli(&self, pool: u16) -> u32 {
        if self.is(WhatIf::Empty) { 0 } else { self.machine.pool(pool).room_milli() }
    }

    fn leaving(&self, pool: u16) -> u32 {
        // With `CoresLeft` they are counted as free.
        if self.is(WhatIf::Empty) || self.is(WhatIf::CoresLeft) {
            return 0;
        }
        let leaves = self.machine.shape.layout.pools[usize::from(pool)].leaves.iter();
        leaves.map(|&leaf| self.machine.pus_in(leaf, PuState::Leaving).count_ones()).sum()
    }

    fn extra(&self, word: ExtraWord) -> u64 {
        if self.is(WhatIf::Empty) { self.machine.shape.extras.all(word) } else { self.machine.extra(word) }
    }
}

/// What a claim holds, to be split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) machine: Machine<'a>,
    pub(crate) record: &'a OpenRecord<'a>,
    /// As if anybody could use any NUMA node's memory with anybody.
    pub(crate) all_admitted: bool,
}

impl Stock for Held<'_> {
    fn shape(&self) -> &Shape {
        self.machine.shape
    }

    fn pus(&self, leaf: u16) -> u32 {
        pus_in(self.record, leaf)
    }

    fn pages(&self, numa_node: NumaNodeId) -> u64 {
        match self.record.find(Part::Memory { numa_node, seat: Seat::Held, pages: 0 }) {
            Some((_, Part::Memory { pages, .. })) => pages,
            _ => 0,
        }
    }

    fn admits(&self, numa_node: NumaNodeId, seat: Seat) -> bool {
        self.all_admitted || self.machine.memory(numa_node).admits(seat)
    }

    fn room_milli(&self, pool: u16) -> u32 {
        milli_in(self.record, pool)
    }

    fn leaving(&self, _: u16) -> u32 {
        0
    }

    fn extra(&self, word: ExtraWord) -> u64 {
        match self.record.find(Part::Extra { word, amount: 0 }) {
            Some((_, Part::Extra { amount, .. })) => amount,
            _ => 0,
        }
    }
}

/// The PUs that a claim's members hold in a leaf.
pub(crate) fn pus_in(record: &OpenRecord<'_>, leaf: u16) -> u32 {
    record.parts().fold(0, |sum, (_, part)| match part {
        Part::Cores { leaf: at, pus, .. } if at == leaf => sum | pus,
        _ => sum,
    })
}

/// The millis that a claim's members were promised of a pool.
pub(crate) fn milli_in(record: &OpenRecord<'_>, pool: u16) -> u32 {
    record.parts().fold(0, |sum, (_, part)| match part {
        Part::Share { pool: at, cpu_milli, .. } if at == pool => sum.saturating_add(cpu_milli),
        _ => sum,
    })
}
