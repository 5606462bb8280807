//! Machines for tests: their shapes, and their words without a table.

use crate::Shape;
use crate::agents::Agents;
use crate::index::Index;
use crate::machine;
use crate::sync::{self, Line, Zeroed};

pub(crate) use crate::tests::machines::{Machine, spec};

impl Machine {
    pub(crate) fn shape(self) -> Shape {
        Shape::new(&self.spec()).unwrap()
    }
}

/// A machine's words without a table.
#[derive(Debug)]
pub(crate) struct Loose {
    shape: Shape,
    lines: Zeroed<Line>,
    index: Index,
}

impl Loose {
    pub(crate) fn new(shape: Shape) -> Self {
        let lines = shape.lines();
        let index = Index::new(lines * crate::block::POSITIONS_PER_LINE);
        let loose = Self { shape, lines: sync::zeroed(lines as usize), index };
        loose.machine().write_fresh();
        loose.machine().tell_index();
        loose
    }

    /// The planes of agents, of which there is one, at line 0.
    pub(crate) const fn agents(&self) -> &Agents {
        &self.index.agents
    }

    pub(crate) fn machine(&self) -> machine::Machine<'_> {
        machine::Machine::new(&self.shape, sync::words_of(&self.lines), &self.index, 0)
    }
}
