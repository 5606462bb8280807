//! Claim exact: what a scheduler chose by itself, from a snapshot, in one claim.

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, caller, either};
use crate::claim::tell;
use crate::message::Message;
use crate::placement::{Placement, placement_of};
use crate::pointer::{In, Out};
use crate::request::{Holder, one_holder};
use crate::status::Status;
use crate::table::Table;

/// Claims exactly this on one agent, all or nothing, as meros_snapshot_plan found it or as the caller did. `incarnation` is the agent's
/// when it was found: `MEROS_STALE` when it is another by now. What is not free is refused with `MEROS_REASON_TAKEN`: look again, and
/// choose another. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_claim_exact(
    table: In<Table>,
    local: In<Local>,
    agent: u32,
    incarnation: u32,
    holder: In<Holder>,
    placement: In<Placement>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.place("answer")?, caller(&table, &local)?);
        let (agent, holder, placement) = (alloc::AgentId::new(agent), one_holder(&holder)?, placement_of(&placement)?);
        let claimed = either!(&caller, claim_exact(agent, incarnation, holder, &placement));
        tell(Some(place), Told::claimed_exact(agent, claimed))
    })
}
