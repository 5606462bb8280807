//! Filters: who does not want which agent's offers until when.
//!
//! A *subscription* (a framework in a role) that declines an offer of an agent gets a filter: it is shown nothing of that agent that
//! is covered by what it refused, until a moment of its choice. Subscriptions and agents are positions below 2^20 that the caller
//! gives out; a position may be used again once `remove_sub` or `remove_agent` was called.
//!
//! Rule 1: a pair may have several filters (two offers of one agent, both declined). Each ends at its own time; one is enough to block.
//! Rule 2: filters are about what the agent has *now*: whenever it has more than before, and when less than it has was refused,
//! the caller tells [`Filters::grew`], which drops the filters that do not cover it. What is left blocks, until the next growth, all
//! that is offered: so the search looks at bits only.
//! Rule 3: a pair's bit in the subscription's row is set as long as it has a filter; so is the subscription's bit in the column of each
//! size that it refused of the agent.
//! Rule 4: each filter has one entry in the [`wheel`]; an entry ends the filter that it was made for only. It names the size's id,
//! a new one whenever the agent gets a size, and the subscription's epoch, a new one whenever it is revived: that leaves sizes which
//! others refused as well. Both wrap: an entry left over from exactly 65,536 sizes of its agent ago, or 256 revivals, may end a younger
//! filter early: an offer too many, never one too few.
//! Rule 5: when the entries are half as many again as the filters, each new chunk of entries brings a sweep of stale ones.
//!
//! Bytes: 8 for the entry, a bit in the row, a bit in each column of the agent, 32 and the amounts for each size of an agent.

mod bits;
mod columns;
mod shown;
mod size;
#[cfg(test)]
mod tests;
mod wheel;

use columns::Columns;
pub(crate) use shown::Shown;
use size::Size;
use wheel::{Entry, Wheel};

/// How many stale entries are left alone whatever the number of filters. Few in tests, so that they sweep.
const FEW: usize = if cfg!(test) { 16 } else { 4096 };
/// How many chunks are swept for each one that is taken: more than one, or the sweep would never come to an end.
const SWEPT: usize = 4;

/// One subscription's filters.
#[derive(Debug, Default)]
struct Row {
    /// A bit per agent.
    agents: Vec<u64>,
    /// How often its filters were dropped, modulo 256.
    epoch: u8,
}

/// All filters.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    rows: Vec<Row>,
    agents: Vec<Columns>,
    wheel: Wheel,
    len: usize,
}

impl Filters {
    /// Makes a filter, which begins at once. `false` when there is none to make: no time is left, or more sizes were refused of this
    /// agent than are kept; then offers go on as if nothing had been asked for.
    ///
    /// It ends in the first tick at `until_ms` or behind it: ticks are 100 ms apart, for longer durations up to a 32nd of the duration.
    pub(crate) fn refuse(&mut self, sub: u32, agent: u32, refused: &Shown<'_>, now_ms: u64, until_ms: u64) -> bool {
        if until_ms <= now_ms {
            return false;
        }
        self.make_room(sub, agent);
        // Room for all who ever refused anything: columns seldom become longer.
        let column_words = bits::words(self.rows.len());
        let (row, columns) = (&mut self.rows[sub as usize], &mut self.agents[agent as usize]);
        let Some(size) = columns.add(sub, refused, column_words) else { return false };
        if bits::add(&mut row.agents, agent) {
            columns.block();
        }
        self.len += 1;
        if self.wheel.push(wheel::tick(now_ms, until_ms), Entry::new(sub, agent, size, row.epoch)) {
            self.sweep();
        }
        true
    }

    fn make_room(&mut self, sub: u32, agent: u32) {
        assert!(sub.max(agent) < wheel::MAX_POSITIONS, "subscription {sub} or agent {agent} is out of range");
        if sub as usize >= self.rows.len() {
            self.rows.resize_with(sub as usize + 1, Row::default);
        }
        if agent as usize >= self.agents.len() {
            self.agents.resize_with(agent as usize + 1, Columns::default);
        }
        let row = &mut self.rows[sub as usize].agents;
        if bits::word(agent) >= row.len() {
            row.resize(bits::words(self.agents.len()), 0);
        }
    }

    /// Drops stale entries, a few at a time, while there are too many.
    fn sweep(&mut self) {
        for _ in 0..SWEPT {
            if self.wheel.len() > self.len + self.len / 2 + FEW {
                let Self { rows, agents, wheel, .. } = self;
                wheel.sweep(|entry| is_live(rows, agents, entry));
            }
        }
    }

    /// The agents that a subscription filters, a bit each; words at the end may be missing.
    pub(crate) fn row(&self, sub: u32) -> &[u64] {
        self.rows.get(sub as usize).map_or(&[], |row| &row.agents)
    }

    /// Whether a subscription filters an agent.
    pub(crate) fn has(&self, sub: u32, agent: u32) -> bool {
        bits::has(self.row(sub), agent)
    }

    /// How many subscriptions filter an agent.
    pub(crate) fn filtered_by(&self, agent: u32) -> u32 {
        self.agents.get(agent as usize).map_or(0, Columns::filtered_by)
    }

    /// The subscriptions that filter an agent, a bit each; words at the end may be missing.
    pub(crate) fn column(&self, agent: u32) -> impl Iterator<Item = u64> + '_ {
        self.agents.get(agent as usize).into_iter().flat_map(Columns::words)
    }

    /// An agent has come to have so much to offer: drops the filters that do not cover it, and tells whose was the last.
    pub(crate) fn grew(&mut self, agent: u32, now: &Shown<'_>, mut opened: impl FnMut(u32)) {
        let mut from = 0;
        while let Some((at, size)) =
            self.agents.get_mut(agent as usize).and_then(|columns| columns.take_outgrown(from, now))
        {
            self.drop_size(agent, &size, &mut opened);
            from = at;
        }
        self.settle();
    }

    /// An agent is gone, or is another one (its attributes changed), and its filters with it.
    pub(crate) fn remove_agent(&mut self, agent: u32) {
        while let Some(size) = self.agents.get_mut(agent as usize).and_then(Columns::take_any) {
            self.drop_size(agent, &size, &mut |_| {});
        }
        self.settle();
    }

    /// The filters of a size that was taken out of its agent's.
    fn drop_size(&mut self, agent: u32, size: &Size, opened: &mut impl FnMut(u32)) {
        let columns = &mut self.agents[agent as usize];
        self.len -= size.filters() as usize;
        for sub in bits::all(size.column()) {
            if !columns.has(sub) {
                bits::remove(&mut self.rows[sub as usize].agents, agent);
                columns.unblock();
                opened(sub);
            }
        }
    }

    /// Drops all of a subscription's filters.
    pub(crate) fn revive(&mut self, sub: u32) {
        let Some(row) = self.rows.get_mut(sub as usize) else { return };
        let before = self.len;
        for (at, word) in row.agents.iter_mut().enumerate() {
            for agent in bits::of_word(at, core::mem::take(word)) {
                let columns = &mut self.agents[agent as usize];
                self.len -= columns.remove_all_of(sub);
                columns.unblock();
            }
        }
        // Who had none has no entry that a filter to come could be mistaken for.
        if self.len != before {
            row.epoch = row.epoch.wrapping_add(1);
        }
        self.settle();
    }

    /// A subscription is gone, and its filters with it.
    pub(crate) fn remove_sub(&mut self, sub: u32) {
        self.revive(sub);
        if let Some(row) = self.rows.get_mut(sub as usize) {
            row.agents = Vec::new();
        }
    }

    /// Ends what is due, and tells of the pairs that have no filter any longer.
    pub(crate) fn expire(&mut self, now_ms: u64, mut opened: impl FnMut(u32, u32)) {
        while let Some(bucket) = self.wheel.take_due(now_ms) {
            for entry in bucket.chunks().flatten() {
                if self.end(*entry) {
                    opened(entry.sub(), entry.agent());
                }
            }
            self.wheel.give(bucket);
        }
        self.settle();
    }

    /// Ends an entry's filter; whether it was its pair's last.
    fn end(&mut self, entry: Entry) -> bool {
        let (row, columns) = (&mut self.rows[entry.sub() as usize], &mut self.agents[entry.agent() as usize]);
        if row.epoch != entry.epoch() {
            return false;
        }
        let Some(has_more) = columns.remove(entry.sub(), entry.size()) else { return false };
        self.len -= 1;
        if !has_more {
            bits::remove(&mut row.agents, entry.agent());
            columns.unblock();
        }
        !has_more
    }

    /// Without filters, all entries are stale.
    fn settle(&mut self) {
        if self.len == 0 {
            self.wheel.clear();
        }
    }

    /// When to call [`expire`](Self::expire) next: never later than the first filter ends, but what ends then may have ended before.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.wheel.first()
    }

    /// Until when a subscription filters an agent, if nothing happens before. Looks at every entry: for who asks why.
    pub(crate) fn until(&self, sub: u32, agent: u32) -> Option<u64> {
        let is_of = |entry: Entry| entry.sub() == sub && entry.agent() == agent;
        let mut live = self.wheel.all().filter(|(_, entry)| is_of(*entry) && is_live(&self.rows, &self.agents, *entry));
        // The first tick comes first.
        let mut last = live.next()?.0;
        live.for_each(|(tick, _)| last = tick);
        Some(last)
    }

    /// How many filters there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let rows: usize = self.rows.iter().map(|row| row.agents.capacity() * size_of::<u64>()).sum();
        let columns: usize = self.agents.iter().map(Columns::bytes).sum();
        let lists = self.rows.capacity() * size_of::<Row>() + self.agents.capacity() * size_of::<Columns>();
        rows + columns + lists + self.wheel.bytes()
    }
}

/// Whether an entry's filter is there.
fn is_live(rows: &[Row], agents: &[Columns], entry: Entry) -> bool {
    rows[entry.sub() as usize].epoch == entry.epoch()
        && agents[entry.agent() as usize].has_size(entry.sub(), entry.size())
}
