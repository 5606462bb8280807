//! Ledger: what each role is charged, in two counters per role, exact at rest.
//!
//! A claim charges its role before it takes a word, and refunds when it undoes; release refunds. Roles have a limit per
//! resource or none.
//!
//! Rule 1: a charge is a compare-and-swap that refuses beforehand. It is never added first and taken back afterwards: a
//! request that cannot fit would make one that does fit be refused in between.
//! Rule 2: even so, a claim that is charged and then undone was in the way of others for a while. A limited counter therefore
//! counts the charges in flight beside the amount (`used:48 | in_flight:16`), and a refusal while there are any is not a
//! no but [`ChargeError::Contended`].
//! Rule 3: counters without a limit refuse nothing, so nobody needs to know what is in flight on them.
//!
//! CPU is counted in thousandths of a PU, memory in pages: 2⁴⁸ of either is far beyond any cluster.
//!
//! Roles are one level. A tree would charge the path from the role upwards, one counter after the other, each by these rules;
//! an undo across levels then is the contended outcome as it is here across resources.

use crate::ids::RoleId;
use crate::reason::{OverLimit, Resource};
use crate::sync::{self, Ordering, Word64};
use crate::{PAGE_BYTES, Quantities};

/// The most a role may be charged; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// CPU, in thousandths of a PU.
    pub cpu_milli: Option<u64>,
    /// Memory in bytes, rounded down to pages.
    pub mem_bytes: Option<u64>,
}

const FLIGHT_BITS: u32 = 16;
const USED_MAX: u64 = (1 << (64 - FLIGHT_BITS)) - 1;
const RESOURCES: [Resource; 2] = [Resource::CpuMilli, Resource::MemBytes];

/// The value of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    used: u64,
    in_flight: u16,
}

impl Count {
    #[expect(clippy::cast_possible_truncation, reason = "the low 16 bits are the field")]
    const fn unpack(word: u64) -> Self {
        Self { used: word >> FLIGHT_BITS, in_flight: word as u16 }
    }

    const fn pack(self) -> u64 {
        self.used << FLIGHT_BITS | self.in_flight as u64
    }

    const fn charge(self, amount: u64, limit: u64, mark: bool) -> Option<Self> {
        if amount > limit.saturating_sub(self.used) || self.in_flight == u16::MAX {
            return None;
        }
        Some(Self { used: self.used + amount, in_flight: self.in_flight + mark as u16 })
    }

    const fn settle(self) -> Option<Self> {
        match self.in_flight.checked_sub(1) {
            Some(in_flight) => Some(Self { in_flight, ..self }),
            None => None,
        }
    }

    const fn refund(self, amount: u64, marked: bool) -> Option<Self> {
        match (self.used.checked_sub(amount), self.in_flight.checked_sub(marked as u16)) {
            (Some(used), Some(in_flight)) => Some(Self { used, in_flight }),
            _ => None,
        }
    }
}

/// One role's counter of one resource, and its limit in the same unit.
#[derive(Debug)]
struct Counter {
    count: Word64,
    limit: Option<u64>,
}

impl Counter {
    fn read(&self) -> Count {
        // Relaxed: a figure to report; no decision is made on it but by `change`.
        Count::unpack(self.count.load(Ordering::Relaxed))
    }

    fn change(&self, rule: impl Fn(Count) -> Option<Count>) -> Result<(), Count> {
        // Relaxed, both: the counter guards nothing but itself. The words of the agents order what is held, and changes
        // of one word are in one order whatever their ordering.
        let changed =
            self.count.update(Ordering::Relaxed, Ordering::Relaxed, |word| rule(Count::unpack(word)).map(Count::pack));
        changed.map(|_| ()).map_err(Count::unpack)
    }
}

/// One role.
#[derive(Debug)]
struct Line([Counter; 2]);

/// Why a charge was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChargeError {
    NoSuchRole,
    Over(OverLimit),
    /// It may fit once charges in flight are settled or undone.
    Contended,
}

/// All roles' counters.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Vec<Line>);

impl Ledger {
    pub(crate) const fn roles(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn add(&mut self, limit: Limit) {
        let counter = |limit| Counter { count: Word64::new(0), limit };
        self.0.push(Line([None, None].map(counter)));
        let last = self.0.len() - 1;
        self.set(last, limit);
    }

    /// Sets the limit of the role at `at`; false when there is none.
    pub(crate) fn set(&mut self, at: usize, limit: Limit) -> bool {
        let Some(Line([cpu, memory])) = self.0.get_mut(at) else { return false };
        cpu.limit = limit.cpu_milli;
        memory.limit = limit.mem_bytes.map(|bytes| bytes / PAGE_BYTES);
        true
    }

    /// What a role is charged at this moment.
    pub(crate) fn used(&self, role: RoleId) -> Option<Quantities> {
        let Line([cpu, memory]) = self.0.get(role.index())?;
        Some(Quantities { cpu_milli: cpu.read().used, mem_bytes: memory.read().used * PAGE_BYTES })
    }

    /// Charges in flight on a role's counters; 0 at rest.
    pub(crate) fn in_flight(&self, role: RoleId) -> u32 {
        self.0
            .get(role.index())
            .map_or(0, |line| line.0.iter().map(|counter| u32::from(counter.read().in_flight)).sum())
    }

    /// Why `amount` would be refused at this moment, if it would be.
    pub(crate) fn refuses(&self, role: RoleId, amount: Quantities) -> Result<(), ChargeError> {
        let line = self.0.get(role.index()).ok_or(ChargeError::NoSuchRole)?;
        for ((counter, owed), resource) in line.0.iter().zip(units(amount)).zip(RESOURCES) {
            let limit = counter.limit.unwrap_or(USED_MAX).min(USED_MAX);
            let count = counter.read();
            if count.charge(owed, limit, false).is_none() {
                return Err(ChargeError::Over(over(role, resource, owed, count.used, limit)));
            }
        }
        Ok(())
    }

    /// Charges `amount`; undone on drop unless settled.
    pub(crate) fn charge(&self, role: RoleId, amount: Quantities) -> Result<Charge<'_>, ChargeError> {
        let line = self.0.get(role.index()).ok_or(ChargeError::NoSuchRole)?;
        let mut charge = Charge { line, owed: [0; 2], marked: [false; 2] };
        for (at, owed) in units(amount).into_iter().enumerate() {
            let counter = &line.0[at];
            let limit = counter.limit.unwrap_or(USED_MAX).min(USED_MAX);
            let mark = counter.limit.is_some();
            if let Err(count) = counter.change(|count| count.charge(owed, limit, mark)) {
                if count.in_flight > 0 && owed <= limit {
                    return Err(ChargeError::Contended);
                }
                return Err(ChargeError::Over(over(role, RESOURCES[at], owed, count.used, limit)));
            }
            (charge.owed[at], charge.marked[at]) = (owed, mark);
        }
        Ok(charge)
    }

    /// Charges `amount` past any limit, for what runs already; undone on drop unless settled.
    pub(crate) fn charge_fact(&self, role: RoleId, amount: Quantities) -> Result<Charge<'_>, ChargeError> {
        let line = self.0.get(role.index()).ok_or(ChargeError::NoSuchRole)?;
        let mut charge = Charge { line, owed: [0; 2], marked: [false; 2] };
        for (at, owed) in units(amount).into_iter().enumerate() {
            line.0[at].change(|count| count.charge(owed, USED_MAX, false)).map_err(|_| ChargeError::Contended)?;
            charge.owed[at] = owed;
        }
        Ok(charge)
    }

    /// A charge made earlier, to be refunded on drop.
    pub(crate) fn refund(&self, role: RoleId, amount: Quantities) -> Option<Charge<'_>> {
        Some(Charge { line: self.0.get(role.index())?, owed: units(amount), marked: [false; 2] })
    }
}

fn units(amount: Quantities) -> [u64; 2] {
    [amount.cpu_milli, amount.mem_bytes / PAGE_BYTES]
}

const fn over(role: RoleId, resource: Resource, asked: u64, used: u64, limit: u64) -> OverLimit {
    let unit = match resource {
        Resource::CpuMilli => 1,
        Resource::MemBytes => PAGE_BYTES,
    };
    OverLimit {
        role,
        resource,
        asked: asked.saturating_mul(unit),
        used: used.saturating_mul(unit),
        limit: limit.saturating_mul(unit),
    }
}

/// A charge that this call answers for: dropped, it is refunded.
#[derive(Debug)]
pub(crate) struct Charge<'a> {
    line: &'a Line,
    owed: [u64; 2],
    marked: [bool; 2],
}

impl Charge<'_> {
    /// Keeps the charge: the claim is made.
    pub(crate) fn settle(mut self) {
        for at in 0..2 {
            if self.marked[at] {
                let settled = self.line.0[at].change(Count::settle);
                assert!(settled.is_ok(), "rule 2: a charge in flight is counted until it is settled");
                self.marked[at] = false;
            }
        }
        self.owed = [0; 2];
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        for at in 0..2 {
            let (owed, marked) = (self.owed[at], self.marked[at]);
            if owed > 0 || marked {
                let refunded = self.line.0[at].change(|count| count.refund(owed, marked));
                assert!(refunded.is_ok(), "a role is refunded what it was charged, and no more");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(cpu_milli: u64, mem_bytes: u64) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.add(Limit { cpu_milli: Some(cpu_milli), mem_bytes: Some(mem_bytes) });
        ledger
    }

    const ROLE: RoleId = RoleId::new(0);

    fn quantities(cpu_milli: u64, pages: u64) -> Quantities {
        Quantities { cpu_milli, mem_bytes: pages * PAGE_BYTES }
    }

    #[cfg(not(loom))]
    #[test]
    fn a_charge_is_kept_when_settled_and_refunded_when_dropped() {
        let ledger = ledger(3000, 8 * PAGE_BYTES);
        ledger.charge(ROLE, quantities(1000, 2)).unwrap().settle();
        drop(ledger.charge(ROLE, quantities(2000, 6)).unwrap());
        assert_eq!((ledger.used(ROLE), ledger.in_flight(ROLE)), (Some(quantities(1000, 2)), 0));
        drop(ledger.refund(ROLE, quantities(1000, 2)));
        assert_eq!(ledger.used(ROLE), Some(Quantities::default()));
    }

    #[cfg(not(loom))]
    #[test]
    fn a_refusal_is_final_only_when_nothing_is_in_flight() {
        let ledger = ledger(3000, 8 * PAGE_BYTES);
        let first = ledger.charge(ROLE, quantities(2000, 1)).unwrap();
        assert_eq!(ledger.charge(ROLE, quantities(2000, 1)).unwrap_err(), ChargeError::Contended);
        first.settle();
        let over = OverLimit { role: ROLE, resource: Resource::CpuMilli, asked: 2000, used: 2000, limit: 3000 };
        assert_eq!(ledger.charge(ROLE, quantities(2000, 1)).unwrap_err(), ChargeError::Over(over));
        assert!(matches!(ledger.charge(ROLE, quantities(0, 9)), Err(ChargeError::Over(_))));
        assert_eq!(ledger.charge(RoleId::new(7), quantities(0, 0)).unwrap_err(), ChargeError::NoSuchRole);
    }

    #[cfg(not(loom))]
    #[test]
    fn facts_are_charged_past_the_limit() {
        let ledger = ledger(1000, 0);
        ledger.charge_fact(ROLE, quantities(5000, 1)).unwrap().settle();
        assert_eq!(ledger.used(ROLE), Some(quantities(5000, 1)));
    }
}
