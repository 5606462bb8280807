//! Guarantees and limits.

use super::{Cluster, GIB};
use crate::allocator::{Claimant, Event};
use crate::{AgentId, FrameworkId, Outcome, Owner, Request, Resource, RoleId};

const A0: AgentId = AgentId::new(0);

fn cpu_offered(cluster: &Cluster, framework: FrameworkId) -> Vec<u64> {
    let offers = cluster.offers_to(framework);
    offers.iter().map(|offer| cluster.allocator.offer_view(*offer).unwrap().quantities.cpu_milli).collect()
}

fn guarantee_cpus(cluster: &mut Cluster, role: RoleId, cpus: u64) {
    cluster.allocator.set_guarantee(role, Resource::CpuMilli, cpus * 1000).unwrap();
    assert_eq!(cluster.allocator.guarantee(role, Resource::CpuMilli), Some(cpus * 1000));
}

fn limit_cpus(cluster: &mut Cluster, role: RoleId, cpus: u64) {
    cluster.allocator.set_limit(role, Resource::CpuMilli, Some(cpus * 1000)).unwrap();
}

fn claim(cluster: &mut Cluster, agent: AgentId, role: RoleId, request: &Request) -> Outcome {
    let claimant = Claimant { owner: Owner::new(77), role, framework: None };
    cluster.allocator.claim(agent, claimant, request).unwrap()
}

#[test]
fn a_guarantee_comes_before_a_smaller_share() {
    let mut cluster = Cluster::new();
    let agents = cluster.agents(3, 4, 8);
    let [sure, poor] = [cluster.role(), cluster.role()];
    guarantee_cpus(&mut cluster, sure, 12);
    for agent in &agents[..2] {
        assert!(claim(&mut cluster, *agent, sure, &Request::exclusive(4, 8 * GIB)).granted().is_some());
    }
    let (rich, _) = (cluster.framework(1, sure), cluster.framework(2, poor));
    assert_eq!(cluster.cycle(), [(rich, agents[2])], "the other has nothing, and no guarantee");
    cluster.decline_all(60_000);
    assert_eq!(cluster.after(1_000), [], "what is left is the headroom of the guarantee");
    guarantee_cpus(&mut cluster, sure, 8);
    assert_eq!(cluster.after(1_000), [(FrameworkId::new(2), agents[2])]);
}

#[test]
fn headroom_is_left_for_a_role_that_nobody_is_in_yet() {
    let mut cluster = Cluster::new();
    cluster.agents(3, 4, 8);
    let [idle, busy] = [cluster.role(), cluster.role()];
    guarantee_cpus(&mut cluster, idle, 6);
    let framework = cluster.framework(1, busy);
    cluster.cycle();
    assert_eq!(cpu_offered(&cluster, framework), [4000, 2000], "of twelve, six are promised");
    let late = cluster.framework(2, idle);
    cluster.after(1_000);
    assert_eq!(cpu_offered(&cluster, late).iter().sum::<u64>(), 6000);
}

#[test]
fn an_offer_is_cut_to_what_a_limit_leaves_and_the_rest_goes_to_others() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let [limited, free] = [cluster.role(), cluster.role()];
    limit_cpus(&mut cluster, limited, 3);
    let [one, two] = [cluster.framework(1, limited), cluster.framework(2, free)];
    cluster.cycle();
    assert_eq!(cpu_offered(&cluster, one), [3000]);
    assert_eq!(cpu_offered(&cluster, two).iter().sum::<u64>(), 5000);
    let offer = cluster.offers_to(one)[0];
    let outcomes = cluster.accept(offer, &[Request::exclusive(2, GIB), Request::exclusive(2, GIB)], 60_000);
    assert!(matches!(outcomes[..], [Outcome::Granted(_), Outcome::Refused(_)]), "{outcomes:?}");
    assert_eq!(cluster.allocator.table().role_used(limited).unwrap().cpu_milli, 2000);
    // One more may be had, of an agent that is not filtered.
    cluster.decline_all(0);
    cluster.after(1_000);
    assert_eq!(cpu_offered(&cluster, one), [1000]);
}

#[test]
fn a_limit_holds_for_all_roles_below() {
    let mut cluster = Cluster::new();
    cluster.agents(3, 4, 8);
    let top = cluster.role();
    let below = [cluster.role_below(top), cluster.role_below(top)];
    limit_cpus(&mut cluster, top, 7);
    let [one, two] = [cluster.framework(1, below[0]), cluster.framework(2, below[1])];
    cluster.cycle();
    let sum = |framework| cpu_offered(&cluster, framework).iter().sum::<u64>();
    assert_eq!(sum(one) + sum(two), 7000);
    assert_eq!((sum(one), sum(two)), (4000, 3000));
}

#[test]
fn a_limit_that_comes_later_ends_offers_that_go_beyond() {
    let mut cluster = Cluster::new();
    cluster.agents(3, 4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    limit_cpus(&mut cluster, role, 8);
    let events = cluster.events();
    assert!(matches!(events[..], [Event::Withdrawn { .. }]), "{events:?}");
    assert_eq!(cluster.allocator.table().role_used(role).unwrap().cpu_milli, 8000, "the other two are charged now");
    assert_eq!(cluster.after(1_000), []);
    cluster.allocator.set_limit(role, Resource::CpuMilli, None).unwrap();
    assert_eq!(cluster.after(1_000).len(), 1);
    assert_eq!(cpu_offered(&cluster, framework), [4000, 4000, 4000]);
}

#[test]
fn a_limit_of_memory_cuts_memory_alone() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    cluster.allocator.set_limit(role, Resource::MemBytes, Some(3 * GIB)).unwrap();
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), [(framework, A0)]);
    let view = cluster.allocator.offer_view(cluster.offers_to(framework)[0]).unwrap();
    assert_eq!((view.quantities.cpu_milli, view.quantities.mem_bytes), (4000, 3 * GIB));
}

#[test]
fn a_role_at_its_limit_is_offered_nothing_until_it_has_less() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    limit_cpus(&mut cluster, role, 4);
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(4, GIB)], 0);
    assert_eq!(cluster.after(1_000), []);
    let over = claim(&mut cluster, AgentId::new(1), role, &Request::exclusive(1, 0));
    assert!(matches!(over, Outcome::Refused(crate::Refusal { reason: crate::Reason::RoleLimit(_), .. })), "{over:?}");
    cluster.end_last();
    assert_eq!(cluster.after(1_000).len(), 1);
}

#[test]
fn a_parents_guarantee_is_met_by_what_its_children_have() {
    let mut cluster = Cluster::new();
    let agents = cluster.agents(3, 4, 8);
    let (top, other) = (cluster.role(), cluster.role());
    let child = cluster.role_below(top);
    guarantee_cpus(&mut cluster, top, 8);
    assert!(claim(&mut cluster, agents[0], child, &Request::exclusive(4, GIB)).granted().is_some());
    let framework = cluster.framework(1, other);
    cluster.cycle();
    assert_eq!(cpu_offered(&cluster, framework), [4000], "four more are promised to the parent");
    let below = cluster.framework(2, child);
    cluster.after(1_000);
    assert_eq!(cpu_offered(&cluster, below), [4000]);
}

#[test]
fn three_hundred_roles_with_quotas_get_what_they_are_guaranteed() {
    let mut cluster = Cluster::new();
    cluster.agents(50, 64, 64);
    let roles: Vec<RoleId> = (0..200).map(|_| cluster.role()).collect();
    for (at, role) in (0..).zip(&roles) {
        guarantee_cpus(&mut cluster, *role, 1 + at % 16);
        limit_cpus(&mut cluster, *role, 16);
        cluster.framework(u32::try_from(at).unwrap(), *role);
    }
    cluster.cycle();
    for (at, role) in (0..).zip(&roles) {
        let used = cluster.allocator.table().role_used(*role).unwrap().cpu_milli;
        assert!((1 + at % 16) * 1000 <= used && used <= 16_000, "role {at} has {used}");
    }
}
