//! Machines of every odd kind, and such as a [`Script`] says.

use super::machines::{Machine, spec, with_extras};
use super::script::Script;
use meros_alloc_core::{CoreSpec, NumaNodeId, NumaNodeSpec, PAGE_BYTES, ShapeSpec};

/// Machines of every odd kind, small.
pub(super) fn odd_machines() -> Vec<ShapeSpec> {
    let regular = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 4, packages: 2, mem_bytes: 16 * 4096 };
    let mut odd = vec![
        spec(1, 1, 1, 8 * 4096),
        spec(2, 1, 1, 16 * 4096),
        regular.spec(),
        Machine { cores: 12, pus_per_core: 4, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: 1 << 20 }.spec(),
        Machine { cores: 4, pus_per_core: 8, l3: 4, numa_nodes: 2, packages: 2, mem_bytes: 16 * 4096 }.spec(),
        // One L3 over two NUMA nodes; one NUMA node over two packages.
        Machine { cores: 6, pus_per_core: 1, l3: 1, numa_nodes: 2, packages: 3, mem_bytes: 16 * 4096 }.spec(),
    ];
    // Two kinds of cores, as wide as they like; then some cores in no NUMA node, then none in one.
    let mut hybrid = spec(6, 2, 2, 16 * 4096);
    for core in &mut hybrid.cores[2..] {
        (core.pus, core.kind) = (1, 1);
    }
    let mut outside = hybrid.clone();
    (outside.cores[0].numa_node, outside.cores[5].numa_node, outside.cores[5].package) = (None, None, None);
    let mut nowhere = hybrid.clone();
    for core in &mut nowhere.cores {
        (core.numa_node, core.package) = (None, None);
    }
    // A NUMA node without cores, and distances.
    let mut memory_only = regular.spec();
    memory_only.numa_nodes.push(NumaNodeSpec::ordinary(64 * 4096 + 17));
    memory_only.distances = (0..25).map(|at| if at % 6 == 0 { 10 } else { 40 - at }).collect();
    // Some of everything; and devices on NUMA nodes of two packages, with cores in no NUMA node beside them.
    let mut scattered = with_extras();
    let cores = regular.spec().cores;
    scattered.cores = cores.into_iter().chain([outside.cores[0]]).collect();
    scattered.numa_nodes.iter_mut().for_each(|numa_node| numa_node.kind = 0);
    scattered.devices.extend(scattered.devices.clone());
    scattered.devices[1].numa_node = Some(NumaNodeId::new(3));
    odd.extend([hybrid, outside, nowhere, memory_only, with_extras(), scattered]);
    odd
}

/// One of the odd machines, or one as odd as the script likes, which may be none at all.
pub(super) fn read(script: &mut Script<'_>) -> Option<ShapeSpec> {
    let odd = odd_machines();
    match script.below(odd.len() + 6)? {
        at if at < odd.len() => odd.get(at).cloned(),
        // Again, so that more is done with extras.
        at if at % 2 == 0 => Some(with_extras()),
        _ => any(script),
    }
}

/// A machine of up to ten cores with labels as they come.
fn any(script: &mut Script<'_>) -> Option<ShapeSpec> {
    let [cores, numa_nodes, widest] = [script.below(11)?, script.below(5)?, script.below(5)?];
    let cores = (0..cores).map(|_| core(script, numa_nodes, widest)).collect::<Option<_>>()?;
    let memory = |script: &mut Script<'_>| Some(NumaNodeSpec::ordinary(u64::from(script.byte()?) * PAGE_BYTES / 5));
    let numa_nodes = (0..numa_nodes).map(|_| memory(script)).collect::<Option<Vec<_>>>()?;
    let distances = match script.byte()? {
        0..=199 => 0,
        200..=249 => numa_nodes.len() * numa_nodes.len(),
        odd => usize::from(odd - 249),
    };
    let distances = (0..distances).map(|_| Some(u32::from(script.byte()?))).collect::<Option<_>>()?;
    Some(ShapeSpec { cores, numa_nodes, distances, ..ShapeSpec::default() })
}

fn core(script: &mut Script<'_>, numa_nodes: usize, widest: usize) -> Option<CoreSpec> {
    let (labels, more) = (script.byte()?, script.byte()?);
    let label = |byte: u8, bound: u8| Some(u32::from(byte % bound)).filter(|label| *label > 0);
    let numa_node = match usize::from(labels) % (numa_nodes + 1) {
        at if at < numa_nodes => Some(NumaNodeId::new(u16::try_from(at).unwrap())),
        // Outside of all; or in one that is not there.
        _ => (more == 255).then(|| NumaNodeId::new(9)),
    };
    let pus = if more == 254 { 33 } else { 1 + more % (1 + u8::try_from(widest).unwrap()) };
    Some(CoreSpec {
        pus,
        l3: label(labels >> 3, 4),
        numa_node,
        package: label(more >> 4, 3),
        kind: u32::from(more >> 3 & 1),
    })
}
