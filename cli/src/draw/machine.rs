//! The whole picture: a heading, a frame per package, inside it the NUMA nodes with their tiles, and the
//! legend.
//!
//! NUMA nodes narrower than half a package stand side by side, and so do small packages.

use std::collections::BTreeSet;

use super::ink::{Ink, Line, beside, flow, render};
use super::legend::Legend;
use super::map::{DeviceMark, MachineMap, MemoryMap, NumaNodeMap, PackageMap, PuCell, PuState};
use super::text::{columns, cut, memory, printable};
use super::tile::{FRAME, Measures, tile};
use super::{MIN_WIDTH, Style};

/// Columns that the heading of a NUMA node likes to have.
const NUMA_NODE_HEADING: usize = 36;

/// Columns between NUMA nodes side by side.
const NUMA_NODE_GAP: usize = 3;

/// Columns of a memory bar.
const BAR: usize = 16;

/// How many devices of one kind are named; the others are counted.
const NAMED_DEVICES: usize = 4;

/// What all parts of the picture need.
struct Canvas {
    legend: Legend,
    measures: Measures,
    /// Columns inside a package's frame.
    room: usize,
    /// Whether anything is used: an empty bar on every NUMA node says nothing.
    bars: bool,
}

/// The machine as text, each line at most as wide as the style says.
pub(crate) fn draw_machine(map: &MachineMap, style: Style) -> String {
    let width = style.width.clamp(MIN_WIDTH, 1_000);
    let canvas = Canvas::new(map, width);
    let mut lines = heading(map, width);
    lines.extend(packages(map, &canvas, width));
    lines.extend(outside(map, width));
    lines.extend(canvas.legend.lines(width));
    render(&lines, style.colour)
}

impl Canvas {
    fn new(map: &MachineMap, width: usize) -> Self {
        let room = width - FRAME;
        let measures = Measures::of(map, room);
        let used = |memory: &MemoryMap| memory.used_bytes > 0;
        Self {
            legend: Legend::of(map),
            measures,
            room: package_room(map, measures, width),
            bars: map.numa_nodes().any(|n| n.memory.as_ref().is_some_and(used))
                || map.memory_only.iter().any(|(_, _, memory)| used(memory)),
        }
    }

    /// Columns of a NUMA node, and how many stand side by side.
    fn numa_node_columns(&self, package: &PackageMap) -> (usize, usize) {
        let most = package.numa_nodes.iter().map(|n| n.l3_domains.len()).max().unwrap_or(0);
        let wanted = row_of_tiles(most, self.measures).max(NUMA_NODE_HEADING);
        let fitting = (self.room + NUMA_NODE_GAP) / (wanted + NUMA_NODE_GAP);
        let abreast = fitting.clamp(1, package.numa_nodes.len().max(1));
        let columns = (self.room + NUMA_NODE_GAP) / abreast - NUMA_NODE_GAP;
        (columns, abreast)
    }
}

/// Columns of so many tiles in a row.
const fn row_of_tiles(tiles: usize, measures: Measures) -> usize {
    (tiles * (measures.tile() + 1)).saturating_sub(1)
}

/// Several packages share the width if each has one NUMA node with one short row of tiles.
fn package_room(map: &MachineMap, measures: Measures, width: usize) -> usize {
    let tiles = map.numa_nodes().map(|n| n.l3_domains.len()).max().unwrap_or(0);
    let wanted = row_of_tiles(tiles, measures).max(NUMA_NODE_HEADING) + FRAME;
    let single = map.packages.iter().all(|package| package.numa_nodes.len() == 1);
    let abreast = if single { (width + 1) / (wanted + 1) } else { 1 };
    let abreast = abreast.clamp(1, map.packages.len().max(1));
    (width + 1) / abreast - 1 - FRAME
}

/// The machine's name and what it has.
fn heading(map: &MachineMap, width: usize) -> Vec<Line> {
    let packages = map.packages.iter().filter(|package| package.index.is_some()).count();
    let numa_nodes: BTreeSet<u32> = map.numa_nodes().filter_map(|n| n.os_index).collect();
    let l3_domains: BTreeSet<u32> = map.l3_domains().filter_map(|l3| l3.index).collect();
    let memories = map.numa_nodes().filter_map(|n| n.memory);
    let memories = memories.chain(map.memory_only.iter().map(|(_, _, memory)| *memory));
    let total_bytes = memories.fold(0_u64, |sum, memory| sum.saturating_add(memory.total_bytes));

    let mut pieces = Vec::new();
    if let Some(name) = &map.name {
        pieces.push(Line::of(cut(&printable(name), width), Ink::Bold));
    }
    let counts = [
        (packages, "package", "packages"),
        (numa_nodes.len() + map.memory_only.len(), "NUMA node", "NUMA nodes"),
        (l3_domains.len(), "L3", "L3"),
        (map.cores().filter(|core| core.pus.iter().any(online)).count(), "core", "cores"),
        (map.pus().filter(|pu| online(pu)).count(), "PU", "PUs"),
    ];
    for (count, one, many) in counts {
        if count > 0 {
            pieces.push(Line::of(plural(count, one, many), Ink::Plain));
        }
    }
    if total_bytes > 0 {
        pieces.push(Line::of(memory(total_bytes), Ink::Plain));
    }
    flow(pieces, width, 2)
}

fn online(pu: &PuCell) -> bool {
    pu.state != PuState::Offline
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn packages(map: &MachineMap, canvas: &Canvas, width: usize) -> Vec<Line> {
    let abreast = ((width + 1) / (canvas.room + FRAME + 1)).max(1);
    let frames: Vec<Vec<Line>> = map.packages.iter().map(|p| package(p, canvas)).collect();
    frames.chunks(abreast).flat_map(|row| beside(level(row))).collect()
}

/// Frames of one row, made equally high by blank lines above their lower edge.
fn level(row: &[Vec<Line>]) -> Vec<Vec<Line>> {
    let height = row.iter().map(Vec::len).max().unwrap_or(0);
    let mut frames = row.to_vec();
    for frame in &mut frames {
        let last = frame.len().saturating_sub(1);
        let width = frame.first().map_or(0, Line::columns);
        frame.splice(last..last, (last + 1..height).map(|_| framed(Line::default(), width)));
    }
    frames
}

fn package(package: &PackageMap, canvas: &Canvas) -> Vec<Line> {
    let width = canvas.room + FRAME;
    let (columns, abreast) = canvas.numa_node_columns(package);
    let mut lines = vec![package_title(package, width)];
    for row in package.numa_nodes.chunks(abreast) {
        // Headings first, so that the tiles of neighbours begin on one line.
        let headings = row.iter().map(|n| numa_node_heading(n, canvas, columns));
        let tiles = row.iter().map(|n| numa_node_tiles(n, canvas, columns));
        let block = beside(headings.collect()).into_iter().chain(beside(tiles.collect()));
        lines.extend(block.map(|line| framed(line, width)));
    }
    let mut bottom = Line::of("╰", Ink::Faint);
    bottom.fill(width - 1, '─', Ink::Faint);
    bottom.push("╯", Ink::Faint);
    lines.push(bottom);
    lines
}

fn framed(line: Line, width: usize) -> Line {
    let mut framed = Line::of("│ ", Ink::Faint);
    framed.append(line);
    framed.fill(width - 2, ' ', Ink::Plain);
    framed.push(" │", Ink::Faint);
    framed
}

/// `╭─ package 0 · AMD EPYC 9654 ──── 96 cores · 192 PUs ─╮`
fn package_title(package: &PackageMap, width: usize) -> Line {
    let l3_domains = package.numa_nodes.iter().flat_map(|n| &n.l3_domains);
    let cores: Vec<_> = l3_domains.flat_map(|l3| &l3.cores).collect();
    let pus = cores.iter().map(|core| core.pus.len()).sum();
    let size = format!("{} · {}", plural(cores.len(), "core", "cores"), plural(pus, "PU", "PUs"));
    let name = match package.index {
        Some(index) => format!("package {index}"),
        None if !cores.iter().flat_map(|core| &core.pus).any(online) => "offline".to_owned(),
        None => "in no package".to_owned(),
    };
    let processor = package.processor.as_deref().map(printable).unwrap_or_default();
    // Two frame characters and a space on each side, and one stretch of frame between the texts.
    let room = width.saturating_sub(columns(&name) + columns(&size) + 9 + 3);

    let mut line = Line::of("╭─ ", Ink::Faint);
    line.push(name, Ink::Bold);
    if !processor.is_empty() && room > 3 {
        line.push(" · ", Ink::Faint);
        line.push(cut(&processor, room), Ink::Plain);
    }
    line.push(" ", Ink::Plain);
    line.fill(width - columns(&size) - 4, '─', Ink::Faint);
    line.push(" ", Ink::Plain);
    line.push(size, Ink::Faint);
    line.push(" ─╮", Ink::Faint);
    line
}

fn numa_node_heading(numa_node: &NumaNodeMap, canvas: &Canvas, columns: usize) -> Vec<Line> {
    let mut pieces = vec![numa_node_title(numa_node, canvas.bars, columns)];
    pieces.extend(devices(&numa_node.devices, columns));
    widen(flow(pieces, columns, 3), columns)
}

fn numa_node_tiles(numa_node: &NumaNodeMap, canvas: &Canvas, columns: usize) -> Vec<Line> {
    let abreast = ((columns + 1) / (canvas.measures.tile() + 1)).max(1);
    let mut lines = Vec::new();
    for row in numa_node.l3_domains.chunks(abreast) {
        let tiles = row.iter().map(|l3| tile(l3, canvas.measures, &canvas.legend));
        lines.extend(beside(level(&tiles.collect::<Vec<_>>())));
    }
    widen(lines, columns)
}

/// The first line widened with the gap to the next NUMA node, which makes the block that wide.
fn widen(mut lines: Vec<Line>, columns: usize) -> Vec<Line> {
    if let Some(first) = lines.first_mut() {
        first.fill(columns, ' ', Ink::Plain);
    }
    lines
}

fn numa_node_title(numa_node: &NumaNodeMap, bars: bool, columns: usize) -> Line {
    let name = match numa_node.os_index {
        Some(os_index) => format!("n{os_index}"),
        None => "in no NUMA node".to_owned(),
    };
    let mut line = Line::of(name, Ink::Bold);
    if let Some(memory) = &numa_node.memory {
        line.push(" ", Ink::Plain);
        let room = columns - line.columns();
        line.append(memory_text(memory, bars, room));
    }
    line
}

/// `31.4 GiB`, or with bars `━━━━╌╌╌╌ 12 GiB of 31.4 GiB`, the bar as long as there is room for.
fn memory_text(amount: &MemoryMap, bars: bool, room: usize) -> Line {
    let total = memory(amount.total_bytes);
    if !bars {
        return Line::of(total, Ink::Plain);
    }
    let used = memory(amount.used_bytes);
    let (_, unit) = total.rsplit_once(' ').unwrap_or_default();
    // The same unit twice is once too often.
    let used = used.strip_suffix(unit).map_or(used.as_str(), str::trim_end);
    let text = format!(" {used} of {total}");
    let bar = room.saturating_sub(columns(&text)).min(BAR);
    let filled = filled(amount, bar);
    let mut line = Line::of("━".repeat(filled), Ink::Used);
    line.push("╌".repeat(bar - filled), Ink::Faint);
    line.push(text, Ink::Plain);
    line
}

/// How much of the bar is used: something as soon as anything is, all only when nothing is left.
fn filled(amount: &MemoryMap, bar: usize) -> usize {
    let total = u128::from(amount.total_bytes.max(1));
    let used = u128::from(amount.used_bytes).min(total);
    let share = usize::try_from(used * bar as u128 / total).unwrap_or(bar);
    share.max(usize::from(used > 0)).min(bar)
}

/// One piece per kind of device: `nic eth0 eth1 ib0 ib1 +3`.
fn devices(marks: &[DeviceMark], width: usize) -> Vec<Line> {
    let mut kinds: Vec<&str> = Vec::new();
    for mark in marks {
        if !kinds.contains(&mark.kind.as_str()) {
            kinds.push(&mark.kind);
        }
    }
    let piece = |kind: &str| {
        let names: Vec<&str> = marks.iter().filter(|m| m.kind == kind).map(|m| m.name.as_str()).collect();
        let shown = names.len().min(NAMED_DEVICES);
        let mut text = names[..shown].join(" ");
        if shown < names.len() {
            text.push_str(&format!(" +{}", names.len() - shown));
        }
        let kind = printable(kind);
        let kind = cut(&kind, 8);
        let mut line = Line::of(kind, Ink::Faint);
        line.push(" ", Ink::Plain);
        let room = width.saturating_sub(line.columns());
        line.push(cut(&printable(&text), room), Ink::Plain);
        line
    };
    kinds.into_iter().map(piece).collect()
}

/// What is in no package: memory without cores, devices near to no single NUMA node.
fn outside(map: &MachineMap, width: usize) -> Vec<Line> {
    let memory_only = map.memory_only.iter().map(|(os_index, what, amount)| {
        let mut line = Line::of(format!("n{os_index}"), Ink::Bold);
        line.push(format!(" {} ", cut(&printable(what), 12)), Ink::Faint);
        let room = width.saturating_sub(line.columns());
        line.append(memory_text(amount, amount.used_bytes > 0, room));
        line
    });
    let mut lines = flow(memory_only.collect(), width, 3);
    lines.extend(flow(devices(&map.devices, width), width, 3));
    lines
}

#[cfg(test)]
mod tests;
