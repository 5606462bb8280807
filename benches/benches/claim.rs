//! What a claim and its release cost beside the bare words: a CAS and a CAS back on a word of the same size.
//!
//! One thread, one agent of 64 cores in 8 L3 domains, four cores and 1 GiB a claim. Two shared cores cannot show contention.

use std::hint::black_box;

use criterion::Criterion;
use meros_alloc_core::sync::{Ordering, Word64};
use meros_alloc_core::{
    AgentId, Capacity, CoreSpec, Holder, Limit, NumaNodeId, NumaNodeSpec, Outcome, Owner, Released, Request, Shape,
    ShapeSpec, Table,
};
use meros_benches::{median_ns, print_reach, print_where};

const OWNER: Owner = Owner::new(1);

fn table() -> Option<(Table, AgentId, Holder)> {
    let cores = (0..64).map(|core| CoreSpec {
        pus: 1,
        l3: Some(core / 8),
        numa_node: Some(NumaNodeId::new(0)),
        package: Some(0),
        kind: 0,
    });
    let numa_nodes = vec![NumaNodeSpec::ordinary(256 << 30)];
    let spec = ShapeSpec { cores: cores.collect(), numa_nodes, ..ShapeSpec::default() };
    let mut table = Table::new(Capacity { agents: 1, records_per_agent: 256, roles: 1 }).ok()?;
    let role = table.add_role(Limit::default()).ok()?;
    let agent = table.add_agent(Shape::new(&spec).ok()?).ok()?;
    Some((table, agent, Holder { owner: OWNER, role }))
}

/// One claim and its release. False: one of them did not do what it should.
fn pair(table: &Table, agent: AgentId, holder: Holder, request: &Request) -> bool {
    match table.claim(agent, holder, request) {
        Outcome::Granted(grant) => matches!(table.release(grant.claim, OWNER), Released::Released { .. }),
        _ => false,
    }
}

fn main() {
    print_where();
    let Some((table, agent, holder)) = table() else {
        println!("the table cannot be made");
        return print_reach("claim", false, &[]);
    };
    let request = Request::exclusive(4, 1 << 30);
    let word = Word64::new(0);
    let mut ok = pair(&table, agent, holder, &request);
    let output = std::env::temp_dir().join(format!("meros-bench-claim-{}", std::process::id()));
    let mut criterion = Criterion::default().output_directory(&output).configure_from_args();
    let mut group = criterion.benchmark_group("pair");
    group.bench_function("bare", |bencher| {
        bencher.iter(|| {
            // AcqRel pairs with itself: what a leaf's own changes pay. Relaxed on failure: there is none.
            let there = word.update(Ordering::AcqRel, Ordering::Relaxed, |old| Some(old ^ 1));
            // AcqRel, Relaxed: likewise.
            let back = word.update(Ordering::AcqRel, Ordering::Relaxed, |old| Some(old ^ 1));
            black_box((there, back))
        });
    });
    group.bench_function("claim", |bencher| {
        bencher.iter(|| ok &= black_box(pair(&table, agent, holder, &request)));
    });
    group.finish();
    ok &= table.validate().is_ok();
    if let (Some(bare), Some(claim)) = (median_ns(&output, "pair", "bare"), median_ns(&output, "pair", "claim")) {
        println!("claim + release: {claim:.0} ns, {:.1} × the bare pair of {bare:.0} ns", claim / bare);
    }
    // The folder is in the temporary one: a leftover is not worth failing for.
    let _ = std::fs::remove_dir_all(&output);
    print_reach("claim", ok, &[]);
}
