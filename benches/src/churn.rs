//! Churn: pods come and go at full speed.

use std::time::Instant;

use meros_alloc_core::{
    AgentId, ClaimId, Holder, Local, Outcome, Owner, Placed, Policy, Released, Request, RoleId, Table,
};

use crate::cluster::{Cluster, pod};
use crate::random::Random;

const BATCH: usize = 64;

/// One thread with its claims.
#[derive(Debug)]
pub struct Churn<'a> {
    local: Local<&'a Table>,
    role: RoleId,
    claims: Vec<(ClaimId, Owner)>,
    rng: Random,
    request: Request,
    /// Placements that were refused.
    pub refused: u64,
    /// Claims that others were in the way of.
    pub contended: u64,
}

impl<'a> Churn<'a> {
    /// A thread that starts with these claims, its home shard by its number.
    #[must_use]
    pub fn new(cluster: &'a Cluster, claims: Vec<(ClaimId, Owner)>, thread: usize) -> Option<Self> {
        let local = Local::new(&cluster.table, thread).ok()?;
        let rng = Random::new(5 + thread as u64);
        Some(Self { local, role: cluster.role, claims, rng, request: pod(4), refused: 0, contended: 0 })
    }

    fn placed(&mut self, placed: Placed, owner: Owner) {
        match placed {
            Placed::Granted(grant) => self.claims.push((grant.claim, owner)),
            Placed::Refused(_) => self.refused += 1,
            Placed::Contended { .. } => self.contended += 1,
        }
    }

    /// Places, and releases what was placed.
    pub fn pairs(&mut self, policy: Policy, pairs: usize) {
        let holder = Holder { owner: Owner::new(1), role: self.role };
        for _ in 0..pairs {
            match self.local.place(holder, &self.request, policy) {
                Placed::Granted(grant) => assert_released(self.local.release(grant.claim, holder.owner)),
                Placed::Refused(_) => self.refused += 1,
                Placed::Contended { .. } => self.contended += 1,
            }
        }
    }

    /// Releases a random claim and places another, one by one. Which ones is drawn 64 at a time; the table is told of one.
    pub fn one(&mut self, pairs: usize) {
        let mut drawn = Vec::with_capacity(BATCH);
        for _ in 0..pairs / BATCH {
            drawn.clear();
            self.draw(&mut drawn);
            drawn.iter().for_each(|drawn| self.exchange(*drawn));
        }
    }

    fn exchange(&mut self, (claim, owner): (ClaimId, Owner)) {
        assert_released(self.local.release(claim, owner));
        let placed = self.local.place(Holder { owner, role: self.role }, &self.request, Policy::Pack);
        self.placed(placed, owner);
    }

    /// Takes random claims out. All are looked at before the first is taken out, so that waiting for one goes on beside waiting for
    /// the others: what is measured is not how they are drawn.
    fn draw(&mut self, drawn: &mut Vec<(ClaimId, Owner)>) {
        let picks: [usize; BATCH] = core::array::from_fn(|taken| self.rng.below(self.claims.len() - taken));
        let seen = picks.iter().fold(0, |seen, &at| seen ^ self.claims[at].0.as_u64());
        std::hint::black_box(seen);
        drawn.extend(picks.map(|at| self.claims.swap_remove(at)));
    }

    /// Releases random claims and places others, 64 at a time.
    pub fn batch(&mut self, pairs: usize) {
        let mut released = Vec::with_capacity(BATCH);
        let mut holders = Vec::with_capacity(BATCH);
        for _ in 0..pairs / BATCH {
            released.clear();
            holders.clear();
            self.draw(&mut released);
            holders.extend(released.iter().map(|&(_, owner)| Holder { owner, role: self.role }));
            self.local.release_many(&released, |_, released| assert_released(released));
            let (claims, refused, contended) = (&mut self.claims, &mut self.refused, &mut self.contended);
            self.local.place_many(&holders, &self.request, Policy::Pack, |at, placed| match placed {
                Placed::Granted(grant) => claims.push((grant.claim, holders[at].owner)),
                Placed::Refused(_) => *refused += 1,
                Placed::Contended { .. } => *contended += 1,
            });
        }
    }

    /// Claims on one agent and releases.
    pub fn agent(&mut self, agent: AgentId, pairs: usize) {
        let holder = Holder { owner: Owner::new(1), role: self.role };
        for _ in 0..pairs {
            match self.local.claim(agent, holder, &self.request) {
                Outcome::Granted(grant) => assert_released(self.local.release(grant.claim, holder.owner)),
                Outcome::Refused(_) => self.refused += 1,
                Outcome::Contended(_) => self.contended += 1,
            }
        }
    }

    /// How long single pairs of a release and a placement took, in nanoseconds, clock included.
    pub fn latency(&mut self, pairs: usize) -> Vec<u64> {
        let mut drawn = Vec::with_capacity(BATCH);
        let mut took = Vec::with_capacity(pairs);
        for _ in 0..pairs / BATCH {
            drawn.clear();
            self.draw(&mut drawn);
            for pair in &drawn {
                #[expect(clippy::disallowed_methods, reason = "the time of a single pair is what is measured")]
                let start = Instant::now();
                self.exchange(*pair);
                took.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
            }
        }
        took
    }
}

fn assert_released(released: Released) {
    assert!(matches!(released, Released::Released { .. }), "a live claim of ours: {released:?}");
}
