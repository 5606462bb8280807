//! What answers cost: accepting an offer with 1, 8 and 64 tasks, declining with a filter, and reviving a framework with 5,000 filters.
//!
//! Agents have 64 cores, of which a task takes one with 32 MiB; whatever an accept leaves is declined with a filter by it. Accepts are
//! timed in runs of 256 agents, each run a cycle's offers. Times are a thread's own CPU time, medians of rounds.

use meros_alloc_core::{FrameworkId, OfferId, Operation, Owner, Request};
use meros_benches::clock::{pin, thread_cpu_ns};
use meros_benches::sharing::{Plan, Rounds, Sharing, decline_all, from_env, mesos, shape};
use meros_benches::{Reach, print_reach, print_where};

const AGENTS: u32 = 256;
const DECLINED: u32 = 5_000;
const TASKS: [usize; 3] = [1, 8, 64];
const OWNER: Owner = Owner::new(1);

fn offered(sharing: &mut Sharing, ids: &mut Vec<(FrameworkId, OfferId)>, now_ms: u64) -> Result<(), String> {
    ids.clear();
    let made = sharing.allocator.offer(now_ms, |view| ids.push((view.framework, view.id)));
    let agents = sharing.plan.agents as usize;
    if made == agents { Ok(()) } else { Err(format!("{made} offers of {agents} agents")) }
}

/// Nanoseconds of an accept with so many tasks: the first round, and the others' median.
fn accepts(tasks: usize, rounds: usize) -> Result<(f64, f64), String> {
    let mut sharing = Sharing::empty(Plan { agents: AGENTS, frameworks: 4, roles: 1 }, &shape(64))?;
    let operation = Operation::Launch { owner: OWNER, request: Request::exclusive(1, 32 << 20) };
    let (operations, mut ids, mut all) = (vec![operation; tasks], Vec::new(), Rounds::default());
    for round in 0..=rounds {
        let now_ms = round as u64 * 1000;
        offered(&mut sharing, &mut ids, now_ms)?;
        let mut claims = Vec::with_capacity(AGENTS as usize * tasks);
        let start = thread_cpu_ns();
        for (framework, offer) in &ids {
            let accepted = sharing.allocator.accept(*framework, &[*offer], &operations, Some(500), now_ms);
            let accepted = accepted.map_err(|error| error.to_string())?;
            claims.extend(accepted.outcomes.iter().filter_map(|outcome| outcome.granted()).map(|grant| grant.claim));
        }
        all.add((thread_cpu_ns() - start) as f64 / f64::from(AGENTS));
        if claims.len() != ids.len() * tasks {
            return Err(format!("{} claims of {} tasks", claims.len(), ids.len() * tasks));
        }
        sharing.allocator.validate()?;
        claims.into_iter().try_for_each(|claim| sharing.release(claim))?;
    }
    Ok((all.cold(), all.median()))
}

struct Declines {
    first: f64,
    decline: f64,
    batch: f64,
    revive: f64,
}

/// Nanoseconds of a decline with a filter, one by one and all in one call, and of a revive of as many.
fn declines(rounds: usize) -> Result<Declines, String> {
    let mut sharing = Sharing::new(Plan { agents: DECLINED, frameworks: 1, roles: 1 })?;
    let (framework, role) = (FrameworkId::new(0), sharing.role_of(0));
    let [mut alone, mut batched, mut revives] = [(); 3].map(|()| Rounds::default());
    let mut ids = Vec::new();
    for round in 0..=2 * rounds {
        let now_ms = round as u64 * 1000;
        offered(&mut sharing, &mut ids, now_ms)?;
        let offers: Vec<OfferId> = ids.iter().map(|(_, offer)| *offer).collect();
        let start = thread_cpu_ns();
        let unknown = if round % 2 == 0 {
            decline_all(&mut sharing.allocator, &ids, Some(5_000), now_ms)
        } else {
            sharing.allocator.decline(framework, &offers, Some(5_000), now_ms)
        };
        let took = (thread_cpu_ns() - start) as f64 / f64::from(DECLINED);
        if round % 2 == 0 {
            alone.add(took)
        } else {
            batched.add(took)
        };
        if unknown + sharing.allocator.offer(now_ms + 100, |_| ()) != 0 {
            return Err(format!("{unknown} declined that were not out, or offers past filters"));
        }
        let start = thread_cpu_ns();
        sharing.allocator.revive(framework, role).map_err(|error| error.to_string())?;
        revives.add((thread_cpu_ns() - start) as f64);
    }
    sharing.allocator.validate()?;
    Ok(Declines { first: alone.cold(), decline: alone.median(), batch: batched.median(), revive: revives.median() })
}

fn main() {
    print_where();
    mesos::print_origin();
    let rounds = from_env("ROUNDS").unwrap_or(21);
    if !pin(0) {
        println!("the thread cannot be pinned: figures will be noisier");
    }
    let (mut ok, mut reached) = (true, Vec::new());
    for tasks in TASKS {
        match accepts(tasks, rounds) {
            Ok((cold, warm)) => {
                let each = warm / tasks as f64;
                println!(
                    "accept with {tasks:>2} tasks: {warm:>6.0} ns, {each:>5.0} for each task; the first {cold:.0} ns"
                );
                reached.push(Reach::at_most(format!("ns of a task, {tasks} in an accept"), each, 1000.0));
            }
            Err(error) => {
                println!("accept with {tasks} tasks: {error}");
                ok = false;
            }
        }
    }
    match declines(rounds) {
        Ok(took) => {
            let (from, to) = mesos::DECLINE_US;
            println!(
                "decline with a filter: {:.0} ns one by one, {:.0} all in one call; the first {:.0} ns; Mesos {from:.0}-{to:.0} µs, wall",
                took.decline, took.batch, took.first
            );
            println!("revive of {DECLINED} filters: {:.1} µs", took.revive / 1000.0);
            reached.push(Reach::at_most("ns of a decline, one by one", took.decline, 300.0));
            reached.push(Reach::at_most("ns of a decline, all in one call", took.batch, 300.0));
        }
        Err(error) => {
            println!("decline: {error}");
            ok = false;
        }
    }
    print_reach("accept", ok, &reached);
}
