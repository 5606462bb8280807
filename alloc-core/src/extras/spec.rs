//! What a machine has besides cores and ordinary memory, as the caller describes it.

use core::fmt;

use crate::ids::{NameId, NumaNodeId};
use crate::reason::Invalid;

/// A size of huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HugeSize {
    /// 2 MiB.
    Mib2,
    /// 1 GiB.
    Gib1,
}

impl HugeSize {
    /// Both sizes.
    pub const ALL: [Self; 2] = [Self::Mib2, Self::Gib1];

    /// The bytes of one page.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Mib2 => 2 << 20,
            Self::Gib1 => 1 << 30,
        }
    }
}

impl fmt::Display for HugeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mib2 => "2 MiB",
            Self::Gib1 => "1 GiB",
        })
    }
}

/// Numbers of huge pages, per size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HugePages {
    /// Pages of 2 MiB.
    pub mib2: u64,
    /// Pages of 1 GiB.
    pub gib1: u64,
}

impl HugePages {
    /// The number of one size.
    #[must_use]
    pub const fn get(self, size: HugeSize) -> u64 {
        match size {
            HugeSize::Mib2 => self.mib2,
            HugeSize::Gib1 => self.gib1,
        }
    }

    /// The same with another number of one size.
    #[must_use]
    pub const fn with(mut self, size: HugeSize, pages: u64) -> Self {
        match size {
            HugeSize::Mib2 => self.mib2 = pages,
            HugeSize::Gib1 => self.gib1 = pages,
        }
        self
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.mib2 == 0 && self.gib1 == 0
    }
}

/// One device: 1000 thousandths, to be claimed whole or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Which kind: a number of the caller's choice, for a model of GPU, of network card, ….
    pub kind: u32,
    /// The NUMA node it is attached to, if known.
    pub numa_node: Option<NumaNodeId>,
}

/// A named scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalarSpec {
    /// Its name.
    pub name: NameId,
    /// How much there is, in thousandths; less than 2⁵⁰.
    pub milli: u64,
}

/// Numbers from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The last; not below the first.
    pub last: u64,
}

impl Span {
    /// One number.
    #[must_use]
    pub const fn one(number: u64) -> Self {
        Self { first: number, last: number }
    }

    /// How many numbers, less one: the number of all `u64` does not fit `u64`.
    pub(crate) const fn reach(self) -> u64 {
        self.last - self.first
    }
}

/// How many numbers these spans have; stops at the largest `u64`.
pub(crate) fn numbers(spans: &[Span]) -> u64 {
    spans.iter().fold(0, |sum: u64, span| sum.saturating_add(span.reach().saturating_add(1)))
}

/// Whether each span is one, and comes after the one before.
pub(crate) fn first_unsorted(spans: &[Span]) -> Option<usize> {
    let mut before: Option<u64> = None;
    spans.iter().position(|span| {
        let good = span.first <= span.last && before.is_none_or(|before| before < span.first);
        before = Some(span.last);
        !good
    })
}

/// Whether every list of names or ids is sorted and names nothing twice; the field that is not.
pub(crate) fn check_lists<const N: usize>(lists: [(&'static str, bool); N]) -> Result<(), Invalid> {
    match lists.into_iter().find(|(_, is_sorted)| !is_sorted) {
        Some((field, _)) => Err(Invalid::Unsorted { field }),
        None => Ok(()),
    }
}

/// A named resource of numbered things, such as ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangesSpec {
    /// Its name.
    pub name: NameId,
    /// The numbers, sorted, none twice. All ranges of an agent together have at most 65,536 numbers.
    pub spans: Vec<Span>,
}

/// A named set. Its items are known by their positions, 0 to `items` − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetSpec {
    /// Its name.
    pub name: NameId,
    /// How many items. All sets of an agent together have at most 16,384.
    pub items: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_checked_and_counted() {
        let spans = [Span { first: 3, last: 5 }, Span::one(6)];
        assert_eq!((first_unsorted(&spans), numbers(&spans)), (None, 4));
        assert_eq!(first_unsorted(&[Span { first: 5, last: 3 }]), Some(0));
        assert_eq!(first_unsorted(&[Span::one(5), Span::one(5)]), Some(1));
        assert_eq!(numbers(&[Span { first: 0, last: u64::MAX }]), u64::MAX);
    }
}
