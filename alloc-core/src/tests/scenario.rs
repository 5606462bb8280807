//! The table by example: what an operator or a scheduler's author would expect to happen.

use super::{AGENT, ROLE, granted, holder, table};
use crate::testing::Machine;
use crate::{
    AgentId, AgentState, Confirmed, CoreSpec, HoldLimit, Invalid, Level, Limit, Local, Locality, MemoryHold,
    MemoryLocality, MemoryMode, NumaNodeId, NumaNodeSpec, Outcome, Owner, Placed, Placement, Policy, PuId, Quantities,
    Reason, Refusal, Released, Request, RestoreError, Shape, ShapeSpec, Table, Transferred, Unplaced,
};

const GIB: u64 = 1 << 30;
const N0: Option<NumaNodeId> = Some(NumaNodeId::new(0));

fn one(machine: Machine) -> Table {
    table(64, Limit::default(), &[machine])
}

fn claim(table: &Table, request: &Request) -> Outcome {
    table.claim(AGENT, holder(1), request)
}

#[track_caller]
fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn pus(table: &Table, claim: crate::ClaimId) -> Vec<u16> {
    table.placement(claim).unwrap().pus.iter().map(|pu| pu.get()).collect()
}

/// Two packages of two NUMA nodes of two L3 domains of two cores of two PUs.
const LARGE: Machine = Machine { cores: 16, pus_per_core: 2, l3: 8, numa_nodes: 4, packages: 2, mem_bytes: GIB };

#[test]
fn odd_requests_get_whole_cores_and_are_charged_for_them() {
    let table = one(LARGE);
    let grant = granted(claim(&table, &Request::exclusive(3, 5000)));
    assert_eq!(pus(&table, grant.claim), [0, 1, 2, 3]);
    assert_eq!(grant.charged, Quantities { cpu_milli: 4000, mem_bytes: 8192 });
    table.validate().unwrap();
}

#[test]
fn locality_is_kept_when_required_and_widened_when_preferred() {
    let table = one(LARGE);
    let _first = granted(claim(&table, &Request::exclusive(2, 0)));
    // One L3 domain has lost a core; the others have 4 PUs, a NUMA node 8.
    let l3 = Locality::Required(Level::L3);
    assert_eq!(pus(&table, granted(claim(&table, &Request::exclusive(4, 0).with_locality(l3))).claim), [4, 5, 6, 7]);
    let larger = refused(claim(&table, &Request::exclusive(5, 0).with_locality(l3)));
    assert_eq!(larger.to_string(), "wants 5 exclusive PUs in one L3 domain; agent a0 has 4 when it is empty");
    assert!(larger.reason.is_permanent());
    let preferred = Request::exclusive(5, 0).with_locality(Locality::Preferred(Level::L3));
    assert_eq!(pus(&table, granted(claim(&table, &preferred)).claim).len(), 6);
    let package = Request::exclusive(17, 0).with_locality(Locality::Required(Level::Package));
    assert_eq!(
        refused(claim(&table, &package)).reason.kind(),
        crate::ReasonKind::LargerThanMachine(crate::Wanted::ExclusivePus)
    );
    table.validate().unwrap();
}

#[test]
fn a_pool_grows_shrinks_and_frees_its_core_only_when_confirmed() {
    let table = one(Machine { cores: 2, ..Machine::default() });
    let first = granted(claim(&table, &Request::shared(600, 0)));
    assert!(first.pools_changed);
    assert!(!granted(claim(&table, &Request::shared(400, 0))).pools_changed, "there was room");
    let third = granted(claim(&table, &Request::shared(100, 0)));
    let order = &table.pool_orders(AGENT)[0];
    assert_eq!((order.numa_node, order.pus.len()), (N0, 2));
    let refusal = refused(claim(&table, &Request::exclusive(1, 0)));
    assert_eq!(refusal.to_string(), "wants 1 exclusive PU; agent a0 has 0 free (2 in the shared pool)");

    let Released::Released { pools_changed: true, .. } = table.release(third.claim, Owner::new(1)) else {
        panic!("the second core is no longer needed")
    };
    let leaving = refused(claim(&table, &Request::exclusive(1, 0)));
    assert!(matches!(leaving.reason, Reason::CoresLeaving(_)));
    assert_eq!(
        leaving.to_string(),
        "wants 1 exclusive PU; agent a0 has 0 free (1 in the shared pool), and 1 more once its shared pool has shrunk"
    );
    let newest = table.pool_orders(AGENT)[0].clone();
    assert_eq!(table.confirm_pool(AGENT, N0, order.epoch), Confirmed::Stale { epoch: newest.epoch });
    assert_eq!(table.confirm_pool(AGENT, None, newest.epoch), Confirmed::NoSuchPool);
    assert_eq!(table.confirm_pool(AGENT, N0, newest.epoch), Confirmed::Freed { pus: 1 });
    let free = granted(claim(&table, &Request::exclusive(1, 0)));
    assert!(!newest.pus.contains(&table.placement(free.claim).unwrap().pus[0]));
    table.validate().unwrap();
}

#[test]
fn a_core_that_is_leaving_comes_back_for_a_shared_claim() {
    let table = one(Machine { cores: 1, ..Machine::default() });
    let first = granted(claim(&table, &Request::shared(600, 0)));
    assert!(matches!(table.release(first.claim, Owner::new(1)), Released::Released { pools_changed: true, .. }));
    let old = table.pool_orders(AGENT)[0].epoch;
    let _second = granted(claim(&table, &Request::shared(600, 0)));
    assert!(matches!(table.confirm_pool(AGENT, N0, old), Confirmed::Stale { .. }));
    assert_eq!(table.usage(AGENT).unwrap().pus_pool, 1);
    table.validate().unwrap();
}

#[test]
fn an_offer_is_split_transferred_and_its_rest_released() {
    let table = one(LARGE);
    let offer = granted(table.hold(AGENT, holder(1), HoldLimit::ALL));
    assert_eq!(offer.charged, table.shape(AGENT).unwrap().total());
    let (from, to) = (Owner::new(1), Owner::new(2));
    let core = Request::exclusive(2, GIB / 2).with_memory(MemoryLocality::Required);
    let task = granted(table.split(offer.claim, from, &core));
    assert_eq!(table.transfer(task.claim, from, to), Transferred::Transferred);
    assert_eq!(table.transfer(task.claim, from, to), Transferred::NotOwner { owner: to });
    let shared = granted(table.split(offer.claim, from, &Request::shared(500, 4096)));
    assert!(shared.pools_changed, "a core of the offer joined a pool");
    assert!(matches!(table.release(offer.claim, from), Released::Released { .. }));
    assert_eq!(table.release(offer.claim, from), Released::Gone);
    let placement = table.placement(task.claim).unwrap();
    assert_eq!((placement.memory_hold, placement.memory.len()), (MemoryHold::Strict, 1));
    let used = Quantities { cpu_milli: 2500, mem_bytes: GIB / 2 + 4096 };
    assert_eq!(table.role_used(ROLE), Some(used));
    assert_eq!(table.usage(AGENT).unwrap().memory[0].mode, MemoryMode::Single);
    table.validate().unwrap();
}

#[test]
fn a_piece_of_a_claim_is_inside_it() {
    let table = one(LARGE);
    let reservation = granted(table.hold(AGENT, holder(1), HoldLimit { exclusive_pus: 4, ..HoldLimit::ALL }));
    let piece = Placement { pus: vec![PuId::new(2), PuId::new(3)], ..Placement::default() };
    let child = granted(table.split_exact(reservation.claim, Owner::new(1), &piece));
    assert_eq!(table.placement(child.claim).unwrap().pus, piece.pus);
    assert_eq!(pus(&table, reservation.claim), [0, 1]);
    let again = refused(table.split_exact(reservation.claim, Owner::new(1), &piece));
    assert_eq!(again.to_string(), "the claim to split does not hold what is named");
    let half = Placement { pus: vec![PuId::new(0)], ..Placement::default() };
    let half = granted(table.split_exact(reservation.claim, Owner::new(1), &half));
    assert_eq!((pus(&table, half.claim), pus(&table, reservation.claim)), (vec![0], vec![1]));
    let core = refused(table.split(reservation.claim, Owner::new(1), &Request::exclusive(2, 0)));
    assert_eq!(core.to_string(), "wants 2 exclusive PUs; agent a0 has 1 free, 0 of them of use to it");
    assert!(matches!(
        refused(table.split(reservation.claim, Owner::new(9), &Request::exclusive(1, 0))).reason,
        Reason::NotOwner { .. }
    ));
    table.validate().unwrap();
}

#[test]
fn what_is_required_of_one_numa_node_is_of_one_with_its_memory() {
    let table = one(LARGE);
    let required = |bytes| Request::exclusive(2, bytes).with_memory(MemoryLocality::Required);
    let in_one = |bytes| required(bytes).with_locality(Locality::Required(Level::NumaNode));
    // A NUMA node has 1 GiB; a package, 2.
    let larger = refused(claim(&table, &in_one(3 * GIB / 2)));
    assert!(matches!(larger.reason, Reason::LargerThanMachine(_)), "{larger}");
    assert_eq!(table.explain(ROLE, &in_one(3 * GIB / 2)).feasible, 0);
    let whole = granted(claim(&table, &in_one(GIB)));
    assert_eq!(table.placement(whole.claim).unwrap().memory.len(), 1);
    let group = granted(claim(&table, &required(3 * GIB / 2).with_locality(Locality::Required(Level::L3))));
    assert_eq!(table.placement(group.claim).unwrap().memory.len(), 2, "an L3 domain is of the PUs");
    table.validate().unwrap();
}

#[test]
fn strict_memory_is_not_mixed_with_claims_that_spill() {
    let table = one(LARGE);
    // Alone, one NUMA node has 1 GiB; 1.5 GiB take the two of a package, strictly.
    let group = granted(claim(&table, &Request::exclusive(2, 3 * GIB / 2).with_memory(MemoryLocality::Required)));
    let placement = table.placement(group.claim).unwrap();
    assert_eq!((placement.memory.len(), placement.memory_hold), (2, MemoryHold::Strict));
    // What is left there serves the same group only.
    let single = granted(claim(&table, &Request::exclusive(2, GIB / 4).with_memory(MemoryLocality::Required)));
    assert!(table.placement(single.claim).unwrap().memory[0].numa_node.get() >= 2);
    let spill = refused(claim(&table, &Request::exclusive(2, 2 * GIB).with_memory(MemoryLocality::Any)));
    assert!(matches!(spill.reason, Reason::StrictMemory(_)), "{spill}");
    table.validate().unwrap();
    assert!(matches!(table.release(single.claim, Owner::new(1)), Released::Released { .. }));
    let spill = granted(claim(&table, &Request::exclusive(2, 2 * GIB).with_memory(MemoryLocality::Any)));
    assert_eq!(table.placement(spill.claim).unwrap().memory_hold, MemoryHold::Loose);
    table.validate().unwrap();
}

#[test]
fn a_limit_refuses_and_says_so() {
    let limit = Limit { cpu_milli: Some(2000), mem_bytes: Some(GIB) };
    let table = table(64, limit, &[LARGE, LARGE]);
    let _first = granted(claim(&table, &Request::shared(1500, 0)));
    let over = refused(claim(&table, &Request::exclusive(1, 0)));
    assert_eq!(over.to_string(), "wants 2000 milli for role r0, which has 1500 milli of its limit of 2000 milli");
    let placed = table.place(holder(1), &Request::exclusive(1, 0), Policy::Pack);
    assert!(matches!(placed, Placed::Refused(Unplaced::Role(Reason::RoleLimit(_)))), "{placed:?}");
    assert_eq!(table.explain(ROLE, &Request::exclusive(1, 0)).blocked.len(), 1);
    table.set_limit(ROLE, Limit::default()).unwrap();
    assert!(matches!(table.place(holder(1), &Request::exclusive(1, 0), Policy::Pack), Placed::Granted(_)));
    table.validate().unwrap();
}

#[test]
fn place_packs_spreads_and_explains() {
    let small = Machine { cores: 2, ..Machine::default() };
    let table = table(64, Limit::default(), &[LARGE, small, small]);
    let place = |table: &Table, policy| match table.place(holder(1), &Request::exclusive(1, 0), policy) {
        Placed::Granted(grant) => grant.claim.agent().get(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        [Policy::Pack, Policy::Pack, Policy::Pack, Policy::Spread].map(|policy| place(&table, policy)),
        [1, 1, 2, 0]
    );
    table.set_state(crate::AgentId::new(0), AgentState::Inactive).unwrap();
    let why = table.explain(ROLE, &Request::exclusive(2, 0));
    assert_eq!((why.agents, why.feasible, why.never_fits()), (3, 0, false));
    assert_eq!(
        why.to_string(),
        "wants 2 exclusive PUs; agent a2 has 1 free [of 3 agents: 1 taking no new claims, 2 too few free exclusive PUs]"
    );
    assert!(table.explain(ROLE, &Request::exclusive(64, 0)).blocked.len() == 2);
    table.remove_agent(crate::AgentId::new(0)).unwrap();
    assert!(table.explain(ROLE, &Request::exclusive(64, 0)).never_fits());
    table.validate().unwrap();
}

#[test]
fn a_removed_agent_takes_its_claims_and_its_ids_along() {
    let table = one(LARGE);
    let old = granted(claim(&table, &Request::exclusive(9, GIB)));
    assert_eq!(table.remove_agent(AGENT), Ok(1));
    assert_eq!(table.role_used(ROLE), Some(Quantities::default()));
    assert!(matches!(refused(claim(&table, &Request::exclusive(1, 0))).reason, Reason::Gone));
    assert_eq!(table.add_agent(LARGE.shape()), Ok(AGENT));
    assert_eq!(table.incarnation(AGENT), Some(2));
    let new = granted(claim(&table, &Request::exclusive(9, GIB)));
    assert_ne!(old.claim, new.claim);
    assert_eq!(table.release(old.claim, Owner::new(1)), Released::Gone);
    assert_eq!(table.placement(old.claim), None);
    table.validate().unwrap();
}

#[test]
fn a_claim_of_many_leaves_goes_on_in_further_records() {
    let machine = Machine { cores: 64, pus_per_core: 1, l3: 32, numa_nodes: 8, packages: 2, mem_bytes: GIB };
    let table = table(64, Limit::default(), &[machine]);
    // 32 leaves and 8 NUMA nodes are 40 parts: 10 records of 4.
    let whole = granted(table.hold(AGENT, holder(1), HoldLimit::ALL));
    assert_eq!(table.placement(whole.claim).unwrap().pus.len(), 64);
    table.validate().unwrap();
    let split = |_| granted(table.split(whole.claim, Owner::new(1), &Request::exclusive(1, 0)));
    let children: Vec<_> = (0..54).map(split).collect();
    let full = refused(table.split(whole.claim, Owner::new(1), &Request::exclusive(1, 0)));
    assert_eq!(full.to_string(), "agent a0: the 64 claim records of its shard are used up");
    for claim in children.iter().chain([&whole]) {
        assert!(matches!(table.release(claim.claim, Owner::new(1)), Released::Released { .. }));
    }
    table.validate().unwrap();
}

#[test]
fn cores_in_no_numa_node_share_a_pool_and_use_any_memory() {
    let core = CoreSpec { pus: 1, l3: None, numa_node: None, package: None, kind: 0 };
    let spec =
        ShapeSpec { cores: vec![core; 2], numa_nodes: vec![NumaNodeSpec::ordinary(GIB)], ..ShapeSpec::default() };
    let shape = Shape::new(&spec).unwrap();
    let table = Table::new(crate::Capacity::for_agents(1, &shape)).unwrap();
    table.add_role(Limit::default()).unwrap();
    table.add_agent(shape).unwrap();
    let grant = granted(claim(&table, &Request::shared(1500, GIB)));
    let placement = table.placement(grant.claim).unwrap();
    assert_eq!((placement.pools[0].numa_node, placement.memory.len()), (None, 1));
    let strict = Request::shared(100, 4096).with_memory(MemoryLocality::Required);
    assert!(matches!(refused(claim(&table, &strict)).reason, Reason::LargerThanMachine(_)));
    table.validate().unwrap();
}

#[test]
fn a_restored_table_equals_the_one_before() {
    let table = one(LARGE);
    let shared = granted(claim(&table, &Request::shared(2500, 4096)));
    let exclusive = granted(claim(&table, &Request::exclusive(3, 3 * GIB / 2).with_memory(MemoryLocality::Required)));
    let offer = granted(table.hold(
        AGENT,
        holder(1),
        HoldLimit { exclusive_pus: 2, pool_milli: 100, mem_bytes: 4096, extras: false },
    ));
    let claims = [exclusive.claim, shared.claim, offer.claim].map(|claim| table.placement(claim).unwrap());

    let fresh = one(LARGE);
    let early = fresh.restore(AGENT, holder(1), &claims[1]).unwrap_err();
    assert!(matches!(early, RestoreError::PoolTooSmall { .. }), "{early}");
    for order in table.pool_orders(AGENT) {
        fresh.restore_pool(AGENT, order.numa_node, &order.pus).unwrap();
    }
    for placement in &claims {
        let grant = fresh.restore(AGENT, holder(1), placement).unwrap();
        assert_eq!(fresh.placement(grant.claim).as_ref(), Some(placement));
    }
    assert!(matches!(fresh.restore(AGENT, holder(1), &claims[0]), Err(RestoreError::PuTaken(_))));
    assert!(!fresh.trim_pools(AGENT));
    fresh.validate().unwrap();
    let (mut was, mut is) = (table.usage(AGENT).unwrap(), fresh.usage(AGENT).unwrap());
    for pool in was.pools.iter_mut().chain(&mut is.pools) {
        pool.epoch = 0;
    }
    assert_eq!(was, is);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let table = one(LARGE);
    for (request, message) in [
        (Request::exclusive(0, 0), "asks for no CPU: ask for at least 1 PU or 1 cpu_milli"),
        (
            Request::shared(1, 0).with_locality(Locality::Required(Level::Core)),
            "a shared claim runs in a whole NUMA node: it cannot be held to one core",
        ),
    ] {
        assert_eq!(refused(claim(&table, &request)).to_string(), message);
    }
    let huge = refused(claim(&table, &Request::exclusive(1, u64::MAX)));
    assert!(huge.reason.is_permanent(), "{huge}");
    let huge = refused(claim(&table, &Request::shared(u32::MAX, u64::MAX).with_memory(MemoryLocality::Required)));
    assert!(huge.reason.is_permanent(), "{huge}");
    let nobody = crate::Holder { owner: Owner::new(1), role: crate::RoleId::new(9) };
    assert!(matches!(refused(table.claim(AGENT, nobody, &Request::exclusive(1, 0))).reason, Reason::NoSuchRole(_)));
    table.validate().unwrap();
}

/// All desks are taken: that is no reason to say that an agent, or every agent, is not there.
#[test]
fn without_a_desk_a_restore_is_to_be_asked_again_and_an_explanation_is_given() {
    let table = one(LARGE);
    let placement = Placement { pus: vec![PuId::new(0)], ..Placement::default() };
    let locals: Vec<_> = (0..4).map(|_| Local::new(&table, 0).unwrap()).collect();
    assert_eq!(table.restore(AGENT, holder(1), &placement), Err(RestoreError::Contended));
    assert_eq!(table.explain(ROLE, &Request::exclusive(1, 0)).agents, 1);
    drop(locals);
    assert_eq!(table.restore(AgentId::new(9), holder(1), &placement), Err(RestoreError::NoSuchAgent(AgentId::new(9))));
    table.restore(AGENT, holder(1), &placement).unwrap();
}

/// What holds memory of several NUMA nodes cannot come to be of one, nor can a piece of it.
#[test]
fn a_group_is_not_resized_or_split_to_one_numa_node() {
    let table = one(LARGE);
    let required = |pus, bytes| Request::exclusive(pus, bytes).with_memory(MemoryLocality::Required);
    let in_one = |pus, bytes| required(pus, bytes).with_locality(Locality::Required(Level::NumaNode));
    let group = granted(claim(&table, &required(2, 3 * GIB / 2))).claim;
    let no = |outcome| refused(outcome).reason;
    let elsewhere = Reason::Invalid(Invalid::HeldElsewhere);
    assert_eq!(no(table.resize(group, Owner::new(1), &in_one(2, 7 * GIB / 4))), elsewhere);
    assert_eq!(no(table.split(group, Owner::new(1), &in_one(2, GIB / 4))), Reason::Invalid(Invalid::NotHeld));
    // A NUMA node has eight PUs.
    let both = granted(claim(&table, &Request::exclusive(10, 0))).claim;
    assert_eq!(no(table.resize(both, Owner::new(1), &in_one(10, GIB / 4))), elsewhere);
    table.validate().unwrap();
}
