//! Tests of the functions as C calls them: what they answer, what they refuse, and that nothing unwinds out of them.

mod attributes;
mod bad_input;
mod calls;
mod extras;
mod groups;
mod panics;
mod reasons;
mod rules;
mod selections;
mod selections_in_use;
mod siting;
mod sizes;
mod snapshots;
mod standings;
mod verbs;

use crate::agent::meros_agent_add;
use crate::answer::Answer;
use crate::extras_spec::HugePages;
use crate::message::Message;
use crate::placement::Placement;
use crate::pointer::{In, Out, Plain};
use crate::request::{Holder, Member, Request};
use crate::role::meros_role_add;
use crate::shape::{CoreSpec, NumaNodeSpec, Shape, ShapeSpec, meros_shape_free, meros_shape_new};
use crate::status::Status;
use crate::table::{Capacity, Table, meros_capacity_for_agents, meros_table_free, meros_table_new};

/// A pointer to read from.
fn input<T>(value: &T) -> In<T> {
    // SAFETY: a reference's target, alive for the call; the tests uphold it by keeping what they point at in a local.
    unsafe { In::new(value) }
}

/// A pointer to write to.
fn output<T>(value: &mut T) -> Out<T> {
    // SAFETY: a reference's target, alive for the call; the tests uphold it by keeping what they point at in a local.
    unsafe { Out::new(value) }
}

/// A pointer to the first of several.
fn first<T>(values: &[T]) -> In<T> {
    // SAFETY: a slice's elements, alive for the call; the tests uphold it by keeping what they point at in a local.
    unsafe { In::new(values.as_ptr()) }
}

/// A pointer to the first of several to write to.
fn first_mut<T>(values: &mut [T]) -> Out<T> {
    // SAFETY: a slice's elements, alive for the call; the tests uphold it by keeping what they point at in a local.
    unsafe { Out::new(values.as_mut_ptr()) }
}

/// A pointer that leads nowhere, by its address.
fn wild<T>(address: usize) -> Out<T> {
    // SAFETY: null or misaligned, which is told before it is followed; that is what the tests that use it look at.
    unsafe { Out::new(core::ptr::without_provenance_mut(address)) }
}

fn none<T>() -> In<T> {
    wild(0).read()
}

/// Calls with a message; tells the status and the text.
fn told(call: impl FnOnce(Out<Message>) -> Status) -> (Status, String) {
    let mut text = [0; 256];
    let mut message = Message { text: first_mut(&mut text), capacity: text.len(), length: 0 };
    let status = call(output(&mut message));
    let bytes = text.iter().map(|byte| byte.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.len(), message.length, "{text}");
    (status, text)
}

fn ok(call: impl FnOnce(Out<Message>) -> Status) {
    assert_eq!(told(call), (Status::Ok, String::new()));
}

const CORE: CoreSpec = CoreSpec { pus: 2, l3: 0, numa_node: 0, package: 0, kind: 0, reserved: [0; 3] };
const NUMA_NODE: NumaNodeSpec =
    NumaNodeSpec { mem_bytes: 8 << 30, huge_pages: HugePages { mib2: 0, gib1: 0 }, kind: 0, reserved: [0; 9] };
const HOLDER: Holder = Holder { owner: 7, role: 0, reserved: 0 };
const TWO_PUS: Member = Member { pus: 2, cores: 0, cpu_milli: 0, smt: 0, kind_wish: 0, kind: 0, reserved: [0; 2] };
const SHARE: Member = Member { pus: 0, cpu_milli: 500, ..TWO_PUS };

/// A struct as C programs begin with it.
fn zeroed<T: Plain>() -> T {
    // SAFETY: any bits are a value, also all zero (`Plain`).
    unsafe { core::mem::zeroed() }
}

fn empty_placement() -> Placement {
    Placement { size: bytes_of::<Placement>(), ..zeroed() }
}

fn bytes_of<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap()
}

fn spec(cores: &[CoreSpec], numa_nodes: &[NumaNodeSpec]) -> ShapeSpec {
    ShapeSpec {
        size: bytes_of::<ShapeSpec>(),
        cores: first(cores),
        cores_len: cores.len(),
        numa_nodes: first(numa_nodes),
        numa_nodes_len: numa_nodes.len(),
        ..zeroed()
    }
}

fn request(members: &[Member]) -> Request {
    Request {
        size: bytes_of::<Request>(),
        mem_bytes: 1 << 30,
        members: first(members),
        members_len: members.len(),
        ..zeroed()
    }
}

const CAPACITY: Capacity =
    Capacity { size: 0, shards: 0, agents: 0, lines: 0, claims: 0, roles: 0, threads: 0, shapes: 0 };

/// A table with one agent of four cores of two PUs, and a role without limit.
struct Fixture {
    table: Out<Table>,
    shape: Out<Shape>,
}

impl Fixture {
    fn new() -> Self {
        Self::of(&spec(&[CORE; 4], &[NUMA_NODE]))
    }

    /// The same with an agent of this shape.
    fn of(spec: &ShapeSpec) -> Self {
        Self::of_agents(spec, 1)
    }

    /// The same with so many agents.
    fn of_agents(spec: &ShapeSpec, agents: u32) -> Self {
        let mut made = Self { table: Out::null(), shape: Out::null() };
        ok(|message| meros_shape_new(input(spec), output(&mut made.shape), message));
        let mut capacity = Capacity { size: bytes_of::<Capacity>(), ..CAPACITY };
        ok(|message| meros_capacity_for_agents(agents + 1, made.shape.read(), output(&mut capacity), message));
        ok(|message| meros_table_new(input(&capacity), output(&mut made.table), message));
        let (mut role, mut agent) = (9, 9);
        ok(|message| meros_role_add(made.table(), none(), output(&mut role), message));
        for at in 0..agents {
            ok(|message| meros_agent_add(made.table(), made.shape.read(), output(&mut agent), message));
            assert_eq!((role, agent), (0, at));
        }
        made
    }

    fn table(&self) -> In<Table> {
        self.table.read()
    }

    /// Places one request of one member, which must work.
    fn place(&self, member: Member) -> Answer {
        let (members, mut answer) = ([member], Answer::default());
        let request = request(&members);
        ok(|message| {
            let (holder, answer) = (input(&HOLDER), output(&mut answer));
            crate::place::meros_place(self.table(), none(), holder, input(&request), 0, answer, message)
        });
        answer
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        meros_shape_free(self.shape);
        meros_table_free(self.table);
    }
}
