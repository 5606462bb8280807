//! Agent snapshot: what one agent of a [`Snapshot`](crate::Snapshot) has, and what it could grant. Asking changes nothing and sees
//! nothing newer than the copy.

use core::fmt;

use crate::exact;
use crate::extras::ExtraWord;
use crate::ids::{AgentId, NumaNodeId, PuId};
use crate::leaf::{LeafWord, PuState};
use crate::memory::{MemoryWord, Seat};
use crate::part::Part;
use crate::placement::Placement;
use crate::plan::{Lack, Nowhere, Sink, check, plan};
use crate::pool::PoolWord;
use crate::reason::{Invalid, Wanted};
use crate::request::{Level, Request};
use crate::shape::Shape;
use crate::shard::{AgentState, Cell};
use crate::slots::RecordsFull;
use crate::stock::Stock;
use crate::usage::{MemoryUsage, PoolUsage};

/// One agent as it was copied.
#[derive(Clone, Copy, Debug)]
pub struct AgentSnapshot<'a> {
    agent: AgentId,
    state: AgentState,
    incarnation: u32,
    shape: &'a Shape,
    words: &'a [u64],
    torn: bool,
}

/// What a leaf has free: cores with equal labels, at most 32 PUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafFree {
    /// The NUMA node of its cores, if any.
    pub numa_node: Option<NumaNodeId>,
    /// Their L3 domain, if any.
    pub l3: Option<u32>,
    /// Their package, if known.
    pub package: Option<u32>,
    /// Their kind.
    pub kind: u32,
    /// Free PUs.
    pub pus: u32,
    /// Cores that are free with all their PUs.
    pub cores: u32,
}

/// What a domain has free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainFree {
    /// The number of its L3 domain, NUMA node or package, as in the shape.
    pub label: u32,
    /// Free PUs.
    pub pus: u32,
    /// Cores that are free with all their PUs.
    pub cores: u32,
}

/// Why a request would get nothing, were the agent as the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplanned {
    /// The snapshot does not have the agent.
    Gone,
    /// The agent takes no new claims.
    Closed(AgentState),
    /// The request cannot be meant.
    Invalid(Invalid),
    /// The cores or the share are not there.
    Cpus,
    /// The cores or the share are there; the memory, or memory beside them, is not.
    Memory,
    /// There is too little of this, or not beside the cores.
    Extra(Wanted),
}

impl fmt::Display for Unplanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the snapshot does not have the agent: refresh it, or ask of another shard's"),
            Self::Closed(AgentState::Draining) => f.write_str("the agent is draining: plan on another"),
            Self::Closed(_) => f.write_str("the agent takes no new claims for now: plan on another"),
            Self::Invalid(invalid) => write!(f, "{invalid}"),
            Self::Cpus => f.write_str("members: the agent has no such cores or share free"),
            Self::Memory => f.write_str("mem_bytes: the agent has no such memory free, or not beside the cores"),
            Self::Extra(what) => {
                write!(f, "extras: the agent has too few {} free, or not beside the cores", what.noun())
            }
        }
    }
}

impl core::error::Error for Unplanned {}

impl<'a> AgentSnapshot<'a> {
    /// `None` for a cell without an agent.
    pub(crate) fn new(
        agent: AgentId,
        cell: Cell,
        shape: &'a Shape,
        words: &'a [u64],
        torn: bool,
    ) -> Option<AgentSnapshot<'a>> {
        Some(Self { agent, state: cell.state?, incarnation: cell.incarnation, shape, words, torn })
    }

    /// Which agent.
    #[must_use]
    pub const fn id(&self) -> AgentId {
        self.agent
    }

    /// Counts the machines that had this id, this one included: for [`Table::claim_exact`](crate::Table::claim_exact).
    #[must_use]
    pub const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Whether it took new claims.
    #[must_use]
    pub const fn state(&self) -> AgentState {
        self.state
    }

    /// Its shape.
    #[must_use]
    pub const fn shape(&self) -> &'a Shape {
        self.shape
    }

    /// Whether its words are not known to belong together.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.torn
    }

    /// PUs nobody has.
    #[must_use]
    pub fn pus_free(&self) -> u32 {
        (0..).zip(&self.shape.layout.leaves).map(|(leaf, _)| self.pus_in(leaf, PuState::Free).count_ones()).sum()
    }

    /// The PUs nobody has, leaf by leaf.
    pub fn free_pus(&self) -> impl Iterator<Item = PuId> {
        let shape = self.shape;
        let leaves = (0..).zip(&shape.layout.leaves);
        leaves.flat_map(move |(at, _)| exact::pus_of(shape, at, self.pus_in(at, PuState::Free)))
    }

    /// What each leaf has free.
    pub fn leaves(&self) -> impl Iterator<Item = LeafFree> {
        (0..).zip(&self.shape.layout.leaves).filter_map(|(at, leaf)| {
            let spec = self.shape.core(usize::from(*leaf.cores.first()?))?.spec;
            let (pus, cores) = self.free_in(at);
            Some(LeafFree {
                numa_node: spec.numa_node,
                l3: spec.l3,
                package: spec.package,
                kind: spec.kind,
                pus,
                cores,
            })
        })
    }

    /// What each L3 domain, NUMA node or package has free; for [`Level::Core`] see [`AgentSnapshot::free_pus`]. Cores without the
    /// label are in none.
    pub fn domains(&self, level: Level) -> impl Iterator<Item = DomainFree> {
        let domains = self.shape.layout.domains(level).iter();
        domains.filter_map(move |leaves| {
            let label = self.label(*leaves.first()?, level)?;
            let free = leaves.iter().map(|leaf| self.free_in(*leaf));
            let (pus, cores) = free.fold((0, 0), |sum, free| (sum.0 + free.0, sum.1 + free.1));
            Some(DomainFree { label, pus, cores })
        })
    }

    /// The memory of each NUMA node, and whom it serves.
    pub fn memory(&self) -> impl Iterator<Item = MemoryUsage> {
        let numa_nodes = (0..).map(NumaNodeId::new).zip(self.shape.pages());
        numa_nodes.map(|(numa_node, &pages)| MemoryUsage::new(numa_node, pages, self.memory_word(numa_node)))
    }

    /// What each pool has, and has promised.
    pub fn pools(&self) -> impl Iterator<Item = PoolUsage> {
        let pools = (0..).zip(&self.shape.layout.pools);
        pools.map(|(at, pool)| PoolUsage::new(pool.numa_node, self.pool_word(at)))
    }

    /// Whether a request would fit, were the agent as the copy. Allocates nothing.
    #[must_use]
    pub fn fits(&self, request: &Request) -> bool {
        self.plan_into(request, &mut Nowhere).is_ok()
    }

    /// What a request would get, to be claimed exactly. Shares may need cores to join their pool, as with any claim.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub fn plan(&self, request: &Request) -> Result<Placement, Unplanned> {
        let mut parts = Parts(Vec::new());
        self.plan_into(request, &mut parts)?;
        Ok(exact::placement(self.shape, parts.0.into_iter()))
    }

    fn plan_into(&self, request: &Request, sink: &mut impl Sink) -> Result<(), Unplanned> {
        check(request).map_err(Unplanned::Invalid)?;
        if self.state != AgentState::Active {
            return Err(Unplanned::Closed(self.state));
        }
        plan(request, self, sink).map_err(|lack| match lack {
            Lack::Memory => Unplanned::Memory,
            Lack::Extra(what) => Unplanned::Extra(what),
            // A copy does not move, and its plan goes where there is room.
            Lack::Cpus | Lack::Moved | Lack::Records => Unplanned::Cpus,
        })
    }
}

/// Its words.
impl AgentSnapshot<'_> {
    fn pus_in(&self, leaf: u16, state: PuState) -> u32 {
        let word = LeafWord::unpack(self.words[self.shape.block.leaf(leaf)]);
        word.mask(state) & self.shape.layout.leaves[usize::from(leaf)].bits.all()
    }

    fn pool_word(&self, pool: u16) -> PoolWord {
        PoolWord::unpack(self.words[self.shape.block.pool(pool)])
    }

    fn memory_word(&self, numa_node: NumaNodeId) -> MemoryWord {
        MemoryWord::of(self.words[self.shape.block.memory(numa_node.index())])
    }

    /// Free PUs of a leaf, and wholly free cores.
    fn free_in(&self, leaf: u16) -> (u32, u32) {
        let free = self.pus_in(leaf, PuState::Free);
        (free.count_ones(), self.shape.layout.leaves[usize::from(leaf)].bits.count_whole(free))
    }

    fn label(&self, leaf: u16, level: Level) -> Option<u32> {
        let core = self.shape.layout.leaves[usize::from(leaf)].cores.first()?;
        let spec = self.shape.core(usize::from(*core))?.spec;
        match level {
            Level::Core => None,
            Level::L3 => spec.l3,
            Level::NumaNode => spec.numa_node.map(|numa_node| u32::from(numa_node.get())),
            Level::Package => spec.package,
        }
    }
}

impl Stock for AgentSnapshot<'_> {
    fn shape(&self) -> &Shape {
        self.shape
    }

    fn pus(&self, leaf: u16) -> u32 {
        self.pus_in(leaf, PuState::Free)
    }

    fn pages(&self, numa_node: NumaNodeId) -> u64 {
        self.memory_word(numa_node).pages()
    }

    fn admits(&self, numa_node: NumaNodeId, seat: Seat) -> bool {
        self.memory_word(numa_node).admits(seat)
    }

    fn room_milli(&self, pool: u16) -> u32 {
        self.pool_word(pool).room_milli()
    }

    fn leaving(&self, pool: u16) -> u32 {
        let leaves = self.shape.layout.pools[usize::from(pool)].leaves.iter();
        leaves.map(|&leaf| self.pus_in(leaf, PuState::Leaving).count_ones()).sum()
    }

    fn extra(&self, word: ExtraWord) -> u64 {
        self.shape.extras.position(word).map_or(0, |position| self.words[self.shape.block.extra(position)])
    }
}

/// A plan's parts.
struct Parts(Vec<Part>);

impl Sink for Parts {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull> {
        self.0.push(part);
        Ok(())
    }
}
