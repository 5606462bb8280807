//! Claim records: who holds what, kept beside the words of an agent, in slots that are reused.
//!
//! A record is a header, an owner, and five parts; a claim of more parts goes on in further records, linked from one to the
//! next. The header is `state:2 | version:32 | generation:30`:
//!
//! | state | means | who may touch the record |
//! |---|---|---|
//! | Free | unused | who takes its bit out of the slot map |
//! | Busy | in the hands of one call: a claim being made, or one being changed | that call alone |
//! | Live | a claim | anybody may read, or make it Busy |
//! | Chained | a further record of a claim | as its head |
//!
//! Rule 1: Live → Busy is a compare-and-swap on the header with the id's generation; who wins owns the whole chain until it
//! publishes Live again (version + 1) or frees it (generation + 1). A stale id therefore never matches.
//! Rule 2: a thread that stalls in Busy hides that one claim and nothing else.
//! Rule 3: readers take no lock: header, parts, header again; the same Live header twice means an untorn reading.
//! Rule 4: a claim writes its record before it takes a word, so that undo always knows what there is to undo.

use crate::Quantities;
use crate::ids::{GENERATION_MASK, MAX_RECORDS, Owner, RoleId};
use crate::part::Part;
use crate::sync::{self, Ordering, Word64};

const PARTS: usize = 5;

/// In which state a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    Busy,
    Live,
    Chained,
}

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) state: State,
    pub(crate) version: u32,
    pub(crate) generation: u32,
}

const STATE_SHIFT: u32 = 62;
const VERSION_SHIFT: u32 = 30;
const _: () = assert!(GENERATION_MASK as u64 == (1 << VERSION_SHIFT) - 1);

impl Header {
    const fn pack(self) -> u64 {
        (self.state as u64) << STATE_SHIFT | (self.version as u64) << VERSION_SHIFT | self.generation as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "each field is masked to its width, or as wide as its type")]
    const fn unpack(word: u64) -> Self {
        let state = match word >> STATE_SHIFT {
            0 => State::Free,
            1 => State::Busy,
            2 => State::Live,
            _ => State::Chained,
        };
        Self { state, version: (word >> VERSION_SHIFT) as u32, generation: word as u32 & GENERATION_MASK }
    }

    /// Takes a live record of this generation.
    const fn lock(self, generation: u32) -> Result<Self, Unlocked> {
        if self.generation != generation {
            return Err(Unlocked::Gone);
        }
        match self.state {
            State::Live => Ok(Self { state: State::Busy, ..self }),
            State::Busy => Err(Unlocked::Contended),
            State::Free | State::Chained => Err(Unlocked::Gone),
        }
    }

    const fn publish(self) -> Self {
        Self { state: State::Live, version: self.version.wrapping_add(1), ..self }
    }

    const fn free(self) -> Self {
        Self { state: State::Free, generation: (self.generation + 1) & GENERATION_MASK, ..self }
    }
}

/// Why a record could not be made Busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlocked {
    Gone,
    Contended,
}

/// Every slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordsFull;

/// One cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Record {
    header: Word64,
    /// Head only: who may change the claim.
    owner: Word64,
    /// `parts of the claim:16 (head only) | role:16 (head only) | next slot + 1:16`.
    meta: Word64,
    parts: [Word64; PARTS],
}

impl Record {
    fn new() -> Self {
        let header = Header { state: State::Free, version: 0, generation: 0 };
        Self {
            header: Word64::new(header.pack()),
            owner: Word64::new(0),
            meta: Word64::new(0),
            parts: core::array::from_fn(|_| Word64::new(0)),
        }
    }

    fn header(&self) -> Header {
        // Acquire: pairs with the Release store of `set_header`, so a Live record's parts are seen whole, and an undo
        // that ended in Free is seen done.
        Header::unpack(self.header.load(Ordering::Acquire))
    }

    /// Only for the thread that owns the record.
    fn set_header(&self, header: Header) {
        // Release: publishes what was written while Busy; pairs with the Acquire of `header` and of `lock`.
        self.header.store(header.pack(), Ordering::Release);
    }
}

/// The claim records of one agent. They outlive its incarnations, so ids never come back.
#[derive(Debug)]
pub(crate) struct Records {
    slots: Box<[Record]>,
    /// A bit per slot: 1 = free.
    map: Box<[Word64]>,
}

impl Records {
    pub(crate) fn new(records: u16) -> Self {
        let full = |word: u16| crate::record::map_word(records, word);
        Self {
            slots: (0..records.min(MAX_RECORDS)).map(|_| Record::new()).collect(),
            map: (0..records.div_ceil(64)).map(|word| Word64::new(full(word))).collect(),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "made from a u16")]
    pub(crate) fn len(&self) -> u16 {
        self.slots.len() as u16
    }

    /// Takes a free slot out of the map.
    fn take_slot(&self) -> Result<u16, RecordsFull> {
        for (word, map) in (0_u16..).zip(&self.map) {
            // AcqRel: Acquire pairs with the Release half of `give_slot`: the last user's last write precedes our
            // first. Relaxed on failure: a full word tells nothing.
            let taken = map.update(Ordering::AcqRel, Ordering::Relaxed, |free| (free != 0).then(|| free & (free - 1)));
            if let Ok(free) = taken {
                #[expect(clippy::cast_possible_truncation, reason = "at most 63")]
                return Ok(word * 64 + free.trailing_zeros() as u16);
            }
        }
        Err(RecordsFull)
    }

    fn give_slot(&self, slot: u16) {
        // AcqRel: Release pairs with the Acquire half of `take_slot`. Relaxed on failure: it cannot fail.
        let _always = self.map[usize::from(slot / 64)]
            .update(Ordering::AcqRel, Ordering::Relaxed, |free| Some(free | 1 << (slot % 64)));
    }

    fn record(&self, slot: u16) -> &Record {
        &self.slots[usize::from(slot)]
    }

    /// Opens a new record, Busy; it is freed again unless it is published.
    pub(crate) fn begin(&self, owner: Owner, role: RoleId) -> Result<OpenRecord<'_>, RecordsFull> {
        let slot = self.take_slot()?;
        let record = self.record(slot);
        let header = Header { state: State::Busy, ..record.header() };
        record.set_header(header);
        let open = OpenRecord { records: self, slot, header, owner, role, len: 0, fate: Fate::Free };
        // Relaxed: `publish` releases it.
        record.owner.store(owner.get(), Ordering::Relaxed);
        open.set_next(slot, None);
        Ok(open)
    }

    /// Makes a claim Busy; it is Live again, as it then is, unless it is freed.
    pub(crate) fn lock(&self, slot: u16, generation: u32) -> Result<OpenRecord<'_>, Unlocked> {
        let record = self.slots.get(usize::from(slot)).ok_or(Unlocked::Gone)?;
        let mut why = Unlocked::Gone;
        // AcqRel: Acquire pairs with the Release of `set_header` that made it Live. The parts are written with Release
        // after this, so no reader can see them under the old header. Relaxed on failure: nothing is read through it.
        let locked = record.header.update(Ordering::AcqRel, Ordering::Relaxed, |word| {
            let locked = Header::unpack(word).lock(generation);
            why = locked.err().unwrap_or(why);
            locked.ok().map(Header::pack)
        });
        let before = Header::unpack(locked.map_err(|_| why)?);
        // Relaxed, both: owned since the update above.
        let owner = Owner::new(record.owner.load(Ordering::Relaxed));
        let (len, role, _) = unpack_meta(record.meta.load(Ordering::Relaxed));
        let header = Header { state: State::Busy, ..before };
        Ok(OpenRecord { records: self, slot, header, owner, role, len, fate: Fate::Live })
    }

    /// Whether some call is in the middle of something here.
    pub(crate) fn any_busy(&self) -> bool {
        self.slots.iter().any(|record| record.header().state == State::Busy)
    }

    /// The header of a slot, for listings.
    pub(crate) fn header(&self, slot: u16) -> Option<Header> {
        self.slots.get(usize::from(slot)).map(Record::header)
    }

    /// Whether a slot is in the map of free ones.
    pub(crate) fn is_in_map(&self, slot: u16) -> bool {
        // Acquire: pairs with the Release half of `give_slot`.
        self.map[usize::from(slot / 64)].load(Ordering::Acquire) >> (slot % 64) & 1 == 1
    }

    /// Reads a live claim without disturbing it: owner, role, and each part to `each`.
    ///
    /// `None` when it is not live, or changed meanwhile; `each` may then have seen parts of no one moment.
    pub(crate) fn read(&self, slot: u16, generation: u32, mut each: impl FnMut(Part)) -> Option<(Owner, RoleId)> {
        let head = self.slots.get(usize::from(slot))?;
        let before = head.header();
        if before.state != State::Live || before.generation != generation {
            return None;
        }
        // Acquire, all: each pairs with the Release store of the same word in `OpenRecord`: who sees a newer value
        // also sees the header Busy (or later) in the last reading.
        let owner = Owner::new(head.owner.load(Ordering::Acquire));
        let (len, role, mut next) = unpack_meta(head.meta.load(Ordering::Acquire));
        let mut record = head;
        for at in 0..usize::from(len) {
            if at > 0 && at % PARTS == 0 {
                record = self.slots.get(usize::from(next?))?;
                (.., next) = unpack_meta(record.meta.load(Ordering::Acquire));
            }
            // Acquire: as above.
            each(Part::unpack(record.parts[at % PARTS].load(Ordering::Acquire)));
        }
        (head.header() == before).then_some((owner, role))
    }
}

/// The starting value of a word of the slot map.
fn map_word(records: u16, word: u16) -> u64 {
    match records.saturating_sub(word * 64) {
        64.. => u64::MAX,
        some => (1 << some) - 1,
    }
}

/// How many records a claim of this many parts has besides its head.
#[expect(clippy::cast_possible_truncation, reason = "fewer than the parts, which a u16 counts")]
pub(crate) const fn further_records(parts: usize) -> u32 {
    parts.div_ceil(PARTS).saturating_sub(1) as u32
}

fn pack_meta(len: u16, role: RoleId, next: Option<u16>) -> u64 {
    let next = next.map_or(0, |slot| slot + 1);
    u64::from(len) << 32 | u64::from(role.get()) << 16 | u64::from(next)
}

#[expect(clippy::cast_possible_truncation, reason = "three fields of 16 bits")]
fn unpack_meta(word: u64) -> (u16, RoleId, Option<u16>) {
    ((word >> 32) as u16, RoleId::new((word >> 16) as u16), (word as u16).checked_sub(1))
}

/// What becomes of an open record that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Free,
    Live,
}

/// A record in state Busy: this call's alone.
#[derive(Debug)]
pub(crate) struct OpenRecord<'a> {
    records: &'a Records,
    slot: u16,
    header: Header,
    owner: Owner,
    role: RoleId,
    len: u16,
    fate: Fate,
}

impl OpenRecord<'_> {
    pub(crate) const fn slot(&self) -> u16 {
        self.slot
    }

    pub(crate) const fn generation(&self) -> u32 {
        self.header.generation
    }

    pub(crate) const fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) const fn role(&self) -> RoleId {
        self.role
    }

    /// How many parts were written, empty ones too.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    pub(crate) fn set_owner(&mut self, owner: Owner) {
        self.owner = owner;
        // Release: pairs with the Acquire in `Records::read`.
        self.records.record(self.slot).owner.store(owner.get(), Ordering::Release);
    }

    fn next(&self, slot: u16) -> Option<u16> {
        // Relaxed: owned.
        unpack_meta(self.records.record(slot).meta.load(Ordering::Relaxed)).2
    }

    fn set_next(&self, slot: u16, next: Option<u16>) {
        // Release: pairs with the Acquire in `Records::read`.
        self.records.record(slot).meta.store(pack_meta(self.len, self.role, next), Ordering::Release);
    }

    /// The slot in which part `at` lies.
    fn slot_of(&self, at: u16) -> u16 {
        let mut slot = self.slot;
        for _ in 0..usize::from(at) / PARTS {
            slot = self.next(slot).unwrap_or(slot);
        }
        slot
    }

    fn word(&self, at: u16) -> &Word64 {
        &self.records.record(self.slot_of(at)).parts[usize::from(at) % PARTS]
    }

    /// The part at a position below `len`.
    pub(crate) fn part(&self, at: u16) -> Part {
        // Relaxed: owned.
        Part::unpack(self.word(at).load(Ordering::Relaxed))
    }

    /// Overwrites the part at a position below `len`.
    pub(crate) fn set(&mut self, at: u16, part: Part) {
        // Release: pairs with the Acquire in `Records::read`.
        self.word(at).store(part.pack(), Ordering::Release);
    }

    /// All parts that are not empty, with their positions.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u16, Part)> {
        // The chain is walked once: a claim of many ports has hundreds of records.
        let mut slot = self.slot;
        let part = move |at: u16| {
            if at > 0 && usize::from(at) % PARTS == 0 {
                slot = self.next(slot).unwrap_or(slot);
            }
            // Relaxed: owned.
            (at, Part::unpack(self.records.record(slot).parts[usize::from(at) % PARTS].load(Ordering::Relaxed)))
        };
        (0..self.len).map(part).filter(|(_, part)| *part != Part::Empty)
    }

    /// The claim's part of the same leaf, pool or NUMA node.
    pub(crate) fn find(&self, like: Part) -> Option<(u16, Part)> {
        self.parts().find(|(_, part)| part.same_place(like))
    }

    /// What the role is charged for all of it.
    pub(crate) fn quantities(&self) -> Quantities {
        self.parts().fold(Quantities::default(), |sum, (_, part)| {
            let more = part.quantities();
            Quantities { cpu_milli: sum.cpu_milli + more.cpu_milli, mem_bytes: sum.mem_bytes + more.mem_bytes }
        })
    }

    /// Adds a part, in a further record if need be.
    pub(crate) fn push(&mut self, part: Part) -> Result<(), RecordsFull> {
        let at = self.len;
        if at > 0 && usize::from(at) % PARTS == 0 {
            let next = self.records.take_slot()?;
            let record = self.records.record(next);
            record.set_header(Header { state: State::Chained, ..record.header() });
            self.set_next(next, None);
            self.set_next(self.slot_of(at - 1), Some(next));
        }
        self.len += 1;
        self.set_next(self.slot, self.next(self.slot));
        self.set(at, part);
        Ok(())
    }

    /// Brings the parts into canonical order. They nearly are, so moving each to its place is quick.
    pub(crate) fn sort(&mut self) {
        for end in 1..self.len {
            let part = self.part(end);
            let mut at = end;
            while at > 0 && self.part(at - 1).pack() > part.pack() {
                self.set(at, self.part(at - 1));
                at -= 1;
            }
            self.set(at, part);
        }
    }

    /// Makes it a claim: from here on it outlives this call.
    pub(crate) fn publish(&mut self) {
        self.fate = Fate::Live;
    }

    /// Lets it go with this call.
    pub(crate) fn discard(&mut self) {
        self.fate = Fate::Free;
    }

    fn free_chain(&self) {
        let mut next = self.next(self.slot);
        while let Some(slot) = next {
            next = self.next(slot);
            let record = self.records.record(slot);
            record.set_header(Header { state: State::Free, ..record.header() });
            self.records.give_slot(slot);
        }
    }
}

impl Drop for OpenRecord<'_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        let record = self.records.record(self.slot);
        match self.fate {
            Fate::Live => record.set_header(self.header.publish()),
            Fate::Free => {
                self.free_chain();
                record.set_header(self.header.free());
                self.records.give_slot(self.slot);
            }
        }
    }
}
