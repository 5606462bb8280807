//! What a hold takes of the extras: all that is free.

use crate::extras::word::ExtraWord;
use crate::ids::NumaNodeId;
use crate::memory::Seat;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Sink};
use crate::stock::Stock;

/// Plans everything that is free, with the huge pages of NUMA nodes whose memory one task could use together.
pub(crate) fn plan(usable_together: NodeSet, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let layout = &stock.shape().extras;
    for (at, _) in (0..).zip(stock.shape().pages()) {
        let numa_node = NumaNodeId::new(at);
        if layout.kind(numa_node) != 0 {
            put(Part::Memory { numa_node, seat: Seat::Held, pages: stock.pages(numa_node) }, sink)?;
        }
    }
    let usable = |word: &ExtraWord| !matches!(*word, ExtraWord::Huge(numa_node, _) if !usable_together.has(numa_node));
    for word in layout.words().iter().map(|(word, _)| *word).filter(usable) {
        put(Part::Extra { word, amount: stock.extra(word) }, sink)?;
    }
    Ok(())
}

fn put(part: Part, sink: &mut impl Sink) -> Result<(), Lack> {
    if !part.is_nothing() {
        sink.put(part)?;
    }
    Ok(())
}
