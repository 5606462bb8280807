//! Block: the words of one agent, in whole cache lines of its shard, and which word is where.
//!
//! NUMA node by NUMA node: the memory word, the pool word, the leaves. So a claim of cores and memory of one NUMA node touches one
//! line where that has few leaves. Cores in no NUMA node come with a pool of their own; then NUMA nodes without cores. The words of
//! the [extras](crate::extras) come last, so a machine without any needs no room for them.
//!
//! A line of a block stands for [`POSITIONS_PER_LINE`] positions of the index: leaf `i` of the block that starts at line `l` is at
//! position `4 l + i`. A block has as many lines as its words or its leaves need. So a position tells the line (to be fetched while
//! the rest is looked up), and a line the position, by arithmetic alone.

use crate::ids::NumaNodeId;
use crate::index::Span;
use crate::layout::{Layout, LeafShape};
use crate::leaf::Cores;
use crate::memory::MemoryWord;
use crate::request::Level;
use crate::shape::Shape;
use crate::sync::WORDS_PER_LINE;

/// `WORDS_PER_LINE`, as places of words are counted.
const WORDS_PER_LINE_U16: u16 = if cfg!(loom) { 1 } else { 8 };
const _: () = assert!(WORDS_PER_LINE_U16 as usize == WORDS_PER_LINE);

/// Positions of the index that one line stands for.
pub(crate) const POSITIONS_PER_LINE: u32 = 4;

/// What a call on a leaf needs to know of it, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafPlace {
    /// How its bits are cores.
    pub(crate) bits: Cores,
    /// Which word of the block.
    word: u16,
    /// Which word is its NUMA node's memory; its own where it is in none.
    memory: u16,
    /// A bit per [`Level`] that the leaf is inside one domain of.
    levels: u8,
    pub(crate) numa_node: Option<NumaNodeId>,
}

impl LeafPlace {
    fn new(leaf: &LeafShape) -> Self {
        let levels = [Level::Core, Level::L3, Level::NumaNode, Level::Package];
        let bit = |level: Level| u8::from(leaf.is_within(level)) << level as u8;
        let levels = levels.into_iter().map(bit).sum();
        Self { bits: leaf.bits, word: 0, memory: 0, levels, numa_node: leaf.numa_node }
    }

    /// Where its word is in the block.
    #[inline]
    pub(crate) fn word(&self) -> usize {
        usize::from(self.word)
    }

    /// Where its NUMA node's memory word is in the block; its own word where it is in none.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        usize::from(self.memory)
    }

    /// Whether the leaf is inside one domain of a level.
    #[inline]
    pub(crate) const fn is_within(&self, level: Level) -> bool {
        self.levels >> level as u8 & 1 == 1
    }
}

/// Which word of a block is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockMap {
    leaves: Box<[LeafPlace]>,
    pools: Box<[u16]>,
    memory: Box<[u16]>,
    /// Of each NUMA node's leaves, relative to the block.
    spans: Box<[Span]>,
    /// The first word of the extras.
    extras: u16,
    lines: u32,
}

impl BlockMap {
    /// The places of the words of a machine with these leaves and pools, so many NUMA nodes, and so many words of extras.
    #[expect(clippy::cast_possible_truncation, reason = "1,024 leaves, 64 pools, 64 NUMA nodes, 3,400 extras at most")]
    pub(crate) fn new(layout: &Layout, numa_nodes: usize, extra_words: usize) -> Self {
        let mut leaves: Box<[LeafPlace]> = layout.leaves.iter().map(LeafPlace::new).collect();
        let mut pools = vec![0; layout.pools.len()];
        let (mut memory, mut spans) = (vec![None; numa_nodes], vec![Span { first: 0, len: 0 }; numa_nodes]);
        let mut words = 0..;
        let mut next = || words.next().unwrap_or(0);
        for (at, pool) in layout.pools.iter().enumerate() {
            let of_memory = pool.numa_node.map(|_| next());
            if let Some(numa_node) = pool.numa_node {
                memory[numa_node.index()] = of_memory;
                let first = pool.leaves.first().map_or(0, |leaf| u32::from(*leaf));
                spans[numa_node.index()] = Span { first, len: pool.leaves.len() as u32 };
            }
            pools[at] = next();
            for &leaf in &pool.leaves {
                let (place, word) = (&mut leaves[usize::from(leaf)], next());
                (place.word, place.memory) = (word, of_memory.unwrap_or(word));
            }
        }
        let memory = memory.into_iter().map(|word| word.unwrap_or_else(&mut next)).collect();
        let extras = next();
        let lines = ((usize::from(extras) + extra_words).div_ceil(WORDS_PER_LINE) as u32)
            .max((layout.leaves.len() as u32).div_ceil(POSITIONS_PER_LINE));
        Self { leaves, pools: pools.into(), memory, spans: spans.into(), extras, lines }
    }

    #[inline]
    pub(crate) fn leaf(&self, leaf: u16) -> usize {
        usize::from(self.leaves[usize::from(leaf)].word)
    }

    /// The line of a leaf's word, from the block's first; 0 for a leaf that is not there.
    #[inline]
    pub(crate) fn line_of(&self, leaf: u16) -> u32 {
        self.leaf_place(u32::from(leaf)).map_or(0, |place| u32::from(place.word / WORDS_PER_LINE_U16))
    }

    /// A leaf, if there is one.
    #[inline]
    pub(crate) fn leaf_place(&self, leaf: u32) -> Option<&LeafPlace> {
        self.leaves.get(leaf as usize)
    }

    #[inline]
    pub(crate) fn pool(&self, pool: u16) -> usize {
        usize::from(self.pools[usize::from(pool)])
    }

    #[inline]
    pub(crate) fn memory(&self, numa_node: usize) -> usize {
        usize::from(self.memory[numa_node])
    }

    /// The word of the extras at a position of theirs.
    pub(crate) fn extra(&self, position: usize) -> usize {
        usize::from(self.extras) + position
    }

    /// The positions of a NUMA node's leaves, in the block that starts at position `first`.
    #[inline]
    pub(crate) fn span(&self, numa_node: usize, first: u32) -> Span {
        let span = self.spans[numa_node];
        Span { first: first + span.first, ..span }
    }

    /// Lines of the block.
    pub(crate) const fn lines(&self) -> u32 {
        self.lines
    }
}

/// The values of a fresh block's words: everything free, pools empty. In the order of the words' places, with their places.
pub(crate) fn fresh(shape: &Shape) -> Vec<(usize, u64)> {
    let Shape { layout, block, extras, .. } = shape;
    let leaves = (0..).zip(&layout.leaves).map(|(at, leaf)| (block.leaf(at), crate::leaf::fresh(leaf.bits.all())));
    let pools = (0..).zip(&layout.pools).map(|(at, _)| (block.pool(at), crate::pool::FRESH));
    let memory = shape.pages().iter().enumerate();
    let memory = memory.map(|(at, &pages)| (block.memory(at), MemoryWord::fresh(pages).pack()));
    let extras = extras.words().iter().enumerate().map(|(at, &(_, all))| (block.extra(at), all));
    let mut words: Vec<(usize, u64)> = leaves.chain(pools).chain(memory).chain(extras).collect();
    words.sort_unstable();
    words
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use crate::testing::Machine;

    #[test]
    fn a_regular_agent_has_its_leaf_and_its_memory_in_one_line() {
        // Two packages of four NUMA nodes of two L3 domains of eight cores of two PUs.
        let machine = Machine { cores: 128, pus_per_core: 2, l3: 16, numa_nodes: 8, packages: 2, mem_bytes: 32 << 30 };
        let shape = machine.shape();
        assert_eq!(shape.block.lines(), 4, "256 bytes");
        for (at, leaf) in (0_u16..).zip(&shape.layout.leaves) {
            let numa_node = leaf.numa_node.unwrap();
            let word = shape.block.leaf(at);
            assert_eq!(word / 8, shape.block.memory(numa_node.index()) / 8);
            assert_eq!(word / 8, usize::from(at) / 4, "the line a position tells");
        }
    }

    #[test]
    fn every_word_has_a_place_of_its_own() {
        let mut spec = crate::testing::spec(70, 1, 2, 1 << 30);
        spec.cores[69].numa_node = None;
        spec.numa_nodes.push(spec.numa_nodes[0]);
        spec.disk_bytes = 1 << 30;
        spec.sets = vec![crate::SetSpec { name: crate::NameId::new(0), items: 100 }];
        let shape = crate::Shape::new(&spec).unwrap();
        let words = super::fresh(&shape);
        let places: Vec<usize> = words.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, (0..words.len()).collect::<Vec<_>>());
        assert_eq!(words.len(), shape.layout.leaves.len() + 3 + 3 + 4);
    }
}
