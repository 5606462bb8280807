//! The property: an [`Op`] run on a table of one agent, and what must hold of its answer and of the table after it, by the
//! [`oracle`](super::oracle).
//!
//! It uses what is public only: the fuzzer runs it as well, from outside of this crate. What the calls must refuse whatever the state
//! is in [`misuse`](super::misuse).

mod exact;
mod roles;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::roles::COUNT;
use self::roles::of;
use super::machines::{AGENT, ROLE};
use super::odd;
use super::op::Op;
use super::oracle::{Fit, Known, Oracle};
use super::oracle_extras::Stuff;
use super::script::Script;
use super::wish;
use meros_alloc_core::{
    AgentState, Capacity, ClaimId, Confirmed, Grant, HoldLimit, Local, MemoryHold, Outcome, Owner, Placed, Placement,
    Policy, Quantities, Reason, Released, Request, Resource, RoleId, Shape, ShapeError, ShapeSpec, Table, Transferred,
    Unplaced, Wanted,
};

/// Runs a script: a machine, and calls on its table; tells how many. Tells of each call that came to something: was granted, or changed
/// what there is. Bytes without a machine that can be have no calls.
pub(super) fn run(bytes: &[u8], mut done: impl FnMut(&Op)) -> usize {
    let mut script = Script(bytes);
    let Some(spec) = odd::read(&mut script) else { return 0 };
    let Ok(mut world) = World::new(spec) else { return 0 };
    let mut calls = 0;
    for op in Op::sequence(script) {
        if world.run(&op) {
            done(&op);
        }
        world.check();
        calls += 1;
    }
    world.check_claims();
    calls
}

/// Records of the table: nearly always enough.
pub(super) const CLAIMS: u32 = 96;

/// A table of one agent, and the oracle's idea of it.
pub(super) struct World {
    spec: ShapeSpec,
    pub(super) table: Table,
    pub(super) oracle: Oracle,
    state: AgentState,
    /// Who is charged for new claims.
    role: RoleId,
    /// Limits in force, in the resource's unit.
    limits: BTreeMap<(RoleId, Resource), u64>,
    /// Claims that are gone, with their last owner.
    pub(super) stale: Vec<(ClaimId, u64)>,
    /// What was claimed exactly last, and of which incarnation.
    chosen: Option<(u32, Placement)>,
}

impl World {
    /// An error when there can be no such machine.
    pub(super) fn new(spec: ShapeSpec) -> Result<Self, ShapeError> {
        let table = new_table(&Shape::new(&spec)?);
        let oracle = Oracle::new(spec.clone());
        let (state, limits, role) = (AgentState::Active, BTreeMap::new(), roles::nth(spec.cores.len()));
        Ok(Self { spec, table, oracle, state, role, limits, stale: Vec::new(), chosen: None })
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
        let known = Known { owner: 1, role: self.role, placement };
        assert!(self.oracle.claims.insert(claim.as_u64(), known).is_none());
    }

    pub(super) fn granted(&mut self, request: Option<&Request>, grant: Grant) {
        let placement = self.table.placement(grant.claim).unwrap();
        assert_eq!(grant.charged, placement.quantities());
        assert_eq!(self.state, AgentState::Active, "granted by an agent that takes no claims");
        if let Some(request) = request {
            assert_ne!(self.oracle.fits(request), Fit::No, "granted what does not fit");
            self.oracle.check_grant(request, &placement);
            self.oracle.check_wishes(request, &placement, &self.oracle.stuff());
        }
        self.adopted(grant, placement.clone());
        self.check_limits(self.role, &placement);
    }

    /// A claim came to be: of PUs that were free.
    pub(super) fn adopted(&mut self, grant: Grant, placement: Placement) {
        let free = self.oracle.free();
        assert!(placement.all_pus().iter().all(|pu| free.contains(&pu.get())), "{placement:?}");
        self.add(grant.claim, placement);
        self.follow(&BTreeSet::new());
    }

    pub(super) fn refused(&self, request: &Request, reason: Reason) {
        let invalid = matches!(reason, Reason::Invalid(_));
        assert_eq!(invalid, !wish::can_be_meant(request), "{reason:?}");
        if invalid || self.refused_for_other_reasons(reason) || !self.oracle.is_exact(request) {
            return;
        }
        assert_ne!(self.oracle.fits(request), Fit::Yes, "refused what fits: {reason:?}");
        let larger = if matches!(reason, Reason::LargerThanMachine(_)) { Fit::Yes } else { Fit::No };
        assert_ne!(larger, self.oracle.fits_empty(request), "{reason:?}");
        let leaving = if matches!(reason, Reason::CoresLeaving(_)) { Fit::No } else { Fit::Yes };
        assert_ne!(leaving, self.oracle.fits_once_left(request), "{reason:?}");
        let (Reason::LargerThanMachine(shortage) | Reason::Busy(shortage)) = reason else { return };
        let free = self.oracle.free().len() as u64;
        assert!(shortage.what != Wanted::ExclusivePus || shortage.free == free, "{shortage:?}");
    }

    /// Whether it is refused for something else than what the agent has free.
    pub(super) fn refused_for_other_reasons(&self, reason: Reason) -> bool {
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
            AgentState::Offered => Some(Reason::Offered),
        };
        let by_state = matches!(reason, Reason::Inactive | Reason::Draining);
        assert_eq!(closed, by_state.then_some(reason).or(closed), "{reason:?}");
        by_state
    }

    fn claim(&mut self, request: &Request) -> bool {
        let fits = self.snapshot().fits(AGENT, request);
        match self.table.claim(AGENT, self.me(), request) {
            Outcome::Granted(grant) => {
                assert!(fits, "the snapshot says otherwise");
                self.granted(Some(request), grant);
                true
            }
            Outcome::Refused(no) => {
                assert!(!fits || self.refused_for_other_reasons(no.reason), "the snapshot says otherwise: {no}");
                self.refused(request, no.reason);
                false
            }
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
    }

    fn place(&mut self, request: &Request, policy: Policy) -> bool {
        let placed = self.table.place(self.me(), request, policy);
        self.placed(request, placed)
    }

    /// Through a handle of the thread's own.
    fn place_many(&mut self, count: u8, request: &Request, policy: Policy) -> bool {
        let mut placed = Vec::new();
        let local = Local::new(&self.table, 0).unwrap();
        local.place_many(&vec![self.me(); count.into()], request, policy, |at, outcome| placed.push((at, outcome)));
        drop(local);
        assert!(placed.iter().map(|(at, _)| *at).eq(0..count.into()), "told of each, in order");
        placed.into_iter().filter(|(_, placed)| self.placed(request, *placed)).count() > 0
    }

    fn placed(&mut self, request: &Request, placed: Placed) -> bool {
        match placed {
            Placed::Granted(grant) => {
                self.granted(Some(request), grant);
                return true;
            }
            Placed::Refused(Unplaced::Invalid(invalid)) => self.refused(request, Reason::Invalid(invalid)),
            Placed::Refused(Unplaced::Role(reason)) => assert!(self.refused_by_limit(reason), "{reason:?}"),
            Placed::Refused(Unplaced::NoAgent) => {
                let why = self.table.explain(self.role, request);
                assert_eq!((why.agents, why.feasible), (1, 0));
                self.refused(request, why.nearest.unwrap().reason);
            }
            Placed::Refused(Unplaced::RecordsFull { records }) => {
                assert!(self.refused_for_records(Reason::RecordsFull { records }));
            }
            Placed::Refused(Unplaced::NoSuchGroup(_)) | Placed::Contended { .. } => panic!("nobody else is there"),
        }
        false
    }

    fn hold(&mut self, limit: HoldLimit) -> bool {
        match self.table.hold(AGENT, self.me(), limit) {
            Outcome::Granted(grant) => {
                self.held(limit, grant);
                return true;
            }
            Outcome::Refused(no) if self.refused_for_other_reasons(no.reason) => {}
            Outcome::Refused(_) => {
                assert!(limit != HoldLimit::ALL || self.oracle.whole(&self.oracle.free()).is_empty());
            }
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
        false
    }

    fn held(&mut self, limit: HoldLimit, grant: Grant) {
        let placement = self.table.placement(grant.claim).unwrap();
        assert!(placement.pus.len() <= limit.exclusive_pus as usize);
        assert!(placement.memory.iter().map(|memory| memory.mem_bytes).sum::<u64>() <= limit.mem_bytes);
        if limit == HoldLimit::ALL {
            assert_eq!(placement.pus.len(), self.oracle.whole(&self.oracle.free()).len());
        }
        self.granted(None, grant);
        if limit.extras {
            // Huge pages stay where one task could not use them together with the rest.
            let none = Stuff { huge: self.oracle.stuff().huge, ..Stuff::none(&self.spec) };
            assert_eq!(self.oracle.stuff(), none);
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
        let known = self.oracle.claims[&parent.as_u64()].clone();
        self.oracle.claims.insert(grant.claim.as_u64(), Known { placement: child, ..known });
        self.follow(&joined);
        assert!(joined.is_subset(&self.oracle.pooled));
    }

    fn split(&mut self, at: usize, request: &Request) -> bool {
        let Some((parent, known)) = self.nth(at) else { return false };
        let before = known.placement;
        match self.table.split(parent, Owner::new(known.owner), request) {
            Outcome::Granted(grant) => {
                assert_ne!(self.oracle.fits_claim(request, &before), Fit::No, "split what the claim does not have");
                let child = self.table.placement(grant.claim).unwrap();
                self.oracle.check_grant(request, &child);
                self.oracle.check_wishes(request, &child, &Stuff::of_claim(&self.spec, &before));
                let free = self.oracle.stuff();
                self.split_off(parent, &before, grant);
                assert_eq!(self.oracle.stuff(), free, "what one loses the other has");
                return true;
            }
            Outcome::Refused(refusal)
                if matches!(refusal.reason, Reason::Invalid(_))
                    || self.refused_for_records(refusal.reason)
                    || !self.oracle.is_exact(request) => {}
            Outcome::Refused(refusal) => {
                assert_ne!(self.oracle.fits_claim(request, &before), Fit::Yes, "{refusal} but it has {before:?}");
            }
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
        false
    }

    /// Splits off half of what a held claim holds, said exactly.
    fn split_half(&mut self, at: usize) -> bool {
        let Some((parent, known)) = self.nth(at) else { return false };
        let before = known.placement;
        if before.pus.is_empty() {
            return false;
        }
        let mut piece = Placement { memory_hold: MemoryHold::Held, ..Placement::default() };
        piece.pus = before.pus[..before.pus.len().div_ceil(2)].to_vec();
        piece.pools = before.pools.clone();
        piece.pools.truncate(1);
        let grant = match self.table.split_exact(parent, Owner::new(known.owner), &piece) {
            Outcome::Granted(grant) => grant,
            Outcome::Refused(no) if self.refused_for_records(no.reason) => return false,
            other => panic!("it is inside: {other:?}"),
        };
        assert_eq!(self.table.placement(grant.claim).unwrap().pus, piece.pus);
        self.split_off(parent, &before, grant);
        true
    }

    fn release(&mut self, at: usize) -> bool {
        let Some((claim, known)) = self.nth(at) else { return false };
        let released = self.table.release(claim, Owner::new(known.owner));
        self.released(&[(claim, known.owner)], &[released]);
        assert_eq!(self.table.release(claim, Owner::new(known.owner)), Released::Gone);
        true
    }

    /// Through a handle of the thread's own, the first one twice.
    fn release_many(&mut self, at: usize, count: u8) -> bool {
        let chosen = (0..count.into()).filter_map(|further| self.nth(at.wrapping_add(further)));
        let mut claims: Vec<(ClaimId, u64)> = chosen.map(|(claim, known)| (claim, known.owner)).collect();
        claims.extend(claims.first().copied());
        let mut released = Vec::new();
        let local = Local::new(&self.table, 0).unwrap();
        let asked: Vec<_> = claims.iter().map(|(claim, owner)| (*claim, Owner::new(*owner))).collect();
        local.release_many(&asked, |_, outcome| released.push(outcome));
        drop(local);
        self.released(&claims, &released);
        !claims.is_empty()
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

    /// Tells whether cores left.
    fn confirm(&mut self, at: usize) -> bool {
        let orders = self.table.pool_orders(AGENT);
        let order = &orders[at % orders.len()];
        let confirmed = self.table.confirm_pool(AGENT, order.numa_node, order.epoch);
        let pus = u32::try_from(self.oracle.confirm(order.numa_node)).unwrap();
        assert_eq!(confirmed, Confirmed::Freed { pus });
        pus > 0
    }

    fn confirm_old(&self, at: usize) -> bool {
        let orders = self.table.pool_orders(AGENT);
        let order = &orders[at % orders.len()];
        let confirmed = self.table.confirm_pool(AGENT, order.numa_node, order.epoch.wrapping_sub(1));
        assert_eq!(confirmed, Confirmed::Stale { epoch: order.epoch });
        true
    }

    /// A new table that learns everything anew.
    fn restart(&mut self) -> bool {
        let table = new_table(&self.shape());
        for ((role, resource), limit) in &self.limits {
            table.set_limit_of(*role, *resource, Some(*limit)).unwrap();
        }
        for order in self.table.pool_orders(AGENT) {
            table.restore_pool(AGENT, order.numa_node, &order.pus).unwrap();
        }
        let mut claims = BTreeMap::new();
        for known in self.oracle.claims.values() {
            let grant = table.restore(AGENT, of(known), &known.placement).unwrap();
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
        true
    }

    fn set_state(&mut self, state: AgentState) -> bool {
        self.table.set_state(AGENT, state).unwrap();
        self.state = state;
        assert_eq!(self.table.state(AGENT), Some(state));
        true
    }

    /// The agent goes with all that is on it, and comes back fresh.
    fn return_agent(&mut self) -> bool {
        let incarnation = self.table.incarnation(AGENT).unwrap();
        let claims = u32::try_from(self.oracle.claims.len()).unwrap();
        assert_eq!(self.table.remove_agent(AGENT), Ok(claims));
        assert_eq!((self.table.state(AGENT), self.table.role_used(ROLE)), (None, Some(Quantities::default())));
        self.stale.extend(self.oracle.claims.iter().map(|(id, known)| (ClaimId::from_u64(*id), known.owner)));
        self.table.return_agent(AGENT, self.shape()).unwrap();
        assert_eq!(self.table.incarnation(AGENT), Some(incarnation + 1));
        self.oracle = Oracle::new(self.spec.clone());
        self.state = AgentState::Active;
        true
    }

    fn transfer(&mut self, at: usize, to: u64) -> bool {
        let Some((claim, known)) = self.nth(at) else { return false };
        let transferred = self.table.transfer(claim, Owner::new(known.owner), Owner::new(to));
        assert_eq!(transferred, Transferred::Transferred);
        self.oracle.claims.insert(claim.as_u64(), Known { owner: to, ..known });
        true
    }

    fn release_of_another(&self, at: usize) -> bool {
        let Some((claim, known)) = self.nth(at) else { return false };
        let owner = Owner::new(known.owner);
        assert_eq!(self.table.release(claim, Owner::new(99)), Released::NotOwner { owner });
        true
    }

    /// Tells whether it came to something, so that who counts sees that nothing is tried in vain only.
    pub(super) fn run(&mut self, op: &Op) -> bool {
        match op {
            Op::Claim(request) => self.claim(request),
            Op::Place(request, policy) => self.place(request, *policy),
            Op::PlaceMany(count, request, policy) => self.place_many(*count, request, *policy),
            Op::ClaimChosen(chosen) => self.claim_chosen(chosen),
            Op::ClaimPlanned(request) => self.claim_planned(request),
            Op::ClaimStale => self.claim_stale(),
            Op::Hold(limit) => self.hold(*limit),
            Op::Split(at, request) => self.split(*at, request),
            Op::SplitHalf(at) => self.split_half(*at),
            Op::Merge(into, from) => self.merge(*into, *from),
            Op::Gang(requests) => self.gang(requests),
            Op::Resize(at, request) => self.resize(*at, request),
            Op::ResizeAlike(at, size, pages) => self.resize_alike(*at, *size, *pages),
            Op::Transfer(at, to) => self.transfer(*at, *to),
            Op::Release(at) => self.release(*at),
            Op::ReleaseMany(at, count) => self.release_many(*at, *count),
            Op::ReleaseOfAnother(at) => self.release_of_another(*at),
            Op::UseStale(at) => self.use_stale(*at),
            Op::UseUnknown(which) => self.use_unknown(*which),
            Op::Restore(placement) => self.restore(placement),
            Op::Confirm(at) => self.confirm(*at),
            Op::ConfirmOld(at) => self.confirm_old(*at),
            Op::SetState(state) => self.set_state(*state),
            Op::SetLimit(limit) => self.set_limit(*limit),
            Op::SetRole(at) => self.set_role(*at),
            Op::SetLimitOf(at, resource, figure) => self.set_limit_of(*at, *resource, *figure),
            Op::Return => self.return_agent(),
            Op::Restart => self.restart(),
        }
    }

    /// What must hold between any two calls.
    pub(super) fn check(&self) {
        self.table.validate().unwrap();
        self.check_snapshot();
        let usage = self.table.usage(AGENT).unwrap();
        let counts = [self.oracle.free().len(), self.oracle.pooled.len(), self.oracle.leaving.len()];
        let [free, pooled, leaving] = counts.map(|count| u32::try_from(count).unwrap());
        assert_eq!((usage.pus_free, usage.pus_pool, usage.pus_leaving), (free, pooled, leaving));
        self.oracle.stuff().check_usage(&usage.extras);
        self.check_roles();
    }

    /// What must hold of each claim.
    pub(super) fn check_claims(&self) {
        assert_eq!(self.table.claims_on(AGENT).count(), self.oracle.claims.len());
        for (id, known) in &self.oracle.claims {
            assert_eq!(self.table.placement(ClaimId::from_u64(*id)).as_ref(), Some(&known.placement));
            assert_eq!(self.table.holder(ClaimId::from_u64(*id)), Some(of(known)));
        }
    }
}

fn new_table(shape: &Shape) -> Table {
    let table = Table::new(Capacity {
        claims: CLAIMS,
        threads: 2,
        roles: roles::COUNT,
        shapes: 2,
        ..Capacity::for_agents(1, shape)
    });
    let table = table.unwrap();
    roles::add(&table);
    table.add_agent(shape.clone()).unwrap();
    table
}
