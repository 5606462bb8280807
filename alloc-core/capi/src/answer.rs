//! Answer: the details of what came of a claim, a placement or a release; one struct for all of them.

use meros_alloc_core as alloc;

use crate::codes::{NO_CLAIM, NONE, Reason, Resource, of_reason, of_resource, of_wanted};
use crate::gang::NotGanged;
use crate::merge::NotMerged;
use crate::pointer::plain;
use crate::shape::of_numa_node;
use crate::status::{Answered, No, Status};

/// What came of a call on claims. Written whole, whatever came of it, unless an argument was invalid.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    /// The new claim's id; `MEROS_NO_CLAIM` when there is none. Every number is safe to hand to any function.
    pub claim: u64,
    /// CPU that the role was charged or refunded, in thousandths of a PU.
    pub cpu_milli: u64,
    /// Memory that the role was charged or refunded, in bytes.
    pub mem_bytes: u64,
    /// With `MEROS_NOT_OWNER`: whose the claim is.
    pub owner: u64,
    /// Of a refusal, in the unit of `what`: how much was asked.
    pub asked: u64,
    /// How much is free on the agent (in the parent, for a split; in the role's limit).
    pub free: u64,
    /// The most that is free and of use to the request in one place.
    pub best: u64,
    /// The same on the empty machine (the role's limit).
    pub machine: u64,
    /// A meros_status, as the call returns it.
    pub status: u32,
    /// The agent; `MEROS_NONE` when it is about none.
    pub agent: u32,
    /// 1 when pools of `agent` gained or lost cores, also when nothing was granted: read meros_pool_orders.
    pub pools_changed: u32,
    /// A meros_reason.
    pub reason: u32,
    /// A meros_resource: what the figures count.
    pub what: u32,
    /// 1 when waiting cannot help.
    pub permanent: u32,
    /// PUs in the agent's pools.
    pub pool_pus: u32,
    /// PUs that left pools and wait for the agent's confirmation.
    pub leaving_pus: u32,
    /// Which of `what`: its kind or name, `MEROS_NONE` where it has none; with `MEROS_REASON_TAKEN` the PU, or the NUMA node of the
    /// pool or the memory.
    pub which: u32,
    /// 0.
    pub reserved: [u32; 7],
}

plain!(Answer);
const _: () = assert!(size_of::<Answer>() == 128);

/// What is written and what is returned.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) answered: Answered,
}

impl Told {
    fn new(answer: Answer, answered: Answered) -> Self {
        let status = answered.as_ref().err().map_or(Status::Ok, No::status) as u32;
        Self { answer: Answer { status, ..answer }, answered }
    }

    pub(crate) fn no(agent: Option<alloc::AgentId>, pools_changed: bool, no: No) -> Self {
        let agent = agent.map_or(NONE, alloc::AgentId::get);
        let pools_changed = pools_changed.into();
        Self::new(Answer { claim: NO_CLAIM, agent, pools_changed, ..Answer::default() }, Err(no))
    }

    fn yes(claim: alloc::ClaimId, quantities: alloc::Quantities, pools_changed: bool) -> Self {
        let alloc::Quantities { cpu_milli, mem_bytes } = quantities;
        let (agent, pools_changed) = (claim.agent().get(), pools_changed.into());
        Self::new(
            Answer { claim: claim.as_u64(), cpu_milli, mem_bytes, agent, pools_changed, ..Answer::default() },
            Ok(()),
        )
    }

    pub(crate) fn granted(grant: alloc::Grant) -> Self {
        Self::yes(grant.claim, grant.charged, grant.pools_changed)
    }

    pub(crate) fn outcome(agent: alloc::AgentId, outcome: alloc::Outcome) -> Self {
        match outcome {
            alloc::Outcome::Granted(grant) => Self::granted(grant),
            alloc::Outcome::Refused(refusal) => Self::refused(refusal.agent, refusal.reason, No::Refused(refusal)),
            alloc::Outcome::Contended(contended) => Self::no(Some(agent), contended.pools_changed, No::Contended),
        }
    }

    pub(crate) fn placed(placed: alloc::Placed) -> Self {
        match placed {
            alloc::Placed::Granted(grant) => Self::granted(grant),
            alloc::Placed::Contended { pools_changed } => {
                Self::no(pools_changed, pools_changed.is_some(), No::Contended)
            }
            alloc::Placed::Refused(unplaced) => Self::unplaced(unplaced),
        }
    }

    fn unplaced(unplaced: alloc::Unplaced) -> Self {
        let reason = match unplaced {
            alloc::Unplaced::Invalid(_) => Reason::Invalid,
            alloc::Unplaced::NoAgent => Reason::NoAgent,
            alloc::Unplaced::NoSuchGroup(_) => Reason::Invalid,
            alloc::Unplaced::Role(reason) => {
                return Self::refused_anywhere(reason, No::Unplaced(unplaced));
            }
        };
        let mut told = Self::no(None, false, No::Unplaced(unplaced));
        told.answer.reason = reason as u32;
        told.answer.permanent = u32::from(matches!(reason, Reason::Invalid));
        told
    }

    fn refused(agent: alloc::AgentId, reason: alloc::Reason, no: No) -> Self {
        let mut told = Self::no(Some(agent), false, no);
        let answer = &mut told.answer;
        answer.reason = of_reason(&reason) as u32;
        answer.permanent = reason.is_permanent().into();
        match reason {
            alloc::Reason::LargerThanMachine(shortage)
            | alloc::Reason::Busy(shortage)
            | alloc::Reason::CoresLeaving(shortage)
            | alloc::Reason::StrictMemory(shortage) => answer.shortage(&shortage),
            alloc::Reason::RoleLimit(over) => answer.over_limit(&over),
            alloc::Reason::NotOwner { owner } => answer.owner = owner.get(),
            _ => {}
        }
        told
    }

    /// A no that is about no agent.
    fn refused_anywhere(reason: alloc::Reason, no: No) -> Self {
        let told = Self::refused(alloc::AgentId::new(0), reason, no);
        Self { answer: Answer { agent: NONE, ..told.answer }, ..told }
    }

    pub(crate) fn released(claim: alloc::ClaimId, released: alloc::Released) -> Self {
        match released {
            alloc::Released::Released { refunded, pools_changed } => Self::yes(claim, refunded, pools_changed),
            alloc::Released::Gone => Self::of_claim(claim, No::UnknownClaim(claim)),
            alloc::Released::NotOwner { owner } => Self::of_claim(claim, No::NotOwner(owner)),
            alloc::Released::Contended => Self::of_claim(claim, No::Contended),
        }
    }

    pub(crate) fn transferred(claim: alloc::ClaimId, transferred: alloc::Transferred) -> Self {
        match transferred {
            alloc::Transferred::Transferred => Self::yes(claim, alloc::Quantities::default(), false),
            alloc::Transferred::Gone => Self::of_claim(claim, No::UnknownClaim(claim)),
            alloc::Transferred::NotOwner { owner } => Self::of_claim(claim, No::NotOwner(owner)),
            alloc::Transferred::Contended => Self::of_claim(claim, No::Contended),
        }
    }

    fn of_claim(claim: alloc::ClaimId, no: No) -> Self {
        let mut told = Self::no(Some(claim.agent()), false, no);
        if let No::NotOwner(owner) = no {
            (told.answer.owner, told.answer.reason) = (owner.get(), Reason::NotOwner as u32);
        }
        told
    }

    pub(crate) fn merged(into: alloc::ClaimId, merged: alloc::Merged) -> Self {
        let claim = match merged {
            alloc::Merged::Merged { charged } => return Self::yes(into, charged, false),
            alloc::Merged::Gone { claim } | alloc::Merged::NotOwner { claim, .. } => claim,
            _ => into,
        };
        let no = No::Merged(NotMerged(merged));
        let mut told = Self::no(Some(claim.agent()), false, no);
        told.answer.reason = match merged {
            alloc::Merged::NotOwner { owner, .. } => {
                told.answer.owner = owner.get();
                Reason::NotOwner
            }
            alloc::Merged::Gone { .. } => Reason::Gone,
            alloc::Merged::RecordsFull { .. } => Reason::RecordsFull,
            alloc::Merged::Contended => Reason::Granted,
            _ => Reason::Unmergeable,
        } as u32;
        told
    }

    pub(crate) fn claimed_exact(agent: alloc::AgentId, claimed: alloc::ClaimedExact) -> Self {
        use alloc::ClaimedExact as Claimed;
        match claimed {
            Claimed::Granted(grant) => Self::granted(grant),
            Claimed::Refused(refusal) => Self::refused(refusal.agent, refusal.reason, No::Refused(refusal)),
            Claimed::Contended(contended) => Self::no(Some(agent), contended.pools_changed, No::Contended),
            Claimed::Stale { incarnation: None } => Self::refused(agent, alloc::Reason::Gone, No::UnknownAgent(agent)),
            Claimed::Stale { incarnation: Some(now) } => Self::no(Some(agent), false, No::Incarnation(now)),
            Claimed::Taken(taken) => {
                let mut told = Self::no(Some(agent), false, No::Taken(taken));
                told.answer.taken(taken);
                told
            }
        }
    }

    pub(crate) fn ganged(ganged: alloc::Ganged) -> Self {
        match ganged {
            alloc::Ganged::Granted { charged: alloc::Quantities { cpu_milli, mem_bytes } } => {
                let answer = Answer { claim: NO_CLAIM, cpu_milli, mem_bytes, agent: NONE, ..Answer::default() };
                Self::new(answer, Ok(()))
            }
            alloc::Ganged::Contended { pools_changed } => Self::no(None, pools_changed, No::Contended),
            alloc::Ganged::Refused { why, pools_changed } => {
                let mut told = Self::not_ganged(why);
                told.answer.pools_changed = pools_changed.into();
                told
            }
        }
    }

    fn not_ganged(why: alloc::NoGang) -> Self {
        let no = No::Ganged(NotGanged(why));
        match why {
            alloc::NoGang::Agent(refusal) => Self::refused(refusal.agent, refusal.reason, no),
            alloc::NoGang::Role(reason) => Self::refused_anywhere(reason, no),
            alloc::NoGang::Invalid(invalid) => Self::refused_anywhere(alloc::Reason::Invalid(invalid), no),
            alloc::NoGang::Room { .. } => {
                let mut told = Self::no(None, false, no);
                told.answer.reason = Reason::NoAgent as u32;
                told
            }
        }
    }

    pub(crate) fn restored(agent: alloc::AgentId, restored: Result<alloc::Grant, alloc::RestoreError>) -> Self {
        restored.map_or_else(|error| Self::no(Some(agent), false, error.into()), Self::granted)
    }
}

impl Answer {
    fn shortage(&mut self, shortage: &alloc::Shortage) {
        let alloc::Shortage { what, asked, free, best, machine, pool_pus, leaving_pus, .. } = *shortage;
        let (what, which) = of_wanted(what);
        (self.what, self.which, self.asked, self.free) = (what as u32, which, asked, free);
        (self.best, self.machine) = (best, machine);
        (self.pool_pus, self.leaving_pus) = (pool_pus, leaving_pus);
    }

    /// What of an exact placement is not free.
    fn taken(&mut self, taken: alloc::Taken) {
        use alloc::Taken;
        self.reason = Reason::Taken as u32;
        let (what, which) = match taken {
            Taken::Pu(pu) => (Resource::ExclusivePus, pu.get().into()),
            Taken::Pool { numa_node, asked_milli, room_milli } => {
                (self.asked, self.free) = (asked_milli.into(), room_milli.into());
                (Resource::CpuMilli, of_numa_node(numa_node))
            }
            Taken::Memory { numa_node, asked_bytes, free_bytes } => {
                (self.asked, self.free) = (asked_bytes, free_bytes);
                (Resource::MemBytes, numa_node.get().into())
            }
            Taken::Closed { numa_node, .. } => (Resource::MemBytes, numa_node.get().into()),
            Taken::Extra(what) => of_wanted(what),
        };
        (self.what, self.which) = (what as u32, which);
    }

    fn over_limit(&mut self, over: &alloc::OverLimit) {
        let left = over.limit.saturating_sub(over.used);
        (self.what, self.asked, self.machine) = (of_resource(over.resource) as u32, over.asked, over.limit);
        (self.free, self.best) = (left, left);
    }
}
