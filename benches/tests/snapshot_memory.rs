//! What snapshots and exact claims promise of memory: refreshing allocates none, nor does asking, nor a claim that succeeds.

#[cfg(test)]
mod snapshot_memory {
    use meros_alloc_core::{
        ClaimedExact, Holder, Local, MemoryLocality, Owner, Refreshed, Released, Request, Snapshot,
    };
    use meros_benches::bare::{Counting, without_allocation};
    use meros_benches::cluster::{Cluster, Plan, pod};

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    const ME: Owner = Owner::new(1 << 40);

    #[test]
    fn a_snapshot_is_refreshed_asked_and_claimed_from_without_memory() {
        let cluster = Cluster::new(Plan { agents: 16, fill: 50, shards: 2, uneven: false }).unwrap();
        let local = Local::new(&cluster.table, 0).unwrap();
        let holder = Holder { owner: ME, role: cluster.role };
        let mut snapshot = Snapshot::new(&cluster.table);
        for request in [
            pod(4),
            Request::exclusive(40, 3 << 30),
            Request::exclusive(6, 1 << 30).with_memory(MemoryLocality::Required),
            Request::shared(2500, 1 << 30),
        ] {
            assert_eq!(without_allocation("refresh", || snapshot.refresh()), Refreshed::Whole);
            let fitting = without_allocation("fits", || snapshot.agents().find(|agent| agent.fits(&request))).unwrap();
            without_allocation("counts", || {
                let free = fitting.leaves().map(|leaf| leaf.pus).sum::<u32>();
                assert_eq!((free, free as usize), (fitting.pus_free(), fitting.free_pus().count()));
            });
            let placement = fitting.plan(&request).unwrap();
            let claimed = without_allocation("claim_exact", || {
                local.claim_exact(fitting.id(), fitting.incarnation(), holder, &placement)
            });
            let ClaimedExact::Granted(grant) = claimed else { panic!("{claimed:?}") };
            assert!(matches!(local.release(grant.claim, ME), Released::Released { .. }));
        }
    }
}
