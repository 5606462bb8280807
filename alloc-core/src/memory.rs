//! Memory of one NUMA node: a word that says *who may be there*, and a word that counts free pages.
//!
//! The kernel knows no limit per NUMA node inside a memory cgroup. A claim that was promised memory of certain NUMA nodes
//! keeps it only if nobody else can spill into them; hence the strict rule. A claim with memory takes a [`Seat`] on each
//! NUMA node it may use:
//!
//! | seat | the claim may use | enters when |
//! |---|---|---|
//! | `Held` | nothing yet: an offer or a reservation, nothing runs in it | always, and is not counted |
//! | `SingleStrict` | this NUMA node only, and was promised so | no claim of several NUMA nodes is here |
//! | `SingleLoose` | this NUMA node only | no strict group is here |
//! | `MultiLoose` | this one and others | nobody here was promised anything |
//! | `Group(g)` | the NUMA nodes of group `g` of the shape, and was promised so | only claims of the same group are here |
//!
//! Rule 1: seat first, then pages; the way back is pages first, then the seat.
//! Rule 2: a claim gives back exactly the pages it took.

use crate::sync::{Ordering, Word64};

/// Under which promise a claim uses a NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seat {
    Held,
    SingleStrict,
    SingleLoose,
    MultiLoose,
    /// Position in the shape's list of groups.
    Group(u8),
}

const COUNT_BITS: u32 = 18;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
// Every record of an agent may sit on one NUMA node, and a count must not spill into its neighbour.
const _: () = assert!(COUNT_MASK > crate::ids::MAX_RECORDS as u64 && 3 * COUNT_BITS + 8 <= 64);

/// The value of a seat word: `group:8 | multi:18 | loose:18 | strict:18`; group 0 = none, g + 1 = group g.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct SeatWord {
    /// 0, or the group's position plus one.
    pub(crate) group: u8,
    pub(crate) multi: u32,
    pub(crate) loose: u32,
    pub(crate) strict: u32,
}

impl SeatWord {
    #[expect(clippy::cast_possible_truncation, reason = "each field is masked to its width")]
    const fn unpack(word: u64) -> Self {
        Self {
            group: (word >> (3 * COUNT_BITS)) as u8,
            multi: (word >> (2 * COUNT_BITS) & COUNT_MASK) as u32,
            loose: (word >> COUNT_BITS & COUNT_MASK) as u32,
            strict: (word & COUNT_MASK) as u32,
        }
    }

    const fn pack(self) -> u64 {
        (self.group as u64) << (3 * COUNT_BITS)
            | (self.multi as u64) << (2 * COUNT_BITS)
            | (self.loose as u64) << COUNT_BITS
            | self.strict as u64
    }

    pub(crate) const fn enter(mut self, seat: Seat) -> Option<Self> {
        match seat {
            Seat::Held => {}
            Seat::SingleStrict if self.multi == 0 => self.strict += 1,
            Seat::SingleLoose if self.group == 0 => self.loose += 1,
            Seat::MultiLoose if self.strict == 0 && self.group == 0 => self.multi += 1,
            Seat::Group(group)
                if self.strict == 0 && self.loose == 0 && (self.multi == 0 || self.group == group + 1) =>
            {
                self.group = group + 1;
                self.multi += 1;
            }
            _ => return None,
        }
        Some(self)
    }

    const fn leave(mut self, seat: Seat) -> Option<Self> {
        match seat {
            Seat::Held => {}
            Seat::SingleStrict if self.strict > 0 => self.strict -= 1,
            Seat::SingleLoose if self.loose > 0 => self.loose -= 1,
            Seat::MultiLoose | Seat::Group(_) if self.multi > 0 => {
                self.multi -= 1;
                if self.multi == 0 {
                    self.group = 0;
                }
            }
            _ => return None,
        }
        Some(self)
    }
}

/// One NUMA node's memory as the threads share it.
#[derive(Debug)]
pub(crate) struct MemoryNode {
    seats: Word64,
    free_pages: Word64,
}

impl MemoryNode {
    pub(crate) fn new(pages: u64) -> Self {
        Self { seats: Word64::new(0), free_pages: Word64::new(pages) }
    }

    /// Who is there at this moment.
    pub(crate) fn seats(&self) -> SeatWord {
        // Acquire: pairs with the Release half of `enter` and `leave`: a refusal sees the undo that preceded it.
        SeatWord::unpack(self.seats.load(Ordering::Acquire))
    }

    /// Pages that are free at this moment.
    pub(crate) fn free_pages(&self) -> u64 {
        // Acquire: pairs with the Release half of `take` and `give`, as in `seats`.
        self.free_pages.load(Ordering::Acquire)
    }

    fn change_seats(&self, rule: impl Fn(SeatWord) -> Option<SeatWord>) -> bool {
        // AcqRel: each change pairs with the one before it, so who enters sees the pages given back by who left.
        // Relaxed on failure: nothing is read through it.
        let changed = self
            .seats
            .update(Ordering::AcqRel, Ordering::Relaxed, |word| rule(SeatWord::unpack(word)).map(SeatWord::pack));
        changed.is_ok()
    }

    /// Takes a seat; false when those who are there forbid it.
    #[must_use]
    pub(crate) fn enter(&self, seat: Seat) -> bool {
        seat == Seat::Held || self.change_seats(|word| word.enter(seat))
    }

    /// Gives a seat back.
    pub(crate) fn leave(&self, seat: Seat) {
        let left = seat == Seat::Held || self.change_seats(|word| word.leave(seat));
        assert!(left, "rule 1: seat {seat:?} is left once, by the claim that took it");
    }

    /// Takes `pages`; false when fewer are free.
    #[must_use]
    pub(crate) fn take(&self, pages: u64) -> bool {
        // AcqRel: Acquire pairs with the Release half of `give`; Release publishes to the next. Relaxed on failure:
        // nothing is read through it.
        self.free_pages.update(Ordering::AcqRel, Ordering::Relaxed, |free| free.checked_sub(pages)).is_ok()
    }

    /// Gives `pages` back.
    pub(crate) fn give(&self, pages: u64) {
        // AcqRel: Release pairs with the Acquire half of `take`. Relaxed on failure: it cannot fail, pages fit 44 bits.
        let _always = self.free_pages.update(Ordering::AcqRel, Ordering::Relaxed, |free| free.checked_add(pages));
    }
}

#[cfg(test)]
mod tests {
    use super::Seat::*;
    use super::*;

    fn room_with(seats: &[Seat]) -> SeatWord {
        seats.iter().fold(SeatWord::default(), |word, &seat| word.enter(seat).unwrap())
    }

    #[test]
    fn who_may_sit_beside_whom() {
        for (there, comer, enters) in [
            (SingleStrict, SingleStrict, true),
            (SingleStrict, SingleLoose, true),
            (SingleStrict, MultiLoose, false),
            (SingleStrict, Group(0), false),
            (SingleLoose, SingleStrict, true),
            (SingleLoose, MultiLoose, true),
            (SingleLoose, Group(0), false),
            (MultiLoose, SingleStrict, false),
            (MultiLoose, SingleLoose, true),
            (MultiLoose, Group(0), false),
            (Group(0), Group(0), true),
            (Group(0), Group(1), false),
            (Group(0), SingleLoose, false),
            (Group(0), MultiLoose, false),
            (Group(0), SingleStrict, false),
            (Held, Group(0), true),
            (Group(0), Held, true),
        ] {
            assert_eq!(room_with(&[there]).enter(comer).is_some(), enters, "{comer:?} beside {there:?}");
        }
    }

    #[test]
    fn leaving_empties_the_room() {
        for seat in [SingleStrict, SingleLoose, MultiLoose, Group(7)] {
            let full = room_with(&[seat, seat]);
            let empty = full.leave(seat).and_then(|word| word.leave(seat)).unwrap();
            assert_eq!(empty, SeatWord::default());
            assert_eq!(empty.leave(seat), None);
        }
    }

    #[test]
    fn packing_keeps_every_field() {
        let word = SeatWord { group: 255, multi: 262_143, loose: 1, strict: 262_142 };
        assert_eq!(SeatWord::unpack(word.pack()), word);
    }
}
