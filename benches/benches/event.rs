//! How soon what comes back to one agent is offered, while nothing else is free.
//!
//! Every agent is full: a claim beside what the cluster has in use takes all its free cores, of which one core comes back. Nobody else
//! has anything to offer, and every framework wants something. Measured is the time from the release to the offer, written as for the
//! wire, and to the end of the cycle. The offer is then accepted in full, which is not measured. Wall time, a clock's two readings in it.
//!
//! `ROW=n` and `EVENTS=n` narrow it.

use std::time::Instant;

use meros_alloc_core::{ClaimId, FrameworkId, OfferId, Operation, Owner, Request};
use meros_benches::clock::{per_mille, pin};
use meros_benches::random::Random;
use meros_benches::sharing::{Plan, Sharing, Wire, from_env, mesos};
use meros_benches::{Reach, print_reach, print_where};

const AGENTS: [u32; 5] = [1_000, 2_000, 5_000, 10_000, 20_000];
const FRAMEWORKS: [u32; 3] = [1, 50, 1_000];

/// Nanoseconds, sorted.
struct Took {
    offer: Vec<u64>,
    cycle: Vec<u64>,
}

fn rest() -> Request {
    Request::exclusive(8, 2082 << 20)
}

#[expect(clippy::disallowed_methods, reason = "the time of a single event is what is measured")]
fn now() -> Instant {
    Instant::now()
}

fn ns_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Releases a claim; nanoseconds to its offer and to the cycle's end, and the offer.
fn event(
    sharing: &mut Sharing,
    wire: &mut Wire,
    claim: ClaimId,
    now_ms: u64,
) -> Result<(u64, u64, FrameworkId, OfferId), String> {
    wire.clear();
    let (mut offered, mut seen) = (None, 0);
    let start = now();
    sharing.release(claim)?;
    let made = sharing.allocator.offer(now_ms, |view| {
        wire.write(view);
        seen = ns_since(start);
        offered = Some((view.framework, view.id, view.agent.id()));
    });
    let cycle = ns_since(start);
    match offered {
        Some((framework, offer, agent)) if made == 1 && agent == claim.agent() && wire.all_show(8, 2082, 3072, 16) => {
            Ok((seen, cycle, framework, offer))
        }
        _ => Err(format!("{made} offers, or of another agent than {claim}'s")),
    }
}

fn measure(plan: Plan, events: usize) -> Result<Took, String> {
    let mut sharing = Sharing::new(plan)?;
    let mut claims = (0..plan.agents).map(|at| sharing.claim(at, &rest())).collect::<Result<Vec<ClaimId>, String>>()?;
    let mut wire = Wire::new((0..plan.agents).map(|at| format!("{at:0>8}").into_boxed_str()).collect());
    let full = sharing.allocator.offer(0, |_| ());
    if full != 0 {
        return Err(format!("{full} offers of full agents"));
    }
    let (mut rng, mut took) = (Random::new(1), Took { offer: Vec::new(), cycle: Vec::new() });
    let operation = [Operation::Launch { owner: Owner::new(1), request: rest() }];
    for at in 0..events {
        let (agent, now_ms) = (rng.below(claims.len()), at as u64 * 10);
        let (offer_ns, cycle_ns, framework, offer) = event(&mut sharing, &mut wire, claims[agent], now_ms)?;
        took.offer.push(offer_ns);
        took.cycle.push(cycle_ns);
        let accepted = sharing.allocator.accept(framework, &[offer], &operation, Some(0), now_ms);
        let accepted = accepted.map_err(|error| error.to_string())?;
        claims[agent] = accepted.outcomes[0].granted().ok_or("the offer does not hold what it shows")?.claim;
    }
    sharing.allocator.validate()?;
    took.offer.sort_unstable();
    took.cycle.sort_unstable();
    Ok(took)
}

fn main() {
    print_where();
    mesos::print_origin();
    let (only, events) = (from_env("ROW"), from_env("EVENTS").unwrap_or(2_000));
    if !pin(0) {
        println!("the thread cannot be pinned: figures will be noisier");
    }
    println!("                    │ to the offer, µs      │ to the end of the     │ Mesos,");
    println!("agents x frameworks │    p50    p99  p99.9  │ cycle, µs: p50   p99  │ µs");
    let (mut ok, mut all) = (true, Vec::new());
    let plans = AGENTS.into_iter().flat_map(|agents| FRAMEWORKS.map(|frameworks| (agents, frameworks)));
    for (_, (agents, frameworks)) in plans.enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
        let took = match measure(Plan { agents, frameworks, roles: 1 }, events) {
            Ok(took) => took,
            Err(error) => {
                println!("{agents} x {frameworks}: {error}");
                ok = false;
                continue;
            }
        };
        let at = |sorted: &[u64], mille| per_mille(sorted, mille) as f64 / 1000.0;
        let peer = mesos::EVENT_MS.iter().find(|(of, ..)| *of == agents);
        let peer = peer.map_or_else(String::new, |(_, from, to)| format!("{:.0}-{:.0}", from * 1000.0, to * 1000.0));
        println!(
            "{:>19} │ {:>6.1} {:>6.1} {:>6.1}  │ {:>14.1} {:>6.1} │ {peer}",
            format!("{agents} x {frameworks}"),
            at(&took.offer, 500),
            at(&took.offer, 990),
            at(&took.offer, 999),
            at(&took.cycle, 500),
            at(&took.cycle, 990),
        );
        all.push((agents, frameworks, at(&took.offer, 500)));
    }
    let mut reached: Vec<Reach> = Vec::new();
    for (agents, frameworks, p50) in &all {
        reached.push(Reach::at_most(format!("p50 to the offer, µs, {agents} x {frameworks}"), *p50, 10.0));
    }
    for frameworks in FRAMEWORKS {
        let p50 = |agents| all.iter().find(|of| (of.0, of.1) == (agents, frameworks)).map(|of| of.2);
        if let (Some(few), Some(many)) = (p50(1_000), p50(20_000)) {
            let name = format!("p50 at 20,000 agents, times at 1,000, {frameworks} frameworks");
            reached.push(Reach::at_most(name, many / few, 2.0));
        }
    }
    print_reach("event", ok, &reached);
}
