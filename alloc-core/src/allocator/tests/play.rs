//! A cluster in which anything happens, by numbers: for tests that compare two runs.

use super::{Cluster, GIB};
use crate::allocator::{Claimant, Operation, RoleSpec, Rules};
use crate::{AgentId, AgentState, ClaimId, FrameworkId, Owner, Policy, Request, RoleId};

/// Numbers that look random and are the same each time (xorshift, Marsaglia 2003).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// What is done, and numbers to choose by.
pub(crate) type Step = (u64, u64, u64);

pub(crate) fn step(dice: &mut Dice) -> Step {
    (dice.roll(20), dice.roll(1 << 20), dice.roll(1 << 20))
}

pub(crate) struct Play {
    pub(crate) cluster: Cluster,
    roles: Vec<RoleId>,
    frameworks: Vec<(FrameworkId, RoleId)>,
    claims: Vec<(ClaimId, Owner)>,
    /// All that was told, as it was told.
    pub(crate) told: Vec<String>,
}

impl Play {
    pub(crate) fn new(rules: Rules) -> Self {
        let mut cluster = Cluster::with_rules(rules);
        for at in 1..=6_u32 {
            cluster.agent(at as usize, u64::from(2 * at));
        }
        let top = [cluster.role(), cluster.role()];
        let below = RoleSpec { parent: Some(top[0]), weight_milli: 2_500, ..RoleSpec::default() };
        let roles = vec![top[0], top[1], cluster.allocator.add_role(below).unwrap()];
        let frameworks: Vec<_> = (0..6).map(|id| (FrameworkId::new(id), roles[id as usize % 3])).collect();
        for (id, role) in &frameworks {
            cluster.framework(id.get(), *role);
        }
        Self { cluster, roles, frameworks, claims: Vec::new(), told: Vec::new() }
    }

    /// A cycle; all that it tells.
    pub(crate) fn cycle(&mut self) {
        let now_ms = self.cluster.now_ms;
        let (told, out) = (&mut self.told, &mut self.cluster.out);
        self.cluster.allocator.offer(now_ms, |offer| {
            told.push(format!("{now_ms} {offer:?}"));
            out.insert(offer.id, (offer.framework, offer.role, offer.agent.id()));
        });
        self.cluster.forget_ended();
        for event in self.cluster.events() {
            told.push(format!("{now_ms} {event:?}"));
        }
    }

    pub(crate) fn act(&mut self, (what, one, other): Step) {
        let nth = |len: usize| usize::try_from(one).unwrap() % len;
        let (framework, role) = self.frameworks[nth(self.frameworks.len())];
        let agent = AgentId::new(u32::try_from(one % 6).unwrap());
        let now_ms = self.cluster.now_ms;
        let allocator = &mut self.cluster.allocator;
        match what {
            0..8 => return self.answer(nth(64), what, other),
            8 | 9 if !self.claims.is_empty() => {
                let (claim, owner) = self.claims.swap_remove(nth(self.claims.len()));
                let _ = allocator.release(claim, owner);
            }
            10 => allocator.suppress(framework, role).unwrap(),
            11 | 16 | 17 => allocator.revive(framework, role).unwrap(),
            12 if other % 3 == 0 => allocator.deactivate(framework).unwrap(),
            12 | 18 => allocator.activate(framework).unwrap(),
            13 => {
                let state = if other % 3 == 0 { AgentState::Inactive } else { AgentState::Active };
                allocator.set_agent_state(agent, state).unwrap();
            }
            14 => {
                let claimant = Claimant { owner: Owner::new(1 << 40 | other), role, framework: None };
                let request = Request::exclusive(1 + u32::try_from(other % 3).unwrap(), GIB);
                allocator.wait(claimant, request, Policy::Pack, now_ms).unwrap();
            }
            _ => allocator.set_weight(self.roles[nth(3)], 500 + u32::try_from(other % 4_000).unwrap()).unwrap(),
        }
        self.cluster.forget_ended();
    }

    fn answer(&mut self, at: usize, what: u64, by: u64) {
        let out: Vec<_> = self.cluster.out.iter().map(|(offer, (of, ..))| (*offer, *of)).collect();
        let Some(&(offer, framework)) = out.get(at.checked_rem(out.len()).unwrap_or(0)) else { return };
        self.cluster.out.remove(&offer);
        let refuse_ms = [0, 50, 700, 5_000][by as usize % 4];
        let now_ms = self.cluster.now_ms;
        if what < 4 {
            assert_eq!(self.cluster.allocator.decline(framework, &[offer], Some(refuse_ms), now_ms), 0);
            return;
        }
        let owner = Owner::new(by << 8 | what);
        let launch = Operation::Launch { owner, request: Request::exclusive(1 + u32::try_from(by % 2).unwrap(), GIB) };
        let accepted = self.cluster.allocator.accept(framework, &[offer], &[launch], Some(refuse_ms), now_ms).unwrap();
        self.told.push(format!("{now_ms} {accepted:?}"));
        self.claims.extend(accepted.outcomes[0].granted().map(|grant| (grant.claim, owner)));
    }
}
