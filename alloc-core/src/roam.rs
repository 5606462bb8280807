//! Roam: place for all but the plainest requests: along leaves and pools ([`narrow`](crate::narrow)), then along agents
//! ([`wide`](crate::wide)). Bounded searches: who finds nothing here has not been refused.

use crate::claim::Holder;
use crate::ids::AgentId;
use crate::local::Caller;
use crate::narrow::Narrow;
use crate::outcome::Grant;
use crate::request::{Policy, Request};
use crate::site::Hands;
use crate::siting::Siting;
use crate::wide::{Missed, Wide};
use crate::worth::Worth;

/// What is placed, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roam<'a> {
    request: &'a Request,
    policy: Policy,
    /// Whether single leaves and pools are looked at; somebody else may have done that.
    narrow: bool,
    worth: Option<Worth>,
    /// Where it may go, if not everywhere.
    siting: Option<Siting<'a>>,
}

impl<'a> Roam<'a> {
    /// For so many placements.
    pub(crate) fn new(
        caller: &Caller<'_>,
        request: &'a Request,
        policy: Policy,
        narrow: bool,
        placements: usize,
    ) -> Self {
        let worth = (policy == Policy::FragmentationAware)
            .then(|| caller.table.mix().saw(request, caller.table.narrowest(), placements));
        Self { request, policy, narrow, worth, siting: None }
    }

    /// The same, where a siting admits.
    pub(crate) fn at(mut self, siting: Siting<'a>) -> Self {
        self.siting = Some(siting);
        self
    }

    fn narrow<'h>(&self, hands: Hands<'h>) -> Option<Narrow<'h>>
    where
        'a: 'h,
    {
        self.narrow.then(|| Narrow::new(hands, self.siting, self.request, (self.policy, self.worth))).flatten()
    }

    fn wide<'h>(&self, hands: Hands<'h>, placements: usize) -> Option<Wide<'h>>
    where
        'a: 'h,
    {
        Wide::new(hands, self.siting, self.request, (self.policy, self.worth), placements)
    }

    /// Places for one holder in any of some shards. Otherwise: an agent whose pools changed nevertheless.
    pub(crate) fn place(
        &self,
        caller: &Caller<'_>,
        shards: impl Iterator<Item = u8> + Clone,
        holder: Holder,
    ) -> Result<Grant, Option<AgentId>> {
        let mut pools_changed = None;
        let narrow = |hands: Hands<'_>| {
            let mut search = self.narrow(hands).ok_or(Missed::Agent)?;
            let placed = search.place(holder);
            pools_changed = pools_changed.or(search.pools_changed);
            placed
        };
        match in_any(caller, shards.clone(), narrow) {
            Ok(grant) => return Ok(grant),
            Err(Missed::Role) => return Err(pools_changed),
            Err(Missed::Agent) => {}
        }
        let wide = |hands: Hands<'_>| {
            let mut search = self.wide(hands, 1).ok_or(Missed::Agent)?;
            let placed = search.place(holder);
            pools_changed = pools_changed.or(search.pools_changed);
            placed
        };
        in_any(caller, shards, wide).map_err(|_| pools_changed)
    }

    /// Places for holders in turn in one shard, until nothing is found; tells how many it placed.
    pub(crate) fn place_many(&self, hands: Hands<'_>, holders: &[Holder], mut each: impl FnMut(usize, Grant)) -> usize {
        let mut done = 0;
        let mut search = |place: &mut dyn FnMut(Holder) -> Result<Grant, Missed>| {
            while let Some(&holder) = holders.get(done)
                && let Ok(grant) = place(holder)
            {
                each(done, grant);
                done += 1;
            }
            holders.len() - done
        };
        let mut left = holders.len();
        if let Some(mut narrow) = self.narrow(hands) {
            left = search(&mut |holder| narrow.place(holder));
        }
        if left > 0
            && let Some(mut wide) = self.wide(hands, left)
        {
            search(&mut |holder| wide.place(holder));
        }
        done
    }
}

/// The first shard that grants; a role that is refused is refused everywhere.
fn in_any(
    caller: &Caller<'_>,
    shards: impl Iterator<Item = u8>,
    mut search: impl FnMut(Hands<'_>) -> Result<Grant, Missed>,
) -> Result<Grant, Missed> {
    for shard in shards {
        match caller.with(shard, &mut search) {
            Err(Missed::Agent) => {}
            placed => return placed,
        }
    }
    Err(Missed::Agent)
}
