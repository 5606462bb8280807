//! Reclaim: claims that are to end so that others come to their share.
//!
//! Who arrives when all is taken has a share that offers cannot give him. When a role has had too little ([`unmet`](super::unmet)) for
//! [`Rules::reclaim_after_ms`](crate::Rules::reclaim_after_ms), claims of roles that have too much are named: those of the lowest
//! priority first, then the youngest. Their owner is to end each within
//! [`Rules::reclaim_grace_ms`](crate::Rules::reclaim_grace_ms); the allocator never ends one itself.
//!
//! Rule 1: only [revocable](crate::Standing::revocable) claims are named, and only of roles whose policy allows it.
//! Rule 2: a role keeps what it is guaranteed, and what it has is not looked at once it has no more than its share.
//! Rule 3: all that is named for one demand is of one agent and makes room for it: for a request, or for the least that a subscription
//! is offered. None is named that the others make superfluous.
//! Rule 4: a role loses no more at once, and in a while, than its disruption limit says.
//! Rule 5: a subscription that took what it got is given more the next time: once, twice, four times as much.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::allocator::Allocator;
use crate::allocator::Event;
use crate::allocator::agents::AgentAt;
use crate::allocator::claims::Counted;
use crate::allocator::credit::least;
use crate::allocator::unmet::Wanting;
use crate::amounts::Amounts;
use crate::ids::{ClaimId, RoleId};
use crate::standing::Standing;

/// How much of a role may be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Disruption {
    /// Claims that are to end at the same time.
    pub at_once: u32,
    /// Claims that are told to end within `window_ms`.
    pub per_window: u32,
    /// In milliseconds.
    pub window_ms: u64,
}

impl Disruption {
    /// Nothing is ever taken back.
    pub const NEVER: Self = Self { at_once: 0, per_window: 0, window_ms: 0 };
}

impl Default for Disruption {
    fn default() -> Self {
        Self { at_once: 64, per_window: u32::MAX, window_ms: 60_000 }
    }
}

/// A claim that is to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reclaim {
    pub(crate) until_ms: u64,
    pub(crate) for_role: RoleId,
    from: RoleId,
    is_overdue: bool,
}

/// The order in which claims are named: lowest priority, then youngest.
pub(crate) type Rank = (u8, Reverse<u64>, ClaimId);

/// All claims that may be or are to be taken back.
#[derive(Debug, Default)]
pub(crate) struct Reclaims {
    /// Those that are to end.
    named: BTreeMap<ClaimId, Reclaim>,
    /// Those that may be named.
    revocable: BTreeSet<Rank>,
    /// When claims of a role were named, oldest first.
    lately: BTreeMap<RoleId, VecDeque<u64>>,
    /// How often in turn something was taken back for a role.
    steps: BTreeMap<RoleId, u32>,
    /// Not before then is anything looked at again.
    again_ms: u64,
}

/// Between two looks, in milliseconds.
const PAUSE_MS: u64 = 100;
/// The most demands at a time for one role: 2 to this power.
const STEPS_MAX: u32 = 6;

impl Reclaims {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Reclaim> {
        self.named.values()
    }

    /// A claim that was counted may be named from now on.
    pub(crate) fn add(&mut self, claim: ClaimId, standing: Standing, born: u64) {
        if standing.is_revocable() {
            self.revocable.insert((standing.priority(), Reverse(born), claim));
        }
    }

    /// A claim is over, or stands otherwise.
    pub(crate) fn remove(&mut self, claim: ClaimId, standing: Standing, born: u64) {
        self.revocable.remove(&(standing.priority(), Reverse(born), claim));
        self.named.remove(&claim);
    }

    fn named_of(&self, role: RoleId) -> usize {
        self.named.values().filter(|reclaim| reclaim.from == role).count()
    }
}

/// Claims chosen on one agent, and what they free.
#[derive(Debug, Default)]
struct Victims {
    claims: Vec<(ClaimId, RoleId, Amounts)>,
}

impl Allocator {
    /// Names claims that are to end, and tells of those that should have.
    pub(crate) fn reclaim(&mut self) {
        self.tell_overdue();
        if self.reclaims.again_ms > self.now_ms {
            return;
        }
        self.reclaims.again_ms = self.now_ms + PAUSE_MS;
        self.see_unmet();
        let due: Vec<RoleId> =
            self.unmet.iter().filter(|(_, since_ms)| self.is_due(*since_ms)).map(|(role, _)| role).collect();
        self.reclaims.steps.retain(|role, _| due.contains(role));
        let wanting = if due.is_empty() { BTreeMap::new() } else { self.wanting() };
        for role in due {
            if let Some(wanting) = wanting.get(&role) {
                self.reclaim_for(role, wanting);
            }
        }
    }

    fn is_due(&self, since_ms: u64) -> bool {
        since_ms + self.rules.reclaim_after_ms <= self.now_ms
    }

    /// When something is to be reclaimed next, or a grace ends.
    pub(crate) fn reclaim_at(&self) -> Option<u64> {
        let grace =
            self.reclaims.named.values().filter(|reclaim| !reclaim.is_overdue).map(|reclaim| reclaim.until_ms).min();
        let unmet = self.unmet.oldest_ms().map(|since_ms| since_ms + self.rules.reclaim_after_ms);
        let due =
            unmet.filter(|_| !self.reclaims.revocable.is_empty()).map(|due_ms| due_ms.max(self.reclaims.again_ms));
        [grace, due].into_iter().flatten().min()
    }

    fn tell_overdue(&mut self) {
        let now_ms = self.now_ms;
        let overdue =
            self.reclaims.named.iter_mut().filter(|(_, reclaim)| !reclaim.is_overdue && reclaim.until_ms <= now_ms);
        for (claim, reclaim) in overdue {
            reclaim.is_overdue = true;
            self.events.push(Event::Overdue { claim: *claim });
        }
    }

    fn reclaim_for(&mut self, role: RoleId, wanting: &Wanting) {
        if self.reclaims.iter().any(|reclaim| reclaim.for_role == role) {
            return;
        }
        if let Some(wait) = wanting.wait.and_then(|id| self.waits.get(id)).map(|wait| least(&wait.request)) {
            self.make_room(role, &wait);
        } else if let Some(sub) = wanting.sub {
            let step = self.reclaims.steps.entry(role).or_default();
            let demands = 1_u32 << (*step).min(STEPS_MAX);
            *step += 1;
            let minimum =
                self.subscriptions.get(sub).and_then(|sub| self.minima_of(sub).next()).unwrap_or(Amounts::ZERO);
            // As long as it has too little: what is named counts as if it had it.
            let mut given = Amounts::ZERO;
            for _ in 0..demands {
                if !self.would_have_too_little(role, &given) {
                    return;
                }
                let Some(freed) = self.make_room(role, &minimum) else { return };
                given.add(&freed);
            }
        }
    }

    fn would_have_too_little(&self, role: RoleId, given: &Amounts) -> bool {
        let Some(branch) = self.role(role).map(|role| role.branch) else { return false };
        let mut used = self.order.used(branch);
        used.add(given);
        self.order.share_of(&used) < self.order.entitlement(branch) || given.is_zero()
    }

    /// Names claims of one agent that make room for so much. What they free together.
    fn make_room(&mut self, role: RoleId, wanted: &Amounts) -> Option<Amounts> {
        let mut by_agent: BTreeMap<AgentAt, Victims> = BTreeMap::new();
        let mut taken: BTreeMap<RoleId, (u32, Amounts)> = BTreeMap::new();
        let ranks: Vec<ClaimId> = self.reclaims.revocable.iter().map(|(.., claim)| *claim).collect();
        for claim in ranks {
            let Some((from, amounts)) = self.may_take(role, claim, &taken) else { continue };
            let (count, sum) = taken.entry(from).or_default();
            *count += 1;
            sum.add(&amounts);
            let agent = claim.agent().get();
            let victims = by_agent.entry(agent).or_default();
            victims.claims.push((claim, from, amounts));
            if self.is_room(agent, &victims.claims, wanted) {
                let mut chosen = core::mem::take(&mut victims.claims);
                self.spare(agent, &mut chosen, wanted);
                return Some(self.name(role, &chosen));
            }
        }
        None
    }

    /// Whether a claim may be taken back for a role, beside those that are chosen already.
    fn may_take(
        &self,
        role: RoleId,
        claim: ClaimId,
        taken: &BTreeMap<RoleId, (u32, Amounts)>,
    ) -> Option<(RoleId, Amounts)> {
        let Counted { amounts, role: from, .. } = *self.claims.get(claim)?;
        // What ends in a reservation makes no room for others.
        if from == role || self.reclaims.named.contains_key(&claim) || self.reservations.is_home(claim) {
            return None;
        }
        let (count, sum) = taken.get(&from).copied().unwrap_or_default();
        let limit = self.role(from)?.disruption;
        let lately = self.reclaims.lately.get(&from);
        let since_ms = self.now_ms.saturating_sub(limit.window_ms);
        let lately = lately.map_or(0, |times| times.iter().filter(|at_ms| **at_ms > since_ms).count());
        let fits = |most: u32, so_far: usize| so_far + (count as usize) < most as usize;
        if !fits(limit.at_once, self.reclaims.named_of(from)) || !fits(limit.per_window, lately) {
            return None;
        }
        let is_free_to = |id: RoleId| {
            let Some(of) = self.role(id) else { return false };
            let mut left = self.order.used(of.branch);
            left.sub(&sum);
            let had_too_much = self.order.share_of(&left) > self.order.entitlement(of.branch);
            left.sub(&amounts);
            had_too_much && left.covers(&of.guarantee.min(&self.order.used(of.branch)))
        };
        // Up to where both roles meet: above that they are in it together.
        let meets = |id: &RoleId| self.path(role).any(|other| other == *id);
        self.path(from).take_while(|id| !meets(id)).all(is_free_to).then_some((from, amounts))
    }

    /// Whether an agent has room for so much once these claims are over.
    fn is_room(&self, agent: AgentAt, victims: &[(ClaimId, RoleId, Amounts)], wanted: &Amounts) -> bool {
        let available = self.agents.available().has(agent);
        let mut room = if available { self.agents.entry(agent).content.amounts } else { Amounts::ZERO };
        victims.iter().for_each(|(.., amounts)| room.add(amounts));
        room.covers(wanted)
    }

    /// Leaves out what is not needed, the most valuable first.
    fn spare(&self, agent: AgentAt, chosen: &mut Vec<(ClaimId, RoleId, Amounts)>, wanted: &Amounts) {
        for at in (0..chosen.len()).rev() {
            let spared = chosen.remove(at);
            if !self.is_room(agent, chosen, wanted) {
                chosen.insert(at, spared);
            }
        }
    }

    /// Names claims; what they free together.
    fn name(&mut self, for_role: RoleId, chosen: &[(ClaimId, RoleId, Amounts)]) -> Amounts {
        let until_ms = self.now_ms + self.rules.reclaim_grace_ms;
        let mut freed = Amounts::ZERO;
        for &(claim, from, amounts) in chosen {
            freed.add(&amounts);
            self.reclaims.named.insert(claim, Reclaim { until_ms, for_role, from, is_overdue: false });
            self.note_lately(from);
            self.tell(Event::Reclaim { claim, for_role, until_ms });
        }
        freed
    }

    fn note_lately(&mut self, from: RoleId) {
        let window_ms = self.role(from).map_or(0, |role| role.disruption.window_ms);
        let times = self.reclaims.lately.entry(from).or_default();
        times.push_back(self.now_ms);
        while times.front().is_some_and(|at_ms| at_ms + window_ms <= self.now_ms) {
            times.pop_front();
        }
    }
}
