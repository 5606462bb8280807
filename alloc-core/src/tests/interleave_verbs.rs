//! The verbs on whole claims with threads in each other's way; see [`interleave`](super::interleave).

use std::sync::Arc;

use super::{AGENT, ROLE, granted, holder};
use crate::amounts::Amounts;
use crate::desk::Desks;
use crate::ledger::{ChargeError, Ledger};
use crate::sync::{both, model, model_bounded};
use crate::testing::Machine;
use crate::{
    AgentId, Capacity, ClaimId, Ganged, Holder, Limit, MemoryHold, Merged, NumaNodeId, NumaNodeMemory, Outcome, Owner,
    PAGE_BYTES, Placement, PuId, Released, Request, Table,
};

const CORE: Machine = Machine { cores: 1, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: PAGE_BYTES };
const ME: Owner = Owner::new(1);

/// A table with no more words than the models need: each is made anew in every run, and each desk looked at for every no.
fn tiny(claims: u32, machines: &[Machine]) -> Table {
    let lines = machines.iter().map(|machine| machine.shape().lines()).sum();
    let agents = u32::try_from(machines.len()).unwrap();
    let capacity = Capacity { shards: 1, agents, lines, claims, roles: 1, threads: 2, shapes: 1 };
    let table = Table::new(capacity).unwrap();
    table.add_role(Limit::default()).unwrap();
    for machine in machines {
        table.add_agent(machine.shape()).unwrap();
    }
    table
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
        let table = tiny(4, &[Machine { cores: 2, ..CORE }]);
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
        let table = tiny(4, &[Machine { cores: 2, ..CORE }]);
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
        let table = tiny(4, &[Machine { cores: 3, numa_nodes: 3, mem_bytes: 2 * PAGE_BYTES, ..CORE }]);
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

fn gang(table: &Table, owner: u64, wanted: [(u32, u32); 2]) -> Ganged {
    let wanted = wanted.map(|(agent, pus)| (AgentId::new(agent), Request::exclusive(pus, 0)));
    table.claim_gang(holder(owner), &wanted, &mut Vec::new())
}

/// Two gangs want the same two agents, in opposite orders as given: one gets both, and no two are refused for each other.
#[test]
fn two_gangs_do_not_refuse_each_other() {
    model_bounded(2, |first| {
        let table = Arc::new(tiny(4, &[CORE, CORE]));
        let ends = both(first, &table, |table, me| {
            let wanted = if me == 0 { [(0, 1), (1, 1)] } else { [(1, 1), (0, 1)] };
            gang(table, me, wanted)
        });
        let granted = ends.map(|end| matches!(end, Ganged::Granted { .. }));
        assert!(granted[0] != granted[1], "{ends:?}");
        assert_eq!(table.claims().count(), 2);
        table.validate().unwrap();
    });
}

/// A gang that cannot be takes one agent for a moment: whoever meets it there is not refused.
#[test]
fn a_doomed_gang_makes_nobody_refused() {
    model_bounded(2, |first| {
        let table = Arc::new(tiny(4, &[CORE]));
        let ends = both(first, &table, |table, me| {
            if me == 0 {
                // There is no second agent.
                return (Some(gang(table, 0, [(0, 1), (1, 1)])), None);
            }
            (None, Some(table.claim(AGENT, holder(1), &Request::exclusive(1, 0))))
        });
        let (Some(doomed), Some(claim)) = (ends[0].0, ends[1].1) else { panic!("{ends:?}") };
        assert!(!matches!(doomed, Ganged::Granted { .. }), "{ends:?}");
        assert!(!matches!(claim, Outcome::Refused(_)), "{ends:?}");
        table.validate().unwrap();
    });
}

/// As above, for the role's limit: what a gang gives back after its claim's flight is over is in flight still.
#[test]
fn a_doomed_gang_is_no_reason_to_be_over_a_limit() {
    model_bounded(2, |first| {
        let ledger = Ledger::new(1, 2);
        ledger.add(None, Limit { cpu_milli: Some(2), mem_bytes: None });
        let shared = Arc::new((ledger, Desks::new(2)));
        let ends = both(first, &shared, |(ledger, desks), me| {
            let (desk, amount) = (usize::try_from(me).unwrap(), Amounts::new(2, 0));
            let charge = || ledger.charge((desks, desk, &desks.flight(desk, (0, 0), ROLE)), ROLE, &amount);
            if me == 1 {
                return charge().err();
            }
            let gang = desks.gang(desk, ROLE);
            if charge().is_ok() {
                ledger.refund(desk, ROLE, &amount);
                gang.count_undone();
            }
            None
        });
        assert!(matches!(ends[1], None | Some(ChargeError::Contended)), "{ends:?}");
    });
}

/// Two claims grow by the core that is left, twice each: one gets it, and the baseline of both stays theirs.
#[test]
fn two_resizes_share_what_is_left() {
    model_bounded(1, |first| {
        let table = tiny(10, &[Machine { cores: 3, ..CORE }]);
        let claims = [0, 1].map(|pu| one(&table, pu, None));
        let shared = Arc::new((table, claims));
        let ends = both(first, &shared, |(table, claims), me| {
            let claim = claims[usize::from(me == 1)];
            [1, 2].map(|_| table.resize(claim, ME, &Request::exclusive(2, 0)))
        });
        let (table, claims) = &*shared;
        table.validate().unwrap();
        let sizes = claims.map(|claim| table.placement(claim).unwrap().pus.len());
        assert_eq!(sizes.iter().sum::<usize>(), 3, "{ends:?}");
        for (pu, claim) in (0..).zip(claims) {
            assert_eq!(table.placement(*claim).unwrap().pus[0].get().min(pu), pu);
        }
    });
}

/// A claim shrinks and grows again while another takes what it gave up, or is released itself.
#[test]
fn a_resize_gives_back_exactly_what_it_gives_up() {
    model_bounded(1, |first| {
        let table = tiny(6, &[Machine { cores: 2, ..CORE }]);
        let whole = granted(table.claim(AGENT, holder(1), &Request::exclusive(2, 0))).claim;
        let shared = Arc::new((table, whole));
        let ends = both(first, &shared, |(table, whole), me| {
            if me == 0 {
                let shrunk = table.resize(*whole, ME, &Request::exclusive(1, 0));
                return (Some(shrunk), None);
            }
            let claimed = table.claim(AGENT, holder(2), &Request::exclusive(1, 0));
            (Some(claimed), Some(table.release(*whole, ME)))
        });
        let (table, whole) = &*shared;
        table.validate().unwrap();
        let (Some(_), Some(claimed), Some(released)) = (ends[0].0, ends[1].0, ends[1].1) else { panic!("{ends:?}") };
        let gone = matches!(released, Released::Released { .. });
        assert_eq!(table.placement(*whole).is_none(), gone, "{ends:?}");
        let claimed = claimed.granted().map_or(0, |grant| grant.charged.cpu_milli);
        let left = table.placement(*whole).map_or(0, |placement| placement.quantities().cpu_milli);
        assert_eq!(table.role_used(ROLE).unwrap().cpu_milli, claimed + left);
    });
}
