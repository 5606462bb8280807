//! Explain: why a request is pending, over all agents: counted per reason, and the nearest miss.

use core::fmt;
use std::collections::BTreeMap;

use crate::Quantities;
use crate::ids::{AgentId, RoleId};
use crate::ledger::{ChargeError, Ledger};
use crate::part::Part;
use crate::plan::{Sink, check, plan};
use crate::reason::{Excluded, Reason, ReasonKind, Refusal};
use crate::request::Request;
use crate::site::Site;
use crate::slots::RecordsFull;
use crate::stock::{View, WhatIf};
use crate::why;

/// Why a request is pending. Prints as one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Agents asked.
    pub agents: u32,
    /// Agents that could grant it at this moment.
    pub feasible: u32,
    /// Agents that could not, per reason.
    pub blocked: BTreeMap<ReasonKind, u32>,
    /// The agent that came nearest, and what it lacks.
    pub nearest: Option<Refusal>,
}

impl Explanation {
    /// Whether no agent could grant it even if it were empty.
    #[must_use]
    pub fn never_fits(&self) -> bool {
        self.feasible == 0 && self.nearest.is_some_and(|nearest| nearest.reason.is_permanent())
    }

    fn count(&mut self, refusal: Refusal) {
        *self.blocked.entry(refusal.reason.kind()).or_default() += 1;
        let nearer = |nearest: Refusal| refusal.reason.nearness() > nearest.reason.nearness();
        if self.nearest.is_none_or(nearer) {
            self.nearest = Some(refusal);
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nearest {
            None if self.agents == 0 => f.write_str("no agent is registered")?,
            None => f.write_str("it would fit now")?,
            Some(nearest) => write!(f, "{nearest}")?,
        }
        if self.agents < 2 {
            return Ok(());
        }
        write!(f, " [of {} agents:", self.agents)?;
        let mut comma = "";
        for (kind, count) in &self.blocked {
            write!(f, "{comma} {count} {kind}")?;
            comma = ",";
        }
        if self.feasible > 0 {
            write!(f, "{comma} {} would fit", self.feasible)?;
        }
        f.write_str("]")
    }
}

/// Asks agents of one shard why, each once.
pub(crate) fn explain<'a>(
    explanation: &mut Explanation,
    sites: impl Iterator<Item = Site<'a>>,
    ledger: (&Ledger, RoleId),
    request: &Request,
    excluded: &impl Fn(AgentId) -> Option<Excluded>,
) {
    let invalid = check(request).err().map(Reason::Invalid);
    let mut full = None;
    for site in sites {
        explanation.agents += 1;
        let left_out = excluded(site.agent).map(Reason::Excluded);
        // Of the shard that all of them are in: looked at once, for the first that would fit.
        let records =
            || *full.get_or_insert_with(|| site.hands.shard.records.map().is_full().then(|| site.hands.full()));
        match left_out.or(invalid).or_else(|| refuses(&site, ledger, request)).or_else(records) {
            Some(reason) => explanation.count(Refusal { agent: site.agent, reason }),
            None => explanation.feasible += 1,
        }
    }
}

/// Why an agent could not grant a request at this moment, if it could not; most are asked for one plan only.
fn refuses(site: &Site<'_>, (ledger, role): (&Ledger, RoleId), request: &Request) -> Option<Reason> {
    if let Some(reason) = site.closed() {
        // An offer ends; what its agent is too small for does not fit then either.
        let larger = || why::of_agent(site.machine, request).filter(Reason::is_permanent);
        return (reason == Reason::Offered).then(larger).flatten().or(Some(reason));
    }
    let mut sum = Sum::default();
    if plan(request, &View { machine: site.machine, what_if: WhatIf::AsIs }, &mut sum).is_err() {
        return why::of_agent(site.machine, request);
    }
    match ledger.refuses(role, sum.0).err()? {
        ChargeError::NoSuchRole => Some(Reason::NoSuchRole(role)),
        ChargeError::Over(over) => Some(Reason::RoleLimit(over)),
        ChargeError::Contended => None,
    }
}

/// Adds up what a plan would be charged.
#[derive(Default)]
struct Sum(Quantities);

impl Sink for Sum {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull> {
        self.0 = self.0.checked_add(part.quantities()).unwrap_or(self.0);
        Ok(())
    }
}
