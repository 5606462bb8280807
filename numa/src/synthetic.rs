//! Guards hwloc against synthetic descriptions that would make it build a machine without bound.
//!
//! A description lists levels from the machine inwards, each `type:count` or `count`, with `(attributes)`
//! behind and `[numa(memory=64GB)]` attached: `package:2 [numa(memory=64GB)] l3:8 core:8 pu:2`. The counts
//! multiply. What the types and attributes mean is hwloc's business; here only sizes are judged.

use thiserror::Error;

use crate::assemble::MAX_PUS;
use crate::set::MAX_OS_INDEX;

/// The longest description.
const MAX_BYTES: usize = 1_024;

/// The largest count of one level: a wider one makes hwloc take seconds, and no machine has it.
const MAX_COUNT: usize = 1_024;

/// Why a text is no synthetic description, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SyntheticError {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Longer than any description needs to be.
    #[error("it has {0} bytes; at most {MAX_BYTES} are read")]
    TooLong(usize),
    /// A control character, or one beyond ASCII.
    #[error("only printable ASCII is allowed, at byte {0}")]
    BadCharacter(usize),
    /// A `(` or `[` without its other half.
    #[error("`(` and `[` have to be closed, at byte {0}")]
    Unbalanced(usize),
    /// A level without a decimal count in bounds.
    #[error("a level is `type:count` with a count from 1 to {MAX_COUNT}, at byte {0}")]
    BadCount(usize),
    /// An index in `indexes=` beyond [`MAX_OS_INDEX`]; hwloc would not survive it.
    #[error("an index is at most {MAX_OS_INDEX}, at byte {0}")]
    IndexTooLarge(usize),
    /// The counts multiply to more than [`MAX_PUS`].
    #[error("the counts multiply to more than {MAX_PUS} PUs, at byte {0}")]
    TooLarge(usize),
}

/// Whether the description is of bounded size.
pub(crate) fn vet(description: &str) -> Result<(), SyntheticError> {
    if description.len() > MAX_BYTES {
        return Err(SyntheticError::TooLong(description.len()));
    }
    if let Some(at) = description.bytes().position(|b| !(b' '..=b'~').contains(&b)) {
        return Err(SyntheticError::BadCharacter(at));
    }
    check_indices(description)?;
    let levels = without_attributes(description)?;
    let mut product = 1_usize;
    let mut empty = true;
    for (at, level) in tokens(&levels) {
        let count = count_of(level).ok_or(SyntheticError::BadCount(at))?;
        product =
            product.checked_mul(count).filter(|&product| product <= MAX_PUS).ok_or(SyntheticError::TooLarge(at))?;
        empty = false;
    }
    if empty {
        return Err(SyntheticError::Empty);
    }
    Ok(())
}

/// Every number behind `indexes=`, up to the end of that attribute, is an index or smaller than one.
fn check_indices(description: &str) -> Result<(), SyntheticError> {
    for (at, key) in description.match_indices("indexes=") {
        let from = at + key.len();
        let list = description[from..].split([' ', ')', ']']).next().unwrap_or("");
        let fits = |number: &str| match number.strip_prefix('0') {
            // hwloc would read octal and hexadecimal.
            Some(rest) => rest.is_empty(),
            None => number.parse().is_ok_and(|index: u32| index <= MAX_OS_INDEX),
        };
        let is_number = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit());
        if !list.split([',', '*', ':']).filter(is_number).all(fits) {
            return Err(SyntheticError::IndexTooLarge(from));
        }
    }
    Ok(())
}

/// The description with everything in brackets turned into spaces, so that positions stay.
fn without_attributes(description: &str) -> Result<String, SyntheticError> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut levels = String::with_capacity(description.len());
    for (at, c) in description.char_indices() {
        match c {
            '(' | '[' => open.push((at, if c == '(' { ')' } else { ']' })),
            ')' | ']' => {
                let opened = open.pop().map(|(_, closer)| closer);
                if opened != Some(c) {
                    return Err(SyntheticError::Unbalanced(at));
                }
            }
            _ if open.is_empty() => {
                levels.push(c);
                continue;
            }
            _ => {}
        }
        levels.push(' ');
    }
    match open.first() {
        Some(&(at, _)) => Err(SyntheticError::Unbalanced(at)),
        None => Ok(levels),
    }
}

fn tokens(levels: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = levels.as_ptr().addr();
    levels.split_ascii_whitespace().map(move |token| (token.as_ptr().addr() - start, token))
}

fn count_of(level: &str) -> Option<usize> {
    let count = level.rsplit_once(':').map_or(level, |(_, count)| count);
    let decimal = count.bytes().all(|b| b.is_ascii_digit()) && !count.starts_with('0');
    let count = if decimal { count.parse().ok() } else { None };
    count.filter(|&count| count <= MAX_COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_what_hwloc_understands() {
        for description in [
            "package:2 numa:2 l3:2 core:4 pu:2",
            "package:4 [numa(memory=64GB)] l3:8 core:8 pu:2",
            "2 4 2",
            "(memory=1GB) pu:3",
            "pack:1 [numa(memory=1GB indexes=3)] [numa] core:2 pu:2(indexes=0,2,1,3)",
        ] {
            assert_eq!(vet(description), Ok(()), "{description}");
        }
    }

    #[test]
    fn names_where_a_description_is_wrong() {
        assert_eq!(vet("  "), Err(SyntheticError::Empty));
        assert_eq!(vet("pu:2\n"), Err(SyntheticError::BadCharacter(4)));
        assert_eq!(vet("core:2 (pu:2"), Err(SyntheticError::Unbalanced(7)));
        assert_eq!(vet("core:2 [pu:2)"), Err(SyntheticError::Unbalanced(12)));
        assert_eq!(vet("core:2 pu"), Err(SyntheticError::BadCount(7)));
        assert_eq!(vet("core:0 pu:1"), Err(SyntheticError::BadCount(0)));
        assert_eq!(vet("core:-1 pu:1"), Err(SyntheticError::BadCount(0)));
        assert_eq!(vet("core: pu:1"), Err(SyntheticError::BadCount(0)));
        assert_eq!(vet("core:0x10 pu:1"), Err(SyntheticError::BadCount(0)));
        assert_eq!(vet("core:90 pu:92"), Err(SyntheticError::TooLarge(8)));
        assert_eq!(vet("core:9999999999999 pu:9999999999999"), Err(SyntheticError::BadCount(0)));
        assert_eq!(vet("pu:2(indexes=4294967295,0)"), Err(SyntheticError::IndexTooLarge(13)));
        assert_eq!(vet("pu:2(indexes=0,0xffffffff)"), Err(SyntheticError::IndexTooLarge(13)));
        assert_eq!(vet(&"1 ".repeat(600)), Err(SyntheticError::TooLong(1_200)));
    }
}
