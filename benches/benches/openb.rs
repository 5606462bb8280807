//! How much of a GPU cluster's GPUs the core puts to use, by the published protocol, beside the six published policies.
//!
//! Every variant in the folder, seeds 42 to 51. The simulator renames agents in an order of the seed's, so that "the lowest name"
//! is a fixed order per seed; the reference policies are replayed that way and must come out as published. The core gets its agents
//! in the same order; it knows nothing of the pods to come, and FGD knows their mix.
//!
//! Two shared cores show nothing of several placers at work at once; speed is of one thread.

use std::hint::black_box;

use meros_alloc_core::Policy;
use meros_benches::clock::{median, thread_cpu_ns};
use meros_benches::openb::core::Cluster;
use meros_benches::openb::machine::{Agent, Pod};
use meros_benches::openb::published::{BestFit, Fgd, FirstFit};
use meros_benches::openb::replay::{Outcome, Placer, SEEDS, arrivals, replay};
use meros_benches::openb::scan::Scan;
use meros_benches::openb::table::{self, PUBLISHED, Row};
use meros_benches::openb::trace::{SET, Trace};
use meros_benches::random::Random;
use meros_benches::{Reach, loaded_or_said, print_reach, print_where, traces};

/// The policies of a table, in this order.
const MEASURED: [&str; 5] = ["first-fit*", "BestFit*", "FGD*", "core/pack", "core/fragm."];
const BEST_FIT: usize = 1;
const FGD: usize = 2;
const CORE: usize = 4;
/// How far a replay may be from what was published, in points: BestFit, as C.3 of performance.md found it.
const BEST_FIT_WITHIN: f64 = 0.25;
/// FGD's published deviation over seeds is up to 0.3 points.
const FGD_WITHIN: f64 = 0.4;
type Failure = Box<dyn std::error::Error>;

/// One variant, replayed with one seed by every policy.
fn replays(trace: &Trace, pods: &[Pod], seed: u64) -> Result<[Outcome; MEASURED.len()], Failure> {
    let list = arrivals(pods, trace.gpu_milli(), seed);
    let agents = shuffled(trace, seed);
    let run = |placer: &mut dyn Placer| replay(&agents, &list, placer);
    let core = |policy| -> Result<Outcome, Failure> { Ok(run(&mut Cluster::new(&agents)?.placer(policy)?)?) };
    Ok([
        run(&mut Scan::new(FirstFit, &agents))?,
        run(&mut Scan::new(BestFit, &agents))?,
        run(&mut Scan::new(Fgd::new(pods), &agents))?,
        core(Policy::Pack)?,
        core(Policy::FragmentationAware)?,
    ])
}

fn shuffled(trace: &Trace, seed: u64) -> Vec<Agent> {
    let mut agents = trace.agents.clone();
    Random::new(!seed).shuffle(&mut agents);
    agents
}

/// A row for each variant, over these seeds. The flag: no pod was dropped that fitted.
fn rows(trace: &Trace, seeds: &[u64]) -> Result<(Vec<Row>, bool), Failure> {
    let (mut rows, mut honest) = (Vec::new(), true);
    for (variant, pods) in &trace.variants {
        let runs = seeds.iter().map(|&seed| replays(trace, pods, seed)).collect::<Result<Vec<_>, _>>()?;
        honest &= runs.iter().flatten().all(|outcome| outcome.dropped_that_fit == 0);
        let measured = (0..MEASURED.len()).map(|policy| {
            let outcomes: Vec<Outcome> = runs.iter().map(|run| run[policy]).collect();
            table::mean(&outcomes, trace.gpu_milli())
        });
        let published = PUBLISHED.iter().map(|policy| trace.published(variant, policy)).collect();
        rows.push(Row { variant: variant.clone(), measured: measured.collect(), published });
    }
    Ok((rows, honest))
}

/// Calls a second: of the arrivals before the first one that is refused, and of those from it on.
fn rates(trace: &Trace, policy: Policy, seed: u64) -> Result<[f64; 2], Failure> {
    let default = trace.variants.iter().find(|(name, _)| name == "default");
    let (_, pods) = default.or_else(|| trace.variants.first()).ok_or("no variant")?;
    let (agents, list) = (shuffled(trace, seed), arrivals(pods, trace.gpu_milli(), seed));
    let cluster = Cluster::new(&agents)?;
    let mut placer = cluster.placer(policy)?;
    let first_refused = list.iter().position(|pod| placer.grant(pod).is_none()).unwrap_or(list.len());
    let cluster = Cluster::new(&agents)?;
    let mut placer = cluster.placer(policy)?;
    let (placed, rest) = list.split_at(first_refused);
    let mut rate = |pods: &[Pod]| {
        let start = thread_cpu_ns();
        for pod in pods {
            black_box(placer.grant(pod));
        }
        pods.len() as f64 * 1e9 / (thread_cpu_ns() - start) as f64
    };
    Ok([rate(placed), rate(rest)])
}

/// The medians of [`rates`] over the seeds.
fn speed(trace: &Trace, policy: Policy) -> Result<[f64; 2], Failure> {
    let mut all = [Vec::new(), Vec::new()];
    for seed in SEEDS {
        let rates = rates(trace, policy, seed)?;
        all.iter_mut().zip(rates).for_each(|(all, rate)| all.push(rate));
    }
    Ok(all.map(|mut all| median(&mut all)))
}

fn reach(rows: &[Row]) -> Vec<Reach> {
    let lead = |published| table::smallest_lead(rows, CORE, published).unwrap_or(f64::NAN);
    let distance = |policy, published| table::largest_distance(rows, policy, published).unwrap_or(f64::NAN);
    vec![
        Reach::at_most("BestFit replay: points from published", distance(BEST_FIT, "BestFit"), BEST_FIT_WITHIN),
        Reach::at_most("FGD replay: points from published", distance(FGD, "FGD"), FGD_WITHIN),
        Reach::at_least(
            "core, fragmentation-aware: smallest lead over published BestFit, points",
            lead("BestFit"),
            0.0,
        ),
        Reach::at_least(
            "core, fragmentation-aware: smallest lead over published FGD, points (an aim)",
            lead("FGD"),
            0.0,
        ),
    ]
}

fn run(trace: &Trace) -> Result<(bool, Vec<Reach>), Failure> {
    let seeds: Vec<u64> = SEEDS.collect();
    println!(
        "allocated GPU % after arrivals of 100 / 130 %, mean of seeds {SEEDS:?}; published columns first, * is a replay of ours"
    );
    let (all, honest) = rows(trace, &seeds)?;
    table::print(&MEASURED, &all);
    let mut reach = reach(&all);
    let ok = honest && reach[..2].iter().all(|figure| figure.met);
    for (name, policy) in [("pack", Policy::Pack), ("fragmentation-aware", Policy::FragmentationAware)] {
        let [placed, rest] = speed(trace, policy)?;
        println!(
            "{name}: {placed:.0} placements/s up to the first refusal, then {rest:.0} pods/s, of which each no is final"
        );
        reach.push(Reach::at_least(format!("core, {name}: placements/s, one thread"), placed, 1e6));
    }
    Ok((ok, reach))
}

fn main() {
    print_where();
    let Some(trace) = loaded_or_said("openb", Trace::load(&traces::folder(SET))) else { return };
    match run(&trace) {
        Ok((ok, reach)) => print_reach("openb", ok, &reach),
        Err(error) => {
            println!("WRONG: {error}");
            print_reach("openb", false, &[]);
        }
    }
}
