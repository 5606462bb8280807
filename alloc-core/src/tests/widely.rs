//! Place over agents for requests that take more than a leaf, by example.

use super::{granted, holder, table};
use crate::local::Local;
use crate::testing::Machine;
use crate::{AgentId, Cpus, Level, Limit, Locality, Outcome, Placed, Policy, Released, Request, Smt, Table, Unplaced};

/// Two NUMA nodes of two L3 domains of four cores of two PUs.
const MACHINE: Machine = Machine { cores: 16, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 1, mem_bytes: 8 << 30 };

fn agents(count: usize) -> Table {
    table(64, Limit::default(), &vec![MACHINE; count])
}

fn hold(table: &Table, agent: u32, cores: u32) -> crate::ClaimId {
    granted(table.claim(AgentId::new(agent), holder(9), &Request::cores(cores, 0))).claim
}

#[track_caller]
fn placed(table: &Table, request: &Request, policy: Policy) -> crate::Grant {
    match table.place(holder(1), request, policy) {
        Placed::Granted(grant) => grant,
        other => panic!("not placed: {other:?}"),
    }
}

#[test]
fn several_leaves_are_packed_where_least_is_left_and_spread_where_most_is() {
    let table = agents(4);
    for (agent, cores) in [(0, 2), (1, 8), (2, 5)] {
        hold(&table, agent, cores);
    }
    let request = Request::cores(7, 1 << 30);
    let agent = |policy| placed(&table, &request, policy).claim.agent().get();
    assert_eq!(agent(Policy::Pack), 1, "eight left in one NUMA node");
    assert_eq!(agent(Policy::Spread), 3, "nobody was there");
    assert_eq!(agent(Policy::Pack), 3, "nine are left there now, elsewhere eleven and more");
    table.validate().unwrap();
}

#[test]
fn what_was_given_back_is_found_again() {
    let table = agents(2);
    let all = [0, 1].map(|agent| hold(&table, agent, 16));
    let request = Request::cores(10, 1 << 30);
    assert_eq!(table.place(holder(1), &request, Policy::Pack), Placed::Refused(Unplaced::NoAgent));
    assert!(matches!(table.release(all[1], holder(9).owner), Released::Released { .. }));
    assert_eq!(placed(&table, &request, Policy::Pack).claim.agent(), AgentId::new(1));
    table.validate().unwrap();
}

#[test]
fn a_batch_goes_on_where_it_is_and_ends_where_nothing_is() {
    let table = agents(3);
    let local = Local::new(&table, 0).unwrap();
    let holders: Vec<_> = (0..8).map(holder).collect();
    let request = Request::cores(6, 0).with_member(Cpus::shared(1500));
    let mut agents = Vec::new();
    local.place_many(&holders, &request, Policy::Pack, |_, placed| {
        agents.push(placed.granted().map(|grant| grant.claim.agent().get()));
    });
    assert_eq!(agents, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), None, None]);
    table.validate().unwrap();
}

#[test]
fn an_agent_without_the_memory_is_passed_over() {
    let table = agents(3);
    for agent in 0..2 {
        granted(table.claim(AgentId::new(agent), holder(9), &Request::cores(2, 14 << 30)));
    }
    let request = Request::cores(10, 6 << 30);
    assert_eq!(placed(&table, &request, Policy::Pack).claim.agent(), AgentId::new(2));
    assert_eq!(table.place(holder(1), &request, Policy::Pack), Placed::Refused(Unplaced::NoAgent));
    table.validate().unwrap();
}

#[test]
fn who_takes_no_claims_is_passed_over() {
    let table = agents(2);
    table.set_state(AgentId::new(0), crate::AgentState::Draining).unwrap();
    let request = Request::cores(10, 0).with_locality(Locality::Required(Level::Package));
    assert_eq!(placed(&table, &request, Policy::Pack).claim.agent(), AgentId::new(1));
    table.remove_agent(AgentId::new(1)).unwrap();
    assert_eq!(table.place(holder(1), &request, Policy::Pack), Placed::Refused(Unplaced::NoAgent));
    table.return_agent(AgentId::new(1), MACHINE.shape()).unwrap();
    assert_eq!(placed(&table, &request, Policy::Pack).claim.agent(), AgentId::new(1));
    table.validate().unwrap();
}

#[test]
fn siblings_kept_and_split_are_found_beyond_a_leaf() {
    let table = agents(2);
    let one = |smt| Request::exclusive(12, 0).with_smt(smt).with_locality(Locality::Required(Level::Package));
    hold(&table, 0, 10);
    assert_eq!(placed(&table, &one(Smt::Kept), Policy::Pack).claim.agent(), AgentId::new(0), "exactly twelve PUs");
    assert_eq!(placed(&table, &one(Smt::Split), Policy::Pack).claim.agent(), AgentId::new(1), "a core for each");
    assert!(matches!(
        table.claim(AgentId::new(1), holder(2), &Request::exclusive(20, 0).with_smt(Smt::Kept)),
        Outcome::Granted(_)
    ));
    table.validate().unwrap();
}
