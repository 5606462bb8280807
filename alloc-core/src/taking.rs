//! Taking: the words of one claim taken one after the other, and given back in reverse.
//!
//! The claim's record says what there is to take (see [`record`](crate::record), rule 4); this guard counts how far it came.
//! Dropped before [`Taking::keep`], by a refusal half-way or a panic, it gives back exactly what was taken. A release is
//! the same guard started at the end.

use crate::agent::Machine;
use crate::extras::words;
use crate::leaf::PuState;
use crate::part::Part;
use crate::pooling;
use crate::record::OpenRecord;
use crate::sync;

/// How far the words of a record were taken.
#[derive(Debug)]
pub(crate) struct Taking<'a> {
    machine: &'a Machine,
    record: OpenRecord<'a>,
    /// Parts taken whole.
    taken: u16,
    /// The next part is memory, and its seat is taken.
    seated: bool,
    /// Whether this is a claim being made, whose undo others may have to know of.
    making: bool,
    /// Whether a pool may gain cores for a share; a restored share has to find its room.
    may_grow: bool,
    pools_changed: bool,
}

impl<'a> Taking<'a> {
    /// Nothing of the record was taken yet.
    pub(crate) fn start(machine: &'a Machine, record: OpenRecord<'a>) -> Self {
        Self { machine, record, taken: 0, seated: false, making: true, may_grow: true, pools_changed: false }
    }

    /// As [`Taking::start`], for a claim that exists already: pools are as they are.
    pub(crate) fn start_exact(machine: &'a Machine, record: OpenRecord<'a>) -> Self {
        let mut taking = Self::start(machine, record);
        taking.may_grow = false;
        taking
    }

    /// All of the record was taken, and is to be given back.
    pub(crate) fn finish(machine: &'a Machine, mut record: OpenRecord<'a>) -> Self {
        record.discard();
        Self {
            machine,
            taken: record.len(),
            record,
            seated: false,
            making: false,
            may_grow: false,
            pools_changed: false,
        }
    }

    /// Takes every part, in canonical order; false as soon as one is not to be had.
    #[must_use]
    pub(crate) fn take_all(&mut self) -> bool {
        while self.taken < self.record.len() {
            if !self.take(self.record.part(self.taken)) {
                return false;
            }
            self.taken += 1;
            self.seated = false;
        }
        true
    }

    /// The part that was not to be had.
    pub(crate) fn stopped_at(&self) -> Part {
        self.record.part(self.taken)
    }

    fn take(&mut self, part: Part) -> bool {
        match part {
            Part::Empty => true,
            Part::Cores { leaf, pus, .. } => self.machine.leaf(leaf).shift(pus, PuState::Free, PuState::Held),
            Part::Share { pool, cpu_milli, .. } if self.may_grow => {
                pooling::commit(self.machine, pool, cpu_milli, &mut self.pools_changed)
            }
            Part::Share { pool, cpu_milli, .. } => self.machine.pool(pool).commit(cpu_milli),
            Part::Memory { numa_node, seat, pages } => {
                let memory = &self.machine.memory[numa_node.index()];
                self.seated = memory.enter(seat);
                self.seated && memory.take(pages)
            }
            extra => words::take(self.machine, extra),
        }
    }

    /// Gives back what was taken, last first. Progress is counted step by step, so a panic in between is taken up by drop.
    fn give_back(&mut self) {
        while self.taken > 0 || self.seated {
            if !self.seated {
                self.taken -= 1;
                self.give(self.record.part(self.taken));
            }
            if self.seated {
                if let Part::Memory { numa_node, seat, .. } = self.record.part(self.taken) {
                    self.machine.memory[numa_node.index()].leave(seat);
                }
                self.seated = false;
            }
        }
    }

    fn give(&mut self, part: Part) {
        match part {
            Part::Empty => {}
            Part::Cores { leaf, pus, .. } => self.machine.leaf(leaf).put(pus, PuState::Free),
            Part::Share { pool, cpu_milli, .. } => {
                self.machine.pool(pool).uncommit(cpu_milli);
                self.pools_changed |= pooling::trim(self.machine, pool);
            }
            Part::Memory { numa_node, pages, .. } => {
                self.machine.memory[numa_node.index()].give(pages);
                self.seated = true;
            }
            extra => words::give(self.machine, extra),
        }
    }

    /// Gives everything back; true when pools changed.
    pub(crate) fn undo(mut self) -> bool {
        self.give_back_counted();
        self.pools_changed
    }

    fn give_back_counted(&mut self) {
        let _calm = sync::calm();
        let undone = self.making && (self.taken > 0 || self.seated || self.pools_changed);
        self.give_back();
        if undone {
            self.machine.count_undone();
        }
    }

    /// Keeps what was taken and makes the record a claim; true when pools changed.
    pub(crate) fn keep(mut self) -> bool {
        (self.taken, self.seated, self.making) = (0, false, false);
        self.record.publish();
        self.pools_changed
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.give_back_counted();
    }
}
