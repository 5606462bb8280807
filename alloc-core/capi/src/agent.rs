//! Agents: they come, drain, go and return.

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::codes::{agent_state, of_agent_state};
use crate::message::Message;
use crate::pointer::{In, Out, growing};
use crate::shape::Shape;
use crate::status::{No, Status};
use crate::table::Table;

/// An agent at this moment.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AgentInfo {
    /// sizeof(meros_agent_info).
    pub size: u32,
    /// A meros_agent_state.
    pub state: u32,
    /// Counts the machines that had this id, this one included.
    pub incarnation: u32,
    /// PUs of its shape.
    pub pus: u32,
    /// NUMA nodes of its shape.
    pub numa_nodes: u32,
    /// 0.
    pub reserved: u32,
}

growing!(AgentInfo);

/// Adds an agent, active, with everything free, to the shard that has fewest. The id of a removed agent may come back, with the next
/// incarnation. Any thread; waits for others that add or remove, nobody's claim waits for it.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_add(
    table: In<Table>,
    shape: In<Shape>,
    agent: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table, shape) = (agent.place("agent")?, table.handle("table")?, shape.handle("shape")?);
        place.put(table.0.add_agent(shape.0.clone())?.get());
        Ok(())
    })
}

/// As meros_agent_add, to a certain shard.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_add_in(
    table: In<Table>,
    shard: u32,
    shape: In<Shape>,
    agent: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table, shape) = (agent.place("agent")?, table.handle("table")?, shape.handle("shape")?);
        place.put(table.0.add_agent_in(shard as usize, shape.0.clone())?.get());
        Ok(())
    })
}

/// Brings a removed agent back under its id, as a new incarnation: a machine that rebooted or changed. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_return(table: In<Table>, agent: u32, shape: In<Shape>, message: Out<Message>) -> Status {
    call(message, || {
        let (table, shape) = (table.handle("table")?, shape.handle("shape")?);
        Ok(table.0.return_agent(alloc::AgentId::new(agent), shape.0.clone())?)
    })
}

/// Removes an agent and all claims on it, whose roles are refunded. `claims`, if not NULL, tells how many there were. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_remove(table: In<Table>, agent: u32, claims: Out<u32>, message: Out<Message>) -> Status {
    call(message, || {
        let (place, table) = (claims.optional("claims")?, table.handle("table")?);
        let ended = table.0.remove_agent(alloc::AgentId::new(agent))?;
        if let Some(place) = place {
            place.put(ended);
        }
        Ok(())
    })
}

/// Whether an agent takes new claims: `state` is a meros_agent_state. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_set_state(table: In<Table>, agent: u32, state: u32, message: Out<Message>) -> Status {
    call(message, || {
        let (table, state) = (table.handle("table")?, agent_state(state)?);
        Ok(table.0.set_state(alloc::AgentId::new(agent), state)?)
    })
}

/// An agent's state, incarnation and size. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_read(
    table: In<Table>,
    agent: u32,
    info: Out<AgentInfo>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (frame, table, agent) = (info.growing("info")?, table.handle("table")?, alloc::AgentId::new(agent));
        let there = (table.0.state(agent), table.0.incarnation(agent), table.0.shape(agent));
        let (Some(state), Some(incarnation), Some(shape)) = there else { return Err(No::UnknownAgent(agent)) };
        let numa_nodes = u32::try_from(shape.numa_nodes()).unwrap_or(0);
        let state = of_agent_state(state) as u32;
        frame.put(AgentInfo { size: 0, state, incarnation, pus: shape.pus(), numa_nodes, reserved: 0 });
        Ok(())
    })
}

/// The ids of all agents. `agents` has room for `capacity` of them; `len` becomes how many there are. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agents(
    table: In<Table>,
    agents: Out<u32>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (mut places, place) = (agents.array(capacity, "agents")?, len.place("len")?);
        let found = places.fill(table.handle("table")?.0.agents().map(alloc::AgentId::get));
        place.put(found);
        if places.holds(found) { Ok(()) } else { Err(No::TooSmall) }
    })
}
