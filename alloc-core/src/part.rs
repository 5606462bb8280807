//! Part: one line of what a claim holds, packed in one word of its record: `kind:4 | index:10 | payload:50`.
//!
//! Payloads: cores `member:8 | pus:32`, a share `member:8 | milli:22`, memory `group:7 | pages:43`. A membership
//! in a group has no index: `kind:4 | group:20 | value:24 | most:16`.
//!
//! Packed parts compare in canonical order: cores by leaf, then pools, then memory, each by index, then memberships. Words are taken in
//! this order and given back in reverse, so that two claims meet at the first word they share instead of half-way.

use crate::ids::NumaNodeId;
use crate::memory::Seat;
use crate::pool::MILLI_BITS;
use crate::{MILLI_PER_PU, PAGE_BYTES, Quantities};

/// Something a claim holds. Positions are those of the agent's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Nothing: an unused place in a record.
    Empty,
    /// PUs of a leaf, for a member.
    Cores { leaf: u16, member: u8, pus: u32 },
    /// A promise of a pool, for a member.
    Share { pool: u16, member: u8, cpu_milli: u32 },
    /// Pages of a NUMA node, and the seat they are used from.
    Memory { numa_node: NumaNodeId, seat: Seat, pages: u64 },
    /// A membership in a group, counted for a value of its key; `most` limited the counter when it was taken.
    Member { group: u32, value: u32, most: u16 },
}

const KIND_SHIFT: u32 = 60;
const INDEX_SHIFT: u32 = 50;
const INDEX_MASK: u64 = (1 << 10) - 1;
const GROUP_SHIFT: u32 = 43;
const PUS_BITS: u32 = 32;
const MEMBER_MASK: u64 = (1 << 8) - 1;
const PAGES_MASK: u64 = (1 << GROUP_SHIFT) - 1;
const LOW32: u64 = u32::MAX as u64;
const MILLI_MASK: u64 = (1 << MILLI_BITS) - 1;

/// The most leaves, and the most pools, of an agent.
pub(crate) const MAX_INDEX: usize = 1 << 10;
const _: () = assert!(crate::memory::MAX_PAGES <= PAGES_MASK);
/// The most groups of a shape.
pub(crate) const MAX_GROUPS: usize = 1 << (INDEX_SHIFT - GROUP_SHIFT);

const CORES: u64 = 1;
const SHARE: u64 = 2;
const MEM_HELD: u64 = 3;
const MEM_STRICT: u64 = 4;
const MEM_LOOSE: u64 = 5;
const MEM_MULTI: u64 = 6;
const MEM_GROUP: u64 = 7;
const MEMBER: u64 = 13;
const MEMBER_GROUP_SHIFT: u32 = 40;
const MEMBER_VALUE_SHIFT: u32 = 16;
const MEMBER_VALUE_MASK: u64 = (1 << 24) - 1;
const MEMBER_GROUP_MASK: u64 = (1 << 20) - 1;

const fn word(kind: u64, index: u16, payload: u64) -> u64 {
    kind << KIND_SHIFT | (index as u64) << INDEX_SHIFT | payload
}

impl Part {
    pub(crate) const fn pack(self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Cores { leaf, member, pus } => word(CORES, leaf, (member as u64) << PUS_BITS | pus as u64),
            Self::Share { pool, member, cpu_milli } => {
                word(SHARE, pool, (member as u64) << MILLI_BITS | cpu_milli as u64 & MILLI_MASK)
            }
            Self::Memory { numa_node, seat, pages } => {
                let (kind, group) = match seat {
                    Seat::Held => (MEM_HELD, 0),
                    Seat::SingleStrict => (MEM_STRICT, 0),
                    Seat::SingleLoose => (MEM_LOOSE, 0),
                    Seat::MultiLoose => (MEM_MULTI, 0),
                    Seat::Group(group) => (MEM_GROUP, group),
                };
                word(kind, numa_node.get(), (group as u64) << GROUP_SHIFT | pages)
            }
            Self::Member { group, value, most } => {
                MEMBER << KIND_SHIFT
                    | (group as u64) << MEMBER_GROUP_SHIFT
                    | (value as u64) << MEMBER_VALUE_SHIFT
                    | most as u64
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "each field is masked, or was packed from the narrow type")]
    pub(crate) fn unpack(word: u64) -> Self {
        let index = (word >> INDEX_SHIFT & INDEX_MASK) as u16;
        let member_above = |bits: u32| (word >> bits & MEMBER_MASK) as u8;
        let seat = match word >> KIND_SHIFT {
            0 => return Self::Empty,
            CORES => {
                return Self::Cores { leaf: index, member: member_above(PUS_BITS), pus: (word & LOW32) as u32 };
            }
            SHARE => {
                let cpu_milli = (word & MILLI_MASK) as u32;
                return Self::Share { pool: index, member: member_above(MILLI_BITS), cpu_milli };
            }
            MEMBER => {
                return Self::Member {
                    group: (word >> MEMBER_GROUP_SHIFT & MEMBER_GROUP_MASK) as u32,
                    value: (word >> MEMBER_VALUE_SHIFT & MEMBER_VALUE_MASK) as u32,
                    most: word as u16,
                };
            }
            MEM_HELD => Seat::Held,
            MEM_STRICT => Seat::SingleStrict,
            MEM_LOOSE => Seat::SingleLoose,
            MEM_MULTI => Seat::MultiLoose,
            _ => Seat::Group((word >> GROUP_SHIFT & (MAX_GROUPS as u64 - 1)) as u8),
        };
        Self::Memory { numa_node: NumaNodeId::new(index), seat, pages: word & PAGES_MASK }
    }

    /// What the role is charged for this part.
    #[inline(always)]
    pub(crate) fn quantities(self) -> Quantities {
        match self {
            Self::Empty | Self::Member { .. } => Quantities::default(),
            Self::Cores { pus, .. } => {
                Quantities { cpu_milli: u64::from(pus.count_ones()) * u64::from(MILLI_PER_PU), mem_bytes: 0 }
            }
            Self::Share { cpu_milli, .. } => Quantities { cpu_milli: u64::from(cpu_milli), mem_bytes: 0 },
            Self::Memory { pages, .. } => Quantities { cpu_milli: 0, mem_bytes: pages * PAGE_BYTES },
        }
    }

    /// Whether both speak of the same leaf, pool or NUMA node.
    pub(crate) const fn same_place(self, other: Self) -> bool {
        match (self, other) {
            (Self::Cores { leaf: a, .. }, Self::Cores { leaf: b, .. }) => a == b,
            (Self::Share { pool: a, .. }, Self::Share { pool: b, .. }) => a == b,
            (Self::Memory { numa_node: a, .. }, Self::Memory { numa_node: b, .. }) => a.get() == b.get(),
            _ => false,
        }
    }

    /// What is left of this part when `taken` is split off; `None` when `taken` is not inside it. A seat stays with
    /// what is left, even of no pages, except one that was only held.
    pub(crate) fn without(self, taken: Self) -> Option<Self> {
        let rest = match (self, taken) {
            (Self::Cores { leaf, member, pus }, Self::Cores { pus: gone, .. }) if pus & gone == gone => {
                Self::Cores { leaf, member, pus: pus & !gone }
            }
            (Self::Share { pool, member, cpu_milli }, Self::Share { cpu_milli: gone, .. }) => {
                Self::Share { pool, member, cpu_milli: cpu_milli.checked_sub(gone)? }
            }
            (Self::Memory { numa_node, seat, pages }, Self::Memory { pages: gone, .. }) => {
                Self::Memory { numa_node, seat, pages: pages.checked_sub(gone)? }
            }
            _ => return None,
        };
        Some(match rest {
            Self::Cores { pus: 0, .. } | Self::Share { cpu_milli: 0, .. } => Self::Empty,
            Self::Memory { seat: Seat::Held, pages: 0, .. } => Self::Empty,
            rest => rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Part> {
        let numa_node = NumaNodeId::new(63);
        let mut parts = vec![
            Part::Empty,
            Part::Cores { leaf: 0, member: 0, pus: u32::MAX },
            Part::Cores { leaf: 0, member: 255, pus: u32::MAX },
            Part::Cores { leaf: 1023, member: 1, pus: 1 },
            Part::Share { pool: 64, member: 0, cpu_milli: 4_194_000 },
            Part::Share { pool: 64, member: 7, cpu_milli: 1 },
        ];
        for seat in [Seat::Held, Seat::SingleStrict, Seat::SingleLoose, Seat::MultiLoose, Seat::Group(127)] {
            parts.push(Part::Memory { numa_node, seat, pages: crate::memory::MAX_PAGES });
        }
        parts.push(Part::Member { group: 0, value: (1 << 24) - 1, most: u16::MAX });
        parts.push(Part::Member { group: (1 << 20) - 1, value: 0, most: 1 });
        parts
    }

    #[test]
    fn packing_keeps_every_field_and_the_canonical_order() {
        let words: Vec<u64> = samples().into_iter().map(Part::pack).collect();
        assert_eq!(words.iter().map(|&word| Part::unpack(word)).collect::<Vec<_>>(), samples());
        assert!(words.is_sorted());
    }

    #[test]
    fn a_split_part_leaves_the_rest() {
        let cores = Part::Cores { leaf: 3, member: 1, pus: 0b1100 };
        assert_eq!(
            cores.without(Part::Cores { leaf: 3, member: 1, pus: 0b0100 }),
            Some(Part::Cores { leaf: 3, member: 1, pus: 0b1000 })
        );
        assert_eq!(cores.without(cores), Some(Part::Empty));
        assert_eq!(cores.without(Part::Cores { leaf: 3, member: 1, pus: 0b0001 }), None);
        let seat = Seat::SingleStrict;
        let memory = Part::Memory { numa_node: NumaNodeId::new(0), seat, pages: 5 };
        assert_eq!(memory.without(memory), Some(Part::Memory { numa_node: NumaNodeId::new(0), seat, pages: 0 }));
    }
}
