//! Exact pictures of a few machines, and what holds for the picture of any.

use meros_numa::Topology;
use proptest::prelude::*;

use super::*;
use crate::draw::map::{CoreMap, L3Map};

fn plain(map: &MachineMap, width: usize) -> String {
    draw_machine(map, Style { colour: false, width })
}

fn synthetic(description: &str) -> MachineMap {
    MachineMap::from_topology(&Topology::from_synthetic(description).unwrap())
}

fn own(map: &mut MachineMap, pus: std::ops::Range<u32>, state: &PuState) {
    for pu in map.pus_mut().filter(|pu| pus.contains(&pu.os_index)) {
        pu.state = state.clone();
    }
}

fn assert_drawn(map: &MachineMap, width: usize, expected: &[&str]) {
    let drawn = plain(map, width);
    let lines: Vec<&str> = drawn.lines().collect();
    assert!(lines == expected, "drawn:\n{drawn}\nexpected:\n{}", expected.join("\n"));
}

#[test]
fn a_small_machine_numbers_its_pus() {
    let mut map = synthetic("package:1 [numa(memory=8GiB)] l3:1(size=32MiB) core:4 pu:2");
    own(&mut map, 0..2, &PuState::Exclusive("web.1".into()));
    own(&mut map, 2..4, &PuState::Pool);
    own(&mut map, 7..8, &PuState::Disallowed);
    for (_, memory) in map.memories_mut() {
        memory.used_bytes = memory.total_bytes / 4;
    }
    assert_drawn(
        &map,
        60,
        &[
            "1 package  1 NUMA node  1 L3  4 cores  8 PUs  8 GiB",
            "╭─ package 0 ──────────────────────────── 4 cores · 8 PUs ─╮",
            "│ n0 ━━━━╌╌╌╌╌╌╌╌╌╌╌╌ 2 of 8 GiB                           │",
            "│ ╭─ L3 0 · 32 MiB ────────────╮                           │",
            "│ │ 0A 1A  2░ 3░  4· 5·  6· 7× │                           │",
            "│ ╰────────────────────────────╯                           │",
            "╰──────────────────────────────────────────────────────────╯",
            "· free 3   A web.1 2   ░ shared pool 2   × not allowed 1",
        ],
    );
}

#[test]
fn a_large_machine_lists_its_indices_below() {
    let mut map = synthetic("package:2 l3:4(size=16MiB) core:8 pu:2");
    own(&mut map, 16..24, &PuState::Exclusive("spark".into()));
    own(&mut map, 64..80, &PuState::Pool);
    assert_drawn(
        &map,
        64,
        &[
            "2 packages  1 NUMA node  8 L3  64 cores  128 PUs  1 GiB",
            "╭─ package 0 ────────────────────────────── 32 cores · 64 PUs ─╮",
            "│ n0 1 GiB                                                     │",
            "│ ╭─ L3 0 · 16 MiB ─────────╮ ╭─ L3 1 · 16 MiB ─────────╮      │",
            "│ │ ·· ·· ·· ·· ·· ·· ·· ·· │ │ AA AA AA AA ·· ·· ·· ·· │      │",
            "│ ╰─ 0-15 ──────────────────╯ ╰─ 16-31 ─────────────────╯      │",
            "│ ╭─ L3 2 · 16 MiB ─────────╮ ╭─ L3 3 · 16 MiB ─────────╮      │",
            "│ │ ·· ·· ·· ·· ·· ·· ·· ·· │ │ ·· ·· ·· ·· ·· ·· ·· ·· │      │",
            "│ ╰─ 32-47 ─────────────────╯ ╰─ 48-63 ─────────────────╯      │",
            "╰──────────────────────────────────────────────────────────────╯",
            "╭─ package 1 ────────────────────────────── 32 cores · 64 PUs ─╮",
            "│ n0                                                           │",
            "│ ╭─ L3 4 · 16 MiB ─────────╮ ╭─ L3 5 · 16 MiB ─────────╮      │",
            "│ │ ░░ ░░ ░░ ░░ ░░ ░░ ░░ ░░ │ │ ·· ·· ·· ·· ·· ·· ·· ·· │      │",
            "│ ╰─ 64-79 ─────────────────╯ ╰─ 80-95 ─────────────────╯      │",
            "│ ╭─ L3 6 · 16 MiB ─────────╮ ╭─ L3 7 · 16 MiB ─────────╮      │",
            "│ │ ·· ·· ·· ·· ·· ·· ·· ·· │ │ ·· ·· ·· ·· ·· ·· ·· ·· │      │",
            "│ ╰─ 96-111 ────────────────╯ ╰─ 112-127 ───────────────╯      │",
            "╰──────────────────────────────────────────────────────────────╯",
            "· free 104   A spark 8   ░ shared pool 16",
        ],
    );
}

#[test]
fn small_packages_stand_side_by_side() {
    assert_drawn(
        &synthetic("package:2 [numa(memory=4GiB)] core:2 pu:1"),
        82,
        &[
            "2 packages  2 NUMA nodes  4 cores  4 PUs  8 GiB",
            "╭─ package 0 ──────── 2 cores · 2 PUs ─╮ ╭─ package 1 ──────── 2 cores · 2 PUs ─╮",
            "│ n0 4 GiB                             │ │ n1 4 GiB                             │",
            "│ ╭─ no L3 ╮                           │ │ ╭─ no L3 ╮                           │",
            "│ │ 0·  1· │                           │ │ │ 2·  3· │                           │",
            "│ ╰────────╯                           │ │ ╰────────╯                           │",
            "╰──────────────────────────────────────╯ ╰──────────────────────────────────────╯",
            "· free 4",
        ],
    );
}

#[test]
fn what_belongs_to_no_package_stands_below() {
    let mut map = synthetic("package:1 [numa(memory=8GiB)] core:1 pu:1");
    let mark = |kind: &str, name: &str| DeviceMark { kind: kind.into(), name: name.into() };
    let hbm = MemoryMap { used_bytes: 0, total_bytes: 16 << 30 };
    map.name = Some("rack 7".into());
    map.memory_only.push((9, "HBM".into(), hbm));
    map.devices = vec![mark("block", "sda"), mark("nic", "ib0")];
    map.packages[0].numa_nodes[0].devices = vec![mark("gpu", "card0"), mark("gpu", "card1")];
    map.packages
        .push(PackageMap { numa_nodes: vec![numa_node_of(&[&[3]], PuState::Offline)], ..PackageMap::default() });
    assert_drawn(
        &map,
        48,
        &[
            "rack 7  1 package  2 NUMA nodes  1 core  1 PU",
            "24 GiB",
            "╭─ package 0 ────────────────── 1 core · 1 PU ─╮",
            "│ n0 8 GiB   gpu card0 card1                   │",
            "│ ╭─ no L3 ╮                                   │",
            "│ │ 0·     │                                   │",
            "│ ╰────────╯                                   │",
            "╰──────────────────────────────────────────────╯",
            "╭─ offline ──────────────────── 1 core · 1 PU ─╮",
            "│ in no NUMA node                              │",
            "│ ╭─ no L3 ╮                                   │",
            "│ │ 3-     │                                   │",
            "│ ╰────────╯                                   │",
            "╰──────────────────────────────────────────────╯",
            "n9 HBM 16 GiB",
            "block sda   nic ib0",
            "· free 1   - offline 1",
        ],
    );
}

#[test]
fn colours_change_no_character() {
    let mut map = synthetic("package:2 l3:4 core:8 pu:2");
    own(&mut map, 0..9, &PuState::Exclusive("a".into()));
    own(&mut map, 9..20, &PuState::Pool);
    let coloured = draw_machine(&map, Style { colour: true, width: 80 });
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(without_colours(&coloured), plain(&map, 80));
}

#[test]
fn a_machine_of_nothing_is_drawn_too() {
    assert_eq!(plain(&MachineMap::default(), 0), "\n· free 0\n".trim_start());
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').unwrap().1)
}

fn numa_node_of(cores: &[&[u32]], state: PuState) -> NumaNodeMap {
    let cell = |&os_index: &u32| PuCell { os_index, state: state.clone() };
    let core = |pus: &&[u32]| CoreMap { pus: pus.iter().map(cell).collect() };
    let l3 = L3Map { cores: cores.iter().map(core).collect(), ..L3Map::default() };
    NumaNodeMap { l3_domains: vec![l3], ..NumaNodeMap::default() }
}

fn state() -> impl Strategy<Value = PuState> {
    prop_oneof![
        Just(PuState::Free),
        Just(PuState::Pool),
        Just(PuState::Disallowed),
        Just(PuState::Offline),
        "\\PC{0,40}|[a-z]{1,3}".prop_map(PuState::Exclusive),
    ]
}

fn l3_map() -> impl Strategy<Value = L3Map> {
    let pu = state().prop_map(|state| PuCell { os_index: 0, state });
    let core = prop::collection::vec(pu, 1..10).prop_map(|pus| CoreMap { pus });
    let parts = (
        prop::option::of(0_u32..2_000),
        any::<u64>(),
        prop::option::of("\\PC{0,30}"),
        prop::collection::vec(core, 0..9),
    );
    parts.prop_map(|(index, size_bytes, kind, cores)| L3Map { index, size_bytes, kind, cores })
}

fn memory_map() -> impl Strategy<Value = MemoryMap> {
    (any::<u64>(), any::<u64>()).prop_map(|(used_bytes, total_bytes)| MemoryMap { used_bytes, total_bytes })
}

fn device() -> impl Strategy<Value = DeviceMark> {
    ("\\PC{0,12}", ".{0,60}").prop_map(|(kind, name)| DeviceMark { kind, name })
}

fn numa_node_map() -> impl Strategy<Value = NumaNodeMap> {
    let parts = (
        prop::option::of(0_u32..65_536),
        prop::option::of(memory_map()),
        prop::collection::vec(l3_map(), 0..5),
        prop::collection::vec(device(), 0..7),
    );
    parts.prop_map(|(os_index, memory, l3_domains, devices)| NumaNodeMap { os_index, memory, l3_domains, devices })
}

/// Any machine, its PUs numbered from 10,000 so that their numbers are nowhere else in the picture.
fn machine_map() -> impl Strategy<Value = MachineMap> {
    let package =
        (prop::option::of(0_u32..200), prop::option::of(".{0,80}"), prop::collection::vec(numa_node_map(), 0..4));
    let package = package.prop_map(|(index, processor, numa_nodes)| PackageMap { index, processor, numa_nodes });
    let parts = (
        prop::option::of(".{0,80}"),
        prop::collection::vec(package, 0..4),
        prop::collection::vec((0_u32..65_536, ".{0,30}", memory_map()), 0..3),
        prop::collection::vec(device(), 0..7),
    );
    parts.prop_map(|(name, packages, memory_only, devices)| {
        let mut map = MachineMap { name, packages, memory_only, devices };
        for (os_index, pu) in (10_000..).zip(map.pus_mut()) {
            pu.os_index = os_index;
        }
        map
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_line_is_too_long(map in machine_map(), width in 0_usize..200) {
        let drawn = plain(&map, width);
        for line in drawn.lines() {
            prop_assert!(columns(line) <= width.max(MIN_WIDTH), "{line}");
        }
        prop_assert!(!drawn.contains(|c: char| c.is_control() && c != '\n'));
    }

    #[test]
    fn every_numbered_pu_is_drawn_once(
        // Up to 64 PUs: of more, none is numbered.
        description in "(package:[12] )?(numa:[12] )?(l3:[12] )?core:[12] pu:[124]",
        width in 40_usize..160,
    ) {
        let mut map = synthetic(&description);
        for pu in map.pus_mut() {
            pu.os_index += 10_000;
        }
        let drawn = plain(&map, width);
        for pu in map.pus() {
            let cell = format!("{}·", pu.os_index);
            prop_assert_eq!(drawn.matches(&cell).count(), 1, "{}\n{}", cell, drawn);
        }
    }

    #[test]
    fn every_unnumbered_pu_is_drawn_once(
        states in prop::collection::vec(prop_oneof![Just(PuState::Pool), Just(PuState::Disallowed)], 256),
        width in 40_usize..200,
    ) {
        let mut map = synthetic("package:2 numa:2 l3:2 core:8 pu:4");
        for (pu, state) in map.pus_mut().zip(&states) {
            pu.state = state.clone();
        }
        let drawn = plain(&map, width);
        for (mark, state) in [('░', PuState::Pool), ('×', PuState::Disallowed)] {
            let pus = states.iter().filter(|&each| *each == state).count();
            // One more in the legend.
            prop_assert_eq!(drawn.matches(mark).count(), pus + usize::from(pus > 0));
        }
    }
}
