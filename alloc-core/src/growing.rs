//! Growing: a list that only gets longer, read without a lock while it does.
//!
//! It is kept in segments, each twice as long as the one before, that never move. Who lets it grow holds the table's lock.

use std::sync::OnceLock;

/// Entries of the first segment.
const FIRST: u32 = if cfg!(loom) { 2 } else { 64 };
const SEGMENTS: usize = 18;

/// The list.
#[derive(Debug)]
pub(crate) struct Growing<T>([OnceLock<Box<[T]>>; SEGMENTS]);

/// The segment of an entry, and the place in it.
#[inline]
const fn place_of(at: u32) -> (usize, usize) {
    let segment = (at / FIRST + 1).ilog2();
    (segment as usize, (at - FIRST * ((1 << segment) - 1)) as usize)
}

impl<T> Growing<T> {
    /// Without entries.
    pub(crate) const fn new() -> Self {
        Self([const { OnceLock::new() }; SEGMENTS])
    }

    /// An entry, if the list has grown that far.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        let (segment, at) = place_of(at);
        self.0.get(segment)?.get()?.get(at)
    }

    /// Grows until there is an entry at this place; false when the list cannot have so many.
    pub(crate) fn reach(&self, at: u32, segment: impl Fn(usize) -> Box<[T]>) -> bool {
        let last = place_of(at).0;
        let grow = |(number, place): (usize, &OnceLock<Box<[T]>>)| {
            let _kept = place.get_or_init(|| segment((FIRST as usize) << number));
        };
        self.0.iter().enumerate().take(last + 1).for_each(grow);
        last < SEGMENTS
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn entries_have_places_of_their_own() {
        let list = Growing::new();
        assert!(list.get(0).is_none());
        assert!(list.reach(64 * 7 - 1, |len| (0..len).collect()));
        assert_eq!([0, 63, 64, 191, 192, 447].map(|at| list.get(at).copied()), [0, 63, 0, 127, 0, 255].map(Some));
        assert!(list.get(448).is_none() && list.get(u32::MAX).is_none());
    }
}
