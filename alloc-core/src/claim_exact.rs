//! Claim exact: PUs, shares and memory that a scheduler has chosen by itself, from a [`Snapshot`](crate::Snapshot), in one claim.
//!
//! How old the choice is does not matter: the agent must be the incarnation it was made for, and every bit that is named must be free
//! when it is taken. Two schedulers that chose the same core both try, and one gets it. There are no alternatives: who is told what
//! is taken looks again.
//!
//! The rest is as with any claim (see [`claim`](crate::claim)): all or nothing, within the role's limit, and a no is final only if nobody
//! in flight can have caused it.

use core::borrow::Borrow;
use core::fmt;

use crate::MILLI_PER_PU;
use crate::PAGE_BYTES;
use crate::claim::{Holder, TRIES, Untaken, take};
use crate::desk::Watch;
use crate::exact::{self, Inexact};
use crate::extras;
use crate::ids::{AgentId, NumaNodeId, PuId};
use crate::leaf::PuState;
use crate::ledger::ChargeError;
use crate::local::{Caller, Local};
use crate::machine::Machine;
use crate::memory::Seat;
use crate::outcome::{Contended, Grant};
use crate::part::Part;
use crate::placement::Placement;
use crate::reason::{Invalid, Reason, Refusal, Wanted};
use crate::record::OpenRecord;
use crate::site::{Hands, Site};
use crate::stock::{Stock, View, WhatIf, milli_in, pus_in};
use crate::table::Table;
use crate::usage::MemoryMode;

/// The answer to claim_exact.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimedExact {
    /// It is yours, exactly as said.
    Granted(Grant),
    /// Something of it is not free; the rest may be.
    Taken(Taken),
    /// The agent is not the machine the placement was made for.
    Stale {
        /// Which incarnation it is; `None` when it is not there.
        incarnation: Option<u32>,
    },
    /// No for another reason: the placement cannot be one of this machine, the agent takes no claims, the role's limit, no records.
    Refused(Refusal),
    /// Others were in the way; ask again.
    Contended(Contended),
}

/// What of an exact placement is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A PU is in another claim's hands or in a pool's; the first one that is.
    Pu(PuId),
    /// A pool has less room, and too few cores beside it to join.
    Pool {
        /// The pool's NUMA node; `None` for the pool of the cores that are in no NUMA node.
        numa_node: Option<NumaNodeId>,
        /// What was asked, in thousandths of a PU.
        asked_milli: u32,
        /// What there is, with all cores that could join.
        room_milli: u32,
    },
    /// A NUMA node has less memory.
    Memory {
        /// The NUMA node.
        numa_node: NumaNodeId,
        /// What was asked, in bytes.
        asked_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// Huge pages, a device, disk, a scalar, a number or an item is held by another claim, or there is less.
    Extra(Wanted),
    /// Those who are on a NUMA node admit no claim on these terms.
    Closed {
        /// The NUMA node.
        numa_node: NumaNodeId,
        /// Whom it serves.
        mode: MemoryMode,
    },
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Pu(pu) => write!(f, "PU {pu} is taken: look again, and choose another"),
            Self::Pool { numa_node, asked_milli, room_milli } => {
                let place = numa_node.map_or_else(|| "cores in no NUMA node".into(), |numa_node| numa_node.to_string());
                write!(f, "the pool of {place} has room for {room_milli} of {asked_milli} cpu_milli")
            }
            Self::Memory { numa_node, asked_bytes, free_bytes } => {
                write!(f, "{numa_node} has {free_bytes} free bytes for {asked_bytes}")
            }
            Self::Extra(what) => write!(f, "too few free {}: look again, and choose others", what.noun()),
            Self::Closed { numa_node, mode } => {
                let whom = match mode {
                    MemoryMode::Open => "claims of several NUMA nodes, or more than can be counted",
                    MemoryMode::Single => "claims of this NUMA node alone",
                    MemoryMode::Group => "claims of one group of NUMA nodes",
                };
                write!(f, "{numa_node} serves {whom}, and this claim may not be mixed with them")
            }
        }
    }
}

impl Table {
    /// Claims exactly this on one agent, all or nothing, if it is still the incarnation that the placement was made for: as
    /// [`Snapshot::plan`](crate::Snapshot::plan) found it, or as the caller did. Unlike `restore` it is a new claim: within the role's
    /// limit, on an active agent, and its shares may let cores join their pool.
    pub fn claim_exact(&self, agent: AgentId, incarnation: u32, holder: Holder, placement: &Placement) -> ClaimedExact {
        let claimed = self.with_guest(|guest| guest.claim_exact(agent, holder, (incarnation, placement)));
        claimed.unwrap_or(ClaimedExact::Contended(Contended { pools_changed: false }))
    }
}

impl<T: Borrow<Table>> Local<T> {
    /// As [`Table::claim_exact`].
    pub fn claim_exact(&self, agent: AgentId, incarnation: u32, holder: Holder, placement: &Placement) -> ClaimedExact {
        self.caller().claim_exact(agent, holder, (incarnation, placement))
    }
}

/// A placement, and the incarnation it was made for.
pub(crate) type Choice<'a> = (u32, &'a Placement);

impl Caller<'_> {
    pub(crate) fn claim_exact(&self, agent: AgentId, holder: Holder, choice: Choice<'_>) -> ClaimedExact {
        let claimed = self.at(agent, |hands, at| claim_exact(hands, at, holder, choice));
        claimed.unwrap_or(ClaimedExact::Stale { incarnation: None })
    }
}

/// Why a try came to nothing.
enum Untried {
    /// A no that nobody in flight can have caused.
    No(ClaimedExact),
    /// Something may have moved.
    Again { pools_changed: bool },
}

fn claim_exact(hands: Hands<'_>, at: u32, holder: Holder, choice: Choice<'_>) -> ClaimedExact {
    let mut pools_changed = false;
    for attempt in 0..TRIES {
        // To watch costs a look at every desk: only once the first try has failed.
        let watch = (attempt > 0).then(|| Watch::start(hands.table.desks()));
        let Some(site) = hands.site(at) else { return stale(None, pools_changed) };
        if site.cell.incarnation != choice.0 {
            return stale(Some(site.cell.incarnation), pools_changed);
        }
        match try_exact(&site, holder, choice.1, watch) {
            Ok(grant) => {
                let pools_changed = grant.pools_changed || pools_changed;
                return ClaimedExact::Granted(Grant { pools_changed, ..grant });
            }
            Err(Untried::No(no)) => return told(no, pools_changed),
            Err(Untried::Again { pools_changed: changed }) => pools_changed |= changed,
        }
    }
    ClaimedExact::Contended(Contended { pools_changed })
}

fn stale(incarnation: Option<u32>, pools_changed: bool) -> ClaimedExact {
    told(ClaimedExact::Stale { incarnation }, pools_changed)
}

/// A no. Cores that joined and left again in an earlier try have to be told of, and a no has no place to say so.
const fn told(no: ClaimedExact, pools_changed: bool) -> ClaimedExact {
    if pools_changed { ClaimedExact::Contended(Contended { pools_changed }) } else { no }
}

fn try_exact(site: &Site<'_>, holder: Holder, placement: &Placement, watch: Option<Watch>) -> Result<Grant, Untried> {
    let refused = |reason| Untried::No(ClaimedExact::Refused(site.refusal(reason)));
    let unless_moved = |no| match watch {
        Some(watch) if site.hands.was_quiet(watch, site.cell.line) => no,
        _ => Untried::Again { pools_changed: false },
    };
    if let Some(reason) = site.closed() {
        return Err(refused(reason));
    }
    if !placement.groups.is_empty() {
        return Err(refused(Reason::Invalid(Invalid::JoinsNoGroup)));
    }
    let full = || unless_moved(refused(site.hands.full()));
    let mut record = site.begin(holder.owner, holder.role).map_err(|_| full())?;
    exact::parts(site.machine.shape, placement, &mut record).map_err(|inexact| match inexact {
        Inexact::Invalid(invalid) => refused(Reason::Invalid(invalid)),
        Inexact::Records => full(),
    })?;
    if record.len() == 0 {
        return Err(refused(Reason::Invalid(Invalid::NoCpu)));
    }
    record.sort();
    if let Some(taken) = first_taken(site.machine, &record) {
        return Err(unless_moved(Untried::No(ClaimedExact::Taken(taken))));
    }
    let charged = record.amounts(site.hands.places_of(record.place()));
    take(site, &mut record, &charged, None).map_err(|untaken| match untaken {
        Untaken::Moved { pools_changed } => Untried::Again { pools_changed },
        Untaken::Role(ChargeError::NoSuchRole) => refused(Reason::NoSuchRole(holder.role)),
        Untaken::Role(ChargeError::Over(over)) => refused(Reason::RoleLimit(over)),
        Untaken::Role(ChargeError::Contended) => Untried::Again { pools_changed: false },
    })
}

/// The first part of a record that is not to be had at this moment.
fn first_taken(machine: Machine<'_>, record: &OpenRecord<'_>) -> Option<Taken> {
    record.parts().find_map(|(_, part)| match part {
        Part::Empty | Part::Member { .. } => None,
        Part::Cores { leaf, pus, .. } => taken_pu(machine, leaf, pus),
        Part::Share { pool, .. } => taken_pool(machine, pool, record),
        Part::Memory { numa_node, seat, pages } => taken_memory(machine, numa_node, seat, pages),
        Part::Extra { word, amount } => {
            let fits = word.take(machine.extra(word), amount).is_some();
            (!fits).then(|| Taken::Extra(extras::exact::what(machine.shape, word)))
        }
    })
}

fn taken_pu(machine: Machine<'_>, leaf: u16, pus: u32) -> Option<Taken> {
    let taken = pus & !machine.pus_in(leaf, PuState::Free);
    exact::pus_of(machine.shape, leaf, taken).min().map(Taken::Pu)
}

/// All members' shares of a pool together, beside the cores that the claim takes for itself.
fn taken_pool(machine: Machine<'_>, pool: u16, record: &OpenRecord<'_>) -> Option<Taken> {
    let asked_milli = milli_in(record, pool);
    let room = machine.pool(pool).room_milli();
    if asked_milli <= room {
        return None;
    }
    let view = View { machine, what_if: WhatIf::AsIs };
    let layout = &machine.shape.layout;
    let whole = |leaf: &u16| layout.leaves[usize::from(*leaf)].bits.whole(view.pus(*leaf) & !pus_in(record, *leaf));
    let join = layout.pools[usize::from(pool)].leaves.iter().map(|leaf| whole(leaf).count_ones()).sum::<u32>();
    let room_milli = room + (view.leaving(pool) + join) * MILLI_PER_PU;
    let numa_node = exact::pool_numa_node(machine.shape, pool);
    (asked_milli > room_milli).then_some(Taken::Pool { numa_node, asked_milli, room_milli })
}

fn taken_memory(machine: Machine<'_>, numa_node: NumaNodeId, seat: Seat, pages: u64) -> Option<Taken> {
    let word = machine.memory(numa_node);
    if !word.admits(seat) {
        return Some(Taken::Closed { numa_node, mode: MemoryMode::new(word) });
    }
    let (asked_bytes, free_bytes) = (pages * PAGE_BYTES, word.pages() * PAGE_BYTES);
    (pages > word.pages()).then_some(Taken::Memory { numa_node, asked_bytes, free_bytes })
}
