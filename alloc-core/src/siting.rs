//! Siting: placement on the agents that a [`Selection`] means.
//!
//! What goes along the index looks at the positions in the selection's masks only, the search over all agents at the agents in them;
//! where claims join groups or mind rules, at those besides that no rule forbids at this moment.

use crate::claim::Holder;
use crate::explain::Explanation;
use crate::ids::{AgentId, RoleId};
use crate::local::Caller;
use crate::mask::Mask;
use crate::outcome::Grant;
use crate::place::{self, Placed, Unplaced};
use crate::reason::Excluded;
use crate::record::OpenRecord;
use crate::request::{Policy, Request};
use crate::selection::Selection;
use crate::site::{Hands, Site};
use crate::sync;
use crate::table::Table;

/// How many of a batch are placed before the selection is brought up to date again.
const BATCH: usize = 64;

/// Where a placement may go: a selection that has caught up with the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Siting<'a> {
    selection: &'a Selection,
}

impl<'a> Siting<'a> {
    /// The positions of a shard to look at.
    #[inline]
    pub(crate) fn mask(self, shard: u8) -> &'a Mask {
        self.selection.mask(shard)
    }

    /// Whether claims join groups or mind rules.
    #[inline]
    pub(crate) const fn has_company(self) -> bool {
        !self.selection.company().is_empty()
    }

    /// Whether an agent may be claimed on.
    #[inline]
    pub(crate) fn admits(self, site: &Site<'_>) -> bool {
        self.mask(site.hands.shard_at).has(site.machine.position(0)) && self.keeps_rules(site)
    }

    /// Whether no rule forbids the agent of a position at this moment; that the position is in the mask, the caller knows.
    pub(crate) fn admits_at(self, hands: &Hands<'_>, position: u32) -> bool {
        let agent = || AgentId::new(hands.shard.first.get() + hands.shard.deed(position).at());
        !self.has_company() || self.keeps_rules_on(hands.table, agent())
    }

    fn keeps_rules_on(self, table: &Table, agent: AgentId) -> bool {
        self.selection.company().broken_rule(table.groups(), agent).is_none()
    }

    /// Whether no rule forbids an agent at this moment.
    #[inline]
    pub(crate) fn keeps_rules(self, site: &Site<'_>) -> bool {
        !self.has_company() || self.keeps_rules_on(site.hands.table, site.agent)
    }

    /// Writes the memberships of a claim there; false when by now a rule forbids it.
    #[inline]
    #[must_use]
    pub(crate) fn join(self, site: &Site<'_>, record: &mut OpenRecord<'_>) -> bool {
        let company = self.selection.company();
        company.is_empty() || company.join(site.hands.table.groups(), site.agent, record)
    }

    /// Whether a claim whose words are taken is still what was meant.
    #[inline]
    #[must_use]
    pub(crate) fn is_kept(self, site: &Site<'_>, record: &OpenRecord<'_>) -> bool {
        let company = self.selection.company();
        company.is_empty() || company.is_kept(site.hands.table.groups(), site.agent, record)
    }
}

/// Finds an agent of a selection for a request and claims there.
pub(crate) fn place(
    caller: &Caller<'_>,
    holder: Holder,
    request: &Request,
    policy: Policy,
    selection: &mut Selection,
) -> Placed {
    selection.refresh(caller.table);
    let groups = caller.table.groups();
    if let Err(unplaced) = selection.begin(groups) {
        return Placed::Refused(unplaced);
    }
    let mut full = None;
    for placements in core::iter::once(1).chain(core::iter::repeat(0)) {
        let placed = place::place_sited(caller, holder, request, (policy, placements), Siting { selection });
        let Placed::Refused(no @ (Unplaced::NoAgent | Unplaced::RecordsFull { .. })) = placed else {
            return confirm(caller, holder, selection, placed);
        };
        full = full.or_else(|| Some(no).filter(|no| *no != Unplaced::NoAgent));
        if !selection.company_mut().next(groups) {
            break;
        }
    }
    Placed::Refused(full.unwrap_or(Unplaced::NoAgent))
}

/// Places one request for many holders.
pub(crate) fn place_many(
    caller: &Caller<'_>,
    holders: &[Holder],
    request: &Request,
    policy: Policy,
    selection: &mut Selection,
    mut each: impl FnMut(usize, Placed),
) {
    if !selection.company().is_empty() {
        // Each placement counts for the next.
        let placed = holders.iter().map(|holder| place(caller, *holder, request, policy, selection));
        return placed.enumerate().for_each(|(at, placed)| each(at, placed));
    }
    for (batch, holders) in (0..).step_by(BATCH).zip(holders.chunks(BATCH)) {
        selection.refresh(caller.table);
        let siting = Siting { selection };
        place::place_many_sited(caller, holders, request, (policy, siting), |at, placed| {
            each(batch + at, confirm(caller, holders[at], selection, placed));
        });
    }
}

/// Gives a claim back if its agent was meant when the placement began, and is not any more.
fn confirm(caller: &Caller<'_>, holder: Holder, selection: &Selection, placed: Placed) -> Placed {
    let Placed::Granted(grant) = placed else { return placed };
    let mut unconfirmed = Unconfirmed { caller, holder, grant: Some(grant) };
    let agent = grant.claim.agent();
    if selection.is_current(caller.table) || selection.means(caller.table, agent) {
        unconfirmed.grant = None;
        return placed;
    }
    Placed::Contended { pools_changed: unconfirmed.give_back().then_some(agent) }
}

/// A claim that may not have been meant. Dropped by a predicate that panics, it is given back.
struct Unconfirmed<'c, 'a> {
    caller: &'c Caller<'a>,
    holder: Holder,
    grant: Option<Grant>,
}

impl Unconfirmed<'_, '_> {
    /// True when pools changed.
    fn give_back(&mut self) -> bool {
        self.grant.take().is_some_and(|grant| self.caller.give_back(grant, self.holder))
    }
}

impl Drop for Unconfirmed<'_, '_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        self.give_back();
    }
}

/// Placement by a selection.
impl Table {
    /// As [`Table::place`], on an agent of the selection. A selection that is behind catches up first.
    pub fn place_where(&self, holder: Holder, request: &Request, policy: Policy, selection: &mut Selection) -> Placed {
        let placed = self.with_guest(|guest| place(guest, holder, request, policy, selection));
        placed.unwrap_or(Placed::Contended { pools_changed: None })
    }

    /// As [`Table::explain`]; agents that the selection leaves out are counted by what leaves them out: a constraint, the predicate,
    /// or a rule, of those that forbid, as it holds at this moment.
    ///
    /// # Errors
    /// A group that is not there, or a rule that cannot be meant, as [`Table::place_where`] answers.
    pub fn explain_where(
        &self,
        role: RoleId,
        request: &Request,
        selection: &mut Selection,
    ) -> Result<Explanation, Unplaced> {
        let excluded = selection.excluded(self);
        selection.begin(self.groups())?;
        selection.company_mut().admit_all();
        let broken = |agent| selection.company().broken_rule(self.groups(), agent);
        let rule = |agent| broken(agent).map(|at| Excluded::Rule(u8::try_from(at).unwrap_or(u8::MAX)));
        Ok(self.explain_but(role, request, |agent| excluded.get(&agent).copied().or_else(|| rule(agent))))
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::membership::{AGENT_KEY, NO_LIMIT};
    use crate::testing::Machine;
    use crate::tests::{AGENT, ROLE, holder, table};
    use crate::{AttributeValue, Attributes, Constraint, GroupKey, GroupSpec, Limit, NameId, Owner, Rule, Test};

    const NAME: NameId = NameId::new(1);

    fn text(text: &str) -> Attributes {
        Attributes::new([(NAME, AttributeValue::text(text))]).unwrap()
    }

    /// The same between a claim's plan and its last look.
    #[test]
    fn a_member_is_kept_only_where_it_was_meant() {
        let table = table(64, Limit::default(), &[Machine::default()]);
        table.set_attributes(AGENT, text("a")).unwrap();
        let group = table.add_group(GroupSpec { key: GroupKey::Attribute(NAME) }).unwrap();
        let other = table.add_group(GroupSpec { key: GroupKey::Agent }).unwrap();
        let mut selection = table.select([]).unwrap().joining(group).with_rule(Rule::Apart { group: other });
        selection.refresh(&table);
        selection.begin(table.groups()).unwrap();
        let siting = Siting { selection: &selection };
        let look = |hands: Hands<'_>, at: u32| {
            let site = hands.site(at).unwrap();
            let mut record = site.begin(Owner::new(1), ROLE).unwrap();
            assert!(siting.join(&site, &mut record) && siting.is_kept(&site, &record));
            table.set_attributes(AGENT, text("b")).unwrap();
            assert!(!siting.is_kept(&site, &record), "of another value");
            table.set_attributes(AGENT, text("a")).unwrap();
            let value = table.groups().value(AGENT_KEY, AGENT);
            assert!(table.groups().join(other.at(), value, NO_LIMIT));
            assert!(!siting.is_kept(&site, &record), "beside a member of the other group");
            table.groups().leave(other.at(), value);
            assert!(siting.is_kept(&site, &record));
            table.remove_group(group).unwrap();
            table.add_group(GroupSpec { key: GroupKey::Attribute(NAME) }).unwrap();
            assert!(!siting.is_kept(&site, &record), "of another group in its place");
        };
        assert!(table.with_guest(|guest| guest.at(AGENT, look)).flatten().is_some());
        table.validate().unwrap();
    }

    /// What another thread may do between a placement's look at the attributes and its claim, done in between.
    #[test]
    fn a_claim_on_an_agent_that_changed_meanwhile_is_given_back() {
        for (told, kept) in [(text("b"), false), (text("a"), true)] {
            let table = table(64, Limit::default(), &[Machine::default()]);
            table.set_attributes(AGENT, text("a")).unwrap();
            let selection = table.select([Constraint::new(NAME, Test::text_is("a"))]).unwrap();
            table.set_attributes(AGENT, told).unwrap();
            let confirmed = table.with_guest(|guest| {
                let (request, siting) = (Request::shared(100, 0), Siting { selection: &selection });
                let placed = place::place_sited(guest, holder(1), &request, (Policy::Pack, 1), siting);
                assert!(placed.granted().is_some());
                confirm(guest, holder(1), &selection, placed)
            });
            assert_eq!(confirmed.unwrap().granted().is_some(), kept, "{confirmed:?}");
            assert_eq!(table.claims().count(), usize::from(kept));
            let changed = Placed::Contended { pools_changed: Some(AGENT) };
            assert!(kept || confirmed == Some(changed), "its pool grew");
            table.validate().unwrap();
        }
    }
}
