use std::hint::black_box;
use std::sync::Arc;

use meros_alloc_core::*;
use meros_benches::clock::{median, thread_cpu_ns};

const PORTS: NameId = NameId::new(0);

fn shape() -> Shape {
    let core = CoreSpec { pus: 1, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    Shape::new(&ShapeSpec {
        cores: vec![core; 24],
        numa_nodes: vec![NumaNodeSpec::ordinary(4096 << 20)],
        disk_bytes: 4096 << 20,
        ranges: vec![RangesSpec { name: PORTS, spans: vec![Span { first: 31000, last: 32000 }] }],
        ..ShapeSpec::default()
    })
    .unwrap()
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct OfferV1 {
    offer: u64,
    mem_bytes: u64,
    agent: u32,
    hostname: u32,
    role: u32,
    exclusive_pus: u32,
    pool_milli: u32,
    numa_nodes: u32,
    attributes: u32,
    exclusive_cores: u32,
}
#[derive(Clone, Copy)]
#[repr(C)]
struct Numa {
    mem_bytes: u64,
    numa_node: u32,
    exclusive_pus: u32,
    pool_milli: u32,
    exclusive_cores: u32,
}
#[derive(Clone, Copy)]
#[repr(C)]
struct Range {
    name: u32,
    first: u32,
    last: u32,
    pad: u32,
}
#[derive(Default, Clone)]
struct Prepared {
    version: u64,
    offer: OfferV1,
    numa: Vec<Numa>,
    ranges: Vec<Range>,
    disk: u64,
}
#[derive(Default)]
struct Wire {
    offers: Vec<OfferV1>,
    numa: Vec<Numa>,
    ranges: Vec<Range>,
    disks: Vec<u64>,
    prepared: Vec<Prepared>,
}
impl Wire {
    #[inline]
    fn write(&mut self, view: &OfferView<'_>) {
        let at = view.agent.id().index();
        if self.prepared.len() <= at {
            self.prepared.resize(at + 1, Prepared::default());
        }
        let p = &mut self.prepared[at];
        if p.version != view.version {
            let placement = view.placement();
            p.version = view.version;
            p.offer.exclusive_pus = placement.pus.len() as u32;
            p.offer.agent = at as u32;
            p.offer.mem_bytes = view.quantities.mem_bytes;
            p.numa = placement
                .memory
                .iter()
                .map(|m| Numa {
                    mem_bytes: m.mem_bytes,
                    numa_node: 0,
                    exclusive_pus: 8,
                    pool_milli: 0,
                    exclusive_cores: 8,
                })
                .collect();
            p.ranges = placement.extras.ranges[0]
                .spans
                .iter()
                .map(|s| Range { name: 0, first: s.first as u32, last: s.last as u32, pad: 0 })
                .collect();
            p.disk = placement.extras.disk_bytes;
        }
        self.offers.push(OfferV1 { offer: view.id.get(), role: u32::from(view.role.get()), ..p.offer });
        self.numa.extend_from_slice(&p.numa);
        self.ranges.extend_from_slice(&p.ranges);
        self.disks.push(p.disk);
    }
    fn clear(&mut self) {
        self.offers.clear();
        self.numa.clear();
        self.ranges.clear();
        self.disks.clear();
    }
}

fn main() {
    let ports: Vec<Span> = (0..16).map(|i| Span { first: 31000 + i * 50, last: 31000 + i * 50 + 20 }).collect();
    let only: Option<usize> = std::env::var("ROW").ok().and_then(|r| r.parse().ok());
    let rounds: usize = std::env::var("ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(7);
    for (at, (n, f, r)) in [
        (1000u32, 1u32, 1u32),
        (1000, 50, 1),
        (1000, 1000, 1),
        (1000, 50, 50),
        (1000, 1000, 1000),
        (20000, 1, 1),
        (20000, 50, 1),
        (20000, 1000, 1),
        (10000, 1000, 1000),
    ] {
        let shape = shape();
        let table = Table::new(Capacity { roles: 2000, ..Capacity::for_agents(n, &shape) }).unwrap();
        let mut a = Allocator::new(Arc::new(table), Rules { offer_timeout_ms: None, ..Rules::default() }).unwrap();
        let roles: Vec<_> = (0..r).map(|_| a.add_role(RoleSpec::default()).unwrap()).collect();
        let t0 = thread_cpu_ns();
        for i in 0..n {
            a.add_agent(shape.clone(), Attributes::default()).unwrap();
            let _ = i;
        }
        let t1 = thread_cpu_ns();
        for i in 0..f {
            a.subscribe(FrameworkId::new(i), roles[(i % r) as usize], Subscription::default()).unwrap();
        }
        let t2 = thread_cpu_ns();
        for i in 0..n {
            let fw = i % f;
            let request =
                Request::exclusive(16, 2014 << 20).with_disk(1 << 30).with_range(PORTS, Pick::Exact(ports.clone()));
            let claimant = Claimant {
                owner: Owner::new(1),
                role: roles[(fw % r) as usize],
                framework: Some(FrameworkId::new(fw)),
            };
            assert!(matches!(a.claim(AgentId::new(i), claimant, &request), Ok(Outcome::Granted(_))));
        }
        let t3 = thread_cpu_ns();
        let mut wire = Wire::default();
        let (mut cycle, mut decl) = (vec![], vec![]);
        let mut now = 0;
        let mut ids: Vec<(FrameworkId, OfferId)> = vec![];
        for round in 0..rounds {
            now += 10_000;
            ids.clear();
            wire.clear();
            let s = thread_cpu_ns();
            let made = a.offer(now, |view| {
                wire.write(view);
                ids.push((view.framework, view.id));
            });
            let e = thread_cpu_ns();
            assert_eq!(made as u32, n);
            if round > 0 {
                cycle.push((e - s) as f64 / f64::from(n));
            }
            let first = (e - s) / u64::from(n);
            now += 1000;
            let s = thread_cpu_ns();
            for (fw, id) in &ids {
                a.decline(*fw, &[*id], Some(0), now);
            }
            let e = thread_cpu_ns();
            decl.push((e - s) as f64 / f64::from(n));
            if round == 0 {
                println!("first cycle {first}");
            }
        }
        black_box(&wire.ranges);
        println!(
            "{n} x {f} r {r}: cycle {:.0} ns, decline {:.0}; add agent {} sub {} claim {}; ranges {}",
            median(&mut cycle),
            median(&mut decl),
            (t1 - t0) / u64::from(n),
            (t2 - t1) / u64::from(f),
            (t3 - t2) / u64::from(n),
            wire.ranges.len() / n as usize,
        );
    }
}
