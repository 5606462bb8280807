//! Sequences of [`Op`]s for the [`property`](super::property): by example, and at random. The fuzzer's are in `fuzz/corpus/claims`.
//!
//! A random sequence is bytes, so that it shrinks as bytes do, and so that a failing one is a file for the fuzzer's corpus: the
//! message shows the bytes and what they say.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::machines::{Machine, PORTS, with_extras};
use super::odd;
use super::op::Op;
use super::property::{World, run};
use super::script::Script;
use super::wish::Chosen;
use meros_alloc_core::{
    AgentState, CoreSpec, HoldLimit, Level, Limit, Locality, MemoryHold, MemoryLocality, NumaNodeId, NumaNodeSpec,
    Pick, PlacedExtras, Policy, Request, ShapeSpec, Span,
};

/// Random sequences of at least one call, of each of the tests below, of which there are four: together they are the 100,000 that
/// `make test` runs.
const SEQUENCES: u32 = 25_000;
/// Random bytes that are read as sequences: some say no machine that can be, or are too short for a call.
const DRAWN: u32 = 28_000;

/// A sequence that says what it does.
#[derive(Clone)]
struct Told(Vec<u8>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut script = Script(&self.0);
        write!(f, "{:?}: on {:?}", self.0, odd::read(&mut script))?;
        Op::sequence(script).try_for_each(|op| write!(f, "\n    {op:?}"))
    }
}

/// The same sequences on every run, so that a green one means something tomorrow; others with `SEED=number`
/// (`make verify NAME=sequences`).
fn rng(test: u8) -> TestRng {
    let seed: u64 = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("SEED: give a number"));
    let mut bytes = [test; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn at_random(test: u8) {
    let config = Config { cases: DRAWN, failure_persistence: None, ..Config::default() };
    let bytes = vec(any::<u8>(), 1..120).prop_map(Told);
    let done = RefCell::new(BTreeMap::<&str, u32>::new());
    let sequences = Cell::new(0);
    TestRunner::new_with_rng(config, rng(test))
        .run(&bytes, |told| {
            let calls = run(&told.0, |op| *done.borrow_mut().entry(name(op)).or_default() += 1);
            sequences.set(sequences.get() + u32::from(calls > 0));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let done = done.into_inner();
    println!("{} sequences: {done:?}", sequences.get());
    assert!(sequences.get() >= SEQUENCES, "{} of {DRAWN} have a call: draw more", sequences.get());
    let seldom = NAMES.iter().filter(|name| done.get(**name).is_none_or(|times| *times < SEQUENCES / 2000));
    assert_eq!(seldom.collect::<Vec<_>>(), [&""; 0], "hardly ever granted or done: {done:?}");
}

/// What each kind of call is counted as; the wishes that take ways of their own apart.
fn name(op: &Op) -> &'static str {
    match op {
        Op::Claim(request) if request.extras.wishes().is_some() => "claim with extras",
        Op::Split(_, request) if request.extras.wishes().is_some() => "split with extras",
        Op::ClaimPlanned(request) if request.extras.wishes().is_some() => "claim planned with extras",
        Op::Restore(placement) if placement.extras != PlacedExtras::default() => "restore with extras",
        Op::Claim(_) => "claim",
        Op::Place(..) => "place",
        Op::PlaceMany(..) => "place many",
        Op::Hold(_) => "hold",
        Op::Split(..) => "split",
        Op::SplitHalf(_) => "split half",
        Op::Merge(..) => "merge",
        Op::Gang(_) => "gang",
        Op::Resize(..) => "resize",
        Op::ResizeAlike(..) => "resize alike",
        Op::ClaimChosen(_) => "claim chosen",
        Op::ClaimPlanned(_) => "claim planned",
        Op::ClaimStale => "claim stale",
        Op::Transfer(..) => "transfer",
        Op::Release(_) => "release",
        Op::ReleaseMany(..) => "release many",
        Op::ReleaseOfAnother(_) => "release of another",
        Op::UseStale(_) => "use stale",
        Op::UseUnknown(_) => "use unknown",
        Op::Restore(_) => "restore",
        Op::Confirm(_) => "confirm",
        Op::ConfirmOld(_) => "confirm old",
        Op::SetState(_) => "set state",
        Op::SetLimit(_) => "set limit",
        Op::SetRole(_) => "set role",
        Op::SetLimitOf(..) => "set limit of",
        Op::Return => "return",
        Op::Restart => "restart",
    }
}

/// All that [`name`] says.
const NAMES: [&str; 32] = [
    "claim with extras",
    "split with extras",
    "claim planned with extras",
    "restore with extras",
    "claim",
    "place",
    "place many",
    "hold",
    "split",
    "split half",
    "merge",
    "gang",
    "resize",
    "resize alike",
    "claim chosen",
    "claim planned",
    "claim stale",
    "transfer",
    "release",
    "release many",
    "release of another",
    "use stale",
    "use unknown",
    "restore",
    "confirm",
    "confirm old",
    "set state",
    "set limit",
    "set role",
    "set limit of",
    "return",
    "restart",
];

/// Four, so that they run at the same time.
#[test]
fn the_table_answers_as_the_oracle() {
    at_random(0);
}

#[test]
fn the_table_answers_as_the_oracle_2() {
    at_random(1);
}

#[test]
fn the_table_answers_as_the_oracle_3() {
    at_random(2);
}

#[test]
fn the_table_answers_as_the_oracle_4() {
    at_random(3);
}

/// Runs ops that are written down.
fn by_example(spec: ShapeSpec, ops: &[Op]) {
    let mut world = World::new(spec).unwrap();
    for op in ops {
        let _came_to_something = world.run(op);
        world.check();
        world.check_claims();
    }
}

const LARGE: Machine = Machine { cores: 8, pus_per_core: 2, l3: 4, numa_nodes: 4, packages: 2, mem_bytes: 1 << 20 };

#[test]
fn an_offer_is_split_among_owners_and_the_rest_released() {
    let core = Request::exclusive(2, 4096).with_locality(Locality::Required(Level::Core));
    by_example(
        LARGE.spec(),
        &[
            Op::Hold(HoldLimit::ALL),
            Op::Split(0, core),
            Op::Transfer(1, 2),
            Op::SplitHalf(0),
            Op::ReleaseOfAnother(1),
            Op::Release(0),
            Op::UseStale(0),
            Op::Restart,
            Op::ReleaseMany(0, 3),
        ],
    );
}

#[test]
fn pools_come_and_go_with_shared_claims_through_limits_states_and_returns() {
    by_example(
        LARGE.spec(),
        &[
            Op::Claim(Request::shared(3500, 0)),
            Op::SetLimit(Limit { cpu_milli: Some(4000), mem_bytes: None }),
            Op::Claim(Request::shared(600, 0)),
            Op::SetLimit(Limit::default()),
            Op::PlaceMany(3, Request::shared(600, 4096), Policy::Spread),
            Op::Release(0),
            Op::ConfirmOld(0),
            Op::Confirm(0),
            Op::SetState(AgentState::Draining),
            Op::Claim(Request::exclusive(1, 0)),
            Op::Restart,
            Op::Return,
            Op::UseStale(1),
            Op::Claim(Request::exclusive(16, 0)),
        ],
    );
}

/// Memory of a NUMA node without cores is seated as all ordinary memory: a promise of it is no other NUMA node's.
#[test]
fn a_promise_of_a_numa_node_without_cores_is_not_merged_away() {
    let mut spec = LARGE.spec();
    spec.numa_nodes.push(NumaNodeSpec::ordinary(1 << 20));
    let pages = vec![None, None, None, None, Some(0)];
    let promised = Chosen { pus: 0, share: None, pages, hold: MemoryHold::Strict };
    by_example(spec, &[Op::ClaimChosen(promised), Op::Claim(Request::exclusive(1, 4096)), Op::Merge(0, 1)]);
}

/// A core that a claim keeps in no NUMA node has no memory beside it.
#[test]
fn memory_beside_a_core_in_no_numa_node_is_not_promised_by_a_resize() {
    let mut spec = LARGE.spec();
    spec.cores[0].numa_node = None;
    let core = Locality::Required(Level::Core);
    let beside = Request::exclusive(2, 4096).with_locality(core).with_memory(MemoryLocality::Required);
    let kept = Chosen { pus: 3, share: None, pages: vec![], hold: MemoryHold::Held };
    by_example(spec, &[Op::ClaimChosen(kept), Op::Resize(0, beside)]);
}

/// Ports of a lower word that a merge added stand before the others again, so that the claim can be restored.
#[test]
fn numbers_are_in_order_after_a_merge() {
    let low = || Request::exclusive(1, 0).with_range(PORTS, Pick::Exact(vec![Span { first: 31_000, last: 31_047 }]));
    let high = || Request::exclusive(1, 0).with_range(PORTS, Pick::Exact(vec![Span { first: 31_048, last: 31_050 }]));
    by_example(with_extras(), &[Op::Claim(high()), Op::Claim(low()), Op::Merge(0, 1), Op::Restart]);
}

/// The first NUMA nodes that are tried for a resize are too few, and leave nothing behind.
#[test]
fn a_share_grows_over_two_numa_nodes_with_promised_memory() {
    let machine = Machine { cores: 6, pus_per_core: 1, l3: 1, numa_nodes: 2, packages: 3, mem_bytes: 16 * 4096 };
    let over_both = Request::shared(3169, 22_590).with_memory(MemoryLocality::Required);
    by_example(machine.spec(), &[Op::Claim(Request::shared(1, 0)), Op::Resize(0, over_both)]);
}

/// Found by the fuzzer: of an L3 domain that reaches beyond the NUMA nodes looked at, cores outside of these were counted.
#[test]
fn an_l3_domain_is_counted_as_far_as_the_scope_has_it() {
    let core = |pus, l3, numa_node: Option<u16>, package| CoreSpec {
        pus,
        l3,
        numa_node: numa_node.map(NumaNodeId::new),
        package,
        kind: 0,
    };
    let spec = ShapeSpec {
        cores: vec![
            core(1, None, Some(0), None),
            core(1, Some(2), None, Some(2)),
            core(2, Some(2), Some(0), Some(1)),
            core(1, None, Some(0), None),
            core(3, Some(2), Some(0), Some(2)),
            core(1, Some(2), Some(1), None),
        ],
        numa_nodes: vec![NumaNodeSpec::ordinary(0), NumaNodeSpec::ordinary(25 * 4096)],
        ..ShapeSpec::default()
    };
    by_example(spec, &[Op::Claim(Request::exclusive(6, 22_590))]);
}
