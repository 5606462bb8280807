//! What placing costs under each policy, for each locality and shape, and what was got.
//!
//! 12,500 agents, half full. Pods are placed 64 at a time, and the same ones released again before the next 64, so that the cluster
//! stays as it is. Only placing is timed, as the thread's own CPU time; figures are medians over rounds. Of what was got: how many
//! NUMA nodes and L3 domains a pod is in, how many agents a batch touched, and how many free PUs beside it the batch made useless to
//! pods of four cores with 8 GiB (**stranded**, of a hundred PUs placed; less than none for what only uses up what was useless).
//!
//! `ROUNDS=n`, `AGENTS=n`, `POLICY=pack`, `SHAPE=text`, `LEVEL=text` narrow it.

use std::collections::{BTreeMap, BTreeSet};

use meros_alloc_core::{
    AgentId, ClaimId, Cpus, Grant, HoldLimit, Holder, Level, Local, Locality, Outcome, Owner, Placed, Policy, Released,
    Request, Smt, Table,
};
use meros_benches::clock::{median, pin, thread_cpu_ns};
use meros_benches::cluster::{Cluster, Plan};
use meros_benches::{Reach, print_reach, print_where};

const BATCH: usize = 64;
/// Placements a second and core that are asked for, in millions.
const BAR: f64 = 1.0;
const POLICIES: [(&str, Policy); 3] =
    [("pack", Policy::Pack), ("spread", Policy::Spread), ("fragmentation-aware", Policy::FragmentationAware)];

/// What is placed.
#[derive(Clone)]
struct Shape {
    name: &'static str,
    request: Request,
    /// The levels that can be required of it.
    levels: &'static [Level],
}

const LEVELS: [Level; 4] = [Level::Core, Level::L3, Level::NumaNode, Level::Package];

fn shapes() -> [Shape; 5] {
    let few = |cores: u32| u64::from(cores) << 31;
    let shape = |name, request, levels| Shape { name, request, levels };
    [
        shape("4 cores", Request::exclusive(8, few(4)), &LEVELS[1..]),
        shape("1 PU kept", Request::exclusive(1, few(1)).with_smt(Smt::Kept), &LEVELS),
        shape("1500 milli shared", Request::shared(1500, few(1)), &LEVELS[2..]),
        shape("24 cores", Request::cores(24, few(24)), &LEVELS[3..]),
        shape("4 cores + 1500 milli", Request::cores(4, few(5)).with_member(Cpus::shared(1500)), &LEVELS[2..]),
    ]
}

fn from_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn chosen(variable: &str, name: &str) -> bool {
    from_env(variable).is_none_or(|wanted| name.contains(&wanted))
}

/// What one row of the table says.
#[derive(Default)]
struct Got {
    ns: Vec<f64>,
    pods: usize,
    refused: usize,
    numa_nodes: usize,
    l3: usize,
    agents: BTreeSet<AgentId>,
    placed_pus: f64,
    stranded_pus: f64,
}

/// Places 64, and tells the time.
fn place(local: &Local<&Table>, cluster: &Cluster, request: &Request, policy: Policy) -> (f64, Vec<Grant>) {
    let holders: Vec<Holder> =
        (0..BATCH).map(|at| Holder { owner: Owner::new(at as u64), role: cluster.role }).collect();
    let mut grants = Vec::with_capacity(BATCH);
    let start = thread_cpu_ns();
    local.place_many(&holders, request, policy, |_, placed| {
        if let Placed::Granted(grant) = placed {
            grants.push(grant);
        }
    });
    ((thread_cpu_ns() - start) as f64 / BATCH as f64, grants)
}

fn release(local: &Local<&Table>, cluster: &Cluster, grants: &[Grant]) {
    for grant in grants {
        let Some(holder) = cluster.table.holder(grant.claim) else { continue };
        assert!(matches!(local.release(grant.claim, holder.owner), Released::Released { .. }), "a live claim of ours");
        confirm(cluster, grant.claim);
    }
}

/// The agents run their pools as ordered.
fn confirm(cluster: &Cluster, claim: ClaimId) {
    for order in cluster.table.pool_orders(claim.agent()) {
        let _freed = cluster.table.confirm_pool(claim.agent(), order.numa_node, order.epoch);
    }
}

/// Free PUs of an agent that pods of four cores with 8 GiB in one L3 domain could use.
fn useful_pus(cluster: &Cluster, local: &Local<&Table>, agent: AgentId) -> u64 {
    let holder = Holder { owner: Owner::new(u64::MAX), role: cluster.role };
    let Outcome::Granted(hold) = local.hold(agent, holder, HoldLimit::ALL) else { return 0 };
    let free = cluster.table.placement(hold.claim).unwrap_or_default();
    assert!(matches!(local.release(hold.claim, holder.owner), Released::Released { .. }), "a live claim of ours");
    let Some(shape) = cluster.table.shape(agent) else { return 0 };
    let mut pus: BTreeMap<_, BTreeMap<_, u64>> = BTreeMap::new();
    for core in free.all_pus().into_iter().filter_map(|pu| shape.core_of(pu)) {
        *pus.entry(core.spec.numa_node).or_default().entry(core.spec.l3).or_default() += 1;
    }
    let fed = |numa_node| {
        free.memory
            .iter()
            .filter(|memory| Some(memory.numa_node) == numa_node)
            .map(|memory| memory.mem_bytes >> 33)
            .sum()
    };
    pus.iter().map(|(numa_node, leaves)| 8 * leaves.values().map(|pus| pus / 8).sum::<u64>().min(fed(*numa_node))).sum()
}

impl Got {
    fn look(&mut self, cluster: &Cluster, grants: &[Grant]) {
        self.pods += grants.len();
        self.agents = grants.iter().map(|grant| grant.claim.agent()).collect();
        self.placed_pus = grants.iter().map(|grant| grant.charged.cpu_milli as f64 / 1000.0).sum();
        for grant in grants {
            let agent = grant.claim.agent();
            let Some(placement) = cluster.table.placement(grant.claim) else { continue };
            let Some(shape) = cluster.table.shape(agent) else { continue };
            let cores = placement.all_pus().into_iter().filter_map(|pu| shape.core_of(pu));
            let labels: Vec<_> = cores.map(|core| (core.spec.numa_node, core.spec.l3)).collect();
            let pools = placement.members().flat_map(|(_, pools)| pools.iter().map(|share| share.numa_node));
            let numa_nodes: BTreeSet<_> = labels.iter().map(|label| label.0).chain(pools).collect();
            self.numa_nodes += numa_nodes.len();
            self.l3 += labels.iter().map(|label| label.1).collect::<BTreeSet<_>>().len();
        }
    }
}

fn run(cluster: &Cluster, local: &Local<&Table>, request: &Request, policy: Policy, rounds: usize) -> Got {
    let mut got = Got::default();
    for round in 0..=rounds {
        let (ns, grants) = place(local, cluster, request, policy);
        got.refused += BATCH - grants.len();
        // The first round warms up.
        if round > 0 {
            got.ns.push(ns);
        }
        if round == rounds {
            got.look(cluster, &grants);
        }
        let useful = |got: &Got| got.agents.iter().map(|agent| useful_pus(cluster, local, *agent) as f64).sum::<f64>();
        let with = useful(&got);
        release(local, cluster, &grants);
        got.stranded_pus = useful(&got) - with - got.placed_pus;
    }
    got
}

fn main() {
    print_where();
    let number = |name| from_env(name).and_then(|text| text.parse().ok());
    let (rounds, agents) = (number("ROUNDS").unwrap_or(41), number("AGENTS").unwrap_or(12_500));
    if !pin(0) {
        println!("the thread cannot be pinned: figures will be noisier");
    }
    let plan = Plan { agents: u32::try_from(agents).unwrap_or(12_500), fill: 50, shards: 1, uneven: false };
    let Ok(cluster) = Cluster::new(plan) else { return print_reach("place-policies", false, &[]) };
    let Ok(local) = Local::new(&cluster.table, 0) else { return print_reach("place-policies", false, &[]) };
    let (mut ok, mut reached) = (true, Vec::new());
    println!(
        "             policy │ shape                │ locality          │    ns │  M/s │ NUMA nodes, L3 │ agents │ stranded │ refused"
    );
    for (policy_name, policy) in POLICIES {
        for shape in shapes() {
            let any = [("any".to_owned(), Locality::Any)];
            let levels = shape.levels.iter().map(|level| (level.to_string(), Locality::Required(*level)));
            for (level_name, locality) in any.into_iter().chain(levels) {
                if !(chosen("POLICY", policy_name) && chosen("SHAPE", shape.name) && chosen("LEVEL", &level_name)) {
                    continue;
                }
                let mut got = run(&cluster, &local, &shape.request.clone().with_locality(locality), policy, rounds);
                let ns = median(&mut got.ns);
                let per = |sum: usize| sum as f64 / got.pods.max(1) as f64;
                println!(
                    "{policy_name:>19} │ {:<20} │ {level_name:<17} │ {ns:>5.0} │ {:>4.2} │ {:>6.2} {:>7.2} │ {:>6} │ {:>8.0} │ {:>3}",
                    shape.name,
                    1000.0 / ns,
                    per(got.numa_nodes),
                    per(got.l3),
                    got.agents.len(),
                    100.0 * got.stranded_pus / got.placed_pus,
                    got.refused
                );
                ok &= got.refused == 0;
                let name = format!("{policy_name}, {}, {level_name}, M placements/s", shape.name);
                reached.push(Reach { name, value: 1000.0 / ns, bar: BAR, met: 1000.0 / ns >= BAR });
            }
        }
    }
    drop(local);
    ok &= cluster.table.validate().is_ok();
    print_reach("place-policies", ok, &reached);
}
