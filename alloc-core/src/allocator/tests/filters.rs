//! What was refused is not offered again for a while, and more than that is.

use super::{Cluster, GIB};
use crate::allocator::{Operation, Subscription};
use crate::tests::machines::PORTS;
use crate::{
    AgentId, Attributes, FrameworkId, Owner, Pick, Picked, PlacedExtras, Placement, Released, Request, RoleId, Span,
};

const A0: AgentId = AgentId::new(0);
const A1: AgentId = AgentId::new(1);
const DAY_MS: u64 = 24 * 3_600_000;

/// One framework in one role and one agent of four cores, offered.
fn offered() -> (Cluster, RoleId, FrameworkId) {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), [(framework, A0)]);
    (cluster, role, framework)
}

#[test]
fn as_much_and_less_is_filtered_and_more_is_not() {
    let (mut cluster, role, framework) = offered();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(2, GIB), Request::exclusive(1, GIB)], 0);
    assert_eq!(cluster.after(100), [(framework, A0)]);
    cluster.decline_all(600_000);
    cluster.end(1);
    assert_eq!(cluster.after(100), [(framework, A0)], "two cores are more than one");
    cluster.decline_all(600_000);
    let other = cluster.framework(2, role);
    assert_eq!(cluster.after(100), [(other, A0)]);
    let offer = cluster.offers_to(other)[0];
    cluster.accept(offer, &[Request::exclusive(1, GIB)], 600_000);
    assert_eq!(cluster.after(100), [], "one core is less than two");
    cluster.end_last();
    assert_eq!(cluster.after(100), [(other, A0)], "two are as much: only who refused one is asked");
}

#[test]
fn a_port_that_was_not_refused_is_more() {
    let mut cluster = Cluster::new();
    cluster.agent_with_extras();
    let [one, two] = [cluster.role(), cluster.role()];
    let [holder, other] = [cluster.framework(1, one), cluster.framework(2, two)];
    cluster.cycle();
    let offer = cluster.offers_to(holder)[0];
    let port = |at| Request::cores(1, 4096).with_range(PORTS, Pick::Exact(vec![Span::one(at)]));
    cluster.accept(offer, &[port(40_009)], 600_000);
    assert_eq!(cluster.after(100), [(other, A0)]);
    cluster.decline_all(600_000);
    assert_eq!(cluster.after(100), []);
    // The task goes on without its port.
    let (claim, owner) = cluster.launched[0];
    let ranges = vec![Picked { name: PORTS, spans: vec![Span::one(40_009)] }];
    let piece = Placement { extras: PlacedExtras { ranges, ..PlacedExtras::default() }, ..Placement::default() };
    let split = cluster.allocator.table().split_exact(claim, owner, &piece).granted().unwrap();
    assert!(matches!(cluster.allocator.table().release(split.claim, owner), Released::Released { .. }));
    cluster.allocator.changed(A0);
    let to: Vec<_> = cluster.after(100).into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, [other], "no more CPU, no more memory, one more port");
}

#[test]
fn hundreds_of_filters_end_each_in_its_time() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let count = 300;
    let mut ends = std::collections::BTreeMap::new();
    for id in 0..count {
        cluster.framework(id, role);
    }
    let end_ms = cluster.now_ms + 20_000;
    for at in 0..u64::from(count) {
        let [(to, _)] = cluster.after(6)[..] else { panic!("offered to the next") };
        let until_ms = end_ms + at * 7_919 % u64::from(count) * 20;
        let (offer, asked_ms) = (cluster.offers_to(to)[0], until_ms - cluster.now_ms);
        cluster.decline(offer, asked_ms);
        ends.insert(to, (until_ms, asked_ms));
    }
    assert_eq!(cluster.after(6), [], "all filter it");
    let mut is_quiet = true;
    while !ends.is_empty() {
        cluster.now_ms = if is_quiet { cluster.allocator.next_deadline_ms().unwrap() } else { cluster.now_ms + 6 };
        let made = cluster.cycle();
        is_quiet = made.is_empty();
        let Some(&(to, _)) = made.first() else { continue };
        let (until_ms, asked_ms) = ends.remove(&to).expect("once each");
        assert!(until_ms <= cluster.now_ms, "{to} was asked {} ms early", until_ms - cluster.now_ms);
        // Ticks are a 32nd of what was asked; all whose filter ended in one tick are asked one after the other.
        let most_ms = until_ms + asked_ms / 32 + 100 + 6 * u64::from(count) / 4;
        assert!(cluster.now_ms <= most_ms, "{to} was asked {} ms late", cluster.now_ms - until_ms);
        cluster.decline_all(DAY_MS);
    }
}

#[test]
fn reviving_drops_the_filters_of_that_role_only() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let [one, two] = [cluster.role(), cluster.role()];
    let framework = cluster.framework(1, one);
    cluster.subscribe(1, two, Subscription::default());
    for _ in 0..2 {
        assert_eq!(cluster.after(100).len(), 2);
        cluster.decline_all(600_000);
    }
    assert_eq!(cluster.after(100), []);
    cluster.allocator.revive(framework, two).unwrap();
    assert_eq!(cluster.after(100).len(), 2);
    assert!(cluster.out.values().all(|(_, role, _)| *role == two));
}

#[test]
fn other_attributes_drop_the_filters_of_that_agent_only() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    cluster.decline_all(600_000);
    cluster.allocator.set_attributes(A1, Attributes::default()).unwrap();
    assert_eq!(cluster.after(100), [(framework, A1)]);
}

#[test]
fn an_agent_that_goes_takes_its_filters_with_it() {
    let (mut cluster, _, framework) = offered();
    cluster.decline_all(600_000);
    cluster.allocator.remove_agent(A0).unwrap();
    assert_eq!(cluster.after(100), []);
    cluster.allocator.return_agent(A0, Cluster::shape(2, 4), Attributes::default()).unwrap();
    assert_eq!(cluster.after(100), [(framework, A0)], "though it is smaller than what was refused");
}

#[test]
fn an_agent_that_is_away_for_a_while_keeps_its_filters() {
    let (mut cluster, _, framework) = offered();
    cluster.decline_all(60_000);
    for state in [crate::AgentState::Inactive, crate::AgentState::Active] {
        cluster.allocator.set_agent_state(A0, state).unwrap();
        assert_eq!(cluster.after(1_000), []);
    }
    assert_eq!(cluster.after(61_000), [(framework, A0)]);
}

#[test]
fn an_answer_that_names_no_time_filters_for_five_seconds() {
    let (mut cluster, _, framework) = offered();
    let offer = cluster.offers_to(framework)[0];
    let at_ms = cluster.now_ms;
    assert_eq!(cluster.allocator.decline(framework, &[offer], None, cluster.now_ms), 0);
    cluster.now_ms = at_ms + 4_999;
    assert_eq!(cluster.cycle(), []);
    cluster.now_ms = at_ms + 5_000 + 5_000 / 32 + 100;
    assert_eq!(cluster.cycle(), [(framework, A0)]);
    let offer = cluster.offers_to(framework)[0];
    cluster.allocator.accept(framework, &[offer], &[], None, cluster.now_ms).unwrap();
    assert_eq!(cluster.after(4_999), [], "an accept of nothing as well");
    assert_eq!(cluster.after(300), [(framework, A0)]);
}

#[test]
fn no_time_is_no_filter() {
    // Mesos too; but in Mesos a filter of any time is at least an allocation interval, and here there is none.
    let (mut cluster, _, framework) = offered();
    cluster.decline_all(0);
    assert_eq!(cluster.after(0), [(framework, A0)]);
    cluster.decline_all(1);
    assert_eq!(cluster.after(0), []);
    assert_eq!(cluster.after(100), [(framework, A0)]);
}

#[test]
fn no_filter_is_longer_than_a_year() {
    let (mut cluster, _, framework) = offered();
    cluster.decline_all(u64::MAX);
    assert_eq!(cluster.after(365 * DAY_MS - 1), []);
    assert_eq!(cluster.after(365 * DAY_MS / 32 + 1_000), [(framework, A0)]);
}

#[test]
fn a_filter_is_never_shorter_than_asked_and_little_longer() {
    for asked_ms in [1, 99, 100, 101, 1_234, 5_000, 59_999, 3_600_001, DAY_MS + 17] {
        let (mut cluster, _, framework) = offered();
        cluster.now_ms += 37;
        cluster.decline_all(asked_ms);
        assert_eq!(cluster.after(asked_ms - 1), [], "{asked_ms}");
        assert_eq!(cluster.after(1 + 100 + asked_ms / 32), [(framework, A0)], "{asked_ms}");
    }
}

#[test]
fn the_rest_of_an_accepted_offer_is_filtered() {
    let (mut cluster, _, framework) = offered();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(1, GIB)], 600_000);
    assert_eq!(cluster.after(1_000), []);
    cluster.end_last();
    assert_eq!(cluster.after(1_000), [(framework, A0)], "with what was launched it is more than the rest");
}

#[test]
fn what_could_not_be_launched_is_filtered_with_the_rest() {
    let (mut cluster, _, framework) = offered();
    let offer = cluster.offers_to(framework)[0];
    let launch = Operation::Launch { owner: Owner::new(5), request: Request::exclusive(5, GIB) };
    let accepted = cluster.allocator.accept(framework, &[offer], &[launch], Some(10_000), cluster.now_ms).unwrap();
    assert!(accepted.outcomes[0].granted().is_none());
    assert_eq!(cluster.after(9_999), []);
    assert_eq!(cluster.after(1_000), [(framework, A0)]);
}

#[test]
fn who_disconnects_comes_back_without_filters() {
    let (mut cluster, _, framework) = offered();
    cluster.decline_all(600_000);
    cluster.allocator.deactivate(framework).unwrap();
    assert_eq!(cluster.after(100), []);
    cluster.allocator.activate(framework).unwrap();
    assert_eq!(cluster.after(100), [(framework, A0)]);
}

#[test]
fn of_two_refusals_of_one_agent_the_longer_counts() {
    let (mut cluster, _, framework) = offered();
    cluster.decline_all(1_000);
    assert_eq!(cluster.after(1_100), [(framework, A0)]);
    cluster.decline_all(10_000);
    assert_eq!(cluster.after(5_000), []);
    cluster.allocator.set_attributes(A0, Attributes::default()).unwrap();
    assert_eq!(cluster.after(0), [(framework, A0)]);
    cluster.decline_all(1_000);
    assert_eq!(cluster.after(1_100), [(framework, A0)], "that of old is gone, and ends nothing");
}
