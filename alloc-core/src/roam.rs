//! Roam: place for all but the plainest requests: along leaves and pools ([`narrow`](crate::narrow)), then along agents
//! ([`wide`](crate::wide)). Bounded searches: who finds nothing here has not been refused.

use crate::claim::Holder;
use crate::ids::AgentId;
use crate::local::Caller;
use crate::member::Cpus;
use crate::narrow::Narrow;
use crate::outcome::Grant;
use crate::request::{Policy, Request};
use crate::site::Hands;
use crate::siting::Siting;
use crate::wide::{Missed, Wide};
use crate::worth::Worth;

/// Along what a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    Leaves,
    Agents,
}

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

    fn narrow<'h>(&'h self, hands: Hands<'h>) -> Option<Narrow<'h>>
    where
        'a: 'h,
    {
        self.narrow.then(|| Narrow::new(hands, self.siting, self.request, (self.policy, self.worth.as_ref()))).flatten()
    }

    fn wide<'h>(&'h self, hands: Hands<'h>, placements: usize) -> Option<Wide<'h>>
    where
        'a: 'h,
    {
        Wide::new(hands, self.siting, self.request, (self.policy, self.worth.as_ref()), placements)
    }

    /// Places for one holder in any of some shards. Otherwise: an agent whose pools changed nevertheless.
    pub(crate) fn place(
        &self,
        caller: &Caller<'_>,
        shards: impl Iterator<Item = u8> + Clone,
        holder: Holder,
    ) -> Result<Grant, Option<AgentId>> {
        let mut pools_changed = None;
        for along in self.order() {
            let search = |hands: Hands<'_>| {
                let (placed, changed) = match along {
                    Along::Leaves => self.narrow(hands).map(|mut search| (search.place(holder), search.pools_changed)),
                    Along::Agents => self.wide(hands, 1).map(|mut search| (search.place(holder), search.pools_changed)),
                }
                .ok_or(Missed::Agent)?;
                pools_changed = pools_changed.or(changed);
                placed
            };
            match in_any(caller, shards.clone(), search) {
                Ok(grant) => return Ok(grant),
                Err(Missed::Role) => break,
                Err(Missed::Agent | Missed::Shard) => {}
            }
        }
        Err(pools_changed)
    }

    /// One leaf is the better place for a request that one can serve; but whose shares are to spare the devices of agents is to look
    /// at agents first.
    fn order(&self) -> [Along; 2] {
        let shares = || self.request.members.as_slice().iter().all(|cpus| matches!(cpus, Cpus::Shared { .. }));
        match &self.worth {
            Some(worth) if worth.spares_devices() && shares() => [Along::Agents, Along::Leaves],
            _ => [Along::Leaves, Along::Agents],
        }
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
        for along in self.order() {
            if left == 0 {
                break;
            }
            match along {
                Along::Leaves => {
                    if let Some(mut narrow) = self.narrow(hands) {
                        left = search(&mut |holder| narrow.place(holder));
                    }
                }
                Along::Agents => {
                    if let Some(mut wide) = self.wide(hands, left) {
                        left = search(&mut |holder| wide.place(holder));
                    }
                }
            }
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
            Err(Missed::Agent | Missed::Shard) => {}
            placed => return placed,
        }
    }
    Err(Missed::Agent)
}
