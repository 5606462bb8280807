//! Place: one call that finds an agent and claims there. Feasible → rank → select.
//!
//! Every active agent is asked whether the request would fit (feasible), those that fit are ordered by what they have left
//! (rank), and the first is claimed (select). What was seen may be gone by then, so the scan is repeated; and it is
//! repeated once before the answer is no.
//!
//! The scan is linear. An index over agents goes between the table and `feasible`, as a hint: select stays what decides.

use core::cmp::Reverse;

use crate::agent::Agent;
use crate::claim::{Ask, Holder, claim};
use crate::explain::{Explanation, explain};
use crate::ids::AgentId;
use crate::leaf::PuState;
use crate::ledger::Ledger;
use crate::outcome::{Grant, Outcome};
use crate::plan::{Nowhere, check, plan};
use crate::reason::Reason;
use crate::request::{Policy, Request};
use crate::stock::{View, WhatIf};
use crate::{MILLI_PER_PU, PAGE_BYTES};

/// How many agents are tried, each after a new scan, before the answer is `Contended`.
const TRIES: u32 = 4;

/// The answer to place.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is yours; the claim's id names the agent.
    Granted(Grant),
    /// No agent can take it now, and why.
    Refused(Box<Explanation>),
    /// Others were quicker on each agent tried; ask again.
    Contended {
        /// An agent whose pools gained or lost cores even so: read [`Table::pool_orders`](crate::Table::pool_orders).
        pools_changed: Option<AgentId>,
    },
}

/// Finds an agent for a request and claims there.
pub(crate) fn place(agents: &[Agent], ledger: &Ledger, holder: Holder, request: &Request, policy: Policy) -> Placed {
    let mut empty_scans = 0;
    for _ in 0..TRIES {
        let Some(agent) = select(agents, request, policy) else {
            empty_scans += 1;
            if empty_scans < 2 {
                continue;
            }
            return Placed::Refused(Box::new(explain(agents, ledger, holder.role, request)));
        };
        match claim(agent, ledger, holder, Ask::Request(request)) {
            Outcome::Granted(grant) => return Placed::Granted(grant),
            Outcome::Contended(contended) if contended.pools_changed => {
                return Placed::Contended { pools_changed: Some(agent.id) };
            }
            // The role is refused everywhere, whatever the agent.
            Outcome::Refused(refusal) if matches!(refusal.reason, Reason::RoleLimit(_) | Reason::NoSuchRole(_)) => {
                return Placed::Refused(Box::new(explain(agents, ledger, holder.role, request)));
            }
            Outcome::Refused(_) | Outcome::Contended(_) => {}
        }
    }
    Placed::Contended { pools_changed: None }
}

/// The best feasible agent; of equals the first.
fn select<'a>(agents: &'a [Agent], request: &Request, policy: Policy) -> Option<&'a Agent> {
    check(request).ok()?;
    let feasible = agents.iter().filter(|agent| is_feasible(agent, request));
    match policy {
        Policy::Pack => feasible.min_by_key(|agent| left(agent)),
        Policy::Spread => feasible.min_by_key(|agent| Reverse(left(agent))),
    }
}

fn is_feasible(agent: &Agent, request: &Request) -> bool {
    let Some(machine) = agent.machine.as_ref().filter(|_| agent.active) else { return false };
    plan(request, &View { machine, what_if: WhatIf::AsIs }, &mut Nowhere).is_ok()
}

/// What an agent has left: cpu_milli, then bytes of memory.
fn left(agent: &Agent) -> (u64, u64) {
    let Some(machine) = agent.machine.as_ref() else { return (0, 0) };
    let free = u64::from(machine.count_in(PuState::Free)) * u64::from(MILLI_PER_PU);
    let room: u64 = machine.pools.iter().map(|pool| u64::from(pool.read().room_milli())).sum();
    let pages: u64 = machine.memory.iter().map(crate::memory::MemoryNode::free_pages).sum();
    (free + room, pages * PAGE_BYTES)
}
