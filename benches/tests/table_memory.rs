//! What the table promises of memory: claims allocate none, and an agent takes little.

#[cfg(test)]
mod table_memory {
    use meros_alloc_core::{
        Capacity, HoldLimit, Holder, Local, Locality, MemoryLocality, Outcome, Owner, Placed, Policy, Released,
        Request, Table, Transferred,
    };
    use meros_benches::bare::{Counting, allocated};
    use meros_benches::cluster::{Cluster, Plan, pod, shape};

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    const ME: Owner = Owner::new(1 << 40);
    const PLAN: Plan = Plan { agents: 16, fill: 50, shards: 1, uneven: false };

    /// Runs a call that must succeed, and shows that it asked for no memory.
    #[track_caller]
    fn without_allocation<R>(what: &str, call: impl FnOnce() -> R) -> R {
        let before = allocated();
        let answer = call();
        assert_eq!(allocated() - before, 0, "{what} allocated");
        answer
    }

    fn requests() -> [Request; 5] {
        [
            pod(4),
            Request::exclusive(40, 3 << 30),
            Request::exclusive(6, 1 << 30).with_memory(MemoryLocality::Required),
            Request::shared(2500, 1 << 30),
            Request::exclusive(2, 0).with_locality(Locality::Preferred(meros_alloc_core::Level::Core)),
        ]
    }

    #[test]
    fn claims_that_succeed_allocate_nothing() {
        let cluster = Cluster::new(PLAN).unwrap();
        let local = Local::new(&cluster.table, 0).unwrap();
        let holder = Holder { owner: ME, role: cluster.role };
        let agent = cluster.emptiest();
        for request in requests() {
            let claim = without_allocation("claim", || local.claim(agent, holder, &request));
            let place = without_allocation("place", || local.place(holder, &request, Policy::Pack));
            let claims = [claim.granted().unwrap().claim, place.granted().unwrap().claim];
            for claim in claims {
                let to = Owner::new(7);
                let moved = without_allocation("transfer", || local.transfer(claim, ME, to));
                assert_eq!(moved, Transferred::Transferred);
                let released = without_allocation("release", || local.release(claim, to));
                assert!(matches!(released, Released::Released { .. }), "{released:?}");
            }
        }
        let hold = without_allocation("hold", || local.hold(agent, holder, HoldLimit::ALL)).granted().unwrap();
        let split = without_allocation("split", || local.split(hold.claim, ME, &requests()[0]));
        assert!(matches!(split, Outcome::Granted(_)), "{split:?}");
        let released = without_allocation("a call without a handle", || cluster.table.release(hold.claim, ME));
        assert!(matches!(released, Released::Released { .. }), "{released:?}");
        let holders = [holder; 64];
        let mut placed = 0;
        without_allocation("place_many", || {
            local.place_many(&holders, &pod(4), Policy::Spread, |_, outcome| {
                placed += usize::from(matches!(outcome, Placed::Granted(_)));
            });
        });
        assert_eq!(placed, holders.len());
    }

    #[test]
    fn an_agent_takes_little() {
        const AGENTS: u32 = 1 << 14;
        let table = Table::new(Capacity::for_agents(AGENTS, &shape().unwrap())).unwrap();
        let each = table.bytes() / AGENTS as usize;
        // 256 of words, 64 of the index, 32 for whose they are, 8 for what the agent is; the index' upper levels share the rest.
        assert!((360..=368).contains(&each), "{each} bytes an agent");
    }
}
