//! The three sources, against real machines where their files are at hand.
//!
//! The files are found through `MEROS_SHARED`, by default beside the repository; their README's table says
//! what each of them holds.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::model::{Device, DeviceKind, OsDeviceKind};

fn synthetic(description: &str) -> Topology {
    Topology::from_synthetic(description).unwrap()
}

/// The folder of real machines; absent, it says loudly what is not tested.
fn real_machines() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let shared = std::env::var_os("MEROS_SHARED").map_or_else(|| default.into(), PathBuf::from);
    let folder = shared.join("topologies");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no real machines in {}; set MEROS_SHARED", folder.display());
    None
}

fn real_machine(prefix: &str) -> Option<Topology> {
    let entries = fs::read_dir(real_machines()?).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let path = paths.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    Some(Topology::from_xml_file(path.unwrap()).unwrap())
}

/// One row of the README's table: the file, and its columns by heading.
struct Row {
    file: String,
    columns: Vec<(String, String)>,
}

impl Row {
    fn count(&self, heading: &str) -> usize {
        let mut named = self.columns.iter().filter(|(name, _)| name == heading);
        named.next().unwrap().1.parse().unwrap()
    }
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn table(readme: &str) -> Vec<Row> {
    let mut lines = readme.lines().filter(|line| line.starts_with('|'));
    let headings = cells(lines.next().unwrap());
    lines
        .map(cells)
        .filter(|cells| cells[0].ends_with(".xml"))
        .map(|cells| Row { file: cells[0].clone(), columns: headings.iter().cloned().zip(cells).collect() })
        .collect()
}

fn count(topology: &Topology, is: impl Fn(&Device) -> bool) -> usize {
    topology.devices().iter().filter(|device| is(device)).count()
}

fn network_names(topology: &Topology) -> usize {
    let names = topology.devices().iter().flat_map(|device| &device.os_devices);
    let network = [OsDeviceKind::Network, OsDeviceKind::OpenFabrics];
    names.filter(|name| network.contains(&name.kind)).count()
}

#[test]
fn real_machines_have_what_their_readme_says() {
    let Some(folder) = real_machines() else {
        return;
    };
    let rows = table(&fs::read_to_string(folder.join("README.md")).unwrap());
    let files = fs::read_dir(&folder).unwrap();
    let is_xml = |path: &Path| path.extension().is_some_and(|extension| extension == "xml");
    assert_eq!(rows.len(), files.filter(|file| is_xml(&file.as_ref().unwrap().path())).count());
    for row in rows {
        let topology = Topology::from_xml_file(folder.join(&row.file)).unwrap();
        let numa_nodes = topology.numa_nodes();
        let display = |d: &Device| d.pci.as_ref().is_some_and(|function| function.class >> 8 == 3);
        let found = [
            ("pkg", topology.packages().len()),
            ("die", topology.die_count() as usize),
            ("NUMA", numa_nodes.len()),
            ("cpuless", numa_nodes.iter().filter(|n| n.cpuset.is_empty()).count()),
            ("L3", topology.l3_domains().len()),
            ("core", topology.cores().len()),
            ("PU", topology.pus().len()),
            ("cpukinds", topology.core_kinds().len()),
            ("distances", usize::from(topology.distances().is_some())),
            ("PCI", count(&topology, |device| device.pci.is_some())),
            ("gpu-class PCI", count(&topology, display)),
            ("net/OFA", network_names(&topology)),
        ];
        for (heading, found) in found {
            assert_eq!(found, row.count(heading), "{heading} of {}", row.file);
        }
        check_rules(&topology, &row.file);
        assert!(!topology.is_this_machine());
    }
}

/// The rules of the model, whatever the machine.
fn check_rules(topology: &Topology, file: &str) {
    let mut seen = crate::CpuSet::new();
    for (at, core) in topology.cores().iter().enumerate() {
        assert_eq!(core.index as usize, at, "{file}");
        assert!(!core.pus.is_empty() && !core.pus.intersects(&seen), "{file}");
        seen = seen.union(&core.pus);
        if let Some(l3) = core.l3 {
            assert!(core.pus.is_subset(&topology.l3_domains()[l3 as usize].cpuset), "{file}");
        }
        if let Some(package) = core.package {
            assert!(core.pus.is_subset(&topology.packages()[package as usize].cpuset), "{file}");
        }
        if let Some(os_index) = core.numa_node {
            let numa_node = topology.numa_node(os_index).unwrap();
            assert!(core.pus.is_subset(&numa_node.cpuset) && !numa_node.memory_only, "{file}");
        }
    }
    assert_eq!(&seen, topology.pus(), "{file}");
    assert!(topology.allowed().is_subset(topology.pus()), "{file}");
    for device in topology.devices() {
        assert!(device.numa_node.is_none_or(|n| topology.numa_node(n).is_some()), "{file}");
    }
}

#[test]
fn gpu_memory_is_nobodys_label() {
    let Some(power9) = real_machine("27-") else {
        return;
    };
    let memory_only = power9.numa_nodes().iter().filter(|n| n.memory_only);
    assert_eq!(memory_only.map(|n| n.os_index).collect::<Vec<_>>(), [250, 251, 252, 253, 254, 255]);
    assert!(power9.cores().iter().all(|core| matches!(core.numa_node, Some(0 | 8))));
    assert!(power9.devices().iter().all(|device| device.numa_node.is_none_or(|n| n < 250)));
}

#[test]
fn high_bandwidth_memory_is_nobodys_label() {
    let Some(knl) = real_machine("33-") else {
        return;
    };
    assert!(knl.cores().iter().all(|core| core.numa_node == Some(0) && core.l3.is_none()));
    assert!(knl.numa_node(1).unwrap().memory_only);
    assert_eq!(knl.numa_node(1).unwrap().cpuset, *knl.pus());
}

#[test]
fn cores_may_be_in_no_numa_node() {
    let Some(offline) = real_machine("36-") else {
        return;
    };
    assert_eq!(offline.numa_nodes()[0].os_index, 1);
    assert!(offline.cores().iter().any(|core| core.numa_node.is_none()));
    assert!(!offline.pus().contains(0));
}

#[test]
fn hybrid_cores_have_kinds() {
    let Some(laptop) = real_machine("02-") else {
        return;
    };
    let of_kind = |kind| laptop.cores().iter().filter(|core| core.kind == Some(kind)).count();
    assert_eq!((of_kind(0), of_kind(1)), (8, 6));
    assert!(laptop.core_kinds()[0].frequency_max_mhz < laptop.core_kinds()[1].frequency_max_mhz);
}

#[test]
fn devices_know_their_numa_node() {
    let Some(turin) = real_machine("23-") else {
        return;
    };
    let gpus: Vec<_> = turin.devices().iter().filter(|d| d.kind == DeviceKind::Gpu).collect();
    assert_eq!(gpus.len(), 4);
    assert!(gpus.iter().all(|gpu| gpu.numa_node.is_some() && gpu.name.starts_with("card")));
    let distances = turin.distances().unwrap();
    assert_eq!(distances.between(0, 0), Some(10));
    assert!(distances.between(0, 7) > distances.between(0, 1));
    assert_eq!(distances.between(0, 99), None);
}

#[test]
fn this_machine_is_this_machine() {
    let machine = Topology::this_machine().unwrap();
    assert!(machine.is_this_machine());
    check_rules(&machine, "this machine");
    let online: crate::CpuSet = fs::read_to_string("/sys/devices/system/cpu/online").unwrap().parse().unwrap();
    assert_eq!(machine.pus(), &online);
    assert_eq!(machine.hash(), Topology::this_machine().unwrap().hash());
}

#[test]
fn a_reload_of_its_own_export_is_equal() {
    let description = "package:2 [numa(memory=64GB)] l3:2 core:4 pu:2";
    let hwloc = load(Hwloc::builder().from_synthetic(description).unwrap()).unwrap();
    let xml = hwloc.export_xml(hwlocality::topology::export::xml::XMLExportFlags::empty()).unwrap();
    let reloaded = Topology::from_xml(&xml).unwrap();
    let made = synthetic(description);
    assert_eq!(reloaded.hash(), made.hash());
    assert_eq!(reloaded.cores(), made.cores());
    assert_eq!(reloaded.numa_nodes(), made.numa_nodes());
}

#[test]
fn the_hash_tells_machines_apart() {
    let machines = ["core:4 pu:2", "core:8 pu:1", "core:4 pu:2(indexes=0,2,4,6,1,3,5,7)", "package:2 core:2 pu:2"];
    let mut hashes: Vec<u64> = machines.map(|machine| synthetic(machine).hash()).to_vec();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), machines.len());
    assert_eq!(synthetic(machines[0]).hash(), synthetic("[numa(memory=1GB)] core:4 pu:2").hash());
}

/// Fixed for ever: agents and masters of different versions compare these numbers.
#[test]
fn the_hash_of_a_machine_never_changes() {
    assert_eq!(synthetic("package:2 l3:2 core:2 pu:2").hash(), 0xec9a_3000_cb7a_cbfd);
}

#[test]
fn sparse_indices_are_kept() {
    let machine = synthetic("[numa(indexes=8)] core:2 pu:2(indexes=0,4,8,12)");
    let pus: Vec<String> = machine.cores().iter().map(|core| core.pus.to_string()).collect();
    assert_eq!(pus, ["0,4", "8,12"]);
}

#[test]
fn a_machine_without_cores_has_one_per_pu() {
    let machine = synthetic("pu:3");
    assert_eq!(machine.cores().len(), 3);
    check_rules(&machine, "pu:3");
}

#[test]
fn json_names_sets_by_cpulists() {
    let json = serde_json::to_value(synthetic("package:1 core:2 pu:2")).unwrap();
    assert_eq!(json["pus"], "0-3");
    assert_eq!(json["cores"][1]["pus"], "2-3");
    assert_eq!(json["hash"].as_str().unwrap().len(), 16);
}

#[test]
fn refusals_say_what_to_do() {
    let said = |result: Result<Topology, TopologyError>| result.unwrap_err().to_string();
    assert_eq!(
        said(Topology::from_synthetic("toaster:2 pu:2")),
        "hwloc refuses the synthetic topology; `hwloc-info --input 'DESCRIPTION'` shows its reason"
    );
    assert_eq!(
        said(Topology::from_synthetic("core:2 pu")),
        "not a synthetic topology such as `package:2 numa:2 l3:1 core:4 pu:2`: \
         a level is `type:count` with a count from 1 to 1024, at byte 7"
    );
    assert_eq!(
        said(Topology::from_xml("<html>")),
        "not an hwloc XML file: line 1: the outermost element is not `<topology>`; \
         export one with `lstopo --of xml FILE`"
    );
    assert!(said(Topology::from_xml_file("/nonexistent.xml")).starts_with("cannot read /nonexistent.xml: "));
    assert!(matches!(Topology::from_xml("<topology version=\"2.0\"></topology>"), Err(TopologyError::RefusedXml)));
}

#[test]
fn files_that_are_no_text_or_endless_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.xml");
    fs::write(&path, [0xff_u8, 0xfe, 0, 1]).unwrap();
    assert!(Topology::from_xml_file(&path).unwrap_err().to_string().contains("it is not text"));
    let error = Topology::from_xml_file("/dev/zero").unwrap_err().to_string();
    assert!(error.contains("larger than 16 MiB"), "{error}");
    assert!(Topology::from_xml_file(folder.path()).unwrap_err().to_string().starts_with("cannot read"));
}
