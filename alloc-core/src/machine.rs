//! Machine: one agent's words, seen through its shape. Every change of a word goes through here, because here it is told to the
//! index as well.
//!
//! The words are those of a block (see [`block`](crate::block)). A `Machine` is cheap to copy and borrows everything.

use crate::block::POSITIONS_PER_LINE;
use crate::extras::Millis;
use crate::extras::word::{self, ExtraWord};
use crate::ids::NumaNodeId;
use crate::index::{Index, Plane, Span};
use crate::leaf::{self, LeafWord, PuState};
use crate::memory::{self, MemoryWord, Seat};
use crate::pool::{self, PoolWord};
use crate::shape::Shape;
use crate::sync::Word64;

/// An agent's words, as of the incarnation that the caller looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) shape: &'a Shape,
    /// The block's words.
    words: &'a [Word64],
    index: &'a Index,
    /// The block's first position in the index.
    position: u32,
}

impl<'a> Machine<'a> {
    /// The machine whose block starts at `line` of these words.
    #[inline]
    pub(crate) fn new(shape: &'a Shape, words: &'a [Word64], index: &'a Index, line: u32) -> Self {
        Self { shape, words, index, position: line * POSITIONS_PER_LINE }
    }

    #[inline]
    fn leaf_word(&self, leaf: u16) -> &'a Word64 {
        &self.words[self.shape.block.leaf(leaf)]
    }

    #[inline]
    fn pool_word(&self, pool: u16) -> &'a Word64 {
        &self.words[self.shape.block.pool(pool)]
    }

    fn extra_word(&self, word: ExtraWord) -> Option<&'a Word64> {
        let position = self.shape.extras.position(word)?;
        Some(&self.words[self.shape.block.extra(position)])
    }

    #[inline]
    fn memory_word(&self, numa_node: NumaNodeId) -> &'a Word64 {
        &self.words[self.shape.block.memory(numa_node.index())]
    }
}

/// Tells the index how a leaf's word changed.
#[inline]
pub(crate) fn tell_leaf(index: &Index, position: u32, (before, after): (LeafWord, LeafWord), word: &Word64) {
    let free = |word: LeafWord| word.mask(PuState::Free).count_ones();
    index.leaf_changed(position, (free(before), free(after)), || free(leaf::read(word)));
}

/// Leaves.
impl Machine<'_> {
    /// A leaf's word at this moment.
    #[inline]
    pub(crate) fn leaf(&self, leaf: u16) -> LeafWord {
        leaf::read(self.leaf_word(leaf))
    }

    /// A leaf's position in the index.
    #[inline]
    pub(crate) const fn position(&self, leaf: u16) -> u32 {
        self.position + leaf as u32
    }

    /// Moves PUs of a leaf from one state to another in one step; false when some was not in `from`.
    #[must_use]
    #[inline]
    pub(crate) fn shift(&self, leaf: u16, pus: u32, from: PuState, to: PuState) -> bool {
        let word = self.leaf_word(leaf);
        let Some(changed) = leaf::shift(word, pus, from, to) else { return false };
        tell_leaf(self.index, self.position(leaf), changed, word);
        if matches!(to, PuState::Free | PuState::Leaving) {
            self.grew();
        }
        true
    }

    /// Moves PUs that this call, or the claim it acts for, holds.
    #[inline]
    pub(crate) fn put(&self, leaf: u16, pus: u32, to: PuState) {
        if !self.shift(leaf, pus, PuState::Held, to) {
            leaf::not_held(pus);
        }
    }

    /// A search found too few free PUs on a leaf, which may be of another class than it was found in.
    #[cold]
    pub(crate) fn leaf_is_not(&self, leaf: u16, found: Plane) {
        self.index.leaf_is_not(self.position(leaf), found, || self.leaf(leaf).mask(PuState::Free).count_ones());
    }

    /// The PUs of a leaf in a state, at this moment.
    #[inline]
    pub(crate) fn pus_in(&self, leaf: u16, state: PuState) -> u32 {
        let pus = self.shape.block.leaf_place(u32::from(leaf)).map_or(0, |place| place.bits.all());
        self.leaf(leaf).mask(state) & pus
    }

    /// How many PUs of the agent are in a state, at this moment.
    pub(crate) fn count_in(&self, state: PuState) -> u32 {
        (0..).zip(&self.shape.layout.leaves).map(|(leaf, _)| self.pus_in(leaf, state).count_ones()).sum()
    }
}

/// Pools.
impl Machine<'_> {
    /// A pool's word at this moment.
    #[inline]
    pub(crate) fn pool(&self, pool: u16) -> PoolWord {
        pool::read(self.pool_word(pool))
    }

    #[inline]
    fn change_pool(&self, pool: u16, rule: impl Fn(PoolWord) -> Option<PoolWord>) -> bool {
        let word = self.pool_word(pool);
        let Some((before, after)) = pool::change(word, rule) else { return false };
        let room = (before.room_milli(), after.room_milli());
        self.index.pool_changed(self.pool_position(pool), room, || pool::read(word).room_milli());
        if room.1 > room.0 {
            self.grew();
        }
        true
    }

    /// Where the index keeps a pool: at its first leaf.
    fn pool_position(&self, pool: u16) -> u32 {
        let leaves = &self.shape.layout.pools[usize::from(pool)].leaves;
        self.position(leaves.first().copied().unwrap_or(0))
    }

    /// Promises `cpu_milli` of a pool if there is room.
    #[must_use]
    #[inline]
    pub(crate) fn commit(&self, pool: u16, cpu_milli: u32) -> bool {
        self.change_pool(pool, |word| word.commit(cpu_milli))
    }

    /// Takes a promise back.
    pub(crate) fn uncommit(&self, pool: u16, cpu_milli: u32) {
        let done = self.change_pool(pool, |word| word.uncommit(cpu_milli));
        assert!(done, "a pool gives back only what it promised, and {cpu_milli} millis were not promised");
    }

    /// Counts a core that joined a pool.
    pub(crate) fn grow_pool(&self, pool: u16, cpu_milli: u32, committed: u32) {
        let _always = self.change_pool(pool, |word| Some(word.grow(cpu_milli, committed)));
    }

    /// Stops counting a core; false while its millis are promised.
    #[must_use]
    pub(crate) fn shrink_pool(&self, pool: u16, cpu_milli: u32) -> bool {
        self.change_pool(pool, |word| word.shrink(cpu_milli))
    }

    /// Moves a pool's epoch alone: the order of this epoch has to be read again.
    pub(crate) fn touch_pool(&self, pool: u16) {
        let _always = self.change_pool(pool, |word| Some(word.grow(0, 0)));
    }
}

/// Memory.
impl Machine<'_> {
    /// A NUMA node's memory word at this moment.
    #[inline]
    pub(crate) fn memory(&self, numa_node: NumaNodeId) -> MemoryWord {
        memory::read(self.memory_word(numa_node))
    }

    /// Takes a seat and pages of a NUMA node; false when those who are there forbid it, or fewer pages are free.
    #[must_use]
    #[inline]
    pub(crate) fn take_memory(&self, numa_node: NumaNodeId, seat: Seat, pages: u64) -> bool {
        memory::change(self.memory_word(numa_node), |word| word.take(seat, pages)).is_some()
    }

    /// Gives a seat and pages back.
    #[inline]
    pub(crate) fn give_memory(&self, numa_node: NumaNodeId, seat: Seat, pages: u64) {
        let word = self.memory_word(numa_node);
        let Some((before, after)) = memory::change(word, |word| word.give(seat, pages)) else {
            memory::not_taken(seat, pages)
        };
        if before.shown() != after.shown() {
            self.show_memory(numa_node, before.shown()..after.shown());
        }
        self.grew();
    }

    #[cold]
    pub(crate) fn show_memory(&self, numa_node: NumaNodeId, steps: core::ops::Range<u8>) {
        let span = self.shape.block.span(numa_node.index(), self.position);
        self.index.memory_shown(span, steps, self.most_steps(numa_node));
    }

    /// A search found too few pages on a NUMA node.
    #[cold]
    pub(crate) fn memory_lacks(&self, numa_node: NumaNodeId) {
        let word = self.memory_word(numa_node);
        if let Some((before, after)) = memory::change(word, MemoryWord::hide) {
            let span = self.shape.block.span(numa_node.index(), self.position);
            let steps = after.shown()..before.shown();
            self.index.memory_hidden(span, steps, self.most_steps(numa_node), || memory::read(word).shown());
        }
    }

    /// The steps a NUMA node reaches with all its pages free.
    fn most_steps(&self, numa_node: NumaNodeId) -> u8 {
        crate::index::steps_up_to(self.shape.pages()[numa_node.index()])
    }
}

/// Extras.
impl Machine<'_> {
    /// What is free of an extra word at this moment; nothing of what the machine has not.
    pub(crate) fn extra(&self, word: ExtraWord) -> u64 {
        self.extra_word(word).map_or(0, word::read)
    }

    /// Takes what an extra word counts; false when it is not all there.
    #[must_use]
    pub(crate) fn take_extra(&self, word: ExtraWord, amount: u64) -> bool {
        let taken = self.extra_word(word).is_some_and(|of| word::change(of, |free| word.take(free, amount)));
        if taken && matches!(word, ExtraWord::Devices(_)) && Millis::from_bits(amount).splits() {
            self.grew();
        }
        taken
    }

    /// Thousandths of the devices of a word that are free at this moment.
    pub(crate) fn devices(&self, word: u16) -> Millis {
        Millis::from_bits(self.extra(ExtraWord::Devices(word)))
    }

    /// Gives back what was taken.
    pub(crate) fn give_extra(&self, word: ExtraWord, amount: u64) {
        let given = self.extra_word(word).is_some_and(|of| word::change(of, |free| word.give(free, amount)));
        assert!(given, "extras::word, rule 2: {amount:#x} of {word:?} was not taken");
        if matches!(word, ExtraWord::Devices(_)) {
            self.grew();
        }
    }
}

/// As a whole.
impl Machine<'_> {
    /// The block's first line: where the agent stands among the shard's.
    #[inline(always)]
    pub(crate) const fn line(&self) -> u32 {
        self.position / POSITIONS_PER_LINE
    }

    /// Something was given back.
    #[inline(always)]
    fn grew(&self) {
        self.index.agents.grew(self.line());
    }

    /// The positions of all leaves.
    pub(crate) fn whole_span(&self) -> Span {
        let leaves = self.shape.layout.leaves.len();
        Span { first: self.position, len: u32::try_from(leaves).unwrap_or(0) }
    }
}

/// Comparison with a fresh block, for reuse and for the check of everything.
impl Machine<'_> {
    /// Brings a block that no claim holds anything of back to fresh; false when somebody does, or is about to.
    pub(crate) fn reset(&self) -> bool {
        for (pool, shape) in (0..).zip(&self.shape.layout.pools) {
            if self.pool(pool).committed_milli() != 0 {
                return false;
            }
            for &leaf in &shape.leaves {
                for state in [PuState::Pool, PuState::Leaving] {
                    let pus = self.pus_in(leaf, state);
                    let cpu_milli = pus.count_ones() * crate::MILLI_PER_PU;
                    if state == PuState::Pool && pus != 0 && !self.shrink_pool(pool, cpu_milli) {
                        return false;
                    }
                    if pus != 0 && !self.shift(leaf, pus, state, PuState::Free) {
                        return false;
                    }
                }
            }
        }
        self.is_fresh()
    }

    /// Whether everything is free.
    pub(crate) fn is_fresh(&self) -> bool {
        let leaves = (0..).zip(&self.shape.layout.leaves);
        let pages = (0..).map(NumaNodeId::new).zip(self.shape.pages());
        leaves.clone().all(|(at, leaf)| self.pus_in(at, PuState::Free) == leaf.bits.all())
            && pages.clone().all(|(numa_node, &pages)| self.memory(numa_node).is_fresh(pages))
            && self.shape.extras.words().iter().all(|&(word, all)| self.extra(word) == all)
    }

    /// Tells the index everything a block has: for a block in use for the first time, and again after a reset.
    pub(crate) fn tell_index(&self) {
        for (leaf, _) in (0..).zip(&self.shape.layout.leaves) {
            let free = self.pus_in(leaf, PuState::Free).count_ones();
            self.index.leaf_changed(self.position(leaf), (0, free), || free);
        }
        for (at, _) in (0..).zip(self.shape.pages()) {
            let span = self.shape.block.span(usize::from(at), self.position);
            self.index.memory_known(span, self.memory(NumaNodeId::new(at)).shown());
        }
        self.grew();
    }

    /// Whether searches find what the block has.
    pub(crate) fn is_indexed(&self) -> bool {
        let free = |leaf| self.pus_in(leaf, PuState::Free).count_ones();
        let leaves = (0..).zip(&self.shape.layout.leaves);
        let pools = (0..).zip(&self.shape.layout.pools);
        let memory = (0..).zip(self.shape.pages());
        leaves.clone().all(|(leaf, _)| self.index.has_leaf(self.position(leaf), free(leaf)))
            && pools.clone().all(|(at, _)| self.index.has_pool(self.pool_position(at), self.pool(at).room_milli()))
            && memory.clone().all(|(at, _)| {
                let span = self.shape.block.span(usize::from(at), self.position);
                let word = self.memory(NumaNodeId::new(at));
                word.shown() >= crate::index::steps_up_to(word.pages()) && self.index.has_memory(span, word.shown())
            })
            && self.index.agents.has(self.line(), self)
    }

    /// Writes a fresh block's words. Only while nobody else knows of the block.
    pub(crate) fn write_fresh(&self) {
        for (at, value) in crate::block::fresh(self.shape) {
            // Relaxed: the cell that makes the block known releases it.
            self.words[at].store(value, crate::sync::Ordering::Relaxed);
        }
    }
}
