//! Roles by example: a tree of them, and limits of every resource.

use super::machines::{GPU, HBM, LABELS, NIC, PORTS, TOKENS, with_extras};
use super::{AGENT, granted};
use crate::{
    Capacity, ClaimId, ClaimedExact, DeviceAmount, DeviceLocality, HoldLimit, Holder, HugePages, HugeSize, Limit,
    MAX_ROLE_LEVELS, Merged, NameId, Outcome, OverLimit, Owner, PAGE_BYTES, Pick, Placed, Policy, Quantities, Reason,
    Released, Request, Resource, RoleId, ScalarSpec, Shape, Table, TableError, Transferred, Unplaced,
};

const ME: Owner = Owner::new(1);
const NO_LIMIT: Limit = Limit { cpu_milli: None, mem_bytes: None };
/// Everything that [`with_extras`] has, and of each what [`some`] asks for.
const ALL: [(Resource, u64); 11] = [
    (Resource::CpuMilli, 2000),
    (Resource::MemBytes, 3 * PAGE_BYTES),
    (Resource::HugePages(HugeSize::Mib2), 3 << 21),
    (Resource::HugePages(HugeSize::Gib1), 1 << 30),
    (Resource::SpecialMemory(HBM), 2 * PAGE_BYTES),
    (Resource::Devices(GPU), 1000),
    (Resource::Devices(NIC), 300),
    (Resource::Disk, 5 * PAGE_BYTES),
    (Resource::Scalar(TOKENS), 1500),
    (Resource::Range(PORTS), 4),
    (Resource::Set(LABELS), 2),
];

fn some() -> Request {
    Request::exclusive(2, 3 * PAGE_BYTES)
        .with_huge_pages(HugePages { mib2: 3, gib1: 1 })
        .with_special_memory(HBM, 2 * PAGE_BYTES)
        .with_devices(GPU, DeviceAmount::Whole(1), DeviceLocality::Any)
        .with_devices(NIC, DeviceAmount::Milli(300), DeviceLocality::Any)
        .with_disk(5 * PAGE_BYTES - 1)
        .with_scalar(TOKENS, 1500)
        .with_range(PORTS, Pick::Any(4))
        .with_set(LABELS, Pick::Any(2))
}

/// A table of one agent, and so many roles, each under the one before.
fn chain(levels: u16) -> (Table, Vec<RoleId>) {
    let shape = Shape::new(&with_extras()).unwrap();
    let lines = 2 * shape.lines();
    let table = Table::new(Capacity { claims: 400, lines, ..Capacity::for_agents(1, &shape) }).unwrap();
    table.add_agent(shape).unwrap();
    let mut roles = vec![table.add_role(NO_LIMIT).unwrap()];
    for at in 1..levels {
        roles.push(table.add_role_under(roles[usize::from(at) - 1], NO_LIMIT).unwrap());
    }
    (table, roles)
}

const fn of(role: RoleId) -> Holder {
    Holder { owner: ME, role }
}

fn release(table: &Table, claim: ClaimId) {
    assert!(matches!(table.release(claim, ME), Released::Released { .. }));
    table.validate().unwrap();
}

fn used(table: &Table, role: RoleId) -> Vec<u64> {
    ALL.iter().map(|(resource, _)| table.role_used_of(role, *resource).unwrap()).collect()
}

/// So many times what [`some`] asks for.
fn times(count: u64) -> Vec<u64> {
    ALL.iter().map(|(_, amount)| amount * count).collect()
}

#[track_caller]
fn over(outcome: Outcome) -> OverLimit {
    match outcome {
        Outcome::Refused(no) => match no.reason {
            Reason::RoleLimit(over) => over,
            other => panic!("{other:?}"),
        },
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_claim_is_charged_to_every_role_above_and_refunded_there() {
    let (table, roles) = chain(3);
    let other = table.add_role_under(roles[0], NO_LIMIT).unwrap();
    assert_eq!(
        roles.iter().map(|role| table.parent_of(*role)).collect::<Vec<_>>(),
        [None, Some(roles[0]), Some(roles[1])]
    );
    let deep = granted(table.claim(AGENT, of(roles[2]), &some()));
    assert_eq!(deep.charged, Quantities { cpu_milli: 2000, mem_bytes: 3 * PAGE_BYTES });
    let beside = granted(table.claim(AGENT, of(other), &Request::exclusive(4, 0).with_disk(PAGE_BYTES)));
    table.validate().unwrap();
    for role in &roles[1..] {
        assert_eq!(used(&table, *role), times(1));
    }
    let mut both = times(1);
    (both[0], both[7]) = (both[0] + 4000, both[7] + PAGE_BYTES);
    assert_eq!(used(&table, roles[0]), both);
    assert_eq!(table.role_used(roles[0]), Some(Quantities { cpu_milli: 6000, mem_bytes: 3 * PAGE_BYTES }));
    release(&table, deep.claim);
    release(&table, beside.claim);
    for role in roles {
        assert_eq!(used(&table, role), times(0));
    }
}

#[test]
fn a_grandparents_limit_of_any_resource_refuses_and_says_so() {
    for (resource, amount) in ALL {
        let (table, roles) = chain(3);
        // One fits, two do not.
        let limit = amount + amount / 2 / resource.unit() * resource.unit();
        table.set_limit_of(roles[0], resource, Some(limit)).unwrap();
        let first = granted(table.claim(AGENT, of(roles[2]), &some()));
        let expected = OverLimit { role: roles[0], resource, asked: amount, used: amount, limit };
        // The machine has one page of 1 GiB per NUMA node, the rest twice.
        let plain = match resource {
            Resource::CpuMilli | Resource::MemBytes => Request { extras: crate::Extras::NONE, ..some() },
            _ => some(),
        };
        assert_eq!(over(table.claim(AGENT, of(roles[2]), &plain)), expected);
        assert_eq!(over(table.claim(AGENT, of(roles[1]), &plain)), expected);
        let placed = table.place(of(roles[2]), &plain, Policy::Pack);
        assert!(
            matches!(placed, Placed::Refused(Unplaced::Role(Reason::RoleLimit(over))) if over == expected),
            "{placed:?}"
        );
        let why = table.explain(roles[2], &plain);
        assert_eq!(why.nearest.map(|no| no.reason), Some(Reason::RoleLimit(expected)));
        table.validate().unwrap();
        assert_eq!(used(&table, roles[0]), times(1));
        assert_eq!(used(&table, roles[2]), times(1), "what was charged below was given back");
        release(&table, first.claim);
        granted(table.claim(AGENT, of(roles[2]), &some()));
        // Lifted, it is no longer in the way.
        table.set_limit_of(roles[0], resource, None).unwrap();
        granted(table.claim(AGENT, of(roles[1]), &some()));
        table.validate().unwrap();
        assert_eq!(used(&table, roles[0]), times(2));
    }
}

#[test]
fn the_nearest_limit_is_named_and_told_in_words() {
    let (table, roles) = chain(2);
    for role in &roles {
        table.set_limit_of(*role, Resource::Devices(GPU), Some(1500)).unwrap();
        table.set_limit_of(*role, Resource::Disk, Some(3 * PAGE_BYTES + 1)).unwrap();
        table.set_limit_of(*role, Resource::HugePages(HugeSize::Mib2), Some(1 << 21)).unwrap();
        table.set_limit_of(*role, Resource::Range(PORTS), Some(1)).unwrap();
    }
    let says = |request: Request| match table.claim(AGENT, of(roles[1]), &request) {
        Outcome::Refused(no) => format!("{no}; {}", no.reason.kind()),
        other => panic!("{other:?}"),
    };
    let core = || Request::exclusive(2, 0);
    assert_eq!(
        says(core().with_devices(GPU, DeviceAmount::Whole(2), DeviceLocality::Any)),
        "wants 2000 milli of devices of kind 7 for role r1, which has 0 milli of its limit of 1500 milli; \
         role at its kind 7 device limit"
    );
    assert_eq!(
        says(core().with_disk(4 * PAGE_BYTES)),
        "wants 16 KiB of disk for role r1, which has 0 B of its limit of 12 KiB; role at its disk limit"
    );
    assert_eq!(
        says(core().with_huge_pages(HugePages { mib2: 2, gib1: 0 })),
        "wants 4 MiB of huge pages of 2 MiB for role r1, which has 0 B of its limit of 2 MiB; \
         role at its 2 MiB huge page limit"
    );
    assert_eq!(
        says(core().with_range(PORTS, Pick::Any(2))),
        "wants 2 of range #4 for role r1, which has 0 of its limit of 1; role at its range #4 limit"
    );
    assert_eq!(table.role_used(roles[1]), Some(Quantities::default()));
}

#[test]
fn a_limit_below_what_there_is_refuses_more_of_that_only() {
    let (table, roles) = chain(2);
    let first = granted(table.claim(AGENT, of(roles[1]), &some()));
    table.set_limit_of(roles[0], Resource::Disk, Some(0)).unwrap();
    table.set_limit(roles[0], Limit { cpu_milli: None, mem_bytes: Some(PAGE_BYTES) }).unwrap();
    let disk = Request::exclusive(2, 0).with_disk(1);
    let no = over(table.claim(AGENT, of(roles[1]), &disk));
    assert_eq!((no.resource, no.used, no.limit), (Resource::Disk, 5 * PAGE_BYTES, 0), "set_limit left it alone");
    granted(table.claim(AGENT, of(roles[1]), &Request::exclusive(2, 0).with_scalar(TOKENS, 1)));
    release(&table, first.claim);
    assert_eq!(over(table.claim(AGENT, of(roles[1]), &disk)).used, 0);
    assert_eq!(over(table.claim(AGENT, of(roles[1]), &Request::exclusive(2, 2 * PAGE_BYTES))).used, 0);
    table.validate().unwrap();
}

#[test]
fn an_inner_role_that_gets_a_limit_counts_what_its_children_had() {
    let (table, roles) = chain(3);
    let before = granted(table.claim(AGENT, of(roles[2]), &Request::exclusive(4, PAGE_BYTES)));
    table.set_limit(roles[1], Limit { cpu_milli: Some(6000), mem_bytes: None }).unwrap();
    let after = granted(table.claim(AGENT, of(roles[2]), &Request::exclusive(2, 0)));
    let no = over(table.claim(AGENT, of(roles[2]), &Request::exclusive(2, 0)));
    assert_eq!((no.role, no.used), (roles[1], 6000));
    release(&table, before.claim);
    let used = |at: usize| table.role_used(roles[at]).unwrap();
    assert_eq!([0, 1, 2].map(|at| used(at).cpu_milli), [2000; 3]);
    granted(table.claim(AGENT, of(roles[1]), &Request::exclusive(4, 0)));
    table.set_limit(roles[1], NO_LIMIT).unwrap();
    release(&table, after.claim);
    assert_eq!([0, 1, 2].map(|at| used(at).cpu_milli), [4000, 4000, 0]);
    assert_eq!([0, 1, 2].map(|at| used(at).mem_bytes), [0; 3]);
}

#[test]
fn splits_merges_transfers_and_resizes_move_exactly_what_they_move() {
    let (table, roles) = chain(2);
    let levels = || [used(&table, roles[0]), used(&table, roles[1])];
    let all = granted(table.hold(AGENT, of(roles[1]), HoldLimit::ALL));
    let whole = levels();
    let child = granted(table.split(all.claim, ME, &some()));
    table.validate().unwrap();
    assert_eq!(levels(), whole, "what one loses the other has");
    assert_eq!(table.transfer(child.claim, ME, Owner::new(2)), Transferred::Transferred);
    assert_eq!(levels(), whole);
    assert_eq!(table.transfer(child.claim, Owner::new(2), ME), Transferred::Transferred);
    assert!(matches!(table.merge(all.claim, child.claim, ME), Merged::Merged { .. }));
    table.validate().unwrap();
    assert_eq!(levels(), whole);
    let child = granted(table.split(all.claim, ME, &some()));
    release(&table, all.claim);
    assert_eq!(levels(), [times(1), times(1)]);
    release(&table, child.claim);
    assert_eq!(levels(), [times(0), times(0)]);

    let pod = granted(table.claim(AGENT, of(roles[1]), &Request::exclusive(2, PAGE_BYTES).with_disk(PAGE_BYTES)));
    table.set_limit(roles[0], Limit { cpu_milli: Some(4000), mem_bytes: None }).unwrap();
    let sized = |pus, pages| Request::exclusive(pus, pages * PAGE_BYTES);
    assert_eq!(over(table.resize(pod.claim, ME, &sized(6, 1))).role, roles[0]);
    granted(table.resize(pod.claim, ME, &sized(4, 3)));
    let grown = Some(Quantities { cpu_milli: 4000, mem_bytes: 3 * PAGE_BYTES });
    assert_eq!([table.role_used(roles[0]), table.role_used(roles[1])], [grown; 2]);
    granted(table.resize(pod.claim, ME, &sized(2, 0)));
    table.validate().unwrap();
    assert_eq!(
        roles.iter().map(|role| table.role_used_of(*role, Resource::Disk)).collect::<Vec<_>>(),
        [Some(PAGE_BYTES); 2]
    );
    release(&table, pod.claim);
    assert_eq!(levels(), [times(0), times(0)]);
}

#[test]
fn what_is_restored_or_removed_is_charged_and_refunded_all_the_way() {
    let (table, roles) = chain(3);
    for (resource, _) in ALL {
        table.set_limit_of(roles[0], resource, Some(0)).unwrap();
    }
    let placement = {
        let (table, roles) = chain(1);
        let grant = granted(table.claim(AGENT, of(roles[0]), &some()));
        table.placement(grant.claim).unwrap()
    };
    let chosen = table.claim_exact(AGENT, 1, of(roles[2]), &placement);
    assert!(matches!(chosen, ClaimedExact::Refused(no) if matches!(no.reason, Reason::RoleLimit(_))), "{chosen:?}");
    assert_eq!(used(&table, roles[2]), times(0));
    table.restore(AGENT, of(roles[2]), &placement).unwrap();
    // Twice cannot be: it is undone.
    assert!(table.restore(AGENT, of(roles[2]), &placement).is_err());
    table.validate().unwrap();
    assert_eq!([used(&table, roles[0]), used(&table, roles[2])], [times(1), times(1)], "what runs is a fact");
    assert_eq!(table.remove_agent(AGENT), Ok(1));
    assert_eq!([used(&table, roles[0]), used(&table, roles[2])], [times(0), times(0)]);
}

#[test]
fn a_tree_has_its_bounds() {
    let (table, roles) = chain(u16::try_from(MAX_ROLE_LEVELS).unwrap());
    let deep = TableError::RolesDeep { levels: MAX_ROLE_LEVELS };
    assert_eq!(table.add_role_under(roles[MAX_ROLE_LEVELS - 1], NO_LIMIT), Err(deep));
    assert_eq!(deep.to_string(), "the role would be below 8 others: put it higher");
    let unknown = RoleId::new(63);
    assert_eq!(table.add_role_under(unknown, NO_LIMIT), Err(TableError::NoSuchRole(unknown)));
    assert_eq!(table.set_limit_of(unknown, Resource::Disk, None), Err(TableError::NoSuchRole(unknown)));
    assert_eq!((table.parent_of(unknown), table.role_used_of(unknown, Resource::Disk)), (None, None));
    let grant = granted(table.claim(AGENT, of(roles[MAX_ROLE_LEVELS - 1]), &some()));
    assert_eq!(used(&table, roles[0]), times(1));
    release(&table, grant.claim);
}

#[test]
fn resources_are_numbered_as_they_come_and_not_without_end() {
    let (table, roles) = chain(1);
    let brought: Vec<Resource> = ALL.iter().map(|(resource, _)| *resource).collect();
    let mut sorted = table.resources();
    assert_eq!(sorted[..2], [Resource::CpuMilli, Resource::MemBytes]);
    sorted.sort_unstable();
    assert_eq!(sorted, {
        let mut brought = brought.clone();
        brought.sort_unstable();
        brought
    });
    let name = |at: u32| NameId::new(100 + at);
    for at in 0..16 - u32::try_from(brought.len()).unwrap() {
        table.set_limit_of(roles[0], Resource::Scalar(name(at)), Some(1)).unwrap();
    }
    let full = TableError::ResourcesFull { resources: 16 };
    assert_eq!(table.set_limit_of(roles[0], Resource::Scalar(name(90)), Some(1)), Err(full));
    assert_eq!(table.set_limit_of(roles[0], Resource::Scalar(name(90)), None), Ok(()));
    let mut spec = with_extras();
    table.remove_agent(AGENT).unwrap();
    spec.scalars.push(ScalarSpec { name: name(90), milli: 1 });
    assert_eq!(table.return_agent(AGENT, Shape::new(&spec).unwrap()), Err(full));
    spec.scalars[1].name = name(0);
    table.return_agent(AGENT, Shape::new(&spec).unwrap()).unwrap();
    let two = Request::exclusive(2, 0).with_scalar(name(0), 1);
    granted(table.claim(AGENT, of(roles[0]), &two));
    assert_eq!(table.resources().len(), 16);
}
