//! Desks: where the threads at work sit, and what of theirs others must see: which claim is in flight, and how many were undone.
//!
//! A claim of several words may take some and give them back. Who finds them taken meanwhile must not say no for it. So a call
//! that is about to take words says at its desk where (shard, first line of the block, role), and counts its undos there. A refusal
//! looks at all desks before it is final; a claim that succeeds touches its own desk only.
//!
//! Rule 1: the flight is announced before the first word is taken (or the role charged), and ends after the last one was given
//! back or the claim was published. The words are changed with Release and read with Acquire, so whoever sees a word taken sees
//! its flight: on still, or over.
//! Rule 2: an undo is counted before its flight ends. So whoever looks at flights first and at the counts second, and finds no
//! flight on and no count moved since before it read the words, knows that none of what it saw taken was given back, or will be,
//! by an undo.
//! Rule 3: a desk belongs to one handle, or to one call, at a time.
//! Rule 4: a gang (see [`gang`](crate::gang)) is a flight around those of its claims. It stands for every block, is announced before
//! the first of them, and ends after the last; what is released of it on the way is one undo, counted before it ends.

use crate::ids::RoleId;
use crate::sync::{self, Ordering, Padded, Word64};

/// One thread's place.
#[derive(Debug)]
struct Desk {
    /// `on:1 | shard:8 | role:16 | line:28`.
    flight: Word64,
    undone: Word64,
    /// `on:1 | gang:1 | 0:18 | role:16 | 0:28`.
    gang: Word64,
}

const LINE_BITS: u32 = 28;
const ROLE_BITS: u32 = 16;
const ON: u64 = 1 << 63;
const GANG: u64 = 1 << 62;

/// Which block: shard and first line.
pub(crate) type BlockAt = (u8, u32);

#[inline]
const fn pack((shard, line): BlockAt, role: RoleId) -> u64 {
    ON | (shard as u64) << (LINE_BITS + ROLE_BITS) | (role.get() as u64) << LINE_BITS | line as u64
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "these are its 16 bits")]
const fn role_of(flight: u64) -> RoleId {
    RoleId::new((flight >> LINE_BITS) as u16)
}

/// All desks.
#[derive(Debug)]
pub(crate) struct Desks {
    desks: Box<[Padded<Desk>]>,
    /// A bit per desk: 1 = somebody sits there.
    taken: Box<[Word64]>,
}

impl Desks {
    pub(crate) fn new(desks: u16) -> Self {
        let desk = || Padded(Desk { flight: Word64::new(0), undone: Word64::new(0), gang: Word64::new(0) });
        Self {
            desks: (0..desks).map(|_| desk()).collect(),
            taken: (0..desks.div_ceil(64)).map(|_| Word64::new(0)).collect(),
        }
    }

    /// Takes a free desk; `None` when all are taken.
    pub(crate) fn sit(&self) -> Option<usize> {
        for (at, word) in self.taken.iter().enumerate() {
            let here = (self.desks.len() - at * 64).min(64);
            let all = u64::MAX >> (64 - here);
            // AcqRel: Acquire pairs with the Release half of `stand_up`: what the last one did there comes before.
            // Relaxed on failure: a full word tells nothing.
            let before = word.update(Ordering::AcqRel, Ordering::Relaxed, |taken| {
                let free = !taken & all;
                (free != 0).then(|| taken | free & free.wrapping_neg())
            });
            if let Ok(before) = before {
                return Some(at * 64 + (!before & all).trailing_zeros() as usize);
            }
        }
        None
    }

    /// Leaves a desk.
    pub(crate) fn stand_up(&self, desk: usize) {
        let _calm = sync::calm();
        // AcqRel: Release pairs with the Acquire half of `sit`.
        self.taken[desk / 64].clear_bits(1 << (desk % 64), Ordering::AcqRel);
    }

    /// Announces a flight; it ends on drop.
    #[inline]
    pub(crate) fn flight(&self, desk: usize, block: BlockAt, role: RoleId) -> Flight<'_> {
        let desk = &self.desks[desk].0;
        // Relaxed: the change of the first word releases it (rule 1); so does the change of the role's counter.
        desk.flight.store(pack(block, role), Ordering::Relaxed);
        Flight { desk, word: &desk.flight }
    }

    /// Announces a gang; it is over on drop.
    pub(crate) fn gang(&self, desk: usize, role: RoleId) -> Flight<'_> {
        let desk = &self.desks[desk].0;
        // Relaxed: the change of the first word of the first claim releases it (rules 1 and 4).
        desk.gang.store(GANG | pack((0, 0), role), Ordering::Relaxed);
        Flight { desk, word: &desk.gang }
    }

    /// The undos of all desks so far.
    fn undone(&self) -> u64 {
        // Acquire: pairs with the Release of `count_undone`.
        self.desks.iter().fold(0, |sum, desk| sum.wrapping_add(desk.0.undone.load(Ordering::Acquire)))
    }

    fn any(&self, mut is: impl FnMut(usize, u64) -> bool) -> bool {
        let mut words = self.desks.iter().enumerate().flat_map(|(at, desk)| [(at, &desk.0.flight), (at, &desk.0.gang)]);
        // Acquire: pairs with the Release that ended the flight, so that what it did is seen when it is seen over.
        words.any(|(at, word)| is(at, word.load(Ordering::Acquire)))
    }

    /// Whether another desk has a flight on for such a role.
    pub(crate) fn in_flight_for(&self, but: usize, is: impl Fn(RoleId) -> bool) -> bool {
        self.any(|at, flight| at != but && flight & ON != 0 && is(role_of(flight)))
    }

    /// Whether any desk has a flight on.
    pub(crate) fn any_in_flight(&self) -> bool {
        self.any(|_, flight| flight != 0)
    }
}

/// A flight that is on. Dropped, it is over.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    desk: &'a Desk,
    /// The desk's word that says so.
    word: &'a Word64,
}

impl Flight<'_> {
    /// Counts an undo: everything was given back.
    #[cold]
    pub(crate) fn count_undone(&self) {
        // Relaxed load: this desk's thread alone changes it. Release: pairs with the Acquire of `Desks::undone`.
        let undone = self.desk.undone.load(Ordering::Relaxed);
        self.desk.undone.store(undone.wrapping_add(1), Ordering::Release);
    }
}

impl Drop for Flight<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: rule 1 and 2: ends after all that was done in it; pairs with the Acquire of `any`.
        self.word.store(0, Ordering::Release);
    }
}

/// Watches whether others were in flight while words were read: only a quiet refusal is a no.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(u64);

impl Watch {
    /// Before the words are read.
    pub(crate) fn start(desks: &Desks) -> Self {
        Self(desks.undone())
    }

    /// True when no undo was counted since, but for so many of the caller's own.
    pub(crate) fn saw_no_undo(self, desks: &Desks, own: usize) -> bool {
        desks.undone() == self.0.wrapping_add(own as u64)
    }

    /// True when nothing of a block that was seen taken since `start` has been or may yet be given back by an undo. `None`
    /// asks for all blocks. `but` is the caller's own desk.
    pub(crate) fn was_quiet(self, desks: &Desks, block: Option<BlockAt>, but: usize) -> bool {
        // The role's bits do not matter here.
        let mask = !(u64::from(u16::MAX) << LINE_BITS);
        let is_of = |flight: u64, block| flight & mask == pack(block, RoleId::new(0));
        let here = |flight: u64| flight & GANG != 0 || block.is_none_or(|block| is_of(flight, block));
        let on = desks.any(|at, flight| at != but && flight != 0 && here(flight));
        // Rule 2: flights first, then the counts.
        !on && desks.undone() == self.0
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_one_handles_at_a_time() {
        let desks = Desks::new(65);
        let mut all: Vec<usize> = (0..65).map(|_| desks.sit().unwrap()).collect();
        assert_eq!(desks.sit(), None);
        desks.stand_up(64);
        assert_eq!(desks.sit(), Some(64));
        all.dedup();
        assert_eq!(all.len(), 65);
    }

    #[test]
    fn a_refusal_is_quiet_when_nobody_else_is_at_the_block() {
        let desks = Desks::new(2);
        let (here, there) = ((0, 7), (1, 7));
        let watch = Watch::start(&desks);
        let flight = desks.flight(1, here, RoleId::new(3));
        assert!(!watch.was_quiet(&desks, Some(here), 0) && !watch.was_quiet(&desks, None, 0));
        assert!(watch.was_quiet(&desks, Some(there), 0) && watch.was_quiet(&desks, Some(here), 1));
        let of_role = |wanted| desks.in_flight_for(0, |role| role == RoleId::new(wanted));
        assert!(of_role(3) && !of_role(4));
        drop(flight);
        assert!(watch.was_quiet(&desks, Some(here), 0));
        desks.flight(1, there, RoleId::new(3)).count_undone();
        assert!(!watch.was_quiet(&desks, Some(here), 0), "who knows where it was");
    }

    #[test]
    fn a_gang_is_everywhere_until_it_is_over() {
        let desks = Desks::new(2);
        let (here, role) = ((0, 7), RoleId::new(3));
        let watch = Watch::start(&desks);
        let gang = desks.gang(1, role);
        drop(desks.flight(1, (1, 7), role));
        assert!(!watch.was_quiet(&desks, Some(here), 0) && !watch.was_quiet(&desks, None, 0));
        assert!(watch.was_quiet(&desks, Some(here), 1) && desks.in_flight_for(0, |of| of == role));
        assert!(desks.any_in_flight());
        gang.count_undone();
        drop(gang);
        assert!(!desks.any_in_flight() && !watch.was_quiet(&desks, Some(here), 0));
        assert!(Watch::start(&desks).was_quiet(&desks, Some(here), 0));
    }
}
