//! Truth of the extras: what the records of an agent say is held, against what the words say is free.

use std::collections::BTreeMap;

use crate::extras::exact;
use crate::extras::word::ExtraWord;
use crate::ids::AgentId;
use crate::machine::Machine;
use crate::validate::ValidateError;

/// What claims hold, summed up.
#[derive(Debug, Default)]
pub(crate) struct ExtraTruth(BTreeMap<ExtraWord, u64>);

impl ExtraTruth {
    /// Adds what one claim holds; an error when another claim holds the same.
    pub(crate) fn add(
        &mut self,
        agent: AgentId,
        machine: Machine<'_>,
        (word, amount): (ExtraWord, u64),
    ) -> Result<(), ValidateError> {
        let held = self.0.entry(word).or_default();
        *held = word.give(*held, amount).ok_or_else(|| fault(agent, machine, word, *held))?;
        Ok(())
    }

    /// Checks every word: what is free and what is held are the whole together.
    pub(crate) fn check(&self, agent: AgentId, machine: Machine<'_>) -> Result<(), ValidateError> {
        for &(word, all) in machine.shape.extras.words() {
            let recorded = self.0.get(&word).copied().unwrap_or(0);
            if word.give(machine.extra(word), recorded) != Some(all) {
                return Err(fault(agent, machine, word, recorded));
            }
        }
        Ok(())
    }
}

fn fault(agent: AgentId, machine: Machine<'_>, word: ExtraWord, recorded: u64) -> ValidateError {
    let what = exact::what(machine.shape, word);
    ValidateError::Extra { agent, what, recorded, free: machine.extra(word) }
}
