//! Any extras, told to the table as a claim's: restored or refused.

use proptest::option;
use proptest::prelude::*;

use super::machines::with_extras;
use super::{AGENT, holder, table_of};
use crate::{
    DeviceId, DeviceShare, HugePages, Limit, NameId, NumaNodeHugePages, NumaNodeId, NumaNodeMemory, Picked,
    PlacedExtras, Placement, ScalarAmount, Shape, Span,
};

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
