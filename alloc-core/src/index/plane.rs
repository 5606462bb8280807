//! Planes: the questions of the index, and where a row has the word of each.

use core::ops::Range;

use crate::sync::WORDS_PER_LINE;

/// One question of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plane(u8);

#[cfg(test)]
#[cfg(not(loom))]
impl Plane {
    /// Every plane.
    pub(crate) fn all() -> impl Iterator<Item = Self> + Clone {
        (0..u8::try_from(PLANES).unwrap()).map(Self)
    }
}

/// The first word of a line says who is active; seven classes follow.
const CLASSES_PER_LINE: u8 = 7;
const LEAF_CLASSES: u8 = 2 * CLASSES_PER_LINE;
const POOL_CLASSES: u32 = 7;
/// The words that say who is active: of the two lines of leaf classes and that of pool classes.
pub(super) const ACTIVE: [Plane; 3] = [Plane(0), Plane(8), Plane(FIRST_POOL - 1)];
const FIRST_STEP: u8 = 16;
/// The line of pools comes last: who claims cores does not come by.
const FIRST_POOL: u8 = 33;
/// Steps of memory: 1/2, 3/4, 1, 3/2, 2, 3, 4, 6, … 64 and 96 GiB.
pub(crate) const STEPS: usize = 16;
/// Pages of the lowest step, as a power of two.
const LOWEST_STEP: u32 = ((1_u64 << 29) / crate::PAGE_BYTES).ilog2();
pub(super) const PLANES: usize = FIRST_POOL as usize + POOL_CLASSES as usize;
const _: () = assert!(FIRST_POOL as usize == FIRST_STEP as usize + STEPS + 1);
pub(super) const LINES_PER_ROW: usize = PLANES.div_ceil(WORDS_PER_LINE);

/// The class of a leaf by its free PUs: 1 to 8 each its own, then by fours up to 32. `None` for none free.
#[inline]
pub(crate) const fn leaf_class(free: u32) -> Option<u32> {
    match free {
        0 => None,
        1..=8 => Some(free - 1),
        _ => Some(8 + (free - 9) / 4),
    }
}

/// The class of a pool by its room in thousandths of a PU.
pub(crate) const fn pool_class(room_milli: u32) -> Option<u32> {
    match room_milli {
        0 => None,
        1..=99 => Some(0),
        100..=249 => Some(1),
        250..=499 => Some(2),
        500..=999 => Some(3),
        1000..=1999 => Some(4),
        2000..=3999 => Some(5),
        _ => Some(6),
    }
}

/// How many steps so many pages reach.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "at most 16 steps")]
pub(crate) const fn steps_up_to(pages: u64) -> u8 {
    if pages >> LOWEST_STEP == 0 {
        return 0;
    }
    let power = pages.ilog2();
    // The bit below the highest one says whether it is half as much again.
    let steps = (power - LOWEST_STEP) as usize * 2 + (pages >> (power - 1) & 1) as usize + 1;
    if steps < STEPS { steps as u8 } else { STEPS as u8 }
}

/// The plane of a leaf by its free PUs, 0 to 32; `NO_PLANE` for none.
const PLANE_OF: [Plane; 33] = {
    let (mut planes, mut free) = ([NO_PLANE; 33], 1);
    while free <= 32 {
        if let Some(class) = leaf_class(free) {
            planes[free as usize] = Plane::leaf(class);
        }
        free += 1;
    }
    planes
};
/// No plane of leaves: there is always somebody who is active or not.
pub(super) const NO_PLANE: Plane = ACTIVE[0];

/// The plane of a leaf with so many free PUs.
#[inline(always)]
pub(super) fn plane_of(free: u32) -> Plane {
    PLANE_OF[free.min(32) as usize]
}

impl Plane {
    /// Leaves of this class.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "14 classes")]
    pub(crate) const fn leaf(class: u32) -> Self {
        let class = class as u8;
        Self(1 + class + class / CLASSES_PER_LINE)
    }

    /// All classes in which leaves with at least so many free PUs are, tightest first.
    #[inline]
    pub(crate) fn leaf_classes_from(pus: u32) -> Range<u32> {
        leaf_class(pus).unwrap_or(0)..u32::from(LEAF_CLASSES)
    }

    /// All classes in which pools with at least so much room are, tightest first.
    pub(crate) fn pool_classes_from(room_milli: u32) -> Range<u32> {
        pool_class(room_milli).unwrap_or(0)..POOL_CLASSES
    }

    /// Pools of this class.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "7 classes")]
    pub(super) const fn pool(class: u32) -> Self {
        Self(FIRST_POOL + class as u8)
    }

    #[inline]
    pub(super) const fn step(step: u8) -> Self {
        Self(FIRST_STEP + step)
    }

    /// As a position.
    #[inline(always)]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The highest step every NUMA node with so many pages is at; `None` below the lowest.
    #[inline]
    pub(crate) fn memory(pages: u64) -> Option<Self> {
        steps_up_to(pages).checked_sub(1).map(Self::step)
    }

    /// The word beside it that says who is active.
    #[inline]
    pub(super) const fn active(self) -> Self {
        Self(self.0 & !CLASSES_PER_LINE)
    }
}

/// What a search looks for: a plane, and a second one that must agree (the same again, if there is none): `filter:8 | plane:8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Query(u32);

impl Query {
    #[inline]
    pub(crate) fn new(plane: Plane, filter: Option<Plane>) -> Self {
        Self(u32::from(filter.unwrap_or(plane).0) << 8 | u32::from(plane.0))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low 8 bits are asked for")]
    pub(crate) const fn plane(self) -> Plane {
        Plane(self.0 as u8)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "there are 16 bits")]
    pub(super) const fn filter(self) -> Plane {
        Plane((self.0 >> 8) as u8)
    }
}

/// The fewest pages at which so many steps are reached.
#[cfg(test)]
pub(crate) const fn pages_of(steps: u8) -> u64 {
    let half = (1 << LOWEST_STEP) << ((steps - 1) / 2);
    if steps % 2 == 1 { half } else { half + half / 2 }
}
