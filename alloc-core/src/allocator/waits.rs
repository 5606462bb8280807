//! Waits: requests that fit nowhere yet. They are tried again where something came back, before it is offered: higher priority
//! first, then who waits longer.

use core::cmp::Reverse;
use core::fmt;
use std::collections::BTreeMap;

use crate::allocator::agents::AgentAt;
use crate::allocator::demand::Pledge;
use crate::allocator::error::AllocatorError;
use crate::allocator::offers::OfferAt;
use crate::allocator::ways::Claimant;
use crate::allocator::{Allocator, Event};
use crate::ids::{AgentId, FrameworkId, RoleId};
use crate::outcome::Outcome;
use crate::place::Placed;
use crate::request::{Policy, Request};

/// A request that waits. Prints as `w3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitId(u64);

impl WaitId {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for WaitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}

impl fmt::Debug for WaitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A request that waits.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) claimant: Claimant,
    pub(crate) request: Request,
    policy: Policy,
    pub(crate) since_ms: u64,
    is_pledged: bool,
}

/// The order of waits: higher priority first, then the older.
type Rank = (Reverse<u8>, WaitId);

/// All requests that wait.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    list: BTreeMap<Rank, Wait>,
    ranks: BTreeMap<WaitId, Rank>,
    next: u64,
    /// What pledged offers held is free for whom and where: before anything else in the next cycle.
    due: Vec<(WaitId, AgentAt)>,
    /// Agents of which parts are out, and the rest is not offered as long as somebody waits.
    pub(crate) held_back: Vec<AgentAt>,
    /// Whether all are to be tried everywhere: more than agents changed.
    pub(crate) try_all: bool,
    /// The same, from the next cycle on.
    try_again: bool,
}

impl Waits {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn get_mut(&mut self, wait: WaitId) -> Option<&mut Wait> {
        self.list.get_mut(self.ranks.get(&wait)?)
    }

    pub(crate) fn get(&self, wait: WaitId) -> Option<&Wait> {
        self.list.get(self.ranks.get(&wait)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (WaitId, &Wait)> {
        self.list.iter().map(|((_, id), wait)| (*id, wait))
    }

    pub(crate) fn set_pledged(&mut self, wait: WaitId, pledged: bool) {
        if let Some(wait) = self.get_mut(wait) {
            wait.is_pledged = pledged;
        }
    }

    /// Whose subscription is over waits for its role.
    pub(crate) fn disown(&mut self, framework: FrameworkId, role: RoleId) {
        let is_its = |claimant: &Claimant| claimant.framework == Some(framework) && claimant.role == role;
        self.list.values_mut().filter(|wait| is_its(&wait.claimant)).for_each(|wait| wait.claimant.framework = None);
    }

    pub(crate) fn any_unpledged(&self) -> bool {
        self.list.values().any(|wait| !wait.is_pledged)
    }

    fn remove(&mut self, wait: WaitId) -> Option<Wait> {
        self.list.remove(&self.ranks.remove(&wait)?)
    }
}

impl Allocator {
    /// Lets a request wait until it can be placed; [`Event::Placed`] tells when it is. By its priority
    /// ([`Standing`](crate::Standing)), and then in the order of these calls.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`]; [`AllocatorError::NotSubscribed`].
    pub fn wait(
        &mut self,
        claimant: Claimant,
        request: Request,
        policy: Policy,
        now_ms: u64,
    ) -> Result<WaitId, AllocatorError> {
        self.now_ms = self.now_ms.max(now_ms);
        self.counted_for(claimant)?;
        let id = WaitId(self.waits.next);
        self.waits.next += 1;
        let rank = (Reverse(request.standing.unwrap_or_default().priority()), id);
        let wait = Wait { claimant, request, policy, since_ms: self.now_ms, is_pledged: false };
        self.waits.list.insert(rank, wait);
        self.waits.ranks.insert(id, rank);
        self.waits.try_all = true;
        Ok(id)
    }

    /// Ends a wait; false when it is over already.
    pub fn stop_waiting(&mut self, wait: WaitId) -> bool {
        self.waits.remove(wait).is_some()
    }

    /// How many requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waits.list.len()
    }

    /// Places what waits, on the agents that changed, or anywhere.
    pub(crate) fn serve_waits(&mut self, changed: &[AgentAt]) {
        let try_all = core::mem::take(&mut self.waits.try_all);
        if self.waits.is_empty() || changed.is_empty() && !try_all {
            return;
        }
        let mut denied: Vec<(RoleId, Request)> = Vec::new();
        let ids: Vec<WaitId> = self.waits.iter().map(|(id, _)| id).collect();
        for id in ids {
            let Some(wait) = self.waits.get(id).cloned() else { continue };
            let is_like_it = |no: &(RoleId, Request)| no.0 == wait.claimant.role && no.1 == wait.request;
            if denied.iter().any(is_like_it) {
                continue;
            }
            let served = if try_all { self.try_anywhere(id, &wait) } else { self.try_on(id, &wait, changed) };
            if !served {
                denied.push((wait.claimant.role, wait.request));
            }
        }
    }

    fn try_anywhere(&mut self, id: WaitId, wait: &Wait) -> bool {
        match self.place(wait.claimant, &wait.request, wait.policy) {
            Ok(Placed::Granted(grant)) => self.end_wait(id, Outcome::Granted(grant)),
            Ok(Placed::Contended { pools_changed }) => {
                if let Some(agent) = pools_changed {
                    self.tell_pools(agent, true);
                }
                // Not a no: it is asked again in the next cycle.
                self.waits.try_again = true;
                false
            }
            Ok(Placed::Refused(_)) | Err(_) => false,
        }
    }

    /// Tries a request on these agents.
    fn try_on(&mut self, id: WaitId, wait: &Wait, agents: &[AgentAt]) -> bool {
        for &at in agents {
            let Ok(outcome) = self.claim(AgentId::new(at), wait.claimant, &wait.request) else { return false };
            if let Outcome::Contended(was) = outcome {
                self.tell_pools(AgentId::new(at), was.pools_changed);
                self.waits.try_again = true;
            }
            if self.end_wait(id, outcome) {
                self.look(at);
                return true;
            }
        }
        false
    }

    fn end_wait(&mut self, wait: WaitId, outcome: Outcome) -> bool {
        let Outcome::Granted(grant) = outcome else { return false };
        self.waits.remove(wait);
        self.tell(Event::Placed { wait, grant });
        true
    }

    /// Waits that others were in the way of are tried again, everywhere.
    pub(crate) fn try_waits_again(&mut self) {
        self.waits.try_all |= core::mem::take(&mut self.waits.try_again);
    }

    /// Nobody waits any more: what was held back is offered.
    pub(crate) fn see_held_back(&mut self) {
        if self.waits.is_empty() {
            for at in core::mem::take(&mut self.waits.held_back) {
                self.see_available(at);
            }
        } else {
            self.waits.held_back.sort_unstable();
            self.waits.held_back.dedup();
        }
    }

    /// What was pledged to a wait is free on an agent. It is placed in the next cycle, for answers do not place.
    pub(crate) fn owe(&mut self, wait: WaitId, agent: AgentAt) {
        self.waits.due.push((wait, agent));
    }

    /// Places what waits where an offer was given back for it.
    pub(crate) fn serve_pledged(&mut self) {
        for (wait, agent) in core::mem::take(&mut self.waits.due) {
            if let Some(pledged) = self.waits.get(wait).cloned() {
                self.look(agent);
                self.try_on(wait, &pledged, &[agent]);
            }
        }
    }

    /// Asks for old offers in which requests that wait would fit.
    pub(crate) fn take_over_for_waits(&mut self, old: &[OfferAt]) {
        let wanting: Vec<WaitId> = self.waits.iter().filter(|(_, wait)| !wait.is_pledged).map(|(id, _)| id).collect();
        let mut denied: Vec<Request> = Vec::new();
        for id in wanting {
            let Some(request) = self.waits.get(id).map(|wait| wait.request.clone()) else { continue };
            if denied.contains(&request) {
                continue;
            }
            let fits = |at: &OfferAt| {
                let out = self.offers.get(*at).is_some_and(|offer| !offer.is_rescinded);
                out && self.view(*at).is_some_and(|view| view.agent.fits(&request))
            };
            match old.iter().copied().find(fits) {
                Some(at) => self.pledge(at, Pledge::Wait(id)),
                None => denied.push(request),
            }
        }
    }
}
