//! Frameworks that want some agents only, by their attributes.

use super::Cluster;
use crate::allocator::Subscription;
use crate::{AgentId, AttributeValue, Attributes, Condition, Constraint, FrameworkId, NameId, RoleId, Selection, Test};

const A0: AgentId = AgentId::new(0);
const A1: AgentId = AgentId::new(1);
const RACK: NameId = NameId::new(1);
const DISK: NameId = NameId::new(2);

fn rack(name: &str) -> Attributes {
    Attributes::new([(RACK, AttributeValue::text(name))]).unwrap()
}

fn in_rack(cluster: &Cluster, name: &str) -> Selection {
    cluster.allocator.table().select([Constraint::new(RACK, Test::text_is(name))]).unwrap()
}

fn picky(cluster: &mut Cluster, id: u32, role: RoleId, agents: Selection) -> FrameworkId {
    cluster.subscribe(id, role, Subscription { agents: Some(agents), ..Subscription::default() })
}

#[test]
fn a_framework_is_offered_the_agents_it_selects_and_others_the_rest() {
    let mut cluster = Cluster::new();
    for name in ["a", "b", "a", "b"] {
        cluster.agent_with(4, 8, rack(name));
    }
    let role = cluster.role();
    let only = in_rack(&cluster, "a");
    let picky = picky(&mut cluster, 1, role, only);
    assert_eq!(cluster.cycle().len(), 2);
    assert_eq!(cluster.agents_of(picky), [0, 2].map(AgentId::new));
    let other = cluster.framework(2, role);
    cluster.after(100);
    assert_eq!(cluster.agents_of(other), [1, 3].map(AgentId::new));
}

#[test]
fn agents_that_come_or_come_back_are_looked_at() {
    let mut cluster = Cluster::new();
    cluster.agent_with(4, 8, rack("b"));
    let role = cluster.role();
    let only = in_rack(&cluster, "a");
    let picky = picky(&mut cluster, 1, role, only);
    assert_eq!(cluster.cycle(), []);
    let late = cluster.agent_with(4, 8, rack("a"));
    assert_eq!(cluster.after(100), [(picky, late)]);
    cluster.allocator.remove_agent(A0).unwrap();
    cluster.allocator.return_agent(A0, Cluster::shape(4, 8), rack("a")).unwrap();
    assert_eq!(cluster.after(100), [(picky, A0)], "in another rack than before");
}

#[test]
fn other_attributes_open_and_close_an_agent_to_who_selects() {
    let mut cluster = Cluster::new();
    cluster.agent_with(4, 8, rack("b"));
    let role = cluster.role();
    let only = in_rack(&cluster, "a");
    let picky = picky(&mut cluster, 1, role, only);
    assert_eq!(cluster.cycle(), []);
    cluster.allocator.set_attributes(A0, rack("a")).unwrap();
    assert_eq!(cluster.after(100), [(picky, A0)]);
    cluster.allocator.set_attributes(A0, rack("b")).unwrap();
    assert_eq!(cluster.agents_of(picky), [A0], "what is out stays out");
    cluster.decline_all(0);
    assert_eq!(cluster.after(100), []);
}

#[test]
fn another_selection_counts_from_the_next_cycle_on() {
    let mut cluster = Cluster::new();
    for name in ["a", "b"] {
        cluster.agent_with(4, 8, rack(name));
    }
    let role = cluster.role();
    let only = in_rack(&cluster, "a");
    let picky = picky(&mut cluster, 1, role, only);
    assert_eq!(cluster.cycle(), [(picky, A0)]);
    cluster.decline_all(600_000);
    let other = in_rack(&cluster, "b");
    cluster.allocator.set_selection(picky, role, Some(other)).unwrap();
    assert_eq!(cluster.after(100), [(picky, A1)]);
    cluster.decline_all(0);
    cluster.allocator.set_selection(picky, role, None).unwrap();
    assert_eq!(cluster.after(100), [(picky, A1)], "all, but the first is filtered still");
}

#[test]
fn groups_of_conditions_are_alternatives() {
    // As in Mesos: an OR of groups, each an AND. Unlike there, a test of text is false for a value that is none.
    let mut cluster = Cluster::new();
    let scalar = |name, milli| Attributes::new([(name, AttributeValue::ScalarMilli(milli))]).unwrap();
    cluster.agent_with(4, 8, rack("a"));
    cluster.agent_with(4, 8, scalar(RACK, 1_000));
    cluster.agent_with(4, 8, scalar(DISK, 9_000));
    let role = cluster.role();
    let condition = |name, test| Condition { name, test };
    let groups = vec![
        vec![condition(RACK, Test::text_is("a")), condition(DISK, Test::Absent)],
        vec![condition(DISK, Test::ScalarAtLeast(5_000))],
    ];
    let either = cluster.allocator.table().select([Constraint::AnyOf(groups)]).unwrap();
    let picky = picky(&mut cluster, 1, role, either);
    cluster.cycle();
    assert_eq!(cluster.agents_of(picky), [0, 2].map(AgentId::new));
}

#[test]
fn a_framework_selects_differently_in_each_role() {
    let mut cluster = Cluster::new();
    for name in ["a", "b"] {
        cluster.agent_with(4, 8, rack(name));
    }
    let [one, two] = [cluster.role(), cluster.role()];
    for (role, name) in [(one, "b"), (two, "a")] {
        let only = in_rack(&cluster, name);
        picky(&mut cluster, 1, role, only);
    }
    cluster.cycle();
    let mut out: Vec<_> = cluster.out.values().map(|(_, role, agent)| (*role, *agent)).collect();
    out.sort_unstable();
    assert_eq!(out, [(one, A1), (two, A0)]);
}
