//! Idle: a claim that goes on without what ran in it, and a claim that another role is charged for. Both stay where they are: nothing
//! passes through Free, so nobody can take it meanwhile.
//!
//! **Idle**: the claim becomes a plain hold: its members are one, its memory is held from no seat, it is in no group, and it is its
//! new owner's. That cannot fail once the claim is open.
//!
//! **Recharge**: from a role to one below it, within the limits of the levels between, or to one above it, which refunds these.

use crate::ids::{ClaimId, Owner, RoleId};
use crate::ledger::ChargeError;
use crate::local::Caller;
use crate::memory::Seat;
use crate::outcome::Transferred;
use crate::part::Part;
use crate::reason::Reason;
use crate::record::{OpenRecord, Unlocked};
use crate::site::{Hands, Unopened};
use crate::standing::Standing;
use crate::sync;

/// Why a claim's role was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncharged {
    Reason(Reason),
    Contended,
}

impl From<Unopened> for Uncharged {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::NotOwner(owner) => Self::Reason(Reason::NotOwner { owner }),
            Unopened::Unlocked(Unlocked::Gone) => Self::Reason(Reason::Gone),
            Unopened::Unlocked(Unlocked::Contended) => Self::Contended,
        }
    }
}

impl Caller<'_> {
    /// Makes a claim a plain hold of another owner.
    pub(crate) fn idle(&self, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
        self.at(claim.agent(), |hands, _| idle(hands, claim, from, to)).unwrap_or(Transferred::Gone)
    }

    /// Charges another role for a claim; either role is below the other.
    pub(crate) fn recharge(&self, claim: ClaimId, owner: Owner, role: RoleId) -> Result<(), Uncharged> {
        let recharged = self.at(claim.agent(), |hands, _| recharge(hands, claim, owner, role));
        recharged.unwrap_or(Err(Uncharged::Reason(Reason::Gone)))
    }
}

fn idle(hands: Hands<'_>, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
    let mut record = match hands.open(claim, from) {
        Ok(record) => record,
        Err(Unopened::NotOwner(owner)) => return Transferred::NotOwner { owner },
        Err(Unopened::Unlocked(Unlocked::Gone)) => return Transferred::Gone,
        Err(Unopened::Unlocked(Unlocked::Contended)) => return Transferred::Contended,
    };
    let _calm = sync::calm();
    for at in 0..record.len() {
        let plain = put_down(hands, &record, record.part(at));
        record.set(at, Part::Empty);
        match (0..at).find_map(|before| Some((before, record.part(before).with(plain)?))) {
            Some((before, sum)) => record.set(before, sum),
            None => record.set(at, plain),
        }
    }
    record.set_standing(Standing::default());
    record.set_owner(to);
    Transferred::Transferred
}

/// A part as nobody uses it: its seat is given up, and its membership.
fn put_down(hands: Hands<'_>, record: &OpenRecord<'_>, part: Part) -> Part {
    let plain = match part {
        Part::Cores { leaf, pus, .. } => Part::Cores { leaf, member: 0, pus },
        Part::Share { pool, cpu_milli, .. } => Part::Share { pool, member: 0, cpu_milli },
        Part::Memory { numa_node, seat, pages } if seat != Seat::Held => {
            hands.machine_of(record.place()).give_memory(numa_node, seat, 0);
            Part::Memory { numa_node, seat: Seat::Held, pages }
        }
        Part::Member { group, value, .. } => {
            hands.table.groups().leave(group, value);
            Part::Empty
        }
        part => part,
    };
    if plain.is_nothing() { Part::Empty } else { plain }
}

fn recharge(hands: Hands<'_>, claim: ClaimId, owner: Owner, role: RoleId) -> Result<(), Uncharged> {
    let mut record = hands.open(claim, owner)?;
    let (before, table) = (record.role(), hands.table);
    let owed = record.amounts(hands.places_of(record.place()));
    if table.ledger().is_below(role, before) {
        let flight = table.desks().flight(hands.desk, (hands.shard_at, record.place().line()), role);
        let who = (table.desks(), hands.desk, &flight);
        table.ledger().charge_between(who, (role, before), &owed).map_err(|why| match why {
            ChargeError::NoSuchRole => Uncharged::Reason(Reason::NoSuchRole(role)),
            ChargeError::Over(over) => Uncharged::Reason(Reason::RoleLimit(over)),
            ChargeError::Contended => Uncharged::Contended,
        })?;
        let _calm = sync::calm();
        record.set_role(role);
    } else {
        let _calm = sync::calm();
        record.set_role(role);
        table.ledger().refund_between(hands.desk, (before, role), &owed);
    }
    Ok(())
}
