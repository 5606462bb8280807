//! Slots: which of a shard's records are free, and each thread's own supply of them.
//!
//! The map has a bit per record, 1 = in use (by a claim, or lying in somebody's magazine). A [`Magazine`] is one thread's: it
//! takes a whole word of the map at once, up to 64 neighbouring records, and hands them out last in, first out, without
//! touching what others touch. So the record a claim gets is the one this thread released last, which its cache still has.
//!
//! Rule 1: a bit is set by who takes the slot out of the map and cleared by who gives it back; a slot is in one magazine at most.
//! Rule 2: a magazine that goes gives back what it has.

use core::cell::Cell;

use crate::ids::MAX_RECORDS;
use crate::sync::{self, Ordering, Word64, Zeroed};

/// Every slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordsFull;

/// Which slots are taken out.
#[derive(Debug)]
pub(crate) struct SlotMap {
    words: Zeroed<Word64>,
    /// A word that had free slots not long ago: a hint where to look.
    hint: Word64,
}

/// Few under loom, which makes every word of every run anew.
const SLOTS_PER_WORD: u32 = if cfg!(loom) { 2 } else { 64 };
const ALL: u64 = u64::MAX >> (64 - SLOTS_PER_WORD);

impl SlotMap {
    /// At least so many slots, all free.
    pub(crate) fn new(slots: u32) -> Self {
        let words = slots.min(MAX_RECORDS).div_ceil(SLOTS_PER_WORD).max(1);
        Self { words: sync::zeroed(words as usize), hint: Word64::new(0) }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "made from a u32")]
    pub(crate) fn len(&self) -> u32 {
        self.words.len() as u32 * SLOTS_PER_WORD
    }

    /// All its words.
    pub(crate) fn words(&self) -> &[Word64] {
        &self.words
    }

    /// Whether all are taken out at this moment.
    pub(crate) fn is_full(&self) -> bool {
        // Relaxed: nothing is read through it.
        self.words.iter().all(|word| word.load(Ordering::Relaxed) & ALL == ALL)
    }

    /// Takes up to `most` neighbouring slots out; the first one's number and a bit for each.
    #[expect(clippy::cast_possible_truncation, reason = "fewer words than slots, which a u32 counts")]
    fn take(&self, most: u32) -> Result<(u32, u64), RecordsFull> {
        let words = self.words.len();
        // Relaxed: a hint.
        let start = self.hint.load(Ordering::Relaxed) as usize % words;
        for word in (start..words).chain(0..start) {
            // AcqRel: Acquire pairs with the Release half of `give`: the last user's last write precedes our first.
            // Relaxed on failure: a full word tells nothing.
            let taken = self.words[word].update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                let free = lowest(!used & ALL, most);
                (free != 0).then_some(used | free)
            });
            if let Ok(used) = taken {
                // Relaxed: a hint. Not a change of a shared truth, so rule 3 of `sync` does not ask for one step.
                self.hint.store(word as u64, Ordering::Relaxed);
                return Ok((word as u32 * SLOTS_PER_WORD, lowest(!used & ALL, most)));
            }
        }
        Err(RecordsFull)
    }

    fn give(&self, slot: u32) {
        let word = slot / SLOTS_PER_WORD;
        // AcqRel: Release pairs with the Acquire half of `take`.
        self.words[word as usize].clear_bits(1 << (slot % SLOTS_PER_WORD), Ordering::AcqRel);
        // Relaxed: a hint.
        self.hint.store(u64::from(word), Ordering::Relaxed);
    }

    /// Every slot that is taken out.
    pub(crate) fn taken(&self) -> impl Iterator<Item = u32> {
        (0..).zip(self.words.iter()).flat_map(|(word, bits)| {
            // Acquire: pairs with the Release half of `take`, whose record is looked at next.
            let mut left = bits.load(Ordering::Acquire);
            core::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(word * SLOTS_PER_WORD + bit)
            })
        })
    }
}

/// The lowest `most` bits of `bits`.
const fn lowest(bits: u64, most: u32) -> u64 {
    let (mut left, mut most) = (bits, most);
    while most > 0 && left != 0 {
        left &= left - 1;
        most -= 1;
    }
    bits & !left
}

const ROOM: usize = 128;

/// One thread's supply of free slots of one shard, and its place there.
#[derive(Debug)]
pub(crate) struct Magazine {
    slots: [Cell<u32>; ROOM],
    len: Cell<usize>,
    /// How many slots it takes out of the map at once.
    refill: u32,
    /// The row of the shard's index at which the thread's last search for a leaf that fits exactly ended.
    row: Cell<u32>,
}

impl Magazine {
    /// For a thread that goes on working.
    pub(crate) const fn new() -> Self {
        Self { slots: [const { Cell::new(0) }; ROOM], len: Cell::new(0), refill: SLOTS_PER_WORD, row: Cell::new(0) }
    }

    /// For a single call: takes no more than is needed.
    pub(crate) const fn single() -> Self {
        Self { refill: 1, ..Self::new() }
    }

    /// Takes a slot.
    #[inline]
    pub(crate) fn take(&self, map: &SlotMap) -> Result<u32, RecordsFull> {
        if self.len.get() == 0 {
            self.load(map)?;
        }
        let len = self.len.get() - 1;
        self.len.set(len);
        Ok(self.slots[len].get())
    }

    #[cold]
    fn load(&self, map: &SlotMap) -> Result<(), RecordsFull> {
        let (first, mut bits) = map.take(self.refill)?;
        while bits != 0 {
            // Highest first, so that the lowest is handed out first.
            let bit = u64::BITS - 1 - bits.leading_zeros();
            self.put(first + bit);
            bits &= !(1 << bit);
        }
        Ok(())
    }

    #[inline]
    fn put(&self, slot: u32) {
        let len = self.len.get();
        self.slots[len].set(slot);
        self.len.set(len + 1);
    }

    /// Takes a slot back.
    #[inline]
    pub(crate) fn give(&self, slot: u32, map: &SlotMap) {
        if self.len.get() == ROOM {
            self.unload(ROOM / 2, map);
        }
        self.put(slot);
    }

    /// Gives slots back to the map until `keep` are left.
    #[cold]
    pub(crate) fn unload(&self, keep: usize, map: &SlotMap) {
        while self.len.get() > keep {
            let len = self.len.get() - 1;
            self.len.set(len);
            map.give(self.slots[len].get());
        }
    }

    /// Where the thread's next search for a leaf that fits exactly goes on.
    #[inline]
    pub(crate) fn row(&self) -> u32 {
        self.row.get()
    }

    /// Where a search ended.
    #[inline]
    pub(crate) fn set_row(&self, row: u32) {
        self.row.set(row);
    }
}
