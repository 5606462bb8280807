//! Snapshots, and exact claims of what is found there.

use super::{
    Fixture, HOLDER, SHARE, TWO_PUS, bytes_of, empty_placement, first_mut, input, none, ok, output, request, told,
    wild, zeroed,
};
use crate::agent::{meros_agent_remove, meros_agent_return};
use crate::agent_snapshot::{
    DomainFree, LeafFree, SnapshotAgent, meros_snapshot_agent_read, meros_snapshot_domains, meros_snapshot_fits,
    meros_snapshot_free_pus, meros_snapshot_leaves, meros_snapshot_memory, meros_snapshot_plan, meros_snapshot_pools,
};
use crate::answer::Answer;
use crate::claim_exact::meros_claim_exact;
use crate::codes::{NONE, Reason, Resource};
use crate::placement::{NumaNodeMemory, PlacedPu, Placement};
use crate::pointer::{In, Out};
use crate::snapshot::{
    Snapshot, meros_snapshot_agents, meros_snapshot_free, meros_snapshot_new, meros_snapshot_refresh,
};
use crate::status::Status;
use crate::usage::{MemoryUsage, PoolUsage};

/// A fixture and a snapshot of it, not refreshed yet.
struct Copy {
    fixture: Fixture,
    snapshot: Out<Snapshot>,
}

impl Copy {
    fn new() -> Self {
        let (fixture, mut snapshot) = (Fixture::new(), Out::null());
        ok(|message| meros_snapshot_new(fixture.table(), NONE, output(&mut snapshot), message));
        Self { fixture, snapshot }
    }

    fn read(&self) -> In<Snapshot> {
        self.snapshot.read()
    }

    fn refresh(&self) {
        let mut torn = 9;
        ok(|message| meros_snapshot_refresh(self.read(), output(&mut torn), message));
        assert_eq!(torn, 0);
    }

    fn claim(&self, incarnation: u32, placement: &Placement) -> (Status, String, Answer) {
        let mut answer = Answer::default();
        let (status, text) = told(|message| {
            let (holder, placement, answer) = (input(&HOLDER), input(placement), output(&mut answer));
            meros_claim_exact(self.fixture.table(), none(), 0, incarnation, holder, placement, answer, message)
        });
        (status, text, answer)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        meros_snapshot_free(self.snapshot);
    }
}

#[test]
fn what_is_found_is_claimed_and_what_is_old_is_told() {
    let copy = Copy::new();
    copy.refresh();
    let (members, mut pus, mut memory) = ([TWO_PUS], [zeroed::<PlacedPu>(); 2], [zeroed::<NumaNodeMemory>(); 1]);
    let (wanted, mut fits) = (request(&members), 9);
    ok(|message| meros_snapshot_fits(copy.read(), 0, input(&wanted), output(&mut fits), message));
    assert_eq!(fits, 1);
    let mut placement = empty_placement();
    let plan = |placement, message| meros_snapshot_plan(copy.read(), 0, input(&wanted), placement, message);
    assert_eq!(told(|message| plan(output(&mut placement), message)).0, Status::TooSmall);
    assert_eq!((placement.pus_len, placement.memory_len), (2, 1));
    (placement.pus, placement.pus_capacity) = (first_mut(&mut pus), 2);
    (placement.memory, placement.memory_capacity) = (first_mut(&mut memory), 1);
    ok(|message| plan(output(&mut placement), message));

    let (status, text, answer) = copy.claim(1, &placement);
    assert_eq!((status, answer.cpu_milli), (Status::Ok, 2000), "{text}");
    let (status, text, answer) = copy.claim(1, &placement);
    assert_eq!((status, answer.reason), (Status::Refused, Reason::Taken as u32), "{text}");
    assert_eq!((answer.what, answer.which), (Resource::ExclusivePus as u32, pus[0].pu));
    assert_eq!(text, "PU u0 is taken: look again, and choose another");

    let shape = copy.fixture.shape.read();
    ok(|message| meros_agent_remove(copy.fixture.table(), 0, Out::null(), message));
    assert_eq!(copy.claim(1, &placement).0, Status::Gone);
    ok(|message| meros_agent_return(copy.fixture.table(), 0, shape, message));
    let (status, text, _) = copy.claim(1, &placement);
    assert_eq!(status, Status::Stale);
    assert_eq!(text, "the agent is incarnation 2 by now: refresh the snapshot, and choose again");
    assert_eq!(copy.claim(2, &placement).0, Status::Ok);
}

#[test]
fn a_snapshot_is_of_its_last_refresh() {
    let copy = Copy::new();
    let (mut agents, mut len) = ([9], 9);
    let mut list = || {
        let (agents, len) = (first_mut(&mut agents), output(&mut len));
        ok(|message| meros_snapshot_agents(copy.read(), agents, 1, len, message));
    };
    list();
    copy.fixture.place(TWO_PUS);
    copy.refresh();
    copy.fixture.place(TWO_PUS);
    list();
    assert_eq!((agents, len), ([0], 1));
    let mut info = SnapshotAgent { size: bytes_of::<SnapshotAgent>(), ..zeroed() };
    ok(|message| meros_snapshot_agent_read(copy.read(), 0, output(&mut info), message));
    assert_eq!((info.incarnation, info.pus, info.pus_free, info.torn, info.state), (1, 8, 6, 0, 0));
}

#[test]
fn an_agent_of_a_snapshot_tells_what_it_has() {
    let copy = Copy::new();
    copy.fixture.place(SHARE);
    copy.refresh();
    let (snapshot, mut len, mut pus) = (copy.read(), 9, [99; 8]);
    ok(|message| meros_snapshot_free_pus(snapshot, 0, first_mut(&mut pus), 8, output(&mut len), message));
    assert_eq!((&pus[..len], pus[6]), (&[2, 3, 4, 5, 6, 7][..], 99));
    let mut leaves = [zeroed::<LeafFree>()];
    ok(|message| meros_snapshot_leaves(snapshot, 0, first_mut(&mut leaves), 1, output(&mut len), message));
    assert_eq!((len, leaves[0].l3, leaves[0].pus, leaves[0].cores), (1, 0, 6, 3));
    let mut domains = [zeroed::<DomainFree>()];
    ok(|message| meros_snapshot_domains(snapshot, 0, 2, first_mut(&mut domains), 1, output(&mut len), message));
    assert_eq!((len, domains[0].label, domains[0].pus), (1, 0, 6));
    let mut memory = [zeroed::<MemoryUsage>()];
    ok(|message| meros_snapshot_memory(snapshot, 0, first_mut(&mut memory), 1, output(&mut len), message));
    assert_eq!((len, memory[0].free_bytes), (1, 7 << 30));
    let mut pools = [zeroed::<PoolUsage>()];
    ok(|message| meros_snapshot_pools(snapshot, 0, first_mut(&mut pools), 1, output(&mut len), message));
    assert_eq!((len, pools[0].committed_milli, pools[0].capacity_milli), (1, 500, 2000));
    let short = told(|message| meros_snapshot_free_pus(snapshot, 0, Out::null(), 0, output(&mut len), message));
    assert_eq!((short.0, len), (Status::TooSmall, 6));
}

#[test]
fn bad_input() {
    let copy = Copy::new();
    let (snapshot, members, mut len) = (copy.read(), [TWO_PUS], 9);
    let (wanted, mut placement) = (request(&members), empty_placement());
    let gone = told(|message| meros_snapshot_plan(snapshot, 0, input(&wanted), output(&mut placement), message));
    assert_eq!(gone.0, Status::Gone, "not refreshed yet: {}", gone.1);
    copy.refresh();
    for (expected, (status, text)) in [
        ("snapshot is null", told(|message| meros_snapshot_refresh(none(), Out::null(), message))),
        ("snapshot is not aligned", told(|message| meros_snapshot_refresh(wild(3).read(), Out::null(), message))),
        (
            "shard 5 is beyond",
            told(|message| meros_snapshot_new(copy.fixture.table(), 5, output(&mut Out::null()), message)),
        ),
        (
            "level is 9",
            told(|message| meros_snapshot_domains(snapshot, 0, 9, Out::null(), 0, output(&mut len), message)),
        ),
        (
            "pus is null",
            told(|message| meros_snapshot_free_pus(snapshot, 0, Out::null(), 1, output(&mut len), message)),
        ),
        ("len is null", told(|message| meros_snapshot_leaves(snapshot, 0, Out::null(), 0, Out::null(), message))),
        ("fits is null", told(|message| meros_snapshot_fits(snapshot, 0, input(&wanted), Out::null(), message))),
        ("placement is null", told(|message| meros_snapshot_plan(snapshot, 0, input(&wanted), Out::null(), message))),
        (
            "asks for no CPU",
            told(|message| meros_snapshot_plan(snapshot, 0, input(&request(&[])), output(&mut placement), message)),
        ),
    ] {
        assert_eq!(status, Status::InvalidArgument, "{expected}: {text}");
        assert!(text.contains(expected), "`{text}` does not say `{expected}`");
    }
    let (status, text, _) = copy.claim(1, &empty_placement());
    assert_ne!(status, Status::Ok, "{text}");
    meros_snapshot_free(Out::null());
}

#[test]
fn a_snapshot_is_not_refreshed_while_it_is_read() {
    let copy = Copy::new();
    let handle = copy.read();
    let reading = handle.handle("snapshot").unwrap().read().unwrap();
    let (status, text) = told(|message| meros_snapshot_refresh(copy.read(), Out::null(), message));
    assert_eq!(status, Status::InvalidArgument);
    assert_eq!(text, "snapshot is in another thread's refresh, or read during one: refresh it alone");
    let mut len = 9;
    ok(|message| meros_snapshot_agents(copy.read(), Out::null(), 0, output(&mut len), message));
    drop(reading);
    copy.refresh();
}

#[test]
fn a_snapshot_outlives_its_table() {
    let mut snapshot = Out::null();
    {
        let fixture = Fixture::new();
        ok(|message| meros_snapshot_new(fixture.table(), 0, output(&mut snapshot), message));
    }
    ok(|message| meros_snapshot_refresh(snapshot.read(), Out::null(), message));
    meros_snapshot_free(snapshot);
}
