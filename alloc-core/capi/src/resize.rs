//! Resize: a claim grows or shrinks in place.

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, caller, either};
use crate::claim::tell;
use crate::message::Message;
use crate::pointer::{In, Out};
use crate::request::{Request, request_of};
use crate::status::Status;
use crate::table::Table;

/// Makes a claim hold what the request says, keeping what it can; `answer` has the same claim, and what its role is charged for it
/// now. The request names each of the claim's members, and no extras: they stay. It grows beside what it has, and shrinks by what was added
/// last. A refusal leaves it as it was. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_resize(
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
        let outcome = either!(&caller, resize(claim, alloc::Owner::new(owner), &request));
        tell(Some(place), Told::outcome(claim.agent(), outcome))
    })
}
