//! The same on a machine without cgroup v2: groups are ended through the freezer.

use meros_agent::cgroup::{Hierarchy, PinningMode};
use meros_agent::supervisor::protocol::Order;

use super::support::{Bench, code, exists, runs, signal};

fn bench(test: &str) -> Option<Bench> {
    let bench = Bench::with(test, PinningMode::Applied, |line| !line.contains(" - cgroup2 "))?;
    if bench.layout.mount(Hierarchy::Freezer).is_none() {
        println!("SKIPPED {test}: it needs the freezer of cgroup v1");
        return None;
    }
    Some(bench)
}

#[test]
fn an_exit_ends_the_descendants() {
    let Some(bench) = bench("v1-exit") else { return };
    let mut started = bench.launch(&bench.script("for i in 1 2 3; do setsid sleep 1000 & echo $!; done; exit 6"));
    started.pid();
    assert_eq!(started.event(), code(6));
    for line in bench.output().lines() {
        assert!(!exists(line.parse().unwrap()));
    }
    bench.cleanup(started);
}

#[test]
fn a_kill_ends_a_member_that_keeps_forking() {
    let Some(bench) = bench("v1-kill") else { return };
    let pipe = bench.pipe("ready");
    let script = format!(
        "echo up > {}; while :; do setsid sh -c 'sleep 0.01; exec sleep 1000' & sleep 0.01; done",
        bench.path("ready").display()
    );
    let mut started = bench.launch(&bench.script(&script));
    started.pid();
    assert_eq!(pipe.line(), "up");
    started.order(&Order::Kill);
    assert_eq!(started.event(), signal(9));
    bench.cleanup(started);
}

#[test]
fn a_purge_ends_all() {
    let Some(bench) = bench("v1-purge") else { return };
    let mut started = bench.launch(&bench.script("setsid sleep 1000 & exec sleep 1000"));
    let main = started.pid();
    let mut supervisor = started.running.supervisor.take().unwrap();
    drop(started);
    bench.tree.purge().unwrap();
    supervisor.wait().unwrap();
    assert!(!runs(main));
}
