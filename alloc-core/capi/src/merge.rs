//! Merge: one claim of two.

use core::fmt;

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::caller::{Local, caller, either};
use crate::claim::tell;
use crate::message::Message;
use crate::pointer::{In, Out};
use crate::status::Status;
use crate::table::Table;

/// Makes one claim of two of the same agent, owner and role: `into` has all of it, `from` is gone. Members of `from` come after those of
/// `into`. A refusal leaves both as they are; its reason is `MEROS_REASON_UNMERGEABLE`, the message says more. `answer` may be NULL.
/// `local` is this thread's handle, or NULL. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_merge(
    table: In<Table>,
    local: In<Local>,
    into: u64,
    from: u64,
    owner: u64,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, caller) = (answer.optional("answer")?, caller(&table, &local)?);
        let (into, from) = (alloc::ClaimId::from_u64(into), alloc::ClaimId::from_u64(from));
        tell(place, Told::merged(into, either!(&caller, merge(into, from, alloc::Owner::new(owner)))))
    })
}

/// Why two claims were not merged. Prints as the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotMerged(pub(crate) alloc::Merged);

impl NotMerged {
    pub(crate) const fn status(self) -> Status {
        use alloc::Merged;
        match self.0 {
            Merged::Merged { .. } => Status::Ok,
            Merged::Same | Merged::OtherAgent | Merged::OtherRole { .. } => Status::InvalidArgument,
            Merged::Gone { .. } => Status::Gone,
            Merged::NotOwner { .. } => Status::NotOwner,
            Merged::Contended => Status::Contended,
            Merged::TooManyMembers { .. }
            | Merged::MemoryTerms
            | Merged::NotAdmitted { .. }
            | Merged::RecordsFull { .. } => Status::Refused,
        }
    }
}

impl fmt::Display for NotMerged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use alloc::Merged;
        match self.0 {
            Merged::Merged { .. } => Ok(()),
            Merged::Same => f.write_str("into and from are the same claim: name two"),
            Merged::OtherAgent => f.write_str("from is on another agent, or on another incarnation of it, than into"),
            Merged::OtherRole { into, from } => write!(f, "from is charged to role {from}, into to role {into}"),
            Merged::Gone { claim } => write!(f, "claim {claim} is gone"),
            Merged::NotOwner { claim, owner } => write!(f, "claim {claim} belongs to {owner}"),
            Merged::TooManyMembers { members } => {
                write!(f, "the claims have {members} members together: at most {}", alloc::MAX_MEMBERS)
            }
            Merged::MemoryTerms => {
                f.write_str("one claim was promised memory of certain NUMA nodes, and the other has memory elsewhere")
            }
            Merged::NotAdmitted { numa_node } => {
                write!(f, "claims on {numa_node} do not admit the merged claim's memory")
            }
            Merged::RecordsFull { records } => {
                write!(f, "the {records} claim records are used up: raise the capacity's claims")
            }
            Merged::Contended => f.write_str("others were in the way: ask again"),
        }
    }
}
