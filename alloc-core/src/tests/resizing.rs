//! Resize, by example.

use super::{AGENT, ROLE, granted, holder, table};
use crate::testing::Machine;
use crate::{
    AgentState, ClaimId, ClaimedExact, CoreKind, Cpus, Grant, HoldLimit, Invalid, Level, Limit, Local, Locality,
    Members, MemoryHold, MemoryLocality, Outcome, Owner, Placement, PuId, Quantities, Reason, ReasonKind, Released,
    Request, Resource, Smt, Table, Wanted,
};

const MIB: u64 = 1 << 20;
/// Two NUMA nodes of two L3 domains of two cores.
const MACHINE: Machine = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 2, packages: 1, mem_bytes: 8 * MIB };
const ME: Owner = Owner::new(1);

fn fresh() -> Table {
    table(64, Limit::default(), &[MACHINE])
}

fn claim(table: &Table, request: &Request) -> ClaimId {
    granted(table.claim(AGENT, holder(1), request)).claim
}

/// Takes exactly these PUs out of the way.
fn block(table: &Table, pus: &[u16]) {
    let pus = pus.iter().map(|pu| PuId::new(*pu)).collect();
    table.restore(AGENT, holder(9), &Placement { pus, ..Placement::default() }).unwrap();
}

fn pus(table: &Table, claim: ClaimId) -> Vec<u16> {
    table.placement(claim).unwrap().all_pus().iter().map(|pu| pu.get()).collect()
}

#[track_caller]
fn resized(table: &Table, claim: ClaimId, request: &Request) -> Grant {
    let grant = granted(table.resize(claim, ME, request));
    assert_eq!(grant.claim, claim);
    assert_eq!(grant.charged, table.placement(claim).unwrap().quantities());
    table.validate().unwrap();
    grant
}

#[track_caller]
fn refused(table: &Table, claim: ClaimId, request: &Request) -> Reason {
    let (before, used) = (table.placement(claim), table.role_used(ROLE));
    let no = table.resize(claim, ME, request);
    assert_eq!((table.placement(claim), table.role_used(ROLE)), (before, used));
    table.validate().unwrap();
    let Outcome::Refused(no) = no else { panic!("{no:?}") };
    no.reason
}

#[test]
fn a_claim_grows_beside_itself_and_keeps_its_baseline_when_it_shrinks() {
    let table = fresh();
    let pod = claim(&table, &Request::exclusive(2, MIB));
    assert_eq!(pus(&table, pod), [0, 1]);
    // Its L3 domain is full: the next nearest core is in its NUMA node.
    block(&table, &[2, 3]);
    resized(&table, pod, &Request::exclusive(4, MIB));
    assert_eq!(pus(&table, pod), [0, 1, 4, 5]);
    resized(&table, pod, &Request::exclusive(10, MIB));
    assert_eq!(pus(&table, pod).len(), 10);
    resized(&table, pod, &Request::exclusive(4, MIB));
    assert_eq!(pus(&table, pod), [0, 1, 4, 5]);
    resized(&table, pod, &Request::exclusive(1, MIB));
    assert_eq!(pus(&table, pod), [0, 1]);
    assert!(matches!(table.release(pod, ME), Released::Released { .. }));
    table.validate().unwrap();
}

#[test]
fn a_baseline_is_what_was_granted_or_restored_whatever_came_later() {
    let table = fresh();
    let placement = Placement { pus: [6, 7, 12, 13].map(PuId::new).to_vec(), ..Placement::default() };
    let pod = table.restore(AGENT, holder(1), &placement).unwrap().claim;
    for size in [16, 6, 12, 4] {
        resized(&table, pod, &Request::exclusive(size, 0));
        assert_eq!(pus(&table, pod).len(), size as usize);
        assert!([6, 7, 12, 13].iter().all(|pu| pus(&table, pod).contains(pu)));
    }
    assert_eq!(table.placement(pod), Some(placement));
}

#[test]
fn a_claim_of_many_growths_needs_further_records_and_gives_them_back() {
    let table = table(8, Limit::default(), &[MACHINE]);
    let pod = claim(&table, &Request::exclusive(2, MIB));
    for size in [4, 6, 8, 10, 12, 14, 16, 2, 16, 2] {
        resized(&table, pod, &Request::exclusive(size, MIB));
    }
    assert!(matches!(table.release(pod, ME), Released::Released { .. }));
    table.validate().unwrap();
}

#[test]
fn members_exchange_what_one_gives_up() {
    let table = fresh();
    let pair = |one, other| Request::new([Cpus::exclusive(one), Cpus::exclusive(other)].into_iter().collect(), 0);
    let pod = claim(&table, &pair(4, 12));
    resized(&table, pod, &pair(12, 4));
    let placement = table.placement(pod).unwrap();
    assert_eq!((placement.pus.len(), placement.further[0].pus.len()), (12, 4));
    assert_eq!(table.usage(AGENT).unwrap().pus_free, 0);
}

#[test]
fn shares_grow_in_their_pool_and_move_none() {
    let table = fresh();
    let pod = claim(&table, &Request::shared(500, MIB));
    assert!(!resized(&table, pod, &Request::shared(1500, MIB)).pools_changed, "its core has room");
    assert!(resized(&table, pod, &Request::shared(7000, MIB)).pools_changed);
    let placement = table.placement(pod).unwrap();
    assert_eq!((placement.pools.len(), placement.pools[0].cpu_milli), (1, 7000));
    resized(&table, pod, &Request::shared(9000, MIB));
    assert_eq!(table.placement(pod).unwrap().pools.len(), 2);
    assert!(resized(&table, pod, &Request::shared(100, MIB)).pools_changed);
    assert_eq!(table.placement(pod).unwrap().pools, [crate::PoolShare { cpu_milli: 100, ..placement.pools[0] }]);
    // Cores that are about to leave come back.
    resized(&table, pod, &Request::shared(15_000, MIB));
    assert_eq!(
        refused(&table, pod, &Request::shared(17_000, MIB)).kind(),
        ReasonKind::LargerThanMachine(Wanted::SharedMilli)
    );
}

#[test]
fn single_pus_grow_by_siblings_or_by_other_cores_as_asked() {
    let table = fresh();
    let kept = claim(&table, &Request::exclusive(1, 0).with_smt(Smt::Kept));
    let split =
        claim(&table, &Request::exclusive(1, 0).with_smt(Smt::Split).with_locality(Locality::Required(Level::L3)));
    let before = pus(&table, split);
    resized(&table, split, &Request::exclusive(2, 0).with_smt(Smt::Split).with_locality(Locality::Required(Level::L3)));
    let after = pus(&table, split);
    assert!(after.contains(&before[0]) && after[0] / 4 == after[1] / 4 && after[0] / 2 != after[1] / 2, "{after:?}");
    let reason = refused(
        &table,
        split,
        &Request::exclusive(3, 0).with_smt(Smt::Split).with_locality(Locality::Required(Level::L3)),
    );
    assert_eq!(reason.kind(), ReasonKind::LargerThanMachine(Wanted::ExclusivePus));
    resized(&table, kept, &Request::exclusive(3, 0).with_smt(Smt::Kept));
    assert_eq!(pus(&table, kept).len(), 3);
    resized(&table, kept, &Request::exclusive(1, 0).with_smt(Smt::Kept));
}

#[test]
fn memory_grows_and_shrinks_where_it_is() {
    let table = fresh();
    let size = |mem_bytes| Request::exclusive(2, mem_bytes).with_memory(MemoryLocality::Required);
    let pod = claim(&table, &size(MIB));
    let first = table.placement(pod).unwrap().memory[0].numa_node;
    resized(&table, pod, &size(8 * MIB));
    let placement = table.placement(pod).unwrap();
    assert_eq!((placement.memory.len(), placement.memory[0].numa_node), (1, first));
    assert_eq!(placement.memory_hold, MemoryHold::Strict);
    // The other NUMA node has as much again.
    let Reason::Busy(short) = refused(&table, pod, &size(8 * MIB + 1)) else { panic!("it has all of its NUMA node's") };
    assert_eq!((short.what, short.asked, short.free), (Wanted::MemBytes, 8 * MIB + 4096, 8 * MIB));
    // Cores stay beside it.
    let larger = Request::exclusive(10, MIB).with_memory(MemoryLocality::Required);
    assert_eq!(refused(&table, pod, &larger).kind(), ReasonKind::Busy(Wanted::ExclusivePus));
    resized(&table, pod, &size(4096));
    resized(&table, pod, &size(0));
    assert_eq!(table.placement(pod).unwrap().memory, []);
    // Without memory it may grow anywhere, and then be promised the group.
    resized(&table, pod, &Request::exclusive(10, 0));
    resized(&table, pod, &Request::exclusive(10, 2 * MIB).with_memory(MemoryLocality::Required));
    assert_eq!(table.placement(pod).unwrap().memory.len(), 2);
    let other = claim(&table, &Request::exclusive(2, 0));
    assert_eq!(refused(&table, other, &Request::exclusive(2, MIB)).kind(), ReasonKind::StrictMemory);
    assert_eq!(refused(&table, pod, &Request::exclusive(10, MIB)), Reason::Invalid(Invalid::OtherMemoryTerms));
}

#[test]
fn a_hold_grows_and_shrinks() {
    let table = fresh();
    let hold = granted(table.hold(
        AGENT,
        holder(1),
        HoldLimit { exclusive_pus: 2, pool_milli: 0, mem_bytes: MIB, extras: false },
    ))
    .claim;
    resized(&table, hold, &Request::exclusive(6, 2 * MIB));
    assert_eq!(table.placement(hold).unwrap().memory_hold, MemoryHold::Held);
    resized(&table, hold, &Request::exclusive(2, MIB));
}

#[test]
fn what_cannot_be_meant_says_what_to_do() {
    let table = fresh();
    let pod = claim(&table, &Request::exclusive(2, MIB).with_member(Cpus::shared(100)));
    let invalid = |request: &Request| match refused(&table, pod, request) {
        Reason::Invalid(invalid) => invalid,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(&Request::exclusive(2, MIB)), Invalid::OtherMembers { has: 2, asked: 1 });
    let shared = Request::shared(100, MIB);
    assert_eq!(invalid(&shared.with_member(Cpus::shared(100))), Invalid::OtherCpus { member: 0 });
    let exclusive = Request::exclusive(2, MIB);
    assert_eq!(invalid(&exclusive.clone().with_member(Cpus::exclusive(1))), Invalid::OtherCpus { member: 1 });
    let two = exclusive.clone().with_member(Cpus::shared(100));
    assert_eq!(
        invalid(&exclusive.clone().with_smt(Smt::Split).with_member(Cpus::shared(100))),
        Invalid::OtherCpus { member: 0 }
    );
    let kind = exclusive.clone().with_kind(CoreKind::Required(1)).with_member(Cpus::shared(100));
    assert_eq!(invalid(&kind), Invalid::OtherCpus { member: 0 });
    assert_eq!(invalid(&two.clone().with_memory(MemoryLocality::Required)), Invalid::OtherMemoryTerms);
    assert_eq!(invalid(&exclusive.clone().with_member(Cpus::shared(0))), Invalid::NoCpu);
    let wide = claim(&table, &Request::exclusive(10, 0));
    let numa_node = Request::exclusive(10, 0).with_locality(Locality::Required(Level::NumaNode));
    assert_eq!(refused(&table, wide, &numa_node), Reason::Invalid(Invalid::HeldElsewhere));
    let no = |claim, owner| match table.resize(claim, owner, &two) {
        Outcome::Refused(no) => no.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(no(pod, Owner::new(7)), Reason::NotOwner { owner: ME });
    assert!(matches!(table.release(pod, ME), Released::Released { .. }));
    assert_eq!(no(pod, ME), Reason::Gone);
}

#[test]
fn a_refused_resize_says_why() {
    let limit = Limit { cpu_milli: Some(8000), mem_bytes: None };
    let table = table(64, limit, &[MACHINE]);
    let pod = claim(&table, &Request::exclusive(4, MIB));
    let size = |pus| Request::exclusive(pus, MIB);
    assert_eq!(refused(&table, pod, &size(10)).kind(), ReasonKind::RoleLimit(Resource::CpuMilli));
    assert_eq!(resized(&table, pod, &size(8)).charged, Quantities { cpu_milli: 8000, mem_bytes: MIB });
    assert_eq!(resized(&table, pod, &size(2)).charged.cpu_milli, 2000);
    assert_eq!(table.role_used(ROLE).unwrap().cpu_milli, 2000);
    block(&table, &[4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    table.set_limit(ROLE, Limit::default()).unwrap();
    let Reason::Busy(short) = refused(&table, pod, &size(6)) else { panic!("four are left") };
    assert_eq!((short.asked, short.free), (6, 4), "its own are counted");
    assert_eq!(refused(&table, pod, &size(17)).kind(), ReasonKind::LargerThanMachine(Wanted::ExclusivePus));
    // An agent that drains takes nothing more, and gives back.
    table.set_state(AGENT, AgentState::Draining).unwrap();
    assert_eq!(refused(&table, pod, &size(4)), Reason::Draining);
    resized(&table, pod, &Request::exclusive(2, 4096));
    let local = Local::new(&table, 0).unwrap();
    assert!(matches!(local.resize(pod, ME, &Request::exclusive(1, 0)), Outcome::Granted(_)));
}

#[test]
fn a_resize_short_of_records_changes_nothing() {
    let table = table(64, Limit::default(), &[MACHINE]);
    let pod = claim(&table, &Request::exclusive(2, 0));
    let mut rest = Vec::new();
    while let Outcome::Granted(grant) = table.claim(AGENT, holder(1), &Request::shared(1, 0)) {
        rest.push(grant.claim);
    }
    assert_eq!(refused(&table, pod, &Request::exclusive(4, 0)), Reason::RecordsFull { records: 64 });
    for claim in rest.drain(..3) {
        assert!(matches!(table.release(claim, ME), Released::Released { .. }));
    }
    resized(&table, pod, &Request::exclusive(4, 0));
}

/// PUs that were added beside half a core make it a whole one, which goes as one.
#[test]
fn a_core_that_came_in_halves_is_not_torn() {
    for (request, left) in [
        (Request::exclusive(7, 0), 8),
        (Request::exclusive(5, 0), 6),
        (Request::exclusive(1, 0), 2),
        (Request::new(Members::one(Cpus::cores(3)), 0), 6),
        (Request::new(Members::one(Cpus::cores(5)), 0), 10),
    ] {
        let table = fresh();
        let half = Placement { pus: vec![PuId::new(2)], ..Placement::default() };
        let ClaimedExact::Granted(grant) =
            table.claim_exact(AGENT, table.incarnation(AGENT).unwrap(), holder(1), &half)
        else {
            panic!()
        };
        let pod = grant.claim;
        resized(&table, pod, &Request::exclusive(8, 0).with_smt(Smt::Kept));
        resized(&table, pod, &request);
        let pus = pus(&table, pod);
        assert_eq!(pus.len(), left, "{pus:?}");
        assert!(pus.iter().all(|pu| pus.contains(&(pu ^ 1))), "{pus:?} of {request:?}");
    }
}
