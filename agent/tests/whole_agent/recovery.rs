//! After a crash of the agent, and where the kernel refuses `io_uring`.

use meros_agent::config::PumpChoice;
use meros_wire::message::{Exit, StatusReason, TaskState};

use super::bench::{Bench, exclusive, pod, process_field};
use super::child::AgentProcess;
use super::master::until;

#[test]
fn what_a_killed_agent_left_is_ended_and_told_lost() {
    let Some(mut bench) = Bench::new("killed") else { return };
    let agent = AgentProcess::start(&bench.config(PumpChoice::Auto), false);
    let mut session = bench.master.admit();
    let uuid = session.register.agent_uuid;
    let pu = session.register.machine.cores[0].pus[0];
    session.launch(&exclusive(1, "exit 0", &[pu]));
    session.status(pod(1), TaskState::Finished);
    session.launch(&exclusive(2, "echo $$; exec sleep 1000", &[pu]));
    session.status(pod(2), TaskState::Running);
    let process = session.first_line(pod(2));
    agent.kill();
    assert!(process_field(&process, "Name").is_some(), "a pod outlives its agent");

    bench.start(bench.config(PumpChoice::Auto));
    let mut session = bench.master.admit();
    assert_eq!((session.register.agent_uuid, session.register.incarnation), (uuid, 1));
    let known: Vec<_> = session.register.pods.iter().map(|known| (known.spec.pod, known.state)).collect();
    assert_eq!(known, [(pod(2), TaskState::Lost)]);
    let told = session.status(pod(2), TaskState::Lost);
    assert_eq!(told.reason, StatusReason::AgentRestarted);
    assert_eq!(process_field(&process, "Name"), None);
    session.launch(&exclusive(3, "exit 0", &[pu]));
    session.status(pod(3), TaskState::Finished);
    bench.stop();
}

#[test]
fn an_end_that_nobody_saw_is_told_as_it_was() {
    let Some(mut bench) = Bench::new("unseen") else { return };
    let agent = AgentProcess::start(&bench.config(PumpChoice::Auto), false);
    let mut session = bench.master.admit();
    let pu = session.register.machine.cores[0].pus[0];
    let gate = bench.path("gate");
    let script = format!("echo $PPID; while [ ! -e {} ]; do sleep 0.01; done; exit 5", gate.display());
    session.launch(&exclusive(1, &script, &[pu]));
    let supervisor = session.first_line(pod(1));
    agent.kill();
    std::fs::write(&gate, "").unwrap();
    until("its supervisor has ended", || process_field(&supervisor, "Name").is_none());

    bench.start(bench.config(PumpChoice::Auto));
    let mut session = bench.master.admit();
    let told = session.status(pod(1), TaskState::Failed);
    assert_eq!((told.reason, told.exit), (StatusReason::Exited, Some(Exit::Code(5))));
    bench.stop();
}

#[test]
fn where_io_uring_is_refused_the_agent_says_so_and_goes_on_with_epoll() {
    let Some(bench) = Bench::new("refused") else { return };
    let mut agent = AgentProcess::start(&bench.config(PumpChoice::Auto), true);
    let mut session = bench.master.admit();
    let ready = agent.ready();
    assert!(ready.contains("READY epoll") && ready.contains("not permitted"), "{ready}");
    let pu = session.register.machine.cores[0].pus[0];
    session.launch(&exclusive(1, "exit 3", &[pu]));
    session.status(pod(1), TaskState::Failed);
}
