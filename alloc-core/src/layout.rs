//! Layout: what the allocator derives from a shape's labels, once.
//!
//! - **Leaf**: cores with equal labels and equal width, cut into pieces of at most 32 PUs: one word each. A core lies in
//!   a leaf side by side with its siblings: core `i` of a leaf owns the bits from `i * pus_per_core` on.
//! - **Pool**: the leaves of one NUMA node, or of the cores that are in none.
//! - **Domain**: the leaves that share an L3 domain, a NUMA node or a package.
//! - **Group**: a set of several NUMA nodes that one claim may be promised memory of: those of a package, those of an L3
//!   domain, and all that have cores. The list is fixed by the shape: were any set allowed, each odd one would close its
//!   NUMA nodes to all others.
//!
//! Leaves are in order of NUMA node, package, L3 domain, kind; this is the canonical order in which claims take them.

use std::collections::BTreeMap;

use crate::ids::NumaNodeId;
use crate::nodeset::{MAX_NUMA_NODES, NodeSet};
use crate::part::{MAX_GROUPS, MAX_INDEX};
use crate::request::Level;
use crate::shape::{Core, CoreSpec, ShapeError};

const LEAF_PUS: usize = 32;

/// Cores with equal labels that share a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeafShape {
    pub(crate) pus_per_core: u32,
    /// Positions in the shape's cores.
    pub(crate) cores: Vec<u16>,
    pub(crate) numa_node: Option<NumaNodeId>,
    pub(crate) pool: u16,
    /// Whether its cores have a label of L3 domain, and of package.
    pub(crate) has_l3: bool,
    pub(crate) has_package: bool,
}

impl LeafShape {
    #[expect(clippy::cast_possible_truncation, reason = "a leaf has at most 32 cores")]
    pub(crate) fn pus(&self) -> u32 {
        self.cores.len() as u32 * self.pus_per_core
    }

    /// Whether the leaf is inside one domain of a level.
    pub(crate) const fn is_within(&self, level: Level) -> bool {
        match level {
            Level::Core => self.cores.len() == 1,
            Level::L3 => self.has_l3,
            Level::NumaNode => self.numa_node.is_some(),
            Level::Package => self.has_package,
        }
    }

    /// The bits of the core at position `at` of this leaf.
    pub(crate) fn core_bits(&self, at: u32) -> u32 {
        crate::leaf::first_pus(self.pus_per_core) << (at * self.pus_per_core)
    }
}

/// The leaves whose shared claims share a cpuset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolShape {
    pub(crate) numa_node: Option<NumaNodeId>,
    pub(crate) leaves: Vec<u16>,
    /// The package, when all its cores are in one.
    pub(crate) package: Option<u32>,
}

/// Where a core's bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CorePlace {
    pub(crate) leaf: u16,
    pub(crate) pus: u32,
}

/// What a shape's labels come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) leaves: Vec<LeafShape>,
    pub(crate) pools: Vec<PoolShape>,
    pub(crate) groups: Vec<NodeSet>,
    places: Vec<CorePlace>,
    l3: Vec<Vec<u16>>,
    numa_node: Vec<Vec<u16>>,
    package: Vec<Vec<u16>>,
    /// One domain of all leaves.
    whole: Vec<Vec<u16>>,
}

type Labels = (Option<NumaNodeId>, Option<u32>, Option<u32>, u32, u8);

fn labels(core: &CoreSpec) -> Labels {
    (core.numa_node, core.package, core.l3, core.kind, core.pus)
}

impl Layout {
    pub(crate) fn new(cores: &[Core]) -> Result<Self, ShapeError> {
        let mut alike: BTreeMap<Labels, Vec<u16>> = BTreeMap::new();
        for (at, core) in (0..).zip(cores) {
            alike.entry(labels(&core.spec)).or_default().push(at);
        }
        let leaves: Vec<(Labels, Vec<u16>)> =
            alike.into_iter().flat_map(|(labels, cores)| cut(labels, &cores)).collect();
        if leaves.len() > MAX_INDEX {
            return Err(ShapeError::TooManyLeaves { leaves: leaves.len() });
        }
        let pools = pools(&leaves)?;
        let groups = groups(&leaves)?;
        let by = |label: &dyn Fn(&Labels) -> Option<u64>| domains(&leaves, label);
        let mut layout = Self {
            l3: by(&|&(_, _, l3, ..)| l3.map(u64::from)),
            numa_node: by(&|&(numa_node, ..)| numa_node.map(|numa_node| u64::from(numa_node.get()))),
            package: by(&|&(_, package, ..)| package.map(u64::from)),
            whole: by(&|_| Some(0)),
            leaves: leaf_shapes(leaves, &pools),
            pools,
            groups,
            places: Vec::new(),
        };
        layout.places = layout.find_places(cores.len());
        Ok(layout)
    }

    fn find_places(&self, cores: usize) -> Vec<CorePlace> {
        let mut places = vec![CorePlace { leaf: 0, pus: 0 }; cores];
        for (leaf, shape) in (0..).zip(&self.leaves) {
            for (at, &core) in (0..).zip(&shape.cores) {
                places[usize::from(core)] = CorePlace { leaf, pus: shape.core_bits(at) };
            }
        }
        places
    }

    /// Where the bits of the core at position `core` of the shape are.
    pub(crate) fn place(&self, core: u16) -> CorePlace {
        self.places[usize::from(core)]
    }

    /// The domains of a level, each as its leaves; a core's domain is within one leaf, so `Core` has none of its own.
    pub(crate) fn domains(&self, level: Level) -> &[Vec<u16>] {
        match level {
            Level::Core => &[],
            Level::L3 => &self.l3,
            Level::NumaNode => &self.numa_node,
            Level::Package => &self.package,
        }
    }

    /// One domain that holds every leaf.
    pub(crate) fn whole(&self) -> &[Vec<u16>] {
        &self.whole
    }

    /// The pool of a NUMA node, or of the cores that are in none.
    pub(crate) fn pool_of(&self, numa_node: Option<NumaNodeId>) -> Option<u16> {
        (0..).zip(&self.pools).find(|(_, pool)| pool.numa_node == numa_node).map(|(at, _)| at)
    }
}

/// Cuts cores with equal labels into leaves.
fn cut(labels: Labels, cores: &[u16]) -> Vec<(Labels, Vec<u16>)> {
    let (.., pus) = labels;
    cores.chunks(LEAF_PUS / usize::from(pus)).map(|cores| (labels, cores.to_vec())).collect()
}

fn domains(leaves: &[(Labels, Vec<u16>)], label: &dyn Fn(&Labels) -> Option<u64>) -> Vec<Vec<u16>> {
    let mut domains: BTreeMap<u64, Vec<u16>> = BTreeMap::new();
    for (leaf, (labels, _)) in (0..).zip(leaves) {
        if let Some(label) = label(labels) {
            domains.entry(label).or_default().push(leaf);
        }
    }
    domains.into_values().collect()
}

fn pools(leaves: &[(Labels, Vec<u16>)]) -> Result<Vec<PoolShape>, ShapeError> {
    let mut pools: BTreeMap<Option<NumaNodeId>, PoolShape> = BTreeMap::new();
    for (leaf, &((numa_node, package, ..), _)) in (0..).zip(leaves) {
        let pool = pools.entry(numa_node).or_insert_with(|| PoolShape { numa_node, leaves: Vec::new(), package });
        pool.leaves.push(leaf);
        if pool.package != package {
            pool.package = None;
        }
    }
    if pools.len() > MAX_NUMA_NODES {
        return Err(ShapeError::TooManyPools);
    }
    Ok(pools.into_values().collect())
}

fn groups(leaves: &[(Labels, Vec<u16>)]) -> Result<Vec<NodeSet>, ShapeError> {
    let mut by_package: BTreeMap<u32, NodeSet> = BTreeMap::new();
    let mut by_l3: BTreeMap<u32, NodeSet> = BTreeMap::new();
    let mut all = NodeSet::default();
    for &((numa_node, package, l3, ..), _) in leaves {
        let Some(numa_node) = numa_node else { continue };
        all = all.with(numa_node);
        for (label, sets) in [(package, &mut by_package), (l3, &mut by_l3)] {
            if let Some(label) = label {
                let set = sets.entry(label).or_default();
                *set = set.with(numa_node);
            }
        }
    }
    let mut groups: Vec<NodeSet> =
        by_package.into_values().chain(by_l3.into_values()).chain([all]).filter(|set| set.len() > 1).collect();
    groups.sort_unstable_by_key(|set| (set.len(), *set));
    groups.dedup();
    if groups.len() > MAX_GROUPS {
        return Err(ShapeError::TooManyGroups { groups: groups.len() });
    }
    Ok(groups)
}

fn leaf_shapes(leaves: Vec<(Labels, Vec<u16>)>, pools: &[PoolShape]) -> Vec<LeafShape> {
    let pool_of = |leaf: u16| (0..).zip(pools).find(|(_, pool)| pool.leaves.contains(&leaf)).map_or(0, |(at, _)| at);
    (0..)
        .zip(leaves)
        .map(|(leaf, ((numa_node, package, l3, _, pus), cores))| LeafShape {
            pus_per_core: u32::from(pus),
            cores,
            numa_node,
            pool: pool_of(leaf),
            has_l3: l3.is_some(),
            has_package: package.is_some(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::request::Level;
    use crate::testing::{Machine, spec};
    use crate::{CoreSpec, Shape, ShapeError, ShapeSpec};

    #[test]
    fn a_large_numa_node_is_cut_into_leaves_of_32_pus() {
        // Knights Landing in quadrant mode: 68 cores of 4 PUs, no L3, one NUMA node.
        let shape = Machine { cores: 68, pus_per_core: 4, ..Machine::default() }.shape();
        assert_eq!(shape.pus(), 272);
        assert_eq!(shape.layout.leaves.len(), 9);
        assert!(shape.layout.leaves.iter().all(|leaf| leaf.pus() <= 32));
        assert_eq!(shape.layout.pools.len(), 1);
        assert!(shape.layout.groups.is_empty());
    }

    #[test]
    fn an_l3_over_two_numa_nodes_makes_a_group_and_one_domain() {
        let mut spec = spec(4, 1, 2, 1 << 30);
        for core in &mut spec.cores {
            core.l3 = Some(0);
        }
        let shape = Shape::new(&spec).unwrap();
        assert_eq!(shape.layout.domains(Level::L3).len(), 1);
        assert_eq!(shape.layout.domains(Level::NumaNode).len(), 2);
        assert_eq!(shape.layout.groups.len(), 1);
    }

    #[test]
    fn cores_in_no_numa_node_have_a_pool_of_their_own() {
        let mut spec = spec(4, 2, 1, 1 << 30);
        spec.cores[3].numa_node = None;
        let shape = Shape::new(&spec).unwrap();
        assert_eq!(shape.layout.pools.len(), 2);
        let pool = shape.layout.pool_of(None).unwrap();
        assert_eq!(shape.layout.pools[usize::from(pool)].leaves.len(), 1);
    }

    #[test]
    fn cores_of_different_width_or_kind_share_no_leaf() {
        let mut spec = spec(6, 2, 1, 1 << 30);
        for core in &mut spec.cores[4..] {
            (core.pus, core.kind) = (1, 1);
        }
        let shape = Shape::new(&spec).unwrap();
        assert_eq!(shape.layout.leaves.iter().map(|leaf| leaf.pus()).collect::<Vec<_>>(), [8, 2]);
        assert_eq!(shape.pus(), 10);
    }

    #[test]
    fn errors_name_the_field() {
        let core = CoreSpec { pus: 0, l3: None, numa_node: None, package: None, kind: 0 };
        let bad = Shape::new(&ShapeSpec { cores: vec![core], ..ShapeSpec::default() }).unwrap_err();
        assert_eq!(bad.to_string(), "cores[0].pus is 0: give 1 to 32");
        assert_eq!(Shape::new(&ShapeSpec::default()).unwrap_err(), ShapeError::NoCores);
        let mut spec = spec(2, 1, 1, 1 << 30);
        spec.distances = vec![10, 20];
        assert_eq!(Shape::new(&spec).unwrap_err(), ShapeError::Distances { found: 2, expected: 1 });
    }
}
