//! Bad input: each is answered with `MEROS_INVALID_ARGUMENT` (or what else it is) and a message that names it; nothing is changed.

use super::{
    CORE, Fixture, HOLDER, NUMA_NODE, TWO_PUS, bytes_of, first, input, none, ok, output, request, spec, told, wild,
    zeroed,
};
use crate::agent::{meros_agent_add_in, meros_agent_set_state};
use crate::answer::Answer;
use crate::claim::{meros_claim, meros_hold, meros_release};
use crate::codes::NONE;
use crate::message::Message;
use crate::place::{meros_place, meros_place_many};
use crate::pointer::{In, Out};
use crate::pool::meros_pool_confirm;
use crate::request::{HoldLimit, Holder, Member, Request};
use crate::role::{
    Quantities, meros_role_add_under, meros_role_parent, meros_role_set_limit, meros_role_set_limit_of,
    meros_role_used_of,
};
use crate::shape::{CoreSpec, NumaNodeSpec, ShapeSpec, meros_shape_new};
use crate::status::Status;
use crate::table::{Capacity, meros_table_free, meros_table_new, meros_table_touch, meros_validate};
use crate::usage::{Usage, meros_usage_read};

/// Checks what is refused, each with what the message must contain.
fn refused(cases: &[(&str, Status, String)]) {
    for (expected, status, text) in cases {
        assert_eq!(*status, Status::InvalidArgument, "{expected}: {text}");
        assert!(text.contains(expected), "`{text}` does not say `{expected}`");
    }
}

fn case(expected: &'static str, call: impl FnOnce(Out<Message>) -> Status) -> (&'static str, Status, String) {
    let (status, text) = told(call);
    (expected, status, text)
}

#[test]
fn shapes() {
    let shape = |expected, change: fn(&mut ShapeSpec, &mut [CoreSpec; 2], &mut [NumaNodeSpec; 1])| {
        let (mut cores, mut numa_nodes, mut made) = ([CORE; 2], [NUMA_NODE], Out::null());
        let mut spec = spec(&[], &[]);
        (spec.cores_len, spec.numa_nodes_len) = (2, 1);
        change(&mut spec, &mut cores, &mut numa_nodes);
        (spec.cores, spec.numa_nodes) = (first(&cores), first(&numa_nodes));
        case(expected, |message| meros_shape_new(input(&spec), output(&mut made), message))
    };
    refused(&[
        shape("cores is empty", |spec, _, _| spec.cores_len = 0),
        shape("spec.cores is longer than memory", |spec, _, _| spec.cores_len = usize::MAX / 8),
        shape("cores.pus is 33: give at most 32", |_, cores, _| cores[1].pus = 33),
        shape("cores.pus is 300: give at most 32", |_, cores, _| cores[1].pus = 300),
        shape("cores[1].pus is 0", |_, cores, _| cores[1].pus = 0),
        shape("cores.numa_node is 65536", |_, cores, _| cores[0].numa_node = 1 << 16),
        shape("cores[0].numa_node is n1", |_, cores, _| cores[0].numa_node = 1),
        shape("cores.reserved is not used yet", |_, cores, _| cores[0].reserved[2] = 1),
        shape("numa_nodes.reserved is not used yet", |_, _, numa_nodes| numa_nodes[0].reserved[0] = 1),
        shape("spec.reserved is not used yet", |spec, _, _| spec.reserved = 1),
        shape("numa_nodes[0].huge_pages is too large", |_, _, numa_nodes| numa_nodes[0].huge_pages.mib2 = u64::MAX),
        shape("cores[0].numa_node is n0, whose kind is not 0", |_, _, numa_nodes| numa_nodes[0].kind = 1),
        shape("disk_bytes", |spec, _, _| spec.extras.disk_bytes = u64::MAX),
        shape("spec.extras.devices is null", |spec, _, _| spec.extras.devices_len = 1),
        shape("spec.extras.scalars is null", |spec, _, _| spec.extras.scalars_len = 1),
        shape("spec.extras.ranges is not aligned", |spec, _, _| {
            (spec.extras.ranges, spec.extras.ranges_len) = (wild(9).read(), 1);
        }),
        shape("spec.extras.sets is longer than memory", |spec, _, _| {
            (spec.extras.sets, spec.extras.sets_len) = (wild(16).read(), usize::MAX);
        }),
        shape("spec.size is 8", |spec, _, _| spec.size = 8),
        shape("spec.size is 5000", |spec, _, _| spec.size = 5000),
        shape("spec.distances is null", |spec, _, _| spec.distances_len = 1),
        case("spec is null", |message| meros_shape_new(none(), output(&mut Out::null()), message)),
        case("spec is not aligned", |message| meros_shape_new(wild(9).read(), output(&mut Out::null()), message)),
        case("shape is null", |message| meros_shape_new(none(), Out::null(), message)),
    ]);
}

#[test]
fn capacities_and_tables() {
    let fixture = Fixture::new();
    let table = |expected, change: fn(&mut Capacity)| {
        let size = bytes_of::<Capacity>();
        let mut capacity =
            Capacity { size, shards: 1, agents: 1, lines: 8, claims: 8, roles: 1, threads: 1, shapes: 1 };
        change(&mut capacity);
        case(expected, |message| meros_table_new(input(&capacity), output(&mut Out::null()), message))
    };
    refused(&[
        table("give at least 1 of each", |capacity| capacity.agents = 0),
        table("capacity.shards is 65: give at most 64", |capacity| capacity.shards = 65),
        table("capacity.shards is 256", |capacity| capacity.shards = 256),
        table("capacity.shapes is 4097: give at most 4096", |capacity| capacity.shapes = 4097),
        table("capacity.shapes is 65536: give at most 4096", |capacity| capacity.shapes = 1 << 16),
        table("capacity.roles is 65536", |capacity| capacity.roles = 1 << 16),
        table("capacity.size is 0", |capacity| capacity.size = 0),
        case("shard 1 is beyond", |message| meros_table_touch(fixture.table(), 1, message)),
        case("shard 3 is beyond", |message| {
            meros_agent_add_in(fixture.table(), 3, fixture.shape.read(), output(&mut 0), message)
        }),
        case("state is 3: give at most 2", |message| meros_agent_set_state(fixture.table(), 0, 3, message)),
        case("role r1 is unknown", |message| meros_role_set_limit(fixture.table(), 1, none(), message)),
        case("role is 65536", |message| meros_role_set_limit(fixture.table(), 1 << 16, none(), message)),
        case("role r7 is unknown", |message| meros_role_add_under(fixture.table(), 7, none(), output(&mut 0), message)),
        case("role r7 is unknown", |message| meros_role_parent(fixture.table(), 7, output(&mut 0), message)),
        case("role r7 is unknown", |message| meros_role_set_limit_of(fixture.table(), 7, 9, NONE, 1, message)),
        case("role r7 is unknown", |message| meros_role_used_of(fixture.table(), 7, 9, NONE, output(&mut 0), message)),
        case("what is 1, which roles are not charged for", |message| {
            meros_role_set_limit_of(fixture.table(), 0, 1, NONE, 1, message)
        }),
        case("what is 16, which roles are not charged for", |message| {
            meros_role_used_of(fixture.table(), 0, 16, NONE, output(&mut 0), message)
        }),
        case("used is null", |message| meros_role_used_of(fixture.table(), 0, 9, NONE, Out::null(), message)),
        case("limit.size is 1", |message| {
            let limit = Quantities { size: 1, reserved: 0, cpu_milli: 0, mem_bytes: 0 };
            meros_role_set_limit(fixture.table(), 0, input(&limit), message)
        }),
        case("limit.reserved is not used yet", |message| {
            let limit = Quantities { size: bytes_of::<Quantities>(), reserved: 1, cpu_milli: 0, mem_bytes: 0 };
            meros_role_set_limit(fixture.table(), 0, input(&limit), message)
        }),
        case("usage.reserved is not used yet", |message| {
            let mut usage = Usage { size: bytes_of::<Usage>(), reserved: 1, ..zeroed() };
            meros_usage_read(fixture.table(), 0, output(&mut usage), message)
        }),
        case("no such pool", |message| meros_pool_confirm(fixture.table(), 0, 5, 0, Out::null(), message)),
        case("table is null", |message| meros_validate(none(), message)),
        case("table is not aligned", |message| meros_validate(wild(12).read(), message)),
    ]);
}

#[test]
fn the_most_of_a_capacity_is_the_cores() {
    let (size, mut table) = (bytes_of::<Capacity>(), Out::null());
    let most = Capacity { size, shards: 64, agents: 64, lines: 512, claims: 64, roles: 1, threads: 1, shapes: 4096 };
    ok(|message| meros_table_new(input(&most), output(&mut table), message));
    meros_table_free(table);
}

#[test]
fn requests() {
    let fixture = Fixture::new();
    let place = |expected, change: fn(&mut Request, &mut [Member; 9], &mut Holder)| {
        let (mut members, mut holder, mut answer) = ([TWO_PUS; 9], HOLDER, Answer::default());
        let mut request = request(&[]);
        request.members_len = 1;
        change(&mut request, &mut members, &mut holder);
        request.members = first(&members);
        case(expected, |message| {
            let (holder, request) = (input(&holder), input(&request));
            meros_place(fixture.table(), none(), holder, request, 0, output(&mut answer), message)
        })
    };
    refused(&[
        place("asks for no CPU", |request, _, _| request.members_len = 0),
        place("asks for no CPU", |_, members, _| members[0].pus = 0),
        place("has 9 members: give at most 8", |request, _, _| request.members_len = 9),
        place("set one of them", |_, members, _| members[0].cores = 1),
        place("smt is 3", |_, members, _| members[0].smt = 3),
        place("kind_wish is 7", |_, members, _| members[0].kind_wish = 7),
        place("members.reserved", |_, members, _| members[0].reserved[0] = 1),
        place("level_wish is 3", |request, _, _| request.level_wish = 3),
        place("level is 4294967295: give at most 3", |request, _, _| request.level = u32::MAX),
        place("memory is 3", |request, _, _| request.memory = 3),
        place("request.members is longer", |request, _, _| request.members_len = usize::MAX),
        place("request.size is 39", |request, _, _| request.size = 39),
        place("role is 4294967295", |_, _, holder| holder.role = u32::MAX),
        place("role r5 is unknown", |_, _, holder| holder.role = 5),
        place("holder.reserved", |_, _, holder| holder.reserved = 1),
    ]);
    ok(|message| meros_validate(fixture.table(), message));
}

#[test]
fn pointers_of_a_claim() {
    let fixture = Fixture::new();
    let (members, mut answer, mut held) = ([TWO_PUS], Answer::default(), Answer::default());
    let wanted = request(&members);
    let mut claim = |expected, holder: In<Holder>, request: In<Request>, write: bool| {
        let answer = if write { output(&mut answer) } else { Out::null() };
        case(expected, |message| meros_claim(fixture.table(), none(), 0, holder, request, answer, message))
    };
    refused(&[
        claim("holder is null", none(), input(&wanted), true),
        claim("holder is not aligned", wild(1).read(), input(&wanted), true),
        claim("request is null", input(&HOLDER), none(), true),
        claim("answer is null", input(&HOLDER), input(&wanted), false),
        case("local is not aligned", |message| {
            meros_release(fixture.table(), wild(3).read(), 0, 0, Out::null(), message)
        }),
        case("answers is null", |message| {
            let holders = [HOLDER];
            meros_place_many(fixture.table(), none(), first(&holders), 1, input(&wanted), 0, Out::null(), message)
        }),
        case("limit.extras is 2: give at most 1", |message| {
            let limit = HoldLimit { size: bytes_of::<HoldLimit>(), extras: 2, ..zeroed() };
            meros_hold(fixture.table(), none(), 0, input(&HOLDER), input(&limit), output(&mut held), message)
        }),
        case("policy is 3", |message| {
            meros_place_many(fixture.table(), none(), none(), 0, input(&wanted), 3, Out::null(), message)
        }),
    ]);
    let used = fixture.place(Member { pus: 8, ..TWO_PUS });
    assert_eq!(used.cpu_milli, 8000, "nothing of the above was kept");
}

#[test]
fn messages() {
    assert_eq!(meros_validate(none(), wild(4)), Status::InvalidArgument, "a misaligned message");
    let mut message = Message { text: Out::null(), capacity: 5, length: 9 };
    assert_eq!(meros_validate(none(), output(&mut message)), Status::InvalidArgument, "a null buffer with room");
    assert_eq!(message.length, 9);
    message.capacity = 0;
    assert_eq!(meros_validate(none(), output(&mut message)), Status::InvalidArgument);
    assert_eq!(message.length, "table is null".len(), "a buffer without room is asked for its length");
}

#[test]
fn what_is_not_there() {
    let fixture = Fixture::new();
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let wanted = request(&members);
    let gone = told(|message| {
        meros_claim(fixture.table(), none(), 77, input(&HOLDER), input(&wanted), output(&mut answer), message)
    });
    assert_eq!((gone.0, answer.agent), (Status::Gone, 77), "{}", gone.1);
    for claim in [0, 1, u64::MAX] {
        let gone = told(|message| meros_release(fixture.table(), none(), claim, 7, Out::null(), message));
        assert_eq!(gone.0, Status::Gone, "{}", gone.1);
    }
}
