//! Gang: claims over several agents, all of them or none.
//!
//! They are made one after the other, in agent order: two gangs that want the same agents meet at the first of them, where one
//! goes on and the other does not hold what it needs. What was claimed before a failure is released before the call returns.
//!
//! Until then others may have been turned away by a claim that is gone again. So a gang is announced at its desk as a flight that
//! stands for every block, and its undo is counted there (see [`desk`](crate::desk), rule 4): a no that a gang in flight may have
//! caused is never final. The claims of a gang in flight can be seen in listings.

use crate::claim::{Ask, Holder, claim};
use crate::desk::{Flight, Watch};
use crate::ids::AgentId;
use crate::local::Caller;
use crate::outcome::{Grant, Outcome};
use crate::place::{is_feasible, is_of_role};
use crate::plan::check;
use crate::reason::{Invalid, Reason, Refusal};
use crate::request::{Policy, Request};
use crate::site::Hands;
use crate::sync;
use crate::toll::Toll;
use crate::{Quantities, why};

/// The answer to claim_gang and place_gang.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ganged {
    /// All of them are yours.
    Granted {
        /// What the role is charged for them together.
        charged: Quantities,
    },
    /// No; nothing is held.
    Refused {
        /// Why.
        why: NoGang,
        /// Pools gained or lost cores even so, of agents in the list of grants or of the one whose claim failed: read
        /// [`Table::pool_orders`](crate::Table::pool_orders).
        pools_changed: bool,
    },
    /// Others were in the way; nothing is held, ask again.
    Contended {
        /// As for a refusal.
        pools_changed: bool,
    },
}

/// Why a gang was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoGang {
    /// The request cannot be meant.
    Invalid(Invalid),
    /// The role is refused, whatever the agent.
    Role(Reason),
    /// This agent refused its part.
    Agent(Refusal),
    /// There is room for some of them only.
    Room {
        /// For how many.
        placed: u32,
        /// The agent that came nearest to taking one more, and why it does not; `None` when each has as many as it may.
        nearest: Option<Refusal>,
    },
}

/// How a gang ended before it was whole.
#[derive(Clone, Copy, Debug)]
enum End {
    No(NoGang),
    Contended,
}

/// Claims on these agents, all or nothing.
pub(crate) fn claim_gang(
    caller: &Caller<'_>,
    holder: Holder,
    wanted: &[(AgentId, Request)],
    grants: &mut Vec<Grant>,
) -> Ganged {
    let mut gang = Gang::start(caller, holder, grants);
    if let Some(invalid) = wanted.iter().find_map(|(_, request)| check(request).err()) {
        return gang.end(End::No(NoGang::Invalid(invalid)));
    }
    for at in in_agent_order(wanted) {
        let (agent, request) = &wanted[at];
        match caller.claim(*agent, holder, Ask::Request(request)) {
            Outcome::Granted(grant) => gang.grants.push(grant),
            Outcome::Refused(refusal) => return gang.end(End::No(NoGang::Agent(refusal))),
            Outcome::Contended(was) => {
                gang.pools_changed |= was.pools_changed;
                return gang.end(End::Contended);
            }
        }
    }
    gang.keep()
}

/// The positions of what is wanted by agent, of one agent as given.
fn in_agent_order(wanted: &[(AgentId, Request)]) -> impl Iterator<Item = usize> {
    let key = |at: &usize| (wanted[*at].0, *at);
    let sorted = wanted.is_sorted_by_key(|(agent, _)| *agent);
    let mut last: Option<usize> = None;
    core::iter::from_fn(move || {
        last = match last {
            Some(last) if sorted => Some(last + 1).filter(|at| *at < wanted.len()),
            // Looked for anew each time, so that nothing has to be allocated.
            _ => (0..wanted.len()).filter(|at| last.is_none_or(|last| key(at) > key(&last))).min_by_key(key),
        };
        last
    })
}

/// How many claims of one kind, and how they lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lot {
    pub(crate) count: u32,
    pub(crate) policy: Policy,
    pub(crate) most_per_agent: u32,
}

/// Finds agents for so many claims of one kind, and claims there, all or nothing.
pub(crate) fn place_gang(
    caller: &Caller<'_>,
    holder: Holder,
    request: &Request,
    lot: Lot,
    grants: &mut Vec<Grant>,
) -> Ganged {
    let watch = Watch::start(caller.table.desks());
    let mut gang = Gang::start(caller, holder, grants);
    if let Err(invalid) = check(request) {
        return gang.end(End::No(NoGang::Invalid(invalid)));
    }
    let filled = match lot.policy {
        Policy::Pack | Policy::FragmentationAware => gang.fill(request, lot, lot.most_per_agent),
        Policy::Spread => gang
            .fill(request, lot, even_share(caller, request, lot))
            .and_then(|()| gang.fill(request, lot, lot.most_per_agent)),
    };
    if let Err(end) = filled {
        return gang.end(end);
    }
    if gang.count() == lot.count {
        return gang.keep();
    }
    if gang.contended || !watch.was_quiet(caller.table.desks(), None, caller.desk) {
        return gang.end(End::Contended);
    }
    let nearest = gang.full.or_else(|| gang.nearest(request, lot));
    let no = NoGang::Room { placed: gang.count(), nearest };
    gang.end(End::No(no))
}

/// How many claims each agent gets when all that could serve get as many.
fn even_share(caller: &Caller<'_>, request: &Request, lot: Lot) -> u32 {
    let mut could = 0;
    let toll = Toll::least(request);
    each_agent(caller, |hands, at| {
        could += u32::from(hands.site(at).is_some_and(|site| is_feasible(&site, request, &toll)));
        could < lot.count
    });
    lot.count.div_ceil(could.max(1)).min(lot.most_per_agent)
}

/// All agents in order, as long as `visit` wants more.
fn each_agent(caller: &Caller<'_>, mut visit: impl FnMut(Hands<'_>, u32) -> bool) {
    for shard in (0..).take(caller.table.shards().len()) {
        let on = caller.with(shard, |hands| (0..hands.shard.agents()).all(|at| visit(hands, at)));
        if !on {
            return;
        }
    }
}

/// Claims that were made. Dropped before it is kept, by a refusal or a panic, it releases them.
struct Gang<'g, 'a> {
    caller: &'g Caller<'a>,
    holder: Holder,
    flight: Flight<'a>,
    grants: &'g mut Vec<Grant>,
    /// Pools changed at a claim that was not made or at one that was undone.
    pools_changed: bool,
    /// A claim was not made because others were in the way.
    contended: bool,
    /// One was not made for want of records.
    full: Option<Refusal>,
    kept: bool,
}

impl<'g, 'a> Gang<'g, 'a> {
    fn start(caller: &'g Caller<'a>, holder: Holder, grants: &'g mut Vec<Grant>) -> Self {
        grants.clear();
        let flight = caller.table.desks().gang(caller.desk, holder.role);
        Self { caller, holder, flight, grants, pools_changed: false, contended: false, full: None, kept: false }
    }

    /// How many were made.
    fn count(&self) -> u32 {
        u32::try_from(self.grants.len()).unwrap_or(u32::MAX)
    }

    /// How many were made on an agent.
    fn count_on(&self, agent: AgentId) -> u32 {
        let there = self.grants.iter().filter(|grant| grant.claim.agent() == agent).count();
        u32::try_from(there).unwrap_or(u32::MAX)
    }

    /// Claims agent by agent, up to `share` on each, until there are enough.
    fn fill(&mut self, request: &Request, lot: Lot, share: u32) -> Result<(), End> {
        let mut end = Ok(());
        let toll = Toll::least(request);
        each_agent(self.caller, |hands, at| {
            end = self.fill_agent((hands, at), (request, &toll), lot, share);
            end.is_ok() && self.count() < lot.count
        });
        end
    }

    fn fill_agent(
        &mut self,
        (hands, at): (Hands<'_>, u32),
        (request, toll): (&Request, &Toll),
        lot: Lot,
        share: u32,
    ) -> Result<(), End> {
        let Some(site) = hands.site(at) else { return Ok(()) };
        let mut has = self.count_on(site.agent);
        while has < share && self.count() < lot.count && is_feasible(&site, request, toll) {
            match claim(hands, at, self.holder, Ask::Request(request)) {
                Outcome::Granted(grant) => self.grants.push(grant),
                Outcome::Refused(refusal) if is_of_role(&refusal.reason) => {
                    return Err(End::No(NoGang::Role(refusal.reason)));
                }
                Outcome::Refused(refusal) => {
                    let is_full = matches!(refusal.reason, Reason::RecordsFull { .. });
                    self.full = self.full.or_else(|| is_full.then_some(refusal));
                    return Ok(());
                }
                Outcome::Contended(was) => {
                    self.pools_changed |= was.pools_changed;
                    self.contended = true;
                    return Ok(());
                }
            }
            has += 1;
        }
        Ok(())
    }

    /// The nearest miss among the agents that might take one more.
    fn nearest(&self, request: &Request, lot: Lot) -> Option<Refusal> {
        let mut nearest: Option<Refusal> = None;
        each_agent(self.caller, |hands, at| {
            let site = hands.site(at).filter(|site| self.count_on(site.agent) < lot.most_per_agent);
            let no = site.and_then(|site| why::refuses(&site, request).map(|reason| site.refusal(reason)));
            let nearer = |no: &Refusal| nearest.is_none_or(|best| no.reason.nearness() > best.reason.nearness());
            nearest = no.filter(nearer).or(nearest);
            true
        });
        nearest
    }

    fn keep(mut self) -> Ganged {
        self.kept = true;
        let sum = |sum: Quantities, grant: &Grant| sum.checked_add(grant.charged).unwrap_or(sum);
        Ganged::Granted { charged: self.grants.iter().fold(Quantities::default(), sum) }
    }

    fn end(mut self, end: End) -> Ganged {
        self.undo();
        let pools_changed = self.pools_changed;
        match end {
            End::No(why) => Ganged::Refused { why, pools_changed },
            End::Contended => Ganged::Contended { pools_changed },
        }
    }

    /// Releases what was claimed.
    fn undo(&mut self) {
        let _calm = sync::calm();
        self.kept = true;
        for grant in &*self.grants {
            self.pools_changed |= self.caller.give_back(*grant, self.holder);
        }
        if !self.grants.is_empty() {
            self.flight.count_undone();
        }
    }
}

impl Drop for Gang<'_, '_> {
    fn drop(&mut self) {
        if !self.kept {
            self.undo();
        }
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_visited_by_agent_then_as_given() {
        let order = |agents: &[u32]| {
            let wanted: Vec<_> = agents.iter().map(|at| (AgentId::new(*at), Request::exclusive(1, 0))).collect();
            in_agent_order(&wanted).collect::<Vec<_>>()
        };
        assert_eq!(order(&[3, 1, 3, 2, 1]), [1, 4, 3, 0, 2]);
        assert_eq!(order(&[1, 1, 4]), [0, 1, 2]);
        assert!(order(&[]).is_empty());
    }
}
