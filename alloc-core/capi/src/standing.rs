//! Standing: a claim's priority and whether it is revocable, for who has to choose which claims to end.

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, caller, either};
use crate::claim::tell;
use crate::codes::flag;
use crate::message::Message;
use crate::pointer::{Argument, In, Out, narrow, plain, unused};
use crate::status::{No, Status};
use crate::table::Table;

/// How a claim stands against others. Nothing in placing or charging a claim depends on it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// 0 to 127; more is more important.
    pub priority: u32,
    /// 1 when it may be ended for the sake of others; else 0.
    pub revocable: u32,
    /// 0.
    pub reserved: [u32; 2],
}

plain!(Standing);

/// Changes how a claim stands. `answer` may be NULL. `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_claim_set_standing(
    table: In<Table>,
    local: In<Local>,
    claim: u64,
    owner: u64,
    standing: In<Standing>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.optional("answer")?, caller(&table, &local)?);
        let standing = standing_of(&standing.array(1, "standing")?[0])?;
        let claim = alloc::ClaimId::from_u64(claim);
        let set = either!(&caller, set_standing(claim, alloc::Owner::new(owner), standing));
        tell(place, Told::standing_set(claim, set))
    })
}

/// How a claim stands. `MEROS_GONE` also while another call is changing it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_claim_standing(
    table: In<Table>,
    claim: u64,
    standing: Out<Standing>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (standing.place("standing")?, table.handle("table")?);
        let claim = alloc::ClaimId::from_u64(claim);
        let found = table.0.standing(claim).ok_or(No::UnknownClaim(claim))?;
        let (priority, revocable) = (found.priority().into(), found.is_revocable().into());
        place.put(Standing { priority, revocable, reserved: [0; 2] });
        Ok(())
    })
}

pub(crate) fn standing_of(standing: &Standing) -> Result<alloc::Standing, Argument> {
    let Standing { priority, revocable, reserved } = *standing;
    unused("standing.reserved", &reserved.map(u64::from))?;
    let most = u32::from(alloc::Standing::MAX_PRIORITY);
    let too_high = |_| Argument::Range { name: "standing.priority", value: priority.into(), most: most.into() };
    let standing = alloc::Standing::new(narrow("standing.priority", priority, most)?).map_err(too_high)?;
    Ok(if flag("standing.revocable", revocable)? { standing.revocable() } else { standing })
}
