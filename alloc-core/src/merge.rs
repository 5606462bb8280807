//! Merge: two claims of one agent, owner and role become one. Nothing passes through Free, so nobody can take it meanwhile.
//!
//! Both claims are opened (Busy), the lower record first: of two calls that want the same two claims one gets both. Then:
//! 1. the claim that stays gets room for what comes;
//! 2. the merged claim takes the seats it lacks on the NUMA nodes (others may forbid it: the last step that can fail);
//! 3. the parts are written, the seats there are now too many of given back, and the other claim's record is freed.
//!
//! **Seats.** A claim uses all its memory on one set of terms, the stronger of the two: what was promised to one of them is kept;
//! what was only held comes to be in use with what is in use. Loose memory of two NUMA nodes is loose memory of several. What
//! cannot be is memory promised to a claim that then has memory elsewhere.
//!
//! **Members.** Those of the claim that goes come after those of the other, as new members of a pod that is there already. Two
//! plain holds (one member each, no memory in use) become one: they are what is free, not who runs in it.

use crate::desk::{Flight, Watch};
use crate::ids::{ClaimId, NumaNodeId, Owner};
use crate::machine::Machine;
use crate::member::MAX_MEMBERS;
use crate::memory::Seat;
use crate::nodeset::NodeSet;
use crate::outcome::Merged;
use crate::part::Part;
use crate::record::{OpenRecord, Unlocked};
use crate::shape::Shape;
use crate::site::{Hands, Unopened};
use crate::slots::RecordsFull;
use crate::sync;

/// Makes one claim of two.
pub(crate) fn merge(hands: Hands<'_>, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
    if into == from {
        return Merged::Same;
    }
    if into.agent() != from.agent() {
        return Merged::OtherAgent;
    }
    let watch = Watch::start(hands.table.desks());
    match open_both(hands, into, from, owner) {
        Ok((into, from)) => merge_open(hands, watch, into, from).unwrap_or_else(|no| no),
        Err(no) => no,
    }
}

/// Opens both, the lower record first.
fn open_both<'a>(
    hands: Hands<'a>,
    into: ClaimId,
    from: ClaimId,
    owner: Owner,
) -> Result<(OpenRecord<'a>, OpenRecord<'a>), Merged> {
    let open = |claim| hands.open(claim, owner).map_err(|why| unopened(claim, why));
    if into.slot() < from.slot() {
        let into = open(into)?;
        Ok((into, open(from)?))
    } else {
        let from = open(from)?;
        Ok((open(into)?, from))
    }
}

const fn unopened(claim: ClaimId, why: Unopened) -> Merged {
    match why {
        Unopened::NotOwner(owner) => Merged::NotOwner { claim, owner },
        Unopened::Unlocked(Unlocked::Gone) => Merged::Gone { claim },
        Unopened::Unlocked(Unlocked::Contended) => Merged::Contended,
    }
}

fn merge_open<'a>(
    hands: Hands<'a>,
    watch: Watch,
    mut into: OpenRecord<'a>,
    from: OpenRecord<'a>,
) -> Result<Merged, Merged> {
    let (place, other) = (into.place(), from.place());
    if (place.line(), place.shape()) != (other.line(), other.shape()) {
        return Err(Merged::OtherAgent);
    }
    if place.role() != other.role() {
        return Err(Merged::OtherRole { into: place.role(), from: other.role() });
    }
    let first_member = first_member(&into, &from)?;
    let machine = hands.machine_of(place);
    let seat = common_seat(machine.shape, &into, &from)?;
    let records = hands.shard.records.len();
    let before = into.len();
    let room = usize::from(before) + from.parts().count();
    into.make_room(room).map_err(|RecordsFull| Merged::RecordsFull { records })?;
    let seating = Seating::start(hands, machine, seat, &into);
    let seating = seating.take(&into, &from).map_err(|(seating, numa_node)| {
        let quiet = hands.was_quiet(watch, place.line());
        drop(seating);
        into.shorten(before);
        if quiet { Merged::NotAdmitted { numa_node } } else { Merged::Contended }
    })?;
    seating.keep(&mut into, from, first_member);
    Ok(Merged::Merged { charged: into.amounts(hands.places_of(place)).quantities() })
}

/// Whether a claim is of one member at most and none of its memory is in use.
fn is_plain(record: &OpenRecord<'_>) -> bool {
    let in_use = |part| matches!(part, Part::Memory { seat, .. } if seat != Seat::Held);
    record.members() <= 1 && !record.parts().any(|(_, part)| in_use(part))
}

/// The number that the first member of the claim that goes gets.
fn first_member(into: &OpenRecord<'_>, from: &OpenRecord<'_>) -> Result<u8, Merged> {
    if is_plain(into) && is_plain(from) {
        return Ok(0);
    }
    let (first, more) = (into.members(), from.members());
    let members = u32::from(first) + u32::from(more);
    if members as usize > MAX_MEMBERS { Err(Merged::TooManyMembers { members }) } else { Ok(first) }
}

/// How much is promised from a seat.
const fn promise(seat: Seat) -> u8 {
    match seat {
        Seat::Held => 0,
        Seat::SingleLoose => 1,
        Seat::MultiLoose => 2,
        Seat::SingleStrict => 3,
        Seat::Group(_) => 4,
    }
}

/// The NUMA nodes whose memory has seats: all but the special ones, with cores or without.
fn seated(shape: &Shape) -> NodeSet {
    shape.extras.of_kind(0).collect()
}

/// The seats of a claim. Special memory has none.
fn seats(record: &OpenRecord<'_>, seated: NodeSet) -> impl Iterator<Item = (NumaNodeId, Seat)> {
    record.parts().filter_map(move |(_, part)| match part {
        Part::Memory { numa_node, seat, .. } if seated.has(numa_node) => Some((numa_node, seat)),
        _ => None,
    })
}

/// The seat of a claim on a NUMA node that has seats.
fn seat_on(record: &OpenRecord<'_>, numa_node: NumaNodeId) -> Option<Seat> {
    seats(record, NodeSet::of(numa_node)).next().map(|(_, seat)| seat)
}

/// The seat from which the merged claim uses all its memory.
fn common_seat(shape: &Shape, into: &OpenRecord<'_>, from: &OpenRecord<'_>) -> Result<Seat, Merged> {
    let seated = seated(shape);
    let all = || seats(into, seated).chain(seats(from, seated));
    let nodeset: NodeSet = all().map(|(numa_node, _)| numa_node).collect();
    let strongest = all().map(|(_, seat)| seat).max_by_key(|seat| promise(*seat)).unwrap_or(Seat::Held);
    match strongest {
        Seat::Group(group) if shape.layout.groups[usize::from(group)] != nodeset => Err(Merged::MemoryTerms),
        Seat::SingleStrict if nodeset.len() > 1 => Err(Merged::MemoryTerms),
        Seat::SingleLoose if nodeset.len() > 1 => Ok(Seat::MultiLoose),
        seat => Ok(seat),
    }
}

/// The merged claim's seats being taken: dropped before it is kept, it leaves those it took.
struct Seating<'a> {
    machine: Machine<'a>,
    flight: Flight<'a>,
    seat: Seat,
    /// Where a seat was taken.
    taken: NodeSet,
}

impl<'a> Seating<'a> {
    fn start(hands: Hands<'a>, machine: Machine<'a>, seat: Seat, into: &OpenRecord<'_>) -> Self {
        Self { machine, flight: hands.flight(into.place()), seat, taken: NodeSet::EMPTY }
    }

    /// Takes a seat wherever neither claim has the right one; where it was not to be had.
    fn take(mut self, into: &OpenRecord<'_>, from: &OpenRecord<'_>) -> Result<Self, (Self, NumaNodeId)> {
        if self.seat == Seat::Held {
            return Ok(self);
        }
        let seated = seated(self.machine.shape);
        for (numa_node, _) in seats(into, seated).chain(seats(from, seated)) {
            let has = [into, from].map(|record| seat_on(record, numa_node)).contains(&Some(self.seat));
            if has || self.taken.has(numa_node) {
                continue;
            }
            if !self.machine.take_memory(numa_node, self.seat, 0) {
                return Err((self, numa_node));
            }
            self.taken = self.taken.with(numa_node);
        }
        Ok(self)
    }

    /// Gives back the seats that are too many, writes the merged claim, and frees the other one's record.
    fn keep(mut self, into: &mut OpenRecord<'_>, mut from: OpenRecord<'_>, first_member: u8) {
        let _calm = sync::calm();
        let taken = core::mem::take(&mut self.taken);
        let seated = seated(self.machine.shape);
        let all = seats(into, seated).chain(seats(&from, seated));
        let nodeset: NodeSet = all.map(|(numa_node, _)| numa_node).collect();
        for numa_node in nodeset.iter() {
            let mut kept = taken.has(numa_node);
            for seat in [seat_on(into, numa_node), seat_on(&from, numa_node)].into_iter().flatten() {
                if seat == self.seat && !kept {
                    kept = true;
                } else if seat != Seat::Held {
                    self.machine.give_memory(numa_node, seat, 0);
                }
            }
        }
        write(into, &from, first_member, (self.seat, seated));
        from.discard();
    }
}

impl Drop for Seating<'_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        for numa_node in self.taken.iter() {
            self.machine.give_memory(numa_node, self.seat, 0);
        }
        if self.taken != NodeSet::EMPTY {
            self.flight.count_undone();
        }
    }
}

/// Writes the parts of the merged claim, for which there is room.
fn write(into: &mut OpenRecord<'_>, from: &OpenRecord<'_>, first_member: u8, (seat, seated): (Seat, NodeSet)) {
    for at in 0..into.len() {
        into.set(at, into.part(at).on_seat(seat, seated));
    }
    let mut end = (0..into.len()).rev().find(|at| into.part(*at) != Part::Empty).map_or(0, |at| at + 1);
    for (_, part) in from.parts() {
        let part = part.of_member_after(first_member).on_seat(seat, seated);
        match (0..end).find_map(|at| Some((at, into.part(at).with(part)?))) {
            Some((at, sum)) => into.set(at, sum),
            None => {
                into.set(end, part);
                end += 1;
            }
        }
    }
    into.shorten(end);
}
