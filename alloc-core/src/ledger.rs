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
//! CPU is counted in thousandths of a PU, memory in pages. What else there is (huge pages, special memory, devices, disk, scalars,
//! ranges, sets) is counted in a plain counter per role and resource (see `ledger/extra`), without credit and tally.
//!
//! **Tree.** A role may be under another one. A claim charges its role and every role above it, and its refund goes the same way; a
//! limit at any level holds, and what a role is charged is what its subtree holds. Each level is charged in its own way by the rules
//! above. So an inner role without limits has its figures too, and a limit that it gets later counts what was there before.
//! Rule 5: levels are charged from the role upwards, and a no names the first that is at its limit. What was charged below is given
//! back: an undo across levels, counted, as it is across resources. Who met it meanwhile is contended, not refused.
//! Rule 6: in flight for a role (rule 4) is who is in flight for any role of its subtree.
//!
//! A top role costs what it did without trees: that a role has no parent is told by its way. Files: `role` and `account` (the words),
//! `path` (the tree), `moving` (up and down it), `extra` (the other resources), `resources` and `places` (which there are, and which
//! part is of which).

mod account;
mod extra;
mod moving;
mod path;
pub(crate) mod places;
mod resources;
mod role;

use self::account::{Account, Credit};
use self::extra::Extras;
use self::role::{BY_CREDIT, BY_TALLY, Role, at_least_zero};
use crate::PAGE_BYTES;
use crate::amounts::{Amounts, CPU_MILLI, PAGES};
use crate::desk::{Desks, Flight, Watch};
use crate::ids::RoleId;
use crate::reason::{OverLimit, Resource};
use crate::sync::{self, Ordering, Padded, Word64};

pub(crate) use places::{ChargePlaces, Places, resources_of};
pub(crate) use resources::{PLACES, Resources};

/// The most levels of roles: a top role, and seven below it.
pub const MAX_ROLE_LEVELS: usize = 8;

/// The most a role may be charged; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// CPU, in thousandths of a PU.
    pub cpu_milli: Option<u64>,
    /// Memory in bytes, rounded down to pages.
    pub mem_bytes: Option<u64>,
}

/// How often a charge is tried against a counter at its limit.
const ROUNDS: u32 = if cfg!(loom) { 2 } else { 8 };

/// Why a charge was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChargeError {
    NoSuchRole,
    Over(OverLimit),
    /// It may fit once calls in flight have ended.
    Contended,
}

/// Who charges: all desks, which of them is the caller's, and the flight announced there.
pub(crate) type Who<'a> = (&'a Desks, usize, &'a Flight<'a>);

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
    extras: Extras,
    resources: Resources,
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
            extras: Extras::new(roles),
            resources: Resources::new(),
        }
    }

    /// What is counted.
    pub(crate) const fn resources(&self) -> &Resources {
        &self.resources
    }

    /// How many roles there are.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "at most a u16")]
    pub(crate) fn len(&self) -> usize {
        // Acquire: pairs with the Release half of `add`, so the new role's limit is seen.
        self.len.load(Ordering::Acquire) as usize
    }

    /// Adds a role, under another one or at the top; `None` when there is no room. Under the table's lock.
    pub(crate) fn add(&self, parent: Option<RoleId>, limit: Limit) -> Option<RoleId> {
        let at = self.len();
        let role = RoleId::new(u16::try_from(at).ok()?);
        let line = &self.roles.get(at)?.0;
        if let Some(parent) = parent {
            line.put_under(parent);
        }
        self.write_limit(at, limit);
        // Release: pairs with the Acquire of `len`.
        self.len.store(at as u64 + 1, Ordering::Release);
        Some(role)
    }

    fn write_limit(&self, at: usize, limit: Limit) {
        let role = &self.roles[at].0;
        role.set_limit(CPU_MILLI, limit.cpu_milli);
        role.set_limit(PAGES, limit.mem_bytes.map(|bytes| bytes / PAGE_BYTES));
    }

    /// Sets the two common limits of a role; false when there is none. Under the table's lock.
    pub(crate) fn set(&self, role: RoleId, limit: Limit) -> bool {
        let known = role.index() < self.len();
        if known {
            self.write_limit(role.index(), limit);
        }
        known
    }

    /// Sets a role's limit at one place, in the unit that is counted; false when there is no such role. Under the table's lock.
    pub(crate) fn set_at(&self, id: RoleId, place: usize, limit: Option<u64>) -> bool {
        let Some(role) = self.role(id) else { return false };
        match place {
            CPU_MILLI | PAGES => role.set_limit(place, limit),
            _ => self.extras.set_limit(id, place, limit),
        }
        true
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

    fn used_both(&self, id: RoleId) -> Option<[u64; 2]> {
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

    /// What a role and those below it are charged at this moment, by place.
    pub(crate) fn used(&self, id: RoleId) -> Option<Amounts> {
        let [cpu_milli, pages] = self.used_both(id)?;
        let mut used = Amounts::new(cpu_milli, pages);
        for place in PAGES + 1..PLACES {
            used.0[place] = self.extras.used(id, place);
        }
        Some(used)
    }

    /// A role's limit at a place; `u64::MAX` for none.
    fn limit_at(&self, (id, role): (RoleId, &Role), place: usize) -> u64 {
        match place {
            CPU_MILLI | PAGES => role.limit(place),
            _ => self.extras.limit(id, place),
        }
    }

    /// Why `owed` would be refused at this moment, if it would be.
    pub(crate) fn refuses(&self, id: RoleId, owed: &Amounts) -> Result<(), ChargeError> {
        self.role(id).ok_or(ChargeError::NoSuchRole)?;
        for level in self.path(id) {
            let used = self.used(level.0).unwrap_or(Amounts::ZERO);
            for place in (0..PLACES).filter(|place| owed.0[*place] > 0) {
                let (asked, used, limit) = (owed.0[place], used.0[place], self.limit_at(level, place));
                if used.saturating_add(asked) > limit {
                    return Err(ChargeError::Over(over(&self.resources, level.0, (place, limit), asked, used)));
                }
            }
        }
        Ok(())
    }

    /// Charges `owed` to a role and those above it, in a flight for this role at the desk: all of it or none.
    #[inline]
    pub(crate) fn charge(&self, who: Who<'_>, role: RoleId, owed: &Amounts) -> Result<(), ChargeError> {
        if !owed.has_extras() {
            return self.charge_both(who, role, owed.cpu_and_pages());
        }
        // What was charged of it is refunded here: no panic may come between.
        let _calm = sync::calm();
        self.charge_extras(who, role, owed)?;
        let charged = self.charge_both(who, role, owed.cpu_and_pages());
        if charged.is_err() {
            self.refund_extras(role, owed);
            who.2.count_undone();
        }
        charged
    }

    /// Charges CPU and pages.
    #[inline]
    pub(crate) fn charge_both(&self, who: Who<'_>, role: RoleId, owed: [u64; 2]) -> Result<(), ChargeError> {
        if self.charge_here(who.1, role, owed) { Ok(()) } else { self.charge_path(who, role, owed) }
    }

    /// Charges what needs no counter: a top role without limits, or what the desk has credit for. False: it has to be charged in
    /// full, along the path.
    #[inline(always)]
    pub(crate) fn charge_here(&self, desk: usize, role: RoleId, owed: [u64; 2]) -> bool {
        match self.roles.get(role.index()).map_or(0, |role| role.0.way()) {
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

    /// Charges the counters of one level, and takes some credit with it where there is plenty.
    #[cold]
    fn charge_counter(&self, who: Who<'_>, (id, role): (RoleId, &Role), owed: [u64; 2]) -> Result<(), ChargeError> {
        let (desks, desk, flight) = who;
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
            let quiet = !self.is_in_flight(who, id);
            let found = self.take_credits((id, role));
            if quiet && found == [0; 2] && watch.saw_no_undo(desks, usize::from(at == 1)) {
                let used = at_least_zero(role.given(at).wrapping_add(self.tallied(id)[at]));
                return Err(ChargeError::Over(over(&self.resources, id, (at, role.limit(at)), owed[at], used)));
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

    /// Charges `owed` past any limit, for what runs already.
    pub(crate) fn charge_fact(&self, id: RoleId, owed: &Amounts) -> Result<(), ChargeError> {
        let _calm = sync::calm();
        self.role(id).ok_or(ChargeError::NoSuchRole)?;
        for (_, role) in self.path(id) {
            for (at, owed) in owed.cpu_and_pages().into_iter().enumerate() {
                let _always = role.raise(at, owed, (u64::MAX, 0));
            }
        }
        self.charge_extras_in_fact(id, owed);
        Ok(())
    }

    /// Takes back a charge made earlier.
    #[inline]
    pub(crate) fn refund(&self, desk: usize, role: RoleId, owed: &Amounts) {
        self.refund_both(desk, role, owed.cpu_and_pages());
        if owed.has_extras() {
            self.refund_extras(role, owed);
        }
    }

    /// Takes back a charge of CPU and pages made earlier.
    #[inline(always)]
    pub(crate) fn refund_both(&self, desk: usize, id: RoleId, owed: [u64; 2]) {
        let Some(role) = self.roles.get(id.index()) else { return };
        match role.0.way() {
            BY_TALLY => self.account(desk, id).count(owed.map(u64::wrapping_neg)),
            BY_CREDIT => self.give_credit(desk, (id, &role.0), owed),
            _ => self.refund_path(desk, id, owed),
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

/// A no, in the units that are told.
fn over(resources: &Resources, role: RoleId, (place, limit): (usize, u64), asked: u64, used: u64) -> OverLimit {
    let resource = resources.at(place).unwrap_or(Resource::CpuMilli);
    let [asked, used, limit] = [asked, used, limit].map(|figure| figure.saturating_mul(resource.unit()));
    OverLimit { role, resource, asked, used, limit }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests;
