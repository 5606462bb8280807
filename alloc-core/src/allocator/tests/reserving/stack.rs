//! Reservations that are refined down the tree of roles, and come back up.

use super::{A0, Cluster, amounts, is_granted, launch, reserve};
use crate::allocator::{NoReservation, Operation};
use crate::{Reason, Resource};

#[test]
fn a_reservation_is_refined_down_two_levels_and_comes_back_up() {
    let mut cluster = Cluster::new();
    cluster.agent(8, 8);
    let top = cluster.role();
    let middle = cluster.role_below(top);
    let low = cluster.role_below(middle);
    let first = cluster.reserve(A0, top, 6, 6);
    let second = cluster.allocator.refine(first, middle, &amounts(4, 4), 1).unwrap();
    let third = cluster.allocator.refine(second, low, &amounts(2, 2), 2).unwrap();
    cluster.check();
    let stack = |cluster: &Cluster, id| cluster.allocator.reservation(id).unwrap().stack;
    assert_eq!(stack(&cluster, third), [top, middle, low]);
    assert_eq!([first, second, third].map(|id| cluster.cpus_of(id)), [2, 2, 2]);
    let used = |cluster: &Cluster| {
        [top, middle, low].map(|role| cluster.allocator.table().role_used(role).unwrap().cpu_milli / 1000)
    };
    assert_eq!(used(&cluster), [6, 4, 2]);
    assert_eq!(cluster.allocator.reservations(A0).count(), 3);
    cluster.allocator.unreserve(second).unwrap();
    assert_eq!([first, second, third].map(|id| cluster.cpus_of(id)), [4, 0, 2], "it keeps its place in the stack");
    cluster.allocator.unreserve(third).unwrap();
    assert_eq!([first, second].map(|id| cluster.cpus_of(id)), [4, 2]);
    cluster.allocator.unreserve(second).unwrap();
    cluster.check();
    assert_eq!((cluster.allocator.reservation(second), cluster.cpus_of(first)), (None, 6));
    assert_eq!(used(&cluster), [6, 0, 0]);
    cluster.allocator.unreserve(first).unwrap();
    cluster.check();
    assert_eq!((used(&cluster), cluster.allocator.reservations(A0).count()), ([0, 0, 0], 0));
}

#[test]
fn a_framework_refines_what_it_is_offered_of_a_role_above() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let top = cluster.role();
    let [one, other] = [cluster.role_below(top), cluster.role_below(top)];
    let id = cluster.reserve(A0, top, 4, 8);
    let (framework, sibling) = (cluster.framework(1, one), cluster.framework(2, other));
    cluster.cycle();
    cluster.allocator.suppress(sibling, other).unwrap();
    cluster.decline_all(0);
    cluster.after(1_000);
    let offer = cluster.offer_of(id);
    let refine = Operation::Reserve { role: one, of: Some(id), amounts: amounts(3, 2), tag: 5 };
    let wrong = Operation::Reserve { role: other, of: Some(id), amounts: amounts(1, 1), tag: 5 };
    let accepted = cluster.accept_with(&[offer], &[wrong, refine, launch(1, 1)], 60_000).unwrap();
    assert_eq!(accepted.reservations[0], Err(NoReservation::OtherRole { role: other, offered: one }));
    let refined = accepted.reservations[1].unwrap();
    assert!(is_granted(&accepted.outcomes[0]), "{accepted:?}");
    cluster.allocator.revive(sibling, other).unwrap();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(3, Some(refined))]);
    assert_eq!(cluster.offered(sibling), [(0, Some(id))], "the memory that was not refined");
    let unreserve = Operation::Unreserve { reservation: refined, amounts: vec![] };
    let offer = cluster.offer_of(refined);
    assert_eq!(cluster.accept_with(&[offer], &[unreserve], 0).unwrap().reservations, [Ok(refined)]);
    assert_eq!((cluster.allocator.reservation(refined), cluster.cpus_of(id)), (None, 4));
}

#[test]
fn a_limit_between_is_asked_for_what_is_refined_and_one_above_is_not_asked_twice() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let top = cluster.role();
    let below = cluster.role_below(top);
    cluster.allocator.set_limit(top, Resource::CpuMilli, Some(4_000)).unwrap();
    cluster.allocator.set_limit(below, Resource::CpuMilli, Some(3_000)).unwrap();
    let id = cluster.reserve(A0, top, 4, 8);
    let no = cluster.allocator.refine(id, below, &amounts(4, 1), 0);
    assert!(matches!(no, Err(NoReservation::Refused(no)) if matches!(no.reason, Reason::RoleLimit(_))), "{no:?}");
    cluster.check();
    assert_eq!(cluster.cpus_of(id), 4);
    let refined = cluster.allocator.refine(id, below, &amounts(3, 1), 0).unwrap();
    cluster.check();
    assert_eq!([id, refined].map(|id| cluster.cpus_of(id)), [1, 3]);
    let other = cluster.role();
    let up = cluster.allocator.refine(refined, top, &amounts(1, 1), 0);
    assert_eq!(up, Err(NoReservation::NotBelow { role: top, of: below }));
    let aside = cluster.allocator.refine(refined, other, &amounts(1, 1), 0);
    assert_eq!(aside, Err(NoReservation::NotBelow { role: other, of: below }));
}

#[test]
fn a_framework_reserves_for_the_role_it_is_in() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let top = cluster.role();
    let below = cluster.role_below(top);
    let framework = cluster.framework(1, below);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    let accepted = cluster.accept_with(&[offer], &[reserve(top, 1, 1), reserve(below, 1, 1)], 0).unwrap();
    assert_eq!(accepted.reservations[0], Err(NoReservation::OtherRole { role: top, offered: below }));
    let view = cluster.allocator.reservation(accepted.reservations[1].unwrap()).unwrap();
    assert_eq!((view.stack, view.tag), (vec![below], 9));
}
