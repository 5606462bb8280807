//! Tests of the whole table: by example, against an oracle, with panics injected, on real threads, and under loom.

#[cfg(not(loom))]
mod extras;
#[cfg(not(loom))]
mod fitting;
mod interleave;
mod interleave_extras;
#[cfg(not(loom))]
mod members;
#[cfg(not(loom))]
mod oracle;
#[cfg(not(loom))]
mod oracle_extras;
#[cfg(not(loom))]
mod property;
#[cfg(not(loom))]
mod scenario;
#[cfg(not(loom))]
mod stress;
#[cfg(not(loom))]
mod unwind;
#[cfg(not(loom))]
mod wishes;

use crate::testing::Machine;
use crate::{AgentId, Capacity, Grant, Holder, Limit, Outcome, Owner, RoleId, Table};

pub(super) const ROLE: RoleId = RoleId::new(0);
pub(super) const AGENT: AgentId = AgentId::new(0);

pub(super) fn holder(owner: u64) -> Holder {
    Holder { owner: Owner::new(owner), role: ROLE }
}

/// A table of one role and these machines.
pub(super) fn table(records_per_agent: u16, limit: Limit, machines: &[Machine]) -> Table {
    let mut table = Table::new(Capacity { agents: 8, records_per_agent, roles: 2 }).unwrap();
    table.add_role(limit).unwrap();
    for machine in machines {
        table.add_agent(machine.shape()).unwrap();
    }
    table
}

#[track_caller]
pub(super) fn granted(outcome: Outcome) -> Grant {
    match outcome {
        Outcome::Granted(grant) => grant,
        other => panic!("not granted: {other:?}"),
    }
}
