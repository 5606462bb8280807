//! Random calls on a table, each checked against the [`oracle`](super::oracle), on machines of every odd kind.

mod exact;

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use self::exact::{Chosen, chosen};
use super::machines::with_extras;
use super::oracle::{Fit, Known, Oracle};
use super::oracle_extras::Stuff;
use super::wishes::wishes;
use super::{AGENT, ROLE, holder};
use crate::testing::{Machine, spec};
use crate::{
    Capacity, ClaimId, Confirmed, CoreKind, Cpus, HoldLimit, Level, Limit, Locality, Members, MemoryHold,
    MemoryLocality, Outcome, Owner, Placed, Placement, Policy, Reason, Released, Request, Shape, ShapeSpec, Smt, Table,
    Transferred, Unplaced, Wanted,
};

/// One call. Claims and pools are named by position among those there are.
#[derive(Clone, Debug)]
enum Op {
    Claim(Request),
    Place(Request, Policy),
    ClaimChosen(Chosen),
    ClaimPlanned(Request),
    ClaimStale,
    Hold(HoldLimit),
    Split(usize, Request),
    SplitHalf(usize),
    Merge(usize, usize),
    Gang(Vec<Request>),
    Resize(usize, Request),
    ResizeAlike(usize, u32, u64),
    Transfer(usize, u64),
    Release(usize),
    ReleaseOfAnother(usize),
    Confirm(usize),
    ConfirmOld(usize),
    Restart,
}

fn request() -> impl Strategy<Value = Request> {
    let level = prop_oneof![Just(Level::Core), Just(Level::L3), Just(Level::NumaNode), Just(Level::Package)];
    let locality = prop_oneof![
        2 => Just(Locality::Any),
        1 => level.clone().prop_map(Locality::Preferred),
        1 => level.prop_map(Locality::Required),
    ];
    let memory =
        prop_oneof![Just(MemoryLocality::Any), Just(MemoryLocality::Preferred), Just(MemoryLocality::Required),];
    let bytes = prop_oneof![Just(0_u64), 1..6 * 4096_u64, 4096..40 * 4096_u64];
    let extras = prop_oneof![2 => Just(crate::Extras::NONE), 1 => wishes().prop_map(crate::Extras::from)];
    (members(), bytes, locality, memory, extras).prop_map(|(members, mem_bytes, locality, memory, extras)| Request {
        members,
        mem_bytes,
        locality,
        memory,
        extras,
    })
}

fn members() -> impl Strategy<Value = Members> {
    let kind = prop_oneof![
        4 => Just(CoreKind::Any),
        1 => (0..2_u32).prop_map(CoreKind::Preferred),
        1 => (0..2_u32).prop_map(CoreKind::Required),
    ];
    let smt = prop_oneof![2 => Just(Smt::Whole), 1 => Just(Smt::Kept), 1 => Just(Smt::Split)];
    let cpus = |most: u32| {
        prop_oneof![
            4 => (1..most, smt.clone(), kind.clone())
                .prop_map(|(pus, smt, kind)| Cpus::Exclusive { pus, smt, kind }),
            1 => (1..most / 2, kind.clone()).prop_map(|(cores, kind)| Cpus::Cores { cores, kind }),
            2 => (1..most * 450).prop_map(Cpus::shared),
        ]
    };
    prop_oneof![2 => cpus(9).prop_map(Members::one), 1 => vec(cpus(5), 2..4).prop_map(|cpus| cpus.into_iter().collect())]
}

fn op() -> impl Strategy<Value = Op> {
    let hold = prop_oneof![
        Just(HoldLimit::ALL),
        (0..6_u32, 0..2000_u32, 0..90_000_u64, any::<bool>()).prop_map(
            |(exclusive_pus, pool_milli, mem_bytes, extras)| HoldLimit { exclusive_pus, pool_milli, mem_bytes, extras }
        ),
    ];
    prop_oneof![
        6 => request().prop_map(Op::Claim),
        1 => (request(), prop_oneof![Just(Policy::Pack), Just(Policy::Spread)]).prop_map(|(r, p)| Op::Place(r, p)),
        2 => chosen().prop_map(Op::ClaimChosen),
        2 => request().prop_map(Op::ClaimPlanned),
        1 => Just(Op::ClaimStale),
        2 => hold.prop_map(Op::Hold),
        4 => (any::<usize>(), request()).prop_map(|(at, request)| Op::Split(at, request)),
        1 => any::<usize>().prop_map(Op::SplitHalf),
        1 => vec(request(), 1..4).prop_map(Op::Gang),
        1 => (any::<usize>(), request()).prop_map(|(at, request)| Op::Resize(at, request)),
        4 => (any::<usize>(), 1..9_u32, 0..20_u64).prop_map(|(at, size, pages)| Op::ResizeAlike(at, size, pages)),
        3 => any::<(usize, usize)>().prop_map(|(into, from)| Op::Merge(into, from)),
        1 => (any::<usize>(), 1..5_u64).prop_map(|(at, to)| Op::Transfer(at, to)),
        5 => any::<usize>().prop_map(Op::Release),
        1 => any::<usize>().prop_map(Op::ReleaseOfAnother),
        2 => any::<usize>().prop_map(Op::Confirm),
        1 => any::<usize>().prop_map(Op::ConfirmOld),
        1 => Just(Op::Restart),
    ]
}

/// Machines of every odd kind, small.
fn machines() -> Vec<ShapeSpec> {
    let regular = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 4, packages: 2, mem_bytes: 16 * 4096 };
    let mut odd = vec![
        spec(1, 1, 1, 8 * 4096),
        spec(2, 1, 1, 16 * 4096),
        regular.spec(),
        Machine { cores: 12, pus_per_core: 4, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: 1 << 20 }.spec(),
        Machine { cores: 4, pus_per_core: 8, l3: 4, numa_nodes: 2, packages: 2, mem_bytes: 16 * 4096 }.spec(),
        // One L3 over two NUMA nodes; one NUMA node over two packages.
        Machine { cores: 6, pus_per_core: 1, l3: 1, numa_nodes: 2, packages: 3, mem_bytes: 16 * 4096 }.spec(),
    ];
    // Two kinds of cores, as wide as they like; then some cores in no NUMA node, then none in one.
    let mut hybrid = spec(6, 2, 2, 16 * 4096);
    for core in &mut hybrid.cores[2..] {
        (core.pus, core.kind) = (1, 1);
    }
    let mut outside = hybrid.clone();
    (outside.cores[0].numa_node, outside.cores[5].numa_node, outside.cores[5].package) = (None, None, None);
    let mut nowhere = hybrid.clone();
    for core in &mut nowhere.cores {
        (core.numa_node, core.package) = (None, None);
    }
    // A NUMA node without cores, and distances.
    let mut memory_only = regular.spec();
    memory_only.numa_nodes.push(crate::NumaNodeSpec::ordinary(64 * 4096 + 17));
    memory_only.distances = (0..25).map(|at| if at % 6 == 0 { 10 } else { 40 - at }).collect();
    // Some of everything; and devices on NUMA nodes of two packages, with cores in no NUMA node beside them.
    let mut scattered = with_extras();
    let cores = regular.spec().cores;
    scattered.cores = cores.into_iter().chain([outside.cores[0]]).collect();
    scattered.numa_nodes.iter_mut().for_each(|numa_node| numa_node.kind = 0);
    scattered.devices.extend(scattered.devices.clone());
    scattered.devices[1].numa_node = Some(crate::NumaNodeId::new(3));
    odd.extend([hybrid, outside, nowhere, memory_only, with_extras(), scattered]);
    odd
}

pub(super) struct World {
    spec: ShapeSpec,
    pub(super) table: Table,
    pub(super) oracle: Oracle,
    /// What was chosen last for an exact claim.
    stale: Option<Placement>,
}

fn new_table(spec: &ShapeSpec) -> Table {
    let shape = Shape::new(spec).unwrap();
    let table = Table::new(Capacity { claims: 200, ..Capacity::for_agents(1, &shape) }).unwrap();
    table.add_role(Limit::default()).unwrap();
    table.add_agent(shape).unwrap();
    table
}

impl World {
    fn new(spec: ShapeSpec) -> Self {
        Self { table: new_table(&spec), oracle: Oracle::new(spec.clone()), spec, stale: None }
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

    pub(super) fn granted(&mut self, request: Option<&Request>, grant: crate::Grant) {
        let placement = self.table.placement(grant.claim).unwrap();
        assert_eq!(grant.charged, placement.quantities());
        if let Some(request) = request {
            assert_ne!(self.oracle.fits(request), Fit::No, "granted what does not fit");
            self.oracle.check_grant(request, &placement);
            self.oracle.check_wishes(request, &placement, &self.oracle.stuff());
        }
        let free = self.oracle.free();
        assert!(placement.all_pus().iter().all(|pu| free.contains(&pu.get())), "{placement:?}");
        self.add(grant.claim, placement);
        self.follow(&BTreeSet::new());
    }

    pub(super) fn refused(&mut self, request: &Request, reason: Reason) {
        if matches!(reason, Reason::Invalid(_)) || !self.oracle.is_exact(request) {
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

    fn claim(&mut self, request: &Request) {
        let fits = self.snapshot().fits(AGENT, request);
        let outcome = self.table.claim(AGENT, holder(1), request);
        assert_eq!(fits, matches!(outcome, Outcome::Granted(_)), "the snapshot says otherwise: {outcome:?}");
        match outcome {
            Outcome::Granted(grant) => self.granted(Some(request), grant),
            Outcome::Refused(refusal) => self.refused(request, refusal.reason),
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
    }

    fn place(&mut self, request: &Request, policy: Policy) {
        match self.table.place(holder(1), request, policy) {
            Placed::Granted(grant) => self.granted(Some(request), grant),
            Placed::Refused(Unplaced::Invalid(_)) => {}
            Placed::Refused(why) => {
                assert_eq!(why, Unplaced::NoAgent);
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
            Outcome::Refused(_) => {
                assert!(limit != HoldLimit::ALL || self.oracle.whole(&self.oracle.free()).is_empty());
            }
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
    }

    /// What a claim lost by a split: to the child, or to a pool.
    fn split_off(&mut self, parent: ClaimId, before: &Placement, grant: crate::Grant) {
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
                assert_ne!(self.oracle.fits_claim(request, &before), Fit::No, "split what the claim does not have");
                let child = self.table.placement(grant.claim).unwrap();
                self.oracle.check_grant(request, &child);
                self.oracle.check_wishes(request, &child, &Stuff::of_claim(&self.spec, &before));
                let free = self.oracle.stuff();
                self.split_off(parent, &before, grant);
                assert_eq!(self.oracle.stuff(), free, "what one loses the other has");
            }
            Outcome::Refused(refusal)
                if matches!(refusal.reason, Reason::Invalid(_)) || !self.oracle.is_exact(request) => {}
            Outcome::Refused(refusal) => {
                assert_ne!(self.oracle.fits_claim(request, &before), Fit::Yes, "{refusal} but it has {before:?}");
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
        let Outcome::Granted(grant) = self.table.split_exact(parent, Owner::new(known.owner), &piece) else {
            panic!("it is inside")
        };
        assert_eq!(self.table.placement(grant.claim).unwrap().pus, piece.pus);
        self.split_off(parent, &before, grant);
    }

    fn release(&mut self, at: usize) {
        let Some((claim, known)) = self.nth(at) else { return };
        let Released::Released { refunded, .. } = self.table.release(claim, Owner::new(known.owner)) else {
            panic!("it is live")
        };
        assert_eq!(refunded, known.placement.quantities());
        assert_eq!(self.table.release(claim, Owner::new(known.owner)), Released::Gone);
        self.oracle.claims.remove(&claim.as_u64());
        self.follow(&BTreeSet::new());
        let touched =
            |pool| known.placement.members().any(|(_, pools)| pools.iter().any(|share| share.numa_node == pool));
        self.oracle.check_trimmed(touched);
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
        let table = new_table(&self.spec);
        for order in self.table.pool_orders(AGENT) {
            table.restore_pool(AGENT, order.numa_node, &order.pus).unwrap();
        }
        let mut claims = std::collections::BTreeMap::new();
        for known in self.oracle.claims.values() {
            let grant = table.restore(AGENT, holder(known.owner), &known.placement).unwrap();
            assert_eq!(table.placement(grant.claim).as_ref(), Some(&known.placement));
            claims.insert(grant.claim.as_u64(), known.clone());
        }
        self.table = table;
        self.oracle.claims = claims;
        self.oracle.leaving.clear();
        self.table.trim_pools(AGENT);
        self.follow(&BTreeSet::new());
        self.oracle.check_trimmed(|_| true);
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Claim(request) => self.claim(request),
            Op::Place(request, policy) => self.place(request, *policy),
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
            Op::Transfer(at, to) => {
                let Some((claim, known)) = self.nth(*at) else { return };
                let transferred = self.table.transfer(claim, Owner::new(known.owner), Owner::new(*to));
                assert_eq!(transferred, Transferred::Transferred);
                self.oracle.claims.insert(claim.as_u64(), Known { owner: *to, ..known });
            }
            Op::Release(at) => self.release(*at),
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
    fn check(&self) {
        self.table.validate().unwrap();
        self.check_snapshot();
        let usage = self.table.usage(AGENT).unwrap();
        let counts = [self.oracle.free().len(), self.oracle.pooled.len(), self.oracle.leaving.len()];
        let [free, pooled, leaving] = counts.map(|count| u32::try_from(count).unwrap());
        assert_eq!((usage.pus_free, usage.pus_pool, usage.pus_leaving), (free, pooled, leaving));
        self.oracle.stuff().check_usage(&usage.extras);
        assert_eq!(self.table.role_used(ROLE), Some(self.oracle.charged()));
        assert_eq!(self.table.claims_on(AGENT).count(), self.oracle.claims.len());
        for (id, known) in &self.oracle.claims {
            assert_eq!(self.table.placement(ClaimId::from_u64(*id)).as_ref(), Some(&known.placement));
            assert_eq!(self.table.holder(ClaimId::from_u64(*id)), Some(holder(known.owner)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_answers_as_the_oracle(machine in 0..machines().len(), ops in vec(op(), 1..50)) {
        let mut world = World::new(machines()[machine].clone());
        for op in &ops {
            world.run(op);
            world.check();
        }
    }

    #[test]
    fn any_placement_is_restored_or_refused(
        pus in vec(0..70_u16, 0..6),
        memory in vec((0..6_u16, any::<u64>()), 0..4),
        share in proptest::option::of((proptest::option::of(0..6_u16), any::<u32>())),
        hold in 0..3_usize,
    ) {
        let table = new_table(&machines()[2]);
        let placement = Placement {
            pus: pus.into_iter().map(crate::PuId::new).collect(),
            pools: share.into_iter().map(|(numa_node, cpu_milli)| crate::PoolShare {
                numa_node: numa_node.map(crate::NumaNodeId::new),
                cpu_milli,
            }).collect(),
            memory: memory.into_iter().map(|(numa_node, mem_bytes)| crate::NumaNodeMemory {
                numa_node: crate::NumaNodeId::new(numa_node),
                mem_bytes,
            }).collect(),
            further: Vec::new(),
            memory_hold: [MemoryHold::Held, MemoryHold::Loose, MemoryHold::Strict][hold],
            ..Placement::default()
        };
        if let Ok(grant) = table.restore(AGENT, holder(1), &placement) {
            prop_assert_eq!(table.placement(grant.claim).map(|placement| placement.pus), Some(placement.pus));
        }
        table.validate().unwrap();
    }
}
