//! What is known of a machine, as plain data in the words of this project.
//!
//! Rules, upheld by `assemble`, the only maker of a [`Topology`]:
//! 1. Every existing PU is in exactly one core. A machine whose source names no cores has one core per PU.
//! 2. Packages, L3 domains, dies and core kinds are named by their position in the lists here; PUs and NUMA
//!    nodes by their operating-system index, which may be sparse.
//! 3. A core carries its labels, each possibly absent, and labels need not nest: one L3 may span two NUMA
//!    nodes, one NUMA node eight packages, and a core may be in no NUMA node.
//! 4. Everything is sorted by where it is in the machine, never by the order in which it was found.
//! 5. Existing and allowed are different things: another cgroup's partition takes PUs out of
//!    [`Topology::allowed`], never out of the machine.
//!
//! Memory is in bytes, frequencies in MHz.

use serde::{Serialize, Serializer};

use crate::set::{CpuSet, NodeSet};

/// A machine's topology: read-only, without a tie to hwloc.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topology {
    pub(crate) is_this_machine: bool,
    #[serde(serialize_with = "as_hex")]
    pub(crate) hash: u64,
    pub(crate) machine_name: Option<String>,
    pub(crate) pus: CpuSet,
    pub(crate) allowed: CpuSet,
    pub(crate) offline: CpuSet,
    pub(crate) allowed_numa_nodes: NodeSet,
    pub(crate) packages: Vec<Package>,
    pub(crate) numa_nodes: Vec<NumaNode>,
    pub(crate) l3_domains: Vec<L3Domain>,
    pub(crate) die_count: u32,
    pub(crate) core_kinds: Vec<CoreKind>,
    pub(crate) cores: Vec<Core>,
    pub(crate) distances: Option<Distances>,
    pub(crate) devices: Vec<Device>,
}

impl Topology {
    /// Whether this is the machine the program runs on, so that pinning by these indices means something.
    #[must_use]
    pub const fn is_this_machine(&self) -> bool {
        self.is_this_machine
    }

    /// What the machine calls itself (its product name), where the source says.
    #[must_use]
    pub fn machine_name(&self) -> Option<&str> {
        self.machine_name.as_deref()
    }

    /// A number for the machine's structure: equal for equal machines, whatever they were loaded from and
    /// when. See `structure_hash` in `hash.rs` for what it covers and how it is computed.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Every online PU of the machine.
    #[must_use]
    pub const fn pus(&self) -> &CpuSet {
        &self.pus
    }

    /// The PUs this program may use: a subset of [`pus`](Self::pus).
    #[must_use]
    pub const fn allowed(&self) -> &CpuSet {
        &self.allowed
    }

    /// PUs the machine has and the kernel does not run on now.
    #[must_use]
    pub const fn offline(&self) -> &CpuSet {
        &self.offline
    }

    /// The NUMA nodes this program may take memory from.
    #[must_use]
    pub const fn allowed_numa_nodes(&self) -> &NodeSet {
        &self.allowed_numa_nodes
    }

    /// Packages (sockets), by their lowest PU.
    #[must_use]
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// NUMA nodes, by their operating-system index.
    #[must_use]
    pub fn numa_nodes(&self) -> &[NumaNode] {
        &self.numa_nodes
    }

    /// The NUMA node with this operating-system index.
    #[must_use]
    pub fn numa_node(&self, os_index: u32) -> Option<&NumaNode> {
        let at = self.numa_nodes.binary_search_by_key(&os_index, |numa_node| numa_node.os_index);
        at.ok().and_then(|at| self.numa_nodes.get(at))
    }

    /// L3 domains (the cores that share an L3 cache), by their lowest PU; empty where no L3 is known.
    #[must_use]
    pub fn l3_domains(&self) -> &[L3Domain] {
        &self.l3_domains
    }

    /// How many dies the source names; 0 where it names none.
    #[must_use]
    pub const fn die_count(&self) -> u32 {
        self.die_count
    }

    /// Kinds of cores, least powerful first; empty where the source does not tell cores apart.
    #[must_use]
    pub fn core_kinds(&self) -> &[CoreKind] {
        &self.core_kinds
    }

    /// Cores, neighbours beside each other: by package, NUMA node, L3 domain, lowest PU.
    #[must_use]
    pub fn cores(&self) -> &[Core] {
        &self.cores
    }

    /// Distances between NUMA nodes, where known.
    #[must_use]
    pub const fn distances(&self) -> Option<&Distances> {
        self.distances.as_ref()
    }

    /// Devices, by PCI address; those without one last.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }
}

/// A package: what sits in one socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Position among [`Topology::packages`].
    pub index: u32,
    /// The operating system's number, which some firmware makes large or repeats.
    pub os_index: Option<u32>,
    /// The processor's name for people.
    pub processor: Option<String>,
    /// Its PUs.
    pub cpuset: CpuSet,
}

/// A NUMA node: memory, and the PUs it is local to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumaNode {
    /// The operating system's number: what `cpuset.mems` and the memory policy calls take.
    pub os_index: u32,
    /// Its memory, huge pages included; 0 where the source does not know.
    pub mem_bytes: u64,
    /// Huge pages set aside in it.
    pub huge_pages: Vec<HugePages>,
    /// The PUs it is local to; several NUMA nodes may name the same ones, and some name none.
    pub cpuset: CpuSet,
    /// What hwloc calls its memory when it is not ordinary: `MCDRAM`, `HBM`, `GPUMemory`.
    pub subtype: Option<String>,
    /// Whether no core carries its label: it serves only those who name it.
    pub memory_only: bool,
}

/// Huge pages of one size in one NUMA node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HugePages {
    /// Size of one page.
    pub page_bytes: u64,
    /// How many are set aside.
    pub count: u64,
}

/// The PUs that share one L3 cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct L3Domain {
    /// Position among [`Topology::l3_domains`].
    pub index: u32,
    /// Size of the cache; 0 where the source does not know.
    pub size_bytes: u64,
    /// Its PUs.
    pub cpuset: CpuSet,
}

/// A core: the PUs (SMT siblings) that share one pipeline, and where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Core {
    /// Position among [`Topology::cores`].
    pub index: u32,
    /// The operating system's number, often repeated in every package.
    pub os_index: Option<u32>,
    /// Its PUs, at least one.
    pub pus: CpuSet,
    /// Position among [`Topology::packages`].
    pub package: Option<u32>,
    /// Which die, counted over the machine.
    pub die: Option<u32>,
    /// Operating-system index of its local ordinary memory.
    pub numa_node: Option<u32>,
    /// Position among [`Topology::l3_domains`].
    pub l3: Option<u32>,
    /// Position among [`Topology::core_kinds`].
    pub kind: Option<u32>,
}

/// One kind of core of a machine that may have several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoreKind {
    /// Position among [`Topology::core_kinds`].
    pub index: u32,
    /// hwloc's rank: the higher the more powerful. Absent where it cannot tell.
    pub efficiency: Option<u32>,
    /// The vendor's name for it, such as `IntelAtom`.
    pub name: Option<String>,
    /// Highest frequency in MHz.
    pub frequency_max_mhz: Option<u32>,
    /// PUs of this kind.
    pub cpuset: CpuSet,
}

/// Distances between NUMA nodes as the firmware tells them: 10 is local, 20 twice as far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distances {
    /// Operating-system indices of the NUMA nodes, ascending: rows and columns.
    pub numa_nodes: Vec<u32>,
    /// Row by row: from the first NUMA node to each, then from the second.
    pub values: Vec<u32>,
}

impl Distances {
    /// From one NUMA node to another, by operating-system index.
    #[must_use]
    pub fn between(&self, from: u32, to: u32) -> Option<u32> {
        let row = self.numa_nodes.binary_search(&from).ok()?;
        let column = self.numa_nodes.binary_search(&to).ok()?;
        self.values.get(row * self.numa_nodes.len() + column).copied()
    }
}

/// A device worth being near to: a PCI function, or an operating-system device without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// What it is for.
    pub kind: DeviceKind,
    /// Its best name: that of its operating-system device, else the PCI address.
    pub name: String,
    /// Vendor and model for people.
    pub model: Option<String>,
    /// What the operating system calls it, one entry per device file or interface.
    pub os_devices: Vec<OsDevice>,
    /// The PCI function behind it.
    pub pci: Option<PciFunction>,
    /// Operating-system index of the NUMA node it hangs on; absent when it is near to several, or to none.
    pub numa_node: Option<u32>,
    /// The PUs it is near to.
    pub cpuset: CpuSet,
}

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Computes: a graphics or accelerator card. The display chip of a management controller is `Other`.
    Gpu,
    /// Talks to a network: Ethernet, InfiniBand.
    Nic,
    /// Stores blocks: a disk, or the controller of some.
    Block,
    /// Anything else.
    Other,
}

/// One name the operating system has for a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OsDevice {
    /// The name: `nvme0n1`, `eth0`, `renderD128`.
    pub name: String,
    /// What hwloc takes it for.
    pub kind: OsDeviceKind,
}

/// hwloc's types of operating-system devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OsDeviceKind {
    /// Stores blocks, or is memory that pretends to.
    Storage,
    /// Draws, or computes.
    Gpu,
    /// A network interface.
    Network,
    /// An InfiniBand or RDMA device.
    OpenFabrics,
    /// Moves memory.
    Dma,
    /// A compute interface: CUDA, `OpenCL`.
    CoProcessor,
    /// A type of a newer hwloc.
    Unknown,
}

/// One PCI function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PciFunction {
    /// `0000:61:00.0`, as sysfs writes it.
    pub address: String,
    /// Base class in the high byte, subclass in the low one.
    pub class: u16,
    /// Who made it.
    pub vendor_id: u16,
    /// Which of that vendor's devices it is.
    pub device_id: u16,
}

fn as_hex<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:016x}"))
}
