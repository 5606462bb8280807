//! What placing and releasing cost, beside compare-and-swap on bare words of the same layout, in turns of slices.
//!
//! A pod is 4 cores under one L3 with 8 GiB. What is measured, each a pair of a placement and a release:
//! - **pair**: place, release what was placed;
//! - **one**: release a random live claim, place another; the table knows of nothing ahead;
//! - **batch**: the same, 64 at a time;
//! - **agent**: claim and release on one agent.
//!
//! Random claims are drawn 64 at a time, so that the misses of drawing them are not measured with the table's. Times are a
//! thread's own CPU time; figures are medians over rounds in which everything takes its turn, ratios medians of the rounds' ratios.
//! `ROUNDS=n` and `AGENTS=n` narrow it. Two shared cores show neither sockets nor many threads: eight threads here run by turns, and
//! say only that nothing breaks.

use std::sync::Barrier;

use meros_alloc_core::{Policy, retries_of_this_thread};
use meros_benches::churn::Churn;
use meros_benches::clock::{median, per_mille, pin, pus, thread_cpu_ns};
use meros_benches::cluster::{Cluster, Plan};
use meros_benches::random::Random;
use meros_benches::yardstick::{BarePair, BareRecord};
use meros_benches::{Reach, print_reach, print_where};

/// Pairs in a slice.
const SLICE: usize = 60_032;
const SIZES: [u32; 3] = [1_000, 12_500, 100_000];
const FILLS: [u64; 2] = [50, 95];

fn from_env(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// Nanoseconds a pair takes.
fn timed(work: impl FnOnce()) -> f64 {
    let start = thread_cpu_ns();
    work();
    (thread_cpu_ns() - start) as f64 / SLICE as f64
}

/// One column of a run: what was measured in each round.
#[derive(Default)]
struct Series(Vec<f64>);

impl Series {
    fn median(&self) -> f64 {
        median(&mut self.0.clone())
    }

    /// The median of the rounds' ratios.
    fn over(&self, other: &Self) -> f64 {
        median(&mut self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect::<Vec<f64>>())
    }
}

/// What one thread was measured at.
#[derive(Default)]
struct Run {
    bare: Series,
    record: Series,
    pair: Series,
    one: Series,
    batch: Series,
    agent: Series,
    /// Of single pairs, sorted.
    latency_ns: Vec<u64>,
    refused: u64,
    ok: bool,
}

fn run(plan: Plan, rounds: usize) -> Option<Run> {
    let cluster = Cluster::new(plan).ok()?;
    let bare = BarePair::new(plan.agents);
    let record = BareRecord::new(plan.agents, cluster.claims.len());
    let mut churn = Churn::new(&cluster, cluster.claims.clone(), 0)?;
    let mut rng = Random::new(11);
    let mut run = Run::default();
    for round in 0..=rounds {
        let mut times = [
            timed(|| bare.run(&mut rng, SLICE)),
            timed(|| record.run(&mut rng, SLICE)),
            timed(|| churn.pairs(Policy::Pack, SLICE)),
            timed(|| churn.one(SLICE)),
            timed(|| churn.batch(SLICE)),
            {
                let agent = cluster.emptiest();
                timed(|| churn.agent(agent, SLICE))
            },
        ]
        .into_iter();
        // The first round warms up.
        if round > 0 {
            for series in [&mut run.bare, &mut run.record, &mut run.pair, &mut run.one, &mut run.batch, &mut run.agent]
            {
                series.0.extend(times.next());
            }
        }
    }
    run.latency_ns = churn.latency(SLICE);
    run.latency_ns.sort_unstable();
    run.refused = churn.refused;
    // With one thread nobody is in the way.
    let alone = churn.contended == 0;
    drop(churn);
    run.ok = alone && cluster.table.validate().is_ok();
    Some(run)
}

/// What threads that work at once come to.
struct Together {
    /// Million bare pairs a second.
    bare: f64,
    /// Million pairs of a placement and a release a second.
    pair: f64,
    /// Placements that others were in the way of.
    contended: u64,
    /// Changes of words that were tried anew, for each million pairs.
    retries: f64,
}

/// Runs `threads` at once, each with claims of its own; none when one of them was refused a placement. Rates are of the PUs there are:
/// where threads take turns on one, each has its share of it.
fn together(cluster: &Cluster, threads: usize, rounds: usize) -> Option<Together> {
    let bare = BarePair::new(cluster.table.agents().count().try_into().ok()?);
    let parts: Vec<Vec<_>> =
        (0..threads).map(|part| cluster.claims.iter().skip(part).step_by(threads).copied().collect()).collect();
    let barrier = Barrier::new(threads);
    let times: Vec<Timed> = std::thread::scope(|scope| {
        let workers: Vec<_> = parts
            .into_iter()
            .enumerate()
            .map(|(at, part)| {
                let (bare, barrier) = (&bare, &barrier);
                scope.spawn(move || worker(cluster, part, (at, bare, barrier), rounds))
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok().flatten()).collect()
    });
    let share = pus().len().min(threads) as f64 / threads as f64;
    let rate = |pick: fn(&Timed) -> f64| share * times.iter().map(|time| 1000.0 / pick(time)).sum::<f64>();
    (times.len() == threads).then(|| Together {
        bare: rate(|time| time.bare),
        pair: rate(|time| time.pair),
        contended: times.iter().map(|time| time.contended).sum(),
        retries: times.iter().map(|time| time.retries).sum::<u64>() as f64 * 1e6 / (threads * rounds * SLICE) as f64,
    })
}

/// What one of several threads was measured at, in nanoseconds a pair.
struct Timed {
    bare: f64,
    pair: f64,
    contended: u64,
    retries: u64,
}

fn worker(
    cluster: &Cluster,
    part: Vec<(meros_alloc_core::ClaimId, meros_alloc_core::Owner)>,
    (at, bare, barrier): (usize, &BarePair, &Barrier),
    rounds: usize,
) -> Option<Timed> {
    pin(at);
    let mut churn = Churn::new(cluster, part, at)?;
    let mut rng = Random::new(at as u64 + 3);
    let (mut bares, mut pairs, mut retries) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        barrier.wait();
        bares.push(timed(|| bare.run(&mut rng, SLICE)));
        barrier.wait();
        let before = retries_of_this_thread();
        pairs.push(timed(|| churn.pairs(Policy::Pack, SLICE)));
        retries += retries_of_this_thread() - before;
    }
    let contended = churn.contended;
    (churn.refused == 0).then(|| Timed { bare: median(&mut bares), pair: median(&mut pairs), contended, retries })
}

fn print_run(plan: Plan, run: &Run) {
    let at = |mille| per_mille(&run.latency_ns, mille);
    println!(
        "{:>7} {:>3} % │ {:>5.1} {:>5.1} │ {:>5.0} {:>4.1}× │ {:>5.0} {:>4.1}× │ {:>5.0} {:>4.1}× │ {:>5.0} │ {:>5} {:>5} {:>6} │ {}",
        plan.agents,
        plan.fill,
        run.bare.median(),
        run.record.median(),
        run.pair.median(),
        run.pair.over(&run.bare),
        run.batch.median(),
        run.batch.over(&run.bare),
        run.one.median(),
        run.one.over(&run.record),
        run.agent.median(),
        at(500),
        at(990),
        at(999),
        run.refused,
    );
}

/// What the issue asks of one size.
fn reaches(plan: Plan, run: &Run) -> Vec<Reach> {
    let name = |what: &str| format!("{what}, {} agents {} % full", plan.agents, plan.fill);
    let rate = |series: &Series| 1000.0 / series.median();
    let mut reached =
        vec![Reach::at_most(name("p99.9 of a pair, µs"), per_mille(&run.latency_ns, 999) as f64 / 1000.0, 5.0)];
    let bars = match plan.agents {
        1_000 => {
            reached.push(Reach::at_most(name("batched pair, ns"), run.batch.median(), 90.0));
            return reached;
        }
        12_500 => (10.0, 4.0),
        _ => (7.0, 3.0),
    };
    reached.push(Reach::at_least(name("place and release, M/s"), rate(&run.pair), bars.0));
    reached.push(Reach::at_least(name("batched, M/s"), rate(&run.batch), bars.0));
    reached.push(Reach::at_most(name("place and release, times the bare pair"), run.pair.over(&run.bare), 5.0));
    reached.push(Reach::at_most(name("batched, times the bare pair"), run.batch.over(&run.bare), 5.0));
    reached.push(Reach::at_least(name("one at a time, M/s"), rate(&run.one), bars.1));
    reached.push(Reach::at_most(name("one at a time, times record and bare pair"), run.one.over(&run.record), 6.0));
    reached
}

/// Two threads beside one, as a share of what two bare pairs gain.
fn two_threads(uneven: bool, rounds: usize) -> Option<Reach> {
    let plan = Plan { agents: 12_500, fill: 50, shards: 2, uneven };
    let cluster = Cluster::new(plan).ok()?;
    let one = together(&cluster, 1, rounds)?;
    let two = together(&cluster, 2, rounds)?;
    let (bare, pair) = (two.bare / one.bare, two.pair / one.pair);
    let how = if uneven { "unevenly" } else { "evenly" };
    println!(
        "two threads, filled {how}: {:.1} M/s, {pair:.2}× one; bare pair {bare:.2}×; {} contended, {:.0} retries a million",
        two.pair, two.contended, two.retries
    );
    cluster.table.validate().ok()?;
    Some(Reach::at_least(format!("two threads' gain over the bare pair's, filled {how}"), pair / bare, 0.9))
}

/// Eight threads on as many cores as there are, and all threads on one agent: nothing may break.
fn crowded(rounds: usize) -> bool {
    let plan = Plan { agents: 1_000, fill: 50, shards: 2, uneven: false };
    let Ok(cluster) = Cluster::new(plan) else { return false };
    let eight = together(&cluster, 8, rounds);
    let agent = cluster.emptiest();
    let crowd = |at: usize| {
        pin(at);
        let mut churn = Churn::new(&cluster, Vec::new(), at)?;
        churn.agent(agent, SLICE);
        (churn.refused == 0).then(|| (churn.contended, retries_of_this_thread()))
    };
    let contended: Vec<Option<(u64, u64)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8).map(|at| scope.spawn(move || crowd(at))).collect();
        workers.into_iter().map(|worker| worker.join().ok().flatten()).collect()
    });
    let spurious: u64 = contended.iter().flatten().map(|(contended, _)| contended).sum();
    let retries: u64 = contended.iter().flatten().map(|(_, retries)| retries).sum();
    let (rate, in_the_way, again) = eight.as_ref().map_or((0.0, 0, 0.0), |all| (all.pair, all.contended, all.retries));
    println!(
        "eight threads on {} PUs: {rate:.1} M/s, {in_the_way} contended, {again:.0} retries a million",
        pus().len().min(8)
    );
    println!(
        "eight threads on one agent: {spurious} contended and {retries} retries of {} claims and releases",
        8 * SLICE
    );
    eight.is_some() && contended.iter().all(Option::is_some) && cluster.table.validate().is_ok()
}

fn main() {
    print_where();
    let rounds = from_env("ROUNDS").unwrap_or(21);
    let only = from_env("AGENTS");
    if !pin(0) {
        println!("the thread cannot be pinned: figures will be noisier");
    }
    let (mut ok, mut reached) = (true, Vec::new());
    println!(
        "                │ bare, with  │ place and   │ batches     │ one at a    │ on one│  a pair, ns          │"
    );
    println!(
        " agents  full   │ record, ns  │ release, ns │ of 64, ns   │ time, ns    │ agent │   p50   p99  p99.9   │ refused"
    );
    for (agents, fill) in SIZES.into_iter().flat_map(|agents| FILLS.map(|fill| (agents, fill))) {
        if only.is_some_and(|only| only != agents as usize) {
            continue;
        }
        let plan = Plan { agents, fill, shards: 1, uneven: false };
        match run(plan, rounds) {
            Some(run) => {
                print_run(plan, &run);
                ok &= run.ok && run.refused == 0;
                reached.extend(reaches(plan, &run));
            }
            None => ok = false,
        }
    }
    if only.is_none() {
        let both: Vec<Option<Reach>> = [false, true].map(|uneven| two_threads(uneven, rounds)).into();
        ok &= both.iter().all(Option::is_some) && crowded(rounds.min(5));
        reached.extend(both.into_iter().flatten());
    }
    print_reach("claim", ok, &reached);
}
