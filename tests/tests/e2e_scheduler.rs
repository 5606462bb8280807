//! A scheduler written with the sdk, on a cluster it knows nothing of: the sdk's own example.

#[cfg(test)]
mod scheduler {
    use std::process::Command;

    use meros_tests::e2e::deadline::PATIENCE;
    use meros_tests::e2e::{Cluster, Outcome, Process, binaries};

    fn one_core_each(cluster: &Cluster, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(binaries::example("one_core_each"));
        command.arg("--state-dir").arg(cluster.state_dir()).args(arguments);
        Process::start("one_core_each", &mut command).finish(PATIENCE)
    }

    #[test]
    fn the_example_scheduler_runs_its_tasks_on_a_real_machine() {
        let Some(cluster) = Cluster::real() else { return };
        let outcome = one_core_each(&cluster, &["--tasks", "5", "--", "/bin/true"]).expect(0);
        assert_eq!(outcome.text().matches(" is finished").count(), 5, "{outcome}");
        let finished = cluster.listing().pods.iter().filter(|pod| pod.state == "finished").count();
        assert_eq!(finished, 5);
    }

    #[test]
    fn the_example_scheduler_tells_tasks_that_fail() {
        let Some(cluster) = Cluster::pretended(2, "synthetic:core:4 pu:1") else { return };
        let outcome = one_core_each(&cluster, &["--tasks", "12", "--", "/bin/false"]).expect(1);
        assert_eq!(outcome.text().matches(" is failed").count(), 12, "{outcome}");
    }
}
