//! Gangs: claims over several agents, all of them or none.

use core::fmt;

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, caller, either};
use crate::claim::tell;
use crate::codes::{NO_CLAIM, NONE, policy as policy_of};
use crate::message::Message;
use crate::pointer::{Argument, In, Out, Places, plain, unused};
use crate::request::{Holder, Request, one_holder, request_of};
use crate::status::{No, Status, of_reason};
use crate::table::Table;

/// What a gang wants of one agent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GangPart {
    /// The agent.
    pub agent: u32,
    /// 0.
    pub reserved: u32,
    /// What is wanted of it; parts may share one.
    pub request: In<Request>,
}

plain!(GangPart);

/// Claims on several agents, all or nothing. `answers` has room for `len` of them, one for each part; `answer` is of the whole: what was
/// charged together, or why not. After a no `answers` name no claims, but the agents where claims were made and undone. When `answer` then
/// has `pools_changed`, so have these, and pools of any of them may have changed; after `MEROS_CONTENDED` also those of a part that names
/// no agent: read the orders of all parts. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_claim_gang(
    table: In<Table>,
    local: In<Local>,
    holder: In<Holder>,
    parts: In<GangPart>,
    len: usize,
    answers: Out<Answer>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, mut places) = (answer.place("answer")?, answers.array(len, "answers")?);
        let (caller, holder) = (caller(&table, &local)?, one_holder(&holder)?);
        let parts = parts.array(len, "parts")?;
        let wanted: Vec<_> = parts.iter().map(part_of).collect::<Result<_, _>>()?;
        let mut grants = Vec::with_capacity(len);
        let told = Told::ganged(either!(&caller, claim_gang(holder, &wanted, &mut grants)));
        // Grants come in agent order.
        let mut order: Vec<usize> = (0..len).collect();
        order.sort_by_key(|at| wanted[*at].0);
        put_grants(&mut places, order.into_iter(), &grants, &told);
        tell(Some(place), told)
    })
}

/// Finds agents for `count` claims of one kind, at most `most_per_agent` on each, and claims there, all or nothing. `answers` has room for
/// `count` of them, in agent order; the rest as with meros_claim_gang, but after `MEROS_CONTENDED` with `pools_changed` read the orders of
/// all agents. `policy` is a meros_policy: pack puts as many on each as it can, spread as many on each as on the others. `local` is this
/// thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_place_gang(
    table: In<Table>,
    local: In<Local>,
    holder: In<Holder>,
    request: In<Request>,
    count: u32,
    policy: u32,
    most_per_agent: u32,
    answers: Out<Answer>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, len) = (answer.place("answer")?, count as usize);
        let mut places = answers.array(len, "answers")?;
        let (caller, holder) = (caller(&table, &local)?, one_holder(&holder)?);
        let (request, policy) = (request_of(&request)?, policy_of(policy)?);
        let mut grants = Vec::new();
        let ganged = either!(&caller, place_gang(holder, &request, count, policy, most_per_agent, &mut grants));
        let told = Told::ganged(ganged);
        // A second round of spread comes to the first agents again.
        grants.sort_by_key(|grant| grant.claim.agent());
        put_grants(&mut places, 0..len, &grants, &told);
        tell(Some(place), told)
    })
}

fn part_of(part: &GangPart) -> Result<(alloc::AgentId, alloc::Request), Argument> {
    unused("parts.reserved", &[u64::from(part.reserved)])?;
    Ok((alloc::AgentId::new(part.agent), request_of(&part.request)?))
}

/// Writes an answer at each position: of the grants first, then of what was not reached.
fn put_grants(
    places: &mut Places<'_, Answer>,
    positions: impl Iterator<Item = usize>,
    grants: &[alloc::Grant],
    told: &Told,
) {
    let mut grants = grants.iter();
    for at in positions {
        places.put(at, of_grant(grants.next(), told));
    }
}

/// What came of one claim of a gang. The core tells of all that were undone together whether pools changed.
fn of_grant(grant: Option<&alloc::Grant>, whole: &Told) -> Answer {
    match (grant, &whole.answered) {
        (Some(grant), Ok(())) => Told::granted(*grant).answer,
        (grant, _) => {
            let Answer { status, reason, permanent, .. } = whole.answer;
            let (agent, pools_changed) =
                grant.map_or((NONE, 0), |grant| (grant.claim.agent().get(), whole.answer.pools_changed));
            Answer { claim: NO_CLAIM, agent, pools_changed, status, reason, permanent, ..Answer::default() }
        }
    }
}

/// Why a gang was not granted. Prints as the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotGanged(pub(crate) alloc::NoGang);

impl NotGanged {
    pub(crate) const fn status(&self) -> Status {
        match &self.0 {
            alloc::NoGang::Invalid(_) => Status::InvalidArgument,
            alloc::NoGang::Role(reason) => of_reason(reason),
            alloc::NoGang::Agent(refusal) => of_reason(&refusal.reason),
            alloc::NoGang::Room { .. } => Status::Refused,
        }
    }
}

impl fmt::Display for NotGanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            alloc::NoGang::Invalid(invalid) => write!(f, "{invalid}"),
            alloc::NoGang::Role(reason) => write!(f, "{}", No::Unplaced(alloc::Unplaced::Role(reason))),
            alloc::NoGang::Agent(refusal) => write!(f, "{refusal}"),
            alloc::NoGang::Room { placed, nearest } => {
                write!(f, "there is room for {placed} of them only")?;
                nearest.map_or(Ok(()), |refusal| write!(f, "; the nearest miss: {refusal}"))
            }
        }
    }
}
