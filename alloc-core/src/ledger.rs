//! Ledger: what each role is charged, in two counters per role, exact at rest.
//!
//! A claim charges its role before it takes a word, and is refunded when it undoes; release refunds. Roles have a limit per
//! resource or none.
//!
//! **Credit.** Threads that charge one counter all the time would pass its cache line to and fro with every claim. So a counter
//! counts what was given out, to claims or as credit, and each desk (see [`desk`](crate::desk)) has a credit per role that it spends
//! and refills on its own: `cpu_milli:32 | pages:32`, one word, one change for both. What a role is charged = the counter less all
//! credits, and all tallies.
//!
//! **Tally.** A role without limits needs no credit, because nobody has to know in time what it has: each desk keeps a tally of its
//! own of what it charged and refunded, by plain loads and stores. A role that gets limits later keeps its tallies as they are; they
//! count with the counter. So a refund at one desk may follow a charge at another, and single tallies and counters may be below
//! zero; their sum never is.
//!
//! Rule 1: what is given out never exceeds the limit. It is raised by a compare-and-swap that refuses beforehand, never added to first and
//! taken back afterwards: a request that cannot fit would make one that does fit be refused in between.
//! Rule 2: who refills takes a part of the headroom at most, and none near the limit.
//! Rule 3: credit is nobody's own. Who finds a counter at its limit takes back all desks' credits of the role before it says no,
//! so that credit never strands what fits; also that of a thread that died.
//! Rule 4: a no is final only when no other call of the role is in flight, seen *before* a round over the credits that found
//! none, and no undo was counted meanwhile: what is on its way from the counter to a claim, to a credit or back is in flight. Else
//! it is contended.
//!
//! CPU is counted in thousandths of a PU, memory in pages.
//!
//! Roles are one level. A tree would charge the path from the role upwards, one counter after the other, each by these rules;
//! an undo across levels then is the contended outcome as it is here across resources.

use crate::desk::{Desks, Flight, Watch};
use crate::ids::RoleId;
use crate::reason::{OverLimit, Resource};
use crate::sync::{self, Ordering, Padded, Word64};
use crate::{PAGE_BYTES, Quantities};

/// The most a role may be charged; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// CPU, in thousandths of a PU.
    pub cpu_milli: Option<u64>,
    /// Memory in bytes, rounded down to pages.
    pub mem_bytes: Option<u64>,
}

const RESOURCES: [Resource; 2] = [Resource::CpuMilli, Resource::MemBytes];
/// The most a refill brings beyond what is asked: 1,000 PUs and 64 GiB.
const REFILL: [u64; 2] = [1_000_000, 1 << 24];
/// A desk with more credit than this gives the rest back.
const CREDIT_MAX: u64 = 1 << 31;
/// How often a charge is tried against a counter at its limit.
const ROUNDS: u32 = if cfg!(loom) { 2 } else { 8 };

/// A desk's credit of one role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Credit([u64; 2]);

impl Credit {
    #[inline]
    const fn pack(self) -> u64 {
        self.0[0] << 32 | self.0[1]
    }

    #[inline]
    const fn unpack(word: u64) -> Self {
        Self([word >> 32, word & u32::MAX as u64])
    }

    #[inline]
    const fn spend(self, owed: [u64; 2]) -> Option<Self> {
        match (self.0[0].checked_sub(owed[0]), self.0[1].checked_sub(owed[1])) {
            (Some(cpu_milli), Some(pages)) => Some(Self([cpu_milli, pages])),
            _ => None,
        }
    }

    #[inline]
    const fn add(self, more: [u64; 2]) -> Option<Self> {
        let [cpu_milli, pages] = [self.0[0].saturating_add(more[0]), self.0[1].saturating_add(more[1])];
        if cpu_milli <= CREDIT_MAX && pages <= CREDIT_MAX { Some(Self([cpu_milli, pages])) } else { None }
    }
}

/// What a desk has of a role.
#[derive(Debug)]
#[repr(align(32))]
struct Account {
    credit: Word64,
    /// CPU, then pages; wrapping: below zero is a large number.
    tally: [Word64; 2],
}

impl Account {
    fn new() -> Self {
        Self { credit: Word64::new(0), tally: core::array::from_fn(|_| Word64::new(0)) }
    }

    /// Adds to the tally, or with wrapped amounts takes away. By the desk's thread alone.
    #[inline]
    fn count(&self, amounts: [u64; 2]) {
        for (word, amount) in self.tally.iter().zip(amounts) {
            // Relaxed, both: nobody else writes it, and who reads it wants a figure.
            word.store(word.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
        }
    }
}

/// One role: given out, and the limits; CPU, then pages. `u64::MAX` is no limit.
#[derive(Debug)]
struct Role {
    /// Which way it is charged.
    way: Word64,
    given: [Word64; 2],
    limit: [Word64; 2],
}

/// Ways of a role: it is not there; its desks tally; they spend credit.
const NO_ROLE: u64 = 0;
const BY_TALLY: u64 = 1;
const BY_CREDIT: u64 = 2;

impl Role {
    fn new() -> Self {
        let words = |value| core::array::from_fn(|_| Word64::new(value));
        Self { way: Word64::new(NO_ROLE), given: words(0), limit: words(u64::MAX) }
    }

    #[inline]
    fn way(&self) -> u64 {
        // Relaxed: who knows of a role was told by who added it; a limit that changes meanwhile may be met or missed.
        self.way.load(Ordering::Relaxed)
    }

    fn given(&self, at: usize) -> u64 {
        // Relaxed: a figure to report; no decision is made on it but by `raise`.
        self.given[at].load(Ordering::Relaxed)
    }

    #[inline]
    fn limit(&self, at: usize) -> u64 {
        // Relaxed: a limit that changes meanwhile may be met or missed.
        self.limit[at].load(Ordering::Relaxed)
    }

    /// Raises a counter by `amount` if it and what is tallied then are within the limit.
    fn raise(&self, at: usize, amount: u64, (limit, tallied): (u64, u64)) -> bool {
        // Who asks for none of it is not in the way of a limit that was lowered below what there is.
        if amount == 0 {
            return true;
        }
        // AcqRel: Release publishes to who reads the counter at its limit; Acquire pairs with it, so that this one, looking
        // who is in flight next, sees whoever raised it. Acquire on failure: for the same reason.
        let raised = self.given[at].update(Ordering::AcqRel, Ordering::Acquire, |given| {
            let sum = given.wrapping_add(amount);
            (limit == u64::MAX || within(sum.wrapping_add(tallied), limit)).then_some(sum)
        });
        raised.is_ok()
    }

    fn lower(&self, at: usize, amount: u64) {
        // AcqRel, Relaxed on failure: as `raise`; it cannot fail.
        let _always =
            self.given[at].update(Ordering::AcqRel, Ordering::Relaxed, |given| Some(given.wrapping_sub(amount)));
    }

    fn lower_both(&self, amounts: [u64; 2]) {
        for (at, amount) in amounts.into_iter().enumerate().filter(|(_, amount)| *amount > 0) {
            self.lower(at, amount);
        }
    }

    /// Raises both counters, or neither. The first that is at its limit.
    fn raise_both(&self, flight: &Flight<'_>, amounts: [u64; 2], tallied: [u64; 2]) -> Result<(), usize> {
        if !self.raise(0, amounts[0], (self.limit(0), tallied[0])) {
            return Err(0);
        }
        if !self.raise(1, amounts[1], (self.limit(1), tallied[1])) {
            self.lower(0, amounts[0]);
            flight.count_undone();
            return Err(1);
        }
        Ok(())
    }

    /// What to refill by beyond what is asked: a sixteenth of the headroom at most.
    fn refill(&self, tallied: [u64; 2]) -> [u64; 2] {
        core::array::from_fn(|at| {
            let given = at_least_zero(self.given(at).wrapping_add(tallied[at]));
            (self.limit(at).saturating_sub(given) / 16).min(REFILL[at])
        })
    }
}

/// A wrapped sum that may be below zero.
const fn at_least_zero(sum: u64) -> u64 {
    if sum.cast_signed() < 0 { 0 } else { sum }
}

const fn within(sum: u64, limit: u64) -> bool {
    at_least_zero(sum) <= limit
}

/// Why a charge was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChargeError {
    NoSuchRole,
    Over(OverLimit),
    /// It may fit once calls in flight have ended.
    Contended,
}

/// All roles' counters, and all desks' credits.
#[derive(Debug)]
pub(crate) struct Ledger {
    roles: Box<[Padded<Role>]>,
    /// How many there are.
    len: Word64,
    desks: usize,
    /// Desk by desk, `stride` for each: one per role, and a gap, so that no two desks share a cache line.
    accounts: Box<[Account]>,
    stride: usize,
}

/// Accounts between two desks: at least two cache lines.
const GAP: usize = 4;

impl Ledger {
    pub(crate) fn new(roles: u16, desks: u16) -> Self {
        let (desks, stride) = (usize::from(desks), usize::from(roles) + GAP);
        Self {
            roles: (0..roles).map(|_| Padded(Role::new())).collect(),
            len: Word64::new(0),
            desks,
            accounts: (0..desks * stride).map(|_| Account::new()).collect(),
            stride,
        }
    }

    /// How many roles there are.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "at most a u16")]
    pub(crate) fn len(&self) -> usize {
        // Acquire: pairs with the Release half of `add`, so the new role's limit is seen.
        self.len.load(Ordering::Acquire) as usize
    }

    /// Adds a role; `None` when there is no room. Under the table's lock.
    pub(crate) fn add(&self, limit: Limit) -> Option<RoleId> {
        let at = self.len();
        let role = RoleId::new(u16::try_from(at).ok()?);
        self.roles.get(at)?;
        self.write_limit(at, limit);
        // Release: pairs with the Acquire of `len`.
        self.len.store(at as u64 + 1, Ordering::Release);
        Some(role)
    }

    fn write_limit(&self, at: usize, limit: Limit) {
        let limits = [limit.cpu_milli, limit.mem_bytes.map(|bytes| bytes / PAGE_BYTES)];
        for (word, limit) in self.roles[at].0.limit.iter().zip(limits) {
            // Relaxed: see `Role::limit`.
            word.store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        let way = if limit == Limit::default() { BY_TALLY } else { BY_CREDIT };
        // Relaxed: see `Role::way`.
        self.roles[at].0.way.store(way, Ordering::Relaxed);
    }

    /// Sets the limit of a role; false when there is none. Under the table's lock.
    pub(crate) fn set(&self, role: RoleId, limit: Limit) -> bool {
        let known = role.index() < self.len();
        if known {
            self.write_limit(role.index(), limit);
        }
        known
    }

    #[inline]
    fn role(&self, role: RoleId) -> Option<&Role> {
        if role.index() < self.len() { self.roles.get(role.index()).map(|role| &role.0) } else { None }
    }

    #[inline]
    fn account(&self, desk: usize, role: RoleId) -> &Account {
        &self.accounts[desk * self.stride + role.index()]
    }

    #[inline]
    fn credit(&self, desk: usize, role: RoleId) -> &Word64 {
        &self.account(desk, role).credit
    }

    /// All desks' tallies of a role.
    fn tallied(&self, role: RoleId) -> [u64; 2] {
        let accounts = || (0..self.desks).map(|desk| self.account(desk, role));
        // Relaxed: see `Account::count`.
        let sum = |at: usize| {
            accounts().fold(0_u64, |sum, account| sum.wrapping_add(account.tally[at].load(Ordering::Relaxed)))
        };
        [sum(0), sum(1)]
    }

    fn used_units(&self, id: RoleId) -> Option<[u64; 2]> {
        let role = self.role(id)?;
        let mut credit = [0; 2];
        for desk in 0..self.desks {
            // Relaxed: a figure to report.
            let Credit(more) = Credit::unpack(self.credit(desk, id).load(Ordering::Relaxed));
            credit = [credit[0] + more[0], credit[1] + more[1]];
        }
        let tallied = self.tallied(id);
        Some(core::array::from_fn(|at| {
            at_least_zero(role.given(at).wrapping_add(tallied[at]).wrapping_sub(credit[at]))
        }))
    }

    /// What a role is charged at this moment.
    pub(crate) fn used(&self, role: RoleId) -> Option<Quantities> {
        let [cpu_milli, pages] = self.used_units(role)?;
        Some(Quantities { cpu_milli, mem_bytes: pages * PAGE_BYTES })
    }

    /// Why `amount` would be refused at this moment, if it would be.
    pub(crate) fn refuses(&self, id: RoleId, amount: Quantities) -> Result<(), ChargeError> {
        let (Some(role), Some(used)) = (self.role(id), self.used_units(id)) else {
            return Err(ChargeError::NoSuchRole);
        };
        let owed = units(amount);
        let over = (0..2).find(|&at| owed[at] > 0 && used[at].saturating_add(owed[at]) > role.limit(at));
        over.map_or(Ok(()), |at| Err(ChargeError::Over(over_limit(id, at, owed[at], used[at], role.limit(at)))))
    }

    /// Charges `amount`, in a flight for this role at the desk.
    #[inline]
    pub(crate) fn charge(
        &self,
        (desks, desk, flight): (&Desks, usize, &Flight<'_>),
        role: RoleId,
        amount: Quantities,
    ) -> Result<(), ChargeError> {
        let owed = units(amount);
        if self.charge_here(desk, role, owed) {
            return Ok(());
        }
        let line = self.role(role).ok_or(ChargeError::NoSuchRole)?;
        self.charge_counter((desks, desk, flight), (role, line), owed)
    }

    /// Charges what needs no counter: a role without limits, or what the desk has credit for. False: it has to be charged in full.
    #[inline(always)]
    pub(crate) fn charge_here(&self, desk: usize, role: RoleId, owed: [u64; 2]) -> bool {
        match self.roles.get(role.index()).map_or(NO_ROLE, |role| role.0.way()) {
            BY_TALLY => {
                self.account(desk, role).count(owed);
                true
            }
            BY_CREDIT => self.spend(desk, role, owed),
            _ => false,
        }
    }

    #[inline]
    fn spend(&self, desk: usize, role: RoleId, owed: [u64; 2]) -> bool {
        // AcqRel: Release pairs with the Acquire of `take_credit`; nothing else is guarded. Relaxed on failure: nothing is
        // read through it.
        let spent = self
            .credit(desk, role)
            .update(Ordering::AcqRel, Ordering::Relaxed, |credit| Credit::unpack(credit).spend(owed).map(Credit::pack));
        spent.is_ok()
    }

    /// Charges the counters, and takes some credit with it where there is plenty.
    #[cold]
    fn charge_counter(
        &self,
        (desks, desk, flight): (&Desks, usize, &Flight<'_>),
        (id, role): (RoleId, &Role),
        owed: [u64; 2],
    ) -> Result<(), ChargeError> {
        // Nothing between two of the changes below can panic.
        let _calm = sync::calm();
        let tallied = self.tallied(id);
        let extra = role.refill(tallied);
        if role.raise_both(flight, [owed[0] + extra[0], owed[1] + extra[1]], tallied).is_ok() {
            self.give_credit(desk, (id, role), extra);
            return Ok(());
        }
        for _ in 0..ROUNDS {
            let watch = Watch::start(desks);
            let Err(at) = role.raise_both(flight, owed, self.tallied(id)) else { return Ok(()) };
            // Rule 4: first who is in flight, then the credits, then the undos. A call that ended before the first look has
            // left what it took from the counter in a claim, in a credit that the second look finds, or given it back, which
            // the third tells of.
            let quiet = !desks.in_flight_for(id, desk);
            let found = self.take_credits((id, role));
            if quiet && found == [0; 2] && watch.saw_no_undo(desks, usize::from(at == 1)) {
                let used = at_least_zero(role.given(at).wrapping_add(self.tallied(id)[at]));
                return Err(ChargeError::Over(over_limit(id, at, owed[at], used, role.limit(at))));
            }
        }
        Err(ChargeError::Contended)
    }

    /// Takes all desks' credits of a role back to the counters.
    fn take_credits(&self, (id, role): (RoleId, &Role)) -> [u64; 2] {
        (0..self.desks).fold([0; 2], |found, desk| {
            let credit = self.take_credit(desk, (id, role));
            [found[0] + credit[0], found[1] + credit[1]]
        })
    }

    /// Takes a desk's credit of a role back to the counters.
    fn take_credit(&self, desk: usize, (id, role): (RoleId, &Role)) -> [u64; 2] {
        // AcqRel: Acquire pairs with the Release half of `give_credit`. Relaxed on failure: there was none.
        let taken =
            self.credit(desk, id).update(Ordering::AcqRel, Ordering::Relaxed, |credit| (credit != 0).then_some(0));
        let Credit(credit) = Credit::unpack(taken.unwrap_or(0));
        role.lower_both(credit);
        credit
    }

    /// Adds to a desk's credit; what would be too much goes back to the counters.
    fn give_credit(&self, desk: usize, (id, role): (RoleId, &Role), more: [u64; 2]) {
        // AcqRel: Release pairs with the Acquire half of `take_credits`. Relaxed on failure: nothing is read through it.
        let given = self
            .credit(desk, id)
            .update(Ordering::AcqRel, Ordering::Relaxed, |credit| Credit::unpack(credit).add(more).map(Credit::pack));
        if given.is_err() {
            role.lower_both(more);
        }
    }

    /// Charges `amount` past any limit, for what runs already.
    pub(crate) fn charge_fact(&self, role: RoleId, amount: Quantities) -> Result<(), ChargeError> {
        let line = self.role(role).ok_or(ChargeError::NoSuchRole)?;
        for (at, owed) in units(amount).into_iter().enumerate() {
            let _always = line.raise(at, owed, (u64::MAX, 0));
        }
        Ok(())
    }

    /// Takes back a charge made earlier.
    #[inline]
    pub(crate) fn refund(&self, desk: usize, role: RoleId, amount: Quantities) {
        self.refund_units(desk, role, units(amount));
    }

    /// Takes back a charge made earlier, of thousandths of a PU and pages.
    #[inline(always)]
    pub(crate) fn refund_units(&self, desk: usize, id: RoleId, owed: [u64; 2]) {
        let Some(role) = self.roles.get(id.index()) else { return };
        match role.0.way() {
            BY_TALLY => self.account(desk, id).count(owed.map(u64::wrapping_neg)),
            BY_CREDIT => self.give_credit(desk, (id, &role.0), owed),
            _ => {}
        }
    }

    /// Takes a desk's credits back, for who leaves it.
    pub(crate) fn leave(&self, desks: &Desks, desk: usize) {
        for role in (0..self.len()).filter_map(|at| u16::try_from(at).ok()).map(RoleId::new) {
            // Relaxed: others only take it.
            if self.credit(desk, role).load(Ordering::Relaxed) == 0 {
                continue;
            }
            if let Some(line) = self.role(role) {
                // Between the two changes the credit is nowhere. So it is in flight (rule 4), and counts as an undo for who looked at
                // the flights before it began, and for who read the counter before it ended.
                let flight = desks.flight(desk, (0, 0), role);
                flight.count_undone();
                self.take_credit(desk, (role, line));
                flight.count_undone();
            }
        }
    }
}

#[inline]
const fn units(amount: Quantities) -> [u64; 2] {
    [amount.cpu_milli, amount.mem_bytes / PAGE_BYTES]
}

const fn over_limit(role: RoleId, at: usize, asked: u64, used: u64, limit: u64) -> OverLimit {
    let resource = RESOURCES[at];
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

#[cfg(not(loom))]
#[cfg(test)]
mod tests;
