//! The least that is offered: by the rules, by a subscription's own wish, and by any of several.

use super::{Cluster, GIB};
use crate::allocator::{CpuKind, RoleSpec, Rules, Subscription};
use crate::{AgentId, FrameworkId, Quantities, Request, RoleId};

const A0: AgentId = AgentId::new(0);
const A1: AgentId = AgentId::new(1);

fn least(cpu_milli: u64, mem_gib: u64) -> Quantities {
    Quantities { cpu_milli, mem_bytes: mem_gib * GIB }
}

fn rules(minimum: Vec<Quantities>) -> Rules {
    Rules { minimum, ..Rules::default() }
}

fn with_minimum(cluster: &mut Cluster, id: u32, role: RoleId, minimum: Vec<Quantities>) -> FrameworkId {
    cluster.subscribe(id, role, Subscription { minimum: Some(minimum), ..Subscription::default() })
}

/// Takes all of an agent but so much CPU, and all memory but so much.
fn leave(cluster: &mut Cluster, framework: FrameworkId, taken: &Request) {
    let offer = cluster.offers_to(framework)[0];
    assert!(cluster.accept(offer, core::slice::from_ref(taken), 0)[0].granted().is_some());
}

#[test]
fn what_is_below_the_rules_minimum_is_offered_to_nobody() {
    let mut cluster = Cluster::with_rules(rules(vec![least(2_000, 2)]));
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    leave(&mut cluster, framework, &Request::exclusive(3, GIB));
    assert_eq!(cluster.after(1_000), [], "one core is too little");
    cluster.end_last();
    assert_eq!(cluster.after(1_000), [(framework, A0)]);
    leave(&mut cluster, framework, &Request::exclusive(1, 7 * GIB));
    assert_eq!(cluster.after(1_000), [], "one GiB is too little");
}

#[test]
fn any_of_several_minima_is_enough() {
    // Mesos by default: 0.01 CPUs or 32 MB. Ours is 0.01 CPUs alone: memory without CPU starts nothing.
    let mut cluster = Cluster::with_rules(rules(vec![least(2_000, 0), least(0, 4)]));
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    leave(&mut cluster, framework, &Request::exclusive(3, 4 * GIB));
    assert_eq!(cluster.after(1_000), [(framework, A0)], "there is memory enough");
    leave(&mut cluster, framework, &Request::exclusive(1, GIB));
    assert_eq!(cluster.after(1_000), [], "neither is left");
}

#[test]
fn memory_alone_is_not_offered_by_default() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    leave(&mut cluster, framework, &Request::exclusive(4, GIB));
    assert_eq!(cluster.after(1_000), []);
}

#[test]
fn a_subscription_that_wants_more_is_not_offered_less() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    cluster.agent(16, 32);
    let role = cluster.role();
    let large = with_minimum(&mut cluster, 1, role, vec![least(8_000, 0)]);
    assert_eq!(cluster.cycle(), [(large, A1)]);
    let small = cluster.framework(2, role);
    assert_eq!(cluster.cycle(), [(small, A0)], "what one does not want is the other's");
}

#[test]
fn a_subscription_may_ask_for_less_than_the_rules() {
    // As Mesos' `offer_filters.min_allocatable_resources`, which takes the place of the master's flag.
    let mut cluster = Cluster::with_rules(rules(vec![least(2_000, 0)]));
    cluster.agent(1, 8);
    let role = cluster.role();
    let usual = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), []);
    let frugal = with_minimum(&mut cluster, 2, role, vec![least(500, 0)]);
    assert_eq!(cluster.after(1_000), [(frugal, A0)]);
    cluster.decline_all(60_000);
    assert_eq!(cluster.after(1_000), [], "the usual one goes by the rules");
    assert_eq!(cluster.agents_of(usual), []);
}

#[test]
fn when_who_asked_for_less_is_gone_the_rules_hold() {
    let mut cluster = Cluster::with_rules(rules(vec![least(2_000, 0)]));
    cluster.agent(1, 8);
    let role = cluster.role();
    let usual = cluster.framework(1, role);
    let [one, two] = [2, 3].map(|id| with_minimum(&mut cluster, id, role, vec![least(500, 0)]));
    assert_eq!(cluster.cycle().len(), 1);
    cluster.allocator.unsubscribe(one, role).unwrap();
    cluster.after(1_000);
    assert_eq!(cluster.agents_of(two), [A0]);
    cluster.allocator.remove_framework(two).unwrap();
    assert_eq!(cluster.after(1_000), []);
    assert_eq!(cluster.agents_of(usual), []);
}

#[test]
fn a_subscriptions_minima_are_alternatives_too() {
    let mut cluster = Cluster::new();
    cluster.agent(16, 1);
    cluster.agent(1, 64);
    cluster.agent(2, 2);
    let role = cluster.role();
    let either = with_minimum(&mut cluster, 1, role, vec![least(8_000, 0), least(1_000, 32)]);
    assert_eq!(cluster.cycle(), [(either, A0), (either, A1)]);
}

#[test]
fn exclusive_cores_are_counted_for_who_wants_exclusive_cores() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let shared = cluster.role();
    let exclusive = cluster.allocator.add_role(RoleSpec { cpu: CpuKind::Exclusive, ..RoleSpec::default() }).unwrap();
    let one = cluster.framework(1, shared);
    cluster.cycle();
    let offer = cluster.offers_to(one)[0];
    cluster.accept(offer, &[Request::shared(1_300, GIB)], 60_000);
    // Two cores are the pool's; it has 0.7 of them left.
    let two = with_minimum(&mut cluster, 2, exclusive, vec![least(2_500, 0)]);
    assert_eq!(cluster.after(1_000), [], "there are 2.7 CPUs, but two whole cores");
    let three = with_minimum(&mut cluster, 3, exclusive, vec![least(2_000, 0)]);
    assert_eq!(cluster.after(1_000), [(three, A0)]);
    assert_eq!(cluster.agents_of(two), []);
}

#[test]
fn an_old_offer_is_asked_back_only_for_whom_it_is_enough() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let holder = cluster.framework(1, role);
    cluster.cycle();
    let large = with_minimum(&mut cluster, 2, role, vec![least(8_000, 0)]);
    cluster.after(10_000);
    assert_eq!(cluster.events(), []);
    assert_eq!((cluster.agents_of(holder), cluster.agents_of(large)), (vec![A0], vec![]));
}
