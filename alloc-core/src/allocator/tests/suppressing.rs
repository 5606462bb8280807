//! Who wants nothing now, and who wants something again.

use super::{Cluster, GIB};
use crate::allocator::{AllocatorError, Event, Rules, Subscription};
use crate::{AgentId, FrameworkId, Request, RoleId};

const A0: AgentId = AgentId::new(0);

#[test]
fn who_is_suppressed_is_offered_nothing_until_revived() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let quiet = cluster.subscribe(1, role, Subscription { suppressed: true, ..Subscription::default() });
    assert_eq!(cluster.cycle(), [], "it began so");
    cluster.allocator.revive(quiet, role).unwrap();
    assert_eq!(cluster.cycle(), [(quiet, A0)]);
    cluster.decline_all(0);
    cluster.allocator.suppress(quiet, role).unwrap();
    assert_eq!(cluster.after(100_000), []);
    assert_eq!(cluster.allocator.next_deadline_ms(), None, "nothing will happen");
}

#[test]
fn who_suppresses_keeps_what_it_was_offered() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.allocator.suppress(framework, role).unwrap();
    cluster.after(1_000);
    assert!(cluster.accept(offer, &[Request::exclusive(2, GIB)], 0)[0].granted().is_some());
    assert_eq!(cluster.after(1_000), [], "and is offered no more");
}

#[test]
fn a_framework_is_suppressed_in_one_role_and_not_in_another() {
    let mut cluster = Cluster::new();
    cluster.agents(4, 4, 8);
    let [one, two] = [cluster.role(), cluster.role()];
    let framework = cluster.framework(1, one);
    cluster.subscribe(1, two, Subscription::default());
    cluster.allocator.suppress(framework, one).unwrap();
    assert_eq!(cluster.cycle().len(), 4);
    assert!(cluster.out.values().all(|(_, role, _)| *role == two));
}

#[test]
fn suppression_outlives_a_lost_connection() {
    // In Mesos a framework that subscribes again names its suppressed roles anew; who does that here tells the allocator.
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.allocator.suppress(framework, role).unwrap();
    cluster.allocator.deactivate(framework).unwrap();
    cluster.allocator.activate(framework).unwrap();
    assert_eq!(cluster.after(1_000), []);
    cluster.allocator.deactivate(framework).unwrap();
    cluster.allocator.revive(framework, role).unwrap();
    assert_eq!(cluster.after(1_000), [], "it is not connected");
    cluster.allocator.activate(framework).unwrap();
    assert_eq!(cluster.after(1_000), [(framework, A0)]);
}

#[test]
fn offers_to_who_disconnects_are_over_without_a_word() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let [one, two] = [1, 2].map(|id| cluster.framework(id, role));
    cluster.cycle();
    cluster.allocator.deactivate(one).unwrap();
    assert_eq!(cluster.after(100).len(), 1, "the other gets it");
    assert_eq!((cluster.events(), cluster.agents_of(two).len()), (vec![], 2));
}

#[test]
fn reviving_forgives_who_let_offers_lapse() {
    let mut cluster = Cluster::with_rules(Rules { offer_timeout_ms: Some(5_000), ..Rules::default() });
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    cluster.after(5_000);
    assert!(matches!(cluster.events()[..], [Event::Rescinded { .. }]));
    assert_eq!(cluster.after(1_000), [], "it waits");
    cluster.allocator.revive(framework, role).unwrap();
    assert_eq!(cluster.after(0), [(framework, A0)]);
}

#[test]
fn who_is_not_there_cannot_be_suppressed() {
    let mut cluster = Cluster::new();
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    let (nobody, nowhere) = (FrameworkId::new(9), RoleId::new(9));
    let allocator = &mut cluster.allocator;
    assert_eq!(allocator.suppress(nobody, role), Err(AllocatorError::NoSuchFramework(nobody)));
    assert_eq!(allocator.revive(framework, nowhere), Err(AllocatorError::NotSubscribed(framework, nowhere)));
    assert_eq!(allocator.deactivate(nobody), Err(AllocatorError::NoSuchFramework(nobody)));
    let twice = allocator.subscribe(framework, role, Subscription::default());
    assert_eq!(twice, Err(AllocatorError::Subscribed(framework, role)));
    let to_nowhere = allocator.subscribe(framework, nowhere, Subscription::default());
    assert_eq!(to_nowhere, Err(AllocatorError::NoSuchRole(nowhere)));
}
