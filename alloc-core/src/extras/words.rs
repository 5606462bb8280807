//! The words of an agent's extras, and what taking and giving a part does to them.

use crate::agent::Machine;
use crate::bits::Bits;
use crate::counter::Counter;
use crate::device_word::Devices;
use crate::extras::spec::HugeSize;
use crate::ids::NumaNodeId;
use crate::part::Part;
use crate::shape::Shape;

/// The words, all free at first.
#[derive(Debug)]
pub(crate) struct Words {
    /// Per NUMA node, a counter per size.
    huge: Vec<[Counter; 2]>,
    devices: Vec<Devices>,
    counters: Vec<Counter>,
    bits: Vec<Bits>,
}

impl Words {
    pub(crate) fn new(shape: &Shape) -> Self {
        let layout = &shape.extras;
        let huge = |at: u16| HugeSize::ALL.map(|size| Counter::new(layout.huge(NumaNodeId::new(at), size)));
        Self {
            huge: (0..).zip(shape.pages()).map(|(at, _)| huge(at)).collect(),
            devices: (0..).take(layout.device_words()).map(|word| Devices::new(layout.untouched(word))).collect(),
            counters: layout.counters().iter().map(|&amount| Counter::new(amount)).collect(),
            bits: (0..).take(layout.bit_words()).map(|word| Bits::new(layout.pick_of(word).all_bits(word))).collect(),
        }
    }

    pub(crate) fn huge(&self, numa_node: NumaNodeId, size: HugeSize) -> &Counter {
        &self.huge[numa_node.index()][size as usize]
    }

    pub(crate) fn devices(&self, word: u16) -> &Devices {
        &self.devices[usize::from(word)]
    }

    pub(crate) fn counter(&self, counter: u16) -> &Counter {
        &self.counters[usize::from(counter)]
    }

    pub(crate) fn bits(&self, word: u16) -> &Bits {
        &self.bits[usize::from(word)]
    }
}

/// Takes a part of the extras; false when it is not to be had.
#[must_use]
pub(crate) fn take(machine: &Machine, part: Part) -> bool {
    match part {
        Part::Empty | Part::Cores { .. } | Part::Share { .. } | Part::Memory { .. } => true,
        Part::Huge { numa_node, size, pages } => machine.huge(numa_node, size).take(pages),
        Part::Devices { word, millis } => machine.devices(word).take(millis),
        Part::Counter { counter, amount } => machine.counter(counter).take(amount),
        Part::Bits { word, bits } => machine.bits(word).take(bits),
    }
}

/// Gives back a part of the extras.
pub(crate) fn give(machine: &Machine, part: Part) {
    match part {
        Part::Empty | Part::Cores { .. } | Part::Share { .. } | Part::Memory { .. } => {}
        Part::Huge { numa_node, size, pages } => machine.huge(numa_node, size).give(pages),
        Part::Devices { word, millis } => machine.devices(word).give(millis),
        Part::Counter { counter, amount } => machine.counter(counter).give(amount),
        Part::Bits { word, bits } => machine.bits(word).give(bits),
    }
}
