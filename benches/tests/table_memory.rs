//! What the table promises of memory: claims allocate none, and an agent takes little.

#[cfg(test)]
mod table_memory {
    use meros_alloc_core::{
        Capacity, CoreSpec, DeviceAmount, DeviceLocality, DeviceSpec, HoldLimit, Holder, HugePages, Limit, Local,
        Locality, MemoryLocality, NameId, NumaNodeId, NumaNodeSpec, Outcome, Owner, Pick, Placed, Policy, RangesSpec,
        Released, Request, Shape, ShapeSpec, Span, Table, Transferred,
    };
    use meros_benches::bare::{Counting, without_allocation};
    use meros_benches::cluster::{Cluster, Plan, pod, shape};

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    const ME: Owner = Owner::new(1 << 40);
    const PLAN: Plan = Plan { agents: 16, fill: 50, shards: 1, uneven: false };

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

    /// Two NUMA nodes with two GPUs and huge pages each, special memory, disk and a thousand ports.
    fn shape_with_extras() -> Shape {
        let numa_node = |at: u32| Some(NumaNodeId::new(u16::try_from(at / 4).unwrap()));
        let core = |at| CoreSpec { pus: 2, l3: Some(at / 4), numa_node: numa_node(at), package: Some(0), kind: 0 };
        let ordinary = NumaNodeSpec { huge_pages: HugePages { mib2: 512, gib1: 2 }, ..NumaNodeSpec::ordinary(8 << 30) };
        let spec = ShapeSpec {
            cores: (0..8).map(core).collect(),
            numa_nodes: vec![ordinary, ordinary, NumaNodeSpec { kind: 1, ..NumaNodeSpec::ordinary(1 << 30) }],
            devices: (0..4).map(|at| DeviceSpec { kind: 1, numa_node: numa_node(at * 2) }).collect(),
            disk_bytes: 1 << 40,
            ranges: vec![RangesSpec { name: NameId::new(0), spans: vec![Span { first: 31_000, last: 31_999 }] }],
            ..ShapeSpec::default()
        };
        Shape::new(&spec).unwrap()
    }

    #[test]
    fn claims_of_extras_that_succeed_allocate_nothing() {
        let shape = shape_with_extras();
        let table = Table::new(Capacity::for_agents(1, &shape)).unwrap();
        let holder = Holder { owner: ME, role: table.add_role(Limit::default()).unwrap() };
        let agent = table.add_agent(shape).unwrap();
        let request = Request::exclusive(4, 1 << 30)
            .with_huge_pages(HugePages { mib2: 600, gib1: 1 })
            .with_special_memory(1, 1 << 20)
            .with_devices(1, DeviceAmount::Whole(3), DeviceLocality::Required)
            .with_disk(1 << 30)
            .with_range(NameId::new(0), Pick::Any(100));
        let claim = without_allocation("claim", || table.claim(agent, holder, &request)).granted().unwrap();
        let released = without_allocation("release", || table.release(claim.claim, ME));
        assert!(matches!(released, Released::Released { .. }), "{released:?}");
        let place = without_allocation("place", || table.place(holder, &request, Policy::Pack)).granted().unwrap();
        let hold = without_allocation("hold", || table.hold(agent, holder, HoldLimit::ALL)).granted().unwrap();
        let ports = Request::exclusive(2, 0).with_range(NameId::new(0), Pick::Any(500));
        let split = without_allocation("split", || table.split(hold.claim, ME, &ports)).granted().unwrap();
        for claim in [place.claim, hold.claim, split.claim] {
            let released = without_allocation("release", || table.release(claim, ME));
            assert!(matches!(released, Released::Released { .. }), "{released:?}");
        }
    }

    #[test]
    fn an_agent_takes_little() {
        const AGENTS: u32 = 1 << 14;
        let table = Table::new(Capacity::for_agents(AGENTS, &shape().unwrap())).unwrap();
        let each = table.bytes() / AGENTS as usize;
        // 256 of words, 80 of the index, 32 for whose they are, 8 for what the agent is; agent planes and upper levels share the rest.
        assert!((488..=496).contains(&each), "{each} bytes an agent");
    }
}
