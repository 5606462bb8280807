//! Who has a core has it alone; who finds none waits, is told why, and gets the next one.

#[cfg(test)]
mod sharing {
    use std::collections::BTreeSet;
    use std::fs;

    use meros_tests::e2e::deadline::PATIENCE;
    use meros_tests::e2e::listing::allowed;
    use meros_tests::e2e::machine::skipped;
    use meros_tests::e2e::{Cluster, Pod};

    const STAY: [&str; 3] = ["--", "sleep", "1000"];

    fn start(cluster: &Cluster, arguments: &[&str]) -> Pod {
        cluster.detach_running(&[arguments, &STAY].concat())
    }

    /// PUs that the kernel lets every process of a pod run on.
    fn kernels_view(cluster: &Cluster, pod: &Pod) -> BTreeSet<u32> {
        let processes = cluster.processes_of(&pod.pod);
        assert!(!processes.is_empty(), "{} has no process", pod.name);
        let status = |pid| fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        processes.into_iter().flat_map(|pid| allowed(&status(pid), "Cpus_allowed_list")).collect()
    }

    /// True, and a loud line, on a machine with a single core.
    fn has_one_core(cluster: &Cluster) -> bool {
        let single = cluster.listing().agents[0].cores < 2;
        if single {
            skipped("needs two cores");
        }
        single
    }

    #[test]
    fn two_exclusive_pods_never_share_a_core() {
        let Some(cluster) = Cluster::real() else { return };
        if has_one_core(&cluster) {
            return;
        }
        let (one, two) = (start(&cluster, &["--cpus", "1"]), start(&cluster, &["--cpus", "1"]));
        let views = (kernels_view(&cluster, &one), kernels_view(&cluster, &two));
        assert!(!views.0.is_empty() && !views.1.is_empty() && views.0.is_disjoint(&views.1), "{views:?}");
    }

    #[test]
    fn a_shared_pod_never_runs_on_an_exclusive_core() {
        let Some(cluster) = Cluster::real() else { return };
        if has_one_core(&cluster) {
            return;
        }
        let exclusive = start(&cluster, &["--cpus", "1"]);
        let shared = start(&cluster, &["--shared-cpus", "0.5"]);
        let views = (kernels_view(&cluster, &exclusive), kernels_view(&cluster, &shared));
        assert!(views.0.is_disjoint(&views.1), "{views:?}");
    }

    #[test]
    fn a_core_that_leaves_the_pool_is_left_by_shared_pods_before_its_owner_starts() {
        let Some(cluster) = Cluster::real() else { return };
        if has_one_core(&cluster) {
            return;
        }
        let pus = cluster.listing().agents[0].pus;
        // Two that only all PUs together can hold: the pool becomes the whole machine.
        let half = format!("{}", f64::from(u32::try_from(pus).unwrap()) / 2.0 - 0.25);
        let stays = start(&cluster, &["--shared-cpus", &half]);
        let goes = start(&cluster, &["--shared-cpus", &half]);
        assert_eq!(cluster.listing().pool_pus().len(), pus, "the pool is the whole machine");
        cluster.kill(&goes.pod);
        let exclusive = start(&cluster, &["--cpus", "1"]);
        let views = (kernels_view(&cluster, &exclusive), kernels_view(&cluster, &stays));
        assert!(views.0.is_disjoint(&views.1), "{views:?}");
    }

    #[test]
    fn a_pod_that_does_not_fit_waits_is_explained_and_starts_when_a_core_frees() {
        let Some(cluster) = Cluster::real() else { return };
        let pus = cluster.listing().agents[0].pus.to_string();
        let first = start(&cluster, &["--cpus", &pus]);
        let mut second = cluster.begin(&["run", "--name", "second", "--cpus", "1", "--", "echo", "now"]);
        second.wait_stderr("that it waits", |written| find(written, "waits: "));
        let waiting = cluster.wait("the reason", |listing| {
            listing.pod("second").filter(|pod| pod.reason == "insufficient-resources").cloned()
        });
        assert_eq!((waiting.state.as_str(), waiting.agent), ("waiting", None));
        assert!(!waiting.message.is_empty());
        let table = cluster.meros(&["ps"]).expect(0).text();
        assert!(table.contains(&waiting.message), "{} in:\n{table}", waiting.message);
        cluster.kill(&first.pod);
        let second = second.finish(PATIENCE).expect(0);
        assert_eq!(second.text(), "now\n", "{second}");
        assert!(second.errors().contains("runs on a0"), "{second}");
    }

    #[test]
    fn a_pod_larger_than_every_machine_is_told_so() {
        let Some(cluster) = Cluster::real() else { return };
        let pod = cluster.detach(&["--cpus", "4000", "--", "true"]);
        let waiting =
            cluster.wait("the reason", |listing| listing.pod(&pod).filter(|pod| pod.reason == "never-fits").cloned());
        assert_eq!(waiting.state, "waiting");
        let table = cluster.meros(&["ps"]).expect(0).text();
        assert!(!waiting.message.is_empty() && table.contains(&waiting.message), "{table}");
        assert_eq!(cluster.kill(&pod).state, "killed");
    }

    #[test]
    fn no_core_is_held_twice_however_fast_cores_change_hands() {
        let Some(cluster) = Cluster::real() else { return };
        let held = cluster.home().path("held");
        fs::create_dir(&held).unwrap();
        // A folder can be made once: whoever finds its cores held by another ends with 99.
        let script = "cores=$(sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status)\n\
                      mkdir \"$1/$cores\" || exit 99\nsleep 0.05\nrmdir \"$1/$cores\"";
        let held = held.display().to_string();
        let command = ["run", "--cpus", "1", "--", "sh", "-c", script, "sh", &held];
        let runs: Vec<_> = (0..12).map(|_| cluster.begin(&command)).collect();
        for run in runs {
            let _ = run.finish(PATIENCE).expect(0);
        }
    }

    fn find(written: &[u8], text: &str) -> Option<()> {
        String::from_utf8_lossy(written).contains(text).then_some(())
    }
}
