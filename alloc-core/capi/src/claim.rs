//! Claims: claim, hold, split, transfer, release, and who holds what.

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, all_of, caller, either};
use crate::codes::NONE;
use crate::message::Message;
use crate::placement::{Placement, placement_of};
use crate::pointer::{In, Out, Place, plain};
use crate::request::{HoldLimit, Holder, Request, hold_limit_of, one_holder, request_of};
use crate::status::{Answered, No, Status};
use crate::table::Table;

/// How many of a batch are handed to the core at once, from the stack.
pub(crate) const BATCH: usize = 64;

/// A claim and its owner, to be released.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    /// The claim.
    pub claim: u64,
    /// Its owner.
    pub owner: u64,
}

plain!(Claimed);

/// Writes an answer and passes on what it says.
pub(crate) fn tell(place: Option<Place<'_, Answer>>, told: Told) -> Answered {
    if let Some(place) = place {
        place.put(told.answer);
    }
    told.answered
}

/// Claims what is asked on one agent, all or nothing. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_claim(
    table: In<Table>,
    local: In<Local>,
    agent: u32,
    holder: In<Holder>,
    request: In<Request>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.place("answer")?, caller(&table, &local)?);
        let (agent, holder, request) = (alloc::AgentId::new(agent), one_holder(&holder)?, request_of(&request)?);
        tell(Some(place), Told::outcome(agent, either!(&caller, claim(agent, holder, &request))))
    })
}

/// Claims what is free on one agent, up to a limit (NULL: all): whole cores, room in pools, memory usable together. Nothing runs in
/// it; to be split, transferred and released. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_hold(
    table: In<Table>,
    local: In<Local>,
    agent: u32,
    holder: In<Holder>,
    limit: In<HoldLimit>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.place("answer")?, caller(&table, &local)?);
        let (agent, holder, limit) = (alloc::AgentId::new(agent), one_holder(&holder)?, hold_limit_of(&limit)?);
        tell(Some(place), Told::outcome(agent, either!(&caller, hold(agent, holder, limit))))
    })
}

/// Makes a part of a claim a claim of its own, of the same owner and role. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_split(
    table: In<Table>,
    local: In<Local>,
    claim: u64,
    owner: u64,
    request: In<Request>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller, request) = (answer.place("answer")?, caller(&table, &local)?, request_of(&request)?);
        let claim = alloc::ClaimId::from_u64(claim);
        let outcome = either!(&caller, split(claim, alloc::Owner::new(owner), &request));
        tell(Some(place), Told::outcome(claim.agent(), outcome))
    })
}

/// As meros_split, with the piece said exactly. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_split_exact(
    table: In<Table>,
    local: In<Local>,
    claim: u64,
    owner: u64,
    piece: In<Placement>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller, piece) = (answer.place("answer")?, caller(&table, &local)?, placement_of(&piece)?);
        let claim = alloc::ClaimId::from_u64(claim);
        let outcome = either!(&caller, split_exact(claim, alloc::Owner::new(owner), &piece));
        tell(Some(place), Told::outcome(claim.agent(), outcome))
    })
}

/// Gives a claim to another owner. Its role stays. `answer` may be NULL. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_transfer(
    table: In<Table>,
    local: In<Local>,
    claim: u64,
    from: u64,
    to: u64,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.optional("answer")?, caller(&table, &local)?);
        let claim = alloc::ClaimId::from_u64(claim);
        let transferred = either!(&caller, transfer(claim, alloc::Owner::new(from), alloc::Owner::new(to)));
        tell(place, Told::transferred(claim, transferred))
    })
}

/// Ends a claim: exactly what it holds is free again. `answer` may be NULL. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_release(
    table: In<Table>,
    local: In<Local>,
    claim: u64,
    owner: u64,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.optional("answer")?, caller(&table, &local)?);
        let claim = alloc::ClaimId::from_u64(claim);
        tell(place, Told::released(claim, either!(&caller, release(claim, alloc::Owner::new(owner)))))
    })
}

/// Releases many claims, quicker than one by one where `local` is given. `answers` has room for `len` of them, or is NULL. `MEROS_OK` when
/// all are released, else `MEROS_REFUSED`: each answer has its own status. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_release_many(
    table: In<Table>,
    local: In<Local>,
    claims: In<Claimed>,
    len: usize,
    answers: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let caller = caller(&table, &local)?;
        let claims = claims.array(len, "claims")?;
        let mut places = answers.array(if answers.is_null() { 0 } else { len }, "answers")?;
        let (mut done, mut first) = (0, 0);
        for batch in claims.chunks(BATCH) {
            let mut pairs = [(alloc::ClaimId::from_u64(0), alloc::Owner::new(0)); BATCH];
            for (pair, claimed) in pairs.iter_mut().zip(batch) {
                *pair = (alloc::ClaimId::from_u64(claimed.claim), alloc::Owner::new(claimed.owner));
            }
            caller.release_many(&pairs[..batch.len()], |at, released| {
                let told = Told::released(pairs[at].0, released);
                done += usize::from(told.answered.is_ok());
                places.put(first + at, told.answer);
            });
            first += batch.len();
        }
        all_of(done, len)
    })
}

/// Who holds a claim. `MEROS_GONE` also while another call is changing it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_claim_holder(
    table: In<Table>,
    claim: u64,
    holder: Out<Holder>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (holder.place("holder")?, table.handle("table")?);
        let claim = alloc::ClaimId::from_u64(claim);
        let alloc::Holder { owner, role } = table.0.holder(claim).ok_or(No::UnknownClaim(claim))?;
        place.put(Holder { owner: owner.get(), role: role.get().into(), reserved: 0 });
        Ok(())
    })
}

/// The live claims on an agent, or of the whole table for `MEROS_NONE`; complete when nothing is in flight. `claims` has room for
/// `capacity` of them; `len` becomes how many there are. Any thread; it goes through all records.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_claims(
    table: In<Table>,
    agent: u32,
    claims: Out<u64>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (mut places, place) = (claims.array(capacity, "claims")?, len.place("len")?);
        let live = table.handle("table")?.0.claims();
        let wanted = live.filter(|claim| agent == NONE || claim.agent().get() == agent);
        let found = places.fill(wanted.map(alloc::ClaimId::as_u64));
        place.put(found);
        if places.holds(found) { Ok(()) } else { Err(No::TooSmall) }
    })
}
