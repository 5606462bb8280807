//! Shortlist: a few places that would serve, to take the best of.

/// The most places that are compared.
pub(crate) const MOST: usize = 16;
/// So many are, where a comparison costs little and finds little.
pub(crate) const FEW: usize = 4;

/// Places with their ranks; the best has the least, of equals the lowest place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shortlist {
    places: [(i64, u32); MOST],
    len: usize,
}

impl Shortlist {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a place, if there is room.
    #[inline]
    pub(crate) fn push(&mut self, rank: i64, place: u32) {
        if self.len < MOST {
            self.places[self.len] = (rank, place);
            self.len += 1;
        }
    }

    /// Takes the best.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let at = (0..self.len).min_by_key(|at| self.places[*at])?;
        let (_, place) = self.places[at];
        self.len -= 1;
        self.places[at] = self.places[self.len];
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_comes_first_and_of_equals_the_lowest() {
        let mut list = Shortlist::default();
        [(7, 1), (3, 9), (3, 2), (5, 4)].into_iter().for_each(|(rank, place)| list.push(rank, place));
        assert_eq!([(); 5].map(|()| list.pop()), [Some(2), Some(9), Some(4), Some(1), None]);
        (0..=MOST).rev().for_each(|rank| list.push(rank.try_into().unwrap(), 0));
        assert_eq!(list.len(), MOST, "there was no room for the last");
    }
}
