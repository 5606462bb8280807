//! A panic at each change of a word that a verb on whole claims makes: see [`unwind`](super::unwind).

use super::unwind::{at_every_step, fresh};
use super::{AGENT, granted, holder};
use crate::{
    Cpus, Ganged, Members, MemoryHold, MemoryLocality, Merged, NumaNodeId, NumaNodeMemory, Owner, Placement, Policy,
    PuId, Request, Table,
};

const ME: Owner = Owner::new(1);

fn loose(table: &Table, numa_node: u16) {
    let memory = vec![NumaNodeMemory { numa_node: NumaNodeId::new(numa_node), mem_bytes: 4096 }];
    let pus = vec![PuId::new(numa_node * 8)];
    let placement = Placement { pus, memory, memory_hold: MemoryHold::Loose, ..Placement::default() };
    table.restore(AGENT, holder(1), &placement).unwrap();
}

/// Both take new seats on both NUMA nodes.
#[test]
fn a_merge_that_takes_seats() {
    at_every_step(
        |table| (0..2).for_each(|numa_node| loose(table, numa_node)),
        |table| {
            let claims: Vec<_> = table.claims_on(AGENT).collect();
            assert!(matches!(table.merge(claims[0], claims[1], ME), Merged::Merged { .. }));
        },
    );
}

#[test]
fn a_merge_that_needs_another_record() {
    let table = fresh();
    let request = Request::exclusive(10, 4096);
    let claims = [0, 0].map(|_| granted(table.claim(AGENT, holder(1), &Request::exclusive(4, 4096))).claim);
    assert!(matches!(table.merge(claims[0], claims[1], ME), Merged::Merged { .. }));
    at_every_step(
        |table| {
            granted(table.claim(AGENT, holder(1), &request));
            granted(table.claim(AGENT, holder(1), &Request::exclusive(4, 4096)));
        },
        |table| {
            let claims: Vec<_> = table.claims_on(AGENT).collect();
            assert!(matches!(table.merge(claims[0], claims[1], ME), Merged::Merged { .. }));
        },
    );
}

#[test]
fn a_gang_of_three() {
    let wanted =
        [Request::exclusive(10, 4096), Request::shared(500, 4096), Request::exclusive(2, 0)].map(|r| (AGENT, r));
    at_every_step(
        |_| {},
        |table| assert!(matches!(table.claim_gang(holder(1), &wanted, &mut Vec::new()), Ganged::Granted { .. })),
    );
    let request = Request::exclusive(4, 4096);
    at_every_step(
        |_| {},
        |table| {
            let ganged = table.place_gang(holder(1), &request, 3, Policy::Spread, 2, &mut Vec::new());
            assert!(matches!(ganged, Ganged::Refused { .. }), "two are the most on one agent");
            let ganged = table.place_gang(holder(1), &request, 3, Policy::Spread, 3, &mut Vec::new());
            assert!(matches!(ganged, Ganged::Granted { .. }));
        },
    );
}

/// The claim is as it was, or what it is to be.
fn resize_at_every_step(claim: &Request, sizes: &[Request]) {
    at_every_step(
        |table| {
            granted(table.claim(AGENT, holder(1), claim));
        },
        |table| {
            let id = table.claims_on(AGENT).next().unwrap();
            for size in sizes {
                // After a panic the table is compared with how it was before the first of them.
                granted(table.resize(id, ME, size));
            }
        },
    );
}

#[test]
fn a_resize_that_grows_in_every_way() {
    let request = Request::exclusive(2, 4096).with_member(Cpus::shared(500));
    let larger = Request::exclusive(6, 3 << 12).with_member(Cpus::shared(2500));
    resize_at_every_step(&request, &[larger]);
    let strict = |pus, mem_bytes| Request::exclusive(pus, mem_bytes).with_memory(MemoryLocality::Required);
    resize_at_every_step(&strict(4, 0), &[strict(8, 4096)]);
}

/// What is given back cannot fail: a panic comes before, or not at all.
#[test]
fn a_resize_that_grows_and_shrinks_at_once() {
    let pair = |one, other, mem_bytes| {
        Request::new([Cpus::exclusive(one), Cpus::shared(other)].into_iter().collect::<Members>(), mem_bytes)
    };
    resize_at_every_step(&pair(8, 500, 4096), &[pair(2, 5500, 1 << 19)]);
    resize_at_every_step(&pair(2, 5500, 4096), &[pair(8, 500, 0)]);
}
