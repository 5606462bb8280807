//! The extras by example: devices, huge pages, special memory, disk, scalars, ports and sets.

use super::machines::{GPU, HBM, LABELS, NIC, PORTS, TOKENS, with_extras};
use super::{AGENT, ROLE, granted, holder, table_of};
use crate::{
    ClaimId, Cpus, DeviceAmount, DeviceId, DeviceLocality, DeviceSpec, HoldLimit, HugePages, Level, Limit, Locality,
    Members, MemoryHold, MemoryLocality, NameId, NumaNodeId, NumaNodeMemory, NumaNodeSpec, Outcome, Owner, Pick,
    Picked, Placement, RangesSpec, Reason, Refusal, Released, Request, RestoreError, Shape, ShapeError, ShapeSpec, Smt,
    Span, Table, Usage, Wanted,
};

const ANY: DeviceLocality = DeviceLocality::Any;
const PREFERRED: DeviceLocality = DeviceLocality::Preferred;
const REQUIRED: DeviceLocality = DeviceLocality::Required;
const OWNER: Owner = Owner::new(1);

fn table(spec: &ShapeSpec) -> Table {
    table_of(400, Limit::default(), vec![Shape::new(spec).unwrap()])
}

fn claim(table: &Table, request: &Request) -> Outcome {
    table.claim(AGENT, holder(1), request)
}

#[track_caller]
fn placed(table: &Table, request: &Request) -> Placement {
    placement(table, granted(claim(table, request)).claim)
}

#[track_caller]
fn placement(table: &Table, claim: ClaimId) -> Placement {
    table.validate().unwrap();
    table.placement(claim).unwrap()
}

#[track_caller]
fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn core() -> Request {
    Request::exclusive(2, 0)
}

/// The claim's devices, with their thousandths.
fn devices(placement: &Placement) -> Vec<(u16, u16)> {
    placement.extras.devices.iter().map(|share| (share.device.get(), share.milli)).collect()
}

/// The NUMA nodes of the claim's PUs; PUs 0 to 7 are on the first.
fn numa_nodes(placement: &Placement) -> Vec<u16> {
    let mut numa_nodes: Vec<u16> = placement.pus.iter().map(|pu| pu.get() / 8).collect();
    numa_nodes.dedup();
    numa_nodes
}

fn usage(table: &Table) -> Usage {
    table.usage(AGENT).unwrap()
}

#[test]
fn thousandths_fill_a_split_device_and_whole_ones_stay_untouched() {
    let table = table(&with_extras());
    let part = |milli| core().with_devices(GPU, DeviceAmount::Milli(milli), ANY);
    assert_eq!(devices(&placed(&table, &part(600))), [(0, 600)]);
    assert_eq!(devices(&placed(&table, &part(700))), [(2, 700)]);
    // 300 fit both; the tighter is the second.
    assert_eq!(devices(&placed(&table, &part(300))), [(2, 300)]);
    assert_eq!(devices(&placed(&table, &part(400))), [(0, 400)]);
    let whole = core().with_devices(GPU, DeviceAmount::Whole(2), ANY);
    assert_eq!(devices(&placed(&table, &whole)), [(1, 1000), (3, 1000)]);
    let none = refused(claim(&table, &core().with_devices(GPU, DeviceAmount::Milli(1), ANY)));
    assert_eq!(none.to_string(), "wants 1 thousandth of one device of kind 7; agent a0 has 0 free");
}

#[test]
fn required_devices_choose_the_numa_node_of_the_cores() {
    let table = table(&with_extras());
    // The first NUMA node would be tighter, but its GPUs are gone.
    let both = core().with_devices(GPU, DeviceAmount::Whole(2), REQUIRED);
    assert_eq!(devices(&placed(&table, &both)), [(0, 1000), (2, 1000)]);
    let one = core().with_devices(GPU, DeviceAmount::Whole(1), REQUIRED);
    for memory in [MemoryLocality::Any, MemoryLocality::Required] {
        let placement = placed(&table, &Request { mem_bytes: 4096, ..one.clone() }.with_memory(memory));
        assert_eq!((numa_nodes(&placement), placement.memory[0].numa_node.get()), (vec![1], 1));
    }
    let gone = refused(claim(&table, &one));
    assert_eq!(gone.to_string(), "wants 1 device of kind 7 beside its PUs; agent a0 has 0 free");
    let never = refused(claim(&table, &core().with_devices(NIC, DeviceAmount::Whole(1), REQUIRED)));
    assert_eq!(
        never.to_string(),
        "wants 1 device of kind 9 beside its PUs; agent a0 has 0 when it is empty",
        "it is on no NUMA node"
    );
}

#[test]
fn preferred_devices_draw_the_cores_and_are_never_refused_for_their_place() {
    let table = table(&with_extras());
    let all = granted(claim(&table, &Request::exclusive(8, 0).with_locality(Locality::Required(Level::NumaNode))));
    assert_eq!(numa_nodes(&placement(&table, all.claim)), [0]);
    let three = core().with_devices(GPU, DeviceAmount::Whole(3), PREFERRED);
    // Two of them are beside the only cores left, the third is not.
    assert_eq!(devices(&placed(&table, &three)), [(0, 1000), (1, 1000), (3, 1000)]);
    let beside = refused(claim(&table, &core().with_devices(GPU, DeviceAmount::Whole(1), REQUIRED)));
    assert_eq!(
        beside.to_string(),
        "wants 1 device of kind 7 beside its PUs; agent a0 has 1 free, 0 of them beside such PUs"
    );
    let nic = core().with_devices(NIC, DeviceAmount::Milli(10), PREFERRED);
    assert_eq!(devices(&placed(&table, &nic)), [(4, 10)]);
}

#[test]
fn devices_of_two_numa_nodes_have_cores_on_both() {
    let four = |request: Request| request.with_devices(GPU, DeviceAmount::Whole(4), REQUIRED);
    let table_of = || table(&with_extras());
    let exclusive = placed(&table_of(), &four(Request::exclusive(5, 4096)));
    assert_eq!((numa_nodes(&exclusive), exclusive.pus.len(), devices(&exclusive).len()), (vec![0, 1], 6, 4));
    let shared = placed(&table_of(), &four(Request::shared(700, 0)));
    assert_eq!(shared.pools.iter().map(|share| share.cpu_milli).collect::<Vec<_>>(), [350, 350]);
    let strict = four(Request::exclusive(12, 20 * 4096)).with_memory(MemoryLocality::Required);
    assert_eq!(numa_nodes(&placed(&table_of(), &strict)), [0, 1]);
    // One core cannot be on both, and no package has both.
    for request in [core(), Request::exclusive(4, 0).with_locality(Locality::Required(Level::Package))] {
        let refusal = refused(claim(&table_of(), &four(request)));
        assert_eq!(refusal.reason.kind(), crate::ReasonKind::LargerThanMachine(Wanted::Devices(GPU)));
    }
}

#[test]
fn single_pus_and_cores_are_dealt_out_over_the_numa_nodes_of_devices() {
    for cpus in [Cpus::exclusive(3).with_smt(Smt::Kept), Cpus::exclusive(3).with_smt(Smt::Split), Cpus::cores(3)] {
        let request = Request::new(Members::one(cpus), 0).with_devices(GPU, DeviceAmount::Whole(4), REQUIRED);
        let placement = placed(&table(&with_extras()), &request);
        let pus = if matches!(cpus, Cpus::Cores { .. }) { 6 } else { 3 };
        assert_eq!((numa_nodes(&placement), placement.pus.len()), (vec![0, 1], pus), "{cpus:?}");
    }
}

#[test]
fn members_are_beside_devices_together() {
    let with_gpus = |request: Request, gpus| request.with_devices(GPU, DeviceAmount::Whole(gpus), REQUIRED);
    let two = Request::exclusive(2, 4096).with_member(Cpus::shared(500));
    let placement = placed(&table(&with_extras()), &with_gpus(two, 2));
    assert_eq!((numa_nodes(&placement), devices(&placement)), (vec![0], vec![(0, 1000), (2, 1000)]));
    assert_eq!(placement.further[0].pools[0].numa_node, Some(NumaNodeId::new(0)));
    // Too much CPU for one NUMA node, so both are beside it.
    let large = placed(&table(&with_extras()), &with_gpus(Request::exclusive(6, 0).with_member(Cpus::exclusive(6)), 4));
    assert_eq!((large.all_pus().len(), devices(&large).len()), (12, 4));
}

#[test]
fn small_members_are_not_dealt_out_over_the_numa_nodes_of_devices() {
    let two = Request::exclusive(2, 0).with_member(Cpus::exclusive(2));
    let refusal = refused(claim(&table(&with_extras()), &two.with_devices(GPU, DeviceAmount::Whole(4), REQUIRED)));
    assert_eq!(refusal.to_string(), "wants 4 devices of kind 7 beside its PUs; agent a0 has 2 when it is empty");
}

#[test]
fn special_memory_serves_who_names_it_from_the_nearest() {
    let table = table(&with_extras());
    let hbm = |pages: u64| core().with_special_memory(HBM, pages * 4096);
    let on = |at, pages: u64| NumaNodeMemory { numa_node: NumaNodeId::new(at), mem_bytes: pages * 4096 };
    assert_eq!(placed(&table, &hbm(6)).extras.special_memory, [on(2, 6)]);
    let far = placed(&table, &hbm(6));
    assert_eq!((numa_nodes(&far), far.extras.special_memory), (vec![0], vec![on(2, 2), on(3, 4)]));
    assert_eq!(far.memory, []);
    let less = refused(claim(&table, &hbm(5)));
    assert_eq!(less.to_string(), "wants 20 KiB of memory of kind 1; agent a0 has 16 KiB free");
    let second = self::table(&with_extras());
    let _first = granted(claim(&second, &Request::exclusive(8, 0).with_locality(Locality::Required(Level::NumaNode))));
    assert_eq!(placed(&second, &hbm(1)).extras.special_memory, [on(3, 1)]);
    assert_eq!(second.remove_agent(AGENT), Ok(2));
    // Ordinary requests never get there: two NUMA nodes of 16 pages each.
    let larger = refused(claim(&table, &Request::exclusive(2, 33 * 4096)));
    assert!(matches!(larger.reason, Reason::LargerThanMachine(_)));
}

#[test]
fn huge_pages_come_with_a_seat_beside_the_memory() {
    let table = table(&with_extras());
    let huge = |mib2, gib1| core().with_huge_pages(HugePages { mib2, gib1 });
    let first = placed(&table, &Request { mem_bytes: 4096, ..huge(3, 1) }.with_memory(MemoryLocality::Required));
    assert_eq!((first.memory.len(), first.extras.huge_pages.len()), (1, 1));
    assert_eq!(first.extras.huge_pages[0].numa_node, first.memory[0].numa_node);
    // One is left there, four on the other: five are on both, which a promise on one of them forbids.
    let strict = refused(claim(&table, &huge(5, 0).with_memory(MemoryLocality::Any)));
    assert!(matches!(strict.reason, Reason::StrictMemory(_)), "{strict}");
    assert_eq!(
        strict.to_string(),
        "wants 5 huge pages of 2 MiB; agent a0 has 5 free, but beside claims that require memory locality"
    );
    let alone = placed(&table, &huge(4, 1));
    assert_eq!((alone.memory[0].mem_bytes, alone.memory_hold), (0, MemoryHold::Loose));
    let none = refused(claim(&table, &huge(0, 1)));
    assert_eq!(none.to_string(), "wants 1 huge page of 1 GiB; agent a0 has 0 free");
}

#[test]
fn ports_items_scalars_and_disk_are_exact() {
    let table = table(&with_extras());
    let ports = |pick| core().with_range(PORTS, pick);
    let exact = vec![Span { first: 31_040, last: 31_059 }, Span { first: 40_000, last: 40_002 }];
    assert_eq!(
        placed(&table, &ports(Pick::Exact(exact.clone()))).extras.ranges,
        [Picked { name: PORTS, spans: exact }]
    );
    let spans = vec![Span { first: 31_000, last: 31_039 }, Span { first: 40_003, last: 40_004 }];
    assert_eq!(placed(&table, &ports(Pick::Any(42))).extras.ranges, [Picked { name: PORTS, spans }]);
    let taken = refused(claim(&table, &ports(Pick::Exact(vec![Span { first: 40_004, last: 40_005 }]))));
    assert_eq!(taken.to_string(), "wants 2 numbers of range #4; agent a0 has 5 free, 1 of them those wanted");
    let unknown = refused(claim(&table, &ports(Pick::Exact(vec![Span { first: 31_059, last: 31_060 }]))));
    assert!(matches!(unknown.reason, Reason::LargerThanMachine(_)), "the machine has no 31060");

    let rest = core().with_disk(4097).with_scalar(TOKENS, 5001).with_set(LABELS, Pick::Any(2));
    let rest = placed(&table, &rest).extras;
    assert_eq!(
        (rest.disk_bytes, rest.scalars[0].milli, rest.sets[0].spans[0]),
        (8192, 5001, Span { first: 0, last: 1 })
    );
    for (request, says) in [
        (core().with_disk(u64::MAX), "wants 17179869183.9 GiB of disk; agent a0 has 400 KiB when it is empty"),
        (core().with_scalar(TOKENS, 500), "wants 500 thousandths of scalar #3; agent a0 has 499 free"),
        (core().with_scalar(LABELS, 1), "wants 1 thousandth of scalar #5; agent a0 has 0 when it is empty"),
        (core().with_set(LABELS, Pick::Any(4)), "wants 4 items of set #5; agent a0 has 3 free"),
    ] {
        assert_eq!(refused(claim(&table, &request)).to_string(), says);
    }
    table.validate().unwrap();
}

/// A request with some of everything.
fn some_of_all() -> Request {
    Request::exclusive(3, 5000)
        .with_memory(MemoryLocality::Required)
        .with_huge_pages(HugePages { mib2: 2, gib1: 1 })
        .with_special_memory(HBM, 3 * 4096)
        .with_devices(NIC, DeviceAmount::Milli(250), ANY)
        .with_devices(GPU, DeviceAmount::Whole(1), REQUIRED)
        .with_disk(9 * 4096)
        .with_scalar(TOKENS, 1500)
        .with_range(PORTS, Pick::Any(50))
        .with_set(LABELS, Pick::Exact(vec![Span::one(1), Span::one(3)]))
}

#[test]
fn an_offer_of_everything_is_split_restored_and_given_back() {
    let table = table(&with_extras());
    let before = usage(&table);
    let offer = granted(table.hold(AGENT, holder(1), HoldLimit::ALL));
    let all = placement(&table, offer.claim);
    assert_eq!((devices(&all).len(), all.extras.disk_bytes, all.extras.sets[0].spans.len()), (5, 409_600, 1));
    assert_eq!(
        (all.extras.huge_pages.len(), all.extras.special_memory.len(), all.extras.ranges[0].spans.len()),
        (2, 2, 2)
    );
    let pod = granted(table.split(offer.claim, OWNER, &some_of_all()));
    let held = placement(&table, pod.claim);
    assert_eq!((devices(&held).len(), held.memory_hold), (2, MemoryHold::Strict));
    let nic = Placement { extras: held.extras.clone(), ..Placement::default() };
    let not_held = refused(table.split_exact(offer.claim, OWNER, &nic));
    assert_eq!(not_held.to_string(), "the claim to split does not hold what is named");
    let mut piece = Placement::default();
    piece.extras.devices = placement(&table, offer.claim).extras.devices;
    piece.extras.ranges = vec![Picked { name: PORTS, spans: vec![Span::one(40_009)] }];
    let exact = granted(table.split_exact(offer.claim, OWNER, &piece));
    assert_eq!(placement(&table, exact.claim), piece);
    let rest = placement(&table, offer.claim);
    assert_eq!(rest.extras.devices, []);

    let fresh = self::table(&with_extras());
    for placement in [&held, &piece, &rest] {
        let grant = fresh.restore(AGENT, holder(1), placement).unwrap();
        assert_eq!(self::placement(&fresh, grant.claim), *placement);
    }
    assert_eq!(usage(&fresh), usage(&table));
    let twice = fresh.restore(AGENT, holder(1), &piece).unwrap_err();
    assert_eq!(twice, RestoreError::ExtraTaken(Wanted::DeviceMilli(GPU)));
    for claim in [offer.claim, pod.claim, exact.claim] {
        assert!(matches!(table.release(claim, OWNER), Released::Released { .. }));
    }
    assert_eq!(usage(&table), before);
    table.validate().unwrap();
}

#[test]
fn a_hold_without_extras_leaves_them() {
    let table = table(&with_extras());
    let hold = granted(table.hold(AGENT, holder(1), HoldLimit { extras: false, ..HoldLimit::ALL }));
    assert_eq!(placement(&table, hold.claim).extras, crate::PlacedExtras::default());
    let lacks = refused(table.split(hold.claim, OWNER, &core().with_devices(GPU, DeviceAmount::Whole(1), ANY)));
    assert_eq!(lacks.reason.kind(), crate::ReasonKind::Busy(Wanted::Devices(GPU)));
}

#[test]
fn all_ports_of_a_machine_are_held_and_split() {
    let spans = vec![Span { first: 0, last: 65_535 }];
    let mut spec = with_extras();
    spec.ranges = vec![RangesSpec { name: PORTS, spans: spans.clone() }];
    let table = table(&spec);
    let offer = granted(table.hold(AGENT, holder(1), HoldLimit::ALL));
    assert_eq!(placement(&table, offer.claim).extras.ranges[0].spans, spans);
    let last = Pick::Exact(vec![Span { first: 65_000, last: 65_535 }]);
    let child = granted(table.split(offer.claim, OWNER, &core().with_range(PORTS, last)));
    assert_eq!(placement(&table, child.claim).extras.ranges[0].spans[0].first, 65_000);
    assert_eq!(placement(&table, offer.claim).extras.ranges[0].spans, [Span { first: 0, last: 64_999 }]);
}

#[test]
fn a_special_numa_node_has_no_cores_and_lists_keep_apart() {
    let mut spec = with_extras();
    spec.cores[3].numa_node = Some(NumaNodeId::new(2));
    let error = Shape::new(&spec).unwrap_err();
    assert_eq!(error, ShapeError::SpecialWithCores { core: 3, numa_node: NumaNodeId::new(2) });
    assert!(error.to_string().starts_with("cores[3].numa_node is n2, whose kind is not 0: name the ordinary"));

    let table = table(&with_extras());
    let memory = |at| vec![NumaNodeMemory { numa_node: NumaNodeId::new(at), mem_bytes: 4096 }];
    let mut swapped = Placement { memory: memory(2), ..Placement::default() };
    let restored = |placement: &Placement| table.restore(AGENT, holder(1), placement).unwrap_err();
    let wrong = |at| RestoreError::Invalid(crate::Invalid::SpecialMemory(NumaNodeId::new(at)));
    assert_eq!(restored(&swapped), wrong(2));
    swapped.memory.clear();
    swapped.extras.special_memory = memory(1);
    assert_eq!(restored(&swapped), wrong(1));
    table.validate().unwrap();
}

#[test]
fn placements_that_cannot_be_are_refused_by_name() {
    let table = table(&with_extras());
    let says = |change: &dyn Fn(&mut crate::PlacedExtras)| {
        let mut placement = Placement::default();
        change(&mut placement.extras);
        let error = table.restore(AGENT, holder(1), &placement).unwrap_err().to_string();
        table.validate().unwrap();
        error
    };
    let share = |device, milli| crate::DeviceShare { device: DeviceId::new(device), milli };
    assert_eq!(says(&|placed| placed.devices = vec![share(9, 1)]), "the machine has no device d9");
    assert_eq!(
        says(&|placed| placed.devices = vec![share(0, 1001)]),
        "nobody can have this amount of thousandths of one device of kind 7: give 1 or more, whole pages where it is bytes, \
         at most 1000 of one device"
    );
    assert_eq!(
        says(&|placed| placed.devices = vec![share(1, 1), share(0, 1)]),
        "extras.devices is not sorted, or names something twice: sort it"
    );
    let picked = |name, span| vec![Picked { name, spans: vec![span] }];
    assert_eq!(
        says(&|placed| placed.ranges = picked(PORTS, Span { first: 31_059, last: u64::MAX })),
        "#4 does not have number 31059 and what follows it"
    );
    assert_eq!(
        says(&|placed| placed.sets = picked(PORTS, Span::one(0))),
        "the machine has no items of set #4, or not this much"
    );
    assert_eq!(
        says(&|placed| placed.disk_bytes = 1),
        "nobody can have this amount of disk: give 1 or more, whole pages where it is bytes, at most 1000 of one device"
    );
    assert_eq!(says(&|placed| placed.disk_bytes = 200 * 4096), "too few free disk: two claims name the same");
}

#[test]
fn without_devices_wanted_nothing_is_on_special_hardware() {
    let table = table(&with_extras());
    let plain = granted(claim(&table, &Request::exclusive(4, 4096)));
    assert_eq!(placement(&table, plain.claim).extras, crate::PlacedExtras::default());
    assert_eq!(table.role_used(ROLE), Some(plain.charged));
}

/// A processor whose HBM shares the cpuset of its memory (Xeon Max, flat), and a machine of one NUMA node per GPU.
#[test]
fn machines_with_special_memory_are_told_by_kind() {
    let mut spec = crate::testing::spec(4, 2, 1, 1 << 30);
    spec.numa_nodes.push(NumaNodeSpec { mem_bytes: 1 << 30, kind: HBM, ..NumaNodeSpec::default() });
    let xeon_max = table(&spec);
    let both = placed(&xeon_max, &Request::exclusive(2, 1 << 30).with_special_memory(HBM, 1 << 30));
    assert_eq!((both.memory.len(), both.extras.special_memory.len()), (1, 1));

    spec.numa_nodes[0].kind = 0;
    spec.devices = (0..2).map(|at| DeviceSpec { kind: GPU, numa_node: Some(NumaNodeId::new(at)) }).collect();
    let gpu_memory = table(&spec);
    // The second GPU is on the special NUMA node, which has no cores.
    let one = core().with_devices(GPU, DeviceAmount::Whole(1), REQUIRED);
    assert_eq!(devices(&placed(&gpu_memory, &one)), [(0, 1000)]);
    assert!(matches!(refused(claim(&gpu_memory, &one)).reason, Reason::Busy(_)));
    assert_eq!(NameId::new(1).index(), 1);
}
