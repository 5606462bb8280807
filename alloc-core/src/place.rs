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
//! **Of a selection**, all three look at its agents only; where its claims join groups or mind rules, nothing is claimed along the
//! first of them, and the others take the memberships with the rest.
//!
//! A no is final when nobody was in flight while all was looked at once more; see [`desk`](crate::desk).

use core::cmp::Reverse;

use crate::PAGE_BYTES;
use crate::claim::{self, Ask, Holder, TRIES};
use crate::desk::Watch;
use crate::extras::figures;
use crate::group::GroupId;
use crate::ids::AgentId;
use crate::leaf::PuState;
use crate::local::Caller;
use crate::outcome::{Grant, Outcome};
use crate::plan::{Nowhere, check, plan};
use crate::quick::{Need, claim_leaf};
use crate::reason::{Invalid, Reason, Refusal};
use crate::request::{Policy, Request};
use crate::roam::Roam;
use crate::site::{Hands, Site};
use crate::siting::Siting;
use crate::stock::{View, WhatIf};
use crate::toll::{self, Toll};
use crate::walk::{Ahead, All, Walk, Within};

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
    /// The selection names a group that is not there.
    NoSuchGroup(GroupId),
    /// Agents could take it, and the claim records of their shards are used up: [`Capacity::claims`](crate::Capacity::claims).
    RecordsFull {
        /// Records of one of these shards.
        records: u32,
    },
    /// No agent can take it now; [`Table::explain`](crate::Table::explain) tells why, agent by agent.
    NoAgent,
}

/// What a leaf must have, where the first that has it will do.
#[inline]
fn need_of(request: &Request, policy: Policy) -> Option<Need> {
    if policy == Policy::FragmentationAware { None } else { Need::of(request) }
}

/// Finds an agent for a request and claims there.
#[inline]
pub(crate) fn place(caller: &Caller<'_>, holder: Holder, request: &Request, policy: Policy) -> Placed {
    if let Some(need) = need_of(request, policy)
        && let Some(hands) = caller.hands_in(caller.home)
    {
        let mut walk = Walk::new(&hands, All, &need, policy);
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
    let need = need_of(request, policy);
    if let Some(need) = need {
        let in_shard = |hands: Hands<'_>| Walk::new(&hands, All, &need, policy).place(None, holder, &need);
        if let Some(grant) = shards(caller).find_map(|shard| caller.with(shard, in_shard)) {
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
        Err(pools_changed) => place_slowly(caller, holder, request, (policy, None), pools_changed),
    }
}

/// As [`place`], where a siting admits; it is counted as so many placements where they are learnt from.
pub(crate) fn place_sited(
    caller: &Caller<'_>,
    holder: Holder,
    request: &Request,
    (policy, placements): (Policy, usize),
    siting: Siting<'_>,
) -> Placed {
    if let Err(invalid) = check(request) {
        return Placed::Refused(Unplaced::Invalid(invalid));
    }
    let need = need_of(request, policy).filter(|_| !siting.has_company());
    if let Some(need) = need {
        let in_shard = |hands: Hands<'_>| {
            let mask = siting.mask(hands.shard_at);
            Walk::new(&hands, mask, &need, policy).place(None, holder, &need)
        };
        if let Some(grant) = shards(caller).find_map(|shard| caller.with(shard, in_shard)) {
            return Placed::Granted(grant);
        }
    }
    let roam = Roam::new(caller, request, policy, need.is_none(), placements).at(siting);
    match roam.place(caller, shards(caller), holder) {
        Ok(grant) => Placed::Granted(grant),
        Err(pools_changed) => place_slowly(caller, holder, request, (policy, Some(siting)), pools_changed),
    }
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
    let need = need_of(request, policy);
    if let Some(need) = need
        && let Some(hands) = caller.hands_in(caller.home)
    {
        done = place_along(&mut Walk::new(&hands, All, &need, policy), holders, &need, &mut each);
    }
    if done < holders.len() && check(request).is_ok() {
        let roam = Roam::new(caller, request, policy, need.is_none(), holders.len() - done);
        done += roam_at_home(caller, &roam, holders, done, &mut each);
    }
    for (at, holder) in holders.iter().enumerate().skip(done) {
        each(at, place(caller, *holder, request, policy));
    }
}

/// As [`place_many`], where a siting without company admits.
pub(crate) fn place_many_sited(
    caller: &Caller<'_>,
    holders: &[Holder],
    request: &Request,
    (policy, siting): (Policy, Siting<'_>),
    mut each: impl FnMut(usize, Placed),
) {
    let mut done = 0;
    let need = need_of(request, policy);
    if let Some(need) = need
        && let Some(hands) = caller.hands_in(caller.home)
    {
        let mask = siting.mask(hands.shard_at);
        done = place_along(&mut Walk::new(&hands, mask, &need, policy), holders, &need, &mut each);
    }
    if done < holders.len() && check(request).is_ok() {
        let roam = Roam::new(caller, request, policy, need.is_none(), holders.len() - done).at(siting);
        done += roam_at_home(caller, &roam, holders, done, &mut each);
    }
    for (at, holder) in holders.iter().enumerate().skip(done) {
        each(at, place_sited(caller, *holder, request, (policy, 0), siting));
    }
}

/// Places for the holders from the first on that is left, until nothing is found; for how many it did.
fn roam_at_home(
    caller: &Caller<'_>,
    roam: &Roam<'_>,
    holders: &[Holder],
    first: usize,
    each: &mut impl FnMut(usize, Placed),
) -> usize {
    let each = |at, grant| each(first + at, Placed::Granted(grant));
    caller.with(caller.home, |hands| roam.place_many(hands, &holders[first..], each))
}

/// Places for one holder after the other along a walk, until it is over; for how many it did.
#[inline(always)]
fn place_along<W: Within>(
    walk: &mut Walk<'_, '_, W>,
    holders: &[Holder],
    need: &Need,
    each: &mut impl FnMut(usize, Placed),
) -> usize {
    let mut ahead = Ahead::new();
    for (done, holder) in holders.iter().enumerate() {
        ahead.fill(walk, holders.len() - done);
        let Some(grant) = walk.place(Some(&mut ahead), *holder, need) else { return done };
        each(done, Placed::Granted(grant));
    }
    holders.len()
}

/// The shards, home first; then from the next one on, so that threads of one home go on together no longer than they must.
fn shards(caller: &Caller<'_>) -> impl Iterator<Item = u8> + Clone {
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
    claim_leaf(&hands, machine.position(leaf), None, holder, (&need, hands.door)).ok().map(|(grant, _)| grant)
}

/// Asks agent by agent, and says no only when it is final.
#[cold]
fn place_slowly(
    caller: &Caller<'_>,
    holder: Holder,
    request: &Request,
    (policy, siting): (Policy, Option<Siting<'_>>),
    mut pools_changed: Option<AgentId>,
) -> Placed {
    let mut was_full = false;
    for _ in 0..TRIES {
        let watch = Watch::start(caller.table.desks());
        let (mut missed, mut full) = (false, None);
        for shard in shards(caller) {
            let outcome = caller.with(shard, |hands| {
                let site = select(hands, request, policy, siting)?;
                let at = site.agent.get() - hands.shard.first.get();
                let ask = siting.map_or(Ask::Request(request), |siting| Ask::Sited(request, siting));
                Some((site.agent, claim::claim(hands, at, holder, ask)))
            });
            match outcome {
                Some((_, Outcome::Granted(grant))) => return Placed::Granted(grant),
                // The role is refused everywhere, whatever the agent.
                Some((_, Outcome::Refused(refusal))) if is_of_role(&refusal.reason) => {
                    return Placed::Refused(Unplaced::Role(refusal.reason));
                }
                Some((_, Outcome::Refused(Refusal { reason: Reason::RecordsFull { records }, .. }))) => {
                    match caller.with(shard, |hands| claim_any(hands, holder, request, siting)) {
                        Some(Outcome::Granted(grant)) => return Placed::Granted(grant),
                        None => full = Some(Unplaced::RecordsFull { records }),
                        Some(_) => missed = true,
                    }
                    continue;
                }
                Some((agent, Outcome::Contended(was))) if was.pools_changed => pools_changed = Some(agent),
                Some(_) => {}
                None => continue,
            }
            missed = true;
        }
        if missed || !watch.was_quiet(caller.table.desks(), None, caller.desk) {
            continue;
        }
        match full {
            // A no has no place to say it.
            _ if pools_changed.is_some() => break,
            None => return Placed::Refused(Unplaced::NoAgent),
            // A record is in hands before its call is in flight: only when there are none twice in turn, there are none.
            Some(no) if was_full => return Placed::Refused(no),
            Some(_) => was_full = true,
        }
    }
    Placed::Contended { pools_changed }
}

/// Claims on any agent of a shard for which the records are enough; a claim of many parts takes several. `None` where it is records
/// that all lack.
fn claim_any(hands: Hands<'_>, holder: Holder, request: &Request, siting: Option<Siting<'_>>) -> Option<Outcome> {
    if hands.shard.records.map().is_full() {
        return None;
    }
    let toll = Toll::least(request);
    (0..hands.shard.agents()).find_map(|at| {
        let site = hands.site(at).filter(|site| siting.is_none_or(|siting| siting.admits(site)))?;
        if !is_feasible(&site, request, &toll) {
            return None;
        }
        let ask = siting.map_or(Ask::Request(request), |siting| Ask::Sited(request, siting));
        let outcome = claim::claim(hands, at, holder, ask);
        let lacks_records = matches!(outcome, Outcome::Refused(Refusal { reason: Reason::RecordsFull { .. }, .. }));
        (!lacks_records).then_some(outcome)
    })
}

pub(crate) const fn is_of_role(reason: &Reason) -> bool {
    matches!(reason, Reason::RoleLimit(_) | Reason::NoSuchRole(_))
}

/// The best of the first few agents of a shard that could serve; of equals the first.
fn select<'a>(hands: Hands<'a>, request: &Request, policy: Policy, siting: Option<Siting<'_>>) -> Option<Site<'a>> {
    let toll = Toll::least(request);
    let sites = (0..hands.shard.agents()).filter_map(|at| hands.site(at));
    let admitted = sites.filter(|site| siting.is_none_or(|siting| siting.admits(site)));
    let feasible = admitted.filter(|site| is_feasible(site, request, &toll)).take(CHOICES);
    match policy {
        Policy::Pack | Policy::FragmentationAware => feasible.min_by_key(left),
        Policy::Spread => feasible.min_by_key(|site| Reverse(left(site))),
    }
}

/// Whether an agent could serve at this moment. What is quickly told comes first: of many agents asked, few could.
pub(crate) fn is_feasible(site: &Site<'_>, request: &Request, toll: &Toll) -> bool {
    let view = View { machine: site.machine, what_if: WhatIf::AsIs };
    site.closed().is_none()
        && toll.is_there(&site.machine)
        && figures::first_lacking(request, &view).is_none()
        && plan(request, &view, &mut Nowhere).is_ok()
}

/// What an agent has left: cpu_milli, then bytes of memory.
fn left(site: &Site<'_>) -> (u64, u64) {
    (toll::cpu_milli(&site.machine), toll::pages(&site.machine) * PAGE_BYTES)
}
