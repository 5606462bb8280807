//! A pod runs exactly where the master put it: the pod's own view, the kernel's word in `ps`, and the placement are the same.

#[cfg(test)]
mod pinning {
    use meros_tests::e2e::listing::{allowed, numbers};
    use meros_tests::e2e::{Cluster, Pod};

    /// Shows what the kernel tells the pod of itself, then stays.
    const SHOW_AND_STAY: &str = "cat /proc/self/status; exec sleep 1000";

    /// Starts a pod that reads its own status. Returns what it read, and what `ps` says of it.
    fn own_view(cluster: &Cluster, arguments: &[&str]) -> (String, Pod) {
        let command = ["--", "sh", "-c", SHOW_AND_STAY];
        let pod = cluster.detach_running(&[arguments, &command].concat());
        let mut logs = cluster.begin(&["logs", "-f", &pod.pod]);
        let status = logs.wait_stdout("the pod's own status", |written| {
            let text = String::from_utf8_lossy(written);
            text.contains("nonvoluntary_ctxt_switches").then(|| text.into_owned())
        });
        (status, pod)
    }

    fn is_exact(cluster: &Cluster, arguments: &[&str]) {
        let (status, pod) = own_view(cluster, &[&["--cpus", "1", "--memory", "64MiB"], arguments].concat());
        let own = (allowed(&status, "Cpus_allowed_list"), allowed(&status, "Mems_allowed_list"));
        assert!(!pod.placement.exclusive_pus.is_empty() && pod.placement.pools.is_empty(), "{pod:#?}");
        assert_eq!(own.0, pod.placement.exclusive_pus, "PUs: the pod's own view and the placement");
        let placed: Vec<u32> = pod.placement.memory.iter().map(|part| part.numa_node).collect();
        assert_eq!(own.1, placed, "NUMA nodes: the pod's own view and the placement");
        let pinning = pod.pinning.as_ref().unwrap();
        assert_eq!(own, (numbers(&pinning.cpuset), numbers(&pinning.mems)), "the pod's own view and the kernel's word");
        cluster.kill(&pod.pod);
    }

    #[test]
    fn a_pod_reads_the_cpuset_that_the_master_placed() {
        let Some(cluster) = Cluster::real() else { return };
        is_exact(&cluster, &[]);
    }

    #[test]
    fn a_pod_in_a_root_folder_reads_the_cpuset_that_the_master_placed() {
        let Some(cluster) = Cluster::real() else { return };
        let rootfs = cluster.rootfs();
        is_exact(&cluster, &["--rootfs", rootfs.path()]);
    }

    #[test]
    fn a_shared_pod_reads_the_cpuset_of_its_pool() {
        let Some(cluster) = Cluster::real() else { return };
        let (status, pod) = own_view(&cluster, &["--shared-cpus", "0.25"]);
        let own = allowed(&status, "Cpus_allowed_list");
        assert!(!own.is_empty(), "a pool has PUs");
        assert_eq!(own, cluster.listing().pool_pus());
        assert_eq!(pod.placement.pools.iter().map(|share| share.cpu_milli).sum::<u32>(), 250);
        assert_eq!(numbers(&pod.pinning.unwrap().cpuset), own);
        cluster.kill(&pod.pod);
    }
}
