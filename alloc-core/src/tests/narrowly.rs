//! Place for requests that a leaf and its pool serve, by example.

use super::{granted, holder, table};
use crate::local::Local;
use crate::testing::Machine;
use crate::{
    AgentId, CoreKind, Cpus, Grant, Level, Limit, Locality, MemoryLocality, Placed, Policy, Request, Shape, Smt, Table,
};

/// Two NUMA nodes of two L3 domains of four cores of two PUs.
const MACHINE: Machine = Machine { cores: 16, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 1, mem_bytes: 8 << 30 };

#[track_caller]
fn placed(table: &Table, request: &Request, policy: Policy) -> Grant {
    match table.place(holder(1), request, policy) {
        Placed::Granted(grant) => grant,
        other => panic!("not placed: {other:?}"),
    }
}

fn pus(table: &Table, grant: Grant) -> Vec<u16> {
    table.placement(grant.claim).unwrap().all_pus().iter().map(|pu| pu.get()).collect()
}

#[test]
fn kept_pus_fill_the_core_that_is_broken() {
    let table = table(64, Limit::default(), &[MACHINE; 2]);
    let one = Request::exclusive(1, 1 << 20).with_smt(Smt::Kept).with_locality(Locality::Required(Level::Core));
    let first = placed(&table, &one, Policy::Pack);
    let second = placed(&table, &one, Policy::Pack);
    assert_eq!((pus(&table, first), pus(&table, second)), (vec![0], vec![1]));
    assert!(pus(&table, placed(&table, &one, Policy::Spread))[0] >= 8, "in a leaf where nobody is");
    let pair = one.with_smt(Smt::Split).with_locality(Locality::Any);
    assert_eq!(pus(&table, placed(&table, &pair, Policy::Pack)).len(), 1);
    table.validate().unwrap();
}

#[test]
fn shares_go_where_a_pool_has_room_and_then_where_a_core_can_join() {
    let table = table(64, Limit::default(), &[MACHINE; 3]);
    granted(table.claim(AgentId::new(1), holder(9), &Request::shared(500, 0)));
    let share = Request::shared(1500, 1 << 30).with_memory(MemoryLocality::Required);
    assert_eq!(placed(&table, &share, Policy::Pack).claim.agent(), AgentId::new(1));
    let grant = placed(&table, &share, Policy::Pack);
    assert!(grant.pools_changed, "no pool had room");
    let placement = table.placement(grant.claim).unwrap();
    assert_eq!((placement.pools.len(), placement.pools[0].numa_node), (1, Some(placement.memory[0].numa_node)));
    table.validate().unwrap();
}

#[test]
fn members_lie_in_one_leaf_and_its_pool() {
    let table = table(64, Limit::default(), &[MACHINE; 2]);
    let local = Local::new(&table, 0).unwrap();
    let request = Request::cores(2, 1 << 30)
        .with_member(Cpus::shared(1500))
        .with_member(Cpus::exclusive(1).with_smt(Smt::Kept))
        .with_locality(Locality::Required(Level::NumaNode));
    let mut grants = Vec::new();
    let holders: Vec<_> = (0..8).map(holder).collect();
    local.place_many(&holders, &request, Policy::Pack, |_, placed| grants.extend(placed.granted()));
    assert_eq!(grants.len(), 8);
    for grant in grants {
        let placement = table.placement(grant.claim).unwrap();
        let shape = table.shape(grant.claim.agent()).unwrap();
        let l3 = placement.all_pus().into_iter().map(|pu| shape.core_of(pu).unwrap().spec.l3);
        let mut l3: Vec<_> = l3.collect();
        l3.dedup();
        assert_eq!((l3.len(), placement.members().count()), (1, 3), "{placement:?}");
    }
    drop(local);
    table.validate().unwrap();
}

#[test]
fn a_kind_that_is_required_is_found() {
    let mut spec = MACHINE.spec();
    for core in &mut spec.cores[12..] {
        core.kind = 1;
    }
    let shape = Shape::new(&spec).unwrap();
    let table = Table::new(crate::Capacity::for_agents(1, &shape)).unwrap();
    let _role = table.add_role(Limit::default()).unwrap();
    table.add_agent(shape).unwrap();
    let request = Request::cores(2, 0).with_kind(CoreKind::Required(1));
    assert_eq!(pus(&table, placed(&table, &request, Policy::Pack)), [24, 25, 26, 27]);
    assert!(
        placed(&table, &Request::cores(2, 0).with_kind(CoreKind::Preferred(1)), Policy::Spread).charged.cpu_milli > 0
    );
    assert!(matches!(table.place(holder(1), &request, Policy::Pack), Placed::Refused(_)));
    table.validate().unwrap();
}

/// PUs beside too little memory for the usual pod are given to one that needs little, and the others are kept.
#[test]
fn what_is_of_least_use_goes_first() {
    let table = table(64, Limit::default(), &[MACHINE; 2]);
    let usual = Request::exclusive(4, 4 << 30).with_memory(MemoryLocality::Required);
    for _ in 0..4 {
        placed(&table, &usual, Policy::FragmentationAware);
    }
    // Agent 0 has no memory left, and half of its PUs.
    assert!(table.claims().all(|claim| claim.agent() == AgentId::new(0)));
    let lean = Request::exclusive(4, 0);
    assert_eq!(placed(&table, &lean, Policy::FragmentationAware).claim.agent(), AgentId::new(0));
    assert_eq!(placed(&table, &usual, Policy::FragmentationAware).claim.agent(), AgentId::new(1));
    table.validate().unwrap();
}
