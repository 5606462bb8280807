//! Accept and decline.

use super::{Cluster, GIB};
use crate::allocator::InvalidOffers;
use crate::tests::machines::{GPU, PORTS};
use crate::{
    AgentId, DeviceAmount, DeviceLocality, FrameworkId, Level, Locality, MemoryLocality, OfferId, Outcome, PAGE_BYTES,
    Pick, Reason, Request, Span,
};

#[test]
fn launches_are_tried_in_order_against_what_is_left() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    let outcomes = cluster.accept(
        offer,
        &[Request::exclusive(3, GIB), Request::exclusive(2, GIB), Request::exclusive(1, 7 * GIB)],
        60_000,
    );
    assert!(matches!(outcomes[..], [Outcome::Granted(_), Outcome::Refused(_), Outcome::Granted(_)]), "{outcomes:?}");
    assert_eq!(cluster.allocator.table().role_used(role).unwrap().cpu_milli, 4000);
    assert_eq!(cluster.after(1000), [], "nothing is left");
}

#[test]
fn an_offer_that_is_not_valid_ends_those_that_are() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let [one, two] = cluster.offers_to(framework)[..] else { panic!("two offers") };
    let never = OfferId::new(77);
    for (offers, why) in [
        (vec![], InvalidOffers::None),
        (vec![one, one], InvalidOffers::Twice(one)),
        (vec![two, never], InvalidOffers::Gone(never)),
    ] {
        let answer = cluster.allocator.accept(framework, &offers, &[], None, cluster.now_ms);
        assert_eq!(answer.unwrap_err(), why);
    }
    assert_eq!(cluster.allocator.offers_out(), 0);
    cluster.after(1000);
    let [one, two] = cluster.offers_to(framework)[..] else { panic!("both are offered again, without a filter") };
    assert_eq!(cluster.accept_all(&[one, two], &[], 0).unwrap_err(), InvalidOffers::Apart(two));
}

#[test]
fn nobody_answers_for_another() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    let other = FrameworkId::new(2);
    assert_eq!(cluster.allocator.decline(other, &[offer], None, cluster.now_ms), 1);
    let stolen = cluster.allocator.accept(other, &[offer], &[], None, cluster.now_ms);
    assert_eq!(stolen.unwrap_err(), InvalidOffers::Gone(offer));
    assert!(cluster.allocator.offer_view(offer).is_some());
}

#[test]
fn offers_of_one_agent_are_accepted_together() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(3, GIB)], 0);
    cluster.after(1000);
    cluster.now_ms += 1000;
    cluster.end_last();
    cluster.cycle();
    let both = cluster.offers_to(framework);
    assert_eq!(both.len(), 2);
    let accepted = cluster.accept_all(&both, &[Request::exclusive(4, 8 * GIB)], 0).unwrap();
    assert!(accepted.outcomes[0].granted().is_some(), "{accepted:?}");
}

#[test]
fn what_is_left_of_offers_accepted_together_is_declined_together() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    two_offers(&mut cluster, framework);
    let both = cluster.offers_to(framework);
    cluster.accept_all(&both, &[], 60_000).unwrap();
    assert_eq!(cluster.after(1_000), [], "all four cores were refused");
}

#[test]
fn what_was_not_offered_is_not_filtered_by_what_was() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(3, 7 * GIB)], 0);
    cluster.after(1_000);
    // Three cores come back while one is offered; the one is declined through an accept of nothing.
    let offer = cluster.offers_to(framework)[0];
    cluster.end_last();
    cluster.accept(offer, &[], 60_000);
    assert_eq!(cluster.after(1_000), [(framework, AgentId::new(0))], "one core was refused, there are four");
}

/// Makes a framework hold two offers of the first agent, of one core and of three.
fn two_offers(cluster: &mut Cluster, framework: FrameworkId) {
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(3, GIB)], 0);
    cluster.after(1_000);
    cluster.now_ms += 1_000;
    cluster.end_last();
    cluster.cycle();
    assert_eq!(cluster.offers_to(framework).len(), 2);
}

fn extras() -> (Cluster, FrameworkId, OfferId) {
    let mut cluster = Cluster::new();
    cluster.agent_with_extras();
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle().len(), 1);
    let offer = cluster.offers_to(framework)[0];
    (cluster, framework, offer)
}

fn granted(outcomes: &[Outcome]) -> Vec<bool> {
    outcomes.iter().map(|outcome| outcome.granted().is_some()).collect()
}

#[test]
fn shared_launches_go_into_one_pool_and_say_that_it_changed() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    let accepted = cluster.accept_all(&[offer], &[Request::shared(600, 0), Request::shared(400, 0)], 0).unwrap();
    assert!(accepted.pools_changed);
    assert_eq!(granted(&accepted.outcomes), [true, true]);
    cluster.after(100);
    let offer = cluster.offers_to(framework)[0];
    let view = cluster.allocator.offer_view(offer).unwrap();
    assert_eq!((view.quantities.cpu_milli, view.agent.pus_free()), (3_000, 3), "one core is the pool's, and full");
    let accepted = cluster.accept_all(&[offer], &[Request::exclusive(3, 0), Request::shared(1, 0)], 0).unwrap();
    assert_eq!(granted(&accepted.outcomes), [true, false]);
    assert!(!accepted.pools_changed);
}

#[test]
fn the_room_in_a_pool_is_offered_and_launched_into() {
    let mut cluster = Cluster::new();
    cluster.agent(1, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let mut left_milli = 1_000;
    while left_milli > 0 {
        let offer = cluster.offers_to(framework)[0];
        assert_eq!(cluster.allocator.offer_view(offer).unwrap().quantities.cpu_milli, left_milli);
        assert_eq!(granted(&cluster.accept(offer, &[Request::shared(250, GIB)], 0)), [true]);
        left_milli -= 250;
        cluster.after(100);
    }
    assert_eq!(cluster.allocator.offers_out(), 0);
}

#[test]
fn memory_is_launched_where_it_is_required_to_be() {
    let (mut cluster, _, offer) = extras();
    let strict = |pages| {
        let request = Request::cores(1, pages * PAGE_BYTES).with_locality(Locality::Required(Level::NumaNode));
        request.with_memory(MemoryLocality::Required)
    };
    // Two NUMA nodes of 16 pages: two claims of 9 fit one on each, a third nowhere, and 7 beside one of them.
    let outcomes = cluster.accept(offer, &[strict(9), strict(9), strict(9), strict(7)], 0);
    assert_eq!(granted(&outcomes), [true, true, false, true]);
    let nodes = cluster.launched.iter().map(|(claim, _)| {
        let placement = cluster.allocator.table().placement(*claim).unwrap();
        placement.memory.iter().map(|memory| memory.numa_node.get()).collect::<Vec<_>>()
    });
    let nodes: Vec<_> = nodes.collect();
    assert!(nodes.iter().all(|nodes| nodes.len() == 1) && nodes[0] != nodes[1], "{nodes:?}");
}

#[test]
fn a_port_is_launched_once() {
    let (mut cluster, framework, offer) = extras();
    let port = |at| Request::cores(1, 0).with_range(PORTS, Pick::Exact(vec![Span::one(at)]));
    let outcomes = cluster.accept(offer, &[port(31_000), port(31_000), port(31_001), port(30_999)], 0);
    assert_eq!(granted(&outcomes), [true, false, true, false]);
    cluster.after(100);
    let left = cluster.offers_to(framework)[0];
    let placement = cluster.allocator.offer_view(left).unwrap().placement();
    assert_eq!(placement.extras.ranges[0].spans[0].first, 31_002, "the offer says which are left");
    assert_eq!(granted(&cluster.accept(left, &[port(31_001), port(31_002)], 0)), [false, true]);
}

#[test]
fn devices_are_launched_while_there_are_some() {
    let (mut cluster, framework, offer) = extras();
    let gpus = |count| Request::cores(1, 0).with_devices(GPU, DeviceAmount::Whole(count), DeviceLocality::Any);
    assert_eq!(granted(&cluster.accept(offer, &[gpus(3), gpus(2), gpus(1)], 0)), [true, false, true]);
    cluster.after(100);
    let left = cluster.offers_to(framework)[0];
    assert_eq!(granted(&cluster.accept(left, &[gpus(1), Request::cores(1, 0)], 0)), [false, true]);
}

#[test]
fn what_is_larger_than_the_machine_leaves_the_offer_to_the_others() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    let outcomes = cluster.accept(offer, &[Request::exclusive(64, GIB), Request::exclusive(4, 8 * GIB)], 0);
    assert!(matches!(outcomes[0], Outcome::Refused(refusal) if refusal.reason.is_permanent()), "{outcomes:?}");
    assert!(outcomes[1].granted().is_some());
}

#[test]
fn offers_are_accepted_together_within_the_grace() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    two_offers(&mut cluster, framework);
    let both = cluster.offers_to(framework);
    assert!(both.iter().all(|offer| cluster.allocator.rescind(*offer)));
    assert!(!cluster.allocator.rescind(both[0]), "once");
    cluster.after(999);
    let accepted = cluster.accept_all(&both, &[Request::exclusive(4, 8 * GIB)], 0).unwrap();
    assert_eq!(granted(&accepted.outcomes), [true]);
    assert_eq!(cluster.after(10), []);
    cluster.end_last();
    assert_eq!(cluster.after(10), [(framework, AgentId::new(0))], "who answered does not wait for the next");
}

#[test]
fn of_two_offers_of_one_agent_each_is_good_for_itself() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    two_offers(&mut cluster, framework);
    let [one, three] = cluster.offers_to(framework)[..] else { panic!("two offers") };
    let size = |offer| cluster.allocator.offer_view(offer).unwrap().quantities.cpu_milli;
    let (one, three) = if size(one) == 1_000 { (one, three) } else { (three, one) };
    let outcomes = cluster.accept(one, &[Request::exclusive(2, 0)], 0);
    assert!(!matches!(outcomes[0], Outcome::Granted(_)), "{outcomes:?}");
    assert!(!matches!(outcomes[0], Outcome::Refused(crate::Refusal { reason: Reason::Gone, .. })));
    assert!(cluster.accept(three, &[Request::exclusive(3, 0)], 0)[0].granted().is_some());
}
