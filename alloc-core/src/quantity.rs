//! Quantities: CPU in thousandths of a PU, memory in bytes; whole numbers, checked arithmetic, no floats.
//!
//! The table counts memory in pages of [`PAGE_BYTES`]: what is asked is rounded up, what a machine has is rounded down.

/// Memory is claimed in pages of this size.
pub const PAGE_BYTES: u64 = 4096;
/// One PU is this many thousandths of a CPU.
pub const MILLI_PER_PU: u32 = 1000;

/// The pages that hold `mem_bytes`.
pub(crate) const fn pages_up(mem_bytes: u64) -> u64 {
    mem_bytes.div_ceil(PAGE_BYTES)
}

/// An amount of CPU and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quantities {
    /// CPU, in thousandths of a PU.
    pub cpu_milli: u64,
    /// Memory in bytes.
    pub mem_bytes: u64,
}

impl Quantities {
    /// The sum, or `None` when it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            cpu_milli: self.cpu_milli.checked_add(other.cpu_milli)?,
            mem_bytes: self.mem_bytes.checked_add(other.mem_bytes)?,
        })
    }

    /// The difference, or `None` when `other` is larger in either figure.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Some(Self {
            cpu_milli: self.cpu_milli.checked_sub(other.cpu_milli)?,
            mem_bytes: self.mem_bytes.checked_sub(other.mem_bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_checked_in_both_figures() {
        let one = Quantities { cpu_milli: 1, mem_bytes: 2 };
        assert_eq!(one.checked_add(one), Some(Quantities { cpu_milli: 2, mem_bytes: 4 }));
        assert_eq!(one.checked_sub(Quantities { cpu_milli: 0, mem_bytes: 3 }), None);
        assert_eq!(one.checked_add(Quantities { cpu_milli: u64::MAX, mem_bytes: 0 }), None);
        assert_eq!(pages_up(PAGE_BYTES + 1), 2);
    }
}
