//! The words of a record, packed: its header, where a claim's words are, how its records hang together.

use super::PARTS;
use crate::ids::{AgentId, GENERATION_MASK, RoleId};
use crate::standing::Standing;

/// In which state a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    Busy,
    Live,
    Chained,
}

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) state: State,
    pub(crate) version: u64,
    pub(crate) generation: u32,
}

const STATE_SHIFT: u32 = 62;
const VERSION_SHIFT: u32 = 20;
const VERSION_MASK: u64 = (1 << (STATE_SHIFT - VERSION_SHIFT)) - 1;
const _: () = assert!(GENERATION_MASK as u64 == (1 << VERSION_SHIFT) - 1);

impl Header {
    #[inline]
    pub(super) const fn pack(self) -> u64 {
        (self.state as u64) << STATE_SHIFT | self.version << VERSION_SHIFT | self.generation as u64
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are masked")]
    pub(super) const fn unpack(word: u64) -> Self {
        let state = match word >> STATE_SHIFT {
            0 => State::Free,
            1 => State::Busy,
            2 => State::Live,
            _ => State::Chained,
        };
        Self { state, version: word >> VERSION_SHIFT & VERSION_MASK, generation: word as u32 & GENERATION_MASK }
    }

    /// Takes a live record of this generation.
    #[inline]
    pub(super) const fn lock(self, generation: u32) -> Result<Self, Unlocked> {
        if self.generation != generation {
            return Err(Unlocked::Gone);
        }
        match self.state {
            State::Live => Ok(Self { state: State::Busy, ..self }),
            State::Busy => Err(Unlocked::Contended),
            State::Free | State::Chained => Err(Unlocked::Gone),
        }
    }

    #[inline]
    pub(super) const fn publish(self) -> Self {
        Self { state: State::Live, version: (self.version + 1) & VERSION_MASK, ..self }
    }

    #[inline]
    pub(super) const fn free(self) -> Self {
        Self { state: State::Free, generation: (self.generation + 1) & GENERATION_MASK, ..self }
    }
}

/// Why a record could not be made Busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlocked {
    Gone,
    Contended,
}

/// How a claim stands, where its words are, and whom they are charged to: `standing:8 | line:28 | shape:12 | role:16`.
///
/// Packed, so that it is handed on in one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

/// Largest number of lines of a shard.
pub(crate) const MAX_LINES: u32 = 1 << 28;
/// Largest number of shapes of a table.
pub(crate) const MAX_SHAPES: u16 = 1 << 12;

const STANDING_SHIFT: u32 = 56;
const LINE_SHIFT: u32 = 28;
const SHAPE_SHIFT: u32 = 16;

#[expect(clippy::cast_possible_truncation, reason = "four fields of 8, 28, 12 and 16 bits")]
impl Place {
    /// `line`: the first of the block; `shape`: which of the table's.
    #[inline]
    pub(crate) const fn new(standing: Standing, line: u32, shape: u16, role: RoleId) -> Self {
        let standing = (standing.pack() as u64) << STANDING_SHIFT;
        Self(standing | (line as u64) << LINE_SHIFT | (shape as u64) << SHAPE_SHIFT | role.get() as u64)
    }

    #[inline]
    pub(super) const fn pack(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) const fn unpack(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(crate) const fn standing(self) -> Standing {
        Standing::unpack((self.0 >> STANDING_SHIFT) as u8)
    }

    #[inline]
    pub(crate) const fn line(self) -> u32 {
        (self.0 >> LINE_SHIFT) as u32 & (MAX_LINES - 1)
    }

    #[inline]
    pub(crate) const fn shape(self) -> u16 {
        (self.0 >> SHAPE_SHIFT) as u16 & (MAX_SHAPES - 1)
    }

    #[inline]
    pub(crate) const fn role(self) -> RoleId {
        RoleId::new(self.0 as u16)
    }
}

/// How a claim's records hang together: `agent:20 | parts of the claim:12 | next slot + 1:32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) agent: AgentId,
    pub(super) len: u16,
    pub(super) next: Option<u32>,
}

const LEN_MASK: u16 = (1 << 12) - 1;
/// The most parts of a claim: what fits whole records, as a list is held to its most where it takes another.
pub(super) const MAX_LEN: u16 = 4092;
const _: () = assert!(MAX_LEN <= LEN_MASK && (MAX_LEN as usize).is_multiple_of(PARTS));

impl Chain {
    #[inline]
    pub(super) const fn pack(self) -> u64 {
        let next = match self.next {
            Some(slot) => slot as u64 + 1,
            None => 0,
        };
        (self.agent.get() as u64) << 44 | (self.len as u64) << 32 | next
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "three fields of 20, 12 and 32 bits")]
    pub(super) const fn unpack(word: u64) -> Self {
        Self {
            agent: AgentId::new((word >> 44) as u32),
            len: (word >> 32) as u16 & LEN_MASK,
            next: (word as u32).checked_sub(1),
        }
    }
}
