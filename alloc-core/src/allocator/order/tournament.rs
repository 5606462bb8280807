//! Tournament: who is neediest among the children of a node, by matches of two whose winners meet again.
//!
//! Every parent has a block of seats, a power of two, for its children. A block is seats' keys in one array, and in another, twice as
//! long, who won each match (a seat's number; 1 is the final, match m is between the winners of 2m and 2m + 1) and then who sits where.
//! What breaks ties between keys lies in a third array, by seats as well: it is not read before there is one.
//! A change of one key plays the matches on its way up again; whom it meets on that way does not depend on how its matches end, so
//! the processor loads them all at once. Blocks that are left are used again.

use core::hint::select_unpredictable;

use crate::allocator::order::share::Share;

/// The key of who takes no part, and of an empty seat.
pub(super) const CLOSED: u64 = Share::MOST.parts() + 1;

/// Who of those with one key goes first: who had fewer allocations, or else the older.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tie {
    pub(super) count: u64,
    pub(super) age: u64,
}

/// A parent's seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    start: u32,
    /// The base 2 logarithm of how many seats.
    class: u8,
}

impl Block {
    /// For who has no children.
    pub(super) const NONE: Self = Self { start: 0, class: 0 };

    pub(super) fn seats(self) -> u32 {
        1 << self.class
    }
}

/// All tournaments.
#[derive(Clone, Debug, Default)]
pub(super) struct Tournaments {
    keys: Vec<u64>,
    ties: Vec<Tie>,
    players: Vec<u32>,
    /// Blocks that are left, by class.
    spare: Vec<Vec<u32>>,
}

/// The fewest seats: every block has a final.
const LEAST_CLASS: u8 = 1;

impl Tournaments {
    /// A block without anybody.
    pub(super) fn open(&mut self) -> Block {
        self.take(LEAST_CLASS)
    }

    fn take(&mut self, class: u8) -> Block {
        if let Some(start) = self.spare.get_mut(usize::from(class)).and_then(Vec::pop) {
            return Block { start, class };
        }
        let start = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let end = start.checked_add(1 << class).expect("fewer seats than a u32 counts");
        self.keys.resize(end as usize, CLOSED);
        self.ties.resize(end as usize, Tie::default());
        self.players.resize(2 * end as usize, 0);
        Block { start, class }
    }

    /// Leaves a block, in which nobody takes part any more.
    pub(super) fn leave(&mut self, block: Block) {
        let class = usize::from(block.class);
        if self.spare.len() <= class {
            self.spare.resize(class + 1, Vec::new());
        }
        self.parts(block).0.fill(CLOSED);
        self.spare[class].push(block.start);
    }

    /// Twice the seats, and everybody in the seat he had. The matches are to be played after that.
    pub(super) fn grown(&mut self, block: Block) -> Block {
        let grown = self.take(block.class + 1);
        for seat in 0..block.seats() {
            self.sit(grown, seat, self.child(block, seat), self.tie(block, seat));
            self.set_key(grown, seat, self.key(block, seat));
        }
        self.leave(block);
        grown
    }

    /// Keys and ties, winners of matches, and who sits where.
    #[inline]
    fn parts(&mut self, block: Block) -> (&mut [u64], &[Tie], &mut [u32], &[u32]) {
        let (start, seats) = (block.start as usize, block.seats() as usize);
        let (matches, sitting) = self.players[2 * start..2 * (start + seats)].split_at_mut(seats);
        (&mut self.keys[start..start + seats], &self.ties[start..start + seats], matches, sitting)
    }

    #[inline]
    pub(super) fn key(&self, block: Block, seat: u32) -> u64 {
        self.keys[(block.start + seat) as usize]
    }

    /// Without a match.
    #[inline]
    pub(super) fn set_key(&mut self, block: Block, seat: u32, key: u64) {
        self.keys[(block.start + seat) as usize] = key;
    }

    /// Who sits there.
    pub(super) fn child(&self, block: Block, seat: u32) -> u32 {
        self.players[(2 * block.start + block.seats() + seat) as usize]
    }

    pub(super) fn sit(&mut self, block: Block, seat: u32, child: u32, tie: Tie) {
        self.players[(2 * block.start + block.seats() + seat) as usize] = child;
        self.ties[(block.start + seat) as usize] = tie;
    }

    pub(super) fn tie(&self, block: Block, seat: u32) -> Tie {
        self.ties[(block.start + seat) as usize]
    }

    /// How many allocations who sits there had. Without a match.
    #[inline]
    pub(super) fn set_count(&mut self, block: Block, seat: u32, count: u64) {
        self.ties[(block.start + seat) as usize].count = count;
    }

    /// A new key for who sits there; the winner's key, and who that is.
    #[inline]
    pub(super) fn play(&mut self, block: Block, seat: u32, key: u64) -> (u64, u32) {
        let (keys, ties, matches, sitting) = self.parts(block);
        keys[seat as usize] = key;
        let (least, winner) = climb(keys, ties, matches, seat);
        (least, sitting[winner as usize])
    }

    /// Plays all matches; the winner's key, and who that is.
    pub(super) fn play_all(&mut self, block: Block) -> (u64, u32) {
        let (keys, ties, matches, sitting) = self.parts(block);
        let seats = keys.len();
        for at in (1..seats).rev() {
            let [one, other] = match (2 * at).checked_sub(seats) {
                Some(seat) => [seat, seat + 1].map(|seat| u32::try_from(seat).unwrap_or(0)),
                None => [matches[2 * at], matches[2 * at + 1]],
            };
            let [key, other_key] = [one, other].map(|seat| keys[seat as usize]);
            let tied = key == other_key && key != CLOSED;
            let yields = other_key < key || (tied && ties[other as usize] < ties[one as usize]);
            matches[at] = select_unpredictable(yields, other, one);
        }
        let winner = matches[1] as usize;
        (keys[winner], sitting[winner])
    }
}

/// Plays somebody's matches up to the final; the least key and whose seat that is. A branch on who wins would be mispredicted all the
/// time; whether keys tie at all is alike from one change to the next.
#[inline]
fn climb(keys: &[u64], ties: &[Tie], matches: &mut [u32], seat: u32) -> (u64, u32) {
    let (mut winner, mut least, mut rival) = (seat, keys[seat as usize], seat ^ 1);
    let mut at = keys.len() + seat as usize;
    loop {
        let other = keys[rival as usize];
        if other == least && least != CLOSED {
            return climb_tied(keys, ties, matches, (at, winner, rival));
        }
        let yields = other < least;
        winner = select_unpredictable(yields, rival, winner);
        least = select_unpredictable(yields, other, least);
        at /= 2;
        matches[at] = winner;
        if at == 1 {
            return (least, winner);
        }
        rival = matches[at ^ 1];
    }
}

/// The same from a match on of which both keys are equal.
#[inline(never)]
fn climb_tied(keys: &[u64], ties: &[Tie], matches: &mut [u32], from: (usize, u32, u32)) -> (u64, u32) {
    let (mut at, mut winner, mut rival) = from;
    let (mut least, mut tie) = (keys[winner as usize], ties[winner as usize]);
    loop {
        let (other, other_tie) = (keys[rival as usize], ties[rival as usize]);
        let fewer = (other_tie.count < tie.count) | ((other_tie.count == tie.count) & (other_tie.age < tie.age));
        let yields = (other < least) | ((other == least) & fewer);
        winner = select_unpredictable(yields, rival, winner);
        least = select_unpredictable(yields, other, least);
        tie.count = select_unpredictable(yields, other_tie.count, tie.count);
        tie.age = select_unpredictable(yields, other_tie.age, tie.age);
        at /= 2;
        matches[at] = winner;
        if at == 1 {
            return (least, winner);
        }
        rival = matches[at ^ 1];
    }
}
