//! What a hold takes of the extras: all that is free.

use crate::extras::spec::HugeSize;
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
    for numa_node in usable_together.iter() {
        for size in HugeSize::ALL {
            put(Part::Huge { numa_node, size, pages: stock.huge(numa_node, size) }, sink)?;
        }
    }
    for word in (0..).take(layout.device_words()) {
        put(Part::Devices { word, millis: stock.devices(word) }, sink)?;
    }
    for (counter, _) in (0..).zip(layout.counters()) {
        put(Part::Counter { counter, amount: stock.counter(counter) }, sink)?;
    }
    for word in (0..).take(layout.bit_words()) {
        put(Part::Bits { word, bits: stock.bits(word) }, sink)?;
    }
    Ok(())
}

fn put(part: Part, sink: &mut impl Sink) -> Result<(), Lack> {
    if !part.is_nothing() {
        sink.put(part)?;
    }
    Ok(())
}
