//! Constraints: which agents a request may go to, by their attributes and by lists of agents.
//!
//! All constraints of a [`Selection`](crate::Selection) must hold. A test is false for a value of another type, and, but for
//! [`Test::Absent`] and [`Test::TextNotIn`], for an agent without the attribute. What these do not say, text patterns for one, is
//! said by a predicate: [`Table::select_by`](crate::Table::select_by).

use core::fmt;

use crate::attributes::{AttributeValue, NumberSpan};
use crate::ids::{AgentId, NameId};

/// The most constraints of a selection.
pub const MAX_CONSTRAINTS: usize = 256;

/// A question about the value of one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The agent has the attribute, whatever its value.
    Exists,
    /// The agent does not have the attribute.
    Absent,
    /// It is one of these texts.
    TextIn(Vec<String>),
    /// It is none of these texts: another one, a value of another type, or absent.
    TextNotIn(Vec<String>),
    /// It is a scalar of at least so many thousandths.
    ScalarAtLeast(i64),
    /// It is a scalar of at most so many thousandths.
    ScalarAtMost(i64),
    /// It is a scalar of just so many thousandths.
    ScalarIs(i64),
    /// It is ranges that contain all these numbers.
    RangesContain(NumberSpan),
    /// It is a set with all of these texts.
    SetHasAll(Vec<String>),
    /// It is a set with at least one of these texts.
    SetHasAny(Vec<String>),
}

impl Test {
    /// Whether it is one given text.
    #[must_use]
    pub fn text_is(text: &str) -> Self {
        Self::TextIn(vec![text.to_owned()])
    }

    /// Whether a value passes; `None` is an absent one.
    fn passes(&self, value: Option<&AttributeValue>) -> bool {
        let Some(value) = value else { return matches!(self, Self::Absent | Self::TextNotIn(_)) };
        let has = |set: &[Box<str>], text: &String| set.binary_search_by(|own| (**own).cmp(text)).is_ok();
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::TextIn(texts), AttributeValue::Text(text)) => texts.iter().any(|one| **one == **text),
            (Self::TextNotIn(texts), AttributeValue::Text(text)) => texts.iter().all(|one| **one != **text),
            (Self::TextNotIn(_), _) => true,
            (Self::ScalarAtLeast(least), AttributeValue::ScalarMilli(milli)) => milli >= least,
            (Self::ScalarAtMost(most), AttributeValue::ScalarMilli(milli)) => milli <= most,
            (Self::ScalarIs(wanted), AttributeValue::ScalarMilli(milli)) => milli == wanted,
            (Self::RangesContain(wanted), AttributeValue::Ranges(spans)) => {
                spans.iter().any(|span| span.contains(*wanted))
            }
            (Self::SetHasAll(texts), AttributeValue::Set(set)) => texts.iter().all(|text| has(set, text)),
            (Self::SetHasAny(texts), AttributeValue::Set(set)) => texts.iter().any(|text| has(set, text)),
            _ => false,
        }
    }

    fn check(&self) -> Result<(), ConstraintFault> {
        match self {
            Self::TextIn(texts) | Self::TextNotIn(texts) | Self::SetHasAll(texts) | Self::SetHasAny(texts)
                if texts.is_empty() =>
            {
                Err(ConstraintFault::Empty)
            }
            Self::RangesContain(span) if span.first > span.last => Err(ConstraintFault::Backwards),
            _ => Ok(()),
        }
    }
}

/// An attribute and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which attribute.
    pub name: NameId,
    /// What is asked.
    pub test: Test,
}

/// What an agent must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// The condition holds.
    Meets(Condition),
    /// In one of these groups, all conditions hold.
    AnyOf(Vec<Vec<Condition>>),
    /// It is one of these agents.
    AgentIn(Vec<AgentId>),
    /// It is none of these agents.
    AgentNotIn(Vec<AgentId>),
}

impl Constraint {
    /// A condition on one attribute.
    #[must_use]
    pub const fn new(name: NameId, test: Test) -> Self {
        Self::Meets(Condition { name, test })
    }

    /// Whether an agent meets it, whose values `value` tells.
    pub(crate) fn holds<'a>(&self, agent: AgentId, value: impl Fn(NameId) -> Option<&'a AttributeValue>) -> bool {
        let meets = |condition: &Condition| condition.test.passes(value(condition.name));
        match self {
            Self::Meets(condition) => meets(condition),
            Self::AnyOf(groups) => groups.iter().any(|group| group.iter().all(meets)),
            Self::AgentIn(agents) => agents.binary_search(&agent).is_ok(),
            Self::AgentNotIn(agents) => agents.binary_search(&agent).is_err(),
        }
    }

    /// The constraint as it is kept, lists of agents sorted.
    pub(crate) fn tidy(mut self) -> Result<Self, ConstraintFault> {
        match &mut self {
            Self::Meets(condition) => condition.test.check()?,
            Self::AnyOf(groups) if groups.is_empty() => return Err(ConstraintFault::Empty),
            Self::AnyOf(groups) => groups.iter().flatten().try_for_each(|condition| condition.test.check())?,
            Self::AgentIn(agents) | Self::AgentNotIn(agents) => agents.sort_unstable(),
        }
        Ok(self)
    }
}

/// What is wrong with a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintFault {
    /// A list of texts or of groups is empty.
    Empty,
    /// A span ends before it begins.
    Backwards,
    /// There are more constraints than [`MAX_CONSTRAINTS`].
    TooMany,
}

/// Why a selection cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstraintError {
    /// Which constraint, counted from 0.
    pub at: usize,
    /// What is wrong with it.
    pub fault: ConstraintFault,
}

impl fmt::Display for ConstraintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            ConstraintFault::Empty => "has an empty list: name at least one, or leave the constraint out",
            ConstraintFault::Backwards => "has a span that ends before it begins: swap its ends",
            ConstraintFault::TooMany => {
                return write!(
                    f,
                    "constraint {} is one too many: give at most {MAX_CONSTRAINTS}, or a predicate",
                    self.at
                );
            }
        };
        write!(f, "constraint {} {fault}", self.at)
    }
}

impl core::error::Error for ConstraintError {}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn tests_ask_values_of_their_type_only() {
        let text = AttributeValue::text("a");
        let scalar = AttributeValue::ScalarMilli(1500);
        let ranges = AttributeValue::Ranges(Box::new([NumberSpan { first: 10, last: 20 }]));
        let set = AttributeValue::set(["a", "b"]);
        let span = |first, last| Test::RangesContain(NumberSpan { first, last });
        // Each test, and whether it passes for text, scalar, ranges, set, and an absent value.
        let table = [
            (Test::Exists, [true, true, true, true, false]),
            (Test::Absent, [false, false, false, false, true]),
            (Test::text_is("a"), [true, false, false, false, false]),
            (Test::TextIn(texts(&["b", "c"])), [false; 5]),
            (Test::TextNotIn(texts(&["a"])), [false, true, true, true, true]),
            (Test::ScalarAtLeast(1500), [false, true, false, false, false]),
            (Test::ScalarAtMost(1499), [false; 5]),
            (Test::ScalarIs(1500), [false, true, false, false, false]),
            (span(10, 20), [false, false, true, false, false]),
            (span(20, 21), [false; 5]),
            (Test::SetHasAll(texts(&["b", "a"])), [false, false, false, true, false]),
            (Test::SetHasAll(texts(&["b", "c"])), [false; 5]),
            (Test::SetHasAny(texts(&["b", "c"])), [false, false, false, true, false]),
        ];
        for (test, passes) in table {
            let values = [Some(&text), Some(&scalar), Some(&ranges), Some(&set), None];
            assert_eq!(values.map(|value| test.passes(value)), passes, "{test:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let faulty = |constraint: Constraint| constraint.tidy().err();
        assert_eq!(faulty(Constraint::new(NameId::new(0), Test::TextIn(vec![]))), Some(ConstraintFault::Empty));
        assert_eq!(faulty(Constraint::AnyOf(vec![])), Some(ConstraintFault::Empty));
        let span = NumberSpan { first: 2, last: 1 };
        assert_eq!(
            faulty(Constraint::AnyOf(vec![vec![Condition { name: NameId::new(0), test: Test::RangesContain(span) }]])),
            Some(ConstraintFault::Backwards)
        );
    }
}
