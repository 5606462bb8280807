//! An agent's filters: the sizes that were refused of it, each with its column, a bit per subscription.
//!
//! Most agents have one size: what they have free is what everybody refuses. When it becomes less, the next to refuse makes a second.

use super::shown::Shown;
use super::size::Size;

/// The most sizes of one agent: what one search may cost. Far below what an id can tell apart.
const MAX_SIZES: usize = 1024;

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
        let is_it = |size: &Size| size.shown() == *refused && !size.has(sub);
        let at = match self.sizes.iter().rposition(is_it) {
            Some(at) => at,
            None => self.add_size(refused, column_words)?,
        };
        let size = &mut self.sizes[at];
        size.add(sub, column_words);
        Some(size.id())
    }

    fn add_size(&mut self, refused: &Shown<'_>, column_words: usize) -> Option<usize> {
        let at = self.sizes.len();
        if at == 0 {
            // Mostly it stays alone.
            self.sizes.reserve_exact(1);
        }
        if at == MAX_SIZES {
            return None;
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
        self.sizes.iter().position(|size| size.id() == id)
    }

    /// Whether a subscription has a filter here.
    pub(super) fn has(&self, sub: u32) -> bool {
        self.sizes.iter().any(|size| size.has(sub))
    }

    /// Whether a subscription has refused the size with this id.
    pub(super) fn has_size(&self, sub: u32, id: u16) -> bool {
        self.sizes.iter().any(|size| size.id() == id && size.has(sub))
    }

    /// Ends a filter; `None` when there is none, else whether the subscription has another one here.
    pub(super) fn remove(&mut self, sub: u32, id: u16) -> Option<bool> {
        let (at, others) = (self.position(id)?, self.sizes.len() - 1);
        let size = &mut self.sizes[at];
        if !size.remove(sub) {
            return None;
        }
        if size.filters() == 0 {
            drop(self.take(at));
        }
        Some(others > 0 && self.has(sub))
    }

    /// Ends all of a subscription's filters; tells how many.
    pub(super) fn remove_all_of(&mut self, sub: u32) -> usize {
        let mut removed = 0;
        self.sizes.retain_mut(|size| {
            removed += usize::from(size.remove(sub));
            size.filters() > 0
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
    pub(super) fn take_any(&mut self) -> Option<Size> {
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
        self.sizes.capacity() * size_of::<Size>() + self.sizes.iter().map(Size::bytes).sum::<usize>()
    }

    /// Counts all anew: its filters, when everything agrees.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let subs: u32 = self.words().map(u64::count_ones).sum();
        assert_eq!(subs, self.filtered_by);
        assert!(!self.sizes.is_empty() || self.bytes() == 0, "who has no filters holds nothing");
        let filters = self.sizes.iter().map(|size| {
            let bits: u32 = size.column().iter().map(|word| word.count_ones()).sum();
            assert!(bits == size.filters() && bits > 0);
            bits as usize
        });
        filters.sum()
    }
}
