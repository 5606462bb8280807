//! Pods from their order to their end, by both pumps.

use meros_agent::config::PumpChoice;
use meros_wire::message::{Exit, KillPod, Message, Output, Pinning, Root, StatusReason, TaskState};

use super::bench::{Bench, exclusive, pod, process_field};

fn a_pod_runs_where_it_was_put_and_ends_with_its_code(pump: PumpChoice) {
    let Some(mut bench) = Bench::with_agent("pinned", pump) else { return };
    let mut session = bench.master.admit();
    assert_eq!(bench.ready().pump, if pump == PumpChoice::Epoll { "epoll" } else { "io-uring" });
    let pu = session.register.machine.cores[0].pus[0];
    let script = "grep -E 'Cpus_allowed_list|Mems_allowed_list' /proc/self/status; echo $WHO >&2; exit 3";
    session.launch(&exclusive(1, script, &[pu]));
    session.status(pod(1), TaskState::Starting);
    let running = session.status(pod(1), TaskState::Running);
    assert_eq!(running.pinning, Some(Pinning { cpuset: pu.to_string(), mems: "0".to_owned() }));
    let output = session.log(pod(1), Output::Stdout, true);
    assert_eq!(output, format!("Cpus_allowed_list:\t{pu}\nMems_allowed_list:\t0\n"));
    let ended = session.status(pod(1), TaskState::Failed);
    assert_eq!((ended.reason, ended.exit), (StatusReason::Exited, Some(Exit::Code(3))));
    // It is forgotten by now; what it wrote is not.
    assert_eq!(session.log(pod(1), Output::Stderr, false), "a pod\n");
    bench.ask_to_stop();
    session.wait_for_close();
    bench.stop();
}

fn a_stubborn_pod_is_ended_by_force_with_all_its_children(pump: PumpChoice) {
    let Some(mut bench) = Bench::with_agent("stubborn", pump) else { return };
    let mut session = bench.master.admit();
    let pu = session.register.machine.cores[0].pus[0];
    let script = "trap '' TERM; setsid sleep 1000 & echo $!; while :; do sleep 1000; done";
    session.launch(&exclusive(1, script, &[pu]));
    session.status(pod(1), TaskState::Running);
    let grandchild = session.first_line(pod(1));
    assert!(process_field(&grandchild, "Name").is_some());
    session.send(Message::KillPod(KillPod { pod: pod(1), grace_ms: Some(60_000) }));
    session.status(pod(1), TaskState::Killing);
    session.send(Message::KillPod(KillPod { pod: pod(1), grace_ms: Some(100) }));
    let ended = session.status(pod(1), TaskState::Killed);
    assert_eq!((ended.reason, ended.exit), (StatusReason::KillRequested, Some(Exit::Signal(9))));
    assert_eq!(process_field(&grandchild, "Name"), None);
    bench.stop();
}

fn what_cannot_be_started_says_why(pump: PumpChoice) {
    let Some(mut bench) = Bench::with_agent("failures", pump) else { return };
    let mut session = bench.master.admit();
    let pu = session.register.machine.cores[0].pus[0];
    let mut missing = exclusive(1, "", &[pu]);
    missing.spec.members[0].command.argv = vec!["/bin/nope".to_owned()];
    session.launch(&missing);
    let told = session.status(pod(1), TaskState::Failed);
    assert_eq!(told.reason, StatusReason::ExecFailed);
    assert!(told.message.contains("/bin/nope"), "{}", told.message);
    let mut rootless = exclusive(2, "", &[pu]);
    rootless.spec.members[0].root = Root::Folder("/nowhere/root".to_owned());
    rootless.spec.mark_features();
    session.launch(&rootless);
    let told = session.status(pod(2), TaskState::Failed);
    assert_eq!(told.reason, StatusReason::RootUnusable);
    assert!(told.message.contains("/nowhere/root"), "{}", told.message);
    session.launch(&exclusive(3, "kill -9 $$", &[pu]));
    let told = session.status(pod(3), TaskState::Failed);
    assert_eq!((told.reason, told.exit), (StatusReason::Signaled, Some(Exit::Signal(9))));
    bench.stop();
}

fn an_agent_that_ends_takes_its_pods_along(pump: PumpChoice) {
    let Some(mut bench) = Bench::with_agent("end", pump) else { return };
    let mut session = bench.master.admit();
    let pu = session.register.machine.cores[0].pus[0];
    session.launch(&exclusive(1, "echo $$; exec sleep 1000", &[pu]));
    session.status(pod(1), TaskState::Running);
    let process = session.first_line(pod(1));
    bench.ask_to_stop();
    let told = session.status(pod(1), TaskState::Killed);
    assert_eq!(told.exit, Some(Exit::Signal(15)));
    bench.stop();
    assert_eq!(process_field(&process, "Name"), None);
}

mod io_uring {
    use super::PumpChoice::IoUring;

    #[test]
    fn a_pod_runs_where_it_was_put_and_ends_with_its_code() {
        super::a_pod_runs_where_it_was_put_and_ends_with_its_code(IoUring);
    }

    #[test]
    fn a_stubborn_pod_is_ended_by_force_with_all_its_children() {
        super::a_stubborn_pod_is_ended_by_force_with_all_its_children(IoUring);
    }

    #[test]
    fn what_cannot_be_started_says_why() {
        super::what_cannot_be_started_says_why(IoUring);
    }

    #[test]
    fn an_agent_that_ends_takes_its_pods_along() {
        super::an_agent_that_ends_takes_its_pods_along(IoUring);
    }
}

mod epoll {
    use super::PumpChoice::Epoll;

    #[test]
    fn a_pod_runs_where_it_was_put_and_ends_with_its_code() {
        super::a_pod_runs_where_it_was_put_and_ends_with_its_code(Epoll);
    }

    #[test]
    fn a_stubborn_pod_is_ended_by_force_with_all_its_children() {
        super::a_stubborn_pod_is_ended_by_force_with_all_its_children(Epoll);
    }

    #[test]
    fn what_cannot_be_started_says_why() {
        super::what_cannot_be_started_says_why(Epoll);
    }

    #[test]
    fn an_agent_that_ends_takes_its_pods_along() {
        super::an_agent_that_ends_takes_its_pods_along(Epoll);
    }
}
