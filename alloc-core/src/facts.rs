//! Facts: the attributes of all agents, as the table keeps them: each different value once, and of each agent 8 bytes per attribute.
//!
//! Who changes or reads them holds the table's lock; claims do neither.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::attributes::{AttributeValue, Attributes};
use crate::ids::NameId;

/// A value's number; a value that no agent has any more gives its number back.
type ValueAt = u32;

/// One agent's attributes, sorted by name.
type Row = Box<[(NameId, ValueAt)]>;

/// A value, and how many attributes are of it.
#[derive(Debug)]
struct Kept {
    value: Arc<AttributeValue>,
    uses: usize,
}

/// The attributes of all agents.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    values: Vec<Option<Kept>>,
    /// Numbers that are free.
    free: Vec<ValueAt>,
    numbers: BTreeMap<Arc<AttributeValue>, ValueAt>,
    /// By the number of the agent.
    rows: Vec<Row>,
}

impl Facts {
    /// Replaces an agent's attributes.
    pub(crate) fn set(&mut self, agent: usize, attributes: Attributes) {
        let row = attributes.into_values().into_iter().filter_map(|(name, value)| Some((name, self.keep(value)?)));
        let row: Row = row.collect();
        if self.rows.len() <= agent {
            self.rows.resize_with(agent + 1, Row::default);
        }
        let before = core::mem::replace(&mut self.rows[agent], row);
        before.iter().for_each(|(_, at)| self.drop_use(*at));
    }

    /// An agent's attributes, as they were told.
    pub(crate) fn attributes(&self, agent: usize) -> Attributes {
        let owned = |(name, value): (NameId, &AttributeValue)| (name, value.clone());
        Attributes::from_sorted(self.of(agent).map(owned).collect())
    }

    /// An agent's attributes, sorted by name.
    fn of(&self, agent: usize) -> impl Iterator<Item = (NameId, &AttributeValue)> {
        let row = self.rows.get(agent).map_or(&[][..], |row| row);
        row.iter().filter_map(|(name, at)| Some((*name, self.value(*at)?)))
    }

    /// An agent's value of a name.
    pub(crate) fn get(&self, agent: usize, name: NameId) -> Option<&AttributeValue> {
        let row = self.rows.get(agent)?;
        let at = row.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        self.value(row[at].1)
    }

    fn value(&self, at: ValueAt) -> Option<&AttributeValue> {
        self.values.get(at as usize)?.as_ref().map(|kept| &*kept.value)
    }

    /// The number of a value, with one use more. `None` when all numbers are taken, which are more than there are attributes.
    fn keep(&mut self, value: AttributeValue) -> Option<ValueAt> {
        if let Some(&at) = self.numbers.get(&value)
            && let Some(kept) = &mut self.values[at as usize]
        {
            kept.uses += 1;
            return Some(at);
        }
        let value = Arc::new(value);
        let at = match self.free.pop() {
            Some(at) => at,
            None => u32::try_from(self.values.len()).ok()?,
        };
        if at as usize == self.values.len() {
            self.values.push(None);
        }
        self.values[at as usize] = Some(Kept { value: value.clone(), uses: 1 });
        self.numbers.insert(value, at);
        Some(at)
    }

    fn drop_use(&mut self, at: ValueAt) {
        let Some(place) = self.values.get_mut(at as usize) else { return };
        if let Some(kept) = place {
            kept.uses -= 1;
            if kept.uses == 0 {
                self.numbers.remove(&kept.value);
                *place = None;
                self.free.push(at);
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn rack(text: &str) -> Attributes {
        Attributes::new([(NameId::new(1), AttributeValue::text(text))]).unwrap()
    }

    #[test]
    fn a_value_is_kept_once_and_as_long_as_somebody_has_it() {
        let mut facts = Facts::default();
        (0..5).for_each(|agent| facts.set(agent, rack("a")));
        assert_eq!((facts.values.len(), facts.numbers.len()), (1, 1));
        facts.set(3, rack("b"));
        assert_eq!(facts.attributes(3), rack("b"));
        assert_eq!(facts.attributes(4), rack("a"));
        (0..5).for_each(|agent| facts.set(agent, Attributes::default()));
        assert!(facts.numbers.is_empty());
        facts.set(9, rack("c"));
        assert_eq!(facts.values.len(), 2, "numbers are used again");
        assert_eq!(facts.attributes(77), Attributes::default());
    }
}
