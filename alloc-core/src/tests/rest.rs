//! Checkers for a table at rest, whatever threads did to it before: conservation, no double claim, owners exact, nothing hidden.
//!
//! The table's claims are handed to an [`Oracle`] per agent; from then on the oracle says what must fit.

use std::collections::{BTreeMap, BTreeSet};

use super::machines::{ROLE, holder};
use super::oracle::{Fit, Known, Oracle};
use super::wish;
use meros_alloc_core::{
    AgentId, AgentState, ClaimId, Confirmed, Limit, Outcome, Owner, Placed, Policy, Quantities, Reason, Released,
    Request, ShapeSpec, Table, Unplaced,
};

/// A table at rest.
pub(super) struct Rest<'a> {
    pub(super) table: &'a Table,
    /// The agents that are there, and what they are.
    pub(super) agents: Vec<(AgentId, ShapeSpec)>,
    pub(super) limit: Limit,
}

impl Rest<'_> {
    /// Checks all; `live` are the claims that their owners believe to have.
    pub(super) fn check(&self, live: &BTreeMap<ClaimId, u64>, probes: &[Request]) {
        self.table.validate().unwrap();
        self.check_owners(live);
        self.confirm();
        self.check_figures();
        for request in probes.iter().filter(|request| wish::can_be_meant(request)) {
            self.probe(request);
        }
        self.table.validate().unwrap();
        self.release(live);
    }

    /// Every claim is somebody's, and nobody's is missing.
    fn check_owners(&self, live: &BTreeMap<ClaimId, u64>) {
        let there: BTreeMap<ClaimId, u64> =
            self.table.claims().map(|claim| (claim, self.table.holder(claim).unwrap().owner.get())).collect();
        assert_eq!(&there, live);
    }

    /// The agents shrink their pools as they are told.
    fn confirm(&self) {
        for (agent, _) in &self.agents {
            let _changed = self.table.trim_pools(*agent);
            for order in self.table.pool_orders(*agent) {
                let confirmed = self.table.confirm_pool(*agent, order.numa_node, order.epoch);
                assert!(matches!(confirmed, Confirmed::Freed { .. }), "{confirmed:?}");
            }
        }
    }

    /// What the claims on an agent come to. Panics when two hold the same.
    fn oracle(&self, (agent, spec): &(AgentId, ShapeSpec)) -> Oracle {
        let mut oracle = Oracle::new(spec.clone());
        for claim in self.table.claims_on(*agent) {
            let placement = self.table.placement(claim).unwrap();
            let free = oracle.free();
            assert!(placement.all_pus().iter().all(|pu| free.contains(&pu.get())), "{claim:?} holds what another does");
            let owner = self.table.holder(claim).unwrap().owner.get();
            oracle.claims.insert(claim.as_u64(), Known { owner, role: ROLE, placement });
        }
        oracle.follow_pools(&self.table.pool_orders(*agent), &BTreeSet::new());
        oracle
    }

    fn charged(&self) -> Quantities {
        let claims = self.agents.iter().flat_map(|agent| self.oracle(agent).claims.into_values());
        claims.fold(Quantities::default(), |sum, known| sum.checked_add(known.placement.quantities()).unwrap())
    }

    /// What is free is what the claims leave.
    fn check_figures(&self) {
        for agent in &self.agents {
            let (oracle, usage) = (self.oracle(agent), self.table.usage(agent.0).unwrap());
            let counts = (oracle.free().len(), oracle.pooled.len(), 0);
            assert_eq!((usage.pus_free as usize, usage.pus_pool as usize, usage.pus_leaving), counts);
            for (at, memory) in usage.memory.iter().enumerate() {
                assert_eq!(memory.free_bytes, oracle.bytes_free(at));
            }
            oracle.stuff().check_usage(&usage.extras);
        }
        assert_eq!(self.table.role_used(ROLE), Some(self.charged()));
    }

    /// Nothing is hidden: what fits is granted, agent by agent and by place; and nothing else is.
    fn probe(&self, request: &Request) {
        let mut fits_somewhere = false;
        let mut all_exact = true;
        for agent in &self.agents {
            let oracle = self.oracle(agent);
            let (fits, exact) = (oracle.fits(request), oracle.is_exact(request));
            let open = self.table.state(agent.0) == Some(AgentState::Active);
            match self.table.claim(agent.0, holder(77), request) {
                Outcome::Granted(grant) => {
                    assert!(fits != Fit::No && open, "granted what does not fit");
                    let placement = self.table.placement(grant.claim).unwrap();
                    oracle.check_grant(request, &placement);
                    oracle.check_wishes(request, &placement, &oracle.stuff());
                    self.give_back(grant.claim);
                }
                Outcome::Refused(no) if self.is_over_limit(no.reason) => return,
                Outcome::Refused(no) => {
                    assert!(fits != Fit::Yes || !exact || !open, "hidden: {request:?}, {no}, but {oracle:?}");
                }
                Outcome::Contended(_) => panic!("nobody else is there"),
            }
            fits_somewhere |= fits != Fit::No && open;
            all_exact &= exact && fits != Fit::Unsure;
        }
        for policy in [Policy::Pack, Policy::Spread, Policy::FragmentationAware] {
            match self.table.place(holder(77), request, policy) {
                Placed::Granted(grant) => {
                    assert!(fits_somewhere, "placed what fits nowhere");
                    self.give_back(grant.claim);
                }
                Placed::Refused(Unplaced::Role(reason)) => assert!(self.is_over_limit(reason), "{reason:?}"),
                Placed::Refused(no) => assert!(!fits_somewhere || !all_exact, "hidden from place: {request:?}, {no:?}"),
                Placed::Contended { .. } => panic!("nobody else is there"),
            }
        }
    }

    /// Whether a refusal is for the role's limit, and the limit is indeed used up.
    fn is_over_limit(&self, reason: Reason) -> bool {
        let Reason::RoleLimit(over) = reason else { return false };
        let (used, limit) = (self.charged(), self.limit);
        let cpus = limit.cpu_milli == Some(over.limit) && used.cpu_milli == over.used;
        let memory = limit.mem_bytes == Some(over.limit) && used.mem_bytes == over.used;
        assert!((cpus || memory) && over.used + over.asked > over.limit, "{over:?}, but {used:?} of {limit:?}");
        true
    }

    fn give_back(&self, claim: ClaimId) {
        assert!(matches!(self.table.release(claim, Owner::new(77)), Released::Released { .. }));
        self.confirm();
    }

    /// All go home: then everything is free.
    fn release(&self, live: &BTreeMap<ClaimId, u64>) {
        for (claim, owner) in live {
            let released = self.table.release(*claim, Owner::new(*owner));
            assert!(matches!(released, Released::Released { .. }), "{released:?}");
        }
        self.confirm();
        self.check_figures();
        assert_eq!((self.table.claims().count(), self.table.role_used(ROLE)), (0, Some(Quantities::default())));
        for (agent, spec) in &self.agents {
            let pus: u32 = spec.cores.iter().map(|core| u32::from(core.pus)).sum();
            assert_eq!(self.table.usage(*agent).unwrap().pus_free, pus);
        }
        self.table.validate().unwrap();
    }
}
