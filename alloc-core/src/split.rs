//! Split: a part of a claim becomes a claim of its own. Nothing passes through Free, so nobody else can take it meanwhile.
//!
//! The claim is opened (Busy), what the child gets is written into the child's record, and then, in this order:
//! 1. the child takes its seats on the NUMA nodes (others may forbid it: the only step that can fail);
//! 2. a child on a pool whose millis the claim does not have: cores of the claim join the pool, their millis promised to
//!    the claim (Held → Pool; see [`pooling`](crate::pooling));
//! 3. what the child gets is taken off the claim, and both are Live. These are plain writes to records nobody else may touch.
//!
//! The role's charge does not change: what one loses the other has. The claim keeps its own seats; a claim that was split
//! to the last bit stays, empty, until its owner releases it.

use crate::MILLI_PER_PU;
use crate::desk::{Flight, Watch};
use crate::exact::{self, Inexact};
use crate::extras::{ExtraWord, HugeSize};
use crate::ids::{ClaimId, NumaNodeId, Owner};
use crate::machine::Machine;
use crate::memory::Seat;
use crate::outcome::{Contended, Grant, Outcome};
use crate::part::Part;
use crate::placement::Placement;
use crate::plan::{Lack, check, plan};
use crate::pooling;
use crate::reason::{Invalid, Reason, Refusal};
use crate::record::{OpenRecord, Unlocked};
use crate::request::Request;
use crate::site::{Hands, Unopened};
use crate::slots::RecordsFull;
use crate::stock::{Held, milli_in, pus_in};
use crate::sync;
use crate::why;

/// What the child is to get.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    Request(&'a Request),
    Exact(&'a Placement),
}

/// Why there is no child.
enum Unsplit {
    Reason(Reason),
    /// Those who are on the NUMA nodes do not admit it, and may be about to go.
    Seats(Reason),
    Contended,
}

impl From<Invalid> for Unsplit {
    fn from(invalid: Invalid) -> Self {
        Self::Reason(Reason::Invalid(invalid))
    }
}

/// Splits a piece off a claim.
pub(crate) fn split(hands: Hands<'_>, claim: ClaimId, owner: Owner, piece: Piece<'_>) -> Outcome {
    let refused = |reason| Outcome::Refused(Refusal { agent: claim.agent(), reason });
    let watch = Watch::start(hands.table.desks());
    let mut line = 0;
    match attempt(hands, claim, owner, piece, &mut line) {
        Ok(grant) => Outcome::Granted(grant),
        Err(Unsplit::Seats(reason)) if hands.was_quiet(watch, line) => refused(reason),
        Err(Unsplit::Reason(reason)) => refused(reason),
        Err(Unsplit::Seats(_) | Unsplit::Contended) => Outcome::Contended(Contended { pools_changed: false }),
    }
}

fn attempt(hands: Hands<'_>, claim: ClaimId, owner: Owner, piece: Piece<'_>, line: &mut u32) -> Result<Grant, Unsplit> {
    let full = |RecordsFull: RecordsFull| Unsplit::Reason(hands.full());
    let mut parent = hands.open(claim, owner).map_err(|unopened| match unopened {
        Unopened::NotOwner(owner) => Unsplit::Reason(Reason::NotOwner { owner }),
        Unopened::Unlocked(Unlocked::Gone) => Unsplit::Reason(Reason::Gone),
        Unopened::Unlocked(Unlocked::Contended) => Unsplit::Contended,
    })?;
    let machine = hands.machine_of(parent.place());
    *line = parent.place().line();
    let records = &hands.shard.records;
    let mut record = records.begin(hands.magazine, owner, parent.agent(), parent.place()).map_err(full)?;
    match piece {
        Piece::Request(request) => {
            check(request)?;
            let of_group = |part| matches!(part, Part::Memory { seat: Seat::Group(_), .. });
            if request.is_of_one_numa_node() && request.mem_bytes > 0 && parent.parts().any(|(_, part)| of_group(part))
            {
                return Err(Invalid::NotHeld.into());
            }
            request.standing.into_iter().for_each(|standing| record.set_standing(standing));
            let held = Held { machine, record: &parent, all_admitted: false };
            plan(request, &held, &mut record).map_err(|lack| unsplit(lack, held, request, hands))?;
        }
        // Members do not come in pieces.
        Piece::Exact(placement) if !placement.groups.is_empty() => return Err(Invalid::JoinsNoGroup.into()),
        Piece::Exact(placement) => exact::parts(machine.shape, placement, &mut record).map_err(|why| match why {
            Inexact::Invalid(invalid) => Unsplit::from(invalid),
            Inexact::Records => full(RecordsFull),
        })?,
    }
    record.sort();
    if record.len() == 0 || !is_inside(machine, &record, &parent) {
        return Err(Invalid::NotHeld.into());
    }
    make_room_for_shares(&record, &mut parent).map_err(full)?;
    let flight = hands.flight(record.place());
    let mut child = Child { machine, record, flight, seated: 0 };
    if !child.take_seats() {
        return Err(Unsplit::Contended);
    }
    // From here on nothing fails.
    let pools_changed = convert_shares(machine, &child.record, &mut parent);
    let grant = Grant {
        claim: ClaimId::new(claim.agent(), child.record.slot(), child.record.generation()),
        charged: child.record.amounts(hands.places_of(child.record.place())).quantities(),
        pools_changed,
    };
    take_off(&child.record, &mut parent);
    child.keep();
    Ok(grant)
}

fn unsplit(lack: Lack, held: Held<'_>, request: &Request, hands: Hands<'_>) -> Unsplit {
    match lack {
        Lack::Moved => Unsplit::Contended,
        Lack::Records => Unsplit::Reason(hands.full()),
        Lack::Cpus | Lack::Memory | Lack::Extra(_) => match why::of_split(lack, held, request) {
            reason @ Reason::StrictMemory(_) => Unsplit::Seats(reason),
            reason => Unsplit::Reason(reason),
        },
    }
}

/// Whether the claim holds all that the child is to get; shares may also come from cores that join the pool.
fn is_inside(machine: Machine<'_>, child: &OpenRecord<'_>, parent: &OpenRecord<'_>) -> bool {
    child.parts().all(|(_, part)| match part {
        Part::Cores { leaf, pus, .. } => pus_in(parent, leaf) & pus == pus,
        Part::Share { pool, .. } => {
            let spare: u32 = spare_cores(machine, pool, child, parent).map(|(_, pus)| pus.count_ones()).sum();
            milli_in(child, pool) <= milli_in(parent, pool) + spare * MILLI_PER_PU
        }
        Part::Memory { numa_node, pages: 0, .. } if may_sit_without_pages(numa_node, child, part) => true,
        part => parent.find(part).is_some_and(|(_, has)| has.without(part).is_some()),
    })
}

/// Whether a seat on a NUMA node of which the child gets no pages is in order: a group is held as one, and who has huge
/// pages sits beside them.
fn may_sit_without_pages(numa_node: NumaNodeId, child: &OpenRecord<'_>, part: Part) -> bool {
    let is_group = matches!(part, Part::Memory { seat: Seat::Group(_), .. });
    let huge = |size| Part::Extra { word: ExtraWord::Huge(numa_node, size), amount: 0 };
    is_group || HugeSize::ALL.into_iter().any(|size| child.find(huge(size)).is_some())
}

/// The claim's whole cores that could join a pool: their leaf, and the PUs the child does not get.
fn spare_cores(
    machine: Machine<'_>,
    pool: u16,
    child: &OpenRecord<'_>,
    parent: &OpenRecord<'_>,
) -> impl Iterator<Item = (u16, u32)> {
    let layout = &machine.shape.layout;
    layout.pools[usize::from(pool)].leaves.iter().map(|&leaf| {
        let spare = pus_in(parent, leaf) & !pus_in(child, leaf);
        (leaf, layout.leaves[usize::from(leaf)].bits.whole(spare))
    })
}

/// Sees to it that the claim has a part for each pool the child has a share of, so that what follows cannot fail.
fn make_room_for_shares(child: &OpenRecord<'_>, parent: &mut OpenRecord<'_>) -> Result<(), RecordsFull> {
    for (_, part) in child.parts() {
        if let Part::Share { pool, .. } = part
            && parent.find(part).is_none()
        {
            parent.push(Part::Share { pool, member: 0, cpu_milli: 0 })?;
        }
    }
    Ok(())
}

/// Lets cores of the claim join the pools until it has the shares the child is to get; true when any did.
fn convert_shares(machine: Machine<'_>, child: &OpenRecord<'_>, parent: &mut OpenRecord<'_>) -> bool {
    let mut changed = false;
    for (_, part) in child.parts() {
        let Part::Share { pool, .. } = part else { continue };
        while milli_in(parent, pool) < milli_in(child, pool)
            && let Some((leaf, spare)) = fewest(spare_cores(machine, pool, child, parent))
            && let Some((at, Part::Share { member, cpu_milli, .. })) = parent.find(part)
        {
            let core = machine.shape.layout.leaves[usize::from(leaf)].bits.lowest(spare, 1);
            let brought = pooling::convert(&machine, leaf, core);
            take_pus_off(parent, leaf, core);
            parent.set(at, Part::Share { pool, member, cpu_milli: cpu_milli + brought });
            changed = true;
        }
    }
    changed
}

fn fewest(cores: impl Iterator<Item = (u16, u32)>) -> Option<(u16, u32)> {
    cores.filter(|(_, pus)| *pus != 0).min_by_key(|(_, pus)| pus.count_ones())
}

fn take_off(child: &OpenRecord<'_>, parent: &mut OpenRecord<'_>) {
    for (_, part) in child.parts() {
        match part {
            Part::Cores { leaf, pus, .. } => take_pus_off(parent, leaf, pus),
            Part::Share { pool, cpu_milli, .. } => take_milli_off(parent, pool, cpu_milli),
            part => {
                let rest = parent.find(part).and_then(|(at, has)| has.without(part).map(|rest| (at, rest)));
                let Some((at, rest)) = rest else { continue };
                parent.set(at, rest);
            }
        }
    }
}

/// Takes PUs off whichever members have them.
fn take_pus_off(parent: &mut OpenRecord<'_>, leaf: u16, gone: u32) {
    for at in 0..parent.len() {
        if let Part::Cores { leaf: here, member, pus } = parent.part(at)
            && here == leaf
            && let Some(rest) = parent.part(at).without(Part::Cores { leaf, member, pus: pus & gone })
        {
            parent.set(at, rest);
        }
    }
}

/// Takes millis off the members that have them, in the order of the claim's parts.
fn take_milli_off(parent: &mut OpenRecord<'_>, pool: u16, gone: u32) {
    let mut left = gone;
    for at in 0..parent.len() {
        if let Part::Share { pool: here, member, cpu_milli } = parent.part(at)
            && here == pool
            && let taken = cpu_milli.min(left)
            && let Some(rest) = parent.part(at).without(Part::Share { pool, member, cpu_milli: taken })
        {
            parent.set(at, rest);
            left -= taken;
        }
    }
}

/// A child that is not a claim yet: dropped, it leaves the seats it took.
struct Child<'a> {
    machine: Machine<'a>,
    record: OpenRecord<'a>,
    flight: Flight<'a>,
    /// Parts of the record whose seats are taken.
    seated: u16,
}

impl Child<'_> {
    fn take_seats(&mut self) -> bool {
        while self.seated < self.record.len() {
            if let Part::Memory { numa_node, seat, .. } = self.record.part(self.seated)
                && !self.machine.take_memory(numa_node, seat, 0)
            {
                return false;
            }
            self.seated += 1;
        }
        true
    }

    fn keep(mut self) {
        self.seated = 0;
        self.record.publish();
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        let undone = self.seated > 0;
        while self.seated > 0 {
            self.seated -= 1;
            if let Part::Memory { numa_node, seat, .. } = self.record.part(self.seated) {
                self.machine.give_memory(numa_node, seat, 0);
            }
        }
        if undone {
            self.flight.count_undone();
        }
    }
}
