//! Toll: what a request takes of an agent, all together. Who has less in all need not be planned for.

use crate::MILLI_PER_PU;
use crate::extras::DeviceWish;
use crate::machine::Machine;
use crate::quantity::pages_up;
use crate::request::Request;
use crate::wants::Wants;

/// What a request takes of an agent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Toll {
    /// Thousandths of PUs, exclusive and shared together.
    pub(crate) cpu_milli: u64,
    /// Pages of ordinary memory.
    pub(crate) pages: u64,
    /// The first wish for devices.
    pub(crate) device: Option<DeviceWish>,
}

impl Toll {
    /// Of any agent: none serves the request with less.
    pub(crate) fn least(request: &Request) -> Self {
        Self::of(request, 1)
    }

    /// Of an agent whose cores are of `width` PUs.
    pub(crate) fn of(request: &Request, width: u32) -> Self {
        let wants = Wants::new(request, false);
        let cpu_milli = u64::from(wants.least_pus_on(width)) * u64::from(MILLI_PER_PU) + wants.share_milli();
        let device = request.extras.wishes().and_then(|wishes| wishes.devices.first().copied());
        Self { cpu_milli, pages: pages_up(request.mem_bytes), device }
    }

    /// Whether an agent has as much CPU and memory, wherever on it.
    pub(crate) fn is_there(&self, machine: &Machine<'_>) -> bool {
        cpu_milli(machine) >= self.cpu_milli && (self.pages == 0 || pages(machine) >= self.pages)
    }
}

/// CPU that shares could have, in thousandths of a PU: free and leaving PUs, and room in pools.
pub(crate) fn cpu_milli(machine: &Machine<'_>) -> u64 {
    let unused = |(leaf, place): (u16, &crate::block::LeafPlace)| machine.leaf(leaf).unused() & place.bits.all();
    let pus: u32 = (0..).zip(machine.shape.block.leaf_places()).map(|leaf| unused(leaf).count_ones()).sum();
    let pools = (0..).zip(&machine.shape.layout.pools);
    let room: u64 = pools.map(|(pool, _)| u64::from(machine.pool(pool).room_milli())).sum();
    u64::from(pus) * u64::from(MILLI_PER_PU) + room
}

/// Pages of the NUMA nodes that serve everybody.
pub(crate) fn pages(machine: &Machine<'_>) -> u64 {
    machine.shape.ordinary().iter().map(|numa_node| machine.memory(numa_node).pages()).sum()
}
