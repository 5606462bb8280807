//! Reservations.

mod accepting;
mod random;
mod stack;

use super::{Cluster, GIB};
use crate::allocator::{Accepted, Event, InvalidOffers, NoReservation, Operation, ReservationId, ReservationKind};
use crate::shard::AgentState;
use crate::{
    AgentId, Attributes, FrameworkId, OfferId, Outcome, Owner, Quantities, Reason, Released, Request, Resource, RoleId,
};

const A0: AgentId = AgentId::new(0);

/// CPUs and GiB.
pub(super) fn amounts(cpus: u64, gib: u64) -> Vec<(Resource, u64)> {
    let both = [(Resource::CpuMilli, cpus * 1000), (Resource::MemBytes, gib * GIB)];
    both.into_iter().filter(|(_, amount)| *amount > 0).collect()
}

impl Cluster {
    pub(super) fn reserve(&mut self, agent: AgentId, role: RoleId, cpus: u64, gib: u64) -> ReservationId {
        let (kind, amounts) = (ReservationKind::Dynamic, amounts(cpus, gib));
        let id = self.allocator.reserve(agent, role, &amounts, kind, 7).unwrap();
        self.check();
        id
    }

    /// What is offered to a framework: CPUs, and of which reservation.
    pub(super) fn offered(&self, framework: FrameworkId) -> Vec<(u64, Option<ReservationId>)> {
        let views = self.offers_to(framework).into_iter().map(|offer| self.allocator.offer_view(offer).unwrap());
        let mut offered: Vec<_> = views.map(|view| (view.quantities.cpu_milli / 1000, view.reservation)).collect();
        offered.sort_unstable();
        offered
    }

    /// The offer of a reservation that is out.
    pub(super) fn offer_of(&self, reservation: ReservationId) -> OfferId {
        let is_of = |offer: &&OfferId| {
            self.allocator.offer_view(**offer).is_some_and(|view| view.reservation == Some(reservation))
        };
        *self.out.keys().find(is_of).expect("it is offered")
    }

    pub(super) fn accept_with(
        &mut self,
        offers: &[OfferId],
        operations: &[Operation],
        refuse_ms: u64,
    ) -> Result<Accepted, InvalidOffers> {
        let framework = self.out[&offers[0]].0;
        let accepted = self.allocator.accept(framework, offers, operations, Some(refuse_ms), self.now_ms)?;
        let launches = operations.iter().filter_map(|of| match of {
            Operation::Launch { owner, .. } => Some(*owner),
            _ => None,
        });
        for (owner, outcome) in launches.zip(&accepted.outcomes) {
            self.launched.extend(outcome.granted().map(|grant| (grant.claim, owner)));
        }
        self.forget_ended();
        self.check();
        Ok(accepted)
    }

    pub(super) fn cpus_of(&self, reservation: ReservationId) -> u64 {
        let view = self.allocator.reservation(reservation);
        let amounts = view.map_or(Vec::new(), |view| view.amounts);
        amounts.into_iter().find(|(of, _)| *of == Resource::CpuMilli).map_or(0, |(_, milli)| milli / 1000)
    }
}

pub(super) fn launch(cpus: u32, gib: u64) -> Operation {
    Operation::Launch { owner: Owner::new(500), request: Request::exclusive(cpus, gib * GIB) }
}

pub(super) fn reserve(role: RoleId, cpus: u64, gib: u64) -> Operation {
    Operation::Reserve { role, of: None, amounts: amounts(cpus, gib), tag: 9 }
}

fn is_granted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Granted(_))
}

#[test]
fn only_the_role_and_those_below_are_offered_what_is_reserved() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let [role, other] = [cluster.role(), cluster.role()];
    let below = cluster.role_below(role);
    let id = cluster.reserve(A0, role, 4, 8);
    let stranger = cluster.framework(1, other);
    assert_eq!(cluster.cycle(), [], "nothing is left for others");
    let child = cluster.framework(2, below);
    assert_eq!(cluster.after(1_000), [(child, A0)]);
    assert_eq!((cluster.offered(child), cluster.offered(stranger)), (vec![(4, Some(id))], vec![]));
    let view = cluster.allocator.reservation(id).unwrap();
    assert_eq!((view.stack, view.tag, view.offers, view.launched), (vec![role], 7, 1, 0));
    assert_eq!(view.amounts, amounts(4, 8));
}

#[test]
fn what_is_not_reserved_stays_for_others() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let [role, other] = [cluster.role(), cluster.role()];
    let id = cluster.reserve(A0, role, 3, 2);
    let stranger = cluster.framework(1, other);
    cluster.cycle();
    assert_eq!(cluster.offered(stranger), [(1, None)]);
    let own = cluster.framework(2, role);
    cluster.after(1_000);
    assert_eq!(cluster.offered(own), [(3, Some(id))]);
}

#[test]
fn what_ran_in_a_reservation_comes_back_to_it() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let [role, other] = [cluster.role(), cluster.role()];
    let id = cluster.reserve(A0, role, 3, 6);
    let (framework, stranger) = (cluster.framework(1, role), cluster.framework(2, other));
    cluster.cycle();
    let offer = cluster.offer_of(id);
    cluster.accept_with(&[offer], &[launch(2, 4)], 0).unwrap();
    assert_eq!((cluster.cpus_of(id), cluster.allocator.reservation(id).unwrap().launched), (3, 1));
    let (claim, owner) = cluster.launched[0];
    let released = cluster.allocator.release(claim, owner);
    assert!(matches!(released, Released::Released { refunded: Quantities { cpu_milli: 0, .. }, .. }), "{released:?}");
    assert_eq!(cluster.allocator.release(claim, owner), Released::Gone, "once");
    cluster.check();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(3, Some(id))]);
    assert_eq!(cluster.offered(stranger), [(1, None)]);
}

#[test]
fn what_comes_back_while_the_rest_is_offered_is_an_offer_of_its_own() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let id = cluster.reserve(A0, role, 4, 8);
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offer_of(id);
    cluster.accept_with(&[offer], &[launch(3, 4)], 0).unwrap();
    cluster.after(1_000);
    cluster.end_last();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(1, Some(id)), (3, Some(id))]);
    let both = cluster.offers_to(framework);
    let accepted = cluster.accept_with(&both, &[launch(3, 4), launch(1, 4)], 0).unwrap();
    assert!(accepted.outcomes.iter().all(is_granted), "{accepted:?}");
}

#[test]
fn a_limit_counts_what_is_reserved_whether_it_is_used_or_not() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    cluster.allocator.set_limit(role, Resource::CpuMilli, Some(5_000)).unwrap();
    let id = cluster.reserve(A0, role, 3, 2);
    let no = cluster.allocator.reserve(A0, role, &amounts(1, 0), ReservationKind::Dynamic, 0);
    assert!(no.is_ok());
    let no = cluster.allocator.reserve(AgentId::new(1), role, &amounts(2, 0), ReservationKind::Dynamic, 0);
    let Err(NoReservation::Refused(refusal)) = no else { panic!("{no:?}") };
    assert!(matches!(refusal.reason, Reason::RoleLimit(_)), "{refusal}");
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let free: u64 = cluster.offered(framework).iter().filter(|(_, of)| of.is_none()).map(|(cpus, _)| cpus).sum();
    assert_eq!(free, 1, "one of five is left");
    cluster.allocator.unreserve(id).unwrap();
    assert_eq!(cluster.allocator.table().role_used(role).unwrap().cpu_milli, 2_000);
}

#[test]
fn a_filter_of_what_is_free_does_not_hide_what_is_reserved_nor_the_other_way_round() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let id = cluster.reserve(A0, role, 2, 2);
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let reserved = cluster.offer_of(id);
    let free = cluster.offers_to(framework).into_iter().find(|offer| *offer != reserved).unwrap();
    cluster.decline(free, 60_000);
    cluster.decline(reserved, 0);
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(2, Some(id))]);
    let reserved = cluster.offer_of(id);
    cluster.decline(reserved, 600_000);
    assert_eq!(cluster.after(1_000), []);
    cluster.after(60_000);
    assert_eq!(cluster.offered(framework), [(2, None)]);
    cluster.decline_all(0);
    cluster.allocator.revive(framework, role).unwrap();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(2, None), (2, Some(id))]);
}

#[test]
fn an_agent_that_goes_takes_its_reservations_and_one_that_is_away_keeps_them() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let id = cluster.reserve(A0, role, 3, 2);
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offer_of(id);
    cluster.accept_with(&[offer], &[launch(1, 1)], 0).unwrap();
    cluster.after(1_000);
    cluster.allocator.set_agent_state(A0, AgentState::Inactive).unwrap();
    assert!(cluster.events().iter().all(|event| matches!(event, Event::Withdrawn { .. })));
    assert_eq!(cluster.after(1_000), []);
    assert_eq!(cluster.cpus_of(id), 3);
    cluster.allocator.set_agent_state(A0, AgentState::Active).unwrap();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(1, None), (2, Some(id))]);
    let shape = cluster.allocator.table().shape(A0).unwrap().clone();
    cluster.allocator.remove_agent(A0).unwrap();
    cluster.check();
    assert_eq!((cluster.allocator.reservation(id), cluster.allocator.claims_counted()), (None, 0));
    cluster.allocator.return_agent(A0, shape, Attributes::default()).unwrap();
    let again = cluster.reserve(A0, role, 3, 2);
    assert_ne!(again, id);
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(1, None), (3, Some(again))]);
}

#[test]
fn two_frameworks_of_a_role_take_turns_on_its_reservation() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    cluster.reserve(A0, role, 4, 8);
    let both = [cluster.framework(1, role), cluster.framework(2, role)];
    let mut turns = Vec::new();
    for _ in 0..6 {
        let made = cluster.after(1_000);
        assert_eq!(made.len(), 1);
        turns.push(made[0].0);
        cluster.decline_all(0);
    }
    let of = |framework| turns.iter().filter(|turn| **turn == framework).count();
    assert_eq!(both.map(of), [3, 3], "{turns:?}");
}

#[test]
fn an_old_offer_of_a_reservation_is_rescinded_for_its_role_only() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let [role, other] = [cluster.role(), cluster.role()];
    let id = cluster.reserve(A0, role, 4, 8);
    let holder = cluster.framework(1, role);
    cluster.cycle();
    cluster.framework(2, other);
    cluster.after(3_000);
    assert_eq!(cluster.events(), [], "another role has no use for it");
    let waits = cluster.framework(3, role);
    cluster.after(3_000);
    let offer = cluster.offer_of(id);
    assert_eq!(cluster.events(), [Event::Rescinded { framework: holder, offer }]);
    assert_eq!(cluster.after(2_000), [(waits, A0)]);
    assert_eq!(cluster.offered(waits), [(4, Some(id))]);
}

#[test]
fn what_is_reserved_is_what_is_asked_or_nothing() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let mut no = |amounts: &[(Resource, u64)], role| {
        cluster.allocator.reserve(A0, role, amounts, ReservationKind::Dynamic, 0).unwrap_err()
    };
    let short = |resource, asked, available| NoReservation::Short { resource, asked, available };
    assert_eq!(no(&amounts(5, 1), role), short(Resource::CpuMilli, 5_000, 4_000));
    assert_eq!(no(&[(Resource::CpuMilli, 1_500)], role), short(Resource::CpuMilli, 1_500, 1_000));
    assert_eq!(no(&amounts(1, 9), role), short(Resource::MemBytes, 9 * GIB, 8 * GIB));
    assert_eq!(
        no(&[(Resource::MemBytes, 1)], role),
        NoReservation::Uneven { resource: Resource::MemBytes, unit: 4096 }
    );
    assert_eq!((no(&[], role), no(&amounts(0, 0), role)), (NoReservation::Nothing, NoReservation::Nothing));
    assert_eq!(no(&amounts(1, 1), RoleId::new(99)), NoReservation::NoSuchRole(RoleId::new(99)));
    cluster.check();
    assert_eq!(cluster.allocator.table().role_used(role).unwrap().cpu_milli, 0);
}

#[test]
fn an_operator_s_reservation_withdraws_offers_that_are_in_its_way() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let [role, other] = [cluster.role(), cluster.role()];
    let framework = cluster.framework(1, other);
    cluster.cycle();
    let no = cluster.allocator.reserve(A0, role, &amounts(5, 1), ReservationKind::Dynamic, 0);
    assert!(no.is_err() && cluster.events().is_empty(), "it would not do");
    cluster.reserve(A0, role, 3, 1);
    assert!(matches!(cluster.events()[..], [Event::Withdrawn { .. }]));
    cluster.forget_ended();
    cluster.after(1_000);
    assert_eq!(cluster.offered(framework), [(1, None)]);
}

#[test]
fn a_guarantee_is_met_by_what_is_reserved() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let [sure, other] = [cluster.role(), cluster.role()];
    cluster.allocator.set_guarantee(sure, Resource::CpuMilli, 4_000).unwrap();
    cluster.reserve(A0, sure, 4, 8);
    let framework = cluster.framework(1, other);
    cluster.cycle();
    assert_eq!(cluster.offered(framework), [(4, None)], "no headroom is left for what is had already");
}

#[test]
fn nothing_is_taken_back_from_what_is_reserved() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let [rich, poor] = [cluster.role(), cluster.role()];
    let id = cluster.reserve(A0, rich, 4, 8);
    cluster.framework(1, rich);
    cluster.cycle();
    let offer = cluster.offer_of(id);
    cluster.accept_with(&[offer], &[launch(4, 8)], 0).unwrap();
    let (claim, owner) = cluster.launched[0];
    let set = cluster.allocator.set_standing(claim, owner, crate::Standing::default().revocable());
    assert_eq!(set, crate::StandingSet::Set);
    cluster.framework(2, poor);
    for _ in 0..100 {
        cluster.after(1_000);
    }
    assert!(!cluster.events().iter().any(|event| matches!(event, Event::Reclaim { .. })));
}
