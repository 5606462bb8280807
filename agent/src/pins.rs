//! Where a member is pinned, in the kernel's own list format, so that what was ordered and what is read back compare as
//! text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// PUs and NUMA nodes in the kernel's list format (`0-3,8`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// OS numbers of PUs.
    pub cpuset: String,
    /// OS numbers of NUMA nodes.
    pub mems: String,
}

impl Pins {
    /// The pinning to these PUs and NUMA nodes.
    #[must_use]
    pub fn new(pus: &BTreeSet<u32>, numa_nodes: &BTreeSet<u32>) -> Self {
        Self { cpuset: list(pus), mems: list(numa_nodes) }
    }
}

/// Ascending, runs joined by a hyphen: one text for one set, as the kernel prints it.
fn list(numbers: &BTreeSet<u32>) -> String {
    let mut text = String::new();
    let mut rest = numbers.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = match last {
            last if last == first => write!(text, "{comma}{first}"),
            last => write!(text, "{comma}{first}-{last}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use meros_numa::CpuSet;

    #[test]
    fn lists_read_as_the_kernel_writes_them() {
        for text in ["", "0", "0-1", "0-3,8", "1,3,5-7,4294967295"] {
            let numbers = text.split(',').filter(|part| !part.is_empty()).flat_map(|part| {
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                first.parse::<u32>().unwrap()..=last.parse().unwrap()
            });
            assert_eq!(list(&numbers.collect()), text);
        }
    }

    #[test]
    fn the_sets_of_the_numa_crate_print_alike() {
        for numbers in [vec![0, 1, 2, 5], vec![7], vec![0, 2, 4, 6, 7, 8]] {
            let set = CpuSet::from_indices(numbers.iter().copied()).unwrap();
            assert_eq!(list(&numbers.into_iter().collect()), set.to_string());
        }
    }
}
