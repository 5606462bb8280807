//! Taking: a claim being made or ended: its role charged, its words taken one after the other; and all given back in reverse.
//!
//! The claim's record says what there is to take (see [`record`](crate::record), rule 4); this guard counts how far it came.
//! Dropped before [`Taking::keep`], by a refusal half-way or a panic, it gives back exactly what was taken, and ends the flight
//! that it announced (see [`desk`](crate::desk)). A release is the same guard started at the end.

use crate::amounts::Amounts;
use crate::desk::Flight;
use crate::leaf::PuState;
use crate::ledger::ChargeError;
use crate::machine::Machine;
use crate::part::Part;
use crate::pooling;
use crate::record::OpenRecord;
use crate::site::Hands;
use crate::sync;

/// How far a claim was taken.
#[derive(Debug)]
pub(crate) struct Taking<'r, 'a> {
    hands: &'r Hands<'a>,
    machine: &'r Machine<'a>,
    record: &'r mut OpenRecord<'a>,
    /// For a claim being made: others may have to know of its undo.
    flight: Option<Flight<'a>>,
    /// What the role is charged.
    charged: Amounts,
    /// Parts taken.
    taken: u16,
    /// Whether a pool may gain cores for a share; a restored share has to find its room.
    may_grow: bool,
    pools_changed: bool,
}

impl<'r, 'a> Taking<'r, 'a> {
    /// Announces a claim; nothing of the record was taken yet.
    #[inline]
    pub(crate) fn start(hands: &'r Hands<'a>, machine: &'r Machine<'a>, record: &'r mut OpenRecord<'a>) -> Self {
        let flight = Some(hands.flight(record.place()));
        let charged = Amounts::ZERO;
        Self { hands, machine, record, flight, charged, taken: 0, may_grow: true, pools_changed: false }
    }

    /// Charges the role.
    #[inline]
    pub(crate) fn charge(&mut self, owed: &Amounts) -> Result<(), ChargeError> {
        let table = self.hands.table;
        if let Some(flight) = &self.flight {
            table.ledger().charge((table.desks(), self.hands.desk, flight), self.record.role(), owed)?;
            self.charged = *owed;
        }
        Ok(())
    }

    /// Charges the role past its limit: what is to be taken is taken in fact.
    pub(crate) fn charge_fact(&mut self, owed: &Amounts) -> Result<(), ChargeError> {
        let _calm = sync::calm();
        self.hands.table.ledger().charge_fact(self.record.role(), owed)?;
        self.charged = *owed;
        // What exists already does not change the pools.
        self.may_grow = false;
        Ok(())
    }

    /// Ends a claim: gives back all of it, and its role's charge. True when pools changed.
    #[inline]
    pub(crate) fn end(
        hands: &'r Hands<'a>,
        machine: &'r Machine<'a>,
        record: &'r mut OpenRecord<'a>,
        charged: Amounts,
    ) -> bool {
        record.discard();
        let taken = record.len();
        let mut taking =
            Self { hands, machine, record, flight: None, charged, taken, may_grow: false, pools_changed: false };
        taking.give_back();
        taking.pools_changed
    }

    /// Takes every part, in canonical order; false as soon as one is not to be had.
    #[must_use]
    #[inline]
    pub(crate) fn take_all(&mut self) -> bool {
        while self.taken < self.record.len() {
            if !self.take(self.record.part(self.taken)) {
                return false;
            }
            self.taken += 1;
        }
        true
    }

    /// The part that was not to be had.
    pub(crate) fn stopped_at(&self) -> Part {
        self.record.part(self.taken)
    }

    /// The claim's record.
    #[inline]
    pub(crate) const fn record(&self) -> &OpenRecord<'a> {
        self.record
    }

    #[inline]
    fn take(&mut self, part: Part) -> bool {
        match part {
            Part::Empty => true,
            Part::Cores { leaf, pus, .. } => self.machine.shift(leaf, pus, PuState::Free, PuState::Held),
            Part::Share { pool, cpu_milli, .. } if self.may_grow => {
                pooling::commit(self.machine, pool, cpu_milli, &mut self.pools_changed)
            }
            Part::Share { pool, cpu_milli, .. } => self.machine.commit(pool, cpu_milli),
            Part::Memory { numa_node, seat, pages } => self.machine.take_memory(numa_node, seat, pages),
            Part::Extra { word, amount } => self.machine.take_extra(word, amount),
            Part::Member { group, value, most } => self.hands.table.groups().join(group, value, most),
        }
    }

    /// Gives back what was taken, last first, then the charge. Progress is counted step by step, so a panic in between is
    /// taken up by drop.
    #[inline]
    fn give_back(&mut self) {
        let _calm = sync::calm();
        while self.taken > 0 {
            self.taken -= 1;
            self.give(self.record.part(self.taken));
        }
        let charged = core::mem::take(&mut self.charged);
        if !charged.is_zero() {
            self.hands.table.ledger().refund(self.hands.desk, self.record.role(), &charged);
        }
    }

    #[inline]
    fn give(&mut self, part: Part) {
        match part {
            Part::Empty => {}
            Part::Cores { leaf, pus, .. } => self.machine.put(leaf, pus, PuState::Free),
            Part::Share { pool, cpu_milli, .. } => {
                self.machine.uncommit(pool, cpu_milli);
                self.pools_changed |= pooling::trim(self.machine, pool);
            }
            Part::Memory { numa_node, seat, pages } => self.machine.give_memory(numa_node, seat, pages),
            Part::Extra { word, amount } => self.machine.give_extra(word, amount),
            Part::Member { group, value, .. } => self.hands.table.groups().leave(group, value),
        }
    }

    /// Gives everything back; true when pools changed.
    #[cold]
    pub(crate) fn undo(mut self) -> bool {
        self.undo_counted();
        self.pools_changed
    }

    #[cold]
    fn undo_counted(&mut self) {
        let undone = self.taken > 0 || self.pools_changed || !self.charged.is_zero();
        self.give_back();
        if let Some(flight) = self.flight.take()
            && undone
        {
            flight.count_undone();
        }
    }

    /// Keeps what was taken and makes the record a claim; true when pools changed.
    #[inline]
    pub(crate) fn keep(mut self) -> bool {
        self.taken = 0;
        self.charged = Amounts::ZERO;
        self.record.publish();
        core::mem::take(&mut self.pools_changed)
    }
}

impl Drop for Taking<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if self.taken > 0 || self.pools_changed || !self.charged.is_zero() {
            self.undo_counted();
        }
    }
}
