//! Place: one call that finds an agent and claims there. Feasible → rank → select.
//!
//! **Along the index**, for a request that the cores of one leaf can serve: the index tells leaves that have enough free PUs
//! beside enough memory, tightest class first (pack) or roomiest first (spread). The first whose words agree is claimed. The home
//! shard comes first, all its classes, then the others: were the tightest of all shards looked for first, all threads would
//! fight for the agent that was freed last.
//!
//! **Roaming**, for all other requests: along leaves and pools, then along agents, in bounded searches (see [`roam`](crate::roam)).
//!
//! **Agent by agent**, when nothing was found, and before the answer is no: each agent is planned for; of the first few that
//! could serve the one with the least left (pack) or the most (spread) is claimed.
//!
//! A no is final when nobody was in flight while all was looked at once more; see [`desk`](crate::desk).

use core::cmp::Reverse;

use crate::claim::{self, Ask, Holder, Untaken, take};
use crate::desk::Watch;
use crate::ids::AgentId;
use crate::index::{Plane, Query, ROW};
use crate::leaf::PuState;
use crate::local::Caller;
use crate::member::{CoreKind, Cpus, Smt};
use crate::memory::Seat;
use crate::outcome::{Grant, Outcome};
use crate::part::Part;
use crate::plan::{Nowhere, check, plan};
use crate::quantity::pages_up;
use crate::reason::{Invalid, Reason};
use crate::request::{Level, Locality, MemoryLocality, Policy, Request};
use crate::roam::Roam;
use crate::site::{Hands, Site};
use crate::stock::{View, WhatIf};
use crate::{MILLI_PER_PU, PAGE_BYTES, Quantities};

/// How often everything is searched before the answer is `Contended`.
const TRIES: u32 = 4;
/// How many agents that could serve are compared, where agents are asked one by one.
const CHOICES: usize = 8;

/// The answer to place.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is yours; the claim's id names the agent.
    Granted(Grant),
    /// No.
    Refused(Unplaced),
    /// Others were quicker on each agent tried; ask again.
    Contended {
        /// An agent whose pools gained or lost cores even so: read [`Table::pool_orders`](crate::Table::pool_orders).
        pools_changed: Option<AgentId>,
    },
}

impl Placed {
    /// The grant, if it is one.
    #[must_use]
    pub const fn granted(self) -> Option<Grant> {
        match self {
            Self::Granted(grant) => Some(grant),
            Self::Refused(_) | Self::Contended { .. } => None,
        }
    }
}

/// Why a request was not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// The request cannot be meant.
    Invalid(Invalid),
    /// The role is refused, whatever the agent.
    Role(Reason),
    /// No agent can take it now; [`Table::explain`](crate::Table::explain) tells why, agent by agent.
    NoAgent,
}

/// Finds an agent for a request and claims there.
#[inline(always)]
pub(crate) fn place(caller: &Caller<'_>, holder: Holder, request: &Request, policy: Policy) -> Placed {
    if let Err(invalid) = check(request) {
        return Placed::Refused(Unplaced::Invalid(invalid));
    }
    let need = Need::of(request).filter(|_| policy != Policy::FragmentationAware);
    if let Some(need) = need {
        let placed = caller.with(caller.home, |hands| Search::new(hands, &need, policy).place(holder, &need));
        if let Some(grant) = placed.or_else(|| place_elsewhere(caller, holder, &need, policy)) {
            return Placed::Granted(grant);
        }
    }
    place_roaming(caller, holder, request, policy, need.is_none())
}

/// Looks along leaves, pools and agents in all shards, and at last at all agents.
#[cold]
fn place_roaming(caller: &Caller<'_>, holder: Holder, request: &Request, policy: Policy, narrow: bool) -> Placed {
    match Roam::new(caller, request, policy, narrow, 1).place(caller, shards(caller), holder) {
        Ok(grant) => Placed::Granted(grant),
        Err(pools_changed) => place_slowly(caller, holder, request, policy, pools_changed),
    }
}

/// Looks in the other shards.
#[cold]
fn place_elsewhere(caller: &Caller<'_>, holder: Holder, need: &Need, policy: Policy) -> Option<Grant> {
    shards(caller)
        .skip(1)
        .find_map(|shard| caller.with(shard, |hands| Search::new(hands, need, policy).place(holder, need)))
}

/// Places one request for many holders.
pub(crate) fn place_many(
    caller: &Caller<'_>,
    holders: &[Holder],
    request: &Request,
    policy: Policy,
    mut each: impl FnMut(usize, Placed),
) {
    let mut done = 0;
    let need = Need::of(request).filter(|_| policy != Policy::FragmentationAware);
    let meant = check(request).is_ok();
    if meant && let Some(need) = need {
        caller.with(caller.home, |hands| {
            let mut search = Search::new(hands, &need, policy);
            while done < holders.len()
                && let Some(grant) = search.place(holders[done], &need)
            {
                each(done, Placed::Granted(grant));
                done += 1;
                search.stay(policy);
            }
        });
    }
    if meant && done < holders.len() {
        let (first, left) = (done, &holders[done..]);
        let roam = Roam::new(caller, request, policy, need.is_none(), left.len());
        let each = |at, grant| each(first + at, Placed::Granted(grant));
        done += caller.with(caller.home, |hands| roam.place_many(hands, left, each));
    }
    for (at, holder) in holders.iter().enumerate().skip(done) {
        each(at, place(caller, *holder, request, policy));
    }
}

/// The shards, home first; then from the next one on, so that threads of one home go on together no longer than they must.
fn shards(caller: &Caller<'_>) -> impl Iterator<Item = u8> + Clone {
    let shards = caller.table.shards().len();
    let (home, desk) = (usize::from(caller.home), caller.desk);
    let others = (0..shards - 1).map(move |at| (home + 1 + (at + desk) % (shards - 1)) % shards);
    core::iter::once(home).chain(others).filter_map(|shard| u8::try_from(shard).ok())
}

/// What a leaf must have to serve a request alone.
#[derive(Clone, Copy, Debug)]
struct Need {
    pus: u32,
    pages: u64,
    seat: Seat,
    level: Option<Level>,
    /// The plane of memory to agree, if memory is wanted.
    memory: Option<Plane>,
}

impl Need {
    /// `None` for a request that a leaf cannot serve, or that is better served otherwise.
    #[inline(always)]
    fn of(request: &Request) -> Option<Self> {
        let [Cpus::Exclusive { pus: pus @ 1..=32, smt: Smt::Whole, kind: CoreKind::Any }] = *request.members.as_slice()
        else {
            return None;
        };
        let pages = pages_up(request.mem_bytes);
        let strict = request.memory == MemoryLocality::Required;
        let level = match request.locality {
            Locality::Required(level) => Some(level),
            // In one core if it can be: that is for the planner.
            Locality::Preferred(Level::Core) => return None,
            Locality::Any | Locality::Preferred(_) => None,
        };
        let seat = if strict { Seat::SingleStrict } else { Seat::SingleLoose };
        Some(Self { pus, pages, seat, level, memory: Plane::memory(pages) })
    }
}

/// A walk over the positions of a shard that may serve a need.
struct Search<'a> {
    hands: Hands<'a>,
    /// Classes left to look in, and which way.
    classes: core::ops::Range<u32>,
    roomiest_first: bool,
    memory: Option<Plane>,
    query: Query,
    /// The tightest class, and whether the walk is in it.
    tightest: u32,
    first: bool,
    /// Where this thread's walks start, but for the tightest class: there they go on where the last one ended. What is found there
    /// leaves no gap, wherever it is; and the rows behind have time to gather gaps.
    apart: u32,
    /// Rows start here, go to the end, and then up to here.
    start: u32,
    row: u32,
    wrapped: bool,
    /// The row whose `bits` are left to look at.
    at: u32,
    bits: u64,
    /// The last position, to be looked at again.
    last: u32,
    again: bool,
}

impl<'a> Search<'a> {
    #[inline(always)]
    fn new(hands: Hands<'a>, need: &Need, policy: Policy) -> Self {
        // Threads start apart from each other.
        let apart = (u64::from(hands.shard.index.rows()) * u64::from(hands.table.start_of(hands.desk))) >> 32;
        let classes = Plane::leaf_classes_from(need.pus);
        let mut search = Self {
            hands,
            tightest: classes.start,
            first: false,
            classes,
            roomiest_first: policy == Policy::Spread,
            memory: need.memory,
            query: (Plane::leaf(0), None),
            apart: u32::try_from(apart).unwrap_or(0),
            start: 0,
            row: 0,
            wrapped: true,
            at: 0,
            bits: 0,
            last: 0,
            again: false,
        };
        search.next_class();
        search
    }

    /// Goes on to the next class; false when there is none.
    #[inline(always)]
    fn next_class(&mut self) -> bool {
        let class = if self.roomiest_first { self.classes.next_back() } else { self.classes.next() };
        let Some(class) = class else { return false };
        self.query = self.hands.shard.index.query(class, self.memory);
        self.first = class == self.tightest;
        self.start = if self.first { self.hands.magazine.row() } else { self.apart };
        (self.row, self.wrapped) = (self.start, false);
        true
    }

    /// Looks at the last position once more: what is left there is the tightest there is.
    #[inline(always)]
    fn stay(&mut self, policy: Policy) {
        self.again = policy == Policy::Pack;
    }

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        if core::mem::take(&mut self.again) {
            return Some(self.last);
        }
        while self.bits == 0 {
            let index = &self.hands.shard.index;
            let end = if self.wrapped { self.start } else { index.rows() };
            match index.next(self.query, self.row, end) {
                Some((row, bits)) => (self.at, self.bits, self.row) = (row, bits, row + 1),
                None if !self.wrapped => (self.row, self.wrapped) = (0, true),
                None => {
                    if !self.next_class() {
                        return None;
                    }
                }
            }
        }
        let bit = self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        if self.bits != 0 {
            let next = self.at * ROW + self.bits.trailing_zeros();
            self.hands.shard.prefetch_line(next / crate::block::POSITIONS_PER_LINE);
        }
        self.last = self.at * ROW + bit;
        Some(self.last)
    }

    /// Goes on until a leaf serves the need; `None` when the walk is over.
    #[inline(always)]
    fn place(&mut self, holder: Holder, need: &Need) -> Option<Grant> {
        loop {
            let again = self.again;
            let position = self.next()?;
            // A leaf looked at again was just taken from: that it has less now is no mistake of the index.
            let found = (!again).then_some(self.query.0);
            match try_leaf(self.hands, position, found, holder, need) {
                Ok(grant) => {
                    if self.first {
                        self.hands.magazine.set_row(self.at);
                    }
                    return Some(grant);
                }
                // Why, and whether that is final, is found out at leisure.
                Err(Missed::Role) => return None,
                Err(Missed::Leaf) => {}
            }
        }
    }
}

/// Why a leaf was not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missed {
    /// It, or its NUMA node, or its agent, does not have what is needed.
    Leaf,
    /// The role does not, whatever the leaf.
    Role,
}

/// Claims at a leaf, if it has what is needed.
#[inline(always)]
fn try_leaf(
    hands: Hands<'_>,
    position: u32,
    found: Option<Plane>,
    holder: Holder,
    need: &Need,
) -> Result<Grant, Missed> {
    let site = hands.site(hands.shard.owner_at(position)).ok_or(Missed::Leaf)?;
    let machine = site.machine;
    let at = position.wrapping_sub(machine.position(0));
    let place = machine.shape.block.leaf_place(at).ok_or(Missed::Leaf)?;
    let leaf = u16::try_from(at).map_err(|_| Missed::Leaf)?;
    let width = place.bits.width;
    let free = machine.leaf(leaf).mask(PuState::Free) & place.bits.all();
    let pus = place.bits.lowest(free, need.pus.div_ceil(width));
    if pus.count_ones() < need.pus {
        if let Some(found) = found {
            site.machine.leaf_is_not(leaf, found);
        }
        return Err(Missed::Leaf);
    }
    let within = match need.level {
        None => true,
        Some(Level::Core) => width >= need.pus,
        Some(level) => place.is_within(level),
    };
    if !within || !site.is_open() {
        return Err(Missed::Leaf);
    }
    let mut record = site.begin(holder.owner, holder.role).map_err(|_| Missed::Leaf)?;
    record.push(Part::Cores { leaf, member: 0, pus }).map_err(|_| Missed::Leaf)?;
    if need.pages > 0 {
        let numa_node = place.numa_node.ok_or(Missed::Leaf)?;
        let word = machine.memory(numa_node);
        if word.pages() < need.pages {
            machine.memory_lacks(numa_node);
            return Err(Missed::Leaf);
        }
        if !word.admits(need.seat) {
            return Err(Missed::Leaf);
        }
        record.push(Part::Memory { numa_node, seat: need.seat, pages: need.pages }).map_err(|_| Missed::Leaf)?;
    }
    let charged = Quantities {
        cpu_milli: u64::from(pus.count_ones()) * u64::from(MILLI_PER_PU),
        mem_bytes: need.pages * PAGE_BYTES,
    };
    take(&site, &mut record, charged)
        .map_err(|untaken| if let Untaken::Role(_) = untaken { Missed::Role } else { Missed::Leaf })
}

/// Claims on one agent at the tightest leaf that has all that is needed; `None` when there is none, or somebody was quicker, and
/// the planner is to look.
pub(crate) fn claim_at_leaf(hands: Hands<'_>, at: u32, holder: Holder, request: &Request) -> Option<Grant> {
    check(request).ok()?;
    let need = Need::of(request)?;
    let site = hands.site(at)?;
    let machine = site.machine;
    let leaves = (0..).zip(&machine.shape.layout.leaves);
    let fitting = leaves.filter_map(|(leaf, shape)| {
        let free = machine.leaf(leaf).mask(PuState::Free);
        let enough = shape.bits.count_whole(free) * shape.bits.width >= need.pus;
        let has_memory = |numa_node| machine.memory(numa_node).take(need.seat, need.pages).is_some();
        let fits = enough && (need.pages == 0 || shape.numa_node.is_some_and(has_memory));
        // What is rounded up is wasted; then what is left over is broken.
        fits.then(|| (need.pus.next_multiple_of(shape.bits.width), (free & shape.bits.all()).count_ones(), leaf))
    });
    let (.., leaf) = fitting.min()?;
    try_leaf(hands, machine.position(leaf), None, holder, &need).ok()
}

/// Asks agent by agent, and says no only when it is final.
#[cold]
fn place_slowly(
    caller: &Caller<'_>,
    holder: Holder,
    request: &Request,
    policy: Policy,
    mut pools_changed: Option<AgentId>,
) -> Placed {
    for _ in 0..TRIES {
        let watch = Watch::start(caller.table.desks());
        let mut missed = false;
        for shard in shards(caller) {
            let outcome = caller.with(shard, |hands| {
                let site = select(hands, request, policy)?;
                let at = site.agent.get() - hands.shard.first.get();
                Some((site.agent, claim::claim(hands, at, holder, Ask::Request(request))))
            });
            match outcome {
                Some((_, Outcome::Granted(grant))) => return Placed::Granted(grant),
                // The role is refused everywhere, whatever the agent.
                Some((_, Outcome::Refused(refusal))) if is_of_role(&refusal.reason) => {
                    return Placed::Refused(Unplaced::Role(refusal.reason));
                }
                Some((agent, Outcome::Contended(was))) if was.pools_changed => pools_changed = Some(agent),
                Some(_) => {}
                None => continue,
            }
            missed = true;
        }
        if !missed && watch.was_quiet(caller.table.desks(), None, caller.desk) {
            return Placed::Refused(Unplaced::NoAgent);
        }
    }
    Placed::Contended { pools_changed }
}

const fn is_of_role(reason: &Reason) -> bool {
    matches!(reason, Reason::RoleLimit(_) | Reason::NoSuchRole(_))
}

/// The best of the first few agents of a shard that could serve; of equals the first.
fn select<'a>(hands: Hands<'a>, request: &Request, policy: Policy) -> Option<Site<'a>> {
    let agents = hands.shard.agents();
    let feasible = (0..agents).filter_map(|at| hands.site(at)).filter(|site| is_feasible(site, request)).take(CHOICES);
    match policy {
        Policy::Pack | Policy::FragmentationAware => feasible.min_by_key(left),
        Policy::Spread => feasible.min_by_key(|site| Reverse(left(site))),
    }
}

fn is_feasible(site: &Site<'_>, request: &Request) -> bool {
    let view = View { machine: site.machine, what_if: WhatIf::AsIs };
    site.closed().is_none() && plan(request, &view, &mut Nowhere).is_ok()
}

/// What an agent has left: cpu_milli, then bytes of memory.
fn left(site: &Site<'_>) -> (u64, u64) {
    let machine = site.machine;
    let free = u64::from(machine.count_in(PuState::Free)) * u64::from(MILLI_PER_PU);
    let pools = (0..).zip(&machine.shape.layout.pools);
    let room: u64 = pools.map(|(pool, _)| u64::from(machine.pool(pool).room_milli())).sum();
    let memory = (0..).zip(machine.shape.pages());
    let pages: u64 = memory.map(|(at, _)| machine.memory(crate::NumaNodeId::new(at)).pages()).sum();
    (free + room, pages * PAGE_BYTES)
}
