//! Real daemons on pretended machines: everything but the pinning is real, and the pinning is recorded.

#[cfg(test)]
mod pretended {
    use std::collections::BTreeSet;

    use meros_tests::e2e::machine::shared;
    use meros_tests::e2e::{Cluster, Pod};

    /// 2 × 1 × 2 × 8 × 2 = 64 PUs.
    const SIXTY_FOUR: &str = "synthetic:package:2 numa:1 l3:2 core:8 pu:2";

    #[test]
    fn three_machines_of_64_pus_run_pods_and_are_drawn() {
        let Some(cluster) = Cluster::pretended(3, SIXTY_FOUR) else { return };
        let listing = cluster.listing();
        assert_eq!(listing.agents.len(), 3);
        assert!(listing.agents.iter().all(|agent| agent.pus == 64 && agent.cores == 32 && agent.pretended));
        let stay = ["--", "sleep", "1000"];
        let placed = cluster.detach_running(
            &[&["--name", "here", "--cpus", "4", "--locality", "l3", "--required"], &stay[..]].concat(),
        );
        assert_eq!(placed.placement.exclusive_pus.len(), 4, "{placed:#?}");
        assert!(placed.pinning.is_none(), "nothing was pinned: {placed:#?}");
        cluster.detach_running(&[&["--name", "there", "--shared-cpus", "1.5"], &stay[..]].concat());
        let map = cluster.meros(&["ps", "--map"]).expect(0).text();
        for word in ["agent a0, pretended", "agent a2, pretended", "here", "there"] {
            assert!(map.contains(word), "`{word}` in:\n{map}");
        }
    }

    #[test]
    fn no_core_of_any_machine_is_given_out_twice() {
        let Some(cluster) = Cluster::pretended(3, SIXTY_FOUR) else { return };
        let pods: Vec<String> = (0..6).map(|_| cluster.detach(&["--cpus", "32", "--", "sleep", "1000"])).collect();
        let running: Vec<Pod> = pods.iter().map(|pod| cluster.wait_state(pod, "running")).collect();
        let mut given = BTreeSet::new();
        for pod in &running {
            for pu in &pod.placement.exclusive_pus {
                assert!(given.insert((pod.agent.clone(), *pu)), "{pu} of {:?} twice", pod.agent);
            }
        }
        assert_eq!(given.len(), 192, "all PUs of all machines");
        let one_more = cluster.detach(&["--cpus", "1", "--", "true"]);
        cluster.wait("the reason", |listing| {
            listing.pod(&one_more).filter(|pod| pod.reason == "insufficient-resources").map(drop)
        });
        cluster.kill(&pods[3]);
        cluster.wait_state(&one_more, "finished");
    }

    #[test]
    fn a_machine_of_a_real_topology_runs_pods() {
        let file = "topologies/18-epyc-naples-2s-8n-16l3-gpu.xml";
        let Some(file) = shared(file) else { return };
        let Some(cluster) = Cluster::pretended(1, &format!("xml:{}", file.display())) else { return };
        let outcome = cluster.run(&["--name", "it", "--cpus", "8", "--locality", "l3", "--", "echo", "done"]).expect(0);
        assert_eq!(outcome.text(), "done\n");
        assert_eq!(cluster.pod("it").placement.exclusive_pus.len(), 8);
        assert!(cluster.meros(&["ps", "--map"]).expect(0).text().contains("agent a0, pretended"));
    }
}
