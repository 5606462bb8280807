//! Huge pages, special memory, devices, disk, scalars, ranges and sets, from a shape through a request into a placement and back.

use super::{
    CORE, Fixture, HOLDER, NUMA_NODE, TWO_PUS, bytes_of, empty_placement, first, first_mut, input, none, ok, output,
    request, spec, told, zeroed,
};
use crate::answer::Answer;
use crate::claim::{meros_claim, meros_hold, meros_release};
use crate::codes::{NO_LIMIT, NONE, Reason, Resource};
use crate::extras_spec::{DeviceSpec, ExtrasSpec, HugePages, RangesSpec, Scalar, SetSpec, Span};
use crate::extras_usage::{DeviceUsage, HugeUsage, NameUsage};
use crate::placed_extras::{DeviceShare, NumaNodeHugePages, Picked, PlacedExtras};
use crate::placement::{NumaNodeMemory, PlacedPu, Placement, meros_placement_read};
use crate::pointer::Out;
use crate::request::{HoldLimit, Holder};
use crate::restore::meros_restore;
use crate::role::{meros_role_add_under, meros_role_parent, meros_role_set_limit_of, meros_role_used_of};
use crate::shape::NumaNodeSpec;
use crate::status::Status;
use crate::table::meros_validate;
use crate::usage::{MemoryUsage, PoolUsage, Usage, meros_usage_read};
use crate::wishes::{DeviceWish, PickWish, SpecialMemoryWish, Wishes};

const GPU: u32 = 1;
const HBM: u32 = 2;
const LICENCES: u32 = 0;
const PORTS: u32 = 1;
const CARDS: u32 = 2;
const TEN_PORTS: [Span; 1] = [Span { first: 31_000, last: 31_009 }];

/// A table with one agent that has some of everything.
fn fixture() -> Fixture {
    let huge = NumaNodeSpec { huge_pages: HugePages { mib2: 8, gib1: 1 }, ..NUMA_NODE };
    let special = NumaNodeSpec { kind: HBM, ..NUMA_NODE };
    let devices = [DeviceSpec { kind: GPU, numa_node: 0, reserved: [0; 2] }; 2];
    let scalars = [Scalar { milli: 5000, name: LICENCES, reserved: 0 }];
    let ranges = [RangesSpec { name: PORTS, reserved: 0, spans: first(&TEN_PORTS), spans_len: 1 }];
    let sets = [SetSpec { name: CARDS, items: 4, reserved: [0; 2] }];
    let (cores, numa_nodes) = ([CORE; 4], [huge, special]);
    let mut spec = spec(&cores, &numa_nodes);
    spec.extras = ExtrasSpec {
        disk_bytes: 1 << 30,
        devices: first(&devices),
        devices_len: 2,
        scalars: first(&scalars),
        scalars_len: 1,
        ranges: first(&ranges),
        ranges_len: 1,
        sets: first(&sets),
        sets_len: 1,
    };
    Fixture::of(&spec)
}

fn claim(fixture: &Fixture, extras: Wishes) -> (Status, String, Answer) {
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let mut wanted = request(&members);
    wanted.extras = extras;
    let (status, text) = told(|message| {
        let (holder, answer) = (input(&HOLDER), output(&mut answer));
        meros_claim(fixture.table(), none(), 0, holder, input(&wanted), answer, message)
    });
    (status, text, answer)
}

/// What is answered to a placement that is restored with these extras.
fn restored(fixture: &Fixture, extras: PlacedExtras) -> (Status, String) {
    let mut pus = [PlacedPu { pu: 0, member: 0 }, PlacedPu { pu: 1, member: 0 }];
    let mut placement = Placement { extras, ..empty_placement() };
    (placement.pus, placement.pus_len) = (first_mut(&mut pus), 2);
    let mut answer = Answer::default();
    told(|message| {
        let (holder, answer) = (input(&HOLDER), output(&mut answer));
        meros_restore(fixture.table(), 0, holder, input(&placement), answer, message)
    })
}

/// Arrays for a placement of little.
struct Arrays {
    pus: [PlacedPu; 2],
    memory: [NumaNodeMemory; 2],
    huge_pages: [NumaNodeHugePages; 1],
    special_memory: [NumaNodeMemory; 1],
    devices: [DeviceShare; 2],
    scalars: [Scalar; 1],
    ranges: [Picked; 2],
    sets: [Picked; 2],
}

impl Arrays {
    fn new() -> Self {
        Self {
            pus: zeroed_array(),
            memory: zeroed_array(),
            huge_pages: zeroed_array(),
            special_memory: zeroed_array(),
            devices: zeroed_array(),
            scalars: zeroed_array(),
            ranges: zeroed_array(),
            sets: zeroed_array(),
        }
    }

    fn placement(&mut self) -> Placement {
        let mut placement = empty_placement();
        (placement.pus, placement.pus_capacity) = (first_mut(&mut self.pus), 2);
        (placement.memory, placement.memory_capacity) = (first_mut(&mut self.memory), 2);
        let extras = &mut placement.extras;
        (extras.huge_pages, extras.huge_pages_capacity) = (first_mut(&mut self.huge_pages), 1);
        (extras.special_memory, extras.special_memory_capacity) = (first_mut(&mut self.special_memory), 1);
        (extras.devices, extras.devices_capacity) = (first_mut(&mut self.devices), 2);
        (extras.scalars, extras.scalars_capacity) = (first_mut(&mut self.scalars), 1);
        (extras.ranges, extras.ranges_capacity) = (first_mut(&mut self.ranges), 2);
        (extras.sets, extras.sets_capacity) = (first_mut(&mut self.sets), 2);
        placement
    }
}

fn zeroed_array<T: crate::pointer::Plain, const N: usize>() -> [T; N] {
    [zeroed(); N]
}

#[test]
fn what_is_wished_is_placed_and_restored() {
    let fixture = fixture();
    let special_memory = [SpecialMemoryWish { mem_bytes: 4096, kind: HBM, reserved: 0 }];
    let devices = [DeviceWish { kind: GPU, whole: 0, milli: 300, locality: 2 }];
    let scalars = [Scalar { milli: 1500, name: LICENCES, reserved: 0 }];
    let two = [Span { first: 31_001, last: 31_001 }, Span { first: 31_004, last: 31_005 }];
    let ranges = [PickWish { name: PORTS, count: 0, spans: first(&two), spans_len: 2 }];
    let sets = [PickWish { name: CARDS, count: 3, spans: none(), spans_len: 0 }];
    let (status, text, answer) = claim(
        &fixture,
        Wishes {
            huge_pages: HugePages { mib2: 3, gib1: 0 },
            disk_bytes: 5000,
            special_memory: first(&special_memory),
            special_memory_len: 1,
            devices: first(&devices),
            devices_len: 1,
            scalars: first(&scalars),
            scalars_len: 1,
            ranges: first(&ranges),
            ranges_len: 1,
            sets: first(&sets),
            sets_len: 1,
        },
    );
    assert_eq!((status, answer.mem_bytes), (Status::Ok, 1 << 30), "{text}: special memory is charged by its kind");
    let mut arrays = Arrays::new();
    let mut placement = arrays.placement();
    ok(|message| meros_placement_read(fixture.table(), answer.claim, output(&mut placement), message));
    assert_eq!((arrays.huge_pages[0].pages.mib2, arrays.huge_pages[0].numa_node), (3, 0));
    assert_eq!((arrays.special_memory[0].mem_bytes, arrays.special_memory[0].numa_node), (4096, 1));
    assert_eq!((arrays.devices[0].device, arrays.devices[0].milli, placement.extras.devices_len), (0, 300, 1));
    assert_eq!((arrays.scalars[0].milli, placement.extras.disk_bytes), (1500, 8192));
    assert_eq!(
        arrays.ranges.map(|span| (span.name, span.first, span.last)),
        [(PORTS, 31_001, 31_001), (PORTS, 31_004, 31_005)]
    );
    assert_eq!((arrays.sets[0].first, arrays.sets[0].last, placement.extras.sets_len), (0, 2, 1));

    let mut again = Answer::default();
    let restore =
        |answer, message| meros_restore(fixture.table(), 0, input(&HOLDER), input(&placement), answer, message);
    assert_eq!(told(|message| restore(output(&mut again), message)).0, Status::Refused);
    ok(|message| meros_release(fixture.table(), none(), answer.claim, 7, Out::null(), message));
    ok(|message| restore(output(&mut again), message));
    assert_eq!((again.cpu_milli, again.mem_bytes), (answer.cpu_milli, answer.mem_bytes));
    ok(|message| meros_validate(fixture.table(), message));
}

#[test]
fn a_list_of_extras_that_is_too_short_tells_what_is_needed() {
    let fixture = fixture();
    let ranges = [PickWish { name: PORTS, count: 2, spans: none(), spans_len: 0 }];
    let answer = claim(&fixture, Wishes { ranges: first(&ranges), ranges_len: 1, ..zeroed() }).2;
    let mut arrays = Arrays::new();
    let mut placement = arrays.placement();
    placement.extras.ranges_capacity = 0;
    let read = |placement, message| meros_placement_read(fixture.table(), answer.claim, placement, message);
    assert_eq!(told(|message| read(output(&mut placement), message)).0, Status::TooSmall);
    assert_eq!((placement.extras.ranges_len, placement.pus_len), (1, 2));
}

#[test]
fn a_shortage_says_of_what() {
    let fixture = fixture();
    let devices = [DeviceWish { kind: GPU, whole: 3, milli: 0, locality: 0 }];
    let (status, text, answer) = claim(&fixture, Wishes { devices: first(&devices), devices_len: 1, ..zeroed() });
    assert_eq!((status, answer.reason), (Status::Refused, Reason::LargerThanMachine as u32), "{text}");
    assert_eq!((answer.what, answer.which, answer.asked), (Resource::Devices as u32, GPU, 3));
    let sets = [PickWish { name: CARDS, count: 9, spans: none(), spans_len: 0 }];
    let (_, _, answer) = claim(&fixture, Wishes { sets: first(&sets), sets_len: 1, ..zeroed() });
    assert_eq!((answer.what, answer.which, answer.asked), (Resource::Items as u32, CARDS, 9));
}

#[test]
fn wishes_that_cannot_be_meant() {
    let fixture = fixture();
    let refused = |expected: &str, extras: Wishes| {
        let (status, text, _) = claim(&fixture, extras);
        assert_eq!(status, Status::InvalidArgument, "{expected}: {text}");
        assert!(text.contains(expected), "`{text}` does not say `{expected}`");
    };
    let device = DeviceWish { kind: GPU, whole: 0, milli: 300, locality: 0 };
    for (expected, wish) in [
        ("whole and milli", DeviceWish { whole: 1, ..device }),
        ("extras.devices.milli is 70000: give at most 1000", DeviceWish { milli: 70_000, ..device }),
        ("device", DeviceWish { milli: 1001, ..device }),
        ("device", DeviceWish { milli: 0, ..device }),
        ("extras.devices.locality is 3", DeviceWish { locality: 3, ..device }),
    ] {
        refused(expected, Wishes { devices: first(&[wish]), devices_len: 1, ..zeroed() });
    }
    let pick = PickWish { name: PORTS, count: 0, spans: first(&TEN_PORTS), spans_len: 1 };
    for (expected, wish) in [
        ("count and spans", PickWish { count: 1, ..pick }),
        ("range", PickWish { spans_len: 0, ..pick }),
        ("extras.spans is null", PickWish { spans: none(), ..pick }),
        ("extras.ranges.spans", PickWish { spans: first(&[Span { first: 2, last: 1 }]), ..pick }),
    ] {
        refused(expected, Wishes { ranges: first(&[wish]), ranges_len: 1, ..zeroed() });
    }
    let special = SpecialMemoryWish { mem_bytes: 1, kind: 0, reserved: 0 };
    refused("kind", Wishes { special_memory: first(&[special]), special_memory_len: 1, ..zeroed() });
    let special = SpecialMemoryWish { reserved: 1, ..special };
    refused("reserved", Wishes { special_memory: first(&[special]), special_memory_len: 1, ..zeroed() });
    refused("extras.sets is null", Wishes { sets_len: 1, ..zeroed() });
    refused("extras.scalars is longer", Wishes { scalars: first(&[zeroed()]), scalars_len: usize::MAX, ..zeroed() });
    ok(|message| meros_validate(fixture.table(), message));
}

#[test]
fn placed_extras_that_cannot_be_meant() {
    let fixture = fixture();
    let picked = |name, first, last| Picked { first, last, name, reserved: 0 };
    for mut entries in [
        [picked(PORTS, 31_005, 31_004), picked(PORTS, 31_006, 31_006)],
        [picked(PORTS, 31_005, 31_005), picked(PORTS, 31_005, 31_005)],
        [picked(PORTS, 31_005, 31_005), picked(PORTS, 32_000, 32_000)],
        [picked(PORTS, 0, u64::MAX), picked(PORTS, 0, u64::MAX)],
        [picked(77, 0, 0), picked(78, 0, 0)],
        [Picked { reserved: 1, ..picked(PORTS, 31_005, 31_005) }; 2],
    ] {
        let said = restored(&fixture, PlacedExtras { ranges: first_mut(&mut entries), ranges_len: 2, ..zeroed() });
        assert_eq!(said.0, Status::InvalidArgument, "{entries:?}: {}", said.1);
        let said = restored(&fixture, PlacedExtras { sets: first_mut(&mut entries), sets_len: 2, ..zeroed() });
        assert_eq!(said.0, Status::InvalidArgument, "{entries:?}: {}", said.1);
    }
    for (device, milli) in [(2, 1000), (1 << 16, 1000), (0, 0), (0, 1001), (0, 1 << 16)] {
        let mut devices = [DeviceShare { device, milli }];
        let said = restored(&fixture, PlacedExtras { devices: first_mut(&mut devices), devices_len: 1, ..zeroed() });
        assert_eq!(said.0, Status::InvalidArgument, "{devices:?}: {}", said.1);
    }
    let said = restored(&fixture, PlacedExtras { disk_bytes: 1, ..zeroed() });
    assert_eq!(said.0, Status::InvalidArgument, "{}", said.1);
    for (milli, status) in [(0, Status::InvalidArgument), (1000, Status::Ok)] {
        let mut scalars = [Scalar { milli, name: LICENCES, reserved: 0 }];
        let said = restored(&fixture, PlacedExtras { scalars: first_mut(&mut scalars), scalars_len: 1, ..zeroed() });
        assert_eq!(said.0, status, "{scalars:?}: {}", said.1);
    }
    ok(|message| meros_validate(fixture.table(), message));
}

#[test]
fn a_hold_takes_extras_along_if_it_is_asked_to() {
    let fixture = fixture();
    for (extras, devices) in [(0, 0), (1, 2)] {
        let (mut held, all) = (Answer::default(), u32::MAX);
        let size = bytes_of::<HoldLimit>();
        let limit = HoldLimit { size, exclusive_pus: all, pool_milli: 0, extras, mem_bytes: 0 };
        ok(|message| {
            let (holder, limit) = (input(&HOLDER), input(&limit));
            meros_hold(fixture.table(), none(), 0, holder, limit, output(&mut held), message)
        });
        let mut placement = empty_placement();
        let short = told(|message| meros_placement_read(fixture.table(), held.claim, output(&mut placement), message));
        assert_eq!((short.0, placement.extras.devices_len), (Status::TooSmall, devices));
        ok(|message| meros_release(fixture.table(), none(), held.claim, 7, Out::null(), message));
    }
}

#[test]
fn usage_tells_what_is_free_of_extras() {
    let fixture = fixture();
    let devices = [DeviceWish { kind: GPU, whole: 0, milli: 300, locality: 0 }];
    let ranges = [PickWish { name: PORTS, count: 3, spans: none(), spans_len: 0 }];
    let wishes = Wishes { huge_pages: HugePages { mib2: 3, gib1: 0 }, disk_bytes: 4096, ..zeroed() };
    let (devices_len, ranges_len) = (1, 1);
    claim(&fixture, Wishes { devices: first(&devices), devices_len, ranges: first(&ranges), ranges_len, ..wishes });
    let (mut pools, mut memory) = (zeroed_array::<PoolUsage, 1>(), zeroed_array::<MemoryUsage, 2>());
    let (mut huge_pages, mut devices) = (zeroed_array::<HugeUsage, 1>(), zeroed_array::<DeviceUsage, 2>());
    let [mut scalars, mut ranges, mut sets] = [zeroed_array::<NameUsage, 1>(); 3];
    let mut usage = Usage { size: bytes_of::<Usage>(), ..zeroed() };
    (usage.pools, usage.pools_capacity) = (first_mut(&mut pools), 1);
    (usage.memory, usage.memory_capacity) = (first_mut(&mut memory), 2);
    (usage.extras.devices, usage.extras.devices_capacity) = (first_mut(&mut devices), 2);
    (usage.extras.scalars, usage.extras.scalars_capacity) = (first_mut(&mut scalars), 1);
    (usage.extras.ranges, usage.extras.ranges_capacity) = (first_mut(&mut ranges), 1);
    (usage.extras.sets, usage.extras.sets_capacity) = (first_mut(&mut sets), 1);
    let short = told(|message| meros_usage_read(fixture.table(), 0, output(&mut usage), message));
    assert_eq!((short.0, usage.extras.huge_pages_len), (Status::TooSmall, 1));
    (usage.extras.huge_pages, usage.extras.huge_pages_capacity) = (first_mut(&mut huge_pages), 1);
    ok(|message| meros_usage_read(fixture.table(), 0, output(&mut usage), message));
    assert_eq!((huge_pages[0].total.mib2, huge_pages[0].free.mib2, huge_pages[0].free.gib1), (8, 5, 1));
    assert_eq!(devices.map(|device| device.free_milli), [700, 1000]);
    assert_eq!(
        [scalars, ranges, sets].map(|[of]| (of.name, of.total, of.free)),
        [(LICENCES, 5000, 5000), (PORTS, 10, 7), (CARDS, 4, 4)]
    );
    assert_eq!((usage.extras.disk_total_bytes, usage.extras.disk_free_bytes), (1 << 30, (1 << 30) - 4096));
}

/// What roles are charged for: the code, which, what the claim below asks for, and a limit that is too little.
const CHARGED: [(Resource, u32, u64, u64); 9] = [
    (Resource::Huge2MibBytes, NONE, 2 << 20, 1),
    (Resource::Huge1GibBytes, NONE, 1 << 30, 1),
    (Resource::SpecialBytes, HBM, 8192, 4096),
    (Resource::DevicesMilli, GPU, 1000, 999),
    (Resource::DiskBytes, NONE, 4096, 1),
    (Resource::ScalarMilli, LICENCES, 500, 499),
    (Resource::Numbers, PORTS, 3, 2),
    (Resource::Items, CARDS, 2, 1),
    (Resource::CpuMilli, NONE, 2000, 1999),
];

/// Every code that roles are charged for has a limit that holds, for a role above too, and a figure.
#[test]
fn roles_are_charged_for_extras() {
    let fixture = fixture();
    let (mut below, mut parent) = (9, 9);
    ok(|message| meros_role_add_under(fixture.table(), 0, none(), output(&mut below), message));
    ok(|message| meros_role_parent(fixture.table(), below, output(&mut parent), message));
    assert_eq!((below, parent), (1, 0));
    ok(|message| meros_role_parent(fixture.table(), 0, output(&mut parent), message));
    assert_eq!(parent, NONE);
    let (special, devices, scalars, ranges, sets) = (
        [SpecialMemoryWish { mem_bytes: 8192, kind: HBM, reserved: 0 }],
        [DeviceWish { kind: GPU, whole: 1, milli: 0, locality: 1 }],
        [Scalar { milli: 500, name: LICENCES, reserved: 0 }],
        [PickWish { name: PORTS, count: 3, spans: none(), spans_len: 0 }],
        [PickWish { name: CARDS, count: 2, spans: none(), spans_len: 0 }],
    );
    let wishes = || Wishes {
        huge_pages: HugePages { mib2: 1, gib1: 1 },
        disk_bytes: 4096,
        special_memory: first(&special),
        special_memory_len: 1,
        devices: first(&devices),
        devices_len: 1,
        scalars: first(&scalars),
        scalars_len: 1,
        ranges: first(&ranges),
        ranges_len: 1,
        sets: first(&sets),
        sets_len: 1,
    };
    let holder = Holder { role: below, ..HOLDER };
    let claim = || {
        let (members, mut answer) = ([TWO_PUS], Answer::default());
        let wanted = crate::request::Request { extras: wishes(), mem_bytes: 0, ..request(&members) };
        let (status, text) = told(|message| {
            let (holder, answer) = (input(&holder), output(&mut answer));
            meros_claim(fixture.table(), none(), 0, holder, input(&wanted), answer, message)
        });
        (status, text, answer)
    };
    let limit = |what, which, limit| {
        ok(|message| meros_role_set_limit_of(fixture.table(), 0, what as u32, which, limit, message));
    };
    for (what, which, amount, less) in CHARGED {
        limit(what, which, less);
        let (status, text, answer) = claim();
        assert_eq!((status, answer.reason), (Status::Refused, Reason::RoleLimit as u32), "{text}");
        assert_eq!((answer.what, answer.which, answer.asked), (what as u32, which, amount), "{text}");
        limit(what, which, NO_LIMIT);
    }
    let (status, text, answer) = claim();
    assert_eq!(status, Status::Ok, "{text}");
    let used = |role| {
        CHARGED.map(|(what, which, ..)| {
            let mut used = 9;
            ok(|message| meros_role_used_of(fixture.table(), role, what as u32, which, output(&mut used), message));
            used
        })
    };
    assert_eq!([used(0), used(below)], [CHARGED.map(|(_, _, amount, _)| amount); 2]);
    ok(|message| meros_release(fixture.table(), none(), answer.claim, HOLDER.owner, Out::null(), message));
    assert_eq!([used(0), used(below)], [[0; 9]; 2]);
    ok(|message| meros_validate(fixture.table(), message));
}
