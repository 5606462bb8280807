//! Validate: every fast figure recomputed from the slow truth, which is the claim records.
//!
//! For the quiet state only: a call in flight is between two steps, and is reported as a fault.

use core::fmt;

use crate::MILLI_PER_PU;
use crate::Quantities;
use crate::agent::{Agent, Machine};
use crate::extras::truth::ExtraTruth;
use crate::ids::{AgentId, NumaNodeId, RoleId};
use crate::leaf::PuState;
use crate::ledger::Ledger;
use crate::memory::SeatWord;
use crate::part::Part;
use crate::reason::Wanted;
use crate::record::State;

/// A figure that does not agree with the records. Any of these is a bug of this crate, or a call was in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidateError {
    /// A call is in flight on this record, or died in it.
    Busy {
        /// The agent.
        agent: AgentId,
        /// The record's slot.
        slot: u16,
    },
    /// A record is free and not in the map of free ones, or the reverse, or hangs on no claim.
    Slot {
        /// The agent.
        agent: AgentId,
        /// The record's slot.
        slot: u16,
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
    /// Pages free and pages held do not make up the whole.
    Memory {
        /// The agent.
        agent: AgentId,
        /// The NUMA node.
        numa_node: NumaNodeId,
        /// Pages that claims hold.
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
    /// A role is charged something else than its claims hold, or charges are in flight.
    Role {
        /// The role.
        role: RoleId,
        /// What its claims hold.
        recorded: Quantities,
        /// What it is charged.
        charged: Quantities,
    },
}

impl fmt::Display for ValidateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the table contradicts itself: {self:?}; a call was in flight, or this is a bug")
    }
}

impl core::error::Error for ValidateError {}

/// What the records of one agent come to.
struct Truth {
    cores: Vec<u32>,
    shares: Vec<u32>,
    pages: Vec<u64>,
    seats: Vec<SeatWord>,
    extras: ExtraTruth,
}

/// Checks everything.
pub(crate) fn validate(agents: &[Agent], ledger: &Ledger) -> Result<(), ValidateError> {
    let mut charged = vec![Quantities::default(); ledger.roles()];
    for agent in agents {
        check_slots(agent)?;
        if let Some(machine) = &agent.machine {
            let truth = read_records(agent, machine, &mut charged)?;
            check_leaves(agent.id, machine, &truth)?;
            check_pools(agent.id, machine, &truth)?;
            check_memory(agent.id, machine, &truth)?;
            truth.extras.check(agent.id, machine)?;
        }
    }
    for (role, recorded) in (0..).map(RoleId::new).zip(charged) {
        let charged = ledger.used(role).unwrap_or_default();
        if charged != recorded || ledger.in_flight(role) != 0 {
            return Err(ValidateError::Role { role, recorded, charged });
        }
    }
    Ok(())
}

fn check_slots(agent: &Agent) -> Result<(), ValidateError> {
    let agent_id = agent.id;
    let (mut chained, mut linked) = (0_u32, 0_u32);
    for slot in 0..agent.records.len() {
        let Some(header) = agent.records.header(slot) else { continue };
        if header.state == State::Busy {
            return Err(ValidateError::Busy { agent: agent_id, slot });
        }
        if (header.state == State::Free) != agent.records.is_in_map(slot) {
            return Err(ValidateError::Slot { agent: agent_id, slot });
        }
        chained += u32::from(header.state == State::Chained);
        if header.state == State::Live {
            let mut parts = 0;
            let _owner = agent.records.read(slot, header.generation, |_| parts += 1);
            linked += crate::record::further_records(parts);
        }
    }
    if chained == linked { Ok(()) } else { Err(ValidateError::Slot { agent: agent_id, slot: agent.records.len() }) }
}

fn read_records(agent: &Agent, machine: &Machine, charged: &mut [Quantities]) -> Result<Truth, ValidateError> {
    let mut truth = Truth {
        cores: vec![0; machine.leaves.len()],
        shares: vec![0; machine.pools.len()],
        pages: vec![0; machine.memory.len()],
        seats: vec![SeatWord::default(); machine.memory.len()],
        extras: ExtraTruth::default(),
    };
    for slot in 0..agent.records.len() {
        let Some(header) = agent.records.header(slot).filter(|header| header.state == State::Live) else { continue };
        let mut fault = None;
        let mut sum = Quantities::default();
        let read = agent.records.read(slot, header.generation, |part| {
            sum = sum.checked_add(part.quantities()).unwrap_or(sum);
            fault = fault.or_else(|| truth.add(agent.id, machine, part).err());
        });
        let Some((_, role)) = read else { return Err(ValidateError::Busy { agent: agent.id, slot }) };
        if let Some(fault) = fault {
            return Err(fault);
        }
        if let Some(charged) = charged.get_mut(role.index()) {
            *charged = charged.checked_add(sum).unwrap_or(*charged);
        }
    }
    Ok(truth)
}

impl Truth {
    fn add(&mut self, agent: AgentId, machine: &Machine, part: Part) -> Result<(), ValidateError> {
        match part {
            Part::Empty => {}
            Part::Cores { leaf, pus, .. } => {
                let held = &mut self.cores[usize::from(leaf)];
                if *held & pus != 0 {
                    return Err(ValidateError::DoubleClaim { agent, leaf, pus: *held & pus });
                }
                *held |= pus;
            }
            Part::Share { pool, cpu_milli, .. } => self.shares[usize::from(pool)] += cpu_milli,
            Part::Memory { numa_node, seat, pages } => {
                self.pages[numa_node.index()] += pages;
                let seats = &mut self.seats[numa_node.index()];
                *seats = seats.enter(seat).ok_or(ValidateError::Seats { agent, numa_node })?;
            }
            extra => self.extras.add(agent, machine, extra)?,
        }
        Ok(())
    }
}

fn check_leaves(agent: AgentId, machine: &Machine, truth: &Truth) -> Result<(), ValidateError> {
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

fn check_pools(agent: AgentId, machine: &Machine, truth: &Truth) -> Result<(), ValidateError> {
    for (pool, shape) in (0_u16..).zip(&machine.shape.layout.pools) {
        let pus: u32 = shape.leaves.iter().map(|&leaf| machine.pus_in(leaf, PuState::Pool).count_ones()).sum();
        let word = machine.pool(pool).read();
        let word = (word.capacity_milli(), word.committed_milli());
        let recorded = (pus * MILLI_PER_PU, truth.shares[usize::from(pool)]);
        if word != recorded {
            return Err(ValidateError::Pool { agent, numa_node: shape.numa_node, recorded, word });
        }
    }
    Ok(())
}

fn check_memory(agent: AgentId, machine: &Machine, truth: &Truth) -> Result<(), ValidateError> {
    for (at, memory) in (0..).zip(&machine.memory) {
        let numa_node = NumaNodeId::new(at);
        let (free, recorded) = (memory.free_pages(), truth.pages[usize::from(at)]);
        if free + recorded != machine.shape.pages()[usize::from(at)] {
            return Err(ValidateError::Memory { agent, numa_node, recorded, free });
        }
        if memory.seats() != truth.seats[usize::from(at)] {
            return Err(ValidateError::Seats { agent, numa_node });
        }
    }
    Ok(())
}
