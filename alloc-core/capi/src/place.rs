//! Place: one call that finds an agent and claims there; and the same for many holders.

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, all_of, caller, either};
use crate::claim::{BATCH, tell};
use crate::codes::policy as policy_of;
use crate::message::Message;
use crate::pointer::{In, Out, Places};
use crate::request::{Holder, Request, holder_of, one_holder, request_of};
use crate::status::{Answered, Status};
use crate::table::Table;

/// Finds an agent for a request and claims there. `policy` is a meros_policy. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_place(
    table: In<Table>,
    local: In<Local>,
    holder: In<Holder>,
    request: In<Request>,
    policy: u32,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.place("answer")?, caller(&table, &local)?);
        let (holder, request, policy) = (one_holder(&holder)?, request_of(&request)?, policy_of(policy)?);
        tell(Some(place), Told::placed(either!(&caller, place(holder, &request, policy))))
    })
}

/// Places one request for each of `len` holders, quicker than one by one where `local` is given. `answers` has room for `len` of them.
/// `MEROS_OK` when all are placed, else `MEROS_REFUSED`: each answer has its own status. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_place_many(
    table: In<Table>,
    local: In<Local>,
    holders: In<Holder>,
    len: usize,
    request: In<Request>,
    policy: u32,
    answers: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (places, caller) = (answers.array(len, "answers")?, caller(&table, &local)?);
        let (holders, request, policy) = (holders.array(len, "holders")?, request_of(&request)?, policy_of(policy)?);
        place_all(holders, places, |holders, each| caller.place_many(holders, &request, policy, each))
    })
}

/// Tells what came of which of a batch.
pub(crate) type Each<'a> = &'a mut dyn FnMut(usize, alloc::Placed);

/// Places for all holders, batch by batch, and writes the answers.
pub(crate) fn place_all(
    holders: &[Holder],
    mut places: Places<'_, Answer>,
    mut place: impl FnMut(&[alloc::Holder], Each<'_>),
) -> Answered {
    // All of them first: nothing is placed when one cannot be meant.
    holders.iter().try_for_each(|holder| holder_of(holder).map(|_| ()))?;
    let (mut done, mut first) = (0, 0);
    for batch in holders.chunks(BATCH) {
        let mut known = [alloc::Holder { owner: alloc::Owner::new(0), role: alloc::RoleId::new(0) }; BATCH];
        for (known, holder) in known.iter_mut().zip(batch) {
            *known = holder_of(holder)?;
        }
        place(&known[..batch.len()], &mut |at, placed| {
            let told = Told::placed(placed);
            done += usize::from(told.answered.is_ok());
            places.put(first + at, told.answer);
        });
        first += batch.len();
    }
    all_of(done, holders.len())
}
