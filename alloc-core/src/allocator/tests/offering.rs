//! Who is offered what, and when.

use super::Cluster;
use crate::allocator::{Event, RoleSpec, Rules};
use crate::{AgentId, FrameworkId, Request};

const A0: AgentId = AgentId::new(0);
const A1: AgentId = AgentId::new(1);

#[test]
fn all_that_is_free_on_an_agent_is_one_offer() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), [(framework, A0)]);
    let view = cluster.allocator.offer_view(cluster.offers_to(framework)[0]).unwrap();
    assert_eq!((view.quantities.cpu_milli, view.quantities.mem_bytes), (4000, 8 << 30));
    assert_eq!(view.agent.pus_free(), 4);
    assert!(view.agent.fits(&Request::exclusive(4, 8 << 30)) && !view.agent.fits(&Request::exclusive(5, 0)));
    assert_eq!(cluster.cycle(), [], "it is out already");
}

#[test]
fn frameworks_of_one_role_take_turns() {
    let mut cluster = Cluster::new();
    cluster.agents(4, 4, 8);
    let role = cluster.role();
    let [one, two] = [1, 2].map(|id| cluster.framework(id, role));
    let to: Vec<FrameworkId> = cluster.cycle().into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, [one, two, one, two]);
}

#[test]
fn a_weight_counts_from_the_next_cycle_on() {
    let mut cluster = Cluster::new();
    cluster.agents(8, 4, 8);
    let roles = [cluster.role(), cluster.role()];
    let [one, two] = [cluster.framework(1, roles[0]), cluster.framework(2, roles[1])];
    let count = |cycle: &[(FrameworkId, AgentId)], of| cycle.iter().filter(|(to, _)| *to == of).count();
    let cycle = cluster.cycle();
    assert_eq!((count(&cycle, one), count(&cycle, two)), (4, 4));
    cluster.decline_all(0);
    cluster.allocator.set_weight(roles[0], 3000).unwrap();
    let cycle = cluster.after(1000);
    assert_eq!((count(&cycle, one), count(&cycle, two)), (6, 2));
}

#[test]
fn a_declined_agent_goes_to_the_next_and_comes_back_when_the_filter_ends() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let [one, two] = [1, 2].map(|id| cluster.framework(id, role));
    assert_eq!(cluster.cycle(), [(one, A0)]);
    cluster.decline_all(5000);
    assert_eq!(cluster.after(10), [(two, A0)]);
    cluster.decline_all(1000);
    assert_eq!(cluster.after(10), [], "both filter it");
    assert_eq!(cluster.after(1200), [(two, A0)]);
    cluster.decline_all(60_000);
    assert_eq!(cluster.after(4000), [(one, A0)]);
}

#[test]
fn what_comes_back_within_the_window_is_offered_together() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.now_ms += 1000;
    cluster.accept(offer, &vec![Request::exclusive(1, 0); 4], 0);
    assert_eq!(cluster.after(1000), []);
    cluster.end_last();
    assert_eq!(cluster.after(0).len(), 1, "the agent was quiet");
    cluster.decline_all(0);
    cluster.end_last();
    assert_eq!(cluster.after(1), [], "within the window");
    assert_eq!(cluster.allocator.next_deadline_ms(), Some(cluster.now_ms + 4));
    assert_eq!(cluster.after(4), [(framework, A0)]);
    assert_eq!(cluster.allocator.offer_view(cluster.offers_to(framework)[0]).unwrap().quantities.cpu_milli, 2000);
}

#[test]
fn what_comes_back_beside_an_offer_is_offered_beside_it() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let [one, two] = [1, 2].map(|id| cluster.framework(id, role));
    cluster.cycle();
    let offer = cluster.offers_to(one)[0];
    cluster.accept(offer, &[Request::exclusive(3, 1 << 30)], 0);
    // The one core that is left goes to the other, who has nothing.
    assert_eq!(cluster.after(1000), [(two, A0)]);
    let left = cluster.offers_to(two)[0];
    cluster.now_ms += 1000;
    cluster.end_last();
    assert_eq!(cluster.cycle(), [(one, A0)], "needier by now: it has nothing");
    let [first, second] = [left, cluster.offers_to(one)[0]].map(|offer| cluster.allocator.offer_view(offer).unwrap());
    assert_eq!((first.quantities.cpu_milli, second.quantities.cpu_milli), (1000, 3000));
    assert!(first.agent.fits(&Request::exclusive(1, 0)) && !first.agent.fits(&Request::exclusive(2, 0)));
    // Both are good for what they show.
    let granted = |outcomes: Vec<crate::Outcome>| outcomes.iter().all(|outcome| outcome.granted().is_some());
    let second = cluster.offers_to(one)[0];
    assert!(granted(cluster.accept(second, &[Request::exclusive(3, 0)], 0)));
    assert!(granted(cluster.accept(left, &[Request::exclusive(1, 7 << 30)], 0)));
}

#[test]
fn who_lets_offers_lapse_waits_twice_as_long_each_time() {
    let mut cluster = Cluster::with_rules(Rules { offer_timeout_ms: Some(10_000), ..Rules::default() });
    cluster.agent(4, 8);
    let role = cluster.role();
    let slow = cluster.framework(1, role);
    let lapse = |cluster: &mut Cluster, wait_ms: u64| {
        let offer = cluster.offers_to(slow)[0];
        assert_eq!(cluster.after(10_000), []);
        assert_eq!(cluster.events(), [Event::Rescinded { framework: slow, offer }]);
        assert_eq!(cluster.after(1_000), [], "it is over, and waits");
        assert_eq!(cluster.after(wait_ms - 1), []);
        assert_eq!(cluster.after(1), [(slow, A0)]);
    };
    assert_eq!(cluster.cycle(), [(slow, A0)]);
    lapse(&mut cluster, 2_000);
    lapse(&mut cluster, 4_000);
    cluster.decline_all(0);
    assert_eq!(cluster.after(10), [(slow, A0)]);
    lapse(&mut cluster, 2_000);
}

#[test]
fn a_role_of_exclusive_cores_is_not_offered_a_pool_alone() {
    let mut cluster = Cluster::new();
    cluster.agent(1, 8);
    let shared = cluster.role();
    let exclusive =
        cluster.allocator.add_role(RoleSpec { cpu: crate::CpuKind::Exclusive, ..RoleSpec::default() }).unwrap();
    let [one, two] = [cluster.framework(1, shared), cluster.framework(2, exclusive)];
    assert_eq!(cluster.cycle(), [(one, A0)]);
    let offer = cluster.offers_to(one)[0];
    cluster.accept(offer, &[Request::shared(300, 0)], 60_000);
    assert_eq!(cluster.after(1000), [], "0.7 of a pool are left, which only the first might take");
    assert_eq!(cluster.agents_of(two), []);
    cluster.allocator.revive(one, shared).unwrap();
    assert_eq!(cluster.after(1000), [(one, A0)]);
    let _ = A1;
}

#[test]
fn a_pool_that_an_ended_offer_held_together_is_told() {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(2, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::shared(300, 0), Request::exclusive(1, 0)], 0);
    assert_eq!(cluster.after(1000), [(framework, agent)], "what is left in the pool");
    // A core comes back: the offer keeps what it shows as a claim of its own, on which the pool's core stays.
    cluster.end_last();
    cluster.after(1000);
    assert_eq!(cluster.allocator.offers_of(framework), 2);
    assert_eq!(cluster.allocator.offer_claims().count(), 1);
    cluster.end_last();
    cluster.after(1000);
    assert_eq!(cluster.events(), []);
    cluster.decline_all(60_000);
    assert_eq!(cluster.events(), [Event::PoolsChanged { agent }]);
    assert!(cluster.allocator.table().pool_orders(agent).iter().all(|order| order.pus.is_empty()));
}
