//! A small tree of roles, with limits of all that a machine has, against the oracle.

use super::super::machines::{AGENT, ROLE};
use super::super::oracle::{Known, Oracle};
use super::World;
use meros_alloc_core::{
    Holder, HugeSize, Limit, NumaNodeMemory, Owner, PAGE_BYTES, Picked, Placement, Quantities, Reason, Resource,
    RoleId, ShapeSpec, Table,
};

/// How many roles there are.
pub(in super::super) const COUNT: u16 = 4;
/// What each is under.
const PARENTS: [Option<RoleId>; COUNT as usize] =
    [None, Some(RoleId::new(0)), Some(RoleId::new(1)), Some(RoleId::new(0))];

/// A role by any number.
pub(super) fn nth(at: usize) -> RoleId {
    RoleId::new(u16::try_from(at % usize::from(COUNT)).unwrap())
}

fn all() -> impl Iterator<Item = RoleId> {
    (0..COUNT).map(RoleId::new)
}

/// Adds all of them.
pub(super) fn add(table: &Table) {
    for (role, parent) in all().zip(PARENTS) {
        let added = match parent {
            None => table.add_role(Limit::default()),
            Some(parent) => table.add_role_under(parent, Limit::default()),
        };
        assert_eq!((added, table.parent_of(role)), (Ok(role), parent));
    }
}

/// Whether a role is another one or below it.
fn is_within(role: RoleId, top: RoleId) -> bool {
    role == top || PARENTS[role.index()].is_some_and(|parent| is_within(parent, top))
}

/// The holder of a claim.
pub(super) fn of(known: &Known) -> Holder {
    Holder { owner: Owner::new(known.owner), role: known.role }
}

/// What a role is charged of a resource for what a claim holds.
fn amount(spec: &ShapeSpec, placement: &Placement, resource: Resource) -> u64 {
    let (Quantities { cpu_milli, mem_bytes }, extras) = (placement.quantities(), &placement.extras);
    let bytes = |memory: &NumaNodeMemory| memory.mem_bytes;
    let huge = |size: HugeSize| extras.huge_pages.iter().map(move |huge| huge.pages.get(size) * size.bytes()).sum();
    let count = |picked: &[Picked], name| {
        let spans = picked.iter().filter(|picked| picked.name == name).flat_map(|picked| &picked.spans);
        spans.map(|span| span.last - span.first + 1).sum()
    };
    match resource {
        Resource::CpuMilli => cpu_milli,
        Resource::MemBytes => mem_bytes,
        Resource::HugePages(size) => huge(size),
        Resource::SpecialMemory(kind) => {
            let of_kind = |memory: &&NumaNodeMemory| spec.numa_nodes[memory.numa_node.index()].kind == kind;
            extras.special_memory.iter().filter(of_kind).map(bytes).sum()
        }
        Resource::Devices(kind) => {
            let of_kind = extras.devices.iter().filter(|share| spec.devices[share.device.index()].kind == kind);
            of_kind.map(|share| u64::from(share.milli)).sum()
        }
        Resource::Disk => extras.disk_bytes,
        Resource::Scalar(name) => {
            extras.scalars.iter().filter(|scalar| scalar.name == name).map(|scalar| scalar.milli).sum()
        }
        Resource::Range(name) => count(&extras.ranges, name),
        Resource::Set(name) => count(&extras.sets, name),
    }
}

/// What a role is charged by the claims of it and of all below it.
fn charged(oracle: &Oracle, role: RoleId, resource: Resource) -> u64 {
    let claims = oracle.claims.values().filter(|known| is_within(known.role, role));
    claims.map(|known| amount(&oracle.spec, &known.placement, resource)).sum()
}

impl World {
    /// Who claims now.
    pub(in super::super) fn me(&self) -> Holder {
        Holder { owner: Owner::new(1), role: self.role }
    }

    /// Of what a claim has, its role and those above have no more than they may. A claim of none of it is granted even where a limit was
    /// lowered.
    pub(in super::super) fn check_limits(&self, role: RoleId, new: &Placement) {
        for ((limited, resource), limit) in self.limits.iter().filter(|((limited, _), _)| is_within(role, *limited)) {
            let used = charged(&self.oracle, *limited, *resource);
            assert!(
                amount(&self.spec, new, *resource) == 0 || used <= *limit,
                "granted beyond the limit of {limit} of {resource} for {limited}: {used}"
            );
        }
    }

    /// Whether a role's limit is the reason; it must be one that the claim's role is under, and its figures must be true.
    pub(in super::super) fn refused_by_limit(&self, reason: Reason) -> bool {
        let Reason::RoleLimit(told) = reason else { return false };
        let used = charged(&self.oracle, told.role, told.resource);
        let limit = self.limits.get(&(told.role, told.resource)).copied();
        assert_eq!((told.used, Some(told.limit)), (used, limit), "{told:?}");
        assert!(is_within(self.role, told.role) && told.asked > 0, "{told:?} for {}", self.role);
        assert!(told.used.saturating_add(told.asked) > told.limit, "{told:?} is within the limit");
        true
    }

    /// As a role that may not be the one that claims now.
    pub(in super::super) fn as_role<R>(&mut self, role: RoleId, work: impl FnOnce(&mut Self) -> R) -> R {
        let before = core::mem::replace(&mut self.role, role);
        let result = work(self);
        self.role = before;
        result
    }

    pub(super) fn set_role(&mut self, at: usize) -> bool {
        self.role = nth(at);
        true
    }

    fn limit(&mut self, role: RoleId, resource: Resource, limit: Option<u64>) {
        match limit {
            Some(limit) => self.limits.insert((role, resource), limit),
            None => self.limits.remove(&(role, resource)),
        };
    }

    /// What the role has stays, even beyond the limit.
    pub(super) fn set_limit(&mut self, limit: Limit) -> bool {
        self.table.set_limit(ROLE, limit).unwrap();
        self.limit(ROLE, Resource::CpuMilli, limit.cpu_milli);
        self.limit(ROLE, Resource::MemBytes, limit.mem_bytes.map(|bytes| bytes / PAGE_BYTES * PAGE_BYTES));
        true
    }

    /// Limits something that the machine has; most figures are in the way of some claims.
    pub(super) fn set_limit_of(&mut self, at: usize, resource: usize, figure: u8) -> bool {
        let (role, resources) = (nth(at), self.table.resources());
        let resource = resources[resource % resources.len()];
        let unit = match resource {
            Resource::CpuMilli | Resource::Devices(_) => 100,
            Resource::MemBytes | Resource::SpecialMemory(_) | Resource::Disk => PAGE_BYTES,
            Resource::HugePages(size) => size.bytes(),
            Resource::Scalar(_) => 50,
            Resource::Range(_) | Resource::Set(_) => 1,
        };
        let limit = (figure < 200).then(|| u64::from(figure % 40) * unit);
        self.table.set_limit_of(role, resource, limit).unwrap();
        self.limit(role, resource, limit);
        true
    }

    /// Every role is charged what its claims and those of the roles below it hold.
    pub(super) fn check_roles(&self) {
        for role in all() {
            let of = |resource| charged(&self.oracle, role, resource);
            let quantities = Quantities { cpu_milli: of(Resource::CpuMilli), mem_bytes: of(Resource::MemBytes) };
            assert_eq!(self.table.role_used(role), Some(quantities));
            for resource in self.table.resources() {
                assert_eq!(self.table.role_used_of(role, resource), Some(of(resource)), "{resource} of {role}");
            }
        }
        assert!(self.table.state(AGENT).is_some());
    }
}
