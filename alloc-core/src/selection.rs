//! Selection: which agents requests of one shape may go to, worked out once and used by many placements.
//!
//! Constraints and a predicate are told once. They are tried on every agent, and the answer is kept as a [`Mask`] per shard, which
//! a search for leaves joins with the index, one word per row.
//!
//! **Epoch.** The table counts every change of which agents there are and of their attributes, and keeps the last few. A selection
//! that is behind catches up before it is used: by the agents that changed, or, if it missed too many, by all. So a call sees every
//! change that was over when it began. What changes during a placement is looked at once more when it was granted; should the agent
//! not be meant any more, the claim is given back, and the answer is `Contended`.

use core::fmt;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::attributes::Attributes;
use crate::company::Company;
use crate::constraint::{Constraint, ConstraintError, ConstraintFault, MAX_CONSTRAINTS};
use crate::facts::Facts;
use crate::group::{GroupId, Rule};
use crate::ids::AgentId;
use crate::index::Span;
use crate::mask::Mask;
use crate::membership::Groups;
use crate::place::Unplaced;
use crate::reason::Excluded;
use crate::table::{Table, TableError};
use crate::topology::Topology;

/// How many changes are kept.
const CHANGES: usize = if cfg!(loom) { 2 } else { 1024 };

/// An agent came, went or got other attributes; the positions that were or are its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) agent: AgentId,
    pub(crate) span: Span,
}

/// The newest changes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Changes(VecDeque<Change>);

impl Changes {
    pub(crate) fn push(&mut self, change: Change) {
        if self.0.len() == CHANGES {
            self.0.pop_front();
        }
        self.0.push_back(change);
    }

    /// The last `count`, if they are all kept still.
    fn last(&self, count: u64) -> Option<Vec<Change>> {
        let count = usize::try_from(count).ok().filter(|count| *count <= self.0.len())?;
        Some(self.0.range(self.0.len() - count..).copied().collect())
    }
}

/// Says of an agent and its attributes whether it is meant.
type Predicate = Box<dyn Fn(AgentId, &Attributes) -> bool + Send + Sync>;

/// Which agents requests of one shape may go to. Made by [`Table::select`] and [`Table::select_by`]; one thread's at a time.
///
/// A selection used with another table than the one that made it is worked out anew for that one.
pub struct Selection {
    constraints: Vec<Constraint>,
    predicate: Option<Predicate>,
    company: Company,
    masks: Vec<Mask>,
    agents: u32,
    /// Which table, and its epoch.
    seen: Option<(Arc<()>, u64)>,
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("constraints", &self.constraints)
            .field("predicate", &self.predicate.is_some())
            .field("agents", &self.agents)
            .finish_non_exhaustive()
    }
}

/// An agent that a predicate has to be asked about.
type Asked = (AgentId, Span, Attributes);

impl Selection {
    fn new(constraints: Vec<Constraint>) -> Self {
        Self { constraints, predicate: None, company: Company::default(), masks: Vec::new(), agents: 0, seen: None }
    }

    /// The same, of the agents for which the predicate is true as well.
    ///
    /// The predicate is asked once for each agent, and again when the agent changed; it may read the table.
    #[must_use]
    pub fn and_by(mut self, predicate: impl Fn(AgentId, &Attributes) -> bool + Send + Sync + 'static) -> Self {
        self.predicate = Some(match self.predicate.take() {
            Some(first) => Box::new(move |agent, attributes| first(agent, attributes) && predicate(agent, attributes)),
            None => Box::new(predicate),
        });
        (self.seen, self.agents) = (None, 0);
        self
    }

    /// The same, for claims that become members of a group. A membership takes a part of the claim's record.
    #[must_use]
    pub fn joining(mut self, group: GroupId) -> Self {
        self.company.join_group(group);
        self
    }

    /// The same, where this rule holds too.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.company.mind(rule);
        self.seen = None;
        self
    }

    /// How many agents are meant, as of its last use; 0 before the first one, or since it was changed.
    #[must_use]
    pub const fn agents(&self) -> u32 {
        self.agents
    }

    /// Whether an agent is meant, by constraints and predicate; a selection that is behind catches up first.
    #[must_use]
    pub fn contains(&mut self, table: &Table, agent: AgentId) -> bool {
        self.refresh(table);
        self.is_in(table, agent)
    }

    /// The constraints, in the order given.
    #[must_use]
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    #[inline]
    pub(crate) const fn company(&self) -> &Company {
        &self.company
    }

    pub(crate) const fn company_mut(&mut self) -> &mut Company {
        &mut self.company
    }

    /// Finds the groups for a placement.
    ///
    /// # Errors
    /// As [`Company::begin`].
    pub(crate) fn begin(&mut self, groups: &Groups) -> Result<(), Unplaced> {
        // A group that comes later has a domain still to be found.
        self.company.begin(groups).inspect_err(|_| self.seen = None)
    }

    /// The mask of a shard.
    #[inline]
    pub(crate) fn mask(&self, shard: u8) -> &Mask {
        &self.masks[usize::from(shard)]
    }

    /// Whether nothing changed in the table since it caught up last.
    #[inline]
    pub(crate) fn is_current(&self, table: &Table) -> bool {
        self.seen.as_ref().is_some_and(|(of, epoch)| Arc::ptr_eq(of, table.token()) && *epoch == table.epoch())
    }

    /// Catches up with the table.
    #[inline]
    pub(crate) fn refresh(&mut self, table: &Table) {
        if !self.is_current(table) {
            self.catch_up(table);
        }
    }

    #[cold]
    fn catch_up(&mut self, table: &Table) {
        let topology = table.topology();
        let epoch = table.epoch();
        // Should a predicate panic, all is worked out anew.
        let seen = self.seen.take().filter(|(of, _)| Arc::ptr_eq(of, table.token()));
        let changes = seen.and_then(|(_, seen)| topology.changes.last(epoch - seen));
        let asked = match changes {
            Some(changes) => self.look_at(table, &topology.facts, changes),
            None => self.look_at_all(table, &topology.facts),
        };
        drop(topology);
        self.ask(table, asked);
        if !self.company.is_empty() {
            let agents: Vec<AgentId> = table.agents().filter(|agent| self.is_in(table, *agent)).collect();
            self.company.find_domains(table.groups(), &agents);
        }
        self.seen = Some((table.token().clone(), epoch));
    }

    fn look_at_all(&mut self, table: &Table, facts: &Facts) -> Vec<Asked> {
        self.masks = table.shards().iter().map(|shard| Mask::new(shard.index.rows())).collect();
        self.agents = 0;
        let agents: Vec<AgentId> = table.agents().collect();
        let change = |agent| Some(Change { agent, span: table.span_of(agent)? });
        self.look_at(table, facts, agents.into_iter().filter_map(change).collect())
    }

    fn look_at(&mut self, table: &Table, facts: &Facts, changes: Vec<Change>) -> Vec<Asked> {
        changes.into_iter().filter_map(|change| self.look_again(table, facts, change)).collect()
    }

    /// Tries the constraints on an agent that changed; gives it back if the predicate is to be asked.
    fn look_again(&mut self, table: &Table, facts: &Facts, Change { agent, span }: Change) -> Option<Asked> {
        self.put(table, (agent, span), false);
        // The positions may be another agent's by now, which has a change of its own.
        let here = table.span_of(agent) == Some(span) && self.excluded_by(facts, agent).is_none();
        if here && self.predicate.is_some() {
            return Some((agent, span, facts.attributes(agent.index())));
        }
        self.put(table, (agent, span), here);
        None
    }

    /// Asks the predicate, without the table's lock.
    fn ask(&mut self, table: &Table, asked: Vec<Asked>) {
        for (agent, span, attributes) in asked {
            let allowed = self.predicate.as_ref().is_none_or(|predicate| predicate(agent, &attributes));
            self.put(table, (agent, span), allowed);
        }
    }

    /// Whether an agent is meant, as of the last use.
    fn is_in(&self, table: &Table, agent: AgentId) -> bool {
        let place = table.locate(agent).zip(table.span_of(agent));
        place.is_some_and(|((shard, _), span)| self.mask(shard).has(span.first))
    }

    fn put(&mut self, table: &Table, (agent, span): (AgentId, Span), allowed: bool) {
        let shard = table.locate(agent).map(|(shard, _)| usize::from(shard));
        let Some(mask) = shard.and_then(|shard| self.masks.get_mut(shard)) else { return };
        let was = mask.has(span.first);
        mask.put(span, allowed);
        self.agents = self.agents + u32::from(allowed) - u32::from(was);
    }

    /// The first constraint that an agent does not meet.
    fn excluded_by(&self, facts: &Facts, agent: AgentId) -> Option<Excluded> {
        let value = |name| facts.get(agent.index(), name);
        let at = self.constraints.iter().position(|constraint| !constraint.holds(agent, value))?;
        Some(Excluded::Constraint(u8::try_from(at).unwrap_or(u8::MAX)))
    }

    /// Whether an agent is meant, as it is at this moment.
    #[cold]
    pub(crate) fn means(&self, table: &Table, agent: AgentId) -> bool {
        let topology = table.topology();
        if self.excluded_by(&topology.facts, agent).is_some() {
            return false;
        }
        let attributes = self.predicate.as_ref().map(|predicate| (predicate, topology.facts.attributes(agent.index())));
        drop(topology);
        attributes.is_none_or(|(predicate, attributes)| predicate(agent, &attributes))
    }

    /// All agents that are not meant, and what excludes them.
    pub(crate) fn excluded(&mut self, table: &Table) -> BTreeMap<AgentId, Excluded> {
        self.refresh(table);
        let topology = table.topology();
        let others = table.agents().filter(|agent| !self.is_in(table, *agent));
        others.map(|agent| (agent, self.excluded_by(&topology.facts, agent).unwrap_or(Excluded::Predicate))).collect()
    }
}

/// Attributes, and selections by them.
impl Table {
    /// Tells an agent's attributes, in place of those told before. They go when the agent goes.
    ///
    /// # Errors
    /// [`TableError::NoSuchAgent`].
    pub fn set_attributes(&self, agent: AgentId, attributes: Attributes) -> Result<(), TableError> {
        let mut topology = self.topology();
        let span = self.span_of(agent).ok_or(TableError::NoSuchAgent(agent))?;
        self.tell(&mut topology, agent, attributes);
        self.note_change(&mut topology, Change { agent, span });
        Ok(())
    }

    /// An agent's attributes; `None` when it is not there.
    #[must_use]
    pub fn attributes(&self, agent: AgentId) -> Option<Attributes> {
        let topology = self.topology();
        self.state(agent).map(|_| topology.facts.attributes(agent.index()))
    }

    /// The agents that meet all constraints; without any, all agents.
    ///
    /// # Errors
    /// [`ConstraintError`].
    pub fn select(&self, constraints: impl IntoIterator<Item = Constraint>) -> Result<Selection, ConstraintError> {
        let tidy = |(at, constraint): (usize, Constraint)| {
            let tidy = if at < MAX_CONSTRAINTS { constraint.tidy() } else { Err(ConstraintFault::TooMany) };
            tidy.map_err(|fault| ConstraintError { at, fault })
        };
        let constraints = constraints.into_iter().enumerate().map(tidy).collect::<Result<_, _>>()?;
        let mut selection = Selection::new(constraints);
        selection.refresh(self);
        Ok(selection)
    }

    /// The agents for which the predicate is true; see [`Selection::and_by`].
    pub fn select_by(&self, predicate: impl Fn(AgentId, &Attributes) -> bool + Send + Sync + 'static) -> Selection {
        let mut selection = Selection::new(Vec::new()).and_by(predicate);
        selection.refresh(self);
        selection
    }

    /// Replaces what is told of an agent.
    pub(crate) fn tell(&self, topology: &mut Topology, agent: AgentId, attributes: Attributes) {
        topology.facts.set(agent.index(), attributes);
        self.tell_keys(topology, agent);
    }

    /// The positions of an agent's leaves, if it is there.
    pub(crate) fn span_of(&self, agent: AgentId) -> Option<Span> {
        let (shard, at) = self.locate(agent)?;
        let (shard, cell) = (self.shard(shard), self.shard(shard).cell(at));
        cell.state?;
        Some(shard.machine(self.shape_at(cell.shape), cell.line).whole_span())
    }

    /// Keeps a change and counts it.
    pub(crate) fn note_change(&self, topology: &mut Topology, change: Change) {
        topology.changes.push(change);
        self.count_change();
    }
}
