//! Copies what hwloc knows out of its objects, once: nothing behind this file has hwloc's types.
//!
//! Sets come out online only in `pus` and complete (offline too) in `complete`; see `Found`. A device is a
//! PCI function together with the operating-system devices below it; an operating-system device without a
//! PCI function above it is a device of its own.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::ops::Deref;

use hwlocality::Topology as Hwloc;
use hwlocality::bitmap::Bitmap;
use hwlocality::object::TopologyObject;
use hwlocality::object::attributes::{NUMANodeAttributes, ObjectAttributes, PCIDeviceAttributes};
use hwlocality::object::distance::DistancesKind;
use hwlocality::object::types::{OSDeviceType, ObjectType};

use crate::assemble::{Found, FoundDevice, unlabelled_core};
use crate::error::TopologyError;
use crate::model::{
    Core, CoreKind, Device, DeviceKind, Distances, HugePages, L3Domain, NumaNode, OsDevice, OsDeviceKind, Package,
    PciFunction,
};
use crate::set::{CpuSet, IndexTooLarge, NodeSet, OsIndexSet};

/// Display chips of management controllers and virtual machines: they draw a console and compute nothing.
const CONSOLE_DISPLAY_VENDORS: [u16; 6] = [
    0x1013, // Cirrus Logic
    0x102b, // Matrox
    0x1234, // Bochs and QEMU
    0x1a03, // ASPEED
    0x1af4, // virtio
    0x1b36, // QEMU
];

/// Everything of interest that hwloc knows of the machine.
pub(crate) fn extract(hwloc: &Hwloc) -> Result<Found, TopologyError> {
    let core_kinds = hwloc.cpu_kinds().ok().into_iter().flatten();
    Ok(Found {
        is_this_machine: hwloc.is_this_system(),
        machine_name: info(hwloc.root_object(), "DMIProductName"),
        pus: cpuset(hwloc.cpuset())?,
        complete: cpuset(hwloc.complete_cpuset())?,
        allowed: cpuset(hwloc.allowed_cpuset())?,
        allowed_numa_nodes: nodeset(hwloc.allowed_nodeset())?,
        packages: each(hwloc, ObjectType::Package, package)?,
        dies: each(hwloc, ObjectType::Die, cpuset_of)?,
        numa_nodes: each(hwloc, ObjectType::NUMANode, numa_node)?,
        l3_domains: each(hwloc, ObjectType::L3Cache, l3_domain)?,
        cores: each(hwloc, ObjectType::Core, core)?,
        core_kinds: core_kinds.map(|kind| core_kind(&kind)).collect::<Result<_, _>>()?,
        distances: distances(hwloc),
        devices: devices(hwloc)?,
    })
}

fn each<T>(
    hwloc: &Hwloc,
    of: ObjectType,
    copy: impl FnMut(&TopologyObject) -> Result<T, TopologyError>,
) -> Result<Vec<T>, TopologyError> {
    hwloc.objects_with_type(of).map(copy).collect()
}

fn cpuset(set: impl Deref<Target = hwlocality::cpu::cpuset::CpuSet>) -> Result<CpuSet, TopologyError> {
    indices(set.as_ref(), "cpuset")
}

fn nodeset(set: impl Deref<Target = hwlocality::memory::nodeset::NodeSet>) -> Result<NodeSet, TopologyError> {
    indices(set.as_ref(), "nodeset")
}

fn indices<Of>(bitmap: &Bitmap, what: &'static str) -> Result<OsIndexSet<Of>, TopologyError> {
    if bitmap.weight().is_none() {
        return Err(TopologyError::Endless(what));
    }
    let mut set = OsIndexSet::new();
    for at in bitmap.iter_set() {
        set.insert(index(usize::from(at))?)?;
    }
    Ok(set)
}

fn index(at: usize) -> Result<u32, IndexTooLarge> {
    u32::try_from(at).map_err(|_| IndexTooLarge(at as u64))
}

fn cpuset_of(object: &TopologyObject) -> Result<CpuSet, TopologyError> {
    object.cpuset().map_or_else(|| Ok(CpuSet::new()), cpuset)
}

fn nodeset_of(object: &TopologyObject) -> Result<NodeSet, TopologyError> {
    object.nodeset().map_or_else(|| Ok(NodeSet::new()), nodeset)
}

fn os_index(object: &TopologyObject) -> Option<u32> {
    object.os_index().and_then(|at| u32::try_from(at).ok())
}

/// Text of hwloc for people: without what a terminal would obey, in one line of single spaces, and short.
fn text(raw: &CStr) -> Option<String> {
    let raw = raw.to_string_lossy();
    let words: Vec<&str> = raw.split_whitespace().collect();
    let joined = words.join(" ");
    let text: String = joined.chars().filter(|c| !c.is_control()).take(120).collect();
    (!text.is_empty()).then_some(text)
}

fn info(object: &TopologyObject, key: &str) -> Option<String> {
    object.info(key).and_then(text)
}

fn package(object: &TopologyObject) -> Result<Package, TopologyError> {
    Ok(Package {
        index: 0,
        os_index: os_index(object),
        processor: info(object, "CPUModel"),
        cpuset: cpuset_of(object)?,
    })
}

fn core(object: &TopologyObject) -> Result<Core, TopologyError> {
    Ok(Core { os_index: os_index(object), ..unlabelled_core(cpuset_of(object)?) })
}

fn l3_domain(object: &TopologyObject) -> Result<L3Domain, TopologyError> {
    let size = match object.attributes() {
        Some(ObjectAttributes::Cache(cache)) => cache.size(),
        _ => None,
    };
    Ok(L3Domain { index: 0, size_bytes: size.map_or(0, u64::from), cpuset: cpuset_of(object)? })
}

fn numa_node(object: &TopologyObject) -> Result<NumaNode, TopologyError> {
    let memory = match object.attributes() {
        Some(ObjectAttributes::NUMANode(memory)) => Some(memory),
        _ => None,
    };
    let os_index = object.os_index().unwrap_or_else(|| object.logical_index());
    Ok(NumaNode {
        os_index: index(os_index)?,
        mem_bytes: memory.as_ref().and_then(|m| m.local_memory()).map_or(0, u64::from),
        huge_pages: memory.map_or_else(Vec::new, huge_pages),
        cpuset: cpuset_of(object)?,
        subtype: object.subtype().and_then(text),
        memory_only: false,
    })
}

/// Every page size but the smallest, which is the kernel's ordinary one.
fn huge_pages(memory: &NUMANodeAttributes<'_>) -> Vec<HugePages> {
    let mut pages: Vec<HugePages> = memory
        .page_types()
        .iter()
        .map(|pages| HugePages { page_bytes: u64::from(pages.size()), count: pages.count() })
        .collect();
    pages.sort_by_key(|pages| pages.page_bytes);
    pages.drain(..usize::from(!pages.is_empty()));
    pages
}

fn core_kind(kind: &hwlocality::cpu::kind::CpuKind<'_>) -> Result<CoreKind, TopologyError> {
    let value = |key: &str| {
        let named = kind.infos.iter().find(|info| info.name().to_bytes() == key.as_bytes());
        named.and_then(|info| text(info.value()))
    };
    Ok(CoreKind {
        index: 0,
        efficiency: kind.efficiency.and_then(|rank| u32::try_from(rank).ok()),
        name: value("CoreType"),
        frequency_max_mhz: value("FrequencyMaxMHz").and_then(|mhz| mhz.parse().ok()),
        cpuset: cpuset(&kind.cpuset)?,
    })
}

/// The first matrix of latencies between NUMA nodes; absent if one of them or a value is unusable.
fn distances(hwloc: &Hwloc) -> Option<Distances> {
    let latency = Some(DistancesKind::MEANS_LATENCY);
    let matrices = hwloc.distances_with_type(latency, ObjectType::NUMANode).ok()?;
    let matrix = matrices.first()?;
    let numa_nodes: Vec<u32> = matrix.objects().map(|object| object.and_then(os_index)).collect::<Option<_>>()?;
    let pairs = numa_nodes.iter().flat_map(|&from| numa_nodes.iter().map(move |&to| (from, to)));
    let between: BTreeMap<(u32, u32), u32> = pairs
        .zip(matrix.distances())
        .map(|(pair, &value)| Some((pair, u32::try_from(value).ok()?)))
        .collect::<Option<_>>()?;
    let mut sorted = numa_nodes;
    sorted.sort_unstable();
    sorted.dedup();
    // A NUMA node given twice, or a row too short, leaves fewer pairs than a matrix has.
    (between.len() == matrix.objects().len().pow(2))
        .then(|| Distances { numa_nodes: sorted, values: between.into_values().collect() })
}

fn devices(hwloc: &Hwloc) -> Result<Vec<FoundDevice>, TopologyError> {
    // By hwloc's object identity: the OS devices below each PCI function.
    let mut below: BTreeMap<u64, Vec<&TopologyObject>> = BTreeMap::new();
    let mut devices = Vec::new();
    for os_device in hwloc.objects_with_type(ObjectType::OSDevice) {
        match os_device.first_ancestor_with_type(ObjectType::PCIDevice) {
            Some(pci) => below.entry(pci.global_persistent_index()).or_default().push(os_device),
            None => devices.push(device(os_device, None, &[os_device])?),
        }
    }
    for pci in hwloc.objects_with_type(ObjectType::PCIDevice) {
        let Some(ObjectAttributes::PCIDevice(attributes)) = pci.attributes() else {
            continue;
        };
        let named = below.remove(&pci.global_persistent_index()).unwrap_or_default();
        devices.push(device(pci, Some(attributes), &named)?);
    }
    Ok(devices)
}

fn device(
    object: &TopologyObject,
    attributes: Option<&PCIDeviceAttributes>,
    named: &[&TopologyObject],
) -> Result<FoundDevice, TopologyError> {
    let mut os_devices: Vec<OsDevice> = named.iter().filter_map(|object| os_device(object)).collect();
    os_devices.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let pci = attributes.map(pci_function);
    let kind = kind(pci.as_ref(), &os_devices);
    let model = named.iter().find_map(|object| info(object, "GPUModel"));
    let (near, hangs_on) = match object.first_non_io_ancestor() {
        Some(ancestor) => (cpuset_of(ancestor)?, nodeset_of(ancestor)?),
        None => (CpuSet::new(), NodeSet::new()),
    };
    let device = Device {
        kind,
        name: name(kind, pci.as_ref(), &os_devices),
        model: model.or_else(|| pci_model(object)),
        os_devices,
        pci,
        numa_node: None,
        cpuset: near,
    };
    Ok(FoundDevice { device, nodeset: hangs_on })
}

fn os_device(object: &TopologyObject) -> Option<OsDevice> {
    let Some(ObjectAttributes::OSDevice(attributes)) = object.attributes() else {
        return None;
    };
    let kind = match attributes.device_type() {
        OSDeviceType::Storage => OsDeviceKind::Storage,
        OSDeviceType::GPU => OsDeviceKind::Gpu,
        OSDeviceType::Network => OsDeviceKind::Network,
        OSDeviceType::OpenFabrics => OsDeviceKind::OpenFabrics,
        OSDeviceType::DMA => OsDeviceKind::Dma,
        OSDeviceType::CoProcessor => OsDeviceKind::CoProcessor,
        _ => OsDeviceKind::Unknown,
    };
    object.name().and_then(text).map(|name| OsDevice { name, kind })
}

fn pci_function(attributes: &PCIDeviceAttributes) -> PciFunction {
    PciFunction {
        address: format!(
            "{:04x}:{:02x}:{:02x}.{:x}",
            attributes.domain(),
            attributes.bus_id(),
            attributes.bus_device(),
            attributes.function()
        ),
        class: attributes.class_id(),
        vendor_id: attributes.vendor_id(),
        device_id: attributes.device_id(),
    }
}

fn pci_model(object: &TopologyObject) -> Option<String> {
    let vendor = info(object, "PCIVendor");
    let product = info(object, "PCIDevice");
    let parts: Vec<String> = vendor.into_iter().chain(product).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The PCI class decides; where there is none, what the operating system made of it.
fn kind(pci: Option<&PciFunction>, os_devices: &[OsDevice]) -> DeviceKind {
    if let Some(function) = pci {
        match function.class >> 8 {
            0x03 if CONSOLE_DISPLAY_VENDORS.contains(&function.vendor_id) => {
                return DeviceKind::Other;
            }
            0x03 | 0x12 => return DeviceKind::Gpu,
            0x02 => return DeviceKind::Nic,
            0x01 => return DeviceKind::Block,
            // Memory beside the DIMMs (CXL): its operating-system devices pass for storage.
            0x05 => return DeviceKind::Other,
            _ => {}
        }
    }
    match os_devices.first().map(|device| device.kind) {
        Some(OsDeviceKind::Storage) => DeviceKind::Block,
        Some(OsDeviceKind::Gpu | OsDeviceKind::CoProcessor) => DeviceKind::Gpu,
        Some(OsDeviceKind::Network | OsDeviceKind::OpenFabrics) => DeviceKind::Nic,
        _ => DeviceKind::Other,
    }
}

/// Operating-system devices are sorted, so that a NIC is called by its interface, not by its RDMA device.
fn name(kind: DeviceKind, pci: Option<&PciFunction>, os_devices: &[OsDevice]) -> String {
    let fits = |device: &&OsDevice| match kind {
        DeviceKind::Gpu => matches!(device.kind, OsDeviceKind::Gpu | OsDeviceKind::CoProcessor),
        DeviceKind::Nic => matches!(device.kind, OsDeviceKind::Network | OsDeviceKind::OpenFabrics),
        DeviceKind::Block => device.kind == OsDeviceKind::Storage,
        DeviceKind::Other => true,
    };
    let best = os_devices.iter().find(fits).map(|device| device.name.clone());
    best.or_else(|| pci.map(|function| function.address.clone())).unwrap_or_default()
}
