//! Agents: which of a shard's agents have how much as a whole, for requests that no single leaf serves.
//!
//! An agent stands at the first line of its block (a number that stays the block's for ever). There is a set of lines, a **plane**,
//! per *family* and class, and two more:
//!
//! | plane | the agent |
//! |---|---|
//! | active | takes new claims |
//! | grown | may have more than its classes say |
//! | free c | has PUs of class c free, all together |
//! | whole c | the same, in cores that are wholly free |
//! | together c | the same, in the NUMA node that has most of them |
//! | pages c | has memory of class c free, all together |
//! | cpu c | has so much CPU, in pools or free, all together; of agents with devices |
//! | devices c | has so many devices of one kind that nobody has touched |
//! | split c | has so much left of a device of which others have a part |
//!
//! **Classes tell too much, never too little.** A claim tells nothing, so that it costs nothing: it leaves the agent at a class too
//! high, and the search that comes by puts it right. Growth must be told, and is by a single bit: who gave something back looks
//! whether the agent is grown, and sets it only if it is not. So a release costs a load, and the sums over an agent's words are
//! made by who searches. A claim of a part of a device is growth as well: what it leaves of the device may be the most there is.
//!
//! Rule 1: growth is a SeqCst change of a word of the agent, followed by a SeqCst load of grown; if that is clear, it is set.
//! Rule 2: who takes an agent out of a plane reads its words after that, and puts it into the plane of what it read, always.
//! Rule 3: who takes an agent out of grown does a SeqCst fence before it reads, and puts it into the planes of all families.
//!
//! Why no growth is lost: let `W` be the last to take the agent out of grown, at a moment at which it stays out. Each growth `G` of
//! a word loads (or sets) grown afterwards, and found it set, before `W` cleared it; so in the one order of SeqCst operations G comes
//! before W's fence, and W's reading sees it. Behind the last growth a word only shrinks, so W read at least what is there at rest, and the
//! plane it puts the agent into is high enough. Who takes it out of that plane sees through the bit what W saw, reads at least as
//! much, and puts it in again (rule 2).
//!
//! Between out and in the agent is in no plane of the family: a search that comes by at that moment does not find it, and a thread
//! that stalls there hides it; `place` walks over all agents before it says no.

use core::ops::Range;

use crate::MILLI_PER_PU;
use crate::bitmaps::{ACTIVE, Bitmaps};
use crate::leaf::PuState;
use crate::machine::Machine;
use crate::sync::{self, Line, Ordering, fence};
use crate::toll;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// PUs that are free.
    Free,
    /// PUs in cores that are wholly free.
    Whole,
    /// The same, in the NUMA node that has most.
    Together,
    /// Units of memory.
    Pages,
    /// [CPU that shares could have](toll::cpu_milli), in PUs, rounded up.
    Cpu,
    /// Devices of one kind that nobody has touched.
    Devices,
    /// [Parts](split_parts) left of one device that others have a part of.
    Split,
}

const FAMILIES: [Family; 7] =
    [Family::Free, Family::Whole, Family::Together, Family::Pages, Family::Cpu, Family::Devices, Family::Split];
const GROWN: usize = 0;
const FIRST: usize = 2;
/// Up to 7 each its own class, then four to each power of two. Few under loom, which makes every word of every run anew.
const CLASSES: u32 = if cfg!(loom) { 3 } else { 44 };
/// Of devices, of which agents have few, and of CPU, of which much is enough.
const FEW_CLASSES: u32 = if cfg!(loom) { 3 } else { 16 };
const PLANES: usize = plane(Family::Split, FEW_CLASSES);
/// Memory is counted in units of so many pages, as a power of two: 512 MiB.
const UNIT: u32 = ((1_u64 << 29) / crate::PAGE_BYTES).ilog2();

impl Family {
    const fn classes(self) -> u32 {
        if self as u32 >= Self::Cpu as u32 { FEW_CLASSES } else { CLASSES }
    }

    /// The class of an amount; `None` for nothing.
    pub(crate) const fn class_of(self, amount: u32) -> Option<u32> {
        let class = match amount {
            0 => return None,
            1..=7 => amount - 1,
            _ => 7 + (amount.ilog2() - 3) * 4 + (amount >> (amount.ilog2() - 2) & 3),
        };
        let last = self.classes() - 1;
        Some(if class < last { class } else { last })
    }

    /// The classes in which there may be so much or more.
    pub(crate) fn classes_from(self, amount: u32) -> Range<u32> {
        self.class_of(amount).unwrap_or(0)..self.classes()
    }
}

/// Memory in units, rounded down.
pub(crate) fn units(pages: u64) -> u32 {
    u32::try_from(pages >> UNIT).unwrap_or(u32::MAX)
}

/// CPU in PUs, rounded up.
pub(crate) fn pus_up(cpu_milli: u64) -> u32 {
    u32::try_from(cpu_milli.div_ceil(u64::from(MILLI_PER_PU))).unwrap_or(u32::MAX)
}

/// Thousandths of a split device, in steps of 50, rounded up: who has enough is in the class asked for or above.
pub(crate) const fn split_parts(milli: u16) -> u32 {
    milli.div_ceil(50) as u32
}

const fn plane(family: Family, class: u32) -> usize {
    let (large, few) = if (family as usize) < Family::Cpu as usize {
        (family as usize, 0)
    } else {
        (Family::Cpu as usize, family as usize - Family::Cpu as usize)
    };
    FIRST + large * CLASSES as usize + few * FEW_CLASSES as usize + class as usize
}

/// What an agent has free, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// PUs.
    pub(crate) free: u32,
    /// PUs in cores that are wholly free.
    pub(crate) whole: u32,
    /// The same, in the NUMA node that has most.
    pub(crate) together: u32,
    /// Pages of the NUMA nodes that serve everybody.
    pub(crate) pages: u64,
    /// CPU that shares could have, in thousandths of a PU; of agents with devices.
    pub(crate) cpu_milli: u64,
    /// Devices of one kind that nobody has touched, of the kind with most.
    pub(crate) devices: u32,
    /// The most thousandths left of a device that others have a part of.
    pub(crate) split_milli: u16,
}

impl Figures {
    /// Adds up an agent's words, one after the other.
    pub(crate) fn of(machine: &Machine<'_>) -> Self {
        let mut figures = Self::default();
        let (mut at, mut here) = (None, 0);
        for (leaf, place) in (0..).zip(machine.shape.block.leaf_places()) {
            let free = machine.leaf(leaf).mask(PuState::Free) & place.bits.all();
            let whole = place.bits.whole(free).count_ones();
            figures.free += free.count_ones();
            figures.whole += whole;
            // Leaves are in order of NUMA nodes.
            (at, here) = (Some(place.numa_node), if at == Some(place.numa_node) { here + whole } else { whole });
            figures.together = figures.together.max(here);
        }
        figures.pages = toll::pages(machine);
        if !machine.shape.extras.groups.is_empty() {
            figures.add_devices(machine);
        }
        figures
    }

    /// What is asked of agents that have devices only.
    fn add_devices(&mut self, machine: &Machine<'_>) {
        self.cpu_milli = toll::cpu_milli(machine);
        let (mut kind, mut here) = (None, 0);
        // Groups are in order of kinds.
        for group in &machine.shape.extras.groups {
            here = if kind == Some(group.kind) { here } else { 0 };
            kind = Some(group.kind);
            for word in group.words.clone() {
                let millis = machine.devices(word);
                here += u32::from(millis.untouched());
                self.split_milli = self.split_milli.max(millis.most_split());
            }
            self.devices = self.devices.max(here);
        }
    }

    /// How much of a family.
    pub(crate) fn amount(&self, family: Family) -> u32 {
        match family {
            Family::Free => self.free,
            Family::Whole => self.whole,
            Family::Together => self.together,
            Family::Pages => units(self.pages),
            Family::Cpu => pus_up(self.cpu_milli),
            Family::Devices => self.devices,
            Family::Split => split_parts(self.split_milli),
        }
    }

    fn class(&self, family: Family) -> Option<u32> {
        family.class_of(self.amount(family))
    }
}

/// Which agents a search is content with, as far as the planes tell: a word of 64 agents at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sieve {
    /// With CPU of so many PUs.
    pub(crate) pus: Option<u32>,
    /// Without untouched devices, and with less than so many parts of a split one.
    pub(crate) bare: Option<u32>,
}

/// The planes of one shard.
#[derive(Debug)]
pub(crate) struct Agents {
    sets: Bitmaps,
}

impl Agents {
    /// For so many lines, all planes empty.
    pub(crate) fn new(lines: u32) -> Self {
        Self { sets: Bitmaps::new(lines, PLANES) }
    }

    /// All its lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[Line]> {
        self.sets.lines()
    }

    /// Whether an agent takes new claims. Under the table's lock.
    pub(crate) fn set_active(&self, line: u32, active: bool) {
        if active { self.sets.add(ACTIVE, line) } else { self.sets.remove(ACTIVE, line) }
    }

    /// Something of an agent was given back, by a SeqCst change before this (rule 1).
    #[inline(always)]
    pub(crate) fn grew(&self, line: u32) {
        sync::fence_in_models();
        // SeqCst: stands in the one order of such operations between the growth and, if it reads "set", the next clear.
        if self.sets.word(GROWN, line).load(Ordering::SeqCst) >> (line % 64) & 1 == 0 {
            self.set_grown(line);
        }
    }

    #[cold]
    fn set_grown(&self, line: u32) {
        let _calm = sync::calm();
        self.sets.add(GROWN, line);
    }

    /// The next agent that may have grown, from a line on.
    pub(crate) fn next_grown(&self, from: u32) -> Option<u32> {
        self.sets.next(GROWN, from)
    }

    /// The next agent that is shown in a class and passes a sieve, from a line on.
    pub(crate) fn next(&self, family: Family, class: u32, mut from: u32, sieve: Sieve) -> Option<u32> {
        let plane = plane(family, class);
        loop {
            let found = self.sets.next(plane, from)?;
            if sieve == Sieve::default() {
                return Some(found);
            }
            let any = |family, amount| self.shown_from(family, amount, found);
            let mut bits = self.sets.active(plane, found);
            if let Some(pus) = sieve.pus {
                bits &= any(Family::Cpu, pus);
            }
            if let Some(parts) = sieve.bare {
                bits &= !(any(Family::Devices, 1) | any(Family::Split, parts));
            }
            if bits != 0 {
                return Some(found / 64 * 64 + bits.trailing_zeros());
            }
            from = (found / 64 + 1) * 64;
        }
    }

    /// The agents of a line's word that are shown with so much or more.
    fn shown_from(&self, family: Family, amount: u32, line: u32) -> u64 {
        family.classes_from(amount).fold(0, |shown, class| shown | self.shown(family, class, line))
    }

    /// The word of a class that an agent's bit is in.
    fn shown(&self, family: Family, class: u32, line: u32) -> u64 {
        // Acquire: pairs with the Release half of `Bitmaps::add`.
        self.sets.word(plane(family, class), line).load(Ordering::Acquire)
    }

    /// Whether an agent is shown with so much or more.
    pub(crate) fn is_shown(&self, family: Family, amount: u32, line: u32) -> bool {
        self.shown_from(family, amount, line) >> (line % 64) & 1 == 1
    }

    /// Looks at an agent that has grown.
    pub(crate) fn settle_grown(&self, line: u32, machine: &Machine<'_>) -> Figures {
        let _calm = sync::calm();
        self.sets.remove(GROWN, line);
        // SeqCst: rule 3; pairs with the SeqCst change and load of whoever finds the agent grown already.
        fence(Ordering::SeqCst);
        let figures = Figures::of(machine);
        FAMILIES.iter().for_each(|family| self.show(*family, line, &figures));
        figures
    }

    /// Looks at an agent that is shown in a class, and puts it right if it is of another.
    pub(crate) fn look(&self, family: Family, class: u32, line: u32, machine: &Machine<'_>) -> Figures {
        let figures = Figures::of(machine);
        if figures.class(family) == Some(class) {
            figures
        } else {
            self.settle(family, class..class + 1, line, machine)
        }
    }

    /// Takes an agent out of classes of a family, and puts it into the right one.
    #[cold]
    pub(crate) fn settle(&self, family: Family, classes: Range<u32>, line: u32, machine: &Machine<'_>) -> Figures {
        let _calm = sync::calm();
        // Relaxed: what is not in a plane need not be taken out.
        let is_in =
            |class: &u32| self.sets.word(plane(family, *class), line).load(Ordering::Relaxed) >> (line % 64) & 1 == 1;
        classes.filter(is_in).for_each(|class| self.sets.remove(plane(family, class), line));
        let figures = Figures::of(machine);
        self.show(family, line, &figures);
        figures
    }

    fn show(&self, family: Family, line: u32, figures: &Figures) {
        if let Some(class) = figures.class(family) {
            self.sets.add(plane(family, class), line);
        }
    }

    /// For the check of everything, at rest: whether a search finds all that an agent has.
    pub(crate) fn has(&self, line: u32, machine: &Machine<'_>) -> bool {
        let figures = Figures::of(machine);
        let shown = |family: &Family| {
            figures
                .class(*family)
                .is_none_or(|class| (class..family.classes()).any(|at| self.sets.has(plane(*family, at), line)))
        };
        self.sets.has(GROWN, line) || FAMILIES.iter().all(shown)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn classes_rise_and_the_highest_takes_the_rest() {
        let class_of = |amount| Family::Free.class_of(amount);
        let classes: Vec<u32> = (1..=5000).filter_map(class_of).collect();
        assert!(classes.is_sorted() && classes.len() == 5000);
        assert_eq!(
            [1, 7, 8, 9, 10, 15, 16, 19, 20, 48, 4096].map(class_of).map(Option::unwrap),
            [0, 6, 7, 7, 8, 10, 11, 11, 12, 17, 43]
        );
        assert_eq!((class_of(0), class_of(u32::MAX)), (None, Some(CLASSES - 1)));
    }
}
