//! An agent's filters: the sizes that were refused of it, each with its column, a bit per subscription.
//!
//! Most agents have one size: what they have free is what everybody refuses. When it becomes less, the next to refuse makes a second.

use super::bits;
use super::shown::Shown;

/// The most sizes of one agent: what one search may cost. Far below what an id can tell apart.
const MAX_SIZES: usize = 1024;

/// A size and who refused it, in one piece of memory: amounts, bits, column.
#[derive(Debug)]
pub(super) struct Size {
    words: Box<[u64]>,
    /// Where the column begins.
    column: u32,
    filters: u32,
    id: u16,
    /// Where the bits begin.
    bits: u8,
}

impl Size {
    #[expect(clippy::cast_possible_truncation, reason = "there are 16 amounts, and fewer bits than 2^32 words")]
    fn new(id: u16, refused: &Shown<'_>, column_words: usize) -> Self {
        let (amounts, bits) = (refused.amounts.len(), refused.bits.len());
        let mut words = Vec::with_capacity(amounts + bits + column_words);
        words.extend_from_slice(refused.amounts);
        words.extend_from_slice(refused.bits);
        words.resize(amounts + bits + column_words, 0);
        Self { words: words.into(), column: (amounts + bits) as u32, filters: 0, id, bits: amounts as u8 }
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        let (amounts, rest) = self.words.split_at(usize::from(self.bits));
        Shown { amounts, bits: &rest[..self.column as usize - amounts.len()] }
    }

    pub(super) fn column(&self) -> &[u64] {
        &self.words[self.column as usize..]
    }

    pub(super) fn filters(&self) -> u32 {
        self.filters
    }

    fn add(&mut self, sub: u32, column_words: usize) {
        let words = self.column as usize + column_words;
        if words > self.words.len() {
            let mut longer = Vec::with_capacity(words);
            longer.extend_from_slice(&self.words);
            longer.resize(words, 0);
            self.words = longer.into();
        }
        self.filters += u32::from(bits::add(&mut self.words[self.column as usize..], sub));
    }

    fn remove(&mut self, sub: u32) -> bool {
        let was_there = bits::remove(&mut self.words[self.column as usize..], sub);
        self.filters -= u32::from(was_there);
        was_there
    }
}

/// The filters of one agent.
#[derive(Debug, Default)]
pub(super) struct Columns {
    sizes: Vec<Size>,
    /// How many subscriptions have a filter here.
    filtered_by: u32,
    /// The newest size's id. It stays when the agent goes, or its next sizes' ids would be those of entries of old.
    newest: u16,
}

impl Columns {
    /// Makes a filter; the id of its size. `column_words` is how long columns are that have room for everybody.
    pub(super) fn add(&mut self, sub: u32, refused: &Shown<'_>, column_words: usize) -> Option<u16> {
        // Who has the size already (he held two offers of it) gets one of his own: each filter ends at its own time.
        let is_it = |size: &Size| size.shown() == *refused && !bits::has(size.column(), sub);
        let at = match self.sizes.iter().rposition(is_it) {
            Some(at) => at,
            None => self.add_size(refused, column_words)?,
        };
        let size = &mut self.sizes[at];
        size.add(sub, column_words);
        Some(size.id)
    }

    fn add_size(&mut self, refused: &Shown<'_>, column_words: usize) -> Option<usize> {
        if self.sizes.len() == MAX_SIZES {
            return None;
        }
        let at = self.sizes.len();
        if at == 0 {
            // Mostly it stays alone.
            self.sizes.reserve_exact(1);
        }
        self.newest = self.fresh_id();
        self.sizes.push(Size::new(self.newest, refused, column_words));
        Some(at)
    }

    fn fresh_id(&self) -> u16 {
        let mut id = self.newest.wrapping_add(1);
        while self.position(id).is_some() {
            id = id.wrapping_add(1);
        }
        id
    }

    fn position(&self, id: u16) -> Option<usize> {
        self.sizes.iter().position(|size| size.id == id)
    }

    /// Whether a subscription has a filter here.
    pub(super) fn has(&self, sub: u32) -> bool {
        self.sizes.iter().any(|size| bits::has(size.column(), sub))
    }

    /// Whether a subscription has refused the size with this id.
    pub(super) fn has_size(&self, sub: u32, id: u16) -> bool {
        self.position(id).is_some_and(|at| bits::has(self.sizes[at].column(), sub))
    }

    /// Ends a filter; `false` when there is none.
    pub(super) fn remove(&mut self, sub: u32, id: u16) -> bool {
        let Some(at) = self.position(id) else { return false };
        let size = &mut self.sizes[at];
        let was_there = size.remove(sub);
        if size.filters == 0 {
            drop(self.take(at));
        }
        was_there
    }

    /// Ends all of a subscription's filters; tells how many.
    pub(super) fn remove_all_of(&mut self, sub: u32) -> usize {
        let mut removed = 0;
        self.sizes.retain_mut(|size| {
            removed += usize::from(size.remove(sub));
            size.filters > 0
        });
        self.give_back();
        removed
    }

    /// Takes a size out with its filters: the first at `from` or behind it that does not cover what there is, and where it was.
    pub(super) fn take_outgrown(&mut self, from: usize, now: &Shown<'_>) -> Option<(usize, Size)> {
        let at = from + self.sizes.get(from..)?.iter().position(|size| !size.shown().covers(now))?;
        Some((at, self.take(at)))
    }

    /// Takes any size out with its filters.
    pub(super) fn take_last(&mut self) -> Option<Size> {
        let last = self.sizes.len().checked_sub(1)?;
        Some(self.take(last))
    }

    fn take(&mut self, at: usize) -> Size {
        let size = self.sizes.swap_remove(at);
        self.give_back();
        size
    }

    fn give_back(&mut self) {
        if self.sizes.is_empty() {
            self.sizes = Vec::new();
        }
    }

    /// How many subscriptions have a filter here.
    pub(super) fn filtered_by(&self) -> u32 {
        self.filtered_by
    }

    /// One more subscription has a filter here.
    pub(super) fn block(&mut self) {
        self.filtered_by += 1;
    }

    /// One has none any longer.
    pub(super) fn unblock(&mut self) {
        self.filtered_by -= 1;
    }

    /// Who has a filter here, a bit per subscription; words at the end may be missing.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> + '_ {
        let longest = self.sizes.iter().map(|size| size.column().len()).max().unwrap_or(0);
        (0..longest)
            .map(|at| self.sizes.iter().filter_map(|size| size.column().get(at)).fold(0, |all, word| all | word))
    }

    /// The bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let words: usize = self.sizes.iter().map(|size| size.words.len()).sum();
        self.sizes.capacity() * size_of::<Size>() + words * size_of::<u64>()
    }

    /// Counts all anew: its filters, when everything agrees.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let subs: u32 = self.words().map(u64::count_ones).sum();
        assert_eq!(subs, self.filtered_by);
        assert!(!self.sizes.is_empty() || self.bytes() == 0, "who has no filters holds nothing");
        let filters = self.sizes.iter().map(|size| {
            let bits: u32 = size.column().iter().map(|word| word.count_ones()).sum();
            assert!(bits == size.filters && bits > 0);
            bits as usize
        });
        filters.sum()
    }
}
