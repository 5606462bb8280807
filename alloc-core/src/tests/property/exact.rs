//! Exact claims and snapshots against the oracle.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::World;
use crate::tests::{AGENT, ROLE, holder};
use crate::{
    ClaimedExact, MemoryHold, NumaNodeId, NumaNodeMemory, PAGE_BYTES, Placement, PoolShare, Reason, Refreshed, Request,
    Snapshot, Taken,
};

/// An exact claim, said so that it means something on every machine.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Which of the free PUs.
    pus: u64,
    /// Of which pool, and how much.
    share: Option<(usize, u32)>,
    /// Pages of each NUMA node; `None` for one that is not used.
    pages: Vec<Option<u64>>,
    hold: MemoryHold,
}

pub(super) fn chosen() -> impl Strategy<Value = Chosen> {
    let hold = prop_oneof![Just(MemoryHold::Held), Just(MemoryHold::Loose), Just(MemoryHold::Strict)];
    let pages = prop_oneof![3 => Just(None), 1 => (0..12_u64).prop_map(Some)];
    let share = proptest::option::weighted(0.3, (any::<usize>(), 0..5000_u32));
    (any::<u64>(), any::<u64>(), share, vec(pages, 0..5), hold).prop_map(|(these, those, share, pages, hold)| Chosen {
        pus: these & those,
        share,
        pages,
        hold,
    })
}

impl World {
    pub(super) fn snapshot(&self) -> Snapshot<&crate::Table> {
        let mut snapshot = Snapshot::new(&self.table);
        assert_eq!(snapshot.refresh(), Refreshed::Whole, "nobody else is there");
        snapshot
    }

    /// Claims what is free by the oracle; it is kept to be claimed again when it is stale.
    pub(super) fn claim_chosen(&mut self, chosen: &Chosen) {
        let free = self.oracle.free();
        let pus = (0..).zip(free).filter(|(at, _)| chosen.pus >> (at % 64) & 1 == 1);
        let pools = self.table.usage(AGENT).unwrap().pools;
        let share =
            chosen.share.map(|(at, cpu_milli)| PoolShare { numa_node: pools[at % pools.len()].numa_node, cpu_milli });
        let numa_nodes = (0..).map(NumaNodeId::new).zip(&chosen.pages).take(self.spec.numa_nodes.len());
        let memory = numa_nodes.filter_map(|(numa_node, pages)| {
            pages.map(|pages| NumaNodeMemory { numa_node, mem_bytes: pages * PAGE_BYTES })
        });
        let placement = Placement {
            pus: pus.map(|(_, pu)| crate::PuId::new(pu)).collect(),
            pools: share.into_iter().filter(|share| share.cpu_milli > 0).collect(),
            memory: memory.collect(),
            memory_hold: chosen.hold,
            ..Placement::default()
        };
        self.claim_exact(&placement);
        self.stale = Some(placement);
    }

    /// Plans on a snapshot and claims what was planned.
    pub(super) fn claim_planned(&mut self, request: &Request) {
        let planned = self.snapshot().plan(AGENT, request);
        let Ok(placement) = planned else { return };
        self.oracle.check_grant(request, &placement);
        assert!(self.claim_exact(&placement), "it is as planned");
        self.stale = Some(placement);
    }

    /// Claims what was chosen some calls ago.
    pub(super) fn claim_stale(&mut self) {
        if let Some(placement) = self.stale.clone() {
            self.claim_exact(&placement);
        }
    }

    /// Tells whether it was granted.
    fn claim_exact(&mut self, placement: &Placement) -> bool {
        let has = self.oracle.has(placement);
        let used = self.table.role_used(ROLE);
        let claimed = self.table.claim_exact(AGENT, 1, holder(1), placement);
        match claimed {
            ClaimedExact::Granted(grant) => {
                assert!(has, "granted what is not free: {placement:?}");
                let got = self.table.placement(grant.claim).unwrap();
                assert_eq!((&got.pus, &got.pools, &got.memory), (&placement.pus, &placement.pools, &placement.memory));
                self.granted(None, grant);
                return true;
            }
            ClaimedExact::Taken(taken) => {
                assert!(!has, "{taken} of {placement:?}");
                if let Taken::Pu(pu) = taken {
                    assert!(placement.all_pus().contains(&pu) && !self.oracle.free().contains(&pu.get()));
                }
            }
            ClaimedExact::Refused(no) => assert!(matches!(no.reason, Reason::Invalid(_)), "{no}"),
            ClaimedExact::Stale { .. } | ClaimedExact::Contended(_) => panic!("nobody else is there"),
        }
        assert_eq!(self.table.role_used(ROLE), used);
        false
    }

    /// A snapshot says of the agent what the table says.
    pub(super) fn check_snapshot(&self) {
        let (snapshot, usage) = (self.snapshot(), self.table.usage(AGENT).unwrap());
        let agent = snapshot.agent(AGENT).unwrap();
        assert_eq!(agent.free_pus().map(crate::PuId::get).collect::<BTreeSet<_>>(), self.oracle.free());
        assert_eq!(agent.leaves().map(|leaf| leaf.pus).sum::<u32>(), usage.pus_free);
        assert!(agent.memory().eq(usage.memory) && agent.pools().eq(usage.pools));
    }
}
