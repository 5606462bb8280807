//! With io_uring or without it: the agent says which, and pods run all the same.

#[cfg(test)]
mod pump {
    use meros_tests::bare::refuse_io_uring;
    use meros_tests::e2e::Cluster;
    use meros_tests::e2e::cluster::AgentReady;
    use meros_tests::e2e::deadline::PATIENCE;
    use meros_tests::e2e::machine::skipped;
    use meros_tests::e2e::process::Process;

    fn runs_pods(cluster: &Cluster) {
        let outcome = cluster.run(&["--cpus", "1", "--", "sh", "-c", "echo on its core; exit 3"]).expect(3);
        assert_eq!(outcome.text(), "on its core\n");
        let pod = cluster.detach_running(&["--", "sleep", "1000"]);
        assert_eq!(cluster.kill(&pod.pod).state, "killed");
    }

    #[test]
    fn an_agent_with_io_uring_uses_it() {
        let Some(mut cluster) = Cluster::apart() else { return };
        cluster.start_master(&[]);
        let ready = cluster.start_agent(&[]);
        if ready.pump == "epoll" {
            return skipped(&format!("this kernel refuses io_uring: {}", ready.pump_reason.unwrap_or_default()));
        }
        assert_eq!((ready.pump.as_str(), ready.pump_reason), ("io-uring", None));
        runs_pods(&cluster);
    }

    #[test]
    fn an_agent_without_io_uring_says_so_in_one_line_and_runs_pods_on_epoll() {
        let Some(mut cluster) = Cluster::apart() else { return };
        cluster.start_master(&[]);
        let mut command = cluster.agent_command(&[]);
        refuse_io_uring(&mut command);
        let ready: AgentReady = cluster.start("agent", &mut command);
        assert_eq!(ready.pump, "epoll");
        assert!(ready.pump_reason.as_ref().is_some_and(|why| why.contains("not permitted")), "{ready:?}");
        runs_pods(&cluster);
        let stopped = cluster.stop("agent").expect(0);
        let told = stopped.errors().lines().filter(|line| line.contains("io_uring")).count();
        assert_eq!(told, 1, "{stopped}");
    }

    #[test]
    fn epoll_can_be_asked_for() {
        let Some(mut cluster) = Cluster::apart() else { return };
        cluster.start_master(&[]);
        let ready = cluster.start_agent(&["--pump", "epoll"]);
        assert_eq!((ready.pump.as_str(), ready.pump_reason), ("epoll", None));
        runs_pods(&cluster);
    }

    #[test]
    fn who_insists_on_io_uring_and_has_none_is_told() {
        let Some(mut cluster) = Cluster::apart() else { return };
        cluster.start_master(&[]);
        let mut command = cluster.agent_command(&["--pump", "io-uring"]);
        refuse_io_uring(&mut command);
        let outcome = Process::start("agent", command.env("MEROS_LOG", "error")).finish(PATIENCE).expect(1);
        assert!(outcome.errors().lines().count() == 1 && outcome.errors().contains("io-uring"), "{outcome}");
    }
}
