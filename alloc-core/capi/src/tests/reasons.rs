//! Reasons: what an answer that is a no says of why, beside its message.

use meros_alloc_core as alloc;

use super::{
    Fixture, HOLDER, NUMA_NODE, SHARE, TWO_PUS, bytes_of, empty_placement, first, first_mut, input, none, ok, output,
    request, spec, told,
};
use crate::agent::meros_agent_add;
use crate::answer::{Answer, Told};
use crate::claim::{Claimed, meros_claim, meros_release, meros_release_many, meros_transfer};
use crate::claim_exact::meros_claim_exact;
use crate::codes::{NO_CLAIM, NONE, Reason, Resource};
use crate::extras_spec::{DeviceSpec, ExtrasSpec};
use crate::gang::meros_place_gang;
use crate::message::Message;
use crate::placed_extras::{DeviceShare, PlacedExtras};
use crate::placement::{NumaNodeMemory, PlacedPu, Placement, PoolShare};
use crate::pointer::Out;
use crate::request::{Holder, Member, Request};
use crate::restore::meros_restore;
use crate::role::meros_role_add;
use crate::status::Status;
use crate::table::{Capacity, meros_table_free, meros_table_new, meros_validate};

/// An answer as nobody would leave it.
fn unwritten() -> Answer {
    Answer { reason: 99, owner: 99, permanent: 99, ..Answer::default() }
}

/// Checks that a no is one by status and reason; passes its answer on.
fn no(status: Status, reason: Reason, call: impl FnOnce(Out<Answer>, Out<Message>) -> Status) -> Answer {
    let mut answer = unwritten();
    let (found, text) = told(|message| call(output(&mut answer), message));
    assert_eq!((found, answer.status, answer.reason), (status, status as u32, reason as u32), "{text}");
    assert_eq!(answer.claim, NO_CLAIM, "{text}");
    answer
}

#[test]
fn of_claims_that_are_gone_or_somebody_elses() {
    let fixture = Fixture::new();
    let (table, claim) = (fixture.table(), fixture.place(TWO_PUS).claim);
    let theirs = no(Status::NotOwner, Reason::NotOwner, |answer, message| {
        meros_release(table, none(), claim, 8, answer, message)
    });
    assert_eq!((theirs.owner, theirs.permanent), (7, 0));
    let theirs = no(Status::NotOwner, Reason::NotOwner, |answer, message| {
        meros_transfer(table, none(), claim, 8, 9, answer, message)
    });
    assert_eq!((theirs.owner, theirs.agent), (7, 0));
    ok(|message| meros_release(table, none(), claim, 7, Out::null(), message));
    let gone =
        no(Status::Gone, Reason::Gone, |answer, message| meros_release(table, none(), claim, 7, answer, message));
    assert_eq!((gone.agent, gone.permanent, gone.owner), (0, 1, 0));
    let gone =
        no(Status::Gone, Reason::Gone, |answer, message| meros_transfer(table, none(), claim, 7, 8, answer, message));
    assert_eq!((gone.agent, gone.permanent), (0, 1));
    let mut answers = [unwritten()];
    let claims = [Claimed { claim, owner: 7 }];
    told(|message| meros_release_many(table, none(), first(&claims), 1, first_mut(&mut answers), message));
    assert_eq!((answers[0].status, answers[0].reason), (Status::Gone as u32, Reason::Gone as u32));
}

/// PUs 0 and 1, and so many bytes of a NUMA node.
struct Held {
    pus: [PlacedPu; 2],
    memory: [NumaNodeMemory; 1],
}

impl Held {
    fn new(mem_bytes: u64) -> Self {
        let pus = [PlacedPu { pu: 0, member: 0 }, PlacedPu { pu: 1, member: 0 }];
        Self { pus, memory: [NumaNodeMemory { mem_bytes, numa_node: 0, reserved: 0 }] }
    }

    fn placement(&mut self) -> Placement {
        let mut placement = empty_placement();
        (placement.pus, placement.pus_len) = (first_mut(&mut self.pus), 2);
        (placement.memory, placement.memory_len) = (first_mut(&mut self.memory), 1);
        placement
    }
}

/// Restores what must be refused.
fn unrestored(
    fixture: &Fixture,
    (status, reason): (Status, Reason),
    agent: u32,
    role: u32,
    placement: &Placement,
) -> Answer {
    let holder = Holder { role, ..HOLDER };
    no(status, reason, |answer, message| {
        meros_restore(fixture.table(), agent, input(&holder), input(placement), answer, message)
    })
}

#[test]
fn of_what_cannot_be_restored() {
    let (devices, numa_nodes) = ([DeviceSpec { kind: 5, numa_node: 0, reserved: [0; 2] }], [NUMA_NODE]);
    let mut spec = spec(&[super::CORE; 4], &numa_nodes);
    spec.extras = ExtrasSpec { devices: first(&devices), devices_len: 1, ..spec.extras };
    let fixture = Fixture::of(&spec);
    let taken = (Status::Refused, Reason::Taken);

    let (mut shares, mut held) = ([PoolShare { numa_node: 0, member: 0, cpu_milli: 700, reserved: 0 }], Held::new(1));
    let shared = Placement { shares: first_mut(&mut shares), shares_len: 1, ..empty_placement() };
    let answer = unrestored(&fixture, taken, 0, 0, &shared);
    assert_eq!((answer.what, answer.which), (Resource::CpuMilli as u32, 0));
    assert_eq!((answer.asked, answer.free, answer.permanent), (700, 0, 0));

    held.memory[0].mem_bytes = 9 << 30;
    let answer = unrestored(&fixture, taken, 0, 0, &held.placement());
    assert_eq!((answer.what, answer.which), (Resource::MemBytes as u32, 0));
    assert_eq!((answer.asked, answer.free), (9 << 30, 8 << 30));

    held.memory[0].mem_bytes = 4096;
    let mut devices = [DeviceShare { device: 0, milli: 1000 }];
    let extras = PlacedExtras { devices: first_mut(&mut devices), devices_len: 1, ..held.placement().extras };
    let restored = Placement { extras, ..held.placement() };
    ok(|message| {
        let (holder, answer) = (input(&HOLDER), &mut unwritten());
        meros_restore(fixture.table(), 0, holder, input(&restored), output(answer), message)
    });
    let answer = unrestored(&fixture, taken, 0, 0, &held.placement());
    assert_eq!((answer.what, answer.which, answer.agent), (Resource::ExclusivePus as u32, 0, 0));
    for (pu, at) in held.pus.iter_mut().zip(4..) {
        pu.pu = at;
    }
    let answer = unrestored(&fixture, taken, 0, 0, &Placement { extras, ..held.placement() });
    assert_eq!((answer.what, answer.which), (Resource::DeviceMilli as u32, 5));

    let gone = unrestored(&fixture, (Status::Gone, Reason::Gone), 77, 0, &held.placement());
    assert_eq!((gone.agent, gone.permanent), (77, 1));
    let unknown = (Status::InvalidArgument, Reason::NoSuchRole);
    assert_eq!(unrestored(&fixture, unknown, 0, 9, &held.placement()).permanent, 1);
    held.pus[1].pu = 99;
    let invalid = (Status::InvalidArgument, Reason::Invalid);
    assert_eq!(unrestored(&fixture, invalid, 0, 0, &held.placement()).permanent, 1);
    ok(|message| meros_validate(fixture.table(), message));
}

#[test]
fn used_up_records_are_the_same_no_to_a_claim_and_to_a_restore() {
    let mut fixture = Fixture::new();
    meros_table_free(fixture.table);
    let size = bytes_of::<Capacity>();
    let few = Capacity { size, shards: 1, agents: 1, lines: 64, claims: 1, roles: 1, threads: 1, shapes: 1 };
    ok(|message| meros_table_new(input(&few), output(&mut fixture.table), message));
    let (mut role, mut agent) = (NONE, NONE);
    ok(|message| meros_role_add(fixture.table(), none(), output(&mut role), message));
    ok(|message| meros_agent_add(fixture.table(), fixture.shape.read(), output(&mut agent), message));

    let full = (Status::Refused, Reason::RecordsFull);
    let members = [Member { cpu_milli: 50, ..SHARE }];
    let wanted = Request { mem_bytes: 0, ..request(&members) };
    let claim =
        |answer, message| meros_claim(fixture.table(), none(), agent, input(&HOLDER), input(&wanted), answer, message);
    // A table has room for 64 claims at least.
    for _ in 0..64 {
        let mut answer = unwritten();
        ok(|message| claim(output(&mut answer), message));
        assert_eq!(answer.reason, Reason::Granted as u32);
    }
    no(full.0, full.1, claim);
    let mut held = Held::new(4096);
    for (pu, at) in held.pus.iter_mut().zip(6..) {
        pu.pu = at;
    }
    let answer = unrestored(&fixture, full, agent, role, &held.placement());
    assert_eq!((answer.agent, answer.permanent), (agent, 0));
}

#[test]
fn of_a_gang_that_is_undone() {
    let fixture = Fixture::new();
    let (members, mut answers, mut whole) = ([TWO_PUS], [unwritten(); 5], unwritten());
    let wanted = request(&members);
    let (status, text) = told(|message| {
        let (holder, answers, whole) = (input(&HOLDER), first_mut(&mut answers), output(&mut whole));
        meros_place_gang(fixture.table(), none(), holder, input(&wanted), 5, 0, 5, answers, whole, message)
    });
    assert_eq!((status, whole.reason), (Status::Refused, Reason::NoAgent as u32), "{text}");
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!((answer.status, answer.reason, answer.claim), (whole.status, whole.reason, NO_CLAIM));
        assert_eq!(answer.agent, if at < 4 { 0 } else { NONE }, "four were made");
    }
}

#[test]
fn of_a_stale_claim() {
    let fixture = Fixture::new();
    let mut held = Held::new(4096);
    let stale = no(Status::Stale, Reason::Stale, |answer, message| {
        let (holder, placement) = (input(&HOLDER), held.placement());
        meros_claim_exact(fixture.table(), none(), 0, 9, holder, input(&placement), answer, message)
    });
    assert_eq!((stale.agent, stale.permanent), (0, 0));
}

#[test]
fn of_others_in_the_way() {
    let (agent, claim) = (alloc::AgentId::new(3), alloc::ClaimId::from_u64(0));
    let contended = alloc::Contended { pools_changed: true };
    for (told, changed) in [
        (Told::outcome(agent, alloc::Outcome::Contended(contended)), 1),
        (Told::claimed_exact(agent, alloc::ClaimedExact::Contended(contended)), 1),
        (Told::placed(alloc::Placed::Contended { pools_changed: Some(agent) }), 1),
        (Told::placed(alloc::Placed::Contended { pools_changed: None }), 0),
        (Told::ganged(alloc::Ganged::Contended { pools_changed: true }), 1),
        (Told::released(claim, alloc::Released::Contended), 0),
        (Told::transferred(claim, alloc::Transferred::Contended), 0),
        (Told::standing_set(claim, alloc::StandingSet::Contended), 0),
        (Told::merged(claim, alloc::Merged::Contended), 0),
        (Told::restored(agent, Err(alloc::RestoreError::Contended)), 0),
    ] {
        let Answer { status, reason, permanent, claim, .. } = told.answer;
        assert_eq!((status, reason), (Status::Contended as u32, Reason::Contended as u32), "{told:?}");
        assert_eq!((permanent, claim, told.answer.pools_changed), (0, NO_CLAIM, changed), "{told:?}");
        assert_eq!(told.answered.map_err(|no| no.to_string()), Err("others were in the way: ask again".to_owned()));
    }
}
