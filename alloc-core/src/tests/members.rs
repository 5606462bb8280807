//! Single PUs, kinds of cores and members by example.

use super::{AGENT, ROLE, granted, holder, table};
use crate::testing::{Machine, spec};
use crate::{
    Capacity, CoreKind, Cpus, Level, Limit, Locality, MAX_MEMBERS, Members, NumaNodeId, Outcome, Owner, Placement,
    PoolShare, PuId, Released, Request, Shape, ShapeSpec, Smt, Table,
};

/// One package of two L3 domains of two cores of two PUs.
const SMALL: Machine = Machine { cores: 4, pus_per_core: 2, l3: 2, numa_nodes: 1, packages: 1, mem_bytes: 1 << 30 };

fn of(spec: &ShapeSpec) -> Table {
    let shape = Shape::new(spec).unwrap();
    let table = Table::new(Capacity { claims: 64, ..Capacity::for_agents(1, &shape) }).unwrap();
    table.add_role(Limit::default()).unwrap();
    table.add_agent(shape).unwrap();
    table
}

/// Claims, and tells what each member got: PUs, then millis.
#[track_caller]
fn got(table: &Table, request: &Request) -> Vec<(Vec<u16>, u32)> {
    let placement = table.placement(granted(table.claim(AGENT, holder(1), request)).claim).unwrap();
    table.validate().unwrap();
    let member = |(pus, pools): (&[PuId], &[PoolShare])| {
        (pus.iter().map(|pu| pu.get()).collect(), pools.iter().map(|share| share.cpu_milli).sum())
    };
    placement.members().map(member).collect()
}

#[track_caller]
fn pus(table: &Table, request: &Request) -> Vec<u16> {
    got(table, request).remove(0).0
}

fn refused(table: &Table, request: &Request) -> String {
    match table.claim(AGENT, holder(1), request) {
        Outcome::Refused(refusal) => refusal.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn kept_siblings_fill_cores_and_the_rest_of_the_last_serves_others() {
    let table = table(16, Limit::default(), &[SMALL]);
    let kept = |pus| Request::exclusive(pus, 0).with_smt(Smt::Kept);
    assert_eq!(pus(&table, &kept(3)), [0, 1, 2]);
    assert_eq!(pus(&table, &kept(1)), [3], "the core that is broken already");
    assert_eq!(pus(&table, &kept(2)), [4, 5]);
    assert_eq!(table.role_used(ROLE).unwrap().cpu_milli, 6000);
}

#[test]
fn split_siblings_take_a_core_each_and_break_as_few_as_possible() {
    let table = table(16, Limit::default(), &[SMALL]);
    let split = |pus| Request::exclusive(pus, 0).with_smt(Smt::Split);
    assert_eq!(pus(&table, &split(2)), [0, 2]);
    assert_eq!(pus(&table, &split(2)), [1, 3]);
    assert_eq!(refused(&table, &split(3)), "wants 3 exclusive PUs; agent a0 has 4 free, 2 of them of use to it");
    let in_one_core = split(2).with_locality(Locality::Required(Level::Core));
    assert!(refused(&table, &in_one_core).starts_with("PUs on a core each cannot be in one core"));
}

#[test]
fn the_pool_and_whole_cores_leave_broken_ones_alone() {
    let table = table(16, Limit::default(), &[Machine { cores: 2, l3: 0, ..SMALL }]);
    let one = Request::exclusive(1, 0).with_smt(Smt::Kept);
    let single = granted(table.claim(AGENT, holder(1), &one));
    assert_eq!(got(&table, &Request::shared(2000, 0)), [(vec![], 2000)]);
    assert_eq!(table.pool_orders(AGENT)[0].pus, [PuId::new(2), PuId::new(3)]);
    let busy = "wants 1 exclusive PU; agent a0 has 1 free, 0 of them of use to it (2 in the shared pool)";
    assert_eq!(refused(&table, &Request::exclusive(1, 0)), busy);
    assert!(matches!(table.release(single.claim, Owner::new(1)), Released::Released { .. }));
    assert_eq!(pus(&table, &Request::cores(1, 0)), [0, 1]);
}

/// Two cores of two PUs of kind 0, four of one PU of kind 1.
fn hybrid() -> ShapeSpec {
    let mut hybrid = spec(6, 2, 1, 1 << 30);
    for core in &mut hybrid.cores[2..] {
        (core.pus, core.kind) = (1, 1);
    }
    hybrid
}

#[test]
fn a_claim_is_of_one_kind_where_that_will_do() {
    let kind = |kind| Request::exclusive(3, 0).with_kind(kind);
    let three = |request: &Request| pus(&of(&hybrid()), request);
    assert_eq!(three(&kind(CoreKind::Any)), [4, 5, 6], "nothing is rounded up");
    assert_eq!(three(&kind(CoreKind::Preferred(0))), [0, 1, 2, 3]);
    assert_eq!(three(&Request::exclusive(8, 0).with_kind(CoreKind::Preferred(0))), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(three(&Request::exclusive(5, 0)), [0, 1, 2, 3, 4]);
    let no = refused(&of(&hybrid()), &Request::exclusive(5, 0).with_kind(CoreKind::Required(0)));
    assert_eq!(no, "wants 5 exclusive PUs; agent a0 has 4 when it is empty");
    assert_eq!(three(&Request::cores(3, 0)), [4, 5, 6]);
}

#[test]
fn members_share_a_claim_and_its_locality() {
    let table = table(16, Limit::default(), &[Machine { cores: 8, numa_nodes: 2, l3: 4, ..SMALL }]);
    let pod = Request::exclusive(2, 4096)
        .with_member(Cpus::shared(500))
        .with_member(Cpus::exclusive(1).with_smt(Smt::Kept))
        .with_locality(Locality::Required(Level::NumaNode));
    let grant = granted(table.claim(AGENT, holder(1), &pod));
    assert!(grant.pools_changed);
    let placement = table.placement(grant.claim).unwrap();
    let numa_nodes: Vec<_> =
        placement.all_pus().iter().map(|pu| table.shape(AGENT).unwrap().core_of(*pu).unwrap().spec.numa_node).collect();
    assert_eq!(numa_nodes, [Some(NumaNodeId::new(0)); 3]);
    assert_eq!(placement.further[0].pools, [PoolShare { numa_node: Some(NumaNodeId::new(0)), cpu_milli: 500 }]);
    assert_eq!((placement.pus.len(), placement.further[1].pus.len()), (2, 1));
    assert_eq!(grant.charged.cpu_milli, 3500);

    // A piece of it, whichever member's, and told again to a fresh table.
    let piece = Placement { pus: placement.further[1].pus.clone(), ..Placement::default() };
    let child = granted(table.split_exact(grant.claim, Owner::new(1), &piece));
    assert_eq!(table.placement(child.claim).unwrap().pus, piece.pus);
    let rest = table.placement(grant.claim).unwrap();
    assert_eq!((rest.pus.len(), rest.further.len()), (2, 1));
    table.validate().unwrap();
    let fresh = of(&Machine { cores: 8, numa_nodes: 2, l3: 4, ..SMALL }.spec());
    for order in table.pool_orders(AGENT) {
        fresh.restore_pool(AGENT, order.numa_node, &order.pus).unwrap();
    }
    let again = fresh.restore(AGENT, holder(1), &placement).unwrap();
    assert_eq!(fresh.placement(again.claim), Some(placement));
    fresh.validate().unwrap();
}

#[test]
fn members_find_room_that_one_after_the_other_would_miss() {
    // Of four cores two are broken: the split member has to leave the whole ones to the others.
    let table = table(16, Limit::default(), &[SMALL]);
    assert_eq!(pus(&table, &Request::exclusive(2, 0).with_smt(Smt::Split)), [0, 2]);
    let split = Cpus::exclusive(2).with_smt(Smt::Split);
    let pod = Request::new([split, Cpus::cores(1), Cpus::shared(2000)].into_iter().collect(), 0);
    assert_eq!(got(&table, &pod), [(vec![1, 3], 0), (vec![4, 5], 0), (vec![], 2000)]);
    assert_eq!(table.usage(AGENT).unwrap().pus_free, 0);
}

#[test]
fn too_many_members_are_refused() {
    let table = table(16, Limit::default(), &[SMALL]);
    let eight: Members = [Cpus::shared(1); MAX_MEMBERS].into_iter().collect();
    assert_eq!(got(&table, &Request::new(eight, 0)).len(), MAX_MEMBERS);
    assert_eq!(refused(&table, &Request::new(eight.with(Cpus::shared(1)), 0)), "has 9 members: give at most 8");
    let nobody: Members = [].into_iter().collect();
    assert!(refused(&table, &Request::new(nobody, 0)).starts_with("asks for no CPU"));
    table.validate().unwrap();
}
