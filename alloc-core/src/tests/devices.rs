//! Placement of devices over many agents: found along the planes, and by the fragmentation-aware policy where they lose the least use.

use super::machines::{GPU, Machine, ROLE, holder};
use super::table_of;
use crate::{
    AgentId, ClaimId, Constraint, DeviceAmount, DeviceLocality, DeviceSpec, Limit, Owner, Placed, Policy, Released,
    Request, Shape, Table, Unplaced,
};

const ONE: DeviceAmount = DeviceAmount::Whole(1);

/// PUs and GPUs of each agent.
fn agents(list: &[(usize, usize)]) -> Table {
    let shape = |&(cores, devices): &(usize, usize)| {
        let mut spec = Machine { cores, ..Machine::default() }.spec();
        spec.devices = vec![DeviceSpec { kind: GPU, numa_node: None }; devices];
        Shape::new(&spec).unwrap()
    };
    table_of(512, Limit::default(), list.iter().map(shape).collect())
}

fn pod(cpu_milli: u32, amount: DeviceAmount) -> Request {
    Request::shared(cpu_milli, 0).with_devices(GPU, amount, DeviceLocality::Any)
}

/// The agent, and the claim.
#[track_caller]
fn place(table: &Table, request: &Request, policy: Policy) -> (u32, ClaimId) {
    let Placed::Granted(grant) = table.place(holder(1), request, policy) else { panic!("it fits") };
    (grant.claim.agent().get(), grant.claim)
}

const FRAGMENTATION: Policy = Policy::FragmentationAware;

#[test]
fn the_last_device_is_found_and_none_is_refused_for_good() {
    for policy in [Policy::Pack, Policy::Spread, FRAGMENTATION] {
        let mut list = vec![(8, 0); 100];
        list[97] = (8, 2);
        let table = agents(&list);
        let taken: Vec<_> = [ONE, DeviceAmount::Milli(400), DeviceAmount::Milli(600)]
            .map(|amount| place(&table, &pod(500, amount), policy))
            .to_vec();
        assert!(taken.iter().all(|(agent, _)| *agent == 97), "{policy:?}");
        let refused = |amount| table.place(holder(1), &pod(500, amount), policy) == Placed::Refused(Unplaced::NoAgent);
        assert!(refused(ONE) && refused(DeviceAmount::Milli(1)));
        let released = table.release(taken[1].1, Owner::new(1));
        assert!(matches!(released, Released::Released { .. }));
        assert!(refused(ONE) && refused(DeviceAmount::Milli(401)));
        assert_eq!(place(&table, &pod(500, DeviceAmount::Milli(400)), policy).0, 97);
        assert_eq!(table.explain(ROLE, &pod(500, ONE)).feasible, 0);
        table.validate().unwrap();
    }
}

/// Agents with devices and no CPU to go with them are many, and come first in their class.
#[test]
fn devices_without_cpu_do_not_hide_those_with() {
    for policy in [Policy::Pack, FRAGMENTATION] {
        let mut list = vec![(2, 1); 200];
        list[199] = (8, 1);
        let table = agents(&list);
        for at in 0..199 {
            let only = [Constraint::AgentIn(vec![AgentId::new(at)])];
            let mut selection = table.select(only).unwrap();
            let placed = table.place_where(holder(1), &Request::exclusive(2, 0), policy, &mut selection);
            assert!(placed.granted().is_some());
        }
        assert_eq!(place(&table, &pod(2000, ONE), policy).0, 199);
        table.validate().unwrap();
    }
}

#[test]
fn split_devices_are_filled_before_others_are_begun() {
    let table = agents(&[(8, 2), (8, 2), (8, 2)]);
    let first = place(&table, &pod(500, DeviceAmount::Milli(700)), FRAGMENTATION).0;
    let _whole = place(&table, &pod(500, ONE), FRAGMENTATION);
    for milli in [100, 100, 100] {
        assert_eq!(place(&table, &pod(500, DeviceAmount::Milli(milli)), FRAGMENTATION).0, first);
    }
    table.validate().unwrap();
}

/// A pod without devices would make the device beside it worthless to those that want one.
#[test]
fn pods_without_devices_go_where_none_lose_their_use() {
    let table = agents(&[(8, 2), (8, 0), (8, 2), (9, 0)]);
    place(&table, &pod(4000, ONE), FRAGMENTATION);
    let agents: Vec<_> = (0..4).map(|_| place(&table, &Request::shared(4000, 0), FRAGMENTATION).0).collect();
    assert!(agents.iter().all(|agent| [1, 3].contains(agent)), "{agents:?}");
    // None is left there: the one that has just CPU for a pod with a device loses it last.
    let last = place(&table, &Request::shared(4000, 0), FRAGMENTATION).0;
    assert!([0, 2].contains(&last));
    table.validate().unwrap();
}

/// By a selection, and for a request of several leaves, too.
#[test]
fn a_selection_holds_for_devices() {
    let table = agents(&[(8, 1); 40]);
    let mut selection = table.select([Constraint::AgentNotIn((0..38).map(AgentId::new).collect())]).unwrap();
    for policy in [Policy::Pack, FRAGMENTATION] {
        let placed = table.place_where(holder(1), &pod(500, ONE), policy, &mut selection);
        assert!(placed.granted().is_some_and(|grant| grant.claim.agent().get() >= 38));
    }
    let no = table.place_where(holder(1), &pod(500, ONE), Policy::Pack, &mut selection);
    assert_eq!(no, Placed::Refused(Unplaced::NoAgent));
    table.validate().unwrap();
}

/// Sixteen agents are taken from the index at once; the first that loses nothing ends the search for one pod, not for those to come.
#[test]
fn a_batch_uses_every_agent_it_looked_ahead_at() {
    let mut list = vec![(2, 0); 40];
    list.extend(vec![(8, 0); 40]);
    list.push((8, 1));
    let table = agents(&list);
    place(&table, &pod(1000, ONE), FRAGMENTATION);
    let local = crate::Local::new(&table, 0).unwrap();
    let mut placed = Vec::new();
    local.place_many(&[holder(1); 40], &Request::shared(2000, 0), FRAGMENTATION, |_, outcome| {
        placed.push(outcome.granted().unwrap().claim.agent().get());
    });
    assert!(placed.iter().all(|agent| *agent < 40), "{placed:?}");
    drop(local);
    table.validate().unwrap();
}
