//! What the picture of a machine shows, free of where it is known from.
//!
//! The order of everything is the order of drawing. A machine whose labels do not nest is told by parts:
//! an L3 that spans two NUMA nodes appears in both, with the cores it has in each.

/// A machine: packages of NUMA nodes of L3 domains of cores of PUs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MachineMap {
    /// What the machine calls itself.
    pub name: Option<String>,
    /// Packages.
    pub packages: Vec<PackageMap>,
    /// Memory without cores of its own: the NUMA node's operating-system index, what it is, how much.
    pub memory_only: Vec<(u32, String, MemoryMap)>,
    /// Devices near to no single NUMA node.
    pub devices: Vec<DeviceMark>,
}

/// A package; without an index, the cores in none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PackageMap {
    /// Its position in the machine.
    pub index: Option<u32>,
    /// The processor's name.
    pub processor: Option<String>,
    /// NUMA nodes with cores in this package.
    pub numa_nodes: Vec<NumaNodeMap>,
}

/// A NUMA node, or the part of it in one package; without an index, the cores in none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NumaNodeMap {
    /// Its operating-system index.
    pub os_index: Option<u32>,
    /// Its memory; absent if unknown, or told with an earlier part.
    pub memory: Option<MemoryMap>,
    /// L3 domains with cores in this NUMA node.
    pub l3_domains: Vec<L3Map>,
    /// Devices that hang on it.
    pub devices: Vec<DeviceMark>,
}

/// Memory of one NUMA node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MemoryMap {
    /// What claims hold of it.
    pub used_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// Equal cores under one L3, or the part of them in one NUMA node; without an index, cores under none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct L3Map {
    /// Its position in the machine.
    pub index: Option<u32>,
    /// Size of the cache; 0 if unknown.
    pub size_bytes: u64,
    /// What tells these cores from others of the machine, if anything.
    pub kind: Option<String>,
    /// The cores.
    pub cores: Vec<CoreMap>,
}

/// A core: SMT siblings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CoreMap {
    /// Its PUs.
    pub pus: Vec<PuCell>,
}

/// One PU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PuCell {
    /// Its operating-system index.
    pub os_index: u32,
    /// Who has it.
    pub state: PuState,
}

/// Who has a PU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PuState {
    /// Nobody.
    Free,
    /// One owner alone, by the label that the legend shows.
    Exclusive(String),
    /// The shared pool.
    Pool,
    /// It exists, and this agent may not use it.
    Disallowed,
    /// The kernel does not run on it.
    Offline,
}

/// A device worth showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceMark {
    /// What it is for, in one short word: `gpu`.
    pub kind: String,
    /// What it is called.
    pub name: String,
}

impl MachineMap {
    /// Every NUMA node, in order of drawing.
    pub(crate) fn numa_nodes(&self) -> impl Iterator<Item = &NumaNodeMap> {
        self.packages.iter().flat_map(|package| &package.numa_nodes)
    }

    /// Every L3 domain, in order of drawing.
    pub(crate) fn l3_domains(&self) -> impl Iterator<Item = &L3Map> {
        self.numa_nodes().flat_map(|numa_node| &numa_node.l3_domains)
    }

    /// Every core, in order of drawing.
    pub(crate) fn cores(&self) -> impl Iterator<Item = &CoreMap> {
        self.l3_domains().flat_map(|l3| &l3.cores)
    }

    /// Every PU, in order of drawing.
    pub(crate) fn pus(&self) -> impl Iterator<Item = &PuCell> {
        self.cores().flat_map(|core| &core.pus)
    }

    /// Every PU, to say who has it.
    pub(crate) fn pus_mut(&mut self) -> impl Iterator<Item = &mut PuCell> {
        self.packages
            .iter_mut()
            .flat_map(|package| &mut package.numa_nodes)
            .flat_map(|numa_node| &mut numa_node.l3_domains)
            .flat_map(|l3| &mut l3.cores)
            .flat_map(|core| &mut core.pus)
    }

    /// Every NUMA node's memory with its index, to say how much is used.
    pub(crate) fn memories_mut(&mut self) -> impl Iterator<Item = (u32, &mut MemoryMap)> {
        let nested = self.packages.iter_mut().flat_map(|package| &mut package.numa_nodes);
        let nested = nested.filter_map(|n| Some((n.os_index?, n.memory.as_mut()?)));
        let memory_only = self.memory_only.iter_mut();
        nested.chain(memory_only.map(|(os_index, _, memory)| (*os_index, memory)))
    }
}
