//! Quick: the claim that most claims are, straight on: whole cores of one leaf, perhaps with memory of its NUMA node. And its release.
//!
//! The general way plans, writes a record, takes words part by part, and undoes by the record. Here two words are read and
//! two changed, what was taken is known by heart, and the record is written once, when it is a claim already. Order, undo and
//! what others see of it are those of [`claim`](crate::claim): flight → charge → leaf → memory → agent still the same → record Live.

use crate::block::{LeafPlace, POSITIONS_PER_LINE};
use crate::desk::Flight;
use crate::ids::{AgentId, ClaimId, Owner};
use crate::index::Plane;
use crate::leaf::{self, PuState};
use crate::machine;
use crate::member::{CoreKind, Cpus, Smt};
use crate::memory::{self, Seat};
use crate::outcome::Grant;
use crate::part::Part;
use crate::quantity::pages_up;
use crate::record::{Locked, Place, Plain};
use crate::request::{Level, Locality, MemoryLocality, Request};
use crate::shard::{Deed, Door, Shard};
use crate::site::Hands;
use crate::standing::Standing;
use crate::sync::{self, Word64};
use crate::{Holder, MILLI_PER_PU, PAGE_BYTES, Quantities};

/// What a leaf must have to serve a request alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) pus: u32,
    pub(crate) pages: u64,
    pub(crate) seat: Seat,
    level: Option<Level>,
    /// The plane of memory to agree, if memory is wanted.
    pub(crate) memory: Option<Plane>,
    /// How the claim is to stand.
    standing: Standing,
}

impl Need {
    /// `None` for a request that a leaf cannot serve, or that is better served otherwise.
    #[inline]
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let [Cpus::Exclusive { pus: pus @ 1..=32, smt: Smt::Whole, kind: CoreKind::Any }] = *request.members.as_slice()
        else {
            return None;
        };
        // Extras are the planner's.
        if request.extras.wishes().is_some() {
            return None;
        }
        let pages = pages_up(request.mem_bytes);
        let strict = request.memory == MemoryLocality::Required;
        let level = match request.locality {
            Locality::Required(level) => Some(level),
            // In one core if it can be: that is for the planner.
            Locality::Preferred(Level::Core) => return None,
            Locality::Any | Locality::Preferred(_) => None,
        };
        let seat = if strict { Seat::SingleStrict } else { Seat::SingleLoose };
        let standing = request.standing.unwrap_or(Standing::DEFAULT);
        Some(Self { pus, pages, seat, level, memory: Plane::memory(pages), standing })
    }

    /// Whole cores of this width that are enough.
    #[inline]
    const fn cores(&self, width: u32) -> u32 {
        // Most cores have two PUs, and a division takes as long as all the rest of this.
        match width {
            1 => self.pus,
            2 => self.pus.div_ceil(2),
            width => self.pus.div_ceil(width),
        }
    }

    /// Whether a leaf is within one domain of the level required.
    #[inline]
    const fn is_kept_in(&self, place: &LeafPlace) -> bool {
        match self.level {
            None => true,
            Some(Level::Core) => place.bits.width >= self.pus,
            Some(level) => place.is_within(level),
        }
    }
}

/// Why a leaf was not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It, or its NUMA node, or its agent, does not have what is needed.
    Leaf,
    /// The role or the shard's records do not, whatever the leaf.
    Shard,
}

/// A leaf and its NUMA node, by their words.
#[derive(Clone, Copy, Debug)]
struct Spot<'a> {
    shard: &'a Shard,
    place: &'a LeafPlace,
    leaf_word: &'a Word64,
    memory_word: &'a Word64,
    /// In the index.
    position: u32,
}

/// Claims at a leaf, if it has what is needed. `found`: the plane of the index where it was found. Beside the grant, the free PUs
/// that the leaf had left.
///
/// Inlined, with what it calls: what it works on stays in registers. A struct that is handed on is written in parts and read
/// whole, for which the processor waits longer than for a compare-and-swap.
#[inline(always)]
pub(crate) fn claim_leaf(
    hands: &Hands<'_>,
    position: u32,
    found: Option<Plane>,
    holder: Holder,
    (need, door): (&Need, Door),
) -> Result<(Grant, u32), Missed> {
    let shard = hands.shard;
    // Most shapes have a leaf's word in the line of its position: it comes while the deed is read.
    shard.prefetch_line(position / POSITIONS_PER_LINE);
    let deed = shard.deed(position);
    if !deed.opens_to(door) {
        return Err(Missed::Leaf);
    }
    let line = position / POSITIONS_PER_LINE - deed.offset();
    let shape = hands.table.shape_at(deed.shape());
    let leaf = position - line * POSITIONS_PER_LINE;
    let place = shape.block.leaf_place(leaf).ok_or(Missed::Leaf)?;
    let [leaf_word, memory_word] = [place.word(), place.memory()].map(|word| shard.word(line, word));
    let spot = Spot { shard, place, leaf_word, memory_word, position };
    let pus = spot.find(need).map_err(|lacks| missed(hands, deed, position, found, lacks))?;
    let slot = hands.magazine.take(shard.records.map()).map_err(|_| Missed::Shard)?;
    let of = Place::new(need.standing, line, deed.shape(), holder.role);
    let flight = hands.flight(of);
    let mut making = Making { hands, spot, need, flight, of, slot, leaf, pus, left: 0, stage: Stage::Begun };
    making.charge()?;
    making.take()?;
    sync::fence_in_models();
    if shard.deed(position) != deed {
        return Err(Missed::Leaf);
    }
    let agent = AgentId::new(shard.first.get() + deed.at());
    let generation = making.publish(holder.owner, agent);
    let claim = ClaimId::new(agent, slot, generation);
    Ok((Grant { claim, charged: charged(pus, need.pages), pools_changed: false }, making.left))
}

/// What a role is charged for so many PUs and pages.
#[inline(always)]
fn charged(pus: u32, pages: u64) -> Quantities {
    Quantities { cpu_milli: u64::from(pus.count_ones() * MILLI_PER_PU), mem_bytes: pages * PAGE_BYTES }
}

/// The same, in the units of the ledger.
#[inline(always)]
fn owed(pus: u32, pages: u64) -> [u64; 2] {
    [u64::from(pus.count_ones() * MILLI_PER_PU), pages]
}

/// What a leaf lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lacks {
    Pus,
    Pages,
    Other,
}

impl Spot<'_> {
    /// The PUs to take.
    #[inline(always)]
    fn find(&self, need: &Need) -> Result<u32, Lacks> {
        let bits = self.place.bits;
        let free = leaf::read(self.leaf_word).mask(PuState::Free) & bits.all();
        let pus = bits.lowest(free, need.cores(bits.width));
        if pus.count_ones() < need.pus {
            return Err(Lacks::Pus);
        }
        if !need.is_kept_in(self.place) {
            return Err(Lacks::Other);
        }
        if need.pages > 0 {
            let memory = memory::read(self.memory_word);
            if self.place.numa_node.is_none() || !memory.admits(need.seat) {
                return Err(Lacks::Other);
            }
            if memory.pages() < need.pages {
                return Err(Lacks::Pages);
            }
        }
        Ok(pus)
    }

    /// Takes free PUs; how many are left.
    #[inline(always)]
    fn take_cores(&self, pus: u32) -> Option<u32> {
        let (before, after) = leaf::shift(self.leaf_word, pus, PuState::Free, PuState::Held)?;
        machine::tell_leaf(&self.shard.index, self.position, (before, after), self.leaf_word);
        Some(after.mask(PuState::Free).count_ones())
    }

    #[inline(always)]
    fn take_memory(&self, need: &Need) -> bool {
        memory::change(self.memory_word, |word| word.take(need.seat, need.pages)).is_some()
    }
}

/// Tells the index what a search found otherwise than it says.
#[cold]
#[inline(never)]
fn missed(hands: &Hands<'_>, deed: Deed, position: u32, found: Option<Plane>, lacks: Lacks) -> Missed {
    let line = position / POSITIONS_PER_LINE - deed.offset();
    let machine = hands.shard.machine(hands.table.shape_at(deed.shape()), line);
    let leaf = leaf_id(position - line * POSITIONS_PER_LINE);
    match (lacks, found) {
        (Lacks::Pus, Some(found)) => machine.leaf_is_not(leaf, found),
        (Lacks::Pages, _) => {
            let place = machine.shape.block.leaf_place(u32::from(leaf));
            if let Some(numa_node) = place.and_then(|place| place.numa_node) {
                machine.memory_lacks(numa_node);
            }
        }
        _ => {}
    }
    Missed::Leaf
}

/// The position of a leaf that its shape has.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a shape has at most 1,024 leaves")]
const fn leaf_id(leaf: u32) -> u16 {
    leaf as u16
}

/// How far a claim has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
enum Stage {
    Begun,
    Charged,
    Cores,
    Memory,
    Claim,
}

/// A claim being made. Dropped before it is one, by a word that is not to be had or a panic, it gives back what it took.
struct Making<'r, 'a> {
    hands: &'r Hands<'a>,
    spot: Spot<'a>,
    need: &'r Need,
    flight: Flight<'a>,
    of: Place,
    slot: u32,
    leaf: u32,
    pus: u32,
    /// Free PUs that the leaf had left.
    left: u32,
    stage: Stage,
}

impl Making<'_, '_> {
    #[inline(always)]
    fn charge(&mut self) -> Result<(), Missed> {
        let owed = owed(self.pus, self.need.pages);
        if !self.hands.table.ledger().charge_here(self.hands.desk, self.of.role(), owed) {
            self.charge_in_full()?;
        }
        self.stage = Stage::Charged;
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn charge_in_full(&self) -> Result<(), Missed> {
        let (table, owed) = (self.hands.table, owed(self.pus, self.need.pages));
        let charged = table.ledger().charge_path((table.desks(), self.hands.desk, &self.flight), self.of.role(), owed);
        charged.map_err(|_| Missed::Shard)
    }

    /// Takes the cores, then the memory.
    #[inline(always)]
    fn take(&mut self) -> Result<(), Missed> {
        self.left = self.spot.take_cores(self.pus).ok_or(Missed::Leaf)?;
        self.stage = Stage::Cores;
        if self.need.pages > 0 {
            if !self.spot.take_memory(self.need) {
                return Err(Missed::Leaf);
            }
            self.stage = Stage::Memory;
        }
        Ok(())
    }

    /// Makes it a claim: from here on it outlives this call. Its generation.
    #[inline(always)]
    fn publish(&mut self, owner: Owner, agent: AgentId) -> u32 {
        let records = &self.hands.shard.records;
        let cores = Part::Cores { leaf: leaf_id(self.leaf), member: 0, pus: self.pus };
        let generation = match self.spot.place.numa_node {
            Some(numa_node) if self.need.pages > 0 => {
                let memory = Part::Memory { numa_node, seat: self.need.seat, pages: self.need.pages };
                records.publish(self.slot, (owner, agent, self.of), [cores.pack(), memory.pack()])
            }
            _ => records.publish(self.slot, (owner, agent, self.of), [cores.pack()]),
        };
        self.stage = Stage::Claim;
        generation
    }

    /// Gives back what was taken, last first.
    #[cold]
    #[inline(never)]
    fn undo(&mut self) {
        let _calm = sync::calm();
        let (hands, need) = (self.hands, self.need);
        let machine = hands.machine_of(self.of);
        if self.stage >= Stage::Memory
            && let Some(numa_node) = self.spot.place.numa_node
        {
            machine.give_memory(numa_node, need.seat, need.pages);
        }
        if self.stage >= Stage::Cores {
            machine.put(leaf_id(self.leaf), self.pus, PuState::Free);
        }
        if self.stage >= Stage::Charged {
            hands.table.ledger().refund_both(hands.desk, self.of.role(), owed(self.pus, need.pages));
            self.flight.count_undone();
        }
        hands.magazine.give(self.slot, hands.shard.records.map());
    }
}

impl Drop for Making<'_, '_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.stage != Stage::Claim {
            self.undo();
        }
    }
}

/// Gives back all of a plain claim: cores of one leaf, perhaps with memory of its NUMA node. `None`, and nothing done, when it is
/// of another sort.
#[inline(always)]
pub(crate) fn end(hands: &Hands<'_>, locked: &Locked<'_>) -> Option<Quantities> {
    let Plain { place: of, parts: [cores, memory] } = locked.plain()?;
    let (line, shape, role) = (of.line(), of.shape(), of.role());
    let (leaf, pus) = Part::cores_of(cores)?;
    let shard = hands.shard;
    let place = hands.table.shape_at(shape).block.leaf_place(u32::from(leaf))?;
    let held = Part::memory_of(memory).filter(|(numa_node, ..)| Some(*numa_node) == place.numa_node);
    if held.is_none() && memory != Part::Empty.pack() {
        return None;
    }
    // From here on nothing fails, and tests try no panics: a release is not left half-way.
    let _calm = sync::calm();
    if let Some((numa_node, seat, pages)) = held {
        let changed = memory::change(shard.word(line, place.memory()), |word| word.give(seat, pages));
        let Some((before, after)) = changed else { memory::not_taken(seat, pages) };
        if before.shown() != after.shown() {
            let steps = before.shown()..after.shown();
            hands.machine_of(of).show_memory(numa_node, steps);
        }
    }
    let pages = held.map_or(0, |(.., pages)| pages);
    let word = shard.word(line, place.word());
    let Some(changed) = leaf::shift(word, pus, PuState::Held, PuState::Free) else { leaf::not_held(pus) };
    machine::tell_leaf(&shard.index, line * POSITIONS_PER_LINE + u32::from(leaf), changed, word);
    // Once for both words: what counts is that it comes after each of them (`agents`, rule 1).
    shard.index.agents.grew(line);
    hands.table.ledger().refund_both(hands.desk, role, owed(pus, pages));
    locked.free(hands.magazine, shard.records.map());
    Some(charged(pus, pages))
}
