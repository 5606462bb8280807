//! Tests of the whole table: by example, against an oracle, with panics injected, on real threads, and under loom.

#[cfg(not(loom))]
mod bad_input;
#[cfg(not(loom))]
mod crowd;
#[cfg(not(loom))]
mod devices;
#[cfg(not(loom))]
mod extras;
#[cfg(not(loom))]
mod extras_elsewhere;
#[cfg(not(loom))]
mod fitting;
#[cfg(not(loom))]
mod ganging;
#[cfg(not(loom))]
mod groups;
#[cfg(not(loom))]
mod hand;
mod interleave;
mod interleave_agents;
mod interleave_extras;
mod interleave_groups;
mod interleave_roles;
mod interleave_snapshot;
mod interleave_verbs;
#[cfg_attr(loom, allow(dead_code, reason = "models use regular machines"))]
pub(crate) mod machines;
#[cfg(not(loom))]
mod members;
#[cfg(not(loom))]
mod merging;
#[cfg(not(loom))]
mod misuse;
#[cfg(not(loom))]
mod narrowly;
#[cfg(not(loom))]
mod odd;
#[cfg(not(loom))]
mod op;
#[cfg(not(loom))]
mod oracle;
#[cfg(not(loom))]
mod oracle_extras;
#[cfg(not(loom))]
mod plainly;
#[cfg(not(loom))]
mod property;
#[cfg(not(loom))]
mod property_verbs;
#[cfg(not(loom))]
mod resizing;
#[cfg(not(loom))]
mod rest;
#[cfg(not(loom))]
mod roles;
#[cfg(not(loom))]
mod scenario;
#[cfg(not(loom))]
mod script;
#[cfg(not(loom))]
mod selections;
#[cfg(not(loom))]
mod sequences;
#[cfg(not(loom))]
mod snapshots;
#[cfg(not(loom))]
mod standings;
#[cfg(not(loom))]
mod stress;
#[cfg(not(loom))]
mod together;
#[cfg(not(loom))]
mod traps;
#[cfg(not(loom))]
mod unwind;
#[cfg(not(loom))]
mod unwind_verbs;
#[cfg(not(loom))]
mod widely;
#[cfg(not(loom))]
mod wish;
#[cfg(not(loom))]
mod wish_extras;
#[cfg(not(loom))]
mod wishes;

use crate::testing::Machine;
use crate::{Capacity, Grant, Limit, Outcome, Shape, Table};
pub(crate) use machines::{AGENT, ROLE, holder};

/// A table of one role and these machines.
pub(crate) fn table(claims: u32, limit: Limit, machines: &[Machine]) -> Table {
    table_of(claims, limit, machines.iter().map(|machine| machine.shape()).collect())
}

/// A table of one role and agents of these shapes.
pub(crate) fn table_of(claims: u32, limit: Limit, shapes: Vec<Shape>) -> Table {
    let lines = shapes.iter().map(Shape::lines).sum();
    let agents = u32::try_from(shapes.len()).unwrap();
    let capacity = Capacity { shards: 1, agents, lines, claims, roles: 2, threads: 4, shapes: 4 };
    let table = Table::new(capacity).unwrap();
    table.add_role(limit).unwrap();
    for shape in shapes {
        table.add_agent(shape).unwrap();
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
