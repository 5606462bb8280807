//! Explain: why a request is pending, as a sentence and a few figures.

use crate::boundary::call;
use crate::message::{Message, Writer};
use crate::pointer::{In, Out, growing};
use crate::request::{Request, request_of};
use crate::role::role_id;
use crate::status::Status;
use crate::table::Table;

/// Why a request is pending, in figures.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// sizeof(meros_explanation).
    pub size: u32,
    /// Agents asked.
    pub agents: u32,
    /// Agents that could grant it at this moment.
    pub feasible: u32,
    /// 1 when no agent could grant it even if it were empty.
    pub never_fits: u32,
}

growing!(Explanation);

/// Why a request of a role is pending, over all agents: one line as `text` (counts per reason, and the nearest miss), and figures, if
/// `explanation` is not NULL. Any thread; it asks every agent.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_explain(
    table: In<Table>,
    role: u32,
    request: In<Request>,
    explanation: Out<Explanation>,
    text: Out<Message>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let frame = if explanation.is_null() { None } else { Some(explanation.growing("explanation")?) };
        let writer = Writer::new(&text)?;
        let (table, role, request) = (table.handle("table")?, role_id(role)?, request_of(&request)?);
        let found = table.0.explain(role, &request);
        if let Some(frame) = frame {
            let (agents, feasible, never_fits) = (found.agents, found.feasible, found.never_fits().into());
            frame.put(Explanation { size: 0, agents, feasible, never_fits });
        }
        if let Some(writer) = writer {
            writer.finish(found);
        }
        Ok(())
    })
}
