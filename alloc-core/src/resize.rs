//! Resize: a claim comes to hold what a request says, keeping what it can (see [`reshape`](crate::reshape)).
//!
//! The claim is opened (Busy). What it is to hold is planned into a record of its own; two more say what that is more, and what it
//! is less, than what the claim holds. Then, in this order:
//! 1. the claim gets room for its new list of parts;
//! 2. the role is charged for what is more, and the words are taken, as for a claim: all of it or none;
//! 3. the new list is written, and what is less is given back and refunded, which cannot fail.
//!
//! A refusal, or a panic, before 3 leaves the claim exactly as it was. What is given up is the claim's until then: a member may get
//! what another one gives up, and nobody can take it in between.

use crate::amounts::Amounts;
use crate::claim::TRIES;
use crate::desk::Watch;
use crate::ids::{ClaimId, Owner};
use crate::ledger::ChargeError;
use crate::machine::Machine;
use crate::memory::Seat;
use crate::outcome::{Contended, Grant, Outcome};
use crate::part::Part;
use crate::plan::{Lack, check};
use crate::reason::{Reason, Refusal};
use crate::record::{OpenRecord, Unlocked};
use crate::request::Request;
use crate::reshape::{Misfit, reshape};
use crate::site::{Hands, Unopened};
use crate::slots::RecordsFull;
use crate::spare::Spare;
use crate::stock::{View, WhatIf, milli_in, pus_in};
use crate::sync;
use crate::taking::Taking;
use crate::why;

/// Why a claim was not resized.
enum Unresized {
    /// Whatever others do.
    Reason(Reason),
    /// Unless somebody in flight caused it, at the block of this line.
    Now(Reason, u32),
    /// Something had moved: plan again.
    Moved { pools_changed: bool },
    /// Another call has the claim.
    Contended,
}

/// Resizes a claim on the agent at a position of the shard.
pub(crate) fn resize(hands: Hands<'_>, at: u32, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
    let refused = |reason| Outcome::Refused(Refusal { agent: claim.agent(), reason });
    if let Err(invalid) = check(request) {
        return refused(Reason::Invalid(invalid));
    }
    let mut pools_changed = false;
    for _ in 0..TRIES {
        let watch = Watch::start(hands.table.desks());
        match attempt(hands, at, claim, owner, request) {
            Ok(grant) => {
                return Outcome::Granted(Grant { pools_changed: grant.pools_changed || pools_changed, ..grant });
            }
            Err(Unresized::Moved { pools_changed: changed }) => pools_changed |= changed,
            Err(Unresized::Now(_, line)) if !hands.was_quiet(watch, line) => {}
            // Cores that joined and left again in an earlier try have to be told of, and a no has no place to say so.
            Err(Unresized::Reason(reason) | Unresized::Now(reason, _)) if !pools_changed => return refused(reason),
            Err(Unresized::Contended | Unresized::Reason(_) | Unresized::Now(..)) => break,
        }
    }
    Outcome::Contended(Contended { pools_changed })
}

fn attempt(hands: Hands<'_>, at: u32, claim: ClaimId, owner: Owner, request: &Request) -> Result<Grant, Unresized> {
    let mut record = hands.open(claim, owner).map_err(|unopened| match unopened {
        Unopened::NotOwner(owner) => Unresized::Reason(Reason::NotOwner { owner }),
        Unopened::Unlocked(Unlocked::Gone) => Unresized::Reason(Reason::Gone),
        Unopened::Unlocked(Unlocked::Contended) => Unresized::Contended,
    })?;
    let place = record.place();
    let full = |RecordsFull: RecordsFull| Unresized::Now(hands.full(), place.line());
    let begin = || hands.shard.records.begin(hands.magazine, owner, claim.agent(), place).map_err(full);
    let machine = hands.machine_of(place);
    let mut target = begin()?;
    let view = View { machine, what_if: WhatIf::AsIs };
    if let Err(misfit) = reshape(request, view, &record, &mut target) {
        return Err(unresized(hands, misfit, request, &record, &mut target));
    }
    let (mut more, mut less) = (begin()?, begin()?);
    difference(&target, &record, &mut more).map_err(full)?;
    difference(&record, &target, &mut less).map_err(full)?;
    more.sort();
    let before = record.len();
    record.make_room(usize::from(target.len())).map_err(full)?;
    let charged = target.amounts(hands.places_of(place)).quantities();
    let change = Change { hands, at, machine, more, less };
    match change.make(&mut record, &target) {
        Ok(pools_changed) => Ok(Grant { claim, charged, pools_changed }),
        Err(no) => {
            record.shorten(before);
            Err(no)
        }
    }
}

fn unresized(
    hands: Hands<'_>,
    misfit: Misfit,
    request: &Request,
    record: &OpenRecord<'_>,
    target: &mut OpenRecord<'_>,
) -> Unresized {
    let (machine, line) = (hands.machine_of(record.place()), record.place().line());
    let lack = match misfit {
        Misfit::Invalid(invalid) => return Unresized::Reason(Reason::Invalid(invalid)),
        Misfit::Lack(Lack::Records) => return Unresized::Now(hands.full(), line),
        Misfit::Lack(Lack::Moved) => return Unresized::Moved { pools_changed: false },
        Misfit::Lack(lack) => lack,
    };
    let view = |what_if| View { machine, what_if };
    let mut again = |what_if| {
        target.shorten(0);
        reshape(request, view(what_if), record, target).is_ok()
    };
    let (once_left, once_admitted) = (again(WhatIf::CoresLeft), again(WhatIf::AllAdmitted));
    target.shorten(0);
    let has = Spare::new(view(WhatIf::AsIs), record, target);
    Unresized::Now(
        match why::of_resize(lack, request, &has, machine, once_left) {
            Reason::Busy(shortage) if once_admitted => Reason::StrictMemory(shortage),
            reason => reason,
        },
        line,
    )
}

/// Lists what one claim has that the other has not. Memory of a NUMA node that both have is pages without a seat.
fn difference(one: &OpenRecord<'_>, other: &OpenRecord<'_>, list: &mut OpenRecord<'_>) -> Result<(), RecordsFull> {
    for (at, part) in one.parts() {
        let more = match part {
            // Extras and memberships stay as they are.
            Part::Empty | Part::Extra { .. } | Part::Member { .. } => Part::Empty,
            Part::Cores { leaf, pus, .. } => Part::Cores { leaf, member: 0, pus: pus & !pus_in(other, leaf) },
            Part::Share { .. } if one.find(part).is_some_and(|(first, _)| first != at) => Part::Empty,
            Part::Share { pool, .. } => {
                let cpu_milli = milli_in(one, pool).saturating_sub(milli_in(other, pool));
                Part::Share { pool, member: 0, cpu_milli }
            }
            Part::Memory { numa_node, pages, .. } => match other.find(part) {
                Some((_, Part::Memory { pages: there, .. })) => {
                    Part::Memory { numa_node, seat: Seat::Held, pages: pages.saturating_sub(there) }
                }
                _ => part,
            },
        };
        if !more.is_nothing() {
            list.push(more)?;
        }
    }
    Ok(())
}

/// What is to be taken and given back.
struct Change<'a> {
    hands: Hands<'a>,
    at: u32,
    machine: Machine<'a>,
    more: OpenRecord<'a>,
    less: OpenRecord<'a>,
}

impl<'a> Change<'a> {
    /// Takes what is more, makes the claim what it is to be, and gives back what is less; true when pools changed.
    fn make(mut self, record: &mut OpenRecord<'a>, target: &OpenRecord<'_>) -> Result<bool, Unresized> {
        let site = self.hands.site(self.at).filter(|site| site.cell.line == record.place().line());
        let grows = self.more.len() > 0;
        if grows && let Some(closed) = site.map_or(Some(Reason::Gone), |site| site.closed()) {
            return Err(Unresized::Reason(closed));
        }
        let places = self.hands.places_of(record.place());
        let (has, wants) = (record.amounts(places), target.amounts(places));
        let mut taking = Taking::start(&self.hands, &self.machine, &mut self.more);
        taking.charge(&beyond(wants, &has)).map_err(|why| unpaid(why, record))?;
        if !taking.take_all() || grows && !site.is_some_and(|site| site.is_current()) {
            return Err(Unresized::Moved { pools_changed: taking.undo() });
        }
        // Nothing from here on can fail.
        let _calm = sync::calm();
        let grown = taking.keep();
        self.more.discard();
        write(record, target);
        Ok(Taking::end(&self.hands, &self.machine, &mut self.less, beyond(has, &wants)) || grown)
    }
}

/// What one has beyond the other, of each resource.
fn beyond(mut one: Amounts, other: &Amounts) -> Amounts {
    one.sub(other);
    one
}

fn unpaid(why: ChargeError, record: &OpenRecord<'_>) -> Unresized {
    match why {
        ChargeError::NoSuchRole => Unresized::Reason(Reason::NoSuchRole(record.role())),
        ChargeError::Over(over) => Unresized::Reason(Reason::RoleLimit(over)),
        ChargeError::Contended => Unresized::Moved { pools_changed: false },
    }
}

/// Writes the new list of parts, for which there is room.
fn write(record: &mut OpenRecord<'_>, target: &OpenRecord<'_>) {
    let mut len = 0;
    for (_, part) in target.parts() {
        record.set(len, part);
        len += 1;
    }
    record.shorten(len);
}
