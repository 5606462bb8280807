//! Labels and checks on machines that no source would tell so briefly.

use super::*;
use crate::model::{DeviceKind, PciFunction};

fn set(cpulist: &str) -> CpuSet {
    cpulist.parse().unwrap()
}

fn package(cpulist: &str) -> Package {
    Package { index: 0, os_index: None, processor: None, cpuset: set(cpulist) }
}

fn numa_node(os_index: u32, cpulist: &str, subtype: Option<&str>) -> NumaNode {
    NumaNode {
        os_index,
        mem_bytes: 1 << 30,
        huge_pages: Vec::new(),
        cpuset: set(cpulist),
        subtype: subtype.map(str::to_owned),
        memory_only: false,
    }
}

fn l3_domain(cpulist: &str) -> L3Domain {
    L3Domain { index: 0, size_bytes: 0, cpuset: set(cpulist) }
}

fn cores(cpulists: &[&str]) -> Vec<Core> {
    cpulists.iter().map(|cpulist| unlabelled_core(set(cpulist))).collect()
}

fn machine(cpulist: &str) -> Found {
    Found { pus: set(cpulist), complete: set(cpulist), allowed: set(cpulist), ..Found::default() }
}

#[test]
fn neighbours_come_together_whatever_the_order_of_finding() {
    let mut found = Found {
        packages: vec![package("1,3,5,7"), package("0,2,4,6")],
        cores: cores(&["3,7", "0,4", "1,5", "2,6"]),
        ..machine("0-7")
    };
    let topology = assemble(found.clone()).unwrap();
    let order: Vec<String> = topology.cores().iter().map(|core| core.pus.to_string()).collect();
    assert_eq!(order, ["0,4", "2,6", "1,5", "3,7"]);
    assert_eq!(topology.packages()[0].cpuset, set("0,2,4,6"));

    found.packages.reverse();
    found.cores.reverse();
    let again = assemble(found).unwrap();
    assert_eq!(again, topology);
}

#[test]
fn labels_need_not_nest() {
    let topology = assemble(Found {
        packages: vec![package("0-1"), package("2-3")],
        l3_domains: vec![l3_domain("0-3")],
        numa_nodes: vec![numa_node(4, "0-2", None)],
        cores: cores(&["0", "1", "2", "3"]),
        ..machine("0-3")
    })
    .unwrap();
    let labels = |core: &Core| (core.package, core.l3, core.numa_node);
    let expected = [
        (Some(0), Some(0), Some(4)),
        (Some(0), Some(0), Some(4)),
        (Some(1), Some(0), None),
        (Some(1), Some(0), Some(4)),
    ];
    // The core in no NUMA node sorts before its neighbour.
    assert_eq!(topology.cores().iter().map(labels).collect::<Vec<_>>(), expected);
}

#[test]
fn a_core_across_two_packages_has_none() {
    let topology =
        assemble(Found { packages: vec![package("0"), package("1")], cores: cores(&["0-1"]), ..machine("0-1") })
            .unwrap();
    assert_eq!(topology.cores()[0].package, None);
}

#[test]
fn the_label_is_the_local_ordinary_memory() {
    let label = |numa_nodes: Vec<NumaNode>| {
        let found = Found { numa_nodes, ..machine("0-3") };
        let topology = assemble(found).unwrap();
        let core = topology.cores().iter().find(|core| core.pus.contains(0));
        core.unwrap().numa_node
    };
    let empty = NumaNode { mem_bytes: 0, ..numa_node(1, "0-3", None) };
    assert_eq!(label(vec![numa_node(0, "0-3", Some("HBM")), numa_node(8, "0-3", None)]), Some(8));
    assert_eq!(label(vec![numa_node(8, "0-3", None), numa_node(2, "0-3", None)]), Some(2));
    assert_eq!(label(vec![numa_node(0, "0-3", None), numa_node(9, "0-1", None)]), Some(9));
    assert_eq!(label(vec![empty, numa_node(9, "0-3", None)]), Some(9));
    assert_eq!(label(vec![numa_node(3, "0-3", Some("HBM"))]), Some(3));
    assert_eq!(label(vec![numa_node(3, "", None)]), None);
}

#[test]
fn what_is_not_allowed_still_exists() {
    let topology = assemble(Found {
        allowed: set("0-1,9"),
        complete: set("0-5"),
        cores: cores(&["0-1", "2-3", "4-5"]),
        ..machine("0-3")
    })
    .unwrap();
    assert_eq!(topology.pus().to_string(), "0-3");
    assert_eq!(topology.allowed().to_string(), "0-1");
    assert_eq!(topology.offline().to_string(), "4-5");
    assert_eq!(topology.cores().len(), 2);
}

#[test]
fn contradictions_are_errors() {
    let error = |found: Found| assemble(found).unwrap_err();
    assert_eq!(error(Found::default()), MachineError::NoPus);
    assert_eq!(error(machine("0-8192")), MachineError::TooManyPus(8_193));
    let overlapping = Found { cores: cores(&["0-1", "1-2"]), ..machine("0-3") };
    assert_eq!(error(overlapping), MachineError::PuInTwoCores(1));
    let twice = Found { numa_nodes: vec![numa_node(1, "0", None), numa_node(1, "1", None)], ..machine("0-1") };
    assert_eq!(error(twice), MachineError::NumaNodeTwice(1));
}

#[test]
fn a_device_hangs_on_the_ordinary_memory_or_on_none() {
    let device = |slot: u32, hangs_on: &str| FoundDevice {
        device: Device {
            kind: DeviceKind::Nic,
            name: format!("eth{slot}"),
            model: None,
            os_devices: Vec::new(),
            pci: Some(PciFunction { address: format!("0000:0{slot}:00.0"), class: 0x0200, vendor_id: 1, device_id: 2 }),
            numa_node: None,
            cpuset: CpuSet::new(),
        },
        nodeset: hangs_on.parse().unwrap(),
    };
    let topology = assemble(Found {
        numa_nodes: vec![
            numa_node(0, "0-1", None),
            numa_node(1, "2-3", None),
            numa_node(250, "2-3", Some("GPUMemory")),
        ],
        devices: vec![device(3, "0-1"), device(2, ""), device(1, "1,250")],
        ..machine("0-3")
    })
    .unwrap();
    let placed: Vec<_> = topology.devices().iter().map(|d| (d.name.as_str(), d.numa_node)).collect();
    assert_eq!(placed, [("eth1", Some(1)), ("eth2", None), ("eth3", None)]);
}
