//! How many requests of a trace with affinity, anti-affinity and fault domains are placed on two-NUMA-node servers, when there are
//! so few servers that first-fit refuses one in twenty.
//!
//! First-fit, best-fit and worst-fit are scans over plain numbers; the core places by its groups and policies. Every placement is
//! checked by a checker that shares no code with the placers. How the rules are read: `meros_benches::numa_trace`.

use meros_alloc_core::Policy;
use meros_benches::clock::thread_cpu_ns;
use meros_benches::numa_trace::check::{Halves, check};
use meros_benches::numa_trace::core::{Cluster, Failure};
use meros_benches::numa_trace::place::{Fit, Scan, run};
use meros_benches::numa_trace::shrink::{REFUSED_ONE_IN, refused, shrink};
use meros_benches::numa_trace::trace::{Request, Rule, SET, Server, Trace, in_racks};
use meros_benches::{Reach, loaded_or_said, print_reach, print_where, traces};

/// The order in which servers are dropped.
const SEEDS: std::ops::RangeInclusive<u64> = 42..=44;
/// Servers to a rack, each a reading of the rules: racks of 19 divide the set's 1,710 servers evenly; racks of 1 are servers.
const RACKS: [usize; 2] = [19, 1];

/// What one fit came to: placed in all, and of each kind of rule.
struct Line {
    placed: usize,
    by_rule: [usize; 4],
    /// Of CPU for each request, the making of the servers included.
    ns: f64,
}

const fn kind(rule: Rule) -> usize {
    match rule {
        Rule::Free => 0,
        Rule::Affinity(_) => 1,
        Rule::AntiAffinity(_) => 2,
        Rule::FaultDomain { .. } => 3,
    }
}

/// What places, and how.
#[derive(Clone, Copy, Debug)]
enum By {
    Scan(Fit),
    Core(Policy),
}

const BY: [(&str, By); 6] = [
    ("first-fit", By::Scan(Fit::First)),
    ("best-fit", By::Scan(Fit::Best)),
    ("worst-fit", By::Scan(Fit::Worst)),
    ("core/pack", By::Core(Policy::Pack)),
    ("core/spread", By::Core(Policy::Spread)),
    ("core/fragm.", By::Core(Policy::FragmentationAware)),
];

fn line(by: By, servers: &[Server], requests: &[Request]) -> Result<Line, Failure> {
    let start = thread_cpu_ns();
    let (placements, halves) = match by {
        By::Scan(fit) => (run(requests, &mut Scan::new(fit, servers)), Halves::Asked),
        By::Core(policy) => {
            let cluster = Cluster::new(servers)?;
            (run(requests, &mut cluster.placer(policy, requests)?), Halves::NotAsked)
        }
    };
    let ns = (thread_cpu_ns() - start) as f64 / requests.len().max(1) as f64;
    check(servers, requests, &placements, halves)?;
    let mut by_rule = [0; 4];
    for (request, _) in requests.iter().zip(&placements).filter(|(_, placed)| placed.is_some()) {
        by_rule[kind(request.rule)] += 1;
    }
    Ok(Line { placed: requests.len() - refused(&placements), by_rule, ns })
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print; the counts are far below 2^52")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// Prints the lines of one variant and seed. The share that first-fit placed, in %.
fn variant(name: &str, servers: &[Server], requests: &[Request], seed: u64) -> Result<f64, Failure> {
    let left = shrink(servers, requests, seed);
    let all: [usize; 4] =
        std::array::from_fn(|rule| requests.iter().filter(|request| kind(request.rule) == rule).count());
    let mut first_fit = f64::NAN;
    for (by_name, by) in BY {
        let line = line(by, &left, requests)?;
        let shares: [f64; 4] = std::array::from_fn(|rule| percent(line.by_rule[rule], all[rule]));
        let placed = percent(line.placed, requests.len());
        if matches!(by, By::Scan(Fit::First)) {
            first_fit = placed;
        }
        println!(
            "{name:8}{seed:>5}{:>9}  {by_name:12}{placed:>7.2}{:>9.2}{:>10.2}{:>15.2}{:>14.2}{:>12.0}",
            left.len(),
            shares[0],
            shares[1],
            shares[2],
            shares[3],
            line.ns
        );
    }
    Ok(first_fit)
}

fn run_all(trace: &Trace) -> Result<Vec<Reach>, Failure> {
    let mut least_refused = f64::INFINITY;
    for of in RACKS {
        println!("racks of {of}: % of requests placed, ns for each request");
        println!(
            "variant  seed  servers  by           placed     free  affinity  anti-affinity  fault domain  ns/request"
        );
        let servers = in_racks(&trace.servers, of);
        for (name, requests) in &trace.variants {
            for seed in SEEDS {
                let first_fit = variant(name, &servers, requests, seed)?;
                least_refused = least_refused.min(100.0 - first_fit);
            }
        }
    }
    let bar = percent(1, REFUSED_ONE_IN);
    Ok(vec![Reach::at_least("least share that first-fit refused, %", least_refused, bar), rules_broken(0)])
}

/// Placements that broke a rule; the run ends at the first.
fn rules_broken(placements: u32) -> Reach {
    Reach::at_most("placements that broke a rule", f64::from(placements), 0.0)
}

fn main() {
    print_where();
    let Some(trace) = loaded_or_said("numa-trace", Trace::load(&traces::folder(SET))) else { return };
    match run_all(&trace) {
        Ok(reach) => print_reach("numa-trace", true, &reach),
        Err(broken) => {
            println!("WRONG: {broken}");
            print_reach("numa-trace", false, &[rules_broken(1)]);
        }
    }
}
