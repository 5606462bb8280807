//! Codes: the enums of the header. C hands them over as `uint32_t`; what is beyond the last one is refused. 0 is the default of each.

use meros_alloc_core as alloc;

use crate::pointer::Argument;

/// The version of this interface: functions and fields are added under the same version, nothing is taken away.
pub const ABI_VERSION: u32 = 1;

/// "None", of an id or label that may be absent.
pub const NONE: u32 = 0xFFFF_FFFF;

/// "No claim": never the id of one. 0 may be one.
pub const NO_CLAIM: u64 = 0xFFFF_FFFF_FFFF_FFFF;

/// "No limit", of a role.
pub const NO_LIMIT: u64 = 0xFFFF_FFFF_FFFF_FFFF;

/// What becomes of the SMT siblings of exclusive PUs.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum Smt {
    /// Whole cores: what is asked is rounded up to cores, nobody runs on a sibling.
    Whole = 0,
    /// Exactly the PUs asked for, siblings kept together.
    Kept = 1,
    /// Exactly the PUs asked for, each on a core of its own.
    Split = 2,
}

/// How much a wish counts.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum Wish {
    /// There is none.
    Any = 0,
    /// If it can be had.
    Preferred = 1,
    /// That, or not at all.
    Required = 2,
}

/// How close together PUs are to be, closest first.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// In one core.
    Core = 0,
    /// Under one L3 cache.
    L3 = 1,
    /// In one NUMA node.
    NumaNode = 2,
    /// In one package.
    Package = 3,
}

/// Where memory is to be, relative to the PUs.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum MemoryLocality {
    /// PUs and memory from one NUMA node, or one group of them, if possible.
    Preferred = 0,
    /// Near the PUs where it fits, but PUs are chosen without regard to memory.
    Any = 1,
    /// PUs and memory from one NUMA node or group, held so that nobody else can spill into it.
    Required = 2,
}

/// What place looks for among agents that fit.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum Policy {
    /// The agent with the least left: keeps large gaps whole.
    Pack = 0,
    /// The agent with the most left: spreads load and risk.
    Spread = 1,
    /// Where what stays free keeps the most of its use for what is asked for most.
    FragmentationAware = 2,
}

/// Whether an agent takes new claims. What it holds stays as it is in every state.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum AgentState {
    /// It takes new claims.
    Active = 0,
    /// It takes none for now: it is not connected.
    Inactive = 1,
    /// It takes none, and those it has are to end.
    Draining = 2,
    /// What is free there is offered to somebody.
    Offered = 3,
}

/// On what terms memory is held.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum MemoryHold {
    /// In use, and others may spill into the same NUMA nodes.
    Loose = 0,
    /// In use, and nobody can spill into these NUMA nodes.
    Strict = 1,
    /// For later: an offer or a reservation; nothing runs in it.
    Held = 2,
}

/// Where devices are to be, relative to the PUs.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum DeviceLocality {
    /// On NUMA nodes of the claim's cores or shares if possible, else as near as can be.
    Preferred = 0,
    /// Anywhere on the agent.
    Any = 1,
    /// On NUMA nodes of the claim's cores or shares, or not at all.
    Required = 2,
}

/// Whom a NUMA node's memory serves.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum MemoryMode {
    /// Anybody: nobody was promised anything.
    Open = 0,
    /// Claims of this NUMA node alone.
    Single = 1,
    /// Claims of one group of NUMA nodes.
    Group = 2,
}

/// What the figures of a refusal count.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum Resource {
    /// There are no figures.
    Nothing = 0,
    /// Exclusive PUs.
    ExclusivePus = 1,
    /// Thousandths of a PU: in a pool, or of a role's limit.
    CpuMilli = 2,
    /// Bytes of memory.
    MemBytes = 3,
    /// Huge pages of 2 MiB.
    Huge2Mib = 4,
    /// Huge pages of 1 GiB.
    Huge1Gib = 5,
    /// Bytes of special memory; `which` is its kind.
    SpecialBytes = 6,
    /// Whole devices; `which` is their kind.
    Devices = 7,
    /// Thousandths of one device; `which` is its kind.
    DeviceMilli = 8,
    /// Bytes of disk.
    DiskBytes = 9,
    /// Thousandths of a scalar; `which` is its name.
    ScalarMilli = 10,
    /// Numbers of a range; `which` is its name.
    Numbers = 11,
    /// Items of a set; `which` is its name.
    Items = 12,
    /// Of a role: bytes of huge pages of 2 MiB.
    Huge2MibBytes = 13,
    /// Of a role: bytes of huge pages of 1 GiB.
    Huge1GibBytes = 14,
    /// Of a role: thousandths of all devices together; `which` is their kind.
    DevicesMilli = 15,
}

/// Why a call did not do what was asked; of a call that did, `MEROS_REASON_GRANTED`.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum Reason {
    /// It did: `MEROS_OK`.
    Granted = 0,
    /// The agent is unknown, or the claim is not live.
    Gone = 1,
    /// The claim is somebody else's.
    NotOwner = 2,
    /// The request cannot be meant; the message says why.
    Invalid = 3,
    /// The role is unknown.
    NoSuchRole = 4,
    /// The agent takes no new claims for now.
    Inactive = 5,
    /// The agent takes no new claims, and those it has are to end.
    Draining = 6,
    /// It would not fit the empty machine either.
    LargerThanMachine = 7,
    /// It would fit the empty machine.
    Busy = 8,
    /// It fits once the agent has confirmed that its pools are smaller.
    CoresLeaving = 9,
    /// There is enough memory, but beside claims it may not be mixed with.
    StrictMemory = 10,
    /// The role's limit.
    RoleLimit = 11,
    /// The claim records are used up.
    RecordsFull = 12,
    /// No agent can take it now; meros_explain and meros_explain_where tell why.
    NoAgent = 13,
    /// Something of an exact claim, or of what is to be restored, is not free.
    Taken = 14,
    /// Two claims cannot be one; the message says why.
    Unmergeable = 15,
    /// A constraint, a predicate or a rule leaves the agent out.
    Excluded = 16,
    /// Others were in the way: ask again.
    Contended = 17,
    /// The agent is another incarnation than an exact claim says.
    Stale = 18,
    /// A group is unknown; `which` is its id.
    NoSuchGroup = 19,
    /// What is free on the agent is offered to somebody.
    Offered = 20,
}

/// What a code stands for, in the order of the codes.
pub(crate) fn pick<T: Copy>(name: &'static str, code: u32, meanings: &[T]) -> Result<T, Argument> {
    let most = meanings.len() as u64 - 1;
    let meaning = meanings.get(code as usize).copied();
    meaning.ok_or_else(|| Argument::Range { name, value: u64::from(code), most })
}

pub(crate) fn flag(name: &'static str, code: u32) -> Result<bool, Argument> {
    pick(name, code, &[false, true])
}

pub(crate) fn smt(code: u32) -> Result<alloc::Smt, Argument> {
    pick("smt", code, &[alloc::Smt::Whole, alloc::Smt::Kept, alloc::Smt::Split])
}

pub(crate) fn core_kind(wish: u32, kind: u32) -> Result<alloc::CoreKind, Argument> {
    let (preferred, required) = (alloc::CoreKind::Preferred(kind), alloc::CoreKind::Required(kind));
    pick("kind_wish", wish, &[alloc::CoreKind::Any, preferred, required])
}

pub(crate) fn level(code: u32) -> Result<alloc::Level, Argument> {
    pick("level", code, &[alloc::Level::Core, alloc::Level::L3, alloc::Level::NumaNode, alloc::Level::Package])
}

pub(crate) fn locality(wish: u32, level_code: u32) -> Result<alloc::Locality, Argument> {
    let level = level(level_code)?;
    let (preferred, required) = (alloc::Locality::Preferred(level), alloc::Locality::Required(level));
    pick("level_wish", wish, &[alloc::Locality::Any, preferred, required])
}

pub(crate) fn memory_locality(code: u32) -> Result<alloc::MemoryLocality, Argument> {
    use alloc::MemoryLocality as Memory;
    pick("memory", code, &[Memory::Preferred, Memory::Any, Memory::Required])
}

pub(crate) fn device_locality(code: u32) -> Result<alloc::DeviceLocality, Argument> {
    use alloc::DeviceLocality as Devices;
    pick("extras.devices.locality", code, &[Devices::Preferred, Devices::Any, Devices::Required])
}

pub(crate) fn policy(code: u32) -> Result<alloc::Policy, Argument> {
    pick("policy", code, &[alloc::Policy::Pack, alloc::Policy::Spread, alloc::Policy::FragmentationAware])
}

pub(crate) fn agent_state(code: u32) -> Result<alloc::AgentState, Argument> {
    use alloc::AgentState as State;
    pick("state", code, &[State::Active, State::Inactive, State::Draining])
}

pub(crate) const fn of_agent_state(state: alloc::AgentState) -> AgentState {
    match state {
        alloc::AgentState::Active => AgentState::Active,
        alloc::AgentState::Inactive => AgentState::Inactive,
        alloc::AgentState::Draining => AgentState::Draining,
        alloc::AgentState::Offered => AgentState::Offered,
    }
}

pub(crate) fn memory_hold(code: u32) -> Result<alloc::MemoryHold, Argument> {
    use alloc::MemoryHold as Hold;
    pick("memory_hold", code, &[Hold::Loose, Hold::Strict, Hold::Held])
}

pub(crate) const fn of_memory_hold(hold: alloc::MemoryHold) -> MemoryHold {
    match hold {
        alloc::MemoryHold::Loose => MemoryHold::Loose,
        alloc::MemoryHold::Strict => MemoryHold::Strict,
        alloc::MemoryHold::Held => MemoryHold::Held,
    }
}

pub(crate) const fn of_memory_mode(mode: alloc::MemoryMode) -> MemoryMode {
    match mode {
        alloc::MemoryMode::Open => MemoryMode::Open,
        alloc::MemoryMode::Single => MemoryMode::Single,
        alloc::MemoryMode::Group => MemoryMode::Group,
    }
}

/// What is lacking, and which of its kind: a device's kind, a name, else `MEROS_NONE`.
pub(crate) const fn of_wanted(wanted: alloc::Wanted) -> (Resource, u32) {
    use alloc::Wanted;
    match wanted {
        Wanted::ExclusivePus => (Resource::ExclusivePus, NONE),
        Wanted::SharedMilli => (Resource::CpuMilli, NONE),
        Wanted::MemBytes => (Resource::MemBytes, NONE),
        Wanted::HugePages(alloc::HugeSize::Mib2) => (Resource::Huge2Mib, NONE),
        Wanted::HugePages(alloc::HugeSize::Gib1) => (Resource::Huge1Gib, NONE),
        Wanted::SpecialMemory(kind) => (Resource::SpecialBytes, kind),
        Wanted::Devices(kind) => (Resource::Devices, kind),
        Wanted::DeviceMilli(kind) => (Resource::DeviceMilli, kind),
        Wanted::DiskBytes => (Resource::DiskBytes, NONE),
        Wanted::Scalar(name) => (Resource::ScalarMilli, name.get()),
        Wanted::Numbers(name) => (Resource::Numbers, name.get()),
        Wanted::Items(name) => (Resource::Items, name.get()),
    }
}

/// What a role is charged for, and which of its kind.
pub(crate) const fn of_resource(resource: alloc::Resource) -> (Resource, u32) {
    match resource {
        alloc::Resource::CpuMilli => (Resource::CpuMilli, NONE),
        alloc::Resource::MemBytes => (Resource::MemBytes, NONE),
        alloc::Resource::HugePages(alloc::HugeSize::Mib2) => (Resource::Huge2MibBytes, NONE),
        alloc::Resource::HugePages(alloc::HugeSize::Gib1) => (Resource::Huge1GibBytes, NONE),
        alloc::Resource::SpecialMemory(kind) => (Resource::SpecialBytes, kind),
        alloc::Resource::Devices(kind) => (Resource::DevicesMilli, kind),
        alloc::Resource::Disk => (Resource::DiskBytes, NONE),
        alloc::Resource::Scalar(name) => (Resource::ScalarMilli, name.get()),
        alloc::Resource::Range(name) => (Resource::Numbers, name.get()),
        alloc::Resource::Set(name) => (Resource::Items, name.get()),
    }
}

/// What roles are charged for, by code; a code that counts something else is refused.
pub(crate) fn resource(what: u32, which: u32) -> Result<alloc::Resource, Argument> {
    use alloc::{HugeSize, NameId, Resource as Of};
    let name = NameId::new(which);
    let charged = [
        Of::CpuMilli,
        Of::MemBytes,
        Of::HugePages(HugeSize::Mib2),
        Of::HugePages(HugeSize::Gib1),
        Of::SpecialMemory(which),
        Of::Devices(which),
        Of::Disk,
        Of::Scalar(name),
        Of::Range(name),
        Of::Set(name),
    ];
    let meant = charged.into_iter().find(|resource| of_resource(*resource).0 as u32 == what);
    meant.ok_or(Argument::NotCharged(what))
}

pub(crate) const fn of_reason(reason: &alloc::Reason) -> Reason {
    match reason {
        alloc::Reason::Gone => Reason::Gone,
        alloc::Reason::NotOwner { .. } => Reason::NotOwner,
        alloc::Reason::Invalid(_) => Reason::Invalid,
        alloc::Reason::NoSuchRole(_) => Reason::NoSuchRole,
        alloc::Reason::Inactive => Reason::Inactive,
        alloc::Reason::Draining => Reason::Draining,
        alloc::Reason::LargerThanMachine(_) => Reason::LargerThanMachine,
        alloc::Reason::Busy(_) => Reason::Busy,
        alloc::Reason::CoresLeaving(_) => Reason::CoresLeaving,
        alloc::Reason::StrictMemory(_) => Reason::StrictMemory,
        alloc::Reason::RoleLimit(_) => Reason::RoleLimit,
        alloc::Reason::RecordsFull { .. } => Reason::RecordsFull,
        alloc::Reason::Excluded(_) => Reason::Excluded,
        alloc::Reason::Offered => Reason::Offered,
    }
}
