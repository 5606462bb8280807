//! A snapshot's reader against writers, and exact claims against each other.

use std::sync::Arc;

use super::{AGENT, granted, holder, table};
use crate::sync::{both, model_bounded};
use crate::testing::Machine;
use crate::{ClaimedExact, Limit, Owner, PAGE_BYTES, Placement, PuId, Refreshed, Released, Request, Snapshot, Table};

const CORE: Machine =
    Machine { cores: 1, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: 3 * PAGE_BYTES };

/// Free PUs, as bits, and free pages of the agent, if it is whole; twice.
fn looks(table: &Table) -> Vec<(u32, u64)> {
    let mut snapshot = Snapshot::new(table);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let refreshed = snapshot.refresh();
        assert_eq!(refreshed == Refreshed::Whole, !snapshot.is_torn(AGENT));
        if let Some(agent) = snapshot.agent(AGENT).filter(|agent| !agent.is_torn()) {
            let pages: u64 = agent.memory().map(|memory| memory.free_bytes / PAGE_BYTES).sum();
            seen.push((agent.free_pus().fold(0, |bits, pu| bits | 1 << pu.get()), pages));
        }
    }
    seen
}

/// A claim takes its core before its memory, and a release gives the memory back before the core. No word has a value twice, so what is
/// seen is of one moment.
#[test]
fn a_whole_agent_has_with_a_claims_second_word_its_first() {
    model_bounded(3, |first| {
        let machine = Machine { cores: 2, mem_bytes: 5 * PAGE_BYTES, ..CORE };
        let table = table(3, Limit::default(), &[machine]);
        let claim = |table: &Table, pages| {
            granted(table.claim(AGENT, holder(1), &Request::exclusive(1, pages * PAGE_BYTES))).claim
        };
        let old = claim(&table, 2);
        let start = looks(&table);
        let shared = Arc::new((table, old));
        let seen = both(first, &shared, |(table, old), me| {
            if me == 1 {
                return looks(table);
            }
            granted(table.claim(AGENT, holder(1), &Request::exclusive(1, PAGE_BYTES)));
            assert!(matches!(table.release(*old, Owner::new(1)), Released::Released { .. }));
            Vec::new()
        });
        let (before, after) = (start[0].0, looks(&shared.0)[0].0);
        assert_eq!(before ^ after, 0b11, "each had a core of its own");
        let moments = [(before, 3), (0, 3), (0, 2), (0, 4), (after, 4)];
        for seen in &seen[1] {
            assert!(moments.contains(seen), "of no moment: {seen:?}");
        }
    });
}

/// The next incarnation has the same block. No copy has the words of one under the name of the other.
#[test]
fn a_whole_agent_is_of_one_incarnation() {
    model_bounded(2, |first| {
        let table = Arc::new(table(3, Limit::default(), &[CORE]));
        granted(table.claim(AGENT, holder(1), &Request::exclusive(1, 2 * PAGE_BYTES)));
        both(first, &table, |table, me| {
            if me == 0 {
                table.remove_agent(AGENT).unwrap();
                table.return_agent(AGENT, CORE.shape()).unwrap();
                granted(table.claim(AGENT, holder(1), &Request::exclusive(1, PAGE_BYTES)));
                return;
            }
            let mut snapshot = Snapshot::new(table);
            for _ in 0..2 {
                let _may_be_torn = snapshot.refresh();
                let Some(agent) = snapshot.agent(AGENT).filter(|agent| !agent.is_torn()) else { continue };
                let pages: u64 = agent.memory().map(|memory| memory.free_bytes / PAGE_BYTES).sum();
                let seen = (agent.incarnation(), agent.pus_free(), pages);
                let moments = [(1, 0, 1), (1, 0, 3), (1, 1, 3), (2, 1, 3), (2, 0, 3), (2, 0, 2)];
                assert!(moments.contains(&seen), "of no moment: {seen:?}");
            }
        });
        table.validate().unwrap();
    });
}

fn exact(table: &Table, incarnation: u32, pus: [u16; 2]) -> ClaimedExact {
    let placement = Placement { pus: pus.map(PuId::new).to_vec(), ..Placement::default() };
    table.claim_exact(AGENT, incarnation, holder(1), &placement)
}

/// Each wants two cores of a leaf of their own, and they have one in common. Each tries twice.
#[test]
fn of_two_exact_claims_of_one_core_one_wins() {
    model_bounded(2, |first| {
        let machine = Machine { cores: 3, l3: 3, ..CORE };
        let table = Arc::new(table(4, Limit::default(), &[machine]));
        let outcomes = both(first, &table, |table, me| {
            let pus = if me == 0 { [0, 1] } else { [1, 2] };
            [exact(table, 1, pus), exact(table, 1, pus)]
        });
        let won = outcomes.iter().flatten().filter(|outcome| matches!(outcome, ClaimedExact::Granted(_))).count();
        assert_eq!(won, 1, "{outcomes:?}");
        table.validate().unwrap();
    });
}
