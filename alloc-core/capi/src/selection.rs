//! Selection: which agents requests of one shape may go to, which groups their claims join, and which rules they mind.
//!
//! The core's selection is for one thread at a time, which C cannot promise by its types. So it lies in a lock that is only ever tried,
//! as a thread's handle does.

use core::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use meros_alloc_core as alloc;

use crate::attribute::Attribute;
use crate::boundary::{call, call_quietly};
use crate::constraint::{Constraint, constraint_of};
use crate::message::Message;
use crate::pointer::{Argument, In, Out, growing, not_of_kind, unused};
use crate::predicate::Predicate;
use crate::rule::{Rule, rule_of};
use crate::status::{No, Status};
use crate::table::Table;

/// Which agents requests of one shape may go to, worked out once and used by many calls. It follows what changes in its table. One
/// thread at a time; it may be handed to another between calls.
#[derive(Debug)]
pub struct Selection {
    selection: Mutex<alloc::Selection>,
    /// The table that it is of.
    table: Arc<alloc::Table>,
}

/// What a selection is to be. All constraints and the predicate must hold of an agent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SelectionSpec {
    /// sizeof(meros_selection_spec).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The constraints; without any, all agents.
    pub constraints: In<Constraint>,
    /// How many constraints, at most 256.
    pub constraints_len: usize,
    /// Groups that the claims join.
    pub groups: In<u32>,
    /// How many groups.
    pub groups_len: usize,
    /// Rules that the claims mind.
    pub rules: In<Rule>,
    /// How many rules.
    pub rules_len: usize,
    /// A function that answers 0 for an agent that is not meant, or NULL. It is asked once for each agent that meets the constraints, and
    /// again when the agent has changed, on the thread that uses the selection, with no lock held. What it gets is there for the call only.
    /// It may use the table, but not this selection, nor the meros_local of the call that asks. It must not longjmp, nor unwind: an
    /// exception of C++ that leaves it ends the process.
    pub predicate: Option<
        unsafe extern "C-unwind" fn(context: Out<c_void>, agent: u32, attributes: In<Attribute>, len: usize) -> u32,
    >,
    /// Passed to `predicate`; it must stay until meros_selection_free.
    pub context: Out<c_void>,
}

growing!(SelectionSpec);

/// A selection of agents of a table. Groups are looked up when it is used. Any thread. Free it with meros_selection_free, before or after
/// the table.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_selection_new(
    table: In<Table>,
    spec: In<SelectionSpec>,
    selection: Out<Out<Selection>>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (selection.handle_place("selection")?, Arc::clone(&table.handle("table")?.0));
        place.give(selection_of(table, &spec.growing("spec")?)?);
        Ok(())
    })
}

/// Frees a selection; NULL is fine. Any thread; nobody may be in a call with it.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_selection_free(selection: Out<Selection>) {
    call_quietly(|| drop(selection.take()));
}

/// How many agents a selection means at this moment, by constraints and predicate. One thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_selection_agents(selection: In<Selection>, agents: Out<u32>, message: Out<Message>) -> Status {
    call(message, || {
        let (place, selection) = (agents.place("agents")?, selection.handle("selection")?);
        let mut inner = selection.lock()?;
        // Whichever agent is asked for: the selection catches up first.
        let _asked = inner.contains(&selection.table, alloc::AgentId::new(0));
        place.put(inner.agents());
        Ok(())
    })
}

/// Whether a selection means an agent at this moment, by constraints and predicate: `contains` becomes 1 or 0. One thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_selection_contains(
    selection: In<Selection>,
    agent: u32,
    contains: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, selection) = (contains.place("contains")?, selection.handle("selection")?);
        place.put(selection.lock()?.contains(&selection.table, alloc::AgentId::new(agent)).into());
        Ok(())
    })
}

impl Selection {
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, alloc::Selection>, Argument> {
        match self.selection.try_lock() {
            Ok(inner) => Ok(inner),
            // A predicate that unwound left it to be worked out anew.
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Argument::SelectionInUse),
        }
    }
}

/// A selection that is used with a table, which must be its own.
pub(crate) fn selected<'a>(
    table: &In<Table>,
    selection: &'a In<Selection>,
) -> Result<MutexGuard<'a, alloc::Selection>, Argument> {
    let (table, selection) = (table.handle("table")?, selection.handle("selection")?);
    if !Arc::ptr_eq(&table.0, &selection.table) {
        return Err(Argument::OtherTable("selection"));
    }
    selection.lock()
}

fn selection_of(table: Arc<alloc::Table>, spec: &SelectionSpec) -> Result<Selection, No> {
    unused("spec.reserved", &[u64::from(spec.reserved)])?;
    not_of_kind("spec.context", &[u64::from(spec.predicate.is_none() && !spec.context.is_null())])?;
    let constraints = spec.constraints.array(spec.constraints_len, "spec.constraints")?;
    let joined = spec.groups.array(spec.groups_len, "spec.groups")?;
    let rules = spec.rules.array(spec.rules_len, "spec.rules")?;
    let constraints: Vec<_> = constraints.iter().map(constraint_of).collect::<Result<_, _>>()?;
    let minded: Vec<_> = rules.iter().map(rule_of).collect::<Result<_, _>>()?;
    let mut selection = table.select(constraints)?;
    for group in joined {
        selection = selection.joining(alloc::GroupId::from_u32(*group));
    }
    for rule in minded {
        selection = selection.with_rule(rule);
    }
    if spec.predicate.is_some() {
        let predicate = Predicate::new(spec.predicate, spec.context);
        selection = selection.and_by(move |agent, attributes| predicate.means(agent, attributes));
    }
    Ok(Selection { selection: Mutex::new(selection), table })
}
