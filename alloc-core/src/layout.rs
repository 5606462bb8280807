//! Layout: what the allocator derives from a shape's labels, once.
//!
//! - **Leaf**: cores with equal labels and equal width, cut into pieces of at most 32 PUs: one word each. A core lies in
//!   a leaf side by side with its siblings: core `i` of a leaf owns the bits from `i * pus_per_core` on.
//! - **Pool**: the leaves of one NUMA node, or of the cores that are in none.
//! - **Domain**: the leaves that share an L3 domain, a NUMA node or a package.
//! - **Outer** and **inner** domain: of NUMA nodes and L3 domains the ones a claim is to touch the fewest of, first and second.
//!   NUMA nodes come first, except on machines where some L3 domain spans several of them. Here leaves without the label
//!   count as one more domain, so that every leaf has both.
//! - **Group**: a set of several NUMA nodes that one claim may be promised memory of: those of a package, those of an L3
//!   domain, and all that have cores. The list is fixed by the shape: were any set allowed, each odd one would close its
//!   NUMA nodes to all others.
//!
//! Leaves are in order of NUMA node, package, L3 domain, kind; this is the canonical order in which claims take them.

use std::collections::BTreeMap;

use crate::ids::NumaNodeId;
use crate::leaf::{Cores, LEAF_PUS};
use crate::nodeset::{MAX_NUMA_NODES, NodeSet};
use crate::part::{MAX_GROUPS, MAX_INDEX};
use crate::plain;
use crate::request::Level;
use crate::shape::{Core, CoreSpec, ShapeError};

/// Cores with equal labels that share a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeafShape {
    pub(crate) bits: Cores,
    /// Positions in the shape's cores.
    pub(crate) cores: Vec<u16>,
    pub(crate) numa_node: Option<NumaNodeId>,
    pub(crate) kind: u32,
    pub(crate) pool: u16,
    pub(crate) outer: u16,
    pub(crate) inner: u16,
    /// Whether its cores have a label of L3 domain, and of package.
    pub(crate) has_l3: bool,
    pub(crate) has_package: bool,
}

impl LeafShape {
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
        crate::leaf::first_pus(self.bits.width) << (at * self.bits.width)
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
    /// The kinds of cores, lowest first.
    pub(crate) kinds: Vec<u32>,
    /// Whether some inner domain lies in several outer ones.
    pub(crate) crossing: bool,
    /// Whether leaves are told apart by nothing but what they have free (see [`plain`](crate::plain)).
    pub(crate) plain: bool,
    places: Vec<CorePlace>,
    l3: Vec<Vec<u16>>,
    numa_node: Vec<Vec<u16>>,
    package: Vec<Vec<u16>>,
    /// One domain of all leaves.
    whole: Vec<Vec<u16>>,
    /// Each L3 domain's, and each package's, leaves NUMA node by NUMA node.
    l3_in_numa_node: Vec<Vec<u16>>,
    package_in_numa_node: Vec<Vec<u16>>,
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
        let leaves = leaf_shapes(leaves, &pools);
        let mut kinds: Vec<u32> = leaves.iter().map(|(_, leaf)| leaf.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let by = |label: &dyn Fn(&Labels) -> Option<u64>| domains(&leaves, label);
        let mut layout = Self {
            l3: by(&|&(_, _, l3, ..)| l3.map(u64::from)),
            numa_node: by(&|&(numa_node, ..)| numa_node.map(|numa_node| u64::from(numa_node.get()))),
            package: by(&|&(_, package, ..)| package.map(u64::from)),
            whole: by(&|_| Some(0)),
            l3_in_numa_node: by(&|&(numa_node, _, l3, ..)| within(numa_node, l3)),
            package_in_numa_node: by(&|&(numa_node, package, ..)| within(numa_node, package)),
            crossing: spans(&leaves, |(_, leaf)| leaf.inner, |(_, leaf)| leaf.outer),
            leaves: leaves.into_iter().map(|(_, leaf)| leaf).collect(),
            pools,
            groups,
            kinds,
            plain: false,
            places: Vec::new(),
        };
        layout.plain = plain::is_plain(&layout);
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

    /// The domains of a level, each as its leaves in order of outer, then inner domain; a core's domain is within one leaf,
    /// so `Core` has none of its own.
    pub(crate) fn domains(&self, level: Level) -> &[Vec<u16>] {
        match level {
            Level::Core => &[],
            Level::L3 => &self.l3,
            Level::NumaNode => &self.numa_node,
            Level::Package => &self.package,
        }
    }

    /// As [`Layout::domains`], cut where NUMA nodes end: what each domain has in one NUMA node.
    pub(crate) fn domains_in_numa_nodes(&self, level: Level) -> &[Vec<u16>] {
        match level {
            Level::Core => &[],
            Level::L3 => &self.l3_in_numa_node,
            Level::NumaNode => &self.numa_node,
            Level::Package => &self.package_in_numa_node,
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

/// A label for what is in one NUMA node and has another label too.
fn within(numa_node: Option<NumaNodeId>, label: Option<u32>) -> Option<u64> {
    Some(u64::from(label?) << 16 | u64::from(numa_node?.get()))
}

/// Cuts cores with equal labels into leaves.
fn cut(labels: Labels, cores: &[u16]) -> Vec<(Labels, Vec<u16>)> {
    let (.., pus) = labels;
    cores.chunks(LEAF_PUS as usize / usize::from(pus)).map(|cores| (labels, cores.to_vec())).collect()
}

fn domains(leaves: &[(Labels, LeafShape)], label: &dyn Fn(&Labels) -> Option<u64>) -> Vec<Vec<u16>> {
    let mut domains: BTreeMap<u64, Vec<u16>> = BTreeMap::new();
    for (at, (labels, _)) in (0..).zip(leaves) {
        if let Some(label) = label(labels) {
            domains.entry(label).or_default().push(at);
        }
    }
    for domain in domains.values_mut() {
        domain.sort_by_key(|at| {
            let (_, leaf) = &leaves[usize::from(*at)];
            (leaf.outer, leaf.inner)
        });
    }
    domains.into_values().collect()
}

/// Whether leaves that are alike in one thing differ in another.
fn spans<T>(leaves: &[T], one: impl Fn(&T) -> u16, other: impl Fn(&T) -> u16) -> bool {
    let mut first: BTreeMap<u16, u16> = BTreeMap::new();
    leaves.iter().any(|leaf| *first.entry(one(leaf)).or_insert_with(|| other(leaf)) != other(leaf))
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

fn leaf_shapes(leaves: Vec<(Labels, Vec<u16>)>, pools: &[PoolShape]) -> Vec<(Labels, LeafShape)> {
    let pool_of = |leaf: u16| (0..).zip(pools).find(|(_, pool)| pool.leaves.contains(&leaf)).map_or(0, |(at, _)| at);
    let l3_of = positions(leaves.iter().map(|((_, _, l3, ..), _)| *l3));
    let labelled: Vec<(u16, u16)> = (0..)
        .zip(&leaves)
        .filter(|(_, ((_, _, l3, ..), _))| l3.is_some())
        .map(|(at, _)| (pool_of(at), l3_of[usize::from(at)]))
        .collect();
    let l3_is_outer = spans(&labelled, |(_, l3)| *l3, |(pool, _)| *pool);
    let shape = |(at, ((numa_node, package, l3, kind, pus), cores)): (u16, (Labels, Vec<u16>))| {
        let (pool, l3_at) = (pool_of(at), l3_of[usize::from(at)]);
        let (outer, inner) = if l3_is_outer { (l3_at, pool) } else { (pool, l3_at) };
        #[expect(clippy::cast_possible_truncation, reason = "a leaf has at most 32 cores")]
        let bits = Cores::new(cores.len() as u32, u32::from(pus));
        let (has_l3, has_package) = (l3.is_some(), package.is_some());
        let leaf = LeafShape { bits, cores, numa_node, kind, pool, outer, inner, has_l3, has_package };
        ((numa_node, package, l3, kind, pus), leaf)
    };
    (0..).zip(leaves).map(shape).collect()
}

/// The position of each label among the different ones; "none" is one of them.
fn positions(labels: impl Iterator<Item = Option<u32>> + Clone) -> Vec<u16> {
    let different: std::collections::BTreeSet<Option<u32>> = labels.clone().collect();
    let position = |label| (0..).zip(&different).find(|(_, other)| **other == label).map_or(0, |(at, _)| at);
    labels.map(position).collect()
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
        assert!(
            shape
                .layout
                .leaves
                .iter()
                .map(|leaf| leaf.bits.all().count_ones())
                .eq([32, 32, 32, 32, 32, 32, 32, 32, 16])
        );
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
        // The L3 domain is the outer one, and the NUMA nodes are in it.
        assert_eq!(
            shape.layout.leaves.iter().map(|leaf| (leaf.outer, leaf.inner)).collect::<Vec<_>>(),
            [(0, 0), (0, 1)]
        );
        assert!(!shape.layout.crossing);
        let regular = Machine { cores: 4, l3: 4, numa_nodes: 2, ..Machine::default() }.shape();
        assert_eq!(regular.layout.leaves.iter().map(|leaf| leaf.outer).collect::<Vec<_>>(), [0, 0, 1, 1]);
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
        assert_eq!(shape.layout.leaves.iter().map(|leaf| leaf.bits.all().count_ones()).collect::<Vec<_>>(), [8, 2]);
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
