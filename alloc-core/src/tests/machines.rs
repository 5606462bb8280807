//! A machine with some of everything, for tests.

use crate::testing::Machine;
use crate::{
    DeviceSpec, HugePages, NameId, NumaNodeId, NumaNodeSpec, RangesSpec, ScalarSpec, SetSpec, ShapeSpec, Span,
};

/// Kinds and names of [`with_extras`].
pub(super) const HBM: u32 = 1;
pub(super) const GPU: u32 = 7;
pub(super) const NIC: u32 = 9;
pub(super) const TOKENS: NameId = NameId::new(3);
pub(super) const PORTS: NameId = NameId::new(4);
pub(super) const LABELS: NameId = NameId::new(5);

/// A machine with some of everything: two NUMA nodes of four cores of two PUs with two GPUs each, a third and fourth of HBM
/// (the third near the first, the fourth near the second), a network card on no NUMA node, ports with a gap.
pub(super) fn with_extras() -> ShapeSpec {
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
