//! Whatever is done, everything adds up, and what was reserved is there until somebody unreserves it.

use proptest::prelude::*;

use super::{Cluster, amounts, launch, reserve};
use crate::allocator::{Operation, ReservationKind};
use crate::{AgentId, Request, RoleId};

#[derive(Clone, Debug)]
enum Step {
    Reserve { agent: u32, role: usize, cpus: u64 },
    Refine { pick: usize, role: usize, cpus: u64 },
    Unreserve { pick: usize },
    Accept { pick: usize, operations: Vec<(u8, u64)> },
    Decline { pick: usize, refuse_ms: u64 },
    End { pick: usize },
    Resize { pick: usize, cpus: u32 },
    Wait { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u32..3, 0_usize..4, 1_u64..4).prop_map(|(agent, role, cpus)| Step::Reserve { agent, role, cpus }),
        (0_usize..8, 0_usize..4, 1_u64..3).prop_map(|(pick, role, cpus)| Step::Refine { pick, role, cpus }),
        (0_usize..8).prop_map(|pick| Step::Unreserve { pick }),
        (0_usize..8, proptest::collection::vec((0_u8..6, 1_u64..4), 0..4))
            .prop_map(|(pick, operations)| Step::Accept { pick, operations }),
        (0_usize..8, 0_u64..3_000).prop_map(|(pick, refuse_ms)| Step::Decline { pick, refuse_ms }),
        (0_usize..8).prop_map(|pick| Step::End { pick }),
        (0_usize..8, 1_u32..5).prop_map(|(pick, cpus)| Step::Resize { pick, cpus }),
        (1_u64..3_000).prop_map(|ms| Step::Wait { ms }),
    ];
    proptest::collection::vec(step, 1..60)
}

struct Play {
    cluster: Cluster,
    roles: Vec<RoleId>,
}

impl Play {
    fn new() -> Self {
        let mut cluster = Cluster::new();
        cluster.agents(3, 6, 6);
        let top = cluster.role();
        let middle = cluster.role_below(top);
        let roles = vec![top, middle, cluster.role_below(middle), cluster.role()];
        for (at, role) in (1..).zip(&roles) {
            cluster.framework(at, *role);
        }
        Self { cluster, roles }
    }

    fn reservation(&self, pick: usize) -> Option<crate::allocator::ReservationId> {
        let all: Vec<_> = (0..3).flat_map(|agent| self.cluster.allocator.reservations(AgentId::new(agent))).collect();
        (!all.is_empty()).then(|| all[pick % all.len()].id)
    }

    /// All that is reserved, in CPUs.
    fn reserved(&self) -> u64 {
        let all = (0..3).flat_map(|agent| self.cluster.allocator.reservations(AgentId::new(agent)));
        all.map(|view| self.cluster.cpus_of(view.id)).sum()
    }

    fn accept(&mut self, pick: usize, operations: &[(u8, u64)]) {
        let Some(offer) = self.cluster.out.keys().copied().nth(pick % self.cluster.out.len().max(1)) else { return };
        let (framework, role, agent) = self.cluster.out[&offer];
        let with = self.cluster.out.iter().filter(|(_, of)| **of == (framework, role, agent)).map(|(offer, _)| *offer);
        let offers: Vec<_> = with.collect();
        let of = offers.iter().find_map(|offer| self.cluster.allocator.offer_view(*offer)?.reservation);
        let operations: Vec<Operation> = operations
            .iter()
            .map(|&(kind, cpus)| match (kind, of) {
                (0, _) => reserve(role, cpus, cpus),
                (1, Some(of)) => Operation::Unreserve { reservation: of, amounts: amounts(cpus, 0) },
                (2, Some(of)) => Operation::Unreserve { reservation: of, amounts: vec![] },
                (3, Some(of)) => Operation::Reserve { role, of: Some(of), amounts: amounts(cpus, 1), tag: 0 },
                _ => launch(u32::try_from(cpus).unwrap(), 1),
            })
            .collect();
        self.cluster.accept_with(&offers, &operations, 500).expect("they are of one agent and role");
    }

    fn claim(&mut self, pick: usize) -> Option<usize> {
        let count = self.cluster.launched.len();
        (count > 0).then(|| pick % count)
    }

    /// Whether what is reserved may change by it.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Reserve { agent, role, cpus } => {
                let (agent, role) = (AgentId::new(*agent), self.roles[*role]);
                let _made =
                    self.cluster.allocator.reserve(agent, role, &amounts(*cpus, 1), ReservationKind::Dynamic, 0);
                return true;
            }
            Step::Refine { pick, role, cpus } => {
                if let Some(id) = self.reservation(*pick) {
                    let _refined = self.cluster.allocator.refine(id, self.roles[*role], &amounts(*cpus, 0), 0);
                }
            }
            Step::Unreserve { pick } => {
                if let Some(id) = self.reservation(*pick) {
                    self.cluster.allocator.unreserve(id).unwrap();
                }
                return true;
            }
            Step::Accept { pick, operations } => {
                self.accept(*pick, operations);
                return operations.iter().any(|(kind, _)| *kind < 3);
            }
            Step::Decline { pick, refuse_ms } => {
                if let Some(offer) = self.cluster.out.keys().copied().nth(*pick) {
                    self.cluster.decline(offer, *refuse_ms);
                }
            }
            Step::End { pick } => {
                if let Some(at) = self.claim(*pick) {
                    let (claim, owner) = self.cluster.launched.swap_remove(at);
                    let _released = self.cluster.allocator.release(claim, owner);
                }
            }
            Step::Resize { pick, cpus } => {
                if let Some(at) = self.claim(*pick) {
                    let (claim, owner) = self.cluster.launched[at];
                    let _resized = self.cluster.allocator.resize(claim, owner, &Request::exclusive(*cpus, 1 << 30));
                }
            }
            Step::Wait { ms } => {
                self.cluster.after(*ms);
            }
        }
        false
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn everything_adds_up_and_nothing_reserved_is_lost(steps in steps()) {
        let mut play = Play::new();
        for step in &steps {
            let before = play.reserved();
            let may_change = play.step(step);
            play.cluster.forget_ended();
            play.cluster.check();
            prop_assert!(may_change || play.reserved() == before, "{step:?}: {before}, now {}", play.reserved());
        }
    }
}
