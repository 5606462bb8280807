//! What guarantees and limits cost: Mesos' benchmark `LargeAndSmallQuota`, in its largest size.
//!
//! 3,000 agents of 2 CPUs, 2 GiB of memory and 2 GiB of disk. 2,500 roles are guaranteed and limited to half an agent, 500 to two agents,
//! and each has one framework. So a cycle makes 2,500 offers of half an agent and 1,000 of a whole one, and 750 agents stay: nobody may
//! have more. The next cycle makes none. Then all offers are declined. Mesos' times are wall times.
//!
//! Times are a thread's own CPU time, medians of rounds.

use meros_alloc_core::{CoreSpec, FrameworkId, NumaNodeId, NumaNodeSpec, OfferId, Resource, Shape, ShapeSpec};
use meros_benches::clock::{pin, thread_cpu_ns};
use meros_benches::sharing::{Plan, Rounds, Sharing, decline_all, from_env, mesos};
use meros_benches::{Reach, print_reach, print_where};

const SMALL: u32 = 2_500;
const LARGE: u32 = 500;
const AGENTS: u32 = SMALL / 5 + LARGE * 5;
const OFFERS: usize = (SMALL + 2 * LARGE) as usize;
const MIB: u64 = 1 << 20;

fn shape() -> Result<Shape, String> {
    let core = CoreSpec { pus: 1, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    let spec = ShapeSpec {
        cores: vec![core; 2],
        numa_nodes: vec![NumaNodeSpec::ordinary(2048 * MIB)],
        disk_bytes: 2048 * MIB,
        ..ShapeSpec::default()
    };
    Shape::new(&spec).map_err(|error| error.to_string())
}

fn cluster() -> Result<Sharing, String> {
    let roles = SMALL + LARGE;
    let mut sharing = Sharing::empty(Plan { agents: AGENTS, frameworks: roles, roles }, &shape()?)?;
    for (at, role) in (0_u32..).zip(sharing.roles.clone()) {
        let cpus: u64 = if at < SMALL { 1 } else { 4 };
        let amounts = [
            (Resource::CpuMilli, cpus * 1000),
            (Resource::MemBytes, cpus * 1024 * MIB),
            (Resource::Disk, cpus * 1024 * MIB),
        ];
        for (resource, amount) in amounts {
            let set = sharing.allocator.set_guarantee(role, resource, amount);
            let set = set.and_then(|()| sharing.allocator.set_limit(role, resource, Some(amount)));
            set.map_err(|error| error.to_string())?;
        }
    }
    Ok(sharing)
}

/// Whether each role was offered just what it is guaranteed.
fn is_right(sharing: &Sharing, ids: &[(FrameworkId, OfferId)]) -> bool {
    let mut milli = vec![0; (SMALL + LARGE) as usize];
    for (framework, offer) in ids {
        let view = sharing.allocator.offer_view(*offer);
        milli[framework.get() as usize] += view.map_or(0, |view| view.quantities.cpu_milli);
    }
    let (small, large) = milli.split_at(SMALL as usize);
    ids.len() == OFFERS && small.iter().all(|of| *of == 1000) && large.iter().all(|of| *of == 4000)
}

/// Milliseconds of a cycle (the first, and the others' median), of the one after it, and of declining all.
fn measure(rounds: usize) -> Result<[f64; 4], String> {
    let start = thread_cpu_ns();
    let mut sharing = cluster()?;
    println!("{AGENTS} agents, {} roles: made in {:.1} s", SMALL + LARGE, (thread_cpu_ns() - start) as f64 / 1e9);
    let [mut cycles, mut idles, mut declines] = [(); 3].map(|()| Rounds::default());
    let mut ids: Vec<(FrameworkId, OfferId)> = Vec::with_capacity(OFFERS);
    let ms_since = |start: u64| (thread_cpu_ns() - start) as f64 / 1e6;
    for round in 0..=rounds {
        let now_ms = round as u64 * 1000;
        ids.clear();
        let start = thread_cpu_ns();
        sharing.allocator.offer(now_ms, |view| ids.push((view.framework, view.id)));
        cycles.add(ms_since(start));
        if !is_right(&sharing, &ids) {
            return Err(format!("{} offers, or not of what is guaranteed", ids.len()));
        }
        if round == 0 {
            sharing.allocator.validate()?;
        }
        let start = thread_cpu_ns();
        let none = sharing.allocator.offer(now_ms + 100, |_| ());
        idles.add(ms_since(start));
        let start = thread_cpu_ns();
        let unknown = decline_all(&mut sharing.allocator, &ids, Some(0), now_ms + 200);
        declines.add(ms_since(start));
        if none + unknown != 0 {
            return Err(format!("{none} offers beyond limits, {unknown} declined that were not out"));
        }
    }
    Ok([cycles.cold(), cycles.median(), idles.median(), declines.median()])
}

fn main() {
    print_where();
    mesos::print_origin();
    let rounds = from_env("ROUNDS").unwrap_or(7);
    if !pin(0) {
        println!("the thread cannot be pinned: figures will be noisier");
    }
    match measure(rounds) {
        Ok([cold, cycle, idle, decline]) => {
            let (peer, peer_idle) = mesos::QUOTA_S;
            println!("a cycle with {OFFERS} offers: {cycle:.2} ms, the first {cold:.2}; Mesos {:.0}", peer * 1000.0);
            println!("a cycle with none: {idle:.2} ms; Mesos {:.0}", peer_idle * 1000.0);
            println!("declining all: {decline:.2} ms");
            let reached = [
                Reach::at_most(format!("ms of a cycle with {OFFERS} offers"), cycle, 50.0),
                Reach::at_most("ms of a cycle with none", idle, 50.0),
            ];
            print_reach("quota", true, &reached);
        }
        Err(error) => {
            println!("{error}");
            print_reach("quota", false, &[]);
        }
    }
}
