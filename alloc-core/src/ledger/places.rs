//! Places: where what a claim holds is counted: which place of [`Amounts`] each word of a shape belongs to.

use super::resources::Resources;
use crate::MILLI_PER_PU;
use crate::amounts::{Amounts, CPU_MILLI, PAGES};
use crate::extras::exact::what;
use crate::extras::{ExtraWord, Millis};
use crate::ids::NumaNodeId;
use crate::part::Part;
use crate::quantity::{PAGE_BYTES, Quantities};
use crate::reason::Resource;
use crate::shape::Shape;

/// The places of one shape's words.
#[derive(Debug)]
pub(crate) struct Places {
    /// By NUMA node: of ordinary memory, or of special memory of its kind.
    memory: Box<[usize]>,
    /// By position in the list of its extra words.
    words: Box<[usize]>,
}

/// What roles are charged for on machines of a shape, besides CPU and memory. Some may be named more than once.
pub(crate) fn resources_of(shape: &Shape) -> Vec<Resource> {
    let numa_nodes = (0..shape.numa_nodes()).map(|numa_node| of_memory(shape, numa_node));
    let words = shape.extras.words().iter().map(|(word, _)| Resource::of(what(shape, *word)));
    let mut all: Vec<Resource> = Vec::new();
    for resource in numa_nodes.chain(words) {
        if all.last() != Some(&resource) {
            all.push(resource);
        }
    }
    all
}

fn of_memory(shape: &Shape, numa_node: usize) -> Resource {
    let kind = u16::try_from(numa_node).map_or(0, |at| shape.extras.kind(NumaNodeId::new(at)));
    if kind == 0 { Resource::MemBytes } else { Resource::SpecialMemory(kind) }
}

impl Places {
    /// Of a shape whose resources are numbered; `None` when one is not.
    pub(crate) fn new(shape: &Shape, resources: &Resources) -> Option<Self> {
        let numa_nodes = (0..shape.numa_nodes()).map(|numa_node| resources.place(of_memory(shape, numa_node)));
        let words = shape.extras.words().iter().map(|(word, _)| resources.place(Resource::of(what(shape, *word))));
        Some(Self { memory: numa_nodes.collect::<Option<_>>()?, words: words.collect::<Option<_>>()? })
    }
}

/// The places of a shape, with the shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChargePlaces<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) places: &'a Places,
}

impl ChargePlaces<'_> {
    /// Where memory of a NUMA node is counted, in pages.
    pub(crate) fn of_memory(self, numa_node: NumaNodeId) -> usize {
        self.places.memory.get(numa_node.index()).copied().unwrap_or(PAGES)
    }

    /// Adds what a claim is charged for a part.
    #[inline]
    pub(crate) fn add(self, sum: &mut Amounts, part: Part) {
        let (place, more) = match part {
            Part::Empty | Part::Member { .. } => return,
            Part::Cores { pus, .. } => (CPU_MILLI, u64::from(pus.count_ones()) * u64::from(MILLI_PER_PU)),
            Part::Share { cpu_milli, .. } => (CPU_MILLI, u64::from(cpu_milli)),
            Part::Memory { numa_node, pages, .. } => (self.of_memory(numa_node), pages),
            Part::Extra { word, amount } => match amounts_of(self, word, amount) {
                Some(more) => more,
                None => return,
            },
        };
        sum.0[place] = sum.0[place].saturating_add(more);
    }

    /// What a claim of these parts is charged.
    #[inline]
    pub(crate) fn sum(self, parts: impl Iterator<Item = Part>) -> Amounts {
        let mut sum = Amounts::ZERO;
        parts.for_each(|part| self.add(&mut sum, part));
        sum
    }
}

/// Where an amount of an extra word is counted, and how much it is: huge pages in pages of their size, disk in blocks of
/// [`PAGE_BYTES`], devices and scalars in thousandths, numbers and items one by one. `None` for a word that the shape has nothing of.
pub(crate) fn amounts_of(of: ChargePlaces<'_>, word: ExtraWord, amount: u64) -> Option<(usize, u64)> {
    let place = *of.places.words.get(of.shape.extras.position(word)?)?;
    let quantity = match word {
        ExtraWord::Huge(..) | ExtraWord::Counter(_) => amount,
        ExtraWord::Devices(_) => Millis::from_bits(amount).iter().map(|(_, milli)| u64::from(milli)).sum(),
        ExtraWord::Bits(_) => u64::from(amount.count_ones()),
    };
    Some((place, quantity))
}

impl Amounts {
    /// CPU, then pages.
    #[inline]
    pub(crate) const fn cpu_and_pages(&self) -> [u64; 2] {
        [self.0[CPU_MILLI], self.0[PAGES]]
    }

    /// Whether there is anything of another resource.
    #[inline]
    pub(crate) fn has_extras(&self) -> bool {
        self.0[PAGES + 1..].iter().any(|amount| *amount > 0)
    }

    /// CPU and memory of it.
    #[inline]
    pub(crate) const fn quantities(&self) -> Quantities {
        Quantities { cpu_milli: self.0[CPU_MILLI], mem_bytes: self.0[PAGES].saturating_mul(PAGE_BYTES) }
    }
}
