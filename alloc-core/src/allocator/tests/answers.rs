//! Accept and decline.

use super::{Cluster, GIB};
use crate::allocator::InvalidOffers;
use crate::{FrameworkId, OfferId, Outcome, Request};

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
    assert_eq!(cluster.after(1_000), [(framework, crate::AgentId::new(0))], "one core was refused, there are four");
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

#[test]
fn devices_ports_and_disk_are_offered_launched_and_filtered_like_cores() {
    use crate::tests::machines::{GPU, PORTS};
    use crate::{DeviceAmount, DeviceLocality, Pick, Resource, Span};
    let mut cluster = Cluster::new();
    cluster.agent_with_extras();
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    let shown = cluster.allocator.offer_view(offer).unwrap().placement();
    assert_eq!(
        (shown.extras.devices.len(), shown.extras.disk_bytes, shown.extras.ranges[0].spans.len()),
        (5, 100 * 4096, 2)
    );
    let port = Span { first: 31_007, last: 31_007 };
    let request = Request::exclusive(2, 0)
        .with_devices(GPU, DeviceAmount::Whole(2), DeviceLocality::Required)
        .with_range(PORTS, Pick::Exact(vec![port]));
    let outcomes = cluster.accept(offer, &[request.clone(), request], 60_000);
    assert!(matches!(outcomes[..], [Outcome::Granted(_), Outcome::Refused(_)]), "there is one such port: {outcomes:?}");
    assert_eq!(cluster.allocator.table().role_used_of(role, Resource::Devices(GPU)), Some(2_000));
    assert_eq!(cluster.after(1_000), [], "what is left is filtered");
    cluster.end_last();
    assert_eq!(cluster.after(1_000).len(), 1, "with the port there is more than was refused");
}
