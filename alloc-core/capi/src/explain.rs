//! Explain: why a request is pending, as a sentence and a few figures.

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::message::{Message, Writer};
use crate::pointer::{Argument, Frame, In, Out, growing};
use crate::request::{Request, request_of};
use crate::role::role_id;
use crate::selection::{Selection, selected};
use crate::status::{No, Status};
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
        let telling = Telling::new(&explanation, &text)?;
        let (table, role, request) = (table.handle("table")?, role_id(role)?, request_of(&request)?);
        telling.tell(&table.0.explain(role, &request));
        Ok(())
    })
}

/// As meros_explain, of a placement by a selection of the table: agents that it leaves out are counted by what leaves them out: a
/// constraint, the predicate, or a rule as it holds at this moment, each by its position. One thread with this selection.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_explain_where(
    table: In<Table>,
    role: u32,
    request: In<Request>,
    selection: In<Selection>,
    explanation: Out<Explanation>,
    text: Out<Message>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let telling = Telling::new(&explanation, &text)?;
        let (role, request) = (role_id(role)?, request_of(&request)?);
        let (of, mut chosen) = (&table.handle("table")?.0, selected(&table, &selection)?);
        telling.tell(&of.explain_where(role, &request, &mut chosen).map_err(No::Unplaced)?);
        Ok(())
    })
}

/// Where an explanation goes, checked.
#[derive(Debug)]
struct Telling<'a> {
    figures: Option<Frame<'a, Explanation>>,
    line: Option<Writer<'a>>,
}

impl<'a> Telling<'a> {
    fn new(explanation: &'a Out<Explanation>, text: &'a Out<Message>) -> Result<Self, Argument> {
        let figures = if explanation.is_null() { None } else { Some(explanation.growing("explanation")?) };
        Ok(Self { figures, line: Writer::new(text)? })
    }

    fn tell(self, found: &alloc::Explanation) {
        if let Some(frame) = self.figures {
            let (agents, feasible, never_fits) = (found.agents, found.feasible, found.never_fits().into());
            frame.put(Explanation { size: 0, agents, feasible, never_fits });
        }
        if let Some(writer) = self.line {
            writer.finish(found);
        }
    }
}
