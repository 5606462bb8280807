//! The verbs on whole claims with threads in each other's way; see [`interleave`](super::interleave).

use std::sync::Arc;

use super::{AGENT, ROLE, holder, table};
use crate::sync::{both, model, model_bounded};
use crate::testing::Machine;
use crate::{
    ClaimId, Holder, Limit, MemoryHold, Merged, NumaNodeId, NumaNodeMemory, Outcome, Owner, PAGE_BYTES, Placement,
    PuId, Released, Request, Table,
};

const CORE: Machine = Machine { cores: 1, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: PAGE_BYTES };
const ME: Owner = Owner::new(1);

fn small(machine: Machine) -> Table {
    table(4, Limit::default(), &[machine])
}

/// A claim of one core, perhaps with a page of a NUMA node.
fn one(table: &Table, pu: u16, memory: Option<(u16, MemoryHold)>) -> ClaimId {
    let mut placement = Placement { pus: vec![PuId::new(pu)], ..Placement::default() };
    if let Some((numa_node, hold)) = memory {
        placement.memory.push(NumaNodeMemory { numa_node: NumaNodeId::new(numa_node), mem_bytes: PAGE_BYTES });
        placement.memory_hold = hold;
    }
    table.restore(AGENT, holder(1), &placement).unwrap().claim
}

/// Two merges of the same two claims, each the other way round: one of them comes through.
#[test]
fn two_merges_do_not_stand_in_each_others_way() {
    model(|first| {
        let table = small(Machine { cores: 2, ..CORE });
        let claims = [0, 1].map(|pu| one(&table, pu, None));
        let shared = Arc::new((table, claims));
        let ends = both(first, &shared, |(table, [one, other]), me| {
            let (into, from) = if me == 0 { (*one, *other) } else { (*other, *one) };
            table.merge(into, from, ME)
        });
        let (table, claims) = &*shared;
        let done = ends.map(|end| matches!(end, Merged::Merged { .. }));
        assert!(done[0] != done[1], "{ends:?}");
        table.validate().unwrap();
        let left = claims[usize::from(done[1])];
        assert!(matches!(table.release(left, ME), Released::Released { refunded, .. } if refunded.cpu_milli == 2000));
        table.validate().unwrap();
    });
}

/// What is merged is nobody's for no moment; a release meanwhile comes before or after.
#[test]
fn a_merge_and_a_release_are_one_after_the_other() {
    model(|first| {
        let table = small(Machine { cores: 2, ..CORE });
        let claims = [0, 1].map(|pu| one(&table, pu, None));
        let shared = Arc::new((table, claims));
        let ends = both(first, &shared, |(table, [one, other]), me| {
            if me == 0 {
                return (Some(table.merge(*one, *other, ME)), None);
            }
            // Takes a core only if it was released.
            let released = table.release(*other, ME);
            let claimed = table.claim(AGENT, holder(2), &Request::exclusive(1, 0));
            let may = matches!(released, Released::Released { .. });
            assert!(may || !matches!(claimed, Outcome::Granted(_)), "a core passed through Free");
            (None, Some((released, claimed)))
        });
        let (table, claims) = &*shared;
        table.validate().unwrap();
        let (Some(merge), Some((released, _))) = (ends[0].0, ends[1].1) else { panic!("{ends:?}") };
        let merged = matches!(merge, Merged::Merged { .. });
        assert!(!merged || !matches!(released, Released::Released { .. }), "{ends:?}");
        assert_eq!(table.placement(claims[0]).unwrap().pus.len(), if merged { 2 } else { 1 });
    });
}

/// Loose claims of two NUMA nodes become one of several, while somebody wants to be promised one of them.
#[test]
fn merged_seats_are_never_beside_a_promise() {
    model_bounded(2, |first| {
        let table = small(Machine { cores: 3, numa_nodes: 3, mem_bytes: 2 * PAGE_BYTES, ..CORE });
        let claims = [0, 1].map(|at| one(&table, at, Some((at, MemoryHold::Loose))));
        let shared = Arc::new((table, claims));
        let ends = both(first, &shared, |(table, [one, other]), me| {
            if me == 0 {
                return (Some(table.merge(*one, *other, ME)), None);
            }
            let piece = Placement {
                memory: vec![NumaNodeMemory { numa_node: NumaNodeId::new(1), mem_bytes: PAGE_BYTES }],
                memory_hold: MemoryHold::Strict,
                ..Placement::default()
            };
            (None, Some(table.restore(AGENT, Holder { owner: Owner::new(2), role: ROLE }, &piece).ok()))
        });
        let (table, _) = &*shared;
        table.validate().unwrap();
        let (Some(merge), Some(promised)) = (ends[0].0, ends[1].1) else { panic!("{ends:?}") };
        let merged = matches!(merge, Merged::Merged { .. });
        assert!(!(merged && promised.is_some()), "{ends:?}");
        // Whoever was not admitted met the other; only one of them can have been undone.
        assert!(merged || promised.is_some() || merge == Merged::Contended, "{ends:?}");
    });
}
