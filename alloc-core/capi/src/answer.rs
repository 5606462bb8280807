//! Answer: the details of what came of a claim, a placement or a release; one struct for all of them.

use meros_alloc_core as alloc;

use crate::codes::{NO_CLAIM, NONE, Reason, Resource, of_reason, of_resource, of_wanted};
use crate::gang::NotGanged;
use crate::merge::NotMerged;
use crate::shape::of_numa_node;
use crate::status::{Answered, No, Status};

/// What came of a call on claims. Written whole, whatever came of it; not written when an argument could not be read
/// (`MEROS_INVALID_ARGUMENT`) and after `MEROS_PANIC`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    /// The new claim's id; `MEROS_NO_CLAIM` when there is none. Every number is safe to hand to any function.
    pub claim: u64,
    /// CPU that the role was charged or refunded, in thousandths of a PU.
    pub cpu_milli: u64,
    /// Ordinary memory that the role was charged or refunded, in bytes.
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
    /// 1 when pools of `agent` gained or lost cores, also when nothing was granted: read meros_pool_orders. Of a gang undone: may have.
    pub pools_changed: u32,
    /// A meros_reason; `MEROS_REASON_GRANTED` with `MEROS_OK`, and only then.
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
    /// pool or the memory; with `MEROS_REASON_NO_SUCH_GROUP` the group.
    pub which: u32,
    /// 0.
    pub reserved: [u32; 7],
}

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

    /// A no always has a reason.
    fn no(agent: Option<alloc::AgentId>, reason: Reason, no: No) -> Self {
        let (agent, reason) = (agent.map_or(NONE, alloc::AgentId::get), reason as u32);
        Self::new(Answer { claim: NO_CLAIM, agent, reason, ..Answer::default() }, Err(no))
    }

    fn contended(agent: Option<alloc::AgentId>, pools_changed: bool) -> Self {
        let mut told = Self::no(agent, Reason::Contended, No::Contended);
        told.answer.pools_changed = pools_changed.into();
        told
    }

    fn invalid(agent: Option<alloc::AgentId>, no: No) -> Self {
        let mut told = Self::no(agent, Reason::Invalid, no);
        told.answer.permanent = 1;
        told
    }

    fn no_such_group(agent: Option<alloc::AgentId>, group: alloc::GroupId, no: No) -> Self {
        let mut told = Self::no(agent, Reason::NoSuchGroup, no);
        (told.answer.permanent, told.answer.which) = (1, group.as_u32());
        told
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
            alloc::Outcome::Refused(refusal) => Self::refusal(refusal),
            alloc::Outcome::Contended(contended) => Self::contended(Some(agent), contended.pools_changed),
        }
    }

    pub(crate) fn placed(placed: alloc::Placed) -> Self {
        match placed {
            alloc::Placed::Granted(grant) => Self::granted(grant),
            alloc::Placed::Contended { pools_changed } => Self::contended(pools_changed, pools_changed.is_some()),
            alloc::Placed::Refused(unplaced) => Self::unplaced(unplaced),
        }
    }

    fn unplaced(unplaced: alloc::Unplaced) -> Self {
        let no = No::Unplaced(unplaced);
        match unplaced {
            alloc::Unplaced::Invalid(_) => Self::invalid(None, no),
            alloc::Unplaced::NoSuchGroup(group) => Self::no_such_group(None, group, no),
            alloc::Unplaced::NoAgent => Self::no(None, Reason::NoAgent, no),
            alloc::Unplaced::RecordsFull { records } => Self::refused(None, alloc::Reason::RecordsFull { records }, no),
            alloc::Unplaced::Role(reason) => Self::refused(None, reason, no),
        }
    }

    fn refusal(refusal: alloc::Refusal) -> Self {
        Self::refused(Some(refusal.agent), refusal.reason, No::Refused(refusal))
    }

    fn refused(agent: Option<alloc::AgentId>, reason: alloc::Reason, no: No) -> Self {
        let mut told = Self::no(agent, of_reason(&reason), no);
        let answer = &mut told.answer;
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

    pub(crate) fn released(claim: alloc::ClaimId, released: alloc::Released) -> Self {
        match released {
            alloc::Released::Released { refunded, pools_changed } => Self::yes(claim, refunded, pools_changed),
            alloc::Released::Gone => Self::gone(claim),
            alloc::Released::NotOwner { owner } => Self::not_owner(claim, owner),
            alloc::Released::Contended => Self::contended(Some(claim.agent()), false),
        }
    }

    pub(crate) fn transferred(claim: alloc::ClaimId, transferred: alloc::Transferred) -> Self {
        match transferred {
            alloc::Transferred::Transferred => Self::yes(claim, alloc::Quantities::default(), false),
            alloc::Transferred::Gone => Self::gone(claim),
            alloc::Transferred::NotOwner { owner } => Self::not_owner(claim, owner),
            alloc::Transferred::Contended => Self::contended(Some(claim.agent()), false),
        }
    }

    pub(crate) fn standing_set(claim: alloc::ClaimId, set: alloc::StandingSet) -> Self {
        match set {
            alloc::StandingSet::Set => Self::yes(claim, alloc::Quantities::default(), false),
            alloc::StandingSet::Gone => Self::gone(claim),
            alloc::StandingSet::NotOwner { owner } => Self::not_owner(claim, owner),
            alloc::StandingSet::Contended => Self::contended(Some(claim.agent()), false),
        }
    }

    fn gone(claim: alloc::ClaimId) -> Self {
        Self::refused(Some(claim.agent()), alloc::Reason::Gone, No::UnknownClaim(claim))
    }

    fn not_owner(claim: alloc::ClaimId, owner: alloc::Owner) -> Self {
        Self::refused(Some(claim.agent()), alloc::Reason::NotOwner { owner }, No::NotOwner(owner))
    }

    pub(crate) fn merged(into: alloc::ClaimId, merged: alloc::Merged) -> Self {
        use alloc::{Merged, Reason as Why};
        let (agent, no) = (Some(into.agent()), No::Merged(NotMerged(merged)));
        match merged {
            Merged::Merged { charged } => Self::yes(into, charged, false),
            Merged::Gone { claim } => Self::refused(Some(claim.agent()), Why::Gone, no),
            Merged::NotOwner { claim, owner } => Self::refused(Some(claim.agent()), Why::NotOwner { owner }, no),
            Merged::RecordsFull { records } => Self::refused(agent, Why::RecordsFull { records }, no),
            Merged::Contended => Self::contended(agent, false),
            _ => Self::no(agent, Reason::Unmergeable, no),
        }
    }

    pub(crate) fn claimed_exact(agent: alloc::AgentId, claimed: alloc::ClaimedExact) -> Self {
        use alloc::ClaimedExact as Claimed;
        let at = Some(agent);
        match claimed {
            Claimed::Granted(grant) => Self::granted(grant),
            Claimed::Refused(refusal) => Self::refusal(refusal),
            Claimed::Contended(contended) => Self::contended(at, contended.pools_changed),
            Claimed::Stale { incarnation: None } => Self::refused(at, alloc::Reason::Gone, No::UnknownAgent(agent)),
            Claimed::Stale { incarnation: Some(now) } => Self::no(at, Reason::Stale, No::Incarnation(now)),
            Claimed::Taken(taken) => Self::taken(agent, taken, No::Taken(taken)),
        }
    }

    /// Something of an exact placement is not free.
    fn taken(agent: alloc::AgentId, taken: alloc::Taken, no: No) -> Self {
        let mut told = Self::no(Some(agent), Reason::Taken, no);
        told.answer.taken(taken);
        told
    }

    pub(crate) fn restored(agent: alloc::AgentId, restored: Result<alloc::Grant, alloc::RestoreError>) -> Self {
        restored.map_or_else(|error| Self::not_restored(agent, error), Self::granted)
    }

    fn not_restored(agent: alloc::AgentId, error: alloc::RestoreError) -> Self {
        use alloc::{RestoreError as Error, Taken};
        let (at, no) = (Some(agent), No::Restore(error));
        let taken = match error {
            Error::NoSuchAgent(_) => return Self::refused(at, alloc::Reason::Gone, no),
            Error::NoSuchRole(role) => return Self::refused(at, alloc::Reason::NoSuchRole(role), no),
            Error::Invalid(_) => return Self::invalid(at, no),
            Error::NoSuchGroup(group) => return Self::no_such_group(at, group, no),
            Error::RecordsFull => return Self::no(at, Reason::RecordsFull, no),
            Error::Contended => return Self::contended(at, false),
            Error::PuTaken(pu) => Taken::Pu(pu),
            Error::PoolTooSmall { numa_node, asked_milli, room_milli } => {
                Taken::Pool { numa_node, asked_milli, room_milli }
            }
            Error::MemoryTaken { numa_node, asked_bytes, free_bytes } => {
                Taken::Memory { numa_node, asked_bytes, free_bytes }
            }
            Error::ExtraTaken(what) => Taken::Extra(what),
        };
        Self::taken(agent, taken, no)
    }

    pub(crate) fn ganged(ganged: alloc::Ganged) -> Self {
        match ganged {
            alloc::Ganged::Granted { charged: alloc::Quantities { cpu_milli, mem_bytes } } => {
                let answer = Answer { claim: NO_CLAIM, cpu_milli, mem_bytes, agent: NONE, ..Answer::default() };
                Self::new(answer, Ok(()))
            }
            alloc::Ganged::Contended { pools_changed } => Self::contended(None, pools_changed),
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
            alloc::NoGang::Agent(refusal) => Self::refused(Some(refusal.agent), refusal.reason, no),
            alloc::NoGang::Role(reason) => Self::refused(None, reason, no),
            alloc::NoGang::Invalid(_) => Self::invalid(None, no),
            alloc::NoGang::Room { .. } => Self::no(None, Reason::NoAgent, no),
        }
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

    fn taken(&mut self, taken: alloc::Taken) {
        use alloc::Taken;
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
        let (what, which) = of_resource(over.resource);
        (self.what, self.which, self.asked, self.machine) = (what as u32, which, over.asked, over.limit);
        (self.free, self.best) = (left, left);
    }
}
