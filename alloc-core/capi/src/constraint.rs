//! Constraints: which agents a selection means, by their attributes and by lists of agents.

use meros_alloc_core as alloc;

use crate::attribute::{Text, texts_of};
use crate::codes::pick;
use crate::extras_spec::Span;
use crate::pointer::{Argument, In, not_of_kind, plain, unused};
use crate::siting_codes::{ConstraintKind, Test};

/// An attribute and what is asked of it. What has no meaning beside its test is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// The attribute's name.
    pub name: u32,
    /// A meros_test.
    pub test: u32,
    /// The number that a scalar is compared with, in thousandths.
    pub scalar_milli: i64,
    /// The numbers that ranges are to contain.
    pub span: Span,
    /// The texts to compare with; at least one, where the test is of texts.
    pub texts: In<Text>,
    /// How many texts.
    pub texts_len: usize,
}

/// Conditions that hold together.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Alternative {
    /// The conditions.
    pub conditions: In<Condition>,
    /// How many; of none, all hold.
    pub conditions_len: usize,
}

/// What an agent must meet. What has no meaning beside its kind is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Constraint {
    /// A meros_constraint_kind.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// With `MEROS_CONSTRAINT_KIND_MEETS`: the one condition.
    pub condition: In<Condition>,
    /// With `MEROS_CONSTRAINT_KIND_ANY_OF`: at least one.
    pub alternatives: In<Alternative>,
    /// How many alternatives.
    pub alternatives_len: usize,
    /// With `MEROS_CONSTRAINT_KIND_AGENT_IN` and `MEROS_CONSTRAINT_KIND_AGENT_NOT_IN`: the agents, in any order.
    pub agents: In<u32>,
    /// How many agents.
    pub agents_len: usize,
}

plain!(Condition, Alternative, Constraint);

pub(crate) fn constraint_of(constraint: &Constraint) -> Result<alloc::Constraint, Argument> {
    let Constraint { kind, reserved, condition, alternatives, alternatives_len, agents, agents_len } = *constraint;
    unused("constraints.reserved", &[u64::from(reserved)])?;
    use ConstraintKind as Kind;
    let kind = pick("constraints.kind", kind, &[Kind::Meets, Kind::AnyOf, Kind::AgentIn, Kind::AgentNotIn])?;
    let of_agents = matches!(kind, Kind::AgentIn | Kind::AgentNotIn);
    let (meets, any_of) = (matches!(kind, Kind::Meets), matches!(kind, Kind::AnyOf));
    not_of_kind("constraints.condition", &[u64::from(!meets && !condition.is_null())])?;
    not_of_kind("constraints.alternatives_len", &[if any_of { 0 } else { alternatives_len as u64 }])?;
    not_of_kind("constraints.agents_len", &[if of_agents { 0 } else { agents_len as u64 }])?;
    Ok(match kind {
        Kind::Meets => alloc::Constraint::Meets(condition_of(&condition.array(1, "constraints.condition")?[0])?),
        Kind::AnyOf => {
            let alternatives = alternatives.array(alternatives_len, "constraints.alternatives")?;
            alloc::Constraint::AnyOf(alternatives.iter().map(alternative_of).collect::<Result<_, _>>()?)
        }
        Kind::AgentIn => alloc::Constraint::AgentIn(agents_of(agents, agents_len)?),
        Kind::AgentNotIn => alloc::Constraint::AgentNotIn(agents_of(agents, agents_len)?),
    })
}

fn alternative_of(alternative: &Alternative) -> Result<Vec<alloc::Condition>, Argument> {
    let Alternative { conditions, conditions_len } = *alternative;
    conditions.array(conditions_len, "constraints.alternatives.conditions")?.iter().map(condition_of).collect()
}

fn agents_of(agents: In<u32>, len: usize) -> Result<Vec<alloc::AgentId>, Argument> {
    Ok(agents.array(len, "constraints.agents")?.iter().copied().map(alloc::AgentId::new).collect())
}

/// The tests, in the order of their codes.
const TESTS: [Test; 10] = [
    Test::Exists,
    Test::Absent,
    Test::TextIn,
    Test::TextNotIn,
    Test::ScalarAtLeast,
    Test::ScalarAtMost,
    Test::ScalarIs,
    Test::RangesContain,
    Test::SetHasAll,
    Test::SetHasAny,
];

fn condition_of(condition: &Condition) -> Result<alloc::Condition, Argument> {
    let Condition { name, test, scalar_milli, span, texts, texts_len } = *condition;
    let test = pick("condition.test", test, &TESTS)?;
    let of_texts = matches!(test, Test::TextIn | Test::TextNotIn | Test::SetHasAll | Test::SetHasAny);
    let of_scalar = matches!(test, Test::ScalarAtLeast | Test::ScalarAtMost | Test::ScalarIs);
    let of_span = matches!(test, Test::RangesContain);
    not_of_kind("condition.scalar_milli", &[if of_scalar { 0 } else { scalar_milli.cast_unsigned() }])?;
    not_of_kind("condition.span", &if of_span { [0; 2] } else { [span.first, span.last] })?;
    not_of_kind("condition.texts_len", &[if of_texts { 0 } else { texts_len as u64 }])?;
    let texts = texts_of(texts, texts_len, ["condition.texts", "condition.texts.bytes"])?;
    let test = match test {
        Test::Exists => alloc::Test::Exists,
        Test::Absent => alloc::Test::Absent,
        Test::TextIn => alloc::Test::TextIn(texts),
        Test::TextNotIn => alloc::Test::TextNotIn(texts),
        Test::ScalarAtLeast => alloc::Test::ScalarAtLeast(scalar_milli),
        Test::ScalarAtMost => alloc::Test::ScalarAtMost(scalar_milli),
        Test::ScalarIs => alloc::Test::ScalarIs(scalar_milli),
        Test::RangesContain => alloc::Test::RangesContain(alloc::NumberSpan { first: span.first, last: span.last }),
        Test::SetHasAll => alloc::Test::SetHasAll(texts),
        Test::SetHasAny => alloc::Test::SetHasAny(texts),
    };
    Ok(alloc::Condition { name: alloc::NameId::new(name), test })
}
