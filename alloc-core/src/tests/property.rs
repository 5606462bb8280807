//! The property: an [`Op`] run on a table of one agent, and what must hold of its answer and of the table after it, by the
//! [`oracle`](super::oracle).
//!
//! It uses what is public only: the fuzzer runs it as well, from outside of this crate. What the calls must refuse whatever the state
//! is in [`misuse`](super::misuse).

use std::collections::BTreeSet;

use super::machines::{AGENT, ROLE, holder};
use super::odd;
use super::op::Op;
use super::oracle::{Known, Oracle};
use super::script::Script;
use super::wish;
use meros_alloc_core::{
    AgentState, Capacity, ClaimId, Confirmed, Grant, HoldLimit, Limit, Local, MemoryHold, Outcome, Owner, PAGE_BYTES,
    Placed, Placement, Policy, Quantities, Reason, Released, Request, Resource, Shape, ShapeError, ShapeSpec, Table,
    Transferred, Unplaced, Wanted,
};

/// Runs a script: a machine, and calls on its table.
pub(super) fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let Some(spec) = odd::read(&mut script) else { return };
    let Ok(mut world) = World::new(spec) else { return };
    for op in Op::sequence(script) {
        world.run(&op);
        world.check();
    }
    world.check_claims();
}

/// Records of the table: nearly always enough.
pub(super) const CLAIMS: u32 = 96;

/// A table of one agent, and the oracle's idea of it.
pub(super) struct World {
    spec: ShapeSpec,
    pub(super) table: Table,
    pub(super) oracle: Oracle,
    state: AgentState,
    limit: Limit,
    /// Claims that are gone, with their last owner.
    pub(super) stale: Vec<(ClaimId, u64)>,
}

impl World {
    /// An error when there can be no such machine.
    pub(super) fn new(spec: ShapeSpec) -> Result<Self, ShapeError> {
        let table = new_table(&Shape::new(&spec)?);
        let oracle = Oracle::new(spec.clone());
        Ok(Self { spec, table, oracle, state: AgentState::Active, limit: Limit::default(), stale: Vec::new() })
    }

    fn shape(&self) -> Shape {
        Shape::new(&self.spec).unwrap()
    }

    pub(super) fn nth(&self, at: usize) -> Option<(ClaimId, Known)> {
        let (id, known) = self.oracle.claims.iter().nth(at.checked_rem(self.oracle.claims.len())?)?;
        Some((ClaimId::from_u64(*id), known.clone()))
    }

    pub(super) fn follow(&mut self, given: &BTreeSet<u16>) {
        self.oracle.follow_pools(&self.table.pool_orders(AGENT), given);
    }

    fn add(&mut self, claim: ClaimId, placement: Placement) {
        let known = Known { owner: 1, placement };
        assert!(self.oracle.claims.insert(claim.as_u64(), known).is_none());
    }

    pub(super) fn granted(&mut self, request: Option<&Request>, grant: Grant) {
        let placement = self.table.placement(grant.claim).unwrap();
        assert_eq!(grant.charged, placement.quantities());
        assert_eq!(self.state, AgentState::Active, "granted by an agent that takes no claims");
        if let Some(request) = request {
            assert!(self.oracle.fits(request), "granted what does not fit");
            self.oracle.check_grant(request, &placement);
        }
        self.adopted(grant, placement);
        assert!(over(self.oracle.charged(), self.limit).is_none(), "granted beyond the role's limit");
    }

    /// A claim came to be: of PUs that were free.
    pub(super) fn adopted(&mut self, grant: Grant, placement: Placement) {
        let free = self.oracle.free();
        assert!(placement.all_pus().iter().all(|pu| free.contains(&pu.get())), "{placement:?}");
        self.add(grant.claim, placement);
        self.follow(&BTreeSet::new());
    }

    fn refused(&mut self, request: &Request, reason: Reason) {
        let invalid = matches!(reason, Reason::Invalid(_));
        assert_eq!(invalid, !wish::can_be_meant(request), "{reason:?}");
        if invalid || self.refused_for_other_reasons(reason) || !self.oracle.is_exact(request) {
            return;
        }
        assert!(!self.oracle.fits(request), "refused what fits: {reason:?}");
        let larger = matches!(reason, Reason::LargerThanMachine(_));
        assert_eq!(larger, !self.oracle.fits_empty(request), "{reason:?}");
        let leaving = matches!(reason, Reason::CoresLeaving(_));
        assert_eq!(leaving, self.oracle.fits_once_left(request), "{reason:?}");
        let (Reason::LargerThanMachine(shortage) | Reason::Busy(shortage)) = reason else { return };
        let free = self.oracle.free().len() as u64;
        assert!(shortage.what != Wanted::ExclusivePus || shortage.free == free, "{shortage:?}");
    }

    /// Whether it is refused for something else than what the agent has free.
    fn refused_for_other_reasons(&self, reason: Reason) -> bool {
        self.refused_by_state(reason) || self.refused_by_limit(reason) || self.refused_for_records(reason)
    }

    /// Whether the records are used up; no claim of these machines takes more than four.
    pub(super) fn refused_for_records(&self, reason: Reason) -> bool {
        let full = matches!(reason, Reason::RecordsFull { records: CLAIMS });
        assert!(!full || self.oracle.claims.len() >= CLAIMS as usize / 4, "there are records");
        full
    }

    /// Whether the agent's state is the reason; it must be when it takes no claims.
    fn refused_by_state(&self, reason: Reason) -> bool {
        let closed = match self.state {
            AgentState::Active => None,
            AgentState::Inactive => Some(Reason::Inactive),
            AgentState::Draining => Some(Reason::Draining),
        };
        let by_state = matches!(reason, Reason::Inactive | Reason::Draining);
        assert_eq!(closed, by_state.then_some(reason).or(closed), "{reason:?}");
        by_state
    }

    /// Whether the role's limit is the reason; its figures must be true then.
    fn refused_by_limit(&self, reason: Reason) -> bool {
        let Reason::RoleLimit(told) = reason else { return false };
        let used = self.oracle.charged();
        let (used, limit) = match told.resource {
            Resource::CpuMilli => (used.cpu_milli, self.limit.cpu_milli),
            Resource::MemBytes => (used.mem_bytes, self.limit.mem_bytes),
        };
        assert_eq!((told.role, told.used, Some(told.limit)), (ROLE, used, limit));
        assert!(told.used.saturating_add(told.asked) > told.limit, "{told:?} is within the limit");
        true
    }

    fn claim(&mut self, request: &Request) {
        match self.table.claim(AGENT, holder(1), request) {
            Outcome::Granted(grant) => self.granted(Some(request), grant),
            Outcome::Refused(refusal) => self.refused(request, refusal.reason),
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
    }

    fn place(&mut self, request: &Request, policy: Policy) {
        let placed = self.table.place(holder(1), request, policy);
        self.placed(request, placed);
    }

    /// Through a handle of the thread's own.
    fn place_many(&mut self, count: u8, request: &Request, policy: Policy) {
        let mut placed = Vec::new();
        let local = Local::new(&self.table, 0).unwrap();
        local.place_many(&vec![holder(1); count.into()], request, policy, |at, outcome| placed.push((at, outcome)));
        drop(local);
        assert!(placed.iter().map(|(at, _)| *at).eq(0..count.into()), "told of each, in order");
        placed.into_iter().for_each(|(_, placed)| self.placed(request, placed));
    }

    fn placed(&mut self, request: &Request, placed: Placed) {
        match placed {
            Placed::Granted(grant) => self.granted(Some(request), grant),
            Placed::Refused(Unplaced::Invalid(invalid)) => self.refused(request, Reason::Invalid(invalid)),
            Placed::Refused(Unplaced::Role(reason)) => assert!(self.refused_by_limit(reason), "{reason:?}"),
            Placed::Refused(Unplaced::NoAgent) => {
                let why = self.table.explain(ROLE, request);
                assert_eq!((why.agents, why.feasible), (1, 0));
                self.refused(request, why.nearest.unwrap().reason);
            }
            Placed::Contended { .. } => panic!("nobody else is there"),
        }
    }

    fn hold(&mut self, limit: HoldLimit) {
        match self.table.hold(AGENT, holder(1), limit) {
            Outcome::Granted(grant) => {
                let placement = self.table.placement(grant.claim).unwrap();
                assert!(placement.pus.len() <= limit.exclusive_pus as usize);
                assert!(placement.quantities().mem_bytes <= limit.mem_bytes);
                if limit == HoldLimit::ALL {
                    assert_eq!(placement.pus.len(), self.oracle.whole(&self.oracle.free()).len());
                }
                self.granted(None, grant);
            }
            Outcome::Refused(no) if self.refused_for_other_reasons(no.reason) => {}
            Outcome::Refused(_) => {
                assert!(limit != HoldLimit::ALL || self.oracle.whole(&self.oracle.free()).is_empty());
            }
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
    }

    /// What a claim lost by a split: to the child, or to a pool.
    fn split_off(&mut self, parent: ClaimId, before: &Placement, grant: Grant) {
        let (rest, child) = (self.table.placement(parent).unwrap(), self.table.placement(grant.claim).unwrap());
        let sum = rest.quantities().checked_add(child.quantities());
        assert_eq!((sum, grant.charged), (Some(before.quantities()), child.quantities()));
        let pus = |placement: &Placement| placement.all_pus().iter().map(|pu| pu.get()).collect::<BTreeSet<u16>>();
        let (was, kept, gone) = (pus(before), pus(&rest), pus(&child));
        assert!(kept.is_disjoint(&gone) && kept.is_subset(&was) && gone.is_subset(&was));
        let joined = &(&was - &kept) - &gone;
        if let Some(known) = self.oracle.claims.get_mut(&parent.as_u64()) {
            known.placement = rest;
        }
        let owner = self.oracle.claims[&parent.as_u64()].owner;
        self.oracle.claims.insert(grant.claim.as_u64(), Known { owner, placement: child });
        self.follow(&joined);
        assert!(joined.is_subset(&self.oracle.pooled));
    }

    fn split(&mut self, at: usize, request: &Request) {
        let Some((parent, known)) = self.nth(at) else { return };
        let before = known.placement;
        match self.table.split(parent, Owner::new(known.owner), request) {
            Outcome::Granted(grant) => {
                assert!(self.oracle.fits_claim(request, &before), "split what the claim does not have");
                let child = self.table.placement(grant.claim).unwrap();
                self.oracle.check_grant(request, &child);
                self.split_off(parent, &before, grant);
            }
            Outcome::Refused(refusal)
                if matches!(refusal.reason, Reason::Invalid(_))
                    || self.refused_for_records(refusal.reason)
                    || !self.oracle.is_exact(request) => {}
            Outcome::Refused(refusal) => {
                assert!(!self.oracle.fits_claim(request, &before), "{refusal} but it has {before:?}");
            }
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
    }

    /// Splits off half of what a held claim holds, said exactly.
    fn split_half(&mut self, at: usize) {
        let Some((parent, known)) = self.nth(at) else { return };
        let before = known.placement;
        if before.pus.is_empty() {
            return;
        }
        let mut piece = Placement { memory_hold: MemoryHold::Held, ..Placement::default() };
        piece.pus = before.pus[..before.pus.len().div_ceil(2)].to_vec();
        piece.pools = before.pools.clone();
        piece.pools.truncate(1);
        let grant = match self.table.split_exact(parent, Owner::new(known.owner), &piece) {
            Outcome::Granted(grant) => grant,
            Outcome::Refused(no) if self.refused_for_records(no.reason) => return,
            other => panic!("it is inside: {other:?}"),
        };
        assert_eq!(self.table.placement(grant.claim).unwrap().pus, piece.pus);
        self.split_off(parent, &before, grant);
    }

    fn release(&mut self, at: usize) {
        let Some((claim, known)) = self.nth(at) else { return };
        let released = self.table.release(claim, Owner::new(known.owner));
        self.released(&[(claim, known.owner)], &[released]);
        assert_eq!(self.table.release(claim, Owner::new(known.owner)), Released::Gone);
    }

    /// Through a handle of the thread's own, the first one twice.
    fn release_many(&mut self, at: usize, count: u8) {
        let chosen = (0..count.into()).filter_map(|further| self.nth(at.wrapping_add(further)));
        let mut claims: Vec<(ClaimId, u64)> = chosen.map(|(claim, known)| (claim, known.owner)).collect();
        claims.extend(claims.first().copied());
        let mut released = Vec::new();
        let local = Local::new(&self.table, 0).unwrap();
        let asked: Vec<_> = claims.iter().map(|(claim, owner)| (*claim, Owner::new(*owner))).collect();
        local.release_many(&asked, |_, outcome| released.push(outcome));
        drop(local);
        self.released(&claims, &released);
    }

    /// Claims were released, one after the other: those that were live, once.
    fn released(&mut self, claims: &[(ClaimId, u64)], released: &[Released]) {
        let mut touched = BTreeSet::new();
        for ((claim, owner), released) in claims.iter().zip(released) {
            let Some(known) = self.oracle.claims.remove(&claim.as_u64()) else {
                assert_eq!(*released, Released::Gone);
                continue;
            };
            let Released::Released { refunded, .. } = *released else { panic!("it is live: {released:?}") };
            assert_eq!(refunded, known.placement.quantities());
            self.stale.push((*claim, *owner));
            touched.extend(known.placement.members().flat_map(|(_, pools)| pools).map(|share| share.numa_node));
        }
        assert_eq!(claims.len(), released.len());
        self.follow(&BTreeSet::new());
        self.oracle.check_trimmed(|pool| touched.contains(&pool));
    }

    fn confirm(&mut self, at: usize, old: bool) {
        let orders = self.table.pool_orders(AGENT);
        let order = &orders[at % orders.len()];
        let epoch = if old { order.epoch.wrapping_sub(1) } else { order.epoch };
        let confirmed = self.table.confirm_pool(AGENT, order.numa_node, epoch);
        if old {
            assert_eq!(confirmed, Confirmed::Stale { epoch: order.epoch });
        } else {
            let pus = u32::try_from(self.oracle.confirm(order.numa_node)).unwrap();
            assert_eq!(confirmed, Confirmed::Freed { pus });
        }
    }

    /// A new table that learns everything anew.
    fn restart(&mut self) {
        let table = new_table(&self.shape());
        table.set_limit(ROLE, self.limit).unwrap();
        for order in self.table.pool_orders(AGENT) {
            table.restore_pool(AGENT, order.numa_node, &order.pus).unwrap();
        }
        let mut claims = std::collections::BTreeMap::new();
        for known in self.oracle.claims.values() {
            let grant = table.restore(AGENT, holder(known.owner), &known.placement).unwrap();
            assert_eq!(table.placement(grant.claim).as_ref(), Some(&known.placement));
            claims.insert(grant.claim.as_u64(), known.clone());
        }
        table.set_state(AGENT, self.state).unwrap();
        self.table = table;
        // A new table knows nothing of the ids of the old one.
        self.stale.clear();
        self.oracle.claims = claims;
        self.oracle.leaving.clear();
        self.table.trim_pools(AGENT);
        self.follow(&BTreeSet::new());
        self.oracle.check_trimmed(|_| true);
    }

    fn set_state(&mut self, state: AgentState) {
        self.table.set_state(AGENT, state).unwrap();
        self.state = state;
        assert_eq!(self.table.state(AGENT), Some(state));
    }

    /// What the role has stays, even beyond the limit.
    fn set_limit(&mut self, limit: Limit) {
        self.table.set_limit(ROLE, limit).unwrap();
        self.limit = limit;
    }

    /// The agent goes with all that is on it, and comes back fresh.
    fn return_agent(&mut self) {
        let incarnation = self.table.incarnation(AGENT).unwrap();
        let claims = u32::try_from(self.oracle.claims.len()).unwrap();
        assert_eq!(self.table.remove_agent(AGENT), Ok(claims));
        assert_eq!((self.table.state(AGENT), self.table.role_used(ROLE)), (None, Some(Quantities::default())));
        self.stale.extend(self.oracle.claims.iter().map(|(id, known)| (ClaimId::from_u64(*id), known.owner)));
        self.table.return_agent(AGENT, self.shape()).unwrap();
        assert_eq!(self.table.incarnation(AGENT), Some(incarnation + 1));
        self.oracle = Oracle::new(self.spec.clone());
        self.state = AgentState::Active;
    }

    pub(super) fn run(&mut self, op: &Op) {
        match op {
            Op::Claim(request) => self.claim(request),
            Op::Place(request, policy) => self.place(request, *policy),
            Op::PlaceMany(count, request, policy) => self.place_many(*count, request, *policy),
            Op::Hold(limit) => self.hold(*limit),
            Op::Split(at, request) => self.split(*at, request),
            Op::SplitHalf(at) => self.split_half(*at),
            Op::Transfer(at, to) => {
                let Some((claim, known)) = self.nth(*at) else { return };
                let transferred = self.table.transfer(claim, Owner::new(known.owner), Owner::new(*to));
                assert_eq!(transferred, Transferred::Transferred);
                self.oracle.claims.insert(claim.as_u64(), Known { owner: *to, ..known });
            }
            Op::Release(at) => self.release(*at),
            Op::ReleaseMany(at, count) => self.release_many(*at, *count),
            Op::UseStale(at) => self.use_stale(*at),
            Op::UseUnknown(which) => self.use_unknown(*which),
            Op::Restore(placement) => self.restore(placement),
            Op::SetState(state) => self.set_state(*state),
            Op::SetLimit(limit) => self.set_limit(*limit),
            Op::Return => self.return_agent(),
            Op::ReleaseOfAnother(at) => {
                let Some((claim, known)) = self.nth(*at) else { return };
                let owner = Owner::new(known.owner);
                assert_eq!(self.table.release(claim, Owner::new(99)), Released::NotOwner { owner });
            }
            Op::Confirm(at) => self.confirm(*at, false),
            Op::ConfirmOld(at) => self.confirm(*at, true),
            Op::Restart => self.restart(),
        }
    }

    /// What must hold between any two calls.
    pub(super) fn check(&self) {
        self.table.validate().unwrap();
        let usage = self.table.usage(AGENT).unwrap();
        let counts = [self.oracle.free().len(), self.oracle.pooled.len(), self.oracle.leaving.len()];
        let [free, pooled, leaving] = counts.map(|count| u32::try_from(count).unwrap());
        assert_eq!((usage.pus_free, usage.pus_pool, usage.pus_leaving), (free, pooled, leaving));
        assert_eq!(self.table.role_used(ROLE), Some(self.oracle.charged()));
    }

    /// What must hold of each claim.
    pub(super) fn check_claims(&self) {
        assert_eq!(self.table.claims_on(AGENT).count(), self.oracle.claims.len());
        for (id, known) in &self.oracle.claims {
            assert_eq!(self.table.placement(ClaimId::from_u64(*id)).as_ref(), Some(&known.placement));
            assert_eq!(self.table.holder(ClaimId::from_u64(*id)), Some(holder(known.owner)));
        }
    }
}

fn new_table(shape: &Shape) -> Table {
    let table =
        Table::new(Capacity { claims: CLAIMS, threads: 2, roles: 2, shapes: 2, ..Capacity::for_agents(1, shape) });
    let table = table.unwrap();
    table.add_role(Limit::default()).unwrap();
    table.add_agent(shape.clone()).unwrap();
    table
}

/// Which of a role's limits is exceeded.
fn over(charged: Quantities, limit: Limit) -> Option<Resource> {
    let cpus = limit.cpu_milli.is_some_and(|limit| charged.cpu_milli > limit);
    let memory = limit.mem_bytes.is_some_and(|limit| charged.mem_bytes > limit / PAGE_BYTES * PAGE_BYTES);
    if cpus { Some(Resource::CpuMilli) } else { memory.then_some(Resource::MemBytes) }
}
