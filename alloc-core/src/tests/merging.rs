//! Merge, by example.

use super::{AGENT, ROLE, granted, holder, table};
use crate::testing::Machine;
use crate::{
    AgentId, ClaimId, Cpus, HoldLimit, Holder, Level, Limit, Local, Locality, Members, MemoryHold, MemoryLocality,
    Merged, Outcome, Owner, PAGE_BYTES, Placement, PuId, Quantities, Released, Request, RoleId, Table,
};

const MIB: u64 = 1 << 20;
const MACHINE: Machine = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 2, mem_bytes: 4 * MIB };
const ME: Owner = Owner::new(1);

fn fresh() -> Table {
    table(64, Limit::default(), &[MACHINE])
}

fn hold(table: &Table, exclusive_pus: u32, mem_bytes: u64) -> ClaimId {
    granted(table.hold(AGENT, holder(1), HoldLimit { exclusive_pus, pool_milli: 0, mem_bytes, extras: false })).claim
}

/// A claim on a NUMA node, by the cores of it that it takes.
fn claim(table: &Table, request: &Request) -> ClaimId {
    granted(table.claim(AGENT, holder(1), request)).claim
}

/// Memory of one NUMA node, on these terms, with one core of it.
fn on(table: &Table, numa_node: u16, core: u16, memory_hold: MemoryHold) -> ClaimId {
    let numa_node = crate::NumaNodeId::new(numa_node);
    let memory = vec![crate::NumaNodeMemory { numa_node, mem_bytes: MIB }];
    let first = numa_node.get() * 8 + core * 2;
    let pus = vec![PuId::new(first), PuId::new(first + 1)];
    table.restore(AGENT, holder(1), &Placement { pus, memory, memory_hold, ..Placement::default() }).unwrap().claim
}

#[track_caller]
fn merged(table: &Table, into: ClaimId, from: ClaimId) -> Placement {
    let before = [into, from].map(|claim| table.placement(claim).unwrap().quantities());
    let Merged::Merged { charged } = table.merge(into, from, ME) else { panic!("{:?}", table.merge(into, from, ME)) };
    assert_eq!(before[0].checked_add(before[1]), Some(charged));
    assert_eq!(table.role_used(ROLE), Some(charged), "nothing else was claimed");
    assert_eq!(table.placement(from), None);
    table.validate().unwrap();
    let placement = table.placement(into).unwrap();
    assert!(matches!(table.release(into, ME), Released::Released { refunded, .. } if refunded == charged));
    table.validate().unwrap();
    assert_eq!(table.role_used(ROLE), Some(Quantities::default()));
    placement
}

#[track_caller]
fn refused(table: &Table, into: ClaimId, from: ClaimId) -> Merged {
    let before = [into, from].map(|claim| table.placement(claim));
    let no = table.merge(into, from, ME);
    assert_eq!([into, from].map(|claim| table.placement(claim)), before, "{no:?}");
    table.validate().unwrap();
    no
}

#[test]
fn two_offers_become_one_and_are_split_over_both() {
    let table = fresh();
    let (first, second) = (hold(&table, 6, MIB), hold(&table, 100, u64::MAX));
    let Merged::Merged { .. } = table.merge(second, first, ME) else { panic!("they are alike") };
    let whole = table.placement(second).unwrap();
    assert_eq!((whole.pus.len(), whole.further.len(), whole.memory_hold), (16, 0, MemoryHold::Held));
    // What neither offer had on one NUMA node.
    let request = Request::exclusive(8, 4 * MIB)
        .with_locality(Locality::Required(Level::NumaNode))
        .with_memory(MemoryLocality::Required);
    let pod = granted(table.split(second, ME, &request));
    assert_eq!(table.placement(pod.claim).unwrap().pus.len(), 8);
    table.validate().unwrap();
}

#[test]
fn a_member_joins_a_pod() {
    let table = fresh();
    let pod = Request::new([Cpus::cores(1), Cpus::shared(500)].into_iter().collect::<Members>(), MIB);
    let (pod, joins) = (claim(&table, &pod), claim(&table, &Request::exclusive(2, MIB).with_member(Cpus::shared(300))));
    let placement = merged(&table, pod, joins);
    let members: Vec<_> = placement
        .members()
        .map(|(pus, pools)| (pus.len(), pools.iter().map(|share| share.cpu_milli).sum::<u32>()))
        .collect();
    assert_eq!(members, [(2, 0), (0, 500), (2, 0), (0, 300)]);
}

#[test]
fn held_memory_comes_to_be_on_the_terms_of_the_pod() {
    for (memory_hold, core) in [(MemoryHold::Strict, 0), (MemoryHold::Loose, 1)] {
        let table = fresh();
        let placement = merged(&table, on(&table, 0, core, memory_hold), on(&table, 0, 2, MemoryHold::Held));
        assert_eq!((placement.memory_hold, placement.memory.len()), (memory_hold, 1));
        assert_eq!(placement.memory[0].mem_bytes, 2 * MIB);
    }
    // The pod may as well be merged into what was held.
    let table = fresh();
    let placement = merged(&table, on(&table, 0, 0, MemoryHold::Held), on(&table, 0, 1, MemoryHold::Strict));
    assert_eq!((placement.memory_hold, placement.further.len()), (MemoryHold::Strict, 1));
}

#[test]
fn loose_memory_of_two_numa_nodes_is_of_several_where_that_is_admitted() {
    let table = fresh();
    let (one, other) = (on(&table, 0, 0, MemoryHold::Loose), on(&table, 1, 0, MemoryHold::Loose));
    let promised = on(&table, 1, 1, MemoryHold::Strict);
    assert_eq!(refused(&table, one, other), Merged::NotAdmitted { numa_node: crate::NumaNodeId::new(1) });
    assert_eq!(refused(&table, other, one), Merged::NotAdmitted { numa_node: crate::NumaNodeId::new(1) });
    assert!(matches!(table.release(promised, ME), Released::Released { .. }));
    assert!(matches!(table.merge(one, other, ME), Merged::Merged { .. }));
    // It may spill now, so nobody is promised anything here.
    let strict = Request::exclusive(2, MIB).with_memory(MemoryLocality::Required);
    assert!(matches!(table.claim(AGENT, holder(1), &strict), Outcome::Refused(_)));
    assert!(matches!(table.release(one, ME), Released::Released { .. }));
    assert!(matches!(table.claim(AGENT, holder(1), &strict), Outcome::Granted(_)));
    table.validate().unwrap();
}

#[test]
fn promised_memory_does_not_come_to_be_elsewhere() {
    let table = fresh();
    let promised = on(&table, 0, 0, MemoryHold::Strict);
    for (core, memory_hold) in [(0, MemoryHold::Held), (1, MemoryHold::Loose), (2, MemoryHold::Strict)] {
        let other = on(&table, 1, core, memory_hold);
        assert_eq!(refused(&table, promised, other), Merged::MemoryTerms);
        assert_eq!(refused(&table, other, promised), Merged::MemoryTerms);
    }
    let loose = on(&table, 0, 1, MemoryHold::Loose);
    assert!(matches!(table.merge(promised, loose, ME), Merged::Merged { .. }));
    assert_eq!(table.placement(promised).unwrap().memory_hold, MemoryHold::Strict);
    table.validate().unwrap();
}

#[test]
fn what_cannot_be_merged_says_why() {
    let machines = [MACHINE, MACHINE];
    let table = table(64, Limit::default(), &machines);
    let other_role = table.add_role(Limit::default()).unwrap();
    let request = Request::exclusive(2, PAGE_BYTES);
    let [one, two] = [claim(&table, &request), claim(&table, &request)];
    let there = granted(table.claim(AgentId::new(1), holder(1), &request)).claim;
    let others = granted(table.claim(AGENT, holder(7), &request)).claim;
    let foreign = granted(table.claim(AGENT, Holder { owner: ME, role: other_role }, &request)).claim;
    assert_eq!(refused(&table, one, one), Merged::Same);
    assert_eq!(refused(&table, one, there), Merged::OtherAgent);
    assert_eq!(refused(&table, one, others), Merged::NotOwner { claim: others, owner: Owner::new(7) });
    assert_eq!(refused(&table, foreign, one), Merged::OtherRole { into: RoleId::new(1), from: ROLE });
    assert!(matches!(table.release(two, ME), Released::Released { .. }));
    assert_eq!(refused(&table, one, two), Merged::Gone { claim: two });
    assert_eq!(refused(&table, two, one), Merged::Gone { claim: two });
    let unknown = ClaimId::new(AgentId::new(900), 0, 0);
    assert_eq!(refused(&table, unknown, unknown), Merged::Gone { claim: unknown });
    assert_eq!(refused(&table, ClaimId::new(AGENT, 60, 0), one), Merged::Gone { claim: ClaimId::new(AGENT, 60, 0) });
}

#[test]
fn too_many_members_or_too_few_records_leave_both_as_they_were() {
    let table = table(64, Limit::default(), &[MACHINE]);
    let shares = |count| Request::new((0..count).map(|_| Cpus::shared(10)).collect(), PAGE_BYTES);
    let [five, four] = [claim(&table, &shares(5)), claim(&table, &shares(4))];
    assert_eq!(refused(&table, five, four), Merged::TooManyMembers { members: 9 });
    let three = claim(&table, &shares(3));
    // Every record that is left is somebody else's.
    let mut rest = Vec::new();
    while let Outcome::Granted(grant) = table.claim(AGENT, holder(1), &Request::shared(1, 0)) {
        rest.push(grant.claim);
    }
    assert_eq!(refused(&table, five, three), Merged::RecordsFull { records: 64 });
    assert!(matches!(table.release(rest[0], ME), Released::Released { .. }));
    assert!(matches!(table.merge(five, three, ME), Merged::Merged { .. }));
    table.validate().unwrap();
}

#[test]
fn a_handle_merges_as_the_table_does() {
    let table = fresh();
    let local = Local::new(&table, 0).unwrap();
    let [one, other] = [hold(&table, 2, 0), hold(&table, 2, 0)];
    assert!(matches!(local.merge(one, other, ME), Merged::Merged { .. }));
    assert_eq!(table.placement(one).unwrap().pus.len(), 4);
}
