//! Restore: claims that exist already, told to a fresh table, after the caller's restart or an agent's registration.
//!
//! In this order: the pools as the agent runs them, the exclusive claims, the shared ones, then `trim_pools`. Shares find
//! their room in the restored pools and never make them grow: the cores to grow by may belong to a claim still to come.
//! Roles are charged past their limits: what runs is a fact.

use core::fmt;
use std::collections::BTreeSet;

use crate::PAGE_BYTES;
use crate::claim::Holder;
use crate::exact::{self, Inexact};
use crate::extras;
use crate::group::GroupId;
use crate::ids::{AgentId, ClaimId, NumaNodeId, PuId, RoleId};
use crate::leaf::PuState;
use crate::ledger::ChargeError;
use crate::machine::Machine;
use crate::membership::NO_LIMIT;
use crate::outcome::Grant;
use crate::part::Part;
use crate::placement::Placement;
use crate::pooling;
use crate::reason::{Invalid, Wanted};
use crate::site::Site;
use crate::taking::Taking;

/// Why something cannot be restored. The rest of what is to be restored is not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The agent is unknown.
    NoSuchAgent(AgentId),
    /// The role is unknown.
    NoSuchRole(RoleId),
    /// The group is unknown.
    NoSuchGroup(GroupId),
    /// The placement cannot be one of this machine.
    Invalid(Invalid),
    /// A PU is held by another claim or a pool.
    PuTaken(PuId),
    /// The pool has less room; restore pools first.
    PoolTooSmall {
        /// The pool's NUMA node.
        numa_node: Option<NumaNodeId>,
        /// What was asked, in thousandths of a PU.
        asked_milli: u32,
        /// What there is.
        room_milli: u32,
    },
    /// The NUMA node has less memory, or those on it do not admit the claim.
    MemoryTaken {
        /// The NUMA node.
        numa_node: NumaNodeId,
        /// What was asked, in bytes.
        asked_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// Huge pages, a device, disk, a scalar, a number or an item is held by another claim, or there is less.
    ExtraTaken(Wanted),
    /// The agent's claim records are used up.
    RecordsFull,
    /// Another call is at work on the agent; ask again.
    Contended,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoSuchAgent(agent) => write!(f, "agent {agent} is unknown: add it first"),
            Self::NoSuchRole(role) => write!(f, "role {role} is unknown: add it first"),
            Self::NoSuchGroup(group) => write!(f, "group {group} is unknown: add it first"),
            Self::Invalid(invalid) => write!(f, "{invalid}"),
            Self::PuTaken(pu) => write!(f, "PU {pu} is held by another claim or a pool: two claims name it"),
            Self::PoolTooSmall { numa_node, asked_milli, room_milli } => {
                let place = numa_node.map_or_else(|| "cores in no NUMA node".into(), |numa_node| numa_node.to_string());
                write!(f, "the pool of {place} has room for {room_milli} of {asked_milli} cpu_milli: ")?;
                f.write_str("restore the pool's cores before its shares")
            }
            Self::MemoryTaken { numa_node, asked_bytes, free_bytes } => {
                write!(f, "{numa_node} has {free_bytes} free bytes for {asked_bytes}, ")?;
                f.write_str("or claims this one may not be mixed with")
            }
            Self::RecordsFull => f.write_str("the agent's claim records are used up: raise Capacity::claims"),
            Self::ExtraTaken(what) => write!(f, "too few free {}: two claims name the same", what.noun()),
            Self::Contended => f.write_str("another call is at work on the agent: ask again"),
        }
    }
}

impl core::error::Error for RestoreError {}

impl From<Inexact> for RestoreError {
    fn from(inexact: Inexact) -> Self {
        match inexact {
            Inexact::Invalid(invalid) => Self::Invalid(invalid),
            Inexact::Records => Self::RecordsFull,
        }
    }
}

/// Restores the cores of a pool. When a PU is taken, the cores before it are in the pool; `trim_pools` lets them go.
pub(crate) fn restore_pool(
    machine: Machine<'_>,
    numa_node: Option<NumaNodeId>,
    pus: &[PuId],
) -> Result<(), RestoreError> {
    let layout = &machine.shape.layout;
    let pool = layout.pool_of(numa_node).ok_or(RestoreError::Invalid(Invalid::UnknownPool(numa_node)))?;
    let cores = exact::whole_cores(machine.shape, pus).map_err(RestoreError::Invalid)?;
    if cores.iter().any(|(leaf, _)| layout.leaves[usize::from(leaf)].pool != pool) {
        return Err(RestoreError::Invalid(Invalid::UnknownPool(numa_node)));
    }
    for (leaf, bits) in cores.iter() {
        if !pooling::adopt(&machine, leaf, bits) {
            return Err(taken(machine, Part::Cores { leaf, member: 0, pus: bits }));
        }
    }
    Ok(())
}

/// Restores a claim.
pub(crate) fn restore(site: &Site<'_>, holder: Holder, placement: &Placement) -> Result<Grant, RestoreError> {
    let (machine, hands) = (site.machine, site.hands);
    let mut record = site.begin(holder.owner, holder.role).map_err(|_| RestoreError::RecordsFull)?;
    exact::parts(machine.shape, placement, &mut record)?;
    let groups = hands.table.groups();
    let mut named = BTreeSet::new();
    for &group in &placement.groups {
        if !named.insert(group.at()) {
            return Err(RestoreError::Invalid(Invalid::Unsorted { field: "groups" }));
        }
        let key = group.head(groups).ok_or(RestoreError::NoSuchGroup(group))?.key;
        let member = Part::Member { group: group.at(), value: groups.value(key, site.agent), most: NO_LIMIT };
        record.push(member).map_err(|_| RestoreError::RecordsFull)?;
    }
    record.sort();
    let charged = record.amounts(hands.places_of(record.place()));
    let claim = ClaimId::new(site.agent, record.slot(), record.generation());
    let mut taking = Taking::start(&hands, &machine, &mut record);
    taking.charge_fact(&charged).map_err(|why| match why {
        ChargeError::NoSuchRole => RestoreError::NoSuchRole(holder.role),
        ChargeError::Over(_) | ChargeError::Contended => RestoreError::Contended,
    })?;
    if !taking.take_all() {
        return Err(taken(machine, taking.stopped_at()));
    }
    // Dropped, it gives all back.
    if let Some(&group) = placement.groups.iter().find(|group| group.head(groups).is_none()) {
        return Err(RestoreError::NoSuchGroup(group));
    }
    let is_kept = |part: Part| match part {
        Part::Member { group, value, .. } => {
            groups.head(group).is_some_and(|head| groups.value(head.key, site.agent) == value)
        }
        Part::Empty | Part::Cores { .. } | Part::Share { .. } | Part::Memory { .. } | Part::Extra { .. } => true,
    };
    if !site.is_current() || !taking.record().parts().all(|(_, part)| is_kept(part)) {
        return Err(RestoreError::Contended);
    }
    Ok(Grant { claim, charged: charged.quantities(), pools_changed: taking.keep() })
}

/// The error for a part that was not to be had.
fn taken(machine: Machine<'_>, part: Part) -> RestoreError {
    match part {
        Part::Empty | Part::Member { .. } => RestoreError::Contended,
        Part::Cores { leaf, pus, .. } => {
            let taken = pus & !machine.pus_in(leaf, PuState::Free);
            exact::pus_of(machine.shape, leaf, taken).min().map_or(RestoreError::Contended, RestoreError::PuTaken)
        }
        Part::Share { pool, cpu_milli, .. } => RestoreError::PoolTooSmall {
            numa_node: exact::pool_numa_node(machine.shape, pool),
            asked_milli: cpu_milli,
            room_milli: machine.pool(pool).room_milli(),
        },
        Part::Memory { numa_node, pages, .. } => RestoreError::MemoryTaken {
            numa_node,
            asked_bytes: pages * PAGE_BYTES,
            free_bytes: machine.memory(numa_node).pages() * PAGE_BYTES,
        },
        Part::Extra { word, .. } => RestoreError::ExtraTaken(extras::exact::what(machine.shape, word)),
    }
}
