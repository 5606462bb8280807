//! Daemons come and go: what they leave, what they find again, and what they end.

#[cfg(test)]
mod recovery {
    use meros_tests::e2e::deadline::{Deadline, PATIENCE};
    use meros_tests::e2e::{Cluster, leftovers};
    use rustix::process::{Pid, Signal, kill_process};

    const STAY: [&str; 4] = ["--", "sh", "-c", "sleep 1000 & setsid sleep 1000 & wait"];

    fn all_end(processes: &[u32]) -> bool {
        processes.iter().all(|pid| leftovers::ends(*pid, Deadline::after(PATIENCE)))
    }

    fn alive(processes: &[u32]) -> bool {
        processes.iter().all(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists())
    }

    /// A master and an agent of their own, and a pod on all cores.
    fn with_pod() -> Option<(Cluster, String, Vec<u32>)> {
        let mut cluster = Cluster::apart()?;
        cluster.start_master(&[]);
        cluster.start_agent(&[]);
        let pus = cluster.listing().agents[0].pus.to_string();
        let pod = cluster.detach_running(&[&["--name", "it", "--cpus", &pus], &STAY[..]].concat()).pod;
        let processes = cluster.processes_of(&pod);
        assert!(!processes.is_empty());
        Some((cluster, pod, processes))
    }

    #[test]
    fn an_agent_that_was_killed_comes_back_ends_what_it_left_and_tells_it_lost() {
        let Some((mut cluster, pod, processes)) = with_pod() else { return };
        cluster.crash("agent");
        assert!(alive(&processes), "an agent's end does not end its pods");
        cluster.start_agent(&[]);
        let lost = cluster.wait_state(&pod, "lost");
        assert_eq!(lost.reason, "agent-restarted", "{lost:#?}");
        assert!(all_end(&processes) && cluster.processes_of(&pod).is_empty(), "{processes:?}");
        // Its cores are free again.
        let _ = cluster.run(&["--cpus", "1", "--", "true"]).expect(0);
        let _ = cluster.stop("agent").expect(0);
        assert!(cluster.home().marks().groups().is_empty());
    }

    #[test]
    fn a_pod_that_ended_while_its_agent_was_away_is_told_as_it_ended() {
        let Some(mut cluster) = Cluster::apart() else { return };
        cluster.start_master(&[]);
        cluster.start_agent(&[]);
        let gate = cluster.home().path("gate");
        let script = format!("mkfifo {0}; echo ready; read line <{0}; exit 3", gate.display());
        let pod = cluster.detach_running(&["--", "sh", "-c", &script]).pod;
        let mut logs = cluster.begin(&["logs", "-f", &pod]);
        logs.wait_stdout("ready", |written| (written == b"ready\n").then_some(()));
        let processes = cluster.processes_of(&pod);
        cluster.crash("agent");
        std::fs::write(&gate, "go on\n").unwrap();
        assert!(all_end(&processes), "{processes:?}");
        // Its supervisor puts the end on record, then ends too.
        let left = cluster.home().marks().processes();
        let supervisors: Vec<u32> = left.into_iter().filter(|pid| is_supervisor(*pid)).collect();
        assert!(all_end(&supervisors), "{supervisors:?}");
        cluster.start_agent(&[]);
        let ended = cluster.wait_state(&pod, "failed");
        assert_eq!(ended.exit.and_then(|exit| exit.code), Some(3), "{ended:#?}");
    }

    fn is_supervisor(pid: u32) -> bool {
        std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program.ends_with("meros-supervisor"))
    }

    #[test]
    fn a_master_that_was_killed_comes_back_and_finds_the_pods_running_on_their_cores() {
        let Some((mut cluster, pod, processes)) = with_pod() else { return };
        let before = cluster.pod(&pod);
        cluster.crash("master");
        assert!(alive(&processes), "a master's end does not end pods");
        cluster.start_master(&[]);
        let after = cluster.wait_state(&pod, "running");
        assert!(alive(&processes), "and neither does its return");
        assert_eq!(after.placement.exclusive_pus, before.placement.exclusive_pus);
        let second = cluster.detach(&["--cpus", "1", "--", "true"]);
        let waits = cluster.wait("the reason", |listing| {
            listing.pod(&second).filter(|second| second.reason == "insufficient-resources").cloned()
        });
        assert_eq!(waits.state, "waiting", "its cores are not given out twice");
        cluster.kill(&pod);
        cluster.wait_state(&second, "finished");
    }

    #[test]
    fn a_pod_whose_supervisor_was_killed_is_ended_and_told() {
        let Some((cluster, pod, processes)) = with_pod() else { return };
        let all = cluster.home().marks().processes();
        let supervisors: Vec<u32> = all.into_iter().filter(|pid| is_supervisor(*pid)).collect();
        assert!(!supervisors.is_empty());
        supervisors.iter().for_each(|pid| crash(*pid));
        let ended = cluster.wait("its end", |listing| listing.pod(&pod).filter(|pod| pod.has_ended()).cloned());
        assert_eq!(ended.reason, "supervisor-lost", "{ended:#?}");
        assert!(all_end(&processes), "{processes:?}");
        let _ = cluster.run(&["--cpus", "1", "--", "true"]).expect(0);
    }

    #[test]
    fn each_start_of_a_master_raises_its_term() {
        let mut cluster = Cluster::empty();
        let first = cluster.start_master(&[]);
        cluster.crash("master");
        let second = cluster.start_master(&[]);
        assert!(second.term > first.term, "{} after {}", second.term, first.term);
        assert_eq!(second.cluster, first.cluster);
    }

    #[test]
    fn an_agent_that_is_asked_to_end_ends_its_pods() {
        let Some((mut cluster, pod, processes)) = with_pod() else { return };
        let stopped = cluster.stop("agent");
        assert_eq!(stopped.code(), 0, "{stopped}");
        assert!(processes.iter().all(|pid| leftovers::ends(*pid, Deadline::after(std::time::Duration::ZERO))));
        let killed = cluster.wait_state(&pod, "killed");
        assert!(!killed.message.is_empty());
        assert!(cluster.home().marks().groups().is_empty());
    }

    #[test]
    fn a_cluster_ends_with_whoever_started_it() {
        let Some(mut cluster) = Cluster::real() else { return };
        let pod = cluster.detach_running(&STAY).pod;
        let processes = cluster.home().marks().processes();
        assert!(processes.len() > 3, "{pod}: {processes:?}");
        cluster.daemon("up").close_stdin();
        assert!(all_end(&processes), "{processes:?}");
    }

    #[test]
    fn a_daemon_that_dies_takes_its_cluster_with_it_and_the_next_start_clears_what_it_left() {
        let Some(mut cluster) = Cluster::apart() else { return };
        let agents = cluster.up(&[]);
        cluster.detach_running(&STAY);
        let processes = cluster.home().marks().processes();
        crash(agents[0].pid);
        let ended = cluster.ended("up").expect(1);
        assert!(ended.errors().contains(&format!("agent 0 ({})", agents[0].pid)), "{ended}");
        cluster.up(&[]);
        assert!(all_end(&processes), "{processes:?}");
        let _ = cluster.stop("up").expect(0);
    }

    /// Ends a process that is another's child.
    fn crash(pid: u32) {
        let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }
}
