//! Part: one line of what a claim holds, packed in one word of its record: `kind:4 | index:10 | payload:50`.
//!
//! Packed parts compare in canonical order: cores by leaf, then pools, memory, huge pages, devices, counters and bits, each by
//! index, then memberships. Words are taken in this order and given back in reverse, so that two claims meet at the first word they
//! share instead of half-way.
//!
//! | part | kind | index | payload |
//! |---|---|---|---|
//! | cores | 1 | leaf | `member:8 \| pus:32` |
//! | share | 2 | pool | `member:8 \| cpu_milli:22` |
//! | memory | 3 to 7, by seat | NUMA node | `group:7 \| pages:43` |
//! | extra | 8: huge pages | NUMA node, size | `amount:50`, as its [word](crate::extras::word) counts |
//! | | 9: devices | word | |
//! | | 10: counter | counter | |
//! | | 11: bits; 12: those from 1024 on | word | |
//! | member | 13 | none | `group:20 \| value:24 \| most:16`, over the index too |

use crate::extras::{ExtraWord, HugeSize};
use crate::ids::NumaNodeId;
use crate::memory::Seat;
use crate::nodeset::NodeSet;
use crate::pool::MILLI_BITS;

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
    /// Some of what an extra word counts.
    Extra { word: ExtraWord, amount: u64 },
    /// A membership in a group, counted for a value of its key; `most` limited the counter when it was taken.
    Member { group: u32, value: u32, most: u16 },
}

const KIND_SHIFT: u32 = 60;
const INDEX_SHIFT: u32 = 50;
const INDEX_MASK: u64 = (1 << 10) - 1;
const PUS_BITS: u32 = 32;
const MEMBER_MASK: u64 = (1 << 8) - 1;
const PAYLOAD_MASK: u64 = (1 << INDEX_SHIFT) - 1;
const GROUP_SHIFT: u32 = 43;
const PAGES_MASK: u64 = (1 << GROUP_SHIFT) - 1;
const LOW32: u64 = u32::MAX as u64;
const MILLI_MASK: u64 = (1 << MILLI_BITS) - 1;

/// The most leaves, pools, device words and counters of an agent.
pub(crate) const MAX_INDEX: usize = 1 << 10;
/// The most leaves that a plan has room for. Few under loom, whose threads have little stack and whose machines are small.
pub(crate) const MAX_LEAVES: usize = if cfg!(loom) { 4 } else { MAX_INDEX };
const _: () = assert!(crate::memory::MAX_PAGES <= PAGES_MASK);
/// The most groups of a shape.
pub(crate) const MAX_GROUPS: usize = 1 << (INDEX_SHIFT - GROUP_SHIFT);
/// The most words of bits of an agent: they have two kinds of part.
pub(crate) const MAX_BIT_WORDS: usize = 2 * MAX_INDEX;
/// The most of what an extra word counts.
pub(crate) const MAX_AMOUNT: u64 = PAYLOAD_MASK;

const CORES: u64 = 1;
const SHARE: u64 = 2;
const MEM_HELD: u64 = 3;
const MEM_STRICT: u64 = 4;
const MEM_LOOSE: u64 = 5;
const MEM_MULTI: u64 = 6;
const MEM_GROUP: u64 = 7;
const HUGE: u64 = 8;
const DEVICES: u64 = 9;
const COUNTER: u64 = 10;
const BITS_LOW: u64 = 11;
const BITS_HIGH: u64 = 12;
const MEMBER: u64 = 13;
const MEMBER_GROUP_SHIFT: u32 = 40;
const MEMBER_VALUE_SHIFT: u32 = 16;
const MEMBER_VALUE_MASK: u64 = (1 << 24) - 1;
const MEMBER_GROUP_MASK: u64 = (1 << 20) - 1;
const _: () = assert!(size_of::<Part>() == 16, "parts are passed by value");

const fn word(kind: u64, index: u16, payload: u64) -> u64 {
    kind << KIND_SHIFT | (index as u64 & INDEX_MASK) << INDEX_SHIFT | payload
}

/// Kind and index of an extra word's part.
const fn kind_of(word: ExtraWord) -> (u64, u16) {
    match word {
        ExtraWord::Huge(numa_node, size) => (HUGE, numa_node.get() << 1 | size as u16),
        ExtraWord::Devices(word) => (DEVICES, word),
        ExtraWord::Counter(counter) => (COUNTER, counter),
        ExtraWord::Bits(word) if (word as usize) < MAX_INDEX => (BITS_LOW, word),
        ExtraWord::Bits(word) => (BITS_HIGH, word),
    }
}

/// The extra word of a part's kind and index.
#[expect(clippy::cast_possible_truncation, reason = "MAX_INDEX is 1024")]
const fn extra_of(kind: u64, index: u16) -> ExtraWord {
    match kind {
        HUGE if index & 1 == 0 => ExtraWord::Huge(NumaNodeId::new(index >> 1), HugeSize::Mib2),
        HUGE => ExtraWord::Huge(NumaNodeId::new(index >> 1), HugeSize::Gib1),
        DEVICES => ExtraWord::Devices(index),
        COUNTER => ExtraWord::Counter(index),
        BITS_LOW => ExtraWord::Bits(index),
        _ => ExtraWord::Bits(index + MAX_INDEX as u16),
    }
}

impl Part {
    #[inline(always)]
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
            Self::Extra { word: extra, amount } => {
                let (kind, index) = kind_of(extra);
                word(kind, index, amount)
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
            MEM_GROUP => Seat::Group((word >> GROUP_SHIFT & (MAX_GROUPS as u64 - 1)) as u8),
            kind => return Self::Extra { word: extra_of(kind, index), amount: word & PAYLOAD_MASK },
        };
        Self::Memory { numa_node: NumaNodeId::new(index), seat, pages: word & PAGES_MASK }
    }

    /// Leaf and PUs of a packed part of cores.
    #[inline(always)]
    pub(crate) const fn cores_of(word: u64) -> Option<(u16, u32)> {
        if word >> KIND_SHIFT != CORES {
            return None;
        }
        Some(((word >> INDEX_SHIFT & INDEX_MASK) as u16, (word & LOW32) as u32))
    }

    /// NUMA node, seat and pages of a packed part of memory that no group is promised.
    #[inline(always)]
    pub(crate) const fn memory_of(word: u64) -> Option<(NumaNodeId, Seat, u64)> {
        let seat = match word >> KIND_SHIFT {
            MEM_HELD => Seat::Held,
            MEM_STRICT => Seat::SingleStrict,
            MEM_LOOSE => Seat::SingleLoose,
            MEM_MULTI => Seat::MultiLoose,
            _ => return None,
        };
        Some((NumaNodeId::new((word >> INDEX_SHIFT & INDEX_MASK) as u16), seat, word & PAGES_MASK))
    }

    /// Whether both speak of the same word.
    pub(crate) const fn same_place(self, other: Self) -> bool {
        match (self, other) {
            (Self::Cores { leaf: a, .. }, Self::Cores { leaf: b, .. }) => a == b,
            (Self::Share { pool: a, .. }, Self::Share { pool: b, .. }) => a == b,
            (Self::Memory { numa_node: a, .. }, Self::Memory { numa_node: b, .. }) => a.get() == b.get(),
            (Self::Extra { word: a, .. }, Self::Extra { word: b, .. }) => {
                let (a, b) = (kind_of(a), kind_of(b));
                a.0 == b.0 && a.1 == b.1
            }
            _ => false,
        }
    }

    /// The same for a member so many places further on.
    pub(crate) const fn of_member_after(self, first: u8) -> Self {
        match self {
            Self::Cores { leaf, member, pus } => Self::Cores { leaf, member: member + first, pus },
            Self::Share { pool, member, cpu_milli } => Self::Share { pool, member: member + first, cpu_milli },
            other => other,
        }
    }

    /// The same, memory of these NUMA nodes used from this seat.
    pub(crate) const fn on_seat(self, seat: Seat, ordinary: NodeSet) -> Self {
        match self {
            Self::Memory { numa_node, pages, .. } if ordinary.has(numa_node) => Self::Memory { numa_node, seat, pages },
            other => other,
        }
    }

    /// Both parts as one; `None` unless they are of one member and place, or of one NUMA node and seat.
    pub(crate) fn with(self, more: Self) -> Option<Self> {
        match (self, more) {
            (Self::Cores { leaf, member, pus }, Self::Cores { leaf: there, member: whose, pus: more })
                if (leaf, member) == (there, whose) =>
            {
                Some(Self::Cores { leaf, member, pus: pus | more })
            }
            (Self::Share { pool, member, cpu_milli }, Self::Share { pool: there, member: whose, cpu_milli: more })
                if (pool, member) == (there, whose) =>
            {
                Some(Self::Share { pool, member, cpu_milli: cpu_milli + more })
            }
            (Self::Memory { numa_node, seat, pages }, Self::Memory { numa_node: there, seat: terms, pages: more })
                if (numa_node, seat) == (there, terms) =>
            {
                Some(Self::Memory { numa_node, seat, pages: pages + more })
            }
            (Self::Extra { word, amount }, Self::Extra { word: there, amount: more }) if word == there => {
                Some(Self::Extra { word, amount: word.give(amount, more)? })
            }
            _ => None,
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
            (Self::Extra { word, amount }, Self::Extra { amount: gone, .. }) => {
                Self::Extra { word, amount: word.take(amount, gone)? }
            }
            _ => return None,
        };
        Some(if rest.is_nothing() { Self::Empty } else { rest })
    }

    /// Whether it stands for nothing at all.
    pub(crate) const fn is_nothing(self) -> bool {
        match self {
            Self::Empty => true,
            Self::Member { .. } => false,
            Self::Cores { pus, .. } => pus == 0,
            Self::Share { cpu_milli, .. } => cpu_milli == 0,
            Self::Memory { seat, pages, .. } => matches!(seat, Seat::Held) && pages == 0,
            Self::Extra { amount, .. } => amount == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extras::Millis;

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
        let extra = |word, amount| Part::Extra { word, amount };
        parts.extend([
            extra(ExtraWord::Huge(numa_node, HugeSize::Mib2), MAX_AMOUNT),
            extra(ExtraWord::Huge(numa_node, HugeSize::Gib1), 0),
            extra(ExtraWord::Devices(1023), Millis::whole(5).bits()),
            extra(ExtraWord::Counter(0), MAX_AMOUNT),
            extra(ExtraWord::Counter(1023), 0),
            extra(ExtraWord::Bits(1023), (1 << 48) - 1),
            extra(ExtraWord::Bits(1024), 1),
            extra(ExtraWord::Bits(2047), 1 << 47),
        ]);
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
        assert_eq!(memory.without(memory).and_then(|rest| rest.with(memory)), Some(memory));
        assert_eq!(cores.with(cores.of_member_after(1)), None);
        assert_eq!(memory.without(memory), Some(Part::Memory { numa_node: NumaNodeId::new(0), seat, pages: 0 }));
        let extra = |word, amount| Part::Extra { word, amount };
        let ports = |bits| extra(ExtraWord::Bits(9), bits);
        assert_eq!(ports(0b101).without(ports(0b001)), Some(ports(0b100)));
        assert_eq!(ports(0b101).without(ports(0b010)), None);
        let devices = |millis: Millis| extra(ExtraWord::Devices(0), millis.bits());
        let whole = Millis::whole(2);
        let some = Millis::default().with(1, 400);
        assert_eq!(devices(whole).without(devices(some)), Some(devices(whole.with(1, 600))));
        assert_eq!(devices(whole).without(devices(whole)), Some(Part::Empty));
        let disk = |amount| extra(ExtraWord::Counter(0), amount);
        assert_eq!(disk(3).without(disk(4)), None);
        assert!(!disk(3).same_place(extra(ExtraWord::Counter(1), 3)) && !disk(3).same_place(devices(whole)));
    }
}
