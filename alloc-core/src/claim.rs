//! Claim, hold, release, transfer: the calls that make and end claims.
//!
//! A claim: plan → record written → flight announced → role charged → words taken in canonical order → agent still the same →
//! charge settled → record Live. Whatever fails on the way undoes what came before. Single words change lock-free; a claim of
//! several words does not: it may fail because of another that is undone in the end. Then it tries again a few times, and at last
//! says `Contended`. It never takes what is not there, and a stalled thread hides its one claim in flight.

use crate::amounts::Amounts;
use crate::desk::Watch;
use crate::hold;
use crate::ids::{ClaimId, Owner, RoleId};
use crate::ledger::ChargeError;
use crate::machine::Machine;
use crate::outcome::{Contended, Grant, Outcome, Released, Transferred};
use crate::place;
use crate::plan::{Lack, check, plan};
use crate::quick;
use crate::reason::Reason;
use crate::record::{Locked, OpenRecord, Unlocked};
use crate::request::{HoldLimit, Request};
use crate::site::{Hands, Site, Unopened};
use crate::siting::Siting;
use crate::stock::{View, WhatIf};
use crate::taking::Taking;
use crate::why;

/// How often a call plans anew, because something had moved, before it says `Contended`.
pub(crate) const TRIES: u32 = 4;

/// Who holds a claim, and which role is charged for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// Who may change the claim.
    pub owner: Owner,
    /// Which role is charged, and with it those above. It stays with the claim, also through transfer and split.
    pub role: RoleId,
}

/// What a claim is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask<'a> {
    Request(&'a Request),
    /// Where a siting admits.
    Sited(&'a Request, Siting<'a>),
    Hold(HoldLimit),
}

/// What came of one try.
enum Try {
    Granted(Grant),
    /// A no that nobody in flight can have caused.
    Refused(Reason),
    /// Not to be had as planned; something may have moved.
    Again {
        pools_changed: bool,
    },
}

impl<'a> Ask<'a> {
    const fn request(self) -> Option<&'a Request> {
        match self {
            Self::Request(request) | Self::Sited(request, _) => Some(request),
            Self::Hold(_) => None,
        }
    }

    const fn siting(self) -> Option<Siting<'a>> {
        if let Self::Sited(_, siting) = self { Some(siting) } else { None }
    }

    fn plan(self, machine: Machine<'_>, record: &mut OpenRecord<'_>) -> Result<(), Lack> {
        let view = View { machine, what_if: WhatIf::AsIs };
        match self {
            Self::Request(request) | Self::Sited(request, _) => plan(request, &view, record),
            Self::Hold(limit) => hold::plan(limit, &view, record),
        }
    }

    /// `None` when by now it would fit.
    fn why(self, machine: Machine<'_>) -> Option<Reason> {
        match self {
            Self::Request(request) | Self::Sited(request, _) => why::of_agent(machine, request),
            Self::Hold(limit) => why::of_hold(machine, limit),
        }
    }
}

/// Makes a claim on an agent.
pub(crate) fn claim(hands: Hands<'_>, at: u32, holder: Holder, ask: Ask<'_>) -> Outcome {
    if let Ask::Request(request) = ask
        && let Some(grant) = place::claim_at_leaf(hands, at, holder, request)
    {
        return Outcome::Granted(grant);
    }
    let mut pools_changed = false;
    for attempt in 0..TRIES {
        let Some(site) = hands.site(at) else {
            let agent = crate::AgentId::new(hands.shard.first.get() + at);
            return Outcome::Refused(crate::Refusal { agent, reason: Reason::Gone });
        };
        // To watch costs a look at every desk: only once the first try has failed.
        let watch = (attempt > 0).then(|| Watch::start(hands.table.desks()));
        match try_claim(&site, holder, ask, watch) {
            Try::Granted(grant) => {
                return Outcome::Granted(Grant { pools_changed: grant.pools_changed || pools_changed, ..grant });
            }
            // Cores that joined and left again in an earlier try have to be told of, and a no has no place to say so.
            Try::Refused(_) if pools_changed => return Outcome::Contended(Contended { pools_changed }),
            Try::Refused(reason) => return Outcome::Refused(site.refusal(reason)),
            Try::Again { pools_changed: changed } => pools_changed |= changed,
        }
    }
    Outcome::Contended(Contended { pools_changed })
}

fn try_claim(site: &Site<'_>, holder: Holder, ask: Ask<'_>, watch: Option<Watch>) -> Try {
    if let Some(request) = ask.request()
        && let Err(invalid) = check(request)
    {
        return Try::Refused(Reason::Invalid(invalid));
    }
    if let Some(reason) = site.closed() {
        return Try::Refused(reason);
    }
    let refuse = |reason| match watch {
        Some(watch) if site.hands.was_quiet(watch, site.cell.line) => Try::Refused(reason),
        _ => Try::Again { pools_changed: false },
    };
    let Ok(mut record) = site.begin(holder.owner, holder.role) else { return refuse(site.hands.full()) };
    if let Some(&Request { standing: Some(standing), .. }) = ask.request() {
        record.set_standing(standing);
    }
    if let Err(lack) = ask.plan(site.machine, &mut record) {
        drop(record);
        return match lack {
            Lack::Records => refuse(site.hands.full()),
            Lack::Moved => Try::Again { pools_changed: false },
            Lack::Cpus | Lack::Memory | Lack::Extra(_) => match ask.why(site.machine) {
                Some(reason) => refuse(reason),
                None => Try::Again { pools_changed: false },
            },
        };
    }
    if ask.siting().is_some_and(|siting| !siting.join(site, &mut record)) {
        return Try::Again { pools_changed: false };
    }
    record.sort();
    let charged = record.amounts(site.hands.places_of(record.place()));
    match take(site, &mut record, &charged, ask.siting()) {
        Ok(grant) => Try::Granted(grant),
        Err(Untaken::Moved { pools_changed }) => Try::Again { pools_changed },
        Err(Untaken::Role(ChargeError::NoSuchRole)) => Try::Refused(Reason::NoSuchRole(holder.role)),
        Err(Untaken::Role(ChargeError::Over(over))) => Try::Refused(Reason::RoleLimit(over)),
        Err(Untaken::Role(ChargeError::Contended)) => Try::Again { pools_changed: false },
    }
}

/// Why the words of a record were not taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Untaken {
    /// For its role's sake.
    Role(ChargeError),
    /// Something had moved, or the agent is another by now.
    Moved { pools_changed: bool },
}

/// Charges the role and takes the words that a record names.
#[inline]
pub(crate) fn take<'a>(
    site: &Site<'a>,
    record: &mut OpenRecord<'a>,
    charged: &Amounts,
    siting: Option<Siting<'_>>,
) -> Result<Grant, Untaken> {
    let claim = ClaimId::new(site.agent, record.slot(), record.generation());
    let mut taking = Taking::start(&site.hands, &site.machine, record);
    taking.charge(charged).map_err(Untaken::Role)?;
    let is_kept = |record: &_| siting.is_none_or(|siting| siting.is_kept(site, record));
    if !taking.take_all() || !site.is_current() || !is_kept(taking.record()) {
        return Err(Untaken::Moved { pools_changed: taking.undo() });
    }
    Ok(Grant { claim, charged: charged.quantities(), pools_changed: taking.keep() })
}

/// Ends a claim: its words are given back, its role refunded.
#[inline(always)]
pub(crate) fn release(hands: &Hands<'_>, claim: ClaimId, owner: Owner) -> Released {
    match try_release(hands, claim, owner) {
        Ok(refunded) => Released::Released { refunded, pools_changed: false },
        Err(locked) => release_in_general(hands, locked, claim, owner),
    }
}

/// A claim that is not released straight on, and how far it came.
pub(crate) type Unreleased<'a> = Result<Locked<'a>, Unlocked>;

/// Releases straight on; tells what was refunded.
#[inline(always)]
pub(crate) fn try_release<'a>(
    hands: &Hands<'a>,
    claim: ClaimId,
    owner: Owner,
) -> Result<crate::Quantities, Unreleased<'a>> {
    let locked = hands.shard.records.lock_head(claim.slot(), claim.generation()).map_err(Err)?;
    if !locked.is_of(owner, claim.agent()) {
        return Err(Ok(locked));
    }
    quick::end(hands, &locked).ok_or(Ok(locked))
}

/// Releases any claim.
#[cold]
#[inline(never)]
pub(crate) fn release_in_general<'a>(
    hands: &Hands<'a>,
    unreleased: Unreleased<'a>,
    claim: ClaimId,
    owner: Owner,
) -> Released {
    let opened = unreleased.map_err(Unopened::Unlocked).and_then(|locked| hands.open_locked(locked, claim, owner));
    match opened {
        Ok(record) => end(*hands, record),
        Err(Unopened::NotOwner(owner)) => Released::NotOwner { owner },
        Err(Unopened::Unlocked(Unlocked::Gone)) => Released::Gone,
        Err(Unopened::Unlocked(Unlocked::Contended)) => Released::Contended,
    }
}

/// Gives back all that an open claim has.
#[inline]
pub(crate) fn end<'a>(hands: Hands<'a>, mut record: OpenRecord<'a>) -> Released {
    let refunded = record.amounts(hands.places_of(record.place()));
    let machine = hands.machine_of(record.place());
    let pools_changed = Taking::end(&hands, &machine, &mut record, refunded);
    Released::Released { refunded: refunded.quantities(), pools_changed }
}

/// Gives a claim to another owner.
pub(crate) fn transfer(hands: Hands<'_>, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
    match hands.open(claim, from) {
        Ok(mut record) => {
            record.set_owner(to);
            Transferred::Transferred
        }
        Err(Unopened::NotOwner(owner)) => Transferred::NotOwner { owner },
        Err(Unopened::Unlocked(Unlocked::Gone)) => Transferred::Gone,
        Err(Unopened::Unlocked(Unlocked::Contended)) => Transferred::Contended,
    }
}
