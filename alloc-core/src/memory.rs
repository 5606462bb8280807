//! Memory word: one NUMA node's free pages, and who may be there: `shown:5 | mode:2 | crowd:12 | other:12 | pages:33`.
//!
//! The kernel knows no limit per NUMA node inside a memory cgroup. A claim that was promised memory of certain NUMA nodes
//! keeps it only if nobody else can spill into them; hence the strict rule (that of the kubelet's Memory Manager). A claim with
//! memory takes a [`Seat`] on each NUMA node it may use:
//!
//! | seat | the claim may use | enters when |
//! |---|---|---|
//! | `Held` | nothing yet: an offer or a reservation, nothing runs in it | always, and is not counted |
//! | `SingleStrict` | this NUMA node only, and was promised so | no claim of several NUMA nodes is here |
//! | `SingleLoose` | this NUMA node only | no strict group is here |
//! | `MultiLoose` | this one and others | nobody here was promised anything |
//! | `Group(g)` | the NUMA nodes of group `g` of the shape, and was promised so | only claims of the same group are here |
//!
//! Claims of several NUMA nodes and strict ones of this one exclude each other, and a group excludes all else. So one count
//! (`crowd`) serves them all, told apart by the mode; `other` counts the loose claims of this NUMA node alone, or names the group.
//!
//! `shown` counts the steps of memory at which the index shows the NUMA node (see [`index`](crate::index)): never fewer than its
//! free pages reach. It is raised together with the pages, and lowered by who finds it too high. So whoever gives pages back knows
//! from its own change whether there is anything to tell the index, and nearly always there is not.
//!
//! Rule 1: seat and pages are taken together and given back together, in one step.
//! Rule 2: a claim gives back exactly the seat and the pages it took.

use crate::index::steps_up_to;
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

const PAGES_BITS: u32 = 33;
const COUNT_BITS: u32 = 12;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const MODE_SHIFT: u32 = PAGES_BITS + 2 * COUNT_BITS;
const SHOWN_SHIFT: u32 = MODE_SHIFT + 2;
const _: () = assert!(SHOWN_SHIFT + 5 == 64 && crate::index::STEPS < 1 << 5);

/// The most pages of a NUMA node.
pub(crate) const MAX_PAGES: u64 = (1 << PAGES_BITS) - 1;
/// The most claims of one kind on a NUMA node.
pub(crate) const MAX_SEATS: u16 = (1 << COUNT_BITS) - 1;

/// What those who are on a NUMA node were promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing; the crowd is of claims of several NUMA nodes.
    Open,
    /// This NUMA node; the crowd is of those it was promised to.
    Strict,
    /// The group; the crowd is of those it was promised to.
    Group,
}

/// The value of a memory word. Counts are added to where they lie: what is checked beforehand never carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct MemoryWord(u64);

const ONE_OTHER: u64 = 1 << PAGES_BITS;
const ONE_IN_CROWD: u64 = 1 << (PAGES_BITS + COUNT_BITS);
const OTHERS: u64 = COUNT_MASK << PAGES_BITS;
const MODES: u64 = 3 << MODE_SHIFT;

/// How many claims are on a NUMA node, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Seats {
    pub(crate) strict: u32,
    pub(crate) loose: u32,
    pub(crate) multi: u32,
    /// Which group, and how many of it.
    pub(crate) group: Option<(u8, u32)>,
}

impl MemoryWord {
    pub(crate) const fn fresh(pages: u64) -> Self {
        Self(pages).show_at(steps_up_to(pages))
    }

    /// Whether everything is free.
    pub(crate) const fn is_fresh(self, pages: u64) -> bool {
        self.show_at(0).0 == pages
    }

    /// The value with these bits.
    pub(crate) const fn of(bits: u64) -> Self {
        Self(bits)
    }

    /// The word's bits.
    #[inline]
    pub(crate) const fn pack(self) -> u64 {
        self.0
    }

    /// Free pages.
    #[inline]
    pub(crate) const fn pages(self) -> u64 {
        self.0 & MAX_PAGES
    }

    /// At how many steps the index shows it.
    #[inline]
    pub(crate) const fn shown(self) -> u8 {
        (self.0 >> SHOWN_SHIFT) as u8
    }

    #[inline]
    const fn show_at(self, steps: u8) -> Self {
        Self(self.0 << (64 - SHOWN_SHIFT) >> (64 - SHOWN_SHIFT) | (steps as u64) << SHOWN_SHIFT)
    }

    /// Shown at no more steps than its pages reach; `None` when it is so already.
    pub(crate) const fn hide(self) -> Option<Self> {
        let steps = steps_up_to(self.pages());
        if self.shown() > steps { Some(self.show_at(steps)) } else { None }
    }

    #[inline]
    const fn mode(self) -> Mode {
        match self.0 >> MODE_SHIFT & 3 {
            0 => Mode::Open,
            1 => Mode::Strict,
            _ => Mode::Group,
        }
    }

    #[inline]
    const fn crowd(self) -> u16 {
        (self.0 >> (PAGES_BITS + COUNT_BITS) & COUNT_MASK) as u16
    }

    #[inline]
    const fn other(self) -> u16 {
        (self.0 >> PAGES_BITS & COUNT_MASK) as u16
    }

    /// Who is there.
    pub(crate) const fn seats(self) -> Seats {
        let (crowd, other) = (self.crowd() as u32, self.other() as u32);
        match self.mode() {
            Mode::Open => Seats { strict: 0, loose: other, multi: crowd, group: None },
            Mode::Strict => Seats { strict: crowd, loose: other, multi: 0, group: None },
            Mode::Group => Seats { strict: 0, loose: 0, multi: 0, group: Some((other.to_le_bytes()[0], crowd)) },
        }
    }

    #[inline]
    const fn joined(self, mode: Mode) -> Option<Self> {
        if self.crowd() == MAX_SEATS {
            return None;
        }
        Some(Self((self.0 & !MODES | (mode as u64) << MODE_SHIFT) + ONE_IN_CROWD))
    }

    #[inline]
    const fn enter(self, seat: Seat) -> Option<Self> {
        match (seat, self.mode()) {
            (Seat::Held, _) => Some(self),
            (Seat::SingleLoose, Mode::Open | Mode::Strict) if self.other() < MAX_SEATS => {
                Some(Self(self.0 + ONE_OTHER))
            }
            (Seat::SingleStrict, Mode::Open) if self.crowd() == 0 => self.joined(Mode::Strict),
            (Seat::SingleStrict, Mode::Strict) => self.joined(Mode::Strict),
            (Seat::MultiLoose, Mode::Open) => self.joined(Mode::Open),
            (Seat::Group(group), Mode::Open) if self.crowd() == 0 && self.other() == 0 => {
                Self(self.0 | (group as u64) << PAGES_BITS).joined(Mode::Group)
            }
            (Seat::Group(group), Mode::Group) if self.other() == group as u16 => self.joined(Mode::Group),
            _ => None,
        }
    }

    #[inline]
    const fn leave(self, seat: Seat) -> Option<Self> {
        match (seat, self.mode()) {
            (Seat::Held, _) => Some(self),
            (Seat::SingleLoose, Mode::Open | Mode::Strict) if self.other() > 0 => Some(Self(self.0 - ONE_OTHER)),
            (Seat::SingleStrict, Mode::Strict) | (Seat::MultiLoose, Mode::Open) if self.crowd() > 0 => {
                Some(self.left())
            }
            (Seat::Group(group), Mode::Group) if self.crowd() > 0 && self.other() == group as u16 => Some(self.left()),
            _ => None,
        }
    }

    /// One less in the crowd; the last one opens the NUMA node.
    #[inline]
    const fn left(self) -> Self {
        let left = self.0 - ONE_IN_CROWD;
        match (self.crowd() - 1, self.mode()) {
            (0, Mode::Group) => Self(left & !MODES & !OTHERS),
            (0, _) => Self(left & !MODES),
            _ => Self(left),
        }
    }

    /// Whether those who are there admit a comer.
    #[inline]
    pub(crate) const fn admits(self, seat: Seat) -> bool {
        self.enter(seat).is_some()
    }

    /// Takes a seat and pages.
    #[inline]
    pub(crate) const fn take(self, seat: Seat, pages: u64) -> Option<Self> {
        match self.enter(seat) {
            Some(word) if word.pages() >= pages => Some(Self(word.0 - pages)),
            _ => None,
        }
    }

    /// Gives a seat and pages back.
    #[inline]
    pub(crate) const fn give(self, seat: Seat, pages: u64) -> Option<Self> {
        match self.leave(seat) {
            Some(word) if word.pages() + pages <= MAX_PAGES => {
                let word = Self(word.0 + pages);
                let steps = steps_up_to(word.pages());
                Some(if steps > word.shown() { word.show_at(steps) } else { word })
            }
            _ => None,
        }
    }
}

/// The word at this moment.
#[inline]
pub(crate) fn read(word: &Word64) -> MemoryWord {
    // Acquire: pairs with the Release half of `change`: who sees pages given back sees the undo that came with it.
    MemoryWord(word.load(Ordering::Acquire))
}

/// Changes the word by a rule, in one step; the word before and after.
#[inline]
pub(crate) fn change(
    word: &Word64,
    rule: impl Fn(MemoryWord) -> Option<MemoryWord>,
) -> Option<(MemoryWord, MemoryWord)> {
    let mut after = MemoryWord::default();
    // AcqRel: each change pairs with the one before it, so who enters sees what was done by who left. Relaxed on
    // failure: nothing is read through it.
    let before = word.update(Ordering::AcqRel, Ordering::Relaxed, |word| {
        after = rule(MemoryWord(word))?;
        Some(after.0)
    });
    before.ok().map(|before| (MemoryWord(before), after))
}

/// For who finds rule 2 broken.
#[cold]
pub(crate) fn not_taken(seat: Seat, pages: u64) -> ! {
    panic!("memory, rule 2: seat {seat:?} with {pages} pages was not taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: MemoryWord = MemoryWord::fresh(100);

    fn after(seats: &[Seat]) -> MemoryWord {
        seats.iter().fold(EMPTY, |word, seat| word.enter(*seat).unwrap())
    }

    #[test]
    fn strict_and_spilling_claims_exclude_each_other() {
        let strict = after(&[Seat::SingleStrict]);
        assert!(strict.admits(Seat::SingleStrict) && strict.admits(Seat::SingleLoose));
        assert!(!strict.admits(Seat::MultiLoose) && !strict.admits(Seat::Group(0)));
        let spilling = after(&[Seat::MultiLoose, Seat::SingleLoose]);
        assert!(spilling.admits(Seat::MultiLoose) && spilling.admits(Seat::SingleLoose));
        assert!(!spilling.admits(Seat::SingleStrict) && !spilling.admits(Seat::Group(0)));
    }

    #[test]
    fn a_group_admits_only_itself() {
        let group = after(&[Seat::Group(7)]);
        assert!(group.admits(Seat::Group(7)));
        for seat in [Seat::Group(6), Seat::SingleStrict, Seat::SingleLoose, Seat::MultiLoose] {
            assert!(!group.admits(seat), "{seat:?}");
        }
        assert!(!after(&[Seat::SingleLoose]).admits(Seat::Group(0)));
    }

    #[test]
    fn what_is_given_back_leaves_no_trace() {
        for seat in [Seat::Held, Seat::SingleStrict, Seat::SingleLoose, Seat::MultiLoose, Seat::Group(3)] {
            let there = EMPTY.take(seat, 60).unwrap();
            assert_eq!(there.pages(), 40);
            assert_eq!(there.take(seat, 41), None);
            assert_eq!(there.give(seat, 60), Some(EMPTY));
        }
    }

    #[test]
    fn a_seat_is_left_only_by_who_sits_there() {
        assert_eq!(EMPTY.give(Seat::SingleLoose, 0), None);
        assert_eq!(after(&[Seat::SingleStrict]).give(Seat::MultiLoose, 0), None);
        assert_eq!(after(&[Seat::Group(3)]).give(Seat::Group(2), 0), None);
    }

    #[test]
    fn a_count_never_spills_into_its_neighbour() {
        let full = MemoryWord(EMPTY.0 + u64::from(MAX_SEATS) * (ONE_IN_CROWD + ONE_OTHER));
        assert_eq!(
            (full.crowd(), full.other(), full.pages(), full.shown()),
            (MAX_SEATS, MAX_SEATS, 100, EMPTY.shown())
        );
        assert!(!full.admits(Seat::MultiLoose) && !full.admits(Seat::SingleLoose));
        assert!(full.admits(Seat::Held));
    }
}
