//! What an accept reserves, unreserves and launches, and what becomes of that.

use super::{A0, Cluster, amounts, is_granted, launch, reserve};
use crate::Request;
use crate::allocator::tests::GIB;
use crate::allocator::{NoReservation, Operation, ReservationKind, Subscription};

#[test]
fn what_is_reserved_in_an_accept_is_not_offered_to_others_and_the_launch_takes_the_rest() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    let accepted = cluster.accept_with(&[offer], &[reserve(role, 2, 4), launch(2, 2), launch(1, 1)], 60_000).unwrap();
    let id = accepted.reservations[0].unwrap();
    assert!(is_granted(&accepted.outcomes[0]) && !is_granted(&accepted.outcomes[1]), "{accepted:?}");
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(2, Some(id))], "converted: offered in spite of the filter");
    let offer = cluster.offer_of(id);
    let accepted = cluster.accept_with(&[offer], &[launch(2, 4)], 0).unwrap();
    assert!(is_granted(&accepted.outcomes[0]), "{accepted:?}");
    assert_eq!(cluster.allocator.table().role_used(role).unwrap().cpu_milli, 4000);
}

#[test]
fn what_is_unreserved_in_an_accept_can_be_launched_from_at_once() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let id = cluster.reserve(A0, role, 3, 2);
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offers = cluster.offers_to(framework);
    assert_eq!(offers.len(), 2);
    let unreserve = Operation::Unreserve { reservation: id, amounts: vec![] };
    let accepted = cluster.accept_with(&offers, &[launch(4, 8), unreserve, launch(4, 8)], 0).unwrap();
    assert!(!is_granted(&accepted.outcomes[0]) && is_granted(&accepted.outcomes[1]), "{accepted:?}");
    assert_eq!((accepted.reservations[0], cluster.allocator.reservation(id)), (Ok(id), None));
    cluster.end_last();
    let stranger_role = cluster.role();
    let stranger = cluster.framework(2, stranger_role);
    cluster.allocator.suppress(framework, role).unwrap();
    assert_eq!(cluster.after(1_000), [(stranger, A0)], "it is everybody's now");
}

#[test]
fn a_part_is_unreserved_and_comes_back_without_a_filter() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let id = cluster.reserve(A0, role, 4, 8);
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let unreserve = Operation::Unreserve { reservation: id, amounts: amounts(1, 1) };
    let offer = cluster.offer_of(id);
    cluster.accept_with(&[offer], &[unreserve], 10_000).unwrap();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(1, None)], "the rest of the reservation is filtered");
    cluster.after(10_000);
    assert_eq!(cluster.offered(framework), [(1, None), (3, Some(id))]);
}

#[test]
fn a_static_reservation_is_no_framework_s_to_end() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let id = cluster.allocator.reserve(A0, role, &amounts(4, 8), ReservationKind::Static, 0).unwrap();
    cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offer_of(id);
    let unreserve = Operation::Unreserve { reservation: id, amounts: vec![] };
    let accepted = cluster.accept_with(&[offer], &[unreserve, launch(1, 1)], 0).unwrap();
    assert_eq!(accepted.reservations, [Err(NoReservation::Static(id))]);
    assert!(is_granted(&accepted.outcomes[0]));
    assert_eq!(cluster.cpus_of(id), 4);
    cluster.allocator.unreserve(id).unwrap();
    assert_eq!(cluster.cpus_of(id), 1, "what runs in it stays reserved");
    cluster.end_last();
    cluster.allocator.unreserve(id).unwrap();
    assert_eq!(cluster.allocator.unreserve(id), Err(NoReservation::NoSuchReservation(id)));
    cluster.check();
}

#[test]
fn a_launch_that_is_larger_than_the_reservation_takes_all_from_what_is_free() {
    let mut cluster = Cluster::new();
    cluster.agent(8, 16);
    let role = cluster.role();
    let id = cluster.reserve(A0, role, 2, 2);
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offers = cluster.offers_to(framework);
    let accepted = cluster.accept_with(&offers, &[launch(3, 2), launch(2, 2), launch(7, 2)], 0).unwrap();
    assert_eq!(accepted.outcomes.iter().map(is_granted).collect::<Vec<_>>(), [true, true, false]);
    let view = cluster.allocator.reservation(id).unwrap();
    assert_eq!((view.launched, cluster.cpus_of(id)), (1, 2), "the second one is in it");
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(3, None)]);
}

#[test]
fn a_claim_that_shrinks_gives_back_to_its_reservation_and_what_it_got_beside_it_is_free() {
    let mut cluster = Cluster::new();
    cluster.agent(8, 8);
    let role = cluster.role();
    let id = cluster.reserve(A0, role, 4, 4);
    let framework = cluster.subscribe(1, role, Subscription::default());
    cluster.cycle();
    let offer = cluster.offer_of(id);
    cluster.accept_with(&[offer], &[launch(4, 4)], 0).unwrap();
    cluster.decline_all(0);
    let (claim, owner) = cluster.launched[0];
    let resize = |cluster: &mut Cluster, cpus| {
        let resized = cluster.allocator.resize(claim, owner, &Request::exclusive(cpus, GIB));
        assert!(is_granted(&resized), "{resized:?}");
        cluster.check();
    };
    resize(&mut cluster, 2);
    assert_eq!(cluster.events(), []);
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(2, Some(id)), (4, None)]);
    cluster.decline_all(0);
    resize(&mut cluster, 6);
    assert_eq!(cluster.cpus_of(id), 4);
    cluster.end_last();
    cluster.check();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(4, None), (4, Some(id))]);
}
