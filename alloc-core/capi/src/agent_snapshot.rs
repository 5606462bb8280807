//! Agent snapshot: what one agent of a snapshot has, and what it could grant. Asking changes nothing.

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::codes::{NONE, level as level_of, of_agent_state};
use crate::message::Message;
use crate::placement::{Placement, Room};
use crate::pointer::{In, Out, Place, Places, growing, plain};
use crate::request::{Request, request_of};
use crate::shape::of_numa_node;
use crate::snapshot::{Reading, Snapshot};
use crate::status::{Answered, No, Status};
use crate::usage::{MemoryUsage, PoolUsage, of_memory, of_pool};

/// An agent as it was copied.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SnapshotAgent {
    /// sizeof(meros_snapshot_agent).
    pub size: u32,
    /// A meros_agent_state.
    pub state: u32,
    /// Counts the machines that had this id, this one included: for meros_claim_exact.
    pub incarnation: u32,
    /// PUs of its shape.
    pub pus: u32,
    /// PUs nobody has.
    pub pus_free: u32,
    /// 1 when its words are not known to be of one moment.
    pub torn: u32,
}

/// What cores with equal labels, at most 32 PUs, have free.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LeafFree {
    /// The NUMA node of its cores, or `MEROS_NONE`.
    pub numa_node: u32,
    /// Their L3 cache, or `MEROS_NONE`.
    pub l3: u32,
    /// Their package, or `MEROS_NONE`.
    pub package: u32,
    /// Their kind.
    pub kind: u32,
    /// Free PUs.
    pub pus: u32,
    /// Cores that are free with all their PUs.
    pub cores: u32,
    /// 0.
    pub reserved: [u32; 2],
}

/// What an L3 domain, a NUMA node or a package has free.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DomainFree {
    /// Its number, as in the shape.
    pub label: u32,
    /// Free PUs.
    pub pus: u32,
    /// Cores that are free with all their PUs.
    pub cores: u32,
    /// 0.
    pub reserved: u32,
}

growing!(SnapshotAgent);
plain!(LeafFree, DomainFree);

/// An agent's state, incarnation and free PUs, in the copy. `MEROS_GONE` when it is not there. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_agent_read(
    snapshot: In<Snapshot>,
    agent: u32,
    info: Out<SnapshotAgent>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (frame, copy) = (info.growing("info")?, snapshot.handle("snapshot")?.read()?);
        let found = agent_in(&copy, agent)?;
        let (state, pus, torn) = (of_agent_state(found.state()) as u32, found.shape().pus(), found.is_torn().into());
        let (incarnation, pus_free) = (found.incarnation(), found.pus_free());
        frame.put(SnapshotAgent { size: 0, state, incarnation, pus, pus_free, torn });
        Ok(())
    })
}

/// The PUs nobody has. `pus` has room for `capacity` of them; `len` becomes how many there are. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_free_pus(
    snapshot: In<Snapshot>,
    agent: u32,
    pus: Out<u32>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        list(snapshot, agent, pus.array(capacity, "pus")?, len.place("len")?, |found, places| {
            places.fill(found.free_pus().map(|pu| pu.get().into()))
        })
    })
}

/// What each group of cores with equal labels has free; arguments as of meros_snapshot_free_pus. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_leaves(
    snapshot: In<Snapshot>,
    agent: u32,
    leaves: Out<LeafFree>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        list(snapshot, agent, leaves.array(capacity, "leaves")?, len.place("len")?, |found, places| {
            places.fill(found.leaves().map(of_leaf))
        })
    })
}

/// What each L3 domain, NUMA node or package has free; `level` is a meros_level, and of cores nothing is told. Arguments as of
/// meros_snapshot_free_pus. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_domains(
    snapshot: In<Snapshot>,
    agent: u32,
    level: u32,
    domains: Out<DomainFree>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let level = level_of(level)?;
        list(snapshot, agent, domains.array(capacity, "domains")?, len.place("len")?, |found, places| {
            places.fill(found.domains(level).map(of_domain))
        })
    })
}

/// The memory of each NUMA node; arguments as of meros_snapshot_free_pus. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_memory(
    snapshot: In<Snapshot>,
    agent: u32,
    memory: Out<MemoryUsage>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        list(snapshot, agent, memory.array(capacity, "memory")?, len.place("len")?, |found, places| {
            places.fill(found.memory().map(|memory| of_memory(&memory)))
        })
    })
}

/// What each pool has; arguments as of meros_snapshot_free_pus. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_pools(
    snapshot: In<Snapshot>,
    agent: u32,
    pools: Out<PoolUsage>,
    capacity: usize,
    len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        list(snapshot, agent, pools.array(capacity, "pools")?, len.place("len")?, |found, places| {
            places.fill(found.pools().map(|pool| of_pool(&pool)))
        })
    })
}

/// Whether a request would fit an agent, were it as the copy: `fits` becomes 1 or 0. 0 also for an agent that is not in it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_fits(
    snapshot: In<Snapshot>,
    agent: u32,
    request: In<Request>,
    fits: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, request) = (fits.place("fits")?, request_of(&request)?);
        let copy = snapshot.handle("snapshot")?.read()?;
        place.put(copy.fits(alloc::AgentId::new(agent), &request).into());
        Ok(())
    })
}

/// What a request would get of an agent, for meros_claim_exact. `placement` as of meros_placement_read; `MEROS_REFUSED`, with the message,
/// when it would get nothing. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_snapshot_plan(
    snapshot: In<Snapshot>,
    agent: u32,
    request: In<Request>,
    placement: Out<Placement>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (room, request) = (Room::new(&placement)?, request_of(&request)?);
        let copy = snapshot.handle("snapshot")?.read()?;
        room.write(&copy.plan(alloc::AgentId::new(agent), &request)?)
    })
}

/// An agent of the copy.
fn agent_in<'a>(copy: &'a Reading<'_>, agent: u32) -> Result<alloc::AgentSnapshot<'a>, No> {
    let agent = alloc::AgentId::new(agent);
    copy.agent(agent).ok_or(No::Unplanned(alloc::Unplanned::Gone))
}

/// Fills the caller's array with what an agent of the copy has, and tells its length.
fn list<T>(
    snapshot: In<Snapshot>,
    agent: u32,
    mut places: Places<'_, T>,
    len: Place<'_, usize>,
    fill: impl FnOnce(&alloc::AgentSnapshot<'_>, &mut Places<'_, T>) -> usize,
) -> Answered {
    let copy = snapshot.handle("snapshot")?.read()?;
    let found = fill(&agent_in(&copy, agent)?, &mut places);
    len.put(found);
    if places.holds(found) { Ok(()) } else { Err(No::TooSmall) }
}

fn of_leaf(leaf: alloc::LeafFree) -> LeafFree {
    let alloc::LeafFree { numa_node, l3, package, kind, pus, cores } = leaf;
    let (l3, package) = (l3.unwrap_or(NONE), package.unwrap_or(NONE));
    LeafFree { numa_node: of_numa_node(numa_node), l3, package, kind, pus, cores, reserved: [0; 2] }
}

fn of_domain(domain: alloc::DomainFree) -> DomainFree {
    let alloc::DomainFree { label, pus, cores } = domain;
    DomainFree { label, pus, cores, reserved: 0 }
}
