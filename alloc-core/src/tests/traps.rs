//! The traps that a prototype of this allocator fell into, and a test for each. A trap is known by its number here.
//!
//! | trap | where it is shown not to be one here |
//! |---|---|
//! | 1: upper index levels shared by threads | [`trap_1_the_upper_index_levels_have_lines_of_their_own`] |
//! | 2: the tightest class of all shards first | [`trap_2_the_home_shard_comes_first_with_all_its_classes`] |
//! | 3: a home shard runs dry | [`trap_3_a_dry_home_shard_gets_work_done_elsewhere`], [`trap_3_threads_start_apart`] |
//! | 4: hints lost between truth and index | the models of the index in [`interleave`](super::interleave), `make verify NAME=plant` |
//! | 5: an index without memory | [`trap_5_the_index_knows_memory`] |
//! | 6: ids that serialise misses; batches | [`trap_6_batches_equal_the_calls_one_by_one`]; that the id names the agent: `ids::tests` |
//! | 7: credit that strands capacity | [`trap_7_credit_strands_nothing`], `ledger::tests::credit_never_strands_what_fits` |
//! | 8: an epoch that wraps | [`trap_8_a_pools_epoch_wraps_and_nothing_is_lost`] |
//! | 9: more leaves, or larger ones, than a summary holds | [`trap_9_many_leaves_and_large_ones_are_all_found`] |

use std::collections::BTreeSet;

use super::machines::{AGENT, Machine, ROLE, holder, spec};
use super::{granted, table};
use crate::index::Index;
use crate::{
    AgentId, Capacity, ClaimId, Confirmed, Grant, Holder, Level, Limit, Local, Locality, Outcome, Owner, Placed,
    Policy, Quantities, Released, Request, Shape, Table,
};

const PAGE: u64 = crate::PAGE_BYTES;
/// Two leaves of four cores of one PU, 64 pages.
const SMALL: Machine = Machine { cores: 8, pus_per_core: 1, l3: 2, numa_nodes: 1, packages: 1, mem_bytes: 64 * PAGE };

/// Records that handles keep for themselves: up to 128 each in every shard.
const MAGAZINES: u32 = 1024;

/// A table of so many shards with so many equal agents in each.
fn sharded(shards: u8, agents_each: u32, machine: Machine) -> Table {
    let shape = machine.shape();
    let agents = u32::from(shards) * agents_each;
    let table = Table::new(Capacity {
        shards,
        claims: agents * 64 + u32::from(shards) * MAGAZINES,
        ..Capacity::for_agents(agents, &shape)
    })
    .unwrap();
    table.add_role(Limit::default()).unwrap();
    for shard in (0..usize::from(shards)).flat_map(|shard| (0..agents_each).map(move |_| shard)) {
        table.add_agent_in(shard, shape.clone()).unwrap();
    }
    table
}

/// The agents of a shard.
fn of_shard(table: &Table, shard: u8) -> BTreeSet<AgentId> {
    table.agents().filter(|agent| table.locate(*agent).unwrap().0 == shard).collect()
}

fn place(local: &Local<&Table>, request: &Request) -> Option<Grant> {
    local.place(holder(1), request, Policy::Pack).granted()
}

#[test]
fn trap_1_the_upper_index_levels_have_lines_of_their_own() {
    let index = Index::new(64 * 64 * 64);
    for level in [1, 2] {
        let lines = index.upper_words(level).map(|word| std::ptr::from_ref(word).addr() / 64);
        let planes = lines.clone().count();
        assert_eq!(lines.collect::<BTreeSet<_>>().len(), planes, "level {level}: classes share a line");
    }
}

#[test]
fn trap_2_the_home_shard_comes_first_with_all_its_classes() {
    let table = sharded(2, 1, SMALL);
    let [first, second] = [0, 1].map(|shard| of_shard(&table, shard).first().copied().unwrap());
    // Shard 0 has the tightest gap there is; shard 1 has all of a leaf.
    let most = Request::exclusive(3, 0).with_locality(Locality::Required(Level::L3));
    granted(table.claim(first, holder(1), &most));
    for (home, agent) in [(0, first), (1, second)] {
        let local = Local::new(&table, home).unwrap();
        let grant = place(&local, &Request::exclusive(1, 0)).unwrap();
        assert_eq!(grant.claim.agent(), agent, "home {home}");
        assert!(matches!(local.release(grant.claim, Owner::new(1)), Released::Released { .. }));
    }
}

#[test]
fn trap_3_a_dry_home_shard_gets_work_done_elsewhere() {
    let table = sharded(4, 1, SMALL);
    for agent in of_shard(&table, 0) {
        granted(table.claim(agent, holder(1), &Request::exclusive(8, 0)));
    }
    // Three handles whose home is dry: each goes on in another shard, so that they do not meet there again.
    let locals: Vec<_> = (0..3).map(|_| Local::new(&table, 0).unwrap()).collect();
    let places = locals.iter().map(|local| place(local, &Request::exclusive(1, 0)).unwrap().claim.agent());
    assert_eq!(places.collect::<BTreeSet<_>>().len(), 3);
    while place(&locals[0], &Request::exclusive(1, 0)).is_some() {}
    assert_eq!(table.role_used(ROLE).unwrap().cpu_milli, 4 * 8 * 1000, "all of it was found");
    table.validate().unwrap();
}

#[test]
fn trap_3_threads_start_apart() {
    let table = sharded(1, 256, SMALL);
    let locals: Vec<_> = (0..4).map(|_| Local::new(&table, 0).unwrap()).collect();
    let spread = |local: &Local<&Table>| local.place(holder(1), &Request::exclusive(1, 0), Policy::Spread).granted();
    let places = locals.iter().map(|local| spread(local).unwrap().claim.agent());
    assert!(places.collect::<BTreeSet<_>>().len() > 2, "threads began at the same agent");
}

/// A cluster that has cores and no memory but here and there: nothing is refused while one agent could hold it.
#[test]
fn trap_5_the_index_knows_memory() {
    const GIB: u64 = 1 << 30;
    let (agents, per_agent) = (100, 3);
    let table = sharded(2, agents / 2, Machine { mem_bytes: u64::from(per_agent) * GIB, ..SMALL });
    let local = Local::new(&table, 0).unwrap();
    let request = Request::exclusive(1, GIB);
    let mut claims: Vec<ClaimId> = (0..agents * per_agent).map(|_| place(&local, &request).unwrap().claim).collect();
    assert_eq!(place(&local, &request), None);
    for round in 0..200 {
        let claim = claims.swap_remove(round * 37 % claims.len());
        assert!(matches!(local.release(claim, Owner::new(1)), Released::Released { .. }));
        let grant = place(&local, &request).expect("there is room on one agent");
        assert_eq!(grant.claim.agent(), claim.agent());
        claims.push(grant.claim);
    }
    table.validate().unwrap();
}

#[test]
fn trap_6_batches_equal_the_calls_one_by_one() {
    let [batched, single] = [(); 2].map(|()| sharded(2, 3, SMALL));
    let request = Request::exclusive(2, 4 * PAGE);
    let [batch, one] = [&batched, &single].map(|table| Local::new(table, 0).unwrap());
    let holders: Vec<Holder> = (0..30).map(holder).collect();
    let mut by_batch = Vec::new();
    batch.place_many(&holders, &request, Policy::Pack, |at, placed| by_batch.push((at, placed)));
    let by_one: Vec<Placed> = holders.iter().map(|holder| one.place(*holder, &request, Policy::Pack)).collect();
    assert!(by_batch.iter().map(|(at, _)| *at).eq(0..30));
    for ((_, batch), one) in by_batch.iter().zip(&by_one) {
        assert_eq!(batch.granted().map(|grant| grant.charged), one.granted().map(|grant| grant.charged));
        assert!(batch.granted().is_some() || batch == one, "{batch:?} and {one:?}");
    }
    assert_eq!((batched.role_used(ROLE), batched.claims().count()), (single.role_used(ROLE), 24));

    // Of each claim: by another, by its owner, by its owner again.
    let asked = |placed: &[Placed]| -> Vec<(ClaimId, Owner)> {
        let grants = (0..).zip(placed).filter_map(|(owner, placed)| Some((owner, placed.granted()?.claim)));
        grants.flat_map(|(owner, claim)| [99, owner, owner].map(|owner| (claim, Owner::new(owner)))).collect()
    };
    let mut released = Vec::new();
    let by_batch: Vec<Placed> = by_batch.into_iter().map(|(_, placed)| placed).collect();
    batch.release_many(&asked(&by_batch), |at, outcome| released.push((at, outcome)));
    let singly: Vec<Released> = asked(&by_one).iter().map(|(claim, owner)| one.release(*claim, *owner)).collect();
    assert!(released.iter().map(|(at, _)| *at).eq(0..72));
    assert!(released.iter().map(|(_, outcome)| *outcome).eq(singly));
    for table in [&batched, &single] {
        assert_eq!(table.role_used(ROLE), Some(Quantities::default()));
        table.validate().unwrap();
    }
}

#[test]
fn trap_7_credit_strands_nothing() {
    let limit = Limit { cpu_milli: Some(8000), mem_bytes: None };
    let table = table(MAGAZINES, limit, &[SMALL]);
    let locals: Vec<_> = (0..3).map(|_| Local::new(&table, 0).unwrap()).collect();
    for local in &locals {
        // Leaves credit at the handle's desk.
        let grant = place(local, &Request::exclusive(1, 0)).unwrap();
        assert!(matches!(local.release(grant.claim, Owner::new(1)), Released::Released { .. }));
    }
    for local in &locals {
        let all = place(local, &Request::exclusive(8, 0)).expect("the whole limit is free");
        assert!(matches!(local.release(all.claim, Owner::new(1)), Released::Released { .. }));
    }
    table.validate().unwrap();
}

/// Exclusive claims name PUs by value and need no epoch; a pool's has 20 bits, and comes by here.
#[test]
fn trap_8_a_pools_epoch_wraps_and_nothing_is_lost() {
    let table = table(8, Limit::default(), &[Machine { cores: 2, pus_per_core: 1, l3: 1, ..SMALL }]);
    let local = Local::new(&table, 0).unwrap();
    let held = granted(local.claim(AGENT, holder(1), &Request::exclusive(1, 0)));
    let pool = table.shape(AGENT).unwrap().core(0).unwrap().spec.numa_node;
    let (mut last, mut wraps) = (0, 0);
    for _ in 0..(1 << 19) + 10 {
        // The core joins the pool, and leaves it: two epochs.
        let shared = granted(local.claim(AGENT, holder(1), &Request::shared(1, 0)));
        assert!(matches!(local.release(shared.claim, Owner::new(1)), Released::Released { .. }));
        let Confirmed::Stale { epoch } = table.confirm_pool(AGENT, pool, u32::MAX) else { panic!("no such epoch") };
        assert_eq!(table.confirm_pool(AGENT, pool, last), Confirmed::Stale { epoch }, "an old order frees nothing");
        assert_eq!(table.confirm_pool(AGENT, pool, epoch), Confirmed::Freed { pus: 1 });
        assert_ne!(epoch, 0, "0 is a pool's that never had a core");
        wraps += u32::from(epoch < last);
        last = epoch;
    }
    assert_eq!(wraps, 1);
    assert_eq!(table.placement(held.claim).unwrap().pus.len(), 1);
    table.validate().unwrap();
}

/// 24 L3 domains in 24 packages; leaves of 32 PUs; 272 PUs in one NUMA node.
#[test]
fn trap_9_many_leaves_and_large_ones_are_all_found() {
    let packages = Machine { cores: 48, pus_per_core: 2, l3: 24, numa_nodes: 24, packages: 24, mem_bytes: 1 << 20 };
    let large = Machine { cores: 128, pus_per_core: 1, l3: 4, numa_nodes: 1, packages: 1, mem_bytes: 1 << 20 };
    let manycore = spec(68, 4, 1, 1 << 20);
    for spec in [packages.spec(), large.spec(), manycore] {
        let shape = Shape::new(&spec).unwrap();
        let pus = shape.pus();
        let table = Table::new(Capacity { claims: 1024, ..Capacity::for_agents(1, &shape) }).unwrap();
        table.add_role(Limit::default()).unwrap();
        table.add_agent(shape).unwrap();
        let local = Local::new(&table, 0).unwrap();
        let core = spec.cores[0].pus.into();
        for size in [core, 2 * core, 32] {
            let request = Request::exclusive(size, 0);
            let claims: Vec<ClaimId> = core::iter::from_fn(|| Some(place(&local, &request)?.claim)).collect();
            assert_eq!(u32::try_from(claims.len()).unwrap(), pus / size, "all of it, {size} PUs at a time");
            table.validate().unwrap();
            for claim in claims {
                assert!(matches!(local.release(claim, Owner::new(1)), Released::Released { .. }));
            }
            table.validate().unwrap();
        }
        let whole = table.claim(AGENT, holder(1), &Request::exclusive(pus, 0));
        assert!(matches!(whole, Outcome::Granted(_)), "{whole:?}");
    }
}
