//! The extras over agents: found wherever they are, and fresh on an agent that returns.

use super::machines::{GPU, HBM, LABELS, NIC, PORTS, TOKENS, with_extras};
use super::{ROLE, granted, holder, table_of};
use crate::{
    AgentId, DeviceAmount, DeviceLocality, HoldLimit, HugePages, Limit, Owner, Pick, Placed, Policy, Released, Request,
    Shape, Table, Unplaced,
};

const FAR: AgentId = AgentId::new(1);

/// A machine with some of everything, after one that has only what every machine has.
fn two_agents() -> Table {
    let plain = crate::testing::spec(8, 2, 2, 16 * 4096);
    table_of(64, Limit::default(), vec![Shape::new(&plain).unwrap(), Shape::new(&with_extras()).unwrap()])
}

/// Requests for one thing each that only the far machine has.
fn one_of_each() -> Vec<Request> {
    let core = || Request::exclusive(2, 0);
    vec![
        core().with_huge_pages(HugePages { mib2: 1, gib1: 0 }),
        core().with_special_memory(HBM, 4096),
        core().with_devices(GPU, DeviceAmount::Whole(1), DeviceLocality::Required),
        core().with_devices(NIC, DeviceAmount::Milli(1), DeviceLocality::Preferred),
        core().with_disk(1),
        core().with_scalar(TOKENS, 1),
        core().with_range(PORTS, Pick::Any(1)),
        core().with_set(LABELS, Pick::Any(1)),
    ]
}

#[test]
fn extras_are_found_wherever_they_are() {
    let table = two_agents();
    for request in one_of_each() {
        for policy in [Policy::Pack, Policy::Spread] {
            let grant = table.place(holder(1), &request, policy).granted().unwrap();
            assert_eq!(grant.claim.agent(), FAR, "{request:?}");
            assert!(matches!(table.release(grant.claim, Owner::new(1)), Released::Released { .. }));
        }
    }
    table.validate().unwrap();
}

#[test]
fn what_no_agent_has_is_told_of_the_nearest() {
    let table = two_agents();
    let gpus = Request::exclusive(2, 0).with_devices(GPU, DeviceAmount::Whole(2), DeviceLocality::Required);
    for _ in 0..2 {
        assert_eq!(table.place(holder(1), &gpus, Policy::Pack).granted().unwrap().claim.agent(), FAR);
    }
    assert_eq!(table.place(holder(1), &gpus, Policy::Pack), Placed::Refused(Unplaced::NoAgent));
    let explained = table.explain(ROLE, &gpus);
    assert_eq!((explained.agents, explained.feasible, explained.never_fits()), (2, 0, false));
    assert_eq!(
        explained.to_string(),
        "wants 2 devices of kind 7 beside its PUs; agent a1 has 0 free [of 2 agents: 1 too small for the devices of kind 7, \
         1 too few free devices of kind 7]"
    );
    table.validate().unwrap();
}

#[test]
fn an_agent_that_returns_has_all_its_extras() {
    let table = two_agents();
    let fresh = table.usage(FAR);
    for incarnation in 1..4 {
        assert_eq!((table.incarnation(FAR), table.usage(FAR)), (Some(incarnation), fresh.clone()));
        for request in one_of_each() {
            granted(table.claim(FAR, holder(1), &request));
        }
        let _rest =
            table.hold(FAR, holder(1), HoldLimit { exclusive_pus: 0, pool_milli: 0, ..HoldLimit::ALL }).granted();
        let held = table.usage(FAR).unwrap().extras;
        assert!(
            held.disk_free_bytes == 0 && held.ranges[0].free == 0 && held.devices.iter().all(|at| at.free_milli == 0)
        );
        assert_eq!(table.remove_agent(FAR), Ok(9));
        // There are no lines for another block: this one has to serve again.
        table.return_agent(FAR, Shape::new(&with_extras()).unwrap()).unwrap();
        table.validate().unwrap();
    }
}
