//! Machines and names for tests, told in a few numbers.

use meros_alloc_core::{AgentId, CoreSpec, Holder, NumaNodeId, NumaNodeSpec, Owner, RoleId, ShapeSpec};

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
        let numa_nodes = vec![NumaNodeSpec { mem_bytes: self.mem_bytes }; self.numa_nodes];
        ShapeSpec { cores: cores.collect(), numa_nodes, distances: Vec::new() }
    }
}

/// One package without L3.
pub(crate) fn spec(cores: usize, pus_per_core: u8, numa_nodes: usize, mem_bytes: u64) -> ShapeSpec {
    Machine { cores, pus_per_core, numa_nodes, mem_bytes, ..Machine::default() }.spec()
}
