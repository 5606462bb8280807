//! Validate: recomputes what the allocator knows from slow truth.

use crate::allocator::Allocator;
use crate::allocator::agents::NO_OFFER;
use crate::allocator::amounts::Amounts;
use crate::allocator::claims::CountedFor;
use crate::allocator::demand::Pledge;
use crate::allocator::offers::Held;
use crate::ids::AgentId;
use crate::shard::AgentState;

impl Allocator {
    /// Checks the table, and that shares, offers and claims add up. For the quiet state only.
    ///
    /// # Errors
    /// The first contradiction, for people.
    pub fn validate(&self) -> Result<(), String> {
        self.table().validate().map_err(|error| error.to_string())?;
        self.validate_offers()?;
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
            if sum != self.order.used(sub.node) {
                return Err(format!(
                    "{} in {} has {sum:?}, and the order says {:?}",
                    sub.framework,
                    sub.role,
                    self.order.used(sub.node)
                ));
            }
        }
        Ok(())
    }
}
