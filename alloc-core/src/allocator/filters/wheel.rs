//! When filters end: 8 bytes each, in chunks, by the tick in which they are due.
//!
//! Rule 1: a tick is never earlier than what was asked for; it is later by 100 ms at most, or by a 32nd of the duration.
//! Rule 2: an entry whose filter ended in another way stays, stale, until its tick or until a sweep comes by; only who knows the
//! filters can tell. A tick may hold stale entries only.

use std::collections::{BTreeMap, VecDeque};

/// The shortest tick.
pub(super) const TICK_MS: u64 = 100;
/// A tick is at most one in so many of the duration, when that is long: so there are few of them whatever the durations are.
const FINEST_BITS: u32 = 6;
/// The most subscriptions, and the most agents.
pub(super) const MAX_POSITIONS: u32 = 1 << 20;

/// One filter's end: `subscription:20 | agent:20 | size:16 | epoch:8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Entry {
    #[inline]
    pub(super) fn new(sub: u32, agent: u32, size: u16, epoch: u8) -> Self {
        debug_assert!(sub.max(agent) < MAX_POSITIONS);
        Self(u64::from(sub) << 44 | u64::from(agent) << 24 | u64::from(size) << 8 | u64::from(epoch))
    }

    pub(super) const fn sub(self) -> u32 {
        (self.0 >> 44) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "20 bits of it")]
    pub(super) const fn agent(self) -> u32 {
        (self.0 >> 24) as u32 % MAX_POSITIONS
    }

    /// The id of the size.
    #[expect(clippy::cast_possible_truncation, reason = "16 bits of it")]
    pub(super) const fn size(self) -> u16 {
        (self.0 >> 8) as u16
    }

    /// The subscription's epoch.
    #[expect(clippy::cast_possible_truncation, reason = "8 bits of it")]
    pub(super) const fn epoch(self) -> u8 {
        self.0 as u8
    }
}

/// The tick in which a filter ends: the moment, rounded up.
pub(super) fn tick(now_ms: u64, until_ms: u64) -> u64 {
    let ticks = until_ms.saturating_sub(now_ms) / TICK_MS;
    let coarser = (u64::BITS - ticks.leading_zeros()).saturating_sub(FINEST_BITS);
    (until_ms.div_ceil(TICK_MS).div_ceil(1 << coarser) << coarser).saturating_mul(TICK_MS)
}

const CHUNK: usize = 256;
type Chunk = Box<[Entry; CHUNK]>;

/// What is due in one tick.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    chunks: VecDeque<Chunk>,
    /// How many entries the last chunk has. The others are full.
    in_last: usize,
}

impl Bucket {
    fn len(&self) -> usize {
        (self.chunks.len() * CHUNK + self.in_last).saturating_sub(CHUNK)
    }

    /// All its entries, oldest first, chunk by chunk.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &[Entry]> {
        let full = self.chunks.len().saturating_sub(1);
        let len = move |at| if at == full { self.in_last } else { CHUNK };
        self.chunks.iter().enumerate().map(move |(at, chunk)| &chunk[..len(at)])
    }

    /// Adds an entry; whether it took a chunk.
    fn push(&mut self, entry: Entry, spare: &mut Vec<Chunk>) -> bool {
        let is_full = self.chunks.is_empty() || self.in_last == CHUNK;
        if is_full {
            self.chunks.push_back(spare.pop().unwrap_or_else(|| Box::new([Entry::default(); CHUNK])));
            self.in_last = 0;
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk[self.in_last] = entry;
            self.in_last += 1;
        }
        is_full
    }

    /// Takes the oldest chunk out, and how many entries it has.
    fn pop(&mut self) -> Option<(Chunk, usize)> {
        let chunk = self.chunks.pop_front()?;
        let len = if self.chunks.is_empty() { core::mem::take(&mut self.in_last) } else { CHUNK };
        Some((chunk, len))
    }
}

/// How many empty chunks are kept for the next.
const SPARE: usize = 64;

/// The ends of all filters.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    /// The bucket of each tick.
    ticks: BTreeMap<u64, usize>,
    buckets: Vec<Bucket>,
    /// Buckets of no tick.
    unused: Vec<usize>,
    spare: Vec<Chunk>,
    entries: usize,
    /// The tick of the last entry, and its bucket: mostly that of the next as well.
    last: Option<(u64, usize)>,
    /// The tick that the sweep is in, and how many of its chunks are left.
    sweep: (u64, usize),
}

impl Wheel {
    /// How many entries there are, stale ones with them.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// The first tick.
    pub(super) fn first(&self) -> Option<u64> {
        Some(*self.ticks.first_key_value()?.0)
    }

    /// Adds an entry; whether it took a chunk.
    pub(super) fn push(&mut self, tick: u64, entry: Entry) -> bool {
        let at = match self.last {
            Some((last, at)) if last == tick => at,
            _ => self.bucket(tick),
        };
        self.last = Some((tick, at));
        self.entries += 1;
        self.buckets[at].push(entry, &mut self.spare)
    }

    fn bucket(&mut self, tick: u64) -> usize {
        if let Some(at) = self.ticks.get(&tick) {
            return *at;
        }
        let at = self.unused.pop().unwrap_or(self.buckets.len());
        if at == self.buckets.len() {
            self.buckets.push(Bucket::default());
        }
        self.ticks.insert(tick, at);
        at
    }

    fn remove(&mut self, tick: u64) -> Bucket {
        self.last = None;
        let at = self.ticks.remove(&tick);
        self.unused.extend(at);
        at.map_or_else(Bucket::default, |at| core::mem::take(&mut self.buckets[at]))
    }

    /// Takes the first tick that is due out.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<Bucket> {
        let first = self.first().filter(|first| *first <= now_ms)?;
        let bucket = self.remove(first);
        self.entries -= bucket.len();
        Some(bucket)
    }

    /// Takes a bucket's memory back.
    pub(super) fn give(&mut self, bucket: Bucket) {
        let room = SPARE.saturating_sub(self.spare.len());
        self.spare.extend(bucket.chunks.into_iter().take(room));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        while let Some(bucket) = self.take_due(u64::MAX) {
            self.give(bucket);
        }
    }

    /// Drops the entries of one chunk that are not kept, and goes on to the next.
    pub(super) fn sweep(&mut self, keep: impl Fn(Entry) -> bool) {
        let Some((tick, at)) = self.next_to_sweep() else { return };
        let bucket = &mut self.buckets[at];
        let Some((chunk, len)) = bucket.pop() else { return };
        for entry in chunk[..len].iter().copied() {
            if keep(entry) {
                bucket.push(entry, &mut self.spare);
            } else {
                self.entries -= 1;
            }
        }
        if self.spare.len() < SPARE {
            self.spare.push(chunk);
        }
        if self.buckets[at].chunks.is_empty() {
            self.remove(tick);
        }
    }

    fn next_to_sweep(&mut self) -> Option<(u64, usize)> {
        let (tick, left) = self.sweep;
        let here = self.ticks.get(&tick).filter(|_| left > 0).map(|at| (tick, *at));
        if let Some(here) = here {
            self.sweep = (tick, left - 1);
            return Some(here);
        }
        let behind = self.ticks.range(tick.saturating_add(1)..).next();
        let (tick, at) = behind.or_else(|| self.ticks.first_key_value()).map(|(tick, at)| (*tick, *at))?;
        self.sweep = (tick, self.buckets[at].chunks.len() - 1);
        Some((tick, at))
    }

    /// All entries with their ticks, the first tick's first.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        self.ticks.iter().flat_map(|(tick, at)| self.buckets[*at].chunks().flatten().map(|entry| (*tick, *entry)))
    }

    /// What is due, tick by tick.
    #[cfg(test)]
    pub(super) fn ticks(&self) -> impl Iterator<Item = &Bucket> {
        self.ticks.values().map(|at| &self.buckets[*at])
    }

    /// The bytes on the heap. What the tree takes it does not show: it is taken for half empty.
    pub(super) fn bytes(&self) -> usize {
        let chunks = self.spare.len() + self.buckets.iter().map(|bucket| bucket.chunks.len()).sum::<usize>();
        let lists = self.spare.capacity() + self.buckets.iter().map(|bucket| bucket.chunks.capacity()).sum::<usize>();
        chunks * size_of::<[Entry; CHUNK]>()
            + lists * size_of::<Chunk>()
            + self.buckets.capacity() * size_of::<Bucket>()
            + self.unused.capacity() * size_of::<usize>()
            + self.ticks.len() * 2 * size_of::<(u64, usize)>()
    }
}
