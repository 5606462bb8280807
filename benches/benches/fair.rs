//! What the share order costs: a role's tree of depth 3 (10 × 10 × 10), with 1,000 to 20,000 frameworks.
//!
//! No call of the public interface is an update of the order alone: an offer also closes an agent, a claim also changes the table, and
//! either costs more than what is to be measured. So the order is timed where it is, by alloc-core's own test `order::tests::timing`,
//! which this bench has built for release and run, and whose table it reads: an update is the dearer one of charging and refunding a
//! subscription with all that is above it; a pick is the walk to the neediest. Medians of 51 rounds of 4,000 in which all sizes take
//! turns, wall time.
//!
//! Beside it, through the public interface, what an offer and a decline cost in the same tree, and whether the tree is fair: of a cycle's
//! offers of equal agents each of the 10 top roles gets a tenth, and each of the 1,000 roles a thousandth.

use std::env;
use std::process::{Command, Stdio};
use std::sync::Arc;

use meros_alloc_core::{
    Allocator, Attributes, Capacity, FrameworkId, OfferId, RoleId, RoleSpec, Rules, Subscription, Table,
};
use meros_benches::clock::{pin, thread_cpu_ns};
use meros_benches::sharing::{Rounds, decline_all, shape};
use meros_benches::{Reach, print_reach, print_where};

const FRAMEWORKS: [u32; 3] = [1_000, 5_000, 20_000];
const WIDTH: usize = 10;
const AGENTS: u32 = 5_000;
const ROUNDS: usize = 7;

/// Nanoseconds of the order alone.
#[derive(Clone, Copy, Debug)]
struct Alone {
    update: f64,
    pick: f64,
}

/// The number before or behind a word in a line of the timing's table.
fn number_after(line: &str, word: &str) -> Option<f64> {
    let rest = line.split_once(word)?.1.trim_start();
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn of_line(line: &str) -> Option<Alone> {
    let update = number_after(line, "charge ")?.max(number_after(line, "refund ")?);
    Some(Alone { update, pick: number_after(line, "pick ")? })
}

/// Has alloc-core time its order; its table.
fn order_table() -> Result<String, String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["test", "--quiet", "--release", "--package", "meros-alloc-core", "--lib"]);
    command.args(["order::tests::timing", "--", "--ignored", "--nocapture"]);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("the timing of the order failed: {text}")) }
}

fn alone(table: &str, frameworks: u32) -> Option<Alone> {
    let of = format!("10x10x10, {},000 fw", frameworks / 1000);
    of_line(table.lines().find(|line| line.contains(&of))?)
}

/// An allocator of a tree, and its roles of depth 3, those of a top role together.
fn tree(frameworks: u32) -> Result<(Allocator, Vec<RoleId>), String> {
    let shape = shape(24);
    let capacity = Capacity { roles: 1200, ..Capacity::for_agents(AGENTS, &shape) };
    let table = Table::new(capacity).map_err(|error| error.to_string())?;
    let rules = Rules { offer_timeout_ms: None, ..Rules::default() };
    let mut allocator = Allocator::new(Arc::new(table), rules).map_err(|error| error.to_string())?;
    let mut roles: Vec<Option<RoleId>> = vec![None];
    for _ in 0..3 {
        let below = roles.iter().flat_map(|parent| [*parent; WIDTH]);
        let added = below.map(|parent| allocator.add_role(RoleSpec { parent, ..RoleSpec::default() }).map(Some));
        roles = added.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    }
    let roles: Vec<RoleId> = roles.into_iter().flatten().collect();
    for _ in 0..AGENTS {
        allocator.add_agent(shape.clone(), Attributes::default()).map_err(|error| error.to_string())?;
    }
    for at in 0..frameworks {
        let role = roles[at as usize % roles.len()];
        let subscribed = allocator.subscribe(FrameworkId::new(at), role, Subscription::default());
        subscribed.map_err(|error| error.to_string())?;
    }
    Ok((allocator, roles))
}

/// Nanoseconds of an offer and of a decline.
fn in_use(frameworks: u32) -> Result<(f64, f64), String> {
    let (mut allocator, roles) = tree(frameworks)?;
    let [mut offers, mut declines] = [(); 2].map(|()| Rounds::default());
    let mut ids: Vec<(FrameworkId, OfferId)> = Vec::with_capacity(AGENTS as usize);
    for round in 0..=ROUNDS {
        let now_ms = round as u64 * 1000;
        ids.clear();
        let start = thread_cpu_ns();
        allocator.offer(now_ms, |view| ids.push((view.framework, view.id)));
        offers.add((thread_cpu_ns() - start) as f64 / f64::from(AGENTS));
        let mut of_role = vec![0; roles.len()];
        ids.iter().for_each(|(framework, _)| of_role[framework.get() as usize % roles.len()] += 1);
        let fair = of_role.iter().all(|of| of * roles.len() == AGENTS as usize);
        if ids.len() != AGENTS as usize || !fair {
            return Err(format!("{} offers, or not the same for each role", ids.len()));
        }
        if round == 0 {
            allocator.validate()?;
        }
        let start = thread_cpu_ns();
        decline_all(&mut allocator, &ids, Some(0), now_ms + 1);
        declines.add((thread_cpu_ns() - start) as f64 / f64::from(AGENTS));
    }
    Ok((offers.median(), declines.median()))
}

fn reaches(table: &str) -> Option<Vec<Reach>> {
    let [few, some, many] = FRAMEWORKS.map(|frameworks| alone(table, frameworks));
    let (few, some, many) = (few?, some?, many?);
    Some(vec![
        Reach::at_most("ns of an update, 5,000 frameworks", some.update, 100.0),
        Reach::at_most("ns of a pick, 5,000 frameworks", some.pick, 25.0),
        Reach::at_most("an update at 20,000 frameworks, times one at 1,000", many.update / few.update, 2.0),
        Reach::at_most("a pick at 20,000 frameworks, times one at 1,000", many.pick / few.pick, 2.0),
    ])
}

fn main() {
    print_where();
    if !pin(0) {
        println!("the thread cannot be pinned: figures will be noisier");
    }
    let table = order_table().unwrap_or_else(|error| error);
    table.lines().filter(|line| line.contains(" branches: ")).for_each(|line| println!("{line}"));
    let mut ok = true;
    println!("1,000 roles of depth 3, {AGENTS} agents, through the allocator:");
    for frameworks in FRAMEWORKS {
        match in_use(frameworks) {
            Ok((offer, decline)) => {
                println!("{frameworks:>6} frameworks: an offer {offer:.0} ns, a decline {decline:.0} ns")
            }
            Err(error) => {
                println!("{frameworks} frameworks: {error}");
                ok = false;
            }
        }
    }
    let reached = reaches(&table);
    print_reach("fair", ok && reached.is_some(), &reached.unwrap_or_default());
}
