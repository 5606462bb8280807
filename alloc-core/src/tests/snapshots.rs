//! Snapshots and exact claims by example.

use super::{AGENT, granted, holder, table};
use crate::testing::Machine;
use crate::{
    AgentId, AgentState, Capacity, ClaimedExact, Confirmed, Cpus, DomainFree, Grant, Invalid, Level, Limit,
    MemberPlacement, MemoryHold, MemoryLocality, MemoryMode, NumaNodeId, NumaNodeMemory, Owner, PAGE_BYTES, Placement,
    PoolShare, PuId, Reason, Refreshed, Released, Request, RoleId, Snapshot, Table, TableError, Taken, Unplanned,
};

const MACHINE: Machine = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 1, mem_bytes: 1 << 20 };
const LIMIT: Limit = Limit { cpu_milli: Some(20_000), mem_bytes: None };

fn two_agents() -> Table {
    table(32, LIMIT, &[MACHINE, MACHINE])
}

fn fresh_snapshot(table: &Table) -> Snapshot<&Table> {
    let mut snapshot = Snapshot::new(table);
    assert_eq!(snapshot.refresh(), Refreshed::Whole);
    snapshot
}

fn pus(ids: &[u16]) -> Placement {
    Placement { pus: ids.iter().copied().map(PuId::new).collect(), ..Placement::default() }
}

fn memory(mem_bytes: [u64; 2], hold: MemoryHold) -> Placement {
    let numa_nodes = (0..).map(NumaNodeId::new).zip(mem_bytes).filter(|(_, mem_bytes)| *mem_bytes > 0);
    let memory = numa_nodes.map(|(numa_node, mem_bytes)| NumaNodeMemory { numa_node, mem_bytes }).collect();
    Placement { memory, memory_hold: hold, ..pus(&[]) }
}

fn shared(cpu_milli: u32) -> Placement {
    let share = PoolShare { numa_node: Some(NumaNodeId::new(0)), cpu_milli };
    Placement { pools: vec![share], ..Placement::default() }
}

#[track_caller]
fn exact(table: &Table, placement: &Placement) -> Grant {
    match table.claim_exact(AGENT, 1, holder(1), placement) {
        ClaimedExact::Granted(grant) => grant,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_tells_what_the_agent_has() {
    let table = two_agents();
    let strict = Request::exclusive(6, 3 * PAGE_BYTES).with_memory(MemoryLocality::Required);
    granted(table.claim(AGENT, holder(1), &strict));
    granted(table.claim(AGENT, holder(1), &Request::shared(1500, 0)));
    let snapshot = fresh_snapshot(&table);
    let (agent, usage) = (snapshot.agent(AGENT).unwrap(), table.usage(AGENT).unwrap());
    assert_eq!((agent.id(), agent.incarnation(), agent.state()), (AGENT, 1, AgentState::Active));
    assert_eq!((agent.pus_free(), agent.free_pus().count()), (usage.pus_free, usage.pus_free as usize));
    assert_eq!((agent.memory().collect::<Vec<_>>(), agent.pools().collect::<Vec<_>>()), (usage.memory, usage.pools));
    let (of_leaves, l3) = (agent.leaves().map(|leaf| leaf.pus), agent.domains(Level::L3).map(|domain| domain.pus));
    assert!(of_leaves.eq(l3), "each L3 domain is one leaf");
    assert_eq!(agent.domains(Level::Core).count(), 0);
    let numa_nodes: Vec<DomainFree> = agent.domains(Level::NumaNode).collect();
    assert_eq!(numa_nodes.iter().map(|domain| domain.label).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(numa_nodes.iter().map(|domain| domain.pus).sum::<u32>(), 8);
    assert_eq!(agent.domains(Level::Package).collect::<Vec<_>>(), [DomainFree { label: 0, pus: 8, cores: 4 }]);
    assert!(agent.memory().any(|memory| memory.mode == MemoryMode::Single));
    assert_eq!(snapshot.agents().map(|agent| agent.pus_free()).collect::<Vec<_>>(), [8, 16]);
    assert!(agent.fits(&Request::exclusive(8, 0)) && !snapshot.fits(AGENT, &Request::exclusive(9, 0)));
}

#[test]
fn a_snapshot_is_of_the_time_it_was_refreshed() {
    let table = two_agents();
    let mut snapshot = Snapshot::new(&table);
    assert!(snapshot.agents().next().is_none() && snapshot.agent(AGENT).is_none());
    assert_eq!(snapshot.refresh(), Refreshed::Whole);
    let all = Request::exclusive(16, 0);
    let placement = snapshot.plan(AGENT, &all).unwrap();
    exact(&table, &placement);
    assert!(snapshot.fits(AGENT, &all), "it is old");
    assert_eq!(snapshot.refresh(), Refreshed::Whole);
    assert_eq!(snapshot.plan(AGENT, &all), Err(Unplanned::Cpus));
    assert_eq!(snapshot.plan(AGENT, &Request::exclusive(0, 0)), Err(Unplanned::Invalid(Invalid::NoCpu)));
    let other = AgentId::new(1);
    assert_eq!(snapshot.plan(other, &Request::exclusive(1, 3 << 20)), Err(Unplanned::Memory));
    assert_eq!(snapshot.plan(AgentId::new(9), &all), Err(Unplanned::Gone));
    table.set_state(other, AgentState::Draining).unwrap();
    assert_eq!(snapshot.refresh(), Refreshed::Whole);
    assert_eq!(snapshot.plan(other, &all), Err(Unplanned::Closed(AgentState::Draining)));
}

#[test]
fn a_shards_snapshot_has_its_agents_only() {
    let capacity = Capacity { shards: 2, ..Capacity::for_agents(4, &MACHINE.shape()) };
    let table = Table::new(capacity).unwrap();
    let ids = [0, 1].map(|shard| table.add_agent_in(shard, MACHINE.shape()).unwrap());
    let mut snapshot = Snapshot::of_shard(&table, 1).unwrap();
    assert_eq!(snapshot.refresh(), Refreshed::Whole);
    assert_eq!(snapshot.agents().map(|agent| agent.id()).collect::<Vec<_>>(), [ids[1]]);
    assert!(snapshot.agent(ids[0]).is_none() && !snapshot.is_torn(ids[0]));
    assert_eq!(snapshot.bytes(), MACHINE.shape().lines() as usize * 64);
    assert_eq!(Snapshot::of_shard(&table, 2).unwrap_err(), TableError::NoSuchShard { shard: 2 });
}

#[test]
fn what_is_planned_on_a_snapshot_is_claimed_as_planned() {
    let table = two_agents();
    let two = Request::exclusive(3, 5 * PAGE_BYTES).with_member(Cpus::shared(2500));
    for request in [Request::exclusive(2, 0), two, Request::shared(700, 1 << 20)] {
        let snapshot = fresh_snapshot(&table);
        let placement = snapshot.plan(AGENT, &request).unwrap();
        let grant = exact(&table, &placement);
        assert_eq!(grant.charged, placement.quantities());
        assert_eq!(table.placement(grant.claim), Some(placement));
    }
    table.validate().unwrap();
}

#[test]
fn an_exact_claim_is_told_what_is_taken() {
    let table = two_agents();
    let held = exact(&table, &pus(&[1, 4]));
    let claim = |placement: &Placement| table.claim_exact(AGENT, 1, holder(2), placement);
    assert_eq!(claim(&pus(&[3, 4, 5])), ClaimedExact::Taken(Taken::Pu(PuId::new(4))));
    let numa_node = NumaNodeId::new(0);
    // Six PUs of the NUMA node are free, four of them with their siblings.
    let pool = |asked_milli| Taken::Pool { numa_node: Some(numa_node), asked_milli, room_milli: 4000 };
    assert_eq!(claim(&shared(4001)), ClaimedExact::Taken(pool(4001)));
    let own = Placement {
        further: vec![MemberPlacement { pools: shared(4000).pools, ..Default::default() }],
        ..pus(&[2, 3])
    };
    let two_less = Taken::Pool { numa_node: Some(numa_node), asked_milli: 4000, room_milli: 2000 };
    assert_eq!(claim(&own), ClaimedExact::Taken(two_less), "the claim's own cores cannot join");
    exact(&table, &memory([4096, 0], MemoryHold::Loose));
    let lacking = Taken::Memory { numa_node, asked_bytes: 1 << 20, free_bytes: (1 << 20) - 4096 };
    assert_eq!(claim(&memory([1 << 20, 0], MemoryHold::Loose)), ClaimedExact::Taken(lacking));
    let closed = |mode| ClaimedExact::Taken(Taken::Closed { numa_node, mode });
    assert_eq!(claim(&memory([4096, 4096], MemoryHold::Strict)), closed(MemoryMode::Open));
    exact(&table, &memory([4096, 0], MemoryHold::Strict));
    assert_eq!(claim(&memory([4096, 4096], MemoryHold::Loose)), closed(MemoryMode::Single));
    assert_eq!(table.claims_on(AGENT).count(), 3, "a no leaves nothing behind");
    assert!(matches!(table.release(held.claim, Owner::new(1)), Released::Released { .. }));
    assert!(matches!(claim(&pus(&[3, 4, 5])), ClaimedExact::Granted(_)));
    table.validate().unwrap();
}

#[test]
fn an_exact_claim_is_within_the_roles_limit() {
    let table = table(32, Limit { cpu_milli: Some(2500), mem_bytes: None }, &[MACHINE]);
    exact(&table, &pus(&[0, 1]));
    let ClaimedExact::Refused(no) = table.claim_exact(AGENT, 1, holder(1), &pus(&[2])) else { panic!() };
    assert!(matches!(no.reason, Reason::RoleLimit(over) if (over.used, over.limit) == (2000, 2500)), "{no:?}");
    exact(&table, &shared(500));
}

#[test]
fn an_exact_claim_for_another_incarnation_is_stale() {
    let table = two_agents();
    let claim = |incarnation| table.claim_exact(AGENT, incarnation, holder(1), &pus(&[0]));
    assert_eq!(claim(0), ClaimedExact::Stale { incarnation: Some(1) });
    table.remove_agent(AGENT).unwrap();
    assert_eq!(claim(1), ClaimedExact::Stale { incarnation: None });
    table.return_agent(AGENT, MACHINE.shape()).unwrap();
    assert_eq!(claim(1), ClaimedExact::Stale { incarnation: Some(2) });
    assert!(matches!(claim(2), ClaimedExact::Granted(_)));
    let nowhere = table.claim_exact(AgentId::new(77), 1, holder(1), &pus(&[0]));
    assert_eq!(nowhere, ClaimedExact::Stale { incarnation: None });
}

#[test]
fn a_bad_exact_claim_is_refused_and_names_the_field() {
    let table = two_agents();
    let reason = |placement: &Placement| match table.claim_exact(AGENT, 1, holder(1), placement) {
        ClaimedExact::Refused(no) => no.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&Placement::default()), Reason::Invalid(Invalid::NoCpu));
    assert_eq!(reason(&pus(&[99])), Reason::Invalid(Invalid::UnknownPu(PuId::new(99))));
    assert_eq!(reason(&pus(&[2, 2])), Reason::Invalid(Invalid::NotSorted));
    let further = vec![MemberPlacement { pus: pus(&[1]).pus, ..MemberPlacement::default() }];
    assert_eq!(reason(&Placement { further, ..pus(&[0, 1]) }), Reason::Invalid(Invalid::NotSorted));
    assert_eq!(reason(&memory([1, 0], MemoryHold::Loose)), Reason::Invalid(Invalid::Memory(NumaNodeId::new(0))));
    table.set_state(AGENT, AgentState::Inactive).unwrap();
    assert_eq!(reason(&pus(&[0])), Reason::Inactive);
    table.set_state(AGENT, AgentState::Active).unwrap();
    let nobody = crate::Holder { owner: Owner::new(1), role: RoleId::new(1) };
    let ClaimedExact::Refused(no) = table.claim_exact(AGENT, 1, nobody, &pus(&[0])) else { panic!() };
    assert_eq!(no.reason, Reason::NoSuchRole(RoleId::new(1)));
    table.validate().unwrap();
}

#[test]
fn an_exact_share_waits_for_no_core_that_is_leaving() {
    let table = two_agents();
    let first = exact(&table, &shared(4000));
    assert!(first.pools_changed);
    assert!(matches!(table.release(first.claim, Owner::new(1)), Released::Released { pools_changed: true, .. }));
    assert_eq!(table.usage(AGENT).unwrap().pus_leaving, 4);
    assert_eq!(table.claim_exact(AGENT, 1, holder(1), &pus(&[0])), ClaimedExact::Taken(Taken::Pu(PuId::new(0))));
    exact(&table, &shared(8000));
    for order in table.pool_orders(AGENT) {
        assert_eq!(table.confirm_pool(AGENT, order.numa_node, order.epoch), Confirmed::Freed { pus: 0 });
    }
    table.validate().unwrap();
}
