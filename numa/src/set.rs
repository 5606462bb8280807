//! Sets of operating-system indices: [`CpuSet`] (PUs) and [`NodeSet`] (NUMA nodes).
//!
//! Text is the Linux cpulist format, the one of `cpuset.cpus` and `/sys/devices/system/cpu/online`:
//! comma-separated indices and inclusive ranges, `0-3,8`; the empty set is the empty text. Printing is
//! canonical (ascending, longest ranges), parsing accepts any order and overlaps, and white space only
//! around the whole list.
//!
//! Rules:
//! 1. An index is at most [`MAX_OS_INDEX`], so that no text and no caller can make a set large.
//! 2. The last word is never zero, so that equal sets have equal words.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// The largest index a set holds. Linux is built for at most 8,192 PUs on the machines of today.
pub const MAX_OS_INDEX: u32 = 65_535;

const WORD_BITS: u32 = u64::BITS;

/// Marker of [`CpuSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PuIndices {}

/// Marker of [`NodeSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumaNodeIndices {}

/// A set of PUs, by their operating-system indices.
pub type CpuSet = OsIndexSet<PuIndices>;

/// A set of NUMA nodes, by their operating-system indices.
pub type NodeSet = OsIndexSet<NumaNodeIndices>;

/// A set of small indices; `Of` says of what, so that a cpuset is never mistaken for a nodeset.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OsIndexSet<Of> {
    words: Vec<u64>,
    of: PhantomData<Of>,
}

/// An index beyond [`MAX_OS_INDEX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("index {0} is too large: an index is at most {MAX_OS_INDEX}")]
pub struct IndexTooLarge(pub u64);

/// Why a text is not a cpulist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a cpulist such as `0-3,8`: {problem} at byte {position}")]
pub struct CpuListError {
    /// Where in the text, in bytes from its start.
    pub position: usize,
    /// What is wrong there.
    pub problem: CpuListProblem,
}

/// What [`CpuListError`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CpuListProblem {
    /// Anything but a digit where an index has to begin.
    #[error("expected an index")]
    ExpectedIndex,
    /// Neither `,` nor the end behind an index or a range.
    #[error("expected `,` or the end")]
    ExpectedComma,
    /// The number is beyond [`MAX_OS_INDEX`].
    #[error("an index larger than {MAX_OS_INDEX}")]
    IndexTooLarge,
    /// A range that ends before it begins.
    #[error("a range that runs backwards")]
    BackwardRange,
}

impl<Of> OsIndexSet<Of> {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { words: Vec::new(), of: PhantomData }
    }

    /// The set of the given indices.
    ///
    /// # Errors
    /// [`IndexTooLarge`] with the first index beyond [`MAX_OS_INDEX`].
    pub fn from_indices(indices: impl IntoIterator<Item = u32>) -> Result<Self, IndexTooLarge> {
        let mut set = Self::new();
        for index in indices {
            set.insert(index)?;
        }
        Ok(set)
    }

    /// Adds an index.
    ///
    /// # Errors
    /// [`IndexTooLarge`] if it is beyond [`MAX_OS_INDEX`]; the set is then unchanged.
    pub fn insert(&mut self, index: u32) -> Result<(), IndexTooLarge> {
        if index > MAX_OS_INDEX {
            return Err(IndexTooLarge(u64::from(index)));
        }
        self.insert_range(index, index);
        Ok(())
    }

    /// Takes an index out; no effect if it is not in the set.
    pub fn remove(&mut self, index: u32) {
        let (word, bit) = place(index);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
        self.trim();
    }

    /// Whether the index is in the set.
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        let (word, bit) = place(index);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// How many indices are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no index is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The smallest index.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.iter().next()
    }

    /// The indices, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.words).flat_map(|(word, &bits)| {
            (0..WORD_BITS).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * WORD_BITS + bit)
        })
    }

    /// The indices in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a | b)
    }

    /// The indices in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & b)
    }

    /// The indices of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & !b)
    }

    /// Whether the sets share an index.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// Whether every index of this set is in `other`; true for the empty set.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.words.len() <= other.words.len() && self.words.iter().zip(&other.words).all(|(a, b)| a & !b == 0)
    }

    /// Adds `first..=last`, a word at a time: a long text of wide ranges stays cheap. The caller
    /// upholds rule 1.
    fn insert_range(&mut self, first: u32, last: u32) {
        let ((begin, low), (end, high)) = (place(first), place(last));
        if self.words.len() <= end {
            self.words.resize(end + 1, 0);
        }
        for at in begin..=end {
            let from = if at == begin { !(low - 1) } else { u64::MAX };
            let to = if at == end { high | (high - 1) } else { u64::MAX };
            self.words[at] |= from & to;
        }
    }

    fn combine(&self, other: &Self, bits: impl Fn(u64, u64) -> u64) -> Self {
        let word = |set: &Self, at: usize| set.words.get(at).copied().unwrap_or(0);
        let length = self.words.len().max(other.words.len());
        let mut set =
            Self { words: (0..length).map(|at| bits(word(self, at), word(other, at))).collect(), of: PhantomData };
        set.trim();
        set
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}

impl<Of> Default for OsIndexSet<Of> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Of> fmt::Display for OsIndexSet<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut indices = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = indices.next() {
            let mut last = first;
            while let Some(next) = indices.next_if(|&next| next == last + 1) {
                last = next;
            }
            write!(f, "{separator}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl<Of> fmt::Debug for OsIndexSet<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl<Of> FromStr for OsIndexSet<Of> {
    type Err = CpuListError;

    fn from_str(text: &str) -> Result<Self, CpuListError> {
        let list = text.trim_end();
        let mut reader = Reader { text: list.as_bytes(), position: list.len() - list.trim_start().len() };
        let mut set = Self::new();
        if reader.at_end() {
            return Ok(set);
        }
        loop {
            let (first, last) = reader.range()?;
            set.insert_range(first, last);
            if reader.at_end() {
                return Ok(set);
            }
            reader.comma()?;
        }
    }
}

impl<Of> Serialize for OsIndexSet<Of> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const fn place(index: u32) -> (usize, u64) {
    ((index / WORD_BITS) as usize, 1 << (index % WORD_BITS))
}

/// A cursor over a cpulist.
struct Reader<'text> {
    text: &'text [u8],
    position: usize,
}

impl Reader<'_> {
    fn at_end(&self) -> bool {
        self.position >= self.text.len()
    }

    const fn error(&self, problem: CpuListProblem) -> CpuListError {
        CpuListError { position: self.position, problem }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.position) == Some(&byte);
        self.position += usize::from(found);
        found
    }

    fn comma(&mut self) -> Result<(), CpuListError> {
        if self.take(b',') { Ok(()) } else { Err(self.error(CpuListProblem::ExpectedComma)) }
    }

    fn range(&mut self) -> Result<(u32, u32), CpuListError> {
        let begin = self.position;
        let first = self.index()?;
        let last = if self.take(b'-') { self.index()? } else { first };
        if last < first {
            return Err(CpuListError { position: begin, problem: CpuListProblem::BackwardRange });
        }
        Ok((first, last))
    }

    fn index(&mut self) -> Result<u32, CpuListError> {
        let begin = self.position;
        let mut index = 0_u32;
        while let Some(digit) = self.text.get(self.position).filter(|b| b.is_ascii_digit()) {
            index = index * 10 + u32::from(digit - b'0');
            if index > MAX_OS_INDEX {
                return Err(CpuListError { position: begin, problem: CpuListProblem::IndexTooLarge });
            }
            self.position += 1;
        }
        if self.position == begin {
            return Err(self.error(CpuListProblem::ExpectedIndex));
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> CpuSet {
        text.parse().unwrap()
    }

    #[test]
    fn prints_the_longest_ranges() {
        let printed = |text: &str| set(text).to_string();
        assert_eq!(printed("8,0,1,2,3"), "0-3,8");
        assert_eq!(printed(" 0-3,2-5,64\n"), "0-5,64");
        assert_eq!(printed("7-7"), "7");
        assert_eq!(printed(""), "");
        assert_eq!(printed(" \n"), "");
    }

    #[test]
    fn names_the_position_of_what_is_wrong() {
        let wrong = |text: &str| {
            let error = text.parse::<CpuSet>().unwrap_err();
            (error.position, error.problem)
        };
        assert_eq!(wrong("0-3,x"), (4, CpuListProblem::ExpectedIndex));
        assert_eq!(wrong("0,"), (2, CpuListProblem::ExpectedIndex));
        assert_eq!(wrong(",0"), (0, CpuListProblem::ExpectedIndex));
        assert_eq!(wrong("-1"), (0, CpuListProblem::ExpectedIndex));
        assert_eq!(wrong("1-"), (2, CpuListProblem::ExpectedIndex));
        assert_eq!(wrong("1-2-3"), (3, CpuListProblem::ExpectedComma));
        assert_eq!(wrong("1 2"), (1, CpuListProblem::ExpectedComma));
        assert_eq!(wrong("0-10:2/4"), (4, CpuListProblem::ExpectedComma));
        assert_eq!(wrong("5,9-7"), (2, CpuListProblem::BackwardRange));
        assert_eq!(wrong("0,65536"), (2, CpuListProblem::IndexTooLarge));
        assert_eq!(wrong("0-99999999999999999999"), (2, CpuListProblem::IndexTooLarge));
        assert_eq!(wrong("²"), (0, CpuListProblem::ExpectedIndex));
    }

    #[test]
    fn an_error_says_what_a_cpulist_is() {
        let error = "0-3,x".parse::<NodeSet>().unwrap_err();
        assert_eq!(error.to_string(), "not a cpulist such as `0-3,8`: expected an index at byte 4");
    }

    #[test]
    fn refuses_what_is_too_large() {
        let mut numa_nodes = NodeSet::new();
        assert_eq!(numa_nodes.insert(MAX_OS_INDEX + 1), Err(IndexTooLarge(65_536)));
        assert!(numa_nodes.is_empty());
        assert!(numa_nodes.insert(MAX_OS_INDEX).is_ok());
        assert_eq!(numa_nodes.to_string(), "65535");
    }

    fn model() -> impl Strategy<Value = BTreeSet<u32>> {
        prop::collection::btree_set(0_u32..300, 0..60)
    }

    fn from_model(model: &BTreeSet<u32>) -> CpuSet {
        CpuSet::from_indices(model.iter().copied()).unwrap()
    }

    proptest! {
        #[test]
        fn printing_and_parsing_round_trip(model in model()) {
            let made = from_model(&model);
            prop_assert_eq!(&set(&made.to_string()), &made);
            prop_assert_eq!(made.iter().collect::<BTreeSet<_>>(), model);
        }

        #[test]
        fn algebra_is_that_of_sets(a in model(), b in model(), gone in 0_u32..300) {
            let (x, y) = (from_model(&a), from_model(&b));
            prop_assert_eq!(x.union(&y), from_model(&(&a | &b)));
            prop_assert_eq!(x.intersection(&y), from_model(&(&a & &b)));
            prop_assert_eq!(x.difference(&y), from_model(&(&a - &b)));
            prop_assert_eq!(x.intersects(&y), !a.is_disjoint(&b));
            prop_assert_eq!(x.is_subset(&y), a.is_subset(&b));
            prop_assert_eq!(x.is_subset(&x.union(&y)), true);
            prop_assert_eq!((x.len(), x.is_empty(), x.first()), (a.len(), a.is_empty(), a.first().copied()));

            let (mut less, mut less_model) = (x, a);
            less.remove(gone);
            less_model.remove(&gone);
            prop_assert_eq!(less, from_model(&less_model));
        }

        #[test]
        fn no_text_panics(text in "[0-9,\\- \n]{0,40}|\\PC{0,20}") {
            if let Ok(parsed) = text.parse::<CpuSet>() {
                prop_assert_eq!(set(&parsed.to_string()), parsed);
            }
        }
    }
}
