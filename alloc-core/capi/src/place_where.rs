//! Place where: placement on the agents that a selection means.

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, caller, either};
use crate::claim::tell;
use crate::codes::policy as policy_of;
use crate::message::Message;
use crate::place::place_all;
use crate::pointer::{In, Out};
use crate::request::{Holder, Request, one_holder, request_of};
use crate::selection::{Selection, selected};
use crate::status::Status;
use crate::table::Table;

/// As meros_place, on an agent that a selection of the table means; the claim joins its groups and minds its rules. `MEROS_CONTENDED` also
/// when the agent came to be meant no more in between. `local` is this thread's handle, or NULL. One thread with this selection.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_place_where(
    table: In<Table>,
    local: In<Local>,
    holder: In<Holder>,
    request: In<Request>,
    policy: u32,
    selection: In<Selection>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.place("answer")?, caller(&table, &local)?);
        let (holder, request, policy) = (one_holder(&holder)?, request_of(&request)?, policy_of(policy)?);
        let mut selection = selected(&table, &selection)?;
        tell(Some(place), Told::placed(either!(&caller, place_where(holder, &request, policy, &mut selection))))
    })
}

/// As meros_place_many, on agents that a selection of the table means; each claim counts for the rules of the next. `local` is this
/// thread's handle, or NULL. One thread with this selection.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_place_many_where(
    table: In<Table>,
    local: In<Local>,
    holders: In<Holder>,
    len: usize,
    request: In<Request>,
    policy: u32,
    selection: In<Selection>,
    answers: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (places, caller) = (answers.array(len, "answers")?, caller(&table, &local)?);
        let (holders, request, policy) = (holders.array(len, "holders")?, request_of(&request)?, policy_of(policy)?);
        let mut selection = selected(&table, &selection)?;
        place_all(holders, places, |holders, each| {
            caller.place_many_where(holders, &request, policy, &mut selection, each);
        })
    })
}
