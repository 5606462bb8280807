//! Exact claims and snapshots against the oracle.

use std::collections::BTreeSet;

use super::super::machines::{AGENT, ROLE};
use super::super::wish::Chosen;
use super::World;
use meros_alloc_core::{
    ClaimedExact, NumaNodeId, NumaNodeMemory, PAGE_BYTES, Placement, PoolShare, PuId, Reason, Refreshed, Request,
    Snapshot, Table, Taken,
};

impl World {
    pub(super) fn snapshot(&self) -> Snapshot<&Table> {
        let mut snapshot = Snapshot::new(&self.table);
        assert_eq!(snapshot.refresh(), Refreshed::Whole, "nobody else is there");
        snapshot
    }

    /// Claims what is free by the oracle; it is kept to be claimed again when it is stale.
    pub(super) fn claim_chosen(&mut self, chosen: &Chosen) -> bool {
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
            pus: pus.map(|(_, pu)| PuId::new(pu)).collect(),
            pools: share.into_iter().filter(|share| share.cpu_milli > 0).collect(),
            memory: memory.collect(),
            memory_hold: chosen.hold,
            ..Placement::default()
        };
        let incarnation = self.table.incarnation(AGENT).unwrap();
        let claimed = self.claim_exact(incarnation, &placement);
        self.chosen = Some((incarnation, placement));
        matches!(claimed, ClaimedExact::Granted(_))
    }

    /// Plans on a snapshot and claims what was planned.
    pub(super) fn claim_planned(&mut self, request: &Request) -> bool {
        let planned = self.snapshot().plan(AGENT, request);
        let Ok(placement) = planned else { return false };
        self.oracle.check_grant(request, &placement);
        self.oracle.check_wishes(request, &placement, &self.oracle.stuff());
        let incarnation = self.table.incarnation(AGENT).unwrap();
        let claimed = self.claim_exact(incarnation, &placement);
        self.chosen = Some((incarnation, placement));
        match claimed {
            ClaimedExact::Granted(_) => true,
            ClaimedExact::Refused(no) if self.refused_for_other_reasons(no.reason) => false,
            other => panic!("it is as planned: {other:?}"),
        }
    }

    /// Claims what was chosen some calls ago.
    pub(super) fn claim_stale(&mut self) -> bool {
        let Some((incarnation, placement)) = self.chosen.clone() else { return false };
        matches!(self.claim_exact(incarnation, &placement), ClaimedExact::Granted(_))
    }

    fn claim_exact(&mut self, of: u32, placement: &Placement) -> ClaimedExact {
        let has = self.oracle.has(placement);
        let (used, incarnation) = (self.table.role_used(ROLE), self.table.incarnation(AGENT));
        let claimed = self.table.claim_exact(AGENT, of, self.me(), placement);
        assert_eq!(matches!(claimed, ClaimedExact::Stale { .. }), incarnation != Some(of));
        match claimed {
            ClaimedExact::Granted(grant) => {
                assert!(has, "granted what is not free: {placement:?}");
                let got = self.table.placement(grant.claim).unwrap();
                assert_eq!((&got.pus, &got.pools, &got.memory), (&placement.pus, &placement.pools, &placement.memory));
                self.granted(None, grant);
                return claimed;
            }
            ClaimedExact::Taken(taken) => {
                assert!(!has, "{taken} of {placement:?}");
                if let Taken::Pu(pu) = taken {
                    assert!(placement.all_pus().contains(&pu) && !self.oracle.free().contains(&pu.get()));
                }
            }
            ClaimedExact::Refused(no) => {
                let invalid = matches!(no.reason, Reason::Invalid(_));
                assert!(invalid || self.refused_for_other_reasons(no.reason), "{no}");
            }
            ClaimedExact::Stale { incarnation: is } => assert_eq!(is, incarnation),
            ClaimedExact::Contended(_) => panic!("nobody else is there"),
        }
        assert_eq!(self.table.role_used(ROLE), used);
        claimed
    }

    /// A snapshot says of the agent what the table says.
    pub(super) fn check_snapshot(&self) {
        let (snapshot, usage) = (self.snapshot(), self.table.usage(AGENT).unwrap());
        let agent = snapshot.agent(AGENT).unwrap();
        assert_eq!(agent.free_pus().map(PuId::get).collect::<BTreeSet<_>>(), self.oracle.free());
        assert_eq!(agent.leaves().map(|leaf| leaf.pus).sum::<u32>(), usage.pus_free);
        assert!(agent.memory().eq(usage.memory) && agent.pools().eq(usage.pools));
    }
}
