//! Shape: what the caller says of a machine, as plain numbers; validated once, then immutable.
//!
//! A core carries labels: L3 domain, NUMA node, package, kind. Each may be absent and they need not nest: an L3 domain may
//! span two NUMA nodes, a NUMA node eight packages, a core may be in no NUMA node at all. Only equality of labels matters.
//!
//! NUMA nodes of a kind other than 0 are *special* (HBM, CXL, GPU memory, also where they share a cpuset with another): they
//! have no cores and serve only claims that name their kind. Of the others, those with cores serve all claims; if *no* NUMA
//! node has cores, the machine's locality is unknown and all of them serve.
//!
//! What the allocator derives from it is in [`layout`](crate::layout) (leaves, pools, domains, groups) and in
//! [`extras::layout`](crate::extras::layout) (devices and the rest).

use core::fmt;

use crate::block::BlockMap;
use crate::extras::layout::ExtraLayout;
use crate::extras::{DeviceSpec, ExtrasError, HugePages, RangesSpec, ScalarSpec, SetSpec};
use crate::ids::{NumaNodeId, PuId};
use crate::layout::Layout;
use crate::memory::MAX_PAGES;
use crate::nodeset::{MAX_NUMA_NODES, NodeSet};
use crate::pool::MAX_POOL_PUS;
use crate::{MILLI_PER_PU, PAGE_BYTES, Quantities};

/// One core, as the caller describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreSpec {
    /// PUs of the core, 1 to 32.
    pub pus: u8,
    /// Which L3 cache, if any.
    pub l3: Option<u32>,
    /// Which NUMA node, if any.
    pub numa_node: Option<NumaNodeId>,
    /// Which package, if known.
    pub package: Option<u32>,
    /// Which kind of core; 0 where all are alike.
    pub kind: u32,
}

/// One NUMA node, as the caller describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumaNodeSpec {
    /// Memory to be given out, in bytes, huge pages not included; rounded down to whole pages.
    pub mem_bytes: u64,
    /// Huge pages to be given out.
    pub huge_pages: HugePages,
    /// 0 for ordinary memory; else the kind of special memory, a number of the caller's choice.
    pub kind: u32,
}

impl NumaNodeSpec {
    /// Ordinary memory, without huge pages.
    #[must_use]
    pub const fn ordinary(mem_bytes: u64) -> Self {
        Self { mem_bytes, huge_pages: HugePages { mib2: 0, gib1: 0 }, kind: 0 }
    }
}

/// A machine, as the caller describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShapeSpec {
    /// The cores. Their order gives the PUs their numbers.
    pub cores: Vec<CoreSpec>,
    /// The NUMA nodes. Their order gives them their numbers.
    pub numa_nodes: Vec<NumaNodeSpec>,
    /// Distances row by row (from, to), as in the machine's own table; or empty.
    pub distances: Vec<u32>,
    /// The devices. Their order gives them their numbers.
    pub devices: Vec<DeviceSpec>,
    /// Disk to be given out, in bytes; rounded down to blocks of 4096.
    pub disk_bytes: u64,
    /// The named scalars.
    pub scalars: Vec<ScalarSpec>,
    /// The named ranges, such as ports.
    pub ranges: Vec<RangesSpec>,
    /// The named sets.
    pub sets: Vec<SetSpec>,
}

/// A core of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// Its first PU; the others follow.
    pub first_pu: PuId,
    /// What the caller said of it.
    pub spec: CoreSpec,
}

/// A machine's shape, checked. Cheap to read, never changes; a changed machine is a new incarnation of its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    cores: Vec<Core>,
    core_of_pu: Vec<u16>,
    pages: Vec<u64>,
    distances: Vec<u32>,
    ordinary: NodeSet,
    pub(crate) layout: Layout,
    pub(crate) extras: ExtraLayout,
    pub(crate) block: BlockMap,
}

/// The most PUs of one machine: they could all be in one pool.
pub const MAX_PUS: u32 = if MAX_POOL_PUS < 4096 { MAX_POOL_PUS } else { 4096 };

/// What is wrong with a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// `cores` is empty.
    NoCores,
    /// `cores[core].pus` is not 1 to 32.
    CorePus {
        /// Position in `cores`.
        core: usize,
        /// What was given.
        pus: u8,
    },
    /// More than [`MAX_PUS`] PUs.
    TooManyPus,
    /// `cores[core].numa_node` is not in `numa_nodes`.
    CoreNumaNode {
        /// Position in `cores`.
        core: usize,
        /// What was given.
        numa_node: NumaNodeId,
    },
    /// `cores[core].numa_node` is one of special memory.
    SpecialWithCores {
        /// Position in `cores`.
        core: usize,
        /// What was given.
        numa_node: NumaNodeId,
    },
    /// More than 64 entries in `numa_nodes`.
    TooManyNumaNodes {
        /// How many were given.
        numa_nodes: usize,
    },
    /// `numa_nodes[numa_node].mem_bytes` is 2⁴⁵ or more.
    TooMuchMemory {
        /// The NUMA node.
        numa_node: usize,
    },
    /// `distances` is neither empty nor one row per NUMA node.
    Distances {
        /// How many were given.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// The labels cut the cores into more than 1024 leaves.
    TooManyLeaves {
        /// How many leaves there would be.
        leaves: usize,
    },
    /// The labels give more than 128 different sets of NUMA nodes.
    TooManyGroups {
        /// How many sets there would be.
        groups: usize,
    },
    /// All 64 NUMA nodes have cores, and some cores are in none: one pool too many.
    TooManyPools,
    /// Something is wrong with devices, disk, scalars, ranges, sets or huge pages.
    Extras(ExtrasError),
}

impl From<ExtrasError> for ShapeError {
    fn from(error: ExtrasError) -> Self {
        Self::Extras(error)
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoCores => write!(f, "cores is empty: a machine needs at least one core"),
            Self::CorePus { core, pus } => write!(f, "cores[{core}].pus is {pus}: give 1 to 32"),
            Self::TooManyPus => write!(f, "cores have more than {MAX_PUS} PUs together: split the machine"),
            Self::CoreNumaNode { core, numa_node } => {
                write!(f, "cores[{core}].numa_node is {numa_node}, which numa_nodes does not have")
            }
            Self::SpecialWithCores { core, numa_node } => {
                write!(f, "cores[{core}].numa_node is {numa_node}, whose kind is not 0: ")?;
                f.write_str("name the ordinary NUMA node of its cpuset, or give that one kind 0")
            }
            Self::TooManyNumaNodes { numa_nodes } => {
                write!(f, "numa_nodes has {numa_nodes} entries: give at most {MAX_NUMA_NODES}, leave out empty ones")
            }
            Self::TooMuchMemory { numa_node } => {
                write!(f, "numa_nodes[{numa_node}].mem_bytes is too large: give less than 2^45 bytes")
            }
            Self::Distances { found, expected } => {
                write!(f, "distances has {found} entries: give {expected}, a row per NUMA node, or none")
            }
            Self::TooManyLeaves { leaves } => {
                write!(f, "cores have too many different labels: {leaves} leaves, at most 1024")
            }
            Self::TooManyGroups { groups } => {
                write!(f, "cores.package and cores.l3 give {groups} different sets of NUMA nodes, at most 128")
            }
            Self::TooManyPools => write!(f, "cores are in 64 NUMA nodes and also in none: give at most 63 with cores"),
            Self::Extras(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for ShapeError {}

impl Shape {
    /// Checks a description and derives the layout.
    ///
    /// # Errors
    /// [`ShapeError`], naming the field and what to give.
    pub fn new(spec: &ShapeSpec) -> Result<Self, ShapeError> {
        check_cores(spec)?;
        let pages = check_memory(spec)?;
        let mut cores = Vec::with_capacity(spec.cores.len());
        let mut core_of_pu = Vec::new();
        for (at, &core) in (0_u16..).zip(&spec.cores) {
            let first_pu = u16::try_from(core_of_pu.len()).map_err(|_| ShapeError::TooManyPus)?;
            cores.push(Core { first_pu: PuId::new(first_pu), spec: core });
            core_of_pu.extend(core::iter::repeat_n(at, usize::from(core.pus)));
        }
        let with_cores: NodeSet = spec.cores.iter().filter_map(|core| core.numa_node).collect();
        let layout = Layout::new(&cores)?;
        let extras = ExtraLayout::new(spec)?;
        let ordinary = if with_cores.len() > 0 { with_cores } else { extras.of_kind(0).collect() };
        let block = BlockMap::new(&layout, pages.len(), extras.words().len());
        Ok(Self { cores, core_of_pu, pages, distances: spec.distances.clone(), ordinary, layout, extras, block })
    }

    /// PUs of the machine.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "checked to be at most MAX_PUS")]
    pub fn pus(&self) -> u32 {
        self.core_of_pu.len() as u32
    }

    /// The cores, in the order given.
    pub fn cores(&self) -> impl Iterator<Item = &Core> {
        self.cores.iter()
    }

    /// The core at a position.
    #[must_use]
    pub fn core(&self, at: usize) -> Option<&Core> {
        self.cores.get(at)
    }

    /// The core of a PU.
    #[must_use]
    pub fn core_of(&self, pu: PuId) -> Option<&Core> {
        self.cores.get(usize::from(*self.core_of_pu.get(pu.index())?))
    }

    /// How many NUMA nodes there are, with or without cores.
    #[must_use]
    pub fn numa_nodes(&self) -> usize {
        self.pages.len()
    }

    /// Memory of a NUMA node in bytes.
    #[must_use]
    pub fn mem_bytes(&self, numa_node: NumaNodeId) -> Option<u64> {
        self.pages.get(numa_node.index()).map(|pages| pages * PAGE_BYTES)
    }

    /// The devices, in the order given.
    #[must_use]
    pub fn devices(&self) -> &[DeviceSpec] {
        self.extras.devices()
    }

    /// All PUs and all memory, also of NUMA nodes without cores.
    #[must_use]
    pub fn total(&self) -> Quantities {
        Quantities {
            cpu_milli: u64::from(self.pus()) * u64::from(MILLI_PER_PU),
            mem_bytes: self.pages.iter().sum::<u64>() * PAGE_BYTES,
        }
    }

    /// Cache lines that the words of such an agent take in a table: for [`Capacity::lines`](crate::Capacity::lines).
    #[must_use]
    pub const fn lines(&self) -> u32 {
        self.block.lines()
    }

    /// The NUMA nodes whose memory serves claims that name none.
    pub(crate) const fn ordinary(&self) -> NodeSet {
        self.ordinary
    }

    pub(crate) fn pages(&self) -> &[u64] {
        &self.pages
    }

    /// The position in `cores` of a PU's core.
    pub(crate) fn core_index(&self, pu: PuId) -> Option<u16> {
        self.core_of_pu.get(pu.index()).copied()
    }

    /// Distance from the nearest of some NUMA nodes; 0 when it is one of them, or when there are none.
    pub(crate) fn distance_from(&self, near: NodeSet, to: NumaNodeId) -> u32 {
        if near.has(to) {
            return 0;
        }
        near.iter().map(|from| self.distance(from, to)).min().unwrap_or(0)
    }

    /// Distance between two NUMA nodes; without a table, near and far.
    pub(crate) fn distance(&self, from: NumaNodeId, to: NumaNodeId) -> u32 {
        let row = from.index() * self.pages.len() + to.index();
        self.distances.get(row).copied().unwrap_or(if from == to { 10 } else { 20 })
    }
}

fn check_cores(spec: &ShapeSpec) -> Result<(), ShapeError> {
    if spec.cores.is_empty() {
        return Err(ShapeError::NoCores);
    }
    let mut pus = 0_u32;
    for (at, core) in spec.cores.iter().enumerate() {
        if core.pus == 0 || core.pus > 32 {
            return Err(ShapeError::CorePus { core: at, pus: core.pus });
        }
        pus += u32::from(core.pus);
        if pus > MAX_PUS {
            return Err(ShapeError::TooManyPus);
        }
        if let Some(numa_node) = core.numa_node {
            check_core_numa_node(spec, at, numa_node)?;
        }
    }
    Ok(())
}

fn check_core_numa_node(spec: &ShapeSpec, core: usize, numa_node: NumaNodeId) -> Result<(), ShapeError> {
    match spec.numa_nodes.get(numa_node.index()) {
        None => Err(ShapeError::CoreNumaNode { core, numa_node }),
        Some(named) if named.kind != 0 => Err(ShapeError::SpecialWithCores { core, numa_node }),
        Some(_) => Ok(()),
    }
}

/// The pages of each NUMA node.
fn check_memory(spec: &ShapeSpec) -> Result<Vec<u64>, ShapeError> {
    let numa_nodes = spec.numa_nodes.len();
    if numa_nodes > MAX_NUMA_NODES {
        return Err(ShapeError::TooManyNumaNodes { numa_nodes });
    }
    let expected = numa_nodes * numa_nodes;
    if !spec.distances.is_empty() && spec.distances.len() != expected {
        return Err(ShapeError::Distances { found: spec.distances.len(), expected });
    }
    let pages: Vec<u64> = spec.numa_nodes.iter().map(|numa_node| numa_node.mem_bytes / PAGE_BYTES).collect();
    match pages.iter().position(|&pages| pages > MAX_PAGES) {
        Some(numa_node) => Err(ShapeError::TooMuchMemory { numa_node }),
        None => Ok(pages),
    }
}
