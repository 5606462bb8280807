//! Reasons: why a request is refused, with the figures, as an operator would want it told.

use core::fmt;

use crate::PAGE_BYTES;
use crate::extras::{DeviceLocality, HugeSize};
use crate::ids::{AgentId, NameId, Owner, RoleId};
use crate::request::{Locality, MemoryLocality};

pub use crate::invalid::Invalid;

/// A no from one agent. Prints as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which agent.
    pub agent: AgentId,
    /// Why.
    pub reason: Reason,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The agent is unknown, or the claim to split or resize is not live.
    Gone,
    /// The claim to split or resize is somebody else's.
    NotOwner {
        /// Whose.
        owner: Owner,
    },
    /// The request cannot be meant.
    Invalid(Invalid),
    /// The role is unknown.
    NoSuchRole(RoleId),
    /// The agent takes no new claims for now.
    Inactive,
    /// The agent takes no new claims, and those it has are to end.
    Draining,
    /// What is free on the agent is offered to somebody.
    Offered,
    /// It would not fit the empty machine either.
    LargerThanMachine(Shortage),
    /// It would fit the empty machine.
    Busy(Shortage),
    /// It fits once the agent has confirmed that its pools are smaller.
    CoresLeaving(Shortage),
    /// There is enough memory, but beside claims it may not be mixed with.
    StrictMemory(Shortage),
    /// The role's limit.
    RoleLimit(OverLimit),
    /// The shard's claim records are used up.
    RecordsFull {
        /// How many the agent's shard has.
        records: u32,
    },
    /// A [`Selection`](crate::Selection) leaves the agent out.
    Excluded(Excluded),
}

/// What of a [`Selection`](crate::Selection) leaves an agent out: the first that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excluded {
    /// The constraint at this position.
    Constraint(u8),
    /// The predicate.
    Predicate,
    /// The rule at this position.
    Rule(u8),
}

/// What a role's limit leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverLimit {
    /// The role.
    pub role: RoleId,
    /// Of what.
    pub resource: Resource,
    /// How much was asked, in the resource's unit.
    pub asked: u64,
    /// How much the role has.
    pub used: u64,
    /// How much it may have.
    pub limit: u64,
}

/// What roles are charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// CPU, in thousandths of a PU.
    CpuMilli,
    /// Ordinary memory, in bytes; without huge pages.
    MemBytes,
    /// Huge pages of a size, in bytes.
    HugePages(HugeSize),
    /// Special memory of a kind, in bytes.
    SpecialMemory(u32),
    /// Devices of a kind, in thousandths of one.
    Devices(u32),
    /// Disk, in bytes.
    Disk,
    /// A named scalar, in thousandths.
    Scalar(NameId),
    /// Numbers of a named range: how many.
    Range(NameId),
    /// Items of a named set: how many.
    Set(NameId),
}

/// What a request lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Exclusive PUs.
    ExclusivePus,
    /// Thousandths of a PU in a pool.
    SharedMilli,
    /// Bytes of memory.
    MemBytes,
    /// Huge pages of a size.
    HugePages(HugeSize),
    /// Bytes of special memory of a kind.
    SpecialMemory(u32),
    /// Whole devices of a kind.
    Devices(u32),
    /// Thousandths of one device of a kind.
    DeviceMilli(u32),
    /// Bytes of disk.
    DiskBytes,
    /// Thousandths of a named scalar.
    Scalar(NameId),
    /// Numbers of a named range.
    Numbers(NameId),
    /// Items of a named set.
    Items(NameId),
}

/// The figures of a refusal, all in the unit of `what`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What is lacking.
    pub what: Wanted,
    /// How much was asked.
    pub asked: u64,
    /// How much is free on the agent (in the parent, for a split).
    pub free: u64,
    /// The most that is free and of use to the request (in whole cores, of the kind required, as it may be), in one place
    /// that keeps the wishes required.
    pub best: u64,
    /// The same on the empty machine (the parent, for a split).
    pub machine: u64,
    /// PUs in the agent's pools.
    pub pool_pus: u32,
    /// PUs that left pools and wait for the agent's confirmation.
    pub leaving_pus: u32,
    /// What was required of the PUs.
    pub locality: Locality,
    /// What was required of the memory.
    pub memory: MemoryLocality,
    /// What was required of the devices, when it is these that are lacking.
    pub devices: DeviceLocality,
}

/// A reason without its figures, to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonKind {
    /// [`Reason::Gone`].
    Gone,
    /// [`Reason::NotOwner`].
    NotOwner,
    /// [`Reason::Invalid`].
    Invalid,
    /// [`Reason::NoSuchRole`].
    NoSuchRole,
    /// [`Reason::Inactive`].
    Inactive,
    /// [`Reason::Draining`].
    Draining,
    /// [`Reason::Offered`].
    Offered,
    /// [`Reason::LargerThanMachine`], for lack of this.
    LargerThanMachine(Wanted),
    /// [`Reason::Busy`], for lack of this.
    Busy(Wanted),
    /// [`Reason::CoresLeaving`].
    CoresLeaving,
    /// [`Reason::StrictMemory`].
    StrictMemory,
    /// [`Reason::RoleLimit`], for this resource.
    RoleLimit(Resource),
    /// [`Reason::RecordsFull`].
    RecordsFull,
    /// [`Reason::Excluded`], by this.
    Excluded(Excluded),
}

impl Reason {
    /// The reason without its figures.
    #[must_use]
    pub const fn kind(&self) -> ReasonKind {
        match self {
            Self::Gone => ReasonKind::Gone,
            Self::NotOwner { .. } => ReasonKind::NotOwner,
            Self::Invalid(_) => ReasonKind::Invalid,
            Self::NoSuchRole(_) => ReasonKind::NoSuchRole,
            Self::Inactive => ReasonKind::Inactive,
            Self::Draining => ReasonKind::Draining,
            Self::Offered => ReasonKind::Offered,
            Self::LargerThanMachine(shortage) => ReasonKind::LargerThanMachine(shortage.what),
            Self::Busy(shortage) => ReasonKind::Busy(shortage.what),
            Self::CoresLeaving(_) => ReasonKind::CoresLeaving,
            Self::StrictMemory(_) => ReasonKind::StrictMemory,
            Self::RoleLimit(over) => ReasonKind::RoleLimit(over.resource),
            Self::RecordsFull { .. } => ReasonKind::RecordsFull,
            Self::Excluded(by) => ReasonKind::Excluded(*by),
        }
    }

    /// Whether waiting cannot help.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Gone | Self::Invalid(_) | Self::NoSuchRole(_) | Self::LargerThanMachine(_))
    }

    /// Nearness to being met, to find the nearest miss: how close the kind of reason is, then which part of what was
    /// asked is there, in thousandths.
    pub(crate) fn nearness(&self) -> (u8, u64) {
        let part = |shortage: &Shortage| {
            let (best, asked) = (shortage.best.min(shortage.asked), shortage.asked.max(1));
            u64::try_from(u128::from(best) * 1000 / u128::from(asked)).unwrap_or(1000)
        };
        match self {
            Self::CoresLeaving(shortage) => (5, part(shortage)),
            Self::Busy(shortage) | Self::StrictMemory(shortage) => (4, part(shortage)),
            Self::RoleLimit(_) | Self::RecordsFull { .. } => (3, 0),
            Self::Offered => (3, 0),
            Self::Inactive | Self::Draining => (2, 0),
            Self::LargerThanMachine(shortage) => (1, part(shortage)),
            Self::Excluded(_) => (1, 0),
            Self::Gone | Self::NotOwner { .. } | Self::Invalid(_) | Self::NoSuchRole(_) => (0, 0),
        }
    }
}

impl fmt::Display for ReasonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("gone"),
            Self::NotOwner => f.write_str("somebody else's"),
            Self::Invalid => f.write_str("request cannot be meant"),
            Self::NoSuchRole => f.write_str("role unknown"),
            Self::Inactive => f.write_str("taking no new claims"),
            Self::Draining => f.write_str("draining"),
            Self::Offered => f.write_str("offered to somebody"),
            Self::LargerThanMachine(what) => write!(f, "too small for the {}", what.noun()),
            Self::Busy(what) => write!(f, "too few free {}", what.noun()),
            Self::CoresLeaving => f.write_str("waiting for cores to leave the shared pool"),
            Self::StrictMemory => f.write_str("memory promised to others under strict locality"),
            Self::RoleLimit(resource) => write!(f, "role at its {resource} limit"),
            Self::RecordsFull => f.write_str("claim records used up"),
            Self::Excluded(by) => write!(f, "left out by {by}"),
        }
    }
}

impl Wanted {
    pub(crate) fn noun(self) -> impl fmt::Display {
        self.counted(2)
    }

    /// The noun, in the singular for one.
    fn counted(self, count: u64) -> impl fmt::Display {
        let s = if count == 1 { "" } else { "s" };
        fmt::from_fn(move |f| match self {
            Self::ExclusivePus => write!(f, "exclusive PU{s}"),
            Self::SharedMilli => f.write_str("shared CPU"),
            Self::MemBytes => f.write_str("memory"),
            Self::HugePages(size) => write!(f, "huge page{s} of {size}"),
            Self::SpecialMemory(kind) => write!(f, "memory of kind {kind}"),
            Self::Devices(kind) => write!(f, "device{s} of kind {kind}"),
            Self::DeviceMilli(kind) => write!(f, "thousandth{s} of one device of kind {kind}"),
            Self::DiskBytes => f.write_str("disk"),
            Self::Scalar(name) => write!(f, "thousandth{s} of scalar {name}"),
            Self::Numbers(name) => write!(f, "number{s} of range {name}"),
            Self::Items(name) => write!(f, "item{s} of set {name}"),
        })
    }
}

/// A figure with its unit.
struct Amount(Wanted, u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, figure) = *self;
        match what {
            Wanted::SharedMilli => write!(f, "{figure} milli"),
            Wanted::MemBytes | Wanted::SpecialMemory(_) | Wanted::DiskBytes => write_bytes(f, figure),
            _ => write!(f, "{figure}"),
        }
    }
}

/// Bytes in the largest binary unit that says them with at most three digits after the point.
fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: u64) -> fmt::Result {
    let (unit, name) = match bytes {
        0..=1023 => return write!(f, "{bytes} B"),
        1024..=0xF_FFFF => (1 << 10, "KiB"),
        0x10_0000..=0x3FFF_FFFF => (1 << 20, "MiB"),
        _ => (1_u64 << 30, "GiB"),
    };
    match u128::from(bytes % unit) * 10 / u128::from(unit) {
        0 => write!(f, "{} {name}", bytes / unit),
        tenth => write!(f, "{}.{tenth} {name}", bytes / unit),
    }
}

impl Shortage {
    fn asked(&self) -> impl fmt::Display {
        let Self { what, asked, .. } = *self;
        fmt::from_fn(move |f| match what {
            Wanted::SharedMilli => write!(f, "wants {asked} shared cpu_milli"),
            Wanted::MemBytes | Wanted::SpecialMemory(_) | Wanted::DiskBytes => {
                write!(f, "wants {} of {}", Amount(what, asked), what.noun())
            }
            _ => write!(f, "wants {asked} {}", what.counted(asked)),
        })
    }

    /// `" in one L3 domain"`, when that is required.
    fn place(&self) -> impl fmt::Display {
        let Self { what, locality, memory, devices, .. } = *self;
        let beside = match what {
            Wanted::MemBytes | Wanted::HugePages(_) => memory == MemoryLocality::Required,
            Wanted::Devices(_) | Wanted::DeviceMilli(_) => devices == DeviceLocality::Required,
            _ => false,
        };
        fmt::from_fn(move |f| match (what, locality) {
            _ if beside => f.write_str(" beside its PUs"),
            (Wanted::ExclusivePus | Wanted::SharedMilli, Locality::Required(level)) => write!(f, " in one {level}"),
            _ => Ok(()),
        })
    }

    /// What the best of what is free has that the rest has not.
    const fn together(&self) -> &'static str {
        match (self.what, self.locality) {
            (Wanted::Devices(_), _) => "beside such PUs",
            (Wanted::DeviceMilli(_), _) => "on one device",
            (Wanted::Numbers(_) | Wanted::Items(_), _) => "those wanted",
            (Wanted::ExclusivePus, Locality::Any | Locality::Preferred(_)) => "of use to it",
            _ => "together",
        }
    }

    fn fmt_larger(&self, agent: AgentId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = Amount(self.what, self.machine);
        write!(f, "{}{}; agent {agent} has {most} when it is empty", self.asked(), self.place())
    }

    fn fmt_busy(&self, agent: AgentId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = Amount(self.what, self.free);
        write!(f, "{}{}; agent {agent} has {free} free", self.asked(), self.place())?;
        if self.best < self.free {
            write!(f, ", {} of them {}", Amount(self.what, self.best), self.together())?;
        }
        if self.what == Wanted::ExclusivePus && self.pool_pus > 0 {
            write!(f, " ({} in the shared pool)", self.pool_pus)?;
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agent = self.agent;
        match self.reason {
            Reason::Gone => write!(f, "agent {agent} or the claim on it is gone"),
            Reason::NotOwner { owner } => write!(f, "the claim on agent {agent} belongs to {owner}"),
            Reason::Invalid(invalid) => write!(f, "{invalid}"),
            Reason::NoSuchRole(role) => write!(f, "role {role} is unknown"),
            Reason::Inactive => write!(f, "agent {agent} takes no new claims"),
            Reason::Draining => write!(f, "agent {agent} is draining: it takes no new claims"),
            Reason::Offered => write!(f, "what is free on agent {agent} is offered to somebody"),
            Reason::LargerThanMachine(shortage) => shortage.fmt_larger(agent, f),
            Reason::Busy(shortage) => shortage.fmt_busy(agent, f),
            Reason::CoresLeaving(shortage) => {
                shortage.fmt_busy(agent, f)?;
                write!(f, ", and {} more once its shared pool has shrunk", shortage.leaving_pus)
            }
            Reason::StrictMemory(shortage) => {
                shortage.fmt_busy(agent, f)?;
                f.write_str(", but beside claims that require memory locality")
            }
            Reason::RoleLimit(over) => write!(f, "{over}"),
            Reason::RecordsFull { records } => {
                write!(f, "agent {agent}: the {records} claim records of its shard are used up")
            }
            Reason::Excluded(by) => write!(f, "agent {agent} is left out by {by}"),
        }
    }
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constraint(at) => write!(f, "constraint {at}"),
            Self::Predicate => f.write_str("the predicate"),
            Self::Rule(at) => write!(f, "rule {at}"),
        }
    }
}

impl Resource {
    /// The resource of which something is wanted.
    pub(crate) const fn of(what: Wanted) -> Self {
        match what {
            Wanted::ExclusivePus | Wanted::SharedMilli => Self::CpuMilli,
            Wanted::MemBytes => Self::MemBytes,
            Wanted::HugePages(size) => Self::HugePages(size),
            Wanted::SpecialMemory(kind) => Self::SpecialMemory(kind),
            Wanted::Devices(kind) | Wanted::DeviceMilli(kind) => Self::Devices(kind),
            Wanted::DiskBytes => Self::Disk,
            Wanted::Scalar(name) => Self::Scalar(name),
            Wanted::Numbers(name) => Self::Range(name),
            Wanted::Items(name) => Self::Set(name),
        }
    }

    /// How much the ledger counts as one: of what is told in bytes a page or block, else one.
    pub(crate) const fn unit(self) -> u64 {
        match self {
            Self::MemBytes | Self::SpecialMemory(_) | Self::Disk => PAGE_BYTES,
            Self::HugePages(size) => size.bytes(),
            Self::CpuMilli | Self::Devices(_) | Self::Scalar(_) | Self::Range(_) | Self::Set(_) => 1,
        }
    }

    /// What there is so much of.
    fn noun(self) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Self::HugePages(size) => write!(f, "huge pages of {size}"),
            Self::SpecialMemory(kind) => write!(f, "memory of kind {kind}"),
            Self::Devices(kind) => write!(f, "devices of kind {kind}"),
            other => write!(f, "{other}"),
        })
    }

    /// A figure with its unit; CPU and memory are known by it.
    fn figure(self, figure: u64) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Self::CpuMilli | Self::Devices(_) | Self::Scalar(_) => write!(f, "{figure} milli"),
            Self::MemBytes | Self::HugePages(_) | Self::SpecialMemory(_) | Self::Disk => write_bytes(f, figure),
            Self::Range(_) | Self::Set(_) => write!(f, "{figure}"),
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CpuMilli => f.write_str("CPU"),
            Self::MemBytes => f.write_str("memory"),
            Self::HugePages(size) => write!(f, "{size} huge page"),
            Self::SpecialMemory(kind) => write!(f, "kind {kind} memory"),
            Self::Devices(kind) => write!(f, "kind {kind} device"),
            Self::Disk => f.write_str("disk"),
            Self::Scalar(name) => write!(f, "scalar {name}"),
            Self::Range(name) => write!(f, "range {name}"),
            Self::Set(name) => write!(f, "set {name}"),
        }
    }
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, resource, .. } = *self;
        let [asked, used, limit] = [self.asked, self.used, self.limit].map(|figure| resource.figure(figure));
        match resource {
            Resource::CpuMilli | Resource::MemBytes => write!(f, "wants {asked}")?,
            _ => write!(f, "wants {asked} of {}", resource.noun())?,
        }
        write!(f, " for role {role}, which has {used} of its limit of {limit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Level;

    fn shortage() -> Shortage {
        Shortage {
            what: Wanted::ExclusivePus,
            asked: 4,
            free: 1,
            best: 1,
            machine: 8,
            pool_pus: 1,
            leaving_pus: 0,
            locality: Locality::Any,
            memory: MemoryLocality::Any,
            devices: DeviceLocality::Any,
        }
    }

    fn said(reason: Reason) -> String {
        Refusal { agent: AgentId::new(0), reason }.to_string()
    }

    #[test]
    fn sentences_an_operator_understands() {
        assert_eq!(said(Reason::Busy(shortage())), "wants 4 exclusive PUs; agent a0 has 1 free (1 in the shared pool)");
        let l3 = Shortage { locality: Locality::Required(Level::L3), free: 6, best: 2, pool_pus: 0, ..shortage() };
        assert_eq!(
            said(Reason::Busy(l3)),
            "wants 4 exclusive PUs in one L3 domain; agent a0 has 6 free, 2 of them together"
        );
        assert_eq!(
            said(Reason::LargerThanMachine(Shortage { asked: 9, ..shortage() })),
            "wants 9 exclusive PUs; agent a0 has 8 when it is empty"
        );
        assert_eq!(
            said(Reason::CoresLeaving(Shortage { asked: 2, pool_pus: 0, leaving_pus: 1, ..shortage() })),
            "wants 2 exclusive PUs; agent a0 has 1 free, and 1 more once its shared pool has shrunk"
        );
        let memory = Shortage { what: Wanted::MemBytes, asked: 3 << 29, free: 1 << 20, best: 1 << 20, ..shortage() };
        assert_eq!(said(Reason::Busy(memory)), "wants 1.5 GiB of memory; agent a0 has 1 MiB free");
    }

    #[test]
    fn nearer_reasons_rank_higher() {
        let busy = Reason::Busy(shortage()).nearness();
        assert!(Reason::CoresLeaving(shortage()).nearness() > busy);
        assert!(Reason::Busy(Shortage { best: 3, ..shortage() }).nearness() > busy);
        assert!(busy > Reason::LargerThanMachine(shortage()).nearness());
    }
}
