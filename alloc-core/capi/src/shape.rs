//! Shapes: a machine as arrays of numbers, checked by the core, and kept as a handle.

use meros_alloc_core as alloc;

use crate::boundary::{call, call_quietly};
use crate::codes::NONE;
use crate::extras_spec::{ExtrasSpec, HugePages, add_extras, huge_pages_of};
use crate::message::Message;
use crate::pointer::{Argument, In, Out, growing, narrow, plain, unused};
use crate::status::Status;

/// A machine's shape, checked. It never changes; any number of threads may use it. Free it with meros_shape_free, also while
/// agents have it.
#[derive(Debug)]
pub struct Shape(pub(crate) alloc::Shape);

/// One core. Equal labels mean the same L3 cache, NUMA node, package, kind; they need not nest.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CoreSpec {
    /// PUs of the core, 1 to 32.
    pub pus: u32,
    /// Which L3 cache, or `MEROS_NONE`.
    pub l3: u32,
    /// Which NUMA node, as a position in `numa_nodes`, or `MEROS_NONE`.
    pub numa_node: u32,
    /// Which package, or `MEROS_NONE`.
    pub package: u32,
    /// Which kind of core; 0 where all are alike.
    pub kind: u32,
    /// 0.
    pub reserved: [u32; 3],
}

/// One NUMA node.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NumaNodeSpec {
    /// Memory to be given out, in bytes, huge pages not included; rounded down to whole pages of 4096.
    pub mem_bytes: u64,
    /// Huge pages to be given out.
    pub huge_pages: HugePages,
    /// 0 for ordinary memory; else the kind of special memory, a number of the caller's choice.
    pub kind: u32,
    /// 0.
    pub reserved: [u32; 9],
}

/// A machine.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ShapeSpec {
    /// sizeof(meros_shape_spec).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The cores. Their order numbers the PUs: those of core 0 first, then those of core 1, …
    pub cores: In<CoreSpec>,
    /// How many cores.
    pub cores_len: usize,
    /// The NUMA nodes. Their order numbers them.
    pub numa_nodes: In<NumaNodeSpec>,
    /// How many NUMA nodes.
    pub numa_nodes_len: usize,
    /// Distances row by row (from, to), as in the machine's own table; or NULL.
    pub distances: In<u32>,
    /// How many distances: 0, or `numa_nodes_len` squared.
    pub distances_len: usize,
    /// What else there is.
    pub extras: ExtrasSpec,
}

/// What a shape comes to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ShapeInfo {
    /// sizeof(meros_shape_info).
    pub size: u32,
    /// PUs of the machine.
    pub pus: u32,
    /// NUMA nodes, with or without cores.
    pub numa_nodes: u32,
    /// Cache lines that such an agent takes: for `lines` of meros_capacity.
    pub lines: u32,
    /// All PUs, in thousandths.
    pub cpu_milli: u64,
    /// All memory, in bytes.
    pub mem_bytes: u64,
}

plain!(CoreSpec, NumaNodeSpec);
growing!(ShapeSpec, ShapeInfo);

/// Checks a machine's description and makes a shape of it. Any thread. The arrays are copied.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_shape_new(spec: In<ShapeSpec>, shape: Out<Out<Shape>>, message: Out<Message>) -> Status {
    call(message, || {
        let place = shape.handle_place("shape")?;
        place.give(Shape(alloc::Shape::new(&spec_of(&spec.growing("spec")?)?)?));
        Ok(())
    })
}

/// Frees a shape; NULL is fine. Nobody may be in a call with it.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_shape_free(shape: Out<Shape>) {
    call_quietly(|| drop(shape.take()));
}

/// What a shape comes to. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_shape_read(shape: In<Shape>, info: Out<ShapeInfo>, message: Out<Message>) -> Status {
    call(message, || {
        let (frame, shape) = (info.growing("info")?, &shape.handle("shape")?.0);
        let alloc::Quantities { cpu_milli, mem_bytes } = shape.total();
        let numa_nodes = u32::try_from(shape.numa_nodes()).unwrap_or(NONE);
        frame.put(ShapeInfo { size: 0, pus: shape.pus(), numa_nodes, lines: shape.lines(), cpu_milli, mem_bytes });
        Ok(())
    })
}

fn spec_of(spec: &ShapeSpec) -> Result<alloc::ShapeSpec, Argument> {
    unused("spec.reserved", &[u64::from(spec.reserved)])?;
    let cores = spec.cores.array(spec.cores_len, "spec.cores")?;
    let numa_nodes = spec.numa_nodes.array(spec.numa_nodes_len, "spec.numa_nodes")?;
    let mut made = alloc::ShapeSpec {
        cores: cores.iter().map(core_of).collect::<Result<_, _>>()?,
        numa_nodes: numa_nodes.iter().map(numa_node_of).collect::<Result<_, _>>()?,
        distances: spec.distances.array(spec.distances_len, "spec.distances")?.to_vec(),
        ..Default::default()
    };
    add_extras(&spec.extras, &mut made)?;
    Ok(made)
}

fn core_of(core: &CoreSpec) -> Result<alloc::CoreSpec, Argument> {
    let CoreSpec { pus, l3, numa_node, package, kind, reserved } = *core;
    unused("cores.reserved", &reserved.map(u64::from))?;
    let label = |label: u32| (label != NONE).then_some(label);
    let numa_node = numa_node_id("cores.numa_node", numa_node)?;
    Ok(alloc::CoreSpec { pus: narrow("cores.pus", pus, 32)?, l3: label(l3), numa_node, package: label(package), kind })
}

fn numa_node_of(numa_node: &NumaNodeSpec) -> Result<alloc::NumaNodeSpec, Argument> {
    let NumaNodeSpec { mem_bytes, huge_pages, kind, reserved } = *numa_node;
    unused("numa_nodes.reserved", &reserved.map(u64::from))?;
    Ok(alloc::NumaNodeSpec { mem_bytes, huge_pages: huge_pages_of(huge_pages), kind })
}

/// A NUMA node, or none.
pub(crate) fn numa_node_id(name: &'static str, id: u32) -> Result<Option<alloc::NumaNodeId>, Argument> {
    if id == NONE {
        return Ok(None);
    }
    narrow(name, id, u32::from(u16::MAX)).map(|id| Some(alloc::NumaNodeId::new(id)))
}

/// A NUMA node, or none, for C.
pub(crate) fn of_numa_node(numa_node: Option<alloc::NumaNodeId>) -> u32 {
    numa_node.map_or(NONE, |numa_node| u32::from(numa_node.get()))
}
