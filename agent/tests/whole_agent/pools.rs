//! Shared pools on the real kernel, and pretended machines beside it.

use meros_agent::Config;
use meros_agent::config::{PumpChoice, TopologySource};
use meros_wire::message::{Message, PoolConfirmed, PoolOrder, TaskState};

use super::bench::{Bench, exclusive, pod, process_field, shared};
use super::master::Session;

fn set_pool(session: &mut Session, pus: &[u32], epoch: u64) {
    session.send(Message::PoolOrder(PoolOrder { pool: 0, pus: pus.to_vec(), epoch }));
    let confirmed = session.message("a confirmation", |message| match message {
        Message::PoolConfirmed(confirmed) => Some(*confirmed),
        _ => None,
    });
    assert_eq!(confirmed, PoolConfirmed { pool: 0, epoch });
}

#[test]
fn a_pool_changes_under_its_running_pods() {
    let Some(mut bench) = Bench::with_agent("pool", PumpChoice::Auto) else { return };
    let mut session = bench.master.admit();
    let all: Vec<u32> = session.register.machine.cores.iter().flat_map(|core| core.pus.clone()).collect();
    let [first, second, ..] = all[..] else { return println!("SKIPPED pool: it needs two PUs") };
    set_pool(&mut session, &[first], 1);
    session.launch(&shared(1, "echo $$; exec sleep 1000", 0));
    let running = session.status(pod(1), TaskState::Running);
    assert_eq!(running.pinning.unwrap().cpuset, first.to_string());
    let process = session.first_line(pod(1));
    for (epoch, pus) in [(2, &all[..]), (3, &[second][..])] {
        set_pool(&mut session, pus, epoch);
        let seen = process_field(&process, "Cpus_allowed_list").unwrap();
        let seen: meros_numa::CpuSet = seen.parse().unwrap();
        assert_eq!(seen, meros_numa::CpuSet::from_indices(pus.iter().copied()).unwrap());
    }
    // The core that left the pool can be a pod's alone.
    session.launch(&exclusive(2, "exit 0", &[first]));
    session.status(pod(2), TaskState::Finished);
    bench.stop();
}

#[test]
fn on_a_pretended_machine_pods_run_and_nothing_is_pinned() {
    let Some(mut bench) = Bench::new("pretended") else { return };
    let topology = TopologySource::Synthetic("package:2 numa:1 core:4 pu:2".to_owned());
    bench.start(Config { topology, ..bench.config(PumpChoice::Auto) });
    let mut session = bench.master.admit();
    assert!(session.register.machine.pretended);
    assert_eq!(session.register.machine.cores.len(), 8);
    session.launch(&exclusive(1, "exit 0", &[14, 15]));
    assert_eq!(session.status(pod(1), TaskState::Running).pinning, None);
    session.status(pod(1), TaskState::Finished);
    set_pool(&mut session, &[0, 1], 1);
    bench.stop();
}
