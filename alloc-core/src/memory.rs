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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Mode {
    /// Nothing; the crowd is of claims of several NUMA nodes.
    #[default]
    Open,
    /// This NUMA node; the crowd is of those it was promised to.
    Strict,
    /// The group; the crowd is of those it was promised to.
    Group,
}

/// The value of a memory word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct MemoryWord {
    shown: u8,
    mode: Mode,
    crowd: u16,
    other: u16,
    pages: u64,
}

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
        Self { shown: steps_up_to(pages), mode: Mode::Open, crowd: 0, other: 0, pages }
    }

    /// Whether everything is free.
    pub(crate) const fn is_fresh(self, pages: u64) -> bool {
        matches!(self.mode, Mode::Open) && self.crowd == 0 && self.other == 0 && self.pages == pages
    }

    #[inline(always)]
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            shown: (word >> SHOWN_SHIFT) as u8,
            mode: match word >> MODE_SHIFT & 3 {
                0 => Mode::Open,
                1 => Mode::Strict,
                _ => Mode::Group,
            },
            crowd: (word >> (PAGES_BITS + COUNT_BITS) & COUNT_MASK) as u16,
            other: (word >> PAGES_BITS & COUNT_MASK) as u16,
            pages: word & MAX_PAGES,
        }
    }

    #[inline(always)]
    pub(crate) const fn pack(self) -> u64 {
        (self.shown as u64) << SHOWN_SHIFT
            | (self.mode as u64) << MODE_SHIFT
            | (self.crowd as u64) << (PAGES_BITS + COUNT_BITS)
            | (self.other as u64) << PAGES_BITS
            | self.pages
    }

    /// Free pages.
    #[inline(always)]
    pub(crate) const fn pages(self) -> u64 {
        self.pages
    }

    /// At how many steps the index shows it.
    #[inline(always)]
    pub(crate) const fn shown(self) -> u8 {
        self.shown
    }

    /// Shown at no more steps than its pages reach; `None` when it is so already.
    pub(crate) const fn hide(self) -> Option<Self> {
        let steps = steps_up_to(self.pages);
        if self.shown > steps { Some(Self { shown: steps, ..self }) } else { None }
    }

    /// Who is there.
    pub(crate) const fn seats(self) -> Seats {
        let (crowd, other) = (self.crowd as u32, self.other as u32);
        match self.mode {
            Mode::Open => Seats { strict: 0, loose: other, multi: crowd, group: None },
            Mode::Strict => Seats { strict: crowd, loose: other, multi: 0, group: None },
            Mode::Group => Seats { strict: 0, loose: 0, multi: 0, group: Some((other.to_le_bytes()[0], crowd)) },
        }
    }

    const fn joined(self, mode: Mode) -> Option<Self> {
        if self.crowd == MAX_SEATS { None } else { Some(Self { mode, crowd: self.crowd + 1, ..self }) }
    }

    #[inline(always)]
    const fn enter(self, seat: Seat) -> Option<Self> {
        match (seat, self.mode) {
            (Seat::Held, _) => Some(self),
            (Seat::SingleLoose, Mode::Open | Mode::Strict) if self.other < MAX_SEATS => {
                Some(Self { other: self.other + 1, ..self })
            }
            (Seat::SingleStrict, Mode::Open) if self.crowd == 0 => self.joined(Mode::Strict),
            (Seat::SingleStrict, Mode::Strict) => self.joined(Mode::Strict),
            (Seat::MultiLoose, Mode::Open) => self.joined(Mode::Open),
            (Seat::Group(group), Mode::Open) if self.crowd == 0 && self.other == 0 => {
                Self { other: group as u16, ..self }.joined(Mode::Group)
            }
            (Seat::Group(group), Mode::Group) if self.other == group as u16 => self.joined(Mode::Group),
            _ => None,
        }
    }

    #[inline(always)]
    const fn leave(self, seat: Seat) -> Option<Self> {
        match (seat, self.mode) {
            (Seat::Held, _) => Some(self),
            (Seat::SingleLoose, Mode::Open | Mode::Strict) if self.other > 0 => {
                Some(Self { other: self.other - 1, ..self })
            }
            (Seat::SingleStrict, Mode::Strict) | (Seat::MultiLoose, Mode::Open) if self.crowd > 0 => Some(self.left()),
            (Seat::Group(group), Mode::Group) if self.crowd > 0 && self.other == group as u16 => Some(self.left()),
            _ => None,
        }
    }

    /// One less in the crowd; the last one opens the NUMA node.
    const fn left(self) -> Self {
        match (self.crowd - 1, self.mode) {
            (0, Mode::Group) => Self { mode: Mode::Open, crowd: 0, other: 0, ..self },
            (0, _) => Self { mode: Mode::Open, crowd: 0, ..self },
            (crowd, _) => Self { crowd, ..self },
        }
    }

    /// Whether those who are there admit a comer.
    #[inline(always)]
    pub(crate) const fn admits(self, seat: Seat) -> bool {
        self.enter(seat).is_some()
    }

    /// Takes a seat and pages.
    #[inline(always)]
    pub(crate) const fn take(self, seat: Seat, pages: u64) -> Option<Self> {
        match self.enter(seat) {
            Some(word) if word.pages >= pages => Some(Self { pages: word.pages - pages, ..word }),
            _ => None,
        }
    }

    /// Gives a seat and pages back.
    #[inline(always)]
    pub(crate) const fn give(self, seat: Seat, pages: u64) -> Option<Self> {
        match self.leave(seat) {
            Some(word) if word.pages + pages <= MAX_PAGES => {
                let pages = word.pages + pages;
                let steps = steps_up_to(pages);
                Some(Self { pages, shown: if steps > word.shown { steps } else { word.shown }, ..word })
            }
            _ => None,
        }
    }
}

/// The word at this moment.
#[inline(always)]
pub(crate) fn read(word: &Word64) -> MemoryWord {
    // Acquire: pairs with the Release half of `change`: who sees pages given back sees the undo that came with it.
    MemoryWord::unpack(word.load(Ordering::Acquire))
}

/// Changes the word by a rule, in one step; the word before and after.
#[inline(always)]
pub(crate) fn change(
    word: &Word64,
    rule: impl Fn(MemoryWord) -> Option<MemoryWord>,
) -> Option<(MemoryWord, MemoryWord)> {
    let mut after = MemoryWord::default();
    // SeqCst: what is given back here is in the one order of such operations (`agents`, rule 1). AcqRel: each change pairs with the
    // one before it, so who enters sees what was done by who left. Relaxed on failure: nothing is read through it.
    let before = word.update(Ordering::SeqCst, Ordering::Relaxed, |word| {
        after = rule(MemoryWord::unpack(word))?;
        Some(after.pack())
    });
    before.ok().map(|before| (MemoryWord::unpack(before), after))
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
            assert_eq!(MemoryWord::unpack(there.pack()), there);
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
        let full = MemoryWord { crowd: MAX_SEATS, other: MAX_SEATS, ..EMPTY };
        assert!(!full.admits(Seat::MultiLoose) && !full.admits(Seat::SingleLoose));
        assert!(full.admits(Seat::Held));
    }
}
