//! Placements: what a claim holds, exactly, into the caller's arrays and out of them.

use core::mem::offset_of;

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::codes::{memory_hold, of_memory_hold};
use crate::message::Message;
use crate::placed_extras::{ExtrasRoom, PlacedExtras, placed_extras_of};
use crate::pointer::{Argument, Frame, In, Out, grown, narrow, plain, unused};
use crate::shape::{numa_node_id, of_numa_node};
use crate::status::{Answered, No, Status};
use crate::table::Table;

/// A PU that a member holds exclusively.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PlacedPu {
    /// The PU: its position in the shape.
    pub pu: u32,
    /// Which member of the request, from 0.
    pub member: u32,
}

/// A member's share of one pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PoolShare {
    /// The pool's NUMA node; `MEROS_NONE` for the pool of the cores that are in no NUMA node.
    pub numa_node: u32,
    /// Which member of the request, from 0.
    pub member: u32,
    /// Thousandths of a PU.
    pub cpu_milli: u32,
    /// 0.
    pub reserved: u32,
}

/// Memory of one NUMA node.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NumaNodeMemory {
    /// Bytes, a whole number of pages.
    pub mem_bytes: u64,
    /// The NUMA node.
    pub numa_node: u32,
    /// 0.
    pub reserved: u32,
}

/// What a claim holds. Each list is sorted by member and id and names nothing twice. The library writes it in meros_placement, and reads it
/// in meros_split_exact, meros_claim_exact and meros_restore, where the lengths count and the capacities do not.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// sizeof(meros_placement).
    pub size: u32,
    /// A meros_memory_hold: on what terms the memory is held.
    pub memory_hold: u32,
    /// PUs; may be NULL when `pus_capacity` is 0.
    pub pus: Out<PlacedPu>,
    /// The room of `pus`.
    pub pus_capacity: usize,
    /// How many PUs there are.
    pub pus_len: usize,
    /// Shares of pools; may be NULL when `shares_capacity` is 0.
    pub shares: Out<PoolShare>,
    /// The room of `shares`.
    pub shares_capacity: usize,
    /// How many shares there are.
    pub shares_len: usize,
    /// Memory, also of NUMA nodes with 0 bytes that the claim may use; may be NULL when `memory_capacity` is 0.
    pub memory: Out<NumaNodeMemory>,
    /// The room of `memory`.
    pub memory_capacity: usize,
    /// How many NUMA nodes there are.
    pub memory_len: usize,
    /// What else is held.
    pub extras: PlacedExtras,
    /// Groups that the claim is a member of, in any order; may be NULL when `groups_capacity` is 0. Restored, it counts for the value that
    /// its agent has then. On a fresh table, add the groups first, and put their new ids here. A piece that is split off and an exact
    /// claim join none.
    pub groups: Out<u32>,
    /// The room of `groups`.
    pub groups_capacity: usize,
    /// How many groups there are.
    pub groups_len: usize,
}

plain!(PlacedPu, PoolShare, NumaNodeMemory);
grown!(Placement, groups);

/// Where the fields of groups end.
const GROUPS_END: usize = offset_of!(Placement, groups_len) + size_of::<usize>();

/// What a claim holds. `placement` brings its arrays along, and comes back with their lengths; `MEROS_TOO_SMALL` when one was too
/// short: ask again with that much room. `MEROS_GONE` also while another call is changing the claim. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_placement_read(
    table: In<Table>,
    claim: u64,
    placement: Out<Placement>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (room, claim) = (Room::new(&placement)?, alloc::ClaimId::from_u64(claim));
        room.write(&table.handle("table")?.0.placement(claim).ok_or(No::UnknownClaim(claim))?)
    })
}

/// The caller's placement and its arrays, checked.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    frame: Frame<'a, Placement>,
    told: Placement,
}

impl<'a> Room<'a> {
    pub(crate) fn new(placement: &'a Out<Placement>) -> Result<Self, Argument> {
        let (told, frame) = (placement.read().growing("placement")?, placement.growing("placement")?);
        told.pus.array(told.pus_capacity, "placement.pus")?;
        told.shares.array(told.shares_capacity, "placement.shares")?;
        told.memory.array(told.memory_capacity, "placement.memory")?;
        told.groups.array(told.groups_capacity, "placement.groups")?;
        ExtrasRoom::new(&told.extras)?;
        Ok(Self { frame, told })
    }

    pub(crate) fn write(self, found: &alloc::Placement) -> Answered {
        let Self { frame, mut told } = self;
        let room = told;
        let mut pus = room.pus.array(room.pus_capacity, "placement.pus")?;
        let mut shares = room.shares.array(room.shares_capacity, "placement.shares")?;
        let mut memory = room.memory.array(room.memory_capacity, "placement.memory")?;
        let mut groups = room.groups.array(room.groups_capacity, "placement.groups")?;
        told.pus_len = pus.fill(pus_in(found));
        told.shares_len = shares.fill(shares_in(found));
        told.memory_len = memory.fill(found.memory.iter().map(of_memory));
        told.groups_len = groups.fill(found.groups.iter().map(|group| group.as_u32()));
        told.memory_hold = of_memory_hold(found.memory_hold) as u32;
        let extras_fit = ExtrasRoom::new(&room.extras)?.write(&found.extras, &mut told.extras);
        // An older caller cannot make room for what it does not know.
        let groups_fit = !frame.reaches(GROUPS_END) || groups.holds(told.groups_len);
        frame.put(told);
        let fits = pus.holds(told.pus_len) && shares.holds(told.shares_len) && memory.holds(told.memory_len);
        if fits && extras_fit && groups_fit { Ok(()) } else { Err(No::TooSmall) }
    }
}

fn pus_in(placement: &alloc::Placement) -> impl Iterator<Item = PlacedPu> {
    let members = (0..).zip(placement.members());
    members.flat_map(|(member, (pus, _))| pus.iter().map(move |pu| PlacedPu { pu: pu.get().into(), member }))
}

fn shares_in(placement: &alloc::Placement) -> impl Iterator<Item = PoolShare> {
    let members = (0..).zip(placement.members());
    members.flat_map(|(member, (_, shares))| {
        shares.iter().map(move |share| {
            let numa_node = of_numa_node(share.numa_node);
            PoolShare { numa_node, member, cpu_milli: share.cpu_milli, reserved: 0 }
        })
    })
}

pub(crate) fn of_memory(memory: &alloc::NumaNodeMemory) -> NumaNodeMemory {
    NumaNodeMemory { mem_bytes: memory.mem_bytes, numa_node: memory.numa_node.get().into(), reserved: 0 }
}

pub(crate) fn placement_of(placement: &In<Placement>) -> Result<alloc::Placement, Argument> {
    let placement = placement.growing("placement")?;
    let (pus, shares, memory) = (placement.pus.read(), placement.shares.read(), placement.memory.read());
    let mut made = alloc::Placement { memory_hold: memory_hold(placement.memory_hold)?, ..Default::default() };
    for &PlacedPu { pu, member } in pus.array(placement.pus_len, "placement.pus")? {
        let pu = alloc::PuId::new(narrow("placement.pus.pu", pu, u32::from(u16::MAX))?);
        parts_of(&mut made, "placement.pus.member", member)?.0.push(pu);
    }
    for &PoolShare { numa_node, member, cpu_milli, reserved } in
        shares.array(placement.shares_len, "placement.shares")?
    {
        unused("placement.shares.reserved", &[u64::from(reserved)])?;
        let numa_node = numa_node_id("placement.shares.numa_node", numa_node)?;
        let share = alloc::PoolShare { numa_node, cpu_milli };
        parts_of(&mut made, "placement.shares.member", member)?.1.push(share);
    }
    let memory = memory.array(placement.memory_len, "placement.memory")?;
    made.memory = memory.iter().map(memory_of).collect::<Result<_, _>>()?;
    made.extras = placed_extras_of(&placement.extras)?;
    let groups = placement.groups.read();
    let groups = groups.array(placement.groups_len, "placement.groups")?;
    made.groups = groups.iter().map(|group| alloc::GroupId::from_u32(*group)).collect();
    Ok(made)
}

/// The lists of a member, made where they are not yet.
fn parts_of<'a>(
    placement: &'a mut alloc::Placement,
    name: &'static str,
    member: u32,
) -> Result<(&'a mut Vec<alloc::PuId>, &'a mut Vec<alloc::PoolShare>), Argument> {
    let Some(further) = (member as usize).checked_sub(1) else {
        return Ok((&mut placement.pus, &mut placement.pools));
    };
    if further + 1 >= alloc::MAX_MEMBERS {
        return Err(Argument::Range { name, value: member.into(), most: alloc::MAX_MEMBERS as u64 - 1 });
    }
    let members = placement.further.len().max(further + 1);
    placement.further.resize_with(members, Default::default);
    let parts = &mut placement.further[further];
    Ok((&mut parts.pus, &mut parts.pools))
}

pub(crate) fn memory_of(memory: &NumaNodeMemory) -> Result<alloc::NumaNodeMemory, Argument> {
    let NumaNodeMemory { mem_bytes, numa_node, reserved } = *memory;
    unused("placement.memory.reserved", &[u64::from(reserved)])?;
    let numa_node = narrow("placement.memory.numa_node", numa_node, u32::from(u16::MAX))?;
    Ok(alloc::NumaNodeMemory { numa_node: alloc::NumaNodeId::new(numa_node), mem_bytes })
}
