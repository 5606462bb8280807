//! Wishes at random: of what [`with_extras`](super::machines::with_extras) has, a little more, and what no machine has.

use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;

use super::machines::{GPU, HBM, LABELS, NIC, PORTS, TOKENS, with_extras};
use super::{AGENT, holder, table_of};
use crate::{
    DeviceAmount, DeviceId, DeviceLocality, DeviceShare, DeviceWish, HugePages, Limit, NameId, NumaNodeHugePages,
    NumaNodeId, NumaNodeMemory, Pick, PickWish, Picked, PlacedExtras, Placement, ScalarAmount, ScalarWish, Shape, Span,
    SpecialMemoryWish, Wishes,
};

fn pick(numbers: std::ops::Range<u64>, most: u32) -> impl Strategy<Value = Pick> {
    let span = (numbers, 0..4_u64).prop_map(|(first, more)| Span { first, last: first + more });
    prop_oneof![(1..most).prop_map(Pick::Any), span.prop_map(|span| Pick::Exact(vec![span]))]
}

fn picks(name: NameId, numbers: std::ops::Range<u64>, most: u32) -> impl Strategy<Value = Vec<PickWish>> {
    let some = pick(numbers, most).prop_map(move |pick| vec![PickWish { name, pick }]);
    prop_oneof![2 => Just(Vec::new()), 1 => some]
}

fn devices() -> impl Strategy<Value = Vec<DeviceWish>> {
    let kind = prop_oneof![4 => Just(GPU), 2 => Just(NIC), 1 => Just(99_u32)];
    let amount = prop_oneof![
        (1..5_u32).prop_map(DeviceAmount::Whole),
        (1..11_u16).prop_map(|tenths| DeviceAmount::Milli(tenths * 100)),
    ];
    let locality =
        prop_oneof![Just(DeviceLocality::Any), Just(DeviceLocality::Preferred), Just(DeviceLocality::Required)];
    btree_map(kind, (amount, locality), 0..3).prop_map(|wishes| {
        wishes.into_iter().map(|(kind, (amount, locality))| DeviceWish { kind, amount, locality }).collect()
    })
}

/// Wishes that can be meant.
pub(super) fn wishes() -> impl Strategy<Value = Wishes> {
    let huge = prop_oneof![2 => Just((0, 0)), 1 => (0..6_u64, 0..3_u64)];
    let special = prop_oneof![3 => Just(0), 1 => 1..9 * 4096_u64];
    let scalar = prop_oneof![3 => Just(0), 1 => 1..3000_u64];
    let disk = prop_oneof![3 => Just(0), 1 => 1..60 * 4096_u64];
    let ranges = picks(PORTS, 30_995..31_062, 40);
    let sets = picks(LABELS, 0..4, 5);
    (huge, special, devices(), disk, scalar, ranges, sets).prop_map(
        |((mib2, gib1), mem_bytes, devices, disk_bytes, milli, ranges, sets)| Wishes {
            huge_pages: HugePages { mib2, gib1 },
            special_memory: (mem_bytes > 0).then_some(SpecialMemoryWish { kind: HBM, mem_bytes }).into_iter().collect(),
            devices,
            disk_bytes,
            scalars: (milli > 0).then_some(ScalarWish { name: TOKENS, milli }).into_iter().collect(),
            ranges,
            sets,
        },
    )
}

fn picked() -> impl Strategy<Value = Vec<Picked>> {
    let bound = prop_oneof![0..6_u64, 30_999..31_061_u64, any::<u64>()];
    let span = (bound.clone(), bound).prop_map(|(first, last)| Span { first, last });
    let picked = (3..6_u32, prop::collection::vec(span, 0..3));
    prop::collection::vec(picked.prop_map(|(name, spans)| Picked { name: NameId::new(name), spans }), 0..2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_extras_are_restored_or_refused(
        huge in option::of((0..6_u16, 0..5_u64, any::<u64>())),
        special in option::of((0..6_u16, prop_oneof![Just(4096), any::<u64>()])),
        devices in prop::collection::vec((0..7_u16, 0..1100_u16), 0..4),
        disk_bytes in prop_oneof![Just(0), Just(8192), any::<u64>()],
        scalar in option::of((3..6_u32, prop_oneof![Just(1), any::<u64>()])),
        ranges in picked(),
        sets in picked(),
    ) {
        let table = table_of(32, Limit::default(), vec![Shape::new(&with_extras()).unwrap()]);
        let numa_node = NumaNodeId::new;
        let huge_pages = |(at, mib2, gib1)| NumaNodeHugePages { numa_node: numa_node(at), pages: HugePages { mib2, gib1 } };
        let extras = PlacedExtras {
            huge_pages: huge.map(huge_pages).into_iter().collect(),
            special_memory: special
                .map(|(at, mem_bytes)| NumaNodeMemory { numa_node: numa_node(at), mem_bytes })
                .into_iter()
                .collect(),
            devices: devices
                .into_iter()
                .map(|(device, milli)| DeviceShare { device: DeviceId::new(device), milli })
                .collect(),
            disk_bytes,
            scalars: scalar
                .map(|(name, milli)| ScalarAmount { name: NameId::new(name), milli })
                .into_iter()
                .collect(),
            ranges,
            sets,
        };
        let placement = Placement { extras, ..Placement::default() };
        if let Ok(grant) = table.restore(AGENT, holder(1), &placement) {
            let devices = table.placement(grant.claim).map(|placement| placement.extras.devices);
            prop_assert_eq!(devices, Some(placement.extras.devices));
        }
        table.validate().unwrap();
    }
}
