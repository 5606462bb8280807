//! Requests, holders and limits of a hold, as C says them.

use meros_alloc_core as alloc;

use crate::codes::{core_kind, flag, locality, memory_locality, smt};
use crate::pointer::{Argument, In, growing, grown, plain, unused};
use crate::role::role_id;
use crate::standing::{Standing, standing_of};
use crate::wishes::{Wishes, wishes_of};

/// CPU wanted by one member of a pod. Exactly one of `pus`, `cores` and `cpu_milli` is set.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// PUs nobody else runs on.
    pub pus: u32,
    /// Or whole cores, however many PUs each has.
    pub cores: u32,
    /// Or a share of a pool, in thousandths of a PU.
    pub cpu_milli: u32,
    /// A meros_smt: what becomes of the siblings of `pus`.
    pub smt: u32,
    /// A meros_wish: how much `kind` counts.
    pub kind_wish: u32,
    /// Which kind of core, on machines that have several.
    pub kind: u32,
    /// 0.
    pub reserved: [u32; 2],
}

/// What somebody wants of one agent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// sizeof(meros_request).
    pub size: u32,
    /// A meros_wish: how much `level` counts.
    pub level_wish: u32,
    /// A meros_level: how close together the PUs are to be.
    pub level: u32,
    /// A meros_memory_locality.
    pub memory: u32,
    /// Memory in bytes, rounded up to pages of 4096; 0 for none.
    pub mem_bytes: u64,
    /// The members; most pods have one.
    pub members: In<Member>,
    /// How many members, at most 8.
    pub members_len: usize,
    /// What else is wanted.
    pub extras: Wishes,
    /// How the claim is to stand. NULL for priority 0, not revocable; in a split for as its claim does. A resize leaves it as it is.
    pub standing: In<Standing>,
}

/// Who holds a claim, and which role is charged for it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// Who may change the claim: a number of the caller's choice (an offer, a pod, a reservation).
    pub owner: u64,
    /// Which role is charged. It stays with the claim, also through transfer and split.
    pub role: u32,
    /// 0.
    pub reserved: u32,
}

/// How much a hold takes at most, of what is free.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HoldLimit {
    /// sizeof(meros_hold_limit).
    pub size: u32,
    /// PUs, in cores that are wholly free; rounded down to cores. `UINT32_MAX` for all.
    pub exclusive_pus: u32,
    /// Thousandths of a PU, of the room pools have left. `UINT32_MAX` for all.
    pub pool_milli: u32,
    /// 1 when all that is free of the rest is held too: huge pages, special memory, devices, disk, scalars, ranges, sets; else 0.
    pub extras: u32,
    /// Memory in bytes, rounded down to pages. `UINT64_MAX` for all.
    pub mem_bytes: u64,
}

plain!(Member, Holder);
growing!(HoldLimit);
grown!(Request, standing);

pub(crate) fn request_of(request: &In<Request>) -> Result<alloc::Request, Argument> {
    let request = request.growing("request")?;
    let Request { size: _, level_wish, level, memory, mem_bytes, members, members_len, extras, standing } = request;
    let members = members.array(members_len, "request.members")?;
    // What is beyond the most members is only counted: the core refuses it.
    let members: alloc::Members = members.iter().map(cpus_of).collect::<Result<_, _>>()?;
    let (locality, memory) = (locality(level_wish, level)?, memory_locality(memory)?);
    let request = alloc::Request::new(members, mem_bytes).with_locality(locality).with_memory(memory);
    let request = request.with_extras(wishes_of(&extras)?);
    if standing.is_null() {
        return Ok(request);
    }
    Ok(request.with_standing(standing_of(&standing.array(1, "request.standing")?[0])?))
}

fn cpus_of(member: &Member) -> Result<alloc::Cpus, Argument> {
    let Member { pus, cores, cpu_milli, smt: smt_code, kind_wish, kind, reserved } = *member;
    unused("members.reserved", &reserved.map(u64::from))?;
    let cpus = match (pus, cores, cpu_milli) {
        (pus, 0, 0) => alloc::Cpus::exclusive(pus),
        (0, cores, 0) => alloc::Cpus::cores(cores),
        (0, 0, cpu_milli) => alloc::Cpus::shared(cpu_milli),
        _ => return Err(Argument::TwoAmounts),
    };
    Ok(cpus.with_smt(smt(smt_code)?).with_kind(core_kind(kind_wish, kind)?))
}

pub(crate) fn holder_of(holder: &Holder) -> Result<alloc::Holder, Argument> {
    unused("holder.reserved", &[u64::from(holder.reserved)])?;
    Ok(alloc::Holder { owner: alloc::Owner::new(holder.owner), role: role_id(holder.role)? })
}

/// The holder a pointer leads to.
pub(crate) fn one_holder(holder: &In<Holder>) -> Result<alloc::Holder, Argument> {
    holder_of(&holder.array(1, "holder")?[0])
}

pub(crate) fn hold_limit_of(limit: &In<HoldLimit>) -> Result<alloc::HoldLimit, Argument> {
    if limit.is_null() {
        return Ok(alloc::HoldLimit::ALL);
    }
    let HoldLimit { size: _, exclusive_pus, pool_milli, extras, mem_bytes } = limit.growing("limit")?;
    Ok(alloc::HoldLimit { exclusive_pus, pool_milli, mem_bytes, extras: flag("limit.extras", extras)? })
}
