//! Part: one line of what a claim holds, packed in one word of its record: `kind:4 | index:10 | payload:50`.
//!
//! Packed parts compare in canonical order: cores by leaf, then pools, memory, huge pages, devices, counters and bits, each by
//! index. Words are taken in this order and given back in reverse, so that two claims meet at the first word they share
//! instead of half-way.
//!
//! | part | kind | index | payload |
//! |---|---|---|---|
//! | cores | 1 | leaf | `member:8 \| pus:32` |
//! | share | 2 | pool | `member:8 \| cpu_milli:22` |
//! | memory | 3 to 7, by seat | NUMA node | `group:7 \| pages:36` |
//! | huge pages | 8 | NUMA node, size | `pages:36` |
//! | devices | 9 | device word | 5 × `milli:10` |
//! | counter | 10 | counter | `amount:50` |
//! | bits | 11, and 12 for the words from 1024 on | bit word | `bits:48` |

use crate::device_word::Millis;
use crate::extras::HugeSize;
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
    /// Huge pages of a NUMA node.
    Huge { numa_node: NumaNodeId, size: HugeSize, pages: u64 },
    /// Thousandths of the devices of one word.
    Devices { word: u16, millis: Millis },
    /// Disk, or a scalar.
    Counter { counter: u16, amount: u64 },
    /// Numbers of a range, or items of a set.
    Bits { word: u16, bits: u64 },
}

const KIND_SHIFT: u32 = 60;
const INDEX_SHIFT: u32 = 50;
const INDEX_MASK: u64 = (1 << 10) - 1;
const PUS_BITS: u32 = 32;
const MEMBER_MASK: u64 = (1 << 8) - 1;
const PAYLOAD_MASK: u64 = (1 << INDEX_SHIFT) - 1;
const GROUP_SHIFT: u32 = 36;
const GROUP_BITS: u32 = 7;
const PAGES_MASK: u64 = (1 << GROUP_SHIFT) - 1;
const LOW32: u64 = u32::MAX as u64;
const MILLI_MASK: u64 = (1 << MILLI_BITS) - 1;

/// The most leaves, pools, device words and counters of an agent.
pub(crate) const MAX_INDEX: usize = 1 << 10;
/// The most bit words of an agent: they have two kinds of part.
pub(crate) const MAX_BIT_WORDS: usize = 2 * MAX_INDEX;
/// The most of a counter.
pub(crate) const MAX_AMOUNT: u64 = PAYLOAD_MASK;
/// The most pages of a NUMA node, 32 TiB; and the most huge pages of a size.
pub(crate) const MAX_PAGES: u64 = (1 << 33) - 1;
/// The most groups of a shape.
pub(crate) const MAX_GROUPS: usize = 1 << GROUP_BITS;
const _: () = assert!(GROUP_SHIFT + GROUP_BITS <= INDEX_SHIFT && crate::bits::BITS <= INDEX_SHIFT);
const _: () = assert!(MAX_PAGES <= PAGES_MASK);

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

const fn word(kind: u64, index: u16, payload: u64) -> u64 {
    kind << KIND_SHIFT | (index as u64 & INDEX_MASK) << INDEX_SHIFT | payload
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
            Self::Huge { numa_node, size, pages } => word(HUGE, numa_node.get() << 1 | size as u16, pages),
            Self::Devices { word: index, millis } => word(DEVICES, index, millis.bits()),
            Self::Counter { counter, amount } => word(COUNTER, counter, amount),
            Self::Bits { word: index, bits } => {
                let kind = if (index as usize) < MAX_INDEX { BITS_LOW } else { BITS_HIGH };
                word(kind, index, bits)
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "each field is masked, or was packed from the narrow type")]
    pub(crate) fn unpack(word: u64) -> Self {
        let index = (word >> INDEX_SHIFT & INDEX_MASK) as u16;
        let member_above = |bits: u32| (word >> bits & MEMBER_MASK) as u8;
        let payload = word & PAYLOAD_MASK;
        let seat = match word >> KIND_SHIFT {
            0 => return Self::Empty,
            CORES => {
                return Self::Cores { leaf: index, member: member_above(PUS_BITS), pus: (word & LOW32) as u32 };
            }
            SHARE => {
                let cpu_milli = (word & MILLI_MASK) as u32;
                return Self::Share { pool: index, member: member_above(MILLI_BITS), cpu_milli };
            }
            MEM_HELD => Seat::Held,
            MEM_STRICT => Seat::SingleStrict,
            MEM_LOOSE => Seat::SingleLoose,
            MEM_MULTI => Seat::MultiLoose,
            MEM_GROUP => Seat::Group((word >> GROUP_SHIFT & (MAX_GROUPS as u64 - 1)) as u8),
            HUGE => {
                let size = if index & 1 == 0 { HugeSize::Mib2 } else { HugeSize::Gib1 };
                return Self::Huge { numa_node: NumaNodeId::new(index >> 1), size, pages: payload };
            }
            DEVICES => return Self::Devices { word: index, millis: Millis::from_bits(payload) },
            COUNTER => return Self::Counter { counter: index, amount: payload },
            BITS_LOW => return Self::Bits { word: index, bits: payload },
            _ => return Self::Bits { word: index + MAX_INDEX as u16, bits: payload },
        };
        Self::Memory { numa_node: NumaNodeId::new(index), seat, pages: word & PAGES_MASK }
    }

    /// What the role is charged for this part; nothing yet for what is neither CPU nor memory.
    pub(crate) fn quantities(self) -> Quantities {
        match self {
            Self::Empty | Self::Huge { .. } | Self::Devices { .. } | Self::Counter { .. } | Self::Bits { .. } => {
                Quantities::default()
            }
            Self::Cores { pus, .. } => {
                Quantities { cpu_milli: u64::from(pus.count_ones()) * u64::from(MILLI_PER_PU), mem_bytes: 0 }
            }
            Self::Share { cpu_milli, .. } => Quantities { cpu_milli: u64::from(cpu_milli), mem_bytes: 0 },
            Self::Memory { pages, .. } => Quantities { cpu_milli: 0, mem_bytes: pages * PAGE_BYTES },
        }
    }

    /// Whether both speak of the same word.
    pub(crate) const fn same_place(self, other: Self) -> bool {
        match (self, other) {
            (Self::Cores { leaf: a, .. }, Self::Cores { leaf: b, .. }) => a == b,
            (Self::Share { pool: a, .. }, Self::Share { pool: b, .. }) => a == b,
            (Self::Memory { numa_node: a, .. }, Self::Memory { numa_node: b, .. }) => a.get() == b.get(),
            (Self::Huge { numa_node: a, size: x, .. }, Self::Huge { numa_node: b, size: y, .. }) => {
                a.get() == b.get() && x as u16 == y as u16
            }
            (Self::Devices { word: a, .. }, Self::Devices { word: b, .. })
            | (Self::Counter { counter: a, .. }, Self::Counter { counter: b, .. })
            | (Self::Bits { word: a, .. }, Self::Bits { word: b, .. }) => a == b,
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
            (Self::Huge { numa_node, size, pages }, Self::Huge { pages: gone, .. }) => {
                Self::Huge { numa_node, size, pages: pages.checked_sub(gone)? }
            }
            (Self::Devices { word, millis }, Self::Devices { millis: gone, .. }) => {
                Self::Devices { word, millis: millis.take(gone)? }
            }
            (Self::Counter { counter, amount }, Self::Counter { amount: gone, .. }) => {
                Self::Counter { counter, amount: amount.checked_sub(gone)? }
            }
            (Self::Bits { word, bits }, Self::Bits { bits: gone, .. }) if bits & gone == gone => {
                Self::Bits { word, bits: bits & !gone }
            }
            _ => return None,
        };
        Some(if rest.is_nothing() { Self::Empty } else { rest })
    }

    /// Whether it stands for nothing at all.
    pub(crate) const fn is_nothing(self) -> bool {
        match self {
            Self::Empty => true,
            Self::Cores { pus, .. } => pus == 0,
            Self::Share { cpu_milli, .. } => cpu_milli == 0,
            Self::Memory { seat, pages, .. } => matches!(seat, Seat::Held) && pages == 0,
            Self::Huge { pages, .. } => pages == 0,
            Self::Devices { millis, .. } => millis.bits() == 0,
            Self::Counter { amount, .. } => amount == 0,
            Self::Bits { bits, .. } => bits == 0,
        }
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
            parts.push(Part::Memory { numa_node, seat, pages: MAX_PAGES });
        }
        let millis = Millis::whole(5);
        parts.extend([
            Part::Huge { numa_node, size: HugeSize::Mib2, pages: MAX_PAGES },
            Part::Huge { numa_node, size: HugeSize::Gib1, pages: 0 },
            Part::Devices { word: 1023, millis },
            Part::Counter { counter: 0, amount: MAX_AMOUNT },
            Part::Counter { counter: 1023, amount: 0 },
            Part::Bits { word: 1023, bits: (1 << 48) - 1 },
            Part::Bits { word: 1024, bits: 1 },
            Part::Bits { word: 2047, bits: 1 << 47 },
        ]);
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
        let bits = Part::Bits { word: 9, bits: 0b101 };
        assert_eq!(bits.without(Part::Bits { word: 9, bits: 0b001 }), Some(Part::Bits { word: 9, bits: 0b100 }));
        assert_eq!(bits.without(Part::Bits { word: 9, bits: 0b010 }), None);
        let (whole, some) = (Millis::whole(2), Millis::default().with(1, 400));
        let rest = Part::Devices { word: 0, millis: whole.with(1, 600) };
        let devices = Part::Devices { word: 0, millis: whole };
        assert_eq!(devices.without(Part::Devices { word: 0, millis: some }), Some(rest));
        assert_eq!(devices.without(devices), Some(Part::Empty));
        let disk = Part::Counter { counter: 0, amount: 3 };
        assert_eq!(disk.without(Part::Counter { counter: 0, amount: 4 }), None);
        assert!(!disk.same_place(Part::Counter { counter: 1, amount: 3 }) && !disk.same_place(devices));
    }
}
