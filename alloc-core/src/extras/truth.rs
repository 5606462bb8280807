//! Truth of the extras: what the records of an agent say is held, against what the words say is free.

use std::collections::BTreeMap;

use crate::agent::Machine;
use crate::device_word::Millis;
use crate::extras::exact;
use crate::extras::spec::HugeSize;
use crate::ids::{AgentId, NumaNodeId};
use crate::part::Part;
use crate::reason::Wanted;
use crate::validate::ValidateError;

/// What claims hold, summed up.
#[derive(Debug, Default)]
pub(crate) struct ExtraTruth {
    huge: BTreeMap<(NumaNodeId, HugeSize), u64>,
    devices: BTreeMap<u16, Millis>,
    counters: BTreeMap<u16, u64>,
    bits: BTreeMap<u16, u64>,
}

impl ExtraTruth {
    /// Adds what one claim holds; an error when another claim holds the same.
    pub(crate) fn add(&mut self, agent: AgentId, machine: &Machine, part: Part) -> Result<(), ValidateError> {
        match part {
            Part::Empty | Part::Cores { .. } | Part::Share { .. } | Part::Memory { .. } => {}
            Part::Huge { numa_node, size, pages } => *self.huge.entry((numa_node, size)).or_default() += pages,
            Part::Counter { counter, amount } => *self.counters.entry(counter).or_default() += amount,
            Part::Devices { word, millis } => {
                let held = self.devices.entry(word).or_default();
                *held = held.give(millis).ok_or_else(|| fault(agent, machine, part, held.bits(), millis.bits()))?;
            }
            Part::Bits { word, bits } => {
                let held = self.bits.entry(word).or_default();
                if *held & bits != 0 {
                    return Err(fault(agent, machine, part, *held, bits));
                }
                *held |= bits;
            }
        }
        Ok(())
    }

    /// Checks every word.
    pub(crate) fn check(&self, agent: AgentId, machine: &Machine) -> Result<(), ValidateError> {
        let layout = &machine.shape.extras;
        for (at, _) in (0..).zip(machine.shape.pages()) {
            let numa_node = NumaNodeId::new(at);
            for size in HugeSize::ALL {
                let recorded = self.huge.get(&(numa_node, size)).copied().unwrap_or(0);
                let (free, all) = (machine.huge(numa_node, size).free(), layout.huge(numa_node, size));
                if free.checked_add(recorded) != Some(all) {
                    return Err(fault(agent, machine, Part::Huge { numa_node, size, pages: 0 }, recorded, free));
                }
            }
        }
        for (counter, &all) in (0..).zip(layout.counters()) {
            let recorded = self.counters.get(&counter).copied().unwrap_or(0);
            let free = machine.counter(counter).free();
            if free.checked_add(recorded) != Some(all) {
                return Err(fault(agent, machine, Part::Counter { counter, amount: 0 }, recorded, free));
            }
        }
        self.check_devices(agent, machine)?;
        self.check_bits(agent, machine)
    }

    fn check_devices(&self, agent: AgentId, machine: &Machine) -> Result<(), ValidateError> {
        for word in (0..).take(machine.shape.extras.device_words()) {
            let recorded = self.devices.get(&word).copied().unwrap_or_default();
            let free = machine.devices(word).free();
            if free.give(recorded) != Some(machine.shape.extras.untouched(word)) {
                let part = Part::Devices { word, millis: recorded };
                return Err(fault(agent, machine, part, recorded.bits(), free.bits()));
            }
        }
        Ok(())
    }

    fn check_bits(&self, agent: AgentId, machine: &Machine) -> Result<(), ValidateError> {
        for word in (0..).take(machine.shape.extras.bit_words()) {
            let recorded = self.bits.get(&word).copied().unwrap_or(0);
            let free = machine.bits(word).free();
            if free ^ recorded != machine.shape.extras.pick_of(word).all_bits(word) || free & recorded != 0 {
                return Err(fault(agent, machine, Part::Bits { word, bits: recorded }, recorded, free));
            }
        }
        Ok(())
    }
}

fn fault(agent: AgentId, machine: &Machine, part: Part, recorded: u64, free: u64) -> ValidateError {
    let what = exact::what(&machine.shape, part).unwrap_or(Wanted::MemBytes);
    ValidateError::Extra { agent, what, recorded, free }
}
