//! Claim records: who holds what, in slots of a shard that are reused.
//!
//! A record is one cache line: a header, an owner, where the words are, the chain, and four parts; a claim of more parts goes
//! on in further records, linked from one to the next. The header is `state:2 | version:42 | generation:20`:
//!
//! | state | means | who may touch the record |
//! |---|---|---|
//! | Free | unused | whose [`Magazine`] has the slot |
//! | Busy | in the hands of one call: a claim being made, or one being changed | that call alone |
//! | Live | a claim | anybody may read, or make it Busy |
//! | Chained | a further record of a claim | as its head |
//!
//! Rule 1: Live → Busy is a compare-and-swap on the header with the id's generation; who wins owns the whole chain until it
//! publishes Live again (version + 1) or frees it (generation + 1). A stale id therefore never matches.
//! Rule 2: a thread that stalls in Busy hides that one claim and nothing else.
//! Rule 3: readers take no lock: header, parts, header again; the same Live header twice means an untorn reading.
//! Rule 4: a claim writes its record before it takes a word, so that undo always knows what there is to undo; one of few
//! words ([`quick`](crate::quick)) knows it by heart, and writes its record when it is a claim already.
//! Rule 5: a record names the block its words are in. So a claim outlives its agent's incarnation, and is released exactly.

use crate::amounts::Amounts;
use crate::ids::{AgentId, Owner, RoleId};
use crate::ledger::ChargePlaces;
use crate::part::Part;
use crate::slots::{Magazine, RecordsFull, SlotMap};
use crate::standing::Standing;
use crate::sync::{self, Ordering, Word64, Words, Zeroed};

mod room;
mod words;

use words::{Chain, MAX_LEN};
pub(crate) use words::{Header, MAX_LINES, MAX_SHAPES, Place, State, Unlocked};

/// Parts in one record.
pub(crate) const PARTS: usize = 4;

/// Words of a record.
const WORDS: usize = 4 + PARTS;

/// A record's words, by what they are.
#[derive(Clone, Copy, Debug)]
struct Record<'a>(&'a Words<WORDS>);

impl<'a> Record<'a> {
    /// A [`Header`].
    #[inline]
    const fn head(self) -> &'a Word64 {
        &self.0.0[0]
    }

    /// Head only: who may change the claim.
    #[inline]
    const fn owner(self) -> &'a Word64 {
        &self.0.0[1]
    }

    /// Head only: a [`Place`].
    #[inline]
    const fn place(self) -> &'a Word64 {
        &self.0.0[2]
    }

    /// A [`Chain`]; `next` is each record's own, the rest the head's.
    #[inline]
    const fn chain(self) -> &'a Word64 {
        &self.0.0[3]
    }

    /// The word of a part, if the record has so many.
    #[inline]
    fn part(self, at: usize) -> Option<&'a Word64> {
        self.0.0.get(4 + at)
    }

    #[inline]
    fn header(self) -> Header {
        // Acquire: pairs with the Release store of `set_header`, so a Live record's parts are seen whole.
        Header::unpack(self.head().load(Ordering::Acquire))
    }

    /// Only for the thread that owns the record.
    #[inline]
    fn set_header(self, header: Header) {
        // Release: publishes what was written while Busy; pairs with the Acquire of `header` and of `lock`.
        self.head().store(header.pack(), Ordering::Release);
    }
}

/// A live claim, as a listing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) owner: Owner,
    pub(crate) agent: AgentId,
    pub(crate) place: Place,
}

/// The claim records of one shard.
#[derive(Debug)]
pub(crate) struct Records {
    records: Zeroed<Words<WORDS>>,
    map: SlotMap,
}

impl Records {
    /// At least so many records.
    pub(crate) fn new(records: u32) -> Self {
        let map = SlotMap::new(records);
        Self { records: sync::zeroed(map.len() as usize), map }
    }

    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.map.len()
    }

    pub(crate) const fn map(&self) -> &SlotMap {
        &self.map
    }

    #[inline]
    fn record(&self, slot: u32) -> Record<'_> {
        Record(&self.records[slot as usize])
    }

    #[inline]
    fn get(&self, slot: u32) -> Option<Record<'_>> {
        self.records.get(slot as usize).map(Record)
    }

    /// Every record's first word.
    pub(crate) fn first_words(&self) -> impl Iterator<Item = &Word64> {
        self.records.iter().map(|words| Record(words).head())
    }

    /// Asks for the record's line ahead of time.
    #[inline]
    pub(crate) fn prefetch(&self, slot: u32) {
        if let Some(record) = self.records.get(slot as usize) {
            sync::prefetch(record);
        }
    }

    /// Where a claim's first cores are, if it has any, as it says at this moment, perhaps of no one moment: to guess by.
    #[inline(always)]
    pub(crate) fn peek(&self, slot: u32) -> Option<(Place, u16)> {
        let record = self.get(slot)?;
        // Relaxed, both: nothing but a guess is made from them.
        let (leaf, _) = Part::cores_of(record.part(0)?.load(Ordering::Relaxed))?;
        Some((Place::unpack(record.place().load(Ordering::Relaxed)), leaf))
    }

    /// Opens a new record, Busy; it is freed again unless it is published.
    #[inline]
    pub(crate) fn begin<'a>(
        &'a self,
        magazine: &'a Magazine,
        owner: Owner,
        agent: AgentId,
        place: Place,
    ) -> Result<OpenRecord<'a>, RecordsFull> {
        let slot = magazine.take(&self.map)?;
        let head = self.record(slot);
        // Relaxed: the slot came from this thread's magazine, or through the map, whose change was the Acquire.
        let header = Header { state: State::Busy, ..Header::unpack(head.head().load(Ordering::Relaxed)) };
        head.set_header(header);
        // Release, both: as in `publish`.
        head.owner().store(owner.get(), Ordering::Release);
        head.place().store(place.pack(), Ordering::Release);
        let chain = Chain { agent, len: 0, next: None };
        Ok(OpenRecord { records: self, head, magazine, slot, header, owner, place, chain, fate: Fate::Free })
    }

    /// Writes a claim of few parts in one go, in a slot that the caller took from its magazine; its generation.
    #[inline]
    pub(crate) fn publish<const N: usize>(
        &self,
        slot: u32,
        (owner, agent, place): (Owner, AgentId, Place),
        parts: [u64; N],
    ) -> u32 {
        const { assert!(N <= PARTS, "a record has so many parts") };
        let record = self.record(slot);
        // Relaxed: as in `begin`.
        let header = Header::unpack(record.head().load(Ordering::Relaxed));
        // Release, all: pairs with the Acquire in `read`, so that who still reads the slot's last claim finds its header gone.
        record.owner().store(owner.get(), Ordering::Release);
        record.place().store(place.pack(), Ordering::Release);
        #[expect(clippy::cast_possible_truncation, reason = "at most PARTS")]
        record.chain().store(Chain { agent, len: N as u16, next: None }.pack(), Ordering::Release);
        for (word, part) in record.0.0[4..].iter().zip(parts) {
            word.store(part, Ordering::Release);
        }
        record.set_header(header.publish());
        header.generation
    }

    /// Makes a claim Busy; it is Live again, as it then is, unless it is freed.
    #[inline]
    pub(crate) fn lock<'a>(
        &'a self,
        magazine: &'a Magazine,
        slot: u32,
        generation: u32,
    ) -> Result<OpenRecord<'a>, Unlocked> {
        self.lock_head(slot, generation).map(|locked| locked.open(self, magazine))
    }

    /// Makes a claim Busy. Whoever calls it sees to it that it becomes Live again or free.
    #[inline]
    pub(crate) fn lock_head(&self, slot: u32, generation: u32) -> Result<Locked<'_>, Unlocked> {
        let head = self.get(slot).ok_or(Unlocked::Gone)?;
        let mut why = Unlocked::Gone;
        // AcqRel: Acquire pairs with the Release of `set_header` that made it Live. The parts are written with Release
        // after this, so no reader can see them under the old header. Relaxed on failure: nothing is read through it.
        let locked = head.head().update(Ordering::AcqRel, Ordering::Relaxed, |word| {
            let locked = Header::unpack(word).lock(generation);
            why = locked.err().unwrap_or(why);
            locked.ok().map(Header::pack)
        });
        let before = Header::unpack(locked.map_err(|_| why)?);
        Ok(Locked { head, slot, header: Header { state: State::Busy, ..before } })
    }

    /// The header of every record that is in use, or in somebody's magazine, with its slot.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (u32, Header)> {
        self.map.taken().map(|slot| (slot, self.record(slot).header()))
    }

    /// Reads a live claim without disturbing it: whose it is, and each part to `each`.
    ///
    /// `None` when it is not live, or changed meanwhile; `each` may then have seen parts of no one moment.
    pub(crate) fn read(&self, slot: u32, generation: u32, mut each: impl FnMut(Part)) -> Option<Seen> {
        let head = self.get(slot)?;
        let before = head.header();
        if before.state != State::Live || before.generation != generation {
            return None;
        }
        // Acquire, all: each pairs with the Release store of the same word in `OpenRecord`: who sees a newer value
        // also sees the header Busy (or later) in the last reading.
        let owner = Owner::new(head.owner().load(Ordering::Acquire));
        let place = Place::unpack(head.place().load(Ordering::Acquire));
        let Chain { agent, len, mut next } = Chain::unpack(head.chain().load(Ordering::Acquire));
        let mut record = head;
        for at in 0..usize::from(len) {
            if at > 0 && at % PARTS == 0 {
                record = self.get(next?)?;
                // Acquire: as above.
                Chain { next, .. } = Chain::unpack(record.chain().load(Ordering::Acquire));
            }
            // Acquire: as above.
            each(Part::unpack(record.part(at % PARTS)?.load(Ordering::Acquire)));
        }
        (head.header() == before).then_some(Seen { owner, agent, place })
    }
}

/// How many records a claim of this many parts has besides its head.
#[expect(clippy::cast_possible_truncation, reason = "fewer than the parts, which 12 bits count")]
pub(crate) const fn further_records(parts: usize) -> u32 {
    parts.div_ceil(PARTS).saturating_sub(1) as u32
}

/// A record made Busy, not yet looked into. Without a destructor: it stays Busy until it is opened or freed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locked<'a> {
    head: Record<'a>,
    slot: u32,
    header: Header,
}

/// The words of a claim of one record and at most two parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub(crate) place: Place,
    /// Packed parts.
    pub(crate) parts: [u64; 2],
}

impl<'a> Locked<'a> {
    /// Relaxed, here and below: owned since it was locked.
    #[inline]
    fn chain(&self) -> Chain {
        Chain::unpack(self.head.chain().load(Ordering::Relaxed))
    }

    /// Whether it is this owner's, on this agent.
    #[inline]
    pub(crate) fn is_of(&self, owner: Owner, agent: AgentId) -> bool {
        // Relaxed: as above.
        self.head.owner().load(Ordering::Relaxed) == owner.get() && self.chain().agent == agent
    }

    /// All of it, if it is of at most two parts.
    #[inline(always)]
    pub(crate) fn plain(&self) -> Option<Plain> {
        let len = self.chain().len;
        // Relaxed, both: as above.
        let part = |at: usize| self.head.part(at).map(|word| word.load(Ordering::Relaxed));
        let second = if len == 2 { part(1)? } else { Part::Empty.pack() };
        let place = Place::unpack(self.head.place().load(Ordering::Relaxed));
        matches!(len, 1 | 2).then_some(Plain { place, parts: [part(0)?, second] })
    }

    /// Frees a claim that has no further records.
    #[inline]
    pub(crate) fn free(&self, magazine: &Magazine, map: &SlotMap) {
        self.head.set_header(self.header.free());
        magazine.give(self.slot, map);
    }

    /// Opens it for change; it is Live again, as it then is, unless it is freed.
    #[inline]
    pub(crate) fn open(self, records: &'a Records, magazine: &'a Magazine) -> OpenRecord<'a> {
        let Self { head, slot, header } = self;
        // Relaxed, both: as above.
        let owner = Owner::new(head.owner().load(Ordering::Relaxed));
        let place = Place::unpack(head.place().load(Ordering::Relaxed));
        OpenRecord { records, head, magazine, slot, header, owner, place, chain: self.chain(), fate: Fate::Live }
    }
}

/// What becomes of an open record that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Free,
    Live,
}

/// A record in state Busy: this call's alone.
///
/// How long the claim is and where it goes on is kept here, and written when the record is let go.
#[derive(Debug)]
pub(crate) struct OpenRecord<'a> {
    records: &'a Records,
    head: Record<'a>,
    magazine: &'a Magazine,
    slot: u32,
    header: Header,
    owner: Owner,
    place: Place,
    chain: Chain,
    fate: Fate,
}

impl OpenRecord<'_> {
    #[inline]
    pub(crate) const fn slot(&self) -> u32 {
        self.slot
    }

    #[inline]
    pub(crate) const fn generation(&self) -> u32 {
        self.header.generation
    }

    #[inline]
    pub(crate) const fn owner(&self) -> Owner {
        self.owner
    }

    #[inline]
    pub(crate) const fn agent(&self) -> AgentId {
        self.chain.agent
    }

    #[inline]
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    #[inline]
    pub(crate) const fn role(&self) -> RoleId {
        self.place.role()
    }

    /// How many parts were written, empty ones too.
    #[inline]
    pub(crate) const fn len(&self) -> u16 {
        self.chain.len
    }

    pub(crate) fn set_owner(&mut self, owner: Owner) {
        self.owner = owner;
        // Release: pairs with the Acquire in `Records::read`.
        self.head.owner().store(owner.get(), Ordering::Release);
    }

    pub(crate) fn set_standing(&mut self, standing: Standing) {
        self.set_place(standing, self.place.role());
    }

    /// Who is charged is the caller's to see to.
    pub(crate) fn set_role(&mut self, role: RoleId) {
        self.set_place(self.place.standing(), role);
    }

    fn set_place(&mut self, standing: Standing, role: RoleId) {
        self.place = Place::new(standing, self.place.line(), self.place.shape(), role);
        // Release: pairs with the Acquire in `Records::read`.
        self.head.place().store(self.place.pack(), Ordering::Release);
    }

    fn next(&self, slot: u32) -> Option<u32> {
        if slot == self.slot {
            return self.chain.next;
        }
        // Relaxed: owned.
        Chain::unpack(self.records.record(slot).chain().load(Ordering::Relaxed)).next
    }

    /// The word of a part beyond the head's.
    #[cold]
    fn further(&self, at: u16) -> &Word64 {
        let mut slot = self.slot;
        for _ in 0..usize::from(at) / PARTS {
            slot = self.next(slot).unwrap_or(slot);
        }
        &self.records.record(slot).0.0[4 + usize::from(at) % PARTS]
    }

    #[inline]
    fn word(&self, at: u16) -> &Word64 {
        self.head.part(usize::from(at)).unwrap_or_else(|| self.further(at))
    }

    /// The part at a position below `len`.
    #[inline]
    pub(crate) fn part(&self, at: u16) -> Part {
        // Relaxed: owned.
        Part::unpack(self.word(at).load(Ordering::Relaxed))
    }

    /// Overwrites the part at a position below `len`.
    #[inline]
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
            let word = self.records.record(slot).0.0[4 + usize::from(at) % PARTS].load(Ordering::Relaxed);
            (at, Part::unpack(word))
        };
        (0..self.len()).map(part).filter(|(_, part)| *part != Part::Empty)
    }

    /// The claim's part of the same leaf, pool or NUMA node.
    pub(crate) fn find(&self, like: Part) -> Option<(u16, Part)> {
        self.parts().find(|(_, part)| part.same_place(like))
    }

    /// How many members the claim has, those without CPU between others counted.
    pub(crate) fn members(&self) -> u8 {
        let member = |part| match part {
            Part::Cores { member, .. } | Part::Share { member, .. } => member + 1,
            Part::Empty | Part::Memory { .. } | Part::Extra { .. } | Part::Member { .. } => 0,
        };
        self.parts().map(|(_, part)| member(part)).max().unwrap_or(0)
    }

    /// What the role is charged for all of it.
    #[inline]
    pub(crate) fn amounts(&self, places: ChargePlaces<'_>) -> Amounts {
        places.sum(self.parts().map(|(_, part)| part))
    }

    /// Adds a part, in a further record if need be.
    #[inline]
    pub(crate) fn push(&mut self, part: Part) -> Result<(), RecordsFull> {
        let at = self.chain.len;
        if usize::from(at) >= PARTS && usize::from(at) % PARTS == 0 {
            self.lengthen(at)?;
        }
        self.chain.len += 1;
        self.set(at, part);
        Ok(())
    }

    /// Hangs a further record on the last one, for part `at`.
    #[cold]
    fn lengthen(&mut self, at: u16) -> Result<(), RecordsFull> {
        if at == MAX_LEN {
            return Err(RecordsFull);
        }
        let next = self.magazine.take(&self.records.map)?;
        let record = self.records.record(next);
        record.set_header(Header { state: State::Chained, ..record.header() });
        let (agent, len) = (self.chain.agent, 0);
        // Release, both: pairs with the Acquire in `Records::read`.
        record.chain().store(Chain { agent, len, next: None }.pack(), Ordering::Release);
        let mut last = self.slot;
        while let Some(next) = self.next(last) {
            last = next;
        }
        if last == self.slot {
            self.chain.next = Some(next);
        } else {
            // Release: as above.
            self.records.record(last).chain().store(Chain { agent, len, next: Some(next) }.pack(), Ordering::Release);
        }
        Ok(())
    }

    /// Brings the parts into canonical order. They nearly are, so moving each to its place is quick.
    pub(crate) fn sort(&mut self) {
        for end in 1..self.len() {
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
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.fate = Fate::Live;
    }

    /// Lets it go with this call.
    #[inline]
    pub(crate) fn discard(&mut self) {
        self.fate = Fate::Free;
    }

    /// Frees further records, from this one on.
    #[cold]
    fn free_from(&self, mut next: Option<u32>) {
        while let Some(slot) = next {
            next = self.next(slot);
            let record = self.records.record(slot);
            record.set_header(Header { state: State::Free, ..record.header() });
            self.magazine.give(slot, &self.records.map);
        }
    }
}

impl Drop for OpenRecord<'_> {
    #[inline]
    fn drop(&mut self) {
        let _calm = sync::calm();
        match self.fate {
            Fate::Live => {
                // Release: pairs with the Acquire in `Records::read`.
                self.head.chain().store(self.chain.pack(), Ordering::Release);
                self.head.set_header(self.header.publish());
            }
            Fate::Free => {
                if self.chain.next.is_some() {
                    self.free_from(self.chain.next);
                }
                self.head.set_header(self.header.free());
                self.magazine.give(self.slot, &self.records.map);
            }
        }
    }
}
