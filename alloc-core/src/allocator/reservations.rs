//! Reservations: what is set aside on an agent for a role and those below it.
//!
//! A reservation's content is in claims of the allocator's own owner, charged to its role whether used or not, so that limits count
//! it. It is in three places: **idle** (claims that nobody has), in **offers** (idle claims that a subscription may take from), and
//! **launched** (claims of frameworks, split off). What is launched comes back when it ends: its claim becomes idle in place (see
//! [`idle`](crate::idle)), and nothing of it is ever free in between.
//!
//! Rule 1: a reservation is offered to subscriptions of its role and of those below, in offers of its own; their filters are kept by
//! reservation, so that what is refused of the agent does not hide what is reserved on it, nor the other way round.
//! Rule 2: a share counts what is offered and launched. A guarantee counts what is idle too, as a limit does.
//! Rule 3: a reservation may be *refined* for a role below: the **stack** is the roles from the first to the last. What leaves the
//! refined one goes to the one under it in the stack, and from the last of them to everybody.
//! Rule 4: a reservation of which nothing is left is gone, with its id; so are all of an agent that is removed.

use core::fmt;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

use crate::allocator::Allocator;
use crate::allocator::agents::AgentAt;
use crate::allocator::bits::Bits;
use crate::allocator::claims::Mixer;
use crate::allocator::filters::Filters;
use crate::allocator::offers::HeldPart;
use crate::amounts::Amounts;
use crate::ids::{AgentId, ClaimId, Owner, RoleId};
use crate::reason::Resource;

/// The owner of what is reserved and not launched: the allocator's, and nobody else's.
pub(crate) const RESERVER: Owner = Owner::new(u64::MAX - 1);

/// A reservation's place.
pub(crate) type ReservationAt = u32;

/// Bits of a reservation's id that are its place; the others count how often the place was used.
const PLACE_BITS: u32 = 20;

/// A reservation. Ids are not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(u64);

impl ReservationId {
    /// The id as one number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The id from a number. Every number is safe: one that names no reservation is answered so.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    fn at(self) -> ReservationAt {
        u32::try_from(self.0 & ((1 << PLACE_BITS) - 1)).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rv{}", self.0)
    }
}

impl fmt::Debug for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who may end a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReservationKind {
    /// Its agent came with it; operators only.
    Static,
    /// Frameworks that it is offered to, and operators.
    Dynamic,
}

/// A reservation.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    pub(crate) id: ReservationId,
    pub(crate) agent: AgentAt,
    pub(crate) role: RoleId,
    pub(crate) kind: ReservationKind,
    pub(crate) tag: u64,
    /// The one under it in the stack.
    pub(crate) under: Option<ReservationAt>,
    /// What nobody has: one claim, or more if they could not be merged.
    pub(crate) idle: Vec<HeldPart>,
    /// Offers of it that are out.
    pub(crate) out: u32,
    /// Claims launched in it, and how much of it they have.
    pub(crate) launched: u32,
    pub(crate) launched_amounts: Amounts,
    /// Those refined from it.
    pub(crate) refined: u32,
}

impl Reserved {
    pub(crate) fn idle_amounts(&self) -> Amounts {
        let mut sum = Amounts::ZERO;
        self.idle.iter().for_each(|part| sum.add(&part.content.amounts));
        sum
    }

    const fn is_over(&self) -> bool {
        self.idle.is_empty() && self.out == 0 && self.launched == 0 && self.refined == 0
    }
}

/// Where a claim was launched, and how much of it is reserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    pub(crate) at: ReservationAt,
    pub(crate) amounts: Amounts,
}

/// All reservations.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    list: Vec<Option<Reserved>>,
    uses: Vec<u64>,
    unused: Vec<ReservationAt>,
    of_agent: BTreeMap<AgentAt, Vec<ReservationAt>>,
    pub(crate) homes: HashMap<ClaimId, Home, BuildHasherDefault<Mixer>>,
    /// Those that can be offered, by role; how many there are.
    offerable: Vec<Bits>,
    offerable_count: u32,
    /// What is idle of a role's and of those below, by role.
    idle: Vec<Amounts>,
    /// Who does not want which, by subscription and reservation.
    pub(crate) filters: Filters,
}

impl Reservations {
    pub(crate) fn add(&mut self, reserved: Reserved) -> ReservationAt {
        let at = self.unused.pop().unwrap_or_else(|| {
            self.list.push(None);
            self.uses.push(0);
            u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
        });
        let id = ReservationId(self.uses[at as usize] << PLACE_BITS | u64::from(at));
        self.of_agent.entry(reserved.agent).or_default().push(at);
        if let Some(under) = reserved.under.and_then(|under| self.get_mut(under)) {
            under.refined += 1;
        }
        self.list[at as usize] = Some(Reserved { id, ..reserved });
        at
    }

    pub(crate) fn remove(&mut self, at: ReservationAt) -> Option<Reserved> {
        let reserved = self.list.get_mut(at as usize)?.take()?;
        self.uses[at as usize] += 1;
        self.unused.push(at);
        if let Some(here) = self.of_agent.get_mut(&reserved.agent) {
            here.retain(|other| *other != at);
            if here.is_empty() {
                self.of_agent.remove(&reserved.agent);
            }
        }
        if let Some(under) = reserved.under.and_then(|under| self.get_mut(under)) {
            under.refined -= 1;
        }
        self.filters.remove_agent(at);
        Some(reserved)
    }

    #[inline]
    pub(crate) fn get(&self, at: ReservationAt) -> Option<&Reserved> {
        self.list.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: ReservationAt) -> Option<&mut Reserved> {
        self.list.get_mut(at as usize)?.as_mut()
    }

    pub(crate) fn find(&self, id: ReservationId) -> Option<ReservationAt> {
        let at = id.at();
        (self.get(at)?.id == id).then_some(at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ReservationAt, &Reserved)> {
        (0..).zip(&self.list).filter_map(|(at, reserved)| Some((at, reserved.as_ref()?)))
    }

    /// Those of an agent, in the order in which they were made.
    pub(crate) fn of_agent(&self, agent: AgentAt) -> &[ReservationAt] {
        self.of_agent.get(&agent).map_or(&[], Vec::as_slice)
    }

    /// Whether any can be offered.
    #[inline]
    pub(crate) const fn any_offerable(&self) -> bool {
        self.offerable_count > 0
    }

    /// Those of a role that can be offered.
    pub(crate) fn offerable(&self, role: RoleId) -> Option<&Bits> {
        self.offerable.get(role.index())
    }

    pub(crate) fn put_offerable(&mut self, role: RoleId, at: ReservationAt, offerable: bool) {
        if self.offerable.len() <= role.index() {
            self.offerable.resize(role.index() + 1, Bits::default());
        }
        let bits = &mut self.offerable[role.index()];
        bits.grow(at as usize + 1);
        if bits.has(at) != offerable {
            bits.put(at, offerable);
            self.offerable_count = self.offerable_count.saturating_add_signed(if offerable { 1 } else { -1 });
        }
    }

    /// What a role has reserved, with all below it, and nobody has.
    pub(crate) fn idle_of(&self, role: RoleId) -> Amounts {
        self.idle.get(role.index()).copied().unwrap_or(Amounts::ZERO)
    }

    pub(crate) fn count_idle(&mut self, role: RoleId, change: impl FnOnce(&mut Amounts)) {
        if self.idle.len() <= role.index() {
            self.idle.resize(role.index() + 1, Amounts::ZERO);
        }
        change(&mut self.idle[role.index()]);
    }

    /// Whether a claim was launched in a reservation.
    pub(crate) fn is_home(&self, claim: ClaimId) -> bool {
        !self.homes.is_empty() && self.homes.contains_key(&claim)
    }
}

/// A reservation, to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationView {
    /// Which.
    pub id: ReservationId,
    /// On which agent.
    pub agent: AgentId,
    /// The roles from the first that it was reserved for to the one that it is refined for.
    pub stack: Vec<RoleId>,
    /// Who may end it.
    pub kind: ReservationKind,
    /// The caller's.
    pub tag: u64,
    /// All of it, of each resource of which there is any, in its unit.
    pub amounts: Vec<(Resource, u64)>,
    /// Offers of it that are out.
    pub offers: u32,
    /// Claims that were launched in it.
    pub launched: u32,
}

impl ReservationView {
    /// The role that it is for.
    #[must_use]
    pub fn role(&self) -> Option<RoleId> {
        self.stack.last().copied()
    }
}

impl Allocator {
    /// An agent's reservations, in the order in which they were made. What is refined is in the refined ones only.
    pub fn reservations(&self, agent: AgentId) -> impl Iterator<Item = ReservationView> + '_ {
        self.reservations.of_agent(agent.get()).iter().filter_map(|at| self.reservation_at(*at))
    }

    /// A reservation; `None` when it is gone.
    #[must_use]
    pub fn reservation(&self, id: ReservationId) -> Option<ReservationView> {
        self.reservation_at(self.reservations.find(id)?)
    }

    fn reservation_at(&self, at: ReservationAt) -> Option<ReservationView> {
        let reserved = self.reservations.get(at)?;
        let &Reserved { id, kind, tag, out: offers, launched, .. } = reserved;
        let amounts = self.listed(&self.reserved_amounts(at));
        let stack = self.stack_of(at);
        Some(ReservationView { id, agent: AgentId::new(reserved.agent), stack, kind, tag, amounts, offers, launched })
    }

    /// The roles of a reservation's stack, the first one first.
    pub(crate) fn stack_of(&self, at: ReservationAt) -> Vec<RoleId> {
        let below = core::iter::successors(self.reservations.get(at), |one| self.reservations.get(one.under?));
        let mut stack: Vec<RoleId> = below.map(|one| one.role).collect();
        stack.reverse();
        stack
    }

    /// All of a reservation: idle, offered and launched.
    pub(crate) fn reserved_amounts(&self, at: ReservationAt) -> Amounts {
        let Some(reserved) = self.reservations.get(at) else { return Amounts::ZERO };
        let mut sum = reserved.idle_amounts();
        sum.add(&reserved.launched_amounts);
        if reserved.out > 0 {
            let offers = self.offers.iter().filter(|offer| offer.held.reservation() == Some(at));
            offers.for_each(|offer| sum.add(&self.content(offer).amounts));
        }
        sum
    }

    fn listed(&self, amounts: &Amounts) -> Vec<(Resource, u64)> {
        let resources = self.table().resources().into_iter().zip(amounts.0);
        resources.filter(|(_, amount)| *amount > 0).map(|(of, amount)| (of, amount * of.unit())).collect()
    }

    /// A reservation of which nothing is left is gone, and perhaps the one under it.
    pub(crate) fn end_if_over(&mut self, at: ReservationAt) {
        let mut next = Some(at);
        while let Some(at) = next {
            if !self.reservations.get(at).is_some_and(Reserved::is_over) {
                return;
            }
            let Some(over) = self.reservations.remove(at) else { return };
            self.count_child(over.role, -1);
            next = over.under;
        }
    }
}
