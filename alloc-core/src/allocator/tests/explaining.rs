//! Why somebody has no offer.

use super::{Cluster, GIB};
use crate::allocator::{Hindrance, NotServed, Subscription};
use crate::{AgentId, AgentState, FrameworkId, Quantities, Request, Resource, RoleId};

fn why(cluster: &Cluster, framework: FrameworkId, role: RoleId) -> String {
    cluster.allocator.explain_offers(framework, role).unwrap().to_string()
}

#[test]
fn each_agent_is_counted_for_what_stands_between() {
    let mut cluster = Cluster::new();
    cluster.agents(4, 4, 8);
    let role = cluster.role();
    let minimum = Some(vec![Quantities { cpu_milli: 3_000, mem_bytes: 0 }]);
    let framework = cluster.subscribe(1, role, Subscription { minimum, ..Subscription::default() });
    cluster.cycle();
    let [filtered, taken, small, _] = cluster.offers_to(framework)[..] else { panic!("four offers") };
    cluster.accept(taken, &[Request::exclusive(4, 8 * GIB)], 0);
    cluster.accept(small, &[Request::exclusive(2, GIB)], 0);
    cluster.decline(filtered, 60_000);
    cluster.allocator.set_agent_state(AgentId::new(3), AgentState::Inactive).unwrap();
    cluster.after(1_000);
    let no = cluster.allocator.explain_offers(framework, role).unwrap();
    let expected = [Hindrance::Closed, Hindrance::NothingFree, Hindrance::BelowMinimum, Hindrance::Filtered];
    assert_eq!(no.agents.keys().copied().collect::<Vec<_>>(), expected);
    let nearest = no.nearest.unwrap();
    assert_eq!((nearest.agent, nearest.hindrance), (AgentId::new(0), Hindrance::Filtered));
    assert!(nearest.until_ms.is_some_and(|until_ms| until_ms >= cluster.now_ms + 58_000));
    assert_eq!(
        no.to_string(),
        format!(
            "f1 in r0: of 4 agents 1 filtered, 1 below the minimum, 1 with nothing free, 1 closed; nearest: a0, filtered until \
             {} ms",
            nearest.until_ms.unwrap()
        )
    );
    cluster.allocator.revive(framework, role).unwrap();
    assert_eq!(cluster.after(1_000).len(), 1);
    cluster.allocator.suppress(framework, role).unwrap();
    let no = cluster.allocator.explain_offers(framework, role).unwrap();
    assert_eq!((no.not_served, no.offers_out), (Some(NotServed::Suppressed), 1));
}

#[test]
fn a_minimum_that_is_nearly_there_is_the_nearest_miss() {
    let mut cluster = Cluster::new();
    cluster.agent(2, 8);
    cluster.agent(3, 8);
    let role = cluster.role();
    let minimum = Some(vec![Quantities { cpu_milli: 4_000, mem_bytes: 0 }]);
    let framework = cluster.subscribe(1, role, Subscription { minimum, ..Subscription::default() });
    assert_eq!(cluster.cycle(), []);
    assert_eq!(
        why(&cluster, framework, role),
        "f1 in r0: of 2 agents 2 below the minimum; nearest: a1, below the minimum with 750 of 1000 parts of it"
    );
}

#[test]
fn limits_guarantees_and_others_offers_are_told_apart() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let [limited, sure, other] = [0; 3].map(|_| cluster.role());
    cluster.allocator.set_limit(limited, Resource::CpuMilli, Some(0)).unwrap();
    cluster.allocator.set_guarantee(sure, Resource::CpuMilli, 8_000).unwrap();
    let frameworks = [cluster.framework(1, limited), cluster.framework(2, other)];
    assert_eq!(cluster.cycle(), []);
    let hindrance = |cluster: &Cluster, framework, role| {
        let no = cluster.allocator.explain_offers(framework, role).unwrap();
        no.agents.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(hindrance(&cluster, frameworks[0], limited), [(Hindrance::Limited, 2)]);
    assert_eq!(hindrance(&cluster, frameworks[1], other), [(Hindrance::Guaranteed, 2)]);
    let third = cluster.framework(3, sure);
    assert_eq!(cluster.after(1_000).len(), 2);
    assert_eq!(hindrance(&cluster, frameworks[1], other), [(Hindrance::Offered, 2)]);
    assert_eq!(cluster.allocator.explain_role(sure).len(), 1);
    assert_eq!(cluster.allocator.explain_offers(third, other), None);
}
