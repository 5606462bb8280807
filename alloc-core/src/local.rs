//! Local: a thread's handle on the table, with what makes its calls quick: a desk of its own (credit, flights), supplies of free
//! records, a home shard and a place in it to start searches at.
//!
//! Any number of threads may call the table itself as well; such a call borrows a desk for as long as it lasts.

use core::borrow::Borrow;
use core::fmt;

use crate::claim::{self, Ask, Holder};
use crate::ids::{AgentId, ClaimId, Owner};
use crate::outcome::{Grant, Outcome, Released, Transferred};
use crate::place::{self, Placed};
use crate::placement::Placement;
use crate::request::{HoldLimit, Policy, Request};
use crate::selection::Selection;
use crate::shard::{Door, Shard};
use crate::site::Hands;
use crate::siting;
use crate::slots::Magazine;
use crate::split::{self, Piece};
use crate::standing::{Standing, StandingSet};
use crate::table::Table;

/// Who calls: desk, supplies, and where to look first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) table: &'a Table,
    pub(crate) desk: usize,
    /// A magazine per shard; without, each call takes what it needs.
    pub(crate) magazines: Option<&'a [Magazine]>,
    /// The shard it looks in first.
    pub(crate) home: u8,
    /// Which agents are open to it.
    pub(crate) door: Door,
}

impl<'a> Caller<'a> {
    /// What a thread that goes on working works with in a shard; `None` for a single call.
    #[inline(always)]
    pub(crate) fn hands_in(&self, shard_at: u8) -> Option<Hands<'a>> {
        let (table, desk, door) = (self.table, self.desk, self.door);
        let magazine = &self.magazines?[usize::from(shard_at)];
        Some(Hands { table, shard_at, shard: table.shard(shard_at), desk, magazine, door })
    }

    /// Works in a shard.
    #[inline]
    pub(crate) fn with<R>(&self, shard_at: u8, work: impl FnOnce(Hands<'_>) -> R) -> R {
        let shard = self.table.shard(shard_at);
        let (table, desk, door) = (self.table, self.desk, self.door);
        let hands = |magazine| Hands { table, shard_at, shard, desk, magazine, door };
        match self.magazines {
            Some(magazines) => work(hands(&magazines[usize::from(shard_at)])),
            None => {
                let single = Single { magazine: Magazine::single(), map: shard.records.map() };
                work(hands(&single.magazine))
            }
        }
    }

    /// Works where an agent is; `None` when no agent can have that id.
    #[inline]
    pub(crate) fn at<R>(&self, agent: AgentId, work: impl FnOnce(Hands<'_>, u32) -> R) -> Option<R> {
        let (shard_at, at) = self.table.locate(agent)?;
        Some(self.with(shard_at, |hands| work(hands, at)))
    }
}

/// A single call's magazine: gives back what is left.
struct Single<'a> {
    magazine: Magazine,
    map: &'a crate::slots::SlotMap,
}

impl Drop for Single<'_> {
    fn drop(&mut self) {
        let _calm = crate::sync::calm();
        self.magazine.unload(0, self.map);
    }
}

/// A thread's handle. It may be sent to another thread, not shared.
///
/// `T` is how it holds the table: `&Table`, `Arc<Table>`.
///
/// ```
/// # use meros_alloc_core::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
/// let numa_nodes = vec![NumaNodeSpec::ordinary(32 << 30)];
/// let spec = ShapeSpec { cores: vec![core; 8], numa_nodes, ..ShapeSpec::default() };
/// let shape = Shape::new(&spec)?;
/// let table = Table::new(Capacity::for_agents(2, &shape))?;
/// let role = table.add_role(Limit::default())?;
/// for _ in 0..2 {
///     table.add_agent(shape.clone())?;
/// }
/// std::thread::scope(|scope| {
///     for thread in 0..2 {
///         let table = &table;
///         scope.spawn(move || {
///             let local = Local::new(table, 0).expect("there are desks");
///             let request = Request::exclusive(4, 8 << 30).with_locality(Locality::Required(Level::L3));
///             let holder = Holder { owner: Owner::new(thread), role };
///             let Placed::Granted(grant) = local.place(holder, &request, Policy::Pack) else { panic!("it fits") };
///             assert!(matches!(local.release(grant.claim, holder.owner), Released::Released { .. }));
///         });
///     }
/// });
/// table.validate()?;
/// # Ok(())
/// # }
/// ```
pub struct Local<T: Borrow<Table>> {
    table: T,
    desk: usize,
    magazines: Box<[Magazine]>,
    home: u8,
}

impl<T: Borrow<Table>> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("desk", &self.desk).field("home", &self.home).finish_non_exhaustive()
    }
}

/// All desks are taken: [`Capacity::threads`](crate::Capacity::threads) is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DesksFull {
    /// How many there are.
    pub threads: u16,
}

impl fmt::Display for DesksFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} threads of the table have a handle or are in a call: raise Capacity::threads", self.threads)
    }
}

impl core::error::Error for DesksFull {}

impl<T: Borrow<Table>> Local<T> {
    /// A handle that looks in shard `home` first (modulo how many there are).
    ///
    /// # Errors
    /// [`DesksFull`].
    pub fn new(table: T, home: usize) -> Result<Self, DesksFull> {
        let shared = table.borrow();
        let desk = shared.desks().sit().ok_or_else(|| DesksFull { threads: shared.capacity().threads })?;
        let shards = shared.shards().len();
        let home = u8::try_from(home % shards).unwrap_or(0);
        Ok(Self { desk, magazines: (0..shards).map(|_| Magazine::new()).collect(), home, table })
    }

    /// The table.
    pub fn table(&self) -> &Table {
        self.table.borrow()
    }

    #[inline(always)]
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller {
            table: self.table(),
            desk: self.desk,
            magazines: Some(&self.magazines),
            home: self.home,
            door: Door::Everybody,
        }
    }

    /// As [`Table::claim`].
    pub fn claim(&self, agent: AgentId, holder: Holder, request: &Request) -> Outcome {
        self.caller().claim(agent, holder, Ask::Request(request))
    }

    /// As [`Table::hold`].
    pub fn hold(&self, agent: AgentId, holder: Holder, limit: HoldLimit) -> Outcome {
        self.caller().claim(agent, holder, Ask::Hold(limit))
    }

    /// As [`Table::split`].
    pub fn split(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        self.caller().split(claim, owner, Piece::Request(request))
    }

    /// As [`Table::split_exact`].
    pub fn split_exact(&self, claim: ClaimId, owner: Owner, piece: &Placement) -> Outcome {
        self.caller().split(claim, owner, Piece::Exact(piece))
    }

    /// As [`Table::transfer`].
    pub fn transfer(&self, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
        self.caller().transfer(claim, from, to)
    }

    /// As [`Table::set_standing`].
    pub fn set_standing(&self, claim: ClaimId, owner: Owner, standing: Standing) -> StandingSet {
        self.caller().set_standing(claim, owner, standing)
    }

    /// As [`Table::release`].
    #[inline]
    pub fn release(&self, claim: ClaimId, owner: Owner) -> Released {
        self.caller().release(claim, owner)
    }

    /// Releases many claims; `each` is told what came of which. Quicker than one by one: while one is released, the memory that
    /// the next ones need is fetched.
    pub fn release_many(&self, claims: &[(ClaimId, Owner)], each: impl FnMut(usize, Released)) {
        self.caller().release_many(claims, each);
    }

    /// As [`Table::place`].
    #[inline]
    pub fn place(&self, holder: Holder, request: &Request, policy: Policy) -> Placed {
        place::place(&self.caller(), holder, request, policy)
    }

    /// Places one request for each of many holders; `each` is told what came of which. Quicker than one by one: the search goes
    /// on where the one before ended.
    pub fn place_many(&self, holders: &[Holder], request: &Request, policy: Policy, each: impl FnMut(usize, Placed)) {
        place::place_many(&self.caller(), holders, request, policy, each);
    }

    /// As [`Table::place_where`].
    pub fn place_where(&self, holder: Holder, request: &Request, policy: Policy, selection: &mut Selection) -> Placed {
        siting::place(&self.caller(), holder, request, policy, selection)
    }

    /// As [`Local::place_many`], on agents of the selection.
    pub fn place_many_where(
        &self,
        holders: &[Holder],
        request: &Request,
        policy: Policy,
        selection: &mut Selection,
        each: impl FnMut(usize, Placed),
    ) {
        siting::place_many(&self.caller(), holders, request, policy, selection, each);
    }
}

impl<T: Borrow<Table>> Drop for Local<T> {
    fn drop(&mut self) {
        let _calm = crate::sync::calm();
        let table: &Table = self.table.borrow();
        for (magazine, shard) in self.magazines.iter().zip(table.shards()) {
            magazine.unload(0, shard.records.map());
        }
        table.ledger().leave(table.desks(), self.desk);
        table.desks().stand_up(self.desk);
    }
}

/// How often a claim that another call has in hands is tried to be ended, before it is left to its owner.
pub(crate) const PATIENCE: u32 = if cfg!(loom) { 1 } else { 1000 };

/// How far ahead records are asked for, and how far ahead the lines they tell of.
const AHEAD: usize = 12;
const AHEAD_LINES: usize = 6;

impl Caller<'_> {
    pub(crate) fn claim(&self, agent: AgentId, holder: Holder, ask: Ask<'_>) -> Outcome {
        let claimed = self.at(agent, |hands, at| claim::claim(hands, at, holder, ask));
        claimed.unwrap_or_else(|| Outcome::gone(agent))
    }

    pub(crate) fn split(&self, claim: ClaimId, owner: Owner, piece: Piece<'_>) -> Outcome {
        let split = self.at(claim.agent(), |hands, _| split::split(hands, claim, owner, piece));
        split.unwrap_or_else(|| Outcome::gone(claim.agent()))
    }

    pub(crate) fn transfer(&self, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
        let transferred = self.at(claim.agent(), |hands, _| claim::transfer(hands, claim, from, to));
        transferred.unwrap_or(Transferred::Gone)
    }

    #[inline]
    pub(crate) fn release(&self, claim: ClaimId, owner: Owner) -> Released {
        let Some((shard, at)) = self.table.locate(claim.agent()) else { return Released::Gone };
        let Some(hands) = self.hands_in(shard) else {
            return self.with(shard, |hands| claim::release(&hands, claim, owner));
        };
        // The record says which block; the cell most likely says the same, and is looked up beside it.
        hands.shard.prefetch_block(hands.shard.cell(at).line);
        claim::release(&hands, claim, owner)
    }

    /// Releases a claim that this call made and does not keep; true when pools changed since before it was made. Somebody else may
    /// have it open, who removes the agent or acts for the same owner, and may end it or give it away.
    pub(crate) fn give_back(&self, grant: Grant, holder: Holder) -> bool {
        for _ in 0..PATIENCE {
            match self.release(grant.claim, holder.owner) {
                Released::Released { pools_changed, .. } => return grant.pools_changed | pools_changed,
                Released::Contended => core::hint::spin_loop(),
                Released::Gone | Released::NotOwner { .. } => break,
            }
        }
        grant.pools_changed
    }

    fn release_many(&self, claims: &[(ClaimId, Owner)], mut each: impl FnMut(usize, Released)) {
        let next = |at: usize| claims.get(at).and_then(|(claim, _)| Some((*claim, self.shard_of(*claim)?)));
        let far = |at: usize| {
            if let Some((claim, shard)) = next(at) {
                shard.records.prefetch(claim.slot());
            }
        };
        let near = |at: usize| {
            if let Some((claim, shard)) = next(at) {
                self.prefetch_words(shard, claim);
            }
        };
        (0..AHEAD).for_each(far);
        (0..AHEAD_LINES).for_each(near);
        for (at, &(claim, owner)) in claims.iter().enumerate() {
            far(at + AHEAD);
            near(at + AHEAD_LINES);
            let hands = self.table.locate(claim.agent()).and_then(|(shard, _)| self.hands_in(shard));
            let Some(hands) = hands else {
                each(at, self.release(claim, owner));
                continue;
            };
            match claim::try_release(&hands, claim, owner) {
                Ok(refunded) => each(at, Released::Released { refunded, pools_changed: false }),
                Err(unreleased) => each(at, claim::release_in_general(&hands, unreleased, claim, owner)),
            }
        }
    }

    #[inline(always)]
    fn shard_of(&self, claim: ClaimId) -> Option<&Shard> {
        self.table.locate(claim.agent()).map(|(shard, _)| self.table.shard(shard))
    }

    /// Asks for the words and the row of the index that a claim's release will touch, as far as its record tells.
    #[inline(always)]
    fn prefetch_words(&self, shard: &Shard, claim: ClaimId) {
        if let Some((place, leaf)) = shard.records.peek(claim.slot())
            && let Some(shape) = self.table.shape_if_known(place.shape())
        {
            shard.prefetch_leaf(shape, place.line(), leaf);
        }
    }
}
