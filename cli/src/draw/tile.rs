//! The cores under one L3 as a framed tile; all tiles of a picture are equally wide, so that they align.
//!
//! ```text
//! ╭─ L3 3 · 16 MiB ────────╮      ╭─ L3 0 ─────────╮
//! │ ·· ·· ·· ·· AA AA ░░ ░░ │     │ 0· 4·  1A 5A   │
//! ╰─ 24-31,120-127 ─────────╯     ╰────────────────╯
//! ```
//!
//! A core is its PUs side by side. On small machines every PU carries its index; on large ones it is a
//! single character, and the indices stand in the lower frame.

use meros_numa::CpuSet;

use super::ink::{Ink, Line};
use super::legend::Legend;
use super::map::{L3Map, MachineMap, PuCell};
use super::text::{columns, cut, memory, printable};

/// Up to this many PUs each carries its index.
const MAX_NUMBERED_PUS: usize = 64;

/// A tile grows up to this width inside to show its indices whole.
const INDICES: usize = 14;

/// Columns that a tile's frame takes.
pub(super) const FRAME: usize = 4;

/// The measures that all tiles of a picture share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measures {
    /// Digits of an index; 0 where PUs carry none.
    digits: usize,
    /// Columns inside the frame.
    inner: usize,
}

impl Measures {
    /// The narrowest tiles that show every L3 in as few rows as `room` columns allow.
    pub(super) fn of(map: &MachineMap, room: usize) -> Self {
        let largest = map.pus().map(|pu| pu.os_index).max().unwrap_or(0);
        let numbered = map.pus().count() <= MAX_NUMBERED_PUS;
        let digits = if numbered { largest.to_string().len() } else { 0 };
        let widest = Self { digits, inner: room.saturating_sub(FRAME) };
        let needed = map.l3_domains().map(|l3| widest.layout(l3).columns(widest)).max();
        let titles = map.l3_domains().map(|l3| columns(&titles(l3)[2]) + 1).max();
        let indices = map.l3_domains().map(|l3| cpulist(l3).len() + 1);
        let indices = indices.max().filter(|_| !numbered).map(|wanted| wanted.min(INDICES));
        Self { digits, inner: needed.max(titles).max(indices).unwrap_or(0).min(widest.inner) }
    }

    /// Columns of a tile, frame included.
    pub(super) const fn tile(self) -> usize {
        self.inner + FRAME
    }

    /// Columns between cores: wider where PUs of one core already have a space between them.
    const fn gap(self) -> usize {
        if self.digits > 0 { 2 } else { 1 }
    }

    /// Columns of so many PUs of one core.
    const fn core(self, pus: usize) -> usize {
        if self.digits > 0 { (pus * (self.digits + 2)).saturating_sub(1) } else { pus }
    }

    /// How many PUs of one core fit on a line.
    fn most_pus(self) -> usize {
        let fitting = if self.digits > 0 { (self.inner + 1) / (self.digits + 2) } else { self.inner };
        fitting.max(1)
    }

    /// The cores in rows of equal length, as few as possible. A core too wide for a line is continued.
    fn layout(self, l3: &L3Map) -> Layout<'_> {
        let cores: Vec<&[PuCell]> = l3.cores.iter().flat_map(|core| core.pus.chunks(self.most_pus())).collect();
        let core = cores.iter().map(|pus| self.core(pus.len())).max().unwrap_or(0);
        let fitting = ((self.inner + self.gap()) / (core + self.gap())).max(1);
        let rows = cores.len().div_ceil(fitting).max(1);
        Layout { per_row: cores.len().div_ceil(rows).max(1), core, cores }
    }
}

/// How the cores of one L3 lie in their tile.
struct Layout<'map> {
    cores: Vec<&'map [PuCell]>,
    core: usize,
    per_row: usize,
}

impl Layout<'_> {
    const fn columns(&self, measures: Measures) -> usize {
        (self.per_row * (self.core + measures.gap())).saturating_sub(measures.gap())
    }
}

/// The tile, every line [`Measures::tile`] columns wide.
pub(super) fn tile(l3: &L3Map, measures: Measures, legend: &Legend) -> Vec<Line> {
    let layout = measures.layout(l3);
    let room = measures.inner.saturating_sub(1);
    let title = titles(l3).into_iter().find(|title| columns(title) <= room);
    let title = title.unwrap_or_else(|| cut(&titles(l3)[2], room).into_owned());
    let mut lines = vec![edge('╭', '╮', &title, Ink::Plain, measures)];
    for row in layout.cores.chunks(layout.per_row) {
        let mut line = Line::of("│ ", Ink::Faint);
        for (at, pus) in row.iter().enumerate() {
            line.fill(2 + at * (layout.core + measures.gap()), ' ', Ink::Plain);
            line.append(core(pus, measures, legend));
        }
        line.fill(measures.inner + 2, ' ', Ink::Plain);
        line.push(" │", Ink::Faint);
        lines.push(line);
    }
    let indices = if measures.digits > 0 { String::new() } else { whole_items(cpulist(l3), room) };
    lines.push(edge('╰', '╯', &indices, Ink::Faint, measures));
    lines
}

/// What the upper frame may say, the longest first; the last is the least it has to.
fn titles(l3: &L3Map) -> [String; 3] {
    let name = l3.index.map_or_else(|| "no L3".to_owned(), |index| format!("L3 {index}"));
    let kind = l3.kind.as_deref().map(|kind| format!(" · {}", printable(kind)));
    let kind = kind.unwrap_or_default();
    let size = if l3.size_bytes > 0 { format!(" · {}", memory(l3.size_bytes)) } else { String::new() };
    [format!("{name}{size}{kind}"), format!("{name}{kind}"), name]
}

fn cpulist(l3: &L3Map) -> String {
    let indices = l3.cores.iter().flat_map(|core| &core.pus).map(|pu| pu.os_index);
    CpuSet::from_indices(indices).map_or_else(|_| String::new(), |set| set.to_string())
}

/// The list, or as many of its items as fit: half an index would be another index.
fn whole_items(list: String, room: usize) -> String {
    if list.len() <= room {
        return list;
    }
    let fitting = list.match_indices(',').map(|(at, _)| at + 1);
    let end = fitting.take_while(|end| *end < room).last();
    format!("{}…", &list[..end.unwrap_or(0)])
}

fn edge(left: char, right: char, title: &str, ink: Ink, measures: Measures) -> Line {
    let mut line = Line::of(left, Ink::Faint);
    if !title.is_empty() {
        line.push("─ ", Ink::Faint);
        line.push(title, ink);
        line.push(" ", Ink::Faint);
    }
    line.fill(measures.tile() - 1, '─', Ink::Faint);
    line.push(right, Ink::Faint);
    line
}

fn core(pus: &[PuCell], measures: Measures, legend: &Legend) -> Line {
    let mut line = Line::default();
    for (at, pu) in pus.iter().enumerate() {
        let (mark, ink) = legend.mark(&pu.state);
        if measures.digits == 0 {
            line.push(mark, ink);
            continue;
        }
        if at > 0 {
            line.push(" ", Ink::Plain);
        }
        line.push(format!("{:>1$}{mark}", pu.os_index, measures.digits), ink);
    }
    line
}
