//! Place: one call that finds an agent and claims there. Feasible → rank → select.
//!
//! **Along the index**, for a request that the cores of one leaf can serve: the index tells leaves that have enough free PUs
//! beside enough memory, tightest class first (pack) or roomiest first (spread). The first whose words agree is claimed. The home
//! shard comes first, all its classes, then the others: were the tightest of all shards looked for first, all threads would
//! fight for the agent that was freed last.
//!
//! **Agent by agent**, for all other requests, and before the answer is no: each agent is planned for; of the first few that
//! could serve the one with the least left (pack) or the most (spread) is claimed.
//!
//! A no is final when nobody was in flight while all was looked at once more; see [`desk`](crate::desk).

use core::cmp::Reverse;

use crate::claim::{self, Ask, Holder};
use crate::desk::Watch;
use crate::ids::AgentId;
use crate::leaf::PuState;
use crate::local::Caller;
use crate::outcome::{Grant, Outcome};
use crate::plan::{Nowhere, check, plan};
use crate::quick::{Need, claim_leaf};
use crate::reason::{Invalid, Reason};
use crate::request::{Policy, Request};
use crate::site::{Hands, Site};
use crate::stock::{View, WhatIf};
use crate::walk::{Ahead, Walk};
use crate::{MILLI_PER_PU, PAGE_BYTES};

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
#[inline]
pub(crate) fn place(caller: &Caller<'_>, holder: Holder, request: &Request, policy: Policy) -> Placed {
    if let Some(need) = Need::of(request)
        && let Some(hands) = caller.hands_in(caller.home)
    {
        let mut walk = Walk::new(&hands, &need, policy);
        if let Some(grant) = walk.place(None, holder, &need) {
            walk.prefetch_next();
            return Placed::Granted(grant);
        }
    }
    place_in_general(caller, holder, request, policy)
}

/// As [`place`], when the home shard is not known to serve.
#[cold]
#[inline(never)]
fn place_in_general(caller: &Caller<'_>, holder: Holder, request: &Request, policy: Policy) -> Placed {
    if let Err(invalid) = check(request) {
        return Placed::Refused(Unplaced::Invalid(invalid));
    }
    if let Some(need) = Need::of(request) {
        let in_shard = |hands: Hands<'_>| Walk::new(&hands, &need, policy).place(None, holder, &need);
        if let Some(grant) = shards(caller).find_map(|shard| caller.with(shard, in_shard)) {
            return Placed::Granted(grant);
        }
    }
    place_slowly(caller, holder, request, policy)
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
    if let Some(need) = Need::of(request)
        && let Some(hands) = caller.hands_in(caller.home)
    {
        let (mut walk, mut ahead) = (Walk::new(&hands, &need, policy), Ahead::new());
        while done < holders.len() {
            ahead.fill(&mut walk, holders.len() - done);
            let Some(grant) = walk.place(Some(&mut ahead), holders[done], &need) else { break };
            each(done, Placed::Granted(grant));
            done += 1;
        }
    }
    for (at, holder) in holders.iter().enumerate().skip(done) {
        each(at, place(caller, *holder, request, policy));
    }
}

/// The shards, home first; then from the next one on, so that threads of one home go on together no longer than they must.
fn shards(caller: &Caller<'_>) -> impl Iterator<Item = u8> {
    let shards = caller.table.shards().len();
    let (home, desk) = (usize::from(caller.home), caller.desk);
    let others = (0..shards - 1).map(move |at| (home + 1 + (at + desk) % (shards - 1)) % shards);
    core::iter::once(home).chain(others).filter_map(|shard| u8::try_from(shard).ok())
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
    claim_leaf(&hands, machine.position(leaf), None, holder, &need).ok().map(|(grant, _)| grant)
}

/// Asks agent by agent, and says no only when it is final.
#[cold]
fn place_slowly(caller: &Caller<'_>, holder: Holder, request: &Request, policy: Policy) -> Placed {
    let mut pools_changed = None;
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

pub(crate) const fn is_of_role(reason: &Reason) -> bool {
    matches!(reason, Reason::RoleLimit(_) | Reason::NoSuchRole(_))
}

/// The best of the first few agents of a shard that could serve; of equals the first.
fn select<'a>(hands: Hands<'a>, request: &Request, policy: Policy) -> Option<Site<'a>> {
    let agents = hands.shard.agents();
    let feasible = (0..agents).filter_map(|at| hands.site(at)).filter(|site| is_feasible(site, request)).take(CHOICES);
    match policy {
        Policy::Pack => feasible.min_by_key(left),
        Policy::Spread => feasible.min_by_key(|site| Reverse(left(site))),
    }
}

pub(crate) fn is_feasible(site: &Site<'_>, request: &Request) -> bool {
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
