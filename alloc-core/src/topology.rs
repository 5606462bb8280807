//! Topology: agents come, change their state, go, and come back as a new incarnation, while others claim.
//!
//! These calls take the table's lock, as all do that come or go or ask what is told of agents: roles, attributes, groups and their
//! members, and a [`Selection`](crate::Selection) that is behind. Claims do not. What these calls change for claims is a cell, in one
//! step ([`shard`](crate::shard)), and the index.
//!
//! An agent that goes leaves its block behind. Its claims are ended one by one, exactly, as their owners would; a claim that was in
//! flight then undoes, or is granted as the last of its incarnation and released by its owner like any other. The block serves
//! again, for a machine of the same shape, once it is back to fresh.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use crate::attributes::Attributes;
use crate::claim;
use crate::facts::Facts;
use crate::group::Keys;
use crate::ids::{AgentId, ClaimId};
use crate::ledger::resources_of;
use crate::local::PATIENCE;
use crate::record::State;
use crate::selection::{Change, Changes};
use crate::shape::Shape;
use crate::shard::{AgentState, Cell, Shard};
use crate::site::Hands;
use crate::sync::{Ordering, fence};
use crate::table::{Table, TableError};

/// What only the holder of the lock knows of a shard.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    /// Cells that were used so far.
    cells: u32,
    /// Cells between two incarnations.
    absent: BTreeSet<u32>,
    /// Lines that were used so far.
    lines: u32,
    /// Blocks that served: shape and first line.
    retired: Vec<(u16, u32)>,
}

/// What only the holder of the lock knows.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    pub(crate) shards: Vec<Stores>,
    pub(crate) shapes: u16,
    /// What is told of agents.
    pub(crate) facts: Facts,
    pub(crate) changes: Changes,
    pub(crate) keys: Keys,
}

impl Table {
    pub(crate) fn topology(&self) -> std::sync::MutexGuard<'_, Topology> {
        // A call that panicked with the lock held has at worst left a block unused.
        self.lock().lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an agent, active, with everything free, to the shard that has fewest. The id of a removed agent may come back, with
    /// the next incarnation.
    ///
    /// # Errors
    /// [`TableError::AgentsFull`], [`TableError::LinesFull`], [`TableError::ShapesFull`], [`TableError::ResourcesFull`].
    pub fn add_agent(&self, shape: Shape) -> Result<AgentId, TableError> {
        self.add_agent_with(shape, Attributes::default())
    }

    /// Adds an agent of which these attributes are told before it takes its first claim.
    ///
    /// # Errors
    /// As [`Table::add_agent`].
    pub fn add_agent_with(&self, shape: Shape, attributes: Attributes) -> Result<AgentId, TableError> {
        let mut topology = self.topology();
        let load = |stores: &Stores| stores.cells as usize - stores.absent.len();
        let shard = (0..topology.shards.len()).min_by_key(|at| load(&topology.shards[*at])).unwrap_or(0);
        self.add(&mut topology, shard, None, (shape, attributes))
    }

    /// Adds an agent to a certain shard.
    ///
    /// # Errors
    /// As [`Table::add_agent`], and [`TableError::NoSuchShard`].
    pub fn add_agent_in(&self, shard: usize, shape: Shape) -> Result<AgentId, TableError> {
        let mut topology = self.topology();
        if shard >= topology.shards.len() {
            return Err(TableError::NoSuchShard { shard });
        }
        self.add(&mut topology, shard, None, (shape, Attributes::default()))
    }

    /// Brings a removed agent back under its id, as a new incarnation: a machine that rebooted or changed.
    ///
    /// # Errors
    /// As [`Table::add_agent`]; [`TableError::NoSuchAgent`] when there never was one; [`TableError::AgentPresent`].
    pub fn return_agent(&self, agent: AgentId, shape: Shape) -> Result<(), TableError> {
        let mut topology = self.topology();
        let (shard, at) = self.locate(agent).ok_or(TableError::NoSuchAgent(agent))?;
        let stores = &topology.shards[usize::from(shard)];
        if at >= stores.cells {
            return Err(TableError::NoSuchAgent(agent));
        }
        if !stores.absent.contains(&at) {
            return Err(TableError::AgentPresent(agent));
        }
        let told = (shape, Attributes::default());
        self.add(&mut topology, usize::from(shard), Some(at), told).map(|_| ())
    }

    fn add(
        &self,
        topology: &mut Topology,
        shard_at: usize,
        at: Option<u32>,
        (shape, attributes): (Shape, Attributes),
    ) -> Result<AgentId, TableError> {
        let shape = self.intern(topology, shape)?;
        let (shard, stores) = (&self.shards()[shard_at], &mut topology.shards[shard_at]);
        let at = at.or_else(|| stores.absent.first().copied()).unwrap_or(stores.cells);
        if at >= shard.agents() {
            return Err(TableError::AgentsFull { agents: self.capacity().agents });
        }
        let line = self.block(shard, stores, shape)?;
        stores.absent.remove(&at);
        stores.cells = stores.cells.max(at + 1);
        let agent = AgentId::new(shard.first.get() + at);
        let span = shard.machine(self.shape_at(shape), line).whole_span();
        self.tell(topology, agent, attributes);
        self.note_change(topology, Change { agent, span });
        self.open_block(shard, at, shape, line);
        Ok(agent)
    }

    /// The number of a shape, new or known.
    fn intern(&self, topology: &mut Topology, shape: Shape) -> Result<u16, TableError> {
        let known = (0..topology.shapes).find(|at| *self.shape_at(*at) == shape);
        if let Some(known) = known {
            return Ok(known);
        }
        let (at, shapes) = (topology.shapes, self.capacity().shapes);
        if at >= shapes {
            return Err(TableError::ShapesFull { shapes });
        }
        self.number(&resources_of(&shape))?;
        if !self.keep_shape(at, shape) {
            return Err(TableError::ShapesFull { shapes });
        }
        topology.shapes += 1;
        Ok(at)
    }

    /// A fresh block of a shape: one that served and is fresh again, or a new one.
    fn block(&self, shard: &Shard, stores: &mut Stores, shape: u16) -> Result<u32, TableError> {
        let served = stores
            .retired
            .iter()
            .position(|&(of, line)| of == shape && shard.machine(self.shape_at(shape), line).reset());
        if let Some(served) = served {
            return Ok(stores.retired.swap_remove(served).1);
        }
        let lines = self.shape_at(shape).lines();
        let line = stores.lines;
        if shard.lines() - line < lines {
            return Err(TableError::LinesFull { lines: self.capacity().lines, wanted: lines });
        }
        stores.lines += lines;
        shard.machine(self.shape_at(shape), line).write_fresh();
        Ok(line)
    }

    fn open_block(&self, shard: &Shard, at: u32, shape: u16, line: u32) {
        let machine = shard.machine(self.shape_at(shape), line);
        machine.tell_index();
        let incarnation = shard.cell(at).incarnation + 1;
        let cell = Cell { state: Some(AgentState::Active), incarnation, shape, line };
        shard.set_cell(at, cell, machine.shape.lines());
        shard.index.set_active(machine.whole_span(), true);
    }

    /// Removes an agent and all claims on it; tells how many. Their roles are refunded. A claim that another call is changing at
    /// that moment stays until its owner releases it.
    ///
    /// # Errors
    /// [`TableError::NoSuchAgent`]; [`TableError::Desks`] when all desks are taken.
    pub fn remove_agent(&self, agent: AgentId) -> Result<u32, TableError> {
        let mut topology = self.topology();
        let (shard_at, at) = self.locate(agent).ok_or(TableError::NoSuchAgent(agent))?;
        let shard = self.shard(shard_at);
        let cell = shard.cell(at);
        if cell.state.is_none() {
            return Err(TableError::NoSuchAgent(agent));
        }
        let gone = self.with_guest(|guest| {
            shard.set_cell(at, Cell { state: None, ..cell }, self.shape_at(cell.shape).lines());
            shard.index.set_active(shard.machine(self.shape_at(cell.shape), cell.line).whole_span(), false);
            guest.with(shard_at, |hands| end_claims(hands, agent, cell.line))
        });
        let gone = gone.ok_or_else(|| TableError::Desks { threads: self.capacity().threads })?;
        let stores = &mut topology.shards[usize::from(shard_at)];
        stores.absent.insert(at);
        stores.retired.push((cell.shape, cell.line));
        self.tell(&mut topology, agent, Attributes::default());
        let span = shard.machine(self.shape_at(cell.shape), cell.line).whole_span();
        self.note_change(&mut topology, Change { agent, span });
        Ok(gone)
    }

    /// Whether an agent takes new claims.
    ///
    /// # Errors
    /// [`TableError::NoSuchAgent`]; [`TableError::NotOffering`].
    pub fn set_state(&self, agent: AgentId, state: AgentState) -> Result<(), TableError> {
        if state == AgentState::Offered {
            return Err(TableError::NotOffering(agent));
        }
        let _topology = self.topology();
        let (shard_at, at) = self.locate(agent).ok_or(TableError::NoSuchAgent(agent))?;
        let shard = self.shard(shard_at);
        let cell = shard.cell(at);
        if cell.state.is_none() {
            return Err(TableError::NoSuchAgent(agent));
        }
        shard.set_cell(at, Cell { state: Some(state), ..cell }, self.shape_at(cell.shape).lines());
        let span = shard.machine(self.shape_at(cell.shape), cell.line).whole_span();
        shard.index.set_active(span, state == AgentState::Active);
        Ok(())
    }
}

/// Offers. The index goes on telling of agents that are offered: that is a bit set falsely, and whoever comes by is told by the deed.
impl Table {
    /// Closes active agents, at most 64, to all but the holders of offers; a bit for each that was active. Who reads their words
    /// next sees all that is taken, and nobody else takes more.
    pub(crate) fn close_for_offers(&self, agents: impl Iterator<Item = AgentId>) -> u64 {
        let topology = self.topology();
        let mut closed = 0;
        for (at, agent) in agents.enumerate() {
            closed |= u64::from(self.change_state(&topology, agent, AgentState::Active, AgentState::Offered)) << at;
        }
        drop(topology);
        // SeqCst: pairs with a claim's change of a word and its second look at the cell (`shard`, rule 3).
        fence(Ordering::SeqCst);
        closed
    }

    /// Opens an agent again whose offer is over; false when it is in another state by now.
    pub(crate) fn open_after_offer(&self, agent: AgentId) -> bool {
        self.change_state(&self.topology(), agent, AgentState::Offered, AgentState::Active)
    }

    #[inline]
    fn change_state(&self, _: &Topology, agent: AgentId, from: AgentState, to: AgentState) -> bool {
        let Some((shard_at, at)) = self.locate(agent) else { return false };
        let shard = self.shard(shard_at);
        let cell = shard.cell(at);
        if cell.state != Some(from) {
            return false;
        }
        shard.set_cell(at, Cell { state: Some(to), ..cell }, self.shape_at(cell.shape).lines());
        true
    }
}

/// Ends all claims on a block; tells how many.
fn end_claims(hands: Hands<'_>, agent: AgentId, line: u32) -> u32 {
    let records = &hands.shard.records;
    let mut ended = 0;
    for (slot, header) in records.headers().filter(|(_, header)| matches!(header.state, State::Live | State::Busy)) {
        let here = |claim: ClaimId| {
            let seen = records.read(claim.slot(), claim.generation(), |_| {});
            seen.is_none_or(|seen| seen.agent == agent && seen.place.line() == line)
        };
        let claim = ClaimId::new(agent, slot, header.generation);
        ended += u32::from(here(claim) && end_claim(hands, claim, line));
    }
    ended
}

fn end_claim(hands: Hands<'_>, claim: ClaimId, line: u32) -> bool {
    for _ in 0..PATIENCE {
        match hands.shard.records.lock(hands.magazine, claim.slot(), claim.generation()) {
            Ok(record) if record.agent() == claim.agent() && record.place().line() == line => {
                let _refunded = claim::end(hands, record);
                return true;
            }
            Err(crate::record::Unlocked::Contended) => core::hint::spin_loop(),
            Ok(_) | Err(crate::record::Unlocked::Gone) => return false,
        }
    }
    false
}

/// For who makes a table.
pub(crate) fn stores(shards: usize) -> Topology {
    Topology { shards: (0..shards).map(|_| Stores::default()).collect(), ..Topology::default() }
}
