//! Machines and names for tests, told in a few numbers.

use meros_alloc_core::{
    AgentId, CoreSpec, DeviceSpec, Holder, HugePages, NameId, NumaNodeId, NumaNodeSpec, Owner, RangesSpec, RoleId,
    ScalarSpec, SetSpec, ShapeSpec, Span,
};

pub(crate) const ROLE: RoleId = RoleId::new(0);
pub(crate) const AGENT: AgentId = AgentId::new(0);

pub(crate) fn holder(owner: u64) -> Holder {
    Holder { owner: Owner::new(owner), role: ROLE }
}

/// A regular machine: cores dealt out evenly, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) pus_per_core: u8,
    /// 0: no L3.
    pub(crate) l3: usize,
    pub(crate) numa_nodes: usize,
    pub(crate) packages: usize,
    /// Per NUMA node.
    pub(crate) mem_bytes: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self { cores: 2, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: 1 << 30 }
    }
}

impl Machine {
    pub(crate) fn spec(self) -> ShapeSpec {
        let label = |core: usize, domains: usize| u32::try_from(core * domains / self.cores).unwrap();
        let cores = (0..self.cores).map(|core| CoreSpec {
            pus: self.pus_per_core,
            l3: (self.l3 > 0).then(|| label(core, self.l3)),
            numa_node: Some(NumaNodeId::new(u16::try_from(core * self.numa_nodes / self.cores).unwrap())),
            package: Some(label(core, self.packages)),
            kind: 0,
        });
        let numa_nodes = vec![NumaNodeSpec::ordinary(self.mem_bytes); self.numa_nodes];
        ShapeSpec { cores: cores.collect(), numa_nodes, ..ShapeSpec::default() }
    }
}

/// One package without L3.
pub(crate) fn spec(cores: usize, pus_per_core: u8, numa_nodes: usize, mem_bytes: u64) -> ShapeSpec {
    Machine { cores, pus_per_core, numa_nodes, mem_bytes, ..Machine::default() }.spec()
}

/// Kinds and names of [`with_extras`].
pub(crate) const HBM: u32 = 1;
pub(crate) const GPU: u32 = 7;
pub(crate) const NIC: u32 = 9;
pub(crate) const TOKENS: NameId = NameId::new(3);
pub(crate) const PORTS: NameId = NameId::new(4);
pub(crate) const LABELS: NameId = NameId::new(5);

/// A machine with some of everything: two NUMA nodes of four cores of two PUs with two GPUs each, a third and fourth of HBM
/// (the third near the first, the fourth near the second), a network card on no NUMA node, ports with a gap.
pub(crate) fn with_extras() -> ShapeSpec {
    let mut spec =
        Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 2, mem_bytes: 16 * 4096 }.spec();
    for numa_node in &mut spec.numa_nodes {
        numa_node.huge_pages = HugePages { mib2: 4, gib1: 1 };
    }
    spec.numa_nodes.extend([NumaNodeSpec { mem_bytes: 8 * 4096, kind: HBM, ..NumaNodeSpec::default() }; 2]);
    spec.distances = vec![10, 20, 13, 23, 20, 10, 23, 13, 13, 23, 10, 23, 23, 13, 23, 10];
    let gpu = |at| DeviceSpec { kind: GPU, numa_node: Some(NumaNodeId::new(at)) };
    spec.devices = vec![gpu(0), gpu(1), gpu(0), gpu(1), DeviceSpec { kind: NIC, numa_node: None }];
    spec.disk_bytes = 100 * 4096 + 5;
    spec.scalars = vec![ScalarSpec { name: TOKENS, milli: 5500 }];
    spec.ranges = vec![RangesSpec {
        name: PORTS,
        spans: vec![Span { first: 31_000, last: 31_059 }, Span { first: 40_000, last: 40_009 }],
    }];
    spec.sets = vec![SetSpec { name: LABELS, items: 5 }];
    spec
}
