//! Validate: every fast figure recomputed from the slow truth, which is the claim records.
//!
//! For the quiet state only: a call in flight is between two steps, and is reported as a fault.

use core::fmt;
use std::collections::BTreeMap;

use crate::MILLI_PER_PU;
use crate::amounts::Amounts;
use crate::extras::truth::ExtraTruth;
use crate::group::GroupId;
use crate::ids::{AgentId, NumaNodeId, RoleId};
use crate::leaf::PuState;
use crate::machine::Machine;
use crate::memory::MemoryWord;
use crate::part::Part;
use crate::reason::{Resource, Wanted};
use crate::record::State;
use crate::shard::Shard;
use crate::table::Table;

/// A figure that does not agree with the records. Any of these is a bug of this crate, or a call was in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidateError {
    /// A call is in flight, or died.
    InFlight,
    /// A call is at work on this record, or died in it.
    Busy {
        /// The record's slot.
        slot: u32,
    },
    /// Further records hang on no claim, or claims lack some.
    Slot {
        /// The record's slot.
        slot: u32,
    },
    /// The index does not tell what is free.
    Index {
        /// The agent.
        agent: AgentId,
    },
    /// Two claims hold the same PU.
    DoubleClaim {
        /// The agent.
        agent: AgentId,
        /// The leaf.
        leaf: u16,
        /// The bits both hold.
        pus: u32,
    },
    /// The PUs that claims hold are not those the leaf's word says are held.
    Cores {
        /// The agent.
        agent: AgentId,
        /// The leaf.
        leaf: u16,
        /// By the records.
        recorded: u32,
        /// By the word.
        word: u32,
    },
    /// A core is in the pool, or leaving it, in part.
    TornCore {
        /// The agent.
        agent: AgentId,
        /// The leaf.
        leaf: u16,
    },
    /// A pool's capacity is not what its cores come to, or its promises are not what claims hold.
    Pool {
        /// The agent.
        agent: AgentId,
        /// The pool's NUMA node.
        numa_node: Option<NumaNodeId>,
        /// Capacity and promises by leaves and records, in thousandths of a PU.
        recorded: (u32, u32),
        /// By the word.
        word: (u32, u32),
    },
    /// The pages that claims leave are not those that the word says are free.
    Memory {
        /// The agent.
        agent: AgentId,
        /// The NUMA node.
        numa_node: NumaNodeId,
        /// Pages that claims leave.
        recorded: u64,
        /// Pages that the word says are free.
        free: u64,
    },
    /// The seats counted are not those that claims have.
    Seats {
        /// The agent.
        agent: AgentId,
        /// The NUMA node.
        numa_node: NumaNodeId,
    },
    /// The members that a group counts for a value are not those that claims are.
    Group {
        /// The group.
        group: GroupId,
        /// By the records.
        recorded: u64,
        /// By the counter; in all, if a value has none.
        counted: u64,
    },
    /// What is free of an extra, and what claims hold of it, do not make up the whole.
    Extra {
        /// The agent.
        agent: AgentId,
        /// Of what.
        what: Wanted,
        /// What claims hold, as the word counts it.
        recorded: u64,
        /// What the word says is free.
        free: u64,
    },
    /// A role is charged something else than its claims, and those of the roles below it, hold.
    Role {
        /// The role.
        role: RoleId,
        /// Of what.
        resource: Resource,
        /// What claims hold, in the resource's unit.
        recorded: u64,
        /// What it is charged.
        charged: u64,
    },
}

impl fmt::Display for ValidateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the table contradicts itself: {self:?}; a call was in flight, or this is a bug")
    }
}

impl core::error::Error for ValidateError {}

/// What the records of one block come to.
struct Truth {
    agent: AgentId,
    cores: Vec<u32>,
    shares: Vec<u32>,
    /// What is left of each NUMA node, and who is there.
    memory: Vec<MemoryWord>,
    extras: ExtraTruth,
}

/// Checks everything.
pub(crate) fn validate(table: &Table) -> Result<(), ValidateError> {
    let mut charged = vec![Amounts::ZERO; table.ledger().len()];
    for shard in table.shards() {
        check_slots(shard)?;
        let truths = read_records(table, shard, &mut charged)?;
        for (&line, (shape, truth)) in &truths {
            check_block(shard.machine(table.shape_at(*shape), line), truth)?;
        }
        check_others(table, shard, &truths)?;
    }
    check_roles(table, charged)?;
    table.check_groups()?;
    if table.desks().any_in_flight() { Err(ValidateError::InFlight) } else { Ok(()) }
}

/// Checks what every role is charged: what its claims hold, and those of the roles below it.
fn check_roles(table: &Table, mut recorded: Vec<Amounts>) -> Result<(), ValidateError> {
    let ledger = table.ledger();
    let roles = || (0..).map(RoleId::new).take(ledger.len());
    // A role is added after the one it is under, so each is complete before it is added to that.
    for role in roles().collect::<Vec<_>>().into_iter().rev() {
        if let Some(parent) = ledger.parent_of(role) {
            let below = recorded[role.index()];
            recorded[parent.index()].add(&below);
        }
    }
    for (role, recorded) in roles().zip(recorded) {
        let charged = ledger.used(role).unwrap_or(Amounts::ZERO);
        let differs = |(place, _): &(usize, Resource)| charged.0[*place] != recorded.0[*place];
        if let Some((place, resource)) = ledger.resources().iter().enumerate().find(differs) {
            let [recorded, charged] = [recorded, charged].map(|all| all.0[place].saturating_mul(resource.unit()));
            return Err(ValidateError::Role { role, resource, recorded, charged });
        }
    }
    Ok(())
}

/// By a block's first line: its shape's number, and what claims hold of it.
type Truths = BTreeMap<u32, (u16, Truth)>;

fn check_block(machine: Machine<'_>, truth: &Truth) -> Result<(), ValidateError> {
    check_leaves(truth.agent, machine, truth)?;
    check_pools(truth.agent, machine, truth)?;
    check_memory(truth.agent, machine, truth)?;
    truth.extras.check(truth.agent, machine)?;
    if machine.is_indexed() { Ok(()) } else { Err(ValidateError::Index { agent: truth.agent }) }
}

/// Checks the agents that have no claims.
fn check_others(table: &Table, shard: &Shard, truths: &Truths) -> Result<(), ValidateError> {
    for (agent, cell) in (shard.first.get()..).map(AgentId::new).zip((0..shard.agents()).map(|at| shard.cell(at))) {
        if cell.state.is_some() && !truths.contains_key(&cell.line) {
            let machine = shard.machine(table.shape_at(cell.shape), cell.line);
            check_block(machine, &Truth::new(agent, machine))?;
        }
    }
    Ok(())
}

fn check_slots(shard: &Shard) -> Result<(), ValidateError> {
    let records = &shard.records;
    let (mut chained, mut linked) = (0_u32, 0_u32);
    for (slot, header) in records.headers() {
        if header.state == State::Busy {
            return Err(ValidateError::Busy { slot });
        }
        chained += u32::from(header.state == State::Chained);
        if header.state == State::Live {
            let mut parts = 0;
            let _seen = records.read(slot, header.generation, |_| parts += 1);
            linked += crate::record::further_records(parts);
        }
    }
    if chained == linked { Ok(()) } else { Err(ValidateError::Slot { slot: records.len() }) }
}

fn read_records(table: &Table, shard: &Shard, charged: &mut [Amounts]) -> Result<Truths, ValidateError> {
    let mut truths = Truths::new();
    for (slot, header) in shard.records.headers().filter(|(_, header)| header.state == State::Live) {
        let mut parts = Vec::new();
        let seen = shard.records.read(slot, header.generation, |part| parts.push(part));
        let Some(seen) = seen else { return Err(ValidateError::Busy { slot }) };
        let machine = shard.machine(table.shape_at(seen.place.shape()), seen.place.line());
        let (_, truth) =
            truths.entry(seen.place.line()).or_insert_with(|| (seen.place.shape(), Truth::new(seen.agent, machine)));
        let places = table.charge_places(seen.place.shape());
        for part in parts {
            truth.add(machine, part)?;
            if let Some(charged) = charged.get_mut(seen.place.role().index()) {
                places.add(charged, part);
            }
        }
    }
    Ok(truths)
}

impl Truth {
    fn new(agent: AgentId, machine: Machine<'_>) -> Self {
        Self {
            agent,
            cores: vec![0; machine.shape.layout.leaves.len()],
            shares: vec![0; machine.shape.layout.pools.len()],
            memory: machine.shape.pages().iter().map(|&pages| MemoryWord::fresh(pages)).collect(),
            extras: ExtraTruth::default(),
        }
    }

    fn add(&mut self, machine: Machine<'_>, part: Part) -> Result<(), ValidateError> {
        let agent = self.agent;
        match part {
            // Members are counted in `Table::check_groups`.
            Part::Empty | Part::Member { .. } => {}
            Part::Cores { leaf, pus, .. } => {
                let held = &mut self.cores[usize::from(leaf)];
                if *held & pus != 0 {
                    return Err(ValidateError::DoubleClaim { agent, leaf, pus: *held & pus });
                }
                *held |= pus;
            }
            Part::Share { pool, cpu_milli, .. } => self.shares[usize::from(pool)] += cpu_milli,
            Part::Memory { numa_node, seat, pages } => {
                let word = &mut self.memory[numa_node.index()];
                let recorded = word.pages();
                *word = word.take(seat, pages).ok_or(ValidateError::Memory { agent, numa_node, recorded, free: 0 })?;
            }
            Part::Extra { word, amount } => self.extras.add(agent, machine, (word, amount))?,
        }
        Ok(())
    }
}

fn check_leaves(agent: AgentId, machine: Machine<'_>, truth: &Truth) -> Result<(), ValidateError> {
    for (leaf, shape) in (0..).zip(&machine.shape.layout.leaves) {
        let (word, recorded) = (machine.pus_in(leaf, PuState::Held), truth.cores[usize::from(leaf)]);
        if word != recorded {
            return Err(ValidateError::Cores { agent, leaf, recorded, word });
        }
        for state in [PuState::Pool, PuState::Leaving] {
            let pus = machine.pus_in(leaf, state);
            if shape.bits.whole(pus) != pus {
                return Err(ValidateError::TornCore { agent, leaf });
            }
        }
    }
    Ok(())
}

fn check_pools(agent: AgentId, machine: Machine<'_>, truth: &Truth) -> Result<(), ValidateError> {
    for (pool, shape) in (0_u16..).zip(&machine.shape.layout.pools) {
        let pus: u32 = shape.leaves.iter().map(|&leaf| machine.pus_in(leaf, PuState::Pool).count_ones()).sum();
        let word = machine.pool(pool);
        let word = (word.capacity_milli(), word.committed_milli());
        let recorded = (pus * MILLI_PER_PU, truth.shares[usize::from(pool)]);
        if word != recorded {
            return Err(ValidateError::Pool { agent, numa_node: shape.numa_node, recorded, word });
        }
    }
    Ok(())
}

fn check_memory(agent: AgentId, machine: Machine<'_>, truth: &Truth) -> Result<(), ValidateError> {
    for (numa_node, &recorded) in (0..).map(NumaNodeId::new).zip(&truth.memory) {
        let word = machine.memory(numa_node);
        if word.pages() != recorded.pages() {
            return Err(ValidateError::Memory { agent, numa_node, recorded: recorded.pages(), free: word.pages() });
        }
        if word.seats() != recorded.seats() {
            return Err(ValidateError::Seats { agent, numa_node });
        }
    }
    Ok(())
}
