//! Single: one agent alone is available, and most filter it.
//!
//! Going down the order until somebody does not filter it takes a step for each who does. Here those who do not are told by the
//! agent's own list of filters, and the neediest of them is picked.

use crate::allocator::Allocator;
use crate::allocator::agents::AgentAt;
use crate::allocator::bits::ones;
use crate::allocator::frameworks::SubAt;
use crate::allocator::offers::OfferAt;
use crate::allocator::order::BranchId;

/// So many subscriptions are asked one by one as quickly.
const MANY: u32 = 32;

impl Allocator {
    /// The agent, if it is the only one available and most filter it.
    #[inline]
    pub(crate) fn single(&self) -> Option<AgentAt> {
        if self.agents.count_available() != 1 || self.reservations.any_offerable() {
            return None;
        }
        let agent = self.agents.first_available()?;
        (self.filters.filtered_by(agent) > MANY).then_some(agent)
    }

    /// Offers it to the neediest of those who do not filter it.
    pub(crate) fn offer_single(&mut self, agent: AgentAt) -> Option<OfferAt> {
        let mut asked: Vec<BranchId> = self.not_filtering(agent).collect();
        while let Some(branch) = self.order.pick_among(asked.iter().copied()) {
            let sub = self.subscriptions.of_branch(branch);
            let room = self.room_of(sub);
            let offered = self.would_be_offered(sub, agent).then(|| self.offer_within(sub, agent, &room)).flatten();
            if offered.is_some() {
                return offered;
            }
            asked.retain(|other| *other != branch);
        }
        None
    }

    /// Open subscriptions that do not filter an agent.
    fn not_filtering(&self, agent: AgentAt) -> impl Iterator<Item = BranchId> + '_ {
        let len = self.subscriptions.len();
        let column = self.filters.column(agent).chain(core::iter::repeat(0)).take(len.div_ceil(64));
        let open = column.enumerate().flat_map(move |(at, filtering)| {
            let here = (len - at * 64).min(64);
            ones(!filtering & u64::MAX >> (64 - here)).map(move |bit| at * 64 + bit as usize)
        });
        open.filter_map(|at| {
            let sub = self.subscriptions.get(SubAt::try_from(at).ok()?)?;
            sub.is_open(self.now_ms).then_some(sub.branch)
        })
    }
}
