//! Site: where a call works, and with what hands: an agent's words as of one reading of its cell, the caller's desk and magazine.

use crate::desk::{BlockAt, Flight, Watch};
use crate::ids::{AgentId, ClaimId, Owner, RoleId};
use crate::ledger::ChargePlaces;
use crate::machine::Machine;
use crate::reason::{Reason, Refusal};
use crate::record::{Locked, OpenRecord, Place, Unlocked};
use crate::shard::{AgentState, Cell, Door, Shard};
use crate::slots::{Magazine, RecordsFull};
use crate::standing::Standing;
use crate::sync;
use crate::table::Table;

/// What a call works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hands<'a> {
    pub(crate) table: &'a Table,
    /// Which of the table's shards.
    pub(crate) shard_at: u8,
    pub(crate) shard: &'a Shard,
    pub(crate) desk: usize,
    pub(crate) magazine: &'a Magazine,
    /// Which agents are open to it.
    pub(crate) door: Door,
}

/// An agent, as of one reading of its cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) hands: Hands<'a>,
    pub(crate) agent: AgentId,
    pub(crate) cell: Cell,
    pub(crate) machine: Machine<'a>,
}

impl<'a> Hands<'a> {
    /// The agent at a position of the shard; `None` between two incarnations.
    #[inline]
    pub(crate) fn site(self, at: u32) -> Option<Site<'a>> {
        let cell = self.shard.cell(at);
        cell.state?;
        let machine = self.shard.machine(self.table.shape_at(cell.shape), cell.line);
        Some(Site { hands: self, agent: AgentId::new(self.shard.first.get() + at), cell, machine })
    }

    /// The agent whose block has a position of the index, if it takes new claims.
    pub(crate) fn open_site_at(self, position: u32) -> Option<Site<'a>> {
        let deed = self.shard.deed(position);
        // The cell read next is what decides.
        let site = deed.is_active().then(|| self.site(deed.at())).flatten()?;
        site.closed().is_none().then_some(site)
    }

    /// Opens a claim for change by its owner.
    #[inline]
    pub(crate) fn open(self, claim: ClaimId, owner: Owner) -> Result<OpenRecord<'a>, Unopened> {
        let locked = self.shard.records.lock_head(claim.slot(), claim.generation()).map_err(Unopened::Unlocked)?;
        self.open_locked(locked, claim, owner)
    }

    /// Opens a locked claim for change by its owner.
    #[inline]
    pub(crate) fn open_locked(
        self,
        locked: Locked<'a>,
        claim: ClaimId,
        owner: Owner,
    ) -> Result<OpenRecord<'a>, Unopened> {
        let record = locked.open(&self.shard.records, self.magazine);
        if record.agent() != claim.agent() {
            return Err(Unopened::Unlocked(Unlocked::Gone));
        }
        if record.owner() == owner { Ok(record) } else { Err(Unopened::NotOwner(record.owner())) }
    }

    /// The words of a claim.
    #[inline]
    pub(crate) fn machine_of(self, place: Place) -> Machine<'a> {
        self.shard.machine(self.table.shape_at(place.shape()), place.line())
    }

    /// Where what claims of that shape hold is counted.
    #[inline]
    pub(crate) fn places_of(self, place: Place) -> ChargePlaces<'a> {
        self.table.charge_places(place.shape())
    }

    /// Announces a call about to take words.
    #[inline]
    pub(crate) fn flight(self, place: Place) -> Flight<'a> {
        self.table.desks().flight(self.desk, (self.shard_at, place.line()), place.role())
    }

    /// Whether a refusal at a block is final.
    pub(crate) fn was_quiet(self, watch: Watch, line: u32) -> bool {
        let block: BlockAt = (self.shard_at, line);
        watch.was_quiet(self.table.desks(), Some(block), self.desk)
    }

    /// The no for want of records.
    pub(crate) fn full(self) -> Reason {
        Reason::RecordsFull { records: self.shard.records.len() }
    }
}

/// Why a claim was not opened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unopened {
    Unlocked(Unlocked),
    NotOwner(Owner),
}

impl<'a> Site<'a> {
    /// A new record for words here.
    #[inline]
    pub(crate) fn begin(&self, owner: Owner, role: RoleId) -> Result<OpenRecord<'a>, RecordsFull> {
        self.hands.shard.records.begin(self.hands.magazine, owner, self.agent, self.place(role))
    }

    /// Where the words of a claim here are; it stands as claims do by default.
    #[inline]
    pub(crate) const fn place(&self, role: RoleId) -> Place {
        Place::new(Standing::DEFAULT, self.cell.line, self.cell.shape, role)
    }

    /// The position of the agent's cell.
    #[inline]
    fn at(&self) -> u32 {
        self.agent.get() - self.hands.shard.first.get()
    }

    /// Whether the agent is still the same incarnation, in the same state.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        sync::fence_in_models();
        self.hands.shard.cell(self.at()) == self.cell
    }

    /// Why it takes no new claims, if it does not.
    #[inline]
    pub(crate) const fn closed(&self) -> Option<Reason> {
        match self.cell.state {
            Some(AgentState::Active) if matches!(self.hands.door, Door::Everybody) => None,
            Some(AgentState::Offered) if matches!(self.hands.door, Door::Offer) => None,
            Some(AgentState::Offered) => Some(Reason::Offered),
            // The offer is over.
            Some(AgentState::Active) => Some(Reason::Gone),
            Some(AgentState::Inactive) => Some(Reason::Inactive),
            Some(AgentState::Draining) => Some(Reason::Draining),
            None => Some(Reason::Gone),
        }
    }

    pub(crate) const fn refusal(&self, reason: Reason) -> Refusal {
        Refusal { agent: self.agent, reason }
    }
}
