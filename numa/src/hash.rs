//! A number for a machine's structure, so that both ends of a wire can tell whether they speak of the
//! same PUs and NUMA nodes.
//!
//! The algorithm is part of the protocol and never changes silently: FNV-1a, 64 bits, over the bytes of
//! a sequence of little-endian `u32`s. The sequence is [`VERSION`], then five lists, each preceded by its
//! length:
//! 1. the online PUs, ascending;
//! 2. per core, in order: how many PUs, the PUs, package, NUMA node, L3 domain ([`ABSENT`] for none);
//! 3. per NUMA node, ascending: operating-system index, 1 if memory-only else 0, how many PUs, the PUs;
//! 4. the distances: the NUMA nodes, then the values;
//! 5. per PCI function that stores, talks, draws or computes, by address: the length of the address, its
//!    bytes (one `u32` each), class, vendor, device, NUMA node ([`ABSENT`] for none).
//!
//! Left out is what may change while the same machine runs, or what a driver or another hwloc would call
//! differently: amounts of memory and huge pages (balloons, hot-plug), which PUs are allowed, core kinds,
//! dies, names, and devices without a PCI address.

use crate::model::{Core, Device, NumaNode, Topology};
use crate::set::CpuSet;

/// Changes whenever the sequence does.
const VERSION: u32 = 1;

/// Stands for a label that is absent; no index is this large.
const ABSENT: u32 = u32::MAX;

/// PCI base classes that count: storage, network, display, processing accelerator.
const LASTING_PCI_CLASSES: [u16; 4] = [0x01, 0x02, 0x03, 0x12];

/// The hash of everything about the machine that its pods' cpusets and nodesets depend on.
pub(crate) fn structure_hash(topology: &Topology) -> u64 {
    let mut hash = Fnv1a::new();
    hash.word(VERSION);
    hash.cpuset(&topology.pus);
    hash.list(&topology.cores, Fnv1a::core);
    hash.list(&topology.numa_nodes, Fnv1a::numa_node);
    let distances = topology.distances.as_ref();
    hash.words(distances.map_or(&[], |known| &known.numa_nodes));
    hash.words(distances.map_or(&[], |known| &known.values));
    let devices: Vec<&Device> = topology.devices.iter().filter(|d| lasting(d)).collect();
    hash.list(&devices, |hash, device| hash.device(device));
    hash.0
}

fn lasting(device: &Device) -> bool {
    let class = |function: &crate::model::PciFunction| function.class >> 8;
    device.pci.as_ref().is_some_and(|function| LASTING_PCI_CLASSES.contains(&class(function)))
}

/// FNV-1a: offset basis and prime of the 64-bit variant, by Fowler, Noll and Vo.
struct Fnv1a(u64);

impl Fnv1a {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn word(&mut self, word: u32) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn label(&mut self, label: Option<u32>) {
        self.word(label.unwrap_or(ABSENT));
    }

    fn length(&mut self, length: usize) {
        self.word(u32::try_from(length).unwrap_or(ABSENT));
    }

    fn words(&mut self, words: &[u32]) {
        self.list(words, |hash, &word| hash.word(word));
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.length(items.len());
        for each in items {
            item(self, each);
        }
    }

    fn cpuset(&mut self, cpuset: &CpuSet) {
        self.words(&cpuset.iter().collect::<Vec<u32>>());
    }

    fn core(&mut self, core: &Core) {
        self.cpuset(&core.pus);
        self.label(core.package);
        self.label(core.numa_node);
        self.label(core.l3);
    }

    fn numa_node(&mut self, numa_node: &NumaNode) {
        self.word(numa_node.os_index);
        self.word(u32::from(numa_node.memory_only));
        self.cpuset(&numa_node.cpuset);
    }

    fn device(&mut self, device: &Device) {
        let Some(function) = &device.pci else { return };
        self.length(function.address.len());
        for byte in function.address.bytes() {
            self.word(u32::from(byte));
        }
        self.word(u32::from(function.class));
        self.word(u32::from(function.vendor_id));
        self.word(u32::from(function.device_id));
        self.label(device.numa_node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fnv_1a() {
        let mut hash = Fnv1a::new();
        for word in [u32::from_le_bytes(*b"foob"), u32::from_le_bytes(*b"arba")] {
            hash.word(word);
        }
        // The same eight bytes through the definition, a byte at a time.
        let expected = b"foobarba"
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211));
        assert_eq!(hash.0, expected);
    }
}
