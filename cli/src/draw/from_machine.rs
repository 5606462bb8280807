//! wire → map: the picture of an agent's machine with who owns what, as the master sees it.
//!
//! The message's cores come in OS order; they are grouped by package, NUMA node, L3 domain and kind, as
//! `from_topology` groups hwloc's. A PU in a shared pool is the pool's, whoever runs there.

use std::collections::BTreeSet;

use meros_sdk::message::{AgentView, Machine, MachineCore, MachineDevice, NumaMemory, PodView};

use super::map::{CoreMap, DeviceMark, L3Map, MachineMap, MemoryMap, NumaNodeMap, PackageMap, PuCell, PuState};

impl MachineMap {
    /// An agent's machine, with the pods that hold parts of it.
    pub(crate) fn from_machine(agent: &AgentView, pods: &[PodView]) -> Self {
        let holders: Vec<&PodView> = pods.iter().filter(|pod| holds(pod, agent)).collect();
        let mut map = empty(&agent.machine);
        let pool: BTreeSet<u32> = agent.pools.iter().flat_map(|pool| pool.pus.iter().copied()).collect();
        for cell in map.pus_mut() {
            cell.state = state(cell.os_index, &holders, &pool);
        }
        for (numa_node, memory) in map.memories_mut() {
            memory.used_bytes = used_bytes(numa_node, &holders);
        }
        map
    }
}

/// True while the agent's quantities are its own.
fn holds(pod: &PodView, agent: &AgentView) -> bool {
    pod.status.agent == Some(agent.agent) && !pod.status.state.is_terminal()
}

fn state(pu: u32, holders: &[&PodView], pool: &BTreeSet<u32>) -> PuState {
    let owner = holders.iter().find(|pod| pod.status.placement.exclusive_pus.contains(&pu));
    match owner {
        Some(pod) => PuState::Exclusive(owner_name(pod)),
        None if pool.contains(&pu) => PuState::Pool,
        None => PuState::Free,
    }
}

fn owner_name(pod: &PodView) -> String {
    if pod.spec.name.is_empty() { pod.spec.pod.0.short() } else { pod.spec.name.clone() }
}

fn used_bytes(numa_node: u32, holders: &[&PodView]) -> u64 {
    let parts = holders.iter().flat_map(|pod| &pod.status.placement.memory);
    let here = |part: &&NumaMemory| part.numa_node == numa_node;
    parts.filter(here).fold(0, |sum, part| sum.saturating_add(part.mem_bytes))
}

/// Everything free, nothing used.
fn empty(machine: &Machine) -> MachineMap {
    let mut cores: Vec<&MachineCore> = machine.cores.iter().collect();
    cores.sort_by_key(|core| (core.package, core.numa_node, core.l3_domain, core.kind, core.pus.first().copied()));
    // A NUMA node that spans packages tells its memory and devices once.
    let mut told = BTreeSet::new();
    let packages =
        cores.chunk_by(|a, b| a.package == b.package).map(|cores| package(machine, cores, &mut told)).collect();
    MachineMap {
        name: Some(machine.hostname.clone()).filter(|name| !name.is_empty()),
        packages,
        memory_only: memory_only(machine),
        devices: marks(machine, |device| device.numa_node.is_none()),
    }
}

fn package(machine: &Machine, cores: &[&MachineCore], told: &mut BTreeSet<u32>) -> PackageMap {
    PackageMap {
        index: cores.first().and_then(|core| core.package),
        processor: None,
        numa_nodes: cores
            .chunk_by(|a, b| a.numa_node == b.numa_node)
            .map(|cores| numa_node(machine, cores, told))
            .collect(),
    }
}

fn numa_node(machine: &Machine, cores: &[&MachineCore], told: &mut BTreeSet<u32>) -> NumaNodeMap {
    let os_index = cores.first().and_then(|core| core.numa_node);
    let news = os_index.is_some_and(|os_index| told.insert(os_index));
    NumaNodeMap {
        os_index,
        memory: os_index.filter(|_| news).and_then(|os_index| memory(machine, os_index)),
        l3_domains: cores
            .chunk_by(|a, b| (a.l3_domain, a.kind) == (b.l3_domain, b.kind))
            .map(|cores| l3_domain(machine, cores))
            .collect(),
        devices: marks(machine, |device| news && device.numa_node == os_index),
    }
}

fn memory(machine: &Machine, os_index: u32) -> Option<MemoryMap> {
    let numa_node = machine.numa_nodes.iter().find(|numa_node| numa_node.os_index == os_index)?;
    (numa_node.mem_bytes > 0).then_some(MemoryMap { used_bytes: 0, total_bytes: numa_node.mem_bytes })
}

fn l3_domain(machine: &Machine, cores: &[&MachineCore]) -> L3Map {
    let several_kinds = machine.cores.iter().any(|core| core.kind != 0);
    let kind = cores.first().map(|core| core.kind).filter(|_| several_kinds);
    L3Map {
        index: cores.first().and_then(|core| core.l3_domain),
        size_bytes: 0,
        kind: kind.map(|kind| format!("kind {kind}")),
        cores: cores.iter().map(|core| core_map(core)).collect(),
    }
}

fn core_map(core: &MachineCore) -> CoreMap {
    let cell = |os_index: &u32| PuCell { os_index: *os_index, state: PuState::Free };
    CoreMap { pus: core.pus.iter().map(cell).collect() }
}

fn memory_only(machine: &Machine) -> Vec<(u32, String, MemoryMap)> {
    let local: BTreeSet<u32> = machine.cores.iter().filter_map(|core| core.numa_node).collect();
    let others = machine.numa_nodes.iter().map(|numa_node| numa_node.os_index).filter(|index| !local.contains(index));
    let row = |index| (index, "memory only".to_owned(), memory(machine, index).unwrap_or_default());
    others.map(row).collect()
}

fn marks(machine: &Machine, is: impl Fn(&MachineDevice) -> bool) -> Vec<DeviceMark> {
    let devices = machine.devices.iter().filter(|device| is(device));
    devices.map(|device| DeviceMark { kind: device.class.clone(), name: device.name.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use meros_sdk::message::{AgentId, MachineNumaNode, Placement, PodSpec, PoolOrder, StatusUpdate, TaskState};

    use super::*;

    /// Two packages of one NUMA node each, two cores of two PUs in each.
    fn agent() -> AgentView {
        let core = |index: u32| MachineCore {
            pus: vec![index, index + 4],
            package: Some(index / 2),
            numa_node: Some(index / 2),
            l3_domain: None,
            kind: 0,
        };
        let numa_node = |os_index| MachineNumaNode { os_index, mem_bytes: 1 << 30, ..MachineNumaNode::default() };
        let machine = Machine {
            cores: (0..4).map(core).collect(),
            numa_nodes: (0..3).map(numa_node).collect(),
            ..Machine::default()
        };
        let pools = vec![PoolOrder { pool: 1, pus: vec![2, 6], epoch: 1 }];
        AgentView { agent: AgentId(0), connected: true, machine, pools }
    }

    fn pod(state: TaskState) -> PodView {
        let memory = vec![NumaMemory { numa_node: 0, mem_bytes: 1 << 20 }];
        let placement = Placement { exclusive_pus: vec![1, 5], memory, ..Placement::default() };
        let status = StatusUpdate { agent: Some(AgentId(0)), state, placement, ..StatusUpdate::default() };
        let spec = PodSpec { name: "web".to_owned(), ..PodSpec::default() };
        PodView { spec, status, ..PodView::default() }
    }

    #[test]
    fn every_pu_has_its_owner() {
        let map = MachineMap::from_machine(&agent(), &[pod(TaskState::Running)]);
        let of = |state: &PuState| -> Vec<u32> {
            map.pus().filter(|cell| cell.state == *state).map(|cell| cell.os_index).collect()
        };
        assert_eq!(of(&PuState::Exclusive("web".to_owned())), [1, 5]);
        assert_eq!(of(&PuState::Pool), [2, 6]);
        assert_eq!(of(&PuState::Free), [0, 4, 3, 7]);
    }

    #[test]
    fn memory_is_used_while_its_pod_lives() {
        let used = |state| {
            let mut map = MachineMap::from_machine(&agent(), &[pod(state)]);
            map.memories_mut().map(|(_, memory)| memory.used_bytes).sum::<u64>()
        };
        assert_eq!((used(TaskState::Running), used(TaskState::Finished)), (1 << 20, 0));
    }

    #[test]
    fn a_numa_node_without_cores_is_told_apart() {
        let map = MachineMap::from_machine(&agent(), &[]);
        assert_eq!(map.packages.len(), 2);
        assert_eq!(map.memory_only.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [2]);
    }
}
