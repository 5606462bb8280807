//! Placement: what a claim holds, exactly. The answer to "where is it?", and what `restore` and `split_exact` take.

use crate::extras::PlacedExtras;
use crate::group::GroupId;
use crate::ids::{NumaNodeId, PuId};
use crate::{MILLI_PER_PU, Quantities};

/// What a claim holds. Each list is sorted by id and names nothing twice.
///
/// A claim of one member, as most are, has all its CPU in `pus` and `pools`. [`Placement::members`] lists any claim's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// PUs that the first member holds exclusively.
    pub pus: Vec<PuId>,
    /// The first member's shares of pools.
    pub pools: Vec<PoolShare>,
    /// The second member and on; the last of them is not empty.
    pub further: Vec<MemberPlacement>,
    /// Ordinary memory. The NUMA nodes listed are the ones the claim may use, also those with 0 bytes (in a strict group, or
    /// with huge pages only).
    pub memory: Vec<NumaNodeMemory>,
    /// On what terms the memory is held.
    pub memory_hold: MemoryHold,
    /// Groups that the claim is a member of. Restored, it counts for the value that its agent has then.
    pub groups: Vec<GroupId>,
    /// What else is held.
    pub extras: PlacedExtras,
}

impl Placement {
    /// The PUs and shares of each member, in the order of the request.
    pub fn members(&self) -> impl Iterator<Item = (&[PuId], &[PoolShare])> {
        let further = self.further.iter().map(|member| (&*member.pus, &*member.pools));
        core::iter::once((&*self.pus, &*self.pools)).chain(further)
    }

    /// The PUs of all members, sorted.
    #[must_use]
    pub fn all_pus(&self) -> Vec<PuId> {
        let mut pus: Vec<PuId> = self.members().flat_map(|(pus, _)| pus).copied().collect();
        pus.sort_unstable();
        pus
    }

    /// CPU and ordinary memory together, as charged. Special memory is charged by its kind.
    #[must_use]
    pub fn quantities(&self) -> Quantities {
        let member_milli = |(pus, pools): (&[PuId], &[PoolShare])| {
            let pool_milli: u64 = pools.iter().map(|share| u64::from(share.cpu_milli)).sum();
            pus.len() as u64 * u64::from(MILLI_PER_PU) + pool_milli
        };
        Quantities {
            cpu_milli: self.members().map(member_milli).sum(),
            mem_bytes: self.memory.iter().fold(0, |sum, memory| sum.saturating_add(memory.mem_bytes)),
        }
    }
}

/// What one member of a claim holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberPlacement {
    /// PUs held exclusively.
    pub pus: Vec<PuId>,
    /// Shares of pools.
    pub pools: Vec<PoolShare>,
}

/// A share of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShare {
    /// The pool's NUMA node; `None` for the pool of the cores that are in no NUMA node.
    pub numa_node: Option<NumaNodeId>,
    /// Thousandths of a PU.
    pub cpu_milli: u32,
}

/// Memory of one NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaNodeMemory {
    /// The NUMA node.
    pub numa_node: NumaNodeId,
    /// Bytes, a whole number of pages.
    pub mem_bytes: u64,
}

/// On what terms memory is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryHold {
    /// For later: an offer or a reservation; nothing runs in it.
    Held,
    /// In use, and others may spill into the same NUMA nodes.
    #[default]
    Loose,
    /// In use, and nobody can spill into these NUMA nodes.
    Strict,
}

/// The cores that shared claims of one NUMA node run on, as the agent is to set them.
///
/// Orders of one pool replace each other: only the newest counts. Send it when `epoch` differs from the one sent last,
/// and answer with `confirm_pool` once the agent runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOrder {
    /// The pool's NUMA node; `None` for the pool of the cores that are in no NUMA node.
    pub numa_node: Option<NumaNodeId>,
    /// The pool's PUs, sorted; whole cores.
    pub pus: Vec<PuId>,
    /// Which order this is; 0 for a pool that never had a core.
    pub epoch: u32,
}
