//! How many terminal columns a text takes, and texts made safe to print.
//!
//! Widths follow the blocks of Unicode that terminals draw in two columns; marks that combine with the
//! letter before them take none.

use std::borrow::Cow;

/// Blocks drawn in two columns, ascending: Hangul, CJK, full-width forms, emoji.
const WIDE: [(u32, u32); 9] = [
    (0x1100, 0x115f),
    (0x2e80, 0xa4cf),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0xffe0, 0xffe6),
    (0x1f300, 0x1faff),
    (0x20000, 0x3fffd),
];

/// Combining marks, joiners, variation selectors, direction marks.
const ZERO_WIDTH: [(u32, u32); 5] =
    [(0x0300, 0x036f), (0x200b, 0x200f), (0x202a, 0x202e), (0x2060, 0x206f), (0xfe00, 0xfe0f)];

/// Columns of one character.
fn char_columns(c: char) -> usize {
    let within = |blocks: &[(u32, u32)]| blocks.iter().any(|&(first, last)| (first..=last).contains(&u32::from(c)));
    if c.is_ascii() {
        1
    } else if within(&ZERO_WIDTH) {
        0
    } else {
        1 + usize::from(within(&WIDE))
    }
}

/// Columns of a text without control characters.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// The text without what a terminal would obey (control characters, changes of direction); names come
/// from other people.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(obeyed) { Cow::Owned(text.chars().filter(|&c| !obeyed(c)).collect()) } else { Cow::Borrowed(text) }
}

/// The text in at most so many columns, the cut marked by `…`.
pub(super) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if columns(text) <= limit {
        return Cow::Borrowed(text);
    }
    let mut room = limit.saturating_sub(1);
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let Some(left) = room.checked_sub(char_columns(c)) else {
            break;
        };
        room = left;
        end = at + c.len_utf8();
    }
    let mark = if limit == 0 { "" } else { "…" };
    Cow::Owned(format!("{}{mark}", &text[..end]))
}

/// An amount of memory for people: three digits or fewer before the unit, one behind the point.
pub(super) fn memory(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scale = 0;
    let mut unit = 1_u64;
    while scale + 1 < UNITS.len() && bytes / unit >= 1_024 {
        unit <<= 10;
        scale += 1;
    }
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if tenth == 0 || whole >= 100 {
        format!("{whole} {}", UNITS[scale])
    } else {
        format!("{whole}.{tenth} {}", UNITS[scale])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_wide() {
        assert_eq!(columns("core"), 4);
        assert_eq!(columns("╭─░·"), 4);
        assert_eq!(columns("日本"), 4);
        assert_eq!(columns("e\u{301}"), 1);
        assert_eq!(columns("🚀"), 2);
    }

    #[test]
    fn cuts_at_columns() {
        assert_eq!(cut("services", 8), "services");
        assert_eq!(cut("services", 7), "servic…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("ab", 1), "…");
        assert_eq!(cut("ab", 0), "");
    }

    #[test]
    fn takes_out_what_a_terminal_obeys() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a[2Jb");
        assert_eq!(printable("a\u{202e}b"), "ab");
    }

    #[test]
    fn writes_memory_for_people() {
        assert_eq!(memory(0), "0 B");
        assert_eq!(memory(1_023), "1023 B");
        assert_eq!(memory(8 << 20), "8 MiB");
        assert_eq!(memory(33_269_227_520), "30.9 GiB");
        assert_eq!(memory(134 << 30 | 1 << 29), "134 GiB");
        assert_eq!(memory(u64::MAX), "16383 PiB");
    }
}
