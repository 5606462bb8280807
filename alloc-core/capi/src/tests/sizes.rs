//! Sizes: of structs in their first version, of structs of older and newer callers, of buffers that are too short.

use core::ptr;

use super::{Fixture, TWO_PUS, bytes_of, empty_placement, first_mut, ok, output, told};
use crate::agent::AgentInfo;
use crate::agent_snapshot::SnapshotAgent;
use crate::attribute::Attributes;
use crate::explain::Explanation;
use crate::group::{GroupMembers, GroupSpec};
use crate::message::Message;
use crate::placement::{NumaNodeMemory, PlacedPu, Placement, meros_placement_read};
use crate::pointer::{Growing, In, Out};
use crate::request::{HoldLimit, Request};
use crate::role::Quantities;
use crate::selection::SelectionSpec;
use crate::shape::{ShapeInfo, ShapeSpec};
use crate::status::Status;
use crate::table::{Capacity, meros_table_capacity, meros_table_free, meros_table_new};
use crate::usage::Usage;

/// What programs were compiled with: these never change, also not when a struct grows.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_first_version_of_a_struct_stays_as_long_as_it_was() {
    let first = [
        ("AgentInfo", AgentInfo::FIRST_BYTES, 24),
        ("Attributes", Attributes::FIRST_BYTES, 104),
        ("Capacity", Capacity::FIRST_BYTES, 32),
        ("Explanation", Explanation::FIRST_BYTES, 16),
        ("GroupMembers", GroupMembers::FIRST_BYTES, 104),
        ("GroupSpec", GroupSpec::FIRST_BYTES, 16),
        ("HoldLimit", HoldLimit::FIRST_BYTES, 24),
        ("Placement", Placement::FIRST_BYTES, 232),
        ("Quantities", Quantities::FIRST_BYTES, 24),
        ("Request", Request::FIRST_BYTES, 144),
        ("SelectionSpec", SelectionSpec::FIRST_BYTES, 72),
        ("ShapeInfo", ShapeInfo::FIRST_BYTES, 32),
        ("ShapeSpec", ShapeSpec::FIRST_BYTES, 128),
        ("SnapshotAgent", SnapshotAgent::FIRST_BYTES, 24),
        ("Usage", Usage::FIRST_BYTES, 208),
    ];
    for (name, bytes, expected) in first {
        assert_eq!(bytes, expected, "{name}: set FIRST_BYTES where it says that it grows");
    }
}

/// As a newer header would have it.
#[repr(C)]
struct Newer {
    capacity: Capacity,
    more: [u32; 2],
}

impl Newer {
    fn new(more: u32) -> Self {
        let size = bytes_of::<Self>();
        let capacity = Capacity { size, shards: 1, agents: 1, lines: 8, claims: 8, roles: 1, threads: 1, shapes: 1 };
        Self { capacity, more: [0, more] }
    }

    /// As a C caller hands it over.
    fn pointer(&mut self) -> Out<Capacity> {
        // SAFETY: as many bytes as `size` says, alive for the call; the tests uphold it by keeping it in a local.
        unsafe { Out::new(ptr::from_mut(self).cast()) }
    }

    fn input(&mut self) -> In<Capacity> {
        self.pointer().read()
    }
}

#[test]
fn fields_of_a_newer_caller_must_be_0() {
    let mut table = Out::null();
    ok(|message| meros_table_new(Newer::new(0).input(), output(&mut table), message));
    meros_table_free(table);
    let (status, text) = told(|message| meros_table_new(Newer::new(5).input(), output(&mut table), message));
    assert_eq!(status, Status::InvalidArgument);
    assert_eq!(text, "capacity has fields set that this version does not know: leave them 0");
}

#[test]
fn a_struct_is_written_as_far_as_it_goes() {
    let fixture = Fixture::new();
    let mut newer = Newer::new(5);
    ok(|message| meros_table_capacity(fixture.table(), newer.pointer(), message));
    assert_eq!((newer.capacity.size, newer.capacity.agents, newer.more), (bytes_of::<Newer>(), 2, [0, 0]));
}

#[test]
fn a_short_array_tells_what_is_needed() {
    let fixture = Fixture::new();
    let claim = fixture.place(TWO_PUS).claim;
    let mut placement = Placement { memory_hold: 9, ..empty_placement() };
    let (status, _) = told(|message| meros_placement_read(fixture.table(), claim, output(&mut placement), message));
    assert_eq!((status, placement.pus_len, placement.memory_len), (Status::TooSmall, 2, 1));
    let mut pus = [PlacedPu { pu: 99, member: 99 }; 3];
    let mut memory = [NumaNodeMemory { mem_bytes: 0, numa_node: 0, reserved: 0 }; 1];
    (placement.pus, placement.pus_capacity) = (first_mut(&mut pus), 2);
    (placement.memory, placement.memory_capacity) = (first_mut(&mut memory), 1);
    ok(|message| meros_placement_read(fixture.table(), claim, output(&mut placement), message));
    assert_eq!((pus.map(|pu| pu.pu), memory[0].mem_bytes), ([0, 1, 99], 1 << 30));
    assert_eq!((placement.shares_len, placement.memory_hold), (0, 0));
}

#[test]
fn a_message_is_cut_between_characters() {
    let mut text = [1; 8];
    for (capacity, expected) in
        [(0, &[1_i8, 1, 1][..]), (1, &[0, 1, 1]), (4, &[97, 98, 0]), (5, &[97, 98, -50, -69, 0])]
    {
        text.fill(1);
        let mut message = Message { text: first_mut(&mut text), capacity, length: 9 };
        let status = crate::boundary::call(output(&mut message), || panic!("abλ!"));
        assert_eq!((status, message.length), (Status::Panic, 5));
        let seen: Vec<[u8; 1]> = text.iter().take(expected.len()).map(|byte| byte.to_ne_bytes()).collect();
        assert_eq!(seen, expected.iter().map(|byte| byte.to_ne_bytes()).collect::<Vec<_>>(), "capacity {capacity}");
    }
}
