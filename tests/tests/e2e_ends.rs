//! However a pod ends, `ps` tells it truthfully and `meros run` ends with the documented code.

#[cfg(test)]
mod ends {
    use meros_tests::e2e::deadline::{Deadline, PATIENCE, Stopwatch};
    use meros_tests::e2e::listing::Exit;
    use meros_tests::e2e::process::Signal;
    use meros_tests::e2e::{Cluster, Outcome, Pod, leftovers};

    const fn exit_code(code: i32) -> Option<Exit> {
        Some(Exit { code: Some(code), signal: None })
    }

    const fn exit_signal(signal: i32) -> Option<Exit> {
        Some(Exit { code: None, signal: Some(signal) })
    }

    /// Runs a shell script to its end; returns how `run` ended and what `ps` says then.
    fn run(cluster: &Cluster, arguments: &[&str], script: &str) -> (Outcome, Pod) {
        let command = ["--name", "it", "--", "sh", "-c", script];
        let outcome = cluster.run(&[arguments, &command].concat());
        (outcome, cluster.pod("it"))
    }

    /// Starts a shell script and waits until it has said that it is ready.
    fn start_ready(cluster: &Cluster, arguments: &[&str], script: &str) -> Pod {
        let pod = cluster.detach_running(&[arguments, &["--", "sh", "-c", script]].concat());
        let mut logs = cluster.begin(&["logs", "-f", &pod.pod]);
        logs.wait_stdout("ready", |written| String::from_utf8_lossy(written).contains("ready\n").then_some(()));
        pod
    }

    fn summary(pod: &Pod) -> (&str, &str, Option<Exit>) {
        (&pod.state, &pod.reason, pod.exit)
    }

    #[test]
    fn success_is_told() {
        let Some(cluster) = Cluster::real() else { return };
        let (outcome, pod) = run(&cluster, &[], "exit 0");
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert_eq!(summary(&pod), ("finished", "exited", exit_code(0)), "{pod:#?}");
        assert_eq!(pod.agent.as_deref(), Some("a0"));
    }

    #[test]
    fn an_exit_code_is_told() {
        let Some(cluster) = Cluster::real() else { return };
        let (outcome, pod) = run(&cluster, &[], "exit 3");
        assert_eq!(outcome.code(), 3, "{outcome}");
        assert_eq!(summary(&pod), ("failed", "exited", exit_code(3)), "{pod:#?}");
        assert!(cluster.meros(&["ps", "--all"]).expect(0).text().contains("exit 3"));
    }

    #[test]
    fn a_signal_is_told() {
        let Some(cluster) = Cluster::real() else { return };
        let (outcome, pod) = run(&cluster, &[], "kill -9 $$");
        assert_eq!(outcome.code(), 128 + 9, "{outcome}");
        assert_eq!(summary(&pod), ("failed", "signaled", exit_signal(9)), "{pod:#?}");
        assert!(cluster.meros(&["ps", "--all"]).expect(0).text().contains("signal 9"));
    }

    #[test]
    fn a_missing_program_is_told() {
        let Some(cluster) = Cluster::real() else { return };
        let outcome = cluster.run(&["--name", "it", "--", "/no/such/program"]);
        let pod = cluster.pod("it");
        assert_eq!(outcome.code(), 125, "{outcome}");
        assert_eq!(summary(&pod), ("failed", "exec-failed", None), "{pod:#?}");
        assert!(pod.message.contains("/no/such/program") && pod.message.contains("No such file"), "{}", pod.message);
        assert!(outcome.errors().contains(&pod.message), "{outcome}");
    }

    #[test]
    fn a_missing_root_folder_is_told() {
        let Some(cluster) = Cluster::real() else { return };
        let (outcome, pod) = run(&cluster, &["--rootfs", "/no/such/folder"], "true");
        assert_eq!(outcome.code(), 125, "{outcome}");
        assert_eq!(summary(&pod), ("failed", "root-unusable", None), "{pod:#?}");
        assert!(pod.message.contains("/no/such/folder"), "{}", pod.message);
    }

    #[test]
    fn too_much_memory_is_told() {
        let Some(cluster) = Cluster::real() else { return };
        let (outcome, pod) = run(&cluster, &["--memory", "32MiB"], "exec tail /dev/zero");
        assert_eq!(outcome.code(), 128 + 9, "{outcome}");
        assert_eq!(summary(&pod), ("failed", "memory-limit", exit_signal(9)), "{pod:#?}");
    }

    #[test]
    fn a_pod_sees_its_own_environment_and_folders_and_nothing_of_the_agents() {
        let Some(cluster) = Cluster::real() else { return };
        let rootfs = cluster.rootfs();
        let asked = ["--rootfs", rootfs.path(), "--env", "COLOUR=deep blue", "--env", "PATH=/bin", "--workdir", "/bin"];
        let (outcome, _) =
            run(&cluster, &asked, "pwd; echo $COLOUR; env | grep -v -e ^COLOUR= -e ^PWD= -e ^SHLVL=; echo /*");
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert_eq!(outcome.text(), "/bin\ndeep blue\nPATH=/bin\n/bin /dev /proc\n", "{outcome}");
    }

    #[test]
    fn a_kill_ends_every_process_of_the_pod() {
        let Some(cluster) = Cluster::real() else { return };
        let script = "sleep 1000 & setsid sleep 1000 & setsid sh -c '(sleep 1000 & setsid sleep 1000) & wait' & echo ready; wait";
        let pod = start_ready(&cluster, &[], script);
        let processes = cluster.wait("all its processes", |_| {
            let found = cluster.processes_of(&pod.pod);
            (found.len() >= 5).then_some(found)
        });
        let killed = cluster.kill(&pod.pod);
        assert_eq!(summary(&killed), ("killed", "kill-requested", exit_signal(15)), "{killed:#?}");
        let left: Vec<&u32> =
            processes.iter().filter(|pid| !leftovers::ends(**pid, Deadline::after(PATIENCE))).collect();
        assert!(left.is_empty(), "{left:?} of {processes:?} are left");
    }

    #[test]
    fn what_a_pod_leaves_behind_at_its_own_end_is_ended() {
        let Some(cluster) = Cluster::real() else { return };
        let (outcome, pod) = run(&cluster, &[], "setsid sleep 1000 & exit 0");
        assert_eq!(outcome.code(), 0, "{outcome}");
        assert_eq!(cluster.processes_of(&pod.pod), [0; 0]);
    }

    #[test]
    fn a_pod_that_heeds_the_request_ends_in_its_own_way() {
        let Some(cluster) = Cluster::real() else { return };
        let pod = start_ready(&cluster, &[], "trap 'echo bye; exit 7' TERM; echo ready; sleep 1000 & wait");
        let killed = cluster.kill(&pod.pod);
        assert_eq!(summary(&killed), ("killed", "kill-requested", exit_code(7)), "{killed:#?}");
        assert_eq!(cluster.meros(&["logs", &pod.pod]).expect(0).text(), "ready\nbye\n");
    }

    #[test]
    fn a_pod_that_does_not_heed_is_ended_by_force_after_its_grace() {
        let Some(cluster) = Cluster::real() else { return };
        let stubborn = "trap '' TERM; echo ready; while :; do sleep 1000; done";
        let pod = start_ready(&cluster, &["--kill-grace", "1s"], stubborn);
        let watch = Stopwatch::start();
        let killed = cluster.kill(&pod.pod);
        assert!(watch.elapsed().as_millis() >= 1_000, "its grace was cut to {:?}", watch.elapsed());
        assert_eq!(summary(&killed), ("killed", "kill-requested", exit_signal(9)), "{killed:#?}");
    }

    #[test]
    fn a_shorter_grace_may_be_asked_for() {
        let Some(cluster) = Cluster::real() else { return };
        let stubborn = "trap '' TERM; echo ready; while :; do sleep 1000; done";
        let pod = start_ready(&cluster, &["--kill-grace", "10m"], stubborn);
        let _ = cluster.meros(&["kill", &pod.pod]).expect(0);
        let _ = cluster.meros(&["kill", "--grace", "0s", "--wait", &pod.pod]).expect(0);
        assert_eq!(summary(&cluster.pod(&pod.pod)), ("killed", "kill-requested", exit_signal(9)));
    }

    #[test]
    fn an_interrupted_run_ends_its_pod() {
        let Some(cluster) = Cluster::real() else { return };
        let mut run = cluster.begin(&["run", "--name", "it", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
        run.wait_stdout("ready", |written| (written == b"ready\n").then_some(()));
        run.signal(Signal::INT);
        let outcome = run.finish(PATIENCE);
        assert_eq!(outcome.code(), 128 + 15, "{outcome}");
        let pod = cluster.pod("it");
        assert_eq!(summary(&pod), ("killed", "kill-requested", exit_signal(15)), "{pod:#?}");
    }

    #[test]
    fn a_waiting_pod_can_be_killed() {
        let Some(cluster) = Cluster::real() else { return };
        let pod = cluster.detach(&["--cpus", "4000", "--", "true"]);
        let killed = cluster.kill(&pod);
        assert_eq!(summary(&killed), ("killed", "kill-requested", None), "{killed:#?}");
    }
}
