//! Company: the groups that a selection's claims join, and the rules they mind, as a placement asks them agent by agent.
//!
//! What is asked beforehand is a reading. What must hold is in the parts that the claim takes (see [`membership`](crate::membership)), and
//! is looked at once more when all is taken, before the claim is Live.
//!
//! **Spread.** The values of all agents selected are the rule's domain. A placement first looks at the values with fewest members only,
//! then at those with the next larger number as well, and so on up to the largest skew.

use crate::group::{GroupId, Rule};
use crate::ids::AgentId;
use crate::membership::{AS_FIRST, Groups, NO_LIMIT};
use crate::part::Part;
use crate::place::Unplaced;
use crate::reason::Invalid;
use crate::record::OpenRecord;

/// A group to join.
#[derive(Clone, Copy, Debug)]
struct Join {
    group: GroupId,
    key: u16,
}

/// A rule, and what was found out of its group.
#[derive(Debug)]
struct Minded {
    rule: Rule,
    key: u16,
    /// For spread: the values to compare.
    domain: Vec<u32>,
    /// For spread: the most members a value may have, now and in the end.
    ceiling: u64,
    last_ceiling: u64,
}

/// All groups and rules of a selection.
#[derive(Debug, Default)]
pub(crate) struct Company {
    joins: Vec<Join>,
    rules: Vec<Minded>,
}

/// Made once.
impl Company {
    pub(crate) fn join_group(&mut self, group: GroupId) {
        if self.joins.iter().all(|join| join.group != group) {
            self.joins.push(Join { group, key: 0 });
        }
    }

    pub(crate) fn mind(&mut self, rule: Rule) {
        self.rules.push(Minded { rule, key: 0, domain: Vec::new(), ceiling: 0, last_ceiling: 0 });
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.joins.is_empty() && self.rules.is_empty()
    }

    /// Finds the domains of spread among these agents.
    pub(crate) fn find_domains(&mut self, groups: &Groups, agents: &[AgentId]) {
        for minded in self.rules.iter_mut().filter(|minded| matches!(minded.rule, Rule::Spread { .. })) {
            let key = minded.rule.group().head(groups).map_or(0, |head| head.key);
            let values = agents.iter().map(|agent| groups.value(key, *agent));
            minded.domain = values.filter(|value| *value != 0).collect();
            minded.domain.sort_unstable();
            minded.domain.dedup();
        }
    }
}

/// For one placement.
impl Company {
    /// Finds the groups, and how many members spread admits at first.
    ///
    /// # Errors
    /// A group that is not there, or a rule that cannot be meant.
    pub(crate) fn begin(&mut self, groups: &Groups) -> Result<(), Unplaced> {
        for join in &mut self.joins {
            join.key = join.group.head(groups).ok_or(Unplaced::NoSuchGroup(join.group))?.key;
        }
        let mut first = true;
        for minded in &mut self.rules {
            let group = minded.rule.group();
            minded.key = group.head(groups).ok_or(Unplaced::NoSuchGroup(group))?.key;
            if let Rule::AtMost { members: members @ (AS_FIRST | NO_LIMIT), .. } = minded.rule {
                return Err(Unplaced::Invalid(Invalid::MostMembers { members }));
            }
            if let Rule::Spread { max_skew, .. } = minded.rule {
                if max_skew == Some(0) {
                    return Err(Unplaced::Invalid(Invalid::NoSkew));
                }
                let fewest = minded.counts(groups).min().unwrap_or(0);
                minded.last_ceiling = max_skew.map_or(u64::MAX, |skew| fewest + u64::from(skew) - 1);
                minded.ceiling = if first { fewest } else { minded.last_ceiling };
                first = false;
            }
        }
        Ok(())
    }

    /// Admits values with more members; false when there are none.
    pub(crate) fn next(&mut self, groups: &Groups) -> bool {
        let spread = self.rules.iter_mut().find(|minded| matches!(minded.rule, Rule::Spread { .. }));
        let Some(minded) = spread else { return false };
        let next = minded.counts(groups).filter(|count| *count > minded.ceiling).min();
        let Some(next) = next.filter(|next| *next <= minded.last_ceiling) else { return false };
        minded.ceiling = next;
        true
    }

    /// Admits all values that may be admitted.
    pub(crate) fn admit_all(&mut self) {
        self.rules.iter_mut().for_each(|minded| minded.ceiling = minded.last_ceiling);
    }

    /// The first rule that does not hold on an agent at this moment.
    #[inline]
    pub(crate) fn broken_rule(&self, groups: &Groups, agent: AgentId) -> Option<usize> {
        self.rules.iter().position(|minded| !minded.holds(groups, agent))
    }

    /// Writes the memberships of a claim on an agent; false when a rule does not hold there, or there is no room for them.
    #[must_use]
    pub(crate) fn join(&self, groups: &Groups, agent: AgentId, record: &mut OpenRecord<'_>) -> bool {
        self.broken_rule(groups, agent).is_none()
            && self.memberships(groups, agent).all(|member| record.push(member).is_ok())
    }

    /// The memberships that a claim on an agent is to take, each with the limit under which its rules hold.
    pub(crate) fn memberships(&self, groups: &Groups, agent: AgentId) -> impl Iterator<Item = Part> {
        self.joins.iter().map(move |join| {
            let value = groups.value(join.key, agent);
            Part::Member { group: join.group.at(), value, most: self.limit(groups, join.group, value) }
        })
    }

    /// The most members that a value of a group to join may come to have.
    fn limit(&self, groups: &Groups, group: GroupId, value: u32) -> u16 {
        let of_group = self.rules.iter().filter(|minded| minded.rule.group() == group);
        let limits = of_group.map(|minded| match minded.rule {
            Rule::AtMost { members, .. } => members,
            Rule::Spread { .. } => u16::try_from(minded.ceiling.saturating_add(1)).unwrap_or(NO_LIMIT),
            // One reading decides: beside a member that is there, or as the first, which the head itself then holds to. Read apart,
            // the group may be empty for the rule and not any more for the limit, and a member comes to be alone.
            Rule::Near { or_first: true, .. } if groups.count(group.at(), value) == 0 => AS_FIRST,
            Rule::Near { .. } | Rule::Apart { .. } => NO_LIMIT,
        });
        limits.min().unwrap_or(NO_LIMIT)
    }

    /// Whether a claim whose words are taken is still what was meant: of these groups, of the values its agent has, and apart.
    #[must_use]
    pub(crate) fn is_kept(&self, groups: &Groups, agent: AgentId, record: &OpenRecord<'_>) -> bool {
        let joined = |join: &Join| {
            join.group.head(groups).is_some()
                && record.parts().any(|(_, part)| {
                    let value = groups.value(join.key, agent);
                    matches!(part, Part::Member { group, value: of, .. } if group == join.group.at() && of == value)
                })
        };
        self.joins.iter().all(joined) && self.rules.iter().all(|minded| self.is_apart(groups, agent, minded))
    }

    fn is_apart(&self, groups: &Groups, agent: AgentId, minded: &Minded) -> bool {
        let Rule::Apart { group } = minded.rule else { return true };
        let value = groups.value(minded.key, agent);
        let own = u64::from(self.joins.iter().any(|join| join.group == group));
        value == 0 || groups.count_after_join(group.at(), value) <= own
    }
}

impl Minded {
    /// How many members each value of the domain has.
    fn counts<'a>(&'a self, groups: &'a Groups) -> impl Iterator<Item = u64> {
        let at = self.rule.group().at();
        self.domain.iter().map(move |value| groups.count(at, *value))
    }

    #[inline]
    fn holds(&self, groups: &Groups, agent: AgentId) -> bool {
        let value = groups.value(self.key, agent);
        let at = self.rule.group().at();
        let count = || groups.count(at, value);
        match self.rule {
            Rule::AtMost { members, .. } => value != 0 && count() < u64::from(members),
            Rule::Spread { .. } => value != 0 && count() <= self.ceiling,
            Rule::Near { or_first, .. } => {
                let first = || or_first && groups.head(at).is_some_and(|head| head.members == 0);
                value != 0 && (count() > 0 || first())
            }
            Rule::Apart { .. } => value == 0 || count() == 0,
        }
    }
}
