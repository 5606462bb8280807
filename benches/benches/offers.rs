//! What a full cycle costs: every agent has something to offer, and each is offered once.
//!
//! Offers are written as finished structs of the wire ([`sharing`](meros_benches::sharing)), 256 to a message: the memory of one that
//! is over is used for the next, as a master's is once it is sent. Beside it, what it takes to keep all of them in one buffer. Rows are those of Mesos' figures: all
//! frameworks in one role, and a role for each. Declining them again, one by one and without a filter, is counted apart. The first cycle
//! is cold: all agents have changed, and what each shows is worked out and prepared in it. The cycle that finds nothing to offer is
//! reported. Ids are numbers here: longer names of hosts lengthen the texts of the message, and nothing else.
//!
//! Times are a thread's own CPU time, medians of rounds. `ROW=n` and `ROUNDS=n` narrow it.

use std::hint::black_box;

use meros_alloc_core::{FrameworkId, OfferId};
use meros_benches::clock::{pin, thread_cpu_ns};
use meros_benches::sharing::{Plan, Rounds, Sharing, Wire, decline_all, from_env, mesos};
use meros_benches::{Reach, print_reach, print_where};

/// A size, and how many offers Mesos makes per second of CPU time.
#[derive(Clone, Copy)]
struct Row {
    plan: Plan,
    mesos: f64,
    /// Characters of a host's name.
    name: usize,
}

/// Nanoseconds for each offer.
struct Took {
    cold: f64,
    cycle: f64,
    kept: f64,
    decline: f64,
    /// Nanoseconds of a cycle that makes none.
    idle: f64,
}

const SHORT: usize = 8;
const LONG: usize = 38;
/// Offers of a message.
const MESSAGE: usize = 256;

fn rows() -> Vec<Row> {
    let one_role = |row: &mesos::OneRole, name| {
        let plan = Plan { agents: row.agents, frameworks: row.frameworks, roles: 1 };
        Row { plan, mesos: row.kilo_offers * 1000.0, name }
    };
    let role_each = mesos::ROLE_EACH.iter().map(|&(agents, frameworks, ms)| {
        let plan = Plan { agents, frameworks, roles: frameworks };
        Row { plan, mesos: f64::from(agents) * 1000.0 / ms, name: SHORT }
    });
    let one_roles = mesos::ONE_ROLE.iter().map(|row| one_role(row, SHORT));
    one_roles.chain(role_each).chain([one_role(&mesos::LONG_IDS, LONG)]).collect()
}

fn names(row: Row) -> Vec<Box<str>> {
    (0..row.plan.agents).map(|at| format!("{at:0>width$}", width = row.name).into_boxed_str()).collect()
}

/// A cycle; the nanoseconds it took, if it offered every agent once, as it is.
fn cycle(
    sharing: &mut Sharing,
    wire: &mut Wire,
    ids: &mut Vec<(FrameworkId, OfferId)>,
    now_ms: u64,
) -> Result<f64, String> {
    wire.clear();
    ids.clear();
    let start = thread_cpu_ns();
    let made = sharing.allocator.offer(now_ms, |view| {
        wire.write(view);
        ids.push((view.framework, view.id));
    });
    let took = (thread_cpu_ns() - start) as f64;
    let mut seen = vec![false; sharing.plan.agents as usize];
    let views = ids.iter().filter_map(|(_, id)| sharing.allocator.offer_view(*id));
    views.for_each(|view| seen[view.agent.id().index()] = true);
    let right = made == seen.len() && wire.offers() == made && ids.len() == made && seen.into_iter().all(|seen| seen);
    if right && wire.all_show(8, 2082, 3072, 16) {
        Ok(took)
    } else {
        Err(format!("{made} offers, or not of each agent"))
    }
}

fn measure(row: Row, rounds: usize) -> Result<Took, String> {
    let (mut sharing, mut wire, mut ids) = (Sharing::new(row.plan)?, Wire::new(names(row)), Vec::new());
    let each = |ns: f64| ns / f64::from(row.plan.agents);
    let [mut cycles, mut kept, mut declines, mut idles] = [(); 4].map(|()| Rounds::default());
    for round in 0..=2 * rounds {
        let now_ms = round as u64 * 1000;
        // The first is kept, so that all of it is looked at.
        wire.set_most(if round % 2 == 0 { usize::MAX } else { MESSAGE });
        let took = each(cycle(&mut sharing, &mut wire, &mut ids, now_ms)?);
        if round % 2 == 0 {
            kept.add(took)
        } else {
            cycles.add(took)
        };
        if round == 0 {
            sharing.allocator.validate()?;
        }
        let start = thread_cpu_ns();
        let none = sharing.allocator.offer(now_ms + 1, |_| ());
        idles.add((thread_cpu_ns() - start) as f64);
        let start = thread_cpu_ns();
        let unknown = decline_all(&mut sharing.allocator, &ids, Some(0), now_ms + 2);
        declines.add(each((thread_cpu_ns() - start) as f64));
        if none + unknown != 0 {
            return Err(format!("{none} offers of nothing, {unknown} declined that were not out"));
        }
    }
    black_box(wire.bytes());
    sharing.allocator.validate()?;
    let (cold, cycle, kept) = (kept.cold(), cycles.median(), kept.median());
    Ok(Took { cold, cycle, kept, decline: declines.median(), idle: idles.median() })
}

fn name(row: Row) -> String {
    let Plan { agents, frameworks, roles } = row.plan;
    let roles = if roles > 1 { ", a role each" } else { "" };
    let names = if row.name == LONG { ", long names" } else { "" };
    format!("{agents} x {frameworks}{roles}{names}")
}

fn print_row(row: Row, took: &Took) {
    println!(
        "{:<34} │ {:>6.0} {:>6.0} {:>6.0} │ {:>7.2} │ {:>8.1} {:>6.0}× │ {:>6.0} │ {:>8.1}",
        name(row),
        took.cold,
        took.kept,
        took.cycle,
        1000.0 / took.cycle,
        row.mesos / 1000.0,
        1e9 / took.cycle / row.mesos,
        took.decline,
        took.idle / 1000.0,
    );
}

/// How much more an offer costs among 20,000 agents than among 1,000.
fn growth(all: &[(Row, Took)]) -> Vec<Reach> {
    let cost = |agents, frameworks| {
        let is_it = |row: &Row| {
            (row.plan.agents, row.plan.frameworks, row.plan.roles, row.name) == (agents, frameworks, 1, SHORT)
        };
        all.iter().find(|(row, _)| is_it(row)).map(|(_, took)| took.cycle)
    };
    let grown = [1, 50, 200, 1000].into_iter().filter_map(|frameworks| {
        let ratio = cost(20_000, frameworks)? / cost(1_000, frameworks)?;
        Some(Reach::at_most(
            format!("an offer at 20,000 agents, times one at 1,000, {frameworks} frameworks"),
            ratio,
            2.0,
        ))
    });
    grown.collect()
}

fn main() {
    print_where();
    mesos::print_origin();
    let (only, rounds) = (from_env("ROW"), from_env("ROUNDS").unwrap_or(7));
    if !pin(0) {
        println!("the thread cannot be pinned: figures will be noisier");
    }
    println!("                                   │ ns an offer          │ offers, │ Mesos,           │ ns a   │ idle");
    println!(
        "agents x frameworks                │   cold   kept   warm │ M/CPU-s │ k/CPU-s    ratio │ decline│ cycle, µs"
    );
    let (mut ok, mut all) = (true, Vec::new());
    for (_, row) in rows().into_iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
        match measure(row, rounds) {
            Ok(took) => {
                print_row(row, &took);
                all.push((row, took));
            }
            Err(error) => {
                println!("{}: {error}", name(row));
                ok = false;
            }
        }
    }
    let times = |(row, took): &(Row, Took)| {
        Reach::at_least(
            format!("offers a CPU-second, times Mesos, {}", name(*row)),
            1e9 / took.cycle / row.mesos,
            300.0,
        )
    };
    let mut reached: Vec<Reach> = all.iter().map(times).collect();
    let aim = reached.iter().filter(|reach| reach.value >= 1000.0).count();
    println!("{aim} of {} rows reach 1,000×, which is the aim", reached.len());
    reached.extend(growth(&all));
    print_reach("offers", ok, &reached);
}
