//! Rules: what a placement minds of a group.

use meros_alloc_core as alloc;

use crate::codes::{NONE, flag, pick};
use crate::pointer::{Argument, narrow, not_of_kind, plain, unused};
use crate::siting_codes::RuleKind;

/// What a placement minds of a group. What has no meaning beside its kind is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// A meros_rule_kind.
    pub kind: u32,
    /// The group.
    pub group: u32,
    /// With `MEROS_RULE_KIND_AT_MOST`: how many members a value may have, 1 to 65534.
    pub members: u32,
    /// With `MEROS_RULE_KIND_NEAR`: 1 when the first member may be anywhere; else 0.
    pub or_first: u32,
    /// With `MEROS_RULE_KIND_SPREAD`: by how much a value may come to exceed the one with fewest, 1 to 65535; `MEROS_NONE` for no limit.
    pub max_skew: u32,
    /// 0.
    pub reserved: [u32; 3],
}

plain!(Rule);

/// The most members that a rule may admit.
const MOST_MEMBERS: u32 = 65_534;

pub(crate) fn rule_of(rule: &Rule) -> Result<alloc::Rule, Argument> {
    let Rule { kind, group, members, or_first, max_skew, reserved } = *rule;
    unused("rules.reserved", &reserved.map(u64::from))?;
    use RuleKind as Kind;
    let kind = pick("rules.kind", kind, &[Kind::AtMost, Kind::Near, Kind::Apart, Kind::Spread])?;
    let beside = |name, of_kind, field: u32| not_of_kind(name, &[if of_kind { 0 } else { field.into() }]);
    beside("rules.members", matches!(kind, Kind::AtMost), members)?;
    beside("rules.or_first", matches!(kind, Kind::Near), or_first)?;
    beside("rules.max_skew", matches!(kind, Kind::Spread), max_skew)?;
    let group = alloc::GroupId::from_u32(group);
    Ok(match kind {
        Kind::AtMost => alloc::Rule::AtMost { group, members: at_least_one("rules.members", members, MOST_MEMBERS)? },
        Kind::Near => alloc::Rule::Near { group, or_first: flag("rules.or_first", or_first)? },
        Kind::Apart => alloc::Rule::Apart { group },
        Kind::Spread if max_skew == NONE => alloc::Rule::Spread { group, max_skew: None },
        Kind::Spread => {
            let skew = at_least_one("rules.max_skew", max_skew, u32::from(u16::MAX))?;
            alloc::Rule::Spread { group, max_skew: Some(skew) }
        }
    })
}

fn at_least_one(name: &'static str, value: u32, most: u32) -> Result<u16, Argument> {
    if value == 0 { Err(Argument::Zero(name)) } else { narrow(name, value, most) }
}
