//! Validate: recomputes what the allocator knows from slow truth.

use std::collections::BTreeSet;

use crate::allocator::Allocator;
use crate::allocator::agents::NO_OFFER;
use crate::allocator::claims::CountedFor;
use crate::allocator::demand::Pledge;
use crate::allocator::offers::Held;
use crate::allocator::reservations::RESERVER;
use crate::amounts::Amounts;
use crate::claim::Holder;
use crate::ids::{AgentId, RoleId};
use crate::shard::AgentState;

impl Allocator {
    /// Checks the table, and that shares, offers and claims add up. For the quiet state only.
    ///
    /// # Errors
    /// The first contradiction, for people.
    pub fn validate(&self) -> Result<(), String> {
        self.table().validate().map_err(|error| error.to_string())?;
        self.validate_offers()?;
        self.validate_reservations()?;
        self.validate_shares()
    }

    fn validate_offers(&self) -> Result<(), String> {
        for at in self.agents.known() {
            let (agent, entry) = (AgentId::new(at), self.agents.entry(at));
            let offered = self.table().state(agent) == Some(AgentState::Offered);
            if offered != (entry.whole != NO_OFFER) {
                return Err(format!("agent {agent} is offered: {offered}, and its offer is {}", entry.whole));
            }
            if offered && self.agents.available().has(at) {
                return Err(format!("agent {agent} is offered and available"));
            }
            let partial = self.offers.iter().filter(|offer| offer.agent == at && matches!(offer.held, Held::Part(_)));
            if partial.count() != entry.partial as usize {
                return Err(format!("agent {agent} has {} offers of parts by its own count", entry.partial));
            }
        }
        Ok(())
    }

    fn validate_shares(&self) -> Result<(), String> {
        for (at, sub) in self.subscriptions.iter() {
            let mut sum = Amounts::ZERO;
            let offers = self.offers.iter().filter(|offer| offer.sub == at);
            offers.for_each(|offer| sum.add(&self.content(offer).amounts));
            self.claims.iter().filter(|counted| counted.of == CountedFor::Subscription(at)).for_each(|counted| {
                sum.add(&counted.amounts);
            });
            for (offer, pledge) in self.demand.pledged() {
                let Pledge::Subscription(to, amounts) = pledge else { continue };
                let holder = self.offers.find(*offer).and_then(|at| self.offers.get(at)).map(|offer| offer.sub);
                if *to == at {
                    sum.add(amounts);
                } else if holder == Some(at) {
                    sum.sub(amounts);
                }
            }
            if sum != self.order.used(sub.branch) {
                return Err(format!(
                    "{} in {} has {sum:?}, and the order says {:?}",
                    sub.framework,
                    sub.role,
                    self.order.used(sub.branch)
                ));
            }
        }
        Ok(())
    }

    /// Each claim of a reservation is in one, is the reserver's, and holds what is known of it; and what is launched, out and idle adds up.
    fn validate_reservations(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for (at, reserved) in self.reservations.iter() {
            let id = reserved.id;
            let mut out = 0;
            let offered = self.offers.iter().filter(|offer| offer.held.reservation() == Some(at));
            let offered = offered.inspect(|_| out += 1).filter_map(|offer| offer.held.part());
            for part in reserved.idle.iter().chain(offered) {
                let holder = self.table().holder(part.claim);
                if holder != Some(Holder { owner: RESERVER, role: reserved.role }) {
                    return Err(format!("claim {} of reservation {id} is {holder:?}'s", part.claim));
                }
                if !seen.insert(part.claim) || part.content.amounts != self.amounts_of(part.claim) {
                    return Err(format!("claim {} of reservation {id} is in two, or not what it was", part.claim));
                }
            }
            let mut launched = (0, Amounts::ZERO);
            for home in self.reservations.homes.values().filter(|home| home.at == at) {
                launched.0 += 1;
                launched.1.add(&home.amounts);
            }
            if out != reserved.out || launched != (reserved.launched, reserved.launched_amounts) {
                return Err(format!("reservation {id} has {out} offers and launched {launched:?}: {reserved:?}"));
            }
        }
        self.validate_idle(seen.len())
    }

    fn validate_idle(&self, claims: usize) -> Result<(), String> {
        let reservers =
            self.table().claims().filter(|claim| self.table().holder(*claim).map(|of| of.owner) == Some(RESERVER));
        let reservers = reservers.count();
        if reservers != claims {
            return Err(format!("{reservers} claims are the reserver's, and {claims} are in reservations"));
        }
        for role in (0..self.roles.len()).filter_map(|role| u16::try_from(role).ok()).map(RoleId::new) {
            let mut sum = Amounts::ZERO;
            let below = self.reservations.iter().filter(|(_, one)| self.path(one.role).any(|above| above == role));
            below.for_each(|(_, one)| sum.add(&one.idle_amounts()));
            if sum != self.reservations.idle_of(role) {
                return Err(format!(
                    "role {role} has {sum:?} idle, and {:?} by its own count",
                    self.reservations.idle_of(role)
                ));
            }
        }
        match self.reservations.homes.keys().find(|claim| self.claims.get(**claim).is_none()) {
            Some(claim) => Err(format!("claim {claim} was launched in a reservation and is not counted")),
            None => Ok(()),
        }
    }
}
