//! How many requests of a trace with affinity, anti-affinity and fault domains are placed on two-NUMA-node servers, when there are
//! so few servers that first-fit refuses one in twenty.
//!
//! Every placement is checked by a checker that shares no code with the placers. How the rules are read: `meros_benches::numa_trace`.

use meros_benches::numa_trace::check::{Broken, check};
use meros_benches::numa_trace::place::{Fit, Scan, run};
use meros_benches::numa_trace::shrink::{REFUSED_ONE_IN, refused, shrink};
use meros_benches::numa_trace::trace::{Request, Rule, SET, Server, Trace, in_racks};
use meros_benches::{Reach, loaded_or_said, print_reach, print_where, traces};

/// The order in which servers are dropped.
const SEEDS: std::ops::RangeInclusive<u64> = 42..=44;
/// Servers to a rack, each a reading of the rules: racks of 19 divide the set's 1,710 servers evenly; racks of 1 are servers.
const RACKS: [usize; 2] = [19, 1];
const FITS: [Fit; 3] = [Fit::First, Fit::Best, Fit::Worst];

/// What one fit came to: placed in all, and of each kind of rule.
struct Line {
    placed: usize,
    by_rule: [usize; 4],
}

const fn kind(rule: Rule) -> usize {
    match rule {
        Rule::Free => 0,
        Rule::Affinity(_) => 1,
        Rule::AntiAffinity(_) => 2,
        Rule::FaultDomain { .. } => 3,
    }
}

fn line(fit: Fit, servers: &[Server], requests: &[Request]) -> Result<Line, Broken> {
    let placements = run(requests, &mut Scan::new(fit, servers));
    check(servers, requests, &placements)?;
    let mut by_rule = [0; 4];
    for (request, _) in requests.iter().zip(&placements).filter(|(_, placed)| placed.is_some()) {
        by_rule[kind(request.rule)] += 1;
    }
    Ok(Line { placed: requests.len() - refused(&placements), by_rule })
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print; the counts are far below 2^52")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// Prints the lines of one variant and seed. The share that first-fit refused, in %.
fn variant(name: &str, servers: &[Server], requests: &[Request], seed: u64) -> Result<f64, Broken> {
    let left = shrink(servers, requests, seed);
    let all: [usize; 4] =
        std::array::from_fn(|rule| requests.iter().filter(|request| kind(request.rule) == rule).count());
    let mut first = 0.0;
    for fit in FITS {
        let line = line(fit, &left, requests)?;
        let shares: [f64; 4] = std::array::from_fn(|rule| percent(line.by_rule[rule], all[rule]));
        let placed = percent(line.placed, requests.len());
        println!(
            "{name:8}{seed:>5}{:>9}  {:8}{placed:>8.2}{:>9.2}{:>10.2}{:>15.2}{:>14.2}",
            left.len(),
            format!("{fit:?}"),
            shares[0],
            shares[1],
            shares[2],
            shares[3]
        );
        if fit == Fit::First {
            first = 100.0 - placed;
        }
    }
    Ok(first)
}

fn run_all(trace: &Trace) -> Result<Vec<Reach>, Broken> {
    let mut least = f64::INFINITY;
    for of in RACKS {
        println!("racks of {of}: % of requests placed");
        println!("variant  seed  servers  fit       placed     free  affinity  anti-affinity  fault domain");
        let servers = in_racks(&trace.servers, of);
        for (name, requests) in &trace.variants {
            for seed in SEEDS {
                least = least.min(variant(name, &servers, requests, seed)?);
            }
        }
    }
    let bar = percent(1, REFUSED_ONE_IN);
    Ok(vec![Reach::at_least("least share that first-fit refused, %", least, bar), rules_broken(0)])
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
