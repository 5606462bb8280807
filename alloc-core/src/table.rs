//! Table: all agents and roles, and every call on them.
//!
//! All calls take `&self` and may come from any number of threads at once. Claims and all that is done with them take no lock;
//! agents, roles, attributes and groups come, go and are asked for under one, that of claims only those wait for which place by a
//! [`Selection`](crate::Selection) that is behind. Nothing is
//! allocated by claim, hold, split, merge, resize, transfer, release, confirm, place and gangs (but for their list) when they succeed.
//! A thread that makes many calls does best through a [`Local`](crate::Local) of its own. The verbs on claims as a whole are in `verbs`.
//!
//! **Who charges**: the table does. `claim`, `hold`, `place`, gangs and `restore` charge the role of the holder and those above it,
//! `release` and `remove_agent` refund them, `resize` does either for the difference, `split`, `merge` and `transfer` move nothing
//! between roles.

use std::sync::{Arc, Mutex, OnceLock};

use crate::claim::{Ask, Holder};
use crate::desk::Desks;
use crate::exact;
use crate::explain::{self, Explanation};
use crate::ids::{AgentId, ClaimId, MAX_AGENTS, MAX_RECORDS, NumaNodeId, Owner, PuId, RoleId};
use crate::ledger::{ChargePlaces, Ledger, Places};
use crate::local::Caller;
use crate::membership::Groups;
use crate::outcome::{Confirmed, Contended, Outcome, Released, Transferred};
use crate::place::{self, Placed};
use crate::placement::{Placement, PoolOrder};
use crate::pooling;
use crate::reason::Excluded;
use crate::record::{MAX_LINES, MAX_SHAPES, State};
use crate::request::{HoldLimit, Policy, Request};
use crate::restore::{self, RestoreError};
use crate::shape::Shape;
use crate::shard::{AgentState, Door, Shard, ShardCapacity};
use crate::site::{Hands, Site};
use crate::split::Piece;
use crate::sync::{self, Ordering, Padded, Word64};
use crate::topology::{self, Topology};
use crate::usage::{self, Usage};
use crate::validate::{self, ValidateError};
use crate::worth::Mix;

mod error;
mod roles;

pub use error::TableError;

/// How much a table has room for. Said once; memory that is not used yet costs addresses only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Shards, 1 to 64: parts with memory and index of their own. One per NUMA node of the machine the table is on, or per
    /// thread that claims much.
    pub shards: u8,
    /// Agents of all shards together, at most 2²⁰ (each shard's part is rounded up to a power of two).
    pub agents: u32,
    /// Cache lines for the agents' words, all together: [`Shape::lines`] for each.
    pub lines: u32,
    /// Claim records of all shards together. A claim takes one per four parts; a part is the cores of one leaf, the share of
    /// one pool, the memory of one NUMA node, five devices of a kind, or 48 numbers of a range. Each [`Local`](crate::Local) keeps up to
    /// 128 of each shard that it worked in at hand, which nobody else gets meanwhile: leave room for these.
    pub claims: u32,
    /// Roles.
    pub roles: u16,
    /// Threads that may work at once, with a handle of their own or not.
    pub threads: u16,
    /// Different shapes, at most 4,096.
    pub shapes: u16,
}

impl Capacity {
    /// For so many agents of a shape, or of others as large: one shard, 64 claims an agent, 64 roles, 16 threads, 64 shapes.
    #[must_use]
    pub const fn for_agents(agents: u32, shape: &Shape) -> Self {
        let lines = agents.saturating_mul(shape.lines());
        Self { shards: 1, agents, lines, claims: agents.saturating_mul(64), roles: 64, threads: 16, shapes: 64 }
    }

    fn check(self) -> Result<Self, TableError> {
        let Self { shards, agents, lines, claims, roles, threads, shapes } = self;
        let some = shards > 0 && agents > 0 && lines > 0 && claims > 0 && roles > 0 && threads > 0 && shapes > 0;
        let each = |all: u32| all.div_ceil(u32::from(shards).max(1));
        let fits = shards <= 64
            && agents <= MAX_AGENTS
            && u64::from(each(agents).next_power_of_two()) * u64::from(shards) <= u64::from(MAX_AGENTS)
            && each(lines) < MAX_LINES
            && each(claims) <= MAX_RECORDS
            && shapes <= MAX_SHAPES;
        if some && fits { Ok(self) } else { Err(TableError::Capacity(self)) }
    }
}

/// A shape, and where what claims of it hold is counted.
#[derive(Debug)]
struct Kept {
    shape: Shape,
    places: Places,
}

/// All agents and roles.
#[derive(Debug)]
pub struct Table {
    shards: Box<[Shard]>,
    /// An agent's shard is its id shifted right by this.
    shard_shift: u32,
    shapes: Box<[OnceLock<Box<Kept>>]>,
    ledger: Ledger,
    desks: Desks,
    capacity: Capacity,
    /// How far apart two neighbouring desks start their searches.
    start_step: u32,
    topology: Mutex<Topology>,
    groups: Groups,
    /// Counts the changes of which agents there are, and of what is told of them.
    epoch: Padded<Word64>,
    /// This table's and no other's.
    token: Arc<()>,
    mix: Mix,
    /// PUs of the narrowest core of any shape; 0 while there is none.
    narrowest: Word64,
}

/// The parts, for the other modules.
impl Table {
    pub(crate) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    #[inline]
    pub(crate) fn shard(&self, at: u8) -> &Shard {
        &self.shards[usize::from(at)]
    }

    #[inline]
    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    #[inline]
    pub(crate) const fn desks(&self) -> &Desks {
        &self.desks
    }

    pub(crate) const fn mix(&self) -> &Mix {
        &self.mix
    }

    pub(crate) const fn lock(&self) -> &Mutex<Topology> {
        &self.topology
    }

    #[inline]
    pub(crate) const fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Ids of agents are below this.
    pub(crate) fn agent_ids(&self) -> u32 {
        self.shards.iter().map(Shard::agents).sum()
    }

    pub(crate) const fn token(&self) -> &Arc<()> {
        &self.token
    }

    /// How many changes of agents and their attributes there were.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        // Acquire: pairs with the Release half of `count_change`.
        self.epoch.0.load(Ordering::Acquire)
    }

    /// Under the table's lock, before a new agent's cell is opened: who claims there then sees the count.
    pub(crate) fn count_change(&self) {
        let _calm = sync::calm();
        // AcqRel: Release pairs with the Acquire of `epoch`. Relaxed on failure: it cannot fail.
        let _always = self.epoch.0.update(Ordering::AcqRel, Ordering::Relaxed, |epoch| Some(epoch + 1));
    }

    /// Where in a shard the thread at a desk starts to search, in parts of 2³².
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "desks are below the threads, whose share is rounded down")]
    pub(crate) const fn start_of(&self, desk: usize) -> u32 {
        desk as u32 * self.start_step
    }

    /// A shape by its number; a number comes from a cell or a record, where only known ones are.
    #[inline]
    pub(crate) fn shape_at(&self, at: u16) -> &Shape {
        match self.shapes[usize::from(at)].get() {
            Some(kept) => &kept.shape,
            None => unreachable!("a cell names a shape that was kept before it"),
        }
    }

    /// A shape by a number from anywhere.
    #[inline]
    pub(crate) fn shape_if_known(&self, at: u16) -> Option<&Shape> {
        self.shapes.get(usize::from(at))?.get().map(|kept| &kept.shape)
    }

    /// PUs that a core has at the least, on any agent: a hint where to look for cores.
    pub(crate) fn narrowest(&self) -> u32 {
        // Relaxed: a hint.
        u32::try_from(self.narrowest.load(Ordering::Relaxed)).unwrap_or(1).max(1)
    }

    /// Keeps a shape under a number; false when there is no such place. Under the lock.
    pub(crate) fn keep_shape(&self, at: u16, shape: Shape) -> bool {
        let narrowest = shape.layout.leaves.iter().map(|leaf| u64::from(leaf.bits.width)).min().unwrap_or(1);
        // Relaxed, both: a hint.
        let _changed = self.narrowest.update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            (before == 0 || narrowest < before).then_some(narrowest)
        });
        let Some(places) = Places::new(&shape, self.ledger.resources()) else { return false };
        self.shapes.get(usize::from(at)).is_some_and(|place| place.set(Box::new(Kept { shape, places })).is_ok())
    }

    /// Where what claims of a shape hold is counted.
    #[inline]
    pub(crate) fn charge_places(&self, at: u16) -> ChargePlaces<'_> {
        match self.shapes[usize::from(at)].get().map(|kept| &**kept) {
            Some(Kept { shape, places }) => ChargePlaces { shape, places },
            None => unreachable!("a cell names a shape that was kept before it"),
        }
    }

    /// The shard of an agent, and its cell there; `None` when no agent can have the id.
    #[inline]
    pub(crate) fn locate(&self, agent: AgentId) -> Option<(u8, u32)> {
        let shard = agent.get() >> self.shard_shift;
        let at = agent.get() & ((1 << self.shard_shift) - 1);
        #[expect(clippy::cast_possible_truncation, reason = "there are at most 64")]
        ((shard as usize) < self.shards.len()).then_some((shard as u8, at))
    }

    /// Lends a desk for one call; `None` when all are taken.
    pub(crate) fn with_guest<R>(&self, work: impl FnOnce(&Caller<'_>) -> R) -> Option<R> {
        let guest = Guest { table: self, desk: self.desks.sit()? };
        let home = u8::try_from(guest.desk % self.shards.len()).unwrap_or(0);
        Some(work(&Caller { table: self, desk: guest.desk, magazines: None, home, door: Door::Everybody }))
    }

    /// Who looks and takes nothing, and needs no desk for it.
    const fn onlooker(&self) -> Caller<'_> {
        Caller { table: self, desk: usize::MAX, magazines: None, home: 0, door: Door::Everybody }
    }
}

/// One call's desk.
struct Guest<'a> {
    table: &'a Table,
    desk: usize,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        let _calm = crate::sync::calm();
        self.table.ledger.leave(&self.table.desks, self.desk);
        self.table.desks.stand_up(self.desk);
    }
}

/// Agents and roles.
impl Table {
    /// An empty table.
    ///
    /// # Errors
    /// [`TableError::Capacity`].
    pub fn new(capacity: Capacity) -> Result<Self, TableError> {
        let Capacity { shards, agents, lines, claims, roles, threads, shapes } = capacity.check()?;
        let each = |all: u32| all.div_ceil(u32::from(shards));
        let size =
            ShardCapacity { agents: each(agents).next_power_of_two(), lines: each(lines), records: each(claims) };
        let first = |shard: u8| AgentId::new(u32::from(shard) * size.agents);
        Ok(Self {
            shards: (0..shards).map(|shard| Shard::new(first(shard), size)).collect(),
            shard_shift: size.agents.trailing_zeros(),
            shapes: (0..shapes).map(|_| OnceLock::new()).collect(),
            ledger: Ledger::new(roles, threads),
            desks: Desks::new(threads),
            capacity,
            start_step: u32::MAX / u32::from(threads),
            topology: Mutex::new(topology::stores(usize::from(shards))),
            groups: Groups::new(size.agents * u32::from(shards)),
            epoch: Padded(Word64::new(0)),
            token: Arc::new(()),
            mix: Mix::new(),
            narrowest: Word64::new(0),
        })
    }

    /// What there is room for.
    #[must_use]
    pub const fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn known(&self, agent: AgentId) -> Option<(&Shard, crate::shard::Cell)> {
        let (shard, at) = self.locate(agent)?;
        let shard = self.shard(shard);
        let cell = shard.cell(at);
        cell.state.map(|_| (shard, cell))
    }

    /// An agent's cell; `None` when it is not there.
    pub(crate) fn cell_of(&self, agent: AgentId) -> Option<crate::shard::Cell> {
        self.known(agent).map(|(_, cell)| cell)
    }

    /// An agent's words; `None` when it is not there.
    #[inline]
    pub(crate) fn words_of(&self, agent: AgentId) -> Option<&[Word64]> {
        self.known(agent).map(|(shard, cell)| shard.words(self.shape_at(cell.shape), cell.line))
    }

    /// Asks for an agent's words ahead of time; `line` is its first.
    #[inline]
    pub(crate) fn prefetch_words(&self, agent: AgentId, line: u32) {
        if let Some((shard, _)) = self.locate(agent) {
            self.shard(shard).prefetch_words(line);
        }
    }

    /// Whether an agent takes new claims; `None` when it is not there.
    #[must_use]
    pub fn state(&self, agent: AgentId) -> Option<AgentState> {
        self.known(agent).and_then(|(_, cell)| cell.state)
    }

    /// Counts the machines that had this id, this one included.
    #[must_use]
    pub fn incarnation(&self, agent: AgentId) -> Option<u32> {
        self.known(agent).map(|(_, cell)| cell.incarnation)
    }

    /// An agent's shape.
    #[must_use]
    pub fn shape(&self, agent: AgentId) -> Option<&Shape> {
        self.known(agent).map(|(_, cell)| self.shape_at(cell.shape))
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = AgentId> {
        self.shards.iter().flat_map(|shard| {
            let there = (0..shard.agents()).filter(|at| shard.cell(*at).state.is_some());
            there.map(|at| AgentId::new(shard.first.get() + at))
        })
    }

    /// What an agent has, at this moment.
    #[must_use]
    pub fn usage(&self, agent: AgentId) -> Option<Usage> {
        let (shard, cell) = self.known(agent)?;
        Some(usage::usage(shard.machine(self.shape_at(cell.shape), cell.line)))
    }

    /// Bytes the table takes beside claim records, for as many agents as there is room for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(Shard::bytes).sum()
    }
}

/// Claims.
impl Table {
    /// Claims what is asked on one agent, all or nothing.
    pub fn claim(&self, agent: AgentId, holder: Holder, request: &Request) -> Outcome {
        self.with_guest(|guest| guest.claim(agent, holder, Ask::Request(request))).unwrap_or(CONTENDED)
    }

    /// Claims what is free on one agent, up to a limit: whole cores, room in pools, memory usable together, extras. Nothing runs in
    /// it; to be split, transferred and released.
    pub fn hold(&self, agent: AgentId, holder: Holder, limit: HoldLimit) -> Outcome {
        self.with_guest(|guest| guest.claim(agent, holder, Ask::Hold(limit))).unwrap_or(CONTENDED)
    }

    /// Makes a part of a claim a claim of its own, of the same owner and role. A shared request takes from the claim's
    /// share of a pool, and where that is too little, cores of the claim join the pool.
    pub fn split(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        self.with_guest(|guest| guest.split(claim, owner, Piece::Request(request))).unwrap_or(CONTENDED)
    }

    /// As [`Table::split`], with the piece said exactly.
    pub fn split_exact(&self, claim: ClaimId, owner: Owner, piece: &Placement) -> Outcome {
        self.with_guest(|guest| guest.split(claim, owner, Piece::Exact(piece))).unwrap_or(CONTENDED)
    }

    /// Gives a claim to another owner. Its role stays.
    pub fn transfer(&self, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
        self.with_guest(|guest| guest.transfer(claim, from, to)).unwrap_or(Transferred::Contended)
    }

    /// Ends a claim: exactly what it holds is free again.
    pub fn release(&self, claim: ClaimId, owner: Owner) -> Released {
        self.with_guest(|guest| guest.release(claim, owner)).unwrap_or(Released::Contended)
    }

    /// What a claim holds; `None` when it is gone, or being changed at this moment.
    #[must_use]
    pub fn placement(&self, claim: ClaimId) -> Option<Placement> {
        let mut parts = Vec::new();
        let seen = self.read(claim, |part| parts.push(part))?;
        let groups = parts.iter().filter_map(|part| self.group_of(*part)).collect();
        Some(Placement { groups, ..exact::placement(self.shape_at(seen.place.shape()), parts.into_iter()) })
    }

    /// Who holds a claim; `None` when it is gone, or being changed at this moment.
    #[must_use]
    pub fn holder(&self, claim: ClaimId) -> Option<Holder> {
        let seen = self.read(claim, |_| {})?;
        Some(Holder { owner: seen.owner, role: seen.place.role() })
    }

    pub(crate) fn read(&self, claim: ClaimId, each: impl FnMut(crate::part::Part)) -> Option<crate::record::Seen> {
        let (shard, _) = self.locate(claim.agent())?;
        let seen = self.shard(shard).records.read(claim.slot(), claim.generation(), each)?;
        (seen.agent == claim.agent()).then_some(seen)
    }

    /// All live claims. Complete when nothing is in flight.
    pub fn claims(&self) -> impl Iterator<Item = ClaimId> {
        self.shards.iter().flat_map(|shard| {
            let live = shard.records.headers().filter(|(_, header)| header.state == State::Live);
            live.filter_map(|(slot, header)| {
                let seen = shard.records.read(slot, header.generation, |_| {})?;
                Some(ClaimId::new(seen.agent, slot, header.generation))
            })
        })
    }

    /// The live claims on an agent, found by going through all of its shard.
    pub fn claims_on(&self, agent: AgentId) -> impl Iterator<Item = ClaimId> {
        self.claims().filter(move |claim| claim.agent() == agent)
    }

    /// Restores a pool as the agent runs it. Pools come first, then exclusive claims, then shared ones, then `trim_pools`.
    ///
    /// # Errors
    /// [`RestoreError`]; the other pools and claims are not affected.
    pub fn restore_pool(
        &self,
        agent: AgentId,
        numa_node: Option<NumaNodeId>,
        pus: &[PuId],
    ) -> Result<(), RestoreError> {
        let (shard, cell) = self.known(agent).ok_or(RestoreError::NoSuchAgent(agent))?;
        restore::restore_pool(shard.machine(self.shape_at(cell.shape), cell.line), numa_node, pus)
    }

    /// Restores a claim that exists already, exactly; past the role's limit if need be.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing is held then.
    pub fn restore(&self, agent: AgentId, holder: Holder, placement: &Placement) -> Result<crate::Grant, RestoreError> {
        let restore = |site: Site<'_>| restore::restore(&site, holder, placement);
        let restored = self.with_guest(|guest| guest.at(agent, |hands, at| hands.site(at).map(restore)).flatten());
        restored.unwrap_or(Some(Err(RestoreError::Contended))).unwrap_or(Err(RestoreError::NoSuchAgent(agent)))
    }
}

/// What is answered when all desks are taken.
const CONTENDED: Outcome = Outcome::Contended(Contended { pools_changed: false });

/// Pools, placement over all agents, and the check of everything.
impl Table {
    /// The newest order of each of an agent's pools.
    #[must_use]
    pub fn pool_orders(&self, agent: AgentId) -> Vec<PoolOrder> {
        let Some((shard, cell)) = self.known(agent) else { return Vec::new() };
        let machine = shard.machine(self.shape_at(cell.shape), cell.line);
        (0..).zip(&machine.shape.layout.pools).map(|(pool, _)| pooling::order(&machine, pool)).collect()
    }

    /// The agent runs the order of this epoch: cores that had left the pool by then become free.
    pub fn confirm_pool(&self, agent: AgentId, numa_node: Option<NumaNodeId>, epoch: u32) -> Confirmed {
        let Some((shard, cell)) = self.known(agent) else { return Confirmed::NoSuchPool };
        let machine = shard.machine(self.shape_at(cell.shape), cell.line);
        match machine.shape.layout.pool_of(numa_node) {
            Some(pool) => pooling::confirm(&machine, pool, epoch),
            None => Confirmed::NoSuchPool,
        }
    }

    /// Lets cores that an agent's pools do not need begin to leave, as a release does; true when any did.
    pub fn trim_pools(&self, agent: AgentId) -> bool {
        let Some((shard, cell)) = self.known(agent) else { return false };
        let machine = shard.machine(self.shape_at(cell.shape), cell.line);
        let pools = (0..).zip(&machine.shape.layout.pools);
        pools.fold(false, |changed, (pool, _)| pooling::trim(&machine, pool) || changed)
    }

    /// Finds an agent for a request and claims there.
    pub fn place(&self, holder: Holder, request: &Request, policy: Policy) -> Placed {
        let placed = self.with_guest(|guest| place::place(guest, holder, request, policy));
        placed.unwrap_or(Placed::Contended { pools_changed: None })
    }

    /// Why a request of a role is pending, over all agents. Claim records that a [`Local`](crate::Local) keeps at hand count as used up.
    #[must_use]
    pub fn explain(&self, role: RoleId, request: &Request) -> Explanation {
        self.explain_but(role, request, |_| None)
    }

    /// The same, where agents may be left out from the first.
    pub(crate) fn explain_but(
        &self,
        role: RoleId,
        request: &Request,
        excluded: impl Fn(AgentId) -> Option<Excluded>,
    ) -> Explanation {
        let mut explanation = Explanation::default();
        for shard in (0..).take(self.shards.len()) {
            self.onlooker().with(shard, |hands: Hands<'_>| {
                let sites = (0..hands.shard.agents()).filter_map(|at| hands.site(at));
                explain::explain(&mut explanation, sites, (&self.ledger, role), request, &excluded);
            });
        }
        explanation
    }

    /// Recomputes every fast figure from the records. For the quiet state only.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn validate(&self) -> Result<(), ValidateError> {
        validate::validate(self)
    }

    /// Touches every page of a shard's memory, so that it comes to be on the NUMA node of the calling thread. To be called before
    /// the shard is used; harmless later.
    pub fn touch(&self, shard: usize) {
        if let Some(shard) = self.shards.get(shard) {
            shard.touch();
        }
    }
}
