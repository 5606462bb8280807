//! Claim, hold, release, transfer: the calls that make and end claims.
//!
//! A claim: plan → record written → role charged → words taken in canonical order → charge settled → record Live. Whatever
//! fails on the way undoes what came before. Single words change lock-free; a claim of several words does not: it may
//! fail because of another that is undone in the end. Then it tries again a few times, and at last says `Contended`.
//! It never takes what is not there, and a stalled thread hides its one claim in flight.

use crate::agent::{Agent, Machine, Watch};
use crate::hold;
use crate::ids::{ClaimId, Owner, RoleId};
use crate::ledger::{ChargeError, Ledger};
use crate::outcome::{Contended, Grant, Outcome, Released, Transferred};
use crate::plan::{Lack, check, plan};
use crate::reason::{Reason, Refusal};
use crate::record::{OpenRecord, Unlocked};
use crate::request::{HoldLimit, Request};
use crate::stock::{View, WhatIf};
use crate::taking::Taking;
use crate::why;

/// How often a claim is planned anew before it says `Contended`.
const TRIES: u32 = 4;

/// Who holds a claim, and which role is charged for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// Who may change the claim.
    pub owner: Owner,
    /// Which role is charged. It stays with the claim, also through transfer and split.
    pub role: RoleId,
}

/// What a claim is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask<'a> {
    Request(&'a Request),
    Hold(HoldLimit),
}

/// What came of one try.
enum Try {
    Done(Outcome),
    /// Not to be had as planned; something may have moved.
    Again {
        pools_changed: bool,
    },
}

impl Ask<'_> {
    fn plan(self, machine: &Machine, record: &mut OpenRecord<'_>) -> Result<(), Lack> {
        let view = View { machine, what_if: WhatIf::AsIs };
        match self {
            Self::Request(request) => plan(request, &view, record),
            Self::Hold(limit) => hold::plan(limit, &view, record),
        }
    }

    /// `None` when by now it would fit.
    fn why(self, machine: &Machine) -> Option<Reason> {
        match self {
            Self::Request(request) => why::of_agent(machine, request),
            Self::Hold(limit) => why::of_hold(machine, limit),
        }
    }
}

/// Makes a claim on an agent.
pub(crate) fn claim(agent: &Agent, ledger: &Ledger, holder: Holder, ask: Ask<'_>) -> Outcome {
    let refused = |reason| Outcome::Refused(Refusal { agent: agent.id, reason });
    if let Ask::Request(request) = ask
        && let Err(invalid) = check(request)
    {
        return refused(Reason::Invalid(invalid));
    }
    let Some(machine) = agent.machine.as_ref() else { return refused(Reason::Gone) };
    if !agent.active {
        return refused(Reason::Inactive);
    }
    let mut pools_changed = false;
    for _ in 0..TRIES {
        match attempt(agent, machine, ledger, holder, ask) {
            Try::Done(outcome) => return outcome.with_pools_changed(pools_changed),
            Try::Again { pools_changed: changed } => pools_changed |= changed,
        }
    }
    Outcome::Contended(Contended { pools_changed })
}

fn attempt(agent: &Agent, machine: &Machine, ledger: &Ledger, holder: Holder, ask: Ask<'_>) -> Try {
    let watch = Watch::start(machine);
    let refuse = |reason| {
        if watch.was_quiet(machine, &agent.records) {
            Try::Done(Outcome::Refused(Refusal { agent: agent.id, reason }))
        } else {
            Try::Again { pools_changed: false }
        }
    };
    let full = Reason::RecordsFull { records: agent.records.len() };
    let Ok(mut record) = agent.records.begin(holder.owner, holder.role) else { return refuse(full) };
    if let Err(lack) = ask.plan(machine, &mut record) {
        drop(record);
        return match lack {
            Lack::Records => refuse(full),
            Lack::Moved => Try::Again { pools_changed: false },
            Lack::Cpus | Lack::Memory | Lack::Extra(_) => match ask.why(machine) {
                Some(reason) => refuse(reason),
                None => Try::Again { pools_changed: false },
            },
        };
    }
    record.sort();
    let charged = record.quantities();
    let charge = match ledger.charge(holder.role, charged) {
        Ok(charge) => charge,
        Err(ChargeError::NoSuchRole) => return refuse_at_once(agent, Reason::NoSuchRole(holder.role)),
        Err(ChargeError::Over(over)) => return refuse_at_once(agent, Reason::RoleLimit(over)),
        Err(ChargeError::Contended) => return Try::Again { pools_changed: false },
    };
    let claim = ClaimId::new(agent.id, record.slot(), record.generation());
    let mut taking = Taking::start(machine, record);
    if !taking.take_all() {
        return Try::Again { pools_changed: taking.undo() };
    }
    charge.settle();
    Try::Done(Outcome::Granted(Grant { claim, charged, pools_changed: taking.keep() }))
}

/// For a no that no other claim in flight can have caused.
fn refuse_at_once(agent: &Agent, reason: Reason) -> Try {
    Try::Done(Outcome::Refused(Refusal { agent: agent.id, reason }))
}

impl Outcome {
    fn with_pools_changed(self, earlier: bool) -> Self {
        match self {
            Self::Granted(grant) => Self::Granted(Grant { pools_changed: grant.pools_changed || earlier, ..grant }),
            // Cores that joined and left again in an earlier try have to be told of, and a no has no place to say so.
            Self::Refused(_) if earlier => Self::Contended(Contended { pools_changed: true }),
            Self::Refused(_) => self,
            Self::Contended(contended) => {
                Self::Contended(Contended { pools_changed: contended.pools_changed || earlier })
            }
        }
    }
}

/// Opens a claim for change by its owner.
pub(crate) fn open(agent: &Agent, claim: ClaimId, owner: Owner) -> Result<OpenRecord<'_>, Unopened> {
    let record = agent.records.lock(claim.slot(), claim.generation()).map_err(Unopened::Unlocked)?;
    if record.owner() == owner { Ok(record) } else { Err(Unopened::NotOwner(record.owner())) }
}

/// Why a claim was not opened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unopened {
    Unlocked(Unlocked),
    NotOwner(Owner),
}

/// Ends a claim: its words are given back, its role refunded.
pub(crate) fn release(agent: &Agent, ledger: &Ledger, claim: ClaimId, owner: Owner) -> Released {
    let record = match open(agent, claim, owner) {
        Ok(record) => record,
        Err(Unopened::NotOwner(owner)) => return Released::NotOwner { owner },
        Err(Unopened::Unlocked(Unlocked::Gone)) => return Released::Gone,
        Err(Unopened::Unlocked(Unlocked::Contended)) => return Released::Contended,
    };
    let Some(machine) = agent.machine.as_ref() else { return Released::Gone };
    let refunded = record.quantities();
    let refund = ledger.refund(record.role(), refunded);
    let pools_changed = Taking::finish(machine, record).undo();
    drop(refund);
    Released::Released { refunded, pools_changed }
}

/// Gives a claim to another owner.
pub(crate) fn transfer(agent: &Agent, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
    match open(agent, claim, from) {
        Ok(mut record) => {
            record.set_owner(to);
            Transferred::Transferred
        }
        Err(Unopened::NotOwner(owner)) => Transferred::NotOwner { owner },
        Err(Unopened::Unlocked(Unlocked::Gone)) => Transferred::Gone,
        Err(Unopened::Unlocked(Unlocked::Contended)) => Transferred::Contended,
    }
}
