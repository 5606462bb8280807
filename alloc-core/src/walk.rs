//! Walk: over the positions of a shard's index that may serve a need, class by class, from where this thread's last walk ended.
//!
//! For many placements of one shape it looks some positions ahead and asks for their memory, so that each is there when its
//! turn comes.
//!
//! A walk is [within](Within) all positions, or those of a [`Mask`]; which of them it is, is known when it is compiled. Slower
//! searches are told when they run.

use crate::claim::Holder;
use crate::index::{Index, Plane, Query, ROW};
use crate::mask::Mask;
use crate::outcome::Grant;
use crate::quick::{Missed, Need, claim_leaf};
use crate::request::Policy;
use crate::shard::Door;
use crate::site::Hands;

/// Which positions a walk looks at.
pub(crate) trait Within: Copy {
    /// As [`Index::next`], of these positions only.
    fn next(self, index: &Index, query: Query, row: u32, end: u32) -> Option<(u32, u64)>;
}

/// All positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct All;

impl Within for All {
    #[inline(always)]
    fn next(self, index: &Index, query: Query, row: u32, end: u32) -> Option<(u32, u64)> {
        index.next(query, row, end)
    }
}

impl Within for &Mask {
    #[inline]
    fn next(self, index: &Index, query: Query, mut row: u32, end: u32) -> Option<(u32, u64)> {
        loop {
            let (found, bits) = index.next(query, self.next_row(row)?, end)?;
            let both = bits & self.row(found);
            if both != 0 {
                return Some((found, both));
            }
            row = found + 1;
        }
    }
}

impl Within for Option<&Mask> {
    fn next(self, index: &Index, query: Query, row: u32, end: u32) -> Option<(u32, u64)> {
        match self {
            Some(mask) => mask.next(index, query, row, end),
            None => All.next(index, query, row, end),
        }
    }
}

/// How many positions are looked ahead.
const AHEAD: u32 = 8;

/// A position that may serve, and the plane it was found in.
#[derive(Clone, Copy, Debug)]
struct Found {
    position: u32,
    plane: Plane,
}

const NOTHING: Found = Found { position: 0, plane: Plane::leaf(0) };

/// Positions found and not yet looked at, oldest first.
#[derive(Debug)]
pub(crate) struct Ahead {
    found: [Found; AHEAD as usize],
    /// Taken out and put in so far.
    taken: u32,
    put: u32,
}

impl Ahead {
    pub(crate) const fn new() -> Self {
        Self { found: [NOTHING; AHEAD as usize], taken: 0, put: 0 }
    }

    #[inline]
    const fn len(&self) -> u32 {
        self.put - self.taken
    }

    #[inline]
    const fn put(&mut self, found: Found) {
        self.found[(self.put % AHEAD) as usize] = found;
        self.put += 1;
    }

    #[inline]
    const fn take(&mut self) -> Option<Found> {
        if self.put == self.taken {
            return None;
        }
        let found = self.found[(self.taken % AHEAD) as usize];
        self.taken += 1;
        Some(found)
    }

    /// Sees to it that the next positions of a walk are on their way: so many placements are to come.
    #[inline]
    pub(crate) fn fill<W: Within>(&mut self, walk: &mut Walk<'_, '_, W>, placements: usize) {
        while self.len() < AHEAD && (self.len() as usize) < placements {
            let Some(found) = walk.look() else { return };
            walk.hands.shard.prefetch_position(found.position);
            self.put(found);
        }
    }
}

/// A walk for one need.
#[derive(Debug)]
pub(crate) struct Walk<'r, 'a, W> {
    hands: &'r Hands<'a>,
    within: W,
    /// Classes left to look in, and which way.
    classes: core::ops::Range<u32>,
    roomiest_first: bool,
    memory: Option<Plane>,
    query: Query,
    /// The tightest class.
    tightest: Plane,
    /// Where this thread's walks start, but for the tightest class: there they go on where the last one ended. What is found there
    /// leaves no gap, wherever it is; and the rows behind have time to gather gaps.
    apart: u32,
    /// Rows start here, go to the end, and then up to here.
    start: u32,
    row: u32,
    wrapped: bool,
    /// The row whose `bits` are left to look at.
    at: u32,
    bits: u64,
    /// The last position, and whether it serves once more: what is left there is the tightest there is.
    last: Found,
    again: bool,
}

impl<'r, 'a, W: Within> Walk<'r, 'a, W> {
    #[inline(always)]
    pub(crate) fn new(hands: &'r Hands<'a>, within: W, need: &Need, policy: Policy) -> Self {
        let classes = Plane::leaf_classes_from(need.pus);
        let mut walk = Self {
            hands,
            within,
            tightest: Plane::leaf(classes.start),
            classes,
            roomiest_first: policy == Policy::Spread,
            memory: need.memory,
            query: Query::new(NOTHING.plane, None),
            apart: hands.shard.index.row_at(hands.table.start_of(hands.desk)),
            start: 0,
            row: 0,
            wrapped: true,
            at: 0,
            bits: 0,
            last: NOTHING,
            again: false,
        };
        walk.next_class();
        walk
    }

    /// Goes on to the next class; false when there is none.
    #[inline]
    fn next_class(&mut self) -> bool {
        let class = if self.roomiest_first { self.classes.next_back() } else { self.classes.next() };
        let Some(class) = class else { return false };
        self.query = self.hands.shard.index.query(class, self.memory);
        self.start = if self.query.plane() == self.tightest { self.hands.magazine.row() } else { self.apart };
        (self.row, self.wrapped) = (self.start, false);
        true
    }

    /// Asks for what the next walk will most likely come to.
    #[inline(always)]
    pub(crate) fn prefetch_next(&self) {
        if self.bits != 0 {
            self.hands.shard.prefetch_position(self.at * ROW + self.bits.trailing_zeros());
        } else {
            self.hands.shard.index.prefetch_after(self.query, self.at);
        }
    }

    /// The next position by the index.
    #[inline(always)]
    fn look(&mut self) -> Option<Found> {
        while self.bits == 0 {
            let index = &self.hands.shard.index;
            let end = if self.wrapped { self.start } else { index.rows() };
            match self.within.next(index, self.query, self.row, end) {
                Some((row, bits)) => (self.at, self.bits, self.row) = (row, bits, row + 1),
                None if !self.wrapped => (self.row, self.wrapped) = (0, true),
                None => {
                    if !self.next_class() {
                        return None;
                    }
                }
            }
        }
        let bit = self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        Some(Found { position: self.at * ROW + bit, plane: self.query.plane() })
    }

    /// Goes on until a leaf serves the need, what was found ahead first; `None` when the walk is over.
    #[inline(always)]
    pub(crate) fn place(&mut self, ahead: Option<&mut Ahead>, holder: Holder, need: &Need) -> Option<Grant> {
        let mut ahead = ahead;
        loop {
            // A leaf looked at again was just taken from: that it has less by now is no mistake of the index.
            let again = core::mem::take(&mut self.again);
            if !again {
                let found = ahead.as_mut().and_then(|ahead| ahead.take());
                self.last = found.or_else(|| self.look())?;
            }
            let Found { position, plane } = self.last;
            match claim_leaf(self.hands, position, (!again).then_some(plane), holder, (need, Door::Everybody)) {
                Ok((grant, left)) => {
                    self.again = left >= need.pus && !self.roomiest_first;
                    if plane == self.tightest {
                        self.hands.magazine.set_row(position / ROW);
                    }
                    return Some(grant);
                }
                // Why, and whether that is final, is found out at leisure.
                Err(Missed::Shard) => return None,
                Err(Missed::Leaf) => {}
            }
        }
    }
}
